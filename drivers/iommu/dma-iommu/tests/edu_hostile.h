/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hostile devices, as tests use them: all edu devices of the machine at once.
 *
 * edu_hostile.c says how.
 */
#ifndef __DMA_IOMMU_TESTS_EDU_HOSTILE_H
#define __DMA_IOMMU_TESTS_EDU_HOSTILE_H

#include <linux/prandom.h>
#include <linux/scatterlist.h>

#include "edu.h"

/* QEMU has room for some more on a bus */
#define HOSTILE_MOST 16

/* Where in its page a device attacks */
#define HOSTILE_SPOT 0x140

/**
 * struct hostile_target - What one device attacks
 * @edu: the device
 * @memory: a page
 * @iova: where the device sees, or saw, or will see it
 * @page: the same page, if it is the layer that has allocated it
 * @cpu: where the layer says that it is
 * @sgt: the same, of a non-contiguous buffer
 * @sgl: list that it is in
 * @state: range that it is linked to
 * @scratch: a page that stays mapped, see hostile.scratch
 * @second: a page that is in a list with the other one
 * @mark: what the device has, to write with
 */
struct hostile_target {
	struct edu *edu;
	u8 *memory;
	dma_addr_t iova;
	struct page *page;
	void *cpu;
	struct sg_table *sgt;
	struct scatterlist sgl[2];
	struct dma_iova_state state;
	u8 *scratch;
	u8 *second;
	u32 mark;
};

/**
 * struct hostile - All targets, and what was done to them
 * @more: the devices that edu.c does not take by itself
 * @target: what each device attacks
 * @scratch: where each device sees its scratch page
 * @more_nr: entries of @more
 * @nr: entries of @target
 * @smmu: registers of the SMMU, or NULL
 * @random: random numbers of the suite
 * @tries: attacks since the suite has begun
 * @late: those of them that came when a mapping had just gone
 * @early: accesses that were to, and came before
 */
struct hostile {
	struct edu more[HOSTILE_MOST - 2];
	struct hostile_target target[HOSTILE_MOST];
	dma_addr_t scratch[HOSTILE_MOST];
	unsigned int more_nr;
	unsigned int nr;
	void __iomem *smmu;
	struct rnd_state random;
	unsigned int tries;
	unsigned int late;
	unsigned int early;
};

extern struct hostile hostile;

/**
 * struct hostile_way - A way to map a page and to take it away
 * @name: of it
 * @map: map the page of a target
 * @unmap: take it away
 */
struct hostile_way {
	const char *name;
	void (*map)(struct kunit *test, struct hostile_target *target);
	void (*unmap)(struct hostile_target *target);
};

#define HOSTILE_WAYS 6

extern const struct hostile_way hostile_ways[HOSTILE_WAYS];

static inline struct device *hostile_dev(const struct hostile_target *target)
{
	return edu_dev(target->edu);
}

static inline struct hostile_target *hostile_end(void)
{
	return hostile.target + hostile.nr;
}

u32 hostile_events(void);
void hostile_expect_events(struct kunit *test, u32 before, u32 after,
			   unsigned int events);
void hostile_tell(struct kunit *test, const struct hostile_target *target,
		  const char *what, dma_addr_t iova, const char *how);
void hostile_tell_gone(struct kunit *test, const struct hostile_target *target);
void hostile_tell_all(struct kunit *test, const dma_addr_t *iova, bool write,
		      bool allowed);
void hostile_access(struct kunit *test, const dma_addr_t *iova, bool write,
		    bool allowed);
void hostile_load(struct kunit *test);
void hostile_store(struct kunit *test);
void hostile_expect_through(struct kunit *test, const dma_addr_t *iova,
			    bool write, size_t offset);
void hostile_expect_untouched(struct kunit *test, const dma_addr_t *iova,
			      bool write, u8 fill);
u8 hostile_fill(void);
void hostile_expect_nothing(struct kunit *test, const dma_addr_t *iova,
			    bool write);
void hostile_take_range(struct kunit *test, struct hostile_target *target,
			size_t size);
void hostile_link(struct kunit *test, struct hostile_target *target,
		  size_t offset, void *memory);
void hostile_map(struct kunit *test, const struct hostile_way *way,
		 dma_addr_t *spots);
void hostile_let_go(struct kunit *test);

#endif /* __DMA_IOMMU_TESTS_EDU_HOSTILE_H */
