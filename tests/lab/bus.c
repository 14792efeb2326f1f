// SPDX-License-Identifier: GPL-2.0
/* An address space of registers. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "log.h"
#include "stats.h"
#include "vm.h"

#define REGIONS_MAX 256
#define UNCLAIMED_LOG_MAX 16

struct region {
	uint64_t base, size;
	const char *name;
	const struct bus_ops *ops;
	void *opaque;
	unsigned int inside;		/* accesses being served */
	stat_t reads, writes;
};

struct bus {
	const char *name;
	pthread_rwlock_t lock;		/* guards the array, not the regions' callbacks */
	struct region *region[REGIONS_MAX];	/* by base */
	unsigned int n;
	stat_t unclaimed;
	unsigned int logged;
};

/* The region this thread is serving: it may remove itself. */
static __thread struct region *serving;

struct bus *bus_new(const char *name)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		log_fatal(EXIT_INTERNAL, "%s: %s", name, strerror(ENOMEM));
	bus->name = name;
	pthread_rwlock_init(&bus->lock, NULL);
	return bus;
}

/* Index of the first region that ends above @addr. */
static unsigned int find(const struct bus *bus, uint64_t addr)
{
	unsigned int low = 0, high = bus->n;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		const struct region *r = bus->region[mid];

		if (r->base + r->size <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int bus_add(struct bus *bus, uint64_t base, uint64_t size, const char *name,
	    const struct bus_ops *ops, void *opaque)
{
	struct region *r;
	unsigned int at;
	int err = 0;

	if (!size || base + size < base)
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct region){
		.base = base, .size = size, .name = name, .ops = ops, .opaque = opaque,
	};
	pthread_rwlock_wrlock(&bus->lock);
	at = find(bus, base);
	if (at < bus->n && bus->region[at]->base < base + size) {
		err = -EEXIST;
	} else if (bus->n == REGIONS_MAX) {
		err = -ENOSPC;
	} else {
		memmove(&bus->region[at + 1], &bus->region[at],
			(bus->n - at) * sizeof(bus->region[0]));
		bus->region[at] = r;
		bus->n++;
	}
	pthread_rwlock_unlock(&bus->lock);
	if (err)
		free(r);
	return err;
}

void bus_remove(struct bus *bus, uint64_t base)
{
	struct region *r = NULL;
	unsigned int at, mine;

	pthread_rwlock_wrlock(&bus->lock);
	at = find(bus, base);
	if (at < bus->n && bus->region[at]->base == base) {
		r = bus->region[at];
		bus->n--;
		memmove(&bus->region[at], &bus->region[at + 1],
			(bus->n - at) * sizeof(bus->region[0]));
	}
	pthread_rwlock_unlock(&bus->lock);
	if (!r)
		return;
	mine = serving == r;
	while (__atomic_load_n(&r->inside, __ATOMIC_ACQUIRE) > mine)
		sched_yield();
	/* When it removes itself, bus_access() frees it on the way out. */
	if (mine)
		r->ops = NULL;
	else
		free(r);
}

static void unclaimed(struct bus *bus, unsigned int vp, bool write, uint64_t addr,
		      unsigned int len, void *data)
{
	if (!write)
		memset(data, 0xff, len);
	stat_add_shared(&bus->unclaimed, 1);
	if (log_verbose && __atomic_fetch_add(&bus->logged, 1, __ATOMIC_RELAXED) <
	    UNCLAIMED_LOG_MAX)
		log_debug("vp %u: %s of %u bytes at %s 0x%" PRIx64 " that nothing serves", vp,
			  write ? "write" : "read", len, bus->name, addr);
}

void bus_access(struct bus *bus, unsigned int vp, bool write, uint64_t addr, unsigned int len,
		void *data)
{
	struct region *r = NULL, *outer = serving;
	bool removed;
	unsigned int at;

	pthread_rwlock_rdlock(&bus->lock);
	at = find(bus, addr);
	if (at < bus->n && bus->region[at]->base <= addr &&
	    addr + len <= bus->region[at]->base + bus->region[at]->size) {
		r = bus->region[at];
		__atomic_fetch_add(&r->inside, 1, __ATOMIC_ACQUIRE);
	}
	pthread_rwlock_unlock(&bus->lock);
	if (!r) {
		unclaimed(bus, vp, write, addr, len, data);
		return;
	}
	serving = r;
	if (write) {
		stat_add_shared(&r->writes, 1);
		if (r->ops->write)
			r->ops->write(r->opaque, vp, addr - r->base, len, data);
	} else {
		stat_add_shared(&r->reads, 1);
		memset(data, 0xff, len);
		if (r->ops->read)
			r->ops->read(r->opaque, vp, addr - r->base, len, data);
	}
	serving = outer;
	removed = !r->ops;
	if (removed)
		free(r);
	else
		__atomic_fetch_sub(&r->inside, 1, __ATOMIC_RELEASE);
}

void bus_dump(struct bus *bus, struct json_object *into)
{
	pthread_rwlock_rdlock(&bus->lock);
	for (unsigned int i = 0; i < bus->n; i++) {
		struct json_object *o = stats_put_object(into, bus->region[i]->name);

		stats_put_stat(o, "reads", &bus->region[i]->reads);
		stats_put_stat(o, "writes", &bus->region[i]->writes);
	}
	pthread_rwlock_unlock(&bus->lock);
	stats_put_stat(into, "unclaimed", &bus->unclaimed);
}
