// SPDX-License-Identifier: GPL-2.0
/* The commands of gdb's remote protocol; a thread of its own serves one debugger at a time. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "gdb.h"
#include "options.h"
#include "vcpu.h"
#include "vm.h"

#define PAUSE_TIMEOUT	2000000000ULL
#define MEMORY_MAX	(GDB_PACKET_MAX / 2 - 16)
#define DEVICE_NAP_NS	100000000L
#define TRAP		"05"		/* SIGTRAP */
#define INTERRUPTED	"02"		/* SIGINT */

struct stub {
	struct vm *vm;
	int listener;			/* of a TCP port, or -1 */
	int device;			/* or -1 */
	int stopped_fd;			/* eventfd: a vCPU hit something */
	struct gdb_packet p;
	bool attached;
	bool held;			/* by us: the guest stands still */
	unsigned int holds;		/* pauses to undo, atomic */
	struct vcpu *stepping;
	struct vcpu *current;		/* of Hg */
	struct vcpu *hit;		/* atomic */
};

static struct stub stub = { .listener = -1, .device = -1, .stopped_fd = -1 };

static unsigned int thread_id(const struct vcpu *vcpu)
{
	return vcpu->vp + 1;
}

static struct vcpu *thread(const char *text)
{
	long id = strtol(text, NULL, 16);

	if (id < 0 || id > (long)stub.vm->n_vcpus)
		return NULL;
	return &stub.vm->vcpus[id ? id - 1 : 0];
}

/* On a vCPU's thread: breakpoint, watchpoint or step. */
static void on_hit(struct vcpu *vcpu)
{
	uint64_t one = 1;

	if (!__atomic_load_n(&stub.attached, __ATOMIC_ACQUIRE))
		return;
	if (vcpu_hold(vcpu))
		__atomic_fetch_add(&stub.holds, 1, __ATOMIC_ACQ_REL);
	__atomic_store_n(&stub.hit, vcpu, __ATOMIC_RELEASE);
	if (write(stub.stopped_fd, &one, sizeof(one)) < 0)
		log_warn("gdb: %s", strerror(errno));
}

static void hold(void)
{
	if (!__atomic_load_n(&stub.holds, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&stub.holds, 1, __ATOMIC_ACQ_REL);
		vcpu_pause_all(stub.vm, PAUSE_TIMEOUT);
	} else {
		vcpu_gather(stub.vm, PAUSE_TIMEOUT);
	}
	if (stub.stepping)
		gdb_debug_apply(stub.stepping, false);
	stub.stepping = NULL;
	stub.held = true;
}

static void release(void)
{
	stub.held = false;
	while (__atomic_load_n(&stub.holds, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_sub(&stub.holds, 1, __ATOMIC_ACQ_REL);
		vcpu_resume_all(stub.vm);
	}
}

static void drain_hits(void)
{
	uint64_t n;

	if (read(stub.stopped_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		log_warn("gdb: %s", strerror(errno));
}

static void tell_stop(const char *signal)
{
	static const char *const names[] = { [2] = "watch", [3] = "rwatch", [4] = "awatch" };
	struct vcpu *hit = __atomic_exchange_n(&stub.hit, NULL, __ATOMIC_ACQ_REL);
	unsigned int type;
	uint64_t address;

	if (hit)
		stub.current = hit;
	if (hit && hit->run->exit_reason == KVM_EXIT_DEBUG &&
	    gdb_watch_address(hit, &address, &type))
		gdb_send(&stub.p, "T%sthread:%x;%s:%" PRIx64 ";", signal, thread_id(hit),
			 names[type], address);
	else
		gdb_send(&stub.p, "T%sthread:%x;", signal, thread_id(stub.current));
}

static void resume(bool step, struct vcpu *vcpu)
{
	drain_hits();
	__atomic_store_n(&stub.hit, NULL, __ATOMIC_RELEASE);
	if (!step) {
		release();
		return;
	}
	/* One vCPU goes one instruction, the others stay held. */
	stub.held = false;
	stub.stepping = vcpu;
	if (!gdb_debug_apply(vcpu, true))
		log_warn("gdb: vp %u cannot single-step: %s", vcpu->vp, strerror(errno));
	vcpu_run_only(vcpu);
}

/* vCont;ACTION[:THREAD]... : the first step wins, else all continue. */
static void command_vcont(char *text)
{
	char *save = NULL;

	for (char *a = strtok_r(text, ";", &save); a; a = strtok_r(NULL, ";", &save)) {
		char *id = strchr(a, ':');
		struct vcpu *vcpu = id && id[1] != '-' ? thread(id + 1) : stub.current;

		if ((a[0] == 's' || a[0] == 'S') && vcpu) {
			stub.current = vcpu;
			resume(true, vcpu);
			return;
		}
	}
	resume(false, NULL);
}

static void command_read_registers(void)
{
	uint8_t bytes[GDB_REGISTERS_MAX];
	char hex[2 * GDB_REGISTERS_MAX + 1];
	size_t n = gdb_registers_read(stub.current, bytes);

	gdb_to_hex(bytes, n, hex);
	gdb_send(&stub.p, "%s", n ? hex : "E01");
}

static void command_write_registers(const char *hex)
{
	uint8_t bytes[GDB_REGISTERS_MAX];
	size_t n = gdb_from_hex(hex, bytes, sizeof(bytes));

	gdb_send(&stub.p, gdb_registers_write(stub.current, bytes, n) ? "OK" : "E01");
}

static void command_register(const char *text, bool write)
{
	uint8_t bytes[GDB_REGISTERS_MAX];
	char *end, hex[64];
	unsigned long number = strtoul(text, &end, 16);
	size_t at, size = gdb_register_place(number, &at);
	size_t n = gdb_registers_read(stub.current, bytes);

	if (!size || !n || (write && (*end != '=' ||
				      gdb_from_hex(end + 1, bytes + at, size) != size))) {
		gdb_send(&stub.p, "E01");
		return;
	}
	if (write) {
		gdb_send(&stub.p, gdb_registers_write(stub.current, bytes, n) ? "OK" : "E01");
		return;
	}
	gdb_to_hex(bytes + at, size, hex);
	gdb_send(&stub.p, "%s", hex);
}

static void command_memory(const char *text, bool write)
{
	static uint8_t bytes[MEMORY_MAX];
	static char hex[2 * MEMORY_MAX + 1];
	char *end;
	uint64_t address = strtoull(text, &end, 16);
	size_t n = *end == ',' ? strtoul(end + 1, &end, 16) : 0;

	if (n > MEMORY_MAX)
		n = MEMORY_MAX;
	if (write) {
		if (*end != ':' || gdb_from_hex(end + 1, bytes, n) != n ||
		    gdb_memory_write(stub.current, address, bytes, n) != n)
			gdb_send(&stub.p, "E0e");
		else
			gdb_send(&stub.p, "OK");
		return;
	}
	n = gdb_memory_read(stub.current, address, bytes, n);
	gdb_to_hex(bytes, n, hex);
	gdb_send(&stub.p, "%s", n ? hex : "E0e");
}

static void command_breakpoint(const char *text, bool set)
{
	char *end;
	unsigned long type = strtoul(text, &end, 16);
	uint64_t address = *end == ',' ? strtoull(end + 1, &end, 16) : 0;
	size_t len = *end == ',' ? strtoul(end + 1, NULL, 16) : 1;
	int err = set ? gdb_breakpoint_set(stub.current, type, address, len) :
			gdb_breakpoint_clear(stub.current, type, address, len);

	if (err == -EOPNOTSUPP)
		gdb_send(&stub.p, "%s", "");
	else if (err)
		gdb_send(&stub.p, "E%02x", -err & 0xff);
	else
		gdb_send(&stub.p, "OK");
}

static void command_thread(const char *text)
{
	struct vcpu *vcpu;

	if (text[0] == 'g' && text[1] != '-') {
		vcpu = thread(text + 1);
		if (!vcpu) {
			gdb_send(&stub.p, "E01");
			return;
		}
		stub.current = vcpu;
	}
	gdb_send(&stub.p, "OK");
}

static void query_threads(void)
{
	char list[OPTIONS_MAX_VCPUS * 4 + 2] = "m";
	size_t n = 1;

	for (unsigned int i = 0; i < stub.vm->n_vcpus; i++)
		n += snprintf(list + n, sizeof(list) - n, "%s%x", i ? "," : "", i + 1);
	gdb_send(&stub.p, "%s", list);
}

static void query_thread_name(const char *text)
{
	struct vcpu *vcpu = thread(text);
	char name[64], hex[129];

	if (!vcpu) {
		gdb_send(&stub.p, "E01");
		return;
	}
	snprintf(name, sizeof(name), "vp %u, node %u", vcpu->vp, vm_node_of(stub.vm, vcpu->vp));
	gdb_to_hex(name, strlen(name), hex);
	gdb_send(&stub.p, "%s", hex);
}

/* qXfer:features:read:target.xml:OFFSET,LENGTH */
static void query_features(const char *text)
{
	static char part[GDB_PACKET_MAX / 2];
	const char *xml = gdb_target_xml();
	size_t size = strlen(xml), offset, len;
	char *end;

	if (strncmp(text, "target.xml:", 11)) {
		gdb_send(&stub.p, "E00");
		return;
	}
	offset = strtoul(text + 11, &end, 16);
	len = *end == ',' ? strtoul(end + 1, NULL, 16) : 0;
	if (offset > size)
		offset = size;
	if (len > sizeof(part) - 1)
		len = sizeof(part) - 1;
	if (len > size - offset)
		len = size - offset;
	memcpy(part, xml + offset, len);
	part[len] = '\0';
	gdb_send(&stub.p, "%c%s", offset + len < size ? 'm' : 'l', part);
}

static void command_query(char *text)
{
	if (!strncmp(text, "qSupported", 10))
		gdb_send(&stub.p, "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;"
			 "vContSupported+", GDB_PACKET_MAX - 8);
	else if (!strcmp(text, "QStartNoAckMode"))
		stub.p.no_ack = gdb_send(&stub.p, "OK");
	else if (!strncmp(text, "qXfer:features:read:", 20))
		query_features(text + 20);
	else if (!strcmp(text, "qfThreadInfo"))
		query_threads();
	else if (!strcmp(text, "qsThreadInfo"))
		gdb_send(&stub.p, "l");
	else if (!strncmp(text, "qThreadExtraInfo,", 17))
		query_thread_name(text + 17);
	else if (!strcmp(text, "qC"))
		gdb_send(&stub.p, "QC%x", thread_id(stub.current));
	else if (!strcmp(text, "qAttached"))
		gdb_send(&stub.p, "1");
	else
		gdb_send(&stub.p, "%s", "");
}

/* Return: false to end the connection. */
static bool command(char *text)
{
	switch (text[0]) {
	case '?':
		tell_stop(TRAP);
		break;
	case 'g':
		command_read_registers();
		break;
	case 'G':
		command_write_registers(text + 1);
		break;
	case 'p':
	case 'P':
		command_register(text + 1, text[0] == 'P');
		break;
	case 'm':
	case 'M':
		command_memory(text + 1, text[0] == 'M');
		break;
	case 'Z':
	case 'z':
		command_breakpoint(text + 1, text[0] == 'Z');
		break;
	case 'H':
		command_thread(text + 1);
		break;
	case 'T':
		gdb_send(&stub.p, thread(text + 1) ? "OK" : "E01");
		break;
	case 'c':
		resume(false, NULL);
		break;
	case 's':
		resume(true, stub.current);
		break;
	case 'v':
		if (!strcmp(text, "vCont?"))
			gdb_send(&stub.p, "vCont;c;C;s;S");
		else if (!strncmp(text, "vCont;", 6))
			command_vcont(text + 6);
		else
			gdb_send(&stub.p, "%s", "");
		break;
	case 'q':
	case 'Q':
		command_query(text);
		break;
	case 'D':
		gdb_send(&stub.p, "OK");
		return false;
	case 'k':
		vm_stop(stub.vm, VM_END_SIGNAL, 9, "killed by the debugger");
		return false;
	default:
		gdb_send(&stub.p, "%s", "");
		break;
	}
	return true;
}

/* One event of the debugger. Return: false when it is gone. */
static bool serve_packet(void)
{
	switch (gdb_receive(&stub.p)) {
	case GDB_INTERRUPT:
		if (!stub.held) {
			hold();
			tell_stop(INTERRUPTED);
		}
		return true;
	case GDB_PACKET:
		/* While the guest runs only ^C makes sense; whoever asks anyway stops it. */
		if (!stub.held)
			hold();
		return command(stub.p.text);
	default:
		return false;
	}
}

static void serve(void)
{
	struct pollfd fds[2] = {
		{ .fd = stub.p.fd, .events = POLLIN },
		{ .fd = stub.stopped_fd, .events = POLLIN },
	};

	for (;;) {
		if (!gdb_pending(&stub.p) && poll(fds, 2, -1) < 0)
			continue;
		if (!gdb_pending(&stub.p) && fds[1].revents) {
			drain_hits();
			if (!stub.held) {
				hold();
				tell_stop(TRAP);
			}
			continue;
		}
		if (!serve_packet())
			return;
	}
}

/* One debugger, from its arrival to its end. */
static void session(int fd)
{
	stub.p = (struct gdb_packet){ .fd = fd };
	stub.current = &stub.vm->vcpus[0];
	log_info("a debugger is connected");
	__atomic_store_n(&stub.attached, true, __ATOMIC_RELEASE);
	hold();
	serve();
	if (!stub.held)
		hold();
	gdb_breakpoints_clear_all(stub.vm);
	__atomic_store_n(&stub.attached, false, __ATOMIC_RELEASE);
	release();
	log_info("the debugger is gone");
}

static void *serve_port(void *arg)
{
	int one = 1, fd;

	pthread_setname_np(pthread_self(), "gdb");
	while ((fd = accept4(stub.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		session(fd);
		close(fd);
	}
	return NULL;
}

/* A device has no connections: a debugger is there once it has sent something. */
static void *serve_device(void *arg)
{
	const struct timespec nap = { .tv_nsec = DEVICE_NAP_NS };
	struct pollfd p = { .fd = stub.device, .events = POLLIN };

	pthread_setname_np(pthread_self(), "gdb");
	while (poll(&p, 1, -1) >= 0 || errno == EINTR) {
		if (p.revents & POLLIN && !(p.revents & POLLHUP))
			session(stub.device);
		else
			nanosleep(&nap, NULL);
	}
	return NULL;
}

bool gdb_attached(void)
{
	return __atomic_load_n(&stub.attached, __ATOMIC_ACQUIRE);
}

void gdb_end(struct vm *vm)
{
	if (gdb_attached() && !stub.held)
		gdb_send(&stub.p, "W00");
	if (stub.listener >= 0)
		shutdown(stub.listener, SHUT_RDWR);
}

static void listen_on_port(const struct options *opt)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(opt->gdb_port),
		.sin_addr.s_addr = opt->gdb_address,
	};
	int one = 1;

	stub.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (stub.listener < 0 ||
	    setsockopt(stub.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(stub.listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(stub.listener, 1))
		log_fatal(EXIT_USAGE, "--gdb: port %u: %s", opt->gdb_port, strerror(errno));
}

static void open_device(const char *path)
{
	struct termios t;

	stub.device = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (stub.device < 0)
		log_fatal(EXIT_USAGE, "--gdb: %s: %s", path, strerror(errno));
	if (!tcgetattr(stub.device, &t)) {
		cfmakeraw(&t);
		tcsetattr(stub.device, TCSANOW, &t);
	}
}

void gdb_create(struct vm *vm)
{
	const struct options *opt = vm->opt;
	pthread_t handle;
	int err;

	if (!opt->gdb_port && !opt->gdb_device)
		return;
	stub.vm = vm;
	stub.stopped_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stub.stopped_fd < 0)
		log_fatal(EXIT_INTERNAL, "--gdb: %s", strerror(errno));
	if (opt->gdb_device)
		open_device(opt->gdb_device);
	else
		listen_on_port(opt);
	gdb_breakpoints_create(vm, on_hit);
	vcpu_set_debug_hook(on_hit);
	if (opt->gdb_wait) {
		stub.holds = 1;
		vcpu_pause_all(vm, 0);
		log_info("waiting for a debugger");
	}
	err = pthread_create(&handle, NULL, opt->gdb_device ? serve_device : serve_port, NULL);
	if (err)
		log_fatal(EXIT_INTERNAL, "gdb: %s", strerror(err));
}
