/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of the kernel as vmbus/ring.c and vmbus/channel.c need, for user space.
 *
 * Every access that ring.c marks (READ_ONCE, WRITE_ONCE, virt_*) and every lock goes through
 * shim_point(), before it happens. A test can record the order of accesses there, or let the other
 * side of the ring move: one thread then plays any interleaving, always the same way.
 */
#ifndef _UNIT_SHIM_H
#define _UNIT_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <pthread.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define __packed __attribute__((packed))
#define __acquires(lock)
#define __releases(lock)
#define __must_hold(lock)
#define EXPORT_SYMBOL_GPL(symbol) extern int shim_exported_##symbol

#define static_assert(condition, ...) shim_assert(condition, ##__VA_ARGS__, #condition)
#define shim_assert(condition, text, ...) _Static_assert(condition, text)
#define __same_type(a, b) __builtin_types_compatible_p(typeof(a), typeof(b))

#define ALIGN(x, a) (((x) + (a) - 1) & ~((typeof(x))(a) - 1))
#define min(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); _a > _b ? _a : _b; })
#define clamp(value, low, high) min(max(value, low), high)
#define lower_32_bits(n) ((u32)((n) & 0xffffffff))
#define upper_32_bits(n) ((u32)((n) >> 32))
#define U16_MAX ((u16)~0U)

#define PAGE_SIZE 4096u

enum shim_access {
	SHIM_LOAD,
	SHIM_STORE,
	SHIM_ACQUIRE,
	SHIM_RELEASE,
	SHIM_FENCE,
	SHIM_READ_FENCE,
	SHIM_LOCK,
	SHIM_UNLOCK,
};

void shim_point(enum shim_access access, const volatile void *address);

#define READ_ONCE(x) ({							\
	shim_point(SHIM_LOAD, &(x));					\
	*(const volatile typeof(x) *)&(x);				\
})
#define WRITE_ONCE(x, value) do {					\
	shim_point(SHIM_STORE, &(x));					\
	*(volatile typeof(x) *)&(x) = (value);				\
} while (0)
#define virt_load_acquire(p) ({						\
	shim_point(SHIM_ACQUIRE, p);					\
	__atomic_load_n(p, __ATOMIC_ACQUIRE);				\
})
#define virt_store_release(p, value) do {				\
	shim_point(SHIM_RELEASE, p);					\
	__atomic_store_n(p, value, __ATOMIC_RELEASE);			\
} while (0)
#define virt_mb() do {							\
	shim_point(SHIM_FENCE, NULL);					\
	__atomic_thread_fence(__ATOMIC_SEQ_CST);			\
} while (0)
#define virt_rmb() do {							\
	shim_point(SHIM_READ_FENCE, NULL);				\
	__atomic_thread_fence(__ATOMIC_ACQUIRE);			\
} while (0)

#define unlikely(x) (x)
typedef struct {
	pthread_mutex_t mutex;
	bool held;
} spinlock_t;

#define spin_lock_irqsave(lock, saved) do {				\
	shim_point(SHIM_LOCK, lock);					\
	pthread_mutex_lock(&(lock)->mutex);				\
	(lock)->held = true;						\
	(saved) = 1;							\
} while (0)
#define spin_unlock_irqrestore(lock, saved) do {			\
	(void)(saved);							\
	(lock)->held = false;						\
	pthread_mutex_unlock(&(lock)->mutex);				\
	shim_point(SHIM_UNLOCK, lock);					\
} while (0)

#endif /* _UNIT_SHIM_H */
