/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of the kernel as netvsc-accel/rndis_parse.c and netvsc-accel/txslots.c need, for user
 * space.
 *
 * Each word read from shared memory passes OPTIMIZER_HIDE_VAR(), right after it was read: there a
 * test plays a host that changes the memory between two reads.
 */
#ifndef _UNIT_NETVSC_SHIM_H
#define _UNIT_NETVSC_SHIM_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define __packed __attribute__((packed))
#define ____cacheline_aligned __attribute__((aligned(64)))
#define static_assert(condition) _Static_assert(condition, #condition)
#define le64_to_cpu(x) le64toh((u64)(x))
#define le32_to_cpu(x) le32toh((u32)(x))
#define cpu_to_le32(x) ((__le32)htole32(x))

void shared_word_read(void);
#define likely(condition) __builtin_expect(!!(condition), 1)
#define OPTIMIZER_HIDE_VAR(var) do {					\
	__asm__ volatile("" : "+r"(var));				\
	shared_word_read();						\
} while (0)

#define VLAN_PRIO_SHIFT 13
#define VLAN_CFI_MASK 0x1000
#define VLAN_VID_MASK 0x0fff

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value) __atomic_store_n(&(x), value, __ATOMIC_RELAXED)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, value) __atomic_store_n(p, value, __ATOMIC_RELEASE)
#define array_index_nospec(index, size) (index)

#define GFP_KERNEL 0
#define array_size(n, size) ((size_t)(n) * (size))
#define kvzalloc_node(size, flags, node) ((void)(node), shim_alloc(size))
#define kvfree(memory) shim_free(memory)

void *shim_alloc(size_t size);
void shim_free(void *memory);

#endif
