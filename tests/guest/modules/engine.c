// SPDX-License-Identifier: GPL-2.0
/* The PCI driver of functions with a DMA engine: the lab's RDMA NICs, and QEMU's edu. */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "engine.h"

static void engine_free(struct kref *refs)
{
	kfree(container_of(refs, struct engine, refs));
}

void lab_engine_get(struct engine *e)
{
	kref_get(&e->refs);
}

void lab_engine_put(struct engine *e)
{
	kref_put(&e->refs, engine_free);
}

static irqreturn_t interrupt(int irq, void *data)
{
	struct engine *e = data;

	WRITE_ONCE(e->interrupts, e->interrupts + 1);
	if (e->ops->interrupt)
		e->ops->interrupt(e);
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
	if (e->ops->setup)
		e->ops->setup(e);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, e->ops->msi);
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
	e->ops = id->driver_data ? &edu_engine_ops : &lab_engine_ops;
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
	e->misc.fops = &lab_dma_fops;
	ret = misc_register(&e->misc);
	if (ret) {
		free_irq(pci_irq_vector(pdev, 0), e);
		pci_free_irq_vectors(pdev);
		goto fail;
	}
	pci_set_drvdata(pdev, e);
	return 0;
fail:
	lab_engine_put(e);
	return ret;
}

static void lab_remove(struct pci_dev *pdev)
{
	struct engine *e = pci_get_drvdata(pdev);

	misc_deregister(&e->misc);
	e->ops->stop(e);
	spin_lock(&e->lock);
	e->gone = true;
	spin_unlock(&e->lock);
	/* Who came between the two. */
	e->ops->stop(e);
	free_irq(pci_irq_vector(pdev, 0), e);
	pci_free_irq_vectors(pdev);
	wake_up_all(&e->done);
	lab_engine_put(e);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x15b3, 0x101e) },
	{ PCI_DEVICE(0x1234, 0x11e8), .driver_data = 1 },
	{}
};

static struct pci_driver lab_driver = {
	.name = "lab_dma",
	.id_table = ids,
	.probe = lab_probe,
	.remove = lab_remove,
};
module_pci_driver(lab_driver);

MODULE_DESCRIPTION("DMA engines of emulated devices as importers of dma-bufs (for tests)");
MODULE_LICENSE("GPL");
