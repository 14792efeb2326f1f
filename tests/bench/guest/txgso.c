// SPDX-License-Identifier: GPL-2.0
/*
 * txgso ADDRESS PAYLOAD BURST COUNT: sends COUNT UDP datagrams of PAYLOAD bytes, BURST with each
 * system call. The kernel cuts a call's datagrams apart (UDP_SEGMENT) and hands them to the driver
 * one after the other, each but the last announced as not the last (xmit_more).
 */
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "waiter.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define BURST_MAX 64	/* UDP_MAX_SEGMENTS of older kernels */
#define PAYLOAD_MAX 1472

/* Nothing is left in the socket: the driver has let go of all of it. */
static bool sent_all(int fd)
{
	int left;

	return !ioctl(fd, SIOCOUTQ, &left) && !left;
}

int main(int argc, char **argv)
{
	static char data[BURST_MAX * PAYLOAD_MAX];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	uint64_t payload, burst, count, n;
	int fd, segment;

	if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		waiter_fail(2, "usage: txgso ADDRESS PAYLOAD BURST COUNT");
	payload = waiter_number(argv[2]);
	burst = waiter_number(argv[3]);
	count = waiter_number(argv[4]);
	if (!payload || payload > PAYLOAD_MAX || !burst || burst > BURST_MAX)
		waiter_fail(2, "1 to %d bytes, 1 to %d at once", PAYLOAD_MAX, BURST_MAX);
	segment = (int)payload;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		waiter_fail(1, "UDP socket: %s", strerror(errno));
	for (; count; count -= n) {
		n = count < burst ? count : burst;
		if (send(fd, data, n * payload, 0) != (ssize_t)(n * payload))
			waiter_fail(1, "send: %s", strerror(errno));
	}
	while (!sent_all(fd))
		usleep(1000);
	waiter_say("done\n");
	return 0;
}
