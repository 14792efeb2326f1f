// SPDX-License-Identifier: GPL-2.0
/* Counting, and showing what was counted: ip -s, ethtool -S, netdev-genl. */

#include "../compat/net_ethtool.h"
#include "device.h"

struct nva_stat {
	const char *name;
	size_t at;
};

#define POLL_STAT(name) { #name, offsetof(struct hva_poll, name) }
#define TX_STAT(name) { #name, offsetof(struct nva_tx_stats, name) }
#define RX_STAT(name) { #name, offsetof(struct nva_rx_stats, name) }

static const struct nva_stat tx_stat[] = {
	TX_STAT(packets), TX_STAT(bytes), TX_STAT(copied), TX_STAT(direct), TX_STAT(messages),
	TX_STAT(gso_packets), TX_STAT(gso_bytes), TX_STAT(csum), TX_STAT(no_section),
	TX_STAT(linearized), TX_STAT(stop), TX_STAT(wake), TX_STAT(ring_full), TX_STAT(dropped),
	TX_STAT(xdp_sent), TX_STAT(xdp_dropped), TX_STAT(borrowed),
};

static const struct nva_stat rx_stat[] = {
	RX_STAT(packets), RX_STAT(bytes), RX_STAT(multicast), RX_STAT(csum_good),
	RX_STAT(coalesced), RX_STAT(pieces), RX_STAT(messages), RX_STAT(answers),
	RX_STAT(answer_writes), RX_STAT(answer_waits), RX_STAT(tx_completions), RX_STAT(polls),
	RX_STAT(no_memory), RX_STAT(dropped), RX_STAT(xdp_pass), RX_STAT(xdp_drop),
	RX_STAT(xdp_tx), RX_STAT(xdp_redirect), RX_STAT(xdp_aborted), RX_STAT(xdp_errors),
	RX_STAT(xdp_coalesced), RX_STAT(xsk_no_buffer),
	RX_STAT(zero_copy), RX_STAT(zero_copy_bytes), RX_STAT(zero_copy_held),
	RX_STAT(zero_copy_held_most), RX_STAT(zero_copy_bound),
};

static const struct nva_stat poll_stat[] = { POLL_STAT(steady), POLL_STAT(ticks) };

/* By cause: name in ethtool -S, and what is logged when the first of a kind is counted. */
static const struct {
	const char *name;
	const char *text;
} fault[] = {
	[NVA_RX_NOT_NVSP] = { "rx_not_nvsp", "received data without an NVSP RNDIS message" },
	[NVA_RX_BAD_SET] = { "rx_bad_set", "transfer from a buffer never announced" },
	[NVA_RX_BAD_COUNT] = { "rx_bad_count", "transfer claims more ranges than it has" },
	[NVA_RX_OUTSIDE] = { "rx_outside", "transfer range outside the receive buffer" },
	[NVA_RX_SHORT] = { "rx_short", "RNDIS message too short for its headers" },
	[NVA_RX_BAD_LENGTH] = { "rx_bad_length", "RNDIS message longer than its range" },
	[NVA_RX_BAD_TYPE] = { "rx_bad_type", "RNDIS message of an unknown type" },
	[NVA_RX_BAD_DATA] = { "rx_bad_data", "frame outside its RNDIS message" },
	[NVA_RX_BAD_PPI] = { "rx_bad_ppi", "malformed per-packet information" },
	[NVA_RX_BAD_PIECE] = { "rx_bad_piece", "coalesced packet with pieces missing" },
	[NVA_RX_TOO_LONG] = { "rx_too_long", "frame or coalesced packet longer than IP allows" },
	[NVA_RX_RUNT] = { "rx_runt", "frame shorter than an Ethernet header" },
	[NVA_TX_UNKNOWN_ID] = { "tx_unknown_id", "completion of something not under way" },
	[NVA_TX_BAD_COMPLETION] = { "tx_bad_completion", "completion without an NVSP status" },
	[NVA_TX_REFUSED] = { "tx_refused", "host refused a packet" },
	[NVA_CTL_TIMEOUT] = { "ctl_timeout", "host did not answer a request in time" },
	[NVA_CTL_STRAY] = { "ctl_stray", "answer to a request nobody waits for" },
	[NVA_CTL_BAD_ANSWER] = { "ctl_bad_answer", "malformed answer to a request" },
	[NVA_NO_SESSION] = { "no_session", "no session with the host, it is tried again" },
	[NVA_BAD_PACKET_TYPE] = { "bad_packet_type", "VMBus packet of an unknown type" },
	[NVA_BAD_MESSAGE] = { "bad_message", "malformed or unknown NVSP message" },
	[NVA_BAD_SEND_TABLE] = { "bad_send_table", "malformed send indirection table" },
	[NVA_BAD_SUBCHANNEL] = { "bad_subchannel", "sub-channel unasked, twice or missing" },
	[NVA_BAD_INDICATION] = { "bad_indication", "malformed status indication" },
	[NVA_RING_BROKEN] = { "ring_broken", "ring indices or framing broken by the host" },
	[NVA_CHANNEL_GONE] = { "channel_gone", "channel revoked under a running session" },
	[NVA_TX_TIMEOUT] = { "tx_timeout", "transmit queue stuck" },
	[NVA_VF_UNANSWERED] = { "vf_unanswered", "host did not confirm a switch of the data path" },
	[NVA_SHARED_LEAK] = { "shared_leak", "memory kept that the host did not give back" },
};

static_assert(ARRAY_SIZE(fault) == NVA_FAULTS);

static const char * const device_stat[] = { "sessions", "resets", "vf_messages", "channels" };
static const char * const ring_stat[] = {
	"ring_tx_bad_index", "ring_rx_bad_index", "ring_rx_bad_length", "ring_rx_bad_offset",
	"ring_rx_too_long",
};

/**
 * nva_fault() - count something that went wrong, log the first of its kind
 * @dev: NIC
 * @why: cause
 *
 * Context: any.
 */
void nva_fault(struct nva_device *dev, enum nva_fault why)
{
	atomic64_inc(&dev->stats.fault[why]);
	if (!test_and_set_bit(why, dev->warned) && net_ratelimit())
		netdev_warn(dev->ndev, "%s (counted as %s, logged once)\n", fault[why].text,
			    fault[why].name);
}

/**
 * nva_fault_text() - what went wrong, in words
 * @why: cause, or NVA_FAULTS for none
 *
 * Context: any.
 * Return: them.
 */
const char *nva_fault_text(enum nva_fault why)
{
	return why < NVA_FAULTS ? fault[why].text : "none";
}

/**
 * nva_stats_init() - prepare the counters of a NIC
 * @dev: NIC, zeroed
 *
 * Context: process.
 */
void nva_stats_init(struct nva_device *dev)
{
	unsigned int i;

	for (i = 0; i < NVA_FAULTS; i++)
		atomic64_set(&dev->stats.fault[i], 0);
}

static u64 read_stat(const struct u64_stats_sync *syncp, const void *stats, size_t at)
{
	unsigned int start;
	u64 value;

	do {
		start = u64_stats_fetch_begin(syncp);
		value = *(const u64 *)(stats + at);
	} while (u64_stats_fetch_retry(syncp, start));
	return value;
}

static u64 read_tx(const struct nva_queue *q, size_t at)
{
	return read_stat(&q->tx_stats.syncp, &q->tx_stats, at);
}

static u64 read_rx(const struct nva_queue *q, size_t at)
{
	return read_stat(&q->rx_stats.syncp, &q->rx_stats, at);
}

#define TX(q, name) read_tx(q, offsetof(struct nva_tx_stats, name))
#define RX(q, name) read_rx(q, offsetof(struct nva_rx_stats, name))

/**
 * nva_stats64() - the interface's counters
 * @dev: NIC
 * @sum: filled in
 *
 * Context: any; RCU or RTNL keeps the queues.
 */
void nva_stats64(struct nva_device *dev, struct rtnl_link_stats64 *sum)
{
	enum nva_fault why;
	u32 i;

	for (i = 0; i < READ_ONCE(dev->n_queues); i++) {
		const struct nva_queue *q = dev->queue[i];

		sum->tx_packets += TX(q, packets);
		sum->tx_bytes += TX(q, bytes);
		sum->tx_dropped += TX(q, dropped) + TX(q, xdp_dropped);
		sum->rx_packets += RX(q, packets);
		sum->rx_bytes += RX(q, bytes);
		sum->multicast += RX(q, multicast);
		sum->rx_dropped += RX(q, no_memory) + RX(q, dropped) + RX(q, xdp_coalesced) +
				   RX(q, xsk_no_buffer);
	}
	for (why = NVA_RX_NOT_NVSP; why <= NVA_RX_RUNT; why++)
		sum->rx_errors += atomic64_read(&dev->stats.fault[why]);
	sum->tx_errors += atomic64_read(&dev->stats.fault[NVA_TX_REFUSED]);
	nva_vf_stats64(dev, sum);
}

/**
 * nva_stats_count() - how many values ethtool -S shows
 * @dev: NIC
 *
 * Context: RTNL.
 * Return: the number, constant from probe on.
 */
int nva_stats_count(struct nva_device *dev)
{
	return ARRAY_SIZE(device_stat) + nva_vf_stats_count() + ARRAY_SIZE(ring_stat) +
	       NVA_FAULTS +
	       dev->n_queues * (ARRAY_SIZE(tx_stat) + ARRAY_SIZE(rx_stat) + ARRAY_SIZE(poll_stat));
}

/**
 * nva_stats_names() - names of the values, in nva_stats_values() order
 * @dev: NIC
 * @at: nva_stats_count() times ETH_GSTRING_LEN bytes
 *
 * Context: RTNL.
 */
void nva_stats_names(struct nva_device *dev, u8 *at)
{
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(device_stat); i++)
		ethtool_puts(&at, device_stat[i]);
	nva_vf_stats_names(&at);
	for (i = 0; i < ARRAY_SIZE(ring_stat); i++)
		ethtool_puts(&at, ring_stat[i]);
	for (i = 0; i < NVA_FAULTS; i++)
		ethtool_puts(&at, fault[i].name);
	for (i = 0; i < dev->n_queues; i++) {
		for (j = 0; j < ARRAY_SIZE(tx_stat); j++)
			ethtool_sprintf(&at, "tx_queue_%u_%s", i, tx_stat[j].name);
		for (j = 0; j < ARRAY_SIZE(rx_stat); j++)
			ethtool_sprintf(&at, "rx_queue_%u_%s", i, rx_stat[j].name);
		for (j = 0; j < ARRAY_SIZE(poll_stat); j++)
			ethtool_sprintf(&at, "poll_%u_%s", i, poll_stat[j].name);
	}
}

/* In the order of ring_stat. */
static void add_ring(u64 *sum, const struct hva_channel_stats *ring)
{
	sum[0] += READ_ONCE(ring->tx_bad_index);
	sum[1] += READ_ONCE(ring->rx_bad_index);
	sum[2] += READ_ONCE(ring->rx_bad_length);
	sum[3] += READ_ONCE(ring->rx_bad_offset);
	sum[4] += READ_ONCE(ring->rx_too_long);
}

/**
 * nva_stats_keep() - a channel is closed, its counters stay
 * @dev: NIC
 * @ring: the channel's counters, zero afterwards
 *
 * Context: process, session_lock or sole user.
 */
void nva_stats_keep(struct nva_device *dev, struct hva_channel_stats *ring)
{
	dev->ring_past.tx_bad_index += ring->tx_bad_index;
	dev->ring_past.rx_bad_index += ring->rx_bad_index;
	dev->ring_past.rx_bad_length += ring->rx_bad_length;
	dev->ring_past.rx_bad_offset += ring->rx_bad_offset;
	dev->ring_past.rx_too_long += ring->rx_too_long;
	*ring = (struct hva_channel_stats) {};
}

/**
 * nva_stats_values() - the values
 * @dev: NIC
 * @at: nva_stats_count() values
 *
 * Context: RTNL.
 */
void nva_stats_values(struct nva_device *dev, u64 *at)
{
	u32 i, j;

	*at++ = atomic64_read(&dev->stats.sessions);
	*at++ = atomic64_read(&dev->stats.resets);
	*at++ = atomic64_read(&dev->stats.vf_messages);
	*at++ = READ_ONCE(dev->n_live);
	nva_vf_stats_values(dev, &at);
	for (i = 0; i < ARRAY_SIZE(ring_stat); i++)
		at[i] = 0;
	add_ring(at, &dev->ring_past);
	for (i = 0; i < dev->n_queues; i++)
		add_ring(at, &dev->queue[i]->hc.stats);
	at += ARRAY_SIZE(ring_stat);
	for (i = 0; i < NVA_FAULTS; i++)
		*at++ = atomic64_read(&dev->stats.fault[i]);
	for (i = 0; i < dev->n_queues; i++) {
		const struct nva_queue *q = dev->queue[i];

		for (j = 0; j < ARRAY_SIZE(tx_stat); j++)
			*at++ = read_tx(q, tx_stat[j].at);
		for (j = 0; j < ARRAY_SIZE(rx_stat); j++)
			*at++ = read_rx(q, rx_stat[j].at);
		for (j = 0; j < ARRAY_SIZE(poll_stat); j++)
			*at++ = READ_ONCE(*(const u64 *)((const void *)&q->poll + poll_stat[j].at));
	}
}

static void queue_stats_rx(struct net_device *ndev, int i, struct netdev_queue_stats_rx *stats)
{
	struct nva_device *dev = netdev_priv(ndev);
	const struct nva_queue *q = dev->queue[i];

	stats->packets = RX(q, packets);
	stats->bytes = RX(q, bytes);
	stats->alloc_fail = RX(q, no_memory);
	stats->csum_unnecessary = RX(q, csum_good);
	stats->hw_gro_packets = RX(q, coalesced);
	stats->hw_gro_wire_packets = RX(q, pieces);
}

static void queue_stats_tx(struct net_device *ndev, int i, struct netdev_queue_stats_tx *stats)
{
	struct nva_device *dev = netdev_priv(ndev);
	const struct nva_queue *q = dev->queue[i];

	stats->packets = TX(q, packets);
	stats->bytes = TX(q, bytes);
	stats->needs_csum = TX(q, csum);
	stats->hw_gso_packets = TX(q, gso_packets);
	stats->hw_gso_bytes = TX(q, gso_bytes);
	stats->stop = TX(q, stop);
	stats->wake = TX(q, wake);
}

/* What queues beyond the current number of channels counted in an earlier session. */
static void base_stats(struct net_device *ndev, struct netdev_queue_stats_rx *rx,
		       struct netdev_queue_stats_tx *tx)
{
	struct nva_device *dev = netdev_priv(ndev);
	u32 i;

	rx->packets = 0;
	rx->bytes = 0;
	rx->alloc_fail = 0;
	rx->csum_unnecessary = 0;
	rx->hw_gro_packets = 0;
	rx->hw_gro_wire_packets = 0;
	tx->packets = 0;
	tx->bytes = 0;
	tx->needs_csum = 0;
	tx->hw_gso_packets = 0;
	tx->hw_gso_bytes = 0;
	tx->stop = 0;
	tx->wake = 0;
	for (i = ndev->real_num_rx_queues; i < dev->n_queues; i++) {
		struct netdev_queue_stats_rx more_rx;
		struct netdev_queue_stats_tx more_tx;

		queue_stats_rx(ndev, i, &more_rx);
		queue_stats_tx(ndev, i, &more_tx);
		rx->packets += more_rx.packets;
		rx->bytes += more_rx.bytes;
		rx->alloc_fail += more_rx.alloc_fail;
		rx->csum_unnecessary += more_rx.csum_unnecessary;
		rx->hw_gro_packets += more_rx.hw_gro_packets;
		rx->hw_gro_wire_packets += more_rx.hw_gro_wire_packets;
		tx->packets += more_tx.packets;
		tx->bytes += more_tx.bytes;
		tx->needs_csum += more_tx.needs_csum;
		tx->hw_gso_packets += more_tx.hw_gso_packets;
		tx->hw_gso_bytes += more_tx.hw_gso_bytes;
		tx->stop += more_tx.stop;
		tx->wake += more_tx.wake;
	}
}

static const struct netdev_stat_ops stat_ops = {
	.get_queue_stats_rx = queue_stats_rx,
	.get_queue_stats_tx = queue_stats_tx,
	.get_base_stats = base_stats,
};

/**
 * nva_stats_register() - offer the per-queue counters to netdev-genl, where the kernel has it
 * @dev: NIC, not yet registered
 *
 * Context: process.
 */
void nva_stats_register(struct nva_device *dev)
{
	netdev_stat_ops_set(dev->ndev, &stat_ops);
}
