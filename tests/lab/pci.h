/* SPDX-License-Identifier: GPL-2.0 */
/* pci.h: a minimal PCI Express root complex, one bus, there only when something is plugged in. */
#ifndef HVLAB_PCI_H
#define HVLAB_PCI_H

#include "pci-function.h"

/**
 * pci_plug() - put a function into the next free slot of bus 0
 * @fn: complete; stays the caller's
 *
 * The first call makes the root complex itself: ECAM region and its ACPI description.
 * Context: struct device_type.create.
 *
 * Return: the slot, or a negative errno.
 */
int pci_plug(struct pci_function *fn);

/** pci_unplug_all() - forget all functions; for struct device_type.stop */
void pci_unplug_all(void);

#endif
