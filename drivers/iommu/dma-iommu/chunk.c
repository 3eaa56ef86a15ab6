// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunks: 512 granules with a map of their own.
 *
 * Owns the map: a bit per granule, 64 bytes for 512 of them. Taking granules is
 * finding a run of clear bits and setting them, giving them back is clearing them.
 * Both are atomic operations on the words of the map, so that any CPU may do either
 * at any time, in any context, without a lock: that a CPU has a chunk to itself only
 * means that it seldom has to try twice.
 *
 * A run over several words is set word by word, upwards. Who finds a word changed
 * on the way clears what it has set and looks again.
 *
 * A second map has the last granule of each run. Who gives a run back has to clear
 * that bit first, and finds it only where a run of this length ends: so a run is
 * given back once, as a whole, or not at all.
 *
 * The idea of CPUs with bit maps of their own below a shared structure is from
 * LLFree (Wrenger et al., USENIX ATC 2023).
 *
 * Ordering. Setting is an acquire, clearing a release, on the word itself. They
 * pair: all that was done for a granule's last owner, above all the invalidation of
 * the IOTLB, comes before all that is done for its next. After clearing there is a
 * full barrier, which pairs with smp_mb() in zone.c's settle().
 *
 * Locks: none.
 */

#include "chunk.h"

/* The bits of word number @word that lie in [first, last] of the map */
static unsigned long word_mask(unsigned int word, unsigned int first,
			       unsigned int last)
{
	unsigned long mask = ~0UL;

	if (word == first / BITS_PER_LONG)
		mask &= ~0UL << (first % BITS_PER_LONG);
	if (word == last / BITS_PER_LONG)
		mask &= ~0UL >> (BITS_PER_LONG - 1 - last % BITS_PER_LONG);
	return mask;
}

/* Set the bits of @mask in @word if all are clear */
static bool set_bits(unsigned long *word, unsigned long mask)
{
	unsigned long old = READ_ONCE(*word);

	do {
		if (old & mask)
			return false;
	} while (!try_cmpxchg_acquire(word, &old, old | mask));
	return true;
}

/* Clear the bits of @mask, which are the caller's, in @word. A full barrier. */
static void clear_bits(unsigned long *word, unsigned long mask)
{
	unsigned long old = READ_ONCE(*word);

	while (!try_cmpxchg(word, &old, old & ~mask))
		;
}

/* Bits of @clear that start a run of @count bits, all in the word */
static unsigned long runs(unsigned long clear, unsigned int count)
{
	unsigned int have = 1;

	while (have < count) {
		unsigned int more = min(have, count - have);

		clear &= clear >> more;
		have += more;
	}
	return clear;
}

/* Bits of a word that are @offset above a multiple of @align */
static unsigned long aligned_bits(unsigned int align, unsigned int offset)
{
	if (align == 1)
		return ~0UL;
	if (align == BITS_PER_LONG)
		return 1UL << offset;
	return (~0UL / ((1UL << align) - 1)) << offset;
}

/* The lowest bit from @bit on that is @offset above a multiple of @align */
static unsigned int align_up(unsigned int bit, unsigned int align,
			     unsigned int offset)
{
	if (bit <= offset)
		return offset;
	return ALIGN(bit - offset, align) + offset;
}

/* Highest bit in [first, last] that is set, or -1 */
static int last_set(const struct iommu_dma_chunk *chunk, unsigned int first,
		    unsigned int last)
{
	int word = last / BITS_PER_LONG, lowest = first / BITS_PER_LONG;

	for (; word >= lowest; word--) {
		unsigned long bits = READ_ONCE(chunk->map[word]) &
				     word_mask(word, first, last);

		if (bits)
			return word * BITS_PER_LONG + __fls(bits);
	}
	return -1;
}

/* Lowest bit in [first, last] that is set, or -1 */
static int first_set(const struct iommu_dma_chunk *chunk, unsigned int first,
		     unsigned int last)
{
	unsigned int word = first / BITS_PER_LONG;

	for (; word <= last / BITS_PER_LONG; word++) {
		unsigned long bits = READ_ONCE(chunk->map[word]) &
				     word_mask(word, first, last);

		if (bits)
			return word * BITS_PER_LONG + __ffs(bits);
	}
	return -1;
}

/* A run within one word, for a size and an alignment up to a word, or -1 */
static int take_in_word(struct iommu_dma_chunk *chunk, unsigned int count,
			unsigned int align, unsigned int offset,
			unsigned int last)
{
	unsigned long starts, wanted = aligned_bits(align, offset);
	unsigned long bits = ~0UL >> (BITS_PER_LONG - count);
	unsigned int word, bit;

	for (word = 0; word <= last / BITS_PER_LONG; word++) {
		unsigned long old = READ_ONCE(chunk->map[word]);

		do {
			starts = runs(~old, count) & wanted;
			if (!starts)
				break;
			bit = __ffs(starts);
			if (word * BITS_PER_LONG + bit + count - 1 > last)
				return -1;
			if (try_cmpxchg_acquire(&chunk->map[word], &old,
						old | bits << bit))
				return word * BITS_PER_LONG + bit;
		} while (1);
	}
	return -1;
}

/* A run, not longer than a word, from one word into the next; or -1 */
static int take_across(struct iommu_dma_chunk *chunk, unsigned int count,
		       unsigned int align, unsigned int offset,
		       unsigned int last)
{
	unsigned int border;

	for (border = BITS_PER_LONG; border <= last; border += BITS_PER_LONG) {
		int busy = last_set(chunk, border - BITS_PER_LONG, border - 1);
		unsigned int first = busy < 0 ? border - BITS_PER_LONG :
						(unsigned int)busy + 1;

		first = align_up(first, align, offset);
		if (first >= border || first + count - 1 > last)
			continue;
		if (iommu_dma_chunk_claim(chunk, first, first + count - 1))
			return first;
	}
	return -1;
}

/* A run of any length anywhere, or -1. Each step passes a bit that is set. */
static int take_long(struct iommu_dma_chunk *chunk, unsigned int count,
		     unsigned int align, unsigned int offset, unsigned int last)
{
	unsigned int first = offset;
	int busy;

	while (first + count - 1 <= last) {
		busy = last_set(chunk, first, first + count - 1);
		if (busy >= 0)
			first = align_up(busy + 1, align, offset);
		else if (iommu_dma_chunk_claim(chunk, first, first + count - 1))
			return first;
	}
	return -1;
}

/**
 * iommu_dma_chunk_take() - Take granules that follow each other
 * @chunk: the chunk
 * @want: the request, for 512 granules at most
 * @granule: set to the first granule on success
 *
 * Exact: a run that fits is found wherever it is. Takes a step of some ten
 * instructions for each of the chunk's 8 words (16 on 32 bits) and each border
 * between two, or, for a request of more than a word, at most one per granule of
 * the chunk. Where other CPUs take from the chunk at the same time, steps are
 * repeated, each time because another CPU has changed the word.
 *
 * Context: Any context. The chunk cannot be freed meanwhile.
 * Return: true, or false if there is no such run.
 */
bool iommu_dma_chunk_take(struct iommu_dma_chunk *chunk,
			  const struct iommu_dma_want *want, u64 *granule)
{
	unsigned int count = want->count, align = want->align;
	unsigned int offset = want->offset, last = READ_ONCE(chunk->to);
	int first;

	if (want->limit < chunk->base)
		return false;
	if (want->limit - chunk->base < last)
		last = want->limit - chunk->base;

	if (want->align > IOMMU_DMA_CHUNK_GRANULES) {
		u64 bit = (want->offset - chunk->base) & (want->align - 1);

		/* No more than one place here has this alignment */
		if (bit > last)
			return false;
		align = IOMMU_DMA_CHUNK_GRANULES;
		offset = bit;
	}

	if (count <= BITS_PER_LONG && align <= BITS_PER_LONG) {
		first = take_in_word(chunk, count, align, offset, last);
		if (first < 0 && count > 1)
			first = take_across(chunk, count, align, offset, last);
	} else {
		first = take_long(chunk, count, align, offset, last);
	}
	if (first < 0)
		return false;

	set_bit(first + count - 1, chunk->lasts);
	*granule = chunk->base + first;
	return true;
}

/**
 * iommu_dma_chunk_claim() - Take given granules
 * @chunk: the chunk
 * @first: bit of the first granule
 * @last: bit of the last granule
 *
 * Takes a step per word.
 *
 * Context: Any context. The chunk cannot be freed meanwhile.
 * Return: true; false, and nothing is changed, if one of them is taken.
 */
bool iommu_dma_chunk_claim(struct iommu_dma_chunk *chunk, unsigned int first,
			   unsigned int last)
{
	unsigned int begin = first / BITS_PER_LONG, word;

	for (word = begin; word <= last / BITS_PER_LONG; word++) {
		if (set_bits(&chunk->map[word], word_mask(word, first, last)))
			continue;
		while (word-- > begin)
			clear_bits(&chunk->map[word],
				   word_mask(word, first, last));
		return false;
	}
	return true;
}

/* True for one caller, if exactly these granules were taken together */
static bool disown(struct iommu_dma_chunk *chunk, unsigned int first,
		   unsigned int last)
{
	unsigned int word = first / BITS_PER_LONG, end = last / BITS_PER_LONG;

	for (; word < end; word++)
		if (READ_ONCE(chunk->lasts[word]) &
		    word_mask(word, first, last))
			return false;
	if ((READ_ONCE(chunk->lasts[end]) & word_mask(end, first, last)) !=
	    BIT_MASK(last))
		return false;
	return test_and_clear_bit(last, chunk->lasts);
}

/**
 * iommu_dma_chunk_give() - Give granules back
 * @chunk: the chunk
 * @first: bit of the first granule
 * @count: granules, not beyond the end of the chunk
 *
 * Takes two steps per word.
 *
 * Context: Any context. The chunk cannot be freed meanwhile.
 * Return: true; false, and nothing is changed, if these are not granules that were
 * taken together, and all of them.
 */
bool iommu_dma_chunk_give(struct iommu_dma_chunk *chunk, unsigned int first,
			  unsigned int count)
{
	unsigned int last = first + count - 1, end = last / BITS_PER_LONG;
	unsigned int word = first / BITS_PER_LONG;

	if (!disown(chunk, first, last))
		return false;

	for (; word < end; word++) {
		unsigned long mask = word_mask(word, first, last);

		/* Nobody but the caller writes to a word that is all its own */
		if (mask == ~0UL)
			smp_store_release(&chunk->map[word], 0);
		else
			clear_bits(&chunk->map[word], mask);
	}
	clear_bits(&chunk->map[end], word_mask(end, first, last));
	return true;
}

/**
 * iommu_dma_chunk_quarantine() - Make sure that granules are never given back
 * @chunk: the chunk
 * @first: bit of the first granule
 * @count: granules, not beyond the end of the chunk
 *
 * Takes two steps per word.
 *
 * Context: Any context. The chunk cannot be freed meanwhile.
 * Return: true; false if one of them is not taken.
 */
bool iommu_dma_chunk_quarantine(struct iommu_dma_chunk *chunk,
				unsigned int first, unsigned int count)
{
	unsigned int last = first + count - 1, word;

	for (word = first / BITS_PER_LONG; word <= last / BITS_PER_LONG; word++)
		if (~READ_ONCE(chunk->map[word]) & word_mask(word, first, last))
			return false;
	disown(chunk, first, last);
	return true;
}

/**
 * iommu_dma_chunk_room() - How much can be taken?
 * @chunk: the chunk
 *
 * Takes a step per word.
 *
 * Context: Any context. The chunk cannot be freed meanwhile.
 * Return: granules, in one piece or not. May be out of date.
 */
unsigned int iommu_dma_chunk_room(const struct iommu_dma_chunk *chunk)
{
	unsigned int room = 0;

	for (unsigned int word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++)
		room += hweight_long(~READ_ONCE(chunk->map[word]));
	return room;
}

/**
 * iommu_dma_chunk_empty() - Can all of a chunk's own granules be taken?
 * @chunk: the chunk
 *
 * Takes a step per word.
 *
 * Context: Any context. The chunk cannot be freed meanwhile.
 * Return: true or false. May be out of date.
 */
bool iommu_dma_chunk_empty(const struct iommu_dma_chunk *chunk)
{
	return last_set(chunk, READ_ONCE(chunk->from), READ_ONCE(chunk->to)) <
	       0;
}

/**
 * iommu_dma_chunk_ends() - What of a chunk's own granules is between free ends?
 * @chunk: the chunk
 * @from: set to the lowest bit that is taken
 * @to: set to the highest bit that is taken
 *
 * Takes two steps per word.
 *
 * Context: Any context. The lock of the zone is held. May be out of date.
 * Return: false if nothing is taken.
 */
bool iommu_dma_chunk_ends(const struct iommu_dma_chunk *chunk,
			  unsigned int *from, unsigned int *to)
{
	int lowest = first_set(chunk, chunk->from, chunk->to);

	*from = lowest;
	*to = last_set(chunk, chunk->from, chunk->to);
	return lowest >= 0 && *to <= chunk->to;
}
