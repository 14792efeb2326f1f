/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files and their mappings on older kernels.
 */
#ifndef _HVACCEL_COMPAT_FILE_H
#define _HVACCEL_COMPAT_FILE_H

#include <linux/fs.h>
#include <linux/mm.h>

#include "generated/have.h"

#ifndef HAVE_GET_FILE_ACTIVE
/* The caller knows that the struct file itself is still there. */
static inline struct file *get_file_active(struct file **f)
{
	return get_file_rcu(*f) ? *f : NULL;
}
#endif

#ifndef HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

#endif /* _HVACCEL_COMPAT_FILE_H */
