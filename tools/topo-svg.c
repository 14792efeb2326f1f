// SPDX-License-Identifier: GPL-2.0
/* A picture of the machine: a column for each NUMA node, a frame for each group, a box a device. */
#include "topo.h"

#define COLUMN 320 /* width of a node */
#define BOX_HEIGHT 34
#define GAP 8
#define HEAD 44 /* a node's title, and below the picture the words about confidence */

static const char * const colour[] = {
	[ROLE_OTHER] = "#eeeeee",
	[ROLE_GPU] = "#bfe3c0",
	[ROLE_NIC] = "#bcd6f5",
	[ROLE_NVSWITCH] = "#e3d5f0",
	[ROLE_ETHERNET] = "#f3e3b5",
};

static void put_rect(int x, int y, int width, int height, FILE *to)
{
	fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"", x, y, width, height);
}

static void put_box(const struct topo_device *d, int x, int y, FILE *to)
{
	put_rect(x, y, COLUMN - 6 * GAP, BOX_HEIGHT, to);
	fprintf(to, " fill=\"%s\" stroke=\"#555\"/>\n", colour[d->role]);
	fprintf(to, "<text x=\"%d\" y=\"%d\">%s %s %s</text>\n", x + GAP, y + 21,
		role_name[d->role], d->address, d->rdma);
}

/* The devices of a group, or those of none for -1, from @y on; returns where the next may begin. */
static int put_group(const struct topo *topo, int node, int group, int x, int y, FILE *to)
{
	int start = y;

	for (size_t i = 0; i < topo->n_devices; i++) {
		const struct topo_device *d = &topo->device[i];

		if (d->group != group || topo_node_of(topo, d) != node)
			continue;
		put_box(d, x + 3 * GAP, y + GAP, to);
		y += BOX_HEIGHT + GAP;
	}
	if (y == start)
		return start;
	y += 2 * GAP;
	if (group >= 0) {
		put_rect(x + 2 * GAP, start, COLUMN - 4 * GAP, y - start - GAP, to);
		fprintf(to, " fill=\"none\" stroke=\"#333\" stroke-dasharray=\"4\"/>\n");
	}
	return y;
}

void topo_svg(const struct topo *topo, FILE *to)
{
	int height = HEAD, width = COLUMN * (int)topo->n_nodes;

	/* No column is higher than all devices and all frames in one. */
	height += (BOX_HEIGHT + GAP) * (int)topo->n_devices + 3 * GAP * (topo->n_groups + 1);
	fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" ", width,
		height + HEAD);
	fprintf(to, "font-family=\"sans-serif\" font-size=\"13\">\n");
	for (size_t n = 0; n < topo->n_nodes; n++) {
		int x = COLUMN * (int)n, y = HEAD;

		fprintf(to, "<text x=\"%d\" y=\"24\" font-weight=\"bold\">", x + 2 * GAP);
		fprintf(to, "node %d: %u processors</text>\n", topo->node[n].id,
			cpus_count(&topo->node[n].cpus));
		for (int group = -1; group < topo->n_groups; group++)
			y = put_group(topo, topo->node[n].id, group, x, y, to);
	}
	fprintf(to, "<text x=\"%d\" y=\"%d\">", 2 * GAP, height + 24);
	fprintf(to, "%d groups, confidence %s: %s</text>\n</svg>\n", topo->n_groups,
		confidence_name[topo->confidence], topo->why);
}
