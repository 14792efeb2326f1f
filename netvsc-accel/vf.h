/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VF of a NIC: an interface of another driver on the same network, which the host can have
 * receive in place of the synthetic one.
 *
 * vf.c finds the VF and binds it below the NIC, vf_path.c moves packets and the data path,
 * vf_settings.c has the VF follow the NIC's settings and keep its own, vf_stats.c counts.
 */
#ifndef HV_NETVSC_ACCEL_VF_H
#define HV_NETVSC_ACCEL_VF_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/spinlock.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>

/* What nva_vf_select_queue() returns while packets do not go over the VF. */
#define NVA_VF_NO_QUEUE		0xffffu
/*
 * How long the end of a VF that still works waits for the host, under RTNL: real ones confirm
 * within milliseconds. One that does not is asked again later, without RTNL.
 */
#define NVA_VF_AWAY_DEADLINE	(2 * HZ)

struct netdev_bpf;
struct nva_device;
struct nva_queue;
struct pci_dev;
struct xdp_frame;

/* Why the VF was left. vf_stats.c has their names. */
enum nva_vf_cause {
	NVA_VF_BY_HOST,		/* the host takes the VF back */
	NVA_VF_BY_EJECT,	/* its PCI function went */
	NVA_VF_BY_DRIVER,	/* its driver let go of it, or took its interface out of service */
	NVA_VF_BY_LINK,		/* it has no carrier */
	NVA_VF_BY_DOWN,		/* VF or NIC was set down */
	NVA_VF_BY_SESSION,	/* the session with the host ended */
	NVA_VF_BY_SETTING,	/* it cannot do what the NIC is set to */
	NVA_VF_CAUSES,
};

/* Which request for the data path went without an answer, and matters still. */
enum nva_vf_unanswered {
	NVA_VF_ALL_ANSWERED,
	NVA_VF_IN_UNANSWERED,
	NVA_VF_OUT_UNANSWERED,
};

/**
 * struct nva_vf_counts - packets over the VF, of one CPU
 * @syncp: guards the 64-bit values on 32-bit machines
 * @rx_packets: from the VF
 * @rx_bytes: of these
 * @tx_packets: to the VF
 * @tx_bytes: of these
 * @tx_queued: of @tx_packets, by the VF's own qdisc
 * @tx_dropped: not sent: the VF's qdisc full, or what the VF cannot send
 */
struct nva_vf_counts {
	struct u64_stats_sync syncp;
	u64 rx_packets;
	u64 rx_bytes;
	u64 tx_packets;
	u64 tx_bytes;
	u64 tx_queued;
	u64 tx_dropped;
};

struct nva_vf_settings;

/**
 * struct nva_vf - what a NIC knows of its VF
 * @on: packets are sent over the VF; @lock
 * @plain: packets that suit the NIC suit the VF; @lock
 * @ndev: the VF, or NULL; RTNL
 * @counts: packets over the VF
 *
 * @entry: in the list of NICs; RTNL
 * @fresh: the VF is not set up yet; RTNL
 * @settle_at: jiffies when it is; RTNL
 * @no_xdp: the VF does not take the NIC's program; RTNL
 * @promisc: the VF was made promiscuous for the NIC; RTNL
 * @allmulti: likewise, for all multicast; RTNL
 * @xdp: the VF was given the NIC's program; RTNL
 * @by_serial: it was found by its serial number, not by its address; RTNL
 * @pdev: its PCI function, a reference; RTNL
 * @judge_at: jiffies when it shows what became of @pdev; RTNL
 * @tx_base: packets that its driver had counted as sent when it was bound; RTNL
 * @tx_given: packets given to VFs until then; RTNL
 * @settings: of the last VF, for the next; RTNL
 * @work: sets the VF up and moves the data path to and fro
 *
 * @allocated: the host has a VF for this NIC; NAPI
 * @serial: number of its slot; NAPI
 *
 * @switch_lock: one request for the data path at a time; @host_on, @unanswered
 * @leaving: those who want the host to deliver to the synthetic path, for whom a request for the
 * VF does not wait any longer
 * @host_on: the host may deliver to the VF
 * @unanswered: the last request of which kind the host did not confirm
 *
 * @lock: what follows, and moving queues to the VF and away
 * @epoch: counts what makes the answer to an older request for the data path stale
 * @since: when the path changed, or the NIC came
 * @ns_vf: on the VF until @since
 * @ns_synthetic: likewise
 * @ns_last: the last time without the VF between two times with it
 * @ins: moves to the VF
 * @outs: moves away, by cause
 * @cause: of the last
 * @left: it has been on the VF before
 * @unsure: whether the last one was an eject or the driver's doing shows later
 * @tx_unfinished: packets that VFs had not sent when they went
 * @held: returns that were held down
 * @level: flaps that followed one another closely
 * @flapped: jiffies of the last
 * @not_before: jiffies before which the path does not return
 * @waiting: @not_before is to be heeded
 */
struct nva_vf {
	/* read mostly, by the data path */
	bool on;
	bool plain;
	struct net_device __rcu *ndev;
	struct nva_vf_counts __percpu *counts;

	/* binding */
	struct list_head entry;
	bool fresh;
	bool no_xdp;
	bool promisc;
	bool allmulti;
	bool xdp;
	bool by_serial;
	struct pci_dev *pdev;
	unsigned long settle_at;
	unsigned long judge_at;
	u64 tx_base;
	u64 tx_given;
	struct nva_vf_settings *settings;
	struct delayed_work work;

	/* association */
	bool allocated;
	u32 serial;

	/* the host's side of the path */
	struct mutex switch_lock; /* one request at a time */
	atomic_t leaving;
	bool host_on;
	enum nva_vf_unanswered unanswered;

	/* our side, and its history */
	spinlock_t lock; /* what follows */
	u32 epoch;
	u64 since;
	u64 ns_vf;
	u64 ns_synthetic;
	u64 ns_last;
	u64 ins;
	u64 outs[NVA_VF_CAUSES];
	enum nva_vf_cause cause;
	bool left;
	bool unsure;
	u64 tx_unfinished;
	u64 held;
	u32 level;
	unsigned long flapped;
	unsigned long not_before;
	bool waiting;
};

/* vf.c: finding, binding, the NIC's operations that concern the VF */
int nva_vf_register(void);
void nva_vf_unregister(void);
int nva_vf_init(struct nva_device *dev);
void nva_vf_destroy(struct nva_device *dev);
void nva_vf_start(struct nva_device *dev);
void nva_vf_stop(struct nva_device *dev);
void nva_vf_association(struct nva_device *dev, const void *message, u32 length);
void nva_vf_session_ended(struct nva_device *dev);
void nva_vf_kick(struct nva_device *dev);
void nva_vf_nic_up(struct nva_device *dev);
void nva_vf_nic_down(struct nva_device *dev);
enum nva_vf_cause nva_vf_obstacle(struct nva_device *dev, const struct net_device *vf);
struct net_device *nva_vf_get(const struct nva_device *dev);
bool nva_vf_well(const struct nva_device *dev);
void nva_vf_retry(struct nva_device *dev);

/* vf_path.c: packets, and which way they go */
bool nva_vf_usable(const struct net_device *vf);
netdev_tx_t nva_vf_xmit(struct sk_buff *skb, struct net_device *ndev, struct net_device *vf);
u16 nva_vf_select_queue(struct nva_device *dev, struct sk_buff *skb);
rx_handler_result_t nva_vf_receive(struct sk_buff **pskb);
int nva_vf_xdp_xmit(struct net_device *ndev, int n, struct xdp_frame **frames, u32 flags);
void nva_vf_compare(struct nva_device *dev, const struct net_device *vf);
bool nva_vf_enter(struct nva_device *dev, struct net_device *vf, u32 epoch);
bool nva_vf_leave(struct nva_device *dev, enum nva_vf_cause why);
void nva_vf_gone(struct nva_device *dev);
void nva_vf_judge(struct nva_device *dev, bool stayed);
void nva_vf_away(struct nva_device *dev, struct net_device *vf, enum nva_vf_cause why);
int nva_vf_ask(struct nva_device *dev, bool vf, unsigned long deadline);
void nva_vf_hold(struct nva_device *dev, unsigned long delay);
unsigned long nva_vf_held(struct nva_device *dev);
void nva_vf_at_once(struct nva_device *dev);

/* vf_settings.c: what NIC and VF are set to */
void nva_vf_settle(struct nva_device *dev, struct net_device *vf);
void nva_vf_unsettle(struct nva_device *dev, struct net_device *vf);
void nva_vf_affinity(struct nva_device *dev);
void nva_vf_forget(struct nva_device *dev);
void nva_vf_save(struct nva_device *dev, struct net_device *vf);
int nva_vf_bpf(struct net_device *ndev, struct netdev_bpf *bpf);
int nva_vf_change_mtu(struct nva_device *dev, int mtu);
int nva_vf_mac(struct nva_device *dev, const u8 *address);
void nva_vf_rx_mode(struct nva_device *dev);
void nva_vf_rx_flags(struct net_device *ndev, int change);

/* vf_stats.c: counting */
u64 nva_vf_clock(void);
void nva_vf_sum(const struct nva_device *dev, struct nva_vf_counts *sum);
void nva_vf_stats64(const struct nva_device *dev, struct rtnl_link_stats64 *sum);
int nva_vf_stats_count(void);
void nva_vf_stats_names(u8 **at);
void nva_vf_stats_values(struct nva_device *dev, u64 **at);

#endif
