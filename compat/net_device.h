/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Network devices, their queues and pages on older kernels.
 */
#ifndef _HVACCEL_COMPAT_NET_DEVICE_H
#define _HVACCEL_COMPAT_NET_DEVICE_H

#include <linux/netdevice.h>
#include <linux/timer.h>
#include <net/netdev_queues.h>

#include "generated/have.h"

#ifdef HAVE_PAGE_POOL_TYPES
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif

/* page_pool_napi(params, napi) lets a pool recycle without a lock from its own NAPI; since 6.4. */
#ifdef HAVE_PAGE_POOL_TYPES
#define page_pool_napi(params, owner) ((params)->napi = (owner))
#else
#define page_pool_napi(params, owner) do { } while (0)
#endif

/* page_pool_owner(params, ndev, queue) names a pool's queue to netdev-genl; since 6.8. */
#ifdef HAVE_PAGE_POOL_QUEUE_IDX
#define page_pool_owner(params, dev, queue)	\
	((params)->netdev = (dev), (params)->queue_idx = (queue))
#else
#define page_pool_owner(params, dev, queue) do { } while (0)
#endif

/*
 * Since 6.6 any pool gives out parts of pages; before, it has to be asked for. References to a page
 * were fragments until 6.8.
 */
#ifndef PP_FLAG_PAGE_FRAG
#define PP_FLAG_PAGE_FRAG 0
#endif
#ifndef HAVE_PAGE_POOL_UNREF
#define page_pool_unref_page(page, nr) page_pool_defrag_page(page, nr)
#define page_pool_put_unrefed_page(pool, page, size, direct) \
	page_pool_put_defragged_page(pool, page, size, direct)
#endif

/* An id and settings that outlive napi_disable(); before, the id did and there were no settings. */
#ifndef HAVE_NETIF_NAPI_ADD_CONFIG
#define netif_napi_add_config(dev, napi, poll, index) netif_napi_add(dev, napi, poll)
#endif

#ifndef HAVE_NETIF_QUEUE_SET_NAPI
enum netdev_queue_type {
	NETDEV_QUEUE_TYPE_RX,
	NETDEV_QUEUE_TYPE_TX,
};

static inline void netif_queue_set_napi(struct net_device *dev, unsigned int queue_index,
					enum netdev_queue_type type, struct napi_struct *napi)
{
}
#endif

/* netdev_stat_ops_set(ndev, ops) offers counters of each queue to netdev-genl; since 6.9. */
#ifdef HAVE_NETDEV_STAT_OPS
#define netdev_stat_ops_set(ndev, ops) ((ndev)->stat_ops = (ops))
#else
struct netdev_queue_stats_rx {
	u64 bytes;
	u64 packets;
	u64 alloc_fail;
	u64 csum_unnecessary;
	u64 hw_gro_packets;
	u64 hw_gro_wire_packets;
};

struct netdev_queue_stats_tx {
	u64 bytes;
	u64 packets;
	u64 needs_csum;
	u64 hw_gso_packets;
	u64 hw_gso_bytes;
	u64 stop;
	u64 wake;
};

struct netdev_stat_ops {
	void (*get_queue_stats_rx)(struct net_device *dev, int idx,
				   struct netdev_queue_stats_rx *stats);
	void (*get_queue_stats_tx)(struct net_device *dev, int idx,
				   struct netdev_queue_stats_tx *stats);
	void (*get_base_stats)(struct net_device *dev, struct netdev_queue_stats_rx *rx,
			       struct netdev_queue_stats_tx *tx);
};

#define netdev_stat_ops_set(ndev, ops) ((void)(ops))
#endif

#ifndef HAVE_TIMER_DELETE
#define timer_delete_sync(timer) del_timer_sync(timer)
#endif

#ifndef HAVE_TIMER_CONTAINER_OF
#define timer_container_of(var, callback_timer, timer_fieldname) \
	from_timer(var, callback_timer, timer_fieldname)
#endif

#endif /* _HVACCEL_COMPAT_NET_DEVICE_H */
