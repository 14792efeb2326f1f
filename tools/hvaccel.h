/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hvaccel.h: exit statuses and the commands, one file each.
 */
#ifndef HVACCEL_H
#define HVACCEL_H

#include <stddef.h>

/* What a script learns from a command. */
enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1, /* something was refused; named on stderr */
	STATUS_USAGE = 2,
	STATUS_ABSENT = 3, /* nothing here to work on: no VMBus */
	STATUS_CHANGES = 4, /* --check, topo check: what is there is not what should be */
	STATUS_SYNTHETIC = 5, /* status: the synthetic path carries, the host offers no VF */
	STATUS_DEGRADED = 6, /* status: a VF should carry and does not; doctor: warnings */
	STATUS_SICK = 7, /* doctor: GPUDirect RDMA will not work */
};

/* struct placement - where a channel should be */
struct placement {
	char device[64];
	char relid[16];
	long cpu;
};

/**
 * placement_plan() - every channel that can be moved, and its processor in the plan
 * @n: their number
 *
 * Return: to be freed; NULL and no channel where the machine has none, or a list of processors
 * cannot be read, which is told.
 */
struct placement *placement_plan(size_t *n);

/** placement_main() - `hvaccel placement`; arguments from its own name on */
int placement_main(int argc, char **argv);

/**
 * external_main() - a command that is a program of its own, with its name and arguments
 *
 * Return: does not, unless the program is not there.
 */
int external_main(int argc, char **argv);
/**
 * program_path() - where udev finds this program at the next boot
 *
 * A system extension has it in /usr/bin, packages in /usr/sbin, where it is said to be when what
 * runs is a build that nobody installed.
 */
const char *program_path(void);
/** status_main() - `hvaccel status`; likewise */
int status_main(int argc, char **argv);
/** switch_main() - `hvaccel switch`; likewise */
int switch_main(int argc, char **argv);
/** confirm_main() - `hvaccel confirm`; likewise */
int confirm_main(int argc, char **argv);
/** attach_main() - `hvaccel attach`, which udev runs; likewise */
int attach_main(int argc, char **argv);
/** topo_main() - `hvaccel topo`; likewise */
int topo_main(int argc, char **argv);
/** tune_main() - `hvaccel tune`; likewise */
int tune_main(int argc, char **argv);
/** top_main() - `hvaccel top`; likewise */
int top_main(int argc, char **argv);
/** rdma_names_main() - `hvaccel rdma-names`; likewise */
int rdma_names_main(int argc, char **argv);
/** doctor_main() - `hvaccel doctor`; likewise */
int doctor_main(int argc, char **argv);

#endif
