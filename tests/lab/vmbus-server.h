/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the VMBus server share with one another, and nobody else.
 */
#ifndef HVLAB_VMBUS_SERVER_H
#define HVLAB_VMBUS_SERVER_H

#include <pthread.h>

#include "fault.h"
#include "hyperv.h"
#include "vmbus.h"

#define VMBUS_INBOX 1024 /* guest messages that may wait for the control loop */

/* struct vmbus_mail - a control message on its way to the control loop */
struct vmbus_mail {
	uint32_t connection;
	uint32_t len;
	uint8_t bytes[SYNIC_MESSAGE_PAYLOAD];
};

/**
 * struct vmbus - the VMBus server; control loop only, except the inbox
 * @max: highest version offered (--vmbus-max)
 * @version: agreed with the guest, 0 while not connected
 * @target_vp: where control messages go
 * @offers_requested: the guest has asked, so that later devices are offered at once
 * @channel: by relid
 * @inbox_lock: guards @inbox, @inbox_head and @inbox_n
 * @messages: control messages by type, received and sent
 */
struct vmbus {
	struct vm *vm;
	uint32_t max;
	uint32_t version;
	uint32_t target_vp;
	bool offers_requested;
	struct vmbus_device *devices;
	unsigned int n_devices;
	uint64_t next_serial;
	struct vmbus_channel *channel[VMBUS_RELIDS];

	pthread_mutex_t inbox_lock;
	struct vmbus_mail inbox[VMBUS_INBOX];
	unsigned int inbox_head;
	unsigned int inbox_n;
	bool reset_wanted;
	struct loop_work inbox_work;

	stat_t received[32];
	stat_t sent[32];
	stat_t contacts;
	stat_t bounced;
	stat_t lost;
};

/* vmbus.c */

/**
 * vmbus_send() - send a control message to the guest, unless a fault has it otherwise
 * @point: its fault point
 * @dev: whose it is, for names and ``rescind``; NULL: the bus's own
 */
void vmbus_send(struct vmbus *bus, enum fault_point point, struct vmbus_device *dev, void *msg,
		size_t len);

/* vmbus-channel.c: control messages about channels; @msg has at least the type's length */

void vmbus_handle_request_offers(struct vmbus *bus);
void vmbus_handle_open(struct vmbus *bus, const struct vmbus_open *msg);
void vmbus_handle_close(struct vmbus *bus, const struct vmbus_relid *msg);
void vmbus_handle_modify(struct vmbus *bus, const struct vmbus_modify_channel *msg);
void vmbus_handle_released(struct vmbus *bus, const struct vmbus_relid *msg);

/** vmbus_channels_reset() - close and forget every channel: the guest has started over */
void vmbus_channels_reset(struct vmbus *bus);

/** vmbus_channel_of() - the channel with @relid, or NULL */
struct vmbus_channel *vmbus_channel_of(const struct vmbus *bus, uint32_t relid);

#endif
