// SPDX-License-Identifier: GPL-2.0
/* Rings shared with the guest: batches, rules of signalling, and checks on the guest. */
#include "ring.h"

#include <errno.h>
#include <string.h>

#include "fault.h"
#include "gpadl.h"
#include "vmbus.h"

#define load_acquire(p)	    __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define load_relaxed(p)	    __atomic_load_n((p), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define barrier_full()	    __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Bytes from @from round to @to. */
static uint32_t distance(const struct ring *r, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : r->size - from + to;
}

static uint32_t forward(const struct ring *r, uint32_t pos, uint32_t n)
{
	pos += n;
	return pos >= r->size ? pos - r->size : pos;
}

/* Copies to or from the ring, page by page, when it is not flat. */
static void copy_pages(const struct ring *r, uint32_t pos, void *buf, uint32_t len, bool to_ring)
{
	uint8_t *b = buf, *at;
	uint32_t n;

	while (len) {
		n = VMBUS_PAGE - (pos & (VMBUS_PAGE - 1));
		if (n > len)
			n = len;
		at = r->page[pos / VMBUS_PAGE] + (pos & (VMBUS_PAGE - 1));
		if (to_ring)
			memcpy(at, b, n);
		else
			memcpy(b, at, n);
		b += n;
		len -= n;
		pos = forward(r, pos, n);
	}
}

static void copy_out(const struct ring *r, uint32_t pos, void *dst, uint32_t len)
{
	if (r->flat && pos + len <= r->size)
		memcpy(dst, r->flat + pos, len);
	else
		copy_pages(r, pos, dst, len, false);
}

static void copy_in(const struct ring *r, uint32_t pos, const void *src, uint32_t len)
{
	if (r->flat && pos + len <= r->size)
		memcpy(r->flat + pos, src, len);
	else
		copy_pages(r, pos, (void *)(uintptr_t)src, len, true);
}

static void map(struct ring *r, struct gpadl *g, uint32_t first, uint32_t n)
{
	r->control = (struct vmbus_ring_control *)g->page[first];
	r->page = g->page + first + 1;
	r->flat = g->flat ? g->page[first + 1] : NULL;
	r->size = (n - 1) * VMBUS_PAGE;
}

static bool index_valid(const struct ring *r, uint32_t index)
{
	return index < r->size && !(index & 7);
}

int ring_open(struct vmbus_channel *ch, struct gpadl *gpadl, uint32_t downstream)
{
	struct ring_in *in = &ch->in;
	struct ring_out *out = &ch->out;
	uint32_t in_read, in_write, out_read, out_write;

	if (downstream < 2 || downstream > gpadl->n_pages || gpadl->n_pages - downstream < 2)
		return -EINVAL;
	memset(in, 0, offsetof(struct ring_in, packet));
	memset(out, 0, sizeof(*out));
	map(&in->r, gpadl, 0, downstream);
	map(&out->r, gpadl, downstream, gpadl->n_pages - downstream);
	in->ch = ch;
	out->ch = ch;
	in_read = load_relaxed(&in->r.control->read_index);
	in_write = load_relaxed(&in->r.control->write_index);
	out_read = load_relaxed(&out->r.control->read_index);
	out_write = load_relaxed(&out->r.control->write_index);
	if (!index_valid(&in->r, in_read) || !index_valid(&in->r, in_write) ||
	    !index_valid(&out->r, out_read) || !index_valid(&out->r, out_write))
		return -EINVAL;
	in->pos = in_read;
	in->published = in_read;
	in->last_write = in_read;
	out->pos = out_write;
	out->published = out_write;
	out->last_read = out_read;
	/* Both sides honour pending_send_size; guests rely on the bit to signal for it. */
	out->r.control->features |= VMBUS_RING_PENDING_SIZE;
	in->r.control->features |= VMBUS_RING_PENDING_SIZE;
	in->r.control->interrupt_mask = 0;
	out->r.control->pending_send_size = 0;
	return 0;
}

uint32_t ring_in_begin(struct ring_in *in)
{
	uint32_t write, grown, held;

	if (in->broken)
		return 0;
	write = load_acquire(&in->r.control->write_index);
	if (!index_valid(&in->r, write)) {
		judge(in->ch->name, "ring-index", "write index %#x, ring of %u bytes", write,
		      in->r.size);
		in->broken = true;
		return 0;
	}
	grown = distance(&in->r, in->last_write, write);
	held = distance(&in->r, in->published, in->last_write);
	if (grown + held >= in->r.size) {
		judge(in->ch->name, "ring-overfull",
		      "write index went from %u to %u, past the read index %u", in->last_write,
		      write, in->published);
		in->broken = true;
		return 0;
	}
	in->last_write = write;
	in->avail = distance(&in->r, in->pos, write);
	return in->avail;
}

/* Framing is lost: nothing behind this point can be trusted. */
static bool lose_framing(struct ring_in *in, const struct vmbus_descriptor *d)
{
	judge(in->ch->name, "ring-framing",
	      "at %u of %u: packet type %u, offset %u, length %u with %u bytes written", in->pos,
	      in->r.size, d->type, d->offset8 * 8, d->len8 * 8, in->avail);
	in->broken = true;
	return false;
}

static void check_trailer(struct ring_in *in, uint64_t trailer)
{
	if (__builtin_expect(trailer >> 32 != in->pos, 0))
		judge(in->ch->name, "ring-trailer", "packet at %u ends with %#llx", in->pos,
		      (unsigned long long)trailer);
}

bool ring_in_next(struct ring_in *in, struct ring_packet *pkt)
{
	struct vmbus_descriptor *d = (struct vmbus_descriptor *)in->packet;
	uint32_t len, offset, have;

	if (!in->avail || in->broken)
		return false;
	if (in->avail < sizeof(*d) + VMBUS_TRAILER) {
		memset(d, 0, sizeof(*d));
		return lose_framing(in, d);
	}
	/* Most packets fit this copy, whose size the compiler knows. */
	have = RING_PACKET_SHORT;
	if (in->r.flat && in->avail >= have && in->pos + have <= in->r.size) {
		memcpy(in->packet, in->r.flat + in->pos, RING_PACKET_SHORT);
	} else {
		have = sizeof(*d);
		copy_out(&in->r, in->pos, in->packet, have);
	}
	len = d->len8 * 8u;
	offset = d->offset8 * 8u;
	if (offset < sizeof(*d) || len < offset || len + VMBUS_TRAILER > in->avail ||
	    len > RING_PACKET_MAX)
		return lose_framing(in, d);
	if (len + VMBUS_TRAILER > have)
		copy_out(&in->r, forward(&in->r, in->pos, have), in->packet + have,
			 len + VMBUS_TRAILER - have);
	check_trailer(in, *(const uint64_t *)(in->packet + len));
	in->pos = forward(&in->r, in->pos, len + VMBUS_TRAILER);
	in->avail -= len + VMBUS_TRAILER;
	pkt->d = *d;
	pkt->bytes = in->packet;
	pkt->len = len;
	pkt->offset = offset;
	stat_inc(&in->ch->stats->in_packets);
	stat_add(&in->ch->stats->in_bytes, len);
	return true;
}

bool ring_in_publish(struct ring_in *in)
{
	uint32_t pending, write, free_before, free_after, told = in->pos;

	if (in->pos == in->published)
		return false;
	if (fault_armed[FAULT_RING_READ_INDEX] &&
	    fault_at(FAULT_RING_READ_INDEX, in->ch->name, &told, sizeof(told)).kind == FAULT_DROP)
		return false;
	store_release(&in->r.control->read_index, told);
	stat_inc(&in->ch->stats->in_publishes);
	/* The guest may find its ring empty here once, and then signal once. */
	__atomic_fetch_add(&in->ch->credit, 1, __ATOMIC_RELAXED);
	barrier_full();
	pending = load_relaxed(&in->r.control->pending_send_size);
	free_before = 0;
	free_after = 0;
	if (pending) {
		write = load_acquire(&in->r.control->write_index);
		if (index_valid(&in->r, write)) {
			free_before = in->r.size - distance(&in->r, in->published, write);
			free_after = in->r.size - distance(&in->r, in->pos, write);
		}
	}
	in->published = in->pos;
	return pending && free_before <= pending && free_after > pending;
}

void ring_in_mask(struct ring_in *in, bool mask)
{
	__atomic_store_n(&in->r.control->interrupt_mask, mask, __ATOMIC_RELAXED);
	barrier_full();
}

void ring_out_begin(struct ring_out *out)
{
	uint32_t read, used;

	out->free = 0;
	if (out->broken)
		return;
	read = load_acquire(&out->r.control->read_index);
	if (!index_valid(&out->r, read)) {
		judge(out->ch->name, "ring-index", "read index %#x, ring of %u bytes", read,
		      out->r.size);
		out->broken = true;
		return;
	}
	used = distance(&out->r, read, out->pos);
	if (used > distance(&out->r, out->last_read, out->pos)) {
		judge(out->ch->name, "ring-read-past",
		      "read index went from %u to %u, past the write index %u", out->last_read,
		      read, out->pos);
		out->broken = true;
		return;
	}
	out->last_read = read;
	out->free = out->r.size - used;
	if (out->wanted && out->free > out->wanted) {
		out->wanted = 0;
		store_release(&out->r.control->pending_send_size, 0);
	}
}

static void put(struct ring_out *out, const void *head, uint32_t head_len, const void *body,
		uint32_t body_len, uint32_t len)
{
	static const uint8_t zero[8];
	uint64_t trailer = (uint64_t)out->pos << 32;
	uint32_t pos = out->pos, pad = len - head_len - body_len;

	copy_in(&out->r, pos, head, head_len);
	pos = forward(&out->r, pos, head_len);
	copy_in(&out->r, pos, body, body_len);
	pos = forward(&out->r, pos, body_len);
	if (pad) {
		copy_in(&out->r, pos, zero, pad);
		pos = forward(&out->r, pos, pad);
	}
	copy_in(&out->r, pos, &trailer, sizeof(trailer));
	out->pos = forward(&out->r, pos, VMBUS_TRAILER);
	out->free -= len + VMBUS_TRAILER;
	stat_inc(&out->ch->stats->out_packets);
	stat_add(&out->ch->stats->out_bytes, len);
}

/* Returns how often the packet is to be written. */
static unsigned int write_fault(struct ring_out *out, struct vmbus_descriptor *d)
{
	struct fault_action todo = fault_at(FAULT_RING_WRITE, out->ch->name, d, sizeof(*d));

	switch (todo.kind) {
	case FAULT_DROP:
		return 0;
	case FAULT_DUPLICATE:
		return 2;
	case FAULT_RESCIND:
		vmbus_rescind_later(out->ch->dev);
		return 0;
	default:
		return 1;
	}
}

bool ring_out_write(struct ring_out *out, void *head, uint32_t head_len, const void *body,
		    uint32_t body_len)
{
	uint32_t len = (head_len + body_len + 7u) & ~7u;
	struct vmbus_descriptor *d = head;
	unsigned int times = 1;

	if (!ring_out_room(out, len)) {
		stat_inc(&out->ch->stats->out_full);
		return false;
	}
	d->offset8 = (uint16_t)(head_len / 8);
	d->len8 = (uint16_t)(len / 8);
	if (fault_armed[FAULT_RING_WRITE])
		times = write_fault(out, d);
	while (times--) {
		if (!ring_out_room(out, len))
			break;
		put(out, head, head_len, body, body_len, len);
	}
	return true;
}

bool ring_out_completion(struct ring_out *out, uint64_t txid, const void *body, uint32_t body_len)
{
	struct {
		struct vmbus_descriptor d;
		uint8_t body[40];
		uint64_t trailer;
	} __attribute__((packed)) p = {
		.d = {
			.type = VMBUS_PKT_COMPLETION,
			.offset8 = sizeof(p.d) / 8,
			.len8 = (sizeof(p.d) + sizeof(p.body)) / 8,
			.txid = txid,
		},
		.trailer = (uint64_t)out->pos << 32,
	};

	/* The common case with sizes that the compiler knows. */
	if (body_len != sizeof(p.body) || fault_armed[FAULT_RING_WRITE] || !out->r.flat ||
	    out->pos + sizeof(p) > out->r.size || sizeof(p) >= out->free)
		return ring_out_write(out, &p.d, sizeof(p.d), body, body_len);
	memcpy(p.body, body, sizeof(p.body));
	memcpy(out->r.flat + out->pos, &p, sizeof(p));
	out->pos = forward(&out->r, out->pos, sizeof(p));
	out->free -= sizeof(p);
	stat_inc(&out->ch->stats->out_packets);
	stat_add(&out->ch->stats->out_bytes, sizeof(p) - VMBUS_TRAILER);
	return true;
}

bool ring_out_end(struct ring_out *out)
{
	uint32_t old = out->published, told = out->pos;

	if (out->pos == old)
		return false;
	if (fault_armed[FAULT_RING_WRITE_INDEX] &&
	    fault_at(FAULT_RING_WRITE_INDEX, out->ch->name, &told, sizeof(told)).kind == FAULT_DROP)
		return false;
	store_release(&out->r.control->write_index, told);
	out->published = out->pos;
	stat_inc(&out->ch->stats->out_publishes);
	barrier_full();
	if (load_acquire(&out->r.control->interrupt_mask))
		return false;
	return load_relaxed(&out->r.control->read_index) == old;
}

bool ring_out_want(struct ring_out *out, uint32_t len)
{
	uint32_t need = ((len + 7u) & ~7u) + VMBUS_TRAILER;

	if (out->broken)
		return false;
	/* The guest signals when free space goes beyond this, so ask for one packet exactly. */
	out->wanted = need;
	store_release(&out->r.control->pending_send_size, need);
	/* For that crossing it may signal once, whatever its own ring looks like. */
	__atomic_fetch_add(&out->ch->credit, 1, __ATOMIC_RELAXED);
	barrier_full();
	ring_out_begin(out);
	return ring_out_room(out, len);
}
