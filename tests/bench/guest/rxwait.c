// SPDX-License-Identifier: GPL-2.0
/* rxwait NIC COUNT: waits until the NIC has received that many packets more. */
#include <fcntl.h>

#include "waiter.h"

static uint64_t received(void *o)
{
	char text[32];
	ssize_t n = pread(*(int *)o, text, sizeof(text) - 1, 0);

	if (n <= 0)
		waiter_fail(1, "rx_packets: %s", strerror(errno));
	text[n] = '\0';
	return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
	char path[128];
	int fd;

	if (argc != 3)
		waiter_fail(2, "usage: rxwait NIC COUNT");
	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/rx_packets", argv[1]);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		waiter_fail(1, "%s: %s", path, strerror(errno));
	waiter_until(received, &fd, waiter_number(argv[2]));
	waiter_say("done\n");
	return 0;
}
