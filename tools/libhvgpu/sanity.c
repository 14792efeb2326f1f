// SPDX-License-Identifier: GPL-2.0
/*
 * hvgpu-sanity: does a function's memory do what hvgpu(3) says? Numbered cases, the first that
 * fails ends it. What the first 64 KiB of the BAR held is put back, except after a failure. With
 * -r revocation too, which takes everybody's exports of the function.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

#define SIZE	65536u
#define PAGE	4096u

static struct hvgpu *gpu;
static struct hvgpu_buffer *buffer;
static unsigned int bar;
static uint64_t bar_size;
static uint32_t wc;
static const char *running;
static uint8_t memory[SIZE], kept[SIZE];

/* WANT() - ends the case, and the program, when @ok is false */
#define WANT(ok, ...)								\
	do {									\
		if (!(ok)) {							\
			printf("not ok - %s: ", running);			\
			printf(__VA_ARGS__);					\
			printf("\n");						\
			exit(EX_FAILED);					\
		}								\
	} while (0)

static void want(const char *what, int got, int wanted)
{
	WANT(got == wanted, "%s: got %s, wanted %s", what,
	     got < 0 ? strerrorname_np(-got) : "success",
	     wanted < 0 ? strerrorname_np(-wanted) : "success");
}

static int export_at(struct hvgpu_buffer **to, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct gpupt_range range = { .offset = offset, .length = length };

	return hvgpu_export(gpu, to, bar, &range, 1, flags);
}

static uint8_t *mapped(struct hvgpu_buffer *b)
{
	void *at;

	want("map", hvgpu_map(b, &at), 0);
	return at;
}

static void fill(uint8_t *at, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (i * 167 + (i >> 8) + seed) ^ seed << 3;
}

static void ranges_are_refused(void)
{
	struct hvgpu_buffer *none;

	want("empty", export_at(&none, 0, 0, wc), -EINVAL);
	want("half a page", export_at(&none, 0, PAGE / 2, wc), -EINVAL);
	want("beyond the end", export_at(&none, bar_size - PAGE, 2 * PAGE, wc), -EINVAL);
	want("at the end", export_at(&none, bar_size, PAGE, wc), -EINVAL);
	want("overflow", export_at(&none, UINT64_MAX - PAGE + 1, 2 * PAGE, wc), -EINVAL);
	want("copy beyond the end", hvgpu_copy_to(buffer, SIZE - 1, memory, 2), -EINVAL);
	want("copy at an overflow", hvgpu_copy_from(buffer, UINT64_MAX, memory, 2), -EINVAL);
}

static void data_comes_back(void)
{
	for (unsigned int seed = 1; seed < 4; seed++) {
		static uint8_t back[SIZE];

		fill(memory, SIZE, seed);
		want("store", hvgpu_copy_to(buffer, 0, memory, SIZE), 0);
		want("load", hvgpu_copy_from(buffer, 0, back, SIZE), 0);
		WANT(!memcmp(memory, back, SIZE), "what was stored does not come back");
	}
}

/* Every alignment on both sides and every length up to two lines and a half; neighbours stay. */
static void alignments(void)
{
	static uint8_t back[SIZE];

	fill(memory, SIZE, 9);
	want("store", hvgpu_copy_to(buffer, 0, memory, SIZE), 0);
	for (unsigned int n = 1; n < 160; n++) {
		unsigned int to = 64 + n * 29 % 64, from = n * 13 % 64;

		fill(memory + 1024 + from, n, n);
		want("store", hvgpu_copy_to(buffer, to, memory + 1024 + from, n), 0);
		want("load", hvgpu_copy_from(buffer, to, back + from, n), 0);
		WANT(!memcmp(back + from, memory + 1024 + from, n), "%u bytes at %u", n, to);
		want("put back", hvgpu_copy_to(buffer, to, memory + to, n), 0);
		want("load", hvgpu_copy_from(buffer, 0, back, 1024), 0);
		WANT(!memcmp(back, memory, 1024), "%u bytes at %u: neighbours changed", n, to);
	}
}

static void methods_agree(void)
{
	static const char *const method[] = { "words", "movntdq", "movntdqa" };
	static uint8_t back[SIZE];
	const char *best = hvgpu_method();

	for (unsigned int i = 0; i < sizeof(method) / sizeof(method[0]); i++) {
		if (hvgpu_use_method(method[i]))
			continue;
		fill(memory, SIZE, 20 + i);
		want("store", hvgpu_copy_to(buffer, 3, memory, SIZE - 7), 0);
		for (unsigned int j = 0; j < sizeof(method) / sizeof(method[0]); j++) {
			if (hvgpu_use_method(method[j]))
				continue;
			memset(back, 0, SIZE);
			want("load", hvgpu_copy_from(buffer, 3, back, SIZE - 7), 0);
			WANT(!memcmp(memory, back, SIZE - 7), "%s does not read what %s wrote",
			     method[j], method[i]);
		}
	}
	want("the best again", hvgpu_use_method(best), 0);
}

static void two_exports_are_one_memory(void)
{
	struct hvgpu_buffer *part;
	uint8_t back[PAGE];

	want("export", export_at(&part, PAGE, PAGE, wc | HVGPU_EXPORT_READ), 0);
	want("not mapped", hvgpu_copy_from(part, 0, back, PAGE), -ENXIO);
	mapped(part);
	fill(memory, PAGE, 30);
	want("store", hvgpu_copy_to(buffer, PAGE, memory, PAGE), 0);
	want("load", hvgpu_copy_from(part, 0, back, PAGE), 0);
	WANT(!memcmp(memory, back, PAGE), "the part is not where it should be");
	want("store for a reader", hvgpu_copy_to(part, 0, memory, PAGE), -EACCES);
	hvgpu_free(part);
}

static void a_child_has_it_too(void)
{
	int end;
	pid_t child;

	fill(memory, PAGE, 40);
	want("store", hvgpu_copy_to(buffer, 0, memory, PAGE), 0);
	fflush(stdout);
	child = fork();
	if (!child) {
		uint8_t back[PAGE];

		if (hvgpu_copy_from(buffer, 0, back, PAGE) || memcmp(memory, back, PAGE))
			_exit(1);
		fill(memory, PAGE, 41);
		_exit(hvgpu_copy_to(buffer, 0, memory, PAGE) ? 2 : 0);
	}
	WANT(child > 0 && waitpid(child, &end, 0) == child && !end, "child: %#x", end);
	fill(memory, PAGE, 41);
	want("load", hvgpu_copy_from(buffer, 0, memory + PAGE, PAGE), 0);
	WANT(!memcmp(memory, memory + PAGE, PAGE), "what the child stored is not there");
}

static const struct check {
	const char *name;
	void (*run)(void);
} checks[] = {
	{ "what cannot be is refused", ranges_are_refused },
	{ "data comes back", data_comes_back },
	{ "alignments and lengths", alignments },
	{ "methods agree", methods_agree },
	{ "two exports are one memory", two_exports_are_one_memory },
	{ "a child has it too", a_child_has_it_too },
};

static void expect_event(uint32_t type)
{
	struct gpupt_event e = { 0 };

	want("event", hvgpu_event(gpu, 10000, &e) == 1 ? 0 : -ETIME, 0);
	WANT(e.type == type, "event %u instead of %u", e.type, type);
}

/* Revoked, copies fail and the notices come; after a resumption a new export works. */
static void revocation(void)
{
	struct gpupt_event e;

	while (hvgpu_event(gpu, 0, &e) == 1)
		; /* from before */
	want("quiesce", hvgpu_quiesce(gpu), 0);
	want("store", hvgpu_copy_to(buffer, 0, memory, SIZE), -ENODEV);
	want("load", hvgpu_copy_from(buffer, SIZE - 1, memory, 1), -ENODEV);
	expect_event(GPUPT_EVENT_QUIESCE);
	expect_event(GPUPT_EVENT_REVOKED);
	WANT(!hvgpu_event(gpu, 0, &e), "one event more: %u", e.type);
	hvgpu_free(buffer);
	want("export", export_at(&buffer, 0, SIZE, wc), -EBUSY);
	want("resume", hvgpu_resume(gpu), 0);
	expect_event(GPUPT_EVENT_RESUMED);
	want("export", export_at(&buffer, 0, SIZE, wc), 0);
	mapped(buffer);
	want("store", hvgpu_copy_to(buffer, 0, memory, SIZE), 0);
}

static void open_it(const char *address)
{
	struct gpupt_info info;
	int ret = hvgpu_open(&gpu, address);

	if (!ret)
		ret = hvgpu_info(gpu, &info);
	if (ret)
		errx(EX_NO_DEVICE, "%s: %s", address, strerror(-ret));
	ret = first_exportable(&info);
	if (ret < 0 || info.bar[ret].size < SIZE)
		errx(EX_NO_DEVICE, "%s has no BAR of 64 KiB that can be exported", address);
	bar = ret;
	bar_size = info.bar[bar].size;
	wc = GPUPT_EXPORT_WC;
	ret = export_at(&buffer, 0, SIZE, wc);
	if (ret == -EOPNOTSUPP) {
		wc = 0;
		ret = export_at(&buffer, 0, SIZE, wc);
	}
	if (ret)
		errx(EX_NO_DEVICE, "%s: export: %s", address, strerror(-ret));
	printf("# %s BAR %u, %s, %s\n", address, bar, wc ? "write combining" : "uncached",
	       hvgpu_method());
}

int main(int argc, char **argv)
{
	bool revoke = argc > 1 && !strcmp(argv[1], "-r");
	unsigned int n = 0;

	if (argc != 2 + revoke || argv[1 + revoke][0] == '-') {
		bool asked = argc == 2 && !strcmp(argv[1], "-h");

		fprintf(asked ? stdout : stderr, "usage: hvgpu-sanity [-r] ADDRESS\n");
		return asked ? 0 : EX_USAGE;
	}
	open_it(argv[1 + revoke]);
	running = "open";
	want("SIGBUS", hvgpu_catch_revocation(), 0);
	mapped(buffer);
	want("load", hvgpu_copy_from(buffer, 0, kept, SIZE), 0);
	for (; n < sizeof(checks) / sizeof(checks[0]); n++) {
		running = checks[n].name;
		checks[n].run();
		printf("ok %u - %s\n", n + 1, running);
	}
	if (revoke) {
		running = "revocation";
		revocation();
		printf("ok %u - %s\n", ++n, running);
	}
	running = "contents put back";
	want("store", hvgpu_copy_to(buffer, 0, kept, SIZE), 0);
	hvgpu_free(buffer);
	hvgpu_close(gpu);
	return 0;
}
