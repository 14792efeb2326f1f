// SPDX-License-Identifier: GPL-2.0
/*
 * Who owns which part of the receive buffer.
 *
 * A section is free, or taken by a batch being built, or lent to the guest as part of a transfer
 * until the guest completes that transfer's id. The id is the first section's index with a
 * generation above it, so that looking one up needs no search and a stale one is recognized.
 */
#include <stdlib.h>

#include "log.h"
#include "netvsp.h"

#define NONE UINT32_MAX

void sections_init(struct netvsp_recv_buf *recv)
{
	uint32_t i;

	free(recv->section);
	recv->section = calloc(recv->count, sizeof(*recv->section));
	if (!recv->section)
		log_fatal(EXIT_INTERNAL, "out of memory");
	for (i = 0; i < recv->count; i++)
		recv->section[i].next = i + 1 < recv->count ? i + 1 : NONE;
	recv->free = 0;
	recv->n_free = recv->count;
}

uint32_t sections_take(struct netvsp_recv_buf *recv, uint32_t *index, uint32_t n)
{
	uint32_t i;

	pthread_spin_lock(&recv->pool_lock);
	for (i = 0; i < n && recv->free != NONE; i++) {
		index[i] = recv->free;
		recv->free = recv->section[recv->free].next;
	}
	__atomic_store_n(&recv->n_free, recv->n_free - i, __ATOMIC_RELAXED);
	pthread_spin_unlock(&recv->pool_lock);
	return i;
}

void sections_give(struct netvsp_recv_buf *recv, const uint32_t *index, uint32_t n)
{
	uint32_t i;

	if (!n)
		return;
	pthread_spin_lock(&recv->pool_lock);
	for (i = n; i-- > 0;) {
		recv->section[index[i]].next = recv->free;
		recv->free = index[i];
	}
	__atomic_store_n(&recv->n_free, recv->n_free + n, __ATOMIC_RELAXED);
	pthread_spin_unlock(&recv->pool_lock);
}

uint64_t sections_lend(struct netvsp_channel *nc, const uint32_t *index, uint32_t n)
{
	struct netvsp_section *section = nc->dev->recv.section;
	uint64_t txid;
	uint32_t i;

	if (!++nc->generation)
		nc->generation = 1;
	txid = (uint64_t)nc->generation << 32 | index[0];
	for (i = 0; i < n; i++) {
		section[index[i]].txid = txid;
		section[index[i]].channel = (uint16_t)nc->index;
		section[index[i]].first = i == 0;
		section[index[i]].next = i + 1 < n ? index[i + 1] : NONE;
	}
	return txid;
}

bool sections_return(struct netvsp_channel *nc, uint64_t txid)
{
	struct netvsp_recv_buf *recv = &nc->dev->recv;
	uint32_t first = (uint32_t)txid, i, last;

	/* Ids in use have a generation; free sections have the id 0. */
	if (!recv->gpadl || first >= recv->count || !(txid >> 32) ||
	    recv->section[first].txid != txid || !recv->section[first].first ||
	    recv->section[first].channel != nc->index)
		return false;
	for (i = first;; i = recv->section[i].next) {
		recv->section[i].txid = 0;
		last = i;
		nc->n_freed++;
		if (recv->section[i].next == NONE)
			break;
	}
	recv->section[last].next = nc->freed;
	if (nc->freed == NONE)
		nc->freed_last = last;
	nc->freed = first;
	return true;
}

void sections_flush(struct netvsp_channel *nc)
{
	struct netvsp_recv_buf *recv = &nc->dev->recv;

	if (!nc->n_freed)
		return;
	if (recv->gpadl) {
		pthread_spin_lock(&recv->pool_lock);
		recv->section[nc->freed_last].next = recv->free;
		recv->free = nc->freed;
		__atomic_store_n(&recv->n_free, recv->n_free + nc->n_freed, __ATOMIC_RELAXED);
		pthread_spin_unlock(&recv->pool_lock);
	}
	nc->freed = NONE;
	nc->freed_last = NONE;
	nc->n_freed = 0;
}
