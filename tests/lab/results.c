// SPDX-License-Identifier: GPL-2.0
/* The results file: what was run, what the guest reported, snapshots, events, how it ended. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <json-c/json.h>

#include "ending.h"
#include "log.h"
#include "loop.h"
#include "machine.h"
#include "options.h"
#include "results.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

#define EVENTS_MAX 10000
#define FORMAT_VERSION 1

/* Guards the document; json-c does not lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct json_object *values, *snapshots, *events;
static uint64_t events_dropped;
static char *temporary;
static int fd = -1;

static void remove_temporary(void)
{
	if (temporary)
		unlink(temporary);
}

/* Into place of: a regular file or none. Anything else (a pipe, /dev/full) is written directly. */
static bool replaceable(const char *path)
{
	struct stat st;

	return stat(path, &st) ? errno == ENOENT : S_ISREG(st.st_mode);
}

void results_open(const struct options *opt)
{
	const char *path = opt->results;

	values = json_object_new_object();
	snapshots = json_object_new_array();
	events = json_object_new_array();
	if (!path)
		return;
	if (replaceable(path)) {
		if (asprintf(&temporary, "%s.%d.tmp", path, (int)getpid()) < 0)
			log_fatal(EXIT_INTERNAL, "results: %s", strerror(ENOMEM));
		log_at_fatal(remove_temporary);
		fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd >= 0 && !access(path, F_OK) && access(path, W_OK)) {
			int err = errno;

			remove_temporary();
			log_fatal(EXIT_USAGE, "%s: cannot write results: %s", path, strerror(err));
		}
	} else {
		fd = open(path, O_WRONLY | O_CLOEXEC);
	}
	if (fd < 0)
		log_fatal(EXIT_USAGE, "%s: cannot write results: %s", path, strerror(errno));
}

void results_value(const char *name, const char *value)
{
	enum json_tokener_error err;
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o;
	size_t n = strlen(value);

	o = json_tokener_parse_ex(tok, value, n);
	err = json_tokener_get_error(tok);
	/* A number at the very end only finishes once the parser sees what follows. */
	if (err == json_tokener_continue) {
		o = json_tokener_parse_ex(tok, "", 1);
		err = json_tokener_get_error(tok);
	} else if (err == json_tokener_success && json_tokener_get_parse_end(tok) < n) {
		json_object_put(o);
		err = json_tokener_error_parse_unexpected;
	}
	json_tokener_free(tok);
	if (err != json_tokener_success)
		o = json_object_new_string(value);
	pthread_mutex_lock(&lock);
	json_object_object_add(values, name, o);
	pthread_mutex_unlock(&lock);
}

void results_event(uint64_t time_ns, const char *source, const char *text)
{
	struct json_object *o;

	pthread_mutex_lock(&lock);
	if (!events || json_object_array_length(events) >= EVENTS_MAX) {
		events_dropped++;
	} else {
		o = json_object_new_object();
		stats_put(o, "time_ns", time_ns);
		stats_put_text(o, "source", source);
		stats_put_text(o, "text", text);
		json_object_array_add(events, o);
	}
	pthread_mutex_unlock(&lock);
}

void results_snapshot(struct vm *vm, const char *name)
{
	struct json_object *o = json_object_new_object();

	stats_put_text(o, "name", name);
	stats_put(o, "time_ns", clock_ns() - vm->start_ns);
	stats_dump(vm, o);
	pthread_mutex_lock(&lock);
	json_object_array_add(snapshots, o);
	pthread_mutex_unlock(&lock);
}

static void put_host(struct json_object *into)
{
	struct utsname u;
	char line[256];
	FILE *f;

	if (!uname(&u)) {
		stats_put_text(into, "kernel", u.release);
		stats_put_text(into, "machine", u.machine);
	}
	stats_put(into, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	f = fopen("/proc/cpuinfo", "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !colon)
			continue;
		colon[strcspn(colon, "\n")] = '\0';
		stats_put_text(into, "processor", colon + 2);
		break;
	}
	fclose(f);
}

static void put_run(struct json_object *into, const struct vm *vm)
{
	const struct options *opt = vm->opt;
	struct json_object *argv = stats_put_array(into, "argv");
	bool no_xsave, no_rep;

	for (int i = 0; i < opt->argc; i++)
		json_object_array_add(argv, json_object_new_string(opt->argv[i]));
	cpuid_hidden(opt, &no_xsave, &no_rep);
	stats_put_text(into, "kernel", opt->kernel);
	stats_put_text(into, "append", opt->append);
	stats_put(into, "cpus", vm->n_vcpus);
	stats_put(into, "nodes", vm->n_nodes);
	stats_put(into, "mem_bytes", vm->mem_size);
	stats_put(into, "io_threads", vm->n_io);
	stats_put(into, "io_delay_us", opt->wake_delay_us);
	stats_put(into, "io_rate_pps", opt->io_rate);
	json_object_object_add(into, "xsave", json_object_new_boolean(!no_xsave));
	json_object_object_add(into, "fast_strings", json_object_new_boolean(!no_rep));
}

static void put_end(struct json_object *into, const struct vm *vm, int status)
{
	static const char *const names[] = {
		[VM_RUNNING] = "running", [VM_END_VERDICT] = "verdict",
		[VM_END_POWER_OFF] = "power-off", [VM_END_RESET] = "reset",
		[VM_END_PANIC] = "panic", [VM_END_TRIPLE_FAULT] = "triple-fault",
		[VM_END_DEADLINE] = "deadline", [VM_END_SIGNAL] = "signal",
		[VM_END_INTERNAL] = "internal",
	};
	const struct ending *end = vm_ending(vm);

	stats_put_text(into, "cause", names[end ? end->why : VM_RUNNING]);
	stats_put_text(into, "text", end ? end->text : NULL);
	stats_put(into, "guest_code", end ? end->code : 0);
	stats_put(into, "status", status);
	stats_put(into, "time_ns", end ? end->time_ns - vm->start_ns : 0);
	stats_put_text(into, "console_panic", console_panic_line());
}

static bool write_text(const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text += n;
		left -= n;
	}
	return write(fd, "\n", 1) == 1;
}

bool results_write(struct vm *vm, int status)
{
	const char *path = vm->opt->results;
	struct json_object *o;
	bool ok;
	int err;

	if (fd < 0)
		return true;
	pthread_mutex_lock(&lock);
	o = json_object_new_object();
	stats_put(o, "format", FORMAT_VERSION);
	put_run(stats_put_object(o, "run"), vm);
	put_host(stats_put_object(o, "host"));
	put_end(stats_put_object(o, "end"), vm, status);
	json_object_object_add(o, "results", json_object_get(values));
	json_object_object_add(o, "snapshots", json_object_get(snapshots));
	json_object_object_add(o, "events", json_object_get(events));
	stats_put(o, "events_dropped", events_dropped);
	ok = write_text(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	pthread_mutex_unlock(&lock);
	/* fsync() fails on pipes and terminals, where it means nothing. */
	if (ok && fsync(fd) && errno != EINVAL && errno != EROFS)
		ok = false;
	err = errno;
	if (close(fd) && ok) {
		ok = false;
		err = errno;
	}
	fd = -1;
	if (ok && temporary && rename(temporary, path)) {
		ok = false;
		err = errno;
	}
	if (!ok) {
		remove_temporary();
		log_info("%s: cannot write results: %s", path, strerror(err));
	}
	return ok;
}
