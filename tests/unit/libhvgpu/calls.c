// SPDX-License-Identifier: GPL-2.0
/*
 * What libhvgpu makes of what the kernel says. /dev/gpupt is a pipe here, whose ioctls are answered
 * below; an export is a file in memory, and cutting that short is a revocation: touched, it is
 * SIGBUS, as the device's would be.
 */
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hvgpu.h"
#include "verbs.h"

#define PAGE	4096u
#define WANT(what, got, wanted) want(__LINE__, what, got, wanted)

static void want(int line, const char *what, long got, long wanted)
{
	if (got != wanted)
		errx(1, "line %d: %s: got %ld, wanted %ld", line, what, got, wanted);
}

/* --- the kernel --- */

static struct {
	uint32_t version;	/* that the interface says it has */
	int refuses;		/* errno of exports */
	char opened[4096];
	int pipe[2];
	int last;		/* the export made last */
	struct gpupt_export head;
	struct gpupt_range range[GPUPT_MAX_RANGES];
	unsigned long plain;	/* the last ioctl without an argument */
	pthread_barrier_t seen;
	int readers;		/* that wait for each other before they read */
	bool crowded;		/* another thread maps where somebody wants to */
	uint8_t *stranger;	/* what it mapped */
} host = { .version = GPUPT_API_VERSION };

int __real_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
ssize_t __real_read(int fd, void *to, size_t n);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
ssize_t __wrap_read(int fd, void *to, size_t n);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);

int __wrap_open(const char *path, int flags, ...)
{
	snprintf(host.opened, sizeof(host.opened), "%s", path);
	if (strncmp(path, "/dev/gpupt/", 11))
		return __real_open(path, flags);
	if (strcmp(path + 11, "0001:00:00.0")) {
		errno = ENOENT;
		return -1;
	}
	WANT("pipe", pipe2(host.pipe, flags & O_NONBLOCK), 0);
	return host.pipe[0];
}

static int export(const struct gpupt_export *arg)
{
	uint64_t size = 0;

	if (host.refuses) {
		errno = host.refuses;
		return -1;
	}
	host.head = *arg;
	memcpy(host.range, arg->dma_ranges, arg->nr_ranges * sizeof(host.range[0]));
	for (unsigned int i = 0; i < arg->nr_ranges; i++)
		size += arg->dma_ranges[i].length;
	host.last = memfd_create("bar", MFD_CLOEXEC);
	WANT("export", host.last < 0 || ftruncate(host.last, size), 0);
	return host.last;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct gpupt_info *info;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd != host.pipe[0] || _IOC_TYPE(request) != GPUPT_IOC_MAGIC)
		return __real_ioctl(fd, request, arg);
	switch (request) {
	case GPUPT_GET_INFO:
		info = arg;
		WANT("size of info", info->argsz, sizeof(*info));
		info->api_version = host.version;
		info->bar[2].size = 1 << 20;
		return 0;
	case GPUPT_EXPORT:
		return export(arg);
	}
	host.plain = request;
	return 0;
}

ssize_t __wrap_read(int fd, void *to, size_t n)
{
	if (fd == host.pipe[0] && __atomic_fetch_sub(&host.readers, 1, __ATOMIC_RELAXED) > 0)
		pthread_barrier_wait(&host.seen);
	return __real_read(fd, to, n);
}

/* Whoever is about to map at an address finds that another thread was faster. */
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	if (host.crowded && flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		host.stranger = __real_mmap(at, PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		*host.stranger = 0x55;
	}
	return __real_mmap(at, n, prot, flags, fd, offset);
}

/* --- the library --- */

static struct hvgpu *gpu;

static struct hvgpu_buffer *exported(uint64_t size, uint32_t flags)
{
	struct gpupt_range range = { .length = size };
	struct hvgpu_buffer *buffer;

	WANT("export", hvgpu_export(gpu, &buffer, 2, &range, 1, flags), 0);
	return buffer;
}

static void opening(void)
{
	char path[5000];

	WANT("no such function", hvgpu_open(&gpu, "0002:00:00.0"), -ENOENT);
	WANT("another device", hvgpu_open(&gpu, "/dev/null"), -ENOTTY);
	WANT("a path is taken as it is", strcmp(host.opened, "/dev/null"), 0);
	memset(path, '0', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	WANT("a name that is too long", hvgpu_open(&gpu, path), -ENAMETOOLONG);
	host.version = GPUPT_API_VERSION + 1;
	WANT("another interface", hvgpu_open(&gpu, "0001:00:00.0"), -EPROTO);
	WANT("is closed again", fcntl(host.pipe[0], F_GETFD), -1);
	close(host.pipe[1]);
	host.version = GPUPT_API_VERSION;
	WANT("open", hvgpu_open(&gpu, "0001:00:00.0"), 0);
	WANT("its descriptor", hvgpu_fd(gpu), host.pipe[0]);
	WANT("quiesce", hvgpu_quiesce(gpu) || host.plain != GPUPT_QUIESCE, 0);
	WANT("resume", hvgpu_resume(gpu) || host.plain != GPUPT_RESUME, 0);
}

static void exporting(void)
{
	struct gpupt_range range[GPUPT_MAX_RANGES + 1];
	struct hvgpu_buffer *buffer;

	for (unsigned int i = 0; i <= GPUPT_MAX_RANGES; i++)
		range[i] = (struct gpupt_range){ .offset = i * 2 * PAGE, .length = PAGE };
	WANT("no ranges", hvgpu_export(gpu, &buffer, 2, range, 0, 0), -EINVAL);
	WANT("too many", hvgpu_export(gpu, &buffer, 2, range, GPUPT_MAX_RANGES + 1, 0), -EINVAL);
	host.refuses = EBUSY;
	WANT("refused", hvgpu_export(gpu, &buffer, 2, range, 1, 0), -EBUSY);
	host.refuses = 0;
	WANT("all", hvgpu_export(gpu, &buffer, 2, range, GPUPT_MAX_RANGES, GPUPT_EXPORT_WC), 0);
	WANT("size", hvgpu_buffer_size(buffer), GPUPT_MAX_RANGES * PAGE);
	WANT("descriptor", hvgpu_buffer_fd(buffer), host.last);
	WANT("argument", host.head.argsz, sizeof(host.head) + GPUPT_MAX_RANGES * sizeof(range[0]));
	WANT("BAR", host.head.region_index, 2);
	WANT("flags", host.head.flags, GPUPT_EXPORT_WC);
	WANT("mode", host.head.open_flags, O_RDWR | O_CLOEXEC);
	WANT("ranges", memcmp(host.range, range, sizeof(host.range)), 0);
	hvgpu_free(buffer);
	WANT("closed", fcntl(host.last, F_GETFD), -1);
	buffer = exported(PAGE, HVGPU_EXPORT_READ);
	WANT("flags of a reader", host.head.flags, 0);
	WANT("mode of a reader", host.head.open_flags, O_RDONLY | O_CLOEXEC);
	hvgpu_free(buffer);
	hvgpu_free(NULL);
}

static void copying(void)
{
	struct hvgpu_buffer *buffer = exported(2 * PAGE, 0);
	uint8_t data[PAGE], back[PAGE];
	void *at, *again;

	memset(data, 0x5a, sizeof(data));
	WANT("not mapped", hvgpu_copy_to(buffer, 0, data, 1), -ENXIO);
	WANT("not mapped", hvgpu_copy_from(buffer, 0, back, 1), -ENXIO);
	WANT("map", hvgpu_map(buffer, &at), 0);
	WANT("map again", hvgpu_map(buffer, &again) || again != at, 0);
	WANT("to", hvgpu_copy_to(buffer, 2 * PAGE - 100, data, 100), 0);
	WANT("one more", hvgpu_copy_to(buffer, 2 * PAGE - 100, data, 101), -EINVAL);
	WANT("one further", hvgpu_copy_from(buffer, 2 * PAGE - 99, back, 100), -EINVAL);
	WANT("far", hvgpu_copy_from(buffer, UINT64_MAX, back, 2), -EINVAL);
	WANT("much", hvgpu_copy_to(buffer, 1, data, SIZE_MAX), -EINVAL);
	WANT("nothing at the end", hvgpu_copy_to(buffer, 2 * PAGE, data, 0), 0);
	WANT("from", hvgpu_copy_from(buffer, 2 * PAGE - 100, back, 100), 0);
	WANT("bytes", memcmp(data, back, 100), 0);
	hvgpu_free(buffer);
	buffer = exported(PAGE, HVGPU_EXPORT_READ);
	WANT("map", hvgpu_map(buffer, &at), 0);
	WANT("a reader stores", hvgpu_copy_to(buffer, 0, data, 1), -EACCES);
	WANT("a reader loads", hvgpu_copy_from(buffer, 0, back, 1), 0);
	hvgpu_free(buffer);
}

static size_t mapped_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	size_t kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmSize: %zu", &kib);
	fclose(f);
	return kib;
}

/* As the memory lies in its BAR, and nothing else of the address space is kept. */
static void aligning(void)
{
	static const struct {
		uint64_t size, offset;
	} each[] = {
		{ 2ull << 20, 0 },
		{ 2ull << 20, 6ull << 20 },
		{ (2ull << 20) + PAGE, 3 * PAGE },
		{ (4ull << 20), (5ull << 20) + PAGE },
		{ 1ull << 30, (3ull << 30) + (1ull << 20) },
	};

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		struct gpupt_range range = { .offset = each[i].offset, .length = each[i].size };
		struct hvgpu_buffer *buffer;
		size_t before;
		void *at;

		WANT("export", hvgpu_export(gpu, &buffer, 2, &range, 1, 0), 0);
		before = mapped_kib();
		WANT("map", hvgpu_map(buffer, &at), 0);
		WANT("alignment", (uintptr_t)at % (2 << 20), each[i].offset % (2 << 20));
		WANT("address space", mapped_kib() - before, each[i].size >> 10);
		WANT("the last byte", hvgpu_copy_to(buffer, each[i].size - 1, "", 1), 0);
		hvgpu_free(buffer);
		WANT("address space after it", mapped_kib(), before);
	}
}

/* What another thread maps while one looks for an aligned address stays where it is. */
static void aligning_in_a_crowd(void)
{
	struct hvgpu_buffer *buffer = exported(4ull << 20, 0);
	void *at;
	int got;

	host.crowded = true;
	got = hvgpu_map(buffer, &at);
	host.crowded = false;
	WANT("the other thread's page", *host.stranger, 0x55);
	WANT("map", got, 0);
	WANT("the last byte", hvgpu_copy_to(buffer, (4ull << 20) - 1, "", 1), 0);
	hvgpu_free(buffer);
	munmap(host.stranger, PAGE);
}

/* The process that @action is run in ends by SIGBUS. */
static void dies(int line, const char *what, void (*action)(void))
{
	int end;
	pid_t child = fork();

	if (!child) {
		action();
		_exit(0);
	}
	waitpid(child, &end, 0);
	want(line, what, WIFSIGNALED(end) ? WTERMSIG(end) : 0, SIGBUS);
}

static struct hvgpu_buffer *cut;
static volatile sig_atomic_t heard;

static void copy_of_cut(void)
{
	uint8_t data[64];

	hvgpu_copy_from(cut, PAGE, data, sizeof(data));
}

static void touch_cut(void)
{
	void *at;

	hvgpu_map(cut, &at);
	(void)((volatile uint8_t *)at)[PAGE];
}

static void raise_it(void)
{
	raise(SIGBUS);
}

static void hear(int sig)
{
	heard++;
}

static void *copy_in_thread(void *data)
{
	return (void *)(long)hvgpu_copy_from(cut, PAGE, data, PAGE);
}

static void revocation(void)
{
	static uint8_t data[2 * PAGE], back[2 * PAGE];
	pthread_t thread[4];
	void *at;

	cut = exported(2 * PAGE, 0);
	WANT("map", hvgpu_map(cut, &at), 0);
	memset(data, 0x77, sizeof(data));
	WANT("revoke", ftruncate(hvgpu_buffer_fd(cut), PAGE), 0);
	dies(__LINE__, "not caught before it was asked for", copy_of_cut);
	WANT("catch", hvgpu_catch_revocation(), 0);
	WANT("catch again", hvgpu_catch_revocation(), 0);
	for (unsigned int i = 0; i < 3; i++) {
		WANT("to", hvgpu_copy_to(cut, 0, data, 2 * PAGE), -ENODEV);
		WANT("from", hvgpu_copy_from(cut, PAGE - 1, back, 2), -ENODEV);
		WANT("the rest is there", hvgpu_copy_from(cut, 0, back, PAGE), 0);
		WANT("the part that was copied", memcmp(data, back, PAGE), 0);
	}
	for (unsigned int i = 0; i < 4; i++)
		WANT("thread", pthread_create(&thread[i], NULL, copy_in_thread, back), 0);
	for (unsigned int i = 0; i < 4; i++) {
		void *ret;

		pthread_join(thread[i], &ret);
		WANT("in a thread", (long)ret, -ENODEV);
	}
	/* What is none of ours ends the process as it did. */
	dies(__LINE__, "an access outside of copies", touch_cut);
	dies(__LINE__, "a signal that was sent", raise_it);
	hvgpu_free(cut);
}

/* In a process whose program has a handler: it gets what is not ours. */
static void chained(void)
{
	int end;
	pid_t child = fork();

	if (!child) {
		uint8_t data[64];
		void *at;

		signal(SIGBUS, hear);
		hvgpu_catch_revocation();
		cut = exported(2 * PAGE, 0);
		if (hvgpu_map(cut, &at) || ftruncate(hvgpu_buffer_fd(cut), PAGE))
			_exit(1);
		if (hvgpu_copy_from(cut, PAGE, data, sizeof(data)) != -ENODEV || heard)
			_exit(2);
		raise(SIGBUS);
		_exit(heard == 1 ? 0 : 3);
	}
	waitpid(child, &end, 0);
	WANT("a program's own handler", end, 0);
}

static void *event_in_time(void *got)
{
	struct gpupt_event e;

	*(int *)got = hvgpu_event(gpu, 300, &e);
	return NULL;
}

/* Both threads have seen an event, one gets it: the other waits on, until its time is over. */
static void shared_events(const struct gpupt_event *e)
{
	pthread_t thread[2];
	int got[2];

	alarm(10); /* for one that waits for ever */
	WANT("barrier", pthread_barrier_init(&host.seen, NULL, 2), 0);
	host.readers = 2;
	WANT("write", write(host.pipe[1], e, sizeof(*e)), sizeof(*e));
	for (unsigned int i = 0; i < 2; i++)
		WANT("thread", pthread_create(&thread[i], NULL, event_in_time, &got[i]), 0);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	WANT("one has it, one has not", got[0] + got[1], 1);
	alarm(0);
}

static void events(void)
{
	struct gpupt_event e = { .type = GPUPT_EVENT_REVOKED, .count = 3 }, got;

	WANT("none", hvgpu_event(gpu, 0, &got), 0);
	WANT("write", write(host.pipe[1], &e, sizeof(e)), sizeof(e));
	WANT("one", hvgpu_event(gpu, -1, &got), 1);
	WANT("which", got.type != GPUPT_EVENT_REVOKED || got.count != 3, 0);
	shared_events(&e);
	close(host.pipe[1]);
	WANT("gone", hvgpu_event(gpu, -1, &got), -ENODEV);
}

static void registering(int there)
{
	struct hvgpu_buffer *buffer = exported(2 * PAGE, 0);
	struct ibv_pd *pd = (struct ibv_pd *)&host;
	struct ibv_mr *mr = NULL;
	struct given *got;

	WANT("no domain", hvgpu_register(buffer, NULL, 0, PAGE, 0, 0, &mr), -EINVAL);
	WANT("beyond the end", hvgpu_register(buffer, pd, PAGE, PAGE + 1, 0, 0, &mr), -EINVAL);
	WANT("nothing", hvgpu_register(buffer, pd, 0, 0, 0, 0, &mr), -EINVAL);
	if (!there) {
		WANT("without", hvgpu_register(buffer, pd, 0, PAGE, 0, 0, &mr), -EOPNOTSUPP);
	} else {
		WANT("with", hvgpu_register(buffer, pd, PAGE, PAGE, 0x1000, 3, &mr), 0);
		got = (struct given *)mr;
		WANT("domain", got->pd == pd, 1);
		WANT("offset", got->offset, PAGE);
		WANT("length", got->length, PAGE);
		WANT("address", got->iova, 0x1000);
		WANT("descriptor", got->fd, hvgpu_buffer_fd(buffer));
		WANT("access", got->access, 3);
		WANT("refused", hvgpu_register(buffer, pd, 0, PAGE, 0, 7, &mr), -EOPNOTSUPP);
	}
	hvgpu_free(buffer);
}

int main(int argc, char **argv)
{
	opening();
	if (argc > 1) {
		/* Before anybody has opened it, and then as a program that opens it itself. */
		registering(0);
		WANT("dlopen", !!dlopen("libibverbs.so.1", RTLD_NOW | RTLD_LOCAL), 1);
		registering(1);
		printf("ok - registration\n");
		return 0;
	}
	exporting();
	copying();
	aligning();
	aligning_in_a_crowd();
	registering(0);
	chained();
	revocation();
	events();
	hvgpu_close(gpu);
	printf("ok - calls\n");
	return 0;
}
