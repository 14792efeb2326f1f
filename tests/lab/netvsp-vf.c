// SPDX-License-Identifier: GPL-2.0
/* A synthetic NIC's side of its VF: association, the switch of the data path. */
#include "netvsp-vf.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "loop.h"
#include "netvsp.h"
#include "vm.h"

/* struct path_switch - a guest's request, until it is completed */
struct path_switch {
	struct loop_work work;
	struct netvsp *dev;
	uint64_t session;
	uint64_t txid;
	bool wanted; /* a completion */
	enum backend_port to;
};

/* struct wish - a driver has come; the VF's owner hears of it in the control loop */
struct wish {
	struct loop_work work;
	struct netvsp_vf *vf;
};

static bool can_use(const struct netvsp *dev)
{
	return dev->vf && dev->nvsp >= NVSP_V4 && dev->capabilities & NVSP_CAP_SRIOV;
}

/* Lock held. */
static void associate(struct netvsp *dev, bool allocated)
{
	uint8_t bytes[NVSP_BYTES] = { 0 };
	struct nvsp_vf_association msg = {
		.type = NVSP_SEND_VF_ASSOCIATION,
		.allocated = allocated,
		.serial = dev->vf->serial,
	};

	memcpy(bytes, &msg, sizeof(msg));
	stat_inc(&dev->vf_associations);
	netvsp_reply(dev, FAULT_NETVSP_VF_ASSOCIATION, NETVSP_INBAND, 0, bytes,
		     dev->nvsp >= NVSP_V6_1 ? NVSP_BYTES : NVSP_BYTES_MIN);
}

static void run_wish(struct loop_work *work)
{
	struct wish *wish = container_of(work, struct wish, work);

	if (wish->vf->wanted)
		wish->vf->wanted(wish->vf);
	free(wish);
}

void netvsp_vf_announce(struct netvsp *dev)
{
	struct wish *wish;

	if (!can_use(dev))
		return;
	if (dev->vf->allocated)
		associate(dev, true);
	wish = calloc(1, sizeof(*wish));
	if (!wish)
		log_fatal(EXIT_INTERNAL, "out of memory");
	wish->work.run = run_wish;
	wish->vf = dev->vf;
	loop_post(dev->vm->control, &wish->work);
}

static void nothing(void *o)
{
}

void netvsp_vf_allocated(struct netvsp_vf *vf, bool allocated)
{
	struct netvsp *dev = vf->nic;

	pthread_rwlock_wrlock(&dev->lock);
	vf->allocated = allocated;
	if (dev->initialized && can_use(dev))
		associate(dev, allocated);
	pthread_rwlock_unlock(&dev->lock);
	/* A host does not wait for the guest to notice. */
	if (!allocated)
		backend_share_switch(vf->share, BACKEND_SYNTHETIC, nothing, NULL);
}

void netvsp_vf_session_end(struct netvsp *dev)
{
	if (dev->vf)
		backend_share_switch(dev->vf->share, BACKEND_SYNTHETIC, nothing, NULL);
}

/* Every queue has switched: the guest may know. */
static void switched(void *o)
{
	struct path_switch *s = o;
	struct netvsp *dev = s->dev;

	pthread_rwlock_rdlock(&dev->lock);
	if (s->wanted && dev->chan[0]->ch && stat_read(&dev->sessions) == s->session)
		netvsp_reply(dev, FAULT_NETVSP_SWITCH, NETVSP_COMPLETION, s->txid, NULL, 0);
	pthread_rwlock_unlock(&dev->lock);
	free(s);
}

static void run_switch(struct loop_work *work)
{
	struct path_switch *s = container_of(work, struct path_switch, work);

	backend_share_switch(s->dev->vf->share, s->to, switched, s);
}

bool netvsp_vf_switch(struct netvsp *dev, uint32_t active, uint64_t txid, bool wanted)
{
	struct path_switch *s;

	if (!dev->vf)
		return false;
	if (active > NVSP_PATH_VF || (active == NVSP_PATH_VF && !dev->vf->allocated)) {
		/* The VF may have gone while the guest asked: no violation, and no effect. */
		if (active > NVSP_PATH_VF)
			judge(dev->v.name, "nvsp-path", "switch to data path %u", active);
		stat_inc(&dev->switches_refused);
		return false;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		log_fatal(EXIT_INTERNAL, "out of memory");
	s->work.run = run_switch;
	s->dev = dev;
	s->session = stat_read(&dev->sessions);
	s->txid = txid;
	s->wanted = wanted;
	s->to = active == NVSP_PATH_VF ? BACKEND_VF : BACKEND_SYNTHETIC;
	stat_inc(s->to == BACKEND_VF ? &dev->switches_to_vf : &dev->switches_to_synthetic);
	stats_event(dev->vm, dev->v.name, "data path to %s",
		    s->to == BACKEND_VF ? "the VF" : "synthetic");
	loop_post(dev->vm->control, &s->work);
	return true;
}

/* In the queue's loop. */
static void on_switch(void *o, unsigned int q, bool receives)
{
	struct netvsp *dev = o;

	if (receives)
		netvsp_rx_run(dev->chan[q]);
}

const char *netvsp_vf_path(const struct netvsp *dev)
{
	if (!dev->vf)
		return "synthetic";
	return backend_share_active(dev->vf->share) == BACKEND_VF ? "vf" : "synthetic";
}

void netvsp_vf_dump(struct netvsp *dev, struct json_object *into)
{
	stats_put_text(into, "data_path", netvsp_vf_path(dev));
	if (!dev->vf)
		return;
	stats_put(into, "vf_allocated", dev->vf->allocated);
	stats_put_stat(into, "vf_associations", &dev->vf_associations);
	stats_put_stat(into, "switches_to_vf", &dev->switches_to_vf);
	stats_put_stat(into, "switches_to_synthetic", &dev->switches_to_synthetic);
	stats_put_stat(into, "switches_refused", &dev->switches_refused);
}

int netvsp_vf_attach(const char *nic, struct netvsp_vf *vf, char *err, size_t n)
{
	struct netvsp *dev = netvsp_find(nic);
	unsigned int q;

	if (!dev) {
		snprintf(err, n, "nic=%s: no synthetic NIC of that id is given before it", nic);
		return -EINVAL;
	}
	if (dev->vf) {
		snprintf(err, n, "nic=%s: it has a VF", nic);
		return -EINVAL;
	}
	vf->nic = dev;
	memcpy(vf->mac, dev->opt.mac, sizeof(vf->mac));
	vf->mtu = dev->opt.mtu;
	vf->queues = dev->opt.queues;
	for (q = 0; q < dev->opt.queues; q++)
		vf->loop[q] = dev->chan[q]->loop;
	vf->share = backend_share_new(dev->backend, vf->loop);
	vf->backend = backend_share_port(vf->share, BACKEND_VF);
	dev->backend = backend_share_port(vf->share, BACKEND_SYNTHETIC);
	for (q = 0; q < dev->opt.queues; q++)
		dev->chan[q]->rx_fd.fd = backend_rx_fd(dev->backend, q);
	backend_share_on_switch(vf->share, BACKEND_SYNTHETIC, on_switch, dev);
	dev->vf = vf;
	return 0;
}
