/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunks: 512 granules with a map of their own.
 *
 * chunk.c includes this and nothing else, so that it builds in user space.
 */
#ifndef __DMA_IOMMU_CHUNK_H
#define __DMA_IOMMU_CHUNK_H

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/rcupdate.h>

#include "region.h"

#define IOMMU_DMA_CHUNK_ORDER 9
#define IOMMU_DMA_CHUNK_GRANULES (1U << IOMMU_DMA_CHUNK_ORDER)
#define IOMMU_DMA_CHUNK_WORDS (IOMMU_DMA_CHUNK_GRANULES / BITS_PER_LONG)

/* What zone.c knows of a chunk that no CPU allocates from */
enum iommu_dma_chunk_state {
	/* Nothing, or that it is full: who gives back has to tell */
	IOMMU_DMA_CHUNK_LONE,
	/* It has some room, and is marked so: found when space is scarce */
	IOMMU_DMA_CHUNK_ROOM,
	/* It has enough room to be worth a CPU's while, and is listed so */
	IOMMU_DMA_CHUNK_READY,
};

/**
 * struct iommu_dma_chunk - 512 granules with a map of their own
 * @map: a bit per granule, set if it cannot be taken
 * @lasts: a bit per granule, set if it is the last one that was taken together. Who
 *	   clears it has given all of them back
 * @base: granule of bit 0, a multiple of 512
 * @from: first bit that is the chunk's own; those below are set for good
 * @to: last bit that is the chunk's own; those above are set for good
 * @users: CPUs that allocate from the chunk
 * @state: enum iommu_dma_chunk_state, while there are no @users
 * @class: which requests the chunk is for
 * @kept: granules that were reserved when the chunk was there already, or NULL
 * @region: the chunk's place in its zone
 * @list: in iommu_dma_zone::ready
 * @rcu: others may look at the chunk for a while after it is gone
 *
 * @map and @lasts are written by any CPU, without a lock, with atomic operations.
 * All else is written under the lock of the zone; @from to @state are read without
 * it as well.
 */
struct iommu_dma_chunk {
	unsigned long map[IOMMU_DMA_CHUNK_WORDS];
	unsigned long lasts[IOMMU_DMA_CHUNK_WORDS];
	u64 base;
	u16 from;
	u16 to;
	unsigned int users;
	u8 state;
	u8 class;
	unsigned long *kept;
	struct iommu_dma_region *region;
	struct list_head list;
	struct rcu_head rcu;
} ____cacheline_aligned;

bool iommu_dma_chunk_take(struct iommu_dma_chunk *chunk,
			  const struct iommu_dma_want *want, u64 *granule);
bool iommu_dma_chunk_give(struct iommu_dma_chunk *chunk, unsigned int first,
			  unsigned int count);
bool iommu_dma_chunk_claim(struct iommu_dma_chunk *chunk, unsigned int first,
			   unsigned int last);
unsigned int iommu_dma_chunk_room(const struct iommu_dma_chunk *chunk);
bool iommu_dma_chunk_empty(const struct iommu_dma_chunk *chunk);
bool iommu_dma_chunk_quarantine(struct iommu_dma_chunk *chunk,
				unsigned int first, unsigned int count);
bool iommu_dma_chunk_ends(const struct iommu_dma_chunk *chunk,
			  unsigned int *from, unsigned int *to);

#endif /* __DMA_IOMMU_CHUNK_H */
