// SPDX-License-Identifier: GPL-2.0
/* The VMBus connection: versions, control messages in and out, unload and reset. */
#include "vmbus.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "gpadl.h"
#include "log.h"
#include "options.h"
#include "vm.h"
#include "vmbus-server.h"

static struct vmbus *the_bus; /* one machine a process */

struct vmbus *vmbus_of(const struct vm *vm)
{
	return the_bus;
}

uint32_t vmbus_version(const struct vmbus *bus)
{
	return bus->version;
}

struct vm *vmbus_vm(const struct vmbus *bus)
{
	return bus->vm;
}

/* struct late - a message, to or from the guest, that a fault holds back */
struct late {
	struct loop_timer timer;
	struct vmbus *bus;
	bool to_guest;
	size_t len;
	uint8_t bytes[SYNIC_MESSAGE_PAYLOAD];
};

static void dispatch(struct vmbus *bus, const void *msg, size_t len);

static void post(struct vmbus *bus, const void *msg, size_t len)
{
	const struct vmbus_header *h = msg;
	int ret;

	ret = synic_post(bus->vm, bus->target_vp, VMBUS_SINT, VMBUS_MESSAGE_TYPE, 0, msg, len);
	if (ret) {
		stat_inc(&bus->lost);
		log_warn("vmbus: message %u for VP %u lost: %s", h->type, bus->target_vp,
			 strerror(-ret));
		return;
	}
	stat_inc(&bus->sent[h->type & 31]);
	log_debug("vmbus: -> message %u, %zu bytes", h->type, len);
}

static void late_expire(struct loop_timer *timer)
{
	struct late *late = container_of(timer, struct late, timer);

	if (late->to_guest)
		post(late->bus, late->bytes, late->len);
	else
		dispatch(late->bus, late->bytes, late->len);
	free(late);
}

static void hold_back(struct vmbus *bus, const void *msg, size_t len, bool to_guest, uint64_t ns)
{
	struct late *late = calloc(1, sizeof(*late));

	if (!late)
		log_fatal(EXIT_INTERNAL, "out of memory");
	late->timer.expire = late_expire;
	late->bus = bus;
	late->to_guest = to_guest;
	late->len = len;
	memcpy(late->bytes, msg, len);
	loop_timer_arm(bus->vm->control, &late->timer, ns);
}

void vmbus_send(struct vmbus *bus, enum fault_point point, struct vmbus_device *dev, void *msg,
		size_t len)
{
	struct fault_action todo = fault_at(point, dev ? dev->name : "vmbus", msg, len);

	switch (todo.kind) {
	case FAULT_DROP:
		return;
	case FAULT_DELAY:
		hold_back(bus, msg, len, true, todo.delay_ns);
		return;
	case FAULT_RESCIND:
		if (dev)
			vmbus_rescind_later(dev);
		return;
	case FAULT_DUPLICATE:
		post(bus, msg, len);
		break;
	default:
		break;
	}
	post(bus, msg, len);
}

static bool version_known(uint32_t version)
{
	switch (version) {
	case VMBUS_V2_4:
	case VMBUS_V3_0:
	case VMBUS_V4_0:
	case VMBUS_V4_1:
	case VMBUS_V5_0:
	case VMBUS_V5_1:
	case VMBUS_V5_2:
	case VMBUS_V5_3:
	case VMBUS_V6_0:
		return true;
	default:
		return false;
	}
}

static void disconnect(struct vmbus *bus)
{
	/* First, so that a device which comes back now waits for the next request. */
	bus->offers_requested = false;
	vmbus_channels_reset(bus);
	gpadl_release_all();
	bus->version = 0;
}

static void handle_contact(struct vmbus *bus, const struct vmbus_initiate_contact *msg)
{
	struct vmbus_version_response answer = {
		.h.type = VMBUS_MSG_VERSION_RESPONSE,
	};
	size_t len = VMBUS_VERSION_RESPONSE_BYTES;

	disconnect(bus);
	stat_inc(&bus->contacts);
	bus->target_vp = msg->version >= VMBUS_V3_0 ? msg->target_vp : 0;
	if (bus->target_vp >= bus->vm->n_vcpus) {
		judge("vmbus", "contact-vp", "InitiateContact asks for replies to VP %u",
		      bus->target_vp);
		bus->target_vp = 0;
	}
	if (msg->version >= VMBUS_V5_0 && msg->sint != VMBUS_SINT)
		judge("vmbus", "contact-sint", "InitiateContact asks for SINT %u", msg->sint);
	if (!msg->monitor_page[0] != !msg->monitor_page[1]) {
		judge("vmbus", "contact-monitor", "only one of the two monitor pages is given");
	} else if (version_known(msg->version) && msg->version <= bus->max) {
		answer.supported = 1;
		bus->version = msg->version;
	}
	answer.version_or_connection =
		msg->version >= VMBUS_V5_0 ? VMBUS_CONN_MESSAGE : msg->version;
	if (msg->version >= VMBUS_V6_0 && answer.supported)
		len = sizeof(answer);
	log_debug("vmbus: guest asks for version %u.%u: %s", msg->version >> 16,
		  msg->version & 0xffff, answer.supported ? "agreed" : "refused");
	if (answer.supported)
		stats_event(bus->vm, "vmbus", "connected at version %u.%u", msg->version >> 16,
			    msg->version & 0xffff);
	vmbus_send(bus, FAULT_VMBUS_VERSION_RESPONSE, NULL, &answer, len);
}

static void handle_unload(struct vmbus *bus)
{
	struct vmbus_header answer = { .type = VMBUS_MSG_UNLOAD_RESPONSE };

	disconnect(bus);
	stats_event(bus->vm, "vmbus", "unloaded by the guest");
	vmbus_send(bus, FAULT_VMBUS_UNLOAD_RESPONSE, NULL, &answer, sizeof(answer));
}

static void gpadl_answer(struct vmbus *bus, enum gpadl_progress progress, uint32_t relid,
			 uint32_t id)
{
	struct vmbus_channel *ch = vmbus_channel_of(bus, relid);
	struct vmbus_gpadl_created answer = {
		.h.type = VMBUS_MSG_GPADL_CREATED,
		.relid = relid,
		.gpadl = id,
		.status = progress == GPADL_COMPLETE ? 0 : 0xc0000001u,
	};

	if (progress == GPADL_COMPLETE || progress == GPADL_REFUSED)
		vmbus_send(bus, FAULT_VMBUS_GPADL_CREATED, ch ? ch->dev : NULL, &answer,
			   sizeof(answer));
}

static void handle_gpadl_header(struct vmbus *bus, const struct vmbus_gpadl_header *msg,
				size_t len)
{
	struct vmbus_channel *ch = vmbus_channel_of(bus, msg->relid);
	enum gpadl_progress progress;
	struct gpadl *gpadl;

	if (!ch || ch->rescinded) {
		if (!ch)
			judge("vmbus", "gpadl-relid", "GPADL %#x for channel %u", msg->gpadl,
			      msg->relid);
		gpadl_answer(bus, GPADL_REFUSED, msg->relid, msg->gpadl);
		return;
	}
	progress = gpadl_header(bus->vm, msg, len, &gpadl);
	gpadl_answer(bus, progress, msg->relid, msg->gpadl);
}

static void handle_gpadl_body(struct vmbus *bus, const void *msg, size_t len)
{
	enum gpadl_progress progress;
	uint32_t id = 0, relid = 0;
	struct gpadl *gpadl;

	progress = gpadl_body(bus->vm, msg, len, &gpadl, &id, &relid);
	gpadl_answer(bus, progress, relid, id);
}

static void handle_gpadl_teardown(struct vmbus *bus, const struct vmbus_gpadl_teardown *msg)
{
	struct vmbus_gpadl_torndown answer = {
		.h.type = VMBUS_MSG_GPADL_TORNDOWN,
		.gpadl = msg->gpadl,
	};
	struct vmbus_channel *ch = vmbus_channel_of(bus, msg->relid);
	struct gpadl *gpadl = gpadl_find(msg->gpadl);

	if (!gpadl) {
		judge("vmbus", "gpadl-teardown", "teardown of unknown GPADL %#x", msg->gpadl);
	} else {
		if (ch && ch->state == VMBUS_OPEN && ch->ring_gpadl == gpadl) {
			judge(ch->name, "gpadl-ring", "teardown of the ring of an open channel");
		} else if (gpadl_in_use(gpadl) && ch && ch->dev->ops->gpadl_gone) {
			judge(ch->name, "gpadl-in-use",
			      "teardown of GPADL %#x, which was not revoked", gpadl->id);
			ch->dev->ops->gpadl_gone(ch->dev, gpadl);
		}
		gpadl_teardown(gpadl);
	}
	vmbus_send(bus, FAULT_VMBUS_GPADL_TORNDOWN, ch ? ch->dev : NULL, &answer, sizeof(answer));
}

static size_t least_length(uint32_t type)
{
	switch (type) {
	case VMBUS_MSG_REQUEST_OFFERS:
	case VMBUS_MSG_UNLOAD:
		return sizeof(struct vmbus_header);
	case VMBUS_MSG_OPEN:
		return sizeof(struct vmbus_open);
	case VMBUS_MSG_CLOSE:
	case VMBUS_MSG_RELID_RELEASED:
		return sizeof(struct vmbus_relid);
	case VMBUS_MSG_GPADL_HEADER:
		return sizeof(struct vmbus_gpadl_header);
	case VMBUS_MSG_GPADL_BODY:
		return sizeof(struct vmbus_gpadl_body);
	case VMBUS_MSG_GPADL_TEARDOWN:
		return sizeof(struct vmbus_gpadl_teardown);
	case VMBUS_MSG_INITIATE_CONTACT:
		return sizeof(struct vmbus_initiate_contact);
	case VMBUS_MSG_MODIFY_CHANNEL:
		return sizeof(struct vmbus_modify_channel);
	default:
		return 0;
	}
}

static void dispatch(struct vmbus *bus, const void *msg, size_t len)
{
	const struct vmbus_header *h = msg;
	size_t least = least_length(h->type);

	log_debug("vmbus: <- message %u, %zu bytes", h->type, len);
	stat_inc(&bus->received[h->type & 31]);
	if (!least || len < least) {
		judge("vmbus", "message", "type %u, %zu bytes", h->type, len);
		return;
	}
	/* Guests tidy up after Unload, when no relid is theirs any more. */
	if (!bus->version && h->type == VMBUS_MSG_RELID_RELEASED)
		return;
	if (!bus->version && h->type != VMBUS_MSG_INITIATE_CONTACT &&
	    h->type != VMBUS_MSG_UNLOAD) {
		judge("vmbus", "not-connected", "message type %u before InitiateContact", h->type);
		return;
	}
	switch (h->type) {
	case VMBUS_MSG_INITIATE_CONTACT:
		handle_contact(bus, msg);
		break;
	case VMBUS_MSG_UNLOAD:
		handle_unload(bus);
		break;
	case VMBUS_MSG_REQUEST_OFFERS:
		vmbus_handle_request_offers(bus);
		break;
	case VMBUS_MSG_OPEN:
		vmbus_handle_open(bus, msg);
		break;
	case VMBUS_MSG_CLOSE:
		vmbus_handle_close(bus, msg);
		break;
	case VMBUS_MSG_RELID_RELEASED:
		vmbus_handle_released(bus, msg);
		break;
	case VMBUS_MSG_GPADL_HEADER:
		handle_gpadl_header(bus, msg, len);
		break;
	case VMBUS_MSG_GPADL_BODY:
		handle_gpadl_body(bus, msg, len);
		break;
	case VMBUS_MSG_GPADL_TEARDOWN:
		handle_gpadl_teardown(bus, msg);
		break;
	case VMBUS_MSG_MODIFY_CHANNEL:
		vmbus_handle_modify(bus, msg);
		break;
	}
}

static bool inbox_take(struct vmbus *bus, struct vmbus_mail *mail, bool *reset)
{
	bool got = false;

	pthread_mutex_lock(&bus->inbox_lock);
	*reset = bus->reset_wanted;
	bus->reset_wanted = false;
	if (*reset)
		bus->inbox_n = 0;
	if (bus->inbox_n) {
		*mail = bus->inbox[bus->inbox_head];
		bus->inbox_head = (bus->inbox_head + 1) % VMBUS_INBOX;
		bus->inbox_n--;
		got = true;
	}
	pthread_mutex_unlock(&bus->inbox_lock);
	return got;
}

static void inbox_run(struct loop_work *work)
{
	struct vmbus *bus = container_of(work, struct vmbus, inbox_work);
	struct fault_action todo;
	struct vmbus_mail mail;
	bool reset, got;

	do {
		got = inbox_take(bus, &mail, &reset);
		if (reset)
			disconnect(bus);
		if (!got)
			continue;
		todo = fault_at(FAULT_VMBUS_RECEIVE, "vmbus", mail.bytes, mail.len);
		if (todo.kind == FAULT_DROP)
			continue;
		if (todo.kind == FAULT_DELAY)
			hold_back(bus, mail.bytes, mail.len, false, todo.delay_ns);
		else
			dispatch(bus, mail.bytes, mail.len);
	} while (got);
}

/* On a vCPU thread. */
static uint16_t post_message(void *o, unsigned int vp, uint32_t conn, uint32_t type, const void *p,
			     size_t len)
{
	struct vmbus *bus = o;
	struct vmbus_mail *mail;
	uint16_t status = HV_STATUS_SUCCESS;

	/* Connection 4 came with 5.0: an older host does not know it. */
	if (conn != VMBUS_CONN_MESSAGE && (conn != VMBUS_CONN_MESSAGE_4 || bus->max < VMBUS_V5_0))
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (type != VMBUS_MESSAGE_TYPE || len < sizeof(struct vmbus_header) ||
	    len > SYNIC_MESSAGE_PAYLOAD)
		return HV_STATUS_INVALID_PARAMETER;
	pthread_mutex_lock(&bus->inbox_lock);
	if (bus->inbox_n == VMBUS_INBOX) {
		status = HV_STATUS_INSUFFICIENT_BUFFERS;
		stat_inc(&bus->bounced);
	} else {
		mail = &bus->inbox[(bus->inbox_head + bus->inbox_n++) % VMBUS_INBOX];
		mail->connection = conn;
		mail->len = (uint32_t)len;
		memcpy(mail->bytes, p, len);
	}
	pthread_mutex_unlock(&bus->inbox_lock);
	loop_post(bus->vm->control, &bus->inbox_work);
	return status;
}

/* Every open channel has a doorbell, so what arrives here is a channel that is not open. */
static uint16_t signal_event(void *o, uint32_t conn, uint16_t flag)
{
	return HV_STATUS_INVALID_CONNECTION_ID;
}

static void reset(void *o)
{
	struct vmbus *bus = o;

	pthread_mutex_lock(&bus->inbox_lock);
	bus->reset_wanted = true;
	pthread_mutex_unlock(&bus->inbox_lock);
	loop_post(bus->vm->control, &bus->inbox_work);
}

static const struct hv_guest_ops guest_ops = {
	.post_message = post_message,
	.signal_event = signal_event,
	.reset = reset,
};

static void dump(void *o, struct json_object *into)
{
	static const char *const name[32] = {
		[VMBUS_MSG_OFFER] = "offer",
		[VMBUS_MSG_RESCIND] = "rescind",
		[VMBUS_MSG_REQUEST_OFFERS] = "request_offers",
		[VMBUS_MSG_ALL_OFFERS] = "all_offers",
		[VMBUS_MSG_OPEN] = "open",
		[VMBUS_MSG_OPEN_RESULT] = "open_result",
		[VMBUS_MSG_CLOSE] = "close",
		[VMBUS_MSG_GPADL_HEADER] = "gpadl_header",
		[VMBUS_MSG_GPADL_BODY] = "gpadl_body",
		[VMBUS_MSG_GPADL_CREATED] = "gpadl_created",
		[VMBUS_MSG_GPADL_TEARDOWN] = "gpadl_teardown",
		[VMBUS_MSG_GPADL_TORNDOWN] = "gpadl_torndown",
		[VMBUS_MSG_RELID_RELEASED] = "relid_released",
		[VMBUS_MSG_INITIATE_CONTACT] = "initiate_contact",
		[VMBUS_MSG_VERSION_RESPONSE] = "version_response",
		[VMBUS_MSG_UNLOAD] = "unload",
		[VMBUS_MSG_UNLOAD_RESPONSE] = "unload_response",
		[VMBUS_MSG_MODIFY_CHANNEL] = "modify_channel",
		[VMBUS_MSG_MODIFY_RESPONSE] = "modify_response",
	};
	struct vmbus *bus = o;
	struct json_object *messages;
	unsigned int i, waiting = 0, open = 0;
	char version[16];

	snprintf(version, sizeof(version), "%u.%u", bus->version >> 16, bus->version & 0xffff);
	stats_put_text(into, "version", version);
	for (i = 1; i < VMBUS_RELIDS; i++) {
		if (!bus->channel[i])
			continue;
		waiting += bus->channel[i]->rescinded;
		open += bus->channel[i]->state == VMBUS_OPEN;
	}
	stats_put(into, "open_channels", open);
	stats_put(into, "unreleased_relids", waiting);
	stats_put_stat(into, "contacts", &bus->contacts);
	stats_put_stat(into, "messages_bounced", &bus->bounced);
	stats_put_stat(into, "messages_lost", &bus->lost);
	messages = stats_put_object(into, "messages");
	for (i = 0; i < 32; i++) {
		uint64_t n = stat_read(&bus->received[i]) + stat_read(&bus->sent[i]);

		if (n && name[i])
			stats_put(messages, name[i], n);
	}
}

static int create(struct vm *vm, struct device_args *args, char *err, size_t n)
{
	struct vmbus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		log_fatal(EXIT_INTERNAL, "out of memory");
	/* A script that cannot be read is bad input, whatever the errno. */
	if (fault_load(vm, vm->opt->faults, err, n))
		return -EINVAL;
	bus->vm = vm;
	bus->max = vm->opt->vmbus_max;
	bus->next_serial = 1;
	pthread_mutex_init(&bus->inbox_lock, NULL);
	bus->inbox_work.run = inbox_run;
	the_bus = bus;
	judge_init(vm);
	hv_register_guest(vm, &guest_ops, bus);
	stats_add_source(vm, "vmbus", dump, bus);
	return 0;
}

const struct device_type vmbus_type = {
	.type = "vmbus",
	.help = "always there; --vmbus-max limits the protocol version (2.4 to 6.0)",
	.create = create,
};
