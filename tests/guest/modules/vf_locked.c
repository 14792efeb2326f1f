// SPDX-License-Identifier: GPL-2.0
/*
 * A VF whose interface has the stack lock it around every operation, as MANA's and others do on
 * newer kernels. It takes the virtio-net function behind vPCI in place of virtio_net, counts what
 * it is to send and drops it, and keeps whatever it is set to. Operations that come without the
 * lock are counted; who takes it twice waits for ever.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/rtnetlink.h>

#define QUEUES_MAX	4u
#define RING_MAX	4096
#define TABLE		32

#ifdef HAVE_OPS_LOCK
#define is_locked(dev)		mutex_is_locked(&(dev)->lock)
#define want_lock(dev)		((dev)->request_ops_lock = true)
#else
#define is_locked(dev)		rtnl_is_locked()
#define want_lock(dev)		((void)(dev))
#endif

static char *mac = "";
module_param(mac, charp, 0444);
MODULE_PARM_DESC(mac, "address of the interface");

static unsigned int queues = QUEUES_MAX;
module_param(queues, uint, 0444);
MODULE_PARM_DESC(queues, "of either direction, 1 to 4");

static bool no_xdp;
module_param(no_xdp, bool, 0444);
MODULE_PARM_DESC(no_xdp, "take no XDP programs");

static bool no_sharing;
module_param(no_sharing, bool, 0444);
MODULE_PARM_DESC(no_sharing, "take no packets that their sender sends again");

static unsigned int linger;
module_param(linger, uint, 0444);
MODULE_PARM_DESC(linger, "seconds that it takes to let go of the function when the interface is gone");

/* The interface, while there is one. Guarded by RTNL. */
static struct net_device *made;

static int set_full(const char *text, const struct kernel_param *param)
{
	bool before = *(bool *)param->arg;
	int err = param_set_bool(text, param);

	if (err || *(bool *)param->arg == before)
		return err;
	rtnl_lock();
	if (made && before)
		netif_tx_wake_all_queues(made);
	else if (made)
		netif_tx_stop_all_queues(made);
	rtnl_unlock();
	return 0;
}

static const struct kernel_param_ops full_ops = {
	.set = set_full,
	.get = param_get_bool,
};

static bool full;
module_param_cb(full, &full_ops, &full, 0644);
MODULE_PARM_DESC(full, "its queues are stopped, as if its rings were full");

/* Not under RTNL: whoever sets the interface down holds it while he waits. */
static void room_again(struct work_struct *work)
{
	netif_tx_wake_all_queues(made);
}

static DECLARE_DELAYED_WORK(room_work, room_again);

static int set_full_ms(const char *text, const struct kernel_param *param)
{
	int err = param_set_uint(text, param);

	if (err)
		return err;
	rtnl_lock();
	if (made) {
		netif_tx_stop_all_queues(made);
		schedule_delayed_work(&room_work, msecs_to_jiffies(*(unsigned int *)param->arg));
	}
	rtnl_unlock();
	return 0;
}

static const struct kernel_param_ops full_ms_ops = {
	.set = set_full_ms,
	.get = param_get_uint,
};

static unsigned int full_ms;
module_param_cb(full_ms, &full_ms_ops, &full_ms, 0644);
MODULE_PARM_DESC(full_ms, "its queues are stopped for so long, from now on");

static int shared;
module_param(shared, int, 0644);
MODULE_PARM_DESC(shared, "such packets that came");

static int unlocked;
module_param(unlocked, int, 0444);
MODULE_PARM_DESC(unlocked, "operations that came without the lock");

struct vf_locked {
	struct ethtool_ringparam ring;
	struct ethtool_channels channels;
	struct ethtool_coalesce coalesce;
	struct bpf_prog *prog;
};

static void check_lock(struct net_device *dev)
{
	if (!is_locked(dev))
		unlocked++;
}

static int vf_locked_open(struct net_device *dev)
{
	check_lock(dev);
	netif_carrier_on(dev);
	netif_tx_start_all_queues(dev);
	return 0;
}

static int vf_locked_stop(struct net_device *dev)
{
	check_lock(dev);
	netif_tx_disable(dev);
	netif_carrier_off(dev);
	return 0;
}

static netdev_tx_t vf_locked_xmit(struct sk_buff *skb, struct net_device *dev)
{
	if (skb_shared(skb))
		WRITE_ONCE(shared, READ_ONCE(shared) + 1);
	dev_lstats_add(dev, skb->len);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

static void vf_locked_stats(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	dev_lstats_read(dev, &stats->tx_packets, &stats->tx_bytes);
}

static int vf_locked_init(struct net_device *dev)
{
	dev->lstats = netdev_alloc_pcpu_stats(struct pcpu_lstats);
	return dev->lstats ? 0 : -ENOMEM;
}

static void vf_locked_uninit(struct net_device *dev)
{
	free_percpu(dev->lstats);
}

static int vf_locked_mtu(struct net_device *dev, int mtu)
{
	check_lock(dev);
	WRITE_ONCE(dev->mtu, mtu);
	return 0;
}

static int vf_locked_bpf(struct net_device *dev, struct netdev_bpf *bpf)
{
	struct vf_locked *priv = netdev_priv(dev);

	check_lock(dev);
	if (bpf->command != XDP_SETUP_PROG || no_xdp)
		return -EOPNOTSUPP;
	if (priv->prog)
		bpf_prog_put(priv->prog);
	priv->prog = bpf->prog;
	return 0;
}

static const struct net_device_ops ops = {
	.ndo_init = vf_locked_init,
	.ndo_uninit = vf_locked_uninit,
	.ndo_open = vf_locked_open,
	.ndo_stop = vf_locked_stop,
	.ndo_start_xmit = vf_locked_xmit,
	.ndo_get_stats64 = vf_locked_stats,
	.ndo_change_mtu = vf_locked_mtu,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_bpf = vf_locked_bpf,
};

static void get_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
			  struct kernel_ethtool_ringparam *kernel_ring,
			  struct netlink_ext_ack *extack)
{
	const struct vf_locked *priv = netdev_priv(dev);

	check_lock(dev);
	*ring = priv->ring;
}

static int set_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
			 struct kernel_ethtool_ringparam *kernel_ring,
			 struct netlink_ext_ack *extack)
{
	struct vf_locked *priv = netdev_priv(dev);

	check_lock(dev);
	priv->ring = *ring;
	return 0;
}

static void get_channels(struct net_device *dev, struct ethtool_channels *channels)
{
	const struct vf_locked *priv = netdev_priv(dev);

	check_lock(dev);
	*channels = priv->channels;
}

static int set_channels(struct net_device *dev, struct ethtool_channels *channels)
{
	struct vf_locked *priv = netdev_priv(dev);

	check_lock(dev);
	priv->channels = *channels;
	return 0;
}

static int get_coalesce(struct net_device *dev, struct ethtool_coalesce *coalesce,
			struct kernel_ethtool_coalesce *kernel_coalesce,
			struct netlink_ext_ack *extack)
{
	const struct vf_locked *priv = netdev_priv(dev);

	check_lock(dev);
	*coalesce = priv->coalesce;
	return 0;
}

static int set_coalesce(struct net_device *dev, struct ethtool_coalesce *coalesce,
			struct kernel_ethtool_coalesce *kernel_coalesce,
			struct netlink_ext_ack *extack)
{
	struct vf_locked *priv = netdev_priv(dev);

	check_lock(dev);
	priv->coalesce = *coalesce;
	return 0;
}

static const struct ethtool_ops ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_USECS,
	.get_link = ethtool_op_get_link,
	.get_ringparam = get_ringparam,
	.set_ringparam = set_ringparam,
	.get_channels = get_channels,
	.set_channels = set_channels,
	.get_coalesce = get_coalesce,
	.set_coalesce = set_coalesce,
};

static int vf_locked_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vf_locked *priv;
	struct net_device *dev;
	u8 address[ETH_ALEN];
	int err;

	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &address[0], &address[1], &address[2],
		   &address[3], &address[4], &address[5]) != ETH_ALEN)
		return -EINVAL;
	if (!queues || queues > QUEUES_MAX)
		return -EINVAL;
	dev = alloc_etherdev_mqs(sizeof(*priv), queues, queues);
	if (!dev)
		return -ENOMEM;
	priv = netdev_priv(dev);
	priv->ring.rx_max_pending = RING_MAX;
	priv->ring.tx_max_pending = RING_MAX;
	priv->ring.rx_pending = RING_MAX / 4;
	priv->ring.tx_pending = RING_MAX / 4;
	priv->channels.max_combined = queues;
	priv->channels.combined_count = queues;
	dev->netdev_ops = &ops;
	dev->ethtool_ops = &ethtool_ops;
	dev->max_mtu = ETH_MAX_MTU;
	dev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6;
	dev->features = dev->hw_features;
	if (no_sharing)
		dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	want_lock(dev);
	eth_hw_addr_set(dev, address);
	SET_NETDEV_DEV(dev, &pdev->dev);
	pci_set_drvdata(pdev, dev);
	netif_carrier_off(dev);
	err = register_netdev(dev);
	if (err) {
		free_netdev(dev);
		return err;
	}
	rtnl_lock();
	made = dev;
	rtnl_unlock();
	return 0;
}

static void vf_locked_remove(struct pci_dev *pdev)
{
	struct net_device *dev = pci_get_drvdata(pdev);
	struct vf_locked *priv = netdev_priv(dev);

	cancel_delayed_work_sync(&room_work);
	rtnl_lock();
	made = NULL;
	rtnl_unlock();
	unregister_netdev(dev);
	/* whoever gave a program has to have taken it back */
	WARN_ON(priv->prog);
	free_netdev(dev);
	ssleep(linger);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1af4, 0x1041) },
	{}
};

static struct pci_driver vf_locked_driver = {
	.name = "vf_locked",
	.id_table = ids,
	.probe = vf_locked_probe,
	.remove = vf_locked_remove,
};
module_pci_driver(vf_locked_driver);

MODULE_DESCRIPTION("An interface with a lock of its own as VF (for tests)");
MODULE_LICENSE("GPL");
