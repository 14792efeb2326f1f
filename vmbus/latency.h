/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histograms of how channels behave, see latency.c.
 */
#ifndef _VMBUS_LATENCY_H
#define _VMBUS_LATENCY_H

/**
 * hva_latency_init() - make the files, measure nothing yet
 *
 * Context: module load.
 */
void hva_latency_init(void);

/**
 * hva_latency_exit() - measure no more, free what was measured
 *
 * Context: module unload; sleeps.
 */
void hva_latency_exit(void);

#endif /* _VMBUS_LATENCY_H */
