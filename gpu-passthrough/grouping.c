// SPDX-License-Identifier: GPL-2.0
/*
 * Grouping. A guest sees no PCIe switch, so which GPU and NIC share one is concluded from what the
 * products are: of each baseboard it is public how many GPUs and NICs hang off a switch, and on all
 * sizes seen the i-th GPUs of a NUMA node, in the order of their PCI domains, belong to the i-th
 * NICs. Counts that are not the product's make that a heuristic.
 */
#include <linux/kernel.h>
#include <linux/pci_ids.h>

#include "grouping.h"

#define VENDOR_MICROSOFT	0x1414
#define CLASS_INFINIBAND	0x0207
#define CLASS_ACCELERATOR	0x1200
#define CLASS_BRIDGE_OTHER	0x0680

/* How many GPUs and NICs share a switch. */
struct baseboard {
	u16 vendor;
	u16 device;
	u8 gpus;
	u8 nics;
};

static const struct baseboard baseboards[] = {
	{ PCI_VENDOR_ID_NVIDIA, 0x20b0, 2, 2 },	/* HGX A100, 40 GB */
	{ PCI_VENDOR_ID_NVIDIA, 0x20b2, 2, 2 },	/* HGX A100, 80 GB */
	{ PCI_VENDOR_ID_NVIDIA, 0x20b3, 2, 2 },	/* HGX A100, 64 GB */
	{ PCI_VENDOR_ID_NVIDIA, 0x2330, 1, 1 },	/* HGX H100 */
	{ PCI_VENDOR_ID_NVIDIA, 0x2335, 1, 1 },	/* HGX H200 */
	{ PCI_VENDOR_ID_ATI, 0x74a1, 1, 1 },	/* MI300X */
	{ PCI_VENDOR_ID_ATI, 0x74b5, 1, 1 },	/* MI300X, its VF */
};

/**
 * gpupt_role_of() - what a function is
 * @class: its 24 bit class code
 * @vendor: its vendor
 * @device: its device id
 *
 * An Ethernet NIC counts as part of the synthetic network here, whose VF it most often is.
 *
 * Context: any.
 *
 * Return: the role.
 */
enum gpupt_role gpupt_role_of(u32 class, u16 vendor, u16 device)
{
	switch (class >> 8) {
	case CLASS_INFINIBAND:
		return GPUPT_ROLE_RDMA;
	case CLASS_ACCELERATOR:
		return GPUPT_ROLE_GPU;
	case CLASS_BRIDGE_OTHER:
		return vendor == PCI_VENDOR_ID_NVIDIA ? GPUPT_ROLE_NVSWITCH : GPUPT_ROLE_OTHER;
	}
	switch (class >> 16) {
	case PCI_BASE_CLASS_DISPLAY:
		/* The synthetic screen of a first generation VM is none. */
		return vendor == VENDOR_MICROSOFT ? GPUPT_ROLE_OTHER : GPUPT_ROLE_GPU;
	case PCI_BASE_CLASS_NETWORK:
		return GPUPT_ROLE_NETWORK;
	case PCI_BASE_CLASS_STORAGE:
		return GPUPT_ROLE_STORAGE;
	}
	return GPUPT_ROLE_OTHER;
}

static const struct baseboard *baseboard_of(const struct gpupt_place *p)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(baseboards); i++)
		if (baseboards[i].vendor == p->vendor && baseboards[i].device == p->device)
			return &baseboards[i];
	return NULL;
}

/* What one node has: @end is the first place of the next. */
struct census {
	unsigned int gpus;
	unsigned int nics;
	const struct baseboard *board;
	bool mixed;
};

static struct census count(struct gpupt_place **place, unsigned int start, unsigned int end)
{
	struct census c = {};
	unsigned int i;

	for (i = start; i < end; i++) {
		if (place[i]->role == GPUPT_ROLE_RDMA)
			c.nics++;
		if (place[i]->role != GPUPT_ROLE_GPU)
			continue;
		if (!c.gpus)
			c.board = baseboard_of(place[i]);
		else if (c.board != baseboard_of(place[i]))
			c.mixed = true;
		c.gpus++;
	}
	if (c.mixed)
		c.board = NULL;
	return c;
}

/*
 * How many GPUs and NICs a group of this node gets. Without a known product: pairs when there are
 * as many of one as of the other, else the whole node.
 */
static enum gpupt_confidence chunks(const struct census *c, unsigned int *gpus, unsigned int *nics)
{
	*gpus = 0;
	*nics = 0;
	if (!c->gpus || !c->nics)
		return GPUPT_CONFIDENCE_NONE;
	if (c->board && !(c->gpus % c->board->gpus)) {
		unsigned int n = c->gpus / c->board->gpus;

		if (c->nics == n * c->board->nics) {
			*gpus = c->board->gpus;
			*nics = c->board->nics;
			return GPUPT_CONFIDENCE_EXACT;
		}
		if (!(c->nics % n)) {
			*gpus = c->board->gpus;
			*nics = c->nics / n;
			return GPUPT_CONFIDENCE_HEURISTIC;
		}
	}
	*gpus = c->gpus == c->nics ? 1 : c->gpus;
	*nics = c->gpus == c->nics ? 1 : c->nics;
	return GPUPT_CONFIDENCE_HEURISTIC;
}

static unsigned int group_node(struct gpupt_place **place, unsigned int start, unsigned int end,
			       unsigned int next)
{
	struct census c = count(place, start, end);
	unsigned int per_gpu, per_nic, gpu = 0, nic = 0, i;
	enum gpupt_confidence confidence = chunks(&c, &per_gpu, &per_nic);
	unsigned int groups = per_gpu ? c.gpus / per_gpu : 0;

	if (confidence == GPUPT_CONFIDENCE_NONE || next + groups > GPUPT_GROUPS)
		return next;
	for (i = start; i < end; i++) {
		if (place[i]->role == GPUPT_ROLE_GPU)
			place[i]->group = next + gpu++ / per_gpu;
		else if (place[i]->role == GPUPT_ROLE_RDMA)
			place[i]->group = next + nic++ / per_nic;
		else
			continue;
		place[i]->confidence = confidence;
	}
	return next + groups;
}

/**
 * gpupt_group() - put every place into a group
 * @place: in the order of node and domain
 * @n: how many
 *
 * Groups are numbered from 0 on in the order of nodes, then of domains.
 *
 * Context: any; whoever owns the places holds their lock.
 */
void gpupt_group(struct gpupt_place **place, unsigned int n)
{
	unsigned int start, end, i, next = 0;

	for (i = 0; i < n; i++) {
		place[i]->group = GPUPT_NO_GROUP;
		place[i]->confidence = GPUPT_CONFIDENCE_NONE;
	}
	for (start = 0; start < n; start = end) {
		for (end = start; end < n && place[end]->node == place[start]->node; end++)
			;
		next = group_node(place, start, end, next);
	}
	for (i = 0; i < n; i++) {
		if (place[i]->override == GPUPT_OVERRIDE_AUTO)
			continue;
		place[i]->group = place[i]->override;
		place[i]->confidence = GPUPT_CONFIDENCE_ADMIN;
	}
}
