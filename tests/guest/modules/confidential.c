// SPDX-License-Identifier: GPL-2.0
/*
 * Lets one task believe that it is in a confidential VM: a function of the kernel returns true to
 * it. The lab's host can start no such VM, and a bus that runs in one offers no functions.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>

static char *symbol = "hv_is_isolation_supported";
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "the function");

static int task;
module_param(task, int, 0644);
MODULE_PARM_DESC(task, "the task's id");

static int told;
module_param(told, int, 0444);
MODULE_PARM_DESC(told, "how often it was told");

static int on_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (task_pid_nr(current) == READ_ONCE(task)) {
		regs_set_return_value(regs, 1);
		WRITE_ONCE(told, told + 1);
	}
	return 0;
}

static struct kretprobe probe = { .handler = on_return };

static int __init confidential_init(void)
{
	probe.kp.symbol_name = symbol;
	return register_kretprobe(&probe);
}
module_init(confidential_init);

static void __exit confidential_exit(void)
{
	unregister_kretprobe(&probe);
}
module_exit(confidential_exit);

MODULE_DESCRIPTION("Lets a task believe that it is in a confidential VM");
MODULE_LICENSE("GPL");
