// SPDX-License-Identifier: GPL-2.0
/*
 * hv_netvsc_accel: a driver for the synthetic NIC of Hyper-V. It names no device: a NIC comes to it
 * by driver_override only, and goes back to hv_netvsc by unbinding.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/if_vlan.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <asm/mshyperv.h>

#include "../compat/hyperv.h"
#include "../compat/net_vf.h"
#include "device.h"

/* The network behind the link changed: long enough down that DHCP clients notice. */
#define FLAP_TIME		(2 * HZ)
/*
 * A packet that is older is stuck: hosts complete within milliseconds, a busy one within a second.
 */
#define WATCHDOG		(5 * HZ)

/*
 * Buffers when the user asks for none; the host divides them. Real hosts make send sections of 6
 * KiB.
 */
#define RECV_BYTES		SZ_16M
#define SEND_BYTES_MIN		SZ_1M
#define SEND_BYTES_A_CPU	(32u * 6144)

struct workqueue_struct *nva_wq;

static unsigned int ring_kib = 512;
module_param(ring_kib, uint, 0444);
MODULE_PARM_DESC(ring_kib,
		 "ring of a channel with its control page, each direction, KiB, 128 to 2048, rounded up to a power of two; smaller when memory is fragmented (default 512)");

static const guid_t nic_type =
	GUID_INIT(0xf8615163, 0xdf3e, 0x46c5, 0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e);

static u32 wanted_filter(const struct net_device *ndev)
{
	u32 filter = RNDIS_FILTER_DIRECTED;

	if (ndev->flags & IFF_PROMISC)
		return RNDIS_FILTER_PROMISCUOUS;
	if (ndev->flags & IFF_BROADCAST)
		filter |= RNDIS_FILTER_BROADCAST;
	if (ndev->flags & IFF_ALLMULTI || !netdev_mc_empty(ndev))
		filter |= RNDIS_FILTER_ALL_MULTICAST;
	return filter;
}

static void show_link(struct nva_device *dev)
{
	if (READ_ONCE(dev->link_up))
		netif_carrier_on(dev->ndev);
	else
		netif_carrier_off(dev->ndev);
}

/* The interface is up: the host may send, and so may we. */
static int start(struct nva_device *dev)
{
	int err;

	err = nva_rndis_filter(dev, wanted_filter(dev->ndev));
	if (err)
		return err;
	nva_session_start(dev);
	nva_tx_start(dev);
	show_link(dev);
	return 0;
}

/**
 * nva_attach() - show a new session to the stack
 * @dev: NIC with a session, registered
 *
 * Context: process, RTNL; waits for the host up to NVA_CTL_DEADLINE.
 */
void nva_attach(struct nva_device *dev)
{
	struct net_device *ndev = dev->ndev;
	u32 i, n = dev->config.channels;
	int err;

	ASSERT_RTNL();
	for (i = n; i < ndev->real_num_rx_queues; i++) {
		netif_queue_set_napi(ndev, i, NETDEV_QUEUE_TYPE_RX, NULL);
		netif_queue_set_napi(ndev, i, NETDEV_QUEUE_TYPE_TX, NULL);
	}
	err = netif_set_real_num_queues(ndev, n, n);
	if (err)
		netdev_warn(ndev, "%u queues: %pe\n", n, ERR_PTR(err));
	for (i = 0; i < n; i++) {
		netif_queue_set_napi(ndev, i, NETDEV_QUEUE_TYPE_RX, &dev->queue[i]->napi);
		netif_queue_set_napi(ndev, i, NETDEV_QUEUE_TYPE_TX, &dev->queue[i]->napi);
	}
	nva_xps_set(dev);
	netif_set_tso_max_size(ndev, dev->tso_max);
	ndev->hw_features = (ndev->hw_features & ~NVA_HOST_FEATURES) | dev->host_features;
	netdev_update_features(ndev);
	/* after a change that its asker did not wait for to the end */
	if (ndev->mtu != dev->config.mtu)
		dev_set_mtu(ndev, dev->config.mtu);

	nva_vf_kick(dev);
	nva_rndis_offload(dev, ndev->features);
	if (!ether_addr_equal(ndev->dev_addr, dev->mac) && nva_rndis_mac(dev, ndev->dev_addr))
		netdev_notice(ndev, "host does not take address %pM again\n", ndev->dev_addr);
	if (n > 1) {
		nva_rss_defaults(dev, n);
		err = nva_rss_apply(dev, dev->rss_key, dev->rss_table);
		if (err)
			netdev_notice(ndev, "host does not spread received packets: %pe\n",
				      ERR_PTR(err));
	}
	if (netif_running(ndev)) {
		err = start(dev);
		if (err)
			netdev_err(ndev, "host does not start the NIC: %pe\n", ERR_PTR(err));
	}
}

static int nva_open(struct net_device *ndev)
{
	struct nva_device *dev = netdev_priv(ndev);
	int err;

	nva_vf_nic_up(dev);
	/* a session that is being begun anew starts when it is there */
	if (!READ_ONCE(dev->session_up)) {
		netif_carrier_off(ndev);
		return 0;
	}
	err = start(dev);
	/* the host does not answer: the next session starts it */
	return err == -ETIMEDOUT || err == -ENODEV ? 0 : err;
}

static int nva_stop(struct net_device *ndev)
{
	struct nva_device *dev = netdev_priv(ndev);

	nva_vf_nic_down(dev);
	nva_tx_stop(dev);
	if (READ_ONCE(dev->session_up))
		nva_rndis_filter(dev, 0);
	netif_carrier_off(ndev);
	return 0;
}

static void nva_set_rx_mode(struct net_device *ndev)
{
	struct nva_device *dev = netdev_priv(ndev);

	nva_vf_rx_mode(dev);
	queue_work(nva_wq, &dev->filter_work);
}

/* Asking the host sleeps, ndo_set_rx_mode() must not. */
static void filter_work(struct work_struct *work)
{
	struct nva_device *dev = container_of(work, struct nva_device, filter_work);
	u32 filter;

	rtnl_lock();
	filter = wanted_filter(dev->ndev);
	if (netif_running(dev->ndev) && READ_ONCE(dev->session_up) && dev->filter != filter)
		nva_rndis_filter(dev, filter);
	rtnl_unlock();
}

static void link_work(struct work_struct *work)
{
	struct nva_device *dev = container_of(to_delayed_work(work), struct nva_device, link_work);
	bool was_up = netif_carrier_ok(dev->ndev);

	/* without a session there is no link to show; the next one does it */
	if (!netif_running(dev->ndev) || !READ_ONCE(dev->session_up) || READ_ONCE(dev->frozen))
		return;
	if (xchg(&dev->link_flap, false) && was_up && READ_ONCE(dev->link_up)) {
		netif_carrier_off(dev->ndev);
		dev->flap_end = jiffies + FLAP_TIME;
		mod_delayed_work(nva_wq, &dev->link_work, FLAP_TIME);
		return;
	}
	/* what the host says meanwhile does not make it shorter: somebody has to notice */
	if (!was_up && READ_ONCE(dev->link_up) && time_before(jiffies, dev->flap_end)) {
		mod_delayed_work(nva_wq, &dev->link_work, dev->flap_end - jiffies);
		return;
	}
	show_link(dev);
	if (netif_carrier_ok(dev->ndev) != was_up && net_ratelimit())
		netdev_info(dev->ndev, "link is %s\n", was_up ? "down" : "up");
}

static int nva_change_mtu(struct net_device *ndev, int mtu)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct nva_config want = dev->want;
	int err = 0, old = ndev->mtu;

	if (!nva_xdp_mtu_ok(dev, mtu)) {
		netdev_warn(ndev, "XDP program takes no frames of MTU %d\n", mtu);
		return -EINVAL;
	}
	err = nva_vf_change_mtu(dev, mtu);
	if (err)
		return err;
	if (!dev->session_up || dev->config.mtu != mtu) {
		want.mtu = mtu;
		/* what nva_attach() finds */
		WRITE_ONCE(ndev->mtu, mtu);
		err = nva_reconfigure(dev, &want);
		if (err)
			WRITE_ONCE(ndev->mtu, dev->session_up ? dev->config.mtu : old);
		else if (dev->config.mtu != mtu)
			err = -EINVAL;
	}
	if (!err)
		WRITE_ONCE(ndev->mtu, mtu);
	else
		nva_vf_change_mtu(dev, ndev->mtu);
	return err;
}

static int nva_set_mac_address(struct net_device *ndev, void *address)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct sockaddr *to = address;
	int err;

	err = eth_prepare_mac_addr_change(ndev, address);
	if (err)
		return err;
	if (!READ_ONCE(dev->session_up))
		return -ENETDOWN;
	err = nva_vf_mac(dev, to->sa_data);
	if (err)
		return err;
	err = nva_rndis_mac(dev, to->sa_data);
	if (err) {
		nva_vf_mac(dev, ndev->dev_addr);
		return err == -EINVAL ? -EPERM : err;
	}
	eth_commit_mac_addr_change(ndev, address);
	return 0;
}

static netdev_features_t nva_fix_features(struct net_device *ndev, netdev_features_t features)
{
	const struct nva_device *dev = netdev_priv(ndev);

	features &= ~NVA_HOST_FEATURES | dev->host_features;
	/* what the host puts together cannot be shown to a program */
	return dev->xdp_prog ? features & ~NETIF_F_LRO : features;
}

static int nva_set_features(struct net_device *ndev, netdev_features_t features)
{
	struct nva_device *dev = netdev_priv(ndev);

	/* packets made with the new ones come before the stack tells of them */
	nva_vf_compare(dev, NULL);
	if (!((features ^ ndev->features) & NETIF_F_LRO) || !READ_ONCE(dev->session_up))
		return 0;
	return nva_rndis_offload(dev, features);
}

static void nva_get_stats64(struct net_device *ndev, struct rtnl_link_stats64 *sum)
{
	nva_stats64(netdev_priv(ndev), sum);
}

static const struct net_device_ops netdev_ops = {
	.ndo_open = nva_open,
	.ndo_stop = nva_stop,
	.ndo_start_xmit = nva_xmit,
	.ndo_select_queue = nva_select_queue,
	.ndo_features_check = nva_features_check,
	.ndo_tx_timeout = nva_tx_timeout,
	.ndo_set_rx_mode = nva_set_rx_mode,
	.ndo_set_mac_address = nva_set_mac_address,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_change_mtu = nva_change_mtu,
	.ndo_fix_features = nva_fix_features,
	.ndo_set_features = nva_set_features,
	.ndo_get_stats64 = nva_get_stats64,
	.ndo_change_rx_flags = nva_vf_rx_flags,
	.ndo_bpf = nva_vf_bpf,
	.ndo_xdp_xmit = nva_vf_xdp_xmit,
	.ndo_xsk_wakeup = nva_xsk_wakeup,
};

/**
 * nva_is_nic() - is this interface a NIC of ours?
 * @ndev: any interface
 *
 * Context: any.
 * Return: true if so.
 */
bool nva_is_nic(const struct net_device *ndev)
{
	return ndev->netdev_ops == &netdev_ops;
}

static void setup(struct net_device *ndev, struct hv_device *hdev)
{
	struct nva_device *dev = netdev_priv(ndev);
	u32 channels = min_t(u32, num_online_cpus(), NVA_CHANNELS_MAX);

	dev->ndev = ndev;
	dev->hdev = hdev;
	dev->chan = hdev->channel;
	dev->msg_enable = netif_msg_init(-1, NETIF_MSG_DRV | NETIF_MSG_PROBE | NETIF_MSG_LINK);
	mutex_init(&dev->session_lock);
	spin_lock_init(&dev->want_lock);
	spin_lock_init(&dev->sc_lock);
	init_waitqueue_head(&dev->sc_wait);
	init_completion(&dev->change_done);
	INIT_DELAYED_WORK(&dev->reset_work, nva_reset_work);
	INIT_DELAYED_WORK(&dev->link_work, link_work);
	dev->flap_end = jiffies;
	INIT_WORK(&dev->filter_work, filter_work);
	nva_stats_init(dev);
	dev->reset_healthy = jiffies;
	dev->ring_bytes = roundup_pow_of_two(clamp(ring_kib, 128u, 2048u)) << 10;
	dev->tx_copybreak = NVA_TX_COPYBREAK;
	dev->tx_frames = NVA_TX_FRAMES;
	dev->poll_adaptive = true;
	dev->poll_usecs = NVA_POLL_USECS;
	dev->want = (struct nva_config) {
		.channels = channels,
		.recv_bytes = RECV_BYTES,
		.send_bytes = max_t(u32, SEND_BYTES_A_CPU * channels, SEND_BYTES_MIN),
		.mtu = ETH_DATA_LEN,
	};

	SET_NETDEV_DEV(ndev, &hdev->device);
	ndev->netdev_ops = &netdev_ops;
	ndev->ethtool_ops = &nva_ethtool_ops;
	ndev->watchdog_timeo = WATCHDOG;
	ndev->min_mtu = ETH_MIN_MTU;
	ndev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	/* the VF's locks are taken under ours */
	netdev_lockdep_set_classes(ndev);
	nva_stats_register(dev);
	nva_xdp_setup(ndev);
}

static void destroy_queues(struct nva_device *dev)
{
	while (dev->n_queues) {
		u32 i = dev->n_queues - 1;

		nva_queue_destroy(dev->queue[i]);
		dev->n_queues = i;
	}
}

static int nva_probe(struct hv_device *hdev, const struct hv_vmbus_device_id *id)
{
	struct net_device *ndev;
	struct nva_device *dev;
	int err;

	/* driver_override gives us whatever it is written to */
	if (!guid_equal(&hdev->dev_type, &nic_type)) {
		dev_err(&hdev->device, "not a synthetic NIC\n");
		return -ENODEV;
	}
	if (hv_is_isolation_supported()) {
		dev_err(&hdev->device,
			"not proven in confidential VMs, leave this NIC to hv_netvsc\n");
		return -EOPNOTSUPP;
	}
	ndev = alloc_etherdev_mqs(sizeof(*dev), NVA_CHANNELS_MAX, NVA_CHANNELS_MAX);
	if (!ndev)
		return -ENOMEM;
	dev = netdev_priv(ndev);
	setup(ndev, hdev);
	hv_set_drvdata(hdev, dev);
	err = nva_vf_init(dev);
	if (!err)
		err = nva_ctl_init(&dev->ctl);
	if (!err)
		err = nva_queue_create(dev, 0);
	if (err)
		goto free;
	err = nva_session_open(dev, &dev->want);
	/* an answer got lost: the host forgets all of it when the channel closes */
	if (err == -ETIMEDOUT)
		err = nva_session_open(dev, &dev->want);
	if (err) {
		dev_err(&hdev->device, "no session with the host: %pe\n", ERR_PTR(err));
		goto free;
	}

	eth_hw_addr_set(ndev, dev->mac);
	ndev->max_mtu = dev->version >= NVSP_VERSION_2 ? NVA_MTU_MAX : ETH_DATA_LEN;
	ndev->mtu = dev->config.mtu;
	ndev->hw_features = dev->host_features;
	ndev->features = dev->host_features | NETIF_F_HIGHDMA | NETIF_F_HW_VLAN_CTAG_TX |
			 NETIF_F_HW_VLAN_CTAG_RX;
	ndev->vlan_features = dev->host_features & ~(netdev_features_t)NETIF_F_LRO;
	netif_carrier_off(ndev);

	rtnl_lock();
	if (dev->name[0])
		dev_set_alias(ndev, dev->name, strlen(dev->name));
	err = register_netdevice(ndev);
	if (!err) {
		WRITE_ONCE(dev->registered, true);
		nva_session_check(dev);
		nva_attach(dev);
		nva_vf_start(dev);
	}
	rtnl_unlock();
	if (err) {
		dev_err(&hdev->device, "interface not registered: %pe\n", ERR_PTR(err));
		goto close;
	}
	err = nva_devlink_create(dev);
	if (err)
		netdev_warn(ndev, "devlink has no reporters: %pe\n", ERR_PTR(err));
	netdev_info(ndev, "NVSP %u.%u, %u of %u channels\n", dev->version >> 16,
		    dev->version & 0xffff, dev->config.channels, dev->n_channels_max);
	return 0;

close:
	nva_session_close(dev);
free:
	nva_vf_destroy(dev);
	destroy_queues(dev);
	nva_ctl_destroy(&dev->ctl);
	hv_set_drvdata(hdev, NULL);
	free_netdev(ndev);
	return err;
}

hv_remove_callback(nva_remove, hdev)
{
	struct nva_device *dev = hv_get_drvdata(hdev);

	WRITE_ONCE(dev->removing, true);
	cancel_delayed_work_sync(&dev->reset_work);
	nva_devlink_stop(dev);
	nva_vf_stop(dev);
	/* polls that did not see it yet may still ask for the link to be shown */
	synchronize_net();
	cancel_delayed_work_sync(&dev->link_work);
	unregister_netdev(dev->ndev);
	cancel_work_sync(&dev->filter_work);

	mutex_lock(&dev->session_lock);
	nva_tx_stop(dev);
	if (dev->session_up)
		nva_session_close(dev);
	mutex_unlock(&dev->session_lock);

	/* NAPI does not run any more, nothing queues it again */
	cancel_delayed_work_sync(&dev->reset_work);
	nva_vf_destroy(dev);
	nva_devlink_destroy(dev);
	destroy_queues(dev);
	nva_ctl_destroy(&dev->ctl);
	hv_set_drvdata(hdev, NULL);
	free_netdev(dev->ndev);
}

/* Hibernation: the host forgets everything, and gives the device anew. */
static int nva_suspend(struct hv_device *hdev)
{
	nva_session_suspend(hv_get_drvdata(hdev));
	return 0;
}

static int nva_resume(struct hv_device *hdev)
{
	nva_session_resume(hv_get_drvdata(hdev));
	return 0;
}

static const struct hv_vmbus_device_id no_ids[] = {
	{},
};

static struct hv_driver driver = {
	.name = KBUILD_MODNAME,
	.id_table = no_ids,
	.probe = nva_probe,
	.remove = nva_remove,
	.suspend = nva_suspend,
	.resume = nva_resume,
	.driver = {
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

static int __init nva_init(void)
{
	int err;

	nva_wq = alloc_workqueue(KBUILD_MODNAME, WQ_UNBOUND, 0);
	if (!nva_wq)
		return -ENOMEM;
	err = nva_vf_register();
	if (err)
		goto no_vf;
	err = vmbus_driver_register(&driver);
	if (err)
		goto no_driver;
	return 0;

no_driver:
	nva_vf_unregister();
no_vf:
	destroy_workqueue(nva_wq);
	return err;
}
module_init(nva_init);

static void __exit nva_exit(void)
{
	vmbus_driver_unregister(&driver);
	nva_vf_unregister();
	destroy_workqueue(nva_wq);
}
module_exit(nva_exit);

MODULE_DESCRIPTION("Accelerated driver for the Hyper-V synthetic NIC");
MODULE_LICENSE("GPL");
MODULE_VERSION(HVACCEL_VERSION);
