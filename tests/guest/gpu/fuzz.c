// SPDX-License-Identifier: GPL-2.0
/*
 * Calls with any arguments near every boundary, by several threads, and a model that says of each
 * what has to come of it: whoever succeeds where it must fail, fails where nothing stands in its
 * way, or fails in another way, ends the test. Beside them are calls that nothing is said of, on
 * descriptors that other threads duplicate, replace, close and take through a fork meanwhile.
 *
 * MSIX=START-END in the environment: what of the provider's memory is never exported.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gputest.h"

#define THREADS		4
#define SHARED		16	/* descriptors that belong to nobody */
#define ROOM		(4 * PAGE)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static uint64_t msix_start, msix_end;
static unsigned long calls_wanted;
static atomic_ulong calls, succeeded, must_fail, busy, forks;
static atomic_int shared[SHARED];

/* struct fuzzer - a thread: its descriptors, and memory whose end has nothing behind it */
struct fuzzer {
	uint64_t state;
	uint8_t *memory;
	int rw, ro, engine, null;
};

static __thread struct fuzzer *me;

static uint32_t any(void)
{
	me->state ^= me->state << 13;
	me->state ^= me->state >> 7;
	me->state ^= me->state << 17;
	return (uint32_t)(me->state >> 16);
}

static bool one_in(uint32_t n)
{
	return !(any() % n);
}

/* Near a boundary, or anything. */
static uint64_t any_offset(void)
{
	const uint64_t edge[] = { 0, PAGE, memory_size / 2, memory_size, msix_start, msix_end,
				  1ull << 31, 1ull << 32, 1ull << 63, UINT64_MAX - PAGE + 1 };
	uint64_t at = edge[any() % ARRAY_SIZE(edge)];

	switch (any() % 8) {
	case 0:
		return (uint64_t)any() << 32 | any();
	case 1:
		return at + any() % 5 - 2; /* a byte or two off */
	case 2:
		return at + PAGE;
	case 3:
		return at - PAGE;
	default:
		return any() % 4 ? (uint64_t)(any() % (memory_size / PAGE)) * PAGE : at;
	}
}

static uint32_t any_number(uint32_t likely)
{
	static const uint32_t edge[] = { 0, 1, INT32_MAX, 1u << 31, UINT32_MAX, 1u << 16 };

	if (!one_in(16))
		return any() % likely;
	return one_in(2) ? edge[any() % ARRAY_SIZE(edge)] : any();
}

/* What a call has to end with, against what it did; EBUSY stands in the way of a success. */
static void judge(const char *what, long got, int wanted, bool may_be_busy)
{
	int err = got < 0 ? errno : 0;

	calls++;
	if (wanted)
		must_fail++;
	if (err == EBUSY && may_be_busy) {
		busy++;
		return;
	}
	if (err == ENOMEM || err == EMFILE || err == ENFILE)
		return;
	WANT(err == wanted, "%s: got %s, the model says %s", what, err ? strerrorname_np(err) :
	     "success", wanted ? strerrorname_np(wanted) : "success");
	if (!err)
		succeeded++;
}

/* --- GPUPT_EXPORT --- */

struct exported {
	struct gpupt_export head;
	struct gpupt_range range[GPUPT_MAX_RANGES + 2];
};

static int range_error(const struct exported *arg, uint64_t *size)
{
	*size = 0;
	for (uint32_t i = 0; i < arg->head.nr_ranges; i++) {
		uint64_t start = arg->range[i].offset, length = arg->range[i].length;

		if (!length || (start | length) % PAGE || start > memory_size ||
		    length > memory_size - start)
			return -EINVAL;
		if (start < msix_end && start + length > msix_start)
			return -EPERM;
		*size += length;
	}
	return 0;
}

/* With @there bytes of the argument in reach. */
static int export_error(const struct exported *arg, size_t there, bool *before_state,
			uint64_t *size)
{
	const struct gpupt_export *h = &arg->head;
	uint32_t known = GPUPT_EXPORT_WC | GPUPT_EXPORT_STATIC | GPUPT_EXPORT_PINNED;
	int ret;

	*before_state = true;
	if (there < sizeof(*h))
		return -EFAULT;
	if (h->flags & ~known || h->open_flags & ~(O_ACCMODE | O_CLOEXEC) ||
	    (h->open_flags & O_ACCMODE) == O_ACCMODE || h->reserved ||
	    h->region_index >= GPUPT_BARS || !h->nr_ranges || h->nr_ranges > GPUPT_MAX_RANGES ||
	    h->argsz < sizeof(*h) + h->nr_ranges * sizeof(arg->range[0]))
		return -EINVAL;
	if (there < sizeof(*h) + h->nr_ranges * sizeof(arg->range[0]))
		return -EFAULT;
	*before_state = false;
	if (h->region_index != MEMORY)
		return -EOPNOTSUPP;
	ret = range_error(arg, size);
	if (!ret && h->flags & GPUPT_EXPORT_WC && !wc_flag)
		ret = -EOPNOTSUPP;
	return ret;
}

static void any_export_argument(struct exported *arg)
{
	uint32_t n = one_in(16) ? GPUPT_MAX_RANGES - 1 + any() % 3 :
		     one_in(8) ? any_number(4) : 1 + any() % 3;
	size_t least = sizeof(arg->head) + (n % (GPUPT_MAX_RANGES + 2)) * sizeof(arg->range[0]);

	arg->head = (struct gpupt_export){
		.argsz = one_in(4) ? least - 1 + any() % 3 : one_in(16) ? any() : sizeof(*arg),
		.flags = one_in(8) ? any_number(16) : one_in(4) ? any() % 8 : wc_flag,
		.region_index = one_in(8) ? any_number(8) : MEMORY,
		.open_flags = one_in(8) ? any_number(4) | (one_in(2) ? O_CLOEXEC : 0) :
					  (any() % 3) | O_CLOEXEC,
		.reserved = one_in(32) ? any() : 0,
		.nr_ranges = n,
	};
	for (uint32_t i = 0; i < n && i < ARRAY_SIZE(arg->range); i++) {
		/* With many of them few arguments would be sane as a whole. */
		bool sane = !one_in(n < 4 ? 4 : 64);

		arg->range[i].offset = sane ? any() % (memory_size / PAGE) * PAGE : any_offset();
		arg->range[i].length = sane || one_in(2) ? (1 + any() % 4) * PAGE : any_offset();
	}
}

static void map_in_any_way(int fd, uint64_t size, uint32_t open_flags)
{
	uint64_t length = one_in(4) ? size + (any() % 3 - 1) * PAGE : (1 + any() % 4) * PAGE;
	uint64_t offset = one_in(4) ? (uint64_t)(any() % 4) * PAGE : 0;
	int prot = any() % 4, flags = one_in(8) ? MAP_PRIVATE : MAP_SHARED, wanted = 0;
	bool write_only = (open_flags & O_ACCMODE) == O_WRONLY;
	uint8_t *at;

	if (!length)
		wanted = EINVAL;
	else if (write_only ||
		 (flags == MAP_SHARED && prot & PROT_WRITE && (open_flags & O_ACCMODE) == O_RDONLY))
		wanted = EACCES;
	else if (offset + length > size || flags == MAP_PRIVATE)
		wanted = EINVAL;
	at = mmap(NULL, length, prot, flags, fd, offset);
	if (at == MAP_FAILED && errno == ENODEV && !wanted) {
		busy++; /* revoked meanwhile */
		return;
	}
	judge("mmap", at == MAP_FAILED ? -1 : 0, wanted, false);
	if (at == MAP_FAILED)
		return;
	if (prot & PROT_READ)
		touch(at + any() % (length / PAGE) * PAGE);
	if (one_in(4))
		mprotect(at, PAGE, PROT_READ);
	munmap(at, length);
}

static void import_in_any_way(int fd, const struct exported *arg)
{
	static const uint32_t kind[] = { LAB_DMA_DYNAMIC, LAB_DMA_STATIC, LAB_DMA_PINNED,
					 LAB_DMA_NO_P2P };
	uint32_t k = kind[any() % ARRAY_SIZE(kind)];
	int wanted = 0, ret;

	if (k == LAB_DMA_NO_P2P ||
	    (k == LAB_DMA_STATIC && !(arg->head.flags & GPUPT_EXPORT_STATIC)))
		wanted = EOPNOTSUPP;
	ret = import(me->engine, fd, k);
	if (ret && errno == ENODEV) {
		busy++;
		return;
	}
	judge("import", ret, wanted, false);
	if (ret)
		return;
	ret = ioctl(me->engine, LAB_DMA_MAP);
	if (ret && errno == ENODEV)
		busy++;
	else
		judge("map of an import", ret,
		      k == LAB_DMA_PINNED && !(arg->head.flags & GPUPT_EXPORT_PINNED) ?
		      EOPNOTSUPP : 0, false);
	judge("release", ioctl(me->engine, LAB_DMA_RELEASE), 0, false);
}

static void use_export(int fd, const struct exported *arg, uint64_t size)
{
	static const int whence[] = { SEEK_SET, SEEK_CUR, SEEK_END };
	struct dma_buf_sync sync = { .flags = any() % 8 };
	int w = whence[any() % 3];
	int64_t at = one_in(2) ? 0 : (int32_t)any();
	char byte;

	switch (any() % 8) {
	case 0:
		WANT(lseek(fd, 0, SEEK_END) == (int64_t)size, "size %lld, the model says %llu",
		     (long long)lseek(fd, 0, SEEK_END), (unsigned long long)size);
		calls++;
		break;
	case 1:
		judge("lseek", lseek(fd, at, w) < 0 ? -1 : 0, at || w == SEEK_CUR ? EINVAL : 0,
		      false);
		break;
	case 2:
		/* Without a direction, or with a bit that is none. */
		if (one_in(2))
			sync.flags |= 8u << any() % 28;
		judge("sync", ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync),
		      sync.flags & ~7u || !(sync.flags & 3) ? EINVAL : 0, false);
		break;
	case 3:
		judge("read of an export", read(fd, &byte, 1),
		      (arg->head.open_flags & O_ACCMODE) == O_WRONLY ? EBADF : EINVAL, false);
		break;
	case 4:
		judge("our ioctl on an export", ioctl(fd, GPUPT_QUIESCE), ENOTTY, false);
		break;
	case 5:
		import_in_any_way(fd, arg);
		break;
	default:
		map_in_any_way(fd, size, arg->head.open_flags);
	}
}

static void any_export(void)
{
	static __thread struct exported arg;
	size_t there = sizeof(arg);
	uint8_t *at = me->memory;
	bool before_state;
	uint64_t size = 0;
	int fd, wanted;

	any_export_argument(&arg);
	if (one_in(8)) {
		there = any() % 2 ? any() % (sizeof(arg.head) + 4 * sizeof(arg.range[0])) :
				    any() % sizeof(arg);
		at = me->memory + ROOM - there;
	}
	memcpy(at, &arg, there);
	if (one_in(16)) {
		judge("export of a reader", ioctl(me->ro, GPUPT_EXPORT, at), EPERM, false);
		return;
	}
	wanted = -export_error(&arg, there, &before_state, &size);
	fd = ioctl(me->rw, GPUPT_EXPORT, at);
	judge("export", fd, wanted, !before_state);
	if (fd < 0)
		return;
	for (unsigned int n = any() % 4; n; n--)
		use_export(fd, &arg, size);
	if (one_in(16))
		fd = atomic_exchange(&shared[any() % SHARED], fd);
	if (fd >= 0)
		close(fd);
}

/* --- the other calls --- */

static const unsigned long known[] = {
	GPUPT_GET_INFO, GPUPT_EXPORT, GPUPT_P2P, GPUPT_QUIESCE, GPUPT_RESUME,
};

static void any_info(void)
{
	size_t there = one_in(4) ? any() % 24 : sizeof(struct gpupt_info) + PAGE;
	uint8_t *at = there < 24 ? me->memory + ROOM - there : me->memory;
	uint32_t argsz = one_in(2) ? any() % 300 : any_number(2 * PAGE);
	int wanted = 0;

	memcpy(at, &argsz, there < sizeof(argsz) ? there : sizeof(argsz));
	if (there < sizeof(argsz))
		wanted = EFAULT;
	else if (argsz < 16 || argsz > PAGE)
		wanted = EINVAL;
	else if (there < argsz && there < sizeof(struct gpupt_info))
		wanted = EFAULT;
	judge("info", ioctl(one_in(2) ? me->ro : me->rw, GPUPT_GET_INFO, at), wanted, false);
}

static void any_p2p(void)
{
	unsigned int domain, bus, slot, fn;
	struct gpupt_p2p q = { 0 };
	bool there = !one_in(4), ro = one_in(4);
	int wanted = 0;

	WANT(sscanf(client, "%x:%x:%x.%x", &domain, &bus, &slot, &fn) == 4, "%s", client);
	q.argsz = one_in(8) ? any_number(sizeof(q) + 8) : sizeof(q) + any() % 2;
	q.flags = one_in(8) ? any_number(4) : any() % 2;
	q.domain = there ? domain : 0x7000 + any() % 0x800;
	q.bus = bus;
	q.devfn = slot << 3 | fn;
	q.reserved = one_in(16) ? 1 + any() % 9 : 0;
	q.data_check = one_in(8) ? any_number(8) : any() % 3;
	if (q.argsz < sizeof(q) || q.flags & ~GPUPT_P2P_REPORT || q.reserved ||
	    q.data_check > GPUPT_CHECK_FAILED)
		wanted = EINVAL;
	else if (ro && q.flags)
		wanted = EPERM;
	else if (!there)
		wanted = ENODEV;
	judge("p2p", ioctl(ro ? me->ro : me->rw, GPUPT_P2P, &q), wanted, false);
	WANT(wanted || (q.reason[0] && !q.reason[GPUPT_P2P_REASON - 1] && q.verdict >= 1 &&
			q.verdict <= 3), "verdict %u", q.verdict);
}

static void any_number_of_ioctl(void)
{
	unsigned long cmd = _IOC(any() % 4, one_in(4) ? any() % 256 : GPUPT_IOC_MAGIC, any() % 8,
				 any() % 256);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (cmd == known[i])
			return;
	/* Of those that every file knows none has a type that is reached here. */
	if (_IOC_TYPE(cmd) != GPUPT_IOC_MAGIC)
		cmd = _IOC(_IOC_DIR(cmd), 0xb6, _IOC_NR(cmd), _IOC_SIZE(cmd));
	judge("unknown ioctl", ioctl(me->rw, cmd, me->memory), ENOTTY, false);
}

/* The right call on what is no function: a closed descriptor, another file. */
static void wrong_file(void)
{
	unsigned long cmd = known[any() % ARRAY_SIZE(known)];

	memset(me->memory, 0xff, 256);
	switch (any() % 4) {
	case 0:
		judge("closed", ioctl(one_in(2) ? -1 : 1 << 20, cmd, me->memory), EBADF, false);
		break;
	case 1:
		judge("another file", ioctl(me->null, cmd, me->memory), ENOTTY, false);
		break;
	case 2:
		judge("import of a function", import(me->engine, me->rw, LAB_DMA_DYNAMIC), EINVAL,
		      false);
		break;
	default:
		judge("import of nothing", import(me->engine, -1, LAB_DMA_DYNAMIC), EBADF, false);
	}
}

static void file_calls(void)
{
	struct gpupt_event e[2];
	uint8_t *at;
	ssize_t n;

	switch (any() % 5) {
	case 0:
		judge("short read", read(me->rw, e, any() % sizeof(e[0])), EINVAL, false);
		break;
	case 1:
		n = read(me->rw, e, sizeof(e[0]) + any() % (sizeof(e[0]) + 1));
		WANT(n < 0 ? errno == EAGAIN : n && !(n % sizeof(e[0])), "read: %zd", n);
		calls++;
		break;
	case 2:
		n = read(me->rw, me->memory + ROOM - any() % sizeof(e[0]), sizeof(e[0]));
		WANT(n < 0 && (errno == EAGAIN || errno == EFAULT), "read into a hole: %zd", n);
		calls++;
		break;
	case 3:
		at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, me->rw, 0);
		judge("mmap of a function", at == MAP_FAILED ? -1 : 0, ENODEV, false);
		break;
	default:
		judge("write", write(me->rw, e, 1 + any() % sizeof(e)), EINVAL, false);
	}
}

static void quiesce_and_resume(void)
{
	judge("quiesce of a reader", ioctl(me->ro, GPUPT_QUIESCE), EPERM, false);
	judge("resume of a reader", ioctl(me->ro, GPUPT_RESUME), EPERM, false);
	if (!one_in(16))
		return;
	judge("quiesce", ioctl(me->rw, GPUPT_QUIESCE), 0, false);
	if (one_in(2))
		judge("quiesce again", ioctl(me->rw, GPUPT_QUIESCE), 0, false);
	judge("resume", ioctl(me->rw, GPUPT_RESUME), 0, false);
}

/* --- what nothing is said of --- */

/* Whoever has the number now: only that the kernel bears it. */
static void blind_call(int fd)
{
	uint8_t *at;

	switch (any() % 6) {
	case 0:
		at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		if (at != MAP_FAILED) {
			touch(at);
			munmap(at, PAGE);
		}
		break;
	case 1:
		if (!import(me->engine, fd, LAB_DMA_DYNAMIC)) {
			ioctl(me->engine, LAB_DMA_MAP);
			ioctl(me->engine, LAB_DMA_RELEASE);
		}
		break;
	case 2:
		lseek(fd, 0, SEEK_END);
		break;
	case 3:
		ioctl(fd, GPUPT_GET_INFO, me->memory);
		break;
	default:
		any_export_argument((struct exported *)me->memory);
		fd = ioctl(fd, GPUPT_EXPORT, me->memory);
		if (fd >= 0)
			close(fd);
	}
	calls++;
}

static void fork_with_all(void)
{
	pid_t child = fork();
	int end;

	if (!child) {
		for (unsigned int i = 0; i < SHARED; i++) {
			if (one_in(2))
				ioctl(shared[i], GPUPT_GET_INFO, me->memory);
			close(shared[i]);
		}
		_exit(try_export(me->rw, MEMORY, 0, PAGE, wc_flag) < 0 && errno != EBUSY);
	}
	WANT(child > 0 && waitpid(child, &end, 0) == child && !end, "child: %#x", end);
	forks++;
	calls++;
}

static void shared_calls(void)
{
	atomic_int *slot = &shared[any() % SHARED];
	int fd = -1;

	switch (any() % 16) {
	case 0:
		fd = atomic_exchange(slot, dup(one_in(4) ? me->ro : me->rw));
		break;
	case 1:
		fd = atomic_exchange(slot, -1);
		break;
	case 2:
		fd = atomic_exchange(slot, dup(*slot));
		break;
	case 3:
		if (one_in(8))
			fork_with_all();
		break;
	default:
		blind_call(*slot);
	}
	if (fd >= 0)
		close(fd);
}

/* --- threads --- */

static void any_call(void)
{
	switch (any() % 32) {
	case 0 ... 1:
		any_info();
		break;
	case 2 ... 3:
		any_p2p();
		break;
	case 4:
		any_number_of_ioctl();
		break;
	case 5 ... 6:
		wrong_file();
		break;
	case 7:
		file_calls();
		break;
	case 8:
		quiesce_and_resume();
		break;
	case 9 ... 13:
		shared_calls();
		break;
	default:
		any_export();
	}
}

static void *fuzz(void *arg)
{
	char path[64];

	me = arg;
	snprintf(path, sizeof(path), "/dev/gpupt/%s", provider);
	me->rw = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	me->ro = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	me->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	me->engine = open_client();
	me->memory = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	WANT(me->rw >= 0 && me->ro >= 0 && me->null >= 0 && me->memory != MAP_FAILED &&
	     !mprotect(me->memory + ROOM, PAGE, PROT_NONE), "what a thread needs");
	while (calls < calls_wanted) {
		any_call();
		/* Another open file, with another reader's state. */
		if (one_in(4096)) {
			close(me->rw);
			me->rw = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		}
	}
	close(me->rw);
	close(me->ro);
	close(me->null);
	close(me->engine);
	munmap(me->memory, ROOM + PAGE);
	return NULL;
}

int run_fuzz(unsigned long n, unsigned int seed)
{
	static struct fuzzer fuzzer[THREADS];
	const char *msix = getenv("MSIX");
	unsigned long long start, end;
	pthread_t thread[THREADS];
	int dev = open_provider();

	if (msix) {
		WANT(sscanf(msix, "%llx-%llx", &start, &end) == 2, "MSIX=%s", msix);
		msix_start = start;
		msix_end = end;
	}
	calls_wanted = n;
	for (unsigned int i = 0; i < SHARED; i++)
		shared[i] = -1;
	for (unsigned int i = 0; i < THREADS; i++) {
		fuzzer[i].state = 0x9e3779b97f4a7c15ull * (seed * THREADS + i + 1);
		WANT(!pthread_create(&thread[i], NULL, fuzz, &fuzzer[i]), "thread");
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 0; i < SHARED; i++)
		close(shared[i]);
	printf("calls=%lu seed=%u succeeded=%lu must_fail=%lu busy=%lu forks=%lu\n", calls, seed,
	       succeeded, must_fail, busy, forks);
	WANT(succeeded > n / 20 && must_fail > n / 20 && forks, "the calls are of one kind");
	WANT(!exports_alive(dev), "%u exports are left", exports_alive(dev));
	ioctl(dev, GPUPT_RESUME);
	close(must_export(dev, 0, msix_start ? msix_start : memory_size, wc_flag));
	close(must_export(dev, 0, PAGE, 0));
	close(dev);
	return 0;
}
