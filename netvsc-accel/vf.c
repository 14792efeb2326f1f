// SPDX-License-Identifier: GPL-2.0
/*
 * Which interface is the VF of which NIC, and when the data path moves to it.
 *
 * The host names the VF by the serial number of its PCI slot. The interface that appears there is
 * bound below the NIC, whatever driver it has, set up as the NIC is, and brought up; then the host
 * is asked to deliver to it, and when it confirms, packets are sent that way too. One work item
 * decides, from what is so at the time; events only start it. Leaving a VF that does not work any
 * more waits for nothing.
 *
 * Interfaces of NICs that other drivers have are none of our business, nor are their VFs.
 */
#include <linux/if_arp.h>
#include <linux/pci.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/sch_generic.h>

#include "../compat/net_vf.h"
#include "device.h"

/* User space may rename an interface until it is up; it is given so long. */
#define SETTLE_DELAY		(HZ / 10 ?: 1)
/* How long a switch to the VF may take, and when it is tried again when it did not work. */
#define SWITCH_DEADLINE		(5 * HZ)
#define SWITCH_RETRY		(5 * HZ)
/* A function that is still there then was not ejected. */
#define JUDGE_DELAY		HZ

/* NICs that have an interface. Guarded by RTNL. */
static LIST_HEAD(nics);

/**
 * nva_vf_get() - the VF that is bound
 * @dev: NIC
 *
 * Context: RTNL.
 * Return: it, or NULL.
 */
struct net_device *nva_vf_get(const struct nva_device *dev)
{
	return rtnl_dereference(dev->vf.ndev);
}

/**
 * nva_vf_kick() - something changed that may concern the path
 * @dev: NIC
 *
 * Context: any.
 */
void nva_vf_kick(struct nva_device *dev)
{
	if (!READ_ONCE(dev->removing))
		mod_delayed_work(nva_wq, &dev->vf.work, 0);
}

/* The PCI function below an interface. Those of virtio hang one step lower. */
static struct pci_dev *function_of(const struct net_device *ndev)
{
	struct device *parent = ndev->dev.parent;

	if (parent && parent->bus && !strcmp(parent->bus->name, "virtio"))
		parent = parent->parent;
	return parent && dev_is_pci(parent) ? to_pci_dev(parent) : NULL;
}

/* Slots of vPCI are named by their serial number. */
static bool serial_of(const struct pci_dev *pdev, u32 *serial)
{
	return pdev->slot && !kstrtou32(pci_slot_name(pdev->slot), 10, serial);
}

/* Is this the function that the host named? It may say so after the interface has come. */
static bool is_named(const struct nva_device *dev, const struct pci_dev *pdev)
{
	u32 serial;

	return READ_ONCE(dev->vf.allocated) && serial_of(pdev, &serial) &&
	       READ_ONCE(dev->vf.serial) == serial;
}

/*
 * The NIC whose VF this is. An address alone decides when the host's number does not, and always
 * has to be the same, since one function may have several interfaces. The permanent address of an
 * interface that is just being registered is not known yet.
 */
static struct nva_device *find(const struct net_device *ndev, bool *by_serial)
{
	struct nva_device *dev, *same = NULL;
	struct pci_dev *pdev;

	if (ndev->type != ARPHRD_ETHER || ndev->addr_len != ETH_ALEN)
		return NULL;
	pdev = function_of(ndev);
	if (!pdev)
		return NULL;
	list_for_each_entry(dev, &nics, vf.entry) {
		if (!ether_addr_equal(ndev->perm_addr, dev->mac) &&
		    !ether_addr_equal(ndev->dev_addr, dev->mac))
			continue;
		*by_serial = is_named(dev, pdev);
		if (*by_serial)
			return dev;
		if (!same)
			same = dev;
	}
	return same;
}

/* The NIC that an interface is bound to. */
static struct nva_device *bound_to(const struct net_device *ndev)
{
	if (rcu_access_pointer(ndev->rx_handler) != nva_vf_receive)
		return NULL;
	return netdev_priv(rtnl_dereference(ndev->rx_handler_data));
}

/* What keeps user space from configuring the VF as an interface of its own. */
static void mark(struct net_device *vf, bool slave)
{
	if (slave) {
		vf->flags |= IFF_SLAVE;
		vf->priv_flags |= IFF_NO_ADDRCONF;
	} else {
		vf->flags &= ~IFF_SLAVE;
		vf->priv_flags &= ~IFF_NO_ADDRCONF;
	}
}

static u64 sent_by(struct net_device *vf)
{
	struct rtnl_link_stats64 stats;

	return dev_get_stats(vf, &stats)->tx_packets;
}

/* Somebody takes the driver from the function, and perhaps the function from its bus afterwards. */
static bool in_removal(struct pci_dev *pdev)
{
	if (!device_trylock(&pdev->dev))
		return true;
	device_unlock(&pdev->dev);
	return false;
}

/* What became of the function of a VF that went. */
static void judge(struct nva_device *dev)
{
	struct nva_vf *v = &dev->vf;

	if (!v->pdev)
		return;
	nva_vf_judge(dev, device_is_registered(&v->pdev->dev));
	pci_dev_put(v->pdev);
	v->pdev = NULL;
}

/* The interface may be locked by the stack: nothing here calls its driver. */
static void join(struct nva_device *dev, struct net_device *vf, bool by_serial)
{
	struct nva_vf *v = &dev->vf;
	struct nva_vf_counts counts;
	int err;

	if (nva_vf_get(dev))
		return;
	err = netdev_rx_handler_register(vf, nva_vf_receive, dev->ndev);
	if (!err) {
		err = netdev_master_upper_dev_link(vf, dev->ndev, NULL, NULL, NULL);
		if (err)
			netdev_rx_handler_unregister(vf);
	}
	if (err) {
		/* a bond's port has the marks of the bond */
		if (!netdev_master_upper_dev_get(vf))
			mark(vf, false);
		netdev_err(dev->ndev, "VF %s cannot be bound: %pe\n", vf->name, ERR_PTR(err));
		return;
	}
	mark(vf, true);
	judge(dev);
	nva_vf_sum(dev, &counts);
	v->tx_given = counts.tx_packets;
	v->tx_base = sent_by(vf);
	v->pdev = pci_dev_get(function_of(vf));
	v->by_serial = by_serial;
	v->no_xdp = false;
	v->fresh = true;
	v->settle_at = jiffies + SETTLE_DELAY;
	dev_hold(vf);
	rcu_assign_pointer(v->ndev, vf);
	dev->ndev->needed_headroom = vf->needed_headroom;
	netdev_info(dev->ndev, "VF %s bound by its %s\n", vf->name,
		    by_serial ? "serial number" : "address");
	nva_vf_kick(dev);
}

static void count_unfinished(struct nva_device *dev, struct net_device *vf)
{
	struct nva_vf *v = &dev->vf;
	struct nva_vf_counts counts;
	u64 given, sent;

	nva_vf_sum(dev, &counts);
	given = counts.tx_packets - v->tx_given;
	sent = sent_by(vf) - v->tx_base;
	if (given > sent)
		v->tx_unfinished += given - sent;
}

/* The VF is left already, or does not work any more. */
static void unjoin(struct nva_device *dev, struct net_device *vf)
{
	struct nva_vf *v = &dev->vf;

	nva_vf_leave(dev, NVA_VF_BY_DOWN);
	/* nobody asks for it any more */
	if (READ_ONCE(dev->vf.unanswered) == NVA_VF_IN_UNANSWERED)
		WRITE_ONCE(dev->vf.unanswered, NVA_VF_ALL_ANSWERED);
	nva_health_kick(dev);
	nva_vf_unsettle(dev, vf);
	netdev_rx_handler_unregister(vf);
	netdev_upper_dev_unlink(vf, dev->ndev);
	mark(vf, false);
	dev->ndev->needed_headroom = 0;
	RCU_INIT_POINTER(v->ndev, NULL);
	/* nva_vf_select_queue() may still look at it */
	synchronize_net();
	netdev_info(dev->ndev, "VF %s unbound\n", vf->name);
	dev_put(vf);
}

/* Looks for a VF that is there already. */
static void look_around(struct nva_device *dev, const struct net_device *but)
{
	struct net_device *each;
	bool by_serial = false;

	for_each_netdev(dev_net(dev->ndev), each)
		if (each != dev->ndev && each != but && each->reg_state == NETREG_REGISTERED &&
		    find(each, &by_serial) == dev)
			join(dev, each, by_serial);
}

static void gone(struct nva_device *dev, struct net_device *vf)
{
	bool for_good = vf->reg_state == NETREG_UNREGISTERING;

	nva_vf_leave(dev, NVA_VF_BY_DOWN);
	count_unfinished(dev, vf);
	unjoin(dev, vf);
	if (for_good)
		nva_vf_gone(dev);
	dev->vf.judge_at = jiffies + JUDGE_DELAY;
	nva_vf_kick(dev);
	/* its successor may have come while it was still there */
	look_around(dev, vf);
}

/**
 * nva_vf_obstacle() - what keeps packets from the VF?
 * @dev: NIC
 * @vf: its VF
 *
 * Context: RTNL.
 * Return: that, as the cause of leaving the VF, or NVA_VF_CAUSES for nothing.
 */
enum nva_vf_cause nva_vf_obstacle(struct nva_device *dev, const struct net_device *vf)
{
	u32 i;

	if (!netif_running(dev->ndev) || !netif_running(vf))
		return NVA_VF_BY_DOWN;
	if (!netif_device_present((struct net_device *)vf))
		return NVA_VF_BY_DRIVER;
	/* a carrier that has just come back: the stack activates its queues a little later */
	if (!netif_carrier_ok(vf) || qdisc_tx_is_noop(vf))
		return NVA_VF_BY_LINK;
	if (!READ_ONCE(dev->session_up))
		return NVA_VF_BY_SESSION;
	if (!READ_ONCE(dev->vf.allocated))
		return NVA_VF_BY_HOST;
	if (dev->vf.fresh || dev->vf.no_xdp || vf->mtu < dev->ndev->mtu ||
	    !ether_addr_equal(vf->dev_addr, dev->ndev->dev_addr))
		return NVA_VF_BY_SETTING;
	/* sockets of the NIC's queues see nothing of what the VF receives */
	for (i = 0; i < dev->n_queues; i++)
		if (READ_ONCE(dev->queue[i]->xdp.pool))
			return NVA_VF_BY_SETTING;
	return NVA_VF_CAUSES;
}

static u32 epoch_of(struct nva_vf *v)
{
	u32 epoch;

	spin_lock_bh(&v->lock);
	epoch = v->epoch;
	spin_unlock_bh(&v->lock);
	return epoch;
}

/* The VF as the NIC is; false while that has to wait. */
static bool settled(struct nva_device *dev, struct net_device *vf)
{
	struct nva_vf *v = &dev->vf;
	int err;

	if (!v->fresh)
		return true;
	if (time_before(jiffies, v->settle_at)) {
		mod_delayed_work(nva_wq, &v->work, v->settle_at - jiffies);
		return false;
	}
	if (!net_eq(dev_net(vf), dev_net(dev->ndev))) {
		/* it comes back by its registration there */
		err = dev_change_net_namespace(vf, dev_net(dev->ndev), "eth%d");
		if (!err)
			return false;
		netdev_err(dev->ndev, "VF %s does not follow: %pe\n", vf->name, ERR_PTR(err));
	}
	v->fresh = false;
	nva_vf_settle(dev, vf);
	nva_vf_nic_up(dev);
	if (netif_running(vf))
		nva_vf_affinity(dev);
	return true;
}

/* Tells the host to deliver to the synthetic path; again later when it does not answer. */
static void move_out(struct nva_device *dev)
{
	if (nva_vf_ask(dev, false, SWITCH_DEADLINE) == -ETIMEDOUT && !READ_ONCE(dev->removing))
		mod_delayed_work(nva_wq, &dev->vf.work, SWITCH_RETRY);
}

static void move_in(struct nva_device *dev, u32 epoch)
{
	unsigned long wait = nva_vf_held(dev);
	struct nva_vf *v = &dev->vf;
	struct net_device *vf;
	bool done = false;
	int err;

	if (wait) {
		if (!READ_ONCE(dev->removing))
			mod_delayed_work(nva_wq, &v->work, wait);
		return;
	}
	err = nva_vf_ask(dev, true, SWITCH_DEADLINE);
	if (!err) {
		rtnl_lock();
		vf = nva_vf_get(dev);
		done = vf && nva_vf_obstacle(dev, vf) == NVA_VF_CAUSES &&
		       nva_vf_enter(dev, vf, epoch);
		rtnl_unlock();
	}
	if (done)
		return;
	nva_vf_ask(dev, false, SWITCH_DEADLINE);
	if (err && err != -ECANCELED)
		nva_vf_hold(dev, SWITCH_RETRY);
	nva_vf_kick(dev);
}

static void vf_work(struct work_struct *work)
{
	struct nva_vf *v = container_of(to_delayed_work(work), struct nva_vf, work);
	struct nva_device *dev = container_of(v, struct nva_device, vf);
	enum nva_vf_cause why = NVA_VF_BY_DOWN;
	struct net_device *vf;
	u32 epoch;

	rtnl_lock();
	vf = nva_vf_get(dev);
	if (!vf && v->pdev && !time_before(jiffies, v->judge_at) && in_removal(v->pdev))
		v->judge_at = jiffies + JUDGE_DELAY;
	if (!vf && v->pdev && time_before(jiffies, v->judge_at) && !READ_ONCE(dev->removing))
		mod_delayed_work(nva_wq, &v->work, v->judge_at - jiffies);
	else if (!vf)
		judge(dev);
	if (!vf || READ_ONCE(dev->removing) || !settled(dev, vf)) {
		rtnl_unlock();
		/* it went before the host confirmed */
		if (!vf && READ_ONCE(v->host_on))
			move_out(dev);
		return;
	}
	v->by_serial |= is_named(dev, v->pdev);
	epoch = epoch_of(v);
	why = nva_vf_obstacle(dev, vf);
	if (why != NVA_VF_CAUSES)
		nva_vf_leave(dev, why);
	rtnl_unlock();

	if (why != NVA_VF_CAUSES)
		move_out(dev);
	else if (!READ_ONCE(v->on))
		move_in(dev, epoch);
}

/**
 * nva_vf_association() - the host says whether the NIC has a VF
 * @dev: NIC
 * @message: NVSP message, shared memory
 * @length: its bytes
 *
 * Context: NAPI.
 */
void nva_vf_association(struct nva_device *dev, const void *message, u32 length)
{
	struct nva_vf *v = &dev->vf;
	bool allocated;

	if (length < sizeof(struct nvsp_vf_association)) {
		nva_fault(dev, NVA_BAD_MESSAGE);
		return;
	}
	atomic64_inc(&dev->stats.vf_messages);
	if (dev->version < NVSP_VERSION_VF)
		return;
	allocated = rndis_shared_u32(message + offsetof(struct nvsp_vf_association, allocated));
	WRITE_ONCE(v->serial,
		   rndis_shared_u32(message + offsetof(struct nvsp_vf_association, serial)));
	WRITE_ONCE(v->allocated, allocated);
	if (!allocated)
		nva_vf_leave(dev, NVA_VF_BY_HOST);
	nva_vf_kick(dev);
}

/**
 * nva_vf_session_ended() - the host has forgotten what it said of a VF
 * @dev: NIC, channels closed
 *
 * Context: process, session_lock or sole user.
 */
void nva_vf_session_ended(struct nva_device *dev)
{
	nva_vf_leave(dev, NVA_VF_BY_SESSION);
	WRITE_ONCE(dev->vf.allocated, false);
	WRITE_ONCE(dev->vf.host_on, false);
	WRITE_ONCE(dev->vf.unanswered, NVA_VF_ALL_ANSWERED);
}

/**
 * nva_vf_well() - has the host confirmed what it was asked about the data path?
 * @dev: NIC
 *
 * Context: any.
 * Return: true unless a request matters still that it did not.
 */
bool nva_vf_well(const struct nva_device *dev)
{
	return READ_ONCE(dev->vf.unanswered) == NVA_VF_ALL_ANSWERED;
}

/**
 * nva_vf_retry() - ask the host now, not when it is due
 * @dev: NIC
 *
 * Context: process.
 */
void nva_vf_retry(struct nva_device *dev)
{
	nva_vf_at_once(dev);
	nva_vf_kick(dev);
}

/**
 * nva_vf_nic_up() - the NIC is up, and so shall be its VF
 * @dev: NIC
 *
 * Context: process, RTNL.
 */
void nva_vf_nic_up(struct nva_device *dev)
{
	struct net_device *vf = nva_vf_get(dev);
	int err;

	if (!vf || dev->vf.fresh)
		return;
	if (netif_running(dev->ndev) && !netif_running(vf)) {
		err = dev_open(vf, NULL);
		if (err)
			netdev_err(dev->ndev, "VF %s does not come up: %pe\n", vf->name,
				   ERR_PTR(err));
	}
	nva_vf_kick(dev);
}

/**
 * nva_vf_nic_down() - the NIC goes down, and so does its VF
 * @dev: NIC
 *
 * Context: process, RTNL.
 */
void nva_vf_nic_down(struct nva_device *dev)
{
	struct net_device *vf = nva_vf_get(dev);

	if (!vf)
		return;
	nva_vf_away(dev, vf, NVA_VF_BY_DOWN);
	dev_close(vf);
}

static int vf_event(struct notifier_block *block, unsigned long event, void *info)
{
	struct net_device *ndev = netdev_notifier_info_to_dev(info);
	struct nva_device *dev;
	bool by_serial = false;

	if (nva_is_nic(ndev)) {
		/* it has come to another namespace: the VF has to follow */
		dev = netdev_priv(ndev);
		if (event == NETDEV_REGISTER && nva_vf_get(dev)) {
			dev->vf.fresh = true;
			dev->vf.settle_at = jiffies;
			nva_vf_kick(dev);
		} else if (event == NETDEV_FEAT_CHANGE || event == NETDEV_CHANGE) {
			nva_vf_compare(dev, nva_vf_get(dev));
		}
		return NOTIFY_DONE;
	}
	dev = bound_to(ndev);
	if (!dev) {
		if (event != NETDEV_POST_INIT && event != NETDEV_REGISTER)
			return NOTIFY_DONE;
		dev = find(ndev, &by_serial);
		if (dev && event == NETDEV_REGISTER)
			join(dev, ndev, by_serial);
		else if (dev)
			mark(ndev, true);
		return NOTIFY_DONE;
	}
	switch (event) {
	case NETDEV_GOING_DOWN:
		nva_vf_save(dev, ndev);
		nva_vf_away(dev, ndev, NVA_VF_BY_DOWN);
		break;
	case NETDEV_UNREGISTER:
		gone(dev, ndev);
		break;
	case NETDEV_CHANGE:
		if (!netif_carrier_ok(ndev))
			nva_vf_leave(dev, NVA_VF_BY_LINK);
		fallthrough;
	case NETDEV_FEAT_CHANGE:
		nva_vf_compare(dev, ndev);
		fallthrough;
	case NETDEV_UP:
	case NETDEV_CHANGEMTU:
	case NETDEV_CHANGEADDR:
		nva_vf_kick(dev);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block vf_notifier = {
	.notifier_call = vf_event,
};

/**
 * nva_vf_register() - look out for VFs
 *
 * Context: process, module init.
 * Return: 0 or an error of the notifier.
 */
int nva_vf_register(void)
{
	return register_netdevice_notifier(&vf_notifier);
}

/**
 * nva_vf_unregister() - undo nva_vf_register()
 *
 * Context: process, module exit; no NIC is left.
 */
void nva_vf_unregister(void)
{
	unregister_netdevice_notifier(&vf_notifier);
}

/**
 * nva_vf_init() - a NIC without VF
 * @dev: NIC, zeroed
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int nva_vf_init(struct nva_device *dev)
{
	struct nva_vf *v = &dev->vf;
	int cpu;

	INIT_LIST_HEAD(&v->entry);
	mutex_init(&v->switch_lock);
	spin_lock_init(&v->lock);
	INIT_DELAYED_WORK(&v->work, vf_work);
	v->since = nva_vf_clock();
	v->counts = alloc_percpu(struct nva_vf_counts);
	if (!v->counts)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(v->counts, cpu)->syncp);
	return 0;
}

/**
 * nva_vf_destroy() - undo nva_vf_init()
 * @dev: NIC, without VF; nothing calls nva_vf_kick() any more
 *
 * Context: process, no RTNL.
 */
void nva_vf_destroy(struct nva_device *dev)
{
	struct nva_vf *v = &dev->vf;

	if (!v->counts)
		return;
	cancel_delayed_work_sync(&v->work);
	pci_dev_put(v->pdev);
	v->pdev = NULL;
	nva_vf_forget(dev);
	free_percpu(v->counts);
	v->counts = NULL;
}

/**
 * nva_vf_start() - take the VF that is there, and those that come
 * @dev: NIC, registered
 *
 * Context: process, RTNL.
 */
void nva_vf_start(struct nva_device *dev)
{
	list_add_tail(&dev->vf.entry, &nics);
	look_around(dev, NULL);
}

/**
 * nva_vf_stop() - let go of the VF
 * @dev: NIC that is being removed
 *
 * Context: process, no RTNL.
 */
void nva_vf_stop(struct nva_device *dev)
{
	struct net_device *vf;

	rtnl_lock();
	list_del_init(&dev->vf.entry);
	vf = nva_vf_get(dev);
	if (vf) {
		nva_vf_away(dev, vf, NVA_VF_BY_DOWN);
		unjoin(dev, vf);
	}
	rtnl_unlock();
	cancel_delayed_work_sync(&dev->vf.work);
}
