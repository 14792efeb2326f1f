// SPDX-License-Identifier: GPL-2.0
/*
 * Gives the interface of a virtio-net function the PCI function as its parent.
 *
 * virtio_net makes its interfaces children of the virtio device in between, while hv_netvsc takes
 * an interface as a VF only when its parent is a PCI function, as those of all other NICs are. The
 * notifier runs after an interface's ndo_init and before it gets its place in sysfs, so nothing has
 * seen the old parent yet. Only interfaces on other PCI domains than 0 are changed: vPCI's.
 */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/pci.h>

static int vf_parent_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct device *parent = dev->dev.parent;

	if (event != NETDEV_POST_INIT || !parent || !parent->bus ||
	    strcmp(parent->bus->name, "virtio") || !parent->parent || !dev_is_pci(parent->parent))
		return NOTIFY_DONE;
	if (pci_domain_nr(to_pci_dev(parent->parent)->bus))
		SET_NETDEV_DEV(dev, parent->parent);
	return NOTIFY_DONE;
}

static struct notifier_block vf_parent_notifier = {
	.notifier_call = vf_parent_event,
	/* Before the drivers that look for VFs. */
	.priority = INT_MAX,
};

static int __init vf_parent_init(void)
{
	return register_netdevice_notifier(&vf_parent_notifier);
}
module_init(vf_parent_init);

static void __exit vf_parent_exit(void)
{
	unregister_netdevice_notifier(&vf_parent_notifier);
}
module_exit(vf_parent_exit);

MODULE_DESCRIPTION("PCI functions as parents of virtio interfaces (for tests)");
MODULE_LICENSE("GPL");
