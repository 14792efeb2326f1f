// SPDX-License-Identifier: GPL-2.0
/*
 * Health reporters: what went wrong lately, and whether it is over.
 *
 * A fault is noted where it happens, in any context, with what the queues looked like then, and
 * reported by a work item, since devlink takes its lock for that. Recovery is none of this file's:
 * session.c begins a new session, vf.c asks the host again. This file looks whether they have
 * succeeded, and passes a user's wish for an attempt now on to them.
 *
 * devlink's lock comes before session_lock and RTNL and is held by a user's commands; nothing that
 * holds one of those may wait for it. Nor does anything here wait for the two, since their holders
 * may wait in the bus.
 */
#include <linux/delay.h>

#include "../compat/devlink.h"
#include "device.h"

enum reporter {
	TX,
	CONTROL,
	VF,
	REPORTERS,
};

/*
 * How long a user's command waits for the recovery that it asked for: an attempt with one request
 * that goes unanswered takes NVA_CTL_DEADLINE.
 */
#define RECOVER_DEADLINE	(15 * HZ)

/**
 * struct queue_state - a transmit queue at some time
 * @packets: sent so far
 * @completions: of the host so far
 * @under_way: VMBus packets that the host has not completed
 * @live: data may flow
 * @stopped: the stack may give it no packets
 */
struct queue_state {
	u64 packets;
	u64 completions;
	u32 under_way;
	bool live;
	bool stopped;
};

/**
 * struct trouble - what was seen when a fault was noted
 * @why: fault
 * @at: when, as nva_vf_clock()
 * @asked: last request to the host: its type
 * @oid: and the property that it was about, or 0
 * @session: there was a session
 * @n_queues: queues in @queue
 * @queue: the queues
 */
struct trouble {
	enum nva_fault why;
	u64 at;
	u32 asked;
	u32 oid;
	bool session;
	u32 n_queues;
	struct queue_state queue[NVA_CHANNELS_MAX];
};

/**
 * struct nva_health - reporters of a NIC
 * @dev: NIC
 * @devlink: its devlink instance
 * @on: there is one that can be told
 * @pending: bit for each reporter: its @trouble is written and not yet reported
 * @ill: bit for each reporter: reported, and not yet over
 * @work: reports
 * @reporter: devlink's objects
 * @trouble: last of each reporter; whoever sets the bit in @pending writes it
 * @written: bit for each reporter: its @trouble is complete
 */
struct nva_health {
	struct nva_device *dev;
	struct devlink *devlink;
	bool on;
	unsigned long pending;
	unsigned long ill;
	unsigned long written;
	struct work_struct work;
	struct devlink_health_reporter *reporter[REPORTERS];
	struct trouble trouble[REPORTERS];
};

const size_t nva_health_size = sizeof(struct nva_health);

static enum reporter reporter_of(enum nva_fault why)
{
	switch (why) {
	case NVA_TX_TIMEOUT:
		return TX;
	case NVA_VF_UNANSWERED:
		return VF;
	default:
		return CONTROL;
	}
}

/* Hints, without the queue's locks: it may be stuck in any state. */
static struct queue_state look_at(struct nva_queue *q)
{
	u32 size = READ_ONCE(q->slots.size);

	return (struct queue_state) {
		.packets = READ_ONCE(q->tx_stats.packets),
		.completions = READ_ONCE(q->rx_stats.tx_completions),
		.under_way = size ? size - min(size, nva_slots_available(&q->slots)) : 0,
		.live = nva_queue_ready(q),
		.stopped = netif_xmit_stopped(q->txq),
	};
}

static void look(struct nva_device *dev, enum nva_fault why, struct trouble *to)
{
	u32 i;

	to->why = why;
	to->at = nva_vf_clock();
	to->asked = READ_ONCE(dev->ctl.asked);
	to->oid = READ_ONCE(dev->ctl.asked_oid);
	to->session = READ_ONCE(dev->session_up);
	to->n_queues = min_t(u32, READ_ONCE(dev->n_live), NVA_CHANNELS_MAX);
	for (i = 0; i < to->n_queues; i++)
		to->queue[i] = look_at(dev->queue[i]);
}

static void put_queue(struct devlink_fmsg *fmsg, u32 index, const struct queue_state *state)
{
	devlink_fmsg_obj_nest_start(fmsg);
	devlink_fmsg_u32_pair_put(fmsg, "queue", index);
	devlink_fmsg_bool_pair_put(fmsg, "live", state->live);
	devlink_fmsg_bool_pair_put(fmsg, "stopped", state->stopped);
	devlink_fmsg_u32_pair_put(fmsg, "under_way", state->under_way);
	devlink_fmsg_u64_pair_put(fmsg, "packets", state->packets);
	devlink_fmsg_u64_pair_put(fmsg, "completions", state->completions);
	devlink_fmsg_obj_nest_end(fmsg);
}

/* At the time of the fault when devlink keeps it, else as it is. */
static int dump(struct devlink_health_reporter *reporter, struct devlink_fmsg *fmsg, void *context,
		struct netlink_ext_ack *extack)
{
	struct nva_health *health = devlink_health_reporter_priv(reporter);
	const struct trouble *trouble = context;
	struct trouble *now = NULL;
	u32 i;

	if (!trouble) {
		now = kzalloc(sizeof(*now), GFP_KERNEL);
		if (!now)
			return -ENOMEM;
		look(health->dev, NVA_FAULTS, now);
		trouble = now;
	}
	devlink_fmsg_string_pair_put(fmsg, "cause", nva_fault_text(trouble->why));
	devlink_fmsg_u64_pair_put(fmsg, "at_ms", div_u64(trouble->at, NSEC_PER_MSEC));
	devlink_fmsg_u32_pair_put(fmsg, "request", trouble->asked);
	devlink_fmsg_u32_pair_put(fmsg, "oid", trouble->oid);
	devlink_fmsg_bool_pair_put(fmsg, "session", trouble->session);
	devlink_fmsg_arr_pair_nest_start(fmsg, "queues");
	for (i = 0; i < trouble->n_queues; i++)
		put_queue(fmsg, i, &trouble->queue[i]);
	devlink_fmsg_arr_pair_nest_end(fmsg);
	kfree(now);
	return 0;
}

static int diagnose_tx(struct devlink_health_reporter *reporter, struct devlink_fmsg *fmsg,
		       struct netlink_ext_ack *extack)
{
	struct nva_health *health = devlink_health_reporter_priv(reporter);
	struct nva_device *dev = health->dev;
	u32 i, n = min_t(u32, READ_ONCE(dev->n_live), NVA_CHANNELS_MAX);

	devlink_fmsg_arr_pair_nest_start(fmsg, "queues");
	for (i = 0; i < n; i++) {
		struct queue_state state = look_at(dev->queue[i]);

		put_queue(fmsg, i, &state);
	}
	devlink_fmsg_arr_pair_nest_end(fmsg);
	return 0;
}

static int diagnose_control(struct devlink_health_reporter *reporter, struct devlink_fmsg *fmsg,
			    struct netlink_ext_ack *extack)
{
	struct nva_health *health = devlink_health_reporter_priv(reporter);
	struct nva_device *dev = health->dev;

	devlink_fmsg_bool_pair_put(fmsg, "session", READ_ONCE(dev->session_up));
	devlink_fmsg_u64_pair_put(fmsg, "sessions", atomic64_read(&dev->stats.sessions));
	devlink_fmsg_u64_pair_put(fmsg, "resets", atomic64_read(&dev->stats.resets));
	devlink_fmsg_u32_pair_put(fmsg, "attempts", READ_ONCE(dev->reset_attempts));
	devlink_fmsg_bool_pair_put(fmsg, "rescinded", READ_ONCE(dev->chan->rescind));
	devlink_fmsg_u32_pair_put(fmsg, "channels", READ_ONCE(dev->n_live));
	devlink_fmsg_bool_pair_put(fmsg, "takes_requests", READ_ONCE(dev->ctl.open));
	devlink_fmsg_bool_pair_put(fmsg, "waits_for_host",
				   READ_ONCE(dev->ctl.txid) || READ_ONCE(dev->ctl.request_id));
	devlink_fmsg_u32_pair_put(fmsg, "request", READ_ONCE(dev->ctl.asked));
	devlink_fmsg_u32_pair_put(fmsg, "oid", READ_ONCE(dev->ctl.asked_oid));
	return 0;
}

static int diagnose_vf(struct devlink_health_reporter *reporter, struct devlink_fmsg *fmsg,
		       struct netlink_ext_ack *extack)
{
	struct nva_health *health = devlink_health_reporter_priv(reporter);
	struct nva_device *dev = health->dev;

	devlink_fmsg_bool_pair_put(fmsg, "allocated", READ_ONCE(dev->vf.allocated));
	devlink_fmsg_u32_pair_put(fmsg, "serial", READ_ONCE(dev->vf.serial));
	devlink_fmsg_bool_pair_put(fmsg, "bound", rcu_access_pointer(dev->vf.ndev));
	devlink_fmsg_bool_pair_put(fmsg, "path", READ_ONCE(dev->vf.on));
	devlink_fmsg_bool_pair_put(fmsg, "host_path", READ_ONCE(dev->vf.host_on));
	devlink_fmsg_bool_pair_put(fmsg, "unanswered", !nva_vf_well(dev));
	devlink_fmsg_u32_pair_put(fmsg, "held_ms", jiffies_to_msecs(nva_vf_held(dev)));
	return 0;
}

/* A user's wish. devlink's own, with the fault as context, finds the driver at it already. */
static int recover(struct devlink_health_reporter *reporter, void *context,
		   struct netlink_ext_ack *extack)
{
	struct nva_health *health = devlink_health_reporter_priv(reporter);
	bool vf = reporter == health->reporter[VF];
	unsigned long end = jiffies + RECOVER_DEADLINE;
	struct nva_device *dev = health->dev;
	u32 attempts = READ_ONCE(dev->reset_attempts);
	enum reporter i;

	if (context)
		return -EINPROGRESS;
	if (vf)
		nva_vf_retry(dev);
	else
		nva_session_retry(dev);
	while (!(vf ? nva_vf_well(dev) : nva_session_well(dev))) {
		if (READ_ONCE(dev->removing) || READ_ONCE(dev->chan->rescind)) {
			NL_SET_ERR_MSG(extack, "the NIC goes");
			return -ENODEV;
		}
		if (!vf && READ_ONCE(dev->reset_attempts) != attempts) {
			NL_SET_ERR_MSG(extack, "the host gives no session; next try later");
			return -EIO;
		}
		if (time_after(jiffies, end)) {
			NL_SET_ERR_MSG(extack, "the host has not answered yet");
			return -ETIMEDOUT;
		}
		msleep(20);
	}
	/* said by the caller */
	for (i = 0; i < REPORTERS; i++)
		if (health->reporter[i] == reporter)
			clear_bit(i, &health->ill);
	return 0;
}

static const struct devlink_health_reporter_ops reporter_ops[] = {
	[TX] = { .name = "tx", .recover = recover, .dump = dump, .diagnose = diagnose_tx },
	[CONTROL] = {
		.name = "control", .recover = recover, .dump = dump, .diagnose = diagnose_control,
	},
	[VF] = { .name = "vf", .recover = recover, .dump = dump, .diagnose = diagnose_vf },
};

static void report(struct nva_health *health, enum reporter i)
{
	set_bit(i, &health->ill);
	devlink_health_report(health->reporter[i], nva_fault_text(health->trouble[i].why),
			      &health->trouble[i]);
	clear_bit(i, &health->written);
	/* the next one may be written when everybody sees that this one has been read */
	clear_bit_unlock(i, &health->pending);
}

static void work(struct work_struct *work)
{
	struct nva_health *health = container_of(work, struct nva_health, work);
	struct nva_device *dev = health->dev;
	enum reporter i;

	for (i = 0; i < REPORTERS && READ_ONCE(health->on); i++) {
		if (test_bit(i, &health->written)) {
			/* pairs with nva_health_fault() */
			smp_rmb();
			report(health, i);
		}
		if (!test_bit(i, &health->ill) ||
		    !(i == VF ? nva_vf_well(dev) : nva_session_well(dev)))
			continue;
		/* a user's command may be about to say so */
		devl_lock(health->devlink);
		if (test_and_clear_bit(i, &health->ill)) {
			devlink_health_reporter_recovery_done(health->reporter[i]);
			devlink_health_reporter_state_update(health->reporter[i],
							     DEVLINK_HEALTH_REPORTER_STATE_HEALTHY);
		}
		devl_unlock(health->devlink);
	}
}

/**
 * nva_health_fault() - something went wrong that the driver now recovers from
 * @dev: NIC
 * @why: cause
 *
 * To be called when the recovery is under way, so that it is not taken for over. A second fault
 * that comes before the first is reported is that one's.
 *
 * Context: any.
 */
void nva_health_fault(struct nva_device *dev, enum nva_fault why)
{
	/* pairs with nva_devlink_create() */
	struct nva_health *health = smp_load_acquire(&dev->health);
	enum reporter i = reporter_of(why);

	if (!health || !READ_ONCE(health->on))
		return;
	if (!test_and_set_bit_lock(i, &health->pending)) {
		look(dev, why, &health->trouble[i]);
		/* pairs with work() */
		smp_wmb();
		set_bit(i, &health->written);
	}
	queue_work(nva_wq, &health->work);
}

/**
 * nva_health_kick() - something may be over
 * @dev: NIC
 *
 * Context: any.
 */
void nva_health_kick(struct nva_device *dev)
{
	/* pairs with nva_devlink_create() */
	struct nva_health *health = smp_load_acquire(&dev->health);

	if (health && READ_ONCE(health->on))
		queue_work(nva_wq, &health->work);
}

/**
 * nva_health_device() - whose it is
 * @health: reporters
 *
 * Context: any.
 * Return: the NIC.
 */
struct nva_device *nva_health_device(const struct nva_health *health)
{
	return health->dev;
}

/**
 * nva_health_create() - make the reporters
 * @health: zeroed memory of nva_health_size bytes
 * @dev: NIC
 * @devlink: its devlink instance, not registered yet
 *
 * Context: process.
 * Return: 0 or an error with none left.
 */
int nva_health_create(struct nva_health *health, struct nva_device *dev, struct devlink *devlink)
{
	enum reporter i;

	health->dev = dev;
	health->devlink = devlink;
	INIT_WORK(&health->work, work);
	for (i = 0; i < REPORTERS; i++) {
		struct devlink_health_reporter *each;

		each = devlink_health_reporter_new(devlink, &reporter_ops[i], health);
		if (IS_ERR(each)) {
			nva_health_destroy(health);
			return PTR_ERR(each);
		}
		health->reporter[i] = each;
	}
	health->on = true;
	return 0;
}

/**
 * nva_health_stop() - report nothing any more
 * @health: reporters
 *
 * Context: process, no RTNL; waits for a user's command, which a NIC that goes ends at once.
 */
void nva_health_stop(struct nva_health *health)
{
	WRITE_ONCE(health->on, false);
	cancel_work_sync(&health->work);
}

/**
 * nva_health_destroy() - undo nva_health_create()
 * @health: reporters, also if not all of them came to be
 *
 * Context: process.
 */
void nva_health_destroy(struct nva_health *health)
{
	enum reporter i;

	/* one that was queued when nva_health_stop() had looked */
	cancel_work_sync(&health->work);
	for (i = 0; i < REPORTERS; i++)
		if (health->reporter[i])
			devlink_health_reporter_destroy(health->reporter[i]);
}
