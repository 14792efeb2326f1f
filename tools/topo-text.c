// SPDX-License-Identifier: GPL-2.0
/* The topology in words, as JSON, for hwloc, for Graphviz, and as labels of a Kubernetes node. */
#include <string.h>

#include "json.h"
#include "topo.h"

static void put_node(const struct topo_node *node, FILE *to)
{
	const char *comma = "";

	fprintf(to, "node %d, processors ", node->id);
	for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++) {
		unsigned int last = cpu;

		if (!node->cpus.has[cpu])
			continue;
		while (last + 1 < CPUS_MAX && node->cpus.has[last + 1])
			last++;
		fprintf(to, last > cpu ? "%s%u-%u" : "%s%u", comma, cpu, last);
		comma = ",";
		cpu = last;
	}
	fprintf(to, "%s\n", *comma ? "" : "none");
}

static void put_line(const struct topo_device *d, FILE *to)
{
	char group[16] = "-";

	if (d->group >= 0)
		snprintf(group, sizeof(group), "%d", d->group);
	fprintf(to, "  %-14s %-9s group %-3s %04x:%04x  serial %-6s %s%s%s\n", d->address,
		role_name[d->role], group, d->vendor, d->device, *d->serial ? d->serial : "-",
		*d->driver ? d->driver : "no driver", *d->rdma ? " " : "", d->rdma);
}

void topo_text(const struct topo *topo, FILE *to)
{
	char near[512];

	for (size_t n = 0; n < topo->n_nodes; n++) {
		put_node(&topo->node[n], to);
		for (size_t i = 0; i < topo->n_devices; i++)
			if (topo_node_of(topo, &topo->device[i]) == topo->node[n].id)
				put_line(&topo->device[i], to);
	}
	fprintf(to, "groups: %d, confidence %s: %s\n", topo->n_groups,
		confidence_name[topo->confidence], topo->why);
	for (size_t i = 0; i < topo->n_devices; i++) {
		const struct topo_device *d = &topo->device[i];

		if (d->role != ROLE_GPU || d->group < 0)
			continue;
		topo_near(topo, d, ":1", near, sizeof(near));
		fprintf(to, "gpu %s: UCX_NET_DEVICES=%s", d->address, near);
		fprintf(to, " NCCL_IB_HCA==%s\n", near);
	}
}

static void add_hex(struct json_object *o, const char *key, unsigned int value, int digits)
{
	char text[16];

	snprintf(text, sizeof(text), "0x%0*x", digits, value);
	json_text(o, key, text);
}

static struct json_object *device_json(const struct topo *topo, const struct topo_device *d)
{
	struct json_object *o = json_object_new_object();
	char near[512];

	json_text(o, "address", d->address);
	json_text(o, "role", role_name[d->role]);
	json_object_object_add(o, "group", d->group < 0 ? NULL : json_object_new_int(d->group));
	json_object_object_add(o, "node", json_object_new_int(topo_node_of(topo, d)));
	json_text(o, "guid", d->guid);
	json_text(o, "serial", d->serial);
	add_hex(o, "class", d->class, 6);
	add_hex(o, "vendor", d->vendor, 4);
	add_hex(o, "device", d->device, 4);
	json_object_object_add(o, "link_speed", d->speed > 0 ? json_object_new_double(d->speed) :
								NULL);
	json_object_object_add(o, "link_width", d->width ? json_object_new_int(d->width) : NULL);
	json_text(o, "driver", d->driver);
	json_text(o, "rdma", d->rdma);
	json_text(o, "net", d->net);
	if (d->role == ROLE_GPU && d->group >= 0) {
		topo_near(topo, d, ":1", near, sizeof(near));
		json_text(o, "ucx_net_devices", near);
		topo_near(topo, d, "", near, sizeof(near));
		json_text(o, "nics", near);
	}
	return o;
}

void topo_json(const struct topo *topo, FILE *to)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_text(o, "confidence", confidence_name[topo->confidence]);
	json_text(o, "why", topo->why);
	json_object_object_add(o, "groups", json_object_new_int(topo->n_groups));
	for (size_t i = 0; i < topo->n_nodes; i++) {
		struct json_object *node = json_object_new_object();
		char mask[CPUS_MASK_SIZE];

		cpus_mask(&topo->node[i].cpus, mask, sizeof(mask));
		json_object_object_add(node, "id", json_object_new_int(topo->node[i].id));
		json_text(node, "cpus", mask);
		json_object_array_add(list, node);
	}
	json_object_object_add(o, "nodes", list);
	list = json_object_new_array();
	for (size_t i = 0; i < topo->n_devices; i++)
		json_object_array_add(list, device_json(topo, &topo->device[i]));
	json_object_object_add(o, "devices", list);
	json_show(o, to);
}

/* The file that HWLOC_PCI_LOCALITY names: a domain and the processors next to it, a line each. */
void topo_hwloc(const struct topo *topo, FILE *to)
{
	for (size_t i = 0; i < topo->n_devices; i++) {
		const struct topo_device *d = &topo->device[i];
		char mask[CPUS_MASK_SIZE];

		for (size_t n = 0; n < topo->n_nodes; n++) {
			const char *comma = "0x";

			if (topo->node[n].id != topo_node_of(topo, d))
				continue;
			cpus_mask(&topo->node[n].cpus, mask, sizeof(mask));
			fprintf(to, "%.4s ", d->address);
			for (char *word = strtok(mask, ","); word; word = strtok(NULL, ",")) {
				fprintf(to, "%s%s", comma, word);
				comma = ",0x";
			}
			fprintf(to, "\n");
		}
	}
}

void topo_dot(const struct topo *topo, FILE *to)
{
	char bridge[32];

	fprintf(to, "graph machine {\n\trankdir=LR;\n\tnode [shape=box];\n");
	for (size_t n = 0; n < topo->n_nodes; n++) {
		int id = topo->node[n].id;

		fprintf(to, "\tsubgraph cluster_%d {\n\t\tlabel=\"node %d\";\n", id, id);
		fprintf(to, "\t\tcpu%d [label=\"%u processors\"];\n", id,
			cpus_count(&topo->node[n].cpus));
		for (size_t i = 0; i < topo->n_devices; i++) {
			const struct topo_device *d = &topo->device[i];

			if (topo_node_of(topo, d) != id)
				continue;
			fprintf(to, "\t\t\"%s\" [label=\"%s\\n%s%s%s\"];\n", d->address,
				role_name[d->role], d->address, *d->rdma ? "\\n" : "", d->rdma);
			if (d->group >= 0) {
				topo_bridge(topo, d->group, bridge, sizeof(bridge));
				fprintf(to, "\t\t\"%s\" [label=\"switch %d\", shape=ellipse];\n",
					bridge, d->group);
				fprintf(to, "\t\t\"%s\" -- \"%s\";\n", bridge, d->address);
			} else {
				fprintf(to, "\t\tcpu%d -- \"%s\";\n", id, d->address);
			}
		}
		for (int group = 0; group < topo->n_groups; group++)
			for (size_t i = 0; i < topo->n_devices; i++)
				if (topo->device[i].group == group &&
				    topo_node_of(topo, &topo->device[i]) == id) {
					topo_bridge(topo, group, bridge, sizeof(bridge));
					fprintf(to, "\t\tcpu%d -- \"%s\";\n", id, bridge);
					break;
				}
		fprintf(to, "\t}\n");
	}
	fprintf(to, "}\n");
}

/* A file for node-feature-discovery's features.d: it puts its own prefix before the names. */
void topo_k8s(const struct topo *topo, FILE *to)
{
	size_t n[ROLE_ETHERNET + 1] = { 0 };

	for (size_t i = 0; i < topo->n_devices; i++)
		n[topo->device[i].role]++;
	fprintf(to, "hvaccel-gpus=%zu\n", n[ROLE_GPU]);
	fprintf(to, "hvaccel-rdma-nics=%zu\n", n[ROLE_NIC]);
	fprintf(to, "hvaccel-nvswitches=%zu\n", n[ROLE_NVSWITCH]);
	fprintf(to, "hvaccel-numa-nodes=%zu\n", topo->n_nodes);
	fprintf(to, "hvaccel-gpu-nic-groups=%d\n", topo->n_groups);
	fprintf(to, "hvaccel-gpu-nic-confidence=%s\n", confidence_name[topo->confidence]);
	for (size_t i = 0; i < topo->n_devices; i++)
		if (topo->device[i].role == ROLE_GPU) {
			fprintf(to, "hvaccel-gpu-id=%04x.%04x\n", topo->device[i].vendor,
				topo->device[i].device);
			break;
		}
}
