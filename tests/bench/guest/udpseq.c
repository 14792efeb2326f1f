// SPDX-License-Identifier: GPL-2.0
/*
 * udpseq ADDRESS PORT SIZE RATE: sends numbered datagrams of SIZE bytes, RATE a second, to one that
 * sends them back, until SIGTERM; then tells which came: sent, lost, twice, late (behind a later
 * one), the longest time between two arrivals, in microseconds, and the first and last number that
 * did not come (none: sent).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "waiter.h"

#define NUMBERS_MAX 8000000u
#define ROOM	    (64 << 20) /* so that none is lost while others have the processor */
/* What is under way when the last one is sent has come this long after the last that came. */
#define LAST_NS	    2000000000ull

static uint8_t seen[NUMBERS_MAX / 8];
static uint64_t sent, received, twice, late, newest, at, gap;
static volatile sig_atomic_t over;

static void on_term(int sig)
{
	over = 1;
}

static void take(uint32_t number)
{
	uint64_t now = waiter_now();

	if (number >= sent)
		waiter_fail(1, "number %u came, %llu were sent", number, (unsigned long long)sent);
	if (!over && at && now - at > gap)
		gap = now - at;
	at = now;
	if (seen[number / 8] & 1u << number % 8) {
		twice++;
		return;
	}
	seen[number / 8] |= (uint8_t)(1u << number % 8);
	received++;
	if (number < newest)
		late++;
	else
		newest = number;
}

static void receive(int fd)
{
	uint32_t number;

	while (recv(fd, &number, sizeof(number), MSG_DONTWAIT | MSG_TRUNC) >= (int)sizeof(number))
		take(ntohl(number));
}

/* The first number from @from on, by @step, that did not come. */
static uint64_t missing(uint64_t from, uint64_t step)
{
	while (from < sent && seen[from / 8] & 1u << from % 8)
		from += step;
	return from < sent ? from : sent;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const struct sigaction action = { .sa_handler = on_term };
	uint64_t size, rate, next, now;
	static uint8_t buf[65536];
	struct pollfd pfd;
	int room = ROOM;

	if (argc != 5)
		waiter_fail(2, "usage: udpseq ADDRESS PORT SIZE RATE");
	to.sin_port = htons((uint16_t)waiter_number(argv[2]));
	size = waiter_number(argv[3]);
	rate = waiter_number(argv[4]);
	if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || size < 4 || size > 8000 || !rate)
		waiter_fail(2, "udpseq: not an address, size or rate: %s %s %s", argv[1], argv[3],
			    argv[4]);
	pfd.fd = socket(AF_INET, SOCK_DGRAM, 0);
	pfd.events = POLLIN;
	if (pfd.fd < 0 || connect(pfd.fd, (struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(pfd.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(pfd.fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ||
	    sigaction(SIGTERM, &action, NULL))
		waiter_fail(1, "socket: %s", strerror(errno));
	waiter_say("ready\n");
	next = waiter_now();
	while (!over && sent < NUMBERS_MAX) {
		uint32_t number = htonl((uint32_t)sent);
		struct timespec patience = { 0 };

		memcpy(buf, &number, sizeof(number));
		if (send(pfd.fd, buf, size, 0) == (ssize_t)size)
			sent++;
		next += 1000000000ull / rate;
		while ((now = waiter_now()) < next && !over) {
			patience.tv_nsec = (long)(next - now);
			if (ppoll(&pfd, 1, &patience, NULL) > 0)
				receive(pfd.fd);
		}
		receive(pfd.fd);
		/* behind its time it does not make up for it: that would be a burst */
		if (now > next + 100000000ull)
			next = now;
	}
	over = 1;
	now = waiter_now();
	do {
		poll(&pfd, 1, 100);
		receive(pfd.fd);
	} while (received < sent && waiter_now() - (at > now ? at : now) < LAST_NS);
	waiter_say("sent=%llu lost=%llu twice=%llu late=%llu gap_us=%llu first=%llu last=%llu\n",
		   (unsigned long long)sent, (unsigned long long)(sent - received),
		   (unsigned long long)twice, (unsigned long long)late,
		   (unsigned long long)gap / 1000, (unsigned long long)missing(0, 1),
		   (unsigned long long)missing(sent - 1, UINT64_MAX));
	return 0;
}
