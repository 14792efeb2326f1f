/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XDP on older kernels.
 */
#ifndef _HVACCEL_COMPAT_NET_XDP_H
#define _HVACCEL_COMPAT_NET_XDP_H

#include <linux/filter.h>
#include <linux/netdevice.h>
#include <net/xdp.h>
#include <net/xdp_sock_drv.h>

#include "generated/have.h"

/* xdp_features_set(ndev, NETDEV_XDP_ACT_*) before registration; since 6.3. */
#ifdef HAVE_XDP_FEATURES
#define xdp_features_set(ndev, features) ((ndev)->xdp_features = (features))
#else
#define xdp_features_set(ndev, features) do { } while (0)
#endif

/*
 * xdp_metadata_callbacks(name, hash, vlan) defines the functions that programs may ask for what the
 * host said about a frame, xdp_metadata_set(ndev, &name) offers them. Since 6.3, VLAN since 6.8.
 */
#ifdef HAVE_XDP_METADATA
#ifdef HAVE_XDP_METADATA_VLAN
#define xdp_metadata_callbacks(name, hash, vlan)		\
	static const struct xdp_metadata_ops name = {		\
		.xmo_rx_hash = hash, .xmo_rx_vlan_tag = vlan,	\
	}
#else
#define xdp_metadata_callbacks(name, hash, vlan)		\
	static const struct xdp_metadata_ops name = {		\
		.xmo_rx_hash = hash,				\
	};							\
	static_assert(__same_type(&(vlan), int (*)(const struct xdp_md *, __be16 *, u16 *)))
#endif
#define xdp_metadata_set(ndev, ops) ((ndev)->xdp_metadata_ops = (ops))
#define XDP_HAS_METADATA 1
#define xdp_check_chunk_room(type) XSK_CHECK_PRIV_TYPE(type)
#else
#define XDP_HAS_METADATA 0
#define xdp_check_chunk_room(type) do { } while (0)
enum xdp_rss_hash_type {
	XDP_RSS_TYPE_NONE	= 0,
	XDP_RSS_L3_IPV4		= 1,
	XDP_RSS_L3_IPV6		= 2,
	XDP_RSS_L4		= 8,
	XDP_RSS_L4_TCP		= 16,
};

struct hvaccel_metadata {
	int (*rx_hash)(const struct xdp_md *ctx, u32 *hash, enum xdp_rss_hash_type *type);
	int (*rx_vlan_tag)(const struct xdp_md *ctx, __be16 *proto, u16 *tci);
};

#define xdp_metadata_callbacks(name, hash, vlan)	\
	static const struct hvaccel_metadata name = { hash, vlan }
#define xdp_metadata_set(ndev, ops) ((void)(ops))
#endif

#ifndef HAVE_SKB_FRAG_FILL_PAGE_DESC
static inline void skb_frag_fill_page_desc(skb_frag_t *frag, struct page *page, int at, int size)
{
	__skb_frag_set_page(frag, page);
	skb_frag_off_set(frag, at);
	skb_frag_size_set(frag, size);
}
#endif

/* The flags of a buffer travel whole since 6.18; before, only that one of them. */
#ifndef HAVE_XDP_UPDATE_SKB_FRAGS_INFO
#define xdp_buff_get_skb_flags(xdp) xdp_buff_is_frag_pfmemalloc(xdp)
#define xdp_update_skb_frags_info(skb, n, size, truesize, flags) \
	xdp_update_skb_shared_info(skb, n, size, truesize, flags)
#endif

/* What the fragments of a frame take in memory is kept beside their size since 6.18. */
#ifdef HAVE_XDP_FRAGS_TRUESIZE
#define xdp_frags_truesize_set(sinfo, bytes) ((sinfo)->xdp_frags_truesize = (bytes))
#else
#define xdp_frags_truesize_set(sinfo, bytes) do { } while (0)
#endif

#endif /* _HVACCEL_COMPAT_NET_XDP_H */
