// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of when slots are taken and given back for buffers that a device must not touch
 * in place: in which order they leave, and that none is left of what failed.
 */

#include <linux/delay.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "../../dma-iommu.h"
#include "bounce_fixture.h"
#include "seed.h"

static unsigned int bounce_out_seed;
module_param(bounce_out_seed, uint, 0444);
MODULE_PARM_DESC(bounce_out_seed, "Seed of random tests; 0 for a new one");

/* Have an untrusted device bounce by a mapping that fails at each step */
static void fail_everywhere(struct bounce *b, size_t at, size_t size)
{
	struct mock *mock = b->mock;
	struct kunit *test = b->test;
	unsigned int calls, i;
	dma_addr_t iova;
	size_t room;

	/* A step is skipped if it is empty: no call for nothing */
	room = mock_room(b->domain);
	mock_forget(mock);
	iova = map(b, at, size, DMA_BIDIRECTIONAL);
	calls = mock->count[MOCK_MAP];
	KUNIT_EXPECT_EQ(test, calls, mock_span(mock, at, size) / GRANULE);
	expect_view(b, iova, at, size);
	dma_unmap_single(b->dev, iova, size, DMA_BIDIRECTIONAL);

	for (i = 0; i <= 2 * calls; i++) {
		if (i < 2 * calls) {
			mock->fault.map_nth = 1 + i / 2;
			mock->fault.map_pages = i % 2;
			mock->fault.map_error = -ENOMEM;
		} else {
			mock->fault.sync_map_nth = 1;
			mock->fault.sync_map_error = -EIO;
		}
		KUNIT_EXPECT_TRUE(test,
				  refused(b, at, size, DMA_BIDIRECTIONAL, 0));
		KUNIT_EXPECT_EQ(test, mock->fault.map_nth, 0);
		KUNIT_EXPECT_EQ(test, mock->fault.sync_map_nth, 0);
		KUNIT_EXPECT_EQ(test, mock_live(b->domain), 0);
		KUNIT_EXPECT_EQ(test, mock_stale(b->domain), 0);
		KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), 0);
		KUNIT_EXPECT_EQ(test, mock_room(b->domain), room);
	}
	expect_memory(b);
}

/*
 * Test that with a head, a middle and a tail of any size, or without them, nothing is
 * left of a mapping that failed at any step (B11, G5).
 */
static void test_map_failure(struct kunit *test)
{
	static const size_t parts[] = { 0, 1, GRANULE - 1 };
	struct mock *mock = test->priv;
	struct bounce *b;

	mock->chunk = 1;
	mock->last = SZ_64K - 1;
	b = make_untrusted(test);
	for (int i = 0; i < 27; i++) {
		size_t head = parts[i / 9], tail = parts[i % 3];
		size_t size = head + i / 3 % 3 * GRANULE + tail;

		if (size)
			fail_everywhere(b, AT + (head ? GRANULE - head : 0),
					size);
	}
}

/* Find the one slot that the device can still reach, for it to be given back later */
static void find_slot(struct mock *mock, struct iommu_domain *domain)
{
	struct bounce *b = mock->at_sync_data;
	int prot;

	for (dma_addr_t iova = 0; iova < mock->last; iova += GRANULE)
		if (mock_in_slot(b->dev, iova))
			mock_reach(domain, iova, &b->slot, &prot);
}

/*
 * Test that a mapping which fails and cannot be undone is refused with one warning,
 * its IOVA quarantined, and the slot that the device may still reach kept (G5).
 */
static void test_map_failure_stuck(struct kunit *test)
{
	struct bounce *b = make_untrusted(test);
	struct mock *mock = b->mock;

	/* Head and middle are mapped, and the middle stays */
	mock->fault.map_nth = 3;
	mock->fault.map_error = -ENOMEM;
	mock->fault.unmap_nth = 1;
	mock->at_sync = find_slot;
	mock->at_sync_data = b;
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_TRUE(test, refused(b, AT + 1, 2 * GRANULE,
						DMA_BIDIRECTIONAL, 0));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	mock->at_sync = NULL;
	KUNIT_EXPECT_EQ(test, quarantined(b), 3 * GRANULE);
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), mock_slots_of(1));
	KUNIT_EXPECT_EQ(test, mock_live(b->domain), GRANULE);
	expect_memory(b);

	KUNIT_EXPECT_EQ(test, mock_unstick(b->domain), GRANULE);
	iommu_dma_bounce_drop(b->dev, b->slot);
}

/* What a device may do that has found an address which it was never told */
static void scribble(struct mock *mock, struct iommu_domain *domain)
{
	struct bounce *b = mock->at_sync_data;
	phys_addr_t slot;
	int prot;

	for (dma_addr_t iova = 0; iova < mock->last; iova += GRANULE)
		if (mock_in_slot(b->dev, iova) &&
		    mock_reach(domain, iova, &slot, &prot))
			memset(phys_to_virt(slot), 0x11, GRANULE);
}

/*
 * Test that a mapping which fails leaves the caller's memory as it was, though the
 * device has written to the slots meanwhile: they are given back, and not copied (B11).
 */
static void test_failure_copies_nothing(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct bounce *b;

	mock->last = SZ_64K - 1;
	b = make_untrusted(test);
	mock->at_sync = scribble;
	mock->at_sync_data = b;
	for (int i = 0; i < 2; i++) {
		/* The last step, or what is after all of them */
		mock->fault.map_nth = i ? 3 : 0;
		mock->fault.map_error = -ENOMEM;
		mock->fault.sync_map_nth = !i;
		mock->fault.sync_map_error = -EIO;
		KUNIT_EXPECT_TRUE(test, refused(b, AT + 1, 2 * GRANULE,
						DMA_FROM_DEVICE, 0));
		KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), 0);
		expect_memory(b);
	}
	mock->at_sync = NULL;
}

/**
 * struct watch - What was seen when an invalidation started
 * @b: who bounces
 * @iova: the mapping
 * @size: its bytes
 * @syncs: how many
 * @slots: that were taken at the last one
 * @room: granules that were free at the last one
 * @copied: the caller's memory had changed
 */
struct watch {
	struct bounce *b;
	dma_addr_t iova;
	size_t size;
	unsigned int syncs;
	unsigned long slots;
	size_t room;
	bool copied;
};

/* The device goes on writing while it can */
static void watch_order(struct mock *mock, struct iommu_domain *domain)
{
	struct watch *watch = mock->at_sync_data;
	struct bounce *b = watch->b;

	watch->syncs++;
	watch->slots = mock_slots_held(b->dev);
	watch->room = mock_room(domain);
	watch->copied |= memcmp(b->memory, b->expected, AREA);
	if (watch->size)
		KUNIT_EXPECT_TRUE(b->test, mock_fill(b->dev, watch->iova, 0xbb,
						     watch->size));
}

/*
 * Test that slots are copied back and released after the invalidation has completed
 * and not before: what the device wrote until then arrives, as in memory that it
 * reaches in place (G2).
 */
static void test_order(struct kunit *test)
{
	static const size_t sizes[] = { 100, GRANULE, 2 * GRANULE };
	struct mock *mock = test->priv;
	struct bounce *b;

	mock->last = SZ_64K - 1;
	b = make_untrusted(test);
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct watch watch = { .b = b, .size = sizes[i] };
		size_t at = AT + 50;
		size_t granules = mock_span(mock, at, sizes[i]) / GRANULE;

		watch.iova = map(b, at, sizes[i], DMA_FROM_DEVICE);
		KUNIT_EXPECT_TRUE(test, mock_fill(b->dev, watch.iova, 0xaa, 1));

		mock_forget(mock);
		mock->at_sync = watch_order;
		mock->at_sync_data = &watch;
		dma_unmap_single(b->dev, watch.iova, sizes[i], DMA_FROM_DEVICE);
		mock->at_sync = NULL;

		KUNIT_EXPECT_STREQ(test, mock->history, "ui");
		KUNIT_EXPECT_EQ(test, watch.syncs, 1);
		KUNIT_EXPECT_EQ(test, watch.slots,
				mock_slots_of(min(granules, 2)));
		KUNIT_EXPECT_EQ(test, watch.room, 15 - granules);
		KUNIT_EXPECT_FALSE(test, watch.copied);
		KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), 0);
		KUNIT_EXPECT_EQ(test, mock_room(b->domain), 15);
		memset(b->expected + at, 0xbb, sizes[i]);
		expect_memory(b);
	}
}

/*
 * Test that a mapping which fails leaves in the same order, and that nothing of what
 * the device wrote meanwhile arrives where it was in a slot.
 */
static void test_order_failure(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct watch watch = {};
	struct bounce *b;

	mock->last = SZ_64K - 1;
	b = make_untrusted(test);
	watch.b = b;
	mock->at_sync = watch_order;
	mock->at_sync_data = &watch;
	mock->fault.sync_map_nth = 1;
	mock->fault.sync_map_error = -EIO;
	KUNIT_EXPECT_TRUE(test, refused(b, AT + 50, 2 * GRANULE,
					DMA_BIDIRECTIONAL, 0));
	mock->at_sync = NULL;

	KUNIT_EXPECT_STREQ(test, mock->history, "mmmsui");
	KUNIT_EXPECT_EQ(test, watch.syncs, 1);
	KUNIT_EXPECT_EQ(test, watch.slots, mock_slots_of(2));
	KUNIT_EXPECT_EQ(test, watch.room, 15 - 3);
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), 0);
	KUNIT_EXPECT_EQ(test, mock_room(b->domain), 15);
	expect_memory(b);
}

/*
 * Test that in a lazy domain, too, what an untrusted device had is out of its reach
 * when unmap returns, be it a slot or in place (G6).
 */
static void test_never_lazy(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct bounce *b;
	dma_addr_t iova;

	mock->lazy = true;
	b = make_untrusted(test);
	KUNIT_ASSERT_EQ(test, b->domain->type, IOMMU_DOMAIN_DMA_FQ);
	for (int i = 0; i < 2; i++) {
		iova = map(b, AT + i, GRANULE, DMA_FROM_DEVICE);
		mock_forget(mock);
		dma_unmap_single(b->dev, iova, GRANULE, DMA_FROM_DEVICE);
		KUNIT_EXPECT_STREQ(test, mock->history, "ui");
		KUNIT_EXPECT_FALSE(test,
				   mock_reachable(b->domain, iova, GRANULE));
	}
}

/*
 * Test that in a lazy domain slots of a device that is trusted and not coherent are out
 * of its reach before they are released, though what is in place is deferred (G7).
 */
static void test_lazy_small(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev;
	struct bounce *b;
	dma_addr_t iova;

	mock->lazy = true;
	dev = mock_device(mock, .noncoherent = true);
	if (!dma_kmalloc_needs_bounce(dev, 5, DMA_FROM_DEVICE))
		kunit_skip(test, "nothing has to be bounced here");
	mock_count_slots(dev);
	b = make_bounce(test, dev);
	KUNIT_ASSERT_EQ(test, b->domain->type, IOMMU_DOMAIN_DMA_FQ);

	iova = map(b, AT, 5, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), mock_slots_of(1));
	mock_forget(mock);
	dma_unmap_single(dev, iova, 5, DMA_FROM_DEVICE);
	KUNIT_EXPECT_STREQ(test, mock->history, "ui");
	KUNIT_EXPECT_FALSE(test, mock_reachable(b->domain, iova, 5));
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), 0);

	iova = map(b, AT, GRANULE, DMA_FROM_DEVICE);
	mock_forget(mock);
	dma_unmap_single(dev, iova, GRANULE, DMA_FROM_DEVICE);
	KUNIT_EXPECT_STREQ(test, mock->history, "u");
}

/*
 * Test that a device is cut off from slots that its driver has left, that these are
 * given back after that, however many, and that nothing is copied: whose the memory is
 * by then nobody knows.
 */
static void test_left_behind(struct kunit *test)
{
	struct bounce *b = make_untrusted(test);
	struct watch watch = { .b = b };
	dma_addr_t iova;

	for (int i = 0; i < 2 * IOMMU_DMA_PIECES; i++) {
		iova = iommu_dma_map_phys(b->dev,
					  virt_to_phys(b->memory + AT + 1 + i),
					  2 * GRANULE, DMA_BIDIRECTIONAL, 0);
		KUNIT_ASSERT_NE(test, iova, DMA_MAPPING_ERROR);
		/* Head and tail: what is in place changes as well */
		KUNIT_EXPECT_TRUE(test, mock_fill(b->dev, iova, 1, 100));
		KUNIT_EXPECT_TRUE(test, mock_fill(b->dev, iova + 2 * GRANULE -
						  1, 1, 1));
	}
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev),
			mock_slots_of(4 * IOMMU_DMA_PIECES));

	b->mock->at_sync = watch_order;
	b->mock->at_sync_data = &watch;
	iommu_dma_release_slots(b->dev, b->domain);
	b->mock->at_sync = NULL;
	iommu_dma_driver_unbound(b->dev, b->domain);
	KUNIT_EXPECT_GT(test, watch.slots, 0);
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), 0);
	KUNIT_EXPECT_EQ(test, mock_live(b->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(b->domain), 0);
	KUNIT_EXPECT_EQ(test, quarantined(b),
			2 * IOMMU_DMA_PIECES * 3 * GRANULE);
	expect_memory(b);
}

/*
 * Test that after a page table that did not answer as asked there is one warning,
 * and that the device goes on writing into slots that are nobody else's: they are
 * kept with the IOVA, and nothing is copied back (G5).
 */
static void test_short_unmap(struct kunit *test)
{
	struct bounce *b = make_untrusted(test);
	phys_addr_t head = 0, tail = 0;
	struct mock_given given;
	dma_addr_t iova;

	iova = map(b, AT + 50, 2 * GRANULE, DMA_FROM_DEVICE);
	mock_lookup(b->domain, iova, &head, NULL);
	mock_lookup(b->domain, iova + 2 * GRANULE - 1, &tail, NULL);
	KUNIT_EXPECT_TRUE(test, mock_fill(b->dev, iova, 0xaa, 1));

	b->mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		dma_unmap_single(b->dev, iova, 2 * GRANULE, DMA_FROM_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, quarantined(b), 3 * GRANULE);
	KUNIT_EXPECT_TRUE(test,
			  mock_fill(b->dev, iova + 2 * GRANULE - 1, 0xaa, 1));
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), mock_slots_of(2));
	expect_memory(b);
	given = mock_give_all(b->mock, b->dev);
	KUNIT_EXPECT_EQ(test,
			mock_given_within(b->mock, &given, iova,
					  iova + 2 * GRANULE - 1),
			0);

	KUNIT_EXPECT_EQ(test, mock_unstick(b->domain), GRANULE);
	iommu_dma_bounce_drop(b->dev, head);
	iommu_dma_bounce_drop(b->dev, tail);
}

/*
 * Test that when slots run out a mapping is an error, of which nothing is left, be it
 * that there are none or too few, and that all works again when there are.
 */
static void test_exhaustion(struct kunit *test)
{
	struct mock_hog *hog = mock_hog_slots(test->priv);
	struct bounce *b = make_bounce(test, mock_untrusted(test->priv));
	unsigned long full = mock_slots_held(b->dev);
	dma_addr_t iova, another;

	KUNIT_ASSERT_GT(test, hog->nr, 8);
	KUNIT_EXPECT_EQ(test, full, mock_slots_of(hog->nr));
	KUNIT_EXPECT_TRUE(test, refused(b, AT + 1, 1, DMA_TO_DEVICE, 0));
	KUNIT_EXPECT_TRUE(test,
			  refused(b, AT + 1, 2 * GRANULE, DMA_TO_DEVICE, 0));
	KUNIT_EXPECT_FALSE(test, refused(b, AT, GRANULE, DMA_TO_DEVICE, 0));
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), full);

	mock_hog_release(hog, 1);
	KUNIT_EXPECT_TRUE(test,
			  refused(b, AT + 1, 2 * GRANULE, DMA_TO_DEVICE, 0));
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), full - mock_slots_of(1));
	iova = map(b, AT + 1, GRANULE - 1, DMA_FROM_DEVICE);
	KUNIT_EXPECT_TRUE(test, refused(b, AT + 1, 1, DMA_TO_DEVICE, 0));

	mock_hog_release(hog, 2);
	another = map(b, AT + SZ_8K - 1, 2 + GRANULE, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), full);
	dma_unmap_single(b->dev, iova, GRANULE - 1, DMA_FROM_DEVICE);
	dma_unmap_single(b->dev, another, 2 + GRANULE, DMA_FROM_DEVICE);

	mock_hog_release(hog, UINT_MAX);
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), 0);
	expect_memory(b);
}

/*
 * Test that slots which swiotlb makes when all are taken are as good as the others, the
 * few that it makes at once and those of another pool, and that without them a mapping
 * is an error (B13).
 */
static void test_growing(struct kunit *test)
{
	struct mock_hog *hog = mock_hog_slots(test->priv);
	struct bounce *b = make_bounce(test, mock_untrusted(test->priv));
	bool grows = mock_slots_grow(b->dev, true);
	const size_t size = GRANULE + 100;
	dma_addr_t iovas[4];

	if (!grows)
		KUNIT_EXPECT_TRUE(test,
				  refused(b, 1, size, DMA_BIDIRECTIONAL, 0));
	for (int i = 0; grows && i < ARRAY_SIZE(iovas); i++) {
		size_t at = 1 + i * 2 * GRANULE;

		iovas[i] = map(b, at, size, DMA_BIDIRECTIONAL);
		expect_seen(b, iovas[i], at, size);
		KUNIT_EXPECT_TRUE(test, mock_fill(b->dev, iovas[i], i, size));
		memset(b->expected + at, i, size);
		/* What makes another pool runs once it is scheduled */
		if (i == 1)
			msleep(100);
	}
	for (int i = 0; grows && i < ARRAY_SIZE(iovas); i++)
		dma_unmap_single(b->dev, iovas[i], size, DMA_BIDIRECTIONAL);
	expect_memory(b);

	mock_hog_release(hog, UINT_MAX);
	KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), 0);
}

/*
 * Test that what would have to be copied and must not be, or cannot, is refused, and
 * that whole granules are not.
 */
static void test_refusals(struct kunit *test)
{
	static const unsigned long attrs[] = {
		DMA_ATTR_REQUIRE_COHERENT,
		DMA_ATTR_MMIO,
		DMA_ATTR_MMIO | DMA_ATTR_SKIP_CPU_SYNC,
	};
	struct bounce *b = make_untrusted(test);
	struct io_tlb_mem *mem = b->dev->dma_io_tlb_mem;
	struct mock *mock = b->mock;

	for (int i = 0; i < ARRAY_SIZE(attrs); i++) {
		mock_forget(mock);
		KUNIT_EXPECT_TRUE(test, refused(b, AT + 1, GRANULE,
						DMA_TO_DEVICE, attrs[i]));
		KUNIT_EXPECT_TRUE(test, refused(b, AT, GRANULE - 1,
						DMA_FROM_DEVICE, attrs[i]));
		KUNIT_EXPECT_STREQ(test, mock->history, "");
		KUNIT_EXPECT_FALSE(test, refused(b, AT, GRANULE, DMA_TO_DEVICE,
						 attrs[i]));
		KUNIT_EXPECT_STREQ(test, mock->history, "msui");
	}

	mock_forget(mock);
	b->dev->dma_io_tlb_mem = NULL;
	KUNIT_EXPECT_TRUE(test, refused(b, AT + 1, GRANULE, DMA_TO_DEVICE, 0));
	KUNIT_EXPECT_STREQ(test, mock->history, "");
	KUNIT_EXPECT_FALSE(test, refused(b, AT, GRANULE, DMA_TO_DEVICE, 0));
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");
	b->dev->dma_io_tlb_mem = mem;
}

/* Test that nothing sleeps where one must not: under a spinlock. */
static void test_under_spinlock(struct kunit *test)
{
	struct bounce *b = make_untrusted(test);
	static DEFINE_SPINLOCK(lock);
	dma_addr_t iova;

	for (int i = 0; i < 8; i++) {
		guard(spinlock_irqsave)(&lock);
		iova = dma_map_single(b->dev, b->memory + AT + 1, SZ_16K,
				      DMA_FROM_DEVICE);
		if (!dma_mapping_error(b->dev, iova))
			dma_unmap_single(b->dev, iova, SZ_16K, DMA_FROM_DEVICE);
	}
	KUNIT_EXPECT_EQ(test, b->mock->count[MOCK_SYNC], 8);
}

/**
 * struct worker - A thread that maps, writes, syncs and unmaps
 * @b: who bounces
 * @memory: what it maps, AREA bytes
 * @shadow: for each of its mappings, one per SZ_4K of @memory
 * @dir: directions of these
 * @seed: of its random numbers
 * @mapped: mappings that it made
 * @wrong: how often something was not as it should be
 */
struct worker {
	struct bounce *b;
	u8 *memory;
	struct mock_shadow *shadow[AREA / SZ_4K];
	enum dma_data_direction dir[AREA / SZ_4K];
	u32 seed;
	unsigned long mapped;
	unsigned long wrong;
};

/* A part of a mapping: its size, and where it starts */
static size_t any_part(struct rnd_state *rnd, size_t size, size_t *at)
{
	*at = prandom_u32_state(rnd) % size;
	return 1 + prandom_u32_state(rnd) % (size - *at);
}

/* Past dma-debug, which learns of an unmap when the IOVA may already be another's */
static void work_begin(struct worker *worker, int i, struct rnd_state *rnd)
{
	size_t at, size = any_part(rnd, SZ_4K, &at);
	u8 *memory = worker->memory + i * SZ_4K + at;
	struct device *dev = worker->b->dev;
	dma_addr_t iova;

	worker->dir[i] = prandom_u32_state(rnd) % 3;
	iova = iommu_dma_map_phys(dev, virt_to_phys(memory), size,
				  worker->dir[i], DMA_ATTR_NO_WARN);
	if (iova == DMA_MAPPING_ERROR)
		return;
	mock_shadow_begin(worker->shadow[i], iova, memory, size);
	worker->mapped++;
}

static void work_end(struct worker *worker, int i)
{
	struct mock_shadow *shadow = worker->shadow[i];

	mock_shadow_for_cpu(shadow, 0, shadow->size, worker->dir[i]);
	iommu_dma_unmap_phys(worker->b->dev, shadow->iova, shadow->size,
			     worker->dir[i], DMA_ATTR_NO_WARN);
	worker->wrong += !!memcmp(shadow->memory, shadow->cpu, shadow->size);
	shadow->size = 0;
}

static void work_on(struct worker *worker, int i, struct rnd_state *rnd)
{
	struct mock_shadow *shadow = worker->shadow[i];
	enum dma_data_direction dir = worker->dir[i];
	size_t at, size = any_part(rnd, shadow->size, &at);
	struct device *dev = worker->b->dev;

	switch (prandom_u32_state(rnd) % 5) {
	case 0:
		if (dir != DMA_TO_DEVICE)
			worker->wrong +=
				!mock_shadow_write(shadow, at, size, at);
		break;
	case 1:
		mock_shadow_cpu_write(shadow, at, size, size);
		break;
	case 2:
		iommu_dma_sync_single_for_cpu(dev, shadow->iova + at, size,
					      dir);
		mock_shadow_for_cpu(shadow, at, size, dir);
		break;
	case 3:
		iommu_dma_sync_single_for_device(dev, shadow->iova + at, size,
						 dir);
		mock_shadow_for_device(shadow, at, size, dir);
		break;
	default:
		work_end(worker, i);
		return;
	}
	worker->wrong += !mock_shadow_holds(shadow);
}

static int work(void *data)
{
	struct worker *worker = data;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, worker->seed);
	while (!kthread_should_stop()) {
		int i = prandom_u32_state(&rnd) % ARRAY_SIZE(worker->shadow);

		if (worker->shadow[i]->size)
			work_on(worker, i, &rnd);
		else
			work_begin(worker, i, &rnd);
		cond_resched();
	}
	for (int i = 0; i < ARRAY_SIZE(worker->shadow); i++)
		if (worker->shadow[i]->size)
			work_end(worker, i);
	return 0;
}

/*
 * Test that the mappings of threads never have a slot in common, now and then with
 * none left: each finds in its own what it, and its device, put there (B7, B8).
 */
static void test_many_threads(struct kunit *test)
{
	u32 seed = test_seed(test, bounce_out_seed);
	struct mock_hog *hog = mock_hog_slots(test->priv);
	struct bounce *b = make_untrusted(test);
	struct task_struct *tasks[4];
	struct worker *workers;
	unsigned long mapped = 0;

	workers = kunit_kcalloc(test, ARRAY_SIZE(tasks), sizeof(*workers),
				GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, workers);
	for (int i = 0; i < ARRAY_SIZE(tasks); i++) {
		workers[i].b = b;
		workers[i].memory = mock_buffer(test, AREA);
		workers[i].seed = seed + i;
		for (int j = 0; j < ARRAY_SIZE(workers->shadow); j++)
			workers[i].shadow[j] = mock_shadow(test, b->dev, SZ_4K);
	}

	/* Fewer than all of them want */
	mock_hog_release(hog, 16);
	for (int i = 0; i < ARRAY_SIZE(tasks); i++) {
		tasks[i] =
			kthread_run(work, &workers[i], "dma-iommu-mock/%d", i);
		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, tasks[i]);
	}
	msleep(1000);
	for (int i = 0; i < ARRAY_SIZE(tasks); i++) {
		if (IS_ERR(tasks[i]))
			continue;
		kthread_stop(tasks[i]);
		mapped += workers[i].mapped;
		KUNIT_EXPECT_EQ_MSG(test, workers[i].wrong, 0, "thread %d", i);
	}
	KUNIT_EXPECT_GT(test, mapped, 0);
	kunit_info(test, "%lu mappings", mapped);
	mock_hog_release(hog, UINT_MAX);
}

/*
 * Test that the slot is kept, and its IOVA quarantined, if the page table that refuses
 * it has filled it in all the same and does not give it up: alone, as a head, as a tail.
 */
static void test_slot_stuck(struct kunit *test)
{
	static const struct {
		size_t at, size;
		unsigned int nth;
	} cases[] = {
		{ 100, 1000, 1 },
		{ 100, SZ_4K, 1 },
		{ 0, SZ_4K + 1, 2 },
	};
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_16K);

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct device *dev = mock_untrusted(mock);
		struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
		unsigned long used = mock_slots_used(dev);
		phys_addr_t slot;
		dma_addr_t iova;

		mock->fault.map_nth = cases[i].nth;
		mock->fault.map_pages = 1;
		mock->fault.map_error = -ENOMEM;
		mock->fault.unmap_nth = 1;
		kunit_warning_suppress(test) {
			iova = dma_map_single(dev, memory + cases[i].at,
					      cases[i].size, DMA_TO_DEVICE);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		}
		KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, iova));
		KUNIT_EXPECT_EQ(test,
				atomic_long_read(&domain->iova_cookie->space.quarantined),
				mock_span(mock, cases[i].at, cases[i].size));
		KUNIT_EXPECT_EQ(test, mock_slots_used(dev),
				used + mock_slots_of(1));
		slot = mock_stuck(domain);
		KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
		iommu_dma_bounce_drop(dev, slot);
	}
}

static struct kunit_case bounce_out_cases[] = {
	KUNIT_CASE_PARAM(test_map_failure, coherency_gen_params),
	KUNIT_CASE(test_map_failure_stuck),
	KUNIT_CASE(test_failure_copies_nothing),
	KUNIT_CASE_PARAM(test_order, coherency_gen_params),
	KUNIT_CASE(test_order_failure),
	KUNIT_CASE(test_never_lazy),
	KUNIT_CASE(test_lazy_small),
	KUNIT_CASE(test_left_behind),
	KUNIT_CASE_PARAM(test_short_unmap, coherency_gen_params),
	KUNIT_CASE(test_exhaustion),
	KUNIT_CASE(test_growing),
	KUNIT_CASE(test_refusals),
	KUNIT_CASE(test_under_spinlock),
	KUNIT_CASE_PARAM(test_many_threads, coherency_gen_params),
	KUNIT_CASE(test_slot_stuck),
	{}
};

static struct kunit_suite bounce_out_suite = {
	.name = "iommu_dma_bounce_out",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = bounce_out_cases,
};

kunit_test_suite(bounce_out_suite);
