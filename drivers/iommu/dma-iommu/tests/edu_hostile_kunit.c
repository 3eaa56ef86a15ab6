// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what hostile devices reach: nothing that is not mapped for them.
 *
 * All edu devices of the machine attack at once; where there are more than two, a
 * thousand times. An attack reads or writes where it must not, and nothing may get
 * through: the memory stays as it is, the device has not seen what is in there, and it is
 * one event in the SMMU's queue. Before that, as a control, the same access succeeds
 * while it is allowed to.
 */

#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/of.h>
#include <linux/of_address.h>

#include "../../dma-iommu.h"
#include "edu_hostile.h"
#include "seed.h"

static unsigned int hostile_seed;
module_param(hostile_seed, uint, 0444);
MODULE_PARM_DESC(hostile_seed, "Seed of random tests; 0 for a new one");

/* How often everything is tried, and how often nothing must have got through then */
#define ROUNDS_OF_TWO 1
#define TRIES_OF_TWO 40
#define ROUNDS_OF_MANY 4
#define TRIES_OF_MANY 1000

/* What is mapped of a page where it is less than a granule; HOSTILE_SPOT is in there */
#define PART 0x100
#define PART_SIZE 0x80

/* What memory is filled with before it is taken away, and after that */
#define EARLY 0xdd
#define LATE 0xee

/* No two windows overlap that are aimed at: nor should that of the next one pass by */
#define APART_US 3000

KUNIT_ARRAY_PARAM_DESC(way, hostile_ways, name);

static unsigned int rounds(void)
{
	return 2 * (hostile.nr > 2 ? ROUNDS_OF_MANY : ROUNDS_OF_TWO);
}

/* Take the second page of each target's range away, and the range with it */
static void unlink_second(struct kunit *test)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++) {
		dma_iova_unlink(hostile_dev(target), &target->state, PAGE_SIZE,
				PAGE_SIZE, DMA_BIDIRECTIONAL, 0);
		dma_iova_free(hostile_dev(target), &target->state);
		target->iova += PAGE_SIZE;
		hostile_tell_gone(test, target);
	}
}

/*
 * Test that a device reaches nothing before it is mapped: of a range that is taken,
 * only what is linked, however soon the rest will be. It is linked then, and reached
 * at the same address.
 */
static void test_before(struct kunit *test)
{
	dma_addr_t linked[HOSTILE_MOST], next[HOSTILE_MOST];
	struct hostile_target *target;

	for (unsigned int i = 0; i < rounds(); i++) {
		for (target = hostile.target; target < hostile_end();
		     target++) {
			hostile_take_range(test, target, 2 * PAGE_SIZE);
			hostile_link(test, target, 0, target->memory);
			linked[target - hostile.target] =
				target->iova + HOSTILE_SPOT;
			next[target - hostile.target] =
				target->iova + PAGE_SIZE + HOSTILE_SPOT;
		}
		hostile_expect_through(test, linked, i % 2, HOSTILE_SPOT);
		for (target = hostile.target; target < hostile_end();
		     target++) {
			dma_iova_unlink(hostile_dev(target), &target->state, 0,
					PAGE_SIZE, DMA_BIDIRECTIONAL, 0);
			hostile_tell_gone(test, target);
		}
		hostile_expect_nothing(test, next, i % 2);
		for (target = hostile.target; target < hostile_end(); target++)
			hostile_link(test, target, PAGE_SIZE, target->memory);
		hostile_expect_through(test, next, i % 2, HOSTILE_SPOT);
		unlink_second(test);
	}
}

/* Test that a device reaches nothing any more when it was unmapped, in each way */
static void test_after(struct kunit *test)
{
	const struct hostile_way *way = test->param_value;
	struct hostile_target *target;
	dma_addr_t spots[HOSTILE_MOST];

	for (unsigned int i = 0; i < rounds(); i++) {
		hostile_map(test, way, spots);
		hostile_expect_through(test, spots, i % 2, HOSTILE_SPOT);
		for (target = hostile.target; target < hostile_end();
		     target++) {
			way->unmap(target);
			hostile_tell_gone(test, target);
		}
		hostile_expect_nothing(test, spots, i % 2);
		hostile_let_go(test);
	}
}

/* Test that a device reaches nothing on either side of what is mapped */
static void test_beside(struct kunit *test)
{
	dma_addr_t middle[HOSTILE_MOST], below[HOSTILE_MOST],
		above[HOSTILE_MOST];
	struct hostile_target *target;
	u8 *three[HOSTILE_MOST];

	for (target = hostile.target; target < hostile_end(); target++)
		three[target - hostile.target] =
			edu_make_buffer(test, 4 * PAGE_SIZE);
	for (unsigned int i = 0; i < rounds(); i++) {
		for (target = hostile.target; target < hostile_end();
		     target++) {
			unsigned int at = target - hostile.target;

			target->memory = three[at] + PAGE_SIZE;
			hostile_take_range(test, target, 3 * PAGE_SIZE);
			hostile_link(test, target, PAGE_SIZE, target->memory);
			below[at] = target->iova + PAGE_SIZE - PROBE_SIZE;
			middle[at] = target->iova + PAGE_SIZE + HOSTILE_SPOT;
			above[at] = target->iova + 2 * PAGE_SIZE;
		}
		hostile_expect_through(test, middle, i % 2, HOSTILE_SPOT);
		for (target = hostile.target; target < hostile_end(); target++)
			target->memory -= PAGE_SIZE;
		hostile_expect_nothing(test, below, i % 2);
		for (target = hostile.target; target < hostile_end(); target++)
			target->memory += 2 * PAGE_SIZE;
		hostile_expect_nothing(test, above, i % 2);
		unlink_second(test);
	}
}

/* Map the page of a target, but not where the attacker has its scratch page */
static void map_apart(struct kunit *test, struct hostile_target *target,
		      dma_addr_t scratch)
{
	dma_addr_t taken;

	hostile_ways[0].map(test, target);
	while (target->iova == scratch) {
		hostile_ways[0].unmap(target);
		taken = edu_map(test, target->edu, target->second, PAGE_SIZE,
				DMA_TO_DEVICE);
		hostile_ways[0].map(test, target);
		dma_unmap_single(hostile_dev(target), taken, PAGE_SIZE,
				 DMA_TO_DEVICE);
	}
}

/*
 * Test that an address of one device leads another one nowhere, and in particular not
 * to the first one's memory. Half of them attack the other half.
 */
static void test_other(struct kunit *test)
{
	dma_addr_t own[HOSTILE_MOST] = {}, others[HOSTILE_MOST] = {};
	struct hostile_target *target, *attacker;

	for (unsigned int i = 0; i < rounds(); i++) {
		for (unsigned int at = 0; at < hostile.nr; at++) {
			own[at] = 0;
			others[at] = 0;
		}
		for (unsigned int at = 0; at + 1 < hostile.nr; at += 2) {
			target = &hostile.target[at + i / 2 % 2];
			attacker = &hostile.target[at + !(i / 2 % 2)];
			map_apart(test, target,
				  hostile.scratch[attacker - hostile.target]);
			own[target - hostile.target] =
				target->iova + HOSTILE_SPOT;
			others[attacker - hostile.target] =
				target->iova + HOSTILE_SPOT;
		}
		hostile_expect_through(test, own, i % 2, HOSTILE_SPOT);
		/* They look for it where it is, and each has a neighbour there */
		for (unsigned int at = 0; at + 1 < hostile.nr; at += 2)
			swap(hostile.target[at].memory,
			     hostile.target[at + 1].memory);
		hostile_expect_nothing(test, others, i % 2);
		for (unsigned int at = 0; at + 1 < hostile.nr; at += 2) {
			swap(hostile.target[at].memory,
			     hostile.target[at + 1].memory);
			target = &hostile.target[at + i / 2 % 2];
			hostile_ways[0].unmap(target);
			hostile_tell_gone(test, target);
		}
	}
}

static void wait_until(ktime_t when)
{
	while (ktime_before(ktime_get(), when))
		cpu_relax();
}

/*
 * Have each device begin, and take its page away in the middle of it. What the memory
 * had right after that is kept in the scratch page, and is something else from then on.
 */
static void race(struct kunit *test, const struct hostile_way *way,
		 const dma_addr_t *spots, bool write)
{
	struct hostile_target *target;
	ktime_t begun[HOSTILE_MOST];

	/* Each has a window of its own, while the next one still waits */
	for (target = hostile.target; target < hostile_end(); target++) {
		unsigned int at = target - hostile.target;

		edu_begin(target->edu, spots[at], PROBE_SIZE, write);
		begun[at] = ktime_get();
		wait_until(ktime_add_us(begun[at], APART_US));
	}
	for (target = hostile.target; target < hostile_end(); target++) {
		unsigned int us =
			98500 + prandom_u32_state(&hostile.random) % 2000;

		wait_until(ktime_add_us(begun[target - hostile.target], us));
		way->unmap(target);
		memcpy(target->scratch + PROBE_SIZE,
		       target->memory + HOSTILE_SPOT, PROBE_SIZE);
		memset(target->memory, LATE, PAGE_SIZE);
	}
	for (target = hostile.target; target < hostile_end(); target++)
		edu_end(test, target->edu);
}

/* Did its access come before the end? All of it must have, or nothing. */
static bool came_early(struct kunit *test, const struct hostile_target *target,
		       bool write)
{
	const u8 *kept = target->scratch + PROBE_SIZE;
	bool early;

	if (write) {
		early = !memcmp(kept, &target->mark, PROBE_SIZE);
		if (!early)
			KUNIT_EXPECT_NULL(test,
					  memchr_inv(kept, EARLY, PROBE_SIZE));
	} else {
		early = !memchr_inv(target->scratch, EARLY, PROBE_SIZE);
		if (!early)
			KUNIT_EXPECT_NULL(test, memchr(target->scratch, EARLY,
						       PROBE_SIZE));
		KUNIT_EXPECT_NULL(test,
				  memchr(target->scratch, LATE, PROBE_SIZE));
	}
	KUNIT_EXPECT_NULL(test, memchr_inv(target->memory, LATE, PAGE_SIZE));
	return early;
}

/* One attack of each device, into the window. Returns how many came too late. */
static unsigned int attack_during(struct kunit *test,
				  const struct hostile_way *way,
				  const dma_addr_t *spots, bool write)
{
	u32 before = hostile_events(), after;
	struct hostile_target *target;
	unsigned int late = 0;

	race(test, way, spots, write);
	after = hostile_events();
	if (!write)
		hostile_store(test);
	for (target = hostile.target; target < hostile_end(); target++) {
		bool early = came_early(test, target, write);

		hostile_tell(test, target, write ? "late-write" : "late-read",
			     spots[target - hostile.target],
			     early ? "allowed" : "denied");
		hostile_tell_gone(test, target);
		late += !early;
	}
	if (!write)
		hostile_tell_all(test, hostile.scratch, true, true);
	hostile_expect_events(test, before, after, late);
	return late;
}

/*
 * Test that a device which accesses memory while that is being taken away, in each way,
 * gets all of it, as before, or nothing: when taking away is over, no byte comes
 * through in either direction.
 */
static void test_during(struct kunit *test)
{
	const struct hostile_way *way = test->param_value;
	struct edu_pair *f = test->priv;
	unsigned int late = 0;
	struct hostile_target *target;
	dma_addr_t spots[HOSTILE_MOST];

	for (unsigned int i = 0; i < rounds(); i++) {
		hostile_map(test, way, spots);
		hostile_expect_through(test, spots, i % 2, HOSTILE_SPOT);
		hostile_load(test);
		for (target = hostile.target; target < hostile_end(); target++)
			memset(target->memory, EARLY, PAGE_SIZE);
		late += attack_during(test, way, spots, i % 2);
		hostile_let_go(test);
	}
	f->expected_events += late;
	hostile.tries += late;
	hostile.late += late;
	hostile.early += rounds() * hostile.nr - late;
	kunit_info(test, "%u came before the end, %u after it\n",
		   rounds() * hostile.nr - late, late);
}

/* Map a part of the page that begins below HOSTILE_SPOT, and ends before the page does */
static void map_part(struct kunit *test, dma_addr_t *spots, size_t spot)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++) {
		spots[target - hostile.target] = 0;
		if (target->edu == hostile.target[0].edu)
			continue;
		target->iova = edu_map(test, target->edu, target->memory + PART,
				       PART_SIZE, DMA_BIDIRECTIONAL);
		spots[target - hostile.target] = target->iova - PART + spot;
	}
}

static void unmap_part(struct kunit *test)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++) {
		if (target->edu == hostile.target[0].edu)
			continue;
		dma_unmap_single(hostile_dev(target), target->iova, PART_SIZE,
				 DMA_BIDIRECTIONAL);
		target->iova -= PART;
		hostile_tell_gone(test, target);
	}
}

static void distrust(struct edu *edu)
{
	struct device *dev = edu_dev(edu);

	edu->pdev->untrusted = true;
	iommu_setup_dma_ops(dev, iommu_get_domain_for_dev(dev));
	edu->pdev->untrusted = false;
}

/*
 * Test that a device which nobody trusts reaches its buffer and nothing beside it, below
 * the size of a granule: the IOMMU lets it pass, and it finds other memory there. They
 * stay untrusted, so this is the last case; the first one is trusted by other suites.
 */
static void test_below_granule(struct kunit *test)
{
	dma_addr_t spots[HOSTILE_MOST];
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++)
		if (target->edu != hostile.target[0].edu)
			distrust(target->edu);
	for (unsigned int i = 0; i < rounds(); i++) {
		bool write = i % 2;
		u8 fill, *at;

		hostile_load(test);
		fill = hostile_fill();
		map_part(test, spots, HOSTILE_SPOT);
		hostile_access(test, spots, write, true);
		unmap_part(test);
		if (!write) {
			hostile_store(test);
			hostile_tell_all(test, hostile.scratch, true, true);
		}
		for (target = hostile.target; target < hostile_end();
		     target++) {
			if (!spots[target - hostile.target])
				continue;
			at = target->memory + HOSTILE_SPOT;
			if (write)
				KUNIT_EXPECT_MEMEQ(test, at, &target->mark,
						   PROBE_SIZE);
			else
				KUNIT_EXPECT_NULL(test,
						  memchr_inv(target->scratch,
							     fill, PROBE_SIZE));
		}

		hostile_load(test);
		fill = hostile_fill();
		map_part(test, spots, i / 2 % 2 ? 0 : PART + PART_SIZE);
		hostile_access(test, spots, write, true);
		unmap_part(test);
		if (!write) {
			hostile_store(test);
			hostile_tell_all(test, hostile.scratch, true, true);
		}
		hostile_expect_untouched(test, spots, write, fill);
	}
}

/* Test that all of this was tried as often as it should have been */
static void test_tries(struct kunit *test)
{
	kunit_info(test,
		   "hostile: %u devices, %u tries, %u more came before the end\n",
		   hostile.nr, hostile.tries, hostile.early);
	KUNIT_EXPECT_GE(test, hostile.tries,
			hostile.nr > 2 ? TRIES_OF_MANY : TRIES_OF_TWO);
	/* The window was hit from both sides */
	if (hostile.nr > 2) {
		KUNIT_EXPECT_GT(test, hostile.late, 0);
		KUNIT_EXPECT_GT(test, hostile.early, 0);
	}
}

/* A lazy domain promises less, and has a test of its own: that of who is untrusted is strict */
static void make_strict(struct kunit *test, struct edu *edu)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(edu_dev(edu));

	if (domain->type == IOMMU_DOMAIN_DMA_FQ)
		distrust(edu);
	KUNIT_ASSERT_EQ(test, domain->type, IOMMU_DOMAIN_DMA);
}

static int hostile_init(struct kunit *test)
{
	struct edu_pair *f;
	struct hostile_target *target;
	int ret = edu_init(test);

	if (ret)
		return ret;
	f = test->priv;
	ret = dma_set_mask_and_coherent(edu_dev(&f->wide), NARROW_MASK);
	KUNIT_ASSERT_EQ(test, ret, 0);
	hostile.more_nr =
		edu_take_more(test, hostile.more, ARRAY_SIZE(hostile.more));
	hostile.nr = hostile.more_nr + 2;
	memset(hostile.target, 0, sizeof(hostile.target));
	hostile.target[0].edu = &f->wide;
	hostile.target[1].edu = &f->narrow;
	for (unsigned int i = 0; i < hostile.more_nr; i++)
		hostile.target[i + 2].edu = &hostile.more[i];
	for (target = hostile.target; target < hostile_end(); target++) {
		make_strict(test, target->edu);
		target->memory = edu_make_buffer(test, PAGE_SIZE);
		target->scratch = edu_make_buffer(test, PAGE_SIZE);
		target->second = edu_make_buffer(test, PAGE_SIZE);
		hostile.scratch[target - hostile.target] =
			edu_map(test, target->edu, target->scratch, PAGE_SIZE,
				DMA_BIDIRECTIONAL);
	}
	return 0;
}

static void hostile_exit(struct kunit *test)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++) {
		if (!hostile.scratch[target - hostile.target])
			continue;
		dma_unmap_single(hostile_dev(target),
				 hostile.scratch[target - hostile.target],
				 PAGE_SIZE, DMA_BIDIRECTIONAL);
		hostile.scratch[target - hostile.target] = 0;
	}
	edu_release_more(hostile.more, hostile.more_nr);
	hostile.more_nr = 0;
	hostile.nr = 0;
	edu_exit(test);
}

static int hostile_suite_init(struct kunit_suite *suite)
{
	u32 seed = test_seed(suite, hostile_seed);
	struct device_node *smmu;

	hostile.tries = 0;
	hostile.late = 0;
	hostile.early = 0;
	prandom_seed_state(&hostile.random, seed);
	smmu = of_find_compatible_node(NULL, NULL, "arm,smmu-v3");
	/* Read only: it is its driver's */
	hostile.smmu = smmu ? of_iomap(smmu, 0) : NULL;
	of_node_put(smmu);
	return edu_suite_init(suite);
}

static void hostile_suite_exit(struct kunit_suite *suite)
{
	edu_suite_exit(suite);
	if (hostile.smmu)
		iounmap(hostile.smmu);
	hostile.smmu = NULL;
}

static struct kunit_case hostile_cases[] = {
	KUNIT_CASE_SLOW(test_before),
	KUNIT_CASE_PARAM_ATTR(test_after, way_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_SLOW(test_beside),
	KUNIT_CASE_SLOW(test_other),
	KUNIT_CASE_PARAM_ATTR(test_during, way_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_SLOW(test_below_granule),
	KUNIT_CASE_SLOW(test_tries),
	{}
};

static struct kunit_suite hostile_suite = {
	.name = "iommu_dma_edu_hostile",
	.attr = { .speed = KUNIT_SPEED_SLOW },
	.suite_init = hostile_suite_init,
	.suite_exit = hostile_suite_exit,
	.init = hostile_init,
	.exit = hostile_exit,
	.test_cases = hostile_cases,
};

kunit_test_suite(hostile_suite);
