/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options.h: what every command's options have alike (options.c).
 */
#ifndef HVACCEL_OPTIONS_H
#define HVACCEL_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

/* At the end of a command's table for getopt_long(). */
#define OPTION_SYSROOT { "sysroot", required_argument, NULL, 's' }
#define OPTION_HELP { "help", no_argument, NULL, 'h' }

/**
 * option_alike() - deals with what getopt_long() found and the command does not know itself
 * @c: 's' sets the sysroot, 'h' shows the usage and ends the program, anything else is wrong
 * @usage: prints the command's usage
 *
 * Return: true when the command may go on.
 */
bool option_alike(int c, void (*usage)(FILE *to));

#endif
