// SPDX-License-Identifier: GPL-2.0
/*
 * hvaccel switch: a NIC gets another driver as a transaction that takes itself back. hvaccel
 * confirm makes it last, hvaccel attach is what udev runs at boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "deadline.h"
#include "hvaccel.h"
#include "memory.h"
#include "options.h"
#include "switch.h"
#include "sysfs.h"

#define CONFIRM_DEFAULT 60
#define LIMIT_DEFAULT 60
#define SECONDS_MAX 3600
/* For the guard to say its first word. */
#define START_LIMIT 10

struct options {
	const char *name;
	const char *target;
	unsigned int confirm;
	unsigned int limit;
	unsigned int lose;
	const char *peer;
	bool no_reboot;
	bool dry_run;
};

const char *manager_name(enum manager manager)
{
	static const char * const name[] = { "nobody", "systemd-networkd", "NetworkManager" };

	return name[manager];
}

static bool file_says(const char *text, const char *fmt, int index)
{
	char path[128], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), fmt, index);
	file = sysfs_open("%s", path);
	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, text, strlen(text));
	if (file)
		fclose(file);
	return found;
}

enum manager manager_of(int index)
{
	if (file_says("ADMIN_STATE=config", "/run/systemd/netif/links/%d", index))
		return MANAGER_NETWORKD;
	if (file_says("managed=true", "/run/NetworkManager/devices/%d", index))
		return MANAGER_NETWORKMANAGER;
	return MANAGER_NONE;
}

/* Somebody else's change, whose guard is alive. */
static bool under_way(const char *device)
{
	char line[128], word[32];
	int pid;

	return !sysfs_read(line, sizeof(line), SWITCH_DIR "/%s.state", device) &&
	       sscanf(line, "%31s %*s %d", word, &pid) == 2 &&
	       (!strcmp(word, "switching") || !strcmp(word, "waiting") ||
		!strcmp(word, "returning")) &&
	       (!kill(pid, 0) || errno == EPERM);
}

/* The namespace of the first process, where interfaces appear; -1 when it is this one. */
static int home_of(void)
{
	struct stat here, first;
	int fd;

	if (stat("/proc/self/ns/net", &here) || stat("/proc/1/ns/net", &first) ||
	    (here.st_ino == first.st_ino && here.st_dev == first.st_dev))
		return -1;
	fd = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fprintf(stderr, "hvaccel: /proc/1/ns/net: %s\n", strerror(errno));
	return fd;
}

static bool find_nic(struct nic *found, const char *name)
{
	size_t n;
	struct nic *nics = nics_read(&n);

	found->device[0] = 0;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, nics[i].name) || !strcmp(name, nics[i].device))
			*found = nics[i];
	free(nics);
	return *found->device;
}

/* What is going to be different or gone; true when it may be. */
static bool losses_allowed(const struct switching *s, unsigned int losses, unsigned int lose)
{
	printf("%s gets another interface number; what asks for it by number loses it\n",
	       s->keep.link.name);
	for (unsigned int bit = 0; loss_name(bit); bit++)
		if (losses & 1u << bit)
			printf("not carried over: %s (%s)%s\n", loss_text(bit), loss_name(bit),
			       lose & 1u << bit ? "" : "; --lose is not told so");
	if (s->manager != MANAGER_NONE)
		printf("%s configures %s and will be waited for\n", manager_name(s->manager),
		       s->keep.link.name);
	fflush(stdout);
	return !(losses & ~lose);
}

static int prepare(struct switching *s, const struct options *opt, unsigned int *losses)
{
	struct nl_sock *sk;
	int ret;

	s->to = !strcmp(opt->target, "accel") ? DRIVER_ACCEL : DRIVER_INTREE;
	s->confirm = opt->confirm;
	s->limit = opt->limit;
	s->peer = opt->peer;
	s->no_reboot = opt->no_reboot;
	if (!find_nic(&s->nic, opt->name) || !*s->nic.name) {
		fprintf(stderr, "hvaccel: %s is no synthetic NIC with an interface here\n",
			opt->name);
		return STATUS_ABSENT;
	}
	s->from = s->nic.driver;
	if (under_way(s->nic.device)) {
		fprintf(stderr, "hvaccel: a change of %s is under way\n", opt->name);
		return STATUS_FAILED;
	}
	s->home = home_of();
	s->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	sk = rtnl_open();
	if (!sk)
		return STATUS_FAILED;
	ret = rtnl_link(sk, &s->keep.link, s->nic.name, NULL);
	s->manager = manager_of(s->keep.link.index);
	if (!ret)
		ret = keep_save(&s->keep, sk, s->nic.name, s->manager != MANAGER_NONE, losses);
	nl_socket_free(sk);
	if (ret) {
		fprintf(stderr, "hvaccel: %s: %s\n", s->nic.name, nl_geterror(ret));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

static int open_log(const char *device)
{
	char path[160];
	int fd;

	if (mkdir(SWITCH_DIR, 0700) && errno != EEXIST) {
		fprintf(stderr, "hvaccel: " SWITCH_DIR ": %s\n", strerror(errno));
		return -1;
	}
	snprintf(path, sizeof(path), SWITCH_DIR "/%s.state", device);
	unlink(path);
	snprintf(path, sizeof(path), SWITCH_DIR "/%s.log", device);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		fprintf(stderr, "hvaccel: %s: %s\n", path, strerror(errno));
	return fd;
}

/* The guard: no terminal, a session of its own, nobody's child. */
static int start_guard(struct switching *s, int log)
{
	pid_t pid = fork();
	int null;

	if (pid < 0) {
		fprintf(stderr, "hvaccel: fork: %s\n", strerror(errno));
		return STATUS_FAILED;
	}
	if (pid)
		return STATUS_OK;
	if (setsid() < 0 || fork() != 0)
		_exit(0);
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	say_to(log);
	_exit(guard_run(s));
}

/*
 * Shows what the guard says, until it waits for the confirmation or is done. It has a moment to say
 * its first word, and is followed as long as it lives.
 */
static int follow(const struct switching *s, int log)
{
	struct timespec start;
	bool gone = false;
	off_t at = 0;

	deadline_set(&start, START_LIMIT);
	for (;;) {
		char line[128] = "", word[32] = "", text[512];
		bool alive = deadline_left(&start), end;
		int pid = 0;
		ssize_t n;

		if (!sysfs_read(line, sizeof(line), SWITCH_DIR "/%s.state", s->nic.device) &&
		    sscanf(line, "%31s %*s %d", word, &pid) == 2)
			alive = !kill(pid, 0);
		end = *word && strcmp(word, "switching") && strcmp(word, "returning");
		while ((n = pread(log, text, sizeof(text), at)) > 0) {
			fwrite(text, 1, n, stdout);
			at += n;
		}
		fflush(stdout);
		if (end)
			return !strcmp(word, "waiting") || !strcmp(word, "confirmed") ?
			       STATUS_OK : STATUS_FAILED;
		/* its last word may have come between the two looks: one more */
		if (!alive && !gone) {
			gone = true;
			continue;
		}
		if (!alive) {
			fprintf(stderr, "hvaccel: the process that does it is gone\n");
			return STATUS_FAILED;
		}
		usleep(100000);
	}
}

/* It has that driver already; what it is to have at the next boot may be another one still. */
static int keep_driver(const struct switching *s, const struct options *opt)
{
	bool kept = choice_is_accel(s->nic.device) == !strcmp(s->to, DRIVER_ACCEL);
	int ret;

	printf("%s is driven by %s\n", s->nic.name, s->to);
	if (kept || opt->dry_run)
		return STATUS_OK;
	ret = choice_set(s->nic.device, s->to);
	if (ret) {
		fprintf(stderr, "hvaccel: the choice does not outlive a reboot: %s\n",
			strerror(-ret));
		return STATUS_FAILED;
	}
	printf("the next boot gives it to that driver, too\n");
	return STATUS_OK;
}

static int switch_now(struct switching *s, const struct options *opt)
{
	unsigned int losses = 0;
	int status, log;

	status = prepare(s, opt, &losses);
	if (status)
		return status;
	if (!strcmp(s->from, s->to))
		return keep_driver(s, opt);
	if (!losses_allowed(s, losses, opt->lose)) {
		fprintf(stderr, "hvaccel: %s is left alone; --lose says what may be lost\n",
			s->nic.name);
		return STATUS_FAILED;
	}
	if (opt->dry_run)
		return STATUS_OK;
	if (module_load(s->to))
		return STATUS_FAILED;
	log = open_log(s->nic.device);
	if (log < 0)
		return STATUS_FAILED;
	status = start_guard(s, log);
	return status ? status : follow(s, log);
}

static void usage(FILE *to)
{
	fprintf(to,
		"usage: hvaccel switch NIC accel|intree [OPTION...]\n"
		"Gives the NIC to hv_netvsc_accel or to hv_netvsc, with all that is configured on it,\n"
		"and back again unless `hvaccel confirm` follows.\n"
		"  --confirm SECONDS  how long to wait for that (60); 0: the checks decide\n"
		"  --limit SECONDS    for one way over, checks included (60)\n"
		"  --peer ADDRESS     has to answer too: a ping, or with :PORT a TCP connection\n"
		"  --lose WHAT,...    that may be lost: uppers, tc, xdp, lease, sockets, nexthops, all\n"
		"  --no-reboot        do not reboot even if the NIC cannot be brought back\n"
		"  --dry-run          say what would be lost, and stop\n");
}

static bool seconds_of(unsigned int *seconds, const char *text, unsigned int least)
{
	unsigned long value;
	char *end;

	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || value < least || value > SECONDS_MAX) {
		fprintf(stderr, "hvaccel: '%s' is no number of seconds from %u to %u\n", text,
			least, SECONDS_MAX);
		return false;
	}
	*seconds = value;
	return true;
}

static bool losses_of(unsigned int *lose, char *text)
{
	for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		unsigned int bit = 0;

		if (!strcmp(word, "all")) {
			*lose = LOSS_ALL;
			continue;
		}
		while (loss_name(bit) && strcmp(loss_name(bit), word))
			bit++;
		if (!loss_name(bit)) {
			fprintf(stderr, "hvaccel: --lose knows no '%s'\n", word);
			return false;
		}
		*lose |= 1u << bit;
	}
	return true;
}

static int options(int argc, char **argv, struct options *opt)
{
	static const struct option known[] = {
		{ "confirm", required_argument, NULL, 'c' },
		{ "limit", required_argument, NULL, 'l' },
		{ "peer", required_argument, NULL, 'p' },
		{ "lose", required_argument, NULL, 'o' },
		{ "no-reboot", no_argument, NULL, 'n' },
		{ "dry-run", no_argument, NULL, 'd' },
		OPTION_HELP,
		{ 0 },
	};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			good = seconds_of(&opt->confirm, optarg, 0);
			break;
		case 'l':
			good = seconds_of(&opt->limit, optarg, 2);
			break;
		case 'p':
			opt->peer = optarg;
			break;
		case 'o':
			good = losses_of(&opt->lose, optarg);
			break;
		case 'n':
			opt->no_reboot = true;
			break;
		case 'd':
			opt->dry_run = true;
			break;
		default:
			if (!option_alike(c, usage))
				return STATUS_USAGE;
		}
	}
	if (!good)
		return STATUS_USAGE;
	if (argc - optind != 2 || (strcmp(argv[optind + 1], "accel") &&
				   strcmp(argv[optind + 1], "intree"))) {
		fprintf(stderr, "hvaccel: switch wants a NIC, and accel or intree\n");
		return STATUS_USAGE;
	}
	opt->name = argv[optind];
	opt->target = argv[optind + 1];
	return STATUS_OK;
}

static bool is_root(const char *what)
{
	if (!geteuid())
		return true;
	fprintf(stderr, "hvaccel: %s is for root\n", what);
	return false;
}

int switch_main(int argc, char **argv)
{
	struct options opt = { .confirm = CONFIRM_DEFAULT, .limit = LIMIT_DEFAULT };
	struct switching *s;
	int status;

	status = options(argc, argv, &opt);
	if (status)
		return status;
	if (!opt.dry_run && !is_root("switch"))
		return STATUS_FAILED;
	/* Kept to the end of the process: the guard is a copy of it. */
	s = must(calloc(1, sizeof(*s)));
	return switch_now(s, &opt);
}

/* The device whose change waits for a confirmation; that of @name, or the only one. */
static bool waiting_device(char *device, size_t size, const char *name)
{
	char **entry = sysfs_list(SWITCH_DIR), line[128], word[32], nic[32];
	unsigned int n = 0;

	for (char **e = entry; *e; e++) {
		char *end = strstr(*e, ".state");

		if (!end || end[6] || sysfs_read(line, sizeof(line), SWITCH_DIR "/%s", *e) ||
		    sscanf(line, "%31s %31s", word, nic) != 2 || strcmp(word, "waiting"))
			continue;
		*end = 0;
		if (name && strcmp(name, nic) && strcmp(name, *e))
			continue;
		snprintf(device, size, "%s", *e);
		n++;
	}
	sysfs_list_free(entry);
	if (n > 1)
		fprintf(stderr, "hvaccel: several changes wait for a confirmation, name the NIC\n");
	else if (!n)
		fprintf(stderr, "hvaccel: no change%s%s waits for a confirmation\n",
			name ? " of " : "", name ? name : "");
	return n == 1;
}

static int confirm_device(const char *device)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 10 };
	char answer[32] = "";
	int fd;

	snprintf(at.sun_path, sizeof(at.sun_path), SWITCH_DIR "/%s.socket", device);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    send(fd, "confirm", 7, MSG_NOSIGNAL) < 0 ||
	    recv(fd, answer, sizeof(answer) - 1, 0) <= 0) {
		fprintf(stderr, "hvaccel: %s was not confirmed: %s\n", device,
			errno ? strerror(errno) : "too late");
		if (fd >= 0)
			close(fd);
		return STATUS_FAILED;
	}
	close(fd);
	if (!strcmp(answer, "kept"))
		return STATUS_OK;
	fprintf(stderr, "hvaccel: %s keeps its driver until the next boot only, see " SWITCH_DIR
		"/%s.log\n", device, device);
	return STATUS_FAILED;
}

int confirm_main(int argc, char **argv)
{
	char device[64];

	if (argc > 2 || (argc == 2 && *argv[1] == '-')) {
		bool help = argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));

		fprintf(help ? stdout : stderr, "usage: hvaccel confirm [NIC]\n"
			"The NIC keeps the driver that `hvaccel switch` gave it.\n");
		return help ? STATUS_OK : STATUS_USAGE;
	}
	if (!is_root("confirm") || !waiting_device(device, sizeof(device), argv[1]))
		return STATUS_FAILED;
	return confirm_device(device);
}

int attach_main(int argc, char **argv)
{
	struct nic nic;

	if (argc != 2 || *argv[1] == '-') {
		fprintf(stderr, "usage: hvaccel attach DEVICE (run by udev at boot)\n");
		return STATUS_USAGE;
	}
	if (!is_root("attach") || !find_nic(&nic, argv[1]))
		return STATUS_FAILED;
	if (!strcmp(nic.driver, DRIVER_ACCEL))
		return STATUS_OK;
	/* An interface that is in use, by an initramfs say, is not taken from under its users. */
	if (*nic.name && (sysfs_read_long(0, "/sys/class/net/%s/flags", nic.name) & IFF_UP)) {
		fprintf(stderr, "hvaccel: %s is up and stays with %s\n", nic.name, nic.driver);
		return STATUS_FAILED;
	}
	if (module_load(DRIVER_ACCEL) || step_bind(nic.device, DRIVER_ACCEL)) {
		/* Better slow than without a network. */
		step_bind(nic.device, DRIVER_INTREE);
		return STATUS_FAILED;
	}
	return STATUS_OK;
}
