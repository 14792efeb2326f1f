// SPDX-License-Identifier: GPL-2.0
/*
 * The producer: packet layout, wrap at every offset, full rings, statistics, waiting for room.
 */
#include "rig.h"

#define SIZE PAGE_SIZE

static u8 payload[RIG_RING_MAX];

static void fill_payload(u32 len)
{
	for (u32 i = 0; i < len; i++)
		payload[i] = i * 7 + len;
}

static bool payload_ok(const u8 *at, u32 len)
{
	for (u32 i = 0; i < len; i++)
		if (at[i] != payload[i])
			return false;
	for (u32 i = len; i < ALIGN(len, 8u); i++)
		if (at[i])
			return false;
	return true;
}

/* One in-band packet of every length class at every offset of the ring. */
static void inband_everywhere(void)
{
	static const u32 lengths[] = { 0, 1, 7, 8, 9, 40, 41, 255, 1000, SIZE - 16 - 8 - 8 };
	u8 packet[SIZE];

	rig_reset(SIZE, false);
	for (u32 at = 0; at < SIZE; at += 8) {
		for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
			u32 len = lengths[i], padded = ALIGN(len, 8u);
			struct vmpacket_descriptor desc;
			struct hva_batch batch;

			rig_place(rig.out, at);
			memset(rig.out->buffer, 0xee, SIZE);
			fill_payload(len);
			hva_batch_begin(&batch, &rig.hc);
			check(!hva_batch_inband(&batch, payload, len, 0x1122334455667788, 1));
			check(rig.out->write_index == at);
			check(!hva_batch_end(&batch, false));
			check(rig_used(rig.out) == hva_inband_size(len));
			check(host_take(packet, sizeof(packet)) == 16 + padded);
			memcpy(&desc, packet, sizeof(desc));
			check(desc.type == VM_PKT_DATA_INBAND && desc.flags == 1);
			check(desc.offset8 == 2 && desc.len8 == 2 + padded / 8);
			check(desc.trans_id == 0x1122334455667788);
			check(payload_ok(packet + 16, len));
		}
	}
}

static void gpa_everywhere(void)
{
	struct hv_page_buffer pages[40];
	u8 packet[SIZE];

	rig_reset(SIZE, false);
	for (u32 i = 0; i < 40; i++)
		pages[i] = (struct hv_page_buffer){ i + 1, 4095 - i, 0x123456789abull + i };
	for (u32 at = 0; at < SIZE; at += 8) {
		u32 n = 1 + at / 8 % 40, len = at % 48;
		struct vmdata_gpa_direct *sent = (void *)packet;
		struct hva_batch batch;

		rig_place(rig.out, at);
		fill_payload(len);
		hva_batch_begin(&batch, &rig.hc);
		check(!hva_batch_gpa(&batch, pages, n, payload, len, at));
		check(!hva_batch_end(&batch, false));
		check(rig_used(rig.out) == hva_gpa_size(n, len));
		check(host_take(packet, sizeof(packet)) == 24 + 16 * n + ALIGN(len, 8u));
		check(sent->d.type == VM_PKT_DATA_USING_GPA_DIRECT && sent->d.trans_id == at);
		check(sent->d.flags == VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED);
		check(sent->d.offset8 == (24 + 16 * n) / 8);
		check(sent->range_cnt == n && !sent->reserved);
		check(!memcmp(packet + 24, pages, 16 * n));
		check(payload_ok(packet + 24 + 16 * n, len));
	}
}

static void completion(void)
{
	struct vmpacket_descriptor desc;
	struct hva_batch batch;
	u8 packet[SIZE];

	rig_reset(SIZE, false);
	fill_payload(8);
	hva_batch_begin(&batch, &rig.hc);
	for (u64 id = 0; id < 64; id++)
		check(!hva_batch_completion(&batch, payload, 8, ~id));
	check(!hva_batch_end(&batch, false));
	check(rig.signals == 1 && rig.channel.intr_out_empty == 1);
	for (u64 id = 0; id < 64; id++) {
		check(host_take(packet, sizeof(packet)) == 24);
		memcpy(&desc, packet, sizeof(desc));
		check(desc.type == VM_PKT_COMP && !desc.flags && desc.trans_id == ~id);
		check(payload_ok(packet + 16, 8));
	}
	check(!host_take(packet, sizeof(packet)));
}

/* Many at once are what as many single ones are, from every offset, with room for all or some. */
static void answers(void)
{
	struct hva_answer answer[80];
	u8 packet[SIZE];

	for (u32 i = 0; i < 80; i++)
		answer[i] = (struct hva_answer){ ~0ull - i, 0x0123456789abcdefull * (i + 1) };
	for (u32 at = 0; at < SIZE; at += 8) {
		u32 used = at * 5 % SIZE / 8 * 8, fit = (SIZE - used - 1) / 32, n = at / 8 % 81;
		u32 expect = n < fit ? n : fit;
		struct hva_batch batch;

		rig_reset(SIZE, false);
		rig_place(rig.out, at);
		/* the host is as far behind as that */
		rig.out->write_index = (at + used) % SIZE;
		rig.channel.out_full_flag = true;
		hva_batch_begin(&batch, &rig.hc);
		check(hva_batch_answers(&batch, answer, n) == expect);
		check(rig_used(rig.out) == used);
		check(hva_batch_end(&batch, false) == (expect < n ? -EAGAIN : 0));
		check(rig_used(rig.out) == used + expect * 32);
		check(rig.channel.out_full_flag == (expect < n || !n));
		check(rig.channel.out_full_total == (expect < n));
		check(rig.channel.out_full_first == (expect < n && expect));
		rig.out->read_index = (at + used) % SIZE;
		for (u32 i = 0; i < expect; i++) {
			struct vmpacket_descriptor *desc = (void *)packet;

			check(host_take(packet, sizeof(packet)) == 24);
			check(desc->type == VM_PKT_COMP && !desc->flags && desc->offset8 == 2);
			check(desc->trans_id == answer[i].txid);
			check(!memcmp(packet + 16, &answer[i].payload, 8));
		}
		check(!host_take(packet, sizeof(packet)));
	}
}

/* A host that reads while they are written makes room for those that did not fit. */
static void answers_room_made(void)
{
	struct hva_answer answer[64] = { 0 };
	struct hva_batch batch;

	rig_reset(SIZE, false);
	rig.out->write_index = SIZE - 16 * 32;
	hva_batch_begin(&batch, &rig.hc);
	rig.out->read_index = SIZE / 2;
	check(hva_batch_answers(&batch, answer, 64) == 64);
	check(!hva_batch_end(&batch, false));
	check(rig_used(rig.out) == SIZE / 2 + 48 * 32);
}

/* Nothing is written to a channel that is gone, or whose indices are broken. */
static void answers_refused(void)
{
	struct hva_answer answer[4] = { 0 };
	struct hva_batch batch;

	rig_reset(SIZE, false);
	rig.channel.rescind = true;
	hva_batch_begin(&batch, &rig.hc);
	check(!hva_batch_answers(&batch, answer, 4));
	check(hva_batch_end(&batch, false) == -ENODEV);
	check(!rig.out->write_index);

	/* what was found broken meanwhile ends the batch, whatever room there was */
	rig_reset(SIZE, false);
	hva_batch_begin(&batch, &rig.hc);
	rig.out->read_index = SIZE;
	while (!hva_batch_inband(&batch, payload, 200, 1, 0))
		;
	check(!hva_batch_answers(&batch, answer, 4));
	check(hva_batch_end(&batch, false) == -EIO);
}

/* From every offset: fill to the last packet that fits, compare with what must fit. */
static void full(void)
{
	u8 packet[SIZE];

	for (u32 at = 0; at < SIZE; at += 8) {
		u32 len = at % 200, each = hva_inband_size(len), fit = (SIZE - 1) / each;
		struct hva_batch batch;
		u32 n = 0;

		rig_reset(SIZE, false);
		rig_place(rig.out, at);
		hva_batch_begin(&batch, &rig.hc);
		while (!hva_batch_inband(&batch, payload, len, n, 0))
			n++;
		check(n == fit);
		check(hva_batch_inband(&batch, payload, len, n, 0) == -EAGAIN);
		check(rig_used(rig.out) == 0);
		check(hva_batch_end(&batch, false) == -EAGAIN);
		check(rig_used(rig.out) == fit * each);
		check(rig.out->write_index != rig.out->read_index);
		check(rig.channel.out_full_total == 2 && rig.channel.out_full_first == 1);
		check(rig.channel.out_full_flag);
		check(rig.signals == 1);

		/* Room again: the flag falls, and the next full ring is a first one. */
		check(host_take(packet, sizeof(packet)) > 0);
		hva_batch_begin(&batch, &rig.hc);
		check(!hva_batch_inband(&batch, payload, len, n, 0));
		check(!rig.channel.out_full_flag);
		check(hva_batch_inband(&batch, payload, len, n, 0) == -EAGAIN);
		check(hva_batch_end(&batch, false) == -EAGAIN);
		check(rig.channel.out_full_total == 3 && rig.channel.out_full_first == 2);
		check(rig.signals == 1);
	}
}

/* Lengths that can never fit are no reason to wait. */
static void too_long(void)
{
	static struct hv_page_buffer pages[RIG_RING_MAX / 16];
	struct hva_batch batch;

	rig_reset(SIZE, false);
	hva_batch_begin(&batch, &rig.hc);
	check(hva_batch_inband(&batch, payload, SIZE - 24, 0, 0) == -EMSGSIZE);
	check(hva_batch_inband(&batch, payload, SIZE, 0, 0) == -EMSGSIZE);
	check(hva_batch_inband(&batch, payload, U16_MAX * 8u - 15, 0, 0) == -EMSGSIZE);
	check(hva_batch_inband(&batch, payload, ~0u, 0, 0) == -EMSGSIZE);
	check(hva_batch_completion(&batch, payload, ~0u - 16, 0) == -EMSGSIZE);
	check(hva_batch_gpa(&batch, pages, 0, payload, 8, 0) == -EINVAL);
	check(hva_batch_gpa(&batch, pages, SIZE / 16, payload, 8, 0) == -EMSGSIZE);
	check(hva_batch_gpa(&batch, pages, 0x10000001, payload, 8, 0) == -EMSGSIZE);
	check(hva_batch_gpa(&batch, pages, 1, payload, ~0u, 0) == -EMSGSIZE);
	check(hva_batch_gpa(&batch, pages, ~0u, payload, ~0u, 0) == -EMSGSIZE);
	check(!hva_batch_end(&batch, false));
	check(!rig_used(rig.out) && !rig.signals && !rig.channel.out_full_total);
}

/* A descriptor counts to 65535 units: a longer packet is refused though the ring has room. */
static void descriptor_limit(void)
{
	static u8 long_payload[U16_MAX * 8u];
	u32 size = 512 * 1024 + 2 * PAGE_SIZE;
	struct hva_batch batch;

	rig_reset(size, false);
	hva_batch_begin(&batch, &rig.hc);
	check(hva_batch_inband(&batch, long_payload, U16_MAX * 8u - 15, 0, 0) == -EMSGSIZE);
	check(!hva_batch_inband(&batch, long_payload, U16_MAX * 8u - 16, 0, 0));
	check(!hva_batch_end(&batch, false));
	check(rig_used(rig.out) == U16_MAX * 8u + 8);
	check(((struct vmpacket_descriptor *)rig.out->buffer)->len8 == U16_MAX);
}

/* The packet that finds the ring full looks again before it gives up, once. */
static void host_frees(struct rig *r)
{
	r->out->read_index = r->out->write_index;
}

static void room_is_noticed(void)
{
	struct hva_batch batch;
	u32 before;

	rig_reset(SIZE, false);
	hva_batch_begin(&batch, &rig.hc);
	while (!hva_batch_inband(&batch, payload, 100, 0, 0))
		;
	hva_batch_end(&batch, false);
	hva_batch_begin(&batch, &rig.hc);
	rig.step = host_frees;
	check(!hva_batch_inband(&batch, payload, 100, 0, 0));
	rig.step = NULL;
	rig_record();
	before = rig.n_trace;
	check(!hva_batch_inband(&batch, payload, 100, 0, 0));
	check(rig.n_trace == before);
	rig.recording = false;
	check(!hva_batch_end(&batch, false));
}

static void gone(void)
{
	struct hva_batch batch;

	rig_reset(SIZE, false);
	rig.channel.rescind = true;
	hva_batch_begin(&batch, &rig.hc);
	check(hva_batch_inband(&batch, payload, 8, 0, 0) == -ENODEV);
	check(hva_batch_end(&batch, false) == -ENODEV);
	check(!rig.channel.outbound.ring_lock.held);
	check(!rig_used(rig.out) && !rig.signals);
}

/* pending_send_sz of the outbound ring: asked for, withdrawn, and enough for either host. */
static void waiting(void)
{
	u8 packet[SIZE];

	for (u32 len = 0; len <= SIZE - 32; len += 8) {
		u32 want = hva_inband_size(len);
		struct hva_batch batch;
		u32 pending;

		rig_reset(SIZE, false);
		rig_place(rig.out, len);
		check(hva_has_space(&rig.hc, want));
		check(hva_wait_space(&rig.hc, want));
		check(!rig.out->pending_send_sz);

		hva_batch_begin(&batch, &rig.hc);
		while (!hva_batch_inband(&batch, payload, 0, 0, 0))
			;
		hva_batch_end(&batch, false);
		check(!hva_has_space(&rig.hc, want));
		check(!hva_wait_space(&rig.hc, want));
		pending = rig.out->pending_send_sz;
		check(pending);
		/* By ">" or ">=": the host crosses the line when there is room, not before. */
		while (host_take(packet, sizeof(packet))) {
			u32 free = SIZE - rig_used(rig.out);

			if (free > want + 8)
				check(free > pending);
			if (free >= pending)
				check(free > want);
		}
		check(SIZE > pending);
		check(rig.out->pending_send_sz == pending);
		check(hva_has_space(&rig.hc, want));
		check(!rig.out->pending_send_sz);
		hva_batch_begin(&batch, &rig.hc);
		check(!hva_batch_inband(&batch, payload, len, 0, 0));
		hva_batch_end(&batch, false);
	}

	/* Exactly as much as wanted is not enough: it would fill the ring. */
	rig_reset(SIZE, false);
	rig.out->write_index = SIZE - 64;
	check(!hva_has_space(&rig.hc, 64) && !hva_wait_space(&rig.hc, 64));
	check(hva_has_space(&rig.hc, 56) && hva_wait_space(&rig.hc, 56));

	/* Two who wait: the larger wish stands until its room is there, whoever asks. */
	rig_reset(SIZE, false);
	rig.out->write_index = SIZE - 64;
	check(!hva_wait_space(&rig.hc, 1024) && rig.out->pending_send_sz == 1032);
	check(!hva_wait_space(&rig.hc, 128) && rig.out->pending_send_sz == 1032);
	check(!hva_wait_space(&rig.hc, 2048) && rig.out->pending_send_sz == 2056);
	check(hva_wait_space(&rig.hc, 32) && rig.out->pending_send_sz == 2056);
	rig.out->read_index = 1024;
	check(hva_has_space(&rig.hc, 128) && hva_has_space(&rig.hc, 1024));
	check(rig.out->pending_send_sz == 2056 && !hva_has_space(&rig.hc, 2048));
	rig.out->read_index = 2000;
	check(hva_has_space(&rig.hc, 128) && !rig.out->pending_send_sz);

	/* Room that comes while the wish is being written is not slept through. */
	rig_reset(SIZE, false);
	rig_place(rig.out, 0);
	rig.out->write_index = SIZE - 8;
	rig.step = host_frees;
	check(hva_wait_space(&rig.hc, 64));
	rig.step = NULL;
	check(!rig.out->pending_send_sz);
}

void test_write(void)
{
	inband_everywhere();
	gpa_everywhere();
	completion();
	answers();
	answers_room_made();
	answers_refused();
	full();
	too_long();
	descriptor_limit();
	room_is_noticed();
	gone();
	waiting();
}
