// SPDX-License-Identifier: GPL-2.0
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "nic.h"
#include "sysfs.h"

/* The first entry of a directory, "" when it is empty. */
static void only_of(char *name, size_t size, const char *dir)
{
	char **names = sysfs_list("%s", dir);

	snprintf(name, size, "%s", *names ? *names : "");
	sysfs_list_free(names);
}

static void read_interface(const char *name, char *address, size_t size, char *operstate,
			   size_t state_size)
{
	if (sysfs_read(address, size, "/sys/class/net/%s/address", name))
		*address = 0;
	if (sysfs_read(operstate, state_size, "/sys/class/net/%s/operstate", name))
		*operstate = 0;
}

bool vmbus_class_is(const char *device, const char *class)
{
	char id[64];

	return !sysfs_read(id, sizeof(id), VMBUS_DEVICES "/%s/class_id", device) &&
	       !strcasecmp(id, class);
}

static void read_lower(struct nic *nic)
{
	char **entry = sysfs_list("/sys/class/net/%s", nic->name);

	for (char **e = entry; *e && !*nic->lower; e++)
		if (!strncmp(*e, "lower_", 6))
			snprintf(nic->lower, sizeof(nic->lower), "%s", *e + 6);
	sysfs_list_free(entry);
}

struct nic *nics_read(size_t *n)
{
	char **device = sysfs_list(VMBUS_DEVICES);
	struct nic *nics = NULL;

	*n = 0;
	for (char **d = device; *d; d++) {
		char path[PATH_MAX];
		struct nic *nic;

		if (!vmbus_class_is(*d, VMBUS_CLASS_NET))
			continue;
		nics = grow(nics, n, sizeof(*nics));
		nic = &nics[*n - 1];
		snprintf(nic->device, sizeof(nic->device), "%s", *d);
		sysfs_link(nic->driver, sizeof(nic->driver), VMBUS_DEVICES "/%s/driver", *d);
		if (sysfs_read(nic->override, sizeof(nic->override),
			       VMBUS_DEVICES "/%s/driver_override", *d) ||
		    !strcmp(nic->override, "(null)"))
			*nic->override = 0;
		nic->node = sysfs_read_long(-1, VMBUS_DEVICES "/%s/numa_node", *d);
		snprintf(path, sizeof(path), VMBUS_DEVICES "/%s/net", *d);
		only_of(nic->name, sizeof(nic->name), path);
		if (!*nic->name)
			continue;
		read_interface(nic->name, nic->address, sizeof(nic->address), nic->operstate,
			       sizeof(nic->operstate));
		nic->mtu = sysfs_read_long(0, "/sys/class/net/%s/mtu", nic->name);
		read_lower(nic);
	}
	sysfs_list_free(device);
	return nics;
}

void pci_vmbus_of(char *vmbus, size_t size, const char *address)
{
	char path[PATH_MAX], *root, *parent;

	*vmbus = 0;
	sysfs_real(path, sizeof(path), PCI_DEVICES "/%s", address);
	root = strstr(path, "/pci");
	if (!root)
		return;
	*root = 0;
	parent = strrchr(path, '/');
	if (parent && sysfs_exists(VMBUS_DEVICES "/%s", parent + 1))
		snprintf(vmbus, size, "%s", parent + 1);
}

void pci_serial_of(char *serial, size_t size, const char *address)
{
	char **slot = sysfs_list("/sys/bus/pci/slots");
	/* A slot's address has no function. */
	size_t length = strcspn(address, ".");

	*serial = 0;
	for (char **s = slot; *s && !*serial; s++) {
		char at[32];

		if (!sysfs_read(at, sizeof(at), "/sys/bus/pci/slots/%s/address", *s) &&
		    strlen(at) == length && !strncmp(at, address, length))
			snprintf(serial, size, "%s", *s);
	}
	sysfs_list_free(slot);
}

/* Below the function, or for virtio below the one device that the function has. */
static void find_interface(struct function *f)
{
	char path[PATH_MAX], **entry;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/net", f->address);
	only_of(f->name, sizeof(f->name), path);
	if (*f->name)
		return;
	entry = sysfs_list(PCI_DEVICES "/%s", f->address);
	for (char **e = entry; *e && !*f->name; e++) {
		if (strncmp(*e, "virtio", 6))
			continue;
		snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s/net", f->address, *e);
		only_of(f->name, sizeof(f->name), path);
	}
	sysfs_list_free(entry);
}

struct function *functions_read(size_t *n)
{
	char **address = sysfs_list(PCI_DEVICES);
	struct function *functions = NULL;

	*n = 0;
	for (char **a = address; *a; a++) {
		long class = sysfs_read_long(0, PCI_DEVICES "/%s/class", *a);
		struct function *f;
		char bus[64];

		if (class >> 8 != 0x0200)
			continue;
		pci_vmbus_of(bus, sizeof(bus), *a);
		if (!*bus)
			continue;
		functions = grow(functions, n, sizeof(*functions));
		f = &functions[*n - 1];
		snprintf(f->address, sizeof(f->address), "%s", *a);
		snprintf(f->bus, sizeof(f->bus), "%s", bus);
		pci_serial_of(f->serial, sizeof(f->serial), *a);
		if (sysfs_read(f->modalias, sizeof(f->modalias), PCI_DEVICES "/%s/modalias", *a))
			*f->modalias = 0;
		sysfs_link(f->driver, sizeof(f->driver), PCI_DEVICES "/%s/driver", *a);
		find_interface(f);
		if (!*f->name)
			continue;
		read_interface(f->name, f->mac, sizeof(f->mac), f->operstate, sizeof(f->operstate));
		sysfs_link(f->master, sizeof(f->master), "/sys/class/net/%s/master", f->name);
	}
	sysfs_list_free(address);
	return functions;
}
