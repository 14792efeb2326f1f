// SPDX-License-Identifier: GPL-2.0
/* Writes ACPI Machine Language. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "aml.h"

#define OP_ZERO		0x00
#define OP_ONE		0x01
#define OP_NAME		0x08
#define OP_BYTE		0x0a
#define OP_WORD		0x0b
#define OP_DWORD	0x0c
#define OP_STRING	0x0d
#define OP_QWORD	0x0e
#define OP_SCOPE	0x10
#define OP_BUFFER	0x11
#define OP_PACKAGE	0x12
#define OP_EXT		0x5b
#define OP_EXT_DEVICE	0x82

#define LENGTH_BYTES	4	/* PkgLength in its longest form: nothing moves when it is known */

#define RESOURCE_IO		0x47
#define RESOURCE_END		0x79
#define RESOURCE_MEMORY32	0x86
#define RESOURCE_DWORD_SPACE	0x87
#define RESOURCE_WORD_SPACE	0x88
#define RESOURCE_INTERRUPT	0x89
#define RESOURCE_QWORD_SPACE	0x8a

#define SPACE_MEMORY		0
#define SPACE_BUS_NUMBERS	2
#define SPACE_FIXED		0x0c	/* both ends fixed; producer */
#define MEMORY_READ_WRITE	0x01

static void put(struct aml *a, const void *bytes, size_t n)
{
	if (a->n + n > sizeof(a->bytes)) {
		a->full = 1;
		return;
	}
	memcpy(a->bytes + a->n, bytes, n);
	a->n += n;
}

static void put8(struct aml *a, uint8_t v)
{
	put(a, &v, sizeof(v));
}

static void put16(struct aml *a, uint16_t v)
{
	put(a, &v, sizeof(v));
}

static void put32(struct aml *a, uint32_t v)
{
	put(a, &v, sizeof(v));
}

static void put64(struct aml *a, uint64_t v)
{
	put(a, &v, sizeof(v));
}

static void open_block(struct aml *a)
{
	if (a->depth == AML_DEPTH) {
		a->full = 1;
		return;
	}
	a->open[a->depth++] = a->n;
	put32(a, 0);
}

void aml_end(struct aml *a)
{
	size_t at, len;

	if (!a->depth || a->full)
		return;
	at = a->open[--a->depth];
	len = a->n - at;
	a->bytes[at] = (LENGTH_BYTES - 1) << 6 | (len & 0xf);
	a->bytes[at + 1] = len >> 4;
	a->bytes[at + 2] = len >> 12;
	a->bytes[at + 3] = len >> 20;
}

static void put_integer(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		put8(a, v ? OP_ONE : OP_ZERO);
	} else if (v <= 0xff) {
		put8(a, OP_BYTE);
		put8(a, v);
	} else if (v <= 0xffff) {
		put8(a, OP_WORD);
		put16(a, v);
	} else if (v <= 0xffffffff) {
		put8(a, OP_DWORD);
		put32(a, v);
	} else {
		put8(a, OP_QWORD);
		put64(a, v);
	}
}

void aml_scope(struct aml *a, const char *name)
{
	put8(a, OP_SCOPE);
	open_block(a);
	put(a, name, strlen(name));
}

void aml_device(struct aml *a, const char *name)
{
	put8(a, OP_EXT);
	put8(a, OP_EXT_DEVICE);
	open_block(a);
	put(a, name, strlen(name));
}

static void put_name(struct aml *a, const char *name)
{
	put8(a, OP_NAME);
	put(a, name, strlen(name));
}

void aml_name_integer(struct aml *a, const char *name, uint64_t value)
{
	put_name(a, name);
	put_integer(a, value);
}

void aml_name_string(struct aml *a, const char *name, const char *value)
{
	put_name(a, name);
	put8(a, OP_STRING);
	put(a, value, strlen(value) + 1);
}

void aml_name_eisaid(struct aml *a, const char *name, const char *id)
{
	/* Three letters of five bits, four hexadecimal digits, all big endian. */
	uint32_t v = (uint32_t)(id[0] - '@') << 26 | (uint32_t)(id[1] - '@') << 21 |
		     (uint32_t)(id[2] - '@') << 16 | (uint32_t)strtoul(id + 3, NULL, 16);

	put_name(a, name);
	put8(a, OP_DWORD);
	put32(a, __builtin_bswap32(v));
}

void aml_name_package(struct aml *a, const char *name, const uint64_t *value, unsigned int n)
{
	put_name(a, name);
	put8(a, OP_PACKAGE);
	open_block(a);
	put8(a, n);
	for (unsigned int i = 0; i < n; i++)
		put_integer(a, value[i]);
	aml_end(a);
}

void aml_resources(struct aml *a, const char *name)
{
	put_name(a, name);
	put8(a, OP_BUFFER);
	open_block(a);
	put8(a, OP_WORD);	/* the buffer's size, filled in by aml_resources_end() */
	put16(a, 0);
}

void aml_resources_end(struct aml *a)
{
	size_t first;
	uint16_t len;

	put8(a, RESOURCE_END);
	put8(a, 0);		/* no checksum */
	if (!a->depth || a->full)
		return;
	first = a->open[a->depth - 1] + LENGTH_BYTES + 1;
	len = a->n - first - sizeof(len);
	memcpy(a->bytes + first, &len, sizeof(len));
	aml_end(a);
}

void aml_io(struct aml *a, uint16_t base, uint8_t len)
{
	put8(a, RESOURCE_IO);
	put8(a, 1);		/* decodes 16 bits */
	put16(a, base);
	put16(a, base);
	put8(a, 1);
	put8(a, len);
}

void aml_interrupt(struct aml *a, uint32_t gsi)
{
	put8(a, RESOURCE_INTERRUPT);
	put16(a, 6);
	put8(a, 0x03);		/* consumer, edge, active high, exclusive */
	put8(a, 1);
	put32(a, gsi);
}

void aml_memory32(struct aml *a, uint32_t base, uint32_t len)
{
	put8(a, RESOURCE_MEMORY32);
	put16(a, 9);
	put8(a, MEMORY_READ_WRITE);
	put32(a, base);
	put32(a, len);
}

void aml_window32(struct aml *a, uint32_t base, uint32_t len)
{
	put8(a, RESOURCE_DWORD_SPACE);
	put16(a, 3 + 5 * sizeof(uint32_t));
	put8(a, SPACE_MEMORY);
	put8(a, SPACE_FIXED);
	put8(a, MEMORY_READ_WRITE);
	put32(a, 0);
	put32(a, base);
	put32(a, base + len - 1);
	put32(a, 0);
	put32(a, len);
}

void aml_window64(struct aml *a, uint64_t base, uint64_t len)
{
	put8(a, RESOURCE_QWORD_SPACE);
	put16(a, 3 + 5 * sizeof(uint64_t));
	put8(a, SPACE_MEMORY);
	put8(a, SPACE_FIXED);
	put8(a, MEMORY_READ_WRITE);
	put64(a, 0);
	put64(a, base);
	put64(a, base + len - 1);
	put64(a, 0);
	put64(a, len);
}

void aml_bus_numbers(struct aml *a, uint16_t first, uint16_t last)
{
	put8(a, RESOURCE_WORD_SPACE);
	put16(a, 3 + 5 * sizeof(uint16_t));
	put8(a, SPACE_BUS_NUMBERS);
	put8(a, SPACE_FIXED);
	put8(a, 0);
	put16(a, 0);
	put16(a, first);
	put16(a, last);
	put16(a, 0);
	put16(a, last - first + 1);
}
