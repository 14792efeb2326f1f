// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"
#include "ring.h"

unsigned long rig_checks, rig_failures;
bool rig_stop;
struct rig rig;
bool hva_copy_packets;

static u64 random_state;

bool rig_check(bool good, const char *what, const char *file, int line)
{
	rig_checks++;
	if (good)
		return true;
	if (rig_failures++ < 20)
		fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	if (rig_stop)
		_exit(1);
	return false;
}

void shim_point(enum shim_access access, const volatile void *address)
{
	void (*step)(struct rig *rig) = rig.step;

	if (rig.recording) {
		if (rig.n_trace < RIG_TRACE_MAX)
			rig.trace[rig.n_trace] = (struct rig_access){ access, address };
		rig.n_trace++;
	}
	if (step) {
		rig.step = NULL;
		step(&rig);
		rig.step = step;
	}
}

void rig_record(void)
{
	rig.n_trace = 0;
	rig.recording = true;
}

int rig_find(int from, enum shim_access access, const volatile void *address)
{
	for (int i = from; i >= 0 && i < (int)rig.n_trace && i < RIG_TRACE_MAX; i++)
		if (rig.trace[i].access == access && rig.trace[i].address == address)
			return i;
	return -1;
}

unsigned int rig_count(enum shim_access access, const volatile void *address)
{
	unsigned int n = 0;

	for (int i = rig_find(0, access, address); i >= 0; i = rig_find(i + 1, access, address))
		n++;
	return n;
}

static void *map_or_die(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *p = mmap(at, len, prot, flags, fd, offset);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return p;
}

/* Control page, data, data again; a page that faults on either side. */
static struct hv_ring_buffer *map_ring(u32 size)
{
	size_t span = PAGE_SIZE + 2 * (size_t)size;
	int fd = memfd_create("ring", 0);
	u8 *base;

	if (fd < 0 || ftruncate(fd, PAGE_SIZE + size)) {
		perror("memfd");
		exit(2);
	}
	base = map_or_die(NULL, span + 2 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	base += PAGE_SIZE;
	map_or_die(base, PAGE_SIZE + size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	map_or_die(base + PAGE_SIZE + size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   fd, PAGE_SIZE);
	close(fd);
	return (void *)base;
}

static void unmap_ring(struct hv_ring_buffer *ring, u32 size)
{
	if (ring)
		munmap((u8 *)ring - PAGE_SIZE, 3 * PAGE_SIZE + 2 * (size_t)size);
}

void rig_reset(u32 size, bool copy)
{
	static const struct hva_params params = { .max_pkt_size = PAGE_SIZE };
	struct hv_ring_buffer *out = rig.out, *in = rig.in;

	if (rig.size != size) {
		unmap_ring(out, rig.size);
		unmap_ring(in, rig.size);
		out = map_ring(size);
		in = map_ring(size);
	}
	free(rig.channel.inbound.pkt_buffer);
	memset(&rig, 0, sizeof(rig));
	memset(out, 0, PAGE_SIZE);
	memset(in, 0, PAGE_SIZE);
	rig.out = out;
	rig.in = in;
	rig.size = size;
	out->feature_bits.value = 1;
	in->feature_bits.value = 1;

	rig.channel.device_obj = &rig.device;
	rig.channel.offermsg.child_relid = 7;
	rig.channel.state = CHANNEL_OPEN_STATE;
	hva_copy_packets = copy;
	if (hva_attach(&rig.hc, &rig.channel, &params))
		exit(2);
	rig.channel.state = CHANNEL_OPENED_STATE;
	pthread_mutex_init(&rig.channel.outbound.ring_lock.mutex, NULL);
	pthread_mutex_init(&rig.channel.sched_lock.mutex, NULL);
	rig.channel.outbound.ring_buffer = out;
	rig.channel.outbound.ring_datasize = size;
	rig.channel.inbound.ring_buffer = in;
	rig.channel.inbound.ring_datasize = size;
	rig.channel.inbound.pkt_buffer = malloc(PAGE_SIZE);
	rig.channel.inbound.pkt_buffer_size = PAGE_SIZE;
}

/* Makes @ring empty at @index. */
void rig_place(struct hv_ring_buffer *ring, u32 index)
{
	ring->write_index = index;
	ring->read_index = index;
	if (ring == rig.in)
		rig.channel.inbound.priv_read_index = index;
}

u32 rig_used(const struct hv_ring_buffer *ring)
{
	return (ring->write_index + rig.size - ring->read_index) % rig.size;
}

void vmbus_setevent(struct vmbus_channel *channel)
{
	check(channel == &rig.channel);
	check(!channel->outbound.ring_lock.held);
	__atomic_fetch_add(&rig.signals, 1, __ATOMIC_SEQ_CST);
}

void shim_log(const struct device *dev, const char *format, ...)
{
	check(dev == &rig.device.device);
	check(format[strlen(format) - 1] == '\n');
	/* a console on the NIC would want it */
	check(!rig.channel.outbound.ring_lock.held);
	rig.logged++;
}

u32 rig_random(void)
{
	/* xorshift64 */
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

void rig_seed(u64 seed)
{
	random_state = seed * 0x9e3779b97f4a7c15ull + 1;
}

void host_put_raw(const void *packet, u32 len)
{
	u32 at = rig.in->write_index;
	u64 trailer = (u64)at << 32;

	memcpy(rig.in->buffer + at, packet, len);
	memcpy(rig.in->buffer + at + len, &trailer, sizeof(trailer));
	__atomic_store_n(&rig.in->write_index, (at + len + HVA_TRAILER) % rig.size,
			 __ATOMIC_SEQ_CST);
}

void host_put(u16 type, u16 flags, u64 txid, const void *head, u32 head_len, const void *payload,
	      u32 len)
{
	u8 packet[RIG_RING_MAX];
	struct vmpacket_descriptor desc = {
		.type = type,
		.offset8 = (sizeof(desc) + head_len) / 8,
		.len8 = (sizeof(desc) + head_len + len) / 8,
		.flags = flags,
		.trans_id = txid,
	};

	memcpy(packet, &desc, sizeof(desc));
	if (head_len)
		memcpy(packet + sizeof(desc), head, head_len);
	if (len)
		memcpy(packet + sizeof(desc) + head_len, payload, len);
	host_put_raw(packet, sizeof(desc) + head_len + len);
}

u32 host_take(void *packet, u32 room)
{
	u32 at = rig.out->read_index;
	struct vmpacket_descriptor desc;
	u64 trailer;
	u32 len;

	if (at == __atomic_load_n(&rig.out->write_index, __ATOMIC_SEQ_CST))
		return 0;
	memcpy(&desc, rig.out->buffer + at, sizeof(desc));
	len = desc.len8 * 8u;
	memcpy(&trailer, rig.out->buffer + at + len, sizeof(trailer));
	check(trailer == (u64)at << 32);
	check(len >= sizeof(desc) && len <= room);
	memcpy(packet, rig.out->buffer + at, min(len, room));
	__atomic_store_n(&rig.out->read_index, (at + len + HVA_TRAILER) % rig.size,
			 __ATOMIC_SEQ_CST);
	return len;
}
