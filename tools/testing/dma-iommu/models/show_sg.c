// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proofs about the arithmetic of sg.c.
 *
 * Bounds: memory is below 2^52. Granules, and the address bits that are kept, are up
 * to 2^30; a boundary is any power of two, or there is none. Whole lists have two
 * entries of up to 2^32 - 1 bytes each, granules of 4 KiB, and either neither boundary
 * nor kept bits, or a boundary of 64 KiB and perhaps 14 bits that are kept.
 */

#include "show.h"

unsigned long shim_page_size = 4096;

#include "sg.c"

static unsigned long any_mask(unsigned int most)
{
	unsigned int order = nondet_uint();

	assume(order <= most);
	return order == 64 ? ~0UL : (1UL << order) - 1;
}

static struct iommu_dma_shape any_shape(void)
{
	struct iommu_dma_shape shape = {
		.granule = any_mask(30) + 1,
		.boundary = any_mask(64),
		.max_seg = nondet_uint(),
		.kept = any_mask(30),
	};

	assume(shape.granule >= 4096 && shape.max_seg);
	return shape;
}

/* The offset is that into the page, or into one of a compound page */
static void any_entry(struct scatterlist *sg)
{
	sg->phys = nondet_u64();
	sg->offset = nondet_uint();
	sg->length = nondet_uint();
	sg->dma_flags = 0;
	assume(sg->phys < 1ULL << 52);
	assume(sg->phys % PAGE_SIZE == sg->offset % PAGE_SIZE);
}

/*
 * Show that an entry is placed behind those before it, in whole granules that hold
 * all of its data; that it keeps the bits of its address; that nothing wraps; and that
 * it leaves a boundary block only if it cannot be helped.
 */
void show_place(void)
{
	struct iommu_dma_shape shape = any_shape();
	u64 end = nondet_u64(), mask = shape.granule - 1, data;
	struct scatterlist sg;
	struct spot spot;

	any_entry(&sg);
	assume(sg.length && end <= MOST && !(end & mask));
	/* All that goes before keeps the bits as well: see iommu_dma_plan_make() */
	place(&shape, &sg, end, &spot);
	data = spot.start + spot.offset;

	show(spot.start >= end && !(spot.start & mask));
	show(spot.offset <= mask && spot.phys + spot.offset == sg.phys);
	show(spot.end > spot.start && !(spot.end & mask));
	show(spot.end >= data + sg.length &&
	     spot.end - (data + sg.length) <= mask);
	show(!((data ^ sg.phys) & (shape.kept | mask)));
	show(!crosses(&shape, data, data + sg.length - 1) ||
	     shape.kept > shape.boundary ||
	     (sg.phys & (shape.kept | mask)) + sg.length - 1 > shape.boundary);
	cover(spot.start != end && shape.kept > mask && shape.boundary > mask);
}

/*
 * Show that an entry that neither leaves a block nor has to keep bits is placed
 * without a hole, so that a list that fits into a block needs no padding.
 */
void show_no_hole(void)
{
	struct iommu_dma_shape shape = any_shape();
	u64 end = nondet_u64(), mask = shape.granule - 1;
	struct scatterlist sg;
	struct spot spot;

	any_entry(&sg);
	assume(sg.length && end <= MOST && !(end & mask) && shape.kept <= mask);
	place(&shape, &sg, end, &spot);
	show(spot.start == end || crosses(&shape, end + spot.offset,
					  end + spot.offset + sg.length - 1));
	cover(spot.start != end);
}

/*
 * Show that where a range starts at a multiple of its alignment, an address in it is in
 * the block that the layout says, and has the bits that are kept.
 */
void show_range_align(void)
{
	struct iommu_dma_shape shape = any_shape();
	u64 end = nondet_u64(), first = nondet_u64(), last = nondet_u64();
	u64 iova = nondet_u64(), align;

	assume(end && end <= MOST && !(end & (shape.granule - 1)));
	assume(first <= last && last < end);
	align = range_align(&shape, end);
	show(!(align & (align - 1)) && align >= shape.granule);
	assume(!(iova & (align - 1)));
	show(crosses(&shape, first, last) ==
	     crosses(&shape, iova + first, iova + last));
	show(!((first ^ (iova + first)) & shape.kept));
	cover(align > 1UL << 33 && shape.kept);
}

/* Show that a segment stays within what the device can do when an entry joins it */
void show_can_join(void)
{
	struct iommu_dma_shape shape = any_shape();
	unsigned int len = nondet_uint();
	dma_addr_t addr = nondet_u64();
	struct scatterlist seg = {
		.dma_address = nondet_u64(),
		.dma_length = nondet_uint(),
	};

	assume(seg.dma_length && len);
	assume(seg.dma_address + seg.dma_length > seg.dma_address);
	assume(addr + len > addr);
	if (!can_join(&shape, &seg, addr, len))
		return;
	show(addr == seg.dma_address + seg.dma_length);
	show(len <= shape.max_seg - seg.dma_length &&
	     seg.dma_length <= shape.max_seg);
	show(!crosses(&shape, seg.dma_address, addr + len - 1));
	cover(len > 1000000);
}

/*
 * Show for a list of two entries that the plan has room for both and no more; that the
 * segments hold all bytes, where the plan puts them; and that two entries are one
 * segment only if the device can have that.
 */
void show_list(void)
{
	struct iommu_dma_shape shape = any_shape();
	struct scatterlist sgl[3] = {};
	struct iommu_dma_plan plan;
	u64 mask = 4095, total;
	dma_addr_t iova = nondet_u64();
	int segs;

	shape.granule = mask + 1;
#ifdef PLAIN
	shape.kept = 0;
	shape.boundary = ~0UL;
#else
	shape.kept = nondet_bool() ? (1 << 14) - 1 : 0;
	shape.boundary = (1 << 16) - 1;
#endif
	any_entry(&sgl[0]);
	any_entry(&sgl[1]);
	total = (u64)sgl[0].length + sgl[1].length;
	if (iommu_dma_plan_make(&plan, &shape, sgl, 2)) {
		show(!total);
		return;
	}
	show(plan.size >= total && !(plan.size & mask));
	show(plan.offset < plan.align && !(plan.offset & mask));
	show(!(plan.align & (plan.align - 1)) && plan.align >= shape.granule);

	/* As the allocator gives it */
	assume((iova & (plan.align - 1)) == plan.offset);
	assume(iova + plan.size - 1 >= iova);
	segs = iommu_dma_plan_write(&plan, iova);
	show(segs >= 1 && segs <= 2);
	/* The range may end with the last byte of 2^64 */
	show(sgl[0].dma_address >= iova && sgl[0].dma_length <= plan.size &&
	     sgl[0].dma_address - iova <= plan.size - sgl[0].dma_length);
	if (segs == 2) {
		show(sgl[0].dma_length == sgl[0].length &&
		     sgl[1].dma_length == sgl[1].length);
		show(sgl[1].dma_address >= sgl[0].dma_address + sgl[0].length);
		show(sgl[1].dma_address - iova <=
		     plan.size - sgl[1].dma_length);
		/* No granule belongs to both */
		show((sgl[1].dma_address & ~mask) >
		     sgl[0].dma_address + sgl[0].length - 1);
	} else {
		show(sgl[0].dma_length == total && !sgl[1].dma_length);
		show(!(sgl[0].length && sgl[1].length) ||
		     (total <= shape.max_seg &&
		      !crosses(&shape, sgl[0].dma_address,
			       sgl[0].dma_address + total - 1)));
	}
	cover(segs == 2 && sgl[0].length < 4096 && sgl[1].length > 4096);
}
