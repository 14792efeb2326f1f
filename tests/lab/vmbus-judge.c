// SPDX-License-Identifier: GPL-2.0
/* The list of what the guest did against the protocol. */
#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "log.h"
#include "stats.h"
#include "vmbus.h"

#define KINDS_MAX 128

/* struct violation - one kind by one object; guarded by list.lock */
struct violation {
	char object[VMBUS_NAME_MAX];
	const char *kind;
	uint64_t count;
	char first[200];
};

static struct {
	pthread_mutex_t lock;
	struct vm *vm;
	struct violation violation[KINDS_MAX];
	unsigned int n;
	uint64_t total;
} list = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct violation *find(const char *object, const char *kind)
{
	struct violation *v;

	for (v = list.violation; v < list.violation + list.n; v++) {
		if (!strcmp(v->kind, kind) && !strcmp(v->object, object))
			return v;
	}
	if (list.n == KINDS_MAX)
		return NULL;
	v = &list.violation[list.n++];
	snprintf(v->object, sizeof(v->object), "%s", object);
	v->kind = kind;
	return v;
}

void judge(const char *object, const char *kind, const char *fmt, ...)
{
	struct violation *v;
	bool first = false;
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&list.lock);
	list.total++;
	v = find(object, kind);
	if (v && v->count++ == 0) {
		snprintf(v->first, sizeof(v->first), "%s", text);
		first = true;
	}
	pthread_mutex_unlock(&list.lock);
	if (!first)
		return;
	log_warn("guest violates the protocol: %s: %s: %s", object, kind, text);
	if (list.vm)
		stats_event(list.vm, object, "violation %s: %s", kind, text);
}

uint64_t judge_total(void)
{
	uint64_t total;

	pthread_mutex_lock(&list.lock);
	total = list.total;
	pthread_mutex_unlock(&list.lock);
	return total;
}

static void dump(void *o, struct json_object *into)
{
	struct json_object *array, *one;
	struct violation *v;

	array = stats_put_array(into, "list");
	pthread_mutex_lock(&list.lock);
	for (v = list.violation; v < list.violation + list.n; v++) {
		one = json_object_new_object();
		stats_put_text(one, "object", v->object);
		stats_put_text(one, "kind", v->kind);
		stats_put(one, "count", v->count);
		stats_put_text(one, "first", v->first);
		json_object_array_add(array, one);
	}
	stats_put(into, "total", list.total);
	pthread_mutex_unlock(&list.lock);
}

/* ``do violations total``: for a guest that wants to know what it has done. */
static int verb(void *o, int argc, char **argv, char *answer, size_t n)
{
	if (argc != 1 || strcmp(argv[0], "total")) {
		snprintf(answer, n, "total");
		return -EINVAL;
	}
	snprintf(answer, n, "%llu", (unsigned long long)judge_total());
	return 0;
}

void judge_init(struct vm *vm)
{
	list.vm = vm;
	stats_add_source(vm, "violations", dump, NULL);
	if (control_register(vm, "violations", verb, NULL))
		log_fatal(EXIT_INTERNAL, "the control object violations is taken");
}
