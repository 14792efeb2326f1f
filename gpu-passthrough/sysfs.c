// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/gpu_passthrough: whole texts as binary attributes, which may be longer than a page,
 * and devices/ADDRESS/ with what is known of each function. docs/gpu-passthrough.md has the list.
 */
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "gpupt.h"
#include "../compat/sysfs.h"

#define TEXT_BYTES	(128 * 1024)	/* 256 XML nodes and 1024 functions fit */

struct kobject *gpupt_devices;
static struct kobject *root;

static const char *const role_names[] = {
	[GPUPT_ROLE_GPU] = "gpu",
	[GPUPT_ROLE_RDMA] = "rdma",
	[GPUPT_ROLE_NVSWITCH] = "nvswitch",
	[GPUPT_ROLE_NETWORK] = "network",
	[GPUPT_ROLE_STORAGE] = "storage",
	[GPUPT_ROLE_OTHER] = "other",
};

static const char *const confidence_names[] = {
	[GPUPT_CONFIDENCE_NONE] = "none",
	[GPUPT_CONFIDENCE_HEURISTIC] = "heuristic",
	[GPUPT_CONFIDENCE_EXACT] = "exact",
	[GPUPT_CONFIDENCE_ADMIN] = "admin",
};

/**
 * gpupt_role_name() - a role as sysfs spells it
 * @role: any
 *
 * Context: any.
 *
 * Return: a constant string.
 */
const char *gpupt_role_name(enum gpupt_role role)
{
	return role_names[role];
}

/**
 * gpupt_confidence_name() - a confidence as sysfs spells it
 * @confidence: any
 *
 * Context: any.
 *
 * Return: a constant string.
 */
const char *gpupt_confidence_name(enum gpupt_confidence confidence)
{
	return confidence_names[confidence];
}

/* --- whole texts --- */

static void nccl(struct gpupt_text *text)
{
	gpupt_xml(text, 1);
}

static void rccl(struct gpupt_text *text)
{
	gpupt_xml(text, 2);
}

/*
 * One piece of a text. It is made anew for each, so a reader in pieces may see two texts when a
 * function comes or goes in between; readers of a change event read again.
 */
bin_read_callback(read_text)
{
	void (*write)(struct gpupt_text *text) = attr->private;
	struct gpupt_text text = { .room = TEXT_BYTES };
	ssize_t n;

	text.at = kvmalloc(TEXT_BYTES, GFP_KERNEL);
	if (!text.at)
		return -ENOMEM;
	mutex_lock(&gpupt_lock);
	gpupt_registry_refresh();
	write(&text);
	mutex_unlock(&gpupt_lock);
	n = memory_read_from_buffer(buf, count, &off, text.at, text.used);
	kvfree(text.at);
	return n;
}

#define TEXT_FILE(id, file, writer)					\
	static const struct bin_attribute text_##id = {			\
		.attr = { .name = file, .mode = 0444 },			\
		.private = writer,					\
		.read = read_text,					\
	}

TEXT_FILE(nccl, "nccl_topo.xml", nccl);
TEXT_FILE(rccl, "rccl_topo.xml", rccl);
TEXT_FILE(topology, "topology", gpupt_table);
TEXT_FILE(matrix, "p2p_matrix", gpupt_p2p_matrix);

static const struct bin_attribute *const texts[] = {
	&text_nccl, &text_rccl, &text_topology, &text_matrix,
};

/* --- one function --- */

static struct gpupt_function *of(struct kobject *kobj)
{
	return container_of(kobj, struct gpupt_function, kobj);
}

#define SHOW(name, ...)								\
	static ssize_t name##_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf) \
	{									\
		struct gpupt_function *fn = of(kobj);				\
		int n;								\
										\
		mutex_lock(&gpupt_lock);					\
		gpupt_registry_refresh();					\
		n = sysfs_emit(buf, __VA_ARGS__);				\
		mutex_unlock(&gpupt_lock);					\
		return n;							\
	}

SHOW(role, "%s\n", role_names[fn->place.role])
SHOW(confidence, "%s\n", confidence_names[fn->place.confidence])
SHOW(numa_node, "%d\n", fn->place.node)
SHOW(serial, "%s\n", fn->serial)
SHOW(domain, "%04x\n", fn->place.domain)

static ssize_t guid_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct gpupt_function *fn = of(kobj);

	return fn->vpci ? sysfs_emit(buf, "%pUl\n", &fn->guid) : sysfs_emit(buf, "\n");
}

static ssize_t group_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct gpupt_function *fn = of(kobj);
	int group;

	mutex_lock(&gpupt_lock);
	gpupt_registry_refresh();
	group = fn->place.group;
	mutex_unlock(&gpupt_lock);
	return group == GPUPT_NO_GROUP ? sysfs_emit(buf, "none\n") :
					 sysfs_emit(buf, "%d\n", group);
}

static ssize_t group_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			   size_t count)
{
	struct gpupt_function *fn = of(kobj);
	unsigned int number;
	int override;

	if (sysfs_streq(buf, "auto"))
		override = GPUPT_OVERRIDE_AUTO;
	else if (sysfs_streq(buf, "none"))
		override = GPUPT_NO_GROUP;
	else if (!kstrtouint(buf, 10, &number) && number < GPUPT_GROUPS)
		override = number;
	else
		return -EINVAL;
	mutex_lock(&gpupt_lock);
	fn->place.override = override;
	if (fn->listed)
		gpupt_settle_soon();
	mutex_unlock(&gpupt_lock);
	return count;
}

/* What of PCI Express a guest can see; on a VF the control bits are the host's. */
static ssize_t pcie_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct gpupt_function *fn = of(kobj);
	u16 control = 0;
	int n = 0;

	mutex_lock(&gpupt_lock);
	/* Listed: configuration space is there until the lock is free. */
	if (fn->listed && pci_is_pcie(fn->pdev)) {
		pcie_capability_read_word(fn->pdev, PCI_EXP_DEVCTL, &control);
		n = sysfs_emit(buf,
			       "relaxed_ordering=%s payload=%u read_request=%u generation=%u width=%u iommu=%s\n",
			       control & PCI_EXP_DEVCTL_RELAX_EN ? "on" : "off",
			       128u << ((control & PCI_EXP_DEVCTL_PAYLOAD) >> 5),
			       128u << ((control & PCI_EXP_DEVCTL_READRQ) >> 12), fn->link_gen,
			       fn->link_width, device_iommu_mapped(&fn->pdev->dev) ? "on" : "off");
	}
	mutex_unlock(&gpupt_lock);
	return n;
}

static ssize_t claimed_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(of(kobj)->claimed));
}

static ssize_t quiesce_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", !!READ_ONCE(of(kobj)->quiesced));
}

static ssize_t quiesce_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			     size_t count)
{
	struct gpupt_function *fn = of(kobj);
	bool on;
	int ret;

	if (kstrtobool(buf, &on))
		return -EINVAL;
	ret = on ? gpupt_quiesce(fn, GPUPT_QUIESCED_ASKED) :
		   gpupt_resume(fn, GPUPT_QUIESCED_ASKED);
	return ret ?: count;
}

static struct kobj_attribute attributes[] = {
	__ATTR_RO(role),
	__ATTR_RO(confidence),
	__ATTR_RO(numa_node),
	__ATTR_RO(serial),
	__ATTR_RO(domain),
	__ATTR_RO(guid),
	__ATTR(group, 0644, group_show, group_store),
	__ATTR_RO(pcie),
	__ATTR_RO(claimed),
	__ATTR(quiesce, 0600, quiesce_show, quiesce_store),
};

static struct attribute *attribute_list[ARRAY_SIZE(attributes) + 1];
static const struct attribute_group attribute_group = { .attrs = attribute_list };

/* --- its counters --- */

static struct kobj_attribute stat_attributes[GPUPT_N_STATS];
static struct attribute *stat_list[GPUPT_N_STATS + 1];
static const struct attribute_group stat_group = { .name = "stats", .attrs = stat_list };

static const char *const stat_names[GPUPT_N_STATS] = {
	[GPUPT_STAT_exports] = "exports",
	[GPUPT_STAT_export_bytes] = "export_bytes",
	[GPUPT_STAT_attaches] = "attaches",
	[GPUPT_STAT_maps] = "maps",
	[GPUPT_STAT_unmaps] = "unmaps",
	[GPUPT_STAT_faults] = "faults",
	[GPUPT_STAT_faults_huge] = "faults_huge",
	[GPUPT_STAT_faults_refused] = "faults_refused",
	[GPUPT_STAT_revokes] = "revokes",
	[GPUPT_STAT_revoke_timeouts] = "revoke_timeouts",
	[GPUPT_STAT_revoke_max_ns] = "revoke_max_ns",
	[GPUPT_STAT_events] = "events",
	[GPUPT_STAT_events_lost] = "events_lost",
	[GPUPT_STAT_refused_range] = "refused_range",
	[GPUPT_STAT_refused_bar] = "refused_bar",
	[GPUPT_STAT_refused_memtype] = "refused_memtype",
	[GPUPT_STAT_refused_permission] = "refused_permission",
	[GPUPT_STAT_refused_static] = "refused_static",
	[GPUPT_STAT_refused_pinned] = "refused_pinned",
	[GPUPT_STAT_refused_no_p2p] = "refused_no_p2p",
	[GPUPT_STAT_refused_not_pci] = "refused_not_pci",
	[GPUPT_STAT_refused_revoked] = "refused_revoked",
};

static ssize_t stat_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&of(kobj)->stats[attr - stat_attributes]));
}

static const struct attribute_group *groups[] = { &attribute_group, &stat_group, NULL };

static void function_release(struct kobject *kobj)
{
	struct gpupt_function *fn = of(kobj);

	pci_dev_put(fn->pdev);
	kfree(fn);
}

const struct kobj_type gpupt_function_ktype = {
	.release = function_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = groups,
};

static void make_lists(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(attributes); i++)
		attribute_list[i] = &attributes[i].attr;
	for (i = 0; i < GPUPT_N_STATS; i++) {
		sysfs_attr_init(&stat_attributes[i].attr);
		stat_attributes[i].attr.name = stat_names[i];
		stat_attributes[i].attr.mode = 0444;
		stat_attributes[i].show = stat_show;
		stat_list[i] = &stat_attributes[i].attr;
	}
}

/**
 * gpupt_sysfs_start() - make the folder, without functions yet
 *
 * Context: module initialisation.
 *
 * Return: 0 or a negative errno.
 */
int gpupt_sysfs_start(void)
{
	unsigned int i;
	int ret = 0;

	make_lists();
	root = kobject_create_and_add("gpu_passthrough", kernel_kobj);
	if (!root)
		return -ENOMEM;
	gpupt_devices = kobject_create_and_add("devices", root);
	if (!gpupt_devices)
		ret = -ENOMEM;
	for (i = 0; !ret && i < ARRAY_SIZE(texts); i++)
		ret = sysfs_create_bin_file(root, texts[i]);
	if (ret)
		gpupt_sysfs_stop();
	return ret;
}

/**
 * gpupt_sysfs_stop() - undo gpupt_sysfs_start()
 *
 * Context: module removal, when no function is left.
 */
void gpupt_sysfs_stop(void)
{
	kobject_del(gpupt_devices);
	kobject_put(gpupt_devices);
	kobject_del(root); /* with its files */
	kobject_put(root);
}
