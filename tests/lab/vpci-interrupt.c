// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of a function behind vPCI. The guest asks for one with a vector and processors, and
 * gets an address and data for the function to write; later it names these two in
 * HvCallRetargetDeviceInterrupt (TLFS) to move it. They mean nothing to the machine's interrupt
 * controllers: only what was composed and not deleted is delivered.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "hyperv.h"
#include "log.h"
#include "vcpu.h"
#include "vm.h"
#include "vpci.h"

#define ADDRESS		   0xfee00000u /* where interrupt messages go on this machine */
#define ADDRESS_PROCESSOR  12
#define VECTOR_FIRST	   0x10u
#define VECTOR_LAST	   0xffu
#define MODE_FIXED	   0
#define MODE_LOWEST	   1
#define CONTIGUOUS_MAX	   32u
#define DATA_GENERATION	   24 /* so that a deleted interrupt's data is not soon another's */
#define DATA_INDEX	   8
#define SET_SPARSE	   0
#define SET_ALL		   1
#define PROCESSORS_OF_BANK 64u

_Static_assert(VPCI_INTERRUPTS <= 1u << (DATA_GENERATION - DATA_INDEX), "indices fit the data");

static uint64_t all_processors(const struct vpci *v)
{
	return v->vm->n_vcpus >= PROCESSORS_OF_BANK ? UINT64_MAX : (1ull << v->vm->n_vcpus) - 1;
}

/* With the lock held. */
static struct vpci_composed *find(struct vpci *v, uint64_t address, uint32_t data)
{
	uint32_t index = data >> DATA_INDEX & (VPCI_INTERRUPTS - 1);
	struct vpci_composed *c = &v->irq.one[index];

	if (c->address != address || data < c->data || data - c->data >= c->n)
		return NULL;
	return c;
}

uint32_t vpci_interrupt_create(struct vpci *v, const struct vpci_request *req,
			       struct vpci_interrupt *out)
{
	struct vpci_interrupts *irq = &v->irq;
	unsigned int i;

	if (!req->n_vectors || req->n_vectors > CONTIGUOUS_MAX ||
	    req->n_vectors & (req->n_vectors - 1) || req->vector < VECTOR_FIRST ||
	    req->vector > VECTOR_LAST - req->n_vectors + 1 ||
	    (req->mode != MODE_FIXED && req->mode != MODE_LOWEST) ||
	    !(req->processors & all_processors(v))) {
		stat_add_shared(&irq->refused, 1);
		judge(v->v.name, "vpci-interrupt",
		      "%u vectors from %#x, mode %u, processors %#llx of %u", req->n_vectors,
		      req->vector, req->mode, (unsigned long long)req->processors, v->vm->n_vcpus);
		return VPCI_STATUS_INVALID_PARAMETER;
	}
	pthread_mutex_lock(&irq->lock);
	for (i = 0; i < VPCI_INTERRUPTS && irq->one[i].n; i++)
		;
	if (i == VPCI_INTERRUPTS) {
		pthread_mutex_unlock(&irq->lock);
		stat_add_shared(&irq->refused, 1);
		judge(v->v.name, "vpci-interrupts", "more than %u at a time", VPCI_INTERRUPTS);
		return VPCI_STATUS_NO_RESOURCES;
	}
	irq->generation++;
	irq->one[i] = (struct vpci_composed){
		.n = req->n_vectors,
		.data = (uint32_t)irq->generation << DATA_GENERATION | i << DATA_INDEX,
		.address = ADDRESS,
		.vector = req->vector,
		.processors = req->processors & all_processors(v),
	};
	*out = (struct vpci_interrupt){
		.n_vectors = req->n_vectors,
		.data = irq->one[i].data,
		.address = irq->one[i].address,
	};
	pthread_mutex_unlock(&irq->lock);
	stat_add_shared(&irq->created, 1);
	return VPCI_STATUS_SUCCESS;
}

bool vpci_interrupt_delete(struct vpci *v, const struct vpci_interrupt *gone)
{
	struct vpci_composed *c;
	bool found;

	pthread_mutex_lock(&v->irq.lock);
	c = find(v, gone->address, gone->data);
	found = c && c->data == gone->data;
	if (found)
		c->n = 0;
	pthread_mutex_unlock(&v->irq.lock);
	if (found)
		stat_add_shared(&v->irq.deleted, 1);
	return found;
}

void vpci_interrupts_forget(struct vpci *v)
{
	pthread_mutex_lock(&v->irq.lock);
	for (unsigned int i = 0; i < VPCI_INTERRUPTS; i++)
		v->irq.one[i].n = 0;
	pthread_mutex_unlock(&v->irq.lock);
}

static int deliver(struct vpci *v, unsigned int vp, uint32_t vector)
{
	stat_add_shared(&v->irq.by_vp[vp], 1);
	return vm_irq_msi(v->vm, ADDRESS | (uint64_t)v->vm->vcpus[vp].apic_id << ADDRESS_PROCESSOR,
			  vector);
}

int vpci_interrupt_raise(struct vpci *v, uint64_t address, uint32_t data)
{
	struct fault_action todo = fault_at(FAULT_VPCI_MSI, v->v.name, NULL, 0);
	struct vpci_composed *c;
	uint64_t processors = 0;
	uint32_t vector = 0;
	int ret = 0;

	if (todo.kind == FAULT_DROP)
		return 0;
	pthread_mutex_lock(&v->irq.lock);
	c = find(v, address, data);
	if (c) {
		vector = c->vector + (data - c->data);
		processors = c->multicast ? c->processors : c->processors & -c->processors;
		c->delivered++;
	}
	pthread_mutex_unlock(&v->irq.lock);
	if (!c) {
		stat_add_shared(&v->irq.unknown, 1);
		return -ENOENT;
	}
	stat_add_shared(&v->irq.delivered, 1);
	for (; processors; processors &= processors - 1) {
		unsigned int vp = (unsigned int)__builtin_ctzll(processors);

		if (todo.kind == FAULT_DUPLICATE)
			deliver(v, vp, vector);
		ret = deliver(v, vp, vector);
	}
	return ret;
}

/* The processors a retarget call names, 0: it makes no sense. */
static uint64_t processors_of(const struct vpci *v, const struct vpci_retarget *call,
			      const uint8_t *rest, size_t len)
{
	uint64_t banks, bank;

	if (!(call->flags & VPCI_TARGET_SET))
		return call->mask_or_format;
	if (call->mask_or_format == SET_ALL)
		return all_processors(v);
	if (call->mask_or_format != SET_SPARSE || len < sizeof(banks))
		return 0;
	memcpy(&banks, rest, sizeof(banks));
	/* This machine has one bank of processors. */
	if (banks != 1 || len < sizeof(banks) + sizeof(bank))
		return 0;
	memcpy(&bank, rest + sizeof(banks), sizeof(bank));
	return bank;
}

/* On a vCPU thread: HvCallRetargetDeviceInterrupt. */
static uint16_t retarget(void *o, const void *in, size_t len)
{
	struct vpci *v = o;
	struct vpci_retarget call;
	struct vpci_composed *c;
	uint64_t processors;

	memcpy(&call, in, sizeof(call)); /* the caller has at least these */
	processors = processors_of(v, &call, (const uint8_t *)in + sizeof(call),
				   len - sizeof(call));
	if (call.source != VPCI_SOURCE_MSI || !processors || processors & ~all_processors(v) ||
	    call.vector < VECTOR_FIRST || call.vector > VECTOR_LAST) {
		stat_add_shared(&v->irq.retargets_refused, 1);
		judge(v->v.name, "vpci-retarget", "source %u, vector %#x, processors %#llx of %u",
		      call.source, call.vector, (unsigned long long)processors, v->vm->n_vcpus);
		return HV_STATUS_INVALID_PARAMETER;
	}
	pthread_mutex_lock(&v->irq.lock);
	c = find(v, call.address, call.data);
	if (c && c->n == 1) {
		c->vector = call.vector;
		c->processors = processors;
		c->multicast = call.flags & VPCI_TARGET_MULTICAST;
	} else if (c) {
		/* One of several contiguous ones: they keep together, as their data does. */
		c->vector = call.vector - (call.data - c->data);
		c->processors = processors;
	}
	pthread_mutex_unlock(&v->irq.lock);
	if (!c) {
		stat_add_shared(&v->irq.retargets_refused, 1);
		if (!__atomic_load_n(&v->absent, __ATOMIC_ACQUIRE))
			judge(v->v.name, "vpci-retarget", "no interrupt of data %#x at %#x",
			      call.data, call.address);
		return HV_STATUS_INVALID_PARAMETER;
	}
	stat_add_shared(&v->irq.retargets, 1);
	return HV_STATUS_SUCCESS;
}

/* The id by which the hypervisor knows the function: two parts of the bus's GUID, function 0. */
static uint64_t device_id(const struct vpci *v)
{
	const uint8_t *b = v->v.instance.b;

	return (uint32_t)b[5] << 24 | (uint32_t)b[4] << 16 | (uint32_t)b[7] << 8 | (b[6] & 0xf8u);
}

int vpci_interrupts_init(struct vpci *v)
{
	int err = hv_register_retarget(v->vm, device_id(v), retarget, v);

	if (!err)
		pthread_mutex_init(&v->irq.lock, NULL);
	return err;
}

void vpci_interrupts_free(struct vpci *v)
{
	hv_register_retarget(v->vm, device_id(v), NULL, NULL);
	pthread_mutex_destroy(&v->irq.lock);
}

static void dump_one(const struct vpci_composed *c, struct json_object *all)
{
	struct json_object *o = json_object_new_object();

	stats_put(o, "data", c->data);
	stats_put(o, "vectors", c->n);
	stats_put(o, "vector", c->vector);
	stats_put(o, "processors", c->processors);
	stats_put(o, "delivered", c->delivered);
	json_object_array_add(all, o);
}

void vpci_interrupts_dump(struct vpci *v, struct json_object *into)
{
	struct vpci_interrupts *irq = &v->irq;
	struct json_object *all, *vps;

	stats_put_stat(into, "created", &irq->created);
	stats_put_stat(into, "deleted", &irq->deleted);
	stats_put_stat(into, "refused", &irq->refused);
	stats_put_stat(into, "retargets", &irq->retargets);
	stats_put_stat(into, "retargets_refused", &irq->retargets_refused);
	stats_put_stat(into, "delivered", &irq->delivered);
	stats_put_stat(into, "unknown", &irq->unknown);
	vps = stats_put_array(into, "by_processor");
	for (unsigned int vp = 0; vp < v->vm->n_vcpus; vp++)
		json_object_array_add(vps, json_object_new_int64(stat_read(&irq->by_vp[vp])));
	all = stats_put_array(into, "composed");
	pthread_mutex_lock(&irq->lock);
	for (unsigned int i = 0; i < VPCI_INTERRUPTS; i++)
		if (irq->one[i].n)
			dump_one(&irq->one[i], all);
	pthread_mutex_unlock(&irq->lock);
}
