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
 *   4. the free ends of chunks, which become regions where that helps, and 3 again
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

static int trim_at(struct iommu_dma_zone *zone, u64 granule)
{
	struct iommu_dma_spares spares = {};
	struct iommu_dma_chunk *chunk;
	unsigned long flags;
	int ret;

	ret = iommu_dma_spares_fill(&spares, IOMMU_DMA_NODE_GFP);
	if (!ret) {
		xa_lock_irqsave(&zone->chunks, flags);
		chunk = xa_load(&zone->chunks, iommu_dma_index_of(granule));
		if (chunk)
			trim(zone, chunk, &spares);
		xa_unlock_irqrestore(&zone->chunks, flags);
	}
	iommu_dma_spares_free(&spares);
	return ret;
}

/**
 * struct run - Free granules that follow each other, across regions
 * @next: granule to go on with
 * @length: how many are free below @next
 * @below: a granule of the chunk that the first of them are in, if @in_chunk
 * @in_chunk: the first of them are the free end of a chunk
 */
struct run {
	u64 next;
	u64 length;
	u64 below;
	bool in_chunk;
};

/*
 * Go on by a region. True if what is free up to there, in regions and in the ends
 * of chunks, is at least @count: chunks at @run->below and, if @above is set, where
 * the region begins.
 */
static bool extend(struct iommu_dma_zone *zone, struct run *run, u64 count,
		   bool *above)
{
	struct iommu_dma_region *region =
		iommu_dma_regions_at(&zone->regions, run->next);
	struct iommu_dma_chunk *chunk;
	unsigned int from, to;
	u64 before = run->length;

	run->next = region->last + 1;
	*above = false;
	if (region->kind == IOMMU_DMA_REGION_FREE) {
		run->length += region->last - region->first + 1;
		return run->in_chunk && run->length >= count;
	}
	run->length = 0;
	if (region->kind != IOMMU_DMA_REGION_CHUNK)
		return false;

	chunk = xa_load(&zone->chunks, iommu_dma_index_of(region->first));
	if (!iommu_dma_chunk_ends(chunk, &from, &to))
		return false;
	if (from > chunk->from && before + (from - chunk->from) >= count) {
		*above = true;
		return true;
	}
	run->length = chunk->to - to;
	run->below = region->first;
	run->in_chunk = true;
	return false;
}

/*
 * What fits neither in a chunk nor in a region may fit where the free end of a chunk
 * meets that of the next one, or a region. Make regions of such ends.
 */
static int trim_around(struct iommu_dma_zone *zone,
		       const struct iommu_dma_want *want)
{
	u64 last = min(want->limit, zone->regions.last);
	struct run run = { .next = zone->regions.first };
	unsigned long flags;
	unsigned int steps;
	bool found, above;
	u64 at;
	int ret = 0;

	while (!ret && run.next <= last) {
		found = false;
		xa_lock_irqsave(&zone->chunks, flags);
		for (steps = 0; steps < SCARCE_STEPS && run.next <= last &&
				!found; steps++) {
			at = run.next;
			found = extend(zone, &run, want->count, &above);
		}
		xa_unlock_irqrestore(&zone->chunks, flags);
		if (!found)
			continue;

		if (run.in_chunk)
			ret = trim_at(zone, run.below);
		if (!ret && above)
			ret = trim_at(zone, at);
		run.length = 0;
		run.in_chunk = false;
	}
	return ret;
}

/* Does it lie in one chunk wherever it lies, by its alignment? */
static bool never_across(const struct iommu_dma_want *want)
{
	return want->align <= IOMMU_DMA_CHUNK_GRANULES &&
	       want->offset + want->count <= want->align;
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
 * Takes up to a chunk's steps for each chunk that has room, those of
 * iommu_dma_zone_clear_slots() for each CPU, and 6 log n for each region; the free
 * ends of a chunk that are worth it take 20 log n. Of these, those for one CPU, one
 * chunk, or SCARCE_STEPS regions are done with interrupts off at a time.
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
	if (ret != -ENOSPC || never_across(want))
		return ret;

	ret = trim_around(zone, want);
	if (ret)
		return ret;
	return search_regions(zone, want, granule);
}
