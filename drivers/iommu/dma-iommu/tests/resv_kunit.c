// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of reserved regions and windows, and of groups with several devices.
 */

#include <linux/dma-mapping.h>
#include <linux/pci.h>

#include "../private.h"
#include "mock.h"

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
	struct device *dev = mock_device(mock, .regions = { kept_free },
					 .nr_regions = 1);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, kept_free.first,
						kept_free.last), 0);
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
 * Test that regions that bad firmware has do no harm: one without bytes (V13),
 * ones of several types that overlap (M11), one that lies outside of the
 * aperture, one that reaches to the end of the address space.
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
	KUNIT_EXPECT_EQ(test, given.nr,
			(SZ_4M - SZ_128K - SZ_4K) / SZ_4K - 1);
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
 * the way of mappings; also at address 0 (M10).
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
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, kept_free.first,
						kept_free.last), 0);
	given = mock_give_all(mock, second);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, kept_free.first,
						kept_free.last), 0);
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
	struct device *second = mock_device(mock, .sibling = first,
					    .range_map = window);
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

/* Test that devices of different groups do not bind each other. */
static void test_other_group(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *bound = mock_device(mock, .regions = { kept_free },
					   .nr_regions = 1);
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

#ifdef CONFIG_PCI
static void free_bridge(void *data)
{
	pci_free_host_bridge(data);
}

static void add_window(struct list_head *list, struct resource *res,
		       resource_size_t first, resource_size_t last,
		       unsigned long flags, resource_size_t offset)
{
	*res = (struct resource){
		.start = first,
		.end = last,
		.flags = flags,
	};
	pci_add_resource_offset(list, res, offset);
}

/*
 * Test that a device behind a PCI host bridge is given no IOVA that the bridge
 * claims for memory of its own, and none outside of the bridge's DMA windows,
 * which come unsorted (V14), start at 0 and may be empty (V13); that offsets
 * are taken into account; and that windows for port I/O take nothing away
 * (V16).
 */
static void test_pci_bridge(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct pci_host_bridge *bridge;
	struct mock_given given;
	struct resource res[6];
	struct pci_dev *pdev;
	struct pci_bus *bus;
	int ret;

	bridge = pci_alloc_host_bridge(0);
	KUNIT_ASSERT_NOT_NULL(test, bridge);
	ret = kunit_add_action_or_reset(test, free_bridge, bridge);
	KUNIT_ASSERT_EQ(test, ret, 0);
	add_window(&bridge->windows, &res[0], SZ_16M + SZ_1M,
		   SZ_16M + SZ_1M + SZ_64K - 1, IORESOURCE_MEM, SZ_16M);
	add_window(&bridge->windows, &res[1], 0, SZ_64K - 1, IORESOURCE_IO, 0);
	add_window(&bridge->windows, &res[2], SZ_512K, SZ_512K - 1,
		   IORESOURCE_MEM, 0);
	add_window(&bridge->dma_ranges, &res[3], SZ_2M, SZ_2M + SZ_256K - 1,
		   IORESOURCE_MEM, 0);
	add_window(&bridge->dma_ranges, &res[4], 0, SZ_1M + SZ_128K - 1,
		   IORESOURCE_MEM, 0);
	add_window(&bridge->dma_ranges, &res[5], SZ_2M, SZ_2M - 1,
		   IORESOURCE_MEM, 0);

	bus = kunit_kzalloc(test, sizeof(*bus), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bus);
	pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	bus->bridge = &bridge->dev;
	pdev->bus = bus;
	pdev->dev.bus = &pci_bus_type;
	pdev->dev.iommu = dev->iommu;
	pdev->dev.iommu_group = dev->iommu_group;
	dev_set_drvdata(&pdev->dev, dev_get_drvdata(dev));

	KUNIT_ASSERT_EQ(test, iommu_dma_resv_reserve(domain, &pdev->dev), 0);
	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, given.lowest, SZ_4K);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, SZ_1M,
						SZ_1M + SZ_64K - 1), 0);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_1M + SZ_64K + SZ_256K) / SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, given.highest, SZ_2M + SZ_256K - SZ_4K);
}
#else
static void test_pci_bridge(struct kunit *test)
{
	kunit_skip(test, "no PCI");
}
#endif

static struct kunit_case resv_cases[] = {
	KUNIT_CASE(test_region),
	KUNIT_CASE(test_region_unaligned),
	KUNIT_CASE(test_region_odd),
	KUNIT_CASE(test_region_sw_msi),
	KUNIT_CASE(test_region_direct),
	KUNIT_CASE(test_second_device_region),
	KUNIT_CASE(test_second_device_same_region),
	KUNIT_CASE(test_second_device_windows),
	KUNIT_CASE(test_second_device_conflict),
	KUNIT_CASE(test_other_group),
	KUNIT_CASE_PARAM(test_second_device_misfit, misfit_gen_params),
	KUNIT_CASE(test_pci_bridge),
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
