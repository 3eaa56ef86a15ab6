// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which CPU allocates from which chunk.
 *
 * Owns the slots of the CPUs, and what becomes of a chunk that is in none: while it
 * is full, nothing is known of it; when it has room, it is marked so; when it has
 * plenty, it waits in a list for a CPU to take it up; when it is empty, it goes back
 * to the regions.
 *
 * Principle: that a CPU has a chunk in its slot is a hint. All may take from it and
 * give to it at any time, several CPUs may have the same, and a slot may be emptied
 * by any CPU. So the chunks of a dead CPU need no callback to come back: whoever
 * looks for a chunk looks at the slots of one other CPU in passing.
 *
 * A chunk goes away by having all its granules claimed by who removes it: who still
 * looks at it finds no room.
 *
 * Bounds. "log n" is that of region.c.
 *
 * Locks: the caller holds that of the zone, unless it says otherwise.
 */

#include "zone.h"

/* Return an empty chunk, which is closed, to the regions */
static void remove_chunk(struct iommu_dma_zone *zone,
			 struct iommu_dma_chunk *chunk)
{
	__xa_erase(&zone->chunks, iommu_dma_index_of(chunk->base));
	iommu_dma_regions_give(&zone->regions, chunk->region);
	WRITE_ONCE(chunk->state, IOMMU_DMA_CHUNK_GONE);
	list_add(&chunk->list, &zone->unused);
}

/**
 * iommu_dma_zone_settle() - Decide what becomes of a chunk that is in no slot
 * @zone: the zone
 * @chunk: the chunk, which may be gone afterwards
 *
 * Who gives granules back first clears their bits, then looks at @chunk's users and
 * state; here both are written first. The barrier between, and that after clearing,
 * see to it that one of the two notices the other. What is noticed in vain costs a
 * second call.
 *
 * Takes three steps per word of the chunk's map, and 8 log n if it is empty.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_zone_settle(struct iommu_dma_zone *zone,
			   struct iommu_dma_chunk *chunk)
{
	unsigned int room;

	/* Somebody else has seen to it meanwhile */
	if (chunk->state == IOMMU_DMA_CHUNK_GONE)
		return;

	if (chunk->state == IOMMU_DMA_CHUNK_READY)
		list_del(&chunk->list);
	WRITE_ONCE(chunk->state, IOMMU_DMA_CHUNK_LONE);
	/* Pairs with the full barrier after clearing, see chunk.c */
	smp_mb();

	if (iommu_dma_chunk_empty(chunk) &&
	    iommu_dma_chunk_claim(chunk, chunk->from, chunk->to)) {
		remove_chunk(zone, chunk);
		return;
	}

	room = iommu_dma_chunk_room(chunk);
	if (!room) {
		__xa_clear_mark(&zone->chunks, iommu_dma_index_of(chunk->base),
				IOMMU_DMA_CHUNK_HAS_ROOM);
		return;
	}

	__xa_set_mark(&zone->chunks, iommu_dma_index_of(chunk->base),
		      IOMMU_DMA_CHUNK_HAS_ROOM);
	if (room >= IOMMU_DMA_READY_ROOM) {
		list_add_tail(&chunk->list, &zone->ready[chunk->class]);
		WRITE_ONCE(chunk->state, IOMMU_DMA_CHUNK_READY);
	} else {
		WRITE_ONCE(chunk->state, IOMMU_DMA_CHUNK_ROOM);
	}
}

/**
 * iommu_dma_zone_unsettled() - Has a chunk that is in no slot changed enough?
 * @chunk: the chunk, of which something has been given back
 * @first: bit of the first granule of that
 * @count: granules
 *
 * Takes two steps per word of the chunk's map, or seldom more than one: that word
 * has to have its share of the room that is looked for.
 *
 * Context: Any context, without the lock of the zone.
 * Return: true if iommu_dma_zone_settle() has to look at it.
 */
bool iommu_dma_zone_unsettled(const struct iommu_dma_chunk *chunk,
			      unsigned int first, unsigned int count)
{
	const unsigned int share = IOMMU_DMA_READY_ROOM / IOMMU_DMA_CHUNK_WORDS;
	unsigned int own = READ_ONCE(chunk->to) - READ_ONCE(chunk->from) + 1;
	unsigned long word = READ_ONCE(chunk->map[first / BITS_PER_LONG]);
	/* In a chunk that is all its own, that word says most of it */
	bool one = own == IOMMU_DMA_CHUNK_GRANULES &&
		   first % BITS_PER_LONG + count <= BITS_PER_LONG;

	switch (READ_ONCE(chunk->state)) {
	case IOMMU_DMA_CHUNK_ROOM:
		if (one && hweight_long(~word) < share)
			return false;
		return iommu_dma_chunk_room(chunk) >= IOMMU_DMA_READY_ROOM ||
		       iommu_dma_chunk_empty(chunk);
	case IOMMU_DMA_CHUNK_READY:
		return !(one && word) && iommu_dma_chunk_empty(chunk);
	default:
		return true;
	}
}

/**
 * iommu_dma_zone_given() - See to a chunk without users that was given to
 * @zone: the zone
 * @chunk: the chunk
 * @first: bit of the first granule
 * @count: granules
 *
 * Takes the steps of iommu_dma_zone_settle(), with interrupts off.
 *
 * Context: Any context. Takes the lock of the zone.
 * Return: true; false if it turns out that another one has given the same back, and
 * the chunk has gone away.
 */
bool iommu_dma_zone_given(struct iommu_dma_zone *zone,
			  struct iommu_dma_chunk *chunk, unsigned int first,
			  unsigned int count)
{
	unsigned long flags;
	bool given;

	xa_lock_irqsave(&zone->chunks, flags);
	given = iommu_dma_chunk_retract(chunk, first, count);
	if (given && !chunk->users)
		iommu_dma_zone_settle(zone, chunk);
	xa_unlock_irqrestore(&zone->chunks, flags);
	return given;
}

/**
 * iommu_dma_zone_recheck() - See to a chunk that nothing could be taken from
 * @zone: the zone
 * @chunk: the chunk
 *
 * Who tries to take several words of the map may hold some of them for a while. A
 * chunk that was settled meanwhile has looked fuller than it is.
 *
 * Takes the steps of iommu_dma_zone_settle(), with interrupts off.
 *
 * Context: Any context. Takes the lock of the zone.
 */
void iommu_dma_zone_recheck(struct iommu_dma_zone *zone,
			    struct iommu_dma_chunk *chunk)
{
	unsigned long flags;

	/* Pairs with that in iommu_dma_zone_settle(): what was held is let go */
	smp_mb();
	if (READ_ONCE(chunk->users) ||
	    READ_ONCE(chunk->state) == IOMMU_DMA_CHUNK_GONE)
		return;
	xa_lock_irqsave(&zone->chunks, flags);
	if (!chunk->users)
		iommu_dma_zone_settle(zone, chunk);
	xa_unlock_irqrestore(&zone->chunks, flags);
}

/* Let a CPU allocate from @chunk, or from none, in place of what it has */
static void set_slot(struct iommu_dma_zone *zone, struct iommu_dma_slots *slots,
		     unsigned int class, struct iommu_dma_chunk *chunk)
{
	struct iommu_dma_chunk *old = slots->chunk[class];

	if (old == chunk)
		return;

	if (chunk) {
		if (!chunk->users && chunk->state == IOMMU_DMA_CHUNK_READY)
			list_del(&chunk->list);
		WRITE_ONCE(chunk->state, IOMMU_DMA_CHUNK_LONE);
		WRITE_ONCE(chunk->users, chunk->users + 1);
		__xa_set_mark(&zone->chunks, iommu_dma_index_of(chunk->base),
			      IOMMU_DMA_CHUNK_HAS_ROOM);
	}
	/* Pairs with READ_ONCE() in iommu_dma_slots_chunk() */
	smp_store_release(&slots->chunk[class], chunk);
	if (old) {
		WRITE_ONCE(old->users, old->users - 1);
		if (!old->users)
			iommu_dma_zone_settle(zone, old);
	}
}

/**
 * iommu_dma_zone_clear_slots() - Take chunks away from a CPU
 * @zone: the zone
 * @cpu: the CPU; if it is dead it loses all, else those that are empty
 *
 * Takes the steps of iommu_dma_zone_settle(), for each class of requests.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_zone_clear_slots(struct iommu_dma_zone *zone, unsigned int cpu)
{
	struct iommu_dma_slots *slots = per_cpu_ptr(zone->slots, cpu);

	for (unsigned int class = 0; class < IOMMU_DMA_CLASSES; class++) {
		struct iommu_dma_chunk *chunk = slots->chunk[class];

		if (chunk && (!cpu_online(cpu) || iommu_dma_chunk_empty(chunk)))
			set_slot(zone, slots, class, NULL);
	}
}

/**
 * iommu_dma_zone_adopt() - Take up the chunks of a dead CPU
 * @zone: the zone
 *
 * Looks at one CPU per call, in turn. Takes the steps of
 * iommu_dma_zone_clear_slots() if it is dead.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_zone_adopt(struct iommu_dma_zone *zone)
{
	unsigned int cpu = zone->next_cpu++;

	if (zone->next_cpu >= nr_cpu_ids)
		zone->next_cpu = 0;
	if (cpu_possible(cpu) && !cpu_online(cpu))
		iommu_dma_zone_clear_slots(zone, cpu);
}

/**
 * iommu_dma_zone_use() - Let this CPU allocate from a chunk
 * @zone: the zone
 * @class: class of the requests
 * @chunk: the chunk
 *
 * Takes the steps of iommu_dma_zone_settle(), for the chunk that it had.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_zone_use(struct iommu_dma_zone *zone, unsigned int class,
			struct iommu_dma_chunk *chunk)
{
	/* Where preemption is on, it may be another CPU's: it is a hint */
	set_slot(zone, raw_cpu_ptr(zone->slots), class, chunk);
}
