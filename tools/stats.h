/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stats.h: what `ethtool -S` shows of a network interface (stats.c).
 */
#ifndef HVACCEL_STATS_H
#define HVACCEL_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stat {
	char name[40]; /* ETH_GSTRING_LEN and the end */
	uint64_t value;
};

struct stats {
	struct stat *stat;
	size_t n;
};

/**
 * stats_read() - the driver's statistics of an interface
 * @stats: filled; empty on failure
 * @nic: interface
 *
 * Of this machine by SIOCETHTOOL. Below a sysroot from its file ethtool/NIC, the output of
 * `ethtool -S NIC`.
 *
 * Return: 0 or a negative errno.
 */
int stats_read(struct stats *stats, const char *nic);
void stats_free(struct stats *stats);

/** stats_get() - the value of that name into @value; false where there is none */
bool stats_get(const struct stats *stats, const char *name, uint64_t *value);

#endif
