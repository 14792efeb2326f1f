/* SPDX-License-Identifier: GPL-2.0 */
/* bus.h: an address space of registers: ports or memory mapped (bus.c). Users call vm.h. */
#ifndef HVLAB_BUS_H
#define HVLAB_BUS_H

#include <stdbool.h>
#include <stdint.h>

struct bus;
struct bus_ops;
struct json_object;

/** bus_new() - an empty bus; @name is for messages */
struct bus *bus_new(const char *name);

/** bus_add() - serve [@base, @base + @size). Return: 0, -EEXIST on overlap, -ENOSPC. */
int bus_add(struct bus *bus, uint64_t base, uint64_t size, const char *name,
	    const struct bus_ops *ops, void *opaque);

/** bus_remove() - stop; returns when no other thread is inside the region's callbacks */
void bus_remove(struct bus *bus, uint64_t base);

/**
 * bus_access() - one access of the guest
 *
 * What no region claims reads as all ones and is counted. Context: vCPU threads.
 */
void bus_access(struct bus *bus, unsigned int vp, bool write, uint64_t addr, unsigned int len,
		void *data);

/** bus_dump() - accesses per region into the statistics */
void bus_dump(struct bus *bus, struct json_object *into);

#endif
