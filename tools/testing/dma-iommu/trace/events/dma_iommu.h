/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nobody traces in user space.
 */
#ifndef __SHIM_TRACE_DMA_IOMMU_H
#define __SHIM_TRACE_DMA_IOMMU_H

#include <linux/types.h>

static inline void trace_dma_iommu_refill(int group, u64 granule,
					  unsigned int up_to)
{
}

static inline void trace_dma_iommu_search(int group, size_t size, size_t align,
					  u64 limit)
{
}

static inline void trace_dma_iommu_quarantine(int group, u64 iova, size_t size)
{
}

#endif /* __SHIM_TRACE_DMA_IOMMU_H */
