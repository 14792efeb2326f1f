/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dma-bufs on older kernels.
 */
#ifndef _HVACCEL_COMPAT_DMA_BUF_H
#define _HVACCEL_COMPAT_DMA_BUF_H

#include <linux/dma-buf.h>
#include <linux/module.h>

#include "generated/have.h"

/* The namespace of the dma-buf symbols: a string from 6.13 on, a bare token before. */
#ifdef HAVE_SYMBOL_NS_STRING
#define import_dma_buf_symbols() MODULE_IMPORT_NS("DMA_BUF")
#else
#define import_dma_buf_symbols() MODULE_IMPORT_NS(DMA_BUF)
#endif

/*
 * dma_buf_pins_on_map is how often dma_buf_map_attachment() pins by itself for a dynamic importer:
 * once in a kernel that was built without move notification, which is no option any more.
 */
#ifdef HAVE_DMA_BUF_INVALIDATE_MAPPINGS
#define dma_buf_pins_on_map 0
#else
#define dma_buf_pins_on_map (IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) ? 0 : 1)

#define invalidate_mappings move_notify

static inline void dma_buf_invalidate_mappings(struct dma_buf *dmabuf)
{
	dma_buf_move_notify(dmabuf);
}

/* A pinned importer's notification may be a dummy there: none is taken at its word. */
static inline bool dma_buf_attach_revocable(struct dma_buf_attachment *attach)
{
	return false;
}
#endif

#endif /* _HVACCEL_COMPAT_DMA_BUF_H */
