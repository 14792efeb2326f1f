// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that holds on to exports against everything that takes them away, at once:
 *
 *	2 threads	export, map, touch, unmap, in any order of closing
 *	2 threads	export, import into the engine, map there, copy, let go
 *	1 thread	quiesce and resume
 *	1 thread	unbind the driver and bind it again
 *	1 thread	the counters and fdinfo, as a reader
 *	1 thread	events beyond a function's end
 *
 * A round is one export that was made. In the end nothing of them may be left.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "gputest.h"

#define DRIVER		"/sys/bus/pci/drivers/hv_gpu_passthrough/"
#define SIZE		(4 * PAGE)
#define LIMIT_NS	8000000000ull	/* of one taking away, with revoke_timeout_ms of 1000 */

static atomic_bool ended;
static atomic_ulong rounds, touched, sigbus, mapped, refused, revocations, unbinds;
static atomic_ullong longest;
static unsigned long wanted_rounds;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void keep_longest(uint64_t start)
{
	unsigned long long took = now_ns() - start, before = longest;

	while (took > before && !atomic_compare_exchange_weak(&longest, &before, took))
		;
	WANT(took < LIMIT_NS, "taking away took %llu ms", took / 1000000);
}

/* The device file goes and comes with the driver. */
static int open_again(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/gpupt/%s", provider);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* A new export, and by which open file; -1: none now. */
static int next_export(int *dev)
{
	uint32_t flags = wc_flag;
	int fd;

	if (*dev < 0)
		*dev = open_again();
	if (*dev < 0)
		return -1;
	fd = try_export(*dev, MEMORY, 0, SIZE, flags);
	if (fd >= 0) {
		rounds++;
		return fd;
	}
	WANT(errno == EBUSY || errno == ENODEV, "export");
	refused++;
	/* Also one who opened it before it was unbound may go on after it is bound again. */
	if (errno == ENODEV && refused & 1) {
		close(*dev);
		*dev = -1;
	}
	usleep(50);
	return -1;
}

static void *touch_them(void *unused)
{
	int dev = -1;

	while (!ended) {
		int fd = next_export(&dev);
		bool early = rounds & 1;
		uint8_t *at;

		if (fd < 0)
			continue;
		at = map_it(fd, SIZE);
		if (early)
			close(fd);
		if (at != MAP_FAILED) {
			for (unsigned int i = 0; i < SIZE; i += PAGE)
				*(touch(at + i) ? &touched : &sigbus) += 1;
			munmap(at, SIZE);
		}
		if (!early)
			close(fd);
	}
	if (dev >= 0)
		close(dev);
	return NULL;
}

static void *import_them(void *unused)
{
	static __thread uint8_t data[PAGE];
	int dev = -1, engine = open_client();

	while (!ended) {
		int fd = next_export(&dev);
		bool early = rounds & 1;

		if (fd < 0)
			continue;
		if (import(engine, fd, LAB_DMA_DYNAMIC)) {
			WANT(errno == ENODEV, "import");
			close(fd);
			continue;
		}
		if (early)
			close(fd);
		if (!ioctl(engine, LAB_DMA_MAP)) {
			mapped++;
			copy(engine, rounds & 2, 0, data, PAGE, LAB_DMA_ASYNC, 1, 0);
		} else {
			WANT(errno == ENODEV, "map");
		}
		want_errno("release", ioctl(engine, LAB_DMA_RELEASE), 0);
		if (!early)
			close(fd);
	}
	if (dev >= 0)
		close(dev);
	close(engine);
	return NULL;
}

static void *quiesce_again_and_again(void *unused)
{
	while (!ended) {
		int dev = open_again();
		uint64_t start = now_ns();

		if (dev < 0)
			continue;
		if (!ioctl(dev, GPUPT_QUIESCE)) {
			keep_longest(start);
			revocations++;
		}
		ioctl(dev, GPUPT_RESUME);
		close(dev);
		usleep(300);
	}
	return NULL;
}

static bool driver(const char *verb)
{
	char path[96];
	bool done;
	int fd;

	snprintf(path, sizeof(path), DRIVER "%s", verb);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	WANT(fd >= 0, "%s", path);
	done = write(fd, provider, strlen(provider)) > 0;
	close(fd);
	return done;
}

static void *unbind_again_and_again(void *unused)
{
	while (!ended) {
		uint64_t start = now_ns();

		WANT(driver("unbind"), "unbind");
		keep_longest(start);
		unbinds++;
		WANT(driver("bind"), "bind");
		usleep(20000);
	}
	return NULL;
}

static void *read_again_and_again(void *unused)
{
	while (!ended) {
		struct gpupt_event e;
		int dev = open_again();
		uint64_t undone;

		if (dev >= 0) {
			exports_alive(dev);
			fcntl(dev, F_SETFL, O_NONBLOCK);
			while (read(dev, &e, sizeof(e)) > 0)
				;
			close(dev);
		}
		undone = provider_stat("unmaps");
		WANT(undone <= provider_stat("maps"), "more undone than done");
		usleep(1000);
	}
	return NULL;
}

/* After the last event of a function only the first of its next time comes. */
static void *read_beyond_the_end(void *unused)
{
	while (!ended) {
		struct gpupt_event e = { 0 };
		bool removed = false;
		int dev = open_again();

		if (dev < 0)
			continue;
		fcntl(dev, F_SETFL, O_NONBLOCK);
		for (unsigned int turns = 0; turns < 60; turns++) {
			while (read(dev, &e, sizeof(e)) > 0) {
				WANT(!removed || e.type == GPUPT_EVENT_QUIESCE,
				     "event %u after the end", e.type);
				removed = e.type == GPUPT_EVENT_REMOVED;
			}
			usleep(1000);
		}
		close(dev);
	}
	return NULL;
}

int run_races(unsigned int n)
{
	static void *(*const role[])(void *) = {
		touch_them, touch_them, import_them, import_them, quiesce_again_and_again,
		unbind_again_and_again, read_again_and_again, read_beyond_the_end,
	};
	pthread_t thread[sizeof(role) / sizeof(role[0])];
	uint64_t moved = now_ns();
	unsigned long seen = 0;
	int dev;

	wanted_rounds = n;
	for (size_t i = 0; i < sizeof(role) / sizeof(role[0]); i++)
		WANT(!pthread_create(&thread[i], NULL, role[i], NULL), "thread");
	while (rounds < wanted_rounds) {
		usleep(10000);
		if (rounds != seen) {
			seen = rounds;
			moved = now_ns();
		}
		/* One takes below a millisecond, in the debug kernel a third of a second. */
		WANT(now_ns() - moved < 60000000000ull, "no round in a minute, %lu of %u before",
		     seen, n);
	}
	ended = true;
	for (size_t i = 0; i < sizeof(role) / sizeof(role[0]); i++)
		pthread_join(thread[i], NULL);
	printf("rounds=%lu mapped=%lu touched=%lu sigbus=%lu refused=%lu ", rounds, mapped, touched,
	       sigbus, refused);
	printf("revocations=%lu unbinds=%lu longest_ms=%llu\n", revocations, unbinds,
	       longest / 1000000);
	WANT(mapped && touched && refused && revocations && unbinds, "something never happened");
	dev = open_provider();
	ioctl(dev, GPUPT_RESUME);
	WANT(!exports_alive(dev), "%u exports are left", exports_alive(dev));
	WANT(provider_stat("maps") == provider_stat("unmaps"), "%llu mappings, %llu undone",
	     (unsigned long long)provider_stat("maps"),
	     (unsigned long long)provider_stat("unmaps"));
	WANT(!provider_stat("revoke_timeouts"), "an importer did not let go in time");
	/* Both memory types are free: no user of the BAR is left. */
	close(must_export(dev, 0, memory_size, wc_flag));
	close(must_export(dev, 0, memory_size, 0));
	close(dev);
	return 0;
}

#define ASKERS	12

static const char *stop_file;
static struct gpupt_p2p question;
static atomic_ulong answers, missing;

static void *ask_again_and_again(void *dev)
{
	while (access(stop_file, F_OK)) {
		for (unsigned int i = 0; i < 100; i++) {
			struct gpupt_p2p q = question;

			if (!ioctl(*(int *)dev, GPUPT_P2P, &q)) {
				answers++;
				continue;
			}
			WANT(errno == ENODEV, "question");
			missing++;
		}
	}
	return NULL;
}

/* More threads than processors ask of a client that comes and goes, and report a check of it. */
int run_p2p(const char *stop)
{
	unsigned int domain, bus, slot, fn;
	pthread_t thread[ASKERS];
	int dev = open_provider();

	stop_file = stop;
	WANT(sscanf(client, "%x:%x:%x.%x", &domain, &bus, &slot, &fn) == 4, "%s", client);
	question = (struct gpupt_p2p){
		.argsz = sizeof(question), .flags = GPUPT_P2P_REPORT, .domain = domain, .bus = bus,
		.devfn = slot << 3 | fn, .data_check = GPUPT_CHECK_PASSED,
	};
	for (size_t i = 0; i < ASKERS; i++)
		WANT(!pthread_create(&thread[i], NULL, ask_again_and_again, &dev), "thread");
	for (size_t i = 0; i < ASKERS; i++)
		pthread_join(thread[i], NULL);
	printf("answers=%lu missing=%lu\n", answers, missing);
	WANT(answers && missing, "it did not come and go");
	close(dev);
	return 0;
}
