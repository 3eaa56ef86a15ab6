// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of PCI devices: the windows of their host bridges, which addresses they
 * prefer, and whether they are trusted.
 *
 * The PCI device of a test stands for one of the mock's: it has the same IOMMU
 * group, and the same data.
 */

#include <linux/dma-iommu.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/pci.h>
#include <linux/prandom.h>

#include "../../dma-iommu.h"
#include "../private.h"
#include "mock.h"
#include "seed.h"

static unsigned int pci_seed;
module_param(pci_seed, uint, 0444);
MODULE_PARM_DESC(pci_seed, "Seed of random tests; 0 for a new one");

static void free_bridge(void *data)
{
	pci_free_host_bridge(data);
}

/* A PCI device, below a host bridge without windows */
static struct pci_dev *new_pdev(struct kunit *test, struct device *dev)
{
	struct pci_host_bridge *bridge = pci_alloc_host_bridge(0);
	struct pci_dev *pdev;
	struct pci_bus *bus;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, bridge);
	ret = kunit_add_action_or_reset(test, free_bridge, bridge);
	KUNIT_ASSERT_EQ(test, ret, 0);
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
	return pdev;
}

/* @first and @last are what the CPU uses; the bus has them @offset lower */
static void add_window(struct kunit *test, struct list_head *list,
		       resource_size_t first, resource_size_t last,
		       unsigned long flags, resource_size_t offset)
{
	struct resource *res = kunit_kzalloc(test, sizeof(*res), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, res);
	res->start = first;
	res->end = last;
	res->flags = flags;
	pci_add_resource_offset(list, res, offset);
}

/*
 * Test that a device behind a PCI host bridge is given no IOVA that the bridge
 * claims for memory of its own, and none outside of the bridge's DMA windows,
 * which come unsorted, start at 0 and may be empty; that offsets are taken into
 * account; and that windows for port I/O take nothing away. Guards against what
 * bb57f6705960 [V13] and b8397a8f4ebc [V14] mended, and "iommu/dma: Don't
 * reserve PCI I/O windows" [V16].
 */
static void test_bridge(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct pci_dev *pdev = new_pdev(test, dev);
	struct pci_host_bridge *bridge = pci_find_host_bridge(pdev->bus);
	struct mock_given given;

	add_window(test, &bridge->windows, SZ_16M + SZ_1M,
		   SZ_16M + SZ_1M + SZ_64K - 1, IORESOURCE_MEM, SZ_16M);
	add_window(test, &bridge->windows, 0, SZ_64K - 1, IORESOURCE_IO, 0);
	add_window(test, &bridge->windows, SZ_512K, SZ_512K - 1, IORESOURCE_MEM,
		   0);
	add_window(test, &bridge->dma_ranges, SZ_2M, SZ_2M + SZ_256K - 1,
		   IORESOURCE_MEM, 0);
	add_window(test, &bridge->dma_ranges, 0, SZ_1M + SZ_128K - 1,
		   IORESOURCE_MEM, 0);
	add_window(test, &bridge->dma_ranges, SZ_2M, SZ_2M - 1, IORESOURCE_MEM,
		   0);

	KUNIT_ASSERT_EQ(test, iommu_dma_resv_reserve(domain, &pdev->dev), 0);
	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, given.lowest, SZ_4K);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, SZ_1M,
						SZ_1M + SZ_64K - 1), 0);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_1M + SZ_64K + SZ_256K) / SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, given.highest, SZ_2M + SZ_256K - SZ_4K);
}

static void add_ranges(struct kunit *test, struct list_head *list,
		       const struct mock_ranges *ranges, struct rnd_state *rnd)
{
	for (unsigned int i = 0; i < ranges->nr; i++) {
		u64 last = ranges->range[i].last;
		u64 offset = last == U64_MAX ? 0 : prandom_u32_state(rnd);

		add_window(test, list, ranges->range[i].first + offset,
			   last + offset, IORESOURCE_MEM, offset);
	}
}

/*
 * Test that for any windows, in any order, overlapping or not, up to the top of
 * all addresses or not, a device is given exactly what lies in the bridge's
 * windows for DMA and not in those for memory [V14].
 */
static void test_random_windows(struct kunit *test)
{
	struct mock *mock = test->priv;
	u32 seed = test_seed(test, pci_seed);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, seed);
	for (int i = 0; i < 50; i++) {
		struct device *dev = mock_device(mock);
		struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
		struct pci_dev *pdev = new_pdev(test, dev);
		struct pci_host_bridge *bridge =
			pci_find_host_bridge(pdev->bus);
		struct mock_ranges windows = {}, holes = {};
		unsigned int nr = prandom_u32_state(&rnd) % MOCK_REGIONS;
		struct mock_given given;

		while (windows.nr < nr)
			mock_add_any_range(&windows, &rnd);
		while (holes.nr < (i & 3))
			mock_add_any_range(&holes, &rnd);
		add_ranges(test, &bridge->windows, &holes, &rnd);
		add_ranges(test, &bridge->dma_ranges, &windows, &rnd);

		KUNIT_ASSERT_EQ(test,
				iommu_dma_resv_reserve(domain, &pdev->dev), 0);
		given = mock_give_all(mock, dev);
		mock_expect_given(mock, &given, nr ? &windows : NULL, &holes);
		mock_device_remove(mock, dev);
		if (test->status != KUNIT_SUCCESS) {
			kunit_err(test, "round %d of seed %u\n", i, seed);
			return;
		}
	}
}

/*
 * Test that a bridge which lets nothing through is not taken for one that lets
 * everything through.
 */
static void test_no_window(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct pci_dev *pdev = new_pdev(test, dev);
	struct pci_host_bridge *bridge = pci_find_host_bridge(pdev->bus);

	add_window(test, &bridge->dma_ranges, SZ_1M, SZ_1M - 1, IORESOURCE_MEM,
		   0);
	add_window(test, &bridge->dma_ranges, SZ_2M, SZ_2M - 1, IORESOURCE_MEM,
		   0);
	KUNIT_EXPECT_EQ(test, iommu_dma_resv_reserve(domain, &pdev->dev),
			-EINVAL);
}

static void restore_forcedac(void *forced)
{
	iommu_dma_forcedac = forced;
}

/*
 * Test that PCI devices are given addresses below 4 GiB while there are any,
 * unless iommu.forcedac is set; and that other devices never care.
 */
static void test_forcedac(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);
	struct iommu_domain *domain;
	struct device *dev;
	dma_addr_t iova;
	int ret;

	ret = kunit_add_action_or_reset(test, restore_forcedac,
					iommu_dma_forcedac ? test : NULL);
	KUNIT_ASSERT_EQ(test, ret, 0);
	mock->first = SZ_4G - SZ_1M;
	mock->last = SZ_4G + SZ_1M - 1;
	dev = mock_device(mock);
	domain = iommu_get_domain_for_dev(dev);

	for (int i = 0; i < 6; i++) {
		iommu_dma_forcedac = i & 1;
		if (i < 2)
			iommu_setup_dma_ops(dev, domain);
		else
			iommu_setup_dma_ops(&new_pdev(test, dev)->dev, domain);
		iova = dma_map_single(dev, memory, SZ_4K, DMA_TO_DEVICE);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
		KUNIT_EXPECT_EQ_MSG(test, iova < SZ_4G, i == 2 || i == 4,
				    "round %d", i);
		dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
	}
}

/* Test that nobody becomes trusted by clearing a flag [B15]. */
static void test_untrusted_is_latched(struct kunit *test)
{
	struct dev_iommu iommu = {};
	struct pci_dev *pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	pdev->dev.bus = &pci_bus_type;
	pdev->untrusted = true;

	/* The architecture also asks for devices that have no IOMMU, or not yet */
	iommu_dma_settle_device(&pdev->dev);

	pdev->dev.iommu = &iommu;
	dev_set_dma_iommu(&pdev->dev);
	pdev->untrusted = false;
	iommu_dma_settle_device(&pdev->dev);
	KUNIT_EXPECT_FALSE(test, iommu_dma_dev_untrusted(&pdev->dev));
	pdev->untrusted = true;
	iommu_dma_settle_device(&pdev->dev);
	KUNIT_EXPECT_TRUE(test, iommu_dma_dev_untrusted(&pdev->dev));
	pdev->untrusted = false;
	iommu_dma_settle_device(&pdev->dev);
	KUNIT_EXPECT_TRUE(test, iommu_dma_dev_untrusted(&pdev->dev));
}

static struct kunit_case pci_cases[] = {
	KUNIT_CASE(test_bridge),
	KUNIT_CASE_SLOW(test_random_windows),
	KUNIT_CASE(test_no_window),
	KUNIT_CASE(test_forcedac),
	KUNIT_CASE(test_untrusted_is_latched),
	{}
};

static struct kunit_suite pci_suite = {
	.name = "iommu_dma_pci",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = pci_cases,
};

kunit_test_suite(pci_suite);
