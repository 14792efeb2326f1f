/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files and their mappings on older kernels.
 */
#ifndef _HVACCEL_COMPAT_FILE_H
#define _HVACCEL_COMPAT_FILE_H

#include <linux/fs.h>
#include <linux/mm.h>

#include "generated/have.h"

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

/*
 * Page frames had a type of their own, of which huge mappings took one. A kernel that cannot have
 * such mappings without pages (before 6.12) has no use for these.
 */
#if !defined(HAVE_VMF_INSERT_PFN_PMD_LONG) && defined(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP)
#include <linux/pfn_t.h>

static inline vm_fault_t hvaccel_insert_pfn_pmd(struct vm_fault *vmf, unsigned long pfn, bool write)
{
	return vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write);
}

#define vmf_insert_pfn_pmd hvaccel_insert_pfn_pmd
#endif

#endif /* _HVACCEL_COMPAT_FILE_H */
