// SPDX-License-Identifier: GPL-2.0
/*
 * The registry: every PCI function behind vPCI, and those that were handed to this module. A bus
 * notifier says when they come and go. Node and slot of a function are set after it was announced,
 * so what is known is looked at again a moment later, when the host's message has been worked off.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hyperv.h>
#include <linux/netdevice.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "gpupt.h"

#define FUNCTIONS_MAX	1024	/* a host may offer what it likes */
#define SETTLE_TURNS	20	/* until slots have their names */

/* guards the list of functions and what gpupt.h says of each */
DEFINE_MUTEX(gpupt_lock);
LIST_HEAD(gpupt_functions);

static struct workqueue_struct *worker;
static unsigned int n_functions;
static unsigned int turns_left;
static bool stopping;
static bool told_no_nodes;

static void settle(struct work_struct *work);
static DECLARE_DELAYED_WORK(settle_work, settle);

/* The VMBus device above a function behind vPCI, or NULL. */
static struct hv_device *vpci_device(struct pci_dev *pdev)
{
	struct device *parent;

	/* bus->bridge is the host bridge on a root bus, and vPCI has no other. */
	if (!pci_is_root_bus(pdev->bus) || !pdev->bus->bridge)
		return NULL;
	parent = pdev->bus->bridge->parent;
	if (!parent || !parent->bus || strcmp(parent->bus->name, "vmbus"))
		return NULL;
	return container_of(parent, struct hv_device, device);
}

/* --- what is known of one --- */

static int is_infiniband(struct device *dev, void *unused)
{
	return dev->class && !strcmp(dev->class->name, "infiniband");
}

/* Does an interface of the function have one of the synthetic network above it? */
static bool is_network_vf(struct pci_dev *pdev)
{
	struct net_device *dev, *upper;
	bool found = false;

	rcu_read_lock();
	for_each_netdev_rcu(&init_net, dev) {
		if (dev->dev.parent != &pdev->dev)
			continue;
		upper = netdev_master_upper_dev_get_rcu(dev);
		found |= upper && upper->dev.parent && upper->dev.parent->bus &&
			 !strcmp(upper->dev.parent->bus->name, "vmbus");
	}
	rcu_read_unlock();
	return found;
}

/* An Ethernet NIC is an RDMA NIC when it has such a device and is not the synthetic NIC's VF. */
static enum gpupt_role role_now(struct gpupt_function *fn)
{
	enum gpupt_role role = gpupt_role_of(fn->class, fn->place.vendor, fn->place.device);

	if (role == GPUPT_ROLE_NETWORK &&
	    device_for_each_child(&fn->pdev->dev, NULL, is_infiniband) &&
	    !is_network_vf(fn->pdev))
		return GPUPT_ROLE_RDMA;
	return role;
}

static int by_node_and_domain(const void *a, const void *b)
{
	const struct gpupt_place *p = *(struct gpupt_place *const *)a;
	const struct gpupt_place *q = *(struct gpupt_place *const *)b;

	if (p->node != q->node)
		return p->node < q->node ? -1 : 1;
	if (p->domain != q->domain)
		return p->domain < q->domain ? -1 : 1;
	return 0;
}

static void warn_of_nodes(bool all_on_first)
{
	if (!all_on_first || num_node_state(N_CPU) < 2 || n_functions < 2 || told_no_nodes)
		return;
	told_no_nodes = true;
	pr_notice("all functions are on node 0 of %d: the host seems not to tell their nodes\n",
		  num_node_state(N_CPU));
}

/**
 * gpupt_registry_refresh() - look again at roles and nodes, and group anew
 *
 * Context: process, gpupt_lock held.
 */
void gpupt_registry_refresh(void)
{
	struct gpupt_place **place;
	struct gpupt_function *fn;
	bool all_on_first = true;
	unsigned int n = 0;

	place = kmalloc_array(n_functions, sizeof(*place), GFP_KERNEL);
	if (!place)
		return; /* the last grouping stays; also when there is nothing to group */
	list_for_each_entry(fn, &gpupt_functions, list) {
		/* What has no node is on the first one, as vPCI has it. */
		fn->place.node = max(dev_to_node(&fn->pdev->dev), 0);
		fn->place.role = role_now(fn);
		all_on_first &= !fn->place.node;
		place[n++] = &fn->place;
	}
	sort(place, n, sizeof(*place), by_node_and_domain, NULL);
	gpupt_group(place, n);
	kfree(place);
	warn_of_nodes(all_on_first);
}

/*
 * pci-hyperv names a function's slot by its serial number, and takes the slot back under no lock of
 * ours: a reference keeps the name. Where there is no slot any more, one is made and goes at once.
 */
static void read_serial(struct gpupt_function *fn)
{
	static const char none[] = "hvaccel-none";
	struct pci_slot *slot;

	if (!READ_ONCE(fn->pdev->slot))
		return;
	slot = pci_create_slot(fn->pdev->bus, PCI_SLOT(fn->pdev->devfn), none, NULL);
	if (IS_ERR(slot))
		return;
	if (strcmp(pci_slot_name(slot), none))
		strscpy(fn->serial, pci_slot_name(slot), sizeof(fn->serial));
	pci_destroy_slot(slot);
}

/* Rescans and removals wait meanwhile: the configuration space is there. */
static bool look_at(struct gpupt_function *fn)
{
	u16 status;

	if (!fn->serial[0])
		read_serial(fn);
	if (!pcie_capability_read_word(fn->pdev, PCI_EXP_LNKSTA, &status) && status != U16_MAX) {
		fn->link_gen = status & PCI_EXP_LNKSTA_CLS;
		fn->link_width = (status & PCI_EXP_LNKSTA_NLW) >> PCI_EXP_LNKSTA_NLW_SHIFT;
	}
	return fn->serial[0] || !fn->vpci;
}

static void tell_changes(void)
{
	struct gpupt_function *fn;

	list_for_each_entry(fn, &gpupt_functions, list) {
		if (!memcmp(&fn->reported, &fn->place, sizeof(fn->place)))
			continue;
		fn->reported = fn->place;
		gpupt_uevent(fn, "topology");
	}
}

static void settle(struct work_struct *work)
{
	struct gpupt_function *fn;
	bool settled = true;

	pci_lock_rescan_remove();
	mutex_lock(&gpupt_lock);
	list_for_each_entry(fn, &gpupt_functions, list)
		settled &= look_at(fn);
	gpupt_registry_refresh();
	if (!settled && turns_left && !stopping) {
		turns_left--;
		queue_delayed_work(worker, &settle_work, HZ / 4);
	}
	tell_changes();
	mutex_unlock(&gpupt_lock);
	pci_unlock_rescan_remove();
}

/**
 * gpupt_settle_soon() - look at everything again in a moment
 *
 * Context: process, gpupt_lock held.
 */
void gpupt_settle_soon(void)
{
	turns_left = SETTLE_TURNS;
	if (!stopping)
		mod_delayed_work(worker, &settle_work, HZ / 20);
}

/* --- coming and going --- */

static struct gpupt_function *find(struct pci_dev *pdev)
{
	struct gpupt_function *fn;

	list_for_each_entry(fn, &gpupt_functions, list)
		if (fn->pdev == pdev)
			return fn;
	return NULL;
}

static void describe(struct gpupt_function *fn, struct pci_dev *pdev, struct hv_device *hv)
{
	fn->pdev = pci_dev_get(pdev);
	strscpy(fn->name, pci_name(pdev), sizeof(fn->name));
	fn->vpci = hv;
	if (hv)
		guid_copy(&fn->guid, &hv->dev_instance);
	fn->class = pdev->class;
	fn->place.domain = pci_domain_nr(pdev->bus);
	fn->place.vendor = pdev->vendor;
	fn->place.device = pdev->device;
	fn->place.override = GPUPT_OVERRIDE_AUTO;
	fn->place.group = GPUPT_NO_GROUP;
	fn->reported = fn->place;
	fn->reported.node = NUMA_NO_NODE; /* nothing has been told yet */
	INIT_LIST_HEAD(&fn->buffers);
	mutex_init(&fn->revoke_lock);
	mutex_init(&fn->lock);
	spin_lock_init(&fn->event_lock);
	init_waitqueue_head(&fn->event_wait);
}

/* With gpupt_lock held. */
static struct gpupt_function *add(struct pci_dev *pdev, struct hv_device *hv)
{
	struct gpupt_function *fn = find(pdev);

	if (fn)
		return fn;
	if (n_functions == FUNCTIONS_MAX) {
		pr_warn_once("more than %u functions: the rest is left out\n", FUNCTIONS_MAX);
		return NULL;
	}
	fn = kzalloc(sizeof(*fn), GFP_KERNEL);
	if (!fn)
		return NULL;
	describe(fn, pdev, hv);
	if (kobject_init_and_add(&fn->kobj, &gpupt_function_ktype, gpupt_devices, "%s",
				 fn->name)) {
		kobject_put(&fn->kobj);
		return NULL;
	}
	list_add_tail(&fn->list, &gpupt_functions);
	fn->listed = true;
	n_functions++;
	gpupt_settle_soon();
	return fn;
}

/*
 * Not listed any more, then its files: they wait for readers, who may want the lock. Nobody who
 * finds it afterwards by a reference of his own may look at pdev.
 */
static void forget(struct gpupt_function *fn)
{
	bool listed;

	mutex_lock(&gpupt_lock);
	listed = fn->listed;
	if (listed) {
		list_del(&fn->list);
		fn->listed = false;
		n_functions--;
		gpupt_settle_soon();
	}
	mutex_unlock(&gpupt_lock);
	if (!listed)
		return;
	kobject_del(&fn->kobj);
	kobject_put(&fn->kobj);
}

/**
 * gpupt_function_get() - the entry of a function that is being bound to this module
 * @pdev: any PCI function
 *
 * Context: process, not under gpupt_lock.
 *
 * Return: the entry with a reference, which gpupt_function_drop() gives back; NULL without memory.
 */
struct gpupt_function *gpupt_function_get(struct pci_dev *pdev)
{
	struct gpupt_function *fn;

	mutex_lock(&gpupt_lock);
	fn = add(pdev, vpci_device(pdev));
	if (fn)
		kobject_get(&fn->kobj);
	mutex_unlock(&gpupt_lock);
	return fn;
}

/**
 * gpupt_function_drop() - undo gpupt_function_get()
 * @fn: is forgotten unless it is behind vPCI
 *
 * Context: process, not under gpupt_lock.
 */
void gpupt_function_drop(struct gpupt_function *fn)
{
	if (!fn->vpci)
		forget(fn);
	kobject_put(&fn->kobj);
}

/**
 * gpupt_with_claimed() - do something with every function that this module drives
 * @act: may sleep and wait; gpupt_lock is not held
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM.
 */
int gpupt_with_claimed(void (*act)(struct gpupt_function *fn))
{
	struct gpupt_function **all, *fn;
	unsigned int n = 0, i;

	mutex_lock(&gpupt_lock);
	all = kmalloc_array(n_functions + 1, sizeof(*all), GFP_KERNEL);
	if (!all) {
		mutex_unlock(&gpupt_lock);
		return -ENOMEM;
	}
	list_for_each_entry(fn, &gpupt_functions, list)
		if (READ_ONCE(fn->claimed) && kobject_get_unless_zero(&fn->kobj))
			all[n++] = fn;
	mutex_unlock(&gpupt_lock);
	for (i = 0; i < n; i++) {
		act(all[i]);
		kobject_put(&all[i]->kobj);
	}
	kfree(all);
	return 0;
}

/* Whoever drives it hears of its end now; other drivers' users have no earlier notice than this. */
static void unbinding(struct pci_dev *pdev)
{
	struct gpupt_function *fn;

	mutex_lock(&gpupt_lock);
	fn = find(pdev);
	if (fn && fn->vpci && !fn->claimed)
		gpupt_uevent(fn, "quiesce");
	mutex_unlock(&gpupt_lock);
}

static void removed(struct pci_dev *pdev)
{
	struct gpupt_function *fn;

	mutex_lock(&gpupt_lock);
	list_for_each_entry(fn, &gpupt_functions, list)
		gpupt_p2p_forget(fn, pdev);
	fn = find(pdev);
	if (fn) {
		gpupt_uevent(fn, "removed");
		kobject_get(&fn->kobj);
	}
	mutex_unlock(&gpupt_lock);
	if (!fn)
		return;
	forget(fn);
	kobject_put(&fn->kobj);
}

static int notice(struct notifier_block *nb, unsigned long event, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	struct hv_device *hv;

	switch (event) {
	case BUS_NOTIFY_ADD_DEVICE:
		hv = vpci_device(pdev);
		if (!hv)
			break;
		mutex_lock(&gpupt_lock);
		add(pdev, hv);
		mutex_unlock(&gpupt_lock);
		break;
	case BUS_NOTIFY_BOUND_DRIVER:
		/* Its driver may have made an RDMA device or an interface of it. */
		mutex_lock(&gpupt_lock);
		if (find(pdev))
			gpupt_settle_soon();
		mutex_unlock(&gpupt_lock);
		break;
	case BUS_NOTIFY_UNBIND_DRIVER:
		unbinding(pdev);
		break;
	case BUS_NOTIFY_DEL_DEVICE:
		removed(pdev);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block pci_notifier = { .notifier_call = notice };

/**
 * gpupt_registry_start() - know all functions, and hear of changes
 *
 * Context: module initialisation.
 *
 * Return: 0 or a negative errno.
 */
int gpupt_registry_start(void)
{
	struct pci_dev *pdev = NULL;
	int ret;

	worker = alloc_ordered_workqueue("gpupt", 0);
	if (!worker)
		return -ENOMEM;
	/* None may go between being looked up and being added. */
	pci_lock_rescan_remove();
	ret = bus_register_notifier(&pci_bus_type, &pci_notifier);
	if (!ret)
		for_each_pci_dev(pdev)
			if (device_is_registered(&pdev->dev))
				notice(&pci_notifier, BUS_NOTIFY_ADD_DEVICE, &pdev->dev);
	pci_unlock_rescan_remove();
	if (ret)
		destroy_workqueue(worker);
	return ret;
}

/**
 * gpupt_registry_stop() - forget everything
 *
 * Context: module removal; nothing is claimed any more.
 */
void gpupt_registry_stop(void)
{
	struct gpupt_function *fn;

	bus_unregister_notifier(&pci_bus_type, &pci_notifier);
	mutex_lock(&gpupt_lock);
	stopping = true;
	mutex_unlock(&gpupt_lock);
	cancel_delayed_work_sync(&settle_work);
	while ((fn = list_first_entry_or_null(&gpupt_functions, struct gpupt_function, list)))
		forget(fn);
	destroy_workqueue(worker);
}
