// SPDX-License-Identifier: GPL-2.0
/*
 * XDP programs and their verdicts. A frame is copied once, into a whole page of the queue's pool
 * behind the standard headroom, and the program sees that copy: what the host does to its own
 * memory afterwards changes nothing. The page of a frame that is dropped takes the next one, so a
 * drop allocates and frees nothing. Frames that are longer than a page continue in fragments, for
 * programs that can take them.
 */
#include <linux/bpf_trace.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <net/xdp_sock_drv.h>

#include "../compat/net_xdp.h"
#include "device.h"

static int rx_hash(const struct xdp_md *ctx, u32 *hash, enum xdp_rss_hash_type *type)
{
	const struct nva_xdp_buff *buff = (const void *)ctx;
	u32 csum = buff->rx->csum;

	if (!(buff->rx->has & RNDIS_RX_HAS_HASH) || !(buff->ndev->features & NETIF_F_RXHASH))
		return -ENODATA;
	*hash = buff->rx->hash;
	*type = XDP_RSS_TYPE_NONE;
	/* only IPv4 headers have a checksum to be judged */
	if (csum & RNDIS_RXCSUM_IP_GOOD)
		*type = XDP_RSS_L3_IPV4;
	else if (csum & (RNDIS_RXCSUM_TCP_GOOD | RNDIS_RXCSUM_UDP_GOOD))
		*type = XDP_RSS_L3_IPV6;
	/* TCP is hashed over ports, everything else over addresses: see nva_rss_apply() */
	if (csum & (RNDIS_RXCSUM_TCP_GOOD | RNDIS_RXCSUM_TCP_BAD))
		*type |= XDP_RSS_L4 | XDP_RSS_L4_TCP;
	return 0;
}

static int rx_vlan_tag(const struct xdp_md *ctx, __be16 *proto, u16 *tci)
{
	const struct nva_xdp_buff *buff = (const void *)ctx;

	if (!(buff->rx->has & RNDIS_RX_HAS_VLAN))
		return -ENODATA;
	*proto = htons(ETH_P_8021Q);
	*tci = buff->rx->vlan_tci;
	return 0;
}

xdp_metadata_callbacks(metadata_ops, rx_hash, rx_vlan_tag);

/**
 * nva_xdp_describe() - keep what the host said about a frame, for the metadata functions
 * @xdp: start of a struct nva_xdp_buff, or of a chunk's, which has as much room behind
 * @ndev: interface
 * @rx: what the host said; stays until the program ended
 *
 * Context: NAPI.
 */
void nva_xdp_describe(struct xdp_buff *xdp, const struct net_device *ndev,
		      const struct rndis_rx *rx)
{
	struct nva_xdp_buff *buff = (struct nva_xdp_buff *)xdp;

	/* older kernels have neither such functions nor room in a chunk's */
	xdp_check_chunk_room(struct nva_xdp_buff);
	if (!XDP_HAS_METADATA)
		return;
	buff->rx = rx;
	buff->ndev = ndev;
}

/**
 * nva_xdp_setup() - say what XDP can do here
 * @ndev: interface, not yet registered
 *
 * Context: process.
 */
void nva_xdp_setup(struct net_device *ndev)
{
	xdp_metadata_set(ndev, &metadata_ops);
	xdp_features_set(ndev, NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT |
				       NETDEV_XDP_ACT_NDO_XMIT | NETDEV_XDP_ACT_RX_SG |
				       NETDEV_XDP_ACT_NDO_XMIT_SG | NETDEV_XDP_ACT_XSK_ZEROCOPY);
}

/**
 * nva_xdp_open() - make a queue's memory known to XDP
 * @q: queue with a page pool
 *
 * Context: process; NAPI runs but delivers nothing yet.
 * Return: 0 or an error of the XDP core.
 */
int nva_xdp_open(struct nva_queue *q)
{
	int err;

	err = xdp_rxq_info_reg(&q->xdp.rxq, q->ndev, q->index, q->napi.napi_id);
	if (err)
		return err;
	err = xdp_rxq_info_reg_mem_model(&q->xdp.rxq, MEM_TYPE_PAGE_POOL, q->pool);
	if (err)
		xdp_rxq_info_unreg(&q->xdp.rxq);
	return err;
}

/**
 * nva_xdp_close() - undo nva_xdp_open()
 * @q: queue, NAPI disabled; also one that nva_xdp_open() never saw
 *
 * Context: process.
 */
void nva_xdp_close(struct nva_queue *q)
{
	struct nva_xdp *x = &q->xdp;

	while (x->n_tx)
		xdp_return_frame(x->tx[--x->n_tx]);
	if (x->buffer)
		page_pool_put_full_page(q->pool, x->buffer, false);
	x->buffer = NULL;
	if (xdp_rxq_info_is_reg(&x->rxq))
		xdp_rxq_info_unreg(&x->rxq);
}

/**
 * nva_xdp_mtu_ok() - can frames of this size be shown to the program?
 * @dev: NIC
 * @mtu: bytes without Ethernet header
 *
 * Context: RTNL.
 * Return: false when a program is attached that takes only one buffer, and this is more.
 */
bool nva_xdp_mtu_ok(const struct nva_device *dev, u32 mtu)
{
	return !dev->xdp_prog || dev->xdp_prog->aux->xdp_has_frags ||
	       mtu + ETH_HLEN <= NVA_XDP_LINEAR;
}

static void publish(struct nva_device *dev, struct bpf_prog *prog)
{
	u32 i;

	for (i = 0; i < dev->n_queues; i++)
		WRITE_ONCE(dev->queue[i]->xdp.prog, prog);
	/* polls run in softirq: those that began with the old program have ended then */
	synchronize_net();
}

/*
 * The link stays up and nothing is reallocated: a poll that begins later runs the new program. What
 * the host coalesced cannot be shown to a program, so coalescing is switched off before.
 */
static int setup_prog(struct nva_device *dev, struct bpf_prog *prog,
		      struct netlink_ext_ack *extack)
{
	struct net_device *ndev = dev->ndev;
	struct bpf_prog *old = dev->xdp_prog;

	if (prog && !prog->aux->xdp_has_frags && ndev->mtu + ETH_HLEN > NVA_XDP_LINEAR) {
		NL_SET_ERR_MSG_MOD(extack,
				   "MTU too large for a program without multi-buffer support");
		return -EOPNOTSUPP;
	}
	dev->xdp_prog = prog;
	if (prog)
		netdev_update_features(ndev);
	if (prog && ndev->features & NETIF_F_LRO) {
		NL_SET_ERR_MSG_MOD(extack, "Host does not stop coalescing (lro)");
		dev->xdp_prog = old;
		return -EBUSY;
	}
	publish(dev, prog);
	if (!prog)
		netdev_update_features(ndev);
	if (old)
		bpf_prog_put(old);
	return 0;
}

/**
 * nva_bpf() - ndo_bpf()
 * @ndev: interface
 * @bpf: command
 *
 * Context: process, RTNL.
 * Return: 0, -EOPNOTSUPP when the MTU does not allow the program, -EBUSY when the host goes on
 * coalescing, -EINVAL for other commands; for AF_XDP as nva_xsk_setup().
 */
int nva_bpf(struct net_device *ndev, struct netdev_bpf *bpf)
{
	struct nva_device *dev = netdev_priv(ndev);

	switch (bpf->command) {
	case XDP_SETUP_PROG:
		return setup_prog(dev, bpf->prog, bpf->extack);
	case XDP_SETUP_XSK_POOL:
		if (bpf->xsk.queue_id >= dev->n_queues)
			return -EINVAL;
		return nva_xsk_setup(dev->queue[bpf->xsk.queue_id], bpf->xsk.pool);
	default:
		return -EINVAL;
	}
}

static struct page *whole_page(struct nva_queue *q)
{
	struct page *page = page_pool_dev_alloc_pages(q->pool);

	if (likely(page))
		page_pool_fragment_page(page, 1);
	return page;
}

static void put_fragments(struct nva_queue *q, struct xdp_buff *xdp)
{
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_buff(xdp);

	while (sinfo->nr_frags)
		page_pool_put_full_page(q->pool, skb_frag_page(&sinfo->frags[--sinfo->nr_frags]),
					true);
	xdp_buff_clear_frags_flag(xdp);
}

/* What of a frame did not fit into the first page. */
static bool add_fragments(struct nva_queue *q, struct xdp_buff *xdp, const void *from, u32 length)
{
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_buff(xdp);

	sinfo->nr_frags = 0;
	sinfo->xdp_frags_size = length;
	xdp_frags_truesize_set(sinfo, DIV_ROUND_UP(length, PAGE_SIZE) * PAGE_SIZE);
	while (length) {
		u32 bytes = min_t(u32, length, PAGE_SIZE);
		struct page *page;

		page = sinfo->nr_frags < MAX_SKB_FRAGS ? whole_page(q) : NULL;
		if (unlikely(!page)) {
			put_fragments(q, xdp);
			return false;
		}
		memcpy(page_address(page), from, bytes);
		if (page_is_pfmemalloc(page))
			xdp_buff_set_frag_pfmemalloc(xdp);
		skb_frag_fill_page_desc(&sinfo->frags[sinfo->nr_frags++], page, 0, bytes);
		from += bytes;
		length -= bytes;
	}
	xdp_buff_set_frags_flag(xdp);
	return true;
}

/*
 * A packet buffer around what the program let through; the page goes with it. A short one is copied
 * once more instead, so that it does not hold a page while it waits in a socket.
 */
static struct sk_buff *pass(struct nva_queue *q, struct xdp_buff *xdp)
{
	u32 length = xdp->data_end - xdp->data, meta = xdp->data - xdp->data_meta;
	struct skb_shared_info *sinfo = NULL;
	u32 n = 0, size = 0, truesize = 0;
	struct sk_buff *skb;

	if (xdp_buff_has_frags(xdp)) {
		sinfo = xdp_get_shared_info_from_buff(xdp);
		n = sinfo->nr_frags;
		size = sinfo->xdp_frags_size;
		truesize = n * PAGE_SIZE;
	} else if (length <= NVA_XDP_COPY && !meta) {
		return nva_rx_skb(q, xdp->data, length);
	}
	skb = napi_build_skb(xdp->data_hard_start, xdp->frame_sz);
	if (unlikely(!skb)) {
		q->rx_stats.no_memory++;
		if (sinfo)
			put_fragments(q, xdp);
		return NULL;
	}
	q->xdp.buffer = NULL;
	skb_mark_for_recycle(skb);
	skb_reserve(skb, xdp->data - xdp->data_hard_start);
	__skb_put(skb, length);
	if (meta)
		skb_metadata_set(skb, meta);
	if (n)
		xdp_update_skb_frags_info(skb, n, size, truesize, xdp_buff_get_skb_flags(xdp));
	return skb;
}

/* The doorbell is that of the poll's answers. */
static void send_collected(struct nva_queue *q)
{
	struct nva_xdp *x = &q->xdp;
	u32 n = x->n_tx, sent;

	x->n_tx = 0;
	x->owed = true;
	sent = nva_xdp_send(q, x->tx, n, true);
	while (sent < n)
		xdp_return_frame(x->tx[sent++]);
}

/*
 * The verdict was XDP_TX. A frame that is not too long is copied into a section at once: its buffer
 * takes the next one, and no struct xdp_frame comes and goes.
 */
static inline bool copy_back(struct nva_queue *q, struct xdp_buff *xdp)
{
	/* none overtakes one that is sent from where it lies */
	if (unlikely(q->xdp.n_tx || xdp_buff_has_frags(xdp)) ||
	    !nva_xdp_copy_back(q, xdp->data, xdp->data_end - xdp->data))
		return false;
	q->rx_stats.xdp_tx++;
	return true;
}

/* The other frames: they go at the poll's end at the latest. */
static noinline bool send_back(struct nva_queue *q, struct xdp_buff *xdp)
{
	struct nva_xdp *x = &q->xdp;
	struct xdp_frame *frame = xdp_convert_buff_to_frame(xdp);

	if (unlikely(!frame))
		return false;
	if (x->back.n)
		nva_xdp_send_back(q);
	x->tx[x->n_tx++] = frame;
	q->rx_stats.xdp_tx++;
	if (x->n_tx == NVA_XDP_BULK)
		send_collected(q);
	return true;
}

static inline bool send_elsewhere(struct nva_queue *q, struct bpf_prog *prog, struct xdp_buff *xdp)
{
	if (unlikely(xdp_do_redirect(q->ndev, xdp, prog)))
		return false;
	q->xdp.redirected = true;
	q->rx_stats.xdp_redirect++;
	return true;
}

/* Everything is counted but a packet for the stack, which counts where it is delivered. */
static __always_inline enum nva_xdp_end run_prog(struct nva_queue *q, struct bpf_prog *prog,
						 struct xdp_buff *xdp, u32 length)
{
	u32 act = bpf_prog_run_xdp(prog, xdp);
	enum nva_xdp_end end = NVA_XDP_FREE;

	if (act == XDP_PASS) {
		q->rx_stats.xdp_pass++;
		return NVA_XDP_UP;
	}
	q->rx_stats.packets++;
	q->rx_stats.bytes += length;
	switch (act) {
	case XDP_DROP:
		q->rx_stats.xdp_drop++;
		return NVA_XDP_FREE;
	case XDP_REDIRECT:
		if (likely(send_elsewhere(q, prog, xdp)))
			return NVA_XDP_GONE;
		q->rx_stats.xdp_errors++;
		/* a socket's chunk may have been freed before it failed: not for the next frame */
		if (xdp->rxq->mem.type == MEM_TYPE_XSK_BUFF_POOL) {
			xsk_buff_free(xdp);
			end = NVA_XDP_GONE;
		}
		break;
	case XDP_TX:
		if (likely(copy_back(q, xdp)))
			return NVA_XDP_FREE;
		if (likely(send_back(q, xdp)))
			return NVA_XDP_GONE;
		q->rx_stats.xdp_errors++;
		break;
	default:
		bpf_warn_invalid_xdp_action(q->ndev, prog, act);
		fallthrough;
	case XDP_ABORTED:
		q->rx_stats.xdp_aborted++;
		break;
	}
	trace_xdp_exception(q->ndev, prog, act);
	return end;
}

/**
 * nva_xdp_run() - run the program on a frame and do what it says
 * @q: queue
 * @prog: the program
 * @xdp: frame
 * @length: its bytes as they came
 *
 * Context: NAPI.
 * Return: what became of it.
 */
enum nva_xdp_end nva_xdp_run(struct nva_queue *q, struct bpf_prog *prog, struct xdp_buff *xdp,
			     u32 length)
{
	return run_prog(q, prog, xdp, length);
}

/* A page for frames to come, and what of its description no frame changes. */
static bool new_buffer(struct nva_queue *q)
{
	struct nva_xdp *x = &q->xdp;

	x->buffer = whole_page(q);
	if (unlikely(!x->buffer)) {
		q->rx_stats.no_memory++;
		return false;
	}
	xdp_init_buff(&x->buff.xdp, PAGE_SIZE, &x->rxq);
	x->buff.xdp.data_hard_start = page_address(x->buffer);
	return true;
}

/**
 * nva_xdp_receive() - run the program on a frame
 * @q: queue with a program
 * @prog: the program
 * @frame: shared memory
 * @rx: where the frame ends and what the host said about it
 *
 * Context: NAPI.
 * Return: a packet for the stack, or NULL when there is none (any more).
 */
struct sk_buff *nva_xdp_receive(struct nva_queue *q, struct bpf_prog *prog, const void *frame,
				const struct rndis_rx *rx)
{
	u32 linear = min(rx->data_length, NVA_XDP_LINEAR);
	struct nva_xdp *x = &q->xdp;
	struct xdp_buff *xdp = &x->buff.xdp;

	if (unlikely(!x->buffer) && !new_buffer(q))
		return NULL;
	nva_xdp_describe(xdp, q->ndev, rx);
	xdp->flags = 0;
	xdp_prepare_buff(xdp, xdp->data_hard_start, XDP_PACKET_HEADROOM, linear, true);
	memcpy(xdp->data, frame, linear);
	if (unlikely(linear < rx->data_length)) {
		if (!prog->aux->xdp_has_frags) {
			nva_fault(q->dev, NVA_RX_TOO_LONG);
			return NULL;
		}
		if (!add_fragments(q, xdp, frame + linear, rx->data_length - linear)) {
			q->rx_stats.no_memory++;
			return NULL;
		}
	}

	switch (run_prog(q, prog, xdp, rx->data_length)) {
	case NVA_XDP_UP:
		return pass(q, xdp);
	case NVA_XDP_GONE:
		x->buffer = NULL;
		return NULL;
	case NVA_XDP_FREE:
		break;
	}
	if (unlikely(xdp_buff_has_frags(xdp)))
		put_fragments(q, xdp);
	return NULL;
}

/**
 * nva_xdp_flush() - send what programs sent back, and let redirected frames go
 * @q: queue
 *
 * Context: NAPI, at the end of a poll.
 * Return: true when a doorbell is owed for them; see nva_rx_answer().
 */
bool nva_xdp_flush(struct nva_queue *q)
{
	struct nva_xdp *x = &q->xdp;
	bool owed;

	if (x->redirected) {
		x->redirected = false;
		xdp_do_flush();
	}
	if (x->back.n)
		nva_xdp_send_back(q);
	if (x->n_tx)
		send_collected(q);
	owed = x->owed;
	x->owed = false;
	return owed;
}
