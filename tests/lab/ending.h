/* SPDX-License-Identifier: GPL-2.0 */
/* ending.h: how the VM ended, for main() and the results (vm.c). */
#ifndef HVLAB_ENDING_H
#define HVLAB_ENDING_H

#include <signal.h>
#include <stdint.h>

#include "vm.h"

/* Wakes main(), which waits for signals only. */
#define ENDING_SIGNAL SIGUSR2

/**
 * struct ending - the first vm_stop()
 * @code: the guest's exit code
 * @text: one line
 */
struct ending {
	enum vm_end why;
	int code;
	uint64_t time_ns;
	char text[512];
};

/** vm_ending() - how it ended, or NULL while it runs */
const struct ending *vm_ending(const struct vm *vm);

#endif
