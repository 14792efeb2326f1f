/* SPDX-License-Identifier: GPL-2.0 */
/*
 * profile.h: where the time of the vCPUs goes (profile.c).
 *
 * With --profile HZ the guest may order `do profile start NAME` and `do profile stop`; between the
 * two the host kernel looks at each vCPU's thread HZ times in a second of CPU time of its own: at
 * which instruction the guest is, or that the thread is in KVM or in hvlab, which is what an exit
 * costs. With the counted clock the same run gives the same profile.
 *
 * `do profile symbol ADDRESS NAME MODULE` names a function of a module, `do profile forget` drops
 * those. `stop` puts into the results, as profile/NAME: period_ns, samples in guest, host (KVM) and
 * hvlab, lost records, and functions, a list of { name, module, samples }, most first.
 */
#ifndef HVLAB_PROFILE_H
#define HVLAB_PROFILE_H

struct vm;

/** profile_create() - makes the guest's object `profile` when asked for on the command line */
void profile_create(struct vm *vm);

#endif
