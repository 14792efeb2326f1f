/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ctl.c: requests to the host and their answers. One at a time, each with a deadline, each ended by
 * a rescind.
 */
#ifndef HV_NETVSC_ACCEL_CTL_H
#define HV_NETVSC_ACCEL_CTL_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "nvsp.h"

struct hva_packet;
struct nva_device;

/**
 * struct nva_ctl - the request that waits for an answer
 * @lock: held over a whole request
 * @page: RNDIS request, read by the host
 * @lost: a former @page that the host did not say it is done with; freed after the channel closed
 * @last: id of the last request
 * @guard: everything below, between the sender and NAPI
 * @open: the channel takes requests
 * @refused: the host completed the request with an error
 * @asked: NVSP or RNDIS type of the last request
 * @asked_oid: the OID that it was about, or 0
 * @txid: transaction that waits for its completion, or 0
 * @request_id: RNDIS request that waits for its reply, or 0
 * @reply_type: what type that reply must have
 * @nvsp_length: bytes in @nvsp
 * @rndis_length: bytes in @rndis
 * @nvsp: completion received, a private copy
 * @rndis: reply received, a private copy
 * @done: nothing is waited for any more
 */
struct nva_ctl {
	struct mutex lock; /* a whole request */
	struct page *page;
	struct page *lost;
	u32 last;

	spinlock_t guard; /* what follows */
	bool open;
	bool refused;
	u32 asked;
	u32 asked_oid;
	u64 txid;
	u32 request_id;
	u32 reply_type;
	u32 nvsp_length;
	u32 rndis_length;
	union nvsp_message nvsp;
	u8 rndis[1024] __aligned(8);
	struct completion done;
};

/* Transaction ids of requests; those of data packets end below. */
#define NVA_CTL_ID		BIT_ULL(48)

int nva_ctl_init(struct nva_ctl *ctl);
void nva_ctl_destroy(struct nva_ctl *ctl);
void nva_ctl_open(struct nva_ctl *ctl);
void nva_ctl_shut(struct nva_ctl *ctl);
void nva_ctl_closed(struct nva_ctl *ctl);
int nva_ctl_notify(struct nva_device *dev, const union nvsp_message *message);
int nva_ctl_request(struct nva_device *dev, const union nvsp_message *message, u32 reply_type,
		    union nvsp_message *reply, u32 least);
int nva_ctl_confirm(struct nva_device *dev, const union nvsp_message *message, unsigned long end,
		    const atomic_t *stop);
bool nva_lock_until(struct mutex *lock, unsigned long end);
void *nva_ctl_rndis_begin(struct nva_device *dev, u32 type, u32 length);
int nva_ctl_rndis_exchange(struct nva_device *dev);
void nva_ctl_rndis_end(struct nva_device *dev);
void nva_ctl_completion(struct nva_device *dev, const struct hva_packet *packet);
void nva_ctl_reply(struct nva_device *dev, u32 type, const void *message, u32 length);

#endif
