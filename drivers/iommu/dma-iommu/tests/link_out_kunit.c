// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the two-step API, IOVA first and memory later: in which order it leaves, and
 * what is left when the IOMMU driver does not do as it was told.
 */

#include <linux/dma-mapping.h>

#include "link_fixture.h"

/* Expect that the last of three links fails at a call of the driver, and the others stay */
static void expect_link_fails(struct link *link, size_t size, unsigned int nth,
			      size_t pages)
{
	size_t offset = three[0].size + GRANULE;
	struct mock *mock = link->mock;
	struct kunit *test = link->test;
	unsigned long before;

	take(link, three[0].at, offset + size);
	KUNIT_ASSERT_EQ(test,
			try_link(link, 0, three[0].at, three[0].size,
				 DMA_BIDIRECTIONAL, 0),
			0);
	KUNIT_ASSERT_EQ(test,
			try_link(link, three[0].size, three[1].at, GRANULE,
				 DMA_BIDIRECTIONAL, 0),
			0);
	before = mock_slots_held(link->dev);

	mock->fault.map_nth = nth;
	mock->fault.map_pages = pages;
	mock->fault.map_error = -ENODEV;
	KUNIT_EXPECT_EQ(test,
			try_link(link, offset, 10 * GRANULE, size,
				 DMA_BIDIRECTIONAL, 0),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, mock->fault.map_nth, 0);
	KUNIT_EXPECT_EQ(test, mock_live(link->domain), 2 * GRANULE);
	KUNIT_EXPECT_EQ(test, mock_stale(link->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), before);

	KUNIT_EXPECT_EQ(test,
			try_link(link, offset, 10 * GRANULE, size,
				 DMA_BIDIRECTIONAL, 0),
			0);
	dma_iova_destroy(link->dev, &link->state, offset + size,
			 DMA_BIDIRECTIONAL, 0);
	expect_gone(link);
	expect_memory(link);
}

/*
 * Test that at whichever call of the IOMMU driver a link fails, nothing of it is left,
 * what was linked before stays, and it can be linked again (B11, G5).
 */
static void test_link_failure(struct kunit *test)
{
	static const size_t sizes[] = {
		1, GRANULE, GRANULE + 1, 3 * GRANULE, 3 * GRANULE - 1,
	};
	struct link *link = make_link_param(test);

	link->mock->chunk = 1;
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t calls = DIV_ROUND_UP(sizes[i], GRANULE);

		for (unsigned int j = 0; j < 2 * calls; j++)
			expect_link_fails(link, sizes[i], 1 + j / 2, j % 2);
	}
}

/*
 * Test the same for a link of an untrusted device that is all there is, with a head, a
 * middle and a tail of any size, or without them (B11).
 */
static void test_link_failure_parts(struct kunit *test)
{
	static const size_t parts[] = { 0, 1, GRANULE - 1 };
	struct link *link = make_link(test, UNTRUSTED);
	struct mock *mock = link->mock;

	mock->chunk = 1;
	for (int i = 1; i < 27; i++) {
		size_t head = parts[i / 9], tail = parts[i % 3];
		size_t at = 2 * GRANULE - head;
		size_t size = head + i / 3 % 3 * GRANULE + tail;
		size_t calls = mock_span(mock, at, size) / GRANULE;

		for (unsigned int j = 0; j < 2 * calls; j++) {
			take(link, at, size);
			mock->fault.map_nth = 1 + j / 2;
			mock->fault.map_pages = j % 2;
			mock->fault.map_error = -ENOMEM;
			KUNIT_EXPECT_EQ(test,
					try_link(link, 0, at, size,
						 DMA_FROM_DEVICE, 0),
					-ENOMEM);
			KUNIT_EXPECT_EQ(test, mock->fault.map_nth, 0);
			KUNIT_EXPECT_EQ(test, mock_live(link->domain), 0);
			KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), 0);
			dma_iova_destroy(link->dev, &link->state, 0,
					 DMA_FROM_DEVICE, 0);
			expect_gone(link);
		}
	}
	expect_memory(link);
}

/* Test that if slots run out nothing is left of a link. */
static void test_exhaustion(struct kunit *test)
{
	struct mock_hog *hog = mock_hog_slots(test->priv);
	struct link *link = make_link(test, UNTRUSTED);
	unsigned long full = mock_slots_held(link->dev);

	take(link, 100, 2 * GRANULE);
	for (int i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test,
				try_link(link, 0, 100, 2 * GRANULE,
					 DMA_TO_DEVICE, 0),
				-ENOMEM);
		KUNIT_EXPECT_EQ(test, mock_live(link->domain), 0);
		KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev),
				full - mock_slots_of(i));
		mock_hog_release(hog, 1);
	}
	KUNIT_EXPECT_EQ(test, try_link(link, 0, 100, 2 * GRANULE,
				       DMA_TO_DEVICE, 0), 0);
	dma_iova_destroy(link->dev, &link->state, 2 * GRANULE, DMA_TO_DEVICE,
			 0);
	mock_hog_release(hog, UINT_MAX);
	expect_gone(link);
}

/*
 * Test that if the IOMMU cannot be told of what is linked, the caller learns of it, and
 * that it is still linked: to be told again, or destroyed.
 */
static void test_sync_failure(struct kunit *test)
{
	struct link *link = make_link_param(test);
	size_t total = total_of(three, 3);

	link_parts(link, three, 3, DMA_FROM_DEVICE);
	link->mock->fault.sync_map_nth = 1;
	link->mock->fault.sync_map_error = -EIO;
	KUNIT_EXPECT_EQ(test, dma_iova_sync(link->dev, &link->state, 0, total),
			-EIO);
	KUNIT_EXPECT_EQ(test, mock_live(link->domain), 4 * GRANULE);
	KUNIT_EXPECT_EQ(test,
			dma_iova_sync(link->dev, &link->state, GRANULE - 100,
				      2 * GRANULE),
			0);
	dma_iova_destroy(link->dev, &link->state, total, DMA_FROM_DEVICE, 0);
	expect_gone(link);
}

/**
 * struct watch - What was seen when an invalidation started
 * @link: what is unlinked
 * @write: bytes from the start of the range that the device still writes
 * @slots: that were taken
 * @room: granules that were free
 * @copied: memory had changed
 * @syncs: how many
 * @first: what was behind the range's first byte
 */
struct watch {
	struct link *link;
	size_t write;
	unsigned long slots;
	size_t room;
	bool copied;
	unsigned int syncs;
	phys_addr_t first;
};

static void look(struct mock *mock, struct iommu_domain *domain)
{
	struct watch *watch = mock->at_sync_data;
	struct link *link = watch->link;
	int prot;

	watch->syncs++;
	watch->slots = mock_slots_held(link->dev);
	watch->room = mock_room(domain);
	watch->copied |= memcmp(link->memory, link->expected, AREA);
	mock_reach(domain, link->state.addr, &watch->first, &prot);
	KUNIT_EXPECT_TRUE(link->test, mock_fill(link->dev, link->state.addr,
						0xbb, watch->write));
}

/*
 * Test that when memory is unlinked, or all of it with its range, slots are copied back
 * and released and IOVA is given back after the invalidation has completed, and not
 * before (G2).
 */
static void test_order(struct kunit *test)
{
	struct link *link = make_link_param(test);
	size_t total = total_of(three, 3);
	unsigned long held;

	for (int destroy = 0; destroy < 2; destroy++) {
		struct watch watch = { .link = link, .write = three[0].size };

		set_pattern(link, destroy);
		link_parts(link, three, 3, DMA_FROM_DEVICE);
		held = mock_slots_held(link->dev);
		link->mock->at_sync = look;
		link->mock->at_sync_data = &watch;
		if (destroy)
			dma_iova_destroy(link->dev, &link->state, total,
					 DMA_FROM_DEVICE, 0);
		else
			dma_iova_unlink(link->dev, &link->state, 0, total,
					DMA_FROM_DEVICE, 0);
		link->mock->at_sync = NULL;

		KUNIT_EXPECT_EQ(test, watch.syncs, 1);
		KUNIT_EXPECT_EQ(test, watch.slots, held);
		KUNIT_EXPECT_EQ(test, watch.room, ROOM - 4);
		KUNIT_EXPECT_FALSE(test, watch.copied);
		memset(link->expected + three[0].at, 0xbb, three[0].size);
		expect_memory(link);
		KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), 0);
		if (!destroy) {
			KUNIT_EXPECT_EQ(test, mock_room(link->domain),
					ROOM - 4);
			dma_iova_free(link->dev, &link->state);
		}
		expect_gone(link);
	}
}

/* Test that with DMA_ATTR_SKIP_CPU_SYNC nothing is copied back, and slots are. */
static void test_skip_cpu_sync(struct kunit *test)
{
	struct link *link = make_link(test, UNTRUSTED);

	for (int destroy = 0; destroy < 2; destroy++) {
		link_parts(link, &three[0], 1, DMA_FROM_DEVICE);
		KUNIT_EXPECT_TRUE(test, mock_fill(link->dev, link->state.addr,
						  1, three[0].size));
		if (destroy) {
			dma_iova_destroy(link->dev, &link->state, three[0].size,
					 DMA_FROM_DEVICE,
					 DMA_ATTR_SKIP_CPU_SYNC);
		} else {
			dma_iova_unlink(link->dev, &link->state, 0,
					three[0].size, DMA_FROM_DEVICE,
					DMA_ATTR_SKIP_CPU_SYNC);
			dma_iova_free(link->dev, &link->state);
		}
		expect_memory(link);
		expect_gone(link);
	}
}

/*
 * Test that a range of which a part could not be unlinked is quarantined as a whole
 * with one warning, that its slots are kept, and that it is not handed out again, be it
 * that the caller gives it back or not.
 */
static void test_short_unmap(struct kunit *test)
{
	struct link *link = make_link_param(test);
	size_t total = total_of(three, 3);
	phys_addr_t head = 0, tail = 0;
	unsigned long held;

	for (int destroy = 0; destroy < 2; destroy++) {
		size_t before = quarantined(link);

		link_parts(link, three, 3, DMA_FROM_DEVICE);
		held = mock_slots_held(link->dev);
		mock_lookup(link->domain, link->state.addr, &head, NULL);
		mock_lookup(link->domain, link->state.addr + total - 1, &tail,
			    NULL);
		link->mock->fault.unmap_nth = 1;
		kunit_warning_suppress(test) {
			if (destroy)
				dma_iova_destroy(link->dev, &link->state, total,
						 DMA_FROM_DEVICE, 0);
			else
				dma_iova_unlink(link->dev, &link->state, 0,
						total, DMA_FROM_DEVICE, 0);
			/* Once in a domain */
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, !before);
		}
		KUNIT_EXPECT_EQ(test, quarantined(link) - before, 4 * GRANULE);
		KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), held);
		KUNIT_EXPECT_EQ(test, mock_room(link->domain),
				ROOM - quarantined(link) / GRANULE);
		expect_memory(link);

		/* The caller does not know, and does as always */
		if (!destroy)
			dma_iova_free(link->dev, &link->state);
		KUNIT_EXPECT_EQ(test, quarantined(link) - before, 4 * GRANULE);
		KUNIT_EXPECT_EQ(test, mock_room(link->domain),
				ROOM - quarantined(link) / GRANULE);
		KUNIT_EXPECT_EQ(test, mock_unstick(link->domain), GRANULE);
		if (held) {
			iommu_dma_bounce_drop(link->dev, head);
			iommu_dma_bounce_drop(link->dev, tail);
		}
	}
}

/*
 * Test that a link which fails and cannot be undone quarantines the range with one
 * warning, and keeps the slot that the device may reach.
 */
static void test_link_failure_stuck(struct kunit *test)
{
	struct link *link = make_link(test, UNTRUSTED);
	struct mock *mock = link->mock;
	struct watch watch = { .link = link };
	size_t before;

	/* The tail fails, and the middle stays when it is undone: its head is kept */
	take(link, 100, 3 * GRANULE);
	mock->fault.map_nth = 3;
	mock->fault.map_error = -ENOMEM;
	mock->fault.unmap_nth = 1;
	mock->at_sync = look;
	mock->at_sync_data = &watch;
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_NE(test,
				try_link(link, 0, 100, 3 * GRANULE,
					 DMA_TO_DEVICE, 0),
				0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	mock->at_sync = NULL;
	before = quarantined(link);
	KUNIT_EXPECT_EQ(test, before, 4 * GRANULE);
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), mock_slots_of(1));

	/* The caller does not know, and does as always */
	dma_iova_free(link->dev, &link->state);
	KUNIT_EXPECT_EQ(test, quarantined(link), before);
	KUNIT_EXPECT_EQ(test, mock_room(link->domain), ROOM - 4);
	KUNIT_EXPECT_EQ(test, mock_unstick(link->domain), GRANULE);
	iommu_dma_bounce_drop(link->dev, watch.first);
}

/*
 * Test that after such a failure what was linked before can be destroyed as always:
 * it is out of the device's reach and its slots are back, while the IOVA stays
 * quarantined.
 */
static void test_destroy_after_stuck(struct kunit *test)
{
	struct link *link = make_link(test, UNTRUSTED);
	struct mock *mock = link->mock;

	take(link, three[0].at, three[0].size + GRANULE + 1);
	KUNIT_ASSERT_EQ(test,
			try_link(link, 0, three[0].at, three[0].size,
				 DMA_FROM_DEVICE, 0),
			0);
	mock->fault.map_nth = 2;
	mock->fault.map_error = -ENOMEM;
	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_NE(test,
				try_link(link, three[0].size, three[1].at,
					 GRANULE + 1, DMA_FROM_DEVICE, 0),
				0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, quarantined(link), 3 * GRANULE);
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), mock_slots_of(1));

	link->part[0] = three[0];
	link->nr = 1;
	write_all(link, 0x19);
	dma_iova_destroy(link->dev, &link->state, three[0].size,
			 DMA_FROM_DEVICE, 0);
	expect_memory(link);
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), 0);
	KUNIT_EXPECT_EQ(test, mock_live(link->domain), GRANULE);
	KUNIT_EXPECT_EQ(test, quarantined(link), 3 * GRANULE);
	KUNIT_EXPECT_EQ(test, mock_room(link->domain), ROOM - 3);
	KUNIT_EXPECT_EQ(test, mock_unstick(link->domain), GRANULE);
}

/*
 * Test that in a lazy domain destroying a range defers the invalidation, unless the
 * device is untrusted (G6), and that unlinking never does: the caller goes on to use
 * the IOVA.
 */
static void test_lazy(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct link *link;

	mock->lazy = true;
	link = make_link_param(test);
	KUNIT_ASSERT_EQ(test, link->domain->type, IOMMU_DOMAIN_DMA_FQ);

	link_parts(link, &three[1], 1, DMA_FROM_DEVICE);
	mock_forget(mock);
	dma_iova_unlink(link->dev, &link->state, 0, GRANULE, DMA_FROM_DEVICE,
			0);
	KUNIT_EXPECT_FALSE(test, mock_reachable(link->domain, link->state.addr,
						GRANULE));
	KUNIT_EXPECT_EQ(test, mock_stale(link->domain), 0);
	KUNIT_EXPECT_EQ(test, try_link(link, 0, 0, GRANULE, DMA_FROM_DEVICE, 0),
			0);

	mock_forget(mock);
	dma_iova_destroy(link->dev, &link->state, 2 * GRANULE, DMA_FROM_DEVICE,
			 0);
	if (iommu_dma_dev_untrusted(link->dev)) {
		KUNIT_EXPECT_STREQ(test, mock->history, "ui");
		expect_gone(link);
		return;
	}
	KUNIT_EXPECT_STREQ(test, mock->history, "u");
	KUNIT_EXPECT_EQ(test, mock_stale(link->domain), 2 * GRANULE);
	mock_drain(link->domain);
	expect_gone(link);
}

/*
 * Test that in a lazy domain as well, another device's memory is out of reach when its
 * range has been destroyed: it may be given to a guest then.
 */
static void test_lazy_mmio(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct link *link;

	mock->lazy = true;
	link = make_link_param(test);
	KUNIT_ASSERT_EQ(test, link->domain->type, IOMMU_DOMAIN_DMA_FQ);
	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(link->dev, &link->state, 0,
						   GRANULE));
	KUNIT_ASSERT_EQ(test,
			dma_iova_link(link->dev, &link->state, BIT_ULL(44), 0,
				      GRANULE, DMA_FROM_DEVICE, DMA_ATTR_MMIO),
			0);
	mock_forget(mock);
	dma_iova_destroy(link->dev, &link->state, GRANULE, DMA_FROM_DEVICE,
			 DMA_ATTR_MMIO);
	KUNIT_EXPECT_STREQ(test, mock->history, "ui");
	KUNIT_EXPECT_EQ(test, mock_stale(link->domain), 0);
	expect_gone(link);
}

/*
 * Test that a range is destroyed as a whole, and nothing beside it, if more is said to
 * be linked than there is of it, or a part of a granule [M12].
 */
static void test_mapped_len(struct kunit *test)
{
	const size_t linked = GRANULE + 100, size = 3 * GRANULE;
	struct link *link = make_link(test, PLAIN);
	dma_addr_t neighbour;

	take(link, 0, size);
	KUNIT_ASSERT_EQ(test, try_link(link, 0, 0, linked, DMA_TO_DEVICE, 0),
			0);
	dma_iova_destroy(link->dev, &link->state, linked, DMA_TO_DEVICE, 0);
	expect_gone(link);

	take(link, 0, size);
	KUNIT_ASSERT_EQ(test, try_link(link, 0, 0, size, DMA_TO_DEVICE, 0), 0);
	neighbour =
		dma_map_single(link->dev, link->memory, GRANULE, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(link->dev, neighbour));
	kunit_warning_suppress(test) {
		dma_iova_destroy(link->dev, &link->state, size + GRANULE,
				 DMA_TO_DEVICE, 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, mock_live(link->domain), GRANULE);
	dma_unmap_single(link->dev, neighbour, GRANULE, DMA_TO_DEVICE);
	expect_gone(link);

	/* What was never linked is not given back as if it had been */
	take(link, 0, size);
	KUNIT_ASSERT_EQ(test, try_link(link, 0, 0, GRANULE, DMA_TO_DEVICE, 0),
			0);
	kunit_warning_suppress(test) {
		dma_iova_destroy(link->dev, &link->state, size, DMA_TO_DEVICE,
				 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, mock_live(link->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(link->domain), 0);
	KUNIT_EXPECT_EQ(test, quarantined(link), size);
}

static struct kunit_case link_out_cases[] = {
	KUNIT_CASE_PARAM(test_link_failure, device_gen_params),
	KUNIT_CASE(test_link_failure_parts),
	KUNIT_CASE(test_exhaustion),
	KUNIT_CASE_PARAM(test_sync_failure, device_gen_params),
	KUNIT_CASE_PARAM(test_order, device_gen_params),
	KUNIT_CASE(test_skip_cpu_sync),
	KUNIT_CASE_PARAM(test_short_unmap, device_gen_params),
	KUNIT_CASE(test_link_failure_stuck),
	KUNIT_CASE(test_destroy_after_stuck),
	KUNIT_CASE_PARAM(test_lazy, device_gen_params),
	KUNIT_CASE_PARAM(test_lazy_mmio, device_gen_params),
	KUNIT_CASE(test_mapped_len),
	{}
};

static struct kunit_suite link_out_suite = {
	.name = "iommu_dma_link_out",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = link_out_cases,
};

kunit_test_suite(link_out_suite);
