// SPDX-License-Identifier: GPL-2.0
/* The service rate against a clock and a timer of this file's own; the clock itself in a loop. */
#include "check.h"
#include "pace.h"

#define SEC 1000000000ull

static uint64_t now, due;
static bool armed;
static unsigned int resumed;

uint64_t loop_guest_ns(void)
{
	return now;
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns)
{
	due = now + delay_ns;
	armed = true;
}

static void resume(struct pace *pace)
{
	resumed++;
}

static void start(struct pace *pace, uint64_t pps)
{
	now = 12345;
	armed = false;
	resumed = 0;
	pace_init(pace, NULL, pps, resume);
}

static void no_limit(void)
{
	struct pace pace;
	unsigned int i;

	start(&pace, 0);
	for (i = 0; i < 100000; i++) {
		CHECK(pace_room(&pace, 64) == 64);
		pace_spend(&pace, 64);
	}
	CHECK(!armed);
}

static void burst(void)
{
	struct pace pace;

	start(&pace, 1000000);
	CHECK(pace_room(&pace, 1000) == PACE_BURST);
	CHECK(pace_room(&pace, 10) == 10);
	pace_spend(&pace, 10);
	CHECK(pace_room(&pace, 1000) == PACE_BURST - 10);
	pace_spend(&pace, PACE_BURST - 10);
	CHECK(!armed);
	CHECK(pace_room(&pace, 1) == 0);
	CHECK(armed && due == now + PACE_QUANTUM * 1000);
	now = due;
	pace.timer.expire(&pace.timer);
	CHECK(resumed == 1);
	CHECK(pace_room(&pace, 1000) == PACE_QUANTUM);
}

static void idle_earns_no_more_than_a_burst(void)
{
	struct pace pace;

	start(&pace, 1000000000);
	pace_spend(&pace, PACE_BURST);
	now += 3600 * SEC;
	CHECK(pace_room(&pace, 1000) == PACE_BURST);
	now += 10000 * SEC;
	CHECK(pace_room(&pace, 1000) == PACE_BURST);
}

static void debt_is_paid(void)
{
	struct pace pace;

	start(&pace, 1000000);
	CHECK(pace_room(&pace, PACE_BURST) == PACE_BURST);
	pace_spend(&pace, PACE_BURST + 7);
	CHECK(pace_room(&pace, 1) == 0);
	CHECK(due == now + (PACE_QUANTUM + 7) * 1000);
	now += 7999;
	CHECK(pace_room(&pace, 1) == 0);
	now += 1;
	CHECK(pace_room(&pace, 64) == 1);
}

static void a_clock_that_stands_gives_nothing(void)
{
	struct pace pace;

	start(&pace, 1000000);
	CHECK(pace_room(&pace, PACE_BURST) == PACE_BURST);
	pace_spend(&pace, PACE_BURST);
	CHECK(pace_room(&pace, 1) == 0);
	now -= 5000;
	CHECK(pace_room(&pace, 1) == 0, "time went back");
	CHECK(due == now + PACE_QUANTUM * 1000);
}

/* A guest that always has frames gets the rate, neither more nor less. */
static void served_in_a_second(uint64_t pps)
{
	struct pace pace;
	uint64_t served = 0, end, low, high;
	unsigned int n;

	start(&pace, pps);
	end = now + SEC;
	while (now < end) {
		while ((n = pace_room(&pace, 1 + check_random(64)))) {
			n = n > 3 ? n - check_random(3) : n;
			pace_spend(&pace, n);
			served += n;
		}
		CHECK(due > now);
		now = due;
	}
	low = pps;
	high = pps + PACE_BURST + PACE_QUANTUM;
	CHECK(served >= low && served <= high, "%llu at %llu a second", (unsigned long long)served,
	      (unsigned long long)pps);
}

static void rates(void)
{
	static const uint64_t rate[] = { 1, 7, 1000, 300000, 1000000, 3000000, 1000000000 };
	unsigned int i;

	for (i = 0; i < sizeof(rate) / sizeof(rate[0]); i++)
		served_in_a_second(rate[i]);
}

int main(void)
{
	check_run("no rate, no limit", no_limit);
	check_run("a burst, then a quantum at a time", burst);
	check_run("idle time earns a burst at most", idle_earns_no_more_than_a_burst);
	check_run("what was served too much is owed", debt_is_paid);
	check_run("a clock that stands or goes back gives nothing",
		  a_clock_that_stands_gives_nothing);
	check_run("a greedy guest gets the rate", rates);
	return check_end();
}
