// SPDX-License-Identifier: GPL-2.0
/*
 * Adaptive polling against a host and a driver that live on the test's clock: the host writes and
 * interrupts when the interrupt is not masked, the driver sends and polls as hv_vmbus_poll.h says.
 */
#include <linux/hrtimer.h>
#include <linux/netdevice.h>

#include "hv_vmbus_poll.h"

#define US(n)	((ktime_t)(n) * NSEC_PER_USEC)
#define FRAMES	32u	/* tx-frames of the driver */
#define MESSAGE	8u	/* packets in one message to the host */

ktime_t test_now;

static struct hv_ring_buffer *ring;
static struct vmbus_channel channel;
static struct hva_channel hc = { .channel = &channel };
static struct napi_struct napi;
static struct hva_poll poll;
static unsigned long checks, failures;

/* What the driver does and saw. */
static bool masked;
static unsigned long interrupts, lulls;
static u32 held;		/* packets of which the host was not told */
static u32 unsent;		/* of these, the last that wait for their message to fill up */
static ktime_t written;		/* when the host wrote what is not read yet */
static ktime_t longest;		/* it waited so long */
static u32 completions;		/* written by the host for packets sent */

#define check(condition) test_check(condition, #condition, __LINE__)

static void test_check(bool good, const char *what, int line)
{
	checks++;
	if (good)
		return;
	failures++;
	printf("%s:%d: not so: %s\n", __FILE__, line, what);
}

void shim_point(enum shim_access access, const volatile void *address)
{
}

static void reset(bool adaptive, u32 usecs)
{
	ring->write_index = 0;
	channel.inbound.priv_read_index = 0;
	poll = (struct hva_poll) {};
	napi = (struct napi_struct) {};
	masked = false;
	interrupts = 0;
	lulls = 0;
	held = 0;
	unsent = 0;
	completions = 0;
	longest = 0;
	test_now += US(1000000);
	hva_poll_init(&poll, &hc, &napi);
	hva_poll_set(&poll, adaptive, usecs);
}

static void flush(void)
{
	if (unsent)
		hva_poll_sent(&poll, unsent);
	unsent = 0;
}

/* One poll of the driver; @received packets are in the ring. */
static void run_poll(void)
{
	u32 received = ring->write_index - channel.inbound.priv_read_index - completions;
	bool stay;

	napi.scheduled = false;
	if (received + completions && test_now - written > longest)
		longest = test_now - written;
	channel.inbound.priv_read_index = ring->write_index;
	completions = 0;
	if (hva_poll_lull(&poll)) {
		check(hva_poll_burst(&poll) <= 1);
		lulls++;
		flush();
		held = 0;
	}
	for (; received >= HVA_POLL_BATCH; received -= HVA_POLL_BATCH)
		hva_poll_took(&poll, HVA_POLL_BATCH);
	stay = hva_poll_stay(&poll, received);
	check(!stay || poll.timer.pending || napi.scheduled);
	if (!stay)
		masked = false;
}

/* Time goes on to @until: timers fire, NAPI runs when it was scheduled. */
static void advance(ktime_t until)
{
	while (poll.timer.pending && poll.timer.expires <= until) {
		test_now = poll.timer.expires;
		poll.timer.pending = poll.timer.function(&poll.timer) == HRTIMER_RESTART;
		check(!poll.timer.pending || poll.timer.expires > test_now);
		if (napi.scheduled)
			run_poll();
	}
	test_now = until;
	if (napi.scheduled)
		run_poll();
}

/* The host writes one packet, or one completion. */
static void host_writes(bool completion)
{
	if (ring->write_index == channel.inbound.priv_read_index)
		written = test_now;
	ring->write_index++;
	completions += completion;
	if (masked)
		return;
	interrupts++;
	masked = true;
	napi_schedule(&napi);
	run_poll();
}

/* Packets go in messages of up to MESSAGE, and count as sent only then; the host hears later. */
static void driver_sends(void)
{
	bool tell = held + 1 >= min(hva_poll_burst(&poll), FRAMES);

	held = tell ? 0 : held + 1;
	if (++unsent == MESSAGE || tell)
		flush();
	if (napi.scheduled)
		run_poll();
}

/* @n packets sent, @gap us apart; the host completes @late packets later. */
static void transmit(u32 n, u32 gap, u32 late)
{
	u32 i;

	for (i = 0; i < n; i++) {
		driver_sends();
		if (i % late == late - 1)
			host_writes(true);
		advance(test_now + US(gap));
	}
}

static void receive(u32 n, u32 gap)
{
	while (n--) {
		host_writes(false);
		advance(test_now + US(gap));
	}
}

/* Packets that are rare are never delayed, whatever their pattern. */
static void rare(void)
{
	u32 i, gap;

	for (gap = HVA_POLL_GAP_US + 1; gap < 400; gap += 7) {
		reset(true, 256);
		receive(200, gap);
		check(!poll.ticks && interrupts == 200 && !longest);
		reset(true, 256);
		/* request and response */
		for (i = 0; i < 200; i++) {
			driver_sends();
			check(!held);
			advance(test_now + US(gap));
			host_writes(true);
			host_writes(false);
			advance(test_now + US(gap));
		}
		check(!poll.ticks && !longest);
	}
	/* short trains, far apart */
	reset(true, 256);
	for (i = 0; i < 50; i++) {
		transmit(8, 2, 8);
		advance(test_now + US(1000));
	}
	check(!poll.ticks && interrupts == 50);
}

static void transmit_load(void)
{
	ktime_t end;

	reset(true, 256);
	transmit(2000, 3, 8);
	check(poll.steady == 1 && hva_poll_burst(&poll));
	check(interrupts <= 4);
	/* 64, 128 and then 256 us each */
	check(poll.ticks >= 6000 / 256 && poll.ticks <= 6000 / 256 + 3);
	check(poll.period == 256);
	/* who sends looks: nothing waits longer than until the next message */
	check(longest <= US(MESSAGE * 3));
	check(hva_poll_burst(&poll) >= HVA_POLL_HOLD_US / 3 - 2 &&
	      hva_poll_burst(&poll) <= HVA_POLL_HOLD_US / 3 + 2);

	/* the end: what is held goes out within two periods, and another one later it is over */
	end = test_now;
	driver_sends();
	check(held && !lulls);
	while (held && test_now < end + US(2000))
		advance(test_now + US(1));
	check(test_now - end <= US(2 * 256 + 1));
	check(hva_poll_burst(&poll) == 1 && masked && lulls == 1);
	while (hva_poll_burst(&poll) && test_now < end + US(2000))
		advance(test_now + US(1));
	check(test_now - end <= US(3 * 256 + 1));
	check(lulls == 2 && !masked && !poll.timer.pending);
	interrupts = 0;
	host_writes(false);
	check(interrupts == 1);
	check(lulls == 2);
}

/*
 * Lists of packets, with nothing in between while the next one is made: the channel stays steady
 * all the time, and the period grows. Nothing is held back over a lull.
 */
static void transmit_lists(void)
{
	u32 i, gap;
	ktime_t end;

	for (gap = 70; gap < 190; gap += 7) {
		reset(true, 256);
		/* it becomes steady near the end of the first: the first period is a lull */
		for (i = 0; i < 100; i++) {
			transmit(66, 1, 8);
			advance(test_now + US(gap));
		}
		check(poll.steady == 1 && hva_poll_burst(&poll));
		check(poll.period == 256 && poll.ticks < 5 + 100 * (66 + gap) / 256);
		check(interrupts < 15);
	}
	/* a lull that lasts is the end: two empty periods, the second twice as long */
	reset(true, 256);
	while (!poll.timer.pending && interrupts < 100)
		transmit(8, 4, 8);
	end = poll.timer.expires + US(128);
	advance(end - US(1));
	check(poll.timer.pending && lulls == 1 && masked);
	advance(end + US(1));
	check(poll.steady == 1 && !poll.timer.pending && lulls == 2 && !masked);
}

/* The host writes @n packets and interrupts once. */
static void host_writes_many(u32 n)
{
	if (ring->write_index == channel.inbound.priv_read_index)
		written = test_now;
	ring->write_index += n - 1;
	host_writes(false);
}

/* Interrupts are dense, and nobody looks but the timer: the period does not grow. */
static void receive_load(void)
{
	reset(true, 256);
	receive(1000, 5);
	check(poll.steady == 1 && poll.period == HVA_POLL_MIN_US);
	check(longest <= US(HVA_POLL_MIN_US));
	check(interrupts <= 2 + HVA_POLL_MIN_US / 5 + 1);
	check(hva_poll_burst(&poll) == 1);
	advance(test_now + US(3 * HVA_POLL_MIN_US));
	check(!masked && lulls == 2 && ring->write_index == channel.inbound.priv_read_index);
}

/* @n trains of @packets, @gap us apart. */
static void receive_each(u32 n, u32 packets, u32 gap)
{
	while (n--) {
		host_writes_many(packets);
		advance(test_now + US(gap));
	}
}

/* So many that a period gathers full polls, also where a host interrupts for many at a time. */
static void receive_flood(void)
{
	ktime_t end;
	u32 gap;

	for (gap = 32; gap <= 128; gap += 8) {
		reset(true, 256);
		receive_each(200, 32, gap);
		check(poll.steady == 1 && poll.ticks >= 200 * gap / 256 - 1);
		check(poll.ticks <= 200 * gap / 128 + 2);
		/* two polls, not more than that */
		check(poll.period == (4 * gap < 256 ? 4 * gap : 256) ||
		      (poll.period >= 64 && poll.period <= 256 && 256 % gap));
		check(longest <= US(256));
		check(interrupts <= 4);
		/* the end: as above */
		end = test_now;
		while (hva_poll_burst(&poll) && test_now < end + US(2000))
			advance(test_now + US(1));
		check(test_now - end <= US(3 * 256 + 1));
		check(lulls == 2 && !masked && !poll.timer.pending);
	}
	/* hardly more interrupts than ticks */
	reset(true, 256);
	receive_each(200, 64, 136);
	check(!poll.ticks && !longest && interrupts == 200);
	/* where interrupts are dense, too */
	reset(true, 256);
	receive(2000, 2);
	check(poll.steady == 1 && poll.period == 256);
	/* more comes, and the period is shorter */
	receive_each(1000, 2, 1);
	check(poll.period == HVA_POLL_MIN_US);
	receive_each(1000, 1, 1);
	check(poll.steady == 1 && poll.period == 128);
	/* what the user allows gathers too little */
	reset(true, 64);
	receive_each(200, 32, 40);
	check(!poll.ticks && !longest && interrupts == 200);
	/* the ceiling lowered */
	reset(true, 256);
	receive_each(200, 32, 60);
	hva_poll_set(&poll, true, 128);
	receive_each(200, 32, 60);
	check(poll.period == 128);
	/* just enough, and trains that drift: steady from the first moment on */
	reset(true, 256);
	receive_each(200, 9, 32);
	check(poll.steady == 1 && poll.period == 256);
	reset(true, 256);
	receive_each(1, 32, 70);
	receive_each(200, 32, 128);
	check(poll.steady == 1 && interrupts == 2);
	/* not so many any more: interrupts again */
	reset(true, 256);
	receive_each(200, 32, 40);
	receive_each(40, 4, 40);
	check(lulls == 2 && !masked && !hva_poll_burst(&poll));
	/* not adaptive: as long as the user says, at once */
	reset(false, 200);
	while (!poll.timer.pending && interrupts < 100)
		receive_each(1, 32, 40);
	check(poll.period == 200);
	receive_each(100, 32, 40);
	check(poll.period == 200 && poll.steady == 1);
}

/* Several packets to an interrupt: hardly more interrupts than ticks, so no ticks. */
static void receive_trains(void)
{
	u32 i, gap;

	for (gap = 2 * HVA_POLL_GAP_US; gap < 128; gap += 7) {
		reset(true, 256);
		for (i = 0; i < 200; i++) {
			/* and a packet of ours now and then */
			driver_sends();
			host_writes_many(6);
			advance(test_now + US(gap));
		}
		check(!poll.ticks && !longest && interrupts == 200);
		/* whoever transmits has doorbells to share, and looks at the ring himself */
		advance(test_now + US(1000));
		for (i = 0; i < 200; i++) {
			transmit(32, 1, 8);
			host_writes_many(8);
		}
		check(poll.steady == 1 && hva_poll_burst(&poll));
		/* until he hardly does */
		for (i = 0; i < 2000 / gap; i++) {
			driver_sends();
			host_writes_many(6);
			advance(test_now + US(gap));
		}
		check(lulls && !hva_poll_burst(&poll) && !masked);
	}
	/* interrupts as dense as packets may be */
	reset(true, 256);
	for (i = 0; i < 20; i++) {
		host_writes_many(2);
		advance(test_now + US(HVA_POLL_GAP_US - 1));
	}
	check(poll.steady == 1 && hva_poll_burst(&poll));
}

/* Who answers a stream of packets now and then and stops: the last answer goes, too. */
static void answers(void)
{
	u32 gap, i;

	for (gap = 2; gap < HVA_POLL_GAP_US; gap++) {
		reset(true, 256);
		receive(1000, gap);
		for (i = 0; i < 200 && !held; i++) {
			driver_sends();
			receive(1 + i * 7 % (128 / gap), gap);
		}
		check(held || gap < 5);
		receive(3 * 256 / gap, gap);
		check(!held);
	}
	/* many for a while, amid a flood */
	reset(true, 256);
	receive(2000, 1);
	for (i = 0; i < 2000 || (!held && i < 3000); i++) {
		driver_sends();
		receive(3, 1);
	}
	check(held);
	receive(3 * 256, 1);
	check(!held && masked);
}

/* As dense as it has to be, either way; steady from the first moment on. */
static void just_enough(void)
{
	reset(true, 256);
	transmit(200, HVA_POLL_GAP_US - 1, 1);
	check(poll.steady == 1 && interrupts <= 6);
	reset(true, 256);
	while (!poll.timer.pending && interrupts < 100)
		receive(1, 4);
	check(hva_poll_burst(&poll) == 1);
}

/* A pause is not part of the load on either side of it. */
static void pauses(void)
{
	int i;

	reset(true, 256);
	for (i = 0; i < 40; i++) {
		receive(40, 1);
		advance(test_now + US(300));
	}
	check(!poll.steady);
}

static void settings(void)
{
	reset(true, 0);
	transmit(1000, 1, 4);
	check(!poll.ticks && interrupts == 250 && !hva_poll_burst(&poll));
	reset(true, HVA_POLL_MIN_US - 1);
	check(!poll.usecs);
	reset(false, 100000);
	check(poll.usecs == HVA_POLL_MAX_US);

	reset(false, 500);
	while (!poll.timer.pending && interrupts < 100)
		transmit(8, 3, 8);
	check(poll.period == 500);
	transmit(2000, 3, 8);
	check(poll.period == 500);
	/* switched off under load */
	hva_poll_set(&poll, true, 0);
	transmit(400, 3, 8);
	check(!poll.timer.pending && lulls == 1 && !hva_poll_burst(&poll));
	/* and the ceiling lowered */
	reset(true, 1000);
	transmit(3000, 3, 8);
	check(poll.period == 1000);
	hva_poll_set(&poll, true, 128);
	transmit(1000, 3, 8);
	check(poll.period == 128);

	/* stopped in the middle, with a lull that nobody was told of: as new */
	while (!poll.lull && hva_poll_burst(&poll))
		poll.timer.function(&poll.timer);
	check(poll.lull && hva_poll_burst(&poll));
	napi.scheduled = false;
	hva_poll_stop(&poll);
	check(!poll.timer.pending && !hva_poll_burst(&poll) && !hva_poll_lull(&poll));
	transmit(10, 100, 1);
}

/* Whatever comes: nothing waits longer than the longest period, and nothing is held for good. */
static void chance(void)
{
	u64 dice = 1;
	u32 i, turn;

	for (turn = 0; turn < 300; turn++) {
		reset(turn & 1, 64 + turn);
		for (i = 0; i < 400; i++) {
			dice = dice * 6364136223846793005u + 1442695040888963407u;
			switch (dice >> 62) {
			case 0:
				receive(1 + (dice >> 40) % 50, (dice >> 20) % 20);
				break;
			case 1:
				transmit(1 + (dice >> 40) % 100, (dice >> 20) % 20,
					 1 + (dice >> 30) % 9);
				break;
			case 2:
				advance(test_now + US((dice >> 40) % 600));
				break;
			default:
				host_writes(false);
			}
		}
		check(longest <= US(64 + turn));
		advance(test_now + US(2000));
		check(!held && !masked && !poll.timer.pending && !hva_poll_burst(&poll));
		check(lulls >= poll.steady);
		check(ring->write_index == channel.inbound.priv_read_index);
	}
}

int main(void)
{
	static struct hv_ring_buffer page;

	ring = &page;
	channel.inbound.ring_buffer = ring;
	rare();
	transmit_load();
	transmit_lists();
	receive_load();
	receive_flood();
	receive_trains();
	answers();
	just_enough();
	pauses();
	settings();
	chance();
	printf("poll        %lu checks, %lu failed\n", checks, failures);
	return failures ? 1 : 0;
}
