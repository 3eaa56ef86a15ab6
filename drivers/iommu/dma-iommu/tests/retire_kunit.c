// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the way out of a mapping: clear, invalidate, and only then give
 * back.
 *
 * Those that are about the order look at the moment when an invalidation has
 * started and has not completed: a device can still reach what was cleared, so
 * that nothing may have been given back yet.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>

#include "../private.h"
#include "mock.h"
#include "seed.h"

static unsigned int retire_seed;
module_param(retire_seed, uint, 0444);
MODULE_PARM_DESC(retire_seed, "Seed of random tests; 0 for a new one");

/**
 * struct watch - What was seen when invalidations started
 * @syncs: how many
 * @stale: bytes that could still be reached at the last one
 * @room: granules that were free at the last one
 */
struct watch {
	unsigned int syncs;
	size_t stale;
	size_t room;
};

/* No lock of the allocator may be held here: this uses it [F10] */
static void look(struct mock *mock, struct iommu_domain *domain)
{
	struct watch *watch = mock->at_sync_data;

	watch->syncs++;
	watch->stale = mock_stale(domain);
	watch->room = mock_room(domain);
}

/* A space of eight granules, of which the first cannot be had */
static struct device *tiny_space(struct mock *mock)
{
	mock->last = SZ_32K - 1;
	return mock_device(mock);
}

/*
 * Test that the IOVA of a mapping is not given back before the invalidation has
 * completed, and that it is then.
 */
static void test_order_range(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = tiny_space(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct watch watch = {};
	dma_addr_t iova;

	iova = dma_map_single(dev, mock_buffer(test, SZ_16K), SZ_16K,
			      DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));

	mock->at_sync = look;
	mock->at_sync_data = &watch;
	dma_unmap_single(dev, iova, SZ_16K, DMA_TO_DEVICE);
	mock->at_sync = NULL;

	KUNIT_EXPECT_EQ(test, watch.syncs, 1);
	KUNIT_EXPECT_EQ(test, watch.stale, SZ_16K);
	KUNIT_EXPECT_EQ(test, watch.room, 3);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
	KUNIT_EXPECT_EQ(test, mock_room(domain), 7);
}

/*
 * Test the same for a list with a hole in it: all of its stretches leave with
 * one invalidation.
 */
static void test_order_list(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct scatterlist sgl[2];
	struct watch watch = {};
	struct device *dev;
	void *memory = mock_buffer(test, SZ_32K);

	mock->last = SZ_64K - 1;
	dev = mock_device(mock, .boundary = SZ_16K - 1);
	sg_init_table(sgl, 2);
	sg_set_page(&sgl[0], virt_to_page(memory), 3 * SZ_4K, 0);
	sg_set_page(&sgl[1], virt_to_page(memory + SZ_16K), 4 * SZ_4K, 0);
	KUNIT_ASSERT_EQ(test, dma_map_sg(dev, sgl, 2, DMA_TO_DEVICE), 2);

	mock_forget(mock);
	mock->at_sync = look;
	mock->at_sync_data = &watch;
	dma_unmap_sg(dev, sgl, 2, DMA_TO_DEVICE);
	mock->at_sync = NULL;

	KUNIT_EXPECT_STREQ(test, mock->history, "uui");
	KUNIT_EXPECT_EQ(test, watch.syncs, 1);
	KUNIT_EXPECT_EQ(test, watch.stale, 7 * SZ_4K);
	KUNIT_EXPECT_EQ(test, watch.room, 15 - 8);
}

/*
 * Test that a mapping which fails half-way leaves by the same way: what was
 * mapped is invalidated before its IOVA is given back.
 */
static void test_order_failure(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct watch watch = {};
	struct device *dev;
	dma_addr_t iova;

	mock->chunk = 1;
	dev = tiny_space(mock);
	domain = iommu_get_domain_for_dev(dev);
	mock->fault.map_nth = 4;
	mock->fault.map_error = -ENOMEM;
	mock->at_sync = look;
	mock->at_sync_data = &watch;
	iova = dma_map_single(dev, mock_buffer(test, SZ_16K), SZ_16K,
			      DMA_TO_DEVICE);
	mock->at_sync = NULL;

	KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_EQ(test, watch.syncs, 1);
	KUNIT_EXPECT_EQ(test, watch.stale, 3 * SZ_4K);
	KUNIT_EXPECT_EQ(test, watch.room, 3);
	KUNIT_EXPECT_EQ(test, mock_room(domain), 7);
}

/* Test that the same holds for a list that fails half-way. */
static void test_order_list_failure(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = tiny_space(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	void *memory = mock_buffer(test, SZ_32K);
	struct scatterlist sgl[4];
	struct watch watch = {};

	sg_init_table(sgl, 4);
	for (int i = 0; i < 4; i++)
		sg_set_page(&sgl[i], virt_to_page(memory + i * SZ_8K), SZ_4K,
			    0);
	mock->fault.map_nth = 3;
	mock->fault.map_error = -ENOMEM;
	mock->at_sync = look;
	mock->at_sync_data = &watch;
	KUNIT_EXPECT_EQ(test, dma_map_sg(dev, sgl, 4, DMA_TO_DEVICE), 0);
	mock->at_sync = NULL;

	KUNIT_EXPECT_EQ(test, watch.syncs, 1);
	KUNIT_EXPECT_EQ(test, watch.stale, SZ_8K);
	KUNIT_EXPECT_EQ(test, watch.room, 3);
	KUNIT_EXPECT_EQ(test, mock_room(domain), 7);
}

/* What is quarantined in a domain */
static size_t quarantined(struct iommu_domain *domain)
{
	return atomic_long_read(&domain->iova_cookie->space.quarantined);
}

/*
 * Test that if the page table does not answer as asked, there is one warning,
 * and the IOVA is never handed out again, wherever the device can still reach
 * it and wherever not.
 */
static void test_short_unmap(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct mock_given given;
	dma_addr_t iova;

	iova = dma_map_single(dev, mock_buffer(test, SZ_16K), SZ_16K,
			      DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));

	mock_forget(mock);
	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		dma_unmap_single(dev, iova, SZ_16K, DMA_TO_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_STREQ(test, mock->history, "ui");
	KUNIT_EXPECT_EQ(test, quarantined(domain), SZ_16K);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_4K);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);

	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, iova,
						iova + SZ_16K - 1), 0);
	KUNIT_EXPECT_EQ(test, given.nr, (SZ_4M - SZ_16K) / SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
}

/* Test the same for a mapping of which nothing could be unmapped. */
static void test_nothing_unmapped(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct mock_given given;
	dma_addr_t iova;

	iova = dma_map_single(dev, mock_buffer(test, SZ_4K), SZ_4K,
			      DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));

	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, quarantined(domain), SZ_4K);
	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, iova, iova), 0);
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
}

/*
 * Test that only the first of many such failures in a domain is a warning, and that
 * each domain has a first one.
 */
static void test_few_warnings(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);

	for (int domains = 0; domains < 2; domains++) {
		struct device *dev = mock_device(mock);
		struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

		for (int i = 0; i < 20; i++) {
			dma_addr_t iova = dma_map_single(dev, memory, SZ_4K,
							 DMA_TO_DEVICE);

			KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
			mock->fault.unmap_nth = 1;
			kunit_warning_suppress(test) {
				dma_unmap_single(dev, iova, SZ_4K,
						 DMA_TO_DEVICE);
				KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, !i);
			}
			KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
		}
		KUNIT_EXPECT_EQ(test, quarantined(domain), 20 * SZ_4K);
	}
}

/*
 * Test that an unmap of another size than was mapped is one warning and gives
 * nothing back, neither what it took away nor what it left [V18].
 */
static void test_wrong_size(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct mock_given given;
	dma_addr_t iova;

	/* Past dma-debug, which would take what is left for a later device's */
	iova = iommu_dma_map_phys(dev, virt_to_phys(mock_buffer(test, SZ_16K)),
				  SZ_16K, DMA_TO_DEVICE, 0);
	KUNIT_ASSERT_NE(test, iova, DMA_MAPPING_ERROR);

	kunit_warning_suppress(test) {
		iommu_dma_unmap_phys(dev, iova, SZ_4K, DMA_TO_DEVICE, 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, quarantined(domain), SZ_4K);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_16K - SZ_4K);
	mock->kept = SZ_16K - SZ_4K;

	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, iova,
						iova + SZ_16K - 1), 0);
	/* The oracle would find it when the domain goes */
	iommu_dma_debug_removed(domain, iova, SZ_16K);
}

/*
 * Test that a list is quarantined as a whole, with one warning, if one of its
 * stretches could not be unmapped, and that the others are unmapped all the
 * same.
 */
static void test_short_unmap_list(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_32K);
	struct iommu_domain *domain;
	struct scatterlist sgl[2];
	struct mock_given given;
	struct device *dev;
	dma_addr_t iova;

	dev = mock_device(mock, .boundary = SZ_16K - 1);
	domain = iommu_get_domain_for_dev(dev);
	sg_init_table(sgl, 2);
	sg_set_page(&sgl[0], virt_to_page(memory), 3 * SZ_4K, 0);
	sg_set_page(&sgl[1], virt_to_page(memory + SZ_16K), 4 * SZ_4K, 0);
	KUNIT_ASSERT_EQ(test, dma_map_sg(dev, sgl, 2, DMA_TO_DEVICE), 2);
	iova = sg_dma_address(sgl);

	mock_forget(mock);
	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		dma_unmap_sg(dev, sgl, 2, DMA_TO_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_STREQ(test, mock->history, "uui");
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_4K);
	KUNIT_EXPECT_EQ(test, quarantined(domain), SZ_32K);

	given = mock_give_all(mock, dev);
	KUNIT_EXPECT_EQ(test, mock_given_within(mock, &given, iova,
						iova + SZ_32K - 1), 0);
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
}

/* The ways to map 4 granules, or as many pages, that are tried one after the other */
enum way { SINGLE, LIST, LINK, BUFFER, NR_WAYS };

/* Map in a way, which fails. What was written to meanwhile has to be as before. */
static void fail_to_map(struct kunit *test, struct device *dev, enum way way,
			void *memory)
{
	struct dma_iova_state state, state_before;
	struct scatterlist sg, sg_before;
	dma_addr_t iova = 0x5eed;

	switch (way) {
	case SINGLE:
		iova = dma_map_single(dev, memory, SZ_16K, DMA_TO_DEVICE);
		KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, iova));
		return;
	case LIST:
		sg_init_one(&sg, memory, SZ_16K);
		sg_before = sg;
		KUNIT_EXPECT_EQ(test, dma_map_sg(dev, &sg, 1, DMA_TO_DEVICE),
				0);
		KUNIT_EXPECT_MEMEQ(test, &sg, &sg_before, sizeof(sg));
		return;
	case LINK:
		KUNIT_ASSERT_TRUE(test,
				  dma_iova_try_alloc(dev, &state, 0, SZ_16K));
		state_before = state;
		KUNIT_EXPECT_NE(test,
				dma_iova_link(dev, &state, virt_to_phys(memory),
					      0, SZ_16K, DMA_TO_DEVICE, 0),
				0);
		KUNIT_EXPECT_MEMEQ(test, &state, &state_before, sizeof(state));
		dma_iova_free(dev, &state);
		return;
	default:
		KUNIT_EXPECT_NULL(test, dma_alloc_coherent(dev, 4 * PAGE_SIZE,
							   &iova, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, iova, 0x5eed);
	}
}

/*
 * Test that a mapping which fails and whose undoing comes up short quarantines its
 * IOVA, with one warning, in whichever way it is made [G5, G8], and that the memory of
 * a buffer is not freed.
 */
static void test_short_undo(struct kunit *test)
{
	void *memory = mock_buffer(test, SZ_16K);
	struct mock *mock = test->priv;

	mock->chunk = 1;
	for (enum way way = 0; way < NR_WAYS; way++) {
		size_t size = way == BUFFER ? 4 * PAGE_SIZE : SZ_16K;
		struct device *dev = mock_device(mock);
		struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
		size_t room = mock_room(domain);

		mock->fault.map_nth = 3;
		mock->fault.map_error = -ENOMEM;
		mock->fault.unmap_nth = 1;
		kunit_warning_suppress(test) {
			fail_to_map(test, dev, way, memory);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		}
		KUNIT_EXPECT_EQ_MSG(test, quarantined(domain), size, "way %d",
				    way);
		KUNIT_EXPECT_EQ(test, mock_room(domain), room - size / SZ_4K);
		KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
		if (way == BUFFER)
			KUNIT_EXPECT_GT(test,
					page_count(phys_to_page(mock_stuck(domain))),
					0);
		KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
	}
}

/* Test that no mapping is taken away together with a neighbour. */
static void test_neighbours_stay(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = tiny_space(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	void *memory = mock_buffer(test, SZ_4K);
	dma_addr_t iovas[7];
	int i;

	for (i = 0; i < 7; i++) {
		iovas[i] = dma_map_single(dev, memory + i, 100, DMA_TO_DEVICE);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iovas[i]));
	}
	for (i = 0; i < 7; i++) {
		dma_unmap_single(dev, iovas[i], 100, DMA_TO_DEVICE);
		KUNIT_EXPECT_FALSE(test, mock_reachable(domain, iovas[i], 100));
		KUNIT_EXPECT_EQ(test, mock_live(domain), (6 - i) * SZ_4K);
	}
}

/**
 * struct worker - A thread that maps and unmaps
 * @dev: the device
 * @memory: what it maps, 32 KiB
 * @seed: of its random numbers
 * @mapped: mappings that it made
 */
struct worker {
	struct device *dev;
	void *memory;
	u32 seed;
	unsigned long mapped;
};

static int work(void *data)
{
	struct worker *worker = data;
	struct {
		dma_addr_t iova;
		size_t size;
	} slots[8] = {};
	struct rnd_state rnd;

	prandom_seed_state(&rnd, worker->seed);
	while (!kthread_should_stop()) {
		int i = prandom_u32_state(&rnd) % ARRAY_SIZE(slots);

		if (slots[i].size) {
			dma_unmap_single(worker->dev, slots[i].iova,
					 slots[i].size, DMA_TO_DEVICE);
			slots[i].size = 0;
			continue;
		}

		slots[i].size = 1 + prandom_u32_state(&rnd) % SZ_32K;
		slots[i].iova = dma_map_single(worker->dev, worker->memory,
					       slots[i].size, DMA_TO_DEVICE);
		if (dma_mapping_error(worker->dev, slots[i].iova))
			slots[i].size = 0;
		else
			worker->mapped++;
		cond_resched();
	}

	for (int i = 0; i < ARRAY_SIZE(slots); i++)
		if (slots[i].size)
			dma_unmap_single(worker->dev, slots[i].iova,
					 slots[i].size, DMA_TO_DEVICE);
	return 0;
}

/* Time for another thread to take what was given back too early */
static void dawdle(struct mock *mock, struct iommu_domain *domain)
{
	udelay(9);
}

/*
 * Test that of threads which map and unmap in a space that is too small for
 * all of them, none is ever given what another one can still reach: the mock
 * looks at every map call.
 */
static void test_many_threads(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct task_struct *tasks[4];
	struct worker workers[4];
	unsigned long mapped = 0;
	struct device *dev;
	u32 seed = test_seed(test, retire_seed);

	mock->last = SZ_512K - 1;
	mock->at_sync = dawdle;
	dev = mock_device(mock);
	for (int i = 0; i < ARRAY_SIZE(tasks); i++) {
		workers[i] = (struct worker){
			.dev = dev,
			.memory = mock_buffer(test, SZ_32K),
			.seed = seed + i,
		};
	}
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
	}
	KUNIT_EXPECT_GT(test, mapped, 0);
	kunit_info(test, "%lu mappings", mapped);
}

/*
 * Test that a page table which says that it cleared more than it was asked for is not
 * trusted: one warning, the range is quarantined, and a buffer is not freed [G5].
 */
static void test_cleared_too_much(struct kunit *test)
{
	void *memory = mock_buffer(test, SZ_16K), *buffer;
	struct mock *mock = test->priv;
	struct page *page;
	dma_addr_t iova;

	for (int i = 0; i < 2; i++) {
		struct device *dev = mock_device(mock);
		struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
		size_t size = i ? PAGE_SIZE : SZ_8K;

		if (i) {
			buffer = dma_alloc_coherent(dev, size, &iova,
						    GFP_ATOMIC);
			KUNIT_ASSERT_NOT_NULL(test, buffer);
			page = virt_to_page(buffer);
		} else {
			iova = dma_map_single(dev, memory, size, DMA_TO_DEVICE);
			KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
		}
		mock->fault.unmap_more_nth = 1;
		kunit_warning_suppress(test) {
			if (i)
				dma_free_coherent(dev, size, buffer, iova);
			else
				dma_unmap_single(dev, iova, size,
						 DMA_TO_DEVICE);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		}
		KUNIT_EXPECT_EQ(test, quarantined(domain), size);
		KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
		if (i)
			KUNIT_EXPECT_EQ(test, page_count(page), 1);
	}
	__free_page(page);
}

/**
 * struct stuck - An invalidation that does not come to an end
 * @dev: the device
 * @iova: what is unmapped
 * @task: who does that
 * @begun: it has begun
 * @go_on: it may end
 */
struct stuck {
	struct device *dev;
	dma_addr_t iova;
	struct task_struct *task;
	struct completion begun;
	struct completion go_on;
};

static void get_stuck(struct mock *mock, struct iommu_domain *domain)
{
	struct stuck *stuck = mock->at_sync_data;

	if (current != READ_ONCE(stuck->task))
		return;
	complete(&stuck->begun);
	wait_for_completion(&stuck->go_on);
}

static int unmap_and_get_stuck(void *data)
{
	struct stuck *stuck = data;

	dma_unmap_single(stuck->dev, stuck->iova, SZ_4K, DMA_TO_DEVICE);
	while (!kthread_should_stop())
		usleep_range(1000, 2000);
	return 0;
}

/*
 * Test that while an invalidation does not come to an end, as that of a device which
 * was pulled out, nobody else is held up: other domains map and unmap, and so does the
 * same one, as no lock of the layer's is held meanwhile [F10, F11].
 */
static void test_stuck_invalidation(struct kunit *test)
{
	void *memory = mock_buffer(test, SZ_16K);
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct stuck stuck = {};
	struct device *devs[2];

	mock->last = SZ_16M - 1;
	stuck.dev = mock_device(mock);
	devs[0] = stuck.dev;
	devs[1] = mock_device(mock);
	domain = iommu_get_domain_for_dev(stuck.dev);
	stuck.iova = dma_map_single(stuck.dev, memory, SZ_4K, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(stuck.dev, stuck.iova));
	init_completion(&stuck.begun);
	init_completion(&stuck.go_on);
	mock->at_sync_data = &stuck;
	mock->at_sync = get_stuck;
	stuck.task = kthread_create(unmap_and_get_stuck, &stuck, "stuck");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, stuck.task);
	wake_up_process(stuck.task);
	wait_for_completion(&stuck.begun);

	for (int i = 0; i < 64; i++) {
		struct device *dev = devs[i % 2];
		/* Some need another chunk, and one a region of its own */
		size_t size = i < 62 ? SZ_16K : SZ_2M + SZ_4K;
		phys_addr_t phys = virt_to_phys(memory);
		dma_addr_t iova =
			iommu_dma_map_phys(dev, phys, size, DMA_TO_DEVICE, 0);

		KUNIT_ASSERT_NE(test, iova, DMA_MAPPING_ERROR);
		if (dev == stuck.dev && iova <= stuck.iova)
			KUNIT_EXPECT_LE(test, iova + size, stuck.iova);
		iommu_dma_unmap_phys(dev, iova, size, DMA_TO_DEVICE, 0);
	}
	KUNIT_EXPECT_EQ(test, mock_room(domain), SZ_16M / SZ_4K - 2);
	KUNIT_EXPECT_TRUE(test, mock_reachable(domain, stuck.iova, SZ_4K));

	complete(&stuck.go_on);
	kthread_stop(stuck.task);
	mock->at_sync = NULL;
	KUNIT_EXPECT_EQ(test, mock_room(domain), SZ_16M / SZ_4K - 1);
}

static struct kunit_case retire_cases[] = {
	KUNIT_CASE(test_order_range),
	KUNIT_CASE(test_order_list),
	KUNIT_CASE(test_order_failure),
	KUNIT_CASE(test_order_list_failure),
	KUNIT_CASE(test_short_unmap),
	KUNIT_CASE(test_nothing_unmapped),
	KUNIT_CASE(test_few_warnings),
	KUNIT_CASE(test_wrong_size),
	KUNIT_CASE(test_short_unmap_list),
	KUNIT_CASE(test_short_undo),
	KUNIT_CASE(test_neighbours_stay),
	KUNIT_CASE_SLOW(test_many_threads),
	KUNIT_CASE(test_cleared_too_much),
	KUNIT_CASE(test_stuck_invalidation),
	{}
};

static struct kunit_suite retire_suite = {
	.name = "iommu_dma_retire",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = retire_cases,
};

kunit_test_suite(retire_suite);
