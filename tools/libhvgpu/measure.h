/* SPDX-License-Identifier: GPL-2.0 */
/* measure.h: what hvgpu-copybw and hvgpu-copylat share: their options, the clock, percentiles. */
#ifndef HVGPU_MEASURE_H
#define HVGPU_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hvgpu.h"

/* Exit codes of the programs. */
#define EX_FAILED	1
#define EX_USAGE	2
#define EX_NO_DEVICE	3

/* struct bench - the buffer that is measured, and memory to copy from and to */
struct bench {
	struct hvgpu *gpu;
	struct hvgpu_buffer *buffer;
	uint8_t *device;
	uint8_t *memory;
	size_t size;
	unsigned int count;
	uint64_t *took;	/* room for @count */
};

/* bench_open() - reads the options, opens and maps; ends the program when something is wrong */
void bench_open(struct bench *bench, int argc, char **argv, size_t default_size,
		unsigned int default_count);
void bench_close(struct bench *bench);

/* bench_run() - copies @n bytes, count times; the times in ns are in ->took, sorted */
void bench_run(struct bench *bench, bool store, size_t n);

uint64_t now_ns(void);

/* first_exportable() - the largest BAR that can be exported, or -1 */
int first_exportable(const struct gpupt_info *info);

#endif
