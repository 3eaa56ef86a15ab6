// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deferred invalidation: the lazy mode of a domain.
 *
 * Owns the tail of the way out, see retire.c, while it waits: the IOVA of an
 * unmapped range and the pages of the page table that it had. They are released
 * after an invalidation of the whole domain, which many of them share. Until then
 * the device may still reach the memory. That is what lazy means, and why a domain
 * of an untrusted device never is.
 *
 * The window is bounded: what is queued is out of reach of the device after
 * IOMMU_DMA_FLUSH_MS, give or take a jiffy (IOMMU_DMA_FLUSH_SINGLE_MS where a domain
 * has one queue). So is the work: a call releases IOMMU_DMA_FLUSH_PER_CALL entries,
 * and invalidates if its queue is full; a tick of a queue's timer invalidates once
 * and releases IOMMU_DMA_FLUSH_PER_TICK.
 *
 * Each CPU has a queue and each queue has a timer, which is set on that CPU while
 * the queue is not empty. A tick looks at the oldest entry: if an invalidation has
 * ended that began after it was queued, on whichever CPU, there is none to do. So
 * the CPUs together invalidate about once in a period, however many they are. The
 * timers of a CPU that goes offline move to another one, and its entries with them.
 *
 * A domain whose invalidations are dear (dev_iommu::shadow_on_flush) has one long
 * queue instead.
 *
 * Protocol. Whoever unmaps:		  Whoever invalidates:
 *
 *	clear the page table		    started++
 *	smp_mb()			    smp_mb()
 *	entry->started = started	    invalidate, which reads the page table
 *					    smp_mb()
 *					    finished++
 *
 * An entry may be released when finished > entry->started: then one of the
 * invalidations that have ended began after the entry had read started. By the two
 * barriers it has seen the page table cleared. That is the store buffering pattern;
 * Documentation/litmus-tests/dma-iommu/flush.litmus has it for herd.
 *
 * Lock order: iommu_dma_queue::lock, then the locks of the IOVA space. The locks of
 * the IOMMU driver are not taken inside these. flush_mutex, which protects the list
 * of all, is taken inside the mutex of an IOMMU group.
 *
 * Freeing allocates nothing. A queue that was too small gets a larger ring from its
 * timer; until then the domain is invalidated more often.
 */

#define pr_fmt(fmt) "iommu: " fmt

#include <kunit/visibility.h>
#include <linux/generic_pt/iommu.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/suspend.h>

#include "../dma-iommu.h"
#include "../iommu-pages.h"
#include "private.h"

static DEFINE_MUTEX(flush_mutex);
static LIST_HEAD(all_flushes);

/* Exact under the queue's lock */
static unsigned int waiting(const struct iommu_dma_queue *queue)
{
	return READ_ONCE(queue->tail) - READ_ONCE(queue->head);
}

static bool full(const struct iommu_dma_queue *queue)
{
	return waiting(queue) > queue->mask;
}

static struct iommu_dma_waiting *entry_at(struct iommu_dma_queue *queue,
					  unsigned int number)
{
	return &queue->ring[number & queue->mask];
}

/* Is the oldest entry out of reach of the device? The queue is not empty. */
static bool oldest_flushed(struct iommu_dma_queue *queue)
{
	u32 finished = atomic_read_acquire(&queue->flush->finished);

	/* Both wrap around; no entry is half a revolution old */
	return (s32)(finished - entry_at(queue, queue->head)->started) > 0;
}

/* Release up to @most entries that have been invalidated, the oldest first */
static void release_some(struct iommu_dma_queue *queue, unsigned int most)
{
	struct iommu_dma_space *space = queue->flush->space;

	while (most-- && waiting(queue) && oldest_flushed(queue)) {
		struct iommu_dma_waiting *entry = entry_at(queue, queue->head);

		WRITE_ONCE(queue->head, queue->head + 1);
		iommu_put_pages_list(&entry->freelist);
		iommu_dma_retire_release(space, entry->iova,
					 (size_t)entry->granules << space->shift);
	}
}

static void push(struct iommu_dma_queue *queue, dma_addr_t iova, u32 granules,
		 u32 started, struct iommu_pages_list *freelist)
{
	struct iommu_dma_waiting *entry = entry_at(queue, queue->tail);

	WRITE_ONCE(queue->tail, queue->tail + 1);
	entry->iova = iova;
	entry->granules = granules;
	entry->started = started;
	entry->freelist = IOMMU_PAGES_LIST_INIT(entry->freelist);
	iommu_pages_list_splice(freelist, &entry->freelist);
}

/* Give @queue the larger @ring. Returns the memory of the old one, or NULL. */
static struct iommu_dma_waiting *move_to(struct iommu_dma_queue *queue,
					 struct iommu_dma_waiting *ring,
					 unsigned int entries)
{
	struct iommu_dma_queue old = {
		.ring = queue->ring,
		.mask = queue->mask,
	};
	unsigned int head = queue->head, tail = queue->tail;

	lockdep_assert_held(&queue->lock);
	queue->ring = ring;
	queue->mask = entries - 1;
	WRITE_ONCE(queue->tail, head);
	while (head != tail) {
		struct iommu_dma_waiting *entry = entry_at(&old, head++);

		push(queue, entry->iova, entry->granules, entry->started,
		     &entry->freelist);
	}
	return old.ring == queue->few ? NULL : old.ring;
}

/* A queue that was full once will be again */
static void grow(struct iommu_dma_queue *queue)
{
	struct iommu_dma_waiting *ring;

	lockdep_assert_held(&queue->lock);
	queue->crowded = false;
	if (queue->ring != queue->few)
		return;

	ring = kmalloc_objs(*ring, IOMMU_DMA_QUEUE_MANY,
			    GFP_ATOMIC | __GFP_NOWARN);
	if (ring)
		kfree(move_to(queue, ring, IOMMU_DMA_QUEUE_MANY));
}

static void set_timer(struct iommu_dma_queue *queue, unsigned long when)
{
	queue->ticking = true;
	mod_timer(&queue->timer, when);
}

/**
 * iommu_dma_flush_now() - Invalidate all of a domain
 * @flush: its lazy mode
 *
 * Context: Any context. Takes the locks of the IOMMU driver; waits for the
 * invalidation.
 */
void iommu_dma_flush_now(struct iommu_dma_flush *flush)
{
	WRITE_ONCE(flush->began, jiffies);
	atomic_inc(&flush->started);
	/* Pairs with smp_mb() in iommu_dma_flush_queue() */
	smp_mb__after_atomic();
	iommu_flush_iotlb_all(flush->domain);
	/* Pairs with atomic_read_acquire() in oldest_flushed() */
	smp_mb__before_atomic();
	atomic_inc(&flush->finished);
}

/*
 * Runs with the timer of a queue. Entries that stay were queued after the last
 * invalidation began, so that they have time until one period after that.
 */
static void tick(struct timer_list *timer)
{
	struct iommu_dma_queue *queue =
		timer_container_of(queue, timer, timer);
	struct iommu_dma_flush *flush = queue->flush;
	unsigned long flags;
	bool flushed;

	spin_lock_irqsave(&queue->lock, flags);
	flushed = !waiting(queue) || oldest_flushed(queue);
	spin_unlock_irqrestore(&queue->lock, flags);
	if (!flushed)
		iommu_dma_flush_now(flush);

	spin_lock_irqsave(&queue->lock, flags);
	release_some(queue, IOMMU_DMA_FLUSH_PER_TICK);
	if (queue->crowded)
		grow(queue);
	if (!waiting(queue))
		queue->ticking = false;
	else if (oldest_flushed(queue))
		set_timer(queue, jiffies + 1);
	else
		set_timer(queue, READ_ONCE(flush->began) + flush->period);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/* Queue a range; false if there is no room for it */
static bool try_push(struct iommu_dma_queue *queue, dma_addr_t iova,
		     size_t size, struct iommu_pages_list *freelist)
{
	struct iommu_dma_flush *flush = queue->flush;
	size_t granules = size >> flush->space->shift;

	if (granules > U32_MAX)
		return false;

	guard(spinlock_irqsave)(&queue->lock);
	release_some(queue, IOMMU_DMA_FLUSH_PER_CALL);
	if (full(queue)) {
		queue->crowded = true;
		return false;
	}

	push(queue, iova, granules, atomic_read(&flush->started), freelist);
	if (!queue->ticking)
		set_timer(queue, jiffies + flush->period);
	return true;
}

/**
 * iommu_dma_flush_queue() - Release a range later
 * @flush: lazy mode of its domain
 * @iova: start of the range, which the page table has been cleared of
 * @size: bytes
 * @freelist: pages of the page table that it had; not of use any more afterwards
 *
 * Takes a step, and one for each of the entries that it releases. Invalidates the
 * domain if the queue is full.
 *
 * Context: Any context. Takes the locks of the IOVA space and of the IOMMU driver.
 */
void iommu_dma_flush_queue(struct iommu_dma_flush *flush, dma_addr_t iova,
			   size_t size, struct iommu_pages_list *freelist)
{
	struct iommu_dma_queue *queue = flush->single;

	/*
	 * Whoever invalidates without having been counted yet in @started sees what
	 * the caller has cleared. Pairs with smp_mb__after_atomic() in
	 * iommu_dma_flush_now().
	 */
	smp_mb();

	/* The lock makes another CPU's queue as good */
	if (!queue)
		queue = raw_cpu_ptr(flush->queues);
	if (try_push(queue, iova, size, freelist))
		return;

	iommu_dma_flush_now(flush);
	if (try_push(queue, iova, size, freelist))
		return;

	/* Others were quicker, or no entry can hold it; it is flushed by now */
	iommu_put_pages_list(freelist);
	iommu_dma_retire_release(flush->space, iova, size);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_flush_queue);

static void init_queue(struct iommu_dma_flush *flush,
		       struct iommu_dma_queue *queue)
{
	spin_lock_init(&queue->lock);
	queue->flush = flush;
	queue->ring = queue->few;
	queue->mask = IOMMU_DMA_QUEUE_FEW - 1;
	timer_setup(&queue->timer, tick, TIMER_PINNED);
}

/* Release what has been invalidated. Returns true if there is more. */
static bool drain_some(struct iommu_dma_queue *queue)
{
	guard(spinlock_irqsave)(&queue->lock);
	release_some(queue, IOMMU_DMA_FLUSH_PER_TICK);
	return waiting(queue) && oldest_flushed(queue);
}

static void drain_queue(struct iommu_dma_queue *queue)
{
	while (drain_some(queue))
		;
}

static void destroy_queue(struct iommu_dma_queue *queue)
{
	timer_shutdown_sync(&queue->timer);
	drain_queue(queue);
	if (queue->ring != queue->few)
		kvfree(queue->ring);
}

/* May miss what is being queued */
static bool anything_waits(struct iommu_dma_flush *flush)
{
	int cpu;

	if (flush->single)
		return waiting(flush->single);
	for_each_possible_cpu(cpu)
		if (waiting(per_cpu_ptr(flush->queues, cpu)))
			return true;
	return false;
}

/**
 * iommu_dma_flush_drain() - Release all that waits
 * @flush: lazy mode of a domain
 *
 * For when IOVA is needed that waits, or time does not matter. What is queued at the
 * same time may stay. Invalidates if anything waits. Takes a step per entry and one
 * per CPU, up to IOMMU_DMA_FLUSH_PER_TICK at a time with interrupts off.
 *
 * Context: Any context. Takes the locks of the IOVA space and of the IOMMU driver.
 * Return: true if anything waited.
 */
bool iommu_dma_flush_drain(struct iommu_dma_flush *flush)
{
	int cpu;

	if (!anything_waits(flush))
		return false;

	iommu_dma_flush_now(flush);
	if (flush->single) {
		drain_queue(flush->single);
		return true;
	}
	for_each_possible_cpu(cpu)
		drain_queue(per_cpu_ptr(flush->queues, cpu));
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_flush_drain);

static int make_single(struct iommu_dma_flush *flush)
{
	struct iommu_dma_waiting *ring;

	flush->single = kzalloc_obj(*flush->single);
	ring = kvmalloc_objs(*ring, IOMMU_DMA_QUEUE_SINGLE);
	if (!flush->single || !ring) {
		kfree(flush->single);
		kvfree(ring);
		return -ENOMEM;
	}

	init_queue(flush, flush->single);
	flush->single->ring = ring;
	flush->single->mask = IOMMU_DMA_QUEUE_SINGLE - 1;
	flush->period = msecs_to_jiffies(IOMMU_DMA_FLUSH_SINGLE_MS);
	return 0;
}

static int make_per_cpu(struct iommu_dma_flush *flush)
{
	int cpu;

	flush->queues = alloc_percpu(struct iommu_dma_queue);
	if (!flush->queues)
		return -ENOMEM;

	for_each_possible_cpu(cpu)
		init_queue(flush, per_cpu_ptr(flush->queues, cpu));
	flush->period = msecs_to_jiffies(IOMMU_DMA_FLUSH_MS);
	return 0;
}

static struct iommu_dma_flush *make_flush(struct iommu_domain *domain)
{
	struct iommu_dma_flush *flush = kzalloc_obj(*flush);
	int ret;

	if (!flush)
		return NULL;

	flush->domain = domain;
	flush->space = &domain->iova_cookie->space;
	if (domain->iova_cookie->lazy.single)
		ret = make_single(flush);
	else
		ret = make_per_cpu(flush);
	if (ret) {
		kfree(flush);
		return NULL;
	}

	guard(mutex)(&flush_mutex);
	list_add(&flush->list, &all_flushes);
	return flush;
}

/**
 * iommu_dma_init_fq() - Make a DMA domain lazy
 * @domain: the domain, which a device has been set up for
 *
 * From then on what is unmapped waits for an invalidation. Mappings may be taken
 * away meanwhile.
 *
 * Context: Process context, under the group's mutex. May sleep.
 * Return: 0, also if it is lazy already, or
 * * -EPERM	- a device of the group is untrusted. A retry does not help.
 * * -EOPNOTSUPP	- the IOMMU driver cannot defer. A retry does not help.
 * * -ENOMEM	- out of memory.
 */
int iommu_dma_init_fq(struct iommu_domain *domain)
{
	struct iommu_dma_lazy *lazy = &domain->iova_cookie->lazy;

	if (lazy->forbidden)
		return -EPERM;
	if (!lazy->able)
		return -EOPNOTSUPP;
	if (lazy->made)
		return 0;

	lazy->made = make_flush(domain);
	if (!lazy->made) {
		pr_warn("no memory for lazy mode, a DMA domain stays strict\n");
		return -ENOMEM;
	}

	/* What it points to comes first. Pairs with iommu_dma_lazy_flush(). */
	smp_store_release(&lazy->flush, lazy->made);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_init_fq);

/**
 * iommu_dma_flush_setup() - Learn from a device if its domain can be lazy
 * @domain: the domain
 * @dev: a device that joins it
 *
 * Context: Process context, under the group's mutex.
 */
void iommu_dma_flush_setup(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_dma_lazy *lazy = &domain->iova_cookie->lazy;

	/* All page tables of the generic kind can */
	lazy->able = iommupt_from_domain(domain) ||
		     device_iommu_capable(dev, IOMMU_CAP_DEFERRED_FLUSH);
	lazy->single = dev->iommu->shadow_on_flush;
}

/**
 * iommu_dma_flush_forbid() - Make a domain strict for good
 * @domain: the domain, which an untrusted device is in
 *
 * What waits already is released in time.
 *
 * Context: Process context.
 */
void iommu_dma_flush_forbid(struct iommu_domain *domain)
{
	struct iommu_dma_lazy *lazy = &domain->iova_cookie->lazy;

	lazy->forbidden = true;
	WRITE_ONCE(lazy->flush, NULL);
	if (domain->type == IOMMU_DOMAIN_DMA_FQ)
		domain->type = IOMMU_DOMAIN_DMA;
}

/**
 * iommu_dma_flush_destroy() - Release what waits, and all of lazy mode
 * @lazy: of a domain that no device is attached to
 *
 * Context: Process context, may sleep.
 */
void iommu_dma_flush_destroy(struct iommu_dma_lazy *lazy)
{
	struct iommu_dma_flush *flush = lazy->made;
	int cpu;

	if (!flush)
		return;

	scoped_guard(mutex, &flush_mutex)
		list_del(&flush->list);

	iommu_dma_flush_now(flush);
	if (flush->single) {
		destroy_queue(flush->single);
		kfree(flush->single);
	} else {
		for_each_possible_cpu(cpu)
			destroy_queue(per_cpu_ptr(flush->queues, cpu));
		free_percpu(flush->queues);
	}
	kfree(flush);
	*lazy = (struct iommu_dma_lazy){};
}

/**
 * iommu_dma_flush_suspend() - Release all that waits before the machine sleeps
 * @nb: not used
 * @action: what the machine is about to do
 * @data: not used
 *
 * Timers stand still then, so that what waits would wait for as long. Devices are
 * still at work: what they have unmapped since is seen to by timers, as ever, for as
 * long as there is an IOMMU to ask. IOMMUs invalidate all when they come back.
 *
 * Context: Process context, may sleep.
 * Return: NOTIFY_DONE
 */
VISIBLE_IF_KUNIT int iommu_dma_flush_suspend(struct notifier_block *nb,
					     unsigned long action, void *data)
{
	struct iommu_dma_flush *flush;

	if (action != PM_SUSPEND_PREPARE && action != PM_HIBERNATION_PREPARE)
		return NOTIFY_DONE;

	guard(mutex)(&flush_mutex);
	list_for_each_entry(flush, &all_flushes, list)
		iommu_dma_flush_drain(flush);
	return NOTIFY_DONE;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_flush_suspend);

static struct notifier_block suspend_notifier = {
	.notifier_call = iommu_dma_flush_suspend,
};

static int __init iommu_dma_flush_init(void)
{
	return register_pm_notifier(&suspend_notifier);
}
late_initcall(iommu_dma_flush_init);
