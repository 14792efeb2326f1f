/* SPDX-License-Identifier: GPL-2.0 */
/* stats.h: counters and where they end up: the results file (stats.c). */
#ifndef HVLAB_STATS_H
#define HVLAB_STATS_H

#include <stdint.h>

struct json_object;
struct vm;

/**
 * typedef stat_t - a counter with one writer thread and any number of readers
 *
 * Plain adds, single-copy atomic: no lock prefix in the data path. A counter with several writers
 * uses stat_add_shared().
 */
typedef struct {
	uint64_t v;
} stat_t;

static inline void stat_add(stat_t *s, uint64_t n)
{
	__atomic_store_n(&s->v, __atomic_load_n(&s->v, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline void stat_inc(stat_t *s)
{
	stat_add(s, 1);
}

static inline void stat_add_shared(stat_t *s, uint64_t n)
{
	__atomic_fetch_add(&s->v, n, __ATOMIC_RELAXED);
}

static inline uint64_t stat_read(const stat_t *s)
{
	return __atomic_load_n(&s->v, __ATOMIC_RELAXED);
}

/**
 * stats_add_source() - have @dump asked whenever a snapshot is taken
 * @name: key under each snapshot, e.g. ``net0``; copied, unique
 * @dump: fills @into; runs in the control loop's thread, or in main() after everything stopped
 *
 * Context: any thread.
 */
void stats_add_source(struct vm *vm, const char *name,
		      void (*dump)(void *o, struct json_object *into), void *o);

/** stats_remove_source() - no more; returns when no @dump of it runs */
void stats_remove_source(struct vm *vm, const char *name);

/** stats_dump() - ask every source. Context: the control loop, or all loops stopped. */
void stats_dump(struct vm *vm, struct json_object *into);

/** stats_put() - put @value under @key, as the integer it is */
void stats_put(struct json_object *into, const char *key, uint64_t value);

/** stats_put_stat() - stats_put() of a counter */
void stats_put_stat(struct json_object *into, const char *key, const stat_t *s);

/** stats_put_text() - a string */
void stats_put_text(struct json_object *into, const char *key, const char *text);

/** stats_put_object() - a new empty object under @key; belongs to @into */
struct json_object *stats_put_object(struct json_object *into, const char *key);

/** stats_put_array() - a new empty array under @key; belongs to @into */
struct json_object *stats_put_array(struct json_object *into, const char *key);

/**
 * stats_event() - append to the ``events`` list of the results (a fired fault, a link change)
 * @source: who says it
 *
 * Stamped with nanoseconds since the vCPUs started. Context: any thread. Bounded: beyond 10000
 * events only their number is kept.
 */
void stats_event(struct vm *vm, const char *source, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
