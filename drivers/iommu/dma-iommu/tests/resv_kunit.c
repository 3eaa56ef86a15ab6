// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of reserved regions and windows, and of groups with several devices.
 */

#include <linux/dma-mapping.h>
#include <linux/prandom.h>

#include "../../dma-iommu.h"
#include "../private.h"
#include "mock.h"
#include "seed.h"

static unsigned int resv_seed;
module_param(resv_seed, uint, 0444);
MODULE_PARM_DESC(resv_seed, "Seed of random tests; 0 for a new one");

/* Memory at the second MiB that the device must not be given */
static const struct mock_region kept_free = {
	.first = SZ_1M,
	.last = SZ_1M + SZ_64K - 1,
	.type = IOMMU_RESV_RESERVED,
};

/* Test that no IOVA of a reserved region is handed out, and all others are. */
static void test_region(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev =
		mock_device(mock, .regions = { kept_free }, .nr_regions = 1);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test,
			mock_given_within(mock, &given, kept_free.first,
					  kept_free.last),
			0);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_4M - SZ_64K) / SZ_4K - 1);
}

/* Test that a region which is no multiple of a granule is rounded outwards. */
static void test_region_unaligned(struct kunit *test)
{
	static const struct mock_traits traits = {
		.regions = {
			{ .first = SZ_1M + 100, .last = SZ_1M + SZ_4K,
			  .type = IOMMU_RESV_RESERVED },
		},
		.nr_regions = 1,
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device_like(mock, &traits);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, SZ_1M,
						SZ_1M + SZ_8K - 1), 0);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_4M - SZ_8K) / SZ_4K - 1);
}

/*
 * Test that regions that bad firmware has do no harm: one without bytes, ones of
 * several types that overlap, one that lies outside of the aperture, one that
 * reaches to the end of the address space. Guards against what bb57f6705960
 * [V13] mended, and "iommu: Fix KASAN use-after-free in
 * iommu_insert_resv_region" [M11].
 */
static void test_region_odd(struct kunit *test)
{
	static const struct mock_traits traits = {
		.regions = {
			{ .first = SZ_2M, .empty = true,
			  .type = IOMMU_RESV_RESERVED },
			{ .first = SZ_1M + SZ_32K, .last = SZ_1M + SZ_128K - 1,
			  .type = IOMMU_RESV_MSI },
			{ .first = SZ_1M, .last = SZ_1M + SZ_64K - 1,
			  .type = IOMMU_RESV_RESERVED },
			{ .first = SZ_4M - SZ_4K, .last = ~0ULL,
			  .type = IOMMU_RESV_RESERVED },
		},
		.nr_regions = 4,
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device_like(mock, &traits);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, SZ_1M,
						SZ_1M + SZ_128K - 1), 0);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_4M - SZ_128K - SZ_4K) / SZ_4K - 1);
}

/* Test that the window for software-managed MSIs is left to this layer. */
static void test_region_sw_msi(struct kunit *test)
{
	static const struct mock_traits traits = {
		.regions = {
			{ .first = SZ_1M, .last = SZ_2M - 1,
			  .type = IOMMU_RESV_SW_MSI },
		},
		.nr_regions = 1,
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device_like(mock, &traits);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, given.nr, SZ_4M / SZ_4K - 1);
}

/*
 * Test that a region which firmware wants mapped to itself is, and stays out of
 * the way of mappings; also at address 0. Guards against what 0a4d00e2e99a
 * mended [M10].
 */
static void test_region_direct(struct kunit *test)
{
	static const struct mock_traits traits = {
		.regions = {
			{ .first = 0, .last = SZ_16K - 1,
			  .type = IOMMU_RESV_DIRECT },
			{ .first = SZ_1M, .last = SZ_1M + SZ_64K - 1,
			  .type = IOMMU_RESV_DIRECT_RELAXABLE },
		},
		.nr_regions = 2,
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device_like(mock, &traits);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct mock_given given;
	phys_addr_t phys;

	mock->direct = SZ_16K + SZ_64K;
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	KUNIT_EXPECT_EQ(test, mock_live(domain), mock->direct);
	KUNIT_ASSERT_TRUE(test, mock_lookup(domain, SZ_1M + 1, &phys, NULL));
	KUNIT_EXPECT_EQ(test, phys, SZ_1M + 1);
	KUNIT_ASSERT_TRUE(test, mock_lookup(domain, 0, &phys, NULL));
	KUNIT_EXPECT_EQ(test, phys, 0);

	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, given.lowest, SZ_16K);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_4M - SZ_16K - SZ_64K) / SZ_4K);
	KUNIT_EXPECT_EQ(test, mock_live(domain), mock->direct);
}

/*
 * Test that a region whose length runs past the end of all addresses is taken to
 * end there, and not below its start.
 */
static void test_region_wraps(struct kunit *test)
{
	static const struct mock_traits traits = {
		.regions = {
			{ .first = SZ_2M + SZ_1M, .last = SZ_1M - 1,
			  .type = IOMMU_RESV_RESERVED },
		},
		.nr_regions = 1,
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device_like(mock, &traits);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, given.lowest, SZ_4K);
	KUNIT_EXPECT_EQ(test, given.highest, SZ_2M + SZ_1M - SZ_4K);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_2M + SZ_1M) / SZ_4K - 1);
}

/*
 * Test that each direct region is mapped with the permissions that it came with.
 * Guards against "iommu/of: map reserved memory as cacheable if device is
 * coherent" [M16].
 */
static void test_region_prot(struct kunit *test)
{
	static const struct mock_traits traits = {
		.regions = {
			{ .first = SZ_1M, .last = SZ_1M + SZ_16K - 1,
			  .type = IOMMU_RESV_DIRECT, .prot = IOMMU_READ },
			{ .first = SZ_2M, .last = SZ_2M + SZ_16K - 1,
			  .type = IOMMU_RESV_DIRECT,
			  .prot = IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE },
			{ .first = SZ_2M + SZ_16K, .last = SZ_2M + SZ_64K - 1,
			  .type = IOMMU_RESV_DIRECT_RELAXABLE,
			  .prot = IOMMU_WRITE | IOMMU_MMIO },
			{ .first = SZ_2M + SZ_1M, .last = SZ_2M + SZ_1M + SZ_4K - 1,
			  .type = IOMMU_RESV_RESERVED, .prot = IOMMU_READ },
		},
		.nr_regions = 4,
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device_like(mock, &traits);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	mock->direct = SZ_16K + SZ_64K;
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	for (int i = 0; i < 3; i++) {
		const struct mock_region *region = &traits.regions[i];

		for (u64 at = region->first; at < region->last; at += SZ_4K) {
			phys_addr_t phys = 0;
			int prot = 0;

			mock_lookup(domain, at, &phys, &prot);
			KUNIT_EXPECT_EQ(test, phys, at);
			KUNIT_EXPECT_EQ(test, prot, region->prot);
		}
	}
	KUNIT_EXPECT_EQ(test, mock_live(domain), mock->direct);
}

/*
 * Test that regions of any type, size and order leave exactly what none of them
 * covers: no list of firmware's makes the layer hand out a reserved address, or
 * keep back one that is not [M11, V13].
 */
static void test_random_regions(struct kunit *test)
{
	static const enum iommu_resv_type types[] = {
		IOMMU_RESV_RESERVED, IOMMU_RESV_MSI, IOMMU_RESV_SW_MSI,
		IOMMU_RESV_DIRECT, IOMMU_RESV_DIRECT_RELAXABLE
	};
	struct mock *mock = test->priv;
	u32 seed = test_seed(test, resv_seed);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, seed);
	for (int i = 0; i < 50; i++) {
		struct mock_ranges any = {}, holes = {};
		struct mock_traits traits = {};
		struct mock_given given;
		struct device *dev;

		while (any.nr < MOCK_REGIONS) {
			struct mock_region *region = &traits.regions[any.nr];
			u64 first, last;

			mock_add_any_range(&any, &rnd);
			first = any.range[any.nr - 1].first;
			last = any.range[any.nr - 1].last;
			region->type = types[prandom_u32_state(&rnd) %
					     ARRAY_SIZE(types)];
			region->empty = !(prandom_u32_state(&rnd) % 8);

			/* The core maps these by granules */
			if ((region->type == IOMMU_RESV_DIRECT ||
			     region->type == IOMMU_RESV_DIRECT_RELAXABLE) &&
			    (last >= SZ_4M || !PAGE_ALIGNED(first) ||
			     !PAGE_ALIGNED(last + 1)))
				region->type = IOMMU_RESV_RESERVED;
			region->first = first;
			region->last = last;
			if (region->empty || region->type == IOMMU_RESV_SW_MSI)
				continue;
			holes.range[holes.nr].first = first;
			holes.range[holes.nr++].last = last;
		}
		traits.nr_regions = any.nr;

		dev = mock_device_like(mock, &traits);
		KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
		given = mock_give_all(mock, dev);
		mock_expect_given(mock, &given, NULL, &holes);
		mock_device_remove(mock, dev);
		if (test->status != KUNIT_SUCCESS) {
			kunit_err(test, "round %d of seed %u\n", i, seed);
			return;
		}
	}
}

/*
 * Test that for any windows of a bus, in any order, overlapping or not, up to the
 * top of all addresses or not, a device is given exactly what lies in one of
 * them. Guards against what b8397a8f4ebc mended [V14].
 */
static void test_random_range_map(struct kunit *test)
{
	struct mock *mock = test->priv;
	u32 seed = test_seed(test, resv_seed);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, seed);
	for (int i = 0; i < 50; i++) {
		struct bus_dma_region map[MOCK_REGIONS + 1] = {};
		struct mock_ranges windows = {};
		struct mock_given given;
		struct device *dev;

		/* Without one of these the device would be refused */
		windows.nr = 1;
		windows.range[0].first = prandom_u32_state(&rnd) % SZ_4M;
		windows.range[0].last = windows.range[0].first + SZ_16K;
		while (windows.nr <= i % MOCK_REGIONS)
			mock_add_any_range(&windows, &rnd);
		for (unsigned int j = 0; j < windows.nr; j++) {
			map[j].dma_start = windows.range[j].first;
			map[j].size = windows.range[j].last -
				      windows.range[j].first + 1;
		}

		dev = mock_device(mock, .range_map = map);
		KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
		given = mock_give_all(mock, dev);
		mock_expect_given(mock, &given, &windows, NULL);
		mock_device_remove(mock, dev);
		if (test->status != KUNIT_SUCCESS) {
			kunit_err(test, "round %d of seed %u\n", i, seed);
			return;
		}
	}
}

/* Test that a device whose bus has no window at all is refused. */
static void test_range_map_empty(struct kunit *test)
{
	static const struct bus_dma_region nothing[] = { {} };
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .range_map = nothing);

	KUNIT_EXPECT_TRUE(test, mock_refused(test, dev));
}

/*
 * Test that a region which firmware uses, at address 0, is mapped whenever the
 * device is attached to a domain of the DMA API: at first, and when it comes back
 * from a user such as VFIO. The mock looks at every attachment. Guards against
 * "iommu: Set group default domain before creating direct mappings" [M17], and
 * what 0a4d00e2e99a mended [M10].
 */
static void test_direct_stays(struct kunit *test)
{
	static const struct mock_traits traits = {
		.regions = {
			{ .first = 0, .last = SZ_16K - 1,
			  .type = IOMMU_RESV_DIRECT_RELAXABLE },
		},
		.nr_regions = 1,
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device_like(mock, &traits);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct iommu_domain *other = mock_unmanaged_domain(mock, dev);
	phys_addr_t phys;

	mock->direct = SZ_16K;
	for (int i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, iommu_attach_device(other, dev), 0);
		KUNIT_EXPECT_EQ(test, mock_live(other), 0);
		iommu_detach_device(other, dev);
		KUNIT_EXPECT_EQ(test, mock_attaches(dev), 2 * i + 3);
		KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_16K);
		KUNIT_ASSERT_TRUE(test, mock_lookup(domain, 0, &phys, NULL));
		KUNIT_EXPECT_EQ(test, phys, 0);
	}
	KUNIT_EXPECT_EQ(test, mock_give_all(mock, dev).lowest, SZ_16K);
}

/*
 * Test that a device is refused if one of its reservations finds no memory,
 * whichever it is, and that its set-up succeeds when there is some again: never
 * is it taken with a part of them. Guards against what "iommu/iova: Separate out
 * rcache init" mended, a space that is half there [V12].
 */
static void test_out_of_memory(struct kunit *test)
{
	static const struct bus_dma_region window[] = {
		{ .dma_start = SZ_1M, .size = SZ_2M }, {}
	};
	static const struct mock_traits traits = {
		.range_map = window,
		.regions = {
			{ .first = SZ_1M, .last = SZ_1M + SZ_64K - 1,
			  .type = IOMMU_RESV_RESERVED },
			{ .first = SZ_2M, .last = SZ_2M + SZ_64K - 1,
			  .type = IOMMU_RESV_MSI },
			{ .first = SZ_2M + SZ_256K + 1,
			  .last = SZ_2M + SZ_256K + 2,
			  .type = IOMMU_RESV_RESERVED },
		},
		.nr_regions = 3,
	};
	const size_t room = (SZ_2M - SZ_64K - SZ_64K - SZ_4K) / SZ_4K;
	struct mock *mock = test->priv;
	struct device *dev = mock_device_like(mock, &traits);
	unsigned int nth = 0, left, refusals = 0;

	mock_fail_start(test);
	do {
		struct iommu_domain *domain = iommu_paging_domain_alloc(dev);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
		domain->type = IOMMU_DOMAIN_DMA;
		KUNIT_EXPECT_EQ(test, iommu_get_dma_cookie(domain), 0);

		mock_fail_nth(++nth);
		iommu_setup_dma_ops(dev, domain);
		left = mock_fail_nth(0);
		if (iommu_dma_dev_refused(dev)) {
			KUNIT_EXPECT_EQ(test, left, 0);
			refusals++;
			iommu_setup_dma_ops(dev, domain);
		}
		KUNIT_EXPECT_FALSE(test, iommu_dma_dev_refused(dev));
		KUNIT_EXPECT_EQ(test, mock_room(domain), room);
		iommu_domain_free(domain);
	} while (!left);

	/* One for the MSI region, and the regions of the space */
	KUNIT_EXPECT_GT(test, refusals, 1);
}

/*
 * Test that what the second device of a group cannot use, the first one is not
 * given any more either.
 */
static void test_second_device_region(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *first = mock_device(mock);
	struct device *second = mock_device(mock, .sibling = first,
					    .regions = { kept_free },
					    .nr_regions = 1);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(first));
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(second));
	given = mock_give_all(mock, first);
	KUNIT_EXPECT_EQ(test,
			mock_given_within(mock, &given, kept_free.first,
					  kept_free.last),
			0);
	given = mock_give_all(mock, second);
	KUNIT_EXPECT_EQ(test,
			mock_given_within(mock, &given, kept_free.first,
					  kept_free.last),
			0);
}

/* Test that a region which both devices of a group have is no conflict. */
static void test_second_device_same_region(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct mock_traits traits = {
		.regions = { kept_free },
		.nr_regions = 1,
	};
	struct mock_given given;

	traits.sibling = mock_device_like(mock, &traits);
	KUNIT_EXPECT_TRUE(test, dev_dma_iommu(traits.sibling));
	KUNIT_EXPECT_TRUE(test, dev_dma_iommu(mock_device_like(mock, &traits)));
	given = mock_give_all(mock, traits.sibling);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_4M - SZ_64K) / SZ_4K - 1);
}

/* Test that the windows of the second device of a group bind the first one. */
static void test_second_device_windows(struct kunit *test)
{
	static const struct bus_dma_region window[] = {
		{ .dma_start = SZ_1M, .size = SZ_1M }, {}
	};
	struct mock *mock = test->priv;
	struct device *first = mock_device(mock);
	struct device *second =
		mock_device(mock, .sibling = first, .range_map = window);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(second));
	given = mock_give_all(mock, first);
	KUNIT_EXPECT_EQ(test, given.nr, SZ_1M / SZ_4K);
	KUNIT_EXPECT_EQ(test, given.lowest, SZ_1M);
}

/*
 * Test that a second device is refused if a region of its own is in use, and
 * that this does nothing to the mapping that is there.
 */
static void test_second_device_conflict(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *first = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(first);
	struct mock_traits traits = {
		.sibling = first,
		.nr_regions = 1,
	};
	struct device *second;
	dma_addr_t iova;

	iova = dma_map_single(first, mock_buffer(test, SZ_16K), SZ_16K,
			      DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(first, iova));
	traits.regions[0] = (struct mock_region){
		.first = iova + SZ_8K,
		.last = iova + SZ_8K + 99,
		.type = IOMMU_RESV_RESERVED,
	};
	second = mock_device_like(mock, &traits);
	KUNIT_EXPECT_TRUE(test, mock_refused(test, second));
	KUNIT_EXPECT_TRUE(test, dev_dma_iommu(first));
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_16K);
	dma_unmap_single(first, iova, SZ_16K, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
}

/*
 * Test that a second device is not refused for a region of its own in which the first
 * one had something mapped that nobody has any more, and that only waits for the flush.
 */
static void test_second_device_waiting(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct mock_traits traits = { .nr_regions = 1 };
	struct iommu_domain *domain;
	struct mock_given given;
	struct device *second;
	dma_addr_t iova;

	mock->lazy = true;
	/* So that it waits for longer than this test takes */
	mock->shadow = true;
	traits.sibling = mock_device(mock);
	domain = iommu_get_domain_for_dev(traits.sibling);
	iova = dma_map_single(traits.sibling, mock_buffer(test, SZ_16K), SZ_16K,
			      DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(traits.sibling, iova));
	dma_unmap_single(traits.sibling, iova, SZ_16K, DMA_TO_DEVICE);
	KUNIT_ASSERT_TRUE(test, mock_reachable(domain, iova, SZ_16K));

	traits.regions[0] = (struct mock_region){
		.first = iova,
		.last = iova + SZ_16K - 1,
		.type = IOMMU_RESV_RESERVED,
	};
	second = mock_device_like(mock, &traits);
	KUNIT_EXPECT_TRUE(test, dev_dma_iommu(second));
	KUNIT_EXPECT_FALSE(test, iommu_dma_dev_refused(second));
	KUNIT_EXPECT_FALSE(test, mock_reachable(domain, iova, SZ_16K));
	given = mock_give_all(mock, traits.sibling);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, iova,
						iova + SZ_16K - 1), 0);
}

/* Test that devices of different groups do not bind each other. */
static void test_other_group(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *bound =
		mock_device(mock, .regions = { kept_free }, .nr_regions = 1);
	struct device *other = mock_device(mock);
	struct mock_given given;

	KUNIT_EXPECT_PTR_NE(test, iommu_get_domain_for_dev(bound),
			    iommu_get_domain_for_dev(other));
	given = mock_give_all(mock, other);
	KUNIT_EXPECT_EQ(test, given.nr, SZ_4M / SZ_4K - 1);
}

struct misfit_case {
	const char *name;
	unsigned long pgsize_bitmap;
	dma_addr_t first;
	dma_addr_t last;
};

static const struct misfit_case misfit_cases[] = {
	{ "granule", SZ_1K | SZ_4K, 0, SZ_4M - 1 },
	{ "aperture start", SZ_4K, SZ_1M, SZ_4M - 1 },
	{ "aperture end", SZ_4K, 0, SZ_2M - 1 },
};

KUNIT_ARRAY_PARAM_DESC(misfit, misfit_cases, name);

/*
 * Test that a device is refused if the domain of its group is no longer what
 * the space was set up for.
 */
static void test_second_device_misfit(struct kunit *test)
{
	const struct misfit_case *misfit = test->param_value;
	struct mock *mock = test->priv;
	struct device *first = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(first);
	struct iommu_domain_geometry geometry = domain->geometry;
	struct device *second;

	domain->pgsize_bitmap = misfit->pgsize_bitmap;
	domain->geometry.aperture_start = misfit->first;
	domain->geometry.aperture_end = misfit->last;
	second = mock_device(mock, .sibling = first);
	domain->pgsize_bitmap = mock->pgsize_bitmap;
	domain->geometry = geometry;

	KUNIT_EXPECT_TRUE(test, mock_refused(test, second));
	KUNIT_EXPECT_TRUE(test, dev_dma_iommu(first));
}

static struct kunit_case resv_cases[] = {
	KUNIT_CASE(test_region),
	KUNIT_CASE(test_region_unaligned),
	KUNIT_CASE(test_region_odd),
	KUNIT_CASE(test_region_sw_msi),
	KUNIT_CASE(test_region_direct),
	KUNIT_CASE(test_region_wraps),
	KUNIT_CASE(test_region_prot),
	KUNIT_CASE_SLOW(test_random_regions),
	KUNIT_CASE_SLOW(test_random_range_map),
	KUNIT_CASE(test_range_map_empty),
	KUNIT_CASE(test_direct_stays),
	KUNIT_CASE(test_out_of_memory),
	KUNIT_CASE(test_second_device_region),
	KUNIT_CASE(test_second_device_same_region),
	KUNIT_CASE(test_second_device_windows),
	KUNIT_CASE(test_second_device_conflict),
	KUNIT_CASE(test_second_device_waiting),
	KUNIT_CASE(test_other_group),
	KUNIT_CASE_PARAM(test_second_device_misfit, misfit_gen_params),
	{}
};

static struct kunit_suite resv_suite = {
	.name = "iommu_dma_resv",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = resv_cases,
};

kunit_test_suite(resv_suite);
