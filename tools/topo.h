/* SPDX-License-Identifier: GPL-2.0 */
/*
 * topo.h: GPUs, RDMA NICs and NUMA nodes of this VM, and which of them share a switch on the host.
 *
 * topo-read.c: from sysfs. topo-group.c: the pairing. topo-xml.c, topo-text.c, topo-svg.c: as
 * others want it. topo-file.c: a file of NCCL's or RCCL's. topo-check.c: held against it. topo.c:
 * the command.
 */
#ifndef HVACCEL_TOPO_H
#define HVACCEL_TOPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sysfs.h"

enum role {
	ROLE_OTHER,
	ROLE_GPU,
	ROLE_NIC, /* RDMA */
	ROLE_NVSWITCH,
	ROLE_ETHERNET, /* the VF of a synthetic NIC */
};

/* How far the pairing of GPUs and NICs can be trusted. */
enum confidence {
	CONFIDENCE_NONE, /* not known, or the host gave no NUMA nodes */
	CONFIDENCE_HEURISTIC, /* by counting */
	CONFIDENCE_EXACT, /* this GPU's boards are known, and the counts agree */
};

/**
 * struct topo_device - a PCI function behind vPCI
 * @address: domain:bus:device.function
 * @guid: its VMBus device
 * @serial: or ""
 * @role: what it is
 * @class, @vendor, @device: PCI ids
 * @subsystem_vendor, @subsystem_device: likewise
 * @node: NUMA node as sysfs has it, -1 for none
 * @speed: in GT/s, 0 for unknown
 * @width: lanes, 0 for unknown
 * @driver, @rdma, @net: names, or ""
 * @group: number, from 0; -1 for a device that belongs to none
 */
struct topo_device {
	char address[32];
	char guid[64];
	char serial[32];
	enum role role;
	unsigned int class;
	unsigned int vendor;
	unsigned int device;
	unsigned int subsystem_vendor;
	unsigned int subsystem_device;
	int node;
	double speed;
	unsigned int width;
	char driver[64];
	char rdma[64];
	char net[32];
	int group;
};

struct topo_node {
	int id;
	struct cpus cpus;
};

/**
 * struct topo - the machine
 * @node, @n_nodes: NUMA nodes, by number
 * @device, @n_devices: by address
 * @n_groups: devices of a group share a switch
 * @confidence: in the groups
 * @why: the reason in words
 * @vendor, @family, @model: of the processors; "" and 0 where /proc/cpuinfo has none
 * @arm64: they are
 */
struct topo {
	struct topo_node *node;
	size_t n_nodes;
	struct topo_device *device;
	size_t n_devices;
	int n_groups;
	enum confidence confidence;
	char why[256];
	char vendor[32];
	unsigned int family;
	unsigned int model;
	bool arm64;
};

extern const char * const role_name[];
extern const char * const confidence_name[];

/** topo_read() - the machine, its groups not yet made; false with one line when it has no vPCI */
bool topo_read(struct topo *topo);
void topo_free(struct topo *topo);

/** topo_group() - puts GPUs and NICs into groups */
void topo_group(struct topo *topo);

/** topo_node_of() - the node that a device is shown at: a real one, whatever sysfs says */
int topo_node_of(const struct topo *topo, const struct topo_device *device);

/** topo_near() - NICs of a GPU's group, by RDMA name and @suffix, or by address, with commas */
void topo_near(const struct topo *topo, const struct topo_device *gpu, const char *suffix,
	       char *text, size_t size);

/** topo_link() - speed and width to show: where a function has none, its group's best */
void topo_link(const struct topo *topo, const struct topo_device *device, double *speed,
	       unsigned int *width);

/** topo_bridge() - the address of a group's switch, which no device of the machine has */
void topo_bridge(const struct topo *topo, int group, char *text, size_t size);

/** topo_xml() - for NCCL (version 1) or RCCL (version 2) */
void topo_xml(const struct topo *topo, int version, FILE *to);

/* For people, jq, hwloc, Graphviz and node-feature-discovery; a picture. */
void topo_text(const struct topo *topo, FILE *to);
void topo_json(const struct topo *topo, FILE *to);
void topo_hwloc(const struct topo *topo, FILE *to);
void topo_dot(const struct topo *topo, FILE *to);
void topo_k8s(const struct topo *topo, FILE *to);
void topo_svg(const struct topo *topo, FILE *to);

/* struct topo_entry - a device of a file */
struct topo_entry {
	char address[32];
	char class[16];
	char speed[32];
	char width[16];
	int node;
	char bridge[32]; /* "" directly below the processor */
	bool parent; /* has devices below it: a bridge */
};

/* struct topo_cpu - a NUMA node of a file */
struct topo_cpu {
	int node;
	struct cpus cpus;
	bool readable; /* its affinity */
};

/* struct topo_file - what is in a file */
struct topo_file {
	int version;
	struct topo_cpu *cpu;
	size_t n_cpus;
	struct topo_entry *entry;
	size_t n_entries;
};

/**
 * topo_file_read() - a file
 * @file: filled
 * @path: name
 * @fault: called with each thing that NCCL's parser stumbles over
 *
 * Return: false with one line on stderr when it is no such XML at all.
 */
bool topo_file_read(struct topo_file *file, const char *path, void (*fault)(const char *text));
void topo_file_free(struct topo_file *file);

/**
 * topo_check() - holds a file against the machine
 * @topo: machine
 * @path: of the file
 * @quiet: count only, else print each difference
 *
 * Return: how many there are, or -1 with one line on stderr when it is no such file.
 */
int topo_check(const struct topo *topo, const char *path, bool quiet);

#endif
