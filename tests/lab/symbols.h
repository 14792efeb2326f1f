/* SPDX-License-Identifier: GPL-2.0 */
/* symbols.h: names for addresses: the guest kernel's and hvlab's own (symbols.c). */
#ifndef HVLAB_SYMBOLS_H
#define HVLAB_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

/**
 * symbols_load() - read System.map, a copy of /proc/kallsyms, or an ELF file: its symbols, or the
 *	table that a kernel carries for itself
 *
 * Return: the table, or NULL after a line in @err.
 */
struct symbols *symbols_load(const char *path, char *err, size_t n);

/** symbols_set_offset() - how far the kernel was moved (KASLR): taken off before a look-up */
void symbols_set_offset(struct symbols *s, int64_t offset);

/** symbols_address() - address of @name as in the file; false when it is not there */
bool symbols_address(const struct symbols *s, const char *name, uint64_t *address);

/**
 * symbols_format() - ``name+0x12`` for an address
 *
 * Return: true; false, and the bare address in @out, when no symbol is near below it.
 */
bool symbols_format(const struct symbols *s, uint64_t address, char *out, size_t n);

/** symbols_self() - hvlab's own functions, from /proc/self/exe; NULL when it was stripped */
struct symbols *symbols_self(void);

#endif
