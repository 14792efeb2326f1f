// SPDX-License-Identifier: GPL-2.0
/* Functions and their exports: the ioctls of /dev/gpupt, and mmap() of what they return. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "hvgpu.h"

#define SIZE_2M (2ull << 20)

struct hvgpu {
	int fd;
};

int hvgpu_info(struct hvgpu *gpu, struct gpupt_info *info)
{
	*info = (struct gpupt_info){ .argsz = sizeof(*info) };
	return ioctl(gpu->fd, GPUPT_GET_INFO, info) ? -errno : 0;
}

static int open_checked(struct hvgpu *gpu, const char *path)
{
	struct gpupt_info info;
	int ret;

	gpu->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (gpu->fd < 0)
		return -errno;
	ret = hvgpu_info(gpu, &info);
	if (!ret && info.api_version != GPUPT_API_VERSION)
		ret = -EPROTO;
	if (ret)
		close(gpu->fd);
	return ret;
}

int hvgpu_open(struct hvgpu **gpu, const char *address)
{
	struct hvgpu *new = calloc(1, sizeof(*new));
	char path[PATH_MAX];
	int n, ret;

	if (!new)
		return -ENOMEM;
	n = snprintf(path, sizeof(path), "%s%s", strchr(address, '/') ? "" : "/dev/gpupt/",
		     address);
	ret = n < (int)sizeof(path) ? open_checked(new, path) : -ENAMETOOLONG;
	if (ret)
		free(new);
	else
		*gpu = new;
	return ret;
}

void hvgpu_close(struct hvgpu *gpu)
{
	if (!gpu)
		return;
	close(gpu->fd);
	free(gpu);
}

int hvgpu_fd(const struct hvgpu *gpu)
{
	return gpu->fd;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

int hvgpu_event(struct hvgpu *gpu, int timeout_ms, struct gpupt_event *event)
{
	struct pollfd p = { .fd = gpu->fd, .events = POLLIN };
	int64_t end = now_ms() + timeout_ms;
	int left = timeout_ms;
	ssize_t n;

	for (;;) {
		n = poll(&p, 1, left);
		if (n <= 0)
			return n ? -errno : 0;
		/* A function that has gone hangs up and is at its end; else poll() saw an event. */
		n = read(gpu->fd, event, sizeof(*event));
		if (n >= 0)
			return n ? 1 : -ENODEV;
		/* Another thread may have been faster with it. */
		if (errno != EAGAIN)
			return -errno;
		if (timeout_ms > 0)
			left = end > now_ms() ? end - now_ms() : 0;
	}
}

int hvgpu_quiesce(struct hvgpu *gpu)
{
	return ioctl(gpu->fd, GPUPT_QUIESCE) ? -errno : 0;
}

int hvgpu_resume(struct hvgpu *gpu)
{
	return ioctl(gpu->fd, GPUPT_RESUME) ? -errno : 0;
}

/* The ioctl. Return: a descriptor, or a negative errno. */
static int export_fd(struct hvgpu *gpu, unsigned int bar, const struct gpupt_range *range,
		     unsigned int n, uint32_t flags)
{
	size_t size = sizeof(struct gpupt_export) + n * sizeof(*range);
	struct gpupt_export *arg = calloc(1, size);
	int fd;

	if (!arg)
		return -ENOMEM;
	arg->argsz = size;
	arg->flags = flags & ~HVGPU_EXPORT_READ;
	arg->region_index = bar;
	arg->open_flags = O_CLOEXEC | (flags & HVGPU_EXPORT_READ ? O_RDONLY : O_RDWR);
	arg->nr_ranges = n;
	memcpy(arg->dma_ranges, range, n * sizeof(*range));
	fd = ioctl(gpu->fd, GPUPT_EXPORT, arg);
	if (fd < 0)
		fd = -errno;
	free(arg);
	return fd;
}

int hvgpu_export(struct hvgpu *gpu, struct hvgpu_buffer **buffer, unsigned int bar,
		 const struct gpupt_range *range, unsigned int n, uint32_t flags)
{
	struct hvgpu_buffer *new;

	if (!n || n > GPUPT_MAX_RANGES)
		return -EINVAL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->fd = export_fd(gpu, bar, range, n, flags);
	if (new->fd < 0) {
		int ret = new->fd;

		free(new);
		return ret;
	}
	new->first = range[0].offset;
	new->writable = !(flags & HVGPU_EXPORT_READ);
	/* The kernel has found that their sum is one. */
	for (unsigned int i = 0; i < n; i++)
		new->size += range[i].length;
	pthread_mutex_init(&new->lock, NULL);
	*buffer = new;
	return 0;
}

void hvgpu_free(struct hvgpu_buffer *buffer)
{
	if (!buffer)
		return;
	if (buffer->at)
		munmap(buffer->at, buffer->size);
	close(buffer->fd);
	pthread_mutex_destroy(&buffer->lock);
	free(buffer);
}

int hvgpu_buffer_fd(const struct hvgpu_buffer *buffer)
{
	return buffer->fd;
}

uint64_t hvgpu_buffer_size(const struct hvgpu_buffer *buffer)
{
	return buffer->size;
}

/*
 * Where an address is aligned as the memory is, the kernel can map it by huge entries of the page
 * tables. A BAR is aligned to its size, so the offset in it decides; of a buffer the first range's.
 * The room is given back before it is used: what another thread maps there meanwhile is not to be
 * replaced, and small entries do as well.
 */
static void *map_aligned(const struct hvgpu_buffer *buffer, int prot)
{
	size_t before, size = buffer->size;
	uint8_t *room;
	void *at;

	if (size < SIZE_2M || size > SIZE_MAX - SIZE_2M)
		return mmap(NULL, size, prot, MAP_SHARED, buffer->fd, 0);
	room = mmap(NULL, size + SIZE_2M, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return room;
	munmap(room, size + SIZE_2M);
	before = (buffer->first - (uintptr_t)room) & (SIZE_2M - 1);
	at = mmap(room + before, size, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, buffer->fd, 0);
	return at == MAP_FAILED ? mmap(NULL, size, prot, MAP_SHARED, buffer->fd, 0) : at;
}

int hvgpu_map(struct hvgpu_buffer *buffer, void **at)
{
	int ret = 0;

	pthread_mutex_lock(&buffer->lock);
	if (!buffer->at) {
		int prot = PROT_READ | (buffer->writable ? PROT_WRITE : 0);
		void *new = map_aligned(buffer, prot);

		if (new == MAP_FAILED)
			ret = -errno;
		else
			__atomic_store_n(&buffer->at, new, __ATOMIC_RELEASE);
	}
	if (!ret)
		*at = buffer->at;
	pthread_mutex_unlock(&buffer->lock);
	return ret;
}
