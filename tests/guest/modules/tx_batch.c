// SPDX-License-Identifier: GPL-2.0
/*
 * Hands a NIC packets in bursts, announced at once (xmit_more), as pktgen's `burst` does, but each
 * a packet buffer of its own: hv_netvsc keeps a packet's state in the buffer and cannot take one
 * several times. The buffers are made before and used in turn, held by a reference, so that they
 * cost as little as pktgen's shared one; the driver frees each, and finds that it is not the last
 * to hold it.
 *
 *	insmod tx_batch.ko nic=eth0 size=60 burst=16 count=20000
 *	echo 1 >/sys/module/tx_batch/parameters/run
 *
 * The write returns when all were handed over; `sent` says how many. A queue that is stopped, by
 * the driver or by its byte limit, is left alone, as the stack does, and looked at again after a
 * sleep: a host that is slower than the driver costs no guest time. `busy` counts the sleeps.
 * Packets go to the transmit queue of number `queue`, whoever that is mapped to. With netpoll=1 a
 * burst is sent with interrupts off and each packet of it alone, as netpoll does.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/udp.h>

/* More than any driver has under way. */
#define BUFFERS 2048
/* Longer than a host needs to look, shorter than one takes for what a ring holds. */
#define NAP_US	200

static char *nic = "eth0";
module_param(nic, charp, 0444);
static unsigned int size = 60;
module_param(size, uint, 0444);
static unsigned int burst = 16;
module_param(burst, uint, 0444);
static unsigned int count = 1;
module_param(count, uint, 0444);
static unsigned int queue;
module_param(queue, uint, 0444);
static bool netpoll;
module_param(netpoll, bool, 0444);
static unsigned int sent;
module_param(sent, uint, 0444);
static unsigned int busy;
module_param(busy, uint, 0444);

static struct net_device *netdev;
static struct sk_buff *buffer[BUFFERS];

static void fill(struct sk_buff *skb, const struct net_device *dev)
{
	static const u8 to[ETH_ALEN] = { 0x02, 0, 0, 0, 0x50, 0xc0 };
	struct ethhdr *eth = skb_put_zero(skb, size);
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct udphdr *udp = (struct udphdr *)(ip + 1);

	ether_addr_copy(eth->h_dest, to);
	ether_addr_copy(eth->h_source, dev->dev_addr);
	eth->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 32;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = htonl(0x0a440002);
	ip->daddr = htonl(0x0a440001);
	ip->tot_len = htons(size - ETH_HLEN);
	ip->check = ip_fast_csum(ip, ip->ihl);
	udp->source = htons(1024);
	udp->dest = htons(9);
	udp->len = htons(size - ETH_HLEN - sizeof(*ip));
	skb->protocol = eth->h_proto;
	skb_set_queue_mapping(skb, queue);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb_set_transport_header(skb, ETH_HLEN + sizeof(*ip));
}

static int make_buffers(struct net_device *dev)
{
	unsigned int i;

	for (i = 0; i < BUFFERS; i++) {
		buffer[i] = alloc_skb(LL_RESERVED_SPACE(dev) + size, GFP_KERNEL);
		if (!buffer[i])
			return -ENOMEM;
		skb_reserve(buffer[i], LL_RESERVED_SPACE(dev));
		buffer[i]->dev = dev;
		fill(buffer[i], dev);
	}
	return 0;
}

static void free_buffers(void)
{
	unsigned int i;

	/* who still holds one frees it */
	for (i = 0; i < BUFFERS; i++)
		kfree_skb(buffer[i]);
}

/* One burst of what is left, under the queue's lock. Returns how many packets the driver took. */
static unsigned int hand_over(struct net_device *dev, struct netdev_queue *txq, unsigned int first,
			      unsigned int left)
{
	unsigned int n = min(burst, left), i;

	for (i = 0; i < n; i++) {
		struct sk_buff *skb = buffer[(first + i) % BUFFERS];

		if (netif_xmit_frozen_or_stopped(txq) || refcount_read(&skb->users) != 1)
			break;
		skb_get(skb);
		if (!dev_xmit_complete(netdev_start_xmit(skb, dev, txq, i + 1 < n && !netpoll))) {
			refcount_dec(&skb->users);
			break;
		}
	}
	return i;
}

static void send_all(struct net_device *dev)
{
	struct netdev_queue *txq = netdev_get_tx_queue(dev, queue);

	while (sent < count && !signal_pending(current)) {
		unsigned int taken;

		local_bh_disable();
		if (netpoll)
			local_irq_disable();
		__netif_tx_lock(txq, smp_processor_id());
		taken = hand_over(dev, txq, sent, count - sent);
		__netif_tx_unlock(txq);
		if (netpoll)
			local_irq_enable();
		local_bh_enable();
		sent += taken;
		if (taken) {
			cond_resched();
		} else {
			busy++;
			usleep_range(NAP_US, NAP_US + NAP_US / 10);
		}
	}
}

static int run(const char *value, const struct kernel_param *param)
{
	sent = 0;
	busy = 0;
	send_all(netdev);
	return 0;
}

static const struct kernel_param_ops run_ops = { .set = run };
module_param_cb(run, &run_ops, NULL, 0200);

static int __init tx_batch_init(void)
{
	int err;

	/* nothing is announced and then not handed over: see hand_over() */
	if (size < ETH_ZLEN || size > ETH_FRAME_LEN || !burst || burst > BUFFERS / 2 || !count)
		return -EINVAL;
	netdev = dev_get_by_name(&init_net, nic);
	if (!netdev)
		return -ENODEV;
	err = queue < netdev->real_num_tx_queues ? make_buffers(netdev) : -ERANGE;
	if (err) {
		free_buffers();
		dev_put(netdev);
	}
	return err;
}
module_init(tx_batch_init);

static void __exit tx_batch_exit(void)
{
	free_buffers();
	dev_put(netdev);
}
module_exit(tx_batch_exit);

MODULE_DESCRIPTION("Bursts of packets to a NIC's driver (for tests)");
MODULE_LICENSE("GPL");
