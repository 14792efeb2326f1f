// SPDX-License-Identifier: GPL-2.0
/*
 * capture INTERFACE: looks at every frame of an interface as tcpdump does, until SIGTERM; then says
 * how many left it (sent) and how many came in by it (received).
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "waiter.h"

static volatile sig_atomic_t over;

static void on_term(int sig)
{
	over = 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	const struct sigaction action = { .sa_handler = on_term };
	uint64_t sent = 0, received = 0;
	struct pollfd pfd;
	uint8_t byte;

	if (argc != 2)
		waiter_fail(2, "usage: capture INTERFACE");
	at.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (!at.sll_ifindex)
		waiter_fail(1, "%s: %s", argv[1], strerror(errno));
	/* no protocol before it is bound: else it sees those of all interfaces */
	pfd.fd = socket(AF_PACKET, SOCK_RAW, 0);
	pfd.events = POLLIN;
	if (pfd.fd < 0 || bind(pfd.fd, (struct sockaddr *)&at, sizeof(at)) ||
	    sigaction(SIGTERM, &action, NULL))
		waiter_fail(1, "packet socket: %s", strerror(errno));
	waiter_say("ready\n");
	while (!over) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);

		if (poll(&pfd, 1, 100) <= 0)
			continue;
		if (recvfrom(pfd.fd, &byte, sizeof(byte), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &size) < 0)
			continue;
		if (from.sll_pkttype == PACKET_OUTGOING)
			sent++;
		else
			received++;
	}
	waiter_say("sent=%llu received=%llu\n", (unsigned long long)sent,
		   (unsigned long long)received);
	return 0;
}
