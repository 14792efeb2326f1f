// SPDX-License-Identifier: GPL-2.0
/*
 * Producer and completer at the same time. The thread sanitizer judges their accesses; the flags of
 * the sections judge that no section is ever in two hands.
 */
#include <pthread.h>
#include <sched.h>

#include "kernel.h"
#include "test.h"
#include "txslots.h"

enum { SIZE = 128, SECTIONS = 40, PACKETS = 400000, WIRE = 256 };

static struct nva_slots slots;
static int in_use[SECTIONS];

/* The ring to the host: ids, one writer, one reader. */
static u64 wire[WIRE];
static u32 wire_head, wire_tail;

static void *produce(void *unused)
{
	u32 sent = 0;

	(void)unused;
	while (sent < PACKETS) {
		struct nva_slot *slot = nva_slots_take(&slots);
		u32 head = wire_head;
		u64 id;

		if (!slot) {
			sched_yield();
			continue;
		}
		if (nva_slots_take_section(&slots, slot))
			check(!__atomic_exchange_n(&in_use[slot->section], 1, __ATOMIC_RELAXED));
		slot->packets = 1;
		slot->bytes = sent;
		if (head - smp_load_acquire(&wire_tail) == WIRE) {
			if (slot->section != NVA_NO_SECTION)
				__atomic_store_n(&in_use[slot->section], 0, __ATOMIC_RELAXED);
			nva_slots_put(&slots, slot);
			sched_yield();
			continue;
		}
		id = nva_slots_next_id(&slots, slot);
		nva_slots_arm(slot, id);
		wire[head % WIRE] = id;
		smp_store_release(&wire_head, head + 1);
		sent++;
	}
	return NULL;
}

static void *complete(void *unused)
{
	u64 held[16], stale = 0;
	u32 n = 0, done = 0, seed = 7;

	(void)unused;
	while (done < PACKETS) {
		u32 tail = wire_tail;

		if (n < 16 && tail != smp_load_acquire(&wire_head)) {
			held[n++] = wire[tail % WIRE];
			smp_store_release(&wire_tail, tail + 1);
		}
		seed = seed * 1664525 + 1013904223;
		check(!stale || !nva_slots_match(&slots, stale));
		nva_slots_match(&slots, 0);
		if (n && (n == 16 || seed >> 30)) {
			u32 i = (seed >> 8) % n;
			struct nva_slot *slot = nva_slots_match(&slots, held[i]);

			check(slot && slot->packets == 1);
			if (slot->section != NVA_NO_SECTION)
				__atomic_store_n(&in_use[slot->section], 0, __ATOMIC_RELAXED);
			nva_slots_complete(&slots, slot);
			stale = held[i];
			held[i] = held[--n];
			done++;
		} else if (!n) {
			sched_yield();
		}
	}
	return NULL;
}

void test_race(void)
{
	pthread_t producer, completer;
	u32 i;

	check(!nva_slots_init(&slots, SIZE, 0, SECTIONS, SECTIONS, 0));
	check(!pthread_create(&producer, NULL, produce, NULL));
	check(!pthread_create(&completer, NULL, complete, NULL));
	pthread_join(producer, NULL);
	pthread_join(completer, NULL);
	check_is(nva_slots_available(&slots), SIZE);
	nva_slots_reclaim(&slots);
	check_is(slots.n_free, SIZE);
	check_is(slots.n_free_sections, SECTIONS);
	for (i = 0; i < SECTIONS; i++)
		check(!in_use[i]);
	nva_slots_free(&slots);
}
