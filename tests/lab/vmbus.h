/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMBus server: connection and control messages (vmbus.c), channels and offers
 * (vmbus-channel.c), and what a device behind VMBus sees of them.
 *
 * Threads: all state of connection, offers and GPADLs belongs to the control loop. A channel's
 * rings belong to its I/O loop; its host-to-guest ring may be written from other loops too, under
 * struct vmbus_channel.out_lock.
 */
#ifndef HVLAB_VMBUS_H
#define HVLAB_VMBUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "ring.h"
#include "stats.h"
#include "vmbus-wire.h"

struct gpadl;
struct json_object;
struct vm;
struct vmbus;
struct vmbus_device;

#define VMBUS_CHANNELS_MAX 64 /* of one device, with the primary */
#define VMBUS_NAME_MAX	   24

enum vmbus_channel_state {
	VMBUS_OFFERED,	 /* relid known to the guest */
	VMBUS_OPEN,	 /* rings in use */
	VMBUS_RESCINDED, /* taken back; relid not reusable until the guest releases it */
};

/**
 * struct vmbus_channel_stats - one channel's traffic with the guest
 * @doorbells: guest's signals
 * @signals: event flag set, @interrupts: of these, with an interrupt because it was clear
 * @in_*: guest to host; @out_*: host to guest
 * @out_full: times a packet found no room
 *
 * @in_* are written by the channel's loop, the others under out_lock or shared.
 */
struct vmbus_channel_stats {
	stat_t doorbells;
	stat_t signals;
	stat_t interrupts;
	stat_t in_packets;
	stat_t in_bytes;
	stat_t in_publishes;
	stat_t out_packets;
	stat_t out_bytes;
	stat_t out_publishes;
	stat_t out_full;
};

/**
 * struct vmbus_channel - a channel known to the guest
 * @dev: whose it is
 * @index: sub-channel index, 0 for the primary
 * @serial: differs for every channel ever offered, also when a relid is used again
 * @rescinded: taken back, though it may be open until the guest has closed it
 * @target_vp: where interrupts go; VMBUS_VP_NONE: nowhere
 * @loop: serves the doorbell; fixed by device number and index
 * @in, @out: rings, valid while state is VMBUS_OPEN
 * @out_lock: guards @out
 * @credit: doorbells that the guest may still ring without breaking the signalling rule
 * @stats: the device's for this index: they outlive the channel
 * @opaque: the device's own
 */
struct vmbus_channel {
	struct vmbus_device *dev;
	struct vmbus *bus;
	char name[VMBUS_NAME_MAX];
	unsigned int index;
	uint64_t serial;
	uint32_t relid;
	uint32_t connection;
	enum vmbus_channel_state state;
	bool rescinded;
	uint32_t open_id;
	uint32_t target_vp;
	struct gpadl *ring_gpadl;
	struct loop *loop;
	struct loop_fd doorbell;
	uint64_t credit;
	bool doorbell_forced;
	struct ring_in in;
	pthread_mutex_t out_lock;
	struct ring_out out;
	struct vmbus_channel_stats *stats;
	void *opaque;
};

/**
 * struct vmbus_device_ops - a device behind VMBus; all called in the control loop
 * @open: rings of @ch are ready and its doorbell is not served yet. Return: 0 or a negative errno,
 *	which fails the guest's OpenChannel
 * @close: forget @ch; its doorbell is not served any more
 * @doorbell: in the channel's loop: the guest rang; take packets until there are none
 * @gpadl_gone: the guest tears down a GPADL that the device holds: let go of it at once
 * @released: the guest has given back the relid of the primary channel; may be NULL
 */
struct vmbus_device_ops {
	int (*open)(struct vmbus_channel *ch, const uint8_t user[120]);
	void (*close)(struct vmbus_channel *ch);
	void (*doorbell)(struct vmbus_channel *ch);
	void (*gpadl_gone)(struct vmbus_device *dev, struct gpadl *gpadl);
	void (*released)(struct vmbus_device *dev);
};

/**
 * struct vmbus_device - embedded in the device's own struct
 * @name: ``net0``
 * @type, @instance: GUIDs of the offer
 * @flags, @mmio_mb: of the offer
 * @number: 0, 1, ... in order of vmbus_add(): spreads channels over I/O loops
 * @channel: by sub-channel index; NULL where none is offered
 * @n_subchannels: sub-channels that exist now
 * @absent: rescinded by the host and not offered again
 * @reoffer: offer again as soon as the guest has released every relid
 */
struct vmbus_device {
	char name[VMBUS_NAME_MAX];
	struct vmbus_guid type;
	struct vmbus_guid instance;
	uint16_t flags;
	uint16_t mmio_mb;
	const struct vmbus_device_ops *ops;
	/* private: */
	struct vmbus *bus;
	struct vmbus_device *next;
	unsigned int number;
	struct vmbus_channel *channel[VMBUS_CHANNELS_MAX];
	unsigned int n_subchannels;
	struct vmbus_channel_stats stats[VMBUS_CHANNELS_MAX];
	bool absent;
	bool reoffer;
	struct loop_work rescind_work;
};

/* vmbus_type: the VMBus server as a device that is always there (see devices.h). */
extern const struct device_type vmbus_type;

/** vmbus_of() - the VMBus server; NULL before it was created */
struct vmbus *vmbus_of(const struct vm *vm);

/** vmbus_version() - negotiated version, 0 while not connected */
uint32_t vmbus_version(const struct vmbus *bus);

/** vmbus_vm() - the machine it belongs to */
struct vm *vmbus_vm(const struct vmbus *bus);

/**
 * vmbus_add() - put a device on the bus; offered when the guest asks for offers, or at once if it
 * has already
 *
 * Context: control loop, or before the vCPUs run.
 */
void vmbus_add(struct vmbus *bus, struct vmbus_device *dev);

/**
 * vmbus_offer_subchannels() - offer channels 1..@n of an open device
 *
 * Channels that exist are left alone. Context: control loop.
 */
void vmbus_offer_subchannels(struct vmbus_device *dev, unsigned int n);

/**
 * vmbus_rescind() - take the device away from the guest
 * @abrupt: its channels stop at once; otherwise each is served until the guest closes it
 *
 * Context: control loop. Return: 0, or -ENODEV when it is away already.
 */
int vmbus_rescind(struct vmbus_device *dev, bool abrupt);

/** vmbus_rescind_later() - abrupt vmbus_rescind() from any thread, soon */
void vmbus_rescind_later(struct vmbus_device *dev);

/**
 * vmbus_reoffer() - bring a rescinded device back
 *
 * Offered at once if the guest has released all its relids, otherwise as soon as it has.
 * Context: control loop. Return: 0 offered, 1 will be, -EEXIST it was never away.
 */
int vmbus_reoffer(struct vmbus_device *dev);

/**
 * vmbus_signal() - set the channel's event flag in the guest
 *
 * Context: any thread that may use the channel. The ``ring.signal`` fault strikes here.
 */
void vmbus_signal(struct vmbus_channel *ch);

/**
 * vmbus_defer() - do something with a channel later, unless it was closed meanwhile
 * @ns: delay
 * @fn: runs in the channel's loop
 * @data: @len bytes, copied
 *
 * Only faults need it. Context: any thread that may use the channel.
 */
void vmbus_defer(struct vmbus_channel *ch, uint64_t ns,
		 void (*fn)(struct vmbus_channel *ch, void *data, size_t len), const void *data,
		 size_t len);

/** vmbus_channel_dump() - counters of sub-channel @index, summed over all times it was open */
void vmbus_channel_dump(const struct vmbus_device *dev, unsigned int index,
			struct json_object *into);

/* vmbus-judge.c: what the guest did against the protocol. */

/**
 * judge() - record a protocol violation by the guest
 * @object: whose channel or device; copied
 * @kind: short fixed name, counted by it
 * @fmt: what exactly; kept for the first of each kind
 *
 * Context: any thread; slow. Lands in the results under ``violations``.
 */
void judge(const char *object, const char *kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** judge_init() - ``violations`` in the results, ``do violations total``. Before the vCPUs run. */
void judge_init(struct vm *vm);

/** judge_total() - violations so far, all kinds */
uint64_t judge_total(void);

#endif
