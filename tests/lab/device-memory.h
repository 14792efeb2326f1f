/* SPDX-License-Identifier: GPL-2.0 */
/*
 * device-memory.h: memory of devices in the guest's address space, and what reaches both it and
 * the guest's RAM: a DMA engine (device-memory.c).
 */
#ifndef HVLAB_DEVICE_MEMORY_H
#define HVLAB_DEVICE_MEMORY_H

#include <stdint.h>

struct vm;

/**
 * device_memory_map() - have a device's memory appear as memory of the guest
 * @gpa: guest physical address, a multiple of the page size, as is @size
 * @host: where it is; stays the caller's, and stays valid
 *
 * Context: any thread. Return: 0, -EEXIST on overlap with another device's, -ENOSPC, or what KVM
 * says.
 */
int device_memory_map(struct vm *vm, uint64_t gpa, uint64_t size, void *host);

/** device_memory_unmap() - undo device_memory_map(); no copy is under way after it */
void device_memory_unmap(struct vm *vm, uint64_t gpa);

/** enum device_memory_end - how a copy ended; registers of engines hold these numbers */
enum device_memory_end {
	DEVICE_MEMORY_OK,
	DEVICE_MEMORY_NO_SOURCE,
	DEVICE_MEMORY_NO_TARGET,
};

/**
 * device_memory_copy() - DMA: from RAM or device memory to RAM or device memory
 *
 * Context: any thread. Neither range may straddle two regions.
 */
enum device_memory_end device_memory_copy(struct vm *vm, uint64_t to, uint64_t from, uint64_t len);

#endif
