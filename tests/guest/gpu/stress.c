// SPDX-License-Identifier: GPL-2.0
/* Races of exporting, mapping and revoking; calls with any arguments; a removal under all of it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gputest.h"

/* --- races --- */

static atomic_bool ended;
static atomic_ulong mapped, refused;

static void *revoke_again_and_again(void *unused)
{
	int dev = open_provider();

	while (!ended) {
		ioctl(dev, GPUPT_QUIESCE);
		ioctl(dev, GPUPT_RESUME);
		usleep(300);
	}
	close(dev);
	return NULL;
}

/* SIGBUS is caught by one thread at a time only, so this one touches and the main one imports. */
static void *map_and_touch(void *unused)
{
	int dev = open_provider();

	while (!ended) {
		int fd = try_export(dev, MEMORY, 0, 4 * PAGE, wc_flag);
		uint8_t *at;

		if (fd < 0)
			continue;
		at = map_it(fd, 4 * PAGE);
		if (at != MAP_FAILED) {
			for (unsigned int i = 0; i < 4; i++)
				touch(at + i * PAGE);
			munmap(at, 4 * PAGE);
		}
		close(fd);
	}
	close(dev);
	return NULL;
}

int run_races(unsigned int rounds)
{
	int dev = open_provider(), engine = open_client();
	static uint8_t data[PAGE];
	pthread_t thread[2];
	unsigned int done = 0;

	pthread_create(&thread[0], NULL, revoke_again_and_again, NULL);
	pthread_create(&thread[1], NULL, map_and_touch, NULL);
	for (unsigned long tries = 0; done < rounds && tries < 1000ul * rounds; tries++) {
		int fd = try_export(dev, MEMORY, 0, 4 * PAGE, wc_flag);

		if (fd < 0) {
			WANT(errno == EBUSY, "export");
			refused++;
			continue;
		}
		done++;
		if (!import(engine, fd, LAB_DMA_DYNAMIC)) {
			if (!ioctl(engine, LAB_DMA_MAP)) {
				mapped++;
				copy(engine, true, 0, data, PAGE, LAB_DMA_ASYNC, 1, 0);
			}
			if (done & 1)
				close(fd);
			want_errno("release", ioctl(engine, LAB_DMA_RELEASE), 0);
			if (done & 1)
				continue;
		}
		close(fd);
	}
	ended = true;
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	printf("rounds=%u mapped=%lu refused=%lu\n", done, mapped, refused);
	WANT(done == rounds && mapped, "%u rounds, %lu mapped", done, mapped);
	return 0;
}

/* --- any arguments --- */

static uint64_t state;

static uint32_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static uint64_t any_size(void)
{
	static const uint64_t nasty[] = { 0, 1, PAGE - 1, PAGE, PAGE + 1, UINT32_MAX, UINT64_MAX,
					  UINT64_MAX - PAGE + 1, 1ull << 63 };

	switch (any() % 4) {
	case 0:
		return nasty[any() % (sizeof(nasty) / sizeof(nasty[0]))];
	case 1:
		return memory_size - PAGE * (any() % 3);
	case 2:
		return (uint64_t)any() << 32 | any();
	default:
		return (uint64_t)(any() % 64) * PAGE;
	}
}

static uint32_t any_number(uint32_t likely)
{
	return any() % 8 ? any() % likely : any();
}

struct exported {
	struct gpupt_export head;
	struct gpupt_range range[GPUPT_MAX_RANGES];
};

static void any_export(int dev, void *at)
{
	struct exported *arg = at;
	uint32_t n = any_number(4);
	int fd;

	arg->head = (struct gpupt_export){
		.argsz = any() % 8 ? sizeof(*arg) : any_number(2000),
		.flags = any_number(8),
		.region_index = any() % 4 ? MEMORY : any_number(8),
		.open_flags = any() % 4 ? O_RDWR : any_number(4),
		.reserved = any() % 16 ? 0 : any(),
		.nr_ranges = n,
	};
	for (uint32_t i = 0; i < n && i < GPUPT_MAX_RANGES; i++) {
		arg->range[i].offset = any_size();
		arg->range[i].length = any_size();
	}
	fd = ioctl(dev, GPUPT_EXPORT, arg);
	if (fd < 0)
		return;
	/* What was exported lies in the BAR, whatever was asked for. */
	WANT(arg->head.region_index == MEMORY, "BAR %u was exported", arg->head.region_index);
	for (uint32_t i = 0; i < n; i++)
		WANT(arg->range[i].offset + arg->range[i].length <= memory_size &&
		     arg->range[i].length, "beyond the end");
	if (!(any() % 4)) {
		size_t size = lseek(fd, 0, SEEK_END), length = PAGE * (1 + any() % 4);
		uint8_t *p = map_it(fd, length);

		if (p != MAP_FAILED) {
			WANT(touch(p) && length <= size, "%zu bytes of %zu", length, size);
			munmap(p, length);
		}
	}
	close(fd);
}

static void any_call(int dev, void *at)
{
	uint32_t *word = at;

	switch (any() % 8) {
	case 0:
		for (unsigned int i = 0; i < sizeof(struct gpupt_info) / 4; i++)
			word[i] = any();
		word[0] = any_number(256);
		ioctl(dev, GPUPT_GET_INFO, at);
		break;
	case 1:
		for (unsigned int i = 0; i < sizeof(struct gpupt_p2p) / 4; i++)
			word[i] = any_number(3);
		word[0] = any() % 4 ? sizeof(struct gpupt_p2p) : any();
		ioctl(dev, GPUPT_P2P, at);
		break;
	case 2:
		ioctl(dev, _IOC(any() % 4, GPUPT_IOC_MAGIC, any() % 8, any() % 256), at);
		break;
	case 3:
		/* The end of what is mapped: a part of the arguments is not there. */
		ioctl(dev, any() % 2 ? GPUPT_EXPORT : GPUPT_GET_INFO,
		      (uint8_t *)at + 4 * PAGE - any() % 64);
		break;
	case 4:
		if (!(any() % 64)) {
			ioctl(dev, GPUPT_QUIESCE);
			ioctl(dev, GPUPT_RESUME);
		}
		break;
	default:
		any_export(dev, at);
	}
}

int run_fuzz(unsigned long calls, unsigned int seed)
{
	int dev = open_provider();
	void *at = mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	WANT(at != MAP_FAILED && !munmap((uint8_t *)at + 4 * PAGE, PAGE), "memory");
	state = 0x9e3779b97f4a7c15ull ^ seed;
	for (unsigned long i = 0; i < calls; i++)
		any_call(dev, at);
	printf("calls=%lu seed=%u\n", calls, seed);
	ioctl(dev, GPUPT_RESUME);
	close(must_export(dev, 0, memory_size, wc_flag));
	return 0;
}

/* --- removal --- */

int run_removal(const char *ready)
{
	int dev = open_provider(), engine = open_client();
	int fd = must_export(dev, 0, 16 * PAGE, wc_flag);
	uint8_t *at = map_it(fd, 16 * PAGE);
	struct pollfd p = { .fd = dev, .events = POLLIN };
	bool quiesced = false, revoked = false;
	static uint8_t data[16 * PAGE];
	struct gpupt_event e;

	WANT(at != MAP_FAILED && touch(at), "mmap");
	want_errno("import", import(engine, fd, LAB_DMA_DYNAMIC), 0);
	want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
	want_errno("copy", copy(engine, true, 0, data, sizeof(data), LAB_DMA_ASYNC, 10000000, 50),
		   0);
	close(open(ready, O_CREAT | O_WRONLY, 0600));
	do {
		e = event(dev, 60000);
		WANT(e.type, "no event");
		quiesced |= e.type == GPUPT_EVENT_QUIESCE;
		WANT(e.type != GPUPT_EVENT_REVOKED || quiesced, "revoked before quiesce");
		revoked |= e.type == GPUPT_EVENT_REVOKED;
	} while (e.type != GPUPT_EVENT_REMOVED);
	WANT(revoked, "removed before revoked");
	WANT(!touch(at) && !touch(at + 15 * PAGE), "the CPU still reads it");
	WANT(!status(engine).mapped && !status(engine).busy, "the importer still has it");
	want_errno("map", ioctl(engine, LAB_DMA_MAP), ENODEV);
	want_errno("export", try_export(dev, MEMORY, 0, PAGE, 0), ENODEV);
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), ENODEV);
	poll(&p, 1, 0);
	WANT(p.revents & POLLHUP, "no hang-up: %#x", p.revents);
	WANT(read(dev, &e, sizeof(e)) == 0, "no end of file");
	printf("removed\n");
	return 0;
}
