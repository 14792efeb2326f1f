/* SPDX-License-Identifier: GPL-2.0 */
/* A clock that only the test moves, and one-shot timers on it. */
#ifndef _UNIT_POLL_HRTIMER_H
#define _UNIT_POLL_HRTIMER_H

#include "shim.h"

typedef int64_t s64;
typedef s64 ktime_t;

#define NSEC_PER_USEC	1000L
#define CLOCK_MONOTONIC	1
#define ____cacheline_aligned_in_smp
#define likely(x)	(x)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define container_of(at, type, member) ((type *)((char *)(at) - offsetof(type, member)))

enum hrtimer_mode { HRTIMER_MODE_REL_PINNED };
enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };

struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	bool pending;
	ktime_t expires;
};

extern ktime_t test_now;

static inline ktime_t ktime_get(void)
{
	return test_now;
}

static inline ktime_t ns_to_ktime(u64 ns)
{
	return ns;
}

static inline s64 ktime_us_delta(ktime_t later, ktime_t earlier)
{
	return (later - earlier) / NSEC_PER_USEC;
}

static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *), int clock,
				 enum hrtimer_mode mode)
{
	timer->function = function;
}

static inline void hrtimer_start(struct hrtimer *timer, ktime_t delay, enum hrtimer_mode mode)
{
	timer->pending = true;
	timer->expires = test_now + delay;
}

static inline void hrtimer_forward_now(struct hrtimer *timer, ktime_t interval)
{
	timer->expires = test_now + interval;
}

static inline int hrtimer_cancel(struct hrtimer *timer)
{
	timer->pending = false;
	return 0;
}

#endif
