// SPDX-License-Identifier: GPL-2.0
/*
 * Channels: opening, closing, the interrupt, the poll that serves both directions, sub-channel
 * offers.
 */
#include <linux/sizes.h>
#include <linux/slab.h>

#include <hv_vmbus_latency.h>

#include "device.h"

/* Transmit completions taken in one poll; received packets are bounded by the NAPI budget. */
#define TX_BUDGET		256
/* Longest packet of a host: transfer header, the most ranges it coalesces, and an NVSP message. */
#define MAX_PACKET		ALIGN(24 + NVA_RX_RANGES * 8 + NVSP_MESSAGE_SIZE + 64, 64)
/* Smallest ring worth opening, per direction, with its control page. */
#define RING_MIN		SZ_128K

static void stalled(struct timer_list *timer)
{
	struct nva_queue *q = timer_container_of(q, timer, stall);

	hva_flush(&q->hc);
	napi_schedule(&q->napi);
}

/**
 * nva_queue_create() - allocate a queue
 * @dev: NIC
 * @index: queue number, the next one
 *
 * Context: process, before the interface is registered.
 * Return: 0 or -ENOMEM.
 */
int nva_queue_create(struct nva_device *dev, u32 index)
{
	struct nva_queue *q;

	q = kzalloc(sizeof(*q), GFP_KERNEL);
	if (!q)
		return -ENOMEM;
	q->owed = kvcalloc(NVA_RX_OWED, sizeof(*q->owed), GFP_KERNEL);
	if (!q->owed) {
		kfree(q);
		return -ENOMEM;
	}
	q->dev = dev;
	q->ndev = dev->ndev;
	q->txq = netdev_get_tx_queue(dev->ndev, index);
	q->index = index;
	u64_stats_init(&q->tx_stats.syncp);
	u64_stats_init(&q->rx_stats.syncp);
	INIT_LIST_HEAD(&q->udp);
	timer_setup(&q->stall, stalled, 0);
	nva_zc_create(q);
	hva_poll_init(&q->poll, &q->hc, &q->napi);
	hva_poll_set(&q->poll, dev->poll_adaptive, dev->poll_usecs);
	netif_napi_add_config(dev->ndev, &q->napi, nva_poll, index);
	dev->queue[index] = q;
	WRITE_ONCE(dev->n_queues, index + 1);
	return 0;
}

/**
 * nva_queue_destroy() - free a queue
 * @q: queue, its channel closed, the interface not registered any more
 *
 * Context: process.
 */
void nva_queue_destroy(struct nva_queue *q)
{
	netif_napi_del(&q->napi);
	kvfree(q->owed);
	kfree(q);
}

/*
 * The host has something for us, or made room. Runs in hard interrupt context, also while the
 * channel is being opened: there is no ring before NAPI is enabled.
 */
static void interrupt(void *context)
{
	struct nva_queue *q = context;

	if (napi_schedule_prep(&q->napi)) {
		hva_read_mask(&q->hc);
		__napi_schedule(&q->napi);
	}
}

/**
 * nva_channel_open() - open a queue's channel
 * @q: queue without a channel
 * @chan: primary or sub-channel
 *
 * Rings are one contiguous block, which the bus allocates by powers of two: each direction is one,
 * with its control page, so that nothing of the block is left over. (Rings of 256 KiB behind their
 * control pages filled half of the same block.) When it cannot be had, smaller ones are tried.
 *
 * Context: process, no RTNL. The bus waits for the host inside, without deadline; a rescind ends
 * it.
 * Return: 0, or the bus's error with everything undone.
 */
int nva_channel_open(struct nva_queue *q, struct vmbus_channel *chan)
{
	const struct hva_params params = { .max_pkt_size = MAX_PACKET, .low_latency = true };
	u32 bytes = q->dev->ring_bytes;
	int err;

	memset(&q->hc, 0, sizeof(q->hc));
	err = hva_attach(&q->hc, chan, &params);
	if (err)
		return err;
	/* the channel itself may be gone while the stack is told about the session */
	WRITE_ONCE(q->cpu, READ_ONCE(chan->target_cpu));
	q->owed_first = 0;
	q->owed_count = 0;
	q->returned = 0;
	for (;;) {
		err = vmbus_open(chan, bytes, bytes, NULL, 0, interrupt, q);
		if (err != -ENOMEM || bytes / 2 < RING_MIN)
			break;
		bytes /= 2;
	}
	if (err) {
		hva_detach(&q->hc);
		return err;
	}
	WRITE_ONCE(q->open, true);
	/*
	 * Not earlier: there is no ring before, and a poll need not wait for an interrupt (sockets
	 * poll by themselves). Interrupts until now were for nothing, hence one of our own.
	 */
	napi_enable(&q->napi);
	local_bh_disable();
	interrupt(q);
	local_bh_enable();
	return 0;
}

/**
 * nva_channels_close() - close all channels of a session and leave them as they were found
 * @dev: NIC, queues dead, no sub-channel opens any more
 *
 * Context: process, no RTNL. The bus waits for the host inside, without deadline; a rescind ends
 * it.
 */
void nva_channels_close(struct nva_device *dev)
{
	u32 i;

	for (i = 0; i < dev->n_queues; i++) {
		struct nva_queue *q = dev->queue[i];

		if (!q->open)
			continue;
		napi_disable(&q->napi);
		hva_poll_stop(&q->poll);
		timer_delete_sync(&q->stall);
		nva_zc_stop(q);
	}
	if (dev->queue[0]->open)
		vmbus_close(dev->chan);
	for (i = 0; i < dev->n_queues; i++) {
		struct nva_queue *q = dev->queue[i];

		if (!q->open)
			continue;
		hva_detach(&q->hc);
		nva_stats_keep(dev, &q->hc.stats);
		nva_rx_forget(q);
		WRITE_ONCE(q->open, false);
	}
}

/**
 * nva_subchannel() - the host offers a sub-channel
 * @chan: the offer
 *
 * Offers that nobody asked for are left closed; the host revokes them with the primary channel.
 *
 * Context: process, the bus's sub-channel workqueue.
 */
void nva_subchannel(struct vmbus_channel *chan)
{
	struct nva_device *dev = hv_get_drvdata(chan->primary_channel->device_obj);
	u16 index = chan->offermsg.offer.sub_channel_index;
	bool ours;
	int err;

	if (!dev)
		return;
	spin_lock(&dev->sc_lock);
	ours = index && index <= dev->sc_expected && !test_and_set_bit(index, dev->sc_seen);
	dev->sc_opening++;
	spin_unlock(&dev->sc_lock);
	if (ours) {
		nva_rx_buffer(dev->queue[index]);
		err = nva_channel_open(dev->queue[index], chan);
		if (err)
			netdev_notice(dev->ndev, "channel %u did not open: %pe\n", index,
				      ERR_PTR(err));
	} else {
		nva_fault(dev, NVA_BAD_SUBCHANNEL);
	}

	spin_lock(&dev->sc_lock);
	dev->sc_opening--;
	dev->sc_answered += ours;
	/* under the lock: the one that waits may free the device after it */
	wake_up_all(&dev->sc_wait);
	spin_unlock(&dev->sc_lock);
}

/**
 * nva_subchannels_expect() - from now on, open sub-channels as they are offered
 * @dev: NIC with its queues, the primary channel open
 * @count: sub-channels 1 to @count
 *
 * Context: process.
 */
void nva_subchannels_expect(struct nva_device *dev, u32 count)
{
	spin_lock(&dev->sc_lock);
	bitmap_zero(dev->sc_seen, NVA_CHANNELS_MAX + 1);
	dev->sc_expected = count;
	dev->sc_answered = 0;
	spin_unlock(&dev->sc_lock);
	vmbus_set_sc_create_callback(dev->chan, nva_subchannel);
}

static bool answered(struct nva_device *dev, u32 count)
{
	bool all;

	spin_lock(&dev->sc_lock);
	all = dev->sc_answered >= count;
	spin_unlock(&dev->sc_lock);
	return all || READ_ONCE(dev->chan->rescind);
}

/**
 * nva_subchannels_wait() - wait until the sub-channels are open
 * @dev: NIC
 * @count: how many the host said it would offer
 *
 * Context: process, up to NVA_CTL_DEADLINE.
 * Return: channels that are open without a gap, the primary one included.
 */
u32 nva_subchannels_wait(struct nva_device *dev, u32 count)
{
	unsigned long end = jiffies + NVA_CTL_DEADLINE;
	u32 n = 1;

	while (!wait_event_timeout(dev->sc_wait, answered(dev, count), HZ / 10) &&
	       time_before(jiffies, end))
		;
	while (n <= count && READ_ONCE(dev->queue[n]->open))
		n++;
	if (n <= count)
		nva_fault(dev, NVA_BAD_SUBCHANNEL);
	return n;
}

static bool none_opening(struct nva_device *dev)
{
	bool none;

	spin_lock(&dev->sc_lock);
	none = !dev->sc_opening;
	spin_unlock(&dev->sc_lock);
	return none;
}

/**
 * nva_subchannels_stop() - open no sub-channels any more
 * @dev: NIC
 *
 * Context: process, no RTNL. Waits for opens under way, which the bus ends at a rescind at the
 * latest.
 */
void nva_subchannels_stop(struct nva_device *dev)
{
	spin_lock(&dev->sc_lock);
	dev->sc_expected = 0;
	spin_unlock(&dev->sc_lock);
	wait_event(dev->sc_wait, none_opening(dev));
}

/**
 * nva_answer_quietly() - may the doorbell of receive completions wait?
 * @q: queue
 * @work: packets received in this poll
 *
 * A host with sections to spare is in no hurry to get some back, and under load the next packet
 * that is sent rings the doorbell for both. Few may wait, see nva_rx_answer(), and not for long.
 * Where packets are rare the doorbell is worth its exit: it wakes the host for the request that
 * follows. Waiting there too cost TCP request/response 4.2 us of the guest's and 13 us of the wall
 * clock's time.
 *
 * Context: NAPI.
 * Return: true when the doorbell may stay owed; somebody rings it within NVA_STALL_PERIOD.
 */
bool nva_answer_quietly(struct nva_queue *q, u32 work)
{
	if (work < NVA_RX_BULK && !hva_poll_burst(&q->poll))
		return false;
	if (!timer_pending(&q->stall))
		mod_timer(&q->stall, jiffies + NVA_STALL_PERIOD);
	return true;
}

/**
 * nva_poll() - NAPI of a channel: both directions
 * @napi: of the queue
 * @budget: packets to receive at most; a packet of the host may carry more and is finished
 *
 * Return: packets received, at most @budget; @budget when there is more to do.
 */
int nva_poll(struct napi_struct *napi, int budget)
{
	struct nva_queue *q = container_of(napi, struct nva_queue, napi);
	u32 completions = 0, packets = 0, bytes = 0, taken = 0;
	struct xsk_buff_pool *pool;
	struct hva_packet packet;
	struct hva_reader reader;
	int work = 0, ret = 0;
	bool left, sent, unsent, stay, again;

	/* netpoll wants transmit completions only; they share a ring with received packets */
	if (!budget)
		return 0;

	hva_latency_poll(&q->hc);
	if (unlikely(q->zc.n_held))
		nva_zc_reap(q);
	nva_rx_begin(q);
	hva_read_begin(&reader, &q->hc);
	while (work < budget && completions < TX_BUDGET && q->owed_count < NVA_RX_OWED) {
		ret = hva_read_next(&reader, &packet);
		if (ret <= 0)
			break;
		taken++;
		switch (packet.type) {
		case VM_PKT_DATA_USING_XFER_PAGES:
			work += nva_rx_packet(q, &packet);
			break;
		case VM_PKT_COMP:
			nva_tx_complete(q, &packet, budget, &packets, &bytes);
			completions++;
			break;
		case VM_PKT_DATA_INBAND:
			nva_nvsp_receive(q, &packet);
			work++;
			break;
		default:
			nva_fault(q->dev, NVA_BAD_PACKET_TYPE);
			work++;
			break;
		}
	}
	nva_rx_end(q);
	hva_read_end(&reader);
	sent = nva_xdp_flush(q);
	/* pairs with take_pool() in xsk.c */
	pool = smp_load_acquire(&q->xdp.pool);
	unsent = pool && nva_xsk_transmit(q, pool, &sent);
	again = work >= budget;
	left = nva_rx_answer(q, again, again || nva_answer_quietly(q, work), sent);
	if (unlikely(q->zc.n_held))
		nva_zc_wait(q);

	u64_stats_update_begin(&q->rx_stats.syncp);
	q->rx_stats.polls++;
	q->rx_stats.tx_completions += completions;
	u64_stats_update_end(&q->rx_stats.syncp);

	if (packets)
		netdev_tx_completed_queue(q->txq, packets, bytes);
	/* pairs with the barrier after the queue was stopped in tx.c */
	smp_mb();
	if (unlikely(netif_tx_queue_stopped(q->txq)))
		nva_tx_resume(q);
	if (unlikely(hva_poll_lull(&q->poll)))
		nva_tx_release(q);

	if (unlikely(ret < 0)) {
		/* nothing can be read here until the session starts anew */
		nva_reset(q->dev, NVA_RING_BROKEN);
		napi_complete_done(napi, 0);
		return 0;
	}
	if (unlikely(left)) {
		/* without room for answers nothing is taken; the host tells of room, or time */
		mod_timer(&q->stall, jiffies + NVA_STALL_PERIOD);
		if (q->owed_count == NVA_RX_OWED) {
			napi_complete_done(napi, min(work, budget - 1));
			return min(work, budget - 1);
		}
	}
	if (work >= budget || completions >= TX_BUDGET || unsent) {
		hva_poll_took(&q->poll, work);
		hva_latency_done(&q->hc, taken, false);
		return budget;
	}
	stay = hva_poll_stay(&q->poll, work);
	hva_latency_done(&q->hc, taken, !stay);
	if (!napi_complete_done(napi, work) || stay)
		return work;
	if (hva_read_unmask(&q->hc) && napi_schedule_prep(napi)) {
		hva_read_mask(&q->hc);
		__napi_schedule(napi);
	}
	return work;
}
