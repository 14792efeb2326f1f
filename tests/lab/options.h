/* SPDX-License-Identifier: GPL-2.0 */
/* options.h: the command line (options.c) and `key=value` device arguments (arguments.c). */
#ifndef HVLAB_OPTIONS_H
#define HVLAB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_MAX_VCPUS	64
#define OPTIONS_MAX_NODES	8
#define OPTIONS_MAX_IO_THREADS	16
#define OPTIONS_MAX_INITRDS	16
#define OPTIONS_MAX_DEVICES	32

/**
 * struct device_args - one device as given on the command line: ``--net TYPE,key=value,...``
 * @option: option without dashes, e.g. ``net``
 * @type: first word, e.g. ``netvsc``
 * @n: number of pairs
 *
 * In a value ``;`` stands for ``,``: ``backend=source:rate=max;size=64`` has the value
 * ``source:rate=max,size=64``. Every getter marks its key as read; args_check_unused() then names
 * the first key that nobody knew.
 */
struct device_args {
	const char *option;
	const char *type;
	unsigned int n;
	struct {
		const char *key;
		const char *value;
		bool used;
	} pair[24];
};

/** enum option_auto - a switch that hvlab may decide by what it runs on */
enum option_auto {
	OPTION_AUTO,
	OPTION_ON,
	OPTION_OFF,
};

/** struct options - everything from the command line, validated */
struct options {
	const char *kernel;
	const char *initrd[OPTIONS_MAX_INITRDS];
	unsigned int n_initrds;
	const char *append;		/* kernel command line; never NULL */
	unsigned int n_vcpus;
	unsigned int n_nodes;
	uint64_t mem_size;		/* bytes */
	unsigned int n_io;
	uint64_t wake_delay_us;		/* of the I/O loops */
	uint64_t io_rate;		/* frames a second, each channel and way; 0 = no limit */
	uint32_t vmbus_max;		/* major << 16 | minor */
	const char *faults;		/* script, or NULL */
	unsigned int deadline;		/* seconds, 0 = none */
	const char *results;		/* file, or NULL */
	const char *console;		/* file, "-" or NULL */
	uint64_t profile_hz;		/* samples a second of each vCPU, 0 = none */
	const char *symbols;		/* System.map or vmlinux, or NULL */
	const char *gdb_device;		/* serve gdb on this character device, or NULL */
	unsigned int gdb_port;		/* or on this TCP port; 0 = neither */
	uint32_t gdb_address;		/* IPv4, network order */
	bool gdb_wait;			/* vCPUs wait for the debugger */
	enum option_auto cpu_xsave;	/* show XSAVE and AVX to the guest */
	enum option_auto cpu_rep;	/* show ERMS and FSRM to the guest */
	unsigned int isolation;		/* kind of confidential VM that is told of, 0: none */
	bool on_panic_continue;		/* let a panicking guest go on (kdump) */
	bool verbose;
	struct device_args *device[OPTIONS_MAX_DEVICES];
	unsigned int n_devices;
	int argc;
	char **argv;			/* as given, for the results */
};

/**
 * options_parse() - parse the command line
 *
 * Prints help and exits 0 for --help; any mistake is one line and EXIT_USAGE.
 */
void options_parse(struct options *opt, int argc, char **argv);

/**
 * args_parse() - split ``TYPE,key=value,...``
 * @option: name of the option it belongs to (kept, not copied)
 * @text: copied
 * @err: receives one sentence on failure
 *
 * Return: new arguments (free with args_free()), or NULL with @err filled in.
 */
struct device_args *args_parse(const char *option, const char *text, char *err, size_t n);

/** args_free() - counterpart of args_parse() */
void args_free(struct device_args *args);

/** args_str() - value of @key, or @otherwise (may be NULL) when it was not given */
const char *args_str(struct device_args *args, const char *key, const char *otherwise);

/**
 * args_u64() - number of @key: decimal or 0x, suffixes k, M, G (powers of 1024)
 * @value: left alone when the key was not given
 *
 * Return: 0, or -EINVAL with one sentence in @err (not a number, outside [@min, @max]).
 */
int args_u64(struct device_args *args, const char *key, uint64_t min, uint64_t max,
	     uint64_t *value, char *err, size_t n);

/** args_bool() - on/off/yes/no/1/0 of @key; same rules as args_u64() */
int args_bool(struct device_args *args, const char *key, bool *value, char *err, size_t n);

/** args_mac() - six bytes of ``02:00:5e:..``; same rules as args_u64() */
int args_mac(struct device_args *args, const char *key, uint8_t mac[6], char *err, size_t n);

/** args_version() - ``6.1`` as 6 << 16 | 1; same rules as args_u64() */
int args_version(struct device_args *args, const char *key, uint32_t *value, char *err, size_t n);

/** args_check_unused() - -EINVAL, naming the first key that no getter asked for; else 0 */
int args_check_unused(const struct device_args *args, char *err, size_t n);

/**
 * parse_u64() - a whole string as a number, as in args_u64()
 *
 * Return: 0 or -EINVAL.
 */
int parse_u64(const char *text, uint64_t *value);

/** parse_version() - ``5.3`` as 5 << 16 | 3. Return: 0 or -EINVAL. */
int parse_version(const char *text, uint32_t *value);

#endif
