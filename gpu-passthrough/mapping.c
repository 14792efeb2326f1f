// SPDX-License-Identifier: GPL-2.0
/*
 * mmap() of exports. Pages are put in one by one when they are touched, so that a revocation can
 * take them away for good: whoever touches them afterwards gets SIGBUS. What makes a mapping write
 * combining on x86 is the memory type that export.c reserved for the BAR: vmf_insert_pfn() takes
 * the type from there, whatever vm_page_prot says.
 */
#include <linux/mm.h>

#include "../compat/dma_buf.h"
#include "../compat/file.h"
#include "gpupt.h"

/* The page of the export at an offset; false beyond its end. */
static bool page_at(const struct gpupt_buffer *buffer, u64 offset, unsigned long *pfn)
{
	unsigned int i;

	for (i = 0; i < buffer->n_extents; i++) {
		if (offset < buffer->extent[i].size) {
			*pfn = PHYS_PFN(buffer->extent[i].start + offset);
			return true;
		}
		offset -= buffer->extent[i].size;
	}
	return false;
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	struct gpupt_buffer *buffer = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	unsigned long pfn;

	down_read(&buffer->map_lock);
	if (!buffer->revoked && page_at(buffer, (u64)vmf->pgoff << PAGE_SHIFT, &pfn))
		ret = vmf_insert_pfn(vmf->vma, vmf->address, pfn);
	up_read(&buffer->map_lock);
	gpupt_count(buffer->fn, ret == VM_FAULT_SIGBUS ? GPUPT_STAT_faults_refused :
							 GPUPT_STAT_faults);
	return ret;
}

static const struct vm_operations_struct vm_ops = { .fault = fault };

/**
 * gpupt_mmap() - struct dma_buf_ops.mmap
 * @dmabuf: an export
 * @vma: lies within its size
 *
 * Context: process, mmap lock held.
 *
 * Return: 0, -ENODEV when revoked, -EINVAL for a private mapping.
 */
int gpupt_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct gpupt_buffer *buffer = dmabuf->priv;

	/*
	 * A private one would have to be copied on the first write. A shared one of who may only
	 * read has no VM_SHARED either, but this.
	 */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (READ_ONCE(buffer->revoked)) {
		gpupt_count(buffer->fn, GPUPT_STAT_refused_revoked);
		return -ENODEV;
	}
	vma->vm_page_prot = buffer->flags & GPUPT_EXPORT_WC ?
				    pgprot_writecombine(vma->vm_page_prot) :
				    pgprot_noncached(vma->vm_page_prot);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = buffer; /* the file keeps it */
	vma->vm_ops = &vm_ops;
	return 0;
}
