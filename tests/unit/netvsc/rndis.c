// SPDX-License-Identifier: GPL-2.0
/*
 * The parser against messages as they should be, as they should not be, and as they change
 * underway.
 */
#include "kernel.h"
#include "rndis_parse.h"
#include "test.h"

#define FIXED (sizeof(struct rndis_packet) - sizeof(struct rndis_header))

struct message {
	struct rndis_packet packet;
	struct rndis_ppi_u32 ppi[4];
	u8 frame[64];
} __packed;

static struct rndis_ppi_u32 ppi(u32 type, u32 value)
{
	return (struct rndis_ppi_u32) {
		.ppi = {
			.size = cpu_to_le32(sizeof(struct rndis_ppi_u32)),
			.type = cpu_to_le32(type),
			.value_offset = cpu_to_le32(sizeof(struct rndis_ppi)),
		},
		.value = cpu_to_le32(value),
	};
}

/* As a host writes it: four records, then the frame. */
static struct message good(void)
{
	struct message m = {
		.packet = {
			.hdr = {
				.type = cpu_to_le32(RNDIS_PACKET),
				.length = cpu_to_le32(sizeof(m)),
			},
			.data_offset = cpu_to_le32(FIXED + sizeof(m.ppi)),
			.data_length = cpu_to_le32(sizeof(m.frame)),
			.ppi_offset = cpu_to_le32(FIXED),
			.ppi_length = cpu_to_le32(sizeof(m.ppi)),
		},
		.ppi = {
			ppi(RNDIS_PPI_CSUM, RNDIS_RXCSUM_TCP_GOOD | RNDIS_RXCSUM_IP_GOOD),
			/* priority 5, CFI, VLAN 0x123 */
			ppi(RNDIS_PPI_VLAN, 5 | RNDIS_VLAN_CFI | 0x123 << RNDIS_VLAN_ID_SHIFT),
			ppi(RNDIS_PPI_HASH, 0xdeadbeef),
			/* version, flags, id */
			ppi(RNDIS_PPI_PACKET_ID,
			    1 | (RNDIS_PIECE | RNDIS_PIECE_LAST) << 8 | 7 << 16),
		},
	};

	return m;
}

/* Memory of exactly @length bytes, so that the address sanitizer sees each byte too far. */
static enum rndis_fault parse(const void *message, u32 length, struct rndis_rx *rx)
{
	void *exact = malloc(length ?: 1);
	enum rndis_fault fault;

	check(exact);
	memcpy(exact, message, length);
	fault = rndis_parse_packet(exact, length, rx);
	free(exact);
	if (fault == RNDIS_FINE) {
		check(rx->data_length);
		check(rx->data_at >= sizeof(struct rndis_packet));
		check(rx->data_at <= length);
		check(rx->data_length <= length - rx->data_at);
	}
	return fault;
}

static void as_it_should_be(void)
{
	struct message m = good();
	struct rndis_rx rx;

	check_is(parse(&m, sizeof(m), &rx), RNDIS_FINE);
	check_is(rx.data_at, offsetof(struct message, frame));
	check_is(rx.data_length, sizeof(m.frame));
	check_is(rx.has, RNDIS_RX_HAS_HASH | RNDIS_RX_HAS_VLAN);
	check_is(rx.csum, RNDIS_RXCSUM_TCP_GOOD | RNDIS_RXCSUM_IP_GOOD);
	check_is(rx.hash, 0xdeadbeef);
	check_is(rx.vlan_tci, 5 << 13 | 0x1000 | 0x123);
	check_is(rx.piece, RNDIS_PIECE | RNDIS_PIECE_LAST);

	/* no per-packet information at all */
	m.packet.ppi_offset = 0;
	m.packet.ppi_length = cpu_to_le32(~0u);
	check_is(parse(&m, sizeof(m), &rx), RNDIS_FINE);
	check_is(rx.has, 0);
	check_is(rx.piece, 0);

	/* a packet id that is no piece, and unknown records, which have no rules */
	m = good();
	m.ppi[3] = ppi(RNDIS_PPI_PACKET_ID, 1 | RNDIS_PIECE_FIRST << 8);
	m.ppi[0] = ppi(12345, 0);
	m.ppi[0].ppi.value_offset = cpu_to_le32(~0u);
	check_is(parse(&m, sizeof(m), &rx), RNDIS_FINE);
	check_is(rx.has, RNDIS_RX_HAS_HASH | RNDIS_RX_HAS_VLAN);
	check_is(rx.piece, 0);

	/* padding behind the frame, and a frame that ends with the message */
	m = good();
	m.packet.data_length = cpu_to_le32(60);
	check_is(parse(&m, sizeof(m), &rx), RNDIS_FINE);
	check_is(rx.data_length, 60);
}

/* Each row breaks one field of a good message. */
static void as_it_should_not_be(void)
{
#define FIELD(member) offsetof(struct message, member)
	static const struct {
		size_t at;
		u32 value;
		enum rndis_fault want;
	} rows[] = {
		{ FIELD(packet.data_offset), FIXED - 1, RNDIS_BAD_DATA },
		{ FIELD(packet.data_offset), 0, RNDIS_BAD_DATA },
		{ FIELD(packet.data_offset), sizeof(struct message) - 8 + 1, RNDIS_BAD_DATA },
		{ FIELD(packet.data_offset), ~0u, RNDIS_BAD_DATA },
		{ FIELD(packet.data_offset), ~0u - 7, RNDIS_BAD_DATA },
		{ FIELD(packet.data_length), 0, RNDIS_BAD_DATA },
		{ FIELD(packet.data_length), 65, RNDIS_BAD_DATA },
		{ FIELD(packet.data_length), ~0u, RNDIS_BAD_DATA },
		{ FIELD(packet.ppi_offset), 1, RNDIS_BAD_PPI },
		{ FIELD(packet.ppi_offset), FIXED - 1, RNDIS_BAD_PPI },
		{ FIELD(packet.ppi_offset), sizeof(struct message) - 8 + 1, RNDIS_BAD_PPI },
		{ FIELD(packet.ppi_offset), ~0u, RNDIS_BAD_PPI },
		{ FIELD(packet.ppi_length), ~0u, RNDIS_BAD_PPI },
		{ FIELD(packet.ppi_length), sizeof(struct message) - 44 + 1, RNDIS_BAD_PPI },
		{ FIELD(packet.ppi_length), 63, RNDIS_BAD_PPI },
		{ FIELD(packet.ppi_length), 4, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.size), 0, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.size), 11, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.size), 12, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.size), 65, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.size), ~0u, RNDIS_BAD_PPI },
		{ FIELD(ppi[3].ppi.size), 17, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.value_offset), 0, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.value_offset), 11, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.value_offset), 13, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.value_offset), ~0u, RNDIS_BAD_PPI },
		{ FIELD(ppi[0].ppi.value_offset), ~0u - 3, RNDIS_BAD_PPI },
		{ FIELD(ppi[3].ppi.value_offset), 16, RNDIS_BAD_PPI },
	};
	struct rndis_rx rx;
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct message m = good();
		__le32 value = cpu_to_le32(rows[i].value);

		memcpy((u8 *)&m + rows[i].at, &value, sizeof(value));
		if (parse(&m, sizeof(m), &rx) != rows[i].want) {
			fprintf(stderr, "row %u\n", i);
			check_is(parse(&m, sizeof(m), &rx), rows[i].want);
		}
	}

	/* a record of an unknown type, shorter than its own header, with another one inside it */
	{
		struct message m = good();

		m.packet.ppi_length = cpu_to_le32(16);
		m.ppi[0].ppi.size = cpu_to_le32(4);
		m.ppi[0].ppi.type = cpu_to_le32(12);
		check_is(parse(&m, sizeof(m), &rx), RNDIS_BAD_PPI);
	}

	/* every length short of the fixed part */
	for (i = 0; i < sizeof(struct rndis_packet); i++) {
		struct message m = good();

		check_is(parse(&m, i, &rx), RNDIS_SHORT);
	}
	/* every length short of the frame's end */
	for (; i < sizeof(struct message); i++) {
		struct message m = good();

		check_is(parse(&m, i, &rx), RNDIS_BAD_DATA);
	}
}

/* Few records and no others: read another way, with the same rules and the same outcome. */
static void few_records(void)
{
	const struct rndis_ppi_u32 csum = ppi(RNDIS_PPI_CSUM, RNDIS_RXCSUM_UDP_GOOD);
	const struct rndis_ppi_u32 hash = ppi(RNDIS_PPI_HASH, 0xdeadbeef);
	const struct {
		struct rndis_ppi_u32 record[3];
		u32 n, csum;
		u8 has;
		u16 vlan;
	} rows[] = {
		{ { csum }, 1, RNDIS_RXCSUM_UDP_GOOD, 0, 0 },
		{ { hash }, 1, 0, RNDIS_RX_HAS_HASH, 0 },
		{ { csum, hash }, 2, RNDIS_RXCSUM_UDP_GOOD, RNDIS_RX_HAS_HASH, 0 },
		{ { hash, csum }, 2, RNDIS_RXCSUM_UDP_GOOD, RNDIS_RX_HAS_HASH, 0 },
		{ { csum, ppi(RNDIS_PPI_VLAN, 7 << RNDIS_VLAN_ID_SHIFT) }, 2,
		  RNDIS_RXCSUM_UDP_GOOD, RNDIS_RX_HAS_VLAN, 7 },
		{ { csum, ppi(12345, 1), hash }, 3, RNDIS_RXCSUM_UDP_GOOD, RNDIS_RX_HAS_HASH, 0 },
	};
	struct rndis_rx rx;
	unsigned int i, bad;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct message m = good();
		u32 last = rows[i].n - 1;

		memcpy(m.ppi, rows[i].record, sizeof(rows[i].record));
		m.packet.ppi_length = cpu_to_le32(rows[i].n * sizeof(csum));
		memset(&rx, 0xff, sizeof(rx));
		check_is(parse(&m, sizeof(m), &rx), RNDIS_FINE);
		check_is(rx.csum, rows[i].csum);
		check_is(rx.has, rows[i].has);
		check_is(rx.piece, 0);
		if (rx.has & RNDIS_RX_HAS_HASH)
			check_is(rx.hash, 0xdeadbeef);
		if (rx.has & RNDIS_RX_HAS_VLAN)
			check_is(rx.vlan_tci, rows[i].vlan);
		/* values outside, and records that do not end where the buffer does */
		for (bad = 8; bad <= 16; bad += 4) {
			m.ppi[last].ppi.value_offset = cpu_to_le32(bad);
			check_is(parse(&m, sizeof(m), &rx), bad == 12 ? RNDIS_FINE : RNDIS_BAD_PPI);
		}
		m.ppi[last] = rows[i].record[last];
		for (bad = 12; bad <= 20; bad += 4) {
			m.ppi[last].ppi.size = cpu_to_le32(bad);
			check_is(parse(&m, sizeof(m), &rx), bad == 16 ? RNDIS_FINE : RNDIS_BAD_PPI);
		}
		m.ppi[last] = rows[i].record[last];
		m.packet.ppi_length = cpu_to_le32(rows[i].n * sizeof(csum) - 4);
		check_is(parse(&m, sizeof(m), &rx), RNDIS_BAD_PPI);
	}
}

/* A chain of the smallest records ends at its bound, not at the end of the message. */
static void endless(void)
{
	static struct {
		struct rndis_packet packet;
		struct rndis_ppi chain[5000];
		u8 frame[64];
	} __packed m;
	struct rndis_rx rx;
	unsigned int i, n;

	for (n = 0; n <= 5000; n += n < 40 ? 1 : 620) {
		m.packet.data_offset = cpu_to_le32(FIXED + sizeof(m.chain));
		m.packet.data_length = cpu_to_le32(sizeof(m.frame));
		m.packet.ppi_offset = cpu_to_le32(FIXED);
		m.packet.ppi_length = cpu_to_le32(n * sizeof(struct rndis_ppi));
		for (i = 0; i < n; i++)
			m.chain[i] = (struct rndis_ppi) {
				.size = cpu_to_le32(sizeof(struct rndis_ppi)),
				.type = cpu_to_le32(999),
			};
		check_is(parse(&m, sizeof(m), &rx),
			 n <= RNDIS_PPI_MAX ? RNDIS_FINE : RNDIS_BAD_PPI);
	}
}

static void headers(void)
{
	static const struct {
		u32 room, claimed;
		enum rndis_fault want;
	} rows[] = {
		{ 0, 8, RNDIS_SHORT },		{ 7, 8, RNDIS_SHORT },
		{ 8, 8, RNDIS_FINE },		{ 8, 7, RNDIS_BAD_LENGTH },
		{ 8, 9, RNDIS_BAD_LENGTH },	{ 100, 0, RNDIS_BAD_LENGTH },
		{ 100, 100, RNDIS_FINE },	{ 100, 101, RNDIS_BAD_LENGTH },
		{ 100, ~0u, RNDIS_BAD_LENGTH },
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		u8 *exact = calloc(1, rows[i].room + 1);
		struct rndis_header header = {
			.type = cpu_to_le32(RNDIS_INDICATE),
			.length = cpu_to_le32(rows[i].claimed),
		};
		u32 type = 0, length = 0;

		check(exact);
		memcpy(exact, &header, rows[i].room < 8 ? rows[i].room : 8);
		check_is(rndis_parse_header(exact, rows[i].room, &type, &length), rows[i].want);
		if (rows[i].want == RNDIS_FINE) {
			check_is(type, RNDIS_INDICATE);
			check_is(length, rows[i].claimed);
		}
		free(exact);
	}
}

static void info_buffers(void)
{
	u8 m[64];

	check(rndis_parse_info(m, 64, 24, 16, 40) == m + 24);
	check(rndis_parse_info(m, 64, 24, 56, 0) == m + 64);
	check(!rndis_parse_info(m, 64, 24, 16, 41));
	check(!rndis_parse_info(m, 64, 24, 15, 4));
	check(!rndis_parse_info(m, 64, 24, 57, 0));
	check(!rndis_parse_info(m, 64, 24, ~0u, 4));
	check(!rndis_parse_info(m, 64, 24, ~0u - 3, 8));
	check(!rndis_parse_info(m, 64, 24, 20, ~0u));
	check(!rndis_parse_info(m, 23, 24, 16, 0));
	check(!rndis_parse_info(m, 64, 4, 16, 0));
}

static u8 *moving;
static u32 moving_size;

/* Interesting values land on interesting places more often than chance has it. */
static void scramble(void)
{
	static const u32 values[] = {
		0, 1, 4, 8, 11, 12, 13, 16, 36, 44, 64, 100, 0x7fffffff, ~0u, ~0u - 3,
	};
	u32 at = dice() % (moving_size - 3), value = dice() % 3 ? values[dice() % 15] : dice();

	if (dice() % 2)
		at &= ~3u;
	value = dice() % 4 ? value : moving_size - value;
	memcpy(moving + at, &value, sizeof(value));
}

static void random_messages(bool moves)
{
	unsigned int turn, fine = 0, faults[RNDIS_BAD_PPI + 1] = {};

	for (turn = 0; turn < 300000; turn++) {
		struct message m = good();
		struct rndis_rx rx;
		enum rndis_fault fault;
		u32 i, spoils = dice() % 4;

		moving_size = 12 + dice() % (sizeof(m) - 11);
		if (dice() % 2)
			moving_size = sizeof(m);
		moving = malloc(moving_size);
		check(moving);
		memcpy(moving, &m, moving_size);
		for (i = 0; i < spoils; i++)
			scramble();
		host_moves = moves ? scramble : NULL;
		fault = rndis_parse_packet(moving, moving_size, &rx);
		host_moves = NULL;
		faults[fault]++;
		if (fault == RNDIS_FINE) {
			check(rx.data_length && rx.data_at >= sizeof(struct rndis_packet));
			check(rx.data_at <= moving_size &&
			      rx.data_length <= moving_size - rx.data_at);
			fine++;
		}
		free(moving);
	}
	/* the dice must have shown all faces */
	check(fine > 1000);
	check(faults[RNDIS_SHORT] > 100 && faults[RNDIS_BAD_DATA] > 1000 &&
	      faults[RNDIS_BAD_PPI] > 1000);
}

void test_rndis(void)
{
	as_it_should_be();
	as_it_should_not_be();
	few_records();
	endless();
	headers();
	info_buffers();
	dice_seed(1);
	random_messages(false);
	random_messages(true);
}
