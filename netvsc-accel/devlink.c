// SPDX-License-Identifier: GPL-2.0
/*
 * The NIC as devlink has it: vmbus/<GUID of the device>, in the first network namespace wherever
 * the interface goes. What it says of itself is here, what it says of its health in health.c.
 */
#include "../compat/devlink.h"
#include "device.h"

static int put_version(struct devlink_info_req *req, const char *name, u32 major, u32 minor)
{
	char text[24];

	snprintf(text, sizeof(text), "%u.%u", major, minor);
	return devlink_info_version_running_put(req, name, text);
}

/* Settings of a session that just changes may be the former one's. */
static int info_get(struct devlink *devlink, struct devlink_info_req *req,
		    struct netlink_ext_ack *extack)
{
	struct nva_device *dev = nva_health_device(devlink_priv(devlink));
	u32 version = READ_ONCE(dev->version), ndis = READ_ONCE(dev->ndis);
	char revision[12];
	int err;

	err = devlink_info_driver(req, KBUILD_MODNAME);
	if (!err)
		err = devlink_info_version_fixed_put(req, "driver", HVACCEL_VERSION);
	if (!err)
		err = put_version(req, "vmbus", vmbus_proto_version >> 16,
				  vmbus_proto_version & 0xffff);
	if (!err)
		err = put_version(req, "nvsp", version >> 16, version & 0xffff);
	if (!err)
		err = put_version(req, "ndis", ndis >> 16, ndis & 0xffff);
	if (err)
		return err;
	snprintf(revision, sizeof(revision), "%u", READ_ONCE(dev->offload_revision));
	return devlink_info_version_running_put(req, "ndis.offload", revision);
}

static const struct devlink_ops ops = {
	.info_get = info_get,
};

/**
 * nva_devlink_create() - show the NIC to devlink
 * @dev: NIC with an interface
 *
 * Context: process, no RTNL.
 * Return: 0 or -ENOMEM.
 */
int nva_devlink_create(struct nva_device *dev)
{
	struct devlink *devlink;
	int err;

	devlink = devlink_alloc(&ops, nva_health_size, &dev->hdev->device);
	if (!devlink)
		return -ENOMEM;
	err = nva_health_create(devlink_priv(devlink), dev, devlink);
	if (err) {
		devlink_free(devlink);
		return err;
	}
	devlink_register(devlink);
	/* complete: whoever sees it may report */
	smp_store_release(&dev->health, devlink_priv(devlink));
	return 0;
}

/**
 * nva_devlink_stop() - show the NIC to devlink no more
 * @dev: NIC that is being removed
 *
 * Context: process, no RTNL. What still goes wrong is not reported.
 */
void nva_devlink_stop(struct nva_device *dev)
{
	if (!dev->health)
		return;
	nva_health_stop(dev->health);
	devlink_unregister(priv_to_devlink(dev->health));
}

/**
 * nva_devlink_destroy() - undo nva_devlink_create()
 * @dev: NIC, stopped; nothing calls nva_health_fault() or nva_health_kick() any more
 *
 * Context: process, no RTNL.
 */
void nva_devlink_destroy(struct nva_device *dev)
{
	struct nva_health *health = dev->health;

	if (!health)
		return;
	dev->health = NULL;
	nva_health_destroy(health);
	devlink_free(priv_to_devlink(health));
}
