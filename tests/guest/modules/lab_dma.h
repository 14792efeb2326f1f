/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/labdma/ADDRESS: a lab function's DMA engine, as an importer of one dma-buf per open file. */
#ifndef LAB_DMA_H
#define LAB_DMA_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define LAB_DMA_BOUNCE	65536	/* bytes of a copy at most */

/* What kind of importer it is. */
#define LAB_DMA_DYNAMIC		0
#define LAB_DMA_STATIC		1
#define LAB_DMA_PINNED		2	/* dynamic, but pins */
#define LAB_DMA_NO_P2P		3	/* dynamic, but needs pages */
#define LAB_DMA_STUBBORN	4	/* dynamic, told to unmap, it does not */

struct lab_dma_import {
	__s32 fd;
	__u32 kind;
};

#define LAB_DMA_WRITE	1U	/* from the bounce buffer into the dma-buf, else out of it */
#define LAB_DMA_ASYNC	2U	/* do not wait for the end */

struct lab_dma_copy {
	__aligned_u64 offset;	/* in the dma-buf */
	__aligned_u64 data;	/* user memory */
	__u32 length;
	__u32 flags;
	__u32 turns;
	__u32 delay_us;
};

struct lab_dma_status {
	__u32 invalidated;	/* how often it was told to let go */
	__u32 mapped;
	__u32 segments;
	__u32 busy;
	__u32 end;		/* enum dma_engine_end of the lab */
	__u32 interrupts;
	__aligned_u64 address;	/* of the first segment, as the device sees it */
};

#define LAB_DMA_PTE_PWT	(1U << 3)	/* write combining on x86, without the next */
#define LAB_DMA_PTE_PCD	(1U << 4)

struct lab_dma_pte {
	__aligned_u64 address;	/* in: of the caller's memory, touched */
	__aligned_u64 pte;	/* out: as it is in the page tables */
	__u32 level;		/* out: 1 a page, 2 2 MiB, 3 1 GiB, 0 nothing */
	__u32 reserved;
};

#define LAB_DMA_MAGIC	0xb8

#define LAB_DMA_IMPORT	_IOW(LAB_DMA_MAGIC, 0, struct lab_dma_import)
#define LAB_DMA_MAP	_IO(LAB_DMA_MAGIC, 1)
#define LAB_DMA_COPY	_IOW(LAB_DMA_MAGIC, 2, struct lab_dma_copy)
#define LAB_DMA_STATUS	_IOR(LAB_DMA_MAGIC, 3, struct lab_dma_status)
#define LAB_DMA_UNMAP	_IO(LAB_DMA_MAGIC, 4)
#define LAB_DMA_RELEASE	_IO(LAB_DMA_MAGIC, 5)
#define LAB_DMA_PTE	_IOWR(LAB_DMA_MAGIC, 6, struct lab_dma_pte)

#endif
