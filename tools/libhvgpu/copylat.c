// SPDX-License-Identifier: GPL-2.0
/* hvgpu-copylat: how long a copy to or from a BAR takes, by size. */
#include <stdio.h>

#include "measure.h"
#include "percentile.h"

static void print_times(const struct bench *bench, const char *what, size_t n)
{
	printf("%-5s %10zu %10llu %10llu %10llu %10llu\n", what, n,
	       (unsigned long long)percentile(bench->took, bench->count, 500),
	       (unsigned long long)percentile(bench->took, bench->count, 990),
	       (unsigned long long)percentile(bench->took, bench->count, 999),
	       (unsigned long long)percentile(bench->took, bench->count, 1000));
}

/* What reading the clock costs is in every line. */
static void clock_alone(struct bench *bench)
{
	for (unsigned int i = 0; i < bench->count; i++) {
		uint64_t start = now_ns();

		bench->took[i] = now_ns() - start;
	}
	sort_values(bench->took, bench->count);
	print_times(bench, "clock", 0);
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };

	bench_open(&bench, argc, argv, 64 << 10, 10000);
	printf("# ns\n%-5s %10s %10s %10s %10s %10s\n", "way", "bytes", "p50", "p99", "p99.9",
	       "max");
	clock_alone(&bench);
	for (unsigned int store = 0; store < 2; store++) {
		for (size_t n = 1; n <= bench.size; n *= 2) {
			bench_run(&bench, store, n);
			print_times(&bench, store ? "to" : "from", n);
		}
	}
	bench_close(&bench);
	return 0;
}
