/* SPDX-License-Identifier: GPL-2.0 */
/*
 * loop.h: an event loop that a thread owns (loop.c): file descriptors, timers, posted work.
 *
 * The structs below are embedded in their user's own; get back with container_of(). All callbacks
 * run in the loop's thread, one after another, with no lock held.
 */
#ifndef HVLAB_LOOP_H
#define HVLAB_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#endif

struct loop;
struct cputime;

/**
 * struct loop_fd - a file descriptor watched by a loop
 * @fd: the descriptor; stays the user's, who closes it after loop_del()
 * @ready: called with the EPOLL* bits that are set
 */
struct loop_fd {
	int fd;
	void (*ready)(struct loop_fd *lfd, uint32_t events);
	/* private: */
	bool live;
};

/**
 * struct loop_work - something to run once in a loop's thread
 * @run: called once for each time it was taken up by loop_post(); may free or re-post the work
 */
struct loop_work {
	void (*run)(struct loop_work *work);
	/* private: */
	struct loop_work *next;
	bool queued;
};

/**
 * struct loop_timer - a one-shot timer on CLOCK_MONOTONIC
 * @expire: called when it is due; may arm it again
 */
struct loop_timer {
	void (*expire)(struct loop_timer *timer);
	/* private: */
	uint64_t deadline;
	struct loop_timer *next;
	bool armed;
};

/**
 * loop_new() - make a loop; its thread does not run yet
 * @name: thread name, at most 15 characters; copied
 *
 * Return: the loop; never NULL (running out of memory or descriptors is fatal).
 */
struct loop *loop_new(const char *name);

/** loop_start() - start the loop's thread. Return: 0 or a negative errno. */
int loop_start(struct loop *loop);

/**
 * loop_set_wake_delay() - how long a loop that had nothing to do takes to begin
 * @delay_ns: nanoseconds between the event that ends its wait and what it does about it; more
 *	      events may gather meanwhile. A loop that finds an event at once is not delayed.
 *
 * Context: before loop_start().
 */
void loop_set_wake_delay(struct loop *loop, uint64_t delay_ns);

/**
 * loop_stop() - end the loop's thread after what it is doing now, and wait for it
 *
 * From the loop itself it only marks the end. Pending work and timers are dropped, not run.
 */
void loop_stop(struct loop *loop);

/** loop_free() - free a loop that was never started or has stopped */
void loop_free(struct loop *loop);

/**
 * loop_add() - watch a descriptor
 * @events: EPOLLIN, EPOLLOUT, EPOLLET...
 *
 * Context: any thread. Return: 0 or a negative errno.
 */
int loop_add(struct loop *loop, struct loop_fd *lfd, uint32_t events);

/** loop_mod() - watch for other events; zero pauses it. Context: any thread. */
int loop_mod(struct loop *loop, struct loop_fd *lfd, uint32_t events);

/**
 * loop_del() - stop watching
 *
 * Context: the loop's thread (use loop_call() from elsewhere): once it returns, @lfd->ready is not
 * called again, even if its event had been fetched already, and @lfd may be freed.
 */
void loop_del(struct loop *loop, struct loop_fd *lfd);

/**
 * loop_post() - run @work once, soon, in the loop's thread
 *
 * Context: any thread. A work that is queued already and has not begun to run is not queued twice.
 */
void loop_post(struct loop *loop, struct loop_work *work);

/**
 * loop_call() - run @fn(@arg) in the loop's thread and wait until it has returned
 *
 * Context: any thread; the loop's own calls @fn directly. The caller must hold no lock that @fn or
 * anything queued before it takes. A loop without a running thread calls @fn directly too.
 */
void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg);

/**
 * loop_timer_arm() - have @timer expire in @delay_ns nanoseconds; re-arms an armed one
 *
 * Context: the loop's thread, or any while the loop is not running.
 */
void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns);

/** loop_timer_cancel() - it does not expire any more. Context: as loop_timer_arm(). */
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/** loop_is_self() - is the caller the loop's own thread? */
bool loop_is_self(const struct loop *loop);

/** loop_name() - the name given to loop_new() */
const char *loop_name(const struct loop *loop);

/** loop_cputime() - CPU time the loop's thread has used */
void loop_cputime(const struct loop *loop, struct cputime *cpu);

/**
 * loop_doing() - where the loop is: name of the kind of callback, its address, since when
 * @since_ns: nanoseconds since that callback began; 0 while it waits
 *
 * Context: any thread; a snapshot for the deadline's report. Return: callback address, NULL when
 * the loop waits in epoll.
 */
const void *loop_doing(const struct loop *loop, const char **kind, uint64_t *since_ns);

/** clock_ns() - CLOCK_MONOTONIC in nanoseconds */
uint64_t clock_ns(void);

/**
 * loop_guest_ns() - clock_ns() without what the calling thread has run
 *
 * Where one processor serves guest and host in turn, that is the time the guest could have had. A
 * loop's thread looks once between two waits, and has that answer until the next.
 */
uint64_t loop_guest_ns(void);

#endif
