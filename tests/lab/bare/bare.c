// SPDX-License-Identifier: GPL-2.0
/* A guest without an operating system: exceptions, the control channel, checks. */
#include <asm/bootparam.h>

#include "bare.h"

#define COM2 0x2f8
#define LSR 5
#define LSR_DATA 1
#define SELECTOR_CODE 0x10
#define STUB_SIZE 32
#define GATE_INTERRUPT 0x8e00
#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2 0xc00
#define MSR_X2APIC_EOI 0x80b
#define MSR_X2APIC_SPURIOUS 0x80f
#define SPURIOUS_ENABLE 0x1ff

volatile int bare_exception;
volatile unsigned int bare_interrupts;
uint64_t bare_landing, bare_landing_stack;
extern char bare_vectors[], bare_interrupt[];
void bare_main(struct boot_params *bp);

struct gate {
	uint16_t low, selector;
	uint16_t flags, mid;
	uint32_t high, reserved;
};

static struct gate idt[256];
static unsigned int failures;

void bare_outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

uint8_t bare_inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

bool bare_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool bare_begins(const char *text, const char *with)
{
	while (*with && *text == *with) {
		text++;
		with++;
	}
	return !*with;
}

static void put(const char *text)
{
	while (*text)
		bare_outb(COM2, *text++);
}

static char get(void)
{
	while (!(bare_inb(COM2 + LSR) & LSR_DATA))
		__asm__ volatile("pause");
	return bare_inb(COM2);
}

static void take_answer(char *answer, unsigned int n)
{
	unsigned int i = 0;
	char c;

	while ((c = get()) != '\n')
		if (answer && i < n - 1)
			answer[i++] = c;
	if (answer)
		answer[i] = '\0';
}

void bare_tell(const char *line, char *answer, unsigned int n)
{
	put(line);
	put("\n");
	take_answer(answer, n);
}

static void put_hex(uint64_t value)
{
	bool any = false;

	for (int shift = 60; shift >= 0; shift -= 4) {
		unsigned int digit = value >> shift & 0xf;

		any |= digit || !shift;
		if (any)
			bare_outb(COM2, "0123456789abcdef"[digit]);
	}
}

void bare_number(const char *text, uint64_t value)
{
	put("log ");
	put(text);
	put(" 0x");
	put_hex(value);
	put("\n");
	take_answer(0, 0);
}

bool bare_expect(const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return true;
	failures++;
	put("log FAILED: ");
	put(what);
	put(": 0x");
	put_hex(got);
	put(" instead of 0x");
	put_hex(want);
	put("\n");
	take_answer(0, 0);
	return false;
}

unsigned int bare_failures(void)
{
	return failures;
}

static void set_gate(unsigned int vector, const void *handler)
{
	uint64_t at = (uintptr_t)handler;

	idt[vector] = (struct gate){
		.low = at, .selector = SELECTOR_CODE, .flags = GATE_INTERRUPT, .mid = at >> 16,
		.high = at >> 32,
	};
}

void bare_set_vector(unsigned int vector)
{
	set_gate(vector, bare_interrupt);
}

void bare_apic_enable(void)
{
	uint64_t base;

	bare_rdmsr(MSR_APIC_BASE, &base);
	bare_wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
	bare_wrmsr(MSR_X2APIC_SPURIOUS, SPURIOUS_ENABLE);
}

void bare_eoi(void)
{
	bare_wrmsr(MSR_X2APIC_EOI, 0);
}

void bare_main(struct boot_params *bp)
{
	const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) idtr = {
		sizeof(idt) - 1, (uintptr_t)idt,
	};

	for (unsigned int i = 0; i < 32; i++)
		set_gate(i, bare_vectors + STUB_SIZE * i);
	__asm__ volatile("lidt %0" : : "m"(idtr));
	if (bare_test((const char *)(uintptr_t)bp->hdr.cmd_line_ptr))
		put("exit 1\n");
	else
		put("exit 0\n");
}
