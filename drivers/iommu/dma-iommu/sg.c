// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plan of a scatterlist.
 *
 * Owns the arithmetic that lays a scatterlist out in IOVA space: which entry
 * goes where, what is contiguous, and which DMA segments the device is told of.
 *
 * Principle: plan, then commit. iommu_dma_plan_make() and the walk only read the
 * list; iommu_dma_plan_write() is called when nothing can fail any more and is
 * the one place that writes it. Nothing is stored per entry: placing an entry
 * needs only the end of the one before it, so that each pass over the list
 * works the layout out again and a list of any length needs no memory.
 *
 * Layout: entries follow each other in list order, each in as many granules as
 * its data touches. An entry whose data would leave a boundary block, but fits
 * into one, starts at the next block. The hole in front of it is never mapped.
 * An entry larger than a block cannot be helped; it stays where it is.
 *
 * No locks. Any context.
 */

#include "sg.h"

/* Bytes between the start of the first granule that @sg touches and its data */
static size_t entry_offset(const struct iommu_dma_shape *shape,
			   struct scatterlist *sg)
{
	return sg_phys(sg) & (shape->granule - 1);
}

/* True if the bytes @first to @last, inclusive, do not lie in one block */
static bool crosses(const struct iommu_dma_shape *shape, u64 first, u64 last)
{
	return (first ^ last) & ~(u64)shape->boundary;
}

/*
 * Where @sg starts in the range when the entries before it end at @end.
 * Returns false if the result does not fit in a size_t.
 */
static bool place(const struct iommu_dma_shape *shape, struct scatterlist *sg,
		  size_t end, size_t *start)
{
	size_t data = end + entry_offset(shape, sg);
	size_t pad;

	*start = end;
	if (!crosses(shape, data, (u64)data + sg->length - 1))
		return true;

	/* At the start of a block it would cross as well */
	if (crosses(shape, entry_offset(shape, sg),
		    (u64)entry_offset(shape, sg) + sg->length - 1))
		return true;

	pad = -end & shape->boundary;
	return !check_add_overflow(end, pad, start);
}

/* Bytes of IOVA that @sg takes, or false if they do not fit in a size_t */
static bool entry_size(const struct iommu_dma_shape *shape,
		       struct scatterlist *sg, size_t *size)
{
	size_t granules;

	if (check_add_overflow(entry_offset(shape, sg), (size_t)sg->length,
			       &granules) ||
	    check_add_overflow(granules, shape->granule - 1, &granules))
		return false;

	*size = granules & ~(shape->granule - 1);
	return true;
}

/**
 * iommu_dma_plan_make() - Work out how a scatterlist is laid out
 * @plan: filled in on success
 * @shape: what the device and its domain ask
 * @sgl: the list, only read
 * @nents: its entries
 *
 * Takes one step per entry.
 *
 * Context: Any context. Takes no locks.
 * Return: 0, or
 * * -EINVAL	- there is nothing to map: no entries, or no bytes in them.
 *		  A retry does not help.
 * * -EOVERFLOW	- the layout is larger than a size_t. A retry does not help.
 */
int iommu_dma_plan_make(struct iommu_dma_plan *plan,
			const struct iommu_dma_shape *shape,
			struct scatterlist *sgl, int nents)
{
	struct scatterlist *sg;
	size_t end = 0;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		size_t start, size;

		if (!sg->length)
			continue;
		if (!entry_size(shape, sg, &size) ||
		    !place(shape, sg, end, &start) ||
		    check_add_overflow(start, size, &end))
			return -EOVERFLOW;
	}
	if (!end)
		return -EINVAL;
	/* The alignment below is a size_t as well */
	if (end > BIT(BITS_PER_LONG - 1))
		return -EOVERFLOW;

	*plan = (struct iommu_dma_plan){
		.shape = *shape,
		.sgl = sgl,
		.nents = nents,
		.size = end,
		.align = roundup_pow_of_two(end),
	};
	if (plan->align - 1 > shape->boundary)
		plan->align = max(shape->boundary + 1, shape->granule);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_plan_make);

/**
 * iommu_dma_walk_start() - Begin a walk over the runs of a plan
 * @walk: the walk
 * @plan: the plan
 *
 * Context: Any context. Takes no locks.
 */
void iommu_dma_walk_start(struct iommu_dma_walk *walk,
			  const struct iommu_dma_plan *plan)
{
	*walk = (struct iommu_dma_walk){
		.sg = plan->sgl,
		.left = plan->nents,
	};
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_walk_start);

/**
 * iommu_dma_walk_next() - Find the next run of a plan
 * @walk: the walk
 * @plan: the plan
 * @run: filled in if there is one
 *
 * A run is as long as it can be: it ends where memory, or IOVA at a hole, is
 * not contiguous. A whole walk takes one step per entry.
 *
 * Context: Any context. Takes no locks.
 * Return: true if there is a run, false at the end of the list.
 */
bool iommu_dma_walk_next(struct iommu_dma_walk *walk,
			 const struct iommu_dma_plan *plan,
			 struct iommu_dma_run *run)
{
	const struct iommu_dma_shape *shape = &plan->shape;

	run->size = 0;
	for (; walk->left; walk->sg = sg_next(walk->sg), walk->left--) {
		struct scatterlist *sg = walk->sg;
		size_t start, size;
		phys_addr_t phys;

		if (!sg->length)
			continue;

		/* These cannot fail: they did not when the plan was made */
		entry_size(shape, sg, &size);
		place(shape, sg, walk->offset, &start);
		phys = sg_phys(sg) - entry_offset(shape, sg);

		if (!run->size) {
			run->offset = start;
			run->phys = phys;
		} else if (start != run->offset + run->size ||
			   phys != run->phys + run->size) {
			return true;
		}
		run->size += size;
		walk->offset = start + size;
	}
	return run->size;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_walk_next);

static void clear_dma_fields(struct scatterlist *sgl, int nents)
{
	struct scatterlist *sg;
	int i;

	/* Drivers use lists again, so that old flags may still be set */
	for_each_sg(sgl, sg, nents, i) {
		iommu_dma_sg_clear_flags(sg);
		sg_dma_address(sg) = DMA_MAPPING_ERROR;
		sg_dma_len(sg) = 0;
	}
}

/**
 * iommu_dma_plan_write() - Tell the list where it was mapped
 * @plan: the plan
 * @iova: start of the range, a multiple of the plan's alignment
 *
 * Writes the DMA address and length of the segments into the first entries of
 * the list, and length 0 into the others. Entries become one segment where they
 * are contiguous in IOVA, no longer than the shape's max_seg together, and do
 * not leave a boundary block. Takes two steps per entry.
 *
 * Context: Any context. Takes no locks.
 * Return: The number of segments, at least 1.
 */
int iommu_dma_plan_write(const struct iommu_dma_plan *plan, dma_addr_t iova)
{
	const struct iommu_dma_shape *shape = &plan->shape;
	struct scatterlist *sg, *seg = NULL;
	size_t end = 0;
	int i, segs = 0;

	clear_dma_fields(plan->sgl, plan->nents);

	for_each_sg(plan->sgl, sg, plan->nents, i) {
		size_t start, size, len;
		dma_addr_t addr;

		if (!sg->length)
			continue;

		entry_size(shape, sg, &size);
		place(shape, sg, end, &start);
		end = start + size;
		addr = iova + start + entry_offset(shape, sg);

		if (seg && addr == sg_dma_address(seg) + sg_dma_len(seg)) {
			len = (size_t)sg_dma_len(seg) + sg->length;
			if (len <= shape->max_seg &&
			    !crosses(shape, sg_dma_address(seg),
				     (u64)sg_dma_address(seg) + len - 1)) {
				sg_dma_len(seg) = len;
				continue;
			}
		}

		seg = seg ? sg_next(seg) : plan->sgl;
		sg_dma_address(seg) = addr;
		sg_dma_len(seg) = sg->length;
		segs++;
	}
	return segs;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_plan_write);

/**
 * iommu_dma_sg_next_extent() - Find the next stretch of IOVA that a list holds
 * @sg: next segment, moved on
 * @left: entries from @sg on, moved on
 * @granule: smallest page of the IOMMU in bytes
 * @extent: filled in if there is one
 *
 * Reads what iommu_dma_plan_write() wrote, so that a mapping is taken away as it
 * was made even if the device's limits have changed since. A whole walk takes
 * one step per segment.
 *
 * Context: Any context. Takes no locks.
 * Return: true if there is a stretch, false at the end of the segments.
 */
bool iommu_dma_sg_next_extent(struct scatterlist **sg, int *left,
			      size_t granule, struct iommu_dma_extent *extent)
{
	extent->size = 0;
	for (; *left > 0 && sg_dma_len(*sg); *sg = sg_next(*sg), (*left)--) {
		dma_addr_t start = ALIGN_DOWN(sg_dma_address(*sg), granule);
		dma_addr_t end = sg_dma_address(*sg) + sg_dma_len(*sg);
		size_t size = ALIGN(end - start, granule);

		if (!extent->size)
			extent->iova = start;
		else if (start != extent->iova + extent->size)
			return true;
		extent->size += size;
	}
	return extent->size;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_sg_next_extent);
