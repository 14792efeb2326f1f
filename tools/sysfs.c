// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "sysfs.h"

static const char *root = "";

void sysfs_root(const char *dir)
{
	root = dir;
}

bool sysfs_saved(void)
{
	return *root;
}

char *sysfs_path(const char *path)
{
	return text_of("%s%s", root, path);
}

static int path_of(char *path, size_t size, const char *fmt, va_list args)
{
	int head = snprintf(path, size, "%s", root);

	if (head < 0 || (size_t)head >= size)
		return -ENAMETOOLONG;
	if (vsnprintf(path + head, size - head, fmt, args) >= (int)(size - head))
		return -ENAMETOOLONG;
	return 0;
}

static int read_path(char *text, size_t size, const char *path)
{
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

FILE *sysfs_open(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = path_of(path, sizeof(path), fmt, args);
	va_end(args);
	if (ret) {
		errno = -ret;
		return NULL;
	}
	return fopen(path, "re");
}

bool sysfs_exists(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = path_of(path, sizeof(path), fmt, args);
	va_end(args);
	return !ret && !access(path, F_OK);
}

void sysfs_real(char *text, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX], real[PATH_MAX], top[PATH_MAX] = "";
	size_t skip;
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = path_of(path, sizeof(path), fmt, args);
	va_end(args);
	*text = 0;
	if (ret || !realpath(path, real) || (*root && !realpath(root, top)))
		return;
	skip = strlen(top);
	snprintf(text, size, "%s", strncmp(real, top, skip) ? real : real + skip);
}

int sysfs_read(char *text, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = path_of(path, sizeof(path), fmt, args);
	va_end(args);
	return ret ? ret : read_path(text, size, path);
}

long sysfs_read_long(long missing, const char *fmt, ...)
{
	char path[PATH_MAX], text[64], *end;
	va_list args;
	long value;
	int ret;

	va_start(args, fmt);
	ret = path_of(path, sizeof(path), fmt, args);
	va_end(args);
	if (ret || read_path(text, sizeof(text), path))
		return missing;
	value = strtol(text, &end, 0);
	return end == text || *end ? missing : value;
}

int sysfs_read_cpus(struct cpus *cpus, const char *fmt, ...)
{
	char path[PATH_MAX], text[4096];
	va_list args;
	int ret;

	memset(cpus, 0, sizeof(*cpus));
	va_start(args, fmt);
	ret = path_of(path, sizeof(path), fmt, args);
	va_end(args);
	if (!ret)
		ret = read_path(text, sizeof(text), path);
	if (ret)
		return ret;
	return cpus_parse(cpus, text) ? 0 : -EINVAL;
}

int sysfs_write(const char *value, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	ssize_t n;
	int fd, ret;

	va_start(args, fmt);
	ret = path_of(path, sizeof(path), fmt, args);
	va_end(args);
	if (ret)
		return ret;
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	if (n < 0)
		ret = -errno;
	else if ((size_t)n != strlen(value))
		ret = -EIO;
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

char **sysfs_list(const char *fmt, ...)
{
	struct dirent **entry = NULL;
	char path[PATH_MAX], **names;
	va_list args;
	int n = 0, ret;

	va_start(args, fmt);
	ret = path_of(path, sizeof(path), fmt, args);
	va_end(args);
	if (!ret)
		n = scandir(path, &entry, not_hidden, versionsort);
	if (n < 0)
		n = 0;
	names = must(calloc(n + 1, sizeof(*names)));
	for (int i = 0; i < n; i++) {
		names[i] = must(strdup(entry[i]->d_name));
		free(entry[i]);
	}
	free(entry);
	return names;
}

void sysfs_list_free(char **names)
{
	for (char **name = names; *name; name++)
		free(*name);
	free(names);
}

void sysfs_link(char *name, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	va_list args;
	ssize_t n = -1;
	int ret;

	va_start(args, fmt);
	ret = path_of(path, sizeof(path), fmt, args);
	va_end(args);
	if (!ret)
		n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		n = 0;
	target[n] = 0;
	last = strrchr(target, '/');
	snprintf(name, size, "%s", last ? last + 1 : target);
}

bool cpus_parse(struct cpus *cpus, const char *text)
{
	memset(cpus, 0, sizeof(*cpus));
	/* An empty list is an empty line; one that was never made is a padded "(null)". */
	text += strspn(text, " ");
	if (!*text || !strcmp(text, "(null)"))
		return true;
	for (;;) {
		unsigned long first, last;
		char *end;

		if (*text < '0' || *text > '9')
			return false;
		first = strtoul(text, &end, 10);
		last = first;
		if (*end == '-') {
			text = end + 1;
			if (*text < '0' || *text > '9')
				return false;
			last = strtoul(text, &end, 10);
		}
		if (last < first || last >= CPUS_MAX)
			return false;
		for (unsigned long cpu = first; cpu <= last; cpu++)
			cpus->has[cpu] = true;
		if (!*end)
			return true;
		if (*end != ',')
			return false;
		text = end + 1;
	}
}

unsigned int cpus_count(const struct cpus *cpus)
{
	unsigned int n = 0;

	for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++)
		n += cpus->has[cpu];
	return n;
}

void cpus_mask(const struct cpus *cpus, char *text, size_t size)
{
	unsigned int groups = 1, cpu;
	size_t at = 0;

	for (cpu = 0; cpu < CPUS_MAX; cpu++)
		if (cpus->has[cpu])
			groups = cpu / 32 + 1;
	for (unsigned int g = groups; g-- && at < size;) {
		unsigned int bits = 0;

		for (cpu = 0; cpu < 32; cpu++)
			bits |= (unsigned int)cpus->has[g * 32 + cpu] << cpu;
		at += snprintf(text + at, size - at, "%08x%s", bits, g ? "," : "");
	}
}
