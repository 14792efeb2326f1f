// SPDX-License-Identifier: GPL-2.0
/*
 * pair: two NICs of this machine joined by a cable. What one sends is queued, bounded, at the
 * other; which queue, the other's RSS says. Sending to an absent or slow end drops, and counts.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend-deliver.h"
#include "backend.h"
#include "frame-ring.h"
#include "offload.h"
#include "options.h"

struct pair;

/*
 * A cable. @lock: write to plug, unplug or change an end's RSS; read to send. cables_lock guards
 * the list.
 */
struct cable {
	struct cable *next;
	pthread_rwlock_t lock;
	struct pair *end[2];
	char name[32];
};

struct pair {
	struct backend be;
	struct cable *cable;
	unsigned int side;
	struct frame_ring *ring;
	struct rss rss;
};

static pthread_mutex_t cables_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cable *cables;

static struct cable *cable_find(const char *name)
{
	struct cable *c;

	for (c = cables; c; c = c->next)
		if (!strcmp(c->name, name))
			return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	pthread_rwlock_init(&c->lock, NULL);
	strcpy(c->name, name);
	c->next = cables;
	cables = c;
	return c;
}

/* Return: the side taken, or a negative errno. */
static int cable_plug(struct pair *pair, const char *name)
{
	int side = -ENOMEM;
	struct cable *c;

	pthread_mutex_lock(&cables_lock);
	c = cable_find(name);
	if (c) {
		pthread_rwlock_wrlock(&c->lock);
		side = !c->end[0] ? 0 : !c->end[1] ? 1 : -EBUSY;
		if (side >= 0) {
			c->end[side] = pair;
			pair->side = side;
			pair->cable = c;
		}
		pthread_rwlock_unlock(&c->lock);
	}
	pthread_mutex_unlock(&cables_lock);
	return side;
}

static void cable_unplug(struct pair *pair)
{
	struct cable *c = pair->cable, **p;

	pthread_mutex_lock(&cables_lock);
	pthread_rwlock_wrlock(&c->lock);
	c->end[pair->side] = NULL;
	pthread_rwlock_unlock(&c->lock);
	if (!c->end[0] && !c->end[1]) {
		for (p = &cables; *p != c;)
			p = &(*p)->next;
		*p = c->next;
		pthread_rwlock_destroy(&c->lock);
		free(c);
	}
	pthread_mutex_unlock(&cables_lock);
}

static unsigned int target(const struct pair *peer, const struct frame *f, unsigned int active)
{
	struct offload_headers h;
	uint32_t type, hash;

	if (active == 1 || offload_parse(f, &h))
		return 0;
	hash = rss_hash(&peer->rss, &h, &type);
	return rss_queue(&peer->rss, hash, type) % active;
}

static bool push(void *o, const struct frame *f)
{
	return frame_ring_put(o, f);
}

/* At most BACKEND_BATCH frames; each queue of the peer is locked and woken once. */
static unsigned int send_batch(struct pair *peer, const struct frame *f, unsigned int n,
			       struct backend_queue_stats *s)
{
	unsigned int features = __atomic_load_n(&peer->be.rx_features, __ATOMIC_RELAXED);
	unsigned int active = __atomic_load_n(&peer->be.n_active, __ATOMIC_RELAXED);
	uint8_t queue[BACKEND_BATCH];
	unsigned int ok = 0;
	uint64_t todo = 0;

	for (unsigned int i = 0; i < n; i++) {
		queue[i] = target(peer, &f[i], active);
		todo |= 1ull << queue[i];
	}
	for (; todo; todo &= todo - 1) {
		unsigned int q = __builtin_ctzll(todo);
		struct frame_ring *ring = &peer->ring[q];

		frame_ring_begin(ring);
		for (unsigned int i = 0; i < n; i++)
			if (queue[i] == q)
				ok += backend_deliver(&f[i], features, push, ring, s);
		frame_ring_end(ring);
	}
	return ok;
}

static unsigned int pair_tx(struct backend *be, unsigned int q, const struct frame *f,
			    unsigned int n)
{
	struct pair *pair = (struct pair *)be, *peer;
	unsigned int ok = 0;

	pthread_rwlock_rdlock(&pair->cable->lock);
	peer = pair->cable->end[!pair->side];
	if (!peer)
		stat_add(&be->stats[q].tx_dropped, n);
	for (unsigned int i = 0; peer && i < n; i += BACKEND_BATCH)
		ok += send_batch(peer, f + i, n - i < BACKEND_BATCH ? n - i : BACKEND_BATCH,
				 &be->stats[q]);
	pthread_rwlock_unlock(&pair->cable->lock);
	return ok;
}

static unsigned int pair_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max)
{
	return frame_ring_pull(&((struct pair *)be)->ring[q], f, max);
}

static int pair_rx_fd(struct backend *be, unsigned int q)
{
	return ((struct pair *)be)->ring[q].fd;
}

static bool pair_rx_arm(struct backend *be, unsigned int q)
{
	return frame_ring_arm(&((struct pair *)be)->ring[q]);
}

static void pair_set_rss(struct backend *be, const struct rss *rss)
{
	struct pair *pair = (struct pair *)be;

	pthread_rwlock_wrlock(&pair->cable->lock);
	if (rss)
		pair->rss = *rss;
	else
		rss_set_default(&pair->rss, RSS_TABLE_MAX);
	pthread_rwlock_unlock(&pair->cable->lock);
}

static void pair_close(struct backend *be)
{
	struct pair *pair = (struct pair *)be;

	cable_unplug(pair);
	frame_rings_free(be->n_queues, pair->ring);
}

static int pair_open(struct backend *be, struct device_args *args, char *err, size_t n)
{
	struct pair *pair = (struct pair *)be;
	const char *name = args_str(args, "name", "");
	uint64_t depth = 1 << 20;
	int ret;

	ret = args_u64(args, "depth", FRAME_RING_MIN, 1 << 28, &depth, err, n);
	if (ret)
		return ret;
	if (!*name || strlen(name) >= sizeof(pair->cable->name)) {
		snprintf(err, n, "pair: a name of 1 to %zu characters is needed: pair:NAME",
			 sizeof(pair->cable->name) - 1);
		return -EINVAL;
	}
	rss_set_default(&pair->rss, RSS_TABLE_MAX);
	ret = frame_rings_new(be->n_queues, depth, &pair->ring);
	if (!ret) {
		ret = cable_plug(pair, name);
		if (ret < 0)
			frame_rings_free(be->n_queues, pair->ring);
	}
	if (ret >= 0)
		return 0;
	snprintf(err, n, "pair:%s: %s", name,
		 ret == -EBUSY ? "both ends are taken" : strerror(-ret));
	return ret;
}

const struct backend_ops backend_pair_ops = {
	.name = "pair",
	.help = "pair:NAME or pair:name=NAME[,depth=BYTES]   joins two NICs; a queue holds 1M",
	.size = sizeof(struct pair),
	.open = pair_open,
	.close = pair_close,
	.tx = pair_tx,
	.rx = pair_rx,
	.rx_fd = pair_rx_fd,
	.rx_arm = pair_rx_arm,
	.set_rss = pair_set_rss,
};
