// SPDX-License-Identifier: GPL-2.0
/*
 * Parts of a claimed function's BARs as dma-bufs. Importers get DMA addresses by
 * dma_map_resource(), which needs no struct page and no opinion of pci_p2pdma; there is no page
 * behind them, so who wants pages is refused. Who cannot be told to let go (static importers,
 * pinned ones) is refused unless the export says that it may hold up a removal.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/overflow.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../compat/dma_buf.h"
#include "gpupt.h"
#include "trace.h"

import_dma_buf_symbols();

#define SEGMENT_MAX	SZ_1G	/* of a scatterlist, whose lengths have 32 bits */

/* struct importer - an attachment; the reservation's lock guards it */
struct importer {
	unsigned int pins;
	unsigned int maps;
};

/* --- importers --- */

static int refuse(struct gpupt_buffer *buffer, enum gpupt_stat why, int err)
{
	gpupt_count(buffer->fn, why);
	return err;
}

/* Importers without operations are static ones. */
static int may_attach(struct gpupt_buffer *buffer, struct dma_buf_attachment *attach)
{
	if (READ_ONCE(buffer->revoked))
		return refuse(buffer, GPUPT_STAT_refused_revoked, -ENODEV);
	if (!dev_is_pci(attach->dev))
		return refuse(buffer, GPUPT_STAT_refused_not_pci, -EOPNOTSUPP);
	if (!attach->importer_ops) {
		if (!(buffer->flags & GPUPT_EXPORT_STATIC))
			return refuse(buffer, GPUPT_STAT_refused_static, -EOPNOTSUPP);
		return 0;
	}
	if (!attach->peer2peer)
		return refuse(buffer, GPUPT_STAT_refused_no_p2p, -EOPNOTSUPP);
	return 0;
}

static int buffer_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct gpupt_buffer *buffer = dmabuf->priv;
	struct importer *importer;
	int ret = may_attach(buffer, attach);

	trace_gpupt_attach(buffer, attach->dev, ret);
	if (ret)
		return ret;
	importer = kzalloc(sizeof(*importer), GFP_KERNEL);
	if (!importer)
		return -ENOMEM;
	attach->priv = importer;
	gpupt_count(buffer->fn, GPUPT_STAT_attaches);
	return 0;
}

static void buffer_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	kfree(attach->priv);
}

/*
 * May it hold on to what it has? The core pins by itself for static importers, and in some kernels
 * once for each mapping of a dynamic one; what is pinned beyond that the importer asked for.
 */
static bool pins_allowed(const struct gpupt_buffer *buffer, struct dma_buf_attachment *attach,
			 unsigned int by_core)
{
	const struct importer *importer = attach->priv;

	return !attach->importer_ops || importer->pins <= by_core ||
	       buffer->flags & GPUPT_EXPORT_PINNED || dma_buf_attach_revocable(attach);
}

static int buffer_pin(struct dma_buf_attachment *attach)
{
	struct gpupt_buffer *buffer = attach->dmabuf->priv;
	struct importer *importer = attach->priv;

	if (READ_ONCE(buffer->revoked))
		return refuse(buffer, GPUPT_STAT_refused_revoked, -ENODEV);
	importer->pins++;
	/* Where the core pins too, who it was shows only when it is mapped. */
	if (dma_buf_pins_on_map || pins_allowed(buffer, attach, 0))
		return 0;
	importer->pins--;
	return refuse(buffer, GPUPT_STAT_refused_pinned, -EOPNOTSUPP);
}

static void buffer_unpin(struct dma_buf_attachment *attach)
{
	struct importer *importer = attach->priv;

	importer->pins--;
}

static void unmap_segments(struct device *dev, struct sg_table *table, unsigned int n,
			   enum dma_data_direction dir)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(table->sgl, sg, n, i)
		dma_unmap_resource(dev, sg_dma_address(sg), sg_dma_len(sg), dir,
				   DMA_ATTR_SKIP_CPU_SYNC);
}

static unsigned int segments(const struct gpupt_buffer *buffer)
{
	unsigned int i, n = 0;

	for (i = 0; i < buffer->n_extents; i++)
		n += DIV_ROUND_UP_ULL(buffer->extent[i].size, SEGMENT_MAX);
	return n;
}

static int map_segments(struct gpupt_buffer *buffer, struct device *dev, struct sg_table *table,
			enum dma_data_direction dir)
{
	struct scatterlist *sg = table->sgl;
	unsigned int i, done = 0;

	for (i = 0; i < buffer->n_extents; i++) {
		phys_addr_t at = buffer->extent[i].start;
		u64 left = buffer->extent[i].size;

		while (left) {
			unsigned int length = min_t(u64, left, SEGMENT_MAX);
			dma_addr_t addr = dma_map_resource(dev, at, length, dir,
							   DMA_ATTR_SKIP_CPU_SYNC);

			if (dma_mapping_error(dev, addr)) {
				unmap_segments(dev, table, done, dir);
				return -EIO;
			}
			sg_set_page(sg, NULL, length, 0);
			sg_dma_address(sg) = addr;
			sg_dma_len(sg) = length;
			sg = sg_next(sg);
			at += length;
			left -= length;
			done++;
		}
	}
	return 0;
}

static struct sg_table *make_table(struct gpupt_buffer *buffer, struct device *dev,
				   enum dma_data_direction dir)
{
	struct sg_table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!table)
		return ERR_PTR(ret);
	ret = sg_alloc_table(table, segments(buffer), GFP_KERNEL);
	if (!ret) {
		ret = map_segments(buffer, dev, table, dir);
		if (!ret)
			return table;
		sg_free_table(table);
	}
	kfree(table);
	return ERR_PTR(ret);
}

/* With the reservation's lock. */
static struct sg_table *buffer_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct gpupt_buffer *buffer = attach->dmabuf->priv;
	struct importer *importer = attach->priv;
	struct sg_table *table;

	if (READ_ONCE(buffer->revoked))
		table = ERR_PTR(refuse(buffer, GPUPT_STAT_refused_revoked, -ENODEV));
	else if (!pins_allowed(buffer, attach, dma_buf_pins_on_map * (importer->maps + 1)))
		table = ERR_PTR(refuse(buffer, GPUPT_STAT_refused_pinned, -EOPNOTSUPP));
	else
		table = make_table(buffer, attach->dev, dir);
	trace_gpupt_map(buffer, attach->dev, PTR_ERR_OR_ZERO(table));
	if (IS_ERR(table))
		return table;
	importer->maps++;
	atomic_inc(&buffer->maps);
	gpupt_count(buffer->fn, GPUPT_STAT_maps);
	return table;
}

static void buffer_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
			 enum dma_data_direction dir)
{
	struct gpupt_buffer *buffer = attach->dmabuf->priv;
	struct importer *importer = attach->priv;

	unmap_segments(attach->dev, table, table->nents, dir);
	sg_free_table(table);
	kfree(table);
	importer->maps--;
	gpupt_count(buffer->fn, GPUPT_STAT_unmaps);
	if (atomic_dec_and_test(&buffer->maps))
		wake_up_all(&buffer->unmapped);
}

/* --- memory types --- */

/* A kernel without PAT, or in a VM without MTRRs (6.1), calls uncached what it cannot combine. */
static bool has_write_combining(void)
{
	return pgprot_val(pgprot_writecombine(__pgprot(0))) !=
	       pgprot_val(pgprot_noncached(__pgprot(0)));
}

/*
 * A page of a BAR has one memory type at a time, so a BAR's exports are all of one kind. On x86 a
 * write combining mapping is none unless the type was reserved; elsewhere reserving does nothing.
 */
static int use_memtype(struct gpupt_bar *bar, bool wc)
{
	int ret = 0;

	if (wc && !has_write_combining())
		return -EOPNOTSUPP;
	if (bar->users[!wc])
		return -EBUSY;
	if (wc && !bar->users[wc])
		ret = arch_io_reserve_memtype_wc(bar->start, bar->size);
	if (!ret)
		bar->users[wc]++;
	return ret;
}

static void unuse_memtype(struct gpupt_bar *bar, bool wc)
{
	if (!--bar->users[wc] && wc)
		arch_io_free_memtype_wc(bar->start, bar->size);
}

/* --- exports --- */

static void buffer_release(struct dma_buf *dmabuf)
{
	struct gpupt_buffer *buffer = dmabuf->priv;
	struct gpupt_function *fn = buffer->fn;
	struct gpupt_bar *bar = &fn->bar[buffer->bar];
	bool wc = buffer->flags & GPUPT_EXPORT_WC;

	mutex_lock(&fn->lock);
	/* Of a function that was given up the types are free already, and the list is another's. */
	if (!list_empty(&buffer->list)) {
		list_del(&buffer->list);
		unuse_memtype(bar, wc);
	}
	mutex_unlock(&fn->lock);
	kfree(buffer);
	kobject_put(&fn->kobj);
}

static const struct dma_buf_ops buffer_ops = {
	.attach = buffer_attach,
	.detach = buffer_detach,
	.pin = buffer_pin,
	.unpin = buffer_unpin,
	.map_dma_buf = buffer_map,
	.unmap_dma_buf = buffer_unmap,
	.mmap = gpupt_mmap,
	.release = buffer_release,
};

static bool touches_msix(const struct gpupt_bar *bar, u64 start, u64 end)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bar->msix); i++)
		if (start < bar->msix[i].end && end > bar->msix[i].start)
			return true;
	return false;
}

static int check_ranges(const struct gpupt_bar *bar, const struct gpupt_range *range,
			unsigned int n, u64 *size)
{
	unsigned int i;
	u64 end;

	*size = 0;
	for (i = 0; i < n; i++) {
		if (!range[i].length || !PAGE_ALIGNED(range[i].offset | range[i].length) ||
		    check_add_overflow(range[i].offset, range[i].length, &end) || end > bar->size ||
		    check_add_overflow(*size, range[i].length, size) || *size > SSIZE_MAX)
			return -EINVAL;
		if (touches_msix(bar, range[i].offset, end))
			return -EPERM;
	}
	return 0;
}

/* With the function's lock: -ENODEV and so on when there is nothing to be had. */
static int check(struct gpupt_function *fn, const struct gpupt_export *arg,
		 const struct gpupt_range *ranges, u64 *size)
{
	struct gpupt_bar *bar = &fn->bar[arg->region_index];
	int ret;

	if (!fn->claimed)
		return -ENODEV;
	if (fn->quiesced) {
		gpupt_count(fn, GPUPT_STAT_refused_revoked);
		return -EBUSY;
	}
	if (!bar->size) {
		gpupt_count(fn, GPUPT_STAT_refused_bar);
		return -EOPNOTSUPP;
	}
	ret = check_ranges(bar, ranges, arg->nr_ranges, size);
	if (ret)
		gpupt_count(fn, GPUPT_STAT_refused_range);
	return ret;
}

static struct gpupt_buffer *make_buffer(struct gpupt_function *fn, const struct gpupt_export *arg,
					const struct gpupt_range *ranges)
{
	struct gpupt_buffer *buffer;
	unsigned int i;

	buffer = kzalloc(struct_size(buffer, extent, arg->nr_ranges), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return NULL;
	buffer->n_extents = arg->nr_ranges;
	for (i = 0; i < arg->nr_ranges; i++) {
		buffer->extent[i].start = fn->bar[arg->region_index].start + ranges[i].offset;
		buffer->extent[i].size = ranges[i].length;
	}
	buffer->fn = fn;
	buffer->flags = arg->flags;
	buffer->bar = arg->region_index;
	INIT_LIST_HEAD(&buffer->list);
	init_rwsem(&buffer->map_lock);
	init_waitqueue_head(&buffer->unmapped);
	return buffer;
}

/* With the function's lock. */
static struct dma_buf *export_locked(struct gpupt_function *fn, const struct gpupt_export *arg,
				     const struct gpupt_range *ranges)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	bool wc = arg->flags & GPUPT_EXPORT_WC;
	struct gpupt_buffer *buffer;
	struct dma_buf *dmabuf;
	u64 size;
	int ret = check(fn, arg, ranges, &size);

	if (ret)
		return ERR_PTR(ret);
	ret = use_memtype(&fn->bar[arg->region_index], wc);
	if (ret) {
		gpupt_count(fn, GPUPT_STAT_refused_memtype);
		return ERR_PTR(ret);
	}
	buffer = make_buffer(fn, arg, ranges);
	if (!buffer) {
		unuse_memtype(&fn->bar[arg->region_index], wc);
		return ERR_PTR(-ENOMEM);
	}
	buffer->size = size;
	info.ops = &buffer_ops;
	info.size = size;
	info.flags = arg->open_flags;
	info.priv = buffer;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		unuse_memtype(&fn->bar[arg->region_index], wc);
		kfree(buffer);
		return dmabuf;
	}
	buffer->dmabuf = dmabuf;
	buffer->dentry = dmabuf->file->f_path.dentry;
	kobject_get(&fn->kobj);
	list_add_tail(&buffer->list, &fn->buffers);
	gpupt_count(fn, GPUPT_STAT_exports);
	atomic64_add(size, &fn->stats[GPUPT_STAT_export_bytes]);
	trace_gpupt_export(buffer);
	return dmabuf;
}

/**
 * gpupt_export() - make a dma-buf of ranges of a BAR
 * @fn: any function that was claimed once
 * @arg: of user space, copied: flags, open_flags, region_index and nr_ranges are checked
 * @ranges: nr_ranges of them, not checked
 *
 * Context: process.
 *
 * Return: a new file descriptor, or -ENODEV: not claimed any more, -EBUSY: quiesced, or exports of
 * the other memory type are alive, -EOPNOTSUPP: not a BAR that is exported, or no write
 * combining in this kernel, -EPERM: the MSI-X table, -EINVAL: ranges are empty, not pages or beyond
 * the end, -ENOMEM, -EMFILE.
 */
int gpupt_export(struct gpupt_function *fn, const struct gpupt_export *arg,
		 const struct gpupt_range *ranges)
{
	struct dma_buf *dmabuf;
	int fd;

	mutex_lock(&fn->lock);
	dmabuf = export_locked(fn, arg, ranges);
	mutex_unlock(&fn->lock);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	fd = dma_buf_fd(dmabuf, arg->open_flags);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}
