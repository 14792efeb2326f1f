// SPDX-License-Identifier: GPL-2.0
/* The OIDs that a guest's driver queries and sets. */
#include <string.h>

#include "log.h"
#include "netvsp.h"
#include "vm.h"

#define LSO_MAX	     65535u
#define RSS_ENTRIES  RSS_TABLE_MAX
#define MTU_OF_GUEST(dev) ((dev)->mtu ? (dev)->mtu : (dev)->opt.mtu)

static uint32_t answer_u32(uint8_t *out, uint32_t *out_len, uint32_t value)
{
	memcpy(out, &value, sizeof(value));
	*out_len = sizeof(value);
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t answer_bytes(uint8_t *out, uint32_t *out_len, const void *bytes, uint32_t len)
{
	memcpy(out, bytes, len);
	*out_len = len;
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t query_name(const struct netvsp *dev, uint8_t *out, uint32_t *out_len)
{
	const char *name = dev->opt.name;
	uint32_t i;

	/* UTF-16; only ASCII names are taken from the command line. */
	for (i = 0; name[i] && i < 255; i++) {
		out[2 * i] = (uint8_t)name[i];
		out[2 * i + 1] = 0;
	}
	*out_len = 2 * i;
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t query_offload(const struct netvsp *dev, const uint8_t *in, uint32_t in_len,
			      uint8_t *out, uint32_t *out_len)
{
	const struct netvsp_options *opt = &dev->opt;
	struct ndis_offload caps = {
		.h = { .type = NDIS_OBJECT_OFFLOAD },
	};
	struct ndis_header want;

	if (in_len < sizeof(want))
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(&want, in, sizeof(want));
	if (want.type != NDIS_OBJECT_OFFLOAD || want.size < NDIS_OFFLOAD_BYTES_6_0 ||
	    in_len < want.size) {
		judge(dev->v.name, "oid-offload", "header type %#x, size %u in %u bytes",
		      want.type, want.size, in_len);
		return RNDIS_STATUS_INVALID_LENGTH;
	}
	/* An older guest gets the older, shorter object. */
	if (want.revision >= 3 && want.size >= sizeof(caps)) {
		caps.h.revision = 3;
		caps.h.size = sizeof(caps);
	} else if (want.revision >= 2 && want.size >= NDIS_OFFLOAD_BYTES_6_1) {
		caps.h.revision = 2;
		caps.h.size = NDIS_OFFLOAD_BYTES_6_1;
	} else {
		caps.h.revision = 1;
		caps.h.size = NDIS_OFFLOAD_BYTES_6_0;
	}
	if (opt->tx_csum) {
		caps.tx4.encap = NDIS_ENCAP_8023;
		caps.tx4.caps = NDIS_CSUM_IPV4 | NDIS_CSUM_IPV4_OPT | NDIS_CSUM_TCP |
				NDIS_CSUM_TCP_OPT | (opt->udp_csum ? NDIS_CSUM_UDP : 0);
		caps.tx6.encap = NDIS_ENCAP_8023;
		caps.tx6.caps = NDIS_CSUM_IPV6_EXT | NDIS_CSUM_TCP | NDIS_CSUM_TCP_OPT |
				(opt->udp_csum ? NDIS_CSUM_UDP : 0);
	}
	if (opt->rx_csum) {
		caps.rx4.encap = NDIS_ENCAP_8023;
		caps.rx4.caps = NDIS_CSUM_IPV4 | NDIS_CSUM_IPV4_OPT | NDIS_CSUM_TCP |
				NDIS_CSUM_TCP_OPT | NDIS_CSUM_UDP;
		caps.rx6.encap = NDIS_ENCAP_8023;
		caps.rx6.caps = NDIS_CSUM_IPV6_EXT | NDIS_CSUM_TCP | NDIS_CSUM_TCP_OPT |
				NDIS_CSUM_UDP;
	}
	if (opt->lso && opt->tx_csum) {
		caps.lso4_encap = NDIS_ENCAP_8023;
		caps.lso4_max = LSO_MAX;
		caps.lso4_min_segments = 2;
		caps.lso6_encap = NDIS_ENCAP_8023;
		caps.lso6_max = LSO_MAX;
		caps.lso6_min_segments = 2;
		caps.lso6_options = NDIS_LSO_IPV6_EXT | NDIS_LSO_TCP6_OPT;
	}
	if (opt->rsc && dev->nvsp >= NVSP_V6_1 && dev->capabilities & NVSP_CAP_RSC) {
		caps.rsc4 = 1;
		caps.rsc6 = 1;
	}
	return answer_bytes(out, out_len, &caps, caps.h.size);
}

static uint32_t query_rss(const struct netvsp *dev, uint32_t in_len, uint8_t *out,
			  uint32_t *out_len)
{
	struct ndis_rss_capabilities caps = {
		.h = {
			.type = NDIS_OBJECT_RSS_CAPABILITIES,
			.revision = 2,
			.size = sizeof(caps),
		},
		.flags = NDIS_RSS_CAP_TCP_IPV4 | NDIS_RSS_CAP_TCP_IPV6 | NDIS_RSS_TOEPLITZ,
		.n_messages = dev->opt.queues,
		.n_queues = dev->opt.queues,
		.n_table = RSS_ENTRIES,
	};
	uint32_t len = sizeof(caps);

	if (!dev->opt.rss || dev->nvsp < NVSP_V5)
		return RNDIS_STATUS_NOT_SUPPORTED;
	/* The guest says how much of the object it knows. */
	if (in_len && in_len < len)
		len = in_len;
	if (len < offsetof(struct ndis_rss_capabilities, pad))
		return RNDIS_STATUS_INVALID_LENGTH;
	return answer_bytes(out, out_len, &caps, len);
}

uint32_t rndis_query(struct netvsp *dev, uint32_t oid, const uint8_t *in, uint32_t in_len,
		     uint8_t *out, uint32_t *out_len)
{
	static const uint32_t supported[] = {
		OID_GEN_SUPPORTED_LIST,
		OID_GEN_MAXIMUM_FRAME_SIZE,
		OID_GEN_LINK_SPEED,
		OID_GEN_CURRENT_PACKET_FILTER,
		OID_GEN_MAXIMUM_TOTAL_SIZE,
		OID_GEN_MEDIA_CONNECT_STATUS,
		OID_GEN_RNDIS_CONFIG_PARAMETER,
		OID_GEN_RECEIVE_SCALE_CAPABILITIES,
		OID_GEN_RECEIVE_SCALE_PARAMETERS,
		OID_GEN_FRIENDLY_NAME,
		OID_802_3_PERMANENT_ADDRESS,
		OID_802_3_CURRENT_ADDRESS,
		OID_802_3_MULTICAST_LIST,
		OID_TCP_OFFLOAD_PARAMETERS,
		OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
	};

	log_debug("%s: OID %#x queried", dev->v.name, oid);
	switch (oid) {
	case OID_GEN_SUPPORTED_LIST:
		return answer_bytes(out, out_len, supported, sizeof(supported));
	case OID_GEN_MAXIMUM_FRAME_SIZE:
		return answer_u32(out, out_len, MTU_OF_GUEST(dev));
	case OID_GEN_MAXIMUM_TOTAL_SIZE:
		return answer_u32(out, out_len, MTU_OF_GUEST(dev) + FRAME_LEN_MIN);
	case OID_GEN_LINK_SPEED:	/* 100 bit/s */
		return answer_u32(out, out_len,
				  dev->opt.speed_mbps > 400000 ?
					  UINT32_MAX :
					  (uint32_t)(dev->opt.speed_mbps * 10000));
	case OID_GEN_CURRENT_PACKET_FILTER:
		return answer_u32(out, out_len, dev->filter);
	case OID_GEN_MEDIA_CONNECT_STATUS:	/* 0 connected, 1 not */
		return answer_u32(out, out_len, !dev->link_up);
	case OID_GEN_FRIENDLY_NAME:
		return query_name(dev, out, out_len);
	case OID_802_3_PERMANENT_ADDRESS:
		return answer_bytes(out, out_len, dev->opt.mac, 6);
	case OID_802_3_CURRENT_ADDRESS:
		return answer_bytes(out, out_len, dev->mac, 6);
	case OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES:
		return query_offload(dev, in, in_len, out, out_len);
	case OID_GEN_RECEIVE_SCALE_CAPABILITIES:
		return query_rss(dev, in_len, out, out_len);
	default:
		return RNDIS_STATUS_NOT_SUPPORTED;
	}
}

static bool wants_rx(uint8_t csum, bool now)
{
	return csum ? csum == NDIS_CSUM_RX || csum == NDIS_CSUM_TX_RX : now;
}

static uint32_t set_offload(struct netvsp *dev, const uint8_t *in, uint32_t in_len)
{
	struct ndis_offload_parameters want = { 0 };

	if (in_len < NDIS_OFFLOAD_PARAMETERS_BYTES_MIN)
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(&want, in, in_len < sizeof(want) ? in_len : sizeof(want));
	if (want.h.type != NDIS_OBJECT_DEFAULT || want.h.size > in_len) {
		judge(dev->v.name, "oid-offload", "parameters of type %#x, size %u in %u bytes",
		      want.h.type, want.h.size, in_len);
		return RNDIS_STATUS_INVALID_DATA;
	}
	if ((want.lso4 == NDIS_OFFLOAD_ON || want.lso6 == NDIS_OFFLOAD_ON) && !dev->opt.lso) {
		judge(dev->v.name, "oid-offload", "LSO turned on without being offered");
		return RNDIS_STATUS_INVALID_DATA;
	}
	dev->rx_csum4 = dev->opt.rx_csum && wants_rx(want.tcp4_csum, dev->rx_csum4);
	dev->rx_csum6 = dev->opt.rx_csum && wants_rx(want.tcp6_csum, dev->rx_csum6);
	if (want.rsc4)
		dev->rsc4 = dev->opt.rsc && want.rsc4 == NDIS_OFFLOAD_ON;
	if (want.rsc6)
		dev->rsc6 = dev->opt.rsc && want.rsc6 == NDIS_OFFLOAD_ON;
	netvsp_apply_rss(dev);
	return RNDIS_STATUS_SUCCESS;
}

static bool inside(uint32_t offset, uint32_t bytes, uint32_t len)
{
	return offset <= len && bytes <= len - offset;
}

static uint32_t set_rss(struct netvsp *dev, const uint8_t *in, uint32_t in_len)
{
	struct ndis_rss_parameters want;
	uint32_t i, n, entry;
	struct rss rss;

	if (!dev->opt.rss)
		return RNDIS_STATUS_NOT_SUPPORTED;
	if (in_len < sizeof(want))
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(&want, in, sizeof(want));
	n = want.table_bytes / 4;
	if (want.h.type != NDIS_OBJECT_RSS_PARAMETERS ||
	    !inside(want.table_offset, want.table_bytes, in_len) ||
	    !inside(want.key_offset, want.key_bytes, in_len)) {
		judge(dev->v.name, "oid-rss", "type %#x, table %u at %u, key %u at %u of %u bytes",
		      want.h.type, want.table_bytes, want.table_offset, want.key_bytes,
		      want.key_offset, in_len);
		return RNDIS_STATUS_INVALID_DATA;
	}
	rss = dev->rss;
	if (want.flags & NDIS_RSS_DISABLE) {
		rss.types = 0;
	} else {
		if (!(want.flags & NDIS_RSS_HASH_UNCHANGED))
			rss.types = want.hash & NDIS_RSS_TOEPLITZ ? want.hash & RSS_HASH_ALL : 0;
		if (!(want.flags & NDIS_RSS_KEY_UNCHANGED)) {
			if (want.key_bytes != RSS_KEY_LEN)
				return RNDIS_STATUS_INVALID_DATA;
			rss_set_key(&rss, in + want.key_offset);
		}
		if (!(want.flags & NDIS_RSS_TABLE_UNCHANGED)) {
			if (!n || n > RSS_TABLE_MAX || n & (n - 1))
				return RNDIS_STATUS_INVALID_DATA;
			for (i = 0; i < n; i++) {
				memcpy(&entry, in + want.table_offset + 4 * i, sizeof(entry));
				if (entry >= dev->n_queues) {
					judge(dev->v.name, "oid-rss",
					      "table sends to queue %u of %u", entry,
					      dev->n_queues);
					return RNDIS_STATUS_INVALID_DATA;
				}
				rss.table[i] = (uint16_t)entry;
			}
			rss.n_table = (uint16_t)n;
		}
	}
	dev->rss = rss;
	netvsp_apply_rss(dev);
	nvsp_send_table(dev);
	return RNDIS_STATUS_SUCCESS;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The only parameter known: "NetworkAddress", a string of twelve hex digits, both in UTF-16. */
static uint32_t set_parameter(struct netvsp *dev, const uint8_t *in, uint32_t in_len)
{
	static const char name[] = "NetworkAddress";
	struct rndis_config_parameter p;
	const uint8_t *at;
	uint8_t mac[6];
	unsigned int i;
	int high, low;

	if (in_len < sizeof(p))
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(&p, in, sizeof(p));
	if (!inside(p.name_offset, p.name_bytes, in_len) ||
	    !inside(p.value_offset, p.value_bytes, in_len)) {
		judge(dev->v.name, "oid-parameter", "name %u at %u, value %u at %u of %u bytes",
		      p.name_bytes, p.name_offset, p.value_bytes, p.value_offset, in_len);
		return RNDIS_STATUS_INVALID_DATA;
	}
	at = in + p.name_offset;
	if (p.name_bytes != 2 * (sizeof(name) - 1) || p.type != 2 || p.value_bytes != 24)
		return RNDIS_STATUS_NOT_SUPPORTED;
	for (i = 0; i < sizeof(name) - 1; i++) {
		if (at[2 * i] != name[i] || at[2 * i + 1])
			return RNDIS_STATUS_NOT_SUPPORTED;
	}
	at = in + p.value_offset;
	for (i = 0; i < 6; i++) {
		high = hex_digit(at[4 * i]);
		low = hex_digit(at[4 * i + 2]);
		if (high < 0 || low < 0)
			return RNDIS_STATUS_INVALID_DATA;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	if (mac[0] & 1)
		return RNDIS_STATUS_INVALID_DATA;
	memcpy(dev->mac, mac, sizeof(mac));
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t set_filter(struct netvsp *dev, const uint8_t *in, uint32_t in_len)
{
	uint32_t filter;

	if (in_len < sizeof(filter))
		return RNDIS_STATUS_INVALID_LENGTH;
	memcpy(&filter, in, sizeof(filter));
	netvsp_set_filter(dev, filter);
	return RNDIS_STATUS_SUCCESS;
}

uint32_t rndis_set(struct netvsp *dev, uint32_t oid, const uint8_t *in, uint32_t in_len)
{
	switch (oid) {
	case OID_GEN_CURRENT_PACKET_FILTER:
		return set_filter(dev, in, in_len);
	case OID_TCP_OFFLOAD_PARAMETERS:
		return set_offload(dev, in, in_len);
	case OID_GEN_RECEIVE_SCALE_PARAMETERS:
		return set_rss(dev, in, in_len);
	case OID_GEN_RNDIS_CONFIG_PARAMETER:
		return set_parameter(dev, in, in_len);
	case OID_802_3_MULTICAST_LIST:
		return RNDIS_STATUS_SUCCESS;	/* all multicast passes if any does */
	default:
		return RNDIS_STATUS_NOT_SUPPORTED;
	}
}
