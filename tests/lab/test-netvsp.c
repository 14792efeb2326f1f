// SPDX-License-Identifier: GPL-2.0
/*
 * The synthetic NIC against a small driver (test-netvsp.h), first a good one, then a hostile one.
 * The NIC, RNDIS, rings, GPADLs and the echo backend are the lab's, VMBus and loops stand-ins.
 */
#include "test-netvsp.h"

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
	/* The last few are not worth a turn. */
	CHECK(dev->recv.n_free == NETVSP_BATCH / 2 - 1 &&
	      ranges == dev->recv.count - dev->recv.n_free,
	      "%u of %u", ranges, dev->recv.count);
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

static void wanted(struct netvsp_vf *vf)
{
	wishes++;
}

#define path_is(path) (!strcmp(netvsp_vf_path(dev_of()), path))

static bool told(uint32_t allocated)
{
	struct nvsp_vf_association msg = { 0 };

	if (receive_packet() && got.d.type == VMBUS_PKT_INBAND)
		memcpy(&msg, got.payload, sizeof(msg));
	return msg.type == NVSP_SEND_VF_ASSOCIATION && msg.allocated == allocated &&
	       msg.serial == 9;
}

/* The guest says which of the two receives, once there is a VF. Last: it stays. */
static void virtual_function(void)
{
	struct nvsp_switch_data_path to_vf = { NVSP_SWITCH_DATA_PATH, NVSP_PATH_VF };
	struct nvsp_switch_data_path back = { NVSP_SWITCH_DATA_PATH, 0 }, nowhere = back;
	static struct netvsp_vf vf = { .serial = 9, .wanted = wanted }, other;
	char err[128], bytes[NVSP_BYTES] = { 0 };

	CHECK(netvsp_vf_attach("net7", &other, err, sizeof(err)) == -EINVAL &&
	      !netvsp_vf_attach("net0", &vf, err, sizeof(err)) && vf.queues == 4 &&
	      netvsp_vf_attach("net0", &other, err, sizeof(err)) == -EINVAL);
	bring_up();
	netvsp_vf_allocated(&vf, true);
	CHECK(!wishes && !told(1), "to a driver that takes no VF");
	netvsp_vf_allocated(&vf, false);
	close_channel();
	sriov = true;
	bring_up();
	CHECK(wishes == 1 && path_is("synthetic"));
	judged = 0;
	nvsp(&to_vf, sizeof(to_vf), true);
	CHECK(path_is("synthetic") && !judged, "there is none");
	netvsp_vf_allocated(&vf, true);
	CHECK(told(1));
	nvsp(&to_vf, sizeof(to_vf), true);
	CHECK(path_is("vf") && !got.payload_len);
	nowhere.active = 7;
	nvsp(&nowhere, sizeof(nowhere), true);
	CHECK(path_is("vf") && judged == 1 && !strcmp(judged_kind, "nvsp-path"));
	/* Asked for before the one before is done: the last counts, both are answered. */
	memcpy(bytes, &back, sizeof(back));
	send_packet(VMBUS_PKT_INBAND, NULL, 0, bytes, sizeof(bytes), 1, true);
	memcpy(bytes, &to_vf, sizeof(to_vf));
	send_packet(VMBUS_PKT_INBAND, NULL, 0, bytes, sizeof(bytes), 2, true);
	ring();
	CHECK(receive_packet() && receive_packet() && !receive_packet() && path_is("vf"));
	netvsp_vf_allocated(&vf, false);
	CHECK(told(0) && path_is("synthetic"));
	netvsp_vf_allocated(&vf, true);
	CHECK(told(1));
	nvsp(&to_vf, sizeof(to_vf), true);
	close_channel();
	CHECK(path_is("synthetic"), "without a driver");
	backend_close(vf.backend);
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
	check_run("a VF comes, receives and goes", virtual_function);
	netvsp_type.stop(&vm);
	gpadl_release_all();
	args_free(args);
	return check_end();
}
