/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-net.h: the yardstick NIC, shared by its own files only:
 *	virtio-net.c	   the device: options, start and stop, link, control verbs, statistics
 *	virtio-net-queue.c frames between the rings and the backend
 *	virtio-net-ctrl.c  the control queue and the receive filter it sets
 * VIRTIO 1.2 section 5.1.
 *
 * Threads: a pair of queues belongs to one I/O loop, which alone touches its rings between start
 * and stop. The control queue belongs to the control loop. Start and stop come from a vCPU and
 * run in those loops by loop_call().
 */
#ifndef HVLAB_VIRTIO_NET_H
#define HVLAB_VIRTIO_NET_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "loop.h"
#include "pace.h"
#include "virtio-pci.h"

struct virtio_net;

#define VIRTIO_NET_BATCH BACKEND_BATCH
#define VIRTIO_NET_MACS	 64

/* Feature bits */
#define VIRTIO_NET_F_CSUM		 0
#define VIRTIO_NET_F_GUEST_CSUM		 1
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS 2
#define VIRTIO_NET_F_MTU		 3
#define VIRTIO_NET_F_MAC		 5
#define VIRTIO_NET_F_GUEST_TSO4		 7
#define VIRTIO_NET_F_GUEST_TSO6		 8
#define VIRTIO_NET_F_GUEST_ECN		 9
#define VIRTIO_NET_F_HOST_TSO4		 11
#define VIRTIO_NET_F_HOST_TSO6		 12
#define VIRTIO_NET_F_HOST_ECN		 13
#define VIRTIO_NET_F_MRG_RXBUF		 15
#define VIRTIO_NET_F_STATUS		 16
#define VIRTIO_NET_F_CTRL_VQ		 17
#define VIRTIO_NET_F_CTRL_RX		 18
#define VIRTIO_NET_F_CTRL_VLAN		 19
#define VIRTIO_NET_F_CTRL_RX_EXTRA	 20
#define VIRTIO_NET_F_MQ			 22
#define VIRTIO_NET_F_CTRL_MAC_ADDR	 23
#define VIRTIO_NET_F_SPEED_DUPLEX	 63

struct virtio_net_queue_stats {
	stat_t tx_doorbells;
	stat_t tx_packets;
	stat_t tx_bytes;
	stat_t tx_batches;
	stat_t tx_lso;
	stat_t tx_csum;
	stat_t tx_malformed;
	stat_t tx_link_down;
	stat_t rx_doorbells;
	stat_t rx_packets;
	stat_t rx_bytes;
	stat_t rx_batches;
	stat_t rx_rsc;
	stat_t rx_buffers;
	stat_t rx_copied; /* bytes copied into the guest, headers included */
	stat_t rx_filtered; /* not for us, or the link is down */
	stat_t rx_stalls; /* times the guest had no buffers */
	stat_t rx_too_long; /* frame longer than the buffers there can be */
};

/** struct virtio_net_pair - a receive and a transmit queue, and the backend queue behind them */
struct virtio_net_pair {
	struct virtio_net *dev;
	unsigned int index;
	struct loop *loop;
	bool running;
	struct vring rx, tx;
	struct loop_fd rx_kick, tx_kick, backend_fd;
	bool backend_added, backend_watched;
	struct loop_work tx_again, rx_again;
	struct pace tx_pace, rx_pace;
	struct frame frames[VIRTIO_NET_BATCH]; /* received, [at, n) not delivered yet */
	unsigned int at, n;
	struct frame tx_frames[VIRTIO_NET_BATCH];
	struct virtio_net_queue_stats stats;
};

/**
 * struct virtio_net_filter - which received frames the guest wants; VIRTIO 1.2 section 5.1.6.5.1
 * @modes: bits 1 << VIRTIO_NET_CTRL_RX_*, written atomically by the control loop
 * @lock: guards @mac, @n_uni, @n_multi
 * @mac: unicast addresses first
 * @vlan: VLAN ids wanted, single bits written atomically
 */
struct virtio_net_filter {
	uint32_t modes;
	pthread_rwlock_t lock;
	uint8_t own[6];
	uint8_t mac[VIRTIO_NET_MACS][6];
	unsigned int n_uni, n_multi;
	uint64_t vlan[4096 / 64];
};

/** struct virtio_net - the device */
struct virtio_net {
	struct virtio_pci vp;
	struct backend *backend;
	char *id;
	unsigned int n_pairs;
	bool link;
	struct virtio_net_pair *pair;
	struct vring ctrl;
	struct loop_fd ctrl_kick;
	bool ctrl_running;
	struct virtio_net_filter filter;
	stat_t ctrl_commands;
	stat_t ctrl_refused;
	struct virtio_net *next;
};

/** virtio_net_pair_start() - serve pair @p's rings; in its loop. Return: 0 or -EFAULT */
int virtio_net_pair_start(struct virtio_net_pair *p);

/** virtio_net_pair_stop() - let go of them; in its loop. Does nothing when not started */
void virtio_net_pair_stop(struct virtio_net_pair *p);

/** virtio_net_pair_init() - once, before the loops run */
void virtio_net_pair_init(struct virtio_net_pair *p, struct virtio_net *dev, unsigned int index,
			  struct loop *loop);

/** virtio_net_features() - have the backend give only what the VIRTIO_NET_F_GUEST_* bits @on say */
void virtio_net_features(struct virtio_net *dev, uint64_t on);

/** virtio_net_ctrl_start() - serve the control queue; in the control loop. Return: 0 or -EFAULT */
int virtio_net_ctrl_start(struct virtio_net *dev);

/** virtio_net_ctrl_stop() - likewise, let go of it */
void virtio_net_ctrl_stop(struct virtio_net *dev);

/** virtio_net_filter_reset() - take everything, until the driver says otherwise */
void virtio_net_filter_reset(struct virtio_net *dev);

/** virtio_net_filter_wants() - is frame @f for the guest? Context: any I/O loop */
bool virtio_net_filter_wants(struct virtio_net *dev, const struct frame *f);

extern const struct device_type virtio_net_type;

#endif
