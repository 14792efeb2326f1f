// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ethtool.h"
#include "memory.h"
#include "stats.h"
#include "sysfs.h"

/* A driver's word for how many it has is not trusted beyond this. */
#define STATS_MAX 65536

static int count_of(const char *nic, uint32_t *n)
{
	struct {
		struct ethtool_sset_info head;
		uint32_t count;
	} sset = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_STATS } };
	int ret = ethtool_ask(nic, &sset);

	if (ret)
		return ret;
	if (!sset.head.sset_mask || sset.count > STATS_MAX)
		return -EOPNOTSUPP;
	*n = sset.count;
	return 0;
}

static int read_live(const char *nic, struct stats *stats)
{
	struct ethtool_gstrings *names;
	struct ethtool_stats *values;
	uint32_t n = 0;
	int ret;

	ret = count_of(nic, &n);
	if (ret)
		return ret;
	names = must(calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN));
	values = must(calloc(1, sizeof(*values) + (size_t)n * sizeof(uint64_t)));
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	names->len = n;
	values->cmd = ETHTOOL_GSTATS;
	values->n_stats = n;
	ret = ethtool_ask(nic, names);
	if (!ret)
		ret = ethtool_ask(nic, values);
	/* The number may have changed in between: then the values belong to other names. */
	if (!ret && (names->len != n || values->n_stats != n))
		ret = -EAGAIN;
	for (uint32_t i = 0; !ret && i < n; i++) {
		stats->stat = grow(stats->stat, &stats->n, sizeof(*stats->stat));
		snprintf(stats->stat[i].name, sizeof(stats->stat[i].name), "%.*s",
			 ETH_GSTRING_LEN, (char *)names->data + (size_t)i * ETH_GSTRING_LEN);
		stats->stat[i].value = values->data[i];
	}
	free(names);
	free(values);
	return ret;
}

static int read_saved(FILE *file, struct stats *stats)
{
	char line[256], name[40];
	uint64_t value;

	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %39[^:]: %" SCNu64, name, &value) != 2)
			continue;
		stats->stat = grow(stats->stat, &stats->n, sizeof(*stats->stat));
		strcpy(stats->stat[stats->n - 1].name, name);
		stats->stat[stats->n - 1].value = value;
	}
	return 0;
}

int stats_read(struct stats *stats, const char *nic)
{
	int ret;

	memset(stats, 0, sizeof(*stats));
	if (sysfs_saved()) {
		FILE *file = sysfs_open("/ethtool/%s", nic);

		if (!file)
			return -errno;
		ret = read_saved(file, stats);
		fclose(file);
		return ret;
	}
	return read_live(nic, stats);
}

void stats_free(struct stats *stats)
{
	free(stats->stat);
	memset(stats, 0, sizeof(*stats));
}

bool stats_get(const struct stats *stats, const char *name, uint64_t *value)
{
	for (size_t i = 0; i < stats->n; i++)
		if (!strcmp(stats->stat[i].name, name)) {
			*value = stats->stat[i].value;
			return true;
		}
	return false;
}
