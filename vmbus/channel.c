// SPDX-License-Identifier: GPL-2.0
/*
 * A channel's settings: taken over before it is opened, given back as found after it was closed.
 *
 * Channel objects outlive the drivers that use them. hv_vmbus resets none of what a driver sets:
 * the next driver of the channel inherits it, with pointers into modules that may be gone.
 */
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/hyperv.h>
#include <linux/kobject.h>
#include <linux/minmax.h>

#include "hv_vmbus_accel.h"
#include "ring.h"

static struct device *channel_device(struct vmbus_channel *channel)
{
	struct vmbus_channel *primary = channel->primary_channel ?: channel;

	return primary->device_obj ? &primary->device_obj->device : NULL;
}

void hva_ring_lost(struct vmbus_channel *channel, const char *what)
{
	dev_err(channel_device(channel), "channel %u: host broke the ring (%s), reset needed\n",
		channel->offermsg.child_relid, what);
}

int hva_attach(struct hva_channel *hc, struct vmbus_channel *channel,
	       const struct hva_params *params)
{
	if (channel->state != CHANNEL_OPEN_STATE)
		return -EBUSY;
	if (READ_ONCE(channel->rescind))
		return -ENODEV;

	/* vmbus_close() of the primary frees rescinded sub-channels; hva_detach() still writes. */
	kobject_get(&channel->kobj);
	memset(hc, 0, sizeof(*hc));
	hc->channel = channel;
	hc->copy = hva_copy_packets;
	hc->found.next_request_id = channel->next_request_id_callback;
	hc->found.request_addr = channel->request_addr_callback;
	hc->found.callback_mode = channel->callback_mode;
	hc->found.max_pkt_size = channel->max_pkt_size;
	hc->found.rqstor_size = channel->rqstor_size;
	hc->found.low_latency = channel->low_latency;

	/* Without the callbacks hv_vmbus sends and returns transaction ids verbatim. */
	channel->next_request_id_callback = NULL;
	channel->request_addr_callback = NULL;
	/*
	 * Unused, but never 0: vmbus_close() frees the table of the last open whatever the size,
	 * and vmbus_open() with 0 would leave an earlier driver's, long freed, in place.
	 */
	channel->rqstor_size = 1;
	channel->max_pkt_size = params->max_pkt_size;
	channel->low_latency = params->low_latency;
	set_channel_read_mode(channel, HV_CALL_ISR);
	return 0;
}
EXPORT_SYMBOL_GPL(hva_attach);

void hva_detach(struct hva_channel *hc)
{
	struct vmbus_channel *channel = hc->channel;
	unsigned long flags;

	if (!channel)
		return;
	/* left there by the bus when it could not open the channel, and called as the host likes */
	spin_lock_irqsave(&channel->sched_lock, flags);
	channel->onchannel_callback = NULL;
	spin_unlock_irqrestore(&channel->sched_lock, flags);
	channel->next_request_id_callback = hc->found.next_request_id;
	channel->request_addr_callback = hc->found.request_addr;
	channel->rqstor_size = max(hc->found.rqstor_size, 1u);
	channel->max_pkt_size = hc->found.max_pkt_size;
	channel->low_latency = hc->found.low_latency;
	set_channel_read_mode(channel, hc->found.callback_mode);
	hc->channel = NULL;
	kobject_put(&channel->kobj);
}
EXPORT_SYMBOL_GPL(hva_detach);
