// SPDX-License-Identifier: GPL-2.0
/*
 * hvaccel rdma-names: names of RDMA devices that are the same at each boot and on each machine of a
 * size. The kernel numbers devices as they come. rdma-core names by PCI domain, which pci-hyperv
 * changes when two instance ids collide. The serial that the host gives a function stays, so names
 * are made of it, at registration, by rdma-core's own rename program.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvaccel.h"
#include "memory.h"
#include "nic.h"
#include "options.h"
#include "sysfs.h"

/* The file of this name in /etc replaces rdma-core's own. */
#define RULES "/etc/udev/rules.d/60-rdma-persistent-naming.rules"
#define FIRST_LINE "# Made by `hvaccel rdma-names --apply`, taken back by --undo."

/* With the path of this program. */
static const char rules[] =
	FIRST_LINE "\n"
	"ACTION!=\"add\", GOTO=\"hvaccel_rdma_end\"\n"
	"SUBSYSTEM!=\"infiniband\", GOTO=\"hvaccel_rdma_end\"\n"
	"PROGRAM==\"%s rdma-names --of %%k\", RESULT==\"?*\", \\\n"
	"  ENV{HVACCEL_RDMA_NAME}=\"%%c\"\n"
	"ENV{HVACCEL_RDMA_NAME}==\"?*\", \\\n"
	"  PROGRAM==\"rdma_rename %%k NAME_FIXED $env{HVACCEL_RDMA_NAME}\", \\\n"
	"  GOTO=\"hvaccel_rdma_end\"\n"
	"# On no synthetic bus, or without a serial: as rdma-core does it.\n"
	"PROGRAM==\"rdma_rename %%k NAME_FALLBACK\"\n"
	"LABEL=\"hvaccel_rdma_end\"\n";

/* rdma-core's prefixes; an InfiniBand controller has a PCI class of its own. */
static const char *prefix_of(const char *address)
{
	long class = sysfs_read_long(0, PCI_DEVICES "/%s/class", address);

	return class >> 8 == 0x0207 ? "ib" : class >> 8 == 0x0200 ? "roce" : "rdma";
}

/* The name of a device by its present name; false when its function has no serial. */
static bool name_for(char *name, size_t size, char *address, size_t address_size,
		     char *serial, size_t serial_size, const char *rdma)
{
	char vmbus[64];

	sysfs_link(address, address_size, "/sys/class/infiniband/%s/device", rdma);
	*serial = 0;
	*vmbus = 0;
	if (*address) {
		pci_vmbus_of(vmbus, sizeof(vmbus), address);
		pci_serial_of(serial, serial_size, address);
	}
	if (!*vmbus || !*serial)
		return false;
	snprintf(name, size, "%ss%s", prefix_of(address), serial);
	return true;
}

static int show(void)
{
	char **rdma = sysfs_list("/sys/class/infiniband");
	char name[64], address[64], serial[32];

	printf("%-16s %-14s %-8s %s\n", "DEVICE", "FUNCTION", "SERIAL", "NAME");
	for (char **r = rdma; *r; r++) {
		bool good = name_for(name, sizeof(name), address, sizeof(address), serial,
				     sizeof(serial), *r);

		printf("%-16s %-14s %-8s %s%s\n", *r, *address ? address : "-",
		       *serial ? serial : "-", good ? name : "as rdma-core names it",
		       good && strcmp(name, *r) ? " *" : "");
	}
	sysfs_list_free(rdma);
	return STATUS_OK;
}

static bool ours(const char *path, int *error)
{
	char line[128];
	FILE *file = fopen(path, "re");
	bool same;

	*error = errno;
	if (!file)
		return false;
	*error = 0;
	same = fgets(line, sizeof(line), file) && !strncmp(line, FIRST_LINE, strlen(FIRST_LINE));
	fclose(file);
	return same;
}

/* A file of somebody else's is not touched. */
static int change(bool undo)
{
	char *path = sysfs_path(RULES), *new = text_of("%s.new", path);
	int error, status = STATUS_FAILED;
	FILE *file = NULL;

	if (!ours(path, &error) && error != ENOENT) {
		fprintf(stderr, "hvaccel: %s: %s\n", path,
			error ? strerror(error) : "not made by hvaccel, left alone");
	} else if (undo) {
		if (!unlink(path) || errno == ENOENT)
			status = STATUS_OK;
		else
			fprintf(stderr, "hvaccel: %s: %s\n", path, strerror(errno));
	} else {
		file = fopen(new, "we");
		if (file && fprintf(file, rules, program_path()) >= 0 && !fflush(file) &&
		    !fsync(fileno(file)) && !rename(new, path))
			status = STATUS_OK;
		else
			fprintf(stderr, "hvaccel: %s: %s\n", path, strerror(errno));
		if (file)
			fclose(file);
	}
	free(new);
	free(path);
	return status;
}

static void usage(FILE *to)
{
	fprintf(to, "usage: hvaccel rdma-names [OPTION]\n"
		"Shows RDMA devices and the names that their serials give them (*: not yet).\n"
		"  --apply        from the next boot on, by a udev rule in rdma-core's place\n"
		"  --undo         take the rule away\n"
		"  --of DEVICE    print that device's name only, for the rule; 1 when it has none\n"
		"  --sysroot DIR  look at a saved tree instead of this machine\n");
}

int rdma_names_main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "apply", no_argument, NULL, 'a' },
		{ "undo", no_argument, NULL, 'u' },
		{ "of", required_argument, NULL, 'o' },
		OPTION_SYSROOT,
		OPTION_HELP,
		{ 0 },
	};
	char name[64], address[64], serial[32];
	const char *of = NULL;
	int c, what = 0;

	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case 'a':
		case 'u':
			what = c;
			break;
		case 'o':
			of = optarg;
			break;
		default:
			if (!option_alike(c, usage))
				return STATUS_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hvaccel: rdma-names takes no '%s'\n", argv[optind]);
		return STATUS_USAGE;
	}
	if (of) {
		if (!name_for(name, sizeof(name), address, sizeof(address), serial,
			      sizeof(serial), of))
			return STATUS_FAILED;
		printf("%s\n", name);
		return STATUS_OK;
	}
	return what ? change(what == 'u') : show();
}
