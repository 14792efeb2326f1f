/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adaptive polling of a VMBus channel: under steady load its interrupt stays masked, and a timer
 * and the transmit path look at the ring instead.
 *
 * For drivers that serve a channel with NAPI and the calls of hv_vmbus_accel.h. An interrupt costs
 * a guest two exits (end of interrupt, and the wake-up behind it), and a host that is given one
 * packet at a time sends one for each. Once the packets of a channel come closer than
 * HVA_POLL_GAP_US on average, the channel is *steady*: the interrupt stays masked, who transmits
 * schedules NAPI when the host wrote something, and a timer looks once a *period* and ends it when
 * packets come less often; a channel that sends more than it receives may pause for one period, a
 * *lull*. A channel that hardly transmits is steady only when its interrupts
 * themselves come that close, or when the longest period gathers HVA_POLL_BATCH packets and stands
 * for two interrupts: else a host that gives many packets with each leaves nothing to save. What
 * the host sends while nobody transmits waits for the timer, so the period bounds the delay. It
 * begins at HVA_POLL_MIN_US and doubles while load lasts and we transmit more than we receive;
 * where we hardly transmit it is as long as it takes to gather two polls. It is never longer than
 * the user allows. Where packets are rare, as in a request and its response, no timer runs and
 * nothing is ever delayed.
 *
 * A poll ends like this::
 *
 *	if (hva_poll_lull(&poll))
 *		send what was held back because of hva_poll_burst()
 *	if (work == budget) {
 *		hva_poll_took(&poll, packets);
 *		return budget;
 *	}
 *	stay = hva_poll_stay(&poll, packets);
 *	if (!napi_complete_done(napi, work) || stay)
 *		return work;
 *	if (hva_read_unmask(hc) && napi_schedule_prep(napi)) ...
 */
#ifndef _HV_VMBUS_POLL_H
#define _HV_VMBUS_POLL_H

#include <linux/hrtimer.h>
#include <linux/netdevice.h>

#include <hv_vmbus_accel.h>

/* Packets that are further apart than this on average are not steady. */
#define HVA_POLL_GAP_US		16u
/* About as long may a packet be held back while a channel is steady. */
#define HVA_POLL_HOLD_US	128u
/* Packets that a poll takes at most. */
#define HVA_POLL_BATCH		64u
/* Shorter periods save nothing: the timer costs as much as an interrupt. */
#define HVA_POLL_MIN_US		64u
#define HVA_POLL_MAX_US		1000u

/**
 * struct hva_poll - adaptive polling of one channel, embedded in the driver's queue
 * @burst: 0, or the channel is steady and so many packets are sent in HVA_POLL_HOLD_US; set by
 *	   NAPI, then the timer's, which clears it at the end
 * @usecs: longest period, 0: the interrupt is never kept masked
 * @hc: the channel
 * @napi: serves it
 * @sent: packets transmitted; the transmit path's
 * @taken: packets received; NAPI
 * @naps: polls since @since that ended with the interrupt unmasked; NAPI
 * @lull: what was held back is to go; set by the timer, cleared by NAPI
 * @since: when the window began, ktime; NAPI
 * @seen_sent: @sent then, or at the last tick; the timer's while steady
 * @seen_taken: likewise
 * @timer: one tick a period
 * @period: now, us; the timer's while steady
 * @last_period: the one before, in which came what only the timer lets us take; likewise
 * @first: the timer has not fired since the channel became steady; the timer's
 * @flood: as many packets came as the longest period needs to be worth it; the timer's while steady
 * @patience: a period without load does not end it; the timer's while steady
 * @sends: we transmitted more than we received when there was load; the timer's while steady
 * @interrupted: interrupts came densely when the channel became steady; the timer's while steady
 * @adaptive: the period grows from HVA_POLL_MIN_US to @usecs
 * @steady: how often the channel became steady
 * @ticks: how often the timer fired
 *
 * Drivers read @usecs, @steady and @ticks and write nothing.
 */
struct hva_poll {
	u32 burst;
	u32 usecs;
	struct hva_channel *hc;
	struct napi_struct *napi;
	u32 sent;

	u32 taken ____cacheline_aligned_in_smp;
	u32 naps;
	bool lull;
	ktime_t since;
	u32 seen_sent;
	u32 seen_taken;
	struct hrtimer timer;
	u32 period;
	u32 last_period;
	bool first;
	bool flood;
	bool patience;
	bool sends;
	bool interrupted;
	bool adaptive;
	u64 steady;
	u64 ticks;
};

/**
 * hva_poll_init() - prepare, never steady until hva_poll_set()
 * @poll: zeroed memory
 * @hc: channel, need not be attached yet
 * @napi: NAPI that serves it
 *
 * Context: process.
 */
void hva_poll_init(struct hva_poll *poll, struct hva_channel *hc, struct napi_struct *napi);

/**
 * hva_poll_set() - choose the period
 * @poll: initialised
 * @adaptive: let the period grow with load; else it is @usecs at once
 * @usecs: longest period; 0: never keep the interrupt masked. Up to HVA_POLL_MAX_US; what is below
 *	   HVA_POLL_MIN_US counts as 0.
 *
 * Context: process; the channel may be in use.
 */
void hva_poll_set(struct hva_poll *poll, bool adaptive, u32 usecs);

/**
 * hva_poll_stop() - no timer runs any more when this returns
 * @poll: initialised, its NAPI disabled and nobody transmits
 *
 * Context: process. The next poll starts anew.
 */
void hva_poll_stop(struct hva_poll *poll);

/**
 * hva_poll_waits() - has the host written something that was not read?
 * @poll: initialised, its channel open
 *
 * Context: any.
 * Return: true when a poll would find something, if only framing that is lost.
 */
static inline bool hva_poll_waits(const struct hva_poll *poll)
{
	const struct hv_ring_buffer_info *in = &poll->hc->channel->inbound;

	return READ_ONCE(in->ring_buffer->write_index) != READ_ONCE(in->priv_read_index);
}

/**
 * hva_poll_burst() - how many packets may gather for one doorbell?
 * @poll: initialised
 *
 * For a transmit path that holds back doorbells or packets, under a lock that the driver also takes
 * when hva_poll_lull() said true, to send what was held back: so nothing is held for good.
 *
 * Context: any.
 * Return: 0 while the channel is not steady: nothing may be held back.
 */
static inline u32 hva_poll_burst(const struct hva_poll *poll)
{
	return READ_ONCE(poll->burst);
}

/**
 * hva_poll_sent() - packets were written to the channel
 * @poll: initialised
 * @packets: their number
 *
 * While the channel is steady, NAPI is scheduled when the host has written something.
 *
 * Context: softirq or process, one at a time (the queue's transmit lock).
 */
static inline void hva_poll_sent(struct hva_poll *poll, u32 packets)
{
	WRITE_ONCE(poll->sent, poll->sent + packets);
	if (READ_ONCE(poll->burst) && hva_poll_waits(poll))
		napi_schedule(poll->napi);
}

/**
 * hva_poll_lull() - was the last period without load?
 * @poll: initialised
 *
 * A lull may be the end of the steady time, or only a pause in it.
 *
 * Context: NAPI, once in each poll.
 * Return: true once for each lull: send what was held back because of hva_poll_burst(), which says
 * 0 or 1 by now.
 */
static inline bool hva_poll_lull(struct hva_poll *poll)
{
	/* pairs with tick() in poll.c */
	if (likely(!smp_load_acquire(&poll->lull)))
		return false;
	WRITE_ONCE(poll->lull, false);
	return true;
}

/**
 * hva_poll_took() - a poll took packets and is not the last: NAPI calls again at once
 * @poll: initialised
 * @packets: received in this poll
 *
 * Context: NAPI.
 */
static inline void hva_poll_took(struct hva_poll *poll, u32 packets)
{
	WRITE_ONCE(poll->taken, poll->taken + packets);
}

/**
 * hva_poll_stay() - may the interrupt stay masked?
 * @poll: initialised
 * @packets: received in this poll, what was sent counts by itself
 *
 * Context: NAPI, interrupt masked, before napi_complete_done().
 * Return: true when the interrupt stays masked: somebody looks within a period.
 */
bool hva_poll_stay(struct hva_poll *poll, u32 packets);

#endif /* _HV_VMBUS_POLL_H */
