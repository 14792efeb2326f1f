/* SPDX-License-Identifier: GPL-2.0 */
/* backend-deliver.h: turn a frame into what a receiver can take (backend-deliver.c). */
#ifndef HVLAB_BACKEND_DELIVER_H
#define HVLAB_BACKEND_DELIVER_H

#include <stdbool.h>

#include "backend.h"

/**
 * backend_deliver() - do for a frame in software what its receiver does not take
 * @f: as it left the guest
 * @features: what the receiver takes, BACKEND_RX_*
 * @push: called for each resulting frame, valid during the call; false = no room
 * @o: handed to @push
 * @s: counts segments, drops and malformed frames
 *
 * Return: true when everything was pushed.
 */
bool backend_deliver(const struct frame *f, unsigned int features,
		     bool (*push)(void *o, const struct frame *f), void *o,
		     struct backend_queue_stats *s);

#endif
