/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the IOMMU core and IOMMU drivers need of the DMA mapping layer.
 *
 * Arch code looks at <linux/dma-iommu.h>, the DMA core at <linux/iommu-dma.h>.
 */
#ifndef __DMA_IOMMU_H
#define __DMA_IOMMU_H

#include <linux/iommu.h>

#ifdef CONFIG_IOMMU_DMA

extern bool iommu_dma_forcedac;

int iommu_get_dma_cookie(struct iommu_domain *domain);
void iommu_put_dma_cookie(struct iommu_domain *domain);
void iommu_put_msi_cookie(struct iommu_domain *domain);

void iommu_setup_dma_ops(struct device *dev, struct iommu_domain *domain);
int iommu_dma_init_fq(struct iommu_domain *domain);
void iommu_dma_release_slots(struct device *dev, struct iommu_domain *domain);
void iommu_dma_driver_unbound(struct device *dev, struct iommu_domain *domain);

void iommu_dma_get_resv_regions(struct device *dev, struct list_head *list);
int iommu_dma_sw_msi(struct iommu_domain *domain, struct msi_desc *desc,
		     phys_addr_t msi_addr);

#else /* CONFIG_IOMMU_DMA */

static inline int iommu_get_dma_cookie(struct iommu_domain *domain)
{
	return -ENODEV;
}

static inline void iommu_put_dma_cookie(struct iommu_domain *domain)
{
}

static inline void iommu_put_msi_cookie(struct iommu_domain *domain)
{
}

static inline void iommu_setup_dma_ops(struct device *dev,
				       struct iommu_domain *domain)
{
}

static inline int iommu_dma_init_fq(struct iommu_domain *domain)
{
	return -EINVAL;
}

static inline void iommu_dma_release_slots(struct device *dev,
					   struct iommu_domain *domain)
{
}

static inline void iommu_dma_driver_unbound(struct device *dev,
					    struct iommu_domain *domain)
{
}

static inline void iommu_dma_get_resv_regions(struct device *dev,
					      struct list_head *list)
{
}

static inline int iommu_dma_sw_msi(struct iommu_domain *domain,
				   struct msi_desc *desc, phys_addr_t msi_addr)
{
	return -ENODEV;
}

#endif /* CONFIG_IOMMU_DMA */

#if defined(CONFIG_IOMMU_DMA) && defined(CONFIG_IOMMU_DEBUGFS)

void iommu_dma_stats_forget(struct device *dev);

#else

static inline void iommu_dma_stats_forget(struct device *dev)
{
}

#endif

#endif /* __DMA_IOMMU_H */
