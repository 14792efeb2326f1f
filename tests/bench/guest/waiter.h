/* SPDX-License-Identifier: GPL-2.0 */
/*
 * waiter.h: what the programs have in common that take traffic while a scenario waits for them
 * (tests/guest/measure.sh): "ready" on standard output, then "done" with fields NAME:VALUE.
 */
#ifndef BENCH_WAITER_H
#define BENCH_WAITER_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long none of the traffic may come before it is given up. */
#define WAITER_IDLE_NS 20000000000ull

/* What a look for progress is apart: seldom enough to cost nothing beside the traffic. */
#define WAITER_TURN_NS 5000000ull

static inline uint64_t waiter_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static inline void waiter_sleep(void)
{
	const struct timespec ts = { .tv_nsec = WAITER_TURN_NS };

	nanosleep(&ts, NULL);
}

static inline void waiter_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void waiter_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
}

/* waiter_fail() - one line that names what failed, and status @status */
static inline void __attribute__((noreturn, format(printf, 2, 3)))
waiter_fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static inline uint64_t waiter_number(const char *text)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || end == text || *end)
		waiter_fail(2, "not a number: %s", text);
	return v;
}

/*
 * waiter_until() - sleep until @count(@o) is @wanted more than now; says ready first, done after.
 * What is missing when nothing comes any more is a failure.
 */
static inline void waiter_until(uint64_t (*count)(void *o), void *o, uint64_t wanted)
{
	uint64_t first = count(o), last = first, at = waiter_now(), now;

	waiter_say("ready\n");
	at = waiter_now();
	while ((now = count(o)) - first < wanted) {
		if (now != last) {
			last = now;
			at = waiter_now();
		} else if (waiter_now() - at > WAITER_IDLE_NS) {
			waiter_fail(1, "%llu of %llu came", (unsigned long long)(now - first),
				    (unsigned long long)wanted);
		}
		waiter_sleep();
	}
}

#endif
