// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/labdma/ADDRESS: an engine as an importer of dma-bufs, of every kind that there is, and of
 * one that never lets go. An open file has one import; what belongs to it is guarded by the
 * dma-buf's reservation, as the notification runs with that held.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat/dma_buf.h"
#include "engine.h"

import_dma_buf_symbols();

/* struct import - an open file; @lock is outside of the reservation and the engine's lock */
struct import {
	struct engine *engine;
	struct mutex lock;
	unsigned int kind;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *table;
	bool pinned;
	unsigned int invalidated;
};

/* With the reservation. */
static void unmap(struct import *import)
{
	if (import->table)
		dma_buf_unmap_attachment(import->attach, import->table, DMA_BIDIRECTIONAL);
	import->table = NULL;
}

static void invalidate(struct dma_buf_attachment *attach)
{
	struct import *import = attach->importer_priv;

	import->invalidated++;
	if (import->kind == LAB_DMA_STUBBORN)
		return;
	if (import->table)
		import->engine->ops->stop(import->engine);
	unmap(import);
}

static const struct dma_buf_attach_ops p2p_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = invalidate,
};

static const struct dma_buf_attach_ops pages_ops = {
	.invalidate_mappings = invalidate,
};

/* Who pins cannot be told: newer kernels know by the missing callback, older ones want a dummy. */
#ifndef HAVE_DMA_BUF_INVALIDATE_MAPPINGS
static void nothing(struct dma_buf_attachment *attach)
{
}
#endif

static const struct dma_buf_attach_ops pinned_ops = {
	.allow_peer2peer = true,
#ifndef HAVE_DMA_BUF_INVALIDATE_MAPPINGS
	.invalidate_mappings = nothing,
#endif
};

static const struct dma_buf_attach_ops *ops_of(unsigned int kind)
{
	switch (kind) {
	case LAB_DMA_NO_P2P:
		return &pages_ops;
	case LAB_DMA_PINNED:
		return &pinned_ops;
	default:
		return &p2p_ops;
	}
}

static int release_import(struct import *import)
{
	struct dma_buf *dmabuf = import->dmabuf;

	if (!dmabuf)
		return -ENOENT;
	import->engine->ops->stop(import->engine);
	if (import->attach) {
		if (import->kind == LAB_DMA_STATIC) {
			if (import->table)
				dma_buf_unmap_attachment_unlocked(import->attach, import->table,
								  DMA_BIDIRECTIONAL);
			import->table = NULL;
		} else {
			dma_resv_lock(dmabuf->resv, NULL);
			unmap(import);
			if (import->pinned)
				dma_buf_unpin(import->attach);
			dma_resv_unlock(dmabuf->resv);
		}
		dma_buf_detach(dmabuf, import->attach);
	}
	dma_buf_put(dmabuf);
	import->attach = NULL;
	import->dmabuf = NULL;
	import->pinned = false;
	return 0;
}

static long do_import(struct import *import, void __user *arg)
{
	struct lab_dma_import in;
	struct dma_buf_attachment *attach;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	if (import->dmabuf)
		return -EBUSY;
	import->dmabuf = dma_buf_get(in.fd);
	if (IS_ERR(import->dmabuf)) {
		long ret = PTR_ERR(import->dmabuf);

		import->dmabuf = NULL;
		return ret;
	}
	import->kind = in.kind;
	import->invalidated = 0;
	if (in.kind == LAB_DMA_STATIC)
		attach = dma_buf_attach(import->dmabuf, &import->engine->pdev->dev);
	else
		attach = dma_buf_dynamic_attach(import->dmabuf, &import->engine->pdev->dev,
						ops_of(in.kind), import);
	if (IS_ERR(attach)) {
		release_import(import);
		return PTR_ERR(attach);
	}
	import->attach = attach;
	return 0;
}

static long do_map(struct import *import)
{
	struct sg_table *table;
	int ret = 0;

	if (!import->attach)
		return -ENOENT;
	if (import->kind == LAB_DMA_STATIC) {
		table = dma_buf_map_attachment_unlocked(import->attach, DMA_BIDIRECTIONAL);
		if (!IS_ERR(table))
			import->table = table;
		return PTR_ERR_OR_ZERO(table);
	}
	dma_resv_lock(import->dmabuf->resv, NULL);
	if (import->kind == LAB_DMA_PINNED && !import->pinned) {
		ret = dma_buf_pin(import->attach);
		import->pinned = !ret;
	}
	if (!ret && !import->table) {
		table = dma_buf_map_attachment(import->attach, DMA_BIDIRECTIONAL);
		ret = PTR_ERR_OR_ZERO(table);
		if (!ret)
			import->table = table;
	}
	dma_resv_unlock(import->dmabuf->resv);
	return ret;
}

/* The device's address of an offset, for that many bytes; 0 when there is none. */
static dma_addr_t address(struct sg_table *table, u64 offset, u32 length)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(table, sg, i) {
		if (offset < sg_dma_len(sg))
			return length <= sg_dma_len(sg) - offset ? sg_dma_address(sg) + offset : 0;
		offset -= sg_dma_len(sg);
	}
	return 0;
}

/* With the reservation: nobody takes the mapping away before the engine has started. */
static int start(struct import *import, const struct lab_dma_copy *copy)
{
	struct engine *e = import->engine;
	dma_addr_t there;
	bool in = copy->flags & LAB_DMA_WRITE;

	if (!import->table)
		return -ENODEV;
	there = address(import->table, copy->offset, copy->length);
	if (!there)
		return -ERANGE;
	return e->ops->start(e, in ? e->bounce_at : there, in ? there : e->bounce_at, copy);
}

static long do_copy(struct import *import, void __user *arg)
{
	struct engine *e = import->engine;
	struct lab_dma_copy copy;
	u32 end;
	int ret;

	if (copy_from_user(&copy, arg, sizeof(copy)))
		return -EFAULT;
	if (!import->dmabuf || copy.length > LAB_DMA_BOUNCE)
		return -EINVAL;
	if (copy.flags & LAB_DMA_WRITE &&
	    copy_from_user(e->bounce, u64_to_user_ptr(copy.data), copy.length))
		return -EFAULT;
	dma_resv_lock(import->dmabuf->resv, NULL);
	ret = start(import, &copy);
	dma_resv_unlock(import->dmabuf->resv);
	if (ret || copy.flags & LAB_DMA_ASYNC)
		return ret;
	if (!wait_event_timeout(e->done, !e->ops->status(e, &end),
				msecs_to_jiffies(e->ops->wait_ms)))
		return -ETIMEDOUT;
	if (end)
		return -EIO;
	if (!(copy.flags & LAB_DMA_WRITE) &&
	    copy_to_user(u64_to_user_ptr(copy.data), e->bounce, copy.length))
		return -EFAULT;
	return 0;
}

static long do_status(struct import *import, void __user *arg)
{
	struct lab_dma_status status = { .invalidated = import->invalidated };

	if (import->dmabuf)
		dma_resv_lock(import->dmabuf->resv, NULL);
	if (import->table) {
		status.mapped = 1;
		status.segments = import->table->nents;
		status.address = sg_dma_address(import->table->sgl);
	}
	if (import->dmabuf)
		dma_resv_unlock(import->dmabuf->resv);
	status.busy = import->engine->ops->status(import->engine, &status.end);
	status.interrupts = READ_ONCE(import->engine->interrupts);
	return copy_to_user(arg, &status, sizeof(status)) ? -EFAULT : 0;
}

static long do_unmap(struct import *import)
{
	if (!import->attach)
		return -ENOENT;
	import->engine->ops->stop(import->engine);
	if (import->kind == LAB_DMA_STATIC)
		return -EOPNOTSUPP;
	dma_resv_lock(import->dmabuf->resv, NULL);
	unmap(import);
	dma_resv_unlock(import->dmabuf->resv);
	return 0;
}

/* With the mmap lock: what the caller's page tables say of an address. */
static void find_entry(struct mm_struct *mm, struct lab_dma_pte *out)
{
	unsigned long address = out->address;
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(*pgd))
		return;
	p4d = p4d_offset(pgd, address);
	if (p4d_none(*p4d))
		return;
	pud = pud_offset(p4d, address);
	if (pud_none(*pud))
		return;
	out->level = 3;
	out->pte = pud_val(*pud);
	if (out->pte & _PAGE_PSE)
		return;
	pmd = pmd_offset(pud, address);
	out->level = 2;
	out->pte = pmd_val(*pmd);
	if (pmd_none(*pmd)) {
		out->level = 0;
	} else if (!(out->pte & _PAGE_PSE)) {
		out->level = 1;
		out->pte = pte_val(*pte_offset_kernel(pmd, address));
	}
}

static long do_pte(void __user *arg)
{
	struct lab_dma_pte in;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	in.pte = 0;
	in.level = 0;
	mmap_read_lock(current->mm);
	find_entry(current->mm, &in);
	mmap_read_unlock(current->mm);
	return copy_to_user(arg, &in, sizeof(in)) ? -EFAULT : 0;
}

static long lab_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct import *import = file->private_data;
	long ret = -ENOTTY;

	mutex_lock(&import->lock);
	switch (cmd) {
	case LAB_DMA_IMPORT:
		ret = do_import(import, (void __user *)arg);
		break;
	case LAB_DMA_MAP:
		ret = do_map(import);
		break;
	case LAB_DMA_COPY:
		ret = do_copy(import, (void __user *)arg);
		break;
	case LAB_DMA_STATUS:
		ret = do_status(import, (void __user *)arg);
		break;
	case LAB_DMA_UNMAP:
		ret = do_unmap(import);
		break;
	case LAB_DMA_RELEASE:
		ret = release_import(import);
		break;
	case LAB_DMA_PTE:
		ret = do_pte((void __user *)arg);
		break;
	}
	mutex_unlock(&import->lock);
	return ret;
}

static int lab_open(struct inode *inode, struct file *file)
{
	struct engine *e = container_of(file->private_data, struct engine, misc);
	struct import *import = kzalloc(sizeof(*import), GFP_KERNEL);

	if (!import)
		return -ENOMEM;
	lab_engine_get(e);
	import->engine = e;
	mutex_init(&import->lock);
	file->private_data = import;
	return 0;
}

static int lab_release(struct inode *inode, struct file *file)
{
	struct import *import = file->private_data;

	release_import(import);
	lab_engine_put(import->engine);
	kfree(import);
	return 0;
}

const struct file_operations lab_dma_fops = {
	.owner = THIS_MODULE,
	.open = lab_open,
	.release = lab_release,
	.unlocked_ioctl = lab_ioctl,
};
