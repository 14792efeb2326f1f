/* SPDX-License-Identifier: GPL-2.0 */
/*
 * control.h: the guest's line to the lab, its second serial port (control.c).
 *
 * The guest writes a line to /dev/ttyS1 and reads one back: ``ok [TEXT]`` or ``err TEXT``.
 *
 *	result NAME VALUE...	record a string, number or JSON value in the results
 *	snap NAME		take all statistics now and record them under NAME
 *	do OBJECT VERB [ARGS]	ask a part of the lab to act
 *	log TEXT		put a line in the lab's log
 *	exit CODE		end the run with this verdict; no answer
 */
#ifndef HVLAB_CONTROL_H
#define HVLAB_CONTROL_H

#include <stddef.h>

struct vm;

#define CONTROL_LINE_MAX	4096
#define CONTROL_ANSWER_MAX	1024
#define CONTROL_ARGS_MAX	32

/**
 * control_register() - take the verbs of ``do OBJECT ...``
 * @object: name, e.g. ``net0``; copied
 * @verb: called with argv[0] = verb, argv[1..] its arguments; may write one line to @answer.
 *	0 = ok, a negative errno = err (with @answer as text, or the errno's text when empty)
 *
 * @verb runs in the control loop's thread. Context of this call: any thread.
 * Return: 0, -EEXIST, -ENOSPC.
 */
int control_register(struct vm *vm, const char *object,
		     int (*verb)(void *o, int argc, char **argv, char *answer, size_t n), void *o);

#endif
