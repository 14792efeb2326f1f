// SPDX-License-Identifier: GPL-2.0
/*
 * The partition as the guest sees it: CPUID leaves and synthetic MSRs (TLFS chapters 2 and 12, and
 * appendix F).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <linux/kvm.h>
#include <x86intrin.h>

#include "hypercall.h"
#include "loop.h"
#include "machine.h"
#include "options.h"
#include "vcpu.h"
#include "vm.h"

#define BIT(n) (1u << (n))

/* CPUID 0x40000003. */
#define ACCESS_REF_COUNTER	BIT(1)
#define ACCESS_SYNIC		BIT(2)
#define ACCESS_HYPERCALL	BIT(5)
#define ACCESS_VP_INDEX		BIT(6)
#define ACCESS_RESET		BIT(7)
#define ACCESS_REF_TSC		BIT(9)
#define ACCESS_FREQUENCY	BIT(11)
#define MAY_POST_MESSAGES	BIT(4)	/* EBX */
#define MAY_SIGNAL_EVENTS	BIT(5)
#define ISOLATED			BIT(22)
#define HAS_FREQUENCY		BIT(8)	/* EDX */
#define HAS_CRASH		BIT(10)
/* CPUID 0x40000004. */
#define HINT_RELAXED_TIMING	BIT(5)
#define HINT_NO_AUTO_EOI	BIT(9)

/* KVM's local APIC timer counts nanoseconds. */
#define APIC_TIMER_HZ		1000000000ULL
#define REFERENCE_HZ		10000000ULL

#define HYPERCALL_LOCKED	(1ULL << 1)
#define CRASH_NOTIFY		(1ULL << 63)
#define CRASH_MESSAGE		(1ULL << 62)
#define CRASH_MESSAGE_MAX	4096u

/* Reference TSC page (TLFS 12.7). */
struct reference_tsc {
	uint32_t sequence;
	uint32_t reserved;
	uint64_t scale;
	int64_t offset;
};

void hv_cpuid(const struct vm *vm, uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c,
	      uint32_t *d)
{
	*a = *b = *c = *d = 0;
	switch (leaf) {
	case 0x40000000:
		*a = vm->opt->isolation ? HV_CPUID_LAST : HV_CPUID_LAST_PLAIN;
		memcpy(b, "Micr", 4);
		memcpy(c, "osof", 4);
		memcpy(d, "t Hv", 4);
		break;
	case 0x40000001:
		memcpy(a, "Hv#1", 4);
		break;
	case 0x40000003:
		*a = ACCESS_REF_COUNTER | ACCESS_SYNIC | ACCESS_HYPERCALL | ACCESS_VP_INDEX |
		     ACCESS_RESET | ACCESS_REF_TSC | ACCESS_FREQUENCY;
		*b = MAY_POST_MESSAGES | MAY_SIGNAL_EVENTS |
		     (vm->opt->isolation ? ISOLATED : 0);
		*d = HAS_FREQUENCY | HAS_CRASH;
		break;
	case 0x40000004:
		*a = HINT_RELAXED_TIMING | HINT_NO_AUTO_EOI;
		*b = 0xffffffff;	/* never tell about spinlock retries */
		break;
	case 0x40000005:
		*a = OPTIONS_MAX_VCPUS;
		*b = OPTIONS_MAX_VCPUS;
		break;
	case 0x4000000c:	/* no paravisor, no boundary to shared memory */
		*b = vm->opt->isolation;
		break;
	}
}

static uint64_t scaled(const struct hyperv *hv, uint64_t tsc)
{
	return (uint64_t)((__uint128_t)tsc * hv->tsc_scale >> 64);
}

uint64_t hv_reference_time(const struct vm *vm)
{
	const struct hyperv *hv = vm->hv;

	return scaled(hv, __rdtsc() + hv->tsc_offset) + hv->time_offset;
}

static bool write_reference_tsc(struct vm *vm, uint64_t value)
{
	struct reference_tsc *page;

	if (value & HV_PAGE_ENABLE) {
		page = vm_gpa(vm, value & HV_PAGE_MASK, sizeof(*page));
		if (!page)
			return false;
		page->scale = vm->hv->tsc_scale;
		page->offset = vm->hv->time_offset;
		page->reserved = 0;
		/* Zero would mean: do not trust this page. */
		__atomic_store_n(&page->sequence, 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&vm->hv->reference_tsc, value, __ATOMIC_RELEASE);
	return true;
}

static bool write_hypercall(struct vm *vm, uint64_t value)
{
	struct hyperv *hv = vm->hv;
	uint64_t old = __atomic_load_n(&hv->hypercall_page, __ATOMIC_ACQUIRE);
	uint8_t *page;

	if (old & HYPERCALL_LOCKED)
		return true;
	/* Without an OS id the page cannot be enabled: the bit stays clear. */
	if (!__atomic_load_n(&hv->guest_os_id, __ATOMIC_ACQUIRE))
		value &= ~HV_PAGE_ENABLE;
	if (value & HV_PAGE_ENABLE) {
		page = vm_gpa(vm, value & HV_PAGE_MASK, HV_PAGE_SIZE);
		if (!page)
			return false;
		hypercall_write_page(page);
	}
	__atomic_store_n(&hv->hypercall_page, value, __ATOMIC_RELEASE);
	if (old & HV_PAGE_ENABLE && !(value & HV_PAGE_ENABLE))
		hv_reset_guest(vm);
	return true;
}

static void write_guest_os_id(struct vm *vm, uint64_t value)
{
	struct hyperv *hv = vm->hv;

	__atomic_store_n(&hv->guest_os_id, value, __ATOMIC_RELEASE);
	if (!value)
		write_hypercall(vm, 0);
	else
		log_debug("guest OS id 0x%" PRIx64, value);
}

void hv_reset_guest(struct vm *vm)
{
	synic_forget(vm);
	if (vm->hv->ops && vm->hv->ops->reset)
		vm->hv->ops->reset(vm->hv->ops_opaque);
}

/* The last lines of the guest's log, which crash registers 3 and 4 point at. */
static void log_crash_message(struct vm *vm, uint64_t gpa, uint64_t len)
{
	char text[CRASH_MESSAGE_MAX + 1], *line, *next;
	const char *from;

	if (len > CRASH_MESSAGE_MAX)
		len = CRASH_MESSAGE_MAX;
	from = len ? vm_gpa(vm, gpa, len) : NULL;
	if (!from)
		return;
	memcpy(text, from, len);
	text[len] = '\0';
	for (line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		log_info("guest: %s", line);
		stats_event(vm, "panic", "%s", line);
	}
}

static void write_crash(struct vcpu *vcpu, uint64_t value)
{
	struct vm *vm = vcpu->vm;
	const uint64_t *p = vm->hv->crash;

	if (!(value & CRASH_NOTIFY))
		return;
	stats_event(vm, "panic", "vp %u reports %016" PRIx64 " %016" PRIx64 " %016" PRIx64
		    " %016" PRIx64 " %016" PRIx64, vcpu->vp, p[0], p[1], p[2], p[3], p[4]);
	if (value & CRASH_MESSAGE)
		log_crash_message(vm, p[3], p[4]);
	if (vm->opt->on_panic_continue) {
		log_info("the guest panicked (crash registers %016" PRIx64 " %016" PRIx64
			 "); it goes on as asked", p[0], p[1]);
		return;
	}
	vm_stop(vm, VM_END_PANIC, 0, "the guest panicked on vp %u: crash registers %016" PRIx64
		" %016" PRIx64 " %016" PRIx64, vcpu->vp, p[0], p[1], p[2]);
}

bool hv_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	struct vm *vm = vcpu->vm;
	struct hyperv *hv = vm->hv;

	switch (msr) {
	case HV_MSR_GUEST_OS_ID:
		*value = __atomic_load_n(&hv->guest_os_id, __ATOMIC_ACQUIRE);
		return true;
	case HV_MSR_HYPERCALL:
		*value = __atomic_load_n(&hv->hypercall_page, __ATOMIC_ACQUIRE);
		return true;
	case HV_MSR_VP_INDEX:
		*value = vcpu->vp;
		return true;
	case HV_MSR_RESET:
		*value = 0;
		return true;
	case HV_MSR_TIME_REF_COUNT:
		*value = hv_reference_time(vm);
		return true;
	case HV_MSR_REFERENCE_TSC:
		*value = __atomic_load_n(&hv->reference_tsc, __ATOMIC_ACQUIRE);
		return true;
	case HV_MSR_TSC_FREQUENCY:
		*value = hv->tsc_hz;
		return true;
	case HV_MSR_APIC_FREQUENCY:
		*value = APIC_TIMER_HZ;
		return true;
	case HV_MSR_VP_ASSIST_PAGE:
		*value = hv->vp_assist[vcpu->vp];
		return true;
	case HV_MSR_CRASH_P0 ... HV_MSR_CRASH_P4:
		*value = __atomic_load_n(&hv->crash[msr - HV_MSR_CRASH_P0], __ATOMIC_RELAXED);
		return true;
	case HV_MSR_CRASH_CTL:
		*value = CRASH_NOTIFY | CRASH_MESSAGE;
		return true;
	default:
		return synic_msr_read(vcpu, msr, value);
	}
}

bool hv_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	struct vm *vm = vcpu->vm;
	struct hyperv *hv = vm->hv;

	switch (msr) {
	case HV_MSR_GUEST_OS_ID:
		write_guest_os_id(vm, value);
		return true;
	case HV_MSR_HYPERCALL:
		return write_hypercall(vm, value);
	case HV_MSR_RESET:
		if (value & 1)
			vm_stop(vm, VM_END_RESET, 0, "the guest reset (Hyper-V reset register)");
		return true;
	case HV_MSR_REFERENCE_TSC:
		return write_reference_tsc(vm, value);
	case HV_MSR_VP_ASSIST_PAGE:
		/* Linux sets it up without asking whether it is there; nothing is put in it. */
		if (value & HV_PAGE_ENABLE && !vm_gpa(vm, value & HV_PAGE_MASK, HV_PAGE_SIZE))
			return false;
		hv->vp_assist[vcpu->vp] = value;
		return true;
	case HV_MSR_CRASH_P0 ... HV_MSR_CRASH_P4:
		__atomic_store_n(&hv->crash[msr - HV_MSR_CRASH_P0], value, __ATOMIC_RELAXED);
		return true;
	case HV_MSR_CRASH_CTL:
		write_crash(vcpu, value);
		return true;
	default:
		return synic_msr_write(vcpu, msr, value);
	}
}

/* Have KVM send every access to a synthetic MSR to us. */
static void filter_msrs(struct vm *vm)
{
	static uint8_t none[VCPU_MSR_COUNT / 8];
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_FILTER },
	};
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] = {
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.base = VCPU_MSR_FIRST,
			.nmsrs = VCPU_MSR_COUNT,
			.bitmap = none,
		},
	};

	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		log_fatal(EXIT_NO_KVM, "KVM_CAP_X86_USER_SPACE_MSR: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter))
		log_fatal(EXIT_NO_KVM, "KVM_X86_SET_MSR_FILTER: %s", strerror(errno));
}

/* Guest TSC minus ours: from KVM where it tells (5.16 and later), else by reading both. */
static uint64_t tsc_offset(struct vcpu *vcpu)
{
	uint64_t offset = 0, before;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry.index = 0x10 };

	if (!ioctl(vcpu->fd, KVM_GET_DEVICE_ATTR, &attr))
		return offset;
	before = __rdtsc();
	if (ioctl(vcpu->fd, KVM_GET_MSRS, &msr) != 1)
		log_fatal(EXIT_NO_KVM, "cannot read the guest's TSC: %s", strerror(errno));
	return msr.entry.data - before;
}

/* The TSC at a moment of the raw monotonic clock: the tightest of some tries. */
static uint64_t sample_tsc(uint64_t *ns)
{
	uint64_t tsc = 0, best = UINT64_MAX;

	*ns = 0;
	for (unsigned int i = 0; i < 50; i++) {
		uint64_t before = __rdtsc(), after;
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		tsc = before + best / 2;
		*ns = (uint64_t)ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	}
	return tsc;
}

uint64_t hyperv_measure_tsc(void)
{
	const struct timespec nap = { .tv_nsec = 100000000 };
	uint64_t start_ns, end_ns, start, end;

	start = sample_tsc(&start_ns);
	nanosleep(&nap, NULL);
	end = sample_tsc(&end_ns);
	return (__uint128_t)(end - start) * 1000000 / (end_ns - start_ns);
}

void hyperv_create(struct vm *vm)
{
	vm->hv = calloc(1, sizeof(*vm->hv));
	if (!vm->hv)
		log_fatal(EXIT_INTERNAL, "partition: %s", strerror(ENOMEM));
	vm->hv->vp_assist = calloc(vm->n_vcpus, sizeof(vm->hv->vp_assist[0]));
	if (!vm->hv->vp_assist)
		log_fatal(EXIT_INTERNAL, "partition: %s", strerror(ENOMEM));
	vm->hv->synic = synic_create(vm);
	vm->hv->hypercall = hypercall_create(vm);
	filter_msrs(vm);
}

void hyperv_start_clock(struct vm *vm)
{
	struct hyperv *hv = vm->hv;
	int khz = ioctl(vm->vcpus[0].fd, KVM_GET_TSC_KHZ, 0);

	if (khz <= 0)
		log_fatal(EXIT_NO_KVM, "KVM_GET_TSC_KHZ: %s", strerror(errno));
	hv->tsc_hz = khz * 1000ULL;
	hv->tsc_scale = (uint64_t)(((__uint128_t)REFERENCE_HZ << 64) / hv->tsc_hz);
	hv->tsc_offset = tsc_offset(&vm->vcpus[0]);
	/* Time begins now. */
	hv->time_offset = -(int64_t)scaled(hv, __rdtsc() + hv->tsc_offset);
}
