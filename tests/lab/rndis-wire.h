/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RNDIS messages and the NDIS objects that they carry, as they are on the wire.
 *
 * [MS-RNDIS]; NDIS headers and OIDs from the Windows driver reference (NDIS_OFFLOAD,
 * NDIS_RECEIVE_SCALE_CAPABILITIES and so on). Offsets in RNDIS count from behind the 8 byte
 * message header.
 */
#ifndef HVLAB_RNDIS_WIRE_H
#define HVLAB_RNDIS_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum rndis_message {
	RNDIS_PACKET = 0x00000001,
	RNDIS_INITIALIZE = 0x00000002,
	RNDIS_HALT = 0x00000003,
	RNDIS_QUERY = 0x00000004,
	RNDIS_SET = 0x00000005,
	RNDIS_RESET = 0x00000006,
	RNDIS_INDICATE = 0x00000007,
	RNDIS_KEEPALIVE = 0x00000008,
	RNDIS_INITIALIZE_COMPLETE = (int)0x80000002,
	RNDIS_QUERY_COMPLETE = (int)0x80000004,
	RNDIS_SET_COMPLETE = (int)0x80000005,
	RNDIS_RESET_COMPLETE = (int)0x80000006,
	RNDIS_KEEPALIVE_COMPLETE = (int)0x80000008,
};

#define RNDIS_STATUS_SUCCESS		0x00000000u
#define RNDIS_STATUS_FAILURE		0xc0000001u
#define RNDIS_STATUS_NOT_SUPPORTED	0xc00000bbu
#define RNDIS_STATUS_INVALID_LENGTH	0xc0010014u
#define RNDIS_STATUS_INVALID_DATA	0xc0010015u
#define RNDIS_STATUS_MEDIA_CONNECT	0x4001000bu
#define RNDIS_STATUS_MEDIA_DISCONNECT	0x4001000cu
#define RNDIS_STATUS_NETWORK_CHANGE	0x40010018u
#define RNDIS_STATUS_OFFLOAD_CURRENT	0x40020006u

#define RNDIS_VERSION_MAJOR	1u
#define RNDIS_VERSION_MINOR	0u

struct rndis_header {
	uint32_t type;
	uint32_t len;
} __attribute__((packed));
#define RNDIS_HEADER	8u

struct rndis_initialize {
	struct rndis_header h;
	uint32_t id;
	uint32_t major;
	uint32_t minor;
	uint32_t max_transfer;
} __attribute__((packed));

struct rndis_initialize_complete {
	struct rndis_header h;
	uint32_t id;
	uint32_t status;
	uint32_t major;
	uint32_t minor;
	uint32_t flags;
	uint32_t medium;
	uint32_t max_packets;
	uint32_t max_transfer;
	uint32_t alignment;	/* power of two */
	uint32_t af_offset;
	uint32_t af_size;
} __attribute__((packed));

struct rndis_request {		/* QUERY and SET */
	struct rndis_header h;
	uint32_t id;
	uint32_t oid;
	uint32_t bytes;
	uint32_t offset;
	uint32_t vc;
} __attribute__((packed));
_Static_assert(sizeof(struct rndis_request) == 28, "request");

struct rndis_query_complete {
	struct rndis_header h;
	uint32_t id;
	uint32_t status;
	uint32_t bytes;
	uint32_t offset;
} __attribute__((packed));

struct rndis_status_complete {	/* SET, KEEPALIVE */
	struct rndis_header h;
	uint32_t id;
	uint32_t status;
} __attribute__((packed));

struct rndis_reset_complete {
	struct rndis_header h;
	uint32_t status;
	uint32_t addressing_reset;
} __attribute__((packed));

struct rndis_indicate {
	struct rndis_header h;
	uint32_t status;
	uint32_t bytes;
	uint32_t offset;
} __attribute__((packed));

struct rndis_packet {
	struct rndis_header h;
	uint32_t data_offset;
	uint32_t data_bytes;
	uint32_t oob_offset;
	uint32_t oob_bytes;
	uint32_t oob_elements;
	uint32_t ppi_offset;
	uint32_t ppi_bytes;
	uint32_t vc;
	uint32_t reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct rndis_packet) == 44, "packet");

struct rndis_ppi {
	uint32_t size;		/* header and value */
	uint32_t type;		/* bit 31: internal */
	uint32_t offset;	/* of the value, from this header */
	uint32_t value;		/* all that the lab sends or takes are one word */
} __attribute__((packed));
#define RNDIS_PPI		16u
#define RNDIS_PPI_CSUM		0u
#define RNDIS_PPI_LSO		2u
#define RNDIS_PPI_VLAN		6u
#define RNDIS_PPI_HASH		8u
#define RNDIS_PPI_INTERNAL	0x80000000u
#define RNDIS_PPI_PACKET_ID	(RNDIS_PPI_INTERNAL | 1u)

/* checksum PPI, guest to host; bits 16..25 are the TCP header's offset */
#define RNDIS_TXCSUM_IPV4	0x01u
#define RNDIS_TXCSUM_IPV6	0x02u
#define RNDIS_TXCSUM_TCP	0x04u
#define RNDIS_TXCSUM_UDP	0x08u
#define RNDIS_TXCSUM_IP_HEADER	0x10u
#define RNDIS_TXCSUM_OFFSET(v)	((v) >> 16 & 0x3ffu)
/* checksum PPI, host to guest */
#define RNDIS_RXCSUM_TCP_BAD	0x01u
#define RNDIS_RXCSUM_UDP_BAD	0x02u
#define RNDIS_RXCSUM_IP_BAD	0x04u
#define RNDIS_RXCSUM_TCP_GOOD	0x08u
#define RNDIS_RXCSUM_UDP_GOOD	0x10u
#define RNDIS_RXCSUM_IP_GOOD	0x20u
/* LSO PPI, version 2: 0..19 MSS, 20..29 TCP header offset, 30 version 2, 31 IPv6 */
#define RNDIS_LSO_MSS(v)	((v) & 0xfffffu)
#define RNDIS_LSO_OFFSET(v)	((v) >> 20 & 0x3ffu)
#define RNDIS_LSO_V2		0x40000000u
#define RNDIS_LSO_IPV6		0x80000000u
/* VLAN PPI: 0..2 priority, 3 DEI, 4..15 VLAN id */
#define RNDIS_VLAN_TCI(v)	((uint16_t)(((v) & 7u) << 13 | ((v) & 8u) << 9 | \
					    ((v) >> 4 & 0xfffu)))
#define RNDIS_VLAN_PPI(tci)	((uint32_t)(tci) >> 13 | ((uint32_t)(tci) >> 9 & 8u) | \
				 ((uint32_t)(tci) & 0xfffu) << 4)
/* packet id PPI: byte 0 version, byte 1 flags, upper half packet id */
#define RNDIS_PACKET_ID_V1	1u
#define RNDIS_PACKET_SUBALLOC	0x1u
#define RNDIS_PACKET_FIRST	0x2u
#define RNDIS_PACKET_LAST	0x4u

#define OID_GEN_SUPPORTED_LIST			0x00010101u
#define OID_GEN_MAXIMUM_FRAME_SIZE		0x00010106u
#define OID_GEN_LINK_SPEED			0x00010107u
#define OID_GEN_CURRENT_PACKET_FILTER		0x0001010eu
#define OID_GEN_MAXIMUM_TOTAL_SIZE		0x00010111u
#define OID_GEN_MEDIA_CONNECT_STATUS		0x00010114u
#define OID_GEN_RNDIS_CONFIG_PARAMETER		0x0001021bu
#define OID_GEN_RECEIVE_SCALE_CAPABILITIES	0x00010203u
#define OID_GEN_RECEIVE_SCALE_PARAMETERS	0x00010204u
#define OID_GEN_FRIENDLY_NAME			0x00020216u
#define OID_802_3_PERMANENT_ADDRESS		0x01010101u
#define OID_802_3_CURRENT_ADDRESS		0x01010102u
#define OID_802_3_MULTICAST_LIST		0x01010103u
#define OID_TCP_OFFLOAD_CURRENT_CONFIG		0xfc01020bu
#define OID_TCP_OFFLOAD_PARAMETERS		0xfc01020cu
#define OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES	0xfc01020du

#define NDIS_FILTER_DIRECTED		0x01u
#define NDIS_FILTER_MULTICAST		0x02u
#define NDIS_FILTER_ALL_MULTICAST	0x04u
#define NDIS_FILTER_BROADCAST		0x08u
#define NDIS_FILTER_PROMISCUOUS		0x20u

#define NDIS_OBJECT_DEFAULT		0x80u
#define NDIS_OBJECT_RSS_CAPABILITIES	0x88u
#define NDIS_OBJECT_RSS_PARAMETERS	0x89u
#define NDIS_OBJECT_OFFLOAD		0xa7u

struct ndis_header {
	uint8_t type;
	uint8_t revision;
	uint16_t size;
} __attribute__((packed));

struct ndis_rss_capabilities {
	struct ndis_header h;
	uint32_t flags;
	uint32_t n_messages;
	uint32_t n_queues;
	uint16_t n_table;
	uint16_t pad;
} __attribute__((packed));
#define NDIS_RSS_CAP_TCP_IPV4	0x00000100u
#define NDIS_RSS_CAP_TCP_IPV6	0x00000200u
#define NDIS_RSS_TOEPLITZ	0x00000001u

struct ndis_rss_parameters {
	struct ndis_header h;
	uint16_t flags;
	uint16_t base_cpu;
	uint32_t hash;		/* function and types */
	uint16_t table_bytes;
	uint16_t pad;
	uint32_t table_offset;
	uint16_t key_bytes;
	uint16_t pad2;
	uint32_t key_offset;
	uint32_t masks_offset;
	uint32_t n_masks;
	uint32_t mask_bytes;
} __attribute__((packed));
_Static_assert(sizeof(struct ndis_rss_parameters) == 40, "rss parameters");
#define NDIS_RSS_HASH_UNCHANGED		0x0002u
#define NDIS_RSS_TABLE_UNCHANGED	0x0004u
#define NDIS_RSS_KEY_UNCHANGED		0x0008u
#define NDIS_RSS_DISABLE		0x0010u

#define NDIS_ENCAP_8023		0x2u

#define NDIS_CSUM_IPV4_OPT	0x001u
#define NDIS_CSUM_TCP_OPT	0x004u
#define NDIS_CSUM_TCP		0x010u
#define NDIS_CSUM_UDP		0x040u
#define NDIS_CSUM_IPV4		0x100u
#define NDIS_CSUM_IPV6_EXT	0x001u

#define NDIS_LSO_IPV6_EXT	0x1u
#define NDIS_LSO_TCP6_OPT	0x4u

struct ndis_csum_caps {
	uint32_t encap;
	uint32_t caps;
} __attribute__((packed));

struct ndis_offload {
	struct ndis_header h;
	struct ndis_csum_caps tx4;
	struct ndis_csum_caps rx4;
	struct ndis_csum_caps tx6;
	struct ndis_csum_caps rx6;
	uint32_t lso_v1[4];
	uint32_t ipsec_v1[7];
	uint32_t lso4_encap;
	uint32_t lso4_max;
	uint32_t lso4_min_segments;
	uint32_t lso6_encap;
	uint32_t lso6_max;
	uint32_t lso6_min_segments;
	uint32_t lso6_options;
	uint32_t flags;
	/* NDIS 6.1 */
	uint32_t ipsec_v2[8];
	/* NDIS 6.30 */
	uint8_t rsc4;
	uint8_t rsc6;
	uint16_t pad;
	uint32_t encapsulation[2];
} __attribute__((packed));
#define NDIS_OFFLOAD_BYTES_6_0	offsetof(struct ndis_offload, ipsec_v2)
#define NDIS_OFFLOAD_BYTES_6_1	offsetof(struct ndis_offload, rsc4)
_Static_assert(NDIS_OFFLOAD_BYTES_6_0 == 112, "offload 6.0");
_Static_assert(NDIS_OFFLOAD_BYTES_6_1 == 144, "offload 6.1");
_Static_assert(sizeof(struct ndis_offload) == 156, "offload 6.30");

struct ndis_offload_parameters {
	struct ndis_header h;
	uint8_t ip4_csum;
	uint8_t tcp4_csum;
	uint8_t udp4_csum;
	uint8_t tcp6_csum;
	uint8_t udp6_csum;
	uint8_t lso_v1;
	uint8_t ipsec_v1;
	uint8_t lso4;
	uint8_t lso6;
	uint8_t connection4;
	uint8_t connection6;
	uint8_t pad;
	uint32_t flags;
	uint8_t ipsec_v2;
	uint8_t ipsec_v2_ip4;
	/* NDIS 6.30 */
	uint8_t rsc4;
	uint8_t rsc6;
	uint8_t encapsulation;
	uint8_t encapsulation_types;
} __attribute__((packed));
#define NDIS_OFFLOAD_PARAMETERS_BYTES_MIN	22u
_Static_assert(offsetof(struct ndis_offload_parameters, rsc4) == NDIS_OFFLOAD_PARAMETERS_BYTES_MIN,
	       "offload parameters before 6.30");
/* one checksum's setting; 0 leaves it */
#define NDIS_CSUM_OFF		1u
#define NDIS_CSUM_TX		2u
#define NDIS_CSUM_RX		3u
#define NDIS_CSUM_TX_RX		4u
/* LSO and RSC: 0 leaves it */
#define NDIS_OFFLOAD_OFF	1u
#define NDIS_OFFLOAD_ON		2u

struct rndis_config_parameter {
	uint32_t name_offset;
	uint32_t name_bytes;
	uint32_t type;		/* 0 number, 2 string */
	uint32_t value_offset;
	uint32_t value_bytes;
} __attribute__((packed));

#endif
