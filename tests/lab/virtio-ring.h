/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-ring.h: the device's side of a split virtqueue (virtio-ring.c). VIRTIO 1.2 section 2.7.
 *
 * A ring is used by one thread at a time. Everything the guest wrote is read once and judged
 * before use; a guest that breaks the format gets -EPROTO, and the device stops.
 */
#ifndef HVLAB_VIRTIO_RING_H
#define HVLAB_VIRTIO_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "stats.h"

struct vm;

#define VRING_SIZE_MAX 1024
#define VRING_IOV_MAX  64 /* pieces a chain may have; longer ones are refused */

/* struct vring - zero it, then vring_start() */
struct vring {
	/* read mostly */
	struct vm *vm;
	uint8_t *desc;
	uint16_t *avail; /* flags, idx, ring[size], used_event */
	uint16_t *used; /* flags, idx, {u32 id, u32 len}[size], avail_event */
	uint16_t size;
	bool event_idx;
	/* where we are */
	uint16_t next_avail; /* next entry to take */
	uint16_t seen_avail; /* guest's index as last read */
	uint16_t next_used; /* next entry to fill */
	uint16_t published; /* used index as the guest sees it */
	uint16_t signalled; /* used index at the last notification decision */
	const char *broken; /* what the guest did wrong */
};

/**
 * struct vring_chain - one buffer that the guest made available
 * @head: its name when given back
 * @n_out: pieces the device reads, iov[0..n_out)
 * @n_in: pieces the device writes, iov[n_out..n_out + n_in)
 * @in_len: bytes of the latter
 */
struct vring_chain {
	uint16_t head;
	uint16_t n_out;
	uint16_t n_in;
	uint32_t out_len;
	uint32_t in_len;
	struct iovec iov[VRING_IOV_MAX];
};

/**
 * vring_start() - begin with an empty ring
 * @v: the ring
 * @vm: whose memory it lies in
 * @size: entries, a power of two up to %VRING_SIZE_MAX
 * @desc: guest physical address of the descriptors
 * @avail: of the driver area
 * @used: of the device area
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 *
 * Return: 0, or -EFAULT when an area is not RAM or misaligned.
 */
int vring_start(struct vring *v, struct vm *vm, uint16_t size, uint64_t desc, uint64_t avail,
		uint64_t used, bool event_idx);

/**
 * vring_pop() - take the next available chain
 * @v: the ring
 * @c: filled
 *
 * Return: 1; 0 when there is none; -EPROTO when the guest broke the format (@v->broken says how).
 */
int vring_pop(struct vring *v, struct vring_chain *c);

/**
 * vring_available() - how many chains could be popped
 * @v: the ring
 *
 * Return: the number, or -EPROTO.
 */
int vring_available(struct vring *v);

/** vring_unpop() - put back the last @n chains taken by vring_pop() */
void vring_unpop(struct vring *v, uint16_t n);

/**
 * vring_push() - give a chain back; the guest sees it with the next vring_publish()
 * @v: the ring
 * @head: of the chain
 * @len: bytes written to it
 */
void vring_push(struct vring *v, uint16_t head, uint32_t len);

/**
 * vring_publish() - show the guest all that was pushed
 * @v: the ring
 *
 * Return: true when the guest wants an interrupt for it.
 */
bool vring_publish(struct vring *v);

/** vring_quiet() - no notifications, please: we are looking ourselves */
void vring_quiet(struct vring *v);

/**
 * vring_listen() - ask for a notification when chains are added to those last seen
 * @v: the ring; vring_pop() said 0, or there were not enough
 *
 * Return: true when some were added already, or the ring is broken: no notification may come.
 */
bool vring_listen(struct vring *v);

#endif
