// SPDX-License-Identifier: GPL-2.0
/* One way over: the device from one driver to the other, and its interface as it was. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "ethtool.h"
#include "switch.h"
#include "sysfs.h"

/* Seconds: for the driver's interface to be there; for its channels; for udev's rules; for a
 * manager's addresses.
 */
#define INTERFACE_LIMIT 15
#define CHANNELS_LIMIT 5
#define UDEV_LIMIT 5
#define MANAGER_LIMIT 20

int step_bind(const char *device, const char *driver)
{
	char now[64];
	int ret;

	sysfs_link(now, sizeof(now), VMBUS_DEVICES "/%s/driver", device);
	/* hv_netvsc takes every NIC that has no override; ours takes none without. */
	ret = sysfs_write(strcmp(driver, DRIVER_INTREE) ? driver : "\n",
			  VMBUS_DEVICES "/%s/driver_override", device);
	if (ret) {
		say("%s: driver_override: %s", device, strerror(-ret));
		return ret;
	}
	if (!strcmp(now, driver))
		return 0;
	if (*now) {
		ret = sysfs_write(device, "/sys/bus/vmbus/drivers/%s/unbind", now);
		if (ret) {
			say("%s does not let go of %s: %s", now, device, strerror(-ret));
			return ret;
		}
	}
	ret = sysfs_write(device, "/sys/bus/vmbus/drivers/%s/bind", driver);
	/* Who takes it away again at once has his reasons; the driver took it. */
	if (!ret)
		return 0;
	/* Somebody else's probing may have been faster. */
	sysfs_link(now, sizeof(now), VMBUS_DEVICES "/%s/driver", device);
	if (!strcmp(now, driver))
		return 0;
	say("%s does not take %s: %s", driver, device, strerror(-ret));
	return ret;
}

static bool enter(int netns)
{
	if (netns < 0 || !setns(netns, CLONE_NEWNET))
		return true;
	say("network namespace: %s", strerror(errno));
	return false;
}

static bool wait_interface(struct nl_sock *sk, const char *device, struct link *link)
{
	struct timespec end;

	deadline_set(&end, INTERFACE_LIMIT);
	while (!rtnl_link(sk, link, NULL, device) && !link->index && deadline_left(&end))
		usleep(20000);
	if (!link->index)
		say("no interface after %u s", INTERFACE_LIMIT);
	return link->index;
}

/* udev may rename it; after that the name is ours to give. */
static void wait_udev(int index)
{
	struct timespec end;

	if (!sysfs_exists("/run/udev/control"))
		return;
	deadline_set(&end, UDEV_LIMIT);
	while (!sysfs_exists("/run/udev/data/n%d", index) && deadline_left(&end))
		usleep(50000);
}

static uint32_t receive_queues(const char *nic)
{
	char **entry = sysfs_list("/sys/class/net/%s/queues", nic), **e;
	uint32_t n = 0;

	for (e = entry; *e; e++)
		n += !strncmp(*e, "rx-", 3);
	sysfs_list_free(entry);
	return n;
}

/*
 * hv_netvsc opens all channels but the first in a work item. A change of rings or MTU that comes
 * before that makes it (6.12: netvsc_detach()) free what the kernel still has in a list, and the
 * guest crashes when it is unbound again. It has as many queues as channels when it is done.
 */
static void wait_channels(const char *nic)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct timespec end;

	deadline_set(&end, CHANNELS_LIMIT);
	while (!ethtool_ask(nic, &channels) && receive_queues(nic) < channels.combined_count &&
	       deadline_left(&end))
		usleep(10000);
}

/* Into its namespace, and its name; *sk is a socket in there afterwards. */
static bool place(struct switching *s, struct nl_sock **sk, struct link *link)
{
	const char *name = s->keep.link.name;
	int ret;

	if (s->home >= 0) {
		ret = rtnl_link_move(*sk, link->index, s->netns, name);
		nl_socket_free(*sk);
		*sk = NULL;
		if (ret) {
			say("%s does not get into its network namespace: %s", link->name,
			    nl_geterror(ret));
			return false;
		}
		if (!enter(s->netns))
			return false;
		*sk = rtnl_open();
		if (!*sk)
			return false;
	} else if (strcmp(link->name, name)) {
		rtnl_link_set(*sk, link->index, 0, IFF_UP, NULL, NULL);
		ret = rtnl_link_rename(*sk, link->index, name);
		if (ret) {
			say("%s does not get its name %s: %s", link->name, name,
			    nl_geterror(ret));
			return false;
		}
	}
	ret = rtnl_link(*sk, link, name, NULL);
	return !ret && link->index;
}

static void wait_manager(const struct switching *s, struct nl_sock *sk, int index)
{
	struct timespec end;

	if (s->manager == MANAGER_NONE || !s->keep.address.n)
		return;
	say("addresses are left to %s for %u s", manager_name(s->manager), MANAGER_LIMIT);
	deadline_set(&end, MANAGER_LIMIT);
	while (keep_missing(&s->keep, sk, index) > 0 && deadline_left(&end))
		usleep(100000);
	if (keep_missing(&s->keep, sk, index))
		say("%s has not set all of them", manager_name(s->manager));
}

static bool restore(struct switching *s, struct nl_sock **sk, struct link *link)
{
	const struct link *was = &s->keep.link;
	int ret;

	wait_udev(link->index);
	ret = rtnl_link(*sk, link, NULL, s->nic.device);
	if (ret || !link->index)
		return false;
	wait_channels(link->name);
	if (!place(s, sk, link))
		return false;
	ret = keep_restore_link(&s->keep, *sk, link, say_text);
	if (ret)
		say("MAC, MTU or queue length not restored: %s", nl_geterror(ret));
	ret = rtnl_link_set(*sk, link->index, was->flags,
			    IFF_UP | IFF_PROMISC | IFF_ALLMULTI | IFF_NOARP | IFF_MULTICAST, NULL,
			    NULL);
	if (ret) {
		say("%s does not come up: %s", was->name, nl_geterror(ret));
		return false;
	}
	wait_manager(s, *sk, link->index);
	return !keep_restore_network(&s->keep, *sk, link->index, say_text);
}

int step_over(struct switching *s, const char *driver, bool check)
{
	struct timespec start;
	struct nl_sock *sk;
	struct link link;
	bool good;

	clock_gettime(CLOCK_MONOTONIC, &start);
	if (step_bind(s->nic.device, driver) || !enter(s->home))
		return 1;
	sk = rtnl_open();
	good = sk && wait_interface(sk, s->nic.device, &link) && restore(s, &sk, &link);
	if (good) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		say("%s is driven by %s, %lld ms after it was taken from the other driver",
		    s->keep.link.name, driver, (now.tv_sec - start.tv_sec) * 1000LL +
		    (now.tv_nsec - start.tv_nsec) / 1000000);
	}
	if (good && check)
		good = check_connection(s, sk, link.index, s->limit / 2);
	if (sk)
		nl_socket_free(sk);
	return !good;
}
