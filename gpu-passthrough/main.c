// SPDX-License-Identifier: GPL-2.0
/*
 * hv_gpu_passthrough: what a guest can know of passed-through GPUs and RDMA NICs, and dma-bufs of
 * the memory of those that it is handed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "gpupt.h"

#define TIMEOUT_MIN_MS	10u
#define TIMEOUT_MAX_MS	30000u	/* half of what the host gives for letting go of a device */

unsigned int gpupt_revoke_timeout_ms = 10000;

static int set_timeout(const char *value, const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS);
}

static const struct kernel_param_ops timeout_ops = {
	.set = set_timeout,
	.get = param_get_uint,
};

module_param_cb(revoke_timeout_ms, &timeout_ops, &gpupt_revoke_timeout_ms, 0644);
MODULE_PARM_DESC(revoke_timeout_ms,
		 "how long importers may take to let go of a device's memory (10 to 30000, default 10000)");

static int __init hv_gpu_passthrough_init(void)
{
	int ret = gpupt_sysfs_start();

	if (ret)
		return ret;
	ret = gpupt_registry_start();
	if (ret)
		goto no_registry;
	ret = gpupt_pm_start();
	if (ret)
		goto no_pm;
	ret = pci_register_driver(&gpupt_driver);
	if (!ret)
		return 0;
	gpupt_pm_stop();
no_pm:
	gpupt_registry_stop();
no_registry:
	gpupt_sysfs_stop();
	return ret;
}
module_init(hv_gpu_passthrough_init);

static void __exit hv_gpu_passthrough_exit(void)
{
	pci_unregister_driver(&gpupt_driver);
	gpupt_pm_stop();
	gpupt_registry_stop();
	gpupt_sysfs_stop();
}
module_exit(hv_gpu_passthrough_exit);

MODULE_DESCRIPTION("Topology and memory of GPUs and RDMA NICs passed through by Hyper-V");
MODULE_LICENSE("GPL");
MODULE_VERSION(HVACCEL_VERSION);
