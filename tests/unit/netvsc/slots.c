// SPDX-License-Identifier: GPL-2.0
/* Slots and sections against a model, with a host that completes what it likes. */
#include "kernel.h"
#include "test.h"
#include "txslots.h"

enum { SIZE = 64, SECTIONS = 24 };

static void set_up(void)
{
	struct nva_slots s = {};
	int i;

	check(nva_slots_init(&s, 0, 1, 0) == -EINVAL);
	check(nva_slots_init(&s, 48, 1, 0) == -EINVAL);
	check(nva_slots_init(&s, NVA_SLOTS_MAX * 2, 1, 0) == -EINVAL);
	check(nva_slots_init(&s, 64, NVA_NO_SECTION, 0) == -EINVAL);
	for (i = 0; i < 4; i++) {
		allocations_left = i;
		check(nva_slots_init(&s, 64, 8, 0) == -ENOMEM);
		check_is(allocations_alive, 0);
	}
	allocations_left = -1;
	/* nothing is found where nothing is */
	check(!nva_slots_match(&s, 1));
	nva_slots_free(&s);

	check(!nva_slots_init(&s, NVA_SLOTS_MAX, 0, 0));
	check_is(nva_slots_available(&s), NVA_SLOTS_MAX);
	nva_slots_free(&s);
}

static void ids(void)
{
	struct nva_slots s = {};
	struct nva_slot *slot, *other;
	u64 id, next;

	check(!nva_slots_init(&s, SIZE, SECTIONS, 0));
	slot = nva_slots_take(&s);
	id = nva_slots_next_id(&s, slot);
	check(id);
	/* taken is not armed */
	check(!nva_slots_match(&s, id));
	nva_slots_arm(slot, id);
	check(!nva_slots_match(&s, 0));
	check(!nva_slots_match(&s, id ^ 1));
	check(!nva_slots_match(&s, id ^ 0x10000));
	check(!nva_slots_match(&s, id | 1ull << 48));
	check(!nva_slots_match(&s, (id & ~0xffffull) | 0xffff));
	check(!nva_slots_match(&s, (id & ~0xffffull) | (SIZE + 1)));
	check(!nva_slots_match(&s, id & 0xffff));
	check(!nva_slots_match(&s, ~0ull));
	check(nva_slots_match(&s, id) == slot);
	/* twice is once too often */
	check(!nva_slots_match(&s, id));
	nva_slots_complete(&s, slot);
	check(!nva_slots_match(&s, id));

	/* the slot lives again, its old id does not */
	do {
		other = nva_slots_take(&s);
		check(other);
		next = nva_slots_next_id(&s, other);
		check(next != id && next < 1ull << 48);
		nva_slots_arm(other, next);
	} while (other != slot);
	check(!nva_slots_match(&s, id));
	check(nva_slots_match(&s, next) == slot);
	nva_slots_free(&s);

	/* nor does it in the queue's next life */
	check(!nva_slots_init(&s, SIZE, SECTIONS, 0));
	slot = nva_slots_take(&s);
	next = nva_slots_next_id(&s, slot);
	check((next & ~0xffffull) > (id & ~0xffffull));
	nva_slots_arm(slot, next);
	check(!nva_slots_match(&s, id));
	nva_slots_free(&s);
}

static void exhaustion(void)
{
	struct nva_slots s = {};
	struct nva_slot *taken[SIZE];
	u64 id[SIZE];
	u32 i, from = 0;
	bool seen[SIZE] = {};

	check(!nva_slots_init(&s, SIZE, SECTIONS, 0));
	for (i = 0; i < SIZE; i++) {
		taken[i] = nva_slots_take(&s);
		check(taken[i] && !seen[taken[i] - s.slot]);
		seen[taken[i] - s.slot] = true;
		check(nva_slots_take_section(&s, taken[i]) == (i < SECTIONS));
		id[i] = nva_slots_next_id(&s, taken[i]);
		nva_slots_arm(taken[i], id[i]);
	}
	check(!nva_slots_take(&s));
	check_is(nva_slots_available(&s), 0);
	for (i = 0; i < SIZE; i += 2) {
		check(nva_slots_match(&s, id[i]) == taken[i]);
		nva_slots_complete(&s, taken[i]);
	}
	check_is(nva_slots_available(&s), SIZE / 2);
	/* the odd ones are left for the end of the session */
	for (i = 0; nva_slots_armed(&s, &from); i++)
		;
	check_is(i, SIZE / 2);
	from = 0;
	check(!nva_slots_armed(&s, &from));
	nva_slots_free(&s);
}

/* What the completer returned counts as room, and no more than that. */
static void room(void)
{
	struct nva_slots s = {};
	struct nva_slot *taken[SIZE];
	u64 id[SIZE];
	u32 i;

	check(!nva_slots_init(&s, SIZE, SECTIONS, 0));
	check(nva_slots_room(&s, SIZE, SECTIONS));
	check(!nva_slots_room(&s, SIZE + 1, 0));
	check(!nva_slots_room(&s, 0, SECTIONS + 1));
	for (i = 0; i < SIZE; i++) {
		taken[i] = nva_slots_take(&s);
		nva_slots_take_section(&s, taken[i]);
		id[i] = nva_slots_next_id(&s, taken[i]);
		nva_slots_arm(taken[i], id[i]);
	}
	check(nva_slots_room(&s, 0, 0));
	check(!nva_slots_room(&s, 1, 0));
	check(!nva_slots_room(&s, 0, 1));
	/* the last has no section, the first has one */
	nva_slots_complete(&s, nva_slots_match(&s, id[SIZE - 1]));
	check(nva_slots_room(&s, 1, 0));
	check(!nva_slots_room(&s, 1, 1));
	nva_slots_complete(&s, nva_slots_match(&s, id[0]));
	check(nva_slots_room(&s, 2, 1));
	check(!nva_slots_room(&s, 3, 1));
	check(!nva_slots_room(&s, 2, 2));
	nva_slots_free(&s);
}

/* Any order of everything; the model knows who holds what. */
static void model(void)
{
	struct nva_slots s = {};
	struct {
		struct nva_slot *slot;
		u64 id;
		u16 section;
	} under_way[SIZE];
	bool section_used[SECTIONS] = {};
	unsigned int turn, n = 0, sections = 0, refused = 0, i;
	u64 old[256] = {};

	check(!nva_slots_init(&s, SIZE, SECTIONS, 0));
	for (turn = 0; turn < 500000; turn++) {
		switch (dice() % 4) {
		case 0:
		case 1: {
			struct nva_slot *slot = nva_slots_take(&s);

			check(!slot == (n == SIZE));
			if (!slot)
				break;
			check(!slot->id && !slot->skb && slot->section == NVA_NO_SECTION);
			if (dice() % 2) {
				bool got = nva_slots_take_section(&s, slot);

				check(got == (sections < SECTIONS));
				if (got) {
					check(slot->section < SECTIONS &&
					      !section_used[slot->section]);
					section_used[slot->section] = true;
					sections++;
				}
			}
			if (dice() % 8 == 0) {
				/* the ring was full: never sent */
				if (slot->section != NVA_NO_SECTION) {
					section_used[slot->section] = false;
					sections--;
				}
				nva_slots_put(&s, slot);
				break;
			}
			under_way[n].slot = slot;
			under_way[n].section = slot->section;
			under_way[n].id = nva_slots_next_id(&s, slot);
			nva_slots_arm(slot, under_way[n].id);
			n++;
			break;
		}
		case 2:
			if (!n)
				break;
			i = dice() % n;
			check(nva_slots_match(&s, under_way[i].id) == under_way[i].slot);
			old[turn % 256] = under_way[i].id;
			if (under_way[i].section != NVA_NO_SECTION) {
				section_used[under_way[i].section] = false;
				sections--;
			}
			nva_slots_complete(&s, under_way[i].slot);
			under_way[i] = under_way[--n];
			break;
		case 3:
			/* what the host may try: something that was, or anything at all */
			check(!nva_slots_match(&s, dice() % 2 ? old[dice() % 256] :
					       (u64)dice() << 40 | dice()));
			refused++;
			break;
		}
		check_is(nva_slots_available(&s), SIZE - n);
	}
	check(refused > 1000);
	nva_slots_free(&s);
}

void test_slots(void)
{
	set_up();
	ids();
	exhaustion();
	room();
	dice_seed(2);
	model();
}
