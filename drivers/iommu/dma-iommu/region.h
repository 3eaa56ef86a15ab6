/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regions: which parts of a zone of IOVA space are free, and what took the rest.
 *
 * All numbers are granules; "last" is inclusive. region.c includes this and
 * nothing else, so that it builds in user space.
 */
#ifndef __DMA_IOMMU_REGION_H
#define __DMA_IOMMU_REGION_H

#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/rbtree_augmented.h>
#include <linux/slab.h>
#include <linux/types.h>

enum iommu_dma_region_kind {
	IOMMU_DMA_REGION_FREE,
	IOMMU_DMA_REGION_USED,
	IOMMU_DMA_REGION_CHUNK,
	IOMMU_DMA_REGION_RESERVED,
	IOMMU_DMA_REGION_QUARANTINED,
};

/**
 * struct iommu_dma_region - A stretch of a zone that is all of one kind
 * @node: in iommu_dma_regions::root
 * @first: first granule
 * @last: last granule
 * @kind: enum iommu_dma_region_kind
 * @order: largest n for which 2^n granules, starting at a multiple of 2^n, are
 *	   free in the region; -1 if it is not free
 * @max_order: largest @order in the subtree below @node
 */
struct iommu_dma_region {
	struct rb_node node;
	u64 first;
	u64 last;
	u8 kind;
	s8 order;
	s8 max_order;
};

/**
 * struct iommu_dma_regions - All regions of a zone
 * @root: regions by address; they cover the zone without gaps, and no two free
 *	  ones touch
 * @first: first granule of the zone
 * @last: last granule of the zone
 * @max_order: largest iommu_dma_region::order of all. May be read without the
 *	       zone's lock, as a hint
 */
struct iommu_dma_regions {
	struct rb_root root;
	u64 first;
	u64 last;
	s8 max_order;
};

/**
 * struct iommu_dma_want - What is looked for
 * @count: granules, at least 1
 * @align: a power of two
 * @offset: the first granule is this much above a multiple of @align; less than
 *	    @align
 * @limit: highest granule that may be part of it
 */
struct iommu_dma_want {
	u64 count;
	u64 align;
	u64 offset;
	u64 limit;
};

/**
 * struct iommu_dma_place - Where a request fits
 * @region: the free region that it is in
 * @first: first granule
 */
struct iommu_dma_place {
	struct iommu_dma_region *region;
	u64 first;
};

/**
 * struct iommu_dma_spares - Regions that cutting another one may need
 * @region: two of them, or NULL where one has been used
 */
struct iommu_dma_spares {
	struct iommu_dma_region *region[2];
};

int iommu_dma_spares_fill(struct iommu_dma_spares *spares, gfp_t gfp);
void iommu_dma_spares_free(struct iommu_dma_spares *spares);

int iommu_dma_regions_init(struct iommu_dma_regions *regions, u64 first,
			   u64 last);
void iommu_dma_regions_destroy(struct iommu_dma_regions *regions);
struct iommu_dma_region *
iommu_dma_regions_at(const struct iommu_dma_regions *regions, u64 granule);
bool iommu_dma_regions_may_fit(const struct iommu_dma_regions *regions,
			       const struct iommu_dma_want *want);
bool iommu_dma_regions_find(const struct iommu_dma_regions *regions,
			    const struct iommu_dma_want *want,
			    struct iommu_dma_place *place);
bool iommu_dma_regions_search(const struct iommu_dma_regions *regions,
			      struct iommu_dma_want *want, unsigned int steps,
			      struct iommu_dma_place *place);
struct iommu_dma_region *
iommu_dma_regions_take(struct iommu_dma_regions *regions,
		       const struct iommu_dma_place *place, u64 count,
		       enum iommu_dma_region_kind kind,
		       struct iommu_dma_spares *spares);
void iommu_dma_regions_give(struct iommu_dma_regions *regions,
			    struct iommu_dma_region *region);
void iommu_dma_regions_trim(struct iommu_dma_regions *regions,
			    struct iommu_dma_region *region, u64 first,
			    u64 last, struct iommu_dma_spares *spares);

#endif /* __DMA_IOMMU_REGION_H */
