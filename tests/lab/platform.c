// SPDX-License-Identifier: GPL-2.0
/*
 * What is left of a PC: the clock chip, and the registers that end the machine: ACPI sleep and
 * reset, the keyboard controller's reset line, port 0xcf9.
 */
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "machine.h"
#include "platform.h"
#include "vm.h"

#define CMOS_STATUS_A		0x0a
#define CMOS_STATUS_B		0x0b
#define CMOS_STATUS_D		0x0d
#define CMOS_CENTURY		0x32
#define STATUS_A_DIVIDER	0x26	/* 32 kHz, no update in progress */
#define STATUS_B_24_HOURS	0x02	/* and BCD */
#define STATUS_D_VALID		0x80

#define KEYBOARD_COMMAND	0x64
#define KEYBOARD_RESET		0xfe
#define RESET_CONTROL		0xcf9
#define RESET_CONTROL_CPU	0x04

#define SLEEP_TYPE(v)		((v) >> 2 & 7)
#define SLEEP_ENABLE		0x20

static uint8_t cmos_index;

static uint8_t bcd(int v)
{
	return v / 10 % 10 << 4 | v % 10;
}

static uint8_t cmos_value(uint8_t index)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	switch (index) {
	case 0x00:
		return bcd(tm.tm_sec);
	case 0x02:
		return bcd(tm.tm_min);
	case 0x04:
		return bcd(tm.tm_hour);
	case 0x06:
		return tm.tm_wday + 1;
	case 0x07:
		return bcd(tm.tm_mday);
	case 0x08:
		return bcd(tm.tm_mon + 1);
	case 0x09:
		return bcd(tm.tm_year % 100);
	case CMOS_CENTURY:
		return bcd((tm.tm_year + 1900) / 100);
	case CMOS_STATUS_A:
		return STATUS_A_DIVIDER;
	case CMOS_STATUS_B:
		return STATUS_B_24_HOURS;
	case CMOS_STATUS_D:
		return STATUS_D_VALID;
	}
	return 0;
}

static void cmos_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len, void *data)
{
	uint8_t index = __atomic_load_n(&cmos_index, __ATOMIC_RELAXED);

	*(uint8_t *)data = offset ? cmos_value(index) : index;
}

static void cmos_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
		       const void *data)
{
	if (!offset)
		__atomic_store_n(&cmos_index, *(const uint8_t *)data & 0x7f, __ATOMIC_RELAXED);
}

static void keyboard_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			  void *data)
{
	*(uint8_t *)data = 0;	/* input buffer empty: a command may be written */
}

static void keyboard_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			   const void *data)
{
	if (*(const uint8_t *)data == KEYBOARD_RESET)
		vm_stop(opaque, VM_END_RESET, 0, "the guest reset (keyboard controller)");
}

static void reset_control_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
				const void *data)
{
	if (*(const uint8_t *)data & RESET_CONTROL_CPU)
		vm_stop(opaque, VM_END_RESET, 0, "the guest reset (port 0xcf9)");
}

static void acpi_read(void *opaque, unsigned int vp, uint64_t offset, unsigned int len, void *data)
{
	memset(data, 0, len);
}

static void acpi_port_write(void *opaque, unsigned int vp, uint64_t offset, unsigned int len,
			    const void *data)
{
	uint8_t value = *(const uint8_t *)data;

	switch (PLATFORM_ACPI_PORTS + offset) {
	case PLATFORM_SLEEP_CONTROL:
		if (value & SLEEP_ENABLE && SLEEP_TYPE(value) == PLATFORM_S5_TYPE)
			vm_stop(opaque, VM_END_POWER_OFF, 0, "the guest powered off");
		break;
	case PLATFORM_RESET:
		if (value == PLATFORM_RESET_VALUE)
			vm_stop(opaque, VM_END_RESET, 0, "the guest reset (ACPI reset register)");
		break;
	}
}

static const struct bus_ops cmos_ops = { .read = cmos_read, .write = cmos_write };
static const struct bus_ops keyboard_ops = { .read = keyboard_read, .write = keyboard_write };
static const struct bus_ops reset_control_ops = { .read = acpi_read, .write = reset_control_write };
static const struct bus_ops acpi_ops = { .read = acpi_read, .write = acpi_port_write };

void platform_create(struct vm *vm)
{
	if (vm_pio_register(vm, PLATFORM_CLOCK_PORTS, 2, "cmos", &cmos_ops, vm) ||
	    vm_pio_register(vm, KEYBOARD_COMMAND, 1, "keyboard", &keyboard_ops, vm) ||
	    vm_pio_register(vm, RESET_CONTROL, 1, "reset", &reset_control_ops, vm) ||
	    vm_pio_register(vm, PLATFORM_ACPI_PORTS, 4, "acpi", &acpi_ops, vm))
		log_fatal(EXIT_INTERNAL, "platform: a port is taken");
}
