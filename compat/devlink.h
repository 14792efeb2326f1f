/* SPDX-License-Identifier: GPL-2.0 */
/*
 * devlink on older kernels. Where the functions that compose a message still return an error (up to
 * 6.6), it is that memory ran out, and the message ends there.
 */
#ifndef _HVACCEL_COMPAT_DEVLINK_H
#define _HVACCEL_COMPAT_DEVLINK_H

#include <net/devlink.h>

#include "generated/have.h"

/* devlink_info_driver(req, name): the core says it by itself since 6.2. */
#ifdef HAVE_DEVLINK_INFO_DRIVER_NAME
#define devlink_info_driver(req, name) 0
#else
#define devlink_info_driver(req, name) devlink_info_driver_name_put(req, name)
#endif

/*
 * devlink_health_reporter_new(devlink, ops, priv): a reporter that reports every fault; since 6.18
 * how long it keeps quiet after one is in its operations.
 */
#ifdef HAVE_DEVLINK_DEFAULT_GRACEFUL_PERIOD
#define devlink_health_reporter_new(devlink, ops, priv) \
	devlink_health_reporter_create(devlink, ops, priv)
#else
#define devlink_health_reporter_new(devlink, ops, priv) \
	devlink_health_reporter_create(devlink, ops, 0, priv)
#endif

#endif /* _HVACCEL_COMPAT_DEVLINK_H */
