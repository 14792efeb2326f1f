// SPDX-License-Identifier: GPL-2.0
/*
 * udpburst ADDRESS PORT SIZE COUNT: sends COUNT datagrams of SIZE bytes, as many in a call as the
 * kernel takes; it cuts them apart (UDP_SEGMENT) and hands the NIC a list of packets of their own,
 * announced at once. Begins at SIGUSR1.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <sys/socket.h>

#include "waiter.h"

#define SEGMENTS 64
#define BYTES	 65507

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint64_t left, each;
	static char buf[BYTES];
	sigset_t set;
	int fd, size, sig;

	if (argc != 5)
		waiter_fail(2, "usage: udpburst ADDRESS PORT SIZE COUNT");
	to.sin_port = htons((uint16_t)waiter_number(argv[2]));
	size = (int)waiter_number(argv[3]);
	left = waiter_number(argv[4]);
	if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || size < 1 || size > 1472)
		waiter_fail(2, "udpburst: not an address or size: %s %s", argv[1], argv[3]);
	each = BYTES / size < SEGMENTS ? BYTES / size : SEGMENTS;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)))
		waiter_fail(1, "socket: %s", strerror(errno));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	waiter_say("ready\n");
	sigwait(&set, &sig);
	for (; left; left -= each) {
		each = each < left ? each : left;
		if (send(fd, buf, each * size, 0) < 0)
			waiter_fail(1, "send: %s", strerror(errno));
	}
	waiter_say("done bursts:%d\n", SEGMENTS);
	return 0;
}
