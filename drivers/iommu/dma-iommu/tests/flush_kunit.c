// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of lazy mode: that what is unmapped waits, that it does not wait long, and
 * that nothing of it is released before the device has lost it.
 *
 * The mock sees all of that at every call: memory that is mapped while an old
 * mapping of the same IOVA can still be reached, pages of page tables that are freed
 * before the flush. Tests that are about the queue itself keep their CPU's timers
 * from running.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/suspend.h>
#include <linux/timer.h>

#include "../../dma-iommu.h"
#include "../private.h"
#include "mock.h"

/* Far more than an entry waits, however slow the machine is */
#define PATIENCE (10 * HZ)

static struct device *lazy_device(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev;

	mock->lazy = true;
	dev = mock_device(mock);
	KUNIT_ASSERT_EQ(test, iommu_get_domain_for_dev(dev)->type,
			IOMMU_DOMAIN_DMA_FQ);
	return dev;
}

static struct iommu_dma_flush *flush_of(struct device *dev)
{
	return iommu_get_domain_for_dev(dev)->iova_cookie->lazy.made;
}

static struct iommu_dma_queue *queue_on(struct device *dev, unsigned int cpu)
{
	return per_cpu_ptr(flush_of(dev)->queues, cpu);
}

static unsigned int waiting_on(struct device *dev, unsigned int cpu)
{
	struct iommu_dma_queue *queue = queue_on(dev, cpu);

	guard(spinlock_irqsave)(&queue->lock);
	return queue->tail - queue->head;
}

static unsigned int all_waiting(struct device *dev)
{
	unsigned int sum = 0, cpu;

	for_each_possible_cpu(cpu)
		sum += waiting_on(dev, cpu);
	return sum;
}

static bool wait_until_empty(struct device *dev)
{
	unsigned long end = jiffies + PATIENCE;

	while (all_waiting(dev) && time_before(jiffies, end))
		usleep_range(1000, 2000);
	return !all_waiting(dev);
}

static dma_addr_t map_one(struct kunit *test, struct device *dev, void *memory)
{
	dma_addr_t iova = dma_map_single(dev, memory, SZ_4K, DMA_TO_DEVICE);

	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	return iova;
}

static void map_and_unmap(struct kunit *test, struct device *dev, void *memory)
{
	dma_unmap_single(dev, map_one(test, dev, memory), SZ_4K, DMA_TO_DEVICE);
}

/*
 * Test that an unmap does not invalidate, that the IOVA and the page-table page stay
 * away until somebody has, once for the whole domain, and that they are back then
 * [F2, F3].
 */
static void test_unmap_waits(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	size_t room = mock_room(domain);
	dma_addr_t iova;

	mock->tables = true;
	iova = map_one(test, dev, mock_buffer(test, SZ_4K));
	local_bh_disable();
	dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
	KUNIT_EXPECT_STREQ(test, mock->history, "msu");
	KUNIT_EXPECT_TRUE(test, mock_reachable(domain, iova, SZ_4K));
	KUNIT_EXPECT_EQ(test, mock_tables_left(mock), 1);
	KUNIT_EXPECT_EQ(test, all_waiting(dev), 1);
	local_bh_enable();

	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
	KUNIT_EXPECT_STREQ(test, mock->history, "msuf");
	KUNIT_EXPECT_FALSE(test, mock_reachable(domain, iova, SZ_4K));
	KUNIT_EXPECT_EQ(test, mock_tables_left(mock), 0);
	KUNIT_EXPECT_EQ(test, mock_room(domain), room);
}

/*
 * Test that a list is one entry, and that the last granule that there is can wait as
 * any other [F4].
 */
static void test_list_at_the_top(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev;
	struct scatterlist sgl[3];
	void *memory;

	mock->first = -SZ_16K;
	mock->last = ~(dma_addr_t)0;
	dev = lazy_device(test);
	memory = mock_buffer(test, 6 * PAGE_SIZE);
	sg_init_table(sgl, ARRAY_SIZE(sgl));
	for (int i = 0; i < ARRAY_SIZE(sgl); i++)
		sg_set_buf(&sgl[i], memory + 2 * i * PAGE_SIZE, SZ_4K);

	local_bh_disable();
	KUNIT_EXPECT_EQ(test, dma_map_sg(dev, sgl, 3, DMA_TO_DEVICE), 1);
	dma_unmap_sg(dev, sgl, 3, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, all_waiting(dev), 1);
	local_bh_enable();
	map_and_unmap(test, dev, memory);
	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
	KUNIT_EXPECT_EQ(test, mock_stale(iommu_get_domain_for_dev(dev)), 0);
}

/*
 * Test that the window is bounded [G7]: the timer of a queue that is not empty is
 * set to when the oldest entry has waited for the time that is documented, and no
 * later, at every moment.
 */
static void test_window(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test);
	unsigned long period = msecs_to_jiffies(IOMMU_DMA_FLUSH_MS);
	void *memory = mock_buffer(test, SZ_4K);
	unsigned int cpu, seen = 0;

	KUNIT_EXPECT_EQ(test, flush_of(dev)->period, period);
	for (int i = 0; i < 200; i++) {
		map_and_unmap(test, dev, memory);
		for_each_online_cpu(cpu) {
			struct iommu_dma_queue *queue = queue_on(dev, cpu);

			guard(spinlock_irqsave)(&queue->lock);
			if (queue->head == queue->tail)
				continue;
			KUNIT_EXPECT_TRUE(test, queue->ticking);
			KUNIT_EXPECT_FALSE(test,
					   time_after(queue->timer.expires,
						      jiffies + period));
			seen++;
		}
		if (i % 10 == 0)
			usleep_range(500, 3000);
	}
	KUNIT_EXPECT_GT(test, seen, 0);
	KUNIT_EXPECT_GT(test, mock->count[MOCK_FLUSH], 0);
	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
}

/*
 * Test that a queue which is full invalidates once, for all that it has, that it
 * then releases a few at a time, and that its timer makes it larger.
 */
static void test_full_queue(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test);
	void *memory = mock_buffer(test, SZ_4K);
	unsigned int cpu, before;

	local_bh_disable();
	cpu = smp_processor_id();
	KUNIT_EXPECT_EQ(test, queue_on(dev, cpu)->mask + 1,
			IOMMU_DMA_QUEUE_FEW);
	for (int i = 0; i < IOMMU_DMA_QUEUE_FEW; i++)
		map_and_unmap(test, dev, memory);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 0);
	KUNIT_EXPECT_EQ(test, waiting_on(dev, cpu), IOMMU_DMA_QUEUE_FEW);

	map_and_unmap(test, dev, memory);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 1);
	for (int i = 0; i < 4; i++) {
		before = waiting_on(dev, cpu);
		map_and_unmap(test, dev, memory);
		KUNIT_EXPECT_EQ(test, waiting_on(dev, cpu),
				before + 1 - IOMMU_DMA_FLUSH_PER_CALL);
	}
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 1);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], 0);
	local_bh_enable();

	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
	KUNIT_EXPECT_EQ(test, queue_on(dev, cpu)->mask + 1,
			IOMMU_DMA_QUEUE_MANY);
}

/*
 * Test that entries survive when their queue gets a larger ring, and that a ring can
 * go round more than once without a page-table page being freed twice [F8].
 */
static void test_ring_goes_round(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test);
	void *memory = mock_buffer(test, SZ_4K);

	mock->tables = true;
	for (int i = 0; i < 3 * IOMMU_DMA_QUEUE_MANY; i++) {
		map_and_unmap(test, dev, memory);
		if (i == IOMMU_DMA_QUEUE_FEW + 4)
			msleep(3 * IOMMU_DMA_FLUSH_MS);
	}
	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
	KUNIT_EXPECT_EQ(test, mock->nr_tables, 3 * IOMMU_DMA_QUEUE_MANY);
	KUNIT_EXPECT_EQ(test, mock_tables_left(mock), 0);
}

/*
 * Test that a device whose invalidations are dear has one queue for all CPUs, in
 * which much can wait for long, and that a tick does a bounded part of it.
 */
static void test_single_queue(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_dma_queue *queue;
	unsigned int before = 500, left;
	unsigned long end;
	struct device *dev;
	void *memory;

	mock->shadow = true;
	dev = lazy_device(test);
	memory = mock_buffer(test, SZ_4K);
	queue = flush_of(dev)->single;
	KUNIT_ASSERT_NOT_NULL(test, queue);
	KUNIT_EXPECT_FALSE(test, flush_of(dev)->queues);
	KUNIT_EXPECT_EQ(test, queue->mask + 1, IOMMU_DMA_QUEUE_SINGLE);
	KUNIT_EXPECT_EQ(test, flush_of(dev)->period,
			msecs_to_jiffies(IOMMU_DMA_FLUSH_SINGLE_MS));

	for (int i = 0; i < before; i++)
		map_and_unmap(test, dev, memory);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 0);

	for (end = jiffies + PATIENCE; time_before(jiffies, end) && before;) {
		scoped_guard(spinlock_irqsave, &queue->lock)
			left = queue->tail - queue->head;
		/* Nobody looks so seldom that he would miss more than two ticks */
		KUNIT_EXPECT_LE(test, before - left,
				before == 500 ? 500 :
						8 * IOMMU_DMA_FLUSH_PER_TICK);
		before = left;
		usleep_range(100, 200);
	}
	KUNIT_EXPECT_EQ(test, before, 0);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 1);
}

/*
 * Test that one tick releases no more than it may, however much has been flushed,
 * and comes back for the rest.
 */
static void test_tick_is_bounded(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_dma_queue *queue;
	unsigned int many = 3 * IOMMU_DMA_FLUSH_PER_TICK;
	struct device *dev;
	void *memory;

	mock->shadow = true;
	dev = lazy_device(test);
	memory = mock_buffer(test, SZ_4K);
	queue = flush_of(dev)->single;
	for (int i = 0; i < many; i++)
		map_and_unmap(test, dev, memory);

	local_bh_disable();
	timer_delete(&queue->timer);
	queue->timer.function(&queue->timer);
	KUNIT_EXPECT_EQ(test, queue->tail - queue->head,
			many - IOMMU_DMA_FLUSH_PER_TICK);
	KUNIT_EXPECT_TRUE(test, timer_pending(&queue->timer));
	KUNIT_EXPECT_FALSE(test, time_after(queue->timer.expires, jiffies + 1));
	local_bh_enable();
}

/*
 * Test that a domain can be made lazy while others unmap, by which the switch in
 * sysfs does it, and is made so once [F6].
 */
struct switching {
	struct device *dev;
	void *memory;
	bool stop;
	atomic_t failed;
};

static int unmap_all_the_time(void *data)
{
	struct switching *job = data;

	while (!kthread_should_stop()) {
		dma_addr_t iova = dma_map_single(job->dev, job->memory, SZ_4K,
						 DMA_TO_DEVICE);

		if (dma_mapping_error(job->dev, iova))
			atomic_inc(&job->failed);
		else
			dma_unmap_single(job->dev, iova, SZ_4K, DMA_TO_DEVICE);
		cond_resched();
	}
	return 0;
}

static void test_switch_under_load(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct switching job = {
		.dev = dev,
		.memory = mock_buffer(test, SZ_4K),
	};
	struct task_struct *tasks[3];

	for (int i = 0; i < ARRAY_SIZE(tasks); i++) {
		tasks[i] = kthread_run(unmap_all_the_time, &job, "lazy/%d", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tasks[i]);
	}
	msleep(20);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_init_fq(domain), 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_init_fq(domain), 0);
	msleep(100);
	for (int i = 0; i < ARRAY_SIZE(tasks); i++)
		kthread_stop(tasks[i]);

	KUNIT_EXPECT_EQ(test, atomic_read(&job.failed), 0);
	KUNIT_EXPECT_GT(test, mock->count[MOCK_FLUSH], 0);
	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
}

/*
 * Test that untrusted means strict [G6]: a domain with such a device cannot be made
 * lazy, not even by a device that comes before or after, and what waits already is
 * released in time.
 */
static void test_untrusted_is_strict(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	void *memory = mock_buffer(test, SZ_4K);

	map_and_unmap(test, dev, memory);
	dev->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	iommu_setup_dma_ops(dev, domain);
	KUNIT_EXPECT_EQ(test, domain->type, IOMMU_DOMAIN_DMA);
	KUNIT_EXPECT_EQ(test, iommu_dma_init_fq(domain), -EPERM);
	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));

	mock_forget(mock);
	map_and_unmap(test, dev, memory);
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");

	/* A second one of the group is no way round it */
	mock_device(mock, .sibling = dev);
	KUNIT_EXPECT_EQ(test, iommu_dma_init_fq(domain), -EPERM);
	KUNIT_EXPECT_EQ(test, domain->type, IOMMU_DOMAIN_DMA);
}

/*
 * Test that an untrusted device does not defer even in a domain that somebody has
 * made lazy behind the layer's back.
 */
static void test_untrusted_never_defers(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test);
	void *memory = mock_buffer(test, SZ_8K);
	struct scatterlist sg;

	dev->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	map_and_unmap(test, dev, memory);
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");

	mock_forget(mock);
	sg_init_one(&sg, memory, SZ_8K);
	KUNIT_ASSERT_EQ(test, dma_map_sg(dev, &sg, 1, DMA_TO_DEVICE), 1);
	dma_unmap_sg(dev, &sg, 1, DMA_TO_DEVICE);
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");
}

/* Test that a domain stays strict if its IOMMU cannot defer */
static void test_unable(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct device *dev;

	mock->lazy = true;
	mock->never_lazy = true;
	dev = mock_device(mock);
	domain = iommu_get_domain_for_dev(dev);
	KUNIT_EXPECT_EQ(test, domain->type, IOMMU_DOMAIN_DMA);
	KUNIT_EXPECT_EQ(test, iommu_dma_init_fq(domain), -EOPNOTSUPP);
	map_and_unmap(test, dev, mock_buffer(test, SZ_4K));
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");
}

/* Test that a lazy domain gets strict when a device joins whose IOMMU cannot defer. */
static void test_unable_sibling(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test);
	void *memory = mock_buffer(test, SZ_4K);

	mock->never_lazy = true;
	mock_device(mock, .sibling = dev);
	KUNIT_EXPECT_EQ(test, iommu_get_domain_for_dev(dev)->type,
			IOMMU_DOMAIN_DMA);
	mock_forget(mock);
	map_and_unmap(test, dev, memory);
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");
}

/*
 * Test that lazy mode ends at once: no device reaches what waits, nor what somebody
 * is unmapping who has seen the domain lazy, and that does not begin to wait.
 */
static void test_end(struct kunit *test)
{
	struct device *dev = lazy_device(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	void *memory = mock_buffer(test, SZ_8K);
	size_t room = mock_room(domain);
	struct iommu_dma_retire retire;
	dma_addr_t first, second;

	/* Past dma-debug, which does not see the second one leave */
	first = iommu_dma_map_phys(dev, virt_to_phys(memory), SZ_4K,
				   DMA_TO_DEVICE, 0);
	second = iommu_dma_map_phys(dev, virt_to_phys(memory) + SZ_4K, SZ_4K,
				    DMA_TO_DEVICE, 0);
	local_bh_disable();
	iommu_dma_unmap_phys(dev, first, SZ_4K, DMA_TO_DEVICE, 0);
	iommu_dma_retire_begin(&retire, domain, true);
	iommu_dma_retire_clear(&retire, second, SZ_4K);
	KUNIT_EXPECT_TRUE(test, mock_reachable(domain, first, SZ_4K));

	iommu_dma_flush_forbid(domain);
	KUNIT_EXPECT_FALSE(test, mock_reachable(domain, first, SZ_4K));
	KUNIT_EXPECT_EQ(test, all_waiting(dev), 1);

	KUNIT_EXPECT_TRUE(test,
			  iommu_dma_retire_finish(&retire, second, SZ_4K));
	KUNIT_EXPECT_FALSE(test, mock_reachable(domain, second, SZ_4K));
	KUNIT_EXPECT_EQ(test, all_waiting(dev), 1);
	local_bh_enable();
	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
	KUNIT_EXPECT_EQ(test, mock_room(domain), room);
}

/**
 * struct in_flight - What is done while an invalidation is under way
 * @dev: the device
 * @iova: unmapped then
 * @left: how many wait after all that waits has been released
 */
struct in_flight {
	struct device *dev;
	dma_addr_t iova;
	unsigned int left;
};

static void unmap_and_drain(struct mock *mock, struct iommu_domain *domain)
{
	struct in_flight *f = mock->at_sync_data;

	mock->at_sync = NULL;
	dma_unmap_single(f->dev, f->iova, SZ_4K, DMA_TO_DEVICE);
	iommu_dma_flush_drain(flush_of(f->dev));
	f->left = all_waiting(f->dev);
}

/*
 * Test that what is queued while an invalidation is under way, which may have passed
 * it by, is released by a drain all the same.
 */
static void test_drain_in_flight(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct in_flight f = { .dev = lazy_device(test), .left = U32_MAX };

	f.iova = map_one(test, f.dev, mock_buffer(test, SZ_4K));
	local_bh_disable();
	mock->at_sync_data = &f;
	mock->at_sync = unmap_and_drain;
	iommu_dma_flush_now(flush_of(f.dev));
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, f.left, 0);
}

/* The first invalidation passes something by, the second says what waits still */
static void pass_by(struct mock *mock, struct iommu_domain *domain)
{
	struct in_flight *f = mock->at_sync_data;
	struct iommu_dma_queue *queue = flush_of(f->dev)->single;

	if (mock->count[MOCK_FLUSH] == 1)
		dma_unmap_single(f->dev, f->iova, SZ_4K, DMA_TO_DEVICE);
	else if (f->left == U32_MAX)
		f->left = READ_ONCE(queue->tail) - READ_ONCE(queue->head);
}

/*
 * Test that what is queued behind many that are being released is out of reach in
 * time, and not when all of these have been.
 */
static void test_backlog(struct kunit *test)
{
	const unsigned int many = 15 * IOMMU_DMA_FLUSH_PER_TICK;
	struct mock *mock = test->priv;
	unsigned long end = jiffies + PATIENCE;
	struct in_flight f = { .left = U32_MAX };
	void *memory = mock_buffer(test, SZ_4K);

	mock->shadow = true;
	f.dev = lazy_device(test);
	f.iova = map_one(test, f.dev, memory);
	/* No tick comes by itself meanwhile */
	flush_of(f.dev)->period = 100 * HZ;
	for (int i = 0; i < many; i++)
		map_and_unmap(test, f.dev, memory);

	mock->at_sync_data = &f;
	mock->at_sync = pass_by;
	flush_of(f.dev)->period = 2;
	mod_timer(&flush_of(f.dev)->single->timer, jiffies + 1);
	while (READ_ONCE(f.left) == U32_MAX && time_before(jiffies, end))
		usleep_range(1000, 2000);
	mock->at_sync = NULL;
	KUNIT_EXPECT_GT(test, f.left, many / 2);
	KUNIT_EXPECT_LT(test, f.left, many);
	iommu_dma_flush_drain(flush_of(f.dev));
}

/**
 * struct stall - One who invalidates and does not get on with it
 * @flush: lazy mode of the domain
 * @task: who
 * @begun: he has begun
 * @go_on: he may end it
 */
struct stall {
	struct iommu_dma_flush *flush;
	struct task_struct *task;
	struct completion begun;
	struct completion go_on;
};

/* In the mock, which has counted it, and not yet taken anything out of reach */
static void stall_here(struct mock *mock, struct iommu_domain *domain)
{
	struct stall *stalls = mock->at_sync_data;

	for (int i = 0; i < 3; i++) {
		if (current != READ_ONCE(stalls[i].task))
			continue;
		complete(&stalls[i].begun);
		wait_for_completion(&stalls[i].go_on);
	}
}

static int invalidate_slowly(void *data)
{
	struct stall *stall = data;

	iommu_dma_flush_now(stall->flush);
	while (!kthread_should_stop())
		usleep_range(1000, 2000);
	return 0;
}

static void begin_stall(struct kunit *test, struct stall *stall,
			struct iommu_dma_flush *flush)
{
	struct task_struct *task;

	stall->flush = flush;
	init_completion(&stall->begun);
	init_completion(&stall->go_on);
	task = kthread_create(invalidate_slowly, stall, "lazy-stall");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	WRITE_ONCE(stall->task, task);
	wake_up_process(task);
	wait_for_completion(&stall->begun);
}

/* Let the timers of all that waits run a period from now, as if it were queued now */
static void wait_from_now(struct device *dev)
{
	unsigned int cpu;

	flush_of(dev)->period = msecs_to_jiffies(IOMMU_DMA_FLUSH_MS);
	for_each_possible_cpu(cpu) {
		struct iommu_dma_queue *queue = queue_on(dev, cpu);

		guard(spinlock_irqsave)(&queue->lock);
		if (queue->head != queue->tail)
			mod_timer(&queue->timer,
				  jiffies + flush_of(dev)->period);
	}
}

/*
 * Test that the window is bounded while tasks that invalidate are preempted [G7, F10]:
 * what was queued before one of them began and what was after it are out of reach in
 * time, and their IOVA is back, without any of them.
 */
static void test_stalled_flush(struct kunit *test)
{
	void *memory = mock_buffer(test, SZ_16K);
	struct device *dev = lazy_device(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	unsigned long end, period = flush_of(dev)->period;
	size_t room = mock_room(domain);
	struct mock *mock = test->priv;
	struct stall stalls[3] = {};

	mock->at_sync_data = stalls;
	mock->at_sync = stall_here;
	flush_of(dev)->period = 1000 * HZ;
	for (int i = 0; i < ARRAY_SIZE(stalls); i++) {
		map_and_unmap(test, dev, memory + i * SZ_4K);
		begin_stall(test, &stalls[i], flush_of(dev));
	}
	map_and_unmap(test, dev, memory);
	KUNIT_ASSERT_EQ(test, all_waiting(dev), 4);

	mock_forget(mock);
	wait_from_now(dev);
	end = jiffies + PATIENCE;
	while (mock_stale(domain) && time_before(jiffies, end))
		usleep_range(500, 1000);
	kunit_info(test, "out of reach after %lu jiffies, a period is %lu",
		   jiffies - (end - PATIENCE), period);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
	/* That is for a slow machine */
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, end - PATIENCE + HZ));
	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
	KUNIT_EXPECT_EQ(test, mock_room(domain), room);
	KUNIT_EXPECT_GE(test, mock->count[MOCK_FLUSH], 1);
	KUNIT_EXPECT_LE(test, mock->count[MOCK_FLUSH], 4);

	for (int i = 0; i < ARRAY_SIZE(stalls); i++) {
		complete(&stalls[i].go_on);
		kthread_stop(stalls[i].task);
	}
	mock->at_sync = NULL;
	map_and_unmap(test, dev, memory);
	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
}

/*
 * Test that memory of the layer's own is freed when the device has lost it, in a lazy
 * domain too: nobody would know that it has not.
 */
static void test_buffers_are_strict(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test);
	dma_addr_t iova;
	void *buffer;

	mock->check_pages = true;
	buffer = dma_alloc_coherent(dev, SZ_16K, &iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	dma_free_coherent(dev, SZ_16K, buffer, iova);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], 1);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 0);
	KUNIT_EXPECT_EQ(test, all_waiting(dev), 0);
}

/*
 * Test that a page table that does not answer as asked is invalidated at once, and
 * that the range is quarantined, as in strict mode.
 */
static void test_short_unmap(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	dma_addr_t iova = dma_map_single(dev, mock_buffer(test, SZ_8K), SZ_8K,
					 DMA_TO_DEVICE);

	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	mock->tables = true;
	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		dma_unmap_single(dev, iova, SZ_8K, DMA_TO_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 1);
	KUNIT_EXPECT_EQ(test, all_waiting(dev), 0);
	KUNIT_EXPECT_EQ(test,
			atomic_long_read(&domain->iova_cookie->space.quarantined),
			SZ_8K);
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
}

/*
 * Test that a second unmap of what waits is noticed, and that the entry which waits
 * is not released twice.
 */
static void test_double_unmap(struct kunit *test)
{
	struct device *dev = lazy_device(test);
	dma_addr_t iova = map_one(test, dev, mock_buffer(test, SZ_4K));

	kunit_warning_suppress(test) {
		local_bh_disable();
		dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
		iommu_dma_unmap_phys(dev, iova, SZ_4K, DMA_TO_DEVICE, 0);
		iommu_dma_flush_drain(flush_of(dev));
		local_bh_enable();
		KUNIT_EXPECT_GE(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 1);
	}
	KUNIT_EXPECT_EQ(test, mock_stale(iommu_get_domain_for_dev(dev)), 0);
}

/*
 * Test that a domain may go away while entries wait and timers are about to run, and
 * loses none [F1].
 */
static void test_teardown(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);

	mock->tables = true;
	for (int i = 0; i < 100; i++) {
		struct device *dev = lazy_device(test);

		for (int j = 0; j < 5; j++)
			map_and_unmap(test, dev, memory);
		usleep_range(i * 120, i * 120 + 100);
		mock_device_remove(mock, dev);
		KUNIT_ASSERT_EQ(test, mock_tables_left(mock), 0);
	}
}

static int unmap_there(void *data)
{
	struct switching *job = data;

	for (int i = 0; i < 5; i++) {
		dma_addr_t iova = dma_map_single(job->dev, job->memory, SZ_4K,
						 DMA_TO_DEVICE);

		if (dma_mapping_error(job->dev, iova))
			atomic_inc(&job->failed);
		else
			dma_unmap_single(job->dev, iova, SZ_4K, DMA_TO_DEVICE);
	}
	WRITE_ONCE(job->stop, true);
	while (!kthread_should_stop())
		usleep_range(1000, 2000);
	return 0;
}

/*
 * Test that the timer of one CPU leaves alone what waits on another, though its
 * invalidation was for both [F7]: no tick has to work off the queues of all.
 */
static void test_tick_of_another(struct kunit *test)
{
	unsigned int cpu, first = nr_cpu_ids, second = nr_cpu_ids;
	struct switching job = {};
	struct task_struct *task;
	struct timer_list *timer;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	job.dev = lazy_device(test);
	job.memory = mock_buffer(test, SZ_4K);
	flush_of(job.dev)->period = 1000 * HZ;
	for_each_online_cpu(cpu) {
		if (second < nr_cpu_ids)
			break;
		second = first;
		first = cpu;
		WRITE_ONCE(job.stop, false);
		task = kthread_create_on_cpu(unmap_there, &job, cpu, "tick/%u");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
		wake_up_process(task);
		while (!READ_ONCE(job.stop))
			usleep_range(1000, 2000);
		kthread_stop(task);
		KUNIT_EXPECT_EQ(test, waiting_on(job.dev, cpu), 5);
	}

	local_bh_disable();
	timer = &queue_on(job.dev, first)->timer;
	timer_delete(timer);
	timer->function(timer);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, mock_stale(iommu_get_domain_for_dev(job.dev)), 0);
	KUNIT_EXPECT_EQ(test, waiting_on(job.dev, first), 0);
	KUNIT_EXPECT_EQ(test, waiting_on(job.dev, second), 5);
	iommu_dma_flush_drain(flush_of(job.dev));
	KUNIT_EXPECT_EQ(test, all_waiting(job.dev), 0);
}

/* Test that what waits on a CPU is released in time when that CPU goes offline [V8] */
static void test_dead_cpu(struct kunit *test)
{
	unsigned int cpu = cpumask_last(cpu_online_mask);
	struct switching job = {};
	struct task_struct *task;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || !cpu)
		kunit_skip(test, "needs CPUs that can be taken away");

	/* A period that is long enough for the CPU to be gone before */
	job.dev = lazy_device(test);
	job.memory = mock_buffer(test, SZ_4K);
	flush_of(job.dev)->period = 2 * HZ;
	task = kthread_create_on_cpu(unmap_there, &job, cpu, "lazy-dead/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	wake_up_process(task);
	while (!READ_ONCE(job.stop))
		usleep_range(1000, 2000);
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, atomic_read(&job.failed), 0);
	KUNIT_EXPECT_EQ(test, waiting_on(job.dev, cpu), 5);

	KUNIT_ASSERT_EQ(test, remove_cpu(cpu), 0);
	KUNIT_EXPECT_TRUE(test, wait_until_empty(job.dev));
	KUNIT_EXPECT_EQ(test, mock_stale(iommu_get_domain_for_dev(job.dev)), 0);
	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);
}

/* Test that nothing is reachable any more when the machine is about to sleep */
static void test_suspend(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = lazy_device(test), *other;
	void *memory = mock_buffer(test, SZ_4K);

	other = mock_device(mock);
	local_bh_disable();
	map_and_unmap(test, dev, memory);
	map_and_unmap(test, other, memory);
	local_bh_enable();
	iommu_dma_flush_suspend(NULL, PM_SUSPEND_PREPARE, NULL);
	KUNIT_EXPECT_EQ(test, all_waiting(dev) + all_waiting(other), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(iommu_get_domain_for_dev(dev)), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(iommu_get_domain_for_dev(other)), 0);
}

/*
 * Test that IOVA which waits is had before anybody is refused: for one buffer and for
 * a list, and that what is live is not touched.
 */
static void test_waiting_is_room(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_32K);
	dma_addr_t iova[7], live;
	struct scatterlist sg;
	struct device *dev;

	mock->last = ARRAY_SIZE(iova) * SZ_4K + SZ_4K - 1;
	dev = lazy_device(test);
	local_bh_disable();
	for (int i = 0; i < ARRAY_SIZE(iova); i++)
		iova[i] = map_one(test, dev, memory + i * SZ_4K);
	KUNIT_EXPECT_EQ(test,
			iommu_dma_map_phys(dev, 0, SZ_4K, DMA_TO_DEVICE, 0),
			DMA_MAPPING_ERROR);
	for (int i = 1; i < ARRAY_SIZE(iova); i++)
		dma_unmap_single(dev, iova[i], SZ_4K, DMA_TO_DEVICE);

	live = map_one(test, dev, memory + SZ_16K);
	KUNIT_EXPECT_NE(test, live, iova[0]);
	dma_unmap_single(dev, live, SZ_4K, DMA_TO_DEVICE);
	sg_init_one(&sg, memory + SZ_16K, SZ_8K);
	KUNIT_EXPECT_EQ(test, dma_map_sg(dev, &sg, 1, DMA_TO_DEVICE), 1);
	dma_unmap_sg(dev, &sg, 1, DMA_TO_DEVICE);
	dma_unmap_single(dev, iova[0], SZ_4K, DMA_TO_DEVICE);
	local_bh_enable();
	KUNIT_EXPECT_TRUE(test, wait_until_empty(dev));
}

/*
 * Test that CPUs which map and unmap at the same time never get an IOVA that a
 * device can still reach [G3, F9]: the mock looks at each map call.
 */
static void test_storm(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct switching job = {};
	struct task_struct *tasks[4];

	/* So little room that IOVA is needed again at once */
	mock->last = SZ_256K - 1;
	job.dev = lazy_device(test);
	job.memory = mock_buffer(test, SZ_4K);
	for (int i = 0; i < ARRAY_SIZE(tasks); i++) {
		tasks[i] = kthread_run(unmap_all_the_time, &job, "storm/%d", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tasks[i]);
	}
	msleep(1000);
	/* CPUs that are emulated may not come far in that time */
	for (int i = 0; i < 60 && READ_ONCE(mock->count[MOCK_FLUSH]) <= 10; i++)
		msleep(1000);
	for (int i = 0; i < ARRAY_SIZE(tasks); i++)
		kthread_stop(tasks[i]);
	kunit_info(test, "%u maps, %u flushes, %d refused",
		   mock->count[MOCK_MAP], mock->count[MOCK_FLUSH],
		   atomic_read(&job.failed));
	KUNIT_EXPECT_GT(test, mock->count[MOCK_FLUSH], 10);
	KUNIT_EXPECT_TRUE(test, wait_until_empty(job.dev));
}

/* Test that a queue costs less than 1 KiB per CPU until it is used */
static void test_size(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, sizeof(struct iommu_dma_queue), SZ_1K);
}

static struct kunit_case flush_cases[] = {
	KUNIT_CASE(test_unmap_waits),
	KUNIT_CASE(test_list_at_the_top),
	KUNIT_CASE(test_window),
	KUNIT_CASE(test_full_queue),
	KUNIT_CASE(test_ring_goes_round),
	KUNIT_CASE_SLOW(test_single_queue),
	KUNIT_CASE(test_tick_is_bounded),
	KUNIT_CASE(test_switch_under_load),
	KUNIT_CASE(test_untrusted_is_strict),
	KUNIT_CASE(test_untrusted_never_defers),
	KUNIT_CASE(test_unable),
	KUNIT_CASE(test_unable_sibling),
	KUNIT_CASE(test_end),
	KUNIT_CASE(test_drain_in_flight),
	KUNIT_CASE(test_backlog),
	KUNIT_CASE(test_stalled_flush),
	KUNIT_CASE(test_buffers_are_strict),
	KUNIT_CASE(test_short_unmap),
	KUNIT_CASE(test_double_unmap),
	KUNIT_CASE_SLOW(test_teardown),
	KUNIT_CASE(test_tick_of_another),
	KUNIT_CASE_SLOW(test_dead_cpu),
	KUNIT_CASE(test_suspend),
	KUNIT_CASE(test_waiting_is_room),
	KUNIT_CASE_SLOW(test_storm),
	KUNIT_CASE(test_size),
	{}
};

static struct kunit_suite flush_suite = {
	.name = "iommu_dma_flush",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = flush_cases,
};

kunit_test_suite(flush_suite);
