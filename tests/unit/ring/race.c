// SPDX-License-Identifier: GPL-2.0
/*
 * Can a wake-up get lost? The guest's code runs for real; before each of its accesses to shared
 * memory the host may take a few steps of its own, chosen by a schedule. Short schedules are all
 * tried, long ones drawn. Whatever the schedule: in the end nobody sleeps on work.
 */
#include "rig.h"

#define SIZE PAGE_SIZE

enum reading { ASLEEP, AWAKE, DRAINED, UNMASKED };
enum writing { READY, PUBLISHED, LOOKED, FULL, WISHED, WAITING, DONE };

/*
 * The host: it reads our packets and writes its own, each half a small machine that does one access
 * a step, by the same rules of the ring.
 */
static struct {
	enum reading reading;
	enum writing writing;
	bool masks;
	unsigned long bells;
	u32 freed_from;
	bool check_wish;
	u32 was;
	u32 left, len;
	bool to_guest;
} host;

/* The schedule: so many host steps at the next point. */
static struct {
	u64 bits;
	u32 stride;
	bool drawn;
} plan;

static const u8 zeros[RIG_RING_MAX];

static bool bell(void)
{
	if (host.bells == rig.signals)
		return false;
	host.bells = rig.signals;
	return true;
}

static void step_reading(void)
{
	static u8 packet[SIZE];

	if (host.check_wish) {
		u32 pending = rig.out->pending_send_sz;
		u32 now = SIZE - rig_used(rig.out);

		host.check_wish = false;
		if (pending && now > pending && host.freed_from <= pending)
			host.to_guest = true;
		return;
	}
	switch (host.reading) {
	case ASLEEP:
		break;
	case AWAKE:
		if (host.masks)
			rig.out->interrupt_mask = 1;
		host.freed_from = SIZE - rig_used(rig.out);
		if (host_take(packet, sizeof(packet)))
			host.check_wish = true;
		else
			host.reading = DRAINED;
		break;
	case DRAINED:
		rig.out->interrupt_mask = 0;
		host.reading = UNMASKED;
		break;
	case UNMASKED:
		host.reading = rig_used(rig.out) ? AWAKE : ASLEEP;
		break;
	}
}

static void step_writing(void)
{
	u32 need = sizeof(struct vmpacket_descriptor) + host.len + HVA_TRAILER;

	switch (host.writing) {
	case READY:
		if (!host.left) {
			host.writing = DONE;
		} else if (SIZE - rig_used(rig.in) > need) {
			host.was = rig.in->write_index;
			host_put(VM_PKT_DATA_INBAND, 0, host.left--, NULL, 0, zeros, host.len);
			host.writing = PUBLISHED;
		} else {
			host.writing = FULL;
		}
		break;
	case PUBLISHED:
		host.writing = rig.in->interrupt_mask ? READY : LOOKED;
		break;
	case LOOKED:
		if (rig.in->read_index == host.was)
			host.to_guest = true;
		host.writing = READY;
		break;
	case FULL:
		rig.in->pending_send_sz = need;
		host.writing = WISHED;
		break;
	case WISHED:
		host.writing = SIZE - rig_used(rig.in) > need ? READY : WAITING;
		if (host.writing == READY)
			rig.in->pending_send_sz = 0;
		break;
	case WAITING:
	case DONE:
		break;
	}
}

static void host_step(void)
{
	if (bell()) {
		if (host.reading == ASLEEP)
			host.reading = AWAKE;
		if (host.writing == WAITING) {
			rig.in->pending_send_sz = 0;
			host.writing = READY;
		}
	}
	step_reading();
	step_writing();
}

static bool host_idle(void)
{
	return host.reading == ASLEEP && !host.check_wish && host.bells == rig.signals &&
	       (host.writing == DONE || host.writing == WAITING);
}

static void run_host(void)
{
	for (int i = 0; i < 10000 && !host_idle(); i++)
		host_step();
}

static void by_plan(struct rig *r)
{
	u32 steps;

	(void)r;
	if (plan.drawn) {
		steps = rig_random();
		steps = steps & 3 ? 0 : steps >> 2 & 7;
	} else {
		steps = plan.bits & 1 ? plan.stride : 0;
		plan.bits >>= 1;
	}
	while (steps--)
		host_step();
}

static void start(u64 bits, u32 stride, bool drawn, bool masks)
{
	rig_reset(SIZE, false);
	memset(&host, 0, sizeof(host));
	host.masks = masks;
	host.writing = DONE;
	plan.bits = bits;
	plan.stride = stride;
	plan.drawn = drawn;
	rig.step = by_plan;
}

static int send(u32 packets, u32 len, bool more)
{
	struct hva_batch batch;

	hva_batch_begin(&batch, &rig.hc);
	while (packets--)
		hva_batch_inband(&batch, zeros, len, packets, 0);
	return hva_batch_end(&batch, more);
}

/* Batches against a host that reads and falls asleep. */
static void doorbell_case(u64 bits, u32 stride, bool drawn, bool masks, u32 script)
{
	unsigned int promised = 0;

	start(bits, stride, drawn, masks);
	for (; script; script >>= 2) {
		bool more = script & 1;

		send(script & 2 ? 3 : 1, 40, more);
		promised += !more;
	}
	hva_flush(&rig.hc);
	rig.step = NULL;
	run_host();
	check(host_idle());
	check(!rig_used(rig.out));
	check(rig.signals <= promised + 1);
}

static void doorbells(void)
{
	static const u32 strides[] = { 1, 2, 5, 100 };

	for (u32 script = 1; script < 256; script++)
		for (int masks = 0; masks < 2; masks++)
			for (int s = 0; s < 4; s++)
				for (u64 bits = 0; bits < 1 << 9; bits++)
					doorbell_case(bits, strides[s], false, masks, script);
	/* Two batches under each schedule of both. */
	for (u32 script = 4; script < 16; script++)
		for (int masks = 0; masks < 2; masks++)
			for (u64 bits = 0; bits < 1 << 16; bits++)
				doorbell_case(bits, 2, false, masks, script);
	for (int i = 0; i < 100000; i++)
		doorbell_case(0, 0, true, i & 1, 1 + rig_random() % 4095);
}

/* A queue that stops on a full ring and waits for the interrupt that says there is room. */
static void room_case(bool masks)
{
	u32 left = 12, len = 8 * (rig_random() % 200), size = hva_inband_size(len);

	start(0, 0, true, masks);
	while (left) {
		if (send(1, len, false) == 0) {
			left--;
			continue;
		}
		if (hva_wait_space(&rig.hc, size))
			continue;
		for (;;) {
			/* Answers to received packets wait on the same ring, for less. */
			if (!(rig_random() & 7))
				hva_wait_space(&rig.hc, 24 + rig_random() % 20 * 8);
			host_step();
			if (host.to_guest) {
				host.to_guest = false;
				if (hva_has_space(&rig.hc, size))
					break;
			}
			if (host_idle() && !host.to_guest) {
				/* Asleep, and no interrupt: it must not be that we wait. */
				check(hva_has_space(&rig.hc, size) == false);
				check(!"the host sleeps and the guest waits for room");
				return;
			}
		}
	}
	rig.step = NULL;
	run_host();
	check(!rig_used(rig.out));
}

static void room(void)
{
	for (int i = 0; i < 60000; i++)
		room_case(i & 1);
}

/* The NAPI side: interrupt, mask, poll with a budget, unmask, look again. */
static void poll_case(void)
{
	u32 total = 10, got = 0, budget = 1 + rig_random() % 4;
	struct hva_reader reader;
	struct hva_packet packet;

	start(0, 0, true, false);
	host.writing = READY;
	host.left = total;
	host.len = 8 * (rig_random() % 200);
	for (int turns = 0; turns < 1000; turns++) {
		bool again = true;

		if (!host.to_guest) {
			if (host_idle())
				break;
			host_step();
			continue;
		}
		host.to_guest = false;
		hva_read_mask(&rig.hc);
		while (again) {
			u32 work = 0;

			hva_read_begin(&reader, &rig.hc);
			while (work < budget && hva_read_next(&reader, &packet) == 1) {
				check(packet.txid == total - got);
				work++;
				got++;
			}
			hva_read_end(&reader);
			if (work < budget) {
				again = hva_read_unmask(&rig.hc);
				if (again)
					hva_read_mask(&rig.hc);
			}
		}
	}
	rig.step = NULL;
	check(got == total);
	check(!rig_used(rig.in));
	check(host.writing == DONE);
}

static void polls(void)
{
	for (int i = 0; i < 60000; i++)
		poll_case();
}

void test_race(void)
{
	rig_seed(1);
	doorbells();
	room();
	polls();
}
