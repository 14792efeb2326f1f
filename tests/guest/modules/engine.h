/* SPDX-License-Identifier: GPL-2.0 */
/* engine.h: a PCI function with a DMA engine; driven by engine.c and one file for each kind. */
#ifndef ENGINE_H
#define ENGINE_H

#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "lab_dma.h"

struct engine;

/*
 * struct engine_ops - a kind of engine
 * @wait_ms: what the longest copy takes
 * @msi: PCI_IRQ_*
 * @setup: registers and a 64-bit DMA mask are there
 * @interrupt: in hard interrupt context
 * @start: -EBUSY while a copy is under way, -ENODEV when it is gone. May sleep.
 * @stop: no copy is under way any more when it returns. May sleep.
 * @status: is a copy under way? @end: how the last one ended, 0 is well. Does not sleep.
 */
struct engine_ops {
	unsigned int wait_ms;
	unsigned int msi;
	void (*setup)(struct engine *e);
	void (*interrupt)(struct engine *e);
	int (*start)(struct engine *e, dma_addr_t from, dma_addr_t to,
		     const struct lab_dma_copy *copy);
	void (*stop)(struct engine *e);
	bool (*status)(struct engine *e, u32 *end);
};

/*
 * struct engine - a function
 * @lock: guards @gone; held while the registers are used, but in an interrupt
 * @done: woken when a copy may have ended
 */
struct engine {
	struct kref refs;
	const struct engine_ops *ops;
	struct pci_dev *pdev;
	struct miscdevice misc;
	char name[32];
	char nodename[32];
	spinlock_t lock;
	bool gone;
	void __iomem *regs;
	void *bounce;
	dma_addr_t bounce_at;
	wait_queue_head_t done;
	unsigned int interrupts;
	struct { /* engine-edu.c */
		struct work_struct work;
		struct lab_dma_copy copy;
		dma_addr_t from;
		dma_addr_t to;
		bool busy;
		bool stop;
		unsigned int finished;
		u32 end;
	} edu;
};

/* importer.c */
extern const struct file_operations lab_dma_fops;

/* engine.c */
void lab_engine_get(struct engine *e);
void lab_engine_put(struct engine *e);

/* engine-*.c */
extern const struct engine_ops lab_engine_ops, edu_engine_ops;

#endif
