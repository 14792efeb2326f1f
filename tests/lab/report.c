// SPDX-License-Identifier: GPL-2.0
/* Where everything is, when a deadline passed or the guest crashed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/kvm.h>

#include "log.h"
#include "loop.h"
#include "options.h"
#include "report.h"
#include "symbols.h"
#include "vcpu.h"
#include "vm.h"

#define STACK_WORDS 1024	/* looked at */
#define CALLS_MAX 12		/* printed */
#define WORDS_PRINTED 8
#define MSR_LSTAR 0xc0000082u
#define MS(ns) ((ns) / 1000000)

static struct symbols *guest;

void report_load(struct vm *vm)
{
	char err[256];

	if (!vm->opt->symbols)
		return;
	guest = symbols_load(vm->opt->symbols, err, sizeof(err));
	if (!guest)
		log_fatal(EXIT_USAGE, "%s", err);
}

/* KASLR: the kernel tells the processor where its system call entry really is. */
static void find_offset(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry.index = MSR_LSTAR };
	uint64_t address;

	if (!guest || !symbols_address(guest, "entry_SYSCALL_64", &address))
		return;
	if (ioctl(vcpu->fd, KVM_GET_MSRS, &msr) == 1 && msr.entry.data)
		symbols_set_offset(guest, (int64_t)(msr.entry.data - address));
}

struct symbols *report_symbols(struct vcpu *vcpu)
{
	char err[256];

	/* A vmlinux brings its own names. */
	if (!guest)
		guest = symbols_load(vcpu->vm->opt->kernel, err, sizeof(err));
	find_offset(vcpu);
	return guest;
}

static bool read_word(struct vcpu *vcpu, uint64_t address, uint64_t *word)
{
	struct kvm_translation where = { .linear_address = address };
	const void *p;

	if (ioctl(vcpu->fd, KVM_TRANSLATE, &where) || !where.valid)
		return false;
	p = vm_gpa(vcpu->vm, where.physical_address, sizeof(*word));
	if (!p)
		return false;
	memcpy(word, p, sizeof(*word));
	return true;
}

static void print_stack(struct vcpu *vcpu, uint64_t rsp)
{
	unsigned int calls = 0;
	char line[256], name[128];
	uint64_t word;
	int n = 0;

	rsp &= ~7ULL;
	for (unsigned int i = 0; i < WORDS_PRINTED && read_word(vcpu, rsp + 8 * i, &word); i++)
		n += snprintf(line + n, sizeof(line) - n, " %016" PRIx64, word);
	if (n)
		log_info("    stack%s", line);
	/* Not an unwinder: words on the stack that lie in the kernel's text. */
	for (unsigned int i = 0; guest && i < STACK_WORDS && calls < CALLS_MAX; i++) {
		if (!read_word(vcpu, rsp + 8 * i, &word))
			break;
		if (!symbols_format(guest, word, name, sizeof(name)))
			continue;
		log_info("    ? %s", name);
		calls++;
	}
}

static void print_vcpu(struct vcpu *vcpu)
{
	const char *doing = __atomic_load_n(&vcpu->doing, __ATOMIC_RELAXED);
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_mp_state mp = { 0 };
	char name[128];

	if (vcpu->started && !vcpu->parked && !vcpu->finished) {
		log_info("vp %u: in hvlab, handling %s 0x%" PRIx64, vcpu->vp,
			 doing ? doing : "nothing known", vcpu->doing_what);
		return;
	}
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs)) {
		log_info("vp %u: %s", vcpu->vp, strerror(errno));
		return;
	}
	ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp);
	if (mp.mp_state == KVM_MP_STATE_UNINITIALIZED ||
	    mp.mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		log_info("vp %u: not started by the guest", vcpu->vp);
		return;
	}
	symbols_format(guest, regs.rip, name, sizeof(name));
	log_info("vp %u: rip %s (%016llx) rsp %016llx cr3 %llx cpl %u interrupts %s%s", vcpu->vp,
		 name, regs.rip, regs.rsp, sregs.cr3, sregs.cs.selector & 3,
		 regs.rflags & 0x200 ? "on" : "off",
		 mp.mp_state == KVM_MP_STATE_HALTED ? ", halted" : "");
	if ((sregs.cs.selector & 3) == 0)
		print_stack(vcpu, regs.rsp);
}

static void print_loop(const struct loop *loop)
{
	const char *kind;
	uint64_t since;
	const void *what = loop_doing(loop, &kind, &since);
	char name[128];

	if (!what) {
		log_info("loop %s: waiting", loop_name(loop));
		return;
	}
	symbols_format(symbols_self(), (uintptr_t)what, name, sizeof(name));
	log_info("loop %s: in %s %s for %" PRIu64 " ms", loop_name(loop), kind, name, MS(since));
}

void report_all(struct vm *vm)
{
	report_symbols(&vm->vcpus[0]);
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		print_vcpu(&vm->vcpus[i]);
	print_loop(vm->control);
	for (unsigned int i = 0; i < vm->n_io; i++)
		print_loop(vm->io[i]);
}
