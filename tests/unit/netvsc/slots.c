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

	check(nva_slots_init(&s, 0, 0, 1, 1, 0) == -EINVAL);
	check(nva_slots_init(&s, 48, 0, 1, 1, 0) == -EINVAL);
	check(nva_slots_init(&s, NVA_SLOTS_MAX * 2, 0, 1, 1, 0) == -EINVAL);
	check(nva_slots_init(&s, 64, 0, NVA_NO_SECTION + 1, NVA_NO_SECTION + 1, 0) == -EINVAL);
	check(nva_slots_init(&s, 64, NVA_NO_SECTION - 7, 8, 8, 0) == -EINVAL);
	check(nva_slots_init(&s, 64, ~0u, 8, 8, 0) == -EINVAL);
	check(nva_slots_init(&s, 64, 8, ~0u, ~0u, 0) == -EINVAL);
	check(nva_slots_init(&s, 64, 0, 8, 7, 0) == -EINVAL);
	check(nva_slots_init(&s, 64, 0, 8, NVA_NO_SECTION + 1, 0) == -EINVAL);
	for (i = 0; i < 4; i++) {
		allocations_left = i;
		check(nva_slots_init(&s, 64, 0, 8, 8, 0) == -ENOMEM);
		check_is(allocations_alive, 0);
	}
	allocations_left = -1;
	/* nothing is found where nothing is */
	check(!nva_slots_match(&s, 1));
	nva_slots_free(&s);

	check(!nva_slots_init(&s, NVA_SLOTS_MAX, 0, 0, 0, 0));
	check_is(nva_slots_available(&s), NVA_SLOTS_MAX);
	nva_slots_free(&s);
}

static void ids(void)
{
	struct nva_slots s = {};
	struct nva_slot *slot, *other;
	u64 id, next;

	check(!nva_slots_init(&s, SIZE, 0, SECTIONS, SECTIONS, 0));
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
	check(!nva_slots_init(&s, SIZE, 0, SECTIONS, SECTIONS, 0));
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

	check(!nva_slots_init(&s, SIZE, 0, SECTIONS, SECTIONS, 0));
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

	check(!nva_slots_init(&s, SIZE, 0, SECTIONS, SECTIONS, 0));
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

	check(!nva_slots_init(&s, SIZE, 0, SECTIONS, SECTIONS, 0));
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

/* Takes a section into @slot[@n]; true when there was one. */
static bool use(struct nva_slots *s, struct nva_slot **slot, u64 *id)
{
	*slot = nva_slots_take(s);
	check(*slot);
	if (!nva_slots_take_section(s, *slot)) {
		nva_slots_put(s, *slot);
		return false;
	}
	*id = nva_slots_next_id(s, *slot);
	nva_slots_arm(*slot, *id);
	return true;
}

static u32 use_all(struct nva_slots *s, struct nva_slot **slot, u64 *id)
{
	u32 n = 0;

	while (use(s, slot + n, id + n))
		n++;
	return n;
}

static void finish(struct nva_slots *s, u64 id)
{
	struct nva_slot *slot = nva_slots_match(s, id);

	check(slot);
	nva_slots_complete(s, slot);
}

/* Who lends what to whom. */
static void lending(void)
{
	enum { OWN = 16, MOST = 39 };
	struct nva_slots a = {}, b = {}, c = {};
	struct nva_slot *slot[SIZE], *other[SIZE];
	u64 id[SIZE], other_id[SIZE];
	u32 i, n;

	check(!nva_slots_init(&a, SIZE, 0, OWN, MOST, 0));
	check(!nva_slots_init(&b, SIZE, OWN, OWN, MOST, 0));
	check(!nva_slots_init(&c, SIZE, 2 * OWN, OWN, MOST, 0));
	/* not to who has all of its own left */
	check_is(nva_slots_lend(&b, &a), 0);
	check_is(use_all(&a, slot, id), OWN);
	/* half of what is free, down to half of its own */
	check_is(nva_slots_lend(&b, &a), OWN / 2);
	check_is(b.n_sections, OWN / 2);
	check_is(nva_slots_lend(&b, &a), 0);
	check(use(&a, &slot[OWN], &id[OWN]));
	check(slot[OWN]->section >= OWN && slot[OWN]->section < 2 * OWN);
	/* what c has under way it does not lend, but what was completed meanwhile it does */
	for (i = 0; i < 4; i++)
		check(use(&c, &other[i], &other_id[i]));
	finish(&c, other_id[0]);
	check_is(nva_slots_lend(&c, &a), (OWN - 3 + 1) / 2);
	n = OWN + 1 + use_all(&a, slot + OWN + 1, id + OWN + 1);
	check_is(n, OWN + OWN / 2 + 7);
	/* no more than there is room for */
	b.section_keep = 0;
	c.section_keep = 0;
	for (i = 0; i < 8; i++) {
		nva_slots_lend(&b, &a);
		nva_slots_lend(&c, &a);
	}
	check_is(a.n_sections, MOST);
	n += use_all(&a, slot + n, id + n);
	check_is(n, MOST);

	/* b wants some of its own back: a, as busy, gives some because it holds so many more */
	b.section_keep = OWN / 2;
	use_all(&b, other, other_id);
	check_is(nva_slots_lend(&a, &b), 0);
	for (i = 0; i < 8; i++)
		finish(&a, id[i]);
	n = b.n_sections;
	check_is(nva_slots_lend(&a, &b), 4);
	check_is(b.n_sections, n + 4);
	check_is(a.n_sections, MOST - 4);
	nva_slots_free(&a);
	nva_slots_free(&b);
	nva_slots_free(&c);

	/* two that are equally busy do not take each other's */
	check(!nva_slots_init(&a, SIZE, 0, OWN, MOST, 0));
	check(!nva_slots_init(&b, SIZE, OWN, OWN, MOST, 0));
	use_all(&a, slot, id);
	use_all(&b, other, other_id);
	for (i = 0; i < OWN / 2; i++)
		finish(&b, other_id[i]);
	check_is(nva_slots_lend(&b, &a), 0);
	finish(&b, other_id[i]);
	check_is(nva_slots_lend(&b, &a), 5);
	nva_slots_free(&a);
	nva_slots_free(&b);
}

/* Any order of everything among queues that lend: no section is lost, none is in two hands. */
static void lending_model(void)
{
	enum { QUEUES = 5, OWN = 9, MOST = 30, TOTAL = QUEUES * OWN };
	struct {
		struct nva_slots s;
		struct nva_slot *slot[SIZE];
		u64 id[SIZE];
		u32 n, lent;
	} q[QUEUES] = {};
	bool used[TOTAL] = {}, seen[TOTAL];
	u32 turn, i, j, lent = 0, held;

	for (i = 0; i < QUEUES; i++)
		check(!nva_slots_init(&q[i].s, SIZE, i * OWN, OWN, MOST, 0));
	for (turn = 0; turn < 300000; turn++) {
		u32 a = dice() % QUEUES, b = (a + 1 + dice() % (QUEUES - 1)) % QUEUES, n;

		/* one is busier than all others, and each is at its time */
		if (dice() % 2)
			a = turn / 50000 % QUEUES;
		if (a == b)
			continue;
		switch (dice() % 4) {
		case 0:
		case 1:
			n = q[a].n;
			if (n == SIZE)
				break;
			if (!use(&q[a].s, &q[a].slot[n], &q[a].id[n])) {
				lent += nva_slots_lend(&q[b].s, &q[a].s);
				break;
			}
			check(q[a].slot[n]->section < TOTAL && !used[q[a].slot[n]->section]);
			used[q[a].slot[n]->section] = true;
			q[a].n++;
			break;
		case 2:
			if (!q[a].n)
				break;
			i = dice() % q[a].n;
			used[q[a].slot[i]->section] = false;
			finish(&q[a].s, q[a].id[i]);
			q[a].n--;
			q[a].slot[i] = q[a].slot[q[a].n];
			q[a].id[i] = q[a].id[q[a].n];
			break;
		case 3:
			nva_slots_reclaim(&q[a].s);
			break;
		}
		for (i = 0, held = 0; i < QUEUES; i++) {
			check(q[i].s.n_sections >= q[i].s.section_keep);
			check(q[i].s.n_sections <= MOST);
			held += q[i].s.n_sections;
		}
		check_is(held, TOTAL);
	}
	check(lent > 100);
	for (i = 0; i < QUEUES; i++) {
		while (q[i].n)
			finish(&q[i].s, q[i].id[--q[i].n]);
		nva_slots_reclaim(&q[i].s);
		check_is(q[i].s.n_free_sections, q[i].s.n_sections);
	}
	memset(seen, 0, sizeof(seen));
	for (i = 0; i < QUEUES; i++) {
		for (j = 0; j < q[i].s.n_sections; j++) {
			check(!seen[q[i].s.section_stack[j]]);
			seen[q[i].s.section_stack[j]] = true;
		}
		nva_slots_free(&q[i].s);
	}
	for (i = 0; i < TOTAL; i++)
		check(seen[i]);
}

void test_slots(void)
{
	set_up();
	ids();
	exhaustion();
	room();
	dice_seed(2);
	model();
	lending();
	lending_model();
}
