// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what hostile devices reach: nothing that is not mapped for them.
 *
 * All edu devices of the machine attack at once, as QEMU has each of them wait for
 * 100 ms before it does what it was told; where there are more than two, a thousand
 * times. An attack reads or writes where it must not, and nothing may get through: the
 * memory stays as it is, the device has not seen what is in there, and the SMMU has put
 * one event for each attack into its event queue, the registers of which are read here.
 * Before that, as a control, the same access succeeds while it is allowed to.
 *
 * Each access, and each range that was taken away, is told in the log: lab/hostile-report
 * holds that against what QEMU says.
 */

#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/vmalloc.h>

#include "../../dma-iommu.h"
#include "edu.h"

/* QEMU has room for some more on a bus */
#define MOST 16

/* How often everything is tried, and how often nothing must have got through then */
#define ROUNDS_OF_TWO 1
#define TRIES_OF_TWO 40
#define ROUNDS_OF_MANY 4
#define TRIES_OF_MANY 1000

/* From where its event queue is written, and how large that is */
#define SMMU_EVTQ_BASE 0xa0
#define SMMU_EVTQ_BASE_LOG2SIZE 0x1f
#define SMMU_EVTQ_PROD 0x100a8

/* Where in its page a device attacks */
#define SPOT 0x140

/* What is mapped of a page where it is less than a granule; SPOT is in there */
#define PART 0x100
#define PART_SIZE 0x80

/* What memory is filled with before it is taken away, and after that */
#define EARLY 0xdd
#define LATE 0xee

/* No two windows overlap that are aimed at: nor should that of the next one pass by */
#define APART_US 3000

/**
 * struct target - What one device attacks
 * @edu: the device
 * @memory: a page
 * @iova: where the device sees, or saw, or will see it
 * @page: the same page, if it is the layer that has allocated it
 * @cpu: where the layer says that it is
 * @sgt: the same, of a non-contiguous buffer
 * @sgl: list that it is in
 * @state: range that it is linked to
 * @scratch: a page that stays mapped, see all.scratch
 * @second: a page that is in a list with the other one
 * @mark: what the device has, to write with
 */
struct target {
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

static struct {
	struct edu more[MOST - 2];
	struct target target[MOST];
	dma_addr_t scratch[MOST];
	unsigned int more_nr;
	unsigned int nr;
	void __iomem *smmu;
	struct rnd_state random;
	/* Attacks since the suite has begun; those that came into the window, and before it */
	unsigned int tries;
	unsigned int late;
	unsigned int early;
} all;

static struct device *target_dev(const struct target *target)
{
	return edu_dev(target->edu);
}

static struct target *targets_end(void)
{
	return all.target + all.nr;
}

/* What the event queue says */

static u32 event_prod(void)
{
	return all.smmu ? readl(all.smmu + SMMU_EVTQ_PROD) : 0;
}

/* Between two looks at where the queue is written */
static void expect_events(struct kunit *test, u32 before, u32 after,
			  unsigned int events)
{
	u32 size;

	if (!all.smmu)
		return;
	/* It counts to twice the size of the queue, and has a flag at its top */
	size = 1U << (readl(all.smmu + SMMU_EVTQ_BASE) & SMMU_EVTQ_BASE_LOG2SIZE);
	KUNIT_EXPECT_EQ(test, (after - before) & (2 * size - 1), events);
}

/* What is told in the log */

static void tell(struct kunit *test, const struct target *target,
		 const char *what, dma_addr_t iova, const char *how)
{
	kunit_info(test, "hostile: %s %s %#llx %s\n",
		   pci_name(target->edu->pdev), what, (u64)iova, how);
}

static void tell_gone(struct kunit *test, const struct target *target)
{
	kunit_info(test, "hostile: %s gone %#llx %#lx\n",
		   pci_name(target->edu->pdev), (u64)target->iova, PAGE_SIZE);
}

/* Accesses of all devices at once */

/* @iova: of each target; 0 for none */
static void access_all(struct kunit *test, const dma_addr_t *iova, bool write,
		       bool allowed)
{
	struct edu_pair *f = test->priv;
	u32 before = event_prod();
	struct target *target;
	unsigned int events = 0;

	for (target = all.target; target < targets_end(); target++)
		if (iova[target - all.target])
			edu_begin(target->edu, iova[target - all.target],
				  PROBE_SIZE, write);
	for (target = all.target; target < targets_end(); target++) {
		if (!iova[target - all.target])
			continue;
		edu_end(test, target->edu);
		events += !allowed;
	}
	f->expected_events += events;
	expect_events(test, before, event_prod(), events);
}

static void tell_all(struct kunit *test, const dma_addr_t *iova, bool write,
		     bool allowed)
{
	struct target *target;

	for (target = all.target; target < targets_end(); target++)
		if (iova[target - all.target])
			tell(test, target, write ? "write" : "read",
			     iova[target - all.target],
			     allowed ? "allowed" : "denied");
}

static void access_and_tell(struct kunit *test, const dma_addr_t *iova,
			    bool write, bool allowed)
{
	access_all(test, iova, write, allowed);
	tell_all(test, iova, write, allowed);
}

/* Let each device have something of its own to write with */
static void load_all(struct kunit *test)
{
	struct target *target;

	for (target = all.target; target < targets_end(); target++) {
		/* None of its bytes is one that memory is filled with */
		target->mark = prandom_u32_state(&all.random) & 0x7f7f7f7f;
		memcpy(target->scratch, &target->mark, PROBE_SIZE);
	}
	access_and_tell(test, all.scratch, false, true);
}

/* Ask each device what it has read; it is in its scratch page then */
static void store_all(struct kunit *test)
{
	struct target *target;

	for (target = all.target; target < targets_end(); target++)
		memset(target->scratch, 0, PROBE_SIZE);
	access_all(test, all.scratch, true, true);
}

/* See that an access which is allowed gets through, as a control */
static void expect_through(struct kunit *test, const dma_addr_t *iova,
			   bool write, size_t offset)
{
	struct target *target;

	if (write)
		load_all(test);
	for (target = all.target; target < targets_end(); target++)
		if (iova[target - all.target])
			edu_fill(target->memory, PAGE_SIZE);
	access_and_tell(test, iova, write, true);
	if (!write) {
		store_all(test);
		tell_all(test, all.scratch, true, true);
	}
	for (target = all.target; target < targets_end(); target++) {
		if (!iova[target - all.target])
			continue;
		if (write)
			KUNIT_EXPECT_MEMEQ(test, target->memory + offset,
					   &target->mark, PROBE_SIZE);
		else
			KUNIT_EXPECT_MEMEQ(test, target->scratch,
					   target->memory + offset, PROBE_SIZE);
	}
}

/* Of attacks on memory that was all filled with @fill, see that nothing got through */
static void expect_untouched(struct kunit *test, const dma_addr_t *iova,
			     bool write, u8 fill)
{
	struct target *target;

	for (target = all.target; target < targets_end(); target++) {
		if (!iova[target - all.target])
			continue;
		all.tries++;
		KUNIT_EXPECT_NULL(test,
				  memchr_inv(target->memory, fill, PAGE_SIZE));
		if (!write)
			KUNIT_EXPECT_NULL(test, memchr(target->scratch, fill,
						       PROBE_SIZE));
	}
}

/* A byte that no device has, other than from memory that it has read */
static u8 fill_all(void)
{
	u8 fill = 0x80 + prandom_u32_state(&all.random) % 0x80;
	struct target *target;

	for (target = all.target; target < targets_end(); target++)
		memset(target->memory, fill, PAGE_SIZE);
	return fill;
}

/* See that nothing of an attack gets through to the memory of each target, a page */
static void expect_nothing(struct kunit *test, const dma_addr_t *iova,
			   bool write)
{
	u8 fill;

	load_all(test);
	fill = fill_all();
	access_and_tell(test, iova, write, false);
	if (!write) {
		store_all(test);
		tell_all(test, all.scratch, true, true);
	}
	expect_untouched(test, iova, write, fill);
}

/* Ways to map a page, and to take it away */

static void map_single(struct kunit *test, struct target *target)
{
	target->iova = edu_map(test, target->edu, target->memory, PAGE_SIZE,
			       DMA_BIDIRECTIONAL);
}

static void unmap_single(struct target *target)
{
	dma_unmap_single(target_dev(target), target->iova, PAGE_SIZE,
			 DMA_BIDIRECTIONAL);
}

static void map_list(struct kunit *test, struct target *target)
{
	sg_init_table(target->sgl, 2);
	sg_set_buf(&target->sgl[0], target->memory, PAGE_SIZE);
	sg_set_buf(&target->sgl[1], target->second, PAGE_SIZE);
	KUNIT_ASSERT_GT(test, dma_map_sg(target_dev(target), target->sgl, 2,
					 DMA_BIDIRECTIONAL), 0);
	target->iova = sg_dma_address(&target->sgl[0]);
}

static void unmap_list(struct target *target)
{
	dma_unmap_sg(target_dev(target), target->sgl, 2, DMA_BIDIRECTIONAL);
}

static void link_page(struct kunit *test, struct target *target, size_t offset,
		      void *memory)
{
	struct device *dev = target_dev(target);

	KUNIT_ASSERT_EQ(test, dma_iova_link(dev, &target->state,
					    virt_to_phys(memory), offset,
					    PAGE_SIZE, DMA_BIDIRECTIONAL, 0), 0);
	KUNIT_ASSERT_EQ(test, dma_iova_sync(dev, &target->state, offset,
					    PAGE_SIZE), 0);
}

static void take_range(struct kunit *test, struct target *target, size_t size)
{
	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(target_dev(target),
						   &target->state, 0, size));
	target->iova = target->state.addr;
}

static void map_link(struct kunit *test, struct target *target)
{
	take_range(test, target, PAGE_SIZE);
	link_page(test, target, 0, target->memory);
}

static void unmap_unlink(struct target *target)
{
	dma_iova_unlink(target_dev(target), &target->state, 0, PAGE_SIZE,
			DMA_BIDIRECTIONAL, 0);
	dma_iova_free(target_dev(target), &target->state);
}

static void unmap_destroy(struct target *target)
{
	dma_iova_destroy(target_dev(target), &target->state, PAGE_SIZE,
			 DMA_BIDIRECTIONAL, 0);
}

/* Keep a page of the layer's, so that it is nobody else's when it was freed */
static void hold_page(struct target *target, struct page *page)
{
	get_page(page);
	target->page = page;
	target->memory = page_address(page);
}

static void map_coherent(struct kunit *test, struct target *target)
{
	target->cpu = dma_alloc_coherent(target_dev(target), PAGE_SIZE,
					 &target->iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, target->cpu);
	hold_page(target, is_vmalloc_addr(target->cpu) ?
				  vmalloc_to_page(target->cpu) :
				  virt_to_page(target->cpu));
}

static void unmap_coherent(struct target *target)
{
	dma_free_coherent(target_dev(target), PAGE_SIZE, target->cpu,
			  target->iova);
}

static void map_noncontiguous(struct kunit *test, struct target *target)
{
	target->sgt = dma_alloc_noncontiguous(target_dev(target), PAGE_SIZE,
					      DMA_BIDIRECTIONAL, GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, target->sgt);
	target->iova = sg_dma_address(target->sgt->sgl);
	hold_page(target, sg_page(target->sgt->sgl));
}

static void unmap_noncontiguous(struct target *target)
{
	dma_free_noncontiguous(target_dev(target), PAGE_SIZE, target->sgt,
			       DMA_BIDIRECTIONAL);
}

static const struct way {
	const char *name;
	void (*map)(struct kunit *test, struct target *target);
	void (*unmap)(struct target *target);
} ways[] = {
	{ "single", map_single, unmap_single },
	{ "list", map_list, unmap_list },
	{ "unlink", map_link, unmap_unlink },
	{ "destroy", map_link, unmap_destroy },
	{ "coherent", map_coherent, unmap_coherent },
	{ "noncontiguous", map_noncontiguous, unmap_noncontiguous },
};

KUNIT_ARRAY_PARAM_DESC(way, ways, name);

static void map_all(struct kunit *test, const struct way *way,
		    dma_addr_t *spots)
{
	struct target *target;

	for (target = all.target; target < targets_end(); target++) {
		way->map(test, target);
		spots[target - all.target] = target->iova + SPOT;
	}
}

/* Pages of the layer's are everybody's again */
static void let_go_all(struct kunit *test)
{
	struct target *target;

	for (target = all.target; target < targets_end(); target++) {
		if (!target->page)
			continue;
		put_page(target->page);
		target->page = NULL;
		target->memory = edu_make_buffer(test, PAGE_SIZE);
	}
}

static unsigned int rounds(void)
{
	return 2 * (all.nr > 2 ? ROUNDS_OF_MANY : ROUNDS_OF_TWO);
}

/*
 * Test that a device reaches nothing before it is mapped: of a range that is taken,
 * only what is linked, however soon the rest will be. It is linked then, and reached
 * at the same address.
 */
static void test_before(struct kunit *test)
{
	dma_addr_t linked[MOST], next[MOST];
	struct target *target;

	for (unsigned int i = 0; i < rounds(); i++) {
		for (target = all.target; target < targets_end(); target++) {
			take_range(test, target, 2 * PAGE_SIZE);
			link_page(test, target, 0, target->memory);
			linked[target - all.target] = target->iova + SPOT;
			next[target - all.target] = target->iova + PAGE_SIZE +
						    SPOT;
		}
		expect_through(test, linked, i % 2, SPOT);
		for (target = all.target; target < targets_end(); target++) {
			dma_iova_unlink(target_dev(target), &target->state, 0,
					PAGE_SIZE, DMA_BIDIRECTIONAL, 0);
			tell_gone(test, target);
		}
		expect_nothing(test, next, i % 2);
		for (target = all.target; target < targets_end(); target++)
			link_page(test, target, PAGE_SIZE, target->memory);
		expect_through(test, next, i % 2, SPOT);
		for (target = all.target; target < targets_end(); target++) {
			dma_iova_unlink(target_dev(target), &target->state,
					PAGE_SIZE, PAGE_SIZE, DMA_BIDIRECTIONAL,
					0);
			dma_iova_free(target_dev(target), &target->state);
			target->iova += PAGE_SIZE;
			tell_gone(test, target);
		}
	}
}

/* Test that a device reaches nothing any more when it was unmapped, in each way */
static void test_after(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct target *target;
	dma_addr_t spots[MOST];

	for (unsigned int i = 0; i < rounds(); i++) {
		map_all(test, way, spots);
		expect_through(test, spots, i % 2, SPOT);
		for (target = all.target; target < targets_end(); target++) {
			way->unmap(target);
			tell_gone(test, target);
		}
		expect_nothing(test, spots, i % 2);
		let_go_all(test);
	}
}

/* Test that a device reaches nothing on either side of what is mapped */
static void test_beside(struct kunit *test)
{
	dma_addr_t middle[MOST], below[MOST], above[MOST];
	struct target *target;
	u8 *three[MOST];

	for (target = all.target; target < targets_end(); target++)
		three[target - all.target] =
			edu_make_buffer(test, 4 * PAGE_SIZE);
	for (unsigned int i = 0; i < rounds(); i++) {
		for (target = all.target; target < targets_end(); target++) {
			unsigned int at = target - all.target;

			target->memory = three[at] + PAGE_SIZE;
			take_range(test, target, 3 * PAGE_SIZE);
			link_page(test, target, PAGE_SIZE, target->memory);
			below[at] = target->iova + PAGE_SIZE - PROBE_SIZE;
			middle[at] = target->iova + PAGE_SIZE + SPOT;
			above[at] = target->iova + 2 * PAGE_SIZE;
		}
		expect_through(test, middle, i % 2, SPOT);
		for (target = all.target; target < targets_end(); target++)
			target->memory -= PAGE_SIZE;
		expect_nothing(test, below, i % 2);
		for (target = all.target; target < targets_end(); target++)
			target->memory += 2 * PAGE_SIZE;
		expect_nothing(test, above, i % 2);
		for (target = all.target; target < targets_end(); target++) {
			dma_iova_unlink(target_dev(target), &target->state,
					PAGE_SIZE, PAGE_SIZE, DMA_BIDIRECTIONAL,
					0);
			dma_iova_free(target_dev(target), &target->state);
			target->iova += PAGE_SIZE;
			tell_gone(test, target);
		}
	}
}

/*
 * Test that an address of one device leads another one nowhere, and in particular not
 * to the first one's memory. Half of them attack the other half.
 */
static void test_other(struct kunit *test)
{
	dma_addr_t own[MOST] = {}, others[MOST] = {};
	struct target *target, *attacker;

	for (unsigned int i = 0; i < rounds(); i++) {
		for (unsigned int at = 0; at < all.nr; at++) {
			own[at] = 0;
			others[at] = 0;
		}
		for (unsigned int at = 0; at + 1 < all.nr; at += 2) {
			target = &all.target[at + i / 2 % 2];
			attacker = &all.target[at + !(i / 2 % 2)];
			map_single(test, target);
			own[target - all.target] = target->iova + SPOT;
			others[attacker - all.target] = target->iova + SPOT;
		}
		expect_through(test, own, i % 2, SPOT);
		/* They look for it where it is, and each has a neighbour there */
		for (unsigned int at = 0; at + 1 < all.nr; at += 2)
			swap(all.target[at].memory, all.target[at + 1].memory);
		expect_nothing(test, others, i % 2);
		for (unsigned int at = 0; at + 1 < all.nr; at += 2) {
			swap(all.target[at].memory, all.target[at + 1].memory);
			target = &all.target[at + i / 2 % 2];
			unmap_single(target);
			tell_gone(test, target);
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
static void race(struct kunit *test, const struct way *way,
		 const dma_addr_t *spots, bool write)
{
	struct target *target;
	ktime_t begun[MOST];

	/* Each has a window of its own, while the next one still waits */
	for (target = all.target; target < targets_end(); target++) {
		unsigned int at = target - all.target;

		edu_begin(target->edu, spots[at], PROBE_SIZE, write);
		begun[at] = ktime_get();
		wait_until(ktime_add_us(begun[at], APART_US));
	}
	for (target = all.target; target < targets_end(); target++) {
		unsigned int us = 98500 + prandom_u32_state(&all.random) % 2000;

		wait_until(ktime_add_us(begun[target - all.target], us));
		way->unmap(target);
		memcpy(target->scratch + PROBE_SIZE, target->memory + SPOT,
		       PROBE_SIZE);
		memset(target->memory, LATE, PAGE_SIZE);
	}
	for (target = all.target; target < targets_end(); target++)
		edu_end(test, target->edu);
}

/* Did its access come before the end? All of it must have, or nothing. */
static bool came_early(struct kunit *test, const struct target *target,
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
static unsigned int attack_during(struct kunit *test, const struct way *way,
				  const dma_addr_t *spots, bool write)
{
	u32 before = event_prod(), after;
	struct target *target;
	unsigned int late = 0;

	race(test, way, spots, write);
	after = event_prod();
	if (!write)
		store_all(test);
	for (target = all.target; target < targets_end(); target++) {
		bool early = came_early(test, target, write);

		tell(test, target, write ? "late-write" : "late-read",
		     spots[target - all.target], early ? "allowed" : "denied");
		tell_gone(test, target);
		late += !early;
	}
	if (!write)
		tell_all(test, all.scratch, true, true);
	expect_events(test, before, after, late);
	return late;
}

/*
 * Test that a device which accesses memory while that is being taken away, in each way,
 * gets all of it, as before, or nothing: when taking away is over, no byte comes
 * through in either direction.
 */
static void test_during(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct edu_pair *f = test->priv;
	unsigned int late = 0;
	struct target *target;
	dma_addr_t spots[MOST];

	for (unsigned int i = 0; i < rounds(); i++) {
		map_all(test, way, spots);
		expect_through(test, spots, i % 2, SPOT);
		load_all(test);
		for (target = all.target; target < targets_end(); target++)
			memset(target->memory, EARLY, PAGE_SIZE);
		late += attack_during(test, way, spots, i % 2);
		let_go_all(test);
	}
	f->expected_events += late;
	all.tries += late;
	all.late += late;
	all.early += rounds() * all.nr - late;
	kunit_info(test, "%u came before the end, %u after it\n",
		   rounds() * all.nr - late, late);
}

/* Map a part of the page that begins below SPOT, and ends before the page does */
static void map_part(struct kunit *test, dma_addr_t *spots, size_t spot)
{
	struct target *target;

	for (target = all.target; target < targets_end(); target++) {
		spots[target - all.target] = 0;
		if (target->edu == all.target[0].edu)
			continue;
		target->iova = edu_map(test, target->edu, target->memory + PART,
				       PART_SIZE, DMA_BIDIRECTIONAL);
		spots[target - all.target] = target->iova - PART + spot;
	}
}

static void unmap_part(struct kunit *test)
{
	struct target *target;

	for (target = all.target; target < targets_end(); target++) {
		if (target->edu == all.target[0].edu)
			continue;
		dma_unmap_single(target_dev(target), target->iova, PART_SIZE,
				 DMA_BIDIRECTIONAL);
		target->iova -= PART;
		tell_gone(test, target);
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
	dma_addr_t spots[MOST];
	struct target *target;

	for (target = all.target; target < targets_end(); target++)
		if (target->edu != all.target[0].edu)
			distrust(target->edu);
	for (unsigned int i = 0; i < rounds(); i++) {
		bool write = i % 2;
		u8 fill;

		load_all(test);
		fill = fill_all();
		map_part(test, spots, SPOT);
		access_and_tell(test, spots, write, true);
		unmap_part(test);
		if (!write) {
			store_all(test);
			tell_all(test, all.scratch, true, true);
		}
		for (target = all.target; target < targets_end(); target++) {
			if (!spots[target - all.target])
				continue;
			if (write)
				KUNIT_EXPECT_MEMEQ(test, target->memory + SPOT,
						   &target->mark, PROBE_SIZE);
			else
				KUNIT_EXPECT_NULL(test,
						  memchr_inv(target->scratch,
							     fill, PROBE_SIZE));
		}

		load_all(test);
		fill = fill_all();
		map_part(test, spots, i / 2 % 2 ? 0 : PART + PART_SIZE);
		access_and_tell(test, spots, write, true);
		unmap_part(test);
		if (!write) {
			store_all(test);
			tell_all(test, all.scratch, true, true);
		}
		expect_untouched(test, spots, write, fill);
	}
}

/* Test that all of this was tried as often as it should have been */
static void test_tries(struct kunit *test)
{
	kunit_info(test, "hostile: %u devices, %u tries, %u more came before the end\n",
		   all.nr, all.tries, all.early);
	KUNIT_EXPECT_GE(test, all.tries,
			all.nr > 2 ? TRIES_OF_MANY : TRIES_OF_TWO);
	/* The window was hit from both sides */
	if (all.nr > 2) {
		KUNIT_EXPECT_GT(test, all.late, 0);
		KUNIT_EXPECT_GT(test, all.early, 0);
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
	struct target *target;
	int ret = edu_init(test);

	if (ret)
		return ret;
	f = test->priv;
	KUNIT_ASSERT_EQ(test, dma_set_mask_and_coherent(edu_dev(&f->wide),
							NARROW_MASK), 0);
	all.more_nr = edu_take_more(test, all.more, ARRAY_SIZE(all.more));
	all.nr = all.more_nr + 2;
	memset(all.target, 0, sizeof(all.target));
	all.target[0].edu = &f->wide;
	all.target[1].edu = &f->narrow;
	for (unsigned int i = 0; i < all.more_nr; i++)
		all.target[i + 2].edu = &all.more[i];
	for (target = all.target; target < targets_end(); target++) {
		make_strict(test, target->edu);
		target->memory = edu_make_buffer(test, PAGE_SIZE);
		target->scratch = edu_make_buffer(test, PAGE_SIZE);
		target->second = edu_make_buffer(test, PAGE_SIZE);
		all.scratch[target - all.target] =
			edu_map(test, target->edu, target->scratch, PAGE_SIZE,
				DMA_BIDIRECTIONAL);
	}
	return 0;
}

static void hostile_exit(struct kunit *test)
{
	struct target *target;

	for (target = all.target; target < targets_end(); target++) {
		if (!all.scratch[target - all.target])
			continue;
		dma_unmap_single(target_dev(target),
				 all.scratch[target - all.target], PAGE_SIZE,
				 DMA_BIDIRECTIONAL);
		all.scratch[target - all.target] = 0;
	}
	edu_release_more(all.more, all.more_nr);
	all.more_nr = 0;
	all.nr = 0;
	edu_exit(test);
}

static int hostile_suite_init(struct kunit_suite *suite)
{
	u64 seed = get_random_u64();
	struct device_node *smmu;

	all.tries = 0;
	all.late = 0;
	all.early = 0;
	kunit_info(suite, "seed %llu\n", seed);
	prandom_seed_state(&all.random, seed);
	smmu = of_find_compatible_node(NULL, NULL, "arm,smmu-v3");
	/* Read only: it is its driver's */
	all.smmu = smmu ? of_iomap(smmu, 0) : NULL;
	of_node_put(smmu);
	return edu_suite_init(suite);
}

static void hostile_suite_exit(struct kunit_suite *suite)
{
	edu_suite_exit(suite);
	if (all.smmu)
		iounmap(all.smmu);
	all.smmu = NULL;
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
