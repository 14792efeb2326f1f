/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMBus as it is on the wire: control messages, ring control page, ring packets.
 *
 * There is no public specification; layouts are those that Linux guests accept. Everything is
 * little endian, and so is this program's only host.
 */
#ifndef HVLAB_VMBUS_WIRE_H
#define HVLAB_VMBUS_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "wire structs are used as they are");

#define VMBUS_PAGE		4096u
#define VMBUS_SINT		2	/* where messages and channel events arrive */
#define VMBUS_MESSAGE_TYPE	1	/* SynIC message type of a control message */
#define VMBUS_CONN_MESSAGE	1	/* connection ids that the guest posts to */
#define VMBUS_CONN_MESSAGE_4	4	/* InitiateContact of 5.0 and later */
#define VMBUS_CONN_EVENT	2	/* shared event connection, before dedicated interrupts */
#define VMBUS_RELIDS		2048	/* relid 0 is not a channel */
#define VMBUS_VP_NONE		UINT32_MAX

#define VMBUS_VERSION(major, minor)	((uint32_t)(major) << 16 | (minor))
#define VMBUS_V2_4	VMBUS_VERSION(2, 4)
#define VMBUS_V3_0	VMBUS_VERSION(3, 0)
#define VMBUS_V4_0	VMBUS_VERSION(4, 0)
#define VMBUS_V4_1	VMBUS_VERSION(4, 1)
#define VMBUS_V5_0	VMBUS_VERSION(5, 0)
#define VMBUS_V5_1	VMBUS_VERSION(5, 1)
#define VMBUS_V5_2	VMBUS_VERSION(5, 2)
#define VMBUS_V5_3	VMBUS_VERSION(5, 3)
#define VMBUS_V6_0	VMBUS_VERSION(6, 0)

enum vmbus_message {
	VMBUS_MSG_OFFER = 1,
	VMBUS_MSG_RESCIND = 2,
	VMBUS_MSG_REQUEST_OFFERS = 3,
	VMBUS_MSG_ALL_OFFERS = 4,
	VMBUS_MSG_OPEN = 5,
	VMBUS_MSG_OPEN_RESULT = 6,
	VMBUS_MSG_CLOSE = 7,
	VMBUS_MSG_GPADL_HEADER = 8,
	VMBUS_MSG_GPADL_BODY = 9,
	VMBUS_MSG_GPADL_CREATED = 10,
	VMBUS_MSG_GPADL_TEARDOWN = 11,
	VMBUS_MSG_GPADL_TORNDOWN = 12,
	VMBUS_MSG_RELID_RELEASED = 13,
	VMBUS_MSG_INITIATE_CONTACT = 14,
	VMBUS_MSG_VERSION_RESPONSE = 15,
	VMBUS_MSG_UNLOAD = 16,
	VMBUS_MSG_UNLOAD_RESPONSE = 17,
	VMBUS_MSG_MODIFY_CHANNEL = 22,
	VMBUS_MSG_MODIFY_RESPONSE = 24,
};

struct vmbus_header {
	uint32_t type;
	uint32_t zero;
} __attribute__((packed));

struct vmbus_guid {
	uint8_t b[16];
};

struct vmbus_offer {
	struct vmbus_header h;
	struct vmbus_guid type;
	struct vmbus_guid instance;
	uint64_t reserved[2];
	uint16_t flags;
	uint16_t mmio_mb;
	uint8_t user[120];
	uint16_t subindex;
	uint16_t reserved2;
	uint32_t relid;
	uint8_t monitor_id;
	uint8_t monitor_allocated;
	uint16_t dedicated;	/* interrupt does not go through the shared event page */
	uint32_t connection;
} __attribute__((packed));
_Static_assert(sizeof(struct vmbus_offer) == 196, "offer");
_Static_assert(offsetof(struct vmbus_offer, relid) == 184, "offer.relid");

/* rescind, close, relid released */
struct vmbus_relid {
	struct vmbus_header h;
	uint32_t relid;
} __attribute__((packed));

struct vmbus_open {
	struct vmbus_header h;
	uint32_t relid;
	uint32_t open_id;
	uint32_t gpadl;
	uint32_t target_vp;
	uint32_t downstream_page;
	uint8_t user[120];
} __attribute__((packed));
_Static_assert(sizeof(struct vmbus_open) == 148, "open");

struct vmbus_open_result {
	struct vmbus_header h;
	uint32_t relid;
	uint32_t open_id;
	uint32_t status;
} __attribute__((packed));

struct vmbus_gpadl_header {
	struct vmbus_header h;
	uint32_t relid;
	uint32_t gpadl;
	uint16_t range_bytes;	/* of all ranges: 8 + 8 a page */
	uint16_t n_ranges;
	/* struct vmbus_gpa_range, the rest in bodies */
} __attribute__((packed));
_Static_assert(sizeof(struct vmbus_gpadl_header) == 20, "gpadl header");

struct vmbus_gpadl_body {
	struct vmbus_header h;
	uint32_t number;
	uint32_t gpadl;
	/* uint64_t pfn[] */
} __attribute__((packed));

struct vmbus_gpa_range {
	uint32_t bytes;
	uint32_t offset;
	/* uint64_t pfn[] */
} __attribute__((packed));

struct vmbus_gpadl_created {
	struct vmbus_header h;
	uint32_t relid;
	uint32_t gpadl;
	uint32_t status;
} __attribute__((packed));

struct vmbus_gpadl_teardown {
	struct vmbus_header h;
	uint32_t relid;
	uint32_t gpadl;
} __attribute__((packed));

struct vmbus_gpadl_torndown {
	struct vmbus_header h;
	uint32_t gpadl;
} __attribute__((packed));

struct vmbus_initiate_contact {
	struct vmbus_header h;
	uint32_t version;
	uint32_t target_vp;
	union {
		uint64_t interrupt_page;	/* before 5.0 */
		struct {
			uint8_t sint;		/* 5.0 and later */
			uint8_t vtl;
			uint16_t reserved;
			uint32_t features;	/* 6.0 */
		} __attribute__((packed));
	};
	uint64_t monitor_page[2];
} __attribute__((packed));
_Static_assert(sizeof(struct vmbus_initiate_contact) == 40, "initiate contact");

struct vmbus_version_response {
	struct vmbus_header h;
	uint8_t supported;
	uint8_t state;
	uint16_t reserved;
	uint32_t version_or_connection;	/* connection id to post to from 5.0 on */
	uint32_t features;		/* 6.0 */
} __attribute__((packed));
#define VMBUS_VERSION_RESPONSE_BYTES	16	/* before 6.0 */
_Static_assert(sizeof(struct vmbus_version_response) == 20, "version response");

struct vmbus_modify_channel {
	struct vmbus_header h;
	uint32_t relid;
	uint32_t target_vp;
} __attribute__((packed));

struct vmbus_modify_response {
	struct vmbus_header h;
	uint32_t relid;
	uint32_t status;
} __attribute__((packed));

/* Ring buffer: one control page, then data. */
struct vmbus_ring_control {
	uint32_t write_index;
	uint32_t read_index;
	uint32_t interrupt_mask;
	uint32_t pending_send_size;
	uint32_t reserved[12];
	uint32_t features;
};

_Static_assert(offsetof(struct vmbus_ring_control, features) == 64, "feature word");

#define VMBUS_RING_PENDING_SIZE	0x1u	/* features: the writer uses pending_send_size */

struct vmbus_descriptor {
	uint16_t type;
	uint16_t offset8;	/* payload starts here, in 8 bytes */
	uint16_t len8;		/* descriptor and payload, in 8 bytes */
	uint16_t flags;
	uint64_t txid;
} __attribute__((packed));

_Static_assert(sizeof(struct vmbus_descriptor) == 16, "descriptor");

#define VMBUS_TRAILER	8u	/* behind each packet: where it began, in the high half */

enum vmbus_packet {
	VMBUS_PKT_INBAND = 6,
	VMBUS_PKT_TRANSFER_PAGES = 7,
	VMBUS_PKT_GPA_DIRECT = 9,
	VMBUS_PKT_COMPLETION = 11,
};

#define VMBUS_PKT_WANTS_COMPLETION	0x1u

struct vmbus_transfer_range {
	uint32_t bytes;
	uint32_t offset;
} __attribute__((packed));

struct vmbus_transfer_pages {
	struct vmbus_descriptor d;
	uint16_t set;
	uint8_t sender_owns_set;
	uint8_t reserved;
	uint32_t n;
	/* struct vmbus_transfer_range range[] */
} __attribute__((packed));
_Static_assert(sizeof(struct vmbus_transfer_pages) == 24, "transfer pages");

struct vmbus_gpa_direct {
	struct vmbus_descriptor d;
	uint32_t reserved;
	uint32_t n;
	/* n times struct vmbus_gpa_range and its page numbers */
} __attribute__((packed));

#endif
