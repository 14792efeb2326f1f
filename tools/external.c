// SPDX-License-Identifier: GPL-2.0
/* hvaccel: commands that are programs of their own, in libexecdir, and where it is itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvaccel.h"

int external_main(int argc, char **argv)
{
	/* For a tree that is not installed. */
	const char *dir = getenv("HVACCEL_LIBEXEC");
	char path[4096];
	int size;

	(void)argc;
	size = snprintf(path, sizeof(path), "%s/%s", dir ? dir : HVACCEL_LIBEXEC, argv[0]);
	if (size < 0 || (size_t)size >= sizeof(path)) {
		fprintf(stderr, "hvaccel: HVACCEL_LIBEXEC is too long\n");
		return STATUS_USAGE;
	}
	execv(path, argv);
	fprintf(stderr, "hvaccel: %s: %s\n", path, strerror(errno));
	return STATUS_FAILED;
}

const char *program_path(void)
{
	static char path[4096];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[size > 0 ? size : 0] = 0;
	/* One that was replaced while it ran has another name there. */
	if (strncmp(path, "/usr/", 5) || access(path, X_OK) || strpbrk(path, " \"$%"))
		return "/usr/sbin/hvaccel";
	return path;
}
