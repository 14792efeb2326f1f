/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/gpupt/DOMAIN:BUS:DEVICE.FUNCTION: parts of a PCI function's memory BARs as dma-bufs.
 *
 * Every structure begins with argsz, which user space sets to the size that it knows, and flags.
 * What an older kernel does not know of it must be zero. This exports BAR offsets: it knows nothing
 * of a vendor runtime's allocations.
 */
#ifndef _UAPI_LINUX_HV_GPU_PASSTHROUGH_H
#define _UAPI_LINUX_HV_GPU_PASSTHROUGH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define GPUPT_API_VERSION	1
#define GPUPT_BARS		6
#define GPUPT_MAX_RANGES	64	/* of one export */

#define GPUPT_BAR_EXPORTABLE	0x1U	/* prefetchable memory that this driver holds */
#define GPUPT_BAR_WC		0x2U	/* write combining exports of it are alive */
#define GPUPT_BAR_MSIX		0x4U	/* pages of it have the MSI-X table: not exported */

#define GPUPT_INFO_QUIESCED	0x1U
#define GPUPT_INFO_REMOVED	0x2U

struct gpupt_bar_info {
	__aligned_u64 size;	/* 0: there is none */
	__u32 flags;		/* GPUPT_BAR_* */
	__u32 reserved;
};

/*
 * struct gpupt_info - GPUPT_GET_INFO
 * @flags: out, GPUPT_INFO_*
 * @api_version: out, GPUPT_API_VERSION
 */
struct gpupt_info {
	__u32 argsz;
	__u32 flags;
	__u32 api_version;
	__u32 reserved;
	struct gpupt_bar_info bar[GPUPT_BARS];
};

/* struct gpupt_range - part of a BAR; both are multiples of the page size */
struct gpupt_range {
	__aligned_u64 offset;
	__aligned_u64 length;
};

#define GPUPT_EXPORT_WC		0x1U	/* mmap() is write combining, else uncached */
#define GPUPT_EXPORT_STATIC	0x2U	/* importers that cannot be revoked, too */
#define GPUPT_EXPORT_PINNED	0x4U	/* importers that pin, too */

/*
 * struct gpupt_export - GPUPT_EXPORT, of a file open for writing; returns the dma-buf's descriptor
 * @flags: GPUPT_EXPORT_*
 * @region_index: the BAR
 * @open_flags: O_RDONLY, O_WRONLY or O_RDWR, and O_CLOEXEC, of the descriptor
 * @reserved: 0
 * @dma_ranges: one after the other in the dma-buf
 *
 * Laid out like struct vfio_device_feature_dma_buf behind its header.
 */
struct gpupt_export {
	__u32 argsz;
	__u32 flags;
	__u32 region_index;
	__u32 open_flags;
	__u32 reserved;
	__u32 nr_ranges;
	struct gpupt_range dma_ranges[];
};

#define GPUPT_P2P_ALLOWED	1	/* gpupt_p2p.verdict and .kernel_verdict */
#define GPUPT_P2P_REFUSED	2
#define GPUPT_P2P_UNKNOWN	3	/* this kernel has no opinion */
#define GPUPT_P2P_REASON	64

#define GPUPT_P2P_REPORT	0x1U	/* in: remember data_check */

#define GPUPT_CHECK_NONE	0	/* gpupt_p2p.data_check */
#define GPUPT_CHECK_PASSED	1
#define GPUPT_CHECK_FAILED	2

/*
 * struct gpupt_p2p - GPUPT_P2P: may a client reach this function's exports, and why (not)
 * @flags: GPUPT_P2P_REPORT
 * @domain, @bus, @devfn: of the client
 * @verdict: out, this driver's, GPUPT_P2P_*
 * @kernel_verdict: out, that of pci_p2pdma
 * @data_check: out: what was reported last. In with GPUPT_P2P_REPORT: what somebody found who had
 *	the client read and write this function's memory and compared
 * @reason: out, of the verdict
 */
struct gpupt_p2p {
	__u32 argsz;
	__u32 flags;
	__u32 domain;
	__u8 bus;
	__u8 devfn;
	__u16 reserved;
	__u32 verdict;
	__u32 kernel_verdict;
	__u32 data_check;
	char reason[GPUPT_P2P_REASON];
};

#define GPUPT_EVENT_QUIESCE	1	/* exports are about to be revoked */
#define GPUPT_EVENT_REVOKED	2	/* they are; count: how many */
#define GPUPT_EVENT_REMOVED	3	/* the function has gone, the last event */
#define GPUPT_EVENT_RESUMED	4	/* exports are possible again */
#define GPUPT_EVENT_HIBERNATE	5	/* the machine is about to hibernate */

#define GPUPT_EVENT_LOST	0x1U	/* events before this one were overwritten */

/* struct gpupt_event - read() returns whole ones; those from open() on */
struct gpupt_event {
	__u32 type;
	__u32 flags;
	__aligned_u64 sequence;
	__aligned_u64 time_ns;	/* CLOCK_MONOTONIC */
	__aligned_u64 count;
};

#define GPUPT_IOC_MAGIC		0xb7

#define GPUPT_GET_INFO		_IOWR(GPUPT_IOC_MAGIC, 0, struct gpupt_info)
#define GPUPT_EXPORT		_IOW(GPUPT_IOC_MAGIC, 1, struct gpupt_export)
#define GPUPT_P2P		_IOWR(GPUPT_IOC_MAGIC, 2, struct gpupt_p2p)
#define GPUPT_QUIESCE		_IO(GPUPT_IOC_MAGIC, 3)
#define GPUPT_RESUME		_IO(GPUPT_IOC_MAGIC, 4)

#endif /* _UAPI_LINUX_HV_GPU_PASSTHROUGH_H */
