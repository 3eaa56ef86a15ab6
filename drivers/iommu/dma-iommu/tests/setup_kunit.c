// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the set-up of devices and domains: which IOVAs a device is given.
 *
 * Most of them ask for all that there is, one granule after the other, and look
 * at what they got.
 */

#include <linux/dma-map-ops.h>
#include <linux/delay.h>
#include <linux/dma-iommu.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../dma-iommu.h"
#include "../private.h"
#include "mock.h"

static void expect_given(struct mock *mock, const struct mock_given *given,
			 dma_addr_t first, dma_addr_t last)
{
	KUNIT_EXPECT_EQ(mock->test, given->lowest, first);
	KUNIT_EXPECT_EQ(mock->test, given->highest + mock_granule(mock) - 1,
			last);
}

/*
 * Test that a plain device is given all of the aperture but the first granule.
 */
static void test_aperture_from_zero(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	expect_given(mock, &given, SZ_4K, SZ_4M - 1);
	KUNIT_EXPECT_EQ(test, given.nr, SZ_4M / SZ_4K - 1);
}

/*
 * Test that an aperture is respected which does not start at 0, and whose ends are
 * no multiples of a granule. Guards against what c987ff0d3cb3 mended [V15].
 */
static void test_aperture_unaligned(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct mock_given given;
	struct device *dev;

	mock->first = SZ_1M + 1;
	mock->last = SZ_2M + 100;
	dev = mock_device(mock);
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	expect_given(mock, &given, SZ_1M + SZ_4K, SZ_2M - 1);
	KUNIT_EXPECT_EQ(test, given.nr, SZ_1M / SZ_4K - 1);
}

/* Test that the granule is the smallest page of the IOMMU [S1]. */
static void test_small_granule(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct mock_given given;
	struct device *dev;

	mock->pgsize_bitmap = SZ_1K | SZ_64K;
	mock->last = SZ_256K - 1;
	dev = mock_device(mock);
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	expect_given(mock, &given, SZ_1K, SZ_256K - 1);
}

/*
 * Test that an IOMMU with pages larger than those of the CPU is refused with a
 * message, and not with a panic [S10].
 */
static void test_granule_too_large(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev;

	mock->pgsize_bitmap = PAGE_SIZE * 4;
	dev = mock_device(mock);
	KUNIT_EXPECT_TRUE(test, mock_refused(test, dev));
}

/* Test that an aperture without a whole granule is refused. */
static void test_aperture_too_small(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev;

	mock->first = SZ_1M + 1;
	mock->last = SZ_1M + SZ_4K + 100;
	dev = mock_device(mock);
	KUNIT_EXPECT_TRUE(test, mock_refused(test, dev));
}

struct limit_case {
	const char *name;
	u64 dma_mask;
	u64 bus_limit;
	u64 last;
};

static const struct limit_case limit_cases[] = {
	{ "mask", DMA_BIT_MASK(21), 0, SZ_2M - 1 },
	{ "bus", 0, SZ_1M - 1, SZ_1M - 1 },
	{ "bus below mask", DMA_BIT_MASK(21), SZ_1M - 1, SZ_1M - 1 },
	{ "mask below bus", DMA_BIT_MASK(20), SZ_2M - 1, SZ_1M - 1 },
	{ "odd bus", 0, SZ_1M + 100, SZ_1M - 1 },
	{ "aperture", DMA_BIT_MASK(48), DMA_BIT_MASK(40), SZ_4M - 1 },
};

KUNIT_ARRAY_PARAM_DESC(limit, limit_cases, name);

/*
 * Test that no streaming mapping lies above what the device, its bus and the
 * IOMMU can address, whichever is least. Guards against what c987ff0d3cb3 mended
 * [V15].
 */
static void test_streaming_limit(struct kunit *test)
{
	const struct limit_case *limit = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .dma_mask = limit->dma_mask,
					 .coherent_mask = DMA_BIT_MASK(64),
					 .bus_limit = limit->bus_limit);
	struct mock_given given;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	expect_given(mock, &given, SZ_4K, limit->last);
}

/*
 * Test that buffers keep to the coherent mask and to the limit of the bus, and
 * not to the streaming mask.
 */
static void test_buffer_limit(struct kunit *test)
{
	const struct limit_case *limit = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .dma_mask = DMA_BIT_MASK(64),
					 .coherent_mask = limit->dma_mask,
					 .bus_limit = limit->bus_limit);
	dma_addr_t iova;
	void *buffer;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	buffer = dma_alloc_coherent(dev, SZ_16K, &iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_EXPECT_LE(test, iova + SZ_16K - 1, limit->last);
	dma_free_coherent(dev, SZ_16K, buffer, iova);
}

/*
 * Test that in a space which starts high up there is no room for what is larger,
 * nor for a device that cannot reach it, rather than some below its start. Guards
 * against what dcdb3ba7e2a8 mended [V2].
 */
static void test_aperture_high_up(struct kunit *test)
{
	const size_t size = 10 * SZ_1M;
	struct mock *mock = test->priv;
	struct device *dev, *narrow;
	dma_addr_t iova;

	mock->first = 0x1f0000000ULL;
	mock->last = mock->first + size - 1;
	dev = mock_device(mock);
	narrow =
		mock_device(mock, .sibling = dev, .dma_mask = DMA_BIT_MASK(32));

	for (int i = 0; i < 2; i++) {
		iova = dma_map_resource(dev, BIT_ULL(44), size + SZ_1M,
					DMA_TO_DEVICE, 0);
		KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, iova));
		iova = dma_map_resource(narrow, BIT_ULL(44), SZ_4K,
					DMA_TO_DEVICE, 0);
		KUNIT_EXPECT_TRUE(test, dma_mapping_error(narrow, iova));
		KUNIT_EXPECT_STREQ(test, mock->history, "");

		iova = dma_map_resource(dev, BIT_ULL(44), size, DMA_TO_DEVICE,
					0);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
		KUNIT_EXPECT_EQ(test, iova, mock->first);
		dma_unmap_resource(dev, iova, size, DMA_TO_DEVICE, 0);
		mock_forget(mock);
	}
}

/*
 * Test that a device with a small mask, whose reach is used up, takes nothing
 * from a device of the same group that sees more, and that what it failed to
 * get it can have later. Guards against "iommu/iova: Fix tracking of recently
 * failed iova address" [V4] and "iommu/iova: Improve 32-bit free space estimate"
 * [V7].
 */
static void test_small_mask_is_its_own(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *narrow = mock_device(mock, .dma_mask = DMA_BIT_MASK(14));
	struct device *wide = mock_device(mock, .sibling = narrow);
	void *memory = mock_buffer(test, SZ_4K);
	dma_addr_t iovas[3], iova, other;

	for (int i = 0; i < 3; i++) {
		iovas[i] = dma_map_single(narrow, memory, SZ_4K, DMA_TO_DEVICE);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(narrow, iovas[i]));
	}
	iova = dma_map_single(narrow, memory, SZ_4K, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, dma_mapping_error(narrow, iova));
	other = dma_map_single(wide, memory, SZ_4K, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, dma_mapping_error(wide, other));

	dma_unmap_single(narrow, iovas[1], SZ_4K, DMA_TO_DEVICE);
	iovas[1] = dma_map_single(narrow, memory, SZ_4K, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, dma_mapping_error(narrow, iovas[1]));

	dma_unmap_single(wide, other, SZ_4K, DMA_TO_DEVICE);
	for (int i = 0; i < 3; i++)
		dma_unmap_single(narrow, iovas[i], SZ_4K, DMA_TO_DEVICE);
}

/*
 * Test that a device whose windows all lie outside of the aperture is refused.
 */
static void test_range_map_outside(struct kunit *test)
{
	static const struct bus_dma_region above[] = {
		{ .dma_start = SZ_4M, .size = SZ_1M }, {}
	};
	static const struct bus_dma_region below[] = {
		{ .dma_start = 0, .size = SZ_1M }, {}
	};
	struct mock *mock = test->priv;
	struct device *dev;

	mock->first = SZ_2M;
	dev = mock_device(mock, .range_map = above);
	KUNIT_EXPECT_TRUE(test, mock_refused(test, dev));
	dev = mock_device(mock, .range_map = below);
	KUNIT_EXPECT_TRUE(test, mock_refused(test, dev));
}

/*
 * Test that a device gets IOVA in all of its windows and nowhere else, in
 * whatever order they are listed, and that one may start at 0. Guards against what
 * b8397a8f4ebc mended [V14].
 */
static void test_range_map_windows(struct kunit *test)
{
	static const struct bus_dma_region windows[] = {
		{ .dma_start = SZ_2M, .size = SZ_1M },
		{ .dma_start = 0, .size = SZ_64K },
		{ .dma_start = SZ_1M, .size = SZ_256K },
		{}
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .range_map = windows);
	struct mock_given given;
	size_t bytes = 0;

	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	given = mock_give_all(mock, dev);
	for (int i = 0; windows[i].size; i++)
		bytes += mock_given_within(mock, &given, windows[i].dma_start,
					   windows[i].dma_start +
						   windows[i].size - 1);
	KUNIT_EXPECT_EQ(test, bytes, SZ_64K - SZ_4K + SZ_256K + SZ_1M);
	KUNIT_EXPECT_EQ(test, bytes, given.nr * SZ_4K);
}

/*
 * Test that what a device reaches of its memory does not depend on how its
 * coherency was found out: it is settled again when the architecture knows.
 */
static void test_coherency_is_settled(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);

	KUNIT_EXPECT_TRUE(test, iommu_dma_dev_coherent(dev));
	KUNIT_EXPECT_FALSE(test, iommu_dma_dev_untrusted(dev));
	dev_assign_dma_coherent(dev, false);
	KUNIT_EXPECT_TRUE(test, iommu_dma_dev_coherent(dev));
	iommu_dma_settle_device(dev);
	KUNIT_EXPECT_EQ(test, iommu_dma_dev_coherent(dev),
			dev_is_dma_coherent(dev));
	dev_assign_dma_coherent(dev, true);
	iommu_dma_settle_device(dev);
	KUNIT_EXPECT_TRUE(test, iommu_dma_dev_coherent(dev));
}

/* Test that the table for other architectures leads to the entry points. */
static void test_table(struct kunit *test)
{
	const struct dma_map_ops *ops = &iommu_dma_ops;
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct page *page;
	dma_addr_t iova;
	void *buffer;

	buffer = ops->alloc(dev, 2 * PAGE_SIZE, &iova, GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 2 * PAGE_SIZE);
	ops->free(dev, 2 * PAGE_SIZE, buffer, iova, 0);

	page = ops->alloc_pages_op(dev, PAGE_SIZE, &iova, DMA_TO_DEVICE,
				   GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, mock_live(domain), PAGE_SIZE);
	ops->free_pages(dev, PAGE_SIZE, page, iova, DMA_TO_DEVICE);

	iova = ops->map_phys(dev, SZ_1G + 1, SZ_4K, DMA_FROM_DEVICE,
			     DMA_ATTR_MMIO);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_8K);
	ops->unmap_phys(dev, iova, SZ_4K, DMA_FROM_DEVICE, DMA_ATTR_MMIO);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);

	KUNIT_EXPECT_EQ(test, ops->get_merge_boundary(dev), SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, ops->max_mapping_size(dev), SIZE_MAX);
	KUNIT_EXPECT_GE(test, ops->opt_mapping_size(), PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, ops->map_sg && ops->unmap_sg);
	KUNIT_EXPECT_TRUE(test, ops->mmap && ops->get_sgtable);
	KUNIT_EXPECT_NOT_NULL(test, ops->sync_single_for_cpu);
	KUNIT_EXPECT_NOT_NULL(test, ops->sync_single_for_device);
	KUNIT_EXPECT_NOT_NULL(test, ops->sync_sg_for_cpu);
	KUNIT_EXPECT_NOT_NULL(test, ops->sync_sg_for_device);
}

/*
 * Test that a PCI device is given addresses below 4 GiB while there are any,
 * and then those above.
 */
static void test_prefer_32bit(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);
	dma_addr_t iovas[6];
	struct device *dev;

	mock->first = SZ_4G - 4 * SZ_4K;
	mock->last = SZ_4G + SZ_1M - 1;
	dev = mock_device(mock);
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));

	iovas[0] = dma_map_single(dev, memory, SZ_4K, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iovas[0]));
	KUNIT_EXPECT_GE(test, iovas[0], SZ_4G);
	dma_unmap_single(dev, iovas[0], SZ_4K, DMA_TO_DEVICE);

	dev->iommu->pci_32bit_workaround = true;
	for (int i = 0; i < 6; i++) {
		iovas[i] = dma_map_single(dev, memory, SZ_4K, DMA_TO_DEVICE);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iovas[i]));
		if (i < 4)
			KUNIT_EXPECT_LT(test, iovas[i], SZ_4G);
		else
			KUNIT_EXPECT_GE(test, iovas[i], SZ_4G);
	}
	for (int i = 0; i < 6; i++)
		dma_unmap_single(dev, iovas[i], SZ_4K, DMA_TO_DEVICE);
}

/**
 * struct joining - Devices that join a group at the same time
 * @mock: the mock
 * @first: a device of the group
 * @go: all of them may begin
 * @nr: how many are ready to
 * @dev: what became of each
 */
struct joining {
	struct mock *mock;
	struct device *first;
	bool go;
	atomic_t nr;
	struct device *dev[4];
};

static int join(void *data)
{
	struct joining *joining = data;
	unsigned int nr = atomic_inc_return(&joining->nr) - 1;

	while (!READ_ONCE(joining->go))
		cpu_relax();
	WRITE_ONCE(joining->dev[nr],
		   mock_device(joining->mock, .sibling = joining->first));
	while (!kthread_should_stop())
		usleep_range(1000, 2000);
	return 0;
}

/*
 * Test that devices which join a group at the same time share one space, and that each
 * can map. Guards against what "iommu/dma: Fix race condition during iova_domain
 * initialization" mended [M4].
 */
static void test_join_at_once(struct kunit *test)
{
	struct task_struct *tasks[ARRAY_SIZE(((struct joining *)0)->dev)];
	struct joining joining = { .mock = test->priv };
	void *memory = mock_buffer(test, SZ_4K);
	struct iommu_domain *domain;
	unsigned int i;

	joining.first = mock_device(joining.mock);
	domain = iommu_get_domain_for_dev(joining.first);
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		tasks[i] = kthread_run(join, &joining, "join/%u", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tasks[i]);
	}
	while (atomic_read(&joining.nr) < ARRAY_SIZE(tasks))
		usleep_range(100, 200);
	WRITE_ONCE(joining.go, true);
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		kthread_stop(tasks[i]);

	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		struct device *dev = joining.dev[i];
		dma_addr_t iova;

		KUNIT_ASSERT_NOT_NULL(test, dev);
		KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(dev),
				    domain);
		KUNIT_EXPECT_TRUE(test, dev_dma_iommu(dev));
		iova = dma_map_single(dev, memory, SZ_4K, DMA_TO_DEVICE);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
		KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_4K);
		dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
	}
}

static struct kunit_case setup_cases[] = {
	KUNIT_CASE(test_aperture_from_zero),
	KUNIT_CASE(test_aperture_unaligned),
	KUNIT_CASE(test_small_granule),
	KUNIT_CASE(test_granule_too_large),
	KUNIT_CASE(test_aperture_too_small),
	KUNIT_CASE_PARAM(test_streaming_limit, limit_gen_params),
	KUNIT_CASE_PARAM(test_buffer_limit, limit_gen_params),
	KUNIT_CASE(test_aperture_high_up),
	KUNIT_CASE(test_small_mask_is_its_own),
	KUNIT_CASE(test_range_map_outside),
	KUNIT_CASE(test_range_map_windows),
	KUNIT_CASE(test_coherency_is_settled),
	KUNIT_CASE(test_table),
	KUNIT_CASE(test_prefer_32bit),
	KUNIT_CASE(test_join_at_once),
	{}
};

static struct kunit_suite setup_suite = {
	.name = "iommu_dma_setup",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = setup_cases,
};

kunit_test_suite(setup_suite);
