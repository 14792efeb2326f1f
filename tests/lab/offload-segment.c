// SPDX-License-Identifier: GPL-2.0
/* Large send offload: one TCP frame of up to 64 KiB becomes frames of one MSS each. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "offload.h"
#include "wire.h"

static int parse_large(const struct frame *f, struct offload_headers *h)
{
	uint8_t l3 = f->gso_type == FRAME_GSO_TCP4 ? 4 : 6;

	if (f->gso_type == FRAME_GSO_NONE || !f->gso_size)
		return -EINVAL;
	if (offload_parse(f, h) || h->l3 != l3 || h->l4 != IPPROTO_TCP)
		return -EINVAL;
	return 0;
}

int offload_gso_normalize(const struct frame *f, struct frame *out, struct offload_headers *h)
{
	uint32_t ip_len, l4_len;
	uint8_t *ip;
	uint16_t sum;

	if (parse_large(f, h))
		return -EINVAL;
	ip_len = f->len - h->l3_off;
	l4_len = f->len - h->l4_off;
	if (ip_len > UINT16_MAX)
		return -EINVAL;
	ip = h->bytes + h->l3_off;
	if (h->l3 == 4) {
		wire_put16(ip + IP4_TOTAL_LEN, ip_len);
		offload_csum_ip4(ip);
	} else {
		wire_put16(ip + IP6_PAYLOAD_LEN, ip_len - IP6_HLEN);
	}
	sum = ~offload_csum_fold(offload_csum_pseudo(h, l4_len));
	memcpy(h->bytes + h->l4_off + TCP_CSUM, &sum, 2);

	memcpy(out, f, offsetof(struct frame, iov));
	out->csum = FRAME_CSUM_PARTIAL;
	out->csum_start = h->l4_off;
	out->csum_offset = TCP_CSUM;
	out->hdr_len = h->payload_off;
	out->ip_csum = false;
	out->n_iov = 1;
	out->len = h->payload_off;
	out->iov[0].iov_base = h->bytes;
	out->iov[0].iov_len = h->payload_off;
	return frame_append_range(out, f, h->payload_off, f->len - h->payload_off) ? 0 : -EINVAL;
}

int offload_segment_begin(struct offload_segmenter *s, const struct frame *f)
{
	struct offload_headers *h = &s->h;

	if (parse_large(f, h))
		return -EINVAL;
	if (h->payload_off - h->l3_off + f->gso_size > UINT16_MAX)
		return -EINVAL;
	s->f = f;
	s->pos = 0;
	s->segs = 0;
	s->payload = f->len - h->payload_off;
	return s->payload ? (s->payload + f->gso_size - 1) / f->gso_size : 1;
}

/* The headers of the segment that starts at s->pos and carries @size payload bytes. */
static void segment_headers(struct offload_segmenter *s, uint32_t size, bool last)
{
	const struct offload_headers *h = &s->h;
	uint8_t *ip = s->bytes + h->l3_off;
	uint8_t *tcp = s->bytes + h->l4_off;
	uint8_t flags;

	memcpy(s->bytes, h->bytes, h->payload_off);
	if (h->l3 == 4) {
		wire_put16(ip + IP4_TOTAL_LEN, h->payload_off - h->l3_off + size);
		wire_put16(ip + IP4_ID, wire_get16(ip + IP4_ID) + s->segs);
		offload_csum_ip4(ip);
	} else {
		wire_put16(ip + IP6_PAYLOAD_LEN, h->payload_off - h->l3_off - IP6_HLEN + size);
	}
	wire_put32(tcp + TCP_SEQ, wire_get32(tcp + TCP_SEQ) + s->pos);
	flags = tcp[TCP_FLAGS];
	if (!last)
		flags &= ~(TCP_FLAG_FIN | TCP_FLAG_PSH);
	if (s->segs)
		flags &= ~TCP_FLAG_CWR;
	tcp[TCP_FLAGS] = flags;
	memset(tcp + TCP_CSUM, 0, 2);
}

bool offload_segment_next(struct offload_segmenter *s, struct frame *out)
{
	const struct offload_headers *h = &s->h;
	const struct frame *f = s->f;
	uint32_t size = s->payload - s->pos;
	uint32_t l4_len;
	uint16_t sum;

	if (s->segs && !size)
		return false;
	if (size > f->gso_size)
		size = f->gso_size;
	segment_headers(s, size, s->pos + size == s->payload);

	frame_clear(out);
	out->vlan = f->vlan;
	out->vlan_tci = f->vlan_tci;
	out->csum = FRAME_CSUM_VALID;
	out->hdr_len = h->payload_off;
	out->n_iov = 1;
	out->len = h->payload_off;
	out->iov[0].iov_base = s->bytes;
	out->iov[0].iov_len = h->payload_off;
	if (!frame_append_range(out, f, h->payload_off + s->pos, size))
		return false;

	l4_len = h->payload_off - h->l4_off + size;
	sum = offload_csum_fold(offload_csum_add(out->iov, out->n_iov, h->l4_off, l4_len,
						 offload_csum_pseudo(h, l4_len)));
	memcpy(s->bytes + h->l4_off + TCP_CSUM, &sum, 2);
	s->pos += size;
	s->segs++;
	return true;
}
