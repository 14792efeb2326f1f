/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters. Those of a queue have one writer each and are read under u64_stats_sync; faults are rare, device-wide and
 * atomic, one counter a cause.
 */
#ifndef HV_NETVSC_ACCEL_STATS_H
#define HV_NETVSC_ACCEL_STATS_H

#include <linux/atomic.h>
#include <linux/types.h>
#include <linux/u64_stats_sync.h>

struct nva_device;
struct rtnl_link_stats64;

/**
 * struct nva_tx_stats - transmit counters of a queue, written under its tx lock
 * @syncp: guards the 64-bit values on 32-bit machines
 * @packets, @bytes: handed to the host or to an open section
 * @copied: packets copied into a send section
 * @direct: packets sent by reference to their pages
 * @messages: VMBus packets that carried them
 * @gso_packets, @gso_bytes: of these, to be segmented by the host
 * @csum: packets whose checksum the host completes
 * @no_section: sent by reference because no section was free
 * @linearized: had more ranges than the host takes
 * @stop, @wake: queue stopped for want of room, and started again
 * @ring_full: a packet did not fit into the ring
 * @dropped: not sent: no memory, checksum impossible, or no session
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
};

/**
 * struct nva_rx_stats - counters of a queue's NAPI
 * @syncp: guards the 64-bit values on 32-bit machines
 * @packets, @bytes: handed to the stack
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
};

/*
 * What a host can do wrong, and what did not work out; X(NAME, name in ethtool -S, text for the log). The text is
 * logged once a device, the counter goes on.
 */
#define NVA_FAULT_LIST(X)								\
	X(RX_NOT_NVSP,		"rx_not_nvsp",		"received data without an NVSP RNDIS message")	\
	X(RX_BAD_SET,		"rx_bad_set",		"transfer from a buffer never announced")	\
	X(RX_BAD_COUNT,		"rx_bad_count",		"transfer claims more ranges than it has")	\
	X(RX_OUTSIDE,		"rx_outside",		"transfer range outside the receive buffer")	\
	X(RX_OVERSIZE,		"rx_oversize",		"transfer range longer than a section")		\
	X(RX_SHORT,		"rx_short",		"RNDIS message too short for its headers")	\
	X(RX_BAD_LENGTH,	"rx_bad_length",	"RNDIS message longer than its range")		\
	X(RX_BAD_TYPE,		"rx_bad_type",		"RNDIS message of an unknown type")		\
	X(RX_BAD_DATA,		"rx_bad_data",		"frame outside its RNDIS message")		\
	X(RX_BAD_PPI,		"rx_bad_ppi",		"malformed per-packet information")		\
	X(RX_BAD_PIECE,		"rx_bad_piece",		"coalesced packet with pieces missing")		\
	X(RX_TOO_LONG,		"rx_too_long",		"coalesced packet longer than can be held")	\
	X(RX_RUNT,		"rx_runt",		"frame shorter than an Ethernet header")	\
	X(TX_UNKNOWN_ID,	"tx_unknown_id",	"completion of a transaction that is not under way")	\
	X(TX_BAD_COMPLETION,	"tx_bad_completion",	"completion without an NVSP status")		\
	X(TX_REFUSED,		"tx_refused",		"host refused a packet")			\
	X(CTL_TIMEOUT,		"ctl_timeout",		"host did not answer a request in time")	\
	X(CTL_STRAY,		"ctl_stray",		"answer to a request nobody waits for")		\
	X(CTL_BAD_ANSWER,	"ctl_bad_answer",	"malformed answer to a request")		\
	X(BAD_PACKET_TYPE,	"bad_packet_type",	"VMBus packet of an unknown type")		\
	X(BAD_MESSAGE,		"bad_message",		"malformed or unknown NVSP message")		\
	X(BAD_SEND_TABLE,	"bad_send_table",	"send indirection table malformed or naming absent channels")	\
	X(BAD_SUBCHANNEL,	"bad_subchannel",	"sub-channel not asked for, or twice, or missing")	\
	X(BAD_INDICATION,	"bad_indication",	"malformed status indication")			\
	X(RING_BROKEN,		"ring_broken",		"ring indices or framing broken by the host")	\
	X(CHANNEL_GONE,		"channel_gone",		"channel revoked under a running session")	\
	X(TX_TIMEOUT,		"tx_timeout",		"transmit queue stuck")				\
	X(SHARED_LEAK,		"shared_leak",		"memory kept because the host did not give it back")

#define NVA_FAULT_ENUM(NAME, name, text) NVA_##NAME,
enum nva_fault {
	NVA_FAULT_LIST(NVA_FAULT_ENUM)
	NVA_FAULTS,
	NVA_NO_FAULT = NVA_FAULTS,
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
void nva_stats_init(struct nva_device *dev);
void nva_stats64(struct nva_device *dev, struct rtnl_link_stats64 *sum);
int nva_stats_count(struct nva_device *dev);
void nva_stats_names(struct nva_device *dev, u8 *at);
void nva_stats_values(struct nva_device *dev, u64 *at);
void nva_stats_register(struct nva_device *dev);

#endif
