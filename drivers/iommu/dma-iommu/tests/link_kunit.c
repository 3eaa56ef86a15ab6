// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the two-step API, IOVA first and memory later: what may be linked, and what
 * the device then finds.
 */

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "link_fixture.h"
#include "seed.h"

static unsigned int link_seed;
module_param(link_seed, uint, 0444);
MODULE_PARM_DESC(link_seed, "Seed of random tests; 0 for a new one");

/*
 * Test that a range has the offset into a granule that its memory has, and the size
 * that was asked for, that nothing is mapped yet, and that all of it comes back.
 */
static void test_state(struct kunit *test)
{
	static const size_t offsets[] = { 0, 1, 100, GRANULE - 1 };
	static const size_t sizes[] = {
		1, 99, GRANULE - 1, GRANULE, GRANULE + 1, 5000, SZ_64K,
	};
	struct link *link = make_link_param(test);

	for (int i = 0; i < ARRAY_SIZE(offsets) * ARRAY_SIZE(sizes); i++) {
		size_t at = offsets[i / ARRAY_SIZE(sizes)];
		size_t size = sizes[i % ARRAY_SIZE(sizes)];
		size_t span = mock_span(link->mock, at, size);

		memset(&link->state, 0xff, sizeof(link->state));
		take(link, at, size);
		KUNIT_EXPECT_TRUE(test, dma_use_iova(&link->state));
		KUNIT_EXPECT_EQ(test, link->state.addr % GRANULE, at);
		KUNIT_EXPECT_EQ(test, link->state.__size, size);
		KUNIT_EXPECT_EQ(test, mock_room(link->domain),
				ROOM - span / GRANULE);
		dma_iova_free(link->dev, &link->state);
		expect_gone(link);
	}
	KUNIT_EXPECT_STREQ(test, link->mock->history, "");
}

static void expect_no_range(struct link *link, size_t size)
{
	memset(&link->state, 0xff, sizeof(link->state));
	KUNIT_EXPECT_FALSE_MSG(link->test,
			       dma_iova_try_alloc(link->dev, &link->state,
						  phys_of(link, 100), size),
			       "%#zx bytes", size);
	KUNIT_EXPECT_FALSE(link->test, dma_use_iova(&link->state));
	KUNIT_EXPECT_EQ(link->test, link->state.addr, 0);
	KUNIT_EXPECT_EQ(link->test, link->state.__size, 0);
}

/*
 * Test that where there is no range to be had the answer is no, and the state says so
 * too: drivers look at it later.
 */
static void test_no_range(struct kunit *test)
{
	static const size_t sizes[] = { SZ_256K - SZ_4K, SZ_1G, SIZE_MAX / 2,
					SIZE_MAX / 2 - 100 };
	struct link *link = make_link_param(test);
	struct mock *mock = link->mock;

	for (int i = 0; i < ARRAY_SIZE(sizes); i++)
		expect_no_range(link, sizes[i]);
	/* These are mistakes of the caller's, of which the first one warns */
	kunit_warning_suppress(test) {
		expect_no_range(link, 0);
		expect_no_range(link, SIZE_MAX);
		expect_no_range(link, SIZE_MAX - GRANULE);
	}
	expect_gone(link);

	link->dev->iommu->dma_flags |= IOMMU_DMA_DEV_REFUSED;
	expect_no_range(link, GRANULE);
	link->dev->iommu->dma_flags &= ~IOMMU_DMA_DEV_REFUSED;

	mock->identity = true;
	link->dev = mock_device(mock);
	expect_no_range(link, GRANULE);
}

struct bad_part {
	size_t offset;
	size_t size;
	size_t at;
};

/* Of a range of three granules less 100 bytes that starts 100 bytes into one */
static const struct bad_part bad_parts[] = {
	{ 0, 0, 100 },
	{ 0, 3 * GRANULE - 99, 100 },
	{ 0, SIZE_MAX, 100 },
	{ 0, SIZE_MAX - 99, 100 },
	{ GRANULE - 100, 0, 0 },
	{ GRANULE - 100, 2 * GRANULE + 1, 0 },
	{ GRANULE - 100, SIZE_MAX, 0 },
	{ GRANULE - 100, SIZE_MAX - GRANULE + 101, 0 },
	{ GRANULE - 100, SIZE_MAX - GRANULE + 102, 0 },
	{ 3 * GRANULE - 100, 1, 0 },
	{ 3 * GRANULE - 100, SIZE_MAX, 0 },
	{ 4 * GRANULE - 100, GRANULE, 0 },
	{ SIZE_MAX - 99, GRANULE, 0 },
	{ SIZE_MAX, 1, 99 },
	{ SIZE_MAX, 2, 99 },
	/* Not where a granule starts */
	{ 1, 1, 101 },
	{ GRANULE - 101, GRANULE, GRANULE - 1 },
	{ GRANULE, GRANULE, 100 },
	{ 2 * GRANULE - 99, 1, 1 },
};

/*
 * Test that a part which is not within the range, does not start where a granule does,
 * or has no bytes is refused, to be linked, to be synced and to be unlinked, with
 * nothing done, and that sums which overflow do not help.
 */
static void test_bounds(struct kunit *test)
{
	struct link *link = make_link_param(test);
	struct dma_iova_state before;

	take(link, 100, 3 * GRANULE - 100);
	before = link->state;
	for (int i = 0; i < ARRAY_SIZE(bad_parts); i++) {
		const struct bad_part *bad = &bad_parts[i];

		KUNIT_EXPECT_EQ_MSG(test,
				    try_link(link, bad->offset, bad->at,
					     bad->size, DMA_TO_DEVICE, 0),
				    -EINVAL, "%#zx+%#zx", bad->offset,
				    bad->size);
		KUNIT_EXPECT_EQ_MSG(test,
				    dma_iova_sync(link->dev, &link->state,
						  bad->offset, bad->size),
				    -EINVAL, "%#zx+%#zx", bad->offset,
				    bad->size);
		kunit_warning_suppress(test) {
			dma_iova_unlink(link->dev, &link->state, bad->offset,
					bad->size, DMA_TO_DEVICE, 0);
		}
	}
	KUNIT_EXPECT_STREQ(test, link->mock->history, "");
	KUNIT_EXPECT_MEMEQ(test, &link->state, &before, sizeof(before));
	dma_iova_free(link->dev, &link->state);
	expect_gone(link);
}

/*
 * Test that memory is refused that has another offset into a granule than the IOVA
 * which it is to be linked to.
 */
static void test_other_offset(struct kunit *test)
{
	struct link *link = make_link_param(test);

	take(link, 100, 3 * GRANULE - 100);
	KUNIT_EXPECT_EQ(test, try_link(link, 0, 101, GRANULE, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_link(link, 0, 0, GRANULE, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_link(link, GRANULE - 100, 100, GRANULE, 0, 0),
			-EINVAL);
	KUNIT_EXPECT_STREQ(test, link->mock->history, "");
	dma_iova_free(link->dev, &link->state);
	expect_gone(link);
}

/* Link a range as @parts, in either direction, and destroy it */
static void round_trip(struct link *link, const struct part *parts,
		       unsigned int nr)
{
	size_t total = total_of(parts, nr);

	for (enum dma_data_direction dir = 0; dir <= DMA_FROM_DEVICE; dir++) {
		link_parts(link, parts, nr, dir);
		expect_view(link);
		if (dir != DMA_TO_DEVICE)
			write_all(link, 0x80 + dir);
		mock_forget(link->mock);
		dma_iova_destroy(link->dev, &link->state, total, dir, 0);
		KUNIT_EXPECT_STREQ(link->test, link->mock->history, "ui");
		expect_memory(link);
		expect_gone(link);
	}
	if (iommu_dma_dev_untrusted(link->dev))
		KUNIT_ASSERT_TRUE(link->test,
				  mock_poison_slots(link->dev, POISON));
}

/*
 * Test that the device finds what was linked, one part after the other, and that what
 * it writes is there in the end; an untrusted one sees else only zero, in ranges with
 * and without head, middle and tail (G1, G4).
 */
static void test_contents(struct kunit *test)
{
	static const size_t heads[] = { 0, 1, GRANULE - 100 };
	static const size_t tails[] = { 0, 1, 50, GRANULE - 1 };
	struct link *link = make_link_param(test);

	KUNIT_ASSERT_TRUE(test, mock_poison_slots(link->dev, POISON));
	for (int i = 0; i < 3 * 3 * 4; i++) {
		size_t head = heads[i / 12], tail = tails[i % 4];
		size_t middle = i / 4 % 3 * GRANULE;
		struct part parts[3];
		unsigned int nr = 0;

		if (head)
			parts[nr++] = (struct part){ 2 * GRANULE - head, head };
		if (middle)
			parts[nr++] = (struct part){ 4 * GRANULE, middle };
		if (tail)
			parts[nr++] = (struct part){ 9 * GRANULE, tail };
		if (!nr)
			continue;
		round_trip(link, parts, nr);

		/* All in one */
		parts[0].at = 2 * GRANULE - head;
		parts[0].size = head + middle + tail;
		round_trip(link, parts, 1);
	}
}

/*
 * Test that an untrusted device is given slots for the first and the last granule
 * only where they are not all the memory's, and that the state says so.
 */
static void test_slots(struct kunit *test)
{
	struct link *link = make_link(test, UNTRUSTED);

	link_parts(link, three, 3, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, link->state.__size & DMA_IOVA_USE_SWIOTLB);
	KUNIT_EXPECT_EQ(test, dma_iova_size(&link->state), 3 * GRANULE - 50);
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), mock_slots_of(2));
	KUNIT_EXPECT_TRUE(test, mock_in_slot(link->dev, link->state.addr));
	KUNIT_EXPECT_FALSE(test,
			   mock_in_slot(link->dev,
					link->state.addr + GRANULE - 100));
	KUNIT_EXPECT_TRUE(test,
			  mock_in_slot(link->dev,
				       link->state.addr + 3 * GRANULE - 100));
	dma_iova_destroy(link->dev, &link->state, 3 * GRANULE - 50,
			 DMA_BIDIRECTIONAL, 0);
	expect_memory(link);

	link_parts(link, &three[1], 1, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_FALSE(test, link->state.__size & DMA_IOVA_USE_SWIOTLB);
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), 0);
	dma_iova_destroy(link->dev, &link->state, 2 * GRANULE,
			 DMA_BIDIRECTIONAL, 0);
	expect_gone(link);
}

/*
 * Test that a range comes back as a whole whether none, a part or all of it is linked
 * when it is destroyed (M12).
 */
static void test_destroy(struct kunit *test)
{
	struct link *link = make_link_param(test);
	size_t total = total_of(three, 3), offset;

	for (unsigned int linked = 0; linked <= 3; linked++) {
		take(link, three[0].at, total);
		for (offset = 0; link->nr < linked; link->nr++) {
			const struct part *part = &three[link->nr];

			link->part[link->nr] = *part;
			KUNIT_ASSERT_EQ(test,
					try_link(link, offset, part->at,
						 part->size, DMA_FROM_DEVICE,
						 0),
					0);
			offset += part->size;
		}
		write_all(link, 0x30);
		KUNIT_EXPECT_EQ(test, mock_room(link->domain), ROOM - 4);
		mock_forget(link->mock);
		dma_iova_destroy(link->dev, &link->state, offset,
				 DMA_FROM_DEVICE, 0);
		KUNIT_EXPECT_STREQ(test, link->mock->history,
				   linked ? "ui" : "");
		expect_memory(link);
		expect_gone(link);
	}
}

/*
 * Test that what is linked may be unlinked in other cuts, that each is out of the
 * device's reach when unlink returns, that its IOVA stays the range's and can be
 * linked to again.
 */
static void test_unlink_cuts(struct kunit *test)
{
	static const struct part parts[] = {
		{ GRANULE + 100, 2 * GRANULE - 100 },
		{ 4 * GRANULE, GRANULE },
		{ 8 * GRANULE, 3 * GRANULE },
		{ 20 * GRANULE, GRANULE + 7 },
	};
	/* In granules, and what is left */
	static const unsigned int cuts[][4] = {
		{ 1, 1, 5, 1 }, { 3, 2, 1, 2 }, { 2, 1, 3, 2 }, { 5, 1, 1, 1 }
	};
	struct link *link = make_link_param(test);
	size_t total = total_of(parts, 4);

	for (int i = 0; i < ARRAY_SIZE(cuts); i++) {
		size_t offset = 0, live = 8;

		link_parts(link, parts, 4, DMA_BIDIRECTIONAL);
		expect_view(link);
		write_all(link, 0x50 + i);
		for (int j = 0; j < 4; j++) {
			size_t size = cuts[i][j] * GRANULE;
			dma_addr_t iova = link->state.addr + offset;

			if (!j)
				size -= 100;
			size = min(size, total - offset);
			mock_forget(link->mock);
			dma_iova_unlink(link->dev, &link->state, offset, size,
					DMA_BIDIRECTIONAL, 0);
			KUNIT_EXPECT_STREQ(test, link->mock->history, "ui");
			KUNIT_EXPECT_FALSE(test, mock_reachable(link->domain,
								iova, size));
			live -= cuts[i][j];
			KUNIT_EXPECT_EQ(test, mock_live(link->domain),
					live * GRANULE);
			KUNIT_EXPECT_EQ(test, mock_room(link->domain),
					ROOM - 8);
			offset += size;
		}
		KUNIT_EXPECT_EQ(test, offset, total);
		expect_memory(link);

		/* In the same place, something else, and as often as one likes */
		KUNIT_EXPECT_EQ(test,
				try_link(link, GRANULE - 100, 30 * GRANULE,
					 2 * GRANULE, DMA_FROM_DEVICE, 0),
				0);
		dma_iova_unlink(link->dev, &link->state, GRANULE - 100,
				2 * GRANULE, DMA_FROM_DEVICE, 0);
		dma_iova_free(link->dev, &link->state);
		expect_gone(link);
	}
}

/*
 * Test that a part which is followed by another must end where a granule does if it
 * would bounce: its slot would not be found again.
 */
static void test_odd_end(struct kunit *test)
{
	struct link *link = make_link(test, UNTRUSTED);

	take(link, 0, 3 * GRANULE);
	KUNIT_EXPECT_EQ(test, try_link(link, 0, 0, 100, DMA_TO_DEVICE, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test,
			try_link(link, 0, 0, GRANULE + 1, DMA_TO_DEVICE, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, try_link(link, GRANULE, 0, GRANULE - 1,
				       DMA_TO_DEVICE, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test,
			try_link(link, GRANULE, 0, 2 * GRANULE - 1,
				 DMA_TO_DEVICE, 0),
			-EINVAL);
	KUNIT_EXPECT_STREQ(test, link->mock->history, "");
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), 0);
	KUNIT_EXPECT_FALSE(test, link->state.__size & DMA_IOVA_USE_SWIOTLB);
	dma_iova_free(link->dev, &link->state);
	expect_gone(link);
}

/*
 * Test that memory which may share a cache line is copied for a device that is not
 * coherent, when it is a range of its own, and refused at an odd place (B12).
 */
static void test_small(struct kunit *test)
{
	struct link *link = make_link(test, NONCOHERENT);
	static const struct part small[] = { { 2 * GRANULE - 9, 17 } };

	if (!dma_kmalloc_needs_bounce(link->dev, 17, DMA_FROM_DEVICE))
		kunit_skip(test, "nothing has to be bounced here");

	link_parts(link, small, 1, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), mock_slots_of(2));
	expect_view(link);
	write_all(link, 0x70);
	KUNIT_EXPECT_NE(test, link->memory[2 * GRANULE], 0x70);
	dma_iova_destroy(link->dev, &link->state, 17, DMA_FROM_DEVICE, 0);
	expect_memory(link);
	expect_gone(link);

	link_parts(link, small, 1, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), 0);
	dma_iova_destroy(link->dev, &link->state, 17, DMA_TO_DEVICE, 0);

	take(link, 0, 2 * GRANULE);
	KUNIT_EXPECT_EQ(test, try_link(link, 0, 0, 17, DMA_FROM_DEVICE, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, mock_slots_held(link->dev), 0);
	dma_iova_free(link->dev, &link->state);
	expect_gone(link);
}

/*
 * Test that what the attributes forbid is refused with nothing done, and that MMIO is
 * mapped as such.
 */
static void test_attributes(struct kunit *test)
{
	struct link *link = make_link_param(test);
	bool coherent = dev_is_dma_coherent(link->dev);
	int ret, prot = 0;

	take(link, 100, 2 * GRANULE - 100);
	KUNIT_EXPECT_EQ(test,
			try_link(link, 0, 100, GRANULE - 100, 0,
				 DMA_ATTR_CC_SHARED),
			-EOPNOTSUPP);
	if (!coherent)
		KUNIT_EXPECT_EQ(test,
				try_link(link, 0, 100, GRANULE - 100, 0,
					 DMA_ATTR_REQUIRE_COHERENT),
				-EOPNOTSUPP);
	else if (iommu_dma_dev_untrusted(link->dev))
		KUNIT_EXPECT_EQ(test,
				try_link(link, 0, 100, GRANULE - 100, 0,
					 DMA_ATTR_REQUIRE_COHERENT),
				-EINVAL);
	if (iommu_dma_dev_untrusted(link->dev))
		KUNIT_EXPECT_EQ(test,
				try_link(link, 0, 100, GRANULE - 100, 0,
					 DMA_ATTR_MMIO),
				-EINVAL);
	KUNIT_EXPECT_STREQ(test, link->mock->history, "");

	ret = try_link(link, GRANULE - 100, 2 * GRANULE, GRANULE,
		       DMA_BIDIRECTIONAL, DMA_ATTR_REQUIRE_COHERENT);
	KUNIT_EXPECT_EQ(test, ret, coherent ? 0 : -EOPNOTSUPP);
	if (!ret)
		dma_iova_unlink(link->dev, &link->state, GRANULE - 100, GRANULE,
				DMA_BIDIRECTIONAL, DMA_ATTR_REQUIRE_COHERENT);

	KUNIT_EXPECT_EQ(test,
			try_link(link, GRANULE - 100, 2 * GRANULE, GRANULE,
				 DMA_BIDIRECTIONAL, DMA_ATTR_MMIO),
			0);
	mock_lookup(link->domain, link->state.addr + GRANULE - 100, NULL,
		    &prot);
	KUNIT_EXPECT_EQ(test, prot, IOMMU_READ | IOMMU_WRITE | IOMMU_MMIO);
	dma_iova_unlink(link->dev, &link->state, GRANULE - 100, GRANULE,
			DMA_BIDIRECTIONAL, DMA_ATTR_MMIO);
	dma_iova_free(link->dev, &link->state);
	expect_gone(link);
}

/*
 * Test that a range keeps the address bits of its first memory that the device wants
 * kept, be it fewer or more than a granule has.
 */
static void test_min_align_mask(struct kunit *test)
{
	static const unsigned int masks[] = { 511, GRANULE - 1, SZ_16K - 1,
					      SZ_64K - 1 };
	struct link *link = make_link_param(test);

	for (int i = 0; i < ARRAY_SIZE(masks); i++) {
		dma_set_min_align_mask(link->dev, masks[i]);
		for (size_t at = 0; at < SZ_64K; at += 3333) {
			struct part part = { at, 2 * GRANULE };

			link_parts(link, &part, 1, DMA_FROM_DEVICE);
			KUNIT_EXPECT_EQ(test, link->state.addr & masks[i],
					phys_of(link, at) & masks[i]);
			expect_view(link);
			dma_iova_destroy(link->dev, &link->state, part.size,
					 DMA_FROM_DEVICE, 0);
			expect_gone(link);
		}
	}
}

static size_t any_granules(struct rnd_state *rnd)
{
	return (1 + prandom_u32_state(rnd) % 3) * GRANULE;
}

/* Parts as they come: all but the ends begin and end where granules do */
static unsigned int any_parts(struct rnd_state *rnd, struct part *parts)
{
	unsigned int nr = 1 + prandom_u32_state(rnd) % 5, i;

	for (i = 0; i < nr; i++) {
		parts[i].at = i * 8 * GRANULE;
		parts[i].size = any_granules(rnd);
	}
	if (prandom_u32_state(rnd) % 2)
		parts[nr - 1].size -= prandom_u32_state(rnd) % GRANULE;
	if (prandom_u32_state(rnd) % 2) {
		size_t offset = prandom_u32_state(rnd) % parts[0].size;

		offset %= GRANULE;
		parts[0].at += offset;
		parts[0].size -= offset;
	}
	return nr;
}

/* Unlink all of a range, in cuts as they come */
static void unlink_all(struct link *link, struct rnd_state *rnd)
{
	size_t total = dma_iova_size(&link->state), offset = 0, size;

	for (; offset < total; offset += size) {
		size = any_granules(rnd) -
		       (link->state.addr + offset) % GRANULE;
		size = min(size, total - offset);
		dma_iova_unlink(link->dev, &link->state, offset, size,
				DMA_BIDIRECTIONAL, 0);
		KUNIT_EXPECT_FALSE(link->test,
				   mock_reachable(link->domain,
						  link->state.addr + offset,
						  size));
	}
	dma_iova_free(link->dev, &link->state);
}

/*
 * Test that ranges of parts as they come, unlinked in cuts as they come or destroyed,
 * show the device what was linked, bring back what it wrote, and leave nothing.
 */
static void test_random(struct kunit *test)
{
	u32 seed = test_seed(test, link_seed);
	struct link *link = make_link_param(test);
	struct part parts[ARRAY_SIZE(link->part)];
	struct rnd_state rnd;

	prandom_seed_state(&rnd, seed);
	for (int i = 0; i < 200; i++) {
		unsigned int nr = any_parts(&rnd, parts);

		link_parts(link, parts, nr, DMA_BIDIRECTIONAL);
		expect_view(link);
		write_all(link, 0x40 + i % 64);
		if (prandom_u32_state(&rnd) % 2)
			unlink_all(link, &rnd);
		else
			dma_iova_destroy(link->dev, &link->state,
					 total_of(parts, nr), DMA_BIDIRECTIONAL,
					 0);
		expect_memory(link);
		expect_gone(link);
		if (test->status != KUNIT_SUCCESS) {
			kunit_err(test, "range %d of seed %u\n", i, seed);
			return;
		}
	}
}

/*
 * Test that a driver can set a region of IOVA aside as venus and iris do: in parts as
 * large as their alignment lets them be, from the top down, each of which has to be
 * what is left just below the limit. The regions end where a chunk does.
 */
static void test_set_aside(struct kunit *test)
{
	static const struct {
		u64 start;
		u64 size;
	} regions[] = {
		{ 0, 600 * SZ_1M },
		{ 0, SZ_2M },
		{ SZ_64K, SZ_16M - SZ_64K },
		{ 0xdc000000, SZ_32M },
	};
	struct mock *mock = test->priv;
	struct dma_iova_state *state =
		kunit_kcalloc(test, 65, sizeof(*state), GFP_KERNEL);
	struct device *dev;

	KUNIT_ASSERT_NOT_NULL(test, state);
	mock->last = U32_MAX;
	for (int i = 0; i < ARRAY_SIZE(regions); i++) {
		u64 end = regions[i].start + regions[i].size;
		u64 rem = end - max_t(u64, regions[i].start, PAGE_SIZE), part;
		unsigned int nr = 0;

		dev = mock_device(mock);
		dev->bus_dma_limit = end - 1;
		for (; rem; rem -= part, end -= part, nr++) {
			part = min(end & -end, 1ULL << (fls64(rem) - 1));
			KUNIT_ASSERT_TRUE(test,
					  dma_iova_try_alloc(dev, &state[nr], 0,
							     part));
			KUNIT_EXPECT_EQ(test, state[nr].addr, end - part);
			KUNIT_EXPECT_EQ(test, state[nr].__size, part);
		}
		while (nr--)
			dma_iova_free(dev, &state[nr]);
		dev->bus_dma_limit = 0;
	}
}

static struct kunit_case link_cases[] = {
	KUNIT_CASE_PARAM(test_state, device_gen_params),
	KUNIT_CASE_PARAM(test_no_range, device_gen_params),
	KUNIT_CASE_PARAM(test_bounds, device_gen_params),
	KUNIT_CASE_PARAM(test_other_offset, device_gen_params),
	KUNIT_CASE_PARAM(test_contents, device_gen_params),
	KUNIT_CASE(test_slots),
	KUNIT_CASE_PARAM(test_destroy, device_gen_params),
	KUNIT_CASE_PARAM(test_unlink_cuts, device_gen_params),
	KUNIT_CASE(test_odd_end),
	KUNIT_CASE(test_small),
	KUNIT_CASE_PARAM(test_attributes, device_gen_params),
	KUNIT_CASE_PARAM(test_min_align_mask, device_gen_params),
	KUNIT_CASE(test_set_aside),
	KUNIT_CASE_PARAM(test_random, device_gen_params),
	{}
};

static struct kunit_suite link_suite = {
	.name = "iommu_dma_link",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = link_cases,
};

kunit_test_suite(link_suite);
