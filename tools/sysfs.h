/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sysfs.h: files of /sys and /proc of this machine or of a saved tree (sysfs.c), and CPU lists.
 */
#ifndef HVACCEL_SYSFS_H
#define HVACCEL_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CPUS_MAX 1024

/* struct cpus - a set of processors */
struct cpus {
	bool has[CPUS_MAX];
};

/** sysfs_root() - look below @dir instead of /; set once, before anything is read */
void sysfs_root(const char *dir);

/** sysfs_saved() - is it a saved tree that is looked at? */
bool sysfs_saved(void);

/** sysfs_path() - a path below the root, as the system knows it; to be freed */
char *sysfs_path(const char *path);

/** sysfs_open() - a file below the root for reading, or NULL and errno */
FILE *sysfs_open(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** sysfs_exists() - is there such a file or directory? */
bool sysfs_exists(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * sysfs_read() - the first line of a file
 * @text: filled, without the line's end
 * @size: room in @text
 * @fmt: path below the root
 *
 * Return: 0 or a negative errno.
 */
int sysfs_read(char *text, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** sysfs_read_long() - a number; @missing where there is none */
long sysfs_read_long(long missing, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * sysfs_read_cpus() - a list like "0-3,8"
 * @cpus: filled; empty when the file is not there or empty
 * @fmt: path below the root
 *
 * Return: 0, -ENOENT where the file is not there, -EINVAL when it holds no list.
 */
int sysfs_read_cpus(struct cpus *cpus, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** sysfs_write() - a value into a file; 0 or a negative errno */
int sysfs_write(const char *value, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * sysfs_list() - names in a directory, sorted
 * @fmt: path below the root
 *
 * Return: NULL-terminated, to be freed with sysfs_list_free(); empty where there is no directory.
 */
char **sysfs_list(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void sysfs_list_free(char **names);

/** sysfs_link() - last part of where a symbolic link points, "" where there is none */
void sysfs_link(char *name, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * sysfs_real() - a path without symbolic links, from the root on
 * @path: filled; "" where there is none
 * @size: room in @path
 * @fmt: path below the root
 */
void sysfs_real(char *path, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** cpus_parse() - "0-3,8" into a set; false when it is no such list or names a number too high */
bool cpus_parse(struct cpus *cpus, const char *text);

/* Room that the longest mask takes: eight digits and a comma for each 32 processors. */
#define CPUS_MASK_SIZE (CPUS_MAX / 32 * 9 + 1)

/**
 * cpus_mask() - a set as the kernel writes and reads it: 32 bits a group, the highest first
 * @cpus: set
 * @text: filled
 * @size: room in @text, CPUS_MASK_SIZE for any set
 */
void cpus_mask(const struct cpus *cpus, char *text, size_t size);

/** cpus_count() - members of a set */
unsigned int cpus_count(const struct cpus *cpus);

#endif
