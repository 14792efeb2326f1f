// SPDX-License-Identifier: GPL-2.0
/* The registry of counters. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "loop.h"
#include "machine.h"
#include "results.h"
#include "stats.h"
#include "vm.h"

struct source {
	struct source *next;
	char *name;
	void (*dump)(void *o, struct json_object *into);
	void *opaque;
};

struct stats {
	/* Recursive: a dump may add a source. Held while dumps run, so that removal waits. */
	pthread_mutex_t lock;
	struct source *first;
};

void stats_create(struct vm *vm)
{
	pthread_mutexattr_t attr;

	vm->stats = calloc(1, sizeof(*vm->stats));
	if (!vm->stats)
		log_fatal(EXIT_INTERNAL, "statistics: %s", strerror(ENOMEM));
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&vm->stats->lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

void stats_add_source(struct vm *vm, const char *name,
		      void (*dump)(void *o, struct json_object *into), void *o)
{
	struct source *s = calloc(1, sizeof(*s)), **p;

	if (!s)
		log_fatal(EXIT_INTERNAL, "statistics: %s", strerror(ENOMEM));
	s->name = strdup(name);
	s->dump = dump;
	s->opaque = o;
	if (!s->name)
		log_fatal(EXIT_INTERNAL, "statistics: %s", strerror(ENOMEM));
	pthread_mutex_lock(&vm->stats->lock);
	for (p = &vm->stats->first; *p; p = &(*p)->next)
		;
	*p = s;
	pthread_mutex_unlock(&vm->stats->lock);
}

void stats_remove_source(struct vm *vm, const char *name)
{
	pthread_mutex_lock(&vm->stats->lock);
	for (struct source **p = &vm->stats->first; *p; p = &(*p)->next) {
		struct source *s = *p;

		if (strcmp(s->name, name))
			continue;
		*p = s->next;
		free(s->name);
		free(s);
		break;
	}
	pthread_mutex_unlock(&vm->stats->lock);
}

void stats_dump(struct vm *vm, struct json_object *into)
{
	pthread_mutex_lock(&vm->stats->lock);
	for (struct source *s = vm->stats->first; s; s = s->next)
		s->dump(s->opaque, stats_put_object(into, s->name));
	pthread_mutex_unlock(&vm->stats->lock);
}

void stats_put(struct json_object *into, const char *key, uint64_t value)
{
	json_object_object_add(into, key, json_object_new_uint64(value));
}

void stats_put_stat(struct json_object *into, const char *key, const stat_t *s)
{
	stats_put(into, key, stat_read(s));
}

void stats_put_text(struct json_object *into, const char *key, const char *text)
{
	json_object_object_add(into, key, text ? json_object_new_string(text) : NULL);
}

struct json_object *stats_put_object(struct json_object *into, const char *key)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(into, key, o);
	return o;
}

struct json_object *stats_put_array(struct json_object *into, const char *key)
{
	struct json_object *o = json_object_new_array();

	json_object_object_add(into, key, o);
	return o;
}

void stats_event(struct vm *vm, const char *source, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	results_event(vm->start_ns ? clock_ns() - vm->start_ns : 0, source, text);
}
