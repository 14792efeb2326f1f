/* SPDX-License-Identifier: GPL-2.0 */
/* percentile.h: nearest rank, without interpolation: each is a value that was measured. */
#ifndef HVGPU_PERCENTILE_H
#define HVGPU_PERCENTILE_H

#include <stddef.h>
#include <stdint.h>

void sort_values(uint64_t *value, size_t n);

/* percentile() - of @n sorted values, not 0: the smallest that @per_mille of 1000 do not exceed */
uint64_t percentile(const uint64_t *sorted, size_t n, unsigned int per_mille);

#endif
