// SPDX-License-Identifier: GPL-2.0
/*
 * Send sections that queues lend each other. The send buffer is divided equally, a small part for
 * each of many channels; where traffic is not as equal, a queue that has all of its sections under
 * way borrows from queues that do without: see nva_slots_lend().
 */
#include <linux/jiffies.h>
#include <linux/netdevice.h>

#include "device.h"

/**
 * nva_sections_most() - how many sections a queue may hold
 * @own: its part of the send buffer
 *
 * As many as keep a host busy while the queue waits for the next, NVA_DEEP_SECTIONS, and
 * as many again, so that bursts fit.
 *
 * Return: that, at least @own.
 */
u32 nva_sections_most(u32 own)
{
	return max(own, 2 * NVA_DEEP_SECTIONS);
}

/* Asks one queue that is not sending at this moment. Returns how many sections it lent. */
static u32 ask(struct nva_queue *other, struct nva_queue *q)
{
	u32 got = 0;

	if (other == q || !nva_queue_ready(other) || !__netif_tx_trylock(other->txq))
		return 0;
	/* a session that ends has the lock after each queue died */
	if (nva_queue_ready(other))
		got = nva_slots_lend(&other->slots, &q->slots);
	__netif_tx_unlock(other->txq);
	return got;
}

/**
 * nva_sections_borrow() - get sections of other queues
 * @q: queue, whose completions have all been looked at and freed none
 *
 * Asks all others at most, beginning with who gave last, each for half of what it has free, until
 * one gave some; a queue that is sending at this moment is not waited for. When nobody had any to
 * spare, nobody is asked again within a clock tick.
 *
 * Context: transmit path, under the queue's tx lock, bottom halves off. With interrupts off, as
 * netpoll has them, nothing is borrowed.
 * Return: true when there is a free section now.
 */
bool nva_sections_borrow(struct nva_queue *q)
{
	struct nva_device *dev = q->dev;
	u32 n = READ_ONCE(dev->n_live), i, got = 0;

	if (q->slots.n_sections >= q->slots.section_room || n < 2 || irqs_disabled())
		return false;
	if (q->borrow_vain && q->borrow_vain == (u32)jiffies)
		return false;
	for (i = 0; i < n && !got; i++) {
		got = ask(dev->queue[q->lender], q);
		/* who gave some may have more */
		if (!got)
			q->lender = q->lender + 1 < n ? q->lender + 1 : 0;
	}
	q->borrow_vain = got ? 0 : (u32)jiffies;
	u64_stats_update_begin(&q->tx_stats.syncp);
	q->tx_stats.borrowed += got;
	u64_stats_update_end(&q->tx_stats.syncp);
	return got;
}

/**
 * nva_sections_take() - give a taken slot a section, a borrowed one if need be
 * @q: queue
 * @slot: taken slot without a section
 *
 * Context: as nva_sections_borrow().
 * Return: false when there is none.
 */
bool nva_sections_take(struct nva_queue *q, struct nva_slot *slot)
{
	if (likely(nva_slots_take_section(&q->slots, slot)))
		return true;
	return nva_sections_borrow(q) && nva_slots_take_section(&q->slots, slot);
}
