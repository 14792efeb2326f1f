/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NVSP, the protocol between a synthetic NIC's driver and its host, as it is on the
 * wire.
 *
 * There is no public specification; layouts are those that Linux guests accept.
 */
#ifndef HVLAB_NVSP_WIRE_H
#define HVLAB_NVSP_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define NVSP_V1		0x00002u
#define NVSP_V2		0x30002u
#define NVSP_V4		0x40000u
#define NVSP_V5		0x50000u
#define NVSP_V6		0x60000u
#define NVSP_V6_1	0x60001u

enum nvsp_message {
	NVSP_INIT = 1,
	NVSP_INIT_COMPLETE = 2,
	NVSP_SEND_NDIS_VERSION = 100,
	NVSP_SEND_RECV_BUF = 101,
	NVSP_SEND_RECV_BUF_COMPLETE = 102,
	NVSP_REVOKE_RECV_BUF = 103,
	NVSP_SEND_SEND_BUF = 104,
	NVSP_SEND_SEND_BUF_COMPLETE = 105,
	NVSP_REVOKE_SEND_BUF = 106,
	NVSP_SEND_RNDIS_PACKET = 107,
	NVSP_SEND_RNDIS_PACKET_COMPLETE = 108,
	NVSP_SEND_NDIS_CONFIG = 125,
	NVSP_SEND_VF_ASSOCIATION = 128,
	NVSP_SWITCH_DATA_PATH = 129,
	NVSP_SUBCHANNEL = 133,
	NVSP_SEND_INDIRECTION_TABLE = 134,
};

enum nvsp_status {
	NVSP_STATUS_NONE = 0,
	NVSP_STATUS_SUCCESS = 1,
	NVSP_STATUS_FAILURE = 2,
	NVSP_STATUS_TOO_NEW = 3,
	NVSP_STATUS_TOO_OLD = 4,
	NVSP_STATUS_BAD_RNDIS = 5,
	NVSP_STATUS_BUSY = 6,
	NVSP_STATUS_UNSUPPORTED = 7,
};

#define NVSP_NO_SECTION		UINT32_MAX
#define NVSP_RECV_BUF_ID	0xcafeu		/* by convention of all known guests */
#define NVSP_SEND_TABLE_SIZE	16u
#define NVSP_CHANNEL_DATA	0u
#define NVSP_CHANNEL_CONTROL	1u
#define NVSP_SUBCHANNEL_ALLOCATE 1u
#define NVSP_RSC_RANGES_MAX	562u		/* ranges a guest accepts in one transfer packet */
#define NVSP_RANGES_MAX		375u		/* likewise without RSC, NDIS 6.0 and later */

/* nvsp_config.capabilities */
#define NVSP_CAP_VMQ		0x01u
#define NVSP_CAP_SRIOV		0x04u
#define NVSP_CAP_8021Q		0x08u
#define NVSP_CAP_TEAMING	0x20u
#define NVSP_CAP_RSC		0x80u

/* A guest sends 28 bytes a message before 6.1 and 40 from then on; Linux always sends 40. */
#define NVSP_BYTES_MIN		28u
#define NVSP_BYTES		40u

struct nvsp_init {
	uint32_t type;
	uint32_t min_version;
	uint32_t max_version;
} __attribute__((packed));

struct nvsp_init_complete {
	uint32_t type;
	uint32_t version;	/* UINT32_MAX except for NVSP_V1 */
	uint32_t max_chain;
	uint32_t status;
} __attribute__((packed));

struct nvsp_ndis_version {
	uint32_t type;
	uint32_t major;
	uint32_t minor;
} __attribute__((packed));

struct nvsp_ndis_config {
	uint32_t type;
	uint32_t mtu;		/* with the Ethernet header */
	uint32_t reserved;
	uint64_t capabilities;
} __attribute__((packed));

struct nvsp_send_buf {	/* 101 and 104 */
	uint32_t type;
	uint32_t gpadl;
	uint16_t id;
} __attribute__((packed));

struct nvsp_recv_buf_complete {
	uint32_t type;
	uint32_t status;
	uint32_t n_sections;
	uint32_t offset;
	uint32_t size;
	uint32_t count;
	uint32_t end;
} __attribute__((packed));

struct nvsp_send_buf_complete {
	uint32_t type;
	uint32_t status;
	uint32_t section_size;
} __attribute__((packed));

struct nvsp_revoke {	/* 103 and 106 */
	uint32_t type;
	uint16_t id;
} __attribute__((packed));

struct nvsp_rndis {
	uint32_t type;
	uint32_t channel;
	uint32_t section;
	uint32_t section_bytes;
} __attribute__((packed));

struct nvsp_rndis_complete {
	uint32_t type;
	uint32_t status;
} __attribute__((packed));

struct nvsp_subchannel {
	uint32_t type;
	uint32_t op;		/* reply: status */
	uint32_t n;
} __attribute__((packed));

struct nvsp_send_table {
	uint32_t type;
	uint32_t count;
	uint32_t offset;	/* from the message's start */
	uint32_t entry[NVSP_SEND_TABLE_SIZE];
} __attribute__((packed));

struct nvsp_vf_association {
	uint32_t type;
	uint32_t allocated;	/* 1: a VF has come, 0: it has gone */
	uint32_t serial;	/* of its PCI slot */
} __attribute__((packed));

#define NVSP_PATH_SYNTHETIC	0u
#define NVSP_PATH_VF		1u

struct nvsp_switch_data_path {
	uint32_t type;
	uint32_t active;	/* NVSP_PATH_* */
} __attribute__((packed));

#endif
