/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Statistics for a part under test: whatever it reports is summed up, and goes nowhere else.
 * Included once, by the test itself.
 */
#ifndef HVLAB_TEST_STATS_H
#define HVLAB_TEST_STATS_H

#include <json-c/json.h>

#include "check.h"
#include "stats.h"

/* What was reported since the test last set it to 0; what dumps it, once added. */
static uint64_t dumped __attribute__((unused));
static void (*dump_source)(void *o, struct json_object *into) __attribute__((unused));

void stats_add_source(struct vm *vm, const char *name,
		      void (*dump)(void *o, struct json_object *into), void *o)
{
	dump_source = dump;
}

void stats_remove_source(struct vm *vm, const char *name)
{
}

void stats_event(struct vm *vm, const char *source, const char *fmt, ...)
{
}

void stats_put(struct json_object *into, const char *key, uint64_t value)
{
	dumped += value;
}

void stats_put_stat(struct json_object *into, const char *key, const stat_t *s)
{
	dumped += stat_read(s);
}

void stats_put_text(struct json_object *into, const char *key, const char *text)
{
	CHECK(*key && *text);
}

struct json_object *stats_put_object(struct json_object *into, const char *key)
{
	return into;
}

struct json_object *stats_put_array(struct json_object *into, const char *key)
{
	struct json_object *array = json_object_new_array();

	json_object_object_add(into, key, array);
	return array;
}

#endif
