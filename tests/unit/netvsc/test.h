/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cases and checks of netvsc-test. A failed check ends the program: what follows would build on
 * it.
 */
#ifndef _UNIT_NETVSC_TEST_H
#define _UNIT_NETVSC_TEST_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/types.h>

#define check(condition) do {							\
	if (!(condition)) {							\
		fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, \
			__func__, #condition);					\
		exit(1);							\
	}									\
} while (0)

#define check_is(got, want) do {						\
	uint64_t got_ = (got), want_ = (want);					\
										\
	if (got_ != want_) {							\
		fprintf(stderr, "%s:%d: %s: %s is %" PRIu64 ", not %" PRIu64 "\n", \
			__FILE__, __LINE__, __func__, #got, got_, want_);	\
		exit(1);							\
	}									\
} while (0)

/* Called after each word that the parser read from shared memory; NULL: the host keeps still. */
extern void (*host_moves)(void);
/* Allocations that succeed before one fails; negative: none fails. */
extern int allocations_left;
extern int allocations_alive;

/* Repeatable random numbers. */
uint32_t dice(void);
void dice_seed(uint64_t seed);

void test_rndis(void);
void test_slots(void);
void test_race(void);

#endif
