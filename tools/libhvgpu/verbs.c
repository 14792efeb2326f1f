// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA. Who has a protection domain has got it from libibverbs, so that is in the process: nothing
 * has to be linked or opened, and its headers are not needed either, since only pointers are passed
 * through. It may be where only its opener sees it: programs that open it themselves do so.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "buffer.h"
#include "hvgpu.h"

typedef struct ibv_mr *(*reg_dmabuf_mr)(struct ibv_pd *pd, uint64_t offset, size_t length,
					uint64_t iova, int fd, int access);

static reg_dmabuf_mr find_verb(void)
{
	void *found = dlsym(RTLD_DEFAULT, "ibv_reg_dmabuf_mr"), *library;
	reg_dmabuf_mr verb = NULL;

	if (!found) {
		library = dlopen("libibverbs.so.1", RTLD_NOW | RTLD_NOLOAD);
		if (library) {
			found = dlsym(library, "ibv_reg_dmabuf_mr");
			dlclose(library); /* of the two references the program's is left */
		}
	}
	memcpy(&verb, &found, sizeof(verb));
	return verb;
}

int hvgpu_register(struct hvgpu_buffer *buffer, struct ibv_pd *pd, uint64_t offset, size_t n,
		   uint64_t iova, int access, struct ibv_mr **mr)
{
	reg_dmabuf_mr verb;

	if (!pd || !n || offset > buffer->size || n > buffer->size - offset)
		return -EINVAL;
	verb = find_verb();
	if (!verb)
		return -EOPNOTSUPP;
	errno = 0;
	*mr = verb(pd, offset, n, iova, buffer->fd, access);
	if (*mr)
		return 0;
	return errno ? -errno : -EIO;
}
