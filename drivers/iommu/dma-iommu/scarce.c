// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done before a request is refused.
 *
 * Owns the exhaustive search of a zone, for when there is neither a chunk with plenty
 * of room nor a region that is found at once:
 *
 *   1. any chunk that has room, whoever allocates from it; it is shared from then on
 *   2. the regions of empty chunks, those that are kept and those that CPUs have
 *   3. all regions, one by one
 *   4. the free ends of chunks, which become regions where that helps, and 3 again
 *
 * Principle: everything that is free is found, and in bounded steps. Between two of
 * them interrupts are let in, if the caller has them on.
 *
 * Step 2 is also taken before a request goes where it would rather not, now and then.
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
	int ret;

	rcu_read_lock();
	xas_for_each_marked(&xas, chunk, iommu_dma_index_of(want->limit),
			    IOMMU_DMA_CHUNK_HAS_ROOM) {
		if (xas_retry(&xas, chunk))
			continue;
		ret = iommu_dma_chunk_take(chunk, want, granule);
		if (!ret)
			break;
		if (ret == -EAGAIN)
			iommu_dma_zone_recheck(zone, chunk);
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
	iommu_dma_zone_unlock(zone, flags);
	return true;
}

/*
 * See to all that was given back by who did not get the lock: at least LATE_STEPS of
 * owner.c a time, and each chunk is left once until it has been seen to.
 */
static void see_to_late(struct iommu_dma_zone *zone)
{
	unsigned long flags;
	bool more;

	do {
		/* Who has taken one off the list holds the lock until it is settled */
		xa_lock_irqsave(&zone->chunks, flags);
		more = !llist_empty(&zone->late);
		iommu_dma_zone_unlock(zone, flags);
	} while (more);
}

static void give_back_empty(struct iommu_dma_zone *zone)
{
	unsigned long flags;
	unsigned int cpu;
	bool more;

	for_each_possible_cpu(cpu) {
		do {
			xa_lock_irqsave(&zone->chunks, flags);
			more = iommu_dma_zone_clear_slots(zone, cpu,
							  SCARCE_STEPS);
			iommu_dma_zone_unlock(zone, flags);
		} while (more);
	}
	do {
		xa_lock_irqsave(&zone->chunks, flags);
		more = iommu_dma_zone_give_up_empty(zone, SCARCE_STEPS);
		iommu_dma_zone_unlock(zone, flags);
	} while (more);
}

/* Let go of what is free at the ends of @chunk */
static void trim(struct iommu_dma_zone *zone, struct iommu_dma_chunk *chunk,
		 struct iommu_dma_spares *spares)
{
	unsigned int from, to;

	if (!iommu_dma_chunk_ends(chunk, &from, &to)) {
		/* All of it is free: it has looked fuller than it is for a while */
		if (!chunk->users) {
			iommu_dma_zone_settle(zone, chunk);
			iommu_dma_zone_give_up_empty(zone, SCARCE_STEPS);
		}
		return;
	}
	if (from > chunk->from &&
	    !iommu_dma_chunk_claim(chunk, chunk->from, from - 1))
		from = chunk->from;
	if (to < chunk->to && !iommu_dma_chunk_claim(chunk, to + 1, chunk->to))
		to = chunk->to;
	if (from != chunk->from || to != chunk->to) {
		WRITE_ONCE(chunk->from, from);
		WRITE_ONCE(chunk->to, to);
		iommu_dma_regions_trim(&zone->regions, chunk->region,
				       chunk->base + from, chunk->base + to,
				       spares);
	}
	/* Also, it may have looked fuller than it is for a while */
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
		iommu_dma_zone_unlock(zone, flags);
	}
	iommu_dma_spares_free(&spares);
	return ret;
}

/*
 * The free ends of a chunk: granules from its first one on, and up to its last one.
 * May be out of date without the lock of the zone.
 */
static void free_ends(const struct iommu_dma_chunk *chunk, u64 *below,
		      u64 *above)
{
	unsigned int first = READ_ONCE(chunk->from),
		     last = READ_ONCE(chunk->to);
	unsigned int from, to;

	/* Most have none, above all those that CPUs go round between */
	if (test_bit(first, chunk->map) && test_bit(last, chunk->map)) {
		*below = 0;
		*above = 0;
		return;
	}
	if (iommu_dma_chunk_ends(chunk, &from, &to)) {
		*below = from - min(from, first);
		*above = last - min(to, last);
	} else {
		*below = last - first + 1;
		*above = *below;
	}
}

/*
 * Find where the free end of a chunk meets that of the next one, and both together
 * are large enough. @at is where to begin, and set to where they meet.
 */
static bool find_meeting(struct iommu_dma_zone *zone,
			 const struct iommu_dma_want *want, u64 *at)
{
	XA_STATE(xas, &zone->chunks, iommu_dma_index_of(*at));
	u64 below, above = 0, before, next = 0, first = 0;
	struct iommu_dma_chunk *chunk;
	unsigned int steps = 0;
	bool found = false;

	rcu_read_lock();
	xas_for_each_marked(&xas, chunk, iommu_dma_index_of(want->limit),
			    IOMMU_DMA_CHUNK_HAS_ROOM) {
		if (xas_retry(&xas, chunk))
			continue;
		first = READ_ONCE(chunk->base) + READ_ONCE(chunk->from);
		before = first == next ? above : 0;
		free_ends(chunk, &below, &above);
		found = before && below && before + below >= want->count;
		if (found)
			break;
		next = READ_ONCE(chunk->base) + READ_ONCE(chunk->to) + 1;
		if (++steps % SCARCE_STEPS)
			continue;
		xas_pause(&xas);
		rcu_read_unlock();
		rcu_read_lock();
	}
	rcu_read_unlock();
	*at = first;
	return found;
}

/* Where the free end of a chunk meets that of the next one */
static int trim_between_chunks(struct iommu_dma_zone *zone,
			       const struct iommu_dma_want *want)
{
	u64 at = zone->regions.first;
	int ret = 0;

	/* More than the ends of two chunks, of which something is taken */
	if (want->count > 2 * (IOMMU_DMA_CHUNK_GRANULES - 1))
		return 0;
	while (!ret && find_meeting(zone, want, &at))
		ret = trim_at(zone, at - 1) ?: trim_at(zone, at);
	return ret;
}

static struct iommu_dma_chunk *chunk_at(struct iommu_dma_zone *zone,
					u64 granule)
{
	struct iommu_dma_region *region =
		iommu_dma_regions_at(&zone->regions, granule);

	if (!region || region->kind != IOMMU_DMA_REGION_CHUNK)
		return NULL;
	return xa_load(&zone->chunks, iommu_dma_index_of(granule));
}

/* Would there be room with the ends of the chunks beside a free region? */
static bool room_with_ends(struct iommu_dma_zone *zone,
			   const struct iommu_dma_region *region, u64 count)
{
	u64 room = region->last - region->first + 1, below, above;
	struct iommu_dma_chunk *chunk;

	chunk = chunk_at(zone, region->first - 1);
	if (chunk) {
		free_ends(chunk, &below, &above);
		room += above;
	}
	chunk = chunk_at(zone, region->last + 1);
	if (chunk) {
		free_ends(chunk, &below, &above);
		room += below;
	}
	return room >= count;
}

/* Where the free ends of chunks meet a free region */
static int trim_beside_regions(struct iommu_dma_zone *zone,
			       const struct iommu_dma_want *want)
{
	struct iommu_dma_want any = {
		.count = 1,
		.align = 1,
		.limit = min(want->limit, zone->regions.last),
	};
	struct iommu_dma_place place;
	u64 first = 0, last = 0;
	unsigned long flags;
	unsigned int steps;
	bool found = true;
	int ret = 0;

	while (!ret && found) {
		bool room = false;

		xa_lock_irqsave(&zone->chunks, flags);
		for (steps = 0; !room && steps < SCARCE_STEPS; steps++) {
			found = iommu_dma_regions_find(&zone->regions, &any,
						       &place);
			if (!found)
				break;
			first = place.region->first;
			last = place.region->last;
			room = room_with_ends(zone, place.region, want->count);
			found = first > zone->regions.first;
			if (!found)
				break;
			any.limit = first - 1;
		}
		iommu_dma_zone_unlock(zone, flags);
		if (room)
			ret = trim_at(zone, first - 1);
		if (room && !ret)
			ret = trim_at(zone, last + 1);
	}
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
		iommu_dma_zone_unlock(zone, flags);
	} while (!over);

	*granule = place.first;
	if (!place.region)
		ret = -ENOSPC;
out:
	iommu_dma_spares_free(&spares);
	return ret;
}

/**
 * iommu_dma_zone_give_back() - Return what is kept for later to the regions
 * @zone: the zone
 * @want: what iommu_dma_zone_alloc() has found nothing for
 *
 * For a request that can be had elsewhere, or in another way, as what nothing is taken
 * of is a bad reason for that. Where the zone is full indeed, it is in vain each time: so
 * it is done once per jiffy at most, for all that ask, and not for what the zone would
 * not hold if it were empty.
 *
 * Takes the steps of iommu_dma_zone_clear_slots() for each CPU, and those of
 * iommu_dma_zone_give_up_empty() for all that are kept. Of these, those for one CPU, or
 * for SCARCE_STEPS chunks are done with interrupts off at a time; all of them if the
 * caller has interrupts off.
 *
 * Context: Any context. Takes the lock of the zone, many times.
 * Return: true if that was done, so that another try is worth it.
 */
bool iommu_dma_zone_give_back(struct iommu_dma_zone *zone,
			      const struct iommu_dma_want *want)
{
	unsigned long last = READ_ONCE(zone->given_back), now = jiffies;
	u64 end = min(want->limit, zone->regions.last);

	if (end < zone->regions.first ||
	    want->count > end - zone->regions.first + 1 || last == now ||
	    !try_cmpxchg(&zone->given_back, &last, now))
		return false;
	see_to_late(zone);
	give_back_empty(zone);
	return true;
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
 * Takes up to a chunk's steps and 40 more for each chunk that has room, those of
 * iommu_dma_zone_clear_slots() for each CPU, and 8 log n for each free region; the
 * free ends of a chunk that are worth it take 20 log n. Of these, those for one CPU,
 * one chunk, or SCARCE_STEPS regions are done with interrupts off at a time.
 *
 * Context: Any context. Takes the lock of the zone, many times.
 * Return:
 * * %0		- it is done.
 * * %-ENOSPC	- it fits nowhere. A retry may help when some has been given back.
 * * %-ENOMEM	- out of memory. A retry may help.
 */
int iommu_dma_zone_alloc_scarce(struct iommu_dma_zone *zone,
				const struct iommu_dma_want *want, u64 *granule)
{
	int ret;

	if (want->limit < zone->regions.first)
		return -ENOSPC;
	iommu_dma_zone_searched(&zone->counts);
	see_to_late(zone);
	/* One that is all free is nobody's, or goes back right below */
	if (want->count < IOMMU_DMA_CHUNK_GRANULES &&
	    take_from_any(zone, want, granule))
		return 0;

	give_back_empty(zone);
	ret = search_regions(zone, want, granule);
	if (ret != -ENOSPC)
		return ret;

	ret = trim_between_chunks(zone, want);
	if (!ret)
		ret = trim_beside_regions(zone, want);
	if (ret)
		return ret;
	return search_regions(zone, want, granule);
}
