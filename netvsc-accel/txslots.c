// SPDX-License-Identifier: GPL-2.0
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/barrier.h>

#include "txslots.h"

#define ID_SLOT_BITS	16
#define ID_SLOT_MASK	((1u << ID_SLOT_BITS) - 1)

/**
 * nva_slots_init() - allocate the slots of a queue, all free
 * @s: zeroed memory
 * @size: number of slots, a power of two up to NVA_SLOTS_MAX
 * @first_section: number of the first section of the send buffer that it holds
 * @n_sections: how many it holds from there on, may be 0; all numbers are below NVA_NO_SECTION
 * @section_room: how many it may ever hold, see nva_slots_lend(); at least as many
 * @node: NUMA node of the queue's CPU, or NUMA_NO_NODE
 *
 * Context: process. nva_slots_match() may be called meanwhile and finds nothing.
 * Return: 0, -EINVAL, or -ENOMEM with nothing allocated.
 */
int nva_slots_init(struct nva_slots *s, u32 size, u32 first_section, u32 n_sections,
		   u32 section_room, int node)
{
	u32 i;

	if (!size || size > NVA_SLOTS_MAX || size & (size - 1))
		return -EINVAL;
	if (first_section > NVA_NO_SECTION || n_sections > NVA_NO_SECTION - first_section ||
	    section_room < n_sections || section_room > NVA_NO_SECTION)
		return -EINVAL;
	s->slot = kvzalloc_node(array_size(size, sizeof(*s->slot)), GFP_KERNEL, node);
	s->stack = kvzalloc_node(array_size(size, sizeof(*s->stack)), GFP_KERNEL, node);
	s->returned = kvzalloc_node(array_size(size, sizeof(*s->returned)), GFP_KERNEL, node);
	s->section_stack = kvzalloc_node(array_size(section_room + 1, sizeof(*s->section_stack)),
					 GFP_KERNEL, node);
	if (!s->slot || !s->stack || !s->returned || !s->section_stack) {
		nva_slots_free(s);
		return -ENOMEM;
	}
	s->section_room = section_room;
	s->section_keep = DIV_ROUND_UP(n_sections, 2);
	s->n_sections = n_sections;
	for (i = 0; i < size; i++)
		s->stack[i] = size - 1 - i;
	for (i = 0; i < n_sections; i++)
		s->section_stack[i] = first_section + n_sections - 1 - i;
	s->n_free = size;
	s->n_free_sections = n_sections;
	s->head = 0;
	s->tail = 0;
	/* the completer may look already; pairs with nva_slots_match() */
	smp_store_release(&s->size, size);
	return 0;
}

/**
 * nva_slots_free() - release the memory of a queue's slots
 * @s: slots, also ones that nva_slots_init() never saw, in zeroed memory
 *
 * @generation is kept: ids of the queue's earlier life match nothing in its next.
 *
 * Context: process, neither producer nor completer runs any more.
 */
void nva_slots_free(struct nva_slots *s)
{
	u32 generation = s->generation;

	kvfree(s->slot);
	kvfree(s->stack);
	kvfree(s->returned);
	kvfree(s->section_stack);
	*s = (struct nva_slots) { .generation = generation };
}

/**
 * nva_slots_reclaim() - take back what the completer returned
 * @s: slots
 *
 * Context: producer.
 */
void nva_slots_reclaim(struct nva_slots *s)
{
	/* pairs with nva_slots_complete(): a slot seen here is no more looked at there */
	u32 head = smp_load_acquire(&s->head);

	while (s->tail != head) {
		u16 index = s->returned[s->tail & (s->size - 1)];

		s->tail++;
		nva_slots_put(s, &s->slot[index]);
	}
}

/**
 * nva_slots_take() - take a free slot
 * @s: slots
 *
 * Context: producer.
 * Return: the slot without skb and section, or NULL when all are under way.
 */
struct nva_slot *nva_slots_take(struct nva_slots *s)
{
	struct nva_slot *slot;

	if (!s->n_free)
		nva_slots_reclaim(s);
	if (!s->n_free)
		return NULL;
	slot = &s->slot[s->stack[--s->n_free]];
	slot->skb = NULL;
	slot->bytes = 0;
	slot->packets = 0;
	slot->section = NVA_NO_SECTION;
	return slot;
}

/**
 * nva_slots_take_section() - give a taken slot a section of the send buffer
 * @s: slots
 * @slot: taken slot without a section
 *
 * Context: producer.
 * Return: false when all sections are under way.
 */
bool nva_slots_take_section(struct nva_slots *s, struct nva_slot *slot)
{
	if (!s->n_free_sections)
		nva_slots_reclaim(s);
	if (!s->n_free_sections)
		return false;
	slot->section = s->section_stack[--s->n_free_sections];
	return true;
}

/**
 * nva_slots_lend() - let another queue have free sections
 * @from: who may have some to spare
 * @to: who has none
 *
 * Half of what is free goes: who is asked next still has some, and so has @from when its own
 * packets come. Half of a queue's own sections stay with it whatever happens. Nobody lends to who
 * is no worse off: @from has less than half as many under way as @to, or holds more than twice as
 * many. There is no giving back but being lent to.
 *
 * Context: producer of both.
 * Return: how many sections changed hands.
 */
u32 nva_slots_lend(struct nva_slots *from, struct nva_slots *to)
{
	u32 busy = to->n_sections - to->n_free_sections, spare, n;

	nva_slots_reclaim(from);
	if (2 * (from->n_sections - from->n_free_sections) >= busy &&
	    from->n_sections <= 2 * to->n_sections)
		return 0;
	if (from->n_sections <= from->section_keep || to->n_sections >= to->section_room)
		return 0;
	spare = min(DIV_ROUND_UP(from->n_free_sections, 2), from->n_sections - from->section_keep);
	n = min(spare, to->section_room - to->n_sections);
	from->n_free_sections -= n;
	from->n_sections -= n;
	memcpy(to->section_stack + to->n_free_sections, from->section_stack + from->n_free_sections,
	       n * sizeof(*to->section_stack));
	to->n_free_sections += n;
	to->n_sections += n;
	return n;
}

/**
 * nva_slots_room() - could so many slots and sections be taken?
 * @s: slots
 * @slots: this many slots
 * @sections: and this many sections
 *
 * Context: producer.
 * Return: true when they are free, what the completer returned included.
 */
bool nva_slots_room(struct nva_slots *s, u32 slots, u32 sections)
{
	if (s->n_free < slots || s->n_free_sections < sections)
		nva_slots_reclaim(s);
	return s->n_free >= slots && s->n_free_sections >= sections;
}

/**
 * nva_slots_put() - give back a slot that was not armed, and its section
 * @s: slots
 * @slot: taken slot
 *
 * Context: producer.
 */
void nva_slots_put(struct nva_slots *s, struct nva_slot *slot)
{
	if (slot->section != NVA_NO_SECTION)
		s->section_stack[s->n_free_sections++] = slot->section;
	s->stack[s->n_free++] = slot - s->slot;
}

/**
 * nva_slots_next_id() - the transaction id to send with a slot
 * @s: slots
 * @slot: taken slot
 *
 * Never 0: a host does not complete a request of that id. Never with one of the topmost 16 bits
 * set: those belong to other users of the channel.
 *
 * Context: producer.
 * Return: the id, not used by this queue in the last 2^32 calls.
 */
u64 nva_slots_next_id(struct nva_slots *s, const struct nva_slot *slot)
{
	s->generation++;
	return (u64)s->generation << ID_SLOT_BITS | (slot - s->slot + 1);
}

/**
 * nva_slots_arm() - let the completer find a slot
 * @slot: taken slot, all members set; its packet may be under way already and be completed at once
 * @id: as sent
 *
 * Context: producer, which does not touch slot, section or skb any more afterwards.
 */
void nva_slots_arm(struct nva_slot *slot, u64 id)
{
	/* pairs with nva_slots_match() */
	smp_store_release(&slot->id, id);
}

/**
 * nva_slots_match() - find the slot that a completion is for
 * @s: slots
 * @id: transaction id as the host sent it
 *
 * Context: completer.
 * Return: the slot, no longer armed, for nva_slots_complete(); NULL when no packet with this id is
 * under way.
 */
struct nva_slot *nva_slots_match(struct nva_slots *s, u64 id)
{
	u64 index = (id & ID_SLOT_MASK) - 1;
	/* pairs with nva_slots_init() */
	u32 size = smp_load_acquire(&s->size);
	struct nva_slot *slot;

	if (index >= size)
		return NULL;
	slot = &s->slot[array_index_nospec(index, size)];
	/* pairs with nva_slots_arm() */
	if (smp_load_acquire(&slot->id) != id)
		return NULL;
	WRITE_ONCE(slot->id, 0);
	return slot;
}

/**
 * nva_slots_complete() - return a slot to the producer
 * @s: slots
 * @slot: from nva_slots_match()
 *
 * Context: completer, which does not touch the slot any more afterwards.
 */
void nva_slots_complete(struct nva_slots *s, struct nva_slot *slot)
{
	s->returned[s->head & (s->size - 1)] = slot - s->slot;
	/* pairs with nva_slots_reclaim() */
	smp_store_release(&s->head, s->head + 1);
}

/**
 * nva_slots_armed() - walk the slots that the host never completed
 * @s: slots
 * @from: position, 0 for the first call
 *
 * Context: process, the channel is closed; neither producer nor completer runs any more.
 * Return: the next slot still armed, now disarmed, or NULL at the end.
 */
struct nva_slot *nva_slots_armed(struct nva_slots *s, u32 *from)
{
	while (*from < s->size) {
		struct nva_slot *slot = &s->slot[(*from)++];

		if (slot->id) {
			slot->id = 0;
			return slot;
		}
	}
	return NULL;
}

/**
 * nva_slots_available() - how many slots the producer could take
 * @s: slots
 *
 * Context: producer for an exact answer; from elsewhere it is a hint.
 * Return: free slots, returned ones included.
 */
u32 nva_slots_available(struct nva_slots *s)
{
	/* pairs with nva_slots_complete() */
	u32 head = smp_load_acquire(&s->head);

	return READ_ONCE(s->n_free) + (head - READ_ONCE(s->tail));
}
