// SPDX-License-Identifier: GPL-2.0
/*
 * The channel for requests is the primary one, shared with data; answers come through its NAPI,
 * which copies them out of shared memory before the requester looks. A request that is not answered
 * in time ends the session: an answer that comes later would be taken for another's.
 */
#include <linux/delay.h>
#include <linux/gfp.h>

#include "device.h"
#include "rndis_parse.h"

static struct hva_channel *control_channel(struct nva_device *dev)
{
	return &dev->queue[0]->hc;
}

/**
 * nva_ctl_init() - prepare for requests
 * @ctl: zeroed memory
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int nva_ctl_init(struct nva_ctl *ctl)
{
	mutex_init(&ctl->lock);
	spin_lock_init(&ctl->guard);
	init_completion(&ctl->done);
	ctl->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	return ctl->page ? 0 : -ENOMEM;
}

/**
 * nva_ctl_destroy() - release what nva_ctl_init() allocated
 * @ctl: closed
 *
 * Context: process.
 */
void nva_ctl_destroy(struct nva_ctl *ctl)
{
	if (ctl->page)
		__free_page(ctl->page);
	ctl->page = NULL;
}

/**
 * nva_ctl_open() - take requests from now on
 * @ctl: closed; the primary channel is open
 *
 * Context: process.
 */
void nva_ctl_open(struct nva_ctl *ctl)
{
	spin_lock_bh(&ctl->guard);
	ctl->open = true;
	spin_unlock_bh(&ctl->guard);
}

/**
 * nva_ctl_shut() - let no request start any more
 * @ctl: open or closed
 *
 * A request that is under way ends by its own deadline or answer; the call waits for it.
 *
 * Context: process.
 */
void nva_ctl_shut(struct nva_ctl *ctl)
{
	spin_lock_bh(&ctl->guard);
	ctl->open = false;
	spin_unlock_bh(&ctl->guard);
	mutex_lock(&ctl->lock);
	mutex_unlock(&ctl->lock);
}

/**
 * nva_ctl_closed() - the channel is closed, the host reads no request any more
 * @ctl: shut
 *
 * Context: process.
 */
void nva_ctl_closed(struct nva_ctl *ctl)
{
	if (ctl->lost)
		__free_page(ctl->lost);
	ctl->lost = NULL;
}

/**
 * nva_lock_until() - take a lock whose holder may wait for the host
 * @lock: lock
 * @end: jiffies
 *
 * Context: process, sleeps until @end.
 * Return: whether it was taken.
 */
bool nva_lock_until(struct mutex *lock, unsigned long end)
{
	while (!mutex_trylock(lock)) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(500, 1000);
	}
	return true;
}

/* Returns the id of a request that now waits, 0 when the channel takes none. */
static u64 expect(struct nva_ctl *ctl, u32 type, u32 oid, u32 request_id, u32 reply_type)
{
	u64 id = 0;

	spin_lock_bh(&ctl->guard);
	if (ctl->open) {
		id = NVA_CTL_ID | ctl->last;
		ctl->asked = type;
		ctl->asked_oid = oid;
		ctl->txid = id;
		ctl->request_id = request_id;
		ctl->reply_type = reply_type;
		ctl->refused = false;
		ctl->nvsp_length = 0;
		ctl->rndis_length = 0;
		reinit_completion(&ctl->done);
	}
	spin_unlock_bh(&ctl->guard);
	return id;
}

/* Ids of requests are never 0, also when the counter wraps. */
static u32 next_request(struct nva_ctl *ctl)
{
	if (!++ctl->last)
		++ctl->last;
	return ctl->last;
}

/* Forgets the request; true when the host still has a hold on its memory. */
static bool forget(struct nva_ctl *ctl)
{
	bool held;

	spin_lock_bh(&ctl->guard);
	held = ctl->txid;
	ctl->txid = 0;
	ctl->request_id = 0;
	spin_unlock_bh(&ctl->guard);
	return held;
}

/*
 * Writes one packet; while the ring is full, data goes first and this waits until @end. @request is
 * the RNDIS request in guest memory, or NULL for a message that is complete in itself.
 */
static int send(struct nva_device *dev, const union nvsp_message *message, u64 id, u16 flags,
		const struct hv_page_buffer *request, unsigned long end)
{
	struct hva_channel *hc = control_channel(dev);
	struct hva_batch batch;
	int err;

	for (;;) {
		hva_batch_begin(&batch, hc);
		if (request)
			hva_batch_gpa(&batch, request, 1, message, sizeof(*message), id);
		else
			hva_batch_inband(&batch, message, sizeof(*message), id, flags);
		err = hva_batch_end(&batch, false);
		if (err != -EAGAIN || time_after(jiffies, end))
			return err == -EAGAIN ? -ETIMEDOUT : err;
		usleep_range(100, 1000);
	}
}

/* @stop: when this is not 0 nobody wants to know any more. */
static int wait(struct nva_device *dev, unsigned long end, const atomic_t *stop)
{
	struct nva_ctl *ctl = &dev->ctl;

	while (!wait_for_completion_timeout(&ctl->done, HZ / 10)) {
		if (READ_ONCE(dev->chan->rescind))
			return -ENODEV;
		if (stop && atomic_read(stop))
			return -ECANCELED;
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
	}
	return 0;
}

/* A request that got no answer: nothing can be asked on this channel again. */
static void give_up(struct nva_device *dev, int err)
{
	struct nva_ctl *ctl = &dev->ctl;

	spin_lock_bh(&ctl->guard);
	ctl->open = false;
	spin_unlock_bh(&ctl->guard);
	if (err == -ETIMEDOUT)
		nva_reset(dev, NVA_CTL_TIMEOUT);
	else
		nva_tx_failed(dev->queue[0], err);
}

/**
 * nva_ctl_notify() - tell the host something that it does not answer
 * @dev: NIC
 * @message: NVSP message, unused bytes zero
 *
 * Context: process, may sleep while the ring is full.
 * Return: 0, -ENODEV when the channel was rescinded, -EIO or -ETIMEDOUT.
 */
int nva_ctl_notify(struct nva_device *dev, const union nvsp_message *message)
{
	struct nva_ctl *ctl = &dev->ctl;
	unsigned long end;
	int err;

	mutex_lock(&ctl->lock);
	/* a channel on which a request went unanswered is not waited for again */
	end = jiffies + (READ_ONCE(ctl->open) ? NVA_CTL_DEADLINE : 0);
	err = send(dev, message, NVA_CTL_ID | next_request(ctl), 0, NULL, end);
	mutex_unlock(&ctl->lock);
	return err;
}

/* Sends a message and waits for its completion; *@id is 0 when the channel takes none. */
static int ask(struct nva_device *dev, const union nvsp_message *message, unsigned long end,
	       const atomic_t *stop, u64 *id)
{
	struct nva_ctl *ctl = &dev->ctl;
	int err;

	next_request(ctl);
	*id = expect(ctl, le32_to_cpu(message->type), 0, 0, 0);
	err = *id ? send(dev, message, *id, VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED, NULL,
			 end) : -ENODEV;
	if (!err)
		err = wait(dev, end, stop);
	forget(ctl);
	return err;
}

/**
 * nva_ctl_request() - ask the host something in NVSP
 * @dev: NIC
 * @message: NVSP message, unused bytes zero
 * @reply_type: enum nvsp_type that the answer must have
 * @reply: filled in on success, bytes that did not come are zero
 * @least: bytes that the answer must have
 *
 * Context: process, sleeps until the answer or NVA_CTL_DEADLINE.
 * Return: 0, -ENODEV when the channel was rescinded or is closed, -ETIMEDOUT, -EPROTO for an answer
 * of another kind, -EIO when the ring is broken.
 */
int nva_ctl_request(struct nva_device *dev, const union nvsp_message *message, u32 reply_type,
		    union nvsp_message *reply, u32 least)
{
	struct nva_ctl *ctl = &dev->ctl;
	int err;
	u64 id;

	mutex_lock(&ctl->lock);
	err = ask(dev, message, jiffies + NVA_CTL_DEADLINE, NULL, &id);
	if (!err) {
		if (ctl->nvsp_length < least || le32_to_cpu(ctl->nvsp.type) != reply_type) {
			nva_fault(dev, NVA_CTL_BAD_ANSWER);
			err = -EPROTO;
		} else {
			*reply = ctl->nvsp;
		}
	} else if (id) {
		give_up(dev, err);
	}
	mutex_unlock(&ctl->lock);
	return err;
}

/**
 * nva_ctl_confirm() - tell the host something and wait until it is done with it
 * @dev: NIC
 * @message: NVSP message, unused bytes zero
 * @end: jiffies up to which to wait, for another's request too
 * @stop: the wait ends when this becomes other than 0; NULL for never
 *
 * That it has completed the message is all the host says, so that one completion cannot be taken
 * for another's: the session survives a host that does not.
 *
 * Context: process, sleeps.
 * Return: 0, -ENODEV when the channel was rescinded or is closed, -ETIMEDOUT, -ECANCELED by @stop,
 * -EIO when the ring is broken.
 */
int nva_ctl_confirm(struct nva_device *dev, const union nvsp_message *message, unsigned long end,
		    const atomic_t *stop)
{
	int err;
	u64 id;

	if (!nva_lock_until(&dev->ctl.lock, end))
		return -ETIMEDOUT;
	err = ask(dev, message, end, stop, &id);
	mutex_unlock(&dev->ctl.lock);
	if (err == -EIO)
		nva_tx_failed(dev->queue[0], err);
	return err;
}

/**
 * nva_ctl_rndis_begin() - start an RNDIS request
 * @dev: NIC
 * @type: enum rndis_type
 * @length: bytes of the message, at most HV_HYP_PAGE_SIZE
 *
 * Context: process. Takes the request lock until nva_ctl_rndis_end().
 * Return: memory for the message: header and request id are filled in, the rest is zero.
 */
void *nva_ctl_rndis_begin(struct nva_device *dev, u32 type, u32 length)
{
	struct nva_ctl *ctl = &dev->ctl;
	struct rndis_request *request;

	mutex_lock(&ctl->lock);
	request = page_address(ctl->page);
	memset(request, 0, length);
	request->hdr.type = cpu_to_le32(type);
	request->hdr.length = cpu_to_le32(length);
	request->request_id = cpu_to_le32(next_request(ctl));
	return request;
}

/**
 * nva_ctl_rndis_exchange() - send the request and wait for its reply
 * @dev: NIC
 *
 * A halt is not replied to; there the host's completion is all that is waited for.
 *
 * Context: process, between nva_ctl_rndis_begin() and nva_ctl_rndis_end(); sleeps until the answer
 * or NVA_CTL_DEADLINE. Afterwards ctl.rndis holds ctl.rndis_length bytes of reply, type and id
 * checked, until nva_ctl_rndis_end().
 * Return: 0 when there is a reply, whatever status it carries; -ENODEV when the channel was
 * rescinded or is closed, -ETIMEDOUT, -EIO when the host refused the message or the ring is broken.
 */
int nva_ctl_rndis_exchange(struct nva_device *dev)
{
	struct nva_ctl *ctl = &dev->ctl;
	struct rndis_request *request = page_address(ctl->page);
	u32 type = le32_to_cpu(request->hdr.type);
	union nvsp_message message = {
		.rndis = {
			.type = cpu_to_le32(NVSP_SEND_RNDIS),
			.channel = cpu_to_le32(NVSP_CHANNEL_CONTROL),
			.section = cpu_to_le32(NVSP_SECTION_NONE),
		},
	};
	struct hv_page_buffer range = {
		.pfn = page_to_hvpfn(ctl->page),
		.len = le32_to_cpu(request->hdr.length),
	};
	bool about = type == RNDIS_QUERY || type == RNDIS_SET;
	int err;
	u64 id;

	id = expect(ctl, type, about ? le32_to_cpu(request->oid) : 0,
		    type == RNDIS_HALT ? 0 : ctl->last, type | RNDIS_COMPLETE);
	err = id ? send(dev, &message, id, 0, &range, jiffies + NVA_CTL_DEADLINE) : -ENODEV;
	if (!err)
		err = wait(dev, jiffies + NVA_CTL_DEADLINE, NULL);
	if (forget(ctl) && id) {
		/* the host may still read the request: a new page for the next one */
		struct page *fresh = alloc_page(GFP_KERNEL | __GFP_ZERO);

		if (fresh && !ctl->lost) {
			ctl->lost = ctl->page;
			ctl->page = fresh;
		} else if (fresh) {
			__free_page(fresh);
		}
	}
	if (err && id)
		give_up(dev, err);
	return err ?: ctl->refused ? -EIO : 0;
}

/**
 * nva_ctl_rndis_end() - done with an RNDIS request and its reply
 * @dev: NIC
 *
 * Context: process.
 */
void nva_ctl_rndis_end(struct nva_device *dev)
{
	mutex_unlock(&dev->ctl.lock);
}

/**
 * nva_ctl_completion() - a completion with an id of ours came
 * @dev: NIC
 * @packet: VM_PKT_COMP with NVA_CTL_ID in its txid
 *
 * Context: NAPI.
 */
void nva_ctl_completion(struct nva_device *dev, const struct hva_packet *packet)
{
	struct nva_ctl *ctl = &dev->ctl;

	spin_lock(&ctl->guard);
	if (packet->txid != ctl->txid) {
		spin_unlock(&ctl->guard);
		nva_fault(dev, NVA_CTL_STRAY);
		return;
	}
	ctl->txid = 0;
	ctl->nvsp_length = min_t(u32, packet->len, sizeof(ctl->nvsp));
	memset(&ctl->nvsp, 0, sizeof(ctl->nvsp));
	memcpy(&ctl->nvsp, packet->payload, ctl->nvsp_length);
	if (ctl->request_id) {
		const struct nvsp_rndis_complete *rndis = &ctl->nvsp.rndis_complete;

		if (ctl->nvsp_length < sizeof(*rndis) ||
		    le32_to_cpu(rndis->type) != NVSP_SEND_RNDIS_COMPLETE ||
		    le32_to_cpu(rndis->status) != NVSP_STATUS_SUCCESS) {
			ctl->refused = true;
			ctl->request_id = 0;
		}
	}
	if (!ctl->request_id)
		complete(&ctl->done);
	spin_unlock(&ctl->guard);
}

/**
 * nva_ctl_reply() - an RNDIS reply came
 * @dev: NIC
 * @type: its type, RNDIS_COMPLETE set
 * @message: shared memory
 * @length: bytes there, at least a header
 *
 * Context: NAPI.
 */
void nva_ctl_reply(struct nva_device *dev, u32 type, const void *message, u32 length)
{
	struct nva_ctl *ctl = &dev->ctl;
	struct rndis_set_complete *least;
	u32 id;

	if (length < sizeof(*least)) {
		nva_fault(dev, NVA_CTL_BAD_ANSWER);
		return;
	}
	id = rndis_shared_u32(message + offsetof(struct rndis_set_complete, request_id));

	spin_lock(&ctl->guard);
	if (!ctl->request_id || ctl->request_id != id || ctl->reply_type != type) {
		spin_unlock(&ctl->guard);
		nva_fault(dev, NVA_CTL_STRAY);
		return;
	}
	ctl->request_id = 0;
	if (length > sizeof(ctl->rndis)) {
		ctl->refused = true;
	} else {
		memcpy(ctl->rndis, message, length);
		ctl->rndis_length = length;
	}
	if (!ctl->txid)
		complete(&ctl->done);
	spin_unlock(&ctl->guard);
}
