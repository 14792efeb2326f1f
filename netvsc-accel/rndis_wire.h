/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RNDIS and the NDIS objects inside it, as they lie in memory ([MS-RNDIS], NDIS reference). Offsets
 * in a message count from the end of its 8-byte header. Names of the kernel's own
 * include/linux/rndis.h are not used: it has constants only, and this file keeps structures and
 * constants of one message together.
 */
#ifndef HV_NETVSC_ACCEL_RNDIS_WIRE_H
#define HV_NETVSC_ACCEL_RNDIS_WIRE_H

#include <linux/build_bug.h>
#include <linux/types.h>

enum rndis_type {
	RNDIS_PACKET			= 0x00000001,
	RNDIS_INITIALIZE		= 0x00000002,
	RNDIS_HALT			= 0x00000003,
	RNDIS_QUERY			= 0x00000004,
	RNDIS_SET			= 0x00000005,
	RNDIS_INDICATE			= 0x00000007,
};

#define RNDIS_COMPLETE			0x80000000u	/* added to a request's type in its reply */

#define RNDIS_SUCCESS			0x00000000u
#define RNDIS_NETWORK_CHANGE		0x40010018u
#define RNDIS_LINK_UP			0x4001000bu
#define RNDIS_LINK_DOWN			0x4001000cu
#define RNDIS_LINK_SPEED		0x40010013u
#define RNDIS_OFFLOAD_CONFIG		0x40020006u

#define OID_MAXIMUM_FRAME_SIZE		0x00010106u
#define OID_LINK_SPEED			0x00010107u
#define OID_PACKET_FILTER		0x0001010eu
#define OID_MEDIA_STATUS		0x00010114u
#define OID_RSS_CAPABILITIES		0x00010203u
#define OID_RSS_PARAMETERS		0x00010204u
#define OID_CONFIG_PARAMETER		0x0001021bu
#define OID_FRIENDLY_NAME		0x00020216u
#define OID_PERMANENT_ADDRESS		0x01010101u
#define OID_OFFLOAD_PARAMETERS		0xfc01020cu
#define OID_OFFLOAD_CAPABILITIES	0xfc01020du

#define RNDIS_FILTER_DIRECTED		0x00000001u
#define RNDIS_FILTER_ALL_MULTICAST	0x00000004u
#define RNDIS_FILTER_BROADCAST		0x00000008u
#define RNDIS_FILTER_PROMISCUOUS	0x00000020u

struct rndis_header {
	__le32 type;
	__le32 length;			/* with this header */
} __packed;

struct rndis_initialize {
	struct rndis_header hdr;
	__le32 request_id;
	__le32 major;
	__le32 minor;
	__le32 max_transfer;
} __packed;

struct rndis_initialize_complete {
	struct rndis_header hdr;
	__le32 request_id;
	__le32 status;
	__le32 major;
	__le32 minor;
	__le32 flags;
	__le32 medium;
	__le32 max_packets;		/* RNDIS packets the host takes in one VMBus packet */
	__le32 max_transfer;		/* bytes of them */
	__le32 alignment;		/* power of two on which each must start */
} __packed;

struct rndis_halt {
	struct rndis_header hdr;
	__le32 request_id;
} __packed;

/* Query and set alike; the information buffer follows. */
struct rndis_request {
	struct rndis_header hdr;
	__le32 request_id;
	__le32 oid;
	__le32 info_length;
	__le32 info_offset;
	__le32 reserved;
} __packed;

struct rndis_query_complete {
	struct rndis_header hdr;
	__le32 request_id;
	__le32 status;
	__le32 info_length;
	__le32 info_offset;
} __packed;

struct rndis_set_complete {
	struct rndis_header hdr;
	__le32 request_id;
	__le32 status;
} __packed;

struct rndis_indicate {
	struct rndis_header hdr;
	__le32 status;
	__le32 info_length;
	__le32 info_offset;
} __packed;

struct rndis_packet {
	struct rndis_header hdr;
	__le32 data_offset;
	__le32 data_length;
	__le32 oob_offset;
	__le32 oob_length;
	__le32 oob_count;
	__le32 ppi_offset;
	__le32 ppi_length;
	__le32 vc_handle;
	__le32 reserved;
} __packed;

/*
 * Writes the header of a packet of @length bytes behind @ppi_length bytes of per-packet
 * information. Member by member: of an initializer gcc makes a loop that clears all of it first.
 */
static inline void rndis_put_packet(struct rndis_packet *message, u32 ppi_length, u32 length)
{
	const u32 fixed = sizeof(*message) - sizeof(message->hdr);

	message->hdr.type = cpu_to_le32(RNDIS_PACKET);
	message->hdr.length = cpu_to_le32(sizeof(*message) + ppi_length + length);
	message->data_offset = cpu_to_le32(fixed + ppi_length);
	message->data_length = cpu_to_le32(length);
	message->oob_offset = 0;
	message->oob_length = 0;
	message->oob_count = 0;
	message->ppi_offset = cpu_to_le32(ppi_length ? fixed : 0);
	message->ppi_length = cpu_to_le32(ppi_length);
	message->vc_handle = 0;
	message->reserved = 0;
}

/* Per-packet information: a chain of these, each followed by its value at @value_offset. */
struct rndis_ppi {
	__le32 size;
	__le32 type;			/* bit 31: RNDIS's own types, else NDIS's */
	__le32 value_offset;
} __packed;

struct rndis_ppi_u32 {
	struct rndis_ppi ppi;
	__le32 value;
} __packed;

#define RNDIS_PPI_CSUM			0
#define RNDIS_PPI_LSO			2
#define RNDIS_PPI_VLAN			6
#define RNDIS_PPI_HASH			8
#define RNDIS_PPI_INTERNAL		0x80000000u
#define RNDIS_PPI_PACKET_ID		(RNDIS_PPI_INTERNAL | 1)

/* RNDIS_PPI_CSUM, guest to host. */
#define RNDIS_TXCSUM_IPV4		0x00000001u
#define RNDIS_TXCSUM_IPV6		0x00000002u
#define RNDIS_TXCSUM_TCP		0x00000004u
#define RNDIS_TXCSUM_UDP		0x00000008u
#define RNDIS_TXCSUM_L4_SHIFT		16		/* offset of the TCP header, 10 bits */
#define RNDIS_L4_OFFSET_MAX		0x3ffu

/* RNDIS_PPI_CSUM, host to guest. */
#define RNDIS_RXCSUM_TCP_BAD		0x00000001u
#define RNDIS_RXCSUM_UDP_BAD		0x00000002u
#define RNDIS_RXCSUM_IP_BAD		0x00000004u
#define RNDIS_RXCSUM_TCP_GOOD		0x00000008u
#define RNDIS_RXCSUM_UDP_GOOD		0x00000010u
#define RNDIS_RXCSUM_IP_GOOD		0x00000020u
/* judged good, but the field in the packet holds another value */
#define RNDIS_RXCSUM_TCP_VALUE_BAD	0x00000080u
#define RNDIS_RXCSUM_IP_VALUE_BAD	0x00000100u

/* RNDIS_PPI_LSO, version 2. */
#define RNDIS_LSO_MSS_MAX		0xfffffu
#define RNDIS_LSO_L4_SHIFT		20
#define RNDIS_LSO_V2			0x40000000u
#define RNDIS_LSO_IPV6			0x80000000u

/* RNDIS_PPI_VLAN: priority, CFI, id from the lowest bit up; a TCI has them the other way round. */
#define RNDIS_VLAN_PRIO			0x00000007u
#define RNDIS_VLAN_CFI			0x00000008u
#define RNDIS_VLAN_ID_SHIFT		4

/*
 * RNDIS_PPI_PACKET_ID: u8 version, u8 flags, u16 id. The flags mark the pieces of a packet that
 * the host coalesced.
 */
#define RNDIS_PIECE			0x01u
#define RNDIS_PIECE_FIRST		0x02u
#define RNDIS_PIECE_LAST		0x04u

/* Greatest chain a host writes; more is malformed. */
#define RNDIS_PPI_MAX			16

struct ndis_header {
	u8 type;
	u8 revision;
	__le16 size;
} __packed;

#define NDIS_TYPE_DEFAULT		0x80
#define NDIS_TYPE_RSS_CAPABILITIES	0x88
#define NDIS_TYPE_RSS_PARAMETERS	0x89
#define NDIS_TYPE_OFFLOAD		0xa7

struct ndis_rss_capabilities {
	struct ndis_header hdr;
	__le32 flags;
	__le32 interrupts;
	__le32 queues;
	__le16 table_entries;
} __packed;

#define NDIS_RSS_KEY_SIZE		40
#define NDIS_RSS_TABLE_DEFAULT		128
#define NDIS_RSS_TABLE_MAX		256

#define NDIS_RSS_DISABLE		0x0010

#define NDIS_HASH_TOEPLITZ		0x00000001u
#define NDIS_HASH_IPV4			0x00000100u
#define NDIS_HASH_TCP_IPV4		0x00000200u
#define NDIS_HASH_IPV6			0x00000400u
#define NDIS_HASH_TCP_IPV6		0x00001000u

struct ndis_rss_parameters {
	struct ndis_header hdr;
	__le16 flags;
	__le16 base_cpu;
	__le32 hash_info;
	__le16 table_size;		/* bytes */
	__le16 pad0;
	__le32 table_offset;
	__le16 key_size;
	__le16 pad1;
	__le32 key_offset;
	__le32 masks_offset;
	__le32 masks_count;
	__le32 masks_size;
} __packed;

struct ndis_csum_caps {
	__le32 ip4_tx_encap;
	__le32 ip4_tx;
	__le32 ip4_rx_encap;
	__le32 ip4_rx;
	__le32 ip6_tx_encap;
	__le32 ip6_tx;
	__le32 ip6_rx_encap;
	__le32 ip6_rx;
} __packed;

#define NDIS_CSUM_OPTIONS		0x001u	/* of IPv4, or IPv6 extension headers */
#define NDIS_CSUM_TCP_OPTIONS		0x004u
#define NDIS_CSUM_TCP			0x010u
#define NDIS_CSUM_UDP			0x040u
#define NDIS_CSUM_IP			0x100u
#define NDIS_ENCAP_8023			0x0002u
#define NDIS_LSO6_OPTIONS		0x005u		/* IPv6 extension headers and TCP options */

struct ndis_lso2_caps {
	__le32 ip4_encap;
	__le32 ip4_max;
	__le32 ip4_min_segments;
	__le32 ip6_encap;
	__le32 ip6_max;
	__le32 ip6_min_segments;
	__le32 ip6_options;
} __packed;

/* Answer to OID_OFFLOAD_CAPABILITIES. A shorter one ends at a revision's mark. */
struct ndis_offload {
	struct ndis_header hdr;
	struct ndis_csum_caps csum;
	__le32 lso1[4];
	__le32 ipsec1[7];
	struct ndis_lso2_caps lso2;
	__le32 flags;
	/* revision 2, NDIS 6.1 */
	__le32 ipsec2[8];
	/* revision 3, NDIS 6.30 */
	u8 rsc_ip4;
	u8 rsc_ip6;
	u8 pad[2];
	__le32 encap_flags;
	__le32 encap_max_header;
} __packed;

/* Argument of OID_OFFLOAD_PARAMETERS. Zero leaves a setting as it is. */
struct ndis_offload_parameters {
	struct ndis_header hdr;
	u8 ip4_csum;
	u8 tcp4_csum;
	u8 udp4_csum;
	u8 tcp6_csum;
	u8 udp6_csum;
	u8 lso1;
	u8 ipsec1;
	u8 lso2_ip4;
	u8 lso2_ip6;
	u8 tcp_connection_ip4;
	u8 tcp_connection_ip6;
	u8 pad;
	__le32 flags;
	/* revision 2 */
	u8 ipsec2;
	u8 ipsec2_ip4;
	/* revision 3 */
	u8 rsc_ip4;
	u8 rsc_ip6;
	u8 encap;
	u8 encap_types;
	u8 pad2[2];
} __packed;

#define NDIS_CSUM_OFF			1
#define NDIS_CSUM_TX_RX_ON		4
#define NDIS_LSO2_OFF			1
#define NDIS_LSO2_ON			2
#define NDIS_RSC_OFF			1
#define NDIS_RSC_ON			2

/* Argument of OID_CONFIG_PARAMETER; name and value, both UTF-16, follow. */
struct rndis_config_parameter {
	__le32 name_offset;
	__le32 name_length;
	__le32 type;
	__le32 value_offset;
	__le32 value_length;
} __packed;

#define RNDIS_CONFIG_STRING		2

static_assert(sizeof(struct rndis_packet) == 44);
static_assert(sizeof(struct rndis_ppi_u32) == 16);
static_assert(sizeof(struct rndis_initialize_complete) == 44);
static_assert(sizeof(struct rndis_request) == 28);
static_assert(sizeof(struct rndis_query_complete) == 24);
static_assert(sizeof(struct ndis_rss_capabilities) == 18);
static_assert(sizeof(struct ndis_rss_parameters) == 40);
static_assert(offsetof(struct ndis_rss_parameters, table_offset) == 16);
static_assert(offsetof(struct ndis_rss_parameters, key_offset) == 24);
static_assert(offsetof(struct ndis_offload, lso2) == 80);
static_assert(offsetof(struct ndis_offload, ipsec2) == 112);
static_assert(offsetof(struct ndis_offload, rsc_ip4) == 144);
static_assert(sizeof(struct ndis_offload) == 156);
static_assert(offsetof(struct ndis_offload_parameters, flags) == 16);
static_assert(offsetof(struct ndis_offload_parameters, rsc_ip4) == 22);
static_assert(sizeof(struct ndis_offload_parameters) == 28);
static_assert(sizeof(struct rndis_config_parameter) == 20);

#endif
