// SPDX-License-Identifier: GPL-2.0
/*
 * Where the facts come from: hv_netvsc_accel counts in its statistics (vf_path, vf_flaps...).
 * hv_netvsc tells of a switch in the kernel's log only; there the VF carries the traffic when it is
 * the NIC's lower device and up.
 */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "klog.h"
#include "sysfs.h"
#include "vf.h"

const char * const vf_why_name[VF_REASONS] = {
	[VF_CARRIES] = "carries",
	[VF_NO_OFFER] = "no-offer",
	[VF_BUS_DRIVER] = "bus-driver-missing",
	[VF_NO_MODULE] = "driver-missing",
	[VF_NOT_LOADED] = "driver-not-loaded",
	[VF_PROBE_FAILED] = "probe-failed",
	[VF_NO_INTERFACE] = "no-interface",
	[VF_CLAIMED] = "claimed",
	[VF_SERIAL_MISMATCH] = "serial-mismatch",
	[VF_RENAMED] = "renamed",
	[VF_DOWN] = "down",
	[VF_NO_DRIVER] = "nic-without-driver",
	[VF_NOT_SWITCHED] = "not-switched",
};

/* What hv_netvsc_accel counts as vf_obstacle, by number. */
static const char * const obstacle[] = {
	[1] = "the host has not said that there is a VF, or took it back",
	[3] = "its driver has taken it out of service",
	[4] = "it has no carrier",
	[5] = "it or the NIC is down",
	[6] = "there is no session with the host",
	[7] = "it is not set as the NIC is: MTU, address, XDP program, an AF_XDP socket",
};

struct scan {
	const struct nic *nic;
	const struct function *function;
	uint64_t switched_us;
	int64_t away;
	char failure[200];
	char renamed[IFNAMSIZ];
};

static void scan_line(void *data, uint64_t us, const char *text)
{
	struct scan *scan = data;
	const char *from;

	if (strstr(text, scan->nic->device) && strstr(text, "ata path switched")) {
		scan->switched_us = us;
		scan->away += !!strstr(text, "switched from");
	}
	if (!scan->function || !strstr(text, scan->function->address))
		return;
	/* 6.1: "mana: probe of ADDRESS failed with..."; later: "mana ADDRESS: probe with..." */
	if (strstr(text, "probe") && strstr(text, "failed"))
		snprintf(scan->failure, sizeof(scan->failure), "%s", text);
	from = strstr(text, ": renamed from ");
	if (from)
		sscanf(from, ": renamed from %15s", scan->renamed);
}

/* The module whose alias matches, from modules.alias of the running kernel. */
static bool module_for(char *module, size_t size, const char *modalias)
{
	char release[128], line[512], pattern[256], name[128];
	bool found = false;
	FILE *file;

	if (sysfs_read(release, sizeof(release), "/proc/sys/kernel/osrelease"))
		return false;
	file = sysfs_open("/lib/modules/%s/modules.alias", release);
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "alias %255s %127s", pattern, name) != 2 ||
		    fnmatch(pattern, modalias, 0))
			continue;
		snprintf(module, size, "%s", name);
		found = true;
	}
	fclose(file);
	return found;
}

/* A module's directory has underscores where its name may have dashes. */
static bool loaded(const char *module)
{
	char name[128];

	snprintf(name, sizeof(name), "%s", module);
	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	return sysfs_exists("/sys/module/%s", name);
}

static bool taken(const struct function *f, const struct nic *nics, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (*f->name && !strcmp(f->name, nics[i].lower))
			return true;
	return false;
}

/* Its own VF; else one with its address; else one that no NIC has and that has no interface. */
static const struct function *find(const struct nic *nic, const struct nic *nics, size_t n,
				   const struct function *functions, size_t m)
{
	for (size_t i = 0; i < m; i++)
		if (*nic->lower && !strcmp(functions[i].name, nic->lower))
			return &functions[i];
	for (size_t i = 0; i < m; i++)
		if (*functions[i].name && !taken(&functions[i], nics, n) &&
		    !strcasecmp(functions[i].mac, nic->address))
			return &functions[i];
	for (size_t i = 0; i < m; i++)
		if (!*functions[i].name)
			return &functions[i];
	for (size_t i = 0; i < m; i++)
		if (!taken(&functions[i], nics, n))
			return &functions[i];
	return NULL;
}

/* A synthetic PCI bus that no driver looks behind: what is on it cannot be seen. */
static bool blind_bus(char *bus, size_t size)
{
	char **device = sysfs_list(VMBUS_DEVICES), driver[64];
	bool found = false;

	for (char **d = device; *d && !found; d++) {
		if (!vmbus_class_is(*d, VMBUS_CLASS_PCI))
			continue;
		sysfs_link(driver, sizeof(driver), VMBUS_DEVICES "/%s/driver", *d);
		found = !*driver;
		if (found)
			snprintf(bus, size, "%s", *d);
	}
	sysfs_list_free(device);
	return found;
}

static void because(struct vf_state *s, enum vf_why why, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void because(struct vf_state *s, enum vf_why why, const char *fmt, ...)
{
	va_list args;

	s->why = why;
	va_start(args, fmt);
	vsnprintf(s->text, sizeof(s->text), fmt, args);
	va_end(args);
}

/* What to do about it, after the cause. */
static void mend(struct vf_state *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void mend(struct vf_state *s, const char *fmt, ...)
{
	size_t at = strlen(s->text);
	va_list args;

	at += snprintf(s->text + at, sizeof(s->text) - at, "; ");
	if (at >= sizeof(s->text))
		return;
	va_start(args, fmt);
	vsnprintf(s->text + at, sizeof(s->text) - at, fmt, args);
	va_end(args);
}

static void why_unbound(struct vf_state *s, const struct scan *scan)
{
	const struct function *f = s->function;
	char module[128];

	if (!module_for(module, sizeof(module), f->modalias)) {
		because(s, VF_NO_MODULE, "%s has no driver, and this kernel has none that takes %s",
			f->address, *f->modalias ? f->modalias : "it");
	} else if (*scan->failure) {
		because(s, VF_PROBE_FAILED, "%s refused %s; the kernel says: %s", module,
			f->address, scan->failure);
	} else if (loaded(module)) {
		because(s, VF_PROBE_FAILED, "%s is loaded and has not taken %s", module,
			f->address);
		mend(s, "look for %s in the kernel's log", f->address);
	} else {
		because(s, VF_NOT_LOADED, "%s has no driver", f->address);
		mend(s, "load it: modprobe %s", module);
	}
}

static void why_apart(struct vf_state *s, const struct nic *nic, const struct scan *scan)
{
	const struct function *f = s->function;
	bool same = !strcasecmp(f->mac, nic->address);

	if (*f->master) {
		because(s, VF_CLAIMED, "%s (%s) belongs to %s and not to %s", f->name, f->address,
			f->master, nic->name);
		mend(s, "release it: ip link set %s nomaster", f->name);
	} else if (same && *scan->renamed) {
		because(s, VF_RENAMED, "%s (%s) was renamed from %s, and %s did not take it",
			f->name, f->address, scan->renamed, nic->name);
		mend(s, "let neither udev nor a network manager touch it");
	} else {
		because(s, VF_SERIAL_MISMATCH, "%s (%s, serial %s) has %s %s", f->name, f->address,
			*f->serial ? f->serial : "none",
			same ? "the same address as" : "another address than", nic->name);
		if (same)
			mend(s, "%s did not take it: the host associates %s with another serial",
			     nic->driver, nic->name);
		else
			mend(s, "a VF has the address of its NIC, whatever its serial");
	}
}

static int64_t counted(const struct stats *stats, const char *name)
{
	uint64_t value;

	return stats_get(stats, name, &value) ? (int64_t)value : -1;
}

static void why_held(struct vf_state *s, const struct nic *nic, const struct stats *stats)
{
	const struct function *f = s->function;
	int64_t n = counted(stats, "vf_obstacle");

	because(s, VF_NOT_SWITCHED, "%s (%s) is up, %s keeps to the synthetic path", f->name,
		f->address, nic->driver);
	if (n > 0 && n < (int64_t)(sizeof(obstacle) / sizeof(obstacle[0])) && obstacle[n])
		mend(s, "%s", obstacle[n]);
}

static void why_not(struct vf_state *s, const struct nic *nic, const struct stats *stats,
		    const struct scan *scan)
{
	const struct function *f = s->function;
	char bus[64];

	if (!f && blind_bus(bus, sizeof(bus))) {
		because(s, VF_BUS_DRIVER, "nobody drives the PCI bus %s, what is on it is not seen",
			bus);
		mend(s, "load its driver: modprobe pci-hyperv");
	} else if (!f) {
		because(s, VF_NO_OFFER, "the host offers no VF: accelerated networking is off");
		mend(s, "or the host is being serviced");
	} else if (!*f->driver) {
		why_unbound(s, scan);
	} else if (!*f->name) {
		because(s, VF_NO_INTERFACE, "%s has taken %s and made no interface of it",
			f->driver, f->address);
	} else if (strcmp(f->name, nic->lower)) {
		why_apart(s, nic, scan);
	} else if (strcmp(f->operstate, "up") && strcmp(f->operstate, "unknown")) {
		because(s, VF_DOWN, "%s (%s) is %s", f->name, f->address,
			*f->operstate ? f->operstate : "down");
		mend(s, "set it up: ip link set %s up", f->name);
	} else {
		why_held(s, nic, stats);
	}
}

void vf_state_read(struct vf_state *s, const struct nic *nic, const struct stats *stats,
		   const struct nic *nics, size_t n, const struct function *functions, size_t m)
{
	struct scan scan = { .nic = nic };
	int64_t path = counted(stats, "vf_path");
	int no_log;

	memset(s, 0, sizeof(*s));
	s->told_serial = -1;
	s->function = find(nic, nics, n, functions, m);
	scan.function = s->function;
	no_log = klog_read(scan_line, &scan);
	s->since_us = scan.switched_us;
	s->flaps = counted(stats, "vf_flaps");
	if (s->flaps < 0 && !no_log) {
		s->flaps = scan.away;
		s->flaps_logged = true;
	}
	if (counted(stats, "vf_bound") == 1 && !counted(stats, "vf_by_serial"))
		s->told_serial = counted(stats, "vf_serial");
	s->ms_vf = counted(stats, "vf_ms_vf");
	s->ms_synthetic = counted(stats, "vf_ms_synthetic");
	if (!*nic->driver || !*nic->name) {
		because(s, VF_NO_DRIVER, *nic->driver ? "%s has made no interface of it" :
			"no driver has taken it%s", nic->driver);
		return;
	}
	why_not(s, nic, stats, &scan);
	if (path < 0)
		path = s->why == VF_NOT_SWITCHED;
	s->path = path ? PATH_VF : PATH_SYNTHETIC;
	if (path)
		because(s, VF_CARRIES, "%s", "");
}
