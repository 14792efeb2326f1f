// SPDX-License-Identifier: GPL-2.0
/*
 * The backends as a NIC sees them. Without arguments: the cases. "--cost KIND PACKETS" only moves
 * packets in batches of 64, for counting the instructions of one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "check.h"
#include "offload.h"
#include "test-stats.h"
#include "wire.h"

static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };
static struct frame frames[256];
static char err[256];

static void dump(struct backend *be)
{
	struct json_object *into = json_object_new_object();

	dumped = 0;
	backend_dump(be, into);
	CHECK(json_object_object_length(into) == 1, "an array of queues");
	json_object_put(into);
}

static struct backend *open_or_fail(const char *spec, unsigned int queues)
{
	struct backend *be = backend_open(NULL, spec, queues, mac, err, sizeof(err));

	CHECK(be, "%s: %s", spec, err);
	if (be)
		CHECK(!backend_set_queues(be, queues));
	return be;
}

static int verb(struct backend *be, const char *text, char *answer)
{
	char line[128], *argv[16], *save = NULL;
	int argc = 0;

	strcpy(line, text);
	for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	*answer = 0;
	return backend_verb(be, argc, argv, answer, sizeof(err));
}

static void specs(void)
{
	static const char *const bad[] = {
		"nosuch",
		"sink:check=maybe",
		"sink:nosuch=1",
		"source:rate=0",
		"source:size=20",
		"source:proto=sctp",
		"source:dst=fd00::1",
		"source:ip=5",
		"echo:depth=1",
		"pair",
		"pair:",
		"pair:a-name-that-is-much-too-long-to-be-kept",
		"tap",
		"tap:ifname=",
		"tap:ifname=much-too-long-a-name",
		"tap:ifname=t0,csum=never",
	};
	static const char *const good[] = {
		"sink",
		"sink:",
		"sink:check=all",
		"source",
		"source:rate=max;size=64;flows=8",
		"source:proto=tcp,ip=6",
		"source:proto=ipv6",
		"echo",
		"echo:depth=1M",
		"pair:a",
		"pair:name=a;depth=1M",
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = 0;
		CHECK(!backend_open(NULL, bad[i], 1, mac, err, sizeof(err)) && err[0], "%s",
		      bad[i]);
	}
	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct backend *be = open_or_fail(good[i], 3);

		if (be)
			dump(be);
		backend_close(be);
	}
	CHECK(!backend_open(NULL, "sink", 0, mac, err, sizeof(err)));
	CHECK(!backend_open(NULL, "sink", BACKEND_QUEUES_MAX + 1, mac, err, sizeof(err)));
}

static void source_all_queues(void)
{
	static const char *const kinds[] = { "", ",proto=tcp", ",ip=6", ",proto=tcp,ip=6" };
	static struct rss rss;

	for (unsigned int k = 0; k < 4; k++) {
		uint64_t next[64] = { 0 }, got = 0;
		struct backend *be;
		char spec[64];

		snprintf(spec, sizeof(spec), "source:flows=37,size=%u%s", 90 + 300 * k, kinds[k]);
		be = open_or_fail(spec, 4);
		if (!be)
			return;
		rss_set_default(&rss, 4);
		backend_set_rss(be, &rss);
		CHECK(backend_rx(be, 0, frames, 64) == 0, "starts stopped");
		CHECK(!verb(be, "start count=20001", err), "%s", err);
		for (unsigned int q = 0; q < 4; q++) {
			uint64_t before = got;
			unsigned int n;

			while ((n = backend_rx(be, q, frames, 1 + check_random(256)))) {
				for (unsigned int i = 0; i < n; i++) {
					struct backend_seq seq;
					struct offload_headers h;
					uint32_t type, hash;

					CHECK(offload_csum_verify(&frames[i]) == OFFLOAD_CSUM_GOOD);
					CHECK(!offload_parse(&frames[i], &h) && h.l4);
					hash = rss_hash(&rss, &h, &type);
					CHECK(hash == frames[i].hash &&
					      type == frames[i].hash_type);
					CHECK(rss_queue(&rss, hash, type) == q);
					frame_copy_out(&frames[i], h.payload_off, &seq,
						       sizeof(seq));
					CHECK(ntohl(seq.magic) == BACKEND_SEQ_MAGIC);
					CHECK(ntohl(seq.flow) < 37);
					CHECK(__builtin_bswap64(seq.seq) ==
					      next[ntohl(seq.flow)]++);
				}
				got += n;
			}
			CHECK(got > before, "queue %u got nothing", q);
			CHECK(!backend_rx_arm(be, q));
		}
		CHECK(got == 20001, "%llu", (unsigned long long)got);
		for (unsigned int i = 0; i < 37; i++)
			CHECK(next[i], "flow %u", i);
		backend_close(be);
	}
}

/* Fewer queues, another table: flows move, the count goes on. */
static void source_reconfigured(void)
{
	struct backend *be = open_or_fail("source:flows=16", 4);
	static struct rss rss;
	uint64_t got = 0;

	if (!be)
		return;
	CHECK(!verb(be, "start count=1000", err), "%s", err);
	got += backend_rx(be, 3, frames, 10);
	CHECK(got == 10);
	CHECK(!backend_set_queues(be, 2));
	CHECK(backend_rx(be, 3, frames, 10) == 0);
	rss_set_default(&rss, 1);
	backend_set_rss(be, &rss);
	CHECK(backend_rx(be, 1, frames, 10) == 0);
	for (unsigned int n; (n = backend_rx(be, 0, frames, 256));)
		got += n;
	CHECK(got == 1000, "%llu", (unsigned long long)got);
	CHECK(!verb(be, "status", err) && !strncmp(err, "stopped sent 1000", 17), "%s", err);
	CHECK(verb(be, "start rate=nonsense", err) == -EINVAL);
	CHECK(verb(be, "explode", err) == -EINVAL);
	backend_close(be);
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void source_paced(void)
{
	struct backend *be = open_or_fail("source:rate=20000,start=on", 1);
	uint64_t got = 0;
	unsigned int n;

	if (!be)
		return;
	CHECK(readable(backend_rx_fd(be, 0), 1000), "start wakes");
	for (int wakes = 0; wakes < 20; wakes++) {
		while ((n = backend_rx(be, 0, frames, 64)))
			got += n;
		if (backend_rx_arm(be, 0))
			continue;
		CHECK(readable(backend_rx_fd(be, 0), 1000), "paced wake %d", wakes);
	}
	usleep(100000);
	got = 0;
	while ((n = backend_rx(be, 0, frames, 256)))
		got += n;
	/* 10 ms worth at 20000 a second, and what became due while we took it; the rest is lost */
	CHECK(got >= 200 && got < 1900, "%llu", (unsigned long long)got);
	CHECK(stat_read(&be->stats[0].rx_dropped) >= 1000);
	CHECK(!verb(be, "stop", err));
	CHECK(!backend_rx(be, 0, frames, 64) && !backend_rx_arm(be, 0));
	CHECK(!readable(backend_rx_fd(be, 0), 20), "stopped: quiet");
	CHECK(!verb(be, "start rate=max", err));
	CHECK(readable(backend_rx_fd(be, 0), 1000), "restart wakes");
	CHECK(backend_rx(be, 0, frames, 64) == 64 && backend_rx_arm(be, 0));
	backend_close(be);
}

/* Coalesced TCP frames, cut up again by the sink's check, are whole. */
static void source_coalesced(void)
{
	struct backend *src = open_or_fail("source:proto=tcp,size=1500,flows=3,rsc=on,start=on", 1);
	struct backend *be = open_or_fail("sink:check=all", 1);
	unsigned int n;

	if (!src || !be)
		return;
	CHECK(backend_rx(src, 0, frames, 64) == 64, "the NIC takes none yet");
	backend_tx(be, 0, frames, 64);
	backend_set_rx_features(src, BACKEND_RX_CSUM | BACKEND_RX_TSO4);
	n = backend_rx(src, 0, frames, 64);
	CHECK(n == 6, "%u", n); /* 20 segments of two pieces fill a frame's table */
	for (unsigned int i = 0; i < 3; i++)
		CHECK(frames[i].gso_type == FRAME_GSO_TCP4 && frames[i].gso_size == 1446 &&
		      frames[i].gso_segs == 20);
	CHECK(backend_tx(be, 0, frames, n) == n);
	CHECK(stat_read(&be->stats[0].tx_seq_seen) == 128);
	CHECK(!stat_read(&be->stats[0].tx_seq_missing) && !stat_read(&be->stats[0].tx_seq_late));
	CHECK(stat_read(&be->stats[0].tx_csum_good) == 128);
	backend_close(src);
	backend_close(be);
}

static void sink_checks(void)
{
	struct backend *src = open_or_fail("source:size=200,flows=3,start=on", 1);
	struct backend *be = open_or_fail("sink:check=all", 1);
	struct backend_queue_stats *s;
	uint8_t copy[200];
	struct frame f;

	if (!src || !be)
		return;
	s = be->stats;
	for (int i = 0; i < 10; i++)
		CHECK(backend_tx(be, 0, frames, backend_rx(src, 0, frames, 64)) == 64);
	CHECK(stat_read(&s->tx_csum_good) == 640 && !stat_read(&s->tx_csum_bad));
	CHECK(stat_read(&s->tx_seq_seen) == 640 && !stat_read(&s->tx_seq_missing));
	backend_rx(src, 0, frames, 9); /* lost: 3 of each flow */
	backend_rx(src, 0, frames, 3);
	backend_tx(be, 0, frames, 3);
	CHECK(stat_read(&s->tx_seq_missing) == 9, "%llu",
	      (unsigned long long)stat_read(&s->tx_seq_missing));
	backend_tx(be, 0, frames, 3); /* again */
	CHECK(stat_read(&s->tx_seq_late) == 3);
	frame_copy_out(&frames[0], 0, copy, sizeof(copy));
	copy[150] ^= 4;
	frame_clear(&f);
	frame_add(&f, copy, sizeof(copy));
	backend_tx(be, 0, &f, 1);
	CHECK(stat_read(&s->tx_csum_bad) == 1);
	/* open checksum: right pseudo header sum, then a wrong one */
	f.csum = FRAME_CSUM_PARTIAL;
	f.csum_start = ETH_HLEN + IP4_HLEN;
	f.csum_offset = UDP_CSUM;
	backend_tx(be, 0, &f, 1);
	CHECK(stat_read(&s->tx_csum_bad) == 2);
	CHECK(stat_read(&s->tx_packets) == 648 && stat_read(&s->tx_bytes) == 648 * 200);
	CHECK(!backend_rx(be, 0, frames, 1) && !backend_rx_arm(be, 0) && backend_rx_fd(be, 0) < 0);
	CHECK(!verb(be, "counters", err) && strstr(err, "tx_packets=648 tx_bytes=129600"), "%s",
	      err);
	CHECK(!verb(be, "reset", err));
	dump(be);
	CHECK(dumped > 648 * 200);
	backend_close(src);
	backend_close(be);
}

static void echo_reflects(void)
{
	static const char *const kinds[] = { "", ",proto=tcp", ",ip=6", ",proto=tcp,ip=6" };
	static struct frame sent[64];

	for (unsigned int k = 0; k < 4; k++) {
		struct backend *src, *be = open_or_fail("echo", 2);
		char spec[64];
		unsigned int n;

		snprintf(spec, sizeof(spec), "source:start=on,size=500%s", kinds[k]);
		src = open_or_fail(spec, 1);
		if (!src || !be)
			return;
		for (int round = 0; round < 100; round++) {
			CHECK(backend_rx(src, 0, sent, 64) == 64);
			CHECK(backend_tx(be, 1, sent, 64) == 64);
			CHECK(!backend_rx(be, 0, frames, 64), "comes back on its own queue");
			CHECK(backend_rx_arm(be, 1));
			for (unsigned int at = 0; at < 64; at += n) {
				n = backend_rx(be, 1, frames, 1 + check_random(64));
				CHECK(n, "at %u", at);
				if (!n)
					return;
				for (unsigned int i = 0; i < n; i++) {
					struct offload_headers a, b;
					uint32_t ip = k < 2 ? 4 : 16,
						 from = k < 2 ? IP4_SRC : IP6_SRC;
					const uint8_t *x, *y;

					CHECK(!offload_parse(&sent[at + i], &a));
					CHECK(!offload_parse(&frames[i], &b));
					CHECK(offload_csum_verify(&frames[i]) == OFFLOAD_CSUM_GOOD);
					CHECK(!memcmp(a.bytes + 6, b.bytes, 6));
					x = a.bytes + a.l3_off + from;
					y = b.bytes + b.l3_off + from;
					CHECK(!memcmp(x, y + ip, ip) && !memcmp(x + ip, y, ip));
					x = a.bytes + a.l4_off;
					y = b.bytes + b.l4_off;
					CHECK(!memcmp(x, y + 2, 2) && !memcmp(x + 2, y, 2));
				}
			}
			CHECK(!backend_rx_arm(be, 1));
		}
		backend_close(src);
		backend_close(be);
	}
}

static void echo_answers(void)
{
	uint8_t arp[42] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0,  1, 8, 6,
			    0,	 1,   8,   0,	6,   4,	  0, 1, 2, 0, 0,  0, 0, 1,
			    10,	 0,   0,   1,	0,   0,	  0, 0, 0, 0, 10, 0, 0, 2 };
	uint8_t ping[60] = { 2,	 0, 0,	0, 0xec, 0x40, 2, 0,  0, 0, 0, 1,  8, 0, 0x45,
			     0,	 0, 46, 0, 1,	 0,    0, 64, 1, 0, 0, 10, 0, 0, 1,
			     10, 0, 0,	2, 8,	 0,    0, 0,  1, 2, 3, 4,  5 };
	struct backend *be = open_or_fail("echo", 1);
	struct frame f;
	uint8_t got[64];
	struct iovec v = { got + 34, 26 };
	uint16_t sum;

	if (!be)
		return;
	frame_clear(&f);
	frame_add(&f, arp, sizeof(arp));
	CHECK(backend_tx(be, 0, &f, 1) == 1 && backend_rx(be, 0, frames, 4) == 1);
	frame_copy_out(&frames[0], 0, got, sizeof(got));
	CHECK(got[21] == 2 && !memcmp(got + 28, "\x0a\0\0\2", 4) &&
	      !memcmp(got + 38, "\x0a\0\0\1", 4));
	CHECK(!memcmp(got, mac, 6) && !memcmp(got + 32, mac, 6) && !memcmp(got + 6, got + 22, 6));
	CHECK(!(got[6] & 1));

	v.iov_base = ping + 34;
	sum = offload_csum_fold(offload_csum_add(&v, 1, 0, 26, 0));
	memcpy(ping + 36, &sum, 2);
	frame_clear(&f);
	frame_add(&f, ping, sizeof(ping));
	CHECK(backend_tx(be, 0, &f, 1) == 1 && backend_rx(be, 0, frames, 4) == 1);
	frame_copy_out(&frames[0], 0, got, sizeof(got));
	v.iov_base = got + 34;
	CHECK(got[34] == 0 && offload_csum_fold(offload_csum_add(&v, 1, 0, 26, 0)) == 0);

	ping[0] = 1; /* to a group: nothing comes back */
	CHECK(backend_tx(be, 0, &f, 1) == 1 && backend_rx(be, 0, frames, 4) == 0);
	backend_close(be);
}

/* A large TCP frame of @payload bytes, as NDIS leaves it. */
static void large(struct frame *f, uint8_t *bytes, uint32_t payload)
{
	uint8_t *ip = bytes + ETH_HLEN, *t = ip + IP4_HLEN;

	memset(bytes, 0, 54);
	memcpy(bytes + ETH_SRC, mac, 6);
	wire_put16(bytes + ETH_TYPE, ETHERTYPE_IP4);
	ip[0] = 0x45;
	ip[IP4_PROTO] = IPPROTO_TCP;
	ip[IP4_TTL] = 1;
	wire_put32(ip + IP4_SRC, 0x0a000001);
	wire_put32(ip + IP4_DST, 0x0a000002);
	t[TCP_DOFF] = 0x50;
	t[TCP_FLAGS] = TCP_FLAG_ACK;
	frame_clear(f);
	frame_add(f, bytes, 54 + payload);
	f->gso_type = FRAME_GSO_TCP4;
	f->gso_size = 1448;
	f->csum = FRAME_CSUM_PARTIAL;
	f->csum_start = 34;
	f->csum_offset = TCP_CSUM;
}

static void echo_offloads(void)
{
	static uint8_t bytes[FRAME_LEN_MAX];
	struct backend *be = open_or_fail("echo", 1);
	struct backend_queue_stats *s;
	uint32_t sum = 0;
	struct frame f;
	unsigned int n;

	if (!be)
		return;
	s = be->stats;
	large(&f, bytes, 60000);
	CHECK(backend_tx(be, 0, &f, 1) == 1);
	n = backend_rx(be, 0, frames, 256);
	CHECK(n == (60000 + 1447) / 1448, "%u", n);
	for (unsigned int i = 0; i < n; i++) {
		CHECK(frames[i].gso_type == FRAME_GSO_NONE && frames[i].len <= 1448 + 54);
		CHECK(offload_csum_verify(&frames[i]) == OFFLOAD_CSUM_GOOD);
		sum += frames[i].len - 54;
	}
	CHECK(sum == 60000);
	CHECK(stat_read(&s->tx_segments) == n && stat_read(&s->tx_gso) == 1);
	backend_set_rx_features(be, BACKEND_RX_CSUM | BACKEND_RX_TSO4);
	CHECK(backend_tx(be, 0, &f, 1) == 1);
	CHECK(backend_rx(be, 0, frames, 256) == 1 && frames[0].gso_type == FRAME_GSO_TCP4);
	CHECK(frames[0].len == 60054 && frames[0].gso_size == 1448);
	CHECK(wire_get16((uint8_t *)frames[0].iov[0].iov_base + 16) == 60040, "length filled in");
	f.gso_type = FRAME_GSO_TCP6;
	CHECK(backend_tx(be, 0, &f, 1) == 0 && stat_read(&s->tx_malformed) == 1);
	/* a full ring drops, the rest is intact */
	f.gso_type = FRAME_GSO_TCP4;
	n = 0;
	for (int i = 0; i < 100; i++)
		n += backend_tx(be, 0, &f, 1);
	CHECK(n >= 15 && n < 20, "%u", n);
	CHECK(stat_read(&s->tx_dropped) == 100 - n);
	CHECK(backend_rx(be, 0, frames, 256) == n);
	CHECK(!backend_rx_arm(be, 0));
	backend_close(be);
}

#define PAIR_FRAMES 200000

static void *pair_sender(void *o)
{
	struct backend *src = open_or_fail("source:start=on,flows=16,size=256", 1);
	static struct frame f[64];

	for (unsigned int sent = 0; src && sent < PAIR_FRAMES;) {
		unsigned int want = PAIR_FRAMES - sent, n;

		n = backend_rx(src, 0, f, want < 64 ? want : 64);
		backend_tx(o, 0, f, n);
		sent += n;
		if (sent % 6400 == 0)
			usleep(check_random(2000)); /* let the other end fall asleep */
	}
	backend_close(src);
	return NULL;
}

/* Two loops' worth: one thread sends, another sleeps, wakes, takes. Sent == received + dropped. */
static void pair_threads(void)
{
	struct backend *a = open_or_fail("pair:x", 2), *b = open_or_fail("pair:x", 3);
	uint64_t got[3] = { 0 }, next[16] = { 0 }, missing = 0, dropped;
	pthread_t sender;
	int idle = 0;

	if (!a || !b)
		return;
	CHECK(!backend_open(NULL, "pair:x", 1, mac, err, sizeof(err)) && strstr(err, "taken"));
	pthread_create(&sender, NULL, pair_sender, a);
	while (idle < 3) {
		struct pollfd p[3];
		unsigned int n;
		bool more = false;

		for (unsigned int q = 0; q < 3; q++) {
			while ((n = backend_rx(b, q, frames, 256))) {
				got[q] += n;
				for (unsigned int i = 0; i < n; i++) {
					struct backend_seq seq;
					uint64_t *want;

					CHECK(offload_csum_verify(&frames[i]) == OFFLOAD_CSUM_GOOD);
					frame_copy_out(&frames[i], 42, &seq, sizeof(seq));
					want = &next[ntohl(seq.flow) & 15];
					CHECK(__builtin_bswap64(seq.seq) >= *want, "order");
					missing += __builtin_bswap64(seq.seq) - *want;
					*want = __builtin_bswap64(seq.seq) + 1;
				}
			}
			p[q].fd = backend_rx_fd(b, q);
			p[q].events = POLLIN;
			more |= backend_rx_arm(b, q);
		}
		if (more)
			continue;
		idle = poll(p, 3, 200) ? 0 : idle + 1;
	}
	pthread_join(sender, NULL);
	dropped = stat_read(&a->stats[0].tx_dropped);
	CHECK(got[0] + got[1] + got[2] + dropped == PAIR_FRAMES, "%llu+%llu",
	      (unsigned long long)(got[0] + got[1] + got[2]), (unsigned long long)dropped);
	CHECK(missing <= dropped);
	CHECK(got[0] && got[1] && got[2], "RSS hits all queues");
	backend_close(b);
	CHECK(backend_tx(a, 0, frames, 1) == 0, "nobody there");
	backend_close(a);
}

/* --- tap --- */

static int tap_up(const char *name, const char *address)
{
	struct ifreq ifr = { 0 };
	struct sockaddr_in *sin = (struct sockaddr_in *)&ifr.ifr_addr;
	int s = socket(AF_INET, SOCK_DGRAM, 0), ret;

	strcpy(ifr.ifr_name, name);
	sin->sin_family = AF_INET;
	inet_pton(AF_INET, address, &sin->sin_addr);
	ret = ioctl(s, SIOCSIFADDR, &ifr);
	ioctl(s, SIOCGIFFLAGS, &ifr);
	ifr.ifr_flags |= IFF_UP;
	ret |= ioctl(s, SIOCSIFFLAGS, &ifr);
	close(s);
	return ret;
}

static void tap_mac(const char *name, uint8_t *to)
{
	struct ifreq ifr = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(ifr.ifr_name, name);
	CHECK(!ioctl(s, SIOCGIFHWADDR, &ifr));
	memcpy(to, ifr.ifr_hwaddr.sa_data, 6);
	close(s);
}

/* A UDP frame from 10.9.8.2:77 to 10.9.8.1:@port whose checksum is still open. */
static void open_udp(struct frame *f, uint8_t *p, const uint8_t *to, uint16_t port, uint8_t fill)
{
	uint8_t *ip = p + ETH_HLEN, *u = ip + IP4_HLEN;
	struct offload_headers h;
	uint16_t sum;

	memset(p, 0, 42);
	memcpy(p, to, 6);
	memcpy(p + 6, mac, 6);
	wire_put16(p + 12, ETHERTYPE_IP4);
	ip[0] = 0x45;
	ip[IP4_TTL] = 9;
	ip[IP4_PROTO] = IPPROTO_UDP;
	wire_put16(ip + IP4_TOTAL_LEN, 20 + 8 + 100);
	wire_put32(ip + IP4_SRC, 0x0a090802);
	wire_put32(ip + IP4_DST, 0x0a090801);
	offload_csum_ip4(ip);
	wire_put16(u, 77);
	wire_put16(u + 2, port);
	wire_put16(u + UDP_LEN, 108);
	memset(u + 8, fill, 100);
	frame_clear(f);
	frame_add(f, p, 42 + 100);
	CHECK(!offload_parse(f, &h));
	sum = ~offload_csum_fold(offload_csum_pseudo(&h, 108));
	memcpy(u + UDP_CSUM, &sum, 2);
	f->csum = FRAME_CSUM_PARTIAL;
	f->csum_start = 34;
	f->csum_offset = UDP_CSUM;
}

static bool receives(int sock, uint8_t fill)
{
	uint8_t got[200];

	while (readable(sock, 500))
		if (recv(sock, got, sizeof(got), 0) == 100 && got[0] == fill)
			return true;
	return false;
}

static void tap_mode(const char *mode, unsigned int queues)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(7000) };
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(77) };
	uint8_t bytes[200], host[6], arp[42];
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	bool arrived = false, verify = !strcmp(mode, "verify");
	struct backend *be;
	struct frame f;
	char spec[64];

	snprintf(spec, sizeof(spec), "tap:ifname=hvt%u,csum=%s", queues, mode);
	be = open_or_fail(spec, queues);
	if (!be)
		return;
	snprintf(spec, sizeof(spec), "hvt%u", queues);
	CHECK(!tap_up(spec, "10.9.8.1"));
	tap_mac(spec, host);
	CHECK(!bind(sock, (struct sockaddr *)&sin, sizeof(sin)));
	for (unsigned int q = 0; q < queues; q++) {
		open_udp(&f, bytes, host, 7000, q + 1);
		CHECK(backend_tx(be, q, &f, 1) == 1);
		CHECK(receives(sock, q + 1), "%s queue %u", mode, q);
	}
	/* a complete but wrong checksum: the host notices in either mode */
	f.csum = FRAME_CSUM_NONE;
	bytes[100] ^= 1;
	backend_tx(be, 0, &f, 1);
	CHECK(!receives(sock, queues), "bad checksum accepted");
	CHECK(stat_read(&be->stats[0].tx_csum_bad) == verify);
	/* an inactive queue still sends */
	if (queues > 1) {
		CHECK(!backend_set_queues(be, 1));
		open_udp(&f, bytes, host, 7000, 99);
		CHECK(backend_tx(be, queues - 1, &f, 1) == 1 && receives(sock, 99));
		CHECK(!backend_set_queues(be, queues));
	}
	/* host to guest: announce ourselves by ARP, then expect a datagram with a right checksum */
	memcpy(arp, host, 6);
	memcpy(arp + 6, mac, 6);
	memcpy(arp + 12, "\x08\x06\0\1\x08\0\6\4\0\1", 10);
	memcpy(arp + 22, mac, 6);
	memcpy(arp + 28, "\x0a\x09\x08\2\0\0\0\0\0\0\x0a\x09\x08\1", 14);
	frame_clear(&f);
	frame_add(&f, arp, sizeof(arp));
	CHECK(backend_tx(be, 0, &f, 1) == 1);
	inet_pton(AF_INET, "10.9.8.2", &peer.sin_addr);
	if (!verify)
		backend_set_rx_features(be, BACKEND_RX_CSUM);
	for (int i = 0; i < 20 && !arrived; i++) {
		CHECK(sendto(sock, bytes, 100, 0, (struct sockaddr *)&peer, sizeof(peer)) == 100);
		for (unsigned int q = 0; q < queues && !arrived; q++) {
			unsigned int n;

			readable(backend_rx_fd(be, q), 50);
			n = backend_rx(be, q, frames, 256);
			for (unsigned int k = 0; k < n; k++) {
				if (frames[k].len != 142)
					continue;
				arrived = true;
				if (verify)
					CHECK(offload_csum_verify(&frames[k]) == OFFLOAD_CSUM_GOOD);
				else
					CHECK(frames[k].csum == FRAME_CSUM_PARTIAL &&
					      frames[k].csum_start == 34);
			}
		}
	}
	CHECK(arrived);
	close(sock);
	backend_close(be);
}

static void tap_modes(void)
{
	if (access("/dev/net/tun", R_OK | W_OK) || unshare(CLONE_NEWNET)) {
		check_skip("needs /dev/net/tun and a network namespace of its own");
		return;
	}
	tap_mode("offload", 1);
	tap_mode("verify", 1);
	tap_mode("offload", 4);
	tap_mode("verify", 4);
}

static int cost(const char *spec, unsigned long packets)
{
	struct backend *be = open_or_fail(spec, 1);
	struct backend *src = open_or_fail("source:size=64,flows=1", 1);
	bool is_source = !strncmp(spec, "source", 6);
	bool is_sink = !strncmp(spec, "sink", 4);
	char start[] = "start";

	if (!be || !src || verb(is_source ? be : src, start, err))
		return 1;
	if (!is_source)
		backend_rx(src, 0, frames, BACKEND_BATCH);
	for (unsigned long n = 0; n < packets; n += BACKEND_BATCH) {
		static struct frame back[BACKEND_BATCH];

		if (!is_source)
			backend_tx(be, 0, frames, BACKEND_BATCH);
		if (!is_sink && backend_rx(be, 0, back, BACKEND_BATCH) != BACKEND_BATCH)
			return 1;
		backend_rx_arm(be, 0);
	}
	backend_close(be);
	backend_close(src);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--cost"))
		return cost(argv[2], strtoul(argv[3], NULL, 0));
	check_run("specs: good ones open, bad ones say why", specs);
	check_run("source: all queues hit, checksums, hashes, sequences right", source_all_queues);
	check_run("source: queues and table changed while running", source_reconfigured);
	check_run("source: paced; what is not taken in time is lost", source_paced);
	check_run("source: coalesced for a NIC that takes large frames", source_coalesced);
	check_run("sink: checksums and sequences checked", sink_checks);
	check_run("echo: ends swapped, checksums kept", echo_reflects);
	check_run("echo: answers ARP and ping, not groups", echo_answers);
	check_run("echo: segments for a NIC that takes no large frames, drops when full",
		  echo_offloads);
	check_run("pair: two threads, sleeping and waking, nothing unaccounted", pair_threads);
	check_run("tap: both ways, both modes, 1 and 4 queues", tap_modes);
	return check_end();
}
