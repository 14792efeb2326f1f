/* SPDX-License-Identifier: GPL-2.0 */
/* vcpu.h: virtual processors: threads, exits, pausing (vcpu.c), CPUID (cpuid.c). */
#ifndef HVLAB_VCPU_H
#define HVLAB_VCPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <linux/kvm.h>

#include "stats.h"

struct options;
struct vm;

#define VCPU_MSR_FIRST	0x40000000u	/* synthetic MSRs: these leave to user space */
#define VCPU_MSR_COUNT	512u

/**
 * struct vcpu - one virtual processor
 * @vp: VP index
 * @apic_id: local APIC id, also KVM's vCPU id
 * @run: shared with KVM
 */
struct vcpu {
	struct vm *vm;
	unsigned int vp;
	unsigned int apic_id;
	int fd;
	int stats_fd;			/* KVM's binary statistics, or -1 */
	struct kvm_run *run;
	pthread_t thread;
	int tid;
	bool started;
	/* Guarded by the lock in vcpu.c. */
	bool parked;
	bool finished;
	/* What the thread does outside KVM_RUN, for the deadline's report. */
	const char *doing;
	uint64_t doing_what;
	/* Exits to user space. */
	stat_t exits;
	stat_t pio_in, pio_out, mmio_read, mmio_write, interrupted, other;
	stat_t msr_read[VCPU_MSR_COUNT], msr_write[VCPU_MSR_COUNT];
};

/** vcpu_create_all() - make every vCPU of the machine with its CPUID; failures are fatal */
void vcpu_create_all(struct vm *vm);

/** vcpu_start_all() - start the threads */
void vcpu_start_all(struct vm *vm);

/**
 * vcpu_stop_all() - have every vCPU thread leave and wait for it
 * @timeout_ns: how long for all of them together
 *
 * Return: number of threads that are still somewhere in hvlab's own code.
 */
unsigned int vcpu_stop_all(struct vm *vm, uint64_t timeout_ns);

/**
 * vcpu_pause_all() - hold every vCPU between two instructions, with its I/O completed
 *
 * While held, any thread may use the vCPUs' registers. Pauses nest.
 * Return: number of vCPUs that did not get there within @timeout_ns.
 */
unsigned int vcpu_pause_all(struct vm *vm, uint64_t timeout_ns);

/** vcpu_resume_all() - counterpart of vcpu_pause_all() */
void vcpu_resume_all(struct vm *vm);

/** vcpu_set_debug_hook() - who is told about KVM_EXIT_DEBUG; called on the vCPU's thread */
void vcpu_set_debug_hook(void (*hook)(struct vcpu *vcpu));

/**
 * vcpu_hold() - begin a pause from a vCPU's own thread, without waiting
 *
 * @self is held once its callback has returned. vcpu_gather() waits for the others, and one
 * vcpu_resume_all() ends it. While @self alone may run (vcpu_run_only()) it only ends that.
 *
 * Return: true when a pause was begun.
 */
bool vcpu_hold(struct vcpu *self);

/** vcpu_gather() - wait until all are held by a pause begun before. Return: vCPUs left. */
unsigned int vcpu_gather(struct vm *vm, uint64_t timeout_ns);

/** vcpu_run_only() - let one vCPU run although all are held, until vcpu_hold() or vcpu_gather() */
void vcpu_run_only(struct vcpu *vcpu);

/**
 * vcpu_complete_io() - finish the I/O instruction of the exit in hand, without running on
 *
 * Context: the vCPU's thread. Afterwards RIP is behind the instruction.
 */
void vcpu_complete_io(struct vcpu *vcpu);

/** cpuid_setup() - give @vcpu its CPUID leaves: what KVM supports, minus what the lab hides */
void cpuid_setup(struct vcpu *vcpu);

/** cpuid_apic_id() - APIC id of @vp: a package a NUMA node, consecutive ids inside */
unsigned int cpuid_apic_id(const struct vm *vm, unsigned int vp);

/** cpuid_host_is_emulated() - is this processor itself emulated by QEMU's TCG? */
bool cpuid_host_is_emulated(void);

/** cpuid_hidden() - is XSAVE, are fast string instructions hidden? Resolves auto. */
void cpuid_hidden(const struct options *opt, bool *xsave, bool *rep);

#endif
