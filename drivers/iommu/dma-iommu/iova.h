/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IOVA space of one domain.
 *
 * iova.c includes this and nothing else, so that it builds in user space.
 * Sizes are size_t and in bytes, IOVAs are dma_addr_t.
 */
#ifndef __DMA_IOMMU_IOVA_H
#define __DMA_IOMMU_IOVA_H

#include <kunit/visibility.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sizes.h>

#include "zone.h"

/**
 * struct iommu_dma_space - The IOVA space of one domain
 * @low: what lies below 4 GiB
 * @high: what lies above
 * @granule: smallest page of the IOMMU in bytes; 0 until the space is set up
 * @shift: log2 of @granule
 * @slots: of @low for who prefers 32 bits, and of @high for who does not; both those
 *	   of the same zone if there is only one
 * @first: lowest IOVA that may be handed out
 * @last: highest IOVA that may be handed out
 * @quarantined: bytes that are never handed out again
 */
struct iommu_dma_space {
	struct iommu_dma_zone low;
	struct iommu_dma_zone high;
	size_t granule;
	unsigned int shift;
	struct iommu_dma_slots __percpu *slots[2];
	dma_addr_t first;
	dma_addr_t last;
	atomic_long_t quarantined;
};

/**
 * struct iommu_dma_request - What is asked of an IOVA space
 * @size: bytes, a multiple of the granule
 * @align: a power of two, in bytes; 0 for none
 * @offset: the start is this much above a multiple of @align: bytes, a multiple of
 *	    the granule, less than @align
 * @limit: highest address that the device can use, inclusive
 * @prefer_32bit: stay below 4 GiB while there is room. Not needed, but quicker, for
 *		  a @limit that is below
 */
struct iommu_dma_request {
	size_t size;
	size_t align;
	size_t offset;
	dma_addr_t limit;
	bool prefer_32bit;
};

int iommu_dma_space_init(struct iommu_dma_space *space, size_t granule,
			 dma_addr_t first, dma_addr_t last);
bool iommu_dma_space_is(const struct iommu_dma_space *space, size_t granule,
			dma_addr_t first, dma_addr_t last);
void iommu_dma_space_destroy(struct iommu_dma_space *space);
int iommu_dma_space_reserve(struct iommu_dma_space *space, dma_addr_t first,
			    dma_addr_t last);
int iommu_dma_space_alloc(struct iommu_dma_space *space,
			  const struct iommu_dma_request *request,
			  dma_addr_t *iova);
bool iommu_dma_space_free(struct iommu_dma_space *space, dma_addr_t iova,
			  size_t size);
void iommu_dma_space_quarantine(struct iommu_dma_space *space, dma_addr_t iova,
				size_t size);

#endif /* __DMA_IOMMU_IOVA_H */
