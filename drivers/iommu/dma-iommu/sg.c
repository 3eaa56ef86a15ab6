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
 * into one, starts at the next block. So does one that has to keep more of its
 * address than the offset into a granule start where that is so. The hole in front
 * of it is never mapped. An entry larger than a block cannot be helped; it stays
 * where it is. Another device's memory that is reached past the IOMMU takes no IOVA.
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

/* What of @sg's address is kept beyond that */
static size_t entry_kept(const struct iommu_dma_shape *shape,
			 struct scatterlist *sg)
{
	return sg_phys(sg) & shape->kept & ~(shape->granule - 1);
}

static enum iommu_dma_sg_kind entry_kind(const struct iommu_dma_shape *shape,
					 struct scatterlist *sg,
					 dma_addr_t *bus)
{
	return shape->kind ? shape->kind(shape->data, sg, bus) :
			     IOMMU_DMA_SG_MEMORY;
}

/* Does @sg take IOVA? */
static bool is_laid_out(const struct iommu_dma_shape *shape,
			struct scatterlist *sg, enum iommu_dma_sg_kind *kind)
{
	dma_addr_t bus;

	if (!sg->length)
		return false;
	*kind = entry_kind(shape, sg, &bus);
	return *kind != IOMMU_DMA_SG_BUS;
}

/* True if the bytes @first to @last, inclusive, do not lie in one block */
static bool crosses(const struct iommu_dma_shape *shape, u64 first, u64 last)
{
	return (first ^ last) & ~(u64)shape->boundary;
}

/*
 * Where @sg starts when the entries before it end at @end. All is counted from a
 * multiple of the plan's alignment on. Returns false if the result does not fit in a
 * size_t.
 */
static bool place(const struct iommu_dma_shape *shape, struct scatterlist *sg,
		  size_t end, size_t *start)
{
	size_t wide = shape->kept & ~(shape->granule - 1);
	size_t kept = entry_kept(shape, sg);
	size_t offset = entry_offset(shape, sg);
	size_t data;

	if (check_add_overflow(end, (kept - end) & wide, start))
		return false;
	data = *start + offset;
	if (!crosses(shape, data, (u64)data + sg->length - 1))
		return true;

	/*
	 * At the start of a block it would cross as well, or the bits that are kept
	 * say where in a block it is.
	 */
	data = kept + offset;
	if (shape->kept > shape->boundary ||
	    crosses(shape, data, (u64)data + sg->length - 1))
		return true;

	return !check_add_overflow(*start, (-*start & shape->boundary) + kept,
				   start);
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

/* What is worked out for an entry, and does not fail as it did not for the plan */
static void place_again(const struct iommu_dma_shape *shape,
			struct scatterlist *sg, size_t end, size_t *start,
			size_t *size)
{
	entry_size(shape, sg, size);
	place(shape, sg, end, start);
}

/* Alignment of a range that has @end bytes from a multiple of it on */
static size_t range_align(const struct iommu_dma_shape *shape, size_t end)
{
	size_t align = roundup_pow_of_two(end);

	if (align - 1 > shape->boundary)
		align = max(shape->boundary + 1, shape->granule);
	if (shape->kept)
		align = max(align, roundup_pow_of_two(shape->kept));
	return align;
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
	size_t end = 0, offset = 0;
	enum iommu_dma_sg_kind kind;
	struct scatterlist *sg;
	bool bytes = false;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		size_t start, size;

		bytes |= sg->length;
		if (!is_laid_out(shape, sg, &kind))
			continue;
		/* What the first entry needs to begin with is no hole */
		if (!end) {
			offset = entry_kept(shape, sg);
			end = offset;
		}
		if (!entry_size(shape, sg, &size) ||
		    !place(shape, sg, end, &start) ||
		    check_add_overflow(start, size, &end))
			return -EOVERFLOW;
	}
	if (!bytes)
		return -EINVAL;
	/* The alignment is a size_t as well */
	if (end > BIT(BITS_PER_LONG - 1))
		return -EOVERFLOW;

	*plan = (struct iommu_dma_plan){
		.shape = *shape,
		.sgl = sgl,
		.nents = nents,
		.size = end - offset,
		.align = end ? range_align(shape, end) : shape->granule,
		.offset = offset,
	};
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_plan_make);

/**
 * iommu_dma_walk_start() - Begin a walk over a plan
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
		.end = plan->offset,
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
	enum iommu_dma_sg_kind kind;

	run->size = 0;
	for (; walk->left; walk->sg = sg_next(walk->sg), walk->left--) {
		struct scatterlist *sg = walk->sg;
		size_t start, size;
		phys_addr_t phys;
		bool mmio;

		if (!is_laid_out(shape, sg, &kind))
			continue;

		place_again(shape, sg, walk->end, &start, &size);
		phys = sg_phys(sg) - entry_offset(shape, sg);
		mmio = kind == IOMMU_DMA_SG_MMIO;

		if (!run->size) {
			run->offset = start - plan->offset;
			run->phys = phys;
			run->mmio = mmio;
		} else if (start - plan->offset != run->offset + run->size ||
			   phys != run->phys + run->size || mmio != run->mmio) {
			return true;
		}
		run->size += size;
		walk->end = start + size;
	}
	return run->size;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_walk_next);

/**
 * iommu_dma_walk_next_entry() - Find the next entry of a plan that takes IOVA
 * @walk: the walk, on which iommu_dma_walk_next() is not called
 * @plan: the plan
 * @entry: filled in if there is one
 *
 * Context: Any context. Takes no locks.
 * Return: true if there is an entry, false at the end of the list.
 */
bool iommu_dma_walk_next_entry(struct iommu_dma_walk *walk,
			       const struct iommu_dma_plan *plan,
			       struct iommu_dma_entry *entry)
{
	const struct iommu_dma_shape *shape = &plan->shape;
	enum iommu_dma_sg_kind kind;
	size_t start, size;

	for (; walk->left; walk->sg = sg_next(walk->sg), walk->left--)
		if (is_laid_out(shape, walk->sg, &kind))
			break;
	if (!walk->left)
		return false;

	place_again(shape, walk->sg, walk->end, &start, &size);
	entry->sg = walk->sg;
	entry->offset = start - plan->offset + entry_offset(shape, walk->sg);
	entry->mmio = kind == IOMMU_DMA_SG_MMIO;

	walk->end = start + size;
	walk->sg = sg_next(walk->sg);
	walk->left--;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_walk_next_entry);

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

/* Make @addr and @len the DMA segment after @seg, or the first one of @plan */
static struct scatterlist *next_segment(const struct iommu_dma_plan *plan,
					struct scatterlist *seg,
					dma_addr_t addr, unsigned int len)
{
	seg = seg ? sg_next(seg) : plan->sgl;
	sg_dma_address(seg) = addr;
	sg_dma_len(seg) = len;
	return seg;
}

/* Can @len bytes at @addr be a part of the segment @seg? */
static bool can_join(const struct iommu_dma_shape *shape,
		     struct scatterlist *seg, dma_addr_t addr, unsigned int len)
{
	size_t together = (size_t)sg_dma_len(seg) + len;

	return addr == sg_dma_address(seg) + sg_dma_len(seg) &&
	       !sg_dma_is_bus_address(seg) && together <= shape->max_seg &&
	       !crosses(shape, sg_dma_address(seg),
			(u64)sg_dma_address(seg) + together - 1);
}

/**
 * iommu_dma_plan_write() - Tell the list where it was mapped
 * @plan: the plan
 * @iova: start of the range, as the plan's alignment asks
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
	size_t end = plan->offset;
	int i, segs = 0;

	clear_dma_fields(plan->sgl, plan->nents);

	for_each_sg(plan->sgl, sg, plan->nents, i) {
		size_t start, size;
		dma_addr_t addr;

		if (!sg->length)
			continue;
		if (entry_kind(shape, sg, &addr) == IOMMU_DMA_SG_BUS) {
			seg = next_segment(plan, seg, addr, sg->length);
			sg_dma_mark_bus_address(seg);
			segs++;
			continue;
		}

		place_again(shape, sg, end, &start, &size);
		end = start + size;
		addr = iova + (start - plan->offset) + entry_offset(shape, sg);

		if (seg && can_join(shape, seg, addr, sg->length)) {
			sg_dma_len(seg) += sg->length;
			continue;
		}
		seg = next_segment(plan, seg, addr, sg->length);
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
 * was made even if the device's limits have changed since. A segment that is a bus
 * address is passed over, and forgets that it was one: drivers use lists again. A
 * whole walk takes one step per segment.
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

		if (sg_dma_is_bus_address(*sg)) {
			sg_dma_unmark_bus_address(*sg);
			continue;
		}
		if (!extent->size)
			extent->iova = start;
		else if (start != extent->iova + extent->size)
			return true;
		extent->size += size;
	}
	return extent->size;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_sg_next_extent);

/**
 * iommu_dma_mapped_walk_start() - Begin a walk over the entries of a mapped list
 * @walk: the walk
 * @sgl: the list
 * @nents: its entries
 *
 * Context: Any context. Takes no locks.
 */
void iommu_dma_mapped_walk_start(struct iommu_dma_mapped_walk *walk,
				 struct scatterlist *sgl, int nents)
{
	*walk = (struct iommu_dma_mapped_walk){
		.sg = sgl,
		.left = nents,
		.seg = sgl,
	};
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_mapped_walk_start);

/**
 * iommu_dma_mapped_walk_next() - Find the next entry of a list that has IOVA
 * @walk: the walk
 * @sg: set to the entry
 * @iova: set to the DMA address of its data
 *
 * The segments that iommu_dma_plan_write() wrote hold the entries one after the
 * other. What takes no IOVA is passed over.
 *
 * Context: Any context. Takes no locks.
 * Return: true if there is an entry, false at the end of the list.
 */
bool iommu_dma_mapped_walk_next(struct iommu_dma_mapped_walk *walk,
				struct scatterlist **sg, dma_addr_t *iova)
{
	while (walk->left) {
		*sg = walk->sg;
		walk->sg = sg_next(walk->sg);
		walk->left--;
		if (!(*sg)->length)
			continue;

		if (walk->used && walk->used >= sg_dma_len(walk->seg)) {
			walk->seg = sg_next(walk->seg);
			walk->used = 0;
		}
		*iova = sg_dma_address(walk->seg) + walk->used;
		walk->used += (*sg)->length;
		/* Not mapped, or not like that */
		if (walk->used > sg_dma_len(walk->seg))
			return false;
		if (!sg_dma_is_bus_address(walk->seg))
			return true;
	}
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_mapped_walk_next);
