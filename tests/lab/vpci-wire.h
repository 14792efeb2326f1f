/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vPCI, the protocol between a synthetic PCI bus's driver and its host, as it is on the wire.
 *
 * There is no public specification; layouts are those that Linux guests send and accept. Every
 * message is an in-band packet or the completion of one; a message starts with its type, a
 * completion with a status whose top bit says that it failed.
 */
#ifndef HVLAB_VPCI_WIRE_H
#define HVLAB_VPCI_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define VPCI_VERSION(major, minor)	((uint32_t)(major) << 16 | (minor))
#define VPCI_V1_1	VPCI_VERSION(1, 1)
#define VPCI_V1_2	VPCI_VERSION(1, 2)
#define VPCI_V1_3	VPCI_VERSION(1, 3)
#define VPCI_V1_4	VPCI_VERSION(1, 4)
#define VPCI_V1_6	VPCI_VERSION(1, 6)

#define VPCI_BASE	0x42490000u

enum vpci_message {
	VPCI_BUS_RELATIONS = VPCI_BASE + 0x00,		/* to the guest, up to 1.2 */
	VPCI_QUERY_RELATIONS = VPCI_BASE + 0x01,
	VPCI_POWER_CHANGE = VPCI_BASE + 0x04,
	VPCI_QUERY_REQUIREMENTS = VPCI_BASE + 0x05,
	VPCI_D0_ENTRY = VPCI_BASE + 0x07,
	VPCI_D0_EXIT = VPCI_BASE + 0x08,
	VPCI_READ_BLOCK = VPCI_BASE + 0x09,
	VPCI_WRITE_BLOCK = VPCI_BASE + 0x0a,
	VPCI_EJECT = VPCI_BASE + 0x0b,			/* to the guest */
	VPCI_EJECTION_COMPLETE = VPCI_BASE + 0x0f,
	VPCI_ASSIGNED = VPCI_BASE + 0x10,
	VPCI_RELEASED = VPCI_BASE + 0x11,
	VPCI_INVALIDATE_BLOCK = VPCI_BASE + 0x12,	/* to the guest */
	VPCI_QUERY_VERSION = VPCI_BASE + 0x13,
	VPCI_CREATE_INTERRUPT = VPCI_BASE + 0x14,
	VPCI_DELETE_INTERRUPT = VPCI_BASE + 0x15,
	VPCI_ASSIGNED2 = VPCI_BASE + 0x16,
	VPCI_CREATE_INTERRUPT2 = VPCI_BASE + 0x17,
	VPCI_BUS_RELATIONS2 = VPCI_BASE + 0x19,		/* to the guest, from 1.3 on */
	VPCI_ASSIGNED3 = VPCI_BASE + 0x1a,
	VPCI_CREATE_INTERRUPT3 = VPCI_BASE + 0x1b,
};

/* Status words, NTSTATUS. */
#define VPCI_STATUS_SUCCESS		0x00000000u
#define VPCI_STATUS_INVALID_PARAMETER	0xc000000du
#define VPCI_STATUS_NO_SUCH_DEVICE	0xc000000eu
#define VPCI_STATUS_REVISION_MISMATCH	0xc0000059u
#define VPCI_STATUS_NO_RESOURCES	0xc000009au
#define VPCI_STATUS_INVALID_STATE	0xc0000184u

#define VPCI_WINDOW_BYTES	0x2000u	/* page 0 selects the slot, */
#define VPCI_WINDOW_CONFIG	0x1000u	/* page 1 is its configuration space */
#define VPCI_BLOCK_BYTES	128u
#define VPCI_PROCESSORS		32u	/* an interrupt's message can name */
#define VPCI_POWER_D0		1u
#define VPCI_POWER_D3		4u
#define VPCI_FLAG_NUMA		0x1u	/* vpci_function.flags: node is valid */
#define VPCI_MESSAGE_MAX	256u	/* longest message of a guest */

struct vpci_header {
	uint32_t type;
} __attribute__((packed));

/* Messages of nothing but a slot: device number in bits 0-4, function in 5-7. */
struct vpci_slot {
	uint32_t type;
	uint32_t slot;
} __attribute__((packed));

struct vpci_version {
	uint32_t type;
	uint32_t version;
} __attribute__((packed));

struct vpci_d0_entry {
	uint32_t type;
	uint32_t reserved;
	uint64_t window;	/* guest physical address of VPCI_WINDOW_BYTES */
} __attribute__((packed));

/* One entry of the relations; the last two fields from 1.3 on only. */
struct vpci_function {
	uint16_t vendor;
	uint16_t device;
	uint8_t revision;
	uint8_t interface;
	uint8_t subclass;
	uint8_t class;
	uint32_t subsystem;
	uint32_t slot;
	uint32_t serial;
	uint32_t flags;
	uint16_t node;
	uint16_t reserved;
} __attribute__((packed));
#define VPCI_FUNCTION_BYTES	20u	/* of it before 1.3 */
_Static_assert(offsetof(struct vpci_function, flags) == VPCI_FUNCTION_BYTES, "function");
_Static_assert(sizeof(struct vpci_function) == 28, "function, second form");

struct vpci_relations {
	uint32_t type;
	uint32_t n;
	struct vpci_function function[1]; /* this host's buses have one at most */
} __attribute__((packed));

struct vpci_invalidate {
	uint32_t type;
	uint32_t slot;
	uint64_t mask;
} __attribute__((packed));

struct vpci_power {
	uint32_t type;
	uint32_t slot;
	uint32_t state;
	uint32_t reserved;
} __attribute__((packed));

struct vpci_assigned {
	uint32_t type;
	uint32_t slot;
	uint8_t range[6][20];
	uint32_t n_interrupts;
	uint32_t reserved[4];
} __attribute__((packed));
_Static_assert(sizeof(struct vpci_assigned) == 148, "assigned");

struct vpci_assigned2 {
	uint32_t type;
	uint32_t slot;
	uint8_t range[6][20];
	uint32_t n_interrupts;
	uint8_t reserved[70];
} __attribute__((packed));
_Static_assert(sizeof(struct vpci_assigned2) == 202, "assigned, second form");

struct vpci_create_interrupt {
	uint32_t type;
	uint32_t slot;
	uint8_t vector;
	uint8_t mode;
	uint16_t n_vectors;
	uint32_t reserved;
	uint64_t cpu_mask;
} __attribute__((packed));
_Static_assert(sizeof(struct vpci_create_interrupt) == 24, "create interrupt");

struct vpci_create_interrupt2 {
	uint32_t type;
	uint32_t slot;
	uint8_t vector;
	uint8_t mode;
	uint16_t n_vectors;
	uint16_t n_processors;
	uint16_t processor[VPCI_PROCESSORS];
} __attribute__((packed));
_Static_assert(sizeof(struct vpci_create_interrupt2) == 78, "create interrupt, second form");

struct vpci_create_interrupt3 {
	uint32_t type;
	uint32_t slot;
	uint32_t vector;
	uint8_t mode;
	uint8_t reserved;
	uint16_t n_vectors;
	uint16_t n_processors;
	uint16_t processor[VPCI_PROCESSORS];
} __attribute__((packed));
_Static_assert(sizeof(struct vpci_create_interrupt3) == 82, "create interrupt, third form");

/* What a function writes where to interrupt. */
struct vpci_interrupt {
	uint16_t reserved;
	uint16_t n_vectors;
	uint32_t data;
	uint64_t address;
} __attribute__((packed));

struct vpci_delete_interrupt {
	uint32_t type;
	uint32_t slot;
	struct vpci_interrupt interrupt;
} __attribute__((packed));
_Static_assert(sizeof(struct vpci_delete_interrupt) == 24, "delete interrupt");

struct vpci_read_block {
	uint32_t type;
	uint32_t block;
	uint32_t slot;
	uint32_t bytes;
} __attribute__((packed));

struct vpci_write_block {
	uint32_t type;
	uint32_t block;
	uint32_t slot;
	uint32_t bytes;
	uint8_t data[VPCI_BLOCK_BYTES];
} __attribute__((packed));

struct vpci_ejected {
	uint32_t type;
	uint32_t slot;
	uint32_t status;
} __attribute__((packed));

/* --- completions --- */

struct vpci_status {
	uint32_t status;
} __attribute__((packed));

struct vpci_version_answer {
	uint32_t status;
	uint32_t version;
} __attribute__((packed));

struct vpci_requirements_answer {
	uint32_t status;
	uint32_t bar[6];	/* as it reads after all ones were written to it */
} __attribute__((packed));

struct vpci_interrupt_answer {
	uint32_t status;
	uint32_t reserved;
	struct vpci_interrupt interrupt;
} __attribute__((packed));
_Static_assert(sizeof(struct vpci_interrupt_answer) == 24, "answer to create interrupt");

struct vpci_power_answer {
	uint32_t status;
	uint32_t slot;
	uint32_t state;
	uint32_t reserved;
} __attribute__((packed));

struct vpci_block_answer {
	uint32_t status;
	uint8_t data[VPCI_BLOCK_BYTES];
} __attribute__((packed));

/* --- HvCallRetargetDeviceInterrupt (TLFS), behind the call's own header --- */

struct vpci_retarget {
	uint64_t partition;
	uint64_t device;
	uint32_t source;	/* VPCI_SOURCE_MSI */
	uint32_t reserved;
	uint32_t address;
	uint32_t data;
	uint64_t reserved2;
	uint32_t vector;
	uint32_t flags;
	uint64_t mask_or_format; /* processors 0-63, or the format of a processor set */
	/* with VPCI_TARGET_SET: uint64_t of banks that follow, then 64 processors for each */
} __attribute__((packed));
_Static_assert(sizeof(struct vpci_retarget) == 56, "fixed part of the retarget call");

#define VPCI_SOURCE_MSI		1u
#define VPCI_TARGET_MULTICAST	1u
#define VPCI_TARGET_SET		2u

#endif
