// SPDX-License-Identifier: GPL-2.0
/*
 * Header parsing and the internet checksum. Formats: RFC 791, 793, 768, 8200, 1071; IEEE 802.1Q.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "offload.h"
#include "wire.h"

#define TAGS_MAX       2
#define EXTENSIONS_MAX 8 /* IPv6 extension headers walked */

static void parse_l4(struct offload_headers *h, uint8_t proto, uint32_t off)
{
	uint32_t size = UDP_HLEN;

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return;
	if (off + size > h->end || off + size > h->len)
		return;
	if (proto == IPPROTO_TCP) {
		if (off + TCP_HLEN > h->end || off + TCP_HLEN > h->len)
			return;
		size = (h->bytes[off + TCP_DOFF] >> 4) * 4u;
		if (size < TCP_HLEN || off + size > h->end || off + size > h->len)
			return;
	}
	h->l4 = proto;
	h->l4_off = off;
	h->payload_off = off + size;
}

static int parse_ip4(const struct frame *f, struct offload_headers *h, uint32_t off)
{
	uint32_t ihl, total;

	if (off + IP4_HLEN > h->len || h->bytes[off] >> 4 != 4)
		return -EINVAL;
	ihl = (h->bytes[off] & 15) * 4u;
	total = wire_get16(h->bytes + off + IP4_TOTAL_LEN);
	if (f->gso_type != FRAME_GSO_NONE)
		total = f->len - off;
	if (ihl < IP4_HLEN || total < ihl || total > f->len - off)
		return -EINVAL;
	h->l3 = 4;
	h->l3_off = off;
	h->end = off + total;
	h->fragment = wire_get16(h->bytes + off + IP4_FRAG) & IP4_FRAG_ANY;
	if (!h->fragment)
		parse_l4(h, h->bytes[off + IP4_PROTO], off + ihl);
	return 0;
}

/*
 * The TCP or UDP header behind extension headers. A routing header with segments left changes
 * what the checksum covers: such a packet has no l4 for us.
 */
static int parse_ip6(const struct frame *f, struct offload_headers *h, uint32_t off)
{
	uint32_t payload;
	uint8_t next;

	if (off + IP6_HLEN > h->len || h->bytes[off] >> 4 != 6)
		return -EINVAL;
	payload = wire_get16(h->bytes + off + IP6_PAYLOAD_LEN);
	if (f->gso_type != FRAME_GSO_NONE)
		payload = f->len - off - IP6_HLEN;
	if (payload > f->len - off - IP6_HLEN)
		return -EINVAL;
	h->l3 = 6;
	h->l3_off = off;
	h->end = off + IP6_HLEN + payload;
	next = h->bytes[off + IP6_NEXT];
	off += IP6_HLEN;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		const uint8_t *e = h->bytes + off;

		switch (next) {
		case IPPROTO_FRAGMENT:
			h->fragment = true;
			return 0;
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_AH:
			break;
		default:
			parse_l4(h, next, off);
			return 0;
		}
		if (off + 8 > h->len || off + 8 > h->end)
			return 0;
		if (next == IPPROTO_ROUTING && e[3])
			return 0;
		off += next == IPPROTO_AH ? (e[1] + 2) * 4u : (e[1] + 1) * 8u;
		next = e[0];
	}
	return 0;
}

int offload_parse(const struct frame *f, struct offload_headers *h)
{
	uint32_t off = ETH_TYPE;
	uint16_t type;

	memset(h, 0, offsetof(struct offload_headers, bytes));
	if (f->len < ETH_HLEN)
		return -EINVAL;
	h->end = f->len;
	h->len = frame_copy_out(f, 0, h->bytes, sizeof(h->bytes));
	type = wire_get16(h->bytes + off);
	while (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ) {
		off += VLAN_HLEN;
		if (++h->tags > TAGS_MAX)
			return 0;
		if (off + 2 > h->len)
			return -EINVAL;
		type = wire_get16(h->bytes + off);
	}
	off += 2;
	if (type == ETHERTYPE_IP4)
		return parse_ip4(f, h, off);
	if (type == ETHERTYPE_IP6)
		return parse_ip6(f, h, off);
	return 0;
}

/* Sum of a flat range, as if it began at an even offset. */
static uint64_t sum_flat(const uint8_t *p, size_t len)
{
	uint64_t sum = 0, last = 0, w[4];

	for (; len >= sizeof(w); p += sizeof(w), len -= sizeof(w)) {
		memcpy(w, p, sizeof(w));
		for (int i = 0; i < 4; i++) {
			sum += w[i];
			sum += sum < w[i];
		}
	}
	for (; len >= sizeof(w[0]); p += sizeof(w[0]), len -= sizeof(w[0])) {
		memcpy(w, p, sizeof(w[0]));
		sum += w[0];
		sum += sum < w[0];
	}
	memcpy(&last, p, len);
	sum += last;
	sum += sum < last;
	return sum;
}

static uint32_t fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

uint64_t offload_csum_add(const struct iovec *iov, unsigned int n, size_t off, size_t len,
			  uint64_t sum)
{
	bool odd = false;

	for (unsigned int i = 0; i < n && len; i++) {
		size_t have = iov[i].iov_len;
		uint64_t part;

		if (off >= have) {
			off -= have;
			continue;
		}
		have -= off;
		if (have > len)
			have = len;
		part = fold(sum_flat((const uint8_t *)iov[i].iov_base + off, have));
		sum += odd ? (uint16_t)__builtin_bswap16(part) : part;
		odd ^= have & 1;
		len -= have;
		off = 0;
	}
	return sum;
}

uint16_t offload_csum_fold(uint64_t sum)
{
	return ~fold(sum);
}

uint64_t offload_csum_pseudo(const struct offload_headers *h, uint32_t len)
{
	const uint8_t *ip = h->bytes + h->l3_off;
	uint8_t tail[8] = { len >> 24, len >> 16, len >> 8, len, 0, 0, 0, h->l4 };

	return (h->l3 == 4 ? (uint64_t)fold(sum_flat(ip + IP4_SRC, 8)) :
			     fold(sum_flat(ip + IP6_SRC, 32))) +
	       fold(sum_flat(tail, sizeof(tail)));
}

void offload_csum_ip4(uint8_t *ip)
{
	uint16_t sum;

	memset(ip + IP4_CSUM, 0, 2);
	sum = ~fold(sum_flat(ip, (ip[0] & 15) * 4u));
	memcpy(ip + IP4_CSUM, &sum, 2);
}

int offload_csum_complete(const struct frame *f, struct frame *out, struct offload_headers *h)
{
	bool partial = f->csum == FRAME_CSUM_PARTIAL;
	uint32_t field = (uint32_t)f->csum_start + f->csum_offset;
	uint16_t sum;

	if (!partial && !f->ip_csum) {
		frame_copy_descriptor(out, f);
		return 0;
	}
	if (offload_parse(f, h))
		return -EINVAL;
	if (partial && (f->csum_start < ETH_HLEN || field + 2 > h->len))
		return -EINVAL;
	if (f->ip_csum && h->l3 == 4) {
		if (h->l3_off + (h->bytes[h->l3_off] & 15) * 4u > h->len)
			return -EINVAL;
		offload_csum_ip4(h->bytes + h->l3_off);
	}
	memcpy(out, f, offsetof(struct frame, iov));
	out->n_iov = 1;
	out->iov[0].iov_base = h->bytes;
	out->iov[0].iov_len = h->len;
	out->len = h->len;
	if (!frame_append_range(out, f, h->len, f->len - h->len))
		return -EINVAL;
	out->ip_csum = false;
	if (partial) {
		sum = offload_csum_fold(offload_csum_add(out->iov, out->n_iov, f->csum_start,
							 out->len - f->csum_start, 0));
		if (!sum && f->csum_offset == UDP_CSUM)
			sum = 0xffff;
		memcpy(h->bytes + field, &sum, 2);
		out->csum = FRAME_CSUM_NONE;
	}
	return 0;
}

enum offload_verdict offload_csum_verify(const struct frame *f)
{
	struct offload_headers h;
	uint32_t len;

	if (offload_parse(f, &h))
		return OFFLOAD_CSUM_MALFORMED;
	if (h.l3 == 4) {
		uint32_t ihl = (h.bytes[h.l3_off] & 15) * 4u;

		if (h.l3_off + ihl > h.len)
			return OFFLOAD_CSUM_MALFORMED;
		if (fold(sum_flat(h.bytes + h.l3_off, ihl)) != 0xffff)
			return OFFLOAD_CSUM_BAD_IP;
	}
	if (!h.l4)
		return OFFLOAD_CSUM_ABSENT;
	len = h.end - h.l4_off;
	if (h.l4 == IPPROTO_UDP) {
		uint32_t udp_len = wire_get16(h.bytes + h.l4_off + UDP_LEN);

		if (udp_len < UDP_HLEN || udp_len > len)
			return OFFLOAD_CSUM_MALFORMED;
		len = udp_len;
		if (!wire_get16(h.bytes + h.l4_off + UDP_CSUM))
			return h.l3 == 4 ? OFFLOAD_CSUM_ABSENT : OFFLOAD_CSUM_BAD;
	}
	if (fold(offload_csum_add(f->iov, f->n_iov, h.l4_off, len, offload_csum_pseudo(&h, len))) !=
	    0xffff)
		return OFFLOAD_CSUM_BAD;
	return OFFLOAD_CSUM_GOOD;
}
