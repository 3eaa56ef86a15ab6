// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every failure point of the buffers that the layer allocates. sweep.c says what a sweep
 * is.
 */

#include <linux/dma-iommu.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu-dma.h>
#include <linux/vmalloc.h>

#include "sweep.h"

/* So many pages that there are several blocks of them */
#define BUFFER (3 * PAGE_SIZE)

static int get_buffer(struct sweep *sweep)
{
	const struct sweep_way *way = sweep->way;

	sweep->buffer = iommu_dma_alloc(sweep->dev, BUFFER, &sweep->iova,
					way->gfp | __GFP_NOWARN, way->attrs);
	if (!sweep->buffer)
		return -EIO;
	KUNIT_EXPECT_NULL(sweep->test, memchr_inv(sweep->buffer, 0, BUFFER));
	for (size_t at = 0; at < BUFFER; at += PAGE_SIZE) {
		void *page = sweep->buffer + at;

		sweep_view(sweep, sweep->iova + at,
			   is_vmalloc_addr(page) ?
				   page_to_phys(vmalloc_to_page(page)) :
				   virt_to_phys(page),
			   PAGE_SIZE);
	}
	return 0;
}

static void put_buffer(struct sweep *sweep)
{
	iommu_dma_free(sweep->dev, BUFFER, sweep->buffer, sweep->iova,
		       sweep->way->attrs);
}

static int get_pages(struct sweep *sweep)
{
	sweep->first = iommu_dma_ops.alloc_pages_op(sweep->dev, BUFFER,
						    &sweep->iova,
						    DMA_BIDIRECTIONAL,
						    GFP_KERNEL | __GFP_NOWARN);
	if (!sweep->first)
		return -EIO;
	sweep_view(sweep, sweep->iova, page_to_phys(sweep->first), BUFFER);
	return 0;
}

static void put_pages(struct sweep *sweep)
{
	iommu_dma_ops.free_pages(sweep->dev, BUFFER, sweep->first, sweep->iova,
				 DMA_BIDIRECTIONAL);
}

static int get_noncontiguous(struct sweep *sweep)
{
	struct scatterlist *sg;
	size_t at = 0;
	int i;

	sweep->table = iommu_dma_alloc_noncontiguous(sweep->dev, BUFFER,
						     DMA_BIDIRECTIONAL,
						     GFP_KERNEL | __GFP_NOWARN,
						     sweep->way->attrs);
	if (!sweep->table)
		return -EIO;
	for_each_sgtable_sg(sweep->table, sg, i) {
		sweep_view(sweep, sg_dma_address(sweep->table->sgl) + at,
			   sg_phys(sg), sg->length);
		at += sg->length;
	}
	KUNIT_EXPECT_EQ(sweep->test, at, BUFFER);
	return 0;
}

static void put_noncontiguous(struct sweep *sweep)
{
	iommu_dma_free_noncontiguous(sweep->dev, BUFFER, sweep->table,
				     DMA_BIDIRECTIONAL);
}

static const struct sweep_way buffer_ways[] = {
	{
		.name = "alloc",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, not coherent",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.noncoherent = true,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, lazy",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.lazy = true,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, single pages",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.attrs = DMA_ATTR_ALLOC_SINGLE_PAGES,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, contiguous",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.attrs = DMA_ATTR_FORCE_CONTIGUOUS,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, contiguous, not coherent",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.attrs = DMA_ATTR_FORCE_CONTIGUOUS,
		.noncoherent = true,
		.allocs = 4,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, atomic",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_ATOMIC,
		.owns = true,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, atomic, not coherent",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_ATOMIC,
		.owns = true,
		.noncoherent = true,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, untrusted",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.untrusted = true,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_pages",
		.get = get_pages,
		.put = put_pages,
		.owns = true,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_noncontiguous",
		.get = get_noncontiguous,
		.put = put_noncontiguous,
		.owns = true,
		.single = true,
		.allocs = 7,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_noncontiguous, single pages",
		.get = get_noncontiguous,
		.put = put_noncontiguous,
		.owns = true,
		.single = true,
		.attrs = DMA_ATTR_ALLOC_SINGLE_PAGES,
		.allocs = 7,
		.maps = 2,
		.unmaps = 1,
	},
};

KUNIT_ARRAY_PARAM_DESC(buffer, buffer_ways, name);

static struct kunit_case buffer_cases[] = {
	KUNIT_CASE_PARAM(sweep_alloc, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_room, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_slot, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_map, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_map_part, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_map_short, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_sync_map, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_undo, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_undo_sync, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_unmap, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_attach, buffer_gen_params),
	{}
};

static struct kunit_suite buffer_suite = {
	.name = "iommu_dma_sweep_buffer",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = buffer_cases,
};

kunit_test_suite(buffer_suite);
