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

/* Move @first to the start of the lowest granule that may be handed out */
static bool first_usable(size_t granule, dma_addr_t *first)
{
	if (check_add_overflow(max_t(dma_addr_t, *first, granule), granule - 1,
			       first))
		return false;
	*first = ALIGN_DOWN(*first, granule);
	return true;
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
 */
int iommu_dma_space_init(struct iommu_dma_space *space, size_t granule,
			 dma_addr_t first, dma_addr_t last)
{
	/* Pages of the CPU could not be mapped one by one */
	if (granule > PAGE_SIZE)
		return -EINVAL;

	if (!first_usable(granule, &first) || last < first ||
	    last - first < granule - 1)
		return -EINVAL;

	/*
	 * Without the allocator's per-CPU caches: setting them up takes the lock
	 * of CPU hotplug, which drivers hold around calls that end in MSI set-up
	 * and the group's mutex, the one this runs under. And what is cached
	 * cannot be told from what is in use.
	 */
	init_iova_domain(&space->iovad, granule, first >> __ffs(granule));
	mt_init(&space->reserved);
	space->first = first;
	space->last = last;
	space->granule = granule;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_init);

/**
 * iommu_dma_space_is() - Was a space set up with these properties?
 * @space: the space, set up
 * @granule: as for iommu_dma_space_init()
 * @first: as for iommu_dma_space_init()
 * @last: as for iommu_dma_space_init()
 *
 * Context: Any context.
 * Return: true if the space is what iommu_dma_space_init() would make of them.
 */
bool iommu_dma_space_is(const struct iommu_dma_space *space, size_t granule,
			dma_addr_t first, dma_addr_t last)
{
	return first_usable(granule, &first) && space->granule == granule &&
	       space->first == first && space->last == last;
}

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
	struct iova *iova;
	int ret;

	if (in_use(space, lo, hi))
		return -EBUSY;

	ret = mtree_insert_range(&space->reserved, lo, hi, mark, GFP_KERNEL);
	if (ret)
		return ret;

	iova = reserve_iova(&space->iovad, lo, hi);
	if (!iova) {
		mtree_erase(&space->reserved, lo);
		return -ENOMEM;
	}

	/*
	 * A mapping that was made since the check has been swallowed. It cannot
	 * be freed any more, see iommu_dma_space_free(), so that the reservation
	 * holds; but the device that asked for it is late.
	 */
	return iova->pfn_lo == lo && iova->pfn_hi == hi ? 0 : -EBUSY;
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
 * * -EBUSY	- a part is in use. Reservations already made stay.
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
 * Search below @limit, which is an address.
 *
 * The allocator takes a search that failed below a device's own limit for one
 * that found all of the first 4 GiB full, and refuses the next ones untried. A
 * device with a small mask must not do that to the others of its domain, but for
 * the moment until it is undone here.
 */
static struct iova *search(struct iommu_dma_space *space, size_t size,
			   dma_addr_t limit)
{
	struct iova_domain *iovad = &space->iovad;
	unsigned int shift = __ffs(space->granule);
	struct iova *iova;

	/* The whole of the last granule has to be below the limit */
	iova = alloc_iova(iovad, size >> shift,
			  (limit - (space->granule - 1)) >> shift, true);
	if (!iova && limit < min_t(u64, space->last, U32_MAX)) {
		guard(spinlock_irqsave)(&iovad->iova_rbtree_lock);
		iovad->max32_alloc_size = iovad->dma_32bit_pfn;
	}
	return iova;
}

/**
 * iommu_dma_space_alloc() - Find room for a mapping
 * @space: the space
 * @request: what is asked
 * @iova: set on success
 *
 * The search of struct iova_domain takes steps in proportion to the allocations
 * in the space, with interrupts off; where 32-bit addresses are preferred and
 * used up, there are two searches. It aligns to the size, rounded up to a power
 * of two, whatever is asked.
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
	dma_addr_t limit = min(request->limit, space->last);
	struct iova *found = NULL;

	if (!request->size || iommu_dma_offset(space, request->size) ||
	    request->align / 2 >= request->size)
		return -EINVAL;
	if (limit < space->first || request->size - 1 > limit - space->first)
		return -ENOSPC;

	if (request->prefer_32bit && limit > U32_MAX &&
	    space->first < U32_MAX)
		found = search(space, request->size, U32_MAX);
	if (!found)
		found = search(space, request->size, limit);
	if (!found)
		return -ENOSPC;

	*iova = (dma_addr_t)found->pfn_lo << __ffs(space->granule);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_alloc);

/**
 * iommu_dma_space_free() - Give room back
 * @space: the space
 * @iova: as from iommu_dma_space_alloc()
 * @size: as in the request
 *
 * Nothing may be mapped there, nor be left in an IOTLB. What was not allocated,
 * or not with that size, stays as it is. Needs no memory.
 *
 * Context: Any context. Takes the iova_domain's locks.
 * Return: true; false if that is not what was allocated there.
 */
bool iommu_dma_space_free(struct iommu_dma_space *space, dma_addr_t iova,
			  size_t size)
{
	unsigned long pfn = to_pfn(space, iova);
	struct iova *there = find_iova(&space->iovad, pfn);

	if (!there || there->pfn_lo != pfn ||
	    iova_size(there) != size >> __ffs(space->granule))
		return false;

	__free_iova(&space->iovad, there);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_free);

/**
 * iommu_dma_space_quarantine() - Never hand a range out again
 * @space: the space
 * @size: bytes of the range, which is allocated
 *
 * Keeping a range is a matter of not freeing it: this only counts, needs no
 * memory and cannot fail.
 *
 * Context: Any context.
 */
void iommu_dma_space_quarantine(struct iommu_dma_space *space, size_t size)
{
	atomic_long_add(size, &space->quarantined);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_quarantine);
