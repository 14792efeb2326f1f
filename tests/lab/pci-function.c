// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "log.h"
#include "pci-function.h"

#define CFG_VENDOR     0x00
#define CFG_DEVICE     0x02
#define CFG_COMMAND    0x04
#define CFG_STATUS     0x06
#define CFG_REVISION   0x08
#define CFG_CLASS      0x09
#define CFG_CACHE_LINE 0x0c
#define CFG_BAR0       0x10
#define CFG_SUBVENDOR  0x2c
#define CFG_SUBDEVICE  0x2e
#define CFG_CAPS       0x34
#define CFG_INTERRUPT  0x3c
#define CFG_CAPS_FIRST 0x40

#define COMMAND_MEMORY	   0x0002
#define COMMAND_MASTER	   0x0004
#define COMMAND_WRITABLE   (COMMAND_MEMORY | COMMAND_MASTER | 0x0400)
#define STATUS_CAPS	   0x10
#define BAR_WIDE	   0x4
#define BAR_PREFETCH	   0x8
#define BAR_FLAGS	   0xf
#define CAP_MSIX	   0x11
#define CAP_EXPRESS	   0x10
#define EXPRESS_BYTES	   0x3c
#define EXPRESS_CONTROL	   0x08
#define MSIX_CONTROL	   2
#define MSIX_ENABLE	   0x8000
#define MSIX_FUNCTION_MASK 0x4000
#define MSIX_VECTOR_MASK   1u
#define MSIX_ENTRY	   16

static void put(uint8_t *p, uint64_t v, unsigned int len)
{
	memcpy(p, &v, len); /* little endian, as is every machine this runs on */
}

static uint64_t get(const uint8_t *p, unsigned int len)
{
	uint64_t v = 0;

	memcpy(&v, p, len);
	return v;
}

void pci_function_init(struct pci_function *fn, struct vm *vm, const char *name,
		       const struct pci_ids *ids)
{
	pthread_mutex_init(&fn->lock, NULL);
	pthread_mutex_init(&fn->msix.lock, NULL);
	fn->vm = vm;
	fn->name = name;
	fn->cap_end = CFG_CAPS_FIRST;
	put(fn->config + CFG_VENDOR, ids->vendor, 2);
	put(fn->config + CFG_DEVICE, ids->device, 2);
	put(fn->config + CFG_STATUS, STATUS_CAPS, 2);
	put(fn->config + CFG_REVISION, ids->revision, 1);
	put(fn->config + CFG_CLASS, ids->class, 3);
	put(fn->config + CFG_SUBVENDOR, ids->subvendor, 2);
	put(fn->config + CFG_SUBDEVICE, ids->subdevice, 2);
	put(fn->writable + CFG_COMMAND, COMMAND_WRITABLE, 2);
	put(fn->writable + CFG_CACHE_LINE, 0xff, 1);
	put(fn->writable + CFG_INTERRUPT, 0xff, 1);
}

void pci_function_set_bar(struct pci_function *fn, unsigned int n, const struct pci_bar *bar)
{
	unsigned int at = CFG_BAR0 + 4 * n;

	fn->bar[n] = *bar;
	fn->bar[n].on = false;
	put(fn->config + at, (bar->wide ? BAR_WIDE : 0) | (bar->prefetchable ? BAR_PREFETCH : 0),
	    4);
	put(fn->writable + at, ~(bar->size - 1), bar->wide ? 8 : 4);
}

uint8_t pci_function_add_cap(struct pci_function *fn, uint8_t id, const void *body, size_t len)
{
	uint8_t at = fn->cap_end;

	fn->config[at] = id;
	memcpy(fn->config + at + 2, body, len);
	fn->config[fn->last_cap ? fn->last_cap + 1 : CFG_CAPS] = at;
	fn->last_cap = at;
	fn->cap_end = (at + 2 + len + 3) & ~3u;
	return at;
}

void pci_function_add_express(struct pci_function *fn, unsigned int generation,
			      unsigned int width)
{
	uint8_t cap[EXPRESS_BYTES] = { 0 };
	uint16_t link = generation | width << 4;
	uint8_t at;

	put(cap + 0x02, 2, 2);	    /* version 2, an endpoint */
	put(cap + 0x04, 0x8001, 4); /* payloads of up to 256 bytes; role-based errors */
	put(cap + EXPRESS_CONTROL, 0x2810, 2); /* reads of 512 bytes, no snoop, relaxed ordering */
	put(cap + 0x0c, link, 4);
	put(cap + 0x12, link, 2);
	put(cap + 0x2c, ((1u << generation) - 1) << 1, 4);
	at = pci_function_add_cap(fn, CAP_EXPRESS, cap + 2, sizeof(cap) - 2);
	put(fn->writable + at + EXPRESS_CONTROL, 0x78f0, 2);
	put(fn->initial + at + EXPRESS_CONTROL, get(cap + EXPRESS_CONTROL, 2) & 0x78f0, 2);
}

/* --- BARs --- */

void pci_function_bar_probe(const struct pci_function *fn, uint32_t bar[PCI_BARS])
{
	for (unsigned int n = 0; n < PCI_BARS; n++)
		bar[n] = get(fn->writable + CFG_BAR0 + 4 * n, 4) |
			 (fn->bar[n].size ? get(fn->config + CFG_BAR0 + 4 * n, 4) & BAR_FLAGS : 0);
}

static uint64_t bar_address(const struct pci_function *fn, unsigned int n)
{
	return get(fn->config + CFG_BAR0 + 4 * n, fn->bar[n].wide ? 8 : 4) & ~0xfull;
}

static void bar_unmap(struct pci_function *fn, unsigned int n)
{
	struct pci_bar *bar = &fn->bar[n];

	if (!bar->on)
		return;
	if (bar->mapped)
		bar->mapped(bar->opaque, bar->at, false);
	fn->bus->unmap(fn, n, bar->at);
	bar->on = false;
}

/* Have each BAR where command and address registers say. */
static void bars_update(struct pci_function *fn)
{
	bool decode = get(fn->config + CFG_COMMAND, 2) & COMMAND_MEMORY;

	for (unsigned int n = 0; n < PCI_BARS; n++) {
		struct pci_bar *bar = &fn->bar[n];
		uint64_t at = bar_address(fn, n);

		if (!bar->size || (bar->on && decode && bar->at == at))
			continue;
		bar_unmap(fn, n);
		if (!decode || !at || !fn->bus->map(fn, n, at))
			continue;
		bar->at = at;
		bar->on = true;
		if (bar->mapped)
			bar->mapped(bar->opaque, at, true);
	}
}

void pci_function_free(struct pci_function *fn)
{
	for (unsigned int n = 0; n < PCI_BARS; n++)
		bar_unmap(fn, n);
	pthread_mutex_destroy(&fn->lock);
	pthread_mutex_destroy(&fn->msix.lock);
}

/* --- MSI-X --- */

static bool held_back(const struct pci_function *fn, unsigned int v)
{
	return fn->msix.masked || (fn->msix.entry[v].control & MSIX_VECTOR_MASK);
}

static bool pending(const struct pci_function *fn, unsigned int v)
{
	return fn->msix.pending[v / 8] & (1u << v % 8);
}

/* With msix.lock held: send what was pending and is not held back any more. */
static void msix_flush(struct pci_function *fn, unsigned int first, unsigned int last)
{
	for (unsigned int v = first; v <= last && v < fn->msix.n; v++) {
		if (!fn->msix.enabled || !pending(fn, v) || held_back(fn, v))
			continue;
		fn->msix.pending[v / 8] &= ~(1u << v % 8);
		fn->bus->msi(fn, fn->msix.entry[v].addr, fn->msix.entry[v].data);
		stat_add_shared(&fn->msix_interrupts, 1);
	}
}

bool pci_msix_send(struct pci_function *fn, unsigned int v)
{
	uint64_t addr = 0;
	uint32_t data = 0;
	bool send = false;

	pthread_mutex_lock(&fn->msix.lock);
	if (v < fn->msix.n && fn->msix.enabled) {
		if (held_back(fn, v)) {
			fn->msix.pending[v / 8] |= 1u << v % 8;
			stat_add_shared(&fn->msix_masked, 1);
		} else {
			addr = fn->msix.entry[v].addr;
			data = fn->msix.entry[v].data;
			send = true;
		}
	}
	pthread_mutex_unlock(&fn->msix.lock);
	if (!send)
		return false;
	fn->bus->msi(fn, addr, data);
	stat_add_shared(&fn->msix_interrupts, 1);
	return true;
}

static void msix_control(struct pci_function *fn)
{
	uint16_t control = get(fn->config + fn->msix.cap + MSIX_CONTROL, 2);

	pthread_mutex_lock(&fn->msix.lock);
	fn->msix.enabled = control & MSIX_ENABLE;
	fn->msix.masked = control & MSIX_FUNCTION_MASK;
	msix_flush(fn, 0, PCI_MSIX_MAX);
	pthread_mutex_unlock(&fn->msix.lock);
}

/* The table first, then the pending bits: accesses of 4 or 8 aligned bytes, as the format asks. */
static void msix_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len, void *data)
{
	struct pci_function *fn = opaque;

	memset(data, 0xff, len);
	if (len < 4 || offset % len)
		return;
	memset(data, 0, len);
	pthread_mutex_lock(&fn->msix.lock);
	if (offset + len <= fn->msix.n * MSIX_ENTRY)
		memcpy(data, (uint8_t *)fn->msix.entry + offset, len);
	else if (offset >= fn->msix.pba && offset - fn->msix.pba + len <= sizeof(fn->msix.pending))
		memcpy(data, fn->msix.pending + offset - fn->msix.pba, len);
	pthread_mutex_unlock(&fn->msix.lock);
}

static void msix_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
		       const void *data)
{
	struct pci_function *fn = opaque;
	unsigned int v = offset / MSIX_ENTRY;

	if (len < 4 || offset % len || offset + len > fn->msix.n * MSIX_ENTRY)
		return;
	pthread_mutex_lock(&fn->msix.lock);
	memcpy((uint8_t *)fn->msix.entry + offset, data, len);
	fn->msix.entry[v].control &= MSIX_VECTOR_MASK;
	msix_flush(fn, v, v);
	pthread_mutex_unlock(&fn->msix.lock);
}

void pci_function_add_msix(struct pci_function *fn, unsigned int bar, unsigned int n)
{
	struct pci_bar region = { .size = 2 * PCI_MSIX_MAX * MSIX_ENTRY, .opaque = fn };
	uint8_t body[10];

	_Static_assert(sizeof(fn->msix.entry[0]) == MSIX_ENTRY, "an entry is what the guest sees");
	fn->msix.n = n;
	fn->msix.pba = PCI_MSIX_MAX * MSIX_ENTRY;
	for (unsigned int v = 0; v < n; v++)
		fn->msix.entry[v].control = MSIX_VECTOR_MASK;
	fn->msix.io.read = msix_read;
	fn->msix.io.write = msix_write;
	region.io = &fn->msix.io;
	pci_function_set_bar(fn, bar, &region);
	put(body, n - 1, 2);
	put(body + 2, bar, 4);
	put(body + 6, fn->msix.pba | bar, 4);
	fn->msix.cap = pci_function_add_cap(fn, CAP_MSIX, body, sizeof(body));
	put(fn->writable + fn->msix.cap + MSIX_CONTROL, MSIX_ENABLE | MSIX_FUNCTION_MASK, 2);
}

static void msix_reset(struct pci_function *fn)
{
	pthread_mutex_lock(&fn->msix.lock);
	fn->msix.enabled = false;
	fn->msix.masked = false;
	memset(fn->msix.pending, 0, sizeof(fn->msix.pending));
	for (unsigned int v = 0; v < fn->msix.n; v++) {
		memset(&fn->msix.entry[v], 0, sizeof(fn->msix.entry[v]));
		fn->msix.entry[v].control = MSIX_VECTOR_MASK;
	}
	pthread_mutex_unlock(&fn->msix.lock);
}

void pci_function_reset(struct pci_function *fn, uint64_t at[PCI_BARS])
{
	pthread_mutex_lock(&fn->lock);
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		at[n] = fn->bar[n].on ? fn->bar[n].at : 0;
		bar_unmap(fn, n);
	}
	for (unsigned int i = 0; i < sizeof(fn->writable); i++)
		fn->config[i] = (fn->config[i] & ~fn->writable[i]) | fn->initial[i];
	msix_reset(fn);
	pthread_mutex_unlock(&fn->lock);
	/* No access can come in between: nothing is mapped. */
	if (fn->reset)
		fn->reset(fn);
}

/* --- configuration space --- */

static bool access_ok(unsigned int offset, unsigned int len)
{
	return (len == 1 || len == 2 || len == 4) && offset % len == 0 &&
	       offset <= PCI_CONFIG_SIZE - len;
}

uint32_t pci_config_read(struct pci_function *fn, unsigned int offset, unsigned int len)
{
	uint32_t value;

	if (!access_ok(offset, len))
		return UINT32_MAX;
	pthread_mutex_lock(&fn->lock);
	value = get(fn->config + offset, len);
	pthread_mutex_unlock(&fn->lock);
	return value;
}

static bool overlaps(unsigned int offset, unsigned int len, unsigned int at, unsigned int size)
{
	return offset < at + size && at < offset + len;
}

void pci_config_write(struct pci_function *fn, unsigned int offset, unsigned int len,
		      uint32_t value)
{
	if (!access_ok(offset, len) || offset >= sizeof(fn->writable))
		return;
	pthread_mutex_lock(&fn->lock);
	for (unsigned int i = 0; i < len; i++) {
		uint8_t mask = fn->writable[offset + i];

		fn->config[offset + i] =
			(fn->config[offset + i] & ~mask) | ((uint8_t)(value >> 8 * i) & mask);
	}
	if (overlaps(offset, len, CFG_COMMAND, 2) || overlaps(offset, len, CFG_BAR0, 4 * PCI_BARS))
		bars_update(fn);
	if (fn->msix.cap && overlaps(offset, len, fn->msix.cap + MSIX_CONTROL, 2))
		msix_control(fn);
	pthread_mutex_unlock(&fn->lock);
}
