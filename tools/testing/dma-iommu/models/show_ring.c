// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proofs about the rings of flush.c, with numbers that wrap around.
 *
 * Bounds: rings of 2 and of 4 entries. The indices, and the counters of
 * invalidations, are any numbers.
 */

#include "show.h"

#include <linux/limits.h>

/* What an entry has that does not matter here, and what is not called */
struct iommu_pages_list {
	unsigned long pages;
};

#define IOMMU_PAGES_LIST_INIT(name) \
	((struct iommu_pages_list){ 0 * sizeof(name) })
#define iommu_pages_list_splice(from, to) ((to)->pages = (from)->pages)
#define atomic_read_acquire(v) ((v)->counter)
#define atomic_read(v) ((v)->counter)
#define lockdep_assert_held(lock) ((void)(lock))
#define IOMMU_DMA_QUEUE_FEW 2U
#define MANY 4U

#define spinlock_t int

struct timer_list {
	int unused;
};

#undef READ_ONCE
#define READ_ONCE(x) (x)
/* There is one CPU */
#define smp_load_acquire(p) (*(p))
/* There is one CPU */
#define smp_store_release(p, value) (*(p) = (value))
#define __percpu

/* Of stats.h: nothing here counts */
struct iommu_dma_flush_stats {
	int unused;
};

struct iommu_dma_queue_stats {
	int unused;
};

/* Of iova.h, and of iommu-pages.h: they note what is released */
struct iommu_dma_space {
	unsigned int shift;
};

static struct iommu_dma_space space;
static dma_addr_t released[MANY];
static unsigned int count;

static bool iommu_dma_space_free(struct iommu_dma_space *space, dma_addr_t iova,
				 size_t size)
{
	released[count++] = iova;
	return true;
}

/* The oracle, which only looks on */
static void iommu_dma_debug_release_late(struct iommu_dma_space *space,
					 dma_addr_t iova, size_t size)
{
}

static void iommu_put_pages_list(struct iommu_pages_list *list)
{
	list->pages = 0;
}

/* Made by check.sh: the functions and structures of flush.c and flush.h */
#include "ring.h"

static struct iommu_dma_flush flush = { .space = &space };
static struct iommu_dma_queue queue, before;
static struct iommu_dma_waiting large[MANY];

/* The entry of number n has IOVA n: who is confused is found out */
static void any_queue(void)
{
	unsigned int many = nondet_uint();

	assume(many <= IOMMU_DMA_QUEUE_FEW);
	queue.flush = &flush;
	queue.ring = queue.few;
	queue.mask = IOMMU_DMA_QUEUE_FEW - 1;
	queue.head = nondet_uint();
	queue.tail = queue.head + many;
	for (unsigned int i = 0; i < many; i++) {
		struct iommu_dma_waiting *entry =
			entry_at(&queue, queue.head + i);

		entry->iova = (u32)(queue.head + i);
		entry->granules = 1;
		entry->started = nondet_uint();
	}
	flush.finished.counter = nondet_uint();
	before = queue;
}

static unsigned int any_waiting(void)
{
	unsigned int number = nondet_uint();

	assume(number - before.head < before.tail - before.head);
	return number;
}

/* Show that a ring knows how much there is in it, also when its numbers wrap around */
void show_waiting(void)
{
	unsigned int other;

	any_queue();
	show(waiting(&queue) <= IOMMU_DMA_QUEUE_FEW);
	show(full(&queue) == (waiting(&queue) == IOMMU_DMA_QUEUE_FEW));
	/* What is queued next does not overwrite what waits */
	other = any_waiting();
	show(implies(!full(&queue),
		     entry_at(&queue, queue.tail) != entry_at(&queue, other)));
	show(entry_at(&queue, other) >= queue.few &&
	     entry_at(&queue, other) < queue.few + IOMMU_DMA_QUEUE_FEW);
	cover(queue.tail < queue.head && full(&queue));
}

/* Show that a larger ring has the same in it, under the same numbers */
void show_move_to(void)
{
	unsigned int number;

	any_queue();
	number = any_waiting();
	show(!move_to(&queue, large, MANY));
	show(queue.ring == large &&
	     waiting(&queue) == before.tail - before.head);
	show(entry_at(&queue, number)->iova == number);
	show(entry_at(&queue, number)->started ==
	     before.few[number & before.mask].started);
	show(!full(&queue));
	cover(queue.tail < queue.head);
}

/*
 * Show that is_flushed() compares the numbers that the counters would have if they did
 * not wrap around, as long as these are not half a revolution apart.
 */
void show_is_flushed(void)
{
	u64 finished = nondet_u64(), started = nondet_u64();
	u64 apart = finished > started ? finished - started :
					 started - finished;

	assume(finished < 1ULL << 40 && started < 1ULL << 40);
	assume(apart < 1ULL << 31);
	flush.finished.counter = finished;
	show(is_flushed(&flush, started) == (finished > started));
	cover((u32)finished < (u32)started && finished > started);
}

/* Show that the oldest go first, each once, as many as may, and only flushed ones */
void show_release_some(void)
{
	unsigned int most = nondet_uint() % 4, at = nondet_uint();
	struct iommu_dma_waiting bad;

	any_queue();
	show(!release_some(&queue, most, &bad));
	show(count <= most && count <= before.tail - before.head);
	show(queue.head == before.head + count && queue.tail == before.tail);
	assume(at < count);
	show(released[at] == (u32)(before.head + at));
	show(is_flushed(&flush,
			before.few[(before.head + at) & before.mask].started));
	show(count == most || !waiting(&queue) || !oldest_flushed(&queue));
	cover(count == 2 && queue.tail < before.head);
}
