// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "nic.h"
#include "topo.h"

const char * const role_name[] = { "other", "gpu", "nic", "nvswitch", "ethernet" };
const char * const confidence_name[] = { "none", "heuristic", "exact" };

/* Names go into DOT, SVG and XML as they are, those of a saved tree too: nothing else is kept. */
static void keep_plain(char *name)
{
	char *to = name;

	for (; *name; name++)
		if (isalnum((unsigned char)*name) || strchr("_.:-", *name))
			*to++ = *name;
	*to = 0;
}

/* A VF of accelerated networking belongs to a synthetic NIC, which has its address. */
static bool belongs_to_nic(const char *net)
{
	char master[32], driver[64], device[64];

	if (!*net)
		return false;
	sysfs_link(master, sizeof(master), "/sys/class/net/%s/master", net);
	if (!*master)
		return false;
	sysfs_link(device, sizeof(device), "/sys/class/net/%s/device", master);
	sysfs_link(driver, sizeof(driver), VMBUS_DEVICES "/%s/driver", device);
	return !strncmp(driver, "hv_netvsc", 9);
}

/* Functions that Azure gives as VFs of accelerated networking; RDMA ones differ by class or id. */
static bool ethernet_vf(unsigned int vendor, unsigned int device)
{
	static const unsigned int mellanox[] = { 0x1004, 0x1014, 0x1016, 0x1018, 0x101a };

	for (size_t i = 0; i < sizeof(mellanox) / sizeof(mellanox[0]); i++)
		if (vendor == 0x15b3 && device == mellanox[i])
			return true;
	return false;
}

static enum role role_of(const struct topo_device *d)
{
	switch (d->class >> 8) {
	case 0x0207:
		return ROLE_NIC;
	case 0x0200:
		if (belongs_to_nic(d->net) || ethernet_vf(d->vendor, d->device) || !*d->rdma)
			return ROLE_ETHERNET;
		return ROLE_NIC;
	case 0x0680:
		return d->vendor == 0x10de ? ROLE_NVSWITCH : ROLE_OTHER;
	}
	return d->class >> 16 == 0x03 || d->class >> 16 == 0x12 ? ROLE_GPU : ROLE_OTHER;
}

static void first_of(char *name, size_t size, const char *address, const char *kind)
{
	char **entry = sysfs_list(PCI_DEVICES "/%s/%s", address, kind);

	snprintf(name, size, "%s", *entry ? *entry : "");
	sysfs_list_free(entry);
}

static void read_device(struct topo_device *d, const char *address)
{
	char text[64];

	snprintf(d->address, sizeof(d->address), "%s", address);
	pci_serial_of(d->serial, sizeof(d->serial), address);
	d->class = sysfs_read_long(0, PCI_DEVICES "/%s/class", address);
	d->vendor = sysfs_read_long(0, PCI_DEVICES "/%s/vendor", address);
	d->device = sysfs_read_long(0, PCI_DEVICES "/%s/device", address);
	d->subsystem_vendor = sysfs_read_long(0, PCI_DEVICES "/%s/subsystem_vendor", address);
	d->subsystem_device = sysfs_read_long(0, PCI_DEVICES "/%s/subsystem_device", address);
	d->node = sysfs_read_long(-1, PCI_DEVICES "/%s/numa_node", address);
	d->width = sysfs_read_long(0, PCI_DEVICES "/%s/current_link_width", address);
	/* "32.0 GT/s PCIe", or "Unknown" */
	if (!sysfs_read(text, sizeof(text), PCI_DEVICES "/%s/current_link_speed", address))
		d->speed = strtod(text, NULL);
	sysfs_link(d->driver, sizeof(d->driver), PCI_DEVICES "/%s/driver", address);
	first_of(d->rdma, sizeof(d->rdma), address, "infiniband");
	first_of(d->net, sizeof(d->net), address, "net");
	d->group = -1;
	d->role = role_of(d);
	keep_plain(d->address);
	keep_plain(d->serial);
	keep_plain(d->driver);
	keep_plain(d->rdma);
	keep_plain(d->net);
}

static void read_nodes(struct topo *topo)
{
	char **name = sysfs_list("/sys/devices/system/node");
	struct topo_node *node;
	int id, end;

	for (char **n = name; *n; n++) {
		if (sscanf(*n, "node%d%n", &id, &end) != 1 || (*n)[end])
			continue;
		topo->node = grow(topo->node, &topo->n_nodes, sizeof(*node));
		node = &topo->node[topo->n_nodes - 1];
		node->id = id;
		if (sysfs_read_cpus(&node->cpus, "/sys/devices/system/node/%s/cpulist", *n))
			memset(&node->cpus, 0, sizeof(node->cpus));
	}
	sysfs_list_free(name);
	if (topo->n_nodes)
		return;
	/* A kernel without NUMA: one node that has every processor. */
	topo->node = grow(topo->node, &topo->n_nodes, sizeof(*node));
	if (sysfs_read_cpus(&topo->node[0].cpus, "/sys/devices/system/cpu/online"))
		memset(&topo->node[0].cpus, 0, sizeof(topo->node[0].cpus));
}

static void read_processor(struct topo *topo)
{
	FILE *file = sysfs_open("/proc/cpuinfo");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		const char *value = strchr(line, ':');

		if (!value || *line == '\n')
			break; /* they are alike, the first tells */
		value += strspn(value, ": ");
		if (!strncmp(line, "vendor_id", 9)) {
			snprintf(topo->vendor, sizeof(topo->vendor), "%s", value);
			keep_plain(topo->vendor);
		} else if (!strncmp(line, "cpu family", 10)) {
			topo->family = strtoul(value, NULL, 0);
		} else if (!strncmp(line, "model\t", 6)) {
			topo->model = strtoul(value, NULL, 0);
		} else if (!strncmp(line, "CPU implementer", 15)) {
			topo->arm64 = true;
		}
	}
	if (file)
		fclose(file);
}

/* Domains are hexadecimal numbers; within one of them addresses are of one length. */
static int by_address(const void *a, const void *b)
{
	const struct topo_device *p = a, *q = b;
	unsigned long domain = strtoul(p->address, NULL, 16), other = strtoul(q->address, NULL, 16);

	if (domain != other)
		return domain < other ? -1 : 1;
	return strcmp(p->address, q->address);
}

bool topo_read(struct topo *topo)
{
	char **address = sysfs_list(PCI_DEVICES);

	memset(topo, 0, sizeof(*topo));
	for (char **a = address; *a; a++) {
		char guid[64];

		pci_vmbus_of(guid, sizeof(guid), *a);
		if (!*guid)
			continue;
		topo->device = grow(topo->device, &topo->n_devices, sizeof(*topo->device));
		read_device(&topo->device[topo->n_devices - 1], *a);
		strcpy(topo->device[topo->n_devices - 1].guid, guid);
	}
	sysfs_list_free(address);
	if (!topo->n_devices) {
		fprintf(stderr, "hvaccel: no device behind a synthetic PCI bus here\n");
		return false;
	}
	qsort(topo->device, topo->n_devices, sizeof(*topo->device), by_address);
	read_nodes(topo);
	read_processor(topo);
	return true;
}

void topo_free(struct topo *topo)
{
	free(topo->node);
	free(topo->device);
	memset(topo, 0, sizeof(*topo));
}
