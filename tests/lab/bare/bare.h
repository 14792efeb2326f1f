/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bare.h: a guest without an operating system (start.S, bare.c): what the tests of the machine and
 * of the hypervisor surface run on.
 */
#ifndef HVLAB_BARE_H
#define HVLAB_BARE_H

#include <stdbool.h>
#include <stdint.h>

#define VECTOR_GP 13

/* start.S */
uint64_t bare_hypercall(void *page, uint64_t control, uint64_t rdx, uint64_t r8);
int bare_rdmsr(uint32_t msr, uint64_t *value);
int bare_wrmsr(uint32_t msr, uint64_t value);
extern volatile int bare_exception;
extern volatile unsigned int bare_interrupts;

/** bare_test() - what a guest does; its return value is its verdict. @arg: the command line. */
int bare_test(const char *arg);

/** bare_tell() - one line to the lab; @answer may be NULL, else receives the answer */
void bare_tell(const char *line, char *answer, unsigned int n);

/** bare_number() - @text followed by @value in hexadecimal, as a line of the lab's log */
void bare_number(const char *text, uint64_t value);

/** bare_expect() - note a difference. Return: are they equal? */
bool bare_expect(const char *what, uint64_t got, uint64_t want);

/** bare_failures() - differences so far */
unsigned int bare_failures(void);

/** bare_set_vector() - have an interrupt vector counted in bare_interrupts */
void bare_set_vector(unsigned int vector);

/** bare_apic_enable() - x2APIC on; bare_eoi() ends an interrupt */
void bare_apic_enable(void);
void bare_eoi(void);

bool bare_equal(const char *a, const char *b);
bool bare_begins(const char *text, const char *with);
void bare_outb(uint16_t port, uint8_t value);
uint8_t bare_inb(uint16_t port);

#endif
