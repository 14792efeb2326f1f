// SPDX-License-Identifier: GPL-2.0
/* An epoll loop that a thread owns. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "cputime.h"
#include "log.h"
#include "loop.h"

#define EVENTS_PER_WAIT 64
#define NAME_MAX_BYTES 16

struct loop {
	char name[NAME_MAX_BYTES];
	int epoll;
	int wake;
	pthread_t thread;
	int tid;
	bool started;
	bool stop;
	uint64_t wake_delay_ns;
	/* Guards the list of posted work. */
	pthread_mutex_t lock;
	struct loop_work *first;
	struct loop_work **last;
	/* The loop's thread only. */
	struct loop_timer *timers;	/* by deadline, soonest first */
	struct epoll_event events[EVENTS_PER_WAIT];
	int n_events;
	/* For loop_doing(). */
	const void *doing;
	const char *doing_kind;
	uint64_t doing_since;
};

/*
 * loop_guest_ns() of this thread. It stands still while the thread runs, and a look at it is a
 * system call: a loop's thread takes one look between two waits.
 */
static _Thread_local struct {
	enum { GUEST_CLOCK_UNKEPT, GUEST_CLOCK_OLD, GUEST_CLOCK_READ } state;
	uint64_t ns;
} guest_clock;

struct call {
	struct loop_work work;
	void (*fn)(void *arg);
	void *arg;
	bool done;
	pthread_mutex_t lock;
	pthread_cond_t cond;
};

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

uint64_t loop_guest_ns(void)
{
	struct timespec ts;

	if (guest_clock.state == GUEST_CLOCK_READ)
		return guest_clock.ns;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	guest_clock.ns = clock_ns() - ((uint64_t)ts.tv_sec * 1000000000ULL + ts.tv_nsec);
	if (guest_clock.state == GUEST_CLOCK_OLD)
		guest_clock.state = GUEST_CLOCK_READ;
	return guest_clock.ns;
}

static void enter(struct loop *loop, const char *kind, const void *what)
{
	__atomic_store_n(&loop->doing_kind, kind, __ATOMIC_RELAXED);
	__atomic_store_n(&loop->doing_since, what ? clock_ns() : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&loop->doing, what, __ATOMIC_RELEASE);
}

const void *loop_doing(const struct loop *loop, const char **kind, uint64_t *since_ns)
{
	const void *what = __atomic_load_n(&loop->doing, __ATOMIC_ACQUIRE);
	uint64_t since = __atomic_load_n(&loop->doing_since, __ATOMIC_RELAXED);
	uint64_t now = clock_ns();

	*kind = __atomic_load_n(&loop->doing_kind, __ATOMIC_RELAXED);
	*since_ns = what && since && now > since ? now - since : 0;
	return what;
}

static void wake_up(struct loop *loop)
{
	uint64_t one = 1;

	/* A full counter means that the loop is about to wake anyway. */
	if (write(loop->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_warn("loop %s: cannot wake it: %s", loop->name, strerror(errno));
}

struct loop *loop_new(const char *name)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event ev = { .events = EPOLLIN };

	if (!loop)
		log_fatal(EXIT_INTERNAL, "loop %s: %s", name, strerror(ENOMEM));
	strncpy(loop->name, name, sizeof(loop->name) - 1);
	pthread_mutex_init(&loop->lock, NULL);
	loop->last = &loop->first;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll < 0 || loop->wake < 0 ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &ev))
		log_fatal(EXIT_INTERNAL, "loop %s: %s", name, strerror(errno));
	return loop;
}

void loop_free(struct loop *loop)
{
	close(loop->wake);
	close(loop->epoll);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

const char *loop_name(const struct loop *loop)
{
	return loop->name;
}

bool loop_is_self(const struct loop *loop)
{
	return __atomic_load_n(&loop->started, __ATOMIC_ACQUIRE) &&
	       pthread_equal(loop->thread, pthread_self());
}

int loop_add(struct loop *loop, struct loop_fd *lfd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = lfd };

	__atomic_store_n(&lfd->live, true, __ATOMIC_RELEASE);
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, lfd->fd, &ev)) {
		lfd->live = false;
		return -errno;
	}
	return 0;
}

int loop_mod(struct loop *loop, struct loop_fd *lfd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = lfd };

	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, lfd->fd, &ev) ? -errno : 0;
}

void loop_del(struct loop *loop, struct loop_fd *lfd)
{
	if (!lfd->live)
		return;
	lfd->live = false;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, lfd->fd, NULL);
	/* Events fetched already must not reach it: it may be freed now. */
	for (int i = 0; i < loop->n_events; i++)
		if (loop->events[i].data.ptr == lfd)
			loop->events[i].data.ptr = NULL;
}

void loop_post(struct loop *loop, struct loop_work *work)
{
	bool was_empty;

	pthread_mutex_lock(&loop->lock);
	if (work->queued) {
		pthread_mutex_unlock(&loop->lock);
		return;
	}
	work->queued = true;
	work->next = NULL;
	was_empty = !loop->first;
	*loop->last = work;
	loop->last = &work->next;
	pthread_mutex_unlock(&loop->lock);
	if (was_empty)
		wake_up(loop);
}

static void call_run(struct loop_work *work)
{
	struct call *call = container_of(work, struct call, work);

	call->fn(call->arg);
	pthread_mutex_lock(&call->lock);
	call->done = true;
	pthread_cond_signal(&call->cond);
	pthread_mutex_unlock(&call->lock);
}

void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct call call = { .work.run = call_run, .fn = fn, .arg = arg };

	if (!__atomic_load_n(&loop->started, __ATOMIC_ACQUIRE) || loop_is_self(loop)) {
		fn(arg);
		return;
	}
	pthread_mutex_init(&call.lock, NULL);
	pthread_cond_init(&call.cond, NULL);
	loop_post(loop, &call.work);
	pthread_mutex_lock(&call.lock);
	while (!call.done)
		pthread_cond_wait(&call.cond, &call.lock);
	pthread_mutex_unlock(&call.lock);
	pthread_cond_destroy(&call.cond);
	pthread_mutex_destroy(&call.lock);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->armed)
		return;
	for (struct loop_timer **p = &loop->timers; *p; p = &(*p)->next) {
		if (*p == timer) {
			*p = timer->next;
			break;
		}
	}
	timer->armed = false;
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns)
{
	struct loop_timer **p = &loop->timers;

	loop_timer_cancel(loop, timer);
	timer->deadline = clock_ns() + delay_ns;
	while (*p && (*p)->deadline <= timer->deadline)
		p = &(*p)->next;
	timer->next = *p;
	timer->armed = true;
	*p = timer;
}

static void run_timers(struct loop *loop)
{
	uint64_t now;

	if (!loop->timers)
		return;
	/* One look at the clock: a timer that re-arms itself cannot keep us here. */
	now = clock_ns();
	while (loop->timers && loop->timers->deadline <= now) {
		struct loop_timer *timer = loop->timers;

		loop->timers = timer->next;
		timer->armed = false;
		enter(loop, "timer", timer->expire);
		timer->expire(timer);
	}
}

static void run_posted(struct loop *loop)
{
	struct loop_work *last_now, *work;
	bool last;

	pthread_mutex_lock(&loop->lock);
	/* Only what is queued now: work that re-posts itself waits for the next round. */
	last_now = loop->first ? container_of(loop->last, struct loop_work, next) : NULL;
	pthread_mutex_unlock(&loop->lock);
	if (!last_now)
		return;
	do {
		pthread_mutex_lock(&loop->lock);
		work = loop->first;
		loop->first = work->next;
		if (!loop->first)
			loop->last = &loop->first;
		work->queued = false;
		pthread_mutex_unlock(&loop->lock);
		last = work == last_now;
		enter(loop, "work", work->run);
		work->run(work);
	} while (!last);
	pthread_mutex_lock(&loop->lock);
	if (loop->first)
		wake_up(loop);
	pthread_mutex_unlock(&loop->lock);
}

static void sleep_ns(uint64_t ns)
{
	struct timespec left = { .tv_sec = ns / 1000000000ULL, .tv_nsec = ns % 1000000000ULL };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

void loop_set_wake_delay(struct loop *loop, uint64_t delay_ns)
{
	loop->wake_delay_ns = delay_ns;
}

static void wait_events(struct loop *loop)
{
	struct timespec ts, *timeout = NULL;
	uint64_t drained;

	if (loop->timers) {
		uint64_t now = clock_ns();
		uint64_t left = loop->timers->deadline > now ? loop->timers->deadline - now : 0;

		ts.tv_sec = left / 1000000000ULL;
		ts.tv_nsec = left % 1000000000ULL;
		timeout = &ts;
	}
	loop->n_events = 0;
	if (loop->wake_delay_ns)
		loop->n_events = epoll_wait(loop->epoll, loop->events, EVENTS_PER_WAIT, 0);
	if (!loop->n_events) {
		loop->n_events = epoll_pwait2(loop->epoll, loop->events, EVENTS_PER_WAIT, timeout,
					      NULL);
		if (loop->n_events > 0 && loop->wake_delay_ns)
			sleep_ns(loop->wake_delay_ns);
	}
	guest_clock.state = GUEST_CLOCK_OLD;
	if (loop->n_events < 0) {
		if (errno != EINTR)
			log_fatal(EXIT_INTERNAL, "loop %s: epoll: %s", loop->name,
				  strerror(errno));
		loop->n_events = 0;
	}
	for (int i = 0; i < loop->n_events; i++) {
		struct loop_fd *lfd = loop->events[i].data.ptr;

		if (lfd) {
			enter(loop, "fd", lfd->ready);
			lfd->ready(lfd, loop->events[i].events);
		} else if (read(loop->wake, &drained, sizeof(drained)) < 0 && errno != EAGAIN) {
			log_warn("loop %s: eventfd: %s", loop->name, strerror(errno));
		}
	}
	loop->n_events = 0;
}

static void *loop_main(void *arg)
{
	const struct sched_param first = { .sched_priority = 1 };
	struct loop *loop = arg;

	__atomic_store_n(&loop->tid, gettid(), __ATOMIC_RELAXED);
	pthread_setname_np(pthread_self(), loop->name);
	/* Sleeps end when they should, not up to 50 us later. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	/*
	 * The delay is the whole of it: where a processor is shared with a vCPU, the scheduler's
	 * idea of fairness would add one of its own, another one each time.
	 */
	if (loop->wake_delay_ns && sched_setscheduler(0, SCHED_FIFO, &first))
		log_warn("loop %s: no real-time priority: %s", loop->name, strerror(errno));
	guest_clock.state = GUEST_CLOCK_OLD;
	while (!__atomic_load_n(&loop->stop, __ATOMIC_ACQUIRE)) {
		run_posted(loop);
		run_timers(loop);
		enter(loop, "wait", NULL);
		if (__atomic_load_n(&loop->stop, __ATOMIC_ACQUIRE))
			break;
		wait_events(loop);
	}
	enter(loop, "wait", NULL);
	return NULL;
}

int loop_start(struct loop *loop)
{
	int err;

	/* Held so that the thread's first loop_is_self() finds loop->thread written. */
	pthread_mutex_lock(&loop->lock);
	err = pthread_create(&loop->thread, NULL, loop_main, loop);
	if (!err)
		__atomic_store_n(&loop->started, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&loop->lock);
	return -err;
}

void loop_stop(struct loop *loop)
{
	if (!__atomic_load_n(&loop->started, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&loop->stop, true, __ATOMIC_RELEASE);
	wake_up(loop);
	if (loop_is_self(loop))
		return;
	pthread_join(loop->thread, NULL);
	__atomic_store_n(&loop->started, false, __ATOMIC_RELEASE);
}

void loop_cputime(const struct loop *loop, struct cputime *cpu)
{
	memset(cpu, 0, sizeof(*cpu));
	if (__atomic_load_n(&loop->started, __ATOMIC_ACQUIRE))
		cputime_read(loop->thread, __atomic_load_n(&loop->tid, __ATOMIC_RELAXED), cpu);
}
