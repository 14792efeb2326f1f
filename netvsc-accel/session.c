// SPDX-License-Identifier: GPL-2.0
/*
 * A session is a conversation with the host: open channels, agreed versions, shared buffers. It
 * begins at probe, ends at remove, and is begun anew for a new MTU, other numbers of channels or
 * sections, and to recover.
 *
 * The bus waits without deadline where a GPADL or a channel is set up, so a session changes in a
 * work item that holds no RTNL then. Whoever asks for a change under RTNL waits for that work with
 * a deadline; when it passes, the work goes on alone and attaches the result itself.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/rtnetlink.h>

#include "device.h"

/* Longest time RTNL is held for a change. */
#define CHANGE_DEADLINE		(15 * HZ)
/* A change that takes no longer than this leaves the carrier as it is. */
#define CHANGE_UNSEEN		(2 * HZ)
/*
 * Recovery begins at once, and after that no sooner than 2^(n-1) seconds later, until a session
 * held this long.
 */
#define BACKOFF_MAX		64u
#define HEALTHY			(60 * HZ)

/* Queues for the channels that the host would give and this machine can use. */
static int create_queues(struct nva_device *dev)
{
	u32 n = min3(dev->n_channels_max, (u32)num_possible_cpus(), (u32)NVA_CHANNELS_MAX);
	int err = 0;

	while (!err && dev->n_queues < n)
		err = nva_queue_create(dev, dev->n_queues);
	return err;
}

/* Opens as many channels as wanted and possible. Returns how many there are, or an error. */
static int open_subchannels(struct nva_device *dev, u32 want)
{
	int count;

	want = min3(want, dev->n_channels_max, dev->n_queues);
	if (want < 2 || dev->version < NVSP_VERSION_5)
		return 1;
	nva_subchannels_expect(dev, want - 1);
	count = nva_nvsp_subchannels(dev, want - 1);
	if (count <= 0)
		return count ?: 1;
	return nva_subchannels_wait(dev, count);
}

/* Is one of the first @n rings broken, so that nothing comes from it any more? */
static bool ring_lost(const struct nva_device *dev, u32 n)
{
	while (n--)
		if (READ_ONCE(dev->queue[n]->hc.lost))
			return true;
	return false;
}

/**
 * nva_session_open() - begin a session
 * @dev: NIC without session
 * @config: settings; what the host does not give is taken as it comes
 *
 * Context: process, session_lock or sole user, no RTNL.
 * Return: 0, or an error with nothing left open.
 */
int nva_session_open(struct nva_device *dev, const struct nva_config *config)
{
	struct nva_config got = *config;
	int err, n = 1;
	u32 i, told;

	err = nva_channel_open(dev->queue[0], dev->chan);
	if (err)
		return err;
	nva_ctl_open(&dev->ctl);
	told = config->zero_copy ? nva_zc_mtu(dev, got.mtu) : got.mtu;
	err = nva_nvsp_connect(dev, told);
	if (err)
		goto fail;
	err = nva_nvsp_buffers(dev, config);
	if (err)
		goto fail;
	dev->recv_mtu = told;
	nva_rx_buffer(dev->queue[0]);
	err = nva_rndis_connect(dev);
	if (err)
		goto fail;
	got.mtu = min(got.mtu, dev->host_mtu);

	/* once, before the interface exists: later sessions make do with these */
	if (!dev->registered) {
		err = create_queues(dev);
		if (err)
			goto fail;
	}
	n = open_subchannels(dev, config->channels);
	if (n < 0) {
		err = n;
		goto fail;
	}
	for (i = 0; i < n && !err; i++) {
		err = nva_tx_create(dev->queue[i], n);
		if (!err)
			err = nva_rx_pool_create(dev->queue[i], n);
	}
	/* a channel that broke while the others opened would never be heard of again */
	if (!err && ring_lost(dev, n))
		err = -EIO;
	if (err)
		goto fail;

	got.channels = n;
	got.zero_copy = !!dev->recv.pages;
	dev->good = *config;
	dev->config = got;
	WRITE_ONCE(dev->n_live, n);
	WRITE_ONCE(dev->session_up, true);
	atomic64_inc(&dev->stats.sessions);
	/* a ring that broke since it was looked at wants a reset now, or wanted one in vain */
	smp_mb();
	if (dev->registered)
		nva_session_check(dev);
	netdev_dbg(dev->ndev,
		   "NVSP %#x, %d channels, %u receive sections of %u, %u send sections of %u\n",
		   dev->version, n, dev->recv_sections, dev->recv_section, dev->send_sections,
		   dev->send_section);
	return 0;

fail:
	nva_session_close(dev);
	return err;
}

static bool drained(struct nva_device *dev)
{
	u32 i;

	for (i = 0; i < dev->n_queues; i++)
		if (!nva_tx_idle(dev->queue[i]))
			return false;
	return true;
}

/**
 * nva_session_close() - end a session, also one that did not come up whole
 * @dev: NIC; no packet is sent any more
 *
 * The channels and the device are then as they were found. Packets that the host did not complete
 * within NVA_DRAIN_DEADLINE are freed when the channel is closed: then the host has let go of them.
 *
 * Context: process, session_lock or sole user, no RTNL.
 */
void nva_session_close(struct nva_device *dev)
{
	unsigned long end = jiffies + NVA_DRAIN_DEADLINE;
	u32 i;

	dev->session_up = false;
	nva_subchannels_stop(dev);
	if (dev->rndis_up)
		nva_rndis_halt(dev);
	while (!drained(dev) && time_before(jiffies, end) && !READ_ONCE(dev->chan->rescind))
		usleep_range(100, 1000);
	nva_nvsp_revoke(dev);
	nva_ctl_shut(&dev->ctl);
	nva_channels_close(dev);
	nva_vf_session_ended(dev);
	nva_ctl_closed(&dev->ctl);
	nva_nvsp_free(dev);
	for (i = 0; i < dev->n_queues; i++) {
		nva_tx_destroy(dev->queue[i]);
		nva_rx_pool_destroy(dev->queue[i]);
	}
}

/**
 * nva_session_start() - let data flow
 * @dev: NIC with a session; one that just ends stays still
 *
 * Context: process, RTNL or before registration.
 */
void nva_session_start(struct nva_device *dev)
{
	u32 i;

	spin_lock(&dev->want_lock);
	for (i = 0; i < dev->n_live && !dev->frozen; i++)
		/* pairs with nva_queue_ready() */
		smp_store_release(&dev->queue[i]->live, true);
	spin_unlock(&dev->want_lock);
}

/*
 * No data flows when this returns, nor when the interface is opened meanwhile, until the next
 * session.
 */
static void freeze(struct nva_device *dev, bool frozen)
{
	spin_lock(&dev->want_lock);
	WRITE_ONCE(dev->frozen, frozen);
	spin_unlock(&dev->want_lock);
	if (frozen)
		nva_tx_stop(dev);
}

static struct nva_config wanted(struct nva_device *dev, u32 *change)
{
	struct nva_config want;

	spin_lock(&dev->want_lock);
	want = dev->want;
	*change = dev->want_change;
	spin_unlock(&dev->want_lock);
	return want;
}

static bool superseded(struct nva_device *dev, u32 change)
{
	bool newer;

	spin_lock(&dev->want_lock);
	newer = dev->want_change != change;
	spin_unlock(&dev->want_lock);
	return newer || READ_ONCE(dev->removing);
}

/* Gives the session to the stack: through the one that waits under RTNL, or here. */
static void hand_over(struct nva_device *dev, u32 change, int err)
{
	bool newer, waited = false;

	/* a later change is on its way and hands over both; its waiter comes with it */
	spin_lock(&dev->want_lock);
	newer = dev->want_change != change || READ_ONCE(dev->removing);
	if (!newer) {
		dev->change_error = err;
		waited = atomic_cmpxchg(&dev->change, NVA_CHANGE_WAITED, NVA_CHANGE_DONE) ==
			 NVA_CHANGE_WAITED;
	}
	spin_unlock(&dev->want_lock);
	if (waited)
		complete(&dev->change_done);
	if (newer || waited || !dev->session_up)
		return;
	while (!rtnl_trylock()) {
		/* whoever holds it may be the next to wait for us */
		if (superseded(dev, change))
			return;
		usleep_range(1000, 2000);
	}
	if (!superseded(dev, change))
		nva_attach(dev);
	rtnl_unlock();
}

static void try_again(struct nva_device *dev)
{
	u32 seconds = min(1u << min(dev->reset_attempts, 16u), BACKOFF_MAX);

	WRITE_ONCE(dev->reset_attempts, dev->reset_attempts + 1);
	WRITE_ONCE(dev->reset_due, true);
	queue_delayed_work(nva_wq, &dev->reset_work, seconds * HZ);
	nva_health_fault(dev, NVA_NO_SESSION);
}

/**
 * nva_reset_work() - end the session and begin the next
 * @work: reset_work of a NIC
 *
 * Settings that do not work are given up for the last ones that did.
 */
void nva_reset_work(struct work_struct *work)
{
	struct nva_device *dev = container_of(to_delayed_work(work), struct nva_device, reset_work);
	struct nva_config want, last = dev->good;
	int err = -ENODEV;
	u32 change;

	mutex_lock(&dev->session_lock);
	want = wanted(dev, &change);
	if (READ_ONCE(dev->removing) || READ_ONCE(dev->chan->rescind) || dev->suspended)
		goto out;
	freeze(dev, true);
	/* this is the one; a fault from now on wants another */
	WRITE_ONCE(dev->reset_due, false);
	/* who waits for a change sees to it himself, see nva_reconfigure() */
	if (atomic_read(&dev->change) != NVA_CHANGE_WAITED)
		netif_carrier_off(dev->ndev);
	if (dev->session_up)
		nva_session_close(dev);
	err = nva_session_open(dev, &want);
	if (err && !superseded(dev, change) && memcmp(&want, &last, sizeof(want))) {
		netdev_warn(dev->ndev, "new settings do not work (%pe), back to the old\n",
			    ERR_PTR(err));
		if (!nva_session_open(dev, &last)) {
			spin_lock(&dev->want_lock);
			if (dev->want_change == change)
				dev->want = last;
			spin_unlock(&dev->want_lock);
		}
	}
	if (!dev->session_up && !READ_ONCE(dev->removing) && !READ_ONCE(dev->chan->rescind)) {
		netdev_err(dev->ndev, "no session with the host (%pe), trying again\n",
			   ERR_PTR(err));
		netif_carrier_off(dev->ndev);
		nva_fault(dev, NVA_NO_SESSION);
		try_again(dev);
	} else {
		freeze(dev, false);
		WRITE_ONCE(dev->reset_healthy, jiffies);
	}
out:
	mutex_unlock(&dev->session_lock);
	hand_over(dev, change, err);
	nva_health_kick(dev);
}

/**
 * nva_reset() - something is wrong that only a new session cures
 * @dev: NIC
 * @why: counted and logged
 *
 * Context: any.
 */
void nva_reset(struct nva_device *dev, enum nva_fault why)
{
	u32 seconds = 0;

	nva_fault(dev, why);
	/* the opening of a session fails by itself */
	if (!READ_ONCE(dev->registered) || !READ_ONCE(dev->session_up) || READ_ONCE(dev->removing))
		return;
	if (time_after(jiffies, READ_ONCE(dev->reset_healthy) + HEALTHY))
		WRITE_ONCE(dev->reset_attempts, 0);
	else if (dev->reset_attempts)
		seconds = min(1u << min(dev->reset_attempts - 1, 16u), BACKOFF_MAX);
	WRITE_ONCE(dev->reset_due, true);
	if (queue_delayed_work(nva_wq, &dev->reset_work, seconds * HZ)) {
		WRITE_ONCE(dev->reset_attempts, dev->reset_attempts + 1);
		atomic64_inc(&dev->stats.resets);
	}
	nva_health_fault(dev, why);
}

/**
 * nva_session_check() - make up for the resets that were not due before the NIC was registered
 * @dev: NIC, registered
 *
 * Context: process.
 */
void nva_session_check(struct nva_device *dev)
{
	if (ring_lost(dev, dev->n_live))
		nva_reset(dev, NVA_RING_BROKEN);
}

/**
 * nva_session_well() - is there a session, and no wish for another?
 * @dev: NIC
 *
 * Context: any.
 * Return: that.
 */
bool nva_session_well(const struct nva_device *dev)
{
	return READ_ONCE(dev->session_up) && !READ_ONCE(dev->frozen) && !READ_ONCE(dev->reset_due);
}

/**
 * nva_session_retry() - let the next attempt at a session, if one is due, be now
 * @dev: NIC
 *
 * Context: process.
 */
void nva_session_retry(struct nva_device *dev)
{
	if (!nva_session_well(dev) && !READ_ONCE(dev->removing))
		mod_delayed_work(nva_wq, &dev->reset_work, 0);
}

/**
 * nva_session_suspend() - the machine goes to sleep, and with it the bus
 * @dev: NIC, registered
 *
 * Context: process, no RTNL; user space stands still. Waits as nva_session_close().
 */
void nva_session_suspend(struct nva_device *dev)
{
	mutex_lock(&dev->session_lock);
	dev->suspended = true;
	freeze(dev, true);
	netif_carrier_off(dev->ndev);
	if (dev->session_up)
		nva_session_close(dev);
	mutex_unlock(&dev->session_lock);
}

/**
 * nva_session_resume() - the machine is awake: a session may come, and does by itself
 * @dev: NIC, suspended
 *
 * Context: process, no RTNL.
 */
void nva_session_resume(struct nva_device *dev)
{
	mutex_lock(&dev->session_lock);
	dev->suspended = false;
	mutex_unlock(&dev->session_lock);
	mod_delayed_work(nva_wq, &dev->reset_work, 0);
}

/**
 * nva_reconfigure() - begin a new session with other settings and wait for it
 * @dev: NIC
 * @want: settings
 *
 * Context: RTNL, which is held up to CHANGE_DEADLINE while the host answers.
 * Return: 0; the error that the new settings met, the old ones are back then if the host still
 * takes them; -ETIMEDOUT when the host takes longer, the change then ends by itself; -ENODEV when
 * the NIC goes.
 */
int nva_reconfigure(struct nva_device *dev, const struct nva_config *want)
{
	unsigned long end = jiffies + CHANGE_DEADLINE, slow = jiffies + CHANGE_UNSEEN;

	ASSERT_RTNL();
	reinit_completion(&dev->change_done);
	/* together: a work item that knows of this change also knows that it is waited for */
	spin_lock(&dev->want_lock);
	dev->want = *want;
	dev->want_change++;
	atomic_set(&dev->change, NVA_CHANGE_WAITED);
	spin_unlock(&dev->want_lock);
	mod_delayed_work(nva_wq, &dev->reset_work, 0);

	while (!wait_for_completion_timeout(&dev->change_done, HZ / 10)) {
		/* the stack takes queues that stand still with a carrier for stuck */
		if (time_after(jiffies, slow))
			netif_carrier_off(dev->ndev);
		if (!READ_ONCE(dev->removing) && time_before(jiffies, end))
			continue;
		if (atomic_cmpxchg(&dev->change, NVA_CHANGE_WAITED, NVA_CHANGE_NONE) ==
		    NVA_CHANGE_WAITED)
			return READ_ONCE(dev->removing) ? -ENODEV : -ETIMEDOUT;
		/* just done after all */
	}
	if (dev->session_up)
		nva_attach(dev);
	return dev->change_error;
}
