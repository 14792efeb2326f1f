/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Large buffers shared with the host on older kernels.
 */
#ifndef _HVACCEL_COMPAT_NET_GPADL_H
#define _HVACCEL_COMPAT_NET_GPADL_H

#include <linux/hyperv.h>
#include <linux/vmalloc.h>

#include "generated/have.h"

/*
 * Up to 7.2 hv_vmbus decrypts the buffer of a confidential VM itself, in vmbus_establish_gpadl().
 * The shim is for other VMs: there both calls only hand the pages to the host.
 */
#ifndef HAVE_VMBUS_ALLOC_BUFFER
static inline void *vmbus_alloc_buffer(struct vmbus_channel *channel, u32 size,
				       struct page ***chunks_out, u32 *chunk_cnt_out)
{
	*chunks_out = NULL;
	*chunk_cnt_out = 0;
	return vzalloc(size);
}

static inline void vmbus_free_buffer(void *addr, struct page **chunks, u32 chunk_cnt)
{
	vfree(addr);
}

static inline int vmbus_establish_gpadl_caller_decrypted(struct vmbus_channel *channel,
							 void *kbuffer, u32 size,
							 struct vmbus_gpadl *gpadl)
{
	return vmbus_establish_gpadl(channel, kbuffer, size, gpadl);
}
#endif

#endif /* _HVACCEL_COMPAT_NET_GPADL_H */
