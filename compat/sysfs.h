/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sysfs on older kernels.
 */
#ifndef _HVACCEL_COMPAT_SYSFS_H
#define _HVACCEL_COMPAT_SYSFS_H

#include <linux/sysfs.h>

#include "generated/have.h"

/*
 * bin_read_callback(name) opens the definition of a binary attribute's read callback, with file,
 * kobj, attr, buf, off and count. The attribute is const from 6.16 on.
 */
#ifdef HAVE_BIN_ATTRIBUTE_READ_CONST
#define bin_read_callback(name)							\
	static ssize_t name(struct file *file, struct kobject *kobj,		\
			    const struct bin_attribute *attr, char *buf,	\
			    loff_t off, size_t count)
#else
#define bin_read_callback(name)							\
	static ssize_t name(struct file *file, struct kobject *kobj,		\
			    struct bin_attribute *attr, char *buf,		\
			    loff_t off, size_t count)
#endif

#endif /* _HVACCEL_COMPAT_SYSFS_H */
