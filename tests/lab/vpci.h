/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vpci.h: a synthetic PCI bus behind VMBus with one function on it:
 *	vpci.c		 the device: channel, sessions, coming and going, control verbs, numbers
 *	vpci-message.c	 messages of the guest and their answers
 *	vpci-interrupt.c interrupts that the guest had composed, and where they go
 *	vpci-window.c	 configuration space and BARs as memory of the guest
 *	vpci-virtio.c	 the virtio-net function: as a NIC's VF or alone
 *	vpci-gpu.c	 stand-ins for GPUs, RDMA NICs and NVSwitches
 *
 * Threads: packets are copied out of the ring in the channel's I/O loop; everything they ask for
 * happens in vm->slow, because a BAR that is taken away waits for vCPUs, and those may wait for
 * the other loops. Interrupts and configuration space are used by any thread. Order of locks:
 * vpci.lock, vmbus_channel.out_lock; the lock of the interrupts is a leaf.
 */
#ifndef HVLAB_VPCI_H
#define HVLAB_VPCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "loop.h"
#include "pci-function.h"
#include "stats.h"
#include "vmbus.h"
#include "vpci-wire.h"

#define VPCI_GUID_TEXT	36u
#define VPCI_MAILS	64u  /* messages of the guest that may wait */
#define VPCI_INTERRUPTS 512u /* composed at a time: each MSI-X vector twice while it moves */
#define VPCI_BLOCKS	64u  /* configuration blocks of a function */
#define VPCI_LATE_MAX	64u  /* messages that faults hold back at a time */

struct device_args;
struct vpci;

/**
 * struct vpci_options - what the command line says of a bus
 * @serial: of the function; the guest's name for its slot
 * @node: NUMA node of the function; -1: not told to the guest
 * @domain: PCI domain the guest is asked to use
 * @instance: of the bus on VMBus, when @named; its first four bytes are the serial unless one was
 *	given, the next two are the domain
 * @version_min, @version_max: VPCI_VERSION()
 * @eject_ns: how long a guest may take to let go of an ejected function
 */
struct vpci_options {
	uint32_t serial;
	int node;
	uint16_t domain;
	bool named;
	struct vmbus_guid instance;
	uint32_t version_min;
	uint32_t version_max;
	uint64_t eject_ns;
};

/**
 * struct vpci_owner - whose function it is
 * @present: it is about to come, or has gone; in the control loop
 */
struct vpci_owner {
	void (*present)(void *o, bool present);
};

/* struct vpci_mail - a packet of the guest on its way to vm->slow */
struct vpci_mail {
	uint64_t session;
	uint64_t txid;
	bool wants_completion;
	bool late; /* a fault has held it back already */
	uint32_t len;
	uint8_t bytes[VPCI_MESSAGE_MAX] __attribute__((aligned(8)));
};

/**
 * struct vpci_composed - an interrupt as the guest asked for it
 * @n: contiguous vectors, 0: unused
 * @data, @address: what the function writes; @data of the first
 * @vector: of the processor, first of @n
 * @processors: where it goes, a bit each; one of them unless @multicast
 */
struct vpci_composed {
	unsigned int n;
	uint32_t data;
	uint64_t address;
	uint32_t vector;
	uint64_t processors;
	bool multicast;
	uint64_t delivered;
};

/** struct vpci_interrupts - all of a bus; @lock guards it */
struct vpci_interrupts {
	pthread_mutex_t lock;
	struct vpci_composed one[VPCI_INTERRUPTS];
	uint8_t generation;
	stat_t created, deleted, refused, retargets, retargets_refused;
	stat_t delivered, unknown;
	stat_t by_vp[64];
};

/**
 * struct vpci_window - the guest's way to configuration space, and dead BARs
 * @at: guest physical address, 0: none
 * @slot: function selected; written by vCPUs
 * @dead: BARs of a function that went by surprise: their addresses answer with zeros
 */
struct vpci_window {
	uint64_t at;
	uint32_t slot;
	struct {
		uint64_t at, size;
	} dead[PCI_BARS];
	stat_t reads, writes;
};

/**
 * struct vpci - one bus
 * @fn: the function
 * @owner, @opaque: its owner
 * @absent: no function on the bus: it was ejected or is not offered; read by vCPUs
 * @lock: guards everything down to @blocked
 * @ch: NULL while not open
 * @session: counts openings; what belongs to an earlier one is dropped
 * @reset_wanted, @halt_wanted: what vm->slow has to do before it looks at messages
 * @blocked: packets wait in the ring because @mail is full
 * @version: agreed, 0 before; from here on only vm->slow
 * @d0: the bus is powered
 * @power: state of the function, VPCI_POWER_*
 * @assigned: the guest has said that it assigned resources
 * @ejecting: an EJECT has not been answered
 * @ejecting_only: do not take the bus away afterwards
 */
struct vpci {
	struct vmbus_device v;
	struct vm *vm;
	struct pci_function *fn;
	struct vpci_options opt;
	const struct vpci_owner *owner;
	void *opaque;
	struct vpci *next;
	bool absent;

	pthread_mutex_t lock;
	struct vmbus_channel *ch;
	struct loop *io;
	uint64_t session;
	bool reset_wanted, halt_wanted;
	struct vpci_mail mail[VPCI_MAILS];
	unsigned int mail_head, n_mail;
	bool blocked;

	uint32_t version;
	bool d0;
	bool assigned;
	uint32_t power;
	bool ejecting, ejecting_only;
	unsigned int n_late;
	struct loop_timer eject_timer;
	struct loop_work take_work, handle_work, eject_work, invalidate_work, relations_work;
	struct loop_work gone_work; /* control loop */
	bool told_present; /* control loop */
	uint64_t invalidate_mask;
	uint8_t block[VPCI_BLOCKS][VPCI_BLOCK_BYTES];
	uint32_t block_bytes[VPCI_BLOCKS];

	struct vpci_interrupts irq;
	struct vpci_window window;
	stat_t sessions, messages, refused, answers_lost;
	stat_t ejects, ejected, eject_timeouts, removals;
	stat_t block_reads, block_writes, invalidations;
};

/* vpci.c */

/**
 * vpci_parse() - options of a bus: guid=, serial=, numa=, domain=, version-min=, version-max=,
 *	eject-timeout=
 *
 * Return: 0 or -EINVAL with one sentence in @err.
 */
int vpci_parse(struct vm *vm, struct device_args *args, struct vpci_options *opt, char *err,
	       size_t n);

/**
 * vpci_plug() - put a function on a bus of its own, behind VMBus
 * @name: of the bus
 * @fn: the function; stays the caller's
 * @opt: copied
 * @offered: offer it when the guest asks for offers, otherwise vpci_appear() does
 * @owner, @o: told when it comes and goes
 *
 * Context: struct device_type.create. Return: the bus or NULL with one sentence in @err.
 */
struct vpci *vpci_plug(struct vm *vm, const char *name, struct pci_function *fn,
		       const struct vpci_options *opt, bool offered, const struct vpci_owner *owner,
		       void *o, char *err, size_t n);

/** vpci_unplug() - undo vpci_plug(), once vCPUs and loops have stopped */
void vpci_unplug(struct vpci *v);

/** vpci_appear() - offer the bus with its function, unless it is there. Control loop only. */
int vpci_appear(struct vpci *v);

/**
 * vpci_verb() - control verbs of a bus: add, remove, eject, rescind [abrupt], reoffer, relations,
 *	invalidate MASK, interrupts, state
 *
 * Return: 0, a negative errno, or -ENOTSUP: not a verb of the bus.
 */
int vpci_verb(struct vpci *v, int argc, char **argv, char *answer, size_t n);

/** vpci_verbs - their names, for help texts */
extern const char vpci_verbs[];

/** vpci_dump() - the bus's numbers into the statistics */
void vpci_dump(struct vpci *v, struct json_object *into);

/**
 * vpci_send() - a message or completion to the guest, unless a fault has it otherwise
 * @point: its fault point
 * @session: it belongs to
 * @completion: of @txid; otherwise in-band
 * @msg: may be changed by faults
 *
 * Context: vm->slow.
 */
void vpci_send(struct vpci *v, enum fault_point point, uint64_t session, bool completion,
	       uint64_t txid, void *msg, uint32_t len);

/** vpci_send_relations() - tell the guest what is on the bus. Context: vm->slow. */
void vpci_send_relations(struct vpci *v, uint64_t session);

/** vpci_ejected() - the guest has let go of the function. Context: vm->slow. */
void vpci_ejected(struct vpci *v);

/* vpci-message.c */

/** vpci_handle() - a message of the guest. Context: vm->slow. */
void vpci_handle(struct vpci *v, const struct vpci_mail *mail);

/* vpci-interrupt.c */

/** struct vpci_request - a create message of any form */
struct vpci_request {
	uint32_t vector;
	uint8_t mode;
	uint16_t n_vectors;
	uint64_t processors;
};

/** vpci_interrupts_init() - none yet; also serves the hypercall. Return: 0 or a negative errno */
int vpci_interrupts_init(struct vpci *v);

/** vpci_interrupts_free() - undo vpci_interrupts_init() */
void vpci_interrupts_free(struct vpci *v);

/**
 * vpci_interrupt_create() - compose an interrupt
 * @out: what the function has to write
 *
 * Return: VPCI_STATUS_*.
 */
uint32_t vpci_interrupt_create(struct vpci *v, const struct vpci_request *req,
			       struct vpci_interrupt *out);

/** vpci_interrupt_delete() - forget one. Return: false when there is none like it */
bool vpci_interrupt_delete(struct vpci *v, const struct vpci_interrupt *irq);

/** vpci_interrupts_forget() - forget all */
void vpci_interrupts_forget(struct vpci *v);

/** vpci_interrupt_raise() - the function writes @data to @address. Context: any thread */
int vpci_interrupt_raise(struct vpci *v, uint64_t address, uint32_t data);

/** vpci_interrupts_dump() - into the statistics */
void vpci_interrupts_dump(struct vpci *v, struct json_object *into);

/* vpci-window.c */

extern const struct pci_bus_ops vpci_bus_ops;

/**
 * vpci_window_open() - serve configuration space at @at
 *
 * Return: 0, -EINVAL: not in a window of VMBus or misaligned, -EEXIST: something is there.
 */
int vpci_window_open(struct vpci *v, uint64_t at);

/** vpci_window_close() - stop; waits for vCPUs inside. Context: vm->slow. */
void vpci_window_close(struct vpci *v);

/**
 * vpci_function_off() - reset the function, its BARs leave the guest's memory
 * @surprise: they leave dead regions behind, that read as zeros until vpci_dead_forget()
 *
 * Context: vm->slow.
 */
void vpci_function_off(struct vpci *v, bool surprise);

/** vpci_dead_forget() - nothing answers where BARs were. Context: vm->slow. */
void vpci_dead_forget(struct vpci *v);

/** vpci_of() - the bus of a function that is plugged into one */
static inline struct vpci *vpci_of(const struct pci_function *fn)
{
	return fn->plug;
}

#endif
