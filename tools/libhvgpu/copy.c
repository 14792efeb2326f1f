// SPDX-License-Identifier: GPL-2.0
/*
 * Copies that any processor can do, and the choice. Device memory that is not cached takes aligned
 * accesses only (arm64), and memcpy() promises none, may touch a byte twice, and reads write
 * combining memory a few bytes at a time; so the accesses are spelled out. Stores ascend, that
 * neighbours can be combined.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "copy.h"
#include "hvgpu.h"

/* Device memory has no type of its own. */
typedef uint64_t __attribute__((may_alias)) word8;
typedef uint32_t __attribute__((may_alias)) word4;
typedef uint16_t __attribute__((may_alias)) word2;

/* The widest access that is aligned at @at and within @n bytes. */
static size_t width(const void *at, size_t n)
{
	size_t bytes = sizeof(word8);

	while (bytes > n || (uintptr_t)at & (bytes - 1))
		bytes /= 2;
	return bytes;
}

static size_t store_one(uint8_t *to, const uint8_t *from, size_t n)
{
	size_t bytes = width(to, n);
	uint64_t value8;
	uint32_t value4;
	uint16_t value2;

	switch (bytes) {
	case 8:
		memcpy(&value8, from, sizeof(value8));
		*(volatile word8 *)to = value8;
		break;
	case 4:
		memcpy(&value4, from, sizeof(value4));
		*(volatile word4 *)to = value4;
		break;
	case 2:
		memcpy(&value2, from, sizeof(value2));
		*(volatile word2 *)to = value2;
		break;
	default:
		*(volatile uint8_t *)to = *from;
	}
	return bytes;
}

static size_t load_one(uint8_t *to, const uint8_t *from, size_t n)
{
	size_t bytes = width(from, n);
	uint64_t value8;
	uint32_t value4;
	uint16_t value2;

	switch (bytes) {
	case 8:
		value8 = *(const volatile word8 *)from;
		memcpy(to, &value8, sizeof(value8));
		break;
	case 4:
		value4 = *(const volatile word4 *)from;
		memcpy(to, &value4, sizeof(value4));
		break;
	case 2:
		value2 = *(const volatile word2 *)from;
		memcpy(to, &value2, sizeof(value2));
		break;
	default:
		*to = *(const volatile uint8_t *)from;
	}
	return bytes;
}

void hvgpu_store_words(void *device, const void *from, size_t n)
{
	for (size_t done = 0; done < n;)
		done += store_one((uint8_t *)device + done, (const uint8_t *)from + done, n - done);
}

void hvgpu_load_words(void *to, const void *device, size_t n)
{
	for (size_t done = 0; done < n;)
		done += load_one((uint8_t *)to + done, (const uint8_t *)device + done, n - done);
}

static bool always(void)
{
	return true;
}

static void store_plainly(void *device, const void *from, size_t n)
{
	hvgpu_store_words(device, from, n);
#ifdef __aarch64__
	/* Until the memory system has them, not only until others would see them in this order. */
	__asm__ volatile("dsb st" : : : "memory");
#elif defined(__x86_64__)
	__asm__ volatile("sfence" : : : "memory");
#else
	__sync_synchronize();
#endif
}

static void load_plainly(void *to, const void *device, size_t n)
{
	__sync_synchronize();
	hvgpu_load_words(to, device, n);
}

const struct hvgpu_way hvgpu_ways[] = {
#ifdef __x86_64__
	{ "movntdqa", hvgpu_has_streaming_load, hvgpu_store_streaming, hvgpu_load_streaming },
	{ "movntdq", hvgpu_has_sse2, hvgpu_store_streaming, hvgpu_load_wide },
#endif
	{ "words", always, store_plainly, load_plainly },
	{ NULL, NULL, NULL, NULL },
};

static const struct hvgpu_way *chosen;

/* Threads that come here at once choose the same. */
static const struct hvgpu_way *way(void)
{
	const struct hvgpu_way *w = __atomic_load_n(&chosen, __ATOMIC_RELAXED);

	if (w)
		return w;
	for (w = hvgpu_ways; !w->usable(); w++)
		;
	__atomic_store_n(&chosen, w, __ATOMIC_RELAXED);
	return w;
}

void hvgpu_store(void *device, const void *from, size_t n)
{
	way()->store(device, from, n);
}

void hvgpu_load(void *to, const void *device, size_t n)
{
	way()->load(to, device, n);
}

const char *hvgpu_method(void)
{
	return way()->name;
}

int hvgpu_use_method(const char *name)
{
	for (const struct hvgpu_way *w = hvgpu_ways; w->name; w++) {
		if (strcmp(w->name, name) || !w->usable())
			continue;
		__atomic_store_n(&chosen, w, __ATOMIC_RELAXED);
		return 0;
	}
	return -EINVAL;
}
