// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zones: the IOVA space below, or that above 4 GiB.
 *
 * Owns the way of a request down to what is free:
 *
 *   1. the chunk of this CPU, or the next one in its ring: no lock, no search
 *   2. a chunk that nobody allocates from and that has plenty of room, or is empty
 *   3. a new chunk, from the regions
 *   4. a region of its own, for what is larger than a chunk or fits nowhere else
 *
 * and the way back, which needs no memory. When 1 to 4 find nothing, scarce.c does.
 * Who may allocate from which chunk is for owner.c to say.
 *
 * Bounds. "log n" is that of region.c, n being the number of chunks and of larger
 * allocations; "a chunk's steps" are those of iommu_dma_chunk_take(), 512 at most.
 *
 * Not in the bounds are the allocations of an xarray node or two that a new chunk
 * needs, and the walk of the xarray.
 *
 * Locks: the xa_lock of iommu_dma_zone::chunks. Inside, only those of the memory
 * allocators are taken. Never those of two zones.
 */

#include <trace/events/dma_iommu.h>

#include "zone.h"

/* How often a range that looks taken is tried */
#define RESERVE_TRIES 8

/* How many chunks are tried that have plenty of room, but perhaps no such run */
#define READY_TRIES 4

/* Is there a place for it in every chunk that is empty? */
static bool fits_chunk(const struct iommu_dma_want *want)
{
	return want->count <= IOMMU_DMA_CHUNK_GRANULES &&
	       want->align <= IOMMU_DMA_CHUNK_GRANULES &&
	       want->count + want->offset <= IOMMU_DMA_CHUNK_GRANULES;
}

/* What is not the chunk's own is claimed, and so is what it cannot give back */
static bool contains(const struct iommu_dma_chunk *chunk, u64 first, u64 count)
{
	unsigned long base = READ_ONCE(chunk->base);
	u64 bit = first - base;

	if (bit >= IOMMU_DMA_CHUNK_GRANULES ||
	    count > IOMMU_DMA_CHUNK_GRANULES - bit)
		return false;
	/*
	 * It may have gone away and come back as another one. Pairs with smp_wmb()
	 * in iommu_dma_chunk_open().
	 */
	return !(smp_load_acquire(&chunk->claimed[bit / BITS_PER_LONG]) &
		 BIT_MASK(bit)) &&
	       READ_ONCE(chunk->base) == base;
}

static bool take_from_slot(struct iommu_dma_zone *zone, unsigned int class,
			   const struct iommu_dma_want *want, u64 *granule)
{
	struct iommu_dma_chunk *chunk =
		iommu_dma_slots_chunk(zone->slots, class);
	int ret;

	if (!chunk)
		return false;
	ret = iommu_dma_chunk_take(chunk, want, granule);
	if (ret == -EAGAIN)
		iommu_dma_zone_recheck(zone, chunk);
	return !ret;
}

static bool take_from_ready(struct iommu_dma_zone *zone, unsigned int class,
			    const struct iommu_dma_want *want, u64 *granule)
{
	struct list_head *ready = &zone->ready[class];

	for (unsigned int i = 0; i < READY_TRIES && !list_empty(ready); i++) {
		struct iommu_dma_chunk *chunk =
			list_first_entry(ready, struct iommu_dma_chunk, list);
		int ret = iommu_dma_chunk_take(chunk, want, granule);

		if (!ret) {
			iommu_dma_zone_use(zone, class, chunk);
			return true;
		}
		list_rotate_left(ready);
		/* It may have looked fuller than it is, or got full meanwhile */
		if (ret == -EAGAIN ||
		    iommu_dma_chunk_room(chunk) < IOMMU_DMA_READY_ROOM)
			iommu_dma_zone_settle(zone, chunk);
	}
	return false;
}

/* From an empty chunk, of whichever class it was */
static bool take_from_empty(struct iommu_dma_zone *zone, unsigned int class,
			    const struct iommu_dma_want *want, u64 *granule)
{
	struct list_head *empty = &zone->empty;

	for (unsigned int i = 0; i < READY_TRIES && !list_empty(empty); i++) {
		struct iommu_dma_chunk *chunk =
			list_first_entry(empty, struct iommu_dma_chunk, list);

		if (!iommu_dma_chunk_take(chunk, want, granule)) {
			iommu_dma_zone_use(zone, class, chunk);
			return true;
		}
		/* It is above the limit, or who knew it before has taken from it */
		iommu_dma_zone_settle(zone, chunk);
	}
	return false;
}

/* Make @chunk one of 512 granules, if there are as many, and take from it */
static int take_from_new(struct iommu_dma_zone *zone,
			 struct iommu_dma_chunk *chunk,
			 const struct iommu_dma_want *want,
			 struct iommu_dma_spares *spares, u64 *granule)
{
	struct iommu_dma_want whole = {
		.count = IOMMU_DMA_CHUNK_GRANULES,
		.align = IOMMU_DMA_CHUNK_GRANULES,
		.limit = want->limit,
	};
	struct iommu_dma_place place;
	int ret;

	if (!iommu_dma_regions_find(&zone->regions, &whole, &place))
		return -ENOSPC;
	ret = xa_err(__xa_store(&zone->chunks, iommu_dma_index_of(place.first),
				chunk, IOMMU_DMA_NODE_GFP));
	if (ret)
		return ret;

	chunk->region = iommu_dma_regions_take(&zone->regions, &place,
					       IOMMU_DMA_CHUNK_GRANULES,
					       IOMMU_DMA_REGION_CHUNK, spares);
	iommu_dma_chunk_open(chunk, place.first);
	iommu_dma_zone_refilled(&zone->counts);
	trace_dma_iommu_refill(zone->group, place.first,
			       8U << 3 * iommu_dma_class_of(want->count));
	/* Others may have been quicker, if it was another chunk before */
	if (iommu_dma_chunk_take(chunk, want, granule))
		ret = -EAGAIN;
	iommu_dma_zone_use(zone, iommu_dma_class_of(want->count), chunk);
	return ret;
}

static int take_region(struct iommu_dma_zone *zone,
		       const struct iommu_dma_want *want,
		       struct iommu_dma_spares *spares, u64 *granule)
{
	struct iommu_dma_place place;

	if (!iommu_dma_regions_find(&zone->regions, want, &place))
		return -ENOSPC;
	iommu_dma_regions_take(&zone->regions, &place, want->count,
			       IOMMU_DMA_REGION_USED, spares);
	*granule = place.first;
	return 0;
}

/* A chunk that has gone away, or @fresh */
static struct iommu_dma_chunk *unused_chunk(struct iommu_dma_zone *zone,
					    struct iommu_dma_chunk **fresh)
{
	struct iommu_dma_chunk *chunk;

	chunk = list_first_entry_or_null(&zone->unused, typeof(*chunk), list);
	if (chunk)
		list_del(&chunk->list);
	else
		swap(chunk, *fresh);
	return chunk;
}

/* A new chunk, or a region of its own */
static int take_from_regions(struct iommu_dma_zone *zone,
			     const struct iommu_dma_want *want, u64 *granule)
{
	bool need = fits_chunk(want) && list_empty(&zone->unused);
	struct iommu_dma_chunk *fresh = NULL, *chunk = NULL;
	struct iommu_dma_spares spares = {};
	unsigned long flags;
	int ret;

	/* Not worth a lock if it cannot succeed */
	if (!iommu_dma_regions_may_fit(&zone->regions, want))
		return -ENOSPC;

	ret = iommu_dma_spares_fill(&spares, IOMMU_DMA_NODE_GFP);
	if (ret)
		goto out;
again:
	if (need)
		fresh = kzalloc_obj(*fresh, IOMMU_DMA_NODE_GFP);

	ret = -ENOSPC;
	xa_lock_irqsave(&zone->chunks, flags);
	iommu_dma_zone_adopt(zone);
	if (fits_chunk(want)) {
		chunk = unused_chunk(zone, &fresh);
		/* There was one when nobody held the lock */
		if (!chunk && !need) {
			xa_unlock_irqrestore(&zone->chunks, flags);
			need = true;
			goto again;
		}
		ret = chunk ? take_from_new(zone, chunk, want, &spares,
					    granule) :
			      -ENOMEM;
	}
	if (chunk && ret && ret != -EAGAIN)
		list_add(&chunk->list, &zone->unused);
	if (ret == -ENOSPC)
		ret = take_region(zone, want, &spares, granule);
	iommu_dma_zone_unlock(zone, flags);
out:
	kfree(fresh);
	iommu_dma_spares_free(&spares);
	return ret;
}

/**
 * iommu_dma_zone_init() - Set up an empty zone
 * @zone: zeroed memory
 * @first: first granule
 * @last: last granule; below @first if there is no such zone
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int iommu_dma_zone_init(struct iommu_dma_zone *zone, u64 first, u64 last)
{
	u64 chunks;
	int ret;

	xa_init_flags(&zone->chunks, XA_FLAGS_LOCK_IRQ);
	for (unsigned int class = 0; class < IOMMU_DMA_CLASSES; class++)
		INIT_LIST_HEAD(&zone->ready[class]);
	INIT_LIST_HEAD(&zone->empty);
	init_llist_head(&zone->late);
	INIT_LIST_HEAD(&zone->unused);

	if (last < first) {
		zone->regions.first = U64_MAX;
		return 0;
	}

	chunks = (last - first) / IOMMU_DMA_CHUNK_GRANULES;
	zone->max_empty =
		min(chunks / IOMMU_DMA_KEPT_SHARE, (u64)IOMMU_DMA_KEPT_MOST);
	zone->max_ring = clamp(chunks / IOMMU_DMA_RING_SHARE, 1ULL,
			       (u64)IOMMU_DMA_CHUNK_GRANULES);
	zone->given_back = jiffies - 1;
	ret = iommu_dma_regions_init(&zone->regions, first, last);
	if (ret)
		return ret;
	zone->slots = iommu_dma_alloc_percpu(struct iommu_dma_slots);
	if (!zone->slots) {
		iommu_dma_regions_destroy(&zone->regions);
		return -ENOMEM;
	}
	return 0;
}

/**
 * iommu_dma_zone_destroy() - Release a zone and all that is in it
 * @zone: the zone, in any state
 *
 * Takes a step per chunk and per region.
 *
 * Context: Process context, may sleep. No other call on @zone is running.
 */
void iommu_dma_zone_destroy(struct iommu_dma_zone *zone)
{
	struct iommu_dma_chunk *chunk, *next;
	unsigned long index;

	xa_for_each(&zone->chunks, index, chunk)
		kfree(chunk);
	list_for_each_entry_safe(chunk, next, &zone->unused, list)
		kfree(chunk);
	xa_destroy(&zone->chunks);
	iommu_dma_regions_destroy(&zone->regions);
	free_percpu(zone->slots);
	zone->slots = NULL;
}

/**
 * iommu_dma_zone_alloc() - Take granules, in bounded time
 * @zone: the zone
 * @want: the request
 * @granule: set to the first granule on success
 *
 * Takes a chunk's steps if the chunk of this CPU has room, else (2 * READY_TRIES + 2)
 * times as many and 80 log n, with interrupts off. Once per 128 granules at most a
 * CPU has to look for another chunk.
 *
 * Context: Any context. May take the lock of the zone.
 * Return:
 * * %0		- it is done.
 * * %-ENOSPC	- found nothing; iommu_dma_zone_alloc_scarce() may.
 * * %-ENOMEM	- out of memory. A retry may help.
 */
int iommu_dma_zone_alloc(struct iommu_dma_zone *zone,
			 const struct iommu_dma_want *want, u64 *granule)
{
	unsigned int class = iommu_dma_class_of(want->count);
	unsigned long flags;
	bool found;
	int ret;

	if (want->limit < zone->regions.first)
		return -ENOSPC;
	if (!fits_chunk(want))
		return take_from_regions(zone, want, granule);
	if (take_from_slot(zone, class, want, granule) ||
	    iommu_dma_zone_go_on(zone, class, want, granule))
		return 0;

	if (!list_empty(&zone->ready[class]) || !list_empty(&zone->empty)) {
		xa_lock_irqsave(&zone->chunks, flags);
		found = take_from_ready(zone, class, want, granule) ||
			take_from_empty(zone, class, want, granule);
		iommu_dma_zone_adopt(zone);
		iommu_dma_zone_unlock(zone, flags);
		if (found)
			return 0;
	}
	/* Overtaken by who knew the chunk as another one: it is seldom even once */
	do {
		ret = take_from_regions(zone, want, granule);
	} while (ret == -EAGAIN);
	return ret;
}

/* The chunk that these granules are in, or NULL */
static struct iommu_dma_chunk *find_chunk(struct iommu_dma_zone *zone,
					  u64 first, u64 count)
{
	struct iommu_dma_chunk *chunk;

	if (count > IOMMU_DMA_CHUNK_GRANULES)
		return NULL;

	chunk = iommu_dma_slots_chunk(zone->slots, iommu_dma_class_of(count));
	if (chunk && contains(chunk, first, count))
		return chunk;

	chunk = xa_load(&zone->chunks, iommu_dma_index_of(first));
	return chunk && contains(chunk, first, count) ? chunk : NULL;
}

/* The region that was taken for these granules, or NULL */
static struct iommu_dma_region *find_region(struct iommu_dma_zone *zone,
					    u64 first, u64 count)
{
	struct iommu_dma_region *region =
		iommu_dma_regions_at(&zone->regions, first);

	if (region && region->kind == IOMMU_DMA_REGION_USED &&
	    region->first == first && region->last - first == count - 1)
		return region;
	return NULL;
}

static bool free_region(struct iommu_dma_zone *zone, u64 first, u64 count)
{
	struct iommu_dma_region *region;
	unsigned long flags;

	xa_lock_irqsave(&zone->chunks, flags);
	region = find_region(zone, first, count);
	if (region)
		iommu_dma_regions_give(&zone->regions, region);
	iommu_dma_zone_unlock(zone, flags);
	return region;
}

/**
 * iommu_dma_zone_free() - Give granules back
 * @zone: the zone
 * @first: first granule
 * @count: granules, at least 1
 *
 * Takes the steps of iommu_dma_chunk_give(), and of xa_load() if it is not a chunk
 * of this CPU. Once when a chunk without users gets room, once when it has plenty,
 * and when it is empty, 8 log n are taken with interrupts off, if nobody else has the
 * lock; and so they are for a region of its own. Needs no memory.
 *
 * Context: Any context. May take the lock of the zone.
 * Return: true; false, and nothing is changed, if these are not granules that were
 * taken together, and all of them.
 */
bool iommu_dma_zone_free(struct iommu_dma_zone *zone, u64 first, u64 count)
{
	struct iommu_dma_chunk *chunk = find_chunk(zone, first, count);
	unsigned int bit = first % IOMMU_DMA_CHUNK_GRANULES;

	if (!chunk)
		return free_region(zone, first, count);
	if (!iommu_dma_chunk_give(chunk, bit, count))
		return false;

	/* From here on, it may go away, and come back as another one */
	if (!READ_ONCE(chunk->users) &&
	    iommu_dma_zone_unsettled(chunk, bit, count))
		return iommu_dma_zone_given(zone, chunk, bit, count);
	return true;
}

/**
 * iommu_dma_zone_quarantine() - Make sure that granules are never given back
 * @zone: the zone
 * @first: first granule
 * @count: granules, at least 1
 *
 * Takes the steps of iommu_dma_chunk_quarantine(), or log n with interrupts off.
 *
 * Context: Any context. May take the lock of the zone.
 * Return: true if they were taken.
 */
bool iommu_dma_zone_quarantine(struct iommu_dma_zone *zone, u64 first,
			       u64 count)
{
	struct iommu_dma_chunk *chunk = find_chunk(zone, first, count);
	unsigned int bit = first % IOMMU_DMA_CHUNK_GRANULES;
	struct iommu_dma_region *region;
	unsigned long flags;
	bool taken;

	if (chunk)
		return iommu_dma_chunk_quarantine(chunk, bit, count);

	xa_lock_irqsave(&zone->chunks, flags);
	region = iommu_dma_regions_at(&zone->regions, first);
	taken = region && region->kind == IOMMU_DMA_REGION_USED &&
		count - 1 <= region->last - first;
	if (taken && region->last - region->first == count - 1)
		region->kind = IOMMU_DMA_REGION_QUARANTINED;
	iommu_dma_zone_unlock(zone, flags);
	return taken;
}

/**
 * iommu_dma_zone_quarantined() - Are granules quarantined?
 * @zone: the zone
 * @first: first granule
 * @count: granules, at least 1
 *
 * Takes log n steps and those of iommu_dma_chunk_quarantined(), with interrupts off.
 *
 * Context: Any context. Takes the lock of the zone.
 * Return: true if all of them are, in one chunk or by one call.
 */
bool iommu_dma_zone_quarantined(struct iommu_dma_zone *zone, u64 first,
				u64 count)
{
	struct iommu_dma_region *region;
	struct iommu_dma_chunk *chunk;
	unsigned long flags;
	bool ret = false;

	xa_lock_irqsave(&zone->chunks, flags);
	region = iommu_dma_regions_at(&zone->regions, first);
	if (region && count - 1 <= region->last - first) {
		chunk = xa_load(&zone->chunks, iommu_dma_index_of(first));
		ret = region->kind == IOMMU_DMA_REGION_QUARANTINED ||
		      (region->kind == IOMMU_DMA_REGION_CHUNK &&
		       iommu_dma_chunk_quarantined(chunk, first - chunk->base,
						   count));
	}
	iommu_dma_zone_unlock(zone, flags);
	return ret;
}

/* Find what was taken of a chunk, or as a region, from @from on */
static bool next_used_in(struct iommu_dma_zone *zone,
			 const struct iommu_dma_region *region, u64 from,
			 u64 *first, u64 *count)
{
	struct iommu_dma_chunk *chunk;
	unsigned int bit, bits;

	if (region->kind == IOMMU_DMA_REGION_USED && region->first >= from) {
		*first = region->first;
		*count = region->last - region->first + 1;
		return true;
	}
	if (region->kind != IOMMU_DMA_REGION_CHUNK)
		return false;

	chunk = xa_load(&zone->chunks, iommu_dma_index_of(region->first));
	bit = max(from, region->first) % IOMMU_DMA_CHUNK_GRANULES;
	if (!iommu_dma_chunk_next_used(chunk, &bit, &bits))
		return false;
	*first = chunk->base + bit;
	*count = bits;
	return true;
}

/**
 * iommu_dma_zone_next_used() - Find granules that were allocated together
 * @zone: the zone, of which nothing is allocated or freed meanwhile
 * @from: where to begin
 * @first: set to the first granule
 * @count: set to how many
 *
 * For when time does not matter: takes a step per region and per granule of a chunk,
 * with interrupts off.
 *
 * Context: Any context. Takes the lock of the zone.
 * Return: true; false if there are none that begin at or after @from.
 */
bool iommu_dma_zone_next_used(struct iommu_dma_zone *zone, u64 from, u64 *first,
			      u64 *count)
{
	struct iommu_dma_regions *regions = &zone->regions;
	struct rb_node *node;
	unsigned long flags;
	bool found = false;

	if (regions->first > regions->last || from > regions->last)
		return false;

	xa_lock_irqsave(&zone->chunks, flags);
	node = &iommu_dma_regions_at(regions, max(from, regions->first))->node;
	for (; node && !found; node = rb_next(node))
		found = next_used_in(zone,
				     rb_entry(node, struct iommu_dma_region,
					      node),
				     from, first, count);
	iommu_dma_zone_unlock(zone, flags);
	return found;
}

/* Reserve granules of a chunk, which its owners allocate around from then on */
static int reserve_in_chunk(struct iommu_dma_zone *zone,
			    struct iommu_dma_chunk *chunk, unsigned int first,
			    unsigned int last)
{
	unsigned long claimed[IOMMU_DMA_CHUNK_WORDS];
	unsigned int word, begin, end;
	int ret = 0;

	for (word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++) {
		claimed[word] = READ_ONCE(chunk->claimed[word]);
		/* What is quarantined is joined as well, and not to be had */
		claimed[word] &= ~READ_ONCE(chunk->joined[word]);
	}

	for (begin = first; begin <= last; begin = end) {
		begin = find_next_zero_bit(claimed, last + 1, begin);
		if (begin > last)
			break;
		end = find_next_bit(claimed, last + 1, begin);
		if (!iommu_dma_chunk_claim(chunk, begin, end - 1)) {
			ret = -EBUSY;
			break;
		}
	}
	/* It is empty no more, or may have looked fuller than it is for a while */
	if (!chunk->users)
		iommu_dma_zone_settle(zone, chunk);
	return ret;
}

/* Reserve from @first on, as far as the region there goes; says where it ends */
static int reserve_part(struct iommu_dma_zone *zone, u64 first, u64 *last,
			struct iommu_dma_spares *spares)
{
	struct iommu_dma_place place = {
		.region = iommu_dma_regions_at(&zone->regions, first),
		.first = first,
	};
	struct iommu_dma_chunk *chunk;

	*last = min(*last, place.region->last);
	switch (place.region->kind) {
	case IOMMU_DMA_REGION_FREE:
		iommu_dma_regions_take(&zone->regions, &place,
				       *last - first + 1,
				       IOMMU_DMA_REGION_RESERVED, spares);
		return 0;
	case IOMMU_DMA_REGION_RESERVED:
		return 0;
	case IOMMU_DMA_REGION_CHUNK:
		chunk = xa_load(&zone->chunks, iommu_dma_index_of(first));
		return reserve_in_chunk(zone, chunk, first - chunk->base,
					*last - chunk->base);
	default:
		return -EBUSY;
	}
}

/**
 * iommu_dma_zone_reserve() - Take granules for good
 * @zone: the zone
 * @first: first granule
 * @last: last granule, in the zone
 *
 * What is reserved already is no error. Takes 8 log n steps, or those of
 * iommu_dma_chunk_claim(), for each region in the range, with interrupts off for
 * one at a time.
 *
 * Context: Process context, may sleep. Takes the lock of the zone.
 * Return:
 * * %0		- it is done.
 * * %-EBUSY	- a part is taken. What has been reserved stays so. A retry may
 *		  help when it has been given back.
 * * %-ENOMEM	- out of memory. A retry may help.
 */
int iommu_dma_zone_reserve(struct iommu_dma_zone *zone, u64 first, u64 last)
{
	struct iommu_dma_spares spares = {};
	unsigned long flags;
	int ret = 0;
	u64 end;

	for (; first <= last; first = end + 1) {
		/* What others hold for a while is not in use */
		for (unsigned int i = 0; i < RESERVE_TRIES; i++) {
			ret = iommu_dma_spares_fill(&spares, GFP_KERNEL);
			if (ret)
				goto out;
			end = last;
			xa_lock_irqsave(&zone->chunks, flags);
			ret = reserve_part(zone, first, &end, &spares);
			iommu_dma_zone_unlock(zone, flags);
			if (ret != -EBUSY)
				break;
			cpu_relax();
		}
		if (ret)
			break;
	}
out:
	iommu_dma_spares_free(&spares);
	return ret;
}
