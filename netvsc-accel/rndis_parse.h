/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading RNDIS that the host wrote, without trusting a byte of it. Pure functions: no allocation,
 * no driver state, so that tests/unit runs the same source in user space against hostile input.
 */
#ifndef HV_NETVSC_ACCEL_RNDIS_PARSE_H
#define HV_NETVSC_ACCEL_RNDIS_PARSE_H

#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>

#include "rndis_wire.h"

/* Which values struct rndis_rx carries. */
#define RNDIS_RX_HAS_CSUM	0x01
#define RNDIS_RX_HAS_HASH	0x02
#define RNDIS_RX_HAS_VLAN	0x04

/**
 * struct rndis_rx - one received packet message, checked
 * @data_at: bytes from the start of the message to the Ethernet frame
 * @data_length: bytes of the frame; with @data_at inside the message
 * @csum: RNDIS_RXCSUM_* bits, when @has says so
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
	if (room < sizeof(struct rndis_header))
		return RNDIS_SHORT;
	*type = rndis_shared_u32(message);
	*length = rndis_shared_u32(message + sizeof(__le32));
	if (*length < sizeof(struct rndis_header) || *length > room)
		return RNDIS_BAD_LENGTH;
	return RNDIS_FINE;
}

enum rndis_fault rndis_parse_packet(const void *message, u32 length, struct rndis_rx *rx);
const void *rndis_parse_info(const void *message, u32 length, u32 fixed, u32 offset, u32 bytes);

#endif
