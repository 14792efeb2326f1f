// SPDX-License-Identifier: GPL-2.0
/*
 * The root complex: configuration space by ECAM (PCI Express 5.0 section 7.2.2), BARs as regions
 * of the machine's memory bus. No bridges, no INTx, no I/O space: nothing here needs them.
 */
#include <errno.h>
#include <string.h>

#include "acpi.h"
#include "log.h"
#include "pci.h"

#define SLOTS		      32
#define ECAM_SLOT(offset)     ((offset) >> 15)
#define ECAM_FUNCTION(offset) (((offset) >> 12) & 7)
#define ECAM_REGISTER(offset) ((offset) & 0xfff)

static struct pci_function *slots[SLOTS];
static bool present;

static struct pci_function *at(uint64_t offset)
{
	uint64_t slot = ECAM_SLOT(offset);

	return slot < SLOTS && !ECAM_FUNCTION(offset) ? slots[slot] : NULL;
}

static void ecam_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len, void *data)
{
	struct pci_function *fn = at(offset);
	uint32_t value;

	memset(data, 0xff, len);
	if (!fn || len > sizeof(value))
		return;
	value = pci_config_read(fn, ECAM_REGISTER(offset), len);
	memcpy(data, &value, len);
}

static void ecam_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
		       const void *data)
{
	struct pci_function *fn = at(offset);
	uint32_t value = 0;

	if (!fn || len > sizeof(value))
		return;
	memcpy(&value, data, len);
	pci_config_write(fn, ECAM_REGISTER(offset), len, value);
}

static const struct bus_ops ecam = { .read = ecam_read, .write = ecam_write };

/* Only what lies in the window that the ACPI tables promise: no BAR over RAM or another device. */
static bool map(struct pci_function *fn, unsigned int n, uint64_t addr)
{
	const struct pci_bar *bar = &fn->bar[n];
	int err;

	if (addr < VM_PCI_MMIO_START || bar->size > VM_PCI_MMIO_SIZE ||
	    addr - VM_PCI_MMIO_START > VM_PCI_MMIO_SIZE - bar->size)
		return false;
	err = vm_mmio_register(fn->vm, addr, bar->size, fn->name, bar->io, bar->opaque);
	if (err)
		log_warn("%s: BAR %u at 0x%llx: %s", fn->name, n, (unsigned long long)addr,
			 strerror(-err));
	return !err;
}

static void unmap(struct pci_function *fn, unsigned int n, uint64_t addr)
{
	vm_mmio_unregister(fn->vm, addr);
}

static int msi(struct pci_function *fn, uint64_t addr, uint32_t data)
{
	return vm_irq_msi(fn->vm, addr, data);
}

static const struct pci_bus_ops root = { .map = map, .unmap = unmap, .msi = msi };

int pci_plug(struct pci_function *fn)
{
	int err;

	if (!present) {
		err = vm_mmio_register(fn->vm, VM_PCI_ECAM_START, VM_PCI_ECAM_SIZE, "pci-ecam",
				       &ecam, NULL);
		if (err)
			return err;
		acpi_add_pci_root(fn->vm);
		present = true;
	}
	for (int slot = 1; slot < SLOTS; slot++) {
		if (slots[slot])
			continue;
		fn->bus = &root;
		slots[slot] = fn;
		return slot;
	}
	return -ENOSPC;
}

void pci_unplug_all(void)
{
	memset(slots, 0, sizeof(slots));
	present = false;
}
