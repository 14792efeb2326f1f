// SPDX-License-Identifier: GPL-2.0
/*
 * The VMBus server against a guest in this file: versions, offers, channels, rescind, release,
 * unload, and messages of any content. Loops, SynIC and the device behind the bus are stand-ins.
 */
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "control.h"
#include "devices.h"
#include "fault.h"
#include "gpadl.h"
#include "hyperv.h"
#include "log.h"
#include "options.h"
#include "test-stats.h"
#include "vm.h"
#include "vmbus.h"

#define MEMORY	   (4u << 20)
#define RING_PAGES 4u

static uint8_t *memory;
static struct options options = { .vmbus_max = VMBUS_V6_0 };
static struct vm vm = { .opt = &options, .n_vcpus = 4, .n_io = 2 };
static const struct hv_guest_ops *guest;
static void *bus;
static struct loop_work *work_first, **work_last = &work_first;
static struct loop_timer *timers[256];
static unsigned int judged, opens, closes, doorbells, gone;
static char judged_kind[32];
static int open_answer;
static uint32_t doorbell_of[VMBUS_RELIDS];

/* What the host has sent: a queue of control messages. */
static struct {
	unsigned int vp;
	size_t len;
	uint8_t bytes[SYNIC_MESSAGE_PAYLOAD];
} sent[4096];
static unsigned int n_sent, n_read;

bool log_verbose;
bool fault_armed[FAULT_POINTS];

struct fault_action fault_match(enum fault_point point, const char *object, void *msg, size_t len)
{
	return (struct fault_action){ .kind = FAULT_NONE };
}

int fault_load(struct vm *v, const char *path, char *err, size_t n)
{
	return 0;
}

void judge(const char *object, const char *kind, const char *fmt, ...)
{
	judged++;
	snprintf(judged_kind, sizeof(judged_kind), "%s", kind);
}

void judge_init(struct vm *v)
{
}

void log_debug(const char *fmt, ...)
{
}

void log_info(const char *fmt, ...)
{
}

void log_warn(const char *fmt, ...)
{
}

void log_fatal(enum exit_status status, const char *fmt, ...)
{
	printf("fatal: %s\n", fmt);
	exit(1);
}

void *vm_gpa(const struct vm *v, uint64_t gpa, uint64_t len)
{
	return gpa <= MEMORY && len <= MEMORY - gpa ? memory + gpa : NULL;
}

void loop_post(struct loop *loop, struct loop_work *work)
{
	if (work->queued)
		return;
	work->queued = true;
	work->next = NULL;
	*work_last = work;
	work_last = &work->next;
}

void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	fn(arg);
}

int loop_add(struct loop *loop, struct loop_fd *lfd, uint32_t events)
{
	return 0;
}

void loop_del(struct loop *loop, struct loop_fd *lfd)
{
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		if (!timers[i]) {
			timers[i] = timer;
			return;
		}
	}
	/* Full: the oldest is due. */
	timers[0]->expire(timers[0]);
	timers[0] = timer;
}

static void run_posted(void)
{
	struct loop_work *work;

	while ((work = work_first)) {
		work_first = work->next;
		if (!work_first)
			work_last = &work_first;
		work->queued = false;
		work->run(work);
	}
}

static void run_timers(void)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		struct loop_timer *timer = timers[i];

		timers[i] = NULL;
		if (timer)
			timer->expire(timer);
	}
}

static void forget_sent(void)
{
	n_sent = 0;
	n_read = 0;
}

int synic_post(struct vm *v, unsigned int vp, unsigned int sint, uint32_t type, uint64_t port,
	       const void *payload, size_t len)
{
	if (n_sent == sizeof(sent) / sizeof(sent[0]))
		forget_sent();
	sent[n_sent].vp = vp;
	sent[n_sent].len = len;
	memcpy(sent[n_sent++].bytes, payload, len);
	return 0;
}

int synic_signal(struct vm *v, unsigned int vp, unsigned int sint, unsigned int flag)
{
	return 1;
}

void hv_register_guest(struct vm *v, const struct hv_guest_ops *ops, void *o)
{
	guest = ops;
	bus = o;
}

int hv_doorbell(struct vm *v, uint32_t conn, int eventfd, bool assign)
{
	uint32_t relid = conn & 0x7ff;

	CHECK(assign != !!doorbell_of[relid], "doorbell %#x", conn);
	doorbell_of[relid] = assign ? conn : 0;
	return 0;
}

/* The device behind the bus. */

static int op_open(struct vmbus_channel *ch, const uint8_t user[120])
{
	if (!open_answer)
		opens++;
	return open_answer;
}

static void op_close(struct vmbus_channel *ch)
{
	closes++;
}

static void op_doorbell(struct vmbus_channel *ch)
{
	doorbells++;
}

static void op_gone(struct vmbus_device *dev, struct gpadl *gpadl)
{
	gone++;
}

static const struct vmbus_device_ops ops = {
	.open = op_open,
	.close = op_close,
	.doorbell = op_doorbell,
	.gpadl_gone = op_gone,
};

static struct vmbus_device device = { .name = "dev0", .ops = &ops };

/* The guest. */

static uint16_t post(uint32_t conn, const void *msg, size_t len)
{
	uint16_t status = guest->post_message(bus, 0, conn, VMBUS_MESSAGE_TYPE, msg, len);

	run_posted();
	return status;
}

/* The next message of the host, of this type; NULL with a failure when it is another or none. */
static const void *next(uint32_t type)
{
	const struct vmbus_header *h = NULL;

	if (n_read < n_sent)
		h = (const void *)sent[n_read++].bytes;
	CHECK(h && h->type == type, "wanted message %u, got %u", type, h ? h->type : 0);
	return h && h->type == type ? h : NULL;
}

static bool contact(uint32_t version, uint32_t vp)
{
	struct vmbus_initiate_contact msg = { .h.type = VMBUS_MSG_INITIATE_CONTACT,
					      .version = version, .target_vp = vp };
	const struct vmbus_version_response *answer;

	if (version >= VMBUS_V5_0)
		msg.sint = VMBUS_SINT;
	forget_sent();
	if (post(version >= VMBUS_V5_0 ? VMBUS_CONN_MESSAGE_4 : VMBUS_CONN_MESSAGE, &msg,
		 sizeof(msg)))
		return false;
	answer = next(VMBUS_MSG_VERSION_RESPONSE);
	return answer && answer->supported;
}

static const struct vmbus_offer *request_offers(void)
{
	struct vmbus_header msg = { .type = VMBUS_MSG_REQUEST_OFFERS };
	const struct vmbus_offer *offer;

	post(VMBUS_CONN_MESSAGE, &msg, sizeof(msg));
	offer = next(VMBUS_MSG_OFFER);
	next(VMBUS_MSG_ALL_OFFERS);
	return offer;
}

static uint32_t make_gpadl(uint32_t relid, uint32_t id)
{
	struct {
		struct vmbus_gpadl_header h;
		struct vmbus_gpa_range range;
		uint64_t pfn[2 * RING_PAGES];
	} __attribute__((packed)) msg = {
		.h = { .h.type = VMBUS_MSG_GPADL_HEADER, .relid = relid, .gpadl = id,
		       .range_bytes = 8 + 8 * 2 * RING_PAGES, .n_ranges = 1 },
		.range = { .bytes = 2 * RING_PAGES * VMBUS_PAGE },
	};
	const struct vmbus_gpadl_created *answer;
	unsigned int i;

	for (i = 0; i < 2 * RING_PAGES; i++)
		msg.pfn[i] = 16 * (relid & 31) + i;
	memset(memory + 16 * (relid & 31) * VMBUS_PAGE, 0, 2 * RING_PAGES * VMBUS_PAGE);
	post(VMBUS_CONN_MESSAGE, &msg, sizeof(msg));
	answer = next(VMBUS_MSG_GPADL_CREATED);
	return answer ? answer->status : UINT32_MAX;
}

static uint32_t open_channel(uint32_t relid, uint32_t gpadl, uint32_t vp)
{
	struct vmbus_open msg = { .h.type = VMBUS_MSG_OPEN, .relid = relid, .open_id = 7,
				  .gpadl = gpadl, .target_vp = vp, .downstream_page = RING_PAGES };
	const struct vmbus_open_result *answer;

	post(VMBUS_CONN_MESSAGE, &msg, sizeof(msg));
	answer = next(VMBUS_MSG_OPEN_RESULT);
	CHECK(answer && answer->relid == relid && answer->open_id == 7);
	return answer ? answer->status : UINT32_MAX;
}

static void say(uint32_t type, uint32_t relid)
{
	struct vmbus_relid msg = { .h.type = type, .relid = relid };

	post(VMBUS_CONN_MESSAGE, &msg, sizeof(msg));
}

static void teardown(uint32_t relid, uint32_t id)
{
	struct vmbus_gpadl_teardown msg = { .h.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = relid,
					    .gpadl = id };

	post(VMBUS_CONN_MESSAGE, &msg, sizeof(msg));
}

static void versions(void)
{
	static const uint32_t known[] = {
		VMBUS_V2_4, VMBUS_V3_0, VMBUS_V4_0, VMBUS_V4_1, VMBUS_V5_0,
		VMBUS_V5_1, VMBUS_V5_2, VMBUS_V5_3, VMBUS_V6_0,
	};
	const struct vmbus_version_response *answer;
	unsigned int i, max;

	judged = 0;
	/* The highest version is the bus's own from its making on; see main(). */
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		CHECK(contact(known[i], 3), "%#x", known[i]);
		CHECK(sent[0].vp == (known[i] >= VMBUS_V3_0 ? 3 : 0));
		answer = (const void *)sent[0].bytes;
		CHECK(answer->version_or_connection ==
		      (known[i] >= VMBUS_V5_0 ? VMBUS_CONN_MESSAGE : known[i]));
		CHECK(sent[0].len == (known[i] >= VMBUS_V6_0 ? 20 : 16));
	}
	CHECK(!contact(VMBUS_VERSION(6, 1), 0) && !contact(VMBUS_VERSION(5, 9), 0));
	CHECK(!contact(VMBUS_VERSION(1, 1), 0));
	CHECK(!judged, "%s", judged_kind);
	max = guest->post_message(bus, 0, 3, VMBUS_MESSAGE_TYPE, known, 40);
	CHECK(max == HV_STATUS_INVALID_CONNECTION_ID);
	CHECK(guest->post_message(bus, 0, 1, 2, known, 40) == HV_STATUS_INVALID_PARAMETER);
	CHECK(guest->post_message(bus, 0, 1, 1, known, 4) == HV_STATUS_INVALID_PARAMETER);
	say(VMBUS_MSG_CLOSE, 1);
	CHECK(judged && !strcmp(judged_kind, "not-connected"));
	say(VMBUS_MSG_RELID_RELEASED, 1);
	CHECK(judged == 1);
}

static void life_of_a_channel(void)
{
	struct vmbus_modify_channel modify = { .h.type = VMBUS_MSG_MODIFY_CHANNEL, .target_vp = 2 };
	struct vmbus_header unload = { .type = VMBUS_MSG_UNLOAD };
	const struct vmbus_modify_response *moved;
	const struct vmbus_offer *offer;
	uint32_t relid, sub;

	judged = 0;
	CHECK(contact(VMBUS_V5_3, 1));
	offer = request_offers();
	CHECK(offer && offer->relid && offer->dedicated && offer->subindex == 0);
	relid = offer ? offer->relid : 1;
	CHECK(!make_gpadl(relid, 0x100) && !open_channel(relid, 0x100, 1));
	CHECK(doorbell_of[relid] == offer->connection);
	modify.relid = relid;
	post(VMBUS_CONN_MESSAGE, &modify, sizeof(modify));
	moved = next(VMBUS_MSG_MODIFY_RESPONSE);
	CHECK(moved && !moved->status && device.channel[0]->target_vp == 2);
	/* Sub-channels live as long as their primary is open. */
	vmbus_offer_subchannels(&device, 2);
	offer = next(VMBUS_MSG_OFFER);
	CHECK(offer && offer->subindex == 1);
	sub = offer ? offer->relid : 2;
	offer = next(VMBUS_MSG_OFFER);
	CHECK(offer && offer->subindex == 2);
	CHECK(!make_gpadl(sub, 0x200) && !open_channel(sub, 0x200, 3));
	say(VMBUS_MSG_CLOSE, sub);
	say(VMBUS_MSG_CLOSE, relid);
	CHECK(next(VMBUS_MSG_RESCIND) && next(VMBUS_MSG_RESCIND));
	CHECK(!doorbell_of[relid] && !doorbell_of[sub]);
	teardown(sub, 0x200);
	teardown(relid, 0x100);
	CHECK(next(VMBUS_MSG_GPADL_TORNDOWN) && next(VMBUS_MSG_GPADL_TORNDOWN));
	/* The primary is opened again before the old sub-channels are released: other relids. */
	CHECK(!make_gpadl(relid, 0x101) && !open_channel(relid, 0x101, 0));
	vmbus_offer_subchannels(&device, 1);
	offer = next(VMBUS_MSG_OFFER);
	CHECK(offer && offer->relid != sub && offer->relid != sub + 1);
	say(VMBUS_MSG_RELID_RELEASED, sub);
	say(VMBUS_MSG_RELID_RELEASED, sub + 1);
	run_timers();
	CHECK(!judged, "%s", judged_kind);
	post(VMBUS_CONN_MESSAGE, &unload, sizeof(unload));
	CHECK(next(VMBUS_MSG_UNLOAD_RESPONSE));
	CHECK(opens == closes && opens == 3);
	CHECK(!gpadl_find(0x101));
}

static void rescinds(void)
{
	const struct vmbus_offer *offer;
	uint32_t relid;

	judged = 0;
	opens = 0;
	closes = 0;
	CHECK(contact(VMBUS_V5_3, 0));
	offer = request_offers();
	relid = offer ? offer->relid : 1;
	CHECK(!make_gpadl(relid, 0x300) && !open_channel(relid, 0x300, 0));
	/* Served until the guest closes it. */
	CHECK(!vmbus_rescind(&device, false) && vmbus_rescind(&device, false));
	CHECK(next(VMBUS_MSG_RESCIND) && !closes);
	CHECK(vmbus_reoffer(&device) == 1, "relids are out");
	say(VMBUS_MSG_CLOSE, relid);
	CHECK(closes == 1 && n_read == n_sent);
	say(VMBUS_MSG_RELID_RELEASED, relid);
	offer = next(VMBUS_MSG_OFFER);
	CHECK(offer && !gpadl_find(0x300));
	relid = offer ? offer->relid : 1;
	CHECK(vmbus_reoffer(&device) < 0);
	/* At once. */
	CHECK(!make_gpadl(relid, 0x301) && !open_channel(relid, 0x301, 0));
	CHECK(!vmbus_rescind(&device, true) && closes == 2 && next(VMBUS_MSG_RESCIND));
	say(VMBUS_MSG_CLOSE, relid);
	CHECK(open_channel(relid, 0x301, 0));
	CHECK(!judged, "%s", judged_kind);
	run_posted();
	run_timers();
	CHECK(judged && !strcmp(judged_kind, "relid-not-released"), "%s", judged_kind);
	say(VMBUS_MSG_RELID_RELEASED, relid);
	CHECK(vmbus_reoffer(&device) == 0 && next(VMBUS_MSG_OFFER));
	/* A guest that starts over has forgotten everything. */
	CHECK(!vmbus_rescind(&device, true) && vmbus_reoffer(&device) == 1);
	CHECK(contact(VMBUS_V5_3, 0) && request_offers());
}

static void ring_bell(struct vmbus_channel *ch, uint64_t times)
{
	CHECK(write(ch->doorbell.fd, &times, sizeof(times)) == sizeof(times));
	ch->doorbell.ready(&ch->doorbell, EPOLLIN);
}

/* The guest may signal once for each time that it can have found its ring empty. */
static void bells(void)
{
	const struct vmbus_offer *offer;
	struct vmbus_channel *ch;
	unsigned int i;

	CHECK(contact(VMBUS_V5_3, 0));
	offer = request_offers();
	CHECK(!make_gpadl(offer->relid, 0x600) && !open_channel(offer->relid, 0x600, 0));
	ch = device.channel[0];
	judged = 0;
	doorbells = 0;
	ring_bell(ch, 1);
	CHECK(!judged && doorbells == 1);
	/* Packets that are read and given back one by one, each with its signal. */
	for (i = 1; i <= 100; i++) {
		ch->in.pos = 24 * i;
		ring_in_publish(&ch->in);
		ring_bell(ch, 1);
	}
	CHECK(!judged && doorbells == 101);
	/* A signal for each packet of a burst that was given back at once. */
	ch->in.pos = 24 * 120;
	ring_in_publish(&ch->in);
	ring_bell(ch, 20);
	CHECK(judged == 1 && !strcmp(judged_kind, "doorbell"));
	CHECK(stat_read(&ch->stats->doorbells) >= 121);
	say(VMBUS_MSG_CLOSE, offer->relid);
}

static void refusals(void)
{
	const struct vmbus_offer *offer;
	uint32_t relid;

	CHECK(contact(VMBUS_V4_0, 0));
	offer = request_offers();
	relid = offer ? offer->relid : 1;
	judged = 0;
	CHECK(open_channel(relid, 0x999, 0) && !strcmp(judged_kind, "open-gpadl"));
	CHECK(open_channel(1999, 0x999, 0) && !strcmp(judged_kind, "open-relid"));
	CHECK(make_gpadl(1999, 0x400) && !strcmp(judged_kind, "gpadl-relid"));
	CHECK(!make_gpadl(relid, 0x400));
	CHECK(open_channel(relid, 0x400, 77) && !strcmp(judged_kind, "open-vp"));
	open_answer = -1;
	CHECK(open_channel(relid, 0x400, 0) && !doorbell_of[relid]);
	open_answer = 0;
	CHECK(!open_channel(relid, 0x400, 0));
	CHECK(open_channel(relid, 0x400, 0) && !strcmp(judged_kind, "open-twice"));
	teardown(relid, 0x400);
	CHECK(!strcmp(judged_kind, "gpadl-ring") && next(VMBUS_MSG_GPADL_TORNDOWN));
	say(VMBUS_MSG_RELID_RELEASED, relid);
	CHECK(!strcmp(judged_kind, "release-open") && !doorbell_of[relid]);
	say(VMBUS_MSG_MODIFY_CHANNEL, 1);
	CHECK(!strcmp(judged_kind, "message"));
}

/* Any message at any time: nothing breaks, and a good guest can start over. */
static void hostile_guest(void)
{
	uint8_t msg[SYNIC_MESSAGE_PAYLOAD];
	unsigned int i, k;
	uint32_t *word = (uint32_t *)msg;

	for (i = 0; i < 200000; i++) {
		for (k = 0; k < sizeof(msg); k++)
			msg[k] = check_random(5) ? 0 : (uint8_t)check_random(256);
		word[0] = check_random(30);
		if (check_random(4))
			word[2] = 1 + check_random(3);
		if (check_random(2))
			word[3] = check_random(6) + 0x500;
		switch (word[0]) {
		case VMBUS_MSG_INITIATE_CONTACT:
			word[2] = VMBUS_V5_3;
			if (check_random(20))
				continue;
			break;
		case VMBUS_MSG_RELID_RELEASED:
		case VMBUS_MSG_UNLOAD:
			if (check_random(50))
				continue;
			break;
		case VMBUS_MSG_GPADL_HEADER:
			if (check_random(4)) {
				word[4] = 1 << 16 | (8 + 8 * 2 * RING_PAGES);
				word[5] = 2 * RING_PAGES * VMBUS_PAGE;
				word[6] = 0;
				for (k = 0; k < 2 * RING_PAGES; k++) {
					word[7 + 2 * k] = 16 + k;
					word[8 + 2 * k] = 0;
				}
				memset(memory + 16 * VMBUS_PAGE, 0, 2 * RING_PAGES * VMBUS_PAGE);
			}
			break;
		case VMBUS_MSG_OPEN:
			if (check_random(3)) {
				word[4] = 0x500 + check_random(6);
				word[5] = check_random(5);
				word[6] = RING_PAGES;
			}
			break;
		}
		post(VMBUS_CONN_MESSAGE, msg,
		     check_random(4) ? sizeof(msg) : 8 + check_random(sizeof(msg) - 7));
		if (word[0] == VMBUS_MSG_INITIATE_CONTACT && check_random(10))
			say(VMBUS_MSG_REQUEST_OFFERS, 0);
		if (!check_random(2000))
			vmbus_rescind(&device, check_random(2));
		if (!check_random(50))
			vmbus_reoffer(&device);
		if (!check_random(50))
			vmbus_offer_subchannels(&device, check_random(70));
		if (!check_random(500))
			guest->reset(bus);
		if (!check_random(300))
			run_timers();
	}
	run_posted();
	run_timers();
	guest->reset(bus);
	run_posted();
	vmbus_reoffer(&device);
	CHECK(opens == closes && opens > 50, "%u opened, %u closed", opens, closes);
	opens = 0;
	closes = 0;
}

int main(void)
{
	struct loop *io[2] = { (struct loop *)&vm, (struct loop *)&vm };
	char err[256];

	memory = aligned_alloc(VMBUS_PAGE, MEMORY);
	vm.io = io;
	if (!memory || vmbus_type.create(&vm, NULL, err, sizeof(err)))
		return 1;
	vmbus_add(bus, &device);
	check_run("versions, and where answers go", versions);
	check_run("offer, GPADL, open, move, sub-channels, close, unload", life_of_a_channel);
	check_run("rescind, release, offer again", rescinds);
	check_run("signals and when they are due", bells);
	check_run("what is refused", refusals);
	opens = 0;
	closes = 0;
	check_run("messages of any content", hostile_guest);
	check_run("versions after all that", versions);
	check_run("a channel's life after all that", life_of_a_channel);
	guest->reset(bus);
	run_posted();
	run_timers();
	free(bus);
	free(memory);
	return check_end();
}
