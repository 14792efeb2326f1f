/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hvgpu.h: memory of passed-through functions, by way of /dev/gpupt (hvgpu(3)).
 *
 * Functions return 0, or a negative errno. A struct hvgpu and its buffers may be used by several
 * threads; whoever frees one of them makes sure that no other thread is in a call with it.
 */
#ifndef HVGPU_H
#define HVGPU_H

#include <stddef.h>
#include <stdint.h>

#include <linux/hv_gpu_passthrough.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hvgpu;		/* an open function */
struct hvgpu_buffer;	/* one export of it: a dma-buf */
struct ibv_pd;
struct ibv_mr;

/* Beside GPUPT_EXPORT_*, for hvgpu_export(): the descriptor and its mapping are for reading. */
#define HVGPU_EXPORT_READ	0x80000000U

/* hvgpu_open() - @address as in /dev/gpupt, or a path with a slash; -EPROTO: another interface */
int hvgpu_open(struct hvgpu **gpu, const char *address);

/* hvgpu_close() - its buffers stay until they are freed */
void hvgpu_close(struct hvgpu *gpu);

/* hvgpu_fd() - to poll for events with others; the library's own */
int hvgpu_fd(const struct hvgpu *gpu);

int hvgpu_info(struct hvgpu *gpu, struct gpupt_info *info);

/*
 * hvgpu_event() - the next notice: quiesce, revoked, removed, resumed, hibernate
 * @timeout_ms: 0 does not wait, -1 waits for ever
 *
 * Return: 1 with *@event, 0 when none came in time, -ENODEV when the function has gone and every
 * event of it was read.
 */
int hvgpu_event(struct hvgpu *gpu, int timeout_ms, struct gpupt_event *event);

/* hvgpu_quiesce() - takes everybody's exports of it back; hvgpu_resume() - allows new ones */
int hvgpu_quiesce(struct hvgpu *gpu);
int hvgpu_resume(struct hvgpu *gpu);

/* hvgpu_export() - @n ranges of a BAR as one buffer; errors are those of GPUPT_EXPORT */
int hvgpu_export(struct hvgpu *gpu, struct hvgpu_buffer **buffer, unsigned int bar,
		 const struct gpupt_range *range, unsigned int n, uint32_t flags);

/* hvgpu_free() - unmaps and closes it; NULL is nothing */
void hvgpu_free(struct hvgpu_buffer *buffer);

/* hvgpu_buffer_fd() - the dma-buf, for other interfaces and processes; the library's own */
int hvgpu_buffer_fd(const struct hvgpu_buffer *buffer);
uint64_t hvgpu_buffer_size(const struct hvgpu_buffer *buffer);

/* hvgpu_map() - all of it; a second time gives the same. Touched after a revocation: SIGBUS. */
int hvgpu_map(struct hvgpu_buffer *buffer, void **at);

/*
 * hvgpu_catch_revocation() - from now on a copy below that meets a revocation returns -ENODEV
 *
 * Takes SIGBUS for the whole process, and passes on to the former handler what is none of ours. A
 * program that sets a handler itself does so before.
 */
int hvgpu_catch_revocation(void);

/*
 * hvgpu_copy_to(), hvgpu_copy_from() - between memory and a mapped buffer, by streaming accesses
 *
 * What was stored is on its way to the device before the return.
 *
 * Return: -EINVAL beyond the end, -ENXIO not mapped, -EACCES stored into a buffer for reading,
 * -ENODEV revoked, where that is caught; a part may be copied then.
 */
int hvgpu_copy_to(struct hvgpu_buffer *buffer, uint64_t offset, const void *from, size_t n);
int hvgpu_copy_from(struct hvgpu_buffer *buffer, uint64_t offset, void *to, size_t n);

/* hvgpu_store(), hvgpu_load() - the same with bare pointers: any alignment, any length */
void hvgpu_store(void *device, const void *from, size_t n);
void hvgpu_load(void *to, const void *device, size_t n);

/* hvgpu_method() - the name of what these two use on this processor */
const char *hvgpu_method(void);

/* hvgpu_use_method() - another, before any copy; -EINVAL: this processor has it not */
int hvgpu_use_method(const char *name);

/*
 * hvgpu_register() - ibv_reg_dmabuf_mr() of a part of a buffer
 *
 * The caller has a protection domain, so libibverbs is in the process: it is looked up there, and
 * this library works where there is none. -EOPNOTSUPP: it is not, or is too old.
 */
int hvgpu_register(struct hvgpu_buffer *buffer, struct ibv_pd *pd, uint64_t offset, size_t n,
		   uint64_t iova, int access, struct ibv_mr **mr);

#ifdef __cplusplus
}
#endif

#endif
