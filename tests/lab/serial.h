/* SPDX-License-Identifier: GPL-2.0 */
/* serial.h: a 16550A serial port (serial.c). */
#ifndef HVLAB_SERIAL_H
#define HVLAB_SERIAL_H

#include <stddef.h>
#include <stdint.h>

struct serial;
struct vm;

#define SERIAL_COM1 0x3f8
#define SERIAL_COM2 0x2f8
#define SERIAL_RECEIVE_MAX 8192

/**
 * serial_create() - put a port into the machine; failures are fatal
 * @base: first of eight ports
 * @gsi: its interrupt line
 * @name: for statistics; kept
 * @transmit: takes what the guest writes, on vCPU threads, one call at a time
 */
struct serial *serial_create(struct vm *vm, uint16_t base, unsigned int gsi, const char *name,
			     void (*transmit)(void *o, uint8_t byte), void *o);

/**
 * serial_receive() - bytes for the guest to read
 *
 * Context: any thread but not from within @transmit. Return: how many fitted.
 */
size_t serial_receive(struct serial *serial, const void *data, size_t n);

#endif
