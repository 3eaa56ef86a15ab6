// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one way into a mapping.
 *
 * Owns the step from "this memory, these limits" to a live mapping: find IOVA,
 * fill the page table, make the IOMMU see it. Either all of it succeeds or
 * nothing of it is left, and what has to be taken away again leaves through
 * retire.c like everything else. A buffer that bounces is mapped in up to three
 * pieces, of which the first and the last are slots, see bounce.c.
 *
 * Locks: none of its own.
 */

#include <kunit/visibility.h>

#include "private.h"

/*
 * A larger page of the IOMMU can only be used where the IOVA and the physical address
 * have the same offset into it. That is worth asking for if the range holds a whole
 * one, and it is one that saves a page table.
 */
static bool match_pages(const struct iommu_domain *domain,
			struct iommu_dma_request *request, phys_addr_t phys,
			size_t smallest)
{
	unsigned long sizes = domain->pgsize_bitmap;
	size_t page;

	for (; sizes; sizes &= ~page) {
		page = BIT(__fls(sizes));
		if (page < smallest)
			break;
		if (request->size < page ||
		    request->size - page < (-phys & (page - 1)))
			continue;
		request->align = page;
		request->offset = phys & (page - 1);
		return true;
	}
	return false;
}

/*
 * Find IOVA, if need be what waits for an invalidation: then takes the steps of
 * iommu_dma_flush_drain(), as many as there are entries, in the caller's context.
 */
static int find_iova(struct iommu_domain *domain,
		     const struct iommu_dma_request *request, dma_addr_t *iova)
{
	struct iommu_dma_cookie *cookie = domain->iova_cookie;
	int ret = iommu_dma_space_alloc(&cookie->space, request, iova);
	struct iommu_dma_flush *flush;

	if (likely(ret != -ENOSPC) || request->at_once)
		return ret;
	flush = iommu_dma_lazy_flush(&cookie->lazy);
	if (!flush)
		return ret;

	/* Where nothing waits any more, it has just been released */
	iommu_dma_flush_drain(flush);
	return iommu_dma_space_alloc_any(&cookie->space, request, iova);
}

/* Find IOVA that lets larger pages be used, if the request is none of the small ones */
static __always_inline int find_room(struct iommu_domain *domain,
				     struct iommu_dma_request *request,
				     phys_addr_t phys, dma_addr_t *iova)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	size_t smallest = space->granule << IOMMU_DMA_CHUNK_ORDER;
	int ret;

	if (likely(request->size < smallest) || request->align ||
	    !match_pages(domain, request, phys, smallest))
		return find_iova(domain, request, iova);

	request->at_once = true;
	ret = iommu_dma_space_alloc_any(space, request, iova);
	request->at_once = false;
	/* Small pages are better than none */
	if (ret != -ENOSPC)
		return ret;
	request->align = 0;
	request->offset = 0;
	return find_iova(domain, request, iova);
}

/**
 * iommu_dma_commit_room() - Find IOVA for a physically contiguous range
 * @domain: the domain, which has a DMA cookie
 * @request: limits, size and alignment of the IOVA; where there is no alignment, one
 *	     that lets the page table be small is filled in
 * @phys: physical address, granule aligned
 * @iova: set to the start of the range on success
 *
 * Context: Any context. Takes the locks of the space.
 * Return: as iommu_dma_space_alloc().
 */
int iommu_dma_commit_room(struct iommu_domain *domain,
			  struct iommu_dma_request *request, phys_addr_t phys,
			  dma_addr_t *iova)
{
	return find_room(domain, request, phys, iova);
}

/* Give IOVA back that a mapping has failed in, unless some of that is still there */
static int give_up(struct iommu_domain *domain, dma_addr_t start, size_t size,
		   int ret)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;

	if (ret == -ENOTRECOVERABLE) {
		iommu_dma_retire_quarantine(domain, start, size);
	} else {
		iommu_dma_debug_release(space, start, size);
		iommu_dma_space_free(space, start, size);
	}
	return ret;
}

/* Make the mappings visible to the IOMMU and say where the data is, or undo it all */
static int finish_range(struct iommu_domain *domain, dma_addr_t start,
			size_t size)
{
	int ret = iommu_sync_map(domain, start, size);

	if (ret && !iommu_dma_retire_range(domain, start, size, false))
		return -ENOTRECOVERABLE;
	return ret;
}

/**
 * iommu_dma_commit_range() - Map a physically contiguous range
 * @domain: the domain, which has a DMA cookie
 * @request: limits and alignment of the IOVA; its size is filled in here, and where
 *	     there is no alignment, one that lets the page table be small
 * @phys: physical address
 * @size: bytes
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 * @gfp: for the page table
 * @iova: set to what the device uses for @phys, on success
 *
 * Whole granules are mapped: the device reaches up to a granule more on either
 * side.
 *
 * Context: Any context if @gfp does not block. Takes the locks of the space and
 * of the IOMMU driver.
 * Return:
 * * %0		- it is done.
 * * %-EINVAL	- @size is 0, or so large that it overflows. A retry does not
 *		  help.
 * * %-ENOSPC	- no IOVA below the limit, see iommu_dma_space_alloc().
 * * %-ENOTRECOVERABLE	- the mapping failed and could not be undone: the
 *			  device may reach the memory, which must not be freed.
 * * other	- the IOMMU driver refused, most often -ENOMEM.
 */
int iommu_dma_commit_range(struct iommu_domain *domain,
			   struct iommu_dma_request *request, phys_addr_t phys,
			   size_t size, int prot, gfp_t gfp, dma_addr_t *iova)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	size_t offset = iommu_dma_offset(space, phys);
	struct phys_vec vec;
	dma_addr_t start;
	int ret;

	if (!iommu_dma_granules(space, phys, size, &request->size))
		return -EINVAL;

	ret = find_room(domain, request, phys - offset, &start);
	if (ret)
		return ret;

	vec.paddr = phys - offset;
	vec.len = request->size;
	ret = iommu_map_vec_nosync(domain, start, &vec, 1, prot, gfp);
	if (ret)
		return give_up(domain, start, request->size, ret);
	iommu_dma_debug_mapped(domain, start, phys - offset, request->size,
			       prot);

	ret = finish_range(domain, start, request->size);
	if (ret)
		return ret;
	*iova = start + offset;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_commit_range);

/* Map a slot that stands in for the @size bytes at @phys, in one granule */
static int map_slot(struct iommu_domain *domain,
		    const struct iommu_dma_transfer *transfer, dma_addr_t iova,
		    phys_addr_t phys, size_t size, int prot, gfp_t gfp)
{
	size_t granule = domain->iova_cookie->space.granule;
	phys_addr_t slot;
	int ret;

	ret = iommu_dma_bounce_take(transfer, granule, phys, size, &slot,
				    &prot);
	if (ret)
		return ret;

	ret = iommu_map_nosync(domain, ALIGN_DOWN(iova, granule),
			       ALIGN_DOWN(slot, granule), granule, prot, gfp);
	if (ret) {
		/* The device may still reach one that could not be undone */
		if (ret != -ENOTRECOVERABLE)
			iommu_dma_bounce_drop(transfer->dev, slot);
		return ret;
	}
	iommu_dma_debug_mapped(domain, ALIGN_DOWN(iova, granule),
			       ALIGN_DOWN(slot, granule), granule, prot);
	return 0;
}

/* What is undone was not used: there is nothing to copy back */
static struct iommu_dma_transfer
without_copy(const struct iommu_dma_transfer *transfer)
{
	struct iommu_dma_transfer undo = *transfer;

	undo.attrs |= DMA_ATTR_SKIP_CPU_SYNC;
	return undo;
}

/* Undo a buffer, which keeps its IOVA. False if that failed. */
static bool undo_buffer(struct iommu_domain *domain,
			const struct iommu_dma_transfer *transfer,
			dma_addr_t iova, size_t size)
{
	struct iommu_dma_transfer undo = without_copy(transfer);
	struct iommu_dma_bounced bounced __uninitialized;
	struct iommu_dma_retire retire __uninitialized;

	iommu_dma_retire_begin_bounced(&retire, domain, &bounced, &undo);
	iommu_dma_retire_buffer(&retire, iova, size);
	return iommu_dma_retire_cut(&retire);
}

/**
 * iommu_dma_commit_buffer() - Map a buffer that bounces to a given place
 * @domain: the domain, which has a DMA cookie
 * @transfer: who moves data, and how
 * @iova: where to, at the same offset into a granule as @phys
 * @phys: physical address of the buffer
 * @size: bytes, at least 1
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 * @gfp: for the page table
 *
 * The caller has seen to the caches of what stays in place, and calls
 * iommu_sync_map() for the range.
 *
 * Context: Any context if @gfp does not block. Takes the locks of swiotlb and of
 * the IOMMU driver.
 * Return:
 * * %0		- all is mapped. If not, nothing is, and no slot is taken:
 * * %-ENOTRECOVERABLE	- except that undoing it failed, here or in the core. The
 *			  caller must quarantine the IOVA.
 * * other	- as of iommu_dma_bounce_take() or of the IOMMU driver.
 */
int iommu_dma_commit_buffer(struct iommu_domain *domain,
			    const struct iommu_dma_transfer *transfer,
			    dma_addr_t iova, phys_addr_t phys, size_t size,
			    int prot, gfp_t gfp)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	struct iommu_dma_split split = iommu_dma_split(space, phys, size);
	size_t mapped = 0;
	int ret = 0;

	if (split.head) {
		ret = map_slot(domain, transfer, iova, phys, split.head, prot,
			       gfp);
		if (ret)
			return ret;
		mapped = split.head;
	}
	if (split.middle) {
		ret = iommu_map_nosync(domain, iova + mapped, phys + mapped,
				       split.middle, prot, gfp);
		if (ret)
			goto err_undo;
		iommu_dma_debug_mapped(domain, iova + mapped, phys + mapped,
				       split.middle, prot);
		mapped += split.middle;
	}
	if (split.tail) {
		ret = map_slot(domain, transfer, iova + mapped, phys + mapped,
			       split.tail, prot, gfp);
		if (ret)
			goto err_undo;
	}
	return 0;

err_undo:
	if (mapped && !undo_buffer(domain, transfer, iova, mapped))
		return -ENOTRECOVERABLE;
	return ret;
}

/**
 * iommu_dma_commit_bounced() - Map a physically contiguous buffer that bounces
 * @domain: the domain, which has a DMA cookie
 * @request: as for iommu_dma_commit_range()
 * @transfer: who moves data, and how
 * @phys: physical address
 * @size: bytes
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 * @gfp: for the page table
 * @iova: set to what the device uses for @phys, on success
 *
 * Context: As of iommu_dma_commit_range(). Takes the locks of swiotlb as well.
 * Return: as of iommu_dma_commit_range() and of iommu_dma_commit_buffer().
 */
int iommu_dma_commit_bounced(struct iommu_domain *domain,
			     struct iommu_dma_request *request,
			     const struct iommu_dma_transfer *transfer,
			     phys_addr_t phys, size_t size, int prot, gfp_t gfp,
			     dma_addr_t *iova)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	size_t offset = iommu_dma_offset(space, phys);
	dma_addr_t start;
	int ret;

	if (!iommu_dma_granules(space, phys, size, &request->size))
		return -EINVAL;

	ret = iommu_dma_commit_room(domain, request, phys - offset, &start);
	if (ret)
		return ret;

	ret = iommu_dma_commit_buffer(domain, transfer, start + offset, phys,
				      size, prot, gfp);
	if (ret)
		return give_up(domain, start, request->size, ret);

	ret = iommu_sync_map(domain, start, request->size);
	if (ret) {
		if (!undo_buffer(domain, transfer, start + offset, size))
			ret = -ENOTRECOVERABLE;
		return give_up(domain, start, request->size, ret);
	}

	*iova = start + offset;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_commit_bounced);

/* Undo what is mapped of @plan below @mapped, for @ret or -ENOTRECOVERABLE */
static int roll_back(struct iommu_domain *domain,
		     const struct iommu_dma_plan *plan, dma_addr_t start,
		     size_t mapped, int ret)
{
	struct iommu_dma_retire retire __uninitialized;
	struct iommu_dma_walk walk;
	struct iommu_dma_run run __uninitialized;

	iommu_dma_retire_begin(&retire, domain, false);
	/* Some of the run after these is still there */
	retire.mismatch = ret == -ENOTRECOVERABLE;

	iommu_dma_walk_start(&walk, plan);
	while (iommu_dma_walk_next(&walk, plan, &run) && run.offset < mapped)
		iommu_dma_retire_clear(&retire, start + run.offset, run.size);
	if (!iommu_dma_retire_finish(&retire, start, plan->size))
		return -ENOTRECOVERABLE;
	return ret;
}

static int prot_of(int prot, bool mmio)
{
	return mmio ? (prot & ~IOMMU_CACHE) | IOMMU_MMIO : prot;
}

static int map_runs(struct iommu_domain *domain,
		    const struct iommu_dma_plan *plan, dma_addr_t start,
		    int prot, gfp_t gfp)
{
	struct iommu_dma_run run __uninitialized;
	struct iommu_dma_walk walk;
	int ret;

	iommu_dma_walk_start(&walk, plan);
	while (iommu_dma_walk_next(&walk, plan, &run)) {
		ret = iommu_map_vec_nosync(domain, start + run.offset, run.vec,
					   run.nr, prot_of(prot, run.mmio),
					   gfp);
		if (ret)
			return roll_back(domain, plan, start, run.offset, ret);
		iommu_dma_debug_mapped_vec(domain, start + run.offset, run.vec,
					   run.nr, prot_of(prot, run.mmio));
	}

	ret = iommu_sync_map(domain, start, plan->size);
	if (ret)
		return roll_back(domain, plan, start, plan->size, ret);
	return 0;
}

/* Undo the first @count entries that take IOVA, for @ret or -ENOTRECOVERABLE */
static int roll_back_entries(struct iommu_domain *domain,
			     const struct iommu_dma_transfer *transfer,
			     const struct iommu_dma_plan *plan,
			     dma_addr_t start, unsigned int count, int ret)
{
	struct iommu_dma_transfer undo = without_copy(transfer);
	struct iommu_dma_bounced bounced __uninitialized;
	struct iommu_dma_retire retire __uninitialized;
	struct iommu_dma_entry entry;
	struct iommu_dma_walk walk;

	iommu_dma_retire_begin_bounced(&retire, domain, &bounced, &undo);
	/* Some of the entry after these is still there */
	retire.mismatch = ret == -ENOTRECOVERABLE;

	iommu_dma_walk_start(&walk, plan);
	while (count-- && iommu_dma_walk_next_entry(&walk, plan, &entry))
		iommu_dma_retire_buffer(&retire, start + entry.offset,
					entry.sg->length);
	if (!iommu_dma_retire_finish(&retire, start, plan->size))
		return -ENOTRECOVERABLE;
	return ret;
}

/* Map an entry whose data is to be at @iova */
static int map_entry(struct iommu_domain *domain,
		     const struct iommu_dma_transfer *transfer, dma_addr_t iova,
		     const struct iommu_dma_entry *entry, int prot, gfp_t gfp)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	phys_addr_t phys = sg_phys(entry->sg);
	size_t offset = iommu_dma_offset(space, phys);
	size_t size = entry->sg->length;
	int ret;

	if (!entry->mmio &&
	    iommu_dma_bounce_check(transfer->dev, phys, size, transfer->dir,
				   transfer->attrs))
		return iommu_dma_commit_buffer(domain, transfer, iova, phys,
					       size, prot, gfp);

	/* It does not overflow, or there were no plan */
	iommu_dma_granules(space, phys, size, &size);
	prot = prot_of(prot, entry->mmio);
	ret = iommu_map_nosync(domain, iova - offset, phys - offset, size, prot,
			       gfp);
	if (ret)
		return ret;
	iommu_dma_debug_mapped(domain, iova - offset, phys - offset, size,
			       prot);
	return 0;
}

static int map_entries(struct iommu_domain *domain,
		       const struct iommu_dma_transfer *transfer,
		       const struct iommu_dma_plan *plan, dma_addr_t start,
		       int prot, gfp_t gfp)
{
	struct iommu_dma_entry entry;
	struct iommu_dma_walk walk;
	unsigned int count = 0;
	int ret;

	iommu_dma_walk_start(&walk, plan);
	while (iommu_dma_walk_next_entry(&walk, plan, &entry)) {
		ret = map_entry(domain, transfer, start + entry.offset, &entry,
				prot, gfp);
		if (ret)
			goto err_roll_back;
		count++;
	}

	ret = iommu_sync_map(domain, start, plan->size);
	if (!ret)
		return 0;

err_roll_back:
	return roll_back_entries(domain, transfer, plan, start, count, ret);
}

/**
 * iommu_dma_commit_plan() - Map a scatterlist as planned
 * @domain: the domain, which has a DMA cookie
 * @request: limits of the IOVA; its size and alignment are filled in from the plan
 * @plan: the plan; its list is not written to
 * @transfer: who moves data, and how, if an entry may have to bounce; NULL to map
 *	      all in place
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 * @gfp: for the page table
 * @iova: set to the start of the range on success
 *
 * Holes of the plan stay unmapped. What no entry takes IOVA for needs none.
 *
 * Context: Any context if @gfp does not block. Takes the locks of the space and
 * of the IOMMU driver, and of swiotlb if there is a @transfer.
 * Return:
 * * %0		- it is done.
 * * %-ENOSPC	- no IOVA below the limit, see iommu_dma_space_alloc().
 * * %-ENOTRECOVERABLE	- as for iommu_dma_commit_range().
 * * other	- as of iommu_dma_bounce_take(), or the IOMMU driver refused, most
 *		  often -ENOMEM.
 */
int iommu_dma_commit_plan(struct iommu_domain *domain,
			  struct iommu_dma_request *request,
			  const struct iommu_dma_plan *plan,
			  const struct iommu_dma_transfer *transfer, int prot,
			  gfp_t gfp, dma_addr_t *iova)
{
	dma_addr_t start;
	int ret;

	if (!plan->size) {
		*iova = 0;
		return 0;
	}

	request->size = plan->size;
	request->align = plan->align;
	request->offset = plan->offset;
	ret = find_iova(domain, request, &start);
	if (ret)
		return ret;

	if (transfer)
		ret = map_entries(domain, transfer, plan, start, prot, gfp);
	else
		ret = map_runs(domain, plan, start, prot, gfp);
	if (ret)
		return ret;
	*iova = start;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_commit_plan);
