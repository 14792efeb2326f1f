/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of this module share beside the API in include/hv_vmbus_accel.h.
 */
#ifndef _VMBUS_RING_H
#define _VMBUS_RING_H

#include <linux/types.h>

struct vmbus_channel;

/* main.c */
extern bool hva_copy_packets;

/* channel.c */

/**
 * hva_ring_lost() - say that a ring of a channel can be used no more
 * @channel: the channel
 * @what: the field that the host broke
 *
 * Context: any; callers see to it that it is called once per attached channel and direction.
 */
void hva_ring_lost(struct vmbus_channel *channel, const char *what);

#endif /* _VMBUS_RING_H */
