// SPDX-License-Identifier: GPL-2.0
/*
 * The synthetic NIC against a small driver in this file, first a good one, then a hostile one. The
 * NIC, RNDIS, rings, GPADLs and the echo backend are the lab's own; VMBus and loops are stand-ins.
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "control.h"
#include "devices.h"
#include "gpadl.h"
#include "log.h"
#include "netvsp.h"
#include "options.h"
#include "vm.h"

#define MEMORY	  (16u << 20)
#define RING_PAGE 16u /* first page of the rings, RING_PAGES each way */
#define RING_PAGES 17u
#define RECV_PAGE 64u
#define RECV_PAGES 512u
#define SEND_PAGE 1024u
#define SEND_PAGES 64u
#define DATA_PAGE 2048u
#define DATA	  ((RING_PAGES - 1) * VMBUS_PAGE)

static uint8_t *memory;
static struct vm vm;
static struct vmbus_device *device;
static struct vmbus_channel channel[4];
static struct vmbus_channel_stats stats[4];
static struct loop_work *work_first, **work_last = &work_first;
static int (*verb)(void *o, int argc, char **argv, char *answer, size_t n);
static void *verb_of;
static unsigned int judged, signals, rescinds, offered;
static char judged_kind[32];

bool fault_armed[FAULT_POINTS];

struct fault_action fault_match(enum fault_point point, const char *object, void *msg, size_t len)
{
	return (struct fault_action){ .kind = FAULT_NONE };
}

void judge(const char *object, const char *kind, const char *fmt, ...)
{
	judged++;
	snprintf(judged_kind, sizeof(judged_kind), "%s", kind);
}

void *vm_gpa(const struct vm *v, uint64_t gpa, uint64_t len)
{
	return gpa <= MEMORY && len <= MEMORY - gpa ? memory + gpa : NULL;
}

/* Loops: everything that is posted runs when the test says so. */
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

int loop_mod(struct loop *loop, struct loop_fd *lfd, uint32_t events)
{
	return 0;
}

uint64_t clock_ns(void)
{
	static uint64_t now;

	return now += 1000;
}

/* The time that the service rate goes by, and its timer. */
static uint64_t guest_now;
static struct loop_timer *paced;

uint64_t loop_guest_ns(void)
{
	return guest_now;
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns)
{
	timer->deadline = guest_now + delay_ns;
	paced = timer;
}

static struct netvsp *dev_of(void)
{
	return container_of(device, struct netvsp, v);
}

/* Is the descriptor that the NIC sleeps on readable? */
static bool backend_ready(struct netvsp_channel *nc)
{
	struct pollfd fd = { .fd = nc->rx_fd.fd, .events = POLLIN };

	return nc->rx_watched && poll(&fd, 1, 0) == 1;
}

static void run_posted(void)
{
	struct loop_work *work;
	unsigned int n = 0, q;

	do {
		while ((work = work_first) && n++ < 10000) {
			work_first = work->next;
			if (!work_first)
				work_last = &work_first;
			work->queued = false;
			work->run(work);
		}
		for (q = 0; q < dev_of()->opt.queues; q++) {
			if (backend_ready(dev_of()->chan[q]))
				netvsp_rx_ready(&dev_of()->chan[q]->rx_fd, EPOLLIN);
		}
	} while (work_first && n < 10000);
}

void vmbus_signal(struct vmbus_channel *ch)
{
	signals++;
}

void vmbus_rescind_later(struct vmbus_device *dev)
{
	rescinds++;
}

int vmbus_rescind(struct vmbus_device *dev, bool abrupt)
{
	return 0;
}

int vmbus_reoffer(struct vmbus_device *dev)
{
	return 0;
}

void vmbus_defer(struct vmbus_channel *ch, uint64_t ns,
		 void (*fn)(struct vmbus_channel *ch, void *data, size_t len), const void *data,
		 size_t len)
{
}

struct vmbus *vmbus_of(const struct vm *v)
{
	return NULL;
}

void vmbus_add(struct vmbus *bus, struct vmbus_device *dev)
{
	device = dev;
}

void vmbus_offer_subchannels(struct vmbus_device *dev, unsigned int n)
{
	offered = n;
}

void vmbus_channel_dump(const struct vmbus_device *dev, unsigned int index,
			struct json_object *into)
{
}

int control_register(struct vm *v, const char *object,
		     int (*fn)(void *o, int argc, char **argv, char *answer, size_t n), void *o)
{
	verb = fn;
	verb_of = o;
	return 0;
}

void stats_add_source(struct vm *v, const char *name,
		      void (*dump)(void *o, struct json_object *into), void *o)
{
}

void stats_event(struct vm *v, const char *source, const char *fmt, ...)
{
}

void stats_put(struct json_object *into, const char *key, uint64_t value)
{
}

void stats_put_stat(struct json_object *into, const char *key, const stat_t *s)
{
}

void stats_put_text(struct json_object *into, const char *key, const char *text)
{
}

struct json_object *stats_put_object(struct json_object *into, const char *key)
{
	return NULL;
}

struct json_object *stats_put_array(struct json_object *into, const char *key)
{
	return NULL;
}

/* The driver's side of the rings. */

static struct vmbus_ring_control *control(bool in)
{
	return (struct vmbus_ring_control *)(memory +
					     (RING_PAGE + (in ? RING_PAGES : 0)) * VMBUS_PAGE);
}

static uint8_t *data(bool in)
{
	return (uint8_t *)control(in) + VMBUS_PAGE;
}

static void put(uint32_t pos, const void *src, uint32_t len)
{
	while (len--) {
		data(false)[pos] = *(const uint8_t *)src;
		src = (const uint8_t *)src + 1;
		pos = (pos + 1) % DATA;
	}
}

static void ring(void)
{
	device->ops->doorbell(&channel[0]);
	run_posted();
}

static bool send_packet(uint16_t type, const void *head, uint32_t head_len, const void *body,
			uint32_t body_len, uint64_t txid, bool wants)
{
	struct vmbus_ring_control *c = control(false);
	uint32_t at = c->write_index, len = 16 + head_len + ((body_len + 7) & ~7u);
	uint32_t room = DATA - (at + DATA - c->read_index) % DATA;
	struct vmbus_descriptor d = {
		.type = type,
		.offset8 = (uint16_t)((16 + head_len) / 8),
		.len8 = (uint16_t)(len / 8),
		.flags = wants,
		.txid = txid,
	};
	uint64_t trailer = (uint64_t)at << 32;

	if (len + VMBUS_TRAILER >= room)
		return false;
	put(at, &d, sizeof(d));
	put((at + 16) % DATA, head, head_len);
	put((at + 16 + head_len) % DATA, body, body_len);
	put((at + len) % DATA, &trailer, sizeof(trailer));
	c->write_index = (at + len + VMBUS_TRAILER) % DATA;
	return true;
}

/* A packet of the host, copied out of the ring. */
static struct {
	struct vmbus_descriptor d;
	uint8_t bytes[16384];
	const uint8_t *payload;
	uint32_t payload_len;
} got;

static bool receive_packet(void)
{
	struct vmbus_ring_control *c = control(true);
	uint32_t i, at = c->read_index, len;

	if (at == c->write_index)
		return false;
	for (i = 0; i < sizeof(got.d); i++)
		((uint8_t *)&got.d)[i] = data(true)[(at + i) % DATA];
	len = got.d.len8 * 8u;
	for (i = 0; i < len && i < sizeof(got.bytes); i++)
		got.bytes[i] = data(true)[(at + i) % DATA];
	got.payload = got.bytes + got.d.offset8 * 8;
	got.payload_len = len - got.d.offset8 * 8u;
	c->read_index = (at + len + VMBUS_TRAILER) % DATA;
	return true;
}

static void release(uint64_t txid)
{
	struct nvsp_rndis_complete msg = { .type = NVSP_SEND_RNDIS_PACKET_COMPLETE, .status = 1 };

	send_packet(VMBUS_PKT_COMPLETION, NULL, 0, &msg, sizeof(msg), txid, false);
}

static const uint8_t *nvsp(const void *msg, uint32_t len, bool wants)
{
	uint8_t bytes[NVSP_BYTES] = { 0 };

	memcpy(bytes, msg, len);
	send_packet(VMBUS_PKT_INBAND, NULL, 0, bytes, sizeof(bytes), 0x1234, wants);
	ring();
	if (!wants)
		return NULL;
	CHECK(receive_packet() && got.d.type == VMBUS_PKT_COMPLETION && got.d.txid == 0x1234);
	return got.payload;
}

static bool make_gpadl(uint32_t id, uint32_t first, uint32_t pages)
{
	uint8_t msg[240];
	struct vmbus_gpadl_header *h = (struct vmbus_gpadl_header *)msg;
	struct vmbus_gpa_range *range = (struct vmbus_gpa_range *)(h + 1);
	struct vmbus_gpadl_body *body = (struct vmbus_gpadl_body *)msg;
	enum gpadl_progress progress;
	uint32_t i = 0, n, who, relid;
	struct gpadl *g;
	uint64_t pfn;

	memset(msg, 0, sizeof(msg));
	h->h.type = VMBUS_MSG_GPADL_HEADER;
	h->relid = 1;
	h->gpadl = id;
	h->n_ranges = 1;
	h->range_bytes = (uint16_t)(8 + 8 * pages);
	range->bytes = pages * VMBUS_PAGE;
	for (n = 0; n < 26 && i < pages; n++, i++) {
		pfn = first + i;
		memcpy(msg + 28 + 8 * n, &pfn, 8);
	}
	progress = gpadl_header(&vm, msg, 28 + 8 * n, &g);
	while (progress == GPADL_MORE) {
		memset(msg, 0, sizeof(msg));
		body->gpadl = id;
		for (n = 0; n < 28 && i < pages; n++, i++) {
			pfn = first + i;
			memcpy(msg + 16 + 8 * n, &pfn, 8);
		}
		progress = gpadl_body(&vm, msg, 16 + 8 * n, &g, &who, &relid);
	}
	return progress == GPADL_COMPLETE;
}

static void open_channel(void)
{
	static const uint8_t user[120];
	struct vmbus_channel *ch = &channel[0];

	memset(control(false), 0, VMBUS_PAGE);
	memset(control(true), 0, VMBUS_PAGE);
	memset(ch, 0, sizeof(*ch));
	ch->dev = device;
	ch->relid = 1;
	ch->stats = &stats[0];
	snprintf(ch->name, sizeof(ch->name), "net0.0");
	pthread_mutex_init(&ch->out_lock, NULL);
	CHECK(!ring_open(ch, gpadl_find(1), RING_PAGES));
	CHECK(!device->ops->open(ch, user));
	ch->state = VMBUS_OPEN;
	device->channel[0] = ch;
	run_posted();
}

static void close_channel(void)
{
	device->ops->close(&channel[0]);
	channel[0].state = VMBUS_OFFERED;
	device->channel[0] = NULL;
	run_posted();
}

/* Sends an RNDIS control message from a page, returns the host's answer in the receive buffer. */
static const uint8_t *rndis(const void *msg, uint32_t len)
{
	struct {
		uint32_t reserved, n;
		struct vmbus_gpa_range range;
		uint64_t pfn;
	} __attribute__((packed)) gpa = { .n = 1,
					  .range = { .bytes = len, .offset = 0x100 },
					  .pfn = DATA_PAGE };
	struct nvsp_rndis head = { .type = NVSP_SEND_RNDIS_PACKET,
				   .channel = NVSP_CHANNEL_CONTROL,
				   .section = NVSP_NO_SECTION };
	uint8_t bytes[NVSP_BYTES] = { 0 };
	const uint8_t *answer = NULL;
	struct vmbus_transfer_pages *t = (struct vmbus_transfer_pages *)got.bytes;
	struct vmbus_transfer_range *range = (struct vmbus_transfer_range *)(t + 1);
	bool completed = false;

	memcpy(memory + DATA_PAGE * VMBUS_PAGE + 0x100, msg, len);
	memcpy(bytes, &head, sizeof(head));
	send_packet(VMBUS_PKT_GPA_DIRECT, &gpa, sizeof(gpa), bytes, sizeof(bytes), 77, true);
	ring();
	while (receive_packet()) {
		if (got.d.type == VMBUS_PKT_COMPLETION) {
			CHECK(got.d.txid == 77);
			completed = true;
		} else if (got.d.type == VMBUS_PKT_TRANSFER_PAGES) {
			CHECK(t->set == NVSP_RECV_BUF_ID && t->n == 1);
			answer = memory + RECV_PAGE * VMBUS_PAGE + range->offset;
			release(got.d.txid);
		}
	}
	ring();
	CHECK(completed);
	return answer;
}

static void set(uint32_t oid, const void *value, uint32_t len, uint32_t status)
{
	uint8_t msg[1024] = { 0 };
	struct rndis_request *r = (struct rndis_request *)msg;
	const struct rndis_status_complete *answer;

	r->h.type = RNDIS_SET;
	r->h.len = (uint32_t)sizeof(*r) + len;
	r->id = 9;
	r->oid = oid;
	r->bytes = len;
	r->offset = sizeof(*r) - RNDIS_HEADER;
	memcpy(r + 1, value, len);
	answer = (const struct rndis_status_complete *)rndis(msg, r->h.len);
	CHECK(answer && answer->h.type == (uint32_t)RNDIS_SET_COMPLETE && answer->id == 9 &&
	      answer->status == status,
	      "OID %#x: %#x", oid, answer ? answer->status : 0);
}

static void bring_up(void)
{
	struct nvsp_init init = { .type = NVSP_INIT, .min_version = NVSP_V6_1,
				  .max_version = NVSP_V6_1 };
	struct nvsp_ndis_config config = { .type = NVSP_SEND_NDIS_CONFIG, .mtu = 1514,
					   .capabilities = NVSP_CAP_8021Q | NVSP_CAP_RSC };
	struct nvsp_send_buf recv = { .type = NVSP_SEND_RECV_BUF, .gpadl = 2,
				      .id = NVSP_RECV_BUF_ID };
	struct nvsp_send_buf send = { .type = NVSP_SEND_SEND_BUF, .gpadl = 3 };
	struct rndis_initialize hello = { .h = { RNDIS_INITIALIZE, sizeof(hello) }, .id = 5,
					  .major = 1, .max_transfer = 0x4000 };
	const struct rndis_initialize_complete *welcome;
	uint32_t filter = NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST;
	const uint8_t *answer;

	open_channel();
	answer = nvsp(&init, sizeof(init), true);
	CHECK(((const struct nvsp_init_complete *)answer)->status == NVSP_STATUS_SUCCESS);
	nvsp(&config, sizeof(config), false);
	answer = nvsp(&recv, sizeof(recv), true);
	CHECK(((const struct nvsp_recv_buf_complete *)answer)->status == NVSP_STATUS_SUCCESS);
	CHECK(((const struct nvsp_recv_buf_complete *)answer)->size == 1808);
	answer = nvsp(&send, sizeof(send), true);
	CHECK(((const struct nvsp_send_buf_complete *)answer)->section_size == 6144);
	welcome = (const struct rndis_initialize_complete *)rndis(&hello, sizeof(hello));
	CHECK(welcome && welcome->status == 0 && welcome->id == 5 && welcome->max_packets == 8);
	set(OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter), RNDIS_STATUS_SUCCESS);
}

/* Puts one RNDIS packet with a frame of @len bytes at @at; returns its length. */
static uint32_t build_frame(uint8_t *at, uint32_t len, uint8_t fill)
{
	static const uint8_t mac[6] = { 0x00, 0x15, 0x5d, 0x00, 0x00, 0x01 };
	struct rndis_packet *p = (struct rndis_packet *)at;
	uint32_t total = ((uint32_t)sizeof(*p) + len + 7) & ~7u;

	memset(at, 0, total);
	p->h.type = RNDIS_PACKET;
	p->h.len = total;
	p->data_offset = sizeof(*p) - RNDIS_HEADER;
	p->data_bytes = len;
	memset(at + sizeof(*p), fill, len);
	memcpy(at + sizeof(*p), mac, 6);
	memcpy(at + sizeof(*p) + 6, mac, 6);
	at[sizeof(*p) + 12] = 0x88;
	at[sizeof(*p) + 13] = 0xb5;
	return total;
}

static bool send_section(uint32_t section, uint32_t bytes, uint64_t txid)
{
	uint8_t msg[NVSP_BYTES] = { 0 };
	struct nvsp_rndis *r = (struct nvsp_rndis *)msg;

	r->type = NVSP_SEND_RNDIS_PACKET;
	r->channel = NVSP_CHANNEL_DATA;
	r->section = section;
	r->section_bytes = bytes;
	return send_packet(VMBUS_PKT_INBAND, NULL, 0, msg, sizeof(msg), txid, true);
}

static void good_driver(void)
{
	uint8_t *section = memory + SEND_PAGE * VMBUS_PAGE;
	struct vmbus_transfer_pages *t = (struct vmbus_transfer_pages *)got.bytes;
	struct vmbus_transfer_range *range = (struct vmbus_transfer_range *)(t + 1);
	const struct rndis_packet *p;
	const uint8_t *last;
	unsigned int round, n, i, back = 0, completed = 0, sent = 0;
	uint32_t len;

	judged = 0;
	bring_up();
	for (round = 0; round < 400; round++) {
		for (n = 0; n < 4; n++) {
			uint8_t *at = section + n * NETVSP_SEND_SECTION;

			len = 0;
			for (i = 0; i < 3; i++)
				len += build_frame(at + len, 60 + check_random(1400),
						   (uint8_t)sent++);
			CHECK(send_section(n, len, 1000 + n));
		}
		ring();
		while (receive_packet()) {
			if (got.d.type == VMBUS_PKT_COMPLETION) {
				completed++;
				continue;
			}
			for (i = 0; i < t->n; i++) {
				p = (const void *)(memory + RECV_PAGE * VMBUS_PAGE +
						   range[i].offset);
				CHECK(p->h.type == RNDIS_PACKET && p->h.len <= range[i].bytes);
				last = (const uint8_t *)p + 8 + p->data_offset + p->data_bytes - 1;
				CHECK(*last == (uint8_t)back, "frame %u", back);
				back++;
			}
			release(got.d.txid);
		}
	}
	ring();
	CHECK(completed == 1600 && back == 4800 && sent == 4800, "%u %u", completed, back);
	CHECK(!judged, "%s", judged_kind);
	CHECK(dev_of()->recv.n_free == dev_of()->recv.count, "sections lost");
	CHECK(dev_of()->recv.count == RECV_PAGES * VMBUS_PAGE / 1808);
	close_channel();
}

/* At a service rate a quantum is served at a time, transmit and receive, and none is lost. */
static void paced_service(void)
{
	uint8_t *section = memory + SEND_PAGE * VMBUS_PAGE;
	struct vmbus_transfer_pages *t = (struct vmbus_transfer_pages *)got.bytes;
	struct netvsp_channel *nc = dev_of()->chan[0];
	unsigned int n, turns = 0, back = 0, most = 0, before;

	bring_up();
	judged = 0;
	before = (unsigned int)nc->stats.tx_packets.v;
	nc->tx_pace.pps = 1000000;
	nc->rx_pace.pps = 500000;
	for (n = 0; n < 300; n++)
		CHECK(send_section(0, build_frame(section, 100, 1), n));
	paced = NULL;
	ring();
	CHECK(nc->stats.tx_packets.v - before == 64 && paced);
	do {
		while (receive_packet()) {
			if (got.d.type != VMBUS_PKT_TRANSFER_PAGES)
				continue;
			back += t->n;
			release(got.d.txid);
		}
		n = (unsigned int)nc->stats.tx_packets.v;
		most = n - before > most ? n - before : most;
		before = n;
		guest_now += PACE_QUANTUM * 1000;
		nc->tx_pace.timer.expire(&nc->tx_pace.timer);
		nc->rx_pace.timer.expire(&nc->rx_pace.timer);
		run_posted();
	} while (back < 300 && ++turns < 100);
	CHECK(back == 300 && most == 64, "%u back, %u at once", back, most);
	/* 64 at once, then half of a quantum for each quantum's time at the rate of transmit */
	CHECK(turns >= (300 - 64) / 16 && turns <= 300 / 16, "%u turns", turns);
	CHECK(!judged, "%s", judged_kind);
	nc->tx_pace.pps = 0;
	nc->rx_pace.pps = 0;
	close_channel();
}

/* A driver that never gives sections back stalls the NIC, and loses nothing when it does. */
static void starved(void)
{
	uint8_t *section = memory + SEND_PAGE * VMBUS_PAGE;
	static uint64_t held[4096];
	struct vmbus_transfer_pages *t = (struct vmbus_transfer_pages *)got.bytes;
	unsigned int n, n_held = 0, ranges = 0, i;
	struct netvsp *dev = dev_of();

	bring_up();
	judged = 0;
	for (n = 0; n < 3000; n++) {
		CHECK(send_section(0, build_frame(section, 100, 1), n));
		ring();
		while (receive_packet()) {
			if (got.d.type != VMBUS_PKT_TRANSFER_PAGES)
				continue;
			CHECK(n_held < 4096);
			held[n_held++] = got.d.txid;
			ranges += t->n;
		}
	}
	CHECK(dev->recv.n_free == 0 && ranges == dev->recv.count, "%u of %u", ranges,
	      dev->recv.count);
	CHECK(dev->chan[0]->stats.rx_stalls.v > 0);
	for (i = 0; i < n_held; i++) {
		release(held[i]);
		ring();
		while (receive_packet())
			if (got.d.type == VMBUS_PKT_TRANSFER_PAGES) {
				ranges += t->n;
				release(got.d.txid);
			}
	}
	ring();
	CHECK(ranges == 3000, "%u", ranges);
	CHECK(!judged, "%s", judged_kind);
	close_channel();
}

static void expects(const char *kind)
{
	judged = 0;
	ring();
	while (receive_packet())
		if (got.d.type == VMBUS_PKT_TRANSFER_PAGES)
			release(got.d.txid);
	CHECK(judged && !strcmp(judged_kind, kind), "wanted %s, got %s", kind,
	      judged ? judged_kind : "nothing");
	judged = 0;
}

/* Each rule broken once, and named. */
static void offences(void)
{
	uint8_t *section = memory + SEND_PAGE * VMBUS_PAGE;
	struct rndis_packet *p = (struct rndis_packet *)section;
	uint8_t short_message[16] = { NVSP_SEND_RNDIS_PACKET };
	uint32_t len, i;

	bring_up();
	release(0x500000001ull);
	expects("completion-unknown");
	release(UINT64_MAX);
	expects("completion-unknown");
	release(0);
	expects("completion-unknown");
	send_packet(VMBUS_PKT_COMPLETION, NULL, 0, short_message, 4, 1, false);
	expects("completion-payload");
	send_packet(99, NULL, 0, short_message, 16, 1, false);
	expects("packet-type");
	len = build_frame(section, 100, 1);
	send_section(1000, len, 1);
	expects("send-section");
	send_section(0, NETVSP_SEND_SECTION + 8, 1);
	expects("send-section");
	send_section(0, 20, 1);
	expects("rndis-packet");
	p->h.len = 0;
	send_section(0, len, 1);
	expects("rndis-packet");
	build_frame(section, 100, 1);
	p->h.len = UINT32_MAX;
	send_section(0, len, 1);
	expects("rndis-packet");
	build_frame(section, 100, 1);
	p->data_offset = 0xfffffff0;
	send_section(0, len, 1);
	expects("rndis-data");
	build_frame(section, 100, 1);
	p->data_bytes = 0xfffffff0;
	send_section(0, len, 1);
	expects("rndis-data");
	build_frame(section, 100, 1);
	p->ppi_offset = 0xfffffff0;
	p->ppi_bytes = 0x20;
	send_section(0, len, 1);
	expects("rndis-ppi");
	build_frame(section, 100, 1);
	p->ppi_offset = sizeof(*p) - RNDIS_HEADER;
	p->ppi_bytes = 16;
	memset(section + sizeof(*p), 0, 4);
	send_section(0, len, 1);
	expects("rndis-ppi");
	len = build_frame(section, 1514 + 20, 1);
	send_section(0, len, 1);
	expects("tx-too-long");
	for (len = i = 0; i < 9; i++)
		len += build_frame(section + len, 60, 1);
	send_section(0, len, 1);
	expects("rndis-concat");
	close_channel();
}

/* Some message that may make sense at the start: @head bytes of page list, then the message. */
static void random_message(uint8_t *msg, size_t size, uint32_t head)
{
	uint32_t *word = (uint32_t *)(msg + head);
	size_t i;

	for (i = 0; i < size; i++)
		msg[i] = check_random(4) ? 0 : (uint8_t)check_random(256);
	switch (check_random(6)) {
	case 0: /* some NVSP message */
		word[0] = 100 + check_random(40);
		break;
	case 1:
	case 2: /* a send, with a section or pages */
		word[0] = NVSP_SEND_RNDIS_PACKET;
		word[1] = check_random(2);
		word[2] = check_random(2) ? check_random(50) : NVSP_NO_SECTION;
		word[3] = check_random(7000);
		((uint32_t *)msg)[1] = check_random(5);
		break;
	}
}

static void random_packet(void)
{
	uint8_t msg[512] __attribute__((aligned(8)));
	uint32_t len = 8 + check_random(sizeof(msg) - 8);
	uint32_t head = check_random(4) ? 0 : 8 * check_random(40);
	uint32_t type = head ? VMBUS_PKT_GPA_DIRECT : VMBUS_PKT_INBAND;
	unsigned int i;

	if (!head && check_random(2))
		type = VMBUS_PKT_COMPLETION;
	if (!check_random(8))
		type = check_random(16);
	random_message(msg, sizeof(msg), head);
	for (i = 0; i < 600; i++)
		memory[SEND_PAGE * VMBUS_PAGE + check_random(SEND_PAGES * VMBUS_PAGE)] =
			(uint8_t)check_random(256);
	if (head + len > sizeof(msg))
		len = sizeof(msg) - head;
	send_packet((uint16_t)type, msg, head, msg + head, len & ~7u, check_random(100),
		    check_random(2));
	if (!check_random(3))
		ring();
	if (!check_random(20))
		put(check_random(DATA), msg, 8);
	if (!check_random(40))
		control(true)->read_index = check_random(DATA) & ~7u;
}

/* Every section is either free, and on the free list once, or lent. */
static bool sections_add_up(const struct netvsp *dev)
{
	const struct netvsp_recv_buf *recv = &dev->recv;
	uint32_t i, n_free = 0, n_lent = 0;

	if (!recv->gpadl)
		return true;
	for (i = recv->free; i != UINT32_MAX && n_free <= recv->count; i = recv->section[i].next)
		n_free++;
	for (i = 0; i < recv->count; i++)
		n_lent += !!recv->section[i].txid;
	return n_free == recv->n_free && n_free + n_lent == recv->count;
}

/* Anything at all in messages, sections and rings; the sanitizers watch. */
static void hostile_driver(void)
{
	struct netvsp *dev = dev_of();
	unsigned int round, n;

	for (round = 0; round < 400; round++) {
		bring_up();
		for (n = 0; n < 60; n++) {
			random_packet();
			while (check_random(15) && receive_packet()) {
				if (got.d.type == VMBUS_PKT_TRANSFER_PAGES && check_random(3))
					release(got.d.txid);
			}
		}
		ring();
		CHECK(sections_add_up(dev), "round %u", round);
		close_channel();
	}
	judged = 0;
}

static void verbs(void)
{
	char answer[256] = "", *down[] = { "link", "down" }, *up[] = { "link", "up" };
	char *bad[] = { "link", "sideways" }, *revoke[] = { "revoke-recv" }, *what[] = { "what" };
	const struct rndis_indicate *indication;

	bring_up();
	CHECK(verb(verb_of, 2, bad, answer, sizeof(answer)) == -EINVAL);
	CHECK(verb(verb_of, 1, what, answer, sizeof(answer)) == -EINVAL);
	CHECK(!verb(verb_of, 2, down, answer, sizeof(answer)));
	CHECK(receive_packet() && got.d.type == VMBUS_PKT_TRANSFER_PAGES);
	indication = (const void *)(memory + RECV_PAGE * VMBUS_PAGE +
				    ((struct vmbus_transfer_range *)(got.bytes + 24))->offset);
	CHECK(indication->status == RNDIS_STATUS_MEDIA_DISCONNECT);
	release(got.d.txid);
	CHECK(!verb(verb_of, 2, up, answer, sizeof(answer)));
	CHECK(receive_packet());
	release(got.d.txid);
	ring();
	CHECK(!verb(verb_of, 1, revoke, answer, sizeof(answer)));
	CHECK(verb(verb_of, 1, revoke, answer, sizeof(answer)) == -ENODEV);
	close_channel();
}

static void gpadls(void)
{
	uint8_t msg[240] = { 0 };
	struct vmbus_gpadl_header *h = (struct vmbus_gpadl_header *)msg;
	struct gpadl *g;
	uint32_t id, relid;
	unsigned int i, k;

	CHECK(!make_gpadl(2, RECV_PAGE, 4), "an id in use");
	CHECK(!make_gpadl(9, MEMORY / VMBUS_PAGE - 2, 4), "no such pages");
	CHECK(make_gpadl(9, DATA_PAGE, 100));
	CHECK(gpadl_find(9) && gpadl_find(9)->flat && gpadl_find(9)->bytes == 100 * VMBUS_PAGE);
	gpadl_teardown(gpadl_find(9));
	CHECK(!gpadl_find(9));
	for (i = 0; i < 200000; i++) {
		for (k = 0; k < 40; k++)
			msg[k] = check_random(3) ? 0 : (uint8_t)check_random(256);
		if (check_random(2)) {
			h->n_ranges = 1;
			h->range_bytes = (uint16_t)(8 + 8 * check_random(3));
			h->gpadl = 100 + check_random(50);
		}
		if (check_random(3))
			gpadl_header(&vm, msg, check_random(sizeof(msg)), &g);
		else
			gpadl_body(&vm, msg, check_random(sizeof(msg)), &g, &id, &relid);
	}
	for (i = 100; i < 150; i++) {
		g = gpadl_find(i);
		if (g)
			gpadl_teardown(g);
	}
}

int main(void)
{
	static const char args_text[] =
		"netvsc,id=net0,queues=4,mac=00:15:5d:00:00:01,backend=echo";
	struct loop *io = (struct loop *)&vm;
	struct device_args *args;
	char err[256] = "";

	memory = calloc(1, MEMORY);
	vm.n_io = 1;
	vm.io = &io;
	vm.n_vcpus = 4;
	args = args_parse("net", args_text, err, sizeof(err));
	if (!memory || !args || netvsp_type.create(&vm, args, err, sizeof(err))) {
		printf("cannot make the NIC: %s\n", err);
		return 1;
	}
	if (!make_gpadl(1, RING_PAGE, 2 * RING_PAGES) || !make_gpadl(2, RECV_PAGE, RECV_PAGES) ||
	    !make_gpadl(3, SEND_PAGE, SEND_PAGES))
		return 1;
	run_posted();
	check_run("a good driver gets every frame back", good_driver);
	check_run("a service rate", paced_service);
	check_run("no section is free for a while", starved);
	check_run("each offence is named", offences);
	check_run("control verbs", verbs);
	check_run("page lists, good and bad", gpadls);
	check_run("a hostile driver", hostile_driver);
	check_run("a good driver after all that", good_driver);
	netvsp_type.stop(&vm);
	gpadl_release_all();
	args_free(args);
	return check_end();
}
