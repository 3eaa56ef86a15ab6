// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the plan of a scatterlist.
 *
 * Proves that the plan, its runs, the DMA segments that it writes and the
 * extents that are read back from them are all the same layout, and that this
 * layout is the one that the model below comes to. The model is written to be
 * obvious, not fast: it tries one granule after the other for a place that does
 * not cross a boundary, and keeps a table of which granule of memory lies
 * behind which granule of IOVA.
 *
 * No byte of memory is touched: the pages are made from page frame numbers, and
 * most of them do not exist.
 */

#include <kunit/test.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../sg.h"
#include "seed.h"

static unsigned int sg_seed;
module_param(sg_seed, uint, 0444);
MODULE_PARM_DESC(sg_seed, "Seed of random tests; 0 for a new one");

static unsigned int lists = 4000;
module_param(lists, uint, 0444);
MODULE_PARM_DESC(lists, "How many random lists to try");

/* What the table of the model holds where nothing is mapped */
#define HOLE U64_MAX

/* Where the range of most hand-made cases starts: aligned to 16 GiB */
#define BASE 0x7ffc00000000ULL

/* An entry: its length may be 0, and its offset may be more than a page */
struct entry {
	u64 phys;
	unsigned int length;
	unsigned int pages_back;
};

/* A DMA segment, relative to the start of the range */
struct segment {
	u64 offset;
	u64 length;
};

#define MAX_ENTRIES 8

/* The model of a list's layout */
struct model {
	struct iommu_dma_shape shape;
	u64 block; /* size of a boundary block, 0 for none */
	u64 size, granules; /* of the range */
	u64 *memory; /* per granule of the range: physical address */
	u64 *found; /* a second table, filled by what is tested */
};

static bool failed(struct kunit *test)
{
	return READ_ONCE(test->status) == KUNIT_FAILURE;
}

static bool pages_can_be_faked(void)
{
	/* Else page_to_phys() looks into the page, or asks if it exists */
	return (IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP) ||
		IS_ENABLED(CONFIG_FLATMEM)) &&
	       !IS_ENABLED(CONFIG_DEBUG_VIRTUAL);
}

static void set_entry(struct scatterlist *sg, const struct entry *entry)
{
	u64 offset = offset_in_page(entry->phys) +
		     (u64)entry->pages_back * PAGE_SIZE;

	sg_set_page(sg, pfn_to_page(PHYS_PFN(entry->phys - offset)),
		    entry->length, offset);
}

/* What a driver that uses a list again may have left in it */
static void set_stale(struct scatterlist *sg)
{
	sg_dma_address(sg) = (dma_addr_t)0xdead0123dead0123ULL;
	sg_dma_len(sg) = 0xbad;
	sg_dma_mark_bus_address(sg);
	sg_dma_mark_swiotlb(sg);
}

/*
 * A list of @n entries and one more, which does not belong to what is mapped
 * and must never change.
 */
static struct scatterlist *make_list(struct kunit *test, struct sg_table *table,
				     const struct entry *entries, int n)
{
	static const struct entry guard = { 0x123456000ULL, SZ_4K };
	struct scatterlist *sg;
	int i;

	KUNIT_ASSERT_EQ(test, sg_alloc_table(table, n + 1, GFP_KERNEL), 0);
	for_each_sg(table->sgl, sg, n + 1, i) {
		set_entry(sg, i < n ? &entries[i] : &guard);
		set_stale(sg);
	}
	return table->sgl;
}

static struct scatterlist *save_list(struct scatterlist *sgl, int n)
{
	struct scatterlist *copy = kvzalloc_objs(*copy, n);
	struct scatterlist *sg;
	int i;

	if (copy)
		for_each_sg(sgl, sg, n, i)
			memcpy(&copy[i], sg, sizeof(*sg));
	return copy;
}

/* True if no byte of the list has changed since it was saved */
static bool list_is_same(struct scatterlist *sgl, int n,
			 const struct scatterlist *copy)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, n, i)
		if (memcmp(&copy[i], sg, sizeof(*sg)))
			return false;
	return true;
}

/* True if what the caller put into the list has not changed */
static bool input_is_same(struct scatterlist *sgl, int n,
			  const struct scatterlist *copy)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, n, i)
		if (copy[i].page_link != sg->page_link ||
		    copy[i].offset != sg->offset ||
		    copy[i].length != sg->length)
			return false;
	return true;
}

/* The model */

static bool model_crosses(const struct model *model, u64 first, u64 length)
{
	return model->block &&
	       div64_u64(first, model->block) !=
		       div64_u64(first + length - 1, model->block);
}

/* Where an entry begins if those before it end at @end */
static u64 model_start(const struct model *model, u64 end, u64 skip, u64 length)
{
	u64 start;

	if (skip + length > model->block)
		return end;
	start = end;
	while (model_crosses(model, start + skip, length))
		start += model->shape.granule;
	return start;
}

/* Lay out the list; with a table, note what is where as well */
static void model_lay_out(struct model *model, struct scatterlist *sgl, int n)
{
	u64 granule = model->shape.granule;
	struct scatterlist *sg;
	u64 end = 0;
	int i;

	for_each_sg(sgl, sg, n, i) {
		u64 skip, done, start;

		if (!sg->length)
			continue;
		div64_u64_rem(sg_phys(sg), granule, &skip);
		start = model_start(model, end, skip, sg->length);
		for (done = 0; done < skip + sg->length; done += granule)
			if (model->memory)
				model->memory[div64_u64(start + done, granule)] =
					sg_phys(sg) - skip + done;
		end = start + done;
	}
	model->size = end;
	model->granules = div64_u64(end, granule);
}

static void model_destroy(struct model *model)
{
	kvfree(model->memory);
	kvfree(model->found);
}

static bool model_init(struct model *model, const struct iommu_dma_shape *shape,
		       struct scatterlist *sgl, int n)
{
	*model = (struct model){
		.shape = *shape,
	};
	if (shape->boundary != ULONG_MAX)
		model->block = (u64)shape->boundary + 1;
	model_lay_out(model, sgl, n);

	model->memory = kvcalloc(model->granules, sizeof(u64), GFP_KERNEL);
	model->found = kvcalloc(model->granules, sizeof(u64), GFP_KERNEL);
	if (!model->memory || !model->found) {
		model_destroy(model);
		return false;
	}
	memset64(model->memory, HOLE, model->granules);
	model_lay_out(model, sgl, n);
	return true;
}

static u64 model_align(const struct model *model)
{
	u64 align = model->shape.granule;

	while (align < model->size && (!model->block || align < model->block))
		align *= 2;
	return align;
}

/* The physical address that a device reaches at @offset of the range */
static u64 model_translate(const struct model *model, u64 offset)
{
	u64 skip, index = div64_u64_rem(offset, model->shape.granule, &skip);

	if (index >= model->granules || model->memory[index] == HOLE)
		return HOLE;
	return model->memory[index] + skip;
}

/* The checks. None of them asserts, so that the caller's tables are freed. */

/* A piece of memory, @len bytes at @phys, is mapped at @offset: note it */
static bool note_piece(struct kunit *test, struct model *model, size_t offset,
		       const struct phys_vec *piece)
{
	u64 granule = model->shape.granule;
	u64 first = div64_u64(offset, granule);
	u64 count = div64_u64(piece->len, granule);

	if (!count || first * granule != offset ||
	    count * granule != piece->len ||
	    !IS_ALIGNED((u64)piece->paddr, granule) ||
	    count > model->granules || first > model->granules - count) {
		KUNIT_FAIL(test, "bad piece %#zx + %#zx -> %pa", offset,
			   piece->len, &piece->paddr);
		return false;
	}
	for (u64 i = 0; i < count; i++)
		model->found[first + i] = piece->paddr + i * granule;
	return true;
}

/* The runs are the table: nothing more, nothing less, nothing twice */
static void check_runs(struct kunit *test, struct model *model,
		       const struct iommu_dma_plan *plan)
{
	phys_addr_t next_phys = 0;
	struct iommu_dma_walk walk;
	struct iommu_dma_run run;
	size_t end = 0;
	u64 i;

	memset64(model->found, HOLE, model->granules);
	iommu_dma_walk_start(&walk, plan);
	while (iommu_dma_walk_next(&walk, plan, &run)) {
		KUNIT_EXPECT_GE(test, run.offset, end);
		for (unsigned int p = 0; p < run.nr; p++) {
			size_t offset = p ? end : run.offset;

			if (end && offset == end &&
			    run.vec[p].paddr == next_phys)
				KUNIT_FAIL(test,
					   "piece at %#zx should belong to the last",
					   offset);
			if (!note_piece(test, model, offset, &run.vec[p]))
				return;
			end = offset + run.vec[p].len;
			next_phys = run.vec[p].paddr + run.vec[p].len;
		}
		KUNIT_EXPECT_EQ(test, end, run.offset + run.size);
	}
	KUNIT_EXPECT_FALSE(test, iommu_dma_walk_next(&walk, plan, &run));

	for (i = 0; i < model->granules; i++)
		if (model->found[i] != model->memory[i]) {
			KUNIT_FAIL(test,
				   "runs: granule %llu is %#llx, not %#llx", i,
				   model->found[i], model->memory[i]);
			return;
		}
}

/* Reading the segment's addresses in order gives the entry's bytes in order */
static void check_bytes(struct kunit *test, const struct model *model,
			u64 offset, struct scatterlist *sg)
{
	u64 done = 0;

	while (done < sg->length) {
		u64 phys = model_translate(model, offset + done), skip;

		if (phys != (u64)sg_phys(sg) + done) {
			KUNIT_FAIL(test, "%#llx leads to %#llx, not to %#llx",
				   offset + done, phys,
				   (u64)sg_phys(sg) + done);
			return;
		}
		div64_u64_rem(offset + done, model->shape.granule, &skip);
		done += model->shape.granule - skip;
	}
}

static struct scatterlist *next_with_bytes(struct scatterlist *sg, int *left)
{
	while (*left && !sg->length) {
		sg = sg_next(sg);
		(*left)--;
	}
	return *left ? sg : NULL;
}

/*
 * The segments are made of whole entries, are as long as they may be, and none
 * breaks a limit unless it is one entry that does.
 */
static void check_segments(struct kunit *test, const struct model *model,
			   struct scatterlist *sgl, int n, u64 iova, int segs)
{
	unsigned int max_seg = model->shape.max_seg;
	struct scatterlist *seg, *sg = sgl;
	u64 prev = 0, prev_len = 0;
	int i, left = n;

	for_each_sg(sgl, seg, segs, i) {
		u64 addr = sg_dma_address(seg), len = sg_dma_len(seg);
		u64 done = 0;
		int parts = 0;

		sg = next_with_bytes(sg, &left);
		if (!sg || !len) {
			KUNIT_FAIL(test, "segment %d stands for nothing", i);
			return;
		}
		if (prev_len && prev + prev_len == addr &&
		    prev_len + sg->length <= max_seg &&
		    !model_crosses(model, prev, prev_len + sg->length))
			KUNIT_FAIL(test, "segment %d should belong to the last",
				   i);

		while (done < len && (sg = next_with_bytes(sg, &left))) {
			check_bytes(test, model, addr - iova + done, sg);
			if (failed(test))
				return;
			done += sg->length;
			parts++;
			sg = sg_next(sg);
			left--;
		}
		KUNIT_EXPECT_EQ_MSG(test, done, len, "segment %d", i);
		if (parts > 1 && len > max_seg)
			KUNIT_FAIL(test, "segment %d has %#llx bytes", i, len);
		if (parts > 1 && model_crosses(model, addr, len))
			KUNIT_FAIL(test, "segment %d, %#llx + %#llx, crosses",
				   i, addr, len);
		prev = addr;
		prev_len = len;
	}
	if (left && next_with_bytes(sg, &left))
		KUNIT_FAIL(test, "%d entries are in no segment", left);
}

/* Nothing that was in the list before can be taken for a result */
static void check_no_stale(struct kunit *test, struct scatterlist *sgl, int n,
			   int segs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, n, i) {
		if (sg_dma_is_bus_address(sg) || sg_dma_is_swiotlb(sg))
			KUNIT_FAIL(test, "entry %d keeps a stale flag", i);
		if (i >= segs && sg_dma_len(sg))
			KUNIT_FAIL(test, "unused entry %d has a DMA length", i);
		if (failed(test))
			return;
	}
}

/* The extents are the table as well, apart from what is behind it */
static void check_extents(struct kunit *test, struct model *model,
			  struct scatterlist *sgl, int n, u64 iova)
{
	u64 granule = model->shape.granule, end = 0, i;
	struct iommu_dma_extent extent;
	struct scatterlist *sg = sgl;
	int left = n;

	memset64(model->found, HOLE, model->granules);
	while (iommu_dma_sg_next_extent(&sg, &left, granule, &extent)) {
		u64 offset = extent.iova - iova;
		u64 first = div64_u64(offset, granule);
		u64 count = div64_u64(extent.size, granule);

		if (!count || first * granule != offset ||
		    count * granule != extent.size || count > model->granules ||
		    first > model->granules - count) {
			KUNIT_FAIL(test, "bad extent %pad + %#zx", &extent.iova,
				   extent.size);
			return;
		}
		if (end && offset <= end)
			KUNIT_FAIL(test, "extent at %#llx after one to %#llx",
				   offset, end);
		end = offset + extent.size;
		memset64(model->found + first, 0, count);
	}
	KUNIT_EXPECT_FALSE(test, iommu_dma_sg_next_extent(&sg, &left, granule,
							  &extent));

	for (i = 0; i < model->granules; i++)
		if (model->found[i] != (model->memory[i] == HOLE ? HOLE : 0)) {
			KUNIT_FAIL(test, "extents: granule %llu is wrong", i);
			return;
		}
}

/* One way from the list to the plan, to the segments, and back to extents */
static void check_plan(struct kunit *test, struct model *model,
		       struct scatterlist *sgl, int n, u64 where,
		       const struct scatterlist *copy)
{
	struct iommu_dma_plan plan;
	u64 iova;
	int segs;

	KUNIT_EXPECT_EQ(test, iommu_dma_plan_make(&plan, &model->shape, sgl, n),
			0);
	if (failed(test))
		return;
	KUNIT_EXPECT_EQ(test, plan.size, model->size);
	KUNIT_EXPECT_EQ(test, plan.align, model_align(model));
	check_runs(test, model, &plan);
	KUNIT_EXPECT_TRUE_MSG(test, list_is_same(sgl, n + 1, copy),
			      "planning wrote to the list");
	if (failed(test))
		return;

	iova = ALIGN_DOWN(where, (u64)plan.align);
	segs = iommu_dma_plan_write(&plan, iova);
	KUNIT_EXPECT_GE(test, segs, 1);
	KUNIT_EXPECT_LE(test, segs, n);
	KUNIT_EXPECT_TRUE_MSG(test, input_is_same(sgl, n, copy),
			      "a page, an offset or a length changed");
	if (failed(test))
		return;
	check_no_stale(test, sgl, n, segs);
	check_segments(test, model, sgl, n, iova, segs);
	check_extents(test, model, sgl, n, iova);
}

/* All of the above for one list, whose DMA fields carry something stale */
static void check_list(struct kunit *test, const struct iommu_dma_shape *shape,
		       struct scatterlist *sgl, int n, u64 where)
{
	struct scatterlist *copy = save_list(sgl, n + 1);
	struct scatterlist *guard;
	struct model model;
	int i;

	if (!copy || !model_init(&model, shape, sgl, n)) {
		KUNIT_FAIL(test, "out of memory");
		kvfree(copy);
		return;
	}
	check_plan(test, &model, sgl, n, where, copy);

	for_each_sg(sgl, guard, n, i)
		;
	KUNIT_EXPECT_TRUE_MSG(test, list_is_same(guard, 1, &copy[n]),
			      "the entry after the last one changed");
	model_destroy(&model);
	kvfree(copy);
}

/* Cases made by hand */

struct plan_case {
	const char *name;
	struct iommu_dma_shape shape;
	struct entry entries[MAX_ENTRIES];
	int n;
	u64 size;
	u64 align;
	int pieces;
	struct segment segments[MAX_ENTRIES];
	int segs;
	bool needs_64bit;
};

#define ENTRIES(...)                \
	.entries = { __VA_ARGS__ }, \
	.n = ARRAY_SIZE(((struct entry[]){ __VA_ARGS__ }))

#define SEGMENTS(...)                \
	.segments = { __VA_ARGS__ }, \
	.segs = ARRAY_SIZE(((struct segment[]){ __VA_ARGS__ }))

#define GIB(n) (0x40000000ULL * (n))

/* clang-format off */
static const struct plan_case plan_cases[] = {
	{
		.name = "one page",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000, SZ_4K }),
		.size = SZ_4K, .align = SZ_4K, .pieces = 1,
		SEGMENTS({ 0, SZ_4K }),
	}, {
		.name = "physical address 0",
		.shape = { SZ_4K, U32_MAX, SZ_64K },
		ENTRIES({ 0, SZ_4K }, { SZ_4K, SZ_4K }),
		.size = SZ_8K, .align = SZ_8K, .pieces = 1,
		SEGMENTS({ 0, SZ_8K }),
	}, {
		.name = "S1: offset 5000 in a page, granule 4K",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000 + 5000, SZ_4K, 1 }),
		.size = SZ_8K, .align = SZ_8K, .pieces = 1,
		SEGMENTS({ 5000 - SZ_4K, SZ_4K }),
	}, {
		.name = "S1: offset 5000 in a page, granule 16K",
		.shape = { SZ_16K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000 + 5000, SZ_4K, 1 }),
		.size = SZ_16K, .align = SZ_16K, .pieces = 1,
		SEGMENTS({ 5000, SZ_4K }),
	}, {
		.name = "an offset of many pages",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80123456, 0xbab, 0x123 }, { 0x90000fff, 2, 7 }),
		.size = 4 * SZ_4K, .align = SZ_16K, .pieces = 2,
		SEGMENTS({ 0x456, 0xbab }, { 0x2fff, 2 }),
	}, {
		.name = "S3: contiguous in memory",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000, SZ_4K }, { 0x80001000, SZ_8K }),
		.size = 3 * SZ_4K, .align = SZ_16K, .pieces = 1,
		SEGMENTS({ 0, 3 * SZ_4K }),
	}, {
		.name = "S3: scattered pages become one segment",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000, SZ_4K }, { 0x70000000, SZ_4K },
			{ 0x60000000, SZ_4K }),
		.size = 3 * SZ_4K, .align = SZ_16K, .pieces = 3,
		SEGMENTS({ 0, 3 * SZ_4K }),
	}, {
		.name = "S3: head and tail inside a granule",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000e00, 0x200 }, { 0x70000000, SZ_4K },
			{ 0x60000000, 0x100 }),
		.size = 3 * SZ_4K, .align = SZ_16K, .pieces = 3,
		SEGMENTS({ 0xe00, 0x1300 }),
	}, {
		.name = "S3: no segment across a gap in the data",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000, SZ_4K - 1 }, { 0x80001000, SZ_4K },
			{ 0x80002001, SZ_4K - 1 }),
		.size = 3 * SZ_4K, .align = SZ_16K, .pieces = 1,
		SEGMENTS({ 0, SZ_4K - 1 }, { SZ_4K, SZ_4K },
			 { SZ_8K + 1, SZ_4K - 1 }),
	}, {
		.name = "S3: two halves of one granule",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000, SZ_2K }, { 0x80000800, SZ_2K }),
		.size = SZ_8K, .align = SZ_8K, .pieces = 2,
		SEGMENTS({ 0, SZ_2K }, { SZ_4K + SZ_2K, SZ_2K }),
	}, {
		.name = "S3: as much as max_seg, exactly",
		.shape = { SZ_4K, ULONG_MAX, SZ_8K },
		ENTRIES({ 0x80000000, SZ_4K }, { 0x80001000, SZ_4K },
			{ 0x80002000, SZ_4K }),
		.size = 3 * SZ_4K, .align = SZ_16K, .pieces = 1,
		SEGMENTS({ 0, SZ_8K }, { SZ_8K, SZ_4K }),
	}, {
		.name = "S3: one byte more than max_seg",
		.shape = { SZ_4K, ULONG_MAX, SZ_8K - 1 },
		ENTRIES({ 0x80000000, SZ_4K }, { 0x80001000, SZ_4K },
			{ 0x80002000, SZ_4K - 1 }),
		.size = 3 * SZ_4K, .align = SZ_16K, .pieces = 1,
		SEGMENTS({ 0, SZ_4K }, { SZ_4K, SZ_8K - 1 }),
	}, {
		.name = "S3: an entry longer than max_seg",
		.shape = { SZ_4K, ULONG_MAX, SZ_4K },
		ENTRIES({ 0x80000000, SZ_16K }, { 0x80004000, SZ_2K },
			{ 0x90000800, SZ_2K }),
		.size = SZ_16K + SZ_8K, .align = SZ_32K, .pieces = 2,
		SEGMENTS({ 0, SZ_16K }, { SZ_16K, SZ_2K },
			 { SZ_16K + SZ_4K + SZ_2K, SZ_2K }),
	}, {
		.name = "S4: 5 x 1 GiB, max_seg UINT_MAX",
		.shape = { SZ_4K, ULONG_MAX, UINT_MAX },
		ENTRIES({ GIB(4), SZ_1G }, { GIB(5), SZ_1G }, { GIB(6), SZ_1G },
			{ GIB(7), SZ_1G }, { GIB(8), SZ_1G }),
		.size = GIB(5), .align = GIB(8), .pieces = 1,
		SEGMENTS({ 0, GIB(3) }, { GIB(3), GIB(2) }),
		.needs_64bit = true,
	}, {
		.name = "S4: 5 x 1 GiB, boundary U32_MAX",
		.shape = { SZ_64K, U32_MAX, UINT_MAX },
		ENTRIES({ GIB(4), SZ_1G }, { GIB(5), SZ_1G }, { GIB(6), SZ_1G },
			{ GIB(7), SZ_1G }, { GIB(8), SZ_1G }),
		.size = GIB(5), .align = GIB(4), .pieces = 1,
		SEGMENTS({ 0, GIB(3) }, { GIB(3), GIB(1) }, { GIB(4), GIB(1) }),
		.needs_64bit = true,
	}, {
		.name = "S5: a pad after 4 GiB - 4K",
		.shape = { SZ_4K, U32_MAX, UINT_MAX },
		ENTRIES({ GIB(4), U32_MAX - SZ_4K + 1 }, { 0x80000000, SZ_8K }),
		.size = GIB(4) + SZ_8K, .align = GIB(4), .pieces = 2,
		SEGMENTS({ 0, GIB(4) - SZ_4K }, { GIB(4), SZ_8K }),
		.needs_64bit = true,
	}, {
		.name = "S5: 4 GiB - 4K and what fills it up",
		.shape = { SZ_4K, U32_MAX, UINT_MAX },
		ENTRIES({ GIB(4), U32_MAX - SZ_4K + 1 }, { 0x80000000, SZ_4K }),
		.size = GIB(4), .align = GIB(4), .pieces = 2,
		SEGMENTS({ 0, GIB(4) - SZ_4K }, { GIB(4) - SZ_4K, SZ_4K }),
		.needs_64bit = true,
	}, {
		.name = "the longest entry, not aligned",
		.shape = { SZ_4K, ULONG_MAX, UINT_MAX },
		ENTRIES({ GIB(4) + 1, UINT_MAX }, { 0x80000fff, 2 }),
		.size = GIB(4) + SZ_8K, .align = GIB(8), .pieces = 2,
		SEGMENTS({ 1, UINT_MAX }, { GIB(4) + SZ_4K - 1, 2 }),
		.needs_64bit = true,
	}, {
		.name = "boundary: a pad, and a hole",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, 0xf000 }, { 0x8000f000, SZ_8K }),
		.size = SZ_64K + SZ_8K, .align = SZ_64K, .pieces = 2,
		SEGMENTS({ 0, 0xf000 }, { SZ_64K, SZ_8K }),
	}, {
		.name = "boundary: three granules in the middle",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, 0x3000 }, { 0x90000000, 0xe000 },
			{ 0xa0000000, SZ_8K }),
		.size = SZ_128K, .align = SZ_64K, .pieces = 3,
		SEGMENTS({ 0, 0x3000 }, { SZ_64K, SZ_64K }),
	}, {
		.name = "boundary: reached, not crossed",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, SZ_32K }, { 0x80008000, SZ_32K },
			{ 0x80010000, SZ_4K }),
		.size = SZ_64K + SZ_4K, .align = SZ_64K, .pieces = 1,
		SEGMENTS({ 0, SZ_64K }, { SZ_64K, SZ_4K }),
	}, {
		.name = "boundary: data that ends with the block",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, 0xe000 }, { 0x90000ffe, SZ_4K + 2 },
			{ 0xa0000000, SZ_4K }),
		.size = SZ_64K + SZ_4K, .align = SZ_64K, .pieces = 3,
		SEGMENTS({ 0, 0xe000 }, { 0xeffe, SZ_4K + 2 },
			 { SZ_64K, SZ_4K }),
	}, {
		.name = "boundary: data one byte past the block",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, 0xe000 }, { 0x90000ffe, SZ_4K + 3 },
			{ 0xa0000000, SZ_4K }),
		.size = SZ_64K + SZ_16K, .align = SZ_64K, .pieces = 3,
		SEGMENTS({ 0, 0xe000 }, { SZ_64K + 0xffe, SZ_4K + 3 },
			 { SZ_64K + 0x3000, SZ_4K }),
	}, {
		.name = "boundary: an entry of one block",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, SZ_4K }, { 0x80001000, SZ_64K }),
		.size = SZ_128K, .align = SZ_64K, .pieces = 2,
		SEGMENTS({ 0, SZ_4K }, { SZ_64K, SZ_64K }),
	}, {
		.name = "boundary: an entry of one block, not aligned",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, SZ_4K }, { 0x90000001, SZ_64K }),
		.size = SZ_64K + SZ_8K, .align = SZ_64K, .pieces = 2,
		SEGMENTS({ 0, SZ_4K }, { SZ_4K + 1, SZ_64K }),
	}, {
		.name = "boundary: an entry larger than a block",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, SZ_4K }, { 0x80001000, SZ_128K },
			{ 0x80021000, SZ_4K }),
		.size = SZ_128K + SZ_8K, .align = SZ_64K, .pieces = 1,
		SEGMENTS({ 0, SZ_4K }, { SZ_4K, SZ_128K },
			 { SZ_128K + SZ_4K, SZ_4K }),
	}, {
		.name = "boundary: a pad after a large entry",
		.shape = { SZ_16K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, SZ_64K + SZ_32K },
			{ 0x80018000, SZ_32K + 1 }),
		.size = SZ_128K + SZ_32K + SZ_16K, .align = SZ_64K, .pieces = 2,
		SEGMENTS({ 0, SZ_64K + SZ_32K }, { SZ_128K, SZ_32K + 1 }),
	}, {
		.name = "boundary: one granule",
		.shape = { SZ_4K, SZ_4K - 1, SZ_1M },
		ENTRIES({ 0x80000000, SZ_4K }, { 0x80001000, SZ_2K },
			{ 0x80001800, SZ_2K }, { 0x80002800, SZ_4K }),
		.size = 5 * SZ_4K, .align = SZ_4K, .pieces = 2,
		SEGMENTS({ 0, SZ_4K }, { SZ_4K, SZ_2K },
			 { SZ_8K + SZ_2K, SZ_2K },
			 { 3 * SZ_4K + SZ_2K, SZ_4K }),
	}, {
		.name = "boundary: less than a granule",
		.shape = { SZ_4K, SZ_2K - 1, SZ_1M },
		ENTRIES({ 0x80000800, SZ_2K }, { 0x90000000, SZ_2K },
			{ 0xa0000700, 0x200 }, { 0xb0000900, 0x100 }),
		.size = 4 * SZ_4K, .align = SZ_4K, .pieces = 4,
		SEGMENTS({ SZ_2K, SZ_2K }, { SZ_4K, SZ_2K },
			 { SZ_8K + 0x700, 0x200 }, { 0x3900, 0x100 }),
	}, {
		.name = "boundary: one byte",
		.shape = { SZ_4K, 0, SZ_1M },
		ENTRIES({ 0x80000000, 1 }, { 0x90000fff, 1 },
			{ 0xa0000000, 1 }),
		.size = 3 * SZ_4K, .align = SZ_4K, .pieces = 3,
		SEGMENTS({ 0, 1 }, { SZ_8K - 1, 1 }, { SZ_8K, 1 }),
	}, {
		.name = "boundary: larger than the list",
		.shape = { SZ_4K, SZ_1M - 1, SZ_1M },
		ENTRIES({ 0x80000000, SZ_8K }, { 0x90000000, SZ_4K }),
		.size = 3 * SZ_4K, .align = SZ_16K, .pieces = 2,
		SEGMENTS({ 0, 3 * SZ_4K }),
	}, {
		.name = "entries without bytes",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000fff, 0 }, { 0x80000000, SZ_4K },
			{ 0x70000123, 0 }, { 0x80001000, SZ_4K },
			{ 0, 0 }, { 0, 0 }),
		.size = SZ_8K, .align = SZ_8K, .pieces = 1,
		SEGMENTS({ 0, SZ_8K }),
	}, {
		.name = "an entry without bytes at a boundary",
		.shape = { SZ_4K, SZ_64K - 1, SZ_1M },
		ENTRIES({ 0x80000000, SZ_64K }, { 0x80010000, 0 },
			{ 0x90000000, 0x100 }),
		.size = SZ_64K + SZ_4K, .align = SZ_64K, .pieces = 2,
		SEGMENTS({ 0, SZ_64K }, { SZ_64K, 0x100 }),
	},
};

/* clang-format on */

KUNIT_ARRAY_PARAM_DESC(plan, plan_cases, name);

static int count_pieces(const struct iommu_dma_plan *plan)
{
	struct iommu_dma_walk walk;
	struct iommu_dma_run run;
	int pieces = 0;

	iommu_dma_walk_start(&walk, plan);
	while (iommu_dma_walk_next(&walk, plan, &run))
		pieces += run.nr;
	return pieces;
}

/*
 * Test that a list made by hand gets the size, the alignment, the number of
 * pieces and exactly the segments that are written beside it [S1]. Guards against what
 * 809eac54cdd6 [S3] brought, and ab2cbeb0ed30 [S4] and 1c8f6308e557 [S5] mended.
 */
static void test_case_by_hand(struct kunit *test)
{
	const struct plan_case *c = test->param_value;
	struct sg_table table;
	struct iommu_dma_plan plan;
	struct scatterlist *sg;
	int i, ret, segs;

	if (c->needs_64bit && BITS_PER_LONG < 64)
		kunit_skip(test, "needs a size_t of 64 bits");

	sg = make_list(test, &table, c->entries, c->n);
	ret = iommu_dma_plan_make(&plan, &c->shape, sg, c->n);
	KUNIT_EXPECT_EQ(test, ret, 0);
	if (ret)
		goto out;
	KUNIT_EXPECT_EQ(test, plan.size, c->size);
	KUNIT_EXPECT_EQ(test, plan.align, c->align);
	KUNIT_EXPECT_EQ(test, count_pieces(&plan), c->pieces);

	segs = iommu_dma_plan_write(&plan, BASE);
	KUNIT_EXPECT_EQ(test, segs, c->segs);
	for_each_sg(table.sgl, sg, min(segs, c->segs), i) {
		KUNIT_EXPECT_EQ_MSG(test, sg_dma_address(sg),
				    BASE + c->segments[i].offset, "segment %d",
				    i);
		KUNIT_EXPECT_EQ_MSG(test, sg_dma_len(sg), c->segments[i].length,
				    "segment %d", i);
	}
out:
	sg_free_table(&table);
}

/*
 * Test that the same lists agree with the model, wherever the range begins: at
 * 0, in the middle, or close to the end of the address space.
 */
static void test_case_by_model(struct kunit *test)
{
	static const u64 where[] = { 0, BASE, U64_MAX - GIB(8) };
	const struct plan_case *c = test->param_value;
	struct sg_table table;
	struct scatterlist *sg;
	int i, j;

	if (c->needs_64bit && BITS_PER_LONG < 64)
		kunit_skip(test, "needs a size_t of 64 bits");

	make_list(test, &table, c->entries, c->n);
	for (i = 0; i < ARRAY_SIZE(where) && !failed(test); i++) {
		for_each_sg(table.sgl, sg, c->n, j)
			set_stale(sg);
		check_list(test, &c->shape, table.sgl, c->n, where[i]);
	}
	sg_free_table(&table);
}

struct refused_case {
	const char *name;
	struct iommu_dma_shape shape;
	struct entry entries[MAX_ENTRIES];
	int n;
	int nents;
	int error;
};

/* A granule of which eight are more than a size_t can hold, and half of that */
#define HUGE BIT(BITS_PER_LONG - 3)

/* clang-format off */
/* Entries that take one and two of them */
#define ONE { 0, 1 }
#define TWO { HUGE - 1, 2 }

static const struct refused_case refused_cases[] = {
	{
		.name = "S8: no entries",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000, SZ_4K }),
		.nents = 0, .error = -EINVAL,
	}, {
		.name = "S8: fewer than no entries",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000, SZ_4K }),
		.nents = -1, .error = -EINVAL,
	}, {
		.name = "S8: one entry without bytes",
		.shape = { SZ_4K, ULONG_MAX, SZ_64K },
		ENTRIES({ 0x80000000, 0 }),
		.nents = 1, .error = -EINVAL,
	}, {
		.name = "S8: three entries without bytes",
		.shape = { SZ_4K, SZ_64K - 1, SZ_64K },
		ENTRIES({ 0x80000fff, 0 }, { 0, 0 }, { 0x90000000, 0 },
			{ 0xa0000000, SZ_4K }),
		.nents = 3, .error = -EINVAL,
	}, {
		.name = "half of the address space",
		.shape = { HUGE, ULONG_MAX, SZ_64K },
		ENTRIES(TWO, TWO),
		.nents = 2, .error = 0,
	}, {
		.name = "more than half of the address space",
		.shape = { HUGE, ULONG_MAX, SZ_64K },
		ENTRIES(TWO, TWO, ONE),
		.nents = 3, .error = -EOVERFLOW,
	}, {
		.name = "all of the address space",
		.shape = { HUGE, ULONG_MAX, SZ_64K },
		ENTRIES(TWO, TWO, TWO, TWO),
		.nents = 4, .error = -EOVERFLOW,
	}, {
		.name = "more than all of the address space",
		.shape = { HUGE, ULONG_MAX, SZ_64K },
		ENTRIES(TWO, TWO, TWO, TWO, ONE),
		.nents = 5, .error = -EOVERFLOW,
	}, {
		.name = "S5: half of it with a pad",
		.shape = { HUGE, 2 * HUGE - 1, SZ_64K },
		ENTRIES(ONE, TWO),
		.nents = 2, .error = 0,
	}, {
		.name = "S5: more than half of it with a pad",
		.shape = { HUGE, 2 * HUGE - 1, SZ_64K },
		ENTRIES(ONE, TWO, ONE),
		.nents = 3, .error = -EOVERFLOW,
	}, {
		.name = "S5: a pad to the end of it",
		.shape = { HUGE, 2 * HUGE - 1, SZ_64K },
		ENTRIES(TWO, TWO, TWO, ONE, TWO),
		.nents = 5, .error = -EOVERFLOW,
	},
};

/* clang-format on */

KUNIT_ARRAY_PARAM_DESC(refused, refused_cases, name);

/*
 * Test that a list without a byte is -EINVAL [S8], one that does not fit in a
 * size_t is -EOVERFLOW, and both are byte for byte what they were. Guards against
 * what 07b48ac4bbe5 mended [S2].
 */
static void test_refused(struct kunit *test)
{
	const struct refused_case *c = test->param_value;
	struct scatterlist *sgl, *copy;
	struct iommu_dma_plan plan;
	struct sg_table table;

	if (c->shape.granule == HUGE && BITS_PER_LONG < 64)
		kunit_skip(test, "needs a size_t of 64 bits");

	sgl = make_list(test, &table, c->entries, c->n);
	copy = save_list(sgl, c->n + 1);
	if (copy) {
		KUNIT_EXPECT_EQ(test,
				iommu_dma_plan_make(&plan, &c->shape, sgl,
						    c->nents),
				c->error);
		KUNIT_EXPECT_TRUE(test, list_is_same(sgl, c->n + 1, copy));
	}
	KUNIT_EXPECT_NOT_NULL(test, copy);
	kvfree(copy);
	sg_free_table(&table);
}

/* Test that a list of no entries is not even looked at: it may be NULL [S8]. */
static void test_no_list(struct kunit *test)
{
	const struct iommu_dma_shape shape = { SZ_4K, ULONG_MAX, SZ_64K };
	struct iommu_dma_plan plan;

	KUNIT_EXPECT_EQ(test, iommu_dma_plan_make(&plan, &shape, NULL, 0),
			-EINVAL);
}

/*
 * Test that what a list carried before does not show in what it carries after:
 * a long result, then a short one for another device, leave nothing of the
 * first behind [S11].
 */
static void test_list_used_again(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 0x80000000, SZ_4K },
		{ 0x90000000, SZ_4K },
		{ 0x80001000, SZ_4K },
		{ 0x90001000, SZ_4K },
	};
	const struct iommu_dma_shape narrow = { SZ_4K, SZ_4K - 1, SZ_4K };
	const struct iommu_dma_shape wide = { SZ_4K, ULONG_MAX, SZ_1M };
	struct iommu_dma_plan plan;
	struct scatterlist *sg;
	struct sg_table table;
	int i, n = ARRAY_SIZE(entries);

	sg = make_list(test, &table, entries, n);
	KUNIT_EXPECT_EQ(test, iommu_dma_plan_make(&plan, &narrow, sg, n), 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_plan_write(&plan, BASE), n);
	check_no_stale(test, table.sgl, n, n);

	KUNIT_EXPECT_EQ(test, iommu_dma_plan_make(&plan, &wide, sg, n), 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_plan_write(&plan, BASE + SZ_1M), 1);
	check_no_stale(test, table.sgl, n, 1);
	KUNIT_EXPECT_EQ(test, sg_dma_address(sg), BASE + SZ_1M);
	KUNIT_EXPECT_EQ(test, sg_dma_len(sg), SZ_16K);

	/* As for_each_sg() users that do not know the count read it */
	for_each_sg(table.sgl, sg, n, i)
		KUNIT_EXPECT_EQ(test, !!sg_dma_len(sg), i < 1);
	sg_free_table(&table);
}

/*
 * Test that extents come from what was written to the list, and from nothing
 * else: a hole parts them, a limit that split segments does not, and entries
 * from the first unused one on are not read.
 */
static void test_extents(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 0x80000800, SZ_2K },	{ 0x90000000, SZ_4K },
		{ 0xa0000000, 0xe001 }, { 0xb0000fff, 1 },
		{ 0xc0000000, 0 },
	};
	const struct iommu_dma_shape shape = { SZ_4K, SZ_64K - 1, SZ_4K };
	int left = ARRAY_SIZE(entries);
	struct iommu_dma_extent extent;
	struct iommu_dma_plan plan;
	struct scatterlist *sg;
	struct sg_table table;

	sg = make_list(test, &table, entries, left);
	KUNIT_EXPECT_EQ(test, iommu_dma_plan_make(&plan, &shape, sg, left), 0);
	KUNIT_EXPECT_EQ(test, iommu_dma_plan_write(&plan, BASE), 4);

	KUNIT_EXPECT_TRUE(test,
			  iommu_dma_sg_next_extent(&sg, &left, SZ_4K, &extent));
	KUNIT_EXPECT_EQ(test, extent.iova, BASE);
	KUNIT_EXPECT_EQ(test, extent.size, SZ_8K);
	KUNIT_EXPECT_TRUE(test,
			  iommu_dma_sg_next_extent(&sg, &left, SZ_4K, &extent));
	KUNIT_EXPECT_EQ(test, extent.iova, BASE + SZ_64K);
	KUNIT_EXPECT_EQ(test, extent.size, SZ_64K);
	KUNIT_EXPECT_FALSE(test, iommu_dma_sg_next_extent(&sg, &left, SZ_4K,
							  &extent));
	sg_free_table(&table);
}

/*
 * Test that a list of which only a part is mapped is read and written only so
 * far, also where its arrays are chained.
 */
static void test_part_of_a_long_list(struct kunit *test)
{
	const struct iommu_dma_shape shape = { SZ_4K, SZ_64K - 1, SZ_1M };
	int i, n = 2 * SG_MAX_SINGLE_ALLOC + 5;
	struct entry *entries;

	entries = kunit_kcalloc(test, n, sizeof(*entries), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, entries);
	for (i = 0; i < n; i++)
		entries[i] = (struct entry){
			.phys = 0x80000000 + i * SZ_64K,
			.length = 1 + (i * 997) % SZ_16K,
		};

	for (i = 1; i <= n && !failed(test);
	     i += i < SG_MAX_SINGLE_ALLOC - 3 ? 31 : 1) {
		struct sg_table table;

		make_list(test, &table, entries, i);
		check_list(test, &shape, table.sgl, i, BASE);
		sg_free_table(&table);
	}
}

/* Random lists */

static u64 random_below(struct rnd_state *rnd, u64 end)
{
	u64 value = ((u64)prandom_u32_state(rnd) << 32) |
		    prandom_u32_state(rnd);
	u64 rest;

	div64_u64_rem(value, end, &rest);
	return rest;
}

/* 1 to 2^@max_bits: small and large numbers are equally likely */
static u64 random_size(struct rnd_state *rnd, int max_bits)
{
	return 1 + random_below(rnd, BIT_ULL(random_below(rnd, max_bits + 1)));
}

static bool one_in(struct rnd_state *rnd, u32 n)
{
	return !random_below(rnd, n);
}

static struct iommu_dma_shape random_shape(struct rnd_state *rnd)
{
	static const size_t granules[] = { SZ_4K, SZ_16K, SZ_64K };
	struct iommu_dma_shape shape = {
		.granule = granules[random_below(rnd, ARRAY_SIZE(granules))],
		.boundary = GENMASK(15 + random_below(rnd, 17), 0),
		.max_seg = random_size(rnd, 32) - 1,
	};

	if (one_in(rnd, 8))
		shape.boundary = ULONG_MAX;
	else if (one_in(rnd, 8))
		shape.boundary = GENMASK(random_below(rnd, 16), 0);
	if (one_in(rnd, 4))
		shape.max_seg = UINT_MAX;
	else if (one_in(rnd, 2) || shape.max_seg < SZ_4K)
		shape.max_seg = random_size(rnd, 10) * shape.granule;
	return shape;
}

static void random_entry(struct rnd_state *rnd, struct entry *entry, u64 after,
			 u64 granule, u64 budget)
{
	unsigned int bits = ilog2(granule);

	/* Often where the last one ended, or in the granule after it */
	if (after && one_in(rnd, 2))
		entry->phys = one_in(rnd, 4) ? after : round_up(after, granule);
	else
		entry->phys = random_below(rnd, BIT_ULL(44));
	if (one_in(rnd, 2))
		entry->phys = round_up(entry->phys, granule);

	entry->length =
		min3(random_size(rnd, bits + 16), budget, (u64)UINT_MAX);
	/* Often up to the end of a granule, so that the next one can join */
	if (one_in(rnd, 2))
		entry->length = round_up(entry->phys + entry->length, granule) -
				entry->phys;
	if (one_in(rnd, 16))
		entry->length = 0;

	entry->pages_back = random_below(rnd, 20);
	if (entry->phys < (u64)(entry->pages_back + 1) * PAGE_SIZE)
		entry->pages_back = 0;
}

/* Fills @entries with at most @max; at least one of them has bytes */
static int random_entries(struct rnd_state *rnd, struct entry *entries, int max,
			  u64 granule)
{
	/* Granules of the table, that is memory and time: mostly few */
	u64 budget = granule * random_size(rnd, one_in(rnd, 16) ? 17 : 11);
	u64 after = 0, bytes = 0;
	int n = 0;

	while (n < max && (bytes < budget || one_in(rnd, 4))) {
		struct entry *entry = &entries[n++];

		random_entry(rnd, entry, after, granule, budget);
		after = entry->phys + entry->length;
		bytes += entry->length + granule / 2;
	}
	if (!entries[n - 1].length)
		entries[n - 1].length = 1;
	return n;
}

static void print_list(struct kunit *test, const struct iommu_dma_shape *shape,
		       const struct entry *entries, int n)
{
	int i;

	kunit_err(test, "granule %#zx boundary %#lx max_seg %#x entries %d\n",
		  shape->granule, shape->boundary, shape->max_seg, n);
	for (i = 0; i < min(n, 64); i++)
		kunit_err(test, "  %#llx + %#x\n", entries[i].phys,
			  entries[i].length);
}

/*
 * Test that for any list, granule, boundary and max_seg: no segment crosses the
 * boundary or exceeds max_seg unless it is one entry that does; the segments'
 * bytes, one after the other, are the entries' bytes; runs and extents cover
 * what the entries need and nothing else. Guards against what 809eac54cdd6 brought
 * [S3].
 */
static void test_random_lists(struct kunit *test)
{
	const int max = SG_MAX_SINGLE_ALLOC + 20;
	u32 seed = test_seed(test, sg_seed);
	struct entry *entries;
	struct rnd_state rnd;
	unsigned int i;

	kunit_info(test, "%u lists\n", lists);
	prandom_seed_state(&rnd, seed);
	entries = kunit_kcalloc(test, max, sizeof(*entries), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, entries);

	for (i = 0; i < lists; i++) {
		struct iommu_dma_shape shape = random_shape(&rnd);
		int n = random_entries(&rnd, entries, max, shape.granule);
		struct sg_table table;

		make_list(test, &table, entries, n);
		check_list(test, &shape, table.sgl, n,
			   random_below(&rnd, BIT_ULL(48)));
		sg_free_table(&table);
		if (failed(test)) {
			kunit_err(test, "list %u of seed %u\n", i, seed);
			print_list(test, &shape, entries, n);
			return;
		}
	}
}

static int sg_init(struct kunit *test)
{
	if (!pages_can_be_faked())
		kunit_skip(test, "a page of this kernel must exist");
	return 0;
}

static struct kunit_case sg_cases[] = {
	KUNIT_CASE_PARAM(test_case_by_hand, plan_gen_params),
	KUNIT_CASE_PARAM_ATTR(test_case_by_model, plan_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM(test_refused, refused_gen_params),
	KUNIT_CASE(test_no_list),
	KUNIT_CASE(test_list_used_again),
	KUNIT_CASE(test_extents),
	KUNIT_CASE(test_part_of_a_long_list),
	KUNIT_CASE_SLOW(test_random_lists),
	{}
};

static struct kunit_suite sg_suite = {
	.name = "iommu_dma_sg",
	.init = sg_init,
	.test_cases = sg_cases,
};

kunit_test_suite(sg_suite);

MODULE_DESCRIPTION("Tests of the plan of a scatterlist");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
