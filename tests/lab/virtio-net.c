// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "control.h"
#include "devices.h"
#include "log.h"
#include "options.h"
#include "pci.h"
#include "virtio-net.h"
#include "wire.h"

#define DEVICE_NETWORK	1
#define CLASS_ETHERNET	0x020000
#define QUEUE_DEFAULT	256
#define CTRL_QUEUE_SIZE 64
#define MTU_MIN		68
#define MTU_MAX		9000
#define SPEED_MBPS	100000
#define LINK_UP		1
#define DUPLEX_FULL	1

/* struct virtio_net_config */
#define CONFIG_MAC    0
#define CONFIG_STATUS 6
#define CONFIG_PAIRS  8
#define CONFIG_MTU    10
#define CONFIG_SPEED  12
#define CONFIG_DUPLEX 16
#define CONFIG_LEN    17

#define BIT(n)	  (1ull << (n))
#define GUEST_TSO (BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6))
#define HOST_TSO  (BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6))

static struct virtio_net *devices;

void virtio_net_features(struct virtio_net *dev, uint64_t on)
{
	unsigned int features = 0;

	if (on & BIT(VIRTIO_NET_F_GUEST_CSUM))
		features |= BACKEND_RX_CSUM;
	if (on & BIT(VIRTIO_NET_F_GUEST_TSO4))
		features |= BACKEND_RX_TSO4;
	if (on & BIT(VIRTIO_NET_F_GUEST_TSO6))
		features |= BACKEND_RX_TSO6;
	backend_set_rx_features(dev->backend, features);
}

/* The format's rules on which feature needs which (VIRTIO 1.2 section 5.1.3.1). */
static bool features_ok(struct virtio_pci *vp)
{
	uint64_t f = vp->features;

	if ((f & HOST_TSO) && !(f & BIT(VIRTIO_NET_F_CSUM)))
		return false;
	if ((f & GUEST_TSO) && !(f & BIT(VIRTIO_NET_F_GUEST_CSUM)))
		return false;
	if ((f & (BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_VLAN) |
		  BIT(VIRTIO_NET_F_CTRL_MAC_ADDR))) &&
	    !(f & BIT(VIRTIO_NET_F_CTRL_VQ)))
		return false;
	return true;
}

static void start_pair(void *arg)
{
	struct virtio_net_pair *p = arg;

	if (virtio_net_pair_start(p))
		virtio_pci_fail(&p->dev->vp, 2 * p->index, "ring outside RAM");
}

static void start_ctrl(void *arg)
{
	struct virtio_net *dev = arg;

	if (!dev->ctrl_running && virtio_net_ctrl_start(dev))
		virtio_pci_fail(&dev->vp, 2 * dev->n_pairs, "ring outside RAM");
}

static void start(struct virtio_pci *vp)
{
	struct virtio_net *dev = container_of(vp, struct virtio_net, vp);

	virtio_net_features(dev, vp->features);
	for (unsigned int i = 0; i < dev->n_pairs; i++)
		if (vp->queue[2 * i].enabled && vp->queue[2 * i + 1].enabled)
			loop_call(dev->pair[i].loop, start_pair, &dev->pair[i]);
	if (virtio_pci_has(vp, VIRTIO_NET_F_CTRL_VQ) && vp->queue[2 * dev->n_pairs].enabled)
		loop_call(vp->fn.vm->control, start_ctrl, dev);
}

/*
 * A synthetic NIC's driver gives its VF its own features while that is being registered. virtio_net
 * makes commands of some, before its device is ready, and waits for their end with the RTNL held:
 * a VF answers them.
 */
static bool enabled(struct virtio_pci *vp, unsigned int q)
{
	struct virtio_net *dev = container_of(vp, struct virtio_net, vp);

	if (!dev->is_vf || q != 2 * dev->n_pairs || !virtio_pci_has(vp, VIRTIO_NET_F_CTRL_VQ))
		return false;
	loop_call(vp->fn.vm->control, start_ctrl, dev);
	return true;
}

static void stop_pair(void *arg)
{
	virtio_net_pair_stop(arg);
}

static void stop_ctrl(void *arg)
{
	virtio_net_ctrl_stop(arg);
}

static void stop(struct virtio_pci *vp)
{
	struct virtio_net *dev = container_of(vp, struct virtio_net, vp);

	loop_call(vp->fn.vm->control, stop_ctrl, dev);
	for (unsigned int i = 0; i < dev->n_pairs; i++)
		loop_call(dev->pair[i].loop, stop_pair, &dev->pair[i]);
	virtio_net_filter_reset(dev);
	backend_set_rx_features(dev->backend, 0);
	backend_set_queues(dev->backend, 1);
}

static const struct virtio_ops virtio_net_ops = {
	.features_ok = features_ok,
	.enabled = enabled,
	.start = start,
	.stop = stop,
};

/* --- control and statistics --- */

static int set_link(struct virtio_net *dev, bool up)
{
	uint16_t status = up ? LINK_UP : 0;

	__atomic_store_n(&dev->link, up, __ATOMIC_RELAXED);
	virtio_pci_config(&dev->vp, CONFIG_STATUS, &status, sizeof(status));
	return 0;
}

static int verb_counters(struct virtio_net *dev, char *answer, size_t n)
{
	uint64_t tx = 0, rx = 0, malformed = 0;

	for (unsigned int i = 0; i < dev->n_pairs; i++) {
		tx += stat_read(&dev->pair[i].stats.tx_packets);
		rx += stat_read(&dev->pair[i].stats.rx_packets);
		malformed += stat_read(&dev->pair[i].stats.tx_malformed);
	}
	snprintf(answer, n, "tx_packets=%llu rx_packets=%llu tx_malformed=%llu",
		 (unsigned long long)tx, (unsigned long long)rx, (unsigned long long)malformed);
	return 0;
}

int virtio_net_verb(struct virtio_net *dev, int argc, char **argv, char *answer, size_t n)
{
	if (argc == 2 && !strcmp(argv[0], "link") && !strcmp(argv[1], "up"))
		return set_link(dev, true);
	if (argc == 2 && !strcmp(argv[0], "link") && !strcmp(argv[1], "down"))
		return set_link(dev, false);
	if (argc == 1 && !strcmp(argv[0], "counters"))
		return verb_counters(dev, answer, n);
	if (argc > 1 && !strcmp(argv[0], dev->backend->ops->name))
		return backend_verb(dev->backend, argc - 1, argv + 1, answer, n);
	snprintf(answer, n, "%s: commands are link up|down, counters, %s ...", dev->id,
		 dev->backend->ops->name);
	return -EINVAL;
}

static int verb(void *o, int argc, char **argv, char *answer, size_t n)
{
	return virtio_net_verb(o, argc, argv, answer, n);
}

static void dump_pair(const struct virtio_net_pair *p, struct json_object *into)
{
	const struct virtio_net_queue_stats *s = &p->stats;
	const struct virtio_pci_queue *q = &p->dev->vp.queue[2 * p->index];

	stats_put(into, "doorbells", stat_read(&s->rx_doorbells) + stat_read(&s->tx_doorbells));
	stats_put(into, "interrupts", stat_read(&q[0].interrupts) + stat_read(&q[1].interrupts));
	stats_put_stat(into, "rx_interrupts", &q[0].interrupts);
	stats_put_stat(into, "tx_interrupts", &q[1].interrupts);
	stats_put_stat(into, "rx_doorbells", &s->rx_doorbells);
	stats_put_stat(into, "tx_doorbells", &s->tx_doorbells);
	stats_put_stat(into, "tx_packets", &s->tx_packets);
	stats_put_stat(into, "tx_bytes", &s->tx_bytes);
	stats_put_stat(into, "tx_batches", &s->tx_batches);
	stats_put_stat(into, "tx_lso", &s->tx_lso);
	stats_put_stat(into, "tx_csum", &s->tx_csum);
	stats_put_stat(into, "tx_malformed", &s->tx_malformed);
	stats_put_stat(into, "tx_link_down", &s->tx_link_down);
	stats_put_stat(into, "rx_packets", &s->rx_packets);
	stats_put_stat(into, "rx_bytes", &s->rx_bytes);
	stats_put_stat(into, "rx_batches", &s->rx_batches);
	stats_put_stat(into, "rx_rsc", &s->rx_rsc);
	stats_put_stat(into, "rx_buffers", &s->rx_buffers);
	stats_put_stat(into, "rx_copied", &s->rx_copied);
	stats_put_stat(into, "rx_filtered", &s->rx_filtered);
	stats_put_stat(into, "rx_stalls", &s->rx_stalls);
	stats_put_stat(into, "rx_too_long", &s->rx_too_long);
}

void virtio_net_dump(struct virtio_net *dev, struct json_object *into)
{
	struct json_object *pairs;
	char text[24];

	stats_put_text(into, "type", "virtio");
	stats_put_text(into, "link", dev->link ? "up" : "down");
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)dev->vp.features);
	stats_put_text(into, "features", text);
	stats_put_stat(into, "interrupts", &dev->vp.fn.msix_interrupts);
	stats_put_stat(into, "interrupts_masked", &dev->vp.fn.msix_masked);
	stats_put_stat(into, "control_commands", &dev->ctrl_commands);
	stats_put_stat(into, "control_refused", &dev->ctrl_refused);
	stats_put_stat(into, "needs_reset", &dev->vp.needs_reset);
	/* the names of netvsp's channels, so that the two are read alike */
	pairs = stats_put_array(into, "channels");
	for (unsigned int i = 0; i < dev->n_pairs; i++) {
		struct json_object *one = json_object_new_object();

		dump_pair(&dev->pair[i], one);
		json_object_array_add(pairs, one);
	}
	backend_dump(dev->backend, stats_put_object(into, "backend"));
}

static void dump(void *o, struct json_object *into)
{
	virtio_net_dump(o, into);
}

/* --- making one --- */

struct config {
	uint8_t mac[ETH_ALEN];
	uint64_t queues, ring, mtu;
	bool csum, gso, mrg, event_idx, offloads;
};

static int configure(struct config *c, const struct virtio_net_place *place,
		     struct device_args *args, char *err, size_t n)
{
	uint64_t queues_max = place->queues ? place->queues : BACKEND_QUEUES_MAX;
	uint64_t mtu_max = place->mtu ? place->mtu : MTU_MAX;
	static uint8_t next = 1;
	int ret = 0;

	*c = (struct config){ .mac = { 0x02, 0x00, 0x5e, 0x10, 0x00, next++ },
			      .queues = place->queues ? place->queues : 1,
			      .ring = QUEUE_DEFAULT,
			      .mtu = place->mtu ? place->mtu : 1500,
			      .csum = true,
			      .gso = true,
			      .mrg = true,
			      .event_idx = true,
			      .offloads = !place->is_vf };
	if (place->mac)
		memcpy(c->mac, place->mac, ETH_ALEN);
	ret |= args_mac(args, "mac", c->mac, err, n);
	ret = ret ? ret : args_u64(args, "queues", 1, queues_max, &c->queues, err, n);
	ret = ret ? ret : args_u64(args, "ring", 2, VRING_SIZE_MAX, &c->ring, err, n);
	ret = ret ? ret : args_u64(args, "mtu", MTU_MIN, mtu_max, &c->mtu, err, n);
	ret = ret ? ret : args_bool(args, "csum", &c->csum, err, n);
	ret = ret ? ret : args_bool(args, "gso", &c->gso, err, n);
	ret = ret ? ret : args_bool(args, "mrg", &c->mrg, err, n);
	ret = ret ? ret : args_bool(args, "event-idx", &c->event_idx, err, n);
	if (!ret && (c->ring & (c->ring - 1))) {
		snprintf(err, n, "%s: ring=%llu is not a power of two", place->option,
			 (unsigned long long)c->ring);
		ret = -EINVAL;
	}
	return ret;
}

static uint64_t offer(const struct config *c)
{
	uint64_t f = BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MTU) |
		     BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) |
		     BIT(VIRTIO_NET_F_CTRL_VLAN) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) |
		     BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_NET_F_SPEED_DUPLEX);

	if (c->offloads)
		f |= BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	if (c->queues > 1)
		f |= BIT(VIRTIO_NET_F_MQ);
	if (c->mrg)
		f |= BIT(VIRTIO_NET_F_MRG_RXBUF);
	if (c->event_idx)
		f |= BIT(VIRTIO_F_EVENT_IDX_BIT);
	if (c->csum)
		f |= BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM);
	if (c->csum && c->gso)
		f |= HOST_TSO | GUEST_TSO | BIT(VIRTIO_NET_F_HOST_ECN) |
		     BIT(VIRTIO_NET_F_GUEST_ECN);
	return f;
}

static void fill_config(struct virtio_net *dev, const struct config *c)
{
	uint16_t status = LINK_UP, pairs = c->queues, mtu = c->mtu;
	uint32_t speed = SPEED_MBPS;
	uint8_t *p = dev->vp.config;

	memcpy(p + CONFIG_MAC, c->mac, ETH_ALEN);
	memcpy(p + CONFIG_STATUS, &status, 2);
	memcpy(p + CONFIG_PAIRS, &pairs, 2);
	memcpy(p + CONFIG_MTU, &mtu, 2);
	memcpy(p + CONFIG_SPEED, &speed, 4);
	p[CONFIG_DUPLEX] = DUPLEX_FULL;
	dev->vp.config_len = CONFIG_LEN;
}

/* But for the backend. */
static void destroy(struct virtio_net *dev)
{
	free(dev->pair);
	free(dev->id);
	pthread_rwlock_destroy(&dev->filter.lock);
	free(dev);
}

static struct virtio_net *allocate(const struct config *c, const char *id)
{
	struct virtio_net *dev = calloc(1, sizeof(*dev));
	void *pairs = NULL;

	if (!dev)
		return NULL;
	pthread_rwlock_init(&dev->filter.lock, NULL);
	dev->id = strdup(id);
	if (!dev->id || posix_memalign(&pairs, 64, c->queues * sizeof(*dev->pair))) {
		destroy(dev);
		return NULL;
	}
	memset(pairs, 0, c->queues * sizeof(*dev->pair));
	dev->pair = pairs;
	dev->n_pairs = c->queues;
	dev->link = true;
	return dev;
}

/* The device with its PCI function, not plugged in yet. */
static int build(struct virtio_net *dev, struct vm *vm, const struct config *c,
		 const struct virtio_net_place *place)
{
	struct virtio_pci *vp = &dev->vp;
	int ret;

	vp->ops = &virtio_net_ops;
	vp->offered = offer(c);
	vp->n_queues = 2 * dev->n_pairs + 1;
	for (unsigned int i = 0; i < 2 * dev->n_pairs; i++)
		vp->queue[i].size_max = c->ring;
	vp->queue[2 * dev->n_pairs].size_max = CTRL_QUEUE_SIZE;
	fill_config(dev, c);
	ret = virtio_pci_init(vp, vm, dev->id, DEVICE_NETWORK, CLASS_ETHERNET);
	if (ret)
		return ret;
	virtio_net_filter_reset(dev);
	for (unsigned int i = 0; i < dev->n_pairs; i++)
		virtio_net_pair_init(&dev->pair[i], dev, i,
				     place->loop ? place->loop[i] : vm->io[i % vm->n_io]);
	return 0;
}

int virtio_net_new(struct vm *vm, const char *id, struct device_args *args,
		   const struct virtio_net_place *place, struct virtio_net **made, char *err,
		   size_t n)
{
	const char *spec = place->backend ? NULL : args_str(args, "backend", "sink");
	struct virtio_net *dev;
	struct config c;
	int ret = configure(&c, place, args, err, n);

	if (!ret)
		ret = args_check_unused(args, err, n);
	if (ret)
		return ret;
	dev = allocate(&c, id);
	if (!dev)
		return -ENOMEM;
	dev->is_vf = place->is_vf;
	dev->backend = place->backend ? place->backend :
					backend_open(vm, spec, c.queues, c.mac, err, n);
	if (!dev->backend) {
		destroy(dev);
		return -EINVAL;
	}
	ret = build(dev, vm, &c, place);
	if (ret) {
		snprintf(err, n, "%s: %s", id, strerror(-ret));
		if (!place->backend)
			backend_close(dev->backend);
		destroy(dev);
		return ret;
	}
	*made = dev;
	return 0;
}

void virtio_net_free(struct virtio_net *dev)
{
	virtio_pci_free(&dev->vp);
	backend_close(dev->backend);
	destroy(dev);
}

static int create(struct vm *vm, struct device_args *args, char *err, size_t n)
{
	static const struct virtio_net_place place = { .option = "--net virtio" };
	const char *id = args_str(args, "id", "net0");
	struct virtio_net *dev = NULL;
	int ret = virtio_net_new(vm, id, args, &place, &dev, err, n);

	if (ret)
		return ret;
	ret = pci_plug(&dev->vp.fn);
	if (ret < 0) {
		snprintf(err, n, "%s: %s", id, strerror(-ret));
		return ret;
	}
	dev->next = devices;
	devices = dev;
	ret = control_register(vm, id, verb, dev);
	if (ret) {
		snprintf(err, n, "--net virtio: id=%s: %s", id, strerror(-ret));
		return ret;
	}
	stats_add_source(vm, id, dump, dev);
	return 0;
}

static void virtio_net_stop(struct vm *vm)
{
	while (devices) {
		struct virtio_net *dev = devices;

		devices = dev->next;
		stats_remove_source(vm, dev->id);
		virtio_net_free(dev);
	}
	pci_unplug_all();
}

const struct device_type virtio_net_type = {
	.option = "net",
	.type = "virtio",
	.help = "id=net0,mac=..,queues=1..64,mtu=1500,ring=256,backend=SPEC\n"
		"    csum=on,gso=on,mrg=on,event-idx=on: what is offered to the guest",
	.create = create,
	.stop = virtio_net_stop,
};
