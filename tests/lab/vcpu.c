// SPDX-License-Identifier: GPL-2.0
/* Virtual processors: a thread each, their exits, and holding them still. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "hypercall.h"
#include "loop.h"
#include "options.h"
#include "vcpu.h"
#include "vm.h"

#define KICK_SIGNAL (SIGRTMIN + 1)

/* Guards parked and finished of every vCPU, pauses, only and stopping. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned int pauses;
static bool stopping;
static struct vcpu *only;	/* may run in spite of a pause */
static void (*debug_hook)(struct vcpu *vcpu);

static void on_kick(int sig)
{
	/* Only there so that the signal interrupts KVM_RUN. */
}

static void doing(struct vcpu *vcpu, const char *what, uint64_t value)
{
	__atomic_store_n(&vcpu->doing_what, value, __ATOMIC_RELAXED);
	__atomic_store_n(&vcpu->doing, what, __ATOMIC_RELAXED);
}

static void exit_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	/* Copies: a callback may complete the instruction, and *run is KVM's again. */
	uint32_t count = run->io.count, size = run->io.size;
	uint16_t port = run->io.port;

	doing(vcpu, write ? "port write" : "port read", port);
	stat_inc(write ? &vcpu->pio_out : &vcpu->pio_in);
	for (; count; count--, data += size)
		bus_access(vcpu->vm->pio, vcpu->vp, write, port, size, data);
}

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	doing(vcpu, run->mmio.is_write ? "memory-mapped write" : "memory-mapped read",
	      run->mmio.phys_addr);
	stat_inc(run->mmio.is_write ? &vcpu->mmio_write : &vcpu->mmio_read);
	bus_access(vcpu->vm->mmio, vcpu->vp, run->mmio.is_write, run->mmio.phys_addr,
		   run->mmio.len, run->mmio.data);
}

static void exit_msr(struct vcpu *vcpu, bool write)
{
	struct kvm_run *run = vcpu->run;
	uint32_t slot = run->msr.index - VCPU_MSR_FIRST;

	doing(vcpu, write ? "MSR write" : "MSR read", run->msr.index);
	if (slot < VCPU_MSR_COUNT)
		stat_inc(write ? &vcpu->msr_write[slot] : &vcpu->msr_read[slot]);
	if (write) {
		run->msr.error = !hv_msr_write(vcpu, run->msr.index, run->msr.data);
	} else {
		uint64_t data = 0;

		run->msr.error = !hv_msr_read(vcpu, run->msr.index, &data);
		run->msr.data = data;
	}
	if (run->msr.error)
		log_debug("vp %u: %s of MSR 0x%x refused", vcpu->vp, write ? "write" : "read",
			  run->msr.index);
}

static void exit_internal(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	vm_stop(vcpu->vm, VM_END_TRIPLE_FAULT, 0,
		"KVM cannot go on with vp %u: internal error %u (%s)", vcpu->vp,
		run->internal.suberror,
		run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION ? "instruction emulation" :
		run->internal.suberror == KVM_INTERNAL_ERROR_DELIVERY_EV ? "event delivery" :
		run->internal.suberror == KVM_INTERNAL_ERROR_SIMUL_EX ? "simultaneous exceptions" :
		"see KVM_INTERNAL_ERROR_* in linux/kvm.h");
}

static void exit_handle(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	stat_inc(&vcpu->exits);
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		exit_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		break;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		exit_msr(vcpu, run->exit_reason == KVM_EXIT_X86_WRMSR);
		break;
	case KVM_EXIT_DEBUG:
		stat_inc(&vcpu->other);
		if (debug_hook)
			debug_hook(vcpu);
		break;
	case KVM_EXIT_SHUTDOWN:
		vm_stop(vcpu->vm, VM_END_TRIPLE_FAULT, 0, "vp %u triple-faulted", vcpu->vp);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		vm_stop(vcpu->vm, VM_END_TRIPLE_FAULT, 0,
			"the processor refuses to enter vp %u: reason 0x%llx", vcpu->vp,
			run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		exit_internal(vcpu);
		break;
	case KVM_EXIT_INTR:
		stat_inc(&vcpu->interrupted);
		break;
	default:
		vm_stop(vcpu->vm, VM_END_INTERNAL, 0, "vp %u: exit reason %u is unknown to hvlab",
			vcpu->vp, run->exit_reason);
		break;
	}
	doing(vcpu, NULL, 0);
}

/* May it not run? With the lock held. */
static bool resting(const struct vcpu *vcpu)
{
	/* Whoever ended the VM stays where it was, for the report. */
	return !stopping && ((pauses && only != vcpu) || vm_stopped(vcpu->vm));
}

/* Between two instructions: wait while somebody holds the vCPUs. Return: false to leave. */
static bool rest(struct vcpu *vcpu)
{
	bool go_on;

	pthread_mutex_lock(&lock);
	while (resting(vcpu)) {
		vcpu->parked = true;
		pthread_cond_broadcast(&changed);
		pthread_cond_wait(&changed, &lock);
	}
	vcpu->parked = false;
	go_on = !stopping;
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	return go_on;
}

void vcpu_complete_io(struct vcpu *vcpu)
{
	uint8_t before = __atomic_exchange_n(&vcpu->run->immediate_exit, 1, __ATOMIC_ACQ_REL);

	/* Always ends with EINTR: it runs no instruction. */
	if (ioctl(vcpu->fd, KVM_RUN, 0) == 0 || errno != EINTR)
		log_warn("vp %u: I/O did not complete: %s", vcpu->vp, strerror(errno));
	if (before)
		return;
	/* Somebody may have kicked meanwhile: take it back only when nobody waits for us. */
	pthread_mutex_lock(&lock);
	if ((!pauses || only == vcpu) && !stopping)
		__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
}

static void *vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->vp);
	pthread_setname_np(pthread_self(), name);
	__atomic_store_n(&vcpu->tid, gettid(), __ATOMIC_RELAXED);
	while (rest(vcpu)) {
		/* EAGAIN: a processor that waited for its start-up message got it. */
		for (;;) {
			if (ioctl(vcpu->fd, KVM_RUN, 0) == 0)
				exit_handle(vcpu);
			else if (errno != EAGAIN)
				break;
			if (vm_stopped(vcpu->vm))
				break;
		}
		if (errno != EINTR && !vm_stopped(vcpu->vm)) {
			vm_stop(vcpu->vm, VM_END_INTERNAL, 0, "vp %u: KVM_RUN: %s", vcpu->vp,
				strerror(errno));
		}
		stat_inc(&vcpu->interrupted);
	}
	pthread_mutex_lock(&lock);
	vcpu->finished = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void create(struct vm *vm, unsigned int vp, size_t run_size)
{
	struct vcpu *vcpu = &vm->vcpus[vp];

	vcpu->vm = vm;
	vcpu->vp = vp;
	vcpu->apic_id = cpuid_apic_id(vm, vp);
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, vcpu->apic_id);
	if (vcpu->fd < 0)
		log_fatal(EXIT_NO_KVM, "KVM cannot create vCPU %u (APIC id %u): %s", vp,
			  vcpu->apic_id, strerror(errno));
	vcpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		log_fatal(EXIT_INTERNAL, "vCPU %u: %s", vp, strerror(errno));
	vcpu->stats_fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL);
	cpuid_setup(vcpu);
}

void vcpu_create_all(struct vm *vm)
{
	struct sigaction sa = { .sa_handler = on_kick };
	int run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (run_size < (int)sizeof(struct kvm_run))
		log_fatal(EXIT_NO_KVM, "KVM_GET_VCPU_MMAP_SIZE: %s", strerror(errno));
	sigaction(KICK_SIGNAL, &sa, NULL);
	vm->vcpus = calloc(vm->n_vcpus, sizeof(vm->vcpus[0]));
	if (!vm->vcpus)
		log_fatal(EXIT_INTERNAL, "vCPUs: %s", strerror(ENOMEM));
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		create(vm, i, run_size);
}

void vcpu_start_all(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->n_vcpus; i++) {
		int err = pthread_create(&vm->vcpus[i].thread, NULL, vcpu_main, &vm->vcpus[i]);

		if (err)
			log_fatal(EXIT_INTERNAL, "thread of vCPU %u: %s", i, strerror(err));
		vm->vcpus[i].started = true;
	}
}

static void kick(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

static unsigned int count_left(struct vm *vm, bool finished)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		if (vm->vcpus[i].started &&
		    !(finished ? vm->vcpus[i].finished :
				 vm->vcpus[i].parked || vm->vcpus[i].finished))
			left++;
	return left;
}

/* With the lock held: kick all that run, and wait until none is left or the time is over. */
static unsigned int gather(struct vm *vm, bool finished, uint64_t timeout_ns)
{
	uint64_t end = clock_ns() + timeout_ns;
	unsigned int left;

	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		if (vm->vcpus[i].started && !vm->vcpus[i].parked && !vm->vcpus[i].finished &&
		    !pthread_equal(vm->vcpus[i].thread, pthread_self()))
			kick(&vm->vcpus[i]);
	while ((left = count_left(vm, finished))) {
		struct timespec ts;
		uint64_t now = clock_ns();

		if (now >= end)
			break;
		/* The condition's clock is the real-time one. */
		clock_gettime(CLOCK_REALTIME, &ts);
		now = (uint64_t)ts.tv_sec * 1000000000ULL + ts.tv_nsec + (end - now);
		ts.tv_sec = now / 1000000000ULL;
		ts.tv_nsec = now % 1000000000ULL;
		pthread_cond_timedwait(&changed, &lock, &ts);
	}
	return left;
}

unsigned int vcpu_pause_all(struct vm *vm, uint64_t timeout_ns)
{
	unsigned int left;

	pthread_mutex_lock(&lock);
	pauses++;
	left = gather(vm, false, timeout_ns);
	pthread_mutex_unlock(&lock);
	return left;
}

bool vcpu_hold(struct vcpu *self)
{
	bool begun = false;

	pthread_mutex_lock(&lock);
	if (only == self) {
		only = NULL;
	} else {
		pauses++;
		begun = true;
		gather(self->vm, false, 0);
	}
	__atomic_store_n(&self->run->immediate_exit, 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
	return begun;
}

unsigned int vcpu_gather(struct vm *vm, uint64_t timeout_ns)
{
	unsigned int left;

	pthread_mutex_lock(&lock);
	only = NULL;
	left = gather(vm, false, timeout_ns);
	pthread_mutex_unlock(&lock);
	return left;
}

void vcpu_run_only(struct vcpu *vcpu)
{
	pthread_mutex_lock(&lock);
	only = vcpu;
	vcpu->parked = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

void vcpu_resume_all(struct vm *vm)
{
	pthread_mutex_lock(&lock);
	if (!--pauses)
		pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

unsigned int vcpu_stop_all(struct vm *vm, uint64_t timeout_ns)
{
	unsigned int left;

	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&changed);
	left = gather(vm, true, timeout_ns);
	pthread_mutex_unlock(&lock);
	for (unsigned int i = 0; i < vm->n_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		if (!vcpu->started || !__atomic_load_n(&vcpu->finished, __ATOMIC_ACQUIRE))
			continue;
		pthread_join(vcpu->thread, NULL);
		vcpu->started = false;
	}
	return left;
}

void vcpu_set_debug_hook(void (*hook)(struct vcpu *vcpu))
{
	debug_hook = hook;
}
