// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's edu device (docs/specs/edu of QEMU): its engine copies between the bus and a buffer of
 * its own, 100 ms each time. So a copy is many, by a work item: out of one place into the buffer,
 * out of the buffer into the other, and an interrupt after each.
 */
#include <linux/delay.h>
#include <linux/io-64-nonatomic-lo-hi.h>

#include "engine.h"

#define REG_CAUSE	0x24
#define REG_CLEAR	0x64
#define REG_FROM	0x80
#define REG_TO		0x88
#define REG_BYTES	0x90
#define REG_COMMAND	0x98
#define COMMAND_START	1
#define COMMAND_TO_BUS	2
#define COMMAND_IRQ	4
#define BUFFER		0x40000	/* as the engine has it */
#define CHUNK		2048u	/* QEMU 7.2 ends when all 4096 bytes of it are asked for */
#define STEP_MS		2000u	/* of an emulator under load */

static void interrupt(struct engine *e)
{
	writel(readl(e->regs + REG_CAUSE), e->regs + REG_CLEAR);
	WRITE_ONCE(e->edu.finished, e->edu.finished + 1);
}

static bool step(struct engine *e, u64 from, u64 to, u32 bytes, u32 command)
{
	unsigned int before = READ_ONCE(e->edu.finished);

	writeq(from, e->regs + REG_FROM);
	writeq(to, e->regs + REG_TO);
	writeq(bytes, e->regs + REG_BYTES);
	writeq(command | COMMAND_START | COMMAND_IRQ, e->regs + REG_COMMAND);
	return wait_event_timeout(e->done, READ_ONCE(e->edu.finished) != before,
				  msecs_to_jiffies(STEP_MS));
}

static bool copy_once(struct engine *e)
{
	u32 at, n;

	for (at = 0; at < e->edu.copy.length && !READ_ONCE(e->edu.stop); at += n) {
		n = min(CHUNK, e->edu.copy.length - at);
		if (!step(e, e->edu.from + at, BUFFER, n, 0) ||
		    !step(e, BUFFER, e->edu.to + at, n, COMMAND_TO_BUS))
			return false;
	}
	return true;
}

static void work(struct work_struct *work)
{
	struct engine *e = container_of(work, struct engine, edu.work);
	u32 turn;

	e->edu.end = 0;
	for (turn = 0; turn < max(e->edu.copy.turns, 1u) && !READ_ONCE(e->edu.stop); turn++) {
		if (!copy_once(e)) {
			e->edu.end = 1;
			break;
		}
		fsleep(e->edu.copy.delay_us);
	}
	smp_store_release(&e->edu.busy, false);
	wake_up_all(&e->done);
}

static void setup(struct engine *e)
{
	INIT_WORK(&e->edu.work, work);
}

static int start(struct engine *e, dma_addr_t from, dma_addr_t to, const struct lab_dma_copy *copy)
{
	int ret = 0;

	spin_lock(&e->lock);
	if (e->gone) {
		ret = -ENODEV;
	} else if (smp_load_acquire(&e->edu.busy)) {
		ret = -EBUSY;
	} else {
		e->edu.from = from;
		e->edu.to = to;
		e->edu.copy = *copy;
		e->edu.stop = false;
		e->edu.busy = true;
		queue_work(system_long_wq, &e->edu.work);
	}
	spin_unlock(&e->lock);
	return ret;
}

static void stop(struct engine *e)
{
	WRITE_ONCE(e->edu.stop, true);
	flush_work(&e->edu.work);
}

static bool status(struct engine *e, u32 *end)
{
	bool busy = smp_load_acquire(&e->edu.busy);

	*end = busy ? 0 : e->edu.end;
	return busy;
}

const struct engine_ops edu_engine_ops = {
	.wait_ms = 60000,
	.msi = PCI_IRQ_MSI,
	.setup = setup,
	.interrupt = interrupt,
	.start = start,
	.stop = stop,
	.status = status,
};
