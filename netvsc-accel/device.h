/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's objects: one struct nva_device a NIC, one struct nva_queue a channel.
 *
 * Lifetimes. Device and queues live from probe to remove. A *session* is one conversation with the host on open
 * channels; it comes and goes underneath (MTU, ring and channel changes, recovery), and no wait for the host in it
 * happens under RTNL. session.c owns it: everything marked "session" below is written only there, while the queues are
 * dead (@live false, transmit queues stopped, NAPI disabled).
 *
 * Locks, in the order in which they nest:
 *	session_lock	one session change at a time; never taken under RTNL
 *	RTNL		wanted settings, attach to and detach from the stack
 *	ctl.lock	one request to the host at a time; each has a deadline
 *	tx lock		of the queue: the transmit side of struct nva_queue
 *	ctl.guard	the request that waits, between its sender and NAPI
 */
#ifndef HV_NETVSC_ACCEL_DEVICE_H
#define HV_NETVSC_ACCEL_DEVICE_H

#include <linux/completion.h>
#include <linux/etherdevice.h>
#include <linux/hyperv.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>

#include <hv_vmbus_accel.h>

#include "../compat/net_device.h"
#include "nvsp.h"
#include "rndis_wire.h"
#include "stats.h"
#include "txslots.h"

#define NVA_CHANNELS_MAX	64
#define NVA_MTU_MAX		9000

/* Longest wait for an answer of the host before a request fails. Real ones take milliseconds. */
#define NVA_CTL_DEADLINE	(10 * HZ)
/* How long a close waits for the host to complete what it was given, before the channel is closed regardless. */
#define NVA_DRAIN_DEADLINE	(2 * HZ)

/* VMBus packets under way on a queue. */
#define NVA_TX_SLOTS		1024
/* RNDIS header and four per-packet informations, rounded so that none crosses a page. */
#define NVA_TX_HEADER		128
/* Ranges of a GPA-direct packet: the header's, and as many pages as hosts are known to take. */
#define NVA_TX_RANGES		MAX_PAGE_BUFFER_COUNT
/* Receive completions that wait for room in the ring. */
#define NVA_RX_OWED		1024

struct nva_device;

/**
 * struct nva_owed - a receive completion not yet sent
 * @txid: transaction the host waits for
 * @status: NVSP_STATUS_*
 */
struct nva_owed {
	u64 txid;
	u32 status;
};

/**
 * struct nva_queue - one channel with its receive and transmit queue
 *
 * @dev, @ndev, @txq: owners
 * @index: queue number, and sub-channel index of the channel
 * @live: data may flow; session
 * @recv_buf, @recv_size, @recv_section: receive buffer, its bytes, most bytes of one range; session
 * @send_buf, @send_section: this queue's part of the send buffer, bytes of a section; session
 * @first_section: the host's number of this queue's section 0; session
 * @copy_max: packets whose RNDIS message is longer go by GPA-direct; session, and RTNL
 * @max_ranges: ranges the host takes in a packet; session
 * @batch_max, @batch_align: RNDIS packets the host takes in a message, and the alignment of each; session
 * @pool: receive pages; session
 * @hc: the channel; session
 * @napi: enabled while the channel is open
 *
 * @slots: see txslots.h
 * @headers: RNDIS headers of GPA-direct packets, NVA_TX_HEADER bytes a slot
 * @open_slot: copied packets gather here while the stack announces more
 * @open_used: bytes of its section in use
 * @open_last: start of the last RNDIS packet in it
 * @tx_stats: transmit counters, writer under the tx lock
 *
 * @owed: ring of receive completions, @owed_first and @owed_count bound it
 * @pieces: coalesced packet being put together, with the number of pieces and what the first said
 * @rx_stats: counters of the NAPI side, transmit completions included
 * @stall: looks again when the host frees no room in the ring and says nothing
 */
struct nva_queue {
	/* read mostly, both sides */
	struct nva_device *dev;
	struct net_device *ndev;
	struct netdev_queue *txq;
	u16 index;
	bool live;
	u32 recv_size;
	u32 recv_section;
	u32 send_section;
	u32 first_section;
	u32 copy_max;
	u32 max_ranges;
	u32 batch_max;
	u32 batch_align;
	u8 *recv_buf;
	u8 *send_buf;
	struct page **headers;
	struct page_pool *pool;
	bool attached;
	bool napi_on;

	/* ring of the channel: its tx members under outbound.ring_lock, the others the reader's */
	struct hva_channel hc ____cacheline_aligned_in_smp;

	/* transmit side, under the tx lock; the completer's line of @slots keeps to itself */
	struct nva_slot *open_slot ____cacheline_aligned_in_smp;
	u32 open_used;
	u32 open_last;
	struct nva_slots slots;
	struct nva_tx_stats tx_stats;

	/* NAPI side */
	struct napi_struct napi ____cacheline_aligned_in_smp;
	struct nva_owed *owed;
	u32 owed_first;
	u32 owed_count;
	struct {
		struct sk_buff *skb;
		u32 count;
		u32 first_length;
		u32 csum;
	} pieces;
	struct nva_rx_stats rx_stats;

	/* cold */
	struct timer_list stall;
};

/**
 * struct nva_ctl - requests to the host that wait for an answer, one at a time
 * @lock: held over a whole request
 * @page: RNDIS request, read by the host; replaced, and the old one kept in @lost_page, when the host did not say
 *	  that it is done with it
 * @lost_page: freed after the channel is closed
 * @last: id of the last request
 * @open: the channel takes requests; under @guard and session
 * @guard: everything below
 * @txid: transaction that waits for its completion, or 0
 * @request_id: RNDIS request that waits for its reply, or 0
 * @reply_type: what type the reply must have
 * @nvsp_length, @nvsp: completion received
 * @rndis_length, @rndis: reply received
 * @done: nothing is waited for any more
 */
struct nva_ctl {
	struct mutex lock;
	struct page *page;
	struct page *lost_page;
	u32 last;

	spinlock_t guard;
	bool open;
	u64 txid;
	u32 request_id;
	u32 reply_type;
	u32 nvsp_length;
	u32 rndis_length;
	union nvsp_message nvsp;
	u8 rndis[1024] __aligned(8);
	struct completion done;
};

/* Settings of the next session. */
struct nva_config {
	u32 channels;
	u32 recv_sections;
	u32 send_sections;
	u32 mtu;
};

/**
 * struct nva_buffer - memory shared with the host by a GPADL
 * @at: start, virtually contiguous
 * @size: bytes, whole pages
 * @chunks, @n_chunks: as vmbus_alloc_buffer() gave them
 * @gpadl: handle
 * @announced: the host was told and must be told before it is taken away
 */
struct nva_buffer {
	u8 *at;
	u32 size;
	struct page **chunks;
	u32 n_chunks;
	struct vmbus_gpadl gpadl;
	bool announced;
};

/* How a session change that someone waits for ends: see nva_reconfigure(). */
enum nva_reconfig {
	NVA_RECONFIG_NONE,
	NVA_RECONFIG_WAITED,
	NVA_RECONFIG_DONE,
};

/**
 * struct nva_device - one NIC, private part of its net_device
 *
 * @ndev, @hdev, @chan: stack's, bus's object and primary channel
 * @queue: queues; the first @n_queues exist
 * @n_live: channels of the session
 * @n_channels_max: channels the host would give
 * @msg_enable: ethtool's message level
 *
 * @session_lock: see above
 * @session_up: there is a session; under session_lock
 * @removing: no session comes any more
 * @config, @want: settings of the session, and those asked for; @want under RTNL, copied at the start of a change
 * @reset_work, @reset_attempts, @reset_healthy: recovery with back-off
 * @reconfig, @reconfig_done, @reconfig_error: see nva_reconfigure()
 *
 * @version: NVSP version
 * @max_ranges, @batch_max, @batch_align: limits the host told
 * @recv, @send: buffers; @recv_sections, @recv_section and @send_sections, @send_section how the host divided them
 * @sc_mutex: sub-channel offers against the session's end; @sc_open counts opens under way, @sc_wait their end
 * @caps: what the host can offload; @offload the settings it was told
 * @mac: permanent address
 * @host_mtu: the host's limit
 *
 * @link_up, @link_speed: as the host said last, written by NAPI; @link_work tells the stack; @link_flap: the network
 *	behind the link changed
 * @filter_work: packet filter after ndo_set_rx_mode(); @filter: what the host has, ctl.lock
 * @rss_key, @rss_table, @rss_size, @rss_user: receive hash settings, RTNL; a user's table survives sessions
 * @tx_table: the host's send indirection table; @tx_restricted: it leaves channels out
 * @tx_copybreak: longest frame that is copied, RTNL
 * @stats: device-wide counters; @warned: reasons that were logged already
 */
struct nva_device {
	struct net_device *ndev;
	struct hv_device *hdev;
	struct vmbus_channel *chan;
	struct nva_queue *queue[NVA_CHANNELS_MAX];
	u32 n_queues;
	u32 n_live;
	u32 n_channels_max;
	u32 msg_enable;

	struct mutex session_lock;
	bool session_up;
	bool removing;
	struct nva_config config;
	struct nva_config want;
	struct delayed_work reset_work;
	u32 reset_attempts;
	unsigned long reset_healthy;
	atomic_t reconfig;
	struct completion reconfig_done;
	int reconfig_error;

	u32 version;
	u32 max_ranges;
	u32 batch_max;
	u32 batch_align;
	struct nva_buffer recv;
	struct nva_buffer send;
	u32 recv_sections;
	u32 recv_section;
	u32 send_sections;
	u32 send_section;
	u32 ring_bytes;
	struct nva_ctl ctl;

	spinlock_t sc_lock;
	u32 sc_expected;
	u32 sc_opening;
	u32 sc_answered;
	wait_queue_head_t sc_wait;

	struct ndis_offload_parameters offload;
	netdev_features_t host_features;
	u32 tso_max;
	u8 mac[ETH_ALEN];
	u32 host_mtu;
	u32 rss_entries;

	bool link_up;
	u32 link_speed;
	bool link_flap;
	struct delayed_work link_work;
	struct work_struct filter_work;
	u32 filter;

	u8 rss_key[NDIS_RSS_KEY_SIZE];
	u32 rss_table[NDIS_RSS_TABLE_MAX];
	u32 rss_size;
	bool rss_user;

	u16 tx_table[NVSP_INDIRECTION_COUNT];
	bool tx_restricted;
	u32 tx_copybreak;

	struct nva_device_stats stats;
	DECLARE_BITMAP(warned, NVA_FAULTS);
};

/**
 * nva_queue_ready() - may data flow?
 * @q: queue
 *
 * Return: false from the start of a session's end to the end of the next one's start.
 */
static inline bool nva_queue_ready(const struct nva_queue *q)
{
	return READ_ONCE(q->live);
}

/* main.c: the bus's and the stack's entry points */
extern unsigned int nva_ring_kib;
void nva_attach(struct nva_device *dev);

/* session.c: one conversation with the host from its first to its last message */
int nva_session_open(struct nva_device *dev, const struct nva_config *config);
void nva_session_close(struct nva_device *dev);
int nva_reconfigure(struct nva_device *dev, const struct nva_config *want);
void nva_reset(struct nva_device *dev, enum nva_fault why);
void nva_reset_work(struct work_struct *work);

/* channel.c: opening and closing channels, interrupts to NAPI */
int nva_queue_create(struct nva_device *dev, u32 index);
void nva_queue_destroy(struct nva_queue *q);
int nva_channel_open(struct nva_queue *q, struct vmbus_channel *chan);
void nva_channels_close(struct nva_device *dev);
void nva_subchannel(struct vmbus_channel *chan);
int nva_subchannels_wait(struct nva_device *dev, u32 expected);
void nva_subchannels_stop(struct nva_device *dev);
int nva_poll(struct napi_struct *napi, int budget);

/* ctl.c: requests to the host and their answers */
int nva_ctl_init(struct nva_ctl *ctl);
void nva_ctl_destroy(struct nva_ctl *ctl);
void nva_ctl_open(struct nva_device *dev);
void nva_ctl_close(struct nva_device *dev);
void nva_ctl_closed(struct nva_device *dev);
int nva_ctl_notify(struct nva_device *dev, const union nvsp_message *message);
int nva_ctl_request(struct nva_device *dev, const union nvsp_message *message, union nvsp_message *reply, u32 least);
int nva_ctl_rndis(struct nva_device *dev, u32 type, const void *body, u32 length, const void *info, u32 info_length,
		  void *reply, u32 *reply_length);
bool nva_ctl_completion(struct nva_device *dev, const struct hva_packet *packet);
void nva_ctl_reply(struct nva_device *dev, const void *message, u32 length);

/* nvsp.c: version, buffers, sub-channels, messages of the host */
int nva_nvsp_connect(struct nva_device *dev, u32 mtu);
int nva_nvsp_buffers(struct nva_device *dev, const struct nva_config *config);
void nva_nvsp_revoke(struct nva_device *dev);
void nva_nvsp_free(struct nva_device *dev);
int nva_nvsp_subchannels(struct nva_device *dev, u32 want);
void nva_nvsp_receive(struct nva_queue *q, const struct hva_packet *packet);

/* rndis.c: what the NIC is and does */
int nva_rndis_connect(struct nva_device *dev);
void nva_rndis_halt(struct nva_device *dev);
int nva_rndis_filter(struct nva_device *dev, u32 filter);
int nva_rndis_offload(struct nva_device *dev, netdev_features_t features);
int nva_rndis_mac(struct nva_device *dev, const u8 *mac);
void nva_rndis_indication(struct nva_device *dev, const void *message, u32 length, u32 room);

/* rss.c: receive hash and table, and which queue transmits */
void nva_rss_defaults(struct nva_device *dev, u32 channels);
int nva_rss_apply(struct nva_device *dev, u32 channels, const u8 *key, const u32 *table);
u16 nva_select_queue(struct net_device *ndev, struct sk_buff *skb, struct net_device *sb_dev);
void nva_xps_set(struct nva_device *dev);

/* rx.c: packets of the host */
u32 nva_rx_packet(struct nva_queue *q, const struct hva_packet *packet);
int nva_rx_answer(struct nva_queue *q);
void nva_rx_forget(struct nva_queue *q);
int nva_rx_pool_create(struct nva_queue *q);
void nva_rx_pool_destroy(struct nva_queue *q);

/* tx.c: packets to the host */
netdev_tx_t nva_xmit(struct sk_buff *skb, struct net_device *ndev);
netdev_features_t nva_features_check(struct sk_buff *skb, struct net_device *ndev, netdev_features_t features);
int nva_tx_create(struct nva_queue *q);
void nva_tx_destroy(struct nva_queue *q);
void nva_tx_copy_max(struct nva_queue *q);
bool nva_tx_complete(struct nva_queue *q, const struct hva_packet *packet, u32 *packets, u32 *bytes);
void nva_tx_resume(struct nva_queue *q);
bool nva_tx_idle(struct nva_queue *q);
void nva_tx_stop(struct nva_device *dev);
void nva_tx_timeout(struct net_device *ndev, unsigned int queue);

/* ethtool.c */
extern const struct ethtool_ops nva_ethtool_ops;

#endif
