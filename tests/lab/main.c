// SPDX-License-Identifier: GPL-2.0
/* hvlab: puts a machine together, runs it, and says how it went. */
#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "devices.h"
#include "ending.h"
#include "gdb.h"
#include "loop.h"
#include "machine.h"
#include "options.h"
#include "profile.h"
#include "report.h"
#include "results.h"
#include "vcpu.h"
#include "vm.h"

#define NSEC_PER_SEC	((uint64_t)1000000000)
#define NSEC_PER_MSEC	((uint64_t)1000000)
#define PAUSE_TIMEOUT	(2 * NSEC_PER_SEC)
#define SNAPSHOT_TIMEOUT (5 * NSEC_PER_SEC)
#define STOP_TIMEOUT	(5 * NSEC_PER_SEC)
/* A deadline does not end the guest in a debugger's hands; it is looked at again later. */
#define GDB_EXTENSION	(10 * NSEC_PER_SEC)
#define SIGNAL_STATUS	128

static struct options options;
static struct vm vm;

/* The last snapshot, taken by the control loop if it still answers. */
struct last_snapshot {
	struct loop_work work;
	sem_t done;
};

static sigset_t block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, ENDING_SIGNAL);
	/* Every thread inherits this: only main() takes them. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return set;
}

static void build(void)
{
	boot_check(&options);
	results_open(&options);
	vm_create(&vm, &options);
	report_load(&vm);
	stats_create(&vm);
	acpi_create(&vm);
	control_create(&vm);
	console_create(&vm);
	platform_create(&vm);
	hyperv_create(&vm);
	vcpu_create_all(&vm);
	hyperv_start_clock(&vm);
	exits_create(&vm);
	profile_create(&vm);
	devices_create(&vm);
	boot_load(&vm, acpi_write(&vm));
}

static void start(void)
{
	int err = loop_start(vm.control);

	if (!err)
		err = loop_start(vm.slow);
	for (unsigned int i = 0; !err && i < vm.n_io; i++)
		err = loop_start(vm.io[i]);
	if (err)
		log_fatal(EXIT_INTERNAL, "cannot start a thread: %s", strerror(-err));
	vm.start_ns = clock_ns();
	gdb_create(&vm);
	vcpu_start_all(&vm);
}

static void report(const char *why)
{
	unsigned int left = vcpu_pause_all(&vm, PAUSE_TIMEOUT);

	log_info("%s; this is where everything is%s:", why,
		 left ? " (some vCPUs do not stop)" : "");
	report_all(&vm);
	vcpu_resume_all(&vm);
}

/* Until the VM has ended, by itself, by the deadline or by a signal. */
static void wait_for_end(const sigset_t *set)
{
	uint64_t end = options.deadline ? vm.start_ns + options.deadline * NSEC_PER_SEC :
					  UINT64_MAX;

	while (!vm_stopped(&vm)) {
		uint64_t now = clock_ns(), left = end > now ? end - now : 0;
		struct timespec ts = { .tv_sec = 3600 };
		int sig;

		if (left < 3600 * NSEC_PER_SEC)
			ts = (struct timespec){ left / NSEC_PER_SEC, left % NSEC_PER_SEC };
		sig = sigtimedwait(set, NULL, &ts);
		if (sig == SIGQUIT)
			report("asked by a signal");
		else if (sig > 0 && sig != ENDING_SIGNAL)
			vm_stop(&vm, VM_END_SIGNAL, sig, "ended by signal %d (%s)", sig,
				strsignal(sig));
		else if (clock_ns() >= end && gdb_attached())
			end = clock_ns() + GDB_EXTENSION;
		else if (clock_ns() >= end)
			vm_stop(&vm, VM_END_DEADLINE, 0, "the deadline of %u s has passed",
				options.deadline);
	}
}

static int status_of(const struct ending *end)
{
	switch (end->why) {
	case VM_END_VERDICT:
		return end->code ? EXIT_FAIL : EXIT_PASS;
	case VM_END_POWER_OFF:
		return EXIT_POWER_OFF;
	case VM_END_RESET:
		/* Too early for crash registers, but it said so before it reset. */
		return console_panic_line() ? EXIT_PANIC : EXIT_RESET;
	case VM_END_PANIC:
		return EXIT_PANIC;
	case VM_END_TRIPLE_FAULT:
		return EXIT_TRIPLE_FAULT;
	case VM_END_DEADLINE:
		return EXIT_DEADLINE;
	case VM_END_SIGNAL:
		return SIGNAL_STATUS + end->code;
	default:
		return EXIT_INTERNAL;
	}
}

static void take_last_snapshot(struct loop_work *work)
{
	struct last_snapshot *last = container_of(work, struct last_snapshot, work);

	results_snapshot(&vm, "end");
	sem_post(&last->done);
}

static bool last_snapshot(void)
{
	static struct last_snapshot last = { .work.run = take_last_snapshot };
	struct timespec ts;

	sem_init(&last.done, 0, 0);
	loop_post(vm.control, &last.work);
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += SNAPSHOT_TIMEOUT / NSEC_PER_SEC;
	while (sem_timedwait(&last.done, &ts)) {
		if (errno == EINTR)
			continue;
		log_warn("the control loop does not answer: no last snapshot");
		return false;
	}
	return true;
}

static void stop_loops(void)
{
	/* Each may wait for those after it, not the other way round. */
	loop_stop(vm.slow);
	loop_stop(vm.control);
	for (unsigned int i = 0; i < vm.n_io; i++)
		loop_stop(vm.io[i]);
}

/* Take everything down. Return: false when something hangs and must be left to exit(). */
static bool tear_down(const struct ending *end)
{
	unsigned int left;
	bool clean;

	vcpu_pause_all(&vm, PAUSE_TIMEOUT);
	if (end->why == VM_END_DEADLINE || end->why == VM_END_TRIPLE_FAULT ||
	    end->why == VM_END_PANIC || end->why == VM_END_INTERNAL)
		report_all(&vm);
	clean = last_snapshot();
	gdb_end(&vm);
	left = vcpu_stop_all(&vm, STOP_TIMEOUT);
	if (left)
		log_warn("%u vCPU threads hang in hvlab's own code", left);
	if (left || !clean)
		return false;
	stop_loops();
	devices_stop(&vm);
	return true;
}

int main(int argc, char **argv)
{
	const struct ending *end;
	const char *panic;
	sigset_t set;
	bool clean;
	int status;

	options_parse(&options, argc, argv);
	set = block_signals();
	build();
	start();
	wait_for_end(&set);
	end = vm_ending(&vm);
	console_flush(&vm);
	panic = console_panic_line();
	if (end->why != VM_END_VERDICT || end->code)
		log_info("%s after %" PRIu64 ".%03" PRIu64 " s%s%s", end->text,
			 (end->time_ns - vm.start_ns) / NSEC_PER_SEC,
			 (end->time_ns - vm.start_ns) / NSEC_PER_MSEC % 1000,
			 panic ? "; its console says: " : "", panic ? panic : "");
	clean = tear_down(end);
	console_flush(&vm);
	status = status_of(end);
	if (!results_write(&vm, status))
		status = EXIT_RESULTS;
	if (!clean)
		_exit(status);
	return status;
}
