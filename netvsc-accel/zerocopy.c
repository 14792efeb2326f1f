// SPDX-License-Identifier: GPL-2.0
/*
 * Receive zero copy. The receive buffer is made of pages then of which we have the base reference.
 * A fragment of a packet is a part of a page with a reference of its own, and the transfer that it
 * came in is answered, which gives its sections back to the host, when its pages have nothing but
 * the base reference. Sections that share a page wait for each other, which is why these are single
 * pages: with four in one, half of all frames had to be copied after all, so many waited.
 *
 * That a page was idle once is enough: whatever is in it later came in other transfers.
 *
 * The host can still write to what it has delivered. So headers are never here: what is looked at
 * was copied before. Only bytes of TCP's payload can change under the one who reads them.
 *
 * References outlive the buffer: a session may end while sockets hold packets. Pages that the host
 * has let go of are freed by the last of these.
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "device.h"

/* Bytes that sections are longer than the MTU that was told: Ethernet, RNDIS, room before them. */
#define MORE_USUAL		(ETH_HLEN + 36 + 256)
#define MORE_MAX		1024

/* Pages that a packet of the host can be in with what is not copied: one of 64 KiB and some. */
#define PAGES_MAX		96

/* Packets of each list that are found still in use in one look. */
#define BUSY_MAX		8

/* A packet that is in use for longer is waited for by none behind it. */
#define SLOW			(HZ / 10 ?: 1)

/* Without traffic they are looked at after so long, and then after twice as long up to that. */
#define DELAY_MIN		(HZ / 10 ?: 1)
#define DELAY_MAX		HZ

/**
 * struct nva_zc_packet - a packet of the host that is not answered yet
 * @list: in struct nva_zc
 * @since: when it came, jiffies
 * @txid: transaction the host waits for
 * @status: NVSP_STATUS_*
 * @sections: how many it lends us, as counted in struct nva_device
 * @n_pages: of @page, those not yet seen idle
 * @page: where its fragments are, by number
 */
struct nva_zc_packet {
	struct list_head list;
	unsigned long since;
	u64 txid;
	u32 status;
	u32 sections;
	u32 n_pages;
	u16 page[PAGES_MAX];
};

static_assert(NVSP_RECV_BUF_MAX / SZ_4K <= U16_MAX);

/**
 * nva_zc_possible() - may packets of this channel refer to memory that the host can write?
 * @q: queue with a channel
 *
 * Context: process, session_lock or RTNL.
 * Return: false where packets are copied out of the ring before they are looked at: in a
 * confidential VM, and where the administrator wants it.
 */
bool nva_zc_possible(struct nva_queue *q)
{
	return !q->hc.copy;
}

/**
 * nva_zc_mtu() - what frames the host is told are taken
 * @dev: NIC
 * @mtu: of the interface
 *
 * By that it decides how long sections are: longer by some headers. They are to be pages:
 * then none waits for another, and what the host put together is in few long pieces and not in many
 * that are hardly dearer to copy.
 *
 * Context: process, session_lock or sole user.
 * Return: @mtu or more.
 */
u32 nva_zc_mtu(const struct nva_device *dev, u32 mtu)
{
	u32 more = dev->recv_section - dev->recv_mtu;

	/* what the host answered last time, if it makes sense */
	if (dev->recv_section <= dev->recv_mtu || more > MORE_MAX)
		more = MORE_USUAL;
	return max_t(u32, mtu, SZ_4K - more);
}

/**
 * nva_zc_buffer() - allocate a receive buffer of pages
 * @buffer: empty
 * @size: bytes, whole pages
 * @node: of its memory
 *
 * Context: process.
 * Return: 0, or -ENOMEM with @buffer as it was.
 */
int nva_zc_buffer(struct nva_buffer *buffer, u32 size, int node)
{
	u32 n = size / PAGE_SIZE;

	buffer->pages = kvcalloc(n, sizeof(*buffer->pages), GFP_KERNEL);
	if (!buffer->pages)
		return -ENOMEM;
	while (buffer->n_pages < n) {
		/* reserves are not for packets */
		struct page *page = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO |
						     __GFP_NOMEMALLOC | __GFP_NOWARN, 0);

		if (!page)
			goto fail;
		buffer->pages[buffer->n_pages++] = page;
	}
	buffer->at = vmap(buffer->pages, n, VM_MAP, PAGE_KERNEL);
	if (!buffer->at)
		goto fail;
	buffer->size = size;
	return 0;

fail:
	nva_zc_free(buffer);
	return -ENOMEM;
}

/**
 * nva_zc_free() - give up a receive buffer of pages
 * @buffer: from nva_zc_buffer(); the host has let go of it
 *
 * Pages that packets still refer to are freed by the last of these.
 *
 * Context: process.
 */
void nva_zc_free(struct nva_buffer *buffer)
{
	vunmap(buffer->at);
	while (buffer->n_pages)
		put_page(buffer->pages[--buffer->n_pages]);
	kvfree(buffer->pages);
	*buffer = (struct nva_buffer) {};
}

static void look_again(struct timer_list *timer)
{
	struct nva_queue *q = timer_container_of(q, timer, zc.timer);

	WRITE_ONCE(q->zc.delay, min_t(unsigned long, q->zc.delay * 2, DELAY_MAX));
	napi_schedule(&q->napi);
}

/**
 * nva_zc_create() - prepare a queue
 * @q: queue, zeroed
 *
 * Context: process.
 */
void nva_zc_create(struct nva_queue *q)
{
	INIT_LIST_HEAD(&q->zc.held);
	INIT_LIST_HEAD(&q->zc.slow);
	timer_setup(&q->zc.timer, look_again, 0);
}

/**
 * nva_zc_stop() - the queue's channel closes
 * @q: queue, NAPI disabled
 *
 * Context: process.
 */
void nva_zc_stop(struct nva_queue *q)
{
	timer_delete_sync(&q->zc.timer);
}

static void count_held(struct nva_queue *q, s32 sections)
{
	struct nva_rx_stats *stats = &q->rx_stats;

	u64_stats_update_begin(&stats->syncp);
	stats->zero_copy_held += sections;
	if (stats->zero_copy_held > stats->zero_copy_held_most)
		stats->zero_copy_held_most = stats->zero_copy_held;
	u64_stats_update_end(&stats->syncp);
}

/* Takes a packet out of the list; it is answered, or never will be. */
static void release(struct nva_queue *q, struct nva_zc_packet *packet)
{
	list_del(&packet->list);
	q->zc.n_held--;
	atomic_sub(packet->sections, &q->dev->zc_sections);
	count_held(q, -packet->sections);
	kfree(packet);
}

/**
 * nva_zc_forget() - a session ends: the host takes no answers any more
 * @q: queue, its channel closed, NAPI disabled
 *
 * Packets that refer to the receive buffer stay as they are.
 *
 * Context: process.
 */
void nva_zc_forget(struct nva_queue *q)
{
	struct nva_zc_packet *packet, *next;

	list_splice_init(&q->zc.slow, &q->zc.held);
	list_for_each_entry_safe(packet, next, &q->zc.held, list)
		release(q, packet);
	q->zc.pages = NULL;
}

/*
 * May another @sections be kept from the host? Half of all are its own whatever happens, so that
 * readers that do not read cannot stop the NIC.
 */
static bool charge(struct nva_device *dev, u32 sections)
{
	if (atomic_add_return(sections, &dev->zc_sections) <= dev->recv_sections / 2)
		return true;
	atomic_sub(sections, &dev->zc_sections);
	return false;
}

static void count_bound(struct nva_queue *q)
{
	u64_stats_update_begin(&q->rx_stats.syncp);
	q->rx_stats.zero_copy_bound++;
	u64_stats_update_end(&q->rx_stats.syncp);
}

/**
 * nva_zc_begin() - a packet of the host is about to be received
 * @q: queue with pages
 * @ranges: in it
 *
 * Context: NAPI.
 */
void nva_zc_begin(struct nva_queue *q, u32 ranges)
{
	q->zc.ranges = ranges;
	q->zc.full = false;
	q->zc.frames = 0;
	q->zc.bytes = 0;
}

/* The packet gets its first fragment. */
static noinline struct nva_zc_packet *first_fragment(struct nva_queue *q)
{
	struct nva_zc_packet *packet;

	if (!charge(q->dev, q->zc.ranges)) {
		count_bound(q);
		goto full;
	}
	packet = kmalloc(sizeof(*packet), GFP_ATOMIC | __GFP_NOWARN);
	if (!packet) {
		atomic_sub(q->zc.ranges, &q->dev->zc_sections);
		goto full;
	}
	packet->sections = q->zc.ranges;
	packet->n_pages = 0;
	q->zc.packet = packet;
	return packet;

full:
	q->zc.full = true;
	return NULL;
}

/* Accounts for a range of several sections. */
static bool long_range(struct nva_queue *q, struct nva_zc_packet *packet, u32 length)
{
	u32 more = DIV_ROUND_UP(length, q->dev->recv_section) - 1;

	if (!charge(q->dev, more)) {
		count_bound(q);
		return false;
	}
	packet->sections += more;
	return true;
}

/**
 * nva_zc_append() - let a packet end with a part of the receive buffer
 * @q: queue with pages
 * @skb: packet
 * @from: where in the receive buffer, inside it
 * @length: bytes, at least 1
 *
 * Context: NAPI, while a packet of the host is received.
 * Return: 0; -ENOSPC when it has to be copied: too much would be kept from the host; -ENOMEM when
 * the packet is to be dropped.
 */
int nva_zc_append(struct nva_queue *q, struct sk_buff *skb, const void *from, u32 length)
{
	u32 at = (const u8 *)from - q->recv_buf, index = at / PAGE_SIZE;
	u32 n_pages = (at + length - 1) / PAGE_SIZE - index + 1, truesize;
	struct nva_zc_packet *packet = q->zc.packet;

	if (unlikely(!packet)) {
		if (q->zc.full)
			return -ENOSPC;
		packet = first_fragment(q);
		if (!packet)
			return -ENOSPC;
	}
	if (unlikely(packet->n_pages + n_pages > PAGES_MAX))
		return -ENOSPC;
	truesize = q->dev->recv_section;
	if (unlikely(length > truesize)) {
		if (!long_range(q, packet, length))
			return -ENOSPC;
		truesize = roundup(length, truesize);
	}
	q->zc.bytes += length;
	if (!q->tail.kept) {
		q->tail.kept = true;
		q->zc.frames++;
	}
	q->tail.room = 0;
	at %= PAGE_SIZE;
	do {
		u32 bytes = min_t(u32, length, PAGE_SIZE - at);
		struct page *page = q->zc.pages[index];
		struct sk_buff *tail;

		tail = nva_rx_tail(q, skb);
		if (unlikely(!tail))
			return -ENOMEM;
		get_page(page);
		length -= bytes;
		skb_add_rx_frag(tail, skb_shinfo(tail)->nr_frags, page, at, bytes,
				length ? bytes : truesize);
		if (tail != skb) {
			skb->len += bytes;
			skb->data_len += bytes;
			skb->truesize += length ? bytes : truesize;
		}
		truesize -= bytes;
		if (!packet->n_pages || packet->page[packet->n_pages - 1] != index)
			packet->page[packet->n_pages++] = index;
		index++;
		at = 0;
	} while (length);
	return 0;
}

/**
 * nva_zc_hold() - withhold the answer to the packet that was received
 * @q: queue with a packet that nva_zc_append() took something of
 * @txid: transaction the host waits for
 * @status: NVSP_STATUS_*
 *
 * Context: NAPI.
 */
void nva_zc_hold(struct nva_queue *q, u64 txid, u32 status)
{
	struct nva_zc_packet *packet = q->zc.packet;

	q->zc.packet = NULL;
	packet->since = jiffies;
	packet->txid = txid;
	packet->status = status;
	list_add_tail(&packet->list, &q->zc.held);
	q->zc.n_held++;
	q->zc.delay = DELAY_MIN;
	count_held(q, packet->sections);
	u64_stats_update_begin(&q->rx_stats.syncp);
	q->rx_stats.zero_copy += q->zc.frames;
	q->rx_stats.zero_copy_bytes += q->zc.bytes;
	u64_stats_update_end(&q->rx_stats.syncp);
}

/* Is nobody interested any more? */
static bool idle(const struct nva_queue *q, struct nva_zc_packet *packet)
{
	/*
	 * The last reader's accesses come before its put_page(), which is fully ordered, and the
	 * answer is published after this. More than the base reference of a passer-by only delays.
	 */
	while (packet->n_pages &&
	       page_ref_count(q->zc.pages[packet->page[packet->n_pages - 1]]) == 1)
		packet->n_pages--;
	return !packet->n_pages;
}

/* Answers what is idle of a list. What is in use stays, or goes behind others in the slow list. */
static void reap(struct nva_queue *q, struct list_head *list, bool slow)
{
	struct nva_zc_packet *packet, *next;
	LIST_HEAD(again);
	u32 busy = 0;

	list_for_each_entry_safe(packet, next, list, list) {
		if (busy == BUSY_MAX || q->owed_count == NVA_RX_OWED)
			break;
		if (idle(q, packet)) {
			nva_rx_owe(q, packet->txid, packet->status, packet->sections);
			release(q, packet);
			continue;
		}
		busy++;
		if (slow)
			list_move_tail(&packet->list, &again);
		else if (time_after(jiffies, packet->since + SLOW))
			list_move_tail(&packet->list, &q->zc.slow);
	}
	list_splice_tail(&again, list);
}

/**
 * nva_zc_reap() - owe the host the answers that need not be withheld any more
 * @q: queue that withholds some
 *
 * Readers mostly are done with the oldest first. One who does not read holds up nobody else: what
 * is in use for long is looked at in turns.
 *
 * Context: NAPI.
 */
void nva_zc_reap(struct nva_queue *q)
{
	reap(q, &q->zc.slow, true);
	reap(q, &q->zc.held, false);
}

/**
 * nva_zc_wait() - the poll ends with answers withheld
 * @q: queue that withholds some
 *
 * A host that has few sections left may send nothing before it gets some back.
 *
 * Context: NAPI.
 */
void nva_zc_wait(struct nva_queue *q)
{
	timer_reduce(&q->zc.timer, jiffies + q->zc.delay);
}
