// SPDX-License-Identifier: GPL-2.0
/* Received frames: filter, choice of the channel, receive sections, transfer pages. */
#include <string.h>

#include "gpadl.h"
#include "netvsp.h"
#include "vm.h"

#define TURNS_MAX     16u /* batches before other queues of the loop get their turn */
#define HEAD_MAX      (sizeof(struct rndis_packet) + 4 * RNDIS_PPI)
#define SECTIONS_MAX  (NETVSP_BATCH + NETVSP_FRAGMENTS_MAX)

/* struct transfer - a transfer page packet under construction */
struct transfer {
	struct vmbus_transfer_pages h;
	struct vmbus_transfer_range range[NVSP_RSC_RANGES_MAX];
} __attribute__((packed));

/*
 * struct batch - frames for one channel; lives on the stack of netvsp_rx_run()
 * @head: RNDIS header of the last whole frame, @head_len bytes (0: none yet), for frames of @kind:
 *	the next one's mostly differs in length and hash only
 */
struct batch {
	struct netvsp_channel *nc;
	const struct gpadl *gpadl; /* of the receive buffer */
	uint32_t size; /* of a section */
	uint32_t longest; /* whole frame */
	uint32_t section[SECTIONS_MAX]; /* taken and not used yet: [at, n) */
	uint32_t at;
	uint32_t n;
	uint32_t used[NVSP_RSC_RANGES_MAX]; /* sections of the transfer */
	uint32_t n_used;
	uint32_t packets, bytes, copied; /* in the transfer */
	uint8_t head[HEAD_MAX] __attribute__((aligned(8)));
	uint32_t head_len;
	uint64_t kind;
	struct transfer t;
};

/* memcpy() of headers and small frames: 16 bytes at a time, the last ones perhaps twice. */
static inline void copy_bytes(uint8_t *to, const uint8_t *from, uint32_t n)
{
	uint32_t at;

	if (n < 16 || n > 128) {
		memcpy(to, from, n);
		return;
	}
	for (at = 0; at < n - 16; at += 16)
		memcpy(to + at, from + at, 16);
	memcpy(to + n - 16, from + n - 16, 16);
}

/* Where data is copied to and from: a section of the receive buffer, pieces of a frame. */
static void copy_flat(struct netvsp_recv_buf *recv, uint64_t off, const void *src, uint32_t len)
{
	const uint8_t *from = src;
	uint8_t *to;
	uint32_t n;

	while (len) {
		n = len;
		to = gpadl_range(recv->gpadl, off, &n);
		if (!to)
			return;
		memcpy(to, from, n);
		from += n;
		off += n;
		len -= n;
	}
}

static inline void copy_pieces(uint8_t *to, const struct frame *f, uint32_t start, uint32_t len)
{
	const struct iovec *iov = f->iov;
	uint32_t n;

	for (; len; iov++) {
		if (start >= iov->iov_len) {
			start -= (uint32_t)iov->iov_len;
			continue;
		}
		n = (uint32_t)iov->iov_len - start;
		if (n > len)
			n = len;
		copy_bytes(to, (uint8_t *)iov->iov_base + start, n);
		to += n;
		len -= n;
		start = 0;
	}
}

static void copy_frame(struct netvsp_recv_buf *recv, uint64_t off, const struct frame *f,
		       uint32_t start, uint32_t len)
{
	unsigned int i;
	uint32_t n;

	for (i = 0; i < f->n_iov && len; i++) {
		if (start >= f->iov[i].iov_len) {
			start -= (uint32_t)f->iov[i].iov_len;
			continue;
		}
		n = (uint32_t)f->iov[i].iov_len - start;
		if (n > len)
			n = len;
		copy_flat(recv, off, (uint8_t *)f->iov[i].iov_base + start, n);
		off += n;
		len -= n;
		start = 0;
	}
}

/* The first @n bytes of a frame in one piece, where they are or in @buf; NULL: it is shorter. */
static inline const uint8_t *first_bytes(const struct frame *f, uint8_t *buf, uint32_t n)
{
	if (f->n_iov && f->iov[0].iov_len >= n)
		return f->iov[0].iov_base;
	return frame_copy_out(f, 0, buf, n) == n ? buf : NULL;
}

static bool rsc_on(const struct netvsp *dev, const struct frame *f)
{
	return f->gso_type == FRAME_GSO_TCP4 ? dev->rsc4 : dev->rsc6;
}

/* Bytes of a frame that one section holds behind the largest header. */
static uint32_t section_room(const struct netvsp *dev)
{
	return dev->recv.size - (uint32_t)HEAD_MAX;
}

static uint32_t sections_for(const struct netvsp *dev, const struct frame *f)
{
	if (f->gso_type == FRAME_GSO_NONE)
		return 1;
	return (f->len + section_room(dev) - 1) / section_room(dev);
}

static uint8_t *add_ppi(struct rndis_packet *p, uint8_t *at, const char *name, uint32_t type,
			uint32_t value)
{
	struct rndis_ppi ppi = {
		.size = sizeof(ppi),
		.type = type,
		.offset = offsetof(struct rndis_ppi, value),
		.value = value,
	};

	if (fault_armed[FAULT_RNDIS_PPI])
		fault_at(FAULT_RNDIS_PPI, name, &ppi, sizeof(ppi));
	memcpy(at, &ppi, sizeof(ppi));
	p->ppi_bytes += (uint32_t)sizeof(ppi);
	return at + sizeof(ppi);
}

static inline uint32_t csum_value(const struct netvsp *dev, const struct frame *f)
{
	bool bad = f->csum == FRAME_CSUM_BAD, v6;
	const uint8_t *b;
	uint8_t buf[36];

	if (f->csum != FRAME_CSUM_VALID && !bad)
		return 0;
	b = first_bytes(f, buf, sizeof(buf));
	if (!b)
		return 0;
	v6 = b[12] == 0x86 && b[13] == 0xdd;
	if (!v6 && (b[12] != 0x08 || b[13] != 0x00))
		return 0;
	if (v6 ? !dev->rx_csum6 : !dev->rx_csum4)
		return 0;
	switch (b[v6 ? 20 : 23]) {
	case 6:
		if (bad)
			return RNDIS_RXCSUM_TCP_BAD;
		return RNDIS_RXCSUM_TCP_GOOD | (v6 ? 0 : RNDIS_RXCSUM_IP_GOOD);
	case 17:
		if (bad)
			return RNDIS_RXCSUM_UDP_BAD;
		return RNDIS_RXCSUM_UDP_GOOD | (v6 ? 0 : RNDIS_RXCSUM_IP_GOOD);
	default:
		return 0;
	}
}

/*
 * Header of one RNDIS packet message in @head. @fragment: flags of a piece of a coalesced frame,
 * 0 for a whole frame. Returns its length.
 */
static uint32_t build_head(struct batch *b, const struct frame *f, uint32_t data_bytes,
			   uint32_t fragment, uint32_t csum, uint8_t *head)
{
	struct rndis_packet *p = (struct rndis_packet *)head;
	const struct netvsp *dev = b->nc->dev;
	const char *name = b->nc->ch->name;
	uint8_t *at = head + sizeof(*p);
	uint32_t len;

	memset(p, 0, sizeof(*p));
	p->h.type = RNDIS_PACKET;
	p->data_bytes = data_bytes;
	p->ppi_offset = sizeof(*p) - RNDIS_HEADER;
	if (f->vlan)
		at = add_ppi(p, at, name, RNDIS_PPI_VLAN, RNDIS_VLAN_PPI(f->vlan_tci));
	if (csum)
		at = add_ppi(p, at, name, RNDIS_PPI_CSUM, csum);
	if (f->hash_type && dev->rss.types)
		at = add_ppi(p, at, name, RNDIS_PPI_HASH, f->hash);
	if (fragment)
		at = add_ppi(p, at, name, RNDIS_PPI_PACKET_ID,
			     RNDIS_PACKET_ID_V1 | fragment << 8 | b->nc->generation << 16);
	if (!p->ppi_bytes)
		p->ppi_offset = 0;
	len = (uint32_t)(at - head);
	p->data_offset = len - RNDIS_HEADER;
	p->h.len = len + data_bytes;
	if (fault_armed[FAULT_RNDIS_PACKET])
		fault_at(FAULT_RNDIS_PACKET, name, p, sizeof(*p));
	return len;
}

/* Header of a whole frame, in @b->head: the last one's with another length and hash if it can. */
static inline uint32_t plain_head(struct batch *b, const struct frame *f)
{
	const struct netvsp *dev = b->nc->dev;
	struct rndis_packet *p = (struct rndis_packet *)b->head;
	uint32_t csum = csum_value(dev, f);
	bool hash = f->hash_type && dev->rss.types;
	uint64_t kind = (uint64_t)csum << 32 | (uint64_t)hash << 17 |
			(f->vlan ? 1u << 16 | f->vlan_tci : 0);

	if (!b->head_len || b->kind != kind || fault_armed[FAULT_RNDIS_PACKET] ||
	    fault_armed[FAULT_RNDIS_PPI]) {
		b->kind = kind;
		b->head_len = build_head(b, f, f->len, 0, csum, b->head);
		return b->head_len;
	}
	p->data_bytes = f->len;
	p->h.len = b->head_len + f->len;
	/* The hash is the last info. */
	if (hash)
		memcpy(b->head + b->head_len - sizeof(f->hash), &f->hash, sizeof(f->hash));
	return b->head_len;
}

/* Copies one message into the next section and makes it a range of the transfer. */
static inline void add_range(struct batch *b, const uint8_t *head, uint32_t head_len,
			     const struct frame *f, uint32_t start, uint32_t len)
{
	uint32_t section = b->section[b->at++];
	uint64_t off = (uint64_t)section * b->size;
	struct vmbus_transfer_range range = {
		.bytes = head_len + len,
		.offset = (uint32_t)off,
	};
	uint32_t there = range.bytes;
	uint8_t *to = gpadl_range(b->gpadl, off, &there);

	if (to && there == range.bytes) {
		copy_bytes(to, head, head_len);
		copy_pieces(to + head_len, f, start, len);
	} else {
		copy_flat(&b->nc->dev->recv, off, head, head_len);
		copy_frame(&b->nc->dev->recv, off + head_len, f, start, len);
	}
	if (fault_armed[FAULT_NETVSP_RANGE])
		fault_at(FAULT_NETVSP_RANGE, b->nc->ch->name, &range, sizeof(range));
	b->t.range[b->n_used] = range;
	b->used[b->n_used++] = section;
	b->copied += head_len + len;
}

/* Writes the transfer built so far; without room its sections and frames are lost to the guest. */
static bool write_transfer(struct batch *b, uint32_t channel_type)
{
	uint8_t bytes[NVSP_BYTES] = { 0 };
	struct nvsp_rndis *msg = (struct nvsp_rndis *)bytes;
	struct netvsp_channel *nc = b->nc;
	struct netvsp *dev = nc->dev;
	uint32_t head_len, i;
	bool ok = true;

	if (!b->n_used)
		return true;
	msg->type = NVSP_SEND_RNDIS_PACKET;
	msg->channel = channel_type;
	msg->section = NVSP_NO_SECTION;
	b->t.h = (struct vmbus_transfer_pages){
		.d = {
			.type = VMBUS_PKT_TRANSFER_PAGES,
			.flags = VMBUS_PKT_WANTS_COMPLETION,
		},
		.set = dev->recv.id,
		.n = b->n_used,
	};
	head_len = (uint32_t)(sizeof(b->t.h) + b->n_used * sizeof(b->t.range[0]));
	ok = ring_out_room(&nc->ch->out, head_len + NVSP_BYTES);
	if (ok) {
		b->t.h.d.txid = sections_lend(nc, b->used, b->n_used);
		if (fault_armed[FAULT_NETVSP_RECEIVE]) {
			switch (fault_at(FAULT_NETVSP_RECEIVE, nc->ch->name, &b->t.h,
					 sizeof(b->t.h)).kind) {
			case FAULT_RESCIND:
				vmbus_rescind_later(&dev->v);
				/* fallthrough */
			case FAULT_DROP:
				ok = false;
				break;
			default:
				break;
			}
		}
	}
	if (ok)
		ok = ring_out_write(&nc->ch->out, &b->t, head_len, bytes,
				    dev->nvsp >= NVSP_V6_1 ? NVSP_BYTES : NVSP_BYTES_MIN);
	if (ok) {
		stat_inc(&nc->stats.rx_transfers);
		stat_add(&nc->stats.rx_ranges, b->n_used);
		stat_add(&nc->stats.rx_packets, b->packets);
		stat_add(&nc->stats.rx_bytes, b->bytes);
	} else {
		for (i = 0; i < b->n_used; i++)
			dev->recv.section[b->used[i]].txid = 0;
		sections_give(&dev->recv, b->used, b->n_used);
		stat_add(&nc->stats.rx_no_room, b->packets);
	}
	stat_add(&nc->stats.rx_copied, b->copied);
	b->n_used = 0;
	b->packets = 0;
	b->bytes = 0;
	b->copied = 0;
	return ok;
}

static void batch_begin(struct batch *b, struct netvsp_channel *nc)
{
	const struct netvsp *dev = nc->dev;

	b->nc = nc;
	b->gpadl = dev->recv.gpadl;
	b->size = dev->recv.size;
	b->longest = dev->mtu + FRAME_LEN_MIN + 4;
	if (b->longest > section_room(dev))
		b->longest = section_room(dev);
	b->at = 0;
	b->n = 0;
	b->n_used = 0;
	b->head_len = 0;
	b->packets = 0;
	b->bytes = 0;
	b->copied = 0;
}

/* Makes sure that @want sections are at hand. */
static bool need_sections(struct batch *b, uint32_t want)
{
	uint32_t left = b->n - b->at;

	if (left >= want)
		return true;
	memmove(b->section, b->section + b->at, left * sizeof(b->section[0]));
	b->at = 0;
	b->n = left + sections_take(&b->nc->dev->recv, b->section + left, want - left);
	return b->n >= want;
}

/*
 * A real NIC delivers complete checksums, also of coalesced frames, and a guest may verify or
 * forward what it gets. Returns the frame to deliver, NULL when its offload fields are wrong.
 */
static const struct frame *with_csum(const struct frame *f, struct frame *whole,
				     struct offload_headers *h)
{
	if (f->csum != FRAME_CSUM_PARTIAL)
		return f;
	if (offload_csum_complete(f, whole, h))
		return NULL;
	whole->csum = FRAME_CSUM_VALID;
	whole->gso_type = f->gso_type;
	whole->vlan = f->vlan;
	whole->vlan_tci = f->vlan_tci;
	whole->hash = f->hash;
	whole->hash_type = f->hash_type;
	return whole;
}

static inline void add_plain(struct batch *b, const struct frame *f)
{
	if (f->len > b->longest) {
		stat_inc(&b->nc->stats.rx_too_long);
		return;
	}
	add_range(b, b->head, plain_head(b, f), f, 0, f->len);
	b->packets++;
	b->bytes += f->len;
}

/* A coalesced frame goes out in pieces, all in one transfer. */
static void add_coalesced(struct batch *b, const struct frame *f)
{
	uint8_t head[HEAD_MAX] __attribute__((aligned(8)));
	const struct netvsp *dev = b->nc->dev;
	uint32_t start, len, flags, csum, room = section_room(dev);

	csum = csum_value(dev, f);
	for (start = 0; start < f->len; start += len) {
		len = f->len - start < room ? f->len - start : room;
		flags = RNDIS_PACKET_SUBALLOC | (start ? 0 : RNDIS_PACKET_FIRST) |
			(start + len == f->len ? RNDIS_PACKET_LAST : 0);
		add_range(b, head, build_head(b, f, len, flags, csum, head), f, start, len);
		stat_inc(&b->nc->stats.rx_fragments);
	}
	stat_inc(&b->nc->stats.rx_rsc);
	b->packets++;
	b->bytes += f->len;
}

/* Ends the transfer if @want more ranges would be too many, and has as many sections at hand. */
static inline bool prepare(struct batch *b, uint32_t want)
{
	if (want > NETVSP_FRAGMENTS_MAX || (b->n - b->at < want && !need_sections(b, want))) {
		stat_inc(&b->nc->stats.rx_no_room);
		return false;
	}
	if (b->n_used && b->n_used + want > b->nc->dev->opt.ranges)
		write_transfer(b, NVSP_CHANNEL_DATA);
	return true;
}

static void add_large_or_partial(struct batch *b, const struct frame *f);

static void add_frame(struct batch *b, const struct frame *f)
{
	if (f->gso_type != FRAME_GSO_NONE || f->csum == FRAME_CSUM_PARTIAL)
		add_large_or_partial(b, f);
	else if (prepare(b, 1))
		add_plain(b, f);
}

/* RSC was turned off after the backend had coalesced. */
static void add_segments(struct batch *b, const struct frame *f)
{
	struct offload_segmenter seg;
	struct frame one;

	if (offload_segment_begin(&seg, f) < 0) {
		stat_inc(&b->nc->stats.rx_malformed);
		return;
	}
	while (offload_segment_next(&seg, &one)) {
		one.vlan = f->vlan;
		one.vlan_tci = f->vlan_tci;
		one.hash = f->hash;
		one.hash_type = f->hash_type;
		add_frame(b, &one);
	}
}

static void add_large_or_partial(struct batch *b, const struct frame *f)
{
	struct netvsp *dev = b->nc->dev;
	uint32_t want = sections_for(dev, f);
	struct offload_headers h;
	struct frame whole;

	if (f->gso_type != FRAME_GSO_NONE && !rsc_on(dev, f)) {
		add_segments(b, f);
		return;
	}
	f = with_csum(f, &whole, &h);
	if (!f)
		stat_inc(&b->nc->stats.rx_malformed);
	else if (!prepare(b, want))
		return;
	else if (f->gso_type == FRAME_GSO_NONE)
		add_plain(b, f);
	else
		add_coalesced(b, f);
}

/* All frames whose @where is @index go to that channel, in one batch of its ring. */
static void deliver(struct netvsp *dev, unsigned int index, const struct frame *f,
		    const uint8_t *where, unsigned int n)
{
	struct netvsp_channel *nc = dev->chan[index];
	struct batch b;
	unsigned int i;
	uint32_t want = 0;
	bool signal;

	batch_begin(&b, nc);
	pthread_mutex_lock(&nc->ch->out_lock);
	ring_out_begin(&nc->ch->out);
	for (i = 0; i < n; i++)
		want += where[i] == index && f[i].gso_type == FRAME_GSO_NONE;
	need_sections(&b, want);
	for (i = 0; i < n; i++) {
		if (where[i] == index)
			add_frame(&b, &f[i]);
	}
	write_transfer(&b, NVSP_CHANNEL_DATA);
	sections_give(&dev->recv, b.section + b.at, b.n - b.at);
	signal = ring_out_end(&nc->ch->out);
	pthread_mutex_unlock(&nc->ch->out_lock);
	if (signal)
		vmbus_signal(nc->ch);
}

bool netvsp_send_rndis(struct netvsp_channel *nc, const void *msg, uint32_t len)
{
	struct netvsp *dev = nc->dev;
	struct frame none;
	struct batch b;
	bool ok;

	frame_clear(&none);
	batch_begin(&b, nc);
	if (!dev->recv.gpadl || len > dev->recv.size || !need_sections(&b, 1))
		return false;
	if (!ring_out_room(&nc->ch->out, sizeof(b.t.h) + sizeof(b.t.range[0]) + NVSP_BYTES)) {
		sections_give(&dev->recv, b.section, 1);
		return false;
	}
	add_range(&b, msg, len, &none, 0, 0);
	ok = write_transfer(&b, NVSP_CHANNEL_CONTROL);
	/* Lost to a fault: the message has been dealt with all the same. */
	return ok || fault_armed[FAULT_NETVSP_RECEIVE];
}

static bool passes_filter(const struct netvsp *dev, const struct frame *f)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const uint8_t *to;
	uint8_t buf[6];

	/* A guest that has not said it takes tags beside the data gets no tagged frames. */
	if (f->vlan && !(dev->capabilities & NVSP_CAP_8021Q))
		return false;
	if (dev->filter & NDIS_FILTER_PROMISCUOUS)
		return true;
	to = first_bytes(f, buf, sizeof(buf));
	if (!to)
		return false;
	if (!(to[0] & 1))
		return dev->filter & NDIS_FILTER_DIRECTED && !memcmp(to, dev->mac, sizeof(buf));
	if (!memcmp(to, broadcast, sizeof(buf)))
		return dev->filter & NDIS_FILTER_BROADCAST;
	return dev->filter & (NDIS_FILTER_MULTICAST | NDIS_FILTER_ALL_MULTICAST);
}

/* Which channel takes a frame: the hash decides, if its channel is open. */
static unsigned int choose(const struct netvsp *dev, struct frame *f)
{
	struct offload_headers h;
	unsigned int index;

	if (!dev->rss.types)
		return 0;
	/* A backend may have steered by the hash without saying what it was. */
	if (!f->hash_type && !offload_parse(f, &h))
		f->hash = rss_hash(&dev->rss, &h, &f->hash_type);
	index = rss_queue(&dev->rss, f->hash, f->hash_type);
	return index < dev->n_queues && dev->chan[index]->ch ? index : 0;
}

static void distribute(struct netvsp_channel *nc, unsigned int n)
{
	struct netvsp *dev = nc->dev;
	uint8_t where[NETVSP_BATCH];
	uint64_t touched = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (!passes_filter(dev, &nc->rx[i])) {
			stat_inc(&nc->stats.rx_filtered);
			where[i] = UINT8_MAX;
			continue;
		}
		where[i] = (uint8_t)choose(dev, &nc->rx[i]);
		touched |= 1ull << where[i];
	}
	for (; touched; touched &= touched - 1)
		deliver(dev, (unsigned int)__builtin_ctzll(touched), nc->rx, where, n);
}

/* Frames, at most @all, that make a turn worth it: fewer wait until there is room for more. */
static uint32_t worth(uint32_t all)
{
	uint32_t least = all / 8 < NETVSP_BATCH / 2 ? all / 8 : NETVSP_BATCH / 2;

	return least ? least : 1;
}

/* How many frames of any kind the guest can take now; 0 = it will ring when it can. */
static unsigned int room(struct netvsp_channel *nc)
{
	struct netvsp *dev = nc->dev;
	struct vmbus_channel *ch = nc->ch ? nc->ch : dev->chan[0]->ch;
	uint32_t per_frame = 1, bytes, n_free, n, least_free;
	bool fits;

	if (dev->rsc4 || dev->rsc6)
		per_frame = (FRAME_LEN_MAX + section_room(dev) - 1) / section_room(dev);
	bytes = (uint32_t)sizeof(struct vmbus_transfer_pages) + 8 * per_frame + NVSP_BYTES +
		VMBUS_TRAILER;
	least_free = worth(dev->recv.count / per_frame);
	pthread_mutex_lock(&ch->out_lock);
	ring_out_begin(&ch->out);
	n = ch->out.free / bytes;
	n_free = __atomic_load_n(&dev->recv.n_free, __ATOMIC_RELAXED) / per_frame;
	/* The ring is never filled to the last byte: one frame fewer than fit. */
	if (n < 1 + worth(ch->out.r.size / bytes) || n_free < least_free) {
		stat_inc(&nc->stats.rx_stalls);
		__atomic_fetch_or(&dev->rx_stalled, 1ull << nc->index, __ATOMIC_ACQ_REL);
		fits = n >= 1 + worth(ch->out.r.size / bytes) ||
		       ring_out_want(&ch->out, ch->out.r.size / 8);
		n_free = __atomic_load_n(&dev->recv.n_free, __ATOMIC_ACQUIRE) / per_frame;
		n = fits && n_free >= least_free ? 2 : 0;
	}
	pthread_mutex_unlock(&ch->out_lock);
	if (!n)
		return 0;
	n--;
	if (n > n_free)
		n = n_free;
	return n < NETVSP_BATCH ? n : NETVSP_BATCH;
}

static void watch(struct netvsp_channel *nc, bool on)
{
	if (nc->rx_watched == on || nc->rx_fd.fd < 0)
		return;
	if (nc->rx_added)
		loop_mod(nc->loop, &nc->rx_fd, on ? EPOLLIN : 0);
	else
		loop_add(nc->loop, &nc->rx_fd, EPOLLIN);
	nc->rx_added = true;
	nc->rx_watched = on;
}

/* What waited in the backend while nothing was received is not for this session. */
static void flush_backend(struct netvsp_channel *nc)
{
	unsigned int i;

	for (i = 0; i < 64 && backend_rx(nc->dev->backend, nc->index, nc->rx, NETVSP_BATCH); i++)
		;
}

enum rx_end { RX_MORE, RX_IDLE, RX_STALLED, RX_PACED, RX_OFF };

static enum rx_end receive(struct netvsp_channel *nc)
{
	struct backend *backend = nc->dev->backend;
	unsigned int n;

	if (nc->flush_rx) {
		nc->flush_rx = false;
		flush_backend(nc);
		return RX_MORE;
	}
	n = room(nc);
	if (!n)
		return RX_STALLED;
	n = pace_room(&nc->rx_pace, n);
	if (!n)
		return RX_PACED;
	n = backend_rx(backend, nc->index, nc->rx, n);
	pace_spend(&nc->rx_pace, n);
	if (n)
		distribute(nc, n);
	else if (!backend_rx_arm(backend, nc->index))
		return RX_IDLE;
	return RX_MORE;
}

static enum rx_end run_batch(struct netvsp_channel *nc)
{
	struct netvsp *dev = nc->dev;
	enum rx_end end = RX_OFF;

	pthread_rwlock_rdlock(&dev->lock);
	if (netvsp_can_receive(dev) && nc->index < dev->backend->n_active)
		end = receive(nc);
	pthread_rwlock_unlock(&dev->lock);
	return end;
}

void netvsp_rx_run(struct netvsp_channel *nc)
{
	unsigned int turns;

	if (nc->rx_fd.fd < 0)
		return;
	for (turns = 0; turns < TURNS_MAX; turns++) {
		switch (run_batch(nc)) {
		case RX_MORE:
			continue;
		case RX_IDLE:
			watch(nc, true);
			return;
		default:
			watch(nc, false);
			return;
		}
	}
	loop_post(nc->loop, &nc->rx_work);
}

void netvsp_rx_ready(struct loop_fd *lfd, uint32_t events)
{
	netvsp_rx_run(container_of(lfd, struct netvsp_channel, rx_fd));
}
