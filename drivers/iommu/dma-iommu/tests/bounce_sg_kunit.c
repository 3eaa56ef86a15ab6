// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of scatterlists of which parts bounce: what the device sees in all that it
 * reaches, how contiguous that is, and what becomes of what it writes.
 */

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>

#include "bounce_sg_fixture.h"
#include "seed.h"

static unsigned int bounce_seed;
module_param(bounce_seed, uint, 0444);
MODULE_PARM_DESC(bounce_seed, "Seed of random tests; 0 for a new one");

/*
 * Test that an untrusted device sees of a list the entries' bytes and else only zero,
 * though slots were used before, that what it writes comes back, and that what lies
 * around the entries does not change (G4, B1, B2).
 */
static void test_view(struct kunit *test)
{
	struct list *list = make_untrusted(test);

	KUNIT_ASSERT_TRUE(test, mock_poison_slots(list->dev, POISON));
	fill_list(list, mixed, ARRAY_SIZE(mixed));
	round_trip(list);
	KUNIT_ASSERT_TRUE(test, mock_poison_slots(list->dev, POISON));
	round_trip(list);
}

/*
 * Test that buffers which are only apart from others at their ends are one segment
 * for the device, as they are if nothing bounces (B15).
 */
static void test_merge(struct kunit *test)
{
	static const struct entry entries[] = {
		{ GRANULE + 100, GRANULE - 100 },
		{ 4 * GRANULE, 2 * GRANULE },
		{ 9 * GRANULE, 77 },
	};
	static const struct entry apart[] = {
		{ GRANULE, GRANULE - 1 },
		{ 4 * GRANULE, GRANULE },
		{ 6 * GRANULE + 1, GRANULE },
	};
	struct list *list = make_untrusted(test);

	fill_list(list, entries, ARRAY_SIZE(entries));
	KUNIT_EXPECT_EQ(test, round_trip(list), 1);
	fill_list(list, apart, ARRAY_SIZE(apart));
	KUNIT_EXPECT_EQ(test, round_trip(list), 3);
}

/*
 * Test that no segment of a list that bounces is longer than the device can take or
 * crosses its boundary, and that nothing is mapped in the hole.
 */
static void test_limits(struct kunit *test)
{
	static const struct entry entries[] = {
		{ GRANULE + 100, 10 * GRANULE - 100 },
		{ 16 * GRANULE, 9 * GRANULE + 5 },
	};
	struct mock *mock = test->priv;
	struct list *list =
		make_list(test, mock_untrusted(mock, .boundary = SZ_64K - 1));
	dma_addr_t first, second;

	fill_list(list, entries, ARRAY_SIZE(entries));
	map_list(list, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, list->nsegs, 2);
	first = sg_dma_address(&list->sgl[0]);
	second = sg_dma_address(&list->sgl[1]);
	KUNIT_EXPECT_EQ(test, first % SZ_64K, 100);
	KUNIT_EXPECT_EQ(test, second, first - 100 + SZ_64K);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), 20 * GRANULE);
	KUNIT_EXPECT_FALSE(test,
			   mock_reachable(list->domain, second - 6 * GRANULE,
					  6 * GRANULE));
	KUNIT_EXPECT_EQ(test, mock_slots_held(list->dev), mock_slots_of(2));
	KUNIT_EXPECT_TRUE(test,
			  mock_fill(list->dev, first, 1, entries[0].size));
	KUNIT_EXPECT_TRUE(test,
			  mock_fill(list->dev, second, 2, entries[1].size));
	unmap_list(list, DMA_FROM_DEVICE);
	memset(list->expected + entries[0].at, 1, entries[0].size);
	memset(list->expected + entries[1].at, 2, entries[1].size);
	expect_memory(list);
}

static void check_sync(struct list *list, struct mock_shadow **shadows,
		       enum dma_data_direction dir, u8 byte)
{
	struct kunit *test = list->test;

	for (int i = 0; i < list->nents; i++)
		if (shadows[i] && dir != DMA_TO_DEVICE)
			mock_shadow_write(shadows[i], 0, shadows[i]->size,
					  byte + i);
	dma_sync_sg_for_cpu(list->dev, list->sgl, list->nents, dir);
	for (int i = 0; i < list->nents; i++) {
		if (!shadows[i])
			continue;
		mock_shadow_for_cpu(shadows[i], 0, shadows[i]->size, dir);
		KUNIT_EXPECT_TRUE_MSG(test, mock_shadow_holds(shadows[i]),
				      "entry %d", i);
		mock_shadow_cpu_write(shadows[i], 0, shadows[i]->size, ~byte);
	}
	dma_sync_sg_for_device(list->dev, list->sgl, list->nents, dir);
	for (int i = 0; i < list->nents; i++) {
		if (!shadows[i])
			continue;
		mock_shadow_for_device(shadows[i], 0, shadows[i]->size, dir);
		KUNIT_EXPECT_TRUE_MSG(test, mock_shadow_holds(shadows[i]),
				      "entry %d", i);
	}
}

/*
 * Test that the sync of a list copies every entry in the direction that was asked for
 * and that the mapping has, and no byte around them, even if nothing was to be synced
 * when mapping (B3, B7).
 */
static void test_sync(struct kunit *test)
{
	struct mock_shadow *shadows[ARRAY_SIZE(mixed)] = {};
	struct list *list = make_untrusted(test);

	fill_list(list, mixed, ARRAY_SIZE(mixed));
	for (int i = 0; i < ARRAY_SIZE(mixed); i++)
		if (mixed[i].size)
			shadows[i] =
				mock_shadow(test, list->dev, mixed[i].size);

	for (unsigned int i = 0; i < 6; i++) {
		enum dma_data_direction dir = i % 3;

		memcpy(list->memory, list->expected, AREA);
		map_list(list, dir, i / 3 ? DMA_ATTR_SKIP_CPU_SYNC : 0);
		expect_view(list);
		for (int j = 0; j < list->nents; j++)
			if (shadows[j])
				mock_shadow_begin(shadows[j], iova_of(list, j),
						  list->memory + mixed[j].at,
						  mixed[j].size);
		check_sync(list, shadows, dir, 0x31);
		check_sync(list, shadows, dir, 0x62);
		mock_forget(list->mock);
		dma_unmap_sg_attrs(list->dev, list->sgl, list->nents, dir,
				   DMA_ATTR_SKIP_CPU_SYNC);
		KUNIT_EXPECT_EQ(test, mock_slots_held(list->dev), 0);
		for (int j = 0; j < list->nents; j++) {
			u8 *at = list->memory + mixed[j].at;

			if (!shadows[j])
				continue;
			/* Nothing was copied when unmapping */
			KUNIT_EXPECT_TRUE(test, !memcmp(at, shadows[j]->cpu,
							mixed[j].size));
			memcpy(at, list->expected + mixed[j].at, mixed[j].size);
		}
		expect_memory(list);
	}
}

/*
 * Test that a list can be mapped again by a device of another kind without being set
 * up anew: nothing remembers that it bounced (S11).
 */
static void test_reuse(struct kunit *test)
{
	struct list *list = make_untrusted(test);
	struct device *untrusted = list->dev, *trusted;
	struct mock *mock = list->mock;

	trusted = mock_device(mock);
	fill_list(list, mixed, ARRAY_SIZE(mixed));
	for (int i = 0; i < 2; i++) {
		list->dev = untrusted;
		list->domain = iommu_get_domain_for_dev(untrusted);
		round_trip(list);
		KUNIT_EXPECT_FALSE(test, sg_dma_is_swiotlb(list->sgl));

		list->dev = trusted;
		list->domain = iommu_get_domain_for_dev(trusted);
		map_list(list, DMA_BIDIRECTIONAL, 0);
		KUNIT_EXPECT_FALSE(test, sg_dma_is_swiotlb(list->sgl));
		KUNIT_EXPECT_EQ(test, mock_slots_held(list->dev), 0);
		unmap_list(list, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_STREQ(test, mock->history, "ui");
	}
}

/*
 * Test that of a list of a device that is not coherent the small entries are copied,
 * the others are in place, and all of it arrives, also after syncs (B12).
 */
static void test_small_entries(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 0, 0 },
		{ 33, 20 },
		{ GRANULE, GRANULE },
		{ 3 * GRANULE + 64, 512 },
		{ 6 * GRANULE - 9, 17 },
		{ 9 * GRANULE, 70 },
		{ 12 * GRANULE, 129 },
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .noncoherent = true);
	struct mock_shadow *shadows[ARRAY_SIZE(entries)] = {};
	struct list *list = make_list(test, dev);

	if (dev_is_dma_coherent(dev))
		kunit_skip(test, "this architecture has coherent devices only");
	mock_count_slots(dev);
	fill_list(list, entries, ARRAY_SIZE(entries));
	map_list(list, DMA_BIDIRECTIONAL, 0);
	for (int i = 0; i < list->nents; i++) {
		bool apart = dma_kmalloc_needs_bounce(dev, entries[i].size,
						      DMA_BIDIRECTIONAL);

		if (!entries[i].size)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, mock_in_slot(dev, iova_of(list, i)),
				    apart, "entry %d", i);
		shadows[i] = mock_shadow(test, dev, entries[i].size);
		shadows[i]->bounced = apart;
		mock_shadow_begin(shadows[i], iova_of(list, i),
				  list->memory + entries[i].at,
				  entries[i].size);
	}
	check_sync(list, shadows, DMA_BIDIRECTIONAL, 0x21);
	for (int i = 0; i < list->nents; i++) {
		if (!shadows[i])
			continue;
		mock_shadow_write(shadows[i], 0, entries[i].size, 5 + i);
		memset(list->expected + entries[i].at, 5 + i, entries[i].size);
	}
	unmap_list(list, DMA_BIDIRECTIONAL);
	expect_memory(list);

	/* All that the device only reads is in place */
	map_list(list, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, mock_slots_held(list->dev), 0);
	unmap_list(list, DMA_TO_DEVICE);
}

static size_t any_size(struct rnd_state *rnd)
{
	u32 how = prandom_u32_state(rnd);

	switch (how % 4) {
	case 0:
		return GRANULE * (1 + (how >> 8) % 2);
	case 1:
		return (how >> 8) % 100;
	default:
		return (how >> 8) % (2 * GRANULE);
	}
}

/*
 * Test that for lists as they come an untrusted device sees the entries' bytes and
 * else only zero, and that what it writes comes back.
 */
static void test_random(struct kunit *test)
{
	u32 seed = test_seed(test, bounce_seed);
	struct list *list = make_untrusted(test);
	struct entry entries[MAX_ENTRIES];
	struct rnd_state rnd;

	prandom_seed_state(&rnd, seed);
	for (int i = 0; i < 200; i++) {
		int nents = 1 + prandom_u32_state(&rnd) % 32;
		size_t at = 0;

		for (int j = 0; j < nents; j++) {
			entries[j].size = any_size(&rnd) ?: !j;
			if (prandom_u32_state(&rnd) % 2)
				at = ALIGN(at, GRANULE);
			else
				at += prandom_u32_state(&rnd) % GRANULE;
			entries[j].at = at;
			at += entries[j].size;
		}
		if (!(i % 16))
			KUNIT_ASSERT_TRUE(test,
					  mock_poison_slots(list->dev, POISON));
		dma_set_max_seg_size(list->dev, SZ_8K + GRANULE * (i % 5));
		fill_list(list, entries, nents);
		round_trip(list);
		if (test->status != KUNIT_SUCCESS) {
			kunit_err(test, "list %d of seed %u\n", i, seed);
			return;
		}
	}
}

static struct kunit_case bounce_sg_cases[] = {
	KUNIT_CASE_PARAM(test_view, coherency_gen_params),
	KUNIT_CASE(test_merge),
	KUNIT_CASE(test_limits),
	KUNIT_CASE_PARAM(test_sync, coherency_gen_params),
	KUNIT_CASE(test_reuse),
	KUNIT_CASE(test_small_entries),
	KUNIT_CASE_PARAM(test_random, coherency_gen_params),
	{}
};

static struct kunit_suite bounce_sg_suite = {
	.name = "iommu_dma_bounce_sg",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = bounce_sg_cases,
};

kunit_test_suite(bounce_sg_suite);
