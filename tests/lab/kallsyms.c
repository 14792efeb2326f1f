// SPDX-License-Identifier: GPL-2.0
/*
 * The symbol table that a kernel carries for itself, found in a stripped vmlinux.
 *
 * Names are sequences of tokens, and the table of 256 tokens is recognised without symbols: the
 * tokens of the digits are the digits, and the table is followed by the offsets of its strings.
 * From there: markers (the place of each 256th name) end just before the tokens, the names lie
 * before the markers and their number before the names. Addresses are an array of 32-bit values,
 * before the number (6.1) or behind the tokens (6.4 and later). They count from a base, or each
 * from its own place (7.x).
 */
#include <elf.h>
#include <string.h>

#include "kallsyms.h"

#define TOKENS 256
#define NAMES_PER_MARKER 256
#define NAME_MAX_BYTES 512
#define ALIGN8(x) (((x) + 7) & ~(size_t)7)
#define KERNEL_START 0xffffffff80000000ULL
#define KERNEL_SIZE 0x40000000ULL
/* How far before the last marker's name the names may begin: one group of long names. */
#define LAST_GROUP_MAX (NAMES_PER_MARKER * 256)

struct tables {
	const uint8_t *data;
	size_t size;
	size_t tokens;
	uint16_t token[TOKENS];
	size_t index_end;
	size_t markers;
	uint32_t n_markers;
	size_t number;
	size_t names;
	uint32_t n;
	size_t offsets;
	uint64_t base;			/* 0: each counts from its own place */
	uint64_t offsets_address;
};

static uint32_t get32(const struct tables *t, size_t at)
{
	uint32_t v;

	memcpy(&v, t->data + at, sizeof(v));
	return v;
}

static uint64_t get64(const struct tables *t, size_t at)
{
	uint64_t v;

	memcpy(&v, t->data + at, sizeof(v));
	return v;
}

/* Is the token of '0' at @digits? Then find the table's ends and check its index. */
static bool match_tokens(struct tables *t, size_t digits)
{
	size_t at = digits;

	for (unsigned int i = 0; i < '0'; i++) {
		if (at < 2)
			return false;
		at--;
		while (at && t->data[at - 1])
			at--;
	}
	t->tokens = at;
	for (unsigned int i = 0; i < TOKENS; i++) {
		const uint8_t *end = memchr(t->data + at, 0, t->size - at);

		if (!end || at - t->tokens > 0xffff)
			return false;
		t->token[i] = at - t->tokens;
		at = end - t->data + 1;
	}
	/* Tables are aligned to eight bytes, in 7.x only to their elements. */
	for (size_t align = 2; align <= 8; align *= 2) {
		size_t index = (at + align - 1) & ~(align - 1);

		if (index + sizeof(t->token) > t->size ||
		    memcmp(t->data + index, t->token, sizeof(t->token)))
			continue;
		t->index_end = index + sizeof(t->token);
		return true;
	}
	return false;
}

static bool find_tokens(struct tables *t)
{
	static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	const uint8_t *p = t->data;

	while ((p = memmem(p, t->data + t->size - p, digits, sizeof(digits)))) {
		if (match_tokens(t, p - t->data))
			return true;
		p++;
	}
	return false;
}

/* Growing numbers from zero, just before the tokens. */
static bool find_markers(struct tables *t)
{
	size_t at = t->tokens & ~(size_t)3;
	uint32_t last;

	if (at < 64)
		return false;
	while (!get32(t, at - 4) && t->tokens - at < 8)
		at -= 4;
	at -= 4;
	last = get32(t, at);
	for (t->n_markers = 1; last; t->n_markers++) {
		uint32_t before;

		if (at < 4)
			return false;
		at -= 4;
		before = get32(t, at);
		if (before >= last)
			return false;
		last = before;
	}
	t->markers = at;
	return t->n_markers > 1;
}

/* Length of the name at @at: one byte, or two when the first says so. Return: of the length. */
static unsigned int name_length(const struct tables *t, size_t at, size_t *len)
{
	*len = t->data[at];
	if (!(*len & 0x80))
		return 1;
	*len = (*len & 0x7f) | (size_t)t->data[at + 1] << 7;
	return 2;
}

/* Do the names from @names on lie where the markers say? */
static bool check_names(const struct tables *t, size_t names)
{
	size_t at = names, len;

	for (uint32_t i = 0; i < t->n; i++) {
		if (i % NAMES_PER_MARKER == 0 &&
		    at - names != get32(t, t->markers + 4 * (i / NAMES_PER_MARKER)))
			return false;
		if (at + 2 > t->markers)
			return false;
		at += name_length(t, at, &len);
		at += len;
	}
	return at <= t->markers;
}

static bool is_base(uint64_t base)
{
	return base >= KERNEL_START && base - KERNEL_START < KERNEL_SIZE && !(base & 0xfff);
}

static bool find_names(struct tables *t)
{
	uint32_t last = get32(t, t->markers + 4 * (t->n_markers - 1));
	size_t from;

	if (t->markers < last + 16)
		return false;
	from = (t->markers - last) & ~(size_t)3;
	for (size_t at = from; at >= 8 && from - at <= LAST_GROUP_MAX; at -= 4) {
		t->number = at - 4;
		t->n = get32(t, t->number);
		if ((t->n + NAMES_PER_MARKER - 1) / NAMES_PER_MARKER != t->n_markers)
			continue;
		for (t->names = at; t->names <= at + 4; t->names += 4)
			if (check_names(t, t->names))
				return true;
	}
	return false;
}

/*
 * Up to 6.3 there is one more table between markers and tokens, of unknown size, and the base lies
 * before the number: start there.
 */
static bool find_old_names(struct tables *t)
{
	for (size_t at = t->tokens & ~(size_t)7; at >= 16; at -= 8) {
		size_t end, len;

		if (!is_base(get64(t, at - 8)))
			continue;
		t->number = at;
		t->names = at + 8;
		t->n = get32(t, at);
		if (t->n < NAMES_PER_MARKER || t->n > t->tokens - t->names)
			continue;
		end = t->names;
		for (uint32_t i = 0; i < t->n && end + 2 < t->tokens; i++) {
			end += name_length(t, end, &len);
			end += len;
		}
		t->markers = ALIGN8(end);
		t->n_markers = (t->n + NAMES_PER_MARKER - 1) / NAMES_PER_MARKER;
		if (t->markers + 4 * (size_t)t->n_markers <= t->tokens && check_names(t, t->names))
			return true;
	}
	return false;
}

static bool address_of(const struct tables *t, size_t offset, uint64_t *address)
{
	const Elf64_Ehdr *e = (const void *)t->data;
	const Elf64_Phdr *p = (const void *)(t->data + e->e_phoff);

	for (unsigned int i = 0; i < e->e_phnum; i++) {
		if (p[i].p_type != PT_LOAD || offset < p[i].p_offset ||
		    offset - p[i].p_offset >= p[i].p_filesz)
			continue;
		*address = p[i].p_vaddr + (offset - p[i].p_offset);
		return true;
	}
	return false;
}

static bool find_offsets(struct tables *t)
{
	size_t bytes = ALIGN8(4 * (size_t)t->n);

	/* Before the number of names: offsets, then the base. */
	if (t->number >= bytes + 8 && is_base(get64(t, t->number - 8))) {
		t->base = get64(t, t->number - 8);
		t->offsets = t->number - 8 - bytes;
		return true;
	}
	t->offsets = ALIGN8(t->index_end);
	if (t->offsets + bytes + 8 > t->size)
		return false;
	t->base = get64(t, t->offsets + bytes);
	if (is_base(t->base))
		return true;
	t->base = 0;
	t->offsets = (t->index_end + 3) & ~(size_t)3;
	return address_of(t, t->offsets, &t->offsets_address);
}

static uint64_t symbol_address(const struct tables *t, uint32_t i)
{
	int32_t offset = get32(t, t->offsets + 4 * (size_t)i);

	if (!t->base)
		return t->offsets_address + 4 * (uint64_t)i + (int64_t)offset;
	/* Positive ones are absolute (per-CPU): no functions. */
	return offset >= 0 ? (uint64_t)offset : t->base - 1 - offset;
}

/* The name at @at, its type character first. Return: where the next one is. */
static size_t expand(const struct tables *t, size_t at, char *name)
{
	size_t len, n = 0;

	at += name_length(t, at, &len);
	for (; len; len--, at++) {
		const char *token = (const char *)t->data + t->tokens + t->token[t->data[at]];

		while (*token && n < NAME_MAX_BYTES - 1)
			name[n++] = *token++;
	}
	name[n] = '\0';
	return at;
}

bool kallsyms_read(const uint8_t *elf, size_t size,
		   bool (*add)(void *o, uint64_t address, const char *name), void *o)
{
	struct tables t = { .data = elf, .size = size };
	char name[NAME_MAX_BYTES];
	size_t at;

	if (!find_tokens(&t))
		return false;
	if (!(find_markers(&t) && find_names(&t)) && !find_old_names(&t))
		return false;
	if (!find_offsets(&t))
		return false;
	at = t.names;
	for (uint32_t i = 0; i < t.n; i++) {
		uint64_t address = symbol_address(&t, i);

		at = expand(&t, at, name);
		if (!name[0] || !strchr("TtWw", name[0]) || address < KERNEL_START)
			continue;
		if (!add(o, address, name + 1))
			return false;
	}
	return true;
}
