// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI driver. It has no table of ids: a function comes to it by driver_override only. It
 * programs nothing and lets the function master no bus; all it does is hold the prefetchable BARs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cc_platform.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/security.h>
#include <asm/mshyperv.h>

#include "gpupt.h"

#define MSIX_ENTRY	16u
#define MSIX_PENDING	8u	/* bytes for 64 vectors */

/* Pages of @bar that hold @bytes of the table or pending bits that @reg tells of. */
static void mark_msix(struct gpupt_function *fn, unsigned int which, u32 reg, u64 bytes)
{
	unsigned int n = reg & PCI_MSIX_TABLE_BIR;
	u64 start = reg & ~(u32)PCI_MSIX_TABLE_BIR;

	if (n >= GPUPT_BARS)
		return;
	fn->bar[n].msix[which].start = round_down(start, PAGE_SIZE);
	fn->bar[n].msix[which].end = round_up(start + bytes, PAGE_SIZE);
}

static void find_msix(struct gpupt_function *fn)
{
	struct pci_dev *pdev = fn->pdev;
	u32 table = 0, pending = 0;
	u16 control = 0;
	unsigned int n;

	if (!pdev->msix_cap)
		return;
	pci_read_config_word(pdev, pdev->msix_cap + PCI_MSIX_FLAGS, &control);
	pci_read_config_dword(pdev, pdev->msix_cap + PCI_MSIX_TABLE, &table);
	pci_read_config_dword(pdev, pdev->msix_cap + PCI_MSIX_PBA, &pending);
	n = (control & PCI_MSIX_FLAGS_QSIZE) + 1;
	mark_msix(fn, 0, table, n * MSIX_ENTRY);
	mark_msix(fn, 1, pending, DIV_ROUND_UP(n, 64) * MSIX_PENDING);
}

static bool exportable(struct pci_dev *pdev, unsigned int n)
{
	unsigned long flags = pci_resource_flags(pdev, n);

	return flags & IORESOURCE_MEM && flags & IORESOURCE_PREFETCH &&
	       !(flags & IORESOURCE_UNSET) &&
	       PAGE_ALIGNED(pci_resource_start(pdev, n) | pci_resource_len(pdev, n));
}

static int take_bars(struct gpupt_function *fn)
{
	struct pci_dev *pdev = fn->pdev;
	unsigned int n;
	int ret;

	for (n = 0; n < GPUPT_BARS; n++) {
		if (!exportable(pdev, n))
			continue;
		ret = pci_request_region(pdev, n, KBUILD_MODNAME);
		if (ret)
			return ret;
		fn->bar[n].start = pci_resource_start(pdev, n);
		fn->bar[n].size = pci_resource_len(pdev, n);
	}
	return 0;
}

/* Whoever still has an export has nothing of the BARs any more: it was revoked. */
static void give_bars(struct gpupt_function *fn)
{
	unsigned int n;

	mutex_lock(&fn->lock);
	for (n = 0; n < GPUPT_BARS; n++) {
		struct gpupt_bar *bar = &fn->bar[n];

		if (bar->users[1])
			arch_io_free_memtype_wc(bar->start, bar->size);
		if (bar->size)
			pci_release_region(fn->pdev, n);
	}
	memset(fn->bar, 0, sizeof(fn->bar));
	/* Their releases find no list, and no memory type, to leave. */
	while (!list_empty(&fn->buffers))
		list_del_init(fn->buffers.next);
	mutex_unlock(&fn->lock);
}

/* Everything that was exported is taken back, and whoever has the device file open is told so. */
static void unclaim(struct gpupt_function *fn)
{
	mutex_lock(&fn->lock);
	WRITE_ONCE(fn->claimed, false);
	mutex_unlock(&fn->lock);
	gpupt_event(fn, GPUPT_EVENT_QUIESCE, 0);
	gpupt_revoke(fn);
	gpupt_event(fn, GPUPT_EVENT_REMOVED, 0);
}

static int claim(struct gpupt_function *fn)
{
	int ret = pci_enable_device_mem(fn->pdev);

	if (ret)
		return ret;
	ret = take_bars(fn);
	if (ret)
		goto failed;
	find_msix(fn);
	WRITE_ONCE(fn->removed, false);
	fn->quiesced = 0;
	/* who has it open from the last time sees what was found above as well */
	mutex_lock(&fn->lock);
	WRITE_ONCE(fn->claimed, true);
	mutex_unlock(&fn->lock);
	ret = gpupt_chardev_start(fn);
	if (!ret)
		return 0;
	unclaim(fn); /* who has it open from the last time may have made exports already */
failed:
	give_bars(fn);
	pci_disable_device(fn->pdev);
	return ret;
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct gpupt_function *fn;
	int ret;

	/* The shared bit of an address is not set by dma_map_resource(). */
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT) || hv_is_isolation_supported()) {
		pci_err(pdev, "not in a confidential VM\n");
		return -EOPNOTSUPP;
	}
	if (security_locked_down(LOCKDOWN_PCI_ACCESS))
		return -EPERM;
	fn = gpupt_function_get(pdev);
	if (!fn)
		return -ENOMEM;
	ret = claim(fn);
	if (ret) {
		gpupt_function_drop(fn);
		return ret;
	}
	pci_set_drvdata(pdev, fn);
	return 0;
}

static void remove(struct pci_dev *pdev)
{
	struct gpupt_function *fn = pci_get_drvdata(pdev);

	unclaim(fn);
	gpupt_chardev_stop(fn);
	give_bars(fn);
	pci_disable_device(pdev);
	gpupt_function_drop(fn);
}

struct pci_driver gpupt_driver = {
	.name = KBUILD_MODNAME,
	.probe = probe,
	.remove = remove,
};
