/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One Ethernet frame on its way between a virtual NIC and a backend.
 *
 * A frame never owns memory: its pieces point into guest RAM (NIC to backend) or into the
 * backend's own buffers (backend to NIC). Guest memory is hostile and may change while it is
 * read: whoever parses a frame copies the headers first (see offload.h) and never trusts a field
 * read twice.
 */
#ifndef HVLAB_FRAME_H
#define HVLAB_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* A 64 KiB LSO frame in 4 KiB pages, unaligned, plus the headers in pieces of their own. */
#define FRAME_IOV_MAX 40
#define FRAME_LEN_MAX (65536 + 256) /* LSO payload and headers; longer ones are refused */
#define FRAME_LEN_MIN 14

/**
 * enum frame_csum - what is known of the TCP or UDP checksum
 * @FRAME_CSUM_NONE: nothing; the one in the frame is meant to be complete
 * @FRAME_CSUM_PARTIAL: the field holds the pseudo header's sum; to be summed from csum_start on and
 *	stored at csum_start + csum_offset
 * @FRAME_CSUM_VALID: the sender vouches for it (and for the IPv4 header's)
 * @FRAME_CSUM_BAD: checked and found wrong; only a backend told to pass bad frames on says so
 */
enum frame_csum {
	FRAME_CSUM_NONE,
	FRAME_CSUM_PARTIAL,
	FRAME_CSUM_VALID,
	FRAME_CSUM_BAD,
};

enum frame_gso {
	FRAME_GSO_NONE,
	FRAME_GSO_TCP4,
	FRAME_GSO_TCP6,
};

/**
 * struct frame - one Ethernet frame and what an offload still has to do to it
 * @len: bytes of all pieces together; always kept equal to their sum
 * @n_iov: pieces in use, at most %FRAME_IOV_MAX
 * @csum: one of enum frame_csum
 * @gso_type: one of enum frame_gso. Not %FRAME_GSO_NONE: @len may exceed the MTU and the payload
 *	has to be cut into segments of @gso_size bytes (NIC to backend), or was coalesced from
 *	such segments (backend to NIC). A GSO frame is %FRAME_CSUM_PARTIAL or, when a backend
 *	coalesced verified segments, %FRAME_CSUM_VALID.
 * @vlan: @vlan_tci is a tag that is not in the frame's bytes
 * @ip_csum: NIC to backend: the IPv4 header checksum is to be filled in too (LSO implies it)
 * @vlan_tci: priority, DEI and VLAN id in host order
 * @csum_start: byte offset from the frame's start where summing starts (the TCP or UDP header)
 * @csum_offset: byte offset of the checksum field from @csum_start
 * @gso_size: TCP payload bytes a segment (MSS)
 * @hdr_len: bytes of all headers up to the payload; a hint, verified by whoever needs it; 0 = not
 *	known
 * @gso_segs: segments a coalesced frame was made of; 0 = not known
 * @hash: RSS hash, valid when @hash_type is not 0
 * @hash_type: the one RSS_HASH_* bit (offload.h) which says what was hashed
 * @iov: the pieces, in order, none empty; the spare one is for a header copy put in front
 */
struct frame {
	uint32_t len;
	uint16_t n_iov;
	uint8_t csum;
	uint8_t gso_type;
	bool vlan;
	bool ip_csum;
	uint16_t vlan_tci;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t gso_size;
	uint16_t hdr_len;
	uint16_t gso_segs;
	uint32_t hash;
	uint32_t hash_type;
	struct iovec iov[FRAME_IOV_MAX + 1];
};

/**
 * frame_clear() - make a frame empty, without touching its (large) piece table
 * @f: the frame
 */
static inline void frame_clear(struct frame *f)
{
	f->len = 0;
	f->n_iov = 0;
	f->csum = FRAME_CSUM_NONE;
	f->gso_type = FRAME_GSO_NONE;
	f->vlan = false;
	f->ip_csum = false;
	f->vlan_tci = 0;
	f->csum_start = 0;
	f->csum_offset = 0;
	f->gso_size = 0;
	f->hdr_len = 0;
	f->gso_segs = 0;
	f->hash = 0;
	f->hash_type = 0;
}

/**
 * frame_add() - append one piece; an empty one is skipped
 * @f: the frame
 * @base: first byte
 * @len: bytes
 *
 * Return: false when the frame has no room for another piece or would exceed %FRAME_LEN_MAX; it
 * is unchanged then.
 */
static inline bool frame_add(struct frame *f, void *base, uint32_t len)
{
	if (!len)
		return true;
	if (f->n_iov >= FRAME_IOV_MAX || len > FRAME_LEN_MAX - f->len)
		return false;
	f->iov[f->n_iov].iov_base = base;
	f->iov[f->n_iov++].iov_len = len;
	f->len += len;
	return true;
}

/**
 * frame_copy_out() - copy bytes of a frame into a flat buffer
 * @f: the frame
 * @off: first byte wanted
 * @dst: where to
 * @len: bytes wanted
 *
 * Return: bytes copied, fewer than @len when the frame ends before.
 */
size_t frame_copy_out(const struct frame *f, size_t off, void *dst, size_t len);

/**
 * frame_append_range() - append a range of one frame's bytes to another, as pieces, without copying
 * @dst: appended to; may use its spare piece
 * @src: another frame
 * @off: first byte of @src wanted
 * @len: bytes wanted
 *
 * Return: true; false when @src is too short or @dst would overflow: @dst is unchanged then.
 */
bool frame_append_range(struct frame *dst, const struct frame *src, size_t off, size_t len);

/**
 * frame_copy_descriptor() - copy a frame's description, not its bytes
 * @dst: written
 * @src: read
 */
void frame_copy_descriptor(struct frame *dst, const struct frame *src);

#endif
