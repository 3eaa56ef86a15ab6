// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done before a request is refused.
 *
 * Owns the exhaustive search of a zone, for when there is neither a chunk with plenty
 * of room nor a region that is found at once:
 *
 *   1. any chunk that has room, whoever allocates from it; it is shared from then on
 *   2. the regions of empty chunks, taken away from the CPUs that have them
 *   3. all regions, one by one
 *   4. the free ends of chunks, which become regions, and 3 again
 *
 * Principle: everything that is free is found, and in bounded steps. Between two of
 * them interrupts are let in, if the caller has them on.
 *
 * Bounds. "log n" is that of region.c; "a chunk's steps" are those of
 * iommu_dma_chunk_take(), 512 at most.
 *
 * Locks: takes that of the zone, for one step at a time.
 */

#include "zone.h"

/* How much is looked at before interrupts are let in */
#define SCARCE_STEPS 16

/* Take from any chunk that has room, and let this CPU go on with it */
static bool take_from_any(struct iommu_dma_zone *zone,
			  const struct iommu_dma_want *want, u64 *granule)
{
	XA_STATE(xas, &zone->chunks, 0);
	unsigned int steps = 0;
	struct iommu_dma_chunk *chunk;
	unsigned long flags;

	rcu_read_lock();
	xas_for_each_marked(&xas, chunk, iommu_dma_index_of(want->limit),
			    IOMMU_DMA_CHUNK_HAS_ROOM) {
		if (xas_retry(&xas, chunk))
			continue;
		if (iommu_dma_chunk_take(chunk, want, granule))
			break;
		if (++steps % SCARCE_STEPS)
			continue;
		xas_pause(&xas);
		rcu_read_unlock();
		rcu_read_lock();
	}
	rcu_read_unlock();
	if (!chunk)
		return false;

	/* It cannot go away: it is not empty */
	xa_lock_irqsave(&zone->chunks, flags);
	iommu_dma_zone_use(zone, iommu_dma_class_of(want->count), chunk);
	xa_unlock_irqrestore(&zone->chunks, flags);
	return true;
}

static void give_back_empty(struct iommu_dma_zone *zone)
{
	unsigned long flags;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		xa_lock_irqsave(&zone->chunks, flags);
		iommu_dma_zone_clear_slots(zone, cpu);
		xa_unlock_irqrestore(&zone->chunks, flags);
	}
}

/* Let go of what is free at the ends of @chunk */
static void trim(struct iommu_dma_zone *zone, struct iommu_dma_chunk *chunk,
		 struct iommu_dma_spares *spares)
{
	unsigned int from, to;

	if (!iommu_dma_chunk_ends(chunk, &from, &to))
		return;
	if (from > chunk->from &&
	    !iommu_dma_chunk_claim(chunk, chunk->from, from - 1))
		from = chunk->from;
	if (to < chunk->to && !iommu_dma_chunk_claim(chunk, to + 1, chunk->to))
		to = chunk->to;
	if (from == chunk->from && to == chunk->to)
		return;

	WRITE_ONCE(chunk->from, from);
	WRITE_ONCE(chunk->to, to);
	iommu_dma_regions_trim(&zone->regions, chunk->region,
			       chunk->base + from, chunk->base + to, spares);
	if (!chunk->users)
		iommu_dma_zone_settle(zone, chunk);
}

static int trim_all(struct iommu_dma_zone *zone, u64 limit)
{
	struct iommu_dma_spares spares = {};
	struct iommu_dma_chunk *chunk;
	unsigned long index, flags;
	int ret;

	for (index = 0;; index++) {
		ret = iommu_dma_spares_fill(&spares, IOMMU_DMA_NODE_GFP);
		if (ret)
			break;
		xa_lock_irqsave(&zone->chunks, flags);
		chunk = xa_find(&zone->chunks, &index,
				iommu_dma_index_of(limit),
				IOMMU_DMA_CHUNK_HAS_ROOM);
		if (chunk)
			trim(zone, chunk, &spares);
		xa_unlock_irqrestore(&zone->chunks, flags);
		if (!chunk)
			break;
	}
	iommu_dma_spares_free(&spares);
	return ret;
}

/* Take a region, wherever there is one that is large enough */
static int search_regions(struct iommu_dma_zone *zone,
			  const struct iommu_dma_want *want, u64 *granule)
{
	struct iommu_dma_spares spares = {};
	struct iommu_dma_want rest = *want;
	struct iommu_dma_place place;
	unsigned long flags;
	bool over;
	int ret;

	ret = iommu_dma_spares_fill(&spares, IOMMU_DMA_NODE_GFP);
	if (ret)
		goto out;
	do {
		xa_lock_irqsave(&zone->chunks, flags);
		over = iommu_dma_regions_search(&zone->regions, &rest,
						SCARCE_STEPS, &place);
		if (over && place.region)
			iommu_dma_regions_take(&zone->regions, &place,
					       want->count,
					       IOMMU_DMA_REGION_USED, &spares);
		xa_unlock_irqrestore(&zone->chunks, flags);
	} while (!over);

	*granule = place.first;
	if (!place.region)
		ret = -ENOSPC;
out:
	iommu_dma_spares_free(&spares);
	return ret;
}

/**
 * iommu_dma_zone_alloc_scarce() - Take granules, wherever there are some
 * @zone: the zone
 * @want: the request
 * @granule: set to the first granule on success
 *
 * For what iommu_dma_zone_alloc() has not found. What nobody gives back or takes
 * meanwhile, and is large enough, is found.
 *
 * Takes up to a chunk's steps and 20 log n for each chunk that has room, 2 log n
 * for each free region, and some for each CPU. Of these, those for three chunks,
 * or for SCARCE_STEPS regions, are done with interrupts off at a time.
 *
 * Context: Any context. Takes the lock of the zone, many times.
 * Return: 0, or
 * * -ENOSPC	- it fits nowhere. A retry may help when some has been given back.
 * * -ENOMEM	- out of memory. A retry may help.
 */
int iommu_dma_zone_alloc_scarce(struct iommu_dma_zone *zone,
				const struct iommu_dma_want *want, u64 *granule)
{
	int ret;

	if (want->limit < zone->regions.first)
		return -ENOSPC;
	if (want->count <= IOMMU_DMA_CHUNK_GRANULES &&
	    take_from_any(zone, want, granule))
		return 0;

	give_back_empty(zone);
	ret = search_regions(zone, want, granule);
	if (ret != -ENOSPC)
		return ret;

	ret = trim_all(zone, want->limit);
	if (ret)
		return ret;
	return search_regions(zone, want, granule);
}
