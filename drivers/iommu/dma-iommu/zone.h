/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zones: the IOVA space below, or that above 4 GiB.
 *
 * All numbers are granules; "last" is inclusive. owner.c, scarce.c and zone.c
 * include this and no more than the trace events, so that they build in user space.
 */
#ifndef __DMA_IOMMU_ZONE_H
#define __DMA_IOMMU_ZONE_H

#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/llist.h>
#include <linux/xarray.h>

#include "chunk.h"
#include "percpu.h"
#include "region.h"

/* Requests of up to 8, of up to 64 and of up to 512 granules */
#define IOMMU_DMA_CLASSES 3

/* In iommu_dma_zone::chunks: the chunk may have room */
#define IOMMU_DMA_CHUNK_HAS_ROOM XA_MARK_0

/* Requests come from any context, and whoever asks copes with a refusal */
#define IOMMU_DMA_NODE_GFP (GFP_ATOMIC | __GFP_NOWARN)

/* From so much room on, a chunk that nobody allocates from is worth taking up */
#define IOMMU_DMA_READY_ROOM (IOMMU_DMA_CHUNK_GRANULES / 4)

/* How many empty chunks are kept: a part of the zone, and no more than that */
#define IOMMU_DMA_KEPT_SHARE 8
#define IOMMU_DMA_KEPT_MOST 256

/*
 * How many chunks a CPU has at most for requests of a class: what 256 of the largest of
 * these take, as many as a queue of lazy mode holds, and a few more. Also, a part of the
 * zone at most. Many CPUs may have all of it: those of their chunks that are empty go
 * back when somebody finds none, and the others could not go anywhere.
 */
#define IOMMU_DMA_RING_MOST(class) ((4U << 3 * (class)) + 8)
#define IOMMU_DMA_RING_SHARE 4

/**
 * struct iommu_dma_slots - The chunks that a CPU allocates from
 * @chunk: the one that is looked at first, one per class of requests, or NULL: a hint,
 *	   written without a lock
 * @newest: of the CPU's ring, one per class, or NULL. This and the ring are written under
 *	    the lock of the zone, by any CPU, and read without it
 * @nr: chunks in each ring
 */
struct iommu_dma_slots {
	struct iommu_dma_chunk *chunk[IOMMU_DMA_CLASSES];
	struct iommu_dma_chunk *newest[IOMMU_DMA_CLASSES];
	u16 nr[IOMMU_DMA_CLASSES];
};

#ifdef CONFIG_IOMMU_DEBUGFS

/**
 * struct iommu_dma_zone_counts - What cannot be seen in a zone any more
 * @refills: chunks that a CPU was given for want of one with room
 * @searches: requests that were looked for everywhere
 *
 * Neither is counted on the way of most requests.
 */
struct iommu_dma_zone_counts {
	atomic_long_t refills;
	atomic_long_t searches;
};

static inline void iommu_dma_zone_refilled(struct iommu_dma_zone_counts *counts)
{
	atomic_long_inc(&counts->refills);
}

static inline void iommu_dma_zone_searched(struct iommu_dma_zone_counts *counts)
{
	atomic_long_inc(&counts->searches);
}

#else /* CONFIG_IOMMU_DEBUGFS */

struct iommu_dma_zone_counts {};

static inline void iommu_dma_zone_refilled(struct iommu_dma_zone_counts *counts)
{
}

static inline void iommu_dma_zone_searched(struct iommu_dma_zone_counts *counts)
{
}

#endif /* CONFIG_IOMMU_DEBUGFS */

/**
 * struct iommu_dma_zone - The IOVA space below, or that above 4 GiB
 * @chunks: all chunks, by their first granule / 512. Those with XA_MARK_0 may have
 *	    room. Its lock is the lock of the zone: it protects all that is here
 * @regions: what is free and what is taken, chunks as a whole
 * @ready: chunks without users that are worth a CPU's while, by class
 * @empty: chunks without users that are kept although nothing of them is taken, so
 *	   that who maps and unmaps much at a time need not make them anew each time
 * @nr_empty: how many these are
 * @max_empty: how many there may be
 * @max_ring: how many chunks a CPU may have for requests of a class, at most
 * @late: chunks that were given to by who did not get the lock. They are seen to by who
 *	  has it, see iommu_dma_zone_unlock()
 * @unused: chunks that have gone away, for the next ones. They are freed with the
 *	    zone, see chunk.c
 * @slots: the chunks that CPUs allocate from, and their rings
 * @next_cpu: the CPU that is looked at next, if it is dead
 * @given_back: when all was last given back that is kept, in jiffies
 * @group: IOMMU group that the space is for, or -1: for who traces
 * @counts: what has happened
 *
 * A zone that there is not, because the IOMMU does not translate that part, has
 * no granules: the first one is above the last one, and above all limits.
 */
struct iommu_dma_zone {
	struct xarray chunks;
	struct iommu_dma_regions regions;
	struct list_head ready[IOMMU_DMA_CLASSES];
	struct list_head empty;
	unsigned int nr_empty;
	unsigned int max_empty;
	unsigned int max_ring;
	struct llist_head late;
	struct list_head unused;
	struct iommu_dma_slots __percpu *slots;
	unsigned int next_cpu;
	unsigned long given_back;
	int group;
	struct iommu_dma_zone_counts counts;
};

static inline unsigned int iommu_dma_class_of(u64 count)
{
	return (count > 8) + (count > 64);
}

static inline unsigned long iommu_dma_index_of(u64 granule)
{
	return granule >> IOMMU_DMA_CHUNK_ORDER;
}

/*
 * The chunk that this CPU allocates from. The task may move to another CPU at any
 * time: all may use any chunk.
 */
static inline struct iommu_dma_chunk *
iommu_dma_slots_chunk(const struct iommu_dma_slots __percpu *slots,
		      unsigned int class)
{
	/* Pairs with smp_store_release() in iommu_dma_zone_use() and _go_on() */
	return READ_ONCE(raw_cpu_ptr(slots)->chunk[class]);
}

/* owner.c */
void iommu_dma_zone_unlock(struct iommu_dma_zone *zone, unsigned long flags)
	__releases(&zone->chunks.xa_lock);
bool iommu_dma_zone_give_up_empty(struct iommu_dma_zone *zone,
				  unsigned int most);
void iommu_dma_zone_settle(struct iommu_dma_zone *zone,
			   struct iommu_dma_chunk *chunk);
bool iommu_dma_zone_unsettled(const struct iommu_dma_chunk *chunk,
			      unsigned int first, unsigned int count);
bool iommu_dma_zone_clear_slots(struct iommu_dma_zone *zone, unsigned int cpu,
				unsigned int most);
void iommu_dma_zone_adopt(struct iommu_dma_zone *zone);
void iommu_dma_zone_use(struct iommu_dma_zone *zone, unsigned int class,
			struct iommu_dma_chunk *chunk);
bool iommu_dma_zone_go_on(struct iommu_dma_zone *zone, unsigned int class,
			  const struct iommu_dma_want *want, u64 *granule);
bool iommu_dma_zone_given(struct iommu_dma_zone *zone,
			  struct iommu_dma_chunk *chunk, unsigned int first,
			  unsigned int count);
void iommu_dma_zone_recheck(struct iommu_dma_zone *zone,
			    struct iommu_dma_chunk *chunk);

/* scarce.c */
bool iommu_dma_zone_give_back(struct iommu_dma_zone *zone,
			      const struct iommu_dma_want *want);
int iommu_dma_zone_alloc_scarce(struct iommu_dma_zone *zone,
				const struct iommu_dma_want *want,
				u64 *granule);

/* zone.c */
int iommu_dma_zone_init(struct iommu_dma_zone *zone, u64 first, u64 last);
void iommu_dma_zone_destroy(struct iommu_dma_zone *zone);
int iommu_dma_zone_alloc(struct iommu_dma_zone *zone,
			 const struct iommu_dma_want *want, u64 *granule);
bool iommu_dma_zone_free(struct iommu_dma_zone *zone, u64 first, u64 count);
bool iommu_dma_zone_quarantine(struct iommu_dma_zone *zone, u64 first,
			       u64 count);
bool iommu_dma_zone_quarantined(struct iommu_dma_zone *zone, u64 first,
				u64 count);
bool iommu_dma_zone_next_used(struct iommu_dma_zone *zone, u64 from, u64 *first,
			      u64 *count);
int iommu_dma_zone_reserve(struct iommu_dma_zone *zone, u64 first, u64 last);

#endif /* __DMA_IOMMU_ZONE_H */
