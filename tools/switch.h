/* SPDX-License-Identifier: GPL-2.0 */
/*
 * switch.h: the parts of `hvaccel switch`. switch.c: the command, what it refuses. switch-guard.c:
 * the process that brings the NIC over, waits for the confirmation, and brings it back.
 * switch-step.c: one way over. switch-check.c: is there a connection? switch-choice.c: what
 * outlives a reboot.
 */
#ifndef HVACCEL_SWITCH_H
#define HVACCEL_SWITCH_H

#include <stdbool.h>

#include "keep.h"
#include "nic.h"

#define SWITCH_DIR "/run/hvaccel"
#define DRIVER_ACCEL "hv_netvsc_accel"
#define DRIVER_INTREE "hv_netvsc"

/* Who configures the interface, and renews its leases. */
enum manager {
	MANAGER_NONE,
	MANAGER_NETWORKD,
	MANAGER_NETWORKMANAGER,
};

/**
 * struct switching - one change of driver
 * @nic: as found
 * @from, @to: drivers
 * @manager: of the interface
 * @keep: what to restore
 * @netns: the interface's network namespace, a file descriptor
 * @home: the first process's, where new interfaces appear; -1 when it is the same
 * @confirm: seconds to wait for `hvaccel confirm`; 0 when the checks decide
 * @limit: seconds for one way over, checks included
 * @peer: to be asked besides the gateway, ADDRESS or ADDRESS:PORT; NULL without
 * @no_reboot: a NIC that cannot be brought back is left so
 */
struct switching {
	struct nic nic;
	const char *from;
	const char *to;
	enum manager manager;
	struct keep keep;
	int netns;
	int home;
	unsigned int confirm;
	unsigned int limit;
	const char *peer;
	bool no_reboot;
};

/** manager_of() - looked up in what systemd-networkd and NetworkManager keep in /run */
enum manager manager_of(int index);
/** manager_name() - "systemd-networkd", "NetworkManager" or "nobody" */
const char *manager_name(enum manager manager);

/**
 * guard_run() - the whole change, in the calling process, which must have no terminal
 * @s: what to do
 *
 * Progress goes to the log of the device in SWITCH_DIR, the outcome to its state.
 *
 * Return: 0 when the new driver stays, 1 when it does not.
 */
int guard_run(struct switching *s);

/**
 * step_over() - one way over: rebind, restore, check
 * @s: what to do
 * @driver: that gets the NIC
 * @check: ask gateway and peer
 *
 * Runs in a process of its own, since a write to `bind` may hang in the kernel.
 *
 * Return: 0, or 1 with the reason told.
 */
int step_over(struct switching *s, const char *driver, bool check);

/** step_bind() - takes the device from its driver, if any, and gives it to @driver; 0 or -errno */
int step_bind(const char *device, const char *driver);

/** say() - a line into the log and the system's log; onto stderr where there is none */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** say_text() - likewise, of text that is no format */
void say_text(const char *text);
/** say_to() - where lines go besides, a file descriptor or -1 */
void say_to(int fd);

/** check_connection() - link, gateways and peer answer in @seconds; false with the reason told */
bool check_connection(const struct switching *s, struct nl_sock *sk, int index,
		      unsigned int seconds);

/** choice_set() - the driver that the device gets after a reboot: accel by a udev rule, or none */
int choice_set(const char *device, const char *driver);
/** choice_is_accel() - is there such a rule? */
bool choice_is_accel(const char *device);

/** module_load() - modprobe, unless the driver is there; 0 or -errno with the reason told */
int module_load(const char *driver);

#endif
