/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-pci.h: a modern virtio device as a PCI function (virtio-pci.c). VIRTIO 1.2 section 4.1.
 *
 * It keeps what the driver negotiated and where its queues are; what a queue carries is the
 * device's business. How the function is reached (root complex or synthetic bus) is neither's.
 */
#ifndef HVLAB_VIRTIO_PCI_H
#define HVLAB_VIRTIO_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "pci-function.h"
#include "virtio-ring.h"

#define VIRTIO_PCI_QUEUES_MAX (2 * 64 + 1)
#define VIRTIO_PCI_CONFIG_MAX 64

#define VIRTIO_STATUS_DRIVER_OK	  4
#define VIRTIO_STATUS_FEATURES_OK 8
#define VIRTIO_STATUS_NEEDS_RESET 0x40

#define VIRTIO_F_INDIRECT_DESC_BIT 28
#define VIRTIO_F_EVENT_IDX_BIT	   29
#define VIRTIO_F_VERSION_1_BIT	   32

struct virtio_pci;

/**
 * struct virtio_ops - what a device does
 * @features_ok: may the driver have just these features? NULL = any subset
 * @enabled: the driver enabled queue @q, and is not ready. True: it is served from now on, though
 *	by the format nothing happens before the driver is ready. May be NULL
 * @start: the driver is ready: all its queues are enabled, begin to serve them
 * @stop: the driver reset the device: let go of all queues before returning
 *
 * All run on a vCPU thread with the device's lock held; they may wait for I/O loops, which
 * therefore never take that lock.
 */
struct virtio_ops {
	bool (*features_ok)(struct virtio_pci *vp);
	bool (*enabled)(struct virtio_pci *vp, unsigned int q);
	void (*start)(struct virtio_pci *vp);
	void (*stop)(struct virtio_pci *vp);
};

/**
 * struct virtio_pci - embed first in a device
 * @fn: the function to plug in
 * @ops: the device
 * @offered: feature bits offered
 * @features: feature bits accepted; constant between start and stop
 * @config: device specific configuration, written by the device under @lock (virtio_pci_config())
 * @config_len: bytes of it
 * @n_queues: queues the driver sees
 * @queue: per queue: @kick is an eventfd the driver's notifications signal; size and addresses as
 *	the driver set them, for virtio_pci_ring()
 */
struct virtio_pci {
	struct pci_function fn;
	const struct virtio_ops *ops;
	uint64_t offered;
	uint64_t features;
	uint8_t config[VIRTIO_PCI_CONFIG_MAX];
	unsigned int config_len;
	unsigned int n_queues;
	struct virtio_pci_queue {
		int kick;
		bool enabled;
		uint16_t size, size_max;
		uint16_t vector;
		uint64_t addr[3]; /* descriptors, driver area, device area */
		stat_t interrupts;
	} queue[VIRTIO_PCI_QUEUES_MAX];
	stat_t needs_reset;
	/* private: */
	pthread_mutex_t lock;
	uint32_t device_select, driver_select;
	uint64_t wanted;
	uint8_t status;
	uint8_t generation;
	uint8_t isr;
	uint16_t config_vector;
	uint16_t queue_select;
	bool started;
	bool early; /* some queue is served before that */
};

/**
 * virtio_pci_init() - make the function of a device whose ops, offered, config, n_queues and
 *	queue[].size_max are set
 * @vp: the device, otherwise zeroed
 * @vm: the machine
 * @name: for logs, kept
 * @type: virtio device id (1 = network)
 * @class: PCI class, subclass and interface
 *
 * Return: 0 or a negative errno.
 */
int virtio_pci_init(struct virtio_pci *vp, struct vm *vm, const char *name, uint16_t type,
		    uint32_t class);

/** virtio_pci_free() - undo virtio_pci_init(), once the machine has stopped */
void virtio_pci_free(struct virtio_pci *vp);

/** virtio_pci_has() - was feature @bit accepted? Between start and stop. */
static inline bool virtio_pci_has(const struct virtio_pci *vp, unsigned int bit)
{
	return vp->features >> bit & 1;
}

/** virtio_pci_ring() - vring_start() with what the driver set for queue @q. Return: as that */
int virtio_pci_ring(struct virtio_pci *vp, unsigned int q, struct vring *ring);

/** virtio_pci_interrupt() - raise queue @q's vector. Context: any thread. */
void virtio_pci_interrupt(struct virtio_pci *vp, unsigned int q);

/**
 * virtio_pci_config() - change the device's configuration and tell the driver
 * @offset: into it
 * @data: new bytes
 * @len: how many
 *
 * Context: any thread but I/O loops.
 */
void virtio_pci_config(struct virtio_pci *vp, unsigned int offset, const void *data, size_t len);

/**
 * virtio_pci_fail() - the driver broke the rules: ask it to reset the device
 * @vp: the device
 * @q: queue it happened on
 * @why: one line for the log
 *
 * Context: any thread. The caller stops serving the queue.
 */
void virtio_pci_fail(struct virtio_pci *vp, unsigned int q, const char *why);

#endif
