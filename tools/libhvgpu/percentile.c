// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "percentile.h"

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

void sort_values(uint64_t *value, size_t n)
{
	qsort(value, n, sizeof(*value), compare);
}

uint64_t percentile(const uint64_t *sorted, size_t n, unsigned int per_mille)
{
	size_t rank = (n * per_mille + 999) / 1000;

	return sorted[rank ? rank - 1 : 0];
}
