// SPDX-License-Identifier: GPL-2.0
/* The command line. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "devices.h"
#include "fault.h"
#include "log.h"
#include "machine.h"
#include "options.h"

#define MIB (1ULL << 20)
#define MEM_MIN_MIB 64
#define MEM_MAX_MIB (512ULL << 10)
#define MEM_DEFAULT_MIB 1024
#define DEADLINE_MAX (7 * 24 * 3600)
#define IO_DELAY_MAX_US 1000000
#define IO_RATE_MAX 1000000000
#define PROFILE_MAX_HZ 100000
#define ISOLATION_MAX 15
#define VMBUS_MAX_DEFAULT 0x50003u

static uint64_t number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	uint64_t v;

	if (parse_u64(text, &v) || v < min || v > max)
		log_fatal(EXIT_USAGE, "--%s %s: a number from %" PRIu64 " to %" PRIu64
			  " is wanted", name, text, min, max);
	return v;
}

static void set_initrds(struct options *opt, const char *text)
{
	char *copy = strdup(text), *save = NULL;

	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (opt->n_initrds == OPTIONS_MAX_INITRDS)
			log_fatal(EXIT_USAGE, "--initrd: more than %u files",
				  OPTIONS_MAX_INITRDS);
		opt->initrd[opt->n_initrds++] = word;
	}
}

static enum option_auto parse_auto(const char *word, const char *text)
{
	if (!strcmp(text, "auto"))
		return OPTION_AUTO;
	if (!strcmp(text, "on"))
		return OPTION_ON;
	if (!strcmp(text, "off"))
		return OPTION_OFF;
	log_fatal(EXIT_USAGE, "--cpu %s=%s: auto, on or off is wanted", word, text);
}

static void set_cpu(struct options *opt, const char *text)
{
	char *copy = strdup(text), *save = NULL;

	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (!strncmp(word, "xsave=", 6))
			opt->cpu_xsave = parse_auto("xsave", word + 6);
		else if (!strncmp(word, "fast-strings=", 13))
			opt->cpu_rep = parse_auto("fast-strings", word + 13);
		else
			log_fatal(EXIT_USAGE, "--cpu %s: xsave=... or fast-strings=... is wanted",
				  word);
	}
	free(copy);
}

static void set_on_panic(struct options *opt, const char *text)
{
	if (strcmp(text, "stop") && strcmp(text, "continue"))
		log_fatal(EXIT_USAGE, "--on-panic %s: stop or continue is wanted", text);
	opt->on_panic_continue = !strcmp(text, "continue");
}

/* [ADDRESS:]PORT[,wait] or /DEVICE[,wait] */
static void set_gdb(struct options *opt, const char *text)
{
	char *copy = strdup(text), *comma = strchr(copy, ','), *colon, *port = copy;
	struct in_addr address = { htonl(INADDR_LOOPBACK) };

	if (comma) {
		*comma++ = '\0';
		if (strcmp(comma, "wait"))
			log_fatal(EXIT_USAGE, "--gdb %s: [ADDRESS:]PORT or DEVICE, perhaps ,wait",
				  text);
		opt->gdb_wait = true;
	}
	if (copy[0] == '/') {
		opt->gdb_device = copy;
		return;
	}
	colon = strchr(copy, ':');
	if (colon) {
		*colon = '\0';
		port = colon + 1;
		if (inet_pton(AF_INET, copy, &address) != 1)
			log_fatal(EXIT_USAGE, "--gdb %s: '%s' is not an IPv4 address", text, copy);
	}
	opt->gdb_address = address.s_addr;
	opt->gdb_port = number("gdb", port, 1, 65535);
	free(copy);
}

static void set_device(struct options *opt, const char *option, const char *text)
{
	const struct device_type *type;
	struct device_args *args;
	char err[256] = "";

	args = args_parse(option, text, err, sizeof(err));
	if (!args)
		log_fatal(EXIT_USAGE, "%s", err);
	type = devices_find(option, args->type);
	if (!type)
		log_fatal(EXIT_USAGE, "--%s %s: no such type; --help lists them", option,
			  args->type);
	if (type->check && type->check(opt, args, err, sizeof(err)))
		log_fatal(EXIT_USAGE, "%s", err);
	if (opt->n_devices == OPTIONS_MAX_DEVICES)
		log_fatal(EXIT_USAGE, "--%s: more than %u devices", option, OPTIONS_MAX_DEVICES);
	opt->device[opt->n_devices++] = args;
}

enum {
	OPT_KERNEL, OPT_INITRD, OPT_APPEND, OPT_CPUS, OPT_NUMA, OPT_MEM, OPT_IO_THREADS,
	OPT_IO_DELAY, OPT_IO_RATE, OPT_CPU, OPT_ISOLATION, OPT_VMBUS_MAX, OPT_FAULTS,
	OPT_LIST_FAULTS, OPT_DEADLINE, OPT_ON_PANIC, OPT_RESULTS, OPT_CONSOLE, OPT_SYMBOLS,
	OPT_PROFILE, OPT_GDB, OPT_TSC, OPT_VERBOSE, OPT_HELP, OPT_COUNT,
};

static const struct {
	const char *name;
	const char *arg;		/* NULL: takes none */
	const char *help;
} table[OPT_COUNT] = {
	[OPT_KERNEL] = { "kernel", "FILE", "bzImage or vmlinux to boot (needed)" },
	[OPT_INITRD] = { "initrd", "FILE[,FILE...]", "initramfs archives, concatenated" },
	[OPT_APPEND] = { "append", "STRING", "kernel command line" },
	[OPT_CPUS] = { "cpus", "N", "virtual processors, 1 to 64 (1)" },
	[OPT_NUMA] = { "numa", "N", "NUMA nodes, 1 to 8 (1)" },
	[OPT_MEM] = { "mem", "MB", "memory in MiB (1024)" },
	[OPT_IO_THREADS] = { "io-threads", "N", "threads that move packets, 1 to 16 (1)" },
	[OPT_IO_DELAY] = { "io-delay", "US",
			   "what such a thread takes to wake up, 0 to 1000000 (0)" },
	[OPT_IO_RATE] = { "io-rate", "PPS",
			  "frames a second that it serves, each channel and way, 0 = all (0)" },
	[OPT_CPU] = { "cpu", "xsave=W,fast-strings=W",
		      "show these to the guest: auto, on, off (auto)" },
	[OPT_ISOLATION] = { "isolation", "N",
			    "tell the guest that it is a confidential VM of kind N, 1 to 15 (0)" },
	[OPT_VMBUS_MAX] = { "vmbus-max", "VERSION", "newest VMBus version offered (5.3)" },
	[OPT_FAULTS] = { "faults", "FILE", "script of faults to inject" },
	[OPT_LIST_FAULTS] = { "list-faults", NULL, "print where faults can strike, and exit" },
	[OPT_DEADLINE] = { "deadline", "SEC", "end after so long, 0 = never (0)" },
	[OPT_ON_PANIC] = { "on-panic", "stop|continue", "when the guest reports a panic (stop)" },
	[OPT_RESULTS] = { "results", "FILE", "write results and statistics as JSON" },
	[OPT_CONSOLE] = { "console", "FILE|-", "where the guest's COM1 goes (nowhere)" },
	[OPT_SYMBOLS] = { "symbols", "FILE", "System.map, kallsyms or vmlinux, for reports" },
	[OPT_PROFILE] = { "profile", "HZ",
			  "let the guest order profiles, HZ samples a second, 1 to 100000" },
	[OPT_GDB] = { "gdb", "[ADDRESS:]PORT|DEVICE[,wait]",
		      "serve gdb; wait: before the first instruction" },
	[OPT_TSC] = { "tsc", NULL, "print this host's TSC frequency in kHz, and exit" },
	[OPT_VERBOSE] = { "verbose", NULL, "say more on stderr" },
	[OPT_HELP] = { "help", NULL, "print this and exit" },
};

static void print_help(void)
{
	char left[64];

	printf("usage: hvlab --kernel FILE [OPTIONS]\n"
	       "Boots a Linux kernel on KVM as a Hyper-V guest; the manual is hvlab(8).\n\n");
	for (unsigned int i = 0; i < OPT_COUNT; i++) {
		snprintf(left, sizeof(left), "--%s%s%s", table[i].name, table[i].arg ? " " : "",
			 table[i].arg ? table[i].arg : "");
		printf("  %-34s %s\n", left, table[i].help);
	}
	printf("\nDevices; in a value ';' stands for ',':\n");
	devices_help();
	printf("\nWhat a NIC is plugged into, backend=SPEC, with defaults:\n");
	for (unsigned int i = 0; backend_help(i); i++)
		printf("  %s\n", backend_help(i));
	printf("\nExit status: 0 the guest said exit 0; 1 it said another code; 2 bad usage or\n"
	       "input; 3 this host cannot run it; 4 deadline; 5 guest panic; 6 hvlab failed;\n"
	       "10 triple fault; 11 power-off and 12 reset without a verdict;\n"
	       "13 results not written.\n");
}

static void set(struct options *opt, unsigned int which, const char *value)
{
	const char *name = table[which].name;

	switch (which) {
	case OPT_KERNEL:
		opt->kernel = value;
		break;
	case OPT_INITRD:
		set_initrds(opt, value);
		break;
	case OPT_APPEND:
		opt->append = value;
		break;
	case OPT_CPUS:
		opt->n_vcpus = number(name, value, 1, OPTIONS_MAX_VCPUS);
		break;
	case OPT_NUMA:
		opt->n_nodes = number(name, value, 1, OPTIONS_MAX_NODES);
		break;
	case OPT_MEM:
		opt->mem_size = number(name, value, MEM_MIN_MIB, MEM_MAX_MIB) * MIB;
		break;
	case OPT_IO_THREADS:
		opt->n_io = number(name, value, 1, OPTIONS_MAX_IO_THREADS);
		break;
	case OPT_IO_DELAY:
		opt->wake_delay_us = number(name, value, 0, IO_DELAY_MAX_US);
		break;
	case OPT_IO_RATE:
		opt->io_rate = number(name, value, 0, IO_RATE_MAX);
		break;
	case OPT_CPU:
		set_cpu(opt, value);
		break;
	case OPT_ISOLATION:
		opt->isolation = number(name, value, 0, ISOLATION_MAX);
		break;
	case OPT_VMBUS_MAX:
		if (parse_version(value, &opt->vmbus_max))
			log_fatal(EXIT_USAGE, "--vmbus-max %s: a version like 5.3 is wanted",
				  value);
		break;
	case OPT_FAULTS:
		if (access(value, R_OK))
			log_fatal(EXIT_USAGE, "%s: %s", value, strerror(errno));
		opt->faults = value;
		break;
	case OPT_LIST_FAULTS:
		fault_list();
		exit(EXIT_PASS);
	case OPT_DEADLINE:
		opt->deadline = number(name, value, 0, DEADLINE_MAX);
		break;
	case OPT_ON_PANIC:
		set_on_panic(opt, value);
		break;
	case OPT_RESULTS:
		opt->results = value;
		break;
	case OPT_CONSOLE:
		opt->console = value;
		break;
	case OPT_SYMBOLS:
		opt->symbols = value;
		break;
	case OPT_PROFILE:
		opt->profile_hz = number(name, value, 1, PROFILE_MAX_HZ);
		break;
	case OPT_GDB:
		set_gdb(opt, value);
		break;
	case OPT_TSC:
		printf("%" PRIu64 "\n", hyperv_measure_tsc());
		exit(EXIT_PASS);
	case OPT_VERBOSE:
		opt->verbose = true;
		log_verbose = true;
		break;
	case OPT_HELP:
		print_help();
		exit(EXIT_PASS);
	}
}

/* One option; *value is the next word, or what follows '='. Return: words used, 1 or 2. */
static int parse_one(struct options *opt, char *word, char *next)
{
	char *value = strchr(word, '=');
	const char *name = word + 2;
	int used = 1;

	if (strncmp(word, "--", 2) || !name[0])
		log_fatal(EXIT_USAGE, "%s: not an option; --help lists them", word);
	if (value) {
		name = strndup(name, value - name);
		value++;
	}
	for (unsigned int i = 0; i < OPT_COUNT; i++) {
		if (strcmp(name, table[i].name))
			continue;
		if (!table[i].arg && value)
			log_fatal(EXIT_USAGE, "--%s takes no value", name);
		if (table[i].arg && !value) {
			value = next;
			used = 2;
		}
		if (table[i].arg && !value)
			log_fatal(EXIT_USAGE, "--%s needs a value: %s", name, table[i].arg);
		set(opt, i, value);
		return used;
	}
	if (!devices_has_option(name))
		log_fatal(EXIT_USAGE, "--%s: unknown option; --help lists them", name);
	if (!value) {
		value = next;
		used = 2;
	}
	if (!value)
		log_fatal(EXIT_USAGE, "--%s needs a value: TYPE,key=value,...", name);
	set_device(opt, name, value);
	return used;
}

void options_parse(struct options *opt, int argc, char **argv)
{
	*opt = (struct options){
		.append = "",
		.n_vcpus = 1,
		.n_nodes = 1,
		.mem_size = MEM_DEFAULT_MIB * MIB,
		.n_io = 1,
		.vmbus_max = VMBUS_MAX_DEFAULT,
		.argc = argc,
		.argv = argv,
	};
	for (int i = 1; i < argc;)
		i += parse_one(opt, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
	if (!opt->kernel)
		log_fatal(EXIT_USAGE, "--kernel is needed; --help lists the options");
	if (opt->n_nodes > opt->n_vcpus)
		log_fatal(EXIT_USAGE, "--numa %u: more nodes than processors (%u)", opt->n_nodes,
			  opt->n_vcpus);
}
