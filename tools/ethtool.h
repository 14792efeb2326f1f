/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ethtool.h: settings of a NIC's driver that ethtool makes, saved and restored (ethtool.c).
 */
#ifndef HVACCEL_ETHTOOL_H
#define HVACCEL_ETHTOOL_H

#include <linux/ethtool.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct ethtool_settings - of one interface; what its driver has not is NULL or false
 * @features: what was asked for, a bit each
 * @has_channels, @channels: ethtool -l
 * @has_rings, @rings: ethtool -g
 * @has_coalesce, @coalesce: ethtool -c
 * @rss: ethtool -x, key and table
 */
struct ethtool_settings {
	struct ethtool_gfeatures *features;
	bool has_channels;
	struct ethtool_channels channels;
	bool has_rings;
	struct ethtool_ringparam rings;
	bool has_coalesce;
	struct ethtool_coalesce coalesce;
	struct ethtool_rxfh *rss;
};

/** ethtool_ask() - one command; 0 or a negative errno */
int ethtool_ask(const char *nic, void *command);

/** ethtool_save() - everything that the driver tells */
void ethtool_save(struct ethtool_settings *settings, const char *nic);

/**
 * ethtool_restore() - what differs
 * @settings: as saved, of another driver perhaps
 * @nic: interface
 * @say: called with each thing that this driver does not take
 */
void ethtool_restore(const struct ethtool_settings *settings, const char *nic,
		     void (*say)(const char *text));

#endif
