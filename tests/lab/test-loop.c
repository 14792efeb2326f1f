// SPDX-License-Identifier: GPL-2.0
/* The loop's clocks: what the host itself runs is not time of the guest. */
#include <time.h>

#include "check.h"
#include "cputime.h"
#include "loop.h"

#define MSEC 1000000ull

void cputime_read(pthread_t thread, int tid, struct cputime *cpu)
{
}

static uint64_t run_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void running_is_not_counted(void)
{
	uint64_t wall = clock_ns(), run = run_ns(), guest = loop_guest_ns();
	uint64_t expected, passed;

	while (run_ns() - run < 50 * MSEC)
		;
	passed = loop_guest_ns() - guest;
	expected = (clock_ns() - wall) - (run_ns() - run);
	CHECK(passed <= expected + 5 * MSEC && passed + 5 * MSEC >= expected,
	      "%llu ns counted, %llu expected", (unsigned long long)passed,
	      (unsigned long long)expected);
}

static void sleeping_is_counted(void)
{
	const struct timespec nap = { .tv_nsec = 20 * MSEC };
	uint64_t guest = loop_guest_ns();

	nanosleep(&nap, NULL);
	CHECK(loop_guest_ns() - guest >= 19 * MSEC);
}

static struct {
	struct loop *loop;
	struct loop_timer timer;
	uint64_t first[3], again[3];
	int rounds;
} kept;

static void look(struct loop_timer *timer)
{
	const struct timespec nap = { .tv_nsec = 1 * MSEC };

	kept.first[kept.rounds] = loop_guest_ns();
	nanosleep(&nap, NULL);
	kept.again[kept.rounds] = loop_guest_ns();
	if (++kept.rounds < 3)
		loop_timer_arm(kept.loop, timer, 20 * MSEC);
	else
		loop_stop(kept.loop);
}

static void start(void *arg)
{
	kept.timer.expire = look;
	loop_timer_arm(kept.loop, &kept.timer, 20 * MSEC);
}

static void a_loop_looks_once(void)
{
	const struct timespec nap = { .tv_nsec = 10 * MSEC };
	int i;

	kept.loop = loop_new("look");
	CHECK(!loop_start(kept.loop));
	loop_call(kept.loop, start, NULL);
	while (__atomic_load_n(&kept.rounds, __ATOMIC_ACQUIRE) < 3)
		nanosleep(&nap, NULL);
	for (i = 0; i < 3; i++)
		CHECK(kept.again[i] == kept.first[i], "round %d: %llu ns later", i,
		      (unsigned long long)(kept.again[i] - kept.first[i]));
	for (i = 1; i < 3; i++)
		CHECK(kept.first[i] - kept.first[i - 1] >= 19 * MSEC, "round %d: %llu ns passed",
		      i, (unsigned long long)(kept.first[i] - kept.first[i - 1]));
}

int main(void)
{
	check_run("the time that the host's thread runs is not counted", running_is_not_counted);
	check_run("the time that it sleeps is", sleeping_is_counted);
	check_run("a loop looks at it once between two waits", a_loop_looks_once);
	return check_end();
}
