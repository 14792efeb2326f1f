/* SPDX-License-Identifier: GPL-2.0 */
/* results.h: the results file (results.c). */
#ifndef HVLAB_RESULTS_H
#define HVLAB_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;
struct options;
struct vm;

/**
 * results_open() - begin the results of this run
 *
 * Makes sure that the file can be written: opens a temporary one beside it, which replaces it only
 * when complete. Fatal when it cannot.
 */
void results_open(const struct options *opt);

/** results_value() - what the guest reports: a JSON value, else a string. Context: any thread. */
void results_value(const char *name, const char *value);

/** results_event() - append to the events. Context: any thread. */
void results_event(uint64_t time_ns, const char *source, const char *text);

/** results_snapshot() - all statistics now. Context: the control loop, or all loops stopped. */
void results_snapshot(struct vm *vm, const char *name);

/**
 * results_write() - write the file and close it
 * @status: hvlab's exit status
 *
 * Return: true; false after a line that says why, and the temporary file is gone.
 */
bool results_write(struct vm *vm, int status);

#endif
