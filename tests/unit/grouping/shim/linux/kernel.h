/* SPDX-License-Identifier: GPL-2.0 */
/* What grouping.c needs of it. */
#include "shim.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
