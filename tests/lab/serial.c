// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550A as far as Linux's 8250 driver looks at it: it transmits instantly, receives from a
 * buffer, and has the loopback mode and scratch register that the driver probes with.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "serial.h"
#include "vm.h"

#define PORTS 8

enum { RBR_THR_DLL, IER_DLM, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RECEIVE	0x01
#define IER_TRANSMIT	0x02
#define IIR_NONE	0x01
#define IIR_TRANSMIT	0x02
#define IIR_RECEIVE	0x04
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define LCR_DLAB	0x80
#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08		/* gates the interrupt on PCs */
#define MCR_LOOP	0x10
#define LSR_DATA	0x01
#define LSR_EMPTY	0x60		/* transmitter and its holding register */
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

struct serial {
	struct vm *vm;
	unsigned int gsi;
	void (*transmit)(void *o, uint8_t byte);
	void *opaque;
	/* Guards the registers and the receive buffer. */
	pthread_mutex_t lock;
	uint8_t dll, dlm, ier, fcr, lcr, mcr, scr;
	bool transmit_pending;
	bool line;
	uint8_t rx[SERIAL_RECEIVE_MAX];
	size_t rx_at, rx_n;
};

static uint8_t pending(const struct serial *s)
{
	if (s->ier & IER_RECEIVE && s->rx_n)
		return IIR_RECEIVE;
	if (s->ier & IER_TRANSMIT && s->transmit_pending)
		return IIR_TRANSMIT;
	return IIR_NONE;
}

static void update_line(struct serial *s)
{
	bool level = pending(s) != IIR_NONE && s->mcr & MCR_OUT2 && !(s->mcr & MCR_LOOP);

	if (level == s->line)
		return;
	s->line = level;
	vm_irq_line(s->vm, s->gsi, level);
}

static void push(struct serial *s, uint8_t byte)
{
	if (s->rx_n == sizeof(s->rx))
		return;
	s->rx[(s->rx_at + s->rx_n++) % sizeof(s->rx)] = byte;
}

static uint8_t pop(struct serial *s)
{
	uint8_t byte = s->rx[s->rx_at];

	if (!s->rx_n)
		return 0;
	s->rx_at = (s->rx_at + 1) % sizeof(s->rx);
	s->rx_n--;
	return byte;
}

static uint8_t modem_status(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
	       (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t iir = pending(s);

	if (iir == IIR_TRANSMIT)
		s->transmit_pending = false;
	return iir | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static void serial_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			void *data)
{
	struct serial *s = opaque;
	uint8_t value = 0xff;

	pthread_mutex_lock(&s->lock);
	switch (offset) {
	case RBR_THR_DLL:
		value = s->lcr & LCR_DLAB ? s->dll : pop(s);
		break;
	case IER_DLM:
		value = s->lcr & LCR_DLAB ? s->dlm : s->ier;
		break;
	case IIR_FCR:
		value = read_iir(s);
		break;
	case LCR:
		value = s->lcr;
		break;
	case MCR:
		value = s->mcr;
		break;
	case LSR:
		value = LSR_EMPTY | (s->rx_n ? LSR_DATA : 0);
		break;
	case MSR:
		value = modem_status(s);
		break;
	case SCR:
		value = s->scr;
		break;
	}
	update_line(s);
	pthread_mutex_unlock(&s->lock);
	*(uint8_t *)data = value;
}

static void write_thr(struct serial *s, uint8_t value)
{
	if (s->mcr & MCR_LOOP)
		push(s, value);
	else
		s->transmit(s->opaque, value);
	s->transmit_pending = true;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	/* Answers in flight stay: clearing is for line noise, and this line has none. */
	if (value & FCR_CLEAR_RX && s->mcr & MCR_LOOP)
		s->rx_n = 0;
	s->fcr = value;
}

static void serial_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			 const void *data)
{
	struct serial *s = opaque;
	uint8_t value = *(const uint8_t *)data;

	pthread_mutex_lock(&s->lock);
	switch (offset) {
	case RBR_THR_DLL:
		if (s->lcr & LCR_DLAB)
			s->dll = value;
		else
			write_thr(s, value);
		break;
	case IER_DLM:
		if (s->lcr & LCR_DLAB) {
			s->dlm = value;
			break;
		}
		if (value & IER_TRANSMIT && !(s->ier & IER_TRANSMIT))
			s->transmit_pending = true;
		s->ier = value & 0x0f;
		break;
	case IIR_FCR:
		write_fcr(s, value);
		break;
	case LCR:
		s->lcr = value;
		break;
	case MCR:
		s->mcr = value & 0x1f;
		break;
	case SCR:
		s->scr = value;
		break;
	}
	update_line(s);
	pthread_mutex_unlock(&s->lock);
}

size_t serial_receive(struct serial *s, const void *data, size_t n)
{
	const uint8_t *p = data;
	size_t i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < n && s->rx_n < sizeof(s->rx); i++)
		push(s, p[i]);
	update_line(s);
	pthread_mutex_unlock(&s->lock);
	return i;
}

static const struct bus_ops serial_ops = { .read = serial_read, .write = serial_write };

struct serial *serial_create(struct vm *vm, uint16_t base, unsigned int gsi, const char *name,
			     void (*transmit)(void *o, uint8_t byte), void *o)
{
	struct serial *s = calloc(1, sizeof(*s));

	if (!s)
		log_fatal(EXIT_INTERNAL, "%s: %s", name, strerror(ENOMEM));
	s->vm = vm;
	s->gsi = gsi;
	s->transmit = transmit;
	s->opaque = o;
	pthread_mutex_init(&s->lock, NULL);
	if (vm_pio_register(vm, base, PORTS, name, &serial_ops, s))
		log_fatal(EXIT_INTERNAL, "%s: its ports are taken", name);
	return s;
}
