/* SPDX-License-Identifier: GPL-2.0 */
/*
 * netvsp-vf.h: what a synthetic NIC and its VF know of each other (netvsp-vf.c). Both have the same
 * backend; the guest says which one receives (NVSP SWITCH_DATA_PATH).
 */
#ifndef HVLAB_NETVSP_VF_H
#define HVLAB_NETVSP_VF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "backend-share.h"

struct loop;
struct netvsp;

/**
 * struct netvsp_vf - a VF; embedded in its owner
 * @serial: of its PCI slot, set by the owner before netvsp_vf_attach()
 * @wanted: a driver that can use a VF has initialized the NIC; in the control loop
 * @backend: its end of the NIC's backend, which it closes
 * @mac, @mtu, @queues, @loop: the NIC's; @loop by queue
 */
struct netvsp_vf {
	uint32_t serial;
	void (*wanted)(struct netvsp_vf *vf);
	struct backend *backend;
	struct backend_share *share;
	uint8_t mac[6];
	uint32_t mtu;
	unsigned int queues;
	struct loop *loop[BACKEND_QUEUES_MAX];
	/* private: */
	struct netvsp *nic;
	bool allocated;
};

/**
 * netvsp_vf_attach() - make @vf the VF of a NIC
 * @nic: its id
 *
 * Context: struct device_type.create, after the NIC's.
 * Return: 0, or -EINVAL with one sentence in @err.
 */
int netvsp_vf_attach(const char *nic, struct netvsp_vf *vf, char *err, size_t n);

/**
 * netvsp_vf_allocated() - the VF is about to come, or has gone: tell the guest
 *
 * Without one the synthetic NIC receives. Context: control loop.
 */
void netvsp_vf_allocated(struct netvsp_vf *vf, bool allocated);

#endif
