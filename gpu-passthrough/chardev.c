// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/gpupt/ADDRESS: root's; what its holder may do was decided when it was opened, so a process
 * that has the capability can open it for one that has not. Who opened it keeps the function's
 * entry, not the function: after a removal all that is left is to read the last events.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "gpupt.h"

/* struct reader - an open file: where it is in the events */
struct reader {
	struct gpupt_function *fn;
	struct mutex lock;	/* guards the two below */
	u64 next;
	bool lost;		/* events before that one, and nobody was told */
};

static int chardev_open(struct inode *inode, struct file *file)
{
	/* misc_open() put it there, and a device is taken away under the same lock. */
	struct gpupt_function *fn = container_of(file->private_data, struct gpupt_function, misc);
	struct reader *reader;
	int ret = security_locked_down(LOCKDOWN_PCI_ACCESS);

	if (ret)
		return ret;
	reader = kzalloc(sizeof(*reader), GFP_KERNEL_ACCOUNT);
	if (!reader)
		return -ENOMEM;
	kobject_get(&fn->kobj);
	reader->fn = fn;
	mutex_init(&reader->lock);
	spin_lock(&fn->event_lock);
	reader->next = fn->event_head;
	spin_unlock(&fn->event_lock);
	file->private_data = reader;
	return stream_open(inode, file);
}

static int chardev_release(struct inode *inode, struct file *file)
{
	struct reader *reader = file->private_data;

	kobject_put(&reader->fn->kobj);
	mutex_destroy(&reader->lock);
	kfree(reader);
	return 0;
}

/* --- events --- */

static bool event_waits(struct reader *reader)
{
	return READ_ONCE(reader->fn->event_head) != READ_ONCE(reader->next);
}

/*
 * The next event, with the reader's lock; it stays the next until reader.next is advanced.
 * Return: false when there is none.
 */
static bool next_event(struct reader *reader, struct gpupt_event *event)
{
	struct gpupt_function *fn = reader->fn;
	u64 lost = 0;
	bool found;

	spin_lock(&fn->event_lock);
	found = reader->next != fn->event_head;
	if (fn->event_head - reader->next > GPUPT_EVENTS) {
		lost = fn->event_head - reader->next - GPUPT_EVENTS;
		reader->next += lost;
		reader->lost = true;
	}
	if (found)
		*event = fn->event[reader->next % GPUPT_EVENTS];
	spin_unlock(&fn->event_lock);
	if (lost)
		atomic64_add(lost, &fn->stats[GPUPT_STAT_events_lost]);
	if (found && reader->lost)
		event->flags |= GPUPT_EVENT_LOST;
	return found;
}

/* As many as there are and fit. Return: bytes, or -EFAULT. */
static ssize_t take_events(struct reader *reader, char __user *to, size_t count)
{
	struct gpupt_event event;
	ssize_t done = 0;

	mutex_lock(&reader->lock);
	while (count - done >= sizeof(event) && next_event(reader, &event)) {
		if (copy_to_user(to + done, &event, sizeof(event))) {
			done = done ?: -EFAULT;
			break;
		}
		WRITE_ONCE(reader->next, reader->next + 1);
		reader->lost = false;
		done += sizeof(event);
	}
	mutex_unlock(&reader->lock);
	return done;
}

static int wait_for_event(struct reader *reader, bool block)
{
	struct gpupt_function *fn = reader->fn;

	if (event_waits(reader) || READ_ONCE(fn->removed))
		return 0;
	if (!block)
		return -EAGAIN;
	return wait_event_interruptible(fn->event_wait,
					event_waits(reader) || READ_ONCE(fn->removed));
}

static ssize_t chardev_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	struct reader *reader = file->private_data;
	bool removed;
	ssize_t ret;

	if (count < sizeof(struct gpupt_event))
		return -EINVAL;
	/* Threads may share the file: who finds that another one was faster waits again. */
	do {
		ret = wait_for_event(reader, !(file->f_flags & O_NONBLOCK));
		if (ret)
			return ret;
		removed = READ_ONCE(reader->fn->removed);
		ret = take_events(reader, to, count);
	} while (!ret && !removed);
	return ret;
}

static __poll_t chardev_poll(struct file *file, poll_table *wait)
{
	struct reader *reader = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &reader->fn->event_wait, wait);
	if (event_waits(reader))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(reader->fn->removed))
		mask |= EPOLLHUP;
	return mask;
}

/* --- ioctls --- */

/* The size that user space knows of a structure, at least @least, or a negative errno. */
static ssize_t known_size(void __user *arg, size_t least)
{
	u32 argsz;

	if (get_user(argsz, (u32 __user *)arg))
		return -EFAULT;
	if (argsz < least || argsz > PAGE_SIZE)
		return -EINVAL;
	return argsz;
}

static long get_info(struct gpupt_function *fn, void __user *arg)
{
	struct gpupt_info info = { .argsz = sizeof(info), .api_version = GPUPT_API_VERSION };
	ssize_t size = known_size(arg, offsetofend(struct gpupt_info, reserved));
	unsigned int n;

	if (size < 0)
		return size;
	mutex_lock(&fn->lock);
	if (fn->quiesced)
		info.flags |= GPUPT_INFO_QUIESCED;
	if (!fn->claimed)
		info.flags |= GPUPT_INFO_REMOVED;
	for (n = 0; n < GPUPT_BARS; n++) {
		const struct gpupt_bar *bar = &fn->bar[n];

		info.bar[n].size = bar->size;
		if (bar->size)
			info.bar[n].flags |= GPUPT_BAR_EXPORTABLE;
		if (bar->users[1])
			info.bar[n].flags |= GPUPT_BAR_WC;
		if (bar->msix[0].end || bar->msix[1].end)
			info.bar[n].flags |= GPUPT_BAR_MSIX;
	}
	mutex_unlock(&fn->lock);
	return copy_to_user(arg, &info, min_t(size_t, size, sizeof(info))) ? -EFAULT : 0;
}

static bool export_valid(const struct gpupt_export *arg)
{
	return !(arg->flags & ~(GPUPT_EXPORT_WC | GPUPT_EXPORT_STATIC | GPUPT_EXPORT_PINNED)) &&
	       !(arg->open_flags & ~(O_ACCMODE | O_CLOEXEC)) &&
	       (arg->open_flags & O_ACCMODE) != O_ACCMODE && !arg->reserved &&
	       arg->region_index < GPUPT_BARS && arg->nr_ranges &&
	       arg->nr_ranges <= GPUPT_MAX_RANGES &&
	       arg->argsz >= struct_size(arg, dma_ranges, arg->nr_ranges);
}

static long export_ranges(struct gpupt_function *fn, struct file *file, void __user *arg)
{
	struct gpupt_export __user *user = arg;
	struct gpupt_range *ranges;
	struct gpupt_export head;
	long ret;

	/*
	 * Device memory can hold anything, so it takes what raw I/O takes; and importers may write
	 * it, whatever the export's own descriptor was opened for.
	 */
	if (!(file->f_mode & FMODE_WRITE) ||
	    !file_ns_capable(file, &init_user_ns, CAP_SYS_RAWIO) ||
	    security_locked_down(LOCKDOWN_PCI_ACCESS)) {
		gpupt_count(fn, GPUPT_STAT_refused_permission);
		return -EPERM;
	}
	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (!export_valid(&head))
		return -EINVAL;
	ranges = memdup_user(user->dma_ranges, array_size(head.nr_ranges, sizeof(*ranges)));
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);
	ret = gpupt_export(fn, &head, ranges);
	kfree(ranges);
	return ret;
}

static long p2p(struct gpupt_function *fn, struct file *file, void __user *arg)
{
	struct gpupt_p2p query;
	struct gpupt_verdict verdict;
	struct pci_dev *client;

	if (copy_from_user(&query, arg, sizeof(query)))
		return -EFAULT;
	if (query.argsz < sizeof(query) || query.flags & ~GPUPT_P2P_REPORT || query.reserved ||
	    query.data_check > GPUPT_CHECK_FAILED)
		return -EINVAL;
	if (query.flags & GPUPT_P2P_REPORT && !(file->f_mode & FMODE_WRITE))
		return -EPERM;
	/* A reference keeps a function that is removed, but not what is above it. */
	pci_lock_rescan_remove();
	client = pci_get_domain_bus_and_slot(query.domain, query.bus, query.devfn);
	if (client) {
		if (query.flags & GPUPT_P2P_REPORT)
			gpupt_p2p_report(fn, client, query.data_check);
		mutex_lock(&gpupt_lock);
		verdict = gpupt_p2p_verdict(fn, client);
		mutex_unlock(&gpupt_lock);
		pci_dev_put(client);
	}
	pci_unlock_rescan_remove();
	if (!client)
		return -ENODEV;
	query.verdict = verdict.ours;
	query.kernel_verdict = verdict.kernel;
	query.data_check = verdict.data_check;
	strscpy_pad(query.reason, verdict.reason, sizeof(query.reason));
	return copy_to_user(arg, &query, sizeof(query)) ? -EFAULT : 0;
}

static long chardev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct reader *reader = file->private_data;
	struct gpupt_function *fn = reader->fn;

	switch (cmd) {
	case GPUPT_GET_INFO:
		return get_info(fn, (void __user *)arg);
	case GPUPT_EXPORT:
		return export_ranges(fn, file, (void __user *)arg);
	case GPUPT_P2P:
		return p2p(fn, file, (void __user *)arg);
	case GPUPT_QUIESCE:
	case GPUPT_RESUME:
		if (!(file->f_mode & FMODE_WRITE))
			return -EPERM;
		return cmd == GPUPT_QUIESCE ? gpupt_quiesce(fn, GPUPT_QUIESCED_ASKED) :
					      gpupt_resume(fn, GPUPT_QUIESCED_ASKED);
	}
	return -ENOTTY;
}

static void chardev_fdinfo(struct seq_file *m, struct file *file)
{
	struct reader *reader = file->private_data;
	struct gpupt_function *fn = reader->fn;
	struct gpupt_buffer *buffer;
	unsigned int n = 0;
	u64 bytes = 0;

	mutex_lock(&fn->lock);
	list_for_each_entry(buffer, &fn->buffers, list) {
		n++;
		bytes += buffer->size;
	}
	seq_printf(m, "gpupt-device:\t%s\ngpupt-exports:\t%u\ngpupt-bytes:\t%llu\ngpupt-quiesced:\t%d\n",
		   fn->name, n, bytes, !!fn->quiesced);
	mutex_unlock(&fn->lock);
}

static const struct file_operations chardev_fops = {
	.owner = THIS_MODULE,
	.open = chardev_open,
	.release = chardev_release,
	.read = chardev_read,
	.poll = chardev_poll,
	.unlocked_ioctl = chardev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = chardev_fdinfo,
};

/**
 * gpupt_chardev_start() - make the device file
 * @fn: claimed
 *
 * Context: process.
 *
 * Return: 0 or a negative errno.
 */
int gpupt_chardev_start(struct gpupt_function *fn)
{
	snprintf(fn->nodename, sizeof(fn->nodename), "gpupt/%s", fn->name);
	snprintf(fn->miscname, sizeof(fn->miscname), "gpupt-%s", fn->name);
	fn->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = fn->miscname,
		.nodename = fn->nodename,
		.mode = 0600,
		.parent = &fn->pdev->dev,
		.fops = &chardev_fops,
	};
	return misc_register(&fn->misc);
}

/**
 * gpupt_chardev_stop() - nobody opens it any more; who has may go on reading
 * @fn: as for gpupt_chardev_start()
 *
 * Context: process.
 */
void gpupt_chardev_stop(struct gpupt_function *fn)
{
	misc_deregister(&fn->misc);
	wake_up_all(&fn->event_wait);
}
