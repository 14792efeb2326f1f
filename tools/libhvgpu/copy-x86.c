// SPDX-License-Identifier: GPL-2.0
/*
 * Streaming copies of x86-64. A load from write combining memory goes to the device each time, but
 * movntdqa fetches the whole line of 64 bytes into a buffer that serves the next three, and a line
 * that non-temporal stores fill goes out as one transfer. So the middle is done in whole lines, the
 * ends in words.
 */
#ifdef __x86_64__
#include <immintrin.h>
#include <stdint.h>

#include "copy.h"

#define LINE	64u

/* Bytes from @at to the next line, @n at most. */
static size_t to_line(const void *at, size_t n)
{
	size_t head = -(uintptr_t)at & (LINE - 1);

	return head < n ? head : n;
}

bool hvgpu_has_sse2(void)
{
	return true; /* part of x86-64 */
}

bool hvgpu_has_streaming_load(void)
{
	return __builtin_cpu_supports("sse4.1");
}

void hvgpu_store_streaming(void *device, const void *from, size_t n)
{
	size_t head = to_line(device, n), end = head + (n - head) / LINE * LINE;

	hvgpu_store_words(device, from, head);
	for (size_t i = head; i < end; i += LINE) {
		const __m128i *source = (const __m128i *)((const uint8_t *)from + i);
		__m128i *line = (__m128i *)((uint8_t *)device + i);
		__m128i a = _mm_loadu_si128(source), b = _mm_loadu_si128(source + 1);
		__m128i c = _mm_loadu_si128(source + 2), d = _mm_loadu_si128(source + 3);

		_mm_stream_si128(line, a);
		_mm_stream_si128(line + 1, b);
		_mm_stream_si128(line + 2, c);
		_mm_stream_si128(line + 3, d);
	}
	hvgpu_store_words((uint8_t *)device + end, (const uint8_t *)from + end, n - end);
	_mm_sfence();
}

__attribute__((target("sse4.1")))
void hvgpu_load_streaming(void *to, const void *device, size_t n)
{
	size_t head = to_line(device, n), end = head + (n - head) / LINE * LINE;

	/* What an earlier movntdqa left in its buffer may be old; a fence empties it. */
	_mm_mfence();
	hvgpu_load_words(to, device, head);
	for (size_t i = head; i < end; i += LINE) {
		/* The intrinsic's argument is not const in every compiler; nothing is written. */
		__m128i *line = (__m128i *)((uintptr_t)device + i);
		__m128i *target = (__m128i *)((uint8_t *)to + i);
		__m128i a = _mm_stream_load_si128(line), b = _mm_stream_load_si128(line + 1);
		__m128i c = _mm_stream_load_si128(line + 2), d = _mm_stream_load_si128(line + 3);

		_mm_storeu_si128(target, a);
		_mm_storeu_si128(target + 1, b);
		_mm_storeu_si128(target + 2, c);
		_mm_storeu_si128(target + 3, d);
	}
	hvgpu_load_words((uint8_t *)to + end, (const uint8_t *)device + end, n - end);
}

/* Without movntdqa: 16 bytes at a time. */
void hvgpu_load_wide(void *to, const void *device, size_t n)
{
	size_t head = to_line(device, n), end = head + (n - head) / LINE * LINE;

	_mm_mfence();
	hvgpu_load_words(to, device, head);
	for (size_t i = head; i < end; i += sizeof(__m128i)) {
		__m128i a = *(const volatile __m128i *)((uintptr_t)device + i);

		_mm_storeu_si128((__m128i *)((uint8_t *)to + i), a);
	}
	hvgpu_load_words((uint8_t *)to + end, (const uint8_t *)device + end, n - end);
}
#endif
