// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every failure point of streaming mappings. sweep.c says what a sweep is.
 */

#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu-dma.h>

#include "sweep.h"

#define GRANULE SWEEP_GRANULE

/* One buffer */

static size_t size_of(struct sweep *sweep)
{
	return sweep->way->part[0].size;
}

static int get_phys(struct sweep *sweep)
{
	phys_addr_t phys = sweep_phys(sweep, sweep->way->part[0].at);

	sweep->iova = iommu_dma_map_phys(sweep->dev, phys, size_of(sweep),
					 sweep->way->dir, sweep->way->attrs);
	if (sweep->iova == DMA_MAPPING_ERROR)
		return -EIO;
	sweep_view(sweep, sweep->iova, phys, size_of(sweep));
	return 0;
}

static void put_phys(struct sweep *sweep)
{
	iommu_dma_unmap_phys(sweep->dev, sweep->iova, size_of(sweep),
			     sweep->way->dir, sweep->way->attrs);
}

/* A scatterlist */

/* Of the test that is running, for the stub */
static struct sweep *current_sweep;

static char kind_of(const struct sweep *sweep, unsigned int i)
{
	return sweep->way->kinds ? sweep->way->kinds[i] : 'R';
}

static int stub_kind(struct device *dev, struct pci_p2pdma_map_state *state,
		     struct scatterlist *sg, dma_addr_t *bus)
{
	size_t at = sg_virt(sg) - (void *)current_sweep->memory;
	unsigned int i = 0;

	while (current_sweep->way->part[i].at != at)
		i++;
	switch (kind_of(current_sweep, i)) {
	case 'B':
		*bus = SWEEP_BUS + at;
		return IOMMU_DMA_SG_BUS;
	case 'H':
		return IOMMU_DMA_SG_MMIO;
	default:
		return IOMMU_DMA_SG_MEMORY;
	}
}

static void prepare_list(struct sweep *sweep)
{
	const struct sweep_way *way = sweep->way;

	current_sweep = sweep;
	if (way->kinds)
		kunit_activate_static_stub(sweep->test, iommu_dma_p2p_kind,
					   stub_kind);
	sg_init_table(sweep->sgl, way->nr);
	for (unsigned int i = 0; i < way->nr; i++) {
		sg_set_buf(&sweep->sgl[i], sweep->memory + way->part[i].at,
			   way->part[i].size);
		sg_dma_address(&sweep->sgl[i]) = 0xdead0000 + i;
		sg_dma_len(&sweep->sgl[i]) = 0xbeef;
	}
	memcpy(sweep->before, sweep->sgl, sizeof(sweep->sgl));
}

/* Say where the segments put the entries' data */
static void view_list(struct sweep *sweep)
{
	struct scatterlist *seg = sweep->sgl;
	size_t used = 0;

	for (unsigned int i = 0; i < sweep->way->nr; i++) {
		const struct sweep_part *part = &sweep->way->part[i];
		char kind = kind_of(sweep, i);

		if (used == sg_dma_len(seg)) {
			seg = sg_next(seg);
			used = 0;
		}
		KUNIT_ASSERT_NOT_NULL(sweep->test, seg);
		KUNIT_ASSERT_LE(sweep->test, used + part->size,
				sg_dma_len(seg));
		KUNIT_EXPECT_EQ(sweep->test, sg_dma_is_bus_address(seg),
				kind == 'B');
		if (kind == 'B')
			KUNIT_EXPECT_EQ(sweep->test, sg_dma_address(seg) + used,
					SWEEP_BUS + part->at);
		else
			sweep_view(sweep, sg_dma_address(seg) + used,
				   sweep_phys(sweep, part->at), part->size);
		if (kind == 'H')
			sweep->view[sweep->nr_views - 1].prot =
				sweep_prot(sweep) | IOMMU_MMIO;
		used += part->size;
	}
}

static int get_list(struct sweep *sweep)
{
	int nsegs;

	nsegs = iommu_dma_map_sg(sweep->dev, sweep->sgl, sweep->way->nr,
				 sweep->way->dir, 0);
	if (nsegs < 0)
		return nsegs;
	KUNIT_ASSERT_GT(sweep->test, nsegs, 0);
	view_list(sweep);
	return 0;
}

static void put_list(struct sweep *sweep)
{
	iommu_dma_unmap_sg(sweep->dev, sweep->sgl, sweep->way->nr,
			   sweep->way->dir, 0);
	for (unsigned int i = 0; i < sweep->way->nr; i++) {
		KUNIT_EXPECT_FALSE(sweep->test,
				   sg_dma_is_swiotlb(&sweep->sgl[i]));
		KUNIT_EXPECT_FALSE(sweep->test,
				   sg_dma_is_bus_address(&sweep->sgl[i]));
	}
}

static const struct sweep_way stream_ways[] = {
	{
		.name = "map_phys",
		.get = get_phys,
		.put = put_phys,
		.part = { { 100, 4 * GRANULE } },
		.nr = 1,
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "map_phys, not coherent",
		.get = get_phys,
		.put = put_phys,
		.noncoherent = true,
		.part = { { GRANULE, 4 * GRANULE } },
		.nr = 1,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "map_phys, lazy",
		.get = get_phys,
		.put = put_phys,
		.lazy = true,
		.part = { { 100, 4 * GRANULE } },
		.nr = 1,
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "map_phys, to the device",
		.get = get_phys,
		.put = put_phys,
		.dir = DMA_TO_DEVICE,
		.part = { { 100, 4 * GRANULE } },
		.nr = 1,
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "map_phys, from the device, not coherent",
		.get = get_phys,
		.put = put_phys,
		.dir = DMA_FROM_DEVICE,
		.noncoherent = true,
		.part = { { GRANULE, 4 * GRANULE } },
		.nr = 1,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "map_phys, address bits kept",
		.get = get_phys,
		.put = put_phys,
		.align_mask = SZ_16K - 1,
		.part = { { GRANULE + 100, 4 * GRANULE } },
		.nr = 1,
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "map_phys, large pages",
		.get = get_phys,
		.put = put_phys,
		.large = true,
		.part = { { 0, SZ_2M + GRANULE } },
		.nr = 1,
		.allocs = 2,
		.maps = 2,
		.unmaps = 2,
	},
	{
		.name = "map_phys, registers",
		.get = get_phys,
		.put = put_phys,
		.attrs = DMA_ATTR_MMIO,
		.part = { { 0, 5 * GRANULE } },
		.nr = 1,
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "map_phys, head, middle and tail bounced",
		.get = get_phys,
		.put = put_phys,
		.untrusted = true,
		.part = { { 100, 4 * GRANULE } },
		.nr = 1,
		.slots = 2,
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "map_phys, head, middle and tail bounced, to the device",
		.get = get_phys,
		.put = put_phys,
		.dir = DMA_TO_DEVICE,
		.untrusted = true,
		.part = { { 100, 4 * GRANULE } },
		.nr = 1,
		.slots = 2,
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "map_phys, head, middle and tail bounced, from the device",
		.get = get_phys,
		.put = put_phys,
		.dir = DMA_FROM_DEVICE,
		.untrusted = true,
		.part = { { 100, 4 * GRANULE } },
		.nr = 1,
		.slots = 2,
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "map_phys, head, middle and tail bounced, address bits kept",
		.get = get_phys,
		.put = put_phys,
		.align_mask = SZ_16K - 1,
		.untrusted = true,
		.part = { { GRANULE + 100, 4 * GRANULE } },
		.nr = 1,
		.slots = 2,
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "map_phys, all bounced",
		.get = get_phys,
		.put = put_phys,
		.untrusted = true,
		.part = { { GRANULE - 9, 18 } },
		.nr = 1,
		.slots = 2,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "map_phys, all bounced, to the device",
		.get = get_phys,
		.put = put_phys,
		.dir = DMA_TO_DEVICE,
		.untrusted = true,
		.part = { { GRANULE - 9, 18 } },
		.nr = 1,
		.slots = 2,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "map_phys, all bounced, from the device",
		.get = get_phys,
		.put = put_phys,
		.dir = DMA_FROM_DEVICE,
		.untrusted = true,
		.part = { { GRANULE - 9, 18 } },
		.nr = 1,
		.slots = 2,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "map_phys, small, not coherent, lazy",
		.get = get_phys,
		.put = put_phys,
		.lazy = true,
		.noncoherent = true,
		.part = { { 64, 24 } },
		.nr = 1,
		.slots = 1,
		.allocs = 2,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "map_phys, small, not coherent, from the device",
		.get = get_phys,
		.put = put_phys,
		.dir = DMA_FROM_DEVICE,
		.noncoherent = true,
		.part = { { 64, 24 } },
		.nr = 1,
		.slots = 1,
		.allocs = 2,
		.maps = 1,
		.unmaps = 1,
	},
	/* No cache line that the device does not write to is lost */
	{
		.name = "map_phys, small, not coherent, to the device",
		.get = get_phys,
		.put = put_phys,
		.dir = DMA_TO_DEVICE,
		.noncoherent = true,
		.part = { { 64, 24 } },
		.nr = 1,
		.allocs = 2,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "map_phys, small, not coherent",
		.get = get_phys,
		.put = put_phys,
		.noncoherent = true,
		.part = { { 64, 24 } },
		.nr = 1,
		.slots = 1,
		.allocs = 2,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "map_sg",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.nr = 4,
		.part = { { 100, 10 },
			  { 2 * GRANULE + 9, 3 * GRANULE },
			  { 10 * GRANULE - 8, 20 },
			  { 20 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 5,
		.unmaps = 1,
	},
	{
		.name = "map_sg, merged",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.nr = 3,
		.part = { { GRANULE, 2 * GRANULE },
			  { 5 * GRANULE, GRANULE },
			  { 9 * GRANULE, 3 * GRANULE } },
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "map_sg, padded",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.boundary = SZ_16K - 1,
		.holes = true,
		.nr = 4,
		.part = { { 0, 3 * GRANULE },
			  { 4 * GRANULE, 3 * GRANULE },
			  { 8 * GRANULE + 1, 100 },
			  { 10 * GRANULE, 2 * GRANULE } },
		.allocs = 2,
		.maps = 6,
		.unmaps = 2,
	},
	{
		.name = "map_sg, address bits kept",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.align_mask = SZ_16K - 1,
		.holes = true,
		.nr = 2,
		.part = { { GRANULE + 9, 2 * GRANULE },
			  { 5 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 3,
		.unmaps = 2,
	},
	{
		.name = "map_sg, to the device",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.dir = DMA_TO_DEVICE,
		.nr = 2,
		.part = { { GRANULE, 3 * GRANULE }, { 6 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "map_sg, not coherent",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.noncoherent = true,
		.nr = 2,
		.part = { { GRANULE, 3 * GRANULE }, { 6 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "map_sg, lazy",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.lazy = true,
		.nr = 2,
		.part = { { GRANULE, 3 * GRANULE }, { 6 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "map_sg, bounced",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.untrusted = true,
		.nr = 4,
		.part = { { 100, 10 },
			  { 2 * GRANULE + 9, 3 * GRANULE },
			  { 10 * GRANULE, GRANULE },
			  { 12 * GRANULE, GRANULE + 1 } },
		.slots = 4,
		.allocs = 2,
		.maps = 7,
		.unmaps = 4,
	},
	{
		.name = "map_sg, bounced, to the device",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.dir = DMA_TO_DEVICE,
		.untrusted = true,
		.nr = 4,
		.part = { { 100, 10 },
			  { 2 * GRANULE + 9, 3 * GRANULE },
			  { 10 * GRANULE, GRANULE },
			  { 12 * GRANULE, GRANULE + 1 } },
		.slots = 4,
		.allocs = 2,
		.maps = 7,
		.unmaps = 4,
	},
	{
		.name = "map_sg, bounced, from the device",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.dir = DMA_FROM_DEVICE,
		.untrusted = true,
		.nr = 4,
		.part = { { 100, 10 },
			  { 2 * GRANULE + 9, 3 * GRANULE },
			  { 10 * GRANULE, GRANULE },
			  { 12 * GRANULE, GRANULE + 1 } },
		.slots = 4,
		.allocs = 2,
		.maps = 7,
		.unmaps = 4,
	},
	{
		.name = "map_sg, bounced, address bits kept",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.align_mask = SZ_16K - 1,
		.untrusted = true,
		.holes = true,
		.nr = 2,
		.part = { { GRANULE + 100, 10 },
			  { 7 * GRANULE + 9, 3 * GRANULE } },
		.slots = 3,
		.allocs = 2,
		.maps = 4,
		.unmaps = 2,
	},
	{
		.name = "map_sg, small, not coherent",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.noncoherent = true,
		.nr = 3,
		.part = { { 64, 24 },
			  { 2 * GRANULE + 128, 24 },
			  { 5 * GRANULE, GRANULE } },
		.slots = 2,
		.allocs = 2,
		.maps = 3,
		.unmaps = 3,
	},
	{
		.name = "map_sg, small, not coherent, lazy",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.noncoherent = true,
		.lazy = true,
		.nr = 3,
		.part = { { 64, 24 },
			  { 2 * GRANULE + 128, 24 },
			  { 5 * GRANULE, GRANULE } },
		.slots = 2,
		.allocs = 2,
		.maps = 3,
		.unmaps = 3,
	},
	{
		.name = "map_sg, small, not coherent, from the device",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.dir = DMA_FROM_DEVICE,
		.noncoherent = true,
		.nr = 3,
		.part = { { 64, 24 },
			  { 2 * GRANULE + 128, 24 },
			  { 5 * GRANULE, GRANULE } },
		.slots = 2,
		.allocs = 2,
		.maps = 3,
		.unmaps = 3,
	},
	{
		.name = "map_sg, of other devices",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.kinds = "RBHRB",
		.nr = 5,
		.part = { { 0, GRANULE },
			  { 2 * GRANULE, GRANULE },
			  { 4 * GRANULE, 2 * GRANULE },
			  { 8 * GRANULE, 3 * GRANULE },
			  { 12 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "map_sg, of other devices, bounced",
		.prepare = prepare_list,
		.get = get_list,
		.put = put_list,
		.says = SWEEP_DMA_ERRNO,
		.untrusted = true,
		.kinds = "HBR",
		.nr = 3,
		.part = { { 0, GRANULE },
			  { 2 * GRANULE, GRANULE },
			  { 4 * GRANULE + 1, 2 * GRANULE } },
		.slots = 2,
		.allocs = 2,
		.maps = 4,
		.unmaps = 2,
	},
};

KUNIT_ARRAY_PARAM_DESC(stream, stream_ways, name);

static struct kunit_case stream_cases[] = {
	KUNIT_CASE_PARAM(sweep_alloc, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_room, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_slot, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_map, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_map_part, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_map_short, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_sync_map, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_undo, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_undo_sync, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_unmap, stream_gen_params),
	KUNIT_CASE_PARAM(sweep_attach, stream_gen_params),
	{}
};

static struct kunit_suite stream_suite = {
	.name = "iommu_dma_sweep",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = stream_cases,
};

kunit_test_suite(stream_suite);
