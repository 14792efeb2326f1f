/* SPDX-License-Identifier: GPL-2.0 */
/*
 * grouping.h: which GPUs and RDMA NICs share a PCIe switch (grouping.c). No kernel object is looked
 * at here: numbers in, numbers out.
 */
#ifndef _GPUPT_GROUPING_H
#define _GPUPT_GROUPING_H

#include <linux/types.h>

enum gpupt_role {
	GPUPT_ROLE_GPU,
	GPUPT_ROLE_RDMA,
	GPUPT_ROLE_NVSWITCH,
	GPUPT_ROLE_NETWORK,
	GPUPT_ROLE_STORAGE,
	GPUPT_ROLE_OTHER,
};

enum gpupt_confidence {
	GPUPT_CONFIDENCE_NONE,	/* no group: nothing is known */
	GPUPT_CONFIDENCE_HEURISTIC,
	GPUPT_CONFIDENCE_EXACT,	/* a known product, and the counts are its own */
	GPUPT_CONFIDENCE_ADMIN,	/* somebody said so */
};

#define GPUPT_NO_GROUP		(-1)
#define GPUPT_GROUPS		256
#define GPUPT_OVERRIDE_AUTO	(-2)

/*
 * struct gpupt_place - where a function is
 * @domain: its PCI domain
 * @vendor, @device: its ids
 * @node: NUMA node, at least 0
 * @role: what it is
 * @override: the administrator's group, %GPUPT_NO_GROUP or %GPUPT_OVERRIDE_AUTO
 * @group: out, or %GPUPT_NO_GROUP
 * @confidence: out
 */
struct gpupt_place {
	u32 domain;
	u16 vendor;
	u16 device;
	int node;
	enum gpupt_role role;
	int override;
	int group;
	enum gpupt_confidence confidence;
};

/* Known by class and ids alone; what a driver knows besides is the caller's to add. */
enum gpupt_role gpupt_role_of(u32 class, u16 vendor, u16 device);
void gpupt_group(struct gpupt_place **place, unsigned int n);

#endif /* _GPUPT_GROUPING_H */
