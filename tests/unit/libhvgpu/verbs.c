// SPDX-License-Identifier: GPL-2.0
/* What hvgpu_register() needs of libibverbs: it tells what it was given, and refuses access 7. */
#include <errno.h>

#include "verbs.h"

struct given *ibv_reg_dmabuf_mr(void *pd, uint64_t offset, size_t length, uint64_t iova, int fd,
				int access)
{
	static struct given last;

	if (access == 7) {
		errno = EOPNOTSUPP;
		return NULL;
	}
	last = (struct given){ pd, offset, length, iova, fd, access };
	return &last;
}
