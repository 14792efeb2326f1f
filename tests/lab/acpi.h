/* SPDX-License-Identifier: GPL-2.0 */
/* acpi.h: the tables the guest finds (acpi.c), and what devices add to them. */
#ifndef HVLAB_ACPI_H
#define HVLAB_ACPI_H

#include <stdint.h>

struct vm;

/**
 * acpi_add_virtio_mmio() - describe a virtio-mmio device (_HID LNRO0005) in the DSDT
 * @base: its registers, page aligned
 * @gsi: IOAPIC pin from vm_gsi_alloc(), edge triggered
 *
 * Context: struct device_type.create. Return: 0 or -ENOSPC.
 */
int acpi_add_virtio_mmio(struct vm *vm, uint64_t base, uint64_t size, unsigned int gsi);

/**
 * acpi_add_pci_root() - describe a PCI Express root: MCFG and PNP0A08 with the VM_PCI_* windows
 *
 * One bus, configuration by ECAM at VM_PCI_ECAM_START only, MSI/MSI-X only (no INTx routing).
 * Context: struct device_type.create. Calling it again changes nothing.
 */
void acpi_add_pci_root(struct vm *vm);

#endif
