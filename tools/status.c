// SPDX-License-Identifier: GPL-2.0
/*
 * hvaccel status: which path carries each NIC's traffic, since when, and why it is not the VF.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvaccel.h"
#include "json.h"
#include "memory.h"
#include "nic.h"
#include "options.h"
#include "stats.h"
#include "sysfs.h"
#include "vf.h"

#define CAUSE "vf_cause_"

struct report {
	const struct nic *nic;
	struct stats stats;
	int stats_error;
	struct vf_state vf;
	struct stat *drop;
	size_t n_drops;
};

static const char * const path_name[] = { "none", "synthetic", "vf" };
static const char * const modules[] = {
	"hv_vmbus", "hv_netvsc", "hv_netvsc_accel", "hv_vmbus_accel", "hv_gpu_passthrough",
	"pci_hyperv", "mana", "mlx5_core", "mlx4_core",
};

/* What either driver counts when a packet is lost or had to wait. */
static const char * const netvsc_drop[] = {
	"tx_no_memory", "tx_no_space", "tx_too_big", "tx_busy", "tx_send_full", "rx_comp_busy",
	"rx_no_memory", "vf_tx_dropped", "vf_tx_unfinished", "vf_unanswered", "vlan_error",
};

/* What hv_netvsc_accel counts of a queue for the same reasons. */
static const char * const queue_drop[] = {
	"ring_full", "dropped", "no_memory", "xdp_dropped", "xdp_coalesced", "xsk_no_buffer",
};

/* What it counts of a NIC that is no mishap; the rest of those is. */
static const char * const no_drop[] = { "sessions", "vf_messages", "channels" };

static bool among(const char *name, const char * const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

#define AMONG(name, list) among(name, list, sizeof(list) / sizeof((list)[0]))

/* tx_queue_3_dropped is the queue's `dropped`; NULL when it is none of a queue. */
static const char *of_queue(const char *name)
{
	int at = 0;

	if (sscanf(name, "%*1[rt]x_queue_%*u_%n", &at) < 0 || !at)
		return NULL;
	return name + at;
}

static void add_drop(struct report *r, const char *name, uint64_t value)
{
	for (size_t i = 0; i < r->n_drops; i++)
		if (!strcmp(r->drop[i].name, name)) {
			r->drop[i].value += value;
			return;
		}
	r->drop = grow(r->drop, &r->n_drops, sizeof(*r->drop));
	snprintf(r->drop[r->n_drops - 1].name, sizeof(r->drop->name), "%s", name);
	r->drop[r->n_drops - 1].value = value;
}

static void find_drops(struct report *r)
{
	bool ours = !strcmp(r->nic->driver, "hv_netvsc_accel");

	for (size_t i = 0; i < r->stats.n; i++) {
		const struct stat *s = &r->stats.stat[i];
		const char *queue = of_queue(s->name);
		char name[64];

		if (!s->value)
			continue;
		if (ours && queue && AMONG(queue, queue_drop)) {
			snprintf(name, sizeof(name), "%.2s_%s", s->name, queue);
			add_drop(r, name, s->value);
		} else if (AMONG(s->name, netvsc_drop) ||
			   (ours && !queue && strncmp(s->name, "vf_", 3) &&
			    !AMONG(s->name, no_drop))) {
			add_drop(r, s->name, s->value);
		}
	}
}

static enum status verdict(const struct report *r)
{
	if (r->vf.path == PATH_VF)
		return STATUS_OK;
	if (r->vf.path == PATH_SYNTHETIC && r->vf.why == VF_NO_OFFER)
		return STATUS_SYNTHETIC;
	return STATUS_DEGRADED;
}

static const char *verdict_name(enum status status)
{
	return status == STATUS_OK ? "fast" : status == STATUS_SYNTHETIC ? "synthetic" : "degraded";
}

static void show_since(const struct vf_state *vf)
{
	char text[64];
	double up;

	if (!vf->since_us || sysfs_read(text, sizeof(text), "/proc/uptime"))
		return;
	up = strtod(text, NULL) - vf->since_us / 1e6;
	if (up >= 0)
		printf(" for %.0f s", up);
}

/* Why the path went back to the synthetic one, as hv_netvsc_accel counts it. */
static void show_causes(const struct stats *stats)
{
	const char *before = "  causes     ";

	for (size_t i = 0; i < stats->n; i++) {
		if (strncmp(stats->stat[i].name, CAUSE, strlen(CAUSE)) || !stats->stat[i].value)
			continue;
		printf("%s%s %" PRIu64, before, stats->stat[i].name + strlen(CAUSE),
		       stats->stat[i].value);
		before = ", ";
	}
	if (*before == ',')
		printf("\n");
}

static void show_vf(const struct vf_state *vf, const struct stats *stats)
{
	const struct function *f = vf->function;

	if (f)
		printf("  vf         %s serial %s, driver %s, interface %s %s\n", f->address,
		       *f->serial ? f->serial : "none", *f->driver ? f->driver : "none",
		       *f->name ? f->name : "none", f->operstate);
	if (vf->told_serial >= 0)
		printf("  bound      by its address; the host named serial %" PRId64 "\n",
		       vf->told_serial);
	if (vf->why != VF_CARRIES)
		printf("  why        %s: %s\n", vf_why_name[vf->why], vf->text);
	if (vf->flaps >= 0)
		printf("  flaps      %" PRId64 "%s\n", vf->flaps,
		       vf->flaps_logged ? " in what the kernel's log still has" : "");
	show_causes(stats);
	if (vf->ms_vf >= 0 && vf->ms_synthetic >= 0)
		printf("  time       %.3f s on the VF, %.3f s synthetic\n", vf->ms_vf / 1e3,
		       vf->ms_synthetic / 1e3);
}

/* Queues of a kind: rx or tx. */
static unsigned int queues(const struct nic *nic, const char *kind)
{
	char **name = sysfs_list("/sys/class/net/%s/queues", nic->name);
	unsigned int n = 0;

	for (char **each = name; *each; each++)
		n += !strncmp(*each, kind, 2);
	sysfs_list_free(name);
	return n;
}

static void show_channels(const struct nic *nic)
{
	char **relid = sysfs_list(VMBUS_DEVICES "/%s/channels", nic->device);
	unsigned int n = 0;

	while (relid[n])
		n++;
	printf("  queues     %u rx, %u tx, %u channels, on processors", queues(nic, "rx"),
	       queues(nic, "tx"), n);
	for (char **r = relid; *r; r++)
		printf("%s%ld", r == relid ? " " : ",",
		       sysfs_read_long(-1, VMBUS_DEVICES "/%s/channels/%s/cpu", nic->device, *r));
	printf("\n");
	sysfs_list_free(relid);
}

static void show(const struct report *r)
{
	const struct nic *nic = r->nic;

	printf("%s: %s, path %s", *nic->name ? nic->name : nic->device,
	       verdict_name(verdict(r)), path_name[r->vf.path]);
	show_since(&r->vf);
	printf("\n  device     %s node %ld, driver %s%s%s\n", nic->device, nic->node,
	       *nic->driver ? nic->driver : "none", *nic->override ? ", override " : "",
	       nic->override);
	if (*nic->name)
		printf("  link       %s, %s, mtu %ld\n", nic->operstate, nic->address, nic->mtu);
	show_vf(&r->vf, &r->stats);
	if (!*nic->name)
		return;
	show_channels(nic);
	if (r->stats_error)
		printf("  drops      unknown: %s\n", strerror(-r->stats_error));
	else
		printf("  drops      %s", r->n_drops ? "" : "none");
	for (size_t i = 0; i < r->n_drops; i++)
		printf("%s%s %" PRIu64, i ? ", " : "", r->drop[i].name, r->drop[i].value);
	if (!r->stats_error)
		printf("\n");
}

/* "1.2 (A1B2)": version and srcversion of a module as far as it has them; "" without it. */
static void module_version(char *text, size_t size, const char *module)
{
	char version[64], source[64];
	bool any;

	*text = 0;
	if (!sysfs_exists("/sys/module/%s", module))
		return;
	any = !sysfs_read(version, sizeof(version), "/sys/module/%s/version", module);
	if (!sysfs_read(source, sizeof(source), "/sys/module/%s/srcversion", module))
		snprintf(text, size, "%s%s%s%s", any ? version : "", any ? " (" : "", source,
			 any ? ")" : "");
	else
		snprintf(text, size, "%s", any ? version :
			 sysfs_exists("/sys/module/%s/initstate", module) ? "loaded" : "built in");
}

static void show_versions(void)
{
	char text[256];

	if (!sysfs_read(text, sizeof(text), "/proc/sys/kernel/osrelease"))
		printf("kernel %s, hvaccel %s\n", text, HVACCEL_VERSION);
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		module_version(text, sizeof(text), modules[i]);
		if (*text)
			printf("  %-10s %s\n", modules[i], text);
	}
}

static void add_count(struct json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, value < 0 ? NULL : json_object_new_int64(value));
}

static struct json_object *vf_json(const struct function *f)
{
	struct json_object *o;

	if (!f)
		return NULL;
	o = json_object_new_object();
	json_text(o, "function", f->address);
	json_text(o, "serial", f->serial);
	json_text(o, "driver", f->driver);
	json_text(o, "name", f->name);
	json_text(o, "operstate", f->operstate);
	return o;
}

static struct json_object *channels_json(const struct nic *nic)
{
	char **relid = sysfs_list(VMBUS_DEVICES "/%s/channels", nic->device);
	struct json_object *all = json_object_new_array();

	for (char **r = relid; *r; r++) {
		struct json_object *o = json_object_new_object();

		json_text(o, "relid", *r);
		add_count(o, "cpu", sysfs_read_long(-1, VMBUS_DEVICES "/%s/channels/%s/cpu",
						    nic->device, *r));
		add_count(o, "interrupts",
			  sysfs_read_long(-1, VMBUS_DEVICES "/%s/channels/%s/interrupts",
					  nic->device, *r));
		json_object_array_add(all, o);
	}
	sysfs_list_free(relid);
	return all;
}

static struct json_object *nic_json(const struct report *r)
{
	struct json_object *o = json_object_new_object(), *drops = NULL;
	struct json_object *causes = json_object_new_object();

	for (size_t i = 0; i < r->stats.n; i++)
		if (!strncmp(r->stats.stat[i].name, CAUSE, strlen(CAUSE)))
			json_object_object_add(causes, r->stats.stat[i].name + strlen(CAUSE),
					       json_object_new_uint64(r->stats.stat[i].value));
	json_object_object_add(o, "causes", causes);
	json_text(o, "device", r->nic->device);
	json_text(o, "name", r->nic->name);
	json_text(o, "driver", r->nic->driver);
	json_text(o, "driver_override", r->nic->override);
	json_text(o, "address", r->nic->address);
	json_text(o, "operstate", r->nic->operstate);
	add_count(o, "node", r->nic->node);
	add_count(o, "mtu", r->nic->mtu);
	json_text(o, "verdict", verdict_name(verdict(r)));
	json_text(o, "path", path_name[r->vf.path]);
	add_count(o, "since_us", r->vf.since_us ? (int64_t)r->vf.since_us : -1);
	json_text(o, "why", r->vf.why == VF_CARRIES ? "" : vf_why_name[r->vf.why]);
	json_text(o, "reason", r->vf.text);
	json_object_object_add(o, "vf", vf_json(r->vf.function));
	add_count(o, "told_serial", r->vf.told_serial);
	add_count(o, "flaps", r->vf.flaps);
	json_object_object_add(o, "flaps_from_log", json_object_new_boolean(r->vf.flaps_logged));
	add_count(o, "ms_vf", r->vf.ms_vf);
	add_count(o, "ms_synthetic", r->vf.ms_synthetic);
	if (!r->stats_error)
		drops = json_object_new_object();
	for (size_t i = 0; i < r->n_drops; i++)
		json_object_object_add(drops, r->drop[i].name,
				       json_object_new_uint64(r->drop[i].value));
	json_object_object_add(o, "drops", drops);
	add_count(o, "rx_queues", queues(r->nic, "rx"));
	add_count(o, "tx_queues", queues(r->nic, "tx"));
	json_object_object_add(o, "channels", channels_json(r->nic));
	return o;
}

static void show_json(const struct report *report, size_t n, enum status worst)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_object();
	char text[256];

	json_text(o, "verdict", verdict_name(worst));
	if (sysfs_read(text, sizeof(text), "/proc/sys/kernel/osrelease"))
		*text = 0;
	json_text(o, "kernel", text);
	json_text(o, "hvaccel", HVACCEL_VERSION);
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		module_version(text, sizeof(text), modules[i]);
		if (*text)
			json_text(list, modules[i], text);
	}
	json_object_object_add(o, "modules", list);
	list = json_object_new_array();
	for (size_t i = 0; i < n; i++)
		json_object_array_add(list, nic_json(&report[i]));
	json_object_object_add(o, "nics", list);
	json_show(o, stdout);
}

static void usage(FILE *to)
{
	fprintf(to,
		"usage: hvaccel status [OPTION...] [NIC]\n"
		"Shows which path carries each NIC's traffic, since when, and why it is not the VF.\n"
		"Exit: 0 every NIC on its VF; 5 synthetic, the host offers no VF; 6 degraded.\n"
		"  -j, --json       as JSON\n"
		"  --sysroot DIR    look at a saved tree instead of this machine\n");
}

static int options(int argc, char **argv, bool *json, const char **only)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		OPTION_SYSROOT,
		OPTION_HELP,
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "jh", known, NULL)) != -1) {
		switch (c) {
		case 'j':
			*json = true;
			break;
		default:
			if (!option_alike(c, usage))
				return STATUS_USAGE;
		}
	}
	*only = optind < argc ? argv[optind++] : NULL;
	if (optind < argc) {
		fprintf(stderr, "hvaccel: status takes one NIC, not '%s' too\n", argv[optind]);
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

int status_main(int argc, char **argv)
{
	size_t n_nics, n_functions, n = 0;
	struct function *functions;
	enum status worst = STATUS_OK;
	struct report *report = NULL;
	const char *only;
	struct nic *nics;
	bool json = false;
	int status;

	status = options(argc, argv, &json, &only);
	if (status)
		return status;
	nics = nics_read(&n_nics);
	functions = functions_read(&n_functions);
	for (size_t i = 0; i < n_nics; i++) {
		struct report *r;

		if (only && strcmp(only, nics[i].name) && strcmp(only, nics[i].device))
			continue;
		report = grow(report, &n, sizeof(*report));
		r = &report[n - 1];
		r->nic = &nics[i];
		r->stats_error = *r->nic->name ? stats_read(&r->stats, r->nic->name) : -ENODEV;
		vf_state_read(&r->vf, r->nic, &r->stats, nics, n_nics, functions, n_functions);
		find_drops(r);
		if (verdict(r) > worst)
			worst = verdict(r);
	}
	if (!n) {
		fprintf(stderr, only ? "hvaccel: %s is no synthetic NIC of this machine\n" :
			"hvaccel: no synthetic NIC in " VMBUS_DEVICES "%s\n", only ? only : "");
		worst = STATUS_ABSENT;
	} else if (json) {
		show_json(report, n, worst);
	} else {
		for (size_t i = 0; i < n; i++)
			show(&report[i]);
		show_versions();
	}
	for (size_t i = 0; i < n; i++) {
		stats_free(&report[i].stats);
		free(report[i].drop);
	}
	free(report);
	free(functions);
	free(nics);
	return worst;
}
