/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vf.h: which path carries a NIC's traffic, and why it is not the VF (vf.c).
 */
#ifndef HVACCEL_VF_H
#define HVACCEL_VF_H

#include <stdint.h>

#include "nic.h"
#include "stats.h"

enum path {
	PATH_NONE, /* no driver, or no interface */
	PATH_SYNTHETIC,
	PATH_VF,
};

/* Why the VF does not carry the traffic; vf_why_name[] has the words. */
enum vf_why {
	VF_CARRIES,
	VF_NO_OFFER,
	VF_BUS_DRIVER,
	VF_NO_MODULE,
	VF_NOT_LOADED,
	VF_PROBE_FAILED,
	VF_NO_INTERFACE,
	VF_CLAIMED,
	VF_SERIAL_MISMATCH,
	VF_RENAMED,
	VF_DOWN,
	VF_NO_DRIVER, /* of the NIC itself */
	VF_NOT_SWITCHED,
	VF_REASONS
};

extern const char * const vf_why_name[VF_REASONS];

/**
 * struct vf_state - of one NIC
 * @path: that carries its traffic
 * @why: it is not the VF
 * @text: the same in words, with what to do
 * @function: its VF, or the one that may be; NULL without
 * @told_serial: the host named this one, not the VF's, which is bound by its address; else -1
 * @since_us: of the last switch, microseconds since boot; 0 for unknown
 * @flaps: times that the path went back to the synthetic one; -1 for unknown
 * @flaps_logged: they were counted in the kernel's log, which forgets
 * @ms_vf, @ms_synthetic: time on each path; -1 where the driver does not count it
 */
struct vf_state {
	enum path path;
	enum vf_why why;
	char text[512];
	const struct function *function;
	int64_t told_serial;
	uint64_t since_us;
	int64_t flaps;
	bool flaps_logged;
	int64_t ms_vf;
	int64_t ms_synthetic;
};

/**
 * vf_state_read() - find out
 * @state: filled
 * @nic: NIC
 * @stats: its statistics; empty where they cannot be read
 * @nics: all NICs, @n of them
 * @functions: all functions, @m of them
 */
void vf_state_read(struct vf_state *state, const struct nic *nic, const struct stats *stats,
		   const struct nic *nics, size_t n, const struct function *functions, size_t m);

#endif
