// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the IOVA space of a domain under several CPUs: that no granule is ever
 * handed out twice, that all come back, and that CPUs may come and go meanwhile.
 */

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "../iova.h"
#include "seed.h"
#include "space_check.h"

static unsigned int iova_smp_seed;
module_param(iova_smp_seed, uint, 0444);
MODULE_PARM_DESC(iova_smp_seed, "Seed of random tests; 0 for a new one");

#define THREADS 4
#define LIVE 48

/* 32 MiB on either side of 4 GiB */
#define GRANULES 16384U
#define FIRST ((u64)(SZ_4G - GRANULES / 2 * SZ_4K))

/* A mapping on its way to another CPU: granule and count, 0 for none */
struct parcel {
	u32 first;
	u32 count;
};

struct storm {
	struct iommu_dma_space *space;
	/* Who has a granule: 0 for nobody */
	u8 owner[GRANULES];
	/* What one thread has, and the next one frees */
	atomic64_t mail[THREADS];
	/* Most granules of a mapping, and how many times to do something */
	unsigned int most;
	unsigned int operations;
	bool stop;
	atomic_t running;
	atomic_t wrong;
	atomic_t refused;
	struct completion done;
};

struct thread {
	struct storm *storm;
	unsigned int number;
	struct rnd_state rnd;
	struct parcel live[LIVE];
};

static unsigned int any(struct thread *thread, unsigned int below)
{
	return prandom_u32_state(&thread->rnd) % below;
}

/* Mark granules as @thread's, or as nobody's; false if they were not as they should */
static bool mark(struct thread *thread, struct parcel parcel, bool take)
{
	u8 mine = thread->number + 1, old;

	for (u32 at = parcel.first; at < parcel.first + parcel.count; at++) {
		old = xchg(&thread->storm->owner[at], take ? mine : 0);
		if (take ? old : !old)
			return false;
	}
	return true;
}

static void get(struct thread *thread, struct parcel *parcel)
{
	const struct iommu_dma_request request = {
		.size = (1 + any(thread, thread->storm->most)) * SZ_4K,
		.limit = any(thread, 2) ? ~(dma_addr_t)0 : U32_MAX,
		.prefer_32bit = any(thread, 2),
	};
	dma_addr_t iova;
	int ret;

	ret = iommu_dma_space_alloc(thread->storm->space, &request, &iova);
	if (ret) {
		atomic_inc(&thread->storm->refused);
		if (ret != -ENOSPC && ret != -ENOMEM)
			atomic_inc(&thread->storm->wrong);
		return;
	}
	parcel->first = (iova - FIRST) / SZ_4K;
	parcel->count = request.size / SZ_4K;
	if (!mark(thread, *parcel, true))
		atomic_inc(&thread->storm->wrong);
}

static void put(struct thread *thread, struct parcel *parcel)
{
	dma_addr_t iova = FIRST + (u64)parcel->first * SZ_4K;

	if (!mark(thread, *parcel, false) ||
	    !iommu_dma_space_free(thread->storm->space, iova,
				  (size_t)parcel->count * SZ_4K))
		atomic_inc(&thread->storm->wrong);
	parcel->count = 0;
}

/* Hand a mapping to the next thread, and free what it has been handed itself */
static void swap_mail(struct thread *thread, struct parcel *parcel)
{
	unsigned int next = (thread->number + 1) % THREADS;
	u64 letter = (u64)parcel->first << 32 | parcel->count;

	letter = atomic64_xchg(&thread->storm->mail[next], letter);
	parcel->first = letter >> 32;
	parcel->count = lower_32_bits(letter);
}

static int storm_thread(void *data)
{
	struct thread *thread = data;
	struct storm *storm = thread->storm;

	for (unsigned int i = 0;
	     i < storm->operations && !READ_ONCE(storm->stop); i++) {
		struct parcel *parcel = &thread->live[any(thread, LIVE)];

		if (!parcel->count)
			get(thread, parcel);
		else if (any(thread, 3))
			put(thread, parcel);
		else
			swap_mail(thread, parcel);
		if (i % 64 == 0)
			cond_resched();
	}
	for (int i = 0; i < LIVE; i++)
		if (thread->live[i].count)
			put(thread, &thread->live[i]);

	if (atomic_dec_and_test(&storm->running))
		complete(&storm->done);
	return 0;
}

static void destroy(void *space)
{
	iommu_dma_space_destroy(space);
}

static struct storm *make_storm(struct kunit *test, unsigned int most,
				unsigned int operations)
{
	struct storm *storm = kunit_kzalloc(test, sizeof(*storm), GFP_KERNEL);
	struct iommu_dma_space *space =
		kunit_kzalloc(test, sizeof(*space), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, storm);
	KUNIT_ASSERT_NOT_NULL(test, space);
	KUNIT_ASSERT_EQ(test,
			iommu_dma_space_init(space, SZ_4K, FIRST,
					     FIRST + GRANULES * SZ_4K - 1),
			0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, destroy, space),
			0);
	storm->space = space;
	storm->most = most;
	storm->operations = operations;
	init_completion(&storm->done);
	return storm;
}

/* Start all threads, each on a CPU of its own as long as there is one */
static void start_storm(struct kunit *test, struct storm *storm)
{
	u32 seed = test_seed(test, iova_smp_seed);
	struct task_struct *tasks[THREADS];
	unsigned int cpu = 0, number;

	kunit_info(test, "%u CPUs\n", num_online_cpus());
	atomic_set(&storm->running, THREADS);
	for (number = 0; number < THREADS; number++) {
		struct thread *thread =
			kunit_kzalloc(test, sizeof(*thread), GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, thread);
		thread->storm = storm;
		thread->number = number;
		prandom_seed_state(&thread->rnd, seed + number);
		tasks[number] = kthread_create_on_cpu(storm_thread, thread, cpu,
						      "iova-storm/%u");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tasks[number]);
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = 0;
	}
	for (number = 0; number < THREADS; number++)
		wake_up_process(tasks[number]);
}

/* All threads are done: free what is in the mail, and look at what is left */
static void finish_storm(struct kunit *test, struct storm *storm)
{
	struct iommu_dma_census census = {};
	const char *complaint;

	for (int i = 0; i < THREADS; i++) {
		u64 letter = atomic64_read(&storm->mail[i]);
		size_t size = (size_t)lower_32_bits(letter) * SZ_4K;
		dma_addr_t iova = FIRST + (letter >> 32) * SZ_4K;

		if (size)
			KUNIT_EXPECT_TRUE(test,
					  iommu_dma_space_free(storm->space,
							       iova, size));
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&storm->wrong), 0);
	kunit_info(test, "%d requests refused", atomic_read(&storm->refused));

	complaint = iommu_dma_space_check(storm->space, &census);
	KUNIT_EXPECT_STREQ(test, complaint ?: "", "");
	KUNIT_EXPECT_EQ(test, census.used, 0);
}

/*
 * Test that CPUs which allocate, free their own and free each other's never get
 * the same granule, and lose none: with plenty of room, and with too little.
 */
static void test_storm(struct kunit *test)
{
	/* The last two ask for far more than there is, which takes its time */
	static const unsigned int most[] = { 8, 64, 512, 1500 };
	static const unsigned int operations[] = { 8000, 8000, 1000, 500 };

	for (int i = 0; i < ARRAY_SIZE(most); i++) {
		struct storm *storm = make_storm(test, most[i], operations[i]);

		start_storm(test, storm);
		wait_for_completion(&storm->done);
		finish_storm(test, storm);
	}
}

/*
 * Test the same while a CPU comes and goes, and that what it leaves behind is taken
 * up: in the end everything can be had in one piece by the others [V8].
 */
static void test_hotplug(struct kunit *test)
{
	struct iommu_dma_request all = {
		.size = GRANULES / 2 * SZ_4K,
		.limit = ~(dma_addr_t)0,
	};
	unsigned int cpu = cpumask_last(cpu_online_mask);
	struct storm *storm = make_storm(test, 100, UINT_MAX);
	dma_addr_t low, high;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || !cpu)
		kunit_skip(test, "needs CPUs that can be taken away");

	start_storm(test, storm);
	for (int round = 0; round < 4; round++) {
		KUNIT_EXPECT_EQ(test, remove_cpu(cpu), 0);
		KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
	}
	WRITE_ONCE(storm->stop, true);
	wait_for_completion(&storm->done);

	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
	finish_storm(test, storm);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_alloc(storm->space, &all, &high),
			0);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_alloc(storm->space, &all, &low),
			0);
	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);
}

static int take_and_leave(void *data)
{
	const struct iommu_dma_request request = {
		.size = SZ_4K,
		.limit = ~(dma_addr_t)0,
	};
	struct storm *storm = data;
	dma_addr_t iova;

	if (iommu_dma_space_alloc(storm->space, &request, &iova))
		atomic_inc(&storm->wrong);
	complete(&storm->done);
	return 0;
}

/*
 * Test that the chunk of a dead CPU is taken up by those that are alive before
 * they take new ones for ever [V6, V8].
 */
static void test_adoption(struct kunit *test)
{
	const struct iommu_dma_request request = {
		.size = SZ_4K,
		.limit = ~(dma_addr_t)0,
	};
	struct storm *storm = make_storm(test, 1, 0);
	unsigned int cpu = cpumask_last(cpu_online_mask);
	struct iommu_dma_slots *slots;
	struct task_struct *task;
	dma_addr_t iova;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || !cpu)
		kunit_skip(test, "needs CPUs that can be taken away");

	task = kthread_create_on_cpu(take_and_leave, storm, cpu,
				     "iova-leave/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	wake_up_process(task);
	wait_for_completion(&storm->done);
	KUNIT_ASSERT_EQ(test, atomic_read(&storm->wrong), 0);

	slots = per_cpu_ptr(storm->space->high.slots, cpu);
	KUNIT_EXPECT_TRUE(test, slots->chunk[0]);
	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);

	/* A CPU is looked at per chunk that is looked for */
	for (unsigned int i = 0;
	     i < nr_cpu_ids * IOMMU_DMA_CHUNK_GRANULES && slots->chunk[0]; i++)
		if (iommu_dma_space_alloc(storm->space, &request, &iova))
			break;
	KUNIT_EXPECT_FALSE(test, slots->chunk[0]);
	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);
}

static struct kunit_case iova_smp_cases[] = {
	KUNIT_CASE_SLOW(test_storm),
	KUNIT_CASE_SLOW(test_hotplug),
	KUNIT_CASE_SLOW(test_adoption),
	{}
};

static struct kunit_suite iova_smp_suite = {
	.name = "iommu_dma_iova_smp",
	.test_cases = iova_smp_cases,
};

kunit_test_suite(iova_smp_suite);
