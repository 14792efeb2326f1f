// SPDX-License-Identifier: GPL-2.0
/*
 * A synthetic PCI bus against a guest in this file: versions, relations, BARs, the configuration
 * window, interrupts and where they go, blocks, power, eject and surprise, and messages of any
 * content. VMBus, loops and the machine are stand-ins (test-vpci.h); rings and the function are the
 * real ones.
 */
#include "test-vpci.h"

/* --- cases --- */

static void versions(void)
{
	static const uint32_t bad[] = { 0, VPCI_VERSION(1, 0), VPCI_VERSION(1, 7),
					VPCI_VERSION(2, 1), UINT32_MAX };

	make("t,serial=1");
	for (uint32_t minor = 1; minor <= 6; minor++) {
		open_channel();
		judged = 0;
		CHECK(!version(VPCI_VERSION(1, minor)) && v->version == VPCI_VERSION(1, minor));
		CHECK(!judged, "%s", judged_kind);
	}
	open_channel();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(version(bad[i]) == VPCI_STATUS_REVISION_MISMATCH && !v->version);
	CHECK(!judged && !version(VPCI_V1_4));
	CHECK(!version(VPCI_V1_3) && judged && !strcmp(judged_kind, "vpci-version-twice"));
	unmake();
	make("t,version-min=1.2,version-max=1.3");
	open_channel();
	CHECK(version(VPCI_V1_1) == VPCI_STATUS_REVISION_MISMATCH);
	CHECK(version(VPCI_V1_4) == VPCI_STATUS_REVISION_MISMATCH);
	CHECK(!version(VPCI_V1_2));
	unmake();
}

static void relations(void)
{
	struct vpci_header ask_for = { VPCI_QUERY_RELATIONS };
	struct vpci_relations msg;

	for (uint32_t minor = 1; minor <= 4; minor++) {
		make("t,serial=4242,numa=1");
		open_channel();
		CHECK(!version(VPCI_VERSION(1, minor)));
		judged = 0;
		send_only(&ask_for, sizeof(ask_for), false);
		CHECK(host_says(&msg, sizeof(msg)) == VMBUS_PKT_INBAND);
		CHECK(msg.type == (minor < 3 ? VPCI_BUS_RELATIONS : VPCI_BUS_RELATIONS2));
		CHECK(msg.n == 1 && msg.function[0].serial == 4242 && !msg.function[0].slot);
		CHECK(msg.function[0].vendor == 0x1af4 && msg.function[0].device == 0x1041);
		CHECK(msg.function[0].class == 2 && msg.function[0].revision == 5);
		CHECK(msg.function[0].subsystem == 0x00771af4);
		CHECK(msg.function[0].flags == (minor < 3 ? 0 : VPCI_FLAG_NUMA));
		CHECK(msg.function[0].node == (minor < 3 ? 0 : 1));
		CHECK(!host_says(&msg, sizeof(msg)) && !judged);
		unmake();
	}
	make("t,serial=7,domain=0x1234");
	CHECK(retarget_id == 0x12344000 && v->v.instance.b[0] == 7);
	unmake();
}

static void bars_and_window(void)
{
	struct vpci_slot requirements = { VPCI_QUERY_REQUIREMENTS, 0 };
	struct vpci_requirements_answer bars;
	struct vpci_assigned2 assigned = { .type = VPCI_ASSIGNED2 };

	make("t,serial=1");
	open_channel();
	CHECK(!version(VPCI_V1_4));
	CHECK(!ask(&requirements, sizeof(requirements), &bars, sizeof(bars)));
	CHECK(bars.bar[0] == (uint32_t)~(BAR0_SIZE - 1) && !bars.bar[1] && !bars.bar[5]);
	CHECK(bars.bar[2] == ((uint32_t)~(BAR2_SIZE - 1) | 0xc) && bars.bar[3] == UINT32_MAX);
	CHECK(!d0_entry(WINDOW) && regions() == 1);
	CHECK(!ask_plain(&assigned, sizeof(assigned)));
	judged = 0;
	CHECK(cfg(0, 4) == 0x10411af4 && cfg(0x2e, 2) == 0x77 && cfg(0x0b, 1) == 2);
	/* Another slot, the select page, beyond the end, and what is not aligned: nothing there. */
	mmio(WINDOW, 4, true, 1);
	CHECK(mmio(WINDOW + VPCI_WINDOW_CONFIG, 4, false, 0) == UINT32_MAX);
	mmio(WINDOW + VPCI_WINDOW_CONFIG + 4, 2, true, 6);
	mmio(WINDOW, 4, true, 0);
	CHECK(cfg(4, 2) == 0, "a write to another slot");
	CHECK(mmio(WINDOW, 4, false, 0) == UINT32_MAX && mmio(WINDOW + 4, 2, false, 0) == 0xffff);
	mmio(WINDOW + 4, 2, true, 6);
	CHECK(cfg(4, 2) == 0, "a write to the page of the slot");
	CHECK(mmio(WINDOW + VPCI_WINDOW_CONFIG + 2, 4, false, 0) == UINT32_MAX);
	CHECK(mmio(WINDOW + VPCI_WINDOW_CONFIG, 8, false, 0) == UINT64_MAX);
	/* A narrow write does not select. */
	mmio(WINDOW, 1, true, 1);
	CHECK(mmio(WINDOW + VPCI_WINDOW_CONFIG, 4, false, 0) == 0x10411af4);
	place_bars();
	CHECK(regions() == 4);
	bar_value = 0x55;
	CHECK(mmio(BAR0 + 8, 4, false, 0) == 0x55 && mmio(BAR2 + 0xffff8, 4, false, 0) == 0x55);
	CHECK(!judged, "%s", judged_kind);
	resets = 0;
	CHECK(!plain(VPCI_D0_EXIT) && !regions() && resets == 1);
	/* And again, as after suspend: BARs have to be placed anew. */
	CHECK(!d0_entry(WINDOW) && regions() == 1 && cfg(0x10, 4) == 0 && cfg(0x18, 4) == 0xc);
	close_channel();
	CHECK(!regions());
	unmake();
}

static uint64_t msix(unsigned int n, struct vpci_interrupt irq)
{
	mmio(MSIX_AT + 16 * n, 8, true, irq.address);
	mmio(MSIX_AT + 16 * n + 8, 4, true, irq.data);
	mmio(MSIX_AT + 16 * n + 12, 4, true, 0);
	msis = 0;
	pci_msix_send(fn, n);
	return msis ? (msi_addr >> 12 & 0xff) << 8 | msi_data : 0;
}

static struct vpci_interrupt create(uint32_t vector, uint16_t processor, uint16_t n)
{
	struct vpci_create_interrupt3 msg = { .type = VPCI_CREATE_INTERRUPT3, .vector = vector,
					      .n_vectors = n, .n_processors = 1 };
	struct vpci_interrupt_answer answer;

	msg.processor[0] = processor;
	CHECK(!ask(&msg, sizeof(msg), &answer, sizeof(answer)), "%#x", answer.status);
	return answer.interrupt;
}

static uint16_t move_flags(struct vpci_interrupt irq, uint32_t vector, uint32_t flags,
			   uint64_t mask)
{
	struct {
		struct vpci_retarget call;
		uint64_t banks, bank;
	} __attribute__((packed)) in = { .call = { .partition = UINT64_MAX,
						   .source = VPCI_SOURCE_MSI,
						   .vector = vector, .flags = flags } };

	in.call.device = retarget_id;
	in.call.address = (uint32_t)irq.address;
	in.call.data = irq.data;
	if (!(flags & VPCI_TARGET_SET)) {
		in.call.mask_or_format = mask;
		return retarget(retarget_object, &in, sizeof(in.call));
	}
	in.banks = 1;
	in.bank = mask;
	return retarget(retarget_object, &in, sizeof(in));
}

static uint16_t move(struct vpci_interrupt irq, uint32_t vector, uint64_t mask)
{
	return move_flags(irq, vector, VPCI_TARGET_SET, mask);
}

static void delete(struct vpci_interrupt irq)
{
	struct vpci_delete_interrupt msg = { .type = VPCI_DELETE_INTERRUPT, .interrupt = irq };

	send_only(&msg, sizeof(msg), false);
}

static void interrupts(void)
{
	struct vpci_create_interrupt first = { .type = VPCI_CREATE_INTERRUPT, .vector = 0x31,
					       .n_vectors = 1, .cpu_mask = UINT64_MAX };
	struct vpci_create_interrupt2 second = { .type = VPCI_CREATE_INTERRUPT2, .vector = 0x32,
						 .n_vectors = 1, .n_processors = 1 };
	struct vpci_interrupt_answer answer;
	struct vpci_interrupt irq, other;

	make("t,serial=1");
	bring_up(VPCI_V1_1);
	place_bars();
	set_cfg(fn->msix.cap + 2, 2, 0x8000);
	CHECK(!ask(&first, sizeof(first), &answer, sizeof(answer)));
	CHECK(answer.interrupt.n_vectors == 1 && msix(0, answer.interrupt) == 0x31);
	bring_up(VPCI_V1_2);
	place_bars();
	set_cfg(fn->msix.cap + 2, 2, 0x8000);
	/* What the last session had composed is gone with it. */
	CHECK(!msix(0, answer.interrupt));
	second.processor[0] = 2;
	CHECK(!ask(&second, sizeof(second), &answer, sizeof(answer)));
	CHECK(msix(0, answer.interrupt) == 0x0832, "APIC id of processor 2");
	bring_up(VPCI_V1_4);
	place_bars();
	set_cfg(fn->msix.cap + 2, 2, 0x8000);
	irq = create(0x41, 1, 1);
	other = create(0x42, 3, 1);
	CHECK(msix(0, irq) == 0x0141 && msix(1, other) == 0x0942);
	CHECK(!move(irq, 0x51, 1u << 2) && msix(0, irq) == 0x0851 && msix(1, other) == 0x0942);
	CHECK(!move_flags(irq, 0x52, 0, 1u << 3) && msix(0, irq) == 0x0952);
	CHECK(!move_flags(irq, 0x53, VPCI_TARGET_SET | VPCI_TARGET_MULTICAST, 0xf));
	msix(0, irq);
	CHECK(msis == 4, "to all of them");
	CHECK(!move(irq, 0x54, 0xc) && msix(0, irq) == 0x0854, "to one of them");
	delete(irq);
	CHECK(!msix(0, irq) && msix(1, other) == 0x0942);
	/* Contiguous vectors, as plain MSI has them. */
	irq = create(0x60, 0, 4);
	CHECK(irq.n_vectors == 4);
	irq.data += 3;
	CHECK(msix(0, irq) == 0x63);
	irq.data++;
	CHECK(!msix(0, irq));
	CHECK(!judged, "%s", judged_kind);
	unmake();
}

static void blocks_and_power(void)
{
	struct vpci_write_block write = { .type = VPCI_WRITE_BLOCK, .block = 3, .bytes = 40 };
	struct vpci_read_block read = { .type = VPCI_READ_BLOCK, .block = 3, .bytes = 128 };
	struct vpci_power power = { .type = VPCI_POWER_CHANGE, .state = VPCI_POWER_D3 };
	struct vpci_block_answer answer;
	struct vpci_power_answer state;
	struct vpci_invalidate gone;
	char *invalidate[] = { "invalidate", "0x8" };
	char text[64];

	make("t,serial=1");
	bring_up(VPCI_V1_3);
	memset(write.data, 0xab, 40);
	CHECK(!ask_plain(&write, offsetof(struct vpci_write_block, data) + 40 + 4));
	CHECK(!ask(&read, sizeof(read), &answer, sizeof(answer)));
	CHECK(answer.data[39] == 0xab && !answer.data[41]);
	CHECK(!vpci_verb(v, 2, invalidate, text, sizeof(text)));
	pump();
	CHECK(host_says(&gone, sizeof(gone)) == VMBUS_PKT_INBAND);
	CHECK(gone.type == VPCI_INVALIDATE_BLOCK && gone.mask == 8 && !gone.slot);
	place_bars();
	CHECK(!ask(&power, sizeof(power), &state, sizeof(state)) && state.state == VPCI_POWER_D3);
	CHECK(regions() == 1, "its BARs are off");
	power.state = VPCI_POWER_D0;
	CHECK(!ask(&power, sizeof(power), &state, sizeof(state)) && state.state == VPCI_POWER_D0);
	CHECK(!judged, "%s", judged_kind);
	unmake();
}

static int verb1(char *word)
{
	char text[128];
	int ret = vpci_verb(v, 1, &word, text, sizeof(text));

	pump();
	return ret;
}

static void ejects(void)
{
	struct vpci_ejected complete = { .type = VPCI_EJECTION_COMPLETE };
	struct vpci_relations relations;
	struct vpci_slot msg;

	make("t,serial=1");
	bring_up(VPCI_V1_4);
	place_bars();
	rescinds = 0;
	while (host_says(&msg, sizeof(msg)))
		;
	CHECK(!verb1("remove") && !rescinds);
	CHECK(host_says(&msg, sizeof(msg)) == VMBUS_PKT_INBAND && msg.type == VPCI_EJECT);
	owner_told = -1;
	send_only(&complete, sizeof(complete), false);
	CHECK(rescinds == 1 && !rescinded_abruptly && owner_told == 0);
	CHECK(regions() == 1 && cfg(0, 2) == 0xffff, "the function has gone, the window has not");
	close_channel();
	CHECK(!regions());
	/* The same again, and the guest takes too long: pulled. */
	CHECK(!verb1("add") && owner_told == 1);
	bring_up(VPCI_V1_4);
	place_bars();
	CHECK(cfg(0, 2) == 0x1af4);
	rescinds = 0;
	CHECK(!verb1("remove") && !rescinds);
	time_passes();
	CHECK(rescinds == 1 && cfg(0, 2) == 0xffff);
	bar_reads = 0;
	CHECK(mmio(BAR0, 4, false, 0) == 0 && !bar_reads, "a dead BAR reads as zeros");
	judged = 0;
	send_only(&complete, sizeof(complete), false);
	CHECK(judged && !strcmp(judged_kind, "vpci-ejected"));
	close_channel();
	/* Only the function: its bus stays, and has it again on demand. */
	CHECK(!verb1("add"));
	bring_up(VPCI_V1_4);
	rescinds = 0;
	CHECK(!verb1("eject"));
	send_only(&complete, sizeof(complete), false);
	while (host_says(&relations, sizeof(relations)))
		;
	CHECK(!rescinds && !verb1("relations"));
	CHECK(host_says(&relations, sizeof(relations)) && !relations.n);
	CHECK(!verb1("add") && host_says(&relations, sizeof(relations)) && relations.n == 1);
	CHECK(verb1("add") == -EEXIST);
	unmake();
}

static void surprise(void)
{
	char *abrupt[] = { "rescind", "abrupt" };
	char text[64];

	make("t,serial=1");
	bring_up(VPCI_V1_4);
	place_bars();
	resets = 0;
	bar_reads = 0;
	CHECK(!vpci_verb(v, 2, abrupt, text, sizeof(text)));
	pump();
	CHECK(resets == 1 && regions() == 3, "%u regions", regions());
	CHECK(!mmio(BAR0, 4, false, 0) && !mmio(BAR2, 8, false, 0) && !bar_reads);
	mmio(BAR0, 4, true, 1);
	CHECK(verb1("remove") == -ENODEV);
	v->v.ops->released(&v->v);
	pump();
	CHECK(!regions());
	CHECK(!verb1("reoffer"));
	bring_up(VPCI_V1_4);
	place_bars();
	CHECK(mmio(BAR0, 4, false, 0) == 0x55);
	/* By a fault, and not by an order: its owner hears of it all the same. */
	owner_told = -1;
	vmbus_rescind(&v->v, true);
	pump();
	CHECK(owner_told == 0);
	v->v.ops->released(&v->v);
	pump();
	CHECK(!verb1("add"));
	bring_up(VPCI_V1_4);
	place_bars();
	/* Rescinded and not pulled: it works until the guest closes its channel. */
	CHECK(!verb1("rescind") && mmio(BAR0, 4, false, 0) == 0x55 && cfg(0, 2) == 0x1af4);
	close_channel();
	CHECK(!regions());
	unmake();
}

static void sessions(void)
{
	struct vpci_version msg = { VPCI_QUERY_VERSION, VPCI_V1_4 };
	uint8_t other[64];

	make("t,serial=1");
	bring_up(VPCI_V1_4);
	/* A message that waits when the channel closes is not the next session's. */
	post_as(VMBUS_PKT_INBAND, true, 0x1234, &msg, sizeof(msg));
	v->v.ops->doorbell(&channel);
	v->v.ops->close(&channel);
	open_channel();
	CHECK(!v->version && !v->d0 && !host_says(other, sizeof(other)));
	/* Nor is an answer that was late. */
	fault = (struct fault_action){ .kind = FAULT_DELAY, .delay_ns = 1 };
	fault_where = FAULT_VPCI_VERSION;
	fault_armed[FAULT_VPCI_VERSION] = true;
	CHECK(version(VPCI_V1_4) == ABSENT);
	close_channel();
	open_channel();
	time_passes();
	CHECK(!host_says(other, sizeof(other)));
	CHECK(version(VPCI_V1_4) == ABSENT);
	time_passes();
	CHECK(host_says(other, sizeof(other)) == VMBUS_PKT_COMPLETION);
	fault_armed[FAULT_VPCI_VERSION] = false;
	unmake();
}

/* A bad message: what it is judged as, and what the guest hears. */
static void bad(const char *kind, uint32_t status, const void *msg, uint32_t len)
{
	uint32_t got;

	judged = 0;
	judged_kind[0] = '\0';
	got = ask_plain(msg, len);
	CHECK(judged == 1 && !strcmp(judged_kind, kind), "wanted %s, got %u %s", kind, judged,
	      judged_kind);
	CHECK(got == status, "%s: %#x", kind, got);
}

static void bad_slot_and_length(uint32_t type, uint32_t len, unsigned int slot)
{
	uint8_t msg[VPCI_MESSAGE_MAX] = { 0 };
	uint32_t one = 1;

	memcpy(msg, &type, sizeof(type));
	bad("vpci-message", VPCI_STATUS_INVALID_PARAMETER, msg, (len - 8) & ~7u);
	memcpy(msg + slot, &one, sizeof(one));
	bad("vpci-message", VPCI_STATUS_NO_SUCH_DEVICE, msg, len);
	/* The same without asking for the answer that there would be. */
	memset(msg + slot, 0, sizeof(one));
	judged = 0;
	send_only(msg, len, false);
	CHECK(judged == 1 && !host_says(msg, sizeof(msg)), "%#x", type);
}

static void bad_order(void)
{
	struct vpci_d0_entry d0 = { .type = VPCI_D0_ENTRY, .window = WINDOW };
	struct vpci_header exit_d0 = { VPCI_D0_EXIT }, unknown = { VPCI_BASE + 0x42 };
	struct vpci_read_block read = { .type = VPCI_READ_BLOCK, .bytes = 8 };
	struct vpci_assigned2 assigned = { .type = VPCI_ASSIGNED2 };
	struct vpci_assigned assigned1 = { .type = VPCI_ASSIGNED };
	struct vpci_create_interrupt3 third = { .type = VPCI_CREATE_INTERRUPT3, .vector = 0x41,
						.n_vectors = 1, .n_processors = 1 };

	make("t,serial=1");
	open_channel();
	bad("vpci-message", VPCI_STATUS_INVALID_STATE, &d0, sizeof(d0));
	bad("vpci-message", VPCI_STATUS_INVALID_STATE, &exit_d0, sizeof(exit_d0));
	CHECK(!version(VPCI_V1_2) && !regions());
	bad("vpci-message", VPCI_STATUS_INVALID_STATE, &read, sizeof(read));
	bad("vpci-message", VPCI_STATUS_INVALID_STATE, &assigned, sizeof(assigned));
	bad("vpci-message", VPCI_STATUS_INVALID_PARAMETER, &unknown, sizeof(unknown));
	CHECK(!d0_entry(WINDOW));
	CHECK(d0_entry(WINDOW + 0x8000) == VPCI_STATUS_INVALID_STATE && regions() == 1);
	bad("vpci-message", VPCI_STATUS_INVALID_PARAMETER, &assigned1, sizeof(assigned1));
	bad("vpci-message", VPCI_STATUS_INVALID_PARAMETER, &third, sizeof(third));
	CHECK(!ask_plain(&assigned, sizeof(assigned)));
	judged = 0;
	CHECK(!ask_plain(&assigned, sizeof(assigned)) && judged);
	bring_up(VPCI_V1_4);
	bad_slot_and_length(VPCI_QUERY_REQUIREMENTS, sizeof(struct vpci_slot), 4);
	bad_slot_and_length(VPCI_ASSIGNED2, sizeof(struct vpci_assigned2), 4);
	bad_slot_and_length(VPCI_POWER_CHANGE, sizeof(struct vpci_power), 4);
	bad_slot_and_length(VPCI_CREATE_INTERRUPT2, sizeof(struct vpci_create_interrupt2), 4);
	bad_slot_and_length(VPCI_CREATE_INTERRUPT3, sizeof(struct vpci_create_interrupt3), 4);
	bad_slot_and_length(VPCI_READ_BLOCK, sizeof(struct vpci_read_block), 8);
	judged = 0;
	post_as(VMBUS_PKT_GPA_DIRECT, true, 1, &d0, sizeof(d0));
	ring_doorbell();
	CHECK(judged && !strcmp(judged_kind, "packet-type"));
	unmake();
}

static void bad_places(void)
{
	static const uint64_t at[] = {
		0, 0x1000, WINDOW + 0x10, WINDOW - 0x1000,
		VM_VMBUS_LOW_START + VM_VMBUS_LOW_SIZE - 0x1000, UINT64_MAX & ~0xfffull,
		BAR2 - 0x1000, BAR2 + VM_VMBUS_HIGH_SIZE - 0x1000,
	};

	make("t,serial=1");
	open_channel();
	CHECK(!version(VPCI_V1_4));
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		judged = 0;
		CHECK(d0_entry(at[i]) == VPCI_STATUS_INVALID_PARAMETER && judged && !regions(),
		      "%#llx", (unsigned long long)at[i]);
	}
	/* Not over what is there already. */
	vm_mmio_register(&vm, WINDOW + 0x1000, 0x1000, "other", &bar_ops, NULL);
	CHECK(d0_entry(WINDOW) == VPCI_STATUS_INVALID_PARAMETER);
	vm_mmio_unregister(&vm, WINDOW + 0x1000);
	CHECK(!d0_entry(WINDOW));
	/* A BAR over RAM, or over the window itself. */
	judged = 0;
	set_cfg(0x10, 4, 0x100000);
	set_cfg(0x04, 2, 2);
	CHECK(judged && regions() == 1);
	set_cfg(0x10, 4, (uint32_t)WINDOW);
	CHECK(regions() == 1 && cfg(0, 2) == 0x1af4);
	set_cfg(0x10, 4, (uint32_t)BAR0);
	CHECK(regions() == 2);
	unmake();
}

static void bad_interrupts(void)
{
	struct vpci_create_interrupt3 good = { .type = VPCI_CREATE_INTERRUPT3, .vector = 0x41,
					       .n_vectors = 1, .n_processors = 1 }, msg;
	struct vpci_create_interrupt first = { .type = VPCI_CREATE_INTERRUPT, .vector = 0x41,
					       .n_vectors = 1, .cpu_mask = 0xf0 };
	const uint32_t invalid = VPCI_STATUS_INVALID_PARAMETER;
	struct vpci_interrupt irq, none = { .data = 0x77000300, .address = 0xfee00000 };
	struct vpci_retarget call = { .source = 2, .vector = 0x50, .mask_or_format = 1 };
	struct {
		struct vpci_retarget call;
		uint64_t banks, bank;
	} __attribute__((packed)) other;
	unsigned int i;

	make("t,serial=1");
	bring_up(VPCI_V1_4);
#define WITH(field, value) (msg = good, msg.field = (value), &msg)
	bad("vpci-interrupt", invalid, WITH(vector, 0x0f), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(vector, 0x100), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(vector, UINT32_MAX), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(mode, 4), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(n_vectors, 0), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(n_vectors, 3), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(n_vectors, 64), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(n_processors, 0), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(n_processors, 33), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(processor[0], 4), sizeof(msg));
	bad("vpci-interrupt", invalid, WITH(processor[0], 64), sizeof(msg));
	/* So many that the last would be beyond the table of vectors. */
	msg = good;
	msg.vector = 0xf8;
	msg.n_vectors = 16;
	bad("vpci-interrupt", invalid, &msg, sizeof(msg));
	irq = create(0x41, 0, 1);
	judged = 0;
	delete(none);
	CHECK(judged == 1 && !strcmp(judged_kind, "vpci-delete"));
	CHECK(move(none, 0x50, 1) && judged == 2 && !strcmp(judged_kind, "vpci-retarget"));
	CHECK(move(irq, 0x0f, 1) && move(irq, 0x100, 1) && judged == 4);
	CHECK(move(irq, 0x50, 0) && move(irq, 0x50, 0x10) && judged == 6);
	CHECK(move_flags(irq, 0x50, 0, 0) && move_flags(irq, 0x50, 0, 1ull << 63) && judged == 8);
	call.data = irq.data;
	call.address = (uint32_t)irq.address;
	CHECK(retarget(retarget_object, &call, sizeof(call)), "not an MSI");
	call.source = VPCI_SOURCE_MSI;
	call.flags = VPCI_TARGET_SET;
	call.mask_or_format = 0;
	CHECK(retarget(retarget_object, &call, sizeof(call)), "a set that ends before its banks");
	other.call = call;
	other.call.mask_or_format = 7;
	other.banks = 1;
	other.bank = 1;
	CHECK(retarget(retarget_object, &other, sizeof(other)), "a set of another format");
	call.mask_or_format = 1;
	CHECK(!retarget(retarget_object, &call, sizeof(call)), "all of them");
	for (i = 1; i < VPCI_INTERRUPTS; i++)
		create(0x41, 0, 1);
	bad("vpci-interrupts", VPCI_STATUS_NO_RESOURCES, &good, sizeof(good));
	bring_up(VPCI_V1_1);
	bad("vpci-interrupt", invalid, &first, sizeof(first));
	unmake();
}

static void bad_blocks(void)
{
	struct vpci_write_block write = { .type = VPCI_WRITE_BLOCK };
	struct vpci_read_block read = { .type = VPCI_READ_BLOCK, .bytes = 8, .block = VPCI_BLOCKS };
	struct vpci_power power = { .type = VPCI_POWER_CHANGE, .state = 3 };
	const uint32_t head = offsetof(struct vpci_write_block, data);
	const uint32_t invalid = VPCI_STATUS_INVALID_PARAMETER;
	uint8_t longer[head + 200];

	memset(longer, 0, sizeof(longer));
	make("t,serial=1");
	bring_up(VPCI_V1_4);
	bad("vpci-block", invalid, &read, sizeof(read));
	read.block = UINT32_MAX;
	bad("vpci-block", invalid, &read, sizeof(read));
	read.block = 0;
	read.bytes = 0;
	bad("vpci-block", invalid, &read, sizeof(read));
	read.bytes = 129;
	bad("vpci-block", invalid, &read, sizeof(read));
	bad("vpci-block", invalid, &write, head + 8);
	write.bytes = 100; /* and 16 are there */
	bad("vpci-block", invalid, &write, head + 16);
	write.bytes = 200; /* which are there, but no block has them */
	memcpy(longer, &write, sizeof(write));
	bad("vpci-block", invalid, longer, sizeof(longer));
	write.bytes = 8;
	write.block = VPCI_BLOCKS;
	bad("vpci-block", invalid, &write, head + 8);
	bad("vpci-power", invalid, &power, sizeof(power));
	unmake();
}

/* More than may wait is left in the ring and read later; what does not fit into it is cut. */
static void floods(void)
{
	struct vpci_read_block read = { .type = VPCI_READ_BLOCK, .bytes = 8 };
	uint8_t longest[1024] = { 0 }, other[256];
	unsigned int i, n = 0;

	make("t,serial=1");
	bring_up(VPCI_V1_4);
	for (i = 0; i < 3 * VPCI_MAILS; i++)
		post_as(VMBUS_PKT_INBAND, true, 0x1234, &read, sizeof(read));
	v->v.ops->doorbell(&channel);
	CHECK(v->n_mail == VPCI_MAILS);
	while (host_says(other, sizeof(other)))
		;
	pump();
	while (host_says(other, sizeof(other)))
		n++;
	CHECK(n == 3 * VPCI_MAILS, "%u answers", n);
	judged = 0;
	memcpy(longest, &read, sizeof(read));
	send_only(longest, sizeof(longest), true);
	CHECK(judged == 1 && !strcmp(judged_kind, "vpci-length"));
	/* A guest that never reads its answers. */
	judged = 0;
	for (i = 0; i < 2000 && !judged; i++)
		send_only(&read, sizeof(read), true);
	CHECK(judged && !strcmp(judged_kind, "vpci-full"), "%u %s", i, judged_kind);
	unmake();
}

static void faults(void)
{
	static const enum fault_kind kinds[] = { FAULT_DROP, FAULT_DUPLICATE, FAULT_RESCIND };
	static const unsigned int answers[] = { 0, 2, 0 };
	struct vpci_read_block read = { .type = VPCI_READ_BLOCK, .bytes = 8 };
	struct vpci_interrupt irq;
	uint8_t other[256];
	unsigned int i, n;

	make("t,serial=1");
	bring_up(VPCI_V1_4);
	fault_where = FAULT_VPCI_READ_BLOCK;
	fault_armed[fault_where] = true;
	rescinds = 0;
	for (i = 0; i < 3; i++) {
		fault = (struct fault_action){ .kind = kinds[i] };
		while (host_says(other, sizeof(other)))
			;
		send_only(&read, sizeof(read), true);
		for (n = 0; host_says(other, sizeof(other)); n++)
			;
		CHECK(n == answers[i], "%u: %u answers", i, n);
	}
	CHECK(rescinds == 1);
	fault_armed[fault_where] = false;
	fault_where = FAULT_VPCI_RECEIVE;
	fault_armed[fault_where] = true;
	fault = (struct fault_action){ .kind = FAULT_DELAY, .delay_ns = 1 };
	CHECK(ask_plain(&read, sizeof(read)) == ABSENT);
	time_passes();
	CHECK(host_says(other, sizeof(other)) == VMBUS_PKT_COMPLETION);
	/* Only so many are held back. */
	for (i = 0; i < 2 * VPCI_LATE_MAX; i++)
		send_only(&read, sizeof(read), true);
	time_passes();
	for (n = 0; host_says(other, sizeof(other)); n++)
		;
	CHECK(n == VPCI_LATE_MAX, "%u", n);
	fault_armed[fault_where] = false;
	place_bars();
	set_cfg(fn->msix.cap + 2, 2, 0x8000);
	irq = create(0x41, 0, 1);
	fault_where = FAULT_VPCI_MSI;
	fault_armed[fault_where] = true;
	fault.kind = FAULT_DROP;
	CHECK(!msix(0, irq));
	fault.kind = FAULT_DUPLICATE;
	CHECK(msix(0, irq) && msis == 2);
	fault_armed[fault_where] = false;
	unmake();
}

/* Any message at any time: nothing breaks, and a good guest can start over. */
static void hostile_guest(void)
{
	uint8_t msg[VPCI_MESSAGE_MAX + 64], other[256];
	uint32_t *word = (uint32_t *)msg, len;
	struct json_object *o;
	unsigned int i, k;

	make("t,serial=1");
	open_channel();
	for (i = 0; i < 100000; i++) {
		for (k = 0; k < sizeof(msg); k++)
			msg[k] = check_random(4) ? 0 : (uint8_t)check_random(256);
		word[0] = VPCI_BASE + check_random(0x1d);
		if (word[0] == VPCI_QUERY_VERSION)
			word[1] = VPCI_VERSION(1, check_random(8));
		if (word[0] == VPCI_D0_ENTRY && check_random(4)) {
			word[2] = (uint32_t)WINDOW + 0x1000 * check_random(3);
			word[3] = 0;
		}
		if (word[0] == VPCI_D0_EXIT && check_random(8))
			continue;
		if (check_random(2))
			word[1] = 0;
		len = check_random(3) ? 256 : 4 + check_random(sizeof(msg) - 4);
		post_as(check_random(50) ? VMBUS_PKT_INBAND : VMBUS_PKT_COMPLETION,
			check_random(4), 0x1234, msg, len);
		v->v.ops->doorbell(&channel);
		if (check_random(2))
			pump();
		if (check_random(3))
			mmio(WINDOW + check_random(0x2000), 1u << check_random(4), check_random(2),
			     (uint64_t)check_random(UINT32_MAX) << check_random(16));
		if (!check_random(4) && v->d0)
			place_bars();
		while (check_random(4) && host_says(other, sizeof(other)))
			;
		if (!check_random(200))
			verb1(check_random(2) ? "remove" : "eject");
		if (!check_random(100))
			time_passes();
		if (!check_random(300)) {
			verb1("rescind");
			v->v.ops->close(&channel);
			v->v.ops->released(&v->v);
			verb1("add");
			open_channel();
		}
		/* The ring is small, and what does not fit is not this guest's to send. */
		pump();
	}
	o = json_object_new_object();
	vpci_dump(v, o);
	json_object_put(o);
	close_channel();
	CHECK(!regions());
	unmake();
}

int main(void)
{
	struct loop *io[1] = { (struct loop *)&vm };

	vm.io = io;
	vm.control = io[0];
	vm.slow = io[0];
	check_run("versions", versions);
	check_run("relations, and how the bus is named", relations);
	check_run("BARs and the configuration window", bars_and_window);
	check_run("interrupts: three forms, moved, deleted", interrupts);
	check_run("configuration blocks and power", blocks_and_power);
	check_run("eject, in time and not", ejects);
	check_run("taken away by surprise", surprise);
	check_run("one session does not see the other's", sessions);
	check_run("messages out of order, of the wrong version, slot or length", bad_order);
	check_run("windows and BARs where they may not be", bad_places);
	check_run("interrupts that cannot be", bad_interrupts);
	check_run("blocks and power states that cannot be", bad_blocks);
	check_run("more messages than may wait", floods);
	check_run("faults", faults);
	check_run("messages of any content", hostile_guest);
	check_run("versions after all that", versions);
	return check_end();
}
