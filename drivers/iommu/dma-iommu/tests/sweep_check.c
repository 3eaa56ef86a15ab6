// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every failure point of an entry point, one after the other: what is expected.
 *
 * Owns what has to hold after each call of a sweep, see sweep.c.
 */

#include <linux/mm.h>

#include "space_check.h"
#include "sweep.h"

static void put_pages(struct sweep *sweep)
{
	while (sweep->nr_pages)
		put_page(sweep->page[--sweep->nr_pages]);
}

static void note_slot(struct sweep *sweep, phys_addr_t phys)
{
	for (unsigned int i = 0; i < sweep->nr_slots; i++)
		if (sweep->slot[i] == phys)
			return;
	sweep->slot[sweep->nr_slots++] = phys;
}

/**
 * sweep_note_reachable() - Remember what a device reaches when an invalidation begins
 * @mock: the mock; this is its mock::at_sync
 * @domain: the domain
 *
 * The slots, and the pages of the layer's own.
 *
 * Context: Process context of the test.
 */
void sweep_note_reachable(struct mock *mock, struct iommu_domain *domain)
{
	struct sweep *sweep = mock->at_sync_data;
	phys_addr_t phys;
	int prot;

	put_pages(sweep);
	sweep->head = NULL;
	for (dma_addr_t iova = 0; iova < mock->last; iova += SWEEP_GRANULE) {
		if (!mock_reach(domain, iova, &phys, &prot))
			continue;
		if (mock_is_slot(sweep->dev, phys)) {
			note_slot(sweep, phys);
			continue;
		}
		if (!sweep->head || phys_to_page(phys) < sweep->head)
			sweep->head = phys_to_page(phys);
		if (sweep->way->single && !offset_in_page(phys)) {
			struct page *page = phys_to_page(phys);

			get_page(page);
			sweep->page[sweep->nr_pages++] = page;
		}
	}
}

static void expect_errno(struct sweep *sweep,
			 const struct sweep_outcome *outcome)
{
	bool shortage =
		sweep->fault == SWEEP_ALLOC || sweep->fault == SWEEP_ROOM ||
		sweep->fault == SWEEP_SLOT || sweep->fault == SWEEP_POOL;
	int ret = outcome->ret;

	switch (sweep->way->says) {
	case SWEEP_DMA_ERRNO:
		SWEEP_EXPECT_TRUE(ret == -EINVAL || ret == -ENOMEM ||
				  ret == -EIO);
		if (shortage)
			SWEEP_EXPECT_EQ(ret, -ENOMEM);
		break;
	case SWEEP_ANY_ERRNO:
		if (shortage)
			SWEEP_EXPECT_TRUE(ret == -ENOMEM || ret == -ENOSPC);
		else if (sweep->fault != SWEEP_ATTACH)
			SWEEP_EXPECT_TRUE(ret == sweep->error ||
					  (outcome->stuck &&
					   ret == -ENOTRECOVERABLE));
		break;
	default:
		break;
	}
}

/**
 * sweep_expect_left() - Expect that nothing is left of a mapping
 * @sweep: the sweep
 * @quarantined: bytes of IOVA that are never handed out again
 * @slots: slots that are never given back
 *
 * IOVA, page table, slots and the caller's memory are those of a mapping that is not.
 *
 * Context: Process context of the test.
 */
void sweep_expect_left(struct sweep *sweep, size_t quarantined,
		       unsigned int slots)
{
	struct iommu_dma_space *space = sweep_space(sweep);
	struct mock *mock = sweep->mock;
	struct iommu_dma_census census = {};

	SWEEP_EXPECT_EQ(mock_live(sweep->domain), 0);
	SWEEP_EXPECT_EQ(mock_stale(sweep->domain), 0);
	KUNIT_EXPECT_STREQ_MSG(sweep->test,
			       iommu_dma_space_check(space, &census) ?: "", "",
			       "%s", sweep->what);
	SWEEP_EXPECT_EQ(census.used * SWEEP_GRANULE,
			quarantined + sweep->nr_taken * sweep_unit(sweep));
	SWEEP_EXPECT_EQ(atomic_long_read(&space->quarantined), quarantined);
	SWEEP_EXPECT_EQ(mock_slots_used(sweep->anchor) - sweep->slots_used,
			mock_slots_of(slots));
	SWEEP_EXPECT_EQ(mock_tables_left(mock), 0);
	SWEEP_EXPECT_EQ(mock->violations, 0);
	SWEEP_EXPECT_TRUE(!memcmp(sweep->memory, sweep->expected, SWEEP_AREA));
}

/**
 * sweep_expect_pages() - Expect of pages of the layer's own that they are free, or not
 * @sweep: the sweep, which has a reference to what was reachable and drops it
 * @kept: the device may still reach them
 *
 * Context: Process context of the test.
 */
void sweep_expect_pages(struct sweep *sweep, bool kept)
{
	for (unsigned int i = 0; i < sweep->nr_pages; i++)
		SWEEP_EXPECT_EQ(page_count(sweep->page[i]), 1 + kept);
	put_pages(sweep);
}

/* Expect of the slots that none is free which a device reaches; give the rest up */
static unsigned int expect_slots(struct sweep *sweep)
{
	unsigned int kept = 0;
	phys_addr_t phys;

	for (dma_addr_t iova = 0; iova < sweep->mock->last;
	     iova += SWEEP_GRANULE) {
		if (!mock_lookup(sweep->domain, iova, &phys, NULL) ||
		    !mock_is_slot(sweep->dev, phys))
			continue;
		SWEEP_EXPECT_TRUE(mock_slot_taken(sweep->dev, phys));
		note_slot(sweep, phys);
	}
	for (unsigned int i = 0; i < sweep->nr_slots; i++)
		if (mock_slot_taken(sweep->dev, sweep->slot[i]))
			sweep->slot[kept++] = sweep->slot[i];
	sweep->nr_slots = kept;
	return kept;
}

/**
 * sweep_expect_quarantine() - Expect that what may still be reached is never released
 * @sweep: the sweep
 *
 * Nor is what was taken away together with it. Then it is given up.
 *
 * Context: Process context of the test.
 */
void sweep_expect_quarantine(struct sweep *sweep)
{
	unsigned int slots = expect_slots(sweep);

	if (sweep->fault != SWEEP_UNDO)
		SWEEP_EXPECT_EQ(slots, sweep->way->slots);
	/* Where nothing was cleared, nothing was invalidated */
	if (!sweep->head)
		sweep->head = phys_to_page(mock_stuck(sweep->domain));
	if (sweep->way->owns)
		SWEEP_EXPECT_TRUE(page_count(sweep->head));
	sweep_expect_pages(sweep, true);
	SWEEP_EXPECT_TRUE(mock_clear(sweep->domain));
	sweep_expect_left(sweep, sweep->span, slots);
	while (sweep->nr_slots)
		iommu_dma_bounce_drop(sweep->dev,
				      sweep->slot[--sweep->nr_slots]);
}

/* Expect that the caller's structures are byte for byte what they were */
static void expect_untouched(struct sweep *sweep)
{
	SWEEP_EXPECT_TRUE(!memcmp(sweep->sgl, sweep->before,
				  sizeof(sweep->sgl)));
	SWEEP_EXPECT_TRUE(!memcmp(&sweep->state, &sweep->state_before,
				  sizeof(sweep->state)));
	SWEEP_EXPECT_TRUE(!memcmp(&sweep->desc, &sweep->desc_before,
				  sizeof(sweep->desc)));
}

/**
 * sweep_expect_failure() - Expect that a call has failed as it should
 * @sweep: the sweep
 * @outcome: of the call
 *
 * Context: Process context of the test.
 */
void sweep_expect_failure(struct sweep *sweep,
			  const struct sweep_outcome *outcome)
{
	SWEEP_EXPECT_TRUE(outcome->hit);
	SWEEP_EXPECT_TRUE(sweep->fault != SWEEP_MAP_SHORT);
	expect_errno(sweep, outcome);
	expect_untouched(sweep);
	if (outcome->stuck) {
		sweep_expect_quarantine(sweep);
		return;
	}
	sweep_expect_pages(sweep, false);
	sweep_expect_left(sweep, 0, 0);
}

static void expect_view(struct sweep *sweep, const struct sweep_view *view)
{
	size_t at, len;
	phys_addr_t phys;
	int prot;

	for (at = 0; at < view->size; at += len) {
		dma_addr_t iova = view->iova + at;

		len = min(view->size - at,
			  SWEEP_GRANULE - (iova & (SWEEP_GRANULE - 1)));
		if (!mock_lookup(sweep->domain, iova, &phys, &prot)) {
			SWEEP_EXPECT_EQ(iova, ~(dma_addr_t)0);
			return;
		}
		SWEEP_EXPECT_EQ(prot, view->prot);
		if (phys == view->phys + at)
			continue;
		/* Registers and the layer's own memory are never copied */
		if (!mock_in_slot(sweep->dev, iova)) {
			SWEEP_EXPECT_EQ(phys, view->phys + at);
			return;
		}
		mock_read(sweep->dev, iova, sweep->seen, len);
		SWEEP_EXPECT_TRUE(!memcmp(sweep->seen,
					  phys_to_virt(view->phys + at), len));
	}
}

/* Expect that the device finds memory where it can compute that */
static void expect_kept_bits(struct sweep *sweep)
{
	for (unsigned int i = 0; i < sweep->nr_views; i++) {
		const struct sweep_view *view = &sweep->view[i];
		u64 differ = view->iova ^ view->phys;

		SWEEP_EXPECT_EQ(differ & sweep->way->align_mask, 0);
	}
}

/**
 * sweep_expect_mapped() - Expect that the page table is what the views say
 * @sweep: the sweep
 *
 * And nothing else is there; IOVA and slots are as many as the first call took.
 *
 * Context: Process context of the test.
 */
void sweep_expect_mapped(struct sweep *sweep)
{
	const struct sweep_way *way = sweep->way;
	struct iommu_dma_census census = {};
	size_t live = 0;

	for (unsigned int i = 0; i < sweep->nr_views; i++) {
		live += mock_span(sweep->mock, sweep->view[i].iova,
				  sweep->view[i].size);
		expect_view(sweep, &sweep->view[i]);
	}
	expect_kept_bits(sweep);
	SWEEP_EXPECT_TRUE(live);
	SWEEP_EXPECT_EQ(mock_live(sweep->domain), live);
	SWEEP_EXPECT_EQ(mock_slots_used(sweep->anchor) - sweep->slots_used,
			mock_slots_of(way->slots));
	iommu_dma_space_check(sweep_space(sweep), &census);
	census.used -= sweep->nr_taken * sweep_unit(sweep) / SWEEP_GRANULE;
	if (!sweep->span)
		sweep->span = census.used * SWEEP_GRANULE;
	SWEEP_EXPECT_EQ(census.used * SWEEP_GRANULE, sweep->span);
	SWEEP_EXPECT_EQ(sweep->span > live, way->holes);
}

/**
 * sweep_write() - Let new data be written to what is mapped
 * @sweep: the sweep
 *
 * By the device, for the caller to find it afterwards; or by the caller where the
 * device must not write: nothing old may be copied over that. Memory of the layer's and
 * registers are left alone.
 *
 * Context: Process context of the test.
 */
void sweep_write(struct sweep *sweep)
{
	for (unsigned int i = 0; i < sweep->nr_views; i++) {
		const struct sweep_view *view = &sweep->view[i];
		size_t at = view->phys - virt_to_phys(sweep->memory);
		u8 *data = sweep->expected + at;

		if (at >= SWEEP_AREA || view->size > SWEEP_AREA - at)
			continue;
		for (size_t j = 0; j < view->size; j++)
			data[j] = ~data[j];
		if (sweep->way->dir == DMA_TO_DEVICE)
			memcpy(sweep->memory + at, data, view->size);
		else
			SWEEP_EXPECT_TRUE(mock_write(sweep->dev, view->iova,
						     data, view->size));
	}
}
