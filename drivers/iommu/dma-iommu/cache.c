// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU caches, for devices that do not look into them.
 *
 * Owns nothing: the architecture does it. All that asks for it goes through here, so
 * that tests see which memory it is asked for, and when. A caller ends a series of
 * such calls with arch_sync_dma_flush().
 *
 * No locks. Any context.
 */

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/dma-map-ops.h>

#include "private.h"

/**
 * iommu_dma_cache_for_device() - Write back what the CPU wrote
 * @phys: physical address of memory
 * @size: bytes
 * @dir: direction of the transfer
 *
 * Context: Any context.
 */
void iommu_dma_cache_for_device(phys_addr_t phys, size_t size,
				enum dma_data_direction dir)
{
	KUNIT_STATIC_STUB_REDIRECT(iommu_dma_cache_for_device, phys, size, dir);
	arch_sync_dma_for_device(phys, size, dir);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_cache_for_device);

/**
 * iommu_dma_cache_for_cpu() - Forget what the device may have overwritten
 * @phys: physical address of memory
 * @size: bytes
 * @dir: direction of the transfer
 *
 * Context: Any context.
 */
void iommu_dma_cache_for_cpu(phys_addr_t phys, size_t size,
			     enum dma_data_direction dir)
{
	KUNIT_STATIC_STUB_REDIRECT(iommu_dma_cache_for_cpu, phys, size, dir);
	arch_sync_dma_for_cpu(phys, size, dir);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_cache_for_cpu);
