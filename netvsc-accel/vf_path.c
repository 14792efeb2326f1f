// SPDX-License-Identifier: GPL-2.0
/*
 * Packets to and from the VF, and moving from one path to the other.
 *
 * Each transmit queue has its own notion of the path, changed under its tx lock: a list of packets
 * that the stack announced as one goes one way whole, and when the queues have been changed nobody
 * is on the old way any more. What comes in is taken on either path at any time, so that what is
 * under way during a switch arrives.
 */
#include <linux/etherdevice.h>
#include <linux/moduleparam.h>
#include <linux/netpoll.h>
#include <linux/rtnetlink.h>
#include <net/pkt_sched.h>
#include <net/sch_generic.h>

#include "../compat/net_vf.h"
#include "device.h"

/* Flaps that follow one another within this are a storm, from the fourth on. */
#define STORM_PERIOD		(60 * HZ)
#define STORM_FLAPS		3
/* An interface that goes was set down no longer before. */
#define GOING_NS		(5 * NSEC_PER_SEC)
/* When the host has confirmed that it delivers elsewhere, the VF's rings are empty within this. */
#define DRAIN_DEADLINE		(HZ / 20 ?: 1)
#define DRAIN_QUIET		3

static unsigned int vf_hold;
module_param(vf_hold, uint, 0644);
MODULE_PARM_DESC(vf_hold,
		 "longest time that a return to the VF is held down after flaps in a row, seconds, up to 3600; 0 never (default 0)");

/**
 * nva_vf_usable() - would the VF send?
 * @vf: VF
 *
 * Context: any.
 * Return: true while it is up, present and has a carrier. The stack hears of a lost carrier up to
 * a second later.
 */
bool nva_vf_usable(const struct net_device *vf)
{
	const unsigned long all = BIT(__LINK_STATE_START) | BIT(__LINK_STATE_PRESENT) |
				  BIT(__LINK_STATE_NOCARRIER);

	return (READ_ONCE(vf->state) & all) ==
	       (BIT(__LINK_STATE_START) | BIT(__LINK_STATE_PRESENT));
}

static void count_tx(const struct net_device *ndev, u32 bytes, bool queued, bool dropped)
{
	const struct nva_device *dev = netdev_priv(ndev);
	struct nva_vf_counts *counts = this_cpu_ptr(dev->vf.counts);

	u64_stats_update_begin(&counts->syncp);
	if (likely(!dropped)) {
		counts->tx_packets++;
		counts->tx_bytes += bytes;
		counts->tx_queued += queued;
	} else {
		counts->tx_dropped++;
	}
	u64_stats_update_end(&counts->syncp);
}

/*
 * May the VF's qdisc be passed by? Only where the stack itself would: one that hands packets on as
 * they come, empty, with nobody just taking packets out; and nobody looks at what leaves the VF.
 */
static bool may_pass_qdisc(const struct net_device *vf, const struct netdev_queue *txq)
{
	__auto_type qdisc = rcu_dereference_bh(txq->qdisc);

	if (unlikely(!list_empty(&vf->ptype_all) || net_device_egress_hooked(vf)))
		return false;
	if (!qdisc->enqueue)
		return true;
	if (unlikely(!(qdisc->flags & TCQ_F_CAN_BYPASS)))
		return false;
	/* each kind on its own: the flags are looked at once, not by either function again */
	if (qdisc->flags & TCQ_F_NOLOCK)
		return !qdisc_is_running(qdisc) && nolock_qdisc_is_empty(qdisc);
	return !qdisc_is_running(qdisc) && qdisc_is_empty(qdisc);
}

/* Hands one packet to the VF's driver, under the lock of @txq. False: it has no room. */
static bool hand_over(struct net_device *vf, struct netdev_queue *txq, struct sk_buff *skb,
		      bool more)
{
	return !netif_xmit_frozen_or_stopped(txq) &&
	       dev_xmit_complete(netdev_start_xmit(skb, vf, txq, more));
}

/*
 * A packet as the VF can take it, checked as the stack would behind an empty qdisc. Returns what is
 * left of it when the driver has no room: the packet, or the rest of its segments.
 */
static struct sk_buff *hand_over_checked(struct net_device *vf, struct netdev_queue *txq,
					 struct sk_buff *skb)
{
	HARD_TX_LOCK(vf, txq, smp_processor_id());
	while (skb) {
		struct sk_buff *next = skb->next;

		skb_mark_not_on_list(skb);
		if (!hand_over(vf, txq, skb, next)) {
			skb->next = next;
			break;
		}
		skb = next;
	}
	HARD_TX_UNLOCK(vf, txq);
	return skb;
}

/* The ordinary way: checks, taps, filters, qdisc. True unless it dropped the packet. */
static bool queue_up(struct sk_buff *skb)
{
	int err = dev_queue_xmit(skb);

	return err == NET_XMIT_SUCCESS || err == NET_XMIT_CN;
}

/* A packet that @vf may not be able to take: the stack's checks, and its qdisc unless @pass. */
static noinline void send_checked(const struct net_device *ndev, struct net_device *vf, u32 index,
				  struct sk_buff *skb, bool pass)
{
	bool again = false, queued = !pass, ok = false;
	u32 bytes = skb->len;

	/* one that its sender sends again is for drivers that can take such, and for nobody else */
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (unlikely(!skb))
		goto out;
	skb->dev = vf;
	skb_set_queue_mapping(skb, index);
	ok = true;
	if (pass) {
		skb = validate_xmit_skb_list(skb, vf, &again);
		ok = skb;
		if (likely(skb))
			skb = hand_over_checked(vf, netdev_get_tx_queue(vf, index), skb);
	}
	while (unlikely(skb)) {
		struct sk_buff *next = skb->next;

		skb_mark_not_on_list(skb);
		queued = true;
		ok = queue_up(skb) && ok;
		skb = next;
	}
out:
	count_tx(ndev, bytes, queued, !ok);
}

/* The driver has no room for a packet that count_tx() has seen go: by the VF's qdisc then. */
static noinline void send_later(const struct net_device *ndev, struct net_device *vf,
				struct sk_buff *skb)
{
	const struct nva_device *dev = netdev_priv(ndev);
	struct nva_vf_counts *counts = this_cpu_ptr(dev->vf.counts);

	u64_stats_update_begin(&counts->syncp);
	counts->tx_packets--;
	counts->tx_bytes -= skb->len;
	u64_stats_update_end(&counts->syncp);
	send_checked(ndev, vf, skb_get_queue_mapping(skb), skb, false);
}

/* The VF would lose the packet, or netpoll asks, who may hold a lock of the VF's. */
static noinline netdev_tx_t send_to_host(struct sk_buff *skb, struct net_device *ndev,
					 bool unusable)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct nva_queue *q = dev->queue[skb_get_queue_mapping(skb)];
	netdev_tx_t ret;

	if (unusable)
		nva_vf_kick(dev);
	ret = nva_synthetic_xmit(skb, q);
	/* the rest of a list may go to the VF again, and nobody would send this one */
	if (netdev_xmit_more())
		nva_tx_flush(q);
	return ret;
}

/**
 * nva_vf_xmit() - send a packet over the VF, if it is there to be had
 * @skb: packet
 * @ndev: interface
 * @vf: of the packet's queue, set
 *
 * What the VF cannot have now goes to the host. The way is kept short: what lives across the calls
 * of others has to be saved for every packet.
 *
 * Context: transmit path, under the queue's tx lock.
 * Return: of ndo_start_xmit.
 */
netdev_tx_t nva_vf_xmit(struct sk_buff *skb, struct net_device *ndev, struct net_device *vf)
{
	const struct nva_device *dev = netdev_priv(ndev);
	u32 index = skb_get_queue_mapping(skb), n;
	struct netdev_queue *txq;
	bool pass, sent;

	if (unlikely(!nva_vf_usable(vf)))
		return send_to_host(skb, ndev, true);
	if (unlikely(netpoll_tx_running(ndev)))
		return send_to_host(skb, ndev, false);
	n = READ_ONCE(vf->real_num_tx_queues);
	if (n > ndev->real_num_tx_queues)
		index = qdisc_skb_cb(skb)->slave_dev_queue_mapping;
	/* what did not pass nva_select_queue() brings any number */
	if (unlikely(index >= n))
		index %= n;
	txq = netdev_get_tx_queue(vf, index);
	pass = may_pass_qdisc(vf, txq);
	/* it has a carrier again, and its qdisc would drop what it gets and not say so */
	if (unlikely(!pass && rcu_access_pointer(txq->qdisc) == &noop_qdisc))
		return send_to_host(skb, ndev, true);
	/* one that needs the stack's checks may be dropped by them and then rings nothing */
	if (unlikely(!pass || !READ_ONCE(dev->vf.plain) || skb_vlan_tag_present(skb) ||
		     (skb_shared(skb) && !(vf->priv_flags & IFF_TX_SKB_SHARING)))) {
		send_checked(ndev, vf, index, skb, pass);
		return NETDEV_TX_OK;
	}
	count_tx(ndev, skb->len, false, false);
	skb->dev = vf;
	skb_set_queue_mapping(skb, index);
	HARD_TX_LOCK(vf, txq, smp_processor_id());
	/*
	 * Where several of its queues share one of ours the next packet of a list may be for
	 * another, and ring only that one's doorbell.
	 */
	sent = hand_over(vf, txq, skb, netdev_xmit_more() && vf->real_num_tx_queues <=
							     ndev->real_num_tx_queues);
	HARD_TX_UNLOCK(vf, txq);
	if (unlikely(!sent))
		send_later(ndev, vf, skb);
	return NETDEV_TX_OK;
}

/**
 * nva_vf_select_queue() - which queues a packet takes to the VF
 * @dev: NIC
 * @skb: packet; keeps the VF's queue
 *
 * The VF's own choice counts: its interrupts come where its queues are. All packets of one of its
 * queues share one of ours, which keeps them in order.
 *
 * Context: transmit path.
 * Return: queue of the NIC, or NVA_VF_NO_QUEUE while packets go the other way.
 */
u16 nva_vf_select_queue(struct nva_device *dev, struct sk_buff *skb)
{
	struct net_device *vf = rcu_dereference_bh(dev->vf.ndev);
	const struct net_device_ops *ops;
	u16 queue;

	if (!vf || !READ_ONCE(dev->vf.on))
		return NVA_VF_NO_QUEUE;
	ops = vf->netdev_ops;
	queue = ops->ndo_select_queue ? ops->ndo_select_queue(vf, skb, NULL) :
					netdev_pick_tx(vf, skb, NULL);
	if (queue >= READ_ONCE(vf->real_num_tx_queues))
		queue = 0;
	qdisc_skb_cb(skb)->slave_dev_queue_mapping = queue;
	return queue % dev->ndev->real_num_tx_queues;
}

/**
 * nva_vf_receive() - the VF received a packet: it is the NIC's
 * @pskb: packet
 *
 * Context: softirq, RCU; rx_handler of the VF.
 * Return: how the stack goes on.
 */
rx_handler_result_t nva_vf_receive(struct sk_buff **pskb)
{
	struct sk_buff *skb = skb_share_check(*pskb, GFP_ATOMIC);
	struct nva_vf_counts *counts;
	struct net_device *ndev;

	if (unlikely(!skb)) {
		*pskb = NULL;
		return RX_HANDLER_CONSUMED;
	}
	*pskb = skb;
	ndev = rcu_dereference(skb->dev->rx_handler_data);
	skb->dev = ndev;
	counts = this_cpu_ptr(((struct nva_device *)netdev_priv(ndev))->vf.counts);
	u64_stats_update_begin(&counts->syncp);
	counts->rx_packets++;
	counts->rx_bytes += skb->len;
	u64_stats_update_end(&counts->syncp);
	return RX_HANDLER_ANOTHER;
}

/**
 * nva_vf_xdp_xmit() - ndo_xdp_xmit()
 * @ndev: interface
 * @n: frames
 * @frames: frames of other interfaces
 * @flags: XDP_XMIT_FLUSH
 *
 * Context: softirq, RCU.
 * Return: frames taken, or an error.
 */
int nva_vf_xdp_xmit(struct net_device *ndev, int n, struct xdp_frame **frames, u32 flags)
{
	const struct nva_device *dev = netdev_priv(ndev);
	struct net_device *vf = rcu_dereference_bh(dev->vf.ndev);
	int sent = -ENXIO;

	if (READ_ONCE(dev->vf.on) && vf && nva_vf_usable(vf) && vf->netdev_ops->ndo_xdp_xmit)
		sent = vf->netdev_ops->ndo_xdp_xmit(vf, n, frames, flags);
	/* some drivers take frames only while they have a program; the other path always does */
	return sent < 0 ? nva_xdp_xmit(ndev, n, frames, flags) : sent;
}

/* What nva_features_check() and the stack looked at for the NIC need not be looked at again. */
static bool suits(const struct net_device *ndev, const struct net_device *vf)
{
	netdev_features_t csum = NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM;
	netdev_features_t need = ndev->features & (NETIF_F_SG | NETIF_F_TSO | NETIF_F_TSO6 | csum);
	const struct net_device_ops *ops = vf->netdev_ops;

	if (ops->ndo_features_check && ops->ndo_features_check != passthru_features_check)
		return false;
	if (vf->features & NETIF_F_HW_CSUM)
		need &= ~csum;
	return !(need & ~vf->features) &&
	       READ_ONCE(vf->gso_max_size) >= READ_ONCE(ndev->gso_max_size) &&
	       READ_ONCE(vf->gso_max_segs) >= READ_ONCE(ndev->gso_max_segs);
}

/**
 * nva_vf_compare() - does the VF take what the stack makes for the NIC?
 * @dev: NIC
 * @vf: its VF, or NULL: nothing may be taken for granted until the next call
 *
 * Context: RTNL. To be called when the features of either have changed, and with NULL before.
 */
void nva_vf_compare(struct nva_device *dev, const struct net_device *vf)
{
	WRITE_ONCE(dev->vf.plain, vf && suits(dev->ndev, vf));
}

/* All queues to the VF, or away from it with NULL. Nobody is on the old way when it returns. */
static void steer(struct nva_device *dev, struct net_device *vf)
{
	u32 i;

	for (i = 0; i < dev->n_queues; i++) {
		struct nva_queue *q = dev->queue[i];

		__netif_tx_lock(q->txq, smp_processor_id());
		q->vf = vf;
		__netif_tx_unlock(q->txq);
		/* what was held back for packets that now go elsewhere */
		if (vf)
			nva_tx_release(q);
	}
}

static void account(struct nva_vf *v, bool on)
{
	u64 now = nva_vf_clock(), passed = now - v->since;

	if (v->on)
		v->ns_vf += passed;
	else
		v->ns_synthetic += passed;
	if (on && v->left)
		v->ns_last = passed;
	v->left |= on;
	v->since = now;
	WRITE_ONCE(v->on, on);
}

/**
 * nva_vf_enter() - send over the VF from now on
 * @dev: NIC; the host confirmed that it delivers to the VF
 * @vf: VF
 * @epoch: when the host was asked
 *
 * Context: process, RTNL.
 * Return: false when something happened meanwhile that makes the answer stale.
 */
bool nva_vf_enter(struct nva_device *dev, struct net_device *vf, u32 epoch)
{
	struct nva_vf *v = &dev->vf;
	bool valid;

	nva_vf_compare(dev, vf);
	spin_lock_bh(&v->lock);
	valid = epoch == v->epoch && !v->on;
	if (valid) {
		account(v, true);
		v->ins++;
		steer(dev, vf);
	}
	spin_unlock_bh(&v->lock);
	if (valid && net_ratelimit())
		netdev_info(dev->ndev, "data path switched to VF %s\n", vf->name);
	return valid;
}

/* A return that follows many flaps is put off, longer and longer up to what the user allows. */
static void hold_down(struct nva_device *dev)
{
	unsigned int cap = min(READ_ONCE(vf_hold), 3600u);
	struct nva_vf *v = &dev->vf;

	if (v->flapped && time_before(jiffies, v->flapped + STORM_PERIOD))
		v->level++;
	else
		v->level = 0;
	v->flapped = jiffies ?: 1;
	if (!cap || v->level < STORM_FLAPS)
		return;
	v->not_before = jiffies + min(1u << min(v->level - STORM_FLAPS, 16u), cap) * HZ;
	v->waiting = true;
	if (!v->held++)
		netdev_warn(dev->ndev,
			    "VF comes and goes: its return is held down up to %u s (counted as vf_held, logged once)\n",
			    cap);
}

/**
 * nva_vf_leave() - send nothing over the VF any more
 * @dev: NIC
 * @why: cause, counted when packets went there
 *
 * Also makes the host's answer to a request under way stale.
 *
 * Context: process or softirq.
 * Return: true when packets went there.
 */
bool nva_vf_leave(struct nva_device *dev, enum nva_vf_cause why)
{
	struct nva_vf *v = &dev->vf;
	bool was;

	spin_lock_bh(&v->lock);
	v->epoch++;
	was = v->on;
	if (was) {
		account(v, false);
		v->cause = why;
		v->outs[why]++;
		steer(dev, NULL);
		if (why <= NVA_VF_BY_LINK)
			hold_down(dev);
	}
	spin_unlock_bh(&v->lock);
	if (was && net_ratelimit())
		netdev_info(dev->ndev, "data path switched from VF\n");
	return was;
}

/**
 * nva_vf_gone() - the VF that was just set down goes for good
 * @dev: NIC, not on the VF
 *
 * Context: process, RTNL.
 */
void nva_vf_gone(struct nva_device *dev)
{
	struct nva_vf *v = &dev->vf;

	spin_lock_bh(&v->lock);
	/* an interface is set down before it goes, and only then it shows why */
	if (v->cause == NVA_VF_BY_DOWN && v->outs[v->cause] && !v->on &&
	    nva_vf_clock() - v->since < GOING_NS && netif_running(dev->ndev)) {
		v->outs[v->cause]--;
		v->cause = NVA_VF_BY_EJECT;
		v->outs[v->cause]++;
		v->unsure = true;
		hold_down(dev);
	}
	spin_unlock_bh(&v->lock);
}

/**
 * nva_vf_judge() - did the function of a VF that went stay?
 * @dev: NIC
 * @stayed: it is still on its bus
 *
 * Context: process, RTNL.
 */
void nva_vf_judge(struct nva_device *dev, bool stayed)
{
	struct nva_vf *v = &dev->vf;

	spin_lock_bh(&v->lock);
	if (v->unsure && stayed) {
		v->outs[NVA_VF_BY_EJECT]--;
		v->outs[NVA_VF_BY_DRIVER]++;
		if (v->cause == NVA_VF_BY_EJECT)
			v->cause = NVA_VF_BY_DRIVER;
	}
	v->unsure = false;
	spin_unlock_bh(&v->lock);
}

/**
 * nva_vf_hold() - let the path not return for a while
 * @dev: NIC
 * @delay: jiffies
 *
 * Context: process.
 */
void nva_vf_hold(struct nva_device *dev, unsigned long delay)
{
	struct nva_vf *v = &dev->vf;

	spin_lock_bh(&v->lock);
	if (!v->waiting || time_after(jiffies + delay, v->not_before))
		v->not_before = jiffies + delay;
	v->waiting = true;
	spin_unlock_bh(&v->lock);
}

/**
 * nva_vf_held() - how long may the path not return?
 * @dev: NIC
 *
 * Context: process.
 * Return: jiffies, 0 when it may.
 */
unsigned long nva_vf_held(struct nva_device *dev)
{
	struct nva_vf *v = &dev->vf;
	unsigned long left = 0;

	spin_lock_bh(&v->lock);
	if (v->waiting && time_before(jiffies, v->not_before))
		left = v->not_before - jiffies;
	else
		v->waiting = false;
	spin_unlock_bh(&v->lock);
	return left;
}

/**
 * nva_vf_ask() - tell the host which path it is to deliver to
 * @dev: NIC
 * @vf: the VF, or the synthetic one
 * @deadline: jiffies to wait for its confirmation
 *
 * The synthetic path is not waited for longer than @deadline whatever else is asked: a request for
 * the VF gives way to it.
 *
 * Context: process, sleeps.
 * Return: 0, else as nva_ctl_confirm().
 */
int nva_vf_ask(struct nva_device *dev, bool vf, unsigned long deadline)
{
	union nvsp_message message = {
		.switch_data_path = {
			.type = cpu_to_le32(NVSP_SWITCH_DATA_PATH),
			.active = cpu_to_le32(vf ? NVSP_PATH_VF : NVSP_PATH_SYNTHETIC),
		},
	};
	enum nva_vf_unanswered kind = vf ? NVA_VF_IN_UNANSWERED : NVA_VF_OUT_UNANSWERED;
	unsigned long end = jiffies + deadline;
	struct nva_vf *v = &dev->vf;
	int err = 0;

	if (!vf)
		atomic_inc(&v->leaving);
	if (!nva_lock_until(&v->switch_lock, end)) {
		err = -ETIMEDOUT;
	} else {
		if (vf || READ_ONCE(v->host_on)) {
			/* also when the answer is lost the host may have switched */
			WRITE_ONCE(v->host_on, true);
			err = nva_ctl_confirm(dev, &message, end, vf ? &v->leaving : NULL);
			if (!err)
				WRITE_ONCE(v->host_on, vf);
		}
		if (err == -ETIMEDOUT)
			WRITE_ONCE(v->unanswered, kind);
		else if (!err && (vf || v->unanswered == kind))
			WRITE_ONCE(v->unanswered, NVA_VF_ALL_ANSWERED);
		mutex_unlock(&v->switch_lock);
	}
	if (!vf)
		atomic_dec(&v->leaving);
	if (err == -ETIMEDOUT) {
		nva_fault(dev, NVA_VF_UNANSWERED);
		nva_health_fault(dev, NVA_VF_UNANSWERED);
	} else if (!err) {
		nva_health_kick(dev);
	}
	return err;
}

/**
 * nva_vf_at_once() - let the path return as soon as it can
 * @dev: NIC
 *
 * Context: process.
 */
void nva_vf_at_once(struct nva_device *dev)
{
	spin_lock_bh(&dev->vf.lock);
	dev->vf.waiting = false;
	spin_unlock_bh(&dev->vf.lock);
}

/* Packets that wait for room in the VF's rings. */
static bool queued(const struct net_device *vf)
{
	unsigned int i;

	for (i = 0; i < vf->real_num_tx_queues; i++) {
		__auto_type qdisc = rcu_dereference_rtnl(netdev_get_tx_queue(vf, i)->qdisc);

		if (qdisc->enqueue && !(qdisc->flags & TCQ_F_BUILTIN) && !qdisc_is_empty(qdisc))
			return true;
	}
	return false;
}

/* Packets in its rings, as far as its driver says: the last ones it may not see sent for long. */
static bool sending(const struct net_device *vf)
{
#ifdef CONFIG_BQL
	unsigned int i;

	for (i = 0; i < vf->real_num_tx_queues; i++) {
		const struct dql *dql = &netdev_get_tx_queue(vf, i)->dql;

		if (READ_ONCE(dql->num_queued) != READ_ONCE(dql->num_completed))
			return true;
	}
#endif
	return false;
}

/* Lets the VF send and receive what is under way. What it does not send is lost. */
static void drain(struct nva_device *dev, const struct net_device *vf)
{
	unsigned long end = jiffies + DRAIN_DEADLINE, taken = jiffies + NVA_VF_AWAY_DEADLINE;
	struct nva_vf_counts last, now;
	unsigned int quiet = 0;

	nva_vf_sum(dev, &last);
	while (quiet < DRAIN_QUIET && nva_vf_usable(vf) &&
	       time_before_eq(jiffies, queued(vf) ? taken : end)) {
		usleep_range(500, 1000);
		nva_vf_sum(dev, &now);
		quiet = now.rx_packets == last.rx_packets && !queued(vf) && !sending(vf) ?
				quiet + 1 : 0;
		last = now;
	}
}

/**
 * nva_vf_away() - leave a VF that still works, losing nothing
 * @dev: NIC
 * @vf: VF
 * @why: cause
 *
 * Packets go the other way first, then the host delivers there, then the VF's rings run empty.
 *
 * A host that does not confirm in time is told again later: by then packets that it still delivers
 * to the VF are lost, which waiting longer would not change.
 *
 * Context: process, RTNL, sleeps up to twice NVA_VF_AWAY_DEADLINE.
 */
void nva_vf_away(struct nva_device *dev, struct net_device *vf, enum nva_vf_cause why)
{
	bool was = nva_vf_leave(dev, why);

	if (!was && !READ_ONCE(dev->vf.host_on))
		return;
	if (nva_vf_ask(dev, false, NVA_VF_AWAY_DEADLINE))
		nva_vf_kick(dev);
	else if (was)
		drain(dev, vf);
}
