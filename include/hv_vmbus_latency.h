/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a driver that reads with hv_vmbus_accel.h tells its channels' histograms (vmbus/latency.c).
 * While those are off, which is the default, each call is a no-op in the text.
 */
#ifndef _HV_VMBUS_LATENCY_H
#define _HV_VMBUS_LATENCY_H

#include <linux/jump_label.h>

#include <hv_vmbus_accel.h>

/*
 * hva_latency_on - are histograms on? Not until someone writes to the debugfs file.
 */
DECLARE_STATIC_KEY_FALSE(hva_latency_on);

/**
 * __hva_latency_poll() - hva_latency_poll() while histograms are on
 * @hc: attached channel
 *
 * Context: as there.
 */
void __hva_latency_poll(const struct hva_channel *hc);

/**
 * __hva_latency_done() - hva_latency_done() while histograms are on
 * @hc: attached channel
 * @packets: as there
 * @idle: as there
 *
 * Context: as there.
 */
void __hva_latency_done(const struct hva_channel *hc, u32 packets, bool idle);

/**
 * hva_latency_poll() - the driver begins to look into the ring
 * @hc: attached channel
 *
 * Context: NAPI poll or tasklet, bottom halves disabled.
 */
static inline void hva_latency_poll(const struct hva_channel *hc)
{
	if (static_branch_unlikely(&hva_latency_on))
		__hva_latency_poll(hc);
}

/**
 * hva_latency_done() - the driver has looked
 * @hc: attached channel
 * @packets: that it took out of the ring
 * @idle: it sleeps until the next interrupt; else it looks again soon
 *
 * Context: as hva_latency_poll().
 */
static inline void hva_latency_done(const struct hva_channel *hc, u32 packets, bool idle)
{
	if (static_branch_unlikely(&hva_latency_on))
		__hva_latency_done(hc, packets, idle);
}

#endif /* _HV_VMBUS_LATENCY_H */
