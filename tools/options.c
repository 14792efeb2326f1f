// SPDX-License-Identifier: GPL-2.0
#include <getopt.h>
#include <stdlib.h>

#include "hvaccel.h"
#include "options.h"
#include "sysfs.h"

bool option_alike(int c, void (*usage)(FILE *to))
{
	switch (c) {
	case 's':
		sysfs_root(optarg);
		return true;
	case 'h':
		usage(stdout);
		exit(STATUS_OK);
	}
	usage(stderr);
	return false;
}
