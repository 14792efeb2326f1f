/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making the host misbehave at a named point (fault.c, points in fault-points.c).
 *
 * A script (``--faults FILE``) holds one rule a line; ``#`` starts a comment:
 *
 *	at POINT [on OBJECT] [nth N | every N | always] ACTION
 *
 * OBJECT is the device the point serves (``net0``, ``net0.3`` for its channel 3). nth N fires at
 * the N-th arrival only, every N at each N-th, always (the default) at each. ACTION is one of
 *
 *	drop			the step does not happen
 *	delay N(ns|us|ms|s)	it happens later
 *	status N		it reports N
 *	corrupt FIELD N		FIELD of the message becomes N
 *	duplicate		it happens twice
 *	rescind			the device's offer is taken back instead
 *
 * The guest asks ``do faults fired`` for two numbers: firings so far, rules that have not fired.
 * ``hvlab --list-faults`` prints the points, the actions each understands and their fields.
 */
#ifndef HVLAB_FAULT_H
#define HVLAB_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;

/**
 * enum fault_point - where a fault can strike; names and fields are in fault-points.c
 */
enum fault_point {
	/* hypervisor, owned by the machine */
	FAULT_HYPERCALL_POST_MESSAGE,
	FAULT_HYPERCALL_SIGNAL_EVENT,
	FAULT_HYPERCALL_RETARGET,
	FAULT_SYNIC_POST,
	FAULT_SYNIC_SIGNAL,
	/* VMBus control messages, host to guest */
	FAULT_VMBUS_VERSION_RESPONSE,
	FAULT_VMBUS_OFFER,
	FAULT_VMBUS_ALL_OFFERS,
	FAULT_VMBUS_OPEN_RESULT,
	FAULT_VMBUS_GPADL_CREATED,
	FAULT_VMBUS_GPADL_TORNDOWN,
	FAULT_VMBUS_MODIFY_RESPONSE,
	FAULT_VMBUS_RESCIND,
	FAULT_VMBUS_UNLOAD_RESPONSE,
	/* VMBus control messages, guest to host */
	FAULT_VMBUS_RECEIVE,
	/* rings */
	FAULT_RING_DOORBELL,
	FAULT_RING_READ,
	FAULT_RING_READ_INDEX,
	FAULT_RING_WRITE,
	FAULT_RING_WRITE_INDEX,
	FAULT_RING_SIGNAL,
	/* NVSP */
	FAULT_NETVSP_INIT,
	FAULT_NETVSP_SEND_RECV_BUF,
	FAULT_NETVSP_SEND_SEND_BUF,
	FAULT_NETVSP_SUBCHANNEL,
	FAULT_NETVSP_SEND_TABLE,
	FAULT_NETVSP_TX_COMPLETE,
	FAULT_NETVSP_RECEIVE,
	FAULT_NETVSP_RANGE,
	FAULT_NETVSP_RELEASE,
	FAULT_NETVSP_VF_ASSOCIATION,
	FAULT_NETVSP_SWITCH,
	/* RNDIS */
	FAULT_RNDIS_INIT_COMPLETE,
	FAULT_RNDIS_QUERY_COMPLETE,
	FAULT_RNDIS_SET_COMPLETE,
	FAULT_RNDIS_KEEPALIVE_COMPLETE,
	FAULT_RNDIS_RESET_COMPLETE,
	FAULT_RNDIS_INDICATE,
	FAULT_RNDIS_PACKET,
	FAULT_RNDIS_PPI,
	/* vPCI */
	FAULT_VPCI_RECEIVE,
	FAULT_VPCI_VERSION,
	FAULT_VPCI_RELATIONS,
	FAULT_VPCI_REQUIREMENTS,
	FAULT_VPCI_D0_ENTRY,
	FAULT_VPCI_D0_EXIT,
	FAULT_VPCI_ASSIGNED,
	FAULT_VPCI_INTERRUPT,
	FAULT_VPCI_POWER,
	FAULT_VPCI_EJECT,
	FAULT_VPCI_READ_BLOCK,
	FAULT_VPCI_WRITE_BLOCK,
	FAULT_VPCI_INVALIDATE,
	FAULT_VPCI_MSI,
	FAULT_POINTS
};

/** enum fault_kind - what a rule does; values index names in fault.c */
enum fault_kind {
	FAULT_NONE,
	FAULT_DROP,
	FAULT_DELAY,
	FAULT_STATUS,
	FAULT_CORRUPT,
	FAULT_DUPLICATE,
	FAULT_RESCIND,
	FAULT_KINDS
};

/**
 * struct fault_field - a field of a point's message that ``corrupt`` can name
 * @name: as in the script; NULL ends a table
 * @offset: bytes from the message's start
 * @size: 1, 2, 4 or 8 bytes, little endian
 */
struct fault_field {
	const char *name;
	uint16_t offset;
	uint8_t size;
};

/**
 * struct fault_point_info - what is known of a point
 * @name: as in the script
 * @help: one line
 * @kinds: 1 << enum fault_kind for each action the point understands
 * @fields: NULL, or a table for ``corrupt``
 */
struct fault_point_info {
	const char *name;
	const char *help;
	unsigned int kinds;
	const struct fault_field *fields;
};

extern const struct fault_point_info fault_points[FAULT_POINTS];

/**
 * struct fault_action - what has to happen now
 * @kind: FAULT_NONE most of the time
 * @delay_ns: FAULT_DELAY
 * @status: FAULT_STATUS
 * @field: FAULT_CORRUPT
 * @value: FAULT_CORRUPT
 */
struct fault_action {
	enum fault_kind kind;
	uint64_t delay_ns;
	uint64_t status;
	const struct fault_field *field;
	uint64_t value;
};

/* fault_armed: does a rule watch the point? Read-only once the script is loaded. */
extern bool fault_armed[FAULT_POINTS];

/**
 * fault_load() - read the script given with --faults and register the results' ``faults``
 * @vm: for events and statistics
 * @path: script, or NULL: no faults, nothing is registered; replaces what was loaded before
 * @err: on failure ``FILE:LINE: what is wrong``
 *
 * Before the vCPUs run. Return: 0, -EINVAL (bad script) or another negative errno (no such file).
 */
int fault_load(struct vm *vm, const char *path, char *err, size_t n);

/** fault_list() - print all points with actions and fields on stdout, for --list-faults */
void fault_list(void);

/** fault_match() - slow half of fault_at(): use that */
struct fault_action fault_match(enum fault_point point, const char *object, void *msg, size_t len);

/**
 * fault_at() - is something to go wrong here?
 * @point: where
 * @object: which device or channel, for ``on``; may be NULL
 * @msg: the message about to take effect, @len bytes, or NULL. ``corrupt`` rules are applied to it
 *	here, and ``status`` too when the point has a field of that name, so that the caller sees
 *	FAULT_NONE for those
 *
 * Costs a load and a branch when no rule watches the point. Each rule that fires is counted and
 * logged; when several fire at one arrival, all corruptions are applied and the first other action
 * is returned.
 *
 * Context: any thread. Return: the action that is left for the caller.
 */
static inline struct fault_action fault_at(enum fault_point point, const char *object, void *msg,
					   size_t len)
{
	struct fault_action none = { .kind = FAULT_NONE };

	if (__builtin_expect(!fault_armed[point], 1))
		return none;
	return fault_match(point, object, msg, len);
}

#endif
