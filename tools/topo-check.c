// SPDX-License-Identifier: GPL-2.0
/*
 * A topology file against the machine. Names and order of the bridges mean nothing, neither do
 * vendors; what counts is which processors a node has, in which node a device is, with whom it
 * shares a switch, its class and its link.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "topo.h"

static int differences;
static bool silent;

static void differ(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void differ(const char *fmt, ...)
{
	va_list args;

	differences++;
	if (silent)
		return;
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

static void fault(const char *text)
{
	differ("%s", text);
}

static const struct topo_entry *entry_of(const struct topo_file *file, const char *address)
{
	for (size_t i = 0; i < file->n_entries; i++)
		if (!strcasecmp(file->entry[i].address, address))
			return &file->entry[i];
	return NULL;
}

static const struct topo_device *device_of(const struct topo *topo, const char *address)
{
	for (size_t i = 0; i < topo->n_devices; i++)
		if (!strcasecmp(topo->device[i].address, address))
			return &topo->device[i];
	return NULL;
}

static void check_nodes(const struct topo *topo, const struct topo_file *file)
{
	for (size_t i = 0; i < topo->n_nodes; i++) {
		char is[CPUS_MASK_SIZE], says[CPUS_MASK_SIZE];
		const struct topo_cpu *cpu = NULL;

		for (size_t j = 0; j < file->n_cpus; j++)
			if (file->cpu[j].node == topo->node[i].id)
				cpu = &file->cpu[j];
		cpus_mask(&topo->node[i].cpus, is, sizeof(is));
		if (!cpu) {
			differ("node %d is not in the file", topo->node[i].id);
		} else if (!cpu->readable) {
			differ("node %d: its affinity is no mask of processors", cpu->node);
		} else if (memcmp(&cpu->cpus, &topo->node[i].cpus, sizeof(cpu->cpus))) {
			cpus_mask(&cpu->cpus, says, sizeof(says));
			differ("node %d has the processors %s, the file says %s", cpu->node, is,
			       says);
		}
	}
	for (size_t j = 0; j < file->n_cpus; j++) {
		bool found = false;

		for (size_t i = 0; i < topo->n_nodes; i++)
			found |= topo->node[i].id == file->cpu[j].node;
		if (!found)
			differ("node %d of the file is not in the machine", file->cpu[j].node);
	}
}

/* Those that share the switch with it, in the machine and in the file. */
static void peers(char *text, size_t size, const struct topo *topo, const struct topo_file *file,
		  const struct topo_device *device, const struct topo_entry *entry)
{
	size_t at = 0;

	snprintf(text, size, "nobody");
	for (size_t i = 0; i < topo->n_devices && at < size; i++) {
		const struct topo_device *d = &topo->device[i];
		const struct topo_entry *e = entry_of(file, d->address);
		bool with;

		if (d == device || (d->role != ROLE_GPU && d->role != ROLE_NIC))
			continue;
		if (entry)
			with = e && *entry->bridge && !strcmp(e->bridge, entry->bridge);
		else
			with = d->group >= 0 && d->group == device->group;
		if (with)
			at += snprintf(text + at, size - at, "%s%s", at ? " " : "", d->address);
	}
}

static void check_group(const struct topo *topo, const struct topo_file *file,
			const struct topo_device *d, const struct topo_entry *entry)
{
	char is[2048], says[2048];

	peers(is, sizeof(is), topo, file, d, NULL);
	peers(says, sizeof(says), topo, file, d, entry);
	if (strcmp(is, says))
		differ("%s %s shares a switch with %s%s, in the file with %s", role_name[d->role],
		       d->address, is,
		       topo->confidence == CONFIDENCE_EXACT ? "" : " (by counting)", says);
}

static void check_link(const struct topo *topo, const struct topo_device *d,
		       const struct topo_entry *entry)
{
	/* What NCCL takes for a link that is not given: gen3, 16 lanes. */
	double speed, says = *entry->speed ? strtod(entry->speed, NULL) : 0;
	unsigned int width, lanes = strtoul(entry->width, NULL, 10);

	topo_link(topo, d, &speed, &width);
	if (speed > 0 && (says <= 0 ? 8.0 : says) != speed)
		differ("%s has a link of %.1f GT/s, in the file %s", d->address, speed,
		       says > 0 ? entry->speed : "none (8 GT/s is taken)");
	if ((width ? width : 16) != (lanes ? lanes : 16))
		differ("%s has a link of %u lanes, in the file %u", d->address, width ? width : 16,
		       lanes ? lanes : 16);
}

static void check_device(const struct topo *topo, const struct topo_file *file,
			 const struct topo_device *d)
{
	const struct topo_entry *entry = entry_of(file, d->address);

	if (!entry) {
		differ("%s %s is not in the file", role_name[d->role], d->address);
		return;
	}
	if (entry->node != topo_node_of(topo, d))
		differ("%s %s is in node %d, in the file in node %d", role_name[d->role],
		       d->address, topo_node_of(topo, d), entry->node);
	if (*entry->class && strtoul(entry->class, NULL, 16) != d->class)
		differ("%s is of class 0x%06x, in the file %s", d->address, d->class,
		       entry->class);
	check_link(topo, d, entry);
	check_group(topo, file, d, entry);
}

static int version_for(const struct topo *topo)
{
	for (size_t i = 0; i < topo->n_devices; i++)
		if (topo->device[i].role == ROLE_GPU)
			return topo->device[i].vendor == 0x1002 ? 2 : 1;
	return 0;
}

int topo_check(const struct topo *topo, const char *path, bool quiet)
{
	struct topo_file file;

	differences = 0;
	silent = quiet;
	if (!topo_file_read(&file, path, fault)) {
		topo_file_free(&file);
		return -1;
	}
	if (version_for(topo) && file.version != version_for(topo))
		differ("version %d, %s reads version %d only", file.version,
		       version_for(topo) == 2 ? "RCCL" : "NCCL", version_for(topo));
	check_nodes(topo, &file);
	for (size_t i = 0; i < topo->n_devices; i++)
		if (topo->device[i].role == ROLE_GPU || topo->device[i].role == ROLE_NIC)
			check_device(topo, &file, &topo->device[i]);
	for (size_t i = 0; i < file.n_entries; i++)
		if (!quiet && !file.entry[i].parent && !device_of(topo, file.entry[i].address))
			printf("%s of the file is not in the machine, which does no harm\n",
			       file.entry[i].address);
	topo_file_free(&file);
	return differences;
}
