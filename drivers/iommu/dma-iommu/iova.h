/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IOVA space of one domain.
 *
 * iova.c includes this and no more than the trace events, so that it builds in user
 * space.
 * Sizes are size_t and in bytes, IOVAs are dma_addr_t.
 */
#ifndef __DMA_IOMMU_IOVA_H
#define __DMA_IOMMU_IOVA_H

#include <kunit/visibility.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sizes.h>

#include "zone.h"

/**
 * struct iommu_dma_space - The IOVA space of one domain
 * @low: what lies below 4 GiB
 * @high: what lies above
 * @granule: smallest page of the IOMMU in bytes; 0 until the space is set up
 * @shift: log2 of @granule
 * @slots: of @low for who prefers 32 bits, and of @high for who does not; both those
 *	   of the same zone if there is only one
 * @first: lowest IOVA that may be handed out
 * @last: highest IOVA that may be handed out
 * @quarantined: bytes that are never handed out again, each once
 */
struct iommu_dma_space {
	struct iommu_dma_zone low;
	struct iommu_dma_zone high;
	size_t granule;
	unsigned int shift;
	struct iommu_dma_slots __percpu *slots[2];
	dma_addr_t first;
	dma_addr_t last;
	atomic_long_t quarantined;
};

/**
 * struct iommu_dma_request - What is asked of an IOVA space
 * @size: bytes, a multiple of the granule
 * @align: a power of two, in bytes; none if it is not above a granule
 * @offset: the start is this much above a multiple of @align, if that is more than a
 *	    granule: bytes, a multiple of the granule, less than @align
 * @limit: highest address that the device can use, inclusive
 * @prefer_32bit: stay below 4 GiB while room is found there at once: a chunk with
 *		  plenty of it, or a region. Also what is best for a @limit below
 * @at_once: refuse rather than search: there is another request to try
 */
struct iommu_dma_request {
	size_t size;
	size_t align;
	size_t offset;
	dma_addr_t limit;
	bool prefer_32bit;
	bool at_once;
};

int iommu_dma_space_init(struct iommu_dma_space *space, size_t granule,
			 dma_addr_t first, dma_addr_t last);
bool iommu_dma_space_is(const struct iommu_dma_space *space, size_t granule,
			dma_addr_t first, dma_addr_t last);
void iommu_dma_space_destroy(struct iommu_dma_space *space);
int iommu_dma_space_reserve(struct iommu_dma_space *space, dma_addr_t first,
			    dma_addr_t last);
int iommu_dma_space_alloc_any(struct iommu_dma_space *space,
			      const struct iommu_dma_request *request,
			      dma_addr_t *iova);
bool iommu_dma_space_free_any(struct iommu_dma_space *space, dma_addr_t iova,
			      size_t size);
bool iommu_dma_space_settle(struct iommu_dma_space *space,
			    struct iommu_dma_chunk *chunk, dma_addr_t iova,
			    size_t size);
void iommu_dma_space_quarantine(struct iommu_dma_space *space, dma_addr_t iova,
				size_t size);
bool iommu_dma_space_quarantined(struct iommu_dma_space *space, dma_addr_t iova,
				 size_t size);
bool iommu_dma_space_next_used(struct iommu_dma_space *space, dma_addr_t *iova,
			       size_t *size);

/*
 * What most mappings need is inline: up to a word of granules, and room in the chunk
 * that this CPU looks at first.
 */

static __always_inline struct iommu_dma_chunk *
iommu_dma_space_chunk(const struct iommu_dma_space *space, bool low,
		      unsigned int count)
{
	return iommu_dma_slots_chunk(space->slots[low],
				     iommu_dma_class_of(count));
}

/*
 * What was taken keeps the chunk where it is: only now its limit can be looked at. As
 * a rule that holds for all of a chunk.
 */
static __always_inline bool
iommu_dma_space_taken(struct iommu_dma_space *space,
		      const struct iommu_dma_request *request,
		      const struct iommu_dma_chunk *chunk, unsigned int bit,
		      dma_addr_t *iova)
{
	dma_addr_t first = (dma_addr_t)(READ_ONCE(chunk->base) + bit)
			   << space->shift;

	if (unlikely(first + (request->size - 1) > request->limit)) {
		iommu_dma_space_free_any(space, first, request->size);
		return false;
	}
	*iova = first;
	return true;
}

static __always_inline bool
iommu_dma_space_take(struct iommu_dma_space *space,
		     const struct iommu_dma_request *request,
		     unsigned int count, unsigned long starts, dma_addr_t *iova)
{
	struct iommu_dma_chunk *chunk =
		iommu_dma_space_chunk(space, request->prefer_32bit, count);
	int bit;

	if (unlikely(!chunk))
		return false;
	bit = iommu_dma_chunk_take_in_word(chunk, count, starts,
					   IOMMU_DMA_CHUNK_GRANULES - 1);
	if (unlikely(bit < 0))
		return false;
	return iommu_dma_space_taken(space, request, chunk, bit, iova);
}

/**
 * iommu_dma_space_alloc() - Find room for a mapping
 * @space: the space
 * @request: what is asked
 * @iova: set on success
 *
 * Looks above 4 GiB first, or below if that is preferred, and at both before it
 * looks harder in either. The order depends on the request and on what is free
 * now, and else only on whether iommu_dma_zone_give_back() has been called in this
 * jiffy, which is called before it goes to the other zone.
 *
 * Takes the steps of iommu_dma_zone_alloc(), at most three times, and those of
 * iommu_dma_zone_give_back(), if they find something; else those of
 * iommu_dma_zone_alloc_scarce() as well. With @at_once, instead of the latter one
 * time more of either.
 *
 * Context: Any context. Takes the locks of the zones.
 * Return:
 * * %0		- it is done.
 * * %-EINVAL	- the request is empty or not whole granules, its alignment not a
 *		  power of two, or its offset not below that. A retry does not
 *		  help.
 * * %-ENOSPC	- there is no room below the limit. A retry may help when other
 *		  mappings of the domain have gone.
 * * %-ENOMEM	- out of memory. A retry may help.
 */
static __always_inline int
iommu_dma_space_alloc(struct iommu_dma_space *space,
		      const struct iommu_dma_request *request, dma_addr_t *iova)
{
	/* Parts of a granule end up on top, and are far too many */
	u64 count = ror64(request->size, space->shift), align;

	if (request->align <= space->granule) {
		if (count == 1 &&
		    iommu_dma_space_take(space, request, 1, ~0UL, iova))
			return 0;
		if (count - 2 < BITS_PER_LONG - 1 &&
		    iommu_dma_space_take(space, request, count, ~0UL, iova))
			return 0;
	} else if (count - 1 < BITS_PER_LONG && !request->offset) {
		align = ror64(request->align, space->shift);
		if (align <= BITS_PER_LONG && is_power_of_2(align) &&
		    iommu_dma_space_take(space, request, count,
					 iommu_dma_word_starts(align, 0), iova))
			return 0;
	}
	return iommu_dma_space_alloc_any(space, request, iova);
}

/* The chunk that granules were given back to, or NULL */
static __always_inline struct iommu_dma_chunk *
iommu_dma_space_give(struct iommu_dma_space *space, dma_addr_t iova,
		     unsigned int count)
{
	struct iommu_dma_chunk *chunk =
		iommu_dma_space_chunk(space, iova <= U32_MAX, count);
	u64 bit;

	if (unlikely(!chunk))
		return NULL;
	/* Parts of a granule end up on top, and are in no chunk */
	bit = ror64(iova, space->shift) - READ_ONCE(chunk->plain);
	if (bit >= IOMMU_DMA_CHUNK_GRANULES ||
	    bit % BITS_PER_LONG + count > BITS_PER_LONG ||
	    !iommu_dma_chunk_give_in_word(chunk, bit, count))
		return NULL;
	return chunk;
}

/**
 * iommu_dma_space_free() - Give room back
 * @space: the space
 * @iova: as from iommu_dma_space_alloc()
 * @size: as in the request
 *
 * Nothing may be mapped there, nor be left in an IOTLB. Needs no memory. Takes the
 * steps of iommu_dma_zone_free().
 *
 * Context: Any context. May take the lock of a zone.
 * Return: true; false, and nothing is changed, if that is not what was allocated
 * there.
 */
static __always_inline bool iommu_dma_space_free(struct iommu_dma_space *space,
						 dma_addr_t iova, size_t size)
{
	u64 count = ror64(size, space->shift);
	struct iommu_dma_chunk *chunk = NULL;

	if (count == 1)
		chunk = iommu_dma_space_give(space, iova, 1);
	else if (count - 2 < BITS_PER_LONG - 1)
		chunk = iommu_dma_space_give(space, iova, count);
	if (!chunk)
		return iommu_dma_space_free_any(space, iova, size);
	if (likely(READ_ONCE(chunk->users)))
		return true;
	return iommu_dma_space_settle(space, chunk, iova, size);
}

#endif /* __DMA_IOMMU_IOVA_H */
