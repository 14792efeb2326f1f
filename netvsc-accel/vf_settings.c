// SPDX-License-Identifier: GPL-2.0
/*
 * What NIC and VF are set to. MTU, address, filters and XDP program are the NIC's, and the VF
 * follows. Rings, channels, spread and coalescing are the VF's own, set by its user: they are read
 * when it goes down and given to the next one, which comes with its driver's defaults.
 */
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/pci.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "../compat/net_ethtool.h"
#include "../compat/net_vf.h"
#include "device.h"

/* Longest RSS table that is kept. */
#define TABLE_MAX		1024u
/* Interrupts whose processors are kept. */
#define IRQS_MAX		128u

/**
 * struct nva_vf_settings - what the last VF was set to
 * @has_rings: @rings is known
 * @has_channels: @channels is known
 * @has_coalesce: @coalesce is known
 * @table_size: entries of @table, which its user set; 0 for none
 * @rings: packets in the rings
 * @channels: queues
 * @coalesce: interrupts a packet
 * @kernel_coalesce: likewise
 * @table: which queue receives
 * @irqs: interrupts in @affinity
 * @affinity: where each of them may go, or NULL
 */
struct nva_vf_settings {
	bool has_rings;
	bool has_channels;
	bool has_coalesce;
	u32 table_size;
	struct ethtool_ringparam rings;
	struct ethtool_channels channels;
	struct ethtool_coalesce coalesce;
	struct kernel_ethtool_coalesce kernel_coalesce;
	u32 table[TABLE_MAX];
	u32 irqs;
	void *affinity;
};

static void save_table(struct net_device *vf, struct nva_vf_settings *s)
{
	const struct ethtool_ops *ops = vf->ethtool_ops;
	struct ethtool_rxfh_param rxfh = {};

	s->table_size = 0;
	if (!netif_is_rxfh_configured(vf) || !ops->get_rxfh || !ops->set_rxfh ||
	    !ops->get_rxfh_indir_size)
		return;
	rxfh.indir_size = ops->get_rxfh_indir_size(vf);
	rxfh.indir = s->table;
	if (rxfh.indir_size && rxfh.indir_size <= TABLE_MAX && !rxfh_get(vf, &rxfh))
		s->table_size = rxfh.indir_size;
}

static struct cpumask *affinity_of(const struct nva_vf_settings *s, u32 i)
{
	return s->affinity + (size_t)i * cpumask_size();
}

/*
 * The mask of the VF's @i-th interrupt, NULL when there is none that its user may move. What was
 * asked for last counts: an interrupt that cannot move at any time does so when it next occurs.
 */
static const struct cpumask *affinity_now(struct pci_dev *pdev, u32 i, int *irq)
{
	struct irq_data *data;

	*irq = pci_dev_msi_enabled(pdev) ? pci_irq_vector(pdev, i) : 0;
	data = *irq > 0 ? irq_get_irq_data(*irq) : NULL;
	if (!data || irqd_affinity_is_managed(data))
		return NULL;
#ifdef CONFIG_GENERIC_PENDING_IRQ
	if (irqd_is_setaffinity_pending(data))
		return irq_data_to_desc(data)->pending_mask;
#endif
	return irq_data_get_affinity_mask(data);
}

static void save_affinity(struct nva_device *dev, struct nva_vf_settings *s)
{
	const struct cpumask *mask;
	int irq;

	if (!s->affinity)
		s->affinity = kvcalloc(IRQS_MAX, cpumask_size(), GFP_KERNEL);
	for (s->irqs = 0; s->affinity && s->irqs < IRQS_MAX; s->irqs++) {
		mask = affinity_now(dev->vf.pdev, s->irqs, &irq);
		if (!mask)
			break;
		cpumask_copy(affinity_of(s, s->irqs), mask);
	}
}

/**
 * nva_vf_affinity() - have the VF's interrupts go where its predecessor's went
 * @dev: NIC with a VF that is up
 *
 * Moving one costs a conversation with the host, so only those are moved that have to.
 *
 * Context: process, RTNL.
 */
void nva_vf_affinity(struct nva_device *dev)
{
	const struct nva_vf_settings *s = dev->vf.settings;
	const struct cpumask *mask;
	u32 i;
	int irq;

	for (i = 0; s && i < s->irqs; i++) {
		mask = affinity_now(dev->vf.pdev, i, &irq);
		if (!mask)
			break;
		if (!cpumask_equal(mask, affinity_of(s, i)) &&
		    cpumask_intersects(affinity_of(s, i), cpu_online_mask))
			irq_set_affinity(irq, affinity_of(s, i));
	}
}

/**
 * nva_vf_save() - remember what the VF's user set
 * @dev: NIC
 * @vf: VF, about to go down
 *
 * Context: process, RTNL and the VF's own lock where it has one.
 */
void nva_vf_save(struct nva_device *dev, struct net_device *vf)
{
	const struct ethtool_ops *ops = vf->ethtool_ops;
	struct nva_vf_settings *s = dev->vf.settings;
	struct kernel_ethtool_ringparam kernel_ring = {};

	/* one that was not set up yet knows nothing, and one that is dead may not be asked */
	if (!ops || dev->vf.fresh || !netif_device_present(vf))
		return;
	if (!s) {
		s = kvzalloc(sizeof(*s), GFP_KERNEL);
		if (!s)
			return;
		dev->vf.settings = s;
	}
	s->has_rings = ops->get_ringparam && ops->set_ringparam;
	if (s->has_rings) {
		memset(&s->rings, 0, sizeof(s->rings));
		ops->get_ringparam(vf, &s->rings, &kernel_ring, NULL);
	}
	s->has_channels = ops->get_channels && ops->set_channels;
	if (s->has_channels) {
		memset(&s->channels, 0, sizeof(s->channels));
		ops->get_channels(vf, &s->channels);
	}
	memset(&s->coalesce, 0, sizeof(s->coalesce));
	memset(&s->kernel_coalesce, 0, sizeof(s->kernel_coalesce));
	s->has_coalesce = ops->get_coalesce && ops->set_coalesce &&
			  !ops->get_coalesce(vf, &s->coalesce, &s->kernel_coalesce, NULL);
	save_table(vf, s);
	save_affinity(dev, s);
}

/**
 * nva_vf_forget() - free what nva_vf_save() keeps
 * @dev: NIC
 *
 * Context: process.
 */
void nva_vf_forget(struct nva_device *dev)
{
	if (dev->vf.settings)
		kvfree(dev->vf.settings->affinity);
	kvfree(dev->vf.settings);
	dev->vf.settings = NULL;
}

static int set_rings(struct net_device *vf, const struct nva_vf_settings *s)
{
	const struct ethtool_ops *ops = vf->ethtool_ops;
	struct kernel_ethtool_ringparam kernel_ring = {};
	struct ethtool_ringparam now = {};

	if (!s->has_rings || !ops->get_ringparam || !ops->set_ringparam)
		return 0;
	ops->get_ringparam(vf, &now, &kernel_ring, NULL);
	if (now.rx_pending == s->rings.rx_pending && now.tx_pending == s->rings.tx_pending)
		return 0;
	if (s->rings.rx_pending > now.rx_max_pending || s->rings.tx_pending > now.tx_max_pending)
		return -ERANGE;
	now.rx_pending = s->rings.rx_pending;
	now.tx_pending = s->rings.tx_pending;
	return ops->set_ringparam(vf, &now, &kernel_ring, NULL);
}

static int set_channels(struct net_device *vf, const struct nva_vf_settings *s)
{
	const struct ethtool_ops *ops = vf->ethtool_ops;
	struct ethtool_channels now = {}, want;

	if (!s->has_channels || !ops->get_channels || !ops->set_channels)
		return 0;
	ops->get_channels(vf, &now);
	want = now;
	want.rx_count = s->channels.rx_count;
	want.tx_count = s->channels.tx_count;
	want.combined_count = s->channels.combined_count;
	if (!memcmp(&want, &now, sizeof(now)))
		return 0;
	if (want.rx_count > now.max_rx || want.tx_count > now.max_tx ||
	    want.combined_count > now.max_combined)
		return -ERANGE;
	return ops->set_channels(vf, &want);
}

static int set_table(struct net_device *vf, struct nva_vf_settings *s)
{
	const struct ethtool_ops *ops = vf->ethtool_ops;
	struct ethtool_rxfh_param rxfh = {};
	int err;
	u32 i;

	if (!s->table_size || !ops->set_rxfh || !ops->get_rxfh_indir_size)
		return 0;
	if (ops->get_rxfh_indir_size(vf) != s->table_size)
		return -ERANGE;
	for (i = 0; i < s->table_size; i++)
		if (s->table[i] >= vf->real_num_rx_queues)
			return -ERANGE;
	rxfh.indir_size = s->table_size;
	rxfh.indir = s->table;
	err = rxfh_set(vf, &rxfh);
	if (!err)
		rxfh_configured(vf, &rxfh);
	return err;
}

static int set_coalesce(struct net_device *vf, struct nva_vf_settings *s)
{
	const struct ethtool_ops *ops = vf->ethtool_ops;
	struct kernel_ethtool_coalesce kernel_now = {};
	struct ethtool_coalesce now = {};

	if (!s->has_coalesce || !ops->get_coalesce || !ops->set_coalesce ||
	    ops->get_coalesce(vf, &now, &kernel_now, NULL))
		return 0;
	now.cmd = s->coalesce.cmd;
	if (!memcmp(&now, &s->coalesce, sizeof(now)) &&
	    !memcmp(&kernel_now, &s->kernel_coalesce, sizeof(kernel_now)))
		return 0;
	return ops->set_coalesce(vf, &s->coalesce, &s->kernel_coalesce, NULL);
}

static void tell(struct nva_device *dev, const struct net_device *vf, const char *what, int err)
{
	if (err)
		netdev_notice(dev->ndev, "VF %s does not take the %s of the last one: %pe\n",
			      vf->name, what, ERR_PTR(err));
}

/* What its predecessor was set to; not to be had is not a reason not to use it. */
static void restore(struct nva_device *dev, struct net_device *vf)
{
	struct nva_vf_settings *s = dev->vf.settings;

	if (!s || !vf->ethtool_ops)
		return;
	netdev_lock_ops(vf);
	tell(dev, vf, "channels", set_channels(vf, s));
	tell(dev, vf, "rings", set_rings(vf, s));
	tell(dev, vf, "RSS table", set_table(vf, s));
	tell(dev, vf, "coalescing", set_coalesce(vf, s));
	netdev_unlock_ops(vf);
}

/* A program sees all packets of the NIC or none: a VF that cannot run it is not used. */
static int give_program(struct nva_device *dev, struct net_device *vf, struct bpf_prog *prog,
			struct netlink_ext_ack *extack)
{
	struct netdev_bpf bpf = {
		.command = XDP_SETUP_PROG,
		.prog = prog,
		.extack = extack,
	};
	int err;

	if (!prog && !dev->vf.xdp)
		return 0;
	/* one of the VF's own, which has to stay */
	if (prog && !dev->vf.xdp && dev_xdp_prog_count(vf))
		return -EBUSY;
	if (prog)
		bpf_prog_inc(prog);
	err = dev_xdp_propagate(vf, &bpf);
	if (!err)
		dev->vf.xdp = prog;
	else if (prog)
		bpf_prog_put(prog);
	return err;
}

/* What the NIC has and the VF must have too. */
static bool refused(struct nva_device *dev, const struct net_device *vf, const char *what, int err)
{
	if (err)
		netdev_warn(dev->ndev, "VF %s does not take the NIC's %s (%pe), not used\n",
			    vf->name, what, ERR_PTR(err));
	return err;
}

/**
 * nva_vf_settle() - set the VF up as the NIC is
 * @dev: NIC
 * @vf: VF, just bound
 *
 * What it does not take keeps packets from it: see nva_vf_obstacle().
 *
 * Context: process, RTNL.
 */
void nva_vf_settle(struct nva_device *dev, struct net_device *vf)
{
	struct net_device *ndev = dev->ndev;

	restore(dev, vf);
	if (vf->mtu != ndev->mtu)
		refused(dev, vf, "MTU", dev_set_mtu(vf, ndev->mtu));
	if (!ether_addr_equal(vf->dev_addr, ndev->dev_addr))
		refused(dev, vf, "address", dev_set_ether_address(vf, ndev->dev_addr));
	dev->vf.no_xdp = refused(dev, vf, "XDP program",
				 give_program(dev, vf, dev->xdp_prog, NULL));
	netif_addr_lock_bh(ndev);
	dev_uc_sync(vf, ndev);
	dev_mc_sync(vf, ndev);
	netif_addr_unlock_bh(ndev);
	nva_vf_rx_flags(ndev, IFF_PROMISC | IFF_ALLMULTI);
}

/**
 * nva_vf_unsettle() - take back from the VF what is the NIC's
 * @dev: NIC
 * @vf: VF, perhaps not working any more
 *
 * Context: process, RTNL, not the VF's own lock.
 */
void nva_vf_unsettle(struct nva_device *dev, struct net_device *vf)
{
	struct net_device *ndev = dev->ndev;

	if (give_program(dev, vf, NULL, NULL))
		netdev_warn(ndev, "VF %s keeps the XDP program\n", vf->name);
	dev->vf.xdp = false;
	dev_uc_unsync(vf, ndev);
	dev_mc_unsync(vf, ndev);
	if (dev->vf.promisc)
		dev_set_promiscuity(vf, -1);
	if (dev->vf.allmulti)
		dev_set_allmulti(vf, -1);
	dev->vf.promisc = false;
	dev->vf.allmulti = false;
}

/**
 * nva_vf_bpf() - ndo_bpf()
 * @ndev: interface
 * @bpf: command
 *
 * Context: process, RTNL.
 * Return: as nva_bpf().
 */
int nva_vf_bpf(struct net_device *ndev, struct netdev_bpf *bpf)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct net_device *vf = nva_vf_get(dev);
	int err;

	if (vf && !dev->vf.fresh && bpf->command == XDP_SETUP_PROG) {
		dev->vf.no_xdp = refused(dev, vf, "XDP program",
					 give_program(dev, vf, bpf->prog, bpf->extack));
		if (dev->vf.no_xdp)
			nva_vf_away(dev, vf, NVA_VF_BY_SETTING);
	} else if (vf && bpf->command == XDP_SETUP_XSK_POOL && bpf->xsk.pool) {
		nva_vf_away(dev, vf, NVA_VF_BY_SETTING);
	}
	err = nva_bpf(ndev, bpf);
	if (err && vf && !dev->vf.fresh && bpf->command == XDP_SETUP_PROG)
		dev->vf.no_xdp = give_program(dev, vf, dev->xdp_prog, NULL);
	nva_vf_kick(dev);
	return err;
}

/**
 * nva_vf_change_mtu() - the NIC gets another MTU, and so does its VF
 * @dev: NIC
 * @mtu: bytes without Ethernet header
 *
 * Context: process, RTNL.
 * Return: 0 or the VF's error.
 */
int nva_vf_change_mtu(struct nva_device *dev, int mtu)
{
	struct net_device *vf = nva_vf_get(dev);

	return vf && !dev->vf.fresh && vf->mtu != mtu ? dev_set_mtu(vf, mtu) : 0;
}

/**
 * nva_vf_mac() - the NIC gets another address, and so does its VF
 * @dev: NIC
 * @address: ETH_ALEN bytes
 *
 * Context: process, RTNL.
 * Return: 0 or the VF's error.
 */
int nva_vf_mac(struct nva_device *dev, const u8 *address)
{
	struct net_device *vf = nva_vf_get(dev);

	return vf && !dev->vf.fresh ? dev_set_ether_address(vf, address) : 0;
}

/**
 * nva_vf_rx_mode() - the VF receives what the NIC does
 * @dev: NIC
 *
 * Context: ndo_set_rx_mode(), under the NIC's address lock.
 */
void nva_vf_rx_mode(struct nva_device *dev)
{
	struct net_device *vf;

	rcu_read_lock();
	vf = rcu_dereference(dev->vf.ndev);
	if (vf) {
		dev_uc_sync(vf, dev->ndev);
		dev_mc_sync(vf, dev->ndev);
	}
	rcu_read_unlock();
}

/**
 * nva_vf_rx_flags() - ndo_change_rx_flags()
 * @ndev: interface
 * @change: IFF_PROMISC and IFF_ALLMULTI as far as they changed
 *
 * Context: process, RTNL.
 */
void nva_vf_rx_flags(struct net_device *ndev, int change)
{
	struct nva_device *dev = netdev_priv(ndev);
	struct net_device *vf = nva_vf_get(dev);
	bool want;

	if (!vf || dev->vf.fresh)
		return;
	want = ndev->flags & IFF_PROMISC;
	if (change & IFF_PROMISC && want != dev->vf.promisc &&
	    !dev_set_promiscuity(vf, want ? 1 : -1))
		dev->vf.promisc = want;
	want = ndev->flags & IFF_ALLMULTI;
	if (change & IFF_ALLMULTI && want != dev->vf.allmulti &&
	    !dev_set_allmulti(vf, want ? 1 : -1))
		dev->vf.allmulti = want;
}
