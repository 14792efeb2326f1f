// SPDX-License-Identifier: GPL-2.0
/*
 * tap: the NIC is plugged into the host's network stack (Documentation/networking/tuntap.rst;
 * the header in front of each frame is virtio's, VIRTIO 1.2 section 5.1.6).
 *
 * csum=offload: offloads pass through in the header, the host's stack trusts them, as it would a
 * NIC. csum=verify: both directions carry complete frames only: what the guest leaves to its NIC
 * is done here in software, and the peer's stack checks every checksum; large frames and
 * open checksums are not accepted from the host either.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend-deliver.h"
#include "backend.h"
#include "offload.h"
#include "options.h"
#include "wire.h"

/* A queue's receive memory: a batch of MTU-sized frames, and always room for one large frame. */
#define RX_BYTES (BACKEND_BATCH * 2048 + FRAME_LEN_MAX)
#define RX_ALIGN 64

struct tap {
	struct backend be;
	bool verify;
	char ifname[IFNAMSIZ];
	struct tap_queue {
		int fd;
		int poll; /* an epoll of fd while attached: a detached one is in error for good */
		bool attached;
		uint8_t *rx;
	} queue[BACKEND_QUEUES_MAX];
	pthread_rwlock_t rss_lock; /* guards the two below; read for each batch */
	bool hash;
	struct rss rss;
};

/* --- guest to host --- */

static uint8_t header_gso(const struct frame *f)
{
	switch (f->gso_type) {
	case FRAME_GSO_TCP4:
		return VIRTIO_NET_HDR_GSO_TCPV4;
	case FRAME_GSO_TCP6:
		return VIRTIO_NET_HDR_GSO_TCPV6;
	default:
		return VIRTIO_NET_HDR_GSO_NONE;
	}
}

/* Write one frame, with the tag that travels beside it put back into its bytes. */
static bool push(void *o, const struct frame *f)
{
	const int *fd = o;
	struct virtio_net_hdr hdr = { 0 };
	struct iovec iov[FRAME_IOV_MAX + 4];
	uint32_t shift = f->vlan ? VLAN_HLEN : 0;
	uint8_t tag[2 * ETH_ALEN + VLAN_HLEN];
	unsigned int n = 1;
	struct frame rest;

	if (f->csum == FRAME_CSUM_PARTIAL) {
		hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr.csum_start = f->csum_start + shift;
		hdr.csum_offset = f->csum_offset;
	}
	hdr.gso_type = header_gso(f);
	if (hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		hdr.gso_size = f->gso_size;
		hdr.hdr_len = f->hdr_len + shift;
	}
	iov[0].iov_base = &hdr;
	iov[0].iov_len = sizeof(hdr);
	if (f->vlan) {
		frame_copy_out(f, 0, tag, 2 * ETH_ALEN);
		wire_put16(tag + ETH_TYPE, ETHERTYPE_VLAN);
		wire_put16(tag + ETH_TYPE + 2, f->vlan_tci);
		iov[n].iov_base = tag;
		iov[n++].iov_len = sizeof(tag);
		frame_clear(&rest);
		if (!frame_append_range(&rest, f, 2 * ETH_ALEN, f->len - 2 * ETH_ALEN))
			return false;
		f = &rest;
	}
	memcpy(&iov[n], f->iov, f->n_iov * sizeof(iov[0]));
	return writev(*fd, iov, n + f->n_iov) >= 0;
}

static void count_csum(const struct frame *f, struct backend_queue_stats *s)
{
	switch (f->csum == FRAME_CSUM_PARTIAL ? OFFLOAD_CSUM_ABSENT : offload_csum_verify(f)) {
	case OFFLOAD_CSUM_ABSENT:
		break;
	case OFFLOAD_CSUM_GOOD:
		stat_inc(&s->tx_csum_good);
		break;
	default:
		stat_inc(&s->tx_csum_bad);
	}
}

static unsigned int tap_tx(struct backend *be, unsigned int q, const struct frame *f,
			   unsigned int n)
{
	struct tap *tap = (struct tap *)be;
	struct tap_queue *queue = &tap->queue[q];
	int fd = queue->fd;
	unsigned int features = BACKEND_RX_CSUM | BACKEND_RX_TSO4 | BACKEND_RX_TSO6;
	unsigned int ok = 0;

	if (!__atomic_load_n(&queue->attached, __ATOMIC_RELAXED))
		fd = tap->queue[0].fd;
	for (unsigned int i = 0; i < n; i++) {
		if (tap->verify && f[i].gso_type == FRAME_GSO_NONE)
			count_csum(&f[i], &be->stats[q]);
		ok += backend_deliver(&f[i], tap->verify ? 0 : features, push, &fd, &be->stats[q]);
	}
	return ok;
}

/* --- host to guest --- */

/* Turn the header into the frame's fields. Return: false when it says what we never asked for. */
static bool header_read(const struct virtio_net_hdr *hdr, struct frame *f)
{
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		f->csum = FRAME_CSUM_PARTIAL;
		f->csum_start = hdr->csum_start;
		f->csum_offset = hdr->csum_offset;
	} else if (hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		f->csum = FRAME_CSUM_VALID;
	}
	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		f->gso_type = FRAME_GSO_TCP4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		f->gso_type = FRAME_GSO_TCP6;
		break;
	default:
		return false;
	}
	f->gso_size = hdr->gso_size;
	f->hdr_len = hdr->hdr_len;
	return true;
}

static void hash(struct tap *tap, struct frame *f, unsigned int n)
{
	struct offload_headers h;

	pthread_rwlock_rdlock(&tap->rss_lock);
	for (unsigned int i = 0; tap->hash && i < n; i++)
		if (!offload_parse(&f[i], &h))
			f[i].hash = rss_hash(&tap->rss, &h, &f[i].hash_type);
	pthread_rwlock_unlock(&tap->rss_lock);
}

static unsigned int tap_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max)
{
	struct tap *tap = (struct tap *)be;
	struct tap_queue *queue = &tap->queue[q];
	uint8_t *at = queue->rx, *end = queue->rx + RX_BYTES;
	unsigned int n = 0;

	while (n < max && (size_t)(end - at) >= FRAME_LEN_MAX) {
		struct virtio_net_hdr hdr;
		struct iovec iov[2] = { { &hdr, sizeof(hdr) }, { at, FRAME_LEN_MAX } };
		ssize_t got = readv(queue->fd, iov, 2);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < (ssize_t)(sizeof(hdr) + FRAME_LEN_MIN))
			break;
		frame_clear(&f[n]);
		frame_add(&f[n], at, got - sizeof(hdr));
		if (!header_read(&hdr, &f[n])) {
			stat_inc(&be->stats[q].rx_dropped);
			continue;
		}
		at += (got - sizeof(hdr) + RX_ALIGN - 1) & ~(size_t)(RX_ALIGN - 1);
		n++;
	}
	if (n)
		hash(tap, f, n);
	return n;
}

static int tap_rx_fd(struct backend *be, unsigned int q)
{
	return ((struct tap *)be)->queue[q].poll;
}

static bool tap_rx_arm(struct backend *be, unsigned int q)
{
	return false; /* the descriptor is level triggered by itself */
}

/* --- control --- */

static int attach(struct tap *tap, unsigned int q, bool on)
{
	struct ifreq ifr = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	struct epoll_event event = { .events = EPOLLIN };
	struct tap_queue *queue = &tap->queue[q];

	if (queue->attached == on)
		return 0;
	/* Nobody sends on a queue that is about to go; a frame on its way is lost, as on a NIC. */
	if (!on) {
		__atomic_store_n(&queue->attached, false, __ATOMIC_RELAXED);
		epoll_ctl(queue->poll, EPOLL_CTL_DEL, queue->fd, NULL);
	}
	if (ioctl(queue->fd, TUNSETQUEUE, &ifr) < 0)
		return -errno;
	if (on) {
		__atomic_store_n(&queue->attached, true, __ATOMIC_RELAXED);
		if (epoll_ctl(queue->poll, EPOLL_CTL_ADD, queue->fd, &event) < 0)
			return -errno;
	}
	return 0;
}

static int tap_set_queues(struct backend *be, unsigned int n)
{
	struct tap *tap = (struct tap *)be;
	int err = 0;

	for (unsigned int q = 0; q < be->n_queues && !err; q++)
		err = attach(tap, q, q < n);
	return err;
}

static void tap_set_rx_features(struct backend *be)
{
	struct tap *tap = (struct tap *)be;
	unsigned int flags = 0;

	if (be->rx_features & BACKEND_RX_CSUM)
		flags |= TUN_F_CSUM;
	if (be->rx_features & BACKEND_RX_TSO4)
		flags |= TUN_F_TSO4 | TUN_F_TSO_ECN;
	if (be->rx_features & BACKEND_RX_TSO6)
		flags |= TUN_F_TSO6 | TUN_F_TSO_ECN;
	if (!tap->verify)
		ioctl(tap->queue[0].fd, TUNSETOFFLOAD, flags);
}

static void tap_set_rss(struct backend *be, const struct rss *rss)
{
	struct tap *tap = (struct tap *)be;

	pthread_rwlock_wrlock(&tap->rss_lock);
	tap->hash = rss;
	if (rss)
		tap->rss = *rss;
	pthread_rwlock_unlock(&tap->rss_lock);
}

static void tap_close(struct backend *be)
{
	struct tap *tap = (struct tap *)be;

	for (unsigned int q = 0; q < be->n_queues; q++) {
		if (tap->queue[q].poll > 0)
			close(tap->queue[q].poll);
		if (tap->queue[q].fd > 0)
			close(tap->queue[q].fd);
		if (tap->queue[q].rx)
			munmap(tap->queue[q].rx, RX_BYTES);
	}
	pthread_rwlock_destroy(&tap->rss_lock);
}

static int open_queue(struct tap *tap, unsigned int q)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct epoll_event event = { .events = EPOLLIN };
	struct tap_queue *queue = &tap->queue[q];

	queue->rx = mmap(NULL, RX_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (queue->rx == MAP_FAILED) {
		queue->rx = NULL;
		return -ENOMEM;
	}
	queue->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (queue->fd < 0)
		return -errno;
	strcpy(ifr.ifr_name, tap->ifname);
	if (tap->be.n_queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	if (ioctl(queue->fd, TUNSETIFF, &ifr) < 0)
		return -errno;
	queue->attached = true;
	queue->poll = epoll_create1(EPOLL_CLOEXEC);
	if (queue->poll < 0 || epoll_ctl(queue->poll, EPOLL_CTL_ADD, queue->fd, &event) < 0)
		return -errno;
	if (ioctl(queue->fd, TUNSETOFFLOAD, 0) < 0)
		return -errno;
	return q ? attach(tap, q, false) : 0;
}

static int tap_open(struct backend *be, struct device_args *args, char *err, size_t n)
{
	struct tap *tap = (struct tap *)be;
	const char *ifname = args_str(args, "ifname", "");
	const char *csum = args_str(args, "csum", "offload");

	if (!*ifname || strlen(ifname) >= sizeof(tap->ifname)) {
		snprintf(err, n, "tap: ifname= of 1 to %zu characters is needed",
			 sizeof(tap->ifname) - 1);
		return -EINVAL;
	}
	strcpy(tap->ifname, ifname);
	tap->verify = !strcmp(csum, "verify");
	if (!tap->verify && strcmp(csum, "offload")) {
		snprintf(err, n, "tap: csum=%s: not one of offload, verify", csum);
		return -EINVAL;
	}
	pthread_rwlock_init(&tap->rss_lock, NULL);
	for (unsigned int q = 0; q < be->n_queues; q++) {
		int ret = open_queue(tap, q);

		if (!ret)
			continue;
		snprintf(err, n, "tap %s, queue %u: %s", ifname, q, strerror(-ret));
		tap_close(be);
		return ret;
	}
	return 0;
}

static void tap_dump(struct backend *be, struct json_object *into)
{
	struct tap *tap = (struct tap *)be;

	stats_put_text(into, "ifname", tap->ifname);
	stats_put_text(into, "csum", tap->verify ? "verify" : "offload");
}

const struct backend_ops backend_tap_ops = {
	.name = "tap",
	.help = "tap:ifname=NAME[,csum=offload|verify]   the host's network stack; offload",
	.size = sizeof(struct tap),
	.open = tap_open,
	.close = tap_close,
	.tx = tap_tx,
	.rx = tap_rx,
	.rx_fd = tap_rx_fd,
	.rx_arm = tap_rx_arm,
	.set_queues = tap_set_queues,
	.set_rx_features = tap_set_rx_features,
	.set_rss = tap_set_rss,
	.dump = tap_dump,
};
