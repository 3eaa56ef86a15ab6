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
 * struct iommu_dma_shape - What a device and its domain ask of a layout
 * @granule: smallest page of the IOMMU in bytes, a power of two
 * @boundary: mask of the block that a DMA segment must not leave, for example
 *	      0xffff for 64 KiB blocks; ULONG_MAX for none
 * @max_seg: most bytes that entries may be merged to
 */
struct iommu_dma_shape {
	size_t granule;
	unsigned long boundary;
	unsigned int max_seg;
};

/**
 * struct iommu_dma_plan - Layout of one scatterlist in one range of IOVA
 * @shape: what the layout respects
 * @sgl: the list, never written to before iommu_dma_plan_write()
 * @nents: entries of @sgl
 * @size: bytes of IOVA that the layout takes, a multiple of the granule
 * @align: alignment in bytes that the range's start must have for the layout
 *	   to respect the boundary, a power of two and at least the granule
 */
struct iommu_dma_plan {
	struct iommu_dma_shape shape;
	struct scatterlist *sgl;
	int nents;
	size_t size;
	size_t align;
};

/**
 * struct iommu_dma_run - A stretch that is contiguous in IOVA and in memory
 * @offset: bytes from the start of the plan's range, granule aligned
 * @phys: physical address, granule aligned
 * @size: bytes, a multiple of the granule
 */
struct iommu_dma_run {
	size_t offset;
	phys_addr_t phys;
	size_t size;
};

/**
 * struct iommu_dma_walk - Where a walk over a plan's runs stands
 * @sg: next entry
 * @left: entries from @sg on
 * @offset: bytes of the range that are laid out already
 */
struct iommu_dma_walk {
	struct scatterlist *sg;
	int left;
	size_t offset;
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
int iommu_dma_plan_write(const struct iommu_dma_plan *plan, dma_addr_t iova);
bool iommu_dma_sg_next_extent(struct scatterlist **sg, int *left,
			      size_t granule, struct iommu_dma_extent *extent);

#endif /* __DMA_IOMMU_SG_H */
