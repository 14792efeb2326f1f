// SPDX-License-Identifier: GPL-2.0
/* Receive side scaling. The hash is the one of Microsoft's "RSS Hashing Functions" (NDIS). */
#include <netinet/in.h>
#include <string.h>

#include "offload.h"
#include "wire.h"

/* The key of the published verification suite; it spreads well, and results can be checked. */
static const uint8_t default_key[RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

void rss_set_key(struct rss *rss, const uint8_t key[RSS_KEY_LEN])
{
	memcpy(rss->key, key ? key : default_key, RSS_KEY_LEN);
	for (unsigned int i = 0; i < RSS_KEY_LEN - 4; i++) {
		/* 40 bits of key: bit j of input byte i lets 32 of them in, starting at j. */
		uint64_t window = (uint64_t)wire_get32(rss->key + i) << 8 | rss->key[i + 4];

		for (unsigned int v = 0; v < 256; v++) {
			uint32_t sum = 0;

			for (unsigned int j = 0; j < 8; j++)
				if (v & (0x80u >> j))
					sum ^= (uint32_t)(window >> (8 - j));
			rss->part[i][v] = sum;
		}
	}
}

void rss_set_default(struct rss *rss, unsigned int queues)
{
	rss->types = RSS_HASH_ALL;
	rss->n_table = RSS_TABLE_MAX;
	for (unsigned int i = 0; i < RSS_TABLE_MAX; i++)
		rss->table[i] = i % queues;
	rss_set_key(rss, NULL);
}

uint32_t rss_toeplitz(const struct rss *rss, const uint8_t *data, size_t len)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < len && i < RSS_KEY_LEN - 4; i++)
		hash ^= rss->part[i][data[i]];
	return hash;
}

uint32_t rss_hash(const struct rss *rss, const struct offload_headers *h, uint32_t *type)
{
	uint32_t tcp = h->l3 == 4 ? RSS_HASH_TCP_IPV4 : RSS_HASH_TCP_IPV6;
	uint32_t udp = h->l3 == 4 ? RSS_HASH_UDP_IPV4 : RSS_HASH_UDP_IPV6;
	uint32_t ip = h->l3 == 4 ? RSS_HASH_IPV4 : RSS_HASH_IPV6;
	uint32_t ports = h->l4 == IPPROTO_TCP ? tcp : h->l4 == IPPROTO_UDP ? udp : 0;
	size_t size = h->l3 == 4 ? 8 : 32;
	uint8_t input[36];

	*type = 0;
	if (!h->l3)
		return 0;
	memcpy(input, h->bytes + h->l3_off + (h->l3 == 4 ? IP4_SRC : IP6_SRC), size);
	if (rss->types & ports) {
		memcpy(input + size, h->bytes + h->l4_off, 4);
		size += 4;
		*type = ports;
	} else if (rss->types & ip) {
		*type = ip;
	} else {
		return 0;
	}
	return rss_toeplitz(rss, input, size);
}
