// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proofs about the arithmetic of region.c, for zones of up to 2^52 granules, and about
 * iommu_dma_granules() of private.h, for all sizes.
 */

#include "show.h"

#include <linux/limits.h>
#include <linux/overflow.h>

#include "region.c"

/* What CBMC makes of the compiler's own is not what it is in a condition */
static bool add_overflows(size_t a, size_t b, size_t *sum)
{
	*sum = a + b;
	return *sum < a;
}

#undef check_add_overflow
#define check_add_overflow(a, b, sum) add_overflows(a, b, sum)

/* The one thing of it that matters here */
struct iommu_dma_space {
	size_t granule;
};

/* Made by check.sh: iommu_dma_offset() and iommu_dma_granules() out of private.h */
#include "granules.h"

#define ZONE BIT_ULL(52)

static u64 any_below(u64 end)
{
	u64 value = nondet_u64();

	assume(value < end);
	return value;
}

static struct iommu_dma_region any_region(void)
{
	struct iommu_dma_region region = {
		.first = any_below(ZONE),
		.last = any_below(ZONE),
		.kind = IOMMU_DMA_REGION_FREE,
	};

	assume(region.first <= region.last);
	region.order = region_order(&region);
	return region;
}

static struct iommu_dma_want any_want(void)
{
	struct iommu_dma_want want = {
		.count = 1 + any_below(ZONE),
		.align = 1ULL << any_below(53),
		.offset = nondet_u64(),
		.limit = nondet_u64(),
	};

	assume(want.offset < want.align);
	return want;
}

/* Is there a block of 2^@order granules at @first in @region? */
static bool has_block(const struct iommu_dma_region *region, unsigned int order,
		      u64 first)
{
	u64 size = 1ULL << order;

	return !(first & (size - 1)) && first >= region->first &&
	       first <= region->last && region->last - first >= size - 1;
}

/* Show that block_order() is the largest order that a region has a block of */
void show_block_order(void)
{
	struct iommu_dma_region region = any_region();
	u64 size = 1ULL << region.order, other = any_below(ZONE);
	unsigned int larger = region.order + 1 + any_below(52);

	show(region.order >= 0 && region.order <= 52);
	show(has_block(&region, region.order,
		       (region.first + size - 1) & ~(size - 1)));
	show(larger > 52 || !has_block(&region, larger, other));
	cover(region.order == 9 && region.last - region.first == 1022);
}

/* Show that fits() finds a place where there is one, and the highest one */
void show_fits(void)
{
	struct iommu_dma_region region = any_region();
	struct iommu_dma_want want = any_want();
	u64 first, other = any_below(ZONE);
	bool is = fits(&region, &want, &first);

	if (is) {
		show(first >= region.first && first <= region.last);
		show(region.last - first >= want.count - 1);
		show(first + want.count - 1 <= want.limit);
		show((first & (want.align - 1)) == want.offset);
		cover(want.align == 64 && want.offset == 3);
	}
	assume(other >= region.first && other <= region.last);
	assume(region.last - other >= want.count - 1);
	assume(other + want.count - 1 <= want.limit);
	assume((other & (want.align - 1)) == want.offset);
	show(is && first >= other);
	cover(other > region.first);
}

/* Show that no region is passed over that has room: its order is necessary_order() */
void show_necessary_order(void)
{
	struct iommu_dma_region region = any_region();
	struct iommu_dma_want want = any_want();
	u64 first;

	want.limit = ~0ULL;
	assume(fits(&region, &want, &first));
	show(region.order >= necessary_order(&want));
	cover(want.count == 511 && region.order == 8);
}

/* Show that a region that has sufficient_order() has room */
void show_sufficient_order(void)
{
	struct iommu_dma_region region = any_region();
	struct iommu_dma_want want = any_want();
	u64 first;

	want.limit = ~0ULL;
	assume(region.order >= sufficient_order(&want));
	show(fits(&region, &want, &first));
	cover(want.offset > 2);
}

/*
 * Show that iommu_dma_granules() says no to what does not fit, never wraps, and is
 * exact: bytes of all granules that are touched.
 */
void show_granules(void)
{
	struct iommu_dma_space space = { .granule = 1UL << any_below(31) };
	u64 addr = nondet_u64();
	size_t size = nondet_ulong(), granules = 0;
	size_t mask = space.granule - 1, offset = addr & mask;
	/* One that ends with the last granule of 2^64 is refused, which is as well */
	bool room = size <= SIZE_MAX - mask - offset;
	bool is = iommu_dma_granules(&space, addr, size, &granules);

	show(is == (size && room));
	if (!is)
		return;
	show(!(granules & mask) && granules >= offset + size);
	show(granules - (offset + size) < space.granule);
	cover(granules > size && space.granule == 65536);
}
