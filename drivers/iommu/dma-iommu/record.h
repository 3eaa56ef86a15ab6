/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records: the model that debug.c holds page tables against.
 *
 * Addresses are u64, "last" is inclusive. record.c says how.
 */
#ifndef __DMA_IOMMU_RECORD_H
#define __DMA_IOMMU_RECORD_H

#include <linux/debugfs.h>

#include "private.h"

/**
 * struct iommu_dma_record - IOVA that is mapped to memory, or was and is stale
 * @by_iova: in iommu_dma_debug::by_iova
 * @iova_max: highest @last in the subtree below @by_iova
 * @by_phys: in iommu_dma_debug::by_phys
 * @phys_max: highest physical address in the subtree below @by_phys
 * @next: in the pool, where it is nothing else
 * @first: lowest IOVA
 * @last: highest IOVA
 * @phys: where @first is mapped to
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 * @stale: it is not mapped any more
 * @deferred: if stale, it waits for an invalidation in a lazy domain
 * @kept: it is quarantined: it may stay mapped
 * @learnt: nobody has said that it was mapped: it was found when it was quarantined
 * @ours: its memory is a buffer of this layer's, which frees it once it is unmapped
 * @told: that its memory was released has been reported
 * @since: if stale, iommu_dma_debug::begun when it was cleared
 * @retire: if stale, who cleared it; not looked into, and of no use once that has
 *	    ended
 * @owner: name of the device it was mapped for; empty if not known yet
 */
struct iommu_dma_record {
	struct rb_node by_iova;
	u64 iova_max;
	struct rb_node by_phys;
	u64 phys_max;
	struct iommu_dma_record *next;
	u64 first;
	u64 last;
	u64 phys;
	int prot;
	bool stale;
	bool deferred;
	bool kept;
	bool learnt;
	bool ours;
	bool told;
	u64 since;
	const void *retire;
	char owner[IOMMU_DMA_OWNER_LEN];
};

/**
 * struct iommu_dma_stretch - What the model says of the IOVA from some address on
 * @size: bytes that it says the same of
 * @live: they are mapped
 * @known: the above can be relied on
 * @phys: where they are mapped to
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 * @owner: name of the device that they are mapped for
 */
struct iommu_dma_stretch {
	u64 size;
	bool live;
	bool known;
	u64 phys;
	int prot;
	char owner[IOMMU_DMA_OWNER_LEN];
};

/**
 * struct iommu_dma_finding - A violation
 * @what: in words; NULL if there is none
 * @iova: where
 * @size: bytes of the range that was looked at
 * @expected: what the model says, most often a physical address
 * @seen: what was found instead
 * @owner: name of the device that it is mapped for, as far as known
 */
struct iommu_dma_finding {
	const char *what;
	u64 iova;
	u64 size;
	u64 expected;
	u64 seen;
	char owner[IOMMU_DMA_OWNER_LEN];
};

static inline struct iommu_dma_debug *
iommu_dma_debug_of(struct iommu_domain *domain)
{
	return &domain->iova_cookie->debug;
}

static inline struct iommu_dma_debug *
iommu_dma_debug_of_space(struct iommu_dma_space *space)
{
	return &container_of(space, struct iommu_dma_cookie, space)->debug;
}

/* Some devices of tests have no name */
static inline const char *iommu_dma_owner(struct device *dev)
{
	return dev_name(dev) ?: "a device";
}

/* The end of a range; false if there is no such range */
static inline bool iommu_dma_range_last(u64 iova, size_t size, u64 *last)
{
	return size && !check_add_overflow(iova, (u64)size - 1, last);
}

/* Under iommu_dma_debug::lock: no device can reach it any more, whoever cleared it */
static inline bool iommu_dma_record_gone(const struct iommu_dma_debug *debug,
					 const struct iommu_dma_record *record)
{
	return record->stale && record->since < debug->ended;
}

#ifdef CONFIG_IOMMU_DEBUGFS

/* Where to say what was found. It may be an error, and all files in it then are. */
static inline struct dentry *iommu_dma_debug_dir(void)
{
	return debugfs_create_dir("dma-debug", iommu_debugfs_dir);
}

#else /* CONFIG_IOMMU_DEBUGFS */

static inline struct dentry *iommu_dma_debug_dir(void)
{
	return ERR_PTR(-ENODEV);
}

#endif /* CONFIG_IOMMU_DEBUGFS */

struct iommu_dma_record *iommu_dma_record_at(struct iommu_dma_debug *debug,
					     u64 first, u64 last);
struct iommu_dma_record *iommu_dma_record_next(struct iommu_dma_record *record,
					       u64 first, u64 last);
struct iommu_dma_record *iommu_dma_record_at_phys(struct iommu_dma_debug *debug,
						  u64 first, u64 last);
struct iommu_dma_record *
iommu_dma_record_next_phys(struct iommu_dma_record *record, u64 first,
			   u64 last);
void iommu_dma_record_add(struct iommu_dma_debug *debug, u64 first, u64 last,
			  u64 phys, int prot);
void iommu_dma_record_drop(struct iommu_dma_debug *debug,
			   struct iommu_dma_record *record);
void iommu_dma_record_cut(struct iommu_dma_debug *debug, u64 first, u64 last);
void iommu_dma_record_forget(struct iommu_dma_debug *debug, u64 first,
			     u64 last);
struct iommu_dma_stretch iommu_dma_record_stretch(struct iommu_dma_debug *debug,
						  u64 iova, u64 last);

void iommu_dma_record_compare(struct iommu_dma_debug *debug, u64 iova, u64 last,
			      struct iommu_dma_finding *finding);

void iommu_dma_found(struct iommu_dma_finding *finding, const char *what,
		     const char *owner, u64 iova, u64 size, u64 expected,
		     u64 seen);
void iommu_dma_found_record(struct iommu_dma_finding *finding, const char *what,
			    const struct iommu_dma_record *record);
void iommu_dma_found_report(const struct iommu_dma_debug *debug,
			    const struct iommu_dma_finding *finding);

#endif /* __DMA_IOMMU_RECORD_H */
