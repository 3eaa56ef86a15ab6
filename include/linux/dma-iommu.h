/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What arch code may call of the DMA mapping layer for devices behind an IOMMU.
 *
 * Drivers use <linux/dma-mapping.h>; the DMA core calls the entry points in
 * <linux/iommu-dma.h>.
 */
#ifndef _LINUX_DMA_IOMMU_H
#define _LINUX_DMA_IOMMU_H

struct device;
struct dma_map_ops;

#ifdef CONFIG_IOMMU_DMA

/*
 * The entry points as a table, for architectures that dispatch through
 * dev->dma_ops. The others need nothing: the DMA core calls the entry points
 * directly wherever dev_dma_iommu() says so.
 */
extern const struct dma_map_ops iommu_dma_ops;

void iommu_dma_settle_device(struct device *dev);

#else /* CONFIG_IOMMU_DMA */

static inline void iommu_dma_settle_device(struct device *dev)
{
}

#endif /* CONFIG_IOMMU_DMA */
#endif /* _LINUX_DMA_IOMMU_H */
