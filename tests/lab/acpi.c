// SPDX-License-Identifier: GPL-2.0
/*
 * The ACPI tables (ACPI 6.5): hardware-reduced FADT, MADT, SRAT, SLIT, MCFG when there is PCI, and
 * a DSDT with the VMBus device, its MMIO windows, and the two serial ports.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "aml.h"
#include "log.h"
#include "machine.h"
#include "platform.h"
#include "serial.h"
#include "vcpu.h"
#include "vm.h"

#define TABLES_START		0xe0000u
#define TABLES_END		0xffff0u	/* the reset vector's stub follows, see boot.c */
#define TABLE_ALIGN		16u
#define TABLES_MAX		8
#define VIRTIO_MAX		16

#define OEM_ID			"HVLAB "
#define OEM_TABLE_ID		"HVLABVM "
#define CREATOR_ID		"HVLB"

#define LAPIC_ADDRESS		0xfee00000u
#define IOAPIC_ADDRESS		0xfec00000u
#define DISTANCE_LOCAL		10
#define DISTANCE_REMOTE		20

#define FADT_WBINVD		(1u << 0)
#define FADT_NO_POWER_BUTTON	(1u << 4)
#define FADT_NO_SLEEP_BUTTON	(1u << 5)
#define FADT_RESET_REGISTER	(1u << 10)
#define FADT_HARDWARE_REDUCED	(1u << 20)
#define BOOT_NO_VGA		(1u << 2)

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 36, "ACPI table header");

struct register_address {
	uint8_t space;			/* 1 = ports */
	uint8_t bits;
	uint8_t offset;
	uint8_t access;
	uint64_t address;
} __attribute__((packed));

struct fadt {
	struct header header;
	uint32_t facs;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t profile;
	uint8_t legacy[63];		/* nothing of this exists with reduced hardware */
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct register_address reset;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_facs;
	uint64_t x_dsdt;
	struct register_address pm[8];
	struct register_address sleep_control;
	struct register_address sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));

_Static_assert(sizeof(struct fadt) == 276, "FADT of revision 6");
_Static_assert(offsetof(struct fadt, flags) == 112, "FADT");
_Static_assert(offsetof(struct fadt, sleep_control) == 244, "FADT");

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

_Static_assert(sizeof(struct rsdp) == 36, "RSDP");

struct lapic {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address;
	uint32_t gsi_base;
} __attribute__((packed));

struct lapic_nmi {
	uint8_t type, length, uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

struct cpu_affinity {
	uint8_t type, length, domain_low, apic_id;
	uint32_t flags;
	uint8_t eid, domain_high[3];
	uint32_t clock_domain;
} __attribute__((packed));

struct memory_affinity {
	uint8_t type, length;
	uint32_t domain;
	uint16_t reserved0;
	uint64_t base, size;
	uint32_t reserved1;
	uint32_t flags;
	uint64_t reserved2;
} __attribute__((packed));

struct mcfg_entry {
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved;
} __attribute__((packed));

struct virtio {
	uint64_t base, size;
	unsigned int gsi;
};

struct acpi {
	struct virtio virtio[VIRTIO_MAX];
	unsigned int n_virtio;
	bool pci;
	/* While writing. */
	struct vm *vm;
	uint32_t next;
	uint64_t table[TABLES_MAX];
	unsigned int n_tables;
};

void acpi_create(struct vm *vm)
{
	vm->acpi = calloc(1, sizeof(*vm->acpi));
	if (!vm->acpi)
		log_fatal(EXIT_INTERNAL, "ACPI: %s", strerror(ENOMEM));
	vm->acpi->vm = vm;
}

int acpi_add_virtio_mmio(struct vm *vm, uint64_t base, uint64_t size, unsigned int gsi)
{
	struct acpi *acpi = vm->acpi;

	if (acpi->n_virtio == VIRTIO_MAX)
		return -ENOSPC;
	acpi->virtio[acpi->n_virtio++] = (struct virtio){ base, size, gsi };
	return 0;
}

void acpi_add_pci_root(struct vm *vm)
{
	vm->acpi->pci = true;
}

bool acpi_has_pci(const struct vm *vm)
{
	return vm->acpi->pci;
}

static uint8_t checksum(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (n--)
		sum += *p++;
	return -sum;
}

/* Room for a table in guest memory; *gpa receives its address. */
static void *place(struct acpi *acpi, size_t size, uint64_t *gpa)
{
	if (acpi->next + size > TABLES_END)
		log_fatal(EXIT_INTERNAL, "the ACPI tables do not fit");
	*gpa = acpi->next;
	acpi->next = (acpi->next + size + TABLE_ALIGN - 1) & ~(TABLE_ALIGN - 1);
	return vm_gpa(acpi->vm, *gpa, size);
}

/* A finished table: its header, its sum, its place in memory. */
static uint64_t add(struct acpi *acpi, const char *signature, uint8_t revision, void *table,
		    size_t size)
{
	struct header *h = table;
	uint64_t gpa;
	void *to;

	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = size;
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, sizeof(h->oem_id));
	memcpy(h->oem_table_id, OEM_TABLE_ID, sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, CREATOR_ID, sizeof(h->creator_id));
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = checksum(table, size);
	to = place(acpi, size, &gpa);
	memcpy(to, table, size);
	return gpa;
}

static void list(struct acpi *acpi, uint64_t gpa)
{
	if (acpi->n_tables < TABLES_MAX)
		acpi->table[acpi->n_tables++] = gpa;
}

static void write_serial(struct aml *a, const char *name, unsigned int uid, uint16_t base,
			 unsigned int gsi)
{
	aml_device(a, name);
	aml_name_eisaid(a, "_HID", "PNP0501");
	aml_name_integer(a, "_UID", uid);
	aml_resources(a, "_CRS");
	aml_io(a, base, 8);
	aml_interrupt(a, gsi);
	aml_resources_end(a);
	aml_end(a);
}

/* Without an interrupt: the guest asks it for the time and nothing else. */
static void write_clock(struct aml *a)
{
	aml_device(a, "RTC_");
	aml_name_eisaid(a, "_HID", "PNP0B00");
	aml_resources(a, "_CRS");
	aml_io(a, PLATFORM_CLOCK_PORTS, 2);
	aml_resources_end(a);
	aml_end(a);
}

static void write_vmbus(struct aml *a, const struct vm *vm)
{
	/* The module device owns the windows that Linux hands out to vPCI and framebuffers. */
	aml_device(a, "VMOD");
	aml_name_string(a, "_HID", "ACPI0004");
	aml_name_integer(a, "_UID", 0);
	aml_resources(a, "_CRS");
	aml_window32(a, VM_VMBUS_LOW_START, VM_VMBUS_LOW_SIZE);
	aml_window64(a, vm->mmio_high, VM_VMBUS_HIGH_SIZE);
	aml_resources_end(a);
	aml_device(a, "VMBS");
	aml_name_string(a, "_HID", "VMBus");
	aml_name_integer(a, "_UID", 0);
	aml_name_integer(a, "_STA", 0xf);
	/* Empty, but Linux looks for the windows above only when there is one. */
	aml_resources(a, "_CRS");
	aml_resources_end(a);
	aml_end(a);
	aml_end(a);
}

static void write_pci(struct aml *a)
{
	aml_device(a, "PCI0");
	aml_name_eisaid(a, "_HID", "PNP0A08");
	aml_name_eisaid(a, "_CID", "PNP0A03");
	aml_name_integer(a, "_UID", 0);
	aml_name_integer(a, "_SEG", 0);
	aml_name_integer(a, "_BBN", 0);
	aml_resources(a, "_CRS");
	aml_bus_numbers(a, 0, 0);
	aml_window32(a, VM_PCI_MMIO_START, VM_PCI_MMIO_SIZE);
	aml_resources_end(a);
	aml_end(a);
	aml_device(a, "MRES");		/* keeps others off the configuration window */
	aml_name_eisaid(a, "_HID", "PNP0C02");
	aml_name_integer(a, "_UID", 0);
	aml_resources(a, "_CRS");
	aml_memory32(a, VM_PCI_ECAM_START, VM_PCI_ECAM_SIZE);
	aml_resources_end(a);
	aml_end(a);
}

static void write_virtio(struct aml *a, const struct virtio *v, unsigned int i)
{
	const char name[] = { 'V', 'I', '0' + i / 10, '0' + i % 10, '\0' };

	aml_device(a, name);
	aml_name_string(a, "_HID", "LNRO0005");
	aml_name_integer(a, "_UID", i);
	aml_resources(a, "_CRS");
	aml_memory32(a, v->base, v->size);
	aml_interrupt(a, v->gsi);
	aml_resources_end(a);
	aml_end(a);
}

static uint64_t write_dsdt(struct acpi *acpi)
{
	static const uint64_t s5[] = { PLATFORM_S5_TYPE, 0, 0, 0 };
	struct aml *a = calloc(1, sizeof(*a));
	uint64_t gpa;

	if (!a)
		log_fatal(EXIT_INTERNAL, "ACPI: %s", strerror(ENOMEM));
	a->n = sizeof(struct header);
	aml_name_package(a, "_S5_", s5, 4);
	aml_scope(a, "_SB_");
	write_serial(a, "COM1", 1, SERIAL_COM1, VM_GSI_COM1);
	write_serial(a, "COM2", 2, SERIAL_COM2, VM_GSI_COM2);
	write_clock(a);
	write_vmbus(a, acpi->vm);
	if (acpi->pci)
		write_pci(a);
	for (unsigned int i = 0; i < acpi->n_virtio; i++)
		write_virtio(a, &acpi->virtio[i], i);
	aml_end(a);
	if (a->full)
		log_fatal(EXIT_INTERNAL, "the DSDT does not fit");
	gpa = add(acpi, "DSDT", 2, a->bytes, a->n);
	free(a);
	return gpa;
}

static struct register_address port(uint64_t address)
{
	return (struct register_address){ .space = 1, .bits = 8, .access = 1, .address = address };
}

static void write_fadt(struct acpi *acpi, uint64_t dsdt)
{
	struct fadt f = {
		.dsdt = dsdt,
		.x_dsdt = dsdt,
		.boot_arch = BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
			 FADT_RESET_REGISTER | FADT_HARDWARE_REDUCED,
		.reset = port(PLATFORM_RESET),
		.reset_value = PLATFORM_RESET_VALUE,
		.minor = 5,
		.sleep_control = port(PLATFORM_SLEEP_CONTROL),
		.sleep_status = port(PLATFORM_SLEEP_STATUS),
	};

	memcpy(&f.hypervisor, "HVLAB\0\0", 8);
	list(acpi, add(acpi, "FACP", 6, &f, sizeof(f)));
}

struct table {
	uint8_t bytes[8192];
	size_t n;
};

static void append(struct table *t, const void *data, size_t n)
{
	if (t->n + n > sizeof(t->bytes))
		log_fatal(EXIT_INTERNAL, "an ACPI table does not fit");
	memcpy(t->bytes + t->n, data, n);
	t->n += n;
}

static void write_madt(struct acpi *acpi)
{
	const uint32_t fixed[2] = { LAPIC_ADDRESS, 0 };
	const struct ioapic ioapic = { .type = 1, .length = 12, .address = IOAPIC_ADDRESS };
	const struct lapic_nmi nmi = { .type = 4, .length = 6, .uid = 0xff, .lint = 1 };
	struct table t = { .n = sizeof(struct header) };

	append(&t, fixed, sizeof(fixed));
	for (unsigned int i = 0; i < acpi->vm->n_vcpus; i++) {
		struct lapic l = { .length = 8, .uid = i, .flags = 1,
				   .apic_id = cpuid_apic_id(acpi->vm, i) };

		append(&t, &l, sizeof(l));
	}
	append(&t, &ioapic, sizeof(ioapic));
	append(&t, &nmi, sizeof(nmi));
	list(acpi, add(acpi, "APIC", 5, t.bytes, t.n));
}

static void append_memory(struct table *t, unsigned int node, uint64_t base, uint64_t end)
{
	struct memory_affinity m = { .type = 1, .length = 40, .domain = node, .base = base,
				     .size = end - base, .flags = 1 };

	if (end > base)
		append(t, &m, sizeof(m));
}

static void write_srat(struct acpi *acpi)
{
	const struct vm *vm = acpi->vm;
	const struct { uint32_t one; uint64_t reserved; } __attribute__((packed)) fixed = { 1, 0 };
	struct table t = { .n = sizeof(struct header) };
	/* Equal parts, cut at 2 MiB, numbered as host memory is: the hole comes in between. */
	uint64_t part = vm->mem_size / vm->n_nodes & ~0x1fffffULL;

	append(&t, &fixed, sizeof(fixed));
	for (unsigned int i = 0; i < vm->n_vcpus; i++) {
		struct cpu_affinity c = { .length = 16, .flags = 1,
					  .domain_low = vm_node_of(vm, i),
					  .apic_id = cpuid_apic_id(vm, i) };

		append(&t, &c, sizeof(c));
	}
	for (unsigned int node = 0; node < vm->n_nodes; node++) {
		uint64_t from = node * part;
		uint64_t to = node == vm->n_nodes - 1 ? vm->mem_size : from + part;
		uint64_t low_to = to < vm->low_size ? to : vm->low_size;
		uint64_t high_from = from > vm->low_size ? from : vm->low_size;

		append_memory(&t, node, from, low_to);
		append_memory(&t, node, high_from - vm->low_size + VM_HOLE_END,
			      to > vm->low_size ? to - vm->low_size + VM_HOLE_END : 0);
	}
	list(acpi, add(acpi, "SRAT", 3, t.bytes, t.n));
}

static void write_slit(struct acpi *acpi)
{
	struct table t = { .n = sizeof(struct header) };
	uint64_t n = acpi->vm->n_nodes;

	append(&t, &n, sizeof(n));
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int j = 0; j < n; j++) {
			uint8_t distance = i == j ? DISTANCE_LOCAL : DISTANCE_REMOTE;

			append(&t, &distance, sizeof(distance));
		}
	}
	list(acpi, add(acpi, "SLIT", 1, t.bytes, t.n));
}

static void write_mcfg(struct acpi *acpi)
{
	const struct mcfg_entry entry = { .base = VM_PCI_ECAM_START };
	struct table t = { .n = sizeof(struct header) };
	const uint64_t reserved = 0;

	append(&t, &reserved, sizeof(reserved));
	append(&t, &entry, sizeof(entry));
	list(acpi, add(acpi, "MCFG", 1, t.bytes, t.n));
}

uint64_t acpi_write(struct vm *vm)
{
	struct acpi *acpi = vm->acpi;
	struct rsdp rsdp = { .revision = 2, .length = sizeof(rsdp) };
	struct table xsdt = { .n = sizeof(struct header) };
	uint64_t gpa;
	void *to;

	acpi->next = TABLES_START;
	acpi->n_tables = 0;
	to = place(acpi, sizeof(rsdp), &gpa);
	write_fadt(acpi, write_dsdt(acpi));
	write_madt(acpi);
	write_srat(acpi);
	if (vm->n_nodes > 1)
		write_slit(acpi);
	if (acpi->pci)
		write_mcfg(acpi);
	for (unsigned int i = 0; i < acpi->n_tables; i++)
		append(&xsdt, &acpi->table[i], sizeof(acpi->table[i]));
	rsdp.xsdt = add(acpi, "XSDT", 1, xsdt.bytes, xsdt.n);
	memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
	memcpy(rsdp.oem_id, OEM_ID, sizeof(rsdp.oem_id));
	rsdp.checksum = checksum(&rsdp, 20);	/* the part that revision 0 had */
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	memcpy(to, &rsdp, sizeof(rsdp));
	return gpa;
}
