// SPDX-License-Identifier: GPL-2.0
/* A copier with registers. */
#include "dma-engine.h"

#include <string.h>

#include "device-memory.h"

#define CFG_COMMAND	   0x04
#define COMMAND_MASTER	   0x0004u
#define INTERRUPT_VECTOR   0u
#define NSEC_PER_USEC	   1000ull

static void finish(struct dma_engine *e, enum dma_engine_end end)
{
	bool interrupt;

	pthread_mutex_lock(&e->lock);
	e->end = end;
	e->running = false;
	interrupt = e->interrupt;
	pthread_mutex_unlock(&e->lock);
	if (end != DMA_ENGINE_OK)
		stat_inc(&e->failed);
	if (interrupt)
		pci_msix_send(e->fn, INTERRUPT_VECTOR);
}

/* In the loop: one turn, and what comes after it. */
static void turn(struct dma_engine *e)
{
	enum dma_engine_end end = DMA_ENGINE_OK;
	uint32_t bytes, delay;
	uint64_t from, to;
	bool running;

	pthread_mutex_lock(&e->lock);
	running = e->running;
	from = e->from;
	to = e->to;
	bytes = e->bytes;
	delay = e->delay_us;
	pthread_mutex_unlock(&e->lock);
	if (!running)
		return;
	if (bytes > DMA_ENGINE_MAX)
		end = DMA_ENGINE_TOO_LONG;
	else if (!(pci_config_read(e->fn, CFG_COMMAND, 2) & COMMAND_MASTER))
		end = DMA_ENGINE_NO_MASTER;
	else
		end = (enum dma_engine_end)device_memory_copy(e->fn->vm, to, from, bytes);
	if (end == DMA_ENGINE_OK) {
		stat_inc(&e->copies);
		stat_add(&e->copied_bytes, bytes);
		if (--e->left) {
			loop_timer_arm(e->loop, &e->timer, delay * NSEC_PER_USEC);
			return;
		}
	}
	finish(e, end);
}

static void expire(struct loop_timer *timer)
{
	turn(container_of(timer, struct dma_engine, timer));
}

static void run_start(struct loop_work *work)
{
	struct dma_engine *e = container_of(work, struct dma_engine, start_work);
	uint32_t delay;

	pthread_mutex_lock(&e->lock);
	e->left = e->turns ? e->turns : 1;
	delay = e->delay_us;
	pthread_mutex_unlock(&e->lock);
	loop_timer_arm(e->loop, &e->timer, delay * NSEC_PER_USEC);
}

static void stop_in_loop(void *opaque)
{
	struct dma_engine *e = opaque;
	bool running;

	loop_timer_cancel(e->loop, &e->timer);
	pthread_mutex_lock(&e->lock);
	running = e->running;
	e->running = false;
	if (running)
		e->end = DMA_ENGINE_STOPPED;
	pthread_mutex_unlock(&e->lock);
}

static uint64_t get(struct dma_engine *e, uint64_t offset)
{
	switch (offset) {
	case DMA_ENGINE_REG_ID:
		return DMA_ENGINE_ID;
	case DMA_ENGINE_REG_STATUS:
		return (e->running ? DMA_ENGINE_BUSY : 0) | e->end << DMA_ENGINE_END_SHIFT;
	case DMA_ENGINE_REG_FROM:
		return (uint32_t)e->from;
	case DMA_ENGINE_REG_FROM + 4:
		return e->from >> 32;
	case DMA_ENGINE_REG_TO:
		return (uint32_t)e->to;
	case DMA_ENGINE_REG_TO + 4:
		return e->to >> 32;
	case DMA_ENGINE_REG_BYTES:
		return e->bytes;
	case DMA_ENGINE_REG_TURNS:
		return e->turns;
	case DMA_ENGINE_REG_DELAY:
		return e->delay_us;
	case DMA_ENGINE_REG_COPIES:
		return (uint32_t)stat_read(&e->copies);
	case DMA_ENGINE_REG_MEMORY:
		return (uint32_t)e->memory;
	case DMA_ENGINE_REG_MEMORY + 4:
		return e->memory >> 32;
	default:
		return 0;
	}
}

static void engine_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			void *data)
{
	struct dma_engine *e = opaque;
	uint32_t value;

	memset(data, 0, len);
	if (len != sizeof(value) || offset % sizeof(value))
		return;
	pthread_mutex_lock(&e->lock);
	value = (uint32_t)get(e, offset);
	pthread_mutex_unlock(&e->lock);
	memcpy(data, &value, sizeof(value));
}

static void half(uint64_t *whole, bool high, uint32_t value)
{
	*whole = high ? (uint32_t)*whole | (uint64_t)value << 32 :
			(*whole & ~(uint64_t)UINT32_MAX) | value;
}

/* With the lock held: what a write leaves to be done without it. */
static uint32_t set(struct dma_engine *e, uint64_t offset, uint32_t value)
{
	if (offset == DMA_ENGINE_REG_CONTROL) {
		bool start = value & DMA_ENGINE_START && !e->running;

		if (value & DMA_ENGINE_STOP)
			return DMA_ENGINE_STOP;
		if (!start)
			return 0;
		e->running = true;
		e->interrupt = value & DMA_ENGINE_INTERRUPT;
		return DMA_ENGINE_START;
	}
	if (e->running)
		return 0;
	switch (offset) {
	case DMA_ENGINE_REG_FROM:
	case DMA_ENGINE_REG_FROM + 4:
		half(&e->from, offset & 4, value);
		break;
	case DMA_ENGINE_REG_TO:
	case DMA_ENGINE_REG_TO + 4:
		half(&e->to, offset & 4, value);
		break;
	case DMA_ENGINE_REG_BYTES:
		e->bytes = value;
		break;
	case DMA_ENGINE_REG_TURNS:
		e->turns = value;
		break;
	case DMA_ENGINE_REG_DELAY:
		e->delay_us = value < DMA_ENGINE_DELAY_MAX ? value : DMA_ENGINE_DELAY_MAX;
		break;
	}
	return 0;
}

static void engine_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			 const void *data)
{
	struct dma_engine *e = opaque;
	uint32_t value, todo;

	if (len != sizeof(value) || offset % sizeof(value))
		return;
	memcpy(&value, data, sizeof(value));
	pthread_mutex_lock(&e->lock);
	todo = set(e, offset, value);
	pthread_mutex_unlock(&e->lock);
	if (todo == DMA_ENGINE_START)
		loop_post(e->loop, &e->start_work);
	else if (todo == DMA_ENGINE_STOP)
		loop_call(e->loop, stop_in_loop, e);
}

const struct bus_ops dma_engine_io = { .read = engine_read, .write = engine_write };

void dma_engine_init(struct dma_engine *e, struct pci_function *fn, struct loop *loop,
		     uint64_t memory)
{
	e->fn = fn;
	e->loop = loop;
	e->memory = memory;
	e->start_work.run = run_start;
	e->timer.expire = expire;
	pthread_mutex_init(&e->lock, NULL);
}

void dma_engine_reset(struct dma_engine *e)
{
	loop_call(e->loop, stop_in_loop, e);
	pthread_mutex_lock(&e->lock);
	e->from = 0;
	e->to = 0;
	e->bytes = 0;
	e->turns = 0;
	e->delay_us = 0;
	e->interrupt = false;
	pthread_mutex_unlock(&e->lock);
}

void dma_engine_free(struct dma_engine *e)
{
	pthread_mutex_destroy(&e->lock);
}
