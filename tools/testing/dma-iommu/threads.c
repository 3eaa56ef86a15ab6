// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that use one IOVA space at the same time.
 *
 * A table has the owner of each granule, so that one that is handed out twice is
 * noticed at once. In the end all is given back, and the validator has to find
 * nothing wrong and nobody's granules.
 *
 * Usage: threads [--seed N] [--ops N] [--test NAME]
 *
 * The seed decides what each thread does, but not when.
 */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "world.h"

#define THREADS 4
#define HELD 96
#define RESERVED 255

/* 16 MiB on each side of 4 GiB */
#define FIRST 0xff000000ULL
#define LAST 0x100ffffffULL
#define GRANULES ((LAST - FIRST + 1) / SZ_4K)

/**
 * struct run - Granules that somebody has
 * @iova: the first one's address
 * @size: bytes
 */
struct run {
	dma_addr_t iova;
	size_t size;
};

/**
 * struct worker - What a thread has
 * @thread: itself
 * @number: which one it is
 * @source: decides what it does
 * @ops: how much it does
 * @held: what it has taken and not given back
 * @count: how much that is
 */
struct worker {
	pthread_t thread;
	unsigned int number;
	struct source source;
	unsigned long ops;
	struct run held[HELD];
	unsigned int count;
};

static struct iommu_dma_space space;
static struct worker workers[THREADS];
static unsigned char owners[GRANULES];
static struct run *mail[THREADS];
static unsigned long refused;

/* The numbers of threads begin with 1 in the table, 0 is nobody */
static void set_owner(const struct run *run, unsigned int from, unsigned int to)
{
	u64 granule = (run->iova - FIRST) / SZ_4K;

	for (u64 end = granule + run->size / SZ_4K; granule < end; granule++) {
		unsigned char old = __atomic_exchange_n(&owners[granule], to,
							__ATOMIC_RELAXED);

		if (old != from)
			shim_die("granule %llx is %u's, not %u's",
				 (ullong)(granule + FIRST / SZ_4K), old, from);
	}
}

static bool take(struct worker *worker, const struct iommu_dma_request *request,
		 struct run *run)
{
	int ret = iommu_dma_space_alloc(&space, request, &run->iova);

	if (ret == -ENOSPC) {
		__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
		return false;
	}
	if (ret)
		shim_die("error %d", ret);
	run->size = request->size;
	if (run->iova < FIRST || run->iova + run->size - 1 > LAST ||
	    run->iova + run->size - 1 > request->limit)
		shim_die("%llx is out of bounds", (ullong)run->iova);
	set_owner(run, 0, worker->number + 1);
	return true;
}

static void give(struct worker *worker, const struct run *run)
{
	set_owner(run, worker->number + 1, 0);
	if (!iommu_dma_space_free(&space, run->iova, run->size))
		shim_die("%llx could not be given back", (ullong)run->iova);
}

static void give_part(const struct run *run, dma_addr_t iova, size_t size)
{
	if (size && iommu_dma_space_free(&space, iova, size))
		shim_die("%llx + %zx was given back, but %llx + %zx taken",
			 (ullong)iova, size, (ullong)run->iova, run->size);
}

static void give_wrong(const struct run *run)
{
	give_part(run, run->iova, run->size + SZ_4K);
	give_part(run, run->iova - SZ_4K, run->size + SZ_4K);
	give_part(run, run->iova, run->size - SZ_4K);
	give_part(run, run->iova + SZ_4K, run->size - SZ_4K);
}

static void set_up(dma_addr_t first, dma_addr_t last)
{
	memset(&space, 0, sizeof(space));
	memset(owners, 0, sizeof(owners));
	refused = 0;
	shim_page_size = SZ_4K;
	if (iommu_dma_space_init(&space, SZ_4K, first, last))
		shim_die("no space");
}

static void tear_down(u64 reserved)
{
	struct iommu_dma_census census;
	const char *broken = iommu_dma_space_check(&space, &census);

	if (broken)
		shim_die("%s", broken);
	if (census.used || census.reserved != reserved)
		shim_die("%llu granules used and %llu reserved, not 0 and %llu",
			 (ullong)census.used, (ullong)census.reserved,
			 (ullong)reserved);
	iommu_dma_space_destroy(&space);
	if (shim_live())
		shim_die("%ld bytes were left behind", shim_live());
}

static void run_all(void *(*routine)(void *worker))
{
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_create(&workers[i].thread, NULL, routine, &workers[i]);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
}

static void *begin(void *arg)
{
	struct worker *worker = arg;

	shim_set_cpu(worker->number);
	shim_stir_on(pick(&worker->source, U32_MAX));
	worker->count = 0;
	return worker;
}

/* All threads have come here before one goes on */
static void meet(unsigned int count)
{
	static unsigned int arrived, round;
	unsigned int now = __atomic_load_n(&round, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == count) {
		__atomic_store_n(&arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&round, now + 1, __ATOMIC_RELEASE);
		return;
	}
	for (unsigned int i = 0;
	     __atomic_load_n(&round, __ATOMIC_ACQUIRE) == now; i++)
		if (i > 2000)
			sched_yield();
}

/* Everything at once */

static void pick_request(struct source *source,
			 struct iommu_dma_request *request)
{
	static const unsigned int most[] = { 1, 8, 8, 64, 64, 512, 700 };

	*request = (struct iommu_dma_request){
		.size = SZ_4K * (1 + pick(source, most[pick(source, 7)])),
		.limit = pick(source, 3) ? U64_MAX : U32_MAX,
		.prefer_32bit = pick(source, 2),
	};
	if (!pick(source, 4))
		request->align = SZ_4K << pick(source, 10);
}

static void mixed_take(struct worker *worker)
{
	struct iommu_dma_request request;

	pick_request(&worker->source, &request);
	if (worker->count < HELD &&
	    take(worker, &request, &worker->held[worker->count]))
		worker->count++;
}

static void mixed_give(struct worker *worker)
{
	unsigned int which;

	if (!worker->count)
		return;
	which = pick(&worker->source, worker->count);
	if (!pick(&worker->source, 8))
		give_wrong(&worker->held[which]);
	give(worker, &worker->held[which]);
	worker->held[which] = worker->held[--worker->count];
}

/* Whoever has it next gives it back, on another CPU */
static void mixed_mail(struct worker *worker)
{
	struct run *run, *old;

	if (!worker->count)
		return;
	run = malloc(sizeof(*run));
	*run = worker->held[--worker->count];
	set_owner(run, worker->number + 1, 1);
	old = __atomic_exchange_n(&mail[pick(&worker->source, THREADS)], run,
				  __ATOMIC_ACQ_REL);
	if (old)
		give(&workers[0], old);
	free(old);
}

static void mixed_hotplug(struct worker *worker)
{
	unsigned int cpu = 1 + pick(&worker->source, SHIM_CPUS - 1);

	shim_set_online(cpu, pick(&worker->source, 2));
}

static void mixed_reserve(struct worker *worker)
{
	struct run run = {
		.iova = FIRST + SZ_4K * pick(&worker->source, GRANULES),
		.size = SZ_4K,
	};
	u64 granule = (run.iova - FIRST) / SZ_4K;
	unsigned char *owner = &owners[granule];
	int ret;

	/* Not all of the space in the end */
	if (granule % 64)
		return;
	ret = iommu_dma_space_reserve(&space, run.iova, run.iova);
	if (ret && ret != -EBUSY)
		shim_die("error %d", ret);
	if (!ret &&
	    __atomic_exchange_n(owner, RESERVED, __ATOMIC_RELAXED) % RESERVED)
		shim_die("what was reserved is somebody's");
}

static void *mixed(void *arg)
{
	struct worker *worker = begin(arg);

	for (unsigned long op = 0; op < worker->ops; op++) {
		switch (pick(&worker->source, 32)) {
		case 0 ... 13:
			mixed_take(worker);
			break;
		case 14 ... 25:
			mixed_give(worker);
			break;
		case 26 ... 28:
			mixed_mail(worker);
			break;
		case 29:
			mixed_hotplug(worker);
			break;
		case 30:
			shim_set_cpu(pick(&worker->source, SHIM_CPUS));
			break;
		default:
			mixed_reserve(worker);
			break;
		}
	}
	while (worker->count)
		mixed_give(worker);
	return NULL;
}

static void test_mixed(void)
{
	u64 reserved = 0;

	set_up(FIRST, LAST);
	run_all(mixed);
	for (unsigned int i = 0; i < THREADS; i++) {
		if (mail[i])
			give(&workers[0], mail[i]);
		free(mail[i]);
		mail[i] = NULL;
	}
	for (unsigned int cpu = 0; cpu < SHIM_CPUS; cpu++)
		shim_set_online(cpu, true);
	for (u64 granule = 0; granule < GRANULES; granule++)
		reserved += owners[granule] == RESERVED;
	tear_down(reserved);
	printf("  mixed: %lu requests refused\n", refused);
}

/* Taking the last granule: none may be left when one is refused */

static unsigned long taken;

static void *exhaust(void *arg)
{
	struct worker *worker = begin(arg);
	struct iommu_dma_request request = {
		.size = SZ_4K,
		.limit = U64_MAX,
		.prefer_32bit = worker->number % 2,
	};
	struct run run;
	unsigned long count = 0;

	meet(THREADS);
	while (take(worker, &request, &run))
		count++;
	__atomic_fetch_add(&taken, count, __ATOMIC_RELAXED);
	meet(THREADS);

	/* Each gives back what others have taken as well */
	for (u64 i = worker->number; i < GRANULES; i += THREADS) {
		struct worker owner = { .number = owners[i] - 1U };

		run.iova = FIRST + i * SZ_4K;
		run.size = SZ_4K;
		if (owners[i])
			give(&owner, &run);
	}
	return NULL;
}

static void test_exhaust(void)
{
	for (unsigned int round = 0; round < 8; round++) {
		taken = 0;
		set_up(FIRST, LAST);
		run_all(exhaust);
		if (taken != GRANULES)
			shim_die("refused at %lu of %llu granules", taken,
				 (ullong)GRANULES);
		tear_down(0);
	}
	printf("  exhaust: %lu granules, one by one\n", taken);
}

/* Several give back the same: one of them does */

#define RIVAL_RUNS 64

static struct run rival_runs[RIVAL_RUNS];
static unsigned int rival_wins[RIVAL_RUNS];

static void rivals_take(struct worker *worker)
{
	struct iommu_dma_request request = { .limit = U64_MAX };

	for (unsigned int i = 0; i < RIVAL_RUNS; i++) {
		request.size = SZ_4K * (1 + pick(&worker->source, 200));
		rival_wins[i] = 0;
		if (!take(worker, &request, &rival_runs[i]))
			rival_runs[i].size = 0;
	}
}

static void rivals_give(struct worker *worker)
{
	for (unsigned int i = 0; i < RIVAL_RUNS; i++) {
		unsigned int which = (i * 5 + worker->number / 2) % RIVAL_RUNS;
		const struct run *run = &rival_runs[which];

		if (run->size &&
		    iommu_dma_space_free(&space, run->iova, run->size))
			__atomic_fetch_add(&rival_wins[which], 1,
					   __ATOMIC_RELAXED);
	}
}

static void rivals_count(void)
{
	for (unsigned int i = 0; i < RIVAL_RUNS; i++) {
		if (rival_wins[i] != !!rival_runs[i].size)
			shim_die("%llx + %zx was given back %u times",
				 (ullong)rival_runs[i].iova, rival_runs[i].size,
				 rival_wins[i]);
		if (rival_runs[i].size)
			set_owner(&rival_runs[i], 1, 0);
	}
}

static void *rivals(void *arg)
{
	struct worker *worker = begin(arg);

	for (unsigned long round = 0; round < worker->ops / 100; round++) {
		if (!worker->number)
			rivals_take(worker);
		meet(THREADS);
		rivals_give(worker);
		meet(THREADS);
		if (!worker->number)
			rivals_count();
	}
	return NULL;
}

static void test_rivals(void)
{
	set_up(FIRST, LAST);
	run_all(rivals);
	tear_down(0);
	printf("  rivals: nothing was given back twice\n");
}

/*
 * A CPU leaves a chunk while another one gives back the last of it: one of the two
 * has to notice that it is empty. What they could miss is a matter of nanoseconds,
 * so this is done often, with nothing between: who was first the last time waits a
 * little longer.
 */

#define MOST_LINGER 20000
#define JITTER 64

static struct run leaving;
static int giver_waits; /* or, if it is negative, the other one does */

static void linger(struct worker *worker, int steps)
{
	steps += pick(&worker->source, JITTER);
	while (steps-- > 0)
		__asm__ __volatile__("" : : : "memory");
}

static bool is_settled(struct iommu_dma_zone *zone, u64 index)
{
	struct iommu_dma_chunk *chunk = xa_load(&zone->chunks, index);

	return !chunk || READ_ONCE(chunk->state) == IOMMU_DMA_CHUNK_EMPTY;
}

static void leave(struct worker *worker, unsigned long rounds)
{
	struct iommu_dma_zone *zone = &space.low;
	struct iommu_dma_request request = {
		.size = SZ_4K * IOMMU_DMA_CHUNK_GRANULES,
		.limit = U32_MAX,
	};
	unsigned int most = zone->max_empty;
	unsigned long flags;
	u64 index;

	shim_set_cpu(1);
	shim_set_online(1, false);
	take(worker, &request, &leaving);
	while (rounds--) {
		index = leaving.iova / request.size;
		/* It is kept, or goes away */
		zone->max_empty = rounds & 1 ? most : 0;
		meet(2);
		linger(worker, -giver_waits);
		xa_lock_irqsave(&zone->chunks, flags);
		iommu_dma_zone_clear_slots(zone, 1, 1);
		iommu_dma_zone_unlock(zone, flags);
		giver_waits += is_settled(zone, index) ? 1 : -1;
		giver_waits = clamp(giver_waits, -MOST_LINGER, MOST_LINGER);
		meet(2);
		if (!is_settled(zone, index))
			shim_die("a chunk that is empty was left behind");
		take(worker, &request, &leaving);
	}
	give(worker, &leaving);
	zone->max_empty = most;
	shim_set_online(1, true);
}

static void *leavers(void *arg)
{
	/* Without begin(): nobody is stirred, and goes to another CPU */
	struct worker *worker = arg;
	unsigned long rounds = worker->ops * 4;
	int waits;

	if (!worker->number) {
		leave(worker, rounds);
	} else if (worker->number == 1) {
		shim_set_cpu(2);
		while (rounds--) {
			waits = giver_waits;
			meet(2);
			linger(worker, waits);
			give(&workers[0], &leaving);
			meet(2);
		}
	}
	return NULL;
}

static void test_leave(void)
{
	set_up(FIRST, 0xffffffffULL);
	run_all(leavers);
	tear_down(0);
	printf("  leave: no chunk was left behind\n");
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "mixed", test_mixed },
	{ "exhaust", test_exhaust },
	{ "rivals", test_rivals },
	{ "leave", test_leave },
};

int main(int argc, char **argv)
{
	unsigned long ops = 20000;
	const char *only = NULL;
	u64 seed = time(NULL);

	for (int i = 1; i < argc; i++) {
		if (i + 1 < argc && !strcmp(argv[i], "--seed"))
			seed = strtoull(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "--ops"))
			ops = strtoul(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "--test"))
			only = argv[++i];
		else
			shim_die("usage: threads [--seed N] [--ops N] [--test NAME]");
	}
	printf("threads --seed %llu --ops %lu\n", (ullong)seed, ops);
	fflush(stdout);

	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i].number = i;
		workers[i].ops = ops;
		source_random(&workers[i].source, seed * THREADS + i);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		if (only && strcmp(only, tests[i].name))
			continue;
		tests[i].run();
		fflush(stdout);
	}
	return 0;
}
