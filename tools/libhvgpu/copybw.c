// SPDX-License-Identifier: GPL-2.0
/* hvgpu-copybw: bytes a second of copies to and from a BAR, by size. */
#include <stdio.h>

#include "measure.h"
#include "percentile.h"

#define SMALLEST	4096u

static void print(struct bench *bench, bool store, size_t n)
{
	static const unsigned int which[] = { 500, 990, 999 };

	bench_run(bench, store, n);
	printf("%-5s %10zu", store ? "to" : "from", n);
	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		uint64_t ns = percentile(bench->took, bench->count, which[i]);

		/* A clock may be coarser than a copy. */
		if (ns)
			printf(" %10.1f", n * 1e3 / ns);
		else
			printf(" %10s", "-");
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };

	bench_open(&bench, argc, argv, 1 << 20, 1000);
	printf("# MB/s that half of the copies reach, 99 %%, 99.9 %%\n");
	printf("%-5s %10s %10s %10s %10s\n", "way", "bytes", "p50", "p99", "p99.9");
	for (unsigned int store = 0; store < 2; store++)
		for (size_t n = SMALLEST; n <= bench.size; n *= 4)
			print(&bench, store, n);
	bench_close(&bench);
	return 0;
}
