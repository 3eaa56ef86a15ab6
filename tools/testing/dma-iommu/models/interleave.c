// SPDX-License-Identifier: GPL-2.0-only
/*
 * All interleavings of a few threads in chunk.c.
 *
 * The threads run the kernel's own code on one chunk. Between any two atomic accesses
 * another thread may go on: all ways to do so are gone through, with a memory of the
 * states that have been seen, so that each is gone on from once. A state is the chunk,
 * the stacks, the registers and what the test knows. Nothing is sampled: what is not
 * found here is not there, for these threads, on a machine whose accesses are seen in
 * order. What the order of accesses needs is for the litmus tests and
 * ThreadSanitizer.
 *
 * Usage: interleave [--list] [TEST...]
 *
 * Prints how many states there were. If something is wrong it says what, and which
 * thread ran when; the status is 1.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "chunk.h"

#define THREADS 3
#define STACK 8192
#define BASE (7UL * IOMMU_DMA_CHUNK_GRANULES)
#define GRANULES IOMMU_DMA_CHUNK_GRANULES

/**
 * struct thread - Somebody who uses the chunk
 * @context: where it stands
 * @stack: what it has
 * @low: lowest byte of @stack that counts
 * @done: it has come to its end
 */
struct thread {
	ucontext_t context;
	char *low;
	bool done;
	char stack[STACK] __aligned(64);
};

/* All that is different from one state to another */
static struct world {
	struct iommu_dma_chunk chunk;
	/* Who has a granule: 0 is nobody */
	unsigned char owner[GRANULES];
	/* How often each thread was told yes */
	unsigned int yes[THREADS];
	/* The lock of the zone */
	bool locked;
	struct thread threads[THREADS];
} world;

static struct iommu_dma_chunk *const chunk = &world.chunk;

/**
 * struct test - What threads do, and what is to be so in the end
 * @name: its name
 * @about: what is shown
 * @set_up: makes the chunk
 * @run: what each thread does
 * @check: whether it came out right; the chunk is also looked at, see at_rest()
 */
struct test {
	const char *name;
	const char *about;
	void (*set_up)(void);
	void (*run[THREADS])(void);
	void (*check)(void);
};

static const struct test *test;
static ucontext_t scheduler;
static unsigned int me;
static unsigned char path[4096];
static unsigned int depth;

__thread unsigned int shim_stir_left;

void shim_die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	fprintf(stderr, "%s: ", test->name);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nthreads that ran: ");
	for (unsigned int i = 0; i < depth; i++)
		fputc('A' + path[i], stderr);
	fputc('\n', stderr);
	exit(1);
}

/* Before and after each atomic access */
void shim_stir_now(void)
{
	shim_stir_left = 1;
	world.threads[me].low = __builtin_frame_address(0);
	swapcontext(&world.threads[me].context, &scheduler);
}

static void enter(void)
{
	test->run[me]();
	world.threads[me].done = true;
	for (;;)
		shim_stir_now();
}

/* States that have been seen, as 128 bits of each */

struct key {
	u64 low;
	u64 high;
};

static struct key *seen;
static unsigned long seen_room, seen_count;

static void mix(struct key *key, const void *data, size_t size)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < size; i++) {
		key->low = (key->low ^ byte[i]) * 0x100000001b3ULL;
		key->high = (key->high + byte[i]) * 0x9e3779b97f4a7c15ULL;
		key->high ^= key->high >> 29;
	}
}

static struct key key_of_world(void)
{
	struct key key = { 0xcbf29ce484222325ULL, 1 };

	mix(&key, &world, offsetof(struct world, threads));
	for (unsigned int i = 0; i < THREADS && test->run[i]; i++) {
		struct thread *thread = &world.threads[i];

		mix(&key, &thread->done, sizeof(thread->done));
		if (thread->done)
			continue;
		mix(&key, &thread->low, sizeof(thread->low));
		mix(&key, &thread->context.uc_mcontext,
		    sizeof(thread->context.uc_mcontext));
		mix(&key, thread->low, thread->stack + STACK - thread->low);
	}
	return key;
}

static bool insert(struct key *table, unsigned long room, struct key key)
{
	unsigned long at = key.low & (room - 1);

	for (; table[at].low | table[at].high; at = (at + 1) & (room - 1))
		if (table[at].low == key.low && table[at].high == key.high)
			return false;
	table[at] = key;
	return true;
}

static bool is_new(void)
{
	struct key *old = seen;

	if (seen_count * 2 >= seen_room) {
		unsigned long room = seen_room ? seen_room * 2 : 1 << 16;

		seen = calloc(room, sizeof(*seen));
		if (!seen)
			shim_die("out of memory");
		for (unsigned long i = 0; i < seen_room; i++)
			if (old[i].low | old[i].high)
				insert(seen, room, old[i]);
		free(old);
		seen_room = room;
	}
	if (!insert(seen, seen_room, key_of_world()))
		return false;
	seen_count++;
	return true;
}

/* What is so whenever no thread is in the middle of something */
static void at_rest(void)
{
	for (unsigned int i = 0; i < GRANULES; i++) {
		bool claimed = test_bit(i, chunk->claimed);

		if (claimed && world.owner[i])
			shim_die("%u is claimed and %u's", i, world.owner[i]);
		if (test_bit(i, chunk->map) != (claimed || world.owner[i]))
			shim_die("%u is %s's, and %s", i,
				 world.owner[i] ? "somebody" : "nobody",
				 test_bit(i, chunk->map) ? "set" : "clear");
		if (test_bit(i, chunk->joined) && !test_bit(i, chunk->map))
			shim_die("%u is joined and clear", i);
	}
}

static void explore(void)
{
	bool over = true;

	if (!is_new())
		return;
	if (depth == sizeof(path))
		shim_die("a thread does not come to an end");

	for (unsigned int i = 0; i < THREADS && test->run[i]; i++) {
		struct world *before;

		if (world.threads[i].done)
			continue;
		over = false;
		before = malloc(sizeof(*before));
		if (!before)
			shim_die("out of memory");
		memcpy(before, &world, sizeof(world));
		path[depth++] = i;
		me = i;
		shim_stir_left = 1;
		swapcontext(&scheduler, &world.threads[i].context);
		explore();
		depth--;
		memcpy(&world, before, sizeof(world));
		free(before);
	}
	if (over) {
		at_rest();
		if (test->check)
			test->check();
	}
}

/* What a thread may do, with what is to be true of it each time */

static void set_owner(unsigned int first, unsigned int count, unsigned int from,
		      unsigned int to)
{
	for (unsigned int i = first; i < first + count; i++) {
		if (world.owner[i] != from)
			shim_die("%u is %u's, not %u's", i, world.owner[i],
				 from);
		world.owner[i] = to;
	}
}

/* Show that what is taken was nobody's. Returns the first granule, or -1. */
static int take(unsigned int count, unsigned int align)
{
	struct iommu_dma_want want = {
		.count = count,
		.align = align,
		.limit = BASE + GRANULES - 1,
	};
	u64 granule;
	int ret = iommu_dma_chunk_take(chunk, &want, &granule);

	if (ret)
		return -1;
	if (granule - BASE > GRANULES - count || granule % align)
		shim_die("%llx was taken", (unsigned long long)granule);
	set_owner(granule - BASE, count, 0, me + 1);
	world.yes[me]++;
	return granule - BASE;
}

static int take_fast(unsigned int count)
{
	int bit =
		iommu_dma_chunk_take_in_word(chunk, count, ~0UL, GRANULES - 1);

	if (bit >= 0) {
		set_owner(bit, count, 0, me + 1);
		world.yes[me]++;
	}
	return bit;
}

/* Show that who has it can give it back */
static void give(int first, unsigned int count)
{
	if (first < 0)
		return;
	set_owner(first, count, me + 1, 0);
	if (!iommu_dma_chunk_give(chunk, first, count))
		shim_die("%u+%u could not be given back", first, count);
}

static void give_fast(int first, unsigned int count)
{
	if (first < 0)
		return;
	set_owner(first, count, me + 1, 0);
	if (!iommu_dma_chunk_give_in_word(chunk, first, count))
		shim_die("%u+%u could not be given back", first, count);
}

/* Of several who give back the same, the first owner counts */
static void give_again(unsigned int first, unsigned int count, bool fast)
{
	if (fast ? iommu_dma_chunk_give_in_word(chunk, first, count) :
		   iommu_dma_chunk_give(chunk, first, count))
		world.yes[me]++;
}

static void not_given(unsigned int first, unsigned int count)
{
	if (iommu_dma_chunk_give(chunk, first, count))
		shim_die("%u+%u was given back", first, count);
	if (first / BITS_PER_LONG == (first + count - 1) / BITS_PER_LONG &&
	    iommu_dma_chunk_give_in_word(chunk, first, count))
		shim_die("%u+%u was given back quickly", first, count);
}

/* The chunk of a test: only [first, last] is its own, or all */
static void make_chunk(unsigned int first, unsigned int last)
{
	iommu_dma_chunk_open(chunk, BASE);
	if (first && !iommu_dma_chunk_claim(chunk, 0, first - 1))
		shim_die("no claim");
	if (last < GRANULES - 1 &&
	    !iommu_dma_chunk_claim(chunk, last + 1, GRANULES - 1))
		shim_die("no claim");
	WRITE_ONCE(chunk->from, first);
	WRITE_ONCE(chunk->to, last);
}

static void make_whole(void)
{
	make_chunk(0, GRANULES - 1);
}

static void make_border(void)
{
	make_chunk(62, 65);
}

static unsigned int sum_of_yes(void)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < THREADS; i++)
		sum += world.yes[i];
	return sum;
}

static void somebody(void)
{
	if (!sum_of_yes())
		shim_die("nobody got anything");
}

static void one_only(void)
{
	if (sum_of_yes() != 1)
		shim_die("%u were told yes", sum_of_yes());
}

static void nobody(void)
{
	if (sum_of_yes())
		shim_die("%u were told yes", sum_of_yes());
}

/* The tests */

static void give_take_1(void)
{
	give(take(1, 1), 1);
}

static void give_take_2(void)
{
	give(take(2, 1), 2);
}

static void give_take_3(void)
{
	give(take(3, 1), 3);
}

static void give_take_fast_1(void)
{
	give_fast(take_fast(1), 1);
}

static void give_take_fast_2(void)
{
	give_fast(take_fast(2), 2);
}

static void take_1(void)
{
	take(1, 1);
}

static void take_2(void)
{
	take(2, 1);
}

static void take_3(void)
{
	take(3, 1);
}

static void give_take_long(void)
{
	give(take(131, 1), 131);
}

static void make_word(void)
{
	make_chunk(0, 3);
}

static void make_three_words(void)
{
	make_chunk(62, 197);
}

static void take_all(void)
{
	if (!iommu_dma_chunk_take_all(chunk))
		return;
	set_owner(0, GRANULES, 0, me + 1);
	world.yes[me]++;
}

static void give_take_all(void)
{
	if (!iommu_dma_chunk_take_all(chunk))
		return;
	set_owner(0, GRANULES, 0, me + 1);
	world.yes[me]++;
	set_owner(0, GRANULES, me + 1, 0);
	if (!iommu_dma_chunk_give_all(chunk))
		shim_die("all could not be given back");
}

static void give_all_again(void)
{
	if (iommu_dma_chunk_give_all(chunk))
		world.yes[me]++;
}

static void make_given(unsigned int count)
{
	struct iommu_dma_want want = {
		.count = count,
		.align = 1,
		.limit = BASE + GRANULES - 1,
	};
	u64 granule;

	if (iommu_dma_chunk_take(chunk, &want, &granule))
		shim_die("no room");
}

static void make_given_1(void)
{
	make_border();
	make_given(1);
}

static void make_given_2(void)
{
	make_word();
	make_given(2);
}

static void make_given_4(void)
{
	make_border();
	make_given(4);
}

static void make_given_all(void)
{
	make_whole();
	if (!iommu_dma_chunk_take_all(chunk))
		shim_die("no room");
}

static void give_again_1(void)
{
	give_again(62, 1, false);
}

static void give_again_fast_1(void)
{
	give_again(62, 1, true);
}

static void give_again_4(void)
{
	give_again(62, 4, false);
}

static void give_again_2(void)
{
	give_again(0, 2, false);
}

static void give_again_fast_2(void)
{
	give_again(0, 2, true);
}

static void make_held(void)
{
	make_border();
	make_given(4);
	memset(&world.owner[62], THREADS + 1, 4);
}

static void give_parts_below(void)
{
	not_given(62, 1);
	not_given(62, 2);
	not_given(61, 2);
	not_given(62, 3);
}

static void give_parts_above(void)
{
	not_given(65, 1);
	not_given(64, 2);
	not_given(63, 3);
	not_given(62, 5);
}

static void take_around(void)
{
	if (take(1, 1) >= 0)
		shim_die("there was no room");
}

static void lock_zone(void)
{
	while (world.locked)
		shim_stir_now();
	world.locked = true;
}

static void unlock_zone(void)
{
	world.locked = false;
}

/* As iommu_dma_zone_settle() and trim() do, under the lock of the zone */
static void claim_all(void)
{
	if (!iommu_dma_chunk_empty(chunk) ||
	    !iommu_dma_chunk_claim(chunk, chunk->from, chunk->to))
		return;
	for (unsigned int i = chunk->from; i <= chunk->to; i++)
		if (world.owner[i])
			shim_die("%u was claimed, and is %u's", i,
				 world.owner[i]);
}

static void trim(void)
{
	unsigned int from, to;

	if (!iommu_dma_chunk_ends(chunk, &from, &to))
		return;
	if (from > 62)
		iommu_dma_chunk_claim(chunk, 62, from - 1);
	if (to < 65)
		iommu_dma_chunk_claim(chunk, to + 1, 65);
}

/* The chunk goes away, and comes back above the limit of who looks at it */
static void go_and_come_back(void)
{
	if (iommu_dma_chunk_claim(chunk, 0, GRANULES - 1))
		iommu_dma_chunk_open(chunk, 2 * BASE);
}

static void take_below(void)
{
	struct iommu_dma_want want = {
		.count = 2,
		.align = 1,
		.limit = BASE + GRANULES - 1,
	};
	u64 granule;

	if (iommu_dma_chunk_take(chunk, &want, &granule))
		return;
	if (granule > want.limit)
		shim_die("%llx is above the limit",
			 (unsigned long long)granule);
	/* It keeps the chunk where it is */
	if (chunk->base != BASE)
		shim_die("the chunk went away");
	set_owner(granule - BASE, 2, 0, me + 1);
}

/* Somebody gives back twice, the second time when the chunk is about to go */
static void give_then_settle(void)
{
	give_again(62, 1, false);
	lock_zone();
	claim_all();
	unlock_zone();
}

static void give_late(void)
{
	if (!iommu_dma_chunk_give(chunk, 62, 1))
		return;
	lock_zone();
	if (iommu_dma_chunk_retract(chunk, 62, 1))
		world.yes[me]++;
	unlock_zone();
}

static const struct test tests[] = {
	{
		"in-a-word",
		"granules of one word are one owner's only",
		make_word,
		{ give_take_fast_1, give_take_fast_2, give_take_2 },
		somebody,
	},
	{
		"across",
		"a run over two words is taken as a whole or not at all",
		make_border,
		{ give_take_3, give_take_2, give_take_1 },
	},
	{
		"across-kept",
		"what is left clear was let go by who did not get it",
		make_border,
		{ take_3, take_2, take_1 },
		somebody,
	},
	{
		"long",
		"so is a run over three words",
		make_three_words,
		{ give_take_long, give_take_3, give_take_fast_1 },
	},
	{
		"all",
		"all is taken at once, or nothing is changed",
		make_whole,
		{ give_take_all, give_take_1 },
	},
	{
		"all-twice",
		"one of two gets all",
		make_whole,
		{ take_all, take_all },
	},
	{
		"again-1",
		"a granule is given back once",
		make_given_1,
		{ give_again_1, give_again_fast_1, give_again_1 },
		one_only,
	},
	{
		"again-2",
		"a run in a word is given back once",
		make_given_2,
		{ give_again_2, give_again_fast_2, give_again_fast_2 },
		one_only,
	},
	{
		"again-4",
		"a run over two words is given back once",
		make_given_4,
		{ give_again_4, give_again_4, give_again_4 },
		one_only,
	},
	{
		"again-all",
		"all is given back once",
		make_given_all,
		{ give_all_again, give_all_again },
		one_only,
	},
	{
		"parts",
		"a part of a run that somebody has is not given back",
		make_held,
		{ give_parts_below, give_parts_above, take_around },
		nobody,
	},
	{
		"claim",
		"nothing is claimed that somebody has",
		make_border,
		{ give_take_3, claim_all, give_take_fast_1 },
	},
	{
		"trim",
		"nor when the free ends go",
		make_border,
		{ give_take_2, trim, give_take_1 },
	},
	{
		"come-back",
		"nothing above its limit is taken by who saw another chunk",
		make_whole,
		{ take_below, go_and_come_back },
	},
	{
		"retract",
		"what is given back twice does not open a chunk that has gone",
		make_given_1,
		{ give_then_settle, give_late },
		one_only,
	},
};

static void run(void)
{
	memset(&world, 0, sizeof(world));
	seen_count = 0;
	if (seen)
		memset(seen, 0, seen_room * sizeof(*seen));
	/* Nobody else is there yet */
	shim_stir_left = 0;
	test->set_up();

	for (unsigned int i = 0; i < THREADS && test->run[i]; i++) {
		struct thread *thread = &world.threads[i];

		getcontext(&thread->context);
		thread->context.uc_stack.ss_sp = thread->stack;
		thread->context.uc_stack.ss_size = STACK;
		thread->low = thread->stack;
		makecontext(&thread->context, enter, 0);
	}
	explore();
	printf("%-12s %9lu states: %s\n", test->name, seen_count, test->about);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int at;

	for (test = tests; test < tests + ARRAY_SIZE(tests); test++) {
		for (at = 1; at < argc && strcmp(argv[at], test->name);)
			at++;
		if (argc == 2 && !strcmp(argv[1], "--list"))
			puts(test->name);
		else if (argc == 1 || at < argc)
			run();
	}
	return 0;
}
