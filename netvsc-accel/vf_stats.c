// SPDX-License-Identifier: GPL-2.0
/* What ethtool -S and ip -s show of the VF: docs/vf.md explains each. */
#include <linux/math64.h>
#include <linux/ktime.h>

#include "../compat/net_ethtool.h"
#include "device.h"

static const char * const cause[] = {
	[NVA_VF_BY_HOST] = "host",
	[NVA_VF_BY_EJECT] = "eject",
	[NVA_VF_BY_DRIVER] = "driver",
	[NVA_VF_BY_LINK] = "link",
	[NVA_VF_BY_DOWN] = "down",
	[NVA_VF_BY_SESSION] = "session",
	[NVA_VF_BY_SETTING] = "setting",
};

static_assert(ARRAY_SIZE(cause) == NVA_VF_CAUSES);

static const char * const stat[] = {
	"vf_allocated", "vf_serial", "vf_bound", "vf_by_serial", "vf_obstacle", "vf_path",
	"vf_ms_synthetic", "vf_ms_vf", "vf_ms_last", "vf_switches_in", "vf_switches_out",
	"vf_flaps", "vf_held", "vf_tx_packets", "vf_tx_bytes", "vf_tx_queued", "vf_tx_dropped",
	"vf_tx_unfinished", "vf_rx_packets", "vf_rx_bytes",
};

/**
 * nva_vf_clock() - the clock of the times on either path
 *
 * Context: any.
 * Return: nanoseconds since boot, those in suspend included.
 */
u64 nva_vf_clock(void)
{
	return ktime_get_boottime_ns();
}

/**
 * nva_vf_sum() - packets over the VF of all CPUs
 * @dev: NIC
 * @sum: filled in
 *
 * Context: any.
 */
void nva_vf_sum(const struct nva_device *dev, struct nva_vf_counts *sum)
{
	unsigned int start;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct nva_vf_counts *counts = per_cpu_ptr(dev->vf.counts, cpu);
		struct nva_vf_counts one;

		do {
			start = u64_stats_fetch_begin(&counts->syncp);
			one = *counts;
		} while (u64_stats_fetch_retry(&counts->syncp, start));
		sum->rx_packets += one.rx_packets;
		sum->rx_bytes += one.rx_bytes;
		sum->tx_packets += one.tx_packets;
		sum->tx_bytes += one.tx_bytes;
		sum->tx_queued += one.tx_queued;
		sum->tx_dropped += one.tx_dropped;
	}
}

/**
 * nva_vf_stats64() - add what went over the VF to the interface's counters
 * @dev: NIC
 * @sum: increased
 *
 * Context: any.
 */
void nva_vf_stats64(const struct nva_device *dev, struct rtnl_link_stats64 *sum)
{
	struct nva_vf_counts counts;

	nva_vf_sum(dev, &counts);
	sum->rx_packets += counts.rx_packets;
	sum->rx_bytes += counts.rx_bytes;
	sum->tx_packets += counts.tx_packets;
	sum->tx_bytes += counts.tx_bytes;
	sum->tx_dropped += counts.tx_dropped;
}

/**
 * nva_vf_stats_count() - how many values there are
 *
 * Context: any.
 * Return: the number.
 */
int nva_vf_stats_count(void)
{
	return ARRAY_SIZE(stat) + ARRAY_SIZE(cause);
}

/**
 * nva_vf_stats_names() - their names
 * @at: room for nva_vf_stats_count() times ETH_GSTRING_LEN bytes, moved behind them
 *
 * Context: any.
 */
void nva_vf_stats_names(u8 **at)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stat); i++)
		ethtool_puts(at, stat[i]);
	for (i = 0; i < ARRAY_SIZE(cause); i++)
		ethtool_sprintf(at, "vf_cause_%s", cause[i]);
}

/**
 * nva_vf_stats_values() - the values, in the order of their names
 * @dev: NIC
 * @at: room for nva_vf_stats_count() values, moved behind them
 *
 * Context: RTNL.
 */
void nva_vf_stats_values(struct nva_device *dev, u64 **at)
{
	struct nva_vf *v = &dev->vf;
	u64 *to = *at, outs = 0, vf, synthetic, passed;
	struct nva_vf_counts counts;
	const struct net_device *ndev = nva_vf_get(dev);
	enum nva_vf_cause obstacle = ndev ? nva_vf_obstacle(dev, ndev) : NVA_VF_CAUSES;
	unsigned int i;

	nva_vf_sum(dev, &counts);
	spin_lock_bh(&v->lock);
	passed = nva_vf_clock() - v->since;
	vf = v->ns_vf + (v->on ? passed : 0);
	synthetic = v->ns_synthetic + (v->on ? 0 : passed);
	for (i = 0; i < NVA_VF_CAUSES; i++)
		outs += v->outs[i];
	*to++ = READ_ONCE(v->allocated);
	*to++ = READ_ONCE(v->serial);
	*to++ = !!ndev;
	*to++ = v->by_serial;
	*to++ = obstacle == NVA_VF_CAUSES ? 0 : obstacle + 1;
	*to++ = v->on;
	*to++ = div_u64(synthetic, NSEC_PER_MSEC);
	*to++ = div_u64(vf, NSEC_PER_MSEC);
	*to++ = div_u64(v->ns_last, NSEC_PER_MSEC);
	*to++ = v->ins;
	*to++ = outs;
	*to++ = v->outs[NVA_VF_BY_HOST] + v->outs[NVA_VF_BY_EJECT] + v->outs[NVA_VF_BY_DRIVER] +
		v->outs[NVA_VF_BY_LINK];
	*to++ = v->held;
	*to++ = counts.tx_packets;
	*to++ = counts.tx_bytes;
	*to++ = counts.tx_queued;
	*to++ = counts.tx_dropped;
	*to++ = v->tx_unfinished;
	*to++ = counts.rx_packets;
	*to++ = counts.rx_bytes;
	for (i = 0; i < NVA_VF_CAUSES; i++)
		*to++ = v->outs[i];
	spin_unlock_bh(&v->lock);
	*at = to;
}
