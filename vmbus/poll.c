// SPDX-License-Identifier: GPL-2.0
/*
 * Adaptive polling: when a channel's interrupt stays masked, and the timer that looks after it.
 *
 * Who writes what: NAPI makes a channel steady, the timer ends that. While it is steady the timer
 * is pending or its callback runs, which schedules NAPI in the end; hence a masked channel is never
 * forgotten. The timer is not moved while load goes on: it costs one interrupt a period.
 *
 * net_dim() would choose a period by the throughput that each brings. It knows neither that the
 * timer's own interrupt is the price of a short one nor that a pause ends the period anyway, and
 * settled at 64 us where 256 us is cheaper: transmitting 60 and 1500 bytes cost 3182 and 4410 ns a
 * packet with it, 2882 and 3664 at 256 us. So the period doubles while load lasts: short behind
 * short trains of packets, long in long ones.
 *
 * Who transmits lists of packets sends nothing while the stack makes the next list: cutting 64
 * datagrams takes longer than the shortest period. So one period without load, a lull, does not end
 * it. It only lets go what was held back.
 *
 * This file also builds in user space, under tests/unit.
 */
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/minmax.h>

#include "../compat/hrtimer.h"
#include "hv_vmbus_poll.h"

/*
 * How long packets must have come densely before the interrupt stays masked; a window that lasted
 * much longer had a pause in it.
 */
#define WINDOW_US	HVA_POLL_MIN_US
#define WINDOW_MAX_US	(4 * WINDOW_US)

static bool dense(u32 packets, u32 us)
{
	return (u64)packets * HVA_POLL_GAP_US >= us;
}

/*
 * Where we hardly transmit there are no doorbells to share, and a timer is worth its interrupt only
 * if it stands for several of the host's: setting it anew costs exits of its own.
 */
static bool mostly_receives(u32 sent, u32 taken)
{
	return 4ull * sent < taken;
}

/*
 * Packets come so fast that the longest period gathers @least or more: even a host that hands over
 * many with an interrupt wakes us several times for a full poll. To drop packets of 60 bytes in
 * XDP, 32 of which came with each interrupt, took 745 ns with interrupts and 515 with a timer.
 */
static bool flooded(u32 taken, u32 us, u32 usecs, u32 least)
{
	return (u64)taken * usecs >= (u64)least * us;
}

/* How long it takes to gather @packets when @taken came in @us. */
static u32 gather(u32 taken, u32 us, u32 usecs, u32 packets)
{
	return clamp(packets * us / taken, HVA_POLL_MIN_US, usecs);
}

/* Packets that come in HVA_POLL_HOLD_US when so many came in @us. */
static u32 burst(u32 packets, u32 us)
{
	return packets * HVA_POLL_HOLD_US / us;
}

static ktime_t period(u32 usecs)
{
	return ns_to_ktime((u64)usecs * NSEC_PER_USEC);
}

/* Who transmits looks at the ring each time; without him every period is a delay. */
static u32 next_period(const struct hva_poll *poll, u32 usecs, u32 taken)
{
	if (!READ_ONCE(poll->adaptive))
		return usecs;
	if (poll->flood && !poll->first)
		return gather(taken, poll->last_period, usecs, 2 * HVA_POLL_BATCH);
	if (poll->flood)
		return min(poll->period, usecs);
	return poll->sends ? min(2 * poll->period, usecs) : HVA_POLL_MIN_US;
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct hva_poll *poll = container_of(timer, struct hva_poll, timer);
	u32 taken = READ_ONCE(poll->taken) - poll->seen_taken;
	u32 sent = READ_ONCE(poll->sent) - poll->seen_sent;
	u32 usecs = READ_ONCE(poll->usecs), was = poll->burst, now, next;
	bool load, on, release;

	/* what came in a period is read in the next; half of what it begins with is not the end */
	if (!poll->first)
		poll->flood = mostly_receives(sent, taken) &&
			      flooded(taken, poll->last_period, usecs,
				      poll->flood ? HVA_POLL_BATCH / 2 : HVA_POLL_BATCH);
	load = dense(sent + taken, poll->period) &&
	       (poll->flood || poll->interrupted || !mostly_receives(sent, taken));
	on = usecs && (load || poll->patience);

	poll->ticks++;
	if (load)
		poll->sends = sent > taken;
	poll->patience = load && poll->sends;
	now = on ? max(load ? burst(sent, poll->period) : 0, 1u) : 0;
	WRITE_ONCE(poll->burst, now);
	/* load may go on without us: with packets received, after an answer to some of them */
	release = !load || !on || (was > 1 && now <= 1);
	if (release)
		/* pairs with hva_poll_lull(): who sends what was held finds that nothing more is */
		smp_store_release(&poll->lull, true);
	if (release || hva_poll_waits(poll))
		napi_schedule(poll->napi);
	if (!on)
		return HRTIMER_NORESTART;
	poll->seen_taken += taken;
	poll->seen_sent += sent;
	next = next_period(poll, usecs, taken);
	poll->last_period = poll->period;
	poll->period = next;
	poll->first = false;
	hrtimer_forward_now(timer, period(poll->period));
	return HRTIMER_RESTART;
}

void hva_poll_init(struct hva_poll *poll, struct hva_channel *hc, struct napi_struct *napi)
{
	poll->hc = hc;
	poll->napi = napi;
	hrtimer_setup(&poll->timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
}
EXPORT_SYMBOL_GPL(hva_poll_init);

void hva_poll_set(struct hva_poll *poll, bool adaptive, u32 usecs)
{
	WRITE_ONCE(poll->adaptive, adaptive);
	WRITE_ONCE(poll->usecs, usecs < HVA_POLL_MIN_US ? 0 : min(usecs, HVA_POLL_MAX_US));
}
EXPORT_SYMBOL_GPL(hva_poll_set);

void hva_poll_stop(struct hva_poll *poll)
{
	hrtimer_cancel(&poll->timer);
	WRITE_ONCE(poll->burst, 0);
	poll->lull = false;
}
EXPORT_SYMBOL_GPL(hva_poll_stop);

bool hva_poll_stay(struct hva_poll *poll, u32 packets)
{
	u32 usecs = READ_ONCE(poll->usecs), sent, taken, naps;
	ktime_t time;
	s64 window;

	hva_poll_took(poll, packets);
	if (READ_ONCE(poll->burst))
		return true;
	if (!usecs)
		return false;

	poll->naps++;
	time = ktime_get();
	window = ktime_us_delta(time, poll->since);
	if (window < WINDOW_US)
		return false;
	sent = READ_ONCE(poll->sent) - poll->seen_sent;
	taken = poll->taken - poll->seen_taken;
	poll->seen_sent += sent;
	poll->seen_taken += taken;
	poll->since = time;
	naps = poll->naps;
	poll->naps = 0;
	if (window > WINDOW_MAX_US || !dense(sent + taken, window))
		return false;
	poll->interrupted = mostly_receives(sent, taken) && dense(naps, window);
	/* and a period stands for two interrupts at least */
	poll->flood = mostly_receives(sent, taken) && naps * usecs >= 2 * window &&
		      flooded(taken, window, usecs, HVA_POLL_BATCH);
	if (mostly_receives(sent, taken) && !poll->interrupted && !poll->flood)
		return false;

	if (!READ_ONCE(poll->adaptive))
		poll->period = usecs;
	else
		poll->period = poll->flood ? gather(naps, window, usecs, 2) : HVA_POLL_MIN_US;
	poll->last_period = poll->period;
	poll->first = true;
	/* what came since the start is read only now that somebody looks */
	poll->patience = true;
	poll->sends = sent > taken;
	poll->steady++;
	WRITE_ONCE(poll->burst, max(burst(sent, window), 1u));
	/* NAPI is ours until it is told that it is complete: an early tick is not lost. */
	hrtimer_start(&poll->timer, period(poll->period), HRTIMER_MODE_REL_PINNED);
	return true;
}
EXPORT_SYMBOL_GPL(hva_poll_stay);
