// SPDX-License-Identifier: GPL-2.0
/*
 * source: makes UDP or TCP frames for the guest, at a rate or as fast as the guest takes them.
 * Flows differ in their source port (and address, every 16384 flows) and are chosen so that RSS
 * spreads them over all queues. Each payload starts with struct backend_seq.
 *
 * A queue's lock is held while a batch is made, and by the control loop to start, stop, or sort
 * the flows anew. Frames that were handed out point into slots and the payload pattern, neither of
 * which a restart touches.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "offload.h"
#include "options.h"
#include "wire.h"

#define SLOTS	     256 /* frames handed out at once, at most */
#define FLOWS_MAX    65536
#define FRAME_MAX    9014 /* a jumbo frame without FCS */
#define HDR_MAX	     96 /* Ethernet, IPv6, TCP, sequence number */
#define SLICE_NS     50000 /* the generator sleeps no shorter than this */
#define BURST_NS     10000000 /* what the guest did not take after this long is lost */
#define RSC_MAX	     65535 /* longest frame made of several */
#define NSEC_PER_SEC 1000000000ull
#define PORTS	     16384 /* source ports from SPORT_FIRST on */
#define SPORT_FIRST  1024

static const uint8_t source_mac[ETH_ALEN] = { 0x02, 0, 0, 0, 0x50, 0xc0 };

/* One flow's frame, at least up to and including its sequence number, all else in place. */
struct flow {
	uint8_t hdr[HDR_MAX];
	uint32_t sum; /* what the L4 checksum covers, numbers that vary being 0 */
	uint32_t hash;
	uint32_t hash_type;
	uint64_t seq;
};

struct config {
	uint64_t rate; /* frames a second, all queues; 0 = as many as are taken */
	uint64_t count; /* frames, all queues; 0 = no end */
	uint64_t size;
	uint64_t flows;
	uint64_t dport;
	bool rsc;
	bool tcp;
	bool v6;
	uint8_t dst[16];
	uint8_t src[16];
};

struct queue {
	pthread_mutex_t lock;
	bool running;
	int timer;
	struct flow *flow;
	unsigned int n_flows;
	unsigned int at; /* next flow */
	uint64_t rate; /* this queue's share */
	uint64_t left; /* frames to go, UINT64_MAX = no end */
	uint64_t start_ns;
	uint64_t due; /* frames sent or lost since start_ns */
	uint8_t slot[SLOTS][HDR_MAX];
	struct offload_coalescer rsc;
	struct frame plain[SLOTS]; /* what is coalesced */
} __attribute__((aligned(64)));

struct source {
	struct backend be;
	struct config cfg;
	struct queue *queue;
	uint8_t *payload; /* the same pattern for all frames */
	struct rss rss;
	/* where things are in a frame of this configuration */
	unsigned int l4_off, csum_off, seq_off, hdr_len;
	unsigned int own_len; /* of what is in a slot: all, or headers and number */
	bool running; /* control loop's view */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static void timer_set(struct queue *queue, uint64_t ns)
{
	struct itimerspec at = { .it_value = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC } };

	timerfd_settime(queue->timer, 0, &at, NULL);
}

/* --- flows --- */

static void layout(struct source *src)
{
	const struct config *c = &src->cfg;

	src->l4_off = ETH_HLEN + (c->v6 ? IP6_HLEN : IP4_HLEN);
	src->csum_off = src->l4_off + (c->tcp ? TCP_CSUM : UDP_CSUM);
	src->seq_off = src->l4_off + (c->tcp ? TCP_HLEN : UDP_HLEN);
	src->hdr_len = src->seq_off + sizeof(struct backend_seq);
	src->own_len = c->size <= HDR_MAX ? c->size : src->hdr_len;
}

static void flow_ip(const struct source *src, uint8_t *ip, uint32_t number)
{
	const struct config *c = &src->cfg;
	uint8_t proto = c->tcp ? IPPROTO_TCP : IPPROTO_UDP;

	if (c->v6) {
		ip[0] = 0x60;
		wire_put16(ip + IP6_PAYLOAD_LEN, c->size - ETH_HLEN - IP6_HLEN);
		ip[IP6_NEXT] = proto;
		ip[IP6_HOP_LIMIT] = 64;
		memcpy(ip + IP6_SRC, c->src, 16);
		memcpy(ip + IP6_DST, c->dst, 16);
		wire_put32(ip + IP6_SRC + 12, wire_get32(ip + IP6_SRC + 12) + number / PORTS);
		return;
	}
	ip[0] = 0x45;
	wire_put16(ip + IP4_TOTAL_LEN, c->size - ETH_HLEN);
	ip[IP4_FRAG] = 0x40;
	ip[IP4_TTL] = 64;
	ip[IP4_PROTO] = proto;
	memcpy(ip + IP4_SRC, c->src, 4);
	memcpy(ip + IP4_DST, c->dst, 4);
	wire_put32(ip + IP4_SRC, wire_get32(ip + IP4_SRC) + number / PORTS);
	offload_csum_ip4(ip);
}

/* Make flow @number of the endless row of possible flows, and hash it. */
static void flow_make(const struct source *src, struct flow *flow, uint32_t number)
{
	const struct config *c = &src->cfg;
	uint8_t *l4 = flow->hdr + src->l4_off;
	struct offload_headers h;
	struct frame f;

	memset(flow, 0, sizeof(*flow));
	memcpy(flow->hdr + ETH_DST, src->be.mac, ETH_ALEN);
	memcpy(flow->hdr + ETH_SRC, source_mac, ETH_ALEN);
	wire_put16(flow->hdr + ETH_TYPE, c->v6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4);
	flow_ip(src, flow->hdr + ETH_HLEN, number);
	wire_put16(l4, SPORT_FIRST + number % PORTS);
	wire_put16(l4 + 2, c->dport);
	if (c->tcp) {
		l4[TCP_DOFF] = TCP_HLEN / 4 << 4;
		l4[TCP_FLAGS] = TCP_FLAG_ACK;
		wire_put32(l4 + TCP_ACK, 1);
		wire_put16(l4 + TCP_WINDOW, 65535);
	} else {
		wire_put16(l4 + UDP_LEN, c->size - src->l4_off);
	}
	wire_put32(flow->hdr + src->seq_off, BACKEND_SEQ_MAGIC);
	memcpy(flow->hdr + src->hdr_len, src->payload, src->own_len - src->hdr_len);

	frame_clear(&f);
	frame_add(&f, flow->hdr, src->hdr_len);
	frame_add(&f, src->payload, c->size - src->hdr_len);
	if (!offload_parse(&f, &h))
		flow->hash = rss_hash(&src->rss, &h, &flow->hash_type);
}

/* The checksum's constant part; @number is the flow's final one. */
static void flow_finish(const struct source *src, struct flow *flow, uint32_t number)
{
	struct offload_headers h;
	struct frame f;
	uint32_t len = src->cfg.size - src->l4_off;
	uint64_t sum;

	wire_put32(flow->hdr + src->seq_off + 4, number);
	frame_clear(&f);
	frame_add(&f, flow->hdr, src->hdr_len);
	frame_add(&f, src->payload, src->cfg.size - src->hdr_len);
	if (offload_parse(&f, &h))
		return;
	sum = offload_csum_add(f.iov, f.n_iov, src->l4_off, len, offload_csum_pseudo(&h, len));
	flow->sum = (uint16_t)~offload_csum_fold(sum);
}

/* How many queues RSS leads to. */
static unsigned int reachable(const struct source *src)
{
	uint64_t hit = 0;

	if (!src->rss.types || !src->rss.n_table)
		return 1;
	for (unsigned int i = 0; i < src->rss.n_table; i++)
		hit |= 1ull << src->rss.table[i] % src->be.n_active;
	return __builtin_popcountll(hit);
}

/*
 * Fill the queues with flows: take the possible ones in turn, as long as their queue lacks some.
 * Called with all queues locked. A queue that RSS never leads to stays empty.
 */
static int spread(struct source *src)
{
	unsigned int active = src->be.n_active;
	unsigned int share = reachable(src);
	unsigned int quota = (src->cfg.flows + share - 1) / share;
	uint32_t total = 0;

	for (unsigned int q = 0; q < src->be.n_queues; q++) {
		src->queue[q].n_flows = 0;
		src->queue[q].at = 0;
		free(src->queue[q].flow);
		src->queue[q].flow = q < active ? calloc(quota, sizeof(struct flow)) : NULL;
		if (q < active && !src->queue[q].flow)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < 16 * src->cfg.flows + 64 * active && total < src->cfg.flows; i++) {
		struct queue *queue;
		struct flow flow;

		flow_make(src, &flow, i);
		queue = &src->queue[rss_queue(&src->rss, flow.hash, flow.hash_type) % active];
		if (queue->n_flows == quota)
			continue;
		flow_finish(src, &flow, total++);
		queue->flow[queue->n_flows++] = flow;
	}
	return 0;
}

/* --- the fast path --- */

/* How many frames may go now. */
static uint64_t allowance(struct queue *queue, struct backend_queue_stats *s)
{
	uint64_t due, most;

	if (!queue->running || !queue->n_flows)
		return 0;
	if (!queue->rate)
		return queue->left;
	due = (__uint128_t)(now_ns() - queue->start_ns) * queue->rate / NSEC_PER_SEC + 1;
	most = queue->rate * BURST_NS / NSEC_PER_SEC + 1;
	if (due - queue->due > most) {
		stat_add(&s->rx_dropped, due - queue->due - most);
		queue->due = due - most;
	}
	due -= queue->due;
	return due < queue->left ? due : queue->left;
}

/* Copy the flow's frame, or its headers, to the slot and fill in what varies. */
static void frame_make(const struct source *src, struct flow *flow, uint8_t *slot)
{
	uint64_t seq = __builtin_bswap64(flow->seq);
	uint64_t sum = (uint64_t)flow->sum + (seq & 0xffffffff) + (seq >> 32);
	uint16_t csum;

	memcpy(slot, flow->hdr, HDR_MAX);
	memcpy(slot + src->seq_off + offsetof(struct backend_seq, seq), &seq, sizeof(seq));
	if (src->cfg.tcp) {
		uint32_t at = htonl((uint32_t)flow->seq * (uint32_t)(src->cfg.size - src->seq_off));

		memcpy(slot + src->l4_off + TCP_SEQ, &at, sizeof(at));
		sum += at;
	}
	csum = offload_csum_fold(sum);
	if (!csum)
		csum = 0xffff;
	memcpy(slot + src->csum_off, &csum, sizeof(csum));
	flow->seq++;
}

/* Whether frames are joined: asked for, and taken by the NIC. */
static bool coalesces(const struct source *src)
{
	unsigned int features = __atomic_load_n(&src->be.rx_features, __ATOMIC_RELAXED);

	return src->cfg.rsc && src->cfg.tcp &&
	       (features & (src->cfg.v6 ? BACKEND_RX_TSO6 : BACKEND_RX_TSO4));
}

/* Frames for the next @n turns of the queue's flows. */
static void batch_make(const struct source *src, struct queue *queue, struct frame *f,
		       unsigned int n)
{
	for (unsigned int i = 0; i < n; i++, f++) {
		struct flow *flow = &queue->flow[queue->at];

		if (++queue->at == queue->n_flows)
			queue->at = 0;
		frame_make(src, flow, queue->slot[i]);
		frame_clear(f);
		f->csum = FRAME_CSUM_VALID;
		f->hash = flow->hash;
		f->hash_type = flow->hash_type;
		f->hdr_len = src->seq_off;
		f->n_iov = 1;
		f->len = src->cfg.size;
		f->iov[0].iov_base = queue->slot[i];
		f->iov[0].iov_len = src->own_len;
		if (f->len > src->own_len) {
			f->n_iov = 2;
			f->iov[1].iov_base = src->payload;
			f->iov[1].iov_len = f->len - src->own_len;
		}
	}
}

static unsigned int source_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max)
{
	struct source *src = (struct source *)be;
	struct queue *queue = &src->queue[q];
	unsigned int got;
	uint64_t n;

	pthread_mutex_lock(&queue->lock);
	n = allowance(queue, &be->stats[q]);
	if (n > max)
		n = max;
	if (n > SLOTS)
		n = SLOTS;
	got = n;
	if (coalesces(src)) {
		batch_make(src, queue, queue->plain, n);
		queue->rsc.max_len = RSC_MAX;
		got = offload_coalesce(&queue->rsc, queue->plain, n, f);
	} else {
		batch_make(src, queue, f, n);
	}
	queue->due += n;
	if (queue->left != UINT64_MAX)
		queue->left -= n;
	pthread_mutex_unlock(&queue->lock);
	return got;
}

static bool source_rx_arm(struct backend *be, unsigned int q)
{
	struct queue *queue = &((struct source *)be)->queue[q];
	bool more = false;

	pthread_mutex_lock(&queue->lock);
	if (allowance(queue, &be->stats[q])) {
		more = true;
	} else if (!queue->running || !queue->n_flows || !queue->left) {
		timer_set(queue, 0);
	} else {
		uint64_t at = queue->start_ns +
			      (__uint128_t)queue->due * NSEC_PER_SEC / queue->rate;
		uint64_t now = now_ns();

		timer_set(queue, at > now + SLICE_NS ? at - now : SLICE_NS);
	}
	pthread_mutex_unlock(&queue->lock);
	return more;
}

static int source_rx_fd(struct backend *be, unsigned int q)
{
	return ((struct source *)be)->queue[q].timer;
}

static unsigned int source_tx(struct backend *be, unsigned int q, const struct frame *f,
			      unsigned int n)
{
	return n;
}

/* --- control --- */

static void lock_all(struct source *src)
{
	for (unsigned int q = 0; q < src->be.n_queues; q++)
		pthread_mutex_lock(&src->queue[q].lock);
}

static void unlock_all(struct source *src)
{
	for (unsigned int q = src->be.n_queues; q--;)
		pthread_mutex_unlock(&src->queue[q].lock);
}

/* Sort the flows for the present queues and configuration and go on; all queues are locked. */
static int resume(struct source *src, uint64_t count)
{
	uint64_t flows = 0, given = 0, rest = count, now = now_ns();
	int err = spread(src);

	for (unsigned int q = 0; q < src->be.n_queues; q++)
		flows += src->queue[q].n_flows;
	for (unsigned int q = 0; q < src->be.n_queues; q++) {
		struct queue *queue = &src->queue[q];

		queue->running = !err && src->running && queue->n_flows;
		if (!queue->running) {
			timer_set(queue, 0);
			continue;
		}
		given += queue->n_flows;
		queue->rate = src->cfg.rate * queue->n_flows / flows;
		if (src->cfg.rate && !queue->rate)
			queue->rate = 1;
		queue->left = UINT64_MAX;
		if (count != UINT64_MAX) {
			queue->left = given == flows ? rest : count * queue->n_flows / flows;
			rest -= queue->left;
		}
		queue->start_ns = now;
		queue->due = 0;
		timer_set(queue, 1);
	}
	return err;
}

/* What a running source still has to send; all queues are locked. */
static uint64_t remaining(struct source *src)
{
	uint64_t left = 0;

	for (unsigned int q = 0; q < src->be.n_queues; q++) {
		if (src->queue[q].running && src->queue[q].left == UINT64_MAX)
			return UINT64_MAX;
		left += src->queue[q].running ? src->queue[q].left : 0;
	}
	return left;
}

static int source_set_queues(struct backend *be, unsigned int n)
{
	struct source *src = (struct source *)be;
	unsigned int was = be->n_active;
	int err;

	lock_all(src);
	be->n_active = n;
	err = resume(src, remaining(src));
	if (err)
		be->n_active = was;
	unlock_all(src);
	return err;
}

static void source_set_rss(struct backend *be, const struct rss *rss)
{
	struct source *src = (struct source *)be;

	lock_all(src);
	if (rss)
		src->rss = *rss;
	else
		rss_set_default(&src->rss, RSS_TABLE_MAX);
	resume(src, remaining(src));
	unlock_all(src);
}

static int parse_address(struct device_args *args, const char *key, bool v6, uint8_t *to,
			 const char *otherwise, char *err, size_t n)
{
	const char *text = args_str(args, key, NULL);

	if (inet_pton(v6 ? AF_INET6 : AF_INET, text ? text : otherwise, to) == 1)
		return 0;
	snprintf(err, n, "source: %s=%s: not an IPv%c address", key, text, v6 ? '6' : '4');
	return -EINVAL;
}

/* Read the options over what is in @c; addresses go back to their defaults with the IP version. */
static int configure(struct config *c, struct device_args *args, char *err, size_t n)
{
	const char *proto = args_str(args, "proto", c->tcp ? "tcp" : "udp");
	const char *rate = args_str(args, "rate", NULL);
	uint64_t ip = c->v6 ? 6 : 4, least;
	bool was_v6 = c->v6;

	if (args_u64(args, "ip", 4, 6, &ip, err, n))
		return -EINVAL;
	if (!strcmp(proto, "ipv6")) {
		proto = "udp";
		ip = 6;
	}
	if ((strcmp(proto, "tcp") && strcmp(proto, "udp")) || ip == 5) {
		snprintf(err, n, "source: proto=%s ip=%llu: proto is udp or tcp, ip is 4 or 6",
			 proto, (unsigned long long)ip);
		return -EINVAL;
	}
	c->tcp = !strcmp(proto, "tcp");
	c->v6 = ip == 6;
	if (rate && !strcmp(rate, "max"))
		c->rate = 0;
	else if (args_u64(args, "rate", 1, 1000000000, &c->rate, err, n))
		return -EINVAL;
	least = ETH_HLEN + (c->v6 ? IP6_HLEN : IP4_HLEN) + (c->tcp ? TCP_HLEN : UDP_HLEN) +
		sizeof(struct backend_seq);
	if (c->size < least)
		c->size = least;
	if (args_u64(args, "size", least, FRAME_MAX, &c->size, err, n) ||
	    args_u64(args, "flows", 1, FLOWS_MAX, &c->flows, err, n) ||
	    args_u64(args, "count", 0, UINT64_MAX - 1, &c->count, err, n) ||
	    args_u64(args, "dport", 1, 65535, &c->dport, err, n) ||
	    args_bool(args, "rsc", &c->rsc, err, n))
		return -EINVAL;
	if (args_str(args, "dst", NULL) || was_v6 != c->v6 || !(c->dst[0] | c->dst[1]))
		if (parse_address(args, "dst", c->v6, c->dst, c->v6 ? "fd00:6876::2" : "10.68.0.2",
				  err, n))
			return -EINVAL;
	if (args_str(args, "src", NULL) || was_v6 != c->v6 || !(c->src[0] | c->src[1]))
		if (parse_address(args, "src", c->v6, c->src,
				  c->v6 ? "fd00:6876::1:1" : "10.68.1.1", err, n))
			return -EINVAL;
	return 0;
}

static int start(struct source *src, const struct config *cfg)
{
	int err;

	lock_all(src);
	src->cfg = *cfg;
	src->running = true;
	layout(src);
	err = resume(src, cfg->count ? cfg->count : UINT64_MAX);
	unlock_all(src);
	return err;
}

static void stop(struct source *src)
{
	lock_all(src);
	src->running = false;
	for (unsigned int q = 0; q < src->be.n_queues; q++) {
		src->queue[q].running = false;
		timer_set(&src->queue[q], 0);
	}
	unlock_all(src);
}

static int verb_start(struct source *src, int argc, char **argv, char *answer, size_t n)
{
	struct config cfg = src->cfg;
	struct device_args *args;
	char text[512] = "start";
	int err;

	for (int i = 1; i < argc; i++) {
		if (strlen(text) + strlen(argv[i]) + 2 > sizeof(text)) {
			snprintf(answer, n, "source: too many options");
			return -EINVAL;
		}
		strcat(strcat(text, ","), argv[i]);
	}
	args = args_parse("source", text, answer, n);
	if (!args)
		return -EINVAL;
	err = configure(&cfg, args, answer, n);
	if (!err)
		err = args_check_unused(args, answer, n);
	args_free(args);
	return err ? err : start(src, &cfg);
}

static int source_verb(struct backend *be, int argc, char **argv, char *answer, size_t n)
{
	struct source *src = (struct source *)be;
	uint64_t sent = 0, left;

	if (!strcmp(argv[0], "start"))
		return verb_start(src, argc, argv, answer, n);
	if (!strcmp(argv[0], "stop")) {
		stop(src);
	} else if (strcmp(argv[0], "status")) {
		snprintf(answer, n, "source: %s: commands are start, stop, status, counters",
			 argv[0]);
		return -EINVAL;
	}
	for (unsigned int q = 0; q < be->n_queues; q++)
		sent += stat_read(&be->stats[q].rx_packets);
	lock_all(src);
	left = remaining(src);
	unlock_all(src);
	snprintf(answer, n, "%s sent %llu", left ? "running" : "stopped", (unsigned long long)sent);
	return 0;
}

static void source_close(struct backend *be)
{
	struct source *src = (struct source *)be;

	for (unsigned int q = 0; src->queue && q < be->n_queues; q++) {
		if (src->queue[q].timer > 0)
			close(src->queue[q].timer);
		pthread_mutex_destroy(&src->queue[q].lock);
		free(src->queue[q].flow);
	}
	free(src->queue);
	free(src->payload);
}

static int allocate(struct source *src)
{
	void *queues = NULL;
	size_t size = src->be.n_queues * sizeof(*src->queue);

	if (posix_memalign(&queues, 64, size))
		return -ENOMEM;
	memset(queues, 0, size);
	src->queue = queues;
	src->payload = malloc(FRAME_MAX);
	if (!src->payload)
		return -ENOMEM;
	for (unsigned int i = 0; i < FRAME_MAX; i++)
		src->payload[i] = i;
	for (unsigned int q = 0; q < src->be.n_queues; q++) {
		pthread_mutex_init(&src->queue[q].lock, NULL);
		src->queue[q].timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (src->queue[q].timer < 0)
			return -errno;
	}
	return 0;
}

static int source_open(struct backend *be, struct device_args *args, char *err, size_t n)
{
	struct source *src = (struct source *)be;
	struct config cfg = { .size = 64, .flows = 64, .dport = 9 };
	bool on = false;
	int ret;

	ret = configure(&cfg, args, err, n);
	if (!ret)
		ret = args_bool(args, "start", &on, err, n);
	if (ret)
		return ret;
	rss_set_default(&src->rss, RSS_TABLE_MAX);
	ret = allocate(src);
	if (!ret) {
		src->cfg = cfg;
		layout(src);
		if (on)
			ret = start(src, &cfg);
	}
	if (ret) {
		snprintf(err, n, "source: %s", strerror(-ret));
		source_close(be);
	}
	return ret;
}

const struct backend_ops backend_source_ops = {
	.name = "source",
	.help = "source[:rate=PPS|max,size=B,flows=N,count=N,proto=udp|tcp,ip=4|6,dst=IP,src=IP,\n"
		"    dport=N,rsc=on|off,start=on|off]   makes frames when told to start;\n"
		"    max, 64, 64, endless, udp, 4, 10.68.0.2 or fd00:6876::2,\n"
		"    10.68.1.1 or fd00:6876::1:1, 9, off, off",
	.size = sizeof(struct source),
	.open = source_open,
	.close = source_close,
	.tx = source_tx,
	.rx = source_rx,
	.rx_fd = source_rx_fd,
	.rx_arm = source_rx_arm,
	.set_queues = source_set_queues,
	.set_rss = source_set_rss,
	.verb = source_verb,
};
