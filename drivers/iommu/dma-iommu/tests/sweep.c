// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every failure point of an entry point, one after the other: the machinery.
 *
 * Owns the order of a call in a sweep: a new device, arm the fault, call, look at what
 * came of it, take it away, look again. The first call of a sweep meets no failure and
 * is what the others are compared to.
 *
 * What fails is the layer's own: it is called past the DMA API, whose checker has
 * memory of its own that it does without from the first failure on.
 */

#include "sweep.h"

/* No entry point has that many steps of one sort */
#define MANY 100

static const char *const names[] = {
	[SWEEP_NONE] = "nothing",
	[SWEEP_ALLOC] = "allocation",
	[SWEEP_ROOM] = "IOVA",
	[SWEEP_SLOT] = "slot",
	[SWEEP_MAP] = "map call",
	[SWEEP_MAP_PART] = "map call after a page",
	[SWEEP_MAP_SHORT] = "short map call",
	[SWEEP_SYNC_MAP] = "iotlb_sync_map call",
	[SWEEP_UNDO] = "map call and undoing it",
	[SWEEP_UNDO_SYNC] = "iotlb_sync_map call and undoing it",
	[SWEEP_UNMAP] = "short unmap call",
	[SWEEP_POOL] = "pool",
	[SWEEP_ATTACH] = "attachment",
};

static void new_device(struct sweep *sweep)
{
	const struct sweep_way *way = sweep->way;
	const struct mock_traits traits = {
		.noncoherent = way->noncoherent,
		.boundary = way->boundary,
		.align_mask = way->align_mask,
		.deferred = sweep->fault == SWEEP_ATTACH,
	};
	struct mock *mock = sweep->mock;

	mock->lazy = way->lazy;
	sweep->dev = way->untrusted ? mock_untrusted_like(mock, &traits) :
				      mock_device_like(mock, &traits);
	sweep->domain = iommu_get_domain_for_dev(sweep->dev);
	sweep->slots_used = mock_slots_used(sweep->anchor);
	sweep->nr_views = 0;
	sweep->nr_slots = 0;
	sweep->head = NULL;
	sweep->linked = 0;
	if (way->prepare)
		way->prepare(sweep);
	mock_forget(mock);
}

/* Leave IOVA for @units, side by side; false if that is all there is */
static bool leave_room(struct sweep *sweep, unsigned int units)
{
	const struct iommu_dma_request request = {
		.size = sweep_unit(sweep),
		.limit = ~(dma_addr_t)0,
	};
	dma_addr_t last = sweep->mock->last, iova;
	unsigned int nr = 0;

	while (!iommu_dma_space_alloc(sweep_space(sweep), &request, &iova))
		sweep->taken[nr++] = iova;
	units = min(units, nr);
	for (unsigned int i = 0; i < nr; i++) {
		iova = sweep->taken[i];
		if (iova > last - units * sweep_unit(sweep))
			iommu_dma_space_free(sweep_space(sweep), iova,
					     sweep_unit(sweep));
		else
			sweep->taken[sweep->nr_taken++] = iova;
	}
	return sweep->nr_taken;
}

static void return_room(struct sweep *sweep)
{
	while (sweep->nr_taken)
		iommu_dma_space_free(sweep_space(sweep),
				     sweep->taken[--sweep->nr_taken],
				     sweep_unit(sweep));
}

static void arm(struct sweep *sweep)
{
	/* Those that an IOMMU driver has, and one that none should */
	static const int errors[] = { -ENOMEM, -EINVAL,	   -EEXIST,
				      -ERANGE, -EREMOTEIO, -ENOSPC };
	struct mock_fault *fault = &sweep->mock->fault;
	int error = errors[sweep->nth % ARRAY_SIZE(errors)];

	sweep->error = error;
	switch (sweep->fault) {
	case SWEEP_ALLOC:
		mock_fail_nth(sweep->nth);
		break;
	case SWEEP_MAP:
	case SWEEP_MAP_PART:
	case SWEEP_UNDO:
		fault->map_nth = sweep->nth;
		fault->map_error = error;
		fault->map_pages = sweep->fault != SWEEP_MAP;
		break;
	case SWEEP_MAP_SHORT:
		fault->map_nth = sweep->nth;
		fault->map_error = 0;
		fault->map_pages = 1;
		break;
	case SWEEP_SYNC_MAP:
	case SWEEP_UNDO_SYNC:
		fault->sync_map_nth = sweep->nth;
		fault->sync_map_error = error;
		break;
	case SWEEP_ATTACH:
		if (sweep->nth == 1)
			fault->attach_error = error;
		break;
	default:
		break;
	}
	if (sweep->fault == SWEEP_UNDO || sweep->fault == SWEEP_UNDO_SYNC)
		fault->unmap_nth = sweep->mth;
}

/* Did what was armed happen? */
static void disarm(struct sweep *sweep, struct sweep_outcome *outcome)
{
	struct mock_fault *fault = &sweep->mock->fault;

	switch (sweep->fault) {
	case SWEEP_ALLOC:
		outcome->hit = !mock_fail_nth(0);
		break;
	case SWEEP_ROOM:
	case SWEEP_SLOT:
	case SWEEP_POOL:
		outcome->hit = outcome->ret;
		break;
	case SWEEP_SYNC_MAP:
	case SWEEP_UNDO_SYNC:
		outcome->hit = !fault->sync_map_nth;
		break;
	case SWEEP_ATTACH:
		outcome->hit = fault->attach_error;
		break;
	case SWEEP_NONE:
	case SWEEP_UNMAP:
		outcome->hit = false;
		break;
	default:
		outcome->hit = !fault->map_nth;
	}
	outcome->stuck = (sweep->fault == SWEEP_UNDO ||
			  sweep->fault == SWEEP_UNDO_SYNC) &&
			 !fault->unmap_nth;
	*fault = (struct mock_fault){};
}

/* Take a mapping away and look at what is left */
static bool expect_put(struct sweep *sweep)
{
	bool stuck = false;

	if (!sweep->way->put)
		return false;

	/* What has been copied back when an unmap call comes up short is left open */
	if (sweep->fault == SWEEP_UNMAP)
		sweep->mock->fault.unmap_nth = sweep->nth;
	else
		sweep_write(sweep);
	/* Nothing is asked for on this way, or it is done without */
	if (sweep->fault == SWEEP_ALLOC)
		mock_fail_nth(1);
	sweep->way->put(sweep);
	mock_fail_nth(0);
	if (sweep->fault == SWEEP_UNMAP)
		stuck = !sweep->mock->fault.unmap_nth;
	sweep->mock->fault = (struct mock_fault){};

	if (stuck) {
		sweep_expect_quarantine(sweep);
		return true;
	}
	sweep_expect_pages(sweep, false);
	mock_drain(sweep->domain);
	sweep_expect_left(sweep, 0, 0);
	return false;
}

/* One call. True if it met the failure. */
static bool call(struct sweep *sweep, bool *stuck)
{
	struct sweep_outcome outcome = {};
	struct mock *mock = sweep->mock;
	bool full = true;

	snprintf(sweep->what, sizeof(sweep->what), "%s, %s %u.%u",
		 sweep->way->name, names[sweep->fault], sweep->nth, sweep->mth);
	new_device(sweep);
	if (sweep->fault == SWEEP_ROOM && sweep->nth)
		full = leave_room(sweep, sweep->nth - 1);
	mock->at_sync = sweep->way->large ? NULL : sweep_note_reachable;
	mock->at_sync_data = sweep;

	kunit_warning_suppress(sweep->test)
	{
		arm(sweep);
		outcome.ret = sweep->way->get(sweep);
		disarm(sweep, &outcome);
		if (outcome.ret)
			sweep_expect_failure(sweep, &outcome);
		else
			sweep_expect_mapped(sweep);
		/* Some memory the layer does without */
		if (outcome.hit && sweep->fault != SWEEP_ALLOC)
			SWEEP_EXPECT_EQ(!outcome.ret,
					sweep->fault == SWEEP_MAP_SHORT);
		if (!outcome.ret) {
			outcome.stuck = expect_put(sweep);
			outcome.hit |= outcome.stuck;
		}
		SWEEP_EXPECT_EQ(KUNIT_SUPPRESSED_WARNING_COUNT(),
				outcome.stuck);
	}

	mock->at_sync = NULL;
	return_room(sweep);
	SWEEP_EXPECT_TRUE(full || !outcome.hit);
	mock_forget_tables(mock);
	mock_device_remove(mock, sweep->dev);
	*stuck = outcome.stuck;
	return outcome.hit;
}

static bool has_undo(struct sweep *sweep)
{
	return sweep->fault == SWEEP_UNDO || sweep->fault == SWEEP_UNDO_SYNC;
}

/* Let the nth fail, and the 1st, 2nd ... of what undoes it. How many failed so. */
static unsigned int call_undoing(struct sweep *sweep, bool *hit)
{
	unsigned int stuck = 0;
	bool more;

	for (sweep->mth = 1; sweep->mth < MANY; sweep->mth++) {
		*hit = call(sweep, &more);
		if (!more)
			break;
		stuck++;
	}
	SWEEP_EXPECT_TRUE(sweep->mth < MANY);
	return stuck;
}

static struct sweep *make_sweep(struct kunit *test, enum sweep_fault fault)
{
	struct sweep *sweep = kunit_kzalloc(test, sizeof(*sweep), GFP_KERNEL);
	const struct sweep_way *way = test->param_value;
	struct mock *mock = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, sweep);
	sweep->test = test;
	sweep->mock = mock;
	sweep->way = way;
	mock->last = max_t(size_t, SZ_256K, 16 * PAGE_SIZE) - 1;
	if (way->large)
		mock->last = SZ_16M - 1;
	sweep->anchor = mock_untrusted(mock);
	mock->tables = true;
	mock->chunk = way->large ? 0 : 2;
	mock->check_pages = way->single;
	sweep->memory = mock_buffer(test, way->large ? SZ_4M : SWEEP_AREA);
	sweep->expected = mock_buffer(test, SWEEP_AREA);
	sweep->seen = mock_buffer(test, SWEEP_GRANULE);
	mock_set_pattern(sweep->memory, sweep->expected, SWEEP_AREA, fault);
	return sweep;
}

/* How many failures there have to be, by what the way says */
static unsigned int floor_of(struct sweep *sweep)
{
	const struct sweep_way *way = sweep->way;

	switch (sweep->fault) {
	case SWEEP_ALLOC:
		return way->allocs;
	case SWEEP_ROOM:
		return DIV_ROUND_UP(sweep->span, sweep_unit(sweep));
	case SWEEP_SLOT:
		return way->slots;
	case SWEEP_UNMAP:
		return way->unmaps;
	case SWEEP_POOL:
		return way->pool;
	case SWEEP_SYNC_MAP:
	case SWEEP_UNDO_SYNC:
	case SWEEP_ATTACH:
		return 1;
	default:
		return way->maps;
	}
}

/* Call until no failure is met; at least as many were as the way says */
static void run(struct kunit *test, enum sweep_fault fault)
{
	const struct sweep_way *way = test->param_value;
	struct sweep *sweep = make_sweep(test, fault);
	unsigned int hits = 0, stuck = 0;
	bool hit = false, unused;

	if (way->noncoherent &&
	    !IS_ENABLED(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE))
		kunit_skip(test, "this architecture has coherent devices only");

	SWEEP_EXPECT_EQ(call(sweep, &unused), false);
	KUNIT_ASSERT_NE(test, sweep->span || !way->put, 0);
	sweep->fault = fault;
	if (fault == SWEEP_ALLOC)
		mock_fail_start(test);
	if (fault == SWEEP_SLOT)
		sweep->hog = mock_hog_slots(sweep->mock);

	for (sweep->nth = 1; sweep->nth < MANY; sweep->nth++) {
		if (has_undo(sweep))
			stuck += call_undoing(sweep, &hit);
		else
			hit = call(sweep, &unused);
		if (!hit)
			break;
		hits++;
		if (fault == SWEEP_SLOT)
			mock_hog_release(sweep->hog, 1);
	}
	if (fault == SWEEP_SLOT)
		mock_hog_release(sweep->hog, UINT_MAX);

	KUNIT_EXPECT_LT(test, sweep->nth, MANY);
	if (has_undo(sweep))
		hits = stuck;
	kunit_info(test, "%s: %u times failed: %s\n", way->name, hits,
		   names[fault]);
	KUNIT_EXPECT_GE(test, hits, floor_of(sweep));
	if (!floor_of(sweep))
		KUNIT_EXPECT_EQ(test, hits, 0);
}

/**
 * sweep_alloc() - Test that memory may run out at any step
 * @test: the test, of which the parameter is the way
 *
 * Test that whichever allocation of memory fails, there is a mapping that is as it
 * should be, or there is an error that says so and nothing else; and that taking it
 * away needs no memory.
 *
 * Context: Process context of the test.
 */
void sweep_alloc(struct kunit *test)
{
	run(test, SWEEP_ALLOC);
}

/**
 * sweep_room() - Test that IOVA may run out
 * @test: the test, of which the parameter is the way
 *
 * Test that as long as there are too few granules of IOVA, from none on, a mapping is
 * refused and nothing of it is left; and that it is had as soon as there are enough.
 *
 * Context: Process context of the test.
 */
void sweep_room(struct kunit *test)
{
	run(test, SWEEP_ROOM);
}

/**
 * sweep_slot() - Test that slots may run out
 * @test: the test, of which the parameter is the way
 *
 * Test that a mapping that bounces is refused until there are slots for all of it,
 * and that others do not need any.
 *
 * Context: Process context of the test.
 */
void sweep_slot(struct kunit *test)
{
	run(test, SWEEP_SLOT);
}

/**
 * sweep_map() - Test that any map call may fail
 * @test: the test, of which the parameter is the way
 *
 * Test that whichever call of the IOMMU driver fails, with whichever error, nothing of
 * the mapping is left.
 *
 * Context: Process context of the test.
 */
void sweep_map(struct kunit *test)
{
	run(test, SWEEP_MAP);
}

/**
 * sweep_map_part() - Test that a map call may fail and map something
 * @test: the test, of which the parameter is the way
 *
 * Test the same of calls that map a page before they fail.
 *
 * Context: Process context of the test.
 */
void sweep_map_part(struct kunit *test)
{
	run(test, SWEEP_MAP_PART);
}

/**
 * sweep_map_short() - Test that a map call may map less than asked
 * @test: the test, of which the parameter is the way
 *
 * Test that a call which maps a part, and says so, is no failure.
 *
 * Context: Process context of the test.
 */
void sweep_map_short(struct kunit *test)
{
	run(test, SWEEP_MAP_SHORT);
}

/**
 * sweep_sync_map() - Test that the IOMMU may not take a mapping up
 * @test: the test, of which the parameter is the way
 *
 * Test that whichever iotlb_sync_map call fails, nothing of the mapping is left.
 *
 * Context: Process context of the test.
 */
void sweep_sync_map(struct kunit *test)
{
	run(test, SWEEP_SYNC_MAP);
}

/**
 * sweep_undo() - Test that undoing a mapping may fail
 * @test: the test, of which the parameter is the way
 *
 * Test that if a map call fails, and then an unmap call, all of the IOVA is
 * quarantined with one warning, and memory of the layer's that the device may reach
 * stays the layer's.
 *
 * Context: Process context of the test.
 */
void sweep_undo(struct kunit *test)
{
	run(test, SWEEP_UNDO);
}

/**
 * sweep_undo_sync() - Test that undoing a whole mapping may fail
 * @test: the test, of which the parameter is the way
 *
 * Test the same where it is iotlb_sync_map that fails first.
 *
 * Context: Process context of the test.
 */
void sweep_undo_sync(struct kunit *test)
{
	run(test, SWEEP_UNDO_SYNC);
}

/**
 * sweep_unmap() - Test that taking a mapping away may fail
 * @test: the test, of which the parameter is the way
 *
 * Test that whichever unmap call comes up short, all of the IOVA is quarantined with
 * one warning, and slots and pages are kept.
 *
 * Context: Process context of the test.
 */
void sweep_unmap(struct kunit *test)
{
	run(test, SWEEP_UNMAP);
}

/**
 * sweep_pool() - Test that the pool for atomic callers may be used up
 * @test: the test, of which the parameter is the way
 *
 * Test that a buffer for which the pool has no memory is refused before anything is
 * mapped, and that others do not need it.
 *
 * Context: Process context of the test.
 */
void sweep_pool(struct kunit *test)
{
	run(test, SWEEP_POOL);
}

static void stop_deferring(void *unused)
{
	static_branch_disable(&iommu_dma_deferred_attach);
}

/**
 * sweep_attach() - Test that attaching a device may fail
 * @test: the test, of which the parameter is the way
 *
 * Test that a device which cannot be attached by its first mapping gets none, and that
 * nothing is left.
 *
 * Context: Process context of the test.
 */
void sweep_attach(struct kunit *test)
{
	static_branch_enable(&iommu_dma_deferred_attach);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, stop_deferring, NULL),
			0);
	run(test, SWEEP_ATTACH);
}
