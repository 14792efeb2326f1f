// SPDX-License-Identifier: GPL-2.0
/*
 * Breakpoints, watchpoints, and memory as the debugger sees it.
 *
 * A software breakpoint is not INT3: the kernel patches its own text with that, and an emulated
 * processor does not hand it to a nested hypervisor. It is `out PORT_BREAK, al`, two bytes that
 * always leave to user space. It works in kernel mode only, where the debugger is meant for.
 * Hardware breakpoints and watchpoints are the processor's debug registers.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/kvm.h>

#include "gdb.h"
#include "vcpu.h"
#include "vm.h"

#define PORT_BREAK	0xe8
#define BREAK_LEN	2
#define SOFT_MAX	128
#define HARD_MAX	4
#define PAGE		4096u

/* Where an unmoved kernel lies before it has mapped itself: __START_KERNEL_map. */
#define KERNEL_MAP	0xffffffff80000000ULL
#define KERNEL_MAP_SIZE	0x40000000ULL

#define DR7_FIXED	0x400u
#define DR7_LOCAL(i)	(1u << ((i) * 2))
#define DR7_TYPE(i, t)	((t) << (16 + (i) * 4))
#define DR7_LEN(i, l)	((l) << (18 + (i) * 4))
#define DR6_HIT(i)	(1u << (i))

enum { Z_SOFT, Z_HARD, Z_WRITE, Z_READ, Z_ACCESS };

struct soft {
	uint64_t address;
	uint64_t gpa[BREAK_LEN];	/* byte by byte: it may cross a page */
	uint8_t saved[BREAK_LEN];
};

struct hard {
	bool used;
	unsigned int type;
	uint64_t address;
	size_t len;
};

static struct soft soft[SOFT_MAX];
static unsigned int n_soft;
static struct hard hard[HARD_MAX];
static void (*on_hit)(struct vcpu *vcpu);

/* Guest virtual to guest physical; also before the kernel has page tables of its own. */
static bool translate(struct vcpu *vcpu, uint64_t address, uint64_t *gpa)
{
	struct kvm_translation where = { .linear_address = address };

	if (!ioctl(vcpu->fd, KVM_TRANSLATE, &where) && where.valid) {
		*gpa = where.physical_address;
		return true;
	}
	if (address < KERNEL_MAP || address - KERNEL_MAP >= KERNEL_MAP_SIZE)
		return false;
	*gpa = address - KERNEL_MAP;
	return true;
}

/* Move up to a page's end. Return: bytes, 0 when nothing is mapped there. */
static size_t move(struct vcpu *vcpu, uint64_t address, void *data, size_t n, bool write)
{
	size_t left = PAGE - address % PAGE;
	uint64_t gpa;
	void *p;

	if (n > left)
		n = left;
	p = translate(vcpu, address, &gpa) ? vm_gpa(vcpu->vm, gpa, n) : NULL;
	if (!p)
		return 0;
	if (write)
		memcpy(p, data, n);
	else
		memcpy(data, p, n);
	return n;
}

/* Bytes of a breakpoint inside what was read are shown as they were. */
static void unpatch(uint64_t address, uint8_t *data, size_t n)
{
	for (unsigned int i = 0; i < n_soft; i++) {
		for (unsigned int j = 0; j < BREAK_LEN; j++) {
			uint64_t at = soft[i].address + j - address;

			if (at < n)
				data[at] = soft[i].saved[j];
		}
	}
}

size_t gdb_memory_read(struct vcpu *vcpu, uint64_t address, void *to, size_t n)
{
	size_t done = 0, part;

	while (done < n) {
		part = move(vcpu, address + done, (uint8_t *)to + done, n - done, false);
		if (!part)
			break;
		done += part;
	}
	unpatch(address, to, done);
	return done;
}

size_t gdb_memory_write(struct vcpu *vcpu, uint64_t address, const void *from, size_t n)
{
	size_t done = 0, part;

	while (done < n) {
		part = move(vcpu, address + done, (uint8_t *)from + done, n - done, true);
		if (!part)
			break;
		done += part;
	}
	return done;
}

static int soft_set(struct vcpu *vcpu, uint64_t address)
{
	static const uint8_t code[BREAK_LEN] = { 0xe6, PORT_BREAK };
	struct soft s = { .address = address };
	uint8_t *byte[BREAK_LEN];

	for (unsigned int i = 0; i < n_soft; i++)
		if (soft[i].address == address)
			return 0;
	if (n_soft == SOFT_MAX)
		return -ENOSPC;
	for (unsigned int i = 0; i < BREAK_LEN; i++) {
		if (!translate(vcpu, address + i, &s.gpa[i]))
			return -EFAULT;
		byte[i] = vm_gpa(vcpu->vm, s.gpa[i], 1);
		if (!byte[i])
			return -EFAULT;
	}
	for (unsigned int i = 0; i < BREAK_LEN; i++) {
		s.saved[i] = *byte[i];
		*byte[i] = code[i];
	}
	soft[n_soft++] = s;
	return 0;
}

static int soft_clear(struct vm *vm, uint64_t address)
{
	for (unsigned int i = 0; i < n_soft; i++) {
		if (soft[i].address != address)
			continue;
		for (unsigned int j = 0; j < BREAK_LEN; j++)
			*(uint8_t *)vm_gpa(vm, soft[i].gpa[j], 1) = soft[i].saved[j];
		soft[i] = soft[--n_soft];
		return 0;
	}
	return -ENOENT;
}

bool gdb_debug_apply(struct vcpu *vcpu, bool step)
{
	/* Length field: 0, 1, 3, 2 mean 1, 2, 4, 8 bytes. */
	static const uint8_t length[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	static const uint8_t type[] = { [Z_HARD] = 0, [Z_WRITE] = 1, [Z_READ] = 3,
					[Z_ACCESS] = 3 };
	struct kvm_guest_debug debug = { 0 };
	bool any = false;

	debug.arch.debugreg[7] = DR7_FIXED;
	for (unsigned int i = 0; i < HARD_MAX; i++) {
		if (!hard[i].used)
			continue;
		any = true;
		debug.arch.debugreg[i] = hard[i].address;
		debug.arch.debugreg[7] |= DR7_LOCAL(i) | DR7_TYPE(i, type[hard[i].type]) |
					  DR7_LEN(i, length[hard[i].len]);
	}
	if (any)
		debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
	if (step) {
		int flags = ioctl(vcpu->vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2);

		debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
		/* Or each step would end in an interrupt handler. */
		if (flags > 0 && flags & KVM_GUESTDBG_BLOCKIRQ)
			debug.control |= KVM_GUESTDBG_BLOCKIRQ;
	}
	return !ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug);
}

static int hard_apply(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		if (!gdb_debug_apply(&vm->vcpus[i], false))
			return -errno;
	return 0;
}

static int hard_set(struct vm *vm, unsigned int type, uint64_t address, size_t len)
{
	if (type == Z_HARD)
		len = 1;
	if ((len != 1 && len != 2 && len != 4 && len != 8) || address % len)
		return -EINVAL;
	for (unsigned int i = 0; i < HARD_MAX; i++) {
		if (hard[i].used)
			continue;
		hard[i] = (struct hard){ true, type, address, len };
		return hard_apply(vm);
	}
	return -ENOSPC;
}

static int hard_clear(struct vm *vm, unsigned int type, uint64_t address)
{
	for (unsigned int i = 0; i < HARD_MAX; i++) {
		if (!hard[i].used || hard[i].type != type || hard[i].address != address)
			continue;
		hard[i].used = false;
		return hard_apply(vm);
	}
	return -ENOENT;
}

/*
 * QEMU's TCG does not load debug registers for a nested guest: there a hardware breakpoint is a
 * software one, and watchpoints are refused.
 */
static unsigned int real_type(unsigned int type)
{
	return type == Z_HARD && cpuid_host_is_emulated() ? Z_SOFT : type;
}

static bool supported(unsigned int type)
{
	return type <= Z_HARD || (type <= Z_ACCESS && !cpuid_host_is_emulated());
}

int gdb_breakpoint_set(struct vcpu *vcpu, unsigned int type, uint64_t address, size_t len)
{
	if (!supported(type))
		return -EOPNOTSUPP;
	if (real_type(type) == Z_SOFT)
		return soft_set(vcpu, address);
	return hard_set(vcpu->vm, type, address, len);
}

int gdb_breakpoint_clear(struct vcpu *vcpu, unsigned int type, uint64_t address, size_t len)
{
	if (!supported(type))
		return -EOPNOTSUPP;
	if (real_type(type) == Z_SOFT)
		return soft_clear(vcpu->vm, address);
	return hard_clear(vcpu->vm, type, address);
}

void gdb_breakpoints_clear_all(struct vm *vm)
{
	while (n_soft)
		soft_clear(vm, soft[0].address);
	memset(hard, 0, sizeof(hard));
	hard_apply(vm);
}

bool gdb_watch_address(const struct vcpu *vcpu, uint64_t *address, unsigned int *type)
{
	for (unsigned int i = 0; i < HARD_MAX; i++) {
		if (!hard[i].used || !(vcpu->run->debug.arch.dr6 & DR6_HIT(i)) ||
		    hard[i].type == Z_HARD)
			continue;
		*address = hard[i].address;
		*type = hard[i].type;
		return true;
	}
	return false;
}

/* A breakpoint's `out`: step back to it, as if it had not been executed. */
static void break_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			const void *data)
{
	struct vm *vm = opaque;
	struct vcpu *vcpu = &vm->vcpus[vp];
	struct kvm_regs regs;

	vcpu_complete_io(vcpu);
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs))
		return;
	regs.rip -= BREAK_LEN;
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return;
	on_hit(vcpu);
}

static const struct bus_ops break_ops = { .write = break_write };

void gdb_breakpoints_create(struct vm *vm, void (*hit)(struct vcpu *vcpu))
{
	on_hit = hit;
	if (vm_pio_register(vm, PORT_BREAK, 1, "breakpoint", &break_ops, vm))
		log_fatal(EXIT_INTERNAL, "gdb: port 0x%x is taken", PORT_BREAK);
}
