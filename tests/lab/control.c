// SPDX-License-Identifier: GPL-2.0
/* COM2: the guest's line to the lab. Protocol: control.h and hvlab(8). */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "loop.h"
#include "machine.h"
#include "options.h"
#include "results.h"
#include "serial.h"
#include "vm.h"

#define OBJECTS_MAX 128
#define LINES_MAX 64		/* a guest that never reads its answers cannot fill our memory */

struct line {
	struct line *next;
	size_t n;
	bool too_long;
	char text[CONTROL_LINE_MAX];
};

struct object {
	char *name;
	int (*verb)(void *o, int argc, char **argv, char *answer, size_t n);
	void *opaque;
};

struct control_port {
	struct vm *vm;
	struct serial *serial;
	struct loop_work work;
	/* Guards the lists and objects. */
	pthread_mutex_t lock;
	struct line *first, **last;
	unsigned int n_lines;
	struct line *open;		/* being received; the serial port's lock guards it */
	struct object object[OBJECTS_MAX];
	unsigned int n_objects;
};

static void queue_line(struct control_port *c, struct line *line)
{
	bool dropped = false;

	pthread_mutex_lock(&c->lock);
	if (c->n_lines == LINES_MAX) {
		dropped = true;
	} else {
		*c->last = line;
		c->last = &line->next;
		c->n_lines++;
	}
	pthread_mutex_unlock(&c->lock);
	if (dropped) {
		log_warn("control: the guest does not wait for answers; a line is lost");
		free(line);
		return;
	}
	loop_post(c->vm->control, &c->work);
}

static void transmit(void *opaque, uint8_t byte)
{
	struct control_port *c = opaque;
	struct line *line = c->open;

	if (!line) {
		line = calloc(1, sizeof(*line));
		if (!line)
			return;
		c->open = line;
	}
	if (byte == '\n') {
		c->open = NULL;
		queue_line(c, line);
	} else if (byte != '\r' && byte) {
		if (line->n < sizeof(line->text) - 1)
			line->text[line->n++] = byte;
		else
			line->too_long = true;
	}
}

static void answer(struct control_port *c, const char *verdict, const char *text)
{
	char buf[CONTROL_ANSWER_MAX + 16];
	int n = snprintf(buf, sizeof(buf), "%s%s%s", verdict, text[0] ? " " : "", text);

	if (n > (int)sizeof(buf) - 2)
		n = sizeof(buf) - 2;
	/* One answer is one line. */
	for (int i = 0; i < n; i++)
		if (buf[i] == '\n' || buf[i] == '\r')
			buf[i] = ' ';
	buf[n++] = '\n';
	if (serial_receive(c->serial, buf, n) != (size_t)n)
		log_warn("control: the guest does not read its answers");
}

static int split(char *text, char **argv, int max)
{
	char *save = NULL;
	int n = 0;

	for (char *word = strtok_r(text, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (n == max)
			return -E2BIG;
		argv[n++] = word;
	}
	return n;
}

static void do_object(struct control_port *c, char *rest)
{
	char *argv[CONTROL_ARGS_MAX], text[CONTROL_ANSWER_MAX] = "";
	int argc = split(rest, argv, CONTROL_ARGS_MAX);
	struct object found = { 0 };
	int err;

	if (argc < 2) {
		answer(c, "err", argc < 0 ? "too many arguments" : "do OBJECT VERB [ARGS]");
		return;
	}
	pthread_mutex_lock(&c->lock);
	for (unsigned int i = 0; i < c->n_objects; i++)
		if (!strcmp(c->object[i].name, argv[0]))
			found = c->object[i];
	pthread_mutex_unlock(&c->lock);
	if (!found.verb) {
		snprintf(text, sizeof(text), "%s: no such object", argv[0]);
		answer(c, "err", text);
		return;
	}
	err = found.verb(found.opaque, argc - 1, argv + 1, text, sizeof(text));
	if (err)
		answer(c, "err", text[0] ? text : strerror(-err));
	else
		answer(c, "ok", text);
}

static void do_exit(struct control_port *c, const char *rest)
{
	uint64_t code;

	if (parse_u64(rest, &code) || code > 255) {
		answer(c, "err", "exit CODE: a number from 0 to 255");
		return;
	}
	vm_stop(c->vm, VM_END_VERDICT, code, "the guest said: exit %d", (int)code);
}

static void do_result(struct control_port *c, char *rest)
{
	char *value = strchr(rest, ' ');

	if (!rest[0] || !value) {
		answer(c, "err", "result NAME VALUE...");
		return;
	}
	*value++ = '\0';
	results_value(rest, value);
	answer(c, "ok", "");
}

/* One line of the guest. */
static void obey(struct control_port *c, struct line *line)
{
	char *text = line->text, *rest;

	if (line->too_long) {
		answer(c, "err", "line too long");
		return;
	}
	text += strspn(text, " \t");
	rest = text + strcspn(text, " \t");
	if (*rest)
		*rest++ = '\0';
	rest += strspn(rest, " \t");
	/* A terminal that echoes sends our own answers back: never answer those. */
	if (!text[0] || !strcmp(text, "ok") || !strcmp(text, "err"))
		return;
	if (!strcmp(text, "log")) {
		log_info("guest: %s", rest);
		answer(c, "ok", "");
	} else if (!strcmp(text, "result")) {
		do_result(c, rest);
	} else if (!strcmp(text, "snap")) {
		if (!rest[0]) {
			answer(c, "err", "snap NAME");
			return;
		}
		results_snapshot(c->vm, rest);
		answer(c, "ok", "");
	} else if (!strcmp(text, "do")) {
		do_object(c, rest);
	} else if (!strcmp(text, "exit")) {
		do_exit(c, rest);
	} else {
		answer(c, "err", "unknown word; known: result snap do log exit");
	}
}

static void run(struct loop_work *work)
{
	struct control_port *c = container_of(work, struct control_port, work);
	struct line *line;

	for (;;) {
		pthread_mutex_lock(&c->lock);
		line = c->first;
		if (line) {
			c->first = line->next;
			if (!c->first)
				c->last = &c->first;
			c->n_lines--;
		}
		pthread_mutex_unlock(&c->lock);
		if (!line)
			return;
		obey(c, line);
		free(line);
	}
}

int control_register(struct vm *vm, const char *object,
		     int (*verb)(void *o, int argc, char **argv, char *answer, size_t n), void *o)
{
	struct control_port *c = vm->control_port;
	int err = 0;

	pthread_mutex_lock(&c->lock);
	for (unsigned int i = 0; i < c->n_objects; i++)
		if (!strcmp(c->object[i].name, object))
			err = -EEXIST;
	if (!err && c->n_objects == OBJECTS_MAX)
		err = -ENOSPC;
	if (!err) {
		char *name = strdup(object);

		if (name)
			c->object[c->n_objects++] = (struct object){ name, verb, o };
		else
			err = -ENOMEM;
	}
	pthread_mutex_unlock(&c->lock);
	return err;
}

void control_create(struct vm *vm)
{
	struct control_port *c = calloc(1, sizeof(*c));

	if (!c)
		log_fatal(EXIT_INTERNAL, "control: %s", strerror(ENOMEM));
	c->vm = vm;
	c->last = &c->first;
	c->work.run = run;
	pthread_mutex_init(&c->lock, NULL);
	vm->control_port = c;
	c->serial = serial_create(vm, SERIAL_COM2, VM_GSI_COM2, "com2", transmit, c);
}
