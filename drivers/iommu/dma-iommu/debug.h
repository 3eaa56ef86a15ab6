/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CONFIG_IOMMU_DMA_DEBUG: a model of what every domain maps, held against its page
 * table. debug.c says how.
 *
 * The functions are named for what has happened, or is about to. Without the option
 * they are empty.
 */
#ifndef __DMA_IOMMU_DEBUG_H
#define __DMA_IOMMU_DEBUG_H

#include <linux/dma-direction.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct device;
struct iommu_dma_retire;
struct iommu_dma_space;
struct iommu_domain;
struct page;
struct phys_vec;
struct scatterlist;

/* Of the name of a device, so much is remembered */
#define IOMMU_DMA_OWNER_LEN 24

/**
 * struct iommu_dma_debug_counts - What there has been
 * @violations: of the model, since boot
 * @guesses: ranges that nobody knew any more what they map, since boot
 * @records: stretches of IOVA that the models of all domains hold now
 * @checked: how often a stretch of a page table was held against a model, since boot
 */
struct iommu_dma_debug_counts {
	unsigned int violations;
	unsigned int guesses;
	unsigned int records;
	u64 checked;
};

#ifdef CONFIG_IOMMU_DMA_DEBUG

/**
 * struct iommu_dma_debug - What a domain maps, as far as calls have said
 * @domain: the domain
 * @name: of a device that it is for
 * @lock: protects all that follows
 * @by_iova: its records by IOVA, which do not overlap
 * @by_phys: the same by physical address, which may
 * @begun: invalidations of the whole domain that have begun
 * @ended: the latest of these, by number, that has ended
 * @guessing: of some IOVA nobody knows what is mapped there
 * @guess_first: the lowest of it
 * @guess_last: the highest of it
 */
struct iommu_dma_debug {
	struct iommu_domain *domain;
	char name[IOMMU_DMA_OWNER_LEN];
	raw_spinlock_t lock; /* protects all that follows */
	struct rb_root_cached by_iova;
	struct rb_root_cached by_phys;
	u64 begun;
	u64 ended;
	bool guessing;
	dma_addr_t guess_first;
	dma_addr_t guess_last;
};

/**
 * struct iommu_dma_debug_retire - What a mapping on its way out has cleared
 * @any: anything
 * @first: the lowest IOVA of it
 * @last: the highest IOVA of it
 */
struct iommu_dma_debug_retire {
	bool any;
	dma_addr_t first;
	dma_addr_t last;
};

void iommu_dma_debug_init(struct iommu_domain *domain);
void iommu_dma_debug_destroy(struct iommu_domain *domain);
void iommu_dma_debug_joined(struct iommu_domain *domain, struct device *dev);

void iommu_dma_debug_mapped(struct iommu_domain *domain, dma_addr_t iova,
			    phys_addr_t phys, size_t size, int prot);
void iommu_dma_debug_mapped_vec(struct iommu_domain *domain, dma_addr_t iova,
				const struct phys_vec *vec, size_t nr,
				int prot);
void iommu_dma_debug_check(struct iommu_domain *domain, dma_addr_t iova,
			   size_t size);
void iommu_dma_debug_retire_begins(struct iommu_dma_retire *retire);
void iommu_dma_debug_cleared(struct iommu_dma_retire *retire, dma_addr_t iova,
			     size_t size);
void iommu_dma_debug_cut(struct iommu_dma_retire *retire);
u64 iommu_dma_debug_flush_begins(struct iommu_domain *domain);
void iommu_dma_debug_flush_ended(struct iommu_domain *domain, u64 number);
void iommu_dma_debug_release(struct iommu_dma_space *space, dma_addr_t iova,
			     size_t size);
void iommu_dma_debug_release_late(struct iommu_dma_space *space,
				  dma_addr_t iova, size_t size);
void iommu_dma_debug_quarantined(struct iommu_dma_space *space, dma_addr_t iova,
				 size_t size);
void iommu_dma_debug_removed(struct iommu_domain *domain, dma_addr_t iova,
			     size_t size);

void iommu_dma_debug_slot_taken(struct device *dev, phys_addr_t slot,
				size_t granule);
void iommu_dma_debug_slot_dropped(struct device *dev, phys_addr_t slot,
				  size_t granule);
void iommu_dma_debug_ours(struct device *dev, dma_addr_t iova, size_t size);
void iommu_dma_debug_pages_freed(struct device *dev, struct page **pages,
				 unsigned int count);
void iommu_dma_debug_memory_freed(struct device *dev, void *cpu_addr,
				  size_t size);

void iommu_dma_debug_buffer(struct device *dev, dma_addr_t iova,
			    phys_addr_t phys, size_t size,
			    enum dma_data_direction dir);
void iommu_dma_debug_list(struct device *dev, struct scatterlist *sgl,
			  int nents, enum dma_data_direction dir);
void iommu_dma_debug_pages(struct device *dev, dma_addr_t iova,
			   struct page **pages, unsigned int count);

struct iommu_dma_debug_counts iommu_dma_debug_counts(void);
void iommu_dma_debug_starve(bool starve);

#else /* CONFIG_IOMMU_DMA_DEBUG */

struct iommu_dma_debug {};

struct iommu_dma_debug_retire {};

static inline void iommu_dma_debug_init(struct iommu_domain *domain)
{
}

static inline void iommu_dma_debug_destroy(struct iommu_domain *domain)
{
}

static inline void iommu_dma_debug_joined(struct iommu_domain *domain,
					  struct device *dev)
{
}

static inline void iommu_dma_debug_mapped(struct iommu_domain *domain,
					  dma_addr_t iova, phys_addr_t phys,
					  size_t size, int prot)
{
}

static inline void iommu_dma_debug_mapped_vec(struct iommu_domain *domain,
					      dma_addr_t iova,
					      const struct phys_vec *vec,
					      size_t nr, int prot)
{
}

static inline void iommu_dma_debug_check(struct iommu_domain *domain,
					 dma_addr_t iova, size_t size)
{
}

static inline void
iommu_dma_debug_retire_begins(struct iommu_dma_retire *retire)
{
}

static inline void iommu_dma_debug_cleared(struct iommu_dma_retire *retire,
					   dma_addr_t iova, size_t size)
{
}

static inline void iommu_dma_debug_cut(struct iommu_dma_retire *retire)
{
}

static inline u64 iommu_dma_debug_flush_begins(struct iommu_domain *domain)
{
	return 0;
}

static inline void iommu_dma_debug_flush_ended(struct iommu_domain *domain,
					       u64 number)
{
}

static inline void iommu_dma_debug_release(struct iommu_dma_space *space,
					   dma_addr_t iova, size_t size)
{
}

static inline void iommu_dma_debug_release_late(struct iommu_dma_space *space,
						dma_addr_t iova, size_t size)
{
}

static inline void iommu_dma_debug_quarantined(struct iommu_dma_space *space,
					       dma_addr_t iova, size_t size)
{
}

static inline void iommu_dma_debug_removed(struct iommu_domain *domain,
					   dma_addr_t iova, size_t size)
{
}

static inline void iommu_dma_debug_slot_taken(struct device *dev,
					      phys_addr_t slot, size_t granule)
{
}

static inline void iommu_dma_debug_slot_dropped(struct device *dev,
						phys_addr_t slot,
						size_t granule)
{
}

static inline void iommu_dma_debug_ours(struct device *dev, dma_addr_t iova,
					size_t size)
{
}

static inline void iommu_dma_debug_pages_freed(struct device *dev,
					       struct page **pages,
					       unsigned int count)
{
}

static inline void iommu_dma_debug_memory_freed(struct device *dev,
						void *cpu_addr, size_t size)
{
}

static inline void iommu_dma_debug_buffer(struct device *dev, dma_addr_t iova,
					  phys_addr_t phys, size_t size,
					  enum dma_data_direction dir)
{
}

static inline void iommu_dma_debug_list(struct device *dev,
					struct scatterlist *sgl, int nents,
					enum dma_data_direction dir)
{
}

static inline void iommu_dma_debug_pages(struct device *dev, dma_addr_t iova,
					 struct page **pages,
					 unsigned int count)
{
}

static inline struct iommu_dma_debug_counts iommu_dma_debug_counts(void)
{
	return (struct iommu_dma_debug_counts){};
}

#endif /* CONFIG_IOMMU_DMA_DEBUG */

#endif /* __DMA_IOMMU_DEBUG_H */
