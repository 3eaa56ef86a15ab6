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
	const char *why;

	if (iommu_dma_dev_plain(dev))
		return false;

	if (iommu_dma_dev_untrusted(dev) &&
	    iommu_dma_offset(space, phys | size))
		why = "shares a granule, and the device is untrusted";
	else if (!(attrs & DMA_ATTR_MMIO) && !iommu_dma_dev_coherent(dev) &&
		 dma_kmalloc_needs_bounce(dev, size, dir))
		why = "may share a cache line, and the device is not coherent";
	else
		return false;

	dev_warn_ratelimited(dev, "refused to map %zu bytes: %s\n", size, why);
	return true;
}
