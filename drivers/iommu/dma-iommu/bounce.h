/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bouncing: memory that stands in for what a device must not touch in place.
 *
 * bounce.c says how. It knows devices and swiotlb, and no page tables.
 */
#ifndef __DMA_IOMMU_BOUNCE_H
#define __DMA_IOMMU_BOUNCE_H

#include <linux/dma-mapping.h>
#include <linux/swiotlb.h>

#include "iova.h"

/* Slots that are remembered while their granules are unmapped, at least 2 */
#define IOMMU_DMA_PIECES 16U

/**
 * struct iommu_dma_transfer - Who moves data, and how
 * @dev: the device
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 */
struct iommu_dma_transfer {
	struct device *dev;
	enum dma_data_direction dir;
	unsigned long attrs;
};

/**
 * struct iommu_dma_piece - A part of a buffer, in a slot of swiotlb
 * @phys: where its data is, at the same offset into a granule as in the buffer
 * @size: bytes of data
 */
struct iommu_dma_piece {
	phys_addr_t phys;
	size_t size;
};

/**
 * struct iommu_dma_bounced - Pieces that have to be copied back and released
 * @transfer: who moved the data
 * @nr: how many pieces
 * @piece: the pieces
 */
struct iommu_dma_bounced {
	const struct iommu_dma_transfer *transfer;
	unsigned int nr;
	struct iommu_dma_piece piece[IOMMU_DMA_PIECES];
};

/**
 * struct iommu_dma_split - How a buffer divides at the granules
 * @head: bytes in a first granule that is not all the buffer's; 0 if it is
 * @middle: bytes in granules that are
 * @tail: bytes in a last granule that is not; 0 if it is, or if that is the first
 */
struct iommu_dma_split {
	size_t head;
	size_t middle;
	size_t tail;
};

/* @addr may be physical or an IOVA: the offset into a granule is the same */
static inline struct iommu_dma_split
iommu_dma_split(const struct iommu_dma_space *space, u64 addr, size_t size)
{
	size_t offset = addr & (space->granule - 1);
	struct iommu_dma_split split = {};

	if (offset)
		split.head = min(size, space->granule - offset);
	split.tail = (size - split.head) & (space->granule - 1);
	split.middle = size - split.head - split.tail;
	return split;
}

/* Does @phys belong to memory that stands in for other memory? */
static inline bool iommu_dma_bounce_is_slot(struct device *dev,
					    phys_addr_t phys)
{
	return swiotlb_find_pool(dev, phys);
}

int iommu_dma_bounce_check(struct device *dev, phys_addr_t phys, size_t size,
			   enum dma_data_direction dir, unsigned long attrs);
int iommu_dma_bounce_take(const struct iommu_dma_transfer *transfer,
			  size_t granule, phys_addr_t phys, size_t size,
			  phys_addr_t *slot, int *prot);
void iommu_dma_bounce_give(const struct iommu_dma_transfer *transfer,
			   const struct iommu_dma_piece *piece);
void iommu_dma_bounce_drop(struct device *dev, phys_addr_t slot);
void iommu_dma_bounce_for_cpu(const struct iommu_dma_transfer *transfer,
			      const struct iommu_dma_piece *piece);
void iommu_dma_bounce_for_device(const struct iommu_dma_transfer *transfer,
				 const struct iommu_dma_piece *piece);

#endif /* __DMA_IOMMU_BOUNCE_H */
