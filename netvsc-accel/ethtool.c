// SPDX-License-Identifier: GPL-2.0
/* What ethtool shows and sets. */
#include "../compat/net_ethtool.h"
#include "device.h"

/* Fewer sections than this leave no room for a burst. */
#define SECTIONS_MIN		16u

/* OID_LINK_SPEED counts in units of 100 bit/s. */
#define LINK_UNITS_A_MBIT	10000u

static void get_drvinfo(struct net_device *ndev, struct ethtool_drvinfo *info)
{
	const struct nva_device *dev = netdev_priv(ndev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->version, HVACCEL_VERSION, sizeof(info->version));
	snprintf(info->fw_version, sizeof(info->fw_version), "NVSP %u.%u", dev->version >> 16,
		 dev->version & 0xffff);
}

static u32 get_msglevel(struct net_device *ndev)
{
	const struct nva_device *dev = netdev_priv(ndev);

	return dev->msg_enable;
}

static void set_msglevel(struct net_device *ndev, u32 level)
{
	struct nva_device *dev = netdev_priv(ndev);

	dev->msg_enable = level;
}

static int get_link_ksettings(struct net_device *ndev, struct ethtool_link_ksettings *settings)
{
	const struct nva_device *dev = netdev_priv(ndev);
	u32 speed = READ_ONCE(dev->link_speed) / LINK_UNITS_A_MBIT;

	settings->base.speed = speed ?: SPEED_UNKNOWN;
	settings->base.duplex = DUPLEX_FULL;
	settings->base.port = PORT_OTHER;
	return 0;
}

static void get_channels(struct net_device *ndev, struct ethtool_channels *channels)
{
	const struct nva_device *dev = netdev_priv(ndev);

	channels->max_combined = dev->n_queues;
	channels->combined_count = dev->n_live;
}

static int set_channels(struct net_device *ndev, struct ethtool_channels *channels)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct nva_config want = dev->want;

	if (channels->rx_count || channels->tx_count || channels->other_count)
		return -EINVAL;
	if (!channels->combined_count || channels->combined_count > dev->n_queues)
		return -EINVAL;
	want.channels = channels->combined_count;
	return nva_reconfigure(dev, &want);
}

static void get_ringparam(struct net_device *ndev, struct ethtool_ringparam *ring,
			  struct kernel_ethtool_ringparam *kernel_ring,
			  struct netlink_ext_ack *extack)
{
	const struct nva_device *dev = netdev_priv(ndev);
	/* a new session may change them meanwhile */
	u32 recv_section = READ_ONCE(dev->recv_section);
	u32 send_section = READ_ONCE(dev->send_section);

	if (!recv_section || !send_section)
		return;
	ring->rx_pending = dev->recv_sections;
	ring->tx_pending = dev->send_sections;
	ring->rx_max_pending = (dev->version <= NVSP_VERSION_2 ? NVSP_RECV_BUF_MAX_V2 :
								 NVSP_RECV_BUF_MAX) /
			       recv_section;
	ring->tx_max_pending = NVSP_SEND_BUF_MAX / send_section;
}

/*
 * The rings are the sections of the receive and of the send buffer; VMBus's own are a module
 * parameter.
 */
static int set_ringparam(struct net_device *ndev, struct ethtool_ringparam *ring,
			 struct kernel_ethtool_ringparam *kernel_ring,
			 struct netlink_ext_ack *extack)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct nva_config want = dev->want;

	if (!dev->recv_section || !dev->send_section)
		return -ENETDOWN;
	if (ring->rx_pending < SECTIONS_MIN || ring->tx_pending < SECTIONS_MIN) {
		NL_SET_ERR_MSG(extack, "at least 16 sections each");
		return -EINVAL;
	}
	if (ring->rx_pending != dev->recv_sections)
		want.recv_bytes = ring->rx_pending * dev->recv_section;
	if (ring->tx_pending != dev->send_sections)
		want.send_bytes = ring->tx_pending * dev->send_section;
	if (!memcmp(&want, &dev->want, sizeof(want)))
		return 0;
	return nva_reconfigure(dev, &want);
}

/*
 * rx-usecs: how long the interrupt may stay masked under load before somebody looks, both
 * directions share it. adaptive-rx: it begins short and grows up to there. tx-frames: packets that
 * may gather for one doorbell then.
 */
static int get_coalesce(struct net_device *ndev, struct ethtool_coalesce *coalesce,
			struct kernel_ethtool_coalesce *kernel_coalesce,
			struct netlink_ext_ack *extack)
{
	const struct nva_device *dev = netdev_priv(ndev);

	coalesce->rx_coalesce_usecs = dev->poll_usecs;
	coalesce->use_adaptive_rx_coalesce = dev->poll_adaptive;
	coalesce->tx_max_coalesced_frames = dev->tx_frames;
	return 0;
}

static int set_coalesce(struct net_device *ndev, struct ethtool_coalesce *coalesce,
			struct kernel_ethtool_coalesce *kernel_coalesce,
			struct netlink_ext_ack *extack)
{
	struct nva_device *dev = netdev_priv(ndev);
	u32 usecs = coalesce->rx_coalesce_usecs, frames = coalesce->tx_max_coalesced_frames, i;

	if (usecs && (usecs < HVA_POLL_MIN_US || usecs > HVA_POLL_MAX_US)) {
		NL_SET_ERR_MSG(extack, "rx-usecs: 0 (never keep it masked), or 64 to 1000");
		return -EINVAL;
	}
	if (!frames || frames > NVA_TX_FRAMES_MAX) {
		NL_SET_ERR_MSG(extack, "tx-frames: 1 (a doorbell for each packet) to 256");
		return -EINVAL;
	}
	dev->poll_usecs = usecs;
	dev->poll_adaptive = coalesce->use_adaptive_rx_coalesce;
	WRITE_ONCE(dev->tx_frames, frames);
	for (i = 0; i < dev->n_queues; i++)
		hva_poll_set(&dev->queue[i]->poll, dev->poll_adaptive, usecs);
	return 0;
}

/* Flags that are ours alone, by bit. */
static const char * const priv_flag[] = { "rx-zero-copy" };

#define FLAG_ZERO_COPY		BIT(0)

static u32 get_priv_flags(struct net_device *ndev)
{
	const struct nva_device *dev = netdev_priv(ndev);

	return dev->config.zero_copy ? FLAG_ZERO_COPY : 0;
}

static int set_priv_flags(struct net_device *ndev, u32 flags)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct nva_config want = dev->want;
	int err;

	want.zero_copy = !!(flags & FLAG_ZERO_COPY);
	if (want.zero_copy == dev->config.zero_copy && want.zero_copy == dev->want.zero_copy)
		return 0;
	if (!dev->session_up)
		return -ENETDOWN;
	if (want.zero_copy && !nva_zc_possible(dev->queue[0])) {
		netdev_warn(ndev, "no zero copy where packets are copied out of the ring first, as in confidential VMs\n");
		return -EOPNOTSUPP;
	}
	err = nva_reconfigure(dev, &want);
	if (err || dev->config.zero_copy == want.zero_copy)
		return err;
	spin_lock(&dev->want_lock);
	dev->want.zero_copy = 0;
	spin_unlock(&dev->want_lock);
	return -ENOMEM;
}

static int get_sset_count(struct net_device *ndev, int set)
{
	switch (set) {
	case ETH_SS_STATS:
		return nva_stats_count(netdev_priv(ndev));
	case ETH_SS_PRIV_FLAGS:
		return ARRAY_SIZE(priv_flag);
	default:
		return -EOPNOTSUPP;
	}
}

static void get_strings(struct net_device *ndev, u32 set, u8 *data)
{
	u32 i;

	switch (set) {
	case ETH_SS_STATS:
		nva_stats_names(netdev_priv(ndev), data);
		break;
	case ETH_SS_PRIV_FLAGS:
		for (i = 0; i < ARRAY_SIZE(priv_flag); i++)
			ethtool_puts(&data, priv_flag[i]);
		break;
	}
}

static void get_ethtool_stats(struct net_device *ndev, struct ethtool_stats *stats, u64 *data)
{
	nva_stats_values(netdev_priv(ndev), data);
}

static u32 get_rx_ring_count(struct net_device *ndev)
{
	return ndev->real_num_rx_queues;
}

/* What nva_rss_apply() asks for: TCP over addresses and ports, everything else over addresses. */
static int get_rxfh_fields(struct net_device *ndev, struct ethtool_rxfh_fields *fields)
{
	switch (fields->flow_type) {
	case TCP_V4_FLOW:
	case TCP_V6_FLOW:
		fields->data = RXH_IP_SRC | RXH_IP_DST | RXH_L4_B_0_1 | RXH_L4_B_2_3;
		return 0;
	case UDP_V4_FLOW:
	case UDP_V6_FLOW:
	case IPV4_FLOW:
	case IPV6_FLOW:
		fields->data = RXH_IP_SRC | RXH_IP_DST;
		return 0;
	default:
		fields->data = 0;
		return 0;
	}
}

static u32 get_rxfh_key_size(struct net_device *ndev)
{
	return NDIS_RSS_KEY_SIZE;
}

static u32 get_rxfh_indir_size(struct net_device *ndev)
{
	const struct nva_device *dev = netdev_priv(ndev);

	return dev->rss_size;
}

static int get_rxfh(struct net_device *ndev, struct ethtool_rxfh_param *rxfh)
{
	const struct nva_device *dev = netdev_priv(ndev);

	rxfh->hfunc = ETH_RSS_HASH_TOP;
	if (rxfh->indir)
		memcpy(rxfh->indir, dev->rss_table, dev->rss_size * sizeof(*rxfh->indir));
	if (rxfh->key)
		memcpy(rxfh->key, dev->rss_key, sizeof(dev->rss_key));
	return 0;
}

static int set_rxfh(struct net_device *ndev, struct ethtool_rxfh_param *rxfh,
		    struct netlink_ext_ack *extack)
{
	struct nva_device *dev = netdev_priv(ndev);
	const u32 *table = rxfh->indir ?: dev->rss_table;
	const u8 *key = rxfh->key ?: dev->rss_key;
	u32 i;
	int err;

	if (rxfh->hfunc != ETH_RSS_HASH_NO_CHANGE && rxfh->hfunc != ETH_RSS_HASH_TOP)
		return -EOPNOTSUPP;
	if (!dev->session_up || !dev->rss_size || dev->n_live < 2)
		return -EOPNOTSUPP;
	for (i = 0; rxfh->indir && i < dev->rss_size; i++)
		if (table[i] >= dev->n_live)
			return -EINVAL;
	err = nva_rss_apply(dev, key, table);
	if (err) {
		NL_SET_ERR_MSG(extack, "host refused key or table");
		nva_rss_apply(dev, dev->rss_key, dev->rss_table);
		return err;
	}
	if (rxfh->key)
		memcpy(dev->rss_key, key, sizeof(dev->rss_key));
	if (rxfh->indir) {
		memcpy(dev->rss_table, table, dev->rss_size * sizeof(*table));
		dev->rss_user = true;
	}
	return 0;
}

rxfh_callbacks(get_rxfh, set_rxfh)
rxfh_fields_callbacks(get_rxfh_fields, get_rx_ring_count)

static int get_tunable(struct net_device *ndev, const struct ethtool_tunable *tunable, void *data)
{
	const struct nva_device *dev = netdev_priv(ndev);

	if (tunable->id != ETHTOOL_TX_COPYBREAK)
		return -EOPNOTSUPP;
	*(u32 *)data = dev->tx_copybreak;
	return 0;
}

static int set_tunable(struct net_device *ndev, const struct ethtool_tunable *tunable,
		       const void *data)
{
	struct nva_device *dev = netdev_priv(ndev);
	u32 value = *(const u32 *)data, i;

	if (tunable->id != ETHTOOL_TX_COPYBREAK)
		return -EOPNOTSUPP;
	if (value > NVA_TX_COPYBREAK_MAX)
		return -EINVAL;
	dev->tx_copybreak = value;
	for (i = 0; dev->session_up && i < dev->n_live; i++)
		nva_tx_copy_max(dev->queue[i]);
	return 0;
}

const struct ethtool_ops nva_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_RX_USECS | ETHTOOL_COALESCE_USE_ADAPTIVE_RX |
				     ETHTOOL_COALESCE_TX_MAX_FRAMES,
	.get_drvinfo = get_drvinfo,
	.get_msglevel = get_msglevel,
	.set_msglevel = set_msglevel,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = get_link_ksettings,
	.get_channels = get_channels,
	.set_channels = set_channels,
	.get_ringparam = get_ringparam,
	.set_ringparam = set_ringparam,
	.get_priv_flags = get_priv_flags,
	.set_priv_flags = set_priv_flags,
	.get_coalesce = get_coalesce,
	.set_coalesce = set_coalesce,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_ethtool_stats,
	.get_rxfh_key_size = get_rxfh_key_size,
	.get_rxfh_indir_size = get_rxfh_indir_size,
	rxfh_operations(get_rxfh, set_rxfh),
	rxfh_fields_operations(get_rxfh_fields, get_rx_ring_count),
	.get_ts_info = ethtool_op_get_ts_info,
	.get_tunable = get_tunable,
	.set_tunable = set_tunable,
};
