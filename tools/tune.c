// SPDX-License-Identifier: GPL-2.0
/*
 * hvaccel tune: profiles of settings that the kernel and the drivers have already. Shows what it
 * would change and why; changes it when told; remembers what was there, and brings it back.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ethtool.h"
#include "hvaccel.h"
#include "memory.h"
#include "nic.h"
#include "options.h"
#include "sysfs.h"

/* Values from before, one a line: path, a tab, value. Gone with a reboot, as the settings are. */
#define UNDO_DIR "/run/hvaccel"
#define UNDO     UNDO_DIR "/tune.undo"

enum profile {
	HPC = 1,
	THROUGHPUT = 2,
	LATENCY = 4,
};

static const struct {
	const char *name;
	enum profile profile;
} profile_of[] = { { "hpc", HPC }, { "throughput", THROUGHPUT }, { "latency", LATENCY } };

/* Files of the system; less than what is there is never written where @least is set. */
static const struct knob {
	unsigned int profiles;
	const char *path;
	const char *want;
	bool least;
	const char *why;
} knob[] = {
	{ HPC, "/proc/sys/kernel/numa_balancing", "0", false,
	  "moves pages that NICs have pinned, and unmaps others to see who uses them" },
	{ HPC, "/proc/sys/vm/zone_reclaim_mode", "1", false,
	  "memory of the own node first, even if its page cache has to go" },
	{ HPC, "/proc/sys/vm/stat_interval", "10", true,
	  "fewer interruptions of processors that compute" },
	{ HPC | THROUGHPUT, "/proc/sys/net/core/rmem_max", "16777216", true,
	  "a socket may ask for what a long fast path holds" },
	{ HPC | THROUGHPUT, "/proc/sys/net/core/wmem_max", "16777216", true,
	  "a socket may ask for what a long fast path holds" },
	{ THROUGHPUT, "/proc/sys/net/core/netdev_max_backlog", "5000", true,
	  "bursts wait for a processor and are not dropped" },
	{ LATENCY, "/proc/sys/net/core/busy_read", "50", true,
	  "a reader looks at the queue for 50 us before it sleeps" },
	{ LATENCY, "/proc/sys/net/core/busy_poll", "50", true,
	  "the same for poll() and select()" },
};

/* Files of each synthetic NIC in /sys/class/net/NIC. */
static const struct knob nic_knob[] = {
	{ THROUGHPUT, "gro_flush_timeout", "20000", false,
	  "packets are put together for 20 us longer" },
	{ THROUGHPUT, "napi_defer_hard_irqs", "2", false,
	  "two empty polls before the interrupt is unmasked" },
	{ LATENCY, "gro_flush_timeout", "0", false, "no packet waits for another" },
	{ LATENCY, "napi_defer_hard_irqs", "0", false, "the interrupt is unmasked at once" },
};

/* What hv_netvsc_accel has in ethtool -C; a path of its own kind, coalesce:NIC. */
#define COALESCE "coalesce:"

static const struct {
	unsigned int profiles;
	const char *want; /* rx-usecs, adaptive-rx, tx-frames */
	const char *why;
} coalesce[] = {
	{ THROUGHPUT, "512 1 64",
	  "under load the interrupt stays masked and packets share doorbells" },
	{ LATENCY, "0 0 1", "every packet has its doorbell, the interrupt is never kept masked" },
};

struct change {
	char *path;
	char now[128];
	char want[128];
	const char *why;
};

static struct change *change;
static size_t n_changes;

static int read_value(char *value, size_t size, const char *path)
{
	struct ethtool_coalesce c = { .cmd = ETHTOOL_GCOALESCE };
	int ret;

	if (strncmp(path, COALESCE, strlen(COALESCE)))
		return sysfs_read(value, size, "%s", path);
	/* A saved tree has no ethtool to ask. */
	ret = sysfs_saved() ? -EOPNOTSUPP : ethtool_ask(path + strlen(COALESCE), &c);
	if (!ret)
		snprintf(value, size, "%u %u %u", c.rx_coalesce_usecs, c.use_adaptive_rx_coalesce,
			 c.tx_max_coalesced_frames);
	return ret;
}

static int write_value(const char *value, const char *path)
{
	struct ethtool_coalesce c = { .cmd = ETHTOOL_GCOALESCE };
	const char *nic = path + strlen(COALESCE);
	int ret;

	if (strncmp(path, COALESCE, strlen(COALESCE)))
		return sysfs_write(value, "%s", path);
	ret = ethtool_ask(nic, &c);
	if (ret)
		return ret;
	c.cmd = ETHTOOL_SCOALESCE;
	if (sscanf(value, "%u %u %u", &c.rx_coalesce_usecs, &c.use_adaptive_rx_coalesce,
		   &c.tx_max_coalesced_frames) != 3)
		return -EINVAL;
	return ethtool_ask(nic, &c);
}

/* What there is not is passed over; what is as it should be too. */
static void consider(const char *path, const char *want, bool least, const char *why)
{
	char now[128];

	if (read_value(now, sizeof(now), path) || !strcmp(now, want) ||
	    (least && strtoll(now, NULL, 10) >= strtoll(want, NULL, 10)))
		return;
	change = grow(change, &n_changes, sizeof(*change));
	change[n_changes - 1].path = must(strdup(path));
	change[n_changes - 1].why = why;
	snprintf(change[n_changes - 1].now, sizeof(change->now), "%s", now);
	snprintf(change[n_changes - 1].want, sizeof(change->want), "%s", want);
}

static void consider_nic(const struct nic *nic, enum profile profile)
{
	char path[256];

	for (size_t i = 0; i < sizeof(nic_knob) / sizeof(nic_knob[0]); i++) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/%s", nic->name, nic_knob[i].path);
		if (nic_knob[i].profiles & profile)
			consider(path, nic_knob[i].want, false, nic_knob[i].why);
	}
	if (strcmp(nic->driver, "hv_netvsc_accel"))
		return;
	snprintf(path, sizeof(path), COALESCE "%s", nic->name);
	for (size_t i = 0; i < sizeof(coalesce) / sizeof(coalesce[0]); i++)
		if (coalesce[i].profiles & profile)
			consider(path, coalesce[i].want, false, coalesce[i].why);
}

/* The plan of `hvaccel placement`, whose exclusions are the kernel's own isolated processors. */
static void consider_channels(void)
{
	struct placement *plan;
	size_t n;

	plan = placement_plan(&n);
	for (size_t i = 0; i < n; i++) {
		char path[256], want[16];

		snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/channels/%s/cpu", plan[i].device,
			 plan[i].relid);
		snprintf(want, sizeof(want), "%ld", plan[i].cpu);
		consider(path, want, false, "local to the device, a core each, no isolated one");
	}
	free(plan);
}

static void plan(enum profile profile)
{
	struct nic *nics;
	size_t n;

	for (size_t i = 0; i < sizeof(knob) / sizeof(knob[0]); i++)
		if (knob[i].profiles & profile)
			consider(knob[i].path, knob[i].want, knob[i].least, knob[i].why);
	nics = nics_read(&n);
	for (size_t i = 0; i < n; i++)
		if (*nics[i].name)
			consider_nic(&nics[i], profile);
	free(nics);
	consider_channels();
}

/* The first value that a path had is the one to bring back. */
static bool remembered(const char *path)
{
	FILE *file = sysfs_open(UNDO);
	size_t length = strlen(path);
	bool found = false;
	char line[512];

	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, path, length) && line[length] == '\t';
	if (file)
		fclose(file);
	return found;
}

static int remember(const struct change *c)
{
	char *path, *dir;
	FILE *file;
	int ret = 0;

	if (remembered(c->path))
		return 0;
	path = sysfs_path(UNDO);
	dir = sysfs_path(UNDO_DIR);
	mkdir(dir, 0700);
	file = fopen(path, "ae");
	if (!file)
		ret = -errno;
	else if (fprintf(file, "%s\t%s\n", c->path, c->now) < 0 || fflush(file))
		ret = -errno;
	if (file)
		fclose(file);
	if (ret)
		fprintf(stderr, "hvaccel: %s: %s\n", path, strerror(-ret));
	free(dir);
	free(path);
	return ret;
}

static int apply(void)
{
	int status = STATUS_OK;

	for (size_t i = 0; i < n_changes; i++) {
		int ret;

		/* What could not be taken back is not done. */
		if (remember(&change[i]))
			return STATUS_FAILED;
		ret = write_value(change[i].want, change[i].path);
		/* The bus says that of channels which are not open; they have none to move. */
		if (ret && !(ret == -EIO && strstr(change[i].path, "/channels/"))) {
			fprintf(stderr, "hvaccel: %s: %s\n", change[i].path, strerror(-ret));
			status = STATUS_FAILED;
		}
	}
	return status;
}

static int undo(void)
{
	FILE *file = sysfs_open(UNDO);
	int status = STATUS_OK;
	char line[512], *path;

	if (!file) {
		fprintf(stderr, "hvaccel: nothing to take back\n");
		return STATUS_FAILED;
	}
	while (fgets(line, sizeof(line), file)) {
		char *value = strchr(line, '\t');
		int ret;

		if (!value)
			continue;
		*value++ = 0;
		value[strcspn(value, "\n")] = 0;
		ret = write_value(value, line);
		/* A NIC or a channel that went took its settings along. */
		if (ret && ret != -ENOENT && ret != -ENODEV &&
		    !(ret == -EIO && strstr(line, "/channels/"))) {
			fprintf(stderr, "hvaccel: %s: %s\n", line, strerror(-ret));
			status = STATUS_FAILED;
		} else {
			printf("%s: %s\n", line, value);
		}
	}
	fclose(file);
	path = sysfs_path(UNDO);
	if (!status && unlink(path)) {
		fprintf(stderr, "hvaccel: %s: %s\n", path, strerror(errno));
		status = STATUS_FAILED;
	}
	free(path);
	return status;
}

static void usage(FILE *to)
{
	fprintf(to, "usage: hvaccel tune [OPTION...] hpc|throughput|latency\n"
		"       hvaccel tune --undo\n"
		"Shows what the profile would change, and why.\n"
		"  --apply        change it\n"
		"  --undo         everything as it was before the first --apply\n"
		"  --sysroot DIR  look at a saved tree instead of this machine\n");
}

static int options(int argc, char **argv, bool *do_apply, bool *do_undo)
{
	static const struct option known[] = {
		{ "apply", no_argument, NULL, 'a' },
		{ "undo", no_argument, NULL, 'u' },
		OPTION_SYSROOT,
		OPTION_HELP,
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case 'a':
			*do_apply = true;
			break;
		case 'u':
			*do_undo = true;
			break;
		default:
			if (!option_alike(c, usage))
				return STATUS_USAGE;
		}
	}
	if (*do_undo ? argc != optind || *do_apply : argc - optind != 1) {
		fprintf(stderr, "hvaccel: tune wants one profile, or --undo alone\n");
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

int tune_main(int argc, char **argv)
{
	bool do_apply = false, do_undo = false;
	enum profile profile = 0;
	int status;

	status = options(argc, argv, &do_apply, &do_undo);
	if (status)
		return status;
	if (do_undo)
		return undo();
	for (size_t i = 0; i < sizeof(profile_of) / sizeof(profile_of[0]); i++)
		if (!strcmp(argv[optind], profile_of[i].name))
			profile = profile_of[i].profile;
	if (!profile) {
		fprintf(stderr, "hvaccel: tune has no profile '%s' (see --help)\n", argv[optind]);
		return STATUS_USAGE;
	}
	plan(profile);
	for (size_t i = 0; i < n_changes; i++)
		printf("%s: %s -> %s\n    %s\n", change[i].path, change[i].now, change[i].want,
		       change[i].why);
	if (!n_changes)
		printf("nothing to change\n");
	if (do_apply)
		status = apply();
	for (size_t i = 0; i < n_changes; i++)
		free(change[i].path);
	free(change);
	return status;
}
