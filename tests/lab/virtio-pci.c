// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "virtio-pci.h"

#define VENDOR_ID      0x1af4
#define DEVICE_ID_BASE 0x1040
#define CAP_VENDOR     0x09

/* BAR 0, a page for each structure, so that the notify page holds nothing else. */
#define BAR_REGISTERS 0
#define BAR_MSIX      2
#define BAR_SIZE      0x4000
#define AT_COMMON     0x0000
#define AT_ISR	      0x1000
#define AT_DEVICE     0x2000
#define AT_NOTIFY     0x3000
#define AT_MASK	      0x0fff
#define NOTIFY_STEP   4 /* bytes from one queue's notify register to the next */

/* struct virtio_pci_common_cfg */
enum {
	COMMON_DEVICE_SELECT = 0,
	COMMON_DEVICE_FEATURES = 4,
	COMMON_DRIVER_SELECT = 8,
	COMMON_DRIVER_FEATURES = 12,
	COMMON_CONFIG_VECTOR = 16,
	COMMON_NUM_QUEUES = 18,
	COMMON_STATUS = 20,
	COMMON_GENERATION = 21,
	COMMON_QUEUE_SELECT = 22,
	COMMON_QUEUE_SIZE = 24,
	COMMON_QUEUE_VECTOR = 26,
	COMMON_QUEUE_ENABLE = 28,
	COMMON_QUEUE_NOTIFY_OFF = 30,
	COMMON_QUEUE_ADDR = 32, /* three of 8 bytes each */
	COMMON_LEN = 56,
};

enum { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE };

static struct virtio_pci_queue *selected(struct virtio_pci *vp)
{
	return vp->queue_select < vp->n_queues ? &vp->queue[vp->queue_select] : NULL;
}

static uint8_t status(const struct virtio_pci *vp)
{
	return __atomic_load_n(&vp->status, __ATOMIC_ACQUIRE);
}

/* --- common structure --- */

static uint64_t queue_read(struct virtio_pci *vp, unsigned int at)
{
	const struct virtio_pci_queue *q = selected(vp);

	if (!q)
		return at == COMMON_QUEUE_VECTOR ? PCI_MSIX_NO_VECTOR : 0;
	switch (at) {
	case COMMON_QUEUE_SIZE:
		return q->size;
	case COMMON_QUEUE_VECTOR:
		return q->vector;
	case COMMON_QUEUE_ENABLE:
		return q->enabled;
	case COMMON_QUEUE_NOTIFY_OFF:
		return vp->queue_select;
	default:
		return 0;
	}
}

static uint64_t common_read(struct virtio_pci *vp, unsigned int at)
{
	switch (at) {
	case COMMON_DEVICE_SELECT:
		return vp->device_select;
	case COMMON_DEVICE_FEATURES:
		return vp->device_select < 2 ? (uint32_t)(vp->offered >> 32 * vp->device_select) :
					       0;
	case COMMON_DRIVER_SELECT:
		return vp->driver_select;
	case COMMON_DRIVER_FEATURES:
		return vp->driver_select < 2 ? (uint32_t)(vp->wanted >> 32 * vp->driver_select) : 0;
	case COMMON_CONFIG_VECTOR:
		return vp->config_vector;
	case COMMON_NUM_QUEUES:
		return vp->n_queues;
	case COMMON_STATUS:
		return status(vp);
	case COMMON_GENERATION:
		return vp->generation;
	case COMMON_QUEUE_SELECT:
		return vp->queue_select;
	default:
		return queue_read(vp, at);
	}
}

static void reset(struct virtio_pci *vp)
{
	if (vp->started || vp->early)
		vp->ops->stop(vp);
	vp->started = false;
	vp->early = false;
	vp->features = 0;
	vp->wanted = 0;
	vp->device_select = 0;
	vp->driver_select = 0;
	vp->queue_select = 0;
	vp->config_vector = PCI_MSIX_NO_VECTOR;
	for (unsigned int i = 0; i < vp->n_queues; i++) {
		vp->queue[i].enabled = false;
		vp->queue[i].size = vp->queue[i].size_max;
		vp->queue[i].vector = PCI_MSIX_NO_VECTOR;
		memset(vp->queue[i].addr, 0, sizeof(vp->queue[i].addr));
	}
	__atomic_store_n(&vp->isr, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&vp->status, 0, __ATOMIC_RELEASE);
}

static bool features_ok(struct virtio_pci *vp)
{
	if ((vp->wanted & ~vp->offered) || !(vp->wanted >> VIRTIO_F_VERSION_1_BIT & 1))
		return false;
	vp->features = vp->wanted;
	return !vp->ops->features_ok || vp->ops->features_ok(vp);
}

/* Bits are only ever added, but for a reset. NEEDS_RESET is ours, whoever writes it. */
static void status_write(struct virtio_pci *vp, uint8_t value)
{
	uint8_t old = status(vp), fresh = value & ~old & ~VIRTIO_STATUS_NEEDS_RESET;

	if (!value) {
		reset(vp);
		return;
	}
	if ((fresh & VIRTIO_STATUS_FEATURES_OK) && !features_ok(vp))
		fresh &= ~VIRTIO_STATUS_FEATURES_OK;
	if ((fresh & VIRTIO_STATUS_DRIVER_OK) && !((old | fresh) & VIRTIO_STATUS_FEATURES_OK))
		fresh &= ~VIRTIO_STATUS_DRIVER_OK;
	__atomic_fetch_or(&vp->status, fresh, __ATOMIC_SEQ_CST);
	if (fresh & VIRTIO_STATUS_DRIVER_OK) {
		vp->started = true;
		vp->ops->start(vp);
	}
}

static void queue_write(struct virtio_pci *vp, unsigned int at, unsigned int len, uint64_t value)
{
	struct virtio_pci_queue *q = selected(vp);

	if (!q)
		return;
	if (at == COMMON_QUEUE_VECTOR) {
		__atomic_store_n(&q->vector, value < vp->n_queues + 1 ? value : PCI_MSIX_NO_VECTOR,
				 __ATOMIC_RELAXED);
		return;
	}
	if (q->enabled)
		return;
	if (at == COMMON_QUEUE_SIZE) {
		if (value && value <= q->size_max && !(value & (value - 1)))
			q->size = value;
	} else if (at == COMMON_QUEUE_ENABLE) {
		q->enabled = value == 1;
		if (q->enabled && vp->ops->enabled && status(vp) & VIRTIO_STATUS_FEATURES_OK)
			vp->early |= vp->ops->enabled(vp, vp->queue_select);
	} else if (at >= COMMON_QUEUE_ADDR && at < COMMON_LEN) {
		memcpy((uint8_t *)q->addr + at - COMMON_QUEUE_ADDR, &value, len);
	}
}

static void common_write(struct virtio_pci *vp, unsigned int at, unsigned int len, uint64_t value)
{
	switch (at) {
	case COMMON_DEVICE_SELECT:
		vp->device_select = value;
		break;
	case COMMON_DRIVER_SELECT:
		vp->driver_select = value;
		break;
	case COMMON_DRIVER_FEATURES:
		if (vp->driver_select < 2 && !(status(vp) & VIRTIO_STATUS_FEATURES_OK)) {
			unsigned int shift = 32 * vp->driver_select;

			vp->wanted &= ~(0xffffffffull << shift);
			vp->wanted |= (value & 0xffffffff) << shift;
		}
		break;
	case COMMON_CONFIG_VECTOR:
		__atomic_store_n(&vp->config_vector,
				 value < vp->n_queues + 1 ? value : PCI_MSIX_NO_VECTOR,
				 __ATOMIC_RELAXED);
		break;
	case COMMON_STATUS:
		status_write(vp, value);
		break;
	case COMMON_QUEUE_SELECT:
		vp->queue_select = value;
		break;
	default:
		queue_write(vp, at, len, value);
	}
}

/* --- BAR --- */

static void bar_read(void *opaque, unsigned int vcpu, uint64_t offset, unsigned int len, void *data)
{
	struct virtio_pci *vp = opaque;
	unsigned int at = offset & AT_MASK;
	uint64_t value = 0;

	pthread_mutex_lock(&vp->lock);
	switch (offset & ~(uint64_t)AT_MASK) {
	case AT_COMMON:
		/* addresses may be read in halves */
		if (at >= COMMON_QUEUE_ADDR && at + len <= COMMON_LEN && selected(vp))
			memcpy(&value, (uint8_t *)selected(vp)->addr + at - COMMON_QUEUE_ADDR, len);
		else
			value = common_read(vp, at);
		break;
	case AT_ISR:
		value = __atomic_exchange_n(&vp->isr, 0, __ATOMIC_RELAXED);
		break;
	case AT_DEVICE:
		if (at + len <= vp->config_len)
			memcpy(&value, vp->config + at, len);
		break;
	}
	pthread_mutex_unlock(&vp->lock);
	memcpy(data, &value, len);
}

static void bar_write(void *opaque, unsigned int vcpu, uint64_t offset, unsigned int len,
		      const void *data)
{
	struct virtio_pci *vp = opaque;
	unsigned int at = offset & AT_MASK;
	uint64_t value = 0, one = 1;

	memcpy(&value, data, len);
	if ((offset & ~(uint64_t)AT_MASK) == AT_NOTIFY) {
		/* the eventfd takes these inside the kernel; this is for a host that cannot */
		if (at / NOTIFY_STEP < vp->n_queues)
			if (write(vp->queue[at / NOTIFY_STEP].kick, &one, sizeof(one)) < 0)
				log_debug("%s: notify: %s", vp->fn.name, strerror(errno));
		return;
	}
	if ((offset & ~(uint64_t)AT_MASK) != AT_COMMON || at + len > COMMON_LEN)
		return;
	pthread_mutex_lock(&vp->lock);
	common_write(vp, at, len, value);
	pthread_mutex_unlock(&vp->lock);
}

static const struct bus_ops bar_ops = { .read = bar_read, .write = bar_write };

/* The notify registers moved with their BAR. */
static void bar_mapped(void *opaque, uint64_t addr, bool on)
{
	struct virtio_pci *vp = opaque;

	for (unsigned int i = 0; i < vp->n_queues; i++) {
		int err = vm_ioeventfd(vp->fn.vm, false, addr + AT_NOTIFY + NOTIFY_STEP * i, 0,
				       false, 0, vp->queue[i].kick, on);

		if (err)
			log_warn("%s: doorbell of queue %u: %s", vp->fn.name, i, strerror(-err));
	}
}

/* --- towards the device --- */

int virtio_pci_ring(struct virtio_pci *vp, unsigned int q, struct vring *ring)
{
	const struct virtio_pci_queue *queue = &vp->queue[q];

	return vring_start(ring, vp->fn.vm, queue->size, queue->addr[0], queue->addr[1],
			   queue->addr[2], virtio_pci_has(vp, VIRTIO_F_EVENT_IDX_BIT));
}

void virtio_pci_interrupt(struct virtio_pci *vp, unsigned int q)
{
	uint16_t vector = __atomic_load_n(&vp->queue[q].vector, __ATOMIC_RELAXED);

	__atomic_fetch_or(&vp->isr, 1, __ATOMIC_RELAXED);
	if (pci_msix_send(&vp->fn, vector))
		stat_inc(&vp->queue[q].interrupts);
}

static void config_interrupt(struct virtio_pci *vp)
{
	if (!(status(vp) & VIRTIO_STATUS_DRIVER_OK))
		return;
	__atomic_fetch_or(&vp->isr, 2, __ATOMIC_RELAXED);
	pci_msix_send(&vp->fn, __atomic_load_n(&vp->config_vector, __ATOMIC_RELAXED));
}

void virtio_pci_config(struct virtio_pci *vp, unsigned int offset, const void *data, size_t len)
{
	pthread_mutex_lock(&vp->lock);
	memcpy(vp->config + offset, data, len);
	vp->generation++;
	pthread_mutex_unlock(&vp->lock);
	config_interrupt(vp);
}

void virtio_pci_fail(struct virtio_pci *vp, unsigned int q, const char *why)
{
	stat_add_shared(&vp->needs_reset, 1);
	log_warn("%s: queue %u: %s; the device needs a reset", vp->fn.name, q, why);
	__atomic_fetch_or(&vp->status, VIRTIO_STATUS_NEEDS_RESET, __ATOMIC_SEQ_CST);
	config_interrupt(vp);
}

static void function_reset(struct pci_function *fn)
{
	struct virtio_pci *vp = container_of(fn, struct virtio_pci, fn);

	pthread_mutex_lock(&vp->lock);
	reset(vp);
	pthread_mutex_unlock(&vp->lock);
}

static void add_window(struct virtio_pci *vp, uint8_t type, uint32_t at, uint32_t len)
{
	uint8_t body[18] = { 0 };
	size_t size = 14;

	body[1] = type;
	body[2] = BAR_REGISTERS;
	memcpy(body + 6, &at, 4);
	memcpy(body + 10, &len, 4);
	if (type == CFG_NOTIFY) {
		body[14] = NOTIFY_STEP;
		size += 4;
	}
	body[0] = size + 2;
	pci_function_add_cap(&vp->fn, CAP_VENDOR, body, size);
}

int virtio_pci_init(struct virtio_pci *vp, struct vm *vm, const char *name, uint16_t type,
		    uint32_t class)
{
	struct pci_ids ids = {
		.vendor = VENDOR_ID,
		.device = DEVICE_ID_BASE + type,
		.subvendor = VENDOR_ID,
		.subdevice = DEVICE_ID_BASE + type,
		.class = class,
		.revision = 1,
	};
	struct pci_bar bar = {
		.size = BAR_SIZE, .io = &bar_ops, .opaque = vp, .mapped = bar_mapped
	};

	for (unsigned int i = 0; i < vp->n_queues; i++) {
		vp->queue[i].kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (vp->queue[i].kick < 0) {
			int err = -errno;

			while (i--)
				close(vp->queue[i].kick);
			return err;
		}
	}
	pthread_mutex_init(&vp->lock, NULL);
	vp->offered |= 1ull << VIRTIO_F_VERSION_1_BIT | 1ull << VIRTIO_F_INDIRECT_DESC_BIT;
	reset(vp);
	pci_function_init(&vp->fn, vm, name, &ids);
	vp->fn.reset = function_reset;
	pci_function_set_bar(&vp->fn, BAR_REGISTERS, &bar);
	pci_function_add_msix(&vp->fn, BAR_MSIX, vp->n_queues + 1);
	add_window(vp, CFG_COMMON, AT_COMMON, COMMON_LEN);
	add_window(vp, CFG_ISR, AT_ISR, 1);
	add_window(vp, CFG_DEVICE, AT_DEVICE, vp->config_len);
	add_window(vp, CFG_NOTIFY, AT_NOTIFY, NOTIFY_STEP * vp->n_queues);
	return 0;
}

void virtio_pci_free(struct virtio_pci *vp)
{
	pci_function_free(&vp->fn);
	for (unsigned int i = 0; i < vp->n_queues; i++)
		close(vp->queue[i].kick);
	pthread_mutex_destroy(&vp->lock);
}
