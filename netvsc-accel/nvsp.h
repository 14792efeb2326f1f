/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NVSP, the network virtual service protocol: what guest and host say to each other on the VMBus
 * channels of a synthetic NIC. Every message starts with its type; the message proper follows.
 * There is no public specification. The layout is what OpenVMM's netvsp, FreeBSD's hn and Linux's
 * hv_netvsc agree on.
 */
#ifndef HV_NETVSC_ACCEL_NVSP_H
#define HV_NETVSC_ACCEL_NVSP_H

#include <linux/build_bug.h>
#include <linux/types.h>

/* Protocol versions, newest last. 3 never existed. */
#define NVSP_VERSION_1		0x00000002
#define NVSP_VERSION_2		0x00030002
#define NVSP_VERSION_4		0x00040000
#define NVSP_VERSION_5		0x00050000
#define NVSP_VERSION_6		0x00060000
#define NVSP_VERSION_61		0x00060001
/* From here on a guest is known to be heard when it says that it can use a VF. */
#define NVSP_VERSION_VF		NVSP_VERSION_5

enum nvsp_type {
	NVSP_INIT			= 1,
	NVSP_INIT_COMPLETE		= 2,
	NVSP_SEND_NDIS_VERSION		= 100,
	NVSP_SEND_RECV_BUF		= 101,
	NVSP_SEND_RECV_BUF_COMPLETE	= 102,
	NVSP_REVOKE_RECV_BUF		= 103,
	NVSP_SEND_SEND_BUF		= 104,
	NVSP_SEND_SEND_BUF_COMPLETE	= 105,
	NVSP_REVOKE_SEND_BUF		= 106,
	NVSP_SEND_RNDIS			= 107,
	NVSP_SEND_RNDIS_COMPLETE	= 108,
	NVSP_SEND_NDIS_CONFIG		= 125,
	NVSP_VF_ASSOCIATION		= 128,
	NVSP_SWITCH_DATA_PATH		= 129,
	NVSP_SUBCHANNEL			= 133,
	NVSP_SEND_INDIRECTION_TABLE	= 134,
};

enum nvsp_status {
	NVSP_STATUS_SUCCESS		= 1,
	NVSP_STATUS_FAILURE		= 2,
	NVSP_STATUS_BAD_RNDIS		= 5,
};

/*
 * Names under which the guest announces its buffers. The host repeats the receive one in each
 * transfer.
 */
#define NVSP_RECV_BUF_ID		0xcafe
#define NVSP_SEND_BUF_ID		0

/* What a host accepts as buffers, in bytes. */
#define NVSP_RECV_BUF_MAX		(31u << 20)
#define NVSP_RECV_BUF_MAX_V2		(15u << 20)
#define NVSP_SEND_BUF_MAX		(15u << 20)

#define NVSP_SECTION_NONE		0xffffffffu
#define NVSP_CHANNEL_DATA		0
#define NVSP_CHANNEL_CONTROL		1
#define NVSP_SUBCHANNEL_ALLOCATE	1
#define NVSP_INDIRECTION_COUNT		16
#define NVSP_PATH_SYNTHETIC		0
#define NVSP_PATH_VF			1

/* Capability bits of NVSP_SEND_NDIS_CONFIG. */
#define NVSP_CAP_SRIOV			BIT_ULL(2)
#define NVSP_CAP_8021Q			BIT_ULL(3)
#define NVSP_CAP_TEAMING		BIT_ULL(5)
#define NVSP_CAP_RSC			BIT_ULL(7)

struct nvsp_init {
	__le32 type;
	__le32 version_min;
	__le32 version_max;
} __packed;

struct nvsp_init_complete {
	__le32 type;
	__le32 version;			/* 0xffffffff except from a host of version 1 */
	__le32 max_mdl_chain;		/* ranges the host takes in one GPA-direct packet */
	__le32 status;
} __packed;

struct nvsp_ndis_version {
	__le32 type;
	__le32 major;
	__le32 minor;
} __packed;

struct nvsp_ndis_config {
	__le32 type;
	__le32 mtu;			/* with the Ethernet header */
	__le32 reserved;
	__le64 capabilities;
} __packed;

/* Announce (101, 104) and revoke (103, 106) of a buffer; revoke has no handle. */
struct nvsp_buffer {
	__le32 type;
	__le32 gpadl;
	__le16 id;
} __packed;

struct nvsp_revoke {
	__le32 type;
	__le16 id;
} __packed;

struct nvsp_recv_section {
	__le32 offset;
	__le32 sub_alloc_size;
	__le32 num_sub_allocs;
	__le32 end_offset;
} __packed;

struct nvsp_recv_buf_complete {
	__le32 type;
	__le32 status;
	__le32 num_sections;
	struct nvsp_recv_section section;	/* the first and only one */
} __packed;

struct nvsp_send_buf_complete {
	__le32 type;
	__le32 status;
	__le32 section_size;
} __packed;

struct nvsp_rndis {
	__le32 type;
	__le32 channel;
	__le32 section;
	__le32 section_bytes;
} __packed;

struct nvsp_rndis_complete {
	__le32 type;
	__le32 status;
} __packed;

struct nvsp_subchannel {
	__le32 type;
	__le32 operation;		/* in the reply: status */
	__le32 count;
} __packed;

struct nvsp_indirection {
	__le32 type;
	__le32 count;
	__le32 offset;			/* of the table, from the start of the message */
} __packed;

struct nvsp_vf_association {
	__le32 type;
	__le32 allocated;
	__le32 serial;			/* of the VF's PCI slot */
} __packed;

struct nvsp_switch_data_path {
	__le32 type;
	__le32 active;			/* NVSP_PATH_* */
} __packed;

/*
 * The guest sends every message but the receive completion at this size, padded with zeroes,
 * whatever the version.
 */
#define NVSP_MESSAGE_SIZE		40

union nvsp_message {
	__le32 type;
	struct nvsp_init init;
	struct nvsp_init_complete init_complete;
	struct nvsp_ndis_version ndis_version;
	struct nvsp_ndis_config ndis_config;
	struct nvsp_buffer buffer;
	struct nvsp_revoke revoke;
	struct nvsp_recv_buf_complete recv_buf_complete;
	struct nvsp_send_buf_complete send_buf_complete;
	struct nvsp_rndis rndis;
	struct nvsp_rndis_complete rndis_complete;
	struct nvsp_subchannel subchannel;
	struct nvsp_indirection indirection;
	struct nvsp_vf_association vf_association;
	struct nvsp_switch_data_path switch_data_path;
	u8 bytes[NVSP_MESSAGE_SIZE];
};

static_assert(sizeof(union nvsp_message) == NVSP_MESSAGE_SIZE);
static_assert(sizeof(struct nvsp_init_complete) == 16);
static_assert(sizeof(struct nvsp_ndis_config) == 20);
static_assert(offsetof(struct nvsp_ndis_config, capabilities) == 12);
static_assert(sizeof(struct nvsp_buffer) == 10);
static_assert(sizeof(struct nvsp_revoke) == 6);
static_assert(sizeof(struct nvsp_recv_buf_complete) == 28);
static_assert(offsetof(struct nvsp_recv_buf_complete, section) == 12);
static_assert(sizeof(struct nvsp_vf_association) == 12);
static_assert(sizeof(struct nvsp_switch_data_path) == 8);
static_assert(sizeof(struct nvsp_rndis) == 16);
static_assert(sizeof(struct nvsp_rndis_complete) == 8);

#endif
