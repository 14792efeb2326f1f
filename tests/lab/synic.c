// SPDX-License-Identifier: GPL-2.0
/*
 * The synthetic interrupt controller (TLFS chapter 11): message slots, event flags, interrupts.
 *
 * A message slot is free when its type is zero. The host fills a free slot; while it is taken,
 * messages wait here, the slot's pending flag is set, and the guest writes EOM once it has emptied
 * the slot. The flag is set before the type is looked at again, the guest clears the type before it
 * looks at the flag: one of the two always notices the other.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "hypercall.h"
#include "log.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

#define SINT_VECTOR(sint)	((uint32_t)((sint) & 0xff))
#define SINT_MASKED		(1ULL << 16)
#define SINT_AUTO_EOI		(1ULL << 17)
#define SINT_POLLING		(1ULL << 18)
#define SINT_RESET_VALUE	SINT_MASKED
#define SINT_VECTOR_MIN		16	/* below are exceptions */

#define SCONTROL_ENABLE		1ULL
#define SVERSION_VALUE		1ULL

#define MESSAGE_PENDING		1	/* bit of the slot's flags */
#define MSI_ADDRESS		0xfee00000ULL
#define MSI_DESTINATION(id)	((uint64_t)(id) << 12)

/* A slot of the message page: 256 bytes, TLFS HV_MESSAGE. */
struct message_slot {
	uint32_t type;
	uint8_t size;
	uint8_t flags;
	uint8_t reserved[2];
	uint64_t port;
	uint8_t payload[SYNIC_MESSAGE_PAYLOAD];
};

_Static_assert(sizeof(struct message_slot) == 256, "HV_MESSAGE is 256 bytes");

struct message {
	struct message *next;
	struct message_slot slot;
};

struct source {
	uint64_t reg;			/* SINTx, atomic */
	struct message *first;		/* waiting; under the VP's lock */
	struct message **last;
	unsigned int waiting;
};

struct synic_vp {
	/* Guards message slots and queues; registers are written under it, read anywhere. */
	pthread_mutex_t lock;
	uint64_t scontrol;
	uint64_t siefp;
	uint64_t simp;
	uint8_t *siefp_page;		/* host address while enabled, atomic */
	struct message_slot *simp_page;
	struct source sint[SYNIC_SINTS];
	unsigned int waiting;
	stat_t messages, queued, refused, events, events_merged, events_lost, interrupts, eom;
};

struct synic {
	unsigned int n;
	struct synic_vp vp[];
};

static struct synic_vp *get(struct vm *vm, unsigned int vp)
{
	return &vm->hv->synic->vp[vp];
}

struct synic *synic_create(struct vm *vm)
{
	struct synic *synic = calloc(1, sizeof(*synic) +
				     vm->n_vcpus * sizeof(synic->vp[0]));

	if (!synic)
		log_fatal(EXIT_INTERNAL, "SynIC: %s", strerror(ENOMEM));
	synic->n = vm->n_vcpus;
	for (unsigned int i = 0; i < vm->n_vcpus; i++) {
		struct synic_vp *s = &synic->vp[i];

		pthread_mutex_init(&s->lock, NULL);
		for (unsigned int j = 0; j < SYNIC_SINTS; j++) {
			s->sint[j].reg = SINT_RESET_VALUE;
			s->sint[j].last = &s->sint[j].first;
		}
	}
	return synic;
}

static void interrupt(struct vm *vm, unsigned int vp, uint64_t reg)
{
	if (reg & SINT_POLLING)
		return;
	vm_irq_msi(vm, MSI_ADDRESS | MSI_DESTINATION(vm->vcpus[vp].apic_id), SINT_VECTOR(reg));
	stat_add_shared(&get(vm, vp)->interrupts, 1);
}

/* Both of the SynIC and its source are on. */
static bool source_is_on(const struct synic_vp *s, unsigned int sint, uint64_t *reg)
{
	*reg = __atomic_load_n(&s->sint[sint].reg, __ATOMIC_ACQUIRE);
	return (__atomic_load_n(&s->scontrol, __ATOMIC_ACQUIRE) & SCONTROL_ENABLE) &&
	       !(*reg & SINT_MASKED);
}

/* Payload first, type last: the guest looks at the type only. */
static void fill(struct message_slot *slot, const struct message_slot *from, bool more)
{
	/* Whole: a fault may have made the size a lie. */
	memcpy(slot->payload, from->payload, sizeof(slot->payload));
	slot->port = from->port;
	slot->size = from->size;
	slot->flags = more ? MESSAGE_PENDING : 0;
	__atomic_store_n(&slot->type, from->type, __ATOMIC_RELEASE);
}

/* With the lock held: move waiting messages of one source to its slot, as far as it is free. */
static void drain(struct vm *vm, unsigned int vp, unsigned int sint)
{
	struct synic_vp *s = get(vm, vp);
	struct source *source = &s->sint[sint];
	struct message *m = source->first;
	struct message_slot *slot;
	uint64_t reg;

	if (!m || !s->simp_page || !source_is_on(s, sint, &reg))
		return;
	slot = &s->simp_page[sint];
	if (__atomic_load_n(&slot->type, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_or(&slot->flags, MESSAGE_PENDING, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&slot->type, __ATOMIC_SEQ_CST))
			return;
	}
	source->first = m->next;
	if (!source->first)
		source->last = &source->first;
	source->waiting--;
	s->waiting--;
	fill(slot, &m->slot, source->first);
	free(m);
	stat_add_shared(&s->messages, 1);
	interrupt(vm, vp, reg);
}

static void drain_all(struct vm *vm, unsigned int vp)
{
	if (!get(vm, vp)->waiting)
		return;
	for (unsigned int i = 0; i < SYNIC_SINTS; i++)
		drain(vm, vp, i);
}

void synic_forget(struct vm *vm)
{
	for (unsigned int vp = 0; vp < vm->hv->synic->n; vp++) {
		struct synic_vp *s = get(vm, vp);

		pthread_mutex_lock(&s->lock);
		for (unsigned int i = 0; i < SYNIC_SINTS; i++) {
			struct source *source = &s->sint[i];

			while (source->first) {
				struct message *m = source->first;

				source->first = m->next;
				free(m);
			}
			source->last = &source->first;
			source->waiting = 0;
		}
		s->waiting = 0;
		pthread_mutex_unlock(&s->lock);
	}
}

/* With the lock held: put a copy of the message into its queue. */
static int enqueue(struct synic_vp *s, unsigned int sint, const struct message_slot *slot)
{
	struct source *source = &s->sint[sint];
	struct message *m = s->waiting < SYNIC_QUEUE_MAX ? calloc(1, sizeof(*m)) : NULL;

	if (!m) {
		stat_add_shared(&s->refused, 1);
		return -ENOBUFS;
	}
	m->slot = *slot;
	*source->last = m;
	source->last = &m->next;
	source->waiting++;
	s->waiting++;
	return 0;
}

int synic_post(struct vm *vm, unsigned int vp, unsigned int sint, uint32_t type, uint64_t port,
	       const void *payload, size_t len)
{
	struct message_slot slot = { .type = type, .size = len, .port = port };
	struct fault_action todo;
	struct synic_vp *s;
	int err;

	if (vp >= vm->n_vcpus || sint >= SYNIC_SINTS || !type || len > SYNIC_MESSAGE_PAYLOAD)
		return -EINVAL;
	memcpy(slot.payload, payload, len);
	todo = fault_at(FAULT_SYNIC_POST, NULL, &slot, sizeof(slot));
	if (todo.kind == FAULT_DROP)
		return 0;
	s = get(vm, vp);
	pthread_mutex_lock(&s->lock);
	err = enqueue(s, sint, &slot);
	if (!err && todo.kind == FAULT_DUPLICATE)
		err = enqueue(s, sint, &slot);
	if (!err) {
		drain(vm, vp, sint);
		if (s->sint[sint].first)
			stat_add_shared(&s->queued, 1);
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

int synic_signal(struct vm *vm, unsigned int vp, unsigned int sint, unsigned int flag)
{
	struct fault_action todo;
	struct synic_vp *s;
	uint64_t reg;
	uint8_t *page;

	if (vp >= vm->n_vcpus || sint >= SYNIC_SINTS || flag >= SYNIC_FLAGS_PER_SINT)
		return -EINVAL;
	todo = fault_at(FAULT_SYNIC_SIGNAL, NULL, NULL, 0);
	if (todo.kind == FAULT_DROP)
		return 1;
	s = get(vm, vp);
	page = __atomic_load_n(&s->siefp_page, __ATOMIC_ACQUIRE);
	if (!page || !source_is_on(s, sint, &reg)) {
		stat_add_shared(&s->events_lost, 1);
		return -EAGAIN;
	}
	page += sint * (SYNIC_FLAGS_PER_SINT / 8) + flag / 8;
	if (__atomic_fetch_or(page, 1u << (flag % 8), __ATOMIC_SEQ_CST) & (1u << (flag % 8))) {
		stat_add_shared(&s->events_merged, 1);
		return 0;
	}
	stat_add_shared(&s->events, 1);
	interrupt(vm, vp, reg);
	if (todo.kind == FAULT_DUPLICATE)
		interrupt(vm, vp, reg);
	return 1;
}

bool synic_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	struct synic_vp *s = get(vcpu->vm, vcpu->vp);

	switch (msr) {
	case HV_MSR_SCONTROL:
		*value = s->scontrol;
		return true;
	case HV_MSR_SVERSION:
		*value = SVERSION_VALUE;
		return true;
	case HV_MSR_SIEFP:
		*value = s->siefp;
		return true;
	case HV_MSR_SIMP:
		*value = s->simp;
		return true;
	case HV_MSR_EOM:
		*value = 0;
		return true;
	default:
		if (msr < HV_MSR_SINT0 || msr > HV_MSR_SINT15)
			return false;
		*value = s->sint[msr - HV_MSR_SINT0].reg;
		return true;
	}
}

/* Host address of a page MSR's page; NULL when off. Return: false when it is not RAM. */
static bool page_of(const struct vm *vm, uint64_t value, void **page)
{
	*page = NULL;
	if (!(value & HV_PAGE_ENABLE))
		return true;
	*page = vm_gpa(vm, value & HV_PAGE_MASK, HV_PAGE_SIZE);
	return *page;
}

static bool write_sint(struct synic_vp *s, unsigned int sint, uint64_t value)
{
	if (!(value & (SINT_MASKED | SINT_POLLING)) && SINT_VECTOR(value) < SINT_VECTOR_MIN)
		return false;
	/* The guest was told that AutoEOI is deprecated; an MSI cannot do it either. */
	if (value & SINT_AUTO_EOI && !(value & SINT_MASKED))
		log_debug("SINT%u asks for AutoEOI, which the lab does not have", sint);
	__atomic_store_n(&s->sint[sint].reg, value, __ATOMIC_RELEASE);
	return true;
}

bool synic_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	struct synic_vp *s = get(vcpu->vm, vcpu->vp);
	bool ok = true;
	void *page;

	pthread_mutex_lock(&s->lock);
	switch (msr) {
	case HV_MSR_SCONTROL:
		__atomic_store_n(&s->scontrol, value, __ATOMIC_RELEASE);
		break;
	case HV_MSR_SIEFP:
		ok = page_of(vcpu->vm, value, &page);
		if (ok) {
			s->siefp = value;
			__atomic_store_n(&s->siefp_page, page, __ATOMIC_RELEASE);
		}
		break;
	case HV_MSR_SIMP:
		ok = page_of(vcpu->vm, value, &page);
		if (ok) {
			s->simp = value;
			s->simp_page = page;
		}
		break;
	case HV_MSR_EOM:
		stat_add_shared(&s->eom, 1);
		break;
	default:
		ok = msr >= HV_MSR_SINT0 && msr <= HV_MSR_SINT15 &&
		     write_sint(s, msr - HV_MSR_SINT0, value);
		break;
	}
	if (ok)
		drain_all(vcpu->vm, vcpu->vp);
	pthread_mutex_unlock(&s->lock);
	return ok;
}

void synic_dump(struct vm *vm, unsigned int vp, struct json_object *into)
{
	struct synic_vp *s = get(vm, vp);

	stats_put_stat(into, "messages", &s->messages);
	stats_put_stat(into, "messages_queued", &s->queued);
	stats_put_stat(into, "messages_refused", &s->refused);
	stats_put_stat(into, "eom", &s->eom);
	stats_put_stat(into, "events", &s->events);
	stats_put_stat(into, "events_merged", &s->events_merged);
	stats_put_stat(into, "events_lost", &s->events_lost);
	stats_put_stat(into, "interrupts", &s->interrupts);
}
