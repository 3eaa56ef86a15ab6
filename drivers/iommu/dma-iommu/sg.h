/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plan of a scatterlist: how its entries are laid out in IOVA space.
 *
 * Pure arithmetic. This header and sg.c know scatterlists and sizes, nothing
 * of domains, devices, locks or allocation.
 */
#ifndef __DMA_IOMMU_SG_H
#define __DMA_IOMMU_SG_H

#include <kunit/visibility.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

/**
 * enum iommu_dma_sg_kind - What an entry of a list stands for
 * @IOMMU_DMA_SG_MEMORY: memory
 * @IOMMU_DMA_SG_MMIO: another device's, reached through the IOMMU
 * @IOMMU_DMA_SG_BUS: another device's, reached past the IOMMU: takes no IOVA
 */
enum iommu_dma_sg_kind {
	IOMMU_DMA_SG_MEMORY,
	IOMMU_DMA_SG_MMIO,
	IOMMU_DMA_SG_BUS,
};

/**
 * struct iommu_dma_shape - What a device and its domain ask of a layout
 * @granule: smallest page of the IOMMU in bytes, a power of two
 * @boundary: mask of the block that a DMA segment must not leave, for example
 *	      0xffff for 64 KiB blocks; ULONG_MAX for none
 * @max_seg: most bytes that entries may be merged to
 * @kept: mask of address bits that an entry's IOVA has in common with its memory,
 *	  beyond those of a granule, which it always has; 0 for none
 * @kind: says what an entry is, and gives the bus address of one that takes no
 *	  IOVA; the answer is always the same. NULL if all are memory
 * @data: for @kind
 */
struct iommu_dma_shape {
	size_t granule;
	unsigned long boundary;
	unsigned int max_seg;
	size_t kept;
	enum iommu_dma_sg_kind (*kind)(void *data, struct scatterlist *sg,
				       dma_addr_t *bus);
	void *data;
};

/**
 * struct iommu_dma_plan - Layout of one scatterlist in one range of IOVA
 * @shape: what the layout respects: the caller's
 * @sgl: the list, never written to before iommu_dma_plan_write()
 * @nents: entries of @sgl
 * @size: bytes of IOVA that the layout takes, a multiple of the granule; 0 if no
 *	  entry takes any
 * @align: what the layout needs to respect the boundary and to keep address bits:
 *	   the range starts @offset above a multiple of this many bytes. A power of
 *	   two and at least the granule
 * @offset: bytes, a multiple of the granule, less than @align
 * @plain: all entries are memory and follow each other without a hole
 * @whole: the same, and they are whole granules
 */
struct iommu_dma_plan {
	const struct iommu_dma_shape *shape;
	struct scatterlist *sgl;
	int nents;
	size_t size;
	size_t align;
	size_t offset;
	bool plain;
	bool whole;
};

/* A trade of the stack for calls into the IOMMU driver */
#define IOMMU_DMA_PIECES_OF_RUN 32

/**
 * struct iommu_dma_run - A stretch of IOVA without a hole, and the memory in it
 * @offset: bytes from the start of the plan's range, granule aligned
 * @size: bytes, a multiple of the granule
 * @nr: pieces of memory
 * @mmio: it is another device's memory
 * @vec: the pieces, one behind the other, in granules
 */
struct iommu_dma_run {
	size_t offset;
	size_t size;
	unsigned int nr;
	bool mmio;
	struct phys_vec vec[IOMMU_DMA_PIECES_OF_RUN];
};

/**
 * struct iommu_dma_entry - Where an entry of a list is
 * @sg: the entry, which takes IOVA
 * @offset: bytes from the start of the plan's range to its data
 * @mmio: it is another device's memory
 */
struct iommu_dma_entry {
	struct scatterlist *sg;
	size_t offset;
	bool mmio;
};

/**
 * struct iommu_dma_walk - Where a walk over a plan stands
 * @sg: next entry
 * @left: entries from @sg on
 * @end: end of what is laid out already, counted from a multiple of the plan's
 *	 alignment on
 */
struct iommu_dma_walk {
	struct scatterlist *sg;
	int left;
	u64 end;
};

/**
 * struct iommu_dma_extent - A stretch of IOVA without a hole
 * @iova: start, granule aligned
 * @size: bytes, a multiple of the granule
 */
struct iommu_dma_extent {
	dma_addr_t iova;
	size_t size;
};

/**
 * struct iommu_dma_mapped_walk - Where a walk over the entries of a mapped list is
 * @sg: next entry
 * @left: entries from @sg on
 * @seg: DMA segment that the last entry was in
 * @used: bytes of @seg that entries have been found for
 */
struct iommu_dma_mapped_walk {
	struct scatterlist *sg;
	int left;
	struct scatterlist *seg;
	size_t used;
};

#ifdef CONFIG_NEED_SG_DMA_FLAGS
static inline void iommu_dma_sg_clear_flags(struct scatterlist *sg)
{
	sg->dma_flags = 0;
}
#else
static inline void iommu_dma_sg_clear_flags(struct scatterlist *sg)
{
}
#endif

int iommu_dma_plan_make(struct iommu_dma_plan *plan,
			const struct iommu_dma_shape *shape,
			struct scatterlist *sgl, int nents);
void iommu_dma_walk_start(struct iommu_dma_walk *walk,
			  const struct iommu_dma_plan *plan);
bool iommu_dma_walk_next(struct iommu_dma_walk *walk,
			 const struct iommu_dma_plan *plan,
			 struct iommu_dma_run *run);
bool iommu_dma_walk_next_entry(struct iommu_dma_walk *walk,
			       const struct iommu_dma_plan *plan,
			       struct iommu_dma_entry *entry);
int iommu_dma_plan_write(const struct iommu_dma_plan *plan, dma_addr_t iova);
bool iommu_dma_sg_next_extent(struct scatterlist **sg, int *left,
			      size_t granule, struct iommu_dma_extent *extent);
void iommu_dma_mapped_walk_start(struct iommu_dma_mapped_walk *walk,
				 struct scatterlist *sgl, int nents);
bool iommu_dma_mapped_walk_next(struct iommu_dma_mapped_walk *walk,
				struct scatterlist **sg, dma_addr_t *iova);

#endif /* __DMA_IOMMU_SG_H */
