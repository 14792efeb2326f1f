// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "kernel.h"
#include "test.h"

void (*host_moves)(void);
int allocations_left = -1;
int allocations_alive;
static uint64_t dice_state;

void shared_word_read(void)
{
	if (host_moves)
		host_moves();
}

void *shim_alloc(size_t size)
{
	void *memory;

	if (!allocations_left)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	memory = calloc(1, size);
	check(memory);
	allocations_alive++;
	return memory;
}

void shim_free(void *memory)
{
	if (memory)
		allocations_alive--;
	free(memory);
}

void dice_seed(uint64_t seed)
{
	dice_state = seed * 2 + 1;
}

uint32_t dice(void)
{
	dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
	return dice_state >> 33;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{ "rndis", test_rndis },
		{ "slots", test_slots },
		{ "race", test_race },
	};
	unsigned int i, ran = 0;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (argc > 1 && strcmp(argv[1], cases[i].name))
			continue;
		cases[i].run();
		check_is(allocations_alive, 0);
		printf("ok %s\n", cases[i].name);
		ran++;
	}
	if (!ran)
		fprintf(stderr, "netvsc-test: no case '%s'\n", argv[1]);
	return !ran;
}
