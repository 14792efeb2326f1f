/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hvaccel.h: exit statuses and the commands, one file each.
 */
#ifndef HVACCEL_H
#define HVACCEL_H

/* What a script learns from a command. */
enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1, /* something was refused; named on stderr */
	STATUS_USAGE = 2,
	STATUS_ABSENT = 3, /* nothing here to work on: no VMBus */
	STATUS_CHANGES = 4, /* placement --check: what is set is not what the policy says */
};

/** placement_main() - `hvaccel placement`; arguments from its own name on */
int placement_main(int argc, char **argv);

/**
 * external_main() - a command that is a program of its own, with its name and arguments
 *
 * Return: does not, unless the program is not there.
 */
int external_main(int argc, char **argv);

#endif
