// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of when slots are taken and given back for scatterlists: in which order they
 * leave, and that none is left of what failed.
 */

#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/scatterlist.h>

#include "bounce_sg_fixture.h"

/**
 * struct watch - What was seen at invalidations
 * @list: what is unmapped
 * @start: of its IOVA
 * @size: bytes of that
 * @syncs: invalidations
 * @early: slots that the device could reach were given back, or IOVA was
 * @most: most slots that were stale at one
 */
struct watch {
	struct list *list;
	dma_addr_t start;
	size_t size;
	unsigned int syncs;
	bool early;
	size_t most;
};

static void look(struct mock *mock, struct iommu_domain *domain)
{
	struct watch *watch = mock->at_sync_data;
	struct list *list = watch->list;
	size_t reached = 0, stale = 0;

	for (size_t at = 0; at < watch->size; at += GRANULE) {
		dma_addr_t iova = watch->start + at;

		if (!mock_in_slot(list->dev, iova))
			continue;
		reached++;
		stale += !mock_lookup(domain, iova, NULL, NULL);
	}
	watch->syncs++;
	watch->early |= mock_slots_held(list->dev) < mock_slots_of(reached);
	watch->early |= mock_room(domain) != 1023 - watch->size / GRANULE;
	watch->most = max(watch->most, stale);
}

/*
 * Test that no slot of a list is given back while the device can reach it, nor is any
 * IOVA, however many slots there are, and that all data arrives (G2).
 */
static void test_many(struct kunit *test)
{
	static const int counts[] = {
		/* Few */
		1, 7, 8, 9,
		/* As many as are dealt with at a time, and more */
		IOMMU_DMA_PIECES - 1, IOMMU_DMA_PIECES, IOMMU_DMA_PIECES + 1,
		40, MAX_ENTRIES
	};
	struct list *list = make_untrusted(test);
	struct mock *mock = list->mock;

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		struct watch watch = { .list = list };

		set_pattern(list, i);
		fill_many(list, counts[i]);
		map_list(list, DMA_BIDIRECTIONAL, 0);
		expect_view(list);
		KUNIT_EXPECT_EQ(test, mock_slots_held(list->dev),
				mock_slots_of(2 * counts[i]));
		write_all(list, 0x40);

		watch.start = ALIGN_DOWN(sg_dma_address(list->sgl), GRANULE);
		watch.size = mock_live(list->domain);
		mock->at_sync = look;
		mock->at_sync_data = &watch;
		unmap_list(list, DMA_BIDIRECTIONAL);
		mock->at_sync = NULL;
		expect_memory(list);
		KUNIT_EXPECT_FALSE(test, watch.early);
		KUNIT_EXPECT_LE(test, watch.most, IOMMU_DMA_PIECES);
		KUNIT_EXPECT_LE(test, watch.syncs,
				DIV_ROUND_UP(2 * counts[i],
					     IOMMU_DMA_PIECES - 1));
	}
}

/* Expect that a list is refused, and that nothing is left of that */
static void expect_refused(struct list *list, int error)
{
	struct kunit *test = list->test;
	unsigned long before = mock_slots_used(list->dev);

	memcpy(list->sgl, list->before, sizeof(list->sgl));
	KUNIT_EXPECT_EQ(test,
			iommu_dma_map_sg(list->dev, list->sgl, list->nents,
					 DMA_BIDIRECTIONAL, 0),
			error);
	expect_untouched(list);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(list->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_slots_used(list->dev), before);
	KUNIT_EXPECT_EQ(test, list->mock->fault.map_nth, 0);
	KUNIT_EXPECT_EQ(test, list->mock->fault.sync_map_nth, 0);
}

static void fail_everywhere(struct list *list)
{
	struct mock *mock = list->mock;
	size_t room = mock_room(list->domain);
	unsigned int calls;

	map_list(list, DMA_BIDIRECTIONAL, 0);
	calls = mock->count[MOCK_MAP];
	unmap_list(list, DMA_BIDIRECTIONAL);

	for (unsigned int i = 0; i < 2 * calls; i++) {
		mock->fault.map_nth = 1 + i / 2;
		mock->fault.map_pages = i % 2;
		mock->fault.map_error = -EIO;
		expect_refused(list, -EIO);
	}
	mock->fault.sync_map_nth = 1;
	mock->fault.sync_map_error = -EINVAL;
	expect_refused(list, -EINVAL);
	expect_memory(list);

	KUNIT_EXPECT_EQ(list->test, mock_room(list->domain), room);
	memcpy(list->sgl, list->before, sizeof(list->sgl));
	round_trip(list);
}

/*
 * Test that whichever call of the IOMMU driver fails, nothing is left of a list, also
 * of one that has more slots than can be remembered, and that the list stays byte for
 * byte as it was (B11, G5, S2).
 */
static void test_map_failure(struct kunit *test)
{
	struct list *list = make_untrusted(test);

	list->mock->chunk = 1;
	fill_list(list, mixed, ARRAY_SIZE(mixed));
	fail_everywhere(list);
	set_pattern(list, 1);
	fill_many(list, IOMMU_DMA_PIECES + 3);
	fail_everywhere(list);
}

/*
 * Test the same when slots run out, after none, some or all but one of the entries
 * got theirs, and that the list is mapped when there are enough.
 */
static void test_exhaustion(struct kunit *test)
{
	struct mock_hog *hog = mock_hog_slots(test->priv);
	struct list *list = make_untrusted(test);

	fill_many(list, 20);
	KUNIT_ASSERT_GT(test, hog->nr, 40);
	for (int i = 0; i < 40; i++) {
		expect_refused(list, -ENOMEM);
		mock_hog_release(hog, 1);
	}
	expect_memory(list);
	memcpy(list->sgl, list->before, sizeof(list->sgl));
	map_list(list, DMA_BIDIRECTIONAL, 0);
	write_all(list, 3);
	dma_unmap_sg(list->dev, list->sgl, list->nents, DMA_BIDIRECTIONAL);
	expect_memory(list);
	mock_hog_release(hog, UINT_MAX);
	KUNIT_EXPECT_EQ(test, mock_slots_held(list->dev), 0);
}

/*
 * Test that a list with one entry that would have to be bounced and must not be, or
 * cannot, is refused as a whole, and one of whole granules is not.
 */
static void test_refusals(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 0, GRANULE },
		{ 3 * GRANULE, GRANULE },
		{ 5 * GRANULE, 100 },
	};
	static const unsigned long attrs[] = {
		DMA_ATTR_REQUIRE_COHERENT,
		DMA_ATTR_MMIO,
		DMA_ATTR_CC_SHARED,
	};
	struct list *list = make_untrusted(test);
	struct io_tlb_mem *mem = list->dev->dma_io_tlb_mem;

	fill_list(list, entries, 3);
	for (int i = 0; i < ARRAY_SIZE(attrs); i++) {
		KUNIT_EXPECT_EQ(test,
				iommu_dma_map_sg(list->dev, list->sgl, 3,
						 DMA_TO_DEVICE, attrs[i]),
				-EINVAL);
		expect_untouched(list);
	}
	list->dev->dma_io_tlb_mem = NULL;
	expect_refused(list, -EINVAL);
	KUNIT_EXPECT_STREQ(test, list->mock->history, "");
	KUNIT_EXPECT_EQ(test,
			dma_map_sg(list->dev, list->sgl, 2, DMA_TO_DEVICE), 1);
	dma_unmap_sg(list->dev, list->sgl, 2, DMA_TO_DEVICE);
	list->dev->dma_io_tlb_mem = mem;

	fill_list(list, entries, 2);
	map_list(list, DMA_TO_DEVICE, DMA_ATTR_REQUIRE_COHERENT);
	KUNIT_EXPECT_FALSE(test, sg_dma_is_swiotlb(list->sgl));
	dma_unmap_sg_attrs(list->dev, list->sgl, 2, DMA_TO_DEVICE,
			   DMA_ATTR_REQUIRE_COHERENT);
}

/*
 * Test that a list of which one entry could not be unmapped is quarantined as a whole
 * with one warning, that the others are unmapped, and that no slot is given back that
 * the device may still write to.
 */
static void test_short_unmap(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 1, 100 },
		{ 3 * GRANULE, GRANULE },
		{ 8 * GRANULE - 1, 2 },
	};
	struct list *list = make_untrusted(test);
	phys_addr_t found[3] = {};
	struct mock_given given;
	dma_addr_t iova;

	fill_list(list, entries, 3);
	map_list(list, DMA_FROM_DEVICE, 0);
	iova = sg_dma_address(list->sgl);
	mock_lookup(list->domain, iova, &found[0], NULL);
	mock_lookup(list->domain, iova_of(list, 2), &found[1], NULL);
	mock_lookup(list->domain, iova_of(list, 2) + 1, &found[2], NULL);

	list->mock->fault.unmap_nth = 2;
	kunit_warning_suppress(test) {
		dma_unmap_sg(list->dev, list->sgl, 3, DMA_FROM_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test,
			atomic_long_read(&list->domain->iova_cookie->space.quarantined),
			4 * GRANULE);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), GRANULE);
	KUNIT_EXPECT_EQ(test, mock_slots_held(list->dev), mock_slots_of(3));
	expect_memory(list);
	given = mock_give_all(list->mock, list->dev);
	KUNIT_EXPECT_EQ(test,
			mock_given_within(list->mock, &given, iova,
					  iova + 4 * GRANULE - 2),
			0);

	KUNIT_EXPECT_EQ(test, mock_unstick(list->domain), GRANULE);
	for (int i = 0; i < 3; i++)
		iommu_dma_bounce_drop(list->dev, found[i]);
}

/**
 * struct slots_seen - Slots that a device could reach when an invalidation started
 * @list: whose
 * @syncs: which invalidation it is, counted down
 * @nr: how many
 * @slot: these
 */
struct slots_seen {
	struct list *list;
	unsigned int syncs;
	unsigned int nr;
	phys_addr_t slot[2 * MAX_ENTRIES];
};

/* For them to be given back by hand */
static void note_slots(struct mock *mock, struct iommu_domain *domain)
{
	struct slots_seen *seen = mock->at_sync_data;
	int prot;

	if (--seen->syncs)
		return;
	for (dma_addr_t iova = 0; iova < mock->last; iova += GRANULE)
		if (mock_in_slot(seen->list->dev, iova) &&
		    seen->nr < ARRAY_SIZE(seen->slot))
			mock_reach(domain, iova, &seen->slot[seen->nr++],
				   &prot);
}

static void give_back(struct slots_seen *seen)
{
	struct list *list = seen->list;

	KUNIT_ASSERT_EQ(list->test, mock_slots_held(list->dev),
			mock_slots_of(seen->nr));
	while (seen->nr)
		iommu_dma_bounce_drop(list->dev, seen->slot[--seen->nr]);
}

/*
 * Test that slots which were released before something could not be unmapped stay so,
 * and that from then on none is, for a list with more of them than can be remembered.
 */
static void test_short_unmap_many(struct kunit *test)
{
	struct list *list = make_untrusted(test);
	struct mock *mock = list->mock;
	struct slots_seen seen = { .list = list, .syncs = 2 };

	fill_many(list, 20);
	map_list(list, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, mock_slots_held(list->dev), mock_slots_of(40));
	mock->fault.unmap_nth = IOMMU_DMA_PIECES;
	mock->at_sync = note_slots;
	mock->at_sync_data = &seen;
	mock_forget(mock);
	kunit_warning_suppress(test) {
		dma_unmap_sg(list->dev, list->sgl, 20, DMA_FROM_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	mock->at_sync = NULL;
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], 3);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), GRANULE);
	KUNIT_EXPECT_LT(test, seen.nr, 40);
	expect_memory(list);
	KUNIT_EXPECT_EQ(test, mock_unstick(list->domain), GRANULE);
	give_back(&seen);
}

/*
 * Test that a list which fails and cannot be undone is refused with one warning and an
 * errno of the DMA API, stays byte for byte as it was, and that its IOVA and what the
 * device may still reach is kept (G5).
 */
static void test_map_failure_stuck(struct kunit *test)
{
	struct list *list = make_untrusted(test);
	struct mock *mock = list->mock;
	struct slots_seen seen = { .list = list, .syncs = 1 };
	int ret;

	/* The third entry's tail fails, and when it is undone its head stays */
	fill_many(list, 4);
	mock->fault.map_nth = 6;
	mock->fault.map_error = -ENOMEM;
	mock->fault.unmap_nth = 1;
	mock->at_sync = note_slots;
	mock->at_sync_data = &seen;
	kunit_warning_suppress(test) {
		ret = iommu_dma_map_sg(list->dev, list->sgl, 4, DMA_FROM_DEVICE,
				       0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	mock->at_sync = NULL;
	KUNIT_EXPECT_EQ(test, ret, -EIO);
	expect_untouched(list);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), GRANULE);
	KUNIT_EXPECT_EQ(test,
			atomic_long_read(&list->domain->iova_cookie->space.quarantined),
			8 * GRANULE);
	expect_memory(list);
	KUNIT_EXPECT_EQ(test, mock_unstick(list->domain), GRANULE);
	give_back(&seen);
}

static struct kunit_case bounce_sg_out_cases[] = {
	KUNIT_CASE_PARAM(test_many, coherency_gen_params),
	KUNIT_CASE_PARAM(test_map_failure, coherency_gen_params),
	KUNIT_CASE(test_map_failure_stuck),
	KUNIT_CASE(test_exhaustion),
	KUNIT_CASE(test_refusals),
	KUNIT_CASE_PARAM(test_short_unmap, coherency_gen_params),
	KUNIT_CASE(test_short_unmap_many),
	{}
};

static struct kunit_suite bounce_sg_out_suite = {
	.name = "iommu_dma_bounce_sg_out",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = bounce_sg_out_cases,
};

kunit_test_suite(bounce_sg_out_suite);
