// SPDX-License-Identifier: GPL-2.0
/*
 * Which GPUs and RDMA NICs share a PCIe switch on the host. The guest cannot see it; it is known of
 * the boards, and the host hands out domain numbers in the boards' order: in each NUMA node, by
 * domain, the first GPUs belong to the first NICs.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "topo.h"

/* GPUs and NICs that share a switch on the boards that carry them. */
static const struct board {
	unsigned int vendor;
	unsigned int device;
	unsigned int gpus;
	unsigned int nics;
} boards[] = {
	{ 0x10de, 0x20b0, 2, 2 }, /* HGX A100 */
	{ 0x10de, 0x20b2, 2, 2 },
	{ 0x10de, 0x20b3, 2, 2 },
	{ 0x10de, 0x2330, 1, 1 }, /* HGX H100, H200 */
	{ 0x10de, 0x2335, 1, 1 },
	{ 0x1002, 0x74a1, 1, 1 }, /* MI300X, and its VF */
	{ 0x1002, 0x74b5, 1, 1 },
};

static bool has_node(const struct topo *topo, int id)
{
	for (size_t i = 0; i < topo->n_nodes; i++)
		if (topo->node[i].id == id)
			return true;
	return false;
}

int topo_node_of(const struct topo *topo, const struct topo_device *device)
{
	return has_node(topo, device->node) ? device->node : topo->node[0].id;
}

/* The devices of a role in a node, which are in the order of their domains already. */
static size_t members(struct topo *topo, int node, enum role role, struct topo_device **member)
{
	size_t n = 0;

	for (size_t i = 0; i < topo->n_devices; i++)
		if (topo->device[i].role == role && topo_node_of(topo, &topo->device[i]) == node)
			member[n++] = &topo->device[i];
	return n;
}

static const struct board *board_of(const struct topo_device *gpu)
{
	for (size_t i = 0; i < sizeof(boards) / sizeof(boards[0]); i++)
		if (boards[i].vendor == gpu->vendor && boards[i].device == gpu->device)
			return &boards[i];
	return NULL;
}

/* How many GPUs a group of this node gets; says how sure that is. */
static size_t group_size(struct topo_device **gpu, size_t n_gpus, size_t n_nics,
			 enum confidence *sure)
{
	const struct board *board = board_of(gpu[0]);

	for (size_t i = 1; i < n_gpus; i++)
		if (board_of(gpu[i]) != board)
			board = NULL;
	*sure = CONFIDENCE_HEURISTIC;
	if (board && !(n_gpus % board->gpus)) {
		size_t groups = n_gpus / board->gpus;

		if (n_nics == groups * board->nics)
			*sure = CONFIDENCE_EXACT;
		if (!(n_nics % groups))
			return board->gpus;
	}
	return n_nics == n_gpus ? 1 : n_gpus;
}

static void group_node(struct topo *topo, int node, enum confidence *worst)
{
	struct topo_device **gpu = must(calloc(topo->n_devices, sizeof(struct topo_device *)));
	struct topo_device **nic = must(calloc(topo->n_devices, sizeof(struct topo_device *)));
	size_t n_gpus = members(topo, node, ROLE_GPU, gpu);
	size_t n_nics = members(topo, node, ROLE_NIC, nic);
	enum confidence sure = CONFIDENCE_EXACT;

	if (n_gpus && n_nics) {
		size_t size = group_size(gpu, n_gpus, n_nics, &sure);
		size_t groups = n_gpus / size, nics = n_nics / groups;

		for (size_t i = 0; i < n_gpus; i++)
			gpu[i]->group = topo->n_groups + i / size;
		for (size_t i = 0; i < n_nics; i++)
			nic[i]->group = topo->n_groups + i / nics;
		topo->n_groups += groups;
		if (sure < *worst)
			*worst = sure;
	}
	free(gpu);
	free(nic);
}

/* Several nodes have processors, and every device claims the first: then nobody told. */
static bool affinity_missing(const struct topo *topo)
{
	size_t populated = 0, paired = 0;

	for (size_t i = 0; i < topo->n_nodes; i++)
		populated += cpus_count(&topo->node[i].cpus) > 0;
	for (size_t i = 0; i < topo->n_devices; i++) {
		const struct topo_device *d = &topo->device[i];

		if (d->role != ROLE_GPU && d->role != ROLE_NIC)
			continue;
		paired++;
		if (d->node > 0)
			return false;
	}
	return populated > 1 && paired > 1;
}

void topo_group(struct topo *topo)
{
	enum confidence worst = CONFIDENCE_EXACT;
	size_t n[ROLE_ETHERNET + 1] = { 0 };

	for (size_t i = 0; i < topo->n_devices; i++)
		n[topo->device[i].role]++;
	for (size_t i = 0; i < topo->n_nodes; i++)
		group_node(topo, topo->node[i].id, &worst);
	if (!topo->n_groups) {
		snprintf(topo->why, sizeof(topo->why), "%s", !n[ROLE_GPU] ? "no GPU" :
			 !n[ROLE_NIC] ? "no RDMA NIC" : "GPUs and NICs are in different nodes");
	} else if (affinity_missing(topo)) {
		worst = CONFIDENCE_NONE;
		snprintf(topo->why, sizeof(topo->why),
			 "all devices claim the first of several NUMA nodes: the host gave no affinity");
	} else {
		snprintf(topo->why, sizeof(topo->why), "%s", worst == CONFIDENCE_EXACT ?
			 "the boards of this GPU are known, and the counts agree" :
			 "paired in the order of PCI domains, by counting");
	}
	topo->confidence = topo->n_groups ? worst : CONFIDENCE_NONE;
}

void topo_near(const struct topo *topo, const struct topo_device *gpu, const char *suffix,
	       char *text, size_t size)
{
	size_t at = 0;

	*text = 0;
	for (size_t i = 0; gpu->group >= 0 && i < topo->n_devices && at < size; i++) {
		const struct topo_device *d = &topo->device[i];

		if (d->role == ROLE_NIC && d->group == gpu->group)
			at += snprintf(text + at, size - at, "%s%s%s", at ? "," : "",
				       *d->rdma ? d->rdma : d->address, *d->rdma ? suffix : "");
	}
}

void topo_link(const struct topo *topo, const struct topo_device *device, double *speed,
	       unsigned int *width)
{
	*speed = device->speed;
	*width = device->width;
	for (size_t i = 0; device->group >= 0 && i < topo->n_devices; i++) {
		const struct topo_device *d = &topo->device[i];

		if (d->group != device->group)
			continue;
		if (device->speed <= 0 && d->speed > *speed)
			*speed = d->speed;
		if (!device->width && d->width > *width)
			*width = d->width;
	}
}

void topo_bridge(const struct topo *topo, int group, char *text, size_t size)
{
	unsigned int domain = 0xffff;

	for (size_t i = 0; i < topo->n_devices; i++)
		if (strtoul(topo->device[i].address, NULL, 16) == domain) {
			domain--;
			i = -1; /* from the beginning, with the next one */
		}
	snprintf(text, size, "%04x:%02x:%02x.0", domain, 0xff - group / 32, group % 32);
}
