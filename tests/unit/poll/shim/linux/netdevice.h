/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _UNIT_POLL_NETDEVICE_H
#define _UNIT_POLL_NETDEVICE_H

#include "shim.h"

struct napi_struct {
	bool scheduled;
	unsigned long times;
};

static inline void napi_schedule(struct napi_struct *napi)
{
	napi->times += !napi->scheduled;
	napi->scheduled = true;
}

#endif
