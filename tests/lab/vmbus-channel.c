// SPDX-License-Identifier: GPL-2.0
/* Offers, open and close, sub-channels, rescind and release, doorbells. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gpadl.h"
#include "log.h"
#include "vm.h"
#include "vmbus-server.h"

#define RELEASE_WAIT_NS (60ull * 1000000000ull) /* a guest that takes longer has forgotten */
#define CREDIT_SLACK	4 /* doorbells decided, not rung yet: one for each vCPU at work on it */

/* struct later - something about one channel that is due later; found again by relid and serial */
struct later {
	struct loop_work work;
	struct loop_timer timer;
	struct vmbus *bus;
	uint64_t delay_ns;
	uint32_t relid;
	uint64_t serial;
	void (*fn)(struct vmbus_channel *ch, void *data, size_t len);
	struct vmbus_channel *ch;
	size_t len;
	uint8_t data[];
};

struct vmbus_channel *vmbus_channel_of(const struct vmbus *bus, uint32_t relid)
{
	return relid && relid < VMBUS_RELIDS ? bus->channel[relid] : NULL;
}

static void later_call(void *arg)
{
	struct later *later = arg;

	later->fn(later->ch, later->data, later->len);
}

static void later_expire(struct loop_timer *timer)
{
	struct later *later = container_of(timer, struct later, timer);
	struct vmbus_channel *ch = vmbus_channel_of(later->bus, later->relid);

	if (ch && ch->serial == later->serial) {
		later->ch = ch;
		if (!later->fn) {
			if (ch->rescinded)
				judge(ch->name, "relid-not-released",
				      "channel %u was rescinded and not released", ch->relid);
		} else if (ch->state == VMBUS_OPEN) {
			loop_call(ch->loop, later_call, later);
		}
	}
	free(later);
}

static void later_arm(struct loop_work *work)
{
	struct later *later = container_of(work, struct later, work);

	loop_timer_arm(later->bus->vm->control, &later->timer, later->delay_ns);
}

void vmbus_defer(struct vmbus_channel *ch, uint64_t ns,
		 void (*fn)(struct vmbus_channel *ch, void *data, size_t len), const void *data,
		 size_t len)
{
	struct later *later = calloc(1, sizeof(*later) + len);

	if (!later)
		log_fatal(EXIT_INTERNAL, "out of memory");
	later->work.run = later_arm;
	later->timer.expire = later_expire;
	later->bus = ch->bus;
	later->delay_ns = ns;
	later->relid = ch->relid;
	later->serial = ch->serial;
	later->fn = fn;
	later->len = len;
	if (len)
		memcpy(later->data, data, len);
	loop_post(ch->bus->vm->control, &later->work);
}

static void signal_now(struct vmbus_channel *ch, void *data, size_t len)
{
	uint32_t vp = __atomic_load_n(&ch->target_vp, __ATOMIC_ACQUIRE);
	int ret;

	if (vp == VMBUS_VP_NONE)
		return;
	ret = synic_signal(ch->bus->vm, vp, VMBUS_SINT, ch->relid);
	stat_add_shared(&ch->stats->signals, 1);
	if (ret == 1)
		stat_add_shared(&ch->stats->interrupts, 1);
}

void vmbus_signal(struct vmbus_channel *ch)
{
	struct fault_action todo = fault_at(FAULT_RING_SIGNAL, ch->name, NULL, 0);

	switch (todo.kind) {
	case FAULT_DROP:
		return;
	case FAULT_DELAY:
		vmbus_defer(ch, todo.delay_ns, signal_now, NULL, 0);
		return;
	case FAULT_DUPLICATE:
		signal_now(ch, NULL, 0);
		break;
	default:
		break;
	}
	signal_now(ch, NULL, 0);
}

/* The doorbell that a fault had held back. */
static void doorbell_force(struct vmbus_channel *ch, void *data, size_t len)
{
	ch->dev->ops->doorbell(ch);
}

/* Does the guest ring only when it may? See ring_in_publish() for where credit comes from. */
static void doorbell_judge(struct vmbus_channel *ch, uint64_t rung)
{
	uint64_t credit = __atomic_load_n(&ch->credit, __ATOMIC_RELAXED);

	if (rung > credit) {
		judge(ch->name, "doorbell",
		      "%llu signals where the ring was empty %llu times since the last",
		      (unsigned long long)rung, (unsigned long long)credit);
		rung = credit;
	}
	credit -= rung;
	if (credit > CREDIT_SLACK)
		rung += credit - CREDIT_SLACK;
	__atomic_fetch_sub(&ch->credit, rung, __ATOMIC_RELAXED);
}

static void doorbell_ready(struct loop_fd *lfd, uint32_t events)
{
	struct vmbus_channel *ch = container_of(lfd, struct vmbus_channel, doorbell);
	struct fault_action todo;
	uint64_t rung;

	if (read(lfd->fd, &rung, sizeof(rung)) != sizeof(rung))
		return;
	stat_add(&ch->stats->doorbells, rung);
	doorbell_judge(ch, rung);
	todo = fault_at(FAULT_RING_DOORBELL, ch->name, NULL, 0);
	switch (todo.kind) {
	case FAULT_DROP:
		return;
	case FAULT_DELAY:
		vmbus_defer(ch, todo.delay_ns, doorbell_force, NULL, 0);
		return;
	case FAULT_RESCIND:
		vmbus_rescind_later(ch->dev);
		return;
	default:
		ch->dev->ops->doorbell(ch);
	}
}

static void send_offer(struct vmbus_channel *ch)
{
	struct vmbus_device *dev = ch->dev;
	struct vmbus_offer offer = {
		.h.type = VMBUS_MSG_OFFER,
		.type = dev->type,
		.instance = dev->instance,
		.flags = dev->flags,
		.mmio_mb = dev->mmio_mb,
		.subindex = (uint16_t)ch->index,
		.relid = ch->relid,
		.dedicated = 1,
		.connection = ch->connection,
	};

	vmbus_send(ch->bus, FAULT_VMBUS_OFFER, dev, &offer, sizeof(offer));
}

static uint32_t relid_alloc(const struct vmbus *bus)
{
	uint32_t relid;

	for (relid = 1; relid < VMBUS_RELIDS; relid++) {
		if (!bus->channel[relid])
			return relid;
	}
	return 0;
}

static bool offer_channel(struct vmbus_device *dev, unsigned int index)
{
	struct vmbus *bus = dev->bus;
	struct vmbus_channel *ch;
	uint32_t relid;

	relid = relid_alloc(bus);
	if (!relid) {
		log_warn("%s: no channel id is free: the guest holds %u", dev->name,
			 VMBUS_RELIDS - 1);
		return false;
	}
	ch = calloc(1, sizeof(*ch));
	if (!ch)
		log_fatal(EXIT_INTERNAL, "out of memory");
	ch->dev = dev;
	ch->bus = bus;
	ch->index = index;
	ch->serial = bus->next_serial++;
	ch->relid = relid;
	ch->connection = relid | VMBUS_SINT << 12;
	ch->target_vp = VMBUS_VP_NONE;
	ch->stats = &dev->stats[index];
	ch->loop = bus->vm->io[(dev->number + index) % bus->vm->n_io];
	ch->doorbell.fd = -1;
	ch->doorbell.ready = doorbell_ready;
	pthread_mutex_init(&ch->out_lock, NULL);
	snprintf(ch->name, sizeof(ch->name), "%.18s.%u", dev->name, index);
	bus->channel[relid] = ch;
	dev->channel[index] = ch;
	if (index)
		dev->n_subchannels++;
	send_offer(ch);
	return true;
}

static void doorbell_stop(void *arg)
{
	struct vmbus_channel *ch = arg;

	loop_del(ch->loop, &ch->doorbell);
}

/* Nothing of the host touches the rings after this. */
static void close_channel(struct vmbus_channel *ch)
{
	hv_doorbell(ch->bus->vm, ch->connection, ch->doorbell.fd, false);
	loop_call(ch->loop, doorbell_stop, ch);
	ch->dev->ops->close(ch);
	close(ch->doorbell.fd);
	ch->doorbell.fd = -1;
	gpadl_put(ch->ring_gpadl);
	ch->ring_gpadl = NULL;
	ch->state = ch->rescinded ? VMBUS_RESCINDED : VMBUS_OFFERED;
	stats_event(ch->bus->vm, ch->name, "closed");
}

static void forget_channel(struct vmbus_channel *ch)
{
	struct vmbus_device *dev = ch->dev;

	if (ch->state == VMBUS_OPEN)
		close_channel(ch);
	if (dev->channel[ch->index] == ch) {
		dev->channel[ch->index] = NULL;
		if (ch->index)
			dev->n_subchannels--;
	}
	ch->bus->channel[ch->relid] = NULL;
	gpadl_release_relid(ch->relid);
	pthread_mutex_destroy(&ch->out_lock);
	free(ch);
}

static void rescind_channel(struct vmbus_channel *ch, bool abrupt)
{
	struct vmbus_relid msg = {
		.h.type = VMBUS_MSG_RESCIND,
		.relid = ch->relid,
	};
	struct vmbus_device *dev = ch->dev;

	/* A host serves what is under way until the guest closes, unless something broke. */
	if (ch->state == VMBUS_OPEN && abrupt)
		close_channel(ch);
	ch->rescinded = true;
	if (ch->state != VMBUS_OPEN)
		ch->state = VMBUS_RESCINDED;
	dev->channel[ch->index] = NULL;
	if (ch->index)
		dev->n_subchannels--;
	vmbus_send(ch->bus, FAULT_VMBUS_RESCIND, dev, &msg, sizeof(msg));
	vmbus_defer(ch, RELEASE_WAIT_NS, NULL, NULL, 0);
}

static void rescind_subchannels(struct vmbus_device *dev, bool abrupt)
{
	unsigned int i;

	for (i = 1; i < VMBUS_CHANNELS_MAX; i++) {
		if (dev->channel[i])
			rescind_channel(dev->channel[i], abrupt);
	}
}

int vmbus_rescind(struct vmbus_device *dev, bool abrupt)
{
	bool serve;

	if (dev->absent)
		return -ENODEV;
	dev->absent = true;
	dev->reoffer = false;
	stats_event(dev->bus->vm, dev->name, "rescinded%s", abrupt ? " abruptly" : "");
	/* Sub-channels go when the guest has closed their primary, so that it can drain them. */
	serve = dev->channel[0] && dev->channel[0]->state == VMBUS_OPEN && !abrupt;
	if (dev->channel[0])
		rescind_channel(dev->channel[0], abrupt);
	if (!serve)
		rescind_subchannels(dev, abrupt);
	return 0;
}

static void rescind_work(struct loop_work *work)
{
	vmbus_rescind(container_of(work, struct vmbus_device, rescind_work), true);
}

void vmbus_rescind_later(struct vmbus_device *dev)
{
	loop_post(dev->bus->vm->control, &dev->rescind_work);
}

static bool holds_relids(const struct vmbus_device *dev)
{
	uint32_t relid;

	for (relid = 1; relid < VMBUS_RELIDS; relid++) {
		if (dev->bus->channel[relid] && dev->bus->channel[relid]->dev == dev)
			return true;
	}
	return false;
}

static void come_back(struct vmbus_device *dev)
{
	dev->absent = false;
	dev->reoffer = false;
	stats_event(dev->bus->vm, dev->name, "offered again");
	if (dev->bus->offers_requested)
		offer_channel(dev, 0);
}

int vmbus_reoffer(struct vmbus_device *dev)
{
	if (!dev->absent)
		return -EEXIST;
	if (holds_relids(dev)) {
		dev->reoffer = true;
		return 1;
	}
	come_back(dev);
	return 0;
}

void vmbus_add(struct vmbus *bus, struct vmbus_device *dev)
{
	struct vmbus_device **at = &bus->devices;

	while (*at)
		at = &(*at)->next;
	*at = dev;
	dev->bus = bus;
	dev->number = bus->n_devices++;
	dev->rescind_work.run = rescind_work;
	if (bus->offers_requested)
		offer_channel(dev, 0);
}

void vmbus_offer_subchannels(struct vmbus_device *dev, unsigned int n)
{
	unsigned int i;

	for (i = 1; i <= n && i < VMBUS_CHANNELS_MAX; i++) {
		if (!dev->channel[i] && !offer_channel(dev, i))
			return;
	}
}

void vmbus_channels_reset(struct vmbus *bus)
{
	struct vmbus_device *dev;
	uint32_t relid;

	/* Sub-channels before their primary, whatever their relids: two turns. */
	for (relid = 1; relid < VMBUS_RELIDS; relid++) {
		if (bus->channel[relid] && bus->channel[relid]->index)
			forget_channel(bus->channel[relid]);
	}
	for (relid = 1; relid < VMBUS_RELIDS; relid++) {
		if (bus->channel[relid])
			forget_channel(bus->channel[relid]);
	}
	for (dev = bus->devices; dev; dev = dev->next) {
		if (dev->reoffer)
			come_back(dev);
	}
}

void vmbus_handle_request_offers(struct vmbus *bus)
{
	struct vmbus_header end = { .type = VMBUS_MSG_ALL_OFFERS };
	struct vmbus_device *dev;

	if (bus->offers_requested)
		judge("vmbus", "offers-twice", "RequestOffers a second time");
	bus->offers_requested = true;
	for (dev = bus->devices; dev; dev = dev->next) {
		if (!dev->absent && !dev->channel[0])
			offer_channel(dev, 0);
	}
	vmbus_send(bus, FAULT_VMBUS_ALL_OFFERS, NULL, &end, sizeof(end));
}

/* Returns 0, or why the channel cannot be opened. */
static const char *open_channel(struct vmbus_channel *ch, const struct vmbus_open *msg)
{
	struct vm *vm = ch->bus->vm;
	struct gpadl *gpadl;

	if (ch->state == VMBUS_RESCINDED)
		return "it was rescinded"; /* which the guest may not know yet */
	if (ch->state == VMBUS_OPEN) {
		judge(ch->name, "open-twice", "channel %u is open", ch->relid);
		return "it is open";
	}
	gpadl = gpadl_find(msg->gpadl);
	if (!gpadl) {
		judge(ch->name, "open-gpadl", "ring GPADL %#x does not exist", msg->gpadl);
		return "no such GPADL";
	}
	if (msg->target_vp >= vm->n_vcpus && msg->target_vp != VMBUS_VP_NONE) {
		judge(ch->name, "open-vp", "target VP %u does not exist", msg->target_vp);
		return "no such VP";
	}
	if (ring_open(ch, gpadl, msg->downstream_page)) {
		judge(ch->name, "open-ring", "ring of %u pages split at %u, or a bad index",
		      gpadl->n_pages, msg->downstream_page);
		return "bad ring";
	}
	ch->open_id = msg->open_id;
	ch->target_vp = msg->target_vp;
	ch->credit = CREDIT_SLACK;
	ch->doorbell.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (ch->doorbell.fd < 0)
		log_fatal(EXIT_INTERNAL, "eventfd: %s", strerror(errno));
	if (ch->dev->ops->open(ch, msg->user)) {
		close(ch->doorbell.fd);
		ch->doorbell.fd = -1;
		return "the device refuses";
	}
	if (hv_doorbell(vm, ch->connection, ch->doorbell.fd, true))
		log_fatal(EXIT_INTERNAL, "%s: no doorbell for connection %#x", ch->name,
			  ch->connection);
	gpadl_hold(gpadl);
	ch->ring_gpadl = gpadl;
	ch->state = VMBUS_OPEN;
	loop_add(ch->loop, &ch->doorbell, EPOLLIN);
	stats_event(vm, ch->name, "opened, relid %u, VP %u, rings of %u and %u bytes", ch->relid,
		    ch->target_vp, ch->in.r.size, ch->out.r.size);
	return NULL;
}

void vmbus_handle_open(struct vmbus *bus, const struct vmbus_open *msg)
{
	struct vmbus_open_result answer = {
		.h.type = VMBUS_MSG_OPEN_RESULT,
		.relid = msg->relid,
		.open_id = msg->open_id,
	};
	struct vmbus_channel *ch = vmbus_channel_of(bus, msg->relid);
	const char *why = "no such channel";

	if (!ch)
		judge("vmbus", "open-relid", "OpenChannel of unknown channel %u", msg->relid);
	else
		why = open_channel(ch, msg);
	if (why) {
		log_debug("vmbus: channel %u not opened: %s", msg->relid, why);
		answer.status = 0xc0000001u;
	}
	vmbus_send(bus, FAULT_VMBUS_OPEN_RESULT, ch ? ch->dev : NULL, &answer, sizeof(answer));
}

void vmbus_handle_close(struct vmbus *bus, const struct vmbus_relid *msg)
{
	struct vmbus_channel *ch = vmbus_channel_of(bus, msg->relid);

	if (!ch) {
		judge("vmbus", "close-relid", "CloseChannel of unknown channel %u", msg->relid);
		return;
	}
	if (ch->state == VMBUS_RESCINDED)
		return; /* crossed with the rescind */
	if (ch->state != VMBUS_OPEN) {
		judge(ch->name, "close-closed", "channel %u is not open", ch->relid);
		return;
	}
	close_channel(ch);
	/* Sub-channels exist for one opening of the primary. */
	if (!ch->index)
		rescind_subchannels(ch->dev, false);
}

static void pass(void *arg)
{
}

void vmbus_handle_modify(struct vmbus *bus, const struct vmbus_modify_channel *msg)
{
	struct vmbus_modify_response answer = {
		.h.type = VMBUS_MSG_MODIFY_RESPONSE,
		.relid = msg->relid,
	};
	struct vmbus_channel *ch = vmbus_channel_of(bus, msg->relid);
	unsigned int i;

	if (bus->version < VMBUS_V4_1) {
		judge("vmbus", "modify-version", "ModifyChannel at version %#x", bus->version);
		return;
	}
	if (!ch || ch->state != VMBUS_OPEN ||
	    (msg->target_vp >= bus->vm->n_vcpus && msg->target_vp != VMBUS_VP_NONE)) {
		if (!ch || ch->state != VMBUS_RESCINDED)
			judge("vmbus", "modify", "ModifyChannel of channel %u to VP %u",
			      msg->relid, msg->target_vp);
		answer.status = 0xc0000001u;
	} else {
		__atomic_store_n(&ch->target_vp, msg->target_vp, __ATOMIC_RELEASE);
		/* Once answered, nothing may hit the old VP: let every loop finish what it does. */
		for (i = 0; i < bus->vm->n_io; i++)
			loop_call(bus->vm->io[i], pass, NULL);
		stats_event(bus->vm, ch->name, "moved to VP %u", msg->target_vp);
	}
	if (bus->version >= VMBUS_V5_3)
		vmbus_send(bus, FAULT_VMBUS_MODIFY_RESPONSE, ch ? ch->dev : NULL, &answer,
			   sizeof(answer));
}

void vmbus_handle_released(struct vmbus *bus, const struct vmbus_relid *msg)
{
	struct vmbus_channel *ch = vmbus_channel_of(bus, msg->relid);
	struct vmbus_device *dev;
	bool primary;

	if (!ch) {
		judge("vmbus", "release-relid", "release of unknown channel %u", msg->relid);
		return;
	}
	/* A guest that could not take an offer in gives it back unasked. */
	if (ch->state == VMBUS_OPEN && !ch->rescinded)
		judge(ch->name, "release-open", "release of open channel %u", ch->relid);
	dev = ch->dev;
	primary = !ch->index;
	forget_channel(ch);
	if (primary)
		rescind_subchannels(dev, false);
	if (primary && dev->ops->released)
		dev->ops->released(dev);
	if (dev->reoffer && !holds_relids(dev))
		come_back(dev);
}

void vmbus_channel_dump(const struct vmbus_device *dev, unsigned int index,
			struct json_object *into)
{
	const struct vmbus_channel_stats *s = &dev->stats[index];
	const struct vmbus_channel *ch = dev->channel[index];

	if (ch) {
		stats_put(into, "relid", ch->relid);
		stats_put(into, "target_vp", ch->target_vp);
	}
	stats_put_stat(into, "doorbells", &s->doorbells);
	stats_put_stat(into, "signals", &s->signals);
	stats_put_stat(into, "interrupts", &s->interrupts);
	stats_put_stat(into, "in_packets", &s->in_packets);
	stats_put_stat(into, "in_bytes", &s->in_bytes);
	stats_put_stat(into, "in_publishes", &s->in_publishes);
	stats_put_stat(into, "out_packets", &s->out_packets);
	stats_put_stat(into, "out_bytes", &s->out_bytes);
	stats_put_stat(into, "out_publishes", &s->out_publishes);
	stats_put_stat(into, "out_full", &s->out_full);
}
