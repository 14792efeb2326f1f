// SPDX-License-Identifier: GPL-2.0
/* The table of device types. A new one adds its header and its line here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices.h"
#include "log.h"
#include "options.h"
#include "vm.h"
#include "vmbus.h"

extern const struct device_type vmbus_type;
extern const struct device_type netvsp_type;
extern const struct device_type virtio_net_type;
extern const struct device_type vf_virtio_type;
extern const struct device_type vpci_virtio_type;
extern const struct device_type pci_gpu_type;
extern const struct device_type pci_rdma_type;
extern const struct device_type pci_nvswitch_type;

static const struct device_type *const types[] = {
	/* always-there ones first */
	&vmbus_type,
	&netvsp_type,
	&virtio_net_type,
	&vf_virtio_type,
	&vpci_virtio_type,
	&pci_gpu_type,
	&pci_rdma_type,
	&pci_nvswitch_type,
	NULL,
};

static const struct device_type *created[OPTIONS_MAX_DEVICES + 8];
static unsigned int n_created;

const struct device_type *devices_find(const char *option, const char *type)
{
	for (const struct device_type *const *t = types; *t; t++)
		if ((*t)->option && !strcmp((*t)->option, option) && !strcmp((*t)->type, type))
			return *t;
	return NULL;
}

int devices_has_option(const char *option)
{
	for (const struct device_type *const *t = types; *t; t++)
		if ((*t)->option && !strcmp((*t)->option, option))
			return 1;
	return 0;
}

void devices_help(void)
{
	for (const struct device_type *const *t = types; *t; t++)
		if ((*t)->option)
			printf("  --%s %s,%s\n", (*t)->option, (*t)->type,
			       (*t)->help ? (*t)->help : "");
}

static void create(struct vm *vm, const struct device_type *type, struct device_args *args)
{
	char err[256] = "";
	int ret = type->create(vm, args, err, sizeof(err));

	if (ret)
		log_fatal(ret == -EINVAL ? EXIT_USAGE : EXIT_INTERNAL, "%s%s%s",
			  err[0] ? "" : type->type, err[0] ? "" : ": ",
			  err[0] ? err : strerror(-ret));
	if (n_created < sizeof(created) / sizeof(created[0]))
		created[n_created++] = type;
}

void devices_create(struct vm *vm)
{
	for (const struct device_type *const *t = types; *t; t++)
		if (!(*t)->option)
			create(vm, *t, NULL);
	for (unsigned int i = 0; i < vm->opt->n_devices; i++) {
		struct device_args *args = vm->opt->device[i];

		create(vm, devices_find(args->option, args->type), args);
	}
}

void devices_stop(struct vm *vm)
{
	while (n_created) {
		const struct device_type *type = created[--n_created];
		bool again = false;

		/* One call a type, after its last device's turn. */
		for (unsigned int i = 0; i < n_created; i++)
			again |= created[i] == type;
		if (type->stop && !again)
			type->stop(vm);
	}
}
