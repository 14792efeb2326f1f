// SPDX-License-Identifier: GPL-2.0
/* What hvlab says on stderr. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define LINE_MAX_BYTES 2048
#define UNDO_MAX 8

bool log_verbose;

static void (*undo_list[UNDO_MAX])(void);
static unsigned int n_undo;

static void line(const char *prefix, const char *fmt, va_list ap)
{
	char buf[LINE_MAX_BYTES];
	int n = snprintf(buf, sizeof(buf), "hvlab: %s", prefix);
	int m = vsnprintf(buf + n, sizeof(buf) - n - 1, fmt, ap);

	if (m < 0)
		return;
	n += m;
	if (n > (int)sizeof(buf) - 2)
		n = sizeof(buf) - 2;
	buf[n++] = '\n';
	/* Nobody is left to tell when stderr itself fails. */
	if (write(STDERR_FILENO, buf, n) < 0)
		return;
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("warning: ", fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!log_verbose)
		return;
	va_start(ap, fmt);
	line("", fmt, ap);
	va_end(ap);
}

void log_at_fatal(void (*undo)(void))
{
	if (n_undo < UNDO_MAX)
		undo_list[n_undo++] = undo;
}

void log_fatal(enum exit_status status, const char *fmt, ...)
{
	static int once;
	va_list ap;

	va_start(ap, fmt);
	line("", fmt, ap);
	va_end(ap);
	if (!__atomic_exchange_n(&once, 1, __ATOMIC_ACQ_REL))
		for (unsigned int i = n_undo; i-- > 0;)
			undo_list[i]();
	/* Other threads may be anywhere: no destructors. */
	_exit(status);
}
