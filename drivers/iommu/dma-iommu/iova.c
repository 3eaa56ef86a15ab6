// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOVA space of one domain.
 *
 * Owns which IOVAs are free, in use, reserved or quarantined: turns requests in
 * bytes into such in granules, and decides which zone they go to. Knows nothing of
 * devices, page tables or directions: every limit comes with the request, and says
 * nothing about the next.
 *
 * Granule 0 is never handed out: drivers and devices that take the DMA address 0
 * for "none" are too many.
 *
 * Locks: those of the zones, see zone.c.
 */

#include <trace/events/dma_iommu.h>

#include "iova.h"

/* The IOMMU API says IOVAs in an unsigned long, which may be less than a dma_addr_t */
static dma_addr_t last_usable(dma_addr_t last)
{
	return min_t(dma_addr_t, last, ULONG_MAX);
}

/* Move @first to the start of the lowest granule that may be handed out */
static bool first_usable(size_t granule, dma_addr_t *first)
{
	if (check_add_overflow(max_t(dma_addr_t, *first, granule), granule - 1,
			       first))
		return false;
	*first = ALIGN_DOWN(*first, granule);
	return true;
}

/*
 * The highest granule that ends at @last or below, which is not in the first, and that
 * has no address which callers would take for DMA_MAPPING_ERROR.
 */
static u64 last_granule(const struct iommu_dma_space *space, dma_addr_t last)
{
	last = min_t(dma_addr_t, last, ULONG_MAX - 1);
	return (last - (space->granule - 1)) >> space->shift;
}

/* The first granule of the high zone */
static u64 border(const struct iommu_dma_space *space)
{
	return (u64)SZ_4G >> space->shift;
}

static struct iommu_dma_zone *zone_of(struct iommu_dma_space *space,
				      u64 granule)
{
	return granule < border(space) ? &space->low : &space->high;
}

/**
 * iommu_dma_space_init() - Set up an empty IOVA space
 * @space: zeroed memory
 * @granule: smallest page of the IOMMU in bytes, a power of two
 * @first: lowest address that the IOMMU translates
 * @last: highest address that it translates, inclusive
 *
 * Context: Process context, may sleep.
 * Return:
 * * %0		- it is done.
 * * %-EINVAL	- @granule is larger than a page of the CPU, or the range holds
 *		  no whole granule. A retry does not help.
 * * %-ENOMEM	- out of memory. A retry may help.
 */
int iommu_dma_space_init(struct iommu_dma_space *space, size_t granule,
			 dma_addr_t first, dma_addr_t last)
{
	u64 lo, hi;
	int ret;

	/* Pages of the CPU could not be mapped one by one */
	if (granule > PAGE_SIZE)
		return -EINVAL;

	last = last_usable(last);
	if (!first_usable(granule, &first) || last < first ||
	    last - first < (last == ULONG_MAX ? granule : granule - 1))
		return -EINVAL;

	space->shift = ilog2(granule);
	space->granule = granule;
	lo = first >> space->shift;
	/* Chunks are found by an unsigned long, and its last ones are no granules */
	hi = min(last_granule(space, last),
		 (u64)ULONG_MAX - 2 * IOMMU_DMA_CHUNK_GRANULES);

	ret = iommu_dma_zone_init(&space->low, lo, min(hi, border(space) - 1));
	if (ret)
		goto err_low;
	ret = iommu_dma_zone_init(&space->high, max(lo, border(space)), hi);
	if (ret)
		goto err_high;

	space->slots[false] = space->high.slots ?: space->low.slots;
	space->slots[true] = space->low.slots ?: space->high.slots;
	space->first = first;
	space->last = last;
	return 0;

err_high:
	iommu_dma_zone_destroy(&space->low);
err_low:
	space->granule = 0;
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_init);

/**
 * iommu_dma_space_is() - Was a space set up with these properties?
 * @space: the space, set up
 * @granule: as for iommu_dma_space_init()
 * @first: as for iommu_dma_space_init()
 * @last: as for iommu_dma_space_init()
 *
 * Context: Any context.
 * Return: true if the space is what iommu_dma_space_init() would make of them.
 */
bool iommu_dma_space_is(const struct iommu_dma_space *space, size_t granule,
			dma_addr_t first, dma_addr_t last)
{
	return first_usable(granule, &first) && space->granule == granule &&
	       space->first == first && space->last == last_usable(last);
}

/**
 * iommu_dma_space_destroy() - Release an IOVA space and all that is in it
 * @space: the space, which may never have been set up
 *
 * Takes a step per chunk and per larger allocation.
 *
 * Context: Process context, may sleep. No other call on @space may be running.
 */
void iommu_dma_space_destroy(struct iommu_dma_space *space)
{
	if (!space->granule)
		return;

	iommu_dma_zone_destroy(&space->low);
	iommu_dma_zone_destroy(&space->high);
	space->granule = 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_destroy);

/**
 * iommu_dma_space_reserve() - Take a range out of an IOVA space for good
 * @space: the space
 * @first: lowest address of the range
 * @last: highest address of the range, inclusive
 *
 * Rounds to whole granules, outwards. What lies outside the space, or is
 * reserved already, is no error. Bounds are those of iommu_dma_zone_reserve().
 *
 * Context: Process context, may sleep.
 * Return:
 * * %0		- it is done.
 * * %-EBUSY	- a part is in use. Reservations already made stay. A retry may
 *		  help when mappings have gone.
 * * %-EINVAL	- @last is below @first. A retry does not help.
 * * %-ENOMEM	- out of memory. A retry may help.
 */
int iommu_dma_space_reserve(struct iommu_dma_space *space, dma_addr_t first,
			    dma_addr_t last)
{
	struct iommu_dma_zone *zones[] = { &space->low, &space->high };
	u64 lo = first >> space->shift, hi = last >> space->shift;

	if (last < first)
		return -EINVAL;

	for (unsigned int i = 0; i < ARRAY_SIZE(zones); i++) {
		struct iommu_dma_regions *regions = &zones[i]->regions;
		int ret = 0;

		if (lo <= regions->last && hi >= regions->first)
			ret = iommu_dma_zone_reserve(zones[i],
						     max(lo, regions->first),
						     min(hi, regions->last));
		if (ret)
			return ret;
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_reserve);

static int to_want(const struct iommu_dma_space *space,
		   const struct iommu_dma_request *request,
		   struct iommu_dma_want *want)
{
	size_t align = max(request->align, space->granule);
	size_t offset = align > space->granule ? request->offset : 0;

	if (!request->size || !is_power_of_2(align) || offset >= align ||
	    (request->size | offset) & (space->granule - 1))
		return -EINVAL;
	if (request->limit < space->granule - 1)
		return -ENOSPC;

	want->count = request->size >> space->shift;
	want->align = align >> space->shift;
	want->offset = offset >> space->shift;
	want->limit =
		min(last_granule(space, request->limit),
		    max(space->low.regions.last, space->high.regions.last));
	return 0;
}

/* Also, if @other_way, see to it that what is kept for later is no reason to refuse */
static int alloc_soon(struct iommu_dma_zone *zone, bool other_way,
		      const struct iommu_dma_want *want, u64 *granule)
{
	int ret = iommu_dma_zone_alloc(zone, want, granule);

	if (ret == -ENOSPC && other_way && iommu_dma_zone_give_back(zone, want))
		ret = iommu_dma_zone_alloc(zone, want, granule);
	return ret;
}

/* What was not found in the zone that it should come from, nor in @other, if any */
static int alloc_scarce(struct iommu_dma_zone *zone,
			struct iommu_dma_zone *other,
			const struct iommu_dma_want *want, u64 *granule)
{
	int ret = iommu_dma_zone_alloc_scarce(zone, want, granule);

	/* Out of memory is no reason to leave the zone */
	if (ret == -ENOSPC && other)
		ret = iommu_dma_zone_alloc_scarce(other, want, granule);
	return ret;
}

static int alloc_any(struct iommu_dma_space *space,
		     const struct iommu_dma_request *request, dma_addr_t *iova)
{
	struct iommu_dma_zone *zone = &space->low, *other = NULL;
	struct iommu_dma_want want;
	u64 granule;
	int ret;

	ret = to_want(space, request, &want);
	if (ret)
		return ret;

	if (want.limit >= border(space)) {
		other = &space->high;
		if (!request->prefer_32bit)
			swap(zone, other);
	}

	ret = alloc_soon(zone, other || request->at_once, &want, &granule);
	if (ret == -ENOSPC && other)
		ret = alloc_soon(other, request->at_once, &want, &granule);
	if (ret && !request->at_once) {
		trace_dma_iommu_search(space->low.group, request->size,
				       request->align, request->limit);
		ret = alloc_scarce(zone, other, &want, &granule);
	}
	if (ret)
		return ret;

	*iova = (dma_addr_t)granule << space->shift;
	return 0;
}

/* A whole chunk, if that of this CPU is empty and lies below the limit */
static bool take_all(struct iommu_dma_space *space,
		     const struct iommu_dma_request *request, dma_addr_t *iova)
{
	const unsigned int all = IOMMU_DMA_CHUNK_GRANULES;
	struct iommu_dma_chunk *chunk =
		iommu_dma_space_chunk(space, request->prefer_32bit, all);

	if (request->size != all << space->shift ||
	    request->align > request->size ||
	    request->align & (request->align - 1) || request->offset || !chunk)
		return false;
	if (!iommu_dma_chunk_take_all(chunk)) {
		/* It may have looked fuller than it is for a while */
		iommu_dma_zone_recheck(zone_of(space, READ_ONCE(chunk->base)),
				       chunk);
		return false;
	}
	return iommu_dma_space_taken(space, request, chunk, 0, iova);
}

/**
 * iommu_dma_space_alloc_any() - Find room for a mapping that is not the usual one
 * @space: the space
 * @request: what is asked
 * @iova: set on success
 *
 * What iommu_dma_space_alloc() is, when there is no room at once.
 *
 * Context: Any context. Takes the locks of the zones.
 * Return: as iommu_dma_space_alloc().
 */
int iommu_dma_space_alloc_any(struct iommu_dma_space *space,
			      const struct iommu_dma_request *request,
			      dma_addr_t *iova)
{
	if (take_all(space, request, iova))
		return 0;
	return alloc_any(space, request, iova);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_alloc_any);

/* Whole granules of the space, and in one zone as all that is handed out */
static bool in_space(const struct iommu_dma_space *space, dma_addr_t iova,
		     size_t size)
{
	return size && !((iova | size) & (space->granule - 1)) &&
	       iova >= space->first && iova <= space->last &&
	       size - 1 <= space->last - iova;
}

static bool give_all(struct iommu_dma_space *space, dma_addr_t iova,
		     size_t size)
{
	const unsigned int all = IOMMU_DMA_CHUNK_GRANULES;
	struct iommu_dma_chunk *chunk =
		iommu_dma_space_chunk(space, iova <= U32_MAX, all);

	if (size != all << space->shift || !chunk ||
	    iova >> space->shift != READ_ONCE(chunk->plain) ||
	    !iommu_dma_chunk_give_all(chunk))
		return false;
	if (unlikely(!READ_ONCE(chunk->users)))
		return iommu_dma_space_settle(space, chunk, iova, size);
	return true;
}

/**
 * iommu_dma_space_free_any() - Give room back that is not where most is
 * @space: the space
 * @iova: as from iommu_dma_space_alloc()
 * @size: as in the request
 *
 * Context: Any context. May take the lock of a zone.
 * Return: as iommu_dma_space_free().
 */
bool iommu_dma_space_free_any(struct iommu_dma_space *space, dma_addr_t iova,
			      size_t size)
{
	u64 granule = iova >> space->shift;

	if (!in_space(space, iova, size))
		return false;
	if (give_all(space, iova, size))
		return true;
	return iommu_dma_zone_free(zone_of(space, granule), granule,
				   size >> space->shift);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_free_any);

/**
 * iommu_dma_space_settle() - See to a chunk that was taken out of its slot
 * @space: the space
 * @chunk: the chunk
 * @iova: start of what was given back meanwhile
 * @size: bytes of that, in one chunk
 *
 * Takes the steps of iommu_dma_zone_settle(), with interrupts off.
 *
 * Context: Any context. Takes the lock of a zone.
 * Return: as iommu_dma_zone_given().
 */
bool iommu_dma_space_settle(struct iommu_dma_space *space,
			    struct iommu_dma_chunk *chunk, dma_addr_t iova,
			    size_t size)
{
	unsigned int bit = (iova >> space->shift) % IOMMU_DMA_CHUNK_GRANULES;
	unsigned int count = size >> space->shift;

	return !iommu_dma_zone_unsettled(chunk, bit, count) ||
	       iommu_dma_zone_given(zone_of(space, iova >> space->shift), chunk,
				    bit, count);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_settle);

/**
 * iommu_dma_space_quarantine() - Never hand a range out again
 * @space: the space
 * @iova: start of the range
 * @size: bytes of the range
 *
 * What was allocated as this range cannot be freed any more. What is not allocated,
 * as after a second unmap, is not lost, and not counted. Needs no memory, cannot
 * fail. Takes the steps of iommu_dma_zone_quarantine().
 *
 * Context: Any context. May take the lock of a zone.
 */
void iommu_dma_space_quarantine(struct iommu_dma_space *space, dma_addr_t iova,
				size_t size)
{
	u64 granule = iova >> space->shift;

	if (!in_space(space, iova, size) ||
	    !iommu_dma_zone_quarantine(zone_of(space, granule), granule,
				       size >> space->shift))
		return;
	atomic_long_add(size, &space->quarantined);
	trace_dma_iommu_quarantine(space->low.group, iova, size);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_quarantine);

/**
 * iommu_dma_space_quarantined() - Is a range never handed out again?
 * @space: the space
 * @iova: start of the range
 * @size: bytes of the range
 *
 * Takes the steps of iommu_dma_zone_quarantined().
 *
 * Context: Any context. Takes the lock of a zone.
 * Return: true if all of it is part of what iommu_dma_space_quarantine() was told.
 */
bool iommu_dma_space_quarantined(struct iommu_dma_space *space, dma_addr_t iova,
				 size_t size)
{
	u64 granule = iova >> space->shift;

	return in_space(space, iova, size) &&
	       iommu_dma_zone_quarantined(zone_of(space, granule), granule,
					  size >> space->shift);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_quarantined);

/**
 * iommu_dma_space_next_used() - Find a range that was allocated
 * @space: the space, of which nothing is allocated or freed meanwhile
 * @iova: where to begin; set to the start of the range
 * @size: set to its bytes
 *
 * Takes the steps of iommu_dma_zone_next_used().
 *
 * Context: Any context. Takes the locks of the zones, one after the other.
 * Return: true; false if there is none that begins at or after @iova.
 */
bool iommu_dma_space_next_used(struct iommu_dma_space *space, dma_addr_t *iova,
			       size_t *size)
{
	u64 from = *iova >> space->shift, first, count;

	if (!iommu_dma_zone_next_used(&space->low, from, &first, &count) &&
	    !iommu_dma_zone_next_used(&space->high, from, &first, &count))
		return false;
	*iova = first << space->shift;
	*size = count << space->shift;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_space_next_used);
