// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one way out of a mapping.
 *
 * Owns the order in which a mapping is taken away. There is no other place that
 * clears a page table and gives IOVA back, so that the order cannot be got wrong
 * elsewhere:
 *
 *   1. clear the page table entries: iommu_dma_retire_clear(), any number of
 *      stretches, then iommu_dma_retire_finish():
 *   2. wait until the invalidation has completed
 *   3. page-table pages go back (the IOMMU driver frees them at the end of 2)
 *   4. the IOVA goes back
 *
 * Nothing that a device can still reach is ever released. Where a page table did
 * not answer as asked, nobody knows any more what is reachable: the range is
 * quarantined, and the caller is told not to free what lay behind it.
 *
 * Locks: none of its own. Cannot fail, allocates nothing. Any context.
 */

#include <kunit/visibility.h>

#include "private.h"

/**
 * iommu_dma_retire_begin() - Start to take a mapping away
 * @retire: state, on the caller's stack
 * @domain: the domain, which has a DMA cookie
 *
 * Context: Any context.
 */
void iommu_dma_retire_begin(struct iommu_dma_retire *retire,
			    struct iommu_domain *domain)
{
	retire->domain = domain;
	retire->asked = 0;
	retire->cleared = 0;
	retire->mismatch = false;
	iommu_iotlb_gather_init(&retire->gather);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_begin);

/**
 * iommu_dma_retire_clear() - Clear the page table for a stretch of a mapping
 * @retire: state
 * @iova: start, granule aligned
 * @size: bytes, a multiple of the granule
 *
 * The device may still reach the memory: the IOTLB has not been invalidated.
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_retire_clear(struct iommu_dma_retire *retire, dma_addr_t iova,
			    size_t size)
{
	size_t cleared =
		iommu_unmap_fast(retire->domain, iova, size, &retire->gather);

	retire->asked += size;
	retire->cleared += cleared;
	/* Clearing more than was asked has hit somebody else's mapping */
	if (!size || cleared != size)
		retire->mismatch = true;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_clear);

/**
 * iommu_dma_retire_finish() - Take a mapping away for good
 * @retire: state, after all stretches have been cleared
 * @iova: start of the whole range
 * @size: bytes of the whole range, holes included
 *
 * Context: Any context. Takes the locks of the IOMMU driver and of the space;
 * waits for the invalidation.
 * Return: true if no device can reach what was mapped. False if that is not
 * known: the range is quarantined, and the caller must not free the memory.
 */
bool iommu_dma_retire_finish(struct iommu_dma_retire *retire, dma_addr_t iova,
			     size_t size)
{
	struct iommu_dma_space *space = &retire->domain->iova_cookie->space;

	iommu_iotlb_sync(retire->domain, &retire->gather);

	if (!retire->mismatch && iommu_dma_space_free(space, iova, size))
		return true;

	WARN(1, "IOVA %pad+%zu: asked to unmap %zu bytes, unmapped %zu; quarantined\n",
	     &iova, size, retire->asked, retire->cleared);
	iommu_dma_space_quarantine(space, iova, size);
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_finish);

/**
 * iommu_dma_retire_range() - Take away a mapping that is one stretch
 * @domain: the domain, which has a DMA cookie
 * @iova: start, granule aligned
 * @size: bytes, a multiple of the granule
 *
 * Context: Any context, see iommu_dma_retire_finish().
 * Return: as iommu_dma_retire_finish().
 */
bool iommu_dma_retire_range(struct iommu_domain *domain, dma_addr_t iova,
			    size_t size)
{
	struct iommu_dma_retire retire;

	iommu_dma_retire_begin(&retire, domain);
	iommu_dma_retire_clear(&retire, iova, size);
	return iommu_dma_retire_finish(&retire, iova, size);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_range);
