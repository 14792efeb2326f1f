// SPDX-License-Identifier: GPL-2.0
/* The guest's packets: rings, send sections, page lists, RNDIS frames, completions. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "gpadl.h"
#include "netvsp.h"
#include "vm.h"

#define PIECES_MAX     96u /* of one send: 32 page ranges of up to three pages */
#define RANGES_MAX     64u
#define TURNS_MAX      16u /* batches before other channels of the loop get their turn */
#define PACKETS_MAX    256u /* ring packets a batch, when most are completions */
#define HEAD_SHORT     80u /* RNDIS header with two infos, */
#define HEAD_MAX       192u /* and the most of them that is looked at */
#define STALL_MAX_NS   10000000000ull

enum batch_end {
	BATCH_EMPTY, /* nothing left to read */
	BATCH_MORE,
	BATCH_BLOCKED, /* no room for completions */
	BATCH_PACED, /* as many as the service rate allows have been taken */
	BATCH_CLOSED,
};

/* struct send - the bytes of one SEND_RNDIS_PACKET, wherever they are */
struct send {
	struct iovec piece[PIECES_MAX];
	unsigned int n;
	uint32_t len;
};

static bool send_add(struct send *s, void *base, uint32_t len)
{
	struct iovec *last = s->n ? &s->piece[s->n - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == base) {
		last->iov_len += len;
	} else {
		if (s->n == PIECES_MAX)
			return false;
		s->piece[s->n++] = (struct iovec){ .iov_base = base, .iov_len = len };
	}
	s->len += len;
	return true;
}

static uint32_t send_copy(const struct send *s, uint32_t off, void *dst, uint32_t len)
{
	uint32_t done = 0, n;
	unsigned int i;

	if (off + len <= s->piece[0].iov_len) {
		memcpy(dst, (uint8_t *)s->piece[0].iov_base + off, len);
		return len;
	}

	for (i = 0; i < s->n && done < len; i++) {
		if (off >= s->piece[i].iov_len) {
			off -= (uint32_t)s->piece[i].iov_len;
			continue;
		}
		n = (uint32_t)s->piece[i].iov_len - off;
		if (n > len - done)
			n = len - done;
		memcpy((uint8_t *)dst + done, (uint8_t *)s->piece[i].iov_base + off, n);
		done += n;
		off = 0;
	}
	return done;
}

static bool send_slice(const struct send *s, uint32_t off, uint32_t len, struct frame *f)
{
	unsigned int i;
	uint32_t n;

	for (i = 0; i < s->n && len; i++) {
		if (off >= s->piece[i].iov_len) {
			off -= (uint32_t)s->piece[i].iov_len;
			continue;
		}
		n = (uint32_t)s->piece[i].iov_len - off;
		if (n > len)
			n = len;
		if (!frame_add(f, (uint8_t *)s->piece[i].iov_base + off, n))
			return false;
		len -= n;
		off = 0;
	}
	return !len;
}

/* The send section named in @msg becomes the start of the send. */
static bool add_section(struct netvsp_channel *nc, const struct nvsp_rndis *msg, struct send *s)
{
	struct netvsp *dev = nc->dev;
	uint64_t off = (uint64_t)msg->section * NETVSP_SEND_SECTION;
	uint32_t left = msg->section_bytes, n;
	uint8_t *at;

	if (!dev->send.gpadl || msg->section >= dev->send.count || !left ||
	    left > NETVSP_SEND_SECTION) {
		judge(nc->ch->name, "send-section", "%u bytes in section %u of %u", left,
		      msg->section, dev->send.gpadl ? dev->send.count : 0);
		return false;
	}
	while (left) {
		n = left;
		at = gpadl_range(dev->send.gpadl, off, &n);
		if (!at || !send_add(s, at, n))
			return false;
		off += n;
		left -= n;
	}
	return true;
}

/* One range of a GPA direct packet; @at moves behind it. */
static bool add_range(struct netvsp_channel *nc, const uint8_t **at, const uint8_t *end,
		      struct send *s)
{
	struct vmbus_gpa_range range;
	uint32_t off, left, n;
	uint64_t pfn;
	uint8_t *page;

	if ((size_t)(end - *at) < sizeof(range))
		return false;
	memcpy(&range, *at, sizeof(range));
	*at += sizeof(range);
	if (range.offset >= VMBUS_PAGE || !range.bytes || range.bytes > FRAME_LEN_MAX)
		return false;
	for (off = range.offset, left = range.bytes; left; left -= n, off = 0) {
		if ((size_t)(end - *at) < sizeof(pfn))
			return false;
		memcpy(&pfn, *at, sizeof(pfn));
		*at += sizeof(pfn);
		n = VMBUS_PAGE - off < left ? VMBUS_PAGE - off : left;
		page = pfn < 1ull << 40 ? vm_gpa(nc->dev->vm, pfn << 12, VMBUS_PAGE) : NULL;
		if (!page || !send_add(s, page + off, n))
			return false;
	}
	stat_inc(&nc->stats.tx_ranges);
	return true;
}

static bool add_ranges(struct netvsp_channel *nc, const struct ring_packet *pkt, struct send *s)
{
	const struct vmbus_gpa_direct *g = (const struct vmbus_gpa_direct *)pkt->bytes;
	const uint8_t *at = pkt->bytes + sizeof(*g), *end = pkt->bytes + pkt->offset;
	uint32_t i;

	if (pkt->offset < sizeof(*g) || !g->n || g->n > RANGES_MAX) {
		judge(nc->ch->name, "gpa-ranges", "%u ranges in %u bytes",
		      pkt->offset < sizeof(*g) ? 0 : g->n, pkt->offset);
		return false;
	}
	for (i = 0; i < g->n; i++) {
		if (!add_range(nc, &at, end, s)) {
			judge(nc->ch->name, "gpa-range",
			      "range %u of %u is malformed, not RAM, or in too many pieces", i,
			      g->n);
			return false;
		}
	}
	return true;
}

static bool take_csum(struct netvsp_channel *nc, struct frame *f, uint32_t value)
{
	bool udp = value & RNDIS_TXCSUM_UDP;

	if (!(value & (RNDIS_TXCSUM_TCP | RNDIS_TXCSUM_UDP | RNDIS_TXCSUM_IP_HEADER)))
		return true;
	if (!nc->dev->opt.tx_csum || (udp && !nc->dev->opt.udp_csum)) {
		judge(nc->ch->name, "tx-csum", "checksum %#x asked for, which was not offered",
		      value);
		return false;
	}
	f->ip_csum = value & RNDIS_TXCSUM_IP_HEADER && value & RNDIS_TXCSUM_IPV4;
	if (value & (RNDIS_TXCSUM_TCP | RNDIS_TXCSUM_UDP)) {
		f->csum = FRAME_CSUM_PARTIAL;
		f->csum_start = (uint16_t)RNDIS_TXCSUM_OFFSET(value);
		f->csum_offset = udp ? 6 : 16;
	}
	stat_inc(&nc->stats.tx_csum);
	return true;
}

static bool take_lso(struct netvsp_channel *nc, struct frame *f, uint32_t value)
{
	if (!nc->dev->opt.lso || !(value & RNDIS_LSO_V2) || !RNDIS_LSO_MSS(value) ||
	    RNDIS_LSO_MSS(value) > UINT16_MAX) {
		judge(nc->ch->name, "tx-lso", "LSO %#x", value);
		return false;
	}
	f->gso_type = value & RNDIS_LSO_IPV6 ? FRAME_GSO_TCP6 : FRAME_GSO_TCP4;
	f->gso_size = (uint16_t)RNDIS_LSO_MSS(value);
	f->csum = FRAME_CSUM_PARTIAL;
	f->csum_start = (uint16_t)RNDIS_LSO_OFFSET(value);
	f->csum_offset = 16;
	f->ip_csum = !(value & RNDIS_LSO_IPV6);
	stat_inc(&nc->stats.tx_lso);
	return true;
}

static bool take_ppi(struct netvsp_channel *nc, struct frame *f, const uint8_t *at, uint32_t len)
{
	struct rndis_ppi ppi;
	bool ok = true;

	while (len >= sizeof(ppi) && ok) {
		memcpy(&ppi, at, sizeof(ppi));
		if (ppi.size < 12 || ppi.size > len || ppi.offset > ppi.size) {
			judge(nc->ch->name, "rndis-ppi", "info of %u bytes, value at %u, %u left",
			      ppi.size, ppi.offset, len);
			return false;
		}
		if (ppi.offset + 4 <= ppi.size)
			memcpy(&ppi.value, at + ppi.offset, sizeof(ppi.value));
		switch (ppi.type) {
		case RNDIS_PPI_CSUM:
			ok = take_csum(nc, f, ppi.value);
			break;
		case RNDIS_PPI_LSO:
			ok = take_lso(nc, f, ppi.value);
			break;
		case RNDIS_PPI_VLAN:
			f->vlan = true;
			f->vlan_tci = RNDIS_VLAN_TCI(ppi.value);
			stat_inc(&nc->stats.tx_vlan);
			break;
		}
		at += ppi.size;
		len -= ppi.size;
	}
	return ok;
}

/* One RNDIS packet message at @pos of the send becomes a frame. */
static bool take_frame(struct netvsp_channel *nc, const struct send *s, uint32_t pos,
		       const struct rndis_packet *p, const uint8_t *head, uint32_t head_len)
{
	struct frame *f = &nc->tx[nc->n_tx];
	uint32_t body = p->h.len - RNDIS_HEADER;
	uint32_t ppi_end = RNDIS_HEADER + p->ppi_offset + p->ppi_bytes;

	if (p->data_offset > body || p->data_bytes > body - p->data_offset ||
	    p->data_bytes < FRAME_LEN_MIN || p->data_bytes > FRAME_LEN_MAX) {
		judge(nc->ch->name, "rndis-data", "%u bytes at %u of a message of %u",
		      p->data_bytes, p->data_offset, p->h.len);
		return false;
	}
	frame_clear(f);
	if (p->ppi_bytes) {
		if (p->ppi_offset < sizeof(*p) - RNDIS_HEADER || p->ppi_offset > body ||
		    p->ppi_bytes > body - p->ppi_offset || ppi_end > head_len) {
			judge(nc->ch->name, "rndis-ppi", "infos of %u bytes at %u of %u",
			      p->ppi_bytes, p->ppi_offset, p->h.len);
			return false;
		}
		if (!take_ppi(nc, f, head + RNDIS_HEADER + p->ppi_offset, p->ppi_bytes))
			return false;
	}
	if (!f->gso_type && p->data_bytes > nc->dev->mtu + FRAME_LEN_MIN + 4) {
		judge(nc->ch->name, "tx-too-long", "frame of %u bytes at MTU %u", p->data_bytes,
		      nc->dev->mtu);
		return false;
	}
	if (!send_slice(s, pos + RNDIS_HEADER + p->data_offset, p->data_bytes, f)) {
		judge(nc->ch->name, "tx-pieces", "frame in more than %u pieces", FRAME_IOV_MAX);
		return false;
	}
	if (!nc->dev->link_up) {
		stat_inc(&nc->stats.tx_link_down);
		return true;
	}
	stat_inc(&nc->stats.tx_packets);
	stat_add(&nc->stats.tx_bytes, f->len);
	nc->n_tx++;
	return true;
}

/* Several RNDIS packets may follow one another in one send. */
static bool take_frames(struct netvsp_channel *nc, const struct send *s)
{
	uint8_t head[HEAD_MAX] __attribute__((aligned(8)));
	const struct rndis_packet *p = (const struct rndis_packet *)head;
	uint32_t pos = 0, head_len;
	unsigned int n;

	for (n = 0; pos + sizeof(*p) <= s->len; n++) {
		head_len = send_copy(s, pos, head, HEAD_SHORT);
		if (p->ppi_bytes > HEAD_SHORT - sizeof(*p))
			head_len = send_copy(s, pos, head, HEAD_MAX);
		if (p->h.type != RNDIS_PACKET || p->h.len < sizeof(*p) || p->h.len > s->len - pos) {
			judge(nc->ch->name, "rndis-packet",
			      "message %u at %u of %u: type %#x, length %u", n, pos, s->len,
			      p->h.type, p->h.len);
			return false;
		}
		if (n == NETVSP_MAX_CONCAT) {
			judge(nc->ch->name, "rndis-concat", "more than %u packets in a send",
			      NETVSP_MAX_CONCAT);
			return false;
		}
		if (pos & ((1u << NETVSP_ALIGN_LOG2) - 1))
			judge(nc->ch->name, "rndis-align", "packet %u starts at %u", n, pos);
		if (!take_frame(nc, s, pos, p, head, head_len))
			return false;
		pos += p->h.len;
	}
	if (!n) {
		judge(nc->ch->name, "rndis-packet", "send of %u bytes", s->len);
		return false;
	}
	return true;
}

/* What was collected belongs to the buffer of this moment: another may be there afterwards. */
static void lock_for_writing(struct netvsp_channel *nc)
{
	sections_flush(nc);
	pthread_rwlock_unlock(&nc->dev->lock);
	pthread_rwlock_wrlock(&nc->dev->lock);
}

static void lock_for_reading(struct netvsp_channel *nc)
{
	pthread_rwlock_unlock(&nc->dev->lock);
	pthread_rwlock_rdlock(&nc->dev->lock);
}

static void take_control(struct netvsp_channel *nc, const struct send *s)
{
	uint8_t msg[NETVSP_CONTROL_MAX] __attribute__((aligned(8)));
	struct netvsp *dev = nc->dev;

	if (s->len > sizeof(msg)) {
		judge(nc->ch->name, "rndis-control", "control message of %u bytes", s->len);
		return;
	}
	send_copy(s, 0, msg, s->len);
	lock_for_writing(nc);
	rndis_control(dev, msg, s->len);
	lock_for_reading(nc);
}

static void owe(struct netvsp_channel *nc, uint64_t txid, uint32_t status)
{
	nc->done[nc->n_done].txid = txid;
	nc->done[nc->n_done++].status = status;
}

/* SEND_RNDIS_PACKET, by page list or not. */
static void take_rndis(struct netvsp_channel *nc, const struct ring_packet *pkt)
{
	const struct nvsp_rndis *msg = (const struct nvsp_rndis *)(pkt->bytes + pkt->offset);
	bool direct = pkt->d.type == VMBUS_PKT_GPA_DIRECT, section, ok;
	struct send s;

	s.n = 0;
	s.len = 0;
	section = msg->section != NVSP_NO_SECTION;
	ok = (section || direct) && (!section || add_section(nc, msg, &s)) &&
	     (!direct || add_ranges(nc, pkt, &s));
	if (!section && !direct)
		judge(nc->ch->name, "rndis-nowhere", "neither section nor pages");
	if (ok && msg->channel == NVSP_CHANNEL_CONTROL) {
		take_control(nc, &s);
	} else if (ok) {
		stat_inc(&nc->stats.tx_sends);
		stat_inc(section && direct ? &nc->stats.tx_mixed :
			 section	   ? &nc->stats.tx_in_section :
					     &nc->stats.tx_direct);
		if (msg->channel != NVSP_CHANNEL_DATA)
			judge(nc->ch->name, "rndis-channel", "RNDIS channel %u", msg->channel);
		ok = take_frames(nc, &s);
	}
	if (!ok)
		stat_inc(&nc->stats.tx_refused);
	if (pkt->d.flags & VMBUS_PKT_WANTS_COMPLETION)
		owe(nc, pkt->d.txid, ok ? NVSP_STATUS_SUCCESS : NVSP_STATUS_BAD_RNDIS);
	else
		judge(nc->ch->name, "rndis-no-completion", "send asks for no completion");
}

/* The guest is done with a transfer of ours. */
static void take_completion(struct netvsp_channel *nc, const struct ring_packet *pkt)
{
	const struct nvsp_rndis_complete *msg =
		(const struct nvsp_rndis_complete *)(pkt->bytes + pkt->offset);

	if (pkt->len - pkt->offset < sizeof(*msg) || msg->type != NVSP_SEND_RNDIS_PACKET_COMPLETE) {
		judge(nc->ch->name, "completion-payload", "%u bytes of payload, type %u",
		      pkt->len - pkt->offset, pkt->len == pkt->offset ? 0 : msg->type);
		return;
	}
	if (fault_at(FAULT_NETVSP_RELEASE, nc->ch->name, NULL, 0).kind == FAULT_DROP)
		return;
	if (!sections_return(nc, pkt->d.txid)) {
		judge(nc->ch->name, "completion-unknown",
		      "transaction %#llx is not with the guest on this channel",
		      (unsigned long long)pkt->d.txid);
		return;
	}
	stat_inc(&nc->stats.rx_completions);
	if (msg->status != NVSP_STATUS_SUCCESS)
		stat_inc(&nc->stats.rx_refused);
}

static void take_message(struct netvsp_channel *nc, const struct ring_packet *pkt)
{
	uint8_t msg[256] __attribute__((aligned(8))) = { 0 };
	uint32_t len = pkt->len - pkt->offset;

	if (len > sizeof(msg))
		len = sizeof(msg);
	memcpy(msg, pkt->bytes + pkt->offset, len);
	lock_for_writing(nc);
	nvsp_handle(nc, msg, len, pkt->d.txid, pkt->d.flags & VMBUS_PKT_WANTS_COMPLETION);
	lock_for_reading(nc);
}

/* Frames first: once completed, the guest may reuse their memory. */
static void hand_over(struct netvsp_channel *nc)
{
	if (!nc->n_tx)
		return;
	backend_tx(nc->dev->backend, nc->index, nc->tx, nc->n_tx);
	pace_spend(&nc->tx_pace, nc->n_tx);
	nc->n_tx = 0;
}

static bool write_completion(struct netvsp_channel *nc, unsigned int i)
{
	uint8_t bytes[NVSP_BYTES] __attribute__((aligned(8))) = { 0 };
	struct nvsp_rndis_complete *msg = (struct nvsp_rndis_complete *)bytes;
	unsigned int times = 1;

	msg->type = NVSP_SEND_RNDIS_PACKET_COMPLETE;
	msg->status = nc->done[i].status;
	if (fault_armed[FAULT_NETVSP_TX_COMPLETE]) {
		switch (fault_at(FAULT_NETVSP_TX_COMPLETE, nc->ch->name, msg, sizeof(*msg)).kind) {
		case FAULT_DROP:
			return true;
		case FAULT_DUPLICATE:
			times = 2;
			break;
		default:
			break;
		}
	}
	while (times--) {
		if (!ring_out_completion(&nc->ch->out, nc->done[i].txid, bytes,
					 nc->dev->nvsp >= NVSP_V6_1 ? NVSP_BYTES : NVSP_BYTES_MIN))
			return false;
	}
	stat_inc(&nc->stats.tx_completions);
	return true;
}

/* Writes the completions owed; false when some found no room. */
static bool complete_sends(struct netvsp_channel *nc)
{
	struct vmbus_channel *ch = nc->ch;
	unsigned int i = 0;
	bool signal;

	if (!nc->n_done)
		return true;
	pthread_mutex_lock(&ch->out_lock);
	ring_out_begin(&ch->out);
	do {
		while (i < nc->n_done && write_completion(nc, i))
			i++;
	} while (i < nc->n_done &&
		 ring_out_want(&ch->out, sizeof(struct vmbus_descriptor) + NVSP_BYTES));
	signal = ring_out_end(&ch->out);
	pthread_mutex_unlock(&ch->out_lock);
	if (signal)
		vmbus_signal(ch);
	memmove(nc->done, nc->done + i, (nc->n_done - i) * sizeof(nc->done[0]));
	nc->n_done -= i;
	return !nc->n_done;
}

static void take_packet(struct netvsp_channel *nc, const struct ring_packet *pkt)
{
	const struct nvsp_rndis *msg = (const struct nvsp_rndis *)(pkt->bytes + pkt->offset);
	uint32_t len = pkt->len - pkt->offset;

	switch (pkt->d.type) {
	case VMBUS_PKT_COMPLETION:
		take_completion(nc, pkt);
		break;
	case VMBUS_PKT_INBAND:
	case VMBUS_PKT_GPA_DIRECT:
		if (len < NVSP_BYTES_MIN) {
			judge(nc->ch->name, "nvsp-length", "NVSP message of %u bytes", len);
			if (len < sizeof(*msg))
				break;
		}
		if (msg->type == NVSP_SEND_RNDIS_PACKET) {
			take_rndis(nc, pkt);
		} else {
			hand_over(nc);
			complete_sends(nc);
			take_message(nc, pkt);
		}
		break;
	default:
		judge(nc->ch->name, "packet-type", "packet of type %u", pkt->d.type);
	}
}

/* ring.read faults: true when the packet is to be passed over. */
static bool read_fault(struct netvsp_channel *nc)
{
	struct fault_action todo = fault_at(FAULT_RING_READ, nc->ch->name, NULL, 0);
	struct timespec ts;

	switch (todo.kind) {
	case FAULT_DROP:
		return true;
	case FAULT_RESCIND:
		vmbus_rescind_later(&nc->dev->v);
		return true;
	case FAULT_DELAY:
		if (todo.delay_ns > STALL_MAX_NS)
			todo.delay_ns = STALL_MAX_NS;
		ts.tv_sec = (time_t)(todo.delay_ns / 1000000000);
		ts.tv_nsec = (long)(todo.delay_ns % 1000000000);
		nanosleep(&ts, NULL);
		return false;
	default:
		return false;
	}
}

/* Queues that wait for what the guest has just given back look again. */
static void wake_stalled(struct netvsp *dev)
{
	uint64_t stalled;
	unsigned int q;

	if (!__atomic_load_n(&dev->rx_stalled, __ATOMIC_RELAXED))
		return;
	stalled = __atomic_exchange_n(&dev->rx_stalled, 0, __ATOMIC_ACQ_REL);
	for (; stalled; stalled &= stalled - 1) {
		q = (unsigned int)__builtin_ctzll(stalled);
		loop_post(dev->chan[q]->loop, &dev->chan[q]->rx_work);
	}
}

static enum batch_end run_batch(struct netvsp_channel *nc)
{
	struct netvsp *dev = nc->dev;
	enum batch_end end = BATCH_MORE;
	struct vmbus_channel *ch;
	struct ring_packet pkt;
	unsigned int n = 0, most;
	bool signal;

	pthread_rwlock_rdlock(&dev->lock);
	ch = nc->ch;
	if (!ch) {
		pthread_rwlock_unlock(&dev->lock);
		return BATCH_CLOSED;
	}
	if (!complete_sends(nc)) {
		end = BATCH_BLOCKED;
	} else if (!ring_in_begin(&ch->in)) {
		end = BATCH_EMPTY;
	} else {
		most = pace_room(&nc->tx_pace, NETVSP_BATCH);
		if (!most)
			end = BATCH_PACED;
		while (n++ < PACKETS_MAX && nc->n_tx < most &&
		       nc->n_tx + NETVSP_MAX_CONCAT <= NETVSP_BATCH &&
		       nc->n_done < NETVSP_BATCH && ring_in_next(&ch->in, &pkt)) {
			if (fault_armed[FAULT_RING_READ] && read_fault(nc))
				continue;
			take_packet(nc, &pkt);
		}
		hand_over(nc);
		if (!complete_sends(nc))
			end = BATCH_BLOCKED;
	}
	sections_flush(nc);
	signal = ring_in_publish(&ch->in);
	if (dev->n_replies)
		netvsp_flush(dev);
	pthread_rwlock_unlock(&dev->lock);
	if (signal)
		vmbus_signal(ch);
	wake_stalled(dev);
	return end;
}

void netvsp_tx_run(struct netvsp_channel *nc)
{
	struct vmbus_channel *ch = nc->ch;
	unsigned int turns = 0;

	if (!ch)
		return;
	ring_in_mask(&ch->in, true);
	for (;;) {
		switch (run_batch(nc)) {
		case BATCH_CLOSED:
			return;
		case BATCH_BLOCKED:
			return; /* its signal for ring space is not subject to the mask */
		case BATCH_PACED:
			return;
		case BATCH_EMPTY:
			ring_in_mask(&ch->in, false);
			if (!ring_in_begin(&ch->in))
				return;
			ring_in_mask(&ch->in, true);
			break;
		case BATCH_MORE:
			break;
		}
		if (++turns == TURNS_MAX) {
			loop_post(nc->loop, &nc->tx_work);
			return;
		}
	}
}
