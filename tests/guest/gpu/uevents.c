// SPDX-License-Identifier: GPL-2.0
/* uevents FILE: appends every kernel uevent to a file, as it comes, until it is killed. */
#include <err.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	char text[8192];
	int from, to;

	if (argc != 2)
		errx(2, "usage: uevents FILE");
	from = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (from < 0 || bind(from, (struct sockaddr *)&address, sizeof(address)))
		err(1, "uevents");
	to = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (to < 0)
		err(1, "%s", argv[1]);
	for (;;) {
		ssize_t n = recv(from, text, sizeof(text) - 1, 0);

		if (n < 0)
			err(1, "recv");
		text[n++] = '\0';
		if (write(to, text, n) != n)
			err(1, "%s", argv[1]);
	}
}
