// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "rtnl.h"

struct nl_sock *rtnl_open(void)
{
	struct nl_sock *sk = must(nl_socket_alloc());
	int ret = nl_connect(sk, NETLINK_ROUTE);

	if (ret) {
		fprintf(stderr, "hvaccel: rtnetlink: %s\n", nl_geterror(ret));
		nl_socket_free(sk);
		return NULL;
	}
	return sk;
}

struct each {
	void (*call)(struct nlmsghdr *answer, void *data);
	void *data;
};

static int on_answer(struct nl_msg *msg, void *data)
{
	struct each *each = data;

	each->call(nlmsg_hdr(msg), each->data);
	return NL_OK;
}

struct nl_msg *rtnl_message(int type, int flags, const void *head, size_t size)
{
	struct nl_msg *msg = must(nlmsg_alloc_simple(type, flags));

	if (nlmsg_append(msg, (void *)head, size, NLMSG_ALIGNTO))
		must(NULL);
	return msg;
}

int rtnl_dump(struct nl_sock *sk, int type, const void *head, size_t size,
	      void (*each)(struct nlmsghdr *answer, void *data), void *data)
{
	struct each one = { .call = each, .data = data };
	struct nl_msg *msg = rtnl_message(type, NLM_F_DUMP, head, size);
	int ret;

	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, on_answer, &one);
	ret = nl_send_auto(sk, msg);
	nlmsg_free(msg);
	if (ret >= 0)
		ret = nl_recvmsgs_default(sk);
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	return ret < 0 ? ret : 0;
}

struct wanted {
	const char *name;
	const char *device;
	int below;
	int n_uppers;
	struct link *link;
};

static void fill_link(struct link *link, const struct ifinfomsg *info, struct nlattr **attr)
{
	struct nlattr *xdp[IFLA_XDP_MAX + 1];

	memset(link, 0, sizeof(*link));
	link->index = info->ifi_index;
	link->flags = info->ifi_flags;
	nla_strlcpy(link->name, attr[IFLA_IFNAME], sizeof(link->name));
	if (attr[IFLA_MTU])
		link->mtu = nla_get_u32(attr[IFLA_MTU]);
	if (attr[IFLA_TXQLEN])
		link->txqlen = nla_get_u32(attr[IFLA_TXQLEN]);
	if (attr[IFLA_ADDRESS])
		link->address_size = nla_memcpy(link->address, attr[IFLA_ADDRESS],
						sizeof(link->address));
	if (attr[IFLA_IFALIAS])
		nla_strlcpy(link->alias, attr[IFLA_IFALIAS], sizeof(link->alias));
	if (attr[IFLA_MASTER])
		link->master = nla_get_u32(attr[IFLA_MASTER]);
	if (attr[IFLA_XDP] && !nla_parse_nested(xdp, IFLA_XDP_MAX, attr[IFLA_XDP], NULL) &&
	    xdp[IFLA_XDP_ATTACHED])
		link->xdp = nla_get_u8(xdp[IFLA_XDP_ATTACHED]);
}

static bool on_vmbus(struct nlattr **attr, const char *device)
{
	return attr[IFLA_PARENT_DEV_NAME] && attr[IFLA_PARENT_DEV_BUS_NAME] &&
	       !nla_strcmp(attr[IFLA_PARENT_DEV_BUS_NAME], "vmbus") &&
	       !nla_strcmp(attr[IFLA_PARENT_DEV_NAME], device);
}

static void on_link(struct nlmsghdr *answer, void *data)
{
	struct nlattr *attr[IFLA_MAX + 1];
	struct wanted *wanted = data;

	if (nlmsg_parse(answer, sizeof(struct ifinfomsg), attr, IFLA_MAX, NULL) ||
	    !attr[IFLA_IFNAME])
		return;
	if (wanted->below) {
		wanted->n_uppers += attr[IFLA_LINK] && !attr[IFLA_LINK_NETNSID] &&
				    (int)nla_get_u32(attr[IFLA_LINK]) == wanted->below;
		return;
	}
	if (wanted->name ? !nla_strcmp(attr[IFLA_IFNAME], wanted->name) :
			   on_vmbus(attr, wanted->device))
		fill_link(wanted->link, nlmsg_data(answer), attr);
}

int rtnl_link(struct nl_sock *sk, struct link *link, const char *name, const char *device)
{
	struct wanted wanted = { .name = name, .device = device, .link = link };
	struct ifinfomsg all = { .ifi_family = AF_UNSPEC };

	link->index = 0;
	return rtnl_dump(sk, RTM_GETLINK, &all, sizeof(all), on_link, &wanted);
}

int rtnl_uppers(struct nl_sock *sk, int index)
{
	struct ifinfomsg all = { .ifi_family = AF_UNSPEC };
	struct wanted wanted = { .below = index };
	int ret = rtnl_dump(sk, RTM_GETLINK, &all, sizeof(all), on_link, &wanted);

	return ret ? ret : wanted.n_uppers;
}

int rtnl_link_set(struct nl_sock *sk, int index, unsigned int flags, unsigned int mask,
		  int (*more)(struct nl_msg *msg, const void *data), const void *data)
{
	struct ifinfomsg head = { .ifi_index = index, .ifi_flags = flags, .ifi_change = mask };
	struct nl_msg *msg = rtnl_message(RTM_NEWLINK, NLM_F_ACK, &head, sizeof(head));

	if (more && more(msg, data))
		must(NULL);
	return nl_send_sync(sk, msg);
}

static int put_name(struct nl_msg *msg, const void *name)
{
	return nla_put_string(msg, IFLA_IFNAME, name);
}

int rtnl_link_rename(struct nl_sock *sk, int index, const char *name)
{
	return rtnl_link_set(sk, index, 0, 0, put_name, name);
}

struct move {
	int netns;
	const char *name;
};

static int put_move(struct nl_msg *msg, const void *data)
{
	const struct move *move = data;

	return nla_put_u32(msg, IFLA_NET_NS_FD, move->netns) ?:
	       nla_put_string(msg, IFLA_IFNAME, move->name);
}

int rtnl_link_move(struct nl_sock *sk, int index, int netns, const char *name)
{
	struct move move = { .netns = netns, .name = name };

	return rtnl_link_set(sk, index, 0, 0, put_move, &move);
}

struct restore {
	const struct link *now;
	const struct link *link;
};

static int put_restore(struct nl_msg *msg, const void *data)
{
	const struct restore *r = data;
	int ret = 0;

	if (r->now->address_size != r->link->address_size ||
	    memcmp(r->now->address, r->link->address, r->link->address_size))
		ret = nla_put(msg, IFLA_ADDRESS, r->link->address_size, r->link->address);
	if (!ret && r->now->mtu != r->link->mtu)
		ret = nla_put_u32(msg, IFLA_MTU, r->link->mtu);
	if (!ret && r->now->txqlen != r->link->txqlen)
		ret = nla_put_u32(msg, IFLA_TXQLEN, r->link->txqlen);
	if (!ret && *r->link->alias && strcmp(r->now->alias, r->link->alias))
		ret = nla_put_string(msg, IFLA_IFALIAS, r->link->alias);
	return ret;
}

int rtnl_link_restore(struct nl_sock *sk, const struct link *now, const struct link *link)
{
	struct restore restore = { .now = now, .link = link };

	return rtnl_link_set(sk, now->index, 0, 0, put_restore, &restore);
}
