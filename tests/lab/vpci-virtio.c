// SPDX-License-Identifier: GPL-2.0
/* A virtio-net function behind vPCI: the VF of a synthetic NIC, or a NIC of its own. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "devices.h"
#include "log.h"
#include "netvsp-vf.h"
#include "options.h"
#include "virtio-net.h"
#include "vpci.h"

#define OFFER_MS 1000 /* so that the synthetic NIC gets its name first, as on a Hyper-V host */

/**
 * struct function - one of them
 * @vf: used when @is_vf
 * @automatic: comes by itself for a NIC's driver that can use it, until it was taken away by hand
 * @told: serial number that the NIC's driver is told; beyond 32 bits for the slot's
 */
struct function {
	struct virtio_net *net;
	struct vpci *bus;
	bool is_vf;
	bool automatic;
	uint64_t delay_ns;
	uint64_t told;
	struct netvsp_vf vf;
	struct loop_timer timer;
	struct function *next;
};

static struct function *functions;

static void due(struct loop_timer *timer)
{
	struct function *f = container_of(timer, struct function, timer);

	if (f->automatic)
		vpci_appear(f->bus);
}

static void wanted(struct netvsp_vf *vf)
{
	struct function *f = container_of(vf, struct function, vf);

	if (f->automatic)
		loop_timer_arm(f->bus->vm->control, &f->timer, f->delay_ns);
}

static void present(void *o, bool here)
{
	struct function *f = o;

	netvsp_vf_allocated(&f->vf, here);
}

static const struct vpci_owner vf_owner = { .present = present };

static void on_switch(void *o, unsigned int q, bool receives)
{
	virtio_net_port_switched(o, q, receives);
}

static int verb(void *o, int argc, char **argv, char *answer, size_t n)
{
	struct function *f = o;
	int ret = vpci_verb(f->bus, argc, argv, answer, n);

	if (ret == -ENOTSUP) {
		ret = virtio_net_verb(f->net, argc, argv, answer, n);
		if (ret == -EINVAL && strlen(answer) + 2 + strlen(vpci_verbs) < n)
			sprintf(answer + strlen(answer), ", %s", vpci_verbs);
		return ret;
	}
	/* From now on it comes and goes as told. */
	if (!ret && strcmp(argv[0], "state") && strcmp(argv[0], "interrupts"))
		f->automatic = false;
	return ret;
}

static void dump(void *o, struct json_object *into)
{
	struct function *f = o;

	virtio_net_dump(f->net, into);
	vpci_dump(f->bus, stats_put_object(into, "vpci"));
}

/* How it is offered; @def is the option's default. */
static int parse_offer(struct device_args *args, const char *def, bool *automatic, bool *boot,
		       char *err, size_t n)
{
	const char *text = args_str(args, "offer", def);

	*automatic = !strcmp(text, "auto");
	*boot = !strcmp(text, "boot");
	if (*automatic || *boot || !strcmp(text, "manual"))
		return 0;
	snprintf(err, n, "offer=%s: auto, boot or manual is wanted", text);
	return -EINVAL;
}

static int make(struct vm *vm, struct function *f, const char *id, struct device_args *args,
		const struct virtio_net_place *place, bool boot, char *err, size_t n)
{
	struct vpci_options opt;
	int ret = vpci_parse(vm, args, &opt, err, n);

	if (!ret)
		ret = virtio_net_new(vm, id, args, place, &f->net, err, n);
	if (ret)
		return ret;
	f->vf.serial = f->told > UINT32_MAX ? opt.serial : (uint32_t)f->told;
	f->bus = vpci_plug(vm, id, &f->net->vp.fn, &opt, boot, f->is_vf ? &vf_owner : NULL, f,
			   err, n);
	if (!f->bus)
		return -EINVAL;
	ret = control_register(vm, id, verb, f);
	if (ret) {
		snprintf(err, n, "%s: id=%s: %s", place->option, id, strerror(-ret));
		return -EINVAL;
	}
	stats_add_source(vm, f->net->id, dump, f);
	f->next = functions;
	functions = f;
	return 0;
}

static struct function *function_new(void)
{
	struct function *f = calloc(1, sizeof(*f));

	if (!f)
		log_fatal(EXIT_INTERNAL, "out of memory");
	f->timer.expire = due;
	f->told = UINT64_MAX;
	return f;
}

static int create_vf(struct vm *vm, struct device_args *args, char *err, size_t n)
{
	struct virtio_net_place place = { .option = "--vf virtio" };
	const char *id = args_str(args, "id", "vf0");
	struct function *f = function_new();
	uint64_t delay = OFFER_MS;
	bool boot;
	int ret;

	f->is_vf = true;
	ret = parse_offer(args, "auto", &f->automatic, &boot, err, n);
	if (!ret)
		ret = args_u64(args, "delay", 0, 60000, &delay, err, n);
	if (!ret && args_str(args, "told", NULL))
		ret = args_u64(args, "told", 0, UINT32_MAX, &f->told, err, n);
	if (!ret)
		ret = netvsp_vf_attach(args_str(args, "nic", "net0"), &f->vf, err, n);
	if (ret)
		return ret;
	f->delay_ns = delay * 1000000;
	f->vf.wanted = wanted;
	place.mac = f->vf.mac;
	place.queues = f->vf.queues;
	place.mtu = f->vf.mtu;
	place.is_vf = true;
	place.backend = f->vf.backend;
	place.loop = f->vf.loop;
	ret = make(vm, f, id, args, &place, boot, err, n);
	if (ret)
		return ret;
	backend_share_on_switch(f->vf.share, BACKEND_VF, on_switch, f->net);
	if (boot)
		netvsp_vf_allocated(&f->vf, true);
	return 0;
}

static int create_alone(struct vm *vm, struct device_args *args, char *err, size_t n)
{
	static const struct virtio_net_place place = { .option = "--vpci virtio-net" };
	const char *id = args_str(args, "id", "vpci0");
	struct function *f = function_new();
	bool boot;
	int ret = parse_offer(args, "boot", &f->automatic, &boot, err, n);

	if (!ret && f->automatic) {
		snprintf(err, n, "offer=auto is for a VF");
		ret = -EINVAL;
	}
	return ret ? ret : make(vm, f, id, args, &place, boot, err, n);
}

static void stop(struct vm *vm)
{
	while (functions) {
		struct function *f = functions;

		functions = f->next;
		stats_remove_source(vm, f->net->id);
		virtio_net_free(f->net);
		vpci_unplug(f->bus);
		free(f);
	}
}

#define BUS_HELP  "guid=GUID,serial=N,numa=NODE,domain=N,version-min=1.1,version-max=1.6,eject-timeout=60"

const struct device_type vf_virtio_type = {
	.option = "vf",
	.type = "virtio",
	.help = "id=vf0,nic=net0,offer=auto|boot|manual,delay=1000,told=N," BUS_HELP ",\n"
		"    and of --net virtio: mac, queues, mtu (the NIC's), ring, csum, gso, mrg, event-idx",
	.create = create_vf,
	.stop = stop,
};

const struct device_type vpci_virtio_type = {
	.option = "vpci",
	.type = "virtio-net",
	.help = "id=vpci0,offer=boot|manual," BUS_HELP ",\n"
		"    and all of --net virtio",
	.create = create_alone,
	.stop = stop,
};
