// SPDX-License-Identifier: GPL-2.0
/* The control queue and the receive filter. VIRTIO 1.2 section 5.1.6.5. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "log.h"
#include "virtio-net.h"
#include "vm.h"
#include "wire.h"

enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE, CLASS_MQ, CLASS_OFFLOADS };
enum { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST, RX_MODES };
enum { MAC_TABLE, MAC_ADDR };
enum { VLAN_ADD, VLAN_DEL };
#define MQ_PAIRS_SET 0
#define OFFLOADS_SET 0

#define ACK_OK	0
#define ACK_ERR 1

#define COMMAND_MAX	(2 + 8 + 256 * ETH_ALEN)
#define CTRL_QUEUE(dev) (2 * (dev)->n_pairs)

/* A command without its class and code: what is left of it to read. */
struct command {
	const uint8_t *p;
	size_t left;
};

static const uint8_t *take(struct command *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->left < n)
		return NULL;
	c->p += n;
	c->left -= n;
	return p;
}

/* --- the filter --- */

void virtio_net_filter_reset(struct virtio_net *dev)
{
	struct virtio_net_filter *f = &dev->filter;

	pthread_rwlock_wrlock(&f->lock);
	f->n_uni = 0;
	f->n_multi = 0;
	memcpy(f->own, dev->vp.config, ETH_ALEN);
	memset(f->vlan, 0xff, sizeof(f->vlan));
	__atomic_store_n(&f->modes, 1u << RX_PROMISC, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&f->lock);
}

static bool listed(struct virtio_net_filter *f, const uint8_t *mac, bool multi)
{
	unsigned int first = multi ? f->n_uni : 0, n = multi ? f->n_multi : f->n_uni;

	for (unsigned int i = first; i < first + n; i++)
		if (!memcmp(f->mac[i], mac, ETH_ALEN))
			return true;
	return false;
}

static bool wants_mac(struct virtio_net_filter *f, const uint8_t *mac, uint32_t modes)
{
	static const uint8_t broadcast[ETH_ALEN] = { 255, 255, 255, 255, 255, 255 };
	bool multi = mac[0] & 1, yes;

	if (!memcmp(mac, broadcast, ETH_ALEN))
		return !(modes & 1u << RX_NOBCAST);
	if (modes & 1u << (multi ? RX_NOMULTI : RX_NOUNI))
		return false;
	if (modes & 1u << (multi ? RX_ALLMULTI : RX_ALLUNI))
		return true;
	pthread_rwlock_rdlock(&f->lock);
	yes = (!multi && !memcmp(f->own, mac, ETH_ALEN)) || listed(f, mac, multi);
	pthread_rwlock_unlock(&f->lock);
	return yes;
}

bool virtio_net_filter_wants(struct virtio_net *dev, const struct frame *f)
{
	struct virtio_net_filter *filter = &dev->filter;
	uint32_t modes = __atomic_load_n(&filter->modes, __ATOMIC_RELAXED);
	uint8_t head[ETH_HLEN + 2];
	uint16_t id;

	if (modes & 1u << RX_PROMISC)
		return true;
	if (frame_copy_out(f, 0, head, sizeof(head)) < sizeof(head))
		return false;
	if (wire_get16(head + ETH_TYPE) == ETHERTYPE_VLAN &&
	    virtio_pci_has(&dev->vp, VIRTIO_NET_F_CTRL_VLAN)) {
		id = wire_get16(head + ETH_HLEN) & 0xfff;
		if (!(__atomic_load_n(&filter->vlan[id / 64], __ATOMIC_RELAXED) >> id % 64 & 1))
			return false;
	}
	return wants_mac(filter, head, modes);
}

/* --- commands --- */

static bool set_mode(struct virtio_net *dev, uint8_t code, struct command *c)
{
	const uint8_t *on = take(c, 1);
	uint32_t bit = 1u << code;

	if (!on || code >= RX_MODES)
		return false;
	if (*on)
		__atomic_fetch_or(&dev->filter.modes, bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&dev->filter.modes, ~bit, __ATOMIC_RELAXED);
	return true;
}

/*
 * One half of the table: a count and that many addresses. More than we hold: take all of that
 * kind, as the format allows.
 */
static bool read_macs(struct virtio_net_filter *f, struct command *c, bool multi)
{
	const uint8_t *count = take(c, 4), *macs;
	uint32_t n, room = VIRTIO_NET_MACS - (multi ? f->n_uni : 0);

	if (!count)
		return false;
	memcpy(&n, count, 4);
	macs = n <= COMMAND_MAX ? take(c, (size_t)n * ETH_ALEN) : NULL;
	if (!macs)
		return false;
	if (n > room) {
		__atomic_fetch_or(&f->modes, 1u << (multi ? RX_ALLMULTI : RX_ALLUNI),
				  __ATOMIC_RELAXED);
		n = 0;
	}
	memcpy(f->mac[multi ? f->n_uni : 0], macs, n * ETH_ALEN);
	*(multi ? &f->n_multi : &f->n_uni) = n;
	return true;
}

static bool set_mac(struct virtio_net *dev, uint8_t code, struct command *c)
{
	struct virtio_net_filter *f = &dev->filter;
	bool ok = false;

	pthread_rwlock_wrlock(&f->lock);
	if (code == MAC_TABLE) {
		ok = read_macs(f, c, false) && read_macs(f, c, true);
	} else if (code == MAC_ADDR) {
		const uint8_t *mac = take(c, ETH_ALEN);

		ok = mac;
		if (mac)
			memcpy(f->own, mac, ETH_ALEN);
	}
	pthread_rwlock_unlock(&f->lock);
	return ok;
}

static bool set_vlan(struct virtio_net *dev, uint8_t code, struct command *c)
{
	const uint8_t *p = take(c, 2);
	uint16_t id;

	if (!p)
		return false;
	memcpy(&id, p, 2);
	if (id > 4095 || (code != VLAN_ADD && code != VLAN_DEL))
		return false;
	if (code == VLAN_ADD)
		__atomic_fetch_or(&dev->filter.vlan[id / 64], 1ull << id % 64, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&dev->filter.vlan[id / 64], ~(1ull << id % 64),
				   __ATOMIC_RELAXED);
	return true;
}

static bool set_pairs(struct virtio_net *dev, uint8_t code, struct command *c)
{
	const uint8_t *p = take(c, 2);
	uint16_t n;

	if (!p || code != MQ_PAIRS_SET)
		return false;
	memcpy(&n, p, 2);
	if (!n || n > dev->n_pairs || backend_set_queues(dev->backend, n))
		return false;
	for (unsigned int i = 0; i < n; i++)
		loop_post(dev->pair[i].loop, &dev->pair[i].rx_again);
	return true;
}

static bool set_offloads(struct virtio_net *dev, uint8_t code, struct command *c)
{
	const uint8_t *p = take(c, 8);
	uint64_t on;

	if (!p || code != OFFLOADS_SET)
		return false;
	memcpy(&on, p, 8);
	if (on & ~dev->vp.features)
		return false;
	virtio_net_features(dev, on);
	return true;
}

static bool execute(struct virtio_net *dev, uint8_t class, uint8_t code, struct command *c)
{
	switch (class) {
	case CLASS_RX:
		return set_mode(dev, code, c);
	case CLASS_MAC:
		return set_mac(dev, code, c);
	case CLASS_VLAN:
		return set_vlan(dev, code, c);
	case CLASS_MQ:
		return set_pairs(dev, code, c);
	case CLASS_OFFLOADS:
		return set_offloads(dev, code, c);
	default:
		return false;
	}
}

/* Copy a command out of guest memory, run it, write the answer's one byte. */
static bool serve(struct virtio_net *dev, const struct vring_chain *c)
{
	uint8_t bytes[COMMAND_MAX];
	struct command command = { .p = bytes };
	uint8_t *ack;

	if (!c->n_in)
		return false;
	for (unsigned int i = 0; i < c->n_out; i++) {
		size_t n = c->iov[i].iov_len, room = sizeof(bytes) - command.left;

		if (n > room)
			n = room;
		memcpy(bytes + command.left, c->iov[i].iov_base, n);
		command.left += n;
	}
	ack = c->iov[c->n_out + c->n_in - 1].iov_base;
	ack += c->iov[c->n_out + c->n_in - 1].iov_len - 1;
	stat_inc(&dev->ctrl_commands);
	*ack = ACK_ERR;
	if (take(&command, 2) && execute(dev, bytes[0], bytes[1], &command))
		*ack = ACK_OK;
	else
		stat_inc(&dev->ctrl_refused);
	return true;
}

static void run(struct virtio_net *dev)
{
	struct vring_chain c;
	int got;

	do {
		while ((got = vring_pop(&dev->ctrl, &c)) > 0) {
			if (!serve(dev, &c)) {
				dev->ctrl.broken = "command without room for an answer";
				break;
			}
			vring_push(&dev->ctrl, c.head, 1);
			if (vring_publish(&dev->ctrl))
				virtio_pci_interrupt(&dev->vp, CTRL_QUEUE(dev));
		}
		if (dev->ctrl.broken) {
			virtio_pci_fail(&dev->vp, CTRL_QUEUE(dev), dev->ctrl.broken);
			virtio_net_ctrl_stop(dev);
			return;
		}
	} while (vring_listen(&dev->ctrl));
}

static void kicked(struct loop_fd *lfd, uint32_t events)
{
	uint64_t n;

	while (read(lfd->fd, &n, sizeof(n)) < 0 && errno == EINTR)
		continue;
	run(container_of(lfd, struct virtio_net, ctrl_kick));
}

int virtio_net_ctrl_start(struct virtio_net *dev)
{
	int err = virtio_pci_ring(&dev->vp, CTRL_QUEUE(dev), &dev->ctrl);

	if (err)
		return err;
	dev->ctrl_kick.fd = dev->vp.queue[CTRL_QUEUE(dev)].kick;
	dev->ctrl_kick.ready = kicked;
	dev->ctrl_running = true;
	err = loop_add(dev->vp.fn.vm->control, &dev->ctrl_kick, EPOLLIN);
	if (!err)
		run(dev);
	return err;
}

void virtio_net_ctrl_stop(struct virtio_net *dev)
{
	if (dev->ctrl_running)
		loop_del(dev->vp.fn.vm->control, &dev->ctrl_kick);
	dev->ctrl_running = false;
}
