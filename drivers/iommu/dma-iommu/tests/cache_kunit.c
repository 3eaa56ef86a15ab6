// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the CPU caches of a device that does not look into them: which memory is
 * written back or forgotten, once, and at which moment.
 *
 * The machine that tests run on has no caches to speak of. So what would be done to
 * them is written down instead, with what the IOMMU had been asked by then.
 */

#include <kunit/static_stub.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/scatterlist.h>

#include "../private.h"
#include "mock.h"

#define CALLS 32

/**
 * struct cache_call - What was asked of the caches
 * @phys: start of the memory
 * @size: bytes
 * @dir: direction
 * @for_cpu: to forget, not to write back
 * @after: the mock's history by then
 */
struct cache_call {
	phys_addr_t phys;
	size_t size;
	enum dma_data_direction dir;
	bool for_cpu;
	char after[16];
};

static struct cache_call calls[CALLS];
static unsigned int nr_calls;

static void write_down(phys_addr_t phys, size_t size,
		       enum dma_data_direction dir, bool for_cpu)
{
	struct mock *mock = kunit_get_current_test()->priv;

	if (nr_calls < CALLS) {
		calls[nr_calls] = (struct cache_call){
			.phys = phys,
			.size = size,
			.dir = dir,
			.for_cpu = for_cpu,
		};
		strscpy(calls[nr_calls].after, mock->history);
	}
	nr_calls++;
}

static void note_for_device(phys_addr_t phys, size_t size,
			    enum dma_data_direction dir)
{
	write_down(phys, size, dir, false);
}

static void note_for_cpu(phys_addr_t phys, size_t size,
			 enum dma_data_direction dir)
{
	write_down(phys, size, dir, true);
}

static int cache_init(struct kunit *test)
{
	int ret = mock_test_init(test);

	if (ret)
		return ret;
	nr_calls = 0;
	kunit_activate_static_stub(test, iommu_dma_cache_for_device,
				   note_for_device);
	kunit_activate_static_stub(test, iommu_dma_cache_for_cpu, note_for_cpu);
	return 0;
}

static void forget(struct mock *mock)
{
	mock_forget(mock);
	nr_calls = 0;
}

static struct device *incoherent(struct kunit *test)
{
	struct device *dev = mock_device(test->priv, .noncoherent = true,
					 .max_seg = UINT_MAX);

	if (dev_is_dma_coherent(dev))
		kunit_skip(test, "this architecture has coherent devices only");
	return dev;
}

static void expect_call(struct kunit *test, unsigned int nr, const void *memory,
			size_t size, bool for_cpu, const char *after)
{
	KUNIT_ASSERT_LT(test, nr, nr_calls);
	KUNIT_EXPECT_EQ(test, calls[nr].phys, virt_to_phys((void *)memory));
	KUNIT_EXPECT_EQ(test, calls[nr].size, size);
	KUNIT_EXPECT_EQ(test, calls[nr].for_cpu, for_cpu);
	KUNIT_EXPECT_STREQ(test, calls[nr].after, after);
}

/*
 * Test that a buffer is written back before the device can reach it, and forgotten
 * after the device has lost it: that buffer, and no byte more.
 */
static void test_single(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = incoherent(test);
	void *memory = mock_buffer(test, SZ_16K) + 100;
	dma_addr_t iova;

	iova = dma_map_single(dev, memory, SZ_8K, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_EQ(test, nr_calls, 1);
	expect_call(test, 0, memory, SZ_8K, false, "");

	dma_sync_single_for_cpu(dev, iova + 5, 1000, DMA_BIDIRECTIONAL);
	dma_sync_single_for_device(dev, iova + 7, 2000, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, nr_calls, 3);
	expect_call(test, 1, memory + 5, 1000, true, "ms");
	expect_call(test, 2, memory + 7, 2000, false, "ms");

	dma_unmap_single(dev, iova, SZ_8K, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, nr_calls, 4);
	expect_call(test, 3, memory, SZ_8K, true, "msui");
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], 1);
}

/*
 * Test that nothing is done for a device that is coherent, for MMIO, and for callers
 * who see to it themselves.
 */
static void test_not_asked(struct kunit *test)
{
	static const unsigned long attrs[] = {
		DMA_ATTR_SKIP_CPU_SYNC,
		DMA_ATTR_MMIO,
		0,
	};
	struct mock *mock = test->priv;
	struct device *devs[] = {
		incoherent(test),
		incoherent(test),
		mock_device(mock),
	};
	phys_addr_t phys = virt_to_phys(mock_buffer(test, SZ_8K));
	struct scatterlist sg;
	dma_addr_t iova;

	for (int i = 0; i < ARRAY_SIZE(attrs); i++) {
		iova = iommu_dma_map_phys(devs[i], phys, SZ_4K,
					  DMA_BIDIRECTIONAL, attrs[i]);
		KUNIT_ASSERT_NE(test, iova, DMA_MAPPING_ERROR);
		iommu_dma_unmap_phys(devs[i], iova, SZ_4K, DMA_BIDIRECTIONAL,
				     attrs[i]);
		sg_init_one(&sg, phys_to_virt(phys), SZ_8K);
		KUNIT_ASSERT_EQ(test,
				iommu_dma_map_sg(devs[i], &sg, 1,
						 DMA_BIDIRECTIONAL, attrs[i]),
				1);
		iommu_dma_unmap_sg(devs[i], &sg, 1, DMA_BIDIRECTIONAL,
				   attrs[i]);
		KUNIT_EXPECT_EQ(test, nr_calls, 0);
	}
}

/* Test that each entry of a list is seen to once, at the same moments */
static void test_list(struct kunit *test)
{
	struct device *dev = incoherent(test);
	void *memory = mock_buffer(test, SZ_32K);
	struct scatterlist sgl[3];

	sg_init_table(sgl, ARRAY_SIZE(sgl));
	sg_set_buf(&sgl[0], memory, SZ_4K);
	sg_set_buf(&sgl[1], memory + SZ_8K, SZ_4K);
	sg_set_buf(&sgl[2], memory + SZ_16K + 12, 3000);
	KUNIT_ASSERT_GT(test, dma_map_sg(dev, sgl, 3, DMA_FROM_DEVICE), 0);
	dma_sync_sg_for_cpu(dev, sgl, 3, DMA_FROM_DEVICE);
	dma_unmap_sg(dev, sgl, 3, DMA_FROM_DEVICE);

	KUNIT_ASSERT_EQ(test, nr_calls, 9);
	for (int i = 0; i < 9; i++) {
		KUNIT_EXPECT_EQ(test, calls[i].phys, sg_phys(&sgl[i % 3]));
		KUNIT_EXPECT_EQ(test, calls[i].size, sgl[i % 3].length);
		KUNIT_EXPECT_EQ(test, calls[i].for_cpu, i >= 3);
	}
	KUNIT_EXPECT_STREQ(test, calls[2].after, "");
	KUNIT_EXPECT_NOT_NULL(test, strchr(calls[6].after, 'i'));
}

/*
 * Test that a slot is written back whole, so that what was in it before cannot be
 * seen in memory either [B2], and that the buffer's own part of memory is left alone
 * where a slot stands in for it [B4].
 */
static void test_bounced(struct kunit *test)
{
	struct device *dev = incoherent(test);
	void *memory = mock_buffer(test, SZ_16K);
	size_t granule = mock_granule(test->priv);
	dma_addr_t iova;

	dev->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	iova = dma_map_single(dev, memory + 100, SZ_8K, DMA_FROM_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_ASSERT_EQ(test, nr_calls, 3);
	/* The middle first, then head and tail */
	expect_call(test, 0, memory + granule, SZ_8K - granule, false, "");
	for (int i = 1; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, mock_is_slot(dev, calls[i].phys));
		KUNIT_EXPECT_EQ(test, calls[i].phys & (granule - 1), 0);
		KUNIT_EXPECT_EQ(test, calls[i].size, granule);
		KUNIT_EXPECT_EQ(test, calls[i].dir, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_FALSE(test, calls[i].for_cpu);
	}

	forget(test->priv);
	dma_unmap_single(dev, iova, SZ_8K, DMA_FROM_DEVICE);
	KUNIT_ASSERT_EQ(test, nr_calls, 3);
	for (int i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, mock_is_slot(dev, calls[i].phys));
		KUNIT_EXPECT_TRUE(test, calls[i].for_cpu);
		KUNIT_EXPECT_STREQ(test, calls[i].after, "ui");
	}
	KUNIT_EXPECT_EQ(test, calls[0].size, granule - 100);
	KUNIT_EXPECT_EQ(test, calls[1].size, 100);
	expect_call(test, 2, memory + granule, SZ_8K - granule, true, "ui");
}

/*
 * Test that links are written back when they are made, and forgotten when they are
 * taken away: all of them, wherever in memory they are.
 */
static void test_links(struct kunit *test)
{
	struct device *dev = incoherent(test);
	void *memory = mock_buffer(test, SZ_16K);
	struct dma_iova_state state;
	size_t size = 0;

	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(dev, &state, 0, SZ_8K));
	for (int i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test,
				dma_iova_link(dev, &state,
					      virt_to_phys(memory) + !i * SZ_8K,
					      i * SZ_4K, SZ_4K,
					      DMA_BIDIRECTIONAL, 0),
				0);
	KUNIT_ASSERT_EQ(test, dma_iova_sync(dev, &state, 0, SZ_8K), 0);
	KUNIT_EXPECT_EQ(test, nr_calls, 2);
	expect_call(test, 0, memory + SZ_8K, SZ_4K, false, "");
	expect_call(test, 1, memory, SZ_4K, false, "m");

	forget(test->priv);
	dma_iova_destroy(dev, &state, SZ_8K, DMA_BIDIRECTIONAL, 0);
	KUNIT_ASSERT_GE(test, nr_calls, 2);
	KUNIT_EXPECT_EQ(test, calls[0].phys, virt_to_phys(memory + SZ_8K));
	for (unsigned int i = 0; i < nr_calls; i++) {
		KUNIT_EXPECT_TRUE(test, calls[i].for_cpu);
		size += calls[i].size;
	}
	KUNIT_EXPECT_EQ(test, size, SZ_8K);
}

/*
 * Test that no more is forgotten than was linked, when a range is destroyed of which a
 * part never was, or is not any more: what the page table does not know has no address.
 */
static void test_links_missing(struct kunit *test)
{
	struct device *dev = incoherent(test);
	void *memory = mock_buffer(test, SZ_16K);
	struct dma_iova_state state;

	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(dev, &state, 0, SZ_16K));
	KUNIT_ASSERT_EQ(test,
			dma_iova_link(dev, &state, virt_to_phys(memory), 0,
				      SZ_8K, DMA_FROM_DEVICE, 0),
			0);
	dma_iova_unlink(dev, &state, SZ_4K, SZ_4K, DMA_FROM_DEVICE, 0);
	forget(test->priv);
	kunit_warning_suppress(test) {
		dma_iova_destroy(dev, &state, SZ_16K, DMA_FROM_DEVICE, 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, nr_calls, 1);
	expect_call(test, 0, memory, SZ_4K, true, "");
}

/*
 * Test that each page of a buffer which is not contiguous is seen to once, whatever
 * its segments look like [M15].
 */
static void test_noncontiguous(struct kunit *test)
{
	struct device *dev = incoherent(test);
	struct sg_table *sgt;
	size_t size = 0;

	sgt = dma_alloc_noncontiguous(dev, SZ_64K, DMA_BIDIRECTIONAL,
				      GFP_KERNEL, DMA_ATTR_ALLOC_SINGLE_PAGES);
	KUNIT_ASSERT_NOT_NULL(test, sgt);
	nr_calls = 0;
	dma_sync_sgtable_for_device(dev, sgt, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, nr_calls, sgt->orig_nents);
	for (unsigned int i = 0; i < min_t(unsigned int, nr_calls, CALLS); i++)
		size += calls[i].size;
	KUNIT_EXPECT_EQ(test, size, SZ_64K);
	dma_free_noncontiguous(dev, SZ_64K, sgt, DMA_BIDIRECTIONAL);
}

static struct kunit_case cache_cases[] = {
	KUNIT_CASE(test_single),
	KUNIT_CASE(test_not_asked),
	KUNIT_CASE(test_list),
	KUNIT_CASE(test_bounced),
	KUNIT_CASE(test_links),
	KUNIT_CASE(test_links_missing),
	KUNIT_CASE(test_noncontiguous),
	{}
};

static struct kunit_suite cache_suite = {
	.name = "iommu_dma_cache",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = cache_init,
	.exit = mock_test_exit,
	.test_cases = cache_cases,
};

kunit_test_suite(cache_suite);
