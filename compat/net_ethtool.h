/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ethtool operations on older kernels.
 */
#ifndef _HVACCEL_COMPAT_NET_ETHTOOL_H
#define _HVACCEL_COMPAT_NET_ETHTOOL_H

#include <linux/ethtool.h>

#include "generated/have.h"

#ifndef HAVE_ETHTOOL_PUTS
#define ethtool_puts(data, str) ethtool_sprintf(data, "%s", str)
#endif

/*
 * rxfh_callbacks(get, set) after the definition of the two, and rxfh_operations(get, set) among the
 * initialisers of struct ethtool_ops. Up to 6.7 the core passes what struct ethtool_rxfh_param
 * holds one by one.
 */
#ifdef HAVE_ETHTOOL_RXFH_PARAM
#define rxfh_callbacks(get, set)
#define rxfh_operations(get, set) .get_rxfh = get, .set_rxfh = set
#else
struct ethtool_rxfh_param {
	u8 hfunc;
	u32 indir_size;
	u32 *indir;
	u32 key_size;
	u8 *key;
};

#define rxfh_callbacks(get, set)								\
	static int get##_each(struct net_device *ndev, u32 *indir, u8 *key, u8 *hfunc)		\
	{											\
		struct ethtool_rxfh_param rxfh = { .indir = indir, .key = key };		\
		int err = get(ndev, &rxfh);							\
												\
		if (hfunc)									\
			*hfunc = rxfh.hfunc;							\
		return err;									\
	}											\
	static int set##_each(struct net_device *ndev, const u32 *indir, const u8 *key,	\
			      const u8 hfunc)							\
	{											\
		struct ethtool_rxfh_param rxfh = {						\
			.indir = (u32 *)indir, .key = (u8 *)key, .hfunc = hfunc,		\
		};										\
												\
		return set(ndev, &rxfh, NULL);							\
	}
#define rxfh_operations(get, set) .get_rxfh = get##_each, .set_rxfh = set##_each
#endif

/*
 * rxfh_fields_callbacks(fields, count) and rxfh_fields_operations(fields, count): which header
 * fields a flow type is hashed over, and the number of receive rings. Both came through get_rxnfc()
 * until 6.16 and 6.18.
 */
#ifndef HAVE_ETHTOOL_RXFH_FIELDS
struct ethtool_rxfh_fields {
	u32 data;
	u32 flow_type;
};
#endif

#if defined(HAVE_ETHTOOL_RXFH_FIELDS) && defined(HAVE_ETHTOOL_RX_RING_COUNT)
#define rxfh_fields_callbacks(fields, count)
#define rxfh_fields_operations(fields, count) .get_rxfh_fields = fields, .get_rx_ring_count = count
#else
#define rxfh_fields_callbacks(fields, count)							\
	static int fields##_rxnfc(struct net_device *ndev, struct ethtool_rxnfc *info, u32 *rules) \
	{											\
		struct ethtool_rxfh_fields flow = { .flow_type = info->flow_type };		\
		int err;									\
												\
		if (info->cmd == ETHTOOL_GRXRINGS) {						\
			info->data = count(ndev);						\
			return 0;								\
		}										\
		if (info->cmd != ETHTOOL_GRXFH)							\
			return -EOPNOTSUPP;							\
		err = fields(ndev, &flow);							\
		info->data = flow.data;								\
		return err;									\
	}
#ifdef HAVE_ETHTOOL_RXFH_FIELDS
#define rxfh_fields_operations(fields, count) \
	.get_rxfh_fields = fields, .get_rxnfc = fields##_rxnfc
#else
#define rxfh_fields_operations(fields, count) .get_rxnfc = fields##_rxnfc
#endif
#endif

#endif /* _HVACCEL_COMPAT_NET_ETHTOOL_H */
