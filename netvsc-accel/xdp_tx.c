// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit of frames that have no packet buffer: what programs send back or redirect here, and what
 * AF_XDP sockets send. They share slots and sections with the stack's packets, under the same tx
 * lock, but not its open section, and nothing of them is seen by BQL.
 *
 * As with packets, short frames are copied into sections, several to a section, and are free at
 * once; longer ones go as ranges of their memory, the RNDIS header in the frame's own headroom.
 * All of a call are written to the ring together.
 */
#include <linux/filter.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <net/xdp.h>
#include <net/xdp_sock_drv.h>

#include "device.h"

/* A frame in a slot where the completer looks for a packet buffer. */
#define TAG_FRAME		1ul

/* Bytes of what was not written. */
#define LOST			U32_MAX

/*
 * Room for a message of @bytes in the open section, with the message before it stretched up to
 * here; NULL when it takes no more. Needs no lock: nobody else knows the section.
 */
static inline void *section_more(struct nva_queue *q, struct nva_outgoing *out, u32 bytes)
{
	u32 used = out->bytes[out->n - 1], at = ALIGN(used, q->batch_align);
	struct nva_slot *slot = out->slot[out->n - 1];
	struct rndis_header *last;
	u8 *base;

	if (at + bytes > q->send_section || slot->packets >= q->batch_max) {
		out->open = false;
		return NULL;
	}
	base = q->send_buf + (size_t)slot->section * q->send_section;
	if (at > used) {
		last = (void *)(base + out->last);
		memset(base + used, 0, at - used);
		last->length = cpu_to_le32(at - out->last);
	}
	slot->packets++;
	out->last = at;
	out->bytes[out->n - 1] = at + bytes;
	return base + at;
}

/* Room for a message of @bytes in a section of its own. */
static void *section_new(struct nva_queue *q, struct nva_outgoing *out, u32 bytes)
{
	struct nva_slot *slot = nva_slots_take(&q->slots);

	if (unlikely(!slot))
		return NULL;
	if (unlikely(!nva_sections_take(q, slot))) {
		nva_slots_put(&q->slots, slot);
		return NULL;
	}
	slot->packets = 1;
	out->slot[out->n] = slot;
	out->bytes[out->n++] = bytes;
	out->open = true;
	out->last = 0;
	return q->send_buf + (size_t)slot->section * q->send_section;
}

static void *section_room(struct nva_queue *q, struct nva_outgoing *out, u32 bytes)
{
	void *at = out->open ? section_more(q, out, bytes) : NULL;

	return at ?: section_new(q, out, bytes);
}

static void copy_frame(void *to, struct xdp_frame *frame)
{
	struct skb_shared_info *sinfo;
	u32 i;

	memcpy(to, frame->data, frame->len);
	if (likely(!xdp_frame_has_frags(frame)))
		return;
	to += frame->len;
	sinfo = xdp_get_shared_info_from_frame(frame);
	for (i = 0; i < sinfo->nr_frags; i++) {
		const skb_frag_t *frag = &sinfo->frags[i];

		memcpy(to, skb_frag_address(frag), skb_frag_size(frag));
		to += skb_frag_size(frag);
	}
}

/* Would the host take a frame of that length? It checks no program and no socket for us. */
static bool length_ok(const struct nva_queue *q, u32 length)
{
	return length >= ETH_HLEN && length <= READ_ONCE(q->ndev->mtu) + VLAN_ETH_HLEN;
}

/*
 * Prepares a frame. Returns 1 when it was copied, 0 when its memory is to be sent, -EMSGSIZE when
 * it cannot be, -ENOSPC when there is no room for it now.
 */
static int add_frame(struct nva_queue *q, struct nva_outgoing *out, struct xdp_frame *frame)
{
	u32 length = xdp_get_frame_len(frame), message = sizeof(struct rndis_packet) + length;
	/* a program may have used up the headroom */
	bool direct = frame->headroom >= sizeof(struct rndis_packet);
	struct nva_slot *slot;
	void *at = NULL;

	if (unlikely(!length_ok(q, length)))
		return -EMSGSIZE;
	if (message <= READ_ONCE(q->copy_max) || (!direct && message <= q->send_section))
		at = section_room(q, out, message);
	if (likely(at)) {
		rndis_put_packet(at, 0, length);
		copy_frame(at + sizeof(struct rndis_packet), frame);
		return 1;
	}
	/* too long, or all sections are under way */
	slot = direct ? nva_slots_take(&q->slots) : NULL;
	if (!slot)
		return -ENOSPC;
	rndis_put_packet((void *)frame->data - sizeof(struct rndis_packet), 0, length);
	slot->skb = (struct sk_buff *)((unsigned long)frame | TAG_FRAME);
	out->slot[out->n] = slot;
	/* of a section only, and anything but LOST */
	out->bytes[out->n++] = 0;
	out->open = false;
	return 0;
}

static u32 add_ranges(struct hv_page_buffer *pages, u32 n, u32 max, phys_addr_t at, u32 length)
{
	for (; length && n < max; n++) {
		u32 offset = at & (HV_HYP_PAGE_SIZE - 1);
		u32 bytes = min_t(u32, length, HV_HYP_PAGE_SIZE - offset);

		pages[n] = (struct hv_page_buffer) {
			.pfn = at >> HV_HYP_PAGE_SHIFT, .offset = offset, .len = bytes,
		};
		at += bytes;
		length -= bytes;
	}
	return length ? max + 1 : n;
}

/* The ranges of a frame with its header in front; above @max when there are too many. */
static u32 frame_ranges(struct xdp_frame *frame, struct hv_page_buffer *pages, u32 max)
{
	const u32 header = sizeof(struct rndis_packet);
	struct skb_shared_info *sinfo;
	u32 n, i;

	n = add_ranges(pages, 0, max, virt_to_phys(frame->data - header), header + frame->len);
	if (likely(!xdp_frame_has_frags(frame)))
		return n;
	sinfo = xdp_get_shared_info_from_frame(frame);
	for (i = 0; i < sinfo->nr_frags && n <= max; i++) {
		const skb_frag_t *frag = &sinfo->frags[i];

		n = add_ranges(pages, n, max,
			       page_to_phys(skb_frag_page(frag)) + skb_frag_off(frag),
			       skb_frag_size(frag));
	}
	return n;
}

static struct xdp_frame *frame_of(const struct nva_slot *slot)
{
	return (struct xdp_frame *)((unsigned long)slot->skb & ~TAG_FRAME);
}

static int write_one(struct nva_queue *q, struct hva_batch *batch, struct nva_slot *slot, u32 bytes)
{
	union nvsp_message message = {
		.rndis = {
			.type = cpu_to_le32(NVSP_SEND_RNDIS),
			.channel = cpu_to_le32(NVSP_CHANNEL_DATA),
			.section = cpu_to_le32(NVSP_SECTION_NONE),
		},
	};
	struct hv_page_buffer pages[NVA_TX_RANGES] __uninitialized;
	u64 id = nva_slots_next_id(&q->slots, slot);
	int err;

	/* BQL knows nothing of them */
	slot->packets = 0;
	if (slot->skb) {
		u32 n = frame_ranges(frame_of(slot), pages, q->max_ranges);

		err = n > q->max_ranges ? -EMSGSIZE :
					  hva_batch_gpa(batch, pages, n, &message, sizeof(message),
							id);
	} else {
		message.rndis.section = cpu_to_le32(slot->section);
		message.rndis.section_bytes = cpu_to_le32(bytes);
		err = hva_batch_inband(batch, &message, sizeof(message), id,
				       VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED);
	}
	/* from here on the completion may come */
	if (likely(!err))
		nva_slots_arm(slot, id);
	return err;
}

/* Writes what was prepared. Returns how many frames were lost because the ring was full. */
static u32 write_all(struct nva_queue *q, struct nva_outgoing *out, bool more, u32 *messages)
{
	struct hva_batch batch __uninitialized;
	u32 i, lost = 0;
	int err;

	hva_batch_begin(&batch, &q->hc);
	for (i = 0; i < out->n; i++) {
		struct nva_slot *slot = out->slot[i];
		u32 packets = slot->skb ? 1 : slot->packets;

		if (likely(!write_one(q, &batch, slot, out->bytes[i]))) {
			(*messages)++;
			continue;
		}
		lost += packets;
		/* freed once interrupts are on again */
		out->bytes[i] = LOST;
	}
	err = hva_batch_end(&batch, more);
	if (likely(!lost))
		return 0;
	nva_tx_failed(q, err);
	for (i = 0; i < out->n; i++) {
		struct nva_slot *slot = out->slot[i];

		if (out->bytes[i] != LOST)
			continue;
		if (slot->skb)
			xdp_return_frame(frame_of(slot));
		nva_slots_put(&q->slots, slot);
	}
	return lost;
}

/**
 * nva_xdp_copy_back() - copy a frame that a program sends back into a section
 * @q: queue
 * @frame: Ethernet frame
 * @length: its bytes
 *
 * The frame goes with nva_xdp_send_back(), at the end of the poll at the latest.
 *
 * Context: NAPI; not under the tx lock.
 * Return: true when it was copied; false when it is too long or there is no room, or the queue is
 * dead.
 */
bool nva_xdp_copy_back(struct nva_queue *q, const void *frame, u32 length)
{
	u32 message = sizeof(struct rndis_packet) + length;
	struct nva_outgoing *out = &q->xdp.back;
	void *at;

	if (unlikely(!length_ok(q, length) || message > READ_ONCE(q->copy_max)))
		return false;
	at = out->open ? section_more(q, out, message) : NULL;
	if (!at) {
		if (unlikely(out->n == NVA_XDP_BULK))
			nva_xdp_send_back(q);
		__netif_tx_lock(q->txq, smp_processor_id());
		/* pairs with nva_tx_stop(), which takes the lock after the queue died */
		if (likely(nva_queue_ready(q)))
			at = section_new(q, out, message);
		__netif_tx_unlock(q->txq);
		if (unlikely(!at))
			return false;
	}
	rndis_put_packet(at, 0, length);
	memcpy(at + sizeof(struct rndis_packet), frame, length);
	q->xdp.back_packets++;
	q->xdp.back_bytes += length;
	return true;
}

/**
 * nva_xdp_send_back() - send what nva_xdp_copy_back() copied; the doorbell is owed then
 * @q: queue
 *
 * Context: NAPI; not under the tx lock.
 */
void nva_xdp_send_back(struct nva_queue *q)
{
	u32 packets = q->xdp.back_packets, messages = 0, lost = packets, i;
	struct nva_outgoing *out = &q->xdp.back;

	__netif_tx_lock(q->txq, smp_processor_id());
	if (likely(nva_queue_ready(q))) {
		lost = write_all(q, out, true, &messages);
	} else {
		for (i = 0; i < out->n; i++)
			nva_slots_put(&q->slots, out->slot[i]);
	}
	u64_stats_update_begin(&q->tx_stats.syncp);
	q->tx_stats.packets += packets - lost;
	q->tx_stats.bytes += q->xdp.back_bytes;
	q->tx_stats.messages += messages;
	q->tx_stats.copied += packets;
	q->tx_stats.xdp_sent += packets - lost;
	q->tx_stats.xdp_dropped += lost;
	u64_stats_update_end(&q->tx_stats.syncp);
	__netif_tx_unlock(q->txq);

	out->n = 0;
	out->open = false;
	q->xdp.back_packets = 0;
	q->xdp.back_bytes = 0;
	q->xdp.owed = true;
}

/**
 * nva_xdp_send() - send frames
 * @q: queue
 * @frames: frames; those taken are not the caller's any more
 * @n: their number, at most NVA_XDP_BULK
 * @more: the caller sees to the doorbell
 *
 * Context: softirq, or with bottom halves off; not under the tx lock.
 * Return: how many were taken, from the first on.
 */
u32 nva_xdp_send(struct nva_queue *q, struct xdp_frame **frames, u32 n, bool more)
{
	u32 taken = 0, bytes = 0, copied = 0, n_done = 0, messages = 0, lost = 0, i;
	struct xdp_frame *done[NVA_XDP_BULK] __uninitialized;
	struct nva_outgoing out __uninitialized;

	out.n = 0;
	out.open = false;
	__netif_tx_lock(q->txq, smp_processor_id());
	/* pairs with nva_tx_stop(), which takes the lock after the queue died */
	if (likely(nva_queue_ready(q))) {
		for (; taken < n; taken++) {
			u32 length = xdp_get_frame_len(frames[taken]);
			int kind = add_frame(q, &out, frames[taken]);

			if (unlikely(kind == -ENOSPC))
				break;
			if (kind)
				done[n_done++] = frames[taken];
			if (unlikely(kind < 0)) {
				lost++;
				continue;
			}
			bytes += length;
			copied += kind;
		}
		if (out.n)
			lost += write_all(q, &out, more, &messages);
	}
	u64_stats_update_begin(&q->tx_stats.syncp);
	q->tx_stats.packets += taken - lost;
	q->tx_stats.bytes += bytes;
	q->tx_stats.messages += messages;
	q->tx_stats.copied += copied;
	q->tx_stats.direct += taken - n_done;
	q->tx_stats.xdp_sent += taken - lost;
	q->tx_stats.xdp_dropped += n - taken + lost;
	u64_stats_update_end(&q->tx_stats.syncp);
	__netif_tx_unlock(q->txq);

	/* of whatever pool they are; the pool knows whether it is polled on this CPU now */
	for (i = 0; i < n_done; i++)
		xdp_return_frame(done[i]);
	return taken;
}

/**
 * nva_xdp_send_umem() - send frames of an AF_XDP socket
 * @q: queue
 * @pool: the socket's memory
 * @room: how many to send, at most NVA_XDP_BULK; set to how many there was room for
 *
 * The chunks are copied and given back to the socket before this returns. The caller sees to the
 * doorbell.
 *
 * Context: NAPI, or process with bottom halves off. Takes the transmit lock.
 * Return: how many there were.
 */
u32 nva_xdp_send_umem(struct nva_queue *q, struct xsk_buff_pool *pool, u32 *room)
{
	u32 n = 0, bytes = 0, messages = 0, lost = 0, i;
	struct nva_outgoing out __uninitialized;

	out.n = 0;
	out.open = false;
	__netif_tx_lock(q->txq, smp_processor_id());
	/* pairs with nva_tx_stop(), which takes the lock after the queue died */
	if (unlikely(!nva_queue_ready(q)))
		goto unlock;
	/* a frame a section at worst: what the socket hands over cannot be given back */
	if (q->slots.n_free_sections < *room || q->slots.n_free < *room)
		nva_slots_reclaim(&q->slots);
	if (unlikely(!q->slots.n_free_sections))
		nva_sections_borrow(q);
	*room = min3(*room, q->slots.n_free_sections, q->slots.n_free);
	n = *room ? xsk_tx_peek_release_desc_batch(pool, *room) : 0;
	if (!n)
		goto unlock;
	for (i = 0; i < n; i++) {
		const struct xdp_desc *desc = &pool->tx_descs[i];
		u32 message = sizeof(struct rndis_packet) + desc->len;
		void *at = NULL;

		if (likely(length_ok(q, desc->len) && message <= q->send_section))
			at = section_room(q, &out, message);
		if (unlikely(!at)) {
			lost++;
			continue;
		}
		rndis_put_packet(at, 0, desc->len);
		memcpy(at + sizeof(struct rndis_packet), xsk_buff_raw_get_data(pool, desc->addr),
		       desc->len);
		bytes += desc->len;
	}
	lost += write_all(q, &out, true, &messages);
	xsk_tx_completed(pool, n);
	u64_stats_update_begin(&q->tx_stats.syncp);
	q->tx_stats.packets += n - lost;
	q->tx_stats.bytes += bytes;
	q->tx_stats.messages += messages;
	q->tx_stats.copied += n - lost;
	q->tx_stats.xdp_sent += n - lost;
	q->tx_stats.xdp_dropped += lost;
	u64_stats_update_end(&q->tx_stats.syncp);
unlock:
	__netif_tx_unlock(q->txq);
	return n;
}

/**
 * nva_xdp_xmit() - ndo_xdp_xmit()
 * @ndev: interface
 * @n: frames
 * @frames: frames that were redirected to this interface
 * @flags: XDP_XMIT_FLUSH rings the doorbell
 *
 * Context: softirq of another interface's NAPI, or of a CPU map.
 * Return: how many were taken; the rest is freed by the caller. -ENETDOWN or -EINVAL for none.
 */
int nva_xdp_xmit(struct net_device *ndev, int n, struct xdp_frame **frames, u32 flags)
{
	struct nva_device *dev = netdev_priv(ndev);
	u32 live = READ_ONCE(dev->n_live);
	struct nva_queue *q;
	int taken = 0;

	if (unlikely(flags & ~XDP_XMIT_FLAGS_MASK))
		return -EINVAL;
	if (unlikely(!live || !netif_carrier_ok(ndev)))
		return -ENETDOWN;
	q = dev->queue[smp_processor_id() % live];
	if (unlikely(!nva_queue_ready(q)))
		return -ENETDOWN;
	while (taken < n) {
		u32 part = min_t(u32, n - taken, NVA_XDP_BULK), got;

		got = nva_xdp_send(q, frames + taken, part, true);
		taken += got;
		if (got < part)
			break;
	}
	if (flags & XDP_XMIT_FLUSH)
		hva_flush(&q->hc);
	return taken;
}

/**
 * nva_xdp_owns() - is it a frame that a slot holds?
 * @tagged: what the slot holds
 *
 * Return: false for packet buffers, and for nothing.
 */
bool nva_xdp_owns(const struct sk_buff *tagged)
{
	return (unsigned long)tagged & TAG_FRAME;
}

/**
 * nva_xdp_sent() - the host is done with a frame
 * @tagged: what the slot held, for which nva_xdp_owns() was true
 *
 * Context: NAPI, or process when the channel is closed.
 */
void nva_xdp_sent(struct sk_buff *tagged)
{
	/* it may be of another interface's pool */
	xdp_return_frame((struct xdp_frame *)((unsigned long)tagged & ~TAG_FRAME));
}
