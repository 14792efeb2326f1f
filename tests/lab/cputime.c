// SPDX-License-Identifier: GPL-2.0
/* What a thread of this process has cost: its clock, and proc_pid_stat(5) for the split. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cputime.h"
#include "stats.h"

#define NSEC_PER_SEC 1000000000ULL

/* Fields 14, 15 and 43 of /proc/self/task/TID/stat, counted after the command's closing bracket. */
static void read_split(int tid, struct cputime *cpu)
{
	uint64_t ns_per_tick = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
	char path[64], buf[1024], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return;
	p = fgets(buf, sizeof(buf), f) ? strrchr(buf, ')') : NULL;
	fclose(f);
	if (!p)
		return;
	for (unsigned int field = 3; (p = strchr(p, ' ')); field++) {
		uint64_t value = strtoull(++p, NULL, 10) * ns_per_tick;

		if (field == 14)
			cpu->user = value;
		else if (field == 15)
			cpu->system = value;
		else if (field == 43)
			cpu->guest = value;
	}
}

void cputime_read(pthread_t thread, int tid, struct cputime *cpu)
{
	struct timespec ts;
	clockid_t clock;

	memset(cpu, 0, sizeof(*cpu));
	if (!pthread_getcpuclockid(thread, &clock) && !clock_gettime(clock, &ts))
		cpu->total = (uint64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	read_split(tid, cpu);
}

void cputime_put(struct json_object *into, const struct cputime *cpu)
{
	stats_put(into, "total_ns", cpu->total);
	stats_put(into, "user_ns", cpu->user);
	stats_put(into, "system_ns", cpu->system);
	stats_put(into, "guest_ns", cpu->guest);
}
