// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the allocator of iova.c costs, beside what struct iova_domain costs.
 *
 * Every workload is done once with each of them, in the same kernel, by the same
 * code. debugfs:iommu_dma_bench/iova takes the name of a group of workloads and is
 * back when they are done; it then reads as CSV, a line per result of all groups
 * since boot. "quick", "fragmented" and "memory" want one CPU online and nothing
 * else to do, "storm" as many CPUs as there are. Nothing runs before it is asked
 * for.
 *
 * Calls are timed by the system clock, with interrupts off, and the cost of timing
 * is subtracted. That means little on real hardware; it is exact under an emulator
 * whose clock counts instructions, such as "qemu -icount shift=3,sleep=off". There
 * waiting costs nothing, and so no workload is shy of it.
 *
 * What is random comes from a fixed seed, SEED, which is part of the results.
 */

#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/hrtimer.h>
#include <linux/iova.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_choices.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "../iova.h"

#define SEED 7304

/* Both allocators are asked for granules of this size */
#define GRANULE SZ_4K

#define LAST_48BIT DMA_BIT_MASK(48)
#define LAST_32BIT DMA_BIT_MASK(32)

/*
 * The two allocators
 */

enum which {
	UPSTREAM,
	OURS,
	ALLOCATORS,
};

/**
 * struct target - The IOVA space of one domain
 * @upstream: for UPSTREAM
 * @ours: for OURS
 * @limit: highest address that the device can use
 * @prefer_32bit: the device is better off below 4 GiB
 * @align: what OURS is to align to; UPSTREAM always aligns to the size. Mappings of
 *	   less than a larger page do not ask for it
 */
struct target {
	union {
		struct iova_domain upstream;
		struct iommu_dma_space ours;
	};
	dma_addr_t limit;
	bool prefer_32bit;
	size_t align;
};

/**
 * struct allocator - How to use an allocator as a DMA mapping layer does
 * @init: set up the space from the second granule to the target's limit
 * @destroy: release it with what is live in it
 * @alloc: find granules, aligned to their number; false if there are none
 * @free: give granules back
 */
struct allocator {
	int (*init)(struct target *target);
	void (*destroy)(struct target *target);
	bool (*alloc)(struct target *target, unsigned int granules,
		      dma_addr_t *iova);
	void (*free)(struct target *target, dma_addr_t iova,
		     unsigned int granules);
};

static int upstream_init(struct target *target)
{
	init_iova_domain(&target->upstream, GRANULE, 1);
	return iova_domain_init_rcaches(&target->upstream);
}

static void upstream_destroy(struct target *target)
{
	put_iova_domain(&target->upstream);
}

static bool upstream_alloc(struct target *target, unsigned int granules,
			   dma_addr_t *iova)
{
	struct iova_domain *iovad = &target->upstream;
	unsigned int shift = iova_shift(iovad);
	unsigned long pfn = 0;

	if (target->prefer_32bit) {
		pfn = alloc_iova_fast(iovad, granules, LAST_32BIT >> shift,
				      false);
		/* Its callers take one refusal for all that are to come */
		target->prefer_32bit = pfn;
	}
	if (!pfn)
		pfn = alloc_iova_fast(iovad, granules, target->limit >> shift,
				      true);
	*iova = (dma_addr_t)pfn << shift;
	return pfn;
}

static void upstream_free(struct target *target, dma_addr_t iova,
			  unsigned int granules)
{
	struct iova_domain *iovad = &target->upstream;

	free_iova_fast(iovad, iova_pfn(iovad, iova), granules);
}

static int ours_init(struct target *target)
{
	return iommu_dma_space_init(&target->ours, GRANULE, GRANULE,
				    target->limit);
}

static void ours_destroy(struct target *target)
{
	iommu_dma_space_destroy(&target->ours);
}

static bool ours_alloc(struct target *target, unsigned int granules,
		       dma_addr_t *iova)
{
	size_t size = (size_t)granules * GRANULE;
	const struct iommu_dma_request request = {
		.size = size,
		.align = target->align,
		.limit = target->limit,
		.prefer_32bit = target->prefer_32bit,
	};

	return !iommu_dma_space_alloc(&target->ours, &request, iova);
}

static void ours_free(struct target *target, dma_addr_t iova,
		      unsigned int granules)
{
	iommu_dma_space_free(&target->ours, iova, (size_t)granules * GRANULE);
}

static const struct allocator allocators[ALLOCATORS] = {
	[UPSTREAM] = {
		.init = upstream_init,
		.destroy = upstream_destroy,
		.alloc = upstream_alloc,
		.free = upstream_free,
	},
	[OURS] = {
		.init = ours_init,
		.destroy = ours_destroy,
		.alloc = ours_alloc,
		.free = ours_free,
	},
};

/* What is left when there is no allocator: calls, loops and looks at the clock */
static bool nothing_alloc(struct target *target, unsigned int granules,
			  dma_addr_t *iova)
{
	*iova = granules;
	return true;
}

static void nothing_free(struct target *target, dma_addr_t iova,
			 unsigned int granules)
{
}

static const struct allocator nothing = {
	.alloc = nothing_alloc,
	.free = nothing_free,
};

static struct target *target_create(enum which which, dma_addr_t limit,
				    bool prefer_32bit)
{
	struct target *target = kzalloc_obj(*target);
	int ret;

	if (!target)
		return ERR_PTR(-ENOMEM);
	target->limit = limit;
	target->prefer_32bit = prefer_32bit;
	ret = allocators[which].init(target);
	if (ret) {
		kfree(target);
		return ERR_PTR(ret);
	}
	return target;
}

static void target_destroy(enum which which, struct target *target)
{
	allocators[which].destroy(target);
	kfree(target);
}

/*
 * Results
 */

/* Serialises groups; protects what follows */
static DEFINE_MUTEX(lock);

static struct result {
	char workload[96];
	const char *unit;
	u64 thousandths[ALLOCATORS];
} results[64];
static unsigned int nr_results;

static __printf(4, 5) void report(enum which which, u64 thousandths,
				  const char *unit, const char *format, ...)
{
	char workload[sizeof(results->workload)];
	struct result *result = results;
	va_list args;

	va_start(args, format);
	vsnprintf(workload, sizeof(workload), format, args);
	va_end(args);
	pr_info("iova_bench: %s: %llu.%03llu %s, %s\n",
		which == OURS ? "ours" : "upstream", thousandths / 1000,
		thousandths % 1000, unit, workload);

	while (result < results + nr_results &&
	       strcmp(result->workload, workload))
		result++;
	if (result == results + nr_results) {
		if (WARN_ON(nr_results == ARRAY_SIZE(results)))
			return;
		nr_results++;
		strscpy(result->workload, workload);
		result->unit = unit;
	}
	result->thousandths[which] = thousandths;
}

static u64 average(u64 sum, u64 count)
{
	return div64_u64(sum * 1000, count);
}

/*
 * Timing
 */

/**
 * struct timing - What calls cost
 * @calls: how many there were
 * @sum: ns that all took
 * @worst: ns that the worst took
 * @last: ns that the last took
 * @untimed: just do the calls, and let interrupts in
 */
struct timing {
	u64 calls;
	u64 sum;
	u64 worst;
	u64 last;
	bool untimed;
};

/* What timing a call costs, in ns */
static u64 overhead;

static void timing_add(struct timing *timing, u64 ns)
{
	ns -= min(ns, overhead);
	timing->calls++;
	timing->sum += ns;
	timing->worst = max(timing->worst, ns);
	timing->last = ns;
}

static bool timed_alloc(const struct allocator *allocator,
			struct target *target, unsigned int granules,
			dma_addr_t *iova, struct timing *timing)
{
	unsigned long flags;
	u64 start, end;
	bool done;

	if (timing->untimed) {
		timing->calls++;
		return allocator->alloc(target, granules, iova);
	}

	local_irq_save(flags);
	start = ktime_get_ns();
	done = allocator->alloc(target, granules, iova);
	end = ktime_get_ns();
	local_irq_restore(flags);
	timing_add(timing, end - start);
	return done;
}

static void timed_free(const struct allocator *allocator, struct target *target,
		       dma_addr_t iova, unsigned int granules,
		       struct timing *timing)
{
	unsigned long flags;
	u64 start, end;

	local_irq_save(flags);
	start = ktime_get_ns();
	allocator->free(target, iova, granules);
	end = ktime_get_ns();
	local_irq_restore(flags);
	timing_add(timing, end - start);
}

static void calibrate(void)
{
	struct timing timing = {};
	dma_addr_t iova;

	overhead = 0;
	for (int i = 0; i < 1000; i++)
		timed_alloc(&nothing, NULL, 1, &iova, &timing);
	overhead = div64_u64(timing.sum, timing.calls);
}

/*
 * How late a timer is that goes off all the time: the longest time that interrupts
 * were off, if that is longer than LATENCY_PERIOD. Shorter ones may be missed.
 */

#define LATENCY_PERIOD (50 * NSEC_PER_USEC)

static struct hrtimer latency_timer;
static u64 latency;

static enum hrtimer_restart latency_handler(struct hrtimer *timer)
{
	ktime_t now = ktime_get();

	u64 late = ktime_to_ns(ktime_sub(now, hrtimer_get_expires(timer)));

	latency = max(latency, late);
	hrtimer_forward(timer, now, LATENCY_PERIOD);
	return HRTIMER_RESTART;
}

static void latency_begin(void)
{
	latency = 0;
	hrtimer_setup(&latency_timer, latency_handler, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&latency_timer, LATENCY_PERIOD,
		      HRTIMER_MODE_REL_PINNED_HARD);
}

/* Returns ns, with those that an interrupt takes to arrive */
static u64 latency_end(void)
{
	hrtimer_cancel(&latency_timer);
	return latency;
}

/*
 * What workloads begin with: small mappings
 */

/* Make @count mappings of a granule, and have their IOVAs in random order */
static int populate(enum which which, struct target *target, dma_addr_t *iovas,
		    unsigned int count)
{
	struct rnd_state rnd;
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!allocators[which].alloc(target, 1, &iovas[i]))
			return -ENOSPC;
		cond_resched();
	}
	prandom_seed_state(&rnd, SEED);
	for (i = count - 1; i; i--) {
		unsigned int other = prandom_u32_state(&rnd) % (i + 1);

		swap(iovas[i], iovas[other]);
	}
	return 0;
}

static void depopulate(enum which which, struct target *target,
		       const dma_addr_t *iovas, unsigned int count,
		       struct timing *timing)
{
	for (unsigned int i = 0; i < count; i++) {
		timed_free(&allocators[which], target, iovas[i], 1, timing);
		cond_resched();
	}
}

/*
 * quick: the same few granules over and over
 */

#define BATCHES 20
#define PAIRS 1000

/* Allocate and free in turn; returns the ns that all pairs together took */
static u64 run_pairs(const struct allocator *allocator, struct target *target,
		     unsigned int granules)
{
	unsigned long flags;
	u64 start, sum = 0;
	dma_addr_t iova;

	for (int batch = 0; batch < BATCHES; batch++) {
		local_irq_save(flags);
		start = ktime_get_ns();
		for (int pair = 0; pair < PAIRS; pair++) {
			if (!allocator->alloc(target, granules, &iova)) {
				local_irq_restore(flags);
				return 0;
			}
			allocator->free(target, iova, granules);
		}
		sum += ktime_get_ns() - start;
		local_irq_restore(flags);
		cond_resched();
	}
	return sum;
}

static int quick_with(enum which which, unsigned int granules,
		      unsigned int live, const char *what)
{
	const struct allocator *allocator = &allocators[which];
	struct target *target;
	dma_addr_t *iovas;
	u64 ns, loop;
	int ret = 0;

	iovas = kvmalloc_objs(*iovas, live + 1);
	if (!iovas)
		return -ENOMEM;
	target = target_create(which, LAST_48BIT, true);
	if (IS_ERR(target)) {
		ret = PTR_ERR(target);
		goto err_free;
	}
	if (live)
		ret = populate(which, target, iovas, live);
	if (ret)
		goto err_destroy;

	run_pairs(allocator, target, granules);
	ns = run_pairs(allocator, target, granules);
	loop = run_pairs(&nothing, target, granules);
	if (ns > loop)
		report(which, average(ns - loop, BATCHES * PAIRS), "ns",
		       "alloc and free %u granule%s%s", granules,
		       str_plural(granules), what);
	else
		ret = -EIO;

err_destroy:
	target_destroy(which, target);
err_free:
	kvfree(iovas);
	return ret;
}

static int quick(enum which which)
{
	static const unsigned int sizes[] = { 1, 8, 64, 300, 512, 2048 };
	int ret = 0;

	for (int i = 0; !ret && i < ARRAY_SIZE(sizes); i++) {
		ret = quick_with(which, sizes[i], 0, "");
		if (!ret)
			ret = quick_with(which, sizes[i], 10000,
					 "; 10000 of 1 live");
	}
	return ret;
}

/*
 * fragmented: what a space is like that has been in use for long
 */

/* Upstream takes up to ten minutes to return to its tree what is free */
static void leave_alone(void)
{
	ssleep(600);
}

#define LARGE_CALLS 1000

static int large_among_small(enum which which, unsigned int live,
			     bool prefer_32bit, bool leave)
{
	const char *where = prefer_32bit ? " below 4 GiB" : "";
	const char *when = leave ? "; 10 minutes later" : "";
	struct timing allocs = {}, frees = {};
	struct target *target;
	dma_addr_t *iovas, iova;
	int ret;

	iovas = kvmalloc_objs(*iovas, live);
	if (!iovas)
		return -ENOMEM;
	target = target_create(which, LAST_48BIT, prefer_32bit);
	if (IS_ERR(target)) {
		ret = PTR_ERR(target);
		goto err_free;
	}

	ret = populate(which, target, iovas, live);
	if (ret)
		goto err_destroy;
	depopulate(which, target, iovas, live / 2, &frees);
	if (leave)
		leave_alone();
	for (int i = 0; i < LARGE_CALLS; i++) {
		if (!timed_alloc(&allocators[which], target, 64, &iova,
				 &allocs)) {
			ret = -ENOSPC;
			goto err_destroy;
		}
		cond_resched();
	}

	report(which, allocs.worst * 1000, "ns",
	       "%u live%s; half freed%s; 64 granules: worst call", live, where,
	       when);
	report(which, average(allocs.sum, allocs.calls), "ns",
	       "%u live%s; half freed%s; 64 granules: average", live, where,
	       when);
	if (!leave) {
		report(which, frees.worst * 1000, "ns",
		       "%u live%s; half freed: worst free", live, where);
		report(which, average(frees.sum, frees.calls), "ns",
		       "%u live%s; half freed: average free", live, where);
	}

err_destroy:
	target_destroy(which, target);
err_free:
	kvfree(iovas);
	return ret;
}

#define REFUSALS 100

/*
 * 512 granules again and again from 4 GiB, of which @live are in use. Either calls
 * are timed, or how long interrupts are off is found out.
 */
static int until_refused(enum which which, unsigned int live, bool timed)
{
	struct timing allocs = { .untimed = !timed };
	struct timing after = {}, frees = {};
	struct target *target;
	dma_addr_t *iovas, iova;
	u64 longest = 0;
	int ret = 0;

	iovas = kvmalloc_objs(*iovas, 2 * live + 1);
	if (!iovas)
		return -ENOMEM;
	target = target_create(which, LAST_32BIT, false);
	if (IS_ERR(target)) {
		ret = PTR_ERR(target);
		goto err_free;
	}

	if (live) {
		ret = populate(which, target, iovas, 2 * live);
		if (ret)
			goto err_destroy;
		depopulate(which, target, iovas, live, &frees);
	}
	if (!timed)
		latency_begin();
	while (timed_alloc(&allocators[which], target, 512, &iova, &allocs)) {
		/* There is no room for more: some are handed out twice */
		if (allocs.calls > SZ_4G / (512 * GRANULE)) {
			ret = -EIO;
			break;
		}
		cond_resched();
	}
	if (!timed)
		longest = latency_end();
	if (ret)
		goto err_destroy;
	if (!timed) {
		report(which, longest * 1000, "ns",
		       "4 GiB with %u scattered; 512 granules: longest with interrupts off",
		       live);
		goto err_destroy;
	}

	for (int i = 0; i < REFUSALS; i++) {
		if (timed_alloc(&allocators[which], target, 512, &iova,
				&after)) {
			ret = -EIO;
			goto err_destroy;
		}
		cond_resched();
	}

	report(which, allocs.worst * 1000, "ns",
	       "4 GiB with %u scattered; 512 granules: worst call", live);
	report(which, allocs.last * 1000, "ns",
	       "4 GiB with %u scattered; 512 granules: the refusal", live);
	report(which, after.worst * 1000, "ns",
	       "4 GiB with %u scattered; 512 granules: worst refusal after it",
	       live);
	report(which, (allocs.calls - 1) * 1000, "calls",
	       "4 GiB with %u scattered; 512 granules: calls before the refusal",
	       live);

err_destroy:
	target_destroy(which, target);
err_free:
	kvfree(iovas);
	return ret;
}

#define HOLE_SPACE 16384
#define HOLE_POSITIONS 8

/* Fill what is left of the space, which has to be @granules, one by one */
static int refill(enum which which, struct target *target,
		  unsigned int granules)
{
	unsigned int found = 0;
	dma_addr_t iova;

	while (found <= granules && allocators[which].alloc(target, 1, &iova)) {
		found++;
		cond_resched();
	}
	return found == granules ? 0 : -EIO;
}

/* Is an aligned hole of exactly the size that is asked for found? */
static int fill_holes(enum which which)
{
	const struct allocator *allocator = &allocators[which];
	unsigned int size, align, asked = 0, found = 0;
	struct target *target;
	struct rnd_state rnd;
	int ret;

	target = target_create(which, HOLE_SPACE * GRANULE - 1, false);
	if (IS_ERR(target))
		return PTR_ERR(target);
	ret = refill(which, target, HOLE_SPACE - 1);

	prandom_seed_state(&rnd, SEED);
	for (size = 1; !ret && size <= 2048; size += 1 + size / 8) {
		align = roundup_pow_of_two(size);
		for (int i = 0; !ret && i < HOLE_POSITIONS; i++) {
			unsigned int hole =
				1 + prandom_u32_state(&rnd) %
					    (HOLE_SPACE / align - 1);
			dma_addr_t want = (dma_addr_t)hole * align * GRANULE;
			dma_addr_t iova;

			for (unsigned int j = 0; j < size; j++)
				allocator->free(target, want + j * GRANULE, 1);
			asked++;
			target->align = (size_t)align * GRANULE;
			if (allocator->alloc(target, size, &iova)) {
				if (iova != want) {
					ret = -EIO;
					break;
				}
				found++;
				allocator->free(target, iova, size);
			}
			target->align = 0;
			ret = ret ?: refill(which, target, size);
			cond_resched();
		}
	}

	target_destroy(which, target);
	if (!ret)
		report(which, average(found * 100, asked), "%",
		       "aligned holes of exactly the size: found");
	return ret;
}

static int fragmented(enum which which)
{
	int ret;

	ret = large_among_small(which, 10000, false, false);
	if (!ret)
		ret = large_among_small(which, 1000000, false, false);
	if (!ret)
		ret = large_among_small(which, 200000, true, false);
	if (!ret)
		ret = large_among_small(which, 10000, false, true);
	if (!ret)
		ret = large_among_small(which, 1000000, false, true);
	if (!ret)
		ret = large_among_small(which, 200000, true, true);
	if (!ret)
		ret = until_refused(which, 100000, true);
	if (!ret)
		ret = until_refused(which, 100000, false);
	if (!ret)
		ret = until_refused(which, 0, true);
	if (!ret)
		ret = fill_holes(which);
	return ret;
}

/*
 * memory
 */

/*
 * The instrument: pages in the hands of the slab, vmalloc and percpu allocators,
 * whoever they are for. Others are quiet, and the numbers asked for are so large
 * that they would not matter. The wait is for RCU to free what it was given, and
 * for CPUs to add their counts to the sums, which they do once a second.
 */
static u64 memory(void)
{
	rcu_barrier();
	ssleep(5);
	return PAGE_SIZE *
	       (u64)(global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
		     global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B) +
		     global_node_page_state(NR_VMALLOC) + pcpu_nr_pages());
}

#define MANY_LIVE 1000000

static int memory_live(enum which which)
{
	struct timing frees = {};
	struct target *target;
	dma_addr_t *iovas;
	u64 before, live;
	int ret;

	iovas = kvmalloc_objs(*iovas, MANY_LIVE);
	if (!iovas)
		return -ENOMEM;
	target = target_create(which, LAST_48BIT, false);
	if (IS_ERR(target)) {
		ret = PTR_ERR(target);
		goto err_free;
	}

	before = memory();
	ret = populate(which, target, iovas, MANY_LIVE);
	if (ret)
		goto err_destroy;
	live = memory();
	report(which, average(live - min(live, before), MANY_LIVE), "bytes",
	       "memory per mapping of 1 granule; %u live", MANY_LIVE);
	depopulate(which, target, iovas, MANY_LIVE / 2, &frees);
	leave_alone();
	live = memory();
	report(which, average(live - min(live, before), MANY_LIVE / 2), "bytes",
	       "memory per mapping of 1 granule; half freed; 10 minutes later");

err_destroy:
	target_destroy(which, target);
err_free:
	kvfree(iovas);
	return ret;
}

/* So many that whole pages, which the instrument counts, are a fine scale */
#define IDLE_DOMAINS 4096

/*
 * Domains that are set up and never used. Those of the first half use up what was
 * left of memory that was in the allocators' hands before.
 */
static int memory_idle(enum which which)
{
	struct target *targets = kvzalloc_objs(*targets, 2 * IDLE_DOMAINS);
	unsigned long percpu = 0;
	unsigned int count;
	u64 all = 0;
	int ret = 0;

	if (!targets)
		return -ENOMEM;

	for (count = 0; count < 2 * IDLE_DOMAINS; count++) {
		if (count == IDLE_DOMAINS) {
			all = memory();
			percpu = pcpu_nr_pages();
		}
		targets[count].limit = LAST_48BIT;
		ret = allocators[which].init(&targets[count]);
		if (ret)
			goto err_destroy;
		cond_resched();
	}
	all = memory() - all;
	percpu = pcpu_nr_pages() - percpu;
	all -= min(all, percpu * PAGE_SIZE);
	report(which,
	       average(percpu * PAGE_SIZE, IDLE_DOMAINS * num_possible_cpus()),
	       "bytes", "memory of an idle domain per possible CPU");
	report(which,
	       average(all, IDLE_DOMAINS) +
		       1000 * (which == OURS ? sizeof(targets->ours) :
					       sizeof(targets->upstream)),
	       "bytes", "memory of an idle domain but for that per CPU");

err_destroy:
	while (count--)
		allocators[which].destroy(&targets[count]);
	kvfree(targets);
	return ret;
}

static int memory_all(enum which which)
{
	return memory_live(which) ?: memory_idle(which);
}

/*
 * storm: all CPUs at once
 */

/*
 * The instrument: probes on the functions that take a spinlock, none of which is
 * inlined where kernels are preemptible. Those for who knows if interrupts are on
 * are of no use to an allocator that is called in any context, and are left out.
 * Counted is what lies in a domain, or in what upstream shares between CPUs outside
 * of it, the heads of its depots. Not counted are locks that a CPU has to itself,
 * and those of the slab and of timers, which both allocators call.
 */
static struct {
	unsigned long start;
	unsigned long end;
} shared[2];
static DEFINE_PER_CPU(u64, shared_locks);

static int lock_handler(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long address = regs_get_kernel_argument(regs, 0);

	for (int i = 0; i < ARRAY_SIZE(shared); i++)
		if (address >= shared[i].start && address < shared[i].end)
			this_cpu_inc(shared_locks);
	return 0;
}

static struct kprobe lock_probes[] = {
	{ .symbol_name = "_raw_spin_lock" },
	{ .symbol_name = "_raw_spin_lock_irqsave" },
	{ .symbol_name = "_raw_spin_trylock" },
};

static int watch_locks(enum which which, struct target *target)
{
	unsigned int i;
	int ret = 0;

	shared[0].start = (unsigned long)target;
	shared[0].end = shared[0].start + sizeof(*target);
	shared[1].start = 0;
	shared[1].end = 0;
	if (which == UPSTREAM) {
		shared[1].start = (unsigned long)target->upstream.rcaches;
		shared[1].end =
			shared[1].start + ksize(target->upstream.rcaches);
	}
	for (i = 0; i < ARRAY_SIZE(lock_probes); i++) {
		/* What a probe was used for before is of no use now */
		lock_probes[i] = (struct kprobe){
			.symbol_name = lock_probes[i].symbol_name,
			.pre_handler = lock_handler,
		};
		ret = register_kprobe(&lock_probes[i]);
		if (ret)
			break;
	}
	if (ret)
		while (i--)
			unregister_kprobe(&lock_probes[i]);
	return ret;
}

/* Returns -EIO if any call went by uncounted */
static int unwatch_locks(void)
{
	int ret = 0;

	for (int i = 0; i < ARRAY_SIZE(lock_probes); i++) {
		unregister_kprobe(&lock_probes[i]);
		if (lock_probes[i].nmissed)
			ret = -EIO;
	}
	return ret;
}

static u64 count_locks(void)
{
	unsigned int cpu;
	u64 sum = 0;

	for_each_possible_cpu(cpu) {
		sum += per_cpu(shared_locks, cpu);
		per_cpu(shared_locks, cpu) = 0;
	}
	return sum;
}

/* Are exactly the locks counted that ought to be? */
static int check_watch(enum which which, struct target *target)
{
	spinlock_t *tree = &target->upstream.iova_rbtree_lock;
	/* Each depot begins with its lock */
	spinlock_t *depot = (spinlock_t *)target->upstream.rcaches;
	static DEFINE_SPINLOCK(other);
	unsigned long flags;

	count_locks();
	for (int i = 0; i < 1000; i++) {
		spin_lock_irqsave(&other, flags);
		if (which == OURS) {
			xa_lock(&target->ours.low.chunks);
			xa_unlock(&target->ours.low.chunks);
		} else {
			spin_lock(depot);
			spin_unlock(depot);
		}
		spin_unlock_irqrestore(&other, flags);

		if (which == OURS) {
			xa_lock_irqsave(&target->ours.high.chunks, flags);
			xa_unlock_irqrestore(&target->ours.high.chunks, flags);
		} else {
			spin_lock_irqsave(tree, flags);
			spin_unlock_irqrestore(tree, flags);
		}
	}
	return count_locks() == 2000 ? 0 : -EIO;
}

#define STORM_CALLS 20000
#define STORM_LIVE 16

/**
 * struct storm - What one CPU does
 * @which: the allocator
 * @target: the space, of all CPUs
 * @granules: what is asked for, in no order; up to 4 sizes
 * @nr_sizes: how many
 * @live: mappings that the CPU keeps, STORM_LIVE at most
 * @start: when to begin
 * @done: when it is over
 * @ret: how it went
 */
struct storm {
	enum which which;
	struct target *target;
	const unsigned int *granules;
	unsigned int nr_sizes;
	unsigned int live;
	struct completion *start;
	struct completion done;
	int ret;
};

static int storm_thread(void *data)
{
	unsigned int i, slot, held[STORM_LIVE] = {};
	dma_addr_t iovas[STORM_LIVE];
	struct storm *storm = data;
	const struct allocator *allocator = &allocators[storm->which];
	struct rnd_state rnd;

	prandom_seed_state(&rnd, SEED + smp_processor_id());
	wait_for_completion(storm->start);
	for (i = 0; i < STORM_CALLS; i++) {
		slot = i % storm->live;
		if (held[slot])
			allocator->free(storm->target, iovas[slot], held[slot]);
		held[slot] = storm->granules[prandom_u32_state(&rnd) %
					     storm->nr_sizes];
		if (!allocator->alloc(storm->target, held[slot],
				      &iovas[slot])) {
			held[slot] = 0;
			storm->ret = -ENOSPC;
			break;
		}
		cond_resched();
	}
	for (slot = 0; slot < storm->live; slot++)
		if (held[slot])
			allocator->free(storm->target, iovas[slot], held[slot]);
	complete(&storm->done);
	return 0;
}

/* Returns how many CPUs took part */
static int run_storm(const struct storm *template)
{
	DECLARE_COMPLETION_ONSTACK(start);
	struct storm *storms = kzalloc_objs(*storms, nr_cpu_ids);
	unsigned int cpu, count = 0, i;
	int ret = 0;

	if (!storms)
		return -ENOMEM;

	cpus_read_lock();
	for_each_online_cpu(cpu) {
		struct task_struct *task;

		storms[count] = *template;
		storms[count].start = &start;
		init_completion(&storms[count].done);
		task = kthread_create_on_cpu(storm_thread, &storms[count], cpu,
					     "iova_bench/%u");
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			break;
		}
		count++;
		wake_up_process(task);
	}
	complete_all(&start);
	for (i = 0; i < count; i++) {
		wait_for_completion(&storms[i].done);
		ret = ret ?: storms[i].ret;
	}
	cpus_read_unlock();
	kfree(storms);
	return ret ?: count;
}

static int storm_of(enum which which, const unsigned int *granules,
		    unsigned int nr_sizes, unsigned int live, const char *what)
{
	struct storm template = {
		.which = which,
		.granules = granules,
		.nr_sizes = nr_sizes,
		.live = live,
	};
	struct target *target;
	int ret, count;
	u64 locks;

	target = target_create(which, LAST_48BIT, true);
	if (IS_ERR(target))
		return PTR_ERR(target);
	template.target = target;

	ret = watch_locks(which, target);
	if (ret)
		goto out;
	ret = check_watch(which, target);
	count = ret ?: run_storm(&template);
	locks = count_locks();
	ret = unwatch_locks();
	if (count < 0)
		ret = count;
	if (!ret)
		report(which, average(locks * 1000, 2ULL * STORM_CALLS * count),
		       "locks", "%d CPUs; %s; %u live each: per 1000 calls",
		       count, what, live);
out:
	target_destroy(which, target);
	return ret;
}

static int storm(enum which which)
{
	static const unsigned int sizes[] = { 1, 8, 64, 512 };
	static const char *const names[] = { "1 granule", "8 granules",
					     "64 granules", "512 granules" };
	static const char all[] = "1 8 64 512 granules";
	int ret;

	ret = storm_of(which, sizes, ARRAY_SIZE(sizes), 1, all);
	if (!ret)
		ret = storm_of(which, sizes, ARRAY_SIZE(sizes), STORM_LIVE,
			       all);
	for (int i = 0; !ret && i < ARRAY_SIZE(sizes); i++)
		ret = storm_of(which, sizes + i, 1, 1, names[i]);
	for (int i = 0; !ret && i < ARRAY_SIZE(sizes); i++)
		ret = storm_of(which, sizes + i, 1, STORM_LIVE, names[i]);
	return ret;
}

/*
 * debugfs
 */

static const struct {
	const char *name;
	int (*run)(enum which which);
} groups[] = {
	{ "quick", quick },
	{ "fragmented", fragmented },
	{ "memory", memory_all },
	{ "storm", storm },
};

static int run_group(const char *name)
{
	int ret;

	for (int i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!sysfs_streq(name, groups[i].name))
			continue;

		ret = iova_cache_get();
		if (ret)
			return ret;
		calibrate();
		ret = groups[i].run(UPSTREAM) ?: groups[i].run(OURS);
		iova_cache_put();
		return ret;
	}
	return -EINVAL;
}

static ssize_t iova_write(struct file *file, const char __user *data,
			  size_t size, loff_t *pos)
{
	char name[16] = {};
	ssize_t copied;
	int ret;

	copied =
		simple_write_to_buffer(name, sizeof(name) - 1, pos, data, size);
	if (copied < 0)
		return copied;

	guard(mutex)(&lock);
	ret = run_group(name);
	if (ret) {
		/* Half of the results are not to be taken for all */
		nr_results = 0;
		pr_err("iova_bench: %s failed: %d\n", name, ret);
	}
	return ret ?: copied;
}

static int iova_show(struct seq_file *seq, void *unused)
{
	guard(mutex)(&lock);
	seq_printf(seq, "# seed %d\nworkload,upstream,ours,unit\n", SEED);
	for (int i = 0; i < nr_results; i++) {
		seq_puts(seq, results[i].workload);
		for (int which = 0; which < ALLOCATORS; which++)
			seq_printf(seq, ",%llu.%03llu",
				   results[i].thousandths[which] / 1000,
				   results[i].thousandths[which] % 1000);
		seq_printf(seq, ",%s\n", results[i].unit);
	}
	return 0;
}
DEFINE_SHOW_STORE_ATTRIBUTE(iova);

static int __init iova_bench_init(void)
{
	struct dentry *dir = debugfs_create_dir("iommu_dma_bench", NULL);

	debugfs_create_file("iova", 0600, dir, NULL, &iova_fops);
	return 0;
}
late_initcall(iova_bench_init);
