/* SPDX-License-Identifier: GPL-2.0 */
/* buffer.h: what the files of this library know of a buffer and nobody else does. */
#ifndef HVGPU_BUFFER_H
#define HVGPU_BUFFER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * struct hvgpu_buffer - an export
 * @first: where in its BAR the first range is
 * @lock: guards the setting of @at
 * @at: where it is mapped, or NULL
 */
struct hvgpu_buffer {
	int fd;
	bool writable;
	uint64_t size;
	uint64_t first;
	pthread_mutex_t lock;
	void *at;
};

#endif
