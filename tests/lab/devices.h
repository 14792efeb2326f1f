/* SPDX-License-Identifier: GPL-2.0 */
/* devices.h: the table of device types that the command line can name (devices.c). */
#ifndef HVLAB_DEVICES_H
#define HVLAB_DEVICES_H

#include <stddef.h>

struct vm;
struct options;
struct device_args;

/**
 * struct device_type - one kind of device
 * @option: command line option without dashes (``net``), or NULL: always there, made once, before
 *	the others (the VMBus server)
 * @type: first word of the option's value (``netvsc``)
 * @help: keys it takes, for --help, one or more lines
 * @check: validates arguments before anything is created; may be NULL. 0, or -EINVAL with one
 *	sentence in err
 * @create: makes the device: memory and loops exist, vCPUs do not run, the ACPI tables are not
 *	written yet. args is NULL for an always-there device. 0, or a negative errno with a sentence
 *	in err: -EINVAL means bad input
 * @stop: called once vCPUs and loops have stopped, in reverse order; may be NULL
 */
struct device_type {
	const char *option;
	const char *type;
	const char *help;
	int (*check)(const struct options *opt, struct device_args *args, char *err, size_t n);
	int (*create)(struct vm *vm, struct device_args *args, char *err, size_t n);
	void (*stop)(struct vm *vm);
};

/** devices_find() - the type for ``--option type,...``, or NULL */
const struct device_type *devices_find(const char *option, const char *type);

/** devices_has_option() - does any type use ``--option``? */
int devices_has_option(const char *option);

/** devices_help() - print each type and its keys on stdout */
void devices_help(void);

/** devices_create() - make every device of vm->opt; mistakes are fatal with the right status */
void devices_create(struct vm *vm);

/** devices_stop() - call every type's @stop, last created first */
void devices_stop(struct vm *vm);

#endif
