/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine.h: how main() puts the machine together. One function a file, in the order of the calls;
 * all of them are fatal on failure unless they say otherwise.
 */
#ifndef HVLAB_MACHINE_H
#define HVLAB_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct options;
struct vm;

/** vm_create() - KVM, memory, interrupt controllers, buses, loops (vm.c) */
void vm_create(struct vm *vm, const struct options *opt);

/** stats_create() - registry of counters (stats.c) */
void stats_create(struct vm *vm);

/** hyperv_create() - hypercalls and synthetic MSRs (hyperv.c); after vm_create() */
void hyperv_create(struct vm *vm);

/** hyperv_start_clock() - reference time starts (hyperv.c); after vcpu_create_all() */
void hyperv_start_clock(struct vm *vm);

/** hyperv_measure_tsc() - frequency of this host's TSC in kHz; takes 0.1 s (hyperv.c) */
uint64_t hyperv_measure_tsc(void);

/** platform_create() - RTC, keyboard controller's reset, sleep and reset registers (platform.c) */
void platform_create(struct vm *vm);

/** console_create() - COM1 (console.c) */
void console_create(struct vm *vm);

/** console_flush() - what the guest wrote so far is in the file (console.c) */
void console_flush(struct vm *vm);

/**
 * console_panic_line() - the guest's last "Kernel panic" line seen on COM1, or NULL
 *
 * A hint for messages only; no verdict rests on it.
 */
const char *console_panic_line(void);

/** control_create() - COM2, the guest's line to the lab (control.c) */
void control_create(struct vm *vm);

/** acpi_create() - an empty set of tables that devices may add to (acpi.c) */
void acpi_create(struct vm *vm);

/** acpi_write() - put the tables into guest memory (acpi.c). Return: address of the RSDP. */
uint64_t acpi_write(struct vm *vm);

/** acpi_has_pci() - did a device ask for a PCI root? (acpi.c) */
bool acpi_has_pci(const struct vm *vm);

/** boot_load() - kernel, initrds and command line into memory, first vCPU's registers (boot.c) */
void boot_load(struct vm *vm, uint64_t rsdp);

/** boot_check() - is --kernel something that can be booted, are the initrds readable? (boot.c) */
void boot_check(const struct options *opt);

/** exits_create() - statistics of exits, hypercalls, SynIC, CPU time (exits.c) */
void exits_create(struct vm *vm);

#endif
