// SPDX-License-Identifier: GPL-2.0
/*
 * Order and number of accesses to shared memory, from a recording: barriers where the protocol
 * needs them, each of the host's fields read once, nothing published early, doorbells counted.
 */
#include "rig.h"

#define SIZE PAGE_SIZE

static u8 bytes[256];

static int batch_of(unsigned int packets, bool more)
{
	struct hva_batch batch;

	hva_batch_begin(&batch, &rig.hc);
	for (unsigned int i = 0; i < packets; i++)
		hva_batch_inband(&batch, bytes, 40, i, 0);
	return hva_batch_end(&batch, more);
}

static void producer(void)
{
	int publish, fence, mask, between, read;

	rig_reset(SIZE, false);
	rig_record();
	batch_of(16, false);
	check(rig_count(SHIM_LOCK, &rig.channel.outbound.ring_lock) == 1);
	check(rig_count(SHIM_LOAD, &rig.out->write_index) == 1);
	check(rig_count(SHIM_ACQUIRE, &rig.out->read_index) == 1);
	check(rig_count(SHIM_RELEASE, &rig.out->write_index) == 1);
	check(rig_count(SHIM_STORE, &rig.out->write_index) == 0);
	check(rig_count(SHIM_FENCE, NULL) == 1);
	publish = rig_find(0, SHIM_RELEASE, &rig.out->write_index);
	fence = rig_find(publish, SHIM_FENCE, NULL);
	mask = rig_find(fence, SHIM_LOAD, &rig.out->interrupt_mask);
	between = rig_find(mask, SHIM_READ_FENCE, NULL);
	read = rig_find(between, SHIM_LOAD, &rig.out->read_index);
	check(publish > 0 && fence > publish && mask > fence && between > mask && read > between);
	check(rig_find(0, SHIM_LOAD, &rig.out->interrupt_mask) == mask);
	check(rig_find(0, SHIM_LOAD, &rig.out->read_index) == read);
	check(rig_find(read, SHIM_UNLOCK, &rig.channel.outbound.ring_lock) > read);
	check(rig.signals == 1);
}

/* Doorbells: only empty to non-empty, only unmasked, one a batch, owed ones paid once. */
static void doorbells(void)
{
	u8 packet[SIZE];

	rig_reset(SIZE, false);
	check(!batch_of(0, false) && rig.signals == 0);
	check(!batch_of(5, false) && rig.signals == 1 && rig.channel.intr_out_empty == 1);
	check(!batch_of(1, false) && rig.signals == 1);
	host_take(packet, sizeof(packet));
	check(!batch_of(1, false) && rig.signals == 1);
	while (host_take(packet, sizeof(packet)))
		;
	rig.out->interrupt_mask = 1;
	check(!batch_of(1, false) && rig.signals == 1 && rig.channel.intr_out_empty == 1);
	rig.out->interrupt_mask = 0;
	while (host_take(packet, sizeof(packet)))
		;
	check(!batch_of(1, true) && rig.signals == 1);
	check(rig_used(rig.out) == hva_inband_size(40));
	check(!batch_of(1, true) && rig.signals == 1);
	check(!batch_of(1, false) && rig.signals == 2 && rig.channel.intr_out_empty == 2);
	hva_flush(&rig.hc);
	check(rig.signals == 2);

	/* Owed, drained by a host that looked by itself, owed anew: one doorbell pays both. */
	while (host_take(packet, sizeof(packet)))
		;
	check(!batch_of(1, true) && rig.signals == 2);
	while (host_take(packet, sizeof(packet)))
		;
	check(!batch_of(1, false) && rig.signals == 3);
	/* More was announced and nothing came. */
	while (host_take(packet, sizeof(packet)))
		;
	check(!batch_of(1, true) && rig.signals == 3);
	hva_flush(&rig.hc);
	check(rig.signals == 4);
	hva_flush(&rig.hc);
	check(rig.signals == 4);
	/* An empty batch pays as well. */
	while (host_take(packet, sizeof(packet)))
		;
	check(!batch_of(1, true) && !batch_of(0, false) && rig.signals == 5);
	/* A full ring does not swallow the doorbell of what went before. */
	while (host_take(packet, sizeof(packet)))
		;
	check(batch_of(SIZE / 64, false) == -EAGAIN && rig.signals == 6);
}

static u32 seen_early;

static void host_peeks(struct rig *r)
{
	if (r->channel.outbound.ring_lock.held && r->out->write_index != seen_early)
		seen_early = ~0u;
}

/* Until the release store the host sees nothing of the batch; looked at before every access. */
static void nothing_early(void)
{
	struct hva_batch batch;

	rig_reset(SIZE, false);
	rig_place(rig.out, 4000);
	seen_early = 4000;
	rig.step = host_peeks;
	hva_batch_begin(&batch, &rig.hc);
	for (int i = 0; i < 10; i++)
		hva_batch_inband(&batch, bytes, 40, i, 0);
	check(seen_early == 4000 && rig.out->write_index == 4000);
	rig.step = NULL;
	hva_batch_end(&batch, false);
	check(rig_used(rig.out) == 10 * hva_inband_size(40));
}

static void consumer(void)
{
	struct hva_reader reader;
	struct hva_packet packet;
	int publish, fence, pending, write;
	u32 at = 0;

	rig_reset(SIZE, false);
	for (int i = 0; i < 8; i++)
		host_put(VM_PKT_COMP, 0, i, NULL, 0, bytes, 40);
	rig.in->pending_send_sz = SIZE - 8;
	rig_record();
	hva_read_begin(&reader, &rig.hc);
	for (int i = 0; i < 8; i++)
		check(hva_read_next(&reader, &packet) == 1);
	/* One look at the index for all that was there, each word of a descriptor once. */
	check(rig_count(SHIM_ACQUIRE, &rig.in->write_index) == 1);
	for (int i = 0; i < 8; i++, at += 64) {
		check(rig_count(SHIM_LOAD, rig.in->buffer + at) == 1);
		check(rig_count(SHIM_LOAD, rig.in->buffer + at + 8) == 1);
	}
	hva_read_end(&reader);
	publish = rig_find(0, SHIM_RELEASE, &rig.in->read_index);
	fence = rig_find(publish, SHIM_FENCE, NULL);
	pending = rig_find(fence, SHIM_LOAD, &rig.in->pending_send_sz);
	write = rig_find(rig_find(pending, SHIM_READ_FENCE, NULL), SHIM_LOAD, &rig.in->write_index);
	check(publish > 0 && fence > publish && pending > fence && write > pending);
	check(rig_count(SHIM_RELEASE, &rig.in->read_index) == 1);
	check(rig_count(SHIM_LOAD, &rig.in->pending_send_sz) == 1);
	check(rig_count(SHIM_LOAD, &rig.in->write_index) == 1);
	check(rig.signals == 1);

	/* Where the host waits for nothing, its write index is not asked for again. */
	host_put(VM_PKT_COMP, 0, 8, NULL, 0, bytes, 40);
	rig.in->pending_send_sz = 0;
	hva_read_begin(&reader, &rig.hc);
	check(hva_read_next(&reader, &packet) == 1);
	rig_record();
	hva_read_end(&reader);
	check(rig_count(SHIM_LOAD, &rig.in->write_index) == 0 && rig.signals == 1);

	/* A poll that found nothing touches nothing. */
	rig_record();
	hva_read_begin(&reader, &rig.hc);
	check(!hva_read_next(&reader, &packet));
	hva_read_end(&reader);
	check(rig.n_trace == 1);

	rig_record();
	hva_read_mask(&rig.hc);
	check(rig_find(rig_find(0, SHIM_STORE, &rig.in->interrupt_mask), SHIM_FENCE, NULL) == 1);
	rig_record();
	hva_read_unmask(&rig.hc);
	fence = rig_find(rig_find(0, SHIM_STORE, &rig.in->interrupt_mask), SHIM_FENCE, NULL);
	check(fence == 1 && rig_find(fence, SHIM_LOAD, &rig.in->write_index) > fence);
}

static void waiter(void)
{
	int wish, fence;

	rig_reset(SIZE, false);
	rig.out->write_index = SIZE - 8;
	rig_record();
	check(!hva_wait_space(&rig.hc, 64));
	wish = rig_find(0, SHIM_STORE, &rig.out->pending_send_sz);
	fence = rig_find(wish, SHIM_FENCE, NULL);
	check(wish > 0 && fence > wish);
	check(rig_find(fence, SHIM_ACQUIRE, &rig.out->read_index) > fence);
	check(rig_find(0, SHIM_ACQUIRE, &rig.out->read_index) > fence);
}

void test_order(void)
{
	producer();
	doorbells();
	nothing_early();
	consumer();
	waiter();
}
