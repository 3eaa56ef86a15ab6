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

/* Bytes from @iova on, up to @end, that are mapped without a gap, and not in slots */
static size_t mapped_in_place(struct iommu_domain *domain, struct device *dev,
			      dma_addr_t iova, dma_addr_t end)
{
	size_t granule = domain->iova_cookie->space.granule;
	dma_addr_t at = iova;

	for (; at != end; at += granule) {
		phys_addr_t phys = iommu_iova_to_phys(domain, at);

		if (!phys || iommu_dma_bounce_is_slot(dev, phys))
			break;
		cond_resched();
	}
	return at - iova;
}

/* Cut the device off from a range, which may have holes and slots. False if that failed. */
static bool cut_off(struct iommu_domain *domain, struct device *dev,
		    dma_addr_t iova, size_t size)
{
	const struct iommu_dma_transfer transfer = {
		.dev = dev,
		.attrs = DMA_ATTR_SKIP_CPU_SYNC,
	};
	size_t granule = domain->iova_cookie->space.granule, len;
	struct iommu_dma_bounced bounced __uninitialized;
	struct iommu_dma_retire retire __uninitialized;
	dma_addr_t end = iova + size;

	iommu_dma_retire_begin_bounced(&retire, domain, &bounced, &transfer);
	for (; iova != end; iova += len) {
		len = mapped_in_place(domain, dev, iova, end);
		if (len) {
			iommu_dma_retire_clear(&retire, iova, len);
			continue;
		}
		len = granule;
		if (iommu_iova_to_phys(domain, iova))
			/* All but its last byte: so that it is looked at for a slot */
			iommu_dma_retire_buffer(&retire, iova, granule - 1);
	}
	return iommu_dma_retire_cut(&retire);
}

/**
 * iommu_dma_driver_unbound() - See to what a driver has left mapped
 * @dev: the device, the driver of which has gone
 * @domain: the domain of its group, of which no other device has a driver either
 *
 * Says so in one message. Takes a step per granule that is left.
 *
 * Context: Process context, under the mutex of @dev's group. May sleep.
 */
void iommu_dma_driver_unbound(struct device *dev, struct iommu_domain *domain)
{
	struct iommu_dma_cookie *cookie;
	unsigned int count = 0;
	dma_addr_t iova = 0;
	size_t size, bytes = 0;
	bool gone = true;

	if (domain->cookie_type != IOMMU_COOKIE_DMA_IOVA ||
	    !domain->iova_cookie->space.granule)
		return;

	cookie = domain->iova_cookie;
	/* What waits was taken away */
	if (cookie->lazy.made)
		iommu_dma_flush_drain(cookie->lazy.made);

	while (iommu_dma_space_next_used(&cookie->space, &iova, &size)) {
		if (!iommu_dma_msi_has(&cookie->msi, iova)) {
			WRITE_ONCE(cookie->cut_off, true);
			gone &= cut_off(domain, dev, iova, size);
			iommu_dma_debug_quarantined(&cookie->space, iova, size);
			iommu_dma_space_quarantine(&cookie->space, iova, size);
			count++;
			bytes += size;
		}
		/* That was the top of the address space */
		if (check_add_overflow(iova, size, &iova))
			break;
	}
	if (count)
		dev_warn(dev, "its driver has left %u DMA mappings of %zu bytes, %s cut off now\n",
			 count, bytes, gone ? "which are" : "not all of which could be");
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_driver_unbound);
