// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "klog.h"
#include "sysfs.h"

/* More records than any log buffer holds: a log that grows while it is read has an end too. */
#define RECORDS_MAX 1000000

static int read_saved(void (*line)(void *data, uint64_t us, const char *text), void *data)
{
	FILE *file = sysfs_open("/dmesg");
	char text[1024];

	if (!file)
		return -errno;
	while (fgets(text, sizeof(text), file)) {
		uint64_t seconds, us;
		int at = 0;

		text[strcspn(text, "\n")] = 0;
		if (sscanf(text, "[ %" SCNu64 ".%6" SCNu64 "] %n", &seconds, &us, &at) == 2 && at)
			line(data, seconds * 1000000 + us, text + at);
	}
	fclose(file);
	return 0;
}

int klog_read(void (*line)(void *data, uint64_t us, const char *text), void *data)
{
	char record[8192];
	int fd, ret = 0;

	if (sysfs_saved())
		return read_saved(line, data);
	fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (unsigned int i = 0; i < RECORDS_MAX; i++) {
		ssize_t n = read(fd, record, sizeof(record) - 1);
		uint64_t us;
		char *text;

		if (n < 0 && errno == EPIPE)
			continue; /* overtaken by new messages: on with the oldest left */
		if (n <= 0) {
			ret = n && errno != EAGAIN ? -errno : 0;
			break;
		}
		record[n] = 0;
		text = strchr(record, ';');
		if (!text || sscanf(record, "%*u,%*u,%" SCNu64, &us) != 1)
			continue;
		*text++ = 0;
		text[strcspn(text, "\n")] = 0;
		line(data, us, text);
	}
	close(fd);
	return ret;
}
