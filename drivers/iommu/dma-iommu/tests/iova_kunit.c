// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the IOVA space of a domain: limits, alignments, zones, reservations,
 * what a full space refuses, and what is left when memory runs out.
 *
 * After each step the validator looks at everything. The same files are tested in
 * user space, with more operations and under sanitizers: see
 * tools/testing/dma-iommu.
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../iova.h"
#include "seed.h"
#include "space_check.h"

static unsigned int iova_seed;
module_param(iova_seed, uint, 0444);
MODULE_PARM_DESC(iova_seed, "Seed of random tests; 0 for a new one");

#define NO_LIMIT (~(dma_addr_t)0)
#define CHUNK (SZ_4K * IOMMU_DMA_CHUNK_GRANULES)

static void destroy(void *space)
{
	iommu_dma_space_destroy(space);
}

static struct iommu_dma_space *new_space(struct kunit *test, size_t granule,
					 dma_addr_t first, dma_addr_t last)
{
	struct iommu_dma_space *space =
		kunit_kzalloc(test, sizeof(*space), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, space);
	KUNIT_ASSERT_EQ(test, iommu_dma_space_init(space, granule, first, last),
			0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, destroy, space),
			0);
	return space;
}

/* Granules in use, after the validator has looked at everything */
static u64 used(struct kunit *test, struct iommu_dma_space *space)
{
	struct iommu_dma_census census = {};
	const char *complaint = iommu_dma_space_check(space, &census);

	KUNIT_ASSERT_STREQ(test, complaint ?: "", "");
	return census.used;
}

static u64 reserved(struct kunit *test, struct iommu_dma_space *space)
{
	struct iommu_dma_census census = {};
	const char *complaint = iommu_dma_space_check(space, &census);

	KUNIT_ASSERT_STREQ(test, complaint ?: "", "");
	return census.reserved;
}

static dma_addr_t take(struct kunit *test, struct iommu_dma_space *space,
		       size_t size, size_t align, dma_addr_t limit)
{
	const struct iommu_dma_request request = {
		.size = size,
		.align = align,
		.limit = limit,
	};
	dma_addr_t iova = 0;

	KUNIT_ASSERT_EQ_MSG(test, iommu_dma_space_alloc(space, &request, &iova),
			    0, "size %#zx align %#zx limit %pad", size, align,
			    &limit);
	KUNIT_EXPECT_GE(test, iova, space->first);
	KUNIT_EXPECT_LE(test, iova, min(limit, space->last));
	KUNIT_EXPECT_LE(test, size - 1, min(limit, space->last) - iova);
	if (align)
		KUNIT_EXPECT_EQ(test, iova & (align - 1), 0);
	return iova;
}

static void expect_refused(struct kunit *test, struct iommu_dma_space *space,
			   size_t size, size_t align, dma_addr_t limit,
			   int error)
{
	const struct iommu_dma_request request = {
		.size = size,
		.align = align,
		.limit = limit,
	};
	dma_addr_t iova = 0x1234;

	KUNIT_EXPECT_EQ_MSG(test, iommu_dma_space_alloc(space, &request, &iova),
			    error, "size %#zx align %#zx limit %pad", size,
			    align, &limit);
	KUNIT_EXPECT_EQ(test, iova, 0x1234);
}

static void give(struct kunit *test, struct iommu_dma_space *space,
		 dma_addr_t iova, size_t size)
{
	KUNIT_EXPECT_TRUE_MSG(test, iommu_dma_space_free(space, iova, size),
			      "%pad size %#zx", &iova, size);
}

/*
 * Test that a request is answered with an address below its limit for every mask
 * from 12 to 64 bits, and refused if all that lies below it is granule 0 [V15]. The
 * very last granule has DMA_MAPPING_ERROR in it, and is nobody's.
 */
static void test_masks(struct kunit *test)
{
	struct iommu_dma_space *space = new_space(test, SZ_4K, 0, NO_LIMIT);

	expect_refused(test, space, SZ_4K, 0, DMA_BIT_MASK(12), -ENOSPC);
	for (unsigned int bits = 13; bits <= 64; bits++) {
		dma_addr_t mask = DMA_BIT_MASK(bits);
		dma_addr_t iova = take(test, space, SZ_4K, 0, mask);
		/* All of a zone that lies below it, without granule 0 */
		size_t rest = bits <= 32 ? mask + 1 - SZ_4K : mask + 1 - SZ_4G;

		if (mask == NO_LIMIT)
			rest -= SZ_4K;
		KUNIT_EXPECT_EQ(test, used(test, space), 1);
		give(test, space, iova, SZ_4K);
		KUNIT_EXPECT_EQ(test, used(test, space), 0);

		iova = take(test, space, rest, 0, mask);
		give(test, space, iova, rest);
		expect_refused(test, space, rest + SZ_4K, 0, mask, -ENOSPC);
		KUNIT_EXPECT_EQ(test, used(test, space), 0);
	}
}

/*
 * Test that limits that are not of the form 2^n - 1 hold to the byte, and that
 * what is larger than its limit fails and does not underflow [V15].
 */
static void test_odd_limits(struct kunit *test)
{
	static const dma_addr_t limits[] = {
		0, 1, SZ_4K - 2, SZ_4K - 1, SZ_4K, SZ_8K - 2,
	};
	struct iommu_dma_space *space =
		new_space(test, SZ_4K, 0, DMA_BIT_MASK(40));
	dma_addr_t iova;

	for (int i = 0; i < ARRAY_SIZE(limits); i++)
		expect_refused(test, space, SZ_4K, 0, limits[i], -ENOSPC);

	iova = take(test, space, SZ_4K, 0, SZ_8K - 1);
	KUNIT_EXPECT_EQ(test, iova, SZ_4K);
	expect_refused(test, space, SZ_4K, 0, SZ_8K + 100, -ENOSPC);
	give(test, space, iova, SZ_4K);

	for (size_t size = SZ_8K; size; size <<= 1) {
		expect_refused(test, space, size, 0, size - 1, -ENOSPC);
		expect_refused(test, space, size, 0, SZ_8K - 1, -ENOSPC);
	}
	expect_refused(test, space, SIZE_MAX - SZ_4K + 1, 0, NO_LIMIT, -ENOSPC);

	/* A limit in the middle of a chunk that also cuts a granule */
	iova = take(test, space, SZ_1G + SZ_32K, 0, SZ_1G + SZ_64K + 100);
	KUNIT_EXPECT_EQ(test, iova, SZ_32K);
	give(test, space, iova, SZ_1G + SZ_32K);
	KUNIT_EXPECT_EQ(test, used(test, space), 0);
}

/* Test that what makes no sense is refused for that, and takes nothing. */
static void test_bad_requests(struct kunit *test)
{
	struct iommu_dma_space *space =
		new_space(test, SZ_4K, 0, DMA_BIT_MASK(40));
	struct iommu_dma_request request = {
		.size = SZ_4K,
		.align = SZ_64K,
		.offset = SZ_64K,
		.limit = NO_LIMIT,
	};
	dma_addr_t iova;

	expect_refused(test, space, 0, 0, NO_LIMIT, -EINVAL);
	expect_refused(test, space, 100, 0, NO_LIMIT, -EINVAL);
	expect_refused(test, space, SZ_4K + 1, 0, NO_LIMIT, -EINVAL);
	/* Also where a chunk that is as large could be had at once */
	give(test, space, take(test, space, SZ_2M, 0, NO_LIMIT), SZ_2M);
	expect_refused(test, space, SZ_2M + 100, 0, NO_LIMIT, -EINVAL);
	expect_refused(test, space, SZ_2M, SZ_8K + SZ_4K, NO_LIMIT, -EINVAL);
	expect_refused(test, space, SZ_4K, SZ_8K + SZ_4K, NO_LIMIT, -EINVAL);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_alloc(space, &request, &iova),
			-EINVAL);
	request.offset = 100;
	KUNIT_EXPECT_EQ(test, iommu_dma_space_alloc(space, &request, &iova),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, used(test, space), 0);
}

/*
 * Test that a small limit that cannot be met says nothing about larger ones, and
 * that it can be met again as soon as there is room [V4, V7].
 */
static void test_small_limit_is_its_own(struct kunit *test)
{
	struct iommu_dma_space *space =
		new_space(test, SZ_4K, 0, DMA_BIT_MASK(32));
	const size_t all = SZ_16M - SZ_4K;
	dma_addr_t low = take(test, space, all, 0, DMA_BIT_MASK(24)), iova;

	for (int i = 0; i < 3; i++) {
		expect_refused(test, space, SZ_4K, 0, DMA_BIT_MASK(24),
			       -ENOSPC);
		iova = take(test, space, SZ_4K, 0, DMA_BIT_MASK(25));
		KUNIT_EXPECT_GE(test, iova, SZ_16M);
		give(test, space, iova, SZ_4K);
	}
	give(test, space, low, all);
	give(test, space, take(test, space, SZ_4K, 0, DMA_BIT_MASK(24)), SZ_4K);
	KUNIT_EXPECT_EQ(test, used(test, space), 0);
}

/*
 * Test that every alignment is met at every size, with any offset in it, and that
 * no more is taken than was asked for.
 */
static void test_alignments(struct kunit *test)
{
	static const unsigned int counts[] = { 1,   2,	 3,   7,   8,	9,
					       63,  64,	 65,  100, 128, 500,
					       511, 512, 513, 1000 };
	struct iommu_dma_space *space =
		new_space(test, SZ_4K, 0, DMA_BIT_MASK(48));

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		for (size_t align = SZ_4K; align <= SZ_1G; align <<= 1) {
			struct iommu_dma_request request = {
				.size = counts[i] * SZ_4K,
				.align = align,
				.limit = i % 2 ? NO_LIMIT : DMA_BIT_MASK(32),
			};
			dma_addr_t iova[3];

			for (int j = 0; j < ARRAY_SIZE(iova); j++) {
				request.offset = j * (align / 4) & ~(SZ_4K - 1);
				KUNIT_ASSERT_EQ(test,
						iommu_dma_space_alloc(space,
								      &request,
								      &iova[j]),
						0);
				KUNIT_EXPECT_EQ(test, iova[j] & (align - 1),
						request.offset);
			}
			KUNIT_EXPECT_EQ(test, used(test, space),
					ARRAY_SIZE(iova) * counts[i]);
			for (int j = 0; j < ARRAY_SIZE(iova); j++)
				give(test, space, iova[j], request.size);
		}
	}
	KUNIT_EXPECT_EQ(test, used(test, space), 0);
}

/*
 * Test that every granule of small spaces at the edges of what there is, and at
 * the border of 4 GiB, is handed out once, but granule 0 [V1, V15].
 */
static void test_apertures(struct kunit *test)
{
	static const struct {
		size_t granule;
		dma_addr_t first;
		dma_addr_t last;
		unsigned int granules;
	} spaces[] = {
		{ SZ_4K, 0, SZ_8K - 1, 1 },
		{ SZ_4K, 0, SZ_8K, 1 },
		{ SZ_4K, 1, SZ_16K - 2, 2 },
		{ SZ_1K, 0, SZ_1M - 1, 1023 },
		{ SZ_4K, 0, SZ_4M - 1, 1023 },
		{ SZ_4K, SZ_2M, SZ_4M + SZ_4K - 1, 513 },
		{ SZ_4K, SZ_4G - SZ_64K, SZ_4G + SZ_64K - 1, 32 },
		{ SZ_4K, SZ_4G - SZ_4M, SZ_4G - 1, 1024 },
		{ SZ_4K, SZ_4G, SZ_4G + SZ_4M - 1, 1024 },
		{ SZ_4K, DMA_BIT_MASK(52) - SZ_4M + 1, DMA_BIT_MASK(52), 1024 },
		/* The last one has DMA_MAPPING_ERROR in it */
		{ SZ_4K, NO_LIMIT - SZ_4M + 1, NO_LIMIT, 1023 },
		{ SZ_4K, NO_LIMIT - SZ_4M + 1, NO_LIMIT - 1, 1023 },
	};

	for (int i = 0; i < ARRAY_SIZE(spaces); i++) {
		struct iommu_dma_space *space =
			new_space(test, spaces[i].granule, spaces[i].first,
				  spaces[i].last);
		const size_t granule = spaces[i].granule;
		unsigned int count = spaces[i].granules;
		dma_addr_t *iova =
			kunit_kcalloc(test, count, sizeof(*iova), GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, iova);
		for (unsigned int j = 0; j < count; j++)
			iova[j] = take(test, space, granule, 0, NO_LIMIT);
		expect_refused(test, space, granule, 0, NO_LIMIT, -ENOSPC);
		KUNIT_EXPECT_EQ(test, used(test, space), count);
		for (unsigned int j = 0; j < count; j++)
			give(test, space, iova[j], granule);
		KUNIT_EXPECT_EQ(test, used(test, space), 0);
	}
}

/* Test that spaces without a granule, or of too large ones, are refused. */
static void test_bad_spaces(struct kunit *test)
{
	struct iommu_dma_space space = {};

	KUNIT_EXPECT_EQ(test,
			iommu_dma_space_init(&space, PAGE_SIZE * 2, 0, NO_LIMIT),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_init(&space, SZ_4K, 0, SZ_4K),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_init(&space, SZ_4K, SZ_8K, SZ_4K),
			-EINVAL);
	KUNIT_EXPECT_EQ(test,
			iommu_dma_space_init(&space, SZ_4K, NO_LIMIT - 100,
					     NO_LIMIT),
			-EINVAL);
	KUNIT_EXPECT_EQ(test,
			iommu_dma_space_init(&space, SZ_4K,
					     NO_LIMIT - SZ_4K + 1, NO_LIMIT),
			-EINVAL);
	/* Nothing to destroy, and nothing wrong with that */
	iommu_dma_space_destroy(&space);
}

static dma_addr_t take_32(struct kunit *test, struct iommu_dma_space *space,
			  size_t size)
{
	const struct iommu_dma_request request = {
		.size = size,
		.limit = NO_LIMIT,
		.prefer_32bit = true,
	};
	dma_addr_t iova = 0;

	KUNIT_ASSERT_EQ(test, iommu_dma_space_alloc(space, &request, &iova), 0);
	return iova;
}

/*
 * Test that who prefers 32 bits stays there while there is room, goes above when
 * there is none, and comes back when there is some; and that who does not goes
 * below when there is no room above.
 */
static void test_prefer_32bit(struct kunit *test)
{
	struct iommu_dma_space *space =
		new_space(test, SZ_4K, 0, SZ_4G + SZ_1G - 1);
	const size_t all_low = SZ_4G - SZ_4K;
	dma_addr_t low, iova;

	for (int i = 0; i < 2; i++) {
		iova = take_32(test, space, SZ_8K);
		KUNIT_EXPECT_LT(test, iova, SZ_4G);
		give(test, space, iova, SZ_8K);
		iova = take(test, space, SZ_8K, 0, NO_LIMIT);
		KUNIT_EXPECT_GE(test, iova, SZ_4G);
		give(test, space, iova, SZ_8K);

		low = take(test, space, all_low, 0, U32_MAX);
		for (int j = 0; j < 3; j++) {
			iova = take_32(test, space, SZ_8K);
			KUNIT_EXPECT_GE(test, iova, SZ_4G);
			give(test, space, iova, SZ_8K);
		}
		give(test, space, low, all_low);
		KUNIT_EXPECT_EQ(test, used(test, space), 0);
	}

	KUNIT_EXPECT_EQ(test, iommu_dma_space_reserve(space, SZ_4G, NO_LIMIT),
			0);
	iova = take(test, space, SZ_8K, 0, NO_LIMIT);
	KUNIT_EXPECT_LT(test, iova, SZ_4G);
	give(test, space, iova, SZ_8K);
	KUNIT_EXPECT_EQ(test, used(test, space), 0);
}

/* Have chunks kept that nothing is taken of, by this CPU and for any */
static void keep_chunks(struct kunit *test, struct iommu_dma_space *space,
			dma_addr_t *iova, unsigned int nr, dma_addr_t limit)
{
	u64 before = used(test, space);

	for (unsigned int i = 0; i < nr; i++)
		iova[i] = take(test, space, CHUNK, 0, limit);
	/* Every other one first: kept are those that come back first */
	for (unsigned int i = 0; i < nr; i += 2)
		give(test, space, iova[i], CHUNK);
	for (unsigned int i = 1; i < nr; i += 2)
		give(test, space, iova[i], CHUNK);
	KUNIT_EXPECT_EQ(test, used(test, space), before);
	/* They are given back once per jiffy at most, and may just have been */
	msleep(2 * MSEC_PER_SEC / HZ);
}

/*
 * Test that chunks which are kept for later, and of which nothing is taken, do not send
 * who prefers 32 bits above, and do not refuse who would rather have small pages than
 * wait for a search.
 */
static void test_kept(struct kunit *test)
{
	struct iommu_dma_space *space =
		new_space(test, SZ_4K, SZ_2G, SZ_4G + SZ_2G - 1);
	const struct iommu_dma_request low_at_once = {
		.size = SZ_2G,
		.limit = U32_MAX,
		.at_once = true,
	};
	const struct iommu_dma_request at_once = {
		.size = SZ_2G,
		.limit = NO_LIMIT,
		.prefer_32bit = true,
		.at_once = true,
	};
	const unsigned int nr = SZ_2G / CHUNK;
	dma_addr_t *kept = kunit_kcalloc(test, nr, sizeof(*kept), GFP_KERNEL);
	dma_addr_t iova = 0, above = 0;

	KUNIT_ASSERT_NOT_NULL(test, kept);
	keep_chunks(test, space, kept, nr, U32_MAX);
	iova = take_32(test, space, SZ_2G);
	KUNIT_EXPECT_EQ(test, iova, SZ_2G);
	give(test, space, iova, SZ_2G);

	keep_chunks(test, space, kept, nr, U32_MAX);
	KUNIT_ASSERT_EQ(test, iommu_dma_space_alloc(space, &low_at_once, &iova),
			0);
	KUNIT_EXPECT_EQ(test, iova, SZ_2G);

	keep_chunks(test, space, kept, nr, NO_LIMIT);
	KUNIT_ASSERT_EQ(test, iommu_dma_space_alloc(space, &at_once, &above),
			0);
	KUNIT_EXPECT_EQ(test, above, SZ_4G);
	give(test, space, above, SZ_2G);
	give(test, space, iova, SZ_2G);
	KUNIT_EXPECT_EQ(test, used(test, space), 0);
}

/*
 * Test that reserved granules are never handed out, whether the range is at the
 * edges of the space, across the border of 4 GiB, reserved before, in part or as a
 * whole, or has a length of nothing.
 */
static void test_reserve(struct kunit *test)
{
	const dma_addr_t first = SZ_4G - SZ_1M, last = SZ_4G + SZ_1M - 1;
	struct iommu_dma_space *space = new_space(test, SZ_4K, first, last);
	unsigned int left = 2 * SZ_1M / SZ_4K;
	dma_addr_t iova;

	/* Outside, and backwards */
	KUNIT_EXPECT_EQ(test, iommu_dma_space_reserve(space, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_reserve(space, 0, first - 1), 0);
	KUNIT_EXPECT_EQ(test,
			iommu_dma_space_reserve(space, last + 1, NO_LIMIT), 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_reserve(space, first + 1, first),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, reserved(test, space), 0);

	/* One byte is a granule; again is no error */
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, iommu_dma_space_reserve(space, 0, first),
				0);
	KUNIT_EXPECT_EQ(test, reserved(test, space), 1);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_reserve(space, last, NO_LIMIT),
			0);
	KUNIT_EXPECT_EQ(test, reserved(test, space), 2);
	/* Overlaps, and the border */
	KUNIT_EXPECT_EQ(test,
			iommu_dma_space_reserve(space, SZ_4G - SZ_16K,
						SZ_4G + SZ_16K - 1),
			0);
	KUNIT_EXPECT_EQ(test,
			iommu_dma_space_reserve(space, SZ_4G - SZ_32K,
						SZ_4G + 100),
			0);
	KUNIT_EXPECT_EQ(test, reserved(test, space), 2 + 8 + 4);
	left -= 2 + 8 + 4;

	for (; left; left--) {
		iova = take(test, space, SZ_4K, 0, NO_LIMIT);
		KUNIT_EXPECT_FALSE(test, in_range(iova, SZ_4G - SZ_32K,
						  SZ_32K + SZ_16K));
		KUNIT_EXPECT_NE(test, iova, first);
		KUNIT_EXPECT_NE(test, iova, last - SZ_4K + 1);
	}
	expect_refused(test, space, SZ_4K, 0, NO_LIMIT, -ENOSPC);
	/* What is reserved is not there to be freed */
	KUNIT_EXPECT_FALSE(test, iommu_dma_space_free(space, first, SZ_4K));
	used(test, space);
}

/* Test that all of a space may be reserved, up to the top of all addresses. */
static void test_reserve_all(struct kunit *test)
{
	struct iommu_dma_space *space = new_space(test, SZ_4K, 0, NO_LIMIT);

	KUNIT_EXPECT_EQ(test, iommu_dma_space_reserve(space, 0, NO_LIMIT), 0);
	expect_refused(test, space, SZ_4K, 0, NO_LIMIT, -ENOSPC);
	expect_refused(test, space, SZ_1G, 0, NO_LIMIT, -ENOSPC);
	KUNIT_EXPECT_EQ(test, used(test, space), 0);
}

/*
 * Test that a reservation which comes late finds what is not in use, in a chunk
 * that CPUs allocate from as elsewhere, and is told if it is too late.
 */
static void test_late_reservation(struct kunit *test)
{
	struct iommu_dma_space *space =
		new_space(test, SZ_4K, 0, DMA_BIT_MASK(32));
	dma_addr_t iova, chunk, other, large;

	/* Each CPU has a chunk of its own */
	guard(migrate)();
	iova = take(test, space, SZ_4K, 0, NO_LIMIT);
	chunk = ALIGN_DOWN(iova, CHUNK);
	large = take(test, space, 3 * CHUNK, 0, NO_LIMIT);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_reserve(space, iova, iova),
			-EBUSY);
	KUNIT_EXPECT_EQ(test,
			iommu_dma_space_reserve(space, large + CHUNK,
						large + CHUNK),
			-EBUSY);

	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test,
				iommu_dma_space_reserve(space, iova + SZ_4K,
							iova + SZ_16K - 1),
				0);
	KUNIT_EXPECT_EQ(test, reserved(test, space), 3);
	KUNIT_EXPECT_FALSE(test,
			   iommu_dma_space_free(space, iova + SZ_4K, SZ_4K));
	KUNIT_EXPECT_FALSE(test, iommu_dma_space_free(space, iova, SZ_8K));

	/* The chunk has room around it */
	for (int i = 0; i < 100; i++) {
		other = take(test, space, SZ_4K, 0, NO_LIMIT);
		KUNIT_EXPECT_FALSE(test, in_range(other, iova + SZ_4K,
						  SZ_16K - SZ_4K));
	}

	give(test, space, iova, SZ_4K);
	KUNIT_EXPECT_EQ(test, iommu_dma_space_reserve(space, iova, iova), 0);
	KUNIT_EXPECT_EQ(test, reserved(test, space), 4);
	KUNIT_EXPECT_EQ(test, chunk, ALIGN_DOWN(other, CHUNK));
	KUNIT_EXPECT_EQ(test, used(test, space), 100 + 3 * 512);
}

/*
 * Test that only what was allocated can be freed, as a whole and once, whether it
 * is a part of a chunk or larger; and that nothing changes otherwise [V18].
 */
static void test_wrong_frees(struct kunit *test)
{
	static const unsigned int counts[] = { 1, 3, 64, 65, 200, 512, 700 };
	struct iommu_dma_space *space =
		new_space(test, SZ_4K, SZ_1M, DMA_BIT_MASK(40));

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		const size_t size = counts[i] * SZ_4K;
		dma_addr_t iova = take(test, space, size, 0, U32_MAX);
		dma_addr_t next = take(test, space, size, 0, U32_MAX);
		u64 all = 2 * counts[i];

		KUNIT_EXPECT_FALSE(test, iommu_dma_space_free(space, iova, 0));
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_space_free(space, iova, size - 1));
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_space_free(space, iova + 1, size));
		KUNIT_EXPECT_FALSE(test, iommu_dma_space_free(space, iova,
							      size + SZ_4K));
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_space_free(space, iova, SIZE_MAX));
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_space_free(space, min(iova, next),
							2 * size));
		KUNIT_EXPECT_FALSE(test, iommu_dma_space_free(space, 0, size));
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_space_free(space, SZ_1G, size));
		KUNIT_EXPECT_FALSE(test, iommu_dma_space_free(space, SZ_4G * 8,
							      size));
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_space_free(space,
							NO_LIMIT - SZ_4K + 1,
							size));
		for (size_t part = SZ_4K; part < size; part += SZ_4K) {
			dma_addr_t at = iova + part;

			KUNIT_EXPECT_FALSE(test,
					   iommu_dma_space_free(space, iova,
								part));
			KUNIT_EXPECT_FALSE(test,
					   iommu_dma_space_free(space, at,
								size - part));
			KUNIT_EXPECT_FALSE(test, iommu_dma_space_free(space, at,
								      SZ_4K));
		}
		KUNIT_EXPECT_EQ(test, used(test, space), all);

		give(test, space, iova, size);
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_space_free(space, iova, size));
		KUNIT_EXPECT_EQ(test, used(test, space), counts[i]);
		give(test, space, next, size);
		KUNIT_EXPECT_EQ(test, used(test, space), 0);
	}
}

/*
 * Test that what is quarantined is counted once, cannot be freed and is not handed
 * out again, and that what is not allocated cannot be quarantined.
 */
static void test_quarantine(struct kunit *test)
{
	static const size_t sizes[] = { SZ_4K, SZ_64K, SZ_1M, SZ_2M + SZ_4K };
	struct iommu_dma_space *space = new_space(test, SZ_4K, 0, SZ_32M - 1);
	size_t lost = 0;
	dma_addr_t iova;

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		iova = take(test, space, sizes[i], 0, NO_LIMIT);
		give(test, space, iova, sizes[i]);
		iommu_dma_space_quarantine(space, iova, sizes[i]);
		KUNIT_EXPECT_EQ(test, atomic_long_read(&space->quarantined),
				lost);

		iova = take(test, space, sizes[i], 0, NO_LIMIT);
		KUNIT_EXPECT_FALSE(test, iommu_dma_space_quarantined(space, iova,
								     sizes[i]));
		iommu_dma_space_quarantine(space, iova, sizes[i]);
		KUNIT_EXPECT_TRUE(test, iommu_dma_space_quarantined(space, iova,
								    sizes[i]));
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_space_quarantined(space, iova,
							       sizes[i] + SZ_4K));
		lost += sizes[i];
		KUNIT_EXPECT_EQ(test, atomic_long_read(&space->quarantined),
				lost);
		KUNIT_EXPECT_FALSE(test,
				   iommu_dma_space_free(space, iova, sizes[i]));
		KUNIT_EXPECT_EQ(test, used(test, space), lost / SZ_4K);
	}
	for (size_t left = SZ_32M - SZ_4K - lost; left; left -= SZ_4K)
		take(test, space, SZ_4K, 0, NO_LIMIT);
	expect_refused(test, space, SZ_4K, 0, NO_LIMIT, -ENOSPC);
	KUNIT_EXPECT_EQ(test, used(test, space), SZ_32M / SZ_4K - 1);
}

/* The mappings of @size bytes that are found, a bit each, from @base on */
static unsigned long found(struct kunit *test, struct iommu_dma_space *space,
			   dma_addr_t base, size_t size)
{
	unsigned long bits = 0;
	dma_addr_t iova = 0;
	size_t bytes;

	while (iommu_dma_space_next_used(space, &iova, &bytes)) {
		KUNIT_EXPECT_EQ(test, bytes, size);
		bits |= BIT((iova - base) / size);
		iova += bytes;
	}
	return bits;
}

/*
 * Test that what is in use is found one by one and as it was allocated, whatever of
 * what lies between is quarantined, and that all of it can be quarantined then.
 */
static void test_next_used(struct kunit *test)
{
	static const size_t sizes[] = { SZ_4K, SZ_8K, SZ_2M };
	const unsigned int nr = 6;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes) << nr; i++) {
		struct iommu_dma_space *space =
			new_space(test, SZ_4K, SZ_2M, SZ_32M - 1);
		unsigned long lost = i % BIT(nr);
		dma_addr_t iovas[6], base = space->last;
		size_t size = sizes[i >> nr];

		for (unsigned int j = 0; j < nr; j++) {
			iovas[j] = take(test, space, size, 0, NO_LIMIT);
			base = min(base, iovas[j]);
		}
		for (unsigned int j = 0; j < nr; j++) {
			/* Side by side, or this would test nothing */
			KUNIT_ASSERT_LT(test, (iovas[j] - base) / size, nr);
			if (lost & BIT((iovas[j] - base) / size))
				iommu_dma_space_quarantine(space, iovas[j],
							   size);
		}
		KUNIT_EXPECT_EQ(test, found(test, space, base, size),
				~lost & GENMASK(nr - 1, 0));
		for (unsigned int j = 0; j < nr; j++)
			if (!(lost & BIT((iovas[j] - base) / size)))
				iommu_dma_space_quarantine(space, iovas[j],
							   size);
		KUNIT_EXPECT_EQ(test, found(test, space, base, size), 0);
		KUNIT_EXPECT_EQ(test, atomic_long_read(&space->quarantined),
				nr * size);
		kunit_release_action(test, destroy, space);
	}
}

/*
 * Test that in a space that is full but for one hole the hole is found, if it is
 * exactly as large as asked for: in one chunk, across several, aligned or not
 * [V5, V6].
 */
static void test_exact_hole(struct kunit *test)
{
	static const unsigned int counts[] = { 1,   2,	 3,    5,   8,	 64,
					       65,  100, 256,  300, 512, 513,
					       600, 700, 1024, 1025 };
	const unsigned int all = SZ_16M / SZ_4K;
	struct iommu_dma_space *space =
		new_space(test, SZ_4K, SZ_16M, SZ_32M - 1);
	u32 seed = test_seed(test, iova_seed);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, seed);
	for (unsigned int i = 0; i < all; i++)
		take(test, space, SZ_4K, 0, NO_LIMIT);

	for (int i = 0; i < 8 * ARRAY_SIZE(counts); i++) {
		unsigned int count = counts[i / 8], first, align;
		dma_addr_t hole;

		align = i % 2 ? roundup_pow_of_two(count) : 1;
		first = prandom_u32_state(&rnd) % (all - count + 1);
		first = ALIGN_DOWN(first, align);
		hole = SZ_16M + first * SZ_4K;

		for (unsigned int j = 0; j < count; j++)
			give(test, space, hole + j * SZ_4K, SZ_4K);
		expect_refused(test, space, (count + 1) * SZ_4K, 0, NO_LIMIT,
			       -ENOSPC);
		KUNIT_EXPECT_EQ(test,
				take(test, space, count * SZ_4K, align * SZ_4K,
				     NO_LIMIT),
				hole);
		KUNIT_EXPECT_EQ(test, used(test, space), all);

		/* Back to single granules */
		give(test, space, hole, count * SZ_4K);
		for (unsigned int j = 0; j < count; j++)
			take(test, space, SZ_4K, 0, NO_LIMIT);
	}
	KUNIT_EXPECT_EQ(test, used(test, space), all);
}

/*
 * Test that the only hole which holds a request is found behind however many that only
 * seem to, and that none is if there is no such hole.
 */
static void test_many_holes(struct kunit *test)
{
	const size_t hole = 700 * SZ_4K, wall = SZ_8M - hole, low = 600 * SZ_4K;
	const size_t size = 513 * SZ_4K, align = SZ_4M;

	for (unsigned int i = 2 * 14; i < 2 * 35; i++) {
		unsigned int holes = i / 2;
		dma_addr_t iovas[35], first = SZ_16M;
		struct iommu_dma_space *space;
		bool fits = i % 2;

		space = new_space(test, SZ_4K, first + (fits ? 0 : wall),
				  first + holes * SZ_8M - 1);
		for (unsigned int j = 0; j < holes; j++) {
			if (j)
				take(test, space, wall, 0, NO_LIMIT);
			iovas[j] = take(test, space, hole, 0, NO_LIMIT);
		}
		if (fits)
			take(test, space, wall - low, 0, NO_LIMIT);
		for (unsigned int j = 0; j < holes; j++)
			give(test, space, iovas[j], hole);
		if (fits)
			KUNIT_EXPECT_EQ(test,
					take(test, space, size, align,
					     NO_LIMIT),
					first);
		expect_refused(test, space, size, align, NO_LIMIT, -ENOSPC);
	}
}

/* Let the @nth allocation of memory from here on fail. Returns what was left. */
static unsigned int fail_nth(unsigned int nth)
{
	unsigned int left = 0;

#ifdef CONFIG_FAULT_INJECTION
	left = current->fail_nth;
	current->fail_nth = nth;
#endif
	return left;
}

/*
 * Test that a request of any size succeeds, in the zone that it prefers, whichever
 * one allocation of memory fails inside, and that giving back allocates nothing
 * [V11, V20].
 */
static void test_out_of_memory(struct kunit *test)
{
	static const size_t sizes[] = { SZ_4K, SZ_64K, SZ_1M, SZ_2M, SZ_8M };

	if (!IS_ENABLED(CONFIG_FAILSLAB))
		kunit_skip(test, "needs CONFIG_FAILSLAB");

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int nth = 0, left;

		do {
			struct iommu_dma_space *space =
				new_space(test, SZ_4K, 0, DMA_BIT_MASK(48));
			dma_addr_t iova;

			fail_nth(++nth);
			iova = take_32(test, space, sizes[i]);
			left = fail_nth(0);
			KUNIT_EXPECT_LT(test, iova, SZ_4G);
			KUNIT_EXPECT_EQ(test, used(test, space),
					sizes[i] / SZ_4K);

			fail_nth(1);
			give(test, space, iova, sizes[i]);
			KUNIT_EXPECT_EQ(test, fail_nth(0), 1);
			KUNIT_EXPECT_EQ(test, used(test, space), 0);
		} while (!left);
		/* At least the two spares */
		KUNIT_EXPECT_GT(test, nth, 2);
	}
}

/* The model: which allocation a granule belongs to; 0 for none */
#define MODEL_GRANULES 8192
#define MODEL_FIRST ((u64)(SZ_4G - MODEL_GRANULES / 2 * SZ_4K))
#define MODEL_MOST 700

struct model {
	struct iommu_dma_space *space;
	struct rnd_state rnd;
	u16 owner[MODEL_GRANULES];
	struct {
		unsigned int first;
		unsigned int count;
	} taken[MODEL_MOST];
	unsigned int nr;
	unsigned int used;
};

static unsigned int any(struct model *model, unsigned int below)
{
	return prandom_u32_state(&model->rnd) % below;
}

/* Is there a place for it? The limit is a granule, one past. */
static bool model_fits(const struct model *model, unsigned int count,
		       unsigned int align, unsigned int offset,
		       unsigned int limit)
{
	unsigned int run = 0;

	for (unsigned int at = 0; at < min(limit, MODEL_GRANULES); at++) {
		unsigned int first = at - (count - 1);

		/* Nothing reaches across 4 GiB */
		if (model->owner[at] || at == MODEL_GRANULES / 2)
			run = 0;
		if (!model->owner[at])
			run++;
		if (run >= count && ((first - offset) & (align - 1)) == 0)
			return true;
	}
	return false;
}

static void model_alloc(struct kunit *test, struct model *model)
{
	unsigned int count = any(model, 4) ? 1 + any(model, 20) :
					     1 + any(model, 1200);
	unsigned int align = 1 << any(model, 11);
	unsigned int offset = any(model, 2) ? 0 : any(model, align);
	unsigned int limit = any(model, 2) ? MODEL_GRANULES :
					     1 + any(model, MODEL_GRANULES);
	struct iommu_dma_request request = {
		.size = count * SZ_4K,
		.align = align * SZ_4K,
		.offset = offset * SZ_4K,
		.limit = MODEL_FIRST + limit * SZ_4K - 1,
		.prefer_32bit = any(model, 2),
	};
	bool fits = model_fits(model, count, align, offset, limit);
	unsigned int first;
	dma_addr_t iova;
	int ret;

	if (model->nr == MODEL_MOST)
		return;
	ret = iommu_dma_space_alloc(model->space, &request, &iova);
	KUNIT_ASSERT_EQ_MSG(test, ret, fits ? 0 : -ENOSPC,
			    "count %u align %u offset %u limit %u", count,
			    align, offset, limit);
	if (ret)
		return;

	first = (iova - MODEL_FIRST) / SZ_4K;
	KUNIT_ASSERT_GE(test, iova, MODEL_FIRST);
	KUNIT_ASSERT_LE(test, first + count, limit);
	KUNIT_ASSERT_EQ(test, (first - offset) & (align - 1), 0);
	model->taken[model->nr].first = first;
	model->taken[model->nr].count = count;
	model->nr++;
	model->used += count;
	for (unsigned int at = first; at < first + count; at++) {
		KUNIT_ASSERT_EQ(test, model->owner[at], 0);
		model->owner[at] = model->nr;
	}
}

static void model_free(struct kunit *test, struct model *model)
{
	unsigned int i = any(model, model->nr);
	unsigned int first = model->taken[i].first;
	unsigned int count = model->taken[i].count;
	dma_addr_t iova = MODEL_FIRST + (u64)first * SZ_4K;

	KUNIT_ASSERT_FALSE(test, iommu_dma_space_free(model->space, iova,
						      (count + 1) * SZ_4K));
	KUNIT_ASSERT_TRUE(test, iommu_dma_space_free(model->space, iova,
						     count * SZ_4K));
	KUNIT_ASSERT_FALSE(test, iommu_dma_space_free(model->space, iova,
						      count * SZ_4K));
	memset16(&model->owner[first], 0, count);
	model->used -= count;
	model->taken[i] = model->taken[--model->nr];
}

/*
 * Test that random operations do what a table of all granules says: a request fails
 * if nothing in it fits, and only then [V3].
 */
static void test_random(struct kunit *test)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	u32 seed = test_seed(test, iova_seed);

	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&model->rnd, seed);
	model->space = new_space(test, SZ_4K, MODEL_FIRST,
				 MODEL_FIRST + MODEL_GRANULES * SZ_4K - 1);

	for (int step = 0; step < 3000; step++) {
		/* Fill it up, and empty it, in turns */
		if (!model->nr || any(model, 100) < (step / 500 % 2 ? 35 : 60))
			model_alloc(test, model);
		else
			model_free(test, model);
		KUNIT_ASSERT_EQ(test, used(test, model->space), model->used);
		cond_resched();
	}
	while (model->nr)
		model_free(test, model);
	KUNIT_EXPECT_EQ(test, used(test, model->space), 0);
}

static struct kunit_case iova_cases[] = {
	KUNIT_CASE(test_masks),
	KUNIT_CASE(test_odd_limits),
	KUNIT_CASE(test_bad_requests),
	KUNIT_CASE(test_small_limit_is_its_own),
	KUNIT_CASE(test_alignments),
	KUNIT_CASE(test_apertures),
	KUNIT_CASE(test_bad_spaces),
	KUNIT_CASE(test_prefer_32bit),
	KUNIT_CASE(test_kept),
	KUNIT_CASE(test_reserve),
	KUNIT_CASE(test_reserve_all),
	KUNIT_CASE(test_late_reservation),
	KUNIT_CASE(test_wrong_frees),
	KUNIT_CASE(test_quarantine),
	KUNIT_CASE(test_next_used),
	KUNIT_CASE(test_exact_hole),
	KUNIT_CASE(test_many_holes),
	KUNIT_CASE(test_out_of_memory),
	KUNIT_CASE_SLOW(test_random),
	{}
};

static struct kunit_suite iova_suite = {
	.name = "iommu_dma_iova",
	.test_cases = iova_cases,
};

kunit_test_suite(iova_suite);

MODULE_DESCRIPTION("Tests of the DMA mapping layer");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
