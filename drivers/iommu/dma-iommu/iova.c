// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOVA space of one domain.
 *
 * Owns which IOVAs are free, in use, reserved or quarantined. Knows nothing of
 * devices, page tables or directions: every limit comes with the request.
 *
 * The search itself is done by the kernel's struct iova_domain. Its interface
 * has two properties that callers here are shielded from: it uses page frame 0
 * for "none" (frame 0 is never part of a space, so that the two cannot be
 * confused), and it does not say whether space or memory ran out.
 *
 * Locks: the iova_domain's own, innermost, safe with interrupts off.
 * Reservations are made under the mutex of the IOMMU group and may sleep.
 */

#include <kunit/visibility.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/xarray.h>

#include "private.h"

static unsigned long to_pfn(const struct iommu_dma_space *space,
			    dma_addr_t iova)
{
	return iova >> __ffs(space->granule);
}

/**
 * iommu_dma_space_init() - Set up an empty IOVA space
 * @space: zeroed memory
 * @granule: smallest page of the IOMMU in bytes, a power of two
 * @first: lowest address that the IOMMU translates
 * @last: highest address that it translates, inclusive
 *
 * The first granule of the address space is left out even if @first is 0:
 * drivers and devices that take the DMA address 0 for "none" are too many.
 *
 * Context: Process context, may sleep.
 * Return: 0, or
 * * -EINVAL	- @granule is larger than a page of the CPU, or the range holds
 *		  no whole granule. A retry does not help.
 * * -ENOMEM	- out of memory.
 */
int iommu_dma_space_init(struct iommu_dma_space *space, size_t granule,
			 dma_addr_t first, dma_addr_t last)
{
	int ret;

	/* Pages of the CPU could not be mapped one by one */
	if (granule > PAGE_SIZE)
		return -EINVAL;

	first = max_t(dma_addr_t, first, granule);
	if (check_add_overflow(first, granule - 1, &first))
		return -EINVAL;
	first = ALIGN_DOWN(first, granule);
	if (last < first || last - first < granule - 1)
		return -EINVAL;

	init_iova_domain(&space->iovad, granule, first >> __ffs(granule));
	ret = iova_domain_init_rcaches(&space->iovad);
	if (ret)
		return ret;

	mt_init(&space->reserved);
	space->first = first;
	space->last = last;
	space->granule = granule;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_init);

/**
 * iommu_dma_space_destroy() - Release an IOVA space and all that is in it
 * @space: the space, which may never have been set up
 *
 * Context: Process context, may sleep. No other call on @space may be running.
 */
void iommu_dma_space_destroy(struct iommu_dma_space *space)
{
	if (!space->granule)
		return;

	mtree_destroy(&space->reserved);
	put_iova_domain(&space->iovad);
	space->granule = 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_destroy);

/* True if an allocation lies in the frames @lo to @hi */
static bool in_use(struct iommu_dma_space *space, unsigned long lo,
		   unsigned long hi)
{
	struct rb_root *root = &space->iovad.rbroot;
	struct rb_node *node;

	guard(spinlock_irqsave)(&space->iovad.iova_rbtree_lock);
	for (node = rb_first(root); node; node = rb_next(node)) {
		struct iova *iova = rb_entry(node, struct iova, node);

		/* The last node is a mark of the allocator's, not a range */
		if (iova == &space->iovad.anchor || iova->pfn_lo > hi)
			return false;
		if (iova->pfn_hi >= lo)
			return true;
	}
	return false;
}

static int reserve_gap(struct iommu_dma_space *space, unsigned long lo,
		       unsigned long hi)
{
	void *mark = xa_mk_value(1);
	int ret;

	if (in_use(space, lo, hi))
		return -EBUSY;

	ret = mtree_insert_range(&space->reserved, lo, hi, mark, GFP_KERNEL);
	if (ret)
		return ret;
	if (reserve_iova(&space->iovad, lo, hi))
		return 0;

	mtree_erase(&space->reserved, lo);
	return -ENOMEM;
}

/**
 * iommu_dma_space_reserve() - Take a range out of an IOVA space for good
 * @space: the space
 * @first: lowest address of the range
 * @last: highest address of the range, inclusive
 *
 * Rounds to whole granules, outwards. What lies outside the space, or is
 * reserved already, is no error. Takes steps in proportion to the reservations
 * and, the first time that a range is reserved, to the allocations in the space;
 * it is meant for set-up.
 *
 * Context: Process context, may sleep. The caller holds the group's mutex, or is
 * the only user of @space.
 * Return: 0, or
 * * -EBUSY	- a part is in use, or was lately and is still cached by the
 *		  allocator. Reservations already made stay.
 * * -EINVAL	- @last is below @first. A retry does not help.
 * * -ENOMEM	- out of memory.
 */
int iommu_dma_space_reserve(struct iommu_dma_space *space, dma_addr_t first,
			    dma_addr_t last)
{
	unsigned long lo, hi, gap_hi;
	int ret;

	if (last < first)
		return -EINVAL;
	if (last < space->first || first > space->last)
		return 0;

	lo = to_pfn(space, max(first, space->first));
	hi = to_pfn(space, min(last, space->last));
	for (;;) {
		MA_STATE(mas, &space->reserved, lo, lo);

		mas_lock(&mas);
		gap_hi = mas_find(&mas, hi) ? mas.index : hi + 1;
		mas_unlock(&mas);

		if (gap_hi > lo) {
			ret = reserve_gap(space, lo, gap_hi - 1);
			if (ret)
				return ret;
		}
		if (gap_hi > hi || mas.last >= hi)
			return 0;
		lo = mas.last + 1;
	}
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_reserve);

/*
 * The allocator takes a search that failed below a device's own limit for one
 * that found all of the first 4 GiB full, and refuses the next ones untried. A
 * device with a small mask must not do that to the others of its domain.
 */
static void forget_failure(struct iommu_dma_space *space)
{
	struct iova_domain *iovad = &space->iovad;

	guard(spinlock_irqsave)(&iovad->iova_rbtree_lock);
	iovad->max32_alloc_size = iovad->dma_32bit_pfn;
}

/**
 * iommu_dma_space_alloc() - Find room for a mapping
 * @space: the space
 * @request: what is asked
 * @iova: set on success
 *
 * The search of struct iova_domain takes steps in proportion to the allocations
 * in the space, with interrupts off.
 *
 * Context: Any context. Takes the iova_domain's locks.
 * Return: 0, or
 * * -EINVAL	- the request is empty, not whole granules, or asks for more
 *		  alignment than its size. A retry does not help.
 * * -ENOSPC	- there is no room below the limit, or, which struct
 *		  iova_domain does not tell apart, no memory. A retry may help
 *		  when other mappings of the domain have gone.
 */
int iommu_dma_space_alloc(struct iommu_dma_space *space,
			  const struct iommu_dma_request *request,
			  dma_addr_t *iova)
{
	unsigned int shift = __ffs(space->granule);
	dma_addr_t limit = min(request->limit, space->last);
	unsigned long count, limit_pfn, pfn = 0;

	if (!request->size || iommu_dma_offset(space, request->size) ||
	    request->align / 2 >= request->size)
		return -EINVAL;
	if (limit < space->first || request->size - 1 > limit - space->first)
		return -ENOSPC;

	/* The whole of the last granule has to be below the limit */
	count = request->size >> shift;
	limit_pfn = (limit - (space->granule - 1)) >> shift;

	/* The allocator aligns to the size rounded up to a power of two */
	if (request->prefer_32bit && limit > U32_MAX)
		pfn = alloc_iova_fast(&space->iovad, count, U32_MAX >> shift,
				      false);
	if (!pfn)
		pfn = alloc_iova_fast(&space->iovad, count, limit_pfn, true);
	if (!pfn) {
		if (limit < min_t(u64, space->last, U32_MAX))
			forget_failure(space);
		return -ENOSPC;
	}

	*iova = (dma_addr_t)pfn << shift;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_alloc);

/**
 * iommu_dma_space_free() - Give room back
 * @space: the space
 * @iova: as from iommu_dma_space_alloc()
 * @size: as in the request
 *
 * Nothing may be mapped there, nor be left in an IOTLB. Cannot fail.
 *
 * Context: Any context. Takes the iova_domain's locks.
 */
void iommu_dma_space_free(struct iommu_dma_space *space, dma_addr_t iova,
			  size_t size)
{
	free_iova_fast(&space->iovad, to_pfn(space, iova),
		       size >> __ffs(space->granule));
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_free);

/**
 * iommu_dma_space_quarantine() - Never hand a range out again
 * @space: the space
 * @iova: start of the range, which is allocated
 * @size: bytes
 *
 * Keeping a range is a matter of not freeing it: this needs no memory and
 * cannot fail.
 *
 * Context: Any context.
 */
void iommu_dma_space_quarantine(struct iommu_dma_space *space, dma_addr_t iova,
				size_t size)
{
	atomic_long_add(size, &space->quarantined);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_quarantine);
