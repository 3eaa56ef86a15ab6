// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trace events of the layer: include/trace/events/dma_iommu.h says what they are.
 *
 * Owns nothing else, so that the rooms which have events need none of the others.
 */

#define CREATE_TRACE_POINTS
#include <trace/events/dma_iommu.h>
