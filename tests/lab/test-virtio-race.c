// SPDX-License-Identifier: GPL-2.0
/*
 * One ring, two threads: the driver's notification rules (VIRTIO 1.2 section 2.7.10) against the
 * device's in virtio-ring.c. A wakeup that is lost leaves both asleep, and the case fails.
 */
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"
#include "virtio-ring.h"
#include "vm.h"

#define BUFFERS	   300000
#define RING	   16
#define DESC_AT	   0x0000
#define AVAIL_AT   0x1000
#define USED_AT	   0x2000
#define BUFFERS_AT 0x3000
#define PATIENCE   5000 /* ms */

static uint8_t ram[0x4000] __attribute__((aligned(4096)));

void *vm_gpa(const struct vm *vm, uint64_t gpa, uint64_t len)
{
	return gpa < sizeof(ram) && len <= sizeof(ram) - gpa ? ram + gpa : NULL;
}

static int kick, interrupt;
static bool use_event_idx, lost;

static void wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	if (poll(&p, 1, PATIENCE) == 1 && read(fd, &n, sizeof(n)) == sizeof(n))
		return;
	__atomic_store_n(&lost, true, __ATOMIC_RELAXED);
}

static void notify(int fd)
{
	uint64_t one = 1;

	CHECK(write(fd, &one, sizeof(one)) == sizeof(one));
}

/* The device: takes chains as fast as they come, sleeps as tx_run() does. */
static void *device_thread(void *arg)
{
	unsigned int done = 0;
	struct vring_chain c;
	struct vring v;

	CHECK(!vring_start(&v, NULL, RING, DESC_AT, AVAIL_AT, USED_AT, use_event_idx));
	while (done < BUFFERS && !lost) {
		unsigned int batch = 1 + check_random(RING);

		vring_quiet(&v);
		while (batch-- && vring_pop(&v, &c) == 1) {
			vring_push(&v, c.head, 0);
			done++;
		}
		if (vring_publish(&v))
			notify(interrupt);
		if (v.seen_avail == v.next_avail && !vring_listen(&v) && done < BUFFERS)
			wait_for(kick);
	}
	return NULL;
}

static uint16_t load(uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* The driver: fills the ring, then asks for an interrupt somewhere ahead, looks again, sleeps. */
static void driver(void)
{
	uint16_t *a = (uint16_t *)(ram + AVAIL_AT), *u = (uint16_t *)(ram + USED_AT), next = 0;
	unsigned int rnd = 1, done = 0;

	while (done < BUFFERS && !lost) {
		uint16_t was = next, seen = load(&u[1]);

		done += (uint16_t)(seen - (uint16_t)done);
		while ((uint16_t)(next - seen) < RING && done + (uint16_t)(next - seen) < BUFFERS) {
			a[2 + next % RING] = next % RING;
			next++;
		}
		if (next != was) {
			bool want;

			__atomic_store_n(&a[1], next, __ATOMIC_RELEASE);
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (use_event_idx)
				want = (uint16_t)(next - load(&u[2 + 4 * RING]) - 1) <
				       (uint16_t)(next - was);
			else
				want = !(load(&u[0]) & 1);
			if (want)
				notify(kick);
			continue;
		}
		if (done == BUFFERS)
			break;
		rnd = rnd * 1103515245 + 12345;
		if (use_event_idx) /* after this many more of those in flight */
			__atomic_store_n(&a[2 + RING], seen + (rnd >> 16) % (uint16_t)(next - seen),
					 __ATOMIC_RELAXED);
		else
			__atomic_store_n(&a[0], 0, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (load(&u[1]) == seen)
			wait_for(interrupt);
		if (!use_event_idx)
			__atomic_store_n(&a[0], 1, __ATOMIC_RELAXED);
	}
	CHECK(done == BUFFERS, "%u", done);
}

static void race(void)
{
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		pthread_t device;

		memset(ram, 0, sizeof(ram));
		use_event_idx = event_idx;
		lost = false;
		kick = eventfd(0, EFD_NONBLOCK);
		interrupt = eventfd(0, EFD_NONBLOCK);
		for (unsigned int i = 0; i < RING; i++) /* 64 readable bytes each */
			memcpy(ram + DESC_AT + 16 * i, (uint64_t[]){ BUFFERS_AT, 64 }, 16);
		pthread_create(&device, NULL, device_thread, NULL);
		driver();
		pthread_join(device, NULL);
		CHECK(!lost, "a wakeup was lost, event index %d", event_idx);
		close(kick);
		close(interrupt);
	}
}

int main(void)
{
	check_run("no wakeup is lost, with and without event index", race);
	return check_end();
}
