// SPDX-License-Identifier: GPL-2.0
/*
 * echo: every unicast frame comes back on its queue with the two ends swapped: MAC and IP
 * addresses, TCP or UDP ports. None of that changes a checksum. ARP requests and pings are
 * answered, so that a guest finds "the other side" without further setup.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend-deliver.h"
#include "backend.h"
#include "frame-ring.h"
#include "offload.h"
#include "options.h"
#include "wire.h"

#define ARP_LEN	    28
#define ARP_OP	    6
#define ARP_SHA	    8 /* then sender's IP, target's MAC, target's IP */
#define ARP_REQUEST 1
#define ARP_REPLY   2
#define ICMP_PING   8
#define ICMP6_PING  128
#define ICMP6_PONG  129

static const uint8_t echo_mac[ETH_ALEN] = { 0x02, 0, 0, 0, 0xec, 0x40 };

struct echo {
	struct backend be;
	struct frame_ring *ring;
};

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t t[16];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

/* Change an ICMP message's type, and its checksum by as much (RFC 1624). */
static void pong(uint8_t *p, uint8_t type)
{
	uint32_t sum = (uint16_t)~wire_get16(p + 2) + (uint16_t)~(p[0] << 8) + (type << 8);

	p[0] = type;
	sum = (sum & 0xffff) + (sum >> 16);
	wire_put16(p + 2, ~((sum & 0xffff) + (sum >> 16)));
}

static void swap_ports(uint8_t *p, size_t len, uint8_t proto)
{
	if ((proto == IPPROTO_TCP || proto == IPPROTO_UDP) && len >= 4)
		swap(p, p + 2, 2);
	else if (proto == IPPROTO_ICMP && len >= 4 && p[0] == ICMP_PING)
		pong(p, 0);
	else if (proto == IPPROTO_ICMPV6 && len >= 4 && p[0] == ICMP6_PING)
		pong(p, ICMP6_PONG);
}

static void arp_reply(uint8_t *p)
{
	uint8_t *sender = p + ARP_SHA, *target = sender + ETH_ALEN + 4;

	wire_put16(p + ARP_OP, ARP_REPLY);
	memcpy(target, echo_mac, ETH_ALEN);
	swap(sender, target, ETH_ALEN + 4);
}

/* Turn round the frame at @p, our own copy. */
static void reflect(uint8_t *p, size_t len)
{
	size_t l3 = ETH_HLEN, l4;
	uint16_t type = wire_get16(p + ETH_TYPE);

	if (type == ETHERTYPE_VLAN && len >= ETH_HLEN + VLAN_HLEN) {
		type = wire_get16(p + ETH_TYPE + VLAN_HLEN);
		l3 += VLAN_HLEN;
	}
	memcpy(p + ETH_DST, p + ETH_SRC, ETH_ALEN);
	memcpy(p + ETH_SRC, echo_mac, ETH_ALEN);
	if (type == ETHERTYPE_IP4 && len >= l3 + IP4_HLEN) {
		uint8_t *ip = p + l3;

		swap(ip + IP4_SRC, ip + IP4_DST, 4);
		l4 = l3 + (ip[0] & 15) * 4u;
		if (l4 <= len && !(wire_get16(ip + IP4_FRAG) & 0x1fff))
			swap_ports(p + l4, len - l4, ip[IP4_PROTO]);
	} else if (type == ETHERTYPE_IP6 && len >= l3 + IP6_HLEN) {
		uint8_t *ip = p + l3;

		swap(ip + IP6_SRC, ip + IP6_DST, 16);
		swap_ports(ip + IP6_HLEN, len - l3 - IP6_HLEN, ip[IP6_NEXT]);
	} else if (type == ETHERTYPE_ARP && len >= l3 + ARP_LEN) {
		if (wire_get16(p + l3 + ARP_OP) == ARP_REQUEST)
			arp_reply(p + l3);
	}
}

static bool push(void *o, const struct frame *f)
{
	uint8_t *p = frame_ring_put(o, f);

	if (!p)
		return false;
	reflect(p, f->len);
	return true;
}

/* Group addresses are nobody to answer as, but for ARP. */
static bool is_mute(const struct frame *f)
{
	uint8_t head[ETH_HLEN];

	return frame_copy_out(f, 0, head, sizeof(head)) == sizeof(head) && (head[0] & 1) &&
	       wire_get16(head + ETH_TYPE) != ETHERTYPE_ARP;
}

static unsigned int echo_tx(struct backend *be, unsigned int q, const struct frame *f,
			    unsigned int n)
{
	struct frame_ring *ring = &((struct echo *)be)->ring[q];
	unsigned int features = __atomic_load_n(&be->rx_features, __ATOMIC_RELAXED);
	unsigned int ok = 0;

	frame_ring_begin(ring);
	for (unsigned int i = 0; i < n; i++)
		ok += is_mute(&f[i]) || backend_deliver(&f[i], features, push, ring, &be->stats[q]);
	frame_ring_end(ring);
	return ok;
}

static unsigned int echo_rx(struct backend *be, unsigned int q, struct frame *f, unsigned int max)
{
	return frame_ring_pull(&((struct echo *)be)->ring[q], f, max);
}

static int echo_rx_fd(struct backend *be, unsigned int q)
{
	return ((struct echo *)be)->ring[q].fd;
}

static bool echo_rx_arm(struct backend *be, unsigned int q)
{
	return frame_ring_arm(&((struct echo *)be)->ring[q]);
}

static void echo_close(struct backend *be)
{
	struct echo *echo = (struct echo *)be;

	frame_rings_free(be->n_queues, echo->ring);
}

static int echo_open(struct backend *be, struct device_args *args, char *err, size_t n)
{
	struct echo *echo = (struct echo *)be;
	uint64_t depth = 1 << 20;
	int ret;

	ret = args_u64(args, "depth", FRAME_RING_MIN, 1 << 28, &depth, err, n);
	if (ret)
		return ret;
	ret = frame_rings_new(be->n_queues, depth, &echo->ring);
	if (ret)
		snprintf(err, n, "echo: %u queues of %llu bytes: %s", be->n_queues,
			 (unsigned long long)depth, strerror(-ret));
	return ret;
}

const struct backend_ops backend_echo_ops = {
	.name = "echo",
	.help = "echo[:depth=BYTES]   sends frames back, ends swapped; a queue holds 1M",
	.size = sizeof(struct echo),
	.open = echo_open,
	.close = echo_close,
	.tx = echo_tx,
	.rx = echo_rx,
	.rx_fd = echo_rx_fd,
	.rx_arm = echo_rx_arm,
};
