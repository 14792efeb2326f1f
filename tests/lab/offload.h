/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What NIC hardware does to a frame, in software: checksums, segmentation (LSO), coalescing
 * (RSC), RSS hash.
 *
 * Every function treats the frame's bytes as hostile: they may be malformed and may change while
 * being read. Headers are copied once into a struct offload_headers and judged there; all walks
 * are bounded. Nothing here allocates, blocks or writes to a frame's bytes.
 */
#ifndef HVLAB_OFFLOAD_H
#define HVLAB_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define OFFLOAD_HDR_MAX 256 /* Ethernet, 2 tags, IPv6 with extension headers, TCP with options */

/**
 * struct offload_headers - a private copy of a frame's headers and where each starts
 * @l3: 4, 6, or 0 for neither
 * @l4: IPPROTO_TCP, IPPROTO_UDP, or 0 for another protocol, a fragment, or a header that does not
 *	fit the frame
 * @fragment: IPv4 or IPv6 fragment (even the first)
 * @tags: VLAN tags in the bytes
 * @l3_off: offset of the IP header
 * @l4_off: offset of the TCP or UDP header (@l4 != 0)
 * @payload_off: offset of the payload (@l4 != 0)
 * @end: offset behind the IP packet as its own length field says, never behind the frame;
 *	Ethernet padding follows
 * @len: bytes of @bytes that are filled
 * @bytes: the copy
 */
struct offload_headers {
	uint8_t l3;
	uint8_t l4;
	bool fragment;
	uint8_t tags;
	uint16_t l3_off;
	uint16_t l4_off;
	uint16_t payload_off;
	uint32_t end;
	uint16_t len;
	uint8_t bytes[OFFLOAD_HDR_MAX];
};

/**
 * offload_parse() - copy and locate a frame's headers
 * @f: the frame
 * @h: filled
 *
 * A GSO frame may be longer than its IP length field can say: its end is the frame's.
 *
 * Return: 0, or -EINVAL when the frame is shorter than an Ethernet header or its IP header
 * contradicts its length.
 */
int offload_parse(const struct frame *f, struct offload_headers *h);

/**
 * offload_csum_add() - add the bytes of a range of pieces to a ones' complement sum
 * @iov: pieces
 * @n: how many
 * @off: first byte of the range
 * @len: bytes of the range; pieces that end before it bound it
 * @sum: sum so far
 *
 * Return: the 64 bit sum; offload_csum_fold() makes the checksum of it.
 */
uint64_t offload_csum_add(const struct iovec *iov, unsigned int n, size_t off, size_t len,
			  uint64_t sum);

/**
 * offload_csum_fold() - finish a sum
 * @sum: as made by offload_csum_add()
 *
 * Return: the complemented 16 bit checksum as it is stored in memory (no byte swap needed).
 */
uint16_t offload_csum_fold(uint64_t sum);

/**
 * offload_csum_pseudo() - sum of the pseudo header of TCP or UDP
 * @h: headers with l4 != 0
 * @len: length of the TCP or UDP header and payload
 *
 * Return: the sum, to be added to.
 */
uint64_t offload_csum_pseudo(const struct offload_headers *h, uint32_t len);

/**
 * offload_csum_ip4() - set the checksum of an IPv4 header
 * @ip: the header, as long as its first byte says
 */
void offload_csum_ip4(uint8_t *ip);

/**
 * offload_csum_complete() - do the checksum work a frame still asks for
 * @f: the frame; %FRAME_CSUM_PARTIAL and @ip_csum are honoured, anything else makes a plain copy
 *	of the descriptor
 * @out: the frame with complete checksums: its first piece is @h->bytes, the rest points where
 *	@f's points
 * @h: storage for the header copy; @out is valid as long as it is
 *
 * A UDP checksum of 0 becomes 0xffff. A checksum beyond the first %OFFLOAD_HDR_MAX bytes is
 * refused.
 *
 * Return: 0, or -EINVAL when the offload fields do not fit the frame.
 */
int offload_csum_complete(const struct frame *f, struct frame *out, struct offload_headers *h);

/**
 * offload_gso_normalize() - make a large frame's headers say what a receiver of large frames reads
 * @f: a frame with gso_type set; drivers leave its IP length, IP header checksum and pseudo header
 *	sum in different states (NDIS LSO: length 0, sum without length)
 * @out: the frame with IP length, IPv4 checksum and pseudo header sum over the whole frame,
 *	%FRAME_CSUM_PARTIAL; its first piece is @h->bytes
 * @h: storage for the header copy; @out is valid as long as it is
 *
 * Return: 0, or -EINVAL when this is not a TCP frame of that kind, gso_size is 0, or the frame is
 * longer than an IP packet can be.
 */
int offload_gso_normalize(const struct frame *f, struct frame *out, struct offload_headers *h);

/**
 * enum offload_verdict - what became of a check
 * @OFFLOAD_CSUM_ABSENT: not IP, a fragment, neither TCP nor UDP, or UDP over IPv4 without checksum
 * @OFFLOAD_CSUM_GOOD: all right
 * @OFFLOAD_CSUM_BAD_IP: the IPv4 header's is wrong
 * @OFFLOAD_CSUM_BAD: TCP's or UDP's is wrong
 * @OFFLOAD_CSUM_MALFORMED: lengths contradict one another
 */
enum offload_verdict {
	OFFLOAD_CSUM_ABSENT,
	OFFLOAD_CSUM_GOOD,
	OFFLOAD_CSUM_BAD_IP,
	OFFLOAD_CSUM_BAD,
	OFFLOAD_CSUM_MALFORMED,
};

/**
 * offload_csum_verify() - check the IPv4 header's and the TCP or UDP checksum of a frame as the
 * wire would carry it
 * @f: the frame, its csum field is not looked at
 *
 * Return: the verdict.
 */
enum offload_verdict offload_csum_verify(const struct frame *f);

/**
 * struct offload_segmenter - cuts one large TCP frame; lives on the caller's stack
 *
 * Members are the segmenter's own.
 */
struct offload_segmenter {
	const struct frame *f;
	struct offload_headers h; /* of the large frame */
	uint32_t pos; /* payload bytes done */
	uint32_t payload;
	uint32_t segs;
	uint8_t bytes[OFFLOAD_HDR_MAX]; /* the current segment's headers */
};

/**
 * offload_segment_begin() - prepare to cut a frame
 * @s: the segmenter
 * @f: a frame with gso_type and gso_size set; must outlive @s
 *
 * Return: number of segments, or -EINVAL when this is not a TCP frame of that kind, or gso_size
 * is 0.
 */
int offload_segment_begin(struct offload_segmenter *s, const struct frame *f);

/**
 * offload_segment_next() - the next segment, complete with lengths, IP id, sequence number, flags
 * and checksums
 * @s: the segmenter
 * @out: filled; valid until the next call with @s. Its csum is %FRAME_CSUM_VALID.
 *
 * FIN and PSH are kept on the last segment only, CWR on the first only.
 *
 * Return: true, or false when all were taken.
 */
bool offload_segment_next(struct offload_segmenter *s, struct frame *out);

#define OFFLOAD_RSC_FLOWS 64 /* joined frames a batch */

/**
 * struct offload_coalescer - joins TCP segments that follow one another; one per queue, reused
 * for each batch
 * @max_len: longest frame made (headers included), at most 65535 + 14
 * @max_segs: most segments a frame; 0 = no limit but the pieces of a frame
 *
 * Other members are the coalescer's own.
 */
struct offload_coalescer {
	uint32_t max_len;
	uint16_t max_segs;
	struct {
		struct frame *out;
		uint32_t next_seq;
		uint16_t mss;
		uint16_t segs;
		bool closed;
		bool psh;
		struct offload_headers h;
	} flow[OFFLOAD_RSC_FLOWS];
	unsigned int n_flows;
};

/**
 * offload_coalesce() - join what can be joined in a batch of received frames
 * @c: the coalescer
 * @in: frames, in the order of their arrival
 * @n: how many
 * @out: room for @n frames; not the same array as @in
 *
 * Joined are TCP segments of one flow that follow one another, whose headers are equal but for
 * lengths, IP id, sequence number and checksums, of one size but for the last, carrying ACK only
 * (PSH ends a joined frame), without IP options or extension headers, with a checksum that is right
 * (verified here unless %FRAME_CSUM_VALID or %FRAME_CSUM_PARTIAL). All else passes as it came.
 * Order within a flow is kept. A joined frame gets gso_type, gso_size, gso_segs, its lengths and
 * IP header checksum. Its TCP checksum field is stale (%FRAME_CSUM_VALID), or the pseudo header's
 * sum when all its segments were %FRAME_CSUM_PARTIAL.
 *
 * Return: frames in @out, which point into @c and where @in points: valid until the next call
 * with @c.
 */
unsigned int offload_coalesce(struct offload_coalescer *c, const struct frame *in, unsigned int n,
			      struct frame *out);

/* What is hashed; the values are NDIS_HASH_* of NDIS's receive side scaling headers. */
#define RSS_HASH_IPV4	  0x00000100u
#define RSS_HASH_TCP_IPV4 0x00000200u
#define RSS_HASH_IPV6	  0x00000400u
#define RSS_HASH_TCP_IPV6 0x00001000u
#define RSS_HASH_UDP_IPV4 0x00004000u
#define RSS_HASH_UDP_IPV6 0x00008000u
#define RSS_HASH_ALL	  0x0000d700u

#define RSS_KEY_LEN   40
#define RSS_TABLE_MAX 128

/**
 * struct rss - receive side scaling as the guest's driver configured it
 * @types: RSS_HASH_* allowed; 0 = off, all to queue 0
 * @n_table: entries in use, a power of two, 1..%RSS_TABLE_MAX
 * @table: queue for each value of the hash's low bits
 * @key: as the guest gave it
 * @part: filled by rss_set_key(): what each value of each input byte adds to the hash
 */
struct rss {
	uint32_t types;
	uint16_t n_table;
	uint16_t table[RSS_TABLE_MAX];
	uint8_t key[RSS_KEY_LEN];
	uint32_t part[RSS_KEY_LEN - 4][256];
};

/**
 * rss_set_key() - store a key and prepare hashing with it
 * @rss: the configuration
 * @key: NULL = Microsoft's well known verification key
 */
void rss_set_key(struct rss *rss, const uint8_t key[RSS_KEY_LEN]);

/**
 * rss_set_default() - all types, well known key, a table of 128 entries that goes round @queues
 * @rss: the configuration
 * @queues: 1..%RSS_TABLE_MAX
 */
void rss_set_default(struct rss *rss, unsigned int queues);

/**
 * rss_toeplitz() - hash a flat input: addresses, then ports, as they are on the wire
 * @rss: key prepared by rss_set_key()
 * @data: input
 * @len: at most %RSS_KEY_LEN - 4
 *
 * Return: the hash.
 */
uint32_t rss_toeplitz(const struct rss *rss, const uint8_t *data, size_t len);

/**
 * rss_hash() - hash a frame: ports too when its type is allowed and it is no fragment, addresses
 * alone otherwise
 * @rss: configuration
 * @h: headers by offload_parse()
 * @type: set to the RSS_HASH_* used, 0 when nothing fits
 *
 * Return: the hash, 0 when @type is 0.
 */
uint32_t rss_hash(const struct rss *rss, const struct offload_headers *h, uint32_t *type);

/**
 * rss_queue() - the queue a hash leads to
 * @rss: configuration
 * @hash: by rss_hash()
 * @type: likewise
 *
 * Return: the table's entry, queue 0 when @type is 0.
 */
static inline unsigned int rss_queue(const struct rss *rss, uint32_t hash, uint32_t type)
{
	return type && rss->n_table ? rss->table[hash & (rss->n_table - 1u)] : 0;
}

#endif
