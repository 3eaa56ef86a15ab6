// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every failure point of setting domains and devices up.
 */

#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>

#include "../../dma-iommu.h"
#include "../private.h"
#include "mock.h"
#include "space_check.h"
#include "sweep.h"

/* Nothing has that many allocations */
#define MANY 500

static void free_domain(void *domain)
{
	iommu_domain_free(domain);
}

static struct iommu_domain *new_domain(struct kunit *test, struct device *dev)
{
	struct iommu_domain *domain = iommu_paging_domain_alloc(dev);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, free_domain, domain),
			0);
	return domain;
}

/*
 * Test that a domain which finds no memory for its cookie has none, says so, and can be
 * given one later; of either kind.
 */
static void test_cookie(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);

	mock_fail_start(test);
	for (int msi = 0; msi < 2; msi++) {
		struct iommu_domain *domain = new_domain(test, dev);
		unsigned int nth = 0;
		int ret;

		do {
			mock_fail_nth(++nth);
			ret = msi ? iommu_get_msi_cookie(domain, SZ_1M) :
				    iommu_get_dma_cookie(domain);
			mock_fail_nth(0);
			if (!ret)
				break;
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			KUNIT_EXPECT_EQ(test, domain->cookie_type,
					IOMMU_COOKIE_NONE);
		} while (nth < MANY);
		KUNIT_EXPECT_GE(test, nth, 2);
		KUNIT_EXPECT_EQ(test, domain->cookie_type,
				msi ? IOMMU_COOKIE_DMA_MSI :
				      IOMMU_COOKIE_DMA_IOVA);
		kunit_release_action(test, free_domain, domain);
	}
}

/**
 * struct set_up_case - A device that is set up
 * @name: what it is
 * @lazy: its domain is to be
 * @shadow: with one queue
 * @regions: firmware and bus keep some of it from it
 * @refusals: how often it is refused at least
 * @strict: how often its domain is strict for want of memory at least
 */
struct set_up_case {
	const char *name;
	bool lazy;
	bool shadow;
	bool regions;
	unsigned int refusals;
	unsigned int strict;
};

static const struct set_up_case set_up_cases[] = {
	{ "strict", .refusals = 4 },
	{ "lazy", .lazy = true, .refusals = 4, .strict = 2 },
	{ "lazy, one queue", .lazy = true, .shadow = true, .refusals = 4,
	  .strict = 2 },
	{ "regions and windows", .regions = true, .refusals = 6 },
};

KUNIT_ARRAY_PARAM_DESC(set_up, set_up_cases, name);

static const struct bus_dma_region windows[] = {
	{ .dma_start = SZ_1M, .size = SZ_64M },
	{ .dma_start = SZ_4G, .size = SZ_64M },
	{}
};

static const struct mock_traits kept_from = {
	.range_map = windows,
	.regions = {
		{ .first = SZ_2M, .last = SZ_2M + SZ_64K - 1,
		  .type = IOMMU_RESV_RESERVED },
		{ .first = SZ_4M, .last = SZ_4M + SZ_64K - 1,
		  .type = IOMMU_RESV_MSI },
	},
	.nr_regions = 2,
};

/* What a space has, less what is reserved of it */
static u64 free_in(struct kunit *test, struct iommu_domain *domain)
{
	struct iommu_dma_census census = {};
	const char *complaint;

	complaint = iommu_dma_space_check(&domain->iova_cookie->space, &census);
	KUNIT_EXPECT_STREQ(test, complaint ?: "", "");
	KUNIT_EXPECT_EQ(test, census.used, 0);
	return census.free;
}

/*
 * Test that a device is set up, if need be for a strict domain, or refused: then no
 * mapping of it succeeds, and once there is memory it is set up with the same space as
 * if nothing had happened.
 */
static void test_set_up(struct kunit *test)
{
	const struct set_up_case *param = test->param_value;
	unsigned int nth = 0, left, refusals = 0, strict = 0;
	struct mock *mock = test->priv;
	struct mock_traits traits = {};
	struct device *dev;
	u64 room = 0;

	mock->shadow = param->shadow;
	/* There is something in both zones */
	mock->last = 2ULL * SZ_4G - 1;
	if (param->regions)
		traits = kept_from;
	dev = mock_device_like(mock, &traits);
	room = free_in(test, iommu_get_domain_for_dev(dev));
	mock_fail_start(test);
	do {
		struct iommu_domain *domain = new_domain(test, dev);

		domain->type = param->lazy ? IOMMU_DOMAIN_DMA_FQ :
					     IOMMU_DOMAIN_DMA;
		KUNIT_ASSERT_EQ(test, iommu_get_dma_cookie(domain), 0);
		mock_fail_nth(++nth);
		iommu_setup_dma_ops(dev, domain);
		left = mock_fail_nth(0);
		if (iommu_dma_dev_refused(dev)) {
			KUNIT_EXPECT_EQ(test, left, 0);
			KUNIT_EXPECT_TRUE(test, mock_refused(test, dev));
			refusals++;
			iommu_setup_dma_ops(dev, domain);
		}
		KUNIT_EXPECT_FALSE(test, iommu_dma_dev_refused(dev));
		KUNIT_EXPECT_EQ(test, free_in(test, domain), room);
		KUNIT_EXPECT_EQ(test, domain->type == IOMMU_DOMAIN_DMA_FQ,
				!!domain->iova_cookie->lazy.made);
		if (param->lazy && domain->type != IOMMU_DOMAIN_DMA_FQ) {
			KUNIT_EXPECT_EQ(test, left, 0);
			strict++;
		}
		kunit_release_action(test, free_domain, domain);
	} while (!left && nth < MANY);

	iommu_setup_dma_ops(dev, iommu_get_domain_for_dev(dev));
	kunit_info(test, "%u of %u refused, %u strict\n", refusals, nth - 1,
		   strict);
	KUNIT_EXPECT_LT(test, nth, MANY);
	KUNIT_EXPECT_GE(test, refusals, param->refusals);
	KUNIT_EXPECT_GE(test, strict, param->strict);
	if (!param->strict)
		KUNIT_EXPECT_EQ(test, strict, 0);
}

/*
 * Test that a domain which finds no memory to become lazy while it is in use says so and
 * stays strict, and what is mapped stays mapped.
 */
static void test_init_fq(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);

	mock_fail_start(test);
	for (int single = 0; single < 2; single++) {
		unsigned int nth = 0, left, refusals = 0;

		mock->shadow = single;
		do {
			struct device *dev = mock_device(mock);
			struct iommu_domain *domain =
				iommu_get_domain_for_dev(dev);
			dma_addr_t iova;
			int ret;

			iova = dma_map_single(dev, memory, SZ_4K,
					      DMA_TO_DEVICE);
			KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
			mock_fail_nth(++nth);
			ret = iommu_dma_init_fq(domain);
			left = mock_fail_nth(0);
			KUNIT_EXPECT_TRUE(test, mock_lookup(domain, iova, NULL,
							    NULL));
			mock_forget(mock);
			dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
			KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], !!ret);
			KUNIT_EXPECT_EQ(test, !ret,
					!!domain->iova_cookie->lazy.made);
			KUNIT_EXPECT_EQ(test, !ret,
					!!domain->iova_cookie->lazy.flush);
			if (ret) {
				KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
				KUNIT_EXPECT_EQ(test, left, 0);
				refusals++;
			}
			mock_device_remove(mock, dev);
		} while (!left && nth < MANY);
		KUNIT_EXPECT_LT(test, nth, MANY);
		KUNIT_EXPECT_GE(test, refusals, 2);
	}
}

static void expect_mapping(struct kunit *test, struct device *dev, void *memory)
{
	dma_addr_t iova = dma_map_single(dev, memory, SZ_4K, DMA_TO_DEVICE);

	KUNIT_EXPECT_TRUE(test, dev_dma_iommu(dev));
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_TRUE(test, mock_lookup(iommu_get_domain_for_dev(dev), iova,
					    NULL, NULL));
	dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
}

/**
 * struct add_case - A device is added and something fails
 * @name: what
 * @fault: the same
 * @for_good: all that come after it fail, too
 * @hits: how often something fails at least
 * @without: how often the device is not added, or has no group, at least
 * @refused: how often the layer refuses it at least
 */
struct add_case {
	const char *name;
	enum sweep_fault fault;
	bool for_good;
	unsigned int hits;
	unsigned int without;
	unsigned int refused;
};

/* What firmware wants mapped is tried once more when the device is attached */
static const struct add_case add_cases[] = {
	{ "allocation", SWEEP_ALLOC, .hits = 50, .without = 10, .refused = 8 },
	{ "map call", SWEEP_MAP, .hits = 8 },
	{ "map calls", SWEEP_MAP, .for_good = true, .hits = 8, .without = 8 },
	{ "iotlb_sync_map call", SWEEP_SYNC_MAP, .hits = 2 },
	{ "iotlb_sync_map calls", SWEEP_SYNC_MAP, .for_good = true, .hits = 2,
	  .without = 2 },
	{ "attachment", SWEEP_ATTACH, .hits = 2, .without = 2 },
};

KUNIT_ARRAY_PARAM_DESC(add, add_cases, name);

static const struct mock_traits wanted_mapped = {
	.regions = {
		{ .first = SZ_2M, .last = SZ_2M + SZ_16K - 1,
		  .type = IOMMU_RESV_DIRECT },
	},
	.nr_regions = 1,
};

static const struct mock_traits *add_traits(const struct add_case *param)
{
	return param->fault == SWEEP_ALLOC ? &kept_from : &wanted_mapped;
}

static struct device *add_failing(struct kunit *test, unsigned int nth,
				  bool *hit)
{
	const struct add_case *param = test->param_value;
	struct mock *mock = test->priv;
	struct mock_fault *fault = &mock->fault;
	unsigned int warnings = 0, alloc_nth = 0;
	struct device *dev;

	*fault = (struct mock_fault){
		.map_error = -EINVAL,
		.sync_map_error = -EINVAL,
		.for_good = param->for_good,
	};
	if (param->fault == SWEEP_ALLOC)
		alloc_nth = nth;
	else if (param->fault == SWEEP_MAP)
		fault->map_nth = nth;
	else if (param->fault == SWEEP_SYNC_MAP)
		fault->sync_map_nth = nth;
	else if (nth == 1)
		fault->attach_error = -EINVAL;

	kunit_warning_suppress(test) {
		dev = mock_device_failing(mock, add_traits(param), alloc_nth,
					  hit);
		warnings = KUNIT_SUPPRESSED_WARNING_COUNT();
	}
	/* The core expects of a driver that the first domain can be attached */
	KUNIT_EXPECT_EQ(test, warnings, !!fault->attach_error);
	*fault = (struct mock_fault){};
	/* It attaches a device without what should be mapped, if that failed */
	if (*hit && strstr(mock->complaint, "without its direct region"))
		mock->violations = 0;
	mock->complaint[0] = '\0';
	return dev;
}

/* Expect that a device has what firmware wants it to have */
static void expect_wanted(struct kunit *test, struct device *dev,
			  const struct mock_traits *traits)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	for (unsigned int i = 0; i < traits->nr_regions; i++) {
		const struct mock_region *region = &traits->regions[i];
		phys_addr_t phys;

		if (region->type != IOMMU_RESV_DIRECT)
			continue;
		for (u64 at = region->first; at < region->last; at += SZ_4K) {
			KUNIT_EXPECT_TRUE(test,
					  mock_lookup(domain, at, &phys, NULL));
			KUNIT_EXPECT_EQ(test, phys, at);
		}
	}
}

/*
 * Test that a device which is added while something fails, be it an allocation of the
 * driver core, the IOMMU core or the layer, a call of the IOMMU driver or the attachment
 * to its domain, either maps in its domain, and has there what firmware wants mapped, or
 * is not of this layer's, or is refused, and that no domain outlives it.
 */
static void test_add(struct kunit *test)
{
	const struct add_case *param = test->param_value;
	unsigned int nth = 0, hits = 0, without = 0, refused = 0;
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);
	struct device *dev;
	bool hit;

	mock->last = 2ULL * SZ_4G - 1;
	mock->chunk = 1;
	if (param->fault == SWEEP_ALLOC)
		mock_fail_start(test);
	for (int lazy = 0; lazy < 2; lazy++) {
		mock->lazy = lazy;
		nth = 0;
		do {
			dev = add_failing(test, ++nth, &hit);
			hits += hit;
			if (!dev || !dev->iommu_group) {
				KUNIT_EXPECT_TRUE(test, hit);
				without++;
				if (dev)
					KUNIT_EXPECT_FALSE(test,
							   dev_dma_iommu(dev));
			} else if (iommu_dma_dev_refused(dev)) {
				KUNIT_EXPECT_TRUE(test, hit);
				KUNIT_EXPECT_TRUE(test,
						  mock_refused(test, dev));
				refused++;
			} else {
				expect_mapping(test, dev, memory);
				expect_wanted(test, dev, add_traits(param));
			}
			if (dev)
				mock_device_remove(mock, dev);
			KUNIT_EXPECT_TRUE(test, list_empty(&mock->domains));
		} while (hit && nth < MANY);
		KUNIT_EXPECT_LT(test, nth, MANY);
	}
	kunit_info(test, "%u failures, %u not added, %u refused\n", hits,
		   without, refused);
	KUNIT_EXPECT_GE(test, hits, param->hits);
	KUNIT_EXPECT_GE(test, without, param->without);
	KUNIT_EXPECT_GE(test, refused, param->refused);
	if (!param->without)
		KUNIT_EXPECT_EQ(test, without, 0);
	if (!param->refused)
		KUNIT_EXPECT_EQ(test, refused, 0);
}

static struct kunit_case setup_cases[] = {
	KUNIT_CASE(test_cookie),
	KUNIT_CASE_PARAM(test_set_up, set_up_gen_params),
	KUNIT_CASE(test_init_fq),
	KUNIT_CASE_PARAM(test_add, add_gen_params),
	{}
};

static struct kunit_suite setup_suite = {
	.name = "iommu_dma_sweep_setup",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = setup_cases,
};

kunit_test_suite(setup_suite);
