// SPDX-License-Identifier: GPL-2.0
/*
 * Every field of a received message is read exactly once, straight from shared memory, and bounded
 * before it is used; the per-packet information is walked once. Nothing here copies a block: the
 * walk reads three words a record.
 */
#include <linux/errno.h>
#include <linux/if_vlan.h>

#include "rndis_parse.h"

static inline u32 field(const void *message, size_t offset)
{
	return rndis_shared_u32(message + offset);
}

#define PACKET_FIELD(message, name) field(message, offsetof(struct rndis_packet, name))

/*
 * Takes the records between @at and @end. Each is at least its header, so the walk ends; the count
 * bounds it further.
 */
static enum rndis_fault parse_ppi(const void *at, const void *end, struct rndis_rx *rx)
{
	unsigned int count = 0;

	while (at < end) {
		u32 room = end - at, size, type, offset, value;

		if (room < sizeof(struct rndis_ppi) || count++ == RNDIS_PPI_MAX)
			return RNDIS_BAD_PPI;
		size = field(at, offsetof(struct rndis_ppi, size));
		type = field(at, offsetof(struct rndis_ppi, type));
		offset = field(at, offsetof(struct rndis_ppi, value_offset));
		if (size < sizeof(struct rndis_ppi) || size > room)
			return RNDIS_BAD_PPI;

		switch (type) {
		case RNDIS_PPI_CSUM:
		case RNDIS_PPI_HASH:
		case RNDIS_PPI_VLAN:
		case RNDIS_PPI_PACKET_ID:
			if (offset < sizeof(struct rndis_ppi) || offset > size - sizeof(u32) ||
			    size < sizeof(struct rndis_ppi_u32))
				return RNDIS_BAD_PPI;
			value = field(at, offset);
			break;
		default:
			at += size;
			continue;
		}

		switch (type) {
		case RNDIS_PPI_CSUM:
			rx->csum = value;
			rx->has |= RNDIS_RX_HAS_CSUM;
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
		case RNDIS_PPI_PACKET_ID:
			/* the second byte in memory order */
			value = value >> 8 & 0xff;
			rx->piece = value & RNDIS_PIECE ? value : 0;
			break;
		}
		at += size;
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
enum rndis_fault rndis_parse_packet(const void *message, u32 length, struct rndis_rx *rx)
{
	const u32 body = sizeof(struct rndis_header), fixed = sizeof(struct rndis_packet) - body;
	u32 room, offset, bytes;

	if (length < sizeof(struct rndis_packet))
		return RNDIS_SHORT;
	room = length - body;
	offset = PACKET_FIELD(message, data_offset);
	bytes = PACKET_FIELD(message, data_length);
	if (offset < fixed || offset > room || bytes > room - offset || !bytes)
		return RNDIS_BAD_DATA;
	*rx = (struct rndis_rx) { .data_at = body + offset, .data_length = bytes };

	offset = PACKET_FIELD(message, ppi_offset);
	if (!offset)
		return RNDIS_FINE;
	bytes = PACKET_FIELD(message, ppi_length);
	if (offset < fixed || offset > room || bytes > room - offset)
		return RNDIS_BAD_PPI;
	return parse_ppi(message + body + offset, message + body + offset + bytes, rx);
}

/**
 * rndis_parse_info() - the information buffer of a reply or indication
 * @message: start of the message, a private copy
 * @length: bytes of it
 * @fixed: size of the message's fixed part, header included
 * @offset: where the buffer lies according to the message, from behind its header
 * @bytes: its length according to the message
 *
 * Context: any.
 * Return: the buffer, or NULL when it is not inside the message behind the fixed part.
 */
const void *rndis_parse_info(const void *message, u32 length, u32 fixed, u32 offset, u32 bytes)
{
	const u32 body = sizeof(struct rndis_header);

	if (length < fixed || fixed < body)
		return NULL;
	if (offset < fixed - body || offset > length - body || bytes > length - body - offset)
		return NULL;
	return message + body + offset;
}
