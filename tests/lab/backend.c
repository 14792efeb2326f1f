// SPDX-License-Identifier: GPL-2.0
/* What all backends share: the spec, the counters, the table of kinds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "backend.h"
#include "offload.h"
#include "options.h"

static const struct backend_ops *const kinds[] = {
	&backend_tap_ops,  &backend_sink_ops, &backend_source_ops,
	&backend_echo_ops, &backend_pair_ops,
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct backend_ops *kind_of(const char *name)
{
	for (unsigned int i = 0; i < N_KINDS; i++)
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

/* "KIND:a=1,b=2" as device arguments; "KIND:WORD" means "KIND:name=WORD". */
static struct device_args *parse_spec(const char *spec, char *err, size_t n)
{
	const char *rest = strchr(spec, ':');
	size_t kind = rest ? (size_t)(rest - spec) : strlen(spec);
	struct device_args *args;
	char *text;

	if (!rest || !rest[1])
		rest = "";
	else
		rest++;
	if (asprintf(&text, "%.*s%s%s%s", (int)kind, spec, *rest ? "," : "",
		     *rest && !strchr(rest, '=') ? "name=" : "", rest) < 0) {
		snprintf(err, n, "backend '%s': out of memory", spec);
		return NULL;
	}
	for (char *p = text; *p; p++)
		if (*p == ';')
			*p = ',';
	args = args_parse("backend", text, err, n);
	free(text);
	return args;
}

static struct backend *make(const struct backend_ops *ops, unsigned int queues,
			    const uint8_t mac[6])
{
	struct backend *be = calloc(1, ops->size);
	void *stats = NULL;

	if (!be || posix_memalign(&stats, 64, queues * sizeof(*be->stats))) {
		free(be);
		return NULL;
	}
	memset(stats, 0, queues * sizeof(*be->stats));
	be->ops = ops;
	be->stats = stats;
	be->n_queues = queues;
	be->n_active = 1;
	memcpy(be->mac, mac, sizeof(be->mac));
	return be;
}

struct backend *backend_open(struct vm *vm, const char *spec, unsigned int queues,
			     const uint8_t mac[6], char *err, size_t n)
{
	struct device_args *args = parse_spec(spec, err, n);
	const struct backend_ops *ops;
	struct backend *be = NULL;

	if (!args)
		return NULL;
	ops = kind_of(args->type);
	if (!ops) {
		snprintf(err, n, "backend '%s': no such kind", args->type);
	} else if (!queues || queues > BACKEND_QUEUES_MAX) {
		snprintf(err, n, "backend '%s': %u queues, 1 to %u are possible", spec, queues,
			 BACKEND_QUEUES_MAX);
	} else {
		be = make(ops, queues, mac);
		if (!be)
			snprintf(err, n, "backend '%s': out of memory", spec);
	}
	if (be)
		be->vm = vm;
	if (be && ops->open(be, args, err, n)) {
		free(be->stats);
		free(be);
		be = NULL;
	}
	if (be && args_check_unused(args, err, n)) {
		backend_close(be);
		be = NULL;
	}
	args_free(args);
	return be;
}

void backend_close(struct backend *be)
{
	if (!be)
		return;
	be->ops->close(be);
	free(be->stats);
	free(be);
}

unsigned int backend_tx(struct backend *be, unsigned int q, const struct frame *f, unsigned int n)
{
	struct backend_queue_stats *s = &be->stats[q];
	uint64_t bytes = 0, gso = 0, partial = 0;

	if (!n)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		bytes += f[i].len;
		gso += f[i].gso_type != FRAME_GSO_NONE;
		partial += f[i].csum == FRAME_CSUM_PARTIAL;
	}
	stat_add(&s->tx_packets, n);
	stat_add(&s->tx_bytes, bytes);
	stat_inc(&s->tx_batches);
	stat_add(&s->tx_gso, gso);
	stat_add(&s->tx_csum_partial, partial);
	return be->ops->tx(be, q, f, n);
}

unsigned int backend_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max)
{
	struct backend_queue_stats *s = &be->stats[q];
	uint64_t bytes = 0, gso = 0;
	unsigned int n;

	n = max ? be->ops->rx(be, q, f, max) : 0;
	if (!n)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		bytes += f[i].len;
		gso += f[i].gso_type != FRAME_GSO_NONE;
	}
	stat_add(&s->rx_packets, n);
	stat_add(&s->rx_bytes, bytes);
	stat_inc(&s->rx_batches);
	stat_add(&s->rx_gso, gso);
	return n;
}

int backend_rx_fd(struct backend *be, unsigned int q)
{
	return be->ops->rx_fd(be, q);
}

bool backend_rx_arm(struct backend *be, unsigned int q)
{
	return be->ops->rx_arm(be, q);
}

int backend_set_queues(struct backend *be, unsigned int n)
{
	int err = 0;

	if (!n || n > be->n_queues)
		return -EINVAL;
	if (be->ops->set_queues)
		err = be->ops->set_queues(be, n);
	if (!err)
		__atomic_store_n(&be->n_active, n, __ATOMIC_RELAXED);
	return err;
}

void backend_set_rx_features(struct backend *be, unsigned int features)
{
	if (!(features & BACKEND_RX_CSUM))
		features = 0;
	__atomic_store_n(&be->rx_features, features, __ATOMIC_RELAXED);
	if (be->ops->set_rx_features)
		be->ops->set_rx_features(be);
}

void backend_set_rss(struct backend *be, const struct rss *rss)
{
	if (be->ops->set_rss)
		be->ops->set_rss(be, rss);
}

/* The counters by name, in the order of struct backend_queue_stats. */
static const char *const stat_names[] = {
	"tx_packets",	  "tx_bytes",	  "tx_batches",	     "tx_gso",	     "tx_segments",
	"tx_dropped",	  "tx_malformed", "tx_csum_partial", "tx_csum_good", "tx_csum_bad",
	"tx_seq_missing", "tx_seq_late",  "tx_seq_seen",     "rx_packets",   "rx_bytes",
	"rx_batches",	  "rx_gso",	  "rx_dropped",	     "rx_csum_bad",
};

#define N_STATS (sizeof(stat_names) / sizeof(stat_names[0]))

_Static_assert(offsetof(struct backend_queue_stats, rx_csum_bad) == (N_STATS - 1) * sizeof(stat_t),
	       "stat_names and struct backend_queue_stats differ");

static uint64_t sum(const struct backend *be, unsigned int stat)
{
	uint64_t v = 0;

	for (unsigned int q = 0; q < be->n_queues; q++)
		v += stat_read(&((const stat_t *)&be->stats[q])[stat]);
	return v;
}

/* All counters that are not 0, as NAME=VALUE words. */
static int verb_counters(struct backend *be, char *answer, size_t n)
{
	size_t at = 0;

	answer[0] = '\0';
	for (unsigned int i = 0; i < N_STATS && at < n; i++) {
		uint64_t v = sum(be, i);

		if (v)
			at += snprintf(answer + at, n - at, "%s%s=%llu", at ? " " : "",
				       stat_names[i], (unsigned long long)v);
	}
	return 0;
}

int backend_verb(struct backend *be, int argc, char **argv, char *answer, size_t n)
{
	if (argc == 1 && !strcmp(argv[0], "counters"))
		return verb_counters(be, answer, n);
	if (argc >= 1 && be->ops->verb)
		return be->ops->verb(be, argc, argv, answer, n);
	snprintf(answer, n, "%s: the only command is counters", be->ops->name);
	return -EINVAL;
}

void backend_dump(struct backend *be, struct json_object *into)
{
	struct json_object *queues;

	stats_put_text(into, "backend", be->ops->name);
	stats_put(into, "queues_active", be->n_active);
	for (unsigned int i = 0; i < N_STATS; i++)
		stats_put(into, stat_names[i], sum(be, i));
	queues = stats_put_array(into, "queues");
	for (unsigned int q = 0; q < be->n_queues; q++) {
		const stat_t *s = (const stat_t *)&be->stats[q];
		struct json_object *one = json_object_new_object();

		for (unsigned int i = 0; i < N_STATS; i++)
			if (stat_read(&s[i]))
				stats_put_stat(one, stat_names[i], &s[i]);
		json_object_array_add(queues, one);
	}
	if (be->ops->dump)
		be->ops->dump(be, into);
}

const char *backend_help(unsigned int i)
{
	return i < N_KINDS ? kinds[i]->help : NULL;
}
