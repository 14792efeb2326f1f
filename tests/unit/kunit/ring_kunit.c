// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite of vmbus/ring.c: the same source in kernel memory, with the kernel's own structs,
 * barriers and locks, so that KASAN, UBSAN and lockdep look at it. No host is needed: both sides of
 * the rings are played here. The rules themselves are tested at length in tests/unit/ring.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/hyperv.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

static void count_doorbell(struct vmbus_channel *channel);
static unsigned int lost;

/* The source under test, with a doorbell of our own and without its exports. */
#define vmbus_setevent count_doorbell
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(symbol)
#include "ring.c"

#define DATA_PAGES	4
#define SIZE		((u32)(DATA_PAGES * PAGE_SIZE))

struct rig {
	struct hva_channel hc;
	struct vmbus_channel channel;
	struct page *pages[2][1 + DATA_PAGES];
	atomic_t doorbells;
};

void hva_ring_lost(struct vmbus_channel *channel, const char *what)
{
	lost++;
}

static void count_doorbell(struct vmbus_channel *channel)
{
	atomic_inc(&container_of(channel, struct rig, channel)->doorbells);
}

/* Control page, data, data again, as hv_vmbus maps it. */
static int rig_map(struct rig *rig, int which, struct hv_ring_buffer_info *info)
{
	struct page *map[1 + 2 * DATA_PAGES];
	int i;

	for (i = 0; i < 1 + DATA_PAGES; i++) {
		rig->pages[which][i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!rig->pages[which][i])
			return -ENOMEM;
		map[i] = rig->pages[which][i];
		if (i)
			map[i + DATA_PAGES] = rig->pages[which][i];
	}
	info->ring_buffer = vmap(map, ARRAY_SIZE(map), VM_MAP, PAGE_KERNEL);
	if (!info->ring_buffer)
		return -ENOMEM;
	spin_lock_init(&info->ring_lock);
	info->ring_datasize = SIZE;
	info->ring_buffer->feature_bits.value = 1;
	return 0;
}

static int ring_init(struct kunit *test)
{
	struct rig *rig = kunit_kzalloc(test, sizeof(*rig), GFP_KERNEL);

	if (!rig)
		return -ENOMEM;
	test->priv = rig;
	lost = 0;
	rig->hc.channel = &rig->channel;
	rig->channel.inbound.pkt_buffer = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	rig->channel.inbound.pkt_buffer_size = PAGE_SIZE;
	if (!rig->channel.inbound.pkt_buffer || rig_map(rig, 0, &rig->channel.outbound) ||
	    rig_map(rig, 1, &rig->channel.inbound))
		return -ENOMEM;
	return 0;
}

static void ring_exit(struct kunit *test)
{
	struct rig *rig = test->priv;
	int which, i;

	if (!rig)
		return;
	vunmap(rig->channel.outbound.ring_buffer);
	vunmap(rig->channel.inbound.ring_buffer);
	for (which = 0; which < 2; which++)
		for (i = 0; i < 1 + DATA_PAGES; i++)
			if (rig->pages[which][i])
				__free_page(rig->pages[which][i]);
}

/* The host's side: what is in the outbound ring goes into the inbound one, as it is. */
static u32 host_loops_back(struct rig *rig)
{
	struct hv_ring_buffer *out = rig->channel.outbound.ring_buffer;
	struct hv_ring_buffer *in = rig->channel.inbound.ring_buffer;
	u32 write = virt_load_acquire(&out->write_index);
	u32 n = 0;

	while (out->read_index != write) {
		struct vmpacket_descriptor *desc = (void *)(out->buffer + out->read_index);
		u32 bytes = desc->len8 * 8 + HVA_TRAILER;
		u32 used = distance(virt_load_acquire(&in->read_index), in->write_index, SIZE);

		if (SIZE - used <= bytes)
			break;
		memcpy(in->buffer + in->write_index, desc, bytes);
		virt_store_release(&in->write_index, advance(in->write_index, bytes, SIZE));
		virt_store_release(&out->read_index, advance(out->read_index, bytes, SIZE));
		n++;
	}
	return n;
}

static u8 pattern(u64 txid, u32 i)
{
	return txid * 31 + i;
}

/* Numbered packets of many lengths go round, through every offset and wrap. */
static void round_trip(struct kunit *test, bool copy)
{
	struct rig *rig = test->priv;
	u8 *payload = kunit_kzalloc(test, 2048, GFP_KERNEL);
	u64 sent = 0, received = 0;
	u32 turn, i;

	KUNIT_ASSERT_NOT_NULL(test, payload);
	rig->hc.copy = copy;
	for (turn = 0; turn < 4000; turn++) {
		struct hva_reader reader;
		struct hva_packet packet;
		struct hva_batch batch;

		hva_batch_begin(&batch, &rig->hc);
		for (i = 0; i < 1 + turn % 7; i++) {
			u32 len = (sent * 37) % 2040, k;

			for (k = 0; k < len; k++)
				payload[k] = pattern(sent, k);
			if (hva_batch_inband(&batch, payload, len, sent, 0))
				break;
			sent++;
		}
		hva_batch_end(&batch, turn & 1);
		host_loops_back(rig);
		hva_read_mask(&rig->hc);
		hva_read_begin(&reader, &rig->hc);
		while (hva_read_next(&reader, &packet) == 1) {
			u32 len = (received * 37) % 2040, k, bad = 0;

			KUNIT_ASSERT_EQ(test, packet.txid, received);
			KUNIT_ASSERT_EQ(test, packet.len, ALIGN(len, 8));
			for (k = 0; k < len; k++)
				bad += ((u8 *)packet.payload)[k] != pattern(received, k);
			KUNIT_ASSERT_EQ(test, bad, 0);
			received++;
		}
		hva_read_end(&reader);
		KUNIT_ASSERT_FALSE(test, hva_read_unmask(&rig->hc));
	}
	KUNIT_EXPECT_EQ(test, sent, received);
	KUNIT_EXPECT_GT(test, received, 4000);
	KUNIT_EXPECT_EQ(test, lost, 0);
}

static void in_place(struct kunit *test)
{
	round_trip(test, false);
}

static void copied(struct kunit *test)
{
	round_trip(test, true);
}

static void full_ring(struct kunit *test)
{
	struct rig *rig = test->priv;
	struct hv_ring_buffer *out = rig->channel.outbound.ring_buffer;
	struct hva_batch batch;
	u32 n = 0;

	hva_batch_begin(&batch, &rig->hc);
	while (!hva_batch_inband(&batch, NULL, 0, n, 0))
		n++;
	KUNIT_EXPECT_EQ(test, hva_batch_end(&batch, false), -EAGAIN);
	KUNIT_EXPECT_EQ(test, n, (SIZE - 1) / hva_inband_size(0));
	KUNIT_EXPECT_EQ(test, atomic_read(&rig->doorbells), 1);
	KUNIT_EXPECT_EQ(test, rig->channel.out_full_first, 1);
	KUNIT_EXPECT_FALSE(test, hva_wait_space(&rig->hc, 64));
	KUNIT_EXPECT_EQ(test, out->pending_send_sz, 64 + HVA_ALIGN);
	host_loops_back(rig);
	KUNIT_EXPECT_TRUE(test, hva_has_space(&rig->hc, 64));
	KUNIT_EXPECT_EQ(test, out->pending_send_sz, 0);
}

static void broken_by_host(struct kunit *test)
{
	struct rig *rig = test->priv;
	struct hv_ring_buffer *in = rig->channel.inbound.ring_buffer;
	struct vmpacket_descriptor *desc = (void *)in->buffer;
	struct hva_reader reader;
	struct hva_packet packet;
	struct hva_batch batch;

	rig->channel.outbound.ring_buffer->read_index = SIZE;
	hva_batch_begin(&batch, &rig->hc);
	KUNIT_EXPECT_EQ(test, hva_batch_inband(&batch, NULL, 0, 0, 0), -EIO);
	KUNIT_EXPECT_EQ(test, hva_batch_end(&batch, false), -EIO);
	KUNIT_EXPECT_EQ(test, lost, 1);

	desc->len8 = U16_MAX;
	desc->offset8 = 2;
	in->write_index = 64;
	hva_read_begin(&reader, &rig->hc);
	KUNIT_EXPECT_EQ(test, hva_read_next(&reader, &packet), -EIO);
	hva_read_end(&reader);
	KUNIT_EXPECT_TRUE(test, rig->hc.lost);
	KUNIT_EXPECT_EQ(test, rig->hc.stats.rx_bad_length, 1);
	KUNIT_EXPECT_EQ(test, lost, 2);
}

#define STRESS_PACKETS 20000

struct writer {
	struct rig *rig;
	struct completion done;
	u64 sent;
};

static int writer_thread(void *data)
{
	struct writer *writer = data;
	unsigned long end = jiffies + 60 * HZ;

	while (writer->sent < STRESS_PACKETS && time_before(jiffies, end)) {
		struct hva_batch batch;
		int i;

		hva_batch_begin(&batch, &writer->rig->hc);
		for (i = 0; i < 8 && writer->sent < STRESS_PACKETS; i++) {
			if (hva_batch_completion(&batch, &writer->sent, 8, writer->sent))
				break;
			writer->sent++;
		}
		if (hva_batch_end(&batch, false))
			cond_resched();
	}
	complete(&writer->done);
	return 0;
}

/* A writer against host and reader on another CPU, as transmit against poll. */
static void two_threads(struct kunit *test)
{
	struct rig *rig = test->priv;
	struct writer writer = { .rig = rig };
	unsigned long end = jiffies + 60 * HZ;
	struct task_struct *task;
	u64 received = 0;

	init_completion(&writer.done);
	task = kthread_run(writer_thread, &writer, "hva_writer");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	while (received < STRESS_PACKETS && time_before(jiffies, end)) {
		struct hva_reader reader;
		struct hva_packet packet;

		host_loops_back(rig);
		hva_read_begin(&reader, &rig->hc);
		while (hva_read_next(&reader, &packet) == 1) {
			if (packet.txid != received || *(const u64 *)packet.payload != received)
				KUNIT_FAIL(test, "packet %llu came as %llu", received, packet.txid);
			received++;
		}
		hva_read_end(&reader);
		cond_resched();
	}
	wait_for_completion(&writer.done);
	KUNIT_EXPECT_EQ(test, received, STRESS_PACKETS);
	KUNIT_EXPECT_EQ(test, lost, 0);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(in_place),
	KUNIT_CASE(copied),
	KUNIT_CASE(full_ring),
	KUNIT_CASE(broken_by_host),
	KUNIT_CASE(two_threads),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "hv_vmbus_accel_ring",
	.init = ring_init,
	.exit = ring_exit,
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_DESCRIPTION("KUnit tests of the VMBus ring fast path");
MODULE_LICENSE("GPL");
