/* SPDX-License-Identifier: GPL-2.0 */
/* What grouping.c needs of it. */
#define PCI_BASE_CLASS_STORAGE	0x01
#define PCI_BASE_CLASS_NETWORK	0x02
#define PCI_BASE_CLASS_DISPLAY	0x03
#define PCI_VENDOR_ID_ATI	0x1002
#define PCI_VENDOR_ID_NVIDIA	0x10de
