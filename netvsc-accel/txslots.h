/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is under way on one transmit queue: a slot for each VMBus packet that the host has not
 * completed, and the sections of the send buffer that the queue holds: its own, less what it lent
 * to other queues, and what these lent to it. Pure state without driver types, so that tests/unit
 * runs the same source.
 *
 * One producer (ndo_start_xmit, under the queue's tx lock) takes slots and sections from two
 * private stacks: the one freed last is the one still in cache. One completer (NAPI) gives slots
 * back through a ring of one producer and one consumer. No lock and no atomic read-modify-write
 * between the two.
 *
 * A slot's life: free -> taken (producer owns it, no one else can name it) -> armed (its id went to
 * the host) -> completed (completer has read it) -> free. The id carries a generation: a completion
 * that comes twice, late or out of thin air matches no armed slot.
 */
#ifndef HV_NETVSC_ACCEL_TXSLOTS_H
#define HV_NETVSC_ACCEL_TXSLOTS_H

#include <linux/cache.h>
#include <linux/types.h>

struct sk_buff;

#define NVA_NO_SECTION		0xffffu
#define NVA_SLOTS_MAX		0x8000u

/**
 * struct nva_slot - one VMBus packet under way
 * @id: transaction id while armed, else 0; written last by the producer, cleared first by the
 * completer
 * @skb: packet whose memory the host reads; NULL when the data was copied into a section
 * @bytes: bytes to report to BQL
 * @packets: packets to report to BQL
 * @section: the host's number of a section, or NVA_NO_SECTION
 */
struct nva_slot {
	u64 id;
	struct sk_buff *skb;
	u32 bytes;
	u16 packets;
	u16 section;
};

/**
 * struct nva_slots - slots and sections of a queue
 * @slot: all slots
 * @stack: free slots, the next one to take on top
 * @section_stack: free sections likewise
 * @returned: ring of slots that the completer gave back
 * @size: slots, a power of two
 * @section_room: sections it may hold
 * @section_keep: sections it never lends
 * @n_sections: sections it holds, those under way included
 * @n_free: height of @stack
 * @n_free_sections: height of @section_stack
 * @generation: of the id given last
 * @tail: read position in @returned
 * @head: write position in @returned; stored with release by the completer
 */
struct nva_slots {
	/* read only after nva_slots_init() */
	struct nva_slot *slot;
	u16 *stack;
	u16 *section_stack;
	u16 *returned;
	u32 size;
	u16 section_room;
	u16 section_keep;

	/* producer's */
	u32 n_free ____cacheline_aligned;
	u32 n_free_sections;
	u32 n_sections;
	u32 generation;
	u32 tail;

	/* completer's */
	u32 head ____cacheline_aligned;
};

int nva_slots_init(struct nva_slots *s, u32 size, u32 first_section, u32 n_sections,
		   u32 section_room, int node);
void nva_slots_free(struct nva_slots *s);
void nva_slots_reclaim(struct nva_slots *s);
struct nva_slot *nva_slots_take(struct nva_slots *s);
bool nva_slots_take_section(struct nva_slots *s, struct nva_slot *slot);
u32 nva_slots_lend(struct nva_slots *from, struct nva_slots *to);
bool nva_slots_room(struct nva_slots *s, u32 slots, u32 sections);
void nva_slots_put(struct nva_slots *s, struct nva_slot *slot);
u64 nva_slots_next_id(struct nva_slots *s, const struct nva_slot *slot);
void nva_slots_arm(struct nva_slot *slot, u64 id);
struct nva_slot *nva_slots_match(struct nva_slots *s, u64 id);
void nva_slots_complete(struct nva_slots *s, struct nva_slot *slot);
struct nva_slot *nva_slots_armed(struct nva_slots *s, u32 *from);
u32 nva_slots_available(struct nva_slots *s);

#endif
