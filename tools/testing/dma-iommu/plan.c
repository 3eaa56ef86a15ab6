// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random scatterlists, laid out by a plan.
 *
 * What the plan says is checked without doing it again: each byte of the list, in
 * order, has to be where its segment says that it is, and no segment may be what
 * the device cannot do.
 *
 * Usage: plan [--seed N] [--steps N]
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../../drivers/iommu/dma-iommu/sg.h"
#include "world.h"

/* A run has room for fewer pieces than this */
#define ENTRIES 80
#define FEW_ENTRIES 24

static struct iommu_dma_shape shape;
static struct scatterlist list[ENTRIES + 1];
static enum iommu_dma_sg_kind kinds[ENTRIES];

/**
 * struct piece - Memory that is contiguous in IOVA
 * @offset: bytes from the start of the plan's range
 * @vec: the memory
 * @mmio: it is another device's
 */
static struct piece {
	size_t offset;
	struct phys_vec vec;
	bool mmio;
} pieces[ENTRIES];

static unsigned int piece_count;

/* What is reached past the IOMMU has a bus address that says where it is, and is odd */
static dma_addr_t bus_address(const struct scatterlist *sg)
{
	return ~sg->phys;
}

static enum iommu_dma_sg_kind kind_of(void *data, struct scatterlist *sg,
				      dma_addr_t *bus)
{
	if (data != kinds)
		shim_die("the data is another's");
	if (kinds[sg - list] == IOMMU_DMA_SG_BUS)
		*bus = bus_address(sg);
	return kinds[sg - list];
}

static bool takes_iova(unsigned int entry)
{
	return list[entry].length && kinds[entry] != IOMMU_DMA_SG_BUS;
}

static bool is_mmio(unsigned int entry)
{
	return kinds[entry] == IOMMU_DMA_SG_MMIO;
}

/* What entries in a row are long, or a byte less or more: chance seldom comes so close */
static unsigned int pick_max_seg(struct source *source, unsigned int count)
{
	unsigned int first = pick(source, count);
	unsigned int end = first + 1 + pick(source, count - first);
	unsigned int sum = pick(source, 3);

	while (first < end)
		sum += list[first++].length;
	return sum > 1 ? sum - 1 : 1;
}

static void pick_list(struct source *source, unsigned int count)
{
	bool whole = !pick(source, 8);
	phys_addr_t next = SZ_64K;

	shape = (struct iommu_dma_shape){
		.granule = SZ_4K << 2 * pick(source, 3),
		.boundary = ULONG_MAX,
		.max_seg = 1 + pick(source, pick(source, 2) ? SZ_1M : UINT_MAX),
	};
	if (pick(source, 3))
		shape.boundary = (1UL << (10 + pick(source, 23))) - 1;
	if (!pick(source, 3))
		shape.kept = (1UL << pick(source, 22)) - 1;
	memset(kinds, 0, sizeof(kinds));
	if (!pick(source, 3)) {
		shape.kind = kind_of;
		shape.data = kinds;
		for (unsigned int i = 0; i < count; i++)
			kinds[i] = pick(source, 3);
	}

	for (unsigned int i = 0; i < count; i++) {
		/* Often what follows the one before it in memory, too */
		if (pick(source, 2))
			next = pick(source, 1ULL << 40);
		if (whole || !pick(source, 3))
			next &= ~(phys_addr_t)(shape.granule - 1);
		list[i] = (struct scatterlist){
			.phys = next,
			.offset = next & (SZ_64K - 1),
			.length = pick(source, 1 + (1U << pick(source, 20))),
			.dma_length = 123,
			.dma_address = 456,
			.dma_flags = !pick(source, 8),
		};
		if (whole || !pick(source, 4))
			list[i].length &= ~(shape.granule - 1);
		next += list[i].length;
	}
	if (!pick(source, 4))
		shape.max_seg = pick_max_seg(source, count);
}

/* Where the memory is that a device finds at @offset of the range */
static phys_addr_t lookup(size_t offset, size_t *left, bool *mmio)
{
	for (unsigned int i = 0; i < piece_count; i++) {
		const struct piece *piece = &pieces[i];

		if (offset >= piece->offset &&
		    offset - piece->offset < piece->vec.len) {
			*mmio = piece->mmio;
			*left = piece->offset + piece->vec.len - offset;
			return piece->vec.paddr + (offset - piece->offset);
		}
	}
	shim_die("nothing is mapped at %zx", offset);
}

static void check_entry(const struct scatterlist *sg, dma_addr_t iova,
			size_t offset)
{
	size_t left;
	bool mmio;

	if (((iova + offset) ^ sg->phys) & shape.kept)
		shim_die("%zx does not keep bits of its address", offset);
	for (unsigned int done = 0; done < sg->length; done += left) {
		if (lookup(offset + done, &left, &mmio) != sg->phys + done)
			shim_die("other memory is mapped at %zx",
				 offset + done);
		if (mmio != is_mmio(sg - list))
			shim_die("%zx is mapped as the other kind",
				 offset + done);
		if (left > sg->length - done)
			left = sg->length - done;
	}
}

static void check_piece(size_t offset, const struct phys_vec *vec)
{
	if (piece_count == ENTRIES || !vec->len ||
	    (offset | vec->paddr | vec->len) & (shape.granule - 1))
		shim_die("a piece is not what it should be");
}

static void check_runs(const struct iommu_dma_plan *plan)
{
	struct iommu_dma_walk walk;
	struct iommu_dma_run run;
	size_t end = 0;

	piece_count = 0;
	iommu_dma_walk_start(&walk, plan);
	while (iommu_dma_walk_next(&walk, plan, &run)) {
		if (run.offset < end || run.nr > IOMMU_DMA_PIECES_OF_RUN)
			shim_die("a run is not what it should be");
		end = run.offset;
		for (unsigned int i = 0; i < run.nr; i++) {
			check_piece(end, &run.vec[i]);
			pieces[piece_count++] = (struct piece){
				.offset = end,
				.vec = run.vec[i],
				.mmio = run.mmio,
			};
			end += run.vec[i].len;
		}
		if (end != run.offset + run.size)
			shim_die("a run has other pieces than it says");
	}
	if (end != plan->size)
		shim_die("the runs end at %zx, not at %zx", end, plan->size);
}

static bool crosses(u64 first, u64 last)
{
	return first / 2 / (shape.boundary / 2 + 1) !=
	       last / 2 / (shape.boundary / 2 + 1);
}

/* A segment of more than one entry, or whose only one could be elsewhere */
static void check_segment(const struct scatterlist *segment,
			  const struct scatterlist *sg, unsigned int entries)
{
	u64 last = segment->dma_address + segment->dma_length - 1;
	u64 offset = sg->phys & (shape.granule - 1 | shape.kept);

	if (entries > 1 && segment->dma_length > shape.max_seg)
		shim_die("a segment of %x bytes", segment->dma_length);
	/* One entry cannot be helped if what it keeps says where in a block it is */
	if (shape.boundary != ULONG_MAX &&
	    crosses(segment->dma_address, last) &&
	    (entries > 1 || (!crosses(offset, offset + sg->length - 1) &&
			     shape.kept <= shape.boundary)))
		shim_die("a segment leaves its block");
}

static void check_segments(unsigned int count, dma_addr_t iova, int segments)
{
	unsigned int entry = 0, done, entries;
	const struct scatterlist *sg;

	for (int i = 0; i < segments; i++) {
		entries = 0;
		for (done = 0; done < list[i].dma_length;) {
			while (entry < count && !list[entry].length)
				entry++;
			if (entry == count)
				shim_die("more was mapped than there is");
			sg = &list[entry++];
			if (list[i].dma_flags != !takes_iova(sg - list))
				shim_die("a segment is of the other kind");
			if (list[i].dma_flags) {
				done += sg->length;
				if (list[i].dma_address != bus_address(sg))
					shim_die("another's bus address");
				break;
			}
			check_entry(sg, iova,
				    list[i].dma_address - iova + done);
			done += sg->length;
			entries++;
		}
		if (!done || done != list[i].dma_length)
			shim_die("a segment ends within an entry");
		if (!list[i].dma_flags)
			check_segment(&list[i], sg, entries);
	}
	for (; entry < count; entry++)
		if (list[entry].length)
			shim_die("less was mapped than there is");
	for (entry = segments; entry < count; entry++)
		if (list[entry].dma_length || list[entry].dma_flags)
			shim_die("there are more segments than was said");
}

/* Who walks over the entries later finds each where it was put */
static void check_mapped_entries(const struct iommu_dma_plan *plan,
				 unsigned int count, dma_addr_t iova)
{
	struct iommu_dma_mapped_walk mapped;
	struct iommu_dma_entry entry;
	struct iommu_dma_walk walk;
	struct scatterlist *sg;
	dma_addr_t addr;

	iommu_dma_walk_start(&walk, plan);
	iommu_dma_mapped_walk_start(&mapped, list, count);
	for (unsigned int i = 0; i < count; i++) {
		if (!takes_iova(i))
			continue;
		if (!iommu_dma_walk_next_entry(&walk, plan, &entry) ||
		    entry.sg != &list[i] || entry.mmio != is_mmio(i))
			shim_die("entry %u is not in the plan", i);
		if (!iommu_dma_mapped_walk_next(&mapped, &sg, &addr) ||
		    sg != &list[i] || addr != iova + entry.offset)
			shim_die("entry %u is not where it was mapped", i);
	}
	if (iommu_dma_walk_next_entry(&walk, plan, &entry) ||
	    iommu_dma_mapped_walk_next(&mapped, &sg, &addr))
		shim_die("there is an entry more");
}

/* What is unmapped is what was mapped */
static void check_extents(unsigned int count, dma_addr_t iova)
{
	struct scatterlist *sg = list;
	struct iommu_dma_extent extent;
	int left = count;
	size_t sum = 0;

	while (iommu_dma_sg_next_extent(&sg, &left, shape.granule, &extent)) {
		size_t there;
		bool mmio;

		lookup(extent.iova - iova, &there, &mmio);
		lookup(extent.iova - iova + extent.size - 1, &there, &mmio);
		sum += extent.size;
	}
	for (unsigned int i = 0; i < piece_count; i++)
		sum -= pieces[i].vec.len;
	if (sum)
		shim_die("%zx bytes more are unmapped than were mapped", sum);
	for (unsigned int i = 0; i < count; i++)
		if (list[i].dma_flags)
			shim_die("segment %u is still a bus address", i);
}

static void step(struct source *source)
{
	static struct scatterlist before[ENTRIES + 1];
	unsigned int most = pick(source, 8) ? FEW_ENTRIES : ENTRIES;
	unsigned int count = 1 + pick(source, most);
	struct iommu_dma_plan plan;
	dma_addr_t iova;
	u64 sum = 0;
	int ret;

	pick_list(source, count);
	for (unsigned int i = 0; i < count; i++)
		sum += list[i].length;

	memcpy(before, list, sizeof(list));
	ret = iommu_dma_plan_make(&plan, &shape, list, count);
	if (ret != (sum ? 0 : -EINVAL))
		shim_die("error %d", ret);
	if (ret)
		return;
	if (plan.align < shape.granule || plan.align & (plan.align - 1))
		shim_die("an alignment of %zx", plan.align);
	check_runs(&plan);
	if (memcmp(before, list, sizeof(list)))
		shim_die("the list was written to before all was certain");

	if (plan.offset >= plan.align || plan.offset & (shape.granule - 1))
		shim_die("an offset of %zx", plan.offset);
	iova = pick(source, 1000) * plan.align + plan.offset;
	ret = iommu_dma_plan_write(&plan, iova);
	if (ret < 1 || ret > (int)count)
		shim_die("%d segments", ret);
	check_segments(count, iova, ret);
	check_mapped_entries(&plan, count, iova);
	check_extents(count, iova);
}

int main(int argc, char **argv)
{
	unsigned long steps = 100000;
	struct source source;
	u64 seed = time(NULL);

	for (int i = 1; i < argc; i++) {
		if (i + 1 < argc && !strcmp(argv[i], "--seed"))
			seed = strtoull(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "--steps"))
			steps = strtoul(argv[++i], NULL, 0);
		else
			shim_die("usage: plan [--seed N] [--steps N]");
	}
	printf("plan --seed %llu --steps %lu\n", (ullong)seed, steps);
	fflush(stdout);

	source_random(&source, seed);
	while (steps--)
		step(&source);
	return 0;
}
