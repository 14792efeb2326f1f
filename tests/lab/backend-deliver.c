// SPDX-License-Identifier: GPL-2.0
#include "backend-deliver.h"
#include "offload.h"

static bool takes_large(const struct frame *f, unsigned int features)
{
	return features & (f->gso_type == FRAME_GSO_TCP4 ? BACKEND_RX_TSO4 : BACKEND_RX_TSO6);
}

static bool malformed(struct backend_queue_stats *s)
{
	stat_inc(&s->tx_malformed);
	return false;
}

static bool pushed(bool ok, struct backend_queue_stats *s)
{
	if (!ok)
		stat_inc(&s->tx_dropped);
	return ok;
}

static bool deliver_segments(const struct frame *f, bool (*push)(void *o, const struct frame *f),
			     void *o, struct backend_queue_stats *s)
{
	struct offload_segmenter seg;
	struct frame out;
	bool all = true;

	if (offload_segment_begin(&seg, f) < 0)
		return malformed(s);
	while (offload_segment_next(&seg, &out)) {
		stat_inc(&s->tx_segments);
		all &= pushed(push(o, &out), s);
	}
	return all;
}

bool backend_deliver(const struct frame *f, unsigned int features,
		     bool (*push)(void *o, const struct frame *f), void *o,
		     struct backend_queue_stats *s)
{
	struct offload_headers h;
	struct frame out;

	if (f->len < FRAME_LEN_MIN)
		return malformed(s);
	if (f->gso_type != FRAME_GSO_NONE) {
		if (!takes_large(f, features))
			return deliver_segments(f, push, o, s);
		if (offload_gso_normalize(f, &out, &h))
			return malformed(s);
		return pushed(push(o, &out), s);
	}
	if (f->csum == FRAME_CSUM_PARTIAL && (features & BACKEND_RX_CSUM)) {
		if (f->csum_start < FRAME_LEN_MIN ||
		    (uint32_t)f->csum_start + f->csum_offset + 2 > f->len)
			return malformed(s);
		if (!f->ip_csum)
			return pushed(push(o, f), s);
	}
	if (f->csum != FRAME_CSUM_PARTIAL && !f->ip_csum)
		return pushed(push(o, f), s);
	if (offload_csum_complete(f, &out, &h))
		return malformed(s);
	return pushed(push(o, &out), s);
}
