// SPDX-License-Identifier: GPL-2.0
/*
 * hvaccel placement: which processor each VMBus channel interrupts, one policy for every device of
 * the bus whoever drives it.
 *
 * The policy. Channels of NICs, disks and PCI buses each get a processor: never an isolated or
 * nohz_full one; one that has no channel of this device yet, the device's NUMA node first, a core
 * that has none before the sibling of one that has; then the least loaded. All others share the
 * first housekeeping processor. The plan is a function of the machine alone, devices in the order
 * of their instance ids, so it comes out the same after a re-offer, a reboot or a processor that
 * went and came back.
 *
 * It is carried out through the channel's `cpu` attribute (Documentation/ABI/stable/
 * sysfs-bus-vmbus), which checks it again, and XPS of hv_netvsc_accel's queues follows.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvaccel.h"
#include "json.h"
#include "memory.h"
#include "options.h"
#include "sysfs.h"

#define DEVICES  "/sys/bus/vmbus/devices"
#define CPU_DIR  "/sys/devices/system/cpu"
#define CHANNELS_MAX 2048

enum class {
	NET,
	DISK,
	PCI,
	OTHER,
};

static const struct {
	const char *id;
	enum class class;
} class_of[] = {
	{ "{f8615163-df3e-46c5-913f-f2d2f965ed0e}", NET },
	{ "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}", DISK }, /* SCSI */
	{ "{32412632-86cb-44a2-9b5c-50d1417354f5}", DISK }, /* IDE */
	{ "{2f9bcc4a-0069-4af3-b76b-6fd0be528cda}", DISK }, /* fibre channel */
	{ "{44c4f61d-4444-4400-9d52-802e27ede19f}", PCI },
};

static const char * const class_name[] = { "net", "disk", "pci", "other" };

struct channel {
	char relid[16];
	long sub;
	long cpu; /* now; -1 where the file is missing */
	long want;
};

struct device {
	char name[64];
	enum class class;
	long node;
	struct channel *channel;
	unsigned int n_channels;
};

struct processor {
	bool online;
	bool allowed; /* online, and its owner leaves it to us */
	long node;
	long core; /* first of its threads */
	unsigned int rank; /* place among them */
	unsigned int load; /* channels planned */
};

static struct processor cpu_of[CPUS_MAX];
static struct device *devices;
static unsigned int n_devices;

struct options {
	bool json;
	bool apply;
	bool check;
	struct cpus exclude;
};

/* A list that cannot be read would let channels onto processors that nobody may disturb. */
static int read_list(struct cpus *cpus, const char *name)
{
	int ret = sysfs_read_cpus(cpus, CPU_DIR "/%s", name);

	if (!ret || ret == -ENOENT)
		return 0;
	fprintf(stderr, "hvaccel: " CPU_DIR "/%s: %s\n", name, strerror(-ret));
	return ret;
}

static long node_of(unsigned int cpu)
{
	char **name = sysfs_list(CPU_DIR "/cpu%u", cpu), **n;
	long node = -1;

	for (n = name; *n && node < 0; n++)
		if (sscanf(*n, "node%ld", &node) != 1)
			node = -1;
	sysfs_list_free(name);
	return node;
}

static void read_threads(unsigned int cpu)
{
	struct processor *p = &cpu_of[cpu];
	struct cpus threads;

	p->core = cpu;
	p->rank = 0;
	if (sysfs_read_cpus(&threads, CPU_DIR "/cpu%u/topology/thread_siblings_list", cpu))
		return;
	for (unsigned int each = 0; each < cpu; each++) {
		if (!threads.has[each])
			continue;
		if (p->core == cpu)
			p->core = each;
		p->rank += cpu_of[each].allowed;
	}
}

static int read_processors(const struct cpus *exclude)
{
	struct cpus online, isolated, nohz_full;
	unsigned int allowed = 0;
	int ret;

	ret = sysfs_read_cpus(&online, CPU_DIR "/online");
	if (ret || !cpus_count(&online)) {
		fprintf(stderr, "hvaccel: " CPU_DIR "/online: %s\n",
			ret ? strerror(-ret) : "no processor");
		return STATUS_FAILED;
	}
	if (read_list(&isolated, "isolated") || read_list(&nohz_full, "nohz_full"))
		return STATUS_FAILED;
	for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++) {
		struct processor *p = &cpu_of[cpu];

		p->online = online.has[cpu];
		p->allowed = p->online && !isolated.has[cpu] && !nohz_full.has[cpu] &&
			     !exclude->has[cpu];
		allowed += p->allowed;
		if (!p->online)
			continue;
		p->node = node_of(cpu);
		read_threads(cpu);
	}
	if (!allowed) {
		fprintf(stderr, "hvaccel: every processor is isolated, nohz_full or excluded\n");
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

static int by_sub(const void *a, const void *b)
{
	const struct channel *x = a, *y = b;

	return x->sub < y->sub ? -1 : x->sub > y->sub;
}

static void read_channels(struct device *d)
{
	char **relid = sysfs_list(DEVICES "/%s/channels", d->name);

	for (char **r = relid; *r && d->n_channels < CHANNELS_MAX; r++) {
		struct channel *c;

		d->channel = must(realloc(d->channel, (d->n_channels + 1) * sizeof(*c)));
		c = &d->channel[d->n_channels++];
		snprintf(c->relid, sizeof(c->relid), "%s", *r);
		c->sub = sysfs_read_long(-1, DEVICES "/%s/channels/%s/subchannel_id", d->name, *r);
		c->cpu = sysfs_read_long(-1, DEVICES "/%s/channels/%s/cpu", d->name, *r);
		c->want = -1;
	}
	sysfs_list_free(relid);
	if (d->n_channels)
		qsort(d->channel, d->n_channels, sizeof(*d->channel), by_sub);
}

static enum class read_class(const char *name)
{
	char id[64];

	if (!sysfs_read(id, sizeof(id), DEVICES "/%s/class_id", name))
		for (size_t i = 0; i < sizeof(class_of) / sizeof(class_of[0]); i++)
			if (!strcasecmp(id, class_of[i].id))
				return class_of[i].class;
	return OTHER;
}

static int by_class(const void *a, const void *b)
{
	const struct device *x = a, *y = b;

	return x->class != y->class ? (int)x->class - (int)y->class : strcmp(x->name, y->name);
}

static int read_devices(void)
{
	char **name = sysfs_list(DEVICES);

	for (char **n = name; *n; n++) {
		struct device *d;

		devices = must(realloc(devices, (n_devices + 1) * sizeof(*d)));
		d = &devices[n_devices++];
		memset(d, 0, sizeof(*d));
		snprintf(d->name, sizeof(d->name), "%s", *n);
		d->class = read_class(*n);
		d->node = sysfs_read_long(-1, DEVICES "/%s/numa_node", *n);
		read_channels(d);
	}
	sysfs_list_free(name);
	if (!n_devices) {
		fprintf(stderr, "hvaccel: no VMBus device in " DEVICES "\n");
		return STATUS_ABSENT;
	}
	qsort(devices, n_devices, sizeof(*devices), by_class);
	return STATUS_OK;
}

/* Is @a a better place than @b? Channels of this device are in @own and @own_core. */
static bool better(const struct device *d, const unsigned int *own, const unsigned int *own_core,
		   unsigned int a, unsigned int b)
{
	const struct processor *p = &cpu_of[a], *q = &cpu_of[b];
	bool far_p = d->node >= 0 && p->node >= 0 && p->node != d->node;
	bool far_q = d->node >= 0 && q->node >= 0 && q->node != d->node;

	if (own[a] != own[b])
		return own[a] < own[b];
	if (far_p != far_q)
		return far_q;
	if (own_core[p->core] != own_core[q->core])
		return own_core[p->core] < own_core[q->core];
	if (p->load != q->load)
		return p->load < q->load;
	if (p->rank != q->rank)
		return p->rank < q->rank;
	return a < b;
}

static void plan_device(struct device *d)
{
	unsigned int own[CPUS_MAX] = { 0 }, own_core[CPUS_MAX] = { 0 };

	for (unsigned int i = 0; i < d->n_channels; i++) {
		long best = -1;

		for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++) {
			if (!cpu_of[cpu].allowed)
				continue;
			if (best < 0 ||
			    (d->class != OTHER && better(d, own, own_core, cpu, best)))
				best = cpu;
		}
		d->channel[i].want = best;
		if (d->class == OTHER)
			continue;
		own[best]++;
		own_core[cpu_of[best].core]++;
		cpu_of[best].load++;
	}
}

/* The queue whose channel interrupts nearest to @cpu; ties are dealt out in turn. */
static unsigned int nearest(const struct device *d, unsigned int cpu)
{
	unsigned int best = 0, best_distance = ~0u, ties = 0;

	for (unsigned int i = 0; i < d->n_channels; i++) {
		const struct processor *p = &cpu_of[d->channel[i].want];
		unsigned int distance = d->channel[i].want == (long)cpu ? 0 :
					p->core == cpu_of[cpu].core ? 1 :
					p->node == cpu_of[cpu].node ? 2 : 3;

		if (distance < best_distance) {
			best_distance = distance;
			ties = 0;
		}
		if (distance == best_distance && (!ties++ || cpu % d->n_channels == i))
			best = i;
	}
	return best;
}

/* Transmit queues of hv_netvsc_accel; hv_netvsc chooses without asking XPS. */
static int apply_xps(const struct device *d)
{
	char driver[64], text[CPUS_MASK_SIZE];
	char **nic;
	int ret = 0;

	sysfs_link(driver, sizeof(driver), DEVICES "/%s/driver", d->name);
	if (d->class != NET || !d->n_channels || strcmp(driver, "hv_netvsc_accel"))
		return 0;
	nic = sysfs_list(DEVICES "/%s/net", d->name);
	for (unsigned int q = 0; *nic && q < d->n_channels; q++) {
		struct cpus mask = { 0 };
		int err;

		for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++)
			mask.has[cpu] = cpu_of[cpu].online && nearest(d, cpu) == q;
		cpus_mask(&mask, text, sizeof(text));
		err = sysfs_write(text, DEVICES "/%s/net/%s/queues/tx-%u/xps_cpus", d->name, *nic,
				  q);
		/* fewer queues than channels, or a kernel without XPS */
		if (err && err != -ENOENT) {
			fprintf(stderr, "hvaccel: %s: XPS of queue %u: %s\n", *nic, q,
				strerror(-err));
			ret = err;
		}
	}
	sysfs_list_free(nic);
	return ret;
}

static int apply_channel(const struct device *d, struct channel *c)
{
	char text[16];
	int err;

	if (c->cpu < 0 || c->cpu == c->want)
		return 0;
	snprintf(text, sizeof(text), "%ld", c->want);
	err = sysfs_write(text, DEVICES "/%s/channels/%s/cpu", d->name, c->relid);
	switch (err) {
	case 0:
		c->cpu = c->want;
		return 0;
	case -EIO:
		/* the bus moves open channels only, and none of a host before protocol 4.1 */
		fprintf(stderr, "hvaccel: %s channel %s is not open or cannot be moved\n", d->name,
			c->relid);
		return 0;
	default:
		fprintf(stderr, "hvaccel: %s channel %s to processor %ld: %s\n", d->name, c->relid,
			c->want, strerror(-err));
		return err;
	}
}

static int apply(void)
{
	int status = STATUS_OK;

	for (unsigned int i = 0; i < n_devices; i++) {
		for (unsigned int j = 0; j < devices[i].n_channels; j++)
			if (apply_channel(&devices[i], &devices[i].channel[j]))
				status = STATUS_FAILED;
		if (apply_xps(&devices[i]))
			status = STATUS_FAILED;
	}
	return status;
}

static void show_text(void)
{
	printf("%-36s %-5s %4s %3s %5s %4s %4s\n", "DEVICE", "CLASS", "NODE", "SUB", "RELID", "CPU",
	       "PLAN");
	for (unsigned int i = 0; i < n_devices; i++) {
		const struct device *d = &devices[i];

		for (unsigned int j = 0; j < d->n_channels; j++) {
			const struct channel *c = &d->channel[j];

			printf("%-36s %-5s %4ld %3ld %5s %4ld %4ld%s\n", d->name,
			       class_name[d->class], d->node, c->sub, c->relid, c->cpu, c->want,
			       c->cpu == c->want ? "" : " *");
		}
	}
}

static void show_json(void)
{
	struct json_object *all = json_object_new_array();

	for (unsigned int i = 0; i < n_devices; i++) {
		const struct device *d = &devices[i];

		for (unsigned int j = 0; j < d->n_channels; j++) {
			const struct channel *c = &d->channel[j];
			struct json_object *o = json_object_new_object();

			json_object_object_add(o, "device", json_object_new_string(d->name));
			json_object_object_add(o, "class",
					       json_object_new_string(class_name[d->class]));
			json_object_object_add(o, "node", json_object_new_int64(d->node));
			json_object_object_add(o, "sub", json_object_new_int64(c->sub));
			json_object_object_add(o, "relid", json_object_new_string(c->relid));
			json_object_object_add(o, "cpu", json_object_new_int64(c->cpu));
			json_object_object_add(o, "plan", json_object_new_int64(c->want));
			json_object_array_add(all, o);
		}
	}
	json_show(all, stdout);
}

static bool differs(void)
{
	for (unsigned int i = 0; i < n_devices; i++)
		for (unsigned int j = 0; j < devices[i].n_channels; j++)
			if (devices[i].channel[j].cpu >= 0 &&
			    devices[i].channel[j].cpu != devices[i].channel[j].want)
				return true;
	return false;
}

static void usage(FILE *to)
{
	fprintf(to,
		"usage: hvaccel placement [OPTION...]\n"
		"Shows which processor each VMBus channel interrupts, and which one it should (*).\n"
		"  --apply          move them there, and XPS of hv_netvsc_accel with them\n"
		"  --check          exit with 4 when a channel is not where it should be\n"
		"  --exclude LIST   processors to keep free besides isolated and nohz_full ones: 2-7,10\n"
		"  -j, --json       the table as JSON\n"
		"  --sysroot DIR    look at a saved tree instead of this machine\n");
}

static int options(int argc, char **argv, struct options *opt)
{
	static const struct option known[] = {
		{ "apply", no_argument, NULL, 'a' },
		{ "check", no_argument, NULL, 'c' },
		{ "exclude", required_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		OPTION_SYSROOT,
		OPTION_HELP,
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "jh", known, NULL)) != -1) {
		switch (c) {
		case 'a':
			opt->apply = true;
			break;
		case 'c':
			opt->check = true;
			break;
		case 'e':
			if (!cpus_parse(&opt->exclude, optarg)) {
				fprintf(stderr,
					"hvaccel: --exclude wants a list like 2-7,10, not '%s'\n",
					optarg);
				return STATUS_USAGE;
			}
			break;
		case 'j':
			opt->json = true;
			break;
		default:
			if (!option_alike(c, usage))
				return STATUS_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hvaccel: placement takes no '%s'\n", argv[optind]);
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

/* Read and planned; the devices are in @devices. */
static int make_plan(const struct cpus *exclude)
{
	int status = read_processors(exclude);

	if (!status)
		status = read_devices();
	for (unsigned int i = 0; !status && i < n_devices; i++)
		plan_device(&devices[i]);
	return status;
}

static void forget_plan(void)
{
	for (unsigned int i = 0; i < n_devices; i++)
		free(devices[i].channel);
	free(devices);
	devices = NULL;
	n_devices = 0;
}

struct placement *placement_plan(size_t *n)
{
	struct placement *plan = NULL;
	struct cpus none = { 0 };

	*n = 0;
	make_plan(&none);
	for (unsigned int i = 0; i < n_devices; i++)
		for (unsigned int j = 0; j < devices[i].n_channels; j++) {
			const struct channel *c = &devices[i].channel[j];
			struct placement *place;

			if (c->cpu < 0 || c->want < 0)
				continue;
			plan = grow(plan, n, sizeof(*plan));
			place = &plan[*n - 1];
			snprintf(place->device, sizeof(place->device), "%s", devices[i].name);
			snprintf(place->relid, sizeof(place->relid), "%s", c->relid);
			place->cpu = c->want;
		}
	forget_plan();
	return plan;
}

int placement_main(int argc, char **argv)
{
	struct options opt = { 0 };
	int status;

	status = options(argc, argv, &opt);
	if (!status)
		status = make_plan(&opt.exclude);
	if (status) {
		forget_plan();
		return status;
	}
	if (opt.apply)
		status = apply();
	if (opt.json)
		show_json();
	else
		show_text();
	if (!status && opt.check && differs())
		status = STATUS_CHANGES;
	forget_plan();
	return status;
}
