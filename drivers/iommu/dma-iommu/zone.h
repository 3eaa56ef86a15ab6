/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zones: the IOVA space below, or that above 4 GiB.
 *
 * All numbers are granules; "last" is inclusive. zone.c includes this and
 * nothing else, so that it builds in user space.
 */
#ifndef __DMA_IOMMU_ZONE_H
#define __DMA_IOMMU_ZONE_H

#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/xarray.h>

#include "chunk.h"
#include "region.h"

/* Requests of up to 8, of up to 64 and of up to 512 granules */
#define IOMMU_DMA_CLASSES 3

/* From so much room on, a chunk that nobody allocates from is worth taking up */
#define IOMMU_DMA_READY_ROOM (IOMMU_DMA_CHUNK_GRANULES / 4)

/**
 * struct iommu_dma_slots - The chunks that a CPU allocates from
 * @chunk: one per class of requests, or NULL
 *
 * Written under the lock of the zone, by any CPU. Read without it.
 */
struct iommu_dma_slots {
	struct iommu_dma_chunk __rcu *chunk[IOMMU_DMA_CLASSES];
};

/**
 * struct iommu_dma_zone - The IOVA space below, or that above 4 GiB
 * @chunks: all chunks, by their first granule / 512. Those with XA_MARK_0 may have
 *	    room. Its lock is the lock of the zone: it protects all that is here
 * @regions: what is free and what is taken, chunks as a whole
 * @ready: chunks without users that are worth a CPU's while, by class
 * @slots: the chunks that CPUs allocate from
 * @next_cpu: the CPU that is looked at next, if it is dead
 *
 * A zone that there is not, because the IOMMU does not translate that part, has
 * no granules: the first one is above the last one, and above all limits.
 */
struct iommu_dma_zone {
	struct xarray chunks;
	struct iommu_dma_regions regions;
	struct list_head ready[IOMMU_DMA_CLASSES];
	struct iommu_dma_slots __percpu *slots;
	unsigned int next_cpu;
};

int iommu_dma_zone_init(struct iommu_dma_zone *zone, u64 first, u64 last);
void iommu_dma_zone_destroy(struct iommu_dma_zone *zone);
int iommu_dma_zone_alloc(struct iommu_dma_zone *zone,
			 const struct iommu_dma_want *want, u64 *granule);
int iommu_dma_zone_alloc_scarce(struct iommu_dma_zone *zone,
				const struct iommu_dma_want *want,
				u64 *granule);
bool iommu_dma_zone_free(struct iommu_dma_zone *zone, u64 first, u64 count);
bool iommu_dma_zone_quarantine(struct iommu_dma_zone *zone, u64 first,
			       u64 count);
int iommu_dma_zone_reserve(struct iommu_dma_zone *zone, u64 first, u64 last);

#endif /* __DMA_IOMMU_ZONE_H */
