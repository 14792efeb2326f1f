/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pci-function.h: one PCI function: configuration space, BARs, MSI-X (pci-function.c).
 *
 * It knows nothing of how a guest gets at it: a root complex (pci.c) or a synthetic bus calls
 * pci_config_read() and pci_config_write() and lends it a way to map BARs.
 * Formats: PCI Local Bus 3.0 sections 6.1, 6.2, 6.7, 6.8.2; PCI-to-PCI bridges are not made.
 */
#ifndef HVLAB_PCI_FUNCTION_H
#define HVLAB_PCI_FUNCTION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats.h"
#include "vm.h"

#define PCI_BARS	   6
#define PCI_CONFIG_SIZE	   4096
#define PCI_MSIX_MAX	   256
#define PCI_MSIX_NO_VECTOR 0xffff

struct pci_function;

/**
 * struct pci_bus_ops - what a bus does for its functions
 * @map: the guest enabled memory decoding: serve the BAR at @addr. False when that address cannot
 *	be served; the BAR then answers nothing
 * @unmap: undo @map, with the same address; no access is under way once it returns
 * @msi: send the message of an MSI-X vector
 *
 * @map and @unmap run on vCPU threads, with the function's lock held: no call back into the
 * function. @msi runs on any thread.
 */
struct pci_bus_ops {
	bool (*map)(struct pci_function *fn, unsigned int bar, uint64_t addr);
	void (*unmap)(struct pci_function *fn, unsigned int bar, uint64_t addr);
	int (*msi)(struct pci_function *fn, uint64_t addr, uint32_t data);
};

/**
 * struct pci_bar - one region of a function
 * @size: bytes, a power of two of at least 4096; 0 = there is none
 * @wide: 64 bit, takes the next BAR's place too
 * @prefetchable: may be combined and cached for writing
 * @memory: it is memory of the guest's, here; @io is not used then. A bus may refuse such BARs
 * @io: how accesses are served; offsets count from the BAR's start. They run without the
 *	function's lock and must not touch configuration space (an unmap may be waiting for them)
 * @opaque: for @io
 * @mapped: told when the region appears at or leaves an address; may be NULL. Same rules as
 *	struct pci_bus_ops.map
 */
struct pci_bar {
	uint64_t size;
	bool wide;
	bool prefetchable;
	void *memory;
	const struct bus_ops *io;
	void *opaque;
	void (*mapped)(void *opaque, uint64_t addr, bool on);
	/* private: */
	uint64_t at;
	bool on;
};

/**
 * struct pci_function - embed in a device
 * @vm: the machine
 * @bus: what it is plugged into, set by whoever plugs it
 * @plug: the bus's own, likewise
 * @reset: the device's part of pci_function_reset(); may be NULL. May wait for I/O loops
 * @name: for logs
 * @msix_interrupts: messages sent
 * @msix_masked: held back by a mask bit
 */
struct pci_function {
	struct vm *vm;
	const struct pci_bus_ops *bus;
	void *plug;
	void (*reset)(struct pci_function *fn);
	const char *name;
	stat_t msix_interrupts;
	stat_t msix_masked;
	/* private: */
	pthread_mutex_t lock; /* configuration space and BARs */
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[256]; /* which bits a guest can change, */
	uint8_t initial[256];  /* and what they are after a reset */
	struct pci_bar bar[PCI_BARS];
	uint8_t cap_end;
	uint8_t last_cap;
	struct {
		pthread_mutex_t lock; /* entries, pending, enabled, masked */
		uint8_t cap;
		unsigned int n;
		uint32_t pba;
		bool enabled, masked;
		struct {
			uint64_t addr;
			uint32_t data;
			uint32_t control;
		} entry[PCI_MSIX_MAX];
		uint8_t pending[PCI_MSIX_MAX / 8];
		struct bus_ops io;
	} msix;
};

/** struct pci_ids - what identifies a function; @class is class, subclass, interface */
struct pci_ids {
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class;
	uint8_t revision;
};

/**
 * pci_function_init() - an empty function with its identity and a capability list to be filled
 * @fn: zeroed
 * @vm: the machine
 * @name: kept, not copied
 * @ids: identity
 */
void pci_function_init(struct pci_function *fn, struct vm *vm, const char *name,
		       const struct pci_ids *ids);

/** pci_function_free() - unmap what is mapped; the function is not used any more */
void pci_function_free(struct pci_function *fn);

/**
 * pci_function_reset() - as after power-on: BARs unmapped and forgotten, MSI-X off, device reset
 * @at: receives where each BAR was mapped, 0 where it was not
 *
 * Context: a thread that neither vCPUs nor loops wait for: it waits for vCPUs inside BARs.
 */
void pci_function_reset(struct pci_function *fn, uint64_t at[PCI_BARS]);

/**
 * pci_function_bar_probe() - the BAR registers as they read after all ones were written to them
 * @bar: receives all of them, 0 where there is none
 */
void pci_function_bar_probe(const struct pci_function *fn, uint32_t bar[PCI_BARS]);

/** pci_function_set_bar() - describe BAR @n before the guest sees the function */
void pci_function_set_bar(struct pci_function *fn, unsigned int n, const struct pci_bar *bar);

/**
 * pci_function_add_cap() - append a capability
 * @id: its id
 * @body: what follows the id and next pointer
 * @len: bytes of @body
 *
 * Return: its offset in configuration space.
 */
uint8_t pci_function_add_cap(struct pci_function *fn, uint8_t id, const void *body, size_t len);

/**
 * pci_function_add_msix() - MSI-X with its table and pending bits in a BAR of their own
 * @bar: a BAR not set otherwise
 * @n: vectors, 1..%PCI_MSIX_MAX
 */
void pci_function_add_msix(struct pci_function *fn, unsigned int bar, unsigned int n);

/**
 * pci_function_add_express() - the PCI Express capability of an endpoint
 * @generation: of the link, 1 (2.5 GT/s) to 6 (64 GT/s); 0: the function does not tell, as VFs do
 * @width: lanes, 0: not told
 *
 * Relaxed ordering, payload and read request sizes can be set and read back (PCI Express Base
 * 7.5.3).
 */
void pci_function_add_express(struct pci_function *fn, unsigned int generation,
			      unsigned int width);

/**
 * pci_config_read() - the guest reads configuration space
 * @offset: from its start
 * @len: 1, 2 or 4; an unaligned access or one beyond the end gives all ones
 *
 * Context: vCPU threads. Return: the value.
 */
uint32_t pci_config_read(struct pci_function *fn, unsigned int offset, unsigned int len);

/** pci_config_write() - the guest writes configuration space; rules of pci_config_read() */
void pci_config_write(struct pci_function *fn, unsigned int offset, unsigned int len,
		      uint32_t value);

/**
 * pci_msix_send() - raise a vector, or note it as pending while it is masked
 * @vector: an unknown one, or %PCI_MSIX_NO_VECTOR, raises nothing
 *
 * Context: any thread. Return: true when an interrupt was sent.
 */
bool pci_msix_send(struct pci_function *fn, unsigned int vector);

#endif
