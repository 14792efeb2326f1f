/* SPDX-License-Identifier: GPL-2.0 */
/*
 * klog.h: the kernel's log (klog.c).
 */
#ifndef HVACCEL_KLOG_H
#define HVACCEL_KLOG_H

#include <stdint.h>

/**
 * klog_read() - every message the kernel still has, oldest first
 * @line: called with its time in microseconds since boot, and its text
 * @data: passed on
 *
 * Below a sysroot the file dmesg, lines as `dmesg` prints them: "[   12.345678] text".
 *
 * Return: 0, or a negative errno when the log may not be read (kernel.dmesg_restrict).
 */
int klog_read(void (*line)(void *data, uint64_t us, const char *text), void *data);

#endif
