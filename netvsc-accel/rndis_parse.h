/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading RNDIS that the host wrote, without trusting a byte of it. Pure functions: no allocation,
 * no driver state, so that tests/unit runs the same source in user space against hostile input.
 *
 * Every value that is used of a received message was read once, straight from shared memory, and
 * bounded before; the per-packet information is walked once, or found to be the usual one. Nothing
 * here copies a block: the walk reads four words a record, in two loads. It is inline, since it
 * runs once a packet.
 */
#ifndef HV_NETVSC_ACCEL_RNDIS_PARSE_H
#define HV_NETVSC_ACCEL_RNDIS_PARSE_H

#include <linux/compiler.h>
#include <linux/if_vlan.h>
#include <linux/string.h>
#include <linux/types.h>

#include "rndis_wire.h"

/* Which values struct rndis_rx carries. */
#define RNDIS_RX_HAS_HASH	0x02
#define RNDIS_RX_HAS_VLAN	0x04

/**
 * struct rndis_rx - one received packet message, checked
 * @data_at: bytes from the start of the message to the Ethernet frame
 * @data_length: bytes of the frame; with @data_at inside the message
 * @csum: RNDIS_RXCSUM_* bits, 0 when the host said nothing
 * @hash: receive hash, when @has says so
 * @vlan_tci: VLAN tag in network stack layout, when @has says so
 * @has: RNDIS_RX_HAS_*
 * @piece: RNDIS_PIECE* bits when the message is a piece of a coalesced packet, else 0
 */
struct rndis_rx {
	u32 data_at;
	u32 data_length;
	u32 csum;
	u32 hash;
	u16 vlan_tci;
	u8 has;
	u8 piece;
};

/* Why a message was refused. */
enum rndis_fault {
	RNDIS_FINE,
	RNDIS_SHORT,		/* too short for the headers of its type */
	RNDIS_BAD_LENGTH,	/* its length field does not fit where it lies */
	RNDIS_BAD_DATA,		/* frame outside the message, or empty */
	RNDIS_BAD_PPI,		/* information outside the message, truncated or endless */
};

/**
 * rndis_shared_u32() - read a little-endian word that the host may change at any time
 * @at: anywhere in memory, any alignment
 *
 * The compiler must take the value it gets here and cannot look again.
 *
 * Return: the value in CPU order.
 */
static inline u32 rndis_shared_u32(const void *at)
{
	__le32 v;

	memcpy(&v, at, sizeof(v));
	OPTIMIZER_HIDE_VAR(v);
	return le32_to_cpu(v);
}

/**
 * rndis_shared_u64() - read two neighbouring words at once
 * @at: the first, any alignment
 *
 * As rndis_shared_u32().
 *
 * Return: the first word in the lower half, the second in the upper half.
 */
static inline u64 rndis_shared_u64(const void *at)
{
	__le64 v;

	memcpy(&v, at, sizeof(v));
	OPTIMIZER_HIDE_VAR(v);
	return le64_to_cpu(v);
}

/**
 * rndis_parse_header() - type and length of a message
 * @message: start of the message, shared memory
 * @room: bytes there that belong to it
 * @type: set on success
 * @length: set on success, at least a header, at most @room
 *
 * Context: any.
 * Return: RNDIS_FINE, RNDIS_SHORT or RNDIS_BAD_LENGTH.
 */
static inline enum rndis_fault rndis_parse_header(const void *message, u32 room, u32 *type,
						  u32 *length)
{
	u64 both;

	if (room < sizeof(struct rndis_header))
		return RNDIS_SHORT;
	both = rndis_shared_u64(message);
	*type = (u32)both;
	*length = both >> 32;
	if (*length < sizeof(struct rndis_header) || *length > room)
		return RNDIS_BAD_LENGTH;
	return RNDIS_FINE;
}

/* Two neighbouring members of struct rndis_packet: the first in the lower half. */
#define RNDIS_PACKET_FIELDS(message, first) \
	rndis_shared_u64((message) + offsetof(struct rndis_packet, first))

static_assert(offsetof(struct rndis_packet, data_length) ==
	      offsetof(struct rndis_packet, data_offset) + sizeof(__le32));
static_assert(offsetof(struct rndis_packet, ppi_length) ==
	      offsetof(struct rndis_packet, ppi_offset) + sizeof(__le32));
static_assert(offsetof(struct rndis_ppi, type) == sizeof(__le32));

static inline bool rndis_ppi_known(u32 type)
{
	return type == RNDIS_PPI_CSUM || type == RNDIS_PPI_HASH || type == RNDIS_PPI_VLAN ||
	       type == RNDIS_PPI_PACKET_ID;
}

/* What is not known is passed over. */
static inline void rndis_take_value(struct rndis_rx *rx, u32 type, u32 value)
{
	switch (type) {
	case RNDIS_PPI_CSUM:
		rx->csum = value;
		break;
	case RNDIS_PPI_HASH:
		rx->hash = value;
		rx->has |= RNDIS_RX_HAS_HASH;
		break;
	case RNDIS_PPI_VLAN:
		rx->vlan_tci = (value & RNDIS_VLAN_PRIO) << VLAN_PRIO_SHIFT |
			       (value & RNDIS_VLAN_CFI ? VLAN_CFI_MASK : 0) |
			       (value >> RNDIS_VLAN_ID_SHIFT & VLAN_VID_MASK);
		rx->has |= RNDIS_RX_HAS_VLAN;
		break;
	case RNDIS_PPI_PACKET_ID: /* the second byte in memory order */
		value = value >> 8 & 0xff;
		rx->piece = value & RNDIS_PIECE ? value : 0;
		break;
	}
}

/* A record that is not just a header with one value behind it. */
static inline bool rndis_parse_odd_ppi(const void *at, u32 size, u32 type, struct rndis_rx *rx)
{
	u32 offset;

	if (!rndis_ppi_known(type))
		return true;
	if (size < sizeof(struct rndis_ppi_u32))
		return false;
	offset = rndis_shared_u32(at + offsetof(struct rndis_ppi, value_offset));
	if (offset < sizeof(struct rndis_ppi) || offset > size - sizeof(u32))
		return false;
	rndis_take_value(rx, type, rndis_shared_u32(at + offset));
	return true;
}

/* The first two words of a record with one value right behind its header. */
#define RNDIS_PPI_USUAL(type) ((u64)(type) << 32 | sizeof(struct rndis_ppi_u32))

/*
 * Nearly every frame comes with a checksum, or that and a hash: those are taken in a few steps.
 * False: there is something else, and nothing of what was read here is used.
 */
static inline bool rndis_parse_usual(const void *at, u32 room, struct rndis_rx *rx)
{
	const u32 each = sizeof(struct rndis_ppi_u32);
	u32 csum = 0, hash = 0;
	u8 has = 0;

	if (!room || room % each || room > 4 * each)
		return false;
	do {
		u64 head = rndis_shared_u64(at);
		u64 tail = rndis_shared_u64(at + offsetof(struct rndis_ppi, value_offset));

		if ((u32)tail != sizeof(struct rndis_ppi))
			return false;
		if (head == RNDIS_PPI_USUAL(RNDIS_PPI_CSUM)) {
			csum = tail >> 32;
		} else if (head == RNDIS_PPI_USUAL(RNDIS_PPI_HASH)) {
			hash = tail >> 32;
			has = RNDIS_RX_HAS_HASH;
		} else {
			return false;
		}
		at += each;
		room -= each;
	} while (room);
	rx->csum = csum;
	rx->hash = hash;
	rx->has = has;
	return true;
}

/*
 * Takes the records in the @room bytes at @at. Each is at least its header, so the walk ends; the
 * count bounds it further. All that we know have one value, which hosts put right behind the
 * header: such a record is two loads.
 */
static inline enum rndis_fault rndis_parse_ppi(const void *at, u32 room, struct rndis_rx *rx)
{
	unsigned int count = 0;

	while (room) {
		u64 head, tail;
		u32 size, type;

		if (room < sizeof(struct rndis_ppi) || count++ == RNDIS_PPI_MAX)
			return RNDIS_BAD_PPI;
		head = rndis_shared_u64(at);
		size = (u32)head;
		type = head >> 32;
		if (size < sizeof(struct rndis_ppi) || size > room)
			return RNDIS_BAD_PPI;
		if (likely(size == sizeof(struct rndis_ppi_u32))) {
			tail = rndis_shared_u64(at + offsetof(struct rndis_ppi, value_offset));
			if (likely((u32)tail == sizeof(struct rndis_ppi)))
				rndis_take_value(rx, type, tail >> 32);
			else if (rndis_ppi_known(type))
				return RNDIS_BAD_PPI;
		} else if (!rndis_parse_odd_ppi(at, size, type, rx)) {
			return RNDIS_BAD_PPI;
		}
		at += size;
		room -= size;
	}
	return RNDIS_FINE;
}

/**
 * rndis_parse_packet() - check an RNDIS_PACKET message
 * @message: start of the message, shared memory
 * @length: bytes that belong to it
 * @rx: filled in when RNDIS_FINE is returned
 *
 * Offsets in the message count from behind its header ([MS-RNDIS] 2.2.14). A host older than
 * Windows 10 may leave padding out of the length field, so the caller passes the room the message
 * has and not what its header claims.
 *
 * Context: any. The host may change the memory meanwhile: the answer stays inside @length whatever
 * it does.
 * Return: RNDIS_FINE or what is wrong.
 */
static inline enum rndis_fault rndis_parse_packet(const void *message, u32 length,
						  struct rndis_rx *rx)
{
	const u32 body = sizeof(struct rndis_header), fixed = sizeof(struct rndis_packet) - body;
	u32 room, offset, bytes;
	u64 both;

	if (length < sizeof(struct rndis_packet))
		return RNDIS_SHORT;
	room = length - body;
	both = RNDIS_PACKET_FIELDS(message, data_offset);
	offset = (u32)both;
	bytes = both >> 32;
	if (offset < fixed || offset > room || bytes > room - offset || !bytes)
		return RNDIS_BAD_DATA;
	rx->data_at = body + offset;
	rx->data_length = bytes;
	rx->csum = 0;
	rx->has = 0;
	rx->piece = 0;

	both = RNDIS_PACKET_FIELDS(message, ppi_offset);
	offset = (u32)both;
	bytes = both >> 32;
	if (!offset)
		return RNDIS_FINE;
	if (offset < fixed || offset > room || bytes > room - offset)
		return RNDIS_BAD_PPI;
	message += body + offset;
	if (likely(rndis_parse_usual(message, bytes, rx)))
		return RNDIS_FINE;
	return rndis_parse_ppi(message, bytes, rx);
}

const void *rndis_parse_info(const void *message, u32 length, u32 fixed, u32 offset, u32 bytes);

#endif
