// SPDX-License-Identifier: GPL-2.0
/*
 * What outlives a reboot: a udev rule for the device, which gives it to hv_netvsc_accel as soon as
 * the bus offers it. The rule asks for this program, so it means nothing once that was removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hvaccel.h"
#include "memory.h"
#include "switch.h"
#include "sysfs.h"

#define RULES "/etc/udev/rules.d"
#define RULE  RULES "/70-hvaccel-%s.rules"

static int write_rule(const char *path, const char *device)
{
	const char *program = program_path();
	FILE *file;
	int ret = 0;

	file = fopen(path, "we");
	if (!file)
		return -errno;
	fprintf(file, "# Made by `hvaccel switch`, taken back by `hvaccel switch NIC intree`.\n"
		"ACTION==\"add\", SUBSYSTEM==\"vmbus\", KERNEL==\"%s\", \\\n"
		"  TEST==\"%s\", ATTR{driver_override}=\"" DRIVER_ACCEL "\", \\\n"
		"  RUN+=\"%s attach %s\"\n", device, program, program, device);
	if (fflush(file) || fsync(fileno(file)))
		ret = -errno;
	if (fclose(file) && !ret)
		ret = -errno;
	return ret;
}

int choice_set(const char *device, const char *driver)
{
	char path[256], new[256];
	int ret;

	snprintf(path, sizeof(path), RULE, device);
	if (strcmp(driver, DRIVER_ACCEL))
		return unlink(path) && errno != ENOENT ? -errno : 0;
	snprintf(new, sizeof(new), RULE ".new", device);
	if ((mkdir("/etc/udev", 0755) && errno != EEXIST) ||
	    (mkdir(RULES, 0755) && errno != EEXIST))
		return -errno;
	ret = write_rule(new, device);
	if (!ret && rename(new, path))
		ret = -errno;
	if (ret)
		unlink(new);
	return ret;
}

bool choice_is_accel(const char *device)
{
	return sysfs_exists(RULE, device);
}

int module_load(const char *driver)
{
	pid_t pid;
	int status;

	if (sysfs_exists("/sys/bus/vmbus/drivers/%s", driver))
		return 0;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		execlp("modprobe", "modprobe", driver, NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (sysfs_exists("/sys/bus/vmbus/drivers/%s", driver))
		return 0;
	say("modprobe %s: %s", driver, WIFEXITED(status) && WEXITSTATUS(status) == 127 ?
	    "no such program" : "failed; is it built for this kernel?");
	return -ENOENT;
}
