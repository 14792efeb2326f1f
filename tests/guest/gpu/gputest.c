// SPDX-License-Identifier: GPL-2.0
/*
 * gputest COMMAND PROVIDER CLIENT, with COMMAND one of cases, huge, races N, p2p STOP, fuzz N SEED,
 * removal READY, refusal NAME, probe OFFSET LENGTH, put FILE, get FILE: /dev/gpupt/PROVIDER, and
 * the engine behind /dev/labdma/CLIENT as its importer. Cases print one line each and end at the
 * first that fails. put and get copy the first 64 KiB of the memory out of a file and into one.
 */
#include "gputest.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

const char *provider, *client;
uint64_t memory_size;
uint32_t wc_flag;

static const char *running = "";
static __thread sigjmp_buf bus_error; /* a thread's own: whoever touches gets the signal */

void want(bool ok, const char *file, int line, const char *format, ...)
{
	va_list args;

	if (ok)
		return;
	fprintf(stderr, "not ok - %s: %s:%d: ", running, file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (errno %s)\n", strerrorname_np(errno));
	exit(1);
}

void want_errno(const char *what, long got, int wanted)
{
	if (wanted)
		WANT(got < 0 && errno == wanted, "%s: got %ld, wanted %s", what, got,
		     strerrorname_np(wanted));
	else
		WANT(got >= 0, "%s: got %ld, wanted success", what, got);
}

static int open_device(const char *folder, const char *address)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s/%s", folder, address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	WANT(fd >= 0, "%s", path);
	return fd;
}

int open_provider(void)
{
	return open_device("gpupt", provider);
}

int open_client(void)
{
	return open_device("labdma", client);
}

int try_export(int dev, uint32_t bar, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct {
		struct gpupt_export head;
		struct gpupt_range range;
	} arg = {
		.head = {
			.argsz = sizeof(arg),
			.flags = flags,
			.region_index = bar,
			.open_flags = O_RDWR | O_CLOEXEC,
			.nr_ranges = 1,
		},
		.range = { .offset = offset, .length = length },
	};

	return ioctl(dev, GPUPT_EXPORT, &arg);
}

int must_export(int dev, uint64_t offset, uint64_t length, uint32_t flags)
{
	int fd = try_export(dev, MEMORY, offset, length, flags);

	WANT(fd >= 0, "export of %#llx bytes at %#llx, flags %#x", (unsigned long long)length,
	     (unsigned long long)offset, flags);
	return fd;
}

int import(int engine, int fd, uint32_t kind)
{
	struct lab_dma_import arg = { .fd = fd, .kind = kind };

	return ioctl(engine, LAB_DMA_IMPORT, &arg);
}

int copy(int engine, bool write, uint64_t offset, void *data, uint32_t length, uint32_t flags,
	 uint32_t turns, uint32_t delay_us)
{
	struct lab_dma_copy arg = {
		.offset = offset,
		.data = (uintptr_t)data,
		.length = length,
		.flags = flags | (write ? LAB_DMA_WRITE : 0),
		.turns = turns,
		.delay_us = delay_us,
	};

	return ioctl(engine, LAB_DMA_COPY, &arg);
}

struct lab_dma_status status(int engine)
{
	struct lab_dma_status s;

	WANT(!ioctl(engine, LAB_DMA_STATUS, &s), "status");
	return s;
}

void *map_it(int fd, size_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static void on_bus_error(int sig)
{
	siglongjmp(bus_error, 1);
}

bool touch(const volatile void *at)
{
	if (sigsetjmp(bus_error, 1))
		return false;
	(void)*(const volatile uint8_t *)at;
	return true;
}

static uint32_t pattern(uint32_t seed, size_t i)
{
	return (seed * 2654435761u) ^ (uint32_t)(i * 40503u);
}

void fill(void *at, size_t n, uint32_t seed)
{
	volatile uint32_t *word = at;

	for (size_t i = 0; i < n / sizeof(*word); i++)
		word[i] = pattern(seed, i);
}

bool filled(const volatile void *at, size_t n, uint32_t seed)
{
	const volatile uint32_t *word = at;

	for (size_t i = 0; i < n / sizeof(*word); i++)
		if (word[i] != pattern(seed, i))
			return false;
	return true;
}

struct gpupt_event event(int dev, int timeout_ms)
{
	struct pollfd p = { .fd = dev, .events = POLLIN };
	struct gpupt_event e = { 0 };
	ssize_t n;

	if (poll(&p, 1, timeout_ms) != 1 || !(p.revents & POLLIN))
		return e;
	n = read(dev, &e, sizeof(e));
	WANT(n == sizeof(e), "read of an event: %zd", n);
	return e;
}

uint64_t provider_stat(const char *name)
{
	unsigned long long value;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/gpu_passthrough/devices/%s/stats/%s", provider,
		 name);
	f = fopen(path, "re");
	WANT(f && fscanf(f, "%llu", &value) == 1, "%s", path);
	fclose(f);
	return value;
}

unsigned int exports_alive(int dev)
{
	char path[64], line[256];
	unsigned int n = 0;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dev);
	f = fopen(path, "re");
	WANT(f, "%s", path);
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "gpupt-exports: %u", &n) == 1;
	fclose(f);
	WANT(found, "%s says nothing of exports", path);
	return n;
}

static void run_cases(const struct test_case *cases, unsigned int *n)
{
	for (; cases->name; cases++) {
		running = cases->name;
		cases->run();
		printf("ok %u - %s\n", ++*n, running);
		fflush(stdout);
	}
}

static void read_size(void)
{
	struct gpupt_info info = { .argsz = sizeof(info) };
	int dev = open_provider(), fd;

	WANT(!ioctl(dev, GPUPT_GET_INFO, &info), "info");
	memory_size = info.bar[MEMORY].size;
	fd = try_export(dev, MEMORY, 0, PAGE, GPUPT_EXPORT_WC);
	WANT(fd >= 0 || (errno == EOPNOTSUPP && !getenv("WANT_WC")), "write combining export");
	if (fd >= 0) {
		wc_flag = GPUPT_EXPORT_WC;
		close(fd);
	} else {
		printf("# this kernel has no write combining\n");
	}
	close(dev);
}

/* The first 64 KiB of the memory, in words; @out: into the file. */
static int copy_file(const char *path, bool out)
{
	uint64_t data[8192];
	int fd = must_export(open_provider(), 0, sizeof(data), wc_flag);
	volatile uint64_t *at = map_it(fd, sizeof(data));
	FILE *f = fopen(path, out ? "we" : "re");

	WANT((void *)at != MAP_FAILED && f, "%s", path);
	WANT(out || fread(data, sizeof(data), 1, f) == 1, "read of %s", path);
	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		if (out)
			data[i] = at[i];
		else
			at[i] = data[i];
	}
	WANT(!out || fwrite(data, sizeof(data), 1, f) == 1, "write of %s", path);
	return fclose(f);
}

/* Without a look at the device before: it may not be opened. */
static int run_refusal(const char *name)
{
	for (const struct test_case *c = refusal_cases; c->name; c++) {
		running = c->name;
		if (strcmp(c->name, name))
			continue;
		if (strcmp(name, "locked-open"))
			read_size();
		c->run();
		return 0;
	}
	errx(2, "no refusal '%s'", name);
}

int main(int argc, char **argv)
{
	struct sigaction bus = { .sa_handler = on_bus_error };
	unsigned int n = 0;

	if (argc < 4)
		errx(2, "usage: gputest COMMAND [ARGUMENT...] PROVIDER CLIENT");
	provider = argv[argc - 2];
	client = argv[argc - 1];
	sigaction(SIGBUS, &bus, NULL);
	running = argv[1];
	if (!strcmp(argv[1], "probe") && argc == 6)
		return close(must_export(open_provider(), strtoull(argv[2], NULL, 0),
					 strtoull(argv[3], NULL, 0), 0));
	if (!strcmp(argv[1], "refusal") && argc == 5)
		return run_refusal(argv[2]);
	read_size();
	if (argc == 5 && (!strcmp(argv[1], "put") || !strcmp(argv[1], "get")))
		return copy_file(argv[2], argv[1][0] == 'g');
	if (!strcmp(argv[1], "races") && argc == 5)
		return run_races(atoi(argv[2]));
	if (!strcmp(argv[1], "fuzz") && argc == 6)
		return run_fuzz(atol(argv[2]), atoi(argv[3]));
	if (!strcmp(argv[1], "p2p") && argc == 5)
		return run_p2p(argv[2]);
	if (!strcmp(argv[1], "removal") && argc == 5)
		return run_removal(argv[2]);
	if (!strcmp(argv[1], "huge")) {
		run_cases(huge_cases, &n);
		return 0;
	}
	if (strcmp(argv[1], "cases"))
		errx(2, "unknown command %s", argv[1]);
	run_cases(export_cases, &n);
	run_cases(revoke_cases, &n);
	return 0;
}
