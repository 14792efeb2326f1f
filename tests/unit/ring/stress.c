// SPDX-License-Identifier: GPL-2.0
/*
 * Two threads, real memory ordering: the driver sends numbered packets in batches of any size and
 * sleeps on a full ring, the host reads, answers each and sleeps when there is nothing; interrupts
 * and doorbells are semaphores. A lost wake-up is a hang, which the alarm in main.c ends.
 */
#include <semaphore.h>
#include <pthread.h>

#include "rig.h"

#define SIZE	PAGE_SIZE
#define PACKETS	300000u

static sem_t interrupt;
static u32 answered;

/* The host's inbound writer is the guest's ring turned round; it needs its own few lines. */
static void answer(u64 id)
{
	u32 was = rig.in->write_index, used;

	for (;;) {
		u32 read = __atomic_load_n(&rig.in->read_index, __ATOMIC_ACQUIRE);

		used = (was + SIZE - read) % SIZE;
		if (SIZE - used > 32)
			break;
		sched_yield();
	}
	host_put(VM_PKT_COMP, 0, id, NULL, 0, &id, 8);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&rig.in->interrupt_mask, __ATOMIC_SEQ_CST) &&
	    __atomic_load_n(&rig.in->read_index, __ATOMIC_SEQ_CST) == was)
		sem_post(&interrupt);
}

static void host_space(u32 before)
{
	u32 pending, write, now;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	pending = __atomic_load_n(&rig.out->pending_send_sz, __ATOMIC_SEQ_CST);
	if (!pending)
		return;
	write = __atomic_load_n(&rig.out->write_index, __ATOMIC_SEQ_CST);
	now = SIZE - (write + SIZE - rig.out->read_index) % SIZE;
	if (now > pending && now - (rig.out->read_index + SIZE - before) % SIZE <= pending)
		sem_post(&interrupt);
}

static void *host_thread(void *unused)
{
	unsigned long bells = 0;
	u8 packet[SIZE];
	u64 next = 0;

	(void)unused;
	while (next < PACKETS) {
		struct vmpacket_descriptor desc;
		u32 before = rig.out->read_index;

		__atomic_store_n(&rig.out->interrupt_mask, 1, __ATOMIC_SEQ_CST);
		if (host_take(packet, sizeof(packet))) {
			memcpy(&desc, packet, sizeof(desc));
			if (desc.trans_id != next) {
				check(desc.trans_id == next);
				break;
			}
			host_space(before);
			answer(next++);
			continue;
		}
		__atomic_store_n(&rig.out->interrupt_mask, 0, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (rig_used(rig.out))
			continue;
		/* Asleep until a doorbell rings. */
		while (bells == __atomic_load_n(&rig.signals, __ATOMIC_SEQ_CST))
			sched_yield();
		bells = __atomic_load_n(&rig.signals, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* NAPI, run by the driver's thread when an interrupt came. */
static void poll_all(void)
{
	struct hva_reader reader;
	struct hva_packet packet;

	hva_read_mask(&rig.hc);
	do {
		hva_read_mask(&rig.hc);
		hva_read_begin(&reader, &rig.hc);
		while (hva_read_next(&reader, &packet) == 1) {
			check(packet.txid == answered);
			answered++;
		}
		hva_read_end(&reader);
	} while (hva_read_unmask(&rig.hc));
}

void test_stress(void)
{
	static const u8 payload[512];
	u32 next = 0, len = 40, room = hva_inband_size(512);
	pthread_t host;

	rig_seed(7);
	rig_reset(SIZE, false);
	sem_init(&interrupt, 0, 0);
	answered = 0;
	pthread_create(&host, NULL, host_thread, NULL);
	while (next < PACKETS && !rig_failures) {
		u32 n = 1 + rig_random() % 16;
		struct hva_batch batch;

		hva_batch_begin(&batch, &rig.hc);
		for (; n && next < PACKETS; n--) {
			len = rig_random() % 512;
			if (hva_batch_inband(&batch, payload, len, next, 0))
				break;
			next++;
		}
		if (hva_batch_end(&batch, n > 1 && rig_random() & 1) == -EAGAIN) {
			hva_flush(&rig.hc);
			if (!hva_wait_space(&rig.hc, room)) {
				do {
					sem_wait(&interrupt);
					poll_all();
				} while (!hva_has_space(&rig.hc, room));
			}
		}
		if (!sem_trywait(&interrupt))
			poll_all();
	}
	hva_flush(&rig.hc);
	while (answered < PACKETS && !rig_failures) {
		sem_wait(&interrupt);
		poll_all();
	}
	pthread_join(host, NULL);
	check(answered == PACKETS);
	check(!rig.hc.lost && !rig.hc.stats.tx_bad_index);
}
