/* SPDX-License-Identifier: GPL-2.0 */
#include "kernel.h"
#define min(a, b) ((a) < (b) ? (a) : (b))
