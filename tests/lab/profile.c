// SPDX-License-Identifier: GPL-2.0
#include "profile.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/perf_event.h>

#include "control.h"
#include "log.h"
#include "options.h"
#include "report.h"
#include "results.h"
#include "stats.h"
#include "symbols.h"
#include "vcpu.h"
#include "vm.h"

#define NSEC_PER_SEC  1000000000ull
#define RING_PAGES    1024u /* a power of two; a sample is 16 bytes */
#define PAGE	      4096u
#define MODULE_SYMBOLS_MAX 65536u
#define NEAR	      0x40000u /* no function is longer */

/* One vCPU's thread, watched by the host kernel. */
struct sampler {
	int fd;
	struct perf_event_mmap_page *ring;
};

struct module_symbol {
	uint64_t address;
	char *name;
	char *module;
};

/* One function of the profile, by name. */
struct function {
	char name[128];
	const char *module;
	unsigned int samples;
};

static struct {
	uint64_t period_ns;
	struct vm *vm;
	/* Guards the rest. */
	pthread_mutex_t lock;
	char *name; /* of the running profile, or NULL */
	struct sampler *sampler; /* one for each vCPU; ready once the first profile starts */
	bool ready;
	struct symbols *kernel;
	struct function *function; /* of the running stop(), as many as there are samples */
	unsigned int n, room;
	unsigned int host, hvlab, lost;
	struct module_symbol *symbol;
	unsigned int n_symbols;
	bool sorted;
} profile = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int open_sampler(struct sampler *s, int tid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = profile.period_ns,
		.sample_type = PERF_SAMPLE_IP,
		.disabled = 1,
	};

	s->fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	s->ring = mmap(NULL, (1 + RING_PAGES) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	return s->ring == MAP_FAILED ? -errno : 0;
}

/* All vCPUs run by the time a guest can ask for anything. */
static int open_samplers(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < profile.vm->n_vcpus && !profile.ready; i++) {
		int tid = __atomic_load_n(&profile.vm->vcpus[i].tid, __ATOMIC_RELAXED);

		err = tid ? open_sampler(&profile.sampler[i], tid) : -ESRCH;
		if (err)
			return err;
	}
	profile.ready = true;
	return 0;
}

static void enable(bool on)
{
	unsigned long request = on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE;

	for (unsigned int i = 0; i < profile.vm->n_vcpus; i++)
		ioctl(profile.sampler[i].fd, request, 0);
}

static int by_address(const void *a, const void *b)
{
	const struct module_symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static const struct module_symbol *module_symbol(uint64_t address)
{
	const struct module_symbol *found = NULL;
	unsigned int low = 0, high = profile.n_symbols;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (profile.symbol[mid].address <= address) {
			found = &profile.symbol[mid];
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return found && address - found->address < NEAR ? found : NULL;
}

static void name_of(uint64_t address, struct function *f)
{
	const struct module_symbol *s = module_symbol(address);

	f->module = s ? s->module : "";
	f->samples = 1;
	if (s) {
		snprintf(f->name, sizeof(f->name), "%s", s->name);
		return;
	}
	if (symbols_format(profile.kernel, address, f->name, sizeof(f->name)))
		*strchrnul(f->name, '+') = '\0';
	else if (address < 1ull << 47)
		snprintf(f->name, sizeof(f->name), "user");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct function *)a)->name, ((const struct function *)b)->name);
}

static int by_samples(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	return x->samples != y->samples ? (x->samples < y->samples ? 1 : -1) : by_name(a, b);
}

static void take(uint16_t mode, uint64_t address)
{
	switch (mode & PERF_RECORD_MISC_CPUMODE_MASK) {
	case PERF_RECORD_MISC_KERNEL:
		profile.host++;
		return;
	case PERF_RECORD_MISC_USER:
		profile.hvlab++;
		return;
	}
	if (profile.n == profile.room) {
		profile.room = profile.room ? 2 * profile.room : 4096;
		profile.function = reallocarray(profile.function, profile.room,
						sizeof(profile.function[0]));
		if (!profile.function)
			log_fatal(EXIT_INTERNAL, "profile: %s", strerror(ENOMEM));
	}
	name_of(address, &profile.function[profile.n++]);
}

/* What the host kernel has written into a ring; perf_event_open(2). */
static void drain(struct sampler *s, bool keep)
{
	const uint8_t *data = (const uint8_t *)s->ring + PAGE;
	uint64_t head = __atomic_load_n(&s->ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t at = s->ring->data_tail;

	while (keep && at < head) {
		/* Records are of 8 bytes and multiples, and the ring is, too. */
		const struct perf_event_header *h = (const void *)(data + at % (RING_PAGES * PAGE));
		uint64_t address;

		memcpy(&address, data + (at + sizeof(*h)) % (RING_PAGES * PAGE), sizeof(address));
		if (h->type == PERF_RECORD_SAMPLE)
			take(h->misc, address);
		else
			profile.lost++;
		at += h->size;
	}
	__atomic_store_n(&s->ring->data_tail, head, __ATOMIC_RELEASE);
}

static void drain_all(bool keep)
{
	for (unsigned int i = 0; i < profile.vm->n_vcpus; i++)
		drain(&profile.sampler[i], keep);
}

/* Samples to functions. */
static struct json_object *tell_functions(void)
{
	struct json_object *list = json_object_new_array(), *o;
	struct function *f = profile.function;
	unsigned int kinds = 0;

	qsort(f, profile.n, sizeof(*f), by_name);
	for (unsigned int i = 0; i < profile.n; i++) {
		if (kinds && !by_name(&f[kinds - 1], &f[i]))
			f[kinds - 1].samples++;
		else
			f[kinds++] = f[i];
	}
	qsort(f, kinds, sizeof(*f), by_samples);
	for (unsigned int i = 0; i < kinds; i++) {
		o = json_object_new_object();
		stats_put_text(o, "name", f[i].name);
		stats_put_text(o, "module", f[i].module);
		stats_put(o, "samples", f[i].samples);
		json_object_array_add(list, o);
	}
	return list;
}

static void tell(const char *name)
{
	struct json_object *o = json_object_new_object();
	char key[160];

	if (!profile.sorted)
		qsort(profile.symbol, profile.n_symbols, sizeof(profile.symbol[0]), by_address);
	profile.sorted = true;
	profile.n = 0;
	profile.host = 0;
	profile.hvlab = 0;
	profile.lost = 0;
	drain_all(true);
	stats_put(o, "period_ns", profile.period_ns);
	stats_put(o, "guest", profile.n);
	stats_put(o, "host", profile.host);
	stats_put(o, "hvlab", profile.hvlab);
	stats_put(o, "lost", profile.lost);
	json_object_object_add(o, "functions", tell_functions());
	snprintf(key, sizeof(key), "profile/%s", name);
	results_value(key, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static int stop(char *answer, size_t n)
{
	int ret = -EINVAL;

	pthread_mutex_lock(&profile.lock);
	if (profile.name) {
		enable(false);
		tell(profile.name);
		snprintf(answer, n, "%u samples", profile.n + profile.host + profile.hvlab);
		free(profile.name);
		profile.name = NULL;
		ret = 0;
	} else {
		snprintf(answer, n, "no profile is running");
	}
	pthread_mutex_unlock(&profile.lock);
	return ret;
}

static int start(const char *name, char *answer, size_t n)
{
	int ret;

	pthread_mutex_lock(&profile.lock);
	ret = profile.name ? -EBUSY : open_samplers();
	if (ret)
		snprintf(answer, n, "profile %s: %s", profile.name ? profile.name : name,
			 profile.name ? "is running" : strerror(-ret));
	else
		profile.name = strdup(name);
	if (!ret) {
		drain_all(false);
		enable(true);
	}
	pthread_mutex_unlock(&profile.lock);
	return ret;
}

static int add_symbol(const char *address, const char *name, const char *module)
{
	struct module_symbol *s;
	int ret = -ENOSPC;

	pthread_mutex_lock(&profile.lock);
	if (profile.n_symbols < MODULE_SYMBOLS_MAX) {
		s = &profile.symbol[profile.n_symbols++];
		s->address = strtoull(address, NULL, 16);
		s->name = strdup(name);
		s->module = strdup(module);
		profile.sorted = false;
		ret = 0;
	}
	pthread_mutex_unlock(&profile.lock);
	return ret;
}

static void forget(void)
{
	pthread_mutex_lock(&profile.lock);
	while (profile.n_symbols) {
		struct module_symbol *s = &profile.symbol[--profile.n_symbols];

		free(s->name);
		free(s->module);
	}
	pthread_mutex_unlock(&profile.lock);
}

static int verb(void *o, int argc, char **argv, char *answer, size_t n)
{
	if (argc == 2 && !strcmp(argv[0], "start"))
		return start(argv[1], answer, n);
	if (argc == 1 && !strcmp(argv[0], "stop"))
		return stop(answer, n);
	if (argc == 4 && !strcmp(argv[0], "symbol"))
		return add_symbol(argv[1], argv[2], argv[3]);
	if (argc == 1 && !strcmp(argv[0], "forget")) {
		forget();
		return 0;
	}
	snprintf(answer, n,
		 "profile: commands are start NAME, stop, symbol ADDRESS NAME MODULE, forget");
	return -EINVAL;
}

void profile_create(struct vm *vm)
{
	if (!vm->opt->profile_hz)
		return;
	profile.vm = vm;
	profile.period_ns = NSEC_PER_SEC / vm->opt->profile_hz;
	profile.kernel = report_symbols(&vm->vcpus[0]);
	profile.symbol = calloc(MODULE_SYMBOLS_MAX, sizeof(profile.symbol[0]));
	profile.sampler = calloc(vm->n_vcpus, sizeof(profile.sampler[0]));
	if (!profile.symbol || !profile.sampler)
		log_fatal(EXIT_INTERNAL, "profile: %s", strerror(ENOMEM));
	control_register(vm, "profile", verb, NULL);
}
