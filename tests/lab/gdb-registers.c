// SPDX-License-Identifier: GPL-2.0
/*
 * Registers as gdb wants them: its features i386.core, i386.sse and i386.segments for x86-64, then
 * the control registers.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/kvm.h>

#include "gdb.h"
#include "vcpu.h"

struct reg {
	const char *name;
	unsigned int bits;
	const char *type;		/* NULL: int */
};

struct feature {
	const char *name;
	unsigned int n;
};

static const struct reg regs_table[] = {
	{ "rax", 64, NULL }, { "rbx", 64, NULL }, { "rcx", 64, NULL }, { "rdx", 64, NULL },
	{ "rsi", 64, NULL }, { "rdi", 64, NULL }, { "rbp", 64, "data_ptr" },
	{ "rsp", 64, "data_ptr" }, { "r8", 64, NULL }, { "r9", 64, NULL }, { "r10", 64, NULL },
	{ "r11", 64, NULL }, { "r12", 64, NULL }, { "r13", 64, NULL }, { "r14", 64, NULL },
	{ "r15", 64, NULL }, { "rip", 64, "code_ptr" }, { "eflags", 32, NULL },
	{ "cs", 32, NULL }, { "ss", 32, NULL }, { "ds", 32, NULL }, { "es", 32, NULL },
	{ "fs", 32, NULL }, { "gs", 32, NULL },
	{ "st0", 80, "i387_ext" }, { "st1", 80, "i387_ext" }, { "st2", 80, "i387_ext" },
	{ "st3", 80, "i387_ext" }, { "st4", 80, "i387_ext" }, { "st5", 80, "i387_ext" },
	{ "st6", 80, "i387_ext" }, { "st7", 80, "i387_ext" },
	{ "fctrl", 32, NULL }, { "fstat", 32, NULL }, { "ftag", 32, NULL },
	{ "fiseg", 32, NULL }, { "fioff", 32, NULL }, { "foseg", 32, NULL },
	{ "fooff", 32, NULL }, { "fop", 32, NULL },
	{ "xmm0", 128, "uint128" }, { "xmm1", 128, "uint128" }, { "xmm2", 128, "uint128" },
	{ "xmm3", 128, "uint128" }, { "xmm4", 128, "uint128" }, { "xmm5", 128, "uint128" },
	{ "xmm6", 128, "uint128" }, { "xmm7", 128, "uint128" }, { "xmm8", 128, "uint128" },
	{ "xmm9", 128, "uint128" }, { "xmm10", 128, "uint128" }, { "xmm11", 128, "uint128" },
	{ "xmm12", 128, "uint128" }, { "xmm13", 128, "uint128" }, { "xmm14", 128, "uint128" },
	{ "xmm15", 128, "uint128" }, { "mxcsr", 32, NULL },
	{ "fs_base", 64, NULL }, { "gs_base", 64, NULL },
	{ "cr0", 64, NULL }, { "cr2", 64, NULL }, { "cr3", 64, NULL }, { "cr4", 64, NULL },
	{ "efer", 64, NULL },
};

static const struct feature features[] = {
	{ "org.gnu.gdb.i386.core", 40 },
	{ "org.gnu.gdb.i386.sse", 17 },
	{ "org.gnu.gdb.i386.segments", 2 },
	{ "org.hvlab.control", 5 },
};

#define N_REGS (sizeof(regs_table) / sizeof(regs_table[0]))

/* What KVM has, in the order of the table. */
struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
};

const char *gdb_target_xml(void)
{
	static char xml[8192];
	unsigned int at = 0;
	size_t n;

	if (xml[0])
		return xml;
	n = snprintf(xml, sizeof(xml), "<?xml version=\"1.0\"?>\n"
		     "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
		     "<target><architecture>i386:x86-64</architecture>\n");
	for (size_t f = 0; f < sizeof(features) / sizeof(features[0]); f++) {
		n += snprintf(xml + n, sizeof(xml) - n, "<feature name=\"%s\">\n",
			      features[f].name);
		for (unsigned int i = 0; i < features[f].n; i++, at++)
			n += snprintf(xml + n, sizeof(xml) - n,
				      "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>\n",
				      regs_table[at].name, regs_table[at].bits,
				      regs_table[at].type ? regs_table[at].type :
				      regs_table[at].bits == 64 ? "int64" : "int32");
		n += snprintf(xml + n, sizeof(xml) - n, "</feature>\n");
	}
	snprintf(xml + n, sizeof(xml) - n, "</target>\n");
	return xml;
}

size_t gdb_register_place(unsigned int number, size_t *offset)
{
	if (number >= N_REGS)
		return 0;
	*offset = 0;
	for (unsigned int i = 0; i < number; i++)
		*offset += regs_table[i].bits / 8;
	return regs_table[number].bits / 8;
}

static bool load(struct vcpu *vcpu, struct state *s)
{
	return !ioctl(vcpu->fd, KVM_GET_REGS, &s->regs) &&
	       !ioctl(vcpu->fd, KVM_GET_SREGS, &s->sregs) &&
	       !ioctl(vcpu->fd, KVM_GET_FPU, &s->fpu);
}

/* Either direction: gdb's bytes at *p and KVM's value, of @n bytes of gdb's. */
static void move(uint8_t **p, bool write, void *value, size_t size, size_t n)
{
	if (write) {
		memset(value, 0, size);
		memcpy(value, *p, n < size ? n : size);
	} else {
		memset(*p, 0, n);
		memcpy(*p, value, n < size ? n : size);
	}
	*p += n;
}

#define MOVE(field, n) move(&p, write, &(field), sizeof(field), n)

static size_t exchange(struct state *s, uint8_t *bytes, bool write)
{
	struct kvm_regs *r = &s->regs;
	__u64 *const general[] = { &r->rax, &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi, &r->rbp,
				   &r->rsp, &r->r8, &r->r9, &r->r10, &r->r11, &r->r12, &r->r13,
				   &r->r14, &r->r15, &r->rip };
	struct kvm_segment *const segment[] = { &s->sregs.cs, &s->sregs.ss, &s->sregs.ds,
						&s->sregs.es, &s->sregs.fs, &s->sregs.gs };
	uint32_t none = 0, tag = s->fpu.ftwx;
	uint8_t *p = bytes;

	for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++)
		MOVE(*general[i], 8);
	MOVE(r->rflags, 4);
	for (size_t i = 0; i < sizeof(segment) / sizeof(segment[0]); i++)
		MOVE(segment[i]->selector, 4);
	for (size_t i = 0; i < 8; i++)
		MOVE(s->fpu.fpr[i], 10);
	MOVE(s->fpu.fcw, 4);
	MOVE(s->fpu.fsw, 4);
	MOVE(tag, 4);
	MOVE(none, 4);
	MOVE(s->fpu.last_ip, 4);
	MOVE(none, 4);
	MOVE(s->fpu.last_dp, 4);
	MOVE(s->fpu.last_opcode, 4);
	for (size_t i = 0; i < 16; i++)
		MOVE(s->fpu.xmm[i], 16);
	MOVE(s->fpu.mxcsr, 4);
	MOVE(s->sregs.fs.base, 8);
	MOVE(s->sregs.gs.base, 8);
	MOVE(s->sregs.cr0, 8);
	MOVE(s->sregs.cr2, 8);
	MOVE(s->sregs.cr3, 8);
	MOVE(s->sregs.cr4, 8);
	MOVE(s->sregs.efer, 8);
	return p - bytes;
}

size_t gdb_registers_read(struct vcpu *vcpu, uint8_t *to)
{
	struct state s;

	return load(vcpu, &s) ? exchange(&s, to, false) : 0;
}

bool gdb_registers_write(struct vcpu *vcpu, const uint8_t *from, size_t n)
{
	uint8_t bytes[GDB_REGISTERS_MAX];
	struct state s, old;
	size_t all;

	if (!load(vcpu, &s))
		return false;
	old = s;
	/* What the debugger did not send stays. */
	all = exchange(&s, bytes, false);
	memcpy(bytes, from, n < all ? n : all);
	exchange(&s, bytes, true);
	if (ioctl(vcpu->fd, KVM_SET_REGS, &s.regs))
		return false;
	if (memcmp(&s.sregs, &old.sregs, sizeof(s.sregs)) &&
	    ioctl(vcpu->fd, KVM_SET_SREGS, &s.sregs))
		return false;
	return !memcmp(&s.fpu, &old.fpu, sizeof(s.fpu)) ||
	       !ioctl(vcpu->fd, KVM_SET_FPU, &s.fpu);
}
