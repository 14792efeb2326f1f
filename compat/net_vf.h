/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a driver does with the interface of another one, on older kernels.
 */
#ifndef _HVACCEL_COMPAT_NET_VF_H
#define _HVACCEL_COMPAT_NET_VF_H

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/netdevice.h>

#include "generated/have.h"

/* Interfaces have a lock of their own since 6.15. */
#ifdef HAVE_NETDEV_LOCK
#include <net/netdev_lock.h>
#else
static inline void netdev_lock_ops(struct net_device *dev)
{
}

static inline void netdev_unlock_ops(struct net_device *dev)
{
}
#endif

/* Before 6.2 IFF_SLAVE alone keeps addresses away. */
#ifndef HAVE_IFF_NO_ADDRCONF
#define IFF_NO_ADDRCONF 0
#endif

#ifndef HAVE_DEV_XDP_PROPAGATE
static inline int dev_xdp_propagate(struct net_device *dev, struct netdev_bpf *bpf)
{
	return dev->netdev_ops->ndo_bpf ? dev->netdev_ops->ndo_bpf(dev, bpf) : -EOPNOTSUPP;
}
#endif

/* The address travels in a struct sockaddr_storage since 6.16. */
static inline int dev_set_ether_address(struct net_device *dev, const u8 *address)
{
#ifdef HAVE_DEV_SET_MAC_ADDRESS_STORAGE
	struct sockaddr_storage to = { .ss_family = dev->type };

	memcpy(to.__data, address, ETH_ALEN);
#else
	struct sockaddr to = { .sa_family = dev->type };

	memcpy(to.sa_data, address, ETH_ALEN);
#endif
	return dev_set_mac_address(dev, &to, NULL);
}

/* Does anything of tc or netfilter look at what leaves an interface? */
static inline bool net_device_egress_hooked(const struct net_device *dev)
{
#ifdef CONFIG_NETFILTER_EGRESS
	if (rcu_access_pointer(dev->nf_hooks_egress))
		return true;
#endif
#ifdef HAVE_TCX_EGRESS
#ifdef CONFIG_NET_XGRESS
	return rcu_access_pointer(dev->tcx_egress);
#endif
#elif defined(CONFIG_NET_CLS_ACT)
	return rcu_access_pointer(dev->miniq_egress);
#endif
	return false;
}

/*
 * rxfh_get(dev, rxfh) and rxfh_set(dev, rxfh) call another driver's operations for an RSS table;
 * struct ethtool_rxfh_param is in net_ethtool.h for kernels before 6.8. rxfh_configured(dev, rxfh)
 * lets the core know that the table is its user's.
 */
#ifdef HAVE_ETHTOOL_RXFH_PARAM
#define rxfh_get(dev, rxfh) ((dev)->ethtool_ops->get_rxfh(dev, rxfh))
#define rxfh_set(dev, rxfh) ((dev)->ethtool_ops->set_rxfh(dev, rxfh, NULL))
#else
#define rxfh_get(dev, rxfh) ((dev)->ethtool_ops->get_rxfh(dev, (rxfh)->indir, NULL, NULL))
#define rxfh_set(dev, rxfh) \
	((dev)->ethtool_ops->set_rxfh(dev, (rxfh)->indir, NULL, ETH_RSS_HASH_NO_CHANGE))
#endif

#ifdef HAVE_ETHTOOL_RSS_USER_SIZE
#define rxfh_configured(dev, rxfh) ((dev)->ethtool->rss_indir_user_size = (rxfh)->indir_size)
#else
#define rxfh_configured(dev, rxfh) ((dev)->priv_flags |= IFF_RXFH_CONFIGURED)
#endif

#endif /* _HVACCEL_COMPAT_NET_VF_H */
