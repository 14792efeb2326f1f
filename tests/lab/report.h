/* SPDX-License-Identifier: GPL-2.0 */
/* report.h: where everything is: vCPUs and loops, on stderr (report.c). */
#ifndef HVLAB_REPORT_H
#define HVLAB_REPORT_H

struct symbols;
struct vcpu;
struct vm;

/**
 * report_symbols() - names of the guest kernel's functions, where it really is
 *
 * Context: the vCPU's thread, or while it is paused. Return: NULL when the kernel has none.
 */
struct symbols *report_symbols(struct vcpu *vcpu);

/** report_load() - read --symbols now, so that a bad file is told at once; fatal */
void report_load(struct vm *vm);

/**
 * report_all() - print registers and stack of every vCPU, and what each loop is doing
 *
 * The caller has paused the vCPUs, or tried to: one that did not stop is in hvlab's own code, and
 * that is what is printed for it. Context: main().
 */
void report_all(struct vm *vm);

#endif
