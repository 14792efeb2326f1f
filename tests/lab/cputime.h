/* SPDX-License-Identifier: GPL-2.0 */
/* cputime.h: what a thread of this process has cost (cputime.c). */
#ifndef HVLAB_CPUTIME_H
#define HVLAB_CPUTIME_H

#include <pthread.h>
#include <stdint.h>

struct json_object;

/**
 * struct cputime - CPU time of one thread, nanoseconds
 * @total: from the thread's own clock, exact
 * @user: user mode, guest mode included; the kernel samples it at its tick
 * @system: kernel mode; sampled
 * @guest: guest mode; sampled, zero where the kernel does not account it
 */
struct cputime {
	uint64_t total;
	uint64_t user;
	uint64_t system;
	uint64_t guest;
};

/** cputime_read() - CPU time of a running thread. Context: any thread. */
void cputime_read(pthread_t thread, int tid, struct cputime *cpu);

/** cputime_put() - the four values into a JSON object as total_ns, user_ns, ... */
void cputime_put(struct json_object *into, const struct cputime *cpu);

#endif
