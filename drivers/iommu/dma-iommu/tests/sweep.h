/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every failure point of an entry point, one after the other.
 *
 * A way is an entry point with what it is given, and its counterpart. A sweep calls
 * it again and again, on a new device each time, and lets the first, the second, the
 * third ... step of one sort fail, until a call meets no failure. After each call all
 * is as it was, or exactly what the model says.
 *
 * view: a stretch of memory and where the device is to find it. A model is the views
 * of a mapping: nothing else may be in the page table.
 */
#ifndef __DMA_IOMMU_TESTS_SWEEP_H
#define __DMA_IOMMU_TESTS_SWEEP_H

#include <linux/dma-mapping.h>
#include <linux/msi.h>
#include <linux/scatterlist.h>

#include "../private.h"
#include "mock.h"

#define SWEEP_GRANULE SZ_4K
#define SWEEP_AREA SZ_256K
#define SWEEP_VIEWS 16
#define SWEEP_ENTRIES 8
#define SWEEP_GRANULES 512

/* An address that no memory has */
#define SWEEP_REGISTERS BIT_ULL(44)
/* What is at an offset from the start of memory is that far up on the bus */
#define SWEEP_BUS BIT_ULL(42)

/**
 * enum sweep_fault - What goes wrong
 * @SWEEP_NONE: nothing
 * @SWEEP_ALLOC: the nth allocation of memory fails
 * @SWEEP_ROOM: there is IOVA for n - 1 granules, or n - 1 MiB
 * @SWEEP_SLOT: there is swiotlb for n - 1 granules
 * @SWEEP_MAP: the nth map call fails
 * @SWEEP_MAP_PART: the nth map call fails and maps a page all the same
 * @SWEEP_MAP_SHORT: the nth map call maps one page, and nothing fails
 * @SWEEP_SYNC_MAP: the nth iotlb_sync_map call fails
 * @SWEEP_UNDO: the nth map call fails, and so does the mth unmap call of undoing it
 * @SWEEP_UNDO_SYNC: the same of the nth iotlb_sync_map call
 * @SWEEP_UNMAP: the nth unmap call of taking the mapping away comes up short
 * @SWEEP_POOL: the first time the pool for atomic callers has not that much
 * @SWEEP_ATTACH: the device was to be attached by the first mapping, and cannot be
 * @SWEEP_NR_FAULTS: how many there are
 */
enum sweep_fault {
	SWEEP_NONE,
	SWEEP_ALLOC,
	SWEEP_ROOM,
	SWEEP_SLOT,
	SWEEP_MAP,
	SWEEP_MAP_PART,
	SWEEP_MAP_SHORT,
	SWEEP_SYNC_MAP,
	SWEEP_UNDO,
	SWEEP_UNDO_SYNC,
	SWEEP_UNMAP,
	SWEEP_POOL,
	SWEEP_ATTACH,
	SWEEP_NR_FAULTS,
};

/**
 * enum sweep_errno - What an entry point says about a failure
 * @SWEEP_NO_ERRNO: that there was one
 * @SWEEP_DMA_ERRNO: one of the four of the DMA API
 * @SWEEP_ANY_ERRNO: that of the IOMMU driver, if it was that
 */
enum sweep_errno {
	SWEEP_NO_ERRNO,
	SWEEP_DMA_ERRNO,
	SWEEP_ANY_ERRNO,
};

/**
 * struct sweep_view - What the device is to find at an IOVA
 * @iova: where
 * @phys: memory, or a slot with the same data
 * @size: bytes
 * @prot: protection bits
 */
struct sweep_view {
	dma_addr_t iova;
	phys_addr_t phys;
	size_t size;
	int prot;
};

/**
 * struct sweep_part - Some memory of the caller
 * @at: where it is in sweep::memory
 * @size: bytes
 */
struct sweep_part {
	size_t at;
	size_t size;
};

struct sweep;

/**
 * struct sweep_way - An entry point, what it is given, and its counterpart
 * @name: what it is
 * @prepare: what comes before a call, if anything
 * @get: make a mapping and say in views what it is to be; 0 or an error
 * @put: take it away; NULL for a mapping that stays as long as its domain
 * @says: what its errors are
 * @untrusted: of the device
 * @noncoherent: of the device
 * @boundary: of the device; 0 for the default
 * @align_mask: of the device: bits of an address that an IOVA has to have as well
 * @lazy: of the domain
 * @dir: direction
 * @owns: the layer allocates the memory
 * @single: every page of that memory is one by itself
 * @one_page: there is no more of it
 * @pool: it is from the pool for atomic callers
 * @large: IOVA is plenty, and what is mapped in one call is, too
 * @gfp: for the memory
 * @attrs: DMA attributes
 * @kinds: of the entries of a list, by a letter each: R for memory, B for what is
 *	   reached past the IOMMU, H through the host bridge; NULL if it is all memory
 * @part: memory of the caller
 * @nr: how much
 * @slots: granules that are bounced
 * @holes: the IOVA has granules that nothing is mapped to
 * @allocs: allocations that there are at least
 * @maps: map calls that there are at least, of two pages each
 * @unmaps: unmap calls of taking it away that there are at least
 */
struct sweep_way {
	const char *name;
	void (*prepare)(struct sweep *sweep);
	int (*get)(struct sweep *sweep);
	void (*put)(struct sweep *sweep);
	enum sweep_errno says;
	bool untrusted;
	bool noncoherent;
	unsigned long boundary;
	unsigned int align_mask;
	bool lazy;
	enum dma_data_direction dir;
	bool owns;
	bool single;
	bool one_page;
	bool pool;
	bool large;
	gfp_t gfp;
	unsigned long attrs;
	const char *kinds;
	struct sweep_part part[SWEEP_ENTRIES];
	unsigned int nr;
	unsigned int slots;
	bool holes;
	unsigned int allocs;
	unsigned int maps;
	unsigned int unmaps;
};

/**
 * struct sweep - A sweep over one way
 * @test: the test
 * @mock: the mock
 * @way: the way
 * @fault: what goes wrong
 * @nth: which of its kind
 * @mth: which unmap call
 * @what: the same, for people
 * @anchor: a device that stays, for slots to be counted
 * @hog: who has the slots of SWEEP_SLOT
 * @dev: the device of this call
 * @domain: its domain
 * @memory: SWEEP_AREA bytes of the caller
 * @expected: what should be in there
 * @seen: what the device sees
 * @view: what it is to see
 * @nr_views: how many
 * @span: bytes of IOVA that the mapping takes
 * @slots_used: when the call began
 * @taken: granules of IOVA that were taken before
 * @nr_taken: how many
 * @slot: slots that were reachable when invalidations began
 * @nr_slots: how many
 * @page: pages that were when the last one did, with a reference of the sweep's own
 * @nr_pages: how many
 * @head: the first page that was reachable then: one of a block that is not split
 *	  stands for all
 * @error: what the IOMMU driver answers
 * @sgl: the caller's list
 * @before: what it is to be if the call fails
 * @state: the caller's range of IOVA
 * @state_before: what that is to be
 * @linked: bytes of it that are linked
 * @desc: the caller's MSI
 * @desc_before: what that is to be
 * @iova: of the mapping
 * @buffer: of the layer
 * @first: the first page of another
 * @table: that of a third
 * @address: where the kernel finds it
 * @file: what user space maps
 * @hogged: there is no CMA
 */
struct sweep {
	struct kunit *test;
	struct mock *mock;
	const struct sweep_way *way;
	enum sweep_fault fault;
	unsigned int nth;
	unsigned int mth;
	char what[128];
	struct device *anchor;
	struct mock_hog *hog;
	struct device *dev;
	struct iommu_domain *domain;
	u8 *memory;
	u8 *expected;
	u8 *seen;
	struct sweep_view view[SWEEP_VIEWS];
	unsigned int nr_views;
	size_t span;
	unsigned long slots_used;
	dma_addr_t taken[SWEEP_GRANULES];
	unsigned int nr_taken;
	phys_addr_t slot[SWEEP_GRANULES];
	unsigned int nr_slots;
	struct page *page[SWEEP_GRANULES];
	unsigned int nr_pages;
	struct page *head;
	int error;

	struct scatterlist sgl[SWEEP_ENTRIES];
	struct scatterlist before[SWEEP_ENTRIES];
	struct dma_iova_state state;
	struct dma_iova_state state_before;
	size_t linked;
	struct msi_desc desc;
	struct msi_desc desc_before;
	dma_addr_t iova;
	void *buffer;
	struct page *first;
	struct sg_table *table;
	void *address;
	struct file *file;
	bool hogged;
};

/* What the device may do */
static inline int sweep_prot(struct sweep *sweep)
{
	switch (sweep->way->dir) {
	case DMA_TO_DEVICE:
		return IOMMU_READ;
	case DMA_FROM_DEVICE:
		return IOMMU_WRITE;
	default:
		return IOMMU_READ | IOMMU_WRITE;
	}
}

/* Say that the device is to find memory at an IOVA */
static inline void sweep_view(struct sweep *sweep, dma_addr_t iova,
			      phys_addr_t phys, size_t size)
{
	int prot = sweep_prot(sweep);

	KUNIT_ASSERT_LT(sweep->test, sweep->nr_views, SWEEP_VIEWS);
	if (sweep->way->attrs & DMA_ATTR_MMIO)
		prot |= IOMMU_MMIO;
	else if (!sweep->way->noncoherent)
		prot |= IOMMU_CACHE;
	sweep->view[sweep->nr_views++] = (struct sweep_view){
		.iova = iova,
		.phys = phys,
		.size = size,
		.prot = prot,
	};
}

static inline phys_addr_t sweep_phys(struct sweep *sweep, size_t at)
{
	if (sweep->way->attrs & DMA_ATTR_MMIO)
		return SWEEP_REGISTERS + at;
	return virt_to_phys(sweep->memory + at);
}

static inline struct iommu_dma_space *sweep_space(struct sweep *sweep)
{
	return &sweep->domain->iova_cookie->space;
}

/* What room is counted in */
static inline size_t sweep_unit(struct sweep *sweep)
{
	return sweep->way->large ? SZ_1M : SWEEP_GRANULE;
}

/* In functions that have a sweep: what it is about is said with what went wrong */
#define SWEEP_EXPECT_EQ(left, right) \
	KUNIT_EXPECT_EQ_MSG(sweep->test, left, right, "%s", sweep->what)
#define SWEEP_EXPECT_TRUE(condition) \
	KUNIT_EXPECT_TRUE_MSG(sweep->test, condition, "%s", sweep->what)

/**
 * struct sweep_outcome - What was seen of a call
 * @ret: its error, or 0
 * @hit: it met the failure
 * @stuck: an unmap call came up short
 */
struct sweep_outcome {
	int ret;
	bool hit;
	bool stuck;
};

/* sweep_check.c: what is expected */

void sweep_note_reachable(struct mock *mock, struct iommu_domain *domain);
void sweep_expect_left(struct sweep *sweep, size_t quarantined,
		       unsigned int slots);
void sweep_expect_pages(struct sweep *sweep, bool kept);
void sweep_expect_quarantine(struct sweep *sweep);
void sweep_expect_failure(struct sweep *sweep,
			  const struct sweep_outcome *outcome);
void sweep_expect_mapped(struct sweep *sweep);
void sweep_write(struct sweep *sweep);

/* sweep.c: the cases of a suite, of which the parameter is the way */

void sweep_alloc(struct kunit *test);
void sweep_room(struct kunit *test);
void sweep_slot(struct kunit *test);
void sweep_map(struct kunit *test);
void sweep_map_part(struct kunit *test);
void sweep_map_short(struct kunit *test);
void sweep_sync_map(struct kunit *test);
void sweep_undo(struct kunit *test);
void sweep_undo_sync(struct kunit *test);
void sweep_unmap(struct kunit *test);
void sweep_pool(struct kunit *test);
void sweep_attach(struct kunit *test);

#endif /* __DMA_IOMMU_TESTS_SWEEP_H */
