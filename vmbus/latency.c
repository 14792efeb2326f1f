// SPDX-License-Identifier: GPL-2.0
/*
 * How the channels of this machine behave, in-tree drivers' too: a histogram a channel and metric.
 *
 *	/sys/kernel/debug/hv_vmbus_accel/latency/enable		0 (default) or 1
 *	/sys/kernel/debug/hv_vmbus_accel/latency/channels	the table, docs/latency.md
 *	/sys/kernel/debug/hv_vmbus_accel/latency/reset		anything written forgets the table
 *
 * It listens to hv_vmbus's tracepoints vmbus_chan_sched (hard interrupt, the channel's flag was
 * set) and vmbus_on_event (its tasklet runs), and to drivers that use this module's ring, which say
 * when they begin to read and when they go idle. While it is off nothing is registered and the
 * drivers' hooks are no-ops in the text.
 *
 * Each metric of a channel has one writer at a time: the bus holds the channel's sched_lock around
 * vmbus_chan_sched, a channel has one tasklet and one poll. Readers take what is there.
 */
#include <linux/bitops.h>
#include <linux/debugfs.h>
#include <linux/hyperv.h>
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#include <linux/uuid.h>

#include "hv_vmbus_latency.h"
#include "latency.h"

/* Event flags of a page: relids are smaller. */
#define RELIDS		HV_EVENT_FLAGS_COUNT
/* Bucket b counts values v with 2^(b-1) <= v < 2^b, the last one all above. */
#define BUCKETS		36

enum metric {
	GAP,
	WAIT,
	RUN,
	BATCH,
	IN,
	OUT,
	METRICS,
};

static const char * const metric_name[METRICS] = {
	[GAP] = "gap_ns", /* from interrupt to interrupt */
	[WAIT] = "wait_ns", /* from interrupt to the first look into the ring */
	[RUN] = "run_ns", /* from there until the reader sleeps */
	[BATCH] = "batch_packets", /* taken meanwhile */
	[IN] = "in_bytes", /* waiting to be read at the interrupt */
	[OUT] = "out_bytes", /* waiting for the host at the interrupt */
};

struct histogram {
	u64 count;
	u64 sum;
	u64 max;
	u64 bucket[BUCKETS];
};

/**
 * struct observed - one channel
 * @device: instance of the device that owns it
 * @sub: index of the sub-channel, 0 = primary
 * @cpu: which it interrupted last
 * @interrupt: when it did, 0 once a reader has looked; ns
 * @last: when it did, for the gap; ns
 * @began: when the reader began, 0 while it sleeps; ns
 * @packets: what it took since
 * @of: histograms
 */
struct observed {
	guid_t device;
	u16 sub;
	u32 cpu;
	u64 interrupt;
	u64 last;
	u64 began;
	u64 packets;
	struct histogram of[METRICS];
};

/* Are histograms on? The drivers' hooks in hv_vmbus_latency.h ask. */
DEFINE_STATIC_KEY_FALSE(hva_latency_on);
EXPORT_SYMBOL_GPL(hva_latency_on);

static struct dentry *folder;
/* Serializes enable, reset and the table's readers. */
static DEFINE_MUTEX(latency_lock);
static struct observed **table; /* by relid; entries stay until reset or unload */
static struct tracepoint *chan_sched, *on_event;
static bool enabled;

static void add(struct observed *o, enum metric which, u64 value)
{
	struct histogram *h = &o->of[which];
	u32 b = min_t(u32, fls64(value), BUCKETS - 1);

	WRITE_ONCE(h->count, h->count + 1);
	WRITE_ONCE(h->sum, h->sum + value);
	if (value > h->max)
		WRITE_ONCE(h->max, value);
	WRITE_ONCE(h->bucket[b], h->bucket[b] + 1);
}

/* A relid that is given to another device starts anew. */
static bool is_of(const struct observed *o, const struct vmbus_channel *chan)
{
	return o->sub == chan->offermsg.offer.sub_channel_index &&
	       guid_equal(&o->device, &chan->offermsg.offer.if_instance);
}

static struct observed *find(const struct vmbus_channel *chan)
{
	u32 relid = chan->offermsg.child_relid;
	struct observed *o;

	if (relid >= RELIDS)
		return NULL;
	/* pairs with observe() */
	o = smp_load_acquire(&table[relid]);
	return o && is_of(o, chan) ? o : NULL;
}

/* Under the channel's sched_lock: the one place that makes entries. */
static struct observed *observe(const struct vmbus_channel *chan)
{
	u32 relid = chan->offermsg.child_relid;
	struct observed *o;

	if (relid >= RELIDS)
		return NULL;
	o = table[relid];
	if (o && is_of(o, chan))
		return o;
	if (!o) {
		o = kzalloc(sizeof(*o), GFP_ATOMIC | __GFP_NOWARN);
		if (!o)
			return NULL;
	} else {
		memset(o, 0, sizeof(*o));
	}
	o->device = chan->offermsg.offer.if_instance;
	o->sub = chan->offermsg.offer.sub_channel_index;
	/* pairs with find() */
	smp_store_release(&table[relid], o);
	return o;
}

/* Bytes in a ring; its indices are the host's to break, so they are bounded before use. */
static u32 ring_bytes(const struct hv_ring_buffer_info *ring)
{
	u32 size = ring->ring_datasize;
	u32 read = READ_ONCE(ring->ring_buffer->read_index);
	u32 write = READ_ONCE(ring->ring_buffer->write_index);

	if (read >= size || write >= size)
		return 0;
	return write >= read ? write - read : size - read + write;
}

static void on_chan_sched(void *data, const struct vmbus_channel *chan)
{
	struct observed *o = observe(chan);
	u64 now;

	if (!o)
		return;
	now = ktime_get_mono_fast_ns();
	if (o->last)
		add(o, GAP, now - o->last);
	o->last = now;
	o->cpu = smp_processor_id();
	WRITE_ONCE(o->interrupt, now);
	/*
	 * The host may signal a channel that is being opened, or could not be: it has no rings.
	 * This state is the last that opening sets, and closing takes the callback away first,
	 * without which nobody comes here.
	 */
	if (READ_ONCE(chan->state) != CHANNEL_OPENED_STATE)
		return;
	add(o, IN, ring_bytes(&chan->inbound));
	add(o, OUT, ring_bytes(&chan->outbound));
}

static void looked(struct observed *o, u64 now)
{
	u64 interrupt = READ_ONCE(o->interrupt);

	if (!interrupt)
		return;
	WRITE_ONCE(o->interrupt, 0);
	/* another processor's clock may be a little behind */
	add(o, WAIT, now > interrupt ? now - interrupt : 0);
}

static void on_tasklet(void *data, const struct vmbus_channel *chan)
{
	struct observed *o = find(chan);

	if (o)
		looked(o, ktime_get_mono_fast_ns());
}

void __hva_latency_poll(const struct hva_channel *hc)
{
	struct observed *o;
	u64 now;

	/* bottom halves are disabled: stop() waits for us */
	o = find(hc->channel);
	if (!o)
		return;
	now = ktime_get_mono_fast_ns();
	looked(o, now);
	if (!o->began)
		o->began = now;
}
EXPORT_SYMBOL_GPL(__hva_latency_poll);

void __hva_latency_done(const struct hva_channel *hc, u32 packets, bool idle)
{
	struct observed *o;
	u64 now;

	o = find(hc->channel);
	if (!o || !o->began)
		return;
	o->packets += packets;
	if (!idle)
		return;
	now = ktime_get_mono_fast_ns();
	add(o, RUN, now > o->began ? now - o->began : 0);
	add(o, BATCH, o->packets);
	o->began = 0;
	o->packets = 0;
}
EXPORT_SYMBOL_GPL(__hva_latency_done);

static void take(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "vmbus_chan_sched"))
		chan_sched = tp;
	else if (!strcmp(tp->name, "vmbus_on_event"))
		on_event = tp;
}

/* hv_vmbus is a module on some kernels; it stays as long as this one, which uses its symbols. */
static int module_tracepoints(struct notifier_block *nb, unsigned long event, void *data)
{
#ifdef CONFIG_MODULES
	const struct tp_module *tm = data;
	u32 i;

	if (event == MODULE_STATE_COMING && !strcmp(tm->mod->name, "hv_vmbus"))
		for (i = 0; i < tm->mod->num_tracepoints; i++)
			take(tracepoint_ptr_deref(&tm->mod->tracepoints_ptrs[i]), NULL);
#endif
	return NOTIFY_OK;
}

static struct notifier_block modules = { .notifier_call = module_tracepoints };

static int find_tracepoints(void)
{
	int err;

	if (chan_sched && on_event)
		return 0;
	for_each_kernel_tracepoint(take, NULL);
	if (!chan_sched || !on_event) {
		/* calls for each module that is there already */
		err = register_tracepoint_module_notifier(&modules);
		if (err)
			return err;
		unregister_tracepoint_module_notifier(&modules);
	}
	return chan_sched && on_event ? 0 : -EOPNOTSUPP;
}

static void stop(void)
{
	if (!enabled)
		return;
	static_branch_disable(&hva_latency_on);
	tracepoint_probe_unregister(on_event, on_tasklet, NULL);
	tracepoint_probe_unregister(chan_sched, on_chan_sched, NULL);
	/* probes and hooks that are still running */
	tracepoint_synchronize_unregister();
	synchronize_rcu();
	enabled = false;
}

static int start(void)
{
	int err;

	if (enabled)
		return 0;
	err = find_tracepoints();
	if (err)
		return err;
	if (!table) {
		table = kvcalloc(RELIDS, sizeof(*table), GFP_KERNEL);
		if (!table)
			return -ENOMEM;
	}
	err = tracepoint_probe_register(chan_sched, on_chan_sched, NULL);
	if (err)
		return err;
	err = tracepoint_probe_register(on_event, on_tasklet, NULL);
	if (err) {
		tracepoint_probe_unregister(chan_sched, on_chan_sched, NULL);
		tracepoint_synchronize_unregister();
		return err;
	}
	static_branch_enable(&hva_latency_on);
	enabled = true;
	return 0;
}

/* Nothing measures any more. */
static void forget(void)
{
	u32 i;

	for (i = 0; table && i < RELIDS; i++)
		kfree(table[i]);
	kvfree(table);
	table = NULL;
}

static int enable_get(void *unused, u64 *value)
{
	*value = READ_ONCE(enabled);
	return 0;
}

static int enable_set(void *unused, u64 value)
{
	int err = 0;

	if (value > 1)
		return -EINVAL;
	mutex_lock(&latency_lock);
	if (value)
		err = start();
	else
		stop();
	mutex_unlock(&latency_lock);
	return err;
}
DEFINE_DEBUGFS_ATTRIBUTE(enable_fops, enable_get, enable_set, "%llu\n");

static int reset_set(void *unused, u64 value)
{
	int err = 0;
	bool was;

	mutex_lock(&latency_lock);
	was = enabled;
	stop();
	forget();
	if (was)
		err = start();
	mutex_unlock(&latency_lock);
	return err;
}
DEFINE_DEBUGFS_ATTRIBUTE(reset_fops, NULL, reset_set, "%llu\n");

static void show_metric(struct seq_file *seq, u32 relid, const struct observed *o, u32 which)
{
	const struct histogram *h = &o->of[which];
	u32 b;

	if (!READ_ONCE(h->count))
		return;
	seq_printf(seq, "%pUl %u %u %u %s %llu %llu %llu", &o->device, o->sub, relid, o->cpu,
		   metric_name[which], READ_ONCE(h->count), READ_ONCE(h->sum), READ_ONCE(h->max));
	for (b = 0; b < BUCKETS; b++)
		if (READ_ONCE(h->bucket[b]))
			seq_printf(seq, " %llu:%llu", b ? 1ull << (b - 1) : 0,
				   READ_ONCE(h->bucket[b]));
	seq_putc(seq, '\n');
}

static int channels_show(struct seq_file *seq, void *unused)
{
	const struct observed *o;
	u32 relid, metric;

	seq_puts(seq, "# device sub relid cpu metric count sum max at_least:count...\n");
	mutex_lock(&latency_lock);
	for (relid = 0; table && relid < RELIDS; relid++) {
		/* pairs with observe() */
		o = smp_load_acquire(&table[relid]);
		for (metric = 0; o && metric < METRICS; metric++)
			show_metric(seq, relid, o, metric);
	}
	mutex_unlock(&latency_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(channels);

void hva_latency_init(void)
{
	struct dentry *parent = debugfs_create_dir(KBUILD_MODNAME, NULL);

	/* without debugfs all of these do nothing */
	folder = parent;
	parent = debugfs_create_dir("latency", parent);
	debugfs_create_file_unsafe("enable", 0600, parent, NULL, &enable_fops);
	debugfs_create_file_unsafe("reset", 0200, parent, NULL, &reset_fops);
	debugfs_create_file("channels", 0400, parent, NULL, &channels_fops);
}

void hva_latency_exit(void)
{
	debugfs_remove_recursive(folder);
	mutex_lock(&latency_lock);
	stop();
	forget();
	mutex_unlock(&latency_lock);
}
