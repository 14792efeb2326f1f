// SPDX-License-Identifier: GPL-2.0
/*
 * hv_vmbus_accel: the module around ring.c, channel.c, poll.c and latency.c. It drives no device
 * itself.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <asm/mshyperv.h>

#include "latency.h"
#include "ring.h"

bool hva_copy_packets;
module_param_named(copy_packets, hva_copy_packets, bool, 0444);
MODULE_PARM_DESC(copy_packets,
		 "copy inbound packets before looking at them (default: only in a confidential VM, there always)");

static int __init hv_vmbus_accel_init(void)
{
	if (hv_is_isolation_supported())
		hva_copy_packets = true;
	if (hva_copy_packets)
		pr_info("inbound packets are copied\n");
	hva_latency_init();
	return 0;
}
module_init(hv_vmbus_accel_init);

static void __exit hv_vmbus_accel_exit(void)
{
	hva_latency_exit();
}
module_exit(hv_vmbus_accel_exit);

MODULE_DESCRIPTION("VMBus ring fast path for accelerated Hyper-V drivers");
MODULE_LICENSE("GPL");
MODULE_VERSION(HVACCEL_VERSION);
