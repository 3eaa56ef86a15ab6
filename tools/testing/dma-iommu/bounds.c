// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the work bounded that is done with interrupts off?
 *
 * Counted are the basic blocks that run under a lock, of the allocator and of the
 * kernel's trees and arrays below it, as the compiler marks them: exact, and the same
 * on every machine. Spaces of the same shape with ten times as many mappings may cost
 * what a tree of that many costs more, and no more than that [V19].
 *
 * Usage: bounds
 */

#include <stdio.h>
#include <stdlib.h>

#include "world.h"

/* What a compiler calls at the start of each block */
void __sanitizer_cov_trace_pc(void);

static unsigned long steps, worst;

void __sanitizer_cov_trace_pc(void)
{
	if (!shim_irqs_off())
		steps = 0;
	else if (++steps > worst)
		worst = steps;
}

static u64 state = 1;

static u64 below(u64 range)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % range;
}

/**
 * struct shape - What a space is crowded with
 * @name: in words
 * @single: bytes of what lives there
 * @big: bytes of what is asked for until there is no more
 * @align: of that
 */
struct shape {
	const char *name;
	size_t single;
	size_t big;
	size_t align;
};

static const struct shape shapes[] = {
	{ "in chunks", SZ_4K, SZ_2M, SZ_2M },
	/* Holes that are large enough, and next to never where they should be */
	{ "in regions", SZ_2M + SZ_4K, SZ_2M, SZ_16M },
};

/**
 * struct crowd - A space, and what lives in it
 * @shape: of what
 * @space: the space
 * @iova: where
 * @nr: how many mappings
 */
struct crowd {
	const struct shape *shape;
	struct iommu_dma_space space;
	dma_addr_t *iova;
	unsigned int nr;
};

static bool take(struct crowd *crowd, size_t size, size_t align,
		 dma_addr_t *iova)
{
	const struct iommu_dma_request request = {
		.size = size,
		.align = align,
		.limit = U64_MAX,
		.prefer_32bit = true,
	};

	return !iommu_dma_space_alloc(&crowd->space, &request, iova);
}

static void give(struct crowd *crowd, dma_addr_t iova, size_t size)
{
	if (!iommu_dma_space_free(&crowd->space, iova, size))
		shim_die("what was taken cannot be given back");
}

/* Twice @nr mappings from all CPUs, of which each second one goes: holes all over */
static void scatter(struct crowd *crowd, unsigned int nr)
{
	dma_addr_t kept;

	crowd->nr = 0;
	for (unsigned int i = 0; i < 2 * nr; i++) {
		shim_set_cpu(i % SHIM_CPUS);
		if (!take(crowd, crowd->shape->single, 0, &crowd->iova[i]))
			shim_die("no room for %u mappings", i);
	}
	for (unsigned int i = 0; i < 2 * nr; i += 2) {
		shim_set_cpu(i / 2 % SHIM_CPUS);
		kept = crowd->iova[i + below(2)];
		give(crowd, crowd->iova[i] ^ crowd->iova[i + 1] ^ kept,
		     crowd->shape->single);
		crowd->iova[crowd->nr++] = kept;
	}
}

/* Sizes from all rooms of the allocator, aligned and not, come and go */
static void churn(struct crowd *crowd)
{
	static const size_t sizes[] = {
		SZ_4K, SZ_64K, SZ_256K, 300 * SZ_4K, SZ_2M, 5 * SZ_1M, SZ_16M,
	};
	static const size_t aligns[] = { 0, SZ_64K, SZ_2M, SZ_16M };
	enum { LIVE = 64 };
	static struct {
		dma_addr_t iova;
		size_t size;
	} live[LIVE];

	for (unsigned int i = 0; i < 4000; i++) {
		unsigned int at = (unsigned int)below(LIVE);

		shim_set_cpu((unsigned int)below(SHIM_CPUS));
		if (live[at].size)
			give(crowd, live[at].iova, live[at].size);
		live[at].size = sizes[below(ARRAY_SIZE(sizes))];
		if (!take(crowd, live[at].size,
			  aligns[below(ARRAY_SIZE(aligns))], &live[at].iova))
			live[at].size = 0;
	}
	for (unsigned int at = 0; at < LIVE; at++) {
		if (live[at].size)
			give(crowd, live[at].iova, live[at].size);
		live[at].size = 0;
	}
}

/* To the last hole: the search before a refusal, again and again */
static unsigned int fill(struct crowd *crowd, dma_addr_t *iova,
			 unsigned int most)
{
	const struct shape *shape = crowd->shape;
	unsigned int nr = 0;

	while (nr < most && take(crowd, shape->big, shape->align, &iova[nr]))
		nr++;
	if (nr == most)
		shim_die("a space has no end");
	for (unsigned int i = 0; i < 100; i++)
		if (take(crowd, shape->big, shape->align, &iova[nr]))
			shim_die("what was refused is there");
	return nr;
}

/* The most steps in a row that a space with so many mappings takes */
static unsigned long measure(const struct shape *shape, unsigned int nr)
{
	enum { MOST = 8192 };
	static dma_addr_t big[MOST];
	struct crowd crowd = { .shape = shape };
	u64 last = (u64)shape->single * nr * 2 + SZ_1G;
	unsigned int count;

	if (iommu_dma_space_init(&crowd.space, SZ_4K, 0, max(last, U32_MAX)))
		shim_die("no space");
	crowd.iova = calloc(2 * nr, sizeof(*crowd.iova));
	if (!crowd.iova)
		shim_die("no memory");

	worst = 0;
	scatter(&crowd, nr);
	churn(&crowd);
	count = fill(&crowd, big, MOST);
	while (count--)
		give(&crowd, big[count], shape->big);
	while (crowd.nr--) {
		shim_set_cpu(crowd.nr % SHIM_CPUS);
		give(&crowd, crowd.iova[crowd.nr], shape->single);
	}
	iommu_dma_space_destroy(&crowd.space);
	free(crowd.iova);
	printf("  %7u mappings %s: at most %lu steps\n", nr, shape->name,
	       worst);
	fflush(stdout);
	return worst;
}

static void check(const struct shape *shape)
{
	unsigned long few, many;

	few = measure(shape, 1000);
	measure(shape, 10000);
	many = measure(shape, 100000);
	if (few < 10)
		shim_die("nothing was counted");
	/* log2(100000) is 1.67 times log2(1000) */
	if (many > 2 * few)
		shim_die("%s, 100,000 mappings take %lu steps, 1,000 take %lu",
			 shape->name, many, few);
	/* A step is a few instructions */
	if (many > 5000)
		shim_die("%s, %lu steps with interrupts off", shape->name,
			 many);
}

int main(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(shapes); i++)
		check(&shapes[i]);
	return 0;
}
