// SPDX-License-Identifier: GPL-2.0
/*
 * ibv_reg_dmabuf_mr() with a file descriptor that is none: a driver that takes dma-bufs gets as far
 * as the descriptor and says EBADF, another says EOPNOTSUPP or EPROTONOSUPPORT. libibverbs is
 * opened when it is needed, so that machines without RDMA need not have it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dmabuf-probe.h"

#if !defined(HVACCEL_STATIC) && defined(HVACCEL_VERBS)
#include <dlfcn.h>
#include <infiniband/verbs.h>

static struct {
	struct ibv_device **(*get_device_list)(int *n);
	void (*free_device_list)(struct ibv_device **list);
	struct ibv_context *(*open_device)(struct ibv_device *device);
	int (*close_device)(struct ibv_context *context);
	struct ibv_pd *(*alloc_pd)(struct ibv_context *context);
	int (*dealloc_pd)(struct ibv_pd *pd);
	struct ibv_mr *(*reg_dmabuf_mr)(struct ibv_pd *pd, uint64_t offset, size_t length,
					uint64_t iova, int fd, int access);
} verbs;

static int find_verbs(void)
{
	static const struct {
		void *to;
		const char *name;
	} symbol[] = {
		{ &verbs.get_device_list, "ibv_get_device_list" },
		{ &verbs.free_device_list, "ibv_free_device_list" },
		{ &verbs.open_device, "ibv_open_device" },
		{ &verbs.close_device, "ibv_close_device" },
		{ &verbs.alloc_pd, "ibv_alloc_pd" },
		{ &verbs.dealloc_pd, "ibv_dealloc_pd" },
		{ &verbs.reg_dmabuf_mr, "ibv_reg_dmabuf_mr" },
	};
	void *library = dlopen("libibverbs.so.1", RTLD_NOW);

	for (size_t i = 0; library && i < sizeof(symbol) / sizeof(symbol[0]); i++) {
		void *found = dlsym(library, symbol[i].name);

		if (!found)
			return -EOPNOTSUPP;
		memcpy(symbol[i].to, &found, sizeof(found));
	}
	return library ? 0 : -ENOENT;
}

static enum dmabuf ask(struct ibv_device *device, char *why, size_t size)
{
	struct ibv_context *context = verbs.open_device(device);
	struct ibv_pd *pd = context ? verbs.alloc_pd(context) : NULL;
	enum dmabuf answer = DMABUF_UNKNOWN;

	if (!pd) {
		snprintf(why, size, "cannot be opened: %s", strerror(errno));
	} else {
		errno = 0;
		/* It cannot succeed; were it to, the mapping ends with this process. */
		if (!verbs.reg_dmabuf_mr(pd, 0, 0, 0, -1, 0))
			answer = errno == EOPNOTSUPP || errno == EPROTONOSUPPORT ? DMABUF_NO :
									DMABUF_YES;
		verbs.dealloc_pd(pd);
	}
	if (context)
		verbs.close_device(context);
	return answer;
}

enum dmabuf dmabuf_probe(const char *rdma, char *why, size_t size)
{
	enum dmabuf answer = DMABUF_UNKNOWN;
	struct ibv_device **list;
	int ret = find_verbs();

	if (ret) {
		snprintf(why, size, ret == -ENOENT ? "libibverbs is not installed" :
			 "this libibverbs knows no dma-bufs");
		return ret == -ENOENT ? DMABUF_UNKNOWN : DMABUF_NO;
	}
	snprintf(why, size, "libibverbs does not see it");
	list = verbs.get_device_list(NULL);
	for (struct ibv_device **d = list; d && *d; d++)
		if (!strcmp((*d)->name, rdma))
			answer = ask(*d, why, size);
	if (list)
		verbs.free_device_list(list);
	return answer;
}
#else
enum dmabuf dmabuf_probe(const char *rdma, char *why, size_t size)
{
	snprintf(why, size, "this hvaccel was built without libibverbs, %s was not asked", rdma);
	return DMABUF_UNKNOWN;
}
#endif
