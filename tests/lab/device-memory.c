// SPDX-License-Identifier: GPL-2.0
/* Memory of devices in the guest's address space: KVM slots of its own, and DMA to it. */
#include "device-memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "vm.h"

#define REGIONS_MAX 64u

static struct {
	uint64_t gpa, size; /* of size 0: free */
	uint8_t *host;
} region[REGIONS_MAX];

/* Guards the table; held for reading during a copy, so that what is unmapped is not in use. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

int device_memory_map(struct vm *vm, uint64_t gpa, uint64_t size, void *host)
{
	unsigned int at = REGIONS_MAX;
	int err;

	if (!size || gpa + size < gpa)
		return -EINVAL;
	pthread_rwlock_wrlock(&lock);
	for (unsigned int i = 0; i < REGIONS_MAX; i++) {
		if (!region[i].size) {
			at = i;
		} else if (gpa < region[i].gpa + region[i].size && region[i].gpa < gpa + size) {
			pthread_rwlock_unlock(&lock);
			return -EEXIST;
		}
	}
	err = at == REGIONS_MAX ? -ENOSPC : vm_memory_slot(vm, at, gpa, size, host);
	if (!err) {
		region[at].gpa = gpa;
		region[at].size = size;
		region[at].host = host;
	}
	pthread_rwlock_unlock(&lock);
	return err;
}

void device_memory_unmap(struct vm *vm, uint64_t gpa)
{
	pthread_rwlock_wrlock(&lock);
	for (unsigned int i = 0; i < REGIONS_MAX; i++) {
		if (!region[i].size || region[i].gpa != gpa)
			continue;
		vm_memory_slot(vm, i, gpa, 0, region[i].host);
		region[i].size = 0;
	}
	pthread_rwlock_unlock(&lock);
}

/* With the lock held. */
static void *reach(struct vm *vm, uint64_t gpa, uint64_t len)
{
	for (unsigned int i = 0; i < REGIONS_MAX; i++)
		if (gpa >= region[i].gpa && gpa - region[i].gpa < region[i].size &&
		    len <= region[i].size - (gpa - region[i].gpa))
			return region[i].host + (gpa - region[i].gpa);
	return vm_gpa(vm, gpa, len);
}

enum device_memory_end device_memory_copy(struct vm *vm, uint64_t to, uint64_t from, uint64_t len)
{
	enum device_memory_end end = DEVICE_MEMORY_OK;
	const void *source;
	void *target;

	pthread_rwlock_rdlock(&lock);
	source = reach(vm, from, len);
	target = reach(vm, to, len);
	if (!source)
		end = DEVICE_MEMORY_NO_SOURCE;
	else if (!target)
		end = DEVICE_MEMORY_NO_TARGET;
	else
		memmove(target, source, len);
	pthread_rwlock_unlock(&lock);
	return end;
}
