// SPDX-License-Identifier: GPL-2.0
/*
 * xdprun NIC drop|tx|redirect COUNT [OTHER]: has the driver run that program of xdp.bpf.o (native,
 * not generic) on COUNT packets; redirect sends them out of OTHER, on which pass is put.
 * Exit: 3 when a driver refuses.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "waiter.h"

#define CPUS_MAX 64
#define REFUSED	 3

static struct bpf_object *object;

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int nic(const char *name)
{
	int index = (int)if_nametoindex(name);

	if (!index)
		waiter_fail(1, "no NIC %s", name);
	return index;
}

static void attach(const char *name, const char *program)
{
	struct bpf_program *p = bpf_object__find_program_by_name(object, program);
	int err;

	if (!p)
		waiter_fail(2, "no program %s", program);
	err = bpf_xdp_attach(nic(name), bpf_program__fd(p), XDP_FLAGS_DRV_MODE, NULL);
	if (err)
		waiter_fail(REFUSED, "driver refuses native XDP: %s", strerror(-err));
}

static uint64_t packets(void *o)
{
	uint64_t each[CPUS_MAX] = { 0 }, sum = 0;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(*(int *)o, &zero, each))
		waiter_fail(1, "counter: %s", strerror(errno));
	for (int i = 0; i < CPUS_MAX; i++)
		sum += each[i];
	return sum;
}

int main(int argc, char **argv)
{
	uint32_t zero = 0, other;
	char path[256], *slash;
	int counter;

	if (argc < 4)
		waiter_fail(2, "usage: xdprun NIC drop|tx|redirect COUNT [OTHER]");
	if (libbpf_num_possible_cpus() > CPUS_MAX)
		waiter_fail(2, "more than %d processors", CPUS_MAX);
	snprintf(path, sizeof(path) - 16, "%s", argv[0]);
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, "xdp.bpf.o");
	libbpf_set_print(quiet);
	object = bpf_object__open_file(path, NULL);
	if (!object || bpf_object__load(object))
		waiter_fail(1, "%s: %s", path, strerror(errno));
	counter = bpf_object__find_map_fd_by_name(object, "packets");
	if (argc > 4) {
		attach(argv[4], "pass");
		other = (uint32_t)nic(argv[4]);
		if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "other"), &zero,
					&other, BPF_ANY))
			waiter_fail(1, "devmap: %s", strerror(errno));
	}
	attach(argv[1], argv[2]);
	waiter_until(packets, &counter, waiter_number(argv[3]));
	waiter_say("done\n");
	bpf_xdp_detach(nic(argv[1]), XDP_FLAGS_DRV_MODE, NULL);
	if (argc > 4)
		bpf_xdp_detach(nic(argv[4]), XDP_FLAGS_DRV_MODE, NULL);
	return 0;
}
