// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that a device must not touch in place.
 *
 * Owns the decision which buffers these are. The copy through swiotlb itself is
 * not there yet: callers refuse such buffers, with the message given here.
 *
 * No locks. Any context.
 */

#include <linux/dma-map-ops.h>

#include "private.h"

/**
 * iommu_dma_bounce_needed() - Is this a buffer that has to be copied?
 * @dev: the device
 * @phys: physical address of the buffer
 * @size: bytes
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * True for an untrusted device if the buffer shares a granule with something
 * else, and for a non-coherent device if it may share a cache line. The latter
 * does not concern MMIO, which is not cached.
 *
 * Context: Any context.
 * Return: true if mapping the buffer in place is not safe.
 */
bool iommu_dma_bounce_needed(struct device *dev, phys_addr_t phys, size_t size,
			     enum dma_data_direction dir, unsigned long attrs)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);
	struct iommu_dma_space *space = &domain->iova_cookie->space;

	if (iommu_dma_granule_offset(space, phys | size) &&
	    iommu_dma_dev_untrusted(dev)) {
		dev_warn_ratelimited(dev, "untrusted, and buffer %pap+%zu is not made of whole %zu-byte granules: refused, bouncing is not supported\n",
				     &phys, size, space->granule);
		return true;
	}

	if (attrs & DMA_ATTR_MMIO || iommu_dma_dev_coherent(dev))
		return false;

	if (dma_kmalloc_needs_bounce(dev, size, dir)) {
		dev_warn_ratelimited(dev, "not coherent, and a buffer of %zu bytes may share a cache line: refused, bouncing is not supported\n",
				     size);
		return true;
	}
	return false;
}
