// SPDX-License-Identifier: GPL-2.0
/*
 * Drives the DMA engine that the lab's stand-ins for RDMA NICs have (tests/lab/dma-engine.h), as an
 * importer of dma-bufs: of every kind that there is, and of one that never lets go. An open file
 * has one import; what belongs to it is guarded by the dma-buf's reservation, as the notification
 * runs with that held.
 */
#include <linux/delay.h>
#include <linux/dma-resv.h>
#include <linux/interrupt.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat/dma_buf.h"
#include "lab_dma.h"

import_dma_buf_symbols();

#define REG_STATUS	0x04
#define REG_FROM	0x08
#define REG_TO		0x10
#define REG_BYTES	0x18
#define REG_CONTROL	0x1c
#define REG_TURNS	0x20
#define REG_DELAY	0x24
#define STATUS_BUSY	1
#define STATUS_END	8
#define START_STOP	2
#define START		5	/* and interrupt at the end */
#define WAIT_MS		5000

/* struct engine - a function; @gone and what follows under @lock */
struct engine {
	struct kref refs;
	struct pci_dev *pdev;
	struct miscdevice misc;
	char name[32];
	char nodename[32];
	spinlock_t lock; /* not taken by the interrupt; held while the registers are used */
	bool gone;
	void __iomem *regs;
	void *bounce;
	dma_addr_t bounce_at;
	wait_queue_head_t done;
	unsigned int interrupts;
};

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

static void engine_free(struct kref *refs)
{
	kfree(container_of(refs, struct engine, refs));
}

/* With the reservation. */
static void unmap(struct import *import)
{
	if (import->table)
		dma_buf_unmap_attachment(import->attach, import->table, DMA_BIDIRECTIONAL);
	import->table = NULL;
}

/* A device that is told to let go stops what it does. */
static void stop_engine(struct engine *e)
{
	spin_lock(&e->lock);
	if (!e->gone)
		writel(START_STOP, e->regs + REG_CONTROL);
	spin_unlock(&e->lock);
}

static void invalidate(struct dma_buf_attachment *attach)
{
	struct import *import = attach->importer_priv;

	import->invalidated++;
	if (import->kind == LAB_DMA_STUBBORN)
		return;
	if (import->table)
		stop_engine(import->engine);
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
	stop_engine(import->engine);
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

static void set64(struct engine *e, unsigned int reg, u64 value)
{
	writel(lower_32_bits(value), e->regs + reg);
	writel(upper_32_bits(value), e->regs + reg + 4);
}

/* With the reservation: nobody takes the mapping away before the engine has started. */
static int start(struct import *import, const struct lab_dma_copy *copy)
{
	struct engine *e = import->engine;
	dma_addr_t there;
	bool in = copy->flags & LAB_DMA_WRITE;
	int ret = 0;

	if (!import->table)
		return -ENODEV;
	there = address(import->table, copy->offset, copy->length);
	if (!there)
		return -ERANGE;
	spin_lock(&e->lock);
	if (e->gone) {
		ret = -ENODEV;
	} else if (readl(e->regs + REG_STATUS) & STATUS_BUSY) {
		ret = -EBUSY;
	} else {
		set64(e, REG_FROM, in ? e->bounce_at : there);
		set64(e, REG_TO, in ? there : e->bounce_at);
		writel(copy->length, e->regs + REG_BYTES);
		writel(copy->turns, e->regs + REG_TURNS);
		writel(copy->delay_us, e->regs + REG_DELAY);
		writel(START, e->regs + REG_CONTROL);
	}
	spin_unlock(&e->lock);
	return ret;
}

static u32 status_of(struct engine *e)
{
	u32 status = 0;

	spin_lock(&e->lock);
	if (!e->gone)
		status = readl(e->regs + REG_STATUS);
	spin_unlock(&e->lock);
	return status;
}

static long do_copy(struct import *import, void __user *arg)
{
	struct engine *e = import->engine;
	struct lab_dma_copy copy;
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
	if (!wait_event_timeout(e->done, !(status_of(e) & STATUS_BUSY),
				msecs_to_jiffies(WAIT_MS)))
		return -ETIMEDOUT;
	if (status_of(e) >> STATUS_END)
		return -EIO;
	if (!(copy.flags & LAB_DMA_WRITE) &&
	    copy_to_user(u64_to_user_ptr(copy.data), e->bounce, copy.length))
		return -EFAULT;
	return 0;
}

static long do_status(struct import *import, void __user *arg)
{
	struct lab_dma_status status = { .invalidated = import->invalidated };
	u32 engine = status_of(import->engine);

	if (import->dmabuf)
		dma_resv_lock(import->dmabuf->resv, NULL);
	if (import->table) {
		status.mapped = 1;
		status.segments = import->table->nents;
		status.address = sg_dma_address(import->table->sgl);
	}
	if (import->dmabuf)
		dma_resv_unlock(import->dmabuf->resv);
	status.busy = engine & STATUS_BUSY;
	status.end = engine >> STATUS_END;
	status.interrupts = READ_ONCE(import->engine->interrupts);
	return copy_to_user(arg, &status, sizeof(status)) ? -EFAULT : 0;
}

static long do_unmap(struct import *import)
{
	if (!import->attach)
		return -ENOENT;
	stop_engine(import->engine);
	if (import->kind == LAB_DMA_STATIC)
		return -EOPNOTSUPP;
	dma_resv_lock(import->dmabuf->resv, NULL);
	unmap(import);
	dma_resv_unlock(import->dmabuf->resv);
	return 0;
}

/* With the mmap lock: what the caller's page tables say of an address; 0: nothing. */
static u64 pte_of(struct mm_struct *mm, unsigned long address)
{
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(*pgd))
		return 0;
	p4d = p4d_offset(pgd, address);
	if (p4d_none(*p4d))
		return 0;
	pud = pud_offset(p4d, address);
	if (pud_none(*pud))
		return 0;
	pmd = pmd_offset(pud, address);
	if (pmd_none(*pmd) || pmd_val(*pmd) & _PAGE_PSE)
		return 0;
	return pte_val(*pte_offset_kernel(pmd, address));
}

static long do_pte(void __user *arg)
{
	struct lab_dma_pte in;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	mmap_read_lock(current->mm);
	in.pte = pte_of(current->mm, in.address);
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
	kref_get(&e->refs);
	import->engine = e;
	mutex_init(&import->lock);
	file->private_data = import;
	return 0;
}

static int lab_release(struct inode *inode, struct file *file)
{
	struct import *import = file->private_data;

	release_import(import);
	kref_put(&import->engine->refs, engine_free);
	kfree(import);
	return 0;
}

static const struct file_operations lab_fops = {
	.owner = THIS_MODULE,
	.open = lab_open,
	.release = lab_release,
	.unlocked_ioctl = lab_ioctl,
};

static irqreturn_t interrupt(int irq, void *data)
{
	struct engine *e = data;

	WRITE_ONCE(e->interrupts, e->interrupts + 1);
	wake_up_all(&e->done);
	return IRQ_HANDLED;
}

static int start_function(struct engine *e)
{
	struct pci_dev *pdev = e->pdev;
	int ret = pcim_enable_device(pdev);

	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	pci_set_master(pdev);
	e->regs = pcim_iomap(pdev, 0, 0);
	e->bounce = dmam_alloc_coherent(&pdev->dev, LAB_DMA_BOUNCE, &e->bounce_at, GFP_KERNEL);
	if (!e->regs || !e->bounce)
		return -ENOMEM;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	ret = request_irq(pci_irq_vector(pdev, 0), interrupt, 0, e->name, e);
	if (ret)
		pci_free_irq_vectors(pdev);
	return ret;
}

static int lab_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct engine *e = kzalloc(sizeof(*e), GFP_KERNEL);
	int ret;

	if (!e)
		return -ENOMEM;
	kref_init(&e->refs);
	e->pdev = pdev;
	spin_lock_init(&e->lock);
	init_waitqueue_head(&e->done);
	snprintf(e->name, sizeof(e->name), "labdma-%s", pci_name(pdev));
	snprintf(e->nodename, sizeof(e->nodename), "labdma/%s", pci_name(pdev));
	ret = start_function(e);
	if (ret)
		goto fail;
	e->misc.minor = MISC_DYNAMIC_MINOR;
	e->misc.name = e->name;
	e->misc.nodename = e->nodename;
	e->misc.mode = 0600;
	e->misc.fops = &lab_fops;
	ret = misc_register(&e->misc);
	if (ret) {
		free_irq(pci_irq_vector(pdev, 0), e);
		pci_free_irq_vectors(pdev);
		goto fail;
	}
	pci_set_drvdata(pdev, e);
	return 0;
fail:
	kref_put(&e->refs, engine_free);
	return ret;
}

static void lab_remove(struct pci_dev *pdev)
{
	struct engine *e = pci_get_drvdata(pdev);

	misc_deregister(&e->misc);
	spin_lock(&e->lock);
	writel(START_STOP, e->regs + REG_CONTROL);
	e->gone = true;
	spin_unlock(&e->lock);
	free_irq(pci_irq_vector(pdev, 0), e);
	pci_free_irq_vectors(pdev);
	wake_up_all(&e->done);
	kref_put(&e->refs, engine_free);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x15b3, 0x101e) },
	{}
};

static struct pci_driver lab_driver = {
	.name = "lab_dma",
	.id_table = ids,
	.probe = lab_probe,
	.remove = lab_remove,
};
module_pci_driver(lab_driver);

MODULE_DESCRIPTION("The lab's DMA engine as an importer of dma-bufs (for tests)");
MODULE_LICENSE("GPL");
