// SPDX-License-Identifier: GPL-2.0
/*
 * Taking exports back. The order matters: no new mapping first, and the CPU's go, then importers
 * are told, and last it is waited until what they have under way has ended and they have unmapped.
 * Each step is done for all exports of a function before the next, so that an importer that is late
 * with one takes no time from the others. All of it has one deadline, since a removal that waits
 * for somebody else's driver would hold up the whole PCI bus, and the host takes the device by
 * force after a minute. An importer that is late keeps DMA addresses of a device that is gone: it
 * is counted and named, and when it lets go nothing here is touched that has gone.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dcache.h>
#include <linux/delay.h>
#include <linux/dma-resv.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/lockref.h>
#include <linux/mm.h>

#include "../compat/dma_buf.h"
#include "gpupt.h"
#include "trace.h"

#define TRY_AGAIN_US	500

static unsigned long left(unsigned long deadline)
{
	return time_before(jiffies, deadline) ? deadline - jiffies : 0;
}

static void mark(struct gpupt_buffer *buffer)
{
	down_write(&buffer->map_lock);
	WRITE_ONCE(buffer->revoked, true);
	up_write(&buffer->map_lock);
}

static void keep_maximum(struct gpupt_function *fn, u64 ns)
{
	atomic64_t *max = &fn->stats[GPUPT_STAT_revoke_max_ns];

	if (atomic64_read(max) < ns)
		atomic64_set(max, ns); /* revocations of a function take turns */
}

/* Faults are refused from here on, and what they have put in goes. */
static void unmap(struct gpupt_buffer *buffer)
{
	mark(buffer);
	unmap_mapping_range(d_inode(buffer->dentry)->i_mapping, 0, 0, 1);
}

/* Another driver may hold the reservation. Return: whether importers have been told. */
static bool invalidate(struct gpupt_buffer *buffer)
{
	struct dma_resv *resv = buffer->dmabuf->resv;

	if (buffer->told)
		return true;
	buffer->told = dma_resv_trylock(resv);
	if (buffer->told) {
		dma_buf_invalidate_mappings(buffer->dmabuf);
		dma_resv_unlock(resv);
	}
	return buffer->told;
}

/* Nobody is waited for beyond the deadline, nor keeps others from being told. */
static void invalidate_all(struct list_head *revoking, unsigned long deadline)
{
	struct gpupt_buffer *buffer;
	bool all;

	for (;;) {
		all = true;
		list_for_each_entry(buffer, revoking, revoking)
			all &= invalidate(buffer);
		if (all || !left(deadline))
			return;
		usleep_range(TRY_AGAIN_US, 2 * TRY_AGAIN_US);
	}
}

/* What importers have under way has a fence; then they unmap. */
static bool wait_for(struct gpupt_buffer *buffer, unsigned long deadline)
{
	bool idle = buffer->told &&
		    dma_resv_wait_timeout(buffer->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
					  left(deadline)) > 0;

	return wait_event_timeout(buffer->unmapped, !atomic_read(&buffer->maps),
				  left(deadline)) && idle;
}

static void finish(struct gpupt_buffer *buffer, u64 start, unsigned long deadline)
{
	struct gpupt_function *fn = buffer->fn;
	bool in_time = wait_for(buffer, deadline);
	u64 took = ktime_get_ns() - start;

	keep_maximum(fn, took);
	trace_gpupt_revoke(buffer, took, in_time);
	if (in_time)
		return;
	gpupt_count(fn, GPUPT_STAT_revoke_timeouts);
	pr_warn("%s: an export of BAR %u was not let go of in %u ms, %d mappings of importers are left\n",
		fn->name, buffer->bar, gpupt_revoke_timeout_ms, atomic_read(&buffer->maps));
}

/* With revoke_lock held; new exports are refused already. */
static void revoke(struct gpupt_function *fn, unsigned long deadline)
{
	u64 start = ktime_get_ns(), count = 0;
	struct gpupt_buffer *buffer, *next;
	LIST_HEAD(revoking);

	mutex_lock(&fn->lock);
	list_for_each_entry(buffer, &fn->buffers, list) {
		/* Importers that an earlier one did not reach, or who did not let go, get this. */
		if (buffer->revoked && buffer->told && !atomic_read(&buffer->maps))
			continue;
		/* Its last reference may be gone already; its release then waits for the lock. */
		if (!lockref_get_not_zero(&buffer->dentry->d_lockref))
			continue;
		list_add_tail(&buffer->revoking, &revoking);
		count += !buffer->revoked;
	}
	atomic64_add(count, &fn->stats[GPUPT_STAT_revokes]);
	mutex_unlock(&fn->lock);
	list_for_each_entry(buffer, &revoking, revoking)
		unmap(buffer);
	invalidate_all(&revoking, deadline);
	list_for_each_entry_safe(buffer, next, &revoking, revoking) {
		struct dentry *dentry = buffer->dentry;

		finish(buffer, start, deadline);
		list_del(&buffer->revoking);
		dput(dentry); /* with which the buffer may go */
	}
	gpupt_event(fn, GPUPT_EVENT_REVOKED, count);
}

static unsigned long deadline_from_now(void)
{
	return jiffies + msecs_to_jiffies(gpupt_revoke_timeout_ms);
}

/**
 * gpupt_revoke() - take all exports back, when who quiesces the function has done so
 * @fn: not claimed any more
 *
 * Context: process; waits for importers, revoke_timeout_ms at most.
 */
void gpupt_revoke(struct gpupt_function *fn)
{
	unsigned long deadline = deadline_from_now();

	mutex_lock(&fn->revoke_lock);
	revoke(fn, deadline);
	mutex_unlock(&fn->revoke_lock);
}

/**
 * gpupt_quiesce() - no new exports, and those there are taken back
 * @fn: was claimed once
 * @why: GPUPT_QUIESCED_*
 *
 * Context: process; waits as gpupt_revoke() does.
 *
 * Return: 0, or -ENODEV when it is not claimed any more: then nobody is told anything.
 */
int gpupt_quiesce(struct gpupt_function *fn, unsigned int why)
{
	unsigned long deadline = deadline_from_now();
	bool claimed;

	/* It is given up under the same lock: its last event comes after those of here. */
	mutex_lock(&fn->revoke_lock);
	mutex_lock(&fn->lock);
	claimed = fn->claimed;
	if (claimed)
		WRITE_ONCE(fn->quiesced, fn->quiesced | why);
	mutex_unlock(&fn->lock);
	if (claimed) {
		if (why == GPUPT_QUIESCED_HIBERNATE)
			gpupt_event(fn, GPUPT_EVENT_HIBERNATE, 0);
		gpupt_event(fn, GPUPT_EVENT_QUIESCE, 0);
		revoke(fn, deadline);
	}
	mutex_unlock(&fn->revoke_lock);
	return claimed ? 0 : -ENODEV;
}

/**
 * gpupt_resume() - exports are possible again; revoked ones stay so
 * @fn: was claimed once
 * @why: GPUPT_QUIESCED_*
 *
 * Context: process.
 *
 * Return: 0, or -ENODEV when it is not claimed any more.
 */
int gpupt_resume(struct gpupt_function *fn, unsigned int why)
{
	bool claimed, resumed;

	mutex_lock(&fn->lock);
	claimed = fn->claimed;
	resumed = claimed && fn->quiesced && !(fn->quiesced & ~why);
	WRITE_ONCE(fn->quiesced, fn->quiesced & ~why);
	if (resumed)
		gpupt_event(fn, GPUPT_EVENT_RESUMED, 0);
	mutex_unlock(&fn->lock);
	return claimed ? 0 : -ENODEV;
}
