// SPDX-License-Identifier: GPL-2.0
/* Receive segment coalescing: TCP segments that follow one another become one large frame. */
#include <netinet/in.h>
#include <string.h>

#include "offload.h"
#include "wire.h"

typedef __typeof__(((struct offload_coalescer *)0)->flow[0]) flow_t;

/* May this segment take part at all? Its headers are judged alone here. */
static bool joinable(const struct frame *f, const struct offload_headers *h)
{
	const uint8_t *ip = h->bytes + h->l3_off;
	const uint8_t *tcp = h->bytes + h->l4_off;

	if (f->gso_type != FRAME_GSO_NONE || f->csum == FRAME_CSUM_BAD || h->tags)
		return false;
	if (h->l4_off - h->l3_off != (h->l3 == 4 ? IP4_HLEN : IP6_HLEN))
		return false;
	if (h->l3 == 4 && (ip[0] & 15) * 4 != IP4_HLEN)
		return false;
	if ((tcp[TCP_FLAGS] & ~TCP_FLAG_PSH) != TCP_FLAG_ACK || h->end == h->payload_off)
		return false;
	if (f->csum == FRAME_CSUM_NONE)
		return offload_csum_verify(f) == OFFLOAD_CSUM_GOOD;
	if (f->csum == FRAME_CSUM_PARTIAL)
		return f->csum_start == h->l4_off && f->csum_offset == TCP_CSUM;
	return true;
}

static bool same_flow(const struct frame *f, const struct offload_headers *a, const flow_t *flow)
{
	const struct offload_headers *b = &flow->h;
	uint32_t addr = a->l3 == 4 ? IP4_SRC : IP6_SRC;
	uint32_t size = a->l3 == 4 ? 8 : 32;

	return a->l3 == b->l3 && f->vlan == flow->out->vlan && f->vlan_tci == flow->out->vlan_tci &&
	       !memcmp(a->bytes + a->l3_off + addr, b->bytes + b->l3_off + addr, size) &&
	       !memcmp(a->bytes + a->l4_off, b->bytes + b->l4_off, 4);
}

/* Headers equal but for what a joined frame makes up for. */
static bool same_headers(const struct offload_headers *a, const struct offload_headers *b)
{
	const uint8_t *x = a->bytes, *y = b->bytes;
	uint32_t l3 = a->l3_off, l4 = a->l4_off;

	if (l3 != b->l3_off || l4 != b->l4_off || a->payload_off != b->payload_off)
		return false;
	if (memcmp(x, y, l3))
		return false;
	if (a->l3 == 4) {
		if (memcmp(x + l3, y + l3, 2) ||
		    memcmp(x + l3 + IP4_FRAG, y + l3 + IP4_FRAG, IP4_CSUM - IP4_FRAG))
			return false;
	} else if (memcmp(x + l3, y + l3, 4) || x[l3 + IP6_HOP_LIMIT] != y[l3 + IP6_HOP_LIMIT]) {
		return false;
	}
	return !memcmp(x + l4 + TCP_ACK, y + l4 + TCP_ACK, TCP_FLAGS - TCP_ACK) &&
	       !memcmp(x + l4 + TCP_WINDOW, y + l4 + TCP_WINDOW, 2) &&
	       !memcmp(x + l4 + TCP_URG, y + l4 + TCP_URG, a->payload_off - l4 - TCP_URG);
}

/* Start a flow with @f, which was copied to @out. */
static void flow_open(struct offload_coalescer *c, struct frame *out,
		      const struct offload_headers *h)
{
	const uint8_t *tcp = h->bytes + h->l4_off;
	flow_t *flow;

	if (c->n_flows == OFFLOAD_RSC_FLOWS)
		return;
	flow = &c->flow[c->n_flows++];
	flow->out = out;
	flow->mss = h->end - h->payload_off;
	flow->next_seq = wire_get32(tcp + TCP_SEQ) + flow->mss;
	flow->segs = 1;
	flow->psh = tcp[TCP_FLAGS] & TCP_FLAG_PSH;
	flow->closed = flow->psh;
	memcpy(&flow->h, h, offsetof(struct offload_headers, bytes) + h->payload_off);
	flow->h.len = h->payload_off;
}

/* The first time a frame grows: let it begin with our copy of its headers, and drop its padding. */
static bool flow_own_headers(flow_t *flow)
{
	struct frame *out = flow->out;
	struct frame was;

	if (flow->segs > 1)
		return true;
	frame_copy_descriptor(&was, out);
	out->n_iov = 1;
	out->iov[0].iov_base = flow->h.bytes;
	out->iov[0].iov_len = flow->h.payload_off;
	out->len = flow->h.payload_off;
	if (frame_append_range(out, &was, flow->h.payload_off, flow->mss))
		return true;
	frame_copy_descriptor(out, &was);
	return false;
}

static bool flow_join(struct offload_coalescer *c, flow_t *flow, const struct frame *f,
		      const struct offload_headers *h)
{
	const uint8_t *tcp = h->bytes + h->l4_off;
	uint32_t size = h->end - h->payload_off;
	struct frame *out = flow->out;
	bool partial;

	if (flow->closed || size > flow->mss || wire_get32(tcp + TCP_SEQ) != flow->next_seq)
		return false;
	partial = out->csum == FRAME_CSUM_PARTIAL;
	if (partial ? f->csum != FRAME_CSUM_PARTIAL : f->csum == FRAME_CSUM_PARTIAL)
		return false;
	if (out->len + size > c->max_len || (c->max_segs && flow->segs >= c->max_segs))
		return false;
	if (out->len + size - flow->h.l3_off > UINT16_MAX || !same_headers(h, &flow->h))
		return false;
	if (!flow_own_headers(flow) || !frame_append_range(out, f, h->payload_off, size))
		return false;
	flow->segs++;
	flow->next_seq += size;
	flow->psh = tcp[TCP_FLAGS] & TCP_FLAG_PSH;
	flow->closed = flow->psh || size < flow->mss;
	return true;
}

/* All segments are in: make the headers say so. */
static void flow_finish(flow_t *flow)
{
	struct offload_headers *h = &flow->h;
	struct frame *out = flow->out;
	uint8_t *ip = h->bytes + h->l3_off;
	uint8_t *tcp = h->bytes + h->l4_off;

	if (flow->segs == 1)
		return;
	if (h->l3 == 4) {
		wire_put16(ip + IP4_TOTAL_LEN, out->len - h->l3_off);
		offload_csum_ip4(ip);
	} else {
		wire_put16(ip + IP6_PAYLOAD_LEN, out->len - h->l4_off);
	}
	if (flow->psh)
		tcp[TCP_FLAGS] |= TCP_FLAG_PSH;
	out->gso_type = h->l3 == 4 ? FRAME_GSO_TCP4 : FRAME_GSO_TCP6;
	out->gso_size = flow->mss;
	out->gso_segs = flow->segs;
	out->hdr_len = h->payload_off;
	if (out->csum == FRAME_CSUM_PARTIAL) {
		uint16_t sum = ~offload_csum_fold(offload_csum_pseudo(h, out->len - h->l4_off));

		memcpy(tcp + TCP_CSUM, &sum, 2);
	} else {
		out->csum = FRAME_CSUM_VALID;
	}
}

unsigned int offload_coalesce(struct offload_coalescer *c, const struct frame *in, unsigned int n,
			      struct frame *out)
{
	struct offload_headers h;
	unsigned int n_out = 0;

	c->n_flows = 0;
	for (unsigned int i = 0; i < n; i++) {
		const struct frame *f = &in[i];
		bool tcp = !offload_parse(f, &h) && h.l4 == IPPROTO_TCP;
		bool join = tcp && joinable(f, &h);
		flow_t *flow = NULL;

		/* The latest frame of a flow is the only one that may still grow. */
		for (unsigned int k = c->n_flows; tcp && k-- && !flow;)
			if (same_flow(f, &h, &c->flow[k]))
				flow = &c->flow[k];
		if (join && flow && flow_join(c, flow, f, &h))
			continue;
		if (flow)
			flow->closed = true;
		frame_copy_descriptor(&out[n_out], f);
		if (join)
			flow_open(c, &out[n_out], &h);
		n_out++;
	}
	for (unsigned int k = 0; k < c->n_flows; k++)
		flow_finish(&c->flow[k]);
	return n_out;
}
