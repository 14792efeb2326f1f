/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Receive zero copy, when it was asked for: fragments of packets that are the receive buffer's own
 * pages, and answers that are withheld until nobody uses those any more. zerocopy.c owns it.
 */
#ifndef HV_NETVSC_ACCEL_ZEROCOPY_H
#define HV_NETVSC_ACCEL_ZEROCOPY_H

#include <linux/list.h>
#include <linux/timer.h>
#include <linux/types.h>

struct nva_buffer;
struct nva_device;
struct page;
struct nva_queue;
struct nva_zc_packet;
struct sk_buff;

/*
 * Shorter pieces are copied: they cost less so than a fragment does, and do not keep a section from
 * the host.
 */
#define NVA_ZC_LEAST		1024u

/**
 * struct nva_zc - zero copy of a queue
 * @pages: of the receive buffer, or NULL: everything is copied; session
 * @packet: the one that is being received, once it has a fragment here; NAPI
 * @ranges: in it; NAPI
 * @full: nothing of it may be kept; NAPI
 * @frames: frames in it with a fragment here; NAPI
 * @bytes: in these fragments; NAPI
 * @n_held: packets in @held and @slow; NAPI
 * @held: packets whose answers are withheld, the oldest first; NAPI
 * @slow: those that were in use for long; NAPI
 * @delay: time until they are looked at without traffic, jiffies; NAPI
 * @timer: does that
 */
struct nva_zc {
	struct page **pages;
	struct nva_zc_packet *packet;
	u32 ranges;
	bool full;
	u32 frames;
	u32 bytes;
	u32 n_held;
	struct list_head held;
	struct list_head slow;
	unsigned long delay;
	struct timer_list timer;
};

u32 nva_zc_mtu(const struct nva_device *dev, u32 mtu);
bool nva_zc_possible(struct nva_queue *q);
int nva_zc_buffer(struct nva_buffer *buffer, u32 size, int node);
void nva_zc_free(struct nva_buffer *buffer);
void nva_zc_create(struct nva_queue *q);
void nva_zc_stop(struct nva_queue *q);
void nva_zc_forget(struct nva_queue *q);
int nva_zc_append(struct nva_queue *q, struct sk_buff *skb, const void *from, u32 length);
void nva_zc_begin(struct nva_queue *q, u32 ranges);
void nva_zc_hold(struct nva_queue *q, u64 txid, u32 status);
void nva_zc_reap(struct nva_queue *q);
void nva_zc_wait(struct nva_queue *q);

#endif
