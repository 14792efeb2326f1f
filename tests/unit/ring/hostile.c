// SPDX-License-Identifier: GPL-2.0
/*
 * A host that lies. Each field that it can break is broken by name; then a generator breaks any of
 * them at any time. Pages that fault surround the rings, so a byte too far ends the run.
 */
#include "rig.h"

#define SIZE PAGE_SIZE

static u8 bytes[RIG_RING_MAX];

/* In-range is a multiple of 8 below the size. */
static const u32 bad_indices[] = { 1, 4, 7, SIZE - 1, SIZE, SIZE + 8, 2 * SIZE, 0x80000000,
				   0xfffffff8, 0xffffffff };

static void broken_outbound(void)
{
	for (size_t i = 0; i < sizeof(bad_indices) / sizeof(*bad_indices); i++) {
		for (int which = 0; which < 2; which++) {
			struct hva_batch batch;

			rig_reset(SIZE, false);
			memset(rig.out->buffer, 0xee, SIZE);
			if (which)
				rig.out->write_index = bad_indices[i];
			else
				rig.out->read_index = bad_indices[i];
			for (u64 turn = 1; turn < 3; turn++) {
				hva_batch_begin(&batch, &rig.hc);
				check(hva_batch_inband(&batch, bytes, 8, 0, 0) == -EIO);
				check(hva_batch_end(&batch, false) == -EIO);
				check(rig.hc.stats.tx_bad_index == turn);
				check(rig.logged == 1);
			}
			check(!rig.signals);
			check(rig.out->buffer[0] == 0xee);
			check(!hva_has_space(&rig.hc, 24));
			check(!hva_wait_space(&rig.hc, 24));
			check(!rig.channel.outbound.ring_lock.held);
		}
	}
}

static u32 next_read_index;

static void host_breaks_read_index(struct rig *r)
{
	r->out->read_index = next_read_index;
}

/* The index breaks when the full ring is looked at again: packets before it are sent, no more. */
static void broken_on_the_way(void)
{
	struct hva_batch batch;
	u32 good = 0;

	rig_reset(SIZE, false);
	hva_batch_begin(&batch, &rig.hc);
	next_read_index = SIZE + 8;
	rig.step = host_breaks_read_index;
	while (!hva_batch_inband(&batch, bytes, 40, 0, 0))
		good++;
	rig.step = NULL;
	check(good == (SIZE - 1) / hva_inband_size(40));
	check(hva_batch_inband(&batch, bytes, 0, 0, 0) == -EIO);
	check(hva_batch_end(&batch, false) == -EIO);
	check(rig.out->write_index == good * hva_inband_size(40));
	check(rig.hc.stats.tx_bad_index == 1);
}

static int read_one(struct hva_packet *packet)
{
	struct hva_reader reader;
	int rc;

	hva_read_begin(&reader, &rig.hc);
	rc = hva_read_next(&reader, packet);
	hva_read_end(&reader);
	return rc;
}

static void broken_inbound_index(void)
{
	struct hva_packet packet;

	for (size_t i = 0; i < sizeof(bad_indices) / sizeof(*bad_indices); i++) {
		rig_reset(SIZE, false);
		rig.in->write_index = bad_indices[i];
		check(read_one(&packet) == -EIO);
		check(rig.hc.lost && rig.hc.stats.rx_bad_index == 1);
		/* It stays lost, though the index heals. */
		rig_place(rig.in, 0);
		host_put(VM_PKT_COMP, 0, 0, NULL, 0, NULL, 0);
		check(read_one(&packet) == -EIO);
		check(rig.hc.stats.rx_bad_index == 1 && rig.logged == 1);
		check(!hva_read_unmask(&rig.hc));
		check(rig.in->read_index == 0);
	}
}

static void descriptor(u16 offset8, u16 len8)
{
	struct vmpacket_descriptor desc = {
		.type = VM_PKT_COMP, .offset8 = offset8, .len8 = len8, .trans_id = 3,
	};

	memcpy(rig.in->buffer + rig.in->write_index, &desc, sizeof(desc));
}

/* Every length against every amount of data, every offset against some lengths. */
static void broken_descriptor(void)
{
	struct hva_packet packet;

	for (u32 written = 8; written < SIZE; written += 8) {
		static const u16 odd[] = { 0, 1, 2, 3, 0x1ff, 0x200, 0x201, 0x7fff, 0x8000,
						   0xffff };

		for (size_t i = 0; i < sizeof(odd) / sizeof(*odd) + 3; i++) {
			u32 n = sizeof(odd) / sizeof(*odd);
			u16 len8 = i < n ? odd[i] : written / 8 - 2 + (i - n);
			bool good = len8 >= 2 && len8 * 8u + 8 <= written;

			rig_reset(SIZE, false);
			rig_place(rig.in, SIZE - 64);
			descriptor(2, len8);
			rig.in->write_index = (SIZE - 64 + written) % SIZE;
			check(read_one(&packet) == (good ? 1 : -EIO));
			check(rig.hc.stats.rx_bad_length == !good);
			check(rig.hc.lost == !good);
			if (good)
				check(packet.len == len8 * 8u - 16 && !packet.head_len);
		}
	}
	for (u32 offset8 = 0; offset8 <= U16_MAX; offset8++) {
		bool good = offset8 >= 2 && offset8 <= 10;

		rig_reset(SIZE, false);
		descriptor(offset8, 10);
		rig.in->write_index = 88;
		host_put(VM_PKT_COMP, 0, 9, NULL, 0, NULL, 0);
		/* A bad offset costs that packet only. */
		check(read_one(&packet) == 1 && packet.txid == (good ? 3 : 9));
		check(rig.hc.stats.rx_bad_offset == !good && !rig.hc.lost);
	}
}

/* A host that writes on and on never keeps one poll going for more than a ring. */
static void host_runs_ahead(struct rig *r)
{
	r->in->write_index = (r->channel.inbound.priv_read_index + SIZE - 8 + r->n_trace % 2 * 16)
			     % SIZE;
}

static void endless(void)
{
	struct vmpacket_descriptor desc = { .type = VM_PKT_COMP, .offset8 = 2, .len8 = 2 };
	struct hva_reader reader;
	struct hva_packet packet;
	u32 n = 0;

	rig_reset(3 * SIZE, false);
	for (u32 at = 0; at < 3 * SIZE; at += 24)
		memcpy(rig.in->buffer + at, &desc, sizeof(desc));
	rig.recording = true;
	rig.step = host_runs_ahead;
	hva_read_begin(&reader, &rig.hc);
	while (hva_read_next(&reader, &packet) == 1 && n < 100000)
		n++;
	hva_read_end(&reader);
	check(n <= 3 * SIZE / 24);

	/* The same with packets that are skipped inside one call: it ends as well. */
	rig_reset(3 * SIZE, false);
	desc.offset8 = 0;
	for (u32 at = 0; at < 3 * SIZE; at += 24)
		memcpy(rig.in->buffer + at, &desc, sizeof(desc));
	rig.in->write_index = 3 * SIZE - 24;
	hva_read_begin(&reader, &rig.hc);
	check(hva_read_next(&reader, &packet) == 0);
	/* Turning the index back does not open the ring a second time. */
	rig.in->write_index = 3 * SIZE - 48;
	check(hva_read_next(&reader, &packet) == -EIO);
	hva_read_end(&reader);
	check(rig.hc.stats.rx_bad_offset == 3 * SIZE / 24 - 1);
	check(rig.hc.stats.rx_bad_index == 1 && rig.hc.lost);
}

/* The generator: anything at any access. Bounds hold and every call returns. */
static void scribble(struct rig *r)
{
	struct hv_ring_buffer *ring = rig_random() & 1 ? r->in : r->out;
	u32 value = rig_random();

	switch (rig_random() % 24) {
	case 0:
		ring->write_index = value % SIZE & ~7u;
		break;
	case 1:
		ring->read_index = value % SIZE & ~7u;
		break;
	case 2:
		ring->pending_send_sz = value % (2 * SIZE);
		break;
	case 3:
		ring->interrupt_mask = value;
		break;
	case 4:
		ring->feature_bits.value = value;
		break;
	case 5:
		memcpy(ring->buffer + value % SIZE, &value, min(4u, SIZE - value % SIZE));
		break;
	case 6:
		if (!(value & 0xf))
			ring->write_index = rig_random();
		break;
	case 7:
		if (!(value & 0xf))
			ring->read_index = rig_random();
		break;
	case 8:
		/* A plausible descriptor, so that the reader gets further. */
		((u16 *)(ring->buffer + (r->channel.inbound.priv_read_index & ~7u)))[1] =
			2 + value % 4;
		((u16 *)(ring->buffer + (r->channel.inbound.priv_read_index & ~7u)))[2] =
			4 + value % 64;
		break;
	default:
		break;
	}
}

static void inside(const struct hva_packet *packet, bool copy)
{
	const u8 *start = copy ? rig.channel.inbound.pkt_buffer : rig.in->buffer;
	const u8 *end = start + (copy ? PAGE_SIZE : 2 * SIZE);
	const u8 *head = packet->head, *payload = packet->payload;

	check(head >= start && head + packet->head_len <= end);
	check(payload >= start && payload + packet->len <= end);
	check(head + packet->head_len == payload);
	if (packet->len)
		memcpy(bytes, packet->payload, packet->len);
	if (hva_xfer_count(packet) > 0)
		hva_xfer_range(packet, hva_xfer_count(packet) - 1);
}

static void anything(u64 seed)
{
	bool copy = seed & 1;

	rig_seed(seed);
	rig_reset(SIZE, copy);
	for (int turn = 0; turn < 200; turn++) {
		struct hva_reader reader;
		struct hva_packet packet;
		struct hva_batch batch;
		u32 taken = 0;

		rig.step = scribble;
		hva_batch_begin(&batch, &rig.hc);
		for (u32 n = rig_random() % 8; n; n--) {
			struct hv_page_buffer pages[4] = { 0 };

			hva_batch_inband(&batch, bytes, rig_random() % (SIZE + 64), n, 0);
			hva_batch_gpa(&batch, pages, 1 + n % 4, bytes, rig_random() % 256, n);
		}
		hva_batch_end(&batch, rig_random() & 1);
		hva_wait_space(&rig.hc, 24 + rig_random() % SIZE / 8 * 8);
		hva_has_space(&rig.hc, rig_random() % SIZE);
		hva_flush(&rig.hc);

		hva_read_mask(&rig.hc);
		hva_read_begin(&reader, &rig.hc);
		while (hva_read_next(&reader, &packet) == 1) {
			inside(&packet, copy);
			taken += packet.len + packet.head_len + 24;
			if (!check(taken < SIZE))
				break;
		}
		hva_read_end(&reader);
		check(rig.channel.inbound.priv_read_index < SIZE);
		check(!(rig.channel.inbound.priv_read_index & 7));
		hva_read_unmask(&rig.hc);
		rig.step = NULL;
		check(!rig.channel.outbound.ring_lock.held);
		/* A reset, as the driver would. */
		rig.hc.lost = false;
		if (rig.in->write_index >= SIZE || rig.in->write_index & 7)
			rig_place(rig.in, rig_random() % SIZE & ~7u);
		if ((rig.out->write_index | rig.out->read_index) & 7 ||
		    rig.out->write_index >= SIZE || rig.out->read_index >= SIZE)
			rig_place(rig.out, rig_random() % SIZE & ~7u);
	}
}

/* An honest but random peer against a model of what is in flight: nothing lost or invented. */
static void honest(u64 seed)
{
	u64 sent = 0, received = 0, offered = 0, taken = 0;
	u8 packet_bytes[SIZE];

	rig_seed(seed);
	rig_reset(SIZE, seed & 1);
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	for (int turn = 0; turn < 400; turn++) {
		u32 want = rig_random() % 10, model = SIZE - rig_used(rig.out), len;
		struct vmpacket_descriptor desc;
		struct hva_reader reader;
		struct hva_packet packet;
		struct hva_batch batch;
		bool refused = false;

		hva_batch_begin(&batch, &rig.hc);
		while (want--) {
			len = rig_random() % 500;
			if (model > hva_inband_size(len)) {
				check(!hva_batch_inband(&batch, bytes + sent % 256, len, sent, 0));
				model -= hva_inband_size(len);
				sent++;
			} else {
				check(hva_batch_inband(&batch, bytes, len, sent, 0) == -EAGAIN);
				refused = true;
			}
		}
		check(hva_batch_end(&batch, false) == (refused ? -EAGAIN : 0));
		check(SIZE - rig_used(rig.out) == model);
		for (want = rig_random() % 10; want; want--) {
			len = host_take(packet_bytes, sizeof(packet_bytes));
			if (!len)
				break;
			memcpy(&desc, packet_bytes, sizeof(desc));
			check(desc.trans_id == received);
			/* Up to the padding, whose length the wire does not say. */
			check(len < 32 ||
			      !memcmp(packet_bytes + 16, bytes + received % 256, len - 16 - 8));
			received++;
		}
		for (want = rig_random() % 10; want; want--) {
			len = rig_random() % 60 * 8;
			if (SIZE - rig_used(rig.in) <= len + 24 + 8)
				break;
			host_put(VM_PKT_DATA_USING_XFER_PAGES, 0, offered, bytes, 8,
				 bytes + offered % 256, len);
			offered++;
		}
		hva_read_begin(&reader, &rig.hc);
		for (want = rig_random() % 12; want; want--) {
			if (hva_read_next(&reader, &packet) != 1) {
				check(taken == offered);
				break;
			}
			check(packet.txid == taken && packet.head_len == 8);
			check(!memcmp(packet.payload, bytes + taken % 256, packet.len));
			taken++;
		}
		hva_read_end(&reader);
	}
	check(!rig.hc.lost && !rig.hc.stats.tx_bad_index && received > 100 && taken > 100);
}

void test_hostile(void)
{
	broken_outbound();
	broken_on_the_way();
	broken_inbound_index();
	broken_descriptor();
	endless();
	for (u64 seed = 1; seed <= 1500; seed++)
		anything(seed);
	for (u64 seed = 1; seed <= 400; seed++)
		honest(seed);
}
