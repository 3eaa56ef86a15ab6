// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proofs about the bit maps of chunk.c and chunk.h.
 *
 * A map has any content, unless it says otherwise.
 *
 * Bounds: a chunk of 128 granules, in two words, instead of 512 in eight. What several
 * CPUs do to it at once is for interleave.c.
 */

#include "show.h"

#include "chunk.c"

#define GRANULES IOMMU_DMA_CHUNK_GRANULES

static struct iommu_dma_chunk chunk, before;

static void any_chunk(void)
{
	for (unsigned int word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++) {
		chunk.map[word] = nondet_ulong();
		chunk.joined[word] = nondet_ulong();
		chunk.claimed[word] = nondet_ulong();
	}
	chunk.base = nondet_ulong();
	assume(chunk.base % GRANULES == 0 && chunk.base < 1UL << 52);
	chunk.from = 0;
	chunk.to = GRANULES - 1;
	before = chunk;
}

/* Any granule is as good as another: what is shown for one is shown for all */
static unsigned int any_bit(void)
{
	unsigned int bit = nondet_uint();

	assume(bit < GRANULES);
	return bit;
}

static unsigned int any_align(unsigned int most)
{
	unsigned int order = nondet_uint();

	assume(order < 32 && 1U << order <= most);
	return 1U << order;
}

/* Show that word_mask() has the bits of a word that are in a stretch, and no others */
void show_word_mask(void)
{
	unsigned int first = any_bit(), last = any_bit(), bit = any_bit();
	unsigned int word = bit / BITS_PER_LONG;

	assume(first <= last);
	assume(word >= first / BITS_PER_LONG && word <= last / BITS_PER_LONG);
	show((word_mask(word, first, last) >> bit % BITS_PER_LONG & 1) ==
	     (bit >= first && bit <= last));
	cover(first / BITS_PER_LONG < last / BITS_PER_LONG);
}

/* Show that align_up() finds the lowest bit that is aligned, and not below */
void show_align_up(void)
{
	unsigned int align = any_align(GRANULES), offset = nondet_uint();
	unsigned int bit = nondet_uint(), other = nondet_uint(), up;

	assume(offset < align && bit <= GRANULES && other <= 2 * GRANULES);
	up = align_up(bit, align, offset);
	show(up >= bit && (up & (align - 1)) == offset);
	show(!(other >= bit && other < up && (other & (align - 1)) == offset));
	cover(up > bit && offset);
}

/* Show that iommu_dma_word_runs() finds each run of a length, and no other */
void show_word_runs(void)
{
	unsigned long clear = nondet_ulong(), run, starts;
	unsigned int count = nondet_uint(), bit = nondet_uint();

	assume(count >= 1 && count <= BITS_PER_LONG);
	assume(bit < BITS_PER_LONG);
	starts = iommu_dma_word_runs(clear, count);
	run = ~0UL >> (BITS_PER_LONG - count) << bit;
	show((starts >> bit & 1) ==
	     (bit + count <= BITS_PER_LONG && (clear & run) == run));
	cover(count == 37 && starts && ~clear);
}

/* Show that iommu_dma_word_starts() has the bits at an offset from an alignment */
void show_word_starts(void)
{
	unsigned int align = any_align(BITS_PER_LONG), offset = nondet_uint();
	unsigned int bit = nondet_uint();

	assume(offset < align && bit < BITS_PER_LONG);
	show((iommu_dma_word_starts(align, offset) >> bit & 1) ==
	     ((bit & (align - 1)) == offset));
	cover(align == 8 && offset == 5);
}

/* Show that [first, first + count) was free, is taken, and nothing else is changed */
static void show_taken(unsigned int first, unsigned int count)
{
	unsigned int bit = any_bit();
	bool inside = bit >= first && bit < first + count;

	show(first < GRANULES && count <= GRANULES - first);
	show(implies(inside, !bit_of(before.map, bit)));
	show(bit_of(chunk.map, bit) == (inside || bit_of(before.map, bit)));
	show(bit_of(chunk.joined, bit) ==
	     ((inside && bit > first) || bit_of(before.joined, bit)));
	show(bit_of(chunk.claimed, bit) == bit_of(before.claimed, bit));
}

static void show_unchanged(void)
{
	unsigned int bit = any_bit();

	show(bit_of(chunk.map, bit) == bit_of(before.map, bit));
	show(bit_of(chunk.joined, bit) == bit_of(before.joined, bit));
	show(bit_of(chunk.claimed, bit) == bit_of(before.claimed, bit));
}

/* Would [first, first + count) have been free? */
static bool was_free(unsigned int first, unsigned int count)
{
	for (unsigned int word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++) {
		unsigned int low = word * BITS_PER_LONG;
		unsigned int from = max(low, first);
		unsigned int end = min(low + BITS_PER_LONG, first + count);

		if (from < end && before.map[word] & ~0UL << (from - low) &
					  ~0UL >> (low + BITS_PER_LONG - end))
			return false;
	}
	return true;
}

/*
 * Show that iommu_dma_chunk_take_in_word() takes what was free, where it may and
 * nowhere else, and that it finds it wherever it is.
 */
void show_take_in_word(void)
{
	unsigned int count = nondet_uint(), align = any_align(BITS_PER_LONG);
	unsigned int offset = nondet_uint(), last = any_bit(),
		     other = any_bit();
	unsigned long starts;
	int bit;

	any_chunk();
	assume(count >= 1 && count <= BITS_PER_LONG && offset < align);
	starts = iommu_dma_word_starts(align, offset);
	bit = iommu_dma_chunk_take_in_word(&chunk, count, starts, last);
	if (bit >= 0) {
		show_taken(bit, count);
		show(bit % align == offset && bit + count - 1 <= last);
		show(bit / BITS_PER_LONG == (bit + count - 1) / BITS_PER_LONG);
		cover(bit > 70 && count > 5 && align == 4);
		return;
	}
	show_unchanged();
	show(!(other % align == offset && other + count - 1 <= last &&
	       other % BITS_PER_LONG + count <= BITS_PER_LONG &&
	       was_free(other, count)));
	cover(count == 7);
}

/*
 * Show that take_across() finds the runs from one word into the next, takes one of them,
 * and changes nothing else.
 */
void show_take_across(void)
{
	unsigned int count = nondet_uint(), align = any_align(BITS_PER_LONG);
	unsigned int offset = nondet_uint(), last = any_bit(),
		     other = any_bit();
	bool held = false;
	int first;

	any_chunk();
	assume(count >= 1 && count <= BITS_PER_LONG && offset < align);
	first = take_across(&chunk, count, align, offset, last, &held);
	if (first >= 0) {
		if (count > 1)
			set_range(chunk.joined, first + 1, first + count - 1);
		show_taken(first, count);
		show((first & (align - 1)) == offset &&
		     first + count - 1 <= last);
		cover(first % BITS_PER_LONG + count > BITS_PER_LONG + 2);
		return;
	}
	show_unchanged();
	show(!((other & (align - 1)) == offset && other + count - 1 <= last &&
	       other % BITS_PER_LONG + count > BITS_PER_LONG &&
	       was_free(other, count)));
	cover(last > BITS_PER_LONG);
}

/*
 * Show that take_long() finds any run that is longer than a word.
 *
 * Bounds: one granule is taken, or none: then the search looks again once. The
 * alignment is that of a word, or none.
 */
void show_take_long(void)
{
	unsigned int count = nondet_uint(),
		     align = nondet_bool() ? 1 : BITS_PER_LONG;
	unsigned int offset = nondet_uint(), last = any_bit(),
		     other = any_bit();
	unsigned int busy = any_bit();
	bool held = false;
	int first;

	any_chunk();
	assume(count >= 1 && count <= GRANULES && offset < align);
	assume(count > BITS_PER_LONG);
	for (unsigned int word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++) {
		chunk.map[word] = 0;
		chunk.joined[word] = 0;
	}
	if (nondet_bool())
		chunk.map[busy / BITS_PER_LONG] = BIT_MASK(busy);
	before = chunk;
	first = take_long(&chunk, count, align, offset, last, &held);
	show(!held);
	if (first >= 0) {
		show((first & (align - 1)) == offset &&
		     first + count - 1 <= last);
		show(!bit_of(chunk.joined, first));
		if (count > 1)
			set_range(chunk.joined, first + 1, first + count - 1);
		show_taken(first, count);
		cover(first > busy && bit_of(before.map, busy));
		return;
	}
	show_unchanged();
	show(!((other & (align - 1)) == offset && other + count - 1 <= last &&
	       was_free(other, count)));
	cover(count < GRANULES);
}

/* Is [first, last] a run that was taken together, and not for good? */
static bool was_run(unsigned int first, unsigned int last)
{
	bool all = !(last < GRANULES - 1 && bit_of(before.joined, last + 1) &&
		     !bit_of(before.claimed, last + 1));

	for (unsigned int word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++) {
		unsigned int low = word * BITS_PER_LONG;
		unsigned int from = max(low, first);
		unsigned int end = min(low + BITS_PER_LONG, last + 1);
		unsigned long mask;

		if (from >= end)
			continue;
		mask = ~0UL << (from - low) &
		       ~0UL >> (low + BITS_PER_LONG - end);
		all &= (before.map[word] & mask) == mask;
		all &= !(before.claimed[word] & mask);
		if (from == first)
			all &= !bit_of(before.joined, first);
		mask &= ~(from == first ? BIT_MASK(first) : 0);
		all &= (before.joined[word] & mask) == mask;
	}
	return all;
}

static void show_given(unsigned int first, unsigned int count)
{
	unsigned int bit = any_bit();
	bool inside = bit >= first && bit < first + count;

	show(bit_of(chunk.map, bit) == (!inside && bit_of(before.map, bit)));
	show(bit_of(chunk.joined, bit) ==
	     (!inside && bit_of(before.joined, bit)));
	show(bit_of(chunk.claimed, bit) == bit_of(before.claimed, bit));
}

/* Show that iommu_dma_chunk_give() gives back a whole run, and changes nothing else */
void show_give(void)
{
	unsigned int first = any_bit(), count = nondet_uint();

	any_chunk();
	assume(count >= 1 && count <= GRANULES - first);
	if (iommu_dma_chunk_give(&chunk, first, count)) {
		show(was_run(first, first + count - 1));
		show_given(first, count);
		cover(count == 100);
	} else {
		show(!was_run(first, first + count - 1));
		show_unchanged();
		cover(count == 1);
	}
}

/* Show that iommu_dma_chunk_give_in_word() does, in a chunk without claims */
void show_give_in_word(void)
{
	unsigned int first = any_bit(), count = nondet_uint();

	any_chunk();
	for (unsigned int word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++) {
		chunk.claimed[word] = 0;
		/* Nothing is joined that is not taken */
		chunk.map[word] |= chunk.joined[word];
	}
	before = chunk;
	assume(count >= 1 && count <= BITS_PER_LONG - first % BITS_PER_LONG);
	/* Nor to what is not: who gives back an end has the whole */
	assume(implies(bit_of(chunk.joined, first + count - 1) && count > 1,
		       bit_of(chunk.map, first)));
	if (iommu_dma_chunk_give_in_word(&chunk, first, count)) {
		show(was_run(first, first + count - 1));
		show_given(first, count);
		cover(count == 20);
	} else {
		show(!was_run(first, first + count - 1));
		show_unchanged();
		cover(count == 1);
	}
}

/* Show that all of a chunk is taken, or nothing is changed; and so given back */
void show_take_all(void)
{
	any_chunk();
	for (unsigned int word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++)
		chunk.joined[word] &= chunk.map[word];
	before = chunk;
	if (iommu_dma_chunk_take_all(&chunk)) {
		show_taken(0, GRANULES);
		before = chunk;
		show(iommu_dma_chunk_give_all(&chunk));
		show_given(0, GRANULES);
		cover(true);
	} else {
		show_unchanged();
		cover(true);
	}
}

/*
 * Show that all of a chunk is given back only if it was taken as one, where nothing
 * is claimed: iommu_dma_chunk::plain says so to who calls it.
 */
void show_give_all(void)
{
	bool given;

	any_chunk();
	for (unsigned int word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++) {
		chunk.claimed[word] = 0;
		chunk.map[word] |= chunk.joined[word];
	}
	assume(implies(bit_of(chunk.joined, 1), bit_of(chunk.map, 0)));
	before = chunk;
	given = iommu_dma_chunk_give_all(&chunk);
	show(given == was_run(0, GRANULES - 1));
	if (given)
		show_given(0, GRANULES);
	else
		show_unchanged();
	cover(given);
}

/* Show that what is claimed was free, and never given back by anybody */
void show_claim(void)
{
	unsigned int first = any_bit(), last = any_bit(), bit = any_bit();
	unsigned int give = any_bit(), count = nondet_uint();

	any_chunk();
	assume(first <= last);
	assume(count >= 1 && count <= GRANULES - give);
	if (!iommu_dma_chunk_claim(&chunk, first, last)) {
		show_unchanged();
		show(!was_free(first, last - first + 1));
		cover(true);
		return;
	}
	assume(bit >= first && bit <= last);
	show(!bit_of(before.map, bit));
	show(chunk.plain >= 1UL << 52);
	iommu_dma_chunk_give(&chunk, give, count);
	show(bit_of(chunk.map, bit) && bit_of(chunk.claimed, bit));
	cover(true);
}

/* Show that what is quarantined is never given back, nor is a part or more of it */
void show_quarantine(void)
{
	unsigned int first = any_bit(), count = nondet_uint(), bit = any_bit();
	unsigned int give = any_bit(), more = nondet_uint();

	any_chunk();
	assume(count >= 1 && count <= GRANULES - first);
	assume(more >= 1 && more <= GRANULES - give);
	assume(was_run(first, first + count - 1));
	show(iommu_dma_chunk_quarantine(&chunk, first, count));
	iommu_dma_chunk_give(&chunk, give, more);
	assume(bit >= first && bit < first + count);
	show(bit_of(chunk.map, bit) && bit_of(chunk.claimed, bit));
	cover(count > 70);
}
