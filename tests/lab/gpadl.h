/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory that a driver shares with its host (gpadl.c).
 *
 * A GPADL (guest physical address descriptor list) arrives as a header message and bodies. Once it
 * is complete and every page is guest RAM, its pages are kept as host addresses. Control loop only,
 * but a held GPADL may be read from any thread.
 */
#ifndef HVLAB_GPADL_H
#define HVLAB_GPADL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;

#define GPADL_PAGES_MAX	    8192u   /* of one: the length field of its header is 16 bits */
#define GPADL_ALL_PAGES_MAX 1048576u /* of all together: 4 GiB */

/**
 * struct gpadl - one list
 * @id: the guest's handle
 * @relid: channel it was made for
 * @n_pages, @page: host address of each page, in order
 * @flat: all of them, when they follow one another in host memory, else NULL
 * @bytes: length, from offset 0 of the first page (other offsets are refused)
 * @refs: holders, the table included
 * @torn: the guest has taken it back
 */
struct gpadl {
	uint32_t id;
	uint32_t relid;
	uint32_t n_pages;
	uint32_t bytes;
	uint8_t *flat;
	uint8_t **page;
	/* private: */
	uint32_t filled;
	uint32_t refs;
	bool torn;
	struct gpadl *next;
};

/** enum gpadl_progress - what gpadl_header() and gpadl_body() came to */
enum gpadl_progress {
	GPADL_MORE,	/* bodies are to follow */
	GPADL_COMPLETE, /* usable */
	GPADL_REFUSED,	/* forgotten; tell the guest */
	GPADL_STRAY,	/* no such list under way: nothing to answer */
};

/**
 * gpadl_header() - first message of a list
 * @msg: the control message, @len bytes, of any content
 * @gpadl: receives the list when it is complete
 */
enum gpadl_progress gpadl_header(struct vm *vm, const void *msg, size_t len, struct gpadl **gpadl);

/**
 * gpadl_body() - a further message of a list
 * @id, @relid: receive the list's, for GPADL_REFUSED
 */
enum gpadl_progress gpadl_body(struct vm *vm, const void *msg, size_t len, struct gpadl **gpadl,
			       uint32_t *id, uint32_t *relid);

/** gpadl_find() - the complete list @id, or NULL */
struct gpadl *gpadl_find(uint32_t id);

/** gpadl_hold() - one more holder */
void gpadl_hold(struct gpadl *gpadl);

/** gpadl_put() - one holder less; the last frees it */
void gpadl_put(struct gpadl *gpadl);

/** gpadl_in_use() - does anyone but the table hold it? */
bool gpadl_in_use(const struct gpadl *gpadl);

/** gpadl_teardown() - take it out of the table */
void gpadl_teardown(struct gpadl *gpadl);

/** gpadl_release_relid() - take out all lists made for a channel, finished or not */
void gpadl_release_relid(uint32_t relid);

/** gpadl_release_all() - take out all */
void gpadl_release_all(void);

/**
 * gpadl_range() - host address of bytes that may cross pages
 * @off: first byte
 * @len: bytes wanted; receives how many are there in one piece
 *
 * Return: the address, NULL when @off is outside.
 */
static inline uint8_t *gpadl_range(const struct gpadl *gpadl, uint64_t off, uint32_t *len)
{
	uint32_t in_page = off & 4095u;

	if (off >= gpadl->bytes)
		return NULL;
	if (*len > gpadl->bytes - off)
		*len = gpadl->bytes - off;
	if (gpadl->flat)
		return gpadl->flat + off;
	if (*len > 4096u - in_page)
		*len = 4096u - in_page;
	return gpadl->page[off >> 12] + in_page;
}

#endif
