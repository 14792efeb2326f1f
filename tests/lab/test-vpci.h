/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What test-vpci.c runs in: a machine, a VMBus and loops just large enough, a function with three
 * BARs, and a guest that writes its ring and reads the host's. Everything in one thread; pump()
 * does what is due.
 */
#ifndef HVLAB_TEST_VPCI_H
#define HVLAB_TEST_VPCI_H

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "device-memory.h"
#include "devices.h"
#include "gpadl.h"
#include "hyperv.h"
#include "log.h"
#include "options.h"
#include "test-stats.h"
#include "vcpu.h"
#include "vm.h"
#include "vpci.h"

#define PAGES	  4u /* of each ring, with its control page */
#define RING	  ((PAGES - 1) * VMBUS_PAGE)
#define WINDOW	  VM_VMBUS_LOW_START
#define BAR0	  (VM_VMBUS_LOW_START + 0x10000)
#define BAR2	  0x400000000ull
#define BAR0_SIZE 0x4000u
#define BAR2_SIZE 0x100000u
#define MSIX_BAR  4
#define MSIX_AT	  (VM_VMBUS_LOW_START + 0x20000)
#define VECTORS	  4u
#define REGIONS	  16
#define ABSENT	  0xffffffffu

/* --- the machine --- */

static struct vcpu vcpus[4] = { { .apic_id = 0 }, { .apic_id = 1 }, { .apic_id = 8 },
				{ .apic_id = 9 } };
static struct vm vm = { .n_vcpus = 4, .n_io = 1, .n_nodes = 2, .mmio_high = BAR2, .vcpus = vcpus };
static uint8_t memory[2 * PAGES * VMBUS_PAGE] __attribute__((aligned(4096)));
static uint8_t *pages[2 * PAGES];
static struct gpadl gpadl = { .n_pages = 2 * PAGES, .bytes = sizeof(memory), .page = pages };

static struct {
	uint64_t base, size;
	const struct bus_ops *ops;
	void *opaque;
} region[REGIONS];
static uint64_t msi_addr, retarget_id;
static uint32_t msi_data;
static unsigned int msis;
static uint16_t (*retarget)(void *o, const void *in, size_t len);
static void *retarget_object;
static unsigned int judged, signals, rescinds, reoffers;
static char judged_kind[32];
static bool rescinded_abruptly;
static struct loop_work *work[64];
static struct loop_timer *timer[256];
static struct fault_action fault;
static enum fault_point fault_where;

bool log_verbose;
bool fault_armed[FAULT_POINTS];

struct fault_action fault_match(enum fault_point point, const char *object, void *msg, size_t len)
{
	struct fault_action none = { .kind = FAULT_NONE };

	return point == fault_where ? fault : none;
}

int vm_mmio_register(struct vm *m, uint64_t base, uint64_t size, const char *name,
		     const struct bus_ops *ops, void *opaque)
{
	int at = -1;

	for (int i = 0; i < REGIONS; i++) {
		if (!region[i].size)
			at = i;
		else if (base < region[i].base + region[i].size && region[i].base < base + size)
			return -EEXIST;
	}
	if (at < 0)
		return -ENOSPC;
	region[at].base = base;
	region[at].size = size;
	region[at].ops = ops;
	region[at].opaque = opaque;
	return 0;
}

void vm_mmio_unregister(struct vm *m, uint64_t base)
{
	bool found = false;

	for (int i = 0; i < REGIONS; i++) {
		if (region[i].size && region[i].base == base) {
			region[i].size = 0;
			found = true;
		}
	}
	CHECK(found, "nothing at %#llx", (unsigned long long)base);
}

/* Memory BARs are not this test's. */
int device_memory_map(struct vm *m, uint64_t gpa, uint64_t size, void *host)
{
	return -ENOSPC;
}

void device_memory_unmap(struct vm *m, uint64_t gpa)
{
}

static unsigned int regions(void)
{
	unsigned int n = 0;

	for (int i = 0; i < REGIONS; i++)
		n += !!region[i].size;
	return n;
}

static uint64_t mmio(uint64_t at, unsigned int len, bool write, uint64_t value)
{
	uint64_t v = write ? value : UINT64_MAX;

	for (int i = 0; i < REGIONS; i++) {
		if (!region[i].size || at < region[i].base ||
		    at - region[i].base >= region[i].size)
			continue;
		if (write && region[i].ops->write)
			region[i].ops->write(region[i].opaque, 0, at - region[i].base, len, &v);
		else if (!write)
			region[i].ops->read(region[i].opaque, 0, at - region[i].base, len, &v);
	}
	return len == 8 ? v : v & ((1ull << 8 * len) - 1);
}

int vm_irq_msi(struct vm *m, uint64_t addr, uint32_t data)
{
	msi_addr = addr;
	msi_data = data;
	msis++;
	return 1;
}

int hv_register_retarget(struct vm *m, uint64_t id,
			 uint16_t (*fn)(void *o, const void *in, size_t len), void *o)
{
	if (fn && retarget)
		return -EEXIST;
	retarget_id = id;
	retarget = fn;
	retarget_object = o;
	return 0;
}

void loop_post(struct loop *loop, struct loop_work *w)
{
	for (int i = 0; i < 64; i++) {
		if (work[i] == w)
			return;
		if (!work[i]) {
			work[i] = w;
			return;
		}
	}
	CHECK(false, "too much work");
}

void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	fn(arg);
}

void loop_timer_arm(struct loop *loop, struct loop_timer *t, uint64_t ns)
{
	for (int i = 0; i < 256; i++) {
		if (timer[i] == t)
			return;
	}
	for (int i = 0; i < 256; i++) {
		if (!timer[i]) {
			timer[i] = t;
			return;
		}
	}
	CHECK(false, "too many timers");
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *t)
{
	for (int i = 0; i < 256; i++)
		if (timer[i] == t)
			timer[i] = NULL;
}

/* Everything that is due, in the order in which it was posted. */
static void pump(void)
{
	while (work[0]) {
		struct loop_work *w = work[0];

		memmove(work, work + 1, sizeof(work) - sizeof(work[0]));
		work[63] = NULL;
		w->run(w);
	}
}

static void time_passes(void)
{
	for (int i = 0; i < 256; i++) {
		struct loop_timer *t = timer[i];

		timer[i] = NULL;
		if (t)
			t->expire(t);
	}
	pump();
}

void judge(const char *object, const char *kind, const char *fmt, ...)
{
	judged++;
	snprintf(judged_kind, sizeof(judged_kind), "%s", kind);
}

void log_debug(const char *fmt, ...)
{
}

void log_warn(const char *fmt, ...)
{
}

void log_fatal(enum exit_status status, const char *fmt, ...)
{
	abort();
}

/* --- VMBus --- */

static struct vmbus_channel channel;
static struct vmbus_channel_stats channel_stats;
static struct vpci *v;

struct vmbus *vmbus_of(const struct vm *m)
{
	return NULL;
}

void vmbus_add(struct vmbus *bus, struct vmbus_device *dev)
{
}

void vmbus_signal(struct vmbus_channel *ch)
{
	signals++;
}

void vmbus_rescind_later(struct vmbus_device *dev)
{
	rescinds++;
}

int vmbus_rescind(struct vmbus_device *dev, bool abrupt)
{
	if (dev->absent)
		return -ENODEV;
	rescinds++;
	dev->absent = true;
	rescinded_abruptly = abrupt;
	if (abrupt && v->ch)
		dev->ops->close(v->ch);
	if (v->ch)
		v->ch->rescinded = true;
	return 0;
}

int vmbus_reoffer(struct vmbus_device *dev)
{
	reoffers++;
	dev->absent = false;
	return 0;
}

void vmbus_channel_dump(const struct vmbus_device *dev, unsigned int index,
			struct json_object *into)
{
}

/* --- the function and its owner --- */

static struct pci_function *fn;
static uint64_t bar_reads, bar_value;
static unsigned int resets;
static int owner_told = -1;

static void bar_read(void *o, unsigned int vp, uint64_t offset, unsigned int len, void *data)
{
	bar_reads++;
	memcpy(data, &bar_value, len);
}

static const struct bus_ops bar_ops = { .read = bar_read };

static void fn_reset(struct pci_function *f)
{
	resets++;
}

static void present(void *o, bool here)
{
	owner_told = here;
}

static const struct vpci_owner owner = { .present = present };

static void make(const char *options)
{
	static const struct pci_ids ids = { .vendor = 0x1af4, .device = 0x1041, .subvendor = 0x1af4,
					    .subdevice = 0x77, .class = 0x020000, .revision = 5 };
	struct pci_bar bar0 = { .size = BAR0_SIZE, .io = &bar_ops };
	struct pci_bar bar2 = { .size = BAR2_SIZE, .io = &bar_ops, .wide = true,
				.prefetchable = true };
	struct vpci_options opt;
	struct device_args *args;
	char err[200] = "";

	fn = calloc(1, sizeof(*fn));
	pci_function_init(fn, &vm, "fn", &ids);
	fn->reset = fn_reset;
	pci_function_set_bar(fn, 0, &bar0);
	pci_function_set_bar(fn, 2, &bar2);
	pci_function_add_msix(fn, MSIX_BAR, VECTORS);
	args = args_parse("vpci", options, err, sizeof(err));
	CHECK(args && !vpci_parse(&vm, args, &opt, err, sizeof(err)), "%s", err);
	v = vpci_plug(&vm, "vf0", fn, &opt, true, &owner, NULL, err, sizeof(err));
	CHECK(v, "%s", err);
	args_free(args);
}

static void unmake(void)
{
	pci_function_free(fn);
	vpci_unplug(v);
	free(fn);
	free(v);
	memset(timer, 0, sizeof(timer));
	memset(work, 0, sizeof(work));
	CHECK(!regions(), "%u regions are left", regions());
}

/* --- the guest --- */

static uint32_t guest_at, host_at;

static struct vmbus_ring_control *control(bool out)
{
	return (void *)(memory + (out ? PAGES * VMBUS_PAGE : 0));
}

static void open_channel(void)
{
	memset(memory, 0, sizeof(memory));
	memset(&channel, 0, sizeof(channel));
	for (unsigned int i = 0; i < 2 * PAGES; i++)
		pages[i] = memory + i * VMBUS_PAGE;
	gpadl.flat = memory;
	channel.dev = &v->v;
	channel.stats = &channel_stats;
	pthread_mutex_init(&channel.out_lock, NULL);
	snprintf(channel.name, sizeof(channel.name), "vf0.0");
	CHECK(!ring_open(&channel, &gpadl, PAGES));
	CHECK(!v->v.ops->open(&channel, NULL));
	guest_at = 0;
	host_at = 0;
	pump();
}

static void close_channel(void)
{
	v->v.ops->close(&channel);
	pump();
}

static void put(const void *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		memory[VMBUS_PAGE + (guest_at + i) % RING] = ((const uint8_t *)data)[i];
	guest_at = (guest_at + len) % RING;
}

/* A packet into the ring, without its doorbell. */
static void post_as(uint16_t type, bool wanted, uint64_t txid, const void *msg, uint32_t len)
{
	struct vmbus_descriptor d = { .type = type, .offset8 = 2, .flags = wanted, .txid = txid };
	uint64_t trailer = (uint64_t)guest_at << 32, zero = 0;

	d.len8 = (uint16_t)((sizeof(d) + len + 7) / 8);
	put(&d, sizeof(d));
	put(msg, len);
	put(&zero, d.len8 * 8u - (uint32_t)sizeof(d) - len);
	put(&trailer, sizeof(trailer));
	control(false)->write_index = guest_at;
}

static void ring_doorbell(void)
{
	v->v.ops->doorbell(&channel);
	pump();
}

static void send_only(const void *msg, uint32_t len, bool wanted)
{
	post_as(VMBUS_PKT_INBAND, wanted, 0x1234, msg, len);
	ring_doorbell();
}

/* The host's next packet: its payload into @to, zero filled. Return: its type, 0 = none */
static uint16_t host_says(void *to, uint32_t size)
{
	struct vmbus_descriptor d;
	uint8_t *ring = memory + (PAGES + 1) * VMBUS_PAGE;
	uint8_t *p = (uint8_t *)&d;

	memset(to, 0, size);
	if (host_at == control(true)->write_index)
		return 0;
	for (uint32_t i = 0; i < sizeof(d); i++)
		p[i] = ring[(host_at + i) % RING];
	for (uint32_t i = 0; i < size && i < d.len8 * 8u - d.offset8 * 8u; i++)
		((uint8_t *)to)[i] = ring[(host_at + d.offset8 * 8u + i) % RING];
	host_at = (host_at + d.len8 * 8u + VMBUS_TRAILER) % RING;
	control(true)->read_index = host_at;
	CHECK(d.type != VMBUS_PKT_COMPLETION || d.txid == 0x1234);
	return d.type;
}

/* A request and its completion. Return: the status; ABSENT: nothing came */
static uint32_t ask(const void *msg, uint32_t len, void *answer, uint32_t size)
{
	uint8_t other[256];
	uint32_t status;
	uint16_t type;

	while (host_says(other, sizeof(other)))
		;
	send_only(msg, len, true);
	type = host_says(answer, size);
	memcpy(&status, answer, sizeof(status));
	return type == VMBUS_PKT_COMPLETION ? status : ABSENT;
}

static uint32_t ask_plain(const void *msg, uint32_t len)
{
	uint8_t answer[VPCI_MESSAGE_MAX];

	return ask(msg, len, answer, sizeof(answer));
}

static uint32_t version(uint32_t number)
{
	struct vpci_version msg = { VPCI_QUERY_VERSION, number };

	return ask_plain(&msg, sizeof(msg));
}

static uint32_t d0_entry(uint64_t window)
{
	struct vpci_d0_entry msg = { .type = VPCI_D0_ENTRY, .window = window };

	return ask_plain(&msg, sizeof(msg));
}

static uint32_t plain(uint32_t type)
{
	struct vpci_header msg = { type };

	return ask_plain(&msg, sizeof(msg));
}

/* Up to D0, at that version. */
static void bring_up(uint32_t number)
{
	open_channel();
	CHECK(!version(number));
	CHECK(!d0_entry(WINDOW));
	judged = 0;
}

static uint32_t cfg(unsigned int at, unsigned int len)
{
	mmio(WINDOW, 4, true, 0);
	return mmio(WINDOW + VPCI_WINDOW_CONFIG + at, len, false, 0);
}

static void set_cfg(unsigned int at, unsigned int len, uint32_t value)
{
	mmio(WINDOW, 4, true, 0);
	mmio(WINDOW + VPCI_WINDOW_CONFIG + at, len, true, value);
}

static void place_bars(void)
{
	set_cfg(0x10, 4, (uint32_t)BAR0);
	set_cfg(0x18, 4, (uint32_t)BAR2);
	set_cfg(0x1c, 4, BAR2 >> 32);
	set_cfg(0x20, 4, (uint32_t)MSIX_AT);
	set_cfg(0x04, 2, 6);
}

#endif
