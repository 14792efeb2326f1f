// SPDX-License-Identifier: GPL-2.0
/*
 * Loads a kernel the way a 64-bit boot loader does (Documentation/arch/x86/boot.rst, "64-bit Boot
 * Protocol"): long mode, identity mapping, RSI at the boot parameters. Takes a bzImage, or the ELF
 * vmlinux inside one, which saves the guest its own decompression.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <asm/bootparam.h>
#include <linux/kvm.h>

#include "machine.h"
#include "options.h"
#include "vcpu.h"
#include "vm.h"

/* Below 640 KiB. */
#define GDT_GPA			0x1000u
#define PAGE_TABLES_GPA		0x2000u		/* PML4, PDPT, four page directories */
#define BOOT_PARAMS_GPA		0x8000u
#define CMDLINE_GPA		0x20000u
#define CMDLINE_ROOM		0x10000u
#define LOW_RAM_END		0x9fc00u
#define RESET_VECTOR_GPA	0xffff0u
#define HIGH_RAM_START		0x100000u

#define PAGE			4096u
#define PAGE_ROUND(x)		(((x) + PAGE - 1) & ~(uint64_t)(PAGE - 1))
#define TABLE_PRESENT		3u		/* present, writable */
#define TABLE_LARGE		0x83u
#define IDENTITY_GIB		4

#define SELECTOR_CODE		0x10
#define SELECTOR_DATA		0x18
#define CR0_VALUE		0x80000033u	/* PG, NE, ET, MP, PE */
#define CR4_PAE			0x20u
#define EFER_LONG		0x500u		/* LME, LMA */

#define HEADER_OFFSET		0x1f1u
#define HEADER_MAGIC		0x53726448u	/* "HdrS" */
#define HEADER_VERSION_MIN	0x020cu		/* first with xloadflags */
#define SECTOR			512u
#define SETUP_SECTORS_DEFAULT	4u
#define ENTRY_64		0x200u
#define LOADER_UNDEFINED	0xff
#define COMMAND_LINE_MAX	2047u		/* COMMAND_LINE_SIZE of x86, without the end */
#define INITRD_MAX		0x7fffffffu

struct file {
	const char *path;
	const uint8_t *data;
	size_t size;
};

static struct file kernel;
static struct file initrd[OPTIONS_MAX_INITRDS];

static void map_file(struct file *f, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		log_fatal(EXIT_USAGE, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		log_fatal(EXIT_USAGE, "%s: not a regular file", path);
	if (!st.st_size)
		log_fatal(EXIT_USAGE, "%s: empty file", path);
	f->path = path;
	f->size = st.st_size;
	f->data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (f->data == MAP_FAILED)
		log_fatal(EXIT_USAGE, "%s: %s", path, strerror(errno));
	close(fd);
}

static bool is_elf(const struct file *f)
{
	return f->size >= sizeof(Elf64_Ehdr) && !memcmp(f->data, ELFMAG, SELFMAG);
}

static void check_elf(const struct file *f)
{
	const Elf64_Ehdr *e = (const void *)f->data;
	const Elf64_Phdr *p;

	if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_machine != EM_X86_64)
		log_fatal(EXIT_USAGE, "%s: an ELF file, but not for x86-64", f->path);
	if (e->e_type != ET_EXEC || e->e_phentsize != sizeof(*p) || !e->e_phnum ||
	    e->e_phoff > f->size || e->e_phnum * sizeof(*p) > f->size - e->e_phoff)
		log_fatal(EXIT_USAGE, "%s: an ELF file, but not a vmlinux", f->path);
	p = (const void *)(f->data + e->e_phoff);
	for (unsigned int i = 0; i < e->e_phnum; i++) {
		/* A program of an operating system; a kernel has nothing of these. */
		if (p[i].p_type == PT_INTERP || p[i].p_type == PT_DYNAMIC ||
		    p[i].p_type == PT_TLS || p[i].p_type == PT_GNU_RELRO)
			log_fatal(EXIT_USAGE, "%s: an ELF file, but not a vmlinux", f->path);
		if (p[i].p_type != PT_LOAD)
			continue;
		if (p[i].p_offset > f->size || p[i].p_filesz > f->size - p[i].p_offset ||
		    p[i].p_filesz > p[i].p_memsz)
			log_fatal(EXIT_USAGE, "%s: the file is cut short", f->path);
		if (p[i].p_paddr < HIGH_RAM_START)
			log_fatal(EXIT_USAGE, "%s: an ELF file, no vmlinux: loads at 0x%" PRIx64,
				  f->path, (uint64_t)p[i].p_paddr);
	}
}

static size_t setup_size(const struct setup_header *h)
{
	return (1 + (h->setup_sects ? h->setup_sects : SETUP_SECTORS_DEFAULT)) * SECTOR;
}

static struct setup_header read_header(const struct file *f)
{
	struct setup_header h;

	memcpy(&h, f->data + HEADER_OFFSET, sizeof(h));
	return h;
}

static void check_bzimage(const struct file *f)
{
	struct setup_header h;

	if (f->size < HEADER_OFFSET + sizeof(h))
		log_fatal(EXIT_USAGE, "%s: not an x86-64 Linux kernel", f->path);
	h = read_header(f);
	if (h.header != HEADER_MAGIC)
		log_fatal(EXIT_USAGE, "%s: not an x86-64 Linux kernel (bzImage or vmlinux)",
			  f->path);
	if (h.version < HEADER_VERSION_MIN || !(h.xloadflags & XLF_KERNEL_64))
		log_fatal(EXIT_USAGE, "%s: a Linux kernel without a 64-bit entry", f->path);
	if (f->size < setup_size(&h) + h.syssize * 16ULL)
		log_fatal(EXIT_USAGE, "%s: the file is cut short", f->path);
}

void boot_check(const struct options *opt)
{
	map_file(&kernel, opt->kernel);
	if (is_elf(&kernel))
		check_elf(&kernel);
	else
		check_bzimage(&kernel);
	for (unsigned int i = 0; i < opt->n_initrds; i++)
		map_file(&initrd[i], opt->initrd[i]);
	if (strlen(opt->append) > COMMAND_LINE_MAX)
		log_fatal(EXIT_USAGE, "--append: %zu characters; Linux takes %u",
			  strlen(opt->append), COMMAND_LINE_MAX);
}

static void *room(struct vm *vm, uint64_t gpa, uint64_t len, const char *what)
{
	void *p = gpa < vm->low_size ? vm_gpa(vm, gpa, len) : NULL;

	if (!p)
		log_fatal(EXIT_USAGE, "%s does not fit into %" PRIu64 " MiB, it ends at 0x%" PRIx64,
			  what, vm->mem_size >> 20, gpa + len);
	return p;
}

struct loaded {
	uint64_t entry;
	uint64_t end;			/* first byte behind what the kernel needs to start */
	uint32_t initrd_max;
};

static struct loaded load_elf(struct vm *vm, struct setup_header *h)
{
	const Elf64_Ehdr *e = (const void *)kernel.data;
	const Elf64_Phdr *p = (const void *)(kernel.data + e->e_phoff);
	struct loaded l = { .entry = e->e_entry, .initrd_max = INITRD_MAX };

	for (unsigned int i = 0; i < e->e_phnum; i++) {
		uint8_t *to;

		if (p[i].p_type != PT_LOAD || !p[i].p_memsz)
			continue;
		to = room(vm, p[i].p_paddr, p[i].p_memsz, kernel.path);
		memcpy(to, kernel.data + p[i].p_offset, p[i].p_filesz);
		if (p[i].p_paddr + p[i].p_memsz > l.end)
			l.end = p[i].p_paddr + p[i].p_memsz;
	}
	h->boot_flag = 0xaa55;
	h->header = HEADER_MAGIC;
	h->version = 0x020f;
	h->loadflags = LOADED_HIGH;
	h->kernel_alignment = 0x200000;
	h->initrd_addr_max = INITRD_MAX;
	h->cmdline_size = COMMAND_LINE_MAX;
	return l;
}

static struct loaded load_bzimage(struct vm *vm, struct setup_header *h)
{
	struct loaded l;
	size_t setup;

	*h = read_header(&kernel);
	setup = setup_size(h);
	memcpy(room(vm, h->pref_address, h->init_size, kernel.path), kernel.data + setup,
	       kernel.size - setup < h->init_size ? kernel.size - setup : h->init_size);
	h->code32_start = h->pref_address;
	l.entry = h->pref_address + ENTRY_64;
	l.end = h->pref_address + h->init_size;
	l.initrd_max = h->initrd_addr_max;
	return l;
}

/* All initrds one after another, each padded to four bytes as cpio wants, as high as allowed. */
static void load_initrds(struct vm *vm, struct setup_header *h, const struct loaded *l)
{
	uint64_t size = 0, top = vm->low_size, at;

	for (unsigned int i = 0; i < vm->opt->n_initrds; i++)
		size = ((size + 3) & ~3ULL) + initrd[i].size;
	if (!size)
		return;
	if (top > (uint64_t)l->initrd_max + 1)
		top = (uint64_t)l->initrd_max + 1;
	if (l->end + PAGE_ROUND(size) > top)
		log_fatal(EXIT_USAGE, "kernel and initrd do not fit into %" PRIu64
			  " MiB of guest memory", vm->mem_size >> 20);
	at = top - PAGE_ROUND(size);
	h->ramdisk_image = at;
	h->ramdisk_size = size;
	for (unsigned int i = 0; i < vm->opt->n_initrds; i++) {
		at = (at + 3) & ~3ULL;
		memcpy(room(vm, at, initrd[i].size, initrd[i].path), initrd[i].data,
		       initrd[i].size);
		at += initrd[i].size;
	}
}

static void add_e820(struct boot_params *bp, uint64_t start, uint64_t end, uint32_t type)
{
	if (end > start)
		bp->e820_table[bp->e820_entries++] = (struct boot_e820_entry){
			.addr = start, .size = end - start, .type = type,
		};
}

#define E820_RAM 1
#define E820_RESERVED 2

static void write_boot_params(struct vm *vm, const struct setup_header *h, uint64_t rsdp)
{
	struct boot_params *bp = room(vm, BOOT_PARAMS_GPA, sizeof(*bp), "boot parameters");

	memset(bp, 0, sizeof(*bp));
	bp->hdr = *h;
	bp->hdr.type_of_loader = LOADER_UNDEFINED;
	bp->hdr.cmd_line_ptr = CMDLINE_GPA;
	bp->acpi_rsdp_addr = rsdp;
	strcpy(room(vm, CMDLINE_GPA, CMDLINE_ROOM, "command line"), vm->opt->append);
	add_e820(bp, 0, LOW_RAM_END, E820_RAM);
	add_e820(bp, LOW_RAM_END, HIGH_RAM_START, E820_RESERVED);
	add_e820(bp, HIGH_RAM_START, vm->low_size, E820_RAM);
	if (acpi_has_pci(vm))
		add_e820(bp, VM_PCI_ECAM_START, VM_PCI_ECAM_START + VM_PCI_ECAM_SIZE,
			 E820_RESERVED);
	add_e820(bp, VM_HOLE_END, VM_HOLE_END + vm->mem_size - vm->low_size, E820_RAM);
}

/* A processor that ends up at its reset vector, as after a last-resort reboot, says so. */
static void write_reset_stub(struct vm *vm)
{
	static const uint8_t code[] = {
		0xb0, 0xfe,		/* mov al, 0xfe */
		0xe6, 0x64,		/* out 0x64, al */
		0xf4,			/* hlt */
		0xeb, 0xfd,		/* jmp back to it */
	};

	memcpy(room(vm, RESET_VECTOR_GPA, sizeof(code), "reset stub"), code, sizeof(code));
}

static void write_page_tables(struct vm *vm)
{
	uint64_t *t = room(vm, PAGE_TABLES_GPA, (2 + IDENTITY_GIB) * PAGE, "page tables");
	const unsigned int entries = PAGE / sizeof(*t);

	memset(t, 0, (2 + IDENTITY_GIB) * PAGE);
	t[0] = (PAGE_TABLES_GPA + PAGE) | TABLE_PRESENT;
	for (unsigned int i = 0; i < IDENTITY_GIB; i++)
		t[entries + i] = (PAGE_TABLES_GPA + (2 + i) * PAGE) | TABLE_PRESENT;
	for (uint64_t i = 0; i < IDENTITY_GIB * entries; i++)
		t[2 * entries + i] = i << 21 | TABLE_LARGE;
}

static void write_gdt(struct vm *vm)
{
	static const uint64_t gdt[] = {
		0, 0,
		0x00af9b000000ffffULL,	/* 0x10: code, 64 bit */
		0x00cf93000000ffffULL,	/* 0x18: data */
	};

	memcpy(room(vm, GDT_GPA, sizeof(gdt), "GDT"), gdt, sizeof(gdt));
}

static void set_registers(struct vm *vm, uint64_t entry)
{
	struct vcpu *vcpu = &vm->vcpus[0];
	struct kvm_regs regs = { .rip = entry, .rsi = BOOT_PARAMS_GPA, .rflags = 2 };
	struct kvm_segment code = {
		.selector = SELECTOR_CODE, .limit = 0xffffffff, .type = 0xb, .present = 1, .s = 1,
		.l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.selector = SELECTOR_DATA, .limit = 0xffffffff, .type = 0x3, .present = 1, .s = 1,
		.db = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		log_fatal(EXIT_INTERNAL, "KVM_GET_SREGS: %s", strerror(errno));
	sregs.cs = code;
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.fs = data;
	sregs.gs = data;
	sregs.gdt.base = GDT_GPA;
	sregs.gdt.limit = 4 * 8 - 1;
	sregs.cr0 = CR0_VALUE;
	sregs.cr3 = PAGE_TABLES_GPA;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_LONG;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) || ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		log_fatal(EXIT_INTERNAL, "cannot set the first vCPU's registers: %s",
			  strerror(errno));
}

void boot_load(struct vm *vm, uint64_t rsdp)
{
	struct setup_header h = { 0 };
	struct loaded l = is_elf(&kernel) ? load_elf(vm, &h) : load_bzimage(vm, &h);

	load_initrds(vm, &h, &l);
	write_boot_params(vm, &h, rsdp);
	write_reset_stub(vm);
	write_page_tables(vm);
	write_gdt(vm);
	set_registers(vm, l.entry);
}
