// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frame-ring.h"

#define ALIGN 64 /* records start on cache lines */

/* In front of each frame's bytes. */
struct record {
	uint32_t span; /* bytes to the next record */
	uint32_t len; /* of the frame; 0: none, the next one is at the start of the ring */
	uint8_t head[offsetof(struct frame, iov)];
};

_Static_assert(sizeof(struct record) <= ALIGN, "a record's head fits any gap");

static int frame_ring_init(struct frame_ring *r, size_t size)
{
	memset(r, 0, sizeof(*r));
	if (size < FRAME_RING_MIN)
		return -EINVAL;
	r->size = size & ~(size_t)(ALIGN - 1);
	r->bytes = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->bytes == MAP_FAILED) {
		r->bytes = NULL;
		return -ENOMEM;
	}
	r->fd = eventfd(0, EFD_CLOEXEC);
	if (r->fd < 0) {
		int err = -errno;

		munmap(r->bytes, r->size);
		r->bytes = NULL;
		return err;
	}
	pthread_mutex_init(&r->lock, NULL);
	return 0;
}

/* A zeroed ring is fine. */
static void frame_ring_free(struct frame_ring *r)
{
	if (!r->bytes)
		return;
	munmap(r->bytes, r->size);
	close(r->fd);
	pthread_mutex_destroy(&r->lock);
	r->bytes = NULL;
}

void frame_ring_begin(struct frame_ring *r)
{
	pthread_mutex_lock(&r->lock);
}

static bool has_room(struct frame_ring *r, uint64_t end)
{
	if (end - r->tail_cache <= r->size)
		return true;
	r->tail_cache = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
	return end - r->tail_cache <= r->size;
}

uint8_t *frame_ring_put(struct frame_ring *r, const struct frame *f)
{
	uint32_t span = (sizeof(struct record) + f->len + ALIGN - 1) & ~(ALIGN - 1u);
	size_t at = r->write % r->size;
	uint32_t skip = at + span > r->size ? r->size - at : 0;
	struct record *rec = (struct record *)(r->bytes + at);

	if (!has_room(r, r->write + skip + span))
		return NULL;
	if (skip) {
		rec->span = skip;
		rec->len = 0;
		rec = (struct record *)r->bytes;
	}
	rec->span = span;
	rec->len = f->len;
	memcpy(rec->head, f, sizeof(rec->head));
	frame_copy_out(f, 0, rec + 1, f->len);
	r->write += skip + span;
	return (uint8_t *)(rec + 1);
}

void frame_ring_end(struct frame_ring *r)
{
	uint64_t one = 1;

	__atomic_store_n(&r->head, r->write, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&r->armed, __ATOMIC_SEQ_CST) &&
	    __atomic_exchange_n(&r->armed, false, __ATOMIC_SEQ_CST))
		if (write(r->fd, &one, sizeof(one)) != sizeof(one))
			__atomic_store_n(&r->armed, true, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&r->lock);
}

/*
 * Awake again. Whoever took the flag away has signalled the event or is just doing it: the read
 * waits for that moment, and the event never stays behind to wake us for nothing.
 */
static void woken(struct frame_ring *r)
{
	uint64_t n;

	r->slept = false;
	if (!__atomic_exchange_n(&r->armed, false, __ATOMIC_SEQ_CST))
		while (read(r->fd, &n, sizeof(n)) < 0 && errno == EINTR)
			continue;
}

unsigned int frame_ring_pull(struct frame_ring *r, struct frame *f, unsigned int max)
{
	uint64_t head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
	unsigned int n = 0;

	if (r->slept)
		woken(r);
	if (r->tail != r->read)
		__atomic_store_n(&r->tail, r->read, __ATOMIC_RELEASE);
	while (n < max && r->read != head) {
		struct record *rec = (struct record *)(r->bytes + r->read % r->size);

		r->read += rec->span;
		if (!rec->len)
			continue;
		memcpy(&f[n], rec->head, sizeof(rec->head));
		f[n].n_iov = 1;
		f[n].iov[0].iov_base = rec + 1;
		f[n].iov[0].iov_len = rec->len;
		n++;
	}
	return n;
}

bool frame_ring_arm(struct frame_ring *r)
{
	if (r->slept)
		woken(r);
	__atomic_store_n(&r->tail, r->read, __ATOMIC_RELEASE);
	__atomic_store_n(&r->armed, true, __ATOMIC_SEQ_CST);
	r->slept = true;
	if (r->read == __atomic_load_n(&r->head, __ATOMIC_SEQ_CST))
		return false;
	woken(r);
	return true;
}

int frame_rings_new(unsigned int n, size_t size, struct frame_ring **rings)
{
	void *made = NULL;
	int ret;

	ret = -posix_memalign(&made, 64, n * sizeof(struct frame_ring));
	if (ret)
		return ret;
	memset(made, 0, n * sizeof(struct frame_ring));
	for (unsigned int i = 0; i < n && !ret; i++)
		ret = frame_ring_init((struct frame_ring *)made + i, size);
	if (ret)
		frame_rings_free(n, made);
	else
		*rings = made;
	return ret;
}

void frame_rings_free(unsigned int n, struct frame_ring *rings)
{
	for (unsigned int i = 0; i < n; i++)
		frame_ring_free(&rings[i]);
	free(rings);
}
