// SPDX-License-Identifier: GPL-2.0-only
/*
 * Surveys: what a zone of IOVA space consists of, for who looks at it from outside.
 *
 * Owns the walk of a zone that is in use: a region at a time, and of a chunk a copy of
 * its maps, so that nobody who maps or unmaps waits for longer than it takes to find a
 * region. Nothing is counted while things happen that can be seen when somebody looks.
 *
 * What changes meanwhile is seen as it was or as it is, or in between: of a zone that
 * is in use the numbers are near the truth, of one that is not they are exact.
 *
 * Locks: that of the zone, for one region at a time.
 */

#include <kunit/visibility.h>
#include <linux/math64.h>

#include "survey.h"

/**
 * struct stretch - Granules side by side that are of one kind
 * @kind: what they are: IOMMU_DMA_REGION_USED if they were taken together
 * @first: the first one
 * @count: how many
 */
struct stretch {
	enum iommu_dma_region_kind kind;
	u64 first;
	u64 count;
};

/**
 * struct walk - Where a walk of a zone is
 * @zone: the zone
 * @at: the next granule
 * @last: the last one that is looked at
 * @kind: of the region that was entered last
 * @end: its last granule, or @last
 * @base: if it is a chunk, the granule of its bit 0
 * @map: of the chunk
 * @joined: of the chunk
 * @claimed: of the chunk
 */
struct walk {
	struct iommu_dma_zone *zone;
	u64 at;
	u64 last;
	enum iommu_dma_region_kind kind;
	u64 end;
	u64 base;
	unsigned long map[IOMMU_DMA_CHUNK_WORDS];
	unsigned long joined[IOMMU_DMA_CHUNK_WORDS];
	unsigned long claimed[IOMMU_DMA_CHUNK_WORDS];
};

static void copy_chunk(struct walk *walk, const struct iommu_dma_chunk *chunk)
{
	walk->base = chunk->base;
	for (unsigned int word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++) {
		walk->map[word] = READ_ONCE(chunk->map[word]);
		walk->joined[word] = READ_ONCE(chunk->joined[word]);
		walk->claimed[word] = READ_ONCE(chunk->claimed[word]);
	}
}

/* Look at the region that the walk has come to. False if that was the last one. */
static bool enter_region(struct walk *walk)
{
	struct iommu_dma_zone *zone = walk->zone;
	struct iommu_dma_region *region;
	unsigned long flags;

	if (walk->at > walk->last)
		return false;

	xa_lock_irqsave(&zone->chunks, flags);
	region = iommu_dma_regions_at(&zone->regions, walk->at);
	walk->kind = region->kind;
	walk->end = min(region->last, walk->last);
	if (region->kind == IOMMU_DMA_REGION_CHUNK)
		copy_chunk(walk, xa_load(&zone->chunks,
					 iommu_dma_index_of(walk->at)));
	xa_unlock_irqrestore(&zone->chunks, flags);
	return true;
}

static enum iommu_dma_region_kind kind_of(const struct walk *walk,
					  unsigned int bit)
{
	if (!test_bit(bit, walk->map))
		return IOMMU_DMA_REGION_FREE;
	if (!test_bit(bit, walk->claimed))
		return IOMMU_DMA_REGION_USED;
	/* What is quarantined is joined, from its start on */
	return test_bit(bit, walk->joined) ? IOMMU_DMA_REGION_QUARANTINED :
					     IOMMU_DMA_REGION_RESERVED;
}

/* The next stretch of the region that the walk is in. False if there is none. */
static bool next_stretch(struct walk *walk, struct stretch *stretch)
{
	unsigned int bit, to;

	if (walk->at > walk->end)
		return false;

	stretch->first = walk->at;
	if (walk->kind != IOMMU_DMA_REGION_CHUNK) {
		stretch->kind = walk->kind;
		walk->at = walk->end + 1;
	} else {
		bit = walk->at - walk->base;
		to = walk->end - walk->base;
		stretch->kind = kind_of(walk, bit);
		while (++bit <= to && kind_of(walk, bit) == stretch->kind)
			if (stretch->kind == IOMMU_DMA_REGION_USED &&
			    !test_bit(bit, walk->joined))
				break;
		walk->at = walk->base + bit;
	}
	stretch->count = walk->at - stretch->first;
	return true;
}

/* Which of iommu_dma_survey::size is for @count granules? */
static unsigned int size_of(u64 count)
{
	return min(count > 1 ? fls64(count - 1) : 0,
		   IOMMU_DMA_SURVEY_SIZES - 1);
}

static void add_used(struct iommu_dma_survey *survey,
		     const struct stretch *stretch)
{
	survey->mappings++;
	survey->size[size_of(stretch->count)]++;
	survey->used += stretch->count;
	survey->lowest = min(survey->lowest, stretch->first);
	survey->highest =
		max(survey->highest, stretch->first + stretch->count - 1);
}

static void add(struct iommu_dma_survey *survey, const struct stretch *stretch,
		bool in_chunk)
{
	switch (stretch->kind) {
	case IOMMU_DMA_REGION_FREE:
		survey->free += stretch->count;
		if (in_chunk)
			survey->room += stretch->count;
		break;
	case IOMMU_DMA_REGION_RESERVED:
		survey->reserved += stretch->count;
		break;
	case IOMMU_DMA_REGION_QUARANTINED:
		survey->quarantined += stretch->count;
		survey->ranges++;
		break;
	default:
		add_used(survey, stretch);
	}
}

/**
 * iommu_dma_zone_survey() - Say what a zone consists of
 * @zone: the zone
 * @survey: filled in
 *
 * Takes log n steps with interrupts off for each region, and 512 with those of the
 * caller for each chunk.
 *
 * Context: Any context. Takes the lock of the zone, many times.
 */
void iommu_dma_zone_survey(struct iommu_dma_zone *zone,
			   struct iommu_dma_survey *survey)
{
	struct walk walk = {
		.zone = zone,
		.at = zone->regions.first,
		.last = zone->regions.last,
	};
	struct stretch stretch;
	u64 hole = 0;

	*survey = (struct iommu_dma_survey){
		.lowest = zone->regions.last,
		.highest = zone->regions.first,
	};
	while (enter_region(&walk)) {
		bool in_chunk = walk.kind == IOMMU_DMA_REGION_CHUNK;

		survey->regions++;
		survey->chunks += in_chunk;
		while (next_stretch(&walk, &stretch)) {
			add(survey, &stretch, in_chunk);
			hole += stretch.count;
			if (stretch.kind != IOMMU_DMA_REGION_FREE)
				hole = 0;
			survey->largest = max(survey->largest, hole);
		}
	}
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_zone_survey);

/**
 * iommu_dma_zone_picture() - Say where in a zone there are mappings
 * @zone: the zone
 * @first: first granule of the picture, in the zone
 * @last: last granule of the picture, in the zone and not below @first
 * @part: set to how many granules are mapped in each part, from @first on
 *
 * Takes the steps of iommu_dma_zone_survey(), and one for each part that a mapping
 * touches.
 *
 * Context: Any context. Takes the lock of the zone, many times.
 * Return: how many granules a part is of; the last ones may lie beyond @last.
 */
u64 iommu_dma_zone_picture(struct iommu_dma_zone *zone, u64 first, u64 last,
			   u64 part[IOMMU_DMA_PICTURE_PARTS])
{
	struct walk walk = { .zone = zone, .at = first, .last = last };
	u64 granules = div_u64(last - first, IOMMU_DMA_PICTURE_PARTS) + 1;
	struct stretch stretch;

	memset(part, 0, IOMMU_DMA_PICTURE_PARTS * sizeof(*part));
	while (enter_region(&walk)) {
		while (next_stretch(&walk, &stretch)) {
			u64 at = stretch.first - first;
			u64 end = at + stretch.count;

			if (stretch.kind != IOMMU_DMA_REGION_USED)
				continue;
			while (at < end) {
				u64 nr = div64_u64(at, granules);
				u64 next = min((nr + 1) * granules, end);

				part[nr] += next - at;
				at = next;
			}
		}
	}
	return granules;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_zone_picture);
