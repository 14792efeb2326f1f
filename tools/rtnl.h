/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rtnl.h: rtnetlink of the network namespace that the process is in, over libnl (rtnl.c).
 */
#ifndef HVACCEL_RTNL_H
#define HVACCEL_RTNL_H

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct link - a network interface as rtnetlink has it
 * @index: its number, 0 for none
 * @name: its name
 * @flags: IFF_*
 * @mtu, @txqlen: as set
 * @address: MAC, @address_size bytes
 * @alias: ifalias, or ""
 * @master: interface that it belongs to, or 0
 * @xdp: an XDP program is attached
 */
struct link {
	int index;
	char name[IFNAMSIZ];
	unsigned int flags;
	unsigned int mtu;
	unsigned int txqlen;
	unsigned char address[32];
	size_t address_size;
	char alias[256];
	int master;
	bool xdp;
};

/** rtnl_open() - a socket, or NULL and one line on stderr; nl_socket_free() ends it */
struct nl_sock *rtnl_open(void);

/**
 * rtnl_dump() - ask for everything of a kind
 * @sk: socket
 * @type: RTM_GET...
 * @head: the request's header after nlmsghdr, @size bytes
 * @each: called with each answer
 * @data: passed on
 *
 * Return: 0 or a negative libnl error.
 */
int rtnl_dump(struct nl_sock *sk, int type, const void *head, size_t size,
	      void (*each)(struct nlmsghdr *answer, void *data), void *data);

/** rtnl_message() - a request with that header; ends the program without memory */
struct nl_msg *rtnl_message(int type, int flags, const void *head, size_t size);

/**
 * rtnl_link() - the interface of that name, or of that VMBus device
 * @sk: socket
 * @link: filled; its index is 0 when there is none
 * @name: or NULL
 * @device: instance id, when @name is NULL
 *
 * Return: 0 or a negative libnl error.
 */
int rtnl_link(struct nl_sock *sk, struct link *link, const char *name, const char *device);

/** rtnl_uppers() - interfaces on top of this one (VLANs, macvlans), by IFLA_LINK */
int rtnl_uppers(struct nl_sock *sk, int index);

/** rtnl_link_set() - sets flags of @mask, and what @more adds; 0 or a negative libnl error */
int rtnl_link_set(struct nl_sock *sk, int index, unsigned int flags, unsigned int mask,
		  int (*more)(struct nl_msg *msg, const void *data), const void *data);

/** rtnl_link_rename() - an interface that is down gets that name */
int rtnl_link_rename(struct nl_sock *sk, int index, const char *name);

/** rtnl_link_move() - into the namespace of that file descriptor, under that name */
int rtnl_link_move(struct nl_sock *sk, int index, int netns, const char *name);

/** rtnl_link_restore() - MAC, MTU, queue length and alias of @link, where @now has others */
int rtnl_link_restore(struct nl_sock *sk, const struct link *now, const struct link *link);

#endif
