// SPDX-License-Identifier: GPL-2.0
/* Framing of gdb's remote protocol: `$text#sum`, acknowledged with + or -. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gdb.h"

#define INTERRUPT 0x03

static int get(struct gdb_packet *p)
{
	if (p->in_at == p->in_n) {
		ssize_t n;

		do {
			n = read(p->fd, p->in, sizeof(p->in));
		} while (n < 0 && errno == EINTR);
		if (n <= 0)
			return -1;
		p->in_at = 0;
		p->in_n = n;
	}
	return (unsigned char)p->in[p->in_at++];
}

bool gdb_pending(const struct gdb_packet *p)
{
	return p->in_at < p->in_n;
}

static bool put(struct gdb_packet *p, const char *data, size_t n)
{
	while (n) {
		ssize_t done = write(p->fd, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		n -= done;
	}
	return true;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void gdb_to_hex(const void *data, size_t n, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (; n; n--, p++) {
		*hex++ = digits[*p >> 4];
		*hex++ = digits[*p & 0xf];
	}
	*hex = '\0';
}

size_t gdb_from_hex(const char *hex, void *data, size_t n)
{
	unsigned char *p = data;
	size_t i;

	for (i = 0; i < n; i++, hex += 2) {
		int high = hex_digit(hex[0]), low = high < 0 ? -1 : hex_digit(hex[1]);

		if (low < 0)
			break;
		p[i] = high << 4 | low;
	}
	return i;
}

enum gdb_event gdb_receive(struct gdb_packet *p)
{
	for (;;) {
		unsigned char sum = 0;
		int c = get(p), high, low;

		if (c < 0)
			return GDB_CLOSED;
		if (c == INTERRUPT)
			return GDB_INTERRUPT;
		if (c != '$')
			continue;
		for (p->n = 0; (c = get(p)) >= 0 && c != '#'; sum += c)
			if (p->n < sizeof(p->text) - 1)
				p->text[p->n++] = c;
		p->text[p->n] = '\0';
		high = c < 0 ? -1 : hex_digit(get(p));
		low = high < 0 ? -1 : hex_digit(get(p));
		if (c < 0)
			return GDB_CLOSED;
		if (p->no_ack)
			return GDB_PACKET;
		if (low < 0 || (high << 4 | low) != sum) {
			if (!put(p, "-", 1))
				return GDB_CLOSED;
			continue;
		}
		return put(p, "+", 1) ? GDB_PACKET : GDB_CLOSED;
	}
}

bool gdb_send(struct gdb_packet *p, const char *fmt, ...)
{
	static char out[GDB_PACKET_MAX + 8];
	unsigned char sum = 0;
	va_list ap;
	int n;

	out[0] = '$';
	va_start(ap, fmt);
	n = vsnprintf(out + 1, GDB_PACKET_MAX, fmt, ap);
	va_end(ap);
	if (n < 0)
		return false;
	if (n >= GDB_PACKET_MAX)
		n = GDB_PACKET_MAX - 1;
	for (int i = 1; i <= n; i++)
		sum += out[i];
	n++;
	n += snprintf(out + n, 4, "#%02x", sum);
	return put(p, out, n);
}
