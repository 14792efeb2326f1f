/* SPDX-License-Identifier: GPL-2.0 */
/*
 * keep.h: what an interface has that its driver does not know of, saved before the driver changes
 * and restored on the interface that comes after it (keep.c).
 */
#ifndef HVACCEL_KEEP_H
#define HVACCEL_KEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "ethtool.h"
#include "rtnl.h"

/* A setting below /proc/sys/net or a queue's in sysfs. */
struct setting {
	char *path; /* with %s for the interface's name */
	char *value;
};

/* Messages of one kind as the kernel sent them. */
struct messages {
	struct nlmsghdr **message;
	size_t n;
};

/* A default route's gateway. */
struct gateway {
	int family;
	unsigned char address[16];
};

/**
 * struct keep - of one interface
 * @link: name, flags, MTU...
 * @address, @route, @neighbour, @qdisc: to be sent again
 * @setting, @n_settings: sysctls, and what queues have in sysfs
 * @ethtool: the driver's settings
 * @gateway, @n_gateways: of default routes over it
 */
struct keep {
	struct link link;
	struct messages address;
	struct messages route;
	struct messages neighbour;
	struct messages qdisc;
	struct setting *setting;
	size_t n_settings;
	struct ethtool_settings ethtool;
	struct gateway *gateway;
	size_t n_gateways;
};

/* What cannot be carried over to another driver. */
enum loss {
	LOSS_UPPERS = 1 << 0,
	LOSS_TC = 1 << 1,
	LOSS_XDP = 1 << 2,
	LOSS_LEASE = 1 << 3,
	LOSS_SOCKETS = 1 << 4,
	LOSS_NEXTHOPS = 1 << 5,
	LOSS_ALL = (1 << 6) - 1,
};

/** loss_name() - its name in --lose, NULL beyond the last; bit by bit from 0 */
const char *loss_name(unsigned int bit);

/** loss_text() - what is lost, in words */
const char *loss_text(unsigned int bit);

/**
 * keep_save() - everything that has to be restored
 * @keep: filled
 * @sk: socket in the interface's namespace
 * @name: interface
 * @managed: a network manager renews leases
 * @losses: filled with what cannot be restored, a mask of enum loss
 *
 * Return: 0, or a negative libnl error.
 */
int keep_save(struct keep *keep, struct nl_sock *sk, const char *name, bool managed,
	      unsigned int *losses);

/**
 * keep_restore_link() - what has to be there before the interface is up: MTU, sysctls, ethtool's
 * @keep: what was saved
 * @sk: socket in the interface's namespace
 * @now: the interface that came
 * @say: called with each thing that the new driver does not take
 *
 * Return: 0 or a negative libnl error.
 */
int keep_restore_link(const struct keep *keep, struct nl_sock *sk, const struct link *now,
		      void (*say)(const char *text));

/**
 * keep_missing() - how many of the saved addresses the interface has not
 * @keep: what was saved
 * @sk: socket
 * @index: the interface
 *
 * Return: their number, or a negative libnl error.
 */
int keep_missing(const struct keep *keep, struct nl_sock *sk, int index);

/**
 * keep_restore_network() - addresses, routes, neighbours and qdiscs that are not there
 * @keep: what was saved
 * @sk: socket
 * @index: the interface
 * @say: called with each thing that is refused
 *
 * Return: 0, or the number of addresses and routes that could not be restored.
 */
int keep_restore_network(const struct keep *keep, struct nl_sock *sk, int index,
			 void (*say)(const char *text));

#endif
