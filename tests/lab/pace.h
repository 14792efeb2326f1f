/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pace.h: how fast the host serves one direction of one channel (pace.c), the same for every NIC.
 *
 * The model is a token bucket. A frame costs a token; tokens come at the rate given, and up to
 * PACE_BURST of them wait for frames. Where there is none, the channel is served again once
 * PACE_QUANTUM have come, and to the guest the host is busy until then: no doorbell is wanted.
 *
 * Time is loop_guest_ns(): what the host's thread runs itself is not in it. A host of its own
 * processor is the model, and in counted mode thread and guest share one, where a thread that needs
 * longer for a frame than the rate allows would never be held back.
 */
#ifndef HVLAB_PACE_H
#define HVLAB_PACE_H

#include <stdint.h>

#include "loop.h"

#define PACE_BURST   64u
#define PACE_QUANTUM 32u

/**
 * struct pace - one direction of one channel; embedded in its user's own
 * @resume: called in the loop when there is room again after pace_room() returned 0
 */
struct pace {
	void (*resume)(struct pace *pace);
	/* private: */
	struct loop *loop;
	struct loop_timer timer;
	uint64_t pps;
	int64_t credit; /* tokens, in units of 1 / NSEC_PER_SEC; below 0 is owed */
	uint64_t last_ns;
};

/**
 * pace_init() - set up before use
 * @pace: to be set up
 * @loop: which serves the channel; everything else happens in its thread
 * @pps: frames a second; 0 = no limit
 * @resume: see struct pace
 */
void pace_init(struct pace *pace, struct loop *loop, uint64_t pps,
	       void (*resume)(struct pace *pace));

/**
 * pace_room() - how many frames may be served now
 * @pace: the direction
 * @want: most that the caller would serve, at least 1
 *
 * Return: 1 to @want, or 0: stop, @resume will be called.
 */
unsigned int pace_room(struct pace *pace, unsigned int want);

/**
 * pace_spend() - frames have been served
 * @pace: the direction
 * @n: how many; more than pace_room() said are owed
 */
void pace_spend(struct pace *pace, unsigned int n);

#endif
