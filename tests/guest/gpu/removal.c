// SPDX-License-Identifier: GPL-2.0
/* Who uses a function that goes: what he sees of it, in order. The scenario takes it away. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gputest.h"

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
