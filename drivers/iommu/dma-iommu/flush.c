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
 * has one queue); two more where somebody begins to invalidate just then, and does not
 * get on with it. So is the work: a call releases IOMMU_DMA_FLUSH_PER_CALL entries,
 * and invalidates if its queue is full; a tick of a queue's timer invalidates once
 * and releases IOMMU_DMA_FLUSH_PER_TICK. One call is the exception: a mapping that
 * finds no IOVA releases all that waits before it is refused, perhaps with its caller's
 * interrupts off. That are up to IOMMU_DMA_QUEUE_MANY entries per CPU, or
 * IOMMU_DMA_QUEUE_SINGLE.
 *
 * Each CPU has a queue and each queue has a timer, which is set while the queue is
 * not empty, on the CPU that queues. A tick looks at the oldest entry: if an
 * invalidation has begun after it was queued, on whichever CPU, there is none to do,
 * unless that has been under way for a jiffy: who is at it may have been preempted. So
 * the CPUs together invalidate about once in a period, however many they are. The
 * timers of a CPU that goes offline move to another one, and its entries with them.
 *
 * A domain whose invalidations are dear (dev_iommu::shadow_on_flush) has one long
 * queue instead.
 *
 * Protocol. Whoever unmaps:		  Whoever invalidates:
 *
 *	clear the page table		    number = ++started
 *	smp_mb()			    smp_mb()
 *	entry->started = started	    invalidate, which reads the page table
 *					    smp_mb()
 *					    finished = max(finished, number)
 *
 * An entry may be released when finished > entry->started: then finished is the number
 * of an invalidation that has ended, and which began after the entry had read started.
 * By the two barriers it has seen the page table cleared. That is the store buffering
 * pattern; Documentation/litmus-tests/dma-iommu/flush.litmus has it for herd. Those that
 * began earlier need not have ended: nobody waits for one who does not get on with it,
 * see Documentation/litmus-tests/dma-iommu/overtake.litmus.
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
#include <trace/events/dma_iommu.h>

#include "../dma-iommu.h"
#include "../iommu-pages.h"
#include "private.h"

static DEFINE_MUTEX(flush_mutex);
static LIST_HEAD(all_flushes);

/* Exact under the queue's lock; without it what is being queued may be missed */
static unsigned int waiting(const struct iommu_dma_queue *queue)
{
	unsigned int tail = READ_ONCE(queue->tail);

	/* Pairs with smp_store_release() in release_some() */
	return tail - smp_load_acquire(&queue->head);
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

/* Is what was queued when @started was read out of reach of the device? */
static bool is_flushed(struct iommu_dma_flush *flush, u32 started)
{
	/* Both wrap around; no entry is half a revolution old. Pairs with note_finished(). */
	return (s32)(atomic_read_acquire(&flush->finished) - started) > 0;
}

/* The queue is not empty */
static bool oldest_flushed(struct iommu_dma_queue *queue)
{
	return is_flushed(queue->flush, entry_at(queue, queue->head)->started);
}

/*
 * Has another CPU begun to invalidate since the oldest entry was queued? The timers of
 * many run at the same moment: one of them is enough.
 */
static bool flush_is_under_way(struct iommu_dma_queue *queue)
{
	u32 started = atomic_read(&queue->flush->started);

	return !oldest_flushed(queue) &&
	       (s32)(started - entry_at(queue, queue->head)->started) > 0;
}

/* Has who began to invalidate last had the time for it, and has not ended? */
static bool flush_is_late(struct iommu_dma_flush *flush)
{
	return atomic_read(&flush->started) != atomic_read(&flush->finished) &&
	       time_after(jiffies, READ_ONCE(flush->began) + 1);
}

/*
 * Is it time to invalidate? While many entries that have been are being released,
 * those behind them must not wait for that.
 */
static bool flush_is_due(struct iommu_dma_queue *queue)
{
	struct iommu_dma_flush *flush = queue->flush;

	if (!waiting(queue) ||
	    is_flushed(flush, entry_at(queue, queue->tail - 1)->started))
		return false;
	if (flush_is_late(flush))
		return true;
	if (!oldest_flushed(queue))
		return !flush_is_under_way(queue);
	return time_after_eq(jiffies, READ_ONCE(flush->began) + flush->period);
}

/*
 * Release up to @most entries that have been invalidated, the oldest first. Stops
 * behind one whose IOVA was not allocated like that: then returns true, and @bad is for
 * complain(), as consoles may map.
 */
static bool release_some(struct iommu_dma_queue *queue, unsigned int most,
			 struct iommu_dma_waiting *bad)
{
	struct iommu_dma_space *space = queue->flush->space;

	while (most-- && waiting(queue) && oldest_flushed(queue)) {
		struct iommu_dma_waiting *entry = entry_at(queue, queue->head);
		size_t size = (size_t)entry->granules << space->shift;
		bool freed;

		iommu_dma_debug_release_late(space, entry->iova, size);
		iommu_put_pages_list(&entry->freelist);
		freed = iommu_dma_space_free(space, entry->iova, size);
		if (unlikely(!freed))
			*bad = *entry;
		/* Who finds nothing that waits finds its IOVA. Pairs with waiting(). */
		smp_store_release(&queue->head, queue->head + 1);
		if (unlikely(!freed))
			return true;
	}
	return false;
}

/* Without the lock of the queue */
static void complain(struct iommu_dma_flush *flush,
		     const struct iommu_dma_waiting *bad)
{
	size_t size = (size_t)bad->granules << flush->space->shift;

	iommu_dma_retire_unreleased(flush->space, bad->iova, size);
}

static void fill(struct iommu_dma_waiting *entry, dma_addr_t iova, u32 granules,
		 u32 started, struct iommu_pages_list *freelist)
{
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
	struct iommu_dma_waiting *old = queue->ring;

	lockdep_assert_held(&queue->lock);
	for (unsigned int i = queue->head; i != queue->tail; i++) {
		struct iommu_dma_waiting *entry = entry_at(queue, i);

		fill(&ring[i & (entries - 1)], entry->iova, entry->granules,
		     entry->started, &entry->freelist);
	}
	queue->ring = ring;
	queue->mask = entries - 1;
	return old == queue->few ? NULL : old;
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

/* Invalidations may end in another order than they began in: the last one counts */
static void note_finished(struct iommu_dma_flush *flush, int number)
{
	int finished = atomic_read(&flush->finished);

	/* Both wrap around. Fully ordered: pairs with that in is_flushed() */
	while ((s32)((u32)number - finished) > 0 &&
	       !atomic_try_cmpxchg(&flush->finished, &finished, number))
		;
}

/**
 * iommu_dma_flush_now() - Invalidate all of a domain
 * @flush: its lazy mode
 *
 * All that is queued already is out of reach of devices when it returns.
 *
 * Context: Any context. Takes the locks of the IOMMU driver; waits for the
 * invalidation.
 */
void iommu_dma_flush_now(struct iommu_dma_flush *flush)
{
	u64 began = iommu_dma_stats_clock(), debug;
	int number;

	WRITE_ONCE(flush->began, jiffies);
	/* Fully ordered: pairs with smp_mb() in iommu_dma_flush_queue() */
	number = atomic_inc_return(&flush->started);
	if (trace_dma_iommu_flush_begin_enabled())
		trace_dma_iommu_flush_begin(flush->space->low.group, number,
					    iommu_dma_flush_waiting(flush));
	debug = iommu_dma_debug_flush_begins(flush->domain);
	iommu_flush_iotlb_all(flush->domain);
	iommu_dma_debug_flush_ended(flush->domain, debug);
	note_finished(flush, number);
	trace_dma_iommu_flush_end(flush->space->low.group, number);
	iommu_dma_stats_flushed(&flush->stats, began);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_flush_now);

/*
 * Runs with the timer of a queue. Entries that stay were queued after the last
 * invalidation began, so that they have time until one period after that.
 */
static void tick(struct timer_list *timer)
{
	struct iommu_dma_queue *queue = timer_container_of(queue, timer, timer);
	struct iommu_dma_flush *flush = queue->flush;
	struct iommu_dma_waiting bad;
	bool due, complaint;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	due = flush_is_due(queue);
	spin_unlock_irqrestore(&queue->lock, flags);
	if (due)
		iommu_dma_flush_now(flush);

	spin_lock_irqsave(&queue->lock, flags);
	complaint = release_some(queue, IOMMU_DMA_FLUSH_PER_TICK, &bad);
	if (queue->crowded)
		grow(queue);
	if (!waiting(queue))
		queue->ticking = false;
	else if (oldest_flushed(queue) || flush_is_under_way(queue))
		set_timer(queue, jiffies + 1);
	else
		set_timer(queue, READ_ONCE(flush->began) + flush->period);
	spin_unlock_irqrestore(&queue->lock, flags);
	if (complaint)
		complain(flush, &bad);
}

/* Queue a range; false if there is no room for it */
static bool try_push(struct iommu_dma_queue *queue, dma_addr_t iova,
		     size_t size, struct iommu_pages_list *freelist)
{
	struct iommu_dma_flush *flush = queue->flush;
	size_t granules = size >> flush->space->shift;

	struct iommu_dma_waiting bad;
	bool complaint, room;
	unsigned long flags;

	if (granules > U32_MAX)
		return false;

	spin_lock_irqsave(&queue->lock, flags);
	complaint = release_some(queue, IOMMU_DMA_FLUSH_PER_CALL, &bad);
	room = !full(queue);
	if (!room) {
		queue->crowded = true;
		goto out;
	}

	fill(entry_at(queue, queue->tail), iova, granules,
	     atomic_read(&flush->started), freelist);
	WRITE_ONCE(queue->tail, queue->tail + 1);
	if (!queue->ticking)
		set_timer(queue, jiffies + flush->period);
	iommu_dma_stats_queued(&queue->stats, queue->tail - queue->head);
out:
	spin_unlock_irqrestore(&queue->lock, flags);
	if (complaint)
		complain(flush, &bad);
	return room;
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
	 * Whoever invalidates without having been counted yet in @started, or to end
	 * lazy mode without that being seen here, sees what the caller has cleared.
	 * Pairs with atomic_inc_return() in iommu_dma_flush_now().
	 */
	smp_mb();

	/* The lock makes another CPU's queue as good */
	if (!queue)
		queue = raw_cpu_ptr(flush->queues);
	if (likely(!READ_ONCE(flush->ended)) &&
	    try_push(queue, iova, size, freelist))
		return;

	iommu_dma_stats_forced(&flush->stats);
	iommu_dma_flush_now(flush);
	if (!READ_ONCE(flush->ended) && try_push(queue, iova, size, freelist))
		return;

	/* Others were quicker, or no entry may hold it; it is flushed by now */
	iommu_dma_stats_at_once(&flush->stats);
	iommu_dma_debug_release_late(flush->space, iova, size);
	iommu_put_pages_list(freelist);
	iommu_dma_retire_release(flush->domain, iova, size);
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
	struct iommu_dma_waiting bad;
	bool complaint, more;

	scoped_guard(spinlock_irqsave, &queue->lock) {
		complaint = release_some(queue, IOMMU_DMA_FLUSH_PER_TICK, &bad);
		more = waiting(queue) && oldest_flushed(queue);
	}
	if (complaint)
		complain(queue->flush, &bad);
	return more;
}

static void drain_queue(struct iommu_dma_queue *queue)
{
	while (drain_some(queue))
		;
}

static void destroy_queue(struct iommu_dma_queue *queue)
{
	drain_queue(queue);
	if (queue->ring != queue->few)
		kvfree(queue->ring);
}

/**
 * iommu_dma_flush_waiting() - How much waits?
 * @flush: lazy mode of a domain
 *
 * Takes a step per CPU.
 *
 * Context: Any context.
 * Return: ranges. What is being queued may be missed.
 */
unsigned int iommu_dma_flush_waiting(struct iommu_dma_flush *flush)
{
	unsigned int sum = 0;
	int cpu;

	if (flush->single)
		return waiting(flush->single);
	for_each_possible_cpu(cpu)
		sum += waiting(per_cpu_ptr(flush->queues, cpu));
	return sum;
}

/**
 * iommu_dma_flush_drain() - Release all that waits
 * @flush: lazy mode of a domain
 *
 * For when IOVA is needed that waits, or time does not matter. What is queued at the
 * same time may stay. Invalidates if anything waits. Takes a step per entry and one
 * per CPU. Where the caller has interrupts on, they are off for up to
 * IOMMU_DMA_FLUSH_PER_TICK at a time.
 *
 * Context: Any context. Takes the locks of the IOVA space and of the IOMMU driver.
 * Return: true if anything waited.
 */
bool iommu_dma_flush_drain(struct iommu_dma_flush *flush)
{
	u64 began = iommu_dma_stats_clock();
	int cpu;

	if (!iommu_dma_flush_waiting(flush))
		return false;

	iommu_dma_flush_now(flush);
	if (flush->single)
		drain_queue(flush->single);
	else
		for_each_possible_cpu(cpu)
			drain_queue(per_cpu_ptr(flush->queues, cpu));
	iommu_dma_stats_drained(&flush->stats, began);
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

	flush->queues = iommu_dma_alloc_percpu(struct iommu_dma_queue);
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
 * Return:
 * * %0		- it is lazy, perhaps already.
 * * %-EPERM	- a device of the group is untrusted. A retry does not help.
 * * %-EOPNOTSUPP	- the IOMMU driver cannot defer. A retry does not help.
 * * %-ENOMEM	- out of memory.
 */
int iommu_dma_init_fq(struct iommu_domain *domain)
{
	struct iommu_dma_lazy *lazy = &domain->iova_cookie->lazy;

	if (lazy->forbidden)
		return -EPERM;
	if (lazy->unable)
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

/* Nothing waits from now on, not even for those that have begun to unmap */
static void end_lazy(struct iommu_domain *domain)
{
	struct iommu_dma_lazy *lazy = &domain->iova_cookie->lazy;

	if (domain->type == IOMMU_DOMAIN_DMA_FQ)
		domain->type = IOMMU_DOMAIN_DMA;
	if (!lazy->flush)
		return;

	WRITE_ONCE(lazy->flush, NULL);
	WRITE_ONCE(lazy->made->ended, true);
	/* See smp_mb() in iommu_dma_flush_queue(): it is seen there, or that here */
	iommu_dma_flush_now(lazy->made);
}

/**
 * iommu_dma_flush_setup() - Learn from a device if its domain can be lazy
 * @domain: the domain
 * @dev: a device that joins it
 *
 * Where the IOMMU of one device cannot defer, the domain is strict for good.
 *
 * Context: Process context, under the group's mutex.
 */
void iommu_dma_flush_setup(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_dma_lazy *lazy = &domain->iova_cookie->lazy;

	lazy->single |= dev->iommu->shadow_on_flush;
	/* All page tables of the generic kind can */
	if (iommupt_from_domain(domain) ||
	    device_iommu_capable(dev, IOMMU_CAP_DEFERRED_FLUSH))
		return;
	lazy->unable = true;
	end_lazy(domain);
}

/**
 * iommu_dma_flush_forbid() - Make a domain strict for good
 * @domain: the domain, which an untrusted device is in
 *
 * When it returns, no device can reach what was unmapped before.
 *
 * Context: Process context.
 */
void iommu_dma_flush_forbid(struct iommu_domain *domain)
{
	domain->iova_cookie->lazy.forbidden = true;
	end_lazy(domain);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_flush_forbid);

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

	/* First all timers: none of them is about to end an invalidation then */
	if (flush->single)
		timer_shutdown_sync(&flush->single->timer);
	else
		for_each_possible_cpu(cpu)
			timer_shutdown_sync(&per_cpu_ptr(flush->queues,
							 cpu)->timer);

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
 * still at work: what they unmap after that is seen to by timers, as ever, as long as
 * these run, and what is left then waits until the machine is awake.
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
