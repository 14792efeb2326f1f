// SPDX-License-Identifier: GPL-2.0
/* Statistics of the machine: exits by kind, KVM's own counters, SynIC, hypercalls, CPU time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>
#include <linux/kvm.h>

#include "bus.h"
#include "cputime.h"
#include "hypercall.h"
#include "loop.h"
#include "machine.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

/* KVM's binary statistics (Documentation/virt/kvm/api.rst, 4.133): the plain counters of them. */
static void put_kvm(struct json_object *into, int fd)
{
	struct kvm_stats_header head;
	struct kvm_stats_desc *desc;
	size_t size;
	char *all;

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head))
		return;
	size = sizeof(*desc) + head.name_size;
	all = calloc(head.num_desc, size);
	if (!all)
		return;
	if (pread(fd, all, head.num_desc * size, head.desc_offset) ==
	    (ssize_t)(head.num_desc * size)) {
		for (uint32_t i = 0; i < head.num_desc; i++) {
			uint64_t value;

			desc = (struct kvm_stats_desc *)(all + i * size);
			if (desc->size == 1 && pread(fd, &value, sizeof(value), head.data_offset +
						     desc->offset) == sizeof(value))
				stats_put(into, desc->name, value);
		}
	}
	free(all);
}

static void put_msrs(struct json_object *into, const struct vcpu *vcpu)
{
	char key[16];

	for (unsigned int i = 0; i < VCPU_MSR_COUNT; i++) {
		struct json_object *o;

		if (!stat_read(&vcpu->msr_read[i]) && !stat_read(&vcpu->msr_write[i]))
			continue;
		snprintf(key, sizeof(key), "0x%08x", VCPU_MSR_FIRST + i);
		o = stats_put_object(into, key);
		stats_put_stat(o, "reads", &vcpu->msr_read[i]);
		stats_put_stat(o, "writes", &vcpu->msr_write[i]);
	}
}

static void put_vcpu(struct json_object *into, struct vcpu *vcpu)
{
	struct cputime cpu;

	stats_put(into, "vp", vcpu->vp);
	stats_put(into, "node", vm_node_of(vcpu->vm, vcpu->vp));
	stats_put_stat(into, "exits", &vcpu->exits);
	stats_put_stat(into, "pio_in", &vcpu->pio_in);
	stats_put_stat(into, "pio_out", &vcpu->pio_out);
	stats_put_stat(into, "mmio_read", &vcpu->mmio_read);
	stats_put_stat(into, "mmio_write", &vcpu->mmio_write);
	stats_put_stat(into, "interrupted", &vcpu->interrupted);
	stats_put_stat(into, "other", &vcpu->other);
	put_msrs(stats_put_object(into, "msr"), vcpu);
	synic_dump(vcpu->vm, vcpu->vp, stats_put_object(into, "synic"));
	if (vcpu->started) {
		cputime_read(vcpu->thread, __atomic_load_n(&vcpu->tid, __ATOMIC_RELAXED), &cpu);
		cputime_put(stats_put_object(into, "cpu"), &cpu);
	}
	put_kvm(stats_put_object(into, "kvm"), vcpu->stats_fd);
}

static void dump_vcpus(void *opaque, struct json_object *into)
{
	struct vm *vm = opaque;
	struct json_object *array = stats_put_array(into, "vp");

	for (unsigned int i = 0; i < vm->n_vcpus; i++) {
		struct json_object *o = json_object_new_object();

		put_vcpu(o, &vm->vcpus[i]);
		json_object_array_add(array, o);
	}
}

static void dump_buses(void *opaque, struct json_object *into)
{
	struct vm *vm = opaque;

	bus_dump(vm->pio, stats_put_object(into, "port"));
	bus_dump(vm->mmio, stats_put_object(into, "mmio"));
}

static void dump_hypercalls(void *opaque, struct json_object *into)
{
	hypercall_dump(opaque, into);
}

static void dump_loops(void *opaque, struct json_object *into)
{
	struct vm *vm = opaque;
	struct cputime cpu;

	loop_cputime(vm->control, &cpu);
	cputime_put(stats_put_object(into, loop_name(vm->control)), &cpu);
	for (unsigned int i = 0; i < vm->n_io; i++) {
		loop_cputime(vm->io[i], &cpu);
		cputime_put(stats_put_object(into, loop_name(vm->io[i])), &cpu);
	}
}

void exits_create(struct vm *vm)
{
	stats_add_source(vm, "vcpus", dump_vcpus, vm);
	stats_add_source(vm, "bus", dump_buses, vm);
	stats_add_source(vm, "hypercalls", dump_hypercalls, vm);
	stats_add_source(vm, "loops", dump_loops, vm);
}
