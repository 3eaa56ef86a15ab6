// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deferred invalidation: the lazy mode of a domain.
 *
 * There is no lazy mode yet. Asking for it is refused, once with a message, and
 * set-up then makes the domain a strict one, which is always safe.
 */

#define pr_fmt(fmt) "iommu: " fmt

#include <kunit/visibility.h>

#include "../dma-iommu.h"

/**
 * iommu_dma_init_fq() - Make a DMA domain lazy
 * @domain: the domain
 *
 * Context: Process context, under the group's mutex.
 * Return: -EOPNOTSUPP; the domain stays strict.
 */
int iommu_dma_init_fq(struct iommu_domain *domain)
{
	pr_notice_once("DMA domains stay strict: lazy mode is not supported\n");
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_init_fq);
