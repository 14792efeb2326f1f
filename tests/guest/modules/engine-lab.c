// SPDX-License-Identifier: GPL-2.0
/* The engine that the lab's stand-ins for RDMA NICs have (tests/lab/dma-engine.h). */
#include <linux/io.h>

#include "engine.h"

#define REG_STATUS	0x04
#define REG_FROM	0x08
#define REG_TO		0x10
#define REG_BYTES	0x18
#define REG_CONTROL	0x1c
#define REG_TURNS	0x20
#define REG_DELAY	0x24
#define STATUS_BUSY	1
#define STATUS_END	8
#define START_STOP	2
#define START		5	/* and interrupt at the end */

static void set64(struct engine *e, unsigned int reg, u64 value)
{
	writel(lower_32_bits(value), e->regs + reg);
	writel(upper_32_bits(value), e->regs + reg + 4);
}

static int start(struct engine *e, dma_addr_t from, dma_addr_t to, const struct lab_dma_copy *copy)
{
	int ret = 0;

	spin_lock(&e->lock);
	if (e->gone) {
		ret = -ENODEV;
	} else if (readl(e->regs + REG_STATUS) & STATUS_BUSY) {
		ret = -EBUSY;
	} else {
		set64(e, REG_FROM, from);
		set64(e, REG_TO, to);
		writel(copy->length, e->regs + REG_BYTES);
		writel(copy->turns, e->regs + REG_TURNS);
		writel(copy->delay_us, e->regs + REG_DELAY);
		writel(START, e->regs + REG_CONTROL);
	}
	spin_unlock(&e->lock);
	return ret;
}

static void stop(struct engine *e)
{
	spin_lock(&e->lock);
	if (!e->gone)
		writel(START_STOP, e->regs + REG_CONTROL);
	spin_unlock(&e->lock);
}

static bool status(struct engine *e, u32 *end)
{
	u32 status = 0;

	spin_lock(&e->lock);
	if (!e->gone)
		status = readl(e->regs + REG_STATUS);
	spin_unlock(&e->lock);
	*end = status >> STATUS_END;
	return status & STATUS_BUSY;
}

const struct engine_ops lab_engine_ops = {
	.wait_ms = 5000,
	.msi = PCI_IRQ_MSIX,
	.start = start,
	.stop = stop,
	.status = status,
};
