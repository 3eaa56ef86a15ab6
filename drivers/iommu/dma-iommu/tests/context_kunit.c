// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the entry points in every context at once, on all CPUs, and while what is
 * around them changes: CPUs, the type of a domain, the driver of another device.
 *
 * load.c says what is looked at all the time.
 */

#include <kunit/run-in-irq-context.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/clock.h>
#include <linux/scatterlist.h>
#include <linux/vmalloc.h>

#include "../private.h"
#include "load.h"
#include "seed.h"
#include "sysfs.h"

static unsigned int context_seed;
module_param(context_seed, uint, 0444);
MODULE_PARM_DESC(context_seed, "Seed of random tests; 0 for a new one");

/* Interrupts leave that many times as long as they have taken to what they interrupt */
#define MANNERS 2

/* Steps of each context, if there is time for them, and seconds that there are */
#define CALLS 200
#define ROUNDS 5

/* What to wait for what takes some ms, where CPUs are emulated and have to wait as well */
#define PATIENCE (60 * HZ)

struct mode_case {
	const char *name;
	bool lazy;
};

static const struct mode_case mode_cases[] = {
	{ "strict", false },
	{ "lazy", true },
};

KUNIT_ARRAY_PARAM_DESC(mode, mode_cases, name);

static struct load *make_load(struct kunit *test)
{
	const struct mode_case *param = test->param_value;
	struct mock *mock = test->priv;

	mock->lazy = param && param->lazy;
	return load_make(test, test_seed(test, context_seed));
}

/* The plain device is as lazy as it is said to be, the untrusted one never */
static void expect_mode(struct load *load, bool lazy)
{
	struct mock *mock = load->mock;

	KUNIT_EXPECT_GT(load->test, mock->count[MOCK_SYNC], 0);
	if (lazy)
		KUNIT_EXPECT_GT(load->test, mock->count[MOCK_FLUSH], 0);
	else
		KUNIT_EXPECT_EQ(load->test, mock->count[MOCK_FLUSH], 0);
}

/* Contexts */

/**
 * enum context - Where a user maps and unmaps
 * @TASK: in a thread
 * @SOFTIRQ: in a softirq
 * @HANDLER: where handlers of interrupts run: in the interrupt, or, with PREEMPT_RT,
 *	     in a real-time thread that preempts the others
 * @NR_CONTEXTS: how many there are
 */
enum context {
	TASK,
	SOFTIRQ,
	HANDLER,
	NR_CONTEXTS,
};

/**
 * struct station - What runs on one CPU
 * @load: the load
 * @user: one per context
 * @next: when an interrupt may be served next, by local_clock()
 * @thread: runs a handler, with PREEMPT_RT
 * @running: stations that have not ended, shared by all
 * @done: completed by the last one
 */
struct station {
	struct load *load;
	struct load_user *user[NR_CONTEXTS];
	u64 next[NR_CONTEXTS];
	struct irq_work thread;
	atomic_t *running;
	struct completion *done;
};

static void step(struct station *station, enum context context)
{
	u64 start = local_clock();

	load_step(station->user[context]);
	WRITE_ONCE(station->next[context],
		   local_clock() + MANNERS * (local_clock() - start));
}

static void step_in_thread(struct irq_work *work)
{
	step(container_of(work, struct station, thread), HANDLER);
}

static void step_in_handler(struct station *station)
{
	/* An interrupt may not wait for a spinlock, which may be asleep */
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		irq_work_queue(&station->thread);
		return;
	}
	/* As the interrupt core has it for the handlers of drivers */
	lockdep_hardirq_threaded();
	step(station, HANDLER);
}

static bool step_here(void *data)
{
	enum context context = in_hardirq()	    ? HANDLER :
			       in_serving_softirq() ? SOFTIRQ :
						      TASK;
	struct station *station = data;

	/* There are more than can be served */
	if (context != TASK &&
	    local_clock() < READ_ONCE(station->next[context]))
		return true;
	if (context == HANDLER)
		step_in_handler(station);
	else
		step(station, context);
	return !atomic_read(&station->load->wrong);
}

static bool is_done(struct station *station)
{
	for (unsigned int i = 0; i < NR_CONTEXTS; i++)
		if (station->user[i]->calls < CALLS)
			return false;
	return true;
}

static int run_station(void *data)
{
	struct station *station = data;

	/* A second each, in which an emulated CPU may not come far */
	for (unsigned int i = 0; i < ROUNDS && !is_done(station); i++)
		kunit_run_irq_test(station->load->test, step_here, INT_MAX,
				   station);
	irq_work_sync(&station->thread);
	for (unsigned int i = 0; i < NR_CONTEXTS; i++)
		load_drop(station->user[i]);
	if (atomic_dec_and_test(station->running))
		complete(station->done);
	return 0;
}

/*
 * Test that a task, a softirq and a handler of interrupts on each CPU may map and unmap
 * at the same time, each of them in the middle of what another one does, by whichever
 * entry point. With PREEMPT_RT the handler is a thread that preempts the others, and a
 * softirq may be preempted as well.
 */
static void test_contexts(struct kunit *test)
{
	const struct mode_case *param = test->param_value;
	unsigned int cpu, nr = 0, nr_cpus = num_online_cpus();
	unsigned long calls[NR_CONTEXTS] = {};
	DECLARE_COMPLETION_ONSTACK(done);
	struct task_struct **tasks;
	struct station *stations;
	struct load *load;
	atomic_t running;

	load = make_load(test);
	tasks = kunit_kcalloc(test, nr_cpus, sizeof(*tasks), GFP_KERNEL);
	stations = kunit_kcalloc(test, nr_cpus, sizeof(*stations), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tasks);
	KUNIT_ASSERT_NOT_NULL(test, stations);
	for_each_online_cpu(cpu) {
		struct station *station = &stations[nr];

		for (unsigned int i = 0; i < NR_CONTEXTS; i++)
			station->user[i] = load_user(load);
		station->load = load;
		init_irq_work(&station->thread, step_in_thread);
		station->running = &running;
		station->done = &done;
		tasks[nr] = kthread_create_on_cpu(run_station, station, cpu,
						  "dma-station/%u");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tasks[nr]);
		nr++;
	}
	KUNIT_ASSERT_EQ(test, nr, nr_cpus);
	atomic_set(&running, nr);
	for (unsigned int i = 0; i < nr; i++)
		wake_up_process(tasks[i]);
	wait_for_completion(&done);

	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int j = 0; j < NR_CONTEXTS; j++) {
			KUNIT_EXPECT_GT(test, stations[i].user[j]->calls, 0);
			calls[j] += stations[i].user[j]->calls;
		}
	kunit_info(test,
		   "%lu calls of tasks, %lu of softirqs, %lu of handlers\n",
		   calls[TASK], calls[SOFTIRQ], calls[HANDLER]);
	load_finish(load);
	expect_mode(load, param->lazy);
}

/* CPUs */

static unsigned int waiting_on(struct device *dev, unsigned int cpu)
{
	struct iommu_dma_flush *flush =
		iommu_get_domain_for_dev(dev)->iova_cookie->lazy.made;
	struct iommu_dma_queue *queue;

	if (!flush)
		return 0;
	queue = per_cpu_ptr(flush->queues, cpu);
	return READ_ONCE(queue->tail) - READ_ONCE(queue->head);
}

static bool wait_until_drained(struct device *dev, unsigned int cpu)
{
	unsigned long end = jiffies + PATIENCE;

	while (waiting_on(dev, cpu) && time_before(jiffies, end))
		usleep_range(1000, 2000);
	return !waiting_on(dev, cpu);
}

/* Up to three CPUs that can go, all but the first one */
static unsigned int find_victims(unsigned int victims[3])
{
	unsigned int cpu, first = cpumask_first(cpu_online_mask), nr = 0;

	for_each_online_cpu(cpu)
		if (cpu != first && nr < 3)
			victims[nr++] = cpu;
	return nr;
}

/*
 * Test that CPUs may go and come back while all of them map and unmap, more than one
 * at a time, and that what waits on one that is gone is released in time [V8].
 */
static void test_hotplug(struct kunit *test)
{
	const struct mode_case *param = test->param_value;
	unsigned int victims[3], nr = find_victims(victims);
	struct load *load;

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || !nr)
		kunit_skip(test, "needs CPUs that can be taken away");

	load = make_load(test);
	load_start(load);
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < nr; i++)
			KUNIT_EXPECT_EQ(test, remove_cpu(victims[i]), 0);
		for (unsigned int i = 0; i < nr; i++)
			KUNIT_EXPECT_TRUE(test, wait_until_drained(load->dev[0],
								   victims[i]));
		msleep(20);
		for (unsigned int i = 0; i < nr; i++)
			KUNIT_EXPECT_EQ(test, add_cpu(victims[i]), 0);
	}
	load_stop(load);
	load_finish(load);
	expect_mode(load, param->lazy);
}

/* Drivers */

static int probe(struct platform_device *pdev)
{
	return 0;
}

static struct platform_driver driver = {
	.probe = probe,
	.driver.name = "dma-iommu-mock",
};

static void unregister(void *driver)
{
	platform_driver_unregister(driver);
}

/* Bind a driver to all devices of the mock */
static void bind_all(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, platform_driver_register(&driver), 0);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, unregister, &driver),
			0);
}

static unsigned int mappings_of(struct load *load)
{
	unsigned int sum = 0;

	for (unsigned int kind = LOAD_SINGLE; kind < LOAD_NR_KINDS; kind++)
		sum += atomic_read(&load->done[kind]);
	return sum;
}

/* Wait until the load has moved on, not for ever */
static bool wait_for_mappings(struct load *load, unsigned int more)
{
	unsigned long end = jiffies + PATIENCE;
	unsigned int start = mappings_of(load);

	while (mappings_of(load) - start < more && time_before(jiffies, end))
		usleep_range(1000, 2000);
	return mappings_of(load) - start >= more;
}

/*
 * Test that user space can make a domain lazy while it is in use by all CPUs, and that
 * nothing else that it may ask for changes anything then: not for a device that has a
 * driver, nor for an untrusted one [F6, G6].
 */
static void test_switch(struct kunit *test)
{
	struct vfsmount *sysfs = mount_sysfs(test);
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct load *load;

	mock->undecided = true;
	load = make_load(test);
	for (unsigned int i = 0; i < LOAD_DEVICES; i++)
		KUNIT_ASSERT_EQ(test,
				set_type(test, sysfs, load->dev[i], "DMA"), 0);
	domain = iommu_get_domain_for_dev(load->dev[0]);
	bind_all(test);
	/* Where lazy mode is the default, that has made an end to it */
	mock_forget(mock);
	load_start(load);
	KUNIT_EXPECT_TRUE(test, wait_for_mappings(load, 100));
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 0);

	KUNIT_EXPECT_EQ(test, set_type(test, sysfs, load->dev[0], "identity"),
			-EPERM);
	KUNIT_EXPECT_EQ(test, set_type(test, sysfs, load->dev[0], "DMA"),
			-EPERM);
	KUNIT_EXPECT_EQ(test, set_type(test, sysfs, load->dev[1], "DMA-FQ"),
			-EPERM);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 0);

	KUNIT_EXPECT_EQ(test, set_type(test, sysfs, load->dev[0], "DMA-FQ"), 0);
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(load->dev[0]),
			    domain);
	KUNIT_EXPECT_EQ(test, domain->type, IOMMU_DOMAIN_DMA_FQ);
	KUNIT_EXPECT_TRUE(test, wait_for_mappings(load, 100));
	KUNIT_EXPECT_EQ(test, set_type(test, sysfs, load->dev[0], "DMA"),
			-EPERM);
	KUNIT_EXPECT_TRUE(test, wait_for_mappings(load, 100));
	load_stop(load);
	load_finish(load);
	expect_mode(load, true);
}

/*
 * Map several things past the DMA API, whose checker would complain about what is left.
 * Returns the bytes of IOVA that they take.
 */
static size_t leave_behind(struct kunit *test, struct device *dev, void *memory,
			   void **buffer, dma_addr_t *iova)
{
	phys_addr_t phys = virt_to_phys(memory);
	struct scatterlist sgl[2];

	for (int i = 0; i < 4; i++, phys += SZ_16K)
		KUNIT_EXPECT_NE(test,
				iommu_dma_map_phys(dev, phys, SZ_8K,
						   DMA_BIDIRECTIONAL, 0),
				DMA_MAPPING_ERROR);
	KUNIT_EXPECT_NE(test,
			iommu_dma_map_phys(dev, phys + 100, SZ_4K,
					   DMA_BIDIRECTIONAL, 0),
			DMA_MAPPING_ERROR);
	sg_init_table(sgl, ARRAY_SIZE(sgl));
	sg_set_buf(&sgl[0], memory + SZ_128K, SZ_4K);
	sg_set_buf(&sgl[1], memory + SZ_128K + SZ_16K, SZ_8K);
	KUNIT_EXPECT_GT(test, iommu_dma_map_sg(dev, sgl, 2, DMA_TO_DEVICE, 0),
			0);
	*buffer = iommu_dma_alloc(dev, SZ_8K, iova, GFP_KERNEL, 0);
	KUNIT_EXPECT_NOT_NULL(test, *buffer);
	return 4 * SZ_8K + SZ_8K + SZ_4K + SZ_8K + PAGE_ALIGN(SZ_8K);
}

/*
 * Test that a driver may go and leave mappings behind while other devices are at work,
 * again and again: its device loses them all, of whichever kind and in whichever mode,
 * and the others notice nothing.
 */
static void test_unbind(struct kunit *test)
{
	struct device *victims[2];
	struct mock *mock = test->priv;
	struct load *load = make_load(test);
	void *memory = mock_buffer(test, SZ_256K), *buffer;
	size_t left[2] = {};
	dma_addr_t iova;

	victims[0] = mock_device(mock);
	victims[1] = mock_untrusted(mock);
	bind_all(test);
	load_start(load);
	for (int round = 0; round < 4; round++) {
		struct device *dev = victims[round % 2];
		struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
		atomic_long_t *quarantined =
			&domain->iova_cookie->space.quarantined;

		KUNIT_ASSERT_TRUE(test, device_is_bound(dev));
		left[round % 2] +=
			leave_behind(test, dev, memory, &buffer, &iova);
		KUNIT_EXPECT_TRUE(test, wait_for_mappings(load, 20));
		device_release_driver(dev);
		KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
		KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
		KUNIT_EXPECT_EQ(test, atomic_long_read(quarantined),
				left[round % 2]);
		iommu_dma_free(dev, SZ_8K, buffer, iova, 0);
		KUNIT_EXPECT_EQ(test, device_attach(dev), 1);
		KUNIT_EXPECT_TRUE(test, wait_for_mappings(load, 20));
	}
	load_stop(load);
	load_finish(load);
}

static struct kunit_case context_cases[] = {
	KUNIT_CASE_PARAM_ATTR(test_contexts, mode_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(test_hotplug, mode_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_SLOW(test_switch),
	KUNIT_CASE_PARAM_ATTR(test_unbind, mode_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite context_suite = {
	.name = "iommu_dma_context",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = context_cases,
};

kunit_test_suite(context_suite);
