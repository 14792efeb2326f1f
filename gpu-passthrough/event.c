// SPDX-License-Identifier: GPL-2.0
/*
 * What user space is told: an event goes to who reads the device file, and as a change uevent of
 * the PCI device to udev. Old ones are overwritten; a reader that was too slow is told so.
 */
#include <linux/ktime.h>
#include <linux/suspend.h>

#include "gpupt.h"
#include "trace.h"

static const char *const names[] = {
	[GPUPT_EVENT_QUIESCE] = "quiesce",
	[GPUPT_EVENT_REVOKED] = "revoked",
	[GPUPT_EVENT_REMOVED] = "removed",
	[GPUPT_EVENT_RESUMED] = "resumed",
	[GPUPT_EVENT_HIBERNATE] = "hibernate",
};

/**
 * gpupt_uevent() - a change uevent of the PCI device, with GPUPT_EVENT=@what
 * @fn: a listed function, or one that is bound to us
 * @what: a word
 *
 * Context: process.
 */
void gpupt_uevent(struct gpupt_function *fn, const char *what)
{
	char text[32];
	char *env[2] = { text };

	snprintf(text, sizeof(text), "GPUPT_EVENT=%s", what);
	kobject_uevent_env(&fn->pdev->dev.kobj, KOBJ_CHANGE, env);
}

/**
 * gpupt_event() - tell everybody
 * @fn: bound to us
 * @type: GPUPT_EVENT_*
 * @count: as the type has it, or 0
 *
 * Context: process.
 */
void gpupt_event(struct gpupt_function *fn, u32 type, u64 count)
{
	struct gpupt_event *event;

	spin_lock(&fn->event_lock);
	event = &fn->event[fn->event_head % GPUPT_EVENTS];
	*event = (struct gpupt_event){
		.type = type,
		.sequence = fn->event_head,
		.time_ns = ktime_get_ns(),
		.count = count,
	};
	fn->event_head++;
	if (type == GPUPT_EVENT_REMOVED)
		WRITE_ONCE(fn->removed, true); /* who sees that finds the event, too */
	spin_unlock(&fn->event_lock);
	gpupt_count(fn, GPUPT_STAT_events);
	trace_gpupt_event(fn, type, count);
	wake_up_all(&fn->event_wait);
	gpupt_uevent(fn, names[type]);
}

static void before_image(struct gpupt_function *fn)
{
	gpupt_quiesce(fn, GPUPT_QUIESCED_HIBERNATE);
}

static void after_image(struct gpupt_function *fn)
{
	gpupt_resume(fn, GPUPT_QUIESCED_HIBERNATE);
}

/* Memory of devices is not part of an image: what is mapped of it would not be what it was. */
static int power(struct notifier_block *nb, unsigned long event, void *unused)
{
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		return notifier_from_errno(gpupt_with_claimed(before_image));
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		gpupt_with_claimed(after_image);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block power_notifier = { .notifier_call = power };

/**
 * gpupt_pm_start() - hear of hibernation
 *
 * Context: module initialisation.
 *
 * Return: 0 or a negative errno.
 */
int gpupt_pm_start(void)
{
	return register_pm_notifier(&power_notifier);
}

/**
 * gpupt_pm_stop() - undo gpupt_pm_start()
 *
 * Context: module removal.
 */
void gpupt_pm_stop(void)
{
	unregister_pm_notifier(&power_notifier);
}
