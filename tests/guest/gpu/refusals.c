// SPDX-License-Identifier: GPL-2.0
/*
 * What is refused for what a caller or the kernel is, not for what he asks; each a command of its
 * own, so that a scenario can see all that were not refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gputest.h"

/* CAP_SYS_RAWIO of this thread, given up or taken up again. */
static void set_raw_io(bool effective)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint32_t bit = 1u << CAP_SYS_RAWIO;

	WANT(!syscall(SYS_capget, &head, data), "capget");
	data[0].effective = effective ? data[0].effective | bit : data[0].effective & ~bit;
	WANT(!syscall(SYS_capset, &head, data), "capset");
}

/* Opened by somebody without CAP_SYS_RAWIO, a file exports nothing, for root neither. */
static void raw_io(void)
{
	uint64_t before = provider_stat("refused_permission");
	struct gpupt_info info = { .argsz = sizeof(info) };
	char path[64];
	int dev;

	snprintf(path, sizeof(path), "/dev/gpupt/%s", provider);
	set_raw_io(false);
	dev = open(path, O_RDWR | O_CLOEXEC);
	WANT(dev >= 0, "open");
	want_errno("info", ioctl(dev, GPUPT_GET_INFO, &info), 0);
	want_errno("export", try_export(dev, MEMORY, 0, PAGE, 0), EPERM);
	set_raw_io(true);
	want_errno("export by root", try_export(dev, MEMORY, 0, PAGE, 0), EPERM);
	WANT(provider_stat("refused_permission") == before + 2, "counter");
	close(dev);
	dev = open_provider();
	close(must_export(dev, 0, PAGE, 0));
	close(dev);
}

#define LOCKDOWN "/sys/kernel/security/lockdown"

/* The kernel is locked down, for good, to LEVEL, while somebody has the file open. */
static void lockdown(void)
{
	const char *level = getenv("LEVEL") ?: "integrity";
	int dev = open_provider(), lock = open(LOCKDOWN, O_WRONLY | O_CLOEXEC);
	uint64_t before = provider_stat("refused_permission");

	close(must_export(dev, 0, PAGE, 0));
	WANT(lock >= 0 && write(lock, level, strlen(level)) > 0, LOCKDOWN " to %s", level);
	close(lock);
	want_errno("export", try_export(dev, MEMORY, 0, PAGE, 0), EPERM);
	WANT(provider_stat("refused_permission") == before + 1, "counter");
	close(dev);
}

/* Opening it is refused, too. */
static void locked_open(void)
{
	char path[64];
	int dev;

	snprintf(path, sizeof(path), "/dev/gpupt/%s", provider);
	dev = open(path, O_RDWR | O_CLOEXEC);
	want_errno("open", dev, EPERM);
}

static void next_is(int dev, uint32_t type)
{
	struct gpupt_event e = event(dev, 5000);

	WANT(e.type == type, "event %u instead of %u", e.type, type);
}

/* Who has the snapshot device open for reading is about to hibernate, for writing to restore. */
static void hibernation(void)
{
	int dev = open_provider(), engine = open_client();

	for (unsigned int restore = 0; restore < 2; restore++) {
		int fd = must_export(dev, 0, PAGE, wc_flag), snapshot;
		uint8_t *at = map_it(fd, PAGE);

		WANT(at != MAP_FAILED && touch(at), "mmap");
		want_errno("import", import(engine, fd, LAB_DMA_DYNAMIC), 0);
		want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
		snapshot = open("/dev/snapshot", (restore ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
		WANT(snapshot >= 0, "/dev/snapshot");
		next_is(dev, GPUPT_EVENT_HIBERNATE);
		next_is(dev, GPUPT_EVENT_QUIESCE);
		next_is(dev, GPUPT_EVENT_REVOKED);
		WANT(!touch(at) && !status(engine).mapped, "it was not taken back");
		want_errno("export", try_export(dev, MEMORY, 0, PAGE, 0), EBUSY);
		/* Somebody's own resumption does not end the machine's. */
		want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
		want_errno("export after resume", try_export(dev, MEMORY, 0, PAGE, 0), EBUSY);
		close(snapshot);
		next_is(dev, GPUPT_EVENT_RESUMED);
		want_errno("release", ioctl(engine, LAB_DMA_RELEASE), 0);
		munmap(at, PAGE);
		close(fd);
		close(must_export(dev, 0, PAGE, 0));
	}
	close(engine);
	close(dev);
}

const struct test_case refusal_cases[] = {
	{ "raw-io", raw_io },
	{ "lockdown", lockdown },
	{ "locked-open", locked_open },
	{ "hibernation", hibernation },
	{ NULL, NULL },
};
