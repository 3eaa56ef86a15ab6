// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: which parts of a zone of IOVA space are free, and what took the rest.
 *
 * Owns one red-black tree per zone whose nodes cover it without gaps. Each node
 * knows the largest naturally aligned power-of-two block that is free in its
 * subtree, so that a search goes straight to a place that can hold a request,
 * below whatever limit the request has, and passes by what cannot.
 *
 * Principles. Giving back never allocates: the region of what was taken becomes
 * that of what is free again. Two free neighbours are always made one.
 *
 * Bounds. "log n" is the height of a red-black tree of n regions, at most
 * 2 log2(n + 1); a step is a visit of one node.
 *
 * Locks: none of its own. The caller holds that of the zone, unless it says
 * otherwise.
 */

#include "region.h"

/*
 * How often a search tries a region that may, but need not, hold the request
 * before it turns to those that must.
 */
#define FIT_TRIES 8

/* 2^n granules contain an aligned block of 2^(n - 1), and perhaps one of 2^n */
static s8 block_order(u64 first, u64 last)
{
	s8 order = ilog2(last - first + 1);
	u64 mask = (1ULL << order) - 1;

	return ((first + mask) & ~mask) + mask <= last ? order : order - 1;
}

static s8 region_order(const struct iommu_dma_region *region)
{
	if (region->kind != IOMMU_DMA_REGION_FREE)
		return -1;
	return block_order(region->first, region->last);
}

#define own_order(region) ((region)->order)

RB_DECLARE_CALLBACKS_MAX(static, order_callbacks, struct iommu_dma_region, node,
			 s8, max_order, own_order)

static struct iommu_dma_region *to_region(struct rb_node *node)
{
	return rb_entry_safe(node, struct iommu_dma_region, node);
}

static struct iommu_dma_region *left(const struct iommu_dma_region *region)
{
	return to_region(region->node.rb_left);
}

static struct iommu_dma_region *right(const struct iommu_dma_region *region)
{
	return to_region(region->node.rb_right);
}

static void update(struct iommu_dma_region *region)
{
	region->order = region_order(region);
	order_callbacks_propagate(&region->node, NULL);
}

static void update_hint(struct iommu_dma_regions *regions)
{
	WRITE_ONCE(regions->max_order,
		   to_region(regions->root.rb_node)->max_order);
}

static void insert(struct iommu_dma_regions *regions,
		   struct iommu_dma_region *region)
{
	struct rb_node **link = &regions->root.rb_node, *parent = NULL;

	region->order = region_order(region);
	region->max_order = region->order;
	while (*link) {
		struct iommu_dma_region *there = to_region(*link);

		parent = *link;
		there->max_order = max(there->max_order, region->order);
		link = region->first < there->first ? &parent->rb_left :
						      &parent->rb_right;
	}
	rb_link_node(&region->node, parent, link);
	rb_insert_augmented(&region->node, &regions->root, &order_callbacks);
}

static void insert_free(struct iommu_dma_regions *regions, u64 first, u64 last,
			struct iommu_dma_spares *spares)
{
	struct iommu_dma_region **spare = &spares->region[!spares->region[0]];
	struct iommu_dma_region *region = *spare;

	*spare = NULL;
	region->first = first;
	region->last = last;
	region->kind = IOMMU_DMA_REGION_FREE;
	insert(regions, region);
}

/**
 * iommu_dma_spares_fill() - Make sure that there are two spare regions
 * @spares: the spares; what is there stays
 * @gfp: how to get memory
 *
 * Context: As @gfp says. The lock of the zone is not held.
 * Return: 0, or -ENOMEM; a retry may help. What was had stays in @spares.
 */
int iommu_dma_spares_fill(struct iommu_dma_spares *spares, gfp_t gfp)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(spares->region); i++) {
		if (spares->region[i])
			continue;
		spares->region[i] = kmalloc_obj(*spares->region[i], gfp);
		if (!spares->region[i])
			return -ENOMEM;
	}
	return 0;
}

/**
 * iommu_dma_spares_free() - Free the spares that were not used
 * @spares: the spares
 *
 * Context: Any context.
 */
void iommu_dma_spares_free(struct iommu_dma_spares *spares)
{
	kfree(spares->region[0]);
	kfree(spares->region[1]);
}

/**
 * iommu_dma_regions_init() - Make a zone that is free from end to end
 * @regions: the zone's regions
 * @first: first granule
 * @last: last granule
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int iommu_dma_regions_init(struct iommu_dma_regions *regions, u64 first,
			   u64 last)
{
	struct iommu_dma_region *all = kmalloc_obj(*all);

	if (!all)
		return -ENOMEM;

	regions->root = RB_ROOT;
	regions->first = first;
	regions->last = last;
	all->first = first;
	all->last = last;
	all->kind = IOMMU_DMA_REGION_FREE;
	insert(regions, all);
	update_hint(regions);
	return 0;
}

/**
 * iommu_dma_regions_destroy() - Free all regions of a zone, whatever their kind
 * @regions: the zone's regions
 *
 * Takes a step per region.
 *
 * Context: Any context. Nobody else uses @regions.
 */
void iommu_dma_regions_destroy(struct iommu_dma_regions *regions)
{
	struct iommu_dma_region *region, *next;

	rbtree_postorder_for_each_entry_safe(region, next, &regions->root, node)
		kfree(region);
	regions->root = RB_ROOT;
}

/**
 * iommu_dma_regions_at() - Find the region that a granule is part of
 * @regions: the zone's regions
 * @granule: a granule
 *
 * Takes log n steps.
 *
 * Context: The lock of the zone is held.
 * Return: The region; NULL if @granule is not in the zone.
 */
struct iommu_dma_region *
iommu_dma_regions_at(const struct iommu_dma_regions *regions, u64 granule)
{
	struct iommu_dma_region *region = to_region(regions->root.rb_node);

	while (region) {
		if (granule < region->first)
			region = left(region);
		else if (granule > region->last)
			region = right(region);
		else
			break;
	}
	return region;
}

/* The highest region with at least @order in a subtree that has one */
static struct iommu_dma_region *highest(struct iommu_dma_region *region,
					s8 order)
{
	for (;;) {
		struct iommu_dma_region *above = right(region);

		if (above && above->max_order >= order) {
			region = above;
			continue;
		}
		if (region->order >= order)
			return region;
		region = left(region);
	}
}

/* The highest region below @region with at least @order. Takes 2 log n steps. */
static struct iommu_dma_region *next_below(struct iommu_dma_region *region,
					   s8 order)
{
	struct iommu_dma_region *below = left(region), *parent;

	if (below && below->max_order >= order)
		return highest(below, order);

	for (; (parent = to_region(rb_parent(&region->node)));
	     region = parent) {
		if (region == left(parent))
			continue;
		if (parent->order >= order)
			return parent;
		below = left(parent);
		if (below && below->max_order >= order)
			return highest(below, order);
	}
	return NULL;
}

/*
 * The order without which a region cannot hold a request: a stretch of c granules
 * contains an aligned block of half of c, rounded up; one that starts at a multiple
 * of a also contains a block of the smaller of a and c.
 */
static s8 necessary_order(const struct iommu_dma_want *want)
{
	s8 half = ilog2((want->count + 1) / 2);

	if (want->offset)
		return half;
	return max_t(s8, half, min(ilog2(want->align), ilog2(want->count)));
}

/*
 * The order with which a region holds a request, whatever its position: an
 * aligned block of both c, rounded up to a power of two, and a; with an offset,
 * which is less than a, the double of that.
 */
static s8 sufficient_order(const struct iommu_dma_want *want)
{
	s8 order = ilog2(want->count);

	if (!is_power_of_2(want->count))
		order++;
	return max_t(s8, order, ilog2(want->align)) + !!want->offset;
}

static bool fits(const struct iommu_dma_region *region,
		 const struct iommu_dma_want *want, u64 *first)
{
	u64 last = min(region->last, want->limit), start;

	if (last < region->first || last - region->first < want->count - 1)
		return false;
	start = last - (want->count - 1);
	if (start < want->offset)
		return false;
	*first = ((start - want->offset) & ~(want->align - 1)) + want->offset;
	return *first >= region->first;
}

/*
 * Try regions of at least @order from @region downwards, at most @tries of them.
 * False, with place::region the last one that was tried, if there was none; that
 * is NULL if no more are left.
 */
static bool try_fit(struct iommu_dma_region *region,
		    const struct iommu_dma_want *want, s8 order,
		    unsigned int tries, struct iommu_dma_place *place)
{
	if (region->order < order)
		region = next_below(region, order);

	while ((place->region = region)) {
		if (fits(region, want, &place->first))
			return true;
		if (!--tries)
			return false;
		region = next_below(region, order);
	}
	return false;
}

/**
 * iommu_dma_regions_may_fit() - Is it worth looking for a place?
 * @regions: the zone's regions
 * @want: the request
 *
 * Looks at one number.
 *
 * Context: Any context, without the lock of the zone.
 * Return: false if no region can hold the request, limits aside. May be out of
 * date.
 */
bool iommu_dma_regions_may_fit(const struct iommu_dma_regions *regions,
			       const struct iommu_dma_want *want)
{
	/* Pairs with WRITE_ONCE() in update_hint(); nothing depends on it */
	return READ_ONCE(regions->max_order) >= necessary_order(want);
}

/**
 * iommu_dma_regions_find() - Find a place for a request, in bounded time
 * @regions: the zone's regions
 * @want: the request
 * @place: set to the highest place in the region that was found
 *
 * Tries FIT_TRIES regions from the limit downwards that may hold the request,
 * then two of those that must: the limit may cut the first of these short.
 *
 * Takes (2 FIT_TRIES + 7) log n steps, whatever the request.
 *
 * Context: The lock of the zone is held.
 * Return: true if there is a place. If not, there is none for a request of a power
 * of two without an offset and with no more alignment than its size; for others,
 * only iommu_dma_regions_search() is exhaustive.
 */
bool iommu_dma_regions_find(const struct iommu_dma_regions *regions,
			    const struct iommu_dma_want *want,
			    struct iommu_dma_place *place)
{
	struct iommu_dma_region *top;

	if (want->limit < regions->first)
		return false;

	top = iommu_dma_regions_at(regions, min(want->limit, regions->last));
	if (try_fit(top, want, necessary_order(want), FIT_TRIES, place))
		return true;
	return place->region &&
	       try_fit(top, want, sufficient_order(want), 2, place);
}

/**
 * iommu_dma_regions_search() - Look at every region that may hold a request
 * @regions: the zone's regions
 * @want: the request; its limit is lowered to where to go on
 * @steps: how many regions to look at before coming back
 * @place: set to the highest place there is below the limit; with a region of
 *	   NULL if there is none
 *
 * An exhaustive search, in parts, between which the lock of the zone may be
 * dropped. Takes 2 @steps log n steps.
 *
 * Context: The lock of the zone is held.
 * Return: true if the search is over, false if it should be called again.
 */
bool iommu_dma_regions_search(const struct iommu_dma_regions *regions,
			      struct iommu_dma_want *want, unsigned int steps,
			      struct iommu_dma_place *place)
{
	struct iommu_dma_region *top;

	place->region = NULL;
	if (want->limit < regions->first)
		return true;

	top = iommu_dma_regions_at(regions, min(want->limit, regions->last));
	if (try_fit(top, want, necessary_order(want), steps, place) ||
	    !place->region)
		return true;

	/* Below the region that was tried last, if there is something below it */
	if (place->region->first == regions->first) {
		place->region = NULL;
		return true;
	}
	want->limit = place->region->first - 1;
	return false;
}

/**
 * iommu_dma_regions_take() - Take a part of a free region
 * @regions: the zone's regions
 * @place: where the part begins
 * @count: granules of it
 * @kind: what it becomes
 * @spares: filled; those that are used are set to NULL
 *
 * Takes 4 log n steps, and the rebalancing of the tree.
 *
 * Context: The lock of the zone is held.
 * Return: The region that is the part.
 */
struct iommu_dma_region *
iommu_dma_regions_take(struct iommu_dma_regions *regions,
		       const struct iommu_dma_place *place, u64 count,
		       enum iommu_dma_region_kind kind,
		       struct iommu_dma_spares *spares)
{
	struct iommu_dma_region *region = place->region;
	u64 first = place->first, last = first + (count - 1);
	u64 all_first = region->first, all_last = region->last;

	region->first = first;
	region->last = last;
	region->kind = kind;
	update(region);

	if (all_first < first)
		insert_free(regions, all_first, first - 1, spares);
	if (last < all_last)
		insert_free(regions, last + 1, all_last, spares);
	update_hint(regions);
	return region;
}

/* Make @gone, a neighbour, a part of @region, whose order is then out of date */
static void merge(struct iommu_dma_regions *regions,
		  struct iommu_dma_region *region,
		  struct iommu_dma_region *gone)
{
	region->first = min(region->first, gone->first);
	region->last = max(region->last, gone->last);
	rb_erase_augmented(&gone->node, &regions->root, &order_callbacks);
	kfree(gone);
}

/**
 * iommu_dma_regions_give() - Make a region free again
 * @regions: the zone's regions
 * @region: the region, which the caller does not use any more
 *
 * Cannot fail, needs no memory. Takes 5 log n steps, and the rebalancing of the
 * tree.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_regions_give(struct iommu_dma_regions *regions,
			    struct iommu_dma_region *region)
{
	struct iommu_dma_region *below = to_region(rb_prev(&region->node));
	struct iommu_dma_region *above = to_region(rb_next(&region->node));

	region->kind = IOMMU_DMA_REGION_FREE;
	if (below && below->kind == IOMMU_DMA_REGION_FREE)
		merge(regions, region, below);
	if (above && above->kind == IOMMU_DMA_REGION_FREE)
		merge(regions, region, above);
	update(region);
	update_hint(regions);
}

/**
 * iommu_dma_regions_trim() - Give the ends of a region back
 * @regions: the zone's regions
 * @region: a region that is not free
 * @first: first granule that it keeps
 * @last: last granule that it keeps
 * @spares: filled; those that are used are set to NULL
 *
 * Takes 6 log n steps, and the rebalancing of the tree.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_regions_trim(struct iommu_dma_regions *regions,
			    struct iommu_dma_region *region, u64 first,
			    u64 last, struct iommu_dma_spares *spares)
{
	struct iommu_dma_region *below = to_region(rb_prev(&region->node));
	struct iommu_dma_region *above = to_region(rb_next(&region->node));
	u64 all_first = region->first, all_last = region->last;

	region->first = first;
	region->last = last;

	if (all_first < first && below &&
	    below->kind == IOMMU_DMA_REGION_FREE) {
		below->last = first - 1;
		update(below);
	} else if (all_first < first) {
		insert_free(regions, all_first, first - 1, spares);
	}

	if (last < all_last && above && above->kind == IOMMU_DMA_REGION_FREE) {
		above->first = last + 1;
		update(above);
	} else if (last < all_last) {
		insert_free(regions, last + 1, all_last, spares);
	}
	update_hint(regions);
}
