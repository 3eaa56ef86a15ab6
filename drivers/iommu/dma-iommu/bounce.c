// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that a device must not touch in place.
 *
 * Owns the decision which buffers these are, and the copies. An untrusted device
 * may reach no byte but those of its buffer, and a non-coherent one no cache line
 * that holds others' data. Both concern the first and the last granule of a buffer
 * only, where they are not all the buffer's: these bounce, and what lies between is
 * mapped in place. So a buffer of any size takes two slots at most, and its IOVA
 * is as contiguous as if nothing bounced.
 *
 * A slot is a granule of swiotlb's memory. The data lies in it at the same offset
 * as in the buffer's own granule; the rest is zero. swiotlb knows the memory that
 * the slot stands in for, so that any part of the data can be copied either way.
 *
 * No locks of its own; swiotlb's are taken inside. Any context.
 */

#include <linux/dma-map-ops.h>
#include <trace/events/dma_iommu.h>
#include <trace/events/swiotlb.h>

#include "private.h"

/**
 * iommu_dma_bounce_check() - Is this a buffer that has to be copied?
 * @dev: the device
 * @phys: physical address of the buffer
 * @size: bytes
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * An untrusted device has to be kept from what shares a granule with the buffer, a
 * non-coherent one from what may share a cache line. The latter does not concern
 * MMIO, which is not cached, and which cannot be copied for the former either.
 *
 * Context: Any context.
 * Return:
 * * %0		- the buffer is to be mapped in place.
 * * %1		- it is to be bounced.
 * * %-EINVAL	- neither can be. A message says why, unless @attrs has
 *		  DMA_ATTR_NO_WARN. A retry does not help.
 */
int iommu_dma_bounce_check(struct device *dev, phys_addr_t phys, size_t size,
			   enum dma_data_direction dir, unsigned long attrs)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	const char *why;

	if (iommu_dma_dev_plain(dev) || !iommu_dma_offset(space, phys | size))
		return 0;

	if (iommu_dma_dev_untrusted(dev))
		why = "shares a granule, and the device is untrusted";
	else if (!(attrs & DMA_ATTR_MMIO) && !iommu_dma_dev_coherent(dev) &&
		 dma_kmalloc_needs_bounce(dev, size, dir))
		why = "may share a cache line, and the device is not coherent";
	else
		return 0;

	if (!(attrs & (DMA_ATTR_MMIO | DMA_ATTR_REQUIRE_COHERENT)) &&
	    is_swiotlb_active(dev))
		return 1;

	iommu_dma_say_refused(dev, dma_get_mask(dev), size, attrs, why);
	return -EINVAL;
}

/**
 * iommu_dma_bounce_take() - Let a slot stand in for a part of a buffer
 * @transfer: who moves data, and how
 * @granule: smallest page of the IOMMU, in bytes
 * @phys: physical address of the part
 * @size: bytes, at least 1, none of them beyond @phys's granule
 * @slot: set to where the part's data is in the slot
 * @prot: IOMMU_* bits for mapping the slot, changed if the memory asks for that
 *
 * All else in the slot is zero, in memory as well as in the caches. The data is
 * copied for any direction: the device may write a part of it only.
 *
 * Context: Any context. Takes swiotlb's locks.
 * Return:
 * * %0		- it is done.
 * * %-ENOMEM	- swiotlb has no room. A retry may help.
 * * %-EOPNOTSUPP	- swiotlb's memory is shared with the host, and there is no
 *			  way to tell the IOMMU. A retry does not help.
 */
int iommu_dma_bounce_take(const struct iommu_dma_transfer *transfer,
			  size_t granule, phys_addr_t phys, size_t size,
			  phys_addr_t *slot, int *prot)
{
	size_t offset = phys & (granule - 1);
	unsigned long attrs = transfer->attrs;
	struct device *dev = transfer->dev;
	phys_addr_t start;
	void *address;

	/* Nobody asks then: see iommu_dma_bounce_check() */
	if (!IS_ENABLED(CONFIG_SWIOTLB))
		return -EOPNOTSUPP;

	trace_swiotlb_bounced(dev, phys, size);
	trace_dma_iommu_bounce(dev, size, iommu_dma_dev_untrusted(dev));
	/* 0 bytes: what else is in the buffer's granule must not be read */
	start = swiotlb_tbl_map_single(dev, phys - offset, 0, granule - 1,
				       transfer->dir, &attrs);
	if (start == (phys_addr_t)DMA_MAPPING_ERROR)
		return -ENOMEM;
	iommu_dma_debug_slot_taken(dev, start, granule);
	iommu_dma_count(dev, IOMMU_DMA_SLOTS);

	if (attrs & DMA_ATTR_CC_SHARED) {
		/* On x86 that is how not to ask for encrypted memory */
		if (!IS_ENABLED(CONFIG_X86)) {
			iommu_dma_bounce_drop(dev, start);
			return -EOPNOTSUPP;
		}
		*prot |= IOMMU_MMIO;
	}

	address = phys_to_virt(start);
	memset(address, 0, offset);
	memset(address + offset + size, 0, granule - offset - size);
	swiotlb_sync_single_for_device(dev, start + offset, size,
				       DMA_TO_DEVICE);
	if (!iommu_dma_dev_coherent(dev)) {
		iommu_dma_cache_for_device(start, granule, DMA_BIDIRECTIONAL);
		arch_sync_dma_flush();
	}

	*slot = start + offset;
	return 0;
}

/**
 * iommu_dma_bounce_drop() - Release a slot
 * @dev: the device
 * @slot: address anywhere in it
 *
 * No device may reach it. Nothing is copied.
 *
 * Context: Any context. Takes swiotlb's locks.
 */
void iommu_dma_bounce_drop(struct device *dev, phys_addr_t slot)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);
	size_t granule = domain->iova_cookie->space.granule;

	slot = ALIGN_DOWN(slot, granule);
	iommu_dma_debug_slot_dropped(dev, slot, granule);
	iommu_dma_count(dev, IOMMU_DMA_SLOTS_BACK);
	swiotlb_tbl_unmap_single(dev, slot, granule, DMA_BIDIRECTIONAL,
				 DMA_ATTR_SKIP_CPU_SYNC);
}

/**
 * iommu_dma_bounce_for_cpu() - Copy what the device may have written
 * @transfer: who moved data, and how
 * @piece: what to copy, a part of a slot's data
 *
 * Context: Any context.
 */
void iommu_dma_bounce_for_cpu(const struct iommu_dma_transfer *transfer,
			      const struct iommu_dma_piece *piece)
{
	if (!iommu_dma_dev_coherent(transfer->dev)) {
		iommu_dma_cache_for_cpu(piece->phys, piece->size,
					transfer->dir);
		arch_sync_dma_flush();
	}
	swiotlb_sync_single_for_cpu(transfer->dev, piece->phys, piece->size,
				    transfer->dir);
}

/**
 * iommu_dma_bounce_for_device() - Copy what the CPU may have written
 * @transfer: who moves data, and how
 * @piece: what to copy, a part of a slot's data
 *
 * Context: Any context.
 */
void iommu_dma_bounce_for_device(const struct iommu_dma_transfer *transfer,
				 const struct iommu_dma_piece *piece)
{
	swiotlb_sync_single_for_device(transfer->dev, piece->phys, piece->size,
				       transfer->dir);
	if (!iommu_dma_dev_coherent(transfer->dev)) {
		iommu_dma_cache_for_device(piece->phys, piece->size,
					   transfer->dir);
		arch_sync_dma_flush();
	}
}

/**
 * iommu_dma_bounce_give() - Copy back what was bounced, and release its slot
 * @transfer: who moved data, and how; with DMA_ATTR_SKIP_CPU_SYNC nothing is copied
 * @piece: all of the slot's data
 *
 * No device may reach the slot any more.
 *
 * Context: Any context. Takes swiotlb's locks.
 */
void iommu_dma_bounce_give(const struct iommu_dma_transfer *transfer,
			   const struct iommu_dma_piece *piece)
{
	if (!(transfer->attrs & DMA_ATTR_SKIP_CPU_SYNC))
		iommu_dma_bounce_for_cpu(transfer, piece);
	iommu_dma_bounce_drop(transfer->dev, piece->phys);
}
