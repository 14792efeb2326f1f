/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the stack's GRO can do, on kernels that let a module know.
 */
#ifndef _HVACCEL_COMPAT_NET_GRO_H
#define _HVACCEL_COMPAT_NET_GRO_H

#include <linux/jump_label.h>
#include <net/udp.h>

/*
 * The key is on while any socket or tunnel wants UDP merged. Newer kernels keep it to themselves
 * (v6.15, and stable series after it, with the headers saying nothing of it): there the weak
 * reference is NULL. It goes through a variable that the compiler cannot see through, since a NULL
 * symbol is out of reach of relative addressing.
 */
extern struct static_key_false udp_encap_needed_key __weak;

static struct static_key_false *hvaccel_udp_key __ro_after_init = &udp_encap_needed_key;

/**
 * udp_gro_possible() - could GRO merge UDP packets?
 *
 * Without a taker of merged UDP, and without the interface features for forwarding it merged,
 * udp_gro_receive() gives every packet back as it was.
 *
 * Context: any.
 * Return: false when it certainly could not.
 */
static inline bool udp_gro_possible(void)
{
	struct static_key_false *key = READ_ONCE(hvaccel_udp_key);

	return !key || static_key_enabled(&key->key);
}

#endif /* _HVACCEL_COMPAT_NET_GRO_H */
