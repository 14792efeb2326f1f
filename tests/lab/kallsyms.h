/* SPDX-License-Identifier: GPL-2.0 */
/* kallsyms.h: the symbol table that a stripped vmlinux carries for itself (kallsyms.c). */
#ifndef HVLAB_KALLSYMS_H
#define HVLAB_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * kallsyms_read() - find and decode the tables that scripts/kallsyms.c puts into a kernel
 * @elf: a whole ELF vmlinux of x86-64, Linux 6.1 to 7.3
 * @add: called for each function with its address and name (only valid during the call); returns
 *	false to stop
 *
 * Return: true when the tables were found and all of them were told.
 */
bool kallsyms_read(const uint8_t *elf, size_t size,
		   bool (*add)(void *o, uint64_t address, const char *name), void *o);

#endif
