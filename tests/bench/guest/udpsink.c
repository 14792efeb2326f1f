// SPDX-License-Identifier: GPL-2.0
/* udpsink PORT COUNT: takes that many datagrams from a socket, one a call. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "waiter.h"

#define ROOM (256 << 20) /* so that none is lost while the interrupt has the processor */

int main(int argc, char **argv)
{
	const struct timeval patience = { .tv_sec = WAITER_IDLE_NS / 1000000000ull };
	struct sockaddr_in at = { .sin_family = AF_INET };
	uint64_t left, wanted;
	int fd, room = ROOM;
	char buf[2048];

	if (argc != 3)
		waiter_fail(2, "usage: udpsink PORT COUNT");
	at.sin_port = htons((uint16_t)waiter_number(argv[1]));
	wanted = waiter_number(argv[2]);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		waiter_fail(1, "socket: %s", strerror(errno));
	waiter_say("ready\n");
	for (left = wanted; left; left--) {
		if (recv(fd, buf, sizeof(buf), 0) < 0)
			waiter_fail(1, "%llu of %llu came: %s", (unsigned long long)(wanted - left),
				    (unsigned long long)wanted, strerror(errno));
	}
	waiter_say("done\n");
	return 0;
}
