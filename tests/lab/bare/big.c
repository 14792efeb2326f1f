// SPDX-License-Identifier: GPL-2.0
/* A guest too big for the memory it gets. */
#include "bare.h"

static char much[80 << 20];

int bare_test(const char *arg)
{
	much[0] = arg[0];
	return much[sizeof(much) - 1];
}
