// SPDX-License-Identifier: GPL-2.0
/*
 * Checksums, segmentation, coalescing and RSS hash against known vectors, an independent slow sum,
 * and one another; then random and mutated frames, for the sanitizers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "offload.h"
#include "wire.h"

static uint8_t flat[FRAME_LEN_MAX];

/* The definition, word by word: RFC 1071. */
static uint16_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint16_t slow_csum(const uint8_t *p, size_t len, uint32_t sum)
{
	return ~slow_sum(p, len, sum);
}

static uint16_t slow_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	uint32_t sum =
		ip[0] >> 4 == 4 ? slow_sum(ip + IP4_SRC, 8, 0) : slow_sum(ip + IP6_SRC, 32, 0);

	return slow_sum(NULL, 0, sum + proto + (len & 0xffff) + (len >> 16));
}

struct shape {
	bool v6, tcp, tag, options, extension;
	uint32_t payload;
	uint32_t seq;
	uint16_t sport;
	uint8_t flags;
};

/* Build a frame in @p with right checksums, computed the slow way. Return: its length. */
static uint32_t build(uint8_t *p, const struct shape *s)
{
	uint32_t l3 = ETH_HLEN + (s->tag ? VLAN_HLEN : 0);
	uint32_t l4 = l3 + (s->v6 ? IP6_HLEN + (s->extension ? 8 : 0) : IP4_HLEN);
	uint32_t hlen = s->tcp ? TCP_HLEN + (s->options ? 12 : 0) : UDP_HLEN;
	uint32_t l4_len = hlen + s->payload;
	uint8_t proto = s->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	uint8_t *ip = p + l3, *t = p + l4;
	uint16_t sum;

	memset(p, 0, l4 + hlen);
	memcpy(p, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	if (s->tag)
		wire_put32(p + ETH_TYPE, (uint32_t)ETHERTYPE_VLAN << 16 | 5);
	wire_put16(p + l3 - 2, s->v6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4);
	if (s->v6) {
		ip[0] = 0x60;
		wire_put16(ip + IP6_PAYLOAD_LEN, l4 - l3 - IP6_HLEN + l4_len);
		ip[IP6_NEXT] = s->extension ? IPPROTO_DSTOPTS : proto;
		ip[IP6_HOP_LIMIT] = 64;
		ip[IP6_SRC] = 0xfd;
		ip[IP6_DST] = 0xfd;
		ip[IP6_SRC + 15] = 1;
		ip[IP6_DST + 15] = 2;
		if (s->extension) {
			ip[IP6_HLEN] = proto;
			ip[IP6_HLEN + 2] = 1; /* PadN, 4 bytes */
			ip[IP6_HLEN + 3] = 4;
		}
	} else {
		ip[0] = 0x45;
		wire_put16(ip + IP4_TOTAL_LEN, IP4_HLEN + l4_len);
		wire_put16(ip + IP4_ID, 1000);
		ip[IP4_FRAG] = 0x40;
		ip[IP4_TTL] = 64;
		ip[IP4_PROTO] = proto;
		wire_put32(ip + IP4_SRC, 0x0a000001);
		wire_put32(ip + IP4_DST, 0x0a000002);
		wire_put16(ip + IP4_CSUM, ~slow_sum(ip, IP4_HLEN, 0));
	}
	wire_put16(t, s->sport);
	wire_put16(t + 2, 5001);
	if (s->tcp) {
		wire_put32(t + TCP_SEQ, s->seq);
		wire_put32(t + TCP_ACK, 77);
		t[TCP_DOFF] = hlen / 4 << 4;
		t[TCP_FLAGS] = s->flags ? s->flags : TCP_FLAG_ACK;
		wire_put16(t + TCP_WINDOW, 512);
		if (s->options)
			memcpy(t + TCP_HLEN, "\x01\x01\x08\x0a\x00\x00\x00\x07\x00\x00\x00\x09",
			       12);
	} else {
		wire_put16(t + UDP_LEN, l4_len);
	}
	for (uint32_t i = 0; i < s->payload; i++)
		t[hlen + i] = check_random(256);
	sum = ~slow_sum(t, l4_len, slow_pseudo(ip, proto, l4_len));
	if (!sum)
		sum = 0xffff;
	wire_put16(t + (s->tcp ? TCP_CSUM : UDP_CSUM), sum);
	return l4 + l4_len;
}

/* The frame of a flat buffer, cut at random places into at most @pieces. */
static void scatter(struct frame *f, uint8_t *p, uint32_t len, unsigned int pieces)
{
	frame_clear(f);
	while (pieces-- > 1 && len > 1) {
		uint32_t n = 1 + check_random(len - 1);

		if (check_random(3) == 0 && n > 60)
			n = 1 + check_random(60);
		frame_add(f, p, n);
		p += n;
		len -= n;
	}
	frame_add(f, p, len);
}

static void flatten(const struct frame *f, uint8_t *p)
{
	size_t n = frame_copy_out(f, 0, p, FRAME_LEN_MAX);

	CHECK(n == f->len, "%zu %u", n, f->len);
}

static const struct shape shapes[] = {
	{ .payload = 18 },
	{ .payload = 1472, .sport = 9 },
	{ .payload = 333, .tag = true },
	{ .payload = 1000, .v6 = true },
	{ .payload = 1001, .v6 = true, .extension = true },
	{ .payload = 1448, .tcp = true, .options = true },
	{ .payload = 0, .tcp = true },
	{ .payload = 1, .tcp = true, .v6 = true },
	{ .payload = 1437, .tcp = true, .v6 = true, .tag = true, .options = true },
	{ .payload = 65000, .tcp = true },
};

#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void csum_vectors(void)
{
	/* RFC 1071 section 3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2 */
	uint8_t a[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	struct iovec iov = { a, sizeof(a) };
	uint16_t sum = offload_csum_fold(offload_csum_add(&iov, 1, 0, sizeof(a), 0));

	CHECK(ntohs(sum) == (0xffff & ~0xddf2), "%04x", ntohs(sum));
	CHECK(offload_csum_fold(0) == 0xffff);
	/* a header with a known checksum */
	uint8_t ip[] = { 0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
			 0x12, 0x34, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7 };

	offload_csum_ip4(ip);
	CHECK(wire_get16(ip + IP4_CSUM) == 0xb861, "%04x", wire_get16(ip + IP4_CSUM));
}

static void csum_scattered(void)
{
	struct frame f;

	for (int round = 0; round < 20000; round++) {
		uint32_t len = 1 + check_random(round % 100 ? 300 : 9000);
		uint32_t off = check_random(len);
		uint32_t n = check_random(len - off + 1);
		uint16_t sum;

		for (uint32_t i = 0; i < len; i++)
			flat[i] = check_random(8) ? check_random(256) : 0xff;
		scatter(&f, flat, len, 1 + check_random(FRAME_IOV_MAX));
		sum = offload_csum_fold(offload_csum_add(f.iov, f.n_iov, off, n, 0));
		CHECK(ntohs(sum) == slow_csum(flat + off, n, 0), "len %u off %u n %u", len, off, n);
	}
}

static void verify_shapes(void)
{
	struct frame f;

	for (unsigned int i = 0; i < N_SHAPES; i++) {
		uint32_t len = build(flat, &shapes[i]);

		for (int round = 0; round < 50; round++) {
			uint32_t at, bit;

			scatter(&f, flat, len, 1 + check_random(FRAME_IOV_MAX));
			CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_GOOD, "shape %u", i);
			/* one bit flipped behind the L4 ports is always noticed */
			at = len - 1 - check_random(shapes[i].payload ? shapes[i].payload : 1);
			bit = 1u << check_random(8);
			flat[at] ^= bit;
			CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_BAD, "shape %u at %u", i, at);
			flat[at] ^= bit;
		}
		/* Ethernet padding is not part of it */
		memset(flat + len, 0xa5, 20);
		scatter(&f, flat, len + 20, 3);
		CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_GOOD, "padded shape %u", i);
	}
}

static void verify_special(void)
{
	struct shape s = { .payload = 100 };
	uint8_t *ip = flat + ETH_HLEN;
	struct frame f;

	scatter(&f, flat, build(flat, &s), 1);
	ip[IP4_TTL]--;
	CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_BAD_IP);
	wire_put16(ip + IP4_FRAG, 0x2000);
	offload_csum_ip4(ip);
	CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_ABSENT, "fragment");
	build(flat, &s);
	wire_put16(ip + IP4_HLEN + UDP_CSUM, 0);
	CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_ABSENT, "udp without checksum");
	build(flat, &s);
	wire_put16(ip + IP4_HLEN + UDP_LEN, 109);
	CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_MALFORMED, "udp length");
	build(flat, &s);
	wire_put16(ip + IP4_TOTAL_LEN, 200);
	CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_MALFORMED, "total length");
	s.v6 = true;
	scatter(&f, flat, build(flat, &s), 1);
	wire_put16(ip + IP6_HLEN + UDP_CSUM, 0);
	CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_BAD, "udp6 without checksum");
	frame_clear(&f);
	frame_add(&f, flat, 13);
	CHECK(offload_csum_verify(&f) == OFFLOAD_CSUM_MALFORMED, "runt");
}

static void complete_shapes(void)
{
	static uint8_t again[FRAME_LEN_MAX], keep[FRAME_LEN_MAX];
	struct offload_headers h;
	struct frame f, out;

	for (unsigned int i = 0; i < N_SHAPES; i++) {
		uint32_t len = build(keep, &shapes[i]);

		memcpy(flat, keep, len);
		scatter(&f, flat, len, 1 + i * 3);
		CHECK(!offload_parse(&f, &h));
		f.csum = FRAME_CSUM_PARTIAL;
		f.csum_start = h.l4_off;
		f.csum_offset = shapes[i].tcp ? TCP_CSUM : UDP_CSUM;
		f.ip_csum = true;
		wire_put16(flat + f.csum_start + f.csum_offset,
			   slow_pseudo(flat + h.l3_off, h.l4, len - h.l4_off));
		if (!shapes[i].v6)
			wire_put16(flat + h.l3_off + IP4_CSUM, 0);
		CHECK(!offload_csum_complete(&f, &out, &h), "shape %u", i);
		flatten(&out, again);
		CHECK(out.len == len && !memcmp(keep, again, len), "shape %u", i);
	}
	f.csum_start = f.len - 1;
	CHECK(offload_csum_complete(&f, &out, &h) == -EINVAL, "field beyond the frame");
	f.csum_start = 2;
	CHECK(offload_csum_complete(&f, &out, &h) == -EINVAL, "start inside Ethernet");
	f.csum_start = 0xffff;
	f.csum_offset = 0xffff;
	CHECK(offload_csum_complete(&f, &out, &h) == -EINVAL, "no wrap");
}

/* A UDP frame whose sum comes out as 0 has to carry 0xffff. */
static void complete_udp_zero(void)
{
	struct shape s = { .payload = 64 };
	uint32_t len = build(flat, &s);
	uint8_t *t = flat + ETH_HLEN + IP4_HLEN;
	struct offload_headers h;
	struct frame f, out;
	uint16_t sum;

	/* put the checksum itself into the payload: the field's sum becomes 0 */
	memset(t + UDP_HLEN, 0, 2);
	memset(t + UDP_CSUM, 0, 2);
	sum = ~slow_sum(t, len - 34, slow_pseudo(flat + ETH_HLEN, IPPROTO_UDP, len - 34));
	wire_put16(t + UDP_HLEN, sum);
	wire_put16(t + UDP_CSUM, slow_pseudo(flat + ETH_HLEN, IPPROTO_UDP, len - 34));
	scatter(&f, flat, len, 4);
	f.csum = FRAME_CSUM_PARTIAL;
	f.csum_start = ETH_HLEN + IP4_HLEN;
	f.csum_offset = UDP_CSUM;
	CHECK(!offload_csum_complete(&f, &out, &h));
	CHECK(wire_get16(h.bytes + 34 + UDP_CSUM) == 0xffff, "%04x",
	      wire_get16(h.bytes + 34 + UDP_CSUM));
	CHECK(offload_csum_verify(&out) == OFFLOAD_CSUM_GOOD);
}

/* A large frame as a driver hands it over: IP length 0 (NDIS) or right, pseudo header sum. */
static uint32_t build_large(struct frame *f, const struct shape *s, uint16_t mss,
			    unsigned int pieces)
{
	uint32_t len = build(flat, s);
	struct offload_headers h;

	scatter(f, flat, len, 1);
	CHECK(!offload_parse(f, &h));
	scatter(f, flat, len, pieces);
	f->gso_type = s->v6 ? FRAME_GSO_TCP6 : FRAME_GSO_TCP4;
	f->gso_size = mss;
	f->csum = FRAME_CSUM_PARTIAL;
	f->csum_start = h.l4_off;
	f->csum_offset = TCP_CSUM;
	f->hdr_len = h.payload_off;
	return h.payload_off;
}

static void segment_fields(void)
{
	struct shape s = { .tcp = true, .payload = 3001, .seq = 0xfffffc00 };
	struct offload_segmenter seg;
	struct frame f, out;
	int n = 0;

	s.flags = TCP_FLAG_ACK | TCP_FLAG_PSH | TCP_FLAG_FIN | TCP_FLAG_CWR;
	build_large(&f, &s, 1000, 5);
	memset(flat + ETH_HLEN + IP4_TOTAL_LEN, 0, 2);
	CHECK(offload_segment_begin(&seg, &f) == 4);
	while (offload_segment_next(&seg, &out)) {
		uint8_t *ip = (uint8_t *)out.iov[0].iov_base + ETH_HLEN, *t = ip + IP4_HLEN;

		CHECK(out.len == 54u + (n < 3 ? 1000 : 1), "%u", out.len);
		CHECK(wire_get16(ip + IP4_TOTAL_LEN) == out.len - ETH_HLEN);
		CHECK(wire_get16(ip + IP4_ID) == 1000 + n);
		CHECK(wire_get32(t + TCP_SEQ) == 0xfffffc00 + 1000u * n);
		CHECK(t[TCP_FLAGS] == (n == 0 ? TCP_FLAG_ACK | TCP_FLAG_CWR :
				       n < 3  ? TCP_FLAG_ACK :
						TCP_FLAG_ACK | TCP_FLAG_PSH | TCP_FLAG_FIN));
		CHECK(offload_csum_verify(&out) == OFFLOAD_CSUM_GOOD);
		n++;
	}
	CHECK(n == 4);
	f.gso_size = 0;
	CHECK(offload_segment_begin(&seg, &f) == -EINVAL);
	f.gso_size = 1000;
	f.gso_type = FRAME_GSO_TCP6;
	CHECK(offload_segment_begin(&seg, &f) == -EINVAL);
}

static void round_trip(void)
{
	static uint8_t want[FRAME_LEN_MAX], got[FRAME_LEN_MAX], heads[256][OFFLOAD_HDR_MAX];
	static struct frame in[256], out[256];
	static struct offload_coalescer c;
	struct offload_segmenter seg;
	struct frame f;

	for (int round = 0; round < 400; round++) {
		struct shape s = {
			.tcp = true,
			.v6 = round & 1,
			.options = round & 2,
			.payload = 1 + check_random(60000),
			.seq = round & 4 ? 0xffffff00 : check_random(1000000),
			.flags = TCP_FLAG_ACK | (round & 8 ? TCP_FLAG_PSH : 0),
		};
		uint16_t mss = 500 + check_random(8500);
		uint32_t hlen = build_large(&f, &s, mss, 1 + check_random(20));
		unsigned int n = 0, joined;
		int segs;

		memcpy(want, flat, f.len);
		segs = offload_segment_begin(&seg, &f);
		CHECK(segs > 0);
		while (offload_segment_next(&seg, &in[n])) {
			memcpy(heads[n], in[n].iov[0].iov_base, hlen);
			in[n].iov[0].iov_base = heads[n];
			if (round & 16)
				in[n].csum = FRAME_CSUM_NONE; /* have it verified */
			n++;
		}
		CHECK((int)n == segs, "%u %d", n, segs);
		c.max_len = 65535 + ETH_HLEN;
		c.max_segs = 0;
		joined = offload_coalesce(&c, in, n, out);
		CHECK(joined >= 1);
		if (n > 1 && joined == 1) {
			CHECK(out[0].gso_size == mss && out[0].gso_segs == n);
			CHECK(out[0].csum == FRAME_CSUM_VALID);
		}
		/* more than one when the pieces of a frame ran out: their payloads in a row */
		uint32_t at = hlen;

		for (unsigned int i = 0; i < joined; i++) {
			flatten(&out[i], got);
			CHECK(!memcmp(got + hlen, want + at, out[i].len - hlen));
			at += out[i].len - hlen;
		}
		CHECK(at == f.len, "%u %u", at, f.len);
		if (joined == 1 && n > 1) {
			/* all but the stale TCP checksum */
			memset(want + (s.v6 ? 54 : 34) + TCP_CSUM, 0, 2);
			memset(got + (s.v6 ? 54 : 34) + TCP_CSUM, 0, 2);
			CHECK(!memcmp(got, want, f.len));
		}
	}
}

static unsigned int coalesce_two(struct shape *a, struct shape *b, uint16_t max_segs)
{
	static uint8_t x[2048], y[2048];
	static struct offload_coalescer c;
	static struct frame in[2], out[2];

	c.max_len = 65535;
	c.max_segs = max_segs;
	scatter(&in[0], x, build(x, a), 1);
	scatter(&in[1], y, build(y, b), 2);
	return offload_coalesce(&c, in, 2, out);
}

static void coalesce_rules(void)
{
	struct shape a = { .tcp = true, .payload = 1000, .seq = 5000 };
	struct shape b = a;

	b.seq = 6000;
	CHECK(coalesce_two(&a, &b, 0) == 1, "in order");
	CHECK(coalesce_two(&a, &b, 1) == 2, "segment limit");
	b.seq = 6001;
	CHECK(coalesce_two(&a, &b, 0) == 2, "hole");
	b.seq = 5000;
	CHECK(coalesce_two(&a, &b, 0) == 2, "duplicate");
	b.seq = 6000;
	b.payload = 1001;
	CHECK(coalesce_two(&a, &b, 0) == 2, "larger than the first");
	b.payload = 1;
	CHECK(coalesce_two(&a, &b, 0) == 1, "short last");
	b.payload = 0;
	CHECK(coalesce_two(&a, &b, 0) == 2, "pure ACK");
	b = a;
	b.seq = 6000;
	b.sport = 1;
	CHECK(coalesce_two(&a, &b, 0) == 2, "other flow");
	b = a;
	b.seq = 6000;
	b.options = true;
	CHECK(coalesce_two(&a, &b, 0) == 2, "other options");
	b.options = false;
	for (uint8_t flags = 1; flags; flags <<= 1) {
		b.flags = TCP_FLAG_ACK | flags;
		CHECK(coalesce_two(&a, &b, 0) ==
			      (flags == TCP_FLAG_PSH || flags == TCP_FLAG_ACK ? 1u : 2u),
		      "flag %02x", flags);
	}
	a.flags = TCP_FLAG_ACK | TCP_FLAG_PSH;
	b.flags = TCP_FLAG_ACK;
	CHECK(coalesce_two(&a, &b, 0) == 2, "PSH ends a frame");
}

/* Two interleaved flows, one with a bad checksum in the middle: order in each is kept. */
static void coalesce_order(void)
{
	static uint8_t bytes[12][1600];
	static struct offload_coalescer c;
	static struct frame in[12], out[12];
	unsigned int n;
	uint32_t seq[2] = { 0, 0 };

	for (int i = 0; i < 12; i++) {
		struct shape s = {
			.tcp = true, .payload = 700, .sport = i & 1, .seq = i / 2 * 700
		};

		scatter(&in[i], bytes[i], build(bytes[i], &s), 1 + i % 3);
		if (i == 5)
			bytes[i][600] ^= 1;
	}
	c.max_len = 65535;
	c.max_segs = 0;
	n = offload_coalesce(&c, in, 12, out);
	CHECK(n == 4, "%u", n); /* flow 0: one; flow 1: two, the bad one, three */
	for (unsigned int i = 0; i < n; i++) {
		struct offload_headers h;
		unsigned int flow;

		CHECK(!offload_parse(&out[i], &h) && h.l4 == IPPROTO_TCP);
		flow = wire_get16(h.bytes + h.l4_off) & 1;
		CHECK(wire_get32(h.bytes + h.l4_off + TCP_SEQ) == seq[flow]);
		seq[flow] += out[i].len - h.payload_off;
	}
	CHECK(seq[0] == 4200 && seq[1] == 4200);
}

static void rss_vectors(void)
{
	static const struct {
		const char *dst, *src;
		uint16_t dport, sport;
		uint32_t ip, tcp;
	} v[] = {
		{ "161.142.100.80", "66.9.149.187", 1766, 2794, 0x323e8fc2, 0x51ccc178 },
		{ "65.69.140.83", "199.92.111.2", 4739, 14230, 0xd718262a, 0xc626b0ea },
		{ "12.22.207.184", "24.19.198.95", 38024, 12898, 0xd2d0a5de, 0x5c2b394a },
		{ "209.142.163.6", "38.27.205.30", 2217, 48228, 0x82989176, 0xafc7327f },
		{ "202.188.127.2", "153.39.163.191", 1303, 44251, 0x5d1809c5, 0x10e828a2 },
		{ "3ffe:2501:200:3::1", "3ffe:2501:200:1fff::7", 1766, 2794, 0x2cc18cd5,
		  0x40207d3d },
		{ "ff02::1", "3ffe:501:8::260:97ff:fe40:efab", 4739, 14230, 0x0f0c461c,
		  0xdde51bbf },
		{ "fe80::200:f8ff:fe21:67cf", "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 38024, 44251,
		  0x4b61e985, 0x02d1feef },
	};
	static struct rss rss;

	rss_set_default(&rss, 4);
	for (unsigned int i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		bool v6 = strchr(v[i].src, ':');
		struct shape s = { .tcp = true, .v6 = v6, .payload = 1 };
		struct offload_headers h;
		struct frame f;
		uint8_t *ip = flat + ETH_HLEN;
		uint32_t type, hash;

		scatter(&f, flat, build(flat, &s), 3);
		CHECK(inet_pton(v6 ? AF_INET6 : AF_INET, v[i].src, ip + (v6 ? IP6_SRC : IP4_SRC)) ==
		      1);
		CHECK(inet_pton(v6 ? AF_INET6 : AF_INET, v[i].dst, ip + (v6 ? IP6_DST : IP4_DST)) ==
		      1);
		wire_put16(ip + (v6 ? IP6_HLEN : IP4_HLEN), v[i].sport);
		wire_put16(ip + (v6 ? IP6_HLEN : IP4_HLEN) + 2, v[i].dport);
		CHECK(!offload_parse(&f, &h));
		rss.types = RSS_HASH_ALL;
		hash = rss_hash(&rss, &h, &type);
		CHECK(hash == v[i].tcp, "vector %u: %08x", i, hash);
		CHECK(type == (v6 ? RSS_HASH_TCP_IPV6 : RSS_HASH_TCP_IPV4));
		CHECK(rss_queue(&rss, hash, type) == (hash & 127) % 4);
		rss.types = RSS_HASH_IPV4 | RSS_HASH_IPV6;
		hash = rss_hash(&rss, &h, &type);
		CHECK(hash == v[i].ip, "vector %u: %08x", i, hash);
		CHECK(type == (v6 ? RSS_HASH_IPV6 : RSS_HASH_IPV4));
		rss.types = 0;
		hash = rss_hash(&rss, &h, &type);
		CHECK(!hash && !type && rss_queue(&rss, hash, type) == 0);
	}
}

/* Anything at all: no crash, no overrun, every result within its own promises. */
static void hostile(void)
{
	static struct offload_coalescer c;
	static struct frame in[8], out[8];
	static struct rss rss;
	uint8_t *bytes[8];

	rss_set_default(&rss, 64);
	for (int round = 0; round < 60000; round++) {
		unsigned int n = 1 + check_random(8), joined;

		for (unsigned int i = 0; i < n; i++) {
			struct shape s = shapes[check_random(N_SHAPES - 1)];
			struct offload_headers h;
			struct offload_segmenter seg;
			struct frame f, o;
			uint32_t len, type;

			s.seq = s.payload * i;
			len = build(flat, &s);
			for (unsigned int k = check_random(6); k--;)
				flat[check_random(check_random(2) ? 80 : len)] = check_random(256);
			if (!check_random(4))
				len = check_random(len + 1);
			/* an exact heap block, so that the sanitizer sees one byte too far */
			bytes[i] = malloc(len ? len : 1);
			memcpy(bytes[i], flat, len);
			scatter(&f, bytes[i], len, 1 + check_random(FRAME_IOV_MAX));
			f.gso_type = check_random(3);
			f.gso_size = check_random(2000);
			f.csum = check_random(4);
			f.csum_start = check_random(check_random(2) ? 100 : 65536);
			f.csum_offset = check_random(check_random(2) ? 20 : 65536);
			f.ip_csum = check_random(2);
			if (!offload_parse(&f, &h)) {
				CHECK(h.end <= f.len && h.len <= f.len);
				CHECK(!h.l4 || (h.payload_off <= h.end && h.payload_off <= h.len));
				rss_hash(&rss, &h, &type);
			}
			offload_csum_verify(&f);
			if (!offload_csum_complete(&f, &o, &h))
				CHECK(o.len == f.len);
			if (offload_segment_begin(&seg, &f) > 0) {
				uint32_t sum = 0;
				uint32_t segs = 0;

				while (offload_segment_next(&seg, &o)) {
					sum += o.len - seg.h.payload_off;
					segs++;
				}
				CHECK(sum == f.len - seg.h.payload_off && segs == seg.segs);
			}
			frame_copy_descriptor(&in[i], &f);
		}
		c.max_len = 1 + check_random(65535);
		c.max_segs = check_random(4);
		joined = offload_coalesce(&c, in, n, out);
		CHECK(joined <= n);
		for (unsigned int i = 0; i < joined; i++) {
			size_t sum = 0;

			for (unsigned int k = 0; k < out[i].n_iov; k++)
				sum += out[i].iov[k].iov_len;
			CHECK(sum == out[i].len && out[i].n_iov <= FRAME_IOV_MAX + 1);
		}
		for (unsigned int i = 0; i < n; i++)
			free(bytes[i]);
	}
}

int main(void)
{
	check_run("checksum: known vectors", csum_vectors);
	check_run("checksum: scattered at odd places equals the slow sum", csum_scattered);
	check_run("verify: every shape, each flipped bit noticed, padding ignored", verify_shapes);
	check_run("verify: fragments, absent, wrong lengths", verify_special);
	check_run("complete: every shape equals the slow sum", complete_shapes);
	check_run("complete: a UDP sum of zero is sent as ffff", complete_udp_zero);
	check_run("segment: lengths, ids, sequence numbers, flags, checksums", segment_fields);
	check_run("coalesce(segment(x)) == x", round_trip);
	check_run("coalesce: what is joined and what is not", coalesce_rules);
	check_run("coalesce: interleaved flows keep their order", coalesce_order);
	check_run("rss: Microsoft's verification suite", rss_vectors);
	check_run("hostile frames", hostile);
	return check_end();
}
