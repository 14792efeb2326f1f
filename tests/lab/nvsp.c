// SPDX-License-Identifier: GPL-2.0
/* NVSP: version, NDIS version and configuration, the two buffers, sub-channels. */
#include <stdlib.h>
#include <string.h>

#include "gpadl.h"
#include "log.h"
#include "netvsp.h"
#include "vm.h"

static const uint32_t versions[] = { NVSP_V6_1, NVSP_V6, NVSP_V5, NVSP_V4, NVSP_V2, NVSP_V1 };

/* Messages of a session have the size of its version. */
static uint32_t message_bytes(const struct netvsp *dev)
{
	return dev->nvsp >= NVSP_V6_1 ? NVSP_BYTES : NVSP_BYTES_MIN;
}

/* Sends @msg, at most NVSP_BYTES of it, padded to the session's size, as completion of @txid. */
static void complete(struct netvsp *dev, enum fault_point point, uint64_t txid, const void *msg,
		     uint32_t len)
{
	uint8_t bytes[NVSP_BYTES] = { 0 };

	memcpy(bytes, msg, len);
	netvsp_reply(dev, point, NETVSP_COMPLETION, txid, bytes, message_bytes(dev));
}

static uint32_t choose_version(const struct netvsp *dev, uint32_t min, uint32_t max)
{
	unsigned int i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (versions[i] <= dev->opt.nvsp_max && versions[i] <= max && versions[i] >= min)
			return versions[i];
	}
	return 0;
}

static void handle_init(struct netvsp *dev, const struct nvsp_init *msg, uint64_t txid)
{
	struct nvsp_init_complete answer = {
		.type = NVSP_INIT_COMPLETE,
		.version = UINT32_MAX,
		.max_chain = 34,
		.status = NVSP_STATUS_SUCCESS,
	};
	uint32_t version = choose_version(dev, msg->min_version, msg->max_version);

	if (dev->nvsp)
		judge(dev->v.name, "nvsp-init-twice", "INIT for %#x after %#x was agreed",
		      msg->max_version, dev->nvsp);
	if (msg->min_version > msg->max_version)
		judge(dev->v.name, "nvsp-init-range", "INIT from %#x to %#x", msg->min_version,
		      msg->max_version);
	if (!version)
		answer.status = NVSP_STATUS_FAILURE;
	else if (version == NVSP_V1)
		answer.version = NVSP_V1;
	dev->nvsp = version;
	complete(dev, FAULT_NETVSP_INIT, txid, &answer, sizeof(answer));
}

static void handle_config(struct netvsp *dev, const struct nvsp_ndis_config *msg)
{
	uint32_t mtu = msg->mtu - FRAME_LEN_MIN;

	if (dev->recv.gpadl)
		judge(dev->v.name, "nvsp-order", "NDIS_CONFIG after the receive buffer");
	if (msg->mtu < 68 + FRAME_LEN_MIN || mtu > 65535) {
		judge(dev->v.name, "nvsp-mtu", "NDIS_CONFIG with MTU %u", msg->mtu);
		mtu = 1500;
	}
	dev->mtu = mtu < dev->opt.mtu ? mtu : dev->opt.mtu;
	dev->capabilities = msg->capabilities;
}

static struct gpadl *take_buffer(struct netvsp *dev, const struct nvsp_send_buf *msg,
				 bool have_one, const char *what)
{
	struct gpadl *gpadl = gpadl_find(msg->gpadl);

	if (have_one) {
		judge(dev->v.name, "nvsp-buffer-twice", "a second %s buffer", what);
		return NULL;
	}
	if (!gpadl) {
		judge(dev->v.name, "nvsp-buffer-gpadl", "%s buffer: no GPADL %#x", what,
		      msg->gpadl);
		return NULL;
	}
	gpadl_hold(gpadl);
	return gpadl;
}

static void handle_recv_buf(struct netvsp *dev, const struct nvsp_send_buf *msg, uint64_t txid)
{
	struct nvsp_recv_buf_complete answer = {
		.type = NVSP_SEND_RECV_BUF_COMPLETE,
		.status = NVSP_STATUS_FAILURE,
	};
	struct netvsp_recv_buf *recv = &dev->recv;
	uint32_t size = (dev->mtu + FRAME_LEN_MIN + NETVSP_HEADROOM + 36 + 7) & ~7u;
	struct gpadl *gpadl = take_buffer(dev, msg, recv->gpadl, "receive");

	if (gpadl && gpadl->bytes < size) {
		judge(dev->v.name, "nvsp-buffer-size", "receive buffer of %u bytes",
		      gpadl->bytes);
		gpadl_put(gpadl);
		gpadl = NULL;
	}
	if (gpadl) {
		recv->gpadl = gpadl;
		recv->id = msg->id;
		recv->size = size;
		recv->count = gpadl->bytes / size;
		sections_init(recv);
		answer.status = NVSP_STATUS_SUCCESS;
		answer.n_sections = 1;
		answer.size = size;
		answer.count = recv->count;
		answer.end = size * recv->count;
	}
	complete(dev, FAULT_NETVSP_SEND_RECV_BUF, txid, &answer, sizeof(answer));
}

static void handle_send_buf(struct netvsp *dev, const struct nvsp_send_buf *msg, uint64_t txid)
{
	struct nvsp_send_buf_complete answer = {
		.type = NVSP_SEND_SEND_BUF_COMPLETE,
		.status = NVSP_STATUS_FAILURE,
	};
	struct gpadl *gpadl = take_buffer(dev, msg, dev->send.gpadl, "send");

	if (gpadl) {
		dev->send.gpadl = gpadl;
		dev->send.id = msg->id;
		dev->send.count = gpadl->bytes / NETVSP_SEND_SECTION;
		answer.status = NVSP_STATUS_SUCCESS;
		answer.section_size = NETVSP_SEND_SECTION;
	}
	complete(dev, FAULT_NETVSP_SEND_SEND_BUF, txid, &answer, sizeof(answer));
}

void nvsp_drop_recv_buf(struct netvsp *dev)
{
	if (!dev->recv.gpadl)
		return;
	gpadl_put(dev->recv.gpadl);
	dev->recv.gpadl = NULL;
	dev->recv.count = 0;
	dev->recv.n_free = 0;
}

void nvsp_drop_send_buf(struct netvsp *dev)
{
	if (!dev->send.gpadl)
		return;
	gpadl_put(dev->send.gpadl);
	dev->send.gpadl = NULL;
	dev->send.count = 0;
}

static void handle_revoke(struct netvsp *dev, const struct nvsp_revoke *msg)
{
	bool recv = msg->type == NVSP_REVOKE_RECV_BUF;
	struct gpadl *gpadl = recv ? dev->recv.gpadl : dev->send.gpadl;

	if (!gpadl) {
		judge(dev->v.name, "nvsp-revoke", "revokes a %s buffer that is not there",
		      recv ? "receive" : "send");
		return;
	}
	if (msg->id != (recv ? dev->recv.id : dev->send.id))
		judge(dev->v.name, "nvsp-revoke-id", "revokes %s buffer %#x",
		      recv ? "receive" : "send", msg->id);
	if (recv)
		nvsp_drop_recv_buf(dev);
	else
		nvsp_drop_send_buf(dev);
}

void nvsp_send_table(struct netvsp *dev)
{
	struct nvsp_send_table table = {
		.type = NVSP_SEND_INDIRECTION_TABLE,
		.count = NVSP_SEND_TABLE_SIZE,
		.offset = offsetof(struct nvsp_send_table, entry),
	};
	unsigned int i;

	if (dev->n_queues < 2)
		return;
	for (i = 0; i < dev->n_queues; i++)
		if (!dev->chan[i]->ch)
			return;
	for (i = 0; i < NVSP_SEND_TABLE_SIZE; i++)
		table.entry[i] = dev->opt.send_table < dev->n_queues ? dev->opt.send_table :
								       i % dev->n_queues;
	netvsp_reply(dev, FAULT_NETVSP_SEND_TABLE, NETVSP_INBAND, 0, &table, sizeof(table));
}

/* struct grow - offers wait for the control loop */
struct grow {
	struct loop_work work;
	struct netvsp *dev;
	uint64_t serial;
	unsigned int n;
};

static void grow(struct loop_work *work)
{
	struct grow *grow = container_of(work, struct grow, work);
	struct vmbus_channel *primary = grow->dev->v.channel[0];

	/* Only for the opening that asked. */
	if (primary && primary->state == VMBUS_OPEN && primary->serial == grow->serial)
		vmbus_offer_subchannels(&grow->dev->v, grow->n);
	free(grow);
}

static void handle_subchannel(struct netvsp_channel *nc, const struct nvsp_subchannel *msg,
			      uint64_t txid)
{
	struct nvsp_subchannel answer = {
		.type = NVSP_SUBCHANNEL,
		.op = NVSP_STATUS_FAILURE,
	};
	struct netvsp *dev = nc->dev;
	struct grow *grow_work;
	uint32_t n = msg->n;

	if (dev->nvsp < NVSP_V5 || msg->op != NVSP_SUBCHANNEL_ALLOCATE || !n ||
	    dev->n_queues > 1) {
		judge(dev->v.name, "nvsp-subchannel",
		      "operation %u for %u sub-channels, version %#x, %u there", msg->op, n,
		      dev->nvsp, dev->n_queues - 1);
		complete(dev, FAULT_NETVSP_SUBCHANNEL, txid, &answer, sizeof(answer));
		return;
	}
	if (n > dev->opt.queues - 1)
		n = dev->opt.queues - 1;
	answer.op = NVSP_STATUS_SUCCESS;
	answer.n = n;
	dev->n_queues = n + 1;
	netvsp_apply_rss(dev);
	complete(dev, FAULT_NETVSP_SUBCHANNEL, txid, &answer, sizeof(answer));
	if (!n)
		return;
	grow_work = calloc(1, sizeof(*grow_work));
	if (!grow_work)
		log_fatal(EXIT_INTERNAL, "out of memory");
	grow_work->work.run = grow;
	grow_work->dev = dev;
	grow_work->serial = nc->ch->serial;
	grow_work->n = n;
	loop_post(dev->vm->control, &grow_work->work);
}

static bool handle_switch(struct netvsp *dev, const struct nvsp_switch_data_path *msg,
			  uint64_t txid, bool wanted)
{
	return netvsp_vf_switch(dev, msg->active, txid, wanted);
}

static uint32_t least_length(uint32_t type)
{
	switch (type) {
	case NVSP_INIT:
		return sizeof(struct nvsp_init);
	case NVSP_SEND_NDIS_VERSION:
		return sizeof(struct nvsp_ndis_version);
	case NVSP_SEND_NDIS_CONFIG:
		return sizeof(struct nvsp_ndis_config);
	case NVSP_SEND_RECV_BUF:
	case NVSP_SEND_SEND_BUF:
		return sizeof(struct nvsp_send_buf);
	case NVSP_REVOKE_RECV_BUF:
	case NVSP_REVOKE_SEND_BUF:
		return sizeof(struct nvsp_revoke);
	case NVSP_SUBCHANNEL:
		return sizeof(struct nvsp_subchannel);
	case NVSP_SWITCH_DATA_PATH:
		return sizeof(struct nvsp_switch_data_path);
	default:
		return 0;
	}
}

/* In which version did the message appear? */
static uint32_t since_version(uint32_t type)
{
	switch (type) {
	case NVSP_INIT:
		return 0;
	case NVSP_SEND_NDIS_CONFIG:
		return NVSP_V2;
	case NVSP_SWITCH_DATA_PATH:
		return NVSP_V4;
	case NVSP_SUBCHANNEL:
		return NVSP_V5;
	default:
		return NVSP_V1;
	}
}

void nvsp_handle(struct netvsp_channel *nc, const void *msg, uint32_t len, uint64_t txid,
		 bool wanted)
{
	struct netvsp *dev = nc->dev;
	uint32_t type = *(const uint32_t *)msg;
	uint32_t least = least_length(type);
	bool answers = false;

	log_debug("%s: <- NVSP %u, %u bytes", dev->v.name, type, len);
	if (!least || len < least || nc->index) {
		judge(dev->v.name, "nvsp-message", "type %u, %u bytes, on sub-channel %u", type,
		      len, nc->index);
	} else if (type != NVSP_INIT && (!dev->nvsp || dev->nvsp < since_version(type))) {
		judge(dev->v.name, "nvsp-version", "type %u at version %#x", type, dev->nvsp);
	} else {
		switch (type) {
		case NVSP_INIT:
			handle_init(dev, msg, txid);
			answers = true;
			break;
		case NVSP_SEND_NDIS_CONFIG:
			handle_config(dev, msg);
			break;
		case NVSP_SEND_NDIS_VERSION:
			break;
		case NVSP_SEND_RECV_BUF:
			handle_recv_buf(dev, msg, txid);
			answers = true;
			break;
		case NVSP_SEND_SEND_BUF:
			handle_send_buf(dev, msg, txid);
			answers = true;
			break;
		case NVSP_REVOKE_RECV_BUF:
		case NVSP_REVOKE_SEND_BUF:
			handle_revoke(dev, msg);
			break;
		case NVSP_SWITCH_DATA_PATH:
			if (handle_switch(dev, msg, txid, wanted))
				return;
			break;
		case NVSP_SUBCHANNEL:
			handle_subchannel(nc, msg, txid);
			answers = true;
			break;
		}
	}
	/* What has no answer of its own is completed without a payload, if at all. */
	if (answers && !wanted)
		judge(dev->v.name, "nvsp-no-completion", "type %u asks for no completion", type);
	else if (wanted && !answers)
		netvsp_reply(dev, NETVSP_NO_FAULT, NETVSP_COMPLETION, txid, NULL, 0);
}
