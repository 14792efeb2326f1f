// SPDX-License-Identifier: GPL-2.0
/*
 * Stand-ins for what a GPU size passes through: GPUs, RDMA NICs and NVSwitches, as far as a guest's
 * PCI and DMA code can tell them apart. Behind vPCI each; BAR 0 has the registers of a DMA engine,
 * BAR 2 a GPU's memory, BAR 4 the MSI-X table.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "control.h"
#include "devices.h"
#include "dma-engine.h"
#include "log.h"
#include "options.h"
#include "vpci.h"

#define BAR_REGISTERS 0
#define BAR_MEMORY    2
#define BAR_MSIX      4
#define VECTORS	      2u
#define MIB	      (1ull << 20)
#define MEMORY_MAX    (4096 * MIB)
#define CAP_MSIX      0x11
#define MSIX_IN_BAR   0x2000u /* from its end */

/**
 * struct kind - what a type is unless told otherwise
 * @memory: bytes of its memory BAR
 * @generation, @width: of the link; VFs do not tell
 */
struct kind {
	const char *type;
	struct pci_ids ids;
	uint64_t memory;
	uint64_t generation, width;
};

/* struct function - one of them */
struct function {
	struct pci_function fn;
	struct dma_engine engine;
	struct vpci *bus;
	void *memory;
	uint64_t memory_size;
	char id[16];
	struct function *next;
};

static struct function *functions;

static void reset(struct pci_function *fn)
{
	dma_engine_reset(&container_of(fn, struct function, fn)->engine);
}

static int verb(void *o, int argc, char **argv, char *answer, size_t n)
{
	struct function *f = o;
	int ret = vpci_verb(f->bus, argc, argv, answer, n);

	if (ret != -ENOTSUP)
		return ret;
	if (argc == 1 && !strcmp(argv[0], "dma")) {
		snprintf(answer, n, "copies=%llu failed=%llu bytes=%llu",
			 (unsigned long long)stat_read(&f->engine.copies),
			 (unsigned long long)stat_read(&f->engine.failed),
			 (unsigned long long)stat_read(&f->engine.copied_bytes));
		return 0;
	}
	snprintf(answer, n, "known are dma, %s", vpci_verbs);
	return -EINVAL;
}

static void dump(void *o, struct json_object *into)
{
	struct function *f = o;

	stats_put(into, "memory", f->memory_size);
	stats_put_stat(into, "dma_copies", &f->engine.copies);
	stats_put_stat(into, "dma_failed", &f->engine.failed);
	stats_put_stat(into, "dma_bytes", &f->engine.copied_bytes);
	stats_put_stat(into, "interrupts", &f->fn.msix_interrupts);
	vpci_dump(f->bus, stats_put_object(into, "vpci"));
}

/* struct wish - what the command line says of a function */
struct wish {
	struct pci_ids ids;
	uint64_t memory, generation, width;
	bool manual, prefetchable, msix_in_memory;
};

static int parse_ids(struct device_args *args, struct pci_ids *ids, char *err, size_t n)
{
	uint64_t vendor = ids->vendor, device = ids->device, class = ids->class;
	int ret = args_u64(args, "vendor", 1, 0xfffe, &vendor, err, n);

	if (!ret)
		ret = args_u64(args, "device", 0, 0xffff, &device, err, n);
	if (!ret)
		ret = args_u64(args, "class", 0, 0xffffff, &class, err, n);
	ids->vendor = (uint16_t)vendor;
	ids->device = (uint16_t)device;
	ids->subvendor = ids->vendor;
	ids->subdevice = ids->device;
	ids->class = (uint32_t)class;
	return ret;
}

static int parse(struct device_args *args, const struct kind *kind, struct wish *wish, char *err,
		 size_t n)
{
	const char *offer = args_str(args, "offer", "boot");
	int ret;

	*wish = (struct wish){
		.ids = kind->ids,
		.memory = kind->memory,
		.generation = kind->generation,
		.width = kind->width,
		.manual = !strcmp(offer, "manual"),
		.prefetchable = true,
	};
	if (!wish->manual && strcmp(offer, "boot")) {
		snprintf(err, n, "offer=%s: boot or manual is wanted", offer);
		return -EINVAL;
	}
	ret = parse_ids(args, &wish->ids, err, n);
	if (!ret)
		ret = args_u64(args, "memory", 0, MEMORY_MAX, &wish->memory, err, n);
	if (!ret)
		ret = args_u64(args, "link", 0, 6, &wish->generation, err, n);
	if (!ret)
		ret = args_u64(args, "width", 0, 32, &wish->width, err, n);
	if (!ret)
		ret = args_bool(args, "prefetchable", &wish->prefetchable, err, n);
	if (!ret)
		ret = args_bool(args, "msix-in-memory", &wish->msix_in_memory, err, n);
	if (ret)
		return ret;
	if (wish->memory && (wish->memory < MIB || wish->memory & (wish->memory - 1))) {
		snprintf(err, n, "memory=%llu: a power of two of at least 1M is wanted",
			 (unsigned long long)wish->memory);
		return -EINVAL;
	}
	if (wish->msix_in_memory && !wish->memory) {
		snprintf(err, n, "msix-in-memory=on: without memory= there is no such BAR");
		return -EINVAL;
	}
	return 0;
}

/* A capability that says the table is at the memory's end. Nothing serves it: it is there to be
 * found by who decides what of a BAR may be handed out.
 */
static void add_msix_in_memory(struct function *f)
{
	uint32_t table = (uint32_t)(f->memory_size - MSIX_IN_BAR), pending = table + 0x1000;
	uint8_t body[10] = { VECTORS - 1 };

	table |= BAR_MEMORY;
	pending |= BAR_MEMORY;
	memcpy(body + 2, &table, sizeof(table));
	memcpy(body + 6, &pending, sizeof(pending));
	pci_function_add_cap(&f->fn, CAP_MSIX, body, sizeof(body));
}

static void build(struct vm *vm, struct function *f, const struct wish *wish)
{
	struct pci_bar registers = {
		.size = DMA_ENGINE_BAR_BYTES, .io = &dma_engine_io, .opaque = &f->engine
	};
	struct pci_bar memory = {
		.size = f->memory_size, .wide = true, .prefetchable = wish->prefetchable
	};

	pci_function_init(&f->fn, vm, f->id, &wish->ids);
	f->fn.reset = reset;
	pci_function_set_bar(&f->fn, BAR_REGISTERS, &registers);
	if (f->memory_size) {
		f->memory = mmap(NULL, f->memory_size, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (f->memory == MAP_FAILED)
			log_fatal(EXIT_INTERNAL, "%s: %llu bytes of memory: %s", f->id,
				  (unsigned long long)f->memory_size, strerror(errno));
		memory.memory = f->memory;
		pci_function_set_bar(&f->fn, BAR_MEMORY, &memory);
	}
	pci_function_add_express(&f->fn, wish->generation, wish->width);
	if (wish->msix_in_memory)
		add_msix_in_memory(f);
	else
		pci_function_add_msix(&f->fn, BAR_MSIX, VECTORS);
	dma_engine_init(&f->engine, &f->fn, vm->io[0], f->memory_size);
}

static int create(struct vm *vm, struct device_args *args, const struct kind *kind, char *err,
		  size_t n)
{
	struct function *f = calloc(1, sizeof(*f));
	struct vpci_options opt;
	struct wish wish;
	int ret;

	if (!f)
		log_fatal(EXIT_INTERNAL, "out of memory");
	snprintf(f->id, sizeof(f->id), "%s", args_str(args, "id", kind->type));
	ret = parse(args, kind, &wish, err, n);
	if (!ret)
		ret = vpci_parse(vm, args, &opt, err, n);
	if (!ret)
		ret = args_check_unused(args, err, n);
	if (ret) {
		free(f);
		return ret;
	}
	f->memory_size = wish.memory;
	build(vm, f, &wish);
	f->bus = vpci_plug(vm, f->id, &f->fn, &opt, !wish.manual, NULL, f, err, n);
	if (!f->bus)
		return -EINVAL;
	ret = control_register(vm, f->id, verb, f);
	if (ret) {
		snprintf(err, n, "--pci %s: id=%s: %s", kind->type, f->id, strerror(-ret));
		return -EINVAL;
	}
	stats_add_source(vm, f->id, dump, f);
	f->next = functions;
	functions = f;
	return 0;
}

static void stop(struct vm *vm)
{
	while (functions) {
		struct function *f = functions;

		functions = f->next;
		stats_remove_source(vm, f->id);
		pci_function_free(&f->fn);
		vpci_unplug(f->bus);
		dma_engine_free(&f->engine);
		if (f->memory)
			munmap(f->memory, f->memory_size);
		free(f);
	}
}

static int create_gpu(struct vm *vm, struct device_args *args, char *err, size_t n)
{
	static const struct kind gpu = {
		.type = "gpu",
		.ids = { .vendor = 0x10de, .device = 0x2330, .class = 0x030200, .revision = 0xa1 },
		.memory = 64 * MIB,
		.generation = 5,
		.width = 16,
	};

	return create(vm, args, &gpu, err, n);
}

static int create_rdma(struct vm *vm, struct device_args *args, char *err, size_t n)
{
	static const struct kind rdma = {
		.type = "rdma",
		.ids = { .vendor = 0x15b3, .device = 0x101e, .class = 0x020700 },
	};

	return create(vm, args, &rdma, err, n);
}

static int create_nvswitch(struct vm *vm, struct device_args *args, char *err, size_t n)
{
	static const struct kind nvswitch = {
		.type = "nvswitch",
		.ids = { .vendor = 0x10de, .device = 0x22a3, .class = 0x068000, .revision = 0xa1 },
		.generation = 5,
		.width = 2,
	};

	return create(vm, args, &nvswitch, err, n);
}

#define KEYS "id,offer=boot|manual,guid,vendor,device,class,link=0..6,width,memory,\n" \
	"    prefetchable,msix-in-memory,serial,numa,domain,version-min,version-max,eject-timeout"

const struct device_type pci_gpu_type = {
	.option = "pci", .type = "gpu", .help = KEYS, .create = create_gpu, .stop = stop,
};

const struct device_type pci_rdma_type = {
	.option = "pci", .type = "rdma", .help = KEYS, .create = create_rdma, .stop = stop,
};

const struct device_type pci_nvswitch_type = {
	.option = "pci", .type = "nvswitch", .help = KEYS, .create = create_nvswitch, .stop = stop,
};
