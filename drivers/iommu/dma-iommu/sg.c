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

/* The largest layout: its alignment is a size_t as well */
#define MOST ((u64)BIT(BITS_PER_LONG - 1))

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

/**
 * struct spot - Where an entry is in a layout
 * @phys: physical address of the first granule that it touches
 * @offset: bytes from there to its data
 * @start: where that granule is, counted from a multiple of the plan's alignment on
 * @end: where its last granule ends
 */
struct spot {
	phys_addr_t phys;
	size_t offset;
	u64 start;
	u64 end;
};

/* Where an entry starts that would leave its block, or keeps address bits */
static u64 start_elsewhere(const struct iommu_dma_shape *shape,
			   phys_addr_t phys, unsigned int length, u64 end)
{
	u64 wide = shape->kept & ~((u64)shape->granule - 1);
	u64 kept = phys & wide;
	u64 start = end + ((kept - end) & wide);
	size_t offset = phys & (shape->granule - 1);
	u64 data = start + offset;

	if (!crosses(shape, data, data + length - 1))
		return start;

	/*
	 * At the start of a block it would cross as well, or the bits that are kept
	 * say where in a block it is.
	 */
	data = kept + offset;
	if (shape->kept > shape->boundary ||
	    crosses(shape, data, data + length - 1))
		return start;

	return start + (-start & shape->boundary) + kept;
}

/*
 * Find the spot of @sg when the entries before it end at @end, which is not so large
 * that anything overflows.
 */
static void place(const struct iommu_dma_shape *shape, struct scatterlist *sg,
		  u64 end, struct spot *spot)
{
	unsigned int length = sg->length;
	phys_addr_t phys = sg_phys(sg);
	size_t mask = shape->granule - 1;

	spot->offset = phys & mask;
	spot->phys = phys - spot->offset;
	spot->start = end;
	if (shape->kept ||
	    crosses(shape, end + spot->offset, end + spot->offset + length - 1))
		spot->start = start_elsewhere(shape, phys, length, end);
	spot->end = (spot->start + spot->offset + length + mask) & ~(u64)mask;
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

/*
 * Most lists are plain: all of their entries are memory, and follow each other without
 * a hole. Functions of their own work these out in a third of the time, as they look
 * at nothing but sizes. Most of these are whole as well: their entries are whole
 * granules, and take as much IOVA as they are long.
 */
static bool may_be_plain(const struct iommu_dma_shape *shape)
{
	return !shape->kind && !shape->kept && shape->granule <= PAGE_SIZE;
}

/* Bytes of IOVA that an entry of a plain list takes */
static __always_inline u64 plain_size(struct scatterlist *sg, size_t mask,
				      bool whole)
{
	if (whole)
		return sg->length;
	/* It begins where its page does, as far as the mask sees */
	return ((sg->offset & mask) + (u64)sg->length + mask) & ~(u64)mask;
}

static u64 plain_end(const struct iommu_dma_shape *shape,
		     struct scatterlist *sgl, int nents, bool *whole)
{
	size_t mask = shape->granule - 1;
	unsigned int bits = 0;
	struct scatterlist *sg;
	int i, left = nents;
	u64 end = 0;

	/* Counting down takes less, and here nothing else is done */
	for (sg = sgl; left > 0; sg = sg_next(sg), left--) {
		bits |= sg->offset | sg->length;
		end += sg->length;
	}
	*whole = !(bits & mask);
	if (*whole)
		return end;

	end = 0;
	for_each_sg(sgl, sg, nents, i)
		if (likely(sg->length))
			end += plain_size(sg, mask, false);
	return end;
}

/* Returns more than MOST if there is too much */
static u64 layout_end(const struct iommu_dma_shape *shape,
		      struct scatterlist *sgl, int nents, size_t *offset,
		      bool *bytes)
{
	enum iommu_dma_sg_kind kind;
	struct scatterlist *sg;
	u64 end = 0;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		struct spot spot;

		*bytes |= sg->length;
		if (!is_laid_out(shape, sg, &kind))
			continue;
		/* What the first entry needs to begin with is no hole */
		if (!end) {
			*offset = sg_phys(sg) & shape->kept &
				  ~(shape->granule - 1);
			end = *offset;
		}
		place(shape, sg, end, &spot);
		end = spot.end;
		if (end > MOST)
			break;
	}
	return end;
}

/**
 * iommu_dma_plan_make() - Work out how a scatterlist is laid out
 * @plan: filled in on success
 * @shape: what the device and its domain ask, for as long as there is @plan
 * @sgl: the list, only read
 * @nents: its entries
 *
 * Takes three steps per entry at most.
 *
 * Context: Any context. Takes no locks.
 * Return:
 * * %0		- it is done.
 * * %-EINVAL	- there is nothing to map: no entries, or no bytes in them.
 *		  A retry does not help.
 * * %-EOVERFLOW	- the layout is larger than a size_t. A retry does not help.
 */
int iommu_dma_plan_make(struct iommu_dma_plan *plan,
			const struct iommu_dma_shape *shape,
			struct scatterlist *sgl, int nents)
{
	bool plain = may_be_plain(shape), whole = false, bytes = false;
	size_t offset = 0;
	u64 end;

	if (plain) {
		end = plain_end(shape, sgl, nents, &whole);
		bytes = end;
	}
	/* No entry leaves a block if all of them together do not */
	if (!plain || end - 1 > shape->boundary) {
		plain = false;
		end = layout_end(shape, sgl, nents, &offset, &bytes);
	}
	if (end > MOST)
		return -EOVERFLOW;
	if (!bytes)
		return -EINVAL;

	plan->shape = shape;
	plan->sgl = sgl;
	plan->nents = nents;
	plan->size = end - offset;
	plan->align = end ? range_align(shape, end) : shape->granule;
	plan->offset = offset;
	plan->plain = plain;
	plan->whole = plain && whole;
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

/* Add memory to a run: false if it has no room for another piece */
static bool add_piece(struct iommu_dma_run *run, phys_addr_t phys, size_t size)
{
	if (run->nr == IOMMU_DMA_PIECES_OF_RUN)
		return false;

	run->vec[run->nr].paddr = phys;
	run->vec[run->nr].len = size;
	run->nr++;
	return true;
}

static __always_inline void plain_next_run(struct iommu_dma_walk *walk,
					   const struct iommu_dma_plan *plan,
					   struct iommu_dma_run *run,
					   bool whole)
{
	size_t mask = plan->shape->granule - 1;
	struct phys_vec *vec = run->vec, *end = vec + IOMMU_DMA_PIECES_OF_RUN;
	struct scatterlist *sg = walk->sg;
	/* Where no piece begins */
	phys_addr_t next_phys = ~(phys_addr_t)0;
	int left = walk->left;
	u64 size = 0;

	for (; left; sg = sg_next(sg), left--) {
		phys_addr_t phys = sg_phys(sg);
		size_t len = plain_size(sg, mask, whole);

		if (unlikely(!sg->length))
			continue;
		if (!whole)
			phys &= ~(phys_addr_t)mask;
		if (phys == next_phys) {
			vec[-1].len += len;
		} else {
			if (vec == end)
				break;
			vec->paddr = phys;
			vec->len = len;
			vec++;
		}
		next_phys = phys + len;
		size += len;
	}
	run->nr = vec - run->vec;
	run->mmio = false;
	run->offset = walk->end;
	run->size = size;
	walk->sg = sg;
	walk->left = left;
	walk->end += size;
}

static void next_run(struct iommu_dma_walk *walk,
		     const struct iommu_dma_plan *plan,
		     struct iommu_dma_run *run)
{
	const struct iommu_dma_shape *shape = plan->shape;
	enum iommu_dma_sg_kind kind;
	phys_addr_t next_phys = 0;

	run->size = 0;
	for (; walk->left; walk->sg = sg_next(walk->sg), walk->left--) {
		struct spot spot;
		size_t size;
		bool mmio;

		if (!is_laid_out(shape, walk->sg, &kind))
			continue;

		place(shape, walk->sg, walk->end, &spot);
		size = spot.end - spot.start;
		mmio = kind == IOMMU_DMA_SG_MMIO;
		if (!run->nr) {
			run->offset = spot.start - plan->offset;
			run->mmio = mmio;
		} else if (spot.start != walk->end || mmio != run->mmio) {
			return;
		}
		if (spot.phys == next_phys && run->nr)
			run->vec[run->nr - 1].len += size;
		else if (!add_piece(run, spot.phys, size))
			return;
		run->size += size;
		next_phys = spot.phys + size;
		walk->end = spot.end;
	}
}

/**
 * iommu_dma_walk_next() - Find the next run of a plan
 * @walk: the walk
 * @plan: the plan
 * @run: filled in if there is one
 *
 * A run ends at a hole in IOVA, where memory is of another kind, or where it has no
 * room for more pieces. These are as long as they can be. A whole walk takes one
 * step per entry.
 *
 * Context: Any context. Takes no locks.
 * Return: true if there is a run, false at the end of the list.
 */
bool iommu_dma_walk_next(struct iommu_dma_walk *walk,
			 const struct iommu_dma_plan *plan,
			 struct iommu_dma_run *run)
{
	run->nr = 0;
	if (plan->whole)
		plain_next_run(walk, plan, run, true);
	else if (plan->plain)
		plain_next_run(walk, plan, run, false);
	else
		next_run(walk, plan, run);
	return run->nr;
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
	const struct iommu_dma_shape *shape = plan->shape;
	enum iommu_dma_sg_kind kind;
	struct spot spot;

	for (; walk->left; walk->sg = sg_next(walk->sg), walk->left--)
		if (is_laid_out(shape, walk->sg, &kind))
			break;
	if (!walk->left)
		return false;

	place(shape, walk->sg, walk->end, &spot);
	entry->sg = walk->sg;
	entry->offset = spot.start - plan->offset + spot.offset;
	entry->mmio = kind == IOMMU_DMA_SG_MMIO;

	walk->end = spot.end;
	walk->sg = sg_next(walk->sg);
	walk->left--;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_walk_next_entry);

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

/* No later segment is here. Drivers use lists again, so that old flags may be set. */
static void clear_dma_fields(struct scatterlist *sg)
{
	iommu_dma_sg_clear_flags(sg);
	sg_dma_address(sg) = DMA_MAPPING_ERROR;
	sg_dma_len(sg) = 0;
}

/* Of a whole list that is one segment */
static int write_one(const struct iommu_dma_plan *plan, dma_addr_t iova)
{
	/* Read once: for all the compiler knows, the list may hold the plan */
	int i, nents = plan->nents;
	struct scatterlist *sg;

	for_each_sg(plan->sgl, sg, nents, i)
		clear_dma_fields(sg);
	next_segment(plan, NULL, iova, plan->size);
	return 1;
}

static int plain_write(const struct iommu_dma_plan *plan, dma_addr_t iova)
{
	unsigned int len = 0, max_seg = plan->shape->max_seg;
	size_t mask = plan->shape->granule - 1;
	struct scatterlist *sg, *seg = NULL;
	int i, segs = 0, nents = plan->nents;
	dma_addr_t seg_end = 0;

	if (plan->whole && plan->size <= max_seg)
		return write_one(plan, iova);

	for_each_sg(plan->sgl, sg, nents, i) {
		unsigned int length = sg->length;
		dma_addr_t addr = iova + (sg->offset & mask);

		clear_dma_fields(sg);
		if (unlikely(!length))
			continue;

		iova += plain_size(sg, mask, false);
		if (addr != seg_end || len + (u64)length > max_seg || !seg) {
			if (seg)
				sg_dma_len(seg) = len;
			seg = next_segment(plan, seg, addr, 0);
			len = 0;
			segs++;
		}
		len += length;
		seg_end = addr + length;
	}
	sg_dma_len(seg) = len;
	return segs;
}

static int write_list(const struct iommu_dma_plan *plan, dma_addr_t iova)
{
	const struct iommu_dma_shape *shape = plan->shape;
	struct scatterlist *sg, *seg = NULL;
	u64 end = plan->offset;
	int i, segs = 0;

	for_each_sg(plan->sgl, sg, plan->nents, i) {
		struct spot spot;
		dma_addr_t addr;

		clear_dma_fields(sg);
		if (!sg->length)
			continue;
		if (entry_kind(shape, sg, &addr) == IOMMU_DMA_SG_BUS) {
			seg = next_segment(plan, seg, addr, sg->length);
			sg_dma_mark_bus_address(seg);
			segs++;
			continue;
		}

		place(shape, sg, end, &spot);
		end = spot.end;
		addr = iova + (spot.start - plan->offset) + spot.offset;

		if (seg && can_join(shape, seg, addr, sg->length)) {
			sg_dma_len(seg) += sg->length;
			continue;
		}
		seg = next_segment(plan, seg, addr, sg->length);
		segs++;
	}
	return segs;
}

/**
 * iommu_dma_plan_write() - Tell the list where it was mapped
 * @plan: the plan
 * @iova: start of the range, as the plan's alignment asks
 *
 * Writes the DMA address and length of the segments into the first entries of
 * the list, and length 0 into the others. Entries become one segment where they
 * are contiguous in IOVA, no longer than the shape's max_seg together, and do
 * not leave a boundary block. Takes one step per entry.
 *
 * Context: Any context. Takes no locks.
 * Return: The number of segments, at least 1.
 */
int iommu_dma_plan_write(const struct iommu_dma_plan *plan, dma_addr_t iova)
{
	if (plan->plain)
		return plain_write(plan, iova);
	return write_list(plan, iova);
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
