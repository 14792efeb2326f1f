// SPDX-License-Identifier: GPL-2.0
/*
 * hvaccel doctor: will GPUDirect RDMA work here, and if not, why. One finding a line of thought;
 * each has a severity, a cause, and the command that mends it.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "dmabuf-probe.h"
#include "hvaccel.h"
#include "json.h"
#include "memory.h"
#include "nic.h"
#include "options.h"
#include "topo.h"

#define RDMA_CLASS "/sys/class/infiniband"

enum severity {
	FINE,
	NOTE,
	WARNING,
	ERROR,
};

static const char * const severity_name[] = { "ok", "note", "warning", "error" };

struct finding {
	enum severity severity;
	const char *about;
	char *text;
	char *mend; /* NULL where no command does */
};

static struct finding *finding;
static size_t n_findings;

static void find(enum severity severity, const char *about, char *mend, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void find(enum severity severity, const char *about, char *mend, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	finding = grow(finding, &n_findings, sizeof(*finding));
	finding[n_findings - 1] = (struct finding){ severity, about, text_of("%s", text), mend };
}

static size_t count(const struct topo *topo, enum role role)
{
	size_t n = 0;

	for (size_t i = 0; i < topo->n_devices; i++)
		n += topo->device[i].role == role;
	return n;
}

static unsigned int gpu_vendor(const struct topo *topo)
{
	for (size_t i = 0; i < topo->n_devices; i++)
		if (topo->device[i].role == ROLE_GPU)
			return topo->device[i].vendor;
	return 0;
}

static void look_at_gpus(const struct topo *topo)
{
	const char *driver = gpu_vendor(topo) == 0x1002 ? "amdgpu" : "nvidia";
	size_t good = 0, n = count(topo, ROLE_GPU);

	if (!n) {
		find(ERROR, "gpu", NULL, "no GPU is passed through to this machine");
		return;
	}
	for (size_t i = 0; i < topo->n_devices; i++) {
		const struct topo_device *d = &topo->device[i];

		if (d->role != ROLE_GPU)
			continue;
		good += !strcmp(d->driver, driver);
		if (!*d->driver)
			find(ERROR, "gpu", text_of("modprobe %s", driver), "%s has no driver",
			     d->address);
		else if (strcmp(d->driver, driver))
			find(ERROR, "gpu", text_of("echo %s >" PCI_DEVICES "/%s/driver/unbind",
						   d->address, d->address),
			     "%s is driven by %s, which shares no memory with NICs", d->address,
			     d->driver);
	}
	if (good == n)
		find(FINE, "gpu", NULL, "%zu GPUs, driven by %s", n, driver);
}

static void look_at_nics(const struct topo *topo)
{
	size_t good = 0, n = count(topo, ROLE_NIC);
	char state[64];

	if (!n) {
		find(ERROR, "nic", count(topo, ROLE_ETHERNET) ?
		     text_of("modprobe mlx5_ib || modprobe mana_ib") : NULL,
		     "no RDMA NIC is passed through to this machine%s",
		     count(topo, ROLE_ETHERNET) ? ", or an Ethernet VF lacks its RDMA driver" : "");
		return;
	}
	for (size_t i = 0; i < topo->n_devices; i++) {
		const struct topo_device *d = &topo->device[i];

		if (d->role != ROLE_NIC)
			continue;
		if (!*d->driver) {
			find(ERROR, "nic", text_of("modprobe mlx5_core"), "%s has no driver",
			     d->address);
		} else if (!*d->rdma) {
			find(ERROR, "nic", text_of("modprobe mlx5_ib"),
			     "%s is driven by %s and has no RDMA device", d->address, d->driver);
		} else if (!sysfs_read(state, sizeof(state), RDMA_CLASS "/%s/ports/1/state",
				       d->rdma) && !strstr(state, "ACTIVE")) {
			find(ERROR, "nic", text_of("ibstat %s", d->rdma), "port 1 of %s is %s",
			     d->rdma, state);
		} else {
			good++;
		}
	}
	if (good == n)
		find(FINE, "nic", NULL, "%zu RDMA NICs, their ports are active", n);
}

/* The first line of a file that has a word, or, with @first, that begins with it. */
static bool line_with(char *line, size_t size, const char *path, const char *word, bool first)
{
	FILE *file = sysfs_open("%s", path);
	bool found = false;

	while (file && !found && fgets(line, size, file))
		found = first ? !strncmp(line, word, strlen(word)) : !!strstr(line, word);
	if (file)
		fclose(file);
	if (found)
		line[strcspn(line, "\n")] = 0;
	return found;
}

static bool peer_memory(void)
{
	return sysfs_exists("/sys/module/nvidia_peermem") ||
	       sysfs_exists("/sys/module/nv_peer_mem");
}

/* How GPU memory gets to the NIC: by dma-buf, or by the peer memory interface of MLNX_OFED. */
static void look_at_dmabuf(const struct topo *topo)
{
	bool open = true, peer = peer_memory();
	const struct topo_device *nic = NULL;
	enum dmabuf answer = DMABUF_UNKNOWN;
	char line[256], why[128] = "a saved tree cannot be asked";

	for (size_t i = 0; i < topo->n_devices && !nic; i++)
		if (topo->device[i].role == ROLE_NIC && *topo->device[i].rdma)
			nic = &topo->device[i];
	if (!nic)
		return;
	if (!sysfs_saved())
		answer = dmabuf_probe(nic->rdma, why, sizeof(why));
	if (gpu_vendor(topo) == 0x10de && sysfs_exists("/proc/driver/nvidia/version"))
		open = line_with(line, sizeof(line), "/proc/driver/nvidia/version",
				 "Open Kernel Module", false);
	if (answer == DMABUF_YES && open)
		find(FINE, "dma-buf", NULL, "%s takes dma-bufs", nic->rdma);
	else if (peer)
		find(FINE, "peermem", NULL, "peer memory is loaded, dma-bufs are not needed");
	else if (!open)
		find(ERROR, "dma-buf", text_of("modprobe nvidia-peermem"),
		     "NVIDIA's closed kernel modules share no dma-bufs, and peer memory is not loaded");
	else if (answer == DMABUF_NO)
		find(ERROR, "dma-buf", text_of("modprobe nvidia-peermem"),
		     "%s takes no dma-bufs, and peer memory is not loaded", nic->rdma);
	else
		find(WARNING, "dma-buf", NULL, "whether %s takes dma-bufs is not known: %s",
		     nic->rdma, why);
}

/* As NCCL searches: its variable, its two configuration files, NVIDIA's well-known place. */
static char *topology_file(void)
{
	static const char known[] = "/var/run/nvidia-topologyd/virtualTopology.xml";
	static const char variable[] = "NCCL_TOPO_FILE=";
	const char *set = sysfs_saved() ? NULL : getenv("NCCL_TOPO_FILE");
	char line[512], *home, *path = NULL;

	if (set)
		return text_of("%s", set);
	home = text_of("%s/.nccl.conf", getenv("HOME") ? getenv("HOME") : "/root");
	if (line_with(line, sizeof(line), home, variable, true) ||
	    line_with(line, sizeof(line), "/etc/nccl.conf", variable, true))
		path = sysfs_path(line + strlen(variable));
	else if (sysfs_exists("%s", known))
		path = sysfs_path(known);
	free(home);
	return path;
}

static char *make_topology(const struct topo *topo)
{
	static const char dir[] = "/var/run/nvidia-topologyd";

	return text_of("mkdir -p %s && hvaccel topo --format %s >%s/virtualTopology.xml", dir,
		       gpu_vendor(topo) == 0x1002 ? "rccl" : "nccl", dir);
}

static void look_at_topology(const struct topo *topo)
{
	char *path = topology_file();
	int n;

	if (!count(topo, ROLE_GPU) || !count(topo, ROLE_NIC)) {
		free(path);
		return;
	}
	if (!path) {
		find(ERROR, "topology", make_topology(topo),
		     "NCCL finds no topology file: it takes every GPU and NIC for far apart, and turns GPUDirect RDMA off");
	} else {
		n = topo_check(topo, path, true);
		if (n < 0)
			find(ERROR, "topology", make_topology(topo), "%s is no topology file",
			     path);
		else if (n)
			find(ERROR, "topology", text_of("hvaccel topo check %s", path),
			     "%s differs from this machine in %d ways", path, n);
		else
			find(FINE, "topology", NULL, "%s agrees with this machine", path);
	}
	free(path);
	if (topo->confidence == CONFIDENCE_EXACT)
		find(FINE, "groups", NULL, "%d groups of GPUs and NICs: %s", topo->n_groups,
		     topo->why);
	else
		find(WARNING, "groups", NULL, "which GPU is next to which NIC is %s: %s",
		     topo->confidence == CONFIDENCE_NONE ? "not known" : "guessed", topo->why);
}

/*
 * Device Control of the PCI Express capability (PCI Express Base, 7.5.3.4): bit 4 allows relaxed
 * ordering. -1 where it cannot be read, as anybody but root cannot beyond the first 64 bytes.
 */
static int relaxed_ordering(const char *address)
{
	unsigned char config[256];
	FILE *file = sysfs_open(PCI_DEVICES "/%s/config", address);
	size_t n = file ? fread(config, 1, sizeof(config), file) : 0;
	unsigned int at;

	if (file)
		fclose(file);
	if (n < sizeof(config))
		return -1;
	at = config[0x34];
	for (int turn = 0; turn < 48 && at >= 0x40 && at < 0xf8; turn++, at = config[at + 1])
		if (config[at] == 0x10)
			return config[at + 8] >> 4 & 1;
	return -1;
}

/* mlx5 asks for the bit until 6.11; from then on it uses relaxed ordering for writes anyway. */
static void look_at_ordering(const struct topo *topo)
{
	unsigned int major = 0, minor = 0, off = 0, unknown = 0;
	char release[128];

	if (sysfs_read(release, sizeof(release), "/proc/sys/kernel/osrelease") ||
	    sscanf(release, "%u.%u", &major, &minor) != 2)
		return;
	for (size_t i = 0; i < topo->n_devices; i++) {
		int set;

		if (topo->device[i].role != ROLE_NIC)
			continue;
		set = relaxed_ordering(topo->device[i].address);
		off += !set;
		unknown += set < 0;
	}
	if (unknown && !off)
		find(NOTE, "ordering", text_of("sudo hvaccel doctor"),
		     "relaxed ordering of %u NICs cannot be read", unknown);
	else if (off && (major < 6 || (major == 6 && minor < 12)))
		find(WARNING, "ordering", NULL,
		     "%u NICs have relaxed ordering off, and this kernel's mlx5 heeds it: 6.12 or later does not",
		     off);
	else if (count(topo, ROLE_NIC))
		find(FINE, "ordering", NULL, "relaxed ordering is used for writes");
}

static void look_at_iommu(const struct topo *topo)
{
	size_t behind = 0;
	char line[128], *at;

	for (size_t i = 0; i < topo->n_devices; i++)
		behind += sysfs_exists(PCI_DEVICES "/%s/iommu_group", topo->device[i].address);
	if (behind)
		find(WARNING, "iommu", NULL,
		     "%zu devices are behind an IOMMU of this guest: peer-to-peer goes through it",
		     behind);
	else
		find(FINE, "iommu", NULL,
		     "no IOMMU and no bridge in the guest: routing and ACS are the host's alone");
	if (!sysfs_read(line, sizeof(line), "/sys/kernel/security/lockdown")) {
		at = strchr(line, '[');
		if (at && strncmp(at, "[none]", 6))
			find(NOTE, "lockdown", text_of("mokutil --sb-state"),
			     "the kernel is locked down (%s): modules have to be signed", at);
	}
}

/* amdgpu asks the kernel whether peers may talk, which it denies on Intel's host bridges. */
static void look_at_processor(const struct topo *topo)
{
	if (gpu_vendor(topo) == 0x1002 && strcmp(topo->vendor, "AuthenticAMD"))
		find(ERROR, "p2p", NULL,
		     "this processor is not AMD's: the kernel refuses peer-to-peer here, and amdgpu copies through system memory");
}

static void look_at_limits(void)
{
	struct rlimit limit;
	long balancing = sysfs_read_long(0, "/proc/sys/kernel/numa_balancing");

	if (!sysfs_saved() && !getrlimit(RLIMIT_MEMLOCK, &limit) &&
	    limit.rlim_cur != RLIM_INFINITY)
		find(WARNING, "memlock", text_of("ulimit -l unlimited"),
		     "%llu kB of memory may be locked here, RDMA wants all of it",
		     (unsigned long long)limit.rlim_cur / 1024);
	if (balancing > 0)
		find(NOTE, "balancing", text_of("sysctl -w kernel.numa_balancing=0"),
		     "NUMA balancing moves pages that NICs have pinned, and fails");
}

static void look_at_names(const struct topo *topo)
{
	unsigned int kernels = 0;

	for (size_t i = 0; i < topo->n_devices; i++) {
		unsigned int number;
		int end = 0;

		kernels += sscanf(topo->device[i].rdma, "mlx5_%u%n", &number, &end) == 1 &&
			   !topo->device[i].rdma[end];
	}
	if (kernels > 1)
		find(NOTE, "names", text_of("hvaccel rdma-names --apply"),
		     "%u RDMA devices have names in the order in which they came, which differs from boot to boot",
		     kernels);
}

static void look_at_versions(void)
{
	char kernel[128], gpu[256] = "", nic[64];

	if (sysfs_read(kernel, sizeof(kernel), "/proc/sys/kernel/osrelease"))
		return;
	if (!line_with(gpu, sizeof(gpu), "/proc/driver/nvidia/version", "Kernel Module",
		       false))
		*gpu = 0;
	if (sysfs_read(nic, sizeof(nic), "/sys/module/mlx5_core/version"))
		*nic = 0;
	find(FINE, "versions", NULL, "kernel %s%s%s%s%s", kernel, *nic ? ", mlx5_core " : "", nic,
	     *gpu ? ", " : "", gpu);
}

static void show_text(enum severity worst)
{
	for (size_t i = 0; i < n_findings; i++) {
		const struct finding *f = &finding[i];

		printf("%-8s %-9s %s\n", severity_name[f->severity], f->about, f->text);
		if (f->mend)
			printf("%18s mend: %s\n", "", f->mend);
	}
	printf("GPUDirect RDMA %s\n", worst == ERROR ? "will not work here" :
	       worst == WARNING ? "may work here, with what is warned of" : "should work here");
}

static void show_json(enum severity worst)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(o, "verdict", json_object_new_string(severity_name[worst]));
	for (size_t i = 0; i < n_findings; i++) {
		const struct finding *f = &finding[i];
		struct json_object *each = json_object_new_object();

		json_object_object_add(each, "severity",
				       json_object_new_string(severity_name[f->severity]));
		json_object_object_add(each, "about", json_object_new_string(f->about));
		json_object_object_add(each, "cause", json_object_new_string(f->text));
		json_text(each, "mend", f->mend ? f->mend : "");
		json_object_array_add(list, each);
	}
	json_object_object_add(o, "findings", list);
	json_show(o, stdout);
}

static void usage(FILE *to)
{
	fprintf(to, "usage: hvaccel doctor [OPTION...]\n"
		"Will GPUDirect RDMA work here, and if not, why.\n"
		"Exit: 0 it should; 6 with warnings; 7 it will not.\n"
		"  -j, --json       as JSON\n"
		"  --sysroot DIR    look at a saved tree instead of this machine\n");
}

int doctor_main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		OPTION_SYSROOT,
		OPTION_HELP,
		{ 0 },
	};
	enum severity worst = FINE;
	struct topo topo;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "jh", known, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		default:
			if (!option_alike(c, usage))
				return STATUS_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hvaccel: doctor takes no '%s'\n", argv[optind]);
		return STATUS_USAGE;
	}
	if (!topo_read(&topo)) {
		topo_free(&topo);
		return STATUS_ABSENT;
	}
	topo_group(&topo);
	look_at_gpus(&topo);
	look_at_nics(&topo);
	look_at_dmabuf(&topo);
	look_at_topology(&topo);
	look_at_ordering(&topo);
	look_at_iommu(&topo);
	look_at_processor(&topo);
	look_at_limits();
	look_at_names(&topo);
	look_at_versions();
	for (size_t i = 0; i < n_findings; i++)
		if (finding[i].severity > worst)
			worst = finding[i].severity;
	if (json)
		show_json(worst);
	else
		show_text(worst);
	for (size_t i = 0; i < n_findings; i++) {
		free(finding[i].text);
		free(finding[i].mend);
	}
	free(finding);
	topo_free(&topo);
	return worst == ERROR ? STATUS_SICK : worst == WARNING ? STATUS_DEGRADED : STATUS_OK;
}
