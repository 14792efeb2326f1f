// SPDX-License-Identifier: GPL-2.0
/*
 * A libibverbs of one device, mlx5_0, for the test of dmabuf_probe(). ANSWER is the errno of
 * ibv_reg_dmabuf_mr(), OPEN that of ibv_open_device(). Built with NO_DMABUF it is one from before
 * dma-bufs. What is opened and not closed again ends the process with 9.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <infiniband/verbs.h>

#undef ibv_get_device_list

static struct ibv_device device = { .name = "mlx5_0" };
static struct ibv_device *list[] = { &device, NULL };
static struct ibv_context context;
static struct ibv_pd pd;
static int opened, lists;

static int fails(const char *name)
{
	const char *text = getenv(name);

	errno = text ? atoi(text) : 0;
	return errno;
}

static void __attribute__((destructor)) balance(void)
{
	if (opened || lists)
		_exit(9);
}

struct ibv_device **ibv_get_device_list(int *n)
{
	lists++;
	if (n)
		*n = 1;
	return list;
}

void ibv_free_device_list(struct ibv_device **what)
{
	lists -= what == list;
}

struct ibv_context *ibv_open_device(struct ibv_device *what)
{
	if (what != &device || fails("OPEN"))
		return NULL;
	opened++;
	return &context;
}

int ibv_close_device(struct ibv_context *what)
{
	opened -= what == &context;
	return 0;
}

struct ibv_pd *ibv_alloc_pd(struct ibv_context *what)
{
	opened += what == &context;
	return &pd;
}

int ibv_dealloc_pd(struct ibv_pd *what)
{
	opened -= what == &pd;
	return 0;
}

#ifndef NO_DMABUF
struct ibv_mr *ibv_reg_dmabuf_mr(struct ibv_pd *what, uint64_t offset, size_t length, uint64_t iova,
				 int fd, int access)
{
	/* NCCL's question, and no other. */
	if (what != &pd || offset || length || iova || fd != -1 || access)
		_exit(8);
	fails("ANSWER");
	return NULL;
}
#endif
