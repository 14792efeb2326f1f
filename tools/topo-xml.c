// SPDX-License-Identifier: GPL-2.0
/*
 * NCCL's and RCCL's topology file, in the dialect of their own parser: no prolog, one space between
 * attributes, at most 16 of them, values below 254 characters, 256 nodes at most. A device that is
 * alone stands below its processor, devices of a group below a switch that exists nowhere else.
 */
#include <inttypes.h>

#include "topo.h"

#define NODES_MAX 256

static void put_device(const struct topo *topo, const struct topo_device *d, const char *indent,
		       FILE *to)
{
	unsigned int width;
	double speed;

	topo_link(topo, d, &speed, &width);
	fprintf(to, "%s<pci busid=\"%s\" class=\"0x%06x\" vendor=\"0x%04x\" device=\"0x%04x\"",
		indent, d->address, d->class, d->vendor, d->device);
	fprintf(to, " subsystem_vendor=\"0x%04x\" subsystem_device=\"0x%04x\"",
		d->subsystem_vendor, d->subsystem_device);
	if (speed > 0)
		fprintf(to, " link_speed=\"%.1f GT/s PCIe\"", speed);
	if (width)
		fprintf(to, " link_width=\"%u\"", width);
	fprintf(to, "/>\n");
}

static bool listed(const struct topo_device *d)
{
	return d->role == ROLE_GPU || d->role == ROLE_NIC;
}

/* A switch as fast as what is below it. */
static void put_group(const struct topo *topo, int group, FILE *to)
{
	const struct topo_device *first = NULL;
	unsigned int width;
	char bridge[32];
	double speed;

	for (size_t i = 0; i < topo->n_devices && !first; i++)
		if (topo->device[i].group == group)
			first = &topo->device[i];
	topo_bridge(topo, group, bridge, sizeof(bridge));
	topo_link(topo, first, &speed, &width);
	fprintf(to, "    <pci busid=\"%s\" class=\"0x060400\" vendor=\"0x0000\" device=\"0x0000\"",
		bridge);
	fprintf(to, " subsystem_vendor=\"0x0000\" subsystem_device=\"0x0000\"");
	if (speed > 0)
		fprintf(to, " link_speed=\"%.1f GT/s PCIe\"", speed);
	fprintf(to, " link_width=\"%u\">\n", width ? width : 16);
	for (size_t i = 0; i < topo->n_devices; i++)
		if (topo->device[i].group == group && listed(&topo->device[i]))
			put_device(topo, &topo->device[i], "      ", to);
	fprintf(to, "    </pci>\n");
}

static void put_cpu(const struct topo *topo, const struct topo_node *node, FILE *to)
{
	char mask[CPUS_MASK_SIZE];

	cpus_mask(&node->cpus, mask, sizeof(mask));
	fprintf(to, "  <cpu numaid=\"%d\" affinity=\"%s\" arch=\"%s\"", node->id, mask,
		topo->arm64 ? "arm64" : "x86_64");
	if (*topo->vendor)
		fprintf(to, " vendor=\"%s\" familyid=\"%u\" modelid=\"%u\"", topo->vendor,
			topo->family, topo->model);
	fprintf(to, ">\n");
	for (int group = 0; group < topo->n_groups; group++) {
		bool here = false;

		for (size_t i = 0; i < topo->n_devices; i++)
			here |= topo->device[i].group == group &&
				topo_node_of(topo, &topo->device[i]) == node->id;
		if (here)
			put_group(topo, group, to);
	}
	for (size_t i = 0; i < topo->n_devices; i++) {
		const struct topo_device *d = &topo->device[i];

		if (d->group < 0 && listed(d) && topo_node_of(topo, d) == node->id)
			put_device(topo, d, "    ", to);
	}
	fprintf(to, "  </cpu>\n");
}

void topo_xml(const struct topo *topo, int version, FILE *to)
{
	size_t nodes = 1 + topo->n_nodes + topo->n_groups;

	for (size_t i = 0; i < topo->n_devices; i++)
		nodes += listed(&topo->device[i]);
	if (nodes > NODES_MAX)
		fprintf(stderr, "hvaccel: %zu nodes, NCCL reads %d\n", nodes, NODES_MAX);
	fprintf(to, "<system version=\"%d\">\n", version);
	for (size_t i = 0; i < topo->n_nodes; i++)
		put_cpu(topo, &topo->node[i], to);
	fprintf(to, "</system>\n");
}
