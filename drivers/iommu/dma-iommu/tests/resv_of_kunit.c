// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the regions that a device tree reserves, see dma_iommu_resv.dtso.
 */

#include <kunit/of.h>
#include <linux/of.h>
#include <linux/of_fdt.h>

#include "../private.h"
#include "mock.h"

static struct device_node *node_of(struct kunit *test, const char *name)
{
	struct device_node *node = of_find_node_by_path(name);

	KUNIT_ASSERT_NOT_NULL(test, node);
	of_node_put_kunit(test, node);
	return node;
}

static void check_direct(struct kunit *test, struct device *dev,
			 dma_addr_t first, size_t size, int prot)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	KUNIT_EXPECT_EQ(test, mock_live(domain), size);
	for (dma_addr_t iova = first; iova < first + size; iova += SZ_4K) {
		phys_addr_t phys = 0;
		int found = 0;

		mock_lookup(domain, iova, &phys, &found);
		KUNIT_EXPECT_EQ(test, phys, iova);
		KUNIT_EXPECT_EQ(test, found, prot);
	}
}

/*
 * Test that a device is not given what a device tree reserves in its address
 * space, be it mapped to itself, at another place or not at all; that memory which
 * it uses from the start is mapped for it, cached if it is coherent; and that
 * regions without bytes and those of other devices take nothing away. Guards
 * against what bb57f6705960 [V13] mended, and "iommu/of: map reserved memory as
 * cacheable if device is coherent" [M16].
 */
static void test_device_tree(struct kunit *test)
{
	const size_t kept = SZ_64K + SZ_16K + SZ_8K;
	struct mock *mock = test->priv;
	struct mock_given given;
	struct device *dev;

	KUNIT_ASSERT_EQ(test, of_overlay_apply_kunit(test, dma_iommu_resv), 0);
	dev = mock_device(mock,
			  .node = node_of(test, "/dma-iommu-resv/device"));
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	check_direct(test, dev, SZ_2M, SZ_16K,
		     IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE);

	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, SZ_1M,
						SZ_1M + SZ_64K - 1), 0);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, SZ_2M,
						SZ_2M + SZ_16K - 1), 0);
	KUNIT_EXPECT_EQ(test,
			mock_given_within(mock, &given, SZ_1M + SZ_512K,
					  SZ_1M + SZ_512K + SZ_8K - 1),
			0);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_4M - kept) / SZ_4K - 1);
	mock->direct = SZ_16K;
}

/*
 * Test that a region which two devices name is each one's own, and that memory
 * which is elsewhere than the device sees it is reserved, not mapped.
 */
static void test_other_device(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct mock_given given;
	struct device *dev;

	KUNIT_ASSERT_EQ(test, of_overlay_apply_kunit(test, dma_iommu_resv), 0);
	dev = mock_device(mock, .node = node_of(test, "/dma-iommu-resv/other"));
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	KUNIT_EXPECT_EQ(test, mock_live(iommu_get_domain_for_dev(dev)), 0);

	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test,
			mock_given_within(mock, &given, SZ_2M + SZ_1M,
					  SZ_2M + SZ_1M + SZ_64K - 1),
			0);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_4M - SZ_64K) / SZ_4K - 1);
}

static struct kunit_case resv_of_cases[] = {
	KUNIT_CASE(test_device_tree),
	KUNIT_CASE(test_other_device),
	{}
};

static struct kunit_suite resv_of_suite = {
	.name = "iommu_dma_resv_of",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = resv_of_cases,
};

kunit_test_suite(resv_of_suite);
