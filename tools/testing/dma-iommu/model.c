// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random steps in spaces of all kinds, each against its model.
 *
 * Usage: model [--seed N] [--steps N] [--kind N]
 *
 * Prints its seed; the same seed does the same again. VERBOSE=1 prints each
 * step as well.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "world.h"

/* What no space can be made of */
static void check_invalid(void)
{
	struct iommu_dma_space space = {};

	shim_page_size = SZ_4K;
	if (iommu_dma_space_init(&space, SZ_64K, 0, U64_MAX) != -EINVAL ||
	    iommu_dma_space_init(&space, SZ_4K, 0, SZ_4K - 1) != -EINVAL ||
	    iommu_dma_space_init(&space, SZ_4K, 1, 2 * SZ_4K - 2) != -EINVAL ||
	    iommu_dma_space_init(&space, SZ_4K, SZ_8K, SZ_4K) != -EINVAL ||
	    iommu_dma_space_init(&space, SZ_4K, U64_MAX, U64_MAX) != -EINVAL)
		shim_die("a space was made of nothing");
	iommu_dma_space_destroy(&space);
	if (shim_live())
		shim_die("a space that was not made left memory behind");
}

static bool has_chunks(const struct iommu_dma_zone *zone, unsigned int cpu)
{
	for (unsigned int class = 0; class < IOMMU_DMA_CLASSES; class++)
		if (per_cpu_ptr(zone->slots, cpu)->chunk[class])
			return true;
	return false;
}

/* The chunks of a CPU that has gone are taken up by the others in passing */
static void check_adoption(void)
{
	struct iommu_dma_space space = {};
	struct iommu_dma_request request = { .limit = U32_MAX };
	dma_addr_t iova;

	if (iommu_dma_space_init(&space, SZ_4K, 0, U32_MAX))
		shim_die("no space");
	shim_set_cpu(SHIM_CPUS - 1);
	for (request.size = SZ_4K; request.size <= SZ_1M; request.size *= 16)
		iommu_dma_space_alloc(&space, &request, &iova);
	if (!has_chunks(&space.low, SHIM_CPUS - 1))
		shim_die("a CPU has no chunks");

	shim_set_cpu(0);
	shim_set_online(SHIM_CPUS - 1, false);
	request.size = SZ_2M;
	for (unsigned int i = 0; i < 2 * SHIM_CPUS; i++)
		iommu_dma_space_alloc(&space, &request, &iova);
	if (has_chunks(&space.low, SHIM_CPUS - 1))
		shim_die("a CPU that has gone still has its chunks");
	shim_set_online(SHIM_CPUS - 1, true);
	iommu_dma_space_destroy(&space);
}

/* Fill half of a space from all CPUs, in several sizes; gives back what it took */
static void fill_and_empty(struct iommu_dma_space *space, long *live)
{
	enum { MOST = 40000 };
	static struct {
		dma_addr_t iova;
		size_t size;
	} taken[MOST];
	struct iommu_dma_request request = { .limit = U32_MAX };

	for (unsigned int i = 0; i < MOST; i++) {
		shim_set_cpu(i % SHIM_CPUS);
		request.size = SZ_4K * (1 + i % 20);
		if (i % 1000 == 0)
			request.size = SZ_4M + SZ_4K;
		if (iommu_dma_space_alloc(space, &request, &taken[i].iova))
			shim_die("no room for half of a space");
		taken[i].size = request.size;
	}
	*live = shim_live();
	for (unsigned int i = 0; i < MOST; i++) {
		/* In another order, and by other CPUs */
		unsigned int at = (unsigned int)((u64)i * 7919 % MOST);

		shim_set_cpu(i / 3 % SHIM_CPUS);
		if (!iommu_dma_space_free(space, taken[at].iova,
					  taken[at].size))
			shim_die("what was taken cannot be given back");
	}
	shim_set_cpu(0);
}

/*
 * After a peak all room is to be had again, in one piece, and the memory that it took
 * is at most what the peak needed, however many there are [V10]
 */
static void check_peak(void)
{
	struct iommu_dma_space space = {};
	struct iommu_dma_request request = { .limit = U32_MAX,
					     .size = 3ULL * SZ_1G };
	dma_addr_t iova;
	long first, again;

	if (iommu_dma_space_init(&space, SZ_4K, 0, U32_MAX))
		shim_die("no space");
	fill_and_empty(&space, &first);
	for (unsigned int round = 0; round < 4; round++) {
		if (shim_live() > first)
			shim_die("%ld bytes live after a peak of %ld",
				 shim_live(), first);
		if (iommu_dma_space_alloc(&space, &request, &iova))
			shim_die("a peak has left the room in pieces");
		iommu_dma_space_free(&space, iova, request.size);
		fill_and_empty(&space, &again);
		if (again > first + first / 16)
			shim_die("a peak takes %ld bytes, and %ld later", first,
				 again);
	}
	iommu_dma_space_destroy(&space);
	if (shim_live())
		shim_die("%ld bytes were left behind", shim_live());
}

/* A run, which is the only room there is, is not given back in parts */
static void check_parts_of(struct iommu_dma_space *space, dma_addr_t first,
			   size_t size)
{
	struct iommu_dma_request request = { .limit = U32_MAX, .size = size };
	dma_addr_t iova;
	size_t part;

	for (iova = first; iova < first + size; iova += SZ_4K)
		if (!iommu_dma_space_free(space, iova, SZ_4K))
			shim_die("what was taken cannot be given back");
	if (iommu_dma_space_alloc(space, &request, &iova) || iova != first)
		shim_die("the only room was not found");
	for (part = SZ_4K; part < size; part += SZ_4K)
		if (iommu_dma_space_free(space, iova, part) ||
		    iommu_dma_space_free(space, iova + part, size - part))
			shim_die("%zx of %zx bytes were given back", part,
				 size);
	if (!iommu_dma_space_free(space, iova, size))
		shim_die("what was taken cannot be given back");
	request.size = SZ_4K;
	for (part = 0; part < size; part += SZ_4K)
		if (iommu_dma_space_alloc(space, &request, &iova))
			shim_die("what was given back cannot be taken");
}

/* Wherever it lies in a chunk: from each word into the next, and within one */
static void check_parts(void)
{
	enum { CHUNK = IOMMU_DMA_CHUNK_GRANULES, RUN = 40 };
	const dma_addr_t first = CHUNK * SZ_4K;
	struct iommu_dma_request request = { .limit = U32_MAX, .size = SZ_4K };
	struct iommu_dma_space space = {};
	dma_addr_t iova;

	if (iommu_dma_space_init(&space, SZ_4K, first, 2 * first - 1))
		shim_die("no space");
	for (unsigned int i = 0; i < CHUNK; i++)
		if (iommu_dma_space_alloc(&space, &request, &iova))
			shim_die("no room in a chunk");
	for (unsigned int bit = 0; bit + RUN <= CHUNK; bit += 4)
		check_parts_of(&space, first + bit * SZ_4K, RUN * SZ_4K);
	iommu_dma_space_destroy(&space);
}

/* Room that is in the ends of two chunks is found, when there is no other */
static void check_meeting(void)
{
	enum { CHUNK = IOMMU_DMA_CHUNK_GRANULES, END = 100 };
	const dma_addr_t first = CHUNK * SZ_4K, middle = 2 * first;
	struct iommu_dma_space space = {};
	struct iommu_dma_request request = { .limit = U32_MAX, .size = SZ_4K };
	dma_addr_t iova;

	if (iommu_dma_space_init(&space, SZ_4K, first, middle + first - 1))
		shim_die("no space");
	for (unsigned int i = 0; i < 2 * CHUNK; i++)
		if (iommu_dma_space_alloc(&space, &request, &iova))
			shim_die("no room in two chunks");
	for (iova = middle - END * SZ_4K; iova < middle + END * SZ_4K;
	     iova += SZ_4K)
		if (!iommu_dma_space_free(&space, iova, SZ_4K))
			shim_die("what was taken cannot be given back");
	request.size = 2 * END * SZ_4K;
	if (iommu_dma_space_alloc(&space, &request, &iova) ||
	    iova != middle - END * SZ_4K)
		shim_die("the ends of two chunks were not found");
	iommu_dma_space_destroy(&space);
}

/*
 * Who would rather have IOVA below 4 GiB is not given others because there is no memory:
 * that says nothing about the room there
 */
static void check_no_memory(void)
{
	struct iommu_dma_space space = {};
	struct iommu_dma_request request = { .limit = U64_MAX, .size = SZ_4K };
	dma_addr_t iova;

	if (iommu_dma_space_init(&space, SZ_4K, 0, BIT(40) - 1))
		shim_die("no space");
	/* So that there is something above, which needs no memory */
	if (iommu_dma_space_alloc(&space, &request, &iova) || iova <= U32_MAX)
		shim_die("no room above 4 GiB");
	request.prefer_32bit = true;
	shim_fail(1, true);
	if (iommu_dma_space_alloc(&space, &request, &iova) != -ENOMEM)
		shim_die("no memory is taken for no room");
	shim_fail(0, false);
	if (iommu_dma_space_alloc(&space, &request, &iova) || iova > U32_MAX)
		shim_die("no room below 4 GiB");
	iommu_dma_space_destroy(&space);
}

static void run(unsigned int kind, u64 seed, unsigned long steps)
{
	struct source source;
	struct world world;

	source_random(&source, seed * WORLD_KINDS + kind);
	world_begin(&world, &source, kind);
	while (steps--)
		world_step(&world);
	printf("  %-28s %4zu items at the end\n", world_name(kind),
	       world.count);
	fflush(stdout);
	world_end(&world);
}

int main(int argc, char **argv)
{
	unsigned long steps = 10000, kind = WORLD_KINDS;
	u64 seed = time(NULL);

	for (int i = 1; i < argc; i++) {
		if (i + 1 < argc && !strcmp(argv[i], "--seed"))
			seed = strtoull(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "--steps"))
			steps = strtoul(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "--kind"))
			kind = strtoul(argv[++i], NULL, 0);
		else
			shim_die("usage: model [--seed N] [--steps N] [--kind N]");
	}
	printf("model --seed %llu --steps %lu\n", (ullong)seed, steps);
	fflush(stdout);

	check_invalid();
	check_adoption();
	check_peak();
	check_parts();
	check_meeting();
	check_no_memory();
	for (unsigned int i = 0; i < WORLD_KINDS; i++)
		if (kind == WORLD_KINDS || kind == i)
			run(i, seed, steps);
	return 0;
}
