// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile devices, as tests use them: all edu devices of the machine at once.
 *
 * Owns what each of them attacks, a page, and how that is mapped and taken away. QEMU has
 * each wait for 100 ms before it does what it was told, so that sixteen take no longer
 * than one. What the SMMU says of an access is read where it says it, in the registers
 * of its event queue, as its driver logs a few events and no more.
 *
 * Each access, and each range that was taken away, is told in the log: lab/hostile-report
 * holds that against what QEMU says.
 */

#include <linux/mm.h>
#include <linux/string_choices.h>
#include <linux/vmalloc.h>

#include "edu_hostile.h"

/* From where the event queue is written, and how large that is */
#define SMMU_EVTQ_BASE 0xa0
#define SMMU_EVTQ_BASE_LOG2SIZE 0x1f
#define SMMU_EVTQ_PROD 0x100a8

struct hostile hostile;

/* What the event queue says */

/**
 * hostile_events() - Where the SMMU writes its event queue next
 *
 * Context: Any context.
 * Return: What hostile_expect_events() takes; 0 where there is no such SMMU.
 */
u32 hostile_events(void)
{
	return hostile.smmu ? readl(hostile.smmu + SMMU_EVTQ_PROD) : 0;
}

/**
 * hostile_expect_events() - See how many events there were
 * @test: the test
 * @before: of hostile_events()
 * @after: the same, later
 * @events: how many there have to be
 *
 * Context: Process context of the test.
 */
void hostile_expect_events(struct kunit *test, u32 before, u32 after,
			   unsigned int events)
{
	u32 size;

	if (!hostile.smmu)
		return;
	/* It counts to twice the size of the queue, and has a flag at its top */
	size = 1U << (readl(hostile.smmu + SMMU_EVTQ_BASE) &
		      SMMU_EVTQ_BASE_LOG2SIZE);
	KUNIT_EXPECT_EQ(test, (after - before) & (2 * size - 1), events);
}

/* What is told in the log */

/**
 * hostile_tell() - Tell an access in the log
 * @test: the test
 * @target: of it
 * @what: "read" or "write", or the same after "late-" where a mapping has just gone
 * @iova: DMA address
 * @how: "allowed" or "denied"
 *
 * Context: Process context of the test.
 */
void hostile_tell(struct kunit *test, const struct hostile_target *target,
		  const char *what, dma_addr_t iova, const char *how)
{
	kunit_info(test, "hostile: %s %s %#llx %s\n",
		   pci_name(target->edu->pdev), what, (u64)iova, how);
}

/**
 * hostile_tell_gone() - Tell in the log that a page was taken away
 * @test: the test
 * @target: whose page
 *
 * Context: Process context of the test.
 */
void hostile_tell_gone(struct kunit *test, const struct hostile_target *target)
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
	u32 before = hostile_events();
	struct hostile_target *target;
	unsigned int events = 0;

	for (target = hostile.target; target < hostile_end(); target++)
		if (iova[target - hostile.target])
			edu_begin(target->edu, iova[target - hostile.target],
				  PROBE_SIZE, write);
	for (target = hostile.target; target < hostile_end(); target++) {
		if (!iova[target - hostile.target])
			continue;
		edu_end(test, target->edu);
		events += !allowed;
	}
	f->expected_events += events;
	hostile_expect_events(test, before, hostile_events(), events);
}

/**
 * hostile_tell_all() - Tell an access of each device
 * @test: the test
 * @iova: DMA address for each; 0 if it made none
 * @write: to memory, and not from it
 * @allowed: it came through
 *
 * Context: Process context of the test.
 */
void hostile_tell_all(struct kunit *test, const dma_addr_t *iova, bool write,
		      bool allowed)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++)
		if (iova[target - hostile.target])
			hostile_tell(test, target, str_write_read(write),
				     iova[target - hostile.target],
				     allowed ? "allowed" : "denied");
}

/**
 * hostile_access() - Let all devices access memory, and tell that
 * @test: the test
 * @iova: DMA address for each; 0 for none
 * @write: to memory, and not from it
 * @allowed: the SMMU has to let it pass
 *
 * Context: Process context of the test, may sleep.
 */
void hostile_access(struct kunit *test, const dma_addr_t *iova, bool write,
		    bool allowed)
{
	access_all(test, iova, write, allowed);
	hostile_tell_all(test, iova, write, allowed);
}

/**
 * hostile_load() - Let each device have something of its own to write with
 * @test: the test
 *
 * Context: Process context of the test, may sleep.
 */
void hostile_load(struct kunit *test)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++) {
		/* None of its bytes is one that memory is filled with */
		target->mark = prandom_u32_state(&hostile.random) & 0x7f7f7f7f;
		memcpy(target->scratch, &target->mark, PROBE_SIZE);
	}
	hostile_access(test, hostile.scratch, false, true);
}

/**
 * hostile_store() - Ask each device what it has read
 * @test: the test
 *
 * It is in the scratch page then. The caller tells it.
 *
 * Context: Process context of the test, may sleep.
 */
void hostile_store(struct kunit *test)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++)
		memset(target->scratch, 0, PROBE_SIZE);
	access_all(test, hostile.scratch, true, true);
}

/**
 * hostile_expect_through() - See that an access gets through, as a control
 * @test: the test
 * @iova: DMA address for each; 0 for none
 * @write: to memory, and not from it
 * @offset: where in its page that is
 *
 * Context: Process context of the test, may sleep.
 */
void hostile_expect_through(struct kunit *test, const dma_addr_t *iova,
			    bool write, size_t offset)
{
	struct hostile_target *target;

	if (write)
		hostile_load(test);
	for (target = hostile.target; target < hostile_end(); target++)
		if (iova[target - hostile.target])
			edu_fill(target->memory, PAGE_SIZE);
	hostile_access(test, iova, write, true);
	if (!write) {
		hostile_store(test);
		hostile_tell_all(test, hostile.scratch, true, true);
	}
	for (target = hostile.target; target < hostile_end(); target++) {
		if (!iova[target - hostile.target])
			continue;
		if (write)
			KUNIT_EXPECT_MEMEQ(test, target->memory + offset,
					   &target->mark, PROBE_SIZE);
		else
			KUNIT_EXPECT_MEMEQ(test, target->scratch,
					   target->memory + offset, PROBE_SIZE);
	}
}

/**
 * hostile_expect_untouched() - See that nothing of attacks got through
 * @test: the test
 * @iova: DMA address for each; 0 for none
 * @write: to memory, and not from it
 * @fill: of hostile_fill(), before
 *
 * Context: Process context of the test.
 */
void hostile_expect_untouched(struct kunit *test, const dma_addr_t *iova,
			      bool write, u8 fill)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++) {
		if (!iova[target - hostile.target])
			continue;
		hostile.tries++;
		KUNIT_EXPECT_NULL(test,
				  memchr_inv(target->memory, fill, PAGE_SIZE));
		if (!write)
			KUNIT_EXPECT_NULL(test, memchr(target->scratch, fill,
						       PROBE_SIZE));
	}
}

/**
 * hostile_fill() - Fill the memory of all targets
 *
 * Context: Process context of the test.
 * Return: with which byte: none that a device has, unless it has read that memory.
 */
u8 hostile_fill(void)
{
	u8 fill = 0x80 + prandom_u32_state(&hostile.random) % 0x80;
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++)
		memset(target->memory, fill, PAGE_SIZE);
	return fill;
}

/**
 * hostile_expect_nothing() - Attack, and see that nothing gets through
 * @test: the test
 * @iova: DMA address for each; 0 for none
 * @write: to memory, and not from it
 *
 * Context: Process context of the test, may sleep.
 */
void hostile_expect_nothing(struct kunit *test, const dma_addr_t *iova,
			    bool write)
{
	u8 fill;

	hostile_load(test);
	fill = hostile_fill();
	hostile_access(test, iova, write, false);
	if (!write) {
		hostile_store(test);
		hostile_tell_all(test, hostile.scratch, true, true);
	}
	hostile_expect_untouched(test, iova, write, fill);
}

/* Ways to map a page, and to take it away */

static void map_single(struct kunit *test, struct hostile_target *target)
{
	target->iova = edu_map(test, target->edu, target->memory, PAGE_SIZE,
			       DMA_BIDIRECTIONAL);
}

static void unmap_single(struct hostile_target *target)
{
	dma_unmap_single(hostile_dev(target), target->iova, PAGE_SIZE,
			 DMA_BIDIRECTIONAL);
}

static void map_list(struct kunit *test, struct hostile_target *target)
{
	sg_init_table(target->sgl, 2);
	sg_set_buf(&target->sgl[0], target->memory, PAGE_SIZE);
	sg_set_buf(&target->sgl[1], target->second, PAGE_SIZE);
	KUNIT_ASSERT_GT(test,
			dma_map_sg(hostile_dev(target), target->sgl, 2,
				   DMA_BIDIRECTIONAL),
			0);
	target->iova = sg_dma_address(&target->sgl[0]);
}

static void unmap_list(struct hostile_target *target)
{
	dma_unmap_sg(hostile_dev(target), target->sgl, 2, DMA_BIDIRECTIONAL);
}

/**
 * hostile_link() - Link a page to a range
 * @test: the test
 * @target: whose range
 * @offset: where in the range
 * @memory: the page
 *
 * Context: Process context of the test.
 */
void hostile_link(struct kunit *test, struct hostile_target *target,
		  size_t offset, void *memory)
{
	struct device *dev = hostile_dev(target);

	KUNIT_ASSERT_EQ(test,
			dma_iova_link(dev, &target->state, virt_to_phys(memory),
				      offset, PAGE_SIZE, DMA_BIDIRECTIONAL, 0),
			0);
	KUNIT_ASSERT_EQ(test,
			dma_iova_sync(dev, &target->state, offset, PAGE_SIZE),
			0);
}

/**
 * hostile_take_range() - Take a range of IOVA
 * @test: the test
 * @target: whose
 * @size: bytes
 *
 * Context: Process context of the test.
 */
void hostile_take_range(struct kunit *test, struct hostile_target *target,
			size_t size)
{
	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(hostile_dev(target),
						   &target->state, 0, size));
	target->iova = target->state.addr;
}

static void map_link(struct kunit *test, struct hostile_target *target)
{
	hostile_take_range(test, target, PAGE_SIZE);
	hostile_link(test, target, 0, target->memory);
}

static void unmap_unlink(struct hostile_target *target)
{
	dma_iova_unlink(hostile_dev(target), &target->state, 0, PAGE_SIZE,
			DMA_BIDIRECTIONAL, 0);
	dma_iova_free(hostile_dev(target), &target->state);
}

static void unmap_destroy(struct hostile_target *target)
{
	dma_iova_destroy(hostile_dev(target), &target->state, PAGE_SIZE,
			 DMA_BIDIRECTIONAL, 0);
}

/* Keep a page of the layer's, so that it is nobody else's when it was freed */
static void hold_page(struct hostile_target *target, struct page *page)
{
	get_page(page);
	target->page = page;
	target->memory = page_address(page);
}

static void map_coherent(struct kunit *test, struct hostile_target *target)
{
	target->cpu = dma_alloc_coherent(hostile_dev(target), PAGE_SIZE,
					 &target->iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, target->cpu);
	hold_page(target, is_vmalloc_addr(target->cpu) ?
				  vmalloc_to_page(target->cpu) :
				  virt_to_page(target->cpu));
}

static void unmap_coherent(struct hostile_target *target)
{
	dma_free_coherent(hostile_dev(target), PAGE_SIZE, target->cpu,
			  target->iova);
}

static void map_noncontiguous(struct kunit *test, struct hostile_target *target)
{
	target->sgt = dma_alloc_noncontiguous(hostile_dev(target), PAGE_SIZE,
					      DMA_BIDIRECTIONAL, GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, target->sgt);
	target->iova = sg_dma_address(target->sgt->sgl);
	hold_page(target, sg_page(target->sgt->sgl));
}

static void unmap_noncontiguous(struct hostile_target *target)
{
	dma_free_noncontiguous(hostile_dev(target), PAGE_SIZE, target->sgt,
			       DMA_BIDIRECTIONAL);
}

/* Each of them */
const struct hostile_way hostile_ways[HOSTILE_WAYS] = {
	{ "single", map_single, unmap_single },
	{ "list", map_list, unmap_list },
	{ "unlink", map_link, unmap_unlink },
	{ "destroy", map_link, unmap_destroy },
	{ "coherent", map_coherent, unmap_coherent },
	{ "noncontiguous", map_noncontiguous, unmap_noncontiguous },
};

/**
 * hostile_map() - Map the pages of all targets
 * @test: the test
 * @way: how
 * @spots: set to where each device attacks
 *
 * Context: Process context of the test, may sleep.
 */
void hostile_map(struct kunit *test, const struct hostile_way *way,
		 dma_addr_t *spots)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++) {
		way->map(test, target);
		spots[target - hostile.target] = target->iova + HOSTILE_SPOT;
	}
}

/**
 * hostile_let_go() - Let the pages that the layer has allocated be everybody's again
 * @test: the test
 *
 * Context: Process context of the test.
 */
void hostile_let_go(struct kunit *test)
{
	struct hostile_target *target;

	for (target = hostile.target; target < hostile_end(); target++) {
		if (!target->page)
			continue;
		put_page(target->page);
		target->page = NULL;
		target->memory = edu_make_buffer(test, PAGE_SIZE);
	}
}
