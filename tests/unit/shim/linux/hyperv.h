/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of the kernel's <linux/hyperv.h> that vmbus/ uses, with the same names and, where the
 * host sees it, the same layout.
 */
#ifndef _UNIT_SHIM_HYPERV_H
#define _UNIT_SHIM_HYPERV_H

#include "shim.h"

struct hv_ring_buffer {
	u32 write_index;
	u32 read_index;
	u32 interrupt_mask;
	u32 pending_send_sz;
	u32 reserved1[12];
	union {
		u32 value;
	} feature_bits;
	u8 reserved2[PAGE_SIZE - 68];
	u8 buffer[];
};

struct hv_ring_buffer_info {
	struct hv_ring_buffer *ring_buffer;
	spinlock_t ring_lock;
	u32 ring_datasize;
	u32 priv_read_index;
	void *pkt_buffer;
	u32 pkt_buffer_size;
};

struct vmpacket_descriptor {
	u16 type;
	u16 offset8;
	u16 len8;
	u16 flags;
	u64 trans_id;
} __packed;

struct vmtransfer_page_range {
	u32 byte_count;
	u32 byte_offset;
} __packed;

struct vmtransfer_page_packet_header {
	struct vmpacket_descriptor d;
	u16 xfer_pageset_id;
	u8 sender_owns_set;
	u8 reserved;
	u32 range_cnt;
	struct vmtransfer_page_range ranges[];
} __packed;

struct gpa_range {
	u32 byte_count;
	u32 byte_offset;
	u64 pfn_array[];
};

struct vmdata_gpa_direct {
	struct vmpacket_descriptor d;
	u32 reserved;
	u32 range_cnt;
	struct gpa_range range[];
} __packed;

struct hv_page_buffer {
	u32 len;
	u32 offset;
	u64 pfn;
} __packed;

enum vmbus_packet_type {
	VM_PKT_DATA_INBAND = 6,
	VM_PKT_DATA_USING_XFER_PAGES = 7,
	VM_PKT_DATA_USING_GPA_DIRECT = 9,
	VM_PKT_COMP = 11,
};

#define VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED 1

enum vmbus_channel_state {
	CHANNEL_OFFER_STATE,
	CHANNEL_OPENING_STATE,
	CHANNEL_OPEN_STATE,
	CHANNEL_OPENED_STATE,
};

enum hv_callback_mode { HV_CALL_BATCHED, HV_CALL_DIRECT, HV_CALL_ISR };

struct kobject {
	int references;
};

struct device {
	int unused;
};

struct hv_device {
	struct device device;
};

struct vmbus_channel {
	struct hv_device *device_obj;
	struct vmbus_channel *primary_channel;
	enum vmbus_channel_state state;
	struct {
		u32 child_relid;
	} offermsg;
	bool rescind;
	struct hv_ring_buffer_info outbound;
	struct hv_ring_buffer_info inbound;
	u64 intr_out_empty;
	u64 intr_in_full;
	u64 out_full_total;
	u64 out_full_first;
	bool out_full_flag;
	enum hv_callback_mode callback_mode;
	bool low_latency;
	struct kobject kobj;
	spinlock_t sched_lock;
	void (*onchannel_callback)(void *context);
	u64 (*next_request_id_callback)(struct vmbus_channel *channel, u64 addr);
	u64 (*request_addr_callback)(struct vmbus_channel *channel, u64 id);
	u32 rqstor_size;
	u32 max_pkt_size;
};

static inline void set_channel_read_mode(struct vmbus_channel *channel, enum hv_callback_mode mode)
{
	channel->callback_mode = mode;
}

void vmbus_setevent(struct vmbus_channel *channel);

static inline void kobject_get(struct kobject *kobj)
{
	kobj->references++;
}

static inline void kobject_put(struct kobject *kobj)
{
	kobj->references--;
}

/* The kernel's log: lines are counted, not shown. */
void shim_log(const struct device *dev, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
#define dev_err(dev, ...) shim_log(dev, __VA_ARGS__)

#endif /* _UNIT_SHIM_HYPERV_H */
