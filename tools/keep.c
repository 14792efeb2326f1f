// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses, routes, neighbours and qdiscs are kept as the messages that the kernel sent, and sent
 * again with the number of the interface that came: an attribute that this program does not know
 * survives too. What the kernel makes by itself (link-local addresses, local and prefix routes,
 * what routers advertise) is left to it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep.h"
#include "memory.h"
#include "sysfs.h"

/* Of <linux/if_addr.h> since 5.18. */
#define PROTO_KERNEL_RA 2
#define PROTO_KERNEL_LL 3

/* Flags of an address that somebody set, the rest is its state. */
#define ADDRESS_FLAGS (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | \
		       IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

static const struct {
	const char *name;
	const char *text;
} loss[] = {
	{ "uppers", "it belongs to a bond, a bridge or a VRF, or has VLANs or macvlans on it" },
	{ "tc", "it has tc filters, classes or a clsact qdisc with programs" },
	{ "xdp", "it has an XDP program" },
	{ "lease", "it has an address with a lease, and no network manager that renews it" },
	{ "sockets", "packet sockets are bound to it, a DHCP client's or a capture's" },
	{ "nexthops", "it has routes over nexthop objects" },
};

#define LOSSES (sizeof(loss) / sizeof(loss[0]))
_Static_assert(1 << LOSSES == LOSS_ALL + 1, "each loss has a name");

static const char * const sysctl_dir[] = {
	"/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/conf", "/proc/sys/net/ipv4/neigh",
	"/proc/sys/net/ipv6/neigh",
};

static const char * const queue_file[] = { "rps_cpus", "rps_flow_cnt", "xps_cpus", "xps_rxqs" };
static const char * const napi_file[] = { "gro_flush_timeout", "napi_defer_hard_irqs" };

const char *loss_name(unsigned int bit)
{
	return bit < LOSSES ? loss[bit].name : NULL;
}

const char *loss_text(unsigned int bit)
{
	return bit < LOSSES ? loss[bit].text : NULL;
}

/* What a dump's callback needs. */
struct scan {
	struct keep *keep;
	unsigned int *losses;
	bool managed;
	const struct nlmsghdr *like; /* count_same(): an address to look for */
	int index;
	size_t found;
};

static void keep_message(struct messages *messages, const struct nlmsghdr *message)
{
	messages->message = grow(messages->message, &messages->n, sizeof(*messages->message));
	messages->message[messages->n - 1] = must(malloc(message->nlmsg_len));
	memcpy(messages->message[messages->n - 1], message, message->nlmsg_len);
}

/*
 * The kernel puts an IPv6 address before the ones that it has, so the last of a dump has to be
 * restored first.
 */
static void newest_first(struct messages *addresses)
{
	struct nlmsghdr *last = addresses->message[addresses->n - 1];
	size_t i = addresses->n - 1;

	for (; i; i--) {
		const struct ifaddrmsg *head = nlmsg_data(addresses->message[i - 1]);

		if (head->ifa_family != AF_INET6)
			break;
		addresses->message[i] = addresses->message[i - 1];
	}
	addresses->message[i] = last;
}

static void on_address(struct nlmsghdr *answer, void *data)
{
	struct nlattr *attr[IFA_MAX + 1];
	const struct ifaddrmsg *head = nlmsg_data(answer);
	struct scan *scan = data;
	struct ifa_cacheinfo *life;
	uint32_t flags = head->ifa_flags;
	unsigned int proto = 0;

	if ((int)head->ifa_index != scan->keep->link.index ||
	    nlmsg_parse(answer, sizeof(*head), attr, IFA_MAX, NULL))
		return;
	if (attr[IFA_FLAGS])
		flags = nla_get_u32(attr[IFA_FLAGS]);
	if (attr[IFA_PROTO])
		proto = nla_get_u8(attr[IFA_PROTO]);
	/* IPv4 has the flag of temporary addresses too, and means secondary ones. */
	if (proto == PROTO_KERNEL_RA || proto == PROTO_KERNEL_LL ||
	    (head->ifa_family == AF_INET6 && ((flags & IFA_F_TEMPORARY) ||
					      (head->ifa_scope == RT_SCOPE_LINK && !proto))))
		return;
	keep_message(&scan->keep->address, answer);
	if (head->ifa_family == AF_INET6)
		newest_first(&scan->keep->address);
	life = attr[IFA_CACHEINFO] ? nla_data(attr[IFA_CACHEINFO]) : NULL;
	if (life && life->ifa_valid != ~0u && !scan->managed)
		*scan->losses |= LOSS_LEASE;
}

/* Does a nexthop of a multipath route lead over the interface? Makes it @to if that is not 0. */
static bool multipath_over(struct nlattr *multipath, int index, int to)
{
	struct rtnexthop *hop = nla_data(multipath);
	int left = nla_len(multipath);
	bool over = false;

	for (; RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		hop->rtnh_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
		if (hop->rtnh_ifindex != index)
			continue;
		over = true;
		if (to)
			hop->rtnh_ifindex = to;
	}
	return over;
}

static void on_route(struct nlmsghdr *answer, void *data)
{
	struct nlattr *attr[RTA_MAX + 1];
	const struct rtmsg *head = nlmsg_data(answer);
	struct scan *scan = data;
	struct keep *keep = scan->keep;
	int index = keep->link.index;

	if (nlmsg_parse(answer, sizeof(*head), attr, RTA_MAX, NULL) ||
	    (head->rtm_flags & RTM_F_CLONED) || head->rtm_protocol == RTPROT_KERNEL ||
	    head->rtm_protocol == RTPROT_RA || head->rtm_protocol == RTPROT_REDIRECT)
		return;
	if (!(attr[RTA_OIF] && (int)nla_get_u32(attr[RTA_OIF]) == index) &&
	    !(attr[RTA_MULTIPATH] && multipath_over(attr[RTA_MULTIPATH], index, 0)))
		return;
	if (attr[RTA_NH_ID]) {
		*scan->losses |= LOSS_NEXTHOPS;
		return;
	}
	keep_message(&keep->route, answer);
	if (!head->rtm_dst_len && attr[RTA_GATEWAY]) {
		struct gateway *gateway;

		keep->gateway = grow(keep->gateway, &keep->n_gateways, sizeof(*gateway));
		gateway = &keep->gateway[keep->n_gateways - 1];
		gateway->family = head->rtm_family;
		nla_memcpy(gateway->address, attr[RTA_GATEWAY], sizeof(gateway->address));
	}
}

static void on_neighbour(struct nlmsghdr *answer, void *data)
{
	const struct ndmsg *head = nlmsg_data(answer);
	struct scan *scan = data;

	if (head->ndm_ifindex == scan->keep->link.index &&
	    ((head->ndm_state & NUD_PERMANENT) || (head->ndm_flags & NTF_PROXY)))
		keep_message(&scan->keep->neighbour, answer);
}

static void on_qdisc(struct nlmsghdr *answer, void *data)
{
	/* They want classes, which are not kept; the last two carry programs. */
	static const char * const classful[] = {
		"htb", "hfsc", "drr", "qfq", "ets", "cbq", "clsact", "ingress",
	};
	struct nlattr *attr[TCA_MAX + 1];
	const struct tcmsg *head = nlmsg_data(answer);
	struct scan *scan = data;

	/* The kernel's own default has no number. */
	if (head->tcm_ifindex != scan->keep->link.index || !head->tcm_handle ||
	    nlmsg_parse(answer, sizeof(*head), attr, TCA_MAX, NULL) || !attr[TCA_KIND])
		return;
	for (size_t i = 0; i < sizeof(classful) / sizeof(classful[0]); i++)
		if (!nla_strcmp(attr[TCA_KIND], classful[i])) {
			*scan->losses |= LOSS_TC;
			return;
		}
	keep_message(&scan->keep->qdisc, answer);
}

static void on_filter(struct nlmsghdr *answer, void *data)
{
	struct scan *scan = data;

	if (answer->nlmsg_type == RTM_NEWTFILTER)
		*scan->losses |= LOSS_TC;
}

/* Any packet socket that is bound to the interface. */
static bool packet_sockets(int index)
{
	FILE *file = sysfs_open("/proc/net/packet");
	char line[256];
	bool found = false;
	int bound;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*s %*s %*s %*s %d", &bound) == 1 && bound == index;
	fclose(file);
	return found;
}

static void keep_setting(struct keep *keep, const char *fmt, const char *name)
{
	char value[4096], path[512];
	struct setting *setting;

	snprintf(path, sizeof(path), fmt, name);
	if (sysfs_read(value, sizeof(value), "%s", path))
		return; /* written only, or not set: stable_secret */
	keep->setting = grow(keep->setting, &keep->n_settings, sizeof(*setting));
	setting = &keep->setting[keep->n_settings - 1];
	setting->path = must(strdup(fmt));
	setting->value = must(strdup(value));
}

static bool nothing(const char *value)
{
	return strspn(value, "0,") == strlen(value);
}

static void keep_files(struct keep *keep)
{
	const char *name = keep->link.name;
	char **entry;

	for (size_t i = 0; i < sizeof(sysctl_dir) / sizeof(sysctl_dir[0]); i++) {
		entry = sysfs_list("%s/%s", sysctl_dir[i], name);
		for (char **e = entry; *e; e++) {
			char *fmt = text_of("%s/%%s/%s", sysctl_dir[i], *e);

			keep_setting(keep, fmt, name);
			free(fmt);
		}
		sysfs_list_free(entry);
	}
	entry = sysfs_list("/sys/class/net/%s/queues", name);
	for (char **e = entry; *e; e++)
		for (size_t i = 0; i < sizeof(queue_file) / sizeof(queue_file[0]); i++) {
			char *fmt = text_of("/sys/class/net/%%s/queues/%s/%s", *e, queue_file[i]);

			keep_setting(keep, fmt, name);
			free(fmt);
		}
	sysfs_list_free(entry);
	for (size_t i = 0; i < sizeof(napi_file) / sizeof(napi_file[0]); i++) {
		char *fmt = text_of("/sys/class/net/%%s/%s", napi_file[i]);

		keep_setting(keep, fmt, name);
		free(fmt);
	}
}

static int dump_neighbours(struct scan *scan, struct nl_sock *sk)
{
	struct ndmsg all = { .ndm_family = AF_UNSPEC };
	int ret = rtnl_dump(sk, RTM_GETNEIGH, &all, sizeof(all), on_neighbour, scan);

	all.ndm_flags = NTF_PROXY;
	return ret ? ret : rtnl_dump(sk, RTM_GETNEIGH, &all, sizeof(all), on_neighbour, scan);
}

int keep_save(struct keep *keep, struct nl_sock *sk, const char *name, bool managed,
	      unsigned int *losses)
{
	struct scan scan = { .keep = keep, .losses = losses, .managed = managed };
	struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	struct rtmsg routes = { .rtm_family = AF_UNSPEC };
	struct tcmsg tc = { .tcm_family = AF_UNSPEC };
	int ret, uppers;

	memset(keep, 0, sizeof(*keep));
	*losses = 0;
	ret = rtnl_link(sk, &keep->link, name, NULL);
	if (ret)
		return ret;
	if (!keep->link.index)
		return -NLE_NODEV;
	uppers = rtnl_uppers(sk, keep->link.index);
	if (uppers < 0)
		return uppers;
	if (uppers || keep->link.master)
		*losses |= LOSS_UPPERS;
	if (keep->link.xdp)
		*losses |= LOSS_XDP;
	if (packet_sockets(keep->link.index))
		*losses |= LOSS_SOCKETS;
	tc.tcm_ifindex = keep->link.index;
	ret = rtnl_dump(sk, RTM_GETADDR, &addresses, sizeof(addresses), on_address, &scan);
	if (!ret)
		ret = rtnl_dump(sk, RTM_GETROUTE, &routes, sizeof(routes), on_route, &scan);
	if (!ret)
		ret = dump_neighbours(&scan, sk);
	if (!ret)
		ret = rtnl_dump(sk, RTM_GETQDISC, &tc, sizeof(tc), on_qdisc, &scan);
	for (size_t i = 0; !ret && i < keep->qdisc.n; i++) {
		const struct tcmsg *head = nlmsg_data(keep->qdisc.message[i]);

		tc.tcm_parent = head->tcm_handle;
		ret = rtnl_dump(sk, RTM_GETTFILTER, &tc, sizeof(tc), on_filter, &scan);
	}
	if (ret)
		return ret;
	keep_files(keep);
	ethtool_save(&keep->ethtool, name);
	return 0;
}

static void restore_files(const struct keep *keep, const char *name, void (*say)(const char *))
{
	for (size_t i = 0; i < keep->n_settings; i++) {
		const struct setting *s = &keep->setting[i];
		char now[4096], path[512];
		int ret;

		snprintf(path, sizeof(path), s->path, name);
		/* In sysfs, nothing set is left to the new driver's own choice. */
		if (sysfs_read(now, sizeof(now), "%s", path) || !strcmp(now, s->value) ||
		    (strncmp(path, "/proc", 5) && nothing(s->value)))
			continue;
		ret = sysfs_write(s->value, "%s", path);
		if (ret) {
			char *text = text_of("%s stays %s, not %s: %s", path, now, s->value,
					     strerror(-ret));

			say(text);
			free(text);
		}
	}
}

int keep_restore_link(const struct keep *keep, struct nl_sock *sk, const struct link *now,
		      void (*say)(const char *text))
{
	int ret = rtnl_link_restore(sk, now, &keep->link);

	ethtool_restore(&keep->ethtool, keep->link.name, say);
	restore_files(keep, keep->link.name, say);
	return ret;
}

/* The message once more, for that interface; NULL when it is of no use. */
static struct nl_msg *again(const struct nlmsghdr *message, const struct keep *keep, int index)
{
	struct nl_msg *msg = must(nlmsg_convert((struct nlmsghdr *)message));
	struct nlmsghdr *head = nlmsg_hdr(msg);
	struct nlattr *attr;

	head->nlmsg_pid = NL_AUTO_PORT;
	head->nlmsg_seq = NL_AUTO_SEQ;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK;
	switch (head->nlmsg_type) {
	case RTM_NEWADDR: {
		struct ifaddrmsg *address = nlmsg_data(head);

		address->ifa_index = index;
		address->ifa_flags &= ADDRESS_FLAGS;
		attr = nlmsg_find_attr(head, sizeof(*address), IFA_FLAGS);
		if (attr)
			*(uint32_t *)nla_data(attr) &= ADDRESS_FLAGS;
		break;
	}
	case RTM_NEWROUTE: {
		struct rtmsg *route = nlmsg_data(head);

		head->nlmsg_flags |= NLM_F_REPLACE;
		route->rtm_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
		attr = nlmsg_find_attr(head, sizeof(*route), RTA_OIF);
		if (attr && (int)nla_get_u32(attr) == keep->link.index)
			*(uint32_t *)nla_data(attr) = index;
		attr = nlmsg_find_attr(head, sizeof(*route), RTA_MULTIPATH);
		if (attr)
			multipath_over(attr, keep->link.index, index);
		break;
	}
	case RTM_NEWNEIGH:
		head->nlmsg_flags |= NLM_F_REPLACE;
		((struct ndmsg *)nlmsg_data(head))->ndm_ifindex = index;
		break;
	case RTM_NEWQDISC:
		head->nlmsg_flags |= NLM_F_REPLACE;
		((struct tcmsg *)nlmsg_data(head))->tcm_ifindex = index;
		break;
	}
	return msg;
}

/*
 * A route needs the one to its gateway first, a qdisc its parent: what is refused is tried again as
 * long as any other one still goes in. Returns how many did not.
 */
static int send_again(const struct messages *messages, const struct keep *keep, struct nl_sock *sk,
		      int index, const char *what, void (*say)(const char *text))
{
	bool *done = must(calloc(messages->n + 1, sizeof(*done)));
	size_t left = messages->n, before = left + 1;
	int error = 0;

	while (left && left < before) {
		before = left;
		for (size_t i = 0; i < messages->n; i++) {
			int ret;

			if (done[i])
				continue;
			ret = nl_send_sync(sk, again(messages->message[i], keep, index));
			done[i] = !ret || ret == -NLE_EXIST;
			left -= done[i];
			error = done[i] ? error : ret;
		}
	}
	free(done);
	if (left) {
		char *text = text_of("%zu of %zu %s not restored: %s", left, messages->n, what,
				     nl_geterror(error));

		say(text);
		free(text);
	}
	return left;
}

static void count_same(struct nlmsghdr *answer, void *data)
{
	const struct ifaddrmsg *head = nlmsg_data(answer);
	struct scan *scan = data;
	const struct ifaddrmsg *like = nlmsg_data(scan->like);
	struct nlattr *a, *b;

	a = nlmsg_find_attr(answer, sizeof(*head), IFA_ADDRESS);
	b = nlmsg_find_attr((struct nlmsghdr *)scan->like, sizeof(*head), IFA_ADDRESS);
	if ((int)head->ifa_index == scan->index && head->ifa_family == like->ifa_family &&
	    head->ifa_prefixlen == like->ifa_prefixlen && a && b && nla_len(a) == nla_len(b) &&
	    !memcmp(nla_data(a), nla_data(b), nla_len(a)))
		scan->found++;
}

int keep_missing(const struct keep *keep, struct nl_sock *sk, int index)
{
	int missing = 0;

	for (size_t i = 0; i < keep->address.n; i++) {
		struct scan scan = { .like = keep->address.message[i], .index = index };
		struct ifaddrmsg all = { .ifa_family = AF_UNSPEC };
		int ret = rtnl_dump(sk, RTM_GETADDR, &all, sizeof(all), count_same, &scan);

		if (ret)
			return ret;
		missing += !scan.found;
	}
	return missing;
}

int keep_restore_network(const struct keep *keep, struct nl_sock *sk, int index,
			 void (*say)(const char *text))
{
	int lost;

	lost = send_again(&keep->address, keep, sk, index, "addresses", say);
	lost += send_again(&keep->route, keep, sk, index, "routes", say);
	/* Without these there is a connection still. */
	send_again(&keep->neighbour, keep, sk, index, "neighbours", say);
	send_again(&keep->qdisc, keep, sk, index, "qdiscs", say);
	return lost;
}
