/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dma-engine.h: a copier that a PCI function has behind its register BAR (dma-engine.c).
 *
 * One copy at a time, between any two of the guest's RAM and the memory BARs of functions.
 * Registers are 32 bit, little endian; those of 64 bit are two of them, the low half first.
 */
#ifndef HVLAB_DMA_ENGINE_H
#define HVLAB_DMA_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop.h"
#include "pci-function.h"
#include "stats.h"

#define DMA_ENGINE_BAR_BYTES 0x10000u
#define DMA_ENGINE_ID	     0x45444d41u /* reads at offset 0 */
#define DMA_ENGINE_MAX	     0x1000000u	 /* bytes of a copy */
#define DMA_ENGINE_DELAY_MAX 10000000u	 /* us */

enum dma_engine_register {
	DMA_ENGINE_REG_ID = 0x00,
	DMA_ENGINE_REG_STATUS = 0x04, /* DMA_ENGINE_BUSY | end << DMA_ENGINE_END_SHIFT */
	DMA_ENGINE_REG_FROM = 0x08,
	DMA_ENGINE_REG_TO = 0x10,
	DMA_ENGINE_REG_BYTES = 0x18,
	DMA_ENGINE_REG_CONTROL = 0x1c,
	DMA_ENGINE_REG_TURNS = 0x20,  /* how often it is copied; 0 is 1 */
	DMA_ENGINE_REG_DELAY = 0x24,  /* us before each turn */
	DMA_ENGINE_REG_COPIES = 0x28, /* that have ended well, all in all */
	DMA_ENGINE_REG_MEMORY = 0x30, /* bytes of the function's memory BAR */
};

#define DMA_ENGINE_BUSY		1u
#define DMA_ENGINE_END_SHIFT	8
#define DMA_ENGINE_START	1u /* control */
#define DMA_ENGINE_STOP		2u
#define DMA_ENGINE_INTERRUPT	4u /* with START: raise vector 0 at the end */

/** enum dma_engine_end - in the status; the first three are enum device_memory_end */
enum dma_engine_end {
	DMA_ENGINE_OK,
	DMA_ENGINE_NO_SOURCE,
	DMA_ENGINE_NO_TARGET,
	DMA_ENGINE_NO_MASTER, /* bus mastering is off */
	DMA_ENGINE_TOO_LONG,
	DMA_ENGINE_STOPPED,
};

/**
 * struct dma_engine - embed in a device
 * @lock: guards everything down to @running
 */
struct dma_engine {
	struct pci_function *fn;
	struct loop *loop;
	uint64_t memory;
	pthread_mutex_t lock;
	uint64_t from, to;
	uint32_t bytes, turns, delay_us;
	enum dma_engine_end end;
	bool interrupt;
	bool running;
	/* private: of the loop */
	struct loop_work start_work;
	struct loop_timer timer;
	uint32_t left;
	stat_t copies, failed, copied_bytes;
};

/** dma_engine_init() - @fn's engine, which works in @loop; @memory as the guest is told */
void dma_engine_init(struct dma_engine *e, struct pci_function *fn, struct loop *loop,
		     uint64_t memory);

/** dma_engine_reset() - nothing is under way once it returns. Context: not the engine's loop. */
void dma_engine_reset(struct dma_engine *e);

/** dma_engine_free() - undo dma_engine_init(), once the loop has stopped */
void dma_engine_free(struct dma_engine *e);

/** dma_engine_io - its registers, with the engine as the opaque */
extern const struct bus_ops dma_engine_io;

#endif
