/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMBus channels at full speed: write many packets under one lock, read packets in place.
 *
 * The API of hv_vmbus_accel.ko for drivers of VMBus devices. A driver opens and closes its channels
 * with hv_vmbus as ever; between the two it moves packets with the calls below. vmbus_sendpacket()
 * may still be used on the same channel, also at the same time: both take outbound.ring_lock and
 * keep the write index in the shared page.
 *
 * The life of a channel::
 *
 *	hva_attach(&hc, channel, &params);	before vmbus_open()
 *	vmbus_open(channel, ..., callback, ctx);
 *	  callback (hard irq):	hva_read_mask(&hc), then schedule NAPI
 *	  poll (softirq):	hva_read_begin(), hva_read_next() ..., hva_read_end();
 *				when nothing is left: napi_complete_done(), hva_read_unmask()
 *	  transmit:		hva_batch_begin(), hva_batch_inband() ..., hva_batch_end()
 *	vmbus_close(primary);			also closes the sub-channels
 *	hva_detach(&hc);			each channel, after vmbus_close()
 *
 * Packet and ring layout are those of struct hv_ring_buffer, struct vmpacket_descriptor,
 * struct vmtransfer_page_packet_header and struct vmdata_gpa_direct in <linux/hyperv.h>. A packet
 * is descriptor, type-specific header, payload padded to 8 bytes, 8-byte trailer. All lengths are
 * bytes. No function here sleeps unless its context line says so.
 */
#ifndef _HV_VMBUS_ACCEL_H
#define _HV_VMBUS_ACCEL_H

#include <linux/align.h>
#include <linux/errno.h>
#include <linux/hyperv.h>

/* Every packet starts at a multiple of this and ends with a trailer of this size. */
#define HVA_ALIGN	8u
#define HVA_TRAILER	8u

/**
 * struct hva_params - how a driver wants its channel
 * @max_pkt_size: longest inbound packet in bytes, descriptor included, trailer not. Sizes the
 *		  buffer of the copying reader; longer packets are skipped there and counted.
 *		  0 = 4096.
 * @low_latency: ring the doorbell by hypercall even where the host offers a monitor page (about
 *		 100 us of delay, for fewer exits).
 */
struct hva_params {
	u32 max_pkt_size;
	bool low_latency;
};

/**
 * struct hva_channel_stats - what the host got wrong, by cause
 * @tx_bad_index: the outbound ring's indices were out of range or misaligned, nothing was sent
 * @rx_bad_index: the inbound write index was out of range or misaligned; framing is lost
 * @rx_bad_length: a packet was shorter than its descriptor or longer than the data; framing is lost
 * @rx_bad_offset: a payload offset lay outside its packet; that packet was skipped
 * @rx_too_long: a packet was longer than max_pkt_size (copying reader only); it was skipped
 *
 * The tx counter is written under outbound.ring_lock, the rx ones by the reader. Read them with
 * READ_ONCE(). The counters that hv_vmbus shows in sysfs (intr_out_empty, intr_in_full, out_full_*)
 * are kept up as well.
 */
struct hva_channel_stats {
	u64 tx_bad_index;
	u64 rx_bad_index;
	u64 rx_bad_length;
	u64 rx_bad_offset;
	u64 rx_too_long;
};

/**
 * struct hva_channel - one open channel, embedded in the driver's queue
 * @channel: the bus's channel; a reference is held from hva_attach() to hva_detach()
 * @copy: packets are copied out of the ring before they are looked at (confidential VM)
 * @doorbell_owed: published packets wait for a doorbell; under outbound.ring_lock
 * @wish: pending_send_sz as we set it, 0 when nobody waits for room; under outbound.ring_lock
 * @lost: inbound framing is lost, nothing is read until the channel was reset; owned by the reader
 * @stats: see struct hva_channel_stats
 * @found: settings of @channel before hva_attach()
 *
 * Drivers read @channel, @lost and @stats and write nothing.
 */
struct hva_channel {
	struct vmbus_channel *channel;
	bool copy;
	bool doorbell_owed;
	bool lost;
	u32 wish;
	struct hva_channel_stats stats;
	struct {
		u64 (*next_request_id)(struct vmbus_channel *channel, u64 addr);
		u64 (*request_addr)(struct vmbus_channel *channel, u64 id);
		enum hv_callback_mode callback_mode;
		u32 max_pkt_size;
		u32 rqstor_size;
		bool low_latency;
	} found;
};

/*
 * channel.c: leave a channel as it was found
 */

/**
 * hva_attach() - prepare a closed channel for the calls below
 * @hc: zeroed memory, stays until hva_detach()
 * @channel: primary or sub-channel in CHANNEL_OPEN_STATE, that is offered and not open
 * @params: the driver's wishes
 *
 * Switches the channel to HV_CALL_ISR and to request ids that go out verbatim, applies @params and
 * remembers what was there before. The stale request table of an earlier driver is put out of reach
 * of the next vmbus_close().
 *
 * Context: process, before vmbus_open(); the caller keeps others from opening the channel.
 * Return: 0, or -EBUSY when the channel is open, -ENODEV when it was rescinded.
 */
int hva_attach(struct hva_channel *hc, struct vmbus_channel *channel,
	       const struct hva_params *params);

/**
 * hva_detach() - give a closed channel back as it was found
 * @hc: attached channel. Not attached (never, or no more) is fine and does nothing.
 *
 * Call it after vmbus_close() of the primary channel, or after vmbus_open() failed; for every
 * channel, rescinded ones too: the memory of @hc->channel is kept until here. The one setting that
 * may differ from what was found is the request table's size, at least 1 afterwards, because with 0
 * the next vmbus_close() frees the last table again.
 *
 * Context: process. No batch, reader or callback of this channel runs any more.
 */
void hva_detach(struct hva_channel *hc);

/*
 * ring.c, producer: any number of packets, one lock, one publish, at most one doorbell
 */

/**
 * struct hva_batch - packets being written, on the caller's stack
 * @hc: channel
 * @ring: shared control page
 * @data: start of the ring's data, mapped twice in a row
 * @size: bytes of data
 * @first: write index when the batch began
 * @next: write index of the next packet; the host sees it at hva_batch_end()
 * @free: bytes the host had read when last looked
 * @error: 0, -EAGAIN once a packet did not fit, else why the channel takes none
 * @flags: saved interrupt state
 *
 * All members are private to ring.c.
 */
struct hva_batch {
	struct hva_channel *hc;
	struct hv_ring_buffer *ring;
	u8 *data;
	u32 size;
	u32 first;
	u32 next;
	u32 free;
	int error;
	unsigned long flags;
};

/**
 * hva_inband_size() - room that hva_batch_inband() or hva_batch_completion() needs
 * @len: payload bytes
 *
 * Return: bytes of ring.
 */
static inline u32 hva_inband_size(u32 len)
{
	return sizeof(struct vmpacket_descriptor) + ALIGN(len, HVA_ALIGN) + HVA_TRAILER;
}

/**
 * hva_gpa_size() - room that hva_batch_gpa() needs
 * @n_pages: ranges
 * @len: payload bytes
 *
 * Return: bytes of ring.
 */
static inline u32 hva_gpa_size(u32 n_pages, u32 len)
{
	return hva_inband_size(len) + 2 * sizeof(u32) + n_pages * sizeof(struct hv_page_buffer);
}

/**
 * hva_batch_begin() - start to write packets
 * @batch: uninitialised memory, usually on the stack
 * @hc: attached channel that is open
 *
 * Takes outbound.ring_lock with interrupts off and looks at the shared indices once. It cannot
 * fail: a channel that takes no packets says so at each packet and at hva_batch_end(). Keep a batch
 * short (64 packets are plenty), interrupts are off; do not call vmbus_sendpacket*() inside one.
 *
 * Context: any but NMI. Always followed by hva_batch_end() in the same function.
 */
void hva_batch_begin(struct hva_batch *batch, struct hva_channel *hc)
	__acquires(&hc->channel->outbound.ring_lock);

/**
 * hva_batch_inband() - write one packet whose payload is in the ring (VM_PKT_DATA_INBAND)
 * @batch: batch between begin and end
 * @payload: bytes to copy, kernel memory; may be NULL when @len is 0
 * @len: payload bytes
 * @txid: transaction id, goes out verbatim
 * @flags: 0 or VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED
 *
 * A packet is either in the batch as a whole or not at all; later, shorter packets may still fit
 * after -EAGAIN, a caller that must keep order stops there.
 *
 * Return: 0; -EAGAIN when the packet would fill the ring now (an equal pair of indices means empty,
 * so the ring is never filled); -EMSGSIZE when it could never fit; -ENODEV when the channel was
 * rescinded; -EIO when the host broke the indices and the channel wants a reset.
 */
int hva_batch_inband(struct hva_batch *batch, const void *payload, u32 len, u64 txid, u16 flags)
	__must_hold(&batch->hc->channel->outbound.ring_lock);

/**
 * hva_batch_gpa() - write one packet that points to guest memory (VM_PKT_DATA_USING_GPA_DIRECT)
 * @batch: batch between begin and end
 * @pages: ranges; each lies within one Hyper-V page (offset + len <= HV_HYP_PAGE_SIZE), pfn counts
 *	   Hyper-V pages, whatever PAGE_SIZE is
 * @n_pages: number of ranges, at least 1
 * @payload: bytes to copy into the ring behind the ranges
 * @len: payload bytes
 * @txid: transaction id, goes out verbatim
 *
 * A completion is requested: the memory belongs to the host until that comes. In a confidential VM
 * the caller passes bounce (decrypted) pages; this function does not know.
 *
 * Return: as hva_batch_inband(), and -EINVAL when @n_pages is 0.
 */
int hva_batch_gpa(struct hva_batch *batch, const struct hv_page_buffer *pages, u32 n_pages,
		  const void *payload, u32 len, u64 txid)
	__must_hold(&batch->hc->channel->outbound.ring_lock);

/**
 * hva_batch_completion() - write the answer to a packet of the host (VM_PKT_COMP)
 * @batch: batch between begin and end
 * @payload: bytes to copy
 * @len: payload bytes
 * @txid: transaction id of the packet that is answered
 *
 * Return: as hva_batch_inband().
 */
int hva_batch_completion(struct hva_batch *batch, const void *payload, u32 len, u64 txid)
	__must_hold(&batch->hc->channel->outbound.ring_lock);

/**
 * struct hva_answer - a completion whose payload is one unit of HVA_ALIGN bytes
 * @txid: transaction id of the packet that is answered
 * @payload: the bytes, as they lie in memory
 */
struct hva_answer {
	u64 txid;
	u64 payload;
};

/**
 * hva_batch_answers() - write many answers of the same short kind
 * @batch: batch between begin and end
 * @answers: the answers, in the order in which they are to go out
 * @n: their number
 *
 * The same packets as hva_batch_completion() writes one at a time, for a fifth of the instructions:
 * a network device owes the host one for every few packets received.
 *
 * Return: how many were written, from the first on. Fewer than @n: hva_batch_end() says why.
 */
u32 hva_batch_answers(struct hva_batch *batch, const struct hva_answer *answers, u32 n)
	__must_hold(&batch->hc->channel->outbound.ring_lock);

/**
 * hva_batch_end() - let the host see the batch
 * @batch: batch that hva_batch_begin() started
 * @more: the same caller writes another batch to this channel at once (netdev_xmit_more()). The
 *	  packets are published, a doorbell that is due stays owed to the next batch that ends
 *	  without @more, or to hva_flush().
 *
 * One store publishes all packets, one full barrier, and the doorbell is rung when the ring was
 * empty at the batch's start and the host does not mask it (it throttles guests that signal without
 * need). An empty batch without @more only pays an owed doorbell. The lock is dropped before the
 * doorbell is rung.
 *
 * Context: as hva_batch_begin().
 * Return: 0 when no packet lacked room; -EAGAIN when one did: stop and call hva_wait_space();
 * -ENODEV or -EIO as hva_batch_inband(). Packets that got 0 are sent even so.
 */
int hva_batch_end(struct hva_batch *batch, bool more)
	__releases(&batch->hc->channel->outbound.ring_lock);

/**
 * hva_flush() - ring a doorbell that is owed since hva_batch_end(batch, true)
 * @hc: attached channel that is open
 *
 * For callers that announced more and then had nothing. Costs one load when nothing is owed.
 *
 * Context: any but NMI, not inside a batch.
 */
void hva_flush(struct hva_channel *hc);

/**
 * hva_wait_space() - ask the host for an interrupt once there is room
 * @hc: attached channel that is open
 * @bytes: room wanted, from hva_inband_size() or hva_gpa_size(), less than the ring
 *
 * Call it after the queue was stopped. Sets pending_send_sz and then looks again, so that no
 * wake-up is lost. A host that lacks the feature sends none: there the next completion is the
 * wake-up, so ask hva_has_space() in every poll.
 *
 * A channel has one wish, the largest of all who wait on it; the interrupt comes when that is met,
 * and whoever gets it asks for all of them.
 *
 * Context: any but NMI, not inside a batch.
 * Return: true when the room is there already (nothing is awaited, the caller restarts its queue),
 * false when an interrupt will come: the callback runs, and hva_has_space() tells.
 */
bool hva_wait_space(struct hva_channel *hc, u32 bytes);

/**
 * hva_has_space() - is there room now?
 * @hc: attached channel that is open
 * @bytes: room wanted
 *
 * Cheap; the answer holds for the only writer of a channel until it writes. To be asked in each
 * poll while a queue is stopped; restart it when true. Once there is room for the largest wish of
 * hva_wait_space(), it is withdrawn.
 *
 * Context: any but NMI, not inside a batch.
 * Return: true when a packet of @bytes would be taken.
 */
bool hva_has_space(struct hva_channel *hc, u32 bytes);

/*
 * ring.c, consumer: packets in place, one publish of the read index for a poll
 */

/**
 * struct hva_packet - one inbound packet, descriptor checked
 * @type: VM_PKT_*; unknown values are passed on, ignore them
 * @flags: VMBUS_DATA_PACKET_FLAG_*
 * @txid: transaction id, as the host sent it: validate before use as an index
 * @head: type-specific header behind the 16-byte descriptor (transfer-page or GPA ranges)
 * @head_len: its bytes, may be 0
 * @payload: data
 * @len: its bytes including the padding to 8, may be 0
 *
 * The members themselves are private copies. @head and @payload point into the ring unless the
 * reader copies: there the host may change bytes at any time, so read each field once
 * (READ_ONCE()), bound it, then use it. Both are 8-byte aligned, linear, and valid until the next
 * hva_read_next() or hva_read_end().
 */
struct hva_packet {
	u16 type;
	u16 flags;
	u32 head_len;
	u32 len;
	u64 txid;
	const void *head;
	const void *payload;
};

/**
 * struct hva_reader - one poll's reading, on the caller's stack
 * @hc: channel
 * @ring: shared control page
 * @data: start of the ring's data, mapped twice in a row
 * @size: bytes of data
 * @read: index of the next packet
 * @write: the host's write index when last looked, in range
 * @taken: bytes read since hva_read_begin(), never more than @size
 *
 * All members are private to ring.c.
 */
struct hva_reader {
	struct hva_channel *hc;
	struct hv_ring_buffer *ring;
	const u8 *data;
	u32 size;
	u32 read;
	u32 write;
	u32 taken;
};

/**
 * hva_read_mask() - tell the host to send no interrupts for inbound packets
 * @hc: attached channel that is open
 *
 * Context: any; the channel callback (hard irq) calls it before it schedules NAPI.
 */
void hva_read_mask(struct hva_channel *hc);

/**
 * hva_read_unmask() - let interrupts in again
 * @hc: attached channel that is open
 *
 * Unmasks, then looks whether a packet slipped in. After napi_complete_done()::
 *
 *	if (hva_read_unmask(hc) && napi_schedule_prep(napi)) {
 *		hva_read_mask(hc);
 *		__napi_schedule(napi);
 *	}
 *
 * Context: the reader's (softirq).
 * Return: true when packets wait and no interrupt will tell; false also on a lost channel, which
 * stays masked.
 */
bool hva_read_unmask(struct hva_channel *hc);

/**
 * hva_read_begin() - start to read packets
 * @reader: uninitialised memory, usually on the stack
 * @hc: attached channel that is open
 *
 * Context: one reader per channel at a time (NAPI sees to it). Always followed by hva_read_end().
 */
void hva_read_begin(struct hva_reader *reader, struct hva_channel *hc);

/**
 * hva_read_next() - the next packet
 * @reader: reader between begin and end
 * @packet: filled in when 1 is returned
 *
 * Packets that came in since hva_read_begin() are seen. One reader never returns more than one ring
 * of bytes, whatever the host does, so a loop until 0 ends.
 *
 * Context: as hva_read_begin().
 * Return: 1 with a packet, 0 when there is none, -EIO when framing is lost: no packet can be found
 * any more, the driver closes and opens the channel again (with back-off). -EIO then repeats.
 */
int hva_read_next(struct hva_reader *reader, struct hva_packet *packet);

/**
 * hva_read_end() - give the ring space of all packets read back to the host
 * @reader: reader that hva_read_begin() started
 *
 * Publishes the read index once, and signals the host if it waits for room (pending_send_sz) and
 * these packets made enough of it.
 *
 * Context: as hva_read_begin(). No pointer into a packet may be used afterwards.
 */
void hva_read_end(struct hva_reader *reader);

/**
 * hva_xfer_count() - number of ranges in a transfer-page packet
 * @packet: packet of type VM_PKT_DATA_USING_XFER_PAGES
 *
 * Return: the count, bounded by the header that is there; -EBADMSG when the header is too short for
 * the count the host claims.
 */
static inline int hva_xfer_count(const struct hva_packet *packet)
{
	const u32 *head = packet->head;
	u32 count;

	if (packet->head_len < 2 * sizeof(u32))
		return -EBADMSG;
	count = READ_ONCE(head[1]);
	if (count > (packet->head_len - 2 * sizeof(u32)) / sizeof(struct vmtransfer_page_range))
		return -EBADMSG;
	return count;
}

/**
 * hva_xfer_set() - id of the page set (receive buffer) that a transfer-page packet's ranges lie in
 * @packet: packet for which hva_xfer_count() was not negative
 *
 * Return: xfer_pageset_id.
 */
static inline u16 hva_xfer_set(const struct hva_packet *packet)
{
	return READ_ONCE(*(const u16 *)packet->head);
}

/**
 * hva_xfer_range() - one range of a transfer-page packet
 * @packet: packet for which hva_xfer_count() was not negative
 * @i: index below that count
 *
 * The two members are read from the packet once, together. They are as the host sent them: bound
 * byte_offset and byte_count by the receive buffer before use.
 *
 * Return: the range, a private copy.
 */
static inline struct vmtransfer_page_range hva_xfer_range(const struct hva_packet *packet, u32 i)
{
	const u64 *ranges = packet->head + 2 * sizeof(u32);
	u64 both = READ_ONCE(ranges[i]);

	return (struct vmtransfer_page_range) {
		.byte_count = lower_32_bits(both),
		.byte_offset = upper_32_bits(both),
	};
}

#endif /* _HV_VMBUS_ACCEL_H */
