// SPDX-License-Identifier: GPL-2.0
/*
 * The hypervisor surface from inside (TLFS): CPUID, MSRs, clocks, hypercalls and their errors,
 * SynIC messages with the pending/EOM rule; then nonsense, which must not hurt the lab.
 */
#include "bare.h"

#define OS_ID 0x40000000
#define HYPERCALL 0x40000001
#define VP_INDEX 0x40000002
#define RESET 0x40000003
#define REF_COUNT 0x40000020
#define REF_TSC 0x40000021
#define TSC_HZ 0x40000022
#define APIC_HZ 0x40000023
#define VP_ASSIST 0x40000073
#define SCONTROL 0x40000080
#define SVERSION 0x40000081
#define SIEFP 0x40000082
#define SIMP 0x40000083
#define EOM 0x40000084
#define SINT2 0x40000092
#define STIMER0_CONFIG 0x400000b0
#define CRASH_CTL 0x40000105
#define TSC_INVARIANT 0x40000118

#define MASKED (1ULL << 16)
#define POLLING (1ULL << 18)
#define ENABLE 1ULL
#define VECTOR 0xf3
#define NOT_RAM 0xd0000000ULL

#define POST_MESSAGE 0x5c
#define SIGNAL_EVENT 0x5d
#define RETARGET 0x7e
#define FAST (1ULL << 16)
#define REP(n) ((uint64_t)(n) << 32)
#define VARHEAD(n) ((uint64_t)(n) << 17)

#define INVALID_CODE 2
#define INVALID_INPUT 3
#define INVALID_ALIGNMENT 4
#define INVALID_PARAMETER 5
#define INVALID_CONNECTION 0x12

#define CONTACT 14
#define VERSION_RESPONSE 15
#define VERSION_4_0 0x40000
#define PATIENCE 10000000000ULL	/* TSC cycles: seconds, for a loaded host */

struct slot {
	volatile uint32_t type;
	uint8_t size;
	volatile uint8_t flags;
	uint8_t reserved[2];
	uint64_t port;
	uint32_t payload[60];
};

struct post {
	uint32_t connection, reserved, type, size;
	uint32_t payload[60];
};

struct contact {
	uint32_t type, reserved, version, vp;
	uint64_t interrupts, monitor[2];
};

static uint8_t pages[8][4096] __attribute__((aligned(4096)));
static uint8_t *const hypercall_page = pages[0];
static uint8_t *const input_page = pages[1];
static struct slot *const slots = (struct slot *)pages[2];

static uint64_t gpa(const void *p)
{
	return (uintptr_t)p;
}

static uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(0));
}

static uint64_t read_msr(uint32_t msr)
{
	uint64_t value = 0;

	if (bare_rdmsr(msr, &value))
		bare_expect("an MSR that can be read", msr, 0);
	return value;
}

static void test_cpuid(void)
{
	uint32_t r[4];

	cpuid(1, r);
	bare_expect("hypervisor present", r[2] >> 31, 1);
	cpuid(0x40000000, r);
	bare_expect("vendor", r[1], 0x7263694d);
	bare_expect("vendor", r[2], 0x666f736f);
	bare_expect("vendor", r[3], 0x76482074);
	cpuid(0x40000001, r);
	bare_expect("interface", r[0], 0x31237648);
	cpuid(0x40000003, r);
	bare_expect("privileges", r[0], 0xae6);
	bare_expect("privileges", r[1], 0x30);
	bare_expect("features", r[3], 0x500);
}

static void test_msrs(void)
{
	uint64_t value;

	bare_expect("VP index", read_msr(VP_INDEX), 0);
	bare_expect("SynIC version", read_msr(SVERSION), 1);
	bare_expect("SINT2 at reset", read_msr(SINT2), MASKED);
	bare_expect("SCONTROL at reset", read_msr(SCONTROL), 0);
	bare_expect("EOM reads", read_msr(EOM), 0);
	bare_expect("VP index is read-only", bare_wrmsr(VP_INDEX, 1), VECTOR_GP);
	bare_expect("SVERSION is read-only", bare_wrmsr(SVERSION, 2), VECTOR_GP);
	bare_expect("TSC frequency is read-only", bare_wrmsr(TSC_HZ, 2), VECTOR_GP);
	bare_expect("no timers", bare_rdmsr(STIMER0_CONFIG, &value), VECTOR_GP);
	bare_expect("no timers", bare_wrmsr(STIMER0_CONFIG, 1), VECTOR_GP);
	bare_expect("no invariant TSC control", bare_rdmsr(TSC_INVARIANT, &value), VECTOR_GP);
	bare_expect("message page outside RAM", bare_wrmsr(SIMP, NOT_RAM | ENABLE), VECTOR_GP);
	bare_expect("flags page outside RAM", bare_wrmsr(SIEFP, NOT_RAM | ENABLE), VECTOR_GP);
	bare_expect("TSC page outside RAM", bare_wrmsr(REF_TSC, NOT_RAM | ENABLE), VECTOR_GP);
	bare_expect("SINT on an exception's vector", bare_wrmsr(SINT2, 3), VECTOR_GP);
	bare_expect("masked SINT without a vector", bare_wrmsr(SINT2, MASKED), 0);
	bare_expect("VP assist page", bare_wrmsr(VP_ASSIST, gpa(pages[3]) | ENABLE), 0);
	bare_expect("VP assist page", read_msr(VP_ASSIST), gpa(pages[3]) | ENABLE);
	bare_expect("APIC frequency", read_msr(APIC_HZ), 1000000000);

	bare_wrmsr(HYPERCALL, gpa(hypercall_page) | ENABLE);
	bare_expect("hypercall page without an OS id", read_msr(HYPERCALL) & ENABLE, 0);
	bare_wrmsr(OS_ID, 0x8100ULL << 48 | 1);
	bare_expect("hypercall page outside RAM", bare_wrmsr(HYPERCALL, NOT_RAM | ENABLE),
		    VECTOR_GP);
	bare_expect("hypercall page", bare_wrmsr(HYPERCALL, gpa(hypercall_page) | ENABLE), 0);
	bare_expect("hypercall page", read_msr(HYPERCALL), gpa(hypercall_page) | ENABLE);
}

struct tsc_page {
	uint32_t sequence, reserved;
	uint64_t scale;
	int64_t offset;
};

static void test_clock(void)
{
	const struct tsc_page *page = (const void *)pages[4];
	uint64_t before, by_page, after, hz = read_msr(TSC_HZ);

	bare_expect("TSC page", bare_wrmsr(REF_TSC, gpa(page) | ENABLE), 0);
	bare_expect("TSC page is valid", page->sequence != 0, 1);
	bare_expect("TSC frequency is one", hz > 100000000 && hz < 10000000000, 1);
	before = read_msr(REF_COUNT);
	by_page = (uint64_t)((__uint128_t)rdtsc() * page->scale >> 64) + page->offset;
	after = read_msr(REF_COUNT);
	/* Both are the same clock; one tick for rounding. */
	if (by_page + 1 < before || by_page > after + 1) {
		bare_expect("TSC page against counter", by_page, before);
		bare_number("and the counter afterwards", after);
	}
}

static uint64_t call(uint64_t control, uint64_t rdx)
{
	return bare_hypercall(hypercall_page, control, rdx, 0);
}

static void test_hypercalls(void)
{
	struct post *post = (void *)input_page;
	uint64_t in = gpa(input_page);

	bare_expect("unknown code", call(0x4242, in), INVALID_CODE);
	bare_expect("flush, not advertised", call(0x2, in), INVALID_CODE);
	bare_expect("IPI, not advertised", call(0xb | FAST, in), INVALID_CODE);

	bare_expect("post, fast", call(POST_MESSAGE | FAST, in), INVALID_INPUT);
	bare_expect("post, repeated", call(POST_MESSAGE | REP(2), in), INVALID_INPUT);
	bare_expect("post, reserved bit", call(POST_MESSAGE | 1ULL << 27, in), INVALID_INPUT);
	bare_expect("post, variable header", call(POST_MESSAGE | VARHEAD(1), in), INVALID_INPUT);
	bare_expect("post, misaligned", call(POST_MESSAGE, in + 4), INVALID_ALIGNMENT);
	bare_expect("post, over a page's end", call(POST_MESSAGE, in + 4000), INVALID_ALIGNMENT);
	bare_expect("post, outside RAM", call(POST_MESSAGE, NOT_RAM), INVALID_PARAMETER);
	bare_expect("post, outside everything", call(POST_MESSAGE, ~0ULL << 12),
		    INVALID_PARAMETER);
	*post = (struct post){ .connection = 1, .type = 1, .size = 241 };
	bare_expect("post, 241 bytes", call(POST_MESSAGE, in), INVALID_PARAMETER);
	*post = (struct post){ .connection = 1, .type = 0, .size = 16 };
	bare_expect("post, type 0", call(POST_MESSAGE, in), INVALID_PARAMETER);
	*post = (struct post){ .connection = 0x7777, .type = 1, .size = 16 };
	bare_expect("post, unknown connection", call(POST_MESSAGE, in), INVALID_CONNECTION);

	bare_expect("doorbell, unknown connection", call(SIGNAL_EVENT | FAST, 0x7777),
		    INVALID_CONNECTION);
	bare_expect("signal, unknown connection, flag 3",
		    call(SIGNAL_EVENT | FAST, 3ULL << 32 | 0x7777), INVALID_CONNECTION);
	bare_expect("signal, flag 2048", call(SIGNAL_EVENT | FAST, 2048ULL << 32 | 0x7777),
		    INVALID_PARAMETER);
	bare_expect("signal, repeated", call(SIGNAL_EVENT | FAST | REP(1), 0x7777),
		    INVALID_INPUT);
	*post = (struct post){ .connection = 0x7777 };
	bare_expect("signal from memory", call(SIGNAL_EVENT, in), INVALID_CONNECTION);
	bare_expect("signal, misaligned", call(SIGNAL_EVENT, in + 2), INVALID_ALIGNMENT);

	bare_expect("retarget, unknown device", call(RETARGET | VARHEAD(2), in),
		    INVALID_PARAMETER);
	bare_expect("retarget, fast", call(RETARGET | FAST, in), INVALID_INPUT);
	bare_expect("retarget, header over a page", call(RETARGET | VARHEAD(0x3ff), in),
		    INVALID_INPUT);
}

static void contact(void)
{
	struct post *post = (void *)input_page;
	struct contact *c = (void *)post->payload;

	*post = (struct post){ .connection = 1, .type = 1, .size = sizeof(*c) };
	*c = (struct contact){ .type = CONTACT, .version = VERSION_4_0 };
	bare_expect("post", call(POST_MESSAGE, gpa(post)), 0);
}

/* Wait until the masked byte or word is what is wanted. */
static bool wait_type(const struct slot *slot, bool full)
{
	uint64_t end = rdtsc() + PATIENCE;

	while (!slot->type == full)
		if (rdtsc() > end)
			return false;
	return true;
}

static bool wait_pending(const struct slot *slot)
{
	uint64_t end = rdtsc() + PATIENCE;

	while (!(slot->flags & 1))
		if (rdtsc() > end)
			return false;
	return true;
}

static void expect_interrupts(const char *what, unsigned int n)
{
	uint64_t end = rdtsc() + PATIENCE;

	/* KVM delivers at the next entry: sti with a moment after it. */
	while (bare_interrupts < n && rdtsc() < end)
		__asm__ volatile("sti; nop; nop; cli");
	bare_expect(what, bare_interrupts, n);
	if (bare_interrupts)
		bare_eoi();
	bare_interrupts = 0;
}

static void take(struct slot *slot)
{
	slot->type = 0;
	__asm__ volatile("mfence");
}

static void test_messages(void)
{
	struct slot *slot = &slots[2];

	bare_set_vector(VECTOR);
	bare_apic_enable();
	bare_wrmsr(SIMP, gpa(slots) | ENABLE);
	bare_wrmsr(SINT2, MASKED | VECTOR);
	bare_wrmsr(SCONTROL, ENABLE);

	/* Waits while its source is masked, arrives once it is not. */
	contact();
	bare_number("masked: type after a while", slot->type);
	bare_expect("nothing arrives while masked", slot->type, 0);
	bare_wrmsr(SINT2, VECTOR);
	if (!bare_expect("message after unmasking", wait_type(slot, true), 1))
		return;
	expect_interrupts("interrupt of the message", 1);
	bare_expect("message type", slot->type, 1);
	bare_expect("payload", slot->payload[0], VERSION_RESPONSE);
	bare_expect("no more waiting", slot->flags & 1, 0);

	/* The slot is taken: the next two wait, and say so. */
	contact();
	contact();
	bare_expect("pending flag", wait_pending(slot), 1);
	expect_interrupts("no interrupt while the slot is taken", 0);
	take(slot);
	bare_expect("nothing before EOM", slot->type, 0);
	bare_wrmsr(EOM, 0);
	bare_expect("the second at EOM", wait_type(slot, true), 1);
	expect_interrupts("its interrupt", 1);
	/* The third may still be on its way from the server. */
	bare_expect("pending flag again", wait_pending(slot), 1);
	take(slot);
	bare_wrmsr(EOM, 0);
	bare_expect("the third at EOM", wait_type(slot, true), 1);
	expect_interrupts("its interrupt", 1);
	bare_expect("no more waiting", slot->flags & 1, 0);
	take(slot);

	/* A polled source gets messages without interrupts. */
	bare_wrmsr(SINT2, POLLING | VECTOR);
	contact();
	bare_expect("polled message", wait_type(slot, true), 1);
	expect_interrupts("no interrupt of a polled source", 0);
	take(slot);
	bare_wrmsr(SINT2, VECTOR);
}

static uint64_t random_state = 0x9e3779b97f4a7c15ULL;

static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void test_nonsense(void)
{
	struct post *post = (void *)input_page;
	uint64_t status;

	for (unsigned int i = 0; i < 300; i++) {
		for (unsigned int j = 0; j < sizeof(pages[1]) / 8; j++)
			((uint64_t *)input_page)[j] = random64();
		status = call(random64() & 0xffff01ff, random64());
		bare_expect("status in 16 bits", status >> 16, 0);
	}
	/* Real connections, message types that exist, everything else random. */
	for (unsigned int i = 0; i < 600; i++) {
		for (unsigned int j = 0; j < sizeof(post->payload) / 4; j++)
			post->payload[j] = random64() & (i & 1 ? ~0U : 0xff);
		post->connection = i & 2 ? 1 : 4;
		post->type = 1;
		post->size = random64() % 241;
		post->payload[0] = random64() % 32;
		post->payload[1] = 0;
		call(POST_MESSAGE, gpa(post));
		if (slots[2].type) {
			take(&slots[2]);
			bare_wrmsr(EOM, 0);
		}
	}
	for (unsigned int i = 0; i < 2000; i++) {
		uint32_t msr = OS_ID + random64() % 512;

		if (msr <= RESET || msr == CRASH_CTL)
			continue;
		bare_wrmsr(msr, random64() >> random64() % 64);
		bare_rdmsr(msr, &status);
	}
	bare_wrmsr(SCONTROL, 0);
}

int bare_test(const char *arg)
{
	test_cpuid();
	test_msrs();
	test_clock();
	test_hypercalls();
	test_messages();
	if (bare_equal(arg, "nonsense"))
		test_nonsense();
	bare_wrmsr(HYPERCALL, 0);
	bare_wrmsr(OS_ID, 0);
	return bare_failures() != 0;
}
