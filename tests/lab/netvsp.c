// SPDX-License-Identifier: GPL-2.0
/* The synthetic NIC as a device: options, opening and closing, control verbs, numbers. */
#include "netvsp.h"

#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "devices.h"
#include "gpadl.h"
#include "log.h"
#include "options.h"
#include "vm.h"

#define NICS_MAX 32u

/* {f8615163-df3e-46c5-913f-f2d2f965ed0e}, with the first three fields little endian */
static const struct vmbus_guid nic_type = { {
	0x63, 0x51, 0x61, 0xf8, 0x3e, 0xdf, 0xc5, 0x46,
	0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e,
} };

static struct netvsp *nics[NICS_MAX];
static unsigned int n_nics;

struct netvsp *netvsp_find(const char *id)
{
	unsigned int i;

	for (i = 0; i < n_nics; i++) {
		if (!strcmp(nics[i]->v.name, id))
			return nics[i];
	}
	return NULL;
}

bool netvsp_can_receive(const struct netvsp *dev)
{
	return dev->filter && dev->link_up && dev->initialized && dev->recv.gpadl &&
	       dev->chan[0]->ch;
}

void netvsp_receive_changed(struct netvsp *dev)
{
	unsigned int q;

	for (q = 0; q < dev->opt.queues; q++)
		loop_post(dev->chan[q]->loop, &dev->chan[q]->rx_work);
}

/* What the backend holds from a time when nothing was to be received is stale; a source is not. */
static void flush_backend(struct netvsp *dev)
{
	unsigned int q;

	if (!strcmp(dev->backend->ops->name, "source"))
		return;
	for (q = 0; q < dev->opt.queues; q++)
		dev->chan[q]->flush_rx = true;
}

void netvsp_set_filter(struct netvsp *dev, uint32_t filter)
{
	if (filter && !dev->filter)
		flush_backend(dev);
	dev->filter = filter;
	netvsp_receive_changed(dev);
}

void netvsp_apply_rss(struct netvsp *dev)
{
	unsigned int features = 0;

	/* A host that was asked to judge checksums does so for single frames, too. */
	if (dev->rx_csum4 || dev->rx_csum6 || dev->rsc4 || dev->rsc6)
		features = BACKEND_RX_CSUM | (dev->rsc4 ? BACKEND_RX_TSO4 : 0) |
			   (dev->rsc6 ? BACKEND_RX_TSO6 : 0);
	backend_set_rx_features(dev->backend, features);
	if (backend_set_queues(dev->backend, dev->n_queues))
		log_warn("%s: backend stays at %u queues", dev->v.name, dev->backend->n_active);
	backend_set_rss(dev->backend, &dev->rss);
	netvsp_receive_changed(dev);
}

void netvsp_session_reset(struct netvsp *dev)
{
	dev->nvsp = 0;
	dev->mtu = dev->opt.mtu < 1500 ? dev->opt.mtu : 1500;
	dev->capabilities = 0;
	dev->initialized = false;
	dev->filter = 0;
	dev->rx_csum4 = dev->opt.rx_csum;
	dev->rx_csum6 = dev->opt.rx_csum;
	dev->rsc4 = false;
	dev->rsc6 = false;
	dev->n_queues = 1;
	memcpy(dev->mac, dev->opt.mac, sizeof(dev->mac));
	rss_set_default(&dev->rss, 1);
	dev->rss.types = 0;
	nvsp_drop_recv_buf(dev);
	nvsp_drop_send_buf(dev);
	netvsp_drop_replies(dev);
	netvsp_apply_rss(dev);
}

static struct netvsp *netvsp_of(struct vmbus_device *v)
{
	return container_of(v, struct netvsp, v);
}

static int op_open(struct vmbus_channel *ch, const uint8_t user[120])
{
	struct netvsp *dev = netvsp_of(ch->dev);
	struct netvsp_channel *nc = dev->chan[ch->index];

	pthread_rwlock_wrlock(&dev->lock);
	if (!ch->index) {
		netvsp_session_reset(dev);
		stat_inc(&dev->sessions);
	}
	nc->n_tx = 0;
	nc->n_done = 0;
	nc->n_freed = 0;
	nc->freed = UINT32_MAX;
	nc->freed_last = UINT32_MAX;
	ch->opaque = nc;
	nc->ch = ch;
	/* Now the guest may use them all. */
	if (ch->index)
		nvsp_send_table(dev);
	pthread_rwlock_unlock(&dev->lock);
	return 0;
}

static void pass(void *arg)
{
}

static void op_close(struct vmbus_channel *ch)
{
	struct netvsp *dev = netvsp_of(ch->dev);
	struct netvsp_channel *nc = ch->opaque;

	pthread_rwlock_wrlock(&dev->lock);
	nc->ch = NULL;
	if (!ch->index)
		netvsp_session_reset(dev);
	pthread_rwlock_unlock(&dev->lock);
	if (!ch->index)
		netvsp_vf_session_end(dev);
	/* What had begun in the loop before the channel was gone has ended after this. */
	loop_call(nc->loop, pass, NULL);
}

static void op_doorbell(struct vmbus_channel *ch)
{
	netvsp_tx_run(ch->opaque);
}

static void op_gpadl_gone(struct vmbus_device *v, struct gpadl *gpadl)
{
	struct netvsp *dev = netvsp_of(v);

	pthread_rwlock_wrlock(&dev->lock);
	if (dev->recv.gpadl == gpadl)
		nvsp_drop_recv_buf(dev);
	if (dev->send.gpadl == gpadl)
		nvsp_drop_send_buf(dev);
	pthread_rwlock_unlock(&dev->lock);
}

static const struct vmbus_device_ops device_ops = {
	.open = op_open,
	.close = op_close,
	.doorbell = op_doorbell,
	.gpadl_gone = op_gpadl_gone,
};

static void run_tx_work(struct loop_work *work)
{
	netvsp_tx_run(container_of(work, struct netvsp_channel, tx_work));
}

static void run_rx_work(struct loop_work *work)
{
	netvsp_rx_run(container_of(work, struct netvsp_channel, rx_work));
}

static void resume_tx(struct pace *pace)
{
	netvsp_tx_run(container_of(pace, struct netvsp_channel, tx_pace));
}

static void resume_rx(struct pace *pace)
{
	netvsp_rx_run(container_of(pace, struct netvsp_channel, rx_pace));
}

static int verb_link(struct netvsp *dev, int argc, char **argv)
{
	bool up;

	if (argc != 2 || (strcmp(argv[1], "up") && strcmp(argv[1], "down") &&
			  strcmp(argv[1], "change")))
		return -EINVAL;
	pthread_rwlock_wrlock(&dev->lock);
	if (!strcmp(argv[1], "change")) {
		rndis_indicate_change(dev);
		pthread_rwlock_unlock(&dev->lock);
		return 0;
	}
	up = !strcmp(argv[1], "up");
	if (up && !dev->link_up)
		flush_backend(dev);
	if (up != dev->link_up) {
		dev->link_up = up;
		rndis_indicate_link(dev);
		stats_event(dev->vm, dev->v.name, "link %s", argv[1]);
	}
	pthread_rwlock_unlock(&dev->lock);
	netvsp_receive_changed(dev);
	return 0;
}

static int verb_revoke(struct netvsp *dev, bool recv)
{
	int ret = -ENODEV;

	pthread_rwlock_wrlock(&dev->lock);
	if (recv ? dev->recv.gpadl : dev->send.gpadl) {
		ret = 0;
		if (recv)
			nvsp_drop_recv_buf(dev);
		else
			nvsp_drop_send_buf(dev);
	}
	pthread_rwlock_unlock(&dev->lock);
	return ret;
}

static int verb_state(struct netvsp *dev, char *answer, size_t n)
{
	unsigned int q, open = 0;

	pthread_rwlock_rdlock(&dev->lock);
	for (q = 0; q < dev->opt.queues; q++)
		open += !!dev->chan[q]->ch;
	snprintf(answer, n,
		 "present=%d nvsp=%#x channels=%u queues=%u mtu=%u filter=%#x link=%s path=%s",
		 !dev->v.absent, dev->nvsp, open, dev->n_queues, dev->mtu, dev->filter,
		 dev->link_up ? "up" : "down", netvsp_vf_path(dev));
	pthread_rwlock_unlock(&dev->lock);
	return 0;
}

/* What went over the synthetic path, whatever the backend counts; of one channel if named. */
static int verb_counters(struct netvsp *dev, const char *channel, char *answer, size_t n)
{
	unsigned long first = 0, last = dev->opt.queues - 1;
	uint64_t tx = 0, rx = 0;
	unsigned long q;
	char *end;

	if (channel) {
		first = strtoul(channel, &end, 10);
		if (!isdigit((unsigned char)*channel) || *end || first > last) {
			snprintf(answer, n, "counters of channel '%s': it has 0 to %lu", channel,
				 last);
			return -EINVAL;
		}
		last = first;
	}
	for (q = first; q <= last; q++) {
		tx += stat_read(&dev->chan[q]->stats.tx_packets);
		rx += stat_read(&dev->chan[q]->stats.rx_packets);
	}
	snprintf(answer, n, "tx_packets=%llu rx_packets=%llu to_vf=%llu to_synthetic=%llu",
		 (unsigned long long)tx, (unsigned long long)rx,
		 (unsigned long long)stat_read(&dev->switches_to_vf),
		 (unsigned long long)stat_read(&dev->switches_to_synthetic));
	return 0;
}

static int verb(void *o, int argc, char **argv, char *answer, size_t n)
{
	struct netvsp *dev = o;
	int ret;

	if (!strcmp(argv[0], "link"))
		return verb_link(dev, argc, argv);
	if (!strcmp(argv[0], "rescind") && (argc == 1 || (argc == 2 && !strcmp(argv[1], "abrupt"))))
		return vmbus_rescind(&dev->v, argc == 2);
	if (!strcmp(argv[0], "reoffer")) {
		ret = vmbus_reoffer(&dev->v);
		snprintf(answer, n, "%s",
			 ret == 1 ? "when the guest has released its channels" : "");
		return ret < 0 ? ret : 0;
	}
	if (!strcmp(argv[0], "revoke-recv") || !strcmp(argv[0], "revoke-send"))
		return verb_revoke(dev, !strcmp(argv[0], "revoke-recv"));
	if (!strcmp(argv[0], "state"))
		return verb_state(dev, answer, n);
	if (!strcmp(argv[0], "counters") && argc <= 2)
		return verb_counters(dev, argc == 2 ? argv[1] : NULL, answer, n);
	if (!strcmp(argv[0], dev->backend->ops->name))
		return backend_verb(dev->backend, argc - 1, argv + 1, answer, n);
	snprintf(answer, n,
		 "link up|down, rescind [abrupt], reoffer, revoke-recv|-send, state, counters [CHANNEL], %s",
		 dev->backend->ops->name);
	return -EINVAL;
}

static void dump_channel(const struct netvsp_channel *nc, struct json_object *into)
{
	const struct netvsp_channel_stats *s = &nc->stats;

	vmbus_channel_dump(&nc->dev->v, nc->index, into);
	stats_put_stat(into, "tx_sends", &s->tx_sends);
	stats_put_stat(into, "tx_packets", &s->tx_packets);
	stats_put_stat(into, "tx_bytes", &s->tx_bytes);
	stats_put_stat(into, "tx_in_section", &s->tx_in_section);
	stats_put_stat(into, "tx_direct", &s->tx_direct);
	stats_put_stat(into, "tx_mixed", &s->tx_mixed);
	stats_put_stat(into, "tx_ranges", &s->tx_ranges);
	stats_put_stat(into, "tx_lso", &s->tx_lso);
	stats_put_stat(into, "tx_csum", &s->tx_csum);
	stats_put_stat(into, "tx_vlan", &s->tx_vlan);
	stats_put_stat(into, "tx_completions", &s->tx_completions);
	stats_put_stat(into, "tx_refused", &s->tx_refused);
	stats_put_stat(into, "tx_link_down", &s->tx_link_down);
	stats_put_stat(into, "rx_packets", &s->rx_packets);
	stats_put_stat(into, "rx_bytes", &s->rx_bytes);
	stats_put_stat(into, "rx_transfers", &s->rx_transfers);
	stats_put_stat(into, "rx_ranges", &s->rx_ranges);
	stats_put_stat(into, "rx_rsc", &s->rx_rsc);
	stats_put_stat(into, "rx_fragments", &s->rx_fragments);
	stats_put_stat(into, "rx_copied", &s->rx_copied);
	stats_put_stat(into, "rx_completions", &s->rx_completions);
	stats_put_stat(into, "rx_refused", &s->rx_refused);
	stats_put_stat(into, "rx_stalls", &s->rx_stalls);
	stats_put_stat(into, "rx_filtered", &s->rx_filtered);
	stats_put_stat(into, "rx_no_room", &s->rx_no_room);
	stats_put_stat(into, "rx_too_long", &s->rx_too_long);
	stats_put_stat(into, "rx_malformed", &s->rx_malformed);
}

static void dump(void *o, struct json_object *into)
{
	struct netvsp *dev = o;
	struct json_object *channels, *one;
	char version[16];
	unsigned int q;

	pthread_rwlock_rdlock(&dev->lock);
	snprintf(version, sizeof(version), "%u.%u", dev->nvsp >> 16, dev->nvsp & 0xffff);
	stats_put_text(into, "nvsp", version);
	stats_put(into, "queues", dev->n_queues);
	stats_put(into, "mtu", dev->mtu);
	stats_put(into, "recv_section_size", dev->recv.gpadl ? dev->recv.size : 0);
	stats_put(into, "recv_sections", dev->recv.gpadl ? dev->recv.count : 0);
	stats_put(into, "recv_sections_free", dev->recv.gpadl ? dev->recv.n_free : 0);
	stats_put(into, "send_sections", dev->send.gpadl ? dev->send.count : 0);
	pthread_rwlock_unlock(&dev->lock);
	stats_put_stat(into, "sessions", &dev->sessions);
	stats_put_stat(into, "oids", &dev->oids);
	stats_put_stat(into, "indications", &dev->indications);
	stats_put_stat(into, "replies_lost", &dev->replies_lost);
	netvsp_vf_dump(dev, into);
	channels = stats_put_array(into, "channels");
	for (q = 0; q < dev->opt.queues; q++) {
		one = json_object_new_object();
		dump_channel(dev->chan[q], one);
		json_object_array_add(channels, one);
	}
	backend_dump(dev->backend, stats_put_object(into, "backend"));
}

static void set_defaults(struct netvsp_options *opt)
{
	static const uint8_t mac[6] = { 0x00, 0x15, 0x5d, 0x00, 0x00, 0x00 };

	memset(opt, 0, sizeof(*opt));
	memcpy(opt->mac, mac, sizeof(mac));
	opt->mac[5] = (uint8_t)(n_nics + 1);
	opt->queues = 1;
	opt->mtu = NETVSP_MTU_MAX;
	opt->nvsp_max = NVSP_V6_1;
	opt->ranges = 8;
	opt->speed_mbps = 10000;
	opt->tx_csum = true;
	opt->udp_csum = true;
	opt->rx_csum = true;
	opt->lso = true;
	opt->rsc = true;
	opt->rss = true;
	opt->name = "Network Adapter";
}

/* NVSP versions by the names they go by: 1 and 2 differ from their numbers on the wire. */
static int parse_nvsp(struct device_args *args, uint32_t *version, char *err, size_t n)
{
	static const struct {
		const char *name;
		uint32_t version;
	} known[] = {
		{ "1", NVSP_V1 },   { "1.0", NVSP_V1 }, { "2", NVSP_V2 },    { "2.0", NVSP_V2 },
		{ "4", NVSP_V4 },   { "4.0", NVSP_V4 }, { "5", NVSP_V5 },    { "5.0", NVSP_V5 },
		{ "6", NVSP_V6 },   { "6.0", NVSP_V6 }, { "6.1", NVSP_V6_1 },
	};
	const char *text = args_str(args, "nvsp-max", "6.1");
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(known[i].name, text)) {
			*version = known[i].version;
			return 0;
		}
	}
	snprintf(err, n, "--net netvsc: nvsp-max=%s: not one of 1, 2, 4, 5, 6 and 6.1", text);
	return -EINVAL;
}

static int parse_options(struct device_args *args, struct netvsp_options *opt, char *err, size_t n)
{
	uint64_t queues = opt->queues, mtu = opt->mtu, ranges = opt->ranges;
	uint64_t send_table = NETVSP_SEND_ALL;
	int ret;

	ret = args_mac(args, "mac", opt->mac, err, n);
	if (!ret)
		ret = args_u64(args, "queues", 1, VMBUS_CHANNELS_MAX, &queues, err, n);
	if (!ret)
		ret = args_u64(args, "mtu", 68, NETVSP_MTU_MAX, &mtu, err, n);
	if (!ret)
		ret = args_u64(args, "ranges", 1, NVSP_RANGES_MAX, &ranges, err, n);
	if (!ret)
		ret = args_u64(args, "send-table", 0, queues - 1, &send_table, err, n);
	if (!ret)
		ret = args_u64(args, "speed", 1, 400000, &opt->speed_mbps, err, n);
	if (!ret)
		ret = args_bool(args, "csum", &opt->tx_csum, err, n);
	if (!ret)
		ret = args_bool(args, "udp-csum", &opt->udp_csum, err, n);
	if (!ret)
		ret = args_bool(args, "rx-csum", &opt->rx_csum, err, n);
	if (!ret)
		ret = args_bool(args, "lso", &opt->lso, err, n);
	if (!ret)
		ret = args_bool(args, "rsc", &opt->rsc, err, n);
	if (!ret)
		ret = args_bool(args, "rss", &opt->rss, err, n);
	if (!ret)
		ret = parse_nvsp(args, &opt->nvsp_max, err, n);
	opt->queues = (unsigned int)queues;
	opt->mtu = (uint32_t)mtu;
	opt->ranges = (unsigned int)ranges;
	opt->send_table = (unsigned int)send_table;
	opt->name = args_str(args, "name", opt->name);
	return ret;
}

static void create_channel(struct netvsp *dev, unsigned int index)
{
	struct netvsp_channel *nc = calloc(1, sizeof(*nc));

	if (!nc)
		log_fatal(EXIT_INTERNAL, "out of memory");
	nc->dev = dev;
	nc->index = index;
	nc->loop = dev->vm->io[(dev->v.number + index) % dev->vm->n_io];
	nc->freed = UINT32_MAX;
	nc->freed_last = UINT32_MAX;
	nc->tx_work.run = run_tx_work;
	nc->rx_work.run = run_rx_work;
	pace_init(&nc->tx_pace, nc->loop, dev->vm->io_rate, resume_tx);
	pace_init(&nc->rx_pace, nc->loop, dev->vm->io_rate, resume_rx);
	nc->rx_fd.fd = backend_rx_fd(dev->backend, index);
	nc->rx_fd.ready = netvsp_rx_ready;
	dev->chan[index] = nc;
}

static int create(struct vm *vm, struct device_args *args, char *err, size_t n)
{
	struct netvsp *dev = calloc(1, sizeof(*dev));
	pthread_rwlockattr_t attr;
	const char *id;
	unsigned int q;
	int ret;

	if (!dev)
		log_fatal(EXIT_INTERNAL, "out of memory");
	if (n_nics == NICS_MAX) {
		snprintf(err, n, "more than %u NICs", NICS_MAX);
		ret = -EINVAL;
		goto fail;
	}
	set_defaults(&dev->opt);
	id = args_str(args, "id", NULL);
	if (id)
		snprintf(dev->v.name, 16, "%s", id);
	else
		snprintf(dev->v.name, sizeof(dev->v.name), "net%u", n_nics);
	ret = parse_options(args, &dev->opt, err, n);
	if (ret)
		goto fail;
	dev->backend = backend_open(vm, args_str(args, "backend", "sink"), dev->opt.queues,
				    dev->opt.mac, err, n);
	if (!dev->backend) {
		ret = -EINVAL;
		goto fail;
	}
	ret = args_check_unused(args, err, n);
	if (ret)
		goto fail_backend;
	dev->vm = vm;
	dev->v.type = nic_type;
	memcpy(dev->v.instance.b, dev->opt.mac, 6);
	dev->v.instance.b[7] = 0x40;
	dev->v.instance.b[8] = 0x80;
	dev->v.instance.b[15] = (uint8_t)n_nics;
	dev->v.ops = &device_ops;
	dev->link_up = true;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&dev->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&dev->reply_lock, NULL);
	pthread_spin_init(&dev->recv.pool_lock, PTHREAD_PROCESS_PRIVATE);
	vmbus_add(vmbus_of(vm), &dev->v);
	for (q = 0; q < dev->opt.queues; q++)
		create_channel(dev, q);
	netvsp_session_reset(dev);
	ret = control_register(vm, dev->v.name, verb, dev);
	if (ret) {
		snprintf(err, n, "id=%s is taken", dev->v.name);
		return -EINVAL;
	}
	stats_add_source(vm, dev->v.name, dump, dev);
	nics[n_nics++] = dev;
	return 0;

fail_backend:
	backend_close(dev->backend);
fail:
	free(dev);
	return ret;
}

static void stop(struct vm *vm)
{
	while (n_nics)
		backend_close(nics[--n_nics]->backend);
}

const struct device_type netvsp_type = {
	.option = "net",
	.type = "netvsc",
	.help = "id=,mac=,queues=N,mtu=N,nvsp-max=V,ranges=N,send-table=N,speed=MBPS,\n"
		"                name=TEXT,backend=SPEC,\n"
		"                csum=,udp-csum=,rx-csum=,lso=,rsc=,rss=on|off\n"
		"                defaults: 1 queue, mtu 9000, 6.1, 8 ranges, 10000, all on, sink",
	.create = create,
	.stop = stop,
};
