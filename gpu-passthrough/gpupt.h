/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gpupt.h: a passed-through function and what the files of this module do with it.
 *	registry.c	all of them, and what is known of each
 *	grouping.c	which belong together (grouping.h)
 *	xml.c		the topology as text
 *	sysfs.c		/sys/kernel/gpu_passthrough
 *	claim.c		the PCI driver: functions that are handed to this module
 *	export.c	parts of their BARs as dma-bufs
 *	mapping.c	mmap() of those
 *	revoke.c	taking them back; quiesce and resume
 *	event.c		what user space is told
 *	chardev.c	/dev/gpupt
 *	p2p.c		verdicts
 *
 * Locks, outermost first: the kernel's of PCI rescan and removal (never taken in a notifier, where
 * it is held), gpupt_lock, gpupt_function.revoke_lock, .lock, a dma-buf's reservation,
 * gpupt_buffer.map_lock. A process's mmap lock is outside of the last one only.
 */
#ifndef _GPUPT_H
#define _GPUPT_H

#include <linux/atomic.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/uuid.h>
#include <linux/wait.h>

#include "grouping.h"
#include "uapi/linux/hv_gpu_passthrough.h"

#define GPUPT_NAME_BYTES	20	/* of a PCI address: domains have up to 8 digits */
#define GPUPT_SERIAL_BYTES	24
#define GPUPT_EVENTS		64	/* kept of each function; a power of two */
#define GPUPT_CHECKS		64	/* clients whose data check is remembered */

/* Counters of a function, one file each in stats/. */
enum gpupt_stat {
	GPUPT_STAT_exports,
	GPUPT_STAT_export_bytes,
	GPUPT_STAT_attaches,
	GPUPT_STAT_maps,
	GPUPT_STAT_unmaps,
	GPUPT_STAT_faults,
	GPUPT_STAT_faults_huge,
	GPUPT_STAT_faults_refused,
	GPUPT_STAT_revokes,
	GPUPT_STAT_revoke_timeouts,
	GPUPT_STAT_revoke_max_ns,
	GPUPT_STAT_events,
	GPUPT_STAT_events_lost,
	GPUPT_STAT_refused_range,
	GPUPT_STAT_refused_bar,
	GPUPT_STAT_refused_memtype,
	GPUPT_STAT_refused_permission,
	GPUPT_STAT_refused_static,
	GPUPT_STAT_refused_pinned,
	GPUPT_STAT_refused_no_p2p,
	GPUPT_STAT_refused_not_pci,
	GPUPT_STAT_refused_revoked,
	GPUPT_N_STATS
};

/*
 * struct gpupt_bar - a BAR of a claimed function
 * @start, @size: as the CPU sees it; @size 0: not exportable
 * @msix: what of it may not be handed out: table and pending bits, in bytes from its start
 * @users: live exports that are uncached [0] and write combining [1], never both; lock of the
 *	function
 */
struct gpupt_bar {
	phys_addr_t start;
	u64 size;
	struct {
		u64 start;
		u64 end;
	} msix[2];
	unsigned int users[2];
};

/* struct gpupt_check - what a data check of this function's memory by a client found */
struct gpupt_check {
	u32 domain;
	u16 rid;
	u8 result;
};

/*
 * struct gpupt_function - one function, in a bus's synthetic domain or handed to us
 * @kobj: its folder in sysfs, and its reference count
 * @list: of all, under gpupt_lock, as is everything down to @reported
 * @pdev: not to be used after it was unlisted
 * @vpci: behind vPCI: @guid is known
 * @serial: as the host has it, empty until the slot has a name
 * @link_gen, @link_width: as last seen, 0 is unknown
 * @reported: what the last change event told
 * @claimed: bound to this module's driver
 * @quiesced: why no new exports: QUIESCE was asked for, and HIBERNATE
 * @buffers: its exports
 */
struct gpupt_function {
	struct kobject kobj;
	struct list_head list;
	struct pci_dev *pdev;
	char name[GPUPT_NAME_BYTES];
	bool vpci;
	bool listed;
	guid_t guid;
	char serial[GPUPT_SERIAL_BYTES];
	u32 class;
	u8 link_gen;
	u8 link_width;
	struct gpupt_place place;
	struct gpupt_place reported;

	struct mutex revoke_lock; /* one revocation at a time */
	struct mutex lock; /* guards everything down to n_checks */
	bool claimed;
	unsigned int quiesced;
	struct list_head buffers;
	struct gpupt_bar bar[GPUPT_BARS];
	struct gpupt_check checks[GPUPT_CHECKS];
	unsigned int n_checks;

	spinlock_t event_lock;	/* guards the three below */
	struct gpupt_event event[GPUPT_EVENTS];
	u64 event_head;
	bool removed;		/* its last event is there, until it is claimed again */
	wait_queue_head_t event_wait;

	struct miscdevice misc;
	char nodename[GPUPT_NAME_BYTES + 8];
	char miscname[GPUPT_NAME_BYTES + 8];

	atomic64_t stats[GPUPT_N_STATS];
};

#define GPUPT_QUIESCED_ASKED		BIT(0)
#define GPUPT_QUIESCED_HIBERNATE	BIT(1)

struct dentry;
struct dma_buf;

struct gpupt_extent {
	phys_addr_t start;
	u64 size;
};

/*
 * struct gpupt_buffer - an export
 * @fn: counted
 * @dentry: what keeps it: a path to it (O_PATH) outlives the file of @dmabuf
 * @list: of @fn->buffers
 * @revoking: of a revocation under way
 * @map_lock: no fault is being handled while it is held for writing
 * @revoked: written with @map_lock held, before importers are told with the reservation held
 * @told: that has been done; of the revocation
 * @maps: mappings of importers
 * @unmapped: woken when @maps becomes 0
 */
struct gpupt_buffer {
	struct gpupt_function *fn;
	struct dma_buf *dmabuf;
	struct dentry *dentry;
	struct list_head list;
	struct list_head revoking;
	u32 flags;
	u32 bar;
	u64 size;
	struct rw_semaphore map_lock;
	bool revoked;
	bool told;
	atomic_t maps;
	wait_queue_head_t unmapped;
	unsigned int n_extents;
	struct gpupt_extent extent[] __counted_by(n_extents);
};

static inline void gpupt_count(struct gpupt_function *fn, enum gpupt_stat stat)
{
	atomic64_inc(&fn->stats[stat]);
}

/* main.c */
extern unsigned int gpupt_revoke_timeout_ms;

/* registry.c */
extern struct mutex gpupt_lock;
extern struct list_head gpupt_functions;
int gpupt_registry_start(void);
void gpupt_registry_stop(void);
void gpupt_registry_refresh(void);
struct gpupt_function *gpupt_function_get(struct pci_dev *pdev);
void gpupt_function_drop(struct gpupt_function *fn);
void gpupt_settle_soon(void);
int gpupt_with_claimed(void (*act)(struct gpupt_function *fn));

/* sysfs.c */
extern const struct kobj_type gpupt_function_ktype;
extern struct kobject *gpupt_devices;
int gpupt_sysfs_start(void);
void gpupt_sysfs_stop(void);
const char *gpupt_role_name(enum gpupt_role role);
const char *gpupt_confidence_name(enum gpupt_confidence confidence);

/* xml.c */
struct gpupt_text {
	char *at;
	size_t used;
	size_t room;
};

void gpupt_text_add(struct gpupt_text *text, const char *format, ...) __printf(2, 3);
bool gpupt_text_line(struct gpupt_text *text, const char *format, ...) __printf(2, 3);
void gpupt_xml(struct gpupt_text *text, unsigned int version);
void gpupt_table(struct gpupt_text *text);

/* claim.c */
extern struct pci_driver gpupt_driver;

/* export.c */
int gpupt_export(struct gpupt_function *fn, const struct gpupt_export *arg,
		 const struct gpupt_range *ranges);

/* mapping.c */
int gpupt_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma);

/* revoke.c */
void gpupt_revoke(struct gpupt_function *fn);
int gpupt_quiesce(struct gpupt_function *fn, unsigned int why);
int gpupt_resume(struct gpupt_function *fn, unsigned int why);

/* event.c */
void gpupt_event(struct gpupt_function *fn, u32 type, u64 count);
void gpupt_uevent(struct gpupt_function *fn, const char *what);
int gpupt_pm_start(void);
void gpupt_pm_stop(void);

/* chardev.c */
int gpupt_chardev_start(struct gpupt_function *fn);
void gpupt_chardev_stop(struct gpupt_function *fn);

/* p2p.c */
struct gpupt_verdict {
	u32 ours;
	u32 kernel;
	u32 data_check;
	const char *reason;
};

struct gpupt_verdict gpupt_p2p_verdict(struct gpupt_function *provider, struct pci_dev *client);
void gpupt_p2p_report(struct gpupt_function *provider, struct pci_dev *client, u32 result);
void gpupt_p2p_forget(struct gpupt_function *provider, struct pci_dev *client);
void gpupt_p2p_matrix(struct gpupt_text *text);

#endif /* _GPUPT_H */
