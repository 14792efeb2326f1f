// SPDX-License-Identifier: GPL-2.0
/* hvaccel topo: which GPUs and RDMA NICs belong together, for those who cannot see it. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "hvaccel.h"
#include "options.h"
#include "topo.h"

static void nccl(const struct topo *topo, FILE *to)
{
	topo_xml(topo, 1, to);
}

static void rccl(const struct topo *topo, FILE *to)
{
	topo_xml(topo, 2, to);
}

static const struct {
	const char *name;
	void (*show)(const struct topo *topo, FILE *to);
} format[] = {
	{ "text", topo_text }, { "nccl", nccl }, { "rccl", rccl }, { "hwloc", topo_hwloc },
	{ "json", topo_json }, { "dot", topo_dot }, { "svg", topo_svg }, { "k8s", topo_k8s },
};

#define FORMATS (sizeof(format) / sizeof(format[0]))

static void usage(FILE *to)
{
	fprintf(to, "usage: hvaccel topo [OPTION...]\n"
		"       hvaccel topo check FILE [OPTION...]\n"
		"Shows which GPUs and RDMA NICs share a switch; or holds a file of NCCL's or RCCL's\n"
		"against this machine, says each difference, and exits with 4 if there is one.\n"
		"  --format FORMAT  text, nccl, rccl, hwloc, json, dot, svg or k8s\n"
		"  -j, --json       the same as --format json\n"
		"  --sysroot DIR    look at a saved tree instead of this machine\n");
}

static int options(int argc, char **argv, size_t *shape)
{
	static const struct option known[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		OPTION_SYSROOT,
		OPTION_HELP,
		{ 0 },
	};
	const char *name = "text";
	int c;

	while ((c = getopt_long(argc, argv, "jh", known, NULL)) != -1) {
		switch (c) {
		case 'f':
			name = optarg;
			break;
		case 'j':
			name = "json";
			break;
		default:
			if (!option_alike(c, usage))
				return STATUS_USAGE;
		}
	}
	for (*shape = 0; *shape < FORMATS && strcmp(format[*shape].name, name);)
		++*shape;
	if (*shape < FORMATS)
		return STATUS_OK;
	fprintf(stderr, "hvaccel: topo has no format '%s' (see --help)\n", name);
	return STATUS_USAGE;
}

int topo_main(int argc, char **argv)
{
	const char *file = NULL;
	struct topo topo;
	size_t shape;
	int status, n;

	status = options(argc, argv, &shape);
	if (status)
		return status;
	if (argc - optind == 2 && !strcmp(argv[optind], "check")) {
		file = argv[optind + 1];
	} else if (argc > optind) {
		fprintf(stderr, "hvaccel: topo takes `check FILE` or nothing, not '%s'\n",
			argv[optind]);
		return STATUS_USAGE;
	}
	if (!topo_read(&topo)) {
		topo_free(&topo);
		return STATUS_ABSENT;
	}
	topo_group(&topo);
	if (file) {
		n = topo_check(&topo, file, false);
		if (!n)
			printf("%s agrees with this machine\n", file);
		status = n < 0 ? STATUS_FAILED : n ? STATUS_CHANGES : STATUS_OK;
	} else {
		format[shape].show(&topo, stdout);
	}
	topo_free(&topo);
	return status;
}
