// SPDX-License-Identifier: GPL-2.0
/* COM1: the guest's console, to a file or this terminal; the terminal's keys to the guest. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "loop.h"
#include "machine.h"
#include "options.h"
#include "serial.h"
#include "vm.h"

#define BUFFER_SIZE 4096
#define FLUSH_DELAY_NS 20000000ULL	/* a prompt without newline shows up after this */
#define PANIC_TEXT "Kernel panic - not syncing"

struct console {
	struct loop *loop;
	struct serial *serial;
	int fd;				/* -1: nobody wants to see it */
	const char *path;
	/* Guards the buffers below. */
	pthread_mutex_t lock;
	char buf[BUFFER_SIZE];
	size_t n;
	bool failed;
	char line[256];			/* the current line's beginning */
	size_t line_n;
	char panic[256];
	struct loop_work flush_soon;
	struct loop_timer flush_timer;
	struct loop_fd keys;
};

static struct console console = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };
static struct termios saved_terminal;
static bool terminal_changed;

/* With the lock held. */
static void flush(struct console *c)
{
	size_t done = 0;

	while (done < c->n && !c->failed) {
		ssize_t n = write(c->fd, c->buf + done, c->n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* The run is worth more than its console: say it once and go on. */
			log_warn("%s: console output is lost from here on: %s", c->path,
				 strerror(errno));
			c->failed = true;
			break;
		}
		done += n;
	}
	c->n = 0;
}

static void note_line(struct console *c, char byte)
{
	if (byte != '\n') {
		if (c->line_n < sizeof(c->line) - 1)
			c->line[c->line_n++] = byte;
		return;
	}
	c->line[c->line_n] = '\0';
	if (c->line_n && c->line[c->line_n - 1] == '\r')
		c->line[c->line_n - 1] = '\0';
	if (!c->panic[0] && strstr(c->line, PANIC_TEXT))
		strcpy(c->panic, strstr(c->line, PANIC_TEXT));
	c->line_n = 0;
}

static void transmit(void *opaque, uint8_t byte)
{
	struct console *c = opaque;
	bool later = false;

	pthread_mutex_lock(&c->lock);
	note_line(c, byte);
	if (c->fd >= 0) {
		c->buf[c->n++] = byte;
		if (byte == '\n' || c->n == sizeof(c->buf))
			flush(c);
		else
			later = c->n == 1;
	}
	pthread_mutex_unlock(&c->lock);
	if (later)
		loop_post(c->loop, &c->flush_soon);
}

static void flush_soon(struct loop_work *work)
{
	struct console *c = container_of(work, struct console, flush_soon);

	loop_timer_arm(c->loop, &c->flush_timer, FLUSH_DELAY_NS);
}

static void flush_timer(struct loop_timer *timer)
{
	struct console *c = container_of(timer, struct console, flush_timer);

	pthread_mutex_lock(&c->lock);
	flush(c);
	pthread_mutex_unlock(&c->lock);
}

void console_flush(struct vm *vm)
{
	pthread_mutex_lock(&console.lock);
	flush(&console);
	pthread_mutex_unlock(&console.lock);
}

const char *console_panic_line(void)
{
	return console.panic[0] ? console.panic : NULL;
}

static void keys_ready(struct loop_fd *lfd, uint32_t events)
{
	struct console *c = container_of(lfd, struct console, keys);
	char buf[64];
	ssize_t n = read(lfd->fd, buf, sizeof(buf));

	if (n <= 0)
		loop_del(c->loop, lfd);
	else
		serial_receive(c->serial, buf, n);
}

static void restore_terminal(void)
{
	if (terminal_changed)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved_terminal);
}

/* Keys go to the guest one by one; ^C stays hvlab's. */
static void take_terminal(struct console *c)
{
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved_terminal))
		return;
	t = saved_terminal;
	t.c_lflag &= ~(ICANON | ECHO);
	t.c_iflag &= ~ICRNL;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t))
		return;
	terminal_changed = true;
	log_at_fatal(restore_terminal);
	atexit(restore_terminal);
	c->keys.fd = STDIN_FILENO;
	c->keys.ready = keys_ready;
	loop_add(c->loop, &c->keys, EPOLLIN);
}

void console_create(struct vm *vm)
{
	struct console *c = &console;

	c->loop = vm->control;
	c->path = vm->opt->console;
	c->flush_soon.run = flush_soon;
	c->flush_timer.expire = flush_timer;
	c->serial = serial_create(vm, SERIAL_COM1, VM_GSI_COM1, "com1", transmit, c);
	if (!c->path)
		return;
	if (!strcmp(c->path, "-")) {
		c->fd = STDOUT_FILENO;
		c->path = "stdout";
		take_terminal(c);
		return;
	}
	c->fd = open(c->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (c->fd < 0)
		log_fatal(EXIT_USAGE, "%s: cannot write the console: %s", c->path,
			  strerror(errno));
}
