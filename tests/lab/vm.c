// SPDX-License-Identifier: GPL-2.0
/* The machine: KVM, memory, interrupts, buses, and how it ends. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/kvm.h>

#include "bus.h"
#include "ending.h"
#include "loop.h"
#include "machine.h"
#include "options.h"
#include "vm.h"

#define DEV_KVM "/dev/kvm"
#define GIB (1ULL << 30)
#define SLOT_DEVICES 2 /* RAM has those below */
/* Intel wants three pages for real mode and one for the identity map, outside of RAM. */
#define TSS_ADDR		0xfffbd000ULL
#define IDENTITY_MAP_ADDR	0xfffbc000ULL

static const struct {
	int cap;
	const char *name;
} needed[] = {
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI" },
	{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD" },
	{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_GET_TSC_KHZ, "KVM_CAP_GET_TSC_KHZ" },
	{ KVM_CAP_X86_USER_SPACE_MSR, "KVM_CAP_X86_USER_SPACE_MSR" },
	{ KVM_CAP_X86_MSR_FILTER, "KVM_CAP_X86_MSR_FILTER" },
};

static void open_kvm(struct vm *vm)
{
	int version;

	vm->kvm = open(DEV_KVM, O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		log_fatal(EXIT_NO_KVM, "%s: %s", DEV_KVM, strerror(errno));
	version = ioctl(vm->kvm, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		log_fatal(EXIT_NO_KVM, "%s: not a KVM of API version %d", DEV_KVM,
			  KVM_API_VERSION);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			log_fatal(EXIT_NO_KVM, "%s: this KVM lacks %s", DEV_KVM, needed[i].name);
	version = ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (version > 0 && (unsigned int)version < vm->n_vcpus)
		log_fatal(EXIT_NO_KVM, "%s: at most %d vCPUs here, %u wanted", DEV_KVM, version,
			  vm->n_vcpus);
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		log_fatal(EXIT_NO_KVM, "%s: cannot create a VM: %s", DEV_KVM, strerror(errno));
}

/* What this host has left, from /proc/meminfo; 0 when it cannot be read. */
static uint64_t host_available(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	fclose(f);
	return kib << 10;
}

static void set_slot(struct vm *vm, unsigned int slot, uint64_t gpa, uint64_t size, void *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		log_fatal(EXIT_INTERNAL, "KVM refuses guest memory at 0x%" PRIx64 ": %s", gpa,
			  strerror(errno));
}

int vm_memory_slot(struct vm *vm, unsigned int n, uint64_t gpa, uint64_t size, void *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = SLOT_DEVICES + n,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

static void make_memory(struct vm *vm)
{
	uint64_t available = host_available();

	if (available && vm->mem_size > available)
		log_fatal(EXIT_NO_KVM,
			  "not enough memory: the guest wants %" PRIu64 " MiB, %" PRIu64
			  " MiB are available here", vm->mem_size >> 20, available >> 20);
	vm->ram = mmap(NULL, vm->mem_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vm->ram == MAP_FAILED)
		log_fatal(EXIT_NO_KVM, "not enough memory: %" PRIu64 " MiB for the guest: %s",
			  vm->mem_size >> 20, strerror(errno));
	/* Only a hint: a host without huge pages is slower, not wrong. */
	(void)madvise(vm->ram, vm->mem_size, MADV_HUGEPAGE);
	vm->low_size = vm->mem_size < VM_HOLE_START ? vm->mem_size : VM_HOLE_START;
	set_slot(vm, 0, 0, vm->low_size, vm->ram);
	vm->mmio_high = VM_HOLE_END;
	if (vm->mem_size > vm->low_size) {
		set_slot(vm, 1, VM_HOLE_END, vm->mem_size - vm->low_size, vm->ram + vm->low_size);
		vm->mmio_high += vm->mem_size - vm->low_size;
	}
	/* Well above RAM, so that a guest's hot-plug idea of memory stays out of it. */
	vm->mmio_high = (vm->mmio_high + 64 * GIB - 1) & ~(64 * GIB - 1);
}

static void make_irqchip(struct vm *vm)
{
	uint64_t identity = IDENTITY_MAP_ADDR;

	/* Only Intel hosts have these two; elsewhere KVM ignores or lacks them. */
	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_IDENTITY_MAP_ADDR) > 0 &&
	    ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity))
		log_fatal(EXIT_INTERNAL, "KVM_SET_IDENTITY_MAP_ADDR: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_TSS_ADDR) > 0 &&
	    ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR))
		log_fatal(EXIT_INTERNAL, "KVM_SET_TSS_ADDR: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		log_fatal(EXIT_NO_KVM, "KVM_CREATE_IRQCHIP: %s", strerror(errno));
}

void vm_create(struct vm *vm, const struct options *opt)
{
	char name[16];

	vm->opt = opt;
	vm->n_vcpus = opt->n_vcpus;
	vm->n_nodes = opt->n_nodes;
	vm->mem_size = opt->mem_size;
	vm->n_io = opt->n_io;
	vm->io_rate = opt->io_rate;
	vm->next_gsi = VM_GSI_DEVICE_FIRST;
	open_kvm(vm);
	make_memory(vm);
	make_irqchip(vm);
	vm->pio = bus_new("port");
	vm->mmio = bus_new("address");
	vm->control = loop_new("control");
	vm->slow = loop_new("slow");
	vm->io = calloc(vm->n_io, sizeof(vm->io[0]));
	if (!vm->io)
		log_fatal(EXIT_INTERNAL, "I/O loops: %s", strerror(ENOMEM));
	for (unsigned int i = 0; i < vm->n_io; i++) {
		snprintf(name, sizeof(name), "io%u", i);
		vm->io[i] = loop_new(name);
		loop_set_wake_delay(vm->io[i], opt->wake_delay_us * 1000);
	}
}

void *vm_gpa(const struct vm *vm, uint64_t gpa, uint64_t len)
{
	if (gpa < vm->low_size)
		return len <= vm->low_size - gpa ? vm->ram + gpa : NULL;
	if (gpa < VM_HOLE_END)
		return NULL;
	gpa -= VM_HOLE_END;
	if (gpa >= vm->mem_size - vm->low_size || len > vm->mem_size - vm->low_size - gpa)
		return NULL;
	return vm->ram + vm->low_size + gpa;
}

unsigned int vm_node_of(const struct vm *vm, unsigned int vp)
{
	unsigned int per_node = (vm->n_vcpus + vm->n_nodes - 1) / vm->n_nodes;

	return vp / per_node;
}

int vm_irq_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};
	int n = ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);

	return n < 0 ? -errno : n;
}

int vm_irq_line(struct vm *vm, unsigned int gsi, bool level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	return ioctl(vm->fd, KVM_IRQ_LINE, &irq) ? -errno : 0;
}

int vm_irqfd(struct vm *vm, unsigned int gsi, int eventfd, bool assign)
{
	struct kvm_irqfd irqfd = {
		.fd = eventfd,
		.gsi = gsi,
		.flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(vm->fd, KVM_IRQFD, &irqfd) ? -errno : 0;
}

int vm_gsi_alloc(struct vm *vm)
{
	if (vm->next_gsi > VM_GSI_DEVICE_LAST)
		return -ENOSPC;
	return vm->next_gsi++;
}

int vm_ioeventfd(struct vm *vm, bool pio, uint64_t addr, unsigned int len, bool match,
		 uint64_t datamatch, int fd, bool assign)
{
	struct kvm_ioeventfd io = {
		.datamatch = match ? datamatch : 0,
		.addr = addr,
		.len = len,
		.fd = fd,
		.flags = (pio ? KVM_IOEVENTFD_FLAG_PIO : 0) |
			 (match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
			 (assign ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return ioctl(vm->fd, KVM_IOEVENTFD, &io) ? -errno : 0;
}

int vm_mmio_register(struct vm *vm, uint64_t base, uint64_t size, const char *name,
		     const struct bus_ops *ops, void *opaque)
{
	return bus_add(vm->mmio, base, size, name, ops, opaque);
}

void vm_mmio_unregister(struct vm *vm, uint64_t base)
{
	bus_remove(vm->mmio, base);
}

int vm_pio_register(struct vm *vm, uint16_t base, uint16_t size, const char *name,
		    const struct bus_ops *ops, void *opaque)
{
	return bus_add(vm->pio, base, size, name, ops, opaque);
}

void vm_pio_unregister(struct vm *vm, uint16_t base)
{
	bus_remove(vm->pio, base);
}

static struct ending ending;
static int ending_claimed;

void vm_stop(struct vm *vm, enum vm_end why, int code, const char *fmt, ...)
{
	va_list ap;

	if (__atomic_exchange_n(&ending_claimed, 1, __ATOMIC_ACQ_REL))
		return;
	va_start(ap, fmt);
	vsnprintf(ending.text, sizeof(ending.text), fmt, ap);
	va_end(ap);
	ending.code = code;
	ending.time_ns = clock_ns();
	__atomic_store_n(&ending.why, why, __ATOMIC_RELEASE);
	kill(getpid(), ENDING_SIGNAL);
}

bool vm_stopped(const struct vm *vm)
{
	return __atomic_load_n(&ending.why, __ATOMIC_ACQUIRE) != VM_RUNNING;
}

const struct ending *vm_ending(const struct vm *vm)
{
	return vm_stopped(vm) ? &ending : NULL;
}
