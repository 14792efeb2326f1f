/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The synthetic NIC, shared by its own files only:
 *	netvsp.c	 the device: options, sessions, control verbs, statistics
 *	nvsp.c		 NVSP messages other than packets
 *	rndis.c		 RNDIS control messages and replies, rndis-oid.c the OIDs
 *	netvsp-tx.c	 guest to backend: rings, send sections, RNDIS packets
 *	netvsp-rx.c	 backend to guest: filters, RSS, transfer page packets
 *	netvsp-section.c who owns which part of the receive buffer
 *	netvsp-vf.c	 its VF, and which of the two receives
 *
 * Threads: each channel's packets are handled in that channel's I/O loop, with netvsp.lock held
 * for reading. Whatever changes the session (control messages, open, close, verbs) holds it for
 * writing. Order of locks: netvsp.lock, vmbus_channel.out_lock, then reply_lock or pool_lock.
 */
#ifndef HVLAB_NETVSP_H
#define HVLAB_NETVSP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "fault.h"
#include "frame.h"
#include "loop.h"
#include "nvsp-wire.h"
#include "offload.h"
#include "pace.h"
#include "rndis-wire.h"
#include "stats.h"
#include "vmbus.h"

struct netvsp_vf;

#define NETVSP_BATCH	       BACKEND_BATCH
#define NETVSP_SEND_SECTION    6144u
#define NETVSP_MAX_CONCAT      8u  /* RNDIS packets in one send, as INITIALIZE tells */
#define NETVSP_ALIGN_LOG2      3u
#define NETVSP_HEADROOM	       256u /* of a receive section: RNDIS header and infos */
#define NETVSP_CONTROL_MAX     4096u /* longest RNDIS control message taken */
#define NETVSP_REPLIES_MAX     256u /* that may wait for room in the guest */
#define NETVSP_FRAGMENTS_MAX   128u /* sections of one coalesced frame */
#define NETVSP_SEND_ALL	       UINT32_MAX /* no channel: the send indirection table names all */
#define NETVSP_MTU_MAX	       9000u
#define NETVSP_NO_FAULT	       FAULT_POINTS /* a reply that no fault can strike */

/**
 * struct netvsp_options - what the command line says of a NIC
 * @ranges: frames in one transfer page packet, at most
 * @tx_csum, @rx_csum, @lso, @rsc, @rss: offered at all
 * @send_table: channel that every entry of the send indirection table names; none when it is not
 *	one of @queues: then the entries name all in turn
 */
struct netvsp_options {
	uint8_t mac[6];
	unsigned int queues;
	uint32_t mtu;
	uint32_t nvsp_max;
	unsigned int ranges;
	unsigned int send_table;
	uint64_t speed_mbps;
	bool tx_csum;
	bool udp_csum;
	bool rx_csum;
	bool lso;
	bool rsc;
	bool rss;
	const char *name;
};

/**
 * struct netvsp_section - one part of the receive buffer
 * @txid: transfer it is lent out with, 0 = ours
 * @next: next section of that transfer, or of the free list; UINT32_MAX ends it
 * @channel: sub-channel index it was lent out on
 * @first: starts a transfer: its index is the low half of @txid
 */
struct netvsp_section {
	uint64_t txid;
	uint32_t next;
	uint16_t channel;
	bool first;
};

/**
 * struct netvsp_recv_buf - receive buffer; @gpadl NULL: none
 * @pool_lock: guards @free, @n_free and links of free sections
 */
struct netvsp_recv_buf {
	struct gpadl *gpadl;
	uint16_t id;
	uint32_t size;
	uint32_t count;
	struct netvsp_section *section;
	pthread_spinlock_t pool_lock;
	uint32_t free;
	uint32_t n_free;
};

/** struct netvsp_send_buf - send buffer; @gpadl NULL: none */
struct netvsp_send_buf {
	struct gpadl *gpadl;
	uint16_t id;
	uint32_t count;
};

/** enum netvsp_reply_kind - how a reply travels */
enum netvsp_reply_kind {
	NETVSP_COMPLETION, /* completes a packet of the guest */
	NETVSP_INBAND,
	NETVSP_RNDIS, /* a control message in a receive section */
};

/** struct netvsp_reply - something for the primary channel that waits for room there */
struct netvsp_reply {
	struct netvsp_reply *next;
	enum netvsp_reply_kind kind;
	uint64_t txid;
	uint32_t len;
	uint8_t bytes[];
};

struct netvsp_channel_stats {
	stat_t tx_sends; /* packets on the ring that carry RNDIS data */
	stat_t tx_packets; /* frames */
	stat_t tx_bytes;
	stat_t tx_in_section; /* sends wholly in a send section, */
	stat_t tx_direct; /* wholly in pages, */
	stat_t tx_mixed; /* in both */
	stat_t tx_ranges; /* GPA ranges */
	stat_t tx_lso;
	stat_t tx_csum;
	stat_t tx_vlan;
	stat_t tx_completions;
	stat_t tx_refused;
	stat_t tx_link_down;
	stat_t rx_packets;
	stat_t rx_bytes;
	stat_t rx_transfers;
	stat_t rx_ranges;
	stat_t rx_rsc;
	stat_t rx_fragments; /* ranges of coalesced frames */
	stat_t rx_copied; /* bytes copied into the receive buffer, headers included */
	stat_t rx_completions;
	stat_t rx_refused; /* completed by the guest with another status than success */
	stat_t rx_stalls;
	stat_t rx_filtered;
	stat_t rx_no_room;
	stat_t rx_too_long;
	stat_t rx_malformed;
};

/**
 * struct netvsp_channel - one queue: a channel when the guest has it open, and a backend queue
 * @ch: NULL while not open; guarded by netvsp.lock
 * @tx: frames of the running batch, @n_tx of them
 * @done: completions owed for it
 * @rx_watched: the backend's fd is in the loop's set; loop only
 * @flush_rx: forget what the backend has held while nothing was received
 * @generation: of transfers, under the channel's out_lock
 */
struct netvsp_channel {
	struct netvsp *dev;
	unsigned int index;
	struct loop *loop;
	struct vmbus_channel *ch;
	unsigned int n_tx;
	unsigned int n_done;
	struct {
		uint64_t txid;
		uint32_t status;
	} done[NETVSP_BATCH];
	uint32_t freed; /* sections given back in this batch: a list */
	uint32_t freed_last;
	uint32_t n_freed;
	struct loop_work tx_work;
	struct loop_work rx_work;
	struct pace tx_pace;
	struct pace rx_pace;
	struct loop_fd rx_fd;
	bool rx_added;
	bool flush_rx;
	bool rx_watched;
	uint32_t generation;
	struct netvsp_channel_stats stats;
	struct frame tx[NETVSP_BATCH];
	struct frame rx[NETVSP_BATCH];
};

/**
 * struct netvsp - one NIC
 * @lock: guards everything below it but replies and counters
 * @nvsp: agreed version, 0 before INIT
 * @mtu: largest frame without the Ethernet header, from NDIS_CONFIG
 * @capabilities: the guest's, from NDIS_CONFIG
 * @initialized: RNDIS INITIALIZE was done
 * @filter: NDIS packet filter, 0 = nothing is received
 * @n_queues: channels that the guest asked for and got
 * @vf: its VF, NULL: none; set before the loops run
 * @rx_stalled: queues that wait for room in the guest, a bit each; atomic
 */
struct netvsp {
	struct vmbus_device v;
	struct vm *vm;
	struct netvsp_options opt;
	struct backend *backend;

	pthread_rwlock_t lock;
	uint32_t nvsp;
	uint32_t mtu;
	uint64_t capabilities;
	struct netvsp_recv_buf recv;
	struct netvsp_send_buf send;
	bool initialized;
	uint32_t filter;
	uint8_t mac[6];
	bool link_up;
	bool rx_csum4, rx_csum6;
	bool rsc4, rsc6;
	unsigned int n_queues;
	struct rss rss;

	struct netvsp_vf *vf;
	stat_t vf_associations;
	stat_t switches_to_vf, switches_to_synthetic, switches_refused;
	uint64_t rx_stalled;
	pthread_mutex_t reply_lock;
	struct netvsp_reply *reply_first;
	struct netvsp_reply *reply_last;
	unsigned int n_replies;
	stat_t sessions;
	stat_t replies_lost;
	stat_t indications;
	stat_t oids;
	struct netvsp_channel *chan[VMBUS_CHANNELS_MAX];
};

extern const struct device_type netvsp_type;

/* netvsp.c */

/** netvsp_can_receive() - is everything there that a received frame needs? Lock held. */
bool netvsp_can_receive(const struct netvsp *dev);

/** netvsp_receive_changed() - have the receive side look again. Any thread. */
void netvsp_receive_changed(struct netvsp *dev);

/** netvsp_set_filter() - what is received from now on. Lock held for writing. */
void netvsp_set_filter(struct netvsp *dev, uint32_t filter);

/** netvsp_session_reset() - forget what the guest's driver had set up. Lock held for writing. */
void netvsp_session_reset(struct netvsp *dev);

/** netvsp_apply_rss() - tell the backend of queues, RSS and offloads. Lock held for writing. */
void netvsp_apply_rss(struct netvsp *dev);

/** netvsp_find() - a NIC by its id, or NULL */
struct netvsp *netvsp_find(const char *id);

/* netvsp-vf.c */

/** netvsp_vf_announce() - RNDIS is initialized: tell the guest of its VF. Lock held for writing. */
void netvsp_vf_announce(struct netvsp *dev);

/** netvsp_vf_session_end() - without a driver the data path is synthetic. Control loop, no lock. */
void netvsp_vf_session_end(struct netvsp *dev);

/**
 * netvsp_vf_switch() - SWITCH_DATA_PATH. Lock held.
 *
 * Return: true: completed when it is done, if @wanted; false: nothing is to be done for it.
 */
bool netvsp_vf_switch(struct netvsp *dev, uint32_t active, uint64_t txid, bool wanted);

/** netvsp_vf_path() - "synthetic" or "vf" */
const char *netvsp_vf_path(const struct netvsp *dev);

/** netvsp_vf_dump() - numbers of the VF and the data path */
void netvsp_vf_dump(struct netvsp *dev, struct json_object *into);

/* nvsp.c */

/**
 * nvsp_handle() - an NVSP message other than SEND_RNDIS_PACKET. Lock held for writing.
 * @nc: where it came
 * @msg, @len: a private copy
 * @txid: its transaction id
 * @wanted: the guest wants a completion
 */
void nvsp_handle(struct netvsp_channel *nc, const void *msg, uint32_t len, uint64_t txid,
		 bool wanted);

/**
 * nvsp_send_table() - send the send indirection table, once the guest has all its channels
 * @dev: lock held
 *
 * When the last one opens, and after RSS is set: Linux fills in a table of its own in between.
 */
void nvsp_send_table(struct netvsp *dev);

/** nvsp_drop_recv_buf() - let go of the receive buffer. Lock held for writing. */
void nvsp_drop_recv_buf(struct netvsp *dev);

/** nvsp_drop_send_buf() - let go of the send buffer. Lock held for writing. */
void nvsp_drop_send_buf(struct netvsp *dev);

/* rndis.c */

/** rndis_control() - an RNDIS control message. Lock held for writing. */
void rndis_control(struct netvsp *dev, const void *msg, uint32_t len);

/**
 * netvsp_reply() - send something on the primary channel, unless a fault has it otherwise
 *
 * Sent at once or as soon as the guest makes room. Lock held.
 */
void netvsp_reply(struct netvsp *dev, enum fault_point point, enum netvsp_reply_kind kind,
		  uint64_t txid, void *msg, uint32_t len);

/** netvsp_flush() - send waiting replies as far as there is room. Lock held. */
void netvsp_flush(struct netvsp *dev);

/** netvsp_drop_replies() - forget waiting replies */
void netvsp_drop_replies(struct netvsp *dev);

/** rndis_indicate_link() - tell the guest that the link is up or down. Lock held. */
void rndis_indicate_link(struct netvsp *dev);

/** rndis_indicate_change() - tell the guest of another network behind the link. Lock held. */
void rndis_indicate_change(struct netvsp *dev);

/* rndis-oid.c */

/**
 * rndis_query() - answer an OID query
 * @in, @in_len: what the guest sent along
 * @out: room for NETVSP_CONTROL_MAX / 2 bytes
 * @out_len: receives the answer's length
 *
 * Return: RNDIS status.
 */
uint32_t rndis_query(struct netvsp *dev, uint32_t oid, const uint8_t *in, uint32_t in_len,
		     uint8_t *out, uint32_t *out_len);

/** rndis_set() - an OID set. Return: RNDIS status. */
uint32_t rndis_set(struct netvsp *dev, uint32_t oid, const uint8_t *in, uint32_t in_len);

/* netvsp-section.c; all with the lock held */

/** sections_init() - cut the receive buffer up. Lock held for writing. */
void sections_init(struct netvsp_recv_buf *recv);

/** sections_take() - take up to @n free sections into @index. Return: how many. */
uint32_t sections_take(struct netvsp_recv_buf *recv, uint32_t *index, uint32_t n);

/** sections_give() - give back sections that were not lent out */
void sections_give(struct netvsp_recv_buf *recv, const uint32_t *index, uint32_t n);

/**
 * sections_lend() - make @n sections one transfer of channel @nc
 *
 * Return: its transaction id.
 */
uint64_t sections_lend(struct netvsp_channel *nc, const uint32_t *index, uint32_t n);

/**
 * sections_return() - the guest completes transfer @txid on @nc
 *
 * Collected in @nc until sections_flush(). Return: false: nothing of that id is lent out there.
 */
bool sections_return(struct netvsp_channel *nc, uint64_t txid);

/** sections_flush() - put what sections_return() collected on the free list */
void sections_flush(struct netvsp_channel *nc);

/* netvsp-tx.c */

/** netvsp_tx_run() - take the guest's packets until there are none. In the channel's loop. */
void netvsp_tx_run(struct netvsp_channel *nc);

/* netvsp-rx.c */

/** netvsp_rx_run() - hand the backend's frames to the guest. In the queue's loop. */
void netvsp_rx_run(struct netvsp_channel *nc);

/** netvsp_rx_ready() - struct loop_fd.ready of a queue */
void netvsp_rx_ready(struct loop_fd *lfd, uint32_t events);

/**
 * netvsp_send_rndis() - put a control message into the guest. Lock and out_lock held, batch begun.
 *
 * Return: false when there is no room or no section.
 */
bool netvsp_send_rndis(struct netvsp_channel *nc, const void *msg, uint32_t len);

#endif
