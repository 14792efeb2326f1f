/* SPDX-License-Identifier: GPL-2.0 */
/* verbs.h: what a stand-in for ibv_reg_dmabuf_mr() was given; it returns that as its region. */
#ifndef LIBHVGPU_VERBS_H
#define LIBHVGPU_VERBS_H

#include <stddef.h>
#include <stdint.h>

struct given {
	void *pd;
	uint64_t offset;
	size_t length;
	uint64_t iova;
	int fd;
	int access;
};

#endif
