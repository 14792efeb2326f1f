// SPDX-License-Identifier: GPL-2.0
/*
 * Each way to copy, against memcpy(): every alignment of both sides within a line, every length up
 * to some lines, and up to the edge of what is mapped on both ends; nothing beside it changes.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "copy.h"
#include "hvgpu.h"
#include "percentile.h"

#define PAGE	4096u
#define LINE	64u
#define LENGTHS	(4 * LINE + 9)
#define ROOM	(2 * LINE + LENGTHS)

static uint64_t state = 88172645463325252ull;

static uint8_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 32;
}

/* @pages of memory with a hole on both ends. */
static uint8_t *between_holes(unsigned int pages)
{
	size_t size = (pages + 2) * PAGE;
	uint8_t *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + PAGE, pages * PAGE, PROT_READ | PROT_WRITE))
		err(1, "memory");
	return at + PAGE;
}

static unsigned long tried;

/* One store and one load; @device and @memory have @n bytes, in rooms of @room. */
static void try(const struct hvgpu_way *way, uint8_t *device_room, uint8_t *memory_room,
		size_t room, size_t device, size_t memory, size_t n)
{
	static uint8_t model[64 * PAGE];
	bool store;

	for (unsigned int i = 0; i < 2; i++) {
		uint8_t *to = i ? memory_room : device_room;
		size_t at = i ? memory : device, start = at < 2 * LINE ? 0 : at - 2 * LINE;
		size_t end = at + n + 2 * LINE < room ? at + n + 2 * LINE : room;

		store = !i;
		for (size_t b = start; b < end; b++)
			model[b] = any();
		memcpy(to + start, model + start, end - start);
		/* What is copied differs from what is there. */
		for (size_t b = 0; b < n; b++) {
			uint8_t value = ~to[at + b];

			(i ? device_room + device : memory_room + memory)[b] = value;
			model[at + b] = value;
		}
		if (store)
			way->store(device_room + device, memory_room + memory, n);
		else
			way->load(memory_room + memory, device_room + device, n);
		if (memcmp(to + start, model + start, end - start))
			errx(1, "%s %s: %zu bytes, device at %zu, memory at %zu", way->name,
			     store ? "store" : "load", n, device, memory);
		tried++;
	}
}

static void alignments(const struct hvgpu_way *way)
{
	uint8_t *device = between_holes(1), *memory = between_holes(1);

	for (size_t n = 0; n <= LENGTHS; n++) {
		/* Each alignment of the device with a few of memory, and the other way round. */
		for (size_t d = 0; d < LINE; d++) {
			for (size_t m = 0; m < LINE; m += n < 2 * LINE ? 5 : 13)
				try(way, device, memory, ROOM, LINE + d, LINE + m, n);
			try(way, device, memory, ROOM, LINE + d * 7 % LINE, LINE + d, n);
		}
		/* And with nothing mapped before and behind. */
		try(way, device, memory, PAGE, 0, PAGE - n, n);
		try(way, device, memory, PAGE, PAGE - n, 0, n);
		try(way, device, memory, PAGE, PAGE - n, PAGE - n, n);
	}
	munmap(device - PAGE, 3 * PAGE);
	munmap(memory - PAGE, 3 * PAGE);
}

static void large(const struct hvgpu_way *way)
{
	uint8_t *device = between_holes(64), *memory = between_holes(64);

	try(way, device, memory, 64 * PAGE, 0, 0, 64 * PAGE);
	for (unsigned int i = 0; i < 200; i++) {
		size_t n = (any() << 10 | any() << 2 | any()) % (63 * PAGE);

		try(way, device, memory, 64 * PAGE, any() * 11 % PAGE, any() * 13 % PAGE, n);
	}
	munmap(device - PAGE, 66 * PAGE);
	munmap(memory - PAGE, 66 * PAGE);
}

/* Against their definition: how many values each one exceeds. */
static void percentiles(void)
{
	static uint64_t value[2000];
	static const unsigned int which[] = { 0, 1, 500, 501, 990, 999, 1000 };

	for (size_t n = 1; n <= 2000; n += 1 + n / 7) {
		for (size_t i = 0; i < n; i++)
			value[i] = any() << 8 | any();
		sort_values(value, n);
		for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
			uint64_t p = percentile(value, n, which[i]);
			size_t below = 0, not_above = 0;

			for (size_t j = 0; j < n; j++) {
				below += value[j] < p;
				not_above += value[j] <= p;
			}
			if (not_above * 1000 < n * which[i] ||
			    (below && below * 1000 >= n * which[i]))
				errx(1, "percentile %u of %zu: %zu are smaller, %zu are not larger",
				     which[i], n, below, not_above);
		}
	}
}

int main(void)
{
	unsigned int ways = 0;

	for (const struct hvgpu_way *way = hvgpu_ways; way->name; way++) {
		if (!way->usable()) {
			printf("ok - %s # SKIP this processor has it not\n", way->name);
			continue;
		}
		if (!ways++ && strcmp(hvgpu_method(), way->name))
			errx(1, "%s is used, %s is better", hvgpu_method(), way->name);
		tried = 0;
		alignments(way);
		large(way);
		printf("ok - %s: %lu copies\n", way->name, tried);
	}
	if (hvgpu_use_method("none") != -22 || hvgpu_use_method("words") ||
	    strcmp(hvgpu_method(), "words"))
		errx(1, "methods by name");
	percentiles();
	printf("ok - percentiles\n");
	return ways < 1;
}
