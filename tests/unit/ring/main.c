// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of vmbus/ring.c and vmbus/channel.c in user space.
 *
 *	ring-test [-x] [SUITE...]
 *
 * -x ends the run at the first failed check. A hang is ended by SIGALRM.
 * Exit: 0 passed, 1 failed, 2 unknown suite or no memory.
 */
#include <stdlib.h>
#include <unistd.h>

#include "rig.h"

static const struct {
	const char *name;
	void (*run)(void);
} suites[] = {
	{ "write", test_write },
	{ "read", test_read },
	{ "order", test_order },
	{ "race", test_race },
	{ "hostile", test_hostile },
	{ "settings", test_settings },
	{ "stress", test_stress },
};

#define N_SUITES ((int)(sizeof(suites) / sizeof(*suites)))

static void run(int i)
{
	unsigned long checks = rig_checks, failures = rig_failures;

	alarm(120);
	suites[i].run();
	printf("%-8s %9lu checks, %lu failed\n", suites[i].name, rig_checks - checks,
	       rig_failures - failures);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "-x")) {
		rig_stop = true;
		argv++;
		argc--;
	}
	for (int i = 0; argc == 1 && i < N_SUITES; i++)
		run(i);
	for (int a = 1; a < argc; a++) {
		int i = 0;

		while (i < N_SUITES && strcmp(argv[a], suites[i].name))
			i++;
		if (i == N_SUITES) {
			fprintf(stderr, "ring-test: no suite '%s'\n", argv[a]);
			return 2;
		}
		run(i);
	}
	return rig_failures ? 1 : 0;
}
