// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of streaming mappings of scatterlists, from the DMA API down to the
 * page table. How a list is laid out is the business of sg_kunit.c; here it is
 * what the IOMMU was told, and what happens when it refuses.
 */

#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>

#include "../private.h"
#include "mock.h"
#include "seed.h"

static unsigned int stream_sg_seed;
module_param(stream_sg_seed, uint, 0444);
MODULE_PARM_DESC(stream_sg_seed, "Seed of random tests; 0 for a new one");

#define MAX_ENTRIES 16

/**
 * struct entry - An entry of a list
 * @page: page of the buffer that it starts in
 * @offset: bytes from the start of that page
 * @length: bytes
 */
struct entry {
	unsigned int page;
	unsigned int offset;
	unsigned int length;
};

/**
 * struct list - A list and what is needed to check it
 * @mock: the mock
 * @dev: the device
 * @domain: its domain
 * @sgl: the list
 * @before: copy of the list from before it was mapped
 * @nents: entries
 */
struct list {
	struct mock *mock;
	struct device *dev;
	struct iommu_domain *domain;
	struct scatterlist sgl[MAX_ENTRIES];
	struct scatterlist before[MAX_ENTRIES];
	int nents;
};

/* Nothing that was mapped before is left in the fields for DMA, but junk */
static void fill_list(struct list *list, void *memory,
		      const struct entry *entries, int nents)
{
	sg_init_table(list->sgl, nents);
	for (int i = 0; i < nents; i++) {
		struct scatterlist *sg = &list->sgl[i];

		sg_set_page(sg,
			    virt_to_page(memory + entries[i].page * PAGE_SIZE),
			    entries[i].length, entries[i].offset);
		sg_dma_address(sg) = 0xdead0000 + i;
		sg_dma_len(sg) = 0xbeef;
	}
	list->nents = nents;
	memcpy(list->before, list->sgl, sizeof(list->sgl));
}

static struct list *make_list(struct kunit *test, struct device *dev,
			      void *memory, const struct entry *entries,
			      int nents)
{
	struct list *list = kunit_kzalloc(test, sizeof(*list), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, list);
	list->mock = test->priv;
	list->dev = dev;
	list->domain = iommu_get_domain_for_dev(dev);
	fill_list(list, memory, entries, nents);
	return list;
}

static void expect_untouched(struct list *list)
{
	KUNIT_EXPECT_MEMEQ(list->mock->test, list->sgl, list->before,
			   list->nents * sizeof(*list->sgl));
}

/* What the list's entries take in the page table, in whole granules each */
static size_t span_of(struct list *list)
{
	size_t span = 0;

	for (int i = 0; i < list->nents; i++)
		if (list->sgl[i].length)
			span += mock_span(list->mock, sg_phys(&list->sgl[i]),
					  list->sgl[i].length);
	return span;
}

static bool crosses(struct device *dev, dma_addr_t iova, size_t size)
{
	unsigned long boundary = dma_get_seg_boundary(dev);

	return (iova & ~(u64)boundary) != ((iova + size - 1) & ~(u64)boundary);
}

/*
 * Check that the device finds in the segments, one after the other, the bytes
 * of the entries, one after the other; and that the segments are ones that it
 * can take.
 */
static void check_mapped(struct list *list, int nsegs)
{
	struct kunit *test = list->mock->test;
	struct scatterlist *seg = list->sgl;
	size_t seg_at = 0, at = 0, step;
	phys_addr_t phys;
	int i = 0, s;

	for (s = 0; s < list->nents; s++) {
		size_t size = sg_dma_len(&list->sgl[s]);

		if (s >= nsegs) {
			KUNIT_EXPECT_EQ(test, size, 0);
			continue;
		}
		KUNIT_EXPECT_GT(test, size, 0);
		KUNIT_EXPECT_FALSE(test, crosses(list->dev,
						 sg_dma_address(&list->sgl[s]),
						 size));
	}

	for (s = 0; i < list->nents;) {
		struct scatterlist *sg = &list->sgl[i];

		if (at == sg->length) {
			at = 0;
			i++;
			continue;
		}
		if (seg_at == sg_dma_len(seg)) {
			seg_at = 0;
			KUNIT_ASSERT_LT(test, ++s, nsegs);
			seg++;
			continue;
		}

		/* No granule is smaller than that, and none is split */
		step = min(sg->length - at, sg_dma_len(seg) - seg_at);
		step = min(step, SZ_1K - ((sg_phys(sg) + at) & (SZ_1K - 1)));
		KUNIT_ASSERT_TRUE(test,
				  mock_lookup(list->domain,
					      sg_dma_address(seg) + seg_at,
					      &phys, NULL));
		KUNIT_ASSERT_EQ(test, phys, sg_phys(sg) + at);
		at += step;
		seg_at += step;
	}
	KUNIT_EXPECT_EQ(test, s, nsegs - 1);
	KUNIT_EXPECT_EQ(test, seg_at, sg_dma_len(seg));
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), span_of(list));
	KUNIT_EXPECT_EQ(test, list->mock->count[MOCK_SYNC_MAP], 1);
}

static int map_list(struct list *list)
{
	mock_forget(list->mock);
	return dma_map_sg(list->dev, list->sgl, list->nents, DMA_TO_DEVICE);
}

static void unmap_list(struct list *list)
{
	struct kunit *test = list->mock->test;

	mock_forget(list->mock);
	dma_unmap_sg(list->dev, list->sgl, list->nents, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, list->mock->count[MOCK_SYNC], 1);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(list->domain), 0);
}

/* Map, check, take away */
static int round_trip(struct list *list)
{
	struct kunit *test = list->mock->test;
	int nsegs = map_list(list);

	KUNIT_ASSERT_GT(test, nsegs, 0);
	KUNIT_ASSERT_LE(test, nsegs, list->nents);
	check_mapped(list, nsegs);
	unmap_list(list);
	return nsegs;
}

/* Four pages that are apart in memory: four calls of the driver */
static const struct entry apart[] = {
	{ 0, 0, SZ_4K },
	{ 2, 0, SZ_4K },
	{ 4, 0, SZ_4K },
	{ 6, 0, SZ_4K },
};

/*
 * Test that pages from anywhere become one segment, if the device can take it.
 */
static void test_merge(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct list *list = make_list(test, dev,
				      mock_buffer(test, 8 * PAGE_SIZE), apart,
				      ARRAY_SIZE(apart));

	KUNIT_EXPECT_EQ(test, round_trip(list), 1);
}

/* Test that no segment grows beyond what the device can take. */
static void test_max_seg(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .max_seg = SZ_8K);
	struct list *list = make_list(test, dev,
				      mock_buffer(test, 8 * PAGE_SIZE), apart,
				      ARRAY_SIZE(apart));
	int nsegs = map_list(list);

	KUNIT_ASSERT_EQ(test, nsegs, 2);
	check_mapped(list, nsegs);
	KUNIT_EXPECT_EQ(test, sg_dma_len(&list->sgl[0]), SZ_8K);
	KUNIT_EXPECT_EQ(test, sg_dma_len(&list->sgl[1]), SZ_8K);
	unmap_list(list);
}

/*
 * Test that the hole which keeps a segment on one side of a boundary has
 * nothing mapped in it, and that unmapping does not ask for it.
 */
static void test_hole(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 0, 0, SZ_32K + SZ_8K },
		{ 16, 0, SZ_32K + SZ_8K },
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .boundary = SZ_64K - 1);
	struct list *list = make_list(test, dev, mock_buffer(test, SZ_1M),
				      entries, ARRAY_SIZE(entries));
	int nsegs = map_list(list);
	dma_addr_t iova, end;

	KUNIT_ASSERT_EQ(test, nsegs, 2);
	check_mapped(list, nsegs);
	end = sg_dma_address(&list->sgl[1]);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(end, SZ_64K));
	for (iova = sg_dma_address(&list->sgl[0]) + SZ_32K + SZ_8K; iova < end;
	     iova += SZ_4K)
		KUNIT_EXPECT_FALSE(test,
				   mock_reachable(list->domain, iova, SZ_4K));
	unmap_list(list);
}

/* Test that entries without bytes change nothing, wherever they are. */
static void test_empty_entries(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 1, 100, 0 }, { 0, 0, SZ_4K }, { 3, 1, 0 },
		{ 4, 5, 0 },   { 2, 0, SZ_4K }, { 5, 0, 0 },
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct list *list = make_list(test, dev,
				      mock_buffer(test, 8 * PAGE_SIZE), entries,
				      ARRAY_SIZE(entries));

	KUNIT_EXPECT_EQ(test, round_trip(list), 1);
}

/*
 * Test that lists without entries, and ones without bytes, are an error that
 * the DMA API knows [S8], and stay as they are.
 */
static void test_no_bytes(struct kunit *test)
{
	static const struct entry entries[] = { { 0, 0, 0 }, { 1, 10, 0 } };
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct list *list = make_list(test, dev,
				      mock_buffer(test, 2 * PAGE_SIZE), entries,
				      ARRAY_SIZE(entries));

	for (int nents = -1; nents <= 2; nents++) {
		KUNIT_EXPECT_EQ(test,
				iommu_dma_map_sg(dev, list->sgl, nents,
						 DMA_TO_DEVICE, 0),
				-EINVAL);
		expect_untouched(list);
	}
	KUNIT_EXPECT_STREQ(test, mock->history, "");
}

struct error_case {
	const char *name;
	int error;
	int answer;
};

static const struct error_case error_cases[] = {
	{ "ENOMEM", -ENOMEM, -ENOMEM },
	{ "EINVAL", -EINVAL, -EINVAL },
	{ "EIO", -EIO, -EIO },
	{ "ENODEV", -ENODEV, -EIO },
	{ "EEXIST", -EEXIST, -EIO },
	{ "ENOSPC", -ENOSPC, -ENOMEM },
	{ "EOVERFLOW", -EOVERFLOW, -EINVAL },
	{ "EREMOTEIO", -EREMOTEIO, -EIO },
};

KUNIT_ARRAY_PARAM_DESC(error, error_cases, name);

/*
 * Test that whichever call of the driver fails, with whatever errno, and with
 * whatever part of it done: the caller gets one of the errnos of the DMA API,
 * its list stays byte for byte as it was, nothing stays mapped, and the next
 * attempt succeeds. Guards against what 07b48ac4bbe5 [S2], a3884774d731 [S6] and
 * dabb16f67215 [S7] mended.
 */
static void test_failure_sweep(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 0, 16, SZ_8K - 16 },	    { 4, 0, SZ_16K },
		{ 9, 0, SZ_4K + 1 },	    { 12, 0, 0 },
		{ 13, 4000, SZ_16K + 200 }, { 24, 8, 8 },
	};
	const struct error_case *param = test->param_value;
	struct mock *mock = test->priv;
	unsigned int nr_calls;
	struct device *dev;
	struct list *list;
	int nsegs;

	mock->chunk = 2;
	dev = mock_device(mock, .boundary = SZ_32K - 1,
			  .max_seg = SZ_16K + SZ_4K);
	list = make_list(test, dev, mock_buffer(test, 32 * PAGE_SIZE), entries,
			 ARRAY_SIZE(entries));
	nsegs = map_list(list);
	KUNIT_ASSERT_GT(test, nsegs, 0);
	nr_calls = mock->count[MOCK_MAP];
	unmap_list(list);
	KUNIT_ASSERT_GT(test, nr_calls, 5);

	for (unsigned int i = 0; i < 2 * nr_calls; i++) {
		memcpy(list->sgl, list->before, sizeof(list->sgl));
		mock->fault.map_nth = 1 + i / 2;
		mock->fault.map_pages = i % 2;
		mock->fault.map_error = param->error;
		mock_forget(mock);
		KUNIT_EXPECT_EQ(test,
				iommu_dma_map_sg(dev, list->sgl, list->nents,
						 DMA_TO_DEVICE, 0),
				param->answer);
		KUNIT_EXPECT_EQ(test, mock->count[MOCK_MAP], 1 + i / 2);
		KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC_MAP], 0);
		expect_untouched(list);
		KUNIT_EXPECT_EQ(test, mock_live(list->domain), 0);
		KUNIT_EXPECT_EQ(test, mock_stale(list->domain), 0);
	}

	mock->fault.sync_map_nth = 1;
	mock->fault.sync_map_error = param->error;
	KUNIT_EXPECT_EQ(test,
			iommu_dma_map_sg(dev, list->sgl, list->nents,
					 DMA_TO_DEVICE, 0),
			param->answer);
	expect_untouched(list);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(list->domain), 0);

	KUNIT_EXPECT_EQ(test, round_trip(list), nsegs);
}

/* Test that a list which finds no room is left as it was. */
static void test_no_room(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 0, 0, SZ_1M },
		{ 0, 0, SZ_1M },
		{ 0, 0, SZ_1M },
		{ 0, 0, SZ_1M },
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .max_seg = UINT_MAX);
	struct list *list = make_list(test, dev, mock_buffer(test, SZ_1M),
				      entries, ARRAY_SIZE(entries));

	KUNIT_EXPECT_EQ(test, map_list(list), 0);
	KUNIT_EXPECT_EQ(test,
			iommu_dma_map_sg(dev, list->sgl, list->nents,
					 DMA_TO_DEVICE, 0),
			-ENOMEM);
	expect_untouched(list);
	KUNIT_EXPECT_STREQ(test, mock->history, "");
	list->nents = 2;
	KUNIT_EXPECT_EQ(test, round_trip(list), 1);
}

/*
 * Test that lengths do not wrap where a segment may be as long as a number can
 * say: five entries of 1 GiB, which memory there need not be for, and a short entry
 * after one that ends just below the boundary. Guards against what ab2cbeb0ed30 [S4]
 * and 1c8f6308e557 [S5] mended.
 */
static void test_huge(struct kunit *test)
{
	static const struct entry five[] = {
		{ 0, 0, SZ_1G }, { 0, 0, SZ_1G }, { 0, 0, SZ_1G },
		{ 0, 0, SZ_1G }, { 0, 0, SZ_1G },
	};
	static const struct entry padded[] = {
		{ 0, 0, SZ_4G - SZ_4K },
		{ 0, 0, SZ_8K },
	};
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, PAGE_SIZE);
	struct device *dev;
	struct list *list;
	u64 sum = 0;
	int nsegs;

	mock->last = 64ULL * SZ_1G - 1;
	dev = mock_device(mock, .boundary = ULONG_MAX, .max_seg = UINT_MAX);
	list = make_list(test, dev, memory, five, ARRAY_SIZE(five));
	nsegs = map_list(list);
	KUNIT_ASSERT_GE(test, nsegs, 2);
	for (int i = 0; i < nsegs; i++)
		sum += sg_dma_len(&list->sgl[i]);
	KUNIT_EXPECT_EQ(test, sum, 5ULL * SZ_1G);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), 5ULL * SZ_1G);
	unmap_list(list);

	dma_set_seg_boundary(dev, SZ_4G - 1);
	fill_list(list, memory, padded, ARRAY_SIZE(padded));
	nsegs = map_list(list);
	KUNIT_ASSERT_EQ(test, nsegs, 2);
	KUNIT_EXPECT_EQ(test, sg_dma_len(&list->sgl[0]), SZ_4G - SZ_4K);
	KUNIT_EXPECT_EQ(test, sg_dma_len(&list->sgl[1]), SZ_8K);
	KUNIT_EXPECT_TRUE(test,
			  IS_ALIGNED(sg_dma_address(&list->sgl[1]), SZ_4G));
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), SZ_4G + SZ_4K);
	unmap_list(list);
}

/*
 * Test that a list can be mapped again, by the same or by another device,
 * without being set up anew [S11].
 */
static void test_reuse(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *wide = mock_device(mock);
	struct device *narrow = mock_device(mock, .max_seg = SZ_4K);
	struct list *list = make_list(test, wide,
				      mock_buffer(test, 8 * PAGE_SIZE), apart,
				      ARRAY_SIZE(apart));

	for (int i = 0; i < 2; i++) {
		list->dev = wide;
		list->domain = iommu_get_domain_for_dev(wide);
		KUNIT_EXPECT_EQ(test, round_trip(list), 1);
		list->dev = narrow;
		list->domain = iommu_get_domain_for_dev(narrow);
		KUNIT_EXPECT_EQ(test, round_trip(list), 4);
	}
}

/*
 * Test that a list survives being handed to a device of either kind and back.
 */
static void test_sync(struct kunit *test)
{
	struct mock *mock = test->priv;
	u8 *memory = mock_buffer(test, 8 * PAGE_SIZE);

	memset(memory, 0x5a, 8 * PAGE_SIZE);
	for (int i = 0; i < 2; i++) {
		struct device *dev = mock_device(mock, .noncoherent = i);
		struct list *list =
			make_list(test, dev, memory, apart, ARRAY_SIZE(apart));

		KUNIT_ASSERT_EQ(test, map_list(list), 1);
		dma_sync_sg_for_cpu(dev, list->sgl, list->nents, DMA_TO_DEVICE);
		dma_sync_sg_for_device(dev, list->sgl, list->nents,
				       DMA_TO_DEVICE);
		unmap_list(list);
		KUNIT_EXPECT_NULL(test,
				  memchr_inv(memory, 0x5a, 8 * PAGE_SIZE));
	}
}

/*
 * Test that for lists, granules, boundaries and segment sizes as they come,
 * the device finds the bytes of the entries in its segments, one after the
 * other, and can take the segments [S1, S3].
 */
static void test_random(struct kunit *test)
{
	static const unsigned long bitmaps[] = { SZ_4K, SZ_4K | SZ_64K, SZ_1K };
	u32 seed = test_seed(test, stream_sg_seed);
	struct mock *mock = test->priv;
	struct entry entries[MAX_ENTRIES];
	struct device *devs[3];
	struct rnd_state rnd;
	struct list *list;
	void *memory;

	prandom_seed_state(&rnd, seed);
	memory = mock_buffer(test, SZ_1M);
	for (int i = 0; i < ARRAY_SIZE(devs); i++) {
		mock->pgsize_bitmap = bitmaps[i];
		devs[i] = mock_device(mock);
	}
	list = make_list(test, devs[0], memory, apart, ARRAY_SIZE(apart));

	for (int i = 0; i < 300; i++) {
		int which = prandom_u32_state(&rnd) % ARRAY_SIZE(devs);
		unsigned int order = 16 + prandom_u32_state(&rnd) % 5;
		int nents = 1 + prandom_u32_state(&rnd) % MAX_ENTRIES;

		for (int j = 0; j < nents; j++) {
			struct entry *entry = &entries[j];

			entry->page = prandom_u32_state(&rnd) % 128;
			entry->offset = prandom_u32_state(&rnd) % PAGE_SIZE;
			entry->length = prandom_u32_state(&rnd) % SZ_32K;
			/* Often whole granules, sometimes nothing at all */
			if (prandom_u32_state(&rnd) % 3)
				entry->offset = 0;
			if (prandom_u32_state(&rnd) % 3)
				entry->length &= ~(SZ_4K - 1);
		}
		entries[0].length |= 1;

		mock->pgsize_bitmap = bitmaps[which];
		list->dev = devs[which];
		list->domain = iommu_get_domain_for_dev(devs[which]);
		dma_set_seg_boundary(list->dev, BIT(order) - 1);
		dma_set_max_seg_size(list->dev,
				     SZ_32K + prandom_u32_state(&rnd) % SZ_64K);
		fill_list(list, memory, entries, nents);
		round_trip(list);
		if (test->status != KUNIT_SUCCESS) {
			kunit_err(test, "list %d of seed %u\n", i, seed);
			return;
		}
	}
}

static struct kunit_case stream_sg_cases[] = {
	KUNIT_CASE(test_merge),
	KUNIT_CASE(test_max_seg),
	KUNIT_CASE(test_hole),
	KUNIT_CASE(test_empty_entries),
	KUNIT_CASE(test_no_bytes),
	KUNIT_CASE_PARAM(test_failure_sweep, error_gen_params),
	KUNIT_CASE(test_no_room),
	KUNIT_CASE(test_huge),
	KUNIT_CASE(test_reuse),
	KUNIT_CASE(test_sync),
	KUNIT_CASE(test_random),
	{}
};

static struct kunit_suite stream_sg_suite = {
	.name = "iommu_dma_stream_sg",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = stream_sg_cases,
};

kunit_test_suite(stream_sg_suite);
