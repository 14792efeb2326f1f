/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hypercall.h: the hypervisor surface between its own files: CPUID and MSRs (hyperv.c), SynIC
 * (synic.c), hypercall page and calls (hypercall.c). Devices use hyperv.h.
 */
#ifndef HVLAB_HYPERCALL_H
#define HVLAB_HYPERCALL_H

#include <stdbool.h>
#include <stdint.h>

#include "hyperv.h"
#include "stats.h"

struct json_object;
struct vcpu;
struct vm;

#define HV_CPUID_LAST		0x4000000cu
#define HV_CPUID_LAST_PLAIN	0x40000006u	/* of a guest that is not isolated */

/* Synthetic MSRs (TLFS, appendix F). */
#define HV_MSR_GUEST_OS_ID	0x40000000u
#define HV_MSR_HYPERCALL	0x40000001u
#define HV_MSR_VP_INDEX		0x40000002u
#define HV_MSR_RESET		0x40000003u
#define HV_MSR_TIME_REF_COUNT	0x40000020u
#define HV_MSR_REFERENCE_TSC	0x40000021u
#define HV_MSR_TSC_FREQUENCY	0x40000022u
#define HV_MSR_APIC_FREQUENCY	0x40000023u
#define HV_MSR_VP_ASSIST_PAGE	0x40000073u
#define HV_MSR_SCONTROL		0x40000080u
#define HV_MSR_SVERSION		0x40000081u
#define HV_MSR_SIEFP		0x40000082u
#define HV_MSR_SIMP		0x40000083u
#define HV_MSR_EOM		0x40000084u
#define HV_MSR_SINT0		0x40000090u
#define HV_MSR_SINT15		0x4000009fu
#define HV_MSR_CRASH_P0		0x40000100u
#define HV_MSR_CRASH_P4		0x40000104u
#define HV_MSR_CRASH_CTL	0x40000105u

/* A page MSR: bit 0 enables, the rest is the page's address. */
#define HV_PAGE_ENABLE		1ULL
#define HV_PAGE_MASK		(~0xfffULL)
#define HV_PAGE_SIZE		4096u

/** hv_cpuid() - one leaf from 0x40000000 to HV_CPUID_LAST */
void hv_cpuid(const struct vm *vm, uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c,
	      uint32_t *d);

/** hv_msr_read() - Return: false to inject #GP. Context: the vCPU's thread. */
bool hv_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);

/** hv_msr_write() - Return: false to inject #GP. Context: the vCPU's thread. */
bool hv_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/** hv_reset_guest() - tell the registered guest ops that the guest's connections are gone */
void hv_reset_guest(struct vm *vm);

/** synic_create() - SynIC state of every vCPU, at its reset values */
struct synic *synic_create(struct vm *vm);

/** synic_msr_read() - HV_MSR_SCONTROL..HV_MSR_SINT15. Return: false for #GP. */
bool synic_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);

/** synic_msr_write() - counterpart of synic_msr_read() */
bool synic_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/** synic_forget() - drop every message that waits: the kernel they were for is gone */
void synic_forget(struct vm *vm);

/** synic_dump() - counters of one vCPU into the statistics */
void synic_dump(struct vm *vm, unsigned int vp, struct json_object *into);

/** hypercall_create() - the two ports behind the hypercall page */
struct hypercall *hypercall_create(struct vm *vm);

/** hypercall_write_page() - fill the guest's hypercall page at @page (HV_PAGE_SIZE bytes) */
void hypercall_write_page(uint8_t *page);

/** hypercall_dump() - counters by code and status into the statistics */
void hypercall_dump(struct vm *vm, struct json_object *into);

/** struct hyperv - the partition */
struct hyperv {
	struct synic *synic;
	struct hypercall *hypercall;
	const struct hv_guest_ops *ops;
	void *ops_opaque;
	/* Registers of the partition; written by vCPU threads, hence atomic. */
	uint64_t guest_os_id;
	uint64_t hypercall_page;
	uint64_t reference_tsc;
	uint64_t crash[5];
	/* Constant once the vCPUs run. */
	uint64_t tsc_hz;
	uint64_t tsc_scale;		/* reference time = tsc * scale >> 64, plus offset */
	int64_t time_offset;
	uint64_t tsc_offset;		/* guest's TSC minus ours */
	/* Per vCPU. */
	uint64_t *vp_assist;
};

#endif
