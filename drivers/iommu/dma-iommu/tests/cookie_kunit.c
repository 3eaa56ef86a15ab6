// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the cookies of a domain.
 */

#include "../../dma-iommu.h"
#include "../private.h"
#include "mock.h"

/* A domain without a cookie */
static struct iommu_domain *bare_domain(struct kunit *test)
{
	struct mock *mock = test->priv;

	return mock_unmanaged_domain(mock, mock_device(mock));
}

/*
 * Test that a cookie which no device ever used can be had, put back, and had
 * again. Guards against "iommu/dma: Don't put uninitialised IOVA domains" [M5].
 */
static void test_get_and_put(struct kunit *test)
{
	struct iommu_domain *domain = bare_domain(test);

	for (int i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, iommu_get_dma_cookie(domain), 0);
		KUNIT_EXPECT_EQ(test, domain->cookie_type,
				IOMMU_COOKIE_DMA_IOVA);
		KUNIT_ASSERT_NOT_NULL(test, domain->iova_cookie);
		KUNIT_EXPECT_EQ(test, domain->iova_cookie->space.granule, 0);

		iommu_put_dma_cookie(domain);
		KUNIT_EXPECT_EQ(test, domain->cookie_type, IOMMU_COOKIE_NONE);
		KUNIT_EXPECT_NULL(test, domain->iova_cookie);
	}
}

/* Test that a second cookie is refused, and that the first one stays. */
static void test_second_get(struct kunit *test)
{
	struct iommu_domain *domain = bare_domain(test);
	struct iommu_dma_cookie *cookie;

	KUNIT_ASSERT_EQ(test, iommu_get_dma_cookie(domain), 0);
	cookie = domain->iova_cookie;

	KUNIT_EXPECT_EQ(test, iommu_get_dma_cookie(domain), -EEXIST);
	KUNIT_EXPECT_EQ(test, iommu_get_msi_cookie(domain, SZ_1M), -EEXIST);
	KUNIT_EXPECT_PTR_EQ(test, domain->iova_cookie, cookie);
	KUNIT_EXPECT_EQ(test, domain->cookie_type, IOMMU_COOKIE_DMA_IOVA);
}

/* Test that a domain with a cookie for MSIs gets no other one. */
static void test_get_after_msi_cookie(struct kunit *test)
{
	struct iommu_domain *domain = bare_domain(test);
	struct iommu_dma_msi_cookie *cookie;

	KUNIT_ASSERT_EQ(test, iommu_get_msi_cookie(domain, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, domain->cookie_type, IOMMU_COOKIE_DMA_MSI);
	cookie = domain->msi_cookie;
	KUNIT_ASSERT_NOT_NULL(test, cookie);

	KUNIT_EXPECT_EQ(test, iommu_get_dma_cookie(domain), -EEXIST);
	KUNIT_EXPECT_EQ(test, iommu_get_msi_cookie(domain, SZ_1M), -EEXIST);
	KUNIT_EXPECT_PTR_EQ(test, domain->msi_cookie, cookie);

	iommu_put_msi_cookie(domain);
	KUNIT_EXPECT_EQ(test, domain->cookie_type, IOMMU_COOKIE_NONE);
}

/* Test that IOVA 0 is as good a place for doorbells as any. */
static void test_msi_cookie_at_zero(struct kunit *test)
{
	struct iommu_domain *domain = bare_domain(test);

	KUNIT_EXPECT_EQ(test, iommu_get_msi_cookie(domain, 0), 0);
	KUNIT_EXPECT_EQ(test, domain->cookie_type, IOMMU_COOKIE_DMA_MSI);
}

/* Test that only unmanaged domains get a cookie for MSIs. */
static void test_msi_cookie_needs_unmanaged(struct kunit *test)
{
	static const unsigned int types[] = {
		IOMMU_DOMAIN_DMA,
		IOMMU_DOMAIN_DMA_FQ,
		IOMMU_DOMAIN_IDENTITY,
		IOMMU_DOMAIN_BLOCKED,
	};

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		struct iommu_domain domain = { .type = types[i] };

		KUNIT_EXPECT_EQ(test, iommu_get_msi_cookie(&domain, SZ_1M),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, domain.cookie_type, IOMMU_COOKIE_NONE);
	}
}

/*
 * Test that a default domain has its cookie already, with one space for all
 * devices of its group.
 */
static void test_default_domain(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct device *second = mock_device(mock, .sibling = dev);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	KUNIT_EXPECT_EQ(test, domain->cookie_type, IOMMU_COOKIE_DMA_IOVA);
	KUNIT_EXPECT_EQ(test, iommu_get_dma_cookie(domain), -EEXIST);
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(second), domain);
	KUNIT_EXPECT_TRUE(test, dev_dma_iommu(dev));
	KUNIT_EXPECT_TRUE(test, dev_dma_iommu(second));
}

/*
 * Test that a domain which finds no memory for a cookie has none, and can get one
 * later.
 */
static void test_out_of_memory(struct kunit *test)
{
	struct iommu_domain *domain = bare_domain(test);
	int ret;

	mock_fail_start(test);
	mock_fail_nth(1);
	ret = iommu_get_dma_cookie(domain);
	mock_fail_nth(0);
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_EQ(test, domain->cookie_type, IOMMU_COOKIE_NONE);

	mock_fail_nth(1);
	ret = iommu_get_msi_cookie(domain, SZ_1M);
	mock_fail_nth(0);
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	KUNIT_EXPECT_EQ(test, domain->cookie_type, IOMMU_COOKIE_NONE);

	KUNIT_EXPECT_EQ(test, iommu_get_dma_cookie(domain), 0);
}

/*
 * Test that the cookie goes with the domain when the last device of a group
 * does, that the device is none of this layer's any more even if somebody still
 * has it, and that a new device starts anew. Guards against what 280e5a301005
 * mended [M6].
 */
static void test_device_comes_and_goes(struct kunit *test)
{
	struct mock *mock = test->priv;

	for (int i = 0; i < 3; i++) {
		struct device *dev = mock_device(mock);

		KUNIT_EXPECT_TRUE(test, dev_dma_iommu(dev));
		get_device(dev);
		mock_device_remove(mock, dev);
		KUNIT_EXPECT_FALSE(test, dev_dma_iommu(dev));
		KUNIT_EXPECT_TRUE(test, list_empty(&mock->domains));
		put_device(dev);
	}
}

static struct kunit_case cookie_cases[] = {
	KUNIT_CASE(test_get_and_put),
	KUNIT_CASE(test_second_get),
	KUNIT_CASE(test_get_after_msi_cookie),
	KUNIT_CASE(test_msi_cookie_at_zero),
	KUNIT_CASE(test_msi_cookie_needs_unmanaged),
	KUNIT_CASE(test_default_domain),
	KUNIT_CASE(test_out_of_memory),
	KUNIT_CASE(test_device_comes_and_goes),
	{}
};

static struct kunit_suite cookie_suite = {
	.name = "iommu_dma_cookie",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = cookie_cases,
};

kunit_test_suite(cookie_suite);
