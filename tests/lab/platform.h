/* SPDX-License-Identifier: GPL-2.0 */
/* platform.h: fixed ports that the ACPI tables name (platform.c). */
#ifndef HVLAB_PLATFORM_H
#define HVLAB_PLATFORM_H

#define PLATFORM_CLOCK_PORTS	0x70
#define PLATFORM_ACPI_PORTS	0x600
#define PLATFORM_SLEEP_CONTROL	0x600
#define PLATFORM_SLEEP_STATUS	0x601
#define PLATFORM_RESET		0x602
#define PLATFORM_RESET_VALUE	0x01
#define PLATFORM_S5_TYPE	5	/* value of \_S5 */

#endif
