// SPDX-License-Identifier: GPL-2.0
#include "pace.h"

#define NSEC_PER_SEC 1000000000ll

static void expire(struct loop_timer *timer)
{
	struct pace *pace = container_of(timer, struct pace, timer);

	pace->resume(pace);
}

void pace_init(struct pace *pace, struct loop *loop, uint64_t pps,
	       void (*resume)(struct pace *pace))
{
	*pace = (struct pace){
		.resume = resume,
		.loop = loop,
		.timer.expire = expire,
		.pps = pps,
		.credit = PACE_BURST * NSEC_PER_SEC,
	};
}

/* Tokens that have come since the last look. */
static void earn(struct pace *pace)
{
	uint64_t now = loop_guest_ns(), most = PACE_BURST * NSEC_PER_SEC;
	uint64_t passed = now > pace->last_ns ? now - pace->last_ns : 0;

	pace->last_ns = now;
	/* Long enough to fill it from any debt; the product below stays small. */
	if (passed > 2 * most / pace->pps)
		pace->credit = (int64_t)most;
	else
		pace->credit += (int64_t)(passed * pace->pps);
	if (pace->credit > (int64_t)most)
		pace->credit = (int64_t)most;
}

unsigned int pace_room(struct pace *pace, unsigned int want)
{
	int64_t lacking;

	if (!pace->pps)
		return want;
	earn(pace);
	if (pace->credit >= NSEC_PER_SEC) {
		unsigned int room = (unsigned int)(pace->credit / NSEC_PER_SEC);

		return room < want ? room : want;
	}
	lacking = PACE_QUANTUM * NSEC_PER_SEC - pace->credit;
	loop_timer_arm(pace->loop, &pace->timer,
		       (uint64_t)(lacking + (int64_t)pace->pps - 1) / pace->pps);
	return 0;
}

void pace_spend(struct pace *pace, unsigned int n)
{
	if (pace->pps)
		pace->credit -= n * NSEC_PER_SEC;
}
