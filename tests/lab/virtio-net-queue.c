// SPDX-License-Identifier: GPL-2.0
/* Frames between a pair of rings and a backend queue. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "log.h"
#include "virtio-net.h"
#include "wire.h"

#define TURNS_MAX 16u /* batches before other queues of the loop get their turn */

/* struct virtio_net_hdr, with num_buffers as always since VIRTIO 1.0 */
struct header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

_Static_assert(sizeof(struct header) == 12, "struct virtio_net_hdr");

#define NEEDS_CSUM 1
#define DATA_VALID 2
#define GSO_NONE   0
#define GSO_TCPV4  1
#define GSO_TCPV6  4
#define GSO_ECN	   0x80

#define RX_QUEUE(p) (2 * (p)->index)
#define TX_QUEUE(p) (2 * (p)->index + 1)

/* How a batch ended. */
enum end {
	END_MORE,
	END_IDLE, /* nothing to do until the next notification */
	END_NO_ROOM, /* frames wait, the guest has no buffers */
	END_PACED, /* as many as the service rate allows have been served */
	END_BROKEN,
};

static void drain(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof(n)) < 0 && errno == EINTR)
		continue;
}

/* --- guest to backend --- */

/* Turn a chain into a frame. Return: false when it is none; the chain is given back all the same.
 */
static bool tx_frame(const struct virtio_net *dev, const struct vring_chain *c, struct frame *f)
{
	unsigned int skip = sizeof(struct header);
	struct header h;
	uint8_t *to = (uint8_t *)&h;

	frame_clear(f);
	for (unsigned int i = 0; i < c->n_out; i++) {
		uint8_t *base = c->iov[i].iov_base;
		size_t len = c->iov[i].iov_len;

		if (skip) {
			size_t n = len < skip ? len : skip;

			memcpy(to, base, n);
			to += n;
			base += n;
			len -= n;
			skip -= n;
		}
		if (len > FRAME_LEN_MAX || !frame_add(f, base, len))
			return false;
	}
	if (skip || f->len < FRAME_LEN_MIN)
		return false;
	if (h.flags & NEEDS_CSUM) {
		if (!virtio_pci_has(&dev->vp, VIRTIO_NET_F_CSUM))
			return false;
		f->csum = FRAME_CSUM_PARTIAL;
		f->csum_start = h.csum_start;
		f->csum_offset = h.csum_offset;
	}
	f->hdr_len = h.hdr_len;
	switch (h.gso_type & ~GSO_ECN) {
	case GSO_NONE:
		return true;
	case GSO_TCPV4:
		f->gso_type = FRAME_GSO_TCP4;
		break;
	case GSO_TCPV6:
		f->gso_type = FRAME_GSO_TCP6;
		break;
	default:
		return false;
	}
	f->gso_size = h.gso_size;
	return f->csum == FRAME_CSUM_PARTIAL;
}

static void tx_count(struct virtio_net_pair *p, unsigned int n)
{
	struct virtio_net_queue_stats *s = &p->stats;
	uint64_t bytes = 0, lso = 0, csum = 0;

	for (unsigned int i = 0; i < n; i++) {
		bytes += p->tx_frames[i].len;
		lso += p->tx_frames[i].gso_type != FRAME_GSO_NONE;
		csum += p->tx_frames[i].csum == FRAME_CSUM_PARTIAL;
	}
	stat_add(&s->tx_packets, n);
	stat_add(&s->tx_bytes, bytes);
	stat_add(&s->tx_lso, lso);
	stat_add(&s->tx_csum, csum);
	stat_inc(&s->tx_batches);
}

static enum end tx_batch(struct virtio_net_pair *p)
{
	bool link = __atomic_load_n(&p->dev->link, __ATOMIC_RELAXED);
	uint16_t heads[VIRTIO_NET_BATCH];
	unsigned int n_heads = 0, n = 0, most = VIRTIO_NET_BATCH;
	struct vring_chain c;
	int got = 0;

	while (n_heads < most && (got = vring_pop(&p->tx, &c)) > 0) {
		if (!n_heads) {
			most = pace_room(&p->tx_pace, VIRTIO_NET_BATCH);
			if (!most) {
				vring_unpop(&p->tx, 1);
				return END_PACED;
			}
		}
		heads[n_heads++] = c.head;
		if (c.n_in)
			p->tx.broken = "transmit buffer to be written to";
		else if (tx_frame(p->dev, &c, &p->tx_frames[n]))
			n++;
		else
			stat_inc(&p->stats.tx_malformed);
	}
	if (p->tx.broken)
		return END_BROKEN;
	if (!n_heads)
		return END_IDLE;
	if (n && link) {
		tx_count(p, n);
		backend_tx(p->dev->backend, p->index, p->tx_frames, n);
	} else {
		stat_add(&p->stats.tx_link_down, n);
	}
	pace_spend(&p->tx_pace, n_heads);
	for (unsigned int i = 0; i < n_heads; i++)
		vring_push(&p->tx, heads[i], 0);
	if (vring_publish(&p->tx))
		virtio_pci_interrupt(&p->dev->vp, TX_QUEUE(p));
	return END_MORE;
}

static void give_up(struct virtio_net_pair *p, const struct vring *ring, unsigned int q)
{
	virtio_pci_fail(&p->dev->vp, q, ring->broken);
	virtio_net_pair_stop(p);
}

static void tx_run(struct virtio_net_pair *p)
{
	vring_quiet(&p->tx);
	for (unsigned int turns = 0; turns < TURNS_MAX; turns++) {
		switch (tx_batch(p)) {
		case END_MORE:
			continue;
		case END_BROKEN:
			give_up(p, &p->tx, TX_QUEUE(p));
			return;
		case END_PACED:
			return;
		default:
			if (!vring_listen(&p->tx))
				return;
			vring_quiet(&p->tx);
		}
	}
	loop_post(p->loop, &p->tx_again);
}

/* --- backend to guest --- */

static struct header rx_header(const struct virtio_net *dev, const struct frame *f)
{
	struct header h = { .num_buffers = 1 };

	if (f->csum == FRAME_CSUM_PARTIAL) {
		h.flags = NEEDS_CSUM;
		h.csum_start = f->csum_start;
		h.csum_offset = f->csum_offset;
	} else if (f->csum == FRAME_CSUM_VALID &&
		   virtio_pci_has(&dev->vp, VIRTIO_NET_F_GUEST_CSUM)) {
		h.flags = DATA_VALID;
	}
	if (f->gso_type != FRAME_GSO_NONE) {
		h.gso_type = f->gso_type == FRAME_GSO_TCP4 ? GSO_TCPV4 : GSO_TCPV6;
		h.gso_size = f->gso_size;
		h.hdr_len = f->hdr_len;
	}
	return h;
}

/* Where copying a frame has got to. */
struct cursor {
	const struct frame *f;
	unsigned int piece;
	size_t off;
};

/* Copy as much as fits into one piece of guest memory. Return: bytes. */
static size_t fill(struct cursor *from, uint8_t *to, size_t room)
{
	size_t done = 0;

	while (done < room && from->piece < from->f->n_iov) {
		const struct iovec *v = &from->f->iov[from->piece];
		size_t n = v->iov_len - from->off;

		if (n > room - done)
			n = room - done;
		memcpy(to + done, (uint8_t *)v->iov_base + from->off, n);
		done += n;
		from->off += n;
		if (from->off == v->iov_len) {
			from->piece++;
			from->off = 0;
		}
	}
	return done;
}

/* Write header and frame into chains of the ring; nothing is given back to the guest yet. */
struct delivery {
	uint16_t head[VRING_SIZE_MAX];
	uint32_t len[VRING_SIZE_MAX];
	unsigned int n;
	uint8_t *header; /* in the first chain, to be completed */
};

static size_t fill_chain(struct delivery *d, struct cursor *from, const struct vring_chain *c,
			 const struct header *h)
{
	size_t skip = 0, done = 0;

	if (!d->n) {
		d->header = c->iov[0].iov_base;
		memcpy(d->header, h, sizeof(*h));
		skip = sizeof(*h);
	}
	for (unsigned int i = 0; i < c->n_in; i++) {
		done += fill(from, (uint8_t *)c->iov[i].iov_base + skip, c->iov[i].iov_len - skip);
		skip = 0;
	}
	d->head[d->n] = c->head;
	d->len[d->n] = done + (d->n ? 0 : sizeof(*h));
	d->n++;
	return done;
}

static enum end rx_frame(struct virtio_net_pair *p, const struct frame *f)
{
	bool merge = virtio_pci_has(&p->dev->vp, VIRTIO_NET_F_MRG_RXBUF);
	struct header h = rx_header(p->dev, f);
	struct cursor from = { .f = f };
	struct vring_chain c;
	struct delivery d;
	size_t left = f->len;

	d.n = 0; /* not the whole of it: it is large */
	d.header = NULL;

	while (left) {
		int got = d.n < p->rx.size ? vring_pop(&p->rx, &c) : 0;

		if (got < 0)
			return END_BROKEN;
		if (!got && d.n == p->rx.size) {
			/* all the buffers there can be are too few */
			vring_unpop(&p->rx, d.n);
			stat_inc(&p->stats.rx_too_long);
			return END_MORE;
		}
		if (!got) {
			vring_unpop(&p->rx, d.n);
			return END_NO_ROOM;
		}
		if (c.n_out || !c.n_in || (!d.n && c.iov[0].iov_len < sizeof(h))) {
			p->rx.broken = "receive buffer without room for a header";
			return END_BROKEN;
		}
		left -= fill_chain(&d, &from, &c, &h);
		if (left && !merge) {
			vring_unpop(&p->rx, 1);
			stat_inc(&p->stats.rx_too_long);
			return END_MORE;
		}
	}
	h.num_buffers = d.n;
	memcpy(d.header + offsetof(struct header, num_buffers), &h.num_buffers, 2);
	for (unsigned int i = 0; i < d.n; i++)
		vring_push(&p->rx, d.head[i], d.len[i]);
	stat_inc(&p->stats.rx_packets);
	stat_add(&p->stats.rx_bytes, f->len);
	stat_add(&p->stats.rx_copied, f->len + sizeof(h));
	stat_add(&p->stats.rx_buffers, d.n);
	if (f->gso_type != FRAME_GSO_NONE)
		stat_inc(&p->stats.rx_rsc);
	return END_MORE;
}

/* Deliver what was pulled from the backend, as far as the guest has buffers. */
static enum end rx_deliver(struct virtio_net_pair *p)
{
	bool link = __atomic_load_n(&p->dev->link, __ATOMIC_RELAXED);
	enum end end = END_MORE;

	for (; p->at < p->n && end == END_MORE; p->at++) {
		const struct frame *f = &p->frames[p->at];

		if (link && virtio_net_filter_wants(p->dev, f))
			end = rx_frame(p, f);
		else
			stat_inc(&p->stats.rx_filtered);
		if (end != END_MORE)
			break;
	}
	if (vring_publish(&p->rx))
		virtio_pci_interrupt(&p->dev->vp, RX_QUEUE(p));
	return end;
}

static enum end rx_batch(struct virtio_net_pair *p)
{
	struct backend *be = p->dev->backend;
	unsigned int most;

	if (p->at == p->n) {
		most = pace_room(&p->rx_pace, VIRTIO_NET_BATCH);
		if (!most)
			return END_PACED;
		p->at = 0;
		p->n = backend_rx(be, p->index, p->frames, most);
		pace_spend(&p->rx_pace, p->n);
		if (!p->n)
			return backend_rx_arm(be, p->index) ? END_MORE : END_IDLE;
		stat_inc(&p->stats.rx_batches);
	}
	return rx_deliver(p);
}

static void watch_backend(struct virtio_net_pair *p, bool on)
{
	if (p->backend_fd.fd < 0 || p->backend_watched == on)
		return;
	if (p->backend_added)
		loop_mod(p->loop, &p->backend_fd, on ? EPOLLIN : 0);
	else
		loop_add(p->loop, &p->backend_fd, on ? EPOLLIN : 0);
	p->backend_added = true;
	p->backend_watched = on;
}

static void rx_run(struct virtio_net_pair *p)
{
	vring_quiet(&p->rx);
	for (unsigned int turns = 0; turns < TURNS_MAX; turns++) {
		switch (rx_batch(p)) {
		case END_MORE:
			continue;
		case END_IDLE:
			watch_backend(p, true);
			return;
		case END_BROKEN:
			give_up(p, &p->rx, RX_QUEUE(p));
			return;
		case END_PACED:
			watch_backend(p, false);
			return;
		case END_NO_ROOM:
			if (vring_listen(&p->rx))
				continue;
			stat_inc(&p->stats.rx_stalls);
			watch_backend(p, false);
			return;
		}
	}
	loop_post(p->loop, &p->rx_again);
}

/* --- loop callbacks --- */

static void tx_kicked(struct loop_fd *lfd, uint32_t events)
{
	struct virtio_net_pair *p = container_of(lfd, struct virtio_net_pair, tx_kick);

	drain(lfd->fd);
	stat_inc(&p->stats.tx_doorbells);
	tx_run(p);
}

static void rx_kicked(struct loop_fd *lfd, uint32_t events)
{
	struct virtio_net_pair *p = container_of(lfd, struct virtio_net_pair, rx_kick);

	drain(lfd->fd);
	stat_inc(&p->stats.rx_doorbells);
	rx_run(p);
}

static void backend_ready(struct loop_fd *lfd, uint32_t events)
{
	rx_run(container_of(lfd, struct virtio_net_pair, backend_fd));
}

static void tx_again(struct loop_work *work)
{
	struct virtio_net_pair *p = container_of(work, struct virtio_net_pair, tx_again);

	if (p->running)
		tx_run(p);
}

static void rx_again(struct loop_work *work)
{
	struct virtio_net_pair *p = container_of(work, struct virtio_net_pair, rx_again);

	if (p->running)
		rx_run(p);
}

static void resume_tx(struct pace *pace)
{
	struct virtio_net_pair *p = container_of(pace, struct virtio_net_pair, tx_pace);

	if (p->running)
		tx_run(p);
}

static void resume_rx(struct pace *pace)
{
	struct virtio_net_pair *p = container_of(pace, struct virtio_net_pair, rx_pace);

	if (p->running)
		rx_run(p);
}

void virtio_net_pair_init(struct virtio_net_pair *p, struct virtio_net *dev, unsigned int index,
			  struct loop *loop)
{
	p->dev = dev;
	p->index = index;
	p->loop = loop;
	p->rx_kick.fd = dev->vp.queue[RX_QUEUE(p)].kick;
	p->rx_kick.ready = rx_kicked;
	p->tx_kick.fd = dev->vp.queue[TX_QUEUE(p)].kick;
	p->tx_kick.ready = tx_kicked;
	p->backend_fd.fd = backend_rx_fd(dev->backend, index);
	p->backend_fd.ready = backend_ready;
	p->tx_again.run = tx_again;
	p->rx_again.run = rx_again;
	pace_init(&p->tx_pace, loop, dev->vp.fn.vm->io_rate, resume_tx);
	pace_init(&p->rx_pace, loop, dev->vp.fn.vm->io_rate, resume_rx);
}

int virtio_net_pair_start(struct virtio_net_pair *p)
{
	int err = virtio_pci_ring(&p->dev->vp, RX_QUEUE(p), &p->rx);

	if (!err)
		err = virtio_pci_ring(&p->dev->vp, TX_QUEUE(p), &p->tx);
	if (err)
		return err;
	p->at = 0;
	p->n = 0;
	p->running = true;
	drain(p->rx_kick.fd);
	drain(p->tx_kick.fd);
	loop_add(p->loop, &p->rx_kick, EPOLLIN);
	loop_add(p->loop, &p->tx_kick, EPOLLIN);
	/* what the driver made available before it was ready came without a notification */
	loop_post(p->loop, &p->tx_again);
	loop_post(p->loop, &p->rx_again);
	return 0;
}

void virtio_net_pair_stop(struct virtio_net_pair *p)
{
	if (!p->running)
		return;
	p->running = false;
	loop_del(p->loop, &p->rx_kick);
	loop_del(p->loop, &p->tx_kick);
	if (p->backend_added)
		loop_del(p->loop, &p->backend_fd);
	p->backend_added = false;
	p->backend_watched = false;
}
