/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nic.h: the synthetic NICs of this VM and the functions that may be their VFs, as sysfs has them
 * (nic.c).
 */
#ifndef HVACCEL_NIC_H
#define HVACCEL_NIC_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#define VMBUS_DEVICES "/sys/bus/vmbus/devices"
#define PCI_DEVICES   "/sys/bus/pci/devices"
#define VMBUS_CLASS_NET "{f8615163-df3e-46c5-913f-f2d2f965ed0e}"
#define VMBUS_CLASS_PCI "{44c4f61d-4444-4400-9d52-802e27ede19f}"

/**
 * struct nic - a synthetic NIC
 * @device: its VMBus device, an instance id
 * @name: its interface, "" while it has none
 * @driver: "" without one
 * @override: driver_override, "" without one
 * @address: MAC address
 * @operstate: as the kernel says: up, down...
 * @lower: interface of the VF that the driver took as lower device, or ""
 * @node: NUMA node, -1 for unknown
 * @mtu: bytes
 */
struct nic {
	char device[64];
	char name[IFNAMSIZ];
	char driver[64];
	char override[64];
	char address[32];
	char operstate[16];
	char lower[IFNAMSIZ];
	long node;
	long mtu;
};

/**
 * struct function - a network function on a synthetic PCI bus: a VF, offered by the host
 * @address: domain:bus:device.function
 * @bus: the VMBus device behind which it is
 * @serial: as the host numbers it, or ""
 * @modalias: what drivers match
 * @driver: "" without one
 * @name: its interface, or ""
 * @mac: that one's address
 * @operstate: that one's state
 * @master: what the interface belongs to, or ""
 */
struct function {
	char address[32];
	char bus[64];
	char serial[32];
	char modalias[128];
	char driver[64];
	char name[IFNAMSIZ];
	char mac[32];
	char operstate[16];
	char master[IFNAMSIZ];
};

/** nics_read() - every synthetic NIC, in the bus's order; to be freed with free() */
struct nic *nics_read(size_t *n);

/** functions_read() - every network function behind vPCI; to be freed with free() */
struct function *functions_read(size_t *n);

/** vmbus_class_is() - is a VMBus device of that class? */
bool vmbus_class_is(const char *device, const char *class);

/**
 * pci_vmbus_of() - the VMBus device behind which a PCI function is
 * @vmbus: filled; "" when the function is on no synthetic bus
 * @size: room in @vmbus
 * @address: of the function
 */
void pci_vmbus_of(char *vmbus, size_t size, const char *address);

/** pci_serial_of() - its serial, the name of its slot; "" where there is none */
void pci_serial_of(char *serial, size_t size, const char *address);

#endif
