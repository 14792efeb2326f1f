// SPDX-License-Identifier: GPL-2.0
/*
 * xdp: attach XDP programs, receive and send on AF_XDP sockets. See usage() below.
 *
 * Programs are spelled as instructions and loaded by the system call, so that nothing of a guest
 * needs a BPF compiler or library.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of newer headers than some that this is built with. */
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif
#define DEV_BOUND (1U << 6) /* BPF_F_XDP_DEV_BOUND_ONLY, v6.3 */

#define CHUNK 4096u
#define CHUNKS 4096u
#define RING 2048u
#define BATCH 64u
#define SEQ_END 58 /* of an IPv4 datagram of the lab's source: its number, 64 bits */
#define IDLE_MS 10000
#define MEASURE_US 200000

static void usage(FILE *to)
{
	fputs("usage: xdp attach NIC VERDICT [OPTION...]\n"
	      "       xdp detach NIC\n"
	      "       xdp rxdrop NIC QUEUE COUNT [OPTION...]\n"
	      "       xdp txonly NIC QUEUE COUNT SIZE [OPTION...]\n"
	      "       xdp l2fwd NIC QUEUE COUNT [OPTION...]\n"
	      "\n"
	      "VERDICT: pass, drop, tx (addresses swapped), abort, bad (no verdict at all),\n"
	      "  redirect=NIC, meta (8 bytes of metadata, then pass), pull=N (N bytes taken off the\n"
	      "  front, then tx), cut=N (N bytes taken off the end, then pass), hash (passes what\n"
	      "  has a receive hash, drops the rest; kernels from 6.3 on)\n"
	      "OPTION: frags (the program takes several buffers), skb (generic XDP),\n"
	      "  copy or zerocopy (the socket's mode, else the kernel's choice), wakeup (the kernel\n"
	      "  is called when it asks for it only), measure (txonly begins at SIGUSR1; says done and\n"
	      "  sleeps for a moment before it takes anything down), stray (of the lab's frames every\n"
	      "  second one is redirected to lo, which takes none), keep (rxdrop gives no memory back,\n"
	      "  and takes none twice)\n"
	      "\n"
	      "rxdrop, txonly and l2fwd end after COUNT frames, or when nothing moves for ten\n"
	      "seconds; they print how many frames there were, system calls, and the socket's mode.\n"
	      "Exit: 0, 1 when something failed, 2 for wrong usage, 3 when frames were missing.\n",
	      to);
}

__attribute__((noreturn, format(printf, 2, 3))) static void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("xdp: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

struct options {
	bool frags, skb, copy, zerocopy, wakeup, measure, stray, keep;
};

static struct options options(char **argv)
{
	struct options o = { 0 };

	for (; *argv; argv++) {
		if (!strcmp(*argv, "frags"))
			o.frags = true;
		else if (!strcmp(*argv, "skb"))
			o.skb = true;
		else if (!strcmp(*argv, "copy"))
			o.copy = true;
		else if (!strcmp(*argv, "zerocopy"))
			o.zerocopy = true;
		else if (!strcmp(*argv, "wakeup"))
			o.wakeup = true;
		else if (!strcmp(*argv, "measure"))
			o.measure = true;
		else if (!strcmp(*argv, "stray"))
			o.stray = true;
		else if (!strcmp(*argv, "keep"))
			o.keep = true;
		else
			die(2, "unknown option '%s'", *argv);
	}
	return o;
}

static uint32_t nic(const char *name)
{
	uint32_t index = if_nametoindex(name);

	if (!index)
		die(1, "%s: %s", name, strerror(errno));
	return index;
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (*end || end == text || value > max)
		die(2, "'%s' is not a number up to %llu", text, (unsigned long long)max);
	return value;
}

static int sys_bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* --- programs --- */

#define INSN(op, d, s, o, i) \
	((struct bpf_insn){ .code = (op), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV_I(d, i)	 INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_R(d, s)	 INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADD_I(d, i)	 INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define LOAD(n, d, s, o) INSN(BPF_LDX | BPF_MEM | (n), d, s, o, 0)
#define STORE(n, d, o, s) INSN(BPF_STX | BPF_MEM | (n), d, s, o, 0)
#define JUMP_GT(d, s, o) INSN(BPF_JMP | BPF_JGT | BPF_X, d, s, o, 0)
#define JUMP_EQ(d, i, o) INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, i)
#define CALL(f)		 INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT()		 INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* of two instructions, the second one empty */
#define MAP_FD(d, fd)	 INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd)
#define MAP_FD_END()	 INSN(0, 0, 0, 0, 0)

#define AT(member) ((int16_t)offsetof(struct xdp_md, member))

struct program {
	struct bpf_insn code[64];
	unsigned int n;
};

static void add(struct program *p, struct bpf_insn insn)
{
	p->code[p->n++] = insn;
}

#define ADD(p, ...)							\
	do {								\
		struct bpf_insn list[] = { __VA_ARGS__ };		\
		for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) \
			add(p, list[i]);				\
	} while (0)

static void verdict(struct program *p, int value)
{
	ADD(p, MOV_I(0, value), EXIT());
}

/* Swaps the addresses of the frame of the context in register 1 and sends it back. */
static void swap_and_send(struct program *p)
{
	ADD(p, LOAD(BPF_W, 2, 1, AT(data)), LOAD(BPF_W, 3, 1, AT(data_end)), MOV_R(4, 2),
	    ADD_I(4, 14), MOV_I(0, XDP_DROP), JUMP_GT(4, 3, 9), LOAD(BPF_W, 5, 2, 0),
	    LOAD(BPF_H, 6, 2, 4), LOAD(BPF_W, 7, 2, 6), LOAD(BPF_H, 8, 2, 10),
	    STORE(BPF_W, 2, 0, 7), STORE(BPF_H, 2, 4, 8), STORE(BPF_W, 2, 6, 5),
	    STORE(BPF_H, 2, 10, 6), MOV_I(0, XDP_TX), EXIT());
}

/* The id of a kernel function, from the kernel's own type information. */
static int kernel_function(const char *name)
{
	static char btf[32 << 20];
	FILE *file = fopen("/sys/kernel/btf/vmlinux", "r");
	struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t header, type_off, type_len, str_off, str_len;
	} *h = (void *)btf;
	uint32_t *type, *end, id = 1;
	size_t size;

	if (!file)
		die(1, "/sys/kernel/btf/vmlinux: %s", strerror(errno));
	size = fread(btf, 1, sizeof(btf), file);
	fclose(file);
	if (size < sizeof(*h) || h->magic != 0xeb9f)
		die(1, "/sys/kernel/btf/vmlinux: not type information");
	type = (void *)(btf + h->header + h->type_off);
	end = (void *)((char *)type + h->type_len);
	for (; type < end; id++) {
		/* words behind the three of each type, by kind: fixed, or for each member */
		static const uint8_t fixed[32] = { [1] = 1, [3] = 3, [14] = 1, [17] = 1 };
		static const uint8_t each[32] = { [4] = 3, [5] = 3, [6] = 2, [13] = 2, [15] = 3,
						  [19] = 3 };
		uint32_t kind = type[1] >> 24 & 0x1f, members = type[1] & 0xffff;

		if (kind == 12 && !strcmp(btf + h->header + h->str_off + type[0], name))
			return (int)id;
		type += 3 + fixed[kind] + each[kind] * members;
	}
	die(1, "this kernel has no function %s", name);
}

static void program_for(struct program *p, const char *text, bool *bound)
{
	int n;

	if (!strcmp(text, "pass")) {
		verdict(p, XDP_PASS);
	} else if (!strcmp(text, "drop")) {
		verdict(p, XDP_DROP);
	} else if (!strcmp(text, "abort")) {
		verdict(p, XDP_ABORTED);
	} else if (!strcmp(text, "bad")) {
		verdict(p, 77);
	} else if (!strcmp(text, "tx")) {
		swap_and_send(p);
	} else if (!strncmp(text, "redirect=", 9)) {
		ADD(p, MOV_I(1, (int)nic(text + 9)), MOV_I(2, 0), CALL(BPF_FUNC_redirect), EXIT());
	} else if (!strcmp(text, "meta")) {
		/* what cannot have metadata is dropped, so that the test notices */
		ADD(p, MOV_R(6, 1), MOV_I(2, -8), CALL(BPF_FUNC_xdp_adjust_meta), JUMP_EQ(0, 0, 2),
		    MOV_I(0, XDP_DROP), EXIT(), LOAD(BPF_W, 2, 6, AT(data_meta)),
		    LOAD(BPF_W, 3, 6, AT(data)), MOV_R(4, 2), ADD_I(4, 8), MOV_I(0, XDP_DROP),
		    JUMP_GT(4, 3, 3), MOV_I(5, 0x12345678), STORE(BPF_DW, 2, 0, 5),
		    MOV_I(0, XDP_PASS), EXIT());
	} else if (!strncmp(text, "pull=", 5)) {
		n = (int)number(text + 5, 1024);
		ADD(p, MOV_R(6, 1), MOV_I(2, n), CALL(BPF_FUNC_xdp_adjust_head), JUMP_EQ(0, 0, 2),
		    MOV_I(0, XDP_DROP), EXIT(), MOV_R(1, 6));
		swap_and_send(p);
	} else if (!strncmp(text, "cut=", 4)) {
		n = (int)number(text + 4, 65535);
		ADD(p, MOV_I(2, -n), CALL(BPF_FUNC_xdp_adjust_tail), JUMP_EQ(0, 0, 2),
		    MOV_I(0, XDP_DROP), EXIT(), MOV_I(0, XDP_PASS), EXIT());
	} else if (!strcmp(text, "hash")) {
		/* hash at -8, type at -16 of the frame pointer */
		*bound = true;
		ADD(p, MOV_I(2, 0), STORE(BPF_DW, 10, -8, 2), STORE(BPF_DW, 10, -16, 2),
		    MOV_R(2, 10), ADD_I(2, -8), MOV_R(3, 10), ADD_I(3, -16),
		    INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0,
			 kernel_function("bpf_xdp_metadata_rx_hash")),
		    MOV_R(1, 0), MOV_I(0, XDP_PASS), JUMP_EQ(1, 0, 1), MOV_I(0, XDP_DROP),
		    EXIT());
	} else {
		die(2, "unknown verdict '%s'", text);
	}
}

static int load(const struct program *p, bool frags, uint32_t bound_to)
{
	static char log[65536];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)p->code,
		.insn_cnt = p->n,
		.license = (uintptr_t)"GPL",
		.prog_flags = (frags ? BPF_F_XDP_HAS_FRAGS : 0) | (bound_to ? DEV_BOUND : 0),
		.prog_ifindex = bound_to,
		.expected_attach_type = BPF_XDP,
		.log_buf = (uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};
	int fd;

	fd = sys_bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		die(1, "program refused: %s\n%s", strerror(errno), log);
	return fd;
}

/* Gives @index the program, -1 takes it away; refusals print what the driver says. */
static void attach(uint32_t index, int fd, uint32_t flags)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg info;
		struct nlattr xdp;
		struct nlattr fd_attr;
		int32_t fd;
		struct nlattr flags_attr;
		uint32_t flags;
	} request = {
		.h = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_SETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.info = { .ifi_index = (int)index },
		.xdp = { 20, IFLA_XDP | NLA_F_NESTED }, /* all that follows */
		.fd_attr = { 8, IFLA_XDP_FD },
		.fd = fd,
		.flags_attr = { 8, IFLA_XDP_FLAGS },
		.flags = flags,
	};
	char answer[4096] = { 0 };
	struct nlmsghdr *h = (void *)answer;
	struct nlmsgerr *error = NLMSG_DATA(h);
	int socket_fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), on = 1;
	const char *text = "";
	ssize_t n;

	setsockopt(socket_fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	if (socket_fd < 0 || send(socket_fd, &request, sizeof(request), 0) < 0)
		die(1, "netlink: %s", strerror(errno));
	n = recv(socket_fd, answer, sizeof(answer), 0);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(*error)) || h->nlmsg_type != NLMSG_ERROR)
		die(1, "netlink: no answer");
	close(socket_fd);
	if (!error->error)
		return;
	if (h->nlmsg_flags & NLM_F_ACK_TLVS) {
		size_t at = NLMSG_LENGTH(sizeof(*error)) +
			    (h->nlmsg_flags & NLM_F_CAPPED ? 0 : NLMSG_ALIGN(error->msg.nlmsg_len) -
								 sizeof(error->msg));

		while (at + sizeof(struct nlattr) <= (size_t)n) {
			struct nlattr *a = (void *)(answer + at);

			if (a->nla_type == NLMSGERR_ATTR_MSG)
				text = (char *)(a + 1);
			at += NLA_ALIGN(a->nla_len ? a->nla_len : 4);
		}
	}
	die(1, "refused: %s%s%s", strerror(-error->error), *text ? ": " : "", text);
}

/* --- AF_XDP --- */

struct ring {
	uint32_t *producer, *consumer, *flags;
	void *entries;
	uint32_t at, mask;
};

struct sock {
	int fd;
	uint8_t *umem;
	struct ring fill, completion, rx, tx;
	uint64_t calls;
	bool wakeup;
};

static void map_ring(struct sock *s, struct ring *r, int option, off_t page, size_t entry,
		     const struct xdp_ring_offset *off)
{
	uint32_t size = RING;
	uint8_t *at;

	if (setsockopt(s->fd, SOL_XDP, option, &size, sizeof(size)))
		die(1, "ring %d: %s", option, strerror(errno));
	at = mmap(NULL, off->desc + size * entry, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		  s->fd, page);
	if (at == MAP_FAILED)
		die(1, "ring %d: %s", option, strerror(errno));
	r->producer = (void *)(at + off->producer);
	r->consumer = (void *)(at + off->consumer);
	r->flags = (void *)(at + off->flags);
	r->entries = at + off->desc;
	r->mask = size - 1;
}

static void open_socket(struct sock *s, const char *name, uint32_t queue, const struct options *o)
{
	struct xdp_umem_reg reg = { .len = (uint64_t)CHUNK * CHUNKS, .chunk_size = CHUNK };
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct sockaddr_xdp to = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = nic(name),
		.sxdp_queue_id = queue,
		.sxdp_flags = (o->copy ? XDP_COPY : 0) | (o->zerocopy ? XDP_ZEROCOPY : 0) |
			      (o->wakeup ? XDP_USE_NEED_WAKEUP : 0),
	};
	struct xdp_mmap_offsets off;
	struct xdp_options mode;
	socklen_t size = sizeof(off);

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	memset(s, 0, sizeof(*s));
	s->wakeup = o->wakeup;
	s->fd = socket(AF_XDP, SOCK_RAW, 0);
	if (s->fd < 0)
		die(1, "AF_XDP: %s", strerror(errno));
	s->umem = mmap(NULL, reg.len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (s->umem == MAP_FAILED)
		die(1, "umem: %s", strerror(errno));
	reg.addr = (uintptr_t)s->umem;
	if (setsockopt(s->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)))
		die(1, "umem: %s", strerror(errno));
	if (getsockopt(s->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &size))
		die(1, "offsets: %s", strerror(errno));
	map_ring(s, &s->fill, XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, 8, &off.fr);
	map_ring(s, &s->completion, XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, 8,
		 &off.cr);
	map_ring(s, &s->rx, XDP_RX_RING, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc), &off.rx);
	map_ring(s, &s->tx, XDP_TX_RING, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc), &off.tx);
	if (bind(s->fd, (struct sockaddr *)&to, sizeof(to)))
		die(1, "bind to %s queue %u: %s", name, queue, strerror(errno));
	size = sizeof(mode);
	if (getsockopt(s->fd, SOL_XDP, XDP_OPTIONS, &mode, &size))
		die(1, "options: %s", strerror(errno));
	printf("mode=%s\n", mode.flags & XDP_OPTIONS_ZEROCOPY ? "zerocopy" : "copy");
}

/* Entries that we may write, or read. */
static uint32_t writable(const struct ring *r)
{
	return RING - (r->at - __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE));
}

static uint32_t readable(const struct ring *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - r->at;
}

static void written(struct ring *r)
{
	__atomic_store_n(r->producer, r->at, __ATOMIC_RELEASE);
}

static void read_up(struct ring *r)
{
	__atomic_store_n(r->consumer, r->at, __ATOMIC_RELEASE);
}

static void give(struct sock *s, uint64_t chunk)
{
	((uint64_t *)s->fill.entries)[s->fill.at++ & s->fill.mask] = chunk;
}

static bool asked(const struct sock *s, const struct ring *r)
{
	return !s->wakeup || __atomic_load_n(r->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP;
}

static void kick(struct sock *s)
{
	if (!asked(s, &s->tx))
		return;
	s->calls++;
	if (sendto(s->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
	    errno != EBUSY && errno != ENOBUFS && errno != ENETDOWN)
		die(1, "send: %s", strerror(errno));
}

/* Sleeps until something comes; false when nothing did for a while. */
static bool wait_for(struct sock *s, short events)
{
	struct pollfd fd = { .fd = s->fd, .events = events };

	s->calls++;
	return poll(&fd, 1, IDLE_MS) > 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Frames of the lab's source with an odd number go to lo; what is in register 1 stays there. */
static void lead_astray(struct program *p)
{
	ADD(p, MOV_R(6, 1), LOAD(BPF_W, 2, 1, AT(data)), LOAD(BPF_W, 3, 1, AT(data_end)),
	    MOV_R(4, 2), ADD_I(4, SEQ_END), JUMP_GT(4, 3, 7), LOAD(BPF_B, 5, 2, SEQ_END - 1),
	    INSN(BPF_ALU64 | BPF_AND | BPF_K, 5, 0, 0, 1), JUMP_EQ(5, 0, 4),
	    MOV_I(1, (int)nic("lo")), MOV_I(2, 0), CALL(BPF_FUNC_redirect), EXIT(), MOV_R(1, 6));
}

/* Everything that the queue receives goes to the socket. */
static int steer(const char *name, uint32_t queue, const struct sock *s, const struct options *o)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_XSKMAP,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 64,
	};
	struct program p = { .n = 0 };
	int map, fd = s->fd, prog;

	map = sys_bpf(BPF_MAP_CREATE, &attr);
	if (map < 0)
		die(1, "socket map: %s", strerror(errno));
	attr = (union bpf_attr){
		.map_fd = (uint32_t)map, .key = (uintptr_t)&queue, .value = (uintptr_t)&fd,
	};
	if (sys_bpf(BPF_MAP_UPDATE_ELEM, &attr))
		die(1, "socket map: %s", strerror(errno));
	if (o->stray)
		lead_astray(&p);
	ADD(&p, LOAD(BPF_W, 2, 1, AT(rx_queue_index)), MAP_FD(1, map), MAP_FD_END(),
	    MOV_I(3, XDP_PASS), CALL(BPF_FUNC_redirect_map), EXIT());
	prog = load(&p, o->frags, 0);
	attach(nic(name), prog, o->skb ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	return prog;
}

/* All frames are through: who measures takes his numbers before anything else happens. */
static void tell_done(const struct options *o)
{
	if (!o->measure)
		return;
	printf("done\n");
	fflush(stdout);
	usleep(MEASURE_US);
}

static int report(const struct sock *s, uint64_t count, uint64_t wanted)
{
	struct xdp_statistics stats;
	socklen_t size = sizeof(stats);

	if (getsockopt(s->fd, SOL_XDP, XDP_STATISTICS, &stats, &size))
		die(1, "statistics: %s", strerror(errno));
	printf("frames=%llu\ncalls=%llu\ninvalid=%llu\nno_room=%llu\n",
	       (unsigned long long)count, (unsigned long long)s->calls,
	       (unsigned long long)(stats.rx_invalid_descs + stats.tx_invalid_descs),
	       (unsigned long long)(stats.rx_dropped + stats.rx_ring_full +
				    stats.rx_fill_ring_empty_descs));
	return count >= wanted ? 0 : 3;
}

static int rxdrop(const char *name, uint32_t queue, uint64_t count, const struct options *o)
{
	static unsigned int kept[RING];
	uint64_t seen = 0;
	struct sock s;

	open_socket(&s, name, queue, o);
	for (uint32_t i = 0; i < RING; i++)
		give(&s, (uint64_t)i * CHUNK);
	written(&s.fill);
	steer(name, queue, &s, o);
	printf("ready\n");
	fflush(stdout);
	while (seen < count) {
		uint32_t n = readable(&s.rx);

		if (!n) {
			if (!wait_for(&s, POLLIN))
				break;
			continue;
		}
		if (n > BATCH)
			n = BATCH;
		for (uint32_t i = 0; i < n; i++) {
			struct xdp_desc *d = s.rx.entries;

			d += s.rx.at++ & s.rx.mask;
			if (!o->keep)
				give(&s, d->addr & ~(uint64_t)(CHUNK - 1));
			else if (kept[d->addr / CHUNK % RING]++)
				die(1, "chunk at %#llx came twice", (unsigned long long)d->addr);
		}
		read_up(&s.rx);
		written(&s.fill);
		seen += n;
	}
	tell_done(o);
	attach(nic(name), -1, o->skb ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	return report(&s, seen, count);
}

/* Takes back what was sent; @chunks is a stack of free ones, or NULL to give them to receive. */
static uint32_t reap(struct sock *s, uint64_t *chunks, uint32_t *n_chunks)
{
	uint32_t n = readable(&s->completion);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t chunk = ((uint64_t *)s->completion.entries)[s->completion.at++ &
								     s->completion.mask];

		if (chunks)
			chunks[(*n_chunks)++] = chunk;
		else
			give(s, chunk & ~(uint64_t)(CHUNK - 1));
	}
	read_up(&s->completion);
	if (!chunks)
		written(&s->fill);
	return n;
}

static void send_one(struct sock *s, uint64_t addr, uint32_t len)
{
	struct xdp_desc *d = s->tx.entries;

	d[s->tx.at++ & s->tx.mask] = (struct xdp_desc){ .addr = addr, .len = len };
}

static int txonly(const char *name, uint32_t queue, uint64_t count, uint32_t size,
		  const struct options *o)
{
	static const uint8_t header[14] = { 2, 0, 0, 0, 0x50, 0xc0, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	uint64_t chunks[RING], sent = 0, done = 0, moved = now_ms();
	uint32_t n_chunks = 0;
	struct sock s;
	sigset_t begin;
	int signal;

	open_socket(&s, name, queue, o);
	for (uint32_t i = 0; i < RING; i++) {
		uint8_t *frame = s.umem + (size_t)i * CHUNK;

		memset(frame, (int)i, size);
		memcpy(frame, header, sizeof(header));
		chunks[n_chunks++] = (uint64_t)i * CHUNK;
	}
	if (o->measure) {
		sigemptyset(&begin);
		sigaddset(&begin, SIGUSR1);
		sigprocmask(SIG_BLOCK, &begin, NULL);
	}
	printf("ready\n");
	fflush(stdout);
	if (o->measure)
		sigwait(&begin, &signal);
	while (done < count) {
		uint32_t n = writable(&s.tx), got;

		if (n > BATCH)
			n = BATCH;
		if (n > n_chunks)
			n = n_chunks;
		if (n > count - sent)
			n = (uint32_t)(count - sent);
		for (uint32_t i = 0; i < n; i++)
			send_one(&s, chunks[--n_chunks], size);
		written(&s.tx);
		sent += n;
		if (sent > done)
			kick(&s);
		got = reap(&s, chunks, &n_chunks);
		done += got;
		if (got || n)
			moved = now_ms();
		if (now_ms() - moved > IDLE_MS)
			break;
		if (!got && !n)
			sched_yield();
	}
	tell_done(o);
	return report(&s, done, count);
}

static int l2fwd(const char *name, uint32_t queue, uint64_t count, const struct options *o)
{
	uint64_t seen = 0, done = 0, moved = now_ms();
	struct sock s;

	open_socket(&s, name, queue, o);
	for (uint32_t i = 0; i < RING; i++)
		give(&s, (uint64_t)i * CHUNK);
	written(&s.fill);
	steer(name, queue, &s, o);
	printf("ready\n");
	fflush(stdout);
	while (done < count) {
		uint32_t n = readable(&s.rx), room = writable(&s.tx), got;

		if (n > BATCH)
			n = BATCH;
		if (n > room)
			n = room;
		for (uint32_t i = 0; i < n; i++) {
			struct xdp_desc *d = s.rx.entries;
			uint8_t mac[6], *frame;

			d += s.rx.at++ & s.rx.mask;
			frame = s.umem + d->addr;
			memcpy(mac, frame, 6);
			memcpy(frame, frame + 6, 6);
			memcpy(frame + 6, mac, 6);
			send_one(&s, d->addr, d->len);
		}
		read_up(&s.rx);
		written(&s.tx);
		seen += n;
		if (seen > done)
			kick(&s);
		got = reap(&s, NULL, NULL);
		done += got;
		if (got || n)
			moved = now_ms();
		else if (now_ms() - moved > IDLE_MS)
			break;
		else if (!n && seen == done)
			wait_for(&s, POLLIN);
	}
	tell_done(o);
	attach(nic(name), -1, o->skb ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	return report(&s, done, count);
}

int main(int argc, char **argv)
{
	struct program p = { .n = 0 };
	struct options o;
	bool bound = false;
	int fd;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc >= 4 && !strcmp(argv[1], "attach")) {
		o = options(argv + 4);
		program_for(&p, argv[3], &bound);
		fd = load(&p, o.frags, bound ? nic(argv[2]) : 0);
		attach(nic(argv[2]), fd, o.skb ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
		return 0;
	}
	if (argc >= 3 && !strcmp(argv[1], "detach")) {
		o = options(argv + 3);
		attach(nic(argv[2]), -1, o.skb ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
		return 0;
	}
	if (argc >= 5 && !strcmp(argv[1], "rxdrop")) {
		o = options(argv + 5);
		return rxdrop(argv[2], (uint32_t)number(argv[3], 63), number(argv[4], UINT64_MAX),
			      &o);
	}
	if (argc >= 6 && !strcmp(argv[1], "txonly")) {
		o = options(argv + 6);
		return txonly(argv[2], (uint32_t)number(argv[3], 63), number(argv[4], UINT64_MAX),
			      (uint32_t)number(argv[5], CHUNK), &o);
	}
	if (argc >= 5 && !strcmp(argv[1], "l2fwd")) {
		o = options(argv + 5);
		return l2fwd(argv[2], (uint32_t)number(argv[3], 63), number(argv[4], UINT64_MAX),
			     &o);
	}
	usage(stderr);
	return 2;
}
