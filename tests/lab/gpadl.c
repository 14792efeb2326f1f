// SPDX-License-Identifier: GPL-2.0
/* Collects page lists from control messages and keeps them as host addresses. */
#include "gpadl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "vm.h"
#include "vmbus.h"

static struct {
	pthread_mutex_t lock; /* guards the list, its links and the page total */
	struct gpadl *first;
	uint32_t pages;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void destroy(struct gpadl *gpadl)
{
	__atomic_fetch_sub(&table.pages, gpadl->n_pages, __ATOMIC_RELAXED);
	free(gpadl->page);
	free(gpadl);
}

void gpadl_hold(struct gpadl *gpadl)
{
	__atomic_fetch_add(&gpadl->refs, 1, __ATOMIC_RELAXED);
}

void gpadl_put(struct gpadl *gpadl)
{
	if (__atomic_sub_fetch(&gpadl->refs, 1, __ATOMIC_ACQ_REL) == 0)
		destroy(gpadl);
}

bool gpadl_in_use(const struct gpadl *gpadl)
{
	return __atomic_load_n(&gpadl->refs, __ATOMIC_ACQUIRE) > 1;
}

static struct gpadl *find_locked(uint32_t id)
{
	struct gpadl *g;

	for (g = table.first; g; g = g->next) {
		if (g->id == id)
			return g;
	}
	return NULL;
}

struct gpadl *gpadl_find(uint32_t id)
{
	struct gpadl *g;

	pthread_mutex_lock(&table.lock);
	g = find_locked(id);
	if (g && g->filled < g->n_pages)
		g = NULL;
	pthread_mutex_unlock(&table.lock);
	return g;
}

/* Takes every list for which @all or the relid fits out of the table. */
static void release(uint32_t relid, bool all)
{
	struct gpadl **at, *g, *gone = NULL;

	pthread_mutex_lock(&table.lock);
	for (at = &table.first; (g = *at);) {
		if (!all && g->relid != relid) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		g->next = gone;
		gone = g;
	}
	pthread_mutex_unlock(&table.lock);
	while ((g = gone)) {
		gone = g->next;
		g->torn = true;
		gpadl_put(g);
	}
}

void gpadl_release_relid(uint32_t relid)
{
	release(relid, false);
}

void gpadl_release_all(void)
{
	release(0, true);
}

void gpadl_teardown(struct gpadl *gpadl)
{
	struct gpadl **at;

	pthread_mutex_lock(&table.lock);
	for (at = &table.first; *at && *at != gpadl; at = &(*at)->next)
		;
	if (*at)
		*at = gpadl->next;
	pthread_mutex_unlock(&table.lock);
	gpadl->torn = true;
	gpadl_put(gpadl);
}

/* Every page must be RAM; notes whether they follow one another. */
static bool take_pages(struct vm *vm, struct gpadl *g, const uint8_t *pfns, size_t bytes)
{
	uint64_t pfn;
	uint8_t *page;

	for (; bytes >= sizeof(pfn) && g->filled < g->n_pages; bytes -= 8, pfns += 8) {
		memcpy(&pfn, pfns, sizeof(pfn));
		page = pfn < 1ull << 40 ? vm_gpa(vm, pfn << 12, VMBUS_PAGE) : NULL;
		if (!page) {
			judge("vmbus", "gpadl-page", "GPADL %#x: page %u (frame %#llx) is not RAM",
			      g->id, g->filled, (unsigned long long)pfn);
			return false;
		}
		g->page[g->filled++] = page;
	}
	return true;
}

static void find_flat(struct gpadl *g)
{
	uint32_t i;

	for (i = 1; i < g->n_pages; i++) {
		if (g->page[i] != g->page[i - 1] + VMBUS_PAGE)
			return;
	}
	g->flat = g->page[0];
}

/* Common end of header and body: take page numbers, see whether the list is complete. */
static enum gpadl_progress go_on(struct vm *vm, struct gpadl *g, const uint8_t *pfns,
				 size_t bytes, struct gpadl **done)
{
	if (!take_pages(vm, g, pfns, bytes)) {
		gpadl_teardown(g);
		return GPADL_REFUSED;
	}
	if (g->filled < g->n_pages)
		return GPADL_MORE;
	find_flat(g);
	*done = g;
	return GPADL_COMPLETE;
}

static struct gpadl *create(uint32_t id, uint32_t relid, const struct vmbus_gpa_range *range,
			    uint32_t n_pages)
{
	struct gpadl *g;

	if (__atomic_add_fetch(&table.pages, n_pages, __ATOMIC_RELAXED) > GPADL_ALL_PAGES_MAX) {
		__atomic_fetch_sub(&table.pages, n_pages, __ATOMIC_RELAXED);
		judge("vmbus", "gpadl-pages", "GPADL %#x: more than %u pages shared", id,
		      GPADL_ALL_PAGES_MAX);
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (g)
		g->page = calloc(n_pages, sizeof(*g->page));
	if (!g || !g->page)
		log_fatal(EXIT_INTERNAL, "out of memory");
	g->id = id;
	g->relid = relid;
	g->bytes = range->bytes;
	g->n_pages = n_pages;
	g->refs = 1;
	return g;
}

enum gpadl_progress gpadl_header(struct vm *vm, const void *msg, size_t len, struct gpadl **gpadl)
{
	struct vmbus_gpadl_header h;
	struct vmbus_gpa_range range;
	const size_t head = sizeof(h) + sizeof(range);
	uint32_t n_pages;
	struct gpadl *g;

	if (len < head) {
		judge("vmbus", "gpadl-length", "GPADL header of %zu bytes", len);
		return GPADL_STRAY;
	}
	memcpy(&h, msg, sizeof(h));
	memcpy(&range, (const uint8_t *)msg + sizeof(h), sizeof(range));
	n_pages = (uint32_t)(((uint64_t)range.bytes + VMBUS_PAGE - 1) / VMBUS_PAGE);
	if (h.n_ranges != 1 || range.offset || !n_pages || n_pages > GPADL_PAGES_MAX ||
	    h.range_bytes != sizeof(range) + 8 * n_pages) {
		judge("vmbus", "gpadl-range",
		      "GPADL %#x: %u ranges, %u bytes from %u on, list of %u bytes", h.gpadl,
		      h.n_ranges, range.bytes, range.offset, h.range_bytes);
		return GPADL_REFUSED;
	}
	pthread_mutex_lock(&table.lock);
	g = find_locked(h.gpadl);
	pthread_mutex_unlock(&table.lock);
	if (g || !h.gpadl) {
		judge("vmbus", "gpadl-id", "GPADL %#x exists or is zero", h.gpadl);
		return GPADL_REFUSED;
	}
	g = create(h.gpadl, h.relid, &range, n_pages);
	if (!g)
		return GPADL_REFUSED;
	pthread_mutex_lock(&table.lock);
	g->next = table.first;
	table.first = g;
	pthread_mutex_unlock(&table.lock);
	return go_on(vm, g, (const uint8_t *)msg + head, len - head, gpadl);
}

enum gpadl_progress gpadl_body(struct vm *vm, const void *msg, size_t len, struct gpadl **gpadl,
			       uint32_t *id, uint32_t *relid)
{
	struct vmbus_gpadl_body body;
	struct gpadl *g;

	if (len < sizeof(body)) {
		judge("vmbus", "gpadl-length", "GPADL body of %zu bytes", len);
		return GPADL_STRAY;
	}
	memcpy(&body, msg, sizeof(body));
	pthread_mutex_lock(&table.lock);
	g = find_locked(body.gpadl);
	pthread_mutex_unlock(&table.lock);
	if (!g || g->filled == g->n_pages) {
		judge("vmbus", "gpadl-body", "body %u of GPADL %#x, which is not under way",
		      body.number, body.gpadl);
		return GPADL_STRAY;
	}
	*id = g->id;
	*relid = g->relid;
	return go_on(vm, g, (const uint8_t *)msg + sizeof(body), len - sizeof(body), gpadl);
}
