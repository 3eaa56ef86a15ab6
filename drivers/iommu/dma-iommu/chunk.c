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
 * A second map says which granules were taken together with the one below. Who gives
 * a run back has to find it joined like that, and to be the one who clears it: so a
 * run is given back once and as a whole, or not at all. A single granule, which is
 * what most requests are for, is not joined to anything, and costs nothing there.
 *
 * A third map says which granules are claimed, that is, taken for good: reserved,
 * quarantined, handed to the regions, or all of them because the chunk goes away.
 *
 * The idea of CPUs with bit maps of their own below a shared structure is from
 * LLFree (Wrenger et al., USENIX ATC 2023).
 *
 * A driver that gives the same back twice is told so, unless the second time comes
 * when somebody else has the granules, or while the chunk goes away and comes back; or
 * unless it gives back a part of a run at the moment when another CPU gives back all
 * of it, which is not joined any more then, and still taken.
 *
 * Lifetime. The memory of a chunk stays a chunk of the same zone for as long as there
 * is the zone. So nobody has to be waited for, and who looks at a chunk needs neither
 * a lock nor RCU: one that has gone away has no room, and one that has come back for
 * other granules says so. Who holds granules of a chunk keeps it from going away.
 *
 * Ordering. Setting is an acquire, clearing a release, on the word itself. They
 * pair: all that was done for a granule's last owner, above all the invalidation of
 * the IOTLB, comes before all that is done for its next; and what a chunk is, before
 * what is taken from it. After clearing there is a full barrier, which pairs with
 * smp_mb() in iommu_dma_zone_settle().
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

/* @held is set if some had to be held for a while, and others may have seen that */
static bool claim_bits(struct iommu_dma_chunk *chunk, unsigned int first,
		       unsigned int last, bool *held)
{
	unsigned int begin = first / BITS_PER_LONG, word;

	for (word = begin; word <= last / BITS_PER_LONG; word++) {
		if (set_bits(&chunk->map[word], word_mask(word, first, last)))
			continue;
		while (word-- > begin) {
			iommu_dma_word_clear(&chunk->map[word],
					     word_mask(word, first, last));
			*held = true;
		}
		return false;
	}
	return true;
}

/* Set [first, last], which is the caller's, in another map than chunk::map */
static void set_range(unsigned long *map, unsigned int first, unsigned int last)
{
	unsigned int word = first / BITS_PER_LONG;

	for (; word <= last / BITS_PER_LONG; word++) {
		unsigned long mask = word_mask(word, first, last);

		/* Nobody but the caller writes to a word that is all its own */
		if (mask == ~0UL)
			WRITE_ONCE(map[word], mask);
		else
			iommu_dma_word_set(&map[word], mask);
	}
}

/* Clear [first, last], which is the caller's, in any map */
static void clear_range(unsigned long *map, unsigned int first,
			unsigned int last)
{
	unsigned int word = first / BITS_PER_LONG;

	for (; word <= last / BITS_PER_LONG; word++) {
		unsigned long mask = word_mask(word, first, last);

		/* Nobody but the caller writes to a word that is all its own */
		if (mask == ~0UL)
			/* Pairs with set_bits(): who takes it comes after */
			smp_store_release(&map[word], 0);
		else
			iommu_dma_word_clear(&map[word], mask);
	}
}

/* Is one of [first, last] set? */
static bool any_set(const unsigned long *map, unsigned int first,
		    unsigned int last)
{
	unsigned int word = first / BITS_PER_LONG;

	for (; word <= last / BITS_PER_LONG; word++)
		if (READ_ONCE(map[word]) & word_mask(word, first, last))
			return true;
	return false;
}

/* A run, not longer than a word, from one word into the next; or -1 */
static int take_across(struct iommu_dma_chunk *chunk, unsigned int count,
		       unsigned int align, unsigned int offset,
		       unsigned int last, bool *held)
{
	unsigned int border;

	for (border = BITS_PER_LONG; border <= last; border += BITS_PER_LONG) {
		int busy = last_set(chunk, border - BITS_PER_LONG, border - 1);
		unsigned int first = busy < 0 ? border - BITS_PER_LONG :
						(unsigned int)busy + 1;

		first = align_up(first, align, offset);
		if (first >= border || first + count - 1 > last)
			continue;
		if (claim_bits(chunk, first, first + count - 1, held))
			return first;
	}
	return -1;
}

/* A run of any length anywhere, or -1. Each step passes a bit that is set. */
static int take_long(struct iommu_dma_chunk *chunk, unsigned int count,
		     unsigned int align, unsigned int offset, unsigned int last,
		     bool *held)
{
	unsigned int first = offset;
	int busy;

	while (first + count - 1 <= last) {
		busy = last_set(chunk, first, first + count - 1);
		if (busy >= 0)
			first = align_up(busy + 1, align, offset);
		else if (claim_bits(chunk, first, first + count - 1, held))
			return first;
	}
	return -1;
}

/**
 * iommu_dma_chunk_open() - Make a chunk of granules of which none is taken
 * @chunk: zeroed memory, or a chunk that has been claimed as a whole
 * @base: first granule, a multiple of 512
 *
 * Others may look at the chunk as it was, and take from it as soon as it is open.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_chunk_open(struct iommu_dma_chunk *chunk, unsigned long base)
{
	unsigned int word;

	WRITE_ONCE(chunk->base, base);
	/* Pairs with contains() in zone.c: who sees it open sees where */
	smp_wmb();
	WRITE_ONCE(chunk->from, 0);
	WRITE_ONCE(chunk->to, IOMMU_DMA_CHUNK_GRANULES - 1);
	for (word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++) {
		WRITE_ONCE(chunk->joined[word], 0);
		WRITE_ONCE(chunk->claimed[word], 0);
	}
	WRITE_ONCE(chunk->plain, base);
	for (word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++)
		/* Pairs with taking: who gets granules also sees the above */
		smp_store_release(&chunk->map[word], 0);
}

/* Set all bits of @word if all are clear */
static bool take_word(unsigned long *word)
{
	unsigned long old = xchg_acquire(word, ~0UL);

	if (old)
		iommu_dma_word_clear(word, ~old);
	return !old;
}

/**
 * iommu_dma_chunk_take_all() - Take all granules of a chunk
 * @chunk: the chunk
 *
 * As iommu_dma_chunk_take(), for a request of 512 granules without a limit. Takes
 * two steps per word.
 *
 * Context: Any context.
 * Return: true; false, and nothing is changed, if one of them is taken.
 */
bool iommu_dma_chunk_take_all(struct iommu_dma_chunk *chunk)
{
	unsigned int word;

	unrolled_full
	for (word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++)
		if (!take_word(&chunk->map[word]))
			goto overtaken;

	/* All but the first one; nobody else writes there now */
	WRITE_ONCE(chunk->joined[0], ~1UL);
	unrolled_full
	for (word = 1; word < IOMMU_DMA_CHUNK_WORDS; word++)
		WRITE_ONCE(chunk->joined[word], ~0UL);
	return true;

overtaken:
	while (word--)
		/* Pairs with set_bits(), as in clear_range() */
		smp_store_release(&chunk->map[word], 0);
	return false;
}

/* A run, joined; or -1, and @held is set if some had to be held for a while */
static int take_run(struct iommu_dma_chunk *chunk, unsigned int count,
		    unsigned int align, unsigned int offset, unsigned int last,
		    bool *held)
{
	unsigned long starts;
	int first;

	if (count == IOMMU_DMA_CHUNK_GRANULES) {
		if (offset || last < count - 1 || !iommu_dma_chunk_empty(chunk))
			return -1;
		*held = true;
		return iommu_dma_chunk_take_all(chunk) ? 0 : -1;
	}

	if (count <= BITS_PER_LONG && align <= BITS_PER_LONG) {
		starts = iommu_dma_word_starts(align, offset);
		first = iommu_dma_chunk_take_in_word(chunk, count, starts,
						     last);
		if (first >= 0)
			return first;
		first = take_across(chunk, count, align, offset, last, held);
	} else {
		first = take_long(chunk, count, align, offset, last, held);
	}
	if (first >= 0 && count > 1)
		set_range(chunk->joined, first + 1, first + count - 1);
	return first;
}

/**
 * iommu_dma_chunk_take() - Take granules that follow each other
 * @chunk: the chunk
 * @want: the request, for 512 granules at most
 * @granule: set to the first granule on success
 *
 * Exact: a run that fits is found wherever it is. Takes the steps of
 * iommu_dma_chunk_take_in_word() and one for each border between two words; or, for
 * a request of more than a word, at most one per granule of the chunk. Where other
 * CPUs take from the chunk at the same time, steps are repeated, each time because
 * another CPU has changed the word.
 *
 * Context: Any context.
 * Return:
 * * %0		- it is done.
 * * %-ENOSPC	- there is no such run.
 * * %-EAGAIN	- the same, but some granules were held for a while: others may have
 *		  seen the chunk fuller than it is. If it has no users,
 *		  iommu_dma_zone_recheck() has to look at it.
 */
int iommu_dma_chunk_take(struct iommu_dma_chunk *chunk,
			 const struct iommu_dma_want *want, u64 *granule)
{
	unsigned int count = want->count, align = want->align;
	unsigned int offset = want->offset, last = READ_ONCE(chunk->to);
	unsigned long base = READ_ONCE(chunk->base);
	bool held = false;
	int first;

	if (want->limit < base)
		return -ENOSPC;
	if (want->limit - base < last)
		last = want->limit - base;

	if (want->align > IOMMU_DMA_CHUNK_GRANULES) {
		u64 bit = (want->offset - base) & (want->align - 1);

		/* No more than one place here has this alignment */
		if (bit > last)
			return -ENOSPC;
		align = IOMMU_DMA_CHUNK_GRANULES;
		offset = bit;
	}

	first = take_run(chunk, count, align, offset, last, &held);
	if (first < 0)
		return held ? -EAGAIN : -ENOSPC;

	/* It went away and came back as another one: where is not known */
	if (READ_ONCE(chunk->base) != base) {
		iommu_dma_chunk_give(chunk, first, count);
		return -EAGAIN;
	}
	*granule = base + first;
	return 0;
}

/**
 * iommu_dma_chunk_claim() - Take given granules for good
 * @chunk: the chunk
 * @first: bit of the first granule
 * @last: bit of the last granule
 *
 * They cannot be given back. Takes two steps per word.
 *
 * Context: The lock of the zone is held.
 * Return: true; false, and nothing is changed, if one of them is taken.
 */
bool iommu_dma_chunk_claim(struct iommu_dma_chunk *chunk, unsigned int first,
			   unsigned int last)
{
	bool held = false;

	if (!claim_bits(chunk, first, last, &held))
		return false;
	WRITE_ONCE(chunk->plain, IOMMU_DMA_CHUNK_NOT_PLAIN);
	set_range(chunk->claimed, first, last);
	return true;
}

/* Was exactly this taken together, and is not claimed? */
static bool is_run(const struct iommu_dma_chunk *chunk, unsigned int first,
		   unsigned int last)
{
	for (unsigned int word = first / BITS_PER_LONG;
	     word <= last / BITS_PER_LONG; word++) {
		unsigned long mask = word_mask(word, first, last);
		unsigned long joined = mask;

		if (word == first / BITS_PER_LONG)
			joined &= ~BIT_MASK(first);
		if ((READ_ONCE(chunk->joined[word]) & mask) != joined ||
		    mask & ~READ_ONCE(chunk->map[word]))
			return false;
	}
	if (any_set(chunk->claimed, first, last))
		return false;
	if (last == IOMMU_DMA_CHUNK_GRANULES - 1 ||
	    !any_set(chunk->joined, last + 1, last + 1))
		return true;
	/* What is quarantined is joined from its start on. Pairs with smp_wmb(). */
	smp_rmb();
	return any_set(chunk->claimed, last + 1, last + 1);
}

/**
 * iommu_dma_chunk_give() - Give granules back
 * @chunk: the chunk
 * @first: bit of the first granule
 * @count: granules, not beyond the end of the chunk
 *
 * Takes three steps per word.
 *
 * Context: Any context.
 * Return: true; false, and nothing is changed, if these are not granules that were
 * taken together, and all of them.
 */
bool iommu_dma_chunk_give(struct iommu_dma_chunk *chunk, unsigned int first,
			  unsigned int count)
{
	unsigned int last = first + count - 1;

	if (!is_run(chunk, first, last))
		return false;
	/* Of several who give back the same, the one who clears a bit may */
	if (count == 1)
		return iommu_dma_word_clear(&chunk->map[first / BITS_PER_LONG],
					    BIT_MASK(first));
	if (!test_and_clear_bit(last, chunk->joined))
		return false;

	/* All of it, before others take a part and look at what is above */
	clear_range(chunk->joined, first, last);
	clear_range(chunk->map, first, last);
	/* Pairs with that in iommu_dma_zone_settle() */
	smp_mb();
	return true;
}

/**
 * iommu_dma_chunk_give_all() - Give all granules of a chunk back
 * @chunk: the chunk, of which nothing is claimed
 *
 * As iommu_dma_chunk_give(), for 512 granules. Takes three steps per word.
 *
 * Context: Any context.
 * Return: true; false, and nothing is changed, if they were not taken together.
 */
bool iommu_dma_chunk_give_all(struct iommu_dma_chunk *chunk)
{
	unsigned long joined = ~0UL;
	unsigned int word;

	unrolled_full
	for (word = 1; word < IOMMU_DMA_CHUNK_WORDS; word++)
		joined &= READ_ONCE(chunk->joined[word]);

	/* Of several who give back the same, the one who clears this may */
	if (~joined || READ_ONCE(chunk->joined[0]) != ~1UL ||
	    cmpxchg_relaxed(&chunk->joined[0], ~1UL, 0) != ~1UL)
		return false;

	unrolled_full
	for (word = 1; word < IOMMU_DMA_CHUNK_WORDS; word++)
		WRITE_ONCE(chunk->joined[word], 0);
	unrolled_full
	for (word = 0; word < IOMMU_DMA_CHUNK_WORDS; word++)
		/* Pairs with set_bits(), as in clear_range() */
		smp_store_release(&chunk->map[word], 0);
	/* Pairs with that in iommu_dma_zone_settle() */
	smp_mb();
	return true;
}

/**
 * iommu_dma_chunk_quarantine() - Make sure that granules are never given back
 * @chunk: the chunk
 * @first: bit of the first granule
 * @count: granules, not beyond the end of the chunk
 *
 * Takes a step per word.
 *
 * Context: Any context.
 * Return: true; false if one of them is not taken, or claimed already.
 */
bool iommu_dma_chunk_quarantine(struct iommu_dma_chunk *chunk,
				unsigned int first, unsigned int count)
{
	unsigned int last = first + count - 1;

	for (unsigned int word = first / BITS_PER_LONG;
	     word <= last / BITS_PER_LONG; word++)
		if (word_mask(word, first, last) & ~READ_ONCE(chunk->map[word]))
			return false;
	if (any_set(chunk->claimed, first, last))
		return false;
	if (is_run(chunk, first, last)) {
		WRITE_ONCE(chunk->plain, IOMMU_DMA_CHUNK_NOT_PLAIN);
		set_range(chunk->claimed, first, last);
		/* Pairs with smp_rmb() in is_run() */
		smp_wmb();
		set_range(chunk->joined, first, last);
	}
	return true;
}

/**
 * iommu_dma_chunk_quarantined() - Are granules quarantined?
 * @chunk: the chunk
 * @first: bit of the first granule
 * @count: granules, not beyond the end of the chunk
 *
 * Takes a step per word.
 *
 * Context: Any context.
 * Return: true if all of them are.
 */
bool iommu_dma_chunk_quarantined(const struct iommu_dma_chunk *chunk,
				 unsigned int first, unsigned int count)
{
	unsigned int last = first + count - 1;

	for (unsigned int word = first / BITS_PER_LONG;
	     word <= last / BITS_PER_LONG; word++)
		if (word_mask(word, first, last) &
		    ~(READ_ONCE(chunk->claimed[word]) &
		      READ_ONCE(chunk->joined[word])))
			return false;
	return true;
}

/**
 * iommu_dma_chunk_next_used() - Find granules that were taken together
 * @chunk: the chunk, which does not change meanwhile
 * @bit: where to begin; set to the first granule
 * @count: set to how many
 *
 * What is reserved or quarantined is passed over. Takes a step per granule.
 *
 * Context: Any context.
 * Return: true; false if there are none from @bit on.
 */
bool iommu_dma_chunk_next_used(const struct iommu_dma_chunk *chunk,
			       unsigned int *bit, unsigned int *count)
{
	unsigned int end, at;

	for (at = max_t(unsigned int, *bit, chunk->from); at <= chunk->to; at++)
		if (test_bit(at, chunk->map) && !test_bit(at, chunk->joined) &&
		    !test_bit(at, chunk->claimed))
			break;
	if (at > chunk->to)
		return false;

	/* What is quarantined is joined from its start on */
	for (end = at + 1; end <= chunk->to; end++)
		if (!test_bit(end, chunk->joined) ||
		    test_bit(end, chunk->claimed))
			break;
	*bit = at;
	*count = end - at;
	return true;
}

/**
 * iommu_dma_chunk_retract() - Look again at what was given back too late
 * @chunk: a chunk that was in no slot any more when it was given to
 * @first: bit of the first granule
 * @count: granules
 *
 * Who gives the same back as another may find all well when the chunk has gone. What
 * has gone with it is taken again then.
 *
 * Context: The lock of the zone is held.
 * Return: true if the granules were given back, false if the chunk is gone.
 */
bool iommu_dma_chunk_retract(struct iommu_dma_chunk *chunk, unsigned int first,
			     unsigned int count)
{
	unsigned int last = first + count - 1;
	bool given = true;

	for (unsigned int word = first / BITS_PER_LONG;
	     word <= last / BITS_PER_LONG; word++) {
		unsigned long lost = word_mask(word, first, last) &
				     READ_ONCE(chunk->claimed[word]) &
				     ~READ_ONCE(chunk->map[word]);

		/* What is claimed later is taken as well */
		if (lost) {
			iommu_dma_word_set(&chunk->map[word], lost);
			given = false;
		}
	}
	return given;
}

/**
 * iommu_dma_chunk_room() - How much can be taken?
 * @chunk: the chunk
 *
 * Takes a step per word.
 *
 * Context: Any context.
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
 * Context: Any context.
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
 * Context: Any context. May be out of date without the lock of the zone.
 * Return: false if nothing is taken.
 */
bool iommu_dma_chunk_ends(const struct iommu_dma_chunk *chunk,
			  unsigned int *from, unsigned int *to)
{
	unsigned int first = READ_ONCE(chunk->from),
		     last = READ_ONCE(chunk->to);
	int lowest = first_set(chunk, first, last);
	int highest = last_set(chunk, first, last);

	*from = lowest;
	*to = highest;
	return lowest >= 0 && highest >= 0;
}
