// SPDX-License-Identifier: GPL-2.0
/*
 * rr tcp|udp|connect ADDRESS PORT COUNT: one byte there, one byte back, COUNT times; with connect,
 * each over a connection of its own. Begins at SIGUSR1, after some that nobody counts.
 *
 * The peer sends each packet back with addresses and ports exchanged (the lab's echo backend): a
 * peer without a stack, that costs the same each time. To TCP that looks like a peer which connects
 * at the same moment and sends and closes whenever we do.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "waiter.h"

#define WARM_UP 100
#define POINTS	50 /* of the distribution */

static struct sockaddr_in peer = { .sin_family = AF_INET };

static int connected(bool tcp)
{
	const struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		waiter_fail(1, "connect: %s", strerror(errno));
	if ((tcp && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		waiter_fail(1, "setsockopt: %s", strerror(errno));
	return fd;
}

static void transaction(int fd)
{
	char byte = 'r';

	if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
		waiter_fail(1, "request/response: %s", strerror(errno));
}

static void run(const char *kind, int fd, uint64_t n, uint64_t *took)
{
	bool each = !strcmp(kind, "connect");
	uint64_t before = waiter_now(), now, i;

	for (i = 0; i < n; i++) {
		if (each)
			fd = connected(true);
		transaction(fd);
		if (each)
			close(fd);
		now = waiter_now();
		if (took)
			took[i] = now - before;
		before = now;
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static unsigned long long part(const uint64_t *took, uint64_t n, double share)
{
	return (unsigned long long)took[(uint64_t)((double)(n - 1) * share)];
}

int main(int argc, char **argv)
{
	uint64_t n, *took;
	int fd = -1, sig, i;
	sigset_t set;

	if (argc != 5)
		waiter_fail(2, "usage: rr tcp|udp|connect ADDRESS PORT COUNT");
	peer.sin_port = htons((uint16_t)waiter_number(argv[3]));
	if (inet_pton(AF_INET, argv[2], &peer.sin_addr) != 1)
		waiter_fail(2, "not an address: %s", argv[2]);
	n = waiter_number(argv[4]);
	took = calloc(n ? n : 1, sizeof(*took));
	if (!took || !n)
		waiter_fail(2, "no room for %s transactions", argv[4]);
	if (strcmp(argv[1], "connect"))
		fd = connected(!strcmp(argv[1], "tcp"));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	run(argv[1], fd, WARM_UP, NULL);
	waiter_say("ready\n");
	sigwait(&set, &sig);
	run(argv[1], fd, n, took);
	/* Only now may this cost something. */
	waiter_say("done ");
	qsort(took, n, sizeof(*took), compare);
	waiter_say("operations:%llu p50_ns:%llu p99_ns:%llu p999_ns:%llu cdf:[",
		   (unsigned long long)n, part(took, n, 0.5), part(took, n, 0.99),
		   part(took, n, 0.999));
	for (i = 0; i <= POINTS; i++)
		waiter_say("%s[%d,%llu]", i ? "," : "", i * 100 / POINTS,
			   part(took, n, (double)i / POINTS));
	waiter_say("]\n");
	return 0;
}
