// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which CPU allocates from which chunk.
 *
 * Owns the rings of the CPUs, and what becomes of a chunk that is in none: while it is
 * full, nothing is known of it; when it has room, it is marked so; when it has plenty,
 * it waits in a list for a CPU to take it up; when it is empty, it is kept for a CPU as
 * well, unless many are: then it goes back to the regions.
 *
 * A CPU that finds its chunk full goes on to the next one in its ring, if that has plenty
 * of room again; else it takes one up, which joins the ring, and the one that has been in
 * it for longest leaves if there are too many. Where what is given back comes back in the
 * order in which it was taken, as in lazy mode, a CPU goes round without a lock, and what
 * it gives back needs none either.
 *
 * Principle: which chunk a CPU looks at is a hint. All may take from any chunk and give
 * to it at any time, and rings are changed by any CPU, under the lock of the zone. So the
 * chunks of a dead CPU need no callback to come back: whoever looks for a chunk looks at
 * the rings of one other CPU in passing.
 *
 * A chunk goes away by having all its granules claimed by who removes it: who still
 * looks at it finds no room.
 *
 * Who gives back does not wait for the lock of the zone. The timers of lazy mode run on
 * all CPUs at the same moment, and each gives back a lot. Who finds the lock taken leaves
 * the chunk in a list to who has it, and who lets go of the lock looks there.
 *
 * Bounds. "log n" is that of region.c.
 *
 * Locks: the caller holds that of the zone, unless it says otherwise.
 */

#include "zone.h"

/* How many chunks are seen to for others under the lock, and how often it is taken */
#define LATE_STEPS 8
#define LATE_TRIES 4

/* How many chunks of a dead CPU are taken up at a time */
#define ADOPT_STEPS 4

/* Return an empty chunk, which is closed, to the regions */
static void remove_chunk(struct iommu_dma_zone *zone,
			 struct iommu_dma_chunk *chunk)
{
	__xa_erase(&zone->chunks, iommu_dma_index_of(chunk->base));
	iommu_dma_regions_give(&zone->regions, chunk->region);
	WRITE_ONCE(chunk->state, IOMMU_DMA_CHUNK_GONE);
	list_add(&chunk->list, &zone->unused);
}

/* Take a chunk out of the list that it is in because of its state */
static void unlist(struct iommu_dma_zone *zone, struct iommu_dma_chunk *chunk)
{
	if (chunk->state == IOMMU_DMA_CHUNK_EMPTY)
		zone->nr_empty--;
	if (chunk->state == IOMMU_DMA_CHUNK_EMPTY ||
	    chunk->state == IOMMU_DMA_CHUNK_READY)
		list_del(&chunk->list);
	WRITE_ONCE(chunk->state, IOMMU_DMA_CHUNK_LONE);
}

/* As iommu_dma_zone_settle(), if up to @most empty chunks are kept */
static void settle(struct iommu_dma_zone *zone, struct iommu_dma_chunk *chunk,
		   unsigned int most)
{
	unsigned int room;

	unlist(zone, chunk);
	/* Pairs with the full barrier after clearing, see chunk.c */
	smp_mb();

	room = iommu_dma_chunk_room(chunk);
	if (room == IOMMU_DMA_CHUNK_GRANULES && zone->nr_empty < most) {
		list_add_tail(&chunk->list, &zone->empty);
		zone->nr_empty++;
		__xa_set_mark(&zone->chunks, iommu_dma_index_of(chunk->base),
			      IOMMU_DMA_CHUNK_HAS_ROOM);
		WRITE_ONCE(chunk->state, IOMMU_DMA_CHUNK_EMPTY);
		return;
	}
	if (iommu_dma_chunk_empty(chunk) &&
	    iommu_dma_chunk_claim(chunk, chunk->from, chunk->to)) {
		remove_chunk(zone, chunk);
		return;
	}

	if (!room) {
		__xa_clear_mark(&zone->chunks, iommu_dma_index_of(chunk->base),
				IOMMU_DMA_CHUNK_HAS_ROOM);
		WRITE_ONCE(chunk->state, IOMMU_DMA_CHUNK_FULL);
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
	/* Somebody else has seen to it meanwhile */
	if (chunk->state != IOMMU_DMA_CHUNK_GONE)
		settle(zone, chunk, zone->max_empty);
}

/**
 * iommu_dma_zone_give_up_empty() - Return empty chunks to the regions
 * @zone: the zone
 * @most: how many
 *
 * Takes 8 log n steps for each.
 *
 * Context: The lock of the zone is held.
 * Return: true if there may be more.
 */
bool iommu_dma_zone_give_up_empty(struct iommu_dma_zone *zone,
				  unsigned int most)
{
	struct iommu_dma_chunk *chunk;

	while (most--) {
		chunk = list_first_entry_or_null(&zone->empty, typeof(*chunk),
						 list);
		if (!chunk)
			return false;
		settle(zone, chunk, 0);
	}
	return true;
}

/* See to chunks that were given to by who did not get the lock */
static void settle_late(struct iommu_dma_zone *zone)
{
	for (unsigned int i = 0; i < LATE_STEPS; i++) {
		struct llist_node *node = llist_del_first(&zone->late);
		struct iommu_dma_chunk *chunk;

		if (!node)
			return;
		chunk = llist_entry(node, struct iommu_dma_chunk, late_node);
		/*
		 * What is given back from now on has to be told again. Fully ordered, as
		 * is that in leave_to_others(): what was given before is seen below.
		 */
		xchg(&chunk->late, 0);
		iommu_dma_chunk_retract(chunk, 0, IOMMU_DMA_CHUNK_GRANULES);
		if (!chunk->users)
			iommu_dma_zone_settle(zone, chunk);
	}
}

/**
 * iommu_dma_zone_unlock() - Let go of the lock of a zone
 * @zone: the zone
 * @flags: as they were before the lock was taken
 *
 * Before, sees to what those have left who did not get the lock meanwhile: to
 * LATE_STEPS chunks, with the steps of iommu_dma_zone_settle() for each. More are left
 * when others give back at the same time: then takes the lock again for these, LATE_TRIES
 * times, unless somebody else has it. What is left then is for who has it next. So a
 * caller that has interrupts off has them off for LATE_TRIES * LATE_STEPS chunks more
 * each time; they are let in between two tries if not.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_zone_unlock(struct iommu_dma_zone *zone, unsigned long flags)
	__releases(&zone->chunks.xa_lock)
{
	for (unsigned int tries = 0; tries < LATE_TRIES; tries++) {
		if (unlikely(!llist_empty(&zone->late)))
			settle_late(zone);
		xa_unlock_irqrestore(&zone->chunks, flags);
		/* Pairs with that in leave_to_others(): it is seen, or the lock is had */
		smp_mb();
		if (likely(llist_empty(&zone->late)) ||
		    !spin_trylock_irqsave(&zone->chunks.xa_lock, flags))
			return;
	}
	xa_unlock_irqrestore(&zone->chunks, flags);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_zone_unlock);

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
	case IOMMU_DMA_CHUNK_EMPTY:
		return false;
	default:
		return true;
	}
}

/* Leave a chunk to who has the lock. False if that is the caller, by now. */
static bool leave_to_others(struct iommu_dma_zone *zone,
			    struct iommu_dma_chunk *chunk, unsigned long *flags)
{
	/* Between the two, others rely on a chunk that is on no list */
	local_irq_save(*flags);
	/* Fully ordered, see settle_late() */
	if (!xchg(&chunk->late, 1))
		llist_add(&chunk->late_node, &zone->late);
	local_irq_restore(*flags);
	/* Pairs with that in iommu_dma_zone_unlock() */
	smp_mb();
	return !spin_trylock_irqsave(&zone->chunks.xa_lock, *flags);
}

/**
 * iommu_dma_zone_given() - See to a chunk without users that was given to
 * @zone: the zone
 * @chunk: the chunk
 * @first: bit of the first granule
 * @count: granules
 *
 * Takes the steps of iommu_dma_zone_settle(), with interrupts off. Waits for the lock
 * only while somebody decides whether the chunk goes away.
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

	if (!spin_trylock_irqsave(&zone->chunks.xa_lock, flags)) {
		/* A chunk that goes away is one of these before it is claimed */
		u8 state = READ_ONCE(chunk->state);

		if (state == IOMMU_DMA_CHUNK_LONE ||
		    state == IOMMU_DMA_CHUNK_GONE)
			xa_lock_irqsave(&zone->chunks, flags);
		else if (leave_to_others(zone, chunk, &flags))
			return true;
	}
	given = iommu_dma_chunk_retract(chunk, first, count);
	if (given && !chunk->users)
		iommu_dma_zone_settle(zone, chunk);
	iommu_dma_zone_unlock(zone, flags);
	return given;
}

/* Has a chunk more room than is known of it? */
static bool has_more_room(const struct iommu_dma_chunk *chunk)
{
	switch (READ_ONCE(chunk->state)) {
	case IOMMU_DMA_CHUNK_FULL:
		return iommu_dma_chunk_room(chunk);
	case IOMMU_DMA_CHUNK_ROOM:
		return iommu_dma_chunk_room(chunk) >= IOMMU_DMA_READY_ROOM ||
		       iommu_dma_chunk_empty(chunk);
	case IOMMU_DMA_CHUNK_READY:
		return iommu_dma_chunk_empty(chunk);
	default:
		return READ_ONCE(chunk->state) == IOMMU_DMA_CHUNK_LONE;
	}
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
	if (READ_ONCE(chunk->users) || !has_more_room(chunk))
		return;
	xa_lock_irqsave(&zone->chunks, flags);
	if (!chunk->users)
		iommu_dma_zone_settle(zone, chunk);
	iommu_dma_zone_unlock(zone, flags);
}

/* Take the chunk behind @last out of its ring */
static void leave_ring(struct iommu_dma_zone *zone,
		       struct iommu_dma_slots *slots, unsigned int class,
		       struct iommu_dma_chunk *last)
{
	struct iommu_dma_chunk *chunk = last->next;

	/* Pairs with READ_ONCE() in iommu_dma_zone_go_on() */
	smp_store_release(&last->next, chunk->next);
	if (slots->newest[class] == chunk)
		/* Pairs with READ_ONCE() in iommu_dma_zone_go_on() */
		smp_store_release(&slots->newest[class],
				  chunk == last ? NULL : last);
	slots->nr[class]--;
	WRITE_ONCE(chunk->ring, NULL);
	WRITE_ONCE(chunk->users, 0);
	iommu_dma_zone_settle(zone, chunk);
}

/* Put a chunk where the CPU is in its ring: what comes next was taken from first */
static void join_ring(struct iommu_dma_zone *zone,
		      struct iommu_dma_slots *slots, unsigned int class,
		      struct iommu_dma_chunk *chunk)
{
	struct iommu_dma_chunk *last = READ_ONCE(slots->chunk[class]);

	unlist(zone, chunk);
	WRITE_ONCE(chunk->class, class);
	WRITE_ONCE(chunk->users, 1);
	__xa_set_mark(&zone->chunks, iommu_dma_index_of(chunk->base),
		      IOMMU_DMA_CHUNK_HAS_ROOM);

	/* What the CPU looks at may be another one's, or nobody's */
	if (!last || last->ring != &slots->newest[class])
		last = slots->newest[class];
	WRITE_ONCE(chunk->ring, &slots->newest[class]);
	WRITE_ONCE(chunk->next, last ? last->next : chunk);
	if (last)
		/* Pairs with READ_ONCE() in iommu_dma_zone_go_on() */
		smp_store_release(&last->next, chunk);
	/* Pairs with READ_ONCE() in iommu_dma_zone_go_on() */
	smp_store_release(&slots->newest[class], chunk);
	if (++slots->nr[class] >
	    min(IOMMU_DMA_RING_MOST(class), zone->max_ring))
		leave_ring(zone, slots, class, chunk);
}

/**
 * iommu_dma_zone_go_on() - Take from the next chunk in the ring of this CPU
 * @zone: the zone
 * @class: class of the request
 * @want: the request
 * @granule: set to the first granule on success
 *
 * Where what is given back comes back in the order in which it was taken, as in lazy
 * mode, a CPU goes round and round in its ring, and needs no lock for that. The chunk
 * may be in the ring no more, or go away: then it has no room, or as good as any.
 *
 * Takes a chunk's steps, and one for each word of its map.
 *
 * Context: Any context, without the lock of the zone, which it may take.
 * Return: true; false if there is nothing like that, or no room in it.
 */
bool iommu_dma_zone_go_on(struct iommu_dma_zone *zone, unsigned int class,
			  const struct iommu_dma_want *want, u64 *granule)
{
	struct iommu_dma_slots *slots = raw_cpu_ptr(zone->slots);
	struct iommu_dma_chunk *chunk = READ_ONCE(slots->chunk[class]);
	int ret;

	/*
	 * Where it was shared for once, it may be in the ring of another CPU. What
	 * join_ring() and leave_ring() write is seen, or what was there before.
	 */
	if (chunk && READ_ONCE(chunk->ring) != &slots->newest[class])
		chunk = READ_ONCE(slots->newest[class]);
	/* All chunks that there ever were are there for as long as the zone is */
	if (chunk)
		chunk = READ_ONCE(chunk->next);
	if (!chunk || READ_ONCE(chunk->class) != class)
		return false;
	/* A large one is only had where there is plenty */
	if (want->count < IOMMU_DMA_READY_ROOM &&
	    iommu_dma_chunk_room(chunk) < IOMMU_DMA_READY_ROOM)
		return false;

	ret = iommu_dma_chunk_take(chunk, want, granule);
	if (ret == -EAGAIN)
		iommu_dma_zone_recheck(zone, chunk);
	if (ret)
		return false;
	/* Pairs with READ_ONCE() above, and in iommu_dma_slots_chunk() */
	smp_store_release(&slots->chunk[class], chunk);
	return true;
}

static bool clear_ring(struct iommu_dma_zone *zone,
		       struct iommu_dma_slots *slots, unsigned int class,
		       bool all, unsigned int *most)
{
	struct iommu_dma_chunk *last = slots->newest[class];

	for (unsigned int nr = slots->nr[class]; nr; nr--) {
		struct iommu_dma_chunk *chunk = last->next;

		/* As a rule one bit says it */
		if (!all && (test_bit(chunk->from, chunk->map) ||
			     !iommu_dma_chunk_empty(chunk))) {
			last = chunk;
			continue;
		}
		if (!*most)
			return true;
		leave_ring(zone, slots, class, last);
		--*most;
	}
	return false;
}

/**
 * iommu_dma_zone_clear_slots() - Take chunks away from a CPU
 * @zone: the zone
 * @cpu: the CPU; if it is dead it loses all, else those that are empty
 * @most: how many
 *
 * Takes the steps of iommu_dma_zone_settle() for each of these, and one per word of the
 * map for each in its rings.
 *
 * Context: The lock of the zone is held.
 * Return: true if there are more.
 */
bool iommu_dma_zone_clear_slots(struct iommu_dma_zone *zone, unsigned int cpu,
				unsigned int most)
{
	struct iommu_dma_slots *slots = per_cpu_ptr(zone->slots, cpu);
	bool all = !cpu_online(cpu), more = false;

	for (unsigned int class = 0; class < IOMMU_DMA_CLASSES; class++) {
		more |= clear_ring(zone, slots, class, all, &most);
		if (all)
			WRITE_ONCE(slots->chunk[class], NULL);
	}
	return more;
}

/**
 * iommu_dma_zone_adopt() - Take up the chunks of a dead CPU
 * @zone: the zone
 *
 * Looks at one CPU per call, in turn. Takes the steps of
 * iommu_dma_zone_clear_slots() for ADOPT_STEPS chunks if it is dead.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_zone_adopt(struct iommu_dma_zone *zone)
{
	unsigned int cpu = zone->next_cpu;

	/* One that has more is looked at again */
	if (cpu_possible(cpu) && !cpu_online(cpu) &&
	    iommu_dma_zone_clear_slots(zone, cpu, ADOPT_STEPS))
		return;
	if (++zone->next_cpu >= nr_cpu_ids)
		zone->next_cpu = 0;
}

/**
 * iommu_dma_zone_use() - Let this CPU allocate from a chunk
 * @zone: the zone
 * @class: class of the requests
 * @chunk: the chunk
 *
 * It joins the CPU's ring, unless it is in another one. Takes the steps of
 * iommu_dma_zone_settle(), for one that has to leave.
 *
 * Context: The lock of the zone is held.
 */
void iommu_dma_zone_use(struct iommu_dma_zone *zone, unsigned int class,
			struct iommu_dma_chunk *chunk)
{
	/* Where preemption is on, it may be another CPU's: it is a hint */
	struct iommu_dma_slots *slots = raw_cpu_ptr(zone->slots);

	if (!chunk->users)
		join_ring(zone, slots, class, chunk);
	/* Pairs with READ_ONCE() in iommu_dma_slots_chunk() */
	smp_store_release(&slots->chunk[class], chunk);
}
