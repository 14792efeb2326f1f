// SPDX-License-Identifier: GPL-2.0
/*
 * The process that answers for the change. It does nothing itself that could hang: the way over and
 * the way back are processes of their own with a time limit, and when the way back fails too, the
 * machine reboots, into hv_netvsc, since nothing else has been made to last.
 *
 *   over --good--> waiting --confirmed--> made to last
 *     | bad, late     | nobody confirms
 *     v               v
 *   back --good--> returned
 *     | bad, late
 *     v
 *   reboot
 *
 * A watchdog looks after the process itself: killed or stuck, it does not pet it any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "deadline.h"
#include "switch.h"
#include "sysfs.h"

/* The watchdog's, in seconds: a guard that is gone for so long cannot bring the NIC back. */
#define WATCHDOG_SECONDS 60
/* What loading its module may take. */
#define MODPROBE_SECONDS 10
/* For dirty pages to get to the disk before a reboot. */
#define SYNC_SECONDS 5

static int log_fd = -1;

void say_to(int fd)
{
	log_fd = fd;
}

void say_text(const char *text)
{
	char line[600];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	/* A log that is full or gone is no reason to stop. */
	if (log_fd < 0 || write(log_fd, line, n) < 0)
		fprintf(stderr, "hvaccel: %s\n", text);
	syslog(LOG_NOTICE, "%s", text);
}

void say(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	say_text(text);
}

struct guard {
	struct switching *s;
	int listener;
	int watchdog;
	char socket[108];
	char state[128];
};

/* One word that says how it stands, replaced as a whole. */
static void set_state(const struct guard *g, const char *word)
{
	char new[160];
	FILE *file;

	snprintf(new, sizeof(new), "%s.new", g->state);
	file = fopen(new, "we");
	if (!file)
		return;
	fprintf(file, "%s %s %d\n", word, g->s->keep.link.name, (int)getpid());
	if (fclose(file) || rename(new, g->state))
		unlink(new);
}

/* Virtual machines have none by themselves; the kernel's own is there when its module is. */
static void load_watchdog(void)
{
	char *argv[] = { "modprobe", "-q", "softdog", NULL };
	char *env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	struct timespec end;
	pid_t pid;

	if (!access("/dev/watchdog", F_OK) || posix_spawnp(&pid, argv[0], NULL, NULL, argv, env))
		return;
	deadline_set(&end, MODPROBE_SECONDS);
	while (!waitpid(pid, NULL, WNOHANG)) {
		if (!deadline_left(&end)) {
			kill(pid, SIGKILL);
			return;
		}
		usleep(20000);
	}
}

/* A watchdog that cannot be stopped would reboot a machine on which all went well. */
static int open_watchdog(void)
{
	int fd, seconds = WATCHDOG_SECONDS;

	load_watchdog();
	if (sysfs_read_long(1, "/sys/class/watchdog/watchdog0/nowayout"))
		return -1;
	fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (ioctl(fd, WDIOC_SETTIMEOUT, &seconds))
		say("the watchdog keeps its own time");
	return fd;
}

static void pet(const struct guard *g)
{
	if (g->watchdog >= 0 && ioctl(g->watchdog, WDIOC_KEEPALIVE, 0))
		say("watchdog: %s", strerror(errno));
}

static void close_watchdog(struct guard *g)
{
	if (g->watchdog < 0)
		return;
	if (write(g->watchdog, "V", 1) != 1)
		say("the watchdog does not stop: %s", strerror(errno));
	close(g->watchdog);
	g->watchdog = -1;
}

static int open_listener(struct guard *g)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", g->socket);
	unlink(g->socket);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || chmod(g->socket, 0600) ||
	    listen(fd, 4)) {
		say("%s: %s", g->socket, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* One way over in its own process; true when it got there within the limit. */
static bool walk(struct guard *g, const char *driver, bool check)
{
	struct timespec end;
	int status = 0;
	pid_t pid;

	pid = fork();
	if (pid < 0) {
		say("fork: %s", strerror(errno));
		return false;
	}
	if (!pid)
		_exit(step_over(g->s, driver, check));
	deadline_set(&end, g->s->limit);
	while (deadline_left(&end)) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) && !WEXITSTATUS(status);
		pet(g);
		usleep(50000);
	}
	say("no end of it after %u s", g->s->limit);
	kill(pid, SIGKILL);
	return false;
}

/* Whether somebody says `confirm` in time. */
static bool confirmed(struct guard *g)
{
	struct timespec end;

	deadline_set(&end, g->s->confirm);
	while (deadline_left(&end)) {
		int left = deadline_left(&end), fd;
		struct pollfd ready = { .fd = g->listener, .events = POLLIN };
		char word[16] = "";

		pet(g);
		if (poll(&ready, 1, left < 1000 ? left : 1000) != 1)
			continue;
		fd = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		ready.fd = fd;
		if (poll(&ready, 1, 1000) == 1 && recv(fd, word, sizeof(word) - 1, 0) > 0 &&
		    !strcmp(word, "confirm")) {
			int ret = choice_set(g->s->nic.device, g->s->to);
			const char *answer = ret ? "not kept" : "kept";

			if (ret)
				say("the choice does not outlive a reboot: %s", strerror(-ret));
			if (send(fd, answer, strlen(answer) + 1, MSG_NOSIGNAL) < 0)
				say("the one who confirmed is gone");
			close(fd);
			return true;
		}
		close(fd);
	}
	return false;
}

/* The console is where somebody looks whose machine rebooted by itself. */
static void tell_console(const char *name)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char text[96];
	int n;

	if (fd < 0)
		return;
	/* One write a line; stdio would seek, which this file refuses. */
	n = snprintf(text, sizeof(text), "<1>hvaccel: %s cannot be brought back, rebooting\n",
		     name);
	if (write(fd, text, n) != n)
		say("/dev/kmsg: %s", strerror(errno));
	close(fd);
}

static void reboot_now(struct guard *g)
{
	struct timespec end;
	pid_t pid;
	int ret;

	if (g->s->no_reboot) {
		say("left as it is (--no-reboot)");
		set_state(g, "stuck");
		return;
	}
	say("rebooting into %s", DRIVER_INTREE);
	set_state(g, "rebooting");
	tell_console(g->s->keep.link.name);
	choice_set(g->s->nic.device, DRIVER_INTREE);
	pid = fork();
	if (!pid) {
		sync();
		_exit(0);
	}
	deadline_set(&end, SYNC_SECONDS);
	while (pid > 0 && !waitpid(pid, NULL, WNOHANG) && deadline_left(&end))
		usleep(50000);
	/* For consoles that are slower than this. */
	sleep(1);
	/* At once: an orderly reboot would wait for the driver that is stuck. */
	ret = sysfs_write("b", "/proc/sysrq-trigger");
	if (ret)
		say("sysrq: %s", strerror(-ret));
	if (reboot(RB_AUTOBOOT))
		say("reboot: %s", strerror(errno));
	say(g->watchdog < 0 ? "nothing reboots this machine" : "the watchdog is left to bite");
	for (;;)
		pause();
}

static void shield(void)
{
	/* It must outlive its terminal, a full memory, and somebody's impatience. */
	static const int ignored[] = { SIGHUP, SIGPIPE, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	if (sysfs_write("-1000", "/proc/self/oom_score_adj"))
		say("the kernel may end this process when memory is short");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		say("memory is not locked: %s", strerror(errno));
}

int guard_run(struct switching *s)
{
	struct guard g = { .s = s, .watchdog = -1 };
	const char *end = NULL;
	int ret = 1;

	snprintf(g.socket, sizeof(g.socket), SWITCH_DIR "/%s.socket", s->nic.device);
	snprintf(g.state, sizeof(g.state), SWITCH_DIR "/%s.state", s->nic.device);
	openlog("hvaccel", LOG_PID, LOG_DAEMON);
	shield();
	g.listener = open_listener(&g);
	if (g.listener < 0) {
		set_state(&g, "failed");
		return 1;
	}
	if (!s->no_reboot)
		g.watchdog = open_watchdog();
	set_state(&g, "switching");
	say("%s goes from %s to %s%s", s->keep.link.name, s->from, s->to,
	    g.watchdog < 0 ? "" : ", a watchdog looks after it");
	if (walk(&g, s->to, true)) {
		if (s->confirm) {
			say("waiting %u s for `hvaccel confirm`", s->confirm);
			set_state(&g, "waiting");
		} else if (choice_set(s->nic.device, s->to)) {
			say("the choice does not outlive a reboot");
		}
		if (!s->confirm || confirmed(&g)) {
			say("%s stays with %s", s->keep.link.name, s->to);
			end = "confirmed";
			ret = 0;
		} else {
			say("nobody confirmed");
		}
	}
	if (ret) {
		say("back to %s", s->from);
		set_state(&g, "returning");
		if (walk(&g, s->from, false)) {
			say("%s is with %s again", s->keep.link.name, s->from);
			end = "returned";
		} else {
			reboot_now(&g);
		}
	}
	close_watchdog(&g);
	unlink(g.socket);
	close(g.listener);
	/* Last: at this word the next guard may begin, with the same socket and watchdog. */
	if (end)
		set_state(&g, end);
	return ret;
}
