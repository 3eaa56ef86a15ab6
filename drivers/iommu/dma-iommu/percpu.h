/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that each CPU has its own of, and that tests can withhold, see percpu.c.
 */
#ifndef __DMA_IOMMU_PERCPU_H
#define __DMA_IOMMU_PERCPU_H

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/types.h>

void __percpu *iommu_dma_percpu(size_t size, size_t align);

/* To be freed by free_percpu() */
#define iommu_dma_alloc_percpu(type)                             \
	((typeof(type) __percpu *)iommu_dma_percpu(sizeof(type), \
						   __alignof__(type)))

#endif /* __DMA_IOMMU_PERCPU_H */
