/* SPDX-License-Identifier: GPL-2.0 */
/* vm.h: the machine: memory, buses, interrupts, how it ends (vm.c, bus.c). */
#ifndef HVLAB_VM_H
#define HVLAB_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

struct loop;
struct options;
struct vcpu;
struct bus;
struct hyperv;
struct control_port;
struct stats;
struct acpi;

/*
 * Guest physical layout. RAM below the hole is one slot at 0, the rest starts at 4 GiB.
 * VM_PCI_* belong to whoever calls acpi_add_pci_root().
 */
#define VM_HOLE_START		0xc0000000ULL
#define VM_HOLE_END		0x100000000ULL
#define VM_PCI_MMIO_START	0xc0000000ULL
#define VM_PCI_MMIO_SIZE	0x10000000ULL
#define VM_VIRTIO_MMIO_START	0xd0000000ULL	/* one page a device */
#define VM_PCI_ECAM_START	0xe0000000ULL
#define VM_PCI_ECAM_SIZE	0x00100000ULL	/* one bus */
#define VM_VMBUS_LOW_START	0xf8000000ULL	/* window of the VMBus device below 4 GiB */
#define VM_VMBUS_LOW_SIZE	0x06000000ULL
#define VM_VMBUS_HIGH_SIZE	0x400000000ULL	/* window above RAM: vm->mmio_high */

/* Interrupt lines: the in-kernel IOAPIC has 24 pins. */
#define VM_GSI_COM2		3
#define VM_GSI_COM1		4
#define VM_GSI_DEVICE_FIRST	5		/* 5..23 are handed out by vm_gsi_alloc() */
#define VM_GSI_DEVICE_LAST	23

/**
 * enum vm_end - why a VM ended
 * @VM_RUNNING: it has not
 * @VM_END_VERDICT: the guest said ``exit CODE``
 * @VM_END_POWER_OFF: ACPI S5
 * @VM_END_RESET: reset register, keyboard controller, 0xcf9 or the Hyper-V reset MSR
 * @VM_END_PANIC: the guest reported a crash through the crash MSRs
 * @VM_END_TRIPLE_FAULT: KVM_EXIT_SHUTDOWN, entry failure or emulation failure
 * @VM_END_DEADLINE: --deadline passed
 * @VM_END_SIGNAL: SIGINT or SIGTERM to hvlab
 * @VM_END_INTERNAL: hvlab itself failed
 */
enum vm_end {
	VM_RUNNING = 0,
	VM_END_VERDICT,
	VM_END_POWER_OFF,
	VM_END_RESET,
	VM_END_PANIC,
	VM_END_TRIPLE_FAULT,
	VM_END_DEADLINE,
	VM_END_SIGNAL,
	VM_END_INTERNAL,
};

/**
 * struct vm - the one virtual machine of this process
 * @opt: command line
 * @n_vcpus: virtual processors; VP index == APIC id order == array index
 * @n_nodes: NUMA nodes; vm_node_of() maps
 * @mem_size: bytes of RAM
 * @low_size: of these, bytes below the hole
 * @mmio_high: where the VMBus window above RAM starts
 * @control: loop of the VMBus server, control channel, timers of the machine
 * @io: loops for data paths, @n_io of them
 * @slow: loop of what waits for vCPUs (a region taken away); no other loop and no vCPU waits for it
 *
 * Everything here is set before the first device is created and constant afterwards.
 */
struct vm {
	const struct options *opt;
	unsigned int n_vcpus;
	unsigned int n_nodes;
	uint64_t mem_size;
	uint64_t low_size;
	uint64_t mmio_high;
	struct loop *control;
	struct loop **io;
	unsigned int n_io;
	struct loop *slow;
	uint64_t io_rate;		/* frames a second, each channel and way; 0 = no limit */
	uint64_t start_ns;		/* clock_ns() when vCPUs were started */
	/* private: owned by the file of that name */
	int kvm;
	int fd;
	uint8_t *ram;			/* mem_size bytes, GPA 0 first, then 4 GiB up */
	struct vcpu *vcpus;
	struct bus *pio;
	struct bus *mmio;
	struct hyperv *hv;
	struct control_port *control_port;
	struct stats *stats;
	struct acpi *acpi;
	unsigned int next_gsi;
};

/**
 * vm_gpa() - host address of guest memory
 * @gpa: guest physical address
 * @len: bytes
 *
 * Context: any thread. Return: the address, or NULL when any of the bytes is not guest RAM (a range
 * never spans the hole). Contents may change under the reader at any time.
 */
void *vm_gpa(const struct vm *vm, uint64_t gpa, uint64_t len);

/**
 * vm_memory_slot() - give KVM slot @n of those for devices, or take it away with a @size of 0
 *
 * Context: any thread. Return: 0 or a negative errno.
 */
int vm_memory_slot(struct vm *vm, unsigned int n, uint64_t gpa, uint64_t size, void *host);

/** vm_node_of() - NUMA node of virtual processor @vp: consecutive blocks of equal size */
unsigned int vm_node_of(const struct vm *vm, unsigned int vp);

/**
 * vm_irq_msi() - deliver a message signalled interrupt
 *
 * Context: any thread. Return: >0 delivered, 0 blocked by the guest, or a negative errno.
 */
int vm_irq_msi(struct vm *vm, uint64_t addr, uint32_t data);

/** vm_irq_line() - set the level of an IOAPIC pin. Context: any thread. Return: 0 or -errno. */
int vm_irq_line(struct vm *vm, unsigned int gsi, bool level);

/** vm_irqfd() - an eventfd that raises an edge on pin @gsi. Return: 0 or -errno. */
int vm_irqfd(struct vm *vm, unsigned int gsi, int eventfd, bool assign);

/** vm_gsi_alloc() - a free IOAPIC pin for a device, or -ENOSPC */
int vm_gsi_alloc(struct vm *vm);

/**
 * vm_ioeventfd() - have a guest write signal an eventfd without an exit to user space
 * @pio: port or memory mapped
 * @len: width of the write, 0 = any (no @match then)
 * @match: only when the written value is @datamatch
 * @assign: false takes it away; all arguments as when assigned
 *
 * Context: any thread. Return: 0 or a negative errno (-EEXIST: that one is assigned).
 */
int vm_ioeventfd(struct vm *vm, bool pio, uint64_t addr, unsigned int len, bool match,
		 uint64_t datamatch, int fd, bool assign);

/**
 * struct bus_ops - a region of ports or memory mapped registers
 * @read: fill @len bytes (1, 2, 4, 8) at @data; @offset counts from the region's base
 * @write: take them
 *
 * Called on vCPU threads, several at once; @vp is the virtual processor. An access never straddles
 * the end of the region. NULL: reads give all ones, writes are dropped.
 */
struct bus_ops {
	void (*read)(void *opaque, unsigned int vp, uint64_t offset, unsigned int len, void *data);
	void (*write)(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
		      const void *data);
};

/** vm_mmio_register() - serve [@base, @base + @size). Return: 0, -EEXIST on overlap, -ENOSPC. */
int vm_mmio_register(struct vm *vm, uint64_t base, uint64_t size, const char *name,
		     const struct bus_ops *ops, void *opaque);

/** vm_mmio_unregister() - stop; waits until no vCPU is inside the region's callbacks */
void vm_mmio_unregister(struct vm *vm, uint64_t base);

/** vm_pio_register() - as vm_mmio_register() for ports */
int vm_pio_register(struct vm *vm, uint16_t base, uint16_t size, const char *name,
		    const struct bus_ops *ops, void *opaque);

/** vm_pio_unregister() - as vm_mmio_unregister() for ports */
void vm_pio_unregister(struct vm *vm, uint16_t base);

/**
 * vm_stop() - end the VM
 * @why: reason; the first caller's counts
 * @code: the guest's exit code for VM_END_VERDICT, else 0
 * @fmt: one line that says what happened
 *
 * Context: any thread; returns at once, main() does the rest.
 */
void vm_stop(struct vm *vm, enum vm_end why, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** vm_stopped() - has vm_stop() been called? */
bool vm_stopped(const struct vm *vm);

#endif
