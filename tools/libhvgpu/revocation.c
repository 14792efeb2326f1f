// SPDX-License-Identifier: GPL-2.0
/*
 * Copies of buffers, which may be revoked in the middle of one: the processor then gets SIGBUS.
 * Where hvgpu_catch_revocation() was called, the handler goes back to before the copy. The signal's
 * mask is not saved, that would be a system call for each copy; so the handler runs with SIGBUS
 * allowed, and leaving it by a jump leaves nothing blocked.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>

#include "buffer.h"
#include "copy.h"
#include "hvgpu.h"

/* struct copying - a copy under way: its thread, and what of the device it touches */
struct copying {
	sigjmp_buf before;
	uintptr_t start;
	uintptr_t end;
};

/* Found without a call of the loader, since a handler reads it in any thread. */
static __thread __attribute__((tls_model("initial-exec"))) struct copying *volatile copying;

static struct sigaction former;

/* None of ours: as it would have been without us. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	bool sent = info->si_code <= 0; /* by a process, not by an access */

	if (former.sa_flags & SA_SIGINFO) {
		former.sa_sigaction(sig, info, context);
	} else if (former.sa_handler == SIG_DFL || former.sa_handler == SIG_IGN) {
		if (sent && former.sa_handler == SIG_IGN)
			return;
		/* The access is made once more, and ends the process. */
		signal(sig, SIG_DFL);
		if (sent)
			raise(sig);
	} else {
		former.sa_handler(sig);
	}
}

static void on_bus_error(int sig, siginfo_t *info, void *context)
{
	struct copying *now = copying;
	uintptr_t at = (uintptr_t)info->si_addr;

	if (now && info->si_code > 0 && at >= now->start && at < now->end)
		siglongjmp(now->before, 1);
	pass_on(sig, info, context);
}

static int take_signal(void)
{
	struct sigaction ours = {
		.sa_sigaction = on_bus_error,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	return sigaction(SIGBUS, &ours, &former) ? -errno : 0;
}

int hvgpu_catch_revocation(void)
{
	static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
	static int taken;
	int ret = 0;

	pthread_mutex_lock(&once);
	if (!taken) {
		ret = take_signal();
		taken = !ret;
	}
	pthread_mutex_unlock(&once);
	return ret;
}

/* Where of the mapping, or what is wrong. */
static int find(const struct hvgpu_buffer *buffer, uint64_t offset, size_t n, uint8_t **device)
{
	uint8_t *at = __atomic_load_n(&buffer->at, __ATOMIC_ACQUIRE);

	if (!at)
		return -ENXIO;
	if (offset > buffer->size || n > buffer->size - offset)
		return -EINVAL;
	*device = at + offset;
	return 0;
}

/* @memory is only read when it is stored from. */
static int copy(struct hvgpu_buffer *buffer, uint64_t offset, void *memory, size_t n, bool store)
{
	struct copying now;
	uint8_t *device;
	int ret = find(buffer, offset, n, &device);

	if (ret)
		return ret;
	if (store && !buffer->writable)
		return -EACCES;
	now.start = (uintptr_t)device;
	now.end = now.start + n;
	if (sigsetjmp(now.before, 0)) {
		copying = NULL;
		return -ENODEV;
	}
	copying = &now;
	if (store)
		hvgpu_store(device, memory, n);
	else
		hvgpu_load(memory, device, n);
	copying = NULL;
	return 0;
}

int hvgpu_copy_to(struct hvgpu_buffer *buffer, uint64_t offset, const void *from, size_t n)
{
	return copy(buffer, offset, (void *)(uintptr_t)from, n, true);
}

int hvgpu_copy_from(struct hvgpu_buffer *buffer, uint64_t offset, void *to, size_t n)
{
	return copy(buffer, offset, to, n, false);
}
