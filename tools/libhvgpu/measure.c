// SPDX-License-Identifier: GPL-2.0
/*
 * One buffer, copied to or from again and again, each copy timed by itself. What the device's
 * memory held is put back in the end.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "measure.h"
#include "percentile.h"

/* struct choice - what the options say */
struct choice {
	const char *address;
	int bar;
	uint64_t offset;
	size_t size;
	unsigned int count;
	uint32_t flags;
};

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: %s [-b BAR] [-o OFFSET] [-s SIZE] [-n COUNT] [-u] [-m METHOD] ADDRESS\n",
		program_invocation_short_name);
	exit(status);
}

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value < least || value > most)
		errx(EX_USAGE, "'%s' is not a number from %llu to %llu", text,
		     (unsigned long long)least, (unsigned long long)most);
	return value;
}

static void choose(struct choice *c, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "b:o:s:n:um:h")) != -1) {
		switch (option) {
		case 'b':
			c->bar = number(optarg, 0, GPUPT_BARS - 1);
			break;
		case 'o':
			c->offset = number(optarg, 0, UINT64_MAX);
			break;
		case 's':
			c->size = number(optarg, 4096, 1ull << 30);
			break;
		case 'n':
			c->count = number(optarg, 1, 10000000);
			break;
		case 'u':
			c->flags &= ~GPUPT_EXPORT_WC;
			break;
		case 'm':
			if (hvgpu_use_method(optarg))
				errx(EX_USAGE, "this processor has no method '%s'", optarg);
			break;
		default:
			usage(option == 'h' ? 0 : EX_USAGE);
		}
	}
	if (optind + 1 != argc)
		usage(EX_USAGE);
	c->address = argv[optind];
}

int first_exportable(const struct gpupt_info *info)
{
	int best = -1;

	for (int n = 0; n < GPUPT_BARS; n++)
		if (info->bar[n].flags & GPUPT_BAR_EXPORTABLE &&
		    (best < 0 || info->bar[n].size > info->bar[best].size))
			best = n;
	return best;
}

static void export_it(struct bench *bench, struct choice *c)
{
	struct gpupt_range range = { .offset = c->offset, .length = c->size };
	struct gpupt_info info;
	void *at;
	int ret = hvgpu_open(&bench->gpu, c->address);

	if (!ret)
		ret = hvgpu_info(bench->gpu, &info);
	if (ret)
		errx(EX_NO_DEVICE, "%s: %s", c->address, strerror(-ret));
	if (c->bar < 0)
		c->bar = first_exportable(&info);
	if (c->bar < 0)
		errx(EX_NO_DEVICE, "%s has no BAR that can be exported", c->address);
	ret = hvgpu_export(bench->gpu, &bench->buffer, c->bar, &range, 1, c->flags);
	if (ret)
		errx(EX_FAILED, "%s: export of %#zx bytes at %#llx of BAR %d: %s%s", c->address,
		     c->size, (unsigned long long)c->offset, c->bar, strerror(-ret),
		     ret == -EOPNOTSUPP && c->flags ? " (no write combining? see -u)" : "");
	ret = hvgpu_map(bench->buffer, &at);
	if (ret)
		errx(EX_FAILED, "%s: mmap: %s", c->address, strerror(-ret));
	bench->device = at;
}

static void say(const struct choice *c)
{
	struct utsname system;

	uname(&system);
	printf("# %s BAR %d, %#zx bytes at %#llx, ", c->address, c->bar, c->size,
	       (unsigned long long)c->offset);
	printf("%s, %s, %u copies each, kernel %s\n",
	       c->flags & GPUPT_EXPORT_WC ? "write combining" : "uncached", hvgpu_method(),
	       c->count, system.release);
}

/* Two halves of it: what was there, and what is copied. */
static void fill(struct bench *bench)
{
	bench->memory = aligned_alloc(4096, 2 * bench->size);
	bench->took = calloc(bench->count, sizeof(*bench->took));
	if (!bench->memory || !bench->took)
		err(EX_FAILED, "%zu bytes", 2 * bench->size);
	if (hvgpu_copy_from(bench->buffer, 0, bench->memory + bench->size, bench->size))
		errx(EX_FAILED, "revoked");
	for (size_t i = 0; i < bench->size; i++)
		bench->memory[i] = i * 7;
}

void bench_open(struct bench *bench, int argc, char **argv, size_t default_size,
		unsigned int default_count)
{
	struct choice c = {
		.bar = -1, .size = default_size, .count = default_count, .flags = GPUPT_EXPORT_WC,
	};
	int ret = hvgpu_catch_revocation();

	if (ret)
		errx(EX_FAILED, "SIGBUS: %s", strerror(-ret));
	setlinebuf(stdout);
	choose(&c, argc, argv);
	export_it(bench, &c);
	bench->size = c.size;
	bench->count = c.count;
	fill(bench);
	say(&c);
}

void bench_close(struct bench *bench)
{
	if (hvgpu_copy_to(bench->buffer, 0, bench->memory + bench->size, bench->size))
		errx(EX_FAILED, "revoked, its contents are not put back");
	free(bench->memory);
	free(bench->took);
	hvgpu_free(bench->buffer);
	hvgpu_close(bench->gpu);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void bench_run(struct bench *bench, bool store, size_t n)
{
	for (unsigned int i = 0; i < bench->count; i++) {
		uint64_t start = now_ns();
		int ret = store ? hvgpu_copy_to(bench->buffer, 0, bench->memory, n) :
				  hvgpu_copy_from(bench->buffer, 0, bench->memory, n);

		bench->took[i] = now_ns() - start;
		if (ret)
			errx(EX_FAILED, "copy of %zu bytes: %s", n, strerror(-ret));
	}
	sort_values(bench->took, bench->count);
}
