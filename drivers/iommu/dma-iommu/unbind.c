// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a driver leaves behind.
 *
 * Owns the end of a driver that has gone without taking its mappings away: they are
 * reported, and the device is cut off from them. Their memory is, or will be,
 * somebody else's. Their IOVA is quarantined: that such a mapping is unmapped after
 * all, late, must not hit a new one.
 *
 * Locks: called under the mutex of the IOMMU group, when no device of it has a driver
 * any more: nobody maps.
 */

#include <kunit/visibility.h>

#include "../dma-iommu.h"
#include "private.h"

/* Bytes from @iova on, up to @end, that are mapped without a gap */
static size_t mapped_from(struct iommu_domain *domain, dma_addr_t iova,
			  dma_addr_t end)
{
	dma_addr_t at = iova;
	phys_addr_t phys;

	while (at != end && iommu_dma_lookup(domain, at, &phys)) {
		at += domain->iova_cookie->space.granule;
		cond_resched();
	}
	return at - iova;
}

/* Did a driver have mappings to leave in this domain? */
static bool is_set_up(const struct iommu_domain *domain)
{
	return domain->cookie_type == IOMMU_COOKIE_DMA_IOVA &&
	       domain->iova_cookie->space.granule;
}

/* Add the granules of a range that slots of @retire's device stand in for */
static void clear_slots(struct iommu_dma_retire *retire, dma_addr_t iova,
			size_t size)
{
	size_t granule = retire->domain->iova_cookie->space.granule;
	struct device *dev = retire->bounced->transfer->dev;
	phys_addr_t phys;

	for (; size; iova += granule, size -= granule) {
		if (iommu_dma_lookup(retire->domain, iova, &phys) &&
		    iommu_dma_bounce_is_slot(dev, phys))
			/* All but its last byte: so that it is looked at for a slot */
			iommu_dma_retire_buffer(retire, iova, granule - 1);
		cond_resched();
	}
}

/**
 * iommu_dma_release_slots() - See to the slots that a driver has left mapped
 * @dev: the device
 * @domain: the domain of its group, none of which has a driver any more
 *
 * For each device of the group, before iommu_dma_driver_unbound() sees to the rest:
 * devices may have memory for slots that others know nothing of. Takes a step per
 * granule that is left.
 *
 * Context: Process context, under the mutex of @dev's group. May sleep.
 */
void iommu_dma_release_slots(struct device *dev, struct iommu_domain *domain)
{
	const struct iommu_dma_transfer transfer = {
		.dev = dev,
		.attrs = DMA_ATTR_SKIP_CPU_SYNC,
	};
	struct iommu_dma_bounced bounced __uninitialized;
	struct iommu_dma_retire retire __uninitialized;
	struct iommu_dma_cookie *cookie;
	dma_addr_t iova = 0;
	size_t size;

	if (!is_set_up(domain))
		return;

	cookie = domain->iova_cookie;
	iommu_dma_retire_begin_bounced(&retire, domain, &bounced, &transfer);
	for (; iommu_dma_space_next_used(&cookie->space, &iova, &size);
	     iova += size)
		if (!iommu_dma_msi_has(&cookie->msi, iova))
			clear_slots(&retire, iova, size);
	/* What is still there then, iommu_dma_driver_unbound() reports */
	iommu_dma_retire_cut(&retire);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_release_slots);

/* Clear the page table for a range, which may have holes */
static void clear_range(struct iommu_dma_retire *retire, dma_addr_t iova,
			size_t size)
{
	size_t granule = retire->domain->iova_cookie->space.granule, len;
	dma_addr_t end = iova + size;

	for (; iova != end; iova += len ?: granule) {
		len = mapped_from(retire->domain, iova, end);
		if (len)
			iommu_dma_retire_clear(retire, iova, len);
	}
}

/**
 * iommu_dma_driver_unbound() - See to what a driver has left mapped
 * @dev: the device, the driver of which has gone
 * @domain: the domain of its group, of which no other device has a driver either
 *
 * Says so in one message. Takes a step per granule that is left, and one invalidation.
 * For after iommu_dma_release_slots().
 *
 * Context: Process context, under the mutex of @dev's group. May sleep.
 */
void iommu_dma_driver_unbound(struct device *dev, struct iommu_domain *domain)
{
	struct iommu_dma_retire retire __uninitialized;
	struct iommu_dma_cookie *cookie;
	unsigned int count = 0;
	dma_addr_t iova = 0;
	size_t size, bytes = 0;
	bool gone;

	if (!is_set_up(domain))
		return;

	cookie = domain->iova_cookie;
	/* What waits was taken away */
	if (cookie->lazy.made)
		iommu_dma_flush_drain(cookie->lazy.made);

	iommu_dma_retire_begin_all(&retire, domain);
	for (; iommu_dma_space_next_used(&cookie->space, &iova, &size);
	     iova += size) {
		if (iommu_dma_msi_has(&cookie->msi, iova))
			continue;

		/* First, so that who frees it meanwhile finds it so */
		WRITE_ONCE(cookie->cut_off, IOMMU_DMA_BEING_CUT_OFF);
		iommu_dma_debug_quarantined(&cookie->space, iova, size);
		iommu_dma_space_quarantine(&cookie->space, iova, size);
		clear_range(&retire, iova, size);
		count++;
		bytes += size;
	}
	if (!count)
		return;

	gone = iommu_dma_retire_cut_all(&retire);
	/* Pairs with that in is_cut_off(): who finds it so finds all invalidated */
	smp_store_release(&cookie->cut_off, IOMMU_DMA_CUT_OFF);
	dev_warn(dev, "its driver has left %u DMA mappings of %zu bytes, %s cut off now\n",
		 count, bytes, gone ? "which are" : "not all of which could be");
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_driver_unbound);
