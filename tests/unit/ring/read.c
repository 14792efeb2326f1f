// SPDX-License-Identifier: GPL-2.0
/*
 * The consumer: packets at every offset, in place and copied, masks, signals to the host.
 */
#include "rig.h"

#define SIZE PAGE_SIZE

static u8 bytes[RIG_RING_MAX];

/* Head and payload of every kind at every offset, several packets a poll. */
static void everywhere(bool copy)
{
	rig_reset(SIZE, copy);
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = i * 13;
	for (u32 at = 0; at < SIZE; at += 8) {
		u32 head_len = at % 64, len = at % 1000 & ~7u;
		struct hva_reader reader;
		struct hva_packet packet;

		rig_place(rig.in, at);
		host_put(VM_PKT_DATA_USING_XFER_PAGES, 1, at, bytes, head_len, bytes + 9, len);
		host_put(VM_PKT_COMP, 0, ~(u64)at, NULL, 0, bytes, 8);
		host_put(77, 0xffff, 0, NULL, 0, NULL, 0);

		hva_read_begin(&reader, &rig.hc);
		check(hva_read_next(&reader, &packet) == 1);
		check(packet.type == VM_PKT_DATA_USING_XFER_PAGES && packet.flags == 1);
		check(packet.txid == at && packet.head_len == head_len && packet.len == len);
		check(!memcmp(packet.head, bytes, head_len));
		check(!memcmp(packet.payload, bytes + 9, len));
		check(copy == (packet.payload == (u8 *)rig.channel.inbound.pkt_buffer + 16 +
			       head_len));
		check(hva_read_next(&reader, &packet) == 1);
		check(packet.type == VM_PKT_COMP && packet.txid == ~(u64)at && packet.len == 8);
		check(!packet.head_len && !memcmp(packet.payload, bytes, 8));
		check(hva_read_next(&reader, &packet) == 1);
		check(packet.type == 77 && packet.flags == 0xffff && !packet.len);
		check(hva_read_next(&reader, &packet) == 0);
		/* The host gets nothing back before the end, and then all of it at once. */
		check(rig.in->read_index == at);
		/* What comes while we read is read, too. */
		host_put(VM_PKT_COMP, 0, 5, NULL, 0, NULL, 0);
		check(hva_read_next(&reader, &packet) == 1 && packet.txid == 5);
		check(hva_read_next(&reader, &packet) == 0);
		hva_read_end(&reader);
		check(rig.in->read_index == rig.in->write_index);
		check(rig.channel.inbound.priv_read_index == rig.in->write_index);
	}
	check(!rig.signals && !rig.hc.lost);
}

/* A budget: the rest stays for the next poll. */
static void in_pieces(void)
{
	struct hva_reader reader;
	struct hva_packet packet;

	rig_reset(SIZE, false);
	for (u64 id = 0; id < 20; id++)
		host_put(VM_PKT_COMP, 0, id, NULL, 0, bytes, 16);
	for (u64 id = 0; id < 20; id += 4) {
		check(rig.in->read_index == id * 40);
		hva_read_begin(&reader, &rig.hc);
		for (u64 i = 0; i < 4; i++)
			check(hva_read_next(&reader, &packet) == 1 && packet.txid == id + i);
		hva_read_end(&reader);
	}
	hva_read_begin(&reader, &rig.hc);
	check(hva_read_next(&reader, &packet) == 0);
	hva_read_end(&reader);
}

/* The copying reader's packets do not change under the caller's eyes; too long ones are skipped. */
static void copied(void)
{
	struct hva_reader reader;
	struct hva_packet packet;

	rig_reset(4 * SIZE, true);
	memset(bytes, 0x55, sizeof(bytes));
	host_put(VM_PKT_COMP, 0, 1, bytes, 8, bytes, SIZE - 24);
	host_put(VM_PKT_COMP, 0, 2, bytes, 8, bytes, SIZE - 16);
	host_put(VM_PKT_COMP, 0, 3, bytes, 8, bytes, 64);
	hva_read_begin(&reader, &rig.hc);
	check(hva_read_next(&reader, &packet) == 1 && packet.txid == 1);
	memset(rig.in->buffer, 0xaa, SIZE);
	check(*(u8 *)packet.head == 0x55 && ((u8 *)packet.payload)[SIZE - 25] == 0x55);
	check(hva_read_next(&reader, &packet) == 1 && packet.txid == 3);
	check(rig.hc.stats.rx_too_long == 1);
	check(hva_read_next(&reader, &packet) == 0);
	hva_read_end(&reader);
	check(rig.in->read_index == rig.in->write_index && !rig.hc.lost);
}

static void host_puts_one(struct rig *r)
{
	r->step = NULL;
	host_put(VM_PKT_COMP, 0, 0, NULL, 0, NULL, 0);
}

static void masks(void)
{
	rig_reset(SIZE, false);
	hva_read_mask(&rig.hc);
	check(rig.in->interrupt_mask == 1);
	check(!hva_read_unmask(&rig.hc));
	check(rig.in->interrupt_mask == 0);
	hva_read_mask(&rig.hc);
	host_put(VM_PKT_COMP, 0, 0, NULL, 0, NULL, 0);
	check(hva_read_unmask(&rig.hc));
	/* A packet that slips in between unmask and return is told, too. */
	rig_reset(SIZE, false);
	hva_read_mask(&rig.hc);
	rig.step = host_puts_one;
	check(hva_read_unmask(&rig.hc));
	/* A lost channel stays quiet. */
	rig_reset(SIZE, false);
	hva_read_mask(&rig.hc);
	rig.hc.lost = true;
	rig.in->write_index = 64;
	check(!hva_read_unmask(&rig.hc));
	check(rig.in->interrupt_mask == 1);
}

/* When does the host want a signal? Every fill, wish and poll length against the rule itself. */
static void host_waits(void)
{
	const u32 each = 24 + 8 + 104;
	const u32 most = (SIZE - 1) / each;

	for (u32 filled = 0; filled <= most; filled++) {
		for (u32 polled = 0; polled <= filled; polled++) {
			for (u32 pending = 0; pending < SIZE; pending += 56) {
				u32 before = SIZE - filled * each;
				u32 after = before + polled * each;
				bool wanted = pending && before <= pending && after > pending;
				struct hva_reader reader;
				struct hva_packet packet;

				rig_reset(SIZE, false);
				rig_place(rig.in, filled * 8);
				for (u32 i = 0; i < filled; i++)
					host_put(VM_PKT_COMP, 0, i, NULL, 0, bytes, 112);
				rig.in->pending_send_sz = pending;
				hva_read_begin(&reader, &rig.hc);
				for (u32 i = 0; i < polled; i++)
					check(hva_read_next(&reader, &packet) == 1);
				hva_read_end(&reader);
				check(rig.signals == wanted);
				check(rig.channel.intr_in_full == wanted);
			}
		}
	}

	/* A host without the feature is never signalled. */
	rig_reset(SIZE, false);
	rig.in->feature_bits.value = ~1u;
	for (u32 i = 0; i < most; i++)
		host_put(VM_PKT_COMP, 0, i, NULL, 0, bytes, 112);
	rig.in->pending_send_sz = 1024;
	{
		struct hva_reader reader;
		struct hva_packet packet;

		hva_read_begin(&reader, &rig.hc);
		while (hva_read_next(&reader, &packet) == 1)
			;
		hva_read_end(&reader);
	}
	check(!rig.signals && !rig_used(rig.in));
}

static void transfer_pages(void)
{
	struct {
		u16 set;
		u8 owns, reserved;
		u32 count;
		struct vmtransfer_page_range r[5];
	} head = {
		.set = 0xcafe, .count = 5,
		.r = { { 1, 2 }, { 3, 4 }, { 0xffffffff, 0xfffffffe }, { 7, 8 }, { 9, 10 } },
	};
	struct hva_packet packet = { .head = &head, .head_len = sizeof(head) };

	check(hva_xfer_count(&packet) == 5);
	check(hva_xfer_set(&packet) == 0xcafe);
	for (u32 i = 0; i < 5; i++) {
		struct vmtransfer_page_range range = hva_xfer_range(&packet, i);

		check(range.byte_count == head.r[i].byte_count);
		check(range.byte_offset == head.r[i].byte_offset);
	}
	head.count = 6;
	check(hva_xfer_count(&packet) == -EBADMSG);
	head.count = 0x20000005;
	check(hva_xfer_count(&packet) == -EBADMSG);
	head.count = 0;
	check(hva_xfer_count(&packet) == 0);
	packet.head_len = 8;
	check(hva_xfer_count(&packet) == 0);
	packet.head_len = 0;
	check(hva_xfer_count(&packet) == -EBADMSG);
}

void test_read(void)
{
	everywhere(false);
	everywhere(true);
	in_pieces();
	copied();
	masks();
	host_waits();
	transfer_pages();
}
