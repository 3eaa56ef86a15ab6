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
	for (unsigned int i = 0; i < WORLD_KINDS; i++)
		if (kind == WORLD_KINDS || kind == i)
			run(i, seed, steps);
	return 0;
}
