// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target of vmbus/ring.c: the input is what a hostile host writes, where and when.
 *
 * Four bytes are one act: at which access of ours (how many to let pass), which field or data word,
 * and a value. Between them the driver's calls run in a fixed round. Pages that fault surround the
 * rings; the bounds that the API promises are checked here.
 */
#include <stdlib.h>

#include "rig.h"

#define SIZE PAGE_SIZE

static const u8 *acts;
static size_t n_acts;
static u32 passing;

static void host_acts(struct rig *r)
{
	struct hv_ring_buffer *ring;
	u32 value;

	if (!n_acts)
		return;
	if (passing) {
		passing--;
		return;
	}
	ring = acts[0] & 0x80 ? r->out : r->in;
	value = acts[2] | (u32)acts[3] << 8;
	switch (acts[1] & 0x0f) {
	case 0:
		ring->write_index = value * 8;
		break;
	case 1:
		ring->read_index = value * 8;
		break;
	case 2:
		ring->write_index = value | value << 16;
		break;
	case 3:
		ring->read_index = value | value << 16;
		break;
	case 4:
		ring->pending_send_sz = value;
		break;
	case 5:
		ring->interrupt_mask = value;
		break;
	case 6:
		ring->feature_bits.value = value;
		break;
	default:
		/* Words of the next descriptor, or anywhere. */
		if (acts[1] & 0x10)
			((u16 *)ring->buffer)[value % (SIZE / 2)] = value;
		else
			((u16 *)(ring->buffer + r->channel.inbound.priv_read_index))[acts[1] >> 5] =
				value;
	}
	acts += 4;
	n_acts--;
	passing = n_acts ? acts[0] & 0x7f : 0;
}

static void must(bool good)
{
	if (!good)
		abort();
}

static void read_all(bool copy)
{
	const u8 *start = copy ? rig.channel.inbound.pkt_buffer : rig.in->buffer;
	u32 room = copy ? PAGE_SIZE : 2 * SIZE;
	static u8 sink[2 * SIZE];
	struct hva_reader reader;
	struct hva_packet packet;
	u32 taken = 0;

	hva_read_mask(&rig.hc);
	hva_read_begin(&reader, &rig.hc);
	while (hva_read_next(&reader, &packet) == 1) {
		must((const u8 *)packet.head >= start);
		must((const u8 *)packet.payload + packet.len <= start + room);
		memcpy(sink, packet.head, packet.head_len);
		memcpy(sink, packet.payload, packet.len);
		if (hva_xfer_count(&packet) > 0)
			hva_xfer_range(&packet, hva_xfer_count(&packet) - 1);
		taken += packet.head_len + packet.len + 24;
		must(taken < SIZE);
	}
	hva_read_end(&reader);
	must(rig.channel.inbound.priv_read_index < SIZE);
	must(!(rig.channel.inbound.priv_read_index & 7));
	hva_read_unmask(&rig.hc);
}

static void write_some(u32 turn)
{
	struct hv_page_buffer pages[3] = { { 1, 2, 3 } };
	static const struct hva_answer answers[8];
	static const u8 payload[SIZE];
	struct hva_batch batch;

	hva_batch_begin(&batch, &rig.hc);
	hva_batch_inband(&batch, payload, turn * 97 % SIZE, turn, 1);
	hva_batch_gpa(&batch, pages, 1 + turn % 3, payload, 40, turn);
	hva_batch_completion(&batch, payload, 8, turn);
	hva_batch_answers(&batch, answers, turn % 9);
	hva_batch_end(&batch, turn & 1);
	hva_wait_space(&rig.hc, hva_inband_size(turn * 64 % SIZE));
	hva_has_space(&rig.hc, 64);
	hva_flush(&rig.hc);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	bool copy = size & 1;

	rig_reset(SIZE, copy);
	acts = data;
	n_acts = size / 4;
	passing = n_acts ? acts[0] & 0x7f : 0;
	rig.step = host_acts;
	for (u32 turn = 0; turn < 64 && n_acts; turn++) {
		write_some(turn);
		read_all(copy);
		/* The driver's reset after a loss. */
		rig.hc.lost = false;
	}
	rig.step = NULL;
	must(!rig.channel.outbound.ring_lock.held);
	must(!rig_failures);
	return 0;
}
