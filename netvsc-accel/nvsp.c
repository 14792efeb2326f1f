// SPDX-License-Identifier: GPL-2.0
/*
 * NVSP: agree on a version, hand over the buffers, ask for sub-channels, hear what the host tells.
 */
#include "../compat/net_gpadl.h"
#include "device.h"
#include "rndis_parse.h"

/* Newest first. */
static const u32 versions[] = {
	NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5,
	NVSP_VERSION_4, NVSP_VERSION_2, NVSP_VERSION_1,
};

static int negotiate(struct nva_device *dev, u32 version)
{
	union nvsp_message message = {
		.init = {
			.type = cpu_to_le32(NVSP_INIT),
			.version_min = cpu_to_le32(version),
			.version_max = cpu_to_le32(version),
		},
	}, reply;
	u32 ranges;
	int err;

	err = nva_ctl_request(dev, &message, NVSP_INIT_COMPLETE, &reply,
			      sizeof(reply.init_complete));
	if (err)
		return err;
	if (le32_to_cpu(reply.init_complete.status) != NVSP_STATUS_SUCCESS)
		return -EOPNOTSUPP;
	ranges = le32_to_cpu(reply.init_complete.max_mdl_chain);
	/* a header and one page of data is the least that makes sense; hosts say 34 */
	dev->max_ranges = ranges < 2 ? NVA_TX_RANGES : min_t(u32, ranges, NVA_TX_RANGES);
	return 0;
}

/**
 * nva_nvsp_connect() - agree on the protocol
 * @dev: NIC, primary channel open
 * @mtu: frames without Ethernet header up to this will be received
 *
 * Context: process.
 * Return: 0, -EPROTO when no version suits both, else as nva_ctl_request().
 */
int nva_nvsp_connect(struct nva_device *dev, u32 mtu)
{
	union nvsp_message message = {};
	u64 capabilities = NVSP_CAP_8021Q;
	int err = -EPROTO;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(versions); i++) {
		err = negotiate(dev, versions[i]);
		if (err != -EOPNOTSUPP)
			break;
	}
	if (err)
		return err == -EOPNOTSUPP ? -EPROTO : err;
	dev->version = versions[i];

	if (dev->version >= NVSP_VERSION_2) {
		/* teaming is what makes the host tell of speed changes */
		if (dev->version >= NVSP_VERSION_5)
			capabilities |= NVSP_CAP_TEAMING;
		if (dev->version >= NVSP_VERSION_VF)
			capabilities |= NVSP_CAP_SRIOV;
		if (dev->version >= NVSP_VERSION_61)
			capabilities |= NVSP_CAP_RSC;
		message.ndis_config.type = cpu_to_le32(NVSP_SEND_NDIS_CONFIG);
		message.ndis_config.mtu = cpu_to_le32(mtu + ETH_HLEN);
		message.ndis_config.capabilities = cpu_to_le64(capabilities);
		err = nva_ctl_notify(dev, &message);
		if (err)
			return err;
	}

	message = (union nvsp_message) {};
	message.ndis_version.type = cpu_to_le32(NVSP_SEND_NDIS_VERSION);
	dev->ndis = 6 << 16 | (dev->version <= NVSP_VERSION_4 ? 1 : 30);
	message.ndis_version.major = cpu_to_le32(dev->ndis >> 16);
	message.ndis_version.minor = cpu_to_le32(dev->ndis & 0xffff);
	return nva_ctl_notify(dev, &message);
}

static int share(struct nva_device *dev, struct nva_buffer *buffer, u32 size)
{
	int err;

	if (!buffer->at) {
		buffer->size = PAGE_ALIGN(size);
		buffer->at = vmbus_alloc_buffer(dev->chan, buffer->size, &buffer->chunks,
						&buffer->n_chunks);
	}
	if (!buffer->at)
		return -ENOMEM;
	err = vmbus_establish_gpadl_caller_decrypted(dev->chan, buffer->at, buffer->size,
						     &buffer->gpadl);
	if (err)
		buffer->gpadl.gpadl_handle = 0;
	return err;
}

static void unshare(struct nva_device *dev, struct nva_buffer *buffer)
{
	int err = 0;

	if (!buffer->at)
		return;
	if (buffer->gpadl.gpadl_handle)
		err = vmbus_teardown_gpadl(dev->chan, &buffer->gpadl);
	if (err || buffer->gpadl.decrypted)
		nva_fault(dev, NVA_SHARED_LEAK);
	else if (buffer->pages)
		nva_zc_free(buffer);
	else
		vmbus_free_buffer(buffer->at, buffer->chunks, buffer->n_chunks);
	*buffer = (struct nva_buffer) {};
}

static int announce(struct nva_device *dev, struct nva_buffer *buffer, u32 type, u16 id,
		    union nvsp_message *reply, u32 least)
{
	union nvsp_message message = {
		.buffer = {
			.type = cpu_to_le32(type),
			.gpadl = cpu_to_le32(buffer->gpadl.gpadl_handle),
			.id = cpu_to_le16(id),
		},
	};

	/* also when the answer is lost the host may have taken it */
	buffer->announced = true;
	return nva_ctl_request(dev, &message, type + 1, reply, least);
}

/**
 * nva_nvsp_buffers() - share receive and send buffer with the host
 * @dev: NIC, connected, without buffers
 * @config: how large they are to be
 *
 * The size of a section is the host's decision. What it answers is believed only where it lies
 * inside the buffers.
 *
 * Context: process. The bus waits for the host inside, without deadline; a rescind ends it.
 * Return: 0, -ENOMEM, -EPROTO when the host's division makes no sense, -EIO when it takes no
 * buffers, else as nva_ctl_request(). On error nva_nvsp_revoke() and nva_nvsp_free() clean up.
 */
int nva_nvsp_buffers(struct nva_device *dev, const struct nva_config *config)
{
	u32 limit = dev->version <= NVSP_VERSION_2 ? NVSP_RECV_BUF_MAX_V2 : NVSP_RECV_BUF_MAX;
	const struct nvsp_recv_section *section;
	union nvsp_message reply;
	int err;

	if (config->zero_copy && nva_zc_possible(dev->queue[0]) &&
	    nva_zc_buffer(&dev->recv, PAGE_ALIGN(min(config->recv_bytes, limit)),
			  cpu_to_node(dev->queue[0]->cpu)))
		netdev_notice(dev->ndev, "no memory for zero copy, frames are copied\n");
	err = share(dev, &dev->recv, min(config->recv_bytes, limit));
	if (err)
		return err;
	err = announce(dev, &dev->recv, NVSP_SEND_RECV_BUF, NVSP_RECV_BUF_ID, &reply,
		       sizeof(reply.recv_buf_complete));
	if (err)
		return err;
	if (le32_to_cpu(reply.recv_buf_complete.status) != NVSP_STATUS_SUCCESS)
		return -EIO;
	section = &reply.recv_buf_complete.section;
	dev->recv_section = le32_to_cpu(section->sub_alloc_size);
	dev->recv_sections = le32_to_cpu(section->num_sub_allocs);
	if (le32_to_cpu(reply.recv_buf_complete.num_sections) != 1 || section->offset ||
	    dev->recv_section < NVA_SECTION_MIN || !dev->recv_sections ||
	    (u64)dev->recv_section * dev->recv_sections > dev->recv.size)
		goto nonsense;

	err = share(dev, &dev->send, min(config->send_bytes, NVSP_SEND_BUF_MAX));
	if (err)
		return err;
	err = announce(dev, &dev->send, NVSP_SEND_SEND_BUF, NVSP_SEND_BUF_ID, &reply,
		       sizeof(reply.send_buf_complete));
	if (err)
		return err;
	if (le32_to_cpu(reply.send_buf_complete.status) != NVSP_STATUS_SUCCESS)
		return -EIO;
	dev->send_section = le32_to_cpu(reply.send_buf_complete.section_size);
	if (dev->send_section < NVA_SECTION_MIN || dev->send_section > dev->send.size)
		goto nonsense;
	dev->send_sections = dev->send.size / dev->send_section;
	return 0;

nonsense:
	dev->recv_section = 0;
	dev->send_section = 0;
	nva_fault(dev, NVA_CTL_BAD_ANSWER);
	return -EPROTO;
}

/**
 * nva_nvsp_revoke() - tell the host that the buffers go
 * @dev: NIC, channels still open
 *
 * Context: process.
 */
void nva_nvsp_revoke(struct nva_device *dev)
{
	union nvsp_message message = {};

	if (dev->recv.announced) {
		message.revoke.type = cpu_to_le32(NVSP_REVOKE_RECV_BUF);
		message.revoke.id = cpu_to_le16(NVSP_RECV_BUF_ID);
		nva_ctl_notify(dev, &message);
		dev->recv.announced = false;
	}
	if (dev->send.announced) {
		message.revoke.type = cpu_to_le32(NVSP_REVOKE_SEND_BUF);
		message.revoke.id = cpu_to_le16(NVSP_SEND_BUF_ID);
		nva_ctl_notify(dev, &message);
		dev->send.announced = false;
	}
}

/**
 * nva_nvsp_free() - take the buffers back
 * @dev: NIC, channels closed
 *
 * Memory that the host does not give back is kept from the allocator for good.
 *
 * Context: process. The bus waits for the host inside, without deadline; a rescind ends it.
 */
void nva_nvsp_free(struct nva_device *dev)
{
	unshare(dev, &dev->recv);
	unshare(dev, &dev->send);
}

/**
 * nva_nvsp_subchannels() - ask for more channels
 * @dev: NIC, connected with version 5 or newer
 * @want: sub-channels, at least 1
 *
 * The offers come through nva_subchannel(), perhaps before this returns.
 *
 * Context: process.
 * Return: how many the host will offer, at most @want; 0 when it refuses; else as
 * nva_ctl_request().
 */
int nva_nvsp_subchannels(struct nva_device *dev, u32 want)
{
	union nvsp_message message = {
		.subchannel = {
			.type = cpu_to_le32(NVSP_SUBCHANNEL),
			.operation = cpu_to_le32(NVSP_SUBCHANNEL_ALLOCATE),
			.count = cpu_to_le32(want),
		},
	}, reply;
	u32 count;
	int err;

	err = nva_ctl_request(dev, &message, NVSP_SUBCHANNEL, &reply, sizeof(reply.subchannel));
	if (err)
		return err;
	if (le32_to_cpu(reply.subchannel.operation) != NVSP_STATUS_SUCCESS)
		return 0;
	count = le32_to_cpu(reply.subchannel.count);
	if (count > want) {
		nva_fault(dev, NVA_BAD_SUBCHANNEL);
		count = want;
	}
	return count;
}

/*
 * The table says to which channel each of 16 classes of flows is to be sent. One that names 16
 * channels, or all there are, is the host's ordinary spread and no restriction.
 */
static void receive_table(struct nva_device *dev, const void *message, u32 length)
{
	u32 count, offset, i, channels = READ_ONCE(dev->n_live);
	DECLARE_BITMAP(named, NVA_CHANNELS_MAX) = {};
	u16 table[NVSP_INDIRECTION_COUNT];

	if (length < sizeof(struct nvsp_indirection))
		goto malformed;
	count = rndis_shared_u32(message + offsetof(struct nvsp_indirection, count));
	offset = rndis_shared_u32(message + offsetof(struct nvsp_indirection, offset));
	if (count != NVSP_INDIRECTION_COUNT)
		goto malformed;
	/*
	 * Up to version 6 some hosts count the offset from elsewhere. What they send is the largest
	 * message of that version, 40 bytes, and the table behind it.
	 */
	if (dev->version <= NVSP_VERSION_6 && length >= NVSP_MESSAGE_SIZE + sizeof(__le32) * count)
		offset = NVSP_MESSAGE_SIZE;
	if (length < sizeof(__le32) * count || offset > length - sizeof(__le32) * count)
		goto malformed;
	for (i = 0; i < count; i++) {
		u32 channel = rndis_shared_u32(message + offset + sizeof(__le32) * i);

		if (channel >= NVA_CHANNELS_MAX)
			goto malformed;
		table[i] = channel;
		if (channel < channels)
			__set_bit(channel, named);
	}
	for (i = 0; i < count; i++)
		WRITE_ONCE(dev->tx_table[i], table[i]);
	count = bitmap_weight(named, NVA_CHANNELS_MAX);
	WRITE_ONCE(dev->tx_restricted,
		   count && count < min_t(u32, channels, NVSP_INDIRECTION_COUNT));
	return;

malformed:
	nva_fault(dev, NVA_BAD_SEND_TABLE);
}

/**
 * nva_nvsp_receive() - a message came in-band
 * @q: queue on whose channel it came
 * @packet: VM_PKT_DATA_INBAND
 *
 * Context: NAPI.
 */
void nva_nvsp_receive(struct nva_queue *q, const struct hva_packet *packet)
{
	struct nva_device *dev = q->dev;

	if (packet->len < sizeof(__le32)) {
		nva_fault(dev, NVA_BAD_MESSAGE);
		return;
	}
	switch (rndis_shared_u32(packet->payload)) {
	case NVSP_SEND_INDIRECTION_TABLE:
		receive_table(dev, packet->payload, packet->len);
		break;
	case NVSP_VF_ASSOCIATION:
		nva_vf_association(dev, packet->payload, packet->len);
		break;
	default:
		nva_fault(dev, NVA_BAD_MESSAGE);
		break;
	}
}
