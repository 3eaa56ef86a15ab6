// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every failure point of the two-step API. sweep.c says what a sweep is.
 */

#include "sweep.h"

#define GRANULE SWEEP_GRANULE

static size_t total_of(const struct sweep_way *way)
{
	size_t total = 0;

	for (unsigned int i = 0; i < way->nr; i++)
		total += way->part[i].size;
	return total;
}

static void prepare_state(struct sweep *sweep)
{
	sweep->state = (struct dma_iova_state){};
	sweep->state_before = sweep->state;
}

/*
 * A caller whose link or sync fails takes away what it has linked, and gives the range
 * back, as it always does: it is not told if more than that is amiss.
 */
static int give_up(struct sweep *sweep, int ret)
{
	KUNIT_EXPECT_MEMEQ(sweep->test, &sweep->state, &sweep->state_before,
			   sizeof(sweep->state));
	if (sweep->linked)
		dma_iova_destroy(sweep->dev, &sweep->state, sweep->linked,
				 sweep->way->dir, sweep->way->attrs);
	else
		dma_iova_free(sweep->dev, &sweep->state);
	mock_drain(sweep->domain);
	return ret;
}

static int get_links(struct sweep *sweep)
{
	const struct sweep_way *way = sweep->way;
	struct device *dev = sweep->dev;
	int ret;

	if (!dma_iova_try_alloc(dev, &sweep->state,
				sweep_phys(sweep, way->part[0].at),
				total_of(way)))
		return -ENOSPC;

	sweep->state_before = sweep->state;
	for (unsigned int i = 0; i < way->nr; i++) {
		phys_addr_t phys = sweep_phys(sweep, way->part[i].at);
		size_t size = way->part[i].size;

		ret = dma_iova_link(dev, &sweep->state, phys, sweep->linked,
				    size, sweep->way->dir, way->attrs);
		if (ret)
			return give_up(sweep, ret);
		sweep->state_before = sweep->state;
		sweep_view(sweep, sweep->state.addr + sweep->linked, phys,
			   size);
		sweep->linked += size;
	}
	ret = dma_iova_sync(dev, &sweep->state, 0, sweep->linked);
	return ret ? give_up(sweep, ret) : 0;
}

static void put_links(struct sweep *sweep)
{
	dma_iova_destroy(sweep->dev, &sweep->state, sweep->linked,
			 sweep->way->dir, sweep->way->attrs);
}

/* Part by part, for the range to be given back when nothing is linked */
static void put_each_link(struct sweep *sweep)
{
	size_t offset = 0;

	for (unsigned int i = 0; i < sweep->way->nr; i++) {
		size_t size = sweep->way->part[i].size;

		dma_iova_unlink(sweep->dev, &sweep->state, offset, size,
				sweep->way->dir, sweep->way->attrs);
		offset += size;
	}
	dma_iova_free(sweep->dev, &sweep->state);
}

static const struct sweep_way link_ways[] = {
	{
		.name = "link",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.nr = 3,
		.part = { { 100, 3 * GRANULE - 100 },
			  { 8 * GRANULE, GRANULE },
			  { 12 * GRANULE, 2 * GRANULE + 1 } },
		.allocs = 2,
		.maps = 5,
		.unmaps = 1,
	},
	{
		.name = "link, unlinked part by part",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_each_link,
		.says = SWEEP_ANY_ERRNO,
		.nr = 3,
		.part = { { 100, 3 * GRANULE - 100 },
			  { 8 * GRANULE, GRANULE },
			  { 12 * GRANULE, 2 * GRANULE + 1 } },
		.allocs = 2,
		.maps = 5,
		.unmaps = 3,
	},
	{
		.name = "link, not coherent",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.noncoherent = true,
		.nr = 2,
		.part = { { GRANULE, 3 * GRANULE }, { 8 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "link, lazy",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.lazy = true,
		.nr = 2,
		.part = { { GRANULE, 3 * GRANULE }, { 8 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "link, address bits kept",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.align_mask = SZ_16K - 1,
		.nr = 2,
		.part = { { GRANULE + 100, 3 * GRANULE - 100 },
			  { 8 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "link, to the device",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.dir = DMA_TO_DEVICE,
		.nr = 2,
		.part = { { GRANULE, 3 * GRANULE }, { 8 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "link, registers",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.attrs = DMA_ATTR_MMIO,
		.nr = 2,
		.part = { { 0, 3 * GRANULE }, { 8 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "link, head, middle and tail bounced",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.untrusted = true,
		.nr = 1,
		.part = { { 100, 4 * GRANULE } },
		.slots = 2,
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "link, head, middle and tail bounced, to the device",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.dir = DMA_TO_DEVICE,
		.untrusted = true,
		.nr = 1,
		.part = { { 100, 4 * GRANULE } },
		.slots = 2,
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "link, head, middle and tail bounced, from the device",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.dir = DMA_FROM_DEVICE,
		.untrusted = true,
		.nr = 1,
		.part = { { 100, 4 * GRANULE } },
		.slots = 2,
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "link, bounced, address bits kept",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.align_mask = SZ_16K - 1,
		.untrusted = true,
		.nr = 2,
		.part = { { GRANULE + 100, 3 * GRANULE - 100 },
			  { 8 * GRANULE, GRANULE + 9 } },
		.slots = 2,
		.allocs = 2,
		.maps = 4,
		.unmaps = 1,
	},
	{
		.name = "link, small, not coherent",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.noncoherent = true,
		.nr = 1,
		.part = { { 64, 24 } },
		.slots = 1,
		.allocs = 2,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "link, small, not coherent, lazy",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.noncoherent = true,
		.lazy = true,
		.nr = 1,
		.part = { { 64, 24 } },
		.slots = 1,
		.allocs = 2,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "link, small, not coherent, from the device",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.dir = DMA_FROM_DEVICE,
		.noncoherent = true,
		.nr = 1,
		.part = { { 64, 24 } },
		.slots = 1,
		.allocs = 2,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "link, head bounced",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.untrusted = true,
		.nr = 2,
		.part = { { 100, 3 * GRANULE - 100 },
			  { 8 * GRANULE, GRANULE } },
		.slots = 1,
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "link, tail bounced",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.untrusted = true,
		.nr = 2,
		.part = { { GRANULE, GRANULE }, { 8 * GRANULE, GRANULE + 9 } },
		.slots = 1,
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
	{
		.name = "link, nothing bounced",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.untrusted = true,
		.nr = 2,
		.part = { { GRANULE, GRANULE }, { 8 * GRANULE, GRANULE } },
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "link, bounced in parts",
		.prepare = prepare_state,
		.get = get_links,
		.put = put_links,
		.says = SWEEP_ANY_ERRNO,
		.untrusted = true,
		.nr = 3,
		.part = { { GRANULE + 100, GRANULE - 100 },
			  { 4 * GRANULE, 2 * GRANULE },
			  { 9 * GRANULE, 50 } },
		.slots = 2,
		.allocs = 2,
		.maps = 3,
		.unmaps = 1,
	},
};

KUNIT_ARRAY_PARAM_DESC(link, link_ways, name);

static struct kunit_case link_cases[] = {
	KUNIT_CASE_PARAM(sweep_alloc, link_gen_params),
	KUNIT_CASE_PARAM(sweep_room, link_gen_params),
	KUNIT_CASE_PARAM(sweep_slot, link_gen_params),
	KUNIT_CASE_PARAM(sweep_map, link_gen_params),
	KUNIT_CASE_PARAM(sweep_map_part, link_gen_params),
	KUNIT_CASE_PARAM(sweep_map_short, link_gen_params),
	KUNIT_CASE_PARAM(sweep_sync_map, link_gen_params),
	KUNIT_CASE_PARAM(sweep_undo, link_gen_params),
	KUNIT_CASE_PARAM(sweep_undo_sync, link_gen_params),
	KUNIT_CASE_PARAM(sweep_unmap, link_gen_params),
	KUNIT_CASE_PARAM(sweep_attach, link_gen_params),
	{}
};

static struct kunit_suite link_suite = {
	.name = "iommu_dma_sweep_link",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = link_cases,
};

kunit_test_suite(link_suite);
