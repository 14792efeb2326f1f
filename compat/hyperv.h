/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMBus drivers on older kernels.
 */
#ifndef _HVACCEL_COMPAT_HYPERV_H
#define _HVACCEL_COMPAT_HYPERV_H

#include <linux/hyperv.h>

#include "generated/have.h"

/*
 * hv_remove_callback(name, dev) opens the definition of a driver's remove callback. It returns
 * nothing; up to 6.2 the bus wants an int that it ignores.
 */
#ifdef HAVE_HV_DRIVER_REMOVE_VOID
#define hv_remove_callback(name, dev) static void name(struct hv_device *dev)
#else
#define hv_remove_callback(name, dev)			\
	static void name##_void(struct hv_device *dev);	\
	static int name(struct hv_device *dev)		\
	{						\
		name##_void(dev);			\
		return 0;				\
	}						\
	static void name##_void(struct hv_device *dev)
#endif

#endif /* _HVACCEL_COMPAT_HYPERV_H */
