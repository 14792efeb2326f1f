// SPDX-License-Identifier: GPL-2.0
/* hvaccel: the command that people type. */
#include <stdio.h>
#include <string.h>

#include "hvaccel.h"

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *what;
} command[] = {
	{ "status", status_main, "which path carries each NIC's traffic, and why not the VF" },
	{ "switch", switch_main, "give a NIC to another driver, and back unless confirmed" },
	{ "confirm", confirm_main, "what switch did lasts" },
	{ "attach", attach_main, "what udev runs for a NIC that was switched" },
	{ "topo", topo_main, "which GPUs and RDMA NICs belong together; NCCL's file and others" },
	{ "doctor", doctor_main, "will GPUDirect RDMA work here, and if not, why" },
	{ "tune", tune_main, "settings for hpc, throughput or latency, and back" },
	{ "top", top_main, "what each VMBus channel does, live" },
	{ "rdma-names", rdma_names_main, "names of RDMA devices that stay the same" },
	{ "placement", placement_main, "which processor each VMBus channel interrupts" },
	{ "preflight", external_main, "are the modules ready for the kernel that is booted next" },
	{ "report", external_main, "collect what a bug report wants, without names and addresses" },
};

#define COMMANDS (sizeof(command) / sizeof(command[0]))

static void usage(FILE *to)
{
	fprintf(to, "usage: hvaccel COMMAND [OPTION...]\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-12s %s\n", command[i].name, command[i].what);
	fprintf(to, "  %-12s %s\n", "version", "of this program");
	fprintf(to, "`hvaccel COMMAND --help` tells its options; hvaccel(8) has all of it.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "version") || !strcmp(argv[1], "--version")) {
		printf("hvaccel %s\n", HVACCEL_VERSION);
		return STATUS_OK;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[1], command[i].name))
			return command[i].main(argc - 1, argv + 1);
	fprintf(stderr, "hvaccel: no command '%s' (see hvaccel --help)\n", argv[1]);
	return STATUS_USAGE;
}
