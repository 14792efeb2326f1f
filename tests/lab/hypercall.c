// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls (TLFS chapter 3): the page the guest calls into, and the calls.
 *
 * The page has two ways out. HvCallSignalEvent in its fast form with event flag 0, the doorbell,
 * writes its connection id to one port: connections with an eventfd behind them (hv_doorbell())
 * end in the kernel and never reach us. Everything else reads another port, whose value is what
 * the call returns; the arguments are in the registers.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/kvm.h>

#include "fault.h"
#include "hypercall.h"
#include "log.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

#define PORT_CALL		0xe0
#define PORT_DOORBELL		0xe4
#define PORT_SIZE		4

/* Hypercall input value (TLFS 3.7). */
#define CALL_CODE(in)		((uint16_t)(in))
#define CALL_FAST		(1ULL << 16)
#define CALL_VARHEAD(in)	((unsigned int)((in) >> 17 & 0x3ff))
#define CALL_REP_COUNT(in)	((unsigned int)((in) >> 32 & 0xfff))
#define CALL_REP_START(in)	((unsigned int)((in) >> 48 & 0xfff))
#define CALL_RESERVED		(1ULL << 27 | 7ULL << 28 | 1ULL << 31 | 0xfULL << 44 | 0xfULL << 60)

#define CODES_MAX		0x200u
#define RETARGETS_MAX		64
/* HvCallRetargetDeviceInterrupt: fixed part of its input, and where the device id is. */
#define RETARGET_FIXED		56u
#define RETARGET_DEVICE_ID	8u
#define MESSAGE_TYPE_RESERVED	0x80000000u

struct post_message_input {
	uint32_t connection;
	uint32_t reserved;
	uint32_t type;
	uint32_t size;
	uint8_t payload[SYNIC_MESSAGE_PAYLOAD];
};

_Static_assert(sizeof(struct post_message_input) == 256, "HvCallPostMessage takes 256 bytes");

struct signal_event_input {
	uint32_t connection;
	uint16_t flag;
	uint16_t reserved;
};

struct retarget {
	uint64_t device_id;
	uint16_t (*fn)(void *o, const void *in, size_t len);
	void *opaque;
};

struct hypercall {
	pthread_mutex_t lock;		/* guards the retarget table */
	struct retarget retarget[RETARGETS_MAX];
	unsigned int n_retargets;
	stat_t by_code[CODES_MAX];
	stat_t other_code;
	stat_t doorbell_slow;		/* doorbells without an eventfd */
	stat_t failed;
	stat_t no_retarget;
};

void hypercall_write_page(uint8_t *page)
{
	static const uint8_t code[] = {
		0xf3, 0x0f, 0x1e, 0xfa,				/* 00 endbr64 */
		0x48, 0x81, 0xf9, 0x5d, 0x00, 0x01, 0x00,	/* 04 cmp rcx, 0x1005d */
		0x75, 0x10,					/* 0b jne 1d */
		0x48, 0x89, 0xd0,				/* 0d mov rax, rdx */
		0x48, 0xc1, 0xe8, 0x20,				/* 10 shr rax, 32 */
		0x75, 0x07,					/* 14 jne 1d */
		0x89, 0xd0,					/* 16 mov eax, edx */
		0xe7, PORT_DOORBELL,				/* 18 out PORT_DOORBELL, eax */
		0x31, 0xc0,					/* 1a xor eax, eax */
		0xc3,						/* 1c ret */
		0xe5, PORT_CALL,				/* 1d in eax, PORT_CALL */
		0xc3,						/* 1f ret */
	};

	_Static_assert(sizeof(code) == 0x20, "the jumps count on these lengths");
	memset(page, 0xcc, HV_PAGE_SIZE);
	memcpy(page, code, sizeof(code));
}

/* A private copy of @len bytes of input. Return: a status. */
static uint16_t fetch(const struct vm *vm, uint64_t gpa, void *to, size_t len)
{
	const void *from;

	if (gpa & 7 || (gpa & (HV_PAGE_SIZE - 1)) + len > HV_PAGE_SIZE)
		return HV_STATUS_INVALID_ALIGNMENT;
	from = vm_gpa(vm, gpa, len);
	if (!from)
		return HV_STATUS_INVALID_PARAMETER;
	memcpy(to, from, len);
	return HV_STATUS_SUCCESS;
}

/* Is the call to go wrong on purpose? Then *status is what the guest gets. */
static bool faulted(enum fault_point point, uint16_t *status)
{
	struct fault_action todo = fault_at(point, NULL, NULL, 0);

	*status = todo.kind == FAULT_STATUS ? todo.status : HV_STATUS_SUCCESS;
	return todo.kind == FAULT_STATUS || todo.kind == FAULT_DROP;
}

static uint16_t signal_event(struct vm *vm, const struct signal_event_input *in)
{
	const struct hv_guest_ops *ops = vm->hv->ops;
	uint16_t status;

	if (faulted(FAULT_HYPERCALL_SIGNAL_EVENT, &status))
		return status;
	if (in->flag >= SYNIC_FLAGS_PER_SINT)
		return HV_STATUS_INVALID_PARAMETER;
	if (!ops || !ops->signal_event)
		return HV_STATUS_INVALID_CONNECTION_ID;
	return ops->signal_event(vm->hv->ops_opaque, in->connection, in->flag);
}

static uint16_t call_signal_event(struct vcpu *vcpu, uint64_t input, const struct kvm_regs *regs)
{
	struct signal_event_input in;
	uint16_t status;

	if (CALL_VARHEAD(input))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (input & CALL_FAST) {
		memcpy(&in, &regs->rdx, sizeof(in));
	} else {
		status = fetch(vcpu->vm, regs->rdx, &in, sizeof(in));
		if (status)
			return status;
	}
	return signal_event(vcpu->vm, &in);
}

static uint16_t call_post_message(struct vcpu *vcpu, uint64_t input, const struct kvm_regs *regs)
{
	const struct hv_guest_ops *ops = vcpu->vm->hv->ops;
	struct post_message_input in;
	uint16_t status;

	if (input & CALL_FAST || CALL_VARHEAD(input))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	status = fetch(vcpu->vm, regs->rdx, &in, sizeof(in));
	if (status)
		return status;
	if (in.size > SYNIC_MESSAGE_PAYLOAD || !in.type || in.type & MESSAGE_TYPE_RESERVED)
		return HV_STATUS_INVALID_PARAMETER;
	if (faulted(FAULT_HYPERCALL_POST_MESSAGE, &status))
		return status;
	if (!ops || !ops->post_message)
		return HV_STATUS_INVALID_CONNECTION_ID;
	return ops->post_message(vcpu->vm->hv->ops_opaque, vcpu->vp, in.connection, in.type,
				 in.payload, in.size);
}

static uint16_t call_retarget(struct vcpu *vcpu, uint64_t input, const struct kvm_regs *regs)
{
	struct hyperv *hv = vcpu->vm->hv;
	struct hypercall *hc = hv->hypercall;
	uint8_t in[HV_PAGE_SIZE];
	size_t len = RETARGET_FIXED + 8 * CALL_VARHEAD(input);
	struct retarget found = { 0 };
	uint64_t device_id;
	uint16_t status;

	if (input & CALL_FAST)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (len > sizeof(in))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	status = fetch(vcpu->vm, regs->rdx, in, len);
	if (status)
		return status;
	if (faulted(FAULT_HYPERCALL_RETARGET, &status))
		return status;
	memcpy(&device_id, in + RETARGET_DEVICE_ID, sizeof(device_id));
	pthread_mutex_lock(&hc->lock);
	for (unsigned int i = 0; i < hc->n_retargets; i++)
		if (hc->retarget[i].device_id == device_id)
			found = hc->retarget[i];
	pthread_mutex_unlock(&hc->lock);
	if (found.fn)
		return found.fn(found.opaque, in, len);
	if (hv->ops && hv->ops->retarget)
		return hv->ops->retarget(hv->ops_opaque, in, len);
	stat_add_shared(&hc->no_retarget, 1);
	return HV_STATUS_INVALID_PARAMETER;
}

static uint16_t call(struct vcpu *vcpu, uint64_t input, const struct kvm_regs *regs)
{
	struct hypercall *hc = vcpu->vm->hv->hypercall;
	uint16_t code = CALL_CODE(input);

	if (code < CODES_MAX)
		stat_add_shared(&hc->by_code[code], 1);
	else
		stat_add_shared(&hc->other_code, 1);
	if (code != HVCALL_POST_MESSAGE && code != HVCALL_SIGNAL_EVENT &&
	    code != HVCALL_RETARGET_INTERRUPT)
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	/* None of these repeats. */
	if (input & CALL_RESERVED || CALL_REP_COUNT(input) || CALL_REP_START(input))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	switch (code) {
	case HVCALL_POST_MESSAGE:
		return call_post_message(vcpu, input, regs);
	case HVCALL_SIGNAL_EVENT:
		return call_signal_event(vcpu, input, regs);
	default:
		return call_retarget(vcpu, input, regs);
	}
}

/* The call port is read: the hypercall itself. */
static void call_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len, void *data)
{
	struct vm *vm = opaque;
	struct vcpu *vcpu = &vm->vcpus[vp];
	struct kvm_regs regs;
	uint32_t status;

	if (offset || len != PORT_SIZE)
		return;
	if (!(__atomic_load_n(&vm->hv->hypercall_page, __ATOMIC_ACQUIRE) & HV_PAGE_ENABLE))
		return;
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs)) {
		vm_stop(vm, VM_END_INTERNAL, 0, "vp %u: KVM_GET_REGS: %s", vp, strerror(errno));
		return;
	}
	status = call(vcpu, regs.rcx, &regs);
	if (status) {
		stat_add_shared(&vm->hv->hypercall->failed, 1);
		log_debug("vp %u: hypercall 0x%llx answered with status 0x%x", vp, regs.rcx,
			  status);
	}
	memcpy(data, &status, sizeof(status));
}

/*
 * After the doorbell's `out` the page clears EAX and returns. To return an error, finish the `out`,
 * put the status where the cleared register would be, and step over the clearing.
 */
static void fail_doorbell(struct vcpu *vcpu, uint16_t status)
{
	static const uint8_t clear[] = { 0x31, 0xc0 };
	uint64_t page = vcpu->vm->hv->hypercall_page & HV_PAGE_MASK;
	struct kvm_translation where;
	struct kvm_regs regs;
	const uint8_t *code;

	vcpu_complete_io(vcpu);
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs))
		return;
	where.linear_address = regs.rip;
	if (ioctl(vcpu->fd, KVM_TRANSLATE, &where) || !where.valid ||
	    (where.physical_address & HV_PAGE_MASK) != page)
		return;		/* someone else's `out` to this port */
	code = vm_gpa(vcpu->vm, where.physical_address, sizeof(clear));
	if (!code || memcmp(code, clear, sizeof(clear)))
		return;
	regs.rip += sizeof(clear);
	regs.rax = status;
	ioctl(vcpu->fd, KVM_SET_REGS, &regs);
}

/* The doorbell port is written and no eventfd took it. */
static void doorbell_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			   const void *data)
{
	struct vm *vm = opaque;
	struct signal_event_input in = { 0 };
	uint16_t status;

	if (offset || len != PORT_SIZE)
		return;
	if (!(__atomic_load_n(&vm->hv->hypercall_page, __ATOMIC_ACQUIRE) & HV_PAGE_ENABLE))
		return;
	stat_add_shared(&vm->hv->hypercall->doorbell_slow, 1);
	memcpy(&in.connection, data, sizeof(in.connection));
	status = signal_event(vm, &in);
	if (!status)
		return;
	stat_add_shared(&vm->hv->hypercall->failed, 1);
	log_debug("vp %u: doorbell of connection 0x%x answered with status 0x%x", vp,
		  in.connection, status);
	fail_doorbell(&vm->vcpus[vp], status);
}

static const struct bus_ops call_ops = { .read = call_read };
static const struct bus_ops doorbell_ops = { .write = doorbell_write };

struct hypercall *hypercall_create(struct vm *vm)
{
	struct hypercall *hc = calloc(1, sizeof(*hc));

	if (!hc)
		log_fatal(EXIT_INTERNAL, "hypercalls: %s", strerror(ENOMEM));
	pthread_mutex_init(&hc->lock, NULL);
	if (vm_pio_register(vm, PORT_CALL, PORT_SIZE, "hypercall", &call_ops, vm) ||
	    vm_pio_register(vm, PORT_DOORBELL, PORT_SIZE, "doorbell", &doorbell_ops, vm))
		log_fatal(EXIT_INTERNAL, "hypercall ports: %s", strerror(EEXIST));
	return hc;
}

void hv_register_guest(struct vm *vm, const struct hv_guest_ops *ops, void *o)
{
	vm->hv->ops = ops;
	vm->hv->ops_opaque = o;
}

int hv_register_retarget(struct vm *vm, uint64_t device_id,
			 uint16_t (*fn)(void *o, const void *in, size_t len), void *o)
{
	struct hypercall *hc = vm->hv->hypercall;
	unsigned int i;
	int err = 0;

	pthread_mutex_lock(&hc->lock);
	for (i = 0; i < hc->n_retargets; i++)
		if (hc->retarget[i].device_id == device_id)
			break;
	if (!fn) {
		if (i < hc->n_retargets)
			hc->retarget[i] = hc->retarget[--hc->n_retargets];
	} else if (i < hc->n_retargets) {
		err = -EEXIST;
	} else if (hc->n_retargets == RETARGETS_MAX) {
		err = -ENOSPC;
	} else {
		hc->retarget[hc->n_retargets++] = (struct retarget){ device_id, fn, o };
	}
	pthread_mutex_unlock(&hc->lock);
	return err;
}

int hv_doorbell(struct vm *vm, uint32_t conn, int eventfd, bool assign)
{
	return vm_ioeventfd(vm, true, PORT_DOORBELL, PORT_SIZE, true, conn, eventfd, assign);
}

void hypercall_dump(struct vm *vm, struct json_object *into)
{
	struct hypercall *hc = vm->hv->hypercall;
	struct json_object *codes = stats_put_object(into, "by_code");
	char key[8];

	for (unsigned int i = 0; i < CODES_MAX; i++) {
		if (!stat_read(&hc->by_code[i]))
			continue;
		snprintf(key, sizeof(key), "0x%04x", i);
		stats_put_stat(codes, key, &hc->by_code[i]);
	}
	stats_put_stat(into, "other_codes", &hc->other_code);
	stats_put_stat(into, "doorbells_slow", &hc->doorbell_slow);
	stats_put_stat(into, "failed", &hc->failed);
	stats_put_stat(into, "retarget_unknown_device", &hc->no_retarget);
}
