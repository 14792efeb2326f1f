// SPDX-License-Identifier: GPL-2.0
/* One backend behind two NICs. Which one receives is kept for each queue, by the queue's loop. */
#include "backend-share.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "offload.h"

/* struct port - a NIC's end; @fd by queue: readable while the port may receive and has something */
struct port {
	struct backend be;
	struct backend_ops ops;
	struct backend_share *share;
	enum backend_port which;
	int fd[BACKEND_QUEUES_MAX];
	unsigned int features;
	bool has_rss;
	struct rss rss;
	void (*fn)(void *o, unsigned int q, bool receives);
	void *opaque;
};

/**
 * struct queue - one queue of the backend; its loop only
 * @owner: which port receives
 * @held: frames that the last owner could not deliver, [@at, @n) left
 */
struct queue {
	struct backend_share *share;
	unsigned int index;
	struct loop *loop;
	struct loop_work work;
	enum backend_port owner;
	struct frame *held;
	unsigned int at, n;
};

/* struct waiter - who wants to know that a switch is done */
struct waiter {
	void (*done)(void *o);
	void *opaque;
	struct waiter *next;
};

/**
 * struct backend_share - the shared backend
 * @lock: guards everything below it
 * @target: who shall receive
 * @settled: all queues agree on @settled_on; otherwise @pending of them have not switched yet
 */
struct backend_share {
	struct backend *real;
	struct port *port[BACKEND_PORTS];
	unsigned int n_open;
	struct queue *queue;
	pthread_mutex_t lock;
	enum backend_port target, settled_on;
	bool settled;
	unsigned int pending;
	struct waiter *waiters;
};

static struct port *port_of(const struct backend *be)
{
	return (struct port *)(uintptr_t)be;
}

static struct queue *queue_of(const struct backend *be, unsigned int q)
{
	return &port_of(be)->share->queue[q];
}

/* With the lock held: the settings of the port that receives, or what both can take. */
static void apply(struct backend_share *s)
{
	const struct port *p = s->port[s->target];
	unsigned int features = p->features;

	if (!s->settled || s->settled_on != s->target)
		features &= s->port[!s->target]->features;
	backend_set_rx_features(s->real, features);
	if (!s->settled)
		return;
	if (backend_set_queues(s->real, p->be.n_active))
		log_warn("%s: backend stays at %u queues", s->real->ops->name, s->real->n_active);
	backend_set_rss(s->real, p->has_rss ? &p->rss : NULL);
}

static void apply_unlocked(struct backend_share *s)
{
	pthread_mutex_lock(&s->lock);
	apply(s);
	pthread_mutex_unlock(&s->lock);
}

/* --- as a backend --- */

static unsigned int port_tx(struct backend *be, unsigned int q, const struct frame *f,
			    unsigned int n)
{
	struct backend *real = port_of(be)->share->real;

	return real->ops->tx(real, q, f, n);
}

static unsigned int port_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max)
{
	struct backend *real = port_of(be)->share->real;
	struct queue *queue = queue_of(be, q);
	unsigned int n = 0;

	if (queue->owner != port_of(be)->which)
		return 0;
	for (; queue->at < queue->n && n < max; queue->at++, n++)
		f[n] = queue->held[queue->at];
	/* Their bytes stay valid only until the backend is asked for more. */
	return n ? n : real->ops->rx(real, q, f, max);
}

static int port_rx_fd(struct backend *be, unsigned int q)
{
	return port_of(be)->fd[q];
}

static bool port_rx_arm(struct backend *be, unsigned int q)
{
	struct backend *real = port_of(be)->share->real;

	if (queue_of(be, q)->owner != port_of(be)->which)
		return false;
	return queue_of(be, q)->at < queue_of(be, q)->n || real->ops->rx_arm(real, q);
}

static int port_set_queues(struct backend *be, unsigned int n)
{
	struct port *p = port_of(be);
	int err = 0;

	pthread_mutex_lock(&p->share->lock);
	if (p->share->settled && p->share->target == p->which)
		err = backend_set_queues(p->share->real, n);
	pthread_mutex_unlock(&p->share->lock);
	return err;
}

static void port_set_rx_features(struct backend *be)
{
	struct port *p = port_of(be);

	p->features = be->rx_features;
	apply_unlocked(p->share);
}

static void port_set_rss(struct backend *be, const struct rss *rss)
{
	struct port *p = port_of(be);

	pthread_mutex_lock(&p->share->lock);
	p->has_rss = rss;
	if (rss)
		p->rss = *rss;
	if (p->share->settled && p->share->target == p->which)
		backend_set_rss(p->share->real, rss);
	pthread_mutex_unlock(&p->share->lock);
}

static int port_verb(struct backend *be, int argc, char **argv, char *answer, size_t n)
{
	return backend_verb(port_of(be)->share->real, argc, argv, answer, n);
}

static void port_dump(struct backend *be, struct json_object *into)
{
	struct backend *real = port_of(be)->share->real;

	if (real->ops->dump)
		real->ops->dump(real, into);
}

static void port_close(struct backend *be)
{
	struct port *p = port_of(be);
	struct backend_share *s = p->share;

	for (unsigned int q = 0; q < be->n_queues; q++)
		if (p->fd[q] >= 0)
			close(p->fd[q]);
	be->stats = NULL; /* the shared backend's own */
	if (--s->n_open)
		return;
	backend_close(s->real);
	for (unsigned int q = 0; q < be->n_queues; q++)
		free(s->queue[q].held);
	free(s->queue);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* --- switching --- */

static void watch(struct port *p, unsigned int q, bool on)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = p->share->real->ops->rx_fd(p->share->real, q);

	if (fd >= 0 && epoll_ctl(p->fd[q], on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event))
		log_warn("%s: queue %u: %s", p->share->real->ops->name, q, strerror(errno));
}

static void start(struct backend_share *s);

/* With the lock held and released: the last queue has switched. */
static void finish(struct backend_share *s)
{
	struct waiter *waiters, *w;

	s->settled = true;
	if (s->settled_on != s->target) {
		start(s);
		pthread_mutex_unlock(&s->lock);
		return;
	}
	apply(s);
	waiters = s->waiters;
	s->waiters = NULL;
	pthread_mutex_unlock(&s->lock);
	while ((w = waiters)) {
		waiters = w->next;
		w->done(w->opaque);
		free(w);
	}
}

static void switch_queue(struct loop_work *work)
{
	struct queue *queue = container_of(work, struct queue, work);
	struct backend_share *s = queue->share;
	struct port *from, *to;
	enum backend_port target;

	pthread_mutex_lock(&s->lock);
	target = s->settled_on;
	pthread_mutex_unlock(&s->lock);
	if (queue->owner != target) {
		from = s->port[queue->owner];
		to = s->port[target];
		watch(from, queue->index, false);
		queue->owner = target;
		if (from->fn)
			from->fn(from->opaque, queue->index, false);
		watch(to, queue->index, true);
		if (to->fn)
			to->fn(to->opaque, queue->index, true);
	}
	pthread_mutex_lock(&s->lock);
	if (--s->pending)
		pthread_mutex_unlock(&s->lock);
	else
		finish(s);
}

/* With the lock held. */
static void start(struct backend_share *s)
{
	s->settled = false;
	s->settled_on = s->target;
	s->pending = s->real->n_queues;
	apply(s);
	for (unsigned int q = 0; q < s->real->n_queues; q++)
		loop_post(s->queue[q].loop, &s->queue[q].work);
}

void backend_share_switch(struct backend_share *s, enum backend_port to, void (*done)(void *o),
			  void *o)
{
	struct waiter *w = malloc(sizeof(*w)), **at;

	if (!w)
		log_fatal(EXIT_INTERNAL, "out of memory");
	*w = (struct waiter){ .done = done, .opaque = o };
	pthread_mutex_lock(&s->lock);
	s->target = to;
	if (s->settled && s->settled_on == to) {
		pthread_mutex_unlock(&s->lock);
		free(w);
		done(o);
		return;
	}
	for (at = &s->waiters; *at; at = &(*at)->next)
		;
	*at = w;
	if (s->settled)
		start(s);
	pthread_mutex_unlock(&s->lock);
}

enum backend_port backend_share_active(struct backend_share *s)
{
	enum backend_port target;

	pthread_mutex_lock(&s->lock);
	target = s->target;
	pthread_mutex_unlock(&s->lock);
	return target;
}

bool backend_share_receives(const struct backend *be, unsigned int q)
{
	return queue_of(be, q)->owner == port_of(be)->which;
}

void backend_share_unget(struct backend *be, unsigned int q, const struct frame *f, unsigned int n)
{
	struct queue *queue = queue_of(be, q);
	unsigned int left = queue->n - queue->at;
	struct frame *held = malloc((n + left) * sizeof(*held));

	if (!held)
		log_fatal(EXIT_INTERNAL, "out of memory");
	/* They came before what is still held. */
	memcpy(held, f, n * sizeof(*held));
	if (left)
		memcpy(held + n, queue->held + queue->at, left * sizeof(*held));
	free(queue->held);
	queue->held = held;
	queue->at = 0;
	queue->n = n + left;
}

/* --- making one --- */

static struct port *port_new(struct backend_share *s, enum backend_port which)
{
	struct port *p = calloc(1, sizeof(*p));

	if (!p)
		log_fatal(EXIT_INTERNAL, "out of memory");
	p->share = s;
	p->which = which;
	p->ops = (struct backend_ops){
		.name = s->real->ops->name,
		.help = s->real->ops->help,
		.size = sizeof(*p),
		.close = port_close,
		.tx = port_tx,
		.rx = port_rx,
		.rx_fd = port_rx_fd,
		.rx_arm = port_rx_arm,
		.set_queues = port_set_queues,
		.set_rx_features = port_set_rx_features,
		.set_rss = port_set_rss,
		.verb = port_verb,
		.dump = port_dump,
	};
	p->be = *s->real;
	p->be.ops = &p->ops;
	p->be.rx_features = 0;
	for (unsigned int q = 0; q < s->real->n_queues; q++) {
		/* A backend that never has frames has no fd, and neither has its port. */
		p->fd[q] = -1;
		if (s->real->ops->rx_fd(s->real, q) < 0)
			continue;
		p->fd[q] = epoll_create1(EPOLL_CLOEXEC);
		if (p->fd[q] < 0)
			log_fatal(EXIT_INTERNAL, "epoll: %s", strerror(errno));
	}
	s->n_open++;
	return p;
}

struct backend_share *backend_share_new(struct backend *real, struct loop *const *loop)
{
	struct backend_share *s = calloc(1, sizeof(*s));

	if (!s)
		log_fatal(EXIT_INTERNAL, "out of memory");
	s->real = real;
	s->queue = calloc(real->n_queues, sizeof(*s->queue));
	if (!s->queue)
		log_fatal(EXIT_INTERNAL, "out of memory");
	pthread_mutex_init(&s->lock, NULL);
	s->settled = true;
	s->port[BACKEND_SYNTHETIC] = port_new(s, BACKEND_SYNTHETIC);
	s->port[BACKEND_VF] = port_new(s, BACKEND_VF);
	s->port[BACKEND_SYNTHETIC]->features = real->rx_features;
	s->port[BACKEND_SYNTHETIC]->be.rx_features = real->rx_features;
	for (unsigned int q = 0; q < real->n_queues; q++) {
		s->queue[q].share = s;
		s->queue[q].index = q;
		s->queue[q].loop = loop[q];
		s->queue[q].work.run = switch_queue;
		watch(s->port[BACKEND_SYNTHETIC], q, true);
	}
	return s;
}

struct backend *backend_share_port(struct backend_share *s, enum backend_port port)
{
	return &s->port[port]->be;
}

void backend_share_on_switch(struct backend_share *s, enum backend_port port,
			     void (*fn)(void *o, unsigned int q, bool receives), void *o)
{
	s->port[port]->fn = fn;
	s->port[port]->opaque = o;
}
