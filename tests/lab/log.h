/* SPDX-License-Identifier: GPL-2.0 */
/* log.h: what hvlab says on stderr, and the statuses it leaves with (log.c). */
#ifndef HVLAB_LOG_H
#define HVLAB_LOG_H

#include <stdbool.h>

/**
 * enum exit_status - exit statuses of hvlab; documented in hvlab(8)
 * @EXIT_PASS: the guest said ``exit 0``
 * @EXIT_FAIL: the guest said ``exit`` with another code
 * @EXIT_USAGE: bad option or bad input (kernel, script, results file)
 * @EXIT_NO_KVM: no usable KVM here
 * @EXIT_DEADLINE: --deadline passed
 * @EXIT_PANIC: the guest panicked
 * @EXIT_INTERNAL: hvlab could not go on (out of memory, a KVM call failed)
 * @EXIT_TRIPLE_FAULT: the guest triple-faulted or KVM could not run it
 * @EXIT_POWER_OFF: the guest powered off without a verdict
 * @EXIT_RESET: the guest reset without a verdict
 * @EXIT_RESULTS: the results file could not be written
 */
enum exit_status {
	EXIT_PASS = 0,
	EXIT_FAIL = 1,
	EXIT_USAGE = 2,
	EXIT_NO_KVM = 3,
	EXIT_DEADLINE = 4,
	EXIT_PANIC = 5,
	EXIT_INTERNAL = 6,
	EXIT_TRIPLE_FAULT = 10,
	EXIT_POWER_OFF = 11,
	EXIT_RESET = 12,
	EXIT_RESULTS = 13,
};

/* log_verbose: --verbose was given: log_debug() prints. */
extern bool log_verbose;

/**
 * log_info() - one line on stderr, prefixed with ``hvlab: ``
 * @fmt: printf format without a trailing newline
 *
 * Context: any thread; the line is written with one write(2).
 */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** log_warn() - as log_info(), for something a person would act on; prefixed ``warning: `` */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** log_debug() - as log_info(), only with --verbose */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * log_fatal() - one line, then the process exits
 * @status: how it exits
 * @fmt: printf format without a trailing newline
 *
 * Removes what would be debris (a half-written results file) through the functions given to
 * log_at_fatal(). Does not return.
 */
void log_fatal(enum exit_status status, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/** log_at_fatal() - have @undo called once before log_fatal() exits; at most eight of them */
void log_at_fatal(void (*undo)(void));

#endif
