/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has happened, and what there is: for who looks at it in debugfs.
 *
 * stats.c says how. Without CONFIG_IOMMU_DEBUGFS the functions are empty.
 */
#ifndef __DMA_IOMMU_STATS_H
#define __DMA_IOMMU_STATS_H

#include <linux/atomic.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched/clock.h>

#include <asm/local.h>

struct seq_operations;

/**
 * enum iommu_dma_count - What is counted for a device
 * @IOMMU_DMA_MAPS: mappings that were made
 * @IOMMU_DMA_UNMAPS: mappings that were taken away
 * @IOMMU_DMA_SLOTS: slots of swiotlb that were taken
 * @IOMMU_DMA_SLOTS_BACK: slots that were given back
 * @IOMMU_DMA_NO_ROOM: mappings that were refused: no IOVA below the limit
 * @IOMMU_DMA_NO_MEMORY: out of memory, or of slots
 * @IOMMU_DMA_INVALID: the request cannot be, or would have to bounce or to be coherent
 *		       and cannot
 * @IOMMU_DMA_NOT_SET_UP: the device was refused when it was set up
 * @IOMMU_DMA_OTHER: the IOMMU driver had another reason
 * @IOMMU_DMA_BYTES: of IOVA, that the mappings took which were made
 * @IOMMU_DMA_BYTES_BACK: of those which were taken away
 * @IOMMU_DMA_NR_COUNTS: how many there are
 */
enum iommu_dma_count {
	IOMMU_DMA_MAPS,
	IOMMU_DMA_UNMAPS,
	IOMMU_DMA_SLOTS,
	IOMMU_DMA_SLOTS_BACK,
	IOMMU_DMA_NO_ROOM,
	IOMMU_DMA_NO_MEMORY,
	IOMMU_DMA_INVALID,
	IOMMU_DMA_NOT_SET_UP,
	IOMMU_DMA_OTHER,
	IOMMU_DMA_BYTES,
	IOMMU_DMA_BYTES_BACK,
	IOMMU_DMA_NR_COUNTS,
};

#ifdef CONFIG_IOMMU_DEBUGFS

/**
 * struct iommu_dma_counts - What a CPU has counted for a device
 * @nr: by enum iommu_dma_count
 */
struct iommu_dma_counts {
	local_t nr[IOMMU_DMA_NR_COUNTS];
};

/**
 * struct iommu_dma_stats - A domain that can be looked at
 * @list: in the list of all of them, once the domain has an IOVA space
 * @domain: the domain, or NULL before that
 */
struct iommu_dma_stats {
	struct list_head list;
	struct iommu_domain *domain;
};

/**
 * struct iommu_dma_flush_stats - How long the invalidations of a domain take
 * @ns: all of them together
 * @longest_ns: the longest one
 * @longest_drain_ns: the longest time that it took to release all that waits
 * @drains: how often all was released
 * @forced: how often there was no room in a queue, so that who unmapped invalidated
 * @at_once: ranges that could not wait, after that either
 *
 * Written once per invalidation, which many share, and which writes there anyway.
 */
struct iommu_dma_flush_stats {
	atomic64_t ns;
	atomic64_t longest_ns;
	atomic64_t longest_drain_ns;
	atomic_long_t drains;
	atomic_long_t forced;
	atomic_long_t at_once;
};

/**
 * struct iommu_dma_queue_stats - How much has waited on a CPU
 * @deepest: the most ranges at a time
 */
struct iommu_dma_queue_stats {
	unsigned int deepest;
};

extern const struct seq_operations iommu_dma_domains_sops;
extern const struct seq_operations iommu_dma_devices_sops;

/*
 * On this CPU, and only there: nothing that is shared is written. Who interrupts may
 * count as well. The caller keeps the CPU.
 */
static __always_inline local_t *iommu_dma_counts(struct device *dev)
{
	return raw_cpu_ptr(READ_ONCE(dev->iommu->dma_counts))->nr;
}

static __always_inline void iommu_dma_count(struct device *dev,
					    enum iommu_dma_count what)
{
	preempt_disable_notrace();
	local_inc(&iommu_dma_counts(dev)[what]);
	preempt_enable_notrace();
}

/* @size: bytes of IOVA that the mapping has taken */
static __always_inline void iommu_dma_count_map(struct device *dev, size_t size)
{
	local_t *nr;

	preempt_disable_notrace();
	nr = iommu_dma_counts(dev);
	local_inc(&nr[IOMMU_DMA_MAPS]);
	local_add(size, &nr[IOMMU_DMA_BYTES]);
	preempt_enable_notrace();
}

/* @size: bytes of IOVA that the mapping had taken */
static __always_inline void iommu_dma_count_unmap(struct device *dev,
						  size_t size)
{
	local_t *nr;

	preempt_disable_notrace();
	nr = iommu_dma_counts(dev);
	local_inc(&nr[IOMMU_DMA_UNMAPS]);
	local_add(size, &nr[IOMMU_DMA_BYTES_BACK]);
	preempt_enable_notrace();
}

static inline u64 iommu_dma_stats_clock(void)
{
	return local_clock();
}

static inline void iommu_dma_stats_forced(struct iommu_dma_flush_stats *stats)
{
	atomic_long_inc(&stats->forced);
}

static inline void iommu_dma_stats_at_once(struct iommu_dma_flush_stats *stats)
{
	atomic_long_inc(&stats->at_once);
}

/* Under the lock of the queue, in which @depth ranges wait now */
static inline void iommu_dma_stats_queued(struct iommu_dma_queue_stats *stats,
					  unsigned int depth)
{
	if (depth > stats->deepest)
		WRITE_ONCE(stats->deepest, depth);
}

#if IS_ENABLED(CONFIG_KUNIT)
unsigned long iommu_dma_stats_sum(struct iommu_dma_counts __percpu *counts,
				  enum iommu_dma_count what);
#endif

void iommu_dma_stats_joined(struct iommu_domain *domain, struct device *dev);
void iommu_dma_stats_left(struct device *dev);
void iommu_dma_stats_add(struct iommu_domain *domain);
void iommu_dma_stats_remove(struct iommu_domain *domain);
void iommu_dma_stats_flushed(struct iommu_dma_flush_stats *stats, u64 began);
void iommu_dma_stats_drained(struct iommu_dma_flush_stats *stats, u64 began);
void iommu_dma_stats_refused(struct device *dev, int error);

#else /* CONFIG_IOMMU_DEBUGFS */

struct iommu_dma_stats {};

struct iommu_dma_flush_stats {};

struct iommu_dma_queue_stats {};

static inline void iommu_dma_count(struct device *dev,
				   enum iommu_dma_count what)
{
}

static inline void iommu_dma_count_map(struct device *dev, size_t size)
{
}

static inline void iommu_dma_count_unmap(struct device *dev, size_t size)
{
}

static inline void iommu_dma_stats_forced(struct iommu_dma_flush_stats *stats)
{
}

static inline void iommu_dma_stats_at_once(struct iommu_dma_flush_stats *stats)
{
}

static inline void iommu_dma_stats_queued(struct iommu_dma_queue_stats *stats,
					  unsigned int depth)
{
}

static inline u64 iommu_dma_stats_clock(void)
{
	return 0;
}

static inline void iommu_dma_stats_joined(struct iommu_domain *domain,
					  struct device *dev)
{
}

static inline void iommu_dma_stats_left(struct device *dev)
{
}

static inline void iommu_dma_stats_add(struct iommu_domain *domain)
{
}

static inline void iommu_dma_stats_remove(struct iommu_domain *domain)
{
}

static inline void iommu_dma_stats_flushed(struct iommu_dma_flush_stats *stats,
					   u64 began)
{
}

static inline void iommu_dma_stats_drained(struct iommu_dma_flush_stats *stats,
					   u64 began)
{
}

static inline void iommu_dma_stats_refused(struct device *dev, int error)
{
}

#endif /* CONFIG_IOMMU_DEBUGFS */

#endif /* __DMA_IOMMU_STATS_H */
