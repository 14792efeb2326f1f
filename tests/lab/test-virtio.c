// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-net driven through its PCI function by a small driver of our own, in one thread: what a
 * well-behaved guest gets, and what a hostile one cannot do. Guest memory is an array, so that the
 * sanitizers see every step beside it. "--cost tx|rx PACKETS" only moves packets.
 *
 * Memory:   0x1000 * (1 + 4 * queue): descriptors, + 0x1000 avail, + 0x2000 used
 *           BUFFERS: a buffer of BUFFER bytes for each descriptor of each queue
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>
#include <unistd.h>

#include "acpi.h"
#include "check.h"
#include "control.h"
#include "devices.h"
#include "loop.h"
#include "options.h"
#include "pci.h"
#include "test-stats.h"
#include "virtio-net.h"
#include "wire.h"

#define RAM	(8u << 20)
#define RING	16
#define BUFFERS 0x100000u
#define BUFFER	2048u
#define BAR_AT	VM_PCI_MMIO_START
#define MSIX_AT (VM_PCI_MMIO_START + 0x10000)
#define QUEUES	5 /* two pairs and control */

static uint8_t *ram;
static struct vm vm;

/* --- a machine just large enough --- */

static const struct bus_ops *region_ops[16];
static void *region_opaque[16];
static uint64_t region_base[16], region_size[16];
static unsigned int interrupts, doorbells;
static int (*verb)(void *o, int argc, char **argv, char *answer, size_t n);
static void *verb_object;

void *vm_gpa(const struct vm *m, uint64_t gpa, uint64_t len)
{
	return gpa < RAM && len <= RAM - gpa ? ram + gpa : NULL;
}

int vm_irq_msi(struct vm *m, uint64_t addr, uint32_t data)
{
	interrupts |= 1u << data;
	return 1;
}

int vm_ioeventfd(struct vm *m, bool pio, uint64_t addr, unsigned int len, bool match,
		 uint64_t datamatch, int fd, bool assign)
{
	doorbells += assign ? 1 : -1;
	return 0;
}

int vm_mmio_register(struct vm *m, uint64_t base, uint64_t size, const char *name,
		     const struct bus_ops *ops, void *opaque)
{
	for (unsigned int i = 0; i < 16; i++) {
		if (region_ops[i])
			continue;
		region_ops[i] = ops;
		region_opaque[i] = opaque;
		region_base[i] = base;
		region_size[i] = size;
		return 0;
	}
	return -ENOSPC;
}

void vm_mmio_unregister(struct vm *m, uint64_t base)
{
	for (unsigned int i = 0; i < 16; i++)
		if (region_ops[i] && region_base[i] == base)
			region_ops[i] = NULL;
}

void acpi_add_pci_root(struct vm *m)
{
}

int control_register(struct vm *m, const char *object,
		     int (*fn)(void *o, int argc, char **argv, char *answer, size_t n), void *o)
{
	verb = fn;
	verb_object = o;
	return 0;
}

static unsigned int warnings;

void log_warn(const char *fmt, ...)
{
	warnings++;
}

void log_debug(const char *fmt, ...)
{
}

void log_fatal(enum exit_status status, const char *fmt, ...)
{
	abort();
}

/* --- loops without threads: pump() does what is due --- */

static struct {
	struct loop_fd *fd;
	uint32_t events;
} watched[16];
static struct loop_work *posted[16];

int loop_add(struct loop *loop, struct loop_fd *lfd, uint32_t events)
{
	for (unsigned int i = 0; i < 16; i++) {
		if (watched[i].fd)
			continue;
		watched[i].fd = lfd;
		watched[i].events = events;
		return 0;
	}
	return -ENOSPC;
}

int loop_mod(struct loop *loop, struct loop_fd *lfd, uint32_t events)
{
	for (unsigned int i = 0; i < 16; i++)
		if (watched[i].fd == lfd)
			watched[i].events = events;
	return 0;
}

void loop_del(struct loop *loop, struct loop_fd *lfd)
{
	for (unsigned int i = 0; i < 16; i++)
		if (watched[i].fd == lfd)
			watched[i].fd = NULL;
}

void loop_post(struct loop *loop, struct loop_work *work)
{
	unsigned int i = 0;

	while (i < 16 && posted[i] && posted[i] != work)
		i++;
	CHECK(i < 16);
	posted[i] = work;
}

void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	fn(arg);
}

uint64_t loop_guest_ns(void)
{
	return 0;
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ns) {}

static unsigned int watchers(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 16; i++)
		n += !!watched[i].fd;
	return n;
}

/* Run everything that is due, a bounded number of times: a source at full rate never ends. */
static void pump(void)
{
	for (unsigned int turn = 0; turn < 20; turn++) {
		for (unsigned int i = 0; i < 16; i++) {
			struct loop_work *work = posted[i];
			struct pollfd p;

			posted[i] = NULL;
			if (work)
				work->run(work);
			if (!watched[i].fd || !watched[i].events)
				continue;
			p = (struct pollfd){ .fd = watched[i].fd->fd, .events = POLLIN };
			if (poll(&p, 1, 0) == 1)
				watched[i].fd->ready(watched[i].fd, EPOLLIN);
		}
	}
}

/* --- the guest's side of PCI --- */

static uint64_t mmio(uint64_t addr, unsigned int len, bool write, uint64_t value)
{
	for (unsigned int i = 0; i < 16; i++) {
		if (!region_ops[i] || addr < region_base[i] ||
		    addr - region_base[i] >= region_size[i])
			continue;
		if (write)
			region_ops[i]->write(region_opaque[i], 0, addr - region_base[i], len,
					     &value);
		else
			region_ops[i]->read(region_opaque[i], 0, addr - region_base[i], len,
					    &value);
		return value;
	}
	return UINT64_MAX;
}

static uint32_t cfg_read(unsigned int at, unsigned int len)
{
	uint32_t v = mmio(VM_PCI_ECAM_START + (1 << 15) + at, len, false, 0);

	return len == 4 ? v : v & ((1u << 8 * len) - 1);
}

static void cfg_write(unsigned int at, unsigned int len, uint32_t v)
{
	mmio(VM_PCI_ECAM_START + (1 << 15) + at, len, true, v);
}

/* Where the structures are, as a driver finds out. */
static uint64_t common_at, notify_at, device_at;
static uint32_t notify_step;

static uint64_t common(unsigned int at, unsigned int len)
{
	uint64_t v = mmio(common_at + at, len, false, 0);

	return len == 8 ? v : v & ((1ull << 8 * len) - 1);
}

static void set_common(unsigned int at, unsigned int len, uint64_t v)
{
	mmio(common_at + at, len, true, v);
}

static void find_caps(void)
{
	unsigned int steps = 0, at;

	common_at = 0;
	notify_at = 0;
	device_at = 0;
	for (at = cfg_read(0x34, 1); at && steps++ < 48; at = cfg_read(at + 1, 1)) {
		uint64_t where = BAR_AT + cfg_read(at + 8, 4);

		if (cfg_read(at, 1) != 9)
			continue;
		CHECK(cfg_read(at + 4, 1) == 0, "BAR 0");
		switch (cfg_read(at + 3, 1)) {
		case 1:
			common_at = where;
			break;
		case 2:
			notify_at = where;
			notify_step = cfg_read(at + 16, 4);
			break;
		case 4:
			device_at = where;
			break;
		}
	}
	CHECK(common_at && notify_at && device_at && notify_step);
}

static struct virtio_net *open_device(const char *text)
{
	static struct loop *io = (struct loop *)&vm;
	char err[200] = "";
	struct device_args *args = args_parse("net", text, err, sizeof(err));

	vm.io = &io;
	vm.n_io = 1;
	vm.control = io;
	CHECK(args, "%s", err);
	CHECK(!virtio_net_type.create(&vm, args, err, sizeof(err)), "%s", err);
	args_free(args);
	cfg_write(0x10, 4, BAR_AT);
	cfg_write(0x18, 4, MSIX_AT);
	cfg_write(0x04, 2, 6);
	find_caps();
	return verb_object;
}

static void close_device(void)
{
	virtio_net_type.stop(&vm);
	vm_mmio_unregister(&vm, VM_PCI_ECAM_START);
	memset(watched, 0, sizeof(watched));
	memset(posted, 0, sizeof(posted));
	CHECK(doorbells == 0, "%u", doorbells);
}

/* --- the guest's driver --- */

static uint64_t ring_at(unsigned int q, unsigned int part)
{
	return 0x1000ull * (1 + 4 * q + part);
}

static void put_desc(unsigned int q, unsigned int i, uint64_t addr, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	uint8_t *d = ram + ring_at(q, 0) + 16 * i;

	memcpy(d, &addr, 8);
	memcpy(d + 8, &len, 4);
	memcpy(d + 12, &flags, 2);
	memcpy(d + 14, &next, 2);
}

static uint16_t *avail(unsigned int q)
{
	return (uint16_t *)(ram + ring_at(q, 1));
}

static uint16_t *used(unsigned int q)
{
	return (uint16_t *)(ram + ring_at(q, 2));
}

static uint8_t *buffer(unsigned int q, unsigned int i)
{
	return ram + BUFFERS + (q * RING + i) * BUFFER;
}

static uint64_t buffer_at(unsigned int q, unsigned int i)
{
	return BUFFERS + (q * RING + i) * BUFFER;
}

static void offer_chain(unsigned int q, uint16_t head)
{
	uint16_t *a = avail(q);

	a[2 + a[1] % RING] = head;
	a[1]++;
}

static void kick(unsigned int q)
{
	mmio(notify_at + q * notify_step, 2, true, q);
	pump();
}

/* Reset, negotiate, and start with empty rings. Return: the features accepted. */
static uint64_t bring_up(uint64_t features)
{
	memset(ram, 0, RAM);
	set_common(20, 1, 0);
	CHECK(common(20, 1) == 0);
	set_common(20, 1, 3);
	for (uint32_t half = 0; half < 2; half++) {
		set_common(0, 4, half);
		set_common(8, 4, half);
		set_common(12, 4, common(4, 4) & (uint32_t)(features >> 32 * half));
	}
	set_common(20, 1, 11);
	if (!(common(20, 1) & 8))
		return 0;
	cfg_write(0x40 + 2, 2, 0x8000); /* MSI-X is the first capability */
	set_common(16, 2, QUEUES);
	for (unsigned int v = 0; v <= QUEUES; v++) {
		mmio(MSIX_AT + 16 * v + 8, 4, true, v);
		mmio(MSIX_AT + 16 * v + 12, 4, true, 0);
	}
	for (unsigned int q = 0; q < common(18, 2); q++) {
		set_common(22, 2, q);
		set_common(24, 2, RING);
		set_common(26, 2, q);
		for (unsigned int part = 0; part < 3; part++) {
			set_common(32 + 8 * part, 4, ring_at(q, part));
			set_common(36 + 8 * part, 4, 0);
		}
		set_common(28, 2, 1);
	}
	set_common(20, 1, 15);
	interrupts = 0;
	pump();
	set_common(8, 4, 0);
	features = common(12, 4);
	set_common(8, 4, 1);
	return features | common(12, 4) << 32;
}

#define ALL	     (~0ull)
#define NO_EVENT_IDX (~(1ull << VIRTIO_F_EVENT_IDX_BIT))

static void fill_rx(unsigned int q, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		put_desc(q, i, buffer_at(q, i), BUFFER, 2, 0);
		offer_chain(q, i);
	}
}

/* A minimal broadcast frame behind a plain header, in one descriptor. */
static void send_plain(unsigned int q, unsigned int i)
{
	memset(buffer(q, i), 0, 12);
	memset(buffer(q, i) + 12, 0xff, 60);
	wire_put16(buffer(q, i) + 12 + 12, 0x1234);
	put_desc(q, i, buffer_at(q, i), 72, 0, 0);
	offer_chain(q, i);
}

static bool needs_reset(void)
{
	return common(20, 1) & VIRTIO_STATUS_NEEDS_RESET;
}

static int command(uint8_t class, uint8_t code, const void *data, uint32_t len)
{
	uint8_t *b = buffer(4, 0);
	uint16_t before = used(4)[1];

	b[0] = class;
	b[1] = code;
	memcpy(b + 2, data, len);
	b[1000] = 0xee;
	put_desc(4, 0, buffer_at(4, 0), 2, 1, 1);
	put_desc(4, 1, buffer_at(4, 0) + 2, len, 1, 2);
	put_desc(4, 2, buffer_at(4, 0) + 1000, 1, 2, 0);
	offer_chain(4, 0);
	kick(4);
	CHECK(used(4)[1] == (uint16_t)(before + 1));
	return b[1000];
}

/* --- cases --- */

static void config_space(void)
{
	struct virtio_net *dev = open_device("virtio,queues=2,mac=02:aa:bb:cc:dd:ee,mtu=9000");

	CHECK(cfg_read(0, 4) == 0x10411af4 && cfg_read(0x0a, 2) == 0x0200);
	CHECK(mmio(VM_PCI_ECAM_START, 4, false, 0) == UINT32_MAX ||
	      (uint32_t)mmio(VM_PCI_ECAM_START, 4, false, 0) == UINT32_MAX,
	      "slot 0 is empty");
	CHECK(doorbells == QUEUES);
	cfg_write(0x04, 2, 0);
	CHECK(doorbells == 0 && mmio(BAR_AT, 4, false, 0) == UINT64_MAX, "decoding off");
	cfg_write(0x10, 4, 0xffffffff);
	CHECK(cfg_read(0x10, 4) == 0xffffc000, "%08x", cfg_read(0x10, 4));
	cfg_write(0x10, 4, 0x1000); /* over RAM: refused */
	cfg_write(0x04, 2, 6);
	CHECK(doorbells == 0);
	cfg_write(0x10, 4, BAR_AT + 0x4000);
	CHECK(doorbells == QUEUES && mmio(BAR_AT, 4, false, 0) == UINT64_MAX, "moved");
	cfg_write(0x10, 4, BAR_AT);
	CHECK(cfg_read(0x0e, 4) == UINT32_MAX, "unaligned");
	CHECK((mmio(device_at, 4, false, 0) & 0xffffffff) == 0xccbbaa02);
	CHECK((mmio(device_at + 10, 2, false, 0) & 0xffff) == 9000);
	CHECK(common(18, 2) == QUEUES && dev->n_pairs == 2);
	close_device();
}

static void negotiation(void)
{
	open_device("virtio,queues=2");
	CHECK(bring_up(ALL) >> VIRTIO_F_VERSION_1_BIT & 1);
	CHECK(common(20, 1) == 15);
	CHECK(!bring_up(~(1ull << VIRTIO_F_VERSION_1_BIT)), "a driver before 1.0");
	CHECK(!bring_up(ALL & ~(1ull << VIRTIO_NET_F_CSUM)), "TSO without checksum");
	CHECK(!bring_up(ALL & ~(1ull << VIRTIO_NET_F_CTRL_VQ)), "MQ without control queue");
	set_common(20, 1, 4);
	CHECK(!(common(20, 1) & 4), "DRIVER_OK without FEATURES_OK");
	CHECK(bring_up(ALL));
	set_common(22, 2, QUEUES);
	CHECK(common(24, 2) == 0, "no such queue");
	set_common(22, 2, 0);
	set_common(24, 2, 4);
	CHECK(common(24, 2) == RING, "size of a running queue");
	set_common(20, 1, 0);
	CHECK(watchers() == 0, "reset lets go of everything");
	close_device();
	open_device("virtio,csum=off,mrg=off,event-idx=off");
	CHECK(!(bring_up(ALL) & 0x2000f883), "what was switched off is not offered");
	close_device();
}

/* Send on queue 1, count interrupts by the driver's event index. */
static void transmit(void)
{
	struct virtio_net *dev = open_device("virtio,queues=2,backend=sink");

	CHECK(bring_up(ALL));
	for (unsigned int i = 0; i < 4; i++)
		send_plain(1, i);
	avail(1)[2 + RING] = 3; /* interrupt when the fourth is used */
	kick(1);
	CHECK(used(1)[1] == 4 && interrupts == 1u << 1);
	CHECK(stat_read(&dev->backend->stats[0].tx_packets) == 4);
	CHECK(stat_read(&dev->backend->stats[0].tx_bytes) == 240);
	CHECK(used(1)[2 + 4 * RING] == 4, "asks for a doorbell with the next");
	interrupts = 0;
	avail(1)[2 + RING] = 100;
	for (unsigned int i = 4; i < 8; i++)
		send_plain(1, i);
	kick(1);
	CHECK(used(1)[1] == 8 && !interrupts, "not wanted yet");
	/* queue 3 is its own */
	send_plain(3, 0);
	kick(3);
	CHECK(stat_read(&dev->backend->stats[1].tx_packets) == 1 && interrupts == 1u << 3);
	/* masked: pending until unmasked */
	interrupts = 0;
	mmio(MSIX_AT + 16 * 3 + 12, 4, true, 1);
	avail(3)[2 + RING] = 1;
	send_plain(3, 1);
	kick(3);
	CHECK(!interrupts && mmio(MSIX_AT + 0x1000, 8, false, 0) == 1u << 3, "pending");
	mmio(MSIX_AT + 16 * 3 + 12, 4, true, 0);
	CHECK(interrupts == 1u << 3 && mmio(MSIX_AT + 0x1000, 8, false, 0) == 0);

	CHECK(bring_up(NO_EVENT_IDX));
	send_plain(1, 0);
	avail(1)[0] = 1;
	kick(1);
	CHECK(used(1)[1] == 1 && !interrupts, "no interrupt asked for");
	avail(1)[0] = 0;
	send_plain(1, 1);
	kick(1);
	CHECK(used(1)[1] == 2 && interrupts == 1u << 1);
	close_device();
}

/* A frame in pieces, through an indirect table, comes back from echo in merged buffers. */
static void round_trip(void)
{
	struct virtio_net *dev = open_device("virtio,backend=echo");
	uint8_t *p = ram + 0x400000, *table = ram + 0x300000;
	uint32_t total = 12 + 3000, at = 0;

	CHECK(bring_up(ALL));
	fill_rx(0, RING);
	memset(p, 0, 12);
	for (uint32_t i = 12; i < total; i++)
		p[i] = i * 7;
	memcpy(p + 12, "\x02\0\0\0\xec\x40\x02\0\0\0\0\x01\x12\x34", 14);
	for (unsigned int i = 0; i < 10; i++) {
		uint64_t addr = 0x400000 + at;
		uint32_t len = i < 9 ? 5 + 100 * i % 350 : total - at;
		uint16_t flags = i < 9, next = i + 1;

		memcpy(table + 16 * i, &addr, 8);
		memcpy(table + 16 * i + 8, &len, 4);
		memcpy(table + 16 * i + 12, &flags, 2);
		memcpy(table + 16 * i + 14, &next, 2);
		at += len;
	}
	put_desc(1, 5, 0x300000, 160, 4, 0);
	offer_chain(1, 5);
	kick(1);
	CHECK(used(1)[1] == 1 && used(1)[2] == 5);
	CHECK(used(0)[1] == 2, "%u buffers", used(0)[1]);
	CHECK(buffer(0, 0)[10] == 2, "num_buffers");
	CHECK(used(0)[4] == BUFFER && used(0)[8] == total - BUFFER);
	CHECK(!memcmp(buffer(0, 0) + 24, p + 24, BUFFER - 24));
	CHECK(!memcmp(buffer(0, 1), p + BUFFER, total - BUFFER));
	CHECK(stat_read(&dev->pair[0].stats.rx_buffers) == 2);
	/* no buffers: the frame waits, the doorbell of the next one brings it */
	CHECK(bring_up(ALL));
	fill_rx(0, 1);
	memcpy(ram + 0x300000, (uint64_t[]){ 0x400000 }, 8);
	memset(p, 0, 12);
	memset(p + 12, 0, 3000);
	memcpy(p + 12, "\x02\0\0\0\xec\x40\x02\0\0\0\0\x01\x12\x34", 14);
	put_desc(1, 0, 0x400000, total, 0, 0);
	offer_chain(1, 0);
	kick(1);
	CHECK(used(1)[1] == 1 && used(0)[1] == 0, "one buffer is not enough");
	CHECK(used(0)[2 + 4 * RING] == 1, "doorbell wanted behind the first");
	put_desc(0, 1, buffer_at(0, 1), BUFFER, 2, 0);
	offer_chain(0, 1);
	kick(0);
	CHECK(used(0)[1] == 2 && stat_read(&dev->pair[0].stats.rx_stalls) >= 1);
	/* without merging, what does not fit is dropped and the buffer stays */
	CHECK(bring_up(ALL & ~(1ull << VIRTIO_NET_F_MRG_RXBUF)));
	fill_rx(0, 2);
	memcpy(p + 12, "\x02\0\0\0\xec\x40\x02\0\0\0\0\x01\x12\x34", 14);
	put_desc(1, 0, 0x400000, total, 0, 0);
	offer_chain(1, 0);
	kick(1);
	CHECK(used(0)[1] == 0 && stat_read(&dev->pair[0].stats.rx_too_long) == 1);
	close_device();
}

static void control(void)
{
	struct virtio_net *dev = open_device("virtio,queues=2,backend=echo");
	uint8_t table[4 + 6 + 4 + 65 * 6] = { 1, 0, 0, 0, 2, 1, 1, 1, 1, 1, 65 };
	uint8_t frame[60] = { 2, 1, 1, 1, 1, 1, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 7, 8, 0 };
	struct frame f;
	struct json_object *into;
	char *down[] = { "link", "down" }, *bad[] = { "link", "sideways" }, answer[100];

	CHECK(bring_up(ALL));
	CHECK(command(4, 0, "\x02\0", 2) == 0 && dev->backend->n_active == 2, "two pairs");
	CHECK(command(4, 0, "\x03\0", 2) == 1 && command(4, 0, "\0\0", 2) == 1);
	CHECK(command(4, 0, "\x01", 1) == 1, "short");
	CHECK(command(99, 0, "", 1) == 1, "no such class");
	frame_clear(&f);
	frame_add(&f, frame, sizeof(frame));
	CHECK(virtio_net_filter_wants(dev, &f), "promiscuous at first");
	CHECK(command(0, 0, "\0", 1) == 0);
	CHECK(!virtio_net_filter_wants(dev, &f), "not ours");
	CHECK(command(1, 0, table, sizeof(table)) == 0);
	CHECK(virtio_net_filter_wants(dev, &f), "in the table");
	CHECK(dev->filter.modes & 1u << 1, "too many groups: all of them");
	CHECK(command(1, 0, table, 9) == 1, "cut short");
	CHECK(command(2, 1, "\x07\0", 2) == 0 && !virtio_net_filter_wants(dev, &f), "VLAN 7 off");
	CHECK(command(2, 0, "\x07\0", 2) == 0 && virtio_net_filter_wants(dev, &f), "and on");
	CHECK(command(2, 0, "\x00\x10", 2) == 1, "VLAN 4096");
	CHECK(command(1, 1, "\x02\x09\x09\x09\x09\x09", 6) == 0);
	memcpy(frame, "\x02\x09\x09\x09\x09\x09", 6);
	CHECK(virtio_net_filter_wants(dev, &f), "new address");
	CHECK(dev->backend->rx_features == 7);
	CHECK(command(5, 0, "\x02\0\0\0\0\0\0\0", 8) == 0 && dev->backend->rx_features == 1);
	interrupts = 0;
	CHECK(!verb(dev, 2, down, answer, sizeof(answer)));
	CHECK(!(mmio(device_at + 6, 2, false, 0) & 1) && interrupts == 1u << QUEUES, "link down");
	CHECK(verb(dev, 2, bad, answer, sizeof(answer)) == -EINVAL && strstr(answer, "link"));
	send_plain(1, 0);
	kick(1);
	CHECK(used(1)[1] == 1 && stat_read(&dev->pair[0].stats.tx_link_down) == 1);
	into = json_object_new_object();
	dump_source(dev, into);
	json_object_put(into);
	CHECK(dumped > 10);
	close_device();
}

/* Each way to break the format ends in NEEDS_RESET with an interrupt, and a reset helps. */
static void broken_rings(void)
{
	struct virtio_net *dev = open_device("virtio,queues=2,backend=echo");

	for (unsigned int way = 0; way < 12; way++) {
		unsigned int q = 1;

		CHECK(bring_up(ALL));
		switch (way) {
		case 0: /* loop */
			put_desc(1, 0, buffer_at(1, 0), 20, 1, 1);
			put_desc(1, 1, buffer_at(1, 0), 20, 1, 0);
			break;
		case 1:
			put_desc(1, 0, RAM - 10, 20, 0, 0);
			break;
		case 2:
			put_desc(1, 0, UINT64_MAX - 5, 20, 0, 0);
			break;
		case 3:
			put_desc(1, 0, 0, UINT32_MAX, 0, 0);
			break;
		case 4:
			put_desc(1, 0, buffer_at(1, 0), 20, 1, RING);
			break;
		case 5: /* indirect within indirect */
			put_desc(1, 0, 0x300000, 16, 4, 0);
			memcpy(ram + 0x300000, ram + ring_at(1, 0), 16);
			break;
		case 6: /* indirect table of half a descriptor */
			put_desc(1, 0, 0x300000, 24, 4, 0);
			break;
		case 7: /* to be written to, on a transmit queue */
			put_desc(1, 0, buffer_at(1, 0), 100, 2, 0);
			break;
		case 8: /* index jumps */
			avail(1)[1] = 1000;
			break;
		case 9: /* readable behind writable */
			put_desc(1, 0, buffer_at(1, 0), 20, 3, 1);
			put_desc(1, 1, buffer_at(1, 0), 20, 0, 0);
			break;
		case 10: /* control command without room for an answer */
			q = 4;
			put_desc(4, 0, buffer_at(4, 0), 20, 0, 0);
			break;
		case 11: /* receive buffer too small for its header */
			put_desc(0, 0, buffer_at(0, 0), 11, 2, 0);
			avail(0)[1] = 1;
			send_plain(1, 0);
			memcpy(buffer(1, 0) + 12, "\x02\0\0\0\0\x01", 6);
			avail(1)[1]--;
			break;
		}
		if (way != 8)
			avail(q)[1]++;
		interrupts = 0;
		warnings = 0;
		kick(q);
		CHECK(needs_reset() && warnings == 1, "way %u", way);
		CHECK(interrupts & 1u << QUEUES, "way %u", way);
		kick(q); /* and again: nobody listens */
	}
	CHECK(stat_read(&dev->vp.needs_reset) == 12);
	/* a ring outside RAM */
	set_common(20, 1, 0);
	set_common(20, 1, 3);
	set_common(8, 4, 1);
	set_common(12, 4, 1);
	set_common(20, 1, 11);
	for (unsigned int q = 0; q < 2; q++) {
		set_common(22, 2, q);
		set_common(36, 4, 0xffffffff);
		set_common(28, 2, 1);
	}
	set_common(20, 1, 15);
	CHECK(needs_reset());
	CHECK(bring_up(ALL) && !needs_reset());
	send_plain(1, 0);
	kick(1);
	CHECK(used(1)[1] == 1, "works again");
	close_device();
}

/* Offload fields that contradict the frame cost the guest its frame, nothing else. */
static void broken_frames(void)
{
	struct virtio_net *dev = open_device("virtio,backend=echo");
	uint64_t bad = 0;

	CHECK(bring_up(ALL));
	for (unsigned int round = 0; round < 2000; round++) {
		unsigned int i = round % RING;
		uint8_t *b = buffer(1, i);

		for (unsigned int k = 0; k < 200; k++)
			b[k] = check_random(256);
		if (check_random(2)) {
			b[0] = check_random(2);
			b[1] = check_random(5);
			wire_put16(b + 12 + 12, check_random(2) ? 0x0800 : 0x86dd);
		}
		b[12] &= ~1;
		put_desc(1, i, buffer_at(1, i), check_random(200), 0, 0);
		offer_chain(1, i);
		if (round % 8 == 7)
			kick(1);
	}
	kick(1);
	CHECK(!needs_reset() && used(1)[1] == 2000);
	bad = stat_read(&dev->pair[0].stats.tx_malformed) +
	      stat_read(&dev->backend->stats[0].tx_malformed);
	CHECK(bad > 500, "%llu", (unsigned long long)bad);
	close_device();
}

/* Random bytes all over rings and registers, traffic both ways meanwhile. */
static void fuzz(void)
{
	static const char *const specs[] = {
		"virtio,queues=2,backend=echo",
		"virtio,queues=2,backend=source:start=on;size=1500",
		"virtio,queues=2,backend=sink:check=all",
		"virtio,queues=2,backend=source:start=on;proto=tcp;ip=6",
	};

	for (unsigned int round = 0; round < 400; round++) {
		open_device(specs[round % 4]);
		bring_up(round & 4 ? ALL : NO_EVENT_IDX);
		fill_rx(0, RING);
		fill_rx(2, RING);
		for (unsigned int i = 0; i < RING; i++)
			send_plain(1, i);
		for (unsigned int step = 0; step < 40; step++) {
			unsigned int q = check_random(QUEUES);

			switch (check_random(8)) {
			case 0: /* a byte of a ring */
				ram[ring_at(q, check_random(3)) + check_random(16 * RING)] =
					check_random(256);
				break;
			case 1: /* a descriptor */
				put_desc(q, check_random(RING), check_random(RAM + 4096),
					 check_random(5000), check_random(8),
					 check_random(RING + 1));
				break;
			case 2:
				offer_chain(q, check_random(RING));
				break;
			case 3: /* a register */
				if (!check_random(8))
					set_common(check_random(60), 1 << check_random(3),
						   check_random(UINT32_MAX));
				break;
			case 4: /* configuration space */
				if (!check_random(8))
					cfg_write(check_random(256) & ~3u, 4,
						  check_random(UINT32_MAX));
				break;
			case 5:
				mmio(MSIX_AT + check_random(0x2000), 4, check_random(2),
				     check_random(QUEUES));
				break;
			default:
				kick(q);
			}
		}
		cfg_write(0x04, 2, 0);
		close_device();
	}
}

/*
 * Move @packets frames in batches of half a ring, nothing else: for counting the instructions of
 * one, the driver's few included.
 */
static int cost(bool tx, unsigned long packets)
{
	struct virtio_net *dev =
		open_device(tx ? "virtio,backend=sink" : "virtio,backend=source:start=on");
	unsigned int q = tx ? 1 : 0;

	bring_up(ALL);
	for (unsigned int i = 0; i < RING; i++)
		put_desc(q, i, buffer_at(q, i), tx ? 72 : BUFFER, tx ? 0 : 2, 0);
	for (unsigned long n = 0; n < packets; n += RING / 2) {
		for (unsigned int i = 0; i < RING / 2; i++)
			offer_chain(q, (n + i) % RING);
		if (tx)
			dev->pair[0].tx_kick.ready(&dev->pair[0].tx_kick, EPOLLIN);
		else
			dev->pair[0].rx_kick.ready(&dev->pair[0].rx_kick, EPOLLIN);
	}
	printf("%u\n", used(q)[1]);
	close_device();
	return 0;
}

int main(int argc, char **argv)
{
	ram = malloc(RAM);
	if (argc == 4 && !strcmp(argv[1], "--cost"))
		return cost(!strcmp(argv[2], "tx"), strtoul(argv[3], NULL, 0));
	check_run("PCI: identity, BARs, capabilities, device configuration", config_space);
	check_run("negotiation: what is refused, what a reset undoes", negotiation);
	check_run("transmit: used ring, interrupts and doorbells as asked for", transmit);
	check_run("echo: pieces, indirect, merged buffers, stall and go on", round_trip);
	check_run("control queue: pairs, filters, offloads; link", control);
	check_run("broken rings: the device needs a reset, and gets well by it", broken_rings);
	check_run("broken frames: dropped and counted", broken_frames);
	check_run("random rings and registers", fuzz);
	free(ram);
	return check_end();
}
