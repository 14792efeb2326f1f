// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>

#include "rndis_parse.h"

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
