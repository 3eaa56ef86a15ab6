// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what decides if a device comes to this layer at all: parameters of the
 * kernel, its IOMMU driver, and user space, which may change its mind.
 */

#include <linux/dma-mapping.h>

#include "../../dma-iommu.h"
#include "../private.h"
#include "mock.h"
#include "sysfs.h"

/*
 * Check who maps for a device: this layer, in a domain of the DMA API; or nobody,
 * so that it sees memory where it is.
 */
static void expect_layer(struct device *dev, void *memory, bool ours)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct mock *mock = mock_of(dev);
	struct kunit *test = mock->test;
	dma_addr_t iova;

	KUNIT_EXPECT_EQ(test, dev_dma_iommu(dev), ours);
	KUNIT_EXPECT_EQ(test, iommu_is_dma_domain(domain), ours);
	KUNIT_EXPECT_EQ(test, domain->cookie_type == IOMMU_COOKIE_DMA_IOVA,
			ours);

	mock_forget(mock);
	iova = dma_map_single(dev, memory, SZ_4K, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_MAP], ours);
	if (!ours)
		KUNIT_EXPECT_EQ(test, iova, virt_to_phys(memory));
	else
		KUNIT_EXPECT_TRUE(test, mock_lookup(domain, iova, NULL, NULL));
	dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_UNMAP], ours);
}

/* Test that this layer steps aside where the IOMMU does not translate. */
static void test_identity(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev;

	mock->identity = true;
	dev = mock_device(mock);
	expect_layer(dev, mock_buffer(test, SZ_4K), false);
	KUNIT_EXPECT_EQ(test, dma_get_merge_boundary(dev), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&mock->domains));
}

static void translate(void *unused)
{
	iommu_set_default_translated(false);
}

/*
 * Test that the kernel's default decides where the driver does not, and that
 * iommu.passthrough, by the function behind it, changes it for devices to come and
 * not for those that are there.
 */
static void test_default(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);
	struct iommu_domain *domain;
	struct device *first;

	mock->undecided = true;
	first = mock_device(mock);
	domain = iommu_get_domain_for_dev(first);
	expect_layer(first, memory, !iommu_default_passthrough());
	if (domain->type != IOMMU_DOMAIN_DMA)
		kunit_skip(test, "cannot restore a default that is not DMA");

	iommu_set_default_passthrough(false);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, translate, NULL),
			0);
	expect_layer(mock_device(mock), memory, false);
	expect_layer(mock_device(mock, .sibling = first), memory, true);
	expect_layer(first, memory, true);

	kunit_release_action(test, translate, NULL);
	expect_layer(mock_device(mock), memory, true);
}

/*
 * Test that user space can take a device out of this layer and back; and that a
 * region which firmware uses, at address 0, is always mapped when the device is
 * attached, and never handed out. Guards against what 280e5a301005 [M6] and
 * 0a4d00e2e99a [M10] mended, and "iommu: Set group default domain before creating
 * direct mappings" [M17].
 */
static void test_type(struct kunit *test)
{
	static const struct mock_traits traits = {
		.regions = {
			{ .first = 0, .last = SZ_16K - 1,
			  .type = IOMMU_RESV_DIRECT },
		},
		.nr_regions = 1,
	};
	struct vfsmount *sysfs = mount_sysfs(test);
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);
	struct device *dev;

	mock->undecided = true;
	mock->direct = SZ_16K;
	dev = mock_device_like(mock, &traits);
	KUNIT_ASSERT_EQ(test, set_type(test, sysfs, dev, "DMA"), 0);
	expect_layer(dev, memory, true);

	for (int i = 0; i < 3; i++) {
		struct mock_given given;

		KUNIT_EXPECT_EQ(test, set_type(test, sysfs, dev, "identity"),
				0);
		expect_layer(dev, memory, false);
		KUNIT_EXPECT_TRUE(test, list_empty(&mock->domains));

		KUNIT_EXPECT_EQ(test, set_type(test, sysfs, dev, "DMA"), 0);
		expect_layer(dev, memory, true);
		KUNIT_EXPECT_EQ(test, mock_left_behind(mock), SZ_16K);
		given = mock_give_all(mock, dev);
		KUNIT_EXPECT_EQ(test, given.lowest, SZ_16K);
		KUNIT_EXPECT_EQ(test, given.nr, (SZ_4M - SZ_16K) / SZ_4K);
	}

	KUNIT_EXPECT_EQ(test, set_type(test, sysfs, dev, "nonsense"), -EINVAL);
	expect_layer(dev, memory, true);
}

/*
 * Test that a domain which is asked to be lazy is that from then on, while it is in
 * use, and that what was mapped before stays; and that the device gets a strict one
 * when that is asked for.
 */
static void test_type_lazy(struct kunit *test)
{
	struct vfsmount *sysfs = mount_sysfs(test);
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);
	struct iommu_domain *domain;
	struct device *dev;
	dma_addr_t iova;

	mock->undecided = true;
	dev = mock_device(mock);
	KUNIT_ASSERT_EQ(test, set_type(test, sysfs, dev, "DMA"), 0);
	domain = iommu_get_domain_for_dev(dev);

	iova = dma_map_single(dev, memory, SZ_4K, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_EQ(test, set_type(test, sysfs, dev, "DMA-FQ"), 0);
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(dev), domain);
	KUNIT_EXPECT_EQ(test, domain->type, IOMMU_DOMAIN_DMA_FQ);
	KUNIT_EXPECT_TRUE(test, mock_lookup(domain, iova, NULL, NULL));
	mock_forget(mock);
	dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
	KUNIT_EXPECT_STREQ(test, mock->history, "u");
	expect_layer(dev, memory, true);

	KUNIT_EXPECT_EQ(test, set_type(test, sysfs, dev, "DMA"), 0);
	domain = iommu_get_domain_for_dev(dev);
	KUNIT_EXPECT_EQ(test, domain->type, IOMMU_DOMAIN_DMA);
	expect_layer(dev, memory, true);
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");
}

/*
 * Test that user space cannot make the domain of an untrusted device lazy [G6], and
 * that the device is none the worse for it.
 */
static void test_type_untrusted(struct kunit *test)
{
	struct vfsmount *sysfs = mount_sysfs(test);
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);
	struct iommu_domain *domain;
	struct device *dev;

	mock->undecided = true;
	dev = mock_device(mock);
	KUNIT_ASSERT_EQ(test, set_type(test, sysfs, dev, "DMA"), 0);
	domain = iommu_get_domain_for_dev(dev);
	dev->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	iommu_setup_dma_ops(dev, domain);

	KUNIT_EXPECT_EQ(test, set_type(test, sysfs, dev, "DMA-FQ"), -EPERM);
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(dev), domain);
	KUNIT_EXPECT_EQ(test, domain->type, IOMMU_DOMAIN_DMA);
	KUNIT_EXPECT_FALSE(test, domain->iova_cookie->lazy.made);
	expect_layer(dev, memory, true);
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");
}

static struct kunit_case switch_cases[] = {
	KUNIT_CASE(test_identity),
	KUNIT_CASE(test_default),
	KUNIT_CASE(test_type),
	KUNIT_CASE(test_type_lazy),
	KUNIT_CASE(test_type_untrusted),
	{}
};

static struct kunit_suite switch_suite = {
	.name = "iommu_dma_switch",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = switch_cases,
};

kunit_test_suite(switch_suite);
