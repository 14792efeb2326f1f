/* SPDX-License-Identifier: GPL-2.0 */
/* copy.h: ways to copy to and from device memory; the first that a processor has is the best. */
#ifndef HVGPU_COPY_H
#define HVGPU_COPY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * struct hvgpu_way - one way
 *
 * Device memory is touched in its own range only and by naturally aligned accesses, each byte of it
 * once. What was stored is on its way to the device when @store returns; @load reads what the
 * device holds when it is called, not what an earlier one left in the processor.
 */
struct hvgpu_way {
	const char *name;
	bool (*usable)(void);
	void (*store)(void *device, const void *from, size_t n);
	void (*load)(void *to, const void *device, size_t n);
};

extern const struct hvgpu_way hvgpu_ways[]; /* up to one without a name */

/* Aligned accesses of up to 8 bytes, and what is left over at the ends of wider ones; no fence. */
void hvgpu_store_words(void *device, const void *from, size_t n);
void hvgpu_load_words(void *to, const void *device, size_t n);

#ifdef __x86_64__
bool hvgpu_has_streaming_load(void);
bool hvgpu_has_sse2(void);
void hvgpu_store_streaming(void *device, const void *from, size_t n);
void hvgpu_load_streaming(void *to, const void *device, size_t n);
void hvgpu_load_wide(void *to, const void *device, size_t n);
#endif

#endif
