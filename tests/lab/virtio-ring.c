// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "virtio-ring.h"
#include "vm.h"

#define DESC_SIZE     16
#define DESC_NEXT     1
#define DESC_WRITE    2
#define DESC_INDIRECT 4

#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY	   1

/* Offsets in 16 bit words. */
#define RING_FLAGS 0
#define RING_IDX   1
#define RING_FIRST 2

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* One read of each byte, whatever the guest does to it meanwhile. */
static struct desc read_desc(const uint8_t *table, uint32_t i)
{
	const uint64_t *p = (const uint64_t *)(table + i * DESC_SIZE);
	uint64_t a = __atomic_load_n(p, __ATOMIC_RELAXED);
	uint64_t b = __atomic_load_n(p + 1, __ATOMIC_RELAXED);

	return (struct desc){ .addr = a, .len = b, .flags = b >> 32, .next = b >> 48 };
}

static uint16_t load16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static uint16_t *used_event(struct vring *v)
{
	return v->avail + RING_FIRST + v->size;
}

static uint16_t *avail_event(struct vring *v)
{
	return v->used + RING_FIRST + 4 * v->size;
}

static int broken(struct vring *v, const char *how)
{
	if (!v->broken)
		v->broken = how;
	return -EPROTO;
}

int vring_start(struct vring *v, struct vm *vm, uint16_t size, uint64_t desc, uint64_t avail,
		uint64_t used, bool event_idx)
{
	memset(v, 0, sizeof(*v));
	if (!size || size > VRING_SIZE_MAX || (size & (size - 1)))
		return -EFAULT;
	if (desc % DESC_SIZE || avail % 2 || used % 4)
		return -EFAULT;
	v->vm = vm;
	v->size = size;
	v->event_idx = event_idx;
	v->desc = vm_gpa(vm, desc, (uint64_t)size * DESC_SIZE);
	v->avail = vm_gpa(vm, avail, 2 * (RING_FIRST + size + 1));
	v->used = vm_gpa(vm, used, 2 * (RING_FIRST + 4 * size + 1));
	return v->desc && v->avail && v->used ? 0 : -EFAULT;
}

int vring_available(struct vring *v)
{
	uint16_t n;

	if (v->broken)
		return -EPROTO;
	v->seen_avail = __atomic_load_n(v->avail + RING_IDX, __ATOMIC_ACQUIRE);
	n = v->seen_avail - v->next_avail;
	if (n > v->size)
		return broken(v, "available index jumped");
	return n;
}

static int add_piece(struct vring *v, struct vring_chain *c, const struct desc *d)
{
	bool write = d->flags & DESC_WRITE;
	unsigned int n = c->n_out + c->n_in;
	void *p;

	if (!write && c->n_in)
		return broken(v, "readable descriptor behind a writable one");
	if (n == VRING_IOV_MAX)
		return broken(v, "chain of too many pieces");
	if (!d->len)
		return 0;
	p = vm_gpa(v->vm, d->addr, d->len);
	if (!p)
		return broken(v, "descriptor outside RAM");
	c->iov[n].iov_base = p;
	c->iov[n].iov_len = d->len;
	if (write) {
		c->n_in++;
		if (__builtin_add_overflow(c->in_len, d->len, &c->in_len))
			return broken(v, "chain of more than 4 GiB");
	} else {
		c->n_out++;
		if (__builtin_add_overflow(c->out_len, d->len, &c->out_len))
			return broken(v, "chain of more than 4 GiB");
	}
	return 0;
}

/* Follow a chain in a table of @n descriptors from @i on; @n steps at most, so loops end. */
static int walk(struct vring *v, struct vring_chain *c, const uint8_t *table, uint32_t n,
		uint32_t i, bool indirect)
{
	for (uint32_t steps = 0; steps < n; steps++) {
		struct desc d;
		int err;

		if (i >= n)
			return broken(v, "descriptor index beyond the table");
		d = read_desc(table, i);
		if (d.flags & DESC_INDIRECT) {
			const uint8_t *inner;

			if (indirect || steps || (d.flags & DESC_NEXT))
				return broken(v, "indirect descriptor in a wrong place");
			if (!d.len || d.len % DESC_SIZE || d.len > VRING_SIZE_MAX * DESC_SIZE)
				return broken(v, "indirect table of a wrong size");
			inner = vm_gpa(v->vm, d.addr, d.len);
			if (!inner || d.addr % 8)
				return broken(v, "indirect table outside RAM");
			return walk(v, c, inner, d.len / DESC_SIZE, 0, true);
		}
		err = add_piece(v, c, &d);
		if (err || !(d.flags & DESC_NEXT))
			return err;
		i = d.next;
	}
	return broken(v, "descriptor loop");
}

int vring_pop(struct vring *v, struct vring_chain *c)
{
	int n = 1, err;

	if (v->broken)
		return -EPROTO;
	if (v->seen_avail == v->next_avail) {
		n = vring_available(v);
		if (n <= 0)
			return n;
	}
	c->head = load16(v->avail + RING_FIRST + v->next_avail % v->size);
	c->n_out = 0;
	c->n_in = 0;
	c->out_len = 0;
	c->in_len = 0;
	err = walk(v, c, v->desc, v->size, c->head, false);
	if (err)
		return err;
	v->next_avail++;
	return 1;
}

void vring_unpop(struct vring *v, uint16_t n)
{
	v->next_avail -= n;
}

void vring_push(struct vring *v, uint16_t head, uint32_t len)
{
	uint16_t *entry = v->used + RING_FIRST + 4 * (v->next_used++ % v->size);
	uint64_t value = (uint64_t)len << 32 | head;

	memcpy(entry, &value, sizeof(value));
}

bool vring_publish(struct vring *v)
{
	uint16_t was = v->signalled, now = v->next_used;

	if (v->published == now)
		return false;
	__atomic_store_n(v->used + RING_IDX, now, __ATOMIC_RELEASE);
	v->published = now;
	/* the guest's wish is read once it can see the entries; it does both the other way round */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	v->signalled = now;
	if (!v->event_idx)
		return !(load16(v->avail + RING_FLAGS) & AVAIL_NO_INTERRUPT);
	return (uint16_t)(now - load16(used_event(v)) - 1) < (uint16_t)(now - was);
}

void vring_quiet(struct vring *v)
{
	if (!v->event_idx)
		__atomic_store_n(v->used + RING_FLAGS, USED_NO_NOTIFY, __ATOMIC_RELAXED);
}

bool vring_listen(struct vring *v)
{
	uint16_t seen = v->seen_avail;

	if (v->event_idx)
		__atomic_store_n(avail_event(v), seen, __ATOMIC_RELAXED);
	else
		__atomic_store_n(v->used + RING_FLAGS, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return vring_available(v) < 0 || v->seen_avail != seen;
}
