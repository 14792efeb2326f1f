// SPDX-License-Identifier: GPL-2.0
/*
 * VMBus ring buffers: a producer that writes a batch, a consumer that reads in place.
 *
 * The other side of both rings is the host, and the host is not trusted: an index, a length or an
 * offset in shared memory is read once, bounded, and only the private copy is used. The worst a
 * hostile host gets is that this channel stops.
 *
 * The rules of the ring (<linux/hyperv.h>, struct hv_ring_buffer):
 * - Equal indices mean empty, so a writer never fills the last byte.
 * - A packet ends with a trailer that holds the offset the packet began at.
 * - A writer signals only when the ring was empty before its write and the reader does not mask;
 *   the host throttles guests that signal more.
 * - A reader signals only when it made the room that a waiting writer asked for in pending_send_sz.
 * - hv_vmbus maps the data pages twice in a row, so a packet that wraps is linear in memory.
 *
 * This file also builds in user space, under tests/unit.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/hyperv.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>

#include "hv_vmbus_accel.h"
#include "ring.h"

/* What is used of hv_vmbus that no rule keeps as it is. */
static_assert(offsetof(struct hv_ring_buffer, write_index) == 0);
static_assert(offsetof(struct hv_ring_buffer, read_index) == 4);
static_assert(offsetof(struct hv_ring_buffer, interrupt_mask) == 8);
static_assert(offsetof(struct hv_ring_buffer, pending_send_sz) == 12);
static_assert(offsetof(struct hv_ring_buffer, feature_bits) == 64);
static_assert(offsetof(struct hv_ring_buffer, buffer) == PAGE_SIZE);
static_assert(sizeof(struct vmpacket_descriptor) == 16);
static_assert(sizeof(struct hv_page_buffer) == 16);
static_assert(sizeof(struct vmtransfer_page_range) == 8);
static_assert(offsetof(struct vmtransfer_page_packet_header, ranges) == 24);
static_assert(offsetof(struct vmdata_gpa_direct, range) == 24);
static_assert(__same_type(((struct hv_ring_buffer_info *)0)->ring_lock, spinlock_t));
static_assert(__same_type(((struct hv_ring_buffer_info *)0)->priv_read_index, u32));
static_assert(__same_type(((struct hv_ring_buffer_info *)0)->ring_datasize, u32));
static_assert(__same_type(((struct hv_ring_buffer_info *)0)->pkt_buffer_size, u32));
static_assert(sizeof(unsigned long) == sizeof(u64), "x86-64 and arm64 only");

/* The descriptor counts in units of HVA_ALIGN, in 16 bits. */
#define MAX_PACKET ((u32)U16_MAX * HVA_ALIGN)

/* Header of a GPA-direct packet between descriptor and ranges. */
struct gpa_head {
	u32 reserved;
	u32 range_count;
};

static bool index_ok(u32 index, u32 size)
{
	return index < size && !(index % HVA_ALIGN);
}

/* Bytes from index @from to index @to, both in range. */
static u32 distance(u32 from, u32 to, u32 size)
{
	return to >= from ? to - from : size - from + to;
}

static u32 advance(u32 index, u32 bytes, u32 size)
{
	index += bytes;
	return index >= size ? index - size : index;
}

/*
 * The producer. Everything from begin to end runs under outbound.ring_lock. The write index in the
 * shared page is the only one there is (vmbus_sendpacket() uses it too), hence checked like the
 * host's.
 */

/* Said by hva_batch_end(): under the lock a console on this NIC would wait for it for good. */
static void refuse(struct hva_batch *batch, int error)
{
	batch->error = error;
}

/* Looks at the host's read index; false when it is not one. */
static bool batch_look(struct hva_batch *batch)
{
	/* Reads of the indices come before writes into the room they promise. */
	u32 read = virt_load_acquire(&batch->ring->read_index);

	if (!index_ok(read, batch->size)) {
		refuse(batch, -EIO);
		return false;
	}
	batch->free = batch->size - distance(read, batch->next, batch->size);
	return true;
}

void hva_batch_begin(struct hva_batch *batch, struct hva_channel *hc)
	__acquires(&hc->channel->outbound.ring_lock)
{
	struct hv_ring_buffer_info *out = &hc->channel->outbound;

	spin_lock_irqsave(&out->ring_lock, batch->flags);
	batch->hc = hc;
	batch->ring = out->ring_buffer;
	batch->data = batch->ring->buffer;
	batch->size = out->ring_datasize;
	batch->free = 0;
	batch->error = 0;
	batch->next = READ_ONCE(batch->ring->write_index);
	batch->first = batch->next;
	if (READ_ONCE(hc->channel->rescind))
		refuse(batch, -ENODEV);
	else if (!index_ok(batch->next, batch->size))
		refuse(batch, -EIO);
	else
		batch_look(batch);
}
EXPORT_SYMBOL_GPL(hva_batch_begin);

/*
 * Makes room for one packet of @head_len and @len bytes behind its descriptor and writes the
 * descriptor. Both lengths were bounded by MAX_PACKET. On success *@where is where the head goes.
 */
static int batch_open(struct hva_batch *batch, u16 type, u16 flags, u32 head_len, u32 len, u64 txid,
		      u8 **where)
{
	struct vmpacket_descriptor *desc = (void *)(batch->data + batch->next);
	u32 packet = sizeof(*desc) + head_len + ALIGN(len, HVA_ALIGN);
	u32 total = packet + HVA_TRAILER;
	struct vmbus_channel *channel = batch->hc->channel;

	if (batch->error && batch->error != -EAGAIN)
		return batch->error;
	if (packet > MAX_PACKET || total >= batch->size)
		return -EMSGSIZE;
	if (batch->free <= total && (!batch_look(batch) || batch->free <= total)) {
		if (batch->error == -EIO)
			return -EIO;
		channel->out_full_total++;
		if (!channel->out_full_flag) {
			channel->out_full_first++;
			channel->out_full_flag = true;
		}
		batch->error = -EAGAIN;
		return -EAGAIN;
	}
	channel->out_full_flag = false;

	desc->type = type;
	desc->offset8 = (sizeof(*desc) + head_len) / HVA_ALIGN;
	desc->len8 = packet / HVA_ALIGN;
	desc->flags = flags;
	desc->trans_id = txid;
	*where = (u8 *)(desc + 1);
	return 0;
}

/* Writes payload, padding and trailer at @where, and moves on to the next packet. */
static void batch_close(struct hva_batch *batch, u8 *where, const void *payload, u32 len)
{
	u32 padded = ALIGN(len, HVA_ALIGN);
	u32 total;

	if (len) {
		/* Padding first: it shares its last 8 bytes with the payload. */
		*(u64 *)(where + padded - HVA_ALIGN) = 0;
		memcpy(where, payload, len);
	}
	*(u64 *)(where + padded) = (u64)batch->next << 32;
	total = where + padded + HVA_TRAILER - (batch->data + batch->next);
	batch->next = advance(batch->next, total, batch->size);
	batch->free -= total;
}

static int batch_simple(struct hva_batch *batch, u16 type, u16 flags, const void *payload, u32 len,
			u64 txid)
{
	u8 *where;
	int rc;

	if (len > MAX_PACKET)
		return -EMSGSIZE;
	rc = batch_open(batch, type, flags, 0, len, txid, &where);
	if (!rc)
		batch_close(batch, where, payload, len);
	return rc;
}

int hva_batch_inband(struct hva_batch *batch, const void *payload, u32 len, u64 txid, u16 flags)
{
	return batch_simple(batch, VM_PKT_DATA_INBAND, flags, payload, len, txid);
}
EXPORT_SYMBOL_GPL(hva_batch_inband);

int hva_batch_completion(struct hva_batch *batch, const void *payload, u32 len, u64 txid)
{
	return batch_simple(batch, VM_PKT_COMP, 0, payload, len, txid);
}
EXPORT_SYMBOL_GPL(hva_batch_completion);

u32 hva_batch_answers(struct hva_batch *batch, const struct hva_answer *answers, u32 n)
{
	const u32 packet = sizeof(struct vmpacket_descriptor) + sizeof(u64);
	const u32 total = packet + HVA_TRAILER;
	u32 quick = 0, next = batch->next, i;

	/* these fit for sure; what is left has to look at the ring again, or is refused */
	if (!batch->error && batch->free)
		quick = min(n, (batch->free - 1) / total);
	for (i = 0; i < quick; i++) {
		struct vmpacket_descriptor *desc = (void *)(batch->data + next);
		u64 *where = (u64 *)(desc + 1);

		*desc = (struct vmpacket_descriptor){
			.type = VM_PKT_COMP,
			.offset8 = sizeof(*desc) / HVA_ALIGN,
			.len8 = packet / HVA_ALIGN,
			.trans_id = answers[i].txid,
		};
		where[0] = answers[i].payload;
		where[1] = (u64)next << 32;
		next = advance(next, total, batch->size);
	}
	if (quick) {
		batch->next = next;
		batch->free -= quick * total;
		batch->hc->channel->out_full_flag = false;
	}
	while (i < n && !hva_batch_completion(batch, &answers[i].payload, sizeof(u64),
					      answers[i].txid))
		i++;
	return i;
}
EXPORT_SYMBOL_GPL(hva_batch_answers);

int hva_batch_gpa(struct hva_batch *batch, const struct hv_page_buffer *pages, u32 n_pages,
		  const void *payload, u32 len, u64 txid)
{
	const struct gpa_head head = { .range_count = n_pages };
	u32 ranges = n_pages * sizeof(*pages);
	u8 *where;
	int rc;

	if (!n_pages)
		return -EINVAL;
	if (len > MAX_PACKET || n_pages > MAX_PACKET / sizeof(*pages))
		return -EMSGSIZE;
	rc = batch_open(batch, VM_PKT_DATA_USING_GPA_DIRECT,
			VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED, sizeof(head) + ranges, len,
			txid, &where);
	if (rc)
		return rc;
	memcpy(where, &head, sizeof(head));
	memcpy(where + sizeof(head), pages, ranges);
	batch_close(batch, where + sizeof(head) + ranges, payload, len);
	return 0;
}
EXPORT_SYMBOL_GPL(hva_batch_gpa);

/* Is the host asleep on a ring that was empty before this batch? Call after a full barrier. */
static bool doorbell_due(const struct hva_batch *batch)
{
	if (READ_ONCE(batch->ring->interrupt_mask))
		return false;
	/* The mask is read before the read index: the reader moves first and unmasks then. */
	virt_rmb();
	return READ_ONCE(batch->ring->read_index) == batch->first;
}

int hva_batch_end(struct hva_batch *batch, bool more)
	__releases(&batch->hc->channel->outbound.ring_lock)
{
	struct hva_channel *hc = batch->hc;
	struct vmbus_channel *channel = hc->channel;
	bool ring = false, lost;

	if (batch->next != batch->first) {
		/* Packets are complete before the host sees the index. */
		virt_store_release(&batch->ring->write_index, batch->next);
		if (!hc->doorbell_owed) {
			/* The index is visible before we look whether the host sleeps. */
			virt_mb();
			if (doorbell_due(batch)) {
				channel->intr_out_empty++;
				hc->doorbell_owed = true;
			}
		}
	}
	if (!more) {
		ring = hc->doorbell_owed;
		hc->doorbell_owed = false;
	}
	lost = unlikely(batch->error == -EIO) && !hc->stats.tx_bad_index++;
	spin_unlock_irqrestore(&channel->outbound.ring_lock, batch->flags);
	if (ring)
		vmbus_setevent(channel);
	if (unlikely(lost))
		hva_ring_lost(channel, "outbound index");
	return batch->error;
}
EXPORT_SYMBOL_GPL(hva_batch_end);

void hva_flush(struct hva_channel *hc)
{
	struct hva_batch batch;

	if (!READ_ONCE(hc->doorbell_owed))
		return;
	hva_batch_begin(&batch, hc);
	hva_batch_end(&batch, false);
}
EXPORT_SYMBOL_GPL(hva_flush);

/* Room for a packet of @bytes by the host's read index; a broken index promises none. */
static bool has_room(const struct hv_ring_buffer_info *out, u32 bytes)
{
	u32 write = READ_ONCE(out->ring_buffer->write_index);
	/* As in batch_look(). */
	u32 read = virt_load_acquire(&out->ring_buffer->read_index);
	u32 size = out->ring_datasize;

	if (!index_ok(write, size) || !index_ok(read, size))
		return false;
	return size - distance(read, write, size) > bytes;
}

/* One wish stands for all who wait, so it only grows until there is room for the largest. */
static void wish_for(struct hva_channel *hc, u32 bytes)
{
	hc->wish = bytes;
	WRITE_ONCE(hc->channel->outbound.ring_buffer->pending_send_sz, bytes);
}

bool hva_wait_space(struct hva_channel *hc, u32 bytes)
{
	struct hv_ring_buffer_info *out = &hc->channel->outbound;
	unsigned long flags;
	bool room, others;
	u32 wish;

	/*
	 * Room for @bytes means more than @bytes free. One unit on top makes that so by either
	 * reading of "enough", more than pending_send_sz or as much as that. The last unit of the
	 * ring stands for all of it: a ring with less than a packet in it is empty.
	 */
	wish = min(bytes + HVA_ALIGN, out->ring_datasize - HVA_ALIGN);
	spin_lock_irqsave(&out->ring_lock, flags);
	others = hc->wish;
	wish_for(hc, max(hc->wish, wish));
	/* The host sees the wish, or we see the room it made. */
	virt_mb();
	room = has_room(out, bytes);
	if (room && !others)
		wish_for(hc, 0);
	spin_unlock_irqrestore(&out->ring_lock, flags);
	return room;
}
EXPORT_SYMBOL_GPL(hva_wait_space);

bool hva_has_space(struct hva_channel *hc, u32 bytes)
{
	struct hv_ring_buffer_info *out = &hc->channel->outbound;
	unsigned long flags;

	if (!has_room(out, bytes))
		return false;
	if (!READ_ONCE(hc->wish))
		return true;
	spin_lock_irqsave(&out->ring_lock, flags);
	if (hc->wish && has_room(out, hc->wish - HVA_ALIGN))
		wish_for(hc, 0);
	spin_unlock_irqrestore(&out->ring_lock, flags);
	return true;
}
EXPORT_SYMBOL_GPL(hva_has_space);

/*
 * The consumer. inbound.priv_read_index is ours alone and is the truth; read_index in the shared
 * page only tells the host.
 */

void hva_read_mask(struct hva_channel *hc)
{
	WRITE_ONCE(hc->channel->inbound.ring_buffer->interrupt_mask, 1);
	/* Masked before the ring is read, or the host signals for what is being read. */
	virt_mb();
}
EXPORT_SYMBOL_GPL(hva_read_mask);

bool hva_read_unmask(struct hva_channel *hc)
{
	struct hv_ring_buffer_info *in = &hc->channel->inbound;

	if (hc->lost)
		return false;
	WRITE_ONCE(in->ring_buffer->interrupt_mask, 0);
	/* The host sees the mask gone, or we see what it wrote before. */
	virt_mb();
	return READ_ONCE(in->ring_buffer->write_index) != in->priv_read_index;
}
EXPORT_SYMBOL_GPL(hva_read_unmask);

/* Framing is lost: nothing in the ring can be trusted to be the start of a packet. */
static int lose(struct hva_reader *reader, u64 *counter, const char *why)
{
	(*counter)++;
	reader->hc->lost = true;
	hva_ring_lost(reader->hc->channel, why);
	return -EIO;
}

/* Looks at the host's write index. */
static int reader_look(struct hva_reader *reader)
{
	/* The index is read before the packets it promises. */
	u32 write = virt_load_acquire(&reader->ring->write_index);

	if (!index_ok(write, reader->size))
		return lose(reader, &reader->hc->stats.rx_bad_index, "inbound index");
	reader->write = write;
	return 0;
}

void hva_read_begin(struct hva_reader *reader, struct hva_channel *hc)
{
	struct hv_ring_buffer_info *in = &hc->channel->inbound;

	reader->hc = hc;
	reader->ring = in->ring_buffer;
	reader->data = reader->ring->buffer;
	reader->size = in->ring_datasize;
	reader->read = in->priv_read_index;
	reader->write = reader->read;
	reader->taken = 0;
}
EXPORT_SYMBOL_GPL(hva_read_begin);

/*
 * Copies the packet of @bytes at @from out of the ring; the descriptor was read already and is not
 * used again.
 */
static const u8 *copy_out(struct hva_reader *reader, const u8 *from, u32 bytes)
{
	struct hv_ring_buffer_info *in = &reader->hc->channel->inbound;

	if (bytes > in->pkt_buffer_size) {
		reader->hc->stats.rx_too_long++;
		return NULL;
	}
	memcpy(in->pkt_buffer, from, bytes);
	return in->pkt_buffer;
}

/*
 * Takes the packet at the read index off the ring. Return: 1 with the packet, 0 when it was a bad
 * one that had to be skipped, -EIO when it cannot be told where it ends.
 */
static int take(struct hva_reader *reader, u32 available, struct hva_packet *packet)
{
	const u8 *start = reader->data + reader->read;
	u64 word = READ_ONCE(*(const u64 *)start);
	u32 offset = (u16)(word >> 16) * HVA_ALIGN;
	u32 bytes = (u16)(word >> 32) * HVA_ALIGN;

	if (bytes < sizeof(struct vmpacket_descriptor) || bytes + HVA_TRAILER > available)
		return lose(reader, &reader->hc->stats.rx_bad_length, "inbound packet length");
	packet->type = word;
	packet->flags = word >> 48;
	packet->txid = READ_ONCE(*(const u64 *)(start + sizeof(u64)));
	reader->read = advance(reader->read, bytes + HVA_TRAILER, reader->size);
	reader->taken += bytes + HVA_TRAILER;

	if (offset < sizeof(struct vmpacket_descriptor) || offset > bytes) {
		reader->hc->stats.rx_bad_offset++;
		return 0;
	}
	if (reader->hc->copy) {
		start = copy_out(reader, start, bytes);
		if (!start)
			return 0;
	}
	packet->head = start + sizeof(struct vmpacket_descriptor);
	packet->head_len = offset - sizeof(struct vmpacket_descriptor);
	packet->payload = start + offset;
	packet->len = bytes - offset;
	return 1;
}

int hva_read_next(struct hva_reader *reader, struct hva_packet *packet)
{
	/*
	 * Ends: each turn takes a packet off the ring and, the read index not being published, an
	 * honest host cannot offer more than one ring.
	 */
	for (;;) {
		u32 available = distance(reader->read, reader->write, reader->size);
		int rc;

		if (reader->hc->lost)
			return -EIO;
		if (!available) {
			rc = reader_look(reader);
			if (rc)
				return rc;
			available = distance(reader->read, reader->write, reader->size);
			if (!available)
				return 0;
		}
		if (available >= reader->size - reader->taken)
			return lose(reader, &reader->hc->stats.rx_bad_index, "inbound index");
		rc = take(reader, available, packet);
		if (rc)
			return rc;
	}
}
EXPORT_SYMBOL_GPL(hva_read_next);

void hva_read_end(struct hva_reader *reader)
{
	struct vmbus_channel *channel = reader->hc->channel;
	u32 pending, write, free;

	if (!reader->taken)
		return;
	channel->inbound.priv_read_index = reader->read;
	/* Packets are used before the host may write over them. */
	virt_store_release(&reader->ring->read_index, reader->read);
	if (!(READ_ONCE(reader->ring->feature_bits.value) & 1))
		return;
	/* The room is visible before we look whether the host waits for it. */
	virt_mb();
	pending = READ_ONCE(reader->ring->pending_send_sz);
	if (!pending)
		return;
	/* The wish is read before the write index: the host wishes after its last write. */
	virt_rmb();
	write = READ_ONCE(reader->ring->write_index);
	if (!index_ok(write, reader->size))
		return;
	free = reader->size - distance(reader->read, write, reader->size);
	/* Only who turns "not enough" into "enough" signals. */
	if (free <= pending || (free >= reader->taken && free - reader->taken > pending))
		return;
	channel->intr_in_full++;
	vmbus_setevent(channel);
}
EXPORT_SYMBOL_GPL(hva_read_end);
