/* SPDX-License-Identifier: GPL-2.0 */
/* What the cases of gputest share: files, copies, and how a case says what it found. */
#ifndef GPUTEST_H
#define GPUTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/hv_gpu_passthrough.h>

#include "lab_dma.h"

#define PAGE	4096u
#define MEMORY	2u	/* the BAR with a stand-in's memory */
#define REGS	0u	/* and that with its registers */

/* A case ends here when @ok is false. */
#define WANT(ok, ...) want(ok, __FILE__, __LINE__, __VA_ARGS__)

void want(bool ok, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* want_errno() - what a call returned: -1 with that errno, or 0 for a success */
void want_errno(const char *what, long got, int wanted);

extern const char *provider, *client;
extern uint64_t memory_size;
extern uint32_t wc_flag; /* GPUPT_EXPORT_WC, or 0 where the kernel has no such mappings */

int open_provider(void);
int open_client(void);

/* try_export() - GPUPT_EXPORT of one range. Return: a descriptor, or -1 with errno. */
int try_export(int dev, uint32_t bar, uint64_t offset, uint64_t length, uint32_t flags);
int must_export(int dev, uint64_t offset, uint64_t length, uint32_t flags);

int import(int engine, int fd, uint32_t kind);
int copy(int engine, bool write, uint64_t offset, void *data, uint32_t length, uint32_t flags,
	 uint32_t turns, uint32_t delay_us);
struct lab_dma_status status(int engine);

/* map_it() - shared, readable and writable. */
void *map_it(int fd, size_t length);

/* touch() - read a byte; false: SIGBUS */
bool touch(const volatile void *at);

/* fill() - bytes that depend on @seed and where they are */
void fill(void *at, size_t n, uint32_t seed);
bool filled(const volatile void *at, size_t n, uint32_t seed);

/* event() - the next one; type 0: none within that time */
struct gpupt_event event(int dev, int timeout_ms);

/* provider_stat() - a counter of the provider */
uint64_t provider_stat(const char *name);

/* exports_alive() - of the function that is open as @dev, by its fdinfo */
unsigned int exports_alive(int dev);

/* quiesce_with_child() - a fork touches @at before it and gets SIGBUS at both after it */
void quiesce_with_child(int dev, const void *at, const void *other);

/* cases-*.c */
struct test_case {
	const char *name;
	void (*run)(void);
};

extern const struct test_case export_cases[], revoke_cases[], huge_cases[];
extern const struct test_case refusal_cases[]; /* each a command: gputest refusal NAME */

/* races.c, fuzz.c, removal.c: a command each */
int run_races(unsigned int rounds);
int run_p2p(const char *stop);
int run_fuzz(unsigned long calls, unsigned int seed);
int run_removal(const char *ready);

#endif
