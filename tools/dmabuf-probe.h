/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmabuf-probe.h: does an RDMA device take dma-bufs? (dmabuf-probe.c)
 */
#ifndef HVACCEL_DMABUF_PROBE_H
#define HVACCEL_DMABUF_PROBE_H

#include <stddef.h>

enum dmabuf {
	DMABUF_UNKNOWN, /* could not be asked; the reason is told */
	DMABUF_NO,
	DMABUF_YES,
};

/**
 * dmabuf_probe() - asks a device of this machine as NCCL does
 * @rdma: its name
 * @why: filled with the reason where it could not be asked
 * @size: room in @why
 */
enum dmabuf dmabuf_probe(const char *rdma, char *why, size_t size);

#endif
