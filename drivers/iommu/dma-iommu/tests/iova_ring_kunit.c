// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests that CPUs do not wait for each other in the IOVA space of a domain: what they
 * do is done while another one has the lock of the zone, and does not let go of it.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "../iova.h"
#include "space_check.h"

/* As many as wait in a queue of lazy mode */
#define HELD 256U

/* 2 GiB, all of it below 4 GiB: one zone, and one lock */
#define FIRST ((dma_addr_t)SZ_2G)
#define LAST ((dma_addr_t)U32_MAX)

/* How long it may take while the lock is held */
#define PATIENCE_MS 1000

/**
 * struct runner - What one CPU has, and does while another one has the lock
 * @space: the space
 * @work: what it does
 * @task: who does it
 * @size: of each mapping
 * @held: the mappings
 * @next: the one that is the oldest
 * @ready: it is about to begin
 * @go: it may begin
 * @done: it has ended
 * @wrong: how often something failed
 */
struct runner {
	struct iommu_dma_space *space;
	void (*work)(struct runner *runner);
	struct task_struct *task;
	size_t size;
	dma_addr_t held[HELD];
	unsigned int next;
	struct completion ready;
	bool go;
	bool done;
	unsigned int wrong;
};

static void take(struct runner *runner, unsigned int at)
{
	const struct iommu_dma_request request = {
		.size = runner->size,
		.limit = LAST,
	};

	if (iommu_dma_space_alloc(runner->space, &request, &runner->held[at]))
		runner->wrong++;
}

static void give(struct runner *runner, unsigned int at)
{
	if (!iommu_dma_space_free(runner->space, runner->held[at],
				  runner->size))
		runner->wrong++;
}

static void take_all(struct runner *runner)
{
	for (unsigned int i = 0; i < HELD; i++)
		take(runner, i);
}

static void give_all(struct runner *runner)
{
	for (unsigned int i = 0; i < HELD; i++)
		give(runner, i);
}

/* Each goes when it is the oldest, as the entries of a queue do */
static void go_round(struct runner *runner)
{
	for (unsigned int i = 0; i < HELD; i++) {
		give(runner, runner->next);
		take(runner, runner->next);
		runner->next = (runner->next + 1) % HELD;
	}
}

static int run(void *data)
{
	struct runner *runner = data;

	take_all(runner);
	for (unsigned int i = 0; i < 4; i++)
		go_round(runner);

	complete(&runner->ready);
	/* Pairs with smp_store_release() in run_under_lock() */
	while (!smp_load_acquire(&runner->go))
		cpu_relax();
	runner->work(runner);
	/* Pairs with smp_load_acquire() in run_under_lock() */
	smp_store_release(&runner->done, true);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static void destroy(void *space)
{
	iommu_dma_space_destroy(space);
}

static struct runner *make_runner(struct kunit *test, size_t size)
{
	struct runner *runner =
		kunit_kzalloc(test, sizeof(*runner), GFP_KERNEL);
	struct iommu_dma_space *space =
		kunit_kzalloc(test, sizeof(*space), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, runner);
	KUNIT_ASSERT_NOT_NULL(test, space);
	KUNIT_ASSERT_EQ(test, iommu_dma_space_init(space, SZ_4K, FIRST, LAST),
			0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, destroy, space),
			0);
	runner->space = space;
	runner->size = size;
	init_completion(&runner->ready);
	return runner;
}

/* Have another CPU do its work. True if it has not waited for the lock. */
static bool run_under_lock(struct kunit *test, struct runner *runner)
{
	struct iommu_dma_zone *zone = &runner->space->low;
	unsigned long flags;
	unsigned int cpu;
	ktime_t end;
	bool done;

	migrate_disable();
	cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	runner->task = kthread_create_on_cpu(run, runner, cpu, "iova-ring/%u");
	if (IS_ERR(runner->task)) {
		migrate_enable();
		KUNIT_FAIL_AND_ABORT(test, "no thread");
	}
	wake_up_process(runner->task);
	wait_for_completion(&runner->ready);

	xa_lock_irqsave(&zone->chunks, flags);
	end = ktime_add_ms(ktime_get(), PATIENCE_MS);
	/* Pairs with smp_load_acquire() in run() */
	smp_store_release(&runner->go, true);
	do {
		cpu_relax();
		/* Pairs with smp_store_release() in run() */
		done = smp_load_acquire(&runner->done);
	} while (!done && ktime_before(ktime_get(), end));
	iommu_dma_zone_unlock(zone, flags);

	kthread_stop(runner->task);
	migrate_enable();
	return done;
}

static void expect_nothing_used(struct kunit *test, struct runner *runner)
{
	struct iommu_dma_census census = {};
	const char *complaint = iommu_dma_space_check(runner->space, &census);

	KUNIT_EXPECT_STREQ(test, complaint ?: "", "");
	KUNIT_EXPECT_EQ(test, census.used, 0);
}

static const size_t sizes[] = { SZ_4K, SZ_16K, SZ_64K, SZ_256K, SZ_512K };

static void describe_size(const size_t *size, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "%zu KiB", *size / SZ_1K);
}

KUNIT_ARRAY_PARAM(size, sizes, describe_size);

/*
 * Test that a CPU which gives back in the order in which it has taken, as lazy mode does,
 * needs no lock for either once it is warm, be it for mappings of a granule or for large
 * ones. So what CPUs do does not depend on what others do.
 */
static void test_round(struct kunit *test)
{
	const size_t *size = test->param_value;
	struct runner *runner = make_runner(test, *size);

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	runner->work = go_round;
	KUNIT_EXPECT_TRUE(test, run_under_lock(test, runner));
	KUNIT_EXPECT_EQ(test, runner->wrong, 0);
	give_all(runner);
	expect_nothing_used(test, runner);
}

/*
 * Test that who gives back does not wait for the lock even if the chunks are nobody's,
 * and full, and empty afterwards; and that nothing is lost by that: all of the space is
 * to be had in one piece when the lock is free.
 */
static void test_give(struct kunit *test)
{
	struct runner *runner = make_runner(test, SZ_2M);
	const struct iommu_dma_request all = {
		.size = LAST - FIRST + 1,
		.limit = LAST,
	};
	dma_addr_t iova;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	runner->work = give_all;
	KUNIT_EXPECT_TRUE(test, run_under_lock(test, runner));
	KUNIT_EXPECT_EQ(test, runner->wrong, 0);
	expect_nothing_used(test, runner);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_alloc(runner->space, &all, &iova),
			0);
	KUNIT_EXPECT_EQ(test, iova, FIRST);
}

static struct kunit_case iova_ring_cases[] = {
	KUNIT_CASE_PARAM(test_round, size_gen_params),
	KUNIT_CASE(test_give),
	{}
};

static struct kunit_suite iova_ring_suite = {
	.name = "iommu_dma_iova_ring",
	.test_cases = iova_ring_cases,
};

kunit_test_suite(iova_ring_suite);
