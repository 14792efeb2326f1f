// SPDX-License-Identifier: GPL-2.0
/* Fault scripts: what is accepted, what is refused with which line, and when rules fire. */
#include <dirent.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "control.h"
#include "fault.h"
#include "log.h"
#include "options.h"
#include "stats.h"
#include "vmbus-wire.h"

static void (*dump)(void *o, struct json_object *into);
static unsigned int logged;

void log_info(const char *fmt, ...)
{
	logged++;
}

void log_fatal(enum exit_status status, const char *fmt, ...)
{
	exit(status);
}

void stats_event(struct vm *vm, const char *source, const char *fmt, ...)
{
}

void stats_add_source(struct vm *vm, const char *name,
		      void (*fn)(void *o, struct json_object *into), void *o)
{
	dump = fn;
}

void stats_put(struct json_object *into, const char *key, uint64_t value)
{
	json_object_object_add(into, key, json_object_new_int64((int64_t)value));
}

void stats_put_text(struct json_object *into, const char *key, const char *text)
{
	json_object_object_add(into, key, json_object_new_string(text));
}

struct json_object *stats_put_array(struct json_object *into, const char *key)
{
	struct json_object *array = json_object_new_array();

	json_object_object_add(into, key, array);
	return array;
}

int control_register(struct vm *vm, const char *object,
		     int (*verb)(void *o, int argc, char **argv, char *answer, size_t n), void *o)
{
	return 0;
}

int parse_u64(const char *text, uint64_t *value)
{
	char *end;

	*value = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end ? 0 : -1;
}

static int load(const char *script, char *err, size_t n)
{
	char path[] = "/tmp/faultXXXXXX";
	int fd = mkstemp(path), ret;

	if (fd < 0 || write(fd, script, strlen(script)) != (ssize_t)strlen(script))
		return -1;
	close(fd);
	ret = fault_load(NULL, path, err, n);
	unlink(path);
	return ret;
}

static void refuses(void)
{
	static const struct {
		const char *script, *says;
	} bad[] = {
		{ "", "no rule" },
		{ "# nothing\n\n", "no rule" },
		{ "on vmbus.offer drop\n", ":1: a rule begins with 'at'" },
		{ "\nat vmbus.ofer drop\n", ":2: unknown point 'vmbus.ofer'" },
		{ "at\n", ":1: unknown point ''" },
		{ "at vmbus.offer\n", ":1: no action" },
		{ "at vmbus.offer nth\n", ":1: nth wants" },
		{ "at vmbus.offer nth 0 drop\n", ":1: nth wants" },
		{ "at vmbus.offer every x drop\n", ":1: every wants" },
		{ "at vmbus.offer nth 1\n", ":1: no action" },
		{ "at vmbus.offer explode\n", ":1: unknown action 'explode'" },
		{ "at netvsp.range drop\n", ":1: point 'netvsp.range' has no action 'drop'" },
		{ "at vmbus.offer delay 5\n", ":1: delay wants" },
		{ "at vmbus.offer delay 99999999999999999999s\n", ":1: delay wants" },
		{ "at vmbus.open_result status\n", ":1: status wants" },
		{ "at vmbus.offer corrupt relid\n", ":1: corrupt wants" },
		{ "at vmbus.offer corrupt rellid 1\n", "has no field 'rellid'" },
		{ "at vmbus.offer corrupt relid x\n", "'x' is not a number" },
		{ "at vmbus.offer corrupt flags 65536\n", "does not fit the 2 bytes" },
		{ "at vmbus.offer drop drop\n", "'drop' is one word too many" },
		{ "at a b c d e f g h i j k l m n\n", "too many words" },
	};
	char err[256];
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*err = 0;
		CHECK(load(bad[i].script, err, sizeof(err)), "%s", bad[i].script);
		CHECK(strstr(err, bad[i].says), "%s gives: %s", bad[i].script, err);
	}
	CHECK(fault_load(NULL, "/nowhere/script", err, sizeof(err)) && strstr(err, "/nowhere"));
}

static void every_shipped_script_loads(void)
{
	DIR *dir = opendir("faults");
	unsigned int n = 0;
	struct dirent *e;
	char path[300], err[256] = "";

	CHECK(dir);
	while (dir && (e = readdir(dir))) {
		if (!strstr(e->d_name, ".fault"))
			continue;
		snprintf(path, sizeof(path), "faults/%s", e->d_name);
		CHECK(!fault_load(NULL, path, err, sizeof(err)), "%s", err);
		n++;
	}
	if (dir)
		closedir(dir);
	CHECK(n >= 30, "%u scripts", n);
}

static unsigned int drops(enum fault_point point, const char *object, unsigned int n)
{
	unsigned int dropped = 0;

	while (n--)
		dropped = dropped << 1 |
			  (fault_at(point, object, NULL, 0).kind == FAULT_DROP);
	return dropped;
}

static void selectors(void)
{
	char err[256];

	CHECK(!load("at vmbus.offer nth 3 drop", err, sizeof(err)), "%s", err);
	CHECK(drops(FAULT_VMBUS_OFFER, "net0", 6) == 0x08);
	CHECK(drops(FAULT_VMBUS_RESCIND, "net0", 4) == 0);
	CHECK(!load("at vmbus.offer every 2 drop # half\n", err, sizeof(err)), "%s", err);
	CHECK(drops(FAULT_VMBUS_OFFER, "net0", 6) == 0x15);
	CHECK(!load("\tat vmbus.offer drop", err, sizeof(err)), "%s", err);
	CHECK(drops(FAULT_VMBUS_OFFER, NULL, 3) == 7);
	CHECK(!load("at vmbus.offer on net1 nth 2 drop", err, sizeof(err)), "%s", err);
	CHECK(drops(FAULT_VMBUS_OFFER, "net10", 3) == 0);
	CHECK(drops(FAULT_VMBUS_OFFER, NULL, 3) == 0);
	CHECK(drops(FAULT_VMBUS_OFFER, "net1.4", 3) == 2);
}

static void messages(void)
{
	struct vmbus_open_result m = { .relid = 5, .status = 0 };
	struct fault_action todo;
	char err[256];

	CHECK(!load("at vmbus.open_result corrupt relid 0x1234\n"
		    "at vmbus.open_result status 7\n"
		    "at vmbus.open_result nth 2 delay 3ms\n",
		    err, sizeof(err)),
	      "%s", err);
	todo = fault_at(FAULT_VMBUS_OPEN_RESULT, "net0", &m, sizeof(m));
	CHECK(todo.kind == FAULT_NONE && m.relid == 0x1234 && m.status == 7);
	todo = fault_at(FAULT_VMBUS_OPEN_RESULT, "net0", &m, sizeof(m));
	CHECK(todo.kind == FAULT_DELAY && todo.delay_ns == 3000000);
	/* A field that the message is too short for is left alone. */
	m.relid = 5;
	fault_at(FAULT_VMBUS_OPEN_RESULT, "net0", &m, 10);
	CHECK(m.relid == 5);
}

static void results(void)
{
	struct json_object *into = json_object_new_object(), *rules, *warnings;
	char err[256];

	CHECK(!load("at vmbus.offer drop\nat vmbus.rescind drop\n", err, sizeof(err)), "%s", err);
	logged = 0;
	drops(FAULT_VMBUS_OFFER, "net0", 100);
	CHECK(logged > 0 && logged < 50, "%u lines", logged);
	dump(NULL, into);
	rules = json_object_object_get(into, "rules");
	warnings = json_object_object_get(into, "warnings");
	CHECK(json_object_array_length(rules) == 2);
	CHECK(json_object_get_int(json_object_object_get(json_object_array_get_idx(rules, 0),
							 "fired")) == 100);
	CHECK(json_object_array_length(warnings) == 1);
	json_object_put(into);
}

int main(void)
{
	char err[64];

	check_run("refuses broken scripts and says where", refuses);
	check_run("every shipped script loads", every_shipped_script_loads);
	check_run("nth, every, always, on", selectors);
	check_run("corrupt, status, delay", messages);
	check_run("counts and warnings in the results", results);
	fault_load(NULL, NULL, err, sizeof(err));
	return check_end();
}
