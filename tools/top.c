// SPDX-License-Identifier: GPL-2.0
/* hvaccel top: what each VMBus channel does, as it does it, from the bus's own counters. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "hvaccel.h"
#include "memory.h"
#include "nic.h"
#include "options.h"
#include "sysfs.h"

/* Documentation/ABI/stable/sysfs-bus-vmbus: counters; what they count is in the column's name. */
static const struct {
	const char *file;
	const char *column;
} counter[] = {
	{ "interrupts", "INTR/s" }, /* from the host */
	{ "events", "SIGNAL/s" }, /* to the host */
	{ "intr_in_full", "INFULL/s" }, /* the host signalled that there is room again */
	{ "out_full_total", "OUTFULL/s" }, /* packets that found the ring full */
};

#define COUNTERS (sizeof(counter) / sizeof(counter[0]))

struct row {
	char device[64];
	char name[IFNAMSIZ]; /* of a NIC's interface */
	char relid[16];
	long cpu;
	long waiting; /* bytes that the host has written and nobody read */
	long room; /* bytes that may still be written to the host */
	long count[COUNTERS];
	double rate[COUNTERS];
};

struct sample {
	struct row *row;
	size_t n;
	struct timespec at;
};

static void read_row(struct row *row, const char *device, const char *relid, const char *name)
{
	snprintf(row->device, sizeof(row->device), "%s", device);
	snprintf(row->relid, sizeof(row->relid), "%s", relid);
	snprintf(row->name, sizeof(row->name), "%s", name);
	row->cpu = sysfs_read_long(-1, VMBUS_DEVICES "/%s/channels/%s/cpu", device, relid);
	row->waiting = sysfs_read_long(-1, VMBUS_DEVICES "/%s/channels/%s/read_avail", device,
				       relid);
	row->room = sysfs_read_long(-1, VMBUS_DEVICES "/%s/channels/%s/write_avail", device,
				    relid);
	for (size_t i = 0; i < COUNTERS; i++)
		row->count[i] = sysfs_read_long(0, VMBUS_DEVICES "/%s/channels/%s/%s", device,
						relid, counter[i].file);
}

static void take(struct sample *sample, const char *only)
{
	char **device = sysfs_list(VMBUS_DEVICES);

	memset(sample, 0, sizeof(*sample));
	for (char **d = device; *d; d++) {
		char **relid = sysfs_list(VMBUS_DEVICES "/%s/channels", *d);
		char **name = sysfs_list(VMBUS_DEVICES "/%s/net", *d);
		bool wanted = !only || !strcmp(only, *d) || (*name && !strcmp(only, *name));

		for (char **r = relid; wanted && *r; r++) {
			sample->row = grow(sample->row, &sample->n, sizeof(*sample->row));
			read_row(&sample->row[sample->n - 1], *d, *r, *name ? *name : "");
		}
		sysfs_list_free(name);
		sysfs_list_free(relid);
	}
	sysfs_list_free(device);
	clock_gettime(CLOCK_MONOTONIC, &sample->at);
}

/* A channel that is new, or was opened anew and counts from 0, has no rate yet. */
static void rates(struct sample *now, const struct sample *before)
{
	double seconds = now->at.tv_sec - before->at.tv_sec +
			 (now->at.tv_nsec - before->at.tv_nsec) / 1e9;

	for (size_t i = 0; i < now->n; i++)
		for (size_t j = 0; j < before->n; j++) {
			struct row *row = &now->row[i];

			if (strcmp(row->device, before->row[j].device) ||
			    strcmp(row->relid, before->row[j].relid))
				continue;
			for (size_t c = 0; c < COUNTERS; c++) {
				long more = row->count[c] - before->row[j].count[c];

				row->rate[c] = more > 0 && seconds > 0 ? more / seconds : 0;
			}
		}
}

static int busiest(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->rate[0] != y->rate[0])
		return x->rate[0] < y->rate[0] ? 1 : -1;
	return strcmp(x->device, y->device) ?: strcmp(x->relid, y->relid);
}

static void show(struct sample *sample, bool terminal)
{
	struct winsize size = { .ws_row = 24 };
	size_t rows = sample->n;

	if (terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row > 2 &&
	    rows > size.ws_row - 2u)
		rows = size.ws_row - 2u;
	/* To the corner, and clear what was below. */
	if (terminal)
		printf("\033[H\033[J");
	qsort(sample->row, sample->n, sizeof(*sample->row), busiest);
	printf("%-10s %5s %4s %10s %10s", "DEVICE", "RELID", "CPU", "WAITING", "ROOM");
	for (size_t c = 0; c < COUNTERS; c++)
		printf(" %10s", counter[c].column);
	printf("\n");
	for (size_t i = 0; i < rows; i++) {
		const struct row *row = &sample->row[i];

		printf("%-10.10s %5s %4ld %10ld %10ld", *row->name ? row->name : row->device,
		       row->relid, row->cpu, row->waiting, row->room);
		for (size_t c = 0; c < COUNTERS; c++)
			printf(" %10.0f", row->rate[c]);
		printf("\n");
	}
	fflush(stdout);
}

static void usage(FILE *to)
{
	fprintf(to, "usage: hvaccel top [OPTION...] [DEVICE|NIC]\n"
		"What each VMBus channel does, the busiest first; control-C ends it.\n"
		"  -d, --delay SECONDS  between two looks (1), 0.1 to 3600\n"
		"  -n, --turns N        stop after so many\n"
		"  --sysroot DIR        look at a saved tree instead of this machine\n");
}

static bool number(double *value, const char *text, double least, double most)
{
	char *end;

	*value = strtod(text, &end);
	if (end != text && !*end && *value >= least && *value <= most)
		return true;
	fprintf(stderr, "hvaccel: '%s' is not between %g and %g\n", text, least, most);
	return false;
}

static int run(const char *only, double delay, double turns)
{
	bool terminal = isatty(STDOUT_FILENO);
	struct sample before, now;

	take(&before, only);
	if (!before.n) {
		fprintf(stderr, "hvaccel: no channel%s%s in " VMBUS_DEVICES "\n",
			only ? " of " : "", only ? only : "");
		return STATUS_ABSENT;
	}
	for (double turn = 0; !turns || turn < turns; turn++) {
		struct timespec nap = { (time_t)delay, (delay - (time_t)delay) * 1e9 };

		while (nanosleep(&nap, &nap) && errno == EINTR)
			;
		take(&now, only);
		rates(&now, &before);
		show(&now, terminal);
		free(before.row);
		before = now;
	}
	free(before.row);
	return STATUS_OK;
}

int top_main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "turns", required_argument, NULL, 'n' },
		OPTION_SYSROOT,
		OPTION_HELP,
		{ 0 },
	};
	double delay = 1, turns = 0;
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "d:n:h", known, NULL)) != -1) {
		switch (c) {
		case 'd':
			good = number(&delay, optarg, 0.1, 3600);
			break;
		case 'n':
			good = number(&turns, optarg, 1, 1e9);
			break;
		default:
			if (!option_alike(c, usage))
				return STATUS_USAGE;
		}
	}
	if (!good)
		return STATUS_USAGE;
	if (argc - optind > 1) {
		fprintf(stderr, "hvaccel: top takes one device, not '%s' too\n", argv[optind + 1]);
		return STATUS_USAGE;
	}
	return run(optind < argc ? argv[optind] : NULL, delay, turns);
}
