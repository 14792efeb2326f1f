// SPDX-License-Identifier: GPL-2.0
/* A guest that ends in the way its command line says; test-machine.sh knows what must follow. */
#include "bare.h"

#define MSR_GUEST_OS_ID 0x40000000
#define MSR_RESET 0x40000003
#define MSR_CRASH_P0 0x40000100
#define MSR_CRASH_CTL 0x40000105
#define CRASH_NOTIFY (1ULL << 63)
#define CRASH_MESSAGE (1ULL << 62)

static const char last_words[] = "first line of the panic\nsecond line";

static void triple_fault(void)
{
	static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none;

	__asm__ volatile("lidt %0\n\tint3" : : "m"(none));
}

static void console(const char *text)
{
	while (*text)
		bare_outb(0x3f8, *text++);
}

static void panic(bool message)
{
	for (unsigned int i = 0; i < 3; i++)
		bare_wrmsr(MSR_CRASH_P0 + i, 0x1000 + i);
	bare_wrmsr(MSR_CRASH_P0 + 3, (uintptr_t)last_words);
	bare_wrmsr(MSR_CRASH_P0 + 4, sizeof(last_words) - 1);
	bare_wrmsr(MSR_CRASH_CTL, CRASH_NOTIFY | (message ? CRASH_MESSAGE : 0));
}

int bare_test(const char *arg)
{
	if (bare_equal(arg, "pass"))
		return 0;
	if (bare_equal(arg, "fail"))
		return 1;
	if (bare_equal(arg, "power-off"))
		bare_outb(0x600, 5 << 2 | 0x20);
	if (bare_equal(arg, "reset-acpi"))
		bare_outb(0x602, 1);
	if (bare_equal(arg, "reset-keyboard"))
		bare_outb(0x64, 0xfe);
	if (bare_equal(arg, "reset-cf9"))
		bare_outb(0xcf9, 6);
	if (bare_equal(arg, "reset-hyperv"))
		bare_wrmsr(MSR_RESET, 1);
	if (bare_equal(arg, "early-panic")) {
		console("Kernel panic - not syncing: no init\n");
		bare_outb(0x64, 0xfe);
	}
	if (bare_equal(arg, "console")) {
		console("a line\n");
		return 0;
	}
	if (bare_equal(arg, "panic"))
		panic(true);
	if (bare_equal(arg, "panic-continue")) {
		panic(true);
		return 0;
	}
	if (bare_equal(arg, "triple-fault"))
		triple_fault();
	if (bare_equal(arg, "halt"))
		for (;;)
			__asm__ volatile("cli; hlt");
	if (bare_equal(arg, "spin"))
		for (;;)
			;
	if (bare_equal(arg, "talk")) {
		char answer[64];

		bare_tell("result number 42", answer, sizeof(answer));
		bare_expect("result", bare_equal(answer, "ok"), 1);
		bare_tell("result text two words", answer, sizeof(answer));
		bare_tell("result json {\"a\": [1, 2]}", answer, sizeof(answer));
		bare_tell("snap middle", answer, sizeof(answer));
		bare_expect("snap", bare_equal(answer, "ok"), 1);
		bare_tell("do nobody anything", answer, sizeof(answer));
		bare_expect("do", bare_begins(answer, "err nobody"), 1);
		bare_tell("nonsense", answer, sizeof(answer));
		bare_expect("nonsense", bare_begins(answer, "err "), 1);
		bare_tell("exit 256", answer, sizeof(answer));
		bare_expect("exit 256", bare_begins(answer, "err "), 1);
		return bare_failures();
	}
	return 2;
}
