/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's objects: one struct nva_device a NIC, one struct nva_queue a channel.
 *
 * Lifetimes. Device and queues live from probe to remove. A *session* is one conversation with the
 * host on open channels; it comes and goes underneath (MTU, ring and channel changes, recovery),
 * and no wait of the bus in it happens under RTNL. What belongs to a session is written only by
 * session.c and what it calls, while the queues are dead: not live, stopped, without packets under
 * way.
 *
 * Locks, in the order in which they nest:
 *	session_lock	one session change at a time; never taken under RTNL
 *	RTNL		settings, attaching a session to the stack, binding a VF
 *	vf.switch_lock	one request for the data path at a time
 *	ctl.lock	one request to the host at a time; each has a deadline
 *	vf.lock		which path packets take
 *	tx lock		of the queue: the transmit side of struct nva_queue
 *	want_lock, sc_lock, ctl.guard	what is written beside them; nothing nests in these
 */
#ifndef HV_NETVSC_ACCEL_DEVICE_H
#define HV_NETVSC_ACCEL_DEVICE_H

#include <linux/completion.h>
#include <linux/etherdevice.h>
#include <linux/hyperv.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/timer.h>
#include <linux/u64_stats_sync.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <hv_vmbus_accel.h>
#include <hv_vmbus_poll.h>

#include "../compat/net_device.h"
#include "ctl.h"
#include "health.h"
#include "nvsp.h"
#include "rndis_parse.h"
#include "stats.h"
#include "txslots.h"
#include "vf.h"
#include "xdp.h"
#include "zerocopy.h"

#define NVA_CHANNELS_MAX	64
#define NVA_MTU_MAX		9000
/* Shortest section of a buffer that can hold anything useful. */
#define NVA_SECTION_MIN		256

/* How long an answer of the host is waited for. Real ones take milliseconds. */
#define NVA_CTL_DEADLINE	(5 * HZ)
/* How long a session's end waits for the host to complete packets before it closes regardless. */
#define NVA_DRAIN_DEADLINE	(2 * HZ)

/*
 * How often a queue looks for room in the ring that the host does not announce, and how long the
 * host may not be told of receive completions.
 */
#define NVA_STALL_PERIOD	(HZ / 100 ?: 1)

/* VMBus packets under way on a queue. */
#define NVA_TX_SLOTS		1024
/*
 * Send sections under way that keep a host busy while their queue waits: longer than the longest
 * poll period.
 */
#define NVA_DEEP_SECTIONS	128u
/* RNDIS header and four records of per-packet information, rounded so that none crosses a page. */
#define NVA_TX_HEADER		128
#define NVA_TX_HEADERS_A_PAGE	(PAGE_SIZE / NVA_TX_HEADER)
/* Ranges of a GPA-direct packet that hosts are known to take. */
#define NVA_TX_RANGES		32
/* Ranges of a packet received: a frame of 64 KiB that was coalesced from the smallest ones. */
#define NVA_RX_RANGES		562
/* Frames up to this are copied: all of an ordinary MTU. */
#define NVA_TX_COPYBREAK	2048
#define NVA_TX_COPYBREAK_MAX	65536
/*
 * Under load, copied packets that wait for one doorbell: four sections of what hosts take in one.
 */
#define NVA_TX_FRAMES		32
#define NVA_TX_FRAMES_MAX	256
/* Longest time that the interrupt stays masked before somebody looks. */
#define NVA_POLL_USECS		256
/* Receive completions that may wait for room in the ring. */
#define NVA_RX_OWED		1024u
/* Sections given back that the host is not told of; fewer where sections are few. */
#define NVA_RX_QUIET		512u
/* So many packets in a poll are load. */
#define NVA_RX_BULK		16

/* Features that follow what the host can do. */
#define NVA_HOST_FEATURES	(NETIF_F_SG | NETIF_F_RXCSUM | NETIF_F_RXHASH |			\
				 NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM |				\
				 NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_LRO)

struct nva_device;

/**
 * struct nva_pieces - a packet that the host put together, being collected
 * @skb: what has come, or NULL
 * @skip: pass over the rest of a packet that was dropped
 * @count: pieces so far
 * @first_length: bytes of the first
 * @info: what the first said about the packet
 */
struct nva_pieces {
	struct sk_buff *skb;
	bool skip;
	u32 count;
	u32 first_length;
	struct rndis_rx info;
};

/**
 * struct nva_tail - where the next bytes of a packet of several fragments go
 * @skb: the packet, or the last one in its list of fragments
 * @room: bytes behind its last fragment that are ours to write
 * @keep: what is long enough stays in the receive buffer, see nva_zc_append()
 * @kept: something of it does
 */
struct nva_tail {
	struct sk_buff *skb;
	u32 room;
	bool keep;
	bool kept;
};

/**
 * struct nva_cut - a block of pages that packet buffers are cut from
 * @page: its first page, or NULL
 * @pool: that it is of
 * @at: the next piece
 * @left: bytes from there on
 * @pieces: cut off so far, each with a reference of its own
 */
struct nva_cut {
	struct page *page;
	struct page_pool *pool;
	u8 *at;
	u32 left;
	u32 pieces;
};

/**
 * struct nva_queue - one channel with its receive and transmit queue
 * @dev: NIC
 * @ndev: its interface
 * @txq: the stack's transmit queue
 * @index: queue number, and sub-channel index of the channel
 * @live: data may flow, see nva_queue_ready()
 * @open: the channel is open and NAPI enabled
 * @recv_size: bytes of the receive buffer, 0 while there is none; session
 * @send_section: bytes of a section of the send buffer; session
 * @copy_max: longest RNDIS message that is copied; RTNL
 * @max_ranges: ranges the host takes in a packet; session
 * @batch_max: RNDIS messages the host takes in one packet; session
 * @batch_align: alignment of each; session
 * @recv_buf: receive buffer; session
 * @send_buf: send buffer, of all queues; session
 * @headers: RNDIS headers of packets sent by reference, NVA_TX_HEADER bytes a slot, pages as they
 *	     are needed; session, tx lock
 * @pool: receive pages; session
 * @cut_pool: blocks that @cut is one of; session
 * @hc: the channel; session
 * @open_slot: copied packets gather in its section while the stack announces more; tx lock
 * @vf: packets go over this VF, or NULL; tx lock
 * @open_used: bytes of that section in use; tx lock
 * @open_last: where the last message in it starts; tx lock
 * @open_at: start of that section; tx lock
 * @quiet: packets taken since the host was last told; tx lock
 * @lender: queue to ask for sections first; tx lock
 * @borrow_vain: jiffies when none had any to spare, 0 for never; tx lock
 * @xdp_seen: frames of XDP when sections last ran out; tx lock
 * @slots: packets under way, see txslots.h
 * @tx_stats: counters, written under the tx lock
 * @poll: keeps the interrupt masked under load, see hv_vmbus_poll.h
 * @napi: serves both directions
 * @owed: ring of receive completions to send; NAPI
 * @owed_first: the oldest; NAPI
 * @owed_count: how many; NAPI
 * @pieces: see there; NAPI
 * @tail: see there; NAPI
 * @cut: see there; NAPI
 * @returned: sections given back that the host was not woken for; NAPI
 * @returned_max: so many may be; session
 * @gro_udp: GRO may merge UDP; NAPI
 * @hash_wanted: RNDIS_RX_HAS_HASH if the stack is told of hashes, as of this poll; NAPI
 * @csum_trusted: RNDIS_RXCSUM_* bits that save the stack a checksum, likewise; NAPI
 * @deliver: frames go to the stack; NAPI
 * @udp_wanted: the stack kept the first datagram of this poll; NAPI
 * @udp_count: datagrams in @udp; NAPI
 * @udp: they gather for the stack; empty between polls; NAPI
 * @xdp: see there
 * @zc: see there
 * @rx_stats: counters, written by NAPI
 * @cpu: which the channel interrupted when it was opened; session
 * @stall: polls while the host frees no room in the ring and says nothing
 */
struct nva_queue {
	/* read mostly, by both directions */
	struct nva_device *dev;
	struct net_device *ndev;
	struct netdev_queue *txq;
	u16 index;
	bool live;
	bool open;
	u32 recv_size;
	u32 send_section;
	u32 copy_max;
	u32 max_ranges;
	u32 batch_max;
	u32 batch_align;
	u8 *recv_buf;
	u8 *send_buf;
	struct page **headers;
	struct page_pool *pool;
	struct page_pool *cut_pool;

	/* channel: members of both directions, each written by one */
	struct hva_channel hc ____cacheline_aligned_in_smp;

	/* transmit, under the tx lock; @slots ends with a line of the completer's own */
	struct nva_slot *open_slot ____cacheline_aligned_in_smp;
	struct net_device *vf;
	u8 *open_at;
	u32 open_used;
	u32 open_last;
	u32 quiet;
	u32 lender;
	u32 borrow_vain;
	u64 xdp_seen;
	struct nva_tx_stats tx_stats;
	struct nva_slots slots;

	struct hva_poll poll;

	/* NAPI */
	struct napi_struct napi ____cacheline_aligned_in_smp;
	struct hva_answer *owed;
	u32 owed_first;
	u32 owed_count;
	struct nva_pieces pieces;
	struct nva_tail tail;
	struct nva_cut cut;
	u32 returned;
	u32 returned_max;
	bool gro_udp;
	u8 hash_wanted;
	u32 csum_trusted;
	bool deliver;
	bool udp_wanted;
	u32 udp_count;
	struct list_head udp;
	struct nva_xdp xdp;
	struct nva_zc zc;
	struct nva_rx_stats rx_stats;

	/* cold */
	u32 cpu;
	struct timer_list stall;
};

/**
 * struct nva_config - settings of a session
 * @channels: channels, the primary one included
 * @recv_bytes: receive buffer
 * @send_bytes: send buffer of all channels
 * @mtu: frames up to this, without Ethernet header
 * @zero_copy: long pieces of frames stay in the receive buffer, 0 or 1
 */
struct nva_config {
	u32 channels;
	u32 recv_bytes;
	u32 send_bytes;
	u32 mtu;
	u32 zero_copy;
};

/**
 * struct nva_buffer - memory shared with the host by a GPADL
 * @at: start, virtually contiguous
 * @size: bytes, whole pages
 * @chunks: as vmbus_alloc_buffer() gave them
 * @n_chunks: their number
 * @pages: what it is made of instead, see nva_zc_buffer(); or NULL
 * @n_pages: their number
 * @gpadl: handle
 * @announced: the host was told, and is to be told before it is taken away
 */
struct nva_buffer {
	u8 *at;
	u32 size;
	struct page **chunks;
	u32 n_chunks;
	struct page **pages;
	u32 n_pages;
	struct vmbus_gpadl gpadl;
	bool announced;
};

/* Is a change of session waited for? See nva_reconfigure(). */
enum nva_change {
	NVA_CHANGE_NONE,
	NVA_CHANGE_WAITED,
	NVA_CHANGE_DONE,
};

/**
 * struct nva_device - one NIC, private part of its net_device
 * @ndev: the stack's object
 * @hdev: the bus's object
 * @chan: primary channel
 * @queue: queues, the first @n_queues exist
 * @n_queues: fixed from probe on
 * @n_live: channels of the session
 * @n_channels_max: channels the host would give; session
 * @csum_udp4: the host completes UDP checksums, IPv4; session
 * @csum_udp6: likewise, IPv6; session
 * @tx_restricted: the host's send table leaves channels out; NAPI
 * @tx_table: the host's send table; NAPI
 * @host_features: what the host can do, of NVA_HOST_FEATURES; session
 * @msg_enable: ethtool's message level
 * @registered: the interface exists
 * @removing: no session comes any more
 *
 * @session_lock: see above
 * @session_up: there is a session; session_lock
 * @config: what it got; session
 * @good: what was asked of the last session that came up; session
 * @reset_work: ends the session and begins the next
 * @reset_attempts: since when it has not held, for the back-off
 * @reset_healthy: jiffies when the session came up
 * @reset_due: a new session is to come
 * @suspended: no session comes until the machine is awake; session_lock
 * @want_lock: @want, @want_change, @frozen and writing NVA_CHANGE_WAITED to @change
 * @want: settings asked for
 * @want_change: counts the askers
 * @frozen: queues must not become live
 * @change: enum nva_change
 * @change_done: completed when @change becomes NVA_CHANGE_DONE
 * @change_error: how it ended
 *
 * @ctl: requests to the host
 * @version: NVSP version; session
 * @ndis: NDIS version that the host was told; session
 * @offload_revision: of the host's offload capabilities, 0 where it has none; session
 * @max_ranges: see struct nva_queue; session
 * @batch_max: see struct nva_queue; session
 * @batch_align: see struct nva_queue; session
 * @ring_bytes: ring of a channel with its control page, one direction; a power of two
 * @recv: receive buffer; session
 * @send: send buffer; session
 * @recv_sections: sections in @recv, as the host made them; session
 * @recv_section: bytes of each; session
 * @recv_mtu: for which the host made them so long; session
 * @zc_sections: of these, kept from the host by zero copy
 * @send_sections: sections in @send, as the host made them; session
 * @send_section: bytes of each; session
 * @rndis_up: RNDIS was initialized; session
 * @tso_max: bytes of a packet for segmentation; session
 * @host_mtu: the host's limit; session
 * @rss_entries: entries of the host's receive table; session
 * @mac: permanent address
 * @name: given by the host's administrator, or empty
 *
 * @sc_lock: the next four
 * @sc_expected: sub-channels up to this index are opened
 * @sc_opening: opens under way
 * @sc_answered: opens that ended
 * @sc_seen: indices offered
 * @sc_wait: woken when an open ends
 *
 * @link_up: as the host said last; NAPI
 * @link_flap: the network behind the link changed; NAPI and @link_work
 * @flap_end: until then it is shown as down, jiffies; @link_work
 * @link_speed: in units of 100 bit/s; NAPI
 * @link_work: tells the stack
 * @filter_work: tells the host what ndo_set_rx_mode() wants
 * @filter: what the host was told; RTNL
 * @tx_copybreak: longest frame that is copied; RTNL
 * @tx_frames: under load the host is told of so many copied packets at once; RTNL
 * @poll_adaptive: see hva_poll_set(); RTNL
 * @poll_usecs: likewise; RTNL
 * @xdp_prog: program of all queues, or NULL; RTNL
 * @rss_size: entries of @rss_table; RTNL
 * @rss_user: the table was given to us, and if it is the user's survives sessions; RTNL
 * @rss_keyed: there is a key; RTNL
 * @rss_key: receive hash key; RTNL
 * @rss_table: channel of each hash; RTNL
 * @vf: see there
 * @health: see there; NULL while nobody can be told
 * @stats: device-wide counters
 * @ring_past: ring counters of closed channels; session
 * @warned: faults logged already
 */
struct nva_device {
	/* read mostly, by the data path */
	struct net_device *ndev;
	struct hv_device *hdev;
	struct vmbus_channel *chan;
	u32 n_queues;
	u32 n_live;
	u32 n_channels_max;
	bool csum_udp4;
	bool csum_udp6;
	bool tx_restricted;
	netdev_features_t host_features;
	u16 tx_table[NVSP_INDIRECTION_COUNT];
	struct nva_queue *queue[NVA_CHANNELS_MAX];
	u32 msg_enable;
	bool registered;
	bool removing;

	/* coming and going of sessions */
	struct mutex session_lock; /* one change at a time */
	bool session_up;
	struct nva_config config;
	struct nva_config good;
	struct delayed_work reset_work;
	u32 reset_attempts;
	unsigned long reset_healthy;
	bool reset_due;
	bool suspended;
	spinlock_t want_lock; /* what is wanted, see above */
	struct nva_config want;
	u32 want_change;
	bool frozen;
	atomic_t change;
	struct completion change_done;
	int change_error;

	/* what was agreed with the host */
	struct nva_ctl ctl;
	u32 version;
	u32 ndis;
	u32 offload_revision;
	u32 max_ranges;
	u32 batch_max;
	u32 batch_align;
	u32 ring_bytes;
	struct nva_buffer recv;
	struct nva_buffer send;
	u32 recv_sections;
	u32 recv_section;
	u32 recv_mtu;
	atomic_t zc_sections;
	u32 send_sections;
	u32 send_section;
	bool rndis_up;
	u32 tso_max;
	u32 host_mtu;
	u32 rss_entries;
	u8 mac[ETH_ALEN];
	char name[256];

	/* sub-channels being opened */
	spinlock_t sc_lock; /* the next four */
	u32 sc_expected;
	u32 sc_opening;
	u32 sc_answered;
	DECLARE_BITMAP(sc_seen, NVA_CHANNELS_MAX + 1);
	wait_queue_head_t sc_wait;

	/* link, filter and settings */
	bool link_up;
	bool link_flap;
	unsigned long flap_end;
	u32 link_speed;
	struct delayed_work link_work;
	struct work_struct filter_work;
	u32 filter;
	u32 tx_copybreak;
	u32 tx_frames;
	u32 poll_usecs;
	bool poll_adaptive;
	struct bpf_prog *xdp_prog;
	u32 rss_size;
	bool rss_user;
	bool rss_keyed;
	u8 rss_key[NDIS_RSS_KEY_SIZE];
	u32 rss_table[NDIS_RSS_TABLE_MAX];

	struct nva_vf vf;
	struct nva_health *health;
	struct nva_device_stats stats;
	struct hva_channel_stats ring_past;
	DECLARE_BITMAP(warned, NVA_FAULTS);
};

/**
 * nva_queue_ready() - may data flow?
 * @q: queue
 *
 * Context: any.
 * Return: true while a session is attached to an interface that is up; what the session set up is
 * visible then.
 */
static inline bool nva_queue_ready(const struct nva_queue *q)
{
	/* pairs with nva_session_start() */
	return smp_load_acquire(&q->live);
}

/* main.c: entry points of the bus and the stack */
extern struct workqueue_struct *nva_wq;
void nva_attach(struct nva_device *dev);
bool nva_is_nic(const struct net_device *ndev);

/* session.c: a conversation with the host from first to last message */
int nva_session_open(struct nva_device *dev, const struct nva_config *config);
void nva_session_close(struct nva_device *dev);
void nva_session_start(struct nva_device *dev);
int nva_reconfigure(struct nva_device *dev, const struct nva_config *want);
void nva_reset(struct nva_device *dev, enum nva_fault why);
void nva_reset_work(struct work_struct *work);
void nva_session_check(struct nva_device *dev);
bool nva_session_well(const struct nva_device *dev);
void nva_session_retry(struct nva_device *dev);
void nva_session_suspend(struct nva_device *dev);
void nva_session_resume(struct nva_device *dev);

/* channel.c: channels, their interrupt and their poll */
int nva_queue_create(struct nva_device *dev, u32 index);
void nva_queue_destroy(struct nva_queue *q);
int nva_channel_open(struct nva_queue *q, struct vmbus_channel *chan);
void nva_channels_close(struct nva_device *dev);
void nva_subchannel(struct vmbus_channel *chan);
void nva_subchannels_expect(struct nva_device *dev, u32 count);
u32 nva_subchannels_wait(struct nva_device *dev, u32 count);
void nva_subchannels_stop(struct nva_device *dev);
bool nva_answer_quietly(struct nva_queue *q, u32 work);
int nva_poll(struct napi_struct *napi, int budget);

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
int nva_rndis_set(struct nva_device *dev, u32 oid, const void *info, u32 length);
int nva_rndis_filter(struct nva_device *dev, u32 filter);
int nva_rndis_offload(struct nva_device *dev, netdev_features_t features);
int nva_rndis_mac(struct nva_device *dev, const u8 *mac);
void nva_rndis_indication(struct nva_device *dev, const void *message, u32 room);

/* rss.c: which channel receives a flow, and which one sends it */
void nva_rss_defaults(struct nva_device *dev, u32 channels);
int nva_rss_apply(struct nva_device *dev, const u8 *key, const u32 *table);
u16 nva_select_queue(struct net_device *ndev, struct sk_buff *skb, struct net_device *sb_dev);
void nva_xps_set(struct nva_device *dev);

/* rx.c: packets of the host */
void nva_rx_buffer(struct nva_queue *q);
int nva_rx_pool_create(struct nva_queue *q, u32 channels);
void nva_rx_pool_destroy(struct nva_queue *q);
void nva_rx_forget(struct nva_queue *q);
u32 nva_rx_packet(struct nva_queue *q, const struct hva_packet *packet);
void nva_rx_begin(struct nva_queue *q);
void nva_rx_end(struct nva_queue *q);
struct sk_buff *nva_rx_skb(struct nva_queue *q, const void *from, u32 length);
struct sk_buff *nva_rx_tail(struct nva_queue *q, struct sk_buff *skb);
void nva_rx_owe(struct nva_queue *q, u64 txid, u32 status, u32 sections);
bool nva_rx_answer(struct nva_queue *q, bool again, bool wait, bool sent);

/* tx.c: packets to the host */
netdev_tx_t nva_synthetic_xmit(struct sk_buff *skb, struct nva_queue *q);
netdev_tx_t nva_xmit(struct sk_buff *skb, struct net_device *ndev);
netdev_features_t nva_features_check(struct sk_buff *skb, struct net_device *ndev,
				     netdev_features_t features);
void nva_tx_complete(struct nva_queue *q, const struct hva_packet *packet, int budget, u32 *packets,
		     u32 *bytes);
void nva_tx_resume(struct nva_queue *q);
void nva_tx_release(struct nva_queue *q);
void nva_tx_flush(struct nva_queue *q);

/* tx_queue.c: the transmit side of a queue as a whole */
int nva_tx_create(struct nva_queue *q, u32 channels);
void nva_tx_destroy(struct nva_queue *q);
void nva_tx_copy_max(struct nva_queue *q);
void nva_tx_failed(struct nva_queue *q, int err);
bool nva_tx_idle(struct nva_queue *q);
void nva_tx_start(struct nva_device *dev);
void nva_tx_stop(struct nva_device *dev);
void nva_tx_timeout(struct net_device *ndev, unsigned int queue);

/* sections.c: lending of send sections */
u32 nva_sections_most(u32 own);
bool nva_sections_borrow(struct nva_queue *q);
bool nva_sections_take(struct nva_queue *q, struct nva_slot *slot);

/* ethtool.c */
extern const struct ethtool_ops nva_ethtool_ops;

#endif
