// SPDX-License-Identifier: GPL-2.0
#include <linux/netdevice.h>
#include "device.h"
int nva_xsk_setup(struct nva_queue *q, struct xsk_buff_pool *pool) { return -EOPNOTSUPP; }
int nva_xsk_wakeup(struct net_device *ndev, u32 queue, u32 flags) { return -EOPNOTSUPP; }
