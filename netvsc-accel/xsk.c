// SPDX-License-Identifier: GPL-2.0
/*
 * AF_XDP sockets bound to a queue. The host writes into its receive buffer and reads from our send
 * buffer, nowhere else without being asked: a received frame is copied once, straight into a chunk
 * of the socket's memory, and a frame to send once, straight out of it into a section, several to
 * a section. No packet buffer and no page is touched, and a chunk is the socket's again as soon as
 * it was copied, so the host never holds memory of a process.
 */
#include <linux/netdevice.h>
#include <net/xdp_sock_drv.h>

#include "device.h"

/* Frames sent in one poll. */
#define SEND_MAX		256u

static int take_pool(struct nva_queue *q, struct xsk_buff_pool *pool)
{
	struct nva_xdp *x = &q->xdp;
	int err;

	if (xsk_pool_get_rx_frame_size(pool) < q->ndev->mtu + ETH_HLEN)
		return -EOVERFLOW;
	/* nothing here uses the addresses, but the core takes a pool without them for an error */
	err = xsk_pool_dma_map(pool, &q->dev->hdev->device, 0);
	if (err)
		return err;
	err = xdp_rxq_info_reg(&x->zc_rxq, q->ndev, q->index, q->napi.napi_id);
	if (err)
		goto unmap;
	err = xdp_rxq_info_reg_mem_model(&x->zc_rxq, MEM_TYPE_XSK_BUFF_POOL, NULL);
	if (err)
		goto unreg;
	xsk_pool_set_rxq_info(pool, &x->zc_rxq);
	/* what is set up is visible to NAPI before the pool is */
	smp_store_release(&x->pool, pool);
	return 0;

unreg:
	xdp_rxq_info_unreg(&x->zc_rxq);
unmap:
	xsk_pool_dma_unmap(pool, 0);
	return err;
}

static void give_pool(struct nva_queue *q)
{
	struct nva_xdp *x = &q->xdp;
	struct xsk_buff_pool *pool = x->pool;

	WRITE_ONCE(x->pool, NULL);
	/* polls run in softirq: those that saw it have ended then */
	synchronize_net();
	while (x->chunk_at < x->chunk_end)
		xsk_buff_free(x->chunk[x->chunk_at++]);
	xdp_rxq_info_unreg(&x->zc_rxq);
	xsk_pool_dma_unmap(pool, 0);
}

/**
 * nva_xsk_setup() - give a queue the memory of a socket, or take it away
 * @q: queue
 * @pool: memory, or NULL
 *
 * The channel and other traffic of the queue go on meanwhile.
 *
 * Context: process, RTNL.
 * Return: 0, -EOVERFLOW when its chunks are shorter than a frame may be, -EBUSY when the queue has
 * one already, -EINVAL when it has none to take away, or an error of the DMA or XDP core.
 */
int nva_xsk_setup(struct nva_queue *q, struct xsk_buff_pool *pool)
{
	if (pool)
		return q->xdp.pool ? -EBUSY : take_pool(q, pool);
	if (!q->xdp.pool)
		return -EINVAL;
	give_pool(q);
	return 0;
}

/*
 * Sends the first frames of a socket that woke us. A socket that only receives wakes us each time
 * it waits, too, unless it was bound with need_wakeup: it has none, and needs no poll. Returns true
 * when there may be more.
 */
static bool send_first(struct nva_queue *q, struct xsk_buff_pool *pool)
{
	u32 room = NVA_XDP_BULK, n = nva_xdp_send_umem(q, pool, &room);

	if (n)
		hva_flush(&q->hc);
	return n || !room;
}

/**
 * nva_xsk_wakeup() - ndo_xsk_wakeup()
 * @ndev: interface
 * @queue: queue number
 * @flags: what the socket wants to go on; receiving needs no waking
 *
 * Context: process.
 * Return: 0, -ENETDOWN when no data may flow, -EINVAL when no socket is bound to the queue.
 */
int nva_xsk_wakeup(struct net_device *ndev, u32 queue, u32 flags)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct xsk_buff_pool *pool;
	struct nva_queue *q;

	if (queue >= READ_ONCE(dev->n_live))
		return -ENETDOWN;
	q = dev->queue[queue];
	if (!nva_queue_ready(q))
		return -ENETDOWN;
	/* give_pool() waits for us */
	local_bh_disable();
	/* pairs with take_pool() */
	pool = smp_load_acquire(&q->xdp.pool);
	if (pool && flags & XDP_WAKEUP_TX && send_first(q, pool))
		napi_schedule(&q->napi);
	local_bh_enable();
	return pool ? 0 : -EINVAL;
}

/* Takes chunks that the socket filled in. False: there are none. */
static noinline bool take_chunks(struct nva_xdp *x, struct xsk_buff_pool *pool)
{
	x->chunk_at = 0;
	x->chunk_end = xsk_buff_alloc_batch(pool, x->chunk, NVA_XSK_CHUNKS);
	return x->chunk_end;
}

/**
 * nva_xsk_receive() - run the program on a frame, in a chunk of a socket
 * @q: queue with a socket
 * @pool: the socket's memory
 * @prog: the program
 * @frame: shared memory
 * @rx: where the frame ends and what the host said about it
 *
 * Context: NAPI.
 * Return: a packet for the stack, or NULL when there is none (any more).
 */
struct sk_buff *nva_xsk_receive(struct nva_queue *q, struct xsk_buff_pool *pool,
				struct bpf_prog *prog, const void *frame, const struct rndis_rx *rx)
{
	struct nva_xdp *x = &q->xdp;
	struct xdp_buff *xdp;

	if (x->chunk_at == x->chunk_end && !take_chunks(x, pool)) {
		q->rx_stats.xsk_no_buffer++;
		return NULL;
	}
	if (unlikely(rx->data_length > xsk_pool_get_rx_frame_size(pool))) {
		nva_fault(q->dev, NVA_RX_TOO_LONG);
		return NULL;
	}
	xdp = x->chunk[x->chunk_at];
	xdp->data = xdp->data_hard_start + XDP_PACKET_HEADROOM;
	xdp->data_meta = xdp->data;
	xdp->data_end = xdp->data + rx->data_length;
	xdp->flags = 0;
	memcpy(xdp->data, frame, rx->data_length);
	nva_xdp_describe(xdp, q->ndev, rx);

	/* unless somebody keeps it, the chunk takes the next frame */
	switch (nva_xdp_run(q, prog, xdp, rx->data_length)) {
	case NVA_XDP_GONE:
		x->chunk_at++;
		break;
	case NVA_XDP_UP:
		return nva_rx_skb(q, xdp->data, xdp->data_end - xdp->data);
	case NVA_XDP_FREE:
		break;
	}
	return NULL;
}

/**
 * nva_xsk_transmit() - send what a socket has
 * @q: queue
 * @pool: the socket's memory
 * @sent: set when a doorbell is owed, see nva_rx_answer()
 *
 * Context: NAPI.
 * Return: true when there may be more, and room for it.
 */
bool nva_xsk_transmit(struct nva_queue *q, struct xsk_buff_pool *pool, bool *sent)
{
	u32 total = 0, n, room;
	bool more;

	/* before the ring is looked at: what comes later finds the flag and wakes us */
	if (xsk_uses_need_wakeup(pool))
		xsk_set_tx_need_wakeup(pool);
	do {
		room = min(NVA_XDP_BULK, SEND_MAX - total);
		n = nva_xdp_send_umem(q, pool, &room);
		total += n;
	} while (n && n == room && total < SEND_MAX);
	*sent |= total;
	more = n && n == room;
	if (more && xsk_uses_need_wakeup(pool))
		xsk_clear_tx_need_wakeup(pool);
	return more;
}
