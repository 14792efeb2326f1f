/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A channel's two ring buffers in guest memory, from the host's side (ring.c).
 *
 * The guest is not trusted: indices and packets are checked against the ring's size and copied out
 * before use. Offsets and lengths are in bytes and multiples of 8; data wraps around.
 */
#ifndef HVLAB_RING_H
#define HVLAB_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmbus-wire.h"

struct gpadl;
struct vmbus_channel;

#define RING_PACKET_MAX	  8192u /* longest guest packet taken; no known guest comes near */
#define RING_PACKET_SHORT 64u /* descriptor, a whole NVSP message and the trailer */

/**
 * struct ring - memory of one direction
 * @control: its first page
 * @flat: data, when its pages follow one another in host memory, else NULL
 * @page: data pages
 * @size: data bytes
 */
struct ring {
	struct vmbus_ring_control *control;
	uint8_t *flat;
	uint8_t **page;
	uint32_t size;
};

/**
 * struct ring_in - guest to host
 * @pos: next byte to read; published by ring_in_publish()
 * @published: what the guest has been told
 * @avail: bytes left of the last snapshot
 * @last_write: write index at the last snapshot
 * @broken: framing is lost; nothing is read any more until the channel is opened again
 */
struct ring_in {
	struct ring r;
	struct vmbus_channel *ch;
	uint32_t pos;
	uint32_t published;
	uint32_t avail;
	uint32_t last_write;
	bool broken;
	uint8_t packet[RING_PACKET_MAX + VMBUS_TRAILER] __attribute__((aligned(64)));
};

/**
 * struct ring_out - host to guest
 * @pos: next byte to write
 * @published: what the guest has been told
 * @free: bytes that may be written, from the last snapshot of the read index
 * @last_read: read index at the last snapshot
 * @wanted: pending_send_size as it stands
 */
struct ring_out {
	struct ring r;
	struct vmbus_channel *ch;
	uint32_t pos;
	uint32_t published;
	uint32_t free;
	uint32_t last_read;
	uint32_t wanted;
	bool broken;
};

/**
 * struct ring_packet - a packet copied out of the ring
 * @d: descriptor
 * @bytes: the whole packet, descriptor first; valid until the next ring_in_next()
 * @len: its length without the trailer
 * @offset: where its payload starts
 */
struct ring_packet {
	struct vmbus_descriptor d;
	const uint8_t *bytes;
	uint32_t len;
	uint32_t offset;
};

/**
 * ring_open() - set up both rings of a channel
 * @gpadl: its memory: [0, @downstream) pages guest to host, the rest host to guest
 *
 * Return: 0, or -EINVAL when the split or an index makes no sense.
 */
int ring_open(struct vmbus_channel *ch, struct gpadl *gpadl, uint32_t downstream);

/** ring_in_begin() - look how far the guest has written. Return: bytes to read, 0 if broken. */
uint32_t ring_in_begin(struct ring_in *in);

/**
 * ring_in_next() - copy the next packet of the snapshot
 *
 * Return: true with @pkt filled; false: none is left, or framing is lost (judged, in->broken).
 */
bool ring_in_next(struct ring_in *in, struct ring_packet *pkt);

/**
 * ring_in_publish() - give what was read back to the guest
 *
 * Return: true when the guest waits for just this space (pending_send_size) and must be signalled.
 */
bool ring_in_publish(struct ring_in *in);

/** ring_in_mask() - tell the guest that signals are not needed (or are again), with a barrier */
void ring_in_mask(struct ring_in *in, bool mask);

/** ring_out_begin() - start a batch: look how far the guest has read */
void ring_out_begin(struct ring_out *out);

/** ring_out_room() - is there room for a packet of @len bytes (descriptor and payload)? */
static inline bool ring_out_room(const struct ring_out *out, uint32_t len)
{
	return ((len + 7u) & ~7u) + VMBUS_TRAILER < out->free;
}

/**
 * ring_out_write() - write one packet; not visible before ring_out_end()
 * @head: starts with a descriptor whose type, flags and txid are set; offset8 and len8 are filled
 *	in here: the payload is what follows @head_len bytes
 * @body: payload
 *
 * Return: false when there is no room.
 */
bool ring_out_write(struct ring_out *out, void *head, uint32_t head_len, const void *body,
		    uint32_t body_len);

/**
 * ring_out_completion() - write the completion of @txid, as ring_out_write() would
 * @body: 40 bytes
 * @body_len: how many of them are sent, 28 or 40
 */
bool ring_out_completion(struct ring_out *out, uint64_t txid, const void *body, uint32_t body_len);

/**
 * ring_out_end() - publish the batch with one store
 *
 * Return: true when the guest must be signalled: its ring was empty and it asks to be.
 */
bool ring_out_end(struct ring_out *out);

/**
 * ring_out_want() - ask the guest to signal when a packet of @len bytes fits
 *
 * Withdrawn by the first ring_out_begin() that finds it fits.
 * Return: true when it fits already (and the guest will not signal).
 */
bool ring_out_want(struct ring_out *out, uint32_t len);

#endif
