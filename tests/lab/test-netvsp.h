/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test-netvsp.h: the rig of test-netvsp.c: stand-ins for the bus and the loops, and the driver's
 * side of rings, NVSP and RNDIS.
 */
#ifndef HVLAB_TEST_NETVSP_H
#define HVLAB_TEST_NETVSP_H

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
#include "netvsp-vf.h"
#include "netvsp.h"
#include "options.h"
#include "test-stats.h"
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

static bool sriov;
static unsigned int wishes;

static void bring_up(void)
{
	struct nvsp_init init = { .type = NVSP_INIT, .min_version = NVSP_V6_1,
				  .max_version = NVSP_V6_1 };
	struct nvsp_ndis_config config = { .type = NVSP_SEND_NDIS_CONFIG, .mtu = 1514,
					   .capabilities = NVSP_CAP_8021Q | NVSP_CAP_RSC |
							   (sriov ? NVSP_CAP_SRIOV : 0) };
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

#endif
