// SPDX-License-Identifier: GPL-2.0
/* Which channel receives a flow (the host's hash and our table), and which one sends it. */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/ethtool.h>
#include <linux/topology.h>
#include <net/sch_generic.h>

#include "device.h"

/**
 * nva_rss_defaults() - choose key and table before the host hears of them
 * @dev: NIC, connected
 * @channels: channels of this session
 *
 * A table that the user set is kept as far as it names channels that exist; a user's key is always
 * kept.
 *
 * Context: process, RTNL or before registration.
 */
void nva_rss_defaults(struct nva_device *dev, u32 channels)
{
	/* the core learns of a user's table after set_rxfh(), and of its end */
	bool fits = dev->rss_user && netif_is_rxfh_configured(dev->ndev) &&
		    dev->rss_size == dev->rss_entries;
	u32 i;

	if (!dev->rss_keyed) {
		netdev_rss_key_fill(dev->rss_key, sizeof(dev->rss_key));
		dev->rss_keyed = true;
	}
	for (i = 0; fits && i < dev->rss_size; i++)
		fits = dev->rss_table[i] < channels;
	if (fits)
		return;
	dev->rss_user = false;
	dev->rss_size = dev->rss_entries;
	for (i = 0; i < dev->rss_size; i++)
		dev->rss_table[i] = ethtool_rxfh_indir_default(i, channels);
}

/* The key lies behind the last entry of the table. */
struct rss_request {
	struct ndis_rss_parameters parameters;
	__le32 table[NDIS_RSS_TABLE_MAX];
	u8 room_for_key[NDIS_RSS_KEY_SIZE];
} __packed;

/**
 * nva_rss_apply() - give the host a key and a table
 * @dev: NIC, connected, rss_size entries
 * @key: NDIS_RSS_KEY_SIZE bytes
 * @table: rss_size channel numbers
 *
 * A host changes key and table only while hashing is off, so this switches it off and on.
 *
 * Context: process, RTNL or before registration.
 * Return: as nva_rndis_set(); on error the host's hashing may be off.
 */
int nva_rss_apply(struct nva_device *dev, const u8 *key, const u32 *table)
{
	struct rss_request *info;
	u32 size = dev->rss_size * sizeof(*info->table), i;
	int err;

	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	info->parameters = (struct ndis_rss_parameters) {
		.hdr = {
			.type = NDIS_TYPE_RSS_PARAMETERS,
			.revision = 2,
			.size = cpu_to_le16(sizeof(info->parameters)),
		},
		.flags = cpu_to_le16(NDIS_RSS_DISABLE),
		.hash_info = cpu_to_le32(NDIS_HASH_TOEPLITZ | NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4 |
					 NDIS_HASH_IPV6 | NDIS_HASH_TCP_IPV6),
		.table_size = cpu_to_le16(size),
		.table_offset = cpu_to_le32(sizeof(info->parameters)),
		.key_size = cpu_to_le16(NDIS_RSS_KEY_SIZE),
		.key_offset = cpu_to_le32(sizeof(info->parameters) + size),
	};
	for (i = 0; i < dev->rss_size; i++)
		info->table[i] = cpu_to_le32(table[i]);
	memcpy((u8 *)info->table + size, key, NDIS_RSS_KEY_SIZE);
	size += sizeof(info->parameters) + NDIS_RSS_KEY_SIZE;

	/* a host that has nothing to switch off may refuse the first one */
	err = nva_rndis_set(dev, OID_RSS_PARAMETERS, info, size);
	if (!err || err == -EINVAL) {
		info->parameters.flags = 0;
		err = nva_rndis_set(dev, OID_RSS_PARAMETERS, info, size);
	}
	kfree(info);
	return err;
}

/**
 * nva_select_queue() - ndo_select_queue()
 * @ndev: interface
 * @skb: packet
 * @sb_dev: subordinate device, or NULL
 *
 * While packets go over the VF, its choice. Else the stack's (XPS, the socket's last queue, or a
 * hash over all channels), unless the host's table leaves channels out: then one of those it names.
 *
 * Context: transmit path.
 * Return: queue number, below real_num_tx_queues.
 */
u16 nva_select_queue(struct net_device *ndev, struct sk_buff *skb, struct net_device *sb_dev)
{
	struct nva_device *dev = netdev_priv(ndev);
	u16 queue = nva_vf_select_queue(dev, skb), named;

	if (queue != NVA_VF_NO_QUEUE)
		return queue;
	queue = netdev_pick_tx(ndev, skb, sb_dev);
	/* what waits here while the path moves goes on in order */
	qdisc_skb_cb(skb)->slave_dev_queue_mapping = queue;
	if (likely(!READ_ONCE(dev->tx_restricted)))
		return queue;
	named = READ_ONCE(dev->tx_table[queue % NVSP_INDIRECTION_COUNT]);
	return named < ndev->real_num_tx_queues ? named : queue;
}

/*
 * A socket that receives on a channel sends on it, whatever CPU its reader is on: acknowledgements
 * of one flow that take turns on two channels make a host that steers by the last one (a
 * multi-queue tap does) deliver the flow out of order.
 */
static void set_flows(struct nva_device *dev, u32 n)
{
	u32 i;

	cpus_read_lock();
	for (i = 0; i < n; i++) {
		DECLARE_BITMAP(rx_queue, NVA_CHANNELS_MAX) = {};

		__set_bit(i, rx_queue);
		__netif_set_xps_queue(dev->ndev, rx_queue, i, XPS_RXQS);
	}
	cpus_read_unlock();
}

/**
 * nva_xps_set() - which channel sends: the one a socket receives on, else one near the CPU
 * @dev: NIC with a session
 *
 * Each CPU sends on the channel that interrupts it, or on a near one.
 *
 * CPUs that no channel interrupts are dealt out evenly among the channels of their node, or among
 * all when it has none. The user may change the result in sysfs.
 *
 * Context: process, RTNL.
 */
void nva_xps_set(struct nva_device *dev)
{
	u32 n = dev->n_live, i, next = 0;
	cpumask_var_t *mask;
	unsigned int cpu;

	if (n < 2)
		return;
	mask = kcalloc(n, sizeof(*mask), GFP_KERNEL);
	if (!mask)
		return;
	for (i = 0; i < n; i++)
		if (!zalloc_cpumask_var(&mask[i], GFP_KERNEL))
			goto out;

	for_each_online_cpu(cpu) {
		u32 pick = n, tries;

		for (i = 0; i < n && pick == n; i++)
			if (READ_ONCE(dev->queue[i]->cpu) == cpu)
				pick = i;
		for (tries = 0; tries < n && pick == n; tries++) {
			i = next++ % n;
			if (cpu_to_node(READ_ONCE(dev->queue[i]->cpu)) == cpu_to_node(cpu))
				pick = i;
		}
		cpumask_set_cpu(cpu, mask[pick == n ? next++ % n : pick]);
	}
	for (i = 0; i < n; i++)
		netif_set_xps_queue(dev->ndev, mask[i], i);
	set_flows(dev, n);
out:
	for (i = 0; i < n; i++)
		free_cpumask_var(mask[i]);
	kfree(mask);
}
