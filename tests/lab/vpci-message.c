// SPDX-License-Identifier: GPL-2.0
/* Messages of a synthetic PCI bus's driver. Everything in vm->slow. */
#include <string.h>

#include "log.h"
#include "vm.h"
#include "vpci.h"

/* What is known of the bus at that point of a session. */
enum needs {
	NEEDS_NOTHING,
	NEEDS_VERSION,
	NEEDS_D0,
};

/**
 * struct kind - a message
 * @bytes: it has at least
 * @from, @to: versions that have it; 0: no limit
 * @slot: offset of the slot it is about; 0: it is about the bus
 * @answers: there is a completion, so the guest has to ask for one
 */
struct kind {
	uint32_t type;
	uint32_t bytes;
	uint32_t from, to;
	enum needs needs;
	uint32_t slot;
	bool answers;
	enum fault_point point;
	void (*handle)(struct vpci *v, const struct vpci_mail *mail);
};

static void answer(struct vpci *v, const struct vpci_mail *mail, enum fault_point point, void *msg,
		   uint32_t len)
{
	vpci_send(v, point, mail->session, true, mail->txid, msg, len);
}

static void answer_status(struct vpci *v, const struct vpci_mail *mail, enum fault_point point,
			  uint32_t status)
{
	struct vpci_status msg = { .status = status };

	if (status)
		stat_inc(&v->refused);
	answer(v, mail, point, &msg, sizeof(msg));
}

static void query_version(struct vpci *v, const struct vpci_mail *mail)
{
	const struct vpci_version *msg = (const struct vpci_version *)mail->bytes;
	struct vpci_version_answer reply = { .version = msg->version };

	if (v->version)
		judge(v->v.name, "vpci-version-twice", "version %#x asked for after %#x",
		      msg->version, v->version);
	if (msg->version < v->opt.version_min || msg->version > v->opt.version_max) {
		reply.status = VPCI_STATUS_REVISION_MISMATCH;
		reply.version = v->opt.version_max;
		stat_inc(&v->refused);
	} else {
		v->version = msg->version;
	}
	answer(v, mail, FAULT_VPCI_VERSION, &reply, sizeof(reply));
}

static void query_relations(struct vpci *v, const struct vpci_mail *mail)
{
	vpci_send_relations(v, mail->session);
}

static void query_requirements(struct vpci *v, const struct vpci_mail *mail)
{
	struct vpci_requirements_answer reply = { .status = VPCI_STATUS_SUCCESS };
	uint32_t bar[PCI_BARS];

	pci_function_bar_probe(v->fn, bar);
	memcpy(reply.bar, bar, sizeof(reply.bar));
	answer(v, mail, FAULT_VPCI_REQUIREMENTS, &reply, sizeof(reply));
}

static void d0_entry(struct vpci *v, const struct vpci_mail *mail)
{
	const struct vpci_d0_entry *msg = (const struct vpci_d0_entry *)mail->bytes;
	uint32_t status = VPCI_STATUS_SUCCESS;

	if (v->d0) {
		/* A crash kernel finds it so; it sends D0 EXIT and comes back. */
		status = VPCI_STATUS_INVALID_STATE;
	} else if (vpci_window_open(v, msg->window)) {
		judge(v->v.name, "vpci-window",
		      "configuration space at %#llx: taken, misaligned or outside VMBus's windows",
		      (unsigned long long)msg->window);
		status = VPCI_STATUS_INVALID_PARAMETER;
	} else {
		v->d0 = true;
		v->power = VPCI_POWER_D0;
	}
	answer_status(v, mail, FAULT_VPCI_D0_ENTRY, status);
}

static void d0_exit(struct vpci *v, const struct vpci_mail *mail)
{
	if (v->d0) {
		vpci_window_close(v);
		vpci_function_off(v, false);
		vpci_interrupts_forget(v);
	}
	v->d0 = false;
	v->assigned = false;
	v->power = VPCI_POWER_D3;
	answer_status(v, mail, FAULT_VPCI_D0_EXIT, VPCI_STATUS_SUCCESS);
}

static void assigned(struct vpci *v, const struct vpci_mail *mail)
{
	if (v->assigned)
		judge(v->v.name, "vpci-assigned-twice", "resources assigned a second time");
	v->assigned = true;
	answer_status(v, mail, FAULT_VPCI_ASSIGNED, VPCI_STATUS_SUCCESS);
}

static void released(struct vpci *v, const struct vpci_mail *mail)
{
	v->assigned = false;
}

static void power_change(struct vpci *v, const struct vpci_mail *mail)
{
	const struct vpci_power *msg = (const struct vpci_power *)mail->bytes;
	struct vpci_power_answer reply = { .slot = msg->slot };

	if (msg->state != VPCI_POWER_D0 && msg->state != VPCI_POWER_D3) {
		judge(v->v.name, "vpci-power", "power state %u", msg->state);
		reply.status = VPCI_STATUS_INVALID_PARAMETER;
		stat_inc(&v->refused);
	} else {
		if (msg->state == VPCI_POWER_D3 && v->power == VPCI_POWER_D0)
			vpci_function_off(v, false);
		v->power = msg->state;
	}
	reply.state = v->power;
	answer(v, mail, FAULT_VPCI_POWER, &reply, sizeof(reply));
}

/* --- interrupts --- */

static void create_interrupt(struct vpci *v, const struct vpci_mail *mail,
			     const struct vpci_request *req)
{
	struct vpci_interrupt_answer reply = { .status = VPCI_STATUS_SUCCESS };

	reply.status = vpci_interrupt_create(v, req, &reply.interrupt);
	answer(v, mail, FAULT_VPCI_INTERRUPT, &reply, sizeof(reply));
}

static void create_interrupt1(struct vpci *v, const struct vpci_mail *mail)
{
	const struct vpci_create_interrupt *msg = (const void *)mail->bytes;
	struct vpci_request req = {
		.vector = msg->vector,
		.mode = msg->mode,
		.n_vectors = msg->n_vectors,
		.processors = msg->cpu_mask,
	};

	create_interrupt(v, mail, &req);
}

/* An array of processors as a mask; 0: one of them cannot be. */
static uint64_t processors_of(const uint16_t *processor, unsigned int n)
{
	uint64_t mask = 0;

	if (n > VPCI_PROCESSORS)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		if (processor[i] >= 64)
			return 0;
		mask |= 1ull << processor[i];
	}
	return mask;
}

static void create_interrupt2(struct vpci *v, const struct vpci_mail *mail)
{
	const struct vpci_create_interrupt2 *msg = (const void *)mail->bytes;
	struct vpci_request req = {
		.vector = msg->vector,
		.mode = msg->mode,
		.n_vectors = msg->n_vectors,
	};
	uint16_t processor[VPCI_PROCESSORS];

	memcpy(processor, msg->processor, sizeof(processor));
	req.processors = processors_of(processor, msg->n_processors);
	create_interrupt(v, mail, &req);
}

static void create_interrupt3(struct vpci *v, const struct vpci_mail *mail)
{
	const struct vpci_create_interrupt3 *msg = (const void *)mail->bytes;
	struct vpci_request req = {
		.vector = msg->vector,
		.mode = msg->mode,
		.n_vectors = msg->n_vectors,
	};
	uint16_t processor[VPCI_PROCESSORS];

	memcpy(processor, msg->processor, sizeof(processor));
	req.processors = processors_of(processor, msg->n_processors);
	create_interrupt(v, mail, &req);
}

static void delete_interrupt(struct vpci *v, const struct vpci_mail *mail)
{
	const struct vpci_delete_interrupt *msg = (const void *)mail->bytes;
	struct vpci_interrupt gone = msg->interrupt;

	/* Those of a function that has gone went with it. */
	if (!vpci_interrupt_delete(v, &gone) && !v->absent)
		judge(v->v.name, "vpci-delete", "no interrupt of data %#x at %#llx", gone.data,
		      (unsigned long long)gone.address);
}

/* --- configuration blocks: what was written last is read back --- */

static void read_block(struct vpci *v, const struct vpci_mail *mail)
{
	const struct vpci_read_block *msg = (const void *)mail->bytes;
	struct vpci_block_answer reply = { .status = VPCI_STATUS_SUCCESS };
	uint32_t bytes = 0;

	if (msg->block >= VPCI_BLOCKS || !msg->bytes || msg->bytes > VPCI_BLOCK_BYTES) {
		judge(v->v.name, "vpci-block", "%u bytes of block %u to be read", msg->bytes,
		      msg->block);
		answer_status(v, mail, FAULT_VPCI_READ_BLOCK, VPCI_STATUS_INVALID_PARAMETER);
		return;
	}
	bytes = v->block_bytes[msg->block] < msg->bytes ? v->block_bytes[msg->block] : msg->bytes;
	memcpy(reply.data, v->block[msg->block], bytes);
	stat_inc(&v->block_reads);
	answer(v, mail, FAULT_VPCI_READ_BLOCK, &reply,
	       (uint32_t)offsetof(struct vpci_block_answer, data) + bytes);
}

static void write_block(struct vpci *v, const struct vpci_mail *mail)
{
	const struct vpci_write_block *msg = (const void *)mail->bytes;
	uint32_t head = offsetof(struct vpci_write_block, data);

	if (msg->block >= VPCI_BLOCKS || !msg->bytes || msg->bytes > VPCI_BLOCK_BYTES ||
	    msg->bytes > mail->len - head) {
		judge(v->v.name, "vpci-block", "%u bytes of block %u to be written, %u there",
		      msg->bytes, msg->block, mail->len - head);
		answer_status(v, mail, FAULT_VPCI_WRITE_BLOCK, VPCI_STATUS_INVALID_PARAMETER);
		return;
	}
	memcpy(v->block[msg->block], msg->data, msg->bytes);
	v->block_bytes[msg->block] = msg->bytes;
	stat_inc(&v->block_writes);
	answer_status(v, mail, FAULT_VPCI_WRITE_BLOCK, VPCI_STATUS_SUCCESS);
}

static void ejection_complete(struct vpci *v, const struct vpci_mail *mail)
{
	if (!v->ejecting) {
		judge(v->v.name, "vpci-ejected", "an ejection is complete that nobody asked for");
		return;
	}
	vpci_ejected(v);
}

#define SLOT(type) offsetof(struct type, slot)

static const struct kind kinds[] = {
	{ VPCI_QUERY_VERSION, sizeof(struct vpci_version), 0, 0, NEEDS_NOTHING, 0, true,
	  FAULT_VPCI_VERSION, query_version },
	{ VPCI_QUERY_RELATIONS, sizeof(struct vpci_header), 0, 0, NEEDS_VERSION, 0, false,
	  FAULT_VPCI_RELATIONS, query_relations },
	{ VPCI_QUERY_REQUIREMENTS, sizeof(struct vpci_slot), 0, 0, NEEDS_VERSION, SLOT(vpci_slot),
	  true, FAULT_VPCI_REQUIREMENTS, query_requirements },
	{ VPCI_D0_ENTRY, sizeof(struct vpci_d0_entry), 0, 0, NEEDS_VERSION, 0, true,
	  FAULT_VPCI_D0_ENTRY, d0_entry },
	{ VPCI_D0_EXIT, sizeof(struct vpci_header), 0, 0, NEEDS_VERSION, 0, true,
	  FAULT_VPCI_D0_EXIT, d0_exit },
	{ VPCI_ASSIGNED, sizeof(struct vpci_assigned), 0, VPCI_V1_1, NEEDS_D0, SLOT(vpci_assigned),
	  true, FAULT_VPCI_ASSIGNED, assigned },
	{ VPCI_ASSIGNED2, sizeof(struct vpci_assigned2), VPCI_V1_2, 0, NEEDS_D0,
	  SLOT(vpci_assigned2), true, FAULT_VPCI_ASSIGNED, assigned },
	{ VPCI_ASSIGNED3, sizeof(struct vpci_slot), VPCI_V1_4, 0, NEEDS_D0, SLOT(vpci_slot), true,
	  FAULT_VPCI_ASSIGNED, assigned },
	{ VPCI_RELEASED, sizeof(struct vpci_slot), 0, 0, NEEDS_VERSION, 0, false,
	  FAULT_VPCI_ASSIGNED, released },
	{ VPCI_POWER_CHANGE, sizeof(struct vpci_power), 0, 0, NEEDS_D0, SLOT(vpci_power), true,
	  FAULT_VPCI_POWER, power_change },
	{ VPCI_CREATE_INTERRUPT, sizeof(struct vpci_create_interrupt), 0, VPCI_V1_1, NEEDS_D0,
	  SLOT(vpci_create_interrupt), true, FAULT_VPCI_INTERRUPT, create_interrupt1 },
	{ VPCI_CREATE_INTERRUPT2, sizeof(struct vpci_create_interrupt2), VPCI_V1_2, 0, NEEDS_D0,
	  SLOT(vpci_create_interrupt2), true, FAULT_VPCI_INTERRUPT, create_interrupt2 },
	{ VPCI_CREATE_INTERRUPT3, sizeof(struct vpci_create_interrupt3), VPCI_V1_4, 0, NEEDS_D0,
	  SLOT(vpci_create_interrupt3), true, FAULT_VPCI_INTERRUPT, create_interrupt3 },
	{ VPCI_DELETE_INTERRUPT, sizeof(struct vpci_delete_interrupt), 0, 0, NEEDS_VERSION, 0,
	  false, FAULT_VPCI_INTERRUPT, delete_interrupt },
	{ VPCI_READ_BLOCK, sizeof(struct vpci_read_block), 0, 0, NEEDS_D0, SLOT(vpci_read_block),
	  true, FAULT_VPCI_READ_BLOCK, read_block },
	{ VPCI_WRITE_BLOCK, offsetof(struct vpci_write_block, data) + 1, 0, 0, NEEDS_D0,
	  SLOT(vpci_write_block), true, FAULT_VPCI_WRITE_BLOCK, write_block },
	{ VPCI_EJECTION_COMPLETE, sizeof(struct vpci_ejected), 0, 0, NEEDS_VERSION, 0, false,
	  FAULT_VPCI_EJECT, ejection_complete },
};

static const struct kind *kind_of(uint32_t type)
{
	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

/* What is wrong with the message, or NULL; *status is what the guest is told. */
static const char *wrong(const struct vpci *v, const struct kind *kind,
			 const struct vpci_mail *mail, uint32_t *status)
{
	uint32_t slot;

	*status = VPCI_STATUS_INVALID_PARAMETER;
	if (!kind)
		return "unknown type";
	if (mail->len < kind->bytes)
		return "too short";
	if (kind->answers && !mail->wants_completion)
		return "its answer is not asked for";
	*status = VPCI_STATUS_INVALID_STATE;
	if (kind->needs >= NEEDS_VERSION && !v->version)
		return "before a version";
	if (kind->needs == NEEDS_D0 && !v->d0)
		return "before D0 ENTRY";
	*status = VPCI_STATUS_INVALID_PARAMETER;
	if ((kind->from && v->version < kind->from) || (kind->to && v->version > kind->to))
		return "not a message of this version";
	if (!kind->slot)
		return NULL;
	memcpy(&slot, mail->bytes + kind->slot, sizeof(slot));
	*status = VPCI_STATUS_NO_SUCH_DEVICE;
	return slot ? "no such slot" : NULL;
}

void vpci_handle(struct vpci *v, const struct vpci_mail *mail)
{
	uint32_t type, status, slot = 0;
	const struct kind *kind;
	const char *why;

	memcpy(&type, mail->bytes, sizeof(type)); /* behind what came, a mail is zeros */
	kind = kind_of(type);
	log_debug("%s: <- vPCI %#x, %u bytes", v->v.name, type - VPCI_BASE, mail->len);
	stat_inc(&v->messages);
	why = wrong(v, kind, mail, &status);
	if (kind && kind->slot && mail->len >= kind->bytes)
		memcpy(&slot, mail->bytes + kind->slot, sizeof(slot));
	if (!why && kind->slot && v->absent) {
		/* It has gone, which the guest may not know yet. */
		answer_status(v, mail, kind->point, VPCI_STATUS_NO_SUCH_DEVICE);
		return;
	}
	if (!why) {
		kind->handle(v, mail);
		return;
	}
	judge(v->v.name, "vpci-message", "%#x, %u bytes, slot %u, at version %#x: %s", type,
	      mail->len, slot, v->version, why);
	if (mail->wants_completion)
		answer_status(v, mail, kind ? kind->point : FAULT_POINTS, status);
	else
		stat_inc(&v->refused);
}
