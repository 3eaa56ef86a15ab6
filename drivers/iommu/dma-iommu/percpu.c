// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that each CPU has its own of.
 *
 * Owns nothing: the kernel's allocator does it. All that asks for such memory goes
 * through here, so that tests can have it fail, which the kernel's fault injection
 * does for all other memory, and not for this.
 *
 * No locks.
 */

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include "percpu.h"

/**
 * iommu_dma_percpu() - Allocate memory for each CPU; use iommu_dma_alloc_percpu()
 * @size: bytes for one CPU
 * @align: what they are aligned to
 *
 * Context: Process context, may sleep.
 * Return: The memory, zeroed, or NULL.
 */
void __percpu *iommu_dma_percpu(size_t size, size_t align)
{
	KUNIT_STATIC_STUB_REDIRECT(iommu_dma_percpu, size, align);
	return __alloc_percpu(size, align);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_percpu);
