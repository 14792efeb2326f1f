/* SPDX-License-Identifier: GPL-2.0 */
/*
 * High-resolution timers on older kernels.
 */
#ifndef _HVACCEL_COMPAT_HRTIMER_H
#define _HVACCEL_COMPAT_HRTIMER_H

#include <linux/hrtimer.h>

#include "generated/have.h"

#ifndef HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock_id, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock_id, mode);
	timer->function = function;
}
#endif

#endif /* _HVACCEL_COMPAT_HRTIMER_H */
