/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters. Those of a queue have one writer each and are read under u64_stats_sync; faults are
 * rare, device-wide and atomic, one counter a cause.
 */
#ifndef HV_NETVSC_ACCEL_STATS_H
#define HV_NETVSC_ACCEL_STATS_H

#include <linux/atomic.h>
#include <linux/types.h>
#include <linux/u64_stats_sync.h>

struct hva_channel_stats;
struct nva_device;
struct rtnl_link_stats64;

/**
 * struct nva_tx_stats - transmit counters of a queue, written under its tx lock
 * @syncp: guards the 64-bit values on 32-bit machines
 * @packets: handed to the host
 * @bytes: of these
 * @copied: packets copied into a send section
 * @direct: packets sent by reference to their pages
 * @messages: VMBus packets that carried them
 * @gso_packets: of these, to be segmented by the host
 * @gso_bytes: of those
 * @csum: packets whose checksum the host completes
 * @no_section: sent by reference because no section was free
 * @linearized: had more ranges than the host takes
 * @stop: queue stopped for want of room
 * @wake: queue started again
 * @ring_full: a packet did not fit into the ring
 * @dropped: not sent: no memory, checksum impossible, or no session
 * @xdp_sent: of @packets, frames of XDP programs and AF_XDP sockets
 * @xdp_dropped: such frames not sent for want of room
 * @borrowed: send sections that other queues lent
 */
struct nva_tx_stats {
	struct u64_stats_sync syncp;
	u64 packets;
	u64 bytes;
	u64 copied;
	u64 direct;
	u64 messages;
	u64 gso_packets;
	u64 gso_bytes;
	u64 csum;
	u64 no_section;
	u64 linearized;
	u64 stop;
	u64 wake;
	u64 ring_full;
	u64 dropped;
	u64 xdp_sent;
	u64 xdp_dropped;
	u64 borrowed;
};

/**
 * struct nva_rx_stats - counters of a queue's NAPI
 * @syncp: guards the 64-bit values on 32-bit machines
 * @packets: handed to the stack, or to a program that kept them
 * @bytes: of these
 * @multicast: of these, to a multicast address
 * @csum_good: of these, with a transport checksum the host vouches for
 * @coalesced: packets that the host put together
 * @pieces: out of so many
 * @messages: VMBus packets that carried them
 * @answers: receive completions sent
 * @answer_writes: ring writes that carried them
 * @answer_waits: polls that ended with completions left for want of room
 * @tx_completions: transmit completions taken
 * @polls: NAPI polls
 * @no_memory: packets dropped for want of memory
 * @dropped: packets dropped because the interface was down
 * @xdp_pass: verdicts of programs: to the stack
 * @xdp_drop: dropped
 * @xdp_tx: sent back
 * @xdp_redirect: sent elsewhere
 * @xdp_aborted: aborted, or no verdict at all
 * @xdp_errors: sending back or elsewhere failed
 * @xdp_coalesced: dropped unseen, since the host had put them together
 * @xsk_no_buffer: dropped because the AF_XDP socket gave no buffers
 * @zero_copy: of @packets, those with fragments that stayed in the receive buffer
 * @zero_copy_bytes: in these fragments
 * @zero_copy_held: sections that are kept from the host for them
 * @zero_copy_held_most: the most that ever were
 * @zero_copy_bound: packets of the host that were copied because half of all sections were kept
 */
struct nva_rx_stats {
	struct u64_stats_sync syncp;
	u64 packets;
	u64 bytes;
	u64 multicast;
	u64 csum_good;
	u64 coalesced;
	u64 pieces;
	u64 messages;
	u64 answers;
	u64 answer_writes;
	u64 answer_waits;
	u64 tx_completions;
	u64 polls;
	u64 no_memory;
	u64 dropped;
	u64 xdp_pass;
	u64 xdp_drop;
	u64 xdp_tx;
	u64 xdp_redirect;
	u64 xdp_aborted;
	u64 xdp_errors;
	u64 xdp_coalesced;
	u64 xsk_no_buffer;
	u64 zero_copy;
	u64 zero_copy_bytes;
	u64 zero_copy_held;
	u64 zero_copy_held_most;
	u64 zero_copy_bound;
};

/*
 * What a host can do wrong, and what did not work out. stats.c has their names and what is logged.
 */
enum nva_fault {
	NVA_RX_NOT_NVSP,
	NVA_RX_BAD_SET,
	NVA_RX_BAD_COUNT,
	NVA_RX_OUTSIDE,
	NVA_RX_SHORT,
	NVA_RX_BAD_LENGTH,
	NVA_RX_BAD_TYPE,
	NVA_RX_BAD_DATA,
	NVA_RX_BAD_PPI,
	NVA_RX_BAD_PIECE,
	NVA_RX_TOO_LONG,
	NVA_RX_RUNT,
	NVA_TX_UNKNOWN_ID,
	NVA_TX_BAD_COMPLETION,
	NVA_TX_REFUSED,
	NVA_CTL_TIMEOUT,
	NVA_CTL_STRAY,
	NVA_CTL_BAD_ANSWER,
	NVA_NO_SESSION,
	NVA_BAD_PACKET_TYPE,
	NVA_BAD_MESSAGE,
	NVA_BAD_SEND_TABLE,
	NVA_BAD_SUBCHANNEL,
	NVA_BAD_INDICATION,
	NVA_RING_BROKEN,
	NVA_CHANNEL_GONE,
	NVA_TX_TIMEOUT,
	NVA_VF_UNANSWERED,
	NVA_SHARED_LEAK,
	NVA_FAULTS,
};

/**
 * struct nva_device_stats - counters of a NIC
 * @fault: by cause
 * @sessions: sessions that came up
 * @resets: sessions ended to recover from a fault
 * @vf_messages: VF announcements of the host, taken note of
 */
struct nva_device_stats {
	atomic64_t fault[NVA_FAULTS];
	atomic64_t sessions;
	atomic64_t resets;
	atomic64_t vf_messages;
};

void nva_fault(struct nva_device *dev, enum nva_fault why);
const char *nva_fault_text(enum nva_fault why);
void nva_stats_init(struct nva_device *dev);
void nva_stats_keep(struct nva_device *dev, struct hva_channel_stats *ring);
void nva_stats64(struct nva_device *dev, struct rtnl_link_stats64 *sum);
int nva_stats_count(struct nva_device *dev);
void nva_stats_names(struct nva_device *dev, u8 *at);
void nva_stats_values(struct nva_device *dev, u64 *at);
void nva_stats_register(struct nva_device *dev);

#endif
