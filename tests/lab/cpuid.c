// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID of the guest: what KVM supports, minus what would disturb measuring or does not work in an
 * emulated first level, plus topology and the Hyper-V leaves of the TLFS.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hypercall.h"
#include "options.h"
#include "vcpu.h"
#include "vm.h"

#define ENTRIES_MAX 256

#define LEAF_HV_FIRST	0x40000000u
#define LEAF_HV_END	0x40010000u

#define BIT(n) (1u << (n))

static unsigned int per_node(const struct vm *vm)
{
	return (vm->n_vcpus + vm->n_nodes - 1) / vm->n_nodes;
}

/* Bits of an APIC id that tell processors of one package (= node) apart. */
static unsigned int package_shift(const struct vm *vm)
{
	unsigned int shift = 0;

	while ((1u << shift) < per_node(vm))
		shift++;
	return shift;
}

unsigned int cpuid_apic_id(const struct vm *vm, unsigned int vp)
{
	return vp / per_node(vm) << package_shift(vm) | vp % per_node(vm);
}

bool cpuid_host_is_emulated(void)
{
	unsigned int a, b, c, d;

	__cpuid(1, a, b, c, d);
	if (!(c & BIT(31)))
		return false;
	__cpuid(0x40000000, a, b, c, d);
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447; /* "TCGTCGTCGTCG" */
}

static bool resolve(enum option_auto choice)
{
	return choice == OPTION_AUTO ? cpuid_host_is_emulated() : choice == OPTION_OFF;
}

void cpuid_hidden(const struct options *opt, bool *xsave, bool *rep)
{
	*xsave = resolve(opt->cpu_xsave);
	*rep = resolve(opt->cpu_rep);
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == function &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

static void drop(struct kvm_cpuid2 *cpuid, uint32_t first, uint32_t end)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function < first || cpuid->entries[i].function >= end)
			cpuid->entries[n++] = cpuid->entries[i];
	cpuid->nent = n;
}

static void add(struct kvm_cpuid2 *cpuid, struct kvm_cpuid_entry2 e)
{
	if (cpuid->nent < ENTRIES_MAX)
		cpuid->entries[cpuid->nent++] = e;
}

/*
 * XSAVE and everything that lives in its state: QEMU's TCG does not intercept XSETBV for a nested
 * hypervisor as KVM expects, so the guest would see sizes that do not match its XCR0.
 */
static void hide_xsave(struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid_entry2 *e;

	e = find(cpuid, 1, 0);
	if (e)	/* FMA, XSAVE, OSXSAVE, AVX, F16C */
		e->ecx &= ~(BIT(12) | BIT(26) | BIT(27) | BIT(28) | BIT(29));
	e = find(cpuid, 7, 0);
	if (e) {
		/* AVX2, MPX and the AVX-512 families */
		e->ebx &= ~(BIT(5) | BIT(14) | BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) |
			    BIT(28) | BIT(30) | BIT(31));
		/* VBMI, PKU, OSPKE, VBMI2, CET, VAES, VPCLMUL, VNNI, BITALG, VPOPCNTDQ */
		e->ecx &= ~(BIT(1) | BIT(3) | BIT(4) | BIT(6) | BIT(7) | BIT(9) | BIT(10) |
			    BIT(11) | BIT(12) | BIT(14));
		/* 4VNNIW, 4FMAPS, VP2INTERSECT, IBT, AMX, AVX512-FP16 */
		e->edx &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(20) | BIT(22) | BIT(23) | BIT(24) |
			    BIT(25));
	}
	e = find(cpuid, 7, 1);
	if (e) {	/* AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA and newer vector sets */
		e->eax &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23));
		e->edx = 0;
	}
	e = find(cpuid, 0x80000001, 0);
	if (e)	/* XOP, FMA4 */
		e->ecx &= ~(BIT(11) | BIT(16));
	drop(cpuid, 0xd, 0xe);
	drop(cpuid, 0x1d, 0x1f);	/* AMX tiles */
	drop(cpuid, 0x24, 0x25);	/* AVX10 */
}

/*
 * Fast string instructions: an emulator pays for them by the byte, a real processor does not, so
 * that a kernel which trusts these bits would be measured wrongly.
 */
static void hide_rep(struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid_entry2 *e = find(cpuid, 7, 0);

	if (e) {
		e->ebx &= ~BIT(9);	/* ERMS */
		e->edx &= ~BIT(4);	/* FSRM */
	}
	e = find(cpuid, 7, 1);
	if (e)
		e->eax &= ~(BIT(10) | BIT(11) | BIT(12));	/* FZRM, FSRS, FSRC */
}

static void topology(struct kvm_cpuid2 *cpuid, const struct vcpu *vcpu)
{
	unsigned int shift = package_shift(vcpu->vm), n = 1u << shift;
	struct kvm_cpuid_entry2 *e;

	e = find(cpuid, 1, 0);
	if (e) {
		e->ebx &= 0x0000ffff;
		e->ebx |= vcpu->apic_id << 24 | n << 16;
		if (n > 1)
			e->edx |= BIT(28);	/* HTT: several logical processors a package */
		else
			e->edx &= ~BIT(28);
	}
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		e = &cpuid->entries[i];
		if ((e->function == 4 || e->function == 0x8000001d) && (e->eax & 0x1f)) {
			unsigned int level = e->eax >> 5 & 7;

			/* The last level is the package's, the others a processor's own. */
			e->eax &= 0x3fff;
			e->eax |= (level >= 3 ? n - 1 : 0) << 14;
			if (e->function == 4)
				e->eax |= (n - 1) << 26;
		}
	}
	e = find(cpuid, 0x80000008, 0);
	if (e)
		e->ecx = (e->ecx & ~0xf0ffu) | shift << 12 | (n - 1);
	e = find(cpuid, 0x8000001e, 0);
	if (e) {
		e->eax = vcpu->apic_id;
		e->ebx = vcpu->apic_id & (n - 1);
		e->ecx = vm_node_of(vcpu->vm, vcpu->vp);
	}
	drop(cpuid, 0x1f, 0x20);
	drop(cpuid, 0x80000026, 0x80000027);
	if (find(cpuid, 0, 0) && find(cpuid, 0, 0)->eax >= 0xb) {
		drop(cpuid, 0xb, 0xc);
		add(cpuid, (struct kvm_cpuid_entry2){
			.function = 0xb, .index = 0, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = 0, .ebx = 1, .ecx = 1 << 8 | 0, .edx = vcpu->apic_id });
		add(cpuid, (struct kvm_cpuid_entry2){
			.function = 0xb, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = shift, .ebx = n, .ecx = 2 << 8 | 1, .edx = vcpu->apic_id });
		add(cpuid, (struct kvm_cpuid_entry2){
			.function = 0xb, .index = 2, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.ecx = 2, .edx = vcpu->apic_id });
	}
}

static void features(struct kvm_cpuid2 *cpuid, const struct vcpu *vcpu)
{
	struct kvm_cpuid_entry2 *e = find(cpuid, 1, 0);

	if (e) {
		e->ecx |= BIT(31);		/* under a hypervisor */
		e->ecx &= ~(BIT(5) | BIT(3));	/* no VMX, no MONITOR */
		if (ioctl(vcpu->vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
			e->ecx |= BIT(24);
	}
	e = find(cpuid, 0x80000001, 0);
	if (e)
		e->ecx &= ~BIT(2);		/* no SVM */
	drop(cpuid, 0xa, 0xb);			/* no PMU: the lab measures from outside */
	drop(cpuid, 0x80000022, 0x80000023);
	drop(cpuid, 0x8000000a, 0x8000000b);
}

void cpuid_setup(struct vcpu *vcpu)
{
	bool no_xsave, no_rep;
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
					  ENTRIES_MAX * sizeof(cpuid->entries[0]));

	if (!cpuid)
		log_fatal(EXIT_INTERNAL, "CPUID: %s", strerror(ENOMEM));
	cpuid->nent = ENTRIES_MAX;
	if (ioctl(vcpu->vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid))
		log_fatal(EXIT_NO_KVM, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	cpuid_hidden(vcpu->vm->opt, &no_xsave, &no_rep);
	if (no_xsave)
		hide_xsave(cpuid);
	if (no_rep)
		hide_rep(cpuid);
	features(cpuid, vcpu);
	topology(cpuid, vcpu);
	drop(cpuid, LEAF_HV_FIRST, LEAF_HV_END);
	for (uint32_t leaf = LEAF_HV_FIRST; leaf <= HV_CPUID_LAST; leaf++) {
		struct kvm_cpuid_entry2 e = { .function = leaf };

		hv_cpuid(vcpu->vm, leaf, &e.eax, &e.ebx, &e.ecx, &e.edx);
		add(cpuid, e);
	}
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid))
		log_fatal(EXIT_INTERNAL, "KVM_SET_CPUID2: %s", strerror(errno));
	free(cpuid);
}
