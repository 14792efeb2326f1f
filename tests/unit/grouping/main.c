// SPDX-License-Identifier: GPL-2.0
/*
 * Grouping of machines that are written down as text: one letter a function in the order of node
 * and domain, nodes apart by a blank. A, H, M, T: A100 SXM, H100 SXM, MI300X, T4; N: an RDMA NIC;
 * S: a switch, V: the VF of the synthetic NIC. What is wanted: a group's number for each, - for
 * none.
 */
#include <linux/kernel.h>
#include <stdlib.h>

#include "grouping.h"

#define PLACES 1024

static unsigned int checks, failures;

static const struct {
	char letter;
	u32 class;
	u16 vendor, device;
	enum gpupt_role role;
} kinds[] = {
	{ 'A', 0x030200, 0x10de, 0x20b0, GPUPT_ROLE_GPU },
	{ 'H', 0x030200, 0x10de, 0x2330, GPUPT_ROLE_GPU },
	{ 'M', 0x120000, 0x1002, 0x74b5, GPUPT_ROLE_GPU },
	{ 'T', 0x030200, 0x10de, 0x1eb8, GPUPT_ROLE_GPU },
	{ 'N', 0x020700, 0x15b3, 0x101e, GPUPT_ROLE_RDMA },
	{ 'S', 0x068000, 0x10de, 0x22a3, GPUPT_ROLE_NVSWITCH },
	{ 'B', 0x068000, 0x8086, 0x1234, GPUPT_ROLE_OTHER },
	{ 'V', 0x020000, 0x15b3, 0x101a, GPUPT_ROLE_NETWORK },
	{ 'D', 0x010802, 0x1414, 0xb111, GPUPT_ROLE_STORAGE },
	{ 'Y', 0x030000, 0x1414, 0x5353, GPUPT_ROLE_OTHER },
	{ 'O', 0xff0000, 0x1414, 0x0001, GPUPT_ROLE_OTHER },
};

static void check(bool good, const char *machine, const char *what)
{
	checks++;
	if (good)
		return;
	failures++;
	printf("not so: %s: %s\n", machine, what);
}

static struct gpupt_place all[PLACES];
static struct gpupt_place *place[PLACES];

static unsigned int build(const char *machine)
{
	unsigned int n = 0, k;
	int node = 0;

	for (; *machine; machine++) {
		if (*machine == ' ') {
			node++;
			continue;
		}
		for (k = 0; kinds[k].letter != *machine; k++)
			;
		all[n] = (struct gpupt_place){
			.domain = n + 1,
			.vendor = kinds[k].vendor,
			.device = kinds[k].device,
			.node = node,
			.role = gpupt_role_of(kinds[k].class, kinds[k].vendor, kinds[k].device),
			.override = GPUPT_OVERRIDE_AUTO,
		};
		check(all[n].role == kinds[k].role, machine, "role");
		place[n] = &all[n];
		n++;
	}
	return n;
}

static void expect(const char *machine, const char *groups, enum gpupt_confidence confidence)
{
	unsigned int n = build(machine), i;
	char text[PLACES + 1] = "";

	gpupt_group(place, n);
	for (i = 0; i < n; i++) {
		text[i] = all[i].group == GPUPT_NO_GROUP ? '-' : '0' + all[i].group;
		check(all[i].confidence ==
		      (all[i].group == GPUPT_NO_GROUP ? GPUPT_CONFIDENCE_NONE : confidence),
		      machine, "confidence");
	}
	if (strcmp(text, groups))
		printf("got %s, wanted %s\n", text, groups);
	check(!strcmp(text, groups), machine, "groups");
}

static void overrides(void)
{
	unsigned int n = build("HNHN");

	all[0].override = 9;
	all[3].override = GPUPT_NO_GROUP;
	gpupt_group(place, n);
	check(all[0].group == 9 && all[0].confidence == GPUPT_CONFIDENCE_ADMIN, "HNHN", "override");
	check(all[3].group == GPUPT_NO_GROUP && all[3].confidence == GPUPT_CONFIDENCE_ADMIN,
	      "HNHN", "override with none");
	check(all[1].group == 0 && all[2].group == 1 &&
	      all[1].confidence == GPUPT_CONFIDENCE_EXACT, "HNHN", "the others");
}

/* A host may offer more than there are groups: numbers stay in their range. */
static void many(void)
{
	static char machine[PLACES];
	unsigned int n, i;

	for (i = 0; i < 300; i++) {
		machine[2 * i] = 'H';
		machine[2 * i + 1] = 'N';
	}
	n = build(machine);
	gpupt_group(place, n);
	for (i = 0; i < n; i++)
		check(all[i].group < GPUPT_GROUPS, "300 pairs", "number");
}

int main(void)
{
	/* The products with their own counts. */
	expect("AASNN AASNN AASNN AASNN", "00-0011-1122-2233-33", GPUPT_CONFIDENCE_EXACT);
	expect("AAAANNNN", "00110011", GPUPT_CONFIDENCE_EXACT);
	expect("HHHHSSNNNNV HHHHSSNNNN", "0123--0123-4567--4567", GPUPT_CONFIDENCE_EXACT);
	expect("NMNMNMNM NMNMNMNM", "0011223344556677", GPUPT_CONFIDENCE_EXACT);
	expect("MN", "00", GPUPT_CONFIDENCE_EXACT);
	/* With others. */
	expect("HHNNNN", "010011", GPUPT_CONFIDENCE_HEURISTIC);
	expect("AAAANN", "001101", GPUPT_CONFIDENCE_HEURISTIC);
	expect("AAANNN", "012012", GPUPT_CONFIDENCE_HEURISTIC);
	expect("HHHNN", "00000", GPUPT_CONFIDENCE_HEURISTIC);
	expect("HANN", "0101", GPUPT_CONFIDENCE_HEURISTIC);
	/* Nothing is known of it. */
	expect("TTNN", "0101", GPUPT_CONFIDENCE_HEURISTIC);
	expect("TTTN", "0000", GPUPT_CONFIDENCE_HEURISTIC);
	/* No pairs: no groups. */
	expect("TTTT", "----", GPUPT_CONFIDENCE_NONE);
	expect("HHHH NNNN", "--------", GPUPT_CONFIDENCE_NONE);
	expect("NNV", "---", GPUPT_CONFIDENCE_NONE);
	expect("", "", GPUPT_CONFIDENCE_NONE);
	expect("BDYOV", "-----", GPUPT_CONFIDENCE_NONE);
	/* A node that is empty in between. */
	expect("HN  HN", "0011", GPUPT_CONFIDENCE_EXACT);
	overrides();
	many();
	printf("%u checks, %u failures\n", checks, failures);
	return failures ? 1 : 0;
}
