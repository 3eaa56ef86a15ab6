/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lazy mode: what was unmapped waits for an invalidation that many share.
 *
 * flush.c says how.
 */
#ifndef __DMA_IOMMU_FLUSH_H
#define __DMA_IOMMU_FLUSH_H

#include <linux/atomic.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

#include "stats.h"

/* What is part of each queue: a CPU that unmaps little needs no more */
#define IOMMU_DMA_QUEUE_FEW 16U
/* What a CPU that unmaps more is given */
#define IOMMU_DMA_QUEUE_MANY 256U
/* The one queue of a domain whose invalidations are dear */
#define IOMMU_DMA_QUEUE_SINGLE 32768U

/* How long anything waits, in ms: a CPU's queue, and the one of a domain */
#define IOMMU_DMA_FLUSH_MS 10U
#define IOMMU_DMA_FLUSH_SINGLE_MS 1000U

/* The most that is released at a time by a tick, and when something is queued */
#define IOMMU_DMA_FLUSH_PER_TICK 64U
#define IOMMU_DMA_FLUSH_PER_CALL 2U

struct iommu_dma_flush;
struct iommu_dma_space;

/**
 * struct iommu_dma_waiting - A range that is unmapped and not yet invalidated
 * @iova: its start
 * @granules: its size
 * @started: iommu_dma_flush::started when it was queued, modulo 2^32
 * @freelist: pages of the page table that go back with it
 */
struct iommu_dma_waiting {
	dma_addr_t iova;
	u32 granules;
	u32 started;
	struct iommu_pages_list freelist;
};

/**
 * struct iommu_dma_queue - What waits on one CPU, oldest first
 * @lock: protects all that is here
 * @flush: lazy mode of the domain
 * @ring: @few, or as many as a busy CPU needs
 * @mask: entries of @ring - 1, which is a power of two - 1
 * @head: number of the oldest entry, modulo 2^32
 * @tail: one past the number of the newest
 * @ticking: @timer is set, or its function runs
 * @crowded: @ring was full
 * @timer: releases what has waited long enough
 * @stats: how much has waited
 * @few: a ring that needs no memory
 */
struct iommu_dma_queue {
	spinlock_t lock; /* protects all that is here */
	struct iommu_dma_flush *flush;
	struct iommu_dma_waiting *ring;
	unsigned int mask;
	unsigned int head;
	unsigned int tail;
	bool ticking;
	bool crowded;
	struct timer_list timer;
	struct iommu_dma_queue_stats stats;
	struct iommu_dma_waiting few[IOMMU_DMA_QUEUE_FEW];
};

/**
 * struct iommu_dma_flush - Lazy mode of one domain
 * @domain: the domain
 * @space: its IOVA space
 * @queues: one per CPU, or NULL
 * @single: the one queue, if @queues is NULL
 * @period: jiffies that an entry waits at most
 * @started: invalidations of the whole domain that have begun: the number of the last
 * @finished: the highest number of one that has ended
 * @began: jiffies when the last one began
 * @ended: nothing may wait any more
 * @list: in the list of all, which is there for when the machine sleeps
 * @stats: how long invalidations take
 */
struct iommu_dma_flush {
	struct iommu_domain *domain;
	struct iommu_dma_space *space;
	struct iommu_dma_queue __percpu *queues;
	struct iommu_dma_queue *single;
	unsigned long period;
	atomic_t started;
	atomic_t finished;
	unsigned long began;
	bool ended;
	struct list_head list;
	struct iommu_dma_flush_stats stats;
};

/**
 * struct iommu_dma_lazy - Is a domain lazy, and may it be?
 * @flush: where unmapped ranges wait, or NULL in strict mode. Published once by
 *	   iommu_dma_init_fq(), taken away once when lazy mode ends; read without a
 *	   lock
 * @made: the same, until the domain is freed
 * @unable: an IOMMU driver cannot invalidate a whole domain later
 * @single: invalidations are dear: one long queue serves all CPUs
 * @forbidden: the domain has had an untrusted device
 */
struct iommu_dma_lazy {
	struct iommu_dma_flush *flush;
	struct iommu_dma_flush *made;
	bool unable;
	bool single;
	bool forbidden;
};

/* Where unmapped ranges wait, or NULL if the domain is strict */
static inline struct iommu_dma_flush *
iommu_dma_lazy_flush(const struct iommu_dma_lazy *lazy)
{
	/* Pairs with smp_store_release() in iommu_dma_init_fq() */
	return READ_ONCE(lazy->flush);
}

void iommu_dma_flush_setup(struct iommu_domain *domain, struct device *dev);
void iommu_dma_flush_forbid(struct iommu_domain *domain);
void iommu_dma_flush_destroy(struct iommu_dma_lazy *lazy);
void iommu_dma_flush_queue(struct iommu_dma_flush *flush, dma_addr_t iova,
			   size_t size, struct iommu_pages_list *freelist);
void iommu_dma_flush_now(struct iommu_dma_flush *flush);
bool iommu_dma_flush_drain(struct iommu_dma_flush *flush);
unsigned int iommu_dma_flush_waiting(struct iommu_dma_flush *flush);

#if IS_ENABLED(CONFIG_KUNIT)
int iommu_dma_flush_suspend(struct notifier_block *nb, unsigned long action,
			    void *data);
#endif

#endif /* __DMA_IOMMU_FLUSH_H */
