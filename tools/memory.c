// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvaccel.h"
#include "memory.h"

void *must(void *memory)
{
	if (!memory) {
		fprintf(stderr, "hvaccel: out of memory\n");
		exit(STATUS_FAILED);
	}
	return memory;
}

char *text_of(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	return must(text);
}

void *grow(void *array, size_t *n, size_t size)
{
	if (!(*n & (*n - 1)))
		array = must(reallocarray(array, *n ? *n * 2 : 1, size));
	memset((char *)array + *n * size, 0, size);
	++*n;
	return array;
}
