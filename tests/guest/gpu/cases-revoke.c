// SPDX-License-Identifier: GPL-2.0
/* Taking exports back, with everything that may hold on to them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gputest.h"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The next events are these, in this order. */
static void expect_events(int dev, uint32_t first, uint32_t second)
{
	struct gpupt_event e = event(dev, 1000);

	WANT(e.type == first, "event %u instead of %u", e.type, first);
	if (!second)
		return;
	e = event(dev, 1000);
	WANT(e.type == second, "event %u instead of %u", e.type, second);
}

static void quiesce_takes_all_back(void)
{
	int dev = open_provider(), engine = open_client(), other = open_client();
	int fd = must_export(dev, 0, 4 * PAGE, wc_flag);
	uint8_t *at = map_it(fd, 4 * PAGE);
	static uint8_t data[PAGE];

	WANT(at != MAP_FAILED && touch(at), "mmap");
	want_errno("import", import(engine, fd, LAB_DMA_DYNAMIC), 0);
	want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
	expect_events(dev, GPUPT_EVENT_QUIESCE, GPUPT_EVENT_REVOKED);
	WANT(status(engine).invalidated == 1 && !status(engine).mapped, "the importer");
	want_errno("DMA", copy(engine, false, 0, data, PAGE, 0, 1, 0), ENODEV);
	want_errno("map again", ioctl(engine, LAB_DMA_MAP), ENODEV);
	want_errno("another importer", import(other, fd, LAB_DMA_DYNAMIC), ENODEV);
	WANT(!touch(at) && !touch(at + 3 * PAGE), "the CPU still reads it");
	WANT(map_it(fd, PAGE) == MAP_FAILED && errno == ENODEV, "mmap again");
	want_errno("export", try_export(dev, MEMORY, 0, PAGE, 0), EBUSY);
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	expect_events(dev, GPUPT_EVENT_RESUMED, 0);
	WANT(!touch(at), "a revoked export came back");
	want_errno("map after resume", ioctl(engine, LAB_DMA_MAP), ENODEV);
	/* It still counts as an export of its kind until it is closed. */
	munmap(at, 4 * PAGE);
	close(engine);
	close(fd);
	close(must_export(dev, 0, PAGE, 0));
	close(other);
	close(dev);
}

void quiesce_with_child(int dev, const void *at, const void *other)
{
	int go[2], end;
	pid_t child;
	char c = 0;

	WANT(!pipe(go), "pipe");
	child = fork();
	if (!child) {
		if (!touch(at))
			_exit(2);
		if (read(go[0], &c, 1) != 1)
			_exit(3);
		_exit(touch(at) || touch(other) ? 4 : 0);
	}
	usleep(50000);
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
	WANT(write(go[1], &c, 1) == 1, "pipe");
	waitpid(child, &end, 0);
	WANT(WIFEXITED(end) && !WEXITSTATUS(end), "child: %#x", end);
	close(go[0]);
	close(go[1]);
}

static void forked_mappings_go_too(void)
{
	int dev = open_provider(), fd = must_export(dev, 0, PAGE, wc_flag);
	uint8_t *at = map_it(fd, PAGE);

	WANT(at != MAP_FAILED && touch(at), "mmap");
	quiesce_with_child(dev, at, at);
	WANT(!touch(at), "the parent's");
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	munmap(at, PAGE);
	close(fd);
	close(dev);
}

static void pass(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 }, c = 0;
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	WANT(sendmsg(socket, &msg, 0) == 1, "sendmsg");
}

/* Everything of ours is closed, and the descriptor is on its way in a socket. */
static void descriptors_in_flight(void)
{
	int dev = open_provider(), fd = must_export(dev, 0, PAGE, wc_flag), pair[2];
	struct gpupt_event e;

	WANT(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	pass(pair[0], fd);
	close(fd);
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
	e = event(dev, 1000);
	e = event(dev, 1000);
	WANT(e.type == GPUPT_EVENT_REVOKED && e.count == 1, "event %u of %llu", e.type,
	     (unsigned long long)e.count);
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	close(pair[0]);
	close(pair[1]);
	/* The last reference went with the socket: the other memory type is free. */
	close(must_export(dev, 0, PAGE, 0));
	close(dev);
}

/*
 * A path to an export (O_PATH) keeps it and not its open file, whose memory may be a stranger's
 * next. What that stranger has mapped is none of a revocation's.
 */
static void paths_outlive_files(void)
{
	int dev = open_provider(), fd = must_export(dev, 0, PAGE, wc_flag);
	static int other[900]; /* below the usual limit of open files */
	char name[32];
	uint8_t *at;
	int path, file;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	path = open(name, O_PATH | O_CLOEXEC);
	WANT(path >= 0, "%s", name);
	close(fd);
	usleep(200000); /* 6.1 frees it after a grace period */
	file = open("/tmp/stranger", O_RDWR | O_CREAT | O_TRUNC, 0600);
	WANT(file >= 0 && !ftruncate(file, PAGE), "a file");
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		other[i] = open("/tmp/stranger", O_RDONLY);
		WANT(other[i] >= 0, "file %zu", i);
	}
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	WANT(at != MAP_FAILED, "mmap of a file");
	*(volatile uint8_t *)at = 0x55;
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
	WANT(*(volatile uint8_t *)at == 0x55, "a stranger's page is gone");
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	WANT(exports_alive(dev) == 1, "%u exports alive", exports_alive(dev));
	close(path);
	WANT(!exports_alive(dev), "the path's end is not the export's");
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		close(other[i]);
	munmap(at, PAGE);
	close(file);
	unlink("/tmp/stranger");
	close(dev);
}

static void orders_of_closing(void)
{
	for (unsigned int order = 0; order < 6; order++) {
		int dev = open_provider(), engine = open_client();
		int fd = must_export(dev, 0, PAGE, wc_flag);
		uint8_t *at = map_it(fd, PAGE);
		static const uint8_t what[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
						    { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

		WANT(at != MAP_FAILED && touch(at), "mmap");
		want_errno("import", import(engine, fd, LAB_DMA_DYNAMIC), 0);
		want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
		if (order & 1)
			want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
		close(dev);
		for (unsigned int i = 0; i < 3; i++) {
			if (what[order][i] == 0)
				close(fd);
			else if (what[order][i] == 1)
				munmap(at, PAGE);
			else
				close(engine);
		}
		dev = open_provider();
		want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
		close(must_export(dev, 0, PAGE, 0));
		close(dev);
	}
}

static void *let_go(void *arg)
{
	usleep(400000);
	want_errno("unmap", ioctl(*(int *)arg, LAB_DMA_UNMAP), 0);
	return NULL;
}

/*
 * An importer that does not let go holds up a revocation only as long as it is allowed to, and the
 * next one again: a removal may follow.
 */
static void stubborn_importer(void)
{
	pthread_t thread;
	int dev = open_provider(), engine = open_client();
	int fd = must_export(dev, 0, PAGE, wc_flag);
	uint8_t *at = map_it(fd, PAGE);
	uint64_t before = provider_stat("revoke_timeouts"), revokes = provider_stat("revokes");
	double start, took;

	WANT(at != MAP_FAILED && touch(at), "mmap");
	want_errno("import", import(engine, fd, LAB_DMA_STUBBORN), 0);
	want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
	start = now();
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
	took = now() - start;
	WANT(took > 0.9 && took < 8, "took %.1f s with a limit of 1 s", took);
	WANT(provider_stat("revoke_timeouts") == before + 1, "counter");
	WANT(!touch(at), "the CPU still reads it");
	WANT(!pthread_create(&thread, NULL, let_go, &engine), "thread");
	start = now();
	want_errno("quiesce again", ioctl(dev, GPUPT_QUIESCE), 0);
	took = now() - start;
	pthread_join(thread, NULL);
	WANT(took > 0.3, "it was not waited for: %.1f s", took);
	WANT(provider_stat("revoke_timeouts") == before + 1, "counter of the second");
	WANT(provider_stat("revokes") == revokes + 1, "it is one export that was taken back");
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	munmap(at, PAGE);
	close(fd);
	close(engine);
	close(must_export(dev, 0, PAGE, 0));
	close(dev);
}

/* struct late - an importer that lets go 100 ms after it was told, and a mapping beside it */
struct late {
	int engine;
	const uint8_t *at;
	bool told;
	bool touched;
};

static void *let_go_late(void *arg)
{
	struct late *late = arg;

	for (unsigned int ms = 0; !late->told && ms < 900; ms += 10) {
		usleep(10000);
		late->told = status(late->engine).invalidated;
	}
	late->touched = touch(late->at);
	usleep(100000);
	want_errno("unmap", ioctl(late->engine, LAB_DMA_UNMAP), 0);
	return NULL;
}

/* All exports share one time: what does not let go of the first takes none from the second. */
static void stuck_one_starves_nobody(void)
{
	int dev = open_provider(), stuck = open_client();
	int first = must_export(dev, 0, PAGE, wc_flag), second = must_export(dev, 0, PAGE, wc_flag);
	struct late late = { .engine = open_client(), .at = map_it(second, PAGE) };
	uint64_t before = provider_stat("revoke_timeouts");
	pthread_t thread;

	WANT(late.at != MAP_FAILED && touch(late.at), "mmap");
	want_errno("import", import(stuck, first, LAB_DMA_STUBBORN), 0);
	want_errno("map", ioctl(stuck, LAB_DMA_MAP), 0);
	want_errno("import", import(late.engine, second, LAB_DMA_STUBBORN), 0);
	want_errno("map", ioctl(late.engine, LAB_DMA_MAP), 0);
	WANT(!pthread_create(&thread, NULL, let_go_late, &late), "thread");
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
	pthread_join(thread, NULL);
	WANT(late.told, "the second importer was told when the first one's time was over");
	WANT(!late.touched, "the CPU still read the second one then");
	WANT(provider_stat("revoke_timeouts") == before + 1, "%llu were late, not one",
	     (unsigned long long)(provider_stat("revoke_timeouts") - before));
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	munmap((void *)late.at, PAGE);
	close(first);
	close(second);
	close(stuck);
	close(late.engine);
	close(dev);
}

static void dma_under_way_is_stopped(void)
{
	int dev = open_provider(), engine = open_client();
	int fd = must_export(dev, 0, 16 * PAGE, wc_flag);
	static uint8_t data[16 * PAGE];

	want_errno("import", import(engine, fd, LAB_DMA_DYNAMIC), 0);
	want_errno("map", ioctl(engine, LAB_DMA_MAP), 0);
	want_errno("copy", copy(engine, true, 0, data, sizeof(data), LAB_DMA_ASYNC, 1000000, 100),
		   0);
	WANT(status(engine).busy, "it is not under way");
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
	WANT(!status(engine).busy, "it is still under way");
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	close(fd);
	close(engine);
	close(dev);
}

static void events_are_kept_and_lost(void)
{
	int dev = open_provider(), late = open_provider();
	struct gpupt_event e[80];
	uint64_t before = provider_stat("events_lost");
	struct pollfd p = { .fd = dev, .events = POLLIN };
	ssize_t n;

	WANT(poll(&p, 1, 0) == 0, "an event from before it was opened");
	fcntl(dev, F_SETFL, O_NONBLOCK);
	WANT(read(dev, e, sizeof(e)) < 0 && errno == EAGAIN, "read of nothing");
	WANT(read(dev, e, sizeof(e[0]) - 1) < 0 && errno == EINVAL, "read of a part");
	for (unsigned int i = 0; i < 30; i++) {
		want_errno("quiesce", ioctl(late, GPUPT_QUIESCE), 0);
		want_errno("resume", ioctl(late, GPUPT_RESUME), 0);
	}
	n = read(dev, e, sizeof(e));
	WANT(n == 64 * (ssize_t)sizeof(e[0]), "%zd bytes", n);
	WANT(e[0].flags == GPUPT_EVENT_LOST && !e[1].flags, "flags %#x, %#x", e[0].flags,
	     e[1].flags);
	for (unsigned int i = 1; i < 64; i++)
		WANT(e[i].sequence == e[i - 1].sequence + 1 && e[i].time_ns >= e[i - 1].time_ns,
		     "order of %u", i);
	WANT(provider_stat("events_lost") == before + 26, "counter");
	close(dev);
	close(late);
}

static atomic_uint events_read, ends_read;

static void *read_one_by_one(void *arg)
{
	struct gpupt_event e;

	for (;;) {
		ssize_t n = read(*(int *)arg, &e, sizeof(e));

		*(n == sizeof(e) ? &events_read : &ends_read) += 1;
	}
	return NULL;
}

/* Who finds that another one took the event waits for the next: the function is not removed. */
static void readers_share_events(void)
{
	enum { READERS = 8, TURNS = 200, EVENTS = 3 * TURNS };
	int dev = open_provider();
	pthread_t thread[READERS];

	for (unsigned int i = 0; i < READERS; i++)
		WANT(!pthread_create(&thread[i], NULL, read_one_by_one, &dev), "thread");
	for (unsigned int i = 0; i < TURNS; i++) {
		usleep(2000); /* all wait */
		want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
		want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	}
	for (unsigned int ms = 0; events_read < EVENTS && ms < 2000; ms++)
		usleep(1000);
	WANT(!ends_read, "%u reads saw the end of a function that is there", ends_read);
	WANT(events_read == EVENTS, "%u events of %u", events_read, EVENTS);
	for (unsigned int i = 0; i < READERS; i++) {
		pthread_cancel(thread[i]);
		pthread_join(thread[i], NULL);
	}
	close(dev);
}

/* An event whose reader's memory is not there is the next reader's. */
static void bad_memory_loses_no_event(void)
{
	void *nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int dev = open_provider();

	WANT(nowhere != MAP_FAILED, "mmap");
	want_errno("quiesce", ioctl(dev, GPUPT_QUIESCE), 0);
	want_errno("read to nowhere", read(dev, nowhere, sizeof(struct gpupt_event)), EFAULT);
	expect_events(dev, GPUPT_EVENT_QUIESCE, GPUPT_EVENT_REVOKED);
	want_errno("resume", ioctl(dev, GPUPT_RESUME), 0);
	munmap(nowhere, PAGE);
	close(dev);
}

static void fdinfo_says(void)
{
	int dev = open_provider(), fd = must_export(dev, 0, 4 * PAGE, wc_flag);
	char path[64], text[1024];
	ssize_t n;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY);
	n = read(info, text, sizeof(text) - 1);
	WANT(n > 0, "fdinfo");
	text[n] = '\0';
	WANT(strstr(text, "exp_name:\thv_gpu_passthrough") && strstr(text, "size:\t16384"), "%s",
	     text);
	close(info);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dev);
	info = open(path, O_RDONLY);
	n = read(info, text, sizeof(text) - 1);
	WANT(n > 0, "fdinfo");
	text[n] = '\0';
	WANT(strstr(text, "gpupt-exports:\t1") && strstr(text, "gpupt-bytes:\t16384"), "%s", text);
	close(info);
	close(fd);
	close(dev);
}

const struct test_case revoke_cases[] = {
	{ "quiesce takes everything back", quiesce_takes_all_back },
	{ "mappings of a fork go too", forked_mappings_go_too },
	{ "descriptors in flight", descriptors_in_flight },
	{ "a path outlives its file", paths_outlive_files },
	{ "every order of closing", orders_of_closing },
	{ "an importer that does not let go", stubborn_importer },
	{ "one that is stuck starves nobody", stuck_one_starves_nobody },
	{ "DMA under way is stopped", dma_under_way_is_stopped },
	{ "events are kept, and losses told", events_are_kept_and_lost },
	{ "readers share events", readers_share_events },
	{ "bad memory loses no event", bad_memory_loses_no_event },
	{ "fdinfo", fdinfo_says },
	{ NULL, NULL },
};
