// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has happened, and what there is: /sys/kernel/debug/iommu/dma/.
 *
 * Owns two files, one of all domains of the DMA API and one of all devices that have
 * been set up for it; Documentation/ABI/testing/debugfs-dma-iommu says what is in
 * them. They are there from boot on: that a domain or a device goes away removes no
 * file, so that nobody has to wait for who reads one.
 *
 * Principle: what the structures of the layer say already is not counted. Mappings,
 * chunks, holes and what waits are found by walking them when somebody reads. What is
 * over when it has happened is counted, where it is often on the CPU that does it.
 *
 * A count of a CPU may be read while it is being written, and one CPU may take away
 * what another has mapped: sums are exact only while nothing happens. Never has more
 * been taken away than was made.
 *
 * Locks: stats_mutex protects the lists of domains and of devices, and keeps what is in
 * them from being freed. It is taken inside the mutex of an IOMMU group. Inside are
 * taken the locks of the IOVA spaces, one at a time.
 */

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "../dma-iommu.h"
#include "private.h"
#include "survey.h"

/**
 * struct watched - A device that counts
 * @list: in the list of all of them
 * @dev: the device
 * @domain: that it is set up for, or NULL
 * @group: its IOMMU group
 * @counts: what it has counted
 */
struct watched {
	struct list_head list;
	struct device *dev;
	struct iommu_domain *domain;
	int group;
	struct iommu_dma_counts __percpu *counts;
};

static DEFINE_MUTEX(stats_mutex);
static LIST_HEAD(all_domains);
static LIST_HEAD(all_devices);

/* Of devices that there was no memory for */
static DEFINE_PER_CPU(struct iommu_dma_counts, nobodys);

/* What is told to this room */

static struct watched *find_device(struct device *dev)
{
	struct watched *watched;

	list_for_each_entry(watched, &all_devices, list)
		if (watched->dev == dev)
			return watched;
	return NULL;
}

static struct watched *watch(struct device *dev)
{
	struct watched *watched = kzalloc_obj(*watched);

	if (!watched)
		return NULL;
	watched->counts = iommu_dma_alloc_percpu(struct iommu_dma_counts);
	if (!watched->counts) {
		kfree(watched);
		return NULL;
	}
	watched->dev = dev;
	list_add_tail(&watched->list, &all_devices);
	return watched;
}

/**
 * iommu_dma_stats_joined() - Count for a device from now on
 * @domain: the domain that it is being set up for
 * @dev: the device
 *
 * Where there is no memory for that, the device counts for nobody, and is not shown.
 *
 * Context: Process context, under the mutex of @dev's group. May sleep.
 */
void iommu_dma_stats_joined(struct iommu_domain *domain, struct device *dev)
{
	struct watched *watched;

	guard(mutex)(&stats_mutex);
	watched = find_device(dev) ?: watch(dev);
	/* It may be mapping, if it is only that its domain becomes lazy */
	WRITE_ONCE(dev->iommu->dma_counts,
		   watched ? watched->counts : &nobodys);
	if (!watched)
		return;
	/* One without a cookie is refused, and has nothing to look at */
	watched->domain =
		domain->cookie_type == IOMMU_COOKIE_DMA_IOVA ? domain : NULL;
	watched->group = iommu_group_id(dev->iommu_group);
}

/**
 * iommu_dma_stats_left() - A device has no domain of the DMA API any more
 * @dev: the device
 *
 * Context: Process context, under the mutex of @dev's group. May sleep.
 */
void iommu_dma_stats_left(struct device *dev)
{
	struct watched *watched;

	guard(mutex)(&stats_mutex);
	watched = find_device(dev);
	if (watched)
		watched->domain = NULL;
}

/**
 * iommu_dma_stats_forget() - A device goes away
 * @dev: the device, which maps no more
 *
 * Context: Process context, may sleep.
 */
void iommu_dma_stats_forget(struct device *dev)
{
	struct watched *watched;

	guard(mutex)(&stats_mutex);
	watched = find_device(dev);
	if (!watched)
		return;
	list_del(&watched->list);
	free_percpu(watched->counts);
	kfree(watched);
}

/**
 * iommu_dma_stats_add() - Show a domain from now on
 * @domain: the domain, which has got its IOVA space
 *
 * Context: Process context, under the mutex of its group. May sleep.
 */
void iommu_dma_stats_add(struct iommu_domain *domain)
{
	struct iommu_dma_stats *stats = &domain->iova_cookie->stats;

	guard(mutex)(&stats_mutex);
	stats->domain = domain;
	list_add_tail(&stats->list, &all_domains);
}

/**
 * iommu_dma_stats_remove() - Show a domain no more
 * @domain: the domain, whether or not it was shown
 *
 * When it returns, nobody looks at it.
 *
 * Context: Process context, may sleep.
 */
void iommu_dma_stats_remove(struct iommu_domain *domain)
{
	struct iommu_dma_stats *stats = &domain->iova_cookie->stats;
	struct watched *watched;

	guard(mutex)(&stats_mutex);
	if (stats->domain)
		list_del(&stats->list);
	stats->domain = NULL;
	list_for_each_entry(watched, &all_devices, list)
		if (watched->domain == domain)
			watched->domain = NULL;
}

static void note_longest(atomic64_t *longest, u64 ns)
{
	s64 old = atomic64_read(longest);

	while (old < (s64)ns && !atomic64_try_cmpxchg(longest, &old, ns))
		;
}

/* It may have ended on a CPU whose clock is a little behind */
static u64 since(u64 began)
{
	s64 ns = local_clock() - began;

	return max(ns, 0LL);
}

/**
 * iommu_dma_stats_flushed() - A domain was invalidated
 * @stats: of its lazy mode
 * @began: iommu_dma_stats_clock() before that
 *
 * Context: Any context.
 */
void iommu_dma_stats_flushed(struct iommu_dma_flush_stats *stats, u64 began)
{
	u64 ns = since(began);

	atomic64_add(ns, &stats->ns);
	note_longest(&stats->longest_ns, ns);
}

/**
 * iommu_dma_stats_drained() - All that waited in a domain was released
 * @stats: of its lazy mode
 * @began: iommu_dma_stats_clock() before that
 *
 * Context: Any context.
 */
void iommu_dma_stats_drained(struct iommu_dma_flush_stats *stats, u64 began)
{
	atomic_long_inc(&stats->drains);
	note_longest(&stats->longest_drain_ns, since(began));
}

/**
 * iommu_dma_stats_refused() - A mapping was refused
 * @dev: the device
 * @error: negative errno
 *
 * Context: Any context.
 */
void iommu_dma_stats_refused(struct device *dev, int error)
{
	switch (error) {
	case -ENOSPC:
		iommu_dma_count(dev, IOMMU_DMA_NO_ROOM);
		break;
	case -ENOMEM:
		iommu_dma_count(dev, IOMMU_DMA_NO_MEMORY);
		break;
	case -EINVAL:
	case -EOPNOTSUPP:
	case -EOVERFLOW:
		iommu_dma_count(dev, IOMMU_DMA_INVALID);
		break;
	case -ENODEV:
		iommu_dma_count(dev, IOMMU_DMA_NOT_SET_UP);
		break;
	default:
		iommu_dma_count(dev, IOMMU_DMA_OTHER);
	}
}

/* What it says: domains */

static const char *mode_of(const struct iommu_dma_cookie *cookie)
{
	return iommu_dma_lazy_flush(&cookie->lazy) ? "lazy" : "strict";
}

static void show_members(struct seq_file *m, struct iommu_domain *domain)
{
	struct watched *watched;
	char before = '=';

	seq_puts(m, " devices");
	list_for_each_entry(watched, &all_devices, list) {
		if (watched->domain != domain)
			continue;
		seq_printf(m, "%c%s", before, dev_name(watched->dev));
		before = ',';
	}
	if (before == '=')
		seq_putc(m, before);
}

static void show_sizes(struct seq_file *m,
		       const struct iommu_dma_survey *survey,
		       unsigned int shift)
{
	for (unsigned int i = 0; i < IOMMU_DMA_SURVEY_SIZES - 1; i++)
		if (survey->size[i])
			seq_printf(m, " %zu=%llu", (size_t)1 << (shift + i),
				   survey->size[i]);
	if (survey->size[IOMMU_DMA_SURVEY_SIZES - 1])
		seq_printf(m, " more=%llu",
			   survey->size[IOMMU_DMA_SURVEY_SIZES - 1]);
	seq_putc(m, '\n');
}

/* In percent; what is used little is not empty */
static void show_picture(struct seq_file *m, struct iommu_dma_zone *zone,
			 const struct iommu_dma_survey *survey,
			 unsigned int shift)
{
	u64 part[IOMMU_DMA_PICTURE_PARTS], granules;

	granules = iommu_dma_zone_picture(zone, survey->lowest, survey->highest,
					  part);
	seq_printf(m, " first=%#llx part=%llu used=", survey->lowest << shift,
		   granules << shift);
	for (unsigned int i = 0; i < ARRAY_SIZE(part); i++)
		seq_printf(m, "%s%llu", i ? "," : "",
			   min(100ULL,
			       DIV64_U64_ROUND_UP(100 * part[i], granules)));
	seq_putc(m, '\n');
}

/* How much of what is free is not in one piece, in percent */
static unsigned int fragmentation(const struct iommu_dma_survey *survey)
{
	if (!survey->free)
		return 0;
	return 100 - div64_u64(100 * survey->largest, survey->free);
}

static void show_zone(struct seq_file *m, struct iommu_dma_space *space,
		      struct iommu_dma_zone *zone, const char *name)
{
	unsigned int shift = space->shift;
	struct iommu_dma_survey survey;

	if (zone->regions.first > zone->regions.last)
		return;

	iommu_dma_zone_survey(zone, &survey);
	seq_printf(m, "zone group=%d zone=%s first=%#llx last=%#llx",
		   zone->group, name, zone->regions.first << shift,
		   ((zone->regions.last + 1) << shift) - 1);
	seq_printf(m, " mappings=%llu bytes=%llu free=%llu largest=%llu fragmentation=%u",
		   survey.mappings, survey.used << shift, survey.free << shift,
		   survey.largest << shift, fragmentation(&survey));
	seq_printf(m, " chunks=%llu room=%llu regions=%llu reserved=%llu quarantined=%llu ranges=%llu",
		   survey.chunks, survey.room << shift, survey.regions,
		   survey.reserved << shift, survey.quarantined << shift,
		   survey.ranges);
	seq_printf(m, " refills=%ld searches=%ld\n",
		   atomic_long_read(&zone->counts.refills),
		   atomic_long_read(&zone->counts.searches));
	if (!survey.mappings)
		return;

	seq_printf(m, "sizes group=%d zone=%s", zone->group, name);
	show_sizes(m, &survey, shift);
	seq_printf(m, "picture group=%d zone=%s", zone->group, name);
	show_picture(m, zone, &survey, shift);
}

/* The most that has waited in one queue */
static unsigned int deepest(const struct iommu_dma_flush *flush)
{
	struct iommu_dma_queue *queue;
	unsigned int most = 0;
	int cpu;

	if (flush->single)
		return READ_ONCE(flush->single->stats.deepest);
	for_each_possible_cpu(cpu) {
		queue = per_cpu_ptr(flush->queues, cpu);
		most = max(most, READ_ONCE(queue->stats.deepest));
	}
	return most;
}

static void show_flush(struct seq_file *m,
		       const struct iommu_dma_cookie *cookie)
{
	/* It stays until the domain is freed, for which it is taken off the list first */
	struct iommu_dma_flush *flush = iommu_dma_lazy_flush(&cookie->lazy);
	u32 flushes;

	if (!flush)
		return;

	flushes = atomic_read(&flush->finished);
	seq_printf(m, "flush group=%d waiting=%u flushes=%u ns=%lld longest_ns=%lld longest_drain_ns=%lld",
		   cookie->space.low.group, iommu_dma_flush_waiting(flush),
		   flushes, atomic64_read(&flush->stats.ns),
		   atomic64_read(&flush->stats.longest_ns),
		   atomic64_read(&flush->stats.longest_drain_ns));
	seq_printf(m, " drains=%ld forced=%ld at_once=%ld deepest=%u\n",
		   atomic_long_read(&flush->stats.drains),
		   atomic_long_read(&flush->stats.forced),
		   atomic_long_read(&flush->stats.at_once), deepest(flush));
}

static void *domains_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&stats_mutex);
	return seq_list_start(&all_domains, *pos);
}

static void *domains_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next(v, &all_domains, pos);
}

static void stats_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&stats_mutex);
}

static int domains_show(struct seq_file *m, void *v)
{
	struct iommu_dma_stats *stats =
		list_entry(v, struct iommu_dma_stats, list);
	struct iommu_dma_cookie *cookie = stats->domain->iova_cookie;
	struct iommu_dma_space *space = &cookie->space;

	seq_printf(m,
		   "domain group=%d mode=%s granule=%zu first=%pad last=%pad",
		   space->low.group, mode_of(cookie), space->granule,
		   &space->first, &space->last);
	show_members(m, stats->domain);
	seq_putc(m, '\n');
	show_zone(m, space, &space->low, "low");
	show_zone(m, space, &space->high, "high");
	show_flush(m, cookie);
	return 0;
}

const struct seq_operations iommu_dma_domains_sops = {
	.start = domains_start,
	.next = domains_next,
	.stop = stats_stop,
	.show = domains_show,
};
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_domains_sops);

/* What it says: devices */

static void *devices_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&stats_mutex);
	return seq_list_start(&all_devices, *pos);
}

static void *devices_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next(v, &all_devices, pos);
}

/**
 * iommu_dma_stats_sum() - What all CPUs have counted
 * @counts: of a device
 * @what: which of them
 *
 * Context: Any context.
 * Return: the sum, while others go on counting.
 */
VISIBLE_IF_KUNIT unsigned long
iommu_dma_stats_sum(struct iommu_dma_counts __percpu *counts,
		    enum iommu_dma_count what)
{
	unsigned long sum = 0;
	int cpu;

	KUNIT_STATIC_STUB_REDIRECT(iommu_dma_stats_sum, counts, what);

	for_each_possible_cpu(cpu)
		sum += local_read(&per_cpu_ptr(counts, cpu)->nr[what]);
	return sum;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_stats_sum);

/*
 * What was taken away is read before what was made, so that there is no less of that: who
 * reads that a driver has unmapped reads that it had mapped before.
 */
static void sum_up(const struct watched *watched, unsigned long *sums)
{
	for (int i = IOMMU_DMA_NR_COUNTS - 1; i >= 0; i--) {
		sums[i] = iommu_dma_stats_sum(watched->counts, i);
		/* Pairs with what a driver knows a mapping by that it unmaps elsewhere */
		smp_rmb();
	}
}

static int devices_show(struct seq_file *m, void *v)
{
	static const char *const names[IOMMU_DMA_BYTES] = {
		"maps",	     "unmaps",	"slots",      "slots_back", "no_room",
		"no_memory", "invalid", "not_set_up", "other",
	};
	struct watched *watched = list_entry(v, struct watched, list);
	struct iommu_domain *domain = watched->domain;
	unsigned long sums[IOMMU_DMA_NR_COUNTS];
	long bytes;

	if (!domain)
		return SEQ_SKIP;

	seq_printf(m, "device %s group=%d mode=%s", dev_name(watched->dev),
		   watched->group, mode_of(domain->iova_cookie));
	sum_up(watched, sums);
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		seq_printf(m, " %s=%lu", names[i], sums[i]);
	/* The sums may wrap around on 32 bits; a driver may say other sizes than it mapped */
	bytes = sums[IOMMU_DMA_BYTES] - sums[IOMMU_DMA_BYTES_BACK];
	seq_printf(m, " bytes=%ld\n", max(bytes, 0L));
	return 0;
}

const struct seq_operations iommu_dma_devices_sops = {
	.start = devices_start,
	.next = devices_next,
	.stop = stats_stop,
	.show = devices_show,
};
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_devices_sops);

/* The files; where they cannot be made, there are none */

DEFINE_SEQ_ATTRIBUTE(iommu_dma_domains);
DEFINE_SEQ_ATTRIBUTE(iommu_dma_devices);

static int __init iommu_dma_stats_init(void)
{
	struct dentry *dir = debugfs_create_dir("dma", iommu_debugfs_dir);

	debugfs_create_file("domains", 0400, dir, NULL,
			    &iommu_dma_domains_fops);
	debugfs_create_file("devices", 0400, dir, NULL,
			    &iommu_dma_devices_fops);
	return 0;
}
arch_initcall(iommu_dma_stats_init);
