// SPDX-License-Identifier: GPL-2.0
/*
 * Receive. The host puts frames into sections of the receive buffer, names them in transfer-page
 * packets and lends them until each packet is answered. A frame is copied once, into pages of the
 * queue's pool, and looked at only in that copy; what is read in shared memory before is the RNDIS
 * header, each field once. Answers of a whole poll go out in one ring write. With zero copy, which
 * is off unless asked for, long payload of TCP is not copied: zerocopy.c.
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/sizes.h>
#include <linux/tcp.h>
#include <net/busy_poll.h>
#include <net/ip.h>

#include "../compat/net_gro.h"
#include "device.h"
#include "rndis_parse.h"

/*
 * Frames up to this lie linear in one piece of a page; of longer ones only so much does as headers
 * can take.
 */
#define LINEAR_MAX		2048u
#define LINEAR_HEADERS		256u
/* Fragments behind the headers: pages, but not the large ones of some architectures. */
#define FRAGMENT		min_t(u32, PAGE_SIZE, 16384)
#define HEADROOM		(NET_SKB_PAD + NET_IP_ALIGN)
#define BUFFER_SIZE(length)	(SKB_DATA_ALIGN(HEADROOM + (length)) + \
				 SKB_DATA_ALIGN(sizeof(struct skb_shared_info)))

/* No frame is longer, coalesced or not: a 16-bit IP length and an Ethernet header. */
#define FRAME_MAX		(ETH_HLEN + 65535u)

/* Datagrams in a list for the stack. */
#define UDP_LIST		16

/* As many answers under one lock. */
#define ANSWER_BATCH		64u

/*
 * Pieces are cut from blocks of 32 KiB, as the stack cuts its own (page_frag): a page has room for
 * two full frames or nine short ones, and the way out of the pool and back again is long.
 */
#define CUT_ORDER		((u32)get_order(SZ_32K))
#define CUT_BYTES		((u32)PAGE_SIZE << CUT_ORDER)
/* References to a block: more than it has pieces. */
#define CUT_BIAS		(CUT_BYTES / SMP_CACHE_BYTES)
/* Blocks that wait in the pool to be used again. */
#define CUT_POOL		64

/**
 * nva_rx_buffer() - let a queue receive from the receive buffer
 * @q: queue
 *
 * Context: process; NAPI may run.
 */
void nva_rx_buffer(struct nva_queue *q)
{
	q->recv_buf = q->dev->recv.at;
	q->zc.pages = q->dev->recv.pages;
	/* pairs with nva_rx_packet() */
	smp_store_release(&q->recv_size, q->dev->recv.size);
}

/* Gives up the page that pieces are cut from; those that were cut live on. */
static void cut_end(struct nva_queue *q)
{
	struct nva_cut *cut = &q->cut;

	if (cut->page && !page_pool_unref_page(cut->page, CUT_BIAS - cut->pieces))
		page_pool_put_unrefed_page(cut->pool, cut->page, -1, false);
	*cut = (struct nva_cut) {};
}

/**
 * nva_rx_pool_destroy() - give up the pool; pages in use come back to it and go to the allocator
 * @q: queue, NAPI disabled or never enabled
 *
 * Context: process.
 */
void nva_rx_pool_destroy(struct nva_queue *q)
{
	if (q->pool) {
		cut_end(q);
		nva_xdp_close(q);
		page_pool_destroy(q->pool);
	}
	q->pool = NULL;
	if (q->cut_pool)
		page_pool_destroy(q->cut_pool);
	q->cut_pool = NULL;
}

static struct page_pool *create_pool(struct nva_queue *q, u32 order, u32 size)
{
	struct page_pool_params params = {
		.order = order,
		.pool_size = size,
		.nid = cpu_to_node(q->cpu),
		.dev = &q->dev->hdev->device,
		.flags = PP_FLAG_PAGE_FRAG,
	};

	page_pool_napi(&params, &q->napi);
	page_pool_owner(&params, q->ndev, q->index);
	return page_pool_create(&params);
}

/**
 * nva_rx_pool_create() - pools of pages for a queue
 * @q: queue with an open channel, no pools
 * @channels: queues that share the receive buffer
 *
 * Context: process.
 * Return: 0 or an error of page_pool_create() or nva_xdp_open(); then the pool may be there, and
 * goes with nva_rx_pool_destroy() once NAPI is disabled.
 */
int nva_rx_pool_create(struct nva_queue *q, u32 channels)
{
	struct page_pool *pool;

	pool = create_pool(q, 0, 1024);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	q->pool = pool;
	pool = create_pool(q, CUT_ORDER, CUT_POOL);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	q->cut_pool = pool;
	q->returned_max = min(q->dev->recv_sections / (8 * channels), NVA_RX_QUIET);
	return nva_xdp_open(q);
}

/**
 * nva_rx_forget() - drop what a poll left unfinished, and the receive buffer
 * @q: queue, NAPI disabled
 *
 * Context: process.
 */
void nva_rx_forget(struct nva_queue *q)
{
	kfree_skb(q->pieces.skb);
	q->pieces.skb = NULL;
	q->owed_count = 0;
	nva_zc_forget(q);
	q->recv_size = 0;
	q->recv_buf = NULL;
}

/**
 * nva_rx_begin() - before the first packet of a poll
 * @q: queue
 *
 * Context: NAPI.
 */
void nva_rx_begin(struct nva_queue *q)
{
	q->gro_udp = q->ndev->features & (NETIF_F_GRO_UDP_FWD | NETIF_F_GRO_FRAGLIST) ||
		     udp_gro_possible();
	q->udp_wanted = false;
	q->csum_trusted = q->ndev->features & NETIF_F_RXCSUM ?
				  RNDIS_RXCSUM_TCP_GOOD | RNDIS_RXCSUM_UDP_GOOD : 0;
	q->hash_wanted = q->ndev->features & NETIF_F_RXHASH ? RNDIS_RX_HAS_HASH : 0;
}

/* Hands over the datagrams that gathered. */
static void flush_udp(struct nva_queue *q)
{
	netif_receive_skb_list(&q->udp);
	INIT_LIST_HEAD(&q->udp);
	q->udp_count = 0;
}

/**
 * nva_rx_end() - after the last packet of a poll: nothing of it is kept back
 * @q: queue
 *
 * Context: NAPI.
 */
void nva_rx_end(struct nva_queue *q)
{
	if (q->udp_count)
		flush_udp(q);
}

static void no_memory(struct nva_queue *q)
{
	u64_stats_update_begin(&q->rx_stats.syncp);
	q->rx_stats.no_memory++;
	u64_stats_update_end(&q->rx_stats.syncp);
}

static void *cut_new_page(struct nva_queue *q, u32 size)
{
	struct page_pool *pool = q->cut_pool;
	struct nva_cut *cut = &q->cut;
	u32 bytes = CUT_BYTES;
	struct page *page;

	cut_end(q);
	/* never out of the reserves: who is in need of them can do with pages */
	page = page_pool_alloc_pages(pool, GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC);
	if (unlikely(!page)) {
		/* memory that is all in pieces still has pages */
		pool = q->pool;
		bytes = PAGE_SIZE;
		page = page_pool_dev_alloc_pages(pool);
		if (unlikely(!page))
			return NULL;
	}
	page_pool_fragment_page(page, CUT_BIAS);
	cut->page = page;
	cut->pool = pool;
	cut->pieces = 1;
	cut->at = page_address(page) + size;
	cut->left = bytes - size;
	return page_address(page);
}

/* The next @size bytes of the queue's page, with a reference of their own. */
static inline void *cut_piece(struct nva_queue *q, u32 size)
{
	struct nva_cut *cut = &q->cut;
	void *piece = cut->at;

	if (unlikely(cut->left < size))
		return cut_new_page(q, size);
	cut->at += size;
	cut->left -= size;
	cut->pieces++;
	return piece;
}

/* A packet buffer whose first @linear bytes are those at @from. */
static __always_inline struct sk_buff *start_skb(struct nva_queue *q, const void *from, u32 linear)
{
	u32 size = BUFFER_SIZE(linear);
	struct sk_buff *skb;
	u8 *buffer;

	buffer = cut_piece(q, size);
	if (unlikely(!buffer))
		return NULL;
	memcpy(buffer + HEADROOM, from, linear);
	skb = napi_build_skb(buffer, size);
	if (unlikely(!skb)) {
		page_pool_put_full_page(q->cut.pool, virt_to_head_page(buffer), false);
		return NULL;
	}
	skb_mark_for_recycle(skb);
	skb_reserve(skb, HEADROOM);
	__skb_put(skb, linear);
	return skb;
}

/**
 * nva_rx_tail() - room for one more fragment
 * @q: queue
 * @skb: packet that is being put together
 *
 * What the host put together may lie in more pieces than a packet buffer has fragments: then others
 * follow in its list. The stack's own GRO makes such packets as well.
 *
 * Context: NAPI.
 * Return: the packet buffer to add it to, @skb or the last of its list; NULL without memory.
 */
struct sk_buff *nva_rx_tail(struct nva_queue *q, struct sk_buff *skb)
{
	struct sk_buff *more, *tail = q->tail.skb;

	if (likely(skb_shinfo(tail)->nr_frags < MAX_SKB_FRAGS))
		return tail;
	more = start_skb(q, NULL, 0);
	if (unlikely(!more))
		return NULL;
	if (tail == skb)
		skb_shinfo(skb)->frag_list = more;
	else
		tail->next = more;
	skb->truesize += more->truesize;
	q->tail.skb = more;
	return more;
}

/*
 * Copies @length bytes behind what the packet has, in fragments. Returns 0 or -ENOMEM.
 */
static int copy_behind(struct nva_queue *q, struct sk_buff *skb, const void *from, u32 length)
{
	while (length) {
		u32 bytes = min_t(u32, length, q->tail.room ?: FRAGMENT), truesize = 0;
		struct sk_buff *tail = q->tail.skb;

		if (q->tail.room) {
			skb_frag_t *last = &skb_shinfo(tail)->frags[skb_shinfo(tail)->nr_frags - 1];

			memcpy(skb_frag_address(last) + skb_frag_size(last), from, bytes);
			skb_frag_size_add(last, bytes);
			tail->len += bytes;
			tail->data_len += bytes;
		} else {
			struct page *page;
			unsigned int at;

			tail = nva_rx_tail(q, skb);
			if (unlikely(!tail))
				return -ENOMEM;
			page = page_pool_dev_alloc_frag(q->pool, &at, FRAGMENT);
			if (unlikely(!page))
				return -ENOMEM;
			memcpy(page_address(page) + at, from, bytes);
			truesize = FRAGMENT;
			skb_add_rx_frag(tail, skb_shinfo(tail)->nr_frags, page, at, bytes,
					truesize);
			q->tail.room = FRAGMENT;
		}
		if (tail != skb) {
			skb->len += bytes;
			skb->data_len += bytes;
			skb->truesize += truesize;
		}
		q->tail.room -= bytes;
		from += bytes;
		length -= bytes;
	}
	return 0;
}

/*
 * Adds @length bytes of the receive buffer to the packet. Returns 0, -ENOMEM or -EMSGSIZE.
 */
static int append(struct nva_queue *q, struct sk_buff *skb, const void *from, u32 length)
{
	int err;

	if (unlikely(length > FRAME_MAX - skb->len))
		return -EMSGSIZE;
	if (unlikely(q->tail.keep) && length >= NVA_ZC_LEAST) {
		err = nva_zc_append(q, skb, from, length);
		if (err != -ENOSPC)
			return err;
	}
	return copy_behind(q, skb, from, length);
}

/*
 * A packet that the host put together looks like one that GRO did: the stack learns the segments'
 * size, so that it can be forwarded, and acknowledged as if they had come one by one. The first
 * piece may be one segment or, where sections are long, more; none is longer than the MTU. Headers
 * are read in our copy.
 */
static void describe_coalesced(struct nva_queue *q, struct sk_buff *skb, u32 csum)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);
	u32 headers = 0, type = 0, size;
	const struct tcphdr *tcp;

	if (skb->protocol == htons(ETH_P_IP) && skb_headlen(skb) >= sizeof(struct iphdr)) {
		struct iphdr *ip = (struct iphdr *)skb->data;

		if (ip->ihl >= 5 && ip->protocol == IPPROTO_TCP)
			headers = ip->ihl * 4;
		type = SKB_GSO_TCPV4;
		/* the length is that of the whole, the checksum still that of the first piece */
		if (headers && headers <= skb_headlen(skb) && csum & RNDIS_RXCSUM_IP_GOOD &&
		    csum & RNDIS_RXCSUM_IP_VALUE_BAD)
			ip_send_check(ip);
	} else if (skb->protocol == htons(ETH_P_IPV6) &&
		   skb_headlen(skb) >= sizeof(struct ipv6hdr)) {
		if (((struct ipv6hdr *)skb->data)->nexthdr == IPPROTO_TCP)
			headers = sizeof(struct ipv6hdr);
		type = SKB_GSO_TCPV6;
	}
	if (!headers || skb_headlen(skb) < headers + sizeof(*tcp))
		return;
	tcp = (struct tcphdr *)(skb->data + headers);
	headers += ETH_HLEN + tcp->doff * 4;
	if (tcp->doff < 5 || q->pieces.first_length <= headers)
		return;
	size = q->pieces.first_length - headers;
	if (q->ndev->mtu + ETH_HLEN > headers)
		size = min_t(u32, size, q->ndev->mtu + ETH_HLEN - headers);
	shinfo->gso_size = size;
	shinfo->gso_segs = DIV_ROUND_UP(skb->len + ETH_HLEN - headers, size);
	shinfo->gso_type = type;
}

static noinline void list_udp(struct nva_queue *q, struct sk_buff *skb)
{
	list_add_tail(&skb->list, &q->udp);
	if (++q->udp_count == UDP_LIST)
		flush_udp(q);
}

/*
 * Datagrams that somebody wants go up in lists, for which the stack looks up a route once. Those
 * that are dropped at the door go one by one: a buffer that is free again before the next is needed
 * costs less than lists. The first of a poll tells which they are.
 */
static __always_inline void deliver_udp(struct nva_queue *q, struct sk_buff *skb)
{
	/* as GRO does for all others: sockets poll by it */
	skb_mark_napi_id(skb, &q->napi);
	if (q->udp_wanted)
		list_udp(q, skb);
	else
		q->udp_wanted = netif_receive_skb(skb) == NET_RX_SUCCESS;
}

/* Hands a whole packet to the stack. Inline where packets are many: there @pieces is 0. */
static __always_inline void hand_over(struct nva_queue *q, struct sk_buff *skb,
				      const struct rndis_rx *rx, u32 pieces)
{
	u32 length = skb->len;
	bool good = false;

	skb->protocol = eth_type_trans(skb, q->ndev);
	skb_record_rx_queue(skb, q->index);
	if (rx->csum & q->csum_trusted) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		good = true;
	}
	/* TCP is hashed over ports, everything else over addresses: see nva_rss_apply() */
	if (rx->has & q->hash_wanted)
		skb_set_hash(skb, rx->hash,
			     rx->csum & (RNDIS_RXCSUM_TCP_GOOD | RNDIS_RXCSUM_TCP_BAD) ?
				     PKT_HASH_TYPE_L4 :
				     PKT_HASH_TYPE_L3);
	if (rx->has & RNDIS_RX_HAS_VLAN)
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), rx->vlan_tci);
	/* a long section may hold several segments in one piece */
	if (pieces > 1 || (pieces && skb->len > q->ndev->mtu))
		describe_coalesced(q, skb, rx->csum);

	u64_stats_update_begin(&q->rx_stats.syncp);
	q->rx_stats.packets++;
	q->rx_stats.bytes += length;
	if (unlikely(skb->pkt_type == PACKET_MULTICAST))
		q->rx_stats.multicast++;
	q->rx_stats.csum_good += good;
	if (pieces) {
		q->rx_stats.coalesced++;
		q->rx_stats.pieces += pieces;
	}
	u64_stats_update_end(&q->rx_stats.syncp);

	/* GRO would look at UDP headers only to find that it cannot merge: udp_gro_possible() */
	if (!q->gro_udp && rx->csum & RNDIS_RXCSUM_UDP_GOOD)
		deliver_udp(q, skb);
	else
		napi_gro_receive(&q->napi, skb);
}

static noinline void deliver(struct nva_queue *q, struct sk_buff *skb, const struct rndis_rx *rx,
			     u32 pieces)
{
	hand_over(q, skb, rx, pieces);
}

/*
 * A TCP segment goes up as one fragment without packet buffer of its own: one that GRO merges with
 * those before it, which under load nearly all are, costs none then. What GRO needs of the headers
 * it reads in the fragment.
 */
static inline bool segment_ok(const struct nva_queue *q, const struct rndis_rx *rx)
{
	return rx->csum & q->csum_trusted & RNDIS_RXCSUM_TCP_GOOD &&
	       rx->data_length > LINEAR_HEADERS && rx->data_length <= LINEAR_MAX &&
	       !(rx->has & RNDIS_RX_HAS_VLAN);
}

static void receive_segment(struct nva_queue *q, const void *frame, const struct rndis_rx *rx)
{
	u32 length = rx->data_length, size = SKB_DATA_ALIGN(length);
	struct sk_buff *skb = napi_get_frags(&q->napi);
	void *piece = skb ? cut_piece(q, size) : NULL;

	if (unlikely(!piece)) {
		/* the packet buffer waits for the next */
		no_memory(q);
		return;
	}
	memcpy(piece, frame, length);
	skb_add_rx_frag(skb, 0, q->cut.page, piece - page_address(q->cut.page), length, size);
	skb_mark_for_recycle(skb);
	skb_record_rx_queue(skb, q->index);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (rx->has & q->hash_wanted)
		skb_set_hash(skb, rx->hash, PKT_HASH_TYPE_L4);
	else
		skb_clear_hash(skb);

	u64_stats_update_begin(&q->rx_stats.syncp);
	q->rx_stats.packets++;
	q->rx_stats.bytes += length;
	q->rx_stats.csum_good++;
	u64_stats_update_end(&q->rx_stats.syncp);
	napi_gro_frags(&q->napi);
}

/* Drops the packet being put together; the rest of its pieces is passed over. */
static void drop_pieces(struct nva_queue *q)
{
	kfree_skb(q->pieces.skb);
	q->pieces.skb = NULL;
	q->pieces.skip = true;
}

/*
 * May what is long enough of it stay in the receive buffer? TCP's payload, if the checksum need not
 * be made of it.
 */
static inline bool may_keep(const struct nva_queue *q, const struct rndis_rx *rx)
{
	return unlikely(q->zc.pages) && rx->csum & q->csum_trusted & RNDIS_RXCSUM_TCP_GOOD;
}

/* Do the headers, in our copy, say TCP as well? */
static noinline bool tcp_inside(const struct sk_buff *skb)
{
	const struct ethhdr *eth = (const void *)skb->data;

	if (skb->len >= ETH_HLEN + sizeof(struct iphdr) && eth->h_proto == htons(ETH_P_IP))
		return ((const struct iphdr *)(eth + 1))->protocol == IPPROTO_TCP;
	return skb->len >= ETH_HLEN + sizeof(struct ipv6hdr) && eth->h_proto == htons(ETH_P_IPV6) &&
	       ((const struct ipv6hdr *)(eth + 1))->nexthdr == IPPROTO_TCP;
}

/* Starts a packet with @length bytes at @frame; @more is to come. @keep: see struct nva_tail. */
static struct sk_buff *first_part(struct nva_queue *q, const void *frame, u32 length, bool more,
				  bool keep)
{
	u32 linear = more || length > LINEAR_MAX ? min(length, LINEAR_HEADERS) : length;
	struct sk_buff *skb = start_skb(q, frame, linear);

	q->tail = (struct nva_tail) { .skb = skb, .keep = keep && skb && tcp_inside(skb) };
	if (skb && linear < length && append(q, skb, frame + linear, length - linear)) {
		kfree_skb(skb);
		skb = NULL;
	}
	if (unlikely(!skb))
		no_memory(q);
	return skb;
}

/* A whole frame as it is to most: linear, in a packet buffer of its own. */
static __always_inline void receive_plain(struct nva_queue *q, const void *frame,
					  const struct rndis_rx *rx)
{
	struct sk_buff *skb;

	if (unlikely(rx->data_length > LINEAR_MAX)) {
		skb = first_part(q, frame, rx->data_length, false, may_keep(q, rx));
	} else {
		skb = start_skb(q, frame, rx->data_length);
		if (unlikely(!skb))
			no_memory(q);
	}
	if (likely(skb))
		hand_over(q, skb, rx, 0);
}

/**
 * nva_rx_skb() - a packet buffer with a copy
 * @q: queue
 * @from: frame
 * @length: bytes, at most FRAME_MAX
 *
 * Context: NAPI.
 * Return: the packet, or NULL when there is no memory, which was counted.
 */
struct sk_buff *nva_rx_skb(struct nva_queue *q, const void *from, u32 length)
{
	return first_part(q, from, length, false, false);
}

/*
 * One piece of a coalesced packet. Only the first has headers, and only its per-packet information
 * counts; all pieces come as ranges of one VMBus packet.
 */
static bool receive_piece(struct nva_queue *q, const void *frame, const struct rndis_rx *rx,
			  bool last)
{
	bool more = !(rx->piece & RNDIS_PIECE_LAST);
	int err;

	if (!(rx->piece & RNDIS_PIECE_FIRST) && !q->pieces.skb) {
		if (q->pieces.skip)
			return true;
		nva_fault(q->dev, NVA_RX_BAD_PIECE);
		return false;
	}
	if (rx->piece & RNDIS_PIECE_FIRST) {
		if (q->pieces.skb) {
			drop_pieces(q);
			nva_fault(q->dev, NVA_RX_BAD_PIECE);
		}
		q->pieces.skip = false;
		q->pieces.info = *rx;
		q->pieces.first_length = rx->data_length;
		q->pieces.count = 1;
		q->pieces.skb = first_part(q, frame, rx->data_length, more, may_keep(q, rx));
		if (!q->pieces.skb) {
			drop_pieces(q);
			return true;
		}
	} else {
		q->pieces.count++;
		err = append(q, q->pieces.skb, frame, rx->data_length);
		if (err) {
			drop_pieces(q);
			if (err == -ENOMEM)
				no_memory(q);
			else
				nva_fault(q->dev, NVA_RX_TOO_LONG);
			return err == -ENOMEM;
		}
	}
	if (!more) {
		struct sk_buff *skb = q->pieces.skb;

		q->pieces.skb = NULL;
		deliver(q, skb, &q->pieces.info, q->pieces.count);
	} else if (last) {
		drop_pieces(q);
		nva_fault(q->dev, NVA_RX_BAD_PIECE);
		return false;
	}
	return true;
}

static bool receive_frame(struct nva_queue *q, const void *message, const struct rndis_rx *rx,
			  bool last)
{
	const void *frame = message + rx->data_at;
	struct bpf_prog *prog;

	if (unlikely(!q->deliver)) {
		u64_stats_update_begin(&q->rx_stats.syncp);
		q->rx_stats.dropped++;
		u64_stats_update_end(&q->rx_stats.syncp);
		return true;
	}
	/* pieces behind the first may be as short as they like */
	if (unlikely(rx->data_length < ETH_HLEN &&
		     (!rx->piece || rx->piece & RNDIS_PIECE_FIRST))) {
		nva_fault(q->dev, NVA_RX_RUNT);
		return false;
	}
	if (unlikely(rx->data_length > FRAME_MAX)) {
		nva_fault(q->dev, NVA_RX_TOO_LONG);
		return false;
	}
	prog = READ_ONCE(q->xdp.prog);
	if (unlikely(rx->piece)) {
		if (likely(!prog))
			return receive_piece(q, frame, rx, last);
		q->rx_stats.xdp_coalesced += !!(rx->piece & RNDIS_PIECE_FIRST);
		return true;
	}
	if (unlikely(q->pieces.skb)) {
		drop_pieces(q);
		nva_fault(q->dev, NVA_RX_BAD_PIECE);
	}
	if (unlikely(prog)) {
		/* pairs with take_pool() in xsk.c */
		struct xsk_buff_pool *pool = smp_load_acquire(&q->xdp.pool);
		struct sk_buff *skb;

		skb = pool ? nva_xsk_receive(q, pool, prog, frame, rx) :
			     nva_xdp_receive(q, prog, frame, rx);
		if (skb)
			deliver(q, skb, rx, 0);
	} else if (segment_ok(q, rx)) {
		receive_segment(q, frame, rx);
	} else {
		receive_plain(q, frame, rx);
	}
	return true;
}

static const enum nva_fault rndis_faults[] = {
	[RNDIS_SHORT] = NVA_RX_SHORT,
	[RNDIS_BAD_LENGTH] = NVA_RX_BAD_LENGTH,
	[RNDIS_BAD_DATA] = NVA_RX_BAD_DATA,
	[RNDIS_BAD_PPI] = NVA_RX_BAD_PPI,
};

/*
 * One RNDIS message in @room bytes of shared memory; @rx is for what it says of a frame. Returns
 * false when it is the host's fault that it was dropped.
 */
static bool receive_message(struct nva_queue *q, const void *message, u32 room,
			    struct rndis_rx *rx, bool last)
{
	enum rndis_fault fault;
	u32 type, length;

	fault = rndis_parse_header(message, room, &type, &length);
	if (unlikely(fault))
		goto faulty;
	switch (type) {
	case RNDIS_PACKET:
		fault = rndis_parse_packet(message, room, rx);
		if (unlikely(fault))
			goto faulty;
		return receive_frame(q, message, rx, last);
	case RNDIS_INITIALIZE | RNDIS_COMPLETE:
	case RNDIS_QUERY | RNDIS_COMPLETE:
	case RNDIS_SET | RNDIS_COMPLETE:
		nva_ctl_reply(q->dev, type, message, length);
		return true;
	case RNDIS_INDICATE:
		nva_rndis_indication(q->dev, message, room);
		return true;
	default:
		nva_fault(q->dev, NVA_RX_BAD_TYPE);
		return false;
	}

faulty:
	nva_fault(q->dev, rndis_faults[fault]);
	return false;
}

static inline void owe(struct nva_queue *q, u64 txid, u32 status, u32 sections)
{
	struct hva_answer *owed = &q->owed[(q->owed_first + q->owed_count++) % NVA_RX_OWED];
	const struct nvsp_rndis_complete message = {
		.type = cpu_to_le32(NVSP_SEND_RNDIS_COMPLETE),
		.status = cpu_to_le32(status),
	};

	static_assert(sizeof(message) == sizeof(owed->payload));
	owed->txid = txid;
	memcpy(&owed->payload, &message, sizeof(message));
	q->returned += sections;
}

/**
 * nva_rx_owe() - an answer to the host is due
 * @q: queue with room for one more
 * @txid: transaction the host waits for
 * @status: NVSP_STATUS_*
 * @sections: given back with it
 *
 * Context: NAPI.
 */
void nva_rx_owe(struct nva_queue *q, u64 txid, u32 status, u32 sections)
{
	owe(q, txid, status, sections);
}

/**
 * nva_rx_packet() - take a packet of ranges in the receive buffer
 * @q: queue with room for one more answer
 * @packet: VM_PKT_DATA_USING_XFER_PAGES
 *
 * Whatever is wrong with it, it is answered: the host lends its sections until then.
 *
 * Context: NAPI.
 * Return: how much work it was, in packets, at least 1.
 */
u32 nva_rx_packet(struct nva_queue *q, const struct hva_packet *packet)
{
	u32 status = NVSP_STATUS_SUCCESS, size;
	struct rndis_rx rx;
	int count, i;

	count = hva_xfer_count(packet);
	if (unlikely(count < 0 || count > NVA_RX_RANGES)) {
		nva_fault(q->dev, NVA_RX_BAD_COUNT);
		goto refuse;
	}
	if (unlikely(packet->len < sizeof(__le32) ||
		     rndis_shared_u32(packet->payload) != NVSP_SEND_RNDIS)) {
		nva_fault(q->dev, NVA_RX_NOT_NVSP);
		goto refuse;
	}
	if (unlikely(hva_xfer_set(packet) != NVSP_RECV_BUF_ID)) {
		nva_fault(q->dev, NVA_RX_BAD_SET);
		goto refuse;
	}

	q->pieces.skip = false;
	q->deliver = nva_queue_ready(q) && netif_running(q->ndev);
	/* pairs with nva_rx_buffer() */
	size = smp_load_acquire(&q->recv_size);
	if (unlikely(q->zc.pages))
		nva_zc_begin(q, count);
	for (i = 0; i < count; i++) {
		struct vmtransfer_page_range range = hva_xfer_range(packet, i);

		if (unlikely(range.byte_offset > size ||
			     range.byte_count > size - range.byte_offset)) {
			nva_fault(q->dev, NVA_RX_OUTSIDE);
		} else if (likely(receive_message(q, q->recv_buf + range.byte_offset,
						  range.byte_count, &rx, i == count - 1))) {
			continue;
		}
		status = NVSP_STATUS_FAILURE;
		if (q->pieces.skb)
			drop_pieces(q);
	}
	/* the last range was not a piece, or a bad one */
	if (unlikely(q->pieces.skb)) {
		drop_pieces(q);
		nva_fault(q->dev, NVA_RX_BAD_PIECE);
	}
	if (unlikely(q->zc.packet))
		nva_zc_hold(q, packet->txid, status);
	else
		owe(q, packet->txid, status, count);

	u64_stats_update_begin(&q->rx_stats.syncp);
	q->rx_stats.messages++;
	u64_stats_update_end(&q->rx_stats.syncp);
	return count ?: 1;

refuse:
	owe(q, packet->txid, NVSP_STATUS_FAILURE, 0);
	return 1;
}

/*
 * Writes up to ANSWER_BATCH answers. Returns their number; *err says why it stopped.
 */
static u32 answer_batch(struct nva_queue *q, bool more, int *err)
{
	/* what goes on at the start of the array is the next batch */
	u32 count = min3(q->owed_count, ANSWER_BATCH, NVA_RX_OWED - q->owed_first), n;
	struct hva_batch batch;

	hva_batch_begin(&batch, &q->hc);
	n = hva_batch_answers(&batch, &q->owed[q->owed_first], count);
	*err = hva_batch_end(&batch, more || n < q->owed_count);
	q->owed_first = (q->owed_first + n) % NVA_RX_OWED;
	q->owed_count -= n;
	return n;
}

/**
 * nva_rx_answer() - send the answers of a poll
 * @q: queue
 * @again: another poll follows at once; it may send few answers with its own
 * @wait: a host that has sections enough left need not be woken for these: another poll follows at
 * once, or see nva_answer_quietly()
 * @sent: frames were written to the ring, without a doorbell yet
 *
 * Context: NAPI.
 * Return: true when some are left because the ring is full; they stay owed.
 */
bool nva_rx_answer(struct nva_queue *q, bool again, bool wait, bool sent)
{
	bool more = wait && q->returned < q->returned_max;
	u32 answers = 0, writes = 0, tries = 4;
	bool left = false;
	int err = 0;

	if (again && more && !sent && q->owed_count < ANSWER_BATCH)
		return false;
	while (q->owed_count && !left) {
		answers += answer_batch(q, more, &err);
		writes++;
		if (likely(!err))
			continue;
		/* a full ring that the host was not told of would stay full */
		more = false;
		hva_flush(&q->hc);
		if (err != -EAGAIN) {
			/* the channel is gone or broken: no one waits for these */
			q->owed_count = 0;
			nva_tx_failed(q, err);
			break;
		}
		left = !hva_wait_space(&q->hc, hva_inband_size(sizeof(struct nvsp_rndis_complete)) *
						       min_t(u32, q->owed_count, ANSWER_BATCH)) ||
		       !--tries;
	}
	/* frames wait for the doorbell, or what earlier polls gave back without one */
	if (sent || (!more && q->returned && !writes))
		hva_flush(&q->hc);
	if (!more)
		q->returned = 0;
	if (writes) {
		u64_stats_update_begin(&q->rx_stats.syncp);
		q->rx_stats.answers += answers;
		q->rx_stats.answer_writes += writes;
		q->rx_stats.answer_waits += left;
		u64_stats_update_end(&q->rx_stats.syncp);
	}
	return left;
}
