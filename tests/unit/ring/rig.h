/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rig around the rings: a channel whose two rings lie in memory mapped as hv_vmbus maps it
 * (control page, data, the data again), with a page on either side that faults, and a host.
 */
#ifndef _UNIT_RIG_H
#define _UNIT_RIG_H

#include <linux/errno.h>
#include <linux/types.h>

#include "hv_vmbus_accel.h"

#define RIG_RING_MAX	(16 * PAGE_SIZE)
#define RIG_TRACE_MAX	512

/* check(condition): a failed one is reported and counted, the test goes on. */
#define check(condition) rig_check(condition, #condition, __FILE__, __LINE__)
bool rig_check(bool good, const char *what, const char *file, int line);
extern unsigned long rig_checks, rig_failures;
/* The first failed check ends the run. */
extern bool rig_stop;

struct rig_access {
	enum shim_access access;
	const volatile void *address;
};

/**
 * struct rig - one channel and what was seen of it
 * @hc: attached channel under test
 * @channel: the bus's side of it
 * @out: outbound control page
 * @in: inbound control page
 * @size: data bytes of each ring
 * @signals: doorbells so far
 * @logged: lines logged
 * @step: called at each shim_point() when set, while not already in it
 * @trace: accesses since rig_record()
 * @n_trace: how many; more than RIG_TRACE_MAX are counted and not kept
 * @recording: accesses are kept
 */
struct rig {
	struct hva_channel hc;
	struct vmbus_channel channel;
	struct hv_device device;
	struct hv_ring_buffer *out, *in;
	u32 size;
	unsigned long signals;
	unsigned long logged;
	void (*step)(struct rig *rig);
	struct rig_access trace[RIG_TRACE_MAX];
	unsigned int n_trace;
	bool recording;
};

extern struct rig rig;

/* rig_reset(size, copy): both rings empty at index 0, all counters 0. */
void rig_reset(u32 size, bool copy);
void rig_place(struct hv_ring_buffer *ring, u32 index);
void rig_record(void);
/* The place in the trace, at or after @from, of an access to @address; -1 when there is none. */
int rig_find(int from, enum shim_access access, const volatile void *address);
unsigned int rig_count(enum shim_access access, const volatile void *address);

u32 rig_used(const struct hv_ring_buffer *ring);

/* A repeatable random number. */
u32 rig_random(void);
void rig_seed(u64 seed);

/*
 * The honest host's hands, unrestricted by rings being full; lengths in bytes, multiples of 8.
 * host_put(): a packet into the inbound ring, published. host_take(): the next packet out of the
 * outbound ring into @packet, returns its length with descriptor and without trailer, 0 for none.
 */
void host_put(u16 type, u16 flags, u64 txid, const void *head, u32 head_len, const void *payload,
	      u32 len);
void host_put_raw(const void *packet, u32 len);
u32 host_take(void *packet, u32 room);

/* The suites. */
void test_write(void);
void test_read(void);
void test_order(void);
void test_race(void);
void test_hostile(void);
void test_settings(void);
void test_stress(void);

#endif /* _UNIT_RIG_H */
