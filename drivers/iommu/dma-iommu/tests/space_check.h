/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The validator of IOVA spaces: is everything what it is said to be?
 *
 * Builds in the kernel, for KUnit, and in user space, for
 * tools/testing/dma-iommu.
 */
#ifndef __DMA_IOMMU_SPACE_CHECK_H
#define __DMA_IOMMU_SPACE_CHECK_H

#include "../iova.h"

/**
 * struct iommu_dma_census - What a zone or a space consists of
 * @free: granules that can be taken
 * @used: granules that somebody has
 * @reserved: granules that were reserved
 * @chunks: how many chunks there are
 * @regions: how many regions there are
 * @bytes: memory that chunks and regions take
 */
struct iommu_dma_census {
	u64 free;
	u64 used;
	u64 reserved;
	unsigned long chunks;
	unsigned long regions;
	size_t bytes;
};

const char *iommu_dma_zone_check(struct iommu_dma_zone *zone,
				 struct iommu_dma_census *census);
const char *iommu_dma_space_check(struct iommu_dma_space *space,
				  struct iommu_dma_census *census);

#endif /* __DMA_IOMMU_SPACE_CHECK_H */
