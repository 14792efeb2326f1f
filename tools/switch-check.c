// SPDX-License-Identifier: GPL-2.0
/*
 * Is there a connection? The link is up; each gateway of a default route answers for its own
 * address (clouds' gateways answer no ping); a given peer answers a ping, or takes a connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "switch.h"

/* What there is in one turn: a neighbour's entry. */
struct entry {
	int index;
	const struct gateway *gateway;
	bool answers;
};

static size_t length_of(int family)
{
	return family == AF_INET ? 4 : 16;
}

static void on_neighbour(struct nlmsghdr *answer, void *data)
{
	const struct ndmsg *head = nlmsg_data(answer);
	struct entry *entry = data;
	struct nlattr *to = nlmsg_find_attr(answer, sizeof(*head), NDA_DST);

	if (head->ndm_ifindex == entry->index && head->ndm_family == entry->gateway->family && to &&
	    !memcmp(nla_data(to), entry->gateway->address, length_of(head->ndm_family)))
		entry->answers = head->ndm_state & (NUD_REACHABLE | NUD_PERMANENT);
}

/* Asks who has the address; the kernel does it, and says whether there was an answer. */
static void solicit(struct nl_sock *sk, int index, const struct gateway *gateway)
{
	struct ndmsg head = {
		.ndm_family = gateway->family,
		.ndm_ifindex = index,
		.ndm_state = NUD_NONE,
		.ndm_flags = NTF_USE,
	};
	struct nl_msg *msg = rtnl_message(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, &head,
					  sizeof(head));

	if (nla_put(msg, NDA_DST, length_of(gateway->family), gateway->address)) {
		nlmsg_free(msg);
		return;
	}
	nl_send_sync(sk, msg);
}

static bool gateway_answers(struct nl_sock *sk, int index, const struct gateway *gateway,
			    const struct timespec *end)
{
	struct entry entry = { .index = index, .gateway = gateway };
	struct ndmsg all = { .ndm_family = gateway->family };

	while (!entry.answers && deadline_left(end)) {
		solicit(sk, index, gateway);
		usleep(200000);
		if (rtnl_dump(sk, RTM_GETNEIGH, &all, sizeof(all), on_neighbour, &entry))
			return false;
	}
	return entry.answers;
}

struct target {
	int family;
	const struct sockaddr *address;
	socklen_t size;
};

/* One echo each second until one comes back. */
static bool ping(const struct target *to, const struct timespec *end)
{
	bool v4 = to->family == AF_INET;
	/* type, code, checksum, id, sequence: the same in both; the kernel fills in ICMPv6's sum */
	unsigned char echo[8] = { v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST }, answer[256];
	unsigned short id = getpid(), sum;
	bool came = false;
	int fd;

	fd = socket(to->family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (fd < 0)
		return false;
	memcpy(echo + 4, &id, sizeof(id));
	if (v4) {
		unsigned int words = echo[0] << 8, total;

		total = words + ntohs(id);
		sum = htons(~(total + (total >> 16)));
		memcpy(echo + 2, &sum, sizeof(sum));
	}
	for (int turn = 0; !came && deadline_left(end); turn++) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (!(turn % 5))
			sendto(fd, echo, sizeof(echo), 0, to->address, to->size);
		poll(&ready, 1, 200);
		while (!came && (n = recv(fd, answer, sizeof(answer), 0)) > 0) {
			size_t at = v4 ? (answer[0] & 15) * 4 : 0;

			came = n >= (ssize_t)at + 8 &&
			       answer[at] == (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) &&
			       !memcmp(answer + at + 4, &id, sizeof(id));
		}
	}
	close(fd);
	return came;
}

static bool connects(const struct target *to, const struct timespec *end)
{
	bool connected = false;

	while (!connected && deadline_left(end)) {
		struct pollfd ready = { .events = POLLOUT };
		socklen_t size = sizeof(int);
		int error = 0;

		ready.fd = socket(to->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (ready.fd < 0)
			return false;
		if (!connect(ready.fd, to->address, to->size))
			connected = true;
		else if (errno == EINPROGRESS && poll(&ready, 1, 2000) == 1 &&
			 !getsockopt(ready.fd, SOL_SOCKET, SO_ERROR, &error, &size))
			connected = !error;
		close(ready.fd);
		if (!connected)
			usleep(200000);
	}
	return connected;
}

/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, in numbers: names need a network to be resolved. */
static bool peer_answers(const char *peer, const struct timespec *end)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	char host[64], *port = NULL;
	struct target to;

	snprintf(host, sizeof(host), "%s", *peer == '[' ? peer + 1 : peer);
	if (*peer == '[') {
		char *close = strchr(host, ']');

		if (close && close[1] == ':')
			port = close + 2;
		if (close)
			*close = 0;
	} else if (strchr(host, ':') && strchr(host, ':') == strrchr(host, ':')) {
		port = strchr(host, ':');
		*port++ = 0;
	}
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		v4.sin_port = htons(port ? atoi(port) : 0);
		to = (struct target){ AF_INET, (void *)&v4, sizeof(v4) };
	} else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		v6.sin6_port = htons(port ? atoi(port) : 0);
		to = (struct target){ AF_INET6, (void *)&v6, sizeof(v6) };
	} else {
		say("the peer '%s' is no address", peer);
		return false;
	}
	return port ? connects(&to, end) : ping(&to, end);
}

static bool link_up(struct nl_sock *sk, const char *name, const struct timespec *end)
{
	do {
		struct link link;

		if (!rtnl_link(sk, &link, name, NULL) && link.index &&
		    (link.flags & IFF_RUNNING) && (link.flags & IFF_UP))
			return true;
		usleep(100000);
	} while (deadline_left(end));
	return false;
}

bool check_connection(const struct switching *s, struct nl_sock *sk, int index,
		      unsigned int seconds)
{
	const char *name = s->keep.link.name;
	struct timespec end;

	deadline_set(&end, seconds);
	if (!(s->keep.link.flags & IFF_UP)) {
		say("%s was down before, nothing to check", name);
		return true;
	}
	if (!link_up(sk, name, &end)) {
		say("%s has no link after %u s", name, seconds);
		return false;
	}
	if (!s->keep.n_gateways && !s->peer)
		say("%s has no gateway and no --peer was given: only its link was checked", name);
	for (size_t i = 0; i < s->keep.n_gateways; i++) {
		char text[64] = "";

		inet_ntop(s->keep.gateway[i].family, s->keep.gateway[i].address, text,
			  sizeof(text));
		if (!gateway_answers(sk, index, &s->keep.gateway[i], &end)) {
			say("the gateway %s does not answer within %u s", text, seconds);
			return false;
		}
		say("the gateway %s answers", text);
	}
	if (s->peer && !peer_answers(s->peer, &end)) {
		say("the peer %s does not answer within %u s", s->peer, seconds);
		return false;
	}
	if (s->peer)
		say("the peer %s answers", s->peer);
	return true;
}
