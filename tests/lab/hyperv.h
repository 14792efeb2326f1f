/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hyperv.h: the hypervisor that the guest sees (hyperv.c, synic.c, hypercall.c).
 *
 * CPUID leaves, MSRs, SynIC and hypercalls follow the Hypervisor Top Level Functional
 * Specification (TLFS); names of fields are the specification's.
 */
#ifndef HVLAB_HYPERV_H
#define HVLAB_HYPERV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;

#define SYNIC_SINTS		16
#define SYNIC_MESSAGE_PAYLOAD	240
#define SYNIC_FLAGS_PER_SINT	2048
#define SYNIC_QUEUE_MAX		1024	/* messages waiting for one VP's slots */
#define HV_DOORBELLS_MAX	4096

/* Hypercall status (TLFS, appendix B); what struct hv_guest_ops returns. */
#define HV_STATUS_SUCCESS			0x0000
#define HV_STATUS_INVALID_HYPERCALL_CODE	0x0002
#define HV_STATUS_INVALID_HYPERCALL_INPUT	0x0003
#define HV_STATUS_INVALID_ALIGNMENT		0x0004
#define HV_STATUS_INVALID_PARAMETER		0x0005
#define HV_STATUS_ACCESS_DENIED			0x0006
#define HV_STATUS_INVALID_PARTITION_STATE	0x0007
#define HV_STATUS_OPERATION_DENIED		0x0008
#define HV_STATUS_INSUFFICIENT_MEMORY		0x000b
#define HV_STATUS_INVALID_PARTITION_ID		0x000d
#define HV_STATUS_INVALID_VP_INDEX		0x000e
#define HV_STATUS_INVALID_PORT_ID		0x0011
#define HV_STATUS_INVALID_CONNECTION_ID		0x0012
#define HV_STATUS_INSUFFICIENT_BUFFERS		0x0013
#define HV_STATUS_NOT_ACKNOWLEDGED		0x0014

/* Hypercall codes that the lab answers. */
#define HVCALL_POST_MESSAGE			0x005c
#define HVCALL_SIGNAL_EVENT			0x005d
#define HVCALL_RETARGET_INTERRUPT		0x007e

/**
 * synic_post() - send a SynIC message to the guest
 * @vp: virtual processor whose message page takes it
 * @sint: synthetic interrupt source, 0..15
 * @type: message type, never 0 (1 = VMBus channel message)
 * @port: sender field
 * @payload: copied; at most SYNIC_MESSAGE_PAYLOAD bytes
 *
 * Delivered at once when the slot is free; otherwise the message waits, the slot's pending flag is
 * set, and the guest's EOM sends the next. Order per (@vp, @sint) is kept. A message for a VP whose
 * SynIC or SINT is off waits as well, until the guest turns it on.
 *
 * Context: any thread. Return: 0; -EINVAL (no such VP or SINT, too long, type 0); -ENOBUFS when
 * SYNIC_QUEUE_MAX messages wait.
 */
int synic_post(struct vm *vm, unsigned int vp, unsigned int sint, uint32_t type, uint64_t port,
	       const void *payload, size_t len);

/**
 * synic_signal() - set an event flag, with an interrupt if it was clear
 * @flag: 0..2047 in the SINT's part of the VP's event flags page
 *
 * Context: any thread; lock-free and cheap: this is the host's doorbell.
 * Return: 1 an interrupt was raised; 0 the flag was set already; -EAGAIN the VP's event flags page,
 * SynIC or SINT is off (nothing is remembered, as on a real host); -EINVAL.
 */
int synic_signal(struct vm *vm, unsigned int vp, unsigned int sint, unsigned int flag);

/**
 * struct hv_guest_ops - who serves the guest's hypercalls: the VMBus server
 * @post_message: HvCallPostMessage; @p is a private copy of @len bytes
 * @signal_event: HvCallSignalEvent, slow path only: connections without a doorbell
 * @retarget: HvCallRetargetDeviceInterrupt; @in is a private copy of the whole input
 * @reset: the guest turns the hypercall page or its OS id off, or resets: forget connections. Also
 *	part of a kexec, which then comes back with new pages
 *
 * Each returns an HV_STATUS_* code, runs on the calling vCPU's thread, several at once, and must
 * not wait for the guest. A NULL member answers HV_STATUS_INVALID_CONNECTION_ID
 * (retarget: HV_STATUS_INVALID_PARAMETER).
 */
struct hv_guest_ops {
	uint16_t (*post_message)(void *o, unsigned int vp, uint32_t conn, uint32_t type,
				 const void *p, size_t len);
	uint16_t (*signal_event)(void *o, uint32_t conn, uint16_t flag);
	uint16_t (*retarget)(void *o, const void *in, size_t len);
	void (*reset)(void *o);
};

/** hv_register_guest() - @ops serve hypercalls from now on; before the vCPUs run */
void hv_register_guest(struct vm *vm, const struct hv_guest_ops *ops, void *o);

/**
 * hv_register_retarget() - serve HvCallRetargetDeviceInterrupt for one device
 * @device_id: TLFS device id (see hyperv-protocol: bus GUID data2, data3 and the function)
 * @fn: as struct hv_guest_ops.retarget; NULL takes it away
 *
 * Asked before struct hv_guest_ops.retarget. Context: any thread. Return: 0, -EEXIST or -ENOSPC.
 */
int hv_register_retarget(struct vm *vm, uint64_t device_id,
			 uint16_t (*fn)(void *o, const void *in, size_t len), void *o);

/**
 * hv_doorbell() - let HvCallSignalEvent on @conn (flag 0) signal @eventfd without a user exit
 * @assign: false takes it away
 *
 * Context: any thread. Return: 0 or a negative errno (-EEXIST: has one already).
 */
int hv_doorbell(struct vm *vm, uint32_t conn, int eventfd, bool assign);

/** hv_reference_time() - partition reference time in 100 ns units, as the guest reads it */
uint64_t hv_reference_time(const struct vm *vm);

#endif
