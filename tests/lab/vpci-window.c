// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest reaches of a function behind vPCI by memory accesses: two pages of its choice, the
 * first selects a slot, the second is that slot's configuration space; and the BARs where it has
 * put them. All of it has to lie in the windows that the ACPI tables give to VMBus.
 */
#include <errno.h>
#include <string.h>

#include "device-memory.h"
#include "log.h"
#include "vm.h"
#include "vpci.h"

#define PAGE 4096u

/* Is there a function where the guest is looking? */
static struct pci_function *selected(struct vpci *v)
{
	if (__atomic_load_n(&v->window.slot, __ATOMIC_ACQUIRE) ||
	    __atomic_load_n(&v->absent, __ATOMIC_ACQUIRE))
		return NULL;
	return v->fn;
}

static void window_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			void *data)
{
	struct vpci *v = opaque;
	struct pci_function *fn = selected(v);
	uint32_t value;

	stat_add_shared(&v->window.reads, 1);
	memset(data, 0xff, len);
	if (!fn || len > sizeof(value))
		return;
	/* In the page before, it is an offset beyond the end, and there is nothing. */
	value = pci_config_read(fn, offset - VPCI_WINDOW_CONFIG, len);
	memcpy(data, &value, len);
}

static void window_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			 const void *data)
{
	struct vpci *v = opaque;
	struct pci_function *fn;
	uint32_t value = 0;

	stat_add_shared(&v->window.writes, 1);
	if (len > sizeof(value))
		return;
	memcpy(&value, data, len);
	if (!offset && len == sizeof(value)) {
		__atomic_store_n(&v->window.slot, value, __ATOMIC_RELEASE);
		return;
	}
	fn = selected(v);
	if (fn)
		pci_config_write(fn, offset - VPCI_WINDOW_CONFIG, len, value);
}

static const struct bus_ops window_ops = { .read = window_read, .write = window_write };

static bool inside(uint64_t at, uint64_t size, uint64_t start, uint64_t bytes)
{
	return at >= start && size <= bytes && at - start <= bytes - size;
}

/* Only what the ACPI tables promise to VMBus: nothing over RAM or another device. */
static bool in_vmbus_window(const struct vm *vm, uint64_t at, uint64_t size)
{
	return inside(at, size, VM_VMBUS_LOW_START, VM_VMBUS_LOW_SIZE) ||
	       inside(at, size, vm->mmio_high, VM_VMBUS_HIGH_SIZE);
}

int vpci_window_open(struct vpci *v, uint64_t at)
{
	int err;

	if (at % PAGE || !in_vmbus_window(v->vm, at, VPCI_WINDOW_BYTES))
		return -EINVAL;
	__atomic_store_n(&v->window.slot, 0, __ATOMIC_RELEASE);
	err = vm_mmio_register(v->vm, at, VPCI_WINDOW_BYTES, v->v.name, &window_ops, v);
	if (!err)
		v->window.at = at;
	return err;
}

void vpci_window_close(struct vpci *v)
{
	if (!v->window.at)
		return;
	vm_mmio_unregister(v->vm, v->window.at);
	v->window.at = 0;
}

/* --- BARs --- */

static bool map(struct pci_function *fn, unsigned int n, uint64_t at)
{
	struct vpci *v = vpci_of(fn);
	const struct pci_bar *bar = &fn->bar[n];
	int err;

	if (!in_vmbus_window(fn->vm, at, bar->size)) {
		judge(v->v.name, "vpci-bar", "BAR %u at %#llx is outside VMBus's windows", n,
		      (unsigned long long)at);
		return false;
	}
	if (bar->memory)
		err = device_memory_map(fn->vm, at, bar->size, bar->memory);
	else
		err = vm_mmio_register(fn->vm, at, bar->size, fn->name, bar->io, bar->opaque);
	if (err)
		log_warn("%s: BAR %u at %#llx: %s", fn->name, n, (unsigned long long)at,
			 strerror(-err));
	return !err;
}

static void unmap(struct pci_function *fn, unsigned int n, uint64_t at)
{
	if (fn->bar[n].memory)
		device_memory_unmap(fn->vm, at);
	else
		vm_mmio_unregister(fn->vm, at);
}

static int msi(struct pci_function *fn, uint64_t addr, uint32_t data)
{
	return vpci_interrupt_raise(vpci_of(fn), addr, data);
}

const struct pci_bus_ops vpci_bus_ops = { .map = map, .unmap = unmap, .msi = msi };

/*
 * A function that was pulled out reads as all ones. Drivers of virtio wait for ever for a status
 * that reads as zero then, so these regions are zeros: gone, but in a way its driver notices.
 */
static void dead_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len, void *data)
{
	memset(data, 0, len);
}

static const struct bus_ops dead_ops = { .read = dead_read };

void vpci_dead_forget(struct vpci *v)
{
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		if (v->window.dead[n].size)
			vm_mmio_unregister(v->vm, v->window.dead[n].at);
		v->window.dead[n].size = 0;
	}
}

void vpci_function_off(struct vpci *v, bool surprise)
{
	uint64_t at[PCI_BARS];

	vpci_dead_forget(v);
	pci_function_reset(v->fn, at);
	for (unsigned int n = 0; surprise && n < PCI_BARS; n++) {
		uint64_t size = v->fn->bar[n].size;

		if (!at[n] || vm_mmio_register(v->vm, at[n], size, v->v.name, &dead_ops, v))
			continue;
		v->window.dead[n].at = at[n];
		v->window.dead[n].size = size;
	}
}
