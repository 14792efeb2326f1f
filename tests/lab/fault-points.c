// SPDX-License-Identifier: GPL-2.0
/* The table of named points, their actions and the fields of their messages. */
#include "fault.h"
#include "nvsp-wire.h"
#include "rndis-wire.h"
#include "vmbus-wire.h"
#include "vpci-wire.h"

#define F(type, member, label)                                                                     \
	{                                                                                          \
		.name = (label), .offset = offsetof(type, member),                                 \
		.size = sizeof(((type *)0)->member)                                                \
	}
#define END                                                                                        \
	{                                                                                          \
		.name = NULL                                                                       \
	}

#define DROP	  (1u << FAULT_DROP)
#define DELAY	  (1u << FAULT_DELAY)
#define STATUS	  (1u << FAULT_STATUS)
#define CORRUPT	  (1u << FAULT_CORRUPT)
#define DUPLICATE (1u << FAULT_DUPLICATE)
#define RESCIND	  (1u << FAULT_RESCIND)
#define MESSAGE	  (DROP | DELAY | CORRUPT | DUPLICATE)

static const struct fault_field version_response[] = {
	F(struct vmbus_version_response, h.type, "type"),
	F(struct vmbus_version_response, supported, "supported"),
	F(struct vmbus_version_response, state, "state"),
	F(struct vmbus_version_response, version_or_connection, "connection"),
	END,
};

static const struct fault_field offer[] = {
	F(struct vmbus_offer, h.type, "type"),
	F(struct vmbus_offer, type.b[0], "class"),
	F(struct vmbus_offer, instance.b[0], "instance"),
	F(struct vmbus_offer, flags, "flags"),
	F(struct vmbus_offer, subindex, "subindex"),
	F(struct vmbus_offer, relid, "relid"),
	F(struct vmbus_offer, monitor_id, "monitor_id"),
	F(struct vmbus_offer, monitor_allocated, "monitor_allocated"),
	F(struct vmbus_offer, dedicated, "dedicated"),
	F(struct vmbus_offer, connection, "connection"),
	END,
};

static const struct fault_field header[] = {
	F(struct vmbus_header, type, "type"),
	END,
};

static const struct fault_field open_result[] = {
	F(struct vmbus_open_result, h.type, "type"),
	F(struct vmbus_open_result, relid, "relid"),
	F(struct vmbus_open_result, open_id, "open_id"),
	F(struct vmbus_open_result, status, "status"),
	END,
};

static const struct fault_field gpadl_created[] = {
	F(struct vmbus_gpadl_created, h.type, "type"),
	F(struct vmbus_gpadl_created, relid, "relid"),
	F(struct vmbus_gpadl_created, gpadl, "gpadl"),
	F(struct vmbus_gpadl_created, status, "status"),
	END,
};

static const struct fault_field gpadl_torndown[] = {
	F(struct vmbus_gpadl_torndown, h.type, "type"),
	F(struct vmbus_gpadl_torndown, gpadl, "gpadl"),
	END,
};

static const struct fault_field modify_response[] = {
	F(struct vmbus_modify_response, h.type, "type"),
	F(struct vmbus_modify_response, relid, "relid"),
	F(struct vmbus_modify_response, status, "status"),
	END,
};

static const struct fault_field relid[] = {
	F(struct vmbus_relid, h.type, "type"),
	F(struct vmbus_relid, relid, "relid"),
	END,
};

static const struct fault_field index_word[] = {
	{ .name = "index", .offset = 0, .size = 4 },
	END,
};

static const struct fault_field descriptor[] = {
	F(struct vmbus_descriptor, type, "type"),
	F(struct vmbus_descriptor, offset8, "offset8"),
	F(struct vmbus_descriptor, len8, "len8"),
	F(struct vmbus_descriptor, flags, "flags"),
	F(struct vmbus_descriptor, txid, "txid"),
	END,
};

static const struct fault_field init_complete[] = {
	F(struct nvsp_init_complete, type, "type"),
	F(struct nvsp_init_complete, version, "version"),
	F(struct nvsp_init_complete, max_chain, "max_chain"),
	F(struct nvsp_init_complete, status, "status"),
	END,
};

static const struct fault_field recv_buf[] = {
	F(struct nvsp_recv_buf_complete, type, "type"),
	F(struct nvsp_recv_buf_complete, status, "status"),
	F(struct nvsp_recv_buf_complete, n_sections, "sections"),
	F(struct nvsp_recv_buf_complete, offset, "offset"),
	F(struct nvsp_recv_buf_complete, size, "size"),
	F(struct nvsp_recv_buf_complete, count, "count"),
	F(struct nvsp_recv_buf_complete, end, "end"),
	END,
};

static const struct fault_field send_buf[] = {
	F(struct nvsp_send_buf_complete, type, "type"),
	F(struct nvsp_send_buf_complete, status, "status"),
	F(struct nvsp_send_buf_complete, section_size, "size"),
	END,
};

static const struct fault_field subchannel[] = {
	F(struct nvsp_subchannel, type, "type"),
	F(struct nvsp_subchannel, op, "status"),
	F(struct nvsp_subchannel, n, "count"),
	END,
};

static const struct fault_field send_table[] = {
	F(struct nvsp_send_table, type, "type"),
	F(struct nvsp_send_table, count, "count"),
	F(struct nvsp_send_table, offset, "offset"),
	F(struct nvsp_send_table, entry[0], "entry0"),
	END,
};

static const struct fault_field tx_complete[] = {
	F(struct nvsp_rndis_complete, type, "type"),
	F(struct nvsp_rndis_complete, status, "status"),
	END,
};

/* The transfer page header with the NVSP message behind its first range. */
static const struct fault_field transfer[] = {
	F(struct vmbus_transfer_pages, d.txid, "txid"),
	F(struct vmbus_transfer_pages, set, "set"),
	F(struct vmbus_transfer_pages, n, "ranges"),
	END,
};

static const struct fault_field range[] = {
	F(struct vmbus_transfer_range, bytes, "bytes"),
	F(struct vmbus_transfer_range, offset, "offset"),
	END,
};

static const struct fault_field rndis_init[] = {
	F(struct rndis_initialize_complete, h.type, "type"),
	F(struct rndis_initialize_complete, h.len, "length"),
	F(struct rndis_initialize_complete, id, "id"),
	F(struct rndis_initialize_complete, status, "status"),
	F(struct rndis_initialize_complete, max_packets, "max_packets"),
	F(struct rndis_initialize_complete, max_transfer, "max_transfer"),
	F(struct rndis_initialize_complete, alignment, "alignment"),
	END,
};

static const struct fault_field rndis_query[] = {
	F(struct rndis_query_complete, h.type, "type"),
	F(struct rndis_query_complete, h.len, "length"),
	F(struct rndis_query_complete, id, "id"),
	F(struct rndis_query_complete, status, "status"),
	F(struct rndis_query_complete, bytes, "bytes"),
	F(struct rndis_query_complete, offset, "offset"),
	END,
};

static const struct fault_field rndis_status[] = {
	F(struct rndis_status_complete, h.type, "type"),
	F(struct rndis_status_complete, h.len, "length"),
	F(struct rndis_status_complete, id, "id"),
	F(struct rndis_status_complete, status, "status"),
	END,
};

static const struct fault_field rndis_reset[] = {
	F(struct rndis_reset_complete, h.type, "type"),
	F(struct rndis_reset_complete, h.len, "length"),
	F(struct rndis_reset_complete, status, "status"),
	END,
};

static const struct fault_field rndis_indication[] = {
	F(struct rndis_indicate, h.type, "type"),
	F(struct rndis_indicate, h.len, "length"),
	F(struct rndis_indicate, status, "indication"),
	F(struct rndis_indicate, bytes, "bytes"),
	F(struct rndis_indicate, offset, "offset"),
	END,
};

static const struct fault_field rndis_data[] = {
	F(struct rndis_packet, h.type, "type"),
	F(struct rndis_packet, h.len, "length"),
	F(struct rndis_packet, data_offset, "data_offset"),
	F(struct rndis_packet, data_bytes, "data_bytes"),
	F(struct rndis_packet, ppi_offset, "ppi_offset"),
	F(struct rndis_packet, ppi_bytes, "ppi_bytes"),
	END,
};

static const struct fault_field rndis_info[] = {
	F(struct rndis_ppi, size, "size"),
	F(struct rndis_ppi, type, "type"),
	F(struct rndis_ppi, offset, "offset"),
	F(struct rndis_ppi, value, "value"),
	END,
};

static const struct fault_field vf_association[] = {
	F(struct nvsp_vf_association, type, "type"),
	F(struct nvsp_vf_association, allocated, "allocated"),
	F(struct nvsp_vf_association, serial, "serial"),
	END,
};

static const struct fault_field vpci_header[] = {
	F(struct vpci_header, type, "type"),
	END,
};

static const struct fault_field vpci_status[] = {
	F(struct vpci_status, status, "status"),
	END,
};

static const struct fault_field vpci_version[] = {
	F(struct vpci_version_answer, status, "status"),
	F(struct vpci_version_answer, version, "version"),
	END,
};

static const struct fault_field vpci_relations[] = {
	F(struct vpci_relations, type, "type"),
	F(struct vpci_relations, n, "count"),
	F(struct vpci_relations, function[0].vendor, "vendor"),
	F(struct vpci_relations, function[0].device, "device"),
	F(struct vpci_relations, function[0].class, "class"),
	F(struct vpci_relations, function[0].slot, "slot"),
	F(struct vpci_relations, function[0].serial, "serial"),
	F(struct vpci_relations, function[0].flags, "flags"),
	F(struct vpci_relations, function[0].node, "node"),
	END,
};

static const struct fault_field vpci_requirements[] = {
	F(struct vpci_requirements_answer, status, "status"),
	F(struct vpci_requirements_answer, bar[0], "bar0"),
	F(struct vpci_requirements_answer, bar[1], "bar1"),
	F(struct vpci_requirements_answer, bar[2], "bar2"),
	END,
};

static const struct fault_field vpci_interrupt[] = {
	F(struct vpci_interrupt_answer, status, "status"),
	F(struct vpci_interrupt_answer, interrupt.n_vectors, "vectors"),
	F(struct vpci_interrupt_answer, interrupt.data, "data"),
	F(struct vpci_interrupt_answer, interrupt.address, "address"),
	END,
};

static const struct fault_field vpci_power[] = {
	F(struct vpci_power_answer, status, "status"),
	F(struct vpci_power_answer, slot, "slot"),
	F(struct vpci_power_answer, state, "state"),
	END,
};

static const struct fault_field vpci_slot[] = {
	F(struct vpci_slot, type, "type"),
	F(struct vpci_slot, slot, "slot"),
	END,
};

static const struct fault_field vpci_invalidate[] = {
	F(struct vpci_invalidate, type, "type"),
	F(struct vpci_invalidate, slot, "slot"),
	F(struct vpci_invalidate, mask, "mask"),
	END,
};

static const struct fault_field synic_message[] = {
	{ .name = "type", .offset = 0, .size = 4 },
	{ .name = "size", .offset = 4, .size = 1 },
	{ .name = "port", .offset = 8, .size = 8 },
	END,
};

const struct fault_point_info fault_points[FAULT_POINTS] = {
	[FAULT_HYPERCALL_POST_MESSAGE] = { "hypercall.post_message",
		"the guest posts a message; drop: accepted and lost", DROP | STATUS, NULL },
	[FAULT_HYPERCALL_SIGNAL_EVENT] = { "hypercall.signal_event",
		"the guest signals a connection that has no doorbell", DROP | STATUS, NULL },
	[FAULT_HYPERCALL_RETARGET] = { "hypercall.retarget",
		"the guest moves a device interrupt", DROP | STATUS, NULL },
	[FAULT_SYNIC_POST] = { "synic.post",
		"a message goes into the guest's message page",
		DROP | CORRUPT | DUPLICATE, synic_message },
	[FAULT_SYNIC_SIGNAL] = { "synic.signal",
		"an event flag is set in the guest; drop: neither flag nor interrupt",
		DROP | DUPLICATE, NULL },

	[FAULT_VMBUS_VERSION_RESPONSE] = { "vmbus.version_response",
		"answer to InitiateContact", MESSAGE, version_response },
	[FAULT_VMBUS_OFFER] = { "vmbus.offer",
		"a channel is offered", MESSAGE | RESCIND, offer },
	[FAULT_VMBUS_ALL_OFFERS] = { "vmbus.all_offers",
		"end of the boot-time offers", MESSAGE, header },
	[FAULT_VMBUS_OPEN_RESULT] = { "vmbus.open_result",
		"answer to OpenChannel", MESSAGE | STATUS | RESCIND, open_result },
	[FAULT_VMBUS_GPADL_CREATED] = { "vmbus.gpadl_created",
		"answer to a GPADL header and its bodies", MESSAGE | STATUS | RESCIND,
		gpadl_created },
	[FAULT_VMBUS_GPADL_TORNDOWN] = { "vmbus.gpadl_torndown",
		"answer to a GPADL teardown", MESSAGE | RESCIND, gpadl_torndown },
	[FAULT_VMBUS_MODIFY_RESPONSE] = { "vmbus.modify_response",
		"answer to ModifyChannel (5.3 and later)", MESSAGE | STATUS, modify_response },
	[FAULT_VMBUS_RESCIND] = { "vmbus.rescind",
		"an offer is taken back", MESSAGE, relid },
	[FAULT_VMBUS_UNLOAD_RESPONSE] = { "vmbus.unload_response",
		"answer to Unload", MESSAGE, header },
	[FAULT_VMBUS_RECEIVE] = { "vmbus.receive",
		"a control message of the guest, before it takes effect", DROP | DELAY | CORRUPT,
		header },

	[FAULT_RING_DOORBELL] = { "ring.doorbell",
		"the guest signals a channel; drop: not noticed", DROP | DELAY | RESCIND, NULL },
	[FAULT_RING_READ] = { "ring.read",
		"a packet of the guest is read; drop: skipped unseen; delay: the host stalls",
		DROP | DELAY | RESCIND, NULL },
	[FAULT_RING_READ_INDEX] = { "ring.read_index",
		"the read index of guest-to-host is published", DROP | CORRUPT, index_word },
	[FAULT_RING_WRITE] = { "ring.write",
		"a packet goes into host-to-guest; fields of its descriptor",
		DROP | CORRUPT | DUPLICATE | RESCIND, descriptor },
	[FAULT_RING_WRITE_INDEX] = { "ring.write_index",
		"the write index of host-to-guest is published", DROP | CORRUPT, index_word },
	[FAULT_RING_SIGNAL] = { "ring.signal",
		"the guest is interrupted for a channel", DROP | DELAY | DUPLICATE, NULL },

	[FAULT_NETVSP_INIT] = { "netvsp.init",
		"answer to an NVSP version", MESSAGE | STATUS | RESCIND, init_complete },
	[FAULT_NETVSP_SEND_RECV_BUF] = { "netvsp.send_recv_buf",
		"answer to the receive buffer", MESSAGE | STATUS | RESCIND, recv_buf },
	[FAULT_NETVSP_SEND_SEND_BUF] = { "netvsp.send_send_buf",
		"answer to the send buffer", MESSAGE | STATUS | RESCIND, send_buf },
	[FAULT_NETVSP_SUBCHANNEL] = { "netvsp.subchannel",
		"answer to the request for sub-channels", MESSAGE | STATUS | RESCIND, subchannel },
	[FAULT_NETVSP_SEND_TABLE] = { "netvsp.send_table",
		"the send indirection table", MESSAGE, send_table },
	[FAULT_NETVSP_TX_COMPLETE] = { "netvsp.tx_complete",
		"completion of a data packet of the guest", DROP | STATUS | CORRUPT | DUPLICATE,
		tx_complete },
	[FAULT_NETVSP_RECEIVE] = { "netvsp.receive",
		"a transfer page packet goes to the guest; drop: its sections stay free",
		DROP | CORRUPT | RESCIND, transfer },
	[FAULT_NETVSP_RANGE] = { "netvsp.range",
		"one range of a transfer page packet", CORRUPT, range },
	[FAULT_NETVSP_RELEASE] = { "netvsp.release",
		"the guest completes a transfer page packet; drop: its sections stay taken", DROP,
		NULL },
	[FAULT_NETVSP_VF_ASSOCIATION] = { "netvsp.vf_association",
		"the guest is told that a VF has come or gone", MESSAGE | RESCIND,
		vf_association },
	[FAULT_NETVSP_SWITCH] = { "netvsp.switch_data_path",
		"completion of a switch of the data path", DROP | DELAY | DUPLICATE | RESCIND,
		NULL },

	[FAULT_RNDIS_INIT_COMPLETE] = { "rndis.init_complete",
		"answer to RNDIS INITIALIZE", MESSAGE | STATUS | RESCIND, rndis_init },
	[FAULT_RNDIS_QUERY_COMPLETE] = { "rndis.query_complete",
		"answer to an OID query", MESSAGE | STATUS | RESCIND, rndis_query },
	[FAULT_RNDIS_SET_COMPLETE] = { "rndis.set_complete",
		"answer to an OID set", MESSAGE | STATUS | RESCIND, rndis_status },
	[FAULT_RNDIS_KEEPALIVE_COMPLETE] = { "rndis.keepalive_complete",
		"answer to a keepalive", MESSAGE | STATUS, rndis_status },
	[FAULT_RNDIS_RESET_COMPLETE] = { "rndis.reset_complete",
		"answer to a reset", MESSAGE | STATUS, rndis_reset },
	[FAULT_RNDIS_INDICATE] = { "rndis.indicate",
		"a status indication (link change)", MESSAGE, rndis_indication },
	[FAULT_RNDIS_PACKET] = { "rndis.packet",
		"header of one received frame", CORRUPT, rndis_data },
	[FAULT_RNDIS_PPI] = { "rndis.ppi",
		"one per-packet info of a received frame", CORRUPT, rndis_info },

	[FAULT_VPCI_RECEIVE] = { "vpci.receive",
		"a message of the guest, before it takes effect", DROP | DELAY | CORRUPT | RESCIND,
		vpci_header },
	[FAULT_VPCI_VERSION] = { "vpci.version",
		"answer to a vPCI version", MESSAGE | STATUS | RESCIND, vpci_version },
	[FAULT_VPCI_RELATIONS] = { "vpci.relations",
		"the guest is told what is on the bus", MESSAGE | RESCIND, vpci_relations },
	[FAULT_VPCI_REQUIREMENTS] = { "vpci.requirements",
		"answer to the query for BARs", MESSAGE | STATUS | RESCIND, vpci_requirements },
	[FAULT_VPCI_D0_ENTRY] = { "vpci.d0_entry",
		"answer to D0 ENTRY", MESSAGE | STATUS | RESCIND, vpci_status },
	[FAULT_VPCI_D0_EXIT] = { "vpci.d0_exit",
		"answer to D0 EXIT", MESSAGE | STATUS | RESCIND, vpci_status },
	[FAULT_VPCI_ASSIGNED] = { "vpci.assigned",
		"answer to the resources that the guest assigned", MESSAGE | STATUS | RESCIND,
		vpci_status },
	[FAULT_VPCI_INTERRUPT] = { "vpci.interrupt",
		"answer to the request for an interrupt", MESSAGE | STATUS | RESCIND,
		vpci_interrupt },
	[FAULT_VPCI_POWER] = { "vpci.power",
		"answer to a change of power", MESSAGE | STATUS | RESCIND, vpci_power },
	[FAULT_VPCI_EJECT] = { "vpci.eject",
		"the guest is asked to let go of a function", MESSAGE | RESCIND, vpci_slot },
	[FAULT_VPCI_READ_BLOCK] = { "vpci.read_block",
		"answer to a read of a configuration block", MESSAGE | STATUS | RESCIND,
		vpci_status },
	[FAULT_VPCI_WRITE_BLOCK] = { "vpci.write_block",
		"answer to a write of a configuration block", MESSAGE | STATUS | RESCIND,
		vpci_status },
	[FAULT_VPCI_INVALIDATE] = { "vpci.invalidate",
		"configuration blocks are invalidated", MESSAGE | RESCIND, vpci_invalidate },
	[FAULT_VPCI_MSI] = { "vpci.msi",
		"a function behind vPCI interrupts", DROP | DUPLICATE, NULL },
};
