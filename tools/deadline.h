/* SPDX-License-Identifier: GPL-2.0 */
/*
 * deadline.h: times that something has to be over by.
 */
#ifndef HVACCEL_DEADLINE_H
#define HVACCEL_DEADLINE_H

#include <time.h>

/** deadline_set() - that many seconds from now, by a clock that nobody sets */
static inline void deadline_set(struct timespec *end, unsigned int seconds)
{
	clock_gettime(CLOCK_MONOTONIC, end);
	end->tv_sec += seconds;
}

/** deadline_left() - milliseconds until then, at most an hour; 0 when it has passed */
static inline int deadline_left(const struct timespec *end)
{
	struct timespec now;
	long long left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (end->tv_sec - now.tv_sec) * 1000LL + (end->tv_nsec - now.tv_nsec) / 1000000;
	return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

#endif
