// SPDX-License-Identifier: GPL-2.0
/*
 * RNDIS control: what the NIC is, what it may offload, what it lets through, whether it has a
 * link.
 */
#include <linux/ucs2_string.h>

#include "device.h"
#include "rndis_parse.h"

/* The protocol's only version, and the transfer size every guest asks for. */
#define RNDIS_MAJOR		1
#define RNDIS_MINOR		0
#define RNDIS_MAX_TRANSFER	0x4000

static int initialize(struct nva_device *dev)
{
	const struct rndis_initialize_complete *reply = (void *)dev->ctl.rndis;
	struct rndis_initialize *request;
	u32 alignment;
	int err;

	request = nva_ctl_rndis_begin(dev, RNDIS_INITIALIZE, sizeof(*request));
	request->major = cpu_to_le32(RNDIS_MAJOR);
	request->minor = cpu_to_le32(RNDIS_MINOR);
	request->max_transfer = cpu_to_le32(RNDIS_MAX_TRANSFER);
	err = nva_ctl_rndis_exchange(dev);
	if (!err && dev->ctl.rndis_length < sizeof(*reply)) {
		nva_fault(dev, NVA_CTL_BAD_ANSWER);
		err = -EPROTO;
	} else if (!err && le32_to_cpu(reply->status) != RNDIS_SUCCESS) {
		err = -EIO;
	} else if (!err) {
		/* bounded by what fits into a section anyway */
		dev->batch_max = clamp_t(u32, le32_to_cpu(reply->max_packets), 1, 64);
		alignment = le32_to_cpu(reply->alignment);
		if (alignment > 8)
			dev->batch_max = 1;
		dev->batch_align = 1u << clamp_t(u32, alignment, 2, 8);
	}
	nva_ctl_rndis_end(dev);
	return err;
}

/*
 * Asks for @oid with @info_length bytes from @answer as argument. Returns the bytes put into
 * @answer, at most @room.
 */
static int query(struct nva_device *dev, u32 oid, void *answer, u32 info_length, u32 room)
{
	const struct rndis_query_complete *reply = (void *)dev->ctl.rndis;
	struct rndis_request *request;
	const void *info;
	u32 bytes = 0;
	int err;

	request = nva_ctl_rndis_begin(dev, RNDIS_QUERY, sizeof(*request) + info_length);
	request->oid = cpu_to_le32(oid);
	request->info_length = cpu_to_le32(info_length);
	request->info_offset = cpu_to_le32(sizeof(*request) - sizeof(request->hdr));
	memcpy(request + 1, answer, info_length);
	err = nva_ctl_rndis_exchange(dev);
	if (!err && dev->ctl.rndis_length < sizeof(*reply)) {
		nva_fault(dev, NVA_CTL_BAD_ANSWER);
		err = -EPROTO;
	} else if (!err && le32_to_cpu(reply->status) != RNDIS_SUCCESS) {
		err = -EOPNOTSUPP;
	} else if (!err) {
		bytes = le32_to_cpu(reply->info_length);
		info = rndis_parse_info(reply, dev->ctl.rndis_length, sizeof(*reply),
					le32_to_cpu(reply->info_offset), bytes);
		if (!info || bytes > room) {
			nva_fault(dev, NVA_CTL_BAD_ANSWER);
			err = -EPROTO;
		} else {
			memcpy(answer, info, bytes);
		}
	}
	nva_ctl_rndis_end(dev);
	return err ?: (int)bytes;
}

static int query_u32(struct nva_device *dev, u32 oid, u32 *value)
{
	__le32 answer;
	int bytes;

	bytes = query(dev, oid, &answer, 0, sizeof(answer));
	if (bytes < 0)
		return bytes;
	if (bytes != sizeof(answer)) {
		nva_fault(dev, NVA_CTL_BAD_ANSWER);
		return -EPROTO;
	}
	*value = le32_to_cpu(answer);
	return 0;
}

/**
 * nva_rndis_set() - set a property of the NIC
 * @dev: NIC, connected
 * @oid: OID_*
 * @info: value
 * @length: its bytes, at most 2048
 *
 * Context: process, sleeps until the host answered or NVA_CTL_DEADLINE.
 * Return: 0, -EINVAL when the host refuses, -EPROTO for an answer that makes no sense, else as
 * nva_ctl_rndis_exchange().
 */
int nva_rndis_set(struct nva_device *dev, u32 oid, const void *info, u32 length)
{
	const struct rndis_set_complete *reply = (void *)dev->ctl.rndis;
	struct rndis_request *request;
	int err;

	request = nva_ctl_rndis_begin(dev, RNDIS_SET, sizeof(*request) + length);
	request->oid = cpu_to_le32(oid);
	request->info_length = cpu_to_le32(length);
	request->info_offset = cpu_to_le32(sizeof(*request) - sizeof(request->hdr));
	memcpy(request + 1, info, length);
	err = nva_ctl_rndis_exchange(dev);
	if (!err && dev->ctl.rndis_length < sizeof(*reply))
		err = -EPROTO;
	else if (!err && le32_to_cpu(reply->status) != RNDIS_SUCCESS)
		err = -EINVAL;
	nva_ctl_rndis_end(dev);
	return err;
}

#define TCP_CSUM_CAPS	(NDIS_CSUM_TCP | NDIS_CSUM_TCP_OPTIONS)
#define TCP6_CSUM_CAPS	(TCP_CSUM_CAPS | NDIS_CSUM_OPTIONS)

/*
 * What the host offloads, in the stack's terms. A host that does not answer this offloads nothing.
 */
static int query_offload(struct nva_device *dev)
{
	struct ndis_offload caps = { .hdr = { .type = NDIS_TYPE_OFFLOAD } };
	netdev_features_t features = NETIF_F_SG | NETIF_F_RXCSUM | NETIF_F_RXHASH;
	u32 size, ip4, ip6, tso_max = GSO_LEGACY_MAX_SIZE;
	int bytes;

	if (dev->version >= NVSP_VERSION_5) {
		caps.hdr.revision = 3;
		size = sizeof(caps);
	} else if (dev->version >= NVSP_VERSION_4) {
		caps.hdr.revision = 2;
		size = offsetof(struct ndis_offload, rsc_ip4);
	} else {
		caps.hdr.revision = 1;
		size = offsetof(struct ndis_offload, ipsec2);
	}
	caps.hdr.size = cpu_to_le16(size);
	bytes = query(dev, OID_OFFLOAD_CAPABILITIES, &caps, size, sizeof(caps));
	if (bytes < 0 && bytes != -EOPNOTSUPP)
		return bytes;
	if (bytes >= 0 && (bytes < (int)offsetof(struct ndis_offload, ipsec2) ||
			   caps.hdr.type != NDIS_TYPE_OFFLOAD || !caps.hdr.revision ||
			   le16_to_cpu(caps.hdr.size) > bytes)) {
		nva_fault(dev, NVA_CTL_BAD_ANSWER);
		return -EPROTO;
	}
	if (bytes < 0)
		caps = (struct ndis_offload) {};
	else
		memset((u8 *)&caps + bytes, 0, sizeof(caps) - bytes);

	dev->offload_revision = caps.hdr.revision;
	dev->csum_udp4 = false;
	dev->csum_udp6 = false;
	ip4 = le32_to_cpu(caps.csum.ip4_tx);
	ip6 = le32_to_cpu(caps.csum.ip6_tx);
	if ((ip4 & TCP_CSUM_CAPS) == TCP_CSUM_CAPS) {
		features |= NETIF_F_IP_CSUM;
		dev->csum_udp4 = ip4 & NDIS_CSUM_UDP && dev->version > NVSP_VERSION_4;
		if (le32_to_cpu(caps.lso2.ip4_encap) & NDIS_ENCAP_8023) {
			features |= NETIF_F_TSO;
			tso_max = min(tso_max, le32_to_cpu(caps.lso2.ip4_max));
		}
	}
	if ((ip6 & TCP6_CSUM_CAPS) == TCP6_CSUM_CAPS) {
		features |= NETIF_F_IPV6_CSUM;
		dev->csum_udp6 = ip6 & NDIS_CSUM_UDP && dev->version > NVSP_VERSION_4;
		if (le32_to_cpu(caps.lso2.ip6_encap) & NDIS_ENCAP_8023 &&
		    (le32_to_cpu(caps.lso2.ip6_options) & NDIS_LSO6_OPTIONS) == NDIS_LSO6_OPTIONS) {
			features |= NETIF_F_TSO6;
			tso_max = min(tso_max, le32_to_cpu(caps.lso2.ip6_max));
		}
	}
	if (caps.rsc_ip4 && caps.rsc_ip6)
		features |= NETIF_F_LRO;
	/* below two full frames segmentation offload is none */
	if (tso_max < 2 * ETH_FRAME_LEN) {
		features &= ~(NETIF_F_TSO | NETIF_F_TSO6);
		tso_max = GSO_LEGACY_MAX_SIZE;
	}
	dev->host_features = features;
	dev->tso_max = tso_max;
	return 0;
}

/**
 * nva_rndis_offload() - tell the host what to offload
 * @dev: NIC, connected
 * @features: the stack's
 *
 * Checksums and LSO are switched on whenever the host has them: the guest asks packet by packet.
 * Receive coalescing follows NETIF_F_LRO.
 *
 * Context: process.
 * Return: as nva_rndis_set().
 */
int nva_rndis_offload(struct nva_device *dev, netdev_features_t features)
{
	struct ndis_offload_parameters parameters = {
		.hdr = { .type = NDIS_TYPE_DEFAULT, .revision = 3 },
		.ip4_csum = NDIS_CSUM_OFF,
	};
	u32 size = sizeof(parameters);

	if (dev->version <= NVSP_VERSION_4)
		size = offsetof(struct ndis_offload_parameters, rsc_ip4);
	parameters.hdr.size = cpu_to_le16(size);
	if (dev->host_features & NETIF_F_IP_CSUM)
		parameters.tcp4_csum = NDIS_CSUM_TX_RX_ON;
	if (dev->host_features & NETIF_F_IPV6_CSUM)
		parameters.tcp6_csum = NDIS_CSUM_TX_RX_ON;
	if (dev->csum_udp4)
		parameters.udp4_csum = NDIS_CSUM_TX_RX_ON;
	if (dev->csum_udp6)
		parameters.udp6_csum = NDIS_CSUM_TX_RX_ON;
	if (dev->host_features & NETIF_F_TSO)
		parameters.lso2_ip4 = NDIS_LSO2_ON;
	if (dev->host_features & NETIF_F_TSO6)
		parameters.lso2_ip6 = NDIS_LSO2_ON;
	if (dev->host_features & NETIF_F_LRO) {
		parameters.rsc_ip4 = features & NETIF_F_LRO ? NDIS_RSC_ON : NDIS_RSC_OFF;
		parameters.rsc_ip6 = parameters.rsc_ip4;
	}
	return nva_rndis_set(dev, OID_OFFLOAD_PARAMETERS, &parameters, size);
}

static int query_rss(struct nva_device *dev)
{
	struct ndis_rss_capabilities caps = {
		.hdr = {
			.type = NDIS_TYPE_RSS_CAPABILITIES,
			.revision = 2,
			.size = cpu_to_le16(sizeof(caps)),
		},
	};
	u32 channels = 1, entries = 0;
	int bytes;

	if (dev->version < NVSP_VERSION_5)
		goto known;
	bytes = query(dev, OID_RSS_CAPABILITIES, &caps, sizeof(caps), sizeof(caps));
	if (bytes == -EOPNOTSUPP)
		goto known;
	if (bytes < 0)
		return bytes;
	if (bytes < (int)offsetof(struct ndis_rss_capabilities, table_entries)) {
		nva_fault(dev, NVA_CTL_BAD_ANSWER);
		return -EPROTO;
	}
	if (le32_to_cpu(caps.queues) < 2)
		goto known;
	channels = min_t(u32, le32_to_cpu(caps.queues), NVA_CHANNELS_MAX);
	entries = bytes < (int)sizeof(caps) ? 0 : le16_to_cpu(caps.table_entries);
	if (!entries || entries > NDIS_RSS_TABLE_MAX)
		entries = NDIS_RSS_TABLE_DEFAULT;
known:
	/* once it is known: the stack may be shown the session before this one meanwhile */
	dev->n_channels_max = channels;
	dev->rss_entries = entries;
	return 0;
}

/* The name the administrator of the host gave; shown as ifalias. */
static void query_name(struct nva_device *dev)
{
	ucs2_char_t wide[128] = {};
	int bytes;

	bytes = query(dev, OID_FRIENDLY_NAME, wide, 0, sizeof(wide) - sizeof(*wide));
	if (bytes <= 0)
		return;
	wide[bytes / sizeof(*wide)] = 0;
	ucs2_as_utf8(dev->name, wide, sizeof(dev->name) - 1);
	/* what the host shows when there is none */
	if (!strcmp(dev->name, "Network Adapter"))
		dev->name[0] = 0;
}

/**
 * nva_rndis_connect() - start RNDIS and learn what the NIC is
 * @dev: NIC with buffers
 *
 * Context: process.
 * Return: 0, -EIO when the host refuses, -EPROTO when its answers make no sense, else as
 * nva_ctl_rndis_exchange().
 */
int nva_rndis_connect(struct nva_device *dev)
{
	u32 value;
	int err;

	err = initialize(dev);
	if (err)
		return err;
	dev->rndis_up = true;

	err = query(dev, OID_PERMANENT_ADDRESS, dev->mac, 0, ETH_ALEN);
	if (err < 0)
		return err;
	if (err != ETH_ALEN || !is_valid_ether_addr(dev->mac)) {
		nva_fault(dev, NVA_CTL_BAD_ANSWER);
		return -EPROTO;
	}

	dev->host_mtu = NVA_MTU_MAX;
	err = query_u32(dev, OID_MAXIMUM_FRAME_SIZE, &value);
	if (!err && value >= ETH_MIN_MTU)
		dev->host_mtu = min_t(u32, value, NVA_MTU_MAX);
	else if (err && err != -EOPNOTSUPP)
		return err;

	err = query_offload(dev);
	if (err)
		return err;

	err = query_u32(dev, OID_MEDIA_STATUS, &value);
	if (err && err != -EOPNOTSUPP)
		return err;
	WRITE_ONCE(dev->link_up, err || !value);

	err = query_u32(dev, OID_LINK_SPEED, &value);
	if (!err)
		WRITE_ONCE(dev->link_speed, value);
	else if (err != -EOPNOTSUPP)
		return err;

	query_name(dev);
	return query_rss(dev);
}

/**
 * nva_rndis_halt() - end RNDIS
 * @dev: NIC
 *
 * Context: process. A host that does not take it in time is left alone.
 */
void nva_rndis_halt(struct nva_device *dev)
{
	nva_ctl_rndis_begin(dev, RNDIS_HALT, sizeof(struct rndis_halt));
	nva_ctl_rndis_exchange(dev);
	nva_ctl_rndis_end(dev);
	dev->rndis_up = false;
	dev->filter = 0;
}

/**
 * nva_rndis_filter() - say which frames to receive
 * @dev: NIC, connected
 * @filter: RNDIS_FILTER_* bits, 0 for none
 *
 * Context: process, RTNL or the only user.
 * Return: as nva_rndis_set().
 */
int nva_rndis_filter(struct nva_device *dev, u32 filter)
{
	__le32 value = cpu_to_le32(filter);
	int err;

	err = nva_rndis_set(dev, OID_PACKET_FILTER, &value, sizeof(value));
	if (!err)
		dev->filter = filter;
	return err;
}

/**
 * nva_rndis_mac() - change the NIC's address
 * @dev: NIC, connected
 * @mac: ETH_ALEN bytes
 *
 * Whether a guest may is the host's policy.
 *
 * Context: process.
 * Return: as nva_rndis_set().
 */
int nva_rndis_mac(struct nva_device *dev, const u8 *mac)
{
	static const char name[] = "NetworkAddress";
	struct {
		struct rndis_config_parameter parameter;
		__le16 name[sizeof(name) - 1];
		__le16 value[2 * ETH_ALEN];
	} __packed info = {
		.parameter = {
			.name_offset = cpu_to_le32(sizeof(info.parameter)),
			.name_length = cpu_to_le32(sizeof(info.name)),
			.type = cpu_to_le32(RNDIS_CONFIG_STRING),
			.value_offset = cpu_to_le32(sizeof(info.parameter) + sizeof(info.name)),
			.value_length = cpu_to_le32(sizeof(info.value)),
		},
	};
	char digits[2 * ETH_ALEN + 1];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(info.name); i++)
		info.name[i] = cpu_to_le16(name[i]);
	snprintf(digits, sizeof(digits), "%pm", mac);
	for (i = 0; i < ARRAY_SIZE(info.value); i++)
		info.value[i] = cpu_to_le16(digits[i]);
	return nva_rndis_set(dev, OID_CONFIG_PARAMETER, &info, sizeof(info));
}

/**
 * nva_rndis_indication() - the host reports a change
 * @dev: NIC
 * @message: RNDIS_INDICATE message, shared memory
 * @room: bytes there. Some hosts leave the status buffer out of the length field, so this is the
 *	  room the message has.
 *
 * Context: NAPI.
 */
void nva_rndis_indication(struct nva_device *dev, const void *message, u32 room)
{
	const void *info;
	u32 bytes, offset;

	if (room < sizeof(struct rndis_indicate)) {
		nva_fault(dev, NVA_BAD_INDICATION);
		return;
	}
	switch (rndis_shared_u32(message + offsetof(struct rndis_indicate, status))) {
	case RNDIS_LINK_UP:
		WRITE_ONCE(dev->link_up, true);
		break;
	case RNDIS_LINK_DOWN:
		WRITE_ONCE(dev->link_up, false);
		break;
	case RNDIS_NETWORK_CHANGE:
		WRITE_ONCE(dev->link_flap, true);
		break;
	case RNDIS_LINK_SPEED:
		bytes = rndis_shared_u32(message + offsetof(struct rndis_indicate, info_length));
		offset = rndis_shared_u32(message + offsetof(struct rndis_indicate, info_offset));
		info = rndis_parse_info(message, room, sizeof(struct rndis_indicate), offset,
					bytes);
		if (!info || bytes < sizeof(__le32)) {
			nva_fault(dev, NVA_BAD_INDICATION);
			return;
		}
		WRITE_ONCE(dev->link_speed, rndis_shared_u32(info));
		return;
	default:
		/* among them RNDIS_OFFLOAD_CONFIG, sent in answer to our own setting */
		return;
	}
	if (READ_ONCE(dev->registered) && !READ_ONCE(dev->removing))
		mod_delayed_work(nva_wq, &dev->link_work, 0);
}
