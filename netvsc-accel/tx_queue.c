// SPDX-License-Identifier: GPL-2.0
/*
 * A queue's transmit side as a whole: what it is made of, when it begins and ends, and what becomes
 * of it when the ring or the host fails. How packets go is in tx.c.
 */
#include <linux/netdevice.h>
#include <linux/slab.h>

#include "device.h"

#define HEADER_MAX		(sizeof(struct rndis_packet) + 4 * sizeof(struct rndis_ppi_u32))

static_assert(HEADER_MAX <= NVA_TX_HEADER);
static_assert(HV_HYP_PAGE_SIZE % NVA_TX_HEADER == 0);

/**
 * nva_tx_create() - slots, sections and headers of a queue
 * @q: queue with an open channel
 * @channels: queues that share the send buffer
 *
 * Context: process. NAPI runs, so that on error nva_tx_destroy() has to wait until the channel is
 * closed.
 * Return: 0 or -ENOMEM.
 */
int nva_tx_create(struct nva_queue *q, u32 channels)
{
	struct nva_device *dev = q->dev;
	int node = cpu_to_node(q->cpu);
	u32 sections = min_t(u32, dev->send_sections, NVA_NO_SECTION) / channels;
	int err;

	err = nva_slots_init(&q->slots, NVA_TX_SLOTS, q->index * sections, sections,
			     nva_sections_most(sections), node);
	if (err)
		return err;
	q->headers = kcalloc(DIV_ROUND_UP(NVA_TX_SLOTS, NVA_TX_HEADERS_A_PAGE), sizeof(*q->headers),
			     GFP_KERNEL);
	if (!q->headers)
		return -ENOMEM;
	q->headers[0] = alloc_pages_node(node, GFP_KERNEL, 0);
	if (!q->headers[0])
		return -ENOMEM;
	q->send_section = dev->send_section;
	q->send_buf = dev->send.at;
	q->max_ranges = dev->max_ranges;
	q->batch_max = dev->batch_max;
	q->batch_align = dev->batch_align;
	q->lender = q->index;
	q->borrow_vain = 0;
	q->open_slot = NULL;
	q->quiet = 0;
	nva_tx_copy_max(q);
	netdev_tx_reset_queue(q->txq);
	return 0;
}

/**
 * nva_tx_copy_max() - from what length on packets are sent by reference
 * @q: queue with slots
 *
 * Whoever sets the length and whoever brings sections of another size meet at the lock: what is
 * stored last is of both as they are.
 *
 * Context: process; the transmit path may run.
 */
void nva_tx_copy_max(struct nva_queue *q)
{
	__netif_tx_lock_bh(q->txq);
	WRITE_ONCE(q->copy_max, min_t(u32, q->send_section,
				      READ_ONCE(q->dev->tx_copybreak) + HEADER_MAX));
	__netif_tx_unlock_bh(q->txq);
}

/**
 * nva_tx_destroy() - free slots and headers, and the packets that the host never completed
 * @q: queue, dead, its channel closed
 *
 * Context: process.
 */
void nva_tx_destroy(struct nva_queue *q)
{
	struct nva_slot *slot;
	u32 from = 0, i;

	while ((slot = nva_slots_armed(&q->slots, &from))) {
		if (nva_xdp_owns(slot->skb))
			nva_xdp_sent(slot->skb);
		else
			dev_kfree_skb_any(slot->skb);
	}
	if (q->open_slot) {
		/* copied, and never handed to the host */
		u64_stats_update_begin(&q->tx_stats.syncp);
		q->tx_stats.dropped += q->open_slot->packets;
		u64_stats_update_end(&q->tx_stats.syncp);
		q->open_slot = NULL;
	}
	nva_slots_free(&q->slots);
	for (i = 0; q->headers && i < DIV_ROUND_UP(NVA_TX_SLOTS, NVA_TX_HEADERS_A_PAGE); i++)
		if (q->headers[i])
			__free_page(q->headers[i]);
	kfree(q->headers);
	q->headers = NULL;
}

/**
 * nva_tx_idle() - has the host completed all packets of a queue?
 * @q: queue, dead
 *
 * Context: process.
 * Return: true when nothing is under way but what was never sent.
 */
bool nva_tx_idle(struct nva_queue *q)
{
	return !q->slots.size || nva_slots_available(&q->slots) + !!q->open_slot == q->slots.size;
}

/**
 * nva_tx_start() - queues of a session take packets
 * @dev: NIC
 *
 * Those of a session that is over by now stay stopped: they would drop what they get. Those that
 * have no channel are only there for the watchdog, which must not find them stopped.
 *
 * Context: process, RTNL.
 */
void nva_tx_start(struct nva_device *dev)
{
	struct net_device *ndev = dev->ndev;
	u32 i;

	for (i = 0; i < ndev->num_tx_queues; i++) {
		struct netdev_queue *txq = netdev_get_tx_queue(ndev, i);

		__netif_tx_lock_bh(txq);
		/* pairs with nva_tx_stop(), which takes the lock after the queue died */
		if (i >= ndev->real_num_tx_queues || nva_queue_ready(dev->queue[i]))
			netif_tx_wake_queue(txq);
		__netif_tx_unlock_bh(txq);
	}
}

/**
 * nva_tx_stop() - no packet is sent any more when this returns
 * @dev: NIC
 *
 * Context: process.
 */
void nva_tx_stop(struct nva_device *dev)
{
	u32 i;

	for (i = 0; i < dev->n_queues; i++)
		WRITE_ONCE(dev->queue[i]->live, false);
	netif_tx_disable(dev->ndev);
	/* whoever rings a doorbell after the lock, with bottom halves off */
	synchronize_net();
}

/**
 * nva_tx_timeout() - ndo_tx_timeout()
 * @ndev: interface
 * @queue: the one that is stuck
 *
 * Context: softirq.
 */
void nva_tx_timeout(struct net_device *ndev, unsigned int queue)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct nva_queue *q = dev->queue[queue];

	/* queues of a session that comes or goes stand still for a while */
	if (nva_queue_ready(q))
		nva_reset(dev, NVA_TX_TIMEOUT);
}

/**
 * nva_tx_failed() - a ring write failed
 * @q: queue
 * @err: of the write; what only a new session cures starts one
 *
 * Context: any.
 */
void nva_tx_failed(struct nva_queue *q, int err)
{
	if (err == -EIO)
		nva_reset(q->dev, NVA_RING_BROKEN);
	else if (err == -ENODEV)
		nva_reset(q->dev, NVA_CHANNEL_GONE);
}
