// SPDX-License-Identifier: GPL-2.0
/* RNDIS control messages, and the queue of replies to the guest. */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "netvsp.h"
#include "vm.h"

/* How a reply's bytes travel through vmbus_defer(). */
struct deferred_reply {
	uint64_t txid;
	uint32_t kind;
	uint32_t len;
	uint8_t bytes[NETVSP_CONTROL_MAX];
};

static bool send_one(struct netvsp_channel *nc, const struct netvsp_reply *reply)
{
	struct vmbus_descriptor d = {
		.type = reply->kind == NETVSP_INBAND ? VMBUS_PKT_INBAND : VMBUS_PKT_COMPLETION,
		.txid = reply->txid,
	};

	if (reply->kind == NETVSP_RNDIS)
		return netvsp_send_rndis(nc, reply->bytes, reply->len);
	return ring_out_write(&nc->ch->out, &d, sizeof(d), reply->bytes, reply->len);
}

/* Sends what fits; true when some are left that wait for ring space. */
static bool flush_locked(struct netvsp *dev, struct netvsp_channel *nc)
{
	struct netvsp_reply *reply;

	while ((reply = dev->reply_first)) {
		if (!send_one(nc, reply))
			return true;
		dev->reply_first = reply->next;
		if (!dev->reply_first)
			dev->reply_last = NULL;
		dev->n_replies--;
		free(reply);
	}
	return false;
}

void netvsp_flush(struct netvsp *dev)
{
	struct netvsp_channel *nc = dev->chan[0];
	bool signal, left;

	if (!nc->ch)
		return;
	pthread_mutex_lock(&nc->ch->out_lock);
	pthread_mutex_lock(&dev->reply_lock);
	ring_out_begin(&nc->ch->out);
	left = flush_locked(dev, nc);
	if (left && ring_out_want(&nc->ch->out, 512))
		left = flush_locked(dev, nc);
	pthread_mutex_unlock(&dev->reply_lock);
	signal = ring_out_end(&nc->ch->out);
	pthread_mutex_unlock(&nc->ch->out_lock);
	if (signal)
		vmbus_signal(nc->ch);
}

void netvsp_drop_replies(struct netvsp *dev)
{
	struct netvsp_reply *reply;

	pthread_mutex_lock(&dev->reply_lock);
	while ((reply = dev->reply_first)) {
		dev->reply_first = reply->next;
		free(reply);
	}
	dev->reply_last = NULL;
	dev->n_replies = 0;
	pthread_mutex_unlock(&dev->reply_lock);
}

static void enqueue(struct netvsp *dev, enum netvsp_reply_kind kind, uint64_t txid,
		    const void *msg, uint32_t len)
{
	struct netvsp_reply *reply;

	pthread_mutex_lock(&dev->reply_lock);
	if (dev->n_replies == NETVSP_REPLIES_MAX) {
		stat_inc(&dev->replies_lost);
		pthread_mutex_unlock(&dev->reply_lock);
		judge(dev->v.name, "replies", "more than %u requests without reading the answers",
		      NETVSP_REPLIES_MAX);
		return;
	}
	reply = malloc(sizeof(*reply) + len);
	if (!reply)
		log_fatal(EXIT_INTERNAL, "out of memory");
	reply->next = NULL;
	reply->kind = kind;
	reply->txid = txid;
	reply->len = len;
	if (len)
		memcpy(reply->bytes, msg, len);
	if (dev->reply_last)
		dev->reply_last->next = reply;
	else
		dev->reply_first = reply;
	dev->reply_last = reply;
	dev->n_replies++;
	pthread_mutex_unlock(&dev->reply_lock);
}

/* In the primary's loop: a reply that a fault held back. */
static void reply_late(struct vmbus_channel *ch, void *data, size_t len)
{
	struct netvsp *dev = container_of(ch->dev, struct netvsp, v);
	const struct deferred_reply *late = data;

	pthread_rwlock_rdlock(&dev->lock);
	enqueue(dev, late->kind, late->txid, late->bytes, late->len);
	netvsp_flush(dev);
	pthread_rwlock_unlock(&dev->lock);
}

static void reply_later(struct netvsp *dev, enum netvsp_reply_kind kind, uint64_t txid,
			const void *msg, uint32_t len, uint64_t ns)
{
	struct deferred_reply late = { .kind = kind, .txid = txid, .len = len };

	if (!dev->chan[0]->ch || len > sizeof(late.bytes))
		return;
	memcpy(late.bytes, msg, len);
	vmbus_defer(dev->chan[0]->ch, ns, reply_late, &late,
		    offsetof(struct deferred_reply, bytes) + len);
}

void netvsp_reply(struct netvsp *dev, enum fault_point point, enum netvsp_reply_kind kind,
		  uint64_t txid, void *msg, uint32_t len)
{
	struct fault_action todo = { .kind = FAULT_NONE };

	if (point != NETVSP_NO_FAULT)
		todo = fault_at(point, dev->v.name, msg, len);
	switch (todo.kind) {
	case FAULT_DROP:
		return;
	case FAULT_DELAY:
		reply_later(dev, kind, txid, msg, len, todo.delay_ns);
		return;
	case FAULT_RESCIND:
		vmbus_rescind_later(&dev->v);
		return;
	case FAULT_DUPLICATE:
		enqueue(dev, kind, txid, msg, len);
		break;
	default:
		break;
	}
	enqueue(dev, kind, txid, msg, len);
	netvsp_flush(dev);
}

static void reply_status(struct netvsp *dev, enum fault_point point, uint32_t type, uint32_t id,
			 uint32_t status)
{
	struct rndis_status_complete answer = {
		.h = { .type = type, .len = sizeof(answer) },
		.id = id,
		.status = status,
	};

	netvsp_reply(dev, point, NETVSP_RNDIS, 0, &answer, sizeof(answer));
}

static void handle_initialize(struct netvsp *dev, const struct rndis_initialize *msg)
{
	struct rndis_initialize_complete answer = {
		.h = { .type = (uint32_t)RNDIS_INITIALIZE_COMPLETE, .len = sizeof(answer) },
		.id = msg->id,
		.status = RNDIS_STATUS_SUCCESS,
		.major = RNDIS_VERSION_MAJOR,
		.minor = RNDIS_VERSION_MINOR,
		.flags = 1, /* connectionless */
		.max_packets = NETVSP_MAX_CONCAT,
		.max_transfer = NETVSP_SEND_SECTION * NETVSP_MAX_CONCAT,
		.alignment = NETVSP_ALIGN_LOG2,
	};

	if (dev->initialized)
		judge(dev->v.name, "rndis-init-twice", "INITIALIZE while initialized");
	if (msg->major != RNDIS_VERSION_MAJOR)
		answer.status = RNDIS_STATUS_FAILURE;
	else
		dev->initialized = true;
	netvsp_reply(dev, FAULT_RNDIS_INIT_COMPLETE, NETVSP_RNDIS, 0, &answer, sizeof(answer));
	if (answer.status == RNDIS_STATUS_SUCCESS)
		netvsp_vf_announce(dev);
}

static void handle_query(struct netvsp *dev, const struct rndis_request *msg, const uint8_t *info,
			 uint32_t info_len)
{
	struct {
		struct rndis_query_complete h;
		uint8_t info[NETVSP_CONTROL_MAX / 2];
	} __attribute__((packed)) answer;
	uint32_t len = 0;

	answer.h = (struct rndis_query_complete){
		.h = { .type = (uint32_t)RNDIS_QUERY_COMPLETE },
		.id = msg->id,
	};
	answer.h.status = rndis_query(dev, msg->oid, info, info_len, answer.info, &len);
	if (answer.h.status != RNDIS_STATUS_SUCCESS)
		len = 0;
	answer.h.h.len = (uint32_t)sizeof(answer.h) + len;
	answer.h.bytes = len;
	answer.h.offset = len ? (uint32_t)sizeof(answer.h) - RNDIS_HEADER : 0;
	netvsp_reply(dev, FAULT_RNDIS_QUERY_COMPLETE, NETVSP_RNDIS, 0, &answer, answer.h.h.len);
}

/* The information buffer of a query or set, or NULL when its bounds are wrong. */
static const uint8_t *request_info(const struct rndis_request *msg, uint32_t len)
{
	if (!msg->bytes)
		return (const uint8_t *)msg;
	if (msg->offset < sizeof(*msg) - RNDIS_HEADER || msg->offset > len - RNDIS_HEADER ||
	    msg->bytes > len - RNDIS_HEADER - msg->offset)
		return NULL;
	return (const uint8_t *)msg + RNDIS_HEADER + msg->offset;
}

static void handle_request(struct netvsp *dev, const struct rndis_request *msg, uint32_t len)
{
	const uint8_t *info = request_info(msg, len);
	uint32_t status;

	stat_inc(&dev->oids);
	if (!info)
		judge(dev->v.name, "rndis-info", "OID %#x: %u bytes at %u of a message of %u",
		      msg->oid, msg->bytes, msg->offset, len);
	if (msg->h.type == RNDIS_QUERY && info) {
		handle_query(dev, msg, info, msg->bytes);
		return;
	}
	status = info ? rndis_set(dev, msg->oid, info, msg->bytes) : RNDIS_STATUS_INVALID_LENGTH;
	log_debug("%s: OID %#x set: %#x", dev->v.name, msg->oid, status);
	if (msg->h.type == RNDIS_SET)
		reply_status(dev, FAULT_RNDIS_SET_COMPLETE, (uint32_t)RNDIS_SET_COMPLETE, msg->id,
			     status);
	else
		reply_status(dev, FAULT_RNDIS_QUERY_COMPLETE, (uint32_t)RNDIS_QUERY_COMPLETE,
			     msg->id, status);
}

static void handle_reset(struct netvsp *dev)
{
	struct rndis_reset_complete answer = {
		.h = { .type = (uint32_t)RNDIS_RESET_COMPLETE, .len = sizeof(answer) },
		.status = RNDIS_STATUS_SUCCESS,
		.addressing_reset = 1,
	};

	dev->filter = 0;
	netvsp_reply(dev, FAULT_RNDIS_RESET_COMPLETE, NETVSP_RNDIS, 0, &answer, sizeof(answer));
}

static void indicate(struct netvsp *dev, uint32_t status)
{
	struct rndis_indicate msg = {
		.h = { .type = RNDIS_INDICATE, .len = sizeof(msg) },
		.status = status,
	};

	if (!dev->initialized)
		return;
	stat_inc(&dev->indications);
	netvsp_reply(dev, FAULT_RNDIS_INDICATE, NETVSP_RNDIS, 0, &msg, sizeof(msg));
}

void rndis_indicate_link(struct netvsp *dev)
{
	indicate(dev, dev->link_up ? RNDIS_STATUS_MEDIA_CONNECT : RNDIS_STATUS_MEDIA_DISCONNECT);
}

void rndis_indicate_change(struct netvsp *dev)
{
	indicate(dev, RNDIS_STATUS_NETWORK_CHANGE);
}

static uint32_t least_length(uint32_t type)
{
	switch (type) {
	case RNDIS_INITIALIZE:
		return sizeof(struct rndis_initialize);
	case RNDIS_QUERY:
	case RNDIS_SET:
		return sizeof(struct rndis_request);
	case RNDIS_HALT:
	case RNDIS_RESET:
	case RNDIS_KEEPALIVE:
		return RNDIS_HEADER + sizeof(uint32_t);
	default:
		return 0;
	}
}

void rndis_control(struct netvsp *dev, const void *msg, uint32_t len)
{
	const struct rndis_header *h = msg;
	uint32_t least = len < sizeof(*h) ? 0 : least_length(h->type);

	if (!least || h->len > len || h->len < least) {
		judge(dev->v.name, "rndis-control", "type %#x, length %u in %u bytes",
		      len < sizeof(*h) ? 0 : h->type, len < sizeof(*h) ? 0 : h->len, len);
		return;
	}
	log_debug("%s: <- RNDIS %#x, %u bytes", dev->v.name, h->type, h->len);
	if (!dev->initialized && h->type != RNDIS_INITIALIZE && h->type != RNDIS_HALT)
		judge(dev->v.name, "rndis-order", "type %#x before INITIALIZE", h->type);
	switch (h->type) {
	case RNDIS_INITIALIZE:
		handle_initialize(dev, msg);
		break;
	case RNDIS_HALT:
		dev->initialized = false;
		dev->filter = 0;
		break;
	case RNDIS_QUERY:
	case RNDIS_SET:
		handle_request(dev, msg, h->len);
		break;
	case RNDIS_RESET:
		handle_reset(dev);
		break;
	case RNDIS_KEEPALIVE:
		reply_status(dev, FAULT_RNDIS_KEEPALIVE_COMPLETE,
			     (uint32_t)RNDIS_KEEPALIVE_COMPLETE, ((const uint32_t *)msg)[2],
			     RNDIS_STATUS_SUCCESS);
		break;
	}
}
