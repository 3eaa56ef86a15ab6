/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunks: 512 granules with a map of their own.
 *
 * chunk.c includes this and nothing else, so that it builds in user space.
 */
#ifndef __DMA_IOMMU_CHUNK_H
#define __DMA_IOMMU_CHUNK_H

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/unroll.h>

#include "region.h"

#define IOMMU_DMA_CHUNK_GRANULES 512U
#define IOMMU_DMA_CHUNK_ORDER ilog2(IOMMU_DMA_CHUNK_GRANULES)
#define IOMMU_DMA_CHUNK_WORDS (IOMMU_DMA_CHUNK_GRANULES / BITS_PER_LONG)

/* iommu_dma_chunk::plain of a chunk that is not: far from all granules there are */
#define IOMMU_DMA_CHUNK_NOT_PLAIN (-(unsigned long)IOMMU_DMA_CHUNK_GRANULES)

/* What zone.c knows of a chunk that no CPU allocates from */
enum iommu_dma_chunk_state {
	/* Nothing: somebody is at it, and has the lock of the zone */
	IOMMU_DMA_CHUNK_LONE,
	/* It is full: who gives back has to tell */
	IOMMU_DMA_CHUNK_FULL,
	/* It has some room, and is marked so: found when space is scarce */
	IOMMU_DMA_CHUNK_ROOM,
	/* It has enough room to be worth a CPU's while, and is listed so */
	IOMMU_DMA_CHUNK_READY,
	/* It was empty, and is kept for who needs a chunk next */
	IOMMU_DMA_CHUNK_EMPTY,
	/* It has gone away: only its memory is left */
	IOMMU_DMA_CHUNK_GONE,
};

/**
 * struct iommu_dma_chunk - 512 granules with a map of their own
 * @map: a bit per granule, set if it cannot be taken
 * @joined: a bit per granule, set if it was taken together with the one below
 * @claimed: a bit per granule, set if it is taken for good: reserved, quarantined, or
 *	     not the chunk's own. What is quarantined is joined as well, from its start on
 * @base: granule of bit 0, a multiple of 512
 * @plain: @base, if nothing is claimed; else a number that is far from all granules
 * @from: first bit that is the chunk's own; those below are set for good
 * @to: last bit that is the chunk's own; those above are set for good
 * @users: 1 if a CPU has it in its ring, else 0
 * @state: enum iommu_dma_chunk_state, while there are no @users
 * @class: which requests the chunk is for
 * @next: the next one in a CPU's ring; NULL if it never was in one
 * @ring: which ring that is
 * @late: it is in iommu_dma_zone::late
 * @region: the chunk's place in its zone
 * @list: in iommu_dma_zone::ready, ::empty or ::unused
 * @late_node: in iommu_dma_zone::late
 *
 * The maps are written by any CPU, without a lock, with atomic operations, and so is
 * @late. All else is written under the lock of the zone, and @plain without it as
 * well; @base to @ring are read without it.
 */
struct iommu_dma_chunk {
	unsigned long map[IOMMU_DMA_CHUNK_WORDS];
	unsigned long joined[IOMMU_DMA_CHUNK_WORDS];
	unsigned long claimed[IOMMU_DMA_CHUNK_WORDS];
	unsigned long base;
	unsigned long plain;
	u16 from;
	u16 to;
	unsigned int users;
	u8 state;
	u8 class;
	unsigned int late;
	struct iommu_dma_chunk *next;
	const void *ring;
	struct iommu_dma_region *region;
	struct list_head list;
	struct llist_node late_node;
} ____cacheline_aligned;

/*
 * What most mappings need is inline: granules that lie in one word of the map.
 * chunk.c says what the operations mean for other CPUs.
 */

/* Bits of @clear that start a run of @count bits, all in the word */
static inline unsigned long iommu_dma_word_runs(unsigned long clear,
						unsigned int count)
{
	unsigned int have = 1;

	while (have < count) {
		unsigned int more = min(have, count - have);

		clear &= clear >> more;
		have += more;
	}
	return clear;
}

/* Bits of a word that are @offset above a multiple of @align, both up to a word */
static inline unsigned long iommu_dma_word_starts(unsigned int align,
						  unsigned int offset)
{
	if (align == 1)
		return ~0UL;
	if (align == BITS_PER_LONG)
		return 1UL << offset;
	return (~0UL / ((1UL << align) - 1)) << offset;
}

/* Clear the bits of @mask in @word. True if all were set. A full barrier. */
static inline bool iommu_dma_word_clear(unsigned long *word, unsigned long mask)
{
	unsigned long old =
		atomic_long_fetch_andnot(mask, (atomic_long_t *)word);

	return !(mask & ~old);
}

static inline void iommu_dma_word_set(unsigned long *word, unsigned long mask)
{
	atomic_long_or(mask, (atomic_long_t *)word);
}

/**
 * iommu_dma_chunk_take_in_word() - Take granules that lie in one word
 * @chunk: the chunk
 * @count: granules, not more than a word has bits
 * @starts: bits of each word where they may begin
 * @last: last bit that may be taken
 *
 * Takes a step of some ten instructions for each of the chunk's 8 words, 16 on 32
 * bits. Where other CPUs take from the chunk at the same time, steps are repeated,
 * each time because another CPU has changed the word.
 *
 * Context: Any context.
 * Return: bit of the first granule, or -1 if there is no such run.
 */
static __always_inline int
iommu_dma_chunk_take_in_word(struct iommu_dma_chunk *chunk, unsigned int count,
			     unsigned long starts, unsigned int last)
{
	unsigned long *end = &chunk->map[last / BITS_PER_LONG];
	unsigned long bits = ~0UL >> (BITS_PER_LONG - count);

	for (unsigned long *word = chunk->map;; word++) {
		unsigned long old = READ_ONCE(*word);

		for (;;) {
			unsigned int base = (word - chunk->map) * BITS_PER_LONG;
			unsigned long fit = starts;
			unsigned int bit;

			/* What is empty or full is quick */
			if (!old)
				fit &= ~0UL >> (count - 1);
			else
				fit &= ~old ? iommu_dma_word_runs(~old, count) :
					      0;
			if (!fit)
				break;
			bit = __ffs(fit);
			if (base + bit + count - 1 > last)
				return -1;
			if (!try_cmpxchg_acquire(word, &old, old | bits << bit))
				continue;
			if (count > 1)
				iommu_dma_word_set(&chunk->joined[base / BITS_PER_LONG],
						   (bits - 1) << bit);
			return base + bit;
		}
		if (word == end)
			return -1;
	}
}

/**
 * iommu_dma_chunk_give_in_word() - Give granules back that lie in one word
 * @chunk: the chunk, of which nothing is claimed
 * @first: bit of the first granule
 * @count: granules; the last one is in the same word as the first
 *
 * Takes one step.
 *
 * Context: Any context.
 * Return: true; false, and nothing is changed, if these are not granules that were
 * taken together, and all of them.
 */
static __always_inline bool
iommu_dma_chunk_give_in_word(struct iommu_dma_chunk *chunk, unsigned int first,
			     unsigned int count)
{
	unsigned int word = first / BITS_PER_LONG;
	unsigned long bits = ~0UL >> (BITS_PER_LONG - count);
	unsigned long mask = bits << (first % BITS_PER_LONG);
	unsigned long joined = (bits - 1) << (first % BITS_PER_LONG);

	/* What is above must not be joined to it, either */
	if ((READ_ONCE(chunk->joined[word]) & (mask | mask << 1)) != joined)
		return false;
	if (unlikely((long)mask < 0))
		if (word < IOMMU_DMA_CHUNK_WORDS - 1 &&
		    READ_ONCE(chunk->joined[word + 1]) & 1)
			return false;
	if (count > 1 && !iommu_dma_word_clear(&chunk->joined[word], joined))
		return false;
	return iommu_dma_word_clear(&chunk->map[word], mask);
}

int iommu_dma_chunk_take(struct iommu_dma_chunk *chunk,
			 const struct iommu_dma_want *want, u64 *granule);
bool iommu_dma_chunk_give(struct iommu_dma_chunk *chunk, unsigned int first,
			  unsigned int count);
void iommu_dma_chunk_open(struct iommu_dma_chunk *chunk, unsigned long base);
bool iommu_dma_chunk_retract(struct iommu_dma_chunk *chunk, unsigned int first,
			     unsigned int count);
bool iommu_dma_chunk_claim(struct iommu_dma_chunk *chunk, unsigned int first,
			   unsigned int last);
unsigned int iommu_dma_chunk_room(const struct iommu_dma_chunk *chunk);
bool iommu_dma_chunk_empty(const struct iommu_dma_chunk *chunk);
bool iommu_dma_chunk_take_all(struct iommu_dma_chunk *chunk);
bool iommu_dma_chunk_give_all(struct iommu_dma_chunk *chunk);
bool iommu_dma_chunk_quarantine(struct iommu_dma_chunk *chunk,
				unsigned int first, unsigned int count);
bool iommu_dma_chunk_quarantined(const struct iommu_dma_chunk *chunk,
				 unsigned int first, unsigned int count);
bool iommu_dma_chunk_next_used(const struct iommu_dma_chunk *chunk,
			       unsigned int *bit, unsigned int *count);
bool iommu_dma_chunk_ends(const struct iommu_dma_chunk *chunk,
			  unsigned int *from, unsigned int *to);

#endif /* __DMA_IOMMU_CHUNK_H */
