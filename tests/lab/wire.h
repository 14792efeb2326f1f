/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wire.h: offsets of the header fields that offloads and traffic generators touch, and big endian
 * access. Byte offsets rather than structs: headers lie at odd addresses behind VLAN tags.
 * Formats: IEEE 802.3 and 802.1Q, RFC 791, 8200, 793, 768.
 */
#ifndef HVLAB_WIRE_H
#define HVLAB_WIRE_H

#include <stdint.h>

#define ETH_ALEN       6
#define ETH_DST	       0
#define ETH_SRC	       6
#define ETH_TYPE       12
#define ETH_HLEN       14
#define VLAN_HLEN      4
#define ETHERTYPE_IP4  0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define ETHERTYPE_IP6  0x86dd

#define IP4_TOTAL_LEN 2
#define IP4_ID	      4
#define IP4_FRAG      6
#define IP4_FRAG_ANY  0x3fff /* more fragments, or an offset */
#define IP4_TTL	      8
#define IP4_PROTO     9
#define IP4_CSUM      10
#define IP4_SRC	      12
#define IP4_DST	      16
#define IP4_HLEN      20

#define IP6_PAYLOAD_LEN 4
#define IP6_NEXT	6
#define IP6_HOP_LIMIT	7
#define IP6_SRC		8
#define IP6_DST		24
#define IP6_HLEN	40

#define TCP_SPORT    0
#define TCP_DPORT    2
#define TCP_SEQ	     4
#define TCP_ACK	     8
#define TCP_DOFF     12
#define TCP_FLAGS    13
#define TCP_WINDOW   14
#define TCP_CSUM     16
#define TCP_URG	     18
#define TCP_HLEN     20
#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_PSH 0x08
#define TCP_FLAG_ACK 0x10
#define TCP_FLAG_CWR 0x80

#define UDP_SPORT 0
#define UDP_DPORT 2
#define UDP_LEN	  4
#define UDP_CSUM  6
#define UDP_HLEN  8

/* wire_get16() - read a big endian number at any address */
static inline uint16_t wire_get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* wire_get32() - likewise */
static inline uint32_t wire_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* wire_put16() - store a big endian number at any address */
static inline void wire_put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* wire_put32() - likewise */
static inline void wire_put32(uint8_t *p, uint32_t v)
{
	wire_put16(p, v >> 16);
	wire_put16(p + 2, v);
}

#endif
