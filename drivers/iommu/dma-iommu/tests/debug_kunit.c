// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the oracle: each kind of violation is provoked, behind the layer's back, and
 * has to be found exactly once; what is no violation must not be found.
 *
 * That other suites pass says that it finds nothing where nothing is wrong:
 * mock_test_exit() asks it.
 */

#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/irq_work.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/vmalloc.h>

#include "../private.h"
#include "mock.h"
#include "seed.h"

static unsigned int debug_seed;
module_param(debug_seed, uint, 0444);
MODULE_PARM_DESC(debug_seed, "Seed of random tests; 0 for a new one");

#define GRANULE SZ_4K
#define SIZE SZ_16K

/**
 * struct oracle - A device, and memory to map
 * @test: the test
 * @mock: the mock
 * @dev: the device
 * @domain: its domain
 * @space: its IOVA space
 * @memory: SZ_64K bytes
 * @phys: the same
 * @hushed: warnings that the log does not speak of
 */
struct oracle {
	struct kunit *test;
	struct mock *mock;
	struct device *dev;
	struct iommu_domain *domain;
	struct iommu_dma_space *space;
	void *memory;
	phys_addr_t phys;
	struct kunit_suppressed_warning *hushed;
};

static struct oracle make_oracle(struct kunit *test, struct device *dev)
{
	struct oracle oracle = {
		.test = test,
		.mock = test->priv,
		.dev = dev,
		.domain = iommu_get_domain_for_dev(dev),
		.memory = mock_buffer(test, SZ_64K),
	};

	oracle.space = &oracle.domain->iova_cookie->space;
	oracle.phys = virt_to_phys(oracle.memory);
	return oracle;
}

static dma_addr_t map(struct oracle *oracle, size_t size)
{
	dma_addr_t iova = dma_map_single(oracle->dev, oracle->memory, size,
					 DMA_BIDIRECTIONAL);

	KUNIT_ASSERT_FALSE(oracle->test, dma_mapping_error(oracle->dev, iova));
	return iova;
}

static void unmap(struct oracle *oracle, dma_addr_t iova, size_t size)
{
	dma_unmap_single(oracle->dev, iova, size, DMA_BIDIRECTIONAL);
}

/* Past the kernel's own checker of the DMA API */
static dma_addr_t map_past(struct oracle *oracle, size_t size)
{
	dma_addr_t iova = iommu_dma_map_phys(oracle->dev, oracle->phys, size,
					     DMA_BIDIRECTIONAL, 0);

	KUNIT_ASSERT_NE(oracle->test, iova, DMA_MAPPING_ERROR);
	return iova;
}

static dma_addr_t unmap_past(struct oracle *oracle, dma_addr_t iova,
			     size_t size)
{
	iommu_dma_unmap_phys(oracle->dev, iova, size, DMA_BIDIRECTIONAL, 0);
	return 0;
}

/* So many violations since it was asked last */
static void expect_found(struct oracle *oracle, unsigned int nr)
{
	struct mock *mock = oracle->mock;

	KUNIT_EXPECT_EQ(oracle->test, iommu_dma_debug_counts().violations,
			mock->found + nr);
	mock->found = iommu_dma_debug_counts().violations;
	/* What a violation was about is a guess from then on */
	if (nr)
		mock->guesses = iommu_dma_debug_counts().guesses;
}

/* From now on, the log is not to speak of violations */
static void hush(struct oracle *oracle)
{
	oracle->hushed = kunit_start_suppress_warning(oracle->test);
}

/* So many violations since hush(), each with a warning */
static void expect_violations(struct oracle *oracle, int nr)
{
	KUNIT_EXPECT_EQ(oracle->test,
			kunit_suppressed_warning_count(oracle->hushed), nr);
	kunit_end_suppress_warning(oracle->test, oracle->hushed);
	expect_found(oracle, nr);
}

/* Test that a granule which is not mapped any more is found missing when it is unmapped */
static void test_granule_lost(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	dma_addr_t iova = map(&oracle, SIZE);

	iommu_unmap(oracle.domain, iova + SIZE - GRANULE, GRANULE);
	kunit_warning_suppress(test) {
		unmap(&oracle, iova, SIZE);
		/* The layer has a complaint of its own */
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
	}
	expect_found(&oracle, 1);
}

/* Test that a granule which is mapped to other memory is found when a buffer is synced */
static void test_granule_moved(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	dma_addr_t iova = map(&oracle, SIZE);

	iommu_unmap(oracle.domain, iova, GRANULE);
	KUNIT_ASSERT_EQ(test,
			iommu_map(oracle.domain, iova, oracle.phys + SZ_32K,
				  GRANULE, IOMMU_READ, GFP_KERNEL),
			0);
	hush(&oracle);
	dma_sync_single_for_cpu(oracle.dev, iova, SIZE, DMA_BIDIRECTIONAL);
	expect_violations(&oracle, 1);
	unmap(&oracle, iova, SIZE);
	expect_found(&oracle, 0);
}

/* Test the same for a list, of which nothing bounces */
static void test_list_moved(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	struct scatterlist sg;
	dma_addr_t iova;

	sg_init_one(&sg, oracle.memory, SIZE);
	KUNIT_ASSERT_EQ(test, dma_map_sg(oracle.dev, &sg, 1, DMA_TO_DEVICE), 1);
	iova = sg_dma_address(&sg) + GRANULE;
	iommu_unmap(oracle.domain, iova, GRANULE);
	KUNIT_ASSERT_EQ(test,
			iommu_map(oracle.domain, iova, oracle.phys + SZ_32K,
				  GRANULE, IOMMU_READ, GFP_KERNEL),
			0);
	hush(&oracle);
	iommu_dma_sync_sg_for_device(oracle.dev, &sg, 1, DMA_TO_DEVICE);
	expect_violations(&oracle, 1);
	dma_unmap_sg(oracle.dev, &sg, 1, DMA_TO_DEVICE);
	expect_found(&oracle, 0);
}

/* Test that what nobody has linked is found when the range is given back */
static void test_granule_added(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	struct dma_iova_state state;

	KUNIT_ASSERT_TRUE(test,
			  dma_iova_try_alloc(oracle.dev, &state, 0, SIZE));
	KUNIT_ASSERT_EQ(test,
			iommu_map(oracle.domain, state.addr + GRANULE,
				  oracle.phys, GRANULE, IOMMU_READ, GFP_KERNEL),
			0);
	hush(&oracle);
	dma_iova_free(oracle.dev, &state);
	expect_violations(&oracle, 1);
	iommu_unmap(oracle.domain, state.addr + GRANULE, GRANULE);
}

/* Test that a range which is given back with something linked is found */
static void test_range_freed_early(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	struct dma_iova_state state;

	KUNIT_ASSERT_TRUE(test,
			  dma_iova_try_alloc(oracle.dev, &state, 0, SIZE));
	KUNIT_ASSERT_EQ(test,
			dma_iova_link(oracle.dev, &state, oracle.phys, GRANULE,
				      2 * GRANULE, DMA_TO_DEVICE, 0),
			0);
	hush(&oracle);
	dma_iova_free(oracle.dev, &state);
	expect_violations(&oracle, 1);
	iommu_unmap(oracle.domain, state.addr + GRANULE, 2 * GRANULE);
}

/* How far a mapping is on its way out when something is released */
enum stage {
	MAPPED,
	CLEARED,
	INVALIDATED,
};

/* What is released too early */
enum release {
	IOVA,
	IOVA_LATE,
	SLOT,
	SLOT_REUSED,
	PAGE,
	MEMORY,
};

static const struct release_case {
	const char *name;
	enum release what;
	bool lazy;
} release_cases[] = {
	{ "IOVA", IOVA },
	{ "IOVA, lazy", IOVA, true },
	{ "IOVA that has waited", IOVA_LATE, true },
	{ "slot", SLOT },
	{ "slot that is used again", SLOT_REUSED },
	{ "page", PAGE },
	{ "memory", MEMORY },
};

KUNIT_ARRAY_PARAM_DESC(release, release_cases, name);

/* Where the layer has a function that releases just that, it is called */
static void release(struct oracle *oracle, enum release what, dma_addr_t iova,
		    phys_addr_t phys)
{
	struct page *page = phys_to_page(phys);

	switch (what) {
	case IOVA:
		iommu_dma_retire_release(oracle->domain, iova, GRANULE);
		break;
	case IOVA_LATE:
		iommu_dma_debug_release_late(oracle->space, iova, GRANULE);
		break;
	case SLOT:
		iommu_dma_bounce_drop(oracle->dev, phys);
		break;
	case SLOT_REUSED:
		/* Twice: what has been reported is not reported again */
		iommu_dma_debug_slot_taken(oracle->dev, phys, GRANULE);
		iommu_dma_debug_slot_taken(oracle->dev, phys, GRANULE);
		break;
	case PAGE:
		iommu_dma_debug_pages_freed(oracle->dev, &page, 1);
		iommu_dma_debug_pages_freed(oracle->dev, &page, 1);
		break;
	case MEMORY:
		iommu_dma_debug_memory_freed(oracle->dev, page_address(page),
					     GRANULE);
		break;
	}
}

/*
 * Map a granule, and take it away step by step. @when this is done, release something
 * of it.
 */
static void release_when(struct oracle *oracle, enum stage when,
			 unsigned int violations)
{
	const struct release_case *param = oracle->test->param_value;
	enum release what = param->what;
	bool slot = what == SLOT || what == SLOT_REUSED;
	struct iommu_dma_retire retire;
	phys_addr_t phys = 0;
	dma_addr_t iova;

	iova = map_past(oracle, slot ? GRANULE / 2 : GRANULE);
	KUNIT_ASSERT_TRUE(oracle->test,
			  mock_lookup(oracle->domain, iova, &phys, NULL));
	KUNIT_EXPECT_EQ(oracle->test, phys != oracle->phys, slot);
	if (when == MAPPED) {
		hush(oracle);
		release(oracle, what, iova, phys);
		expect_violations(oracle, violations);
	}

	iommu_dma_retire_begin(&retire, oracle->domain, param->lazy);
	KUNIT_EXPECT_EQ(oracle->test, !!retire.flush, param->lazy);
	iommu_dma_retire_clear(&retire, iova, GRANULE);
	if (when == CLEARED) {
		hush(oracle);
		release(oracle, what, iova, phys);
		expect_violations(oracle, violations);
	}

	KUNIT_EXPECT_TRUE(oracle->test, iommu_dma_retire_cut(&retire));
	if (when == INVALIDATED) {
		hush(oracle);
		release(oracle, what, iova, phys);
		expect_violations(oracle, violations);
	}

	if (slot && what != SLOT)
		iommu_dma_bounce_drop(oracle->dev, phys);
	if (what != IOVA)
		iommu_dma_retire_release(oracle->domain, iova, GRANULE);
	expect_found(oracle, 0);
}

/*
 * Test that whatever is released while a device can still reach it is found, be it in
 * the page table or not yet invalidated, and that afterwards it is no violation.
 */
static void test_released_early(struct kunit *test)
{
	const struct release_case *param = test->param_value;
	bool slot = param->what == SLOT || param->what == SLOT_REUSED;
	struct mock *mock = test->priv;
	struct oracle oracle;

	mock->lazy = param->lazy;
	oracle = make_oracle(test,
			     slot ? mock_untrusted(mock) : mock_device(mock));
	release_when(&oracle, MAPPED, 1);
	release_when(&oracle, CLEARED, 1);
	release_when(&oracle, INVALIDATED, 0);
}

/* Clear a granule of a lazy domain, which is to wait */
static dma_addr_t clear_lazily(struct oracle *oracle,
			       struct iommu_dma_retire *retire)
{
	dma_addr_t iova = map_past(oracle, GRANULE);

	iommu_dma_retire_begin(retire, oracle->domain, true);
	KUNIT_ASSERT_NOT_NULL(oracle->test, retire->flush);
	iommu_dma_retire_clear(retire, iova, GRANULE);
	return iova;
}

/*
 * Test that an invalidation which began before something was cleared does not count
 * for it, that one which began later does when it has ended, and not before.
 */
static void test_flush_began_early(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_dma_retire retire;
	struct oracle oracle;
	u64 early, late;
	dma_addr_t iova;

	mock->lazy = true;
	oracle = make_oracle(test, mock_device(mock));

	early = iommu_dma_debug_flush_begins(oracle.domain);
	iova = clear_lazily(&oracle, &retire);
	iommu_dma_debug_flush_ended(oracle.domain, early);
	hush(&oracle);
	iommu_dma_debug_release_late(oracle.space, iova, GRANULE);
	expect_violations(&oracle, 1);
	iommu_dma_retire_finish(&retire, iova, GRANULE);

	iova = clear_lazily(&oracle, &retire);
	late = iommu_dma_debug_flush_begins(oracle.domain);
	hush(&oracle);
	iommu_dma_debug_release_late(oracle.space, iova, GRANULE);
	expect_violations(&oracle, 1);
	iommu_dma_debug_flush_ended(oracle.domain, late);
	iommu_dma_retire_finish(&retire, iova, GRANULE);

	early = iommu_dma_debug_flush_begins(oracle.domain);
	iova = clear_lazily(&oracle, &retire);
	late = iommu_dma_debug_flush_begins(oracle.domain);
	iommu_dma_debug_flush_ended(oracle.domain, late);
	iommu_dma_debug_flush_ended(oracle.domain, early);
	hush(&oracle);
	iommu_dma_debug_release_late(oracle.space, iova, GRANULE);
	expect_violations(&oracle, 0);
	iommu_dma_retire_finish(&retire, iova, GRANULE);
}

/*
 * Test that a page may become one of a buffer, and be freed, while what a driver had
 * mapped it to waits in a lazy domain.
 */
static void test_page_waits(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct oracle oracle;
	struct page *page;
	dma_addr_t iova;

	mock->lazy = true;
	oracle = make_oracle(test, mock_device(mock));
	page = virt_to_page(oracle.memory);
	iova = map(&oracle, GRANULE);
	hush(&oracle);
	iommu_dma_debug_pages_freed(oracle.dev, &page, 1);
	expect_violations(&oracle, 1);
	unmap(&oracle, iova, GRANULE);

	unmap(&oracle, map(&oracle, GRANULE), GRANULE);
	KUNIT_EXPECT_GT(test, mock_stale(oracle.domain), 0);
	hush(&oracle);
	iommu_dma_debug_pages_freed(oracle.dev, &page, 1);
	expect_violations(&oracle, 0);
	mock_drain(oracle.domain);
}

/* A buffer of a page that the layer allocates, and frees when it is unmapped */
enum buffer_kind {
	SCATTERED,
	BLOCK,
	NONCONTIGUOUS,
	PAGES,
};

static const struct buffer_case {
	const char *name;
	enum buffer_kind kind;
} buffer_cases[] = {
	{ "coherent", SCATTERED },
	{ "coherent, in one block", BLOCK },
	{ "non-contiguous", NONCONTIGUOUS },
	{ "pages", PAGES },
};

KUNIT_ARRAY_PARAM_DESC(buffer, buffer_cases, name);

/**
 * struct buffer - One of them
 * @kind: of the buffer
 * @dev: who it is for
 * @memory: the kernel's address, if it is coherent
 * @sgt: its table, if it is non-contiguous
 * @page: its page
 * @iova: where the device sees it
 */
struct buffer {
	enum buffer_kind kind;
	struct device *dev;
	void *memory;
	struct sg_table *sgt;
	struct page *page;
	dma_addr_t iova;
};

static struct buffer make_buffer(struct oracle *oracle)
{
	const struct buffer_case *param = oracle->test->param_value;
	struct buffer buffer = { .kind = param->kind, .dev = oracle->dev };
	gfp_t gfp = param->kind == BLOCK ? GFP_ATOMIC : GFP_KERNEL;

	switch (buffer.kind) {
	case SCATTERED:
	case BLOCK:
		buffer.memory = dma_alloc_coherent(oracle->dev, PAGE_SIZE,
						   &buffer.iova, gfp);
		KUNIT_ASSERT_NOT_NULL(oracle->test, buffer.memory);
		KUNIT_ASSERT_EQ(oracle->test, is_vmalloc_addr(buffer.memory),
				buffer.kind == SCATTERED);
		buffer.page = buffer.kind == BLOCK ?
				      virt_to_page(buffer.memory) :
				      vmalloc_to_page(buffer.memory);
		break;
	case NONCONTIGUOUS:
		buffer.sgt = dma_alloc_noncontiguous(oracle->dev, PAGE_SIZE,
						     DMA_BIDIRECTIONAL, gfp, 0);
		KUNIT_ASSERT_NOT_NULL(oracle->test, buffer.sgt);
		buffer.page = sg_page(buffer.sgt->sgl);
		buffer.iova = sg_dma_address(buffer.sgt->sgl);
		break;
	case PAGES:
		buffer.page = dma_alloc_pages(oracle->dev, PAGE_SIZE,
					      &buffer.iova, DMA_BIDIRECTIONAL,
					      gfp);
		KUNIT_ASSERT_NOT_NULL(oracle->test, buffer.page);
		break;
	}
	return buffer;
}

static void free_buffer(struct buffer *buffer)
{
	switch (buffer->kind) {
	case SCATTERED:
	case BLOCK:
		dma_free_coherent(buffer->dev, PAGE_SIZE, buffer->memory,
				  buffer->iova);
		break;
	case NONCONTIGUOUS:
		dma_free_noncontiguous(buffer->dev, PAGE_SIZE, buffer->sgt,
				       DMA_BIDIRECTIONAL);
		break;
	case PAGES:
		dma_free_pages(buffer->dev, PAGE_SIZE, buffer->page,
			       buffer->iova, DMA_BIDIRECTIONAL);
		break;
	}
}

/*
 * Test that a buffer which is freed while the device reaches it, at another address than
 * its own, is found, and nothing if it does not, in a lazy domain either.
 */
static void test_buffer_freed(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct buffer buffer;
	struct oracle oracle;
	dma_addr_t iova;

	for (int lazy = 0; lazy < 2; lazy++) {
		mock->lazy = lazy;
		oracle = make_oracle(test, mock_device(mock));
		buffer = make_buffer(&oracle);
		hush(&oracle);
		free_buffer(&buffer);
		expect_violations(&oracle, 0);

		buffer = make_buffer(&oracle);
		oracle.phys = page_to_phys(buffer.page);
		iova = map_past(&oracle, PAGE_SIZE);
		hush(&oracle);
		free_buffer(&buffer);
		expect_violations(&oracle, 1);
		unmap_past(&oracle, iova, PAGE_SIZE);
		expect_found(&oracle, 0);
	}
}

/*
 * Test that a buffer must not be freed while its own mapping waits in a lazy domain:
 * unlike a driver's pages, it has not been there before.
 */
static void test_buffer_waits(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_dma_retire retire;
	struct buffer buffer;
	struct oracle oracle;

	mock->lazy = true;
	oracle = make_oracle(test, mock_device(mock));
	buffer = make_buffer(&oracle);
	/* Of pages the layer learns it when they are freed */
	if (buffer.kind == PAGES)
		iommu_dma_debug_ours(oracle.dev, buffer.iova, PAGE_SIZE);
	iommu_dma_retire_begin(&retire, oracle.domain, true);
	KUNIT_EXPECT_NOT_NULL(test, retire.flush);
	iommu_dma_retire_clear(&retire, buffer.iova, PAGE_SIZE);
	hush(&oracle);
	iommu_dma_debug_pages_freed(oracle.dev, &buffer.page, 1);
	expect_violations(&oracle, 1);
	KUNIT_EXPECT_TRUE(test, iommu_dma_retire_cut(&retire));

	KUNIT_ASSERT_EQ(test,
			iommu_map(oracle.domain, buffer.iova,
				  page_to_phys(buffer.page), PAGE_SIZE,
				  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL),
			0);
	iommu_dma_debug_mapped(oracle.domain, buffer.iova,
			       page_to_phys(buffer.page), PAGE_SIZE,
			       IOMMU_READ | IOMMU_WRITE);
	free_buffer(&buffer);
	expect_found(&oracle, 0);
}

/* How far a mapping has come when its domain goes */
static const struct end_case {
	const char *name;
	enum stage stage;
	bool lazy;
	bool stuck;
	int violations;
} end_cases[] = {
	{ "mapped", MAPPED, .violations = 1 },
	{ "cleared", CLEARED, .violations = 1 },
	/* All of a lazy domain is invalidated when it goes */
	{ "cleared, lazy", CLEARED, .lazy = true },
	{ "unmapped", INVALIDATED },
	{ "waits", INVALIDATED, .lazy = true },
	{ "quarantined", INVALIDATED, .stuck = true },
};

KUNIT_ARRAY_PARAM_DESC(end, end_cases, name);

/*
 * Test that what is still there when a domain goes is found: mappings, and those that
 * were not invalidated; but not what waits, nor what is quarantined.
 */
static void test_domain_goes(struct kunit *test)
{
	const struct end_case *param = test->param_value;
	struct mock *mock = test->priv;
	struct iommu_dma_retire retire;
	struct oracle oracle;
	dma_addr_t iova;

	mock->lazy = param->lazy;
	oracle = make_oracle(test, mock_device(mock));
	iova = map_past(&oracle, SIZE);
	hush(&oracle);
	if (param->stage == CLEARED) {
		iommu_dma_retire_begin(&retire, oracle.domain, param->lazy);
		iommu_dma_retire_clear(&retire, iova, SIZE);
	} else if (param->stage == INVALIDATED) {
		mock->fault.unmap_nth = param->stuck;
		unmap_past(&oracle, iova, SIZE);
	}
	mock_device_remove(mock, oracle.dev);
	/* The layer has a complaint of its own of what is stuck */
	KUNIT_EXPECT_EQ(test, kunit_suppressed_warning_count(oracle.hushed),
			param->violations + param->stuck);
	kunit_end_suppress_warning(test, oracle.hushed);
	expect_found(&oracle, param->violations);
	KUNIT_EXPECT_TRUE(test, list_empty(&mock->domains));
}

/* Test that what a link has left that failed is found, be it one that bounces or not */
static void test_link_failed(struct kunit *test)
{
	struct mock *mock = test->priv;

	for (int bounced = 0; bounced < 2; bounced++) {
		struct device *dev = bounced ? mock_untrusted(mock) :
					       mock_device(mock);
		struct oracle oracle = make_oracle(test, dev);
		size_t offset = bounced ? GRANULE / 2 : 0;
		struct dma_iova_state state;
		dma_addr_t left;

		KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(dev, &state,
							   oracle.phys + offset,
							   SIZE - offset));
		left = state.addr - offset + GRANULE;
		KUNIT_ASSERT_EQ(test,
				iommu_map(oracle.domain, left, oracle.phys,
					  GRANULE, IOMMU_READ, GFP_KERNEL),
				0);
		mock->fault.map_nth = 1;
		mock->fault.map_error = -ENOMEM;
		hush(&oracle);
		KUNIT_EXPECT_EQ(test,
				dma_iova_link(dev, &state, oracle.phys + offset,
					      0, SIZE - offset, DMA_TO_DEVICE,
					      0),
				-ENOMEM);
		expect_violations(&oracle, 1);
		iommu_unmap(oracle.domain, left, GRANULE);
		dma_iova_free(dev, &state);
		expect_found(&oracle, 0);
	}
}

/* Test that page-table pages which are about to be freed before a flush are found */
static void test_cut_early(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_dma_retire retire;
	struct oracle oracle;
	dma_addr_t iova;

	mock->lazy = true;
	oracle = make_oracle(test, mock_device(mock));
	iova = clear_lazily(&oracle, &retire);
	hush(&oracle);
	iommu_dma_debug_cut(&retire);
	expect_violations(&oracle, 1);
	iommu_dma_retire_finish(&retire, iova, GRANULE);
}

/* Test that an invalidation that the driver was not asked for does not count */
static void test_never_synced(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	struct iommu_dma_retire retire;
	dma_addr_t iova;

	iova = map_past(&oracle, GRANULE);
	iommu_dma_retire_begin(&retire, oracle.domain, false);
	iommu_dma_retire_clear(&retire, iova, GRANULE);
	iommu_dma_debug_cut(&retire);
	hush(&oracle);
	iommu_dma_debug_release(oracle.space, iova, GRANULE);
	expect_violations(&oracle, 1);
	iommu_dma_retire_finish(&retire, iova, GRANULE);
}

/* A device with one granule of IOVA: what is mapped next is where that was */
static struct oracle one_granule(struct kunit *test)
{
	struct mock *mock = test->priv;

	mock->last = 2 * GRANULE - 1;
	return make_oracle(test, mock_device(mock));
}

/* Test that IOVA which is mapped is not mapped again */
static void test_mapped_twice(struct kunit *test)
{
	struct oracle oracle = one_granule(test);
	dma_addr_t iova, again;

	iova = map_past(&oracle, GRANULE);
	KUNIT_ASSERT_TRUE(test,
			  iommu_dma_space_free(oracle.space, iova, GRANULE));
	iommu_unmap(oracle.domain, iova, GRANULE);
	hush(&oracle);
	again = map_past(&oracle, GRANULE);
	expect_violations(&oracle, 1);
	KUNIT_ASSERT_EQ(test, again, iova);
	unmap_past(&oracle, iova, GRANULE);
}

/* Test that IOVA is not mapped again before it is invalidated, as the mock sees too */
static void test_mapped_while_stale(struct kunit *test)
{
	struct oracle oracle = one_granule(test);
	struct iommu_dma_retire retire;
	dma_addr_t iova, again;

	iova = map_past(&oracle, GRANULE);
	iommu_dma_retire_begin(&retire, oracle.domain, false);
	iommu_dma_retire_clear(&retire, iova, GRANULE);
	KUNIT_ASSERT_TRUE(test,
			  iommu_dma_space_free(oracle.space, iova, GRANULE));
	hush(&oracle);
	again = map_past(&oracle, GRANULE);
	expect_violations(&oracle, 1);
	KUNIT_ASSERT_EQ(test, again, iova);
	KUNIT_EXPECT_EQ(test, oracle.mock->violations, 1);
	oracle.mock->violations = 0;
	iommu_dma_retire_cut(&retire);
	unmap_past(&oracle, iova, GRANULE);
}

/*
 * Test that a mapping is held against what the caller has asked for: place, size,
 * permissions, and that an untrusted device reaches nothing else.
 */
static void test_told_wrong(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	struct device *dev = oracle.dev;
	phys_addr_t phys = oracle.phys;
	dma_addr_t iova;

	iova = dma_map_single(dev, oracle.memory, SIZE - 1, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	hush(&oracle);
	iommu_dma_debug_buffer(dev, iova, phys, SIZE - 1, DMA_TO_DEVICE);
	expect_violations(&oracle, 0);
	hush(&oracle);
	iommu_dma_debug_buffer(dev, iova, phys, SIZE - 1, DMA_FROM_DEVICE);
	expect_violations(&oracle, 1);
	hush(&oracle);
	iommu_dma_debug_buffer(dev, iova, phys, SIZE - 1, DMA_BIDIRECTIONAL);
	expect_violations(&oracle, 1);
	hush(&oracle);
	iommu_dma_debug_buffer(dev, iova, phys + GRANULE, SIZE - 1,
			       DMA_TO_DEVICE);
	expect_violations(&oracle, 1);
	hush(&oracle);
	iommu_dma_debug_buffer(dev, iova, phys, SIZE + 1, DMA_TO_DEVICE);
	expect_violations(&oracle, 1);
	dev->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	hush(&oracle);
	iommu_dma_debug_buffer(dev, iova, phys, SIZE - 1, DMA_TO_DEVICE);
	expect_violations(&oracle, 1);
	dev->iommu->dma_flags &= ~IOMMU_DMA_DEV_UNTRUSTED;
	dma_unmap_single(dev, iova, SIZE - 1, DMA_TO_DEVICE);
	expect_found(&oracle, 0);
}

/* Test that a slot is good for what is not all the buffer's, and for nothing else */
static void test_told_slot(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_untrusted(test->priv));
	struct device *dev = oracle.dev;
	dma_addr_t iova = map(&oracle, GRANULE / 2);

	hush(&oracle);
	iommu_dma_debug_buffer(dev, iova, oracle.phys, GRANULE / 2,
			       DMA_BIDIRECTIONAL);
	expect_violations(&oracle, 0);
	hush(&oracle);
	iommu_dma_debug_buffer(dev, iova, oracle.phys, GRANULE,
			       DMA_BIDIRECTIONAL);
	expect_violations(&oracle, 1);
	unmap(&oracle, iova, GRANULE / 2);
}

/*
 * Test that memory is not released unnoticed which a map that failed has left mapped,
 * and that its IOVA may be given back by who does not know that it is quarantined.
 */
static void test_left_by_failure(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_untrusted(test->priv));
	struct mock *mock = test->priv;
	struct dma_iova_state state;
	phys_addr_t slot;

	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(oracle.dev, &state, 1,
						   GRANULE / 2));
	mock->fault.map_nth = 1;
	mock->fault.map_pages = 1;
	mock->fault.map_error = -ENOMEM;
	mock->fault.unmap_nth = 1;
	hush(&oracle);
	KUNIT_EXPECT_NE(test,
			dma_iova_link(oracle.dev, &state, oracle.phys + 1, 0,
				      GRANULE / 2, DMA_TO_DEVICE, 0),
			0);
	dma_iova_free(oracle.dev, &state);
	/* The layer has complained of the quarantine */
	KUNIT_EXPECT_EQ(test, kunit_suppressed_warning_count(oracle.hushed), 1);
	kunit_end_suppress_warning(test, oracle.hushed);
	expect_found(&oracle, 0);

	slot = mock_stuck(oracle.domain);
	hush(&oracle);
	iommu_dma_debug_slot_dropped(oracle.dev, slot, GRANULE);
	expect_violations(&oracle, 1);
	KUNIT_EXPECT_EQ(test, mock_unstick(oracle.domain), GRANULE);
	iommu_dma_bounce_drop(oracle.dev, slot);
	expect_found(&oracle, 0);
}

/* Map, sync, link, cut and unmap: what may ask for a record */
static void use_all(struct oracle *oracle)
{
	struct device *dev = oracle->dev;
	struct dma_iova_state state;
	struct scatterlist sgl[2];
	dma_addr_t iova;

	iova = map(oracle, SIZE);
	dma_sync_single_for_cpu(dev, iova, SIZE, DMA_BIDIRECTIONAL);
	unmap(oracle, iova, SIZE);

	sg_init_table(sgl, 2);
	sg_set_buf(&sgl[0], oracle->memory, GRANULE);
	sg_set_buf(&sgl[1], oracle->memory + SZ_32K, 2 * GRANULE);
	KUNIT_ASSERT_GT(oracle->test, dma_map_sg(dev, sgl, 2, DMA_TO_DEVICE),
			0);
	dma_unmap_sg(dev, sgl, 2, DMA_TO_DEVICE);

	KUNIT_ASSERT_TRUE(oracle->test,
			  dma_iova_try_alloc(dev, &state, 0, SIZE));
	KUNIT_ASSERT_EQ(oracle->test,
			dma_iova_link(dev, &state, oracle->phys, 0, SIZE,
				      DMA_TO_DEVICE, 0),
			0);
	dma_iova_unlink(dev, &state, GRANULE, GRANULE, DMA_TO_DEVICE, 0);
	dma_iova_unlink(dev, &state, 0, GRANULE, DMA_TO_DEVICE, 0);
	dma_iova_unlink(dev, &state, 2 * GRANULE, SIZE - 2 * GRANULE,
			DMA_TO_DEVICE, 0);
	dma_iova_free(dev, &state);
}

/*
 * Test that nothing is taken for a violation because there was no memory to record
 * it, that this is counted, and that other IOVA is watched as ever.
 */
static void test_no_memory(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	dma_addr_t known = map(&oracle, SIZE), unknown;
	unsigned int guesses = iommu_dma_debug_counts().guesses;
	struct dma_iova_state state;

	use_all(&oracle);
	KUNIT_EXPECT_EQ(test, iommu_dma_debug_counts().guesses, guesses);

	KUNIT_ASSERT_TRUE(test,
			  dma_iova_try_alloc(oracle.dev, &state, 0, SIZE));
	KUNIT_ASSERT_EQ(test,
			dma_iova_link(oracle.dev, &state, oracle.phys, 0, SIZE,
				      DMA_TO_DEVICE, 0),
			0);
	iommu_dma_debug_starve(true);
	use_all(&oracle);
	unknown = map(&oracle, SIZE);
	/* Records that are there have to be cut */
	dma_iova_unlink(oracle.dev, &state, GRANULE, GRANULE, DMA_TO_DEVICE, 0);
	iommu_dma_debug_starve(false);
	KUNIT_EXPECT_GT(test, iommu_dma_debug_counts().guesses, guesses);

	use_all(&oracle);
	dma_iova_unlink(oracle.dev, &state, 0, GRANULE, DMA_TO_DEVICE, 0);
	dma_iova_unlink(oracle.dev, &state, 2 * GRANULE, SIZE - 2 * GRANULE,
			DMA_TO_DEVICE, 0);
	dma_iova_free(oracle.dev, &state);
	unmap(&oracle, unknown, SIZE);
	expect_found(&oracle, 0);

	hush(&oracle);
	iommu_dma_debug_release_late(oracle.space, known, SIZE);
	expect_violations(&oracle, 1);
	unmap(&oracle, known, SIZE);
}

/*
 * Test that no allocation of a test's is counted as one of the oracle's, and that what
 * happens while allocations fail is recorded.
 */
static void test_fail_nth(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	dma_addr_t iova = map(&oracle, SIZE);
	unsigned int guesses = iommu_dma_debug_counts().guesses;
	struct page *page = phys_to_page(oracle.phys);

	mock_fail_start(test);
	kunit_warning_suppress(test) {
		mock_fail_nth(1);
		iommu_dma_debug_removed(oracle.domain, iova, SIZE);
		iommu_dma_debug_mapped(oracle.domain, iova, oracle.phys, SIZE,
				       IOMMU_READ | IOMMU_WRITE);
		iommu_dma_debug_buffer(oracle.dev, iova, oracle.phys, SIZE,
				       DMA_BIDIRECTIONAL);
		iommu_dma_debug_removed(oracle.domain, iova + GRANULE, GRANULE);
		iommu_dma_debug_mapped(oracle.domain, iova + GRANULE,
				       oracle.phys + GRANULE, GRANULE,
				       IOMMU_READ | IOMMU_WRITE);
		iommu_dma_debug_pages_freed(oracle.dev, &page, 1);
		KUNIT_EXPECT_EQ(test, mock_fail_nth(0), 1);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	expect_found(&oracle, 1);
	KUNIT_EXPECT_EQ(test, iommu_dma_debug_counts().guesses, guesses);
	unmap(&oracle, iova, SIZE);
}

/**
 * struct interrupt - What is done in one
 * @work: of the interrupt
 * @oracle: who is looked at
 * @iova: a mapping of SIZE bytes that is given back while it is mapped
 * @interrupted: it was one, or what PREEMPT_RT has of that
 */
struct interrupt {
	struct irq_work work;
	struct oracle *oracle;
	dma_addr_t iova;
	bool interrupted;
};

static void release_in_interrupt(struct irq_work *work)
{
	struct interrupt *irq = container_of(work, struct interrupt, work);

	irq->interrupted = IS_ENABLED(CONFIG_PREEMPT_RT) ? in_interrupt() :
							   in_hardirq();
	iommu_dma_debug_release(irq->oracle->space, irq->iova, SIZE);
}

/* In this task, whose warnings are expected */
static void interrupt(struct interrupt *irq)
{
	unsigned long flags;

	/* Interrupts are tasks of their own there: as near as this one gets */
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		local_bh_disable();
		release_in_interrupt(&irq->work);
		local_bh_enable();
		return;
	}
	local_irq_save(flags);
	irq_work_queue(&irq->work);
	local_irq_restore(flags);
	irq_work_sync(&irq->work);
}

/* Test that a violation is found in an interrupt as anywhere else */
static void test_interrupt(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	struct interrupt irq = {
		.work = IRQ_WORK_INIT(release_in_interrupt),
		.oracle = &oracle,
		.iova = map(&oracle, SIZE),
	};

	kunit_warning_suppress(test) {
		interrupt(&irq);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	expect_found(&oracle, 1);
	KUNIT_EXPECT_TRUE(test, irq.interrupted);
	unmap(&oracle, irq.iova, SIZE);
}

/* Test that what is held against the model is counted */
static void test_checked(struct kunit *test)
{
	struct oracle oracle = make_oracle(test, mock_device(test->priv));
	u64 checked = iommu_dma_debug_counts().checked;
	dma_addr_t iova = map(&oracle, SIZE);

	KUNIT_EXPECT_GT(test, iommu_dma_debug_counts().checked, checked);
	checked = iommu_dma_debug_counts().checked;
	dma_sync_single_for_cpu(oracle.dev, iova, SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_GT(test, iommu_dma_debug_counts().checked, checked);
	unmap(&oracle, iova, SIZE);
}

/* Test that there are files which say what was found, for root to read */
static void test_files(struct kunit *test)
{
	static const char *const names[] = { "violations", "guesses", "records",
					     "checked" };
	struct dentry *parent = debugfs_lookup("iommu", NULL);
	struct dentry *dir, *file;

	KUNIT_ASSERT_EQ(test, !!parent, IS_ENABLED(CONFIG_IOMMU_DEBUGFS));
	if (!parent)
		return;
	dir = debugfs_lookup("dma-debug", parent);
	dput(parent);
	KUNIT_ASSERT_NOT_NULL(test, dir);
	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		file = debugfs_lookup(names[i], dir);
		KUNIT_EXPECT_NOT_NULL(test, file);
		if (!file)
			continue;
		KUNIT_EXPECT_EQ(test, d_inode(file)->i_mode, S_IFREG | 0400);
		dput(file);
	}
	dput(dir);
}

/* Test that of many mappings of any size, in any order, no record is left */
static void test_nothing_left(struct kunit *test)
{
	struct mock *mock = test->priv;
	unsigned int before, used = 0;
	u32 seed = test_seed(test, debug_seed);
	dma_addr_t iova[32] = {};
	struct rnd_state rnd;
	struct device *dev;

	prandom_seed_state(&rnd, seed);
	for (int lazy = 0; lazy < 2; lazy++) {
		struct oracle oracle;

		mock->lazy = lazy;
		dev = mock_device(mock);
		oracle = make_oracle(test, dev);
		before = iommu_dma_debug_counts().records;
		for (int step = 0; step < 2000; step++) {
			unsigned int i = prandom_u32_state(&rnd) % 32;
			size_t size = GRANULE * (1 + i / 2);

			iova[i] = iova[i] ? unmap_past(&oracle, iova[i], size) :
					    map_past(&oracle, size);
			used = max(used, iommu_dma_debug_counts().records);
		}
		for (unsigned int i = 0; i < 32; i++)
			if (iova[i])
				iova[i] = unmap_past(&oracle, iova[i],
						     GRANULE * (1 + i / 2));
		use_all(&oracle);
		mock_drain(oracle.domain);
		KUNIT_EXPECT_GT(test, used, before);
		/* Devices that are no mocks go on */
		KUNIT_EXPECT_LE(test, iommu_dma_debug_counts().records,
				before + 8);
	}
}

static struct kunit_case debug_cases[] = {
	KUNIT_CASE(test_granule_lost),
	KUNIT_CASE(test_granule_moved),
	KUNIT_CASE(test_list_moved),
	KUNIT_CASE(test_granule_added),
	KUNIT_CASE(test_range_freed_early),
	KUNIT_CASE_PARAM(test_released_early, release_gen_params),
	KUNIT_CASE(test_flush_began_early),
	KUNIT_CASE(test_page_waits),
	KUNIT_CASE_PARAM(test_buffer_freed, buffer_gen_params),
	KUNIT_CASE_PARAM(test_buffer_waits, buffer_gen_params),
	KUNIT_CASE_PARAM(test_domain_goes, end_gen_params),
	KUNIT_CASE(test_link_failed),
	KUNIT_CASE(test_cut_early),
	KUNIT_CASE(test_never_synced),
	KUNIT_CASE(test_mapped_twice),
	KUNIT_CASE(test_mapped_while_stale),
	KUNIT_CASE(test_told_wrong),
	KUNIT_CASE(test_told_slot),
	KUNIT_CASE(test_left_by_failure),
	KUNIT_CASE(test_no_memory),
	KUNIT_CASE(test_fail_nth),
	KUNIT_CASE(test_interrupt),
	KUNIT_CASE(test_checked),
	KUNIT_CASE(test_files),
	KUNIT_CASE(test_nothing_left),
	{}
};

static struct kunit_suite debug_suite = {
	.name = "iommu_dma_debug",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = debug_cases,
};

kunit_test_suite(debug_suite);
