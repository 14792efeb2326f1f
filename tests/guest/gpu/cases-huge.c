// SPDX-License-Identifier: GPL-2.0
/*
 * Huge entries of the page tables: where addresses and ranges allow them, nowhere else, with the
 * right memory behind them, and they go as small ones do. WANT_LEVEL says what the kernel has: 1 is
 * pages only, 2 2 MiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gputest.h"

#define SIZE_2M		(2ull << 20)
#define SIZE_1G		(1ull << 30)

static unsigned int best(void)
{
	const char *text = getenv("WANT_LEVEL");

	return text ? atoi(text) : 1;
}

/* An address with room for @length that is @shift beyond a multiple of @align. */
static uint8_t *room(size_t length, size_t align, size_t shift)
{
	uint8_t *at = mmap(NULL, length + 2 * align, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	WANT(at != MAP_FAILED, "room for %zu bytes", length);
	return (uint8_t *)(((uintptr_t)at + align - 1) / align * align + shift);
}

/* The first @length bytes of an export, @shift beyond a multiple of 2 MiB. */
static uint8_t *map_at(int fd, size_t length, size_t shift)
{
	uint8_t *at = mmap(room(length, SIZE_2M, shift), length, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0);

	WANT(at != MAP_FAILED, "mmap");
	return at;
}

static struct lab_dma_pte entry(int engine, const void *at)
{
	struct lab_dma_pte pte = { .address = (uintptr_t)at };

	WANT(touch(at), "SIGBUS at %p", at);
	want_errno("pte", ioctl(engine, LAB_DMA_PTE, &pte), 0);
	return pte;
}

static void level_is(int engine, const void *at, unsigned int wanted, const char *what)
{
	unsigned int level = entry(engine, at).level;

	WANT(level == wanted, "%s: level %u, wanted %u", what, level, wanted);
}

static void aligned_ones_are_huge(void)
{
	int dev = open_provider(), engine = open_client();

	for (unsigned int wc = 0; wc < (wc_flag ? 2 : 1); wc++) {
		int fd = must_export(dev, 2 * SIZE_2M, 2 * SIZE_2M, wc ? GPUPT_EXPORT_WC : 0);
		uint64_t before = provider_stat("faults_huge");
		uint8_t *at = map_at(fd, 2 * SIZE_2M, 0);
		static uint8_t data[8 * PAGE];
		struct lab_dma_pte pte;

		pte = entry(engine, at + 5 * PAGE);
		WANT(pte.level == best(), "level %u, wanted %u", pte.level, best());
		WANT((pte.pte & (LAB_DMA_PTE_PWT | LAB_DMA_PTE_PCD)) ==
			     (wc ? LAB_DMA_PTE_PWT : LAB_DMA_PTE_PCD),
		     "wc=%u: entry %#llx", wc, (unsigned long long)pte.pte);
		WANT(provider_stat("faults_huge") == before + (best() == 2), "counter");

		/* Across the border of two entries, the device sees what the CPU wrote. */
		want_errno("import", import(engine, fd, LAB_DMA_DYNAMIC), 0);
		want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
		fill(at + SIZE_2M - 4 * PAGE, sizeof(data), 3 + wc);
		want_errno("device reads", copy(engine, false, SIZE_2M - 4 * PAGE, data,
						sizeof(data), 0, 1, 0), 0);
		WANT(filled(data, sizeof(data), 3 + wc), "the device reads something else");
		want_errno("release", ioctl(engine, LAB_DMA_RELEASE), 0);
		munmap(at, 2 * SIZE_2M);
		close(fd);
	}
	close(engine);
	close(dev);
}

static void others_are_small(void)
{
	struct {
		struct gpupt_export head;
		struct gpupt_range range[2];
	} arg = {
		.head = {
			.argsz = sizeof(arg), .flags = wc_flag, .region_index = MEMORY,
			.open_flags = O_RDWR, .nr_ranges = 2,
		},
		.range = { { SIZE_2M, SIZE_2M / 2 }, { 3 * SIZE_2M, 2 * SIZE_2M + SIZE_2M / 2 } },
	};
	int dev = open_provider(), engine = open_client(), whole, fd;
	uint8_t *all, *at;

	whole = must_export(dev, 0, 8 * SIZE_2M, wc_flag);
	all = map_at(whole, 8 * SIZE_2M, 0);
	for (unsigned int i = 0; i < 8; i++)
		fill(all + i * SIZE_2M, PAGE, 20 + i);

	at = map_at(whole, 2 * SIZE_2M, PAGE);
	level_is(engine, at + SIZE_2M, 1, "an address that is not aligned");
	WANT(filled(at + SIZE_2M, PAGE, 21), "its contents");
	munmap(at, 2 * SIZE_2M);

	at = map_at(whole, SIZE_2M / 2, 0);
	level_is(engine, at, 1, "a mapping of less");
	munmap(at, SIZE_2M / 2);

	/* What begins within 2 MiB of the mapping's beginning is not the mapping's. */
	at = map_at(whole, 2 * SIZE_2M, SIZE_2M / 2);
	level_is(engine, at, 1, "the beginning of a mapping");
	munmap(at, 2 * SIZE_2M);

	fd = must_export(dev, SIZE_2M - PAGE, 2 * SIZE_2M, wc_flag);
	at = map_at(fd, 2 * SIZE_2M, 0);
	level_is(engine, at + PAGE, 1, "memory that is not aligned");
	WANT(filled(at + PAGE, PAGE, 21), "its contents");
	munmap(at, 2 * SIZE_2M);
	close(fd);

	/* The second range goes on at 1 MiB of the export, from 6 MiB of the memory. */
	fd = ioctl(dev, GPUPT_EXPORT, &arg);
	WANT(fd >= 0, "export of two ranges");
	at = map_at(fd, 3 * SIZE_2M, 0);
	level_is(engine, at, 1, "two ranges");
	level_is(engine, at + SIZE_2M, 1, "a range that is not aligned in its export");
	WANT(filled(at, PAGE, 21) && filled(at + SIZE_2M / 2, PAGE, 23) &&
	     filled(at + SIZE_2M + SIZE_2M / 2, PAGE, 24), "their contents");
	munmap(at, 3 * SIZE_2M);
	close(fd);
	munmap(all, 8 * SIZE_2M);
	close(whole);
	close(engine);
	close(dev);
}

static void huge_ones_are_split(void)
{
	int dev = open_provider(), engine = open_client();
	int fd = must_export(dev, 0, 2 * SIZE_2M, wc_flag);
	uint8_t *at = map_at(fd, 2 * SIZE_2M, 0);

	level_is(engine, at, best(), "before");
	fill(at + PAGE, PAGE, 5);
	want_errno("munmap of a page", munmap(at, PAGE), 0);
	level_is(engine, at + PAGE, 1, "what is left of it");
	WANT(filled(at + PAGE, PAGE, 5), "its contents");
	level_is(engine, at + SIZE_2M, best(), "the next one");
	want_errno("mprotect", mprotect(at + SIZE_2M, SIZE_2M, PROT_READ), 0);
	WANT(touch(at + SIZE_2M), "read-only");
	want_errno("mprotect", mprotect(at + SIZE_2M, SIZE_2M, PROT_READ | PROT_WRITE), 0);
	fill(at + SIZE_2M, PAGE, 6);
	WANT(filled(at + SIZE_2M, PAGE, 6), "writable again");
	munmap(at + PAGE, 2 * SIZE_2M - PAGE);
	close(fd);
	close(engine);
	close(dev);
}

/* Nor do they come back, and a child's go too. */
static void huge_ones_are_revoked(void)
{
	int dev = open_provider(), engine = open_client();
	int fd = must_export(dev, 0, 2 * SIZE_2M, wc_flag);
	uint8_t *at = map_at(fd, 2 * SIZE_2M, 0);
	uint64_t before;

	level_is(engine, at, best(), "before");
	quiesce_with_child(dev, at, at + SIZE_2M);
	before = provider_stat("faults_refused");
	WANT(!touch(at) && !touch(at + SIZE_2M), "the CPU still reads it");
	WANT(provider_stat("faults_refused") == before + 2, "counter");
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	WANT(!touch(at), "a revoked export came back");
	munmap(at, 2 * SIZE_2M);
	close(fd);
	close(engine);
	close(dev);
}

static unsigned int level_now(int engine, const void *at)
{
	struct lab_dma_pte pte = { .address = (uintptr_t)at };

	want_errno("pte", ioctl(engine, LAB_DMA_PTE, &pte), 0);
	return pte.level;
}

/*
 * What a fork copies may be what a revocation has just taken away: it finds no huge entry, and both
 * fault again.
 */
static void forks_copy_nothing(void)
{
	int dev = open_provider(), engine = open_client(), end;
	int fd = must_export(dev, 0, 2 * SIZE_2M, wc_flag);
	uint8_t *at = map_at(fd, 2 * SIZE_2M, 0);
	pid_t child;

	level_is(engine, at, best(), "before");
	fill(at, PAGE, 9);
	child = fork();
	if (!child) {
		if (best() == 2 && level_now(engine, at))
			_exit(2);
		_exit(filled(at, PAGE, 9) && level_now(engine, at) == best() ? 0 : 3);
	}
	waitpid(child, &end, 0);
	WANT(WIFEXITED(end) && !WEXITSTATUS(end), "child: %#x", end);
	level_is(engine, at, best(), "the parent's");
	munmap(at, 2 * SIZE_2M);
	close(fd);
	close(engine);
	close(dev);
}

#define CHILDREN	8
#define ENTRIES		64

static void *quiesce_soon(void *dev)
{
	usleep(rand() % 3000);
	want_errno("quiesce", ioctl(*(int *)dev, GPUPT_QUIESCE), 0);
	return NULL;
}

/* A child that is told by a byte from @go to look whether it still reads anything of @at. */
static pid_t start_child(const uint8_t *at, int go)
{
	pid_t child = fork();
	char c;

	if (child)
		return child;
	if (read(go, &c, 1) != 1)
		_exit(3);
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (touch(at + i * SIZE_2M))
			_exit(4);
	_exit(0);
}

/* A fork copies huge entries at the same time as a revocation takes them away. */
static void forks_against_revocation(void)
{
	int dev = open_provider(), go[2];

	WANT(!pipe(go), "pipe");
	for (unsigned int round = 0; round < 50; round++) {
		int fd = must_export(dev, 0, ENTRIES * SIZE_2M, wc_flag), end;
		uint8_t *at = map_at(fd, ENTRIES * SIZE_2M, 0);
		pid_t child[CHILDREN];
		pthread_t thread;

		for (unsigned int i = 0; i < ENTRIES; i++)
			WANT(touch(at + i * SIZE_2M), "SIGBUS before");
		WANT(!pthread_create(&thread, NULL, quiesce_soon, &dev), "thread");
		for (unsigned int i = 0; i < CHILDREN; i++)
			child[i] = start_child(at, go[0]);
		pthread_join(thread, NULL);
		WANT(write(go[1], "12345678", CHILDREN) == CHILDREN, "pipe");
		for (unsigned int i = 0; i < CHILDREN; i++) {
			waitpid(child[i], &end, 0);
			WANT(WIFEXITED(end) && !WEXITSTATUS(end), "round %u, child %u: %#x", round,
			     i, end);
		}
		want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
		munmap(at, ENTRIES * SIZE_2M);
		close(fd);
	}
	close(go[0]);
	close(go[1]);
	close(dev);
}

/* Never one entry: kernels do not know how to split that. */
static void gigabytes_are_many(void)
{
	int dev = open_provider(), engine = open_client(), fd;
	static uint8_t data[PAGE];
	uint8_t *at;

	if (memory_size < SIZE_1G) {
		printf("# no GiB of memory\n");
		close(engine);
		close(dev);
		return;
	}
	fd = must_export(dev, 0, SIZE_1G, wc_flag);
	at = mmap(room(SIZE_1G, SIZE_1G, 0), SIZE_1G, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, fd, 0);
	WANT(at != MAP_FAILED, "mmap");
	level_is(engine, at + 7 * PAGE, best(), "1 GiB");
	want_errno("import", import(engine, fd, LAB_DMA_DYNAMIC), 0);
	want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
	fill(at + SIZE_1G - PAGE, PAGE, 8);
	want_errno("device reads", copy(engine, false, SIZE_1G - PAGE, data, PAGE, 0, 1, 0), 0);
	WANT(filled(data, PAGE, 8), "the device reads something else");
	want_errno("munmap of a page", munmap(at, PAGE), 0);
	level_is(engine, at + PAGE, 1, "the first 2 MiB of what is left");
	level_is(engine, at + SIZE_1G - PAGE, best(), "the last of what is left");
	WANT(filled(at + SIZE_1G - PAGE, PAGE, 8), "its contents");
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
	WANT(!touch(at + PAGE) && !touch(at + SIZE_1G - PAGE), "the CPU still reads it");
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	munmap(at + PAGE, SIZE_1G - PAGE);
	close(fd);
	close(engine);
	close(dev);
}

/* Who looks for dirty pages has entries that begin read-only: writing gets through all the same. */
static void tracked_ones_are_written(void)
{
	int dev = open_provider(), fd = must_export(dev, SIZE_2M, SIZE_2M, 0), status;
	uint64_t before = provider_stat("faults_huge");
	uint8_t *at = map_at(fd, SIZE_2M, 0);
	pid_t child;

	child = fork();
	WANT(child >= 0, "fork");
	if (!child) {
		int refs = open("/proc/self/clear_refs", O_WRONLY);

		alarm(10);
		if (refs < 0 || write(refs, "4", 1) != 1)
			_exit(1);
		((volatile uint8_t *)at)[5 * PAGE] = 0x5a;
		_exit(((volatile uint8_t *)at)[5 * PAGE] == 0x5a ? 0 : 2);
	}
	WANT(waitpid(child, &status, 0) == child, "waitpid");
	WANT(WIFEXITED(status) && !WEXITSTATUS(status), "the child ended with %#x", status);
	WANT(provider_stat("faults_huge") - before < 10, "it took many faults");
	munmap(at, SIZE_2M);
	close(fd);
	close(dev);
}

const struct test_case huge_cases[] = {
	{ "aligned mappings have huge entries", aligned_ones_are_huge },
	{ "all others have small ones", others_are_small },
	{ "huge entries are split", huge_ones_are_split },
	{ "huge entries are revoked", huge_ones_are_revoked },
	{ "forks copy no huge entries", forks_copy_nothing },
	{ "forks against revocation", forks_against_revocation },
	{ "1 GiB has entries of 2 MiB", gigabytes_are_many },
	{ "entries of a dirty tracker are written", tracked_ones_are_written },
	{ NULL, NULL },
};
