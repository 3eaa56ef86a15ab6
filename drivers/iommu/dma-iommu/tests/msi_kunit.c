// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of MSI doorbells.
 */

#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/msi.h>
#include <linux/prandom.h>
#include <linux/tracepoint.h>
#include <trace/events/kmem.h>

#include "../../dma-iommu.h"
#include "../private.h"
#include "mock.h"
#include "seed.h"

static unsigned int msi_seed;
module_param(msi_seed, uint, 0444);
MODULE_PARM_DESC(msi_seed, "Seed of random tests; 0 for a new one");

/* Where the mock's interrupt controller has its doorbells. Not memory. */
#define DOORBELL 0x08020040ULL

/* Prepare an MSI as the interrupt core does, and say where it will be sent */
static int prepare(struct device *dev, phys_addr_t doorbell, u64 *sent)
{
	struct msi_desc desc = { .dev = dev };
	struct msi_msg msg = {};
	int ret = iommu_dma_prepare_msi(&desc, doorbell);

	msi_msg_set_addr(&desc, &msg, doorbell);
	*sent = (u64)msg.address_hi << 32 | msg.address_lo;
	return ret;
}

static int msi_init(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_IRQ_MSI_IOMMU))
		kunit_skip(test, "no doorbells on this architecture");
	return mock_test_init(test);
}

/*
 * Test that a doorbell is mapped when the first MSI asks for it, for writing
 * only and as a device, exactly one granule of it, with memory that may be waited
 * for, and not again for the next MSI. Guards against "iommu/dma: Handle MSI
 * mappings separately" [M2].
 */
static void test_same_doorbell(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	u64 first, second, third;
	phys_addr_t phys;
	int prot;

	mock->kept = SZ_4K;
	KUNIT_ASSERT_EQ(test, prepare(dev, DOORBELL, &first), 0);
	KUNIT_EXPECT_STREQ(test, mock->history, "ms");
	KUNIT_EXPECT_TRUE(test, gfpflags_allow_blocking(mock->last_gfp));
	KUNIT_ASSERT_TRUE(test, mock_lookup(domain, first, &phys, &prot));
	KUNIT_EXPECT_EQ(test, phys, DOORBELL);
	KUNIT_EXPECT_EQ(test, prot, IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_4K);

	KUNIT_EXPECT_EQ(test, prepare(dev, DOORBELL, &second), 0);
	KUNIT_EXPECT_EQ(test, second, first);
	KUNIT_EXPECT_EQ(test, prepare(dev, DOORBELL + 4, &third), 0);
	KUNIT_EXPECT_EQ(test, third, first + 4);
	KUNIT_EXPECT_STREQ(test, mock->history, "ms");
}

/* Test that doorbells on two pages are two mappings. */
static void test_two_doorbells(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	u64 sent[2];
	phys_addr_t phys;

	mock->kept = SZ_8K;
	for (int i = 0; i < 4; i++) {
		phys_addr_t doorbell = DOORBELL + i % 2 * SZ_64K;

		KUNIT_ASSERT_EQ(test, prepare(dev, doorbell, &sent[i % 2]), 0);
		KUNIT_ASSERT_TRUE(test, mock_lookup(domain, sent[i % 2], &phys,
						    NULL));
		KUNIT_EXPECT_EQ(test, phys, doorbell);
	}
	KUNIT_EXPECT_STREQ(test, mock->history, "msms");
}

/* Test that devices of one group share a doorbell, and others do not. */
static void test_groups(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct device *sibling = mock_device(mock, .sibling = dev);
	struct device *other = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	u64 first, second, third;

	KUNIT_EXPECT_EQ(test, prepare(dev, DOORBELL, &first), 0);
	KUNIT_EXPECT_EQ(test, prepare(sibling, DOORBELL, &second), 0);
	KUNIT_EXPECT_EQ(test, first, second);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_MAP], 1);
	KUNIT_EXPECT_EQ(test, prepare(other, DOORBELL, &third), 0);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_MAP], 2);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_4K);

	/* Both domains have one: check each of them for itself */
	mock_device_remove(mock, other);
	mock->kept = SZ_4K;
}

/* Test that the doorbell is as large as a granule of the IOMMU. */
static void test_small_granule(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct device *dev;
	phys_addr_t phys;
	u64 sent;

	mock->pgsize_bitmap = SZ_1K;
	mock->last = SZ_1M - 1;
	mock->kept = SZ_1K;
	dev = mock_device(mock);
	domain = iommu_get_domain_for_dev(dev);
	KUNIT_ASSERT_EQ(test, prepare(dev, DOORBELL + SZ_2K, &sent), 0);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_1K);
	KUNIT_ASSERT_TRUE(test, mock_lookup(domain, sent, &phys, NULL));
	KUNIT_EXPECT_EQ(test, phys, DOORBELL + SZ_2K);
}

/* Test that a doorbell is where the device can write to. */
static void test_mask(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .dma_mask = DMA_BIT_MASK(16));
	u64 sent;

	mock->kept = SZ_4K;
	KUNIT_ASSERT_EQ(test, prepare(dev, DOORBELL, &sent), 0);
	KUNIT_EXPECT_LT(test, sent, SZ_64K);
}

/**
 * struct memory - What a task has asked for with kmalloc() and not given back
 * @task: the task
 * @held: how many pieces
 */
struct memory {
	struct task_struct *task;
	int held;
};

static void note_kmalloc(void *data, unsigned long call_site, const void *ptr,
			 size_t bytes_req, size_t bytes_alloc, gfp_t gfp,
			 int node)
{
	struct memory *memory = data;

	if (in_task() && current == memory->task && ptr)
		memory->held++;
}

static void note_kfree(void *data, unsigned long call_site, const void *ptr)
{
	struct memory *memory = data;

	if (in_task() && current == memory->task && ptr)
		memory->held--;
}

/* As prepare(), and says how much memory is held afterwards that was not before */
static int prepare_and_count(struct device *dev, u64 *sent, int *held)
{
	struct memory memory = { .task = current };
	int ret;

	*held = 0;
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return prepare(dev, DOORBELL, sent);
	ret = register_trace_kmalloc(note_kmalloc, &memory);
	if (ret)
		return ret;
	ret = register_trace_kfree(note_kfree, &memory);
	if (!ret) {
		memory.held = 0;
		ret = prepare(dev, DOORBELL, sent);
		*held = memory.held;
		unregister_trace_kfree(note_kfree, &memory);
	}
	unregister_trace_kmalloc(note_kmalloc, &memory);
	tracepoint_synchronize_unregister();
	return ret;
}

/*
 * Test that a doorbell which cannot be mapped says why, leaves nothing behind, not
 * even memory, and can be had later.
 */
static void test_failure(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -EINVAL, -EEXIST };
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	size_t room = mock_room(domain);
	int held;
	u64 sent;

	/* The first time, the space of IOVA keeps a chunk */
	mock->fault.map_nth = 1;
	mock->fault.map_error = -EINVAL;
	KUNIT_EXPECT_EQ(test, prepare(dev, DOORBELL, &sent), -EINVAL);
	for (int i = 0; i < ARRAY_SIZE(errors); i++) {
		mock->fault.map_nth = 1;
		mock->fault.map_error = errors[i];
		KUNIT_EXPECT_EQ(test, prepare_and_count(dev, &sent, &held),
				errors[i]);
		KUNIT_EXPECT_EQ(test, held, 0);
		KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
		KUNIT_EXPECT_EQ(test, mock_room(domain), room);
	}
	mock->kept = SZ_4K;
	KUNIT_EXPECT_EQ(test, prepare(dev, DOORBELL, &sent), 0);
	KUNIT_EXPECT_TRUE(test, mock_lookup(domain, sent, NULL, NULL));
}

/*
 * Test that a doorbell stays when a driver has gone: it is the domain's, and was not
 * left mapped by the driver.
 */
static void test_driver_gone(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	u64 sent, again;

	mock->kept = SZ_4K;
	KUNIT_ASSERT_EQ(test, prepare(dev, DOORBELL, &sent), 0);
	iommu_dma_release_slots(dev, domain);
	iommu_dma_driver_unbound(dev, domain);
	KUNIT_EXPECT_TRUE(test, mock_lookup(domain, sent, NULL, NULL));
	KUNIT_EXPECT_EQ(test,
			atomic_long_read(&domain->iova_cookie->space.quarantined),
			0);
	KUNIT_EXPECT_EQ(test, prepare(dev, DOORBELL, &again), 0);
	KUNIT_EXPECT_EQ(test, again, sent);
}

/*
 * Test that where the hardware lets MSIs past the IOMMU nothing is mapped, in
 * all of a region of many granules, for all devices of a group; and that such
 * a region comes and goes with its domain. Guards against "iommu/dma: Fix MSI
 * reservation allocation" [M1].
 */
static void test_hardware_region(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct mock_traits traits = {
		.regions = { {
			.first = SZ_1M,
			.last = SZ_1M + SZ_64K - 1,
			.type = IOMMU_RESV_MSI,
		} },
		.nr_regions = 1,
	};
	struct device *second;
	u64 sent;

	traits.sibling = mock_device_like(mock, &traits);
	second = mock_device_like(mock, &traits);
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(second));

	KUNIT_EXPECT_EQ(test, prepare(traits.sibling, SZ_1M, &sent), 0);
	KUNIT_EXPECT_EQ(test, sent, SZ_1M);
	KUNIT_EXPECT_EQ(test, prepare(second, SZ_1M + SZ_64K - 4, &sent), 0);
	KUNIT_EXPECT_EQ(test, sent, SZ_1M + SZ_64K - 4);
	KUNIT_EXPECT_STREQ(test, mock->history, "");

	/* One past the region is a doorbell like any other */
	mock->kept = SZ_4K;
	KUNIT_EXPECT_EQ(test, prepare(second, SZ_1M + SZ_64K, &sent), 0);
	KUNIT_EXPECT_STREQ(test, mock->history, "ms");
}

/* Test that a domain without a cookie has its MSIs sent to where they are. */
static void test_no_cookie(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = mock_unmanaged_domain(mock, dev);
	struct msi_desc desc = { .dev = dev };
	struct msi_msg msg = {};

	msi_desc_set_iommu_msi_iova(&desc, SZ_1M, 12);
	KUNIT_EXPECT_EQ(test, iommu_dma_sw_msi(domain, &desc, DOORBELL), 0);
	msi_msg_set_addr(&desc, &msg, DOORBELL);
	KUNIT_EXPECT_EQ(test, msg.address_lo, DOORBELL);
	KUNIT_EXPECT_STREQ(test, mock->history, "");
}

/*
 * Test that the doorbells of a domain of VFIO's are handed out from the start
 * of its window on, a page each, whatever the granule; and that a doorbell
 * which could not be mapped does not use any of it up.
 */
static void vfio_window(struct kunit *test, dma_addr_t base)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = mock_unmanaged_domain(mock, dev);
	u64 sent[3];

	KUNIT_ASSERT_EQ(test, iommu_get_msi_cookie(domain, base), 0);
	KUNIT_ASSERT_EQ(test, iommu_attach_device(domain, dev), 0);

	for (int i = 0; i < 3; i++) {
		phys_addr_t doorbell = DOORBELL + i * SZ_64K, phys = 0;
		int prot = 0;

		mock->fault.map_nth = 1;
		mock->fault.map_error = -EINVAL;
		KUNIT_EXPECT_EQ(test, prepare(dev, doorbell, &sent[i]),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, prepare(dev, doorbell, &sent[i]), 0);
		KUNIT_EXPECT_EQ(test, sent[i],
				base + i * PAGE_SIZE +
					offset_in_page(doorbell));
		mock_lookup(domain, sent[i], &phys, &prot);
		KUNIT_EXPECT_EQ(test, phys, doorbell);
		KUNIT_EXPECT_EQ(test, prot,
				IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO);
		KUNIT_EXPECT_EQ(test, mock_live(domain), (i + 1) * PAGE_SIZE);
	}
	KUNIT_EXPECT_EQ(test, prepare(dev, DOORBELL, &sent[2]), 0);
	KUNIT_EXPECT_EQ(test, sent[2], sent[0]);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 3 * PAGE_SIZE);

	iommu_detach_device(domain, dev);
	mock->direct = 3 * PAGE_SIZE;
}

/* Test such a window where VFIO has it. */
static void test_vfio_window(struct kunit *test)
{
	vfio_window(test, SZ_1M);
}

/* Test such a window at IOVA 0, which is an address like any other. */
static void test_vfio_window_at_zero(struct kunit *test)
{
	vfio_window(test, 0);
}

/*
 * Test that doorbells which fill more than a granule, as those of an interrupt
 * controller with pages of 64 KiB do, are mapped granule by granule, each where
 * its MSIs are sent to, and all of them gone with the domain; for domains of
 * either kind, made and freed again and again [M1].
 */
static void test_large_doorbell(struct kunit *test)
{
	const phys_addr_t frame = ALIGN_DOWN(DOORBELL, SZ_64K);
	struct mock *mock = test->priv;

	for (int i = 0; i < 50; i++) {
		struct device *dev = mock_device(mock);
		struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
		struct iommu_domain *other = NULL;

		if (i % 2) {
			other = iommu_paging_domain_alloc(dev);
			KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
			domain = other;
			KUNIT_EXPECT_EQ(test,
					iommu_get_msi_cookie(domain, SZ_1M), 0);
			KUNIT_EXPECT_EQ(test, iommu_attach_device(domain, dev),
					0);
		}

		/* There and back again: the second time nothing is new */
		for (int j = 0; j < 32; j++) {
			int page = j < 16 ? j : 31 - j;
			phys_addr_t doorbell = frame + page * SZ_4K + 0x40;
			phys_addr_t phys = 0;
			u64 sent = 0;

			KUNIT_EXPECT_EQ(test, prepare(dev, doorbell, &sent), 0);
			mock_lookup(domain, sent, &phys, NULL);
			KUNIT_EXPECT_EQ(test, phys, doorbell);
		}
		KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_64K);

		if (other) {
			iommu_detach_device(other, dev);
			iommu_domain_free(other);
		}
		mock_device_remove(mock, dev);
		KUNIT_EXPECT_TRUE(test, list_empty(&mock->domains));
	}
}

/*
 * Test that regions which MSIs pass untranslated, and that are larger than a
 * granule, come and go with the devices of a group, whichever order they and the
 * doorbells come in [M1, M11].
 */
static void test_hardware_regions_come_and_go(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct mock_traits traits = {
		.regions = {
			{ .first = SZ_1M, .last = SZ_1M + SZ_64K - 1,
			  .type = IOMMU_RESV_MSI },
			{ .first = SZ_1M + SZ_32K, .last = SZ_1M + SZ_128K - 1,
			  .type = IOMMU_RESV_MSI },
			{ .first = SZ_2M, .empty = true,
			  .type = IOMMU_RESV_MSI },
		},
		.nr_regions = 3,
	};

	for (int i = 0; i < 50; i++) {
		struct device *first = mock_device(mock), *second;
		u64 sent;

		/* It is a doorbell like any other until a device says more */
		KUNIT_ASSERT_EQ(test, prepare(first, SZ_1M, &sent), 0);
		KUNIT_EXPECT_NE(test, sent, SZ_1M);

		traits.sibling = first;
		second = mock_device_like(mock, &traits);
		KUNIT_ASSERT_TRUE(test, dev_dma_iommu(second));
		mock_forget(mock);
		for (u64 at = SZ_1M; at < SZ_1M + SZ_128K; at += SZ_16K) {
			KUNIT_EXPECT_EQ(test, prepare(second, at + 4, &sent),
					0);
			KUNIT_EXPECT_EQ(test, sent, at + 4);
		}
		KUNIT_EXPECT_STREQ(test, mock->history, "");

		/* A region without bytes lets nothing pass */
		KUNIT_EXPECT_EQ(test, prepare(second, SZ_2M, &sent), 0);
		KUNIT_EXPECT_STREQ(test, mock->history, "ms");

		mock_device_remove(mock, second);
		mock_device_remove(mock, first);
		KUNIT_EXPECT_TRUE(test, list_empty(&mock->domains));
	}
}

/* Test that a device which could not be set up gets no doorbell either. */
static void test_refused_device(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev;
	u64 sent;

	mock->pgsize_bitmap = PAGE_SIZE * 4;
	dev = mock_device(mock);
	KUNIT_ASSERT_TRUE(test, iommu_dma_dev_refused(dev));
	KUNIT_EXPECT_EQ(test, prepare(dev, DOORBELL, &sent), -EINVAL);
	KUNIT_EXPECT_STREQ(test, mock->history, "");
}

/*
 * Test that a doorbell which finds no memory, whichever allocation it is, leaves
 * nothing behind, and can be had later, in a domain of either kind.
 */
static void test_out_of_memory(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock), *vfio = mock_device(mock);
	struct iommu_domain *other = mock_unmanaged_domain(mock, vfio);
	unsigned int failures = 0;

	KUNIT_ASSERT_EQ(test, iommu_get_msi_cookie(other, SZ_1M), 0);
	KUNIT_ASSERT_EQ(test, iommu_attach_device(other, vfio), 0);
	mock_fail_start(test);

	for (int i = 0; i < 8; i++) {
		struct device *which = i % 2 ? vfio : dev;
		struct iommu_domain *domain = iommu_get_domain_for_dev(which);
		phys_addr_t doorbell = DOORBELL + i * SZ_64K;
		unsigned int nth = 0, left;
		u64 sent;
		int ret;

		do {
			size_t live = mock_live(domain);

			mock_fail_nth(++nth);
			ret = prepare(which, doorbell, &sent);
			left = mock_fail_nth(0);
			if (ret) {
				KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
				KUNIT_EXPECT_EQ(test, left, 0);
				KUNIT_EXPECT_EQ(test, mock_live(domain), live);
				failures++;
			}
		} while (ret);
		KUNIT_EXPECT_TRUE(test, mock_lookup(domain, sent, NULL, NULL));
	}
	KUNIT_EXPECT_GE(test, failures, 8);

	iommu_detach_device(other, vfio);
	mock_check_space(mock, iommu_get_domain_for_dev(vfio));
	mock->kept = 4 * SZ_4K;
	mock_check_space(mock, iommu_get_domain_for_dev(dev));
	mock_device_remove(mock, dev);
	mock->kept = 0;
	mock->direct = 4 * PAGE_SIZE;
}

#define NR_DOORBELLS 16

/**
 * struct rival - A thread that asks for doorbells for a device
 * @start: all begin at once
 * @done: it has asked for all
 * @dev: the device
 * @seed: of the order
 * @failed: how often it did not get one
 * @sent: where the MSIs go
 */
struct rival {
	struct completion *start;
	struct completion done;
	struct device *dev;
	u32 seed;
	int failed;
	u64 sent[NR_DOORBELLS];
};

static int ask_for_doorbells(void *data)
{
	struct rival *rival = data;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, rival->seed);
	wait_for_completion(rival->start);
	for (int i = 0; i < 4 * NR_DOORBELLS; i++) {
		int which = i < 3 * NR_DOORBELLS ?
				    prandom_u32_state(&rnd) % NR_DOORBELLS :
				    i % NR_DOORBELLS;

		if (prepare(rival->dev, DOORBELL + which * PAGE_SIZE,
			    &rival->sent[which]))
			rival->failed++;
		cond_resched();
	}

	complete(&rival->done);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/*
 * Test that devices of two groups, which VFIO has put into one domain, may ask
 * for doorbells at the same time: each is mapped once, at an address that both
 * are told, and none of the window is lost. Guards against what 5a9e89ea34e0
 * mended [M3].
 */
static void test_vfio_two_groups(struct kunit *test)
{
	struct mock *mock = test->priv;
	DECLARE_COMPLETION_ONSTACK(start);
	u32 seed = test_seed(test, msi_seed);

	for (int i = 0; i < 50; i++) {
		struct task_struct *tasks[2];
		struct iommu_domain *domain;
		struct rival *rivals;

		rivals = kunit_kcalloc(test, 2, sizeof(*rivals), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, rivals);
		for (int j = 0; j < 2; j++) {
			rivals[j].start = &start;
			init_completion(&rivals[j].done);
			rivals[j].dev = mock_device(mock);
			rivals[j].seed = seed + 2 * i + j;
		}
		domain = iommu_paging_domain_alloc(rivals[0].dev);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
		KUNIT_EXPECT_EQ(test, iommu_get_msi_cookie(domain, SZ_1M), 0);
		for (int j = 0; j < 2; j++)
			KUNIT_EXPECT_EQ(test,
					iommu_attach_device(domain,
							    rivals[j].dev), 0);

		mock_forget(mock);
		reinit_completion(&start);
		for (int j = 0; j < 2; j++)
			tasks[j] = kthread_run(ask_for_doorbells, &rivals[j],
					       "dma-iommu-mock/%d", j);
		complete_all(&start);
		for (int j = 0; j < 2; j++) {
			KUNIT_EXPECT_NOT_ERR_OR_NULL(test, tasks[j]);
			if (IS_ERR(tasks[j]))
				continue;
			wait_for_completion(&rivals[j].done);
			kthread_stop(tasks[j]);
			KUNIT_EXPECT_EQ(test, rivals[j].failed, 0);
		}

		KUNIT_EXPECT_EQ(test, mock->count[MOCK_MAP], NR_DOORBELLS);
		KUNIT_EXPECT_EQ(test, mock_live(domain),
				NR_DOORBELLS * PAGE_SIZE);
		for (int j = 0; j < NR_DOORBELLS; j++) {
			phys_addr_t phys = 0;

			mock_lookup(domain, rivals[0].sent[j], &phys, NULL);
			KUNIT_EXPECT_EQ(test, phys, DOORBELL + j * PAGE_SIZE);
			KUNIT_EXPECT_EQ(test, rivals[0].sent[j],
					rivals[1].sent[j]);
			KUNIT_EXPECT_LT(test, rivals[0].sent[j],
					SZ_1M + NR_DOORBELLS * PAGE_SIZE);
		}

		for (int j = 0; j < 2; j++)
			iommu_detach_device(domain, rivals[j].dev);
		iommu_domain_free(domain);
		for (int j = 0; j < 2; j++)
			mock_device_remove(mock, rivals[j].dev);
		if (test->status != KUNIT_SUCCESS) {
			kunit_err(test, "round %d of seed %u\n", i, seed);
			return;
		}
	}
}

/*
 * Test that a doorbell of VFIO's which failed to be mapped, and of which the page table
 * did not give up what it has, is not mapped to the same place again [G5].
 */
static void test_vfio_stuck(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = mock_unmanaged_domain(mock, dev);
	u64 sent;

	KUNIT_ASSERT_EQ(test, iommu_get_msi_cookie(domain, SZ_1M), 0);
	KUNIT_ASSERT_EQ(test, iommu_attach_device(domain, dev), 0);
	mock->fault.map_nth = 1;
	mock->fault.map_pages = 1;
	mock->fault.map_error = -EINVAL;
	mock->fault.unmap_nth = 1;
	KUNIT_EXPECT_NE(test, prepare(dev, DOORBELL, &sent), 0);
	KUNIT_EXPECT_EQ(test, prepare(dev, DOORBELL, &sent), 0);
	KUNIT_EXPECT_EQ(test, sent,
			SZ_1M + PAGE_SIZE + offset_in_page(DOORBELL));
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);

	iommu_detach_device(domain, dev);
	mock->direct = PAGE_SIZE;
}

static struct kunit_case msi_cases[] = {
	KUNIT_CASE(test_same_doorbell),
	KUNIT_CASE(test_two_doorbells),
	KUNIT_CASE(test_groups),
	KUNIT_CASE(test_small_granule),
	KUNIT_CASE(test_mask),
	KUNIT_CASE(test_failure),
	KUNIT_CASE(test_driver_gone),
	KUNIT_CASE(test_hardware_region),
	KUNIT_CASE(test_no_cookie),
	KUNIT_CASE(test_vfio_window),
	KUNIT_CASE(test_vfio_window_at_zero),
	KUNIT_CASE(test_large_doorbell),
	KUNIT_CASE(test_hardware_regions_come_and_go),
	KUNIT_CASE(test_refused_device),
	KUNIT_CASE(test_out_of_memory),
	KUNIT_CASE(test_vfio_two_groups),
	KUNIT_CASE(test_vfio_stuck),
	{}
};

static struct kunit_suite msi_suite = {
	.name = "iommu_dma_msi",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = msi_init,
	.exit = mock_test_exit,
	.test_cases = msi_cases,
};

kunit_test_suite(msi_suite);
