/* SPDX-License-Identifier: GPL-2.0 */
/* check.h: numbered cases for the user-space tests of the lab's parts (test-*.c). */
#ifndef HVLAB_CHECK_H
#define HVLAB_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static unsigned int check_passed, check_failed, check_skipped;
static const char *check_skip_reason;
static bool check_case_failed;

/* CHECK() - note a wrong outcome with its place; the case goes on */
#define CHECK(cond, ...)                                                            \
	do {                                                                        \
		if (!(cond)) {                                                      \
			if (!check_case_failed)                                     \
				printf("    %s:%d: %s", __FILE__, __LINE__, #cond); \
			if (!check_case_failed)                                     \
				printf(" " __VA_ARGS__), printf("\n");              \
			check_case_failed = true;                                   \
		}                                                                   \
	} while (0)

/* check_skip() - this case cannot be run here; say why and return from it */
static inline void check_skip(const char *why)
{
	check_skip_reason = why;
}

/* check_run() - run one case and print its line */
static inline void check_run(const char *name, void (*run)(void))
{
	unsigned int number = check_passed + check_failed + check_skipped + 1;

	check_case_failed = false;
	check_skip_reason = NULL;
	run();
	printf("%s %u - %s%s%s\n", check_case_failed ? "not ok" : "ok", number, name,
	       check_skip_reason ? " # SKIP " : "", check_skip_reason ? check_skip_reason : "");
	fflush(stdout);
	if (check_case_failed)
		check_failed++;
	else if (check_skip_reason)
		check_skipped++;
	else
		check_passed++;
}

/* check_end() - closing line. Return: exit status; a run that skipped all has failed */
static inline int check_end(void)
{
	printf("%u passed, %u failed, %u skipped\n", check_passed, check_failed, check_skipped);
	return check_failed || !check_passed;
}

/* check_random() - repeatable numbers below @below (xorshift) */
static inline uint32_t check_random(uint32_t below)
{
	static uint64_t x = 0x9e3779b97f4a7c15ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (x >> 16) % below;
}

#endif
