/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memory.h: memory that is there or the program ends (memory.c).
 */
#ifndef HVACCEL_MEMORY_H
#define HVACCEL_MEMORY_H

#include <stddef.h>

/** must() - @memory itself; ends the program with one line and status 1 when it is NULL */
void *must(void *memory);

/** text_of() - a formatted string, to be freed; ends the program without memory */
char *text_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * grow() - room for one more element at the end of an array
 * @array: array of @n elements, or NULL
 * @n: elements it has, one more afterwards
 * @size: of an element
 *
 * The array doubles whenever @n is a power of two; the new element is zeroed.
 *
 * Return: the array, moved perhaps.
 */
void *grow(void *array, size_t *n, size_t size);

#endif
