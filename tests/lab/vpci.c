// SPDX-License-Identifier: GPL-2.0
/* A synthetic PCI bus as a device: its channel, how its function comes and goes, its numbers. */
#include "vpci.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "log.h"
#include "options.h"
#include "vm.h"

#define EJECT_SECONDS 60 /* as a Hyper-V host has it */
#define BUSES_MAX     32u
#define NO_FAULT      FAULT_POINTS

/* {44c4f61d-4444-4400-9d52-802e27ede19f}, with the first three fields little endian */
static const struct vmbus_guid bus_type = { {
	0x1d, 0xf6, 0xc4, 0x44, 0x44, 0x44, 0x00, 0x44,
	0x9d, 0x52, 0x80, 0x2e, 0x27, 0xed, 0xe1, 0x9f,
} };

static struct vpci *buses;
static unsigned int n_buses;

const char vpci_verbs[] =
	"add, remove, eject, rescind [abrupt], reoffer, relations, invalidate, interrupts, state";

static struct vpci *of(struct vmbus_device *dev)
{
	return container_of(dev, struct vpci, v);
}

static bool absent(const struct vpci *v)
{
	return __atomic_load_n(&v->absent, __ATOMIC_ACQUIRE);
}

static void set_absent(struct vpci *v, bool to)
{
	__atomic_store_n(&v->absent, to, __ATOMIC_RELEASE);
}

/* --- to the guest --- */

/* struct late - a message or a mail that a fault holds back */
struct late {
	struct loop_timer timer;
	struct vpci *v;
	uint64_t session, txid;
	bool completion;
	bool mail; /* of the guest: handled when due */
	uint32_t len;
	uint8_t bytes[VPCI_MESSAGE_MAX] __attribute__((aligned(8)));
};

static void write_out(struct vpci *v, uint64_t session, bool completion, uint64_t txid,
		      const void *msg, uint32_t len)
{
	struct vmbus_descriptor d = {
		.type = completion ? VMBUS_PKT_COMPLETION : VMBUS_PKT_INBAND,
		.txid = txid,
	};
	bool written = true, signal = false;

	pthread_mutex_lock(&v->lock);
	if (v->ch && v->session == session) {
		pthread_mutex_lock(&v->ch->out_lock);
		ring_out_begin(&v->ch->out);
		written = ring_out_write(&v->ch->out, &d, sizeof(d), msg, len);
		signal = ring_out_end(&v->ch->out);
		pthread_mutex_unlock(&v->ch->out_lock);
		if (signal)
			vmbus_signal(v->ch);
	}
	pthread_mutex_unlock(&v->lock);
	if (!written) {
		stat_inc(&v->answers_lost);
		judge(v->v.name, "vpci-full", "no room for an answer of %u bytes", len);
	}
}

static void late_expire(struct loop_timer *timer)
{
	struct late *late = container_of(timer, struct late, timer);
	struct vpci *v = late->v;

	v->n_late--;
	if (late->mail) {
		struct vpci_mail mail = {
			.session = late->session,
			.txid = late->txid,
			.wants_completion = late->completion,
			.late = true,
			.len = late->len,
		};
		bool current;

		memcpy(mail.bytes, late->bytes, late->len);
		pthread_mutex_lock(&v->lock);
		current = v->ch && v->session == late->session;
		pthread_mutex_unlock(&v->lock);
		if (current)
			vpci_handle(v, &mail);
	} else {
		write_out(v, late->session, late->completion, late->txid, late->bytes, late->len);
	}
	free(late);
}

static void later(struct vpci *v, uint64_t ns, struct late with, const void *bytes)
{
	struct late *late = malloc(sizeof(*late));

	if (!late)
		log_fatal(EXIT_INTERNAL, "out of memory");
	if (v->n_late == VPCI_LATE_MAX) {
		free(late);
		stat_inc(&v->answers_lost);
		return;
	}
	v->n_late++;
	*late = with;
	late->timer = (struct loop_timer){ .expire = late_expire };
	late->v = v;
	memcpy(late->bytes, bytes, late->len);
	loop_timer_arm(v->vm->slow, &late->timer, ns);
}

void vpci_send(struct vpci *v, enum fault_point point, uint64_t session, bool completion,
	       uint64_t txid, void *msg, uint32_t len)
{
	struct fault_action todo = { .kind = FAULT_NONE };

	if (point != NO_FAULT)
		todo = fault_at(point, v->v.name, msg, len);
	switch (todo.kind) {
	case FAULT_DROP:
		return;
	case FAULT_DELAY:
		later(v, todo.delay_ns,
		      (struct late){ .session = session,
				     .txid = txid,
				     .completion = completion,
				     .len = len },
		      msg);
		return;
	case FAULT_RESCIND:
		vmbus_rescind_later(&v->v);
		return;
	case FAULT_DUPLICATE:
		write_out(v, session, completion, txid, msg, len);
		break;
	default:
		break;
	}
	write_out(v, session, completion, txid, msg, len);
}

void vpci_send_relations(struct vpci *v, uint64_t session)
{
	bool second = v->version >= VPCI_V1_3;
	struct vpci_relations msg = { .n = !absent(v) };
	struct vpci_function *f = &msg.function[0];
	uint32_t len = offsetof(struct vpci_relations, function);

	msg.type = second ? VPCI_BUS_RELATIONS2 : VPCI_BUS_RELATIONS;
	f->vendor = (uint16_t)pci_config_read(v->fn, 0x00, 2);
	f->device = (uint16_t)pci_config_read(v->fn, 0x02, 2);
	f->revision = (uint8_t)pci_config_read(v->fn, 0x08, 1);
	f->interface = (uint8_t)pci_config_read(v->fn, 0x09, 1);
	f->subclass = (uint8_t)pci_config_read(v->fn, 0x0a, 1);
	f->class = (uint8_t)pci_config_read(v->fn, 0x0b, 1);
	f->subsystem = pci_config_read(v->fn, 0x2c, 4);
	f->serial = v->opt.serial;
	if (v->opt.node >= 0) {
		f->flags = VPCI_FLAG_NUMA;
		f->node = (uint16_t)v->opt.node;
	}
	if (msg.n)
		len += second ? (uint32_t)sizeof(*f) : VPCI_FUNCTION_BYTES;
	vpci_send(v, FAULT_VPCI_RELATIONS, session, false, 0, &msg, len);
}

/* --- from the guest --- */

/* A fresh channel, or none: nothing of the last session is left. */
static void reset_session(struct vpci *v, bool halt)
{
	vpci_window_close(v);
	vpci_function_off(v, halt);
	vpci_interrupts_forget(v);
	v->version = 0;
	v->d0 = false;
	v->assigned = false;
	v->power = VPCI_POWER_D3;
	if (v->ejecting)
		loop_timer_cancel(v->vm->slow, &v->eject_timer);
	v->ejecting = false;
}

static void receive(struct vpci *v, struct vpci_mail *mail)
{
	struct fault_action todo = { .kind = FAULT_NONE };

	if (!mail->late)
		todo = fault_at(FAULT_VPCI_RECEIVE, v->v.name, mail->bytes, mail->len);
	switch (todo.kind) {
	case FAULT_DROP:
		return;
	case FAULT_DELAY:
		later(v, todo.delay_ns,
		      (struct late){ .session = mail->session,
				     .txid = mail->txid,
				     .completion = mail->wants_completion,
				     .mail = true,
				     .len = mail->len },
		      mail->bytes);
		return;
	case FAULT_RESCIND:
		vmbus_rescind_later(&v->v);
		return;
	default:
		vpci_handle(v, mail);
	}
}

/* In vm->slow: whatever waits there. */
static void run_handle(struct loop_work *work)
{
	struct vpci *v = container_of(work, struct vpci, handle_work);
	struct vpci_mail mail;
	bool reset, halt;

	for (;;) {
		pthread_mutex_lock(&v->lock);
		reset = v->reset_wanted;
		halt = v->halt_wanted;
		v->reset_wanted = false;
		v->halt_wanted = false;
		if (!reset && v->n_mail) {
			mail = v->mail[v->mail_head];
			v->mail_head = (v->mail_head + 1) % VPCI_MAILS;
			v->n_mail--;
			if (v->blocked)
				loop_post(v->io, &v->take_work);
			v->blocked = false;
		} else if (!reset) {
			pthread_mutex_unlock(&v->lock);
			return;
		}
		pthread_mutex_unlock(&v->lock);
		/* Should the session end now, what the mail changes is undone by the reset. */
		if (reset)
			reset_session(v, halt);
		else
			receive(v, &mail);
	}
}

/* With the lock held: one packet into the queue. */
static void put_mail(struct vpci *v, const struct ring_packet *pkt)
{
	struct vpci_mail *mail = &v->mail[(v->mail_head + v->n_mail) % VPCI_MAILS];
	uint32_t len = pkt->len - pkt->offset;

	if (pkt->d.type != VMBUS_PKT_INBAND) {
		judge(v->v.name, "packet-type", "packet of type %u", pkt->d.type);
		return;
	}
	if (len > VPCI_MESSAGE_MAX) {
		judge(v->v.name, "vpci-length", "message of %u bytes", len);
		len = VPCI_MESSAGE_MAX;
	}
	mail->session = v->session;
	mail->txid = pkt->d.txid;
	mail->wants_completion = pkt->d.flags & VMBUS_PKT_WANTS_COMPLETION;
	mail->late = false;
	mail->len = len;
	memset(mail->bytes, 0, sizeof(mail->bytes));
	memcpy(mail->bytes, pkt->bytes + pkt->offset, len);
	v->n_mail++;
}

/* In the channel's loop: packets out of the ring, as many as may wait. */
static void take(struct vpci *v)
{
	struct vmbus_channel *ch;
	struct ring_packet pkt;
	bool signal = false;

	pthread_mutex_lock(&v->lock);
	ch = v->ch;
	while (ch && ring_in_begin(&ch->in)) {
		while (v->n_mail < VPCI_MAILS && ring_in_next(&ch->in, &pkt))
			put_mail(v, &pkt);
		signal |= ring_in_publish(&ch->in);
		if (v->n_mail == VPCI_MAILS) {
			v->blocked = true;
			break;
		}
	}
	if (signal)
		vmbus_signal(ch);
	pthread_mutex_unlock(&v->lock);
	loop_post(v->vm->slow, &v->handle_work);
}

static void run_take(struct loop_work *work)
{
	take(container_of(work, struct vpci, take_work));
}

static int op_open(struct vmbus_channel *ch, const uint8_t user[120])
{
	struct vpci *v = of(ch->dev);

	pthread_mutex_lock(&v->lock);
	v->ch = ch;
	v->io = ch->loop;
	v->session++;
	v->n_mail = 0;
	v->blocked = false;
	v->reset_wanted = true;
	v->halt_wanted = false;
	pthread_mutex_unlock(&v->lock);
	stat_inc(&v->sessions);
	loop_post(v->vm->slow, &v->handle_work);
	return 0;
}

static void pass(void *arg)
{
}

static void op_close(struct vmbus_channel *ch)
{
	struct vpci *v = of(ch->dev);
	/* Taken away while the guest uses it, and the guest does not know yet. */
	bool abrupt = v->v.absent && !ch->rescinded;

	pthread_mutex_lock(&v->lock);
	v->ch = NULL;
	v->session++;
	v->n_mail = 0;
	v->blocked = false;
	v->reset_wanted = true;
	v->halt_wanted = abrupt;
	pthread_mutex_unlock(&v->lock);
	if (v->v.absent && !v->v.reoffer)
		set_absent(v, true);
	/* What had begun in the loop before the channel was gone has ended after this. */
	loop_call(ch->loop, pass, NULL);
	loop_post(v->vm->slow, &v->handle_work);
	if (v->v.absent)
		loop_post(v->vm->control, &v->gone_work);
}

static void op_doorbell(struct vmbus_channel *ch)
{
	take(of(ch->dev));
}

static void op_gpadl_gone(struct vmbus_device *dev, struct gpadl *gpadl)
{
}

/* The guest has let go of everything: dead BARs may be somebody else's addresses next. */
static void op_released(struct vmbus_device *dev)
{
	struct vpci *v = of(dev);

	pthread_mutex_lock(&v->lock);
	v->reset_wanted = true;
	v->halt_wanted = false;
	pthread_mutex_unlock(&v->lock);
	loop_post(v->vm->slow, &v->handle_work);
}

static const struct vmbus_device_ops device_ops = {
	.open = op_open,
	.close = op_close,
	.doorbell = op_doorbell,
	.gpadl_gone = op_gpadl_gone,
	.released = op_released,
};

/* --- coming and going --- */

/* In the control loop. */
static void tell_owner(struct vpci *v, bool present)
{
	if (v->told_present == present)
		return;
	v->told_present = present;
	if (v->owner && v->owner->present)
		v->owner->present(v->opaque, present);
}

int vpci_appear(struct vpci *v)
{
	int ret;

	if (!v->v.absent)
		return -EEXIST;
	set_absent(v, false);
	tell_owner(v, true);
	ret = vmbus_reoffer(&v->v);
	return ret < 0 ? ret : 0;
}

static int take_away(struct vpci *v, bool abrupt)
{
	if (v->v.absent)
		return -ENODEV;
	stat_inc(&v->removals);
	tell_owner(v, false);
	return vmbus_rescind(&v->v, abrupt);
}

/* The function has been let go of, or pulled: the bus follows, or stays empty. */
static void run_gone(struct loop_work *work)
{
	struct vpci *v = container_of(work, struct vpci, gone_work);
	bool only;

	pthread_mutex_lock(&v->lock);
	only = v->ejecting_only;
	pthread_mutex_unlock(&v->lock);
	if (!absent(v))
		return; /* it is back already */
	tell_owner(v, false);
	if (!only)
		take_away(v, false);
}

void vpci_ejected(struct vpci *v)
{
	loop_timer_cancel(v->vm->slow, &v->eject_timer);
	v->ejecting = false;
	stat_inc(&v->ejected);
	stats_event(v->vm, v->v.name, "ejected");
	set_absent(v, true);
	vpci_function_off(v, false);
	vpci_interrupts_forget(v);
	loop_post(v->vm->control, &v->gone_work);
}

/* The guest has had its time. */
static void eject_expire(struct loop_timer *timer)
{
	struct vpci *v = container_of(timer, struct vpci, eject_timer);

	v->ejecting = false;
	stat_inc(&v->eject_timeouts);
	stats_event(v->vm, v->v.name, "not let go of in time");
	set_absent(v, true);
	vpci_function_off(v, true);
	vpci_interrupts_forget(v);
	pthread_mutex_lock(&v->lock);
	v->ejecting_only = false;
	pthread_mutex_unlock(&v->lock);
	loop_post(v->vm->control, &v->gone_work);
}

static uint64_t session_of(struct vpci *v)
{
	uint64_t session;

	pthread_mutex_lock(&v->lock);
	session = v->session;
	pthread_mutex_unlock(&v->lock);
	return session;
}

/* In vm->slow. */
static void run_eject(struct loop_work *work)
{
	struct vpci *v = container_of(work, struct vpci, eject_work);
	struct vpci_slot msg = { .type = VPCI_EJECT };

	stat_inc(&v->ejects);
	if (!v->d0 || absent(v)) {
		/* No driver has it: there is nothing to wait for. */
		vpci_ejected(v);
		return;
	}
	v->ejecting = true;
	loop_timer_arm(v->vm->slow, &v->eject_timer, v->opt.eject_ns);
	vpci_send(v, FAULT_VPCI_EJECT, session_of(v), false, 0, &msg, sizeof(msg));
}

static void run_invalidate(struct loop_work *work)
{
	struct vpci *v = container_of(work, struct vpci, invalidate_work);
	struct vpci_invalidate msg = { .type = VPCI_INVALIDATE_BLOCK };

	msg.mask = __atomic_load_n(&v->invalidate_mask, __ATOMIC_ACQUIRE);
	stat_inc(&v->invalidations);
	vpci_send(v, FAULT_VPCI_INVALIDATE, session_of(v), false, 0, &msg, sizeof(msg));
}

static void run_relations(struct loop_work *work)
{
	struct vpci *v = container_of(work, struct vpci, relations_work);

	if (v->version)
		vpci_send_relations(v, session_of(v));
}

/* --- control verbs and numbers --- */

static int verb_eject(struct vpci *v, bool only)
{
	if (v->v.absent || absent(v))
		return -ENODEV;
	pthread_mutex_lock(&v->lock);
	v->ejecting_only = only;
	pthread_mutex_unlock(&v->lock);
	loop_post(v->vm->slow, &v->eject_work);
	return 0;
}

static int verb_add(struct vpci *v)
{
	if (v->v.absent)
		return vpci_appear(v);
	if (!absent(v))
		return -EEXIST;
	/* The bus stayed when its function was ejected. */
	set_absent(v, false);
	tell_owner(v, true);
	loop_post(v->vm->slow, &v->relations_work);
	return 0;
}

static int verb_state(struct vpci *v, char *answer, size_t n)
{
	uint32_t version = __atomic_load_n(&v->version, __ATOMIC_RELAXED);

	snprintf(answer, n,
		 "offered=%d present=%d version=%u.%u d0=%d ejected=%llu removals=%llu config_reads=%llu",
		 !v->v.absent, !v->v.absent && !absent(v), version >> 16, version & 0xffff,
		 __atomic_load_n(&v->d0, __ATOMIC_RELAXED),
		 (unsigned long long)stat_read(&v->ejected),
		 (unsigned long long)stat_read(&v->removals),
		 (unsigned long long)stat_read(&v->window.reads));
	return 0;
}

static int verb_interrupts(struct vpci *v, char *answer, size_t n)
{
	size_t at = snprintf(answer, n, "created=%llu deleted=%llu retargets=%llu delivered=%llu",
			     (unsigned long long)stat_read(&v->irq.created),
			     (unsigned long long)stat_read(&v->irq.deleted),
			     (unsigned long long)stat_read(&v->irq.retargets),
			     (unsigned long long)stat_read(&v->irq.delivered));

	for (unsigned int vp = 0; vp < v->vm->n_vcpus && at < n; vp++)
		at += snprintf(answer + at, n - at, " vp%u=%llu", vp,
			       (unsigned long long)stat_read(&v->irq.by_vp[vp]));
	return 0;
}

static int verb_invalidate(struct vpci *v, const char *text)
{
	uint64_t mask;

	if (parse_u64(text, &mask))
		return -EINVAL;
	__atomic_store_n(&v->invalidate_mask, mask, __ATOMIC_RELEASE);
	loop_post(v->vm->slow, &v->invalidate_work);
	return 0;
}

int vpci_verb(struct vpci *v, int argc, char **argv, char *answer, size_t n)
{
	bool alone = argc == 1;

	if (alone && !strcmp(argv[0], "add"))
		return verb_add(v);
	if (alone && !strcmp(argv[0], "reoffer"))
		return vpci_appear(v);
	if (alone && (!strcmp(argv[0], "remove") || !strcmp(argv[0], "eject")))
		return verb_eject(v, !strcmp(argv[0], "eject"));
	if (!strcmp(argv[0], "rescind") && (alone || (argc == 2 && !strcmp(argv[1], "abrupt"))))
		return take_away(v, argc == 2);
	if (alone && !strcmp(argv[0], "relations")) {
		loop_post(v->vm->slow, &v->relations_work);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[0], "invalidate"))
		return verb_invalidate(v, argv[1]);
	if (alone && !strcmp(argv[0], "interrupts"))
		return verb_interrupts(v, answer, n);
	if (alone && !strcmp(argv[0], "state"))
		return verb_state(v, answer, n);
	return -ENOTSUP;
}

void vpci_dump(struct vpci *v, struct json_object *into)
{
	uint32_t version = __atomic_load_n(&v->version, __ATOMIC_RELAXED);
	char text[16];

	snprintf(text, sizeof(text), "%u.%u", version >> 16, version & 0xffff);
	stats_put_text(into, "version", text);
	stats_put(into, "present", !v->v.absent && !absent(v));
	stats_put_stat(into, "sessions", &v->sessions);
	stats_put_stat(into, "messages", &v->messages);
	stats_put_stat(into, "refused", &v->refused);
	stats_put_stat(into, "answers_lost", &v->answers_lost);
	stats_put_stat(into, "ejects", &v->ejects);
	stats_put_stat(into, "ejected", &v->ejected);
	stats_put_stat(into, "eject_timeouts", &v->eject_timeouts);
	stats_put_stat(into, "removals", &v->removals);
	stats_put_stat(into, "block_reads", &v->block_reads);
	stats_put_stat(into, "block_writes", &v->block_writes);
	stats_put_stat(into, "invalidations", &v->invalidations);
	stats_put_stat(into, "config_reads", &v->window.reads);
	stats_put_stat(into, "config_writes", &v->window.writes);
	vpci_interrupts_dump(v, stats_put_object(into, "interrupts"));
	vmbus_channel_dump(&v->v, 0, stats_put_object(into, "channel"));
}

/* --- making one --- */

static int parse_vpci_version(struct device_args *args, const char *key, uint32_t *version,
			      char *err, size_t n)
{
	const char *text = args_str(args, key, NULL);

	if (!text)
		return 0;
	if (parse_version(text, version) || *version < VPCI_V1_1 || *version > VPCI_V1_6) {
		snprintf(err, n, "%s=%s: a version from 1.1 to 1.6 is wanted", key, text);
		return -EINVAL;
	}
	return 0;
}

/* The text of a GUID, whose first three fields are numbers, as bytes. */
static int parse_instance(const char *text, struct vpci_options *opt)
{
	static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	const char *p = text;

	if (strlen(text) != VPCI_GUID_TEXT)
		return -EINVAL;
	for (unsigned int i = 0; i < sizeof(order); i++) {
		unsigned int byte;
		int end = 0;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*p++ != '-')
				return -EINVAL;
		if (sscanf(p, "%2x%n", &byte, &end) != 1 || end != 2)
			return -EINVAL;
		opt->instance.b[order[i]] = (uint8_t)byte;
		p += end;
	}
	opt->named = true;
	return 0;
}

/* What an instance says by itself; @domain may not be given beside it. */
static int apply_instance(struct device_args *args, struct vpci_options *opt, uint64_t *serial,
			  uint64_t *domain, char *err, size_t n)
{
	const char *text = args_str(args, "guid", NULL);
	const uint8_t *b = opt->instance.b;

	if (!text)
		return 0;
	if (args_str(args, "domain", NULL)) {
		snprintf(err, n, "domain= is not for a bus with guid=, whose second field it is");
		return -EINVAL;
	}
	if (parse_instance(text, opt)) {
		snprintf(err, n, "guid=%s: 32 hexadecimal digits as 8-4-4-4-12 are wanted", text);
		return -EINVAL;
	}
	*serial = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
	*domain = b[4] | (unsigned int)b[5] << 8;
	if (*domain < 1 || *domain > 0x7fff) {
		snprintf(err, n, "guid=%s: its second field is the domain, 1 to 7fff", text);
		return -EINVAL;
	}
	return 0;
}

int vpci_parse(struct vm *vm, struct device_args *args, struct vpci_options *opt, char *err,
	       size_t n)
{
	uint64_t serial = n_buses + 1, node = UINT64_MAX, domain = 0x100 + n_buses;
	uint64_t seconds = EJECT_SECONDS;
	int ret;

	*opt = (struct vpci_options){ .version_min = VPCI_V1_1, .version_max = VPCI_V1_6 };
	ret = apply_instance(args, opt, &serial, &domain, err, n);
	if (!ret)
		ret = args_u64(args, "serial", 0, UINT32_MAX, &serial, err, n);
	if (!ret && args_str(args, "numa", NULL))
		ret = args_u64(args, "numa", 0, UINT16_MAX, &node, err, n);
	/* Linux computes the function's id in an int: the top bit would not arrive as it left. */
	if (!ret)
		ret = args_u64(args, "domain", 1, 0x7fff, &domain, err, n);
	if (!ret)
		ret = args_u64(args, "eject-timeout", 1, 600, &seconds, err, n);
	if (!ret)
		ret = parse_vpci_version(args, "version-min", &opt->version_min, err, n);
	if (!ret)
		ret = parse_vpci_version(args, "version-max", &opt->version_max, err, n);
	opt->serial = (uint32_t)serial;
	opt->node = node == UINT64_MAX ? -1 : (int)node;
	opt->domain = (uint16_t)domain;
	opt->eject_ns = seconds * 1000000000ull;
	return ret;
}

/* The instance's first four bytes are the serial, the next two the domain. */
static void name_instance(struct vmbus_guid *g, const struct vpci_options *opt)
{
	if (opt->named) {
		*g = opt->instance;
		return;
	}
	memcpy(g->b, &opt->serial, 4);
	memcpy(g->b + 4, &opt->domain, 2);
	g->b[7] = 0x40;
	g->b[8] = 0x80;
	g->b[14] = 0x50;
	g->b[15] = (uint8_t)n_buses;
}

struct vpci *vpci_plug(struct vm *vm, const char *name, struct pci_function *fn,
		       const struct vpci_options *opt, bool offered, const struct vpci_owner *owner,
		       void *o, char *err, size_t n)
{
	struct vpci *v = calloc(1, sizeof(*v));
	int ret;

	if (!v)
		log_fatal(EXIT_INTERNAL, "out of memory");
	if (n_buses == BUSES_MAX) {
		snprintf(err, n, "more than %u vPCI buses", BUSES_MAX);
		free(v);
		return NULL;
	}
	v->vm = vm;
	v->fn = fn;
	v->opt = *opt;
	v->owner = owner;
	v->opaque = o;
	v->take_work.run = run_take;
	v->handle_work.run = run_handle;
	v->eject_work.run = run_eject;
	v->invalidate_work.run = run_invalidate;
	v->relations_work.run = run_relations;
	v->gone_work.run = run_gone;
	v->eject_timer.expire = eject_expire;
	pthread_mutex_init(&v->lock, NULL);
	snprintf(v->v.name, 16, "%s", name);
	v->v.type = bus_type;
	name_instance(&v->v.instance, opt);
	v->v.ops = &device_ops;
	v->v.absent = !offered;
	v->absent = !offered;
	v->told_present = offered;
	ret = vpci_interrupts_init(v);
	if (ret) {
		snprintf(err, n, "domain=%u: %s", opt->domain,
			 ret == -EEXIST ? "another bus has it" : strerror(-ret));
		free(v);
		return NULL;
	}
	fn->bus = &vpci_bus_ops;
	fn->plug = v;
	vmbus_add(vmbus_of(vm), &v->v);
	v->io = vm->io[v->v.number % vm->n_io];
	v->next = buses;
	buses = v;
	n_buses++;
	return v;
}

void vpci_unplug(struct vpci *v)
{
	struct vpci **at = &buses;

	while (*at && *at != v)
		at = &(*at)->next;
	if (*at)
		*at = v->next;
	n_buses--;
	vpci_interrupts_free(v);
	vpci_window_close(v);
	vpci_dead_forget(v);
	pthread_mutex_destroy(&v->lock);
	/* Itself it stays: the bus keeps its devices until the end. */
}
