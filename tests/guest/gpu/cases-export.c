// SPDX-License-Identifier: GPL-2.0
/* What may be exported, to whom, and that the data is the device's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gputest.h"

static void info_says(void)
{
	struct gpupt_info info = { .argsz = sizeof(info) };
	int dev = open_provider();

	want_errno("info", ioctl(dev, GPUPT_GET_INFO, &info), 0);
	WANT(info.api_version == GPUPT_API_VERSION, "version %u", info.api_version);
	WANT(info.bar[MEMORY].flags == GPUPT_BAR_EXPORTABLE, "flags %#x", info.bar[MEMORY].flags);
	WANT(!info.bar[REGS].size, "the register BAR is exportable");
	info.argsz = 4;
	want_errno("info of 4 bytes", ioctl(dev, GPUPT_GET_INFO, &info), EINVAL);
	want_errno("info of nowhere", ioctl(dev, GPUPT_GET_INFO, 8), EFAULT);
	close(dev);
}

static void ranges_are_checked(void)
{
	static const struct {
		const char *what;
		uint32_t bar;
		uint64_t offset, length;
		int wanted;
	} bad[] = {
		{ "registers", REGS, 0, PAGE, EOPNOTSUPP },
		{ "the MSI-X table", 4, 0, PAGE, EOPNOTSUPP },
		{ "no such BAR", 7, 0, PAGE, EINVAL },
		{ "empty", MEMORY, 0, 0, EINVAL },
		{ "half a page", MEMORY, 0, PAGE / 2, EINVAL },
		{ "odd offset", MEMORY, 8, PAGE, EINVAL },
		{ "overflow", MEMORY, UINT64_MAX - PAGE + 1, 2 * PAGE, EINVAL },
		{ "huge", MEMORY, 0, UINT64_MAX - PAGE + 1, EINVAL },
	};
	int dev = open_provider();
	uint64_t before = provider_stat("refused_range");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		want_errno(bad[i].what,
			   try_export(dev, bad[i].bar, bad[i].offset, bad[i].length, 0),
			   bad[i].wanted);
	want_errno("beyond the end", try_export(dev, MEMORY, memory_size - PAGE, 2 * PAGE, 0),
		   EINVAL);
	want_errno("at the end", try_export(dev, MEMORY, memory_size, PAGE, 0), EINVAL);
	want_errno("unknown flag", try_export(dev, MEMORY, 0, PAGE, 1u << 31), EINVAL);
	WANT(provider_stat("refused_range") == before + 7, "counter: %llu after %llu",
	     (unsigned long long)provider_stat("refused_range"), (unsigned long long)before);
	close(must_export(dev, memory_size - PAGE, PAGE, 0));
	close(dev);
}

static void capability_is_the_openers(void)
{
	int dev = open_provider(), end;
	pid_t child = fork();

	if (!child) {
		int fd;

		/* Without the capability, with a file that who has it opened. */
		if (setuid(65534))
			_exit(2);
		fd = try_export(dev, MEMORY, 0, PAGE, 0);
		if (fd < 0)
			_exit(3);
		_exit(open("/dev/gpupt/x", O_RDWR) >= 0 ? 4 : 0);
	}
	waitpid(child, &end, 0);
	WANT(WIFEXITED(end) && !WEXITSTATUS(end), "child: %#x", end);
	close(dev);
}

/* Who may only read the device file may not write the device by an export. */
static void readers_export_nothing(void)
{
	char path[64];
	int dev;

	snprintf(path, sizeof(path), "/dev/gpupt/%s", provider);
	dev = open(path, O_RDONLY | O_CLOEXEC);
	WANT(dev >= 0, "%s", path);
	want_errno("export", try_export(dev, MEMORY, 0, PAGE, 0), EPERM);
	close(dev);
}

static void several_ranges_are_one(void)
{
	struct {
		struct gpupt_export head;
		struct gpupt_range range[3];
	} arg = {
		.head = {
			.argsz = sizeof(arg), .flags = wc_flag, .region_index = MEMORY,
			.open_flags = O_RDWR | O_CLOEXEC, .nr_ranges = 3,
		},
		.range = { { 8 * PAGE, PAGE }, { 0, 2 * PAGE }, { 64 * PAGE, PAGE } },
	};
	int dev = open_provider(), engine = open_client(), fd, whole;
	static uint8_t data[4 * PAGE];
	uint8_t *at, *all;

	fd = ioctl(dev, GPUPT_EXPORT, &arg);
	WANT(fd >= 0, "export");
	WANT(lseek(fd, 0, SEEK_END) == 4 * PAGE, "size %lld", (long long)lseek(fd, 0, SEEK_END));
	whole = must_export(dev, 0, 128 * PAGE, wc_flag);
	at = map_it(fd, 4 * PAGE);
	all = map_it(whole, 128 * PAGE);
	WANT(at != MAP_FAILED && all != MAP_FAILED, "mmap");
	for (unsigned int i = 0; i < 4; i++)
		fill(at + i * PAGE, PAGE, 10 + i);
	WANT(filled(all + 8 * PAGE, PAGE, 10) && filled(all, PAGE, 11) &&
	     filled(all + PAGE, PAGE, 12) && filled(all + 64 * PAGE, PAGE, 13), "places");
	want_errno("import", import(engine, fd, LAB_DMA_DYNAMIC), 0);
	want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
	WANT(status(engine).segments == 3, "%u segments", status(engine).segments);
	want_errno("read", copy(engine, false, 3 * PAGE, data, PAGE, 0, 1, 0), 0);
	WANT(filled(data, PAGE, 13), "what the device read of the third range");
	arg.head.nr_ranges = 4;
	want_errno("more ranges than given", ioctl(dev, GPUPT_EXPORT, &arg), EINVAL);
	munmap(at, 4 * PAGE);
	munmap(all, 128 * PAGE);
	close(engine);
	close(whole);
	close(fd);
	close(dev);
}

static void data_is_the_devices(void)
{
	int dev = open_provider(), engine = open_client();
	int fd = must_export(dev, 16 * PAGE, 16 * PAGE, wc_flag);
	uint8_t *at = map_it(fd, 16 * PAGE);
	static uint8_t data[16 * PAGE];

	WANT(at != MAP_FAILED, "mmap");
	want_errno("import", import(engine, fd, LAB_DMA_DYNAMIC), 0);
	want_errno("copy before map", copy(engine, false, 0, data, PAGE, 0, 1, 0), ENODEV);
	want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
	fill(at, 16 * PAGE, 1);
	want_errno("device reads", copy(engine, false, 0, data, sizeof(data), 0, 1, 0), 0);
	WANT(filled(data, sizeof(data), 1), "the device does not read what the CPU wrote");
	fill(data, sizeof(data), 2);
	want_errno("device writes", copy(engine, true, 0, data, sizeof(data), 0, 1, 0), 0);
	WANT(filled(at, sizeof(data), 2), "the CPU does not read what the device wrote");
	/* A copy ends when the engine is idle; the interrupt that says so may come after that. */
	for (int turn = 0; turn < 100 && status(engine).interrupts < 2; turn++)
		usleep(10000);
	WANT(status(engine).interrupts >= 2, "%u interrupts", status(engine).interrupts);
	munmap(at, 16 * PAGE);
	close(fd);
	/* The importer has it still. */
	want_errno("device reads", copy(engine, false, 0, data, PAGE, 0, 1, 0), 0);
	close(engine);
	close(dev);
}

static void importers_are_judged(void)
{
	int dev = open_provider(), engine = open_client();
	int fd = must_export(dev, 0, PAGE, 0);
	static uint8_t data[PAGE];

	want_errno("static importer", import(engine, fd, LAB_DMA_STATIC), EOPNOTSUPP);
	want_errno("importer of pages", import(engine, fd, LAB_DMA_NO_P2P), EOPNOTSUPP);
	want_errno("pinned importer", import(engine, fd, LAB_DMA_PINNED), 0);
	want_errno("its mapping", ioctl(engine, LAB_DMA_MAP), EOPNOTSUPP);
	want_errno("release", ioctl(engine, LAB_DMA_RELEASE), 0);
	WANT(provider_stat("refused_static") && provider_stat("refused_pinned") &&
	     provider_stat("refused_no_p2p"), "counters");
	close(fd);

	fd = must_export(dev, 0, PAGE, GPUPT_EXPORT_STATIC);
	want_errno("static importer, allowed", import(engine, fd, LAB_DMA_STATIC), 0);
	want_errno("its mapping", ioctl(engine, LAB_DMA_MAP), 0);
	want_errno("its copy", copy(engine, false, 0, data, PAGE, 0, 1, 0), 0);
	want_errno("release", ioctl(engine, LAB_DMA_RELEASE), 0);
	close(fd);

	fd = must_export(dev, 0, PAGE, GPUPT_EXPORT_PINNED);
	want_errno("pinned importer, allowed", import(engine, fd, LAB_DMA_PINNED), 0);
	want_errno("its mapping", ioctl(engine, LAB_DMA_MAP), 0);
	want_errno("its copy", copy(engine, false, 0, data, PAGE, 0, 1, 0), 0);
	close(fd);
	close(engine);
	close(dev);
}

static void mappings_are_judged(void)
{
	struct {
		struct gpupt_export head;
		struct gpupt_range range;
	} arg = {
		.head = {
			.argsz = sizeof(arg), .region_index = MEMORY, .open_flags = O_RDONLY,
			.nr_ranges = 1,
		},
		.range = { 0, PAGE },
	};
	int dev = open_provider(), fd = must_export(dev, 0, PAGE, 0), wc;
	void *at;

	WANT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL,
	     "private mapping");
	WANT(map_it(fd, 2 * PAGE) == MAP_FAILED && errno == EINVAL, "mapping beyond the end");
	wc = try_export(dev, MEMORY, PAGE, PAGE, GPUPT_EXPORT_WC);
	want_errno("two memory types of a BAR", wc, wc_flag ? EBUSY : EOPNOTSUPP);
	close(fd);
	if (wc_flag) {
		wc = must_export(dev, 0, PAGE, GPUPT_EXPORT_WC);
		want_errno("the other way round", try_export(dev, MEMORY, 0, PAGE, 0), EBUSY);
		close(wc);
	}
	fd = ioctl(dev, GPUPT_EXPORT, &arg);
	WANT(fd >= 0, "read-only export");
	WANT(map_it(fd, PAGE) == MAP_FAILED && errno == EACCES, "writable mapping of it");
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	WANT(at != MAP_FAILED && touch(at), "readable mapping of it");
	munmap(at, PAGE);
	WANT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL,
	     "private mapping of it");
	close(fd);
	close(dev);
}

#define MEMTYPES "/sys/kernel/debug/x86/pat_memtype_list"

static bool reserved(void)
{
	FILE *f = fopen(MEMTYPES, "re");
	unsigned long long start, end, bar = 0;
	char line[256], path[128];
	bool found = false;
	FILE *resource;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", provider);
	resource = fopen(path, "re");
	WANT(resource, "%s", path);
	for (unsigned int i = 0; i <= MEMORY; i++)
		WANT(fgets(line, sizeof(line), resource) && sscanf(line, "%llx", &bar) == 1,
		     "%s", path);
	fclose(resource);
	WANT(f, MEMTYPES);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, "write-combining") &&
			 sscanf(strstr(line, "0x") ? strstr(line, "0x") : line, "%llx-%llx", &start,
				&end) == 2 && start == bar;
	fclose(f);
	return found;
}

/* The page tables decide, not what was asked for. */
static void memory_types_are_real(void)
{
	int dev = open_provider(), engine = open_client();

	/* Where it cannot be had, it is not promised (read_size() saw that it is refused). */
	for (unsigned int wc = 0; wc < (wc_flag ? 2 : 1); wc++) {
		int fd = must_export(dev, 0, PAGE, wc ? GPUPT_EXPORT_WC : 0);
		struct lab_dma_pte pte = { 0 };
		uint8_t *at = map_it(fd, PAGE);

		WANT(at != MAP_FAILED && touch(at), "mmap");
		pte.address = (uintptr_t)at;
		want_errno("pte", ioctl(engine, LAB_DMA_PTE, &pte), 0);
		WANT((pte.pte & (LAB_DMA_PTE_PWT | LAB_DMA_PTE_PCD)) ==
			     (wc ? LAB_DMA_PTE_PWT : LAB_DMA_PTE_PCD),
		     "wc=%u: pte %#llx", wc, (unsigned long long)pte.pte);
		WANT(!wc_flag || reserved() == wc, "wc=%u: the memory type is%s reserved", wc,
		     wc ? " not" : "");
		munmap(at, PAGE);
		close(fd);
	}
	WANT(!wc_flag || !reserved(), "the memory type is still reserved");
	close(engine);
	close(dev);
}

static void verdicts(void)
{
	struct gpupt_p2p q = { .argsz = sizeof(q) };
	int dev = open_provider();
	unsigned int domain, bus, slot, fn;

	WANT(sscanf(client, "%x:%x:%x.%x", &domain, &bus, &slot, &fn) == 4, "%s", client);
	q.domain = domain;
	q.bus = bus;
	q.devfn = slot << 3 | fn;
	want_errno("query", ioctl(dev, GPUPT_P2P, &q), 0);
	WANT(q.verdict == GPUPT_P2P_ALLOWED && q.data_check == GPUPT_CHECK_NONE, "%u %s",
	     q.verdict, q.reason);
	q.flags = GPUPT_P2P_REPORT;
	q.data_check = GPUPT_CHECK_FAILED;
	want_errno("report of a failure", ioctl(dev, GPUPT_P2P, &q), 0);
	WANT(q.verdict == GPUPT_P2P_REFUSED && strstr(q.reason, "data check"), "%u %s", q.verdict,
	     q.reason);
	q.data_check = GPUPT_CHECK_PASSED;
	want_errno("report of a success", ioctl(dev, GPUPT_P2P, &q), 0);
	WANT(q.verdict == GPUPT_P2P_ALLOWED && q.data_check == GPUPT_CHECK_PASSED, "%u %s",
	     q.verdict, q.reason);
	q.domain = 0x7777;
	want_errno("no such client", ioctl(dev, GPUPT_P2P, &q), ENODEV);
	close(dev);
}

const struct test_case export_cases[] = {
	{ "info", info_says },
	{ "ranges are checked", ranges_are_checked },
	{ "the opener's capability counts", capability_is_the_openers },
	{ "readers export nothing", readers_export_nothing },
	{ "several ranges are one buffer", several_ranges_are_one },
	{ "data is the device's, both ways", data_is_the_devices },
	{ "importers are judged", importers_are_judged },
	{ "mappings are judged", mappings_are_judged },
	{ "memory types are in the page tables", memory_types_are_real },
	{ "verdicts and data checks", verdicts },
	{ NULL, NULL },
};
