/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gdb.h: a stub for gdb's remote protocol: the guest as a program with a thread a vCPU (gdb.c,
 * gdb-packet.c, gdb-registers.c, gdb-breakpoints.c).
 */
#ifndef HVLAB_GDB_H
#define HVLAB_GDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vcpu;
struct vm;

/** gdb_create() - serve --gdb, if asked; holds the vCPUs for ``wait``. Fatal on failure. */
void gdb_create(struct vm *vm);

/** gdb_attached() - is a debugger connected now? */
bool gdb_attached(void);

/** gdb_end() - tell a connected debugger that the guest is gone, and stop serving */
void gdb_end(struct vm *vm);

/* gdb-packet.c: framing. */

#define GDB_PACKET_MAX 16384

/** struct gdb_packet - a connection and the packet in hand */
struct gdb_packet {
	int fd;
	bool no_ack;
	char text[GDB_PACKET_MAX];	/* NUL-terminated */
	size_t n;
	char in[4096];
	size_t in_at, in_n;
};

enum gdb_event { GDB_PACKET, GDB_INTERRUPT, GDB_CLOSED };

/** gdb_receive() - wait for a packet (->text), ^C, or the end of the connection */
enum gdb_event gdb_receive(struct gdb_packet *p);

/** gdb_pending() - has gdb_receive() something buffered? */
bool gdb_pending(const struct gdb_packet *p);

/** gdb_send() - send a packet. Return: false when the connection is gone. */
bool gdb_send(struct gdb_packet *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** gdb_to_hex() - @n bytes as 2 * @n characters and a NUL */
void gdb_to_hex(const void *data, size_t n, char *hex);

/** gdb_from_hex() - up to @n bytes. Return: how many there were. */
size_t gdb_from_hex(const char *hex, void *data, size_t n);

/* gdb-registers.c: the registers, in the order of the target description. */

#define GDB_REGISTERS_MAX 1024

/** gdb_target_xml() - the target description */
const char *gdb_target_xml(void);

/** gdb_registers_read() - all of them. Return: bytes used of GDB_REGISTERS_MAX, 0 on failure. */
size_t gdb_registers_read(struct vcpu *vcpu, uint8_t *to);

/** gdb_registers_write() - all of them, @n bytes. Return: false on failure. */
bool gdb_registers_write(struct vcpu *vcpu, const uint8_t *from, size_t n);

/** gdb_register_place() - where register @number is in them. Return: its size, 0 = none. */
size_t gdb_register_place(unsigned int number, size_t *offset);

/* gdb-breakpoints.c: memory as the debugger sees it, breakpoints and watchpoints. */

/** gdb_breakpoints_create() - the port that breakpoints write to */
void gdb_breakpoints_create(struct vm *vm, void (*hit)(struct vcpu *vcpu));

/** gdb_memory_read() - guest virtual memory without our breakpoints. Return: bytes read. */
size_t gdb_memory_read(struct vcpu *vcpu, uint64_t address, void *to, size_t n);

/** gdb_memory_write() - counterpart of gdb_memory_read() */
size_t gdb_memory_write(struct vcpu *vcpu, uint64_t address, const void *from, size_t n);

/** gdb_breakpoint_set() - ``Z`` packet @type 0..4. Return: 0 or a negative errno. */
int gdb_breakpoint_set(struct vcpu *vcpu, unsigned int type, uint64_t address, size_t len);

/** gdb_breakpoint_clear() - ``z`` packet. Return: 0 or a negative errno. */
int gdb_breakpoint_clear(struct vcpu *vcpu, unsigned int type, uint64_t address, size_t len);

/** gdb_breakpoints_clear_all() - the debugger is gone */
void gdb_breakpoints_clear_all(struct vm *vm);

/** gdb_debug_apply() - give @vcpu its debug registers, and single-step when @step */
bool gdb_debug_apply(struct vcpu *vcpu, bool step);

/** gdb_watch_address() - what a KVM_EXIT_DEBUG watched: false when it was no watchpoint */
bool gdb_watch_address(const struct vcpu *vcpu, uint64_t *address, unsigned int *type);

#endif
