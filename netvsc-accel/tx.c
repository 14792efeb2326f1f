// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit. Each packet is an RNDIS message. Short ones are copied into a section of the send
 * buffer, several to a section while the stack announces more; the host then needs no mapping and
 * the packet is free at once. Longer ones go as ranges of guest memory, behind a header of ours.
 * Either way one VMBus packet with an id of its own is under way until the host completes it: see
 * txslots.h.
 *
 * When the ring or the slots run out the queue stops and asks for an interrupt. What was already
 * copied stays in the open section and goes first when there is room again. When the sections run
 * out, those of other queues included, a queue that has many stops as well: see sections_wanted().
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "device.h"

/* Room in the ring that a stopped queue waits for: a few packets of the largest kind. */
#define RESTART_ROOM		(4 * hva_gpa_size(NVA_TX_RANGES, NVSP_MESSAGE_SIZE))
#define RESTART_SLOTS		16

/* What the host is to do with a packet: the values of its per-packet information. */
struct tx_plan {
	u32 lso;
	u32 csum;
	u32 hash;
	u32 vlan;
	/* which of these there are: HAS_* */
	u32 has;
	u32 header;
};

#define HAS_LSO		BIT(0)
#define HAS_CSUM	BIT(1)
#define HAS_HASH	BIT(2)
#define HAS_VLAN	BIT(3)

/*
 * Where the header of a packet sent by reference goes, or NULL. Slots given back last are taken
 * first, so a queue has pages for about as many headers as it has ever had under way; the first is
 * there from the beginning.
 */
static u8 *header_of(struct nva_queue *q, u32 slot)
{
	struct page **page = &q->headers[slot / NVA_TX_HEADERS_A_PAGE];

	if (unlikely(!*page)) {
		*page = alloc_pages_node(cpu_to_node(q->cpu), GFP_ATOMIC | __GFP_NOWARN, 0);
		if (!*page)
			return NULL;
	}
	return page_address(*page) + slot % NVA_TX_HEADERS_A_PAGE * NVA_TX_HEADER;
}

/* What the host's format cannot express. */
static netdev_features_t check_offsets(const struct sk_buff *skb, netdev_features_t features)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    (skb->encapsulation || skb_checksum_start_offset(skb) > RNDIS_L4_OFFSET_MAX))
		features &= ~(NETIF_F_CSUM_MASK | NETIF_F_GSO_MASK);
	return features;
}

/* A tag: the stack may have to pull headers to see more, which others need no stack frame for. */
static noinline netdev_features_t check_tagged(struct sk_buff *skb, netdev_features_t features)
{
	return check_offsets(skb, vlan_features_check(skb, features));
}

/**
 * nva_features_check() - ndo_features_check()
 * @skb: packet
 * @ndev: interface
 * @features: what the stack would leave to us
 *
 * Context: transmit path.
 * Return: @features without what the host's format cannot express for this packet.
 */
netdev_features_t nva_features_check(struct sk_buff *skb, struct net_device *ndev,
				     netdev_features_t features)
{
	if (skb_vlan_tag_present(skb) || eth_type_vlan(skb->protocol))
		return check_tagged(skb, features);
	return check_offsets(skb, features);
}

/* LSO wants the lengths zero and the checksum of the pseudo header without length. */
static int plan_lso(struct sk_buff *skb, struct tx_plan *plan)
{
	u32 l4 = skb_transport_offset(skb);

	if (skb_cow_head(skb, 0))
		return -ENOMEM;
	plan->lso = RNDIS_LSO_V2 | l4 << RNDIS_LSO_L4_SHIFT |
		    min_t(u32, skb_shinfo(skb)->gso_size, RNDIS_LSO_MSS_MAX);
	if (skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4) {
		struct iphdr *ip = ip_hdr(skb);

		ip->tot_len = 0;
		ip->check = 0;
		tcp_hdr(skb)->check = ~csum_tcpudp_magic(ip->saddr, ip->daddr, 0, IPPROTO_TCP, 0);
	} else {
		plan->lso |= RNDIS_LSO_IPV6;
		tcp_v6_gso_csum_prep(skb);
	}
	plan->has |= HAS_LSO;
	return 0;
}

/* As the stack had it: a packet that waits may go over the VF after all. */
static void undo_lso(struct sk_buff *skb)
{
	u32 l4_length = skb->len - skb_transport_offset(skb);

	if (skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4) {
		struct iphdr *ip = ip_hdr(skb);

		ip->tot_len = htons(skb->len - skb_network_offset(skb));
		ip_send_check(ip);
		tcp_hdr(skb)->check = ~tcp_v4_check(l4_length, ip->saddr, ip->daddr, 0);
	} else {
		struct ipv6hdr *ip = ipv6_hdr(skb);

		ip->payload_len = htons(skb->len - skb_network_offset(skb) - sizeof(*ip));
		tcp_hdr(skb)->check = ~tcp_v6_check(l4_length, &ip->saddr, &ip->daddr, 0);
	}
}

/* A checksum that the host cannot complete is completed here. */
static int plan_csum(const struct nva_device *dev, struct sk_buff *skb, struct tx_plan *plan)
{
	bool ip6 = vlan_get_protocol(skb) == htons(ETH_P_IPV6);
	u32 l4;

	switch (skb->csum_offset) {
	case offsetof(struct tcphdr, check):
		if (!(dev->host_features & (ip6 ? NETIF_F_IPV6_CSUM : NETIF_F_IP_CSUM)))
			return skb_checksum_help(skb);
		plan->csum = RNDIS_TXCSUM_TCP;
		break;
	case offsetof(struct udphdr, check):
		if (!(ip6 ? dev->csum_udp6 : dev->csum_udp4))
			return skb_checksum_help(skb);
		plan->csum = RNDIS_TXCSUM_UDP;
		break;
	default:
		return skb_checksum_help(skb);
	}
	l4 = skb_checksum_start_offset(skb);
	plan->csum |= (ip6 ? RNDIS_TXCSUM_IPV6 : RNDIS_TXCSUM_IPV4) | l4 << RNDIS_TXCSUM_L4_SHIFT;
	plan->has |= HAS_CSUM;
	return 0;
}

static int make_plan(const struct nva_device *dev, struct sk_buff *skb, struct tx_plan *plan)
{
	int err = 0;

	plan->has = 0;
	if (skb_is_gso(skb))
		err = plan_lso(skb, plan);
	else if (skb->ip_summed == CHECKSUM_PARTIAL)
		err = plan_csum(dev, skb, plan);
	if (unlikely(err))
		return err;
	if (skb_vlan_tag_present(skb)) {
		u16 tci = skb_vlan_tag_get(skb);

		plan->vlan = (tci & VLAN_PRIO_MASK) >> VLAN_PRIO_SHIFT |
			     (tci & VLAN_CFI_MASK ? RNDIS_VLAN_CFI : 0) |
			     (tci & VLAN_VID_MASK) << RNDIS_VLAN_ID_SHIFT;
		plan->has |= HAS_VLAN;
	}
	plan->hash = skb_get_hash_raw(skb);
	if (plan->hash && dev->n_live > 1)
		plan->has |= HAS_HASH;
	plan->header = sizeof(struct rndis_packet);
	if (plan->has)
		plan->header += hweight32(plan->has) * sizeof(struct rndis_ppi_u32);
	return 0;
}

static struct rndis_ppi_u32 *put_ppi(struct rndis_ppi_u32 *at, u32 type, u32 value)
{
	at->ppi.size = cpu_to_le32(sizeof(*at));
	at->ppi.type = cpu_to_le32(type);
	at->ppi.value_offset = cpu_to_le32(sizeof(at->ppi));
	at->value = cpu_to_le32(value);
	return at + 1;
}

static noinline void put_ppis(void *at, const struct tx_plan *plan)
{
	struct rndis_ppi_u32 *ppi = at;

	if (plan->has & HAS_VLAN)
		ppi = put_ppi(ppi, RNDIS_PPI_VLAN, plan->vlan);
	if (plan->has & HAS_LSO)
		ppi = put_ppi(ppi, RNDIS_PPI_LSO, plan->lso);
	if (plan->has & HAS_CSUM)
		ppi = put_ppi(ppi, RNDIS_PPI_CSUM, plan->csum);
	if (plan->has & HAS_HASH)
		put_ppi(ppi, RNDIS_PPI_HASH, plan->hash);
}

/* Writes the RNDIS header of a packet of @length bytes; plan->header bytes. */
static void put_header(void *at, const struct tx_plan *plan, u32 length)
{
	rndis_put_packet(at, plan->header - sizeof(struct rndis_packet), length);
	if (plan->has)
		put_ppis(at + sizeof(struct rndis_packet), plan);
}

static void put_message(union nvsp_message *message, u32 section, u32 bytes)
{
	memset(message, 0, sizeof(*message));
	message->rndis.type = cpu_to_le32(NVSP_SEND_RNDIS);
	message->rndis.channel = cpu_to_le32(NVSP_CHANNEL_DATA);
	message->rndis.section = cpu_to_le32(section);
	message->rndis.section_bytes = cpu_to_le32(bytes);
}

/*
 * Sends the open section; BQL and the counters learn of its packets together. On error it stays
 * open.
 */
static int flush_open(struct nva_queue *q, bool more)
{
	struct nva_slot *slot = q->open_slot;
	union nvsp_message message __uninitialized;
	struct hva_batch batch __uninitialized;
	u32 packets = slot->packets;
	u32 bytes = slot->bytes;
	bool ring = !more;
	u64 id;
	int err;

	put_message(&message, slot->section, q->open_used);
	id = nva_slots_next_id(&q->slots, slot);
	hva_batch_begin(&batch, &q->hc);
	err = hva_batch_inband(&batch, &message, sizeof(message), id,
			       VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED);
	if (likely(!err)) {
		ring = __netdev_tx_sent_queue(q->txq, bytes, more);
		/* from here on the completion may come */
		nva_slots_arm(slot, id);
		q->open_slot = NULL;
	}
	hva_batch_end(&batch, !ring);
	if (ring)
		q->quiet = 0;
	if (likely(!err)) {
		u64_stats_update_begin(&q->tx_stats.syncp);
		q->tx_stats.packets += packets;
		q->tx_stats.bytes += bytes;
		q->tx_stats.copied += packets;
		q->tx_stats.messages++;
		u64_stats_update_end(&q->tx_stats.syncp);
		hva_poll_sent(&q->poll, packets);
	}
	return err;
}

/* The stack announced more and then something came between: what was held back goes now. */
static void flush_all(struct nva_queue *q)
{
	if (q->open_slot)
		flush_open(q, false);
	hva_flush(&q->hc);
}

/*
 * Short packets that find no section could go by reference, and would each cost more than a copy
 * and wait for a host that is slower than we are. So a queue that has many sections under way stops
 * until a part of them is free again. Where few are, packets by reference keep the host busy. XDP
 * takes sections as they come free: who sends beside it does not wait for them. Nor does netpoll,
 * with interrupts off: of a kernel that panics nobody reads what the host completed.
 *
 * Returns how many sections a stopped queue waits for.
 */
static u32 sections_wanted(struct nva_queue *q)
{
	bool xdp = q->xdp_seen != q->tx_stats.xdp_sent;

	q->xdp_seen = q->tx_stats.xdp_sent;
	if (xdp || irqs_disabled() || q->slots.n_sections < NVA_DEEP_SECTIONS)
		return 0;
	return q->slots.n_sections / 4;
}

/* Is there something that the next packet might not find? */
static bool running_out(struct nva_queue *q)
{
	u32 want;

	/* the completer's line is looked at only when the own stacks run low */
	if (likely(q->slots.n_free >= 2 &&
		   (q->slots.n_free_sections || q->open_slot ||
		    q->slots.n_sections < NVA_DEEP_SECTIONS)))
		return false;
	want = q->open_slot ? 0 : min(sections_wanted(q), 1u);
	if (nva_slots_room(&q->slots, 2, want))
		return false;
	return !want || q->slots.n_free < 2 || !nva_sections_borrow(q);
}

static bool has_room(struct nva_queue *q)
{
	return nva_slots_available(&q->slots) >= RESTART_SLOTS &&
	       hva_has_space(&q->hc, RESTART_ROOM);
}

/*
 * Stops the queue until there is room; starts it again if there is already. No more packets may
 * follow, so all go. The timer is for hosts that make room and say nothing.
 */
static void stop(struct nva_queue *q)
{
	flush_all(q);
	netif_tx_stop_queue(q->txq);
	u64_stats_update_begin(&q->tx_stats.syncp);
	q->tx_stats.stop++;
	u64_stats_update_end(&q->tx_stats.syncp);
	/* pairs with the barrier in nva_poll(): it sees the queue stopped, or we the room */
	smp_mb__after_atomic();
	if (hva_wait_space(&q->hc, RESTART_ROOM)) {
		if (q->open_slot)
			napi_schedule(&q->napi);
		else if (nva_slots_room(&q->slots, RESTART_SLOTS, sections_wanted(q)) &&
			 nva_queue_ready(q))
			netif_tx_start_queue(q->txq);
	} else {
		mod_timer(&q->stall, jiffies + NVA_STALL_PERIOD);
	}
}

/* What skb_copy_bits() does, without looking for an offset and for lists of fragments. */
static void copy_packet(u8 *to, const struct sk_buff *skb)
{
	u32 i, length = skb_headlen(skb);

	memcpy(to, skb->data, length);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		to += length;
		length = skb_frag_size(frag);
		memcpy(to, skb_frag_address(frag), length);
	}
}

/* Under load a host that was just told of packets need not be told of each; see send_copied(). */
static bool held_back(const struct nva_queue *q)
{
	return q->quiet + 1 < min(hva_poll_burst(&q->poll), READ_ONCE(q->dev->tx_frames));
}

/* A section for packets to come. Returns 0 or why there is none. */
static int open_section(struct nva_queue *q)
{
	struct nva_slot *slot = nva_slots_take(&q->slots);

	if (unlikely(!slot))
		return -EAGAIN;
	if (unlikely(!nva_sections_take(q, slot))) {
		nva_slots_put(&q->slots, slot);
		return -ENOSPC;
	}
	q->open_slot = slot;
	q->open_used = 0;
	q->open_at = q->send_buf + (size_t)slot->section * q->send_section;
	return 0;
}

/* Stretches the last message of the open section to where the next one starts. */
static noinline void pad_open(struct nva_queue *q, u32 to)
{
	struct rndis_header *last = (void *)(q->open_at + q->open_last);

	memset(q->open_at + q->open_used, 0, to - q->open_used);
	last->length = cpu_to_le32(to - q->open_last);
}

/*
 * Copies a packet into the open section. Returns 0, -ENOSPC when no section is free, else why the
 * queue is stuck.
 *
 * netpoll calls with interrupts off. Of a kernel that panics nobody sends what is held back, as
 * nva_tx_release() else does when the load ends; and packets are not freed there. The stack calls
 * with bottom halves off, and then a buffer is kept at hand for the next packet that this CPU
 * receives.
 */
static int send_copied(struct nva_queue *q, struct sk_buff *skb, const struct tx_plan *plan)
{
	u32 message = plan->header + skb->len, length = skb->len, at = 0;
	bool netpoll = irqs_disabled(), more;
	struct nva_slot *slot;
	int err;

	if (q->open_slot) {
		at = ALIGN(q->open_used, q->batch_align);
		if (at + message > q->send_section) {
			err = flush_open(q, true);
			if (unlikely(err))
				return err;
		} else if (at != q->open_used) {
			pad_open(q, at);
		}
	}
	if (!q->open_slot) {
		err = open_section(q);
		if (unlikely(err))
			return err;
		at = 0;
	}
	put_header(q->open_at + at, plan, length);
	copy_packet(q->open_at + at + plan->header, skb);
	q->open_last = at;
	q->open_used = at + message;
	slot = q->open_slot;
	slot->packets++;
	slot->bytes += length;

	/* without flags there is nothing to do: we have no PHY, which would be asked in any case */
	if (unlikely(skb_shinfo(skb)->tx_flags))
		skb_tx_timestamp(skb);
	napi_consume_skb(skb, !netpoll);
	more = netdev_xmit_more() || (held_back(q) && !netpoll);
	q->quiet++;
	if (!more || slot->packets >= q->batch_max) {
		err = flush_open(q, more);
		if (unlikely(err)) {
			/* taken, and kept; the queue waits for its turn */
			nva_tx_failed(q, err);
			stop(q);
		}
	}
	return 0;
}

/*
 * Adds the Hyper-V pages of @length bytes at a physical address. Returns the new count, above @max
 * when they do not fit.
 */
static u32 add_ranges(struct hv_page_buffer *pages, u32 n, u32 max, phys_addr_t at, u32 length)
{
	while (length) {
		u32 offset = at & (HV_HYP_PAGE_SIZE - 1);
		u32 bytes = min_t(u32, length, HV_HYP_PAGE_SIZE - offset);

		if (n == max)
			return max + 1;
		pages[n++] = (struct hv_page_buffer) {
			.pfn = at >> HV_HYP_PAGE_SHIFT, .offset = offset, .len = bytes,
		};
		at += bytes;
		length -= bytes;
	}
	return n;
}

static u32 add_skb(const struct sk_buff *skb, struct hv_page_buffer *pages, u32 n, u32 max)
{
	u32 i;

	n = add_ranges(pages, n, max, virt_to_phys(skb->data), skb_headlen(skb));
	for (i = 0; i < skb_shinfo(skb)->nr_frags && n <= max; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		n = add_ranges(pages, n, max,
			       page_to_phys(skb_frag_page(frag)) + skb_frag_off(frag),
			       skb_frag_size(frag));
	}
	return n;
}

/*
 * Sends a packet as ranges of its memory. Returns 0, -ENOMEM when it cannot be, else why the queue
 * is stuck.
 */
static int send_direct(struct nva_queue *q, struct sk_buff *skb, const struct tx_plan *plan)
{
	struct hv_page_buffer pages[NVA_TX_RANGES] __uninitialized;
	union nvsp_message message __uninitialized;
	struct hva_batch batch __uninitialized;
	u32 length = skb->len, n;
	struct nva_slot *slot;
	bool flush = true;
	u8 *header;
	int err;
	u64 id;

	if (q->open_slot) {
		err = flush_open(q, true);
		if (err)
			return err;
	}
	slot = nva_slots_take(&q->slots);
	if (unlikely(!slot))
		return -EAGAIN;
	header = header_of(q, slot - q->slots.slot);
	if (unlikely(!header)) {
		nva_slots_put(&q->slots, slot);
		return -ENOMEM;
	}
	n = add_ranges(pages, 0, q->max_ranges, virt_to_phys(header), plan->header);
	n = add_skb(skb, pages, n, q->max_ranges);
	if (unlikely(n > q->max_ranges)) {
		u64_stats_update_begin(&q->tx_stats.syncp);
		q->tx_stats.linearized++;
		u64_stats_update_end(&q->tx_stats.syncp);
		err = skb_linearize(skb);
		n = err ? n : add_skb(skb, pages, 1, q->max_ranges);
		if (n > q->max_ranges) {
			nva_slots_put(&q->slots, slot);
			return -ENOMEM;
		}
	}
	put_header(header, plan, length);
	put_message(&message, NVSP_SECTION_NONE, 0);
	slot->skb = skb;
	slot->bytes = length;
	slot->packets = 1;
	id = nva_slots_next_id(&q->slots, slot);

	if (unlikely(skb_shinfo(skb)->tx_flags))
		skb_tx_timestamp(skb);
	hva_batch_begin(&batch, &q->hc);
	err = hva_batch_gpa(&batch, pages, n, &message, sizeof(message), id);
	if (likely(!err)) {
		flush = __netdev_tx_sent_queue(q->txq, length, netdev_xmit_more());
		/* from here on the packet may be completed and freed */
		nva_slots_arm(slot, id);
	}
	hva_batch_end(&batch, !flush);
	if (unlikely(err)) {
		nva_slots_put(&q->slots, slot);
		return err;
	}
	q->quiet = 0;
	u64_stats_update_begin(&q->tx_stats.syncp);
	q->tx_stats.packets++;
	q->tx_stats.bytes += length;
	q->tx_stats.direct++;
	q->tx_stats.messages++;
	u64_stats_update_end(&q->tx_stats.syncp);
	hva_poll_sent(&q->poll, 1);
	return 0;
}

/**
 * nva_synthetic_xmit() - send a packet to the host
 * @skb: packet
 * @q: queue
 *
 * Context: transmit path, under the queue's tx lock.
 * Return: NETDEV_TX_OK when the packet was taken or dropped, NETDEV_TX_BUSY when the queue was
 * stopped for it.
 */
noinline netdev_tx_t nva_synthetic_xmit(struct sk_buff *skb, struct nva_queue *q)
{
	struct nva_device *dev = q->dev;
	u32 length = skb->len;
	bool gso = skb_is_gso(skb), direct;
	struct tx_plan plan __uninitialized;
	int err;

	if (unlikely(!nva_queue_ready(q)))
		goto drop;
	err = make_plan(dev, skb, &plan);
	if (unlikely(err))
		goto drop;
	/* checksum help and header copies leave it alone, but be safe against padding */
	direct = plan.header + length > READ_ONCE(q->copy_max);
	if (!direct) {
		err = send_copied(q, skb, &plan);
		if (unlikely(err == -ENOSPC)) {
			u64_stats_update_begin(&q->tx_stats.syncp);
			q->tx_stats.no_section++;
			u64_stats_update_end(&q->tx_stats.syncp);
			direct = true;
		}
	}
	if (direct)
		err = send_direct(q, skb, &plan);
	if (unlikely(err))
		goto stuck;

	if (plan.has & (HAS_CSUM | HAS_LSO)) {
		u64_stats_update_begin(&q->tx_stats.syncp);
		q->tx_stats.csum += !!(plan.has & HAS_CSUM);
		q->tx_stats.gso_packets += gso;
		q->tx_stats.gso_bytes += gso ? length : 0;
		u64_stats_update_end(&q->tx_stats.syncp);
	}
	if (unlikely(running_out(q)))
		stop(q);
	return NETDEV_TX_OK;

stuck:
	if (err == -EAGAIN) {
		if (gso)
			undo_lso(skb);
		u64_stats_update_begin(&q->tx_stats.syncp);
		q->tx_stats.ring_full++;
		u64_stats_update_end(&q->tx_stats.syncp);
		stop(q);
		return NETDEV_TX_BUSY;
	}
	nva_tx_failed(q, err);
drop:
	u64_stats_update_begin(&q->tx_stats.syncp);
	q->tx_stats.dropped++;
	u64_stats_update_end(&q->tx_stats.syncp);
	dev_kfree_skb_any(skb);
	if (!netdev_xmit_more())
		nva_tx_flush(q);
	return NETDEV_TX_OK;
}

/**
 * nva_tx_flush() - send what waits for more packets
 * @q: queue
 *
 * Context: transmit path, under the queue's tx lock.
 */
void nva_tx_flush(struct nva_queue *q)
{
	if (nva_queue_ready(q))
		flush_all(q);
}

/**
 * nva_xmit() - ndo_start_xmit()
 * @skb: packet
 * @ndev: interface
 *
 * Either way is a function of its own, so that neither pays for the other's stack frame; packet and
 * interface stay in the registers that they came in.
 *
 * Context: transmit path, under the queue's tx lock.
 * Return: NETDEV_TX_OK, or NETDEV_TX_BUSY when the queue was stopped for the packet.
 */
netdev_tx_t nva_xmit(struct sk_buff *skb, struct net_device *ndev)
{
	const struct nva_device *dev = netdev_priv(ndev);
	struct nva_queue *q = dev->queue[skb_get_queue_mapping(skb)];
	struct net_device *vf = q->vf;

	return vf ? nva_vf_xmit(skb, ndev, vf) : nva_synthetic_xmit(skb, q);
}

/**
 * nva_tx_complete() - the host is done with a packet
 * @q: queue
 * @packet: VM_PKT_COMP
 * @budget: of the poll, for napi_consume_skb()
 * @packets: increased by what to tell BQL
 * @bytes: likewise
 *
 * Context: NAPI.
 */
void nva_tx_complete(struct nva_queue *q, const struct hva_packet *packet, int budget, u32 *packets,
		     u32 *bytes)
{
	const struct nvsp_rndis_complete *message = packet->payload;
	struct nva_slot *slot;

	if (unlikely(packet->txid & NVA_CTL_ID)) {
		nva_ctl_completion(q->dev, packet);
		return;
	}
	slot = nva_slots_match(&q->slots, packet->txid);
	if (unlikely(!slot)) {
		nva_fault(q->dev, NVA_TX_UNKNOWN_ID);
		return;
	}
	if (unlikely(packet->len < sizeof(*message) ||
		     le32_to_cpu(READ_ONCE(message->type)) != NVSP_SEND_RNDIS_COMPLETE))
		nva_fault(q->dev, NVA_TX_BAD_COMPLETION);
	else if (unlikely(le32_to_cpu(READ_ONCE(message->status)) != NVSP_STATUS_SUCCESS))
		nva_fault(q->dev, NVA_TX_REFUSED);
	*packets += slot->packets;
	*bytes += slot->bytes;
	if (nva_xdp_owns(slot->skb))
		nva_xdp_sent(slot->skb);
	else if (slot->skb)
		napi_consume_skb(slot->skb, budget);
	nva_slots_complete(&q->slots, slot);
}

/**
 * nva_tx_resume() - start a stopped queue if there is room again
 * @q: queue
 *
 * Context: NAPI.
 */
void nva_tx_resume(struct nva_queue *q)
{
	int err = 0;

	if (!nva_queue_ready(q))
		return;
	if (!has_room(q)) {
		mod_timer(&q->stall, jiffies + NVA_STALL_PERIOD);
		return;
	}
	__netif_tx_lock(q->txq, smp_processor_id());
	/* dead queues stay stopped; the lock is what nva_tx_stop() waits for */
	if (nva_queue_ready(q)) {
		if (q->open_slot)
			err = flush_open(q, false);
		if (unlikely(err)) {
			nva_tx_failed(q, err);
			if (err == -EAGAIN && hva_wait_space(&q->hc, RESTART_ROOM))
				napi_schedule(&q->napi);
		} else if (nva_slots_room(&q->slots, RESTART_SLOTS, sections_wanted(q))) {
			netif_tx_wake_queue(q->txq);
			u64_stats_update_begin(&q->tx_stats.syncp);
			q->tx_stats.wake++;
			u64_stats_update_end(&q->tx_stats.syncp);
		} else if (!timer_pending(&q->stall)) {
			/* all that is wanted is under way, and will be completed */
			mod_timer(&q->stall, jiffies + NVA_STALL_PERIOD);
		}
	}
	__netif_tx_unlock(q->txq);
}

/**
 * nva_tx_release() - send what was held back while the channel was steady
 * @q: queue
 *
 * Context: NAPI.
 */
void nva_tx_release(struct nva_queue *q)
{
	int err = 0;

	/* whoever saw the channel steady has the lock, or is done */
	__netif_tx_lock(q->txq, smp_processor_id());
	if (nva_queue_ready(q)) {
		q->quiet = 0;
		if (q->open_slot)
			err = flush_open(q, false);
		if (unlikely(err)) {
			nva_tx_failed(q, err);
			stop(q);
		}
		hva_flush(&q->hc);
	}
	__netif_tx_unlock(q->txq);
}
