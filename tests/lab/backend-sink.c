// SPDX-License-Identifier: GPL-2.0
/*
 * sink: takes everything, gives nothing. With a check it first does what the guest left to its NIC,
 * then looks at each frame as a peer behind a wire would: check=csum at every checksum, check=seq
 * at source's sequence numbers (struct backend_seq).
 */
#include <errno.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "backend-deliver.h"
#include "backend.h"
#include "offload.h"
#include "options.h"

#define SINK_FLOWS 4096 /* flow numbers beyond share counters */

struct sink {
	struct backend be;
	bool check_csum;
	bool check_seq;
	uint64_t next_seq[SINK_FLOWS]; /* a flow may change its queue: written atomically */
};

static int sink_open(struct backend *be, struct device_args *args, char *err, size_t n)
{
	struct sink *sink = (struct sink *)be;
	const char *check = args_str(args, "check", "off");

	sink->check_csum = !strcmp(check, "csum") || !strcmp(check, "all");
	sink->check_seq = !strcmp(check, "seq") || !strcmp(check, "all");
	if (sink->check_csum || sink->check_seq || !strcmp(check, "off"))
		return 0;
	snprintf(err, n, "sink: check=%s: not one of off, csum, seq, all", check);
	return -EINVAL;
}

static void sink_close(struct backend *be)
{
}

/* Where a frame as the wire would carry it goes. */
struct wire {
	struct sink *sink;
	struct backend_queue_stats *stats;
};

static void check_csum(const struct frame *f, struct backend_queue_stats *s)
{
	switch (offload_csum_verify(f)) {
	case OFFLOAD_CSUM_GOOD:
		stat_inc(&s->tx_csum_good);
		break;
	case OFFLOAD_CSUM_ABSENT:
		break;
	default:
		stat_inc(&s->tx_csum_bad);
	}
}

static void check_seq(struct sink *sink, const struct frame *f, struct backend_queue_stats *s)
{
	struct offload_headers h;
	struct backend_seq seq;
	uint64_t *next, want, got;

	if (offload_parse(f, &h) || !h.l4 || h.payload_off + sizeof(seq) > h.len)
		return;
	memcpy(&seq, h.bytes + h.payload_off, sizeof(seq));
	if (seq.magic != htonl(BACKEND_SEQ_MAGIC))
		return;
	stat_inc(&s->tx_seq_seen);
	next = &sink->next_seq[ntohl(seq.flow) % SINK_FLOWS];
	got = __builtin_bswap64(seq.seq);
	want = __atomic_load_n(next, __ATOMIC_RELAXED);
	if (got < want) {
		stat_inc(&s->tx_seq_late);
		return;
	}
	stat_add(&s->tx_seq_missing, got - want);
	__atomic_store_n(next, got + 1, __ATOMIC_RELAXED);
}

static bool check(void *o, const struct frame *f)
{
	struct wire *wire = o;

	if (wire->sink->check_csum)
		check_csum(f, wire->stats);
	if (wire->sink->check_seq)
		check_seq(wire->sink, f, wire->stats);
	return true;
}

static unsigned int sink_tx(struct backend *be, unsigned int q, const struct frame *f,
			    unsigned int n)
{
	struct sink *sink = (struct sink *)be;
	struct wire wire = { .sink = sink, .stats = &be->stats[q] };
	unsigned int ok = 0;

	if (!sink->check_csum && !sink->check_seq)
		return n;
	for (unsigned int i = 0; i < n; i++)
		ok += backend_deliver(&f[i], 0, check, &wire, wire.stats);
	return ok;
}

static unsigned int sink_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max)
{
	return 0;
}

static int sink_rx_fd(struct backend *be, unsigned int q)
{
	return -1;
}

static bool sink_rx_arm(struct backend *be, unsigned int q)
{
	return false;
}

static int sink_verb(struct backend *be, int argc, char **argv, char *answer, size_t n)
{
	struct sink *sink = (struct sink *)be;

	if (strcmp(argv[0], "reset")) {
		snprintf(answer, n, "sink: %s: commands are reset, counters", argv[0]);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < SINK_FLOWS; i++)
		__atomic_store_n(&sink->next_seq[i], 0, __ATOMIC_RELAXED);
	return 0;
}

const struct backend_ops backend_sink_ops = {
	.name = "sink",
	.help = "sink[:check=off|csum|seq|all]   counts what arrives; off",
	.size = sizeof(struct sink),
	.open = sink_open,
	.close = sink_close,
	.tx = sink_tx,
	.rx = sink_rx,
	.rx_fd = sink_rx_fd,
	.rx_arm = sink_rx_arm,
	.verb = sink_verb,
};
