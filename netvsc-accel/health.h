/* SPDX-License-Identifier: GPL-2.0 */
/*
 * devlink.c: the NIC as devlink has it. health.c: what went wrong lately, and whether it is over.
 *
 * Three reporters: tx (a transmit queue stood still), control (the session with the host, and
 * requests to it) and vf (switches of the data path). The driver recovers by itself, whatever
 * devlink is set to; the reporters tell of it, keep what was seen at the time, and let a user have
 * the next attempt now. A kernel without devlink has none of this.
 */
#ifndef HV_NETVSC_ACCEL_HEALTH_H
#define HV_NETVSC_ACCEL_HEALTH_H

#include <linux/kconfig.h>

#include "stats.h"

struct devlink;
struct nva_device;
struct nva_health;

#if IS_ENABLED(CONFIG_NET_DEVLINK)

/* devlink.c */
int nva_devlink_create(struct nva_device *dev);
void nva_devlink_stop(struct nva_device *dev);
void nva_devlink_destroy(struct nva_device *dev);

/* health.c */
extern const size_t nva_health_size;
int nva_health_create(struct nva_health *health, struct nva_device *dev, struct devlink *devlink);
struct nva_device *nva_health_device(const struct nva_health *health);
void nva_health_stop(struct nva_health *health);
void nva_health_destroy(struct nva_health *health);
void nva_health_fault(struct nva_device *dev, enum nva_fault why);
void nva_health_kick(struct nva_device *dev);

#else

static inline int nva_devlink_create(struct nva_device *dev)
{
	return 0;
}

static inline void nva_devlink_stop(struct nva_device *dev)
{
}

static inline void nva_devlink_destroy(struct nva_device *dev)
{
}

static inline void nva_health_fault(struct nva_device *dev, enum nva_fault why)
{
}

static inline void nva_health_kick(struct nva_device *dev)
{
}

#endif

#endif
