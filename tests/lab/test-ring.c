// SPDX-License-Identifier: GPL-2.0
/* The host's side of a ring against a model of the guest: wrap, full, signals, hostile guests. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fault.h"
#include "gpadl.h"
#include "vmbus.h"

#define PAGES 10u /* each way: a control page and nine of data */
#define DATA  ((PAGES - 1) * VMBUS_PAGE)

static const char *judged;
static uint8_t *memory;
static struct gpadl gpadl;
static struct vmbus_channel_stats stats;
static struct vmbus_channel ch;

bool fault_armed[FAULT_POINTS];

struct fault_action fault_match(enum fault_point point, const char *object, void *msg, size_t len)
{
	return (struct fault_action){ .kind = FAULT_NONE };
}

void judge(const char *object, const char *kind, const char *fmt, ...)
{
	judged = kind;
}

void vmbus_rescind_later(struct vmbus_device *dev)
{
}

/* A channel with fresh rings; @scatter: pages in reverse order in host memory. */
static void fresh(bool scatter)
{
	unsigned int i;

	free(memory);
	free(gpadl.page);
	memory = aligned_alloc(VMBUS_PAGE, 2 * PAGES * VMBUS_PAGE);
	memset(memory, 0, 2 * PAGES * VMBUS_PAGE);
	gpadl.n_pages = 2 * PAGES;
	gpadl.page = calloc(gpadl.n_pages, sizeof(*gpadl.page));
	for (i = 0; i < gpadl.n_pages; i++)
		gpadl.page[i] = memory + (scatter ? gpadl.n_pages - 1 - i : i) * VMBUS_PAGE;
	gpadl.flat = scatter ? NULL : memory;
	memset(&stats, 0, sizeof(stats));
	ch.stats = &stats;
	judged = NULL;
	CHECK(!ring_open(&ch, &gpadl, PAGES));
}

static struct vmbus_ring_control *control(bool out)
{
	return (struct vmbus_ring_control *)gpadl.page[out ? PAGES : 0];
}

static uint8_t *byte(bool out, uint32_t pos)
{
	return gpadl.page[(out ? PAGES : 0) + 1 + pos / VMBUS_PAGE] + pos % VMBUS_PAGE;
}

static void poke(bool out, uint32_t pos, const void *src, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		*byte(out, (pos + i) % DATA) = ((const uint8_t *)src)[i];
}

static void peek(bool out, uint32_t pos, void *dst, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		((uint8_t *)dst)[i] = *byte(out, (pos + i) % DATA);
}

/* The guest writes a packet with @len bytes of payload, all @fill. False: its ring is full. */
static bool guest_write(uint32_t len, uint8_t fill)
{
	struct vmbus_ring_control *c = control(false);
	uint32_t at = c->write_index, total = 16 + ((len + 7) & ~7u) + VMBUS_TRAILER;
	uint32_t free_bytes = DATA - (at + DATA - c->read_index) % DATA;
	struct vmbus_descriptor d = {
		.type = VMBUS_PKT_INBAND,
		.offset8 = 2,
		.len8 = (uint16_t)((total - VMBUS_TRAILER) / 8),
		.txid = fill,
	};
	uint64_t trailer = (uint64_t)at << 32;
	uint8_t payload[RING_PACKET_MAX];

	if (total >= free_bytes)
		return false;
	memset(payload, fill, sizeof(payload));
	poke(false, at, &d, sizeof(d));
	poke(false, at + 16, payload, total - 16 - VMBUS_TRAILER);
	poke(false, at + total - VMBUS_TRAILER, &trailer, sizeof(trailer));
	c->write_index = (at + total) % DATA;
	return true;
}

/* The guest reads one packet of the host. Returns its txid, 0 when its ring is empty. */
static uint64_t guest_read(uint32_t *len)
{
	struct vmbus_ring_control *c = control(true);
	struct vmbus_descriptor d;
	uint64_t trailer;

	if (c->read_index == c->write_index)
		return 0;
	peek(true, c->read_index, &d, sizeof(d));
	peek(true, c->read_index + d.len8 * 8, &trailer, sizeof(trailer));
	CHECK(trailer >> 32 == c->read_index);
	*len = d.len8 * 8u;
	c->read_index = (c->read_index + d.len8 * 8 + VMBUS_TRAILER) % DATA;
	return d.txid;
}

static void stream_in(bool scatter)
{
	uint8_t next_written = 1, next_read = 1, written_len[256];
	struct ring_packet pkt;
	unsigned int turn, i;

	fresh(scatter);
	for (turn = 0; turn < 20000; turn++) {
		for (i = check_random(12); i; i--) {
			uint32_t len = check_random(turn % 50 ? 200 : 4000);

			if (!guest_write(len, next_written))
				break;
			written_len[next_written] = (uint8_t)((len + 7) / 8);
			next_written = next_written == 255 ? 1 : next_written + 1;
		}
		ring_in_begin(&ch.in);
		for (i = check_random(14); i && ring_in_next(&ch.in, &pkt); i--) {
			uint32_t bytes = pkt.len - pkt.offset;

			CHECK(pkt.d.txid == next_read, "turn %u", turn);
			CHECK((uint8_t)(bytes / 8) == written_len[next_read]);
			CHECK(!bytes || (pkt.bytes[pkt.offset] == next_read &&
					 pkt.bytes[pkt.len - 1] == next_read));
			next_read = next_read == 255 ? 1 : next_read + 1;
		}
		ring_in_publish(&ch.in);
	}
	CHECK(!judged, "%s", judged);
	CHECK(stats.in_packets.v > 50000);
}

static void in_flat(void)
{
	stream_in(false);
}

static void in_scattered(void)
{
	stream_in(true);
}

static bool host_write(uint64_t txid, uint32_t len)
{
	struct vmbus_descriptor d = { .type = VMBUS_PKT_COMPLETION, .txid = txid };
	uint8_t payload[8192] = { 0 };

	return ring_out_write(&ch.out, &d, sizeof(d), payload, len);
}

static void stream_out(bool scatter)
{
	uint64_t written = 1, read = 1, signals = 0, empties = 1, txid;
	unsigned int turn, i;
	uint32_t len;

	fresh(scatter);
	for (turn = 0; turn < 20000; turn++) {
		bool empty = control(true)->read_index == control(true)->write_index, wrote = false;

		ring_out_begin(&ch.out);
		for (i = check_random(12); i; i--) {
			if (!host_write(written, check_random(turn % 50 ? 200 : 4000)))
				break;
			written++;
			wrote = true;
		}
		if (ring_out_end(&ch.out)) {
			CHECK(empty && wrote);
			signals++;
		} else {
			CHECK(!empty || !wrote);
		}
		for (i = check_random(14); i && (txid = guest_read(&len)); i--)
			CHECK(txid == read++);
		empties += control(true)->read_index == control(true)->write_index;
	}
	CHECK(!judged, "%s", judged);
	CHECK(signals && signals <= empties);
	CHECK(stats.out_publishes.v <= 20000);
}

static void out_flat(void)
{
	stream_out(false);
}

static void out_scattered(void)
{
	stream_out(true);
}

static void never_full(void)
{
	unsigned int n = 0;
	uint32_t len;

	fresh(false);
	ring_out_begin(&ch.out);
	while (host_write(++n, 40))
		;
	ring_out_end(&ch.out);
	CHECK(control(true)->write_index != control(true)->read_index);
	CHECK(n == DATA / 64, "%u packets", n); /* one less than would fill it, and the refused */
	CHECK(stats.out_full.v == 1);
	/* A packet that would just fill it is refused, one that leaves eight bytes is not. */
	for (len = 8; len <= 64; len += 8) {
		uint32_t total = 16 + len + VMBUS_TRAILER;

		fresh(false);
		ring_out_begin(&ch.out);
		CHECK(host_write(1, 8 + (DATA - total) % 32));
		while (ch.out.free > total)
			CHECK(host_write(1, 8));
		CHECK(ch.out.free == total && !host_write(1, len));
		CHECK(host_write(1, len - 8) && ch.out.free == 8);
	}
}

static void mask_and_pending(void)
{
	uint32_t len;

	fresh(false);
	control(true)->interrupt_mask = 1;
	ring_out_begin(&ch.out);
	CHECK(host_write(1, 8));
	CHECK(!ring_out_end(&ch.out));
	control(true)->interrupt_mask = 0;
	ring_out_begin(&ch.out);
	CHECK(host_write(2, 8));
	CHECK(!ring_out_end(&ch.out), "was not empty");
	while (guest_read(&len))
		;
	/* Full: the guest is asked to signal, and told that it need not once there is room. */
	ring_out_begin(&ch.out);
	while (host_write(3, 1000))
		;
	ring_out_end(&ch.out);
	CHECK(!ring_out_want(&ch.out, 1016));
	CHECK(control(true)->pending_send_size == 1016 + VMBUS_TRAILER);
	CHECK(guest_read(&len) && guest_read(&len));
	ring_out_begin(&ch.out);
	CHECK(!control(true)->pending_send_size && ring_out_room(&ch.out, 1016));
	CHECK(ring_out_want(&ch.out, 1016) && !control(true)->pending_send_size);
}

static void space_for_the_guest(void)
{
	struct ring_packet pkt;
	unsigned int n = 0;

	fresh(false);
	while (guest_write(1000, 1))
		n++;
	control(false)->pending_send_size = 3000;
	CHECK(ring_in_begin(&ch.in) == n * 1024);
	CHECK(ring_in_next(&ch.in, &pkt));
	CHECK(!ring_in_publish(&ch.in), "not yet enough");
	ring_in_next(&ch.in, &pkt);
	ring_in_next(&ch.in, &pkt);
	CHECK(ring_in_publish(&ch.in), "now enough");
	ring_in_next(&ch.in, &pkt);
	CHECK(!ring_in_publish(&ch.in), "was enough before");
}

static void bad_in_index(void)
{
	static const uint32_t bad[] = { DATA, DATA + 8, 4, 0xfffffff8, 0x80000000 };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fresh(false);
		control(false)->write_index = bad[i];
		CHECK(!ring_in_begin(&ch.in) && ch.in.broken && judged &&
		      !strcmp(judged, "ring-index"));
		fresh(false);
		control(true)->read_index = bad[i];
		ring_out_begin(&ch.out);
		CHECK(ch.out.broken && !host_write(1, 8));
	}
	/* The guest claims to have read what was never written. */
	fresh(false);
	control(true)->read_index = 64;
	ring_out_begin(&ch.out);
	CHECK(ch.out.broken && judged && !strcmp(judged, "ring-read-past"));
	/* The guest writes past what was read. */
	fresh(false);
	guest_write(1000, 1);
	ring_in_begin(&ch.in);
	control(false)->write_index = 512;
	CHECK(!ring_in_begin(&ch.in) && judged && !strcmp(judged, "ring-overfull"));
}

static void bad_packets(void)
{
	static const struct {
		uint16_t offset8, len8;
	} bad[] = { { 0, 8 }, { 1, 8 }, { 9, 8 }, { 2, 0 }, { 2, 1 }, { 2, 0xffff }, { 2, 200 },
		    { 0xffff, 0xffff }, { 2, 17 } };
	struct vmbus_descriptor d = { .type = VMBUS_PKT_INBAND };
	struct ring_packet pkt;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fresh(i & 1);
		guest_write(100, 1);
		d.offset8 = bad[i].offset8;
		d.len8 = bad[i].len8;
		poke(false, 0, &d, sizeof(d));
		CHECK(ring_in_begin(&ch.in));
		CHECK(!ring_in_next(&ch.in, &pkt), "case %u", i);
		CHECK(ch.in.broken && judged && !strcmp(judged, "ring-framing"), "case %u", i);
		CHECK(!ring_in_begin(&ch.in) && !ring_in_next(&ch.in, &pkt));
	}
	/* Random rings never make it read outside; the sanitizer watches. */
	for (i = 0; i < 3000; i++) {
		uint32_t at;

		fresh(i & 1);
		for (at = 0; at < DATA; at += 4) {
			uint32_t word = check_random(UINT32_MAX);

			poke(false, at, &word, sizeof(word));
			if (at > 4096 && i & 2)
				break;
		}
		control(false)->write_index = check_random(DATA) & ~7u;
		ring_in_begin(&ch.in);
		for (at = 0; ring_in_next(&ch.in, &pkt); at++)
			CHECK(pkt.len <= RING_PACKET_MAX && pkt.offset <= pkt.len && at < DATA);
		ring_in_publish(&ch.in);
	}
	fresh(false);
	guest_write(8, 1);
	*byte(false, 28) ^= 8; /* in its trailer */
	ring_in_begin(&ch.in);
	CHECK(ring_in_next(&ch.in, &pkt) && judged && !strcmp(judged, "ring-trailer"));
}

static void bad_open(void)
{
	fresh(false);
	CHECK(ring_open(&ch, &gpadl, 0) && ring_open(&ch, &gpadl, 1));
	CHECK(ring_open(&ch, &gpadl, 2 * PAGES) && ring_open(&ch, &gpadl, 2 * PAGES - 1));
	CHECK(ring_open(&ch, &gpadl, 2 * PAGES + 1) && ring_open(&ch, &gpadl, UINT32_MAX));
	control(false)->read_index = 4;
	CHECK(ring_open(&ch, &gpadl, PAGES));
	control(false)->read_index = DATA;
	CHECK(ring_open(&ch, &gpadl, PAGES));
}

int main(void)
{
	check_run("guest to host, pages in a row", in_flat);
	check_run("guest to host, scattered pages", in_scattered);
	check_run("host to guest, pages in a row", out_flat);
	check_run("host to guest, scattered pages", out_scattered);
	check_run("never filled to the last byte", never_full);
	check_run("interrupt mask and pending size of the host", mask_and_pending);
	check_run("pending size of the guest", space_for_the_guest);
	check_run("indices out of the ring", bad_in_index);
	check_run("packets without sense", bad_packets);
	check_run("rings that cannot be opened", bad_open);
	free(memory);
	free(gpadl.page);
	return check_end();
}
