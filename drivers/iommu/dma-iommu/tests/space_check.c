// SPDX-License-Identifier: GPL-2.0-only
/*
 * The validator of IOVA spaces.
 *
 * Looks at every region, every chunk, every CPU's slots and every list of a zone
 * and holds them against what the headers say of them. Calls nothing of what it
 * checks: what can be worked out is worked out again here, in the dumbest way.
 *
 * Each check returns NULL, or the first thing that is wrong in one sentence.
 *
 * Locks: takes that of the zone. Nobody else uses the space meanwhile, or what
 * is read of the maps does not belong together.
 */

#include "space_check.h"

/* The largest n for which an aligned block of 2^n granules is in the range */
static int dumb_order(u64 first, u64 last)
{
	for (int order = 63; order >= 0; order--) {
		u64 mask = (1ULL << order) - 1;
		u64 start = (first + mask) & ~mask;

		if (start >= first && start <= last && last - start >= mask)
			return order;
	}
	return -1;
}

static const struct iommu_dma_region *to_region(const struct rb_node *node)
{
	return rb_entry(node, struct iommu_dma_region, node);
}

static int max_order_below(const struct rb_node *node)
{
	return node ? to_region(node)->max_order : -1;
}

/* Is @node where its parent says that it is? Returns its depth, 0 if not. */
static unsigned int depth_of(const struct rb_root *root,
			     const struct rb_node *node)
{
	const struct rb_node *parent;
	unsigned int depth = 1;

	for (; (parent = rb_parent(node)); node = parent) {
		if (parent->rb_left != node && parent->rb_right != node)
			return 0;
		/* No tree is as high as that: these parents are a ring */
		if (++depth > 2 * BITS_PER_TYPE(u64))
			return 0;
	}
	return root->rb_node == node ? depth : 0;
}

static const char *check_region(const struct iommu_dma_region *region)
{
	const struct rb_node *node = &region->node;
	int order = -1;

	if (region->last < region->first)
		return "a region ends before it begins";
	if (region->kind > IOMMU_DMA_REGION_QUARANTINED)
		return "a region is of no known kind";
	if (region->kind == IOMMU_DMA_REGION_FREE)
		order = dumb_order(region->first, region->last);
	if (region->order != order)
		return "a region's order is not that of its largest free block";

	order = max(order, max_order_below(node->rb_left));
	order = max(order, max_order_below(node->rb_right));
	if (region->max_order != order)
		return "a region's max_order is not the largest below it";
	return NULL;
}

/* A region of a zone's and the one below it, which is NULL for the first one */
static const char *check_neighbours(const struct iommu_dma_regions *regions,
				    const struct iommu_dma_region *below,
				    const struct iommu_dma_region *region)
{
	if (!below)
		return region->first == regions->first ?
			       NULL :
			       "the first region is not where the zone begins";
	if (region->first <= below->last)
		return "two regions overlap or are out of order";
	if (region->first != below->last + 1)
		return "there is a gap between two regions";
	if (region->kind == IOMMU_DMA_REGION_FREE &&
	    below->kind == IOMMU_DMA_REGION_FREE)
		return "two free regions touch";
	return NULL;
}

static void count_region(const struct iommu_dma_region *region,
			 struct iommu_dma_census *census)
{
	u64 count = region->last - region->first + 1;

	census->regions++;
	census->bytes += sizeof(*region);
	if (region->kind == IOMMU_DMA_REGION_FREE)
		census->free += count;
	else if (region->kind == IOMMU_DMA_REGION_USED ||
		 region->kind == IOMMU_DMA_REGION_QUARANTINED)
		census->used += count;
	else if (region->kind == IOMMU_DMA_REGION_RESERVED)
		census->reserved += count;
}

/* Red-black trees are not higher than 2 log2(n + 1) */
static bool too_deep(unsigned int depth, unsigned long count)
{
	u64 more = count + 1ULL;

	return depth >= BITS_PER_LONG_LONG || 1ULL << depth > more * more;
}

static const char *check_regions(const struct iommu_dma_regions *regions,
				 struct iommu_dma_census *census)
{
	const struct iommu_dma_region *below = NULL;
	unsigned int depth, deepest = 0;
	unsigned long count = 0;
	struct rb_node *node;

	for (node = rb_first(&regions->root); node; node = rb_next(node)) {
		const struct iommu_dma_region *region = to_region(node);
		const char *broken = check_region(region);

		if (!broken)
			broken = check_neighbours(regions, below, region);
		if (broken)
			return broken;
		depth = depth_of(&regions->root, node);
		if (!depth)
			return "the tree of regions does not hang together";
		deepest = max(deepest, depth);
		count_region(region, census);
		count++;
		below = region;
	}
	if (!below || below->last != regions->last)
		return "the last region is not where the zone ends";
	if (too_deep(deepest, count))
		return "the tree of regions is deeper than 2 log2(n + 1)";
	if (regions->max_order != max_order_below(regions->root.rb_node))
		return "the zone's max_order is not that of its regions";
	return NULL;
}

static bool bit_is_set(const unsigned long *map, unsigned int bit)
{
	return map[bit / BITS_PER_LONG] >> (bit % BITS_PER_LONG) & 1;
}

static unsigned int dumb_room(const struct iommu_dma_chunk *chunk)
{
	unsigned int room = 0;

	for (unsigned int bit = 0; bit < IOMMU_DMA_CHUNK_GRANULES; bit++)
		room += !bit_is_set(chunk->map, bit);
	return room;
}

static const char *check_map(const struct iommu_dma_chunk *chunk,
			     struct iommu_dma_census *census)
{
	bool claims = false;

	for (unsigned int bit = 0; bit < IOMMU_DMA_CHUNK_GRANULES; bit++) {
		bool own = bit >= chunk->from && bit <= chunk->to;
		bool claimed = bit_is_set(chunk->claimed, bit);
		bool taken = bit_is_set(chunk->map, bit);
		bool joined = bit_is_set(chunk->joined, bit);

		claims |= claimed;
		if (joined && !taken)
			return "a granule that is not taken is joined to another";
		if (claimed && !taken)
			return "a chunk has lost a claimed granule";
		if (!own && !claimed)
			return "a chunk offers a granule that is not its own";
		if (!own)
			continue;
		/* What is quarantined is claimed and joined */
		census->free += !taken;
		census->used += taken && (!claimed || joined);
		census->reserved += claimed && !joined;
	}
	if (chunk->plain != (claims ? IOMMU_DMA_CHUNK_NOT_PLAIN : chunk->base))
		return "a chunk is taken for plain that is not, or the reverse";
	return NULL;
}

/* How often a chunk is in a list, which may be damaged: no further than @max */
static unsigned long times_listed(const struct list_head *list,
				  const struct iommu_dma_chunk *chunk,
				  unsigned long max)
{
	const struct list_head *entry = list->next;
	unsigned long times = 0;

	for (; entry != list && max--; entry = entry->next)
		times += entry == &chunk->list;
	return times;
}

static unsigned int slots_with(struct iommu_dma_zone *zone,
			       const struct iommu_dma_chunk *chunk)
{
	unsigned int cpu, class, nr, count = 0;

	for_each_possible_cpu(cpu) {
		struct iommu_dma_slots *slots = per_cpu_ptr(zone->slots, cpu);

		for (class = 0; class < IOMMU_DMA_CLASSES; class++) {
			const struct iommu_dma_chunk *at = slots->newest[class];

			for (nr = slots->nr[class]; nr; nr--, at = at->next)
				count += at == chunk;
		}
	}
	return count;
}

/* A chunk that no CPU allocates from */
static const char *check_unowned(struct iommu_dma_zone *zone,
				 const struct iommu_dma_chunk *chunk,
				 unsigned long listed)
{
	unsigned long index = chunk->base >> IOMMU_DMA_CHUNK_ORDER;
	bool marked = xa_get_mark(&zone->chunks, index, XA_MARK_0);
	unsigned int room = dumb_room(chunk);

	/* Who gave back has left it to who has the lock next */
	if (READ_ONCE(chunk->late))
		return NULL;
	/* CPUs that know it may have taken from it */
	if (chunk->state == IOMMU_DMA_CHUNK_EMPTY)
		return marked ? NULL : "an empty chunk is not marked";
	if (room == chunk->to - chunk->from + 1 &&
	    (room < IOMMU_DMA_CHUNK_GRANULES ||
	     zone->nr_empty < zone->max_empty))
		return "a chunk without users is empty and not kept as such";

	switch (chunk->state) {
	case IOMMU_DMA_CHUNK_FULL:
		if (room)
			return "a chunk that is said to be full has room";
		return marked ? "a full chunk is marked as having room" : NULL;
	case IOMMU_DMA_CHUNK_ROOM:
		/* Who gives back looks at one word: it is seen a bit later */
		if (room >= 2 * IOMMU_DMA_READY_ROOM)
			return "a chunk with much room is not listed as ready";
		return marked ? NULL : "a chunk with room is not marked so";
	case IOMMU_DMA_CHUNK_READY:
		if (listed != 1)
			return "a ready chunk is not on its list exactly once";
		return marked ? NULL : "a ready chunk is not marked";
	default:
		return "a chunk is in no known state";
	}
}

static const char *check_chunk(struct iommu_dma_zone *zone, u64 index,
			       const struct iommu_dma_chunk *chunk,
			       unsigned long count,
			       struct iommu_dma_census *census)
{
	unsigned long listed;

	if (chunk->base != index << IOMMU_DMA_CHUNK_ORDER)
		return "a chunk is not at its place in the index";
	if (chunk->class >= IOMMU_DMA_CLASSES)
		return "a chunk is of no known class";
	if (chunk->from > chunk->to || chunk->to >= IOMMU_DMA_CHUNK_GRANULES)
		return "a chunk's ends are not in its map";
	if (chunk->users != slots_with(zone, chunk))
		return "a chunk has not as many users as rings have it";

	listed = times_listed(&zone->ready[chunk->class], chunk, count + 1);
	if (listed && chunk->users)
		return "a chunk with users is on the list of those without";
	if (listed && chunk->state != IOMMU_DMA_CHUNK_READY)
		return "a chunk is listed as ready and does not know";
	if (!chunk->users) {
		const char *broken = check_unowned(zone, chunk, listed);

		if (broken)
			return broken;
	}

	if (chunk->users &&
	    !xa_get_mark(&zone->chunks, chunk->base >> IOMMU_DMA_CHUNK_ORDER,
			 IOMMU_DMA_CHUNK_HAS_ROOM))
		return "a chunk with users is not marked as having room";

	census->chunks++;
	census->bytes += sizeof(*chunk);
	return check_map(chunk, census);
}

static bool is_in_index(struct iommu_dma_zone *zone,
			const struct iommu_dma_chunk *chunk)
{
	struct iommu_dma_chunk *there;
	unsigned long index;

	/* Not by its number: the chunk may be gone, and is not looked at */
	xa_for_each(&zone->chunks, index, there)
		if (there == chunk)
			return true;
	return false;
}

static const char *check_ring(struct iommu_dma_zone *zone,
			      struct iommu_dma_slots *slots, unsigned int class)
{
	const struct iommu_dma_chunk *chunk = slots->newest[class];
	unsigned int nr = slots->nr[class];

	if (!chunk != !nr)
		return "a CPU's ring has no chunk, or is not counted";
	if (nr > min(IOMMU_DMA_RING_MOST(class), zone->max_ring))
		return "a CPU's ring has too many chunks";
	for (; nr; nr--, chunk = chunk->next) {
		if (!is_in_index(zone, chunk))
			return "a CPU's ring has a chunk that is gone";
		if (chunk->ring != &slots->newest[class] || !chunk->next)
			return "a chunk does not know which ring it is in";
	}
	return chunk == slots->newest[class] ? NULL : "a CPU's ring is none";
}

static const char *check_slots(struct iommu_dma_zone *zone)
{
	const char *broken = NULL;
	unsigned int cpu, class;

	for_each_possible_cpu(cpu) {
		struct iommu_dma_slots *slots = per_cpu_ptr(zone->slots, cpu);

		for (class = 0; class < IOMMU_DMA_CLASSES; class++)
			broken = broken ?: check_ring(zone, slots, class);
	}
	return broken;
}

static const char *check_list(struct iommu_dma_zone *zone, unsigned int class,
			      unsigned long count)
{
	const struct list_head *list = &zone->ready[class], *entry;

	for (entry = list->next; entry != list; entry = entry->next) {
		const struct iommu_dma_chunk *chunk =
			list_entry(entry, struct iommu_dma_chunk, list);

		if (!is_in_index(zone, chunk))
			return "a list has a chunk that is gone";
		if (entry->next->prev != entry)
			return "a list is damaged";
		if (chunk->class != class)
			return "a chunk is on the list of another class";
		if (!count--)
			return "a list is longer than there are chunks";
	}
	return NULL;
}

static const char *check_empty(struct iommu_dma_zone *zone)
{
	const struct list_head *list = &zone->empty, *entry;
	unsigned int count = 0;

	for (entry = list->next; entry != list; entry = entry->next) {
		const struct iommu_dma_chunk *chunk =
			list_entry(entry, struct iommu_dma_chunk, list);

		if (!is_in_index(zone, chunk))
			return "a chunk that is kept is gone";
		if (entry->next->prev != entry)
			return "the list of empty chunks is damaged";
		if (chunk->users || chunk->state != IOMMU_DMA_CHUNK_EMPTY)
			return "a chunk is kept as empty and does not know";
		if (++count > zone->nr_empty)
			return "more empty chunks are kept than counted";
	}
	if (count != zone->nr_empty || count > zone->max_empty)
		return "fewer empty chunks are kept than counted, or too many";
	return NULL;
}

/* Each region that is a chunk's and its chunk know each other */
static const char *check_chunk_regions(struct iommu_dma_zone *zone,
				       unsigned long *count)
{
	struct rb_node *node;

	for (node = rb_first(&zone->regions.root); node; node = rb_next(node)) {
		const struct iommu_dma_region *region = to_region(node);
		const struct iommu_dma_chunk *chunk;

		if (region->kind != IOMMU_DMA_REGION_CHUNK)
			continue;
		++*count;
		chunk = xa_load(&zone->chunks,
				region->first >> IOMMU_DMA_CHUNK_ORDER);
		if (!chunk)
			return "a region is a chunk's that is not there";
		if (chunk->region != region)
			return "a chunk does not know its region";
		if (region->first != chunk->base + chunk->from ||
		    region->last != chunk->base + chunk->to)
			return "a chunk's region and its ends differ";
	}
	return NULL;
}

static const char *check_chunks(struct iommu_dma_zone *zone,
				struct iommu_dma_census *census)
{
	unsigned long index, regions = 0, chunks = 0;
	struct iommu_dma_chunk *chunk;
	const char *broken = check_chunk_regions(zone, &regions);

	if (broken)
		return broken;
	xa_for_each(&zone->chunks, index, chunk)
		chunks++;
	if (chunks != regions)
		return "a chunk has no region";

	/* First of all whether what slots and lists point to is there */
	broken = check_slots(zone);
	for (unsigned int class = 0; class < IOMMU_DMA_CLASSES; class++)
		broken = broken ?: check_list(zone, class, chunks);
	broken = broken ?: check_empty(zone);
	if (broken)
		return broken;

	xa_for_each(&zone->chunks, index, chunk) {
		broken = check_chunk(zone, index, chunk, chunks, census);
		if (broken)
			return broken;
	}
	return NULL;
}

static const char *check_nothing(struct iommu_dma_zone *zone)
{
	if (!RB_EMPTY_ROOT(&zone->regions.root) || !xa_empty(&zone->chunks))
		return "a zone without granules has regions or chunks";
	return NULL;
}

/**
 * iommu_dma_zone_check() - Is a zone what it is said to be?
 * @zone: the zone
 * @census: filled in with what there is in it
 *
 * Takes steps in proportion to n log n for n regions, and to the square of the
 * number of chunks in the worst case: it is for tests only.
 *
 * Context: Any context. Takes the lock of the zone.
 * Return: NULL, or a sentence that names the first thing that is wrong.
 */
const char *iommu_dma_zone_check(struct iommu_dma_zone *zone,
				 struct iommu_dma_census *census)
{
	const struct iommu_dma_regions *regions = &zone->regions;
	const char *broken;
	unsigned long flags;

	*census = (struct iommu_dma_census){};
	if (regions->first > regions->last)
		return check_nothing(zone);

	xa_lock_irqsave(&zone->chunks, flags);
	broken = check_regions(regions, census) ?: check_chunks(zone, census);
	xa_unlock_irqrestore(&zone->chunks, flags);
	if (!broken && census->free + census->used + census->reserved !=
			       regions->last - regions->first + 1)
		broken = "there are more or fewer granules than in the zone";
	return broken;
}

/**
 * iommu_dma_space_check() - Is an IOVA space what it is said to be?
 * @space: the space, set up
 * @census: filled in with what there is in it
 *
 * Takes as many steps as iommu_dma_zone_check() for both zones.
 *
 * Context: Any context. Takes the locks of the zones, one after the other.
 * Return: NULL, or a sentence that names the first thing that is wrong.
 */
const char *iommu_dma_space_check(struct iommu_dma_space *space,
				  struct iommu_dma_census *census)
{
	const struct iommu_dma_regions *low = &space->low.regions;
	const struct iommu_dma_regions *high = &space->high.regions;
	const char *broken = iommu_dma_zone_check(&space->low, census);
	u64 border = (u64)SZ_4G >> space->shift;
	struct iommu_dma_census more;

	if (!broken && low->first <= low->last && low->last >= border)
		broken = "the low zone reaches above 4 GiB";
	if (!broken && high->first <= high->last && high->first < border)
		broken = "the high zone reaches below 4 GiB";
	if (!broken)
		broken = iommu_dma_zone_check(&space->high, &more);
	if (broken)
		return broken;

	census->free += more.free;
	census->used += more.used;
	census->reserved += more.reserved;
	census->chunks += more.chunks;
	census->regions += more.regions;
	census->bytes += more.bytes;
	return NULL;
}
