/* SPDX-License-Identifier: GPL-2.0 */
/*
 * frame-ring.h: a bounded queue of frames, bytes included, between threads (frame-ring.c).
 *
 * One flat ring of bytes: many producers, one at a time by a lock they hold for a batch; one
 * consumer, who takes frames in place without the lock. Nothing allocates after frame_rings_new().
 */
#ifndef HVLAB_FRAME_RING_H
#define HVLAB_FRAME_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define FRAME_RING_MIN (2 * (FRAME_LEN_MAX + 256)) /* any frame fits at any place of the ring */

/* struct frame_ring - members are frame-ring.c's own */
struct frame_ring {
	uint8_t *bytes;
	size_t size;
	int fd; /* eventfd for a consumer who sleeps */

	/* producers */
	pthread_mutex_t lock __attribute__((aligned(64)));
	uint64_t write; /* end of what is being put in */
	uint64_t tail_cache; /* tail as last seen: the consumer's line is read only when full */
	uint64_t head; /* published end */

	/* consumer */
	uint64_t tail
		__attribute__((aligned(64))); /* published: all before it may be overwritten */
	uint64_t read; /* end of what was taken, in use until next pull */
	bool slept;

	bool armed __attribute__((aligned(64))); /* consumer wants an event */
};

/**
 * frame_rings_new() - make one empty ring a queue
 * @n: queues
 * @size: bytes of each, at least %FRAME_RING_MIN
 * @rings: set to the rings
 *
 * Return: 0 or a negative errno, with nothing left behind.
 */
int frame_rings_new(unsigned int n, size_t size, struct frame_ring **rings);

/** frame_rings_free() - undo frame_rings_new() */
void frame_rings_free(unsigned int n, struct frame_ring *rings);

/** frame_ring_begin() - producer: start a batch, takes the lock */
void frame_ring_begin(struct frame_ring *r);

/**
 * frame_ring_put() - producer, within a batch: copy a frame in
 * @r: the ring
 * @f: the frame; hash included
 *
 * Return: the frame's bytes in the ring, in one piece, to be edited until frame_ring_end(); NULL
 * when the ring is full.
 */
uint8_t *frame_ring_put(struct frame_ring *r, const struct frame *f);

/** frame_ring_end() - producer: publish the batch, wake the consumer if it sleeps, unlock */
void frame_ring_end(struct frame_ring *r);

/**
 * frame_ring_pull() - consumer: give back what was pulled before and take more
 * @r: the ring
 * @f: filled; bytes valid until the next pull or arm
 * @max: room in @f
 *
 * Return: frames taken.
 */
unsigned int frame_ring_pull(struct frame_ring *r, struct frame *f, unsigned int max);

/**
 * frame_ring_arm() - consumer: about to sleep on the ring's fd
 * @r: the ring
 *
 * Return: true when there are frames already.
 */
bool frame_ring_arm(struct frame_ring *r);

#endif
