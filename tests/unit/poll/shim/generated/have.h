/* SPDX-License-Identifier: GPL-2.0 */
#define HAVE_HRTIMER_SETUP 1
