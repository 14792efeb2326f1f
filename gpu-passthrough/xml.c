// SPDX-License-Identifier: GPL-2.0
/*
 * The topology as text: what NCCL_TOPO_FILE and RCCL's likewise read, and a table. Their parser
 * knows no XML prolog, wants exactly one space before each attribute, and 256 nodes at most; busids
 * of bridges are invented and must exist nowhere in the machine. The format is that of NCCL's
 * graph/xml.cc and topo.cc.
 */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/nodemask.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "gpupt.h"

#define XML_NODES	256	/* the parsers' limit */
#define XML_VALUE	254	/* of a value, likewise */
#define BRIDGE_LANES	16
#define GENERATIONS	7

/* As the kernel's sysfs and the parsers spell it. */
static const char *const speeds[GENERATIONS] = {
	NULL, "2.5 GT/s PCIe", "5.0 GT/s PCIe", "8.0 GT/s PCIe", "16.0 GT/s PCIe", "32.0 GT/s PCIe",
	"64.0 GT/s PCIe",
};

/**
 * gpupt_text_add() - append to a text; what does not fit is left out
 * @text: where
 * @format: as for printf
 *
 * Context: any.
 */
void gpupt_text_add(struct gpupt_text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text->used += vscnprintf(text->at + text->used, text->room - text->used, format, args);
	va_end(args);
}

/**
 * gpupt_text_line() - append a line to a text, as a whole or not at all
 * @text: where
 * @format: as for printf
 *
 * Context: any.
 *
 * Return: whether it fitted.
 */
bool gpupt_text_line(struct gpupt_text *text, const char *format, ...)
{
	size_t room = text->room - text->used;
	va_list args;
	size_t n;

	va_start(args, format);
	n = vsnprintf(text->at + text->used, room, format, args);
	va_end(args);
	if (n >= room)
		return false;
	text->used += n;
	return true;
}

/* struct scribe - an XML text and how many nodes it has */
struct scribe {
	struct gpupt_text *text;
	unsigned int nodes;
};

static bool room_for(struct scribe *s, unsigned int nodes)
{
	if (s->nodes + nodes > XML_NODES)
		return false;
	s->nodes += nodes;
	return true;
}

static bool in_xml(const struct gpupt_function *fn)
{
	return fn->place.role == GPUPT_ROLE_GPU || fn->place.role == GPUPT_ROLE_RDMA;
}

static bool in_group(const struct gpupt_function *fn, int group)
{
	return in_xml(fn) && fn->place.group == group;
}

/* The fastest link of a group: that of its bridge, and of NICs that do not tell theirs. */
static unsigned int group_speed(int group)
{
	struct gpupt_function *fn;
	unsigned int gen = 0;

	list_for_each_entry(fn, &gpupt_functions, list)
		if (in_group(fn, group) && fn->link_gen < GENERATIONS)
			gen = max_t(unsigned int, gen, fn->link_gen);
	return gen;
}

/* By role and domain; functions of one domain by their address. */
static bool precedes(const struct gpupt_function *a, const struct gpupt_function *b)
{
	if (a->place.role != b->place.role)
		return a->place.role < b->place.role;
	if (a->place.domain != b->place.domain)
		return a->place.domain < b->place.domain;
	return strcmp(a->name, b->name) < 0;
}

/* A group is where its GPU of the lowest domain is, or its first NIC. */
static int group_node(int group)
{
	struct gpupt_function *fn, *first = NULL;

	list_for_each_entry(fn, &gpupt_functions, list) {
		if (!in_group(fn, group))
			continue;
		if (!first || precedes(fn, first))
			first = fn;
	}
	return first ? first->place.node : NUMA_NO_NODE;
}

static void link_attributes(struct scribe *s, unsigned int gen, unsigned int width)
{
	if (gen && gen < GENERATIONS)
		gpupt_text_add(s->text, " link_speed=\"%s\" link_width=\"%u\"", speeds[gen], width);
}

static void function_node(struct scribe *s, const struct gpupt_function *fn, unsigned int indent,
			  unsigned int group_gen)
{
	bool told = fn->link_gen && fn->link_width;

	if (!room_for(s, 1))
		return;
	gpupt_text_add(s->text, "%*s<pci busid=\"%s\" class=\"0x%06x\"", indent, "", fn->name,
		       fn->class);
	link_attributes(s, told ? fn->link_gen : group_gen, told ? fn->link_width : BRIDGE_LANES);
	gpupt_text_add(s->text, "/>\n");
}

/* The next in that order, NULL after the last. */
static struct gpupt_function *next_member(int node, int group, const struct gpupt_function *after)
{
	struct gpupt_function *fn, *best = NULL;

	list_for_each_entry(fn, &gpupt_functions, list) {
		if (!in_group(fn, group) || (node >= 0 && fn->place.node != node))
			continue;
		if (after && !precedes(after, fn))
			continue;
		if (!best || precedes(fn, best))
			best = fn;
	}
	return best;
}

static void group_xml(struct scribe *s, int group)
{
	unsigned int gen = group_speed(group);
	struct gpupt_function *fn = NULL;

	/* A bridge with nothing below it would be of no use. */
	if (!room_for(s, 1))
		return;
	gpupt_text_add(s->text, "    <pci busid=\"ffff:ff:%02x.%x\" class=\"0x060400\"", group >> 3,
		       group & 7);
	link_attributes(s, gen, BRIDGE_LANES);
	gpupt_text_add(s->text, " vendor=\"0x0000\" device=\"0x0000\"");
	gpupt_text_add(s->text, " subsystem_vendor=\"0x0000\" subsystem_device=\"0x0000\">\n");
	while ((fn = next_member(NUMA_NO_NODE, group, fn)))
		function_node(s, fn, 6, gen);
	gpupt_text_add(s->text, "    </pci>\n");
}

static void cpu_attributes(struct scribe *s, int node)
{
	size_t before = s->text->used;

	gpupt_text_add(s->text, " affinity=\"%*pb\"", nr_cpu_ids, cpumask_of_node(node));
	/* Longer than the parsers take: they find out by themselves. */
	if (s->text->used - before > XML_VALUE)
		s->text->used = before;
	gpupt_text_add(s->text, " arch=\"%s\"", IS_ENABLED(CONFIG_X86) ? "x86_64" : "arm64");
}

static void node_xml(struct scribe *s, int node, const int *node_of_group)
{
	struct gpupt_function *fn = NULL;
	int group;

	if (!room_for(s, 1))
		return;
	gpupt_text_add(s->text, "  <cpu numaid=\"%d\"", node);
	cpu_attributes(s, node);
	gpupt_text_add(s->text, ">\n");
	for (group = 0; group < GPUPT_GROUPS; group++)
		if (node_of_group[group] == node)
			group_xml(s, group);
	while ((fn = next_member(node, GPUPT_NO_GROUP, fn)))
		function_node(s, fn, 4, 0);
	gpupt_text_add(s->text, "  </cpu>\n");
}

/**
 * gpupt_xml() - the topology for NCCL and RCCL
 * @text: appended to
 * @version: of the system element: 1 for NCCL, 2 for RCCL
 *
 * Context: process, gpupt_lock held.
 */
void gpupt_xml(struct gpupt_text *text, unsigned int version)
{
	static int node_of_group[GPUPT_GROUPS]; /* under gpupt_lock */
	struct scribe s = { .text = text, .nodes = 1 };
	int group, node;

	for (group = 0; group < GPUPT_GROUPS; group++)
		node_of_group[group] = group_node(group);
	gpupt_text_add(text, "<system version=\"%u\">\n", version);
	for_each_online_node(node)
		node_xml(&s, node, node_of_group);
	gpupt_text_add(text, "</system>\n");
}

/**
 * gpupt_table() - the topology for people and scripts: one function a line
 * @text: appended to
 *
 * Context: process, gpupt_lock held.
 */
void gpupt_table(struct gpupt_text *text)
{
	struct gpupt_function *fn;

	gpupt_text_add(text, "address role node group confidence serial guid\n");
	list_for_each_entry(fn, &gpupt_functions, list) {
		gpupt_text_add(text, "%s %s %d ", fn->name, gpupt_role_name(fn->place.role),
			       fn->place.node);
		if (fn->place.group == GPUPT_NO_GROUP)
			gpupt_text_add(text, "- ");
		else
			gpupt_text_add(text, "%d ", fn->place.group);
		gpupt_text_add(text, "%s %s ", gpupt_confidence_name(fn->place.confidence),
			       fn->serial[0] ? fn->serial : "-");
		if (fn->vpci)
			gpupt_text_add(text, "%pUl\n", &fn->guid);
		else
			gpupt_text_add(text, "-\n");
	}
}
