// SPDX-License-Identifier: GPL-2.0
/*
 * mmap() of exports. Pages are put in when they are touched, so that a revocation can take them
 * away for good: whoever touches them afterwards gets SIGBUS. What makes a mapping write combining
 * on x86 is the memory type that export.c reserved for the BAR: vmf_insert_pfn() takes the type
 * from there, whatever vm_page_prot says. Where the kernel can mark huge entries of the page tables
 * as having no struct page behind them (6.12 on), 2 MiB are put in at once if addresses allow it.
 * Not 1 GiB: a mapping that is split there makes 6.12 take the device's memory behind that entry
 * for a page table (vma_adjust_trans_huge() knows of the smaller entries only).
 */
#include <linux/mm.h>

#include "../compat/dma_buf.h"
#include "../compat/file.h"
#include "gpupt.h"

/* Where @size bytes of the export at an offset are, in one piece; false if they are not. */
static bool piece_at(const struct gpupt_buffer *buffer, u64 offset, u64 size, unsigned long *pfn)
{
	unsigned int i;

	for (i = 0; i < buffer->n_extents; i++) {
		if (offset < buffer->extent[i].size) {
			*pfn = PHYS_PFN(buffer->extent[i].start + offset);
			return size <= buffer->extent[i].size - offset;
		}
		offset -= buffer->extent[i].size;
	}
	return false;
}

static void count_fault(struct gpupt_buffer *buffer, vm_fault_t ret)
{
	gpupt_count(buffer->fn, ret == VM_FAULT_SIGBUS ? GPUPT_STAT_faults_refused :
							 GPUPT_STAT_faults);
}

static vm_fault_t fault(struct vm_fault *vmf)
{
	struct gpupt_buffer *buffer = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	unsigned long pfn;

	down_read(&buffer->map_lock);
	if (!buffer->revoked &&
	    piece_at(buffer, (u64)vmf->pgoff << PAGE_SHIFT, PAGE_SIZE, &pfn))
		ret = vmf_insert_pfn(vmf->vma, vmf->address, pfn);
	up_read(&buffer->map_lock);
	count_fault(buffer, ret);
	return ret;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/* Who gets VM_FAULT_FALLBACK comes back for less. */
static vm_fault_t huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct gpupt_buffer *buffer = vmf->vma->vm_private_data;
	struct vm_area_struct *vma = vmf->vma;
	unsigned long address = vmf->address & PMD_MASK;
	vm_fault_t ret = VM_FAULT_FALLBACK;
	unsigned long pfn;
	u64 offset;

	if (order != PMD_ORDER || address < vma->vm_start || vma->vm_end - address < PMD_SIZE)
		return ret;
	offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) + (address - vma->vm_start);
	down_read(&buffer->map_lock);
	if (buffer->revoked)
		ret = VM_FAULT_SIGBUS;
	else if (piece_at(buffer, offset, PMD_SIZE, &pfn) && IS_ALIGNED(pfn, PMD_SIZE / PAGE_SIZE))
		/* one that a dirty tracker had put in read-only is made writable */
		ret = vmf_insert_pfn_pmd(vmf, pfn, vmf->flags & FAULT_FLAG_WRITE);
	up_read(&buffer->map_lock);
	if (ret == VM_FAULT_FALLBACK)
		return ret;
	count_fault(buffer, ret);
	if (ret == VM_FAULT_NOPAGE)
		gpupt_count(buffer->fn, GPUPT_STAT_faults_huge);
	return ret;
}

/*
 * A fork looks at its parent's huge entries before it takes their lock: one that a revocation takes
 * away in between would be the child's for good. So it finds none: nobody can put one in meanwhile,
 * as the parent's mmap lock is held, and both fault again.
 */
static void open(struct vm_area_struct *vma)
{
	if (vma->vm_mm == current->mm)
		return;
	unmap_mapping_range(vma->vm_file->f_mapping, (loff_t)vma->vm_pgoff << PAGE_SHIFT,
			    vma->vm_end - vma->vm_start, 1);
}
#endif

static const struct vm_operations_struct vm_ops = {
	.fault = fault,
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	.huge_fault = huge_fault,
	.open = open,
#endif
};

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
