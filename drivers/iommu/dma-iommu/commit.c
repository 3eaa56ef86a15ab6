// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one way into a mapping.
 *
 * Owns the step from "this memory, these limits" to a live mapping: find IOVA,
 * fill the page table, make the IOMMU see it. Either all of it succeeds or
 * nothing of it is left, and what has to be taken away again leaves through
 * retire.c like everything else.
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
			struct iommu_dma_request *request, phys_addr_t phys)
{
	unsigned long sizes = domain->pgsize_bitmap;
	size_t page;

	if (request->align)
		return false;

	for (; sizes; sizes &= ~page) {
		page = BIT(__fls(sizes));
		if (page >> IOMMU_DMA_CHUNK_ORDER <
		    BIT(__ffs(domain->pgsize_bitmap)))
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

static int find_room(struct iommu_domain *domain,
		     struct iommu_dma_request *request, phys_addr_t phys,
		     dma_addr_t *iova)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	bool matched = match_pages(domain, request, phys);
	int ret = iommu_dma_space_alloc(space, request, iova);

	/* Small pages are better than none */
	if (ret != -ENOSPC || !matched)
		return ret;
	request->align = 0;
	request->offset = 0;
	return iommu_dma_space_alloc(space, request, iova);
}

/* Undo what is mapped of @plan below @mapped: 0, or -ENOTRECOVERABLE */
static int roll_back(struct iommu_domain *domain,
		     const struct iommu_dma_plan *plan, dma_addr_t start,
		     size_t mapped)
{
	struct iommu_dma_retire retire;
	struct iommu_dma_walk walk;
	struct iommu_dma_run run;

	iommu_dma_retire_begin(&retire, domain);
	iommu_dma_walk_start(&walk, plan);
	while (iommu_dma_walk_next(&walk, plan, &run) && run.offset < mapped)
		iommu_dma_retire_clear(&retire, start + run.offset, run.size);
	if (!iommu_dma_retire_finish(&retire, start, plan->size))
		return -ENOTRECOVERABLE;
	return 0;
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
 * Return: 0, or
 * * -EINVAL	- @size is 0, or so large that it overflows. A retry does not
 *		  help.
 * * -ENOSPC	- no IOVA below the limit, see iommu_dma_space_alloc().
 * * -ENOTRECOVERABLE	- the mapping failed and could not be undone: the
 *			  device may reach the memory, which must not be freed.
 * * other	- the IOMMU driver refused, most often -ENOMEM.
 */
int iommu_dma_commit_range(struct iommu_domain *domain,
			   struct iommu_dma_request request, phys_addr_t phys,
			   size_t size, int prot, gfp_t gfp, dma_addr_t *iova)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	size_t offset = iommu_dma_offset(space, phys);
	dma_addr_t start;
	int ret;

	if (!iommu_dma_granules(space, phys, size, &request.size))
		return -EINVAL;

	ret = find_room(domain, &request, phys - offset, &start);
	if (ret)
		return ret;

	/* The core undoes what fails here, and does not say if that failed */
	ret = iommu_map_nosync(domain, start, phys - offset, request.size, prot,
			       gfp);
	if (ret) {
		iommu_dma_space_free(space, start, request.size);
		return ret;
	}

	ret = iommu_sync_map(domain, start, request.size);
	if (ret) {
		if (!iommu_dma_retire_range(domain, start, request.size))
			return -ENOTRECOVERABLE;
		return ret;
	}

	*iova = start + offset;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_commit_range);

/**
 * iommu_dma_commit_plan() - Map a scatterlist as planned
 * @domain: the domain, which has a DMA cookie
 * @request: limits of the IOVA; its size and alignment come from the plan
 * @plan: the plan; its list is not written to
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 * @gfp: for the page table
 * @iova: set to the start of the range on success
 *
 * Holes of the plan stay unmapped.
 *
 * Context: Any context if @gfp does not block. Takes the locks of the space and
 * of the IOMMU driver.
 * Return: 0, or
 * * -ENOSPC	- no IOVA below the limit, see iommu_dma_space_alloc().
 * * -ENOTRECOVERABLE	- as for iommu_dma_commit_range().
 * * other	- the IOMMU driver refused, most often -ENOMEM.
 */
int iommu_dma_commit_plan(struct iommu_domain *domain,
			  struct iommu_dma_request request,
			  const struct iommu_dma_plan *plan, int prot,
			  gfp_t gfp, dma_addr_t *iova)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	struct iommu_dma_walk walk;
	struct iommu_dma_run run;
	dma_addr_t start;
	int ret;

	request.size = plan->size;
	request.align = plan->align;
	ret = iommu_dma_space_alloc(space, &request, &start);
	if (ret)
		return ret;

	iommu_dma_walk_start(&walk, plan);
	while (iommu_dma_walk_next(&walk, plan, &run)) {
		ret = iommu_map_nosync(domain, start + run.offset, run.phys,
				       run.size, prot, gfp);
		if (ret)
			return roll_back(domain, plan, start, run.offset) ?:
									    ret;
	}

	ret = iommu_sync_map(domain, start, plan->size);
	if (ret)
		return roll_back(domain, plan, start, plan->size) ?: ret;

	*iova = start;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_commit_plan);
