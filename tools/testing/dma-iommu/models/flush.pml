/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lazy mode of drivers/iommu/dma-iommu/flush.c, for spin.
 *
 * A comment "FILE FUNCTION(): TEXT" says which line a step stands for. check.sh
 * holds that against the source, and also that no atomic access and no barrier of
 * flush.c is without a step here.
 *
 * What is proven, for all interleavings within the bounds of a scenario:
 *
 *   1. Nothing is released that a device can still reach, by the page table or by
 *      an entry of the IOTLB: release().
 *   2. When lazy mode has ended, whoever has unmapped is out of reach: returned().
 *   3. Who drains, and finds that nothing waits, gets what had been queued: drain().
 *   4. When lazy mode is destroyed all is released, and nobody looks at it any more:
 *      destroy(), alive().
 *   5. All that is queued is released, if timers run and nothing is starved: the
 *      formula "all_released".
 *   6. What is queued is out of reach after a period and a jiffy, or two jiffies more if
 *      a task is preempted in the middle of an invalidation: clock().
 *
 * The memory. Steps that touch it are atomic and in program order, but for two
 * things that a CPU without the barrier may do, which is what the barriers are for:
 * the clearing of an entry of the page table waits in a store buffer, until a
 * barrier or an unlock of that CPU, or whenever the memory likes; and the steps of
 * an invalidation change places with the counting of it. That is weaker than any
 * CPU where a barrier is taken away, and as strong as smp_mb() where it is not.
 * Whether smp_mb() is what it takes is for the litmus tests.
 *
 * The IOMMU. A device may walk the page table at any time, and the IOTLB then has
 * the entry until an invalidation.
 *
 * The rings have few places, and a call or a tick releases few. They do not grow,
 * which is for ring.c. The counters do not wrap, which is there as well.
 *
 * BREAK_* is the same with a bug. spin has to find it: see check.sh.
 */

#ifndef RANGES
#define RANGES 2
#endif
#ifndef CPUS
#define CPUS 2		/* that unmap: ranges are dealt out to them */
#endif
#ifndef UNEVEN
#define next_range(r) (r + CPUS)
#else
#define next_range(r) (cpu -> r + 1 : RANGES)
#endif
#ifndef QUEUES
#define QUEUES CPUS	/* 1: iommu_dma_flush::single */
#endif
#ifndef RING
#define RING 2		/* entries of a queue */
#endif
#define PER_CALL 1	/* IOMMU_DMA_FLUSH_PER_CALL */
#ifndef PER_TICK
#define PER_TICK 1	/* IOMMU_DMA_FLUSH_PER_TICK */
#endif
#ifndef PERIOD
#define PERIOD 2	/* jiffies */
#endif
#ifndef DAYS
#define DAYS 9		/* jiffies in the life of the world */
#endif

/* The page table and the IOTLB, an entry for each range */
bit pte[RANGES];
bit iotlb[RANGES];
bit buffered[RANGES];

/* A range is mapped, then its owner has unmapped it, then its IOVA is free */
bit returned_[RANGES];
bit freed[RANGES];

/* struct iommu_dma_flush, struct iommu_dma_lazy */
byte started;
byte finished;
bit ended;
bit lazy = 1;
bit gone;
bit on_list = 1;
bit list_lock;
bit strict;

/* struct iommu_dma_queue, and its timer */
typedef entry {
	byte range;
	byte began;
};

typedef queue {
	bit lock;
	byte head;
	byte tail;
	bit ticking;
	entry ring[RING];
	bit armed;
	bit running;
	bit shut;
#ifdef TIMED
	byte when;
#endif
};

queue q[QUEUES];
byte finished_cpus;

/* Who is hard is not preempted in the middle of an invalidation */
#ifdef PREEMPTED
#define TASK 0
#else
#define TASK 1
#endif

#ifdef TIMED
byte now;
byte flush_began;
byte flushing;		/* how many are in the middle of an invalidation, see hard */
byte queued_at[RANGES];
bit queued[RANGES];
#endif

#define waiting(i) (q[i].tail - q[i].head)
#define oldest(i) q[i].ring[q[i].head % RING]
#define newest(i) q[i].ring[(q[i].tail - 1) % RING]

/* flush.c is_flushed(): return (s32)(atomic_read_acquire(&flush->finished) - started) > 0; */
#ifdef BREAK_FLUSHED_TOO_SOON
#define is_flushed(s) (finished >= (s))
#else
#define is_flushed(s) (finished > (s))
#endif
/* flush.c oldest_flushed(): return is_flushed(queue->flush, entry_at(queue, queue->head)->started); */
#define oldest_flushed(i) is_flushed(oldest(i).began)

/* flush.c flush_is_under_way(): u32 started = atomic_read(&queue->flush->started); */
/* flush.c flush_is_under_way(): (s32)(started - entry_at(queue, queue->head)->started) > 0; */
#define flush_is_under_way(i) (!oldest_flushed(i) && started > oldest(i).began)

/* Without a clock it may be any time: timer() tries both */
/* flush.c flush_is_late(): return atomic_read(&flush->started) != atomic_read(&flush->finished) && */
/* flush.c flush_is_late(): time_after(jiffies, READ_ONCE(flush->began) + 1); */
#if !defined(TIMED) || defined(BREAK_WAIT_FOR_PREEMPTED)
#define flush_is_late() false
#else
#define flush_is_late() (started != finished && now > flush_began + 1)
#endif

/* flush.c flush_is_due(): is_flushed(flush, entry_at(queue, queue->tail - 1)->started)) */
/* flush.c flush_is_due(): if (flush_is_late(flush)) */
/* flush.c flush_is_due(): return !flush_is_under_way(queue); */
/* flush.c flush_is_due(): return time_after_eq(jiffies, READ_ONCE(flush->began) + flush->period); */
#ifdef TIMED
#define period_is_over() (now >= flush_began + PERIOD)
#else
#define period_is_over() true
#endif
#ifdef BREAK_FORGET_THOSE_BEHIND
#define behind_is_due(i) false
#else
#define behind_is_due(i) period_is_over()
#endif
#define flush_is_due(i) \
	(waiting(i) && !is_flushed(newest(i).began) && \
	 (flush_is_late() || (oldest_flushed(i) -> behind_is_due(i) : !flush_is_under_way(i))))

inline alive()
{
	assert(!gone);
}

inline drain_buffer(r)
{
	if
	:: buffered[r] -> pte[r] = 0; buffered[r] = 0
	:: else
	fi
}

/* The memory, where something may wait on the way to it */
#ifdef BREAK_NO_MB_QUEUE
active proctype memory()
{
end:	do
	:: atomic { buffered[0] -> drain_buffer(0) }
	:: atomic { buffered[1] -> drain_buffer(1) }
#if RANGES > 2
	:: atomic { buffered[2] -> drain_buffer(2) }
#endif
	od
}
#endif

#define walks(r) (pte[r] && !iotlb[r])

/* Some device: it reads whatever it can, whenever it likes */
active proctype device()
{
end:	do
	:: atomic { walks(0) -> iotlb[0] = 1 }
	:: atomic { walks(1) -> iotlb[1] = 1 }
#if RANGES > 2
	:: atomic { walks(2) -> iotlb[2] = 1 }
#endif
#if RANGES > 3
	:: atomic { walks(3) -> iotlb[3] = 1 }
#endif
#if RANGES > 4
	:: atomic { walks(4) -> iotlb[4] = 1 }
	:: atomic { walks(5) -> iotlb[5] = 1 }
#endif
	od
}

/* What the IOMMU does for iommu_flush_iotlb_all() */
inline invalidate_all()
{
	for (k : 0 .. RANGES - 1) {
		iotlb[k] = 0
	}
	k = 0
}

/* flush.c release_some(): freed = iommu_dma_space_free(space, entry->iova, size); */
inline release(r)
{
	/* Rule: nothing is released that a device can still reach */
	assert(!pte[r] && !iotlb[r]);
	assert(!freed[r]);
	freed[r] = 1
}

/* flush.c iommu_dma_flush_now(): WRITE_ONCE(flush->began, jiffies); */
#ifdef TIMED
#define note_began() flush_began = now; flushing = flushing + hard
#define note_ended() flushing = flushing - hard
#else
#define note_began() skip
#define note_ended() skip
#endif

#define begin_flush(step) atomic { alive(); note_began(); step }
#define end_flush(step) atomic { step; note_ended() }

inline count_started()
{
	started++;
	number = started
}

/* flush.c note_finished(): int finished = atomic_read(&flush->finished); */
/* flush.c note_finished(): while ((s32)((u32)number - finished) > 0 && */
/* flush.c note_finished(): !atomic_try_cmpxchg(&flush->finished, &finished, number)) */
inline note_finished()
{
#if defined(BREAK_COUNT_FINISHED)
	finished++;
#elif defined(BREAK_FINISHED_GOES_BACK)
	finished = number;
#else
	finished = (number > finished -> number : finished);
#endif
	number = 0
}

inline flush_now()
{
#if defined(BREAK_NO_MB_STARTED) || defined(BREAK_COUNT_TOO_LATE)
	if
#ifndef BREAK_COUNT_TOO_LATE
	:: begin_flush(count_started()); atomic { invalidate_all() }
#endif
	:: begin_flush(invalidate_all()); count_started()
	fi;
	end_flush(note_finished())
#elif defined(BREAK_NO_MB_FINISHED)
	begin_flush(count_started());
	if
	:: atomic { invalidate_all() }; end_flush(note_finished())
	:: note_finished(); end_flush(invalidate_all())
	fi
#else
	/* flush.c iommu_dma_flush_now(): number = atomic_inc_return(&flush->started); */
	begin_flush(count_started());
	/* flush.c iommu_dma_flush_now(): iommu_flush_iotlb_all(flush->domain); */
	atomic { invalidate_all() };
	/* flush.c iommu_dma_flush_now(): note_finished(flush, number); */
	end_flush(note_finished())
#endif
}

inline take_lock(i)
{
	atomic { !q[i].lock -> q[i].lock = 1; alive() }
}

inline drop_lock(i)
{
	q[i].lock = 0
}

/* Under the lock. Others look without it, but only if the queue is empty. */
inline release_some(i, most)
{
	left = most;
	/* flush.c release_some(): while (most-- && waiting(queue) && oldest_flushed(queue)) { */
	do
	:: atomic {
		left && waiting(i) && oldest_flushed(i) ->
		left--;
		out = oldest(i).range;
#ifdef BREAK_HEAD_BEFORE_IOVA
		q[i].head++ };
		atomic { release(out); out = 0 }
#else
		release(out);
		out = 0 };
		/* flush.c release_some(): smp_store_release(&queue->head, queue->head + 1); */
		q[i].head++
#endif
	:: else -> break
	od;
	left = 0
}

/* flush.c set_timer(): mod_timer(&queue->timer, when); */
inline set_timer(i, at)
{
	q[i].ticking = 1;
#ifdef TIMED
	q[i].when = at;
#endif
	/* A timer that was shut down stays so */
	q[i].armed = !q[i].shut
}

#ifdef TIMED
#define jiffies now
#define began_and_period (flush_began + PERIOD)
#else
#define jiffies 0
#define began_and_period 0
#endif

/* flush.c try_push(): complaint = release_some(queue, IOMMU_DMA_FLUSH_PER_CALL, &bad); */
inline try_push(i, r)
{
	take_lock(i);
	release_some(i, PER_CALL);
	atomic {
		/* flush.c try_push(): room = !full(queue); */
		room = waiting(i) < RING;
		if
		:: room ->
			q[i].ring[q[i].tail % RING].range = r;
#ifdef BREAK_NOTE_FINISHED
			q[i].ring[q[i].tail % RING].began = finished;
#else
			/* flush.c try_push(): atomic_read(&flush->started), freelist); */
			q[i].ring[q[i].tail % RING].began = started;
#endif
#ifdef TIMED
			queued[r] = 1;
			queued_at[r] = now;
#endif
			/* flush.c try_push(): WRITE_ONCE(queue->tail, queue->tail + 1); */
			q[i].tail++;
			if
			:: !q[i].ticking ->
				/* flush.c try_push(): set_timer(queue, jiffies + flush->period); */
				set_timer(i, jiffies + PERIOD)
			:: else
			fi
		:: else
		fi
	};
	/* A store of before is in memory when others see the unlock */
	atomic { drain_buffer(r) };
	drop_lock(i)
}

inline flush_queue(i, r)
{
#ifndef BREAK_NO_MB_QUEUE
	/* flush.c iommu_dma_flush_queue(): smp_mb(); */
	atomic { drain_buffer(r) };
#endif
	room = 0;
	if
	/* flush.c iommu_dma_flush_queue(): if (likely(!READ_ONCE(flush->ended)) && */
#ifdef BREAK_IGNORE_ENDED
	:: true ->
#else
	:: !ended ->
#endif
		try_push(i, r)
	:: ended
	fi;
	if
	:: !room ->
#ifndef BREAK_FULL_IS_FLUSHED
		/* flush.c iommu_dma_flush_queue(): iommu_dma_flush_now(flush); */
		flush_now();
#endif
		/* flush.c iommu_dma_flush_queue(): if (!READ_ONCE(flush->ended) && try_push(queue, iova, size, freelist)) */
		if
		:: !ended -> try_push(i, r)
		:: else
		fi;
		if
		:: !room ->
			/* flush.c iommu_dma_flush_queue(): iommu_dma_retire_release(flush->domain, iova, size); */
			atomic { drain_buffer(r); release(r) }
		:: else
		fi
	:: else
	fi;
	room = 0
}

/* The unmap of @r is over */
inline returned(r)
{
	atomic {
		/* Rule: when lazy mode has ended nobody is told so too soon */
		assert(!strict || !iotlb[r]);
		returned_[r] = 1
	}
}

/* retire.c iommu_dma_retire_range(): iommu_dma_retire_begin(&retire, domain, may_defer); */
proctype unmapper(byte cpu)
{
	byte r, k, left, out, number;
	bit hard = TASK;
	bit room, deferred;

	r = cpu;
	do
	:: r < RANGES ->
		/* flush.h iommu_dma_lazy_flush(): return READ_ONCE(lazy->flush); */
		deferred = lazy;
		/* retire.c iommu_dma_retire_range(): iommu_dma_retire_clear(&retire, iova, size); */
		buffered[r] = 1;
		if
		:: deferred -> flush_queue(cpu % QUEUES, r)
		:: !deferred ->
			/* retire.c cut(): iommu_iotlb_sync(retire->domain, &retire->gather); */
			atomic { drain_buffer(r); iotlb[r] = 0 };
			release(r)
#ifdef CUT
		:: deferred ->
			/* retire.c invalidate_all(): iommu_dma_flush_now(retire->flush); */
			atomic { drain_buffer(r) };
			flush_now();
			release(r)
#endif
		fi;
		returned(r);
		r = next_range(r)
	:: else -> break
	od;
	finished_cpus++
}

/* A period passes, or not: any timer that is set may run at any time */
#ifdef TIMED
#define timer_is_due(i) (q[i].armed && now >= q[i].when)
#else
#define timer_is_due(i) q[i].armed
#endif

proctype timer(byte i)
{
	byte k, left, out, number;
	bit hard = 1;
	bit due;

end:	do
	:: atomic { timer_is_due(i) -> q[i].armed = 0; q[i].running = 1 };
		/* flush.c tick(): due = flush_is_due(queue); */
		take_lock(i);
		due = flush_is_due(i);
#ifndef TIMED
		if
		:: true
		:: waiting(i) && !is_flushed(newest(i).began) && started != finished -> due = 1
		fi;
#endif
		drop_lock(i);
		if
		:: due -> due = 0;
			/* flush.c tick(): iommu_dma_flush_now(flush); */
			flush_now()
		:: else
		fi;
		take_lock(i);
		/* flush.c tick(): complaint = release_some(queue, IOMMU_DMA_FLUSH_PER_TICK, &bad); */
		release_some(i, PER_TICK);
		atomic {
			if
			/* flush.c tick(): if (!waiting(queue)) */
			:: !waiting(i) ->
				/* flush.c tick(): queue->ticking = false; */
				q[i].ticking = 0
#ifndef BREAK_NO_REARM
			/* flush.c tick(): else if (oldest_flushed(queue) || flush_is_under_way(queue)) */
			:: waiting(i) && (oldest_flushed(i) || flush_is_under_way(i)) ->
				/* flush.c tick(): set_timer(queue, jiffies + 1); */
				set_timer(i, jiffies + 1)
			:: waiting(i) && !(oldest_flushed(i) || flush_is_under_way(i)) ->
#ifdef BREAK_REARM_LATE
				set_timer(i, jiffies + PERIOD)
#else
				/* flush.c tick(): set_timer(queue, READ_ONCE(flush->began) + flush->period); */
				set_timer(i, began_and_period)
#endif
#else
			:: else
#endif
			fi
		};
		drop_lock(i);
		q[i].running = 0
	od
}

/* flush.c drain_queue(): while (drain_some(queue)) */
inline drain_queue(i)
{
	do
	:: true ->
		take_lock(i);
		/* flush.c drain_some(): complaint = release_some(queue, IOMMU_DMA_FLUSH_PER_TICK, &bad); */
		release_some(i, PER_TICK);
		/* flush.c drain_some(): more = waiting(queue) && oldest_flushed(queue); */
		more = waiting(i) && oldest_flushed(i);
		drop_lock(i);
		if
		:: !more -> break
		:: else -> more = 0
		fi
	od
}

/* flush.c iommu_dma_flush_drain(): if (!iommu_dma_flush_waiting(flush)) */
inline drain()
{
	/* All that was queued before is to be free when this is over */
	atomic {
		for (k : 0 .. RANGES - 1) {
			before[k] = returned_[k]
		}
		k = 0
	};
	more = 0;
	i = 0;
	do
	/* flush.c waiting(): unsigned int tail = READ_ONCE(queue->tail); */
	/* flush.c waiting(): return tail - smp_load_acquire(&queue->head); */
	/* flush.c iommu_dma_flush_waiting(): sum += waiting(per_cpu_ptr(flush->queues, cpu)); */
	:: i < QUEUES -> more = more || waiting(i); i++
	:: else -> break
	od;
	if
	:: more -> more = 0;
		/* flush.c iommu_dma_flush_drain(): iommu_dma_flush_now(flush); */
		flush_now();
		/* flush.c iommu_dma_flush_drain(): drain_queue(per_cpu_ptr(flush->queues, cpu)); */
		for (i : 0 .. QUEUES - 1) {
			drain_queue(i)
		}
	:: else
	fi;
	i = 0;
	atomic {
		for (k : 0 .. RANGES - 1) {
			assert(!before[k] || freed[k]);
			before[k] = 0
		}
		k = 0
	}
}

#if defined(SUSPEND) || defined(DESTROY)
/* Also stands for who needs IOVA that waits, but under the mutex of the list */
proctype suspend()
{
	byte k, left, out, i, number;
	bit more, before[RANGES];
	bit hard = 1;

	/* flush.c iommu_dma_flush_suspend(): guard(mutex)(&flush_mutex); */
	atomic { !list_lock -> list_lock = 1 };
	if
	:: on_list ->
		/* flush.c iommu_dma_flush_suspend(): iommu_dma_flush_drain(flush); */
		drain()
	:: else
	fi;
	list_lock = 0
}
#endif

#ifdef END
/* flush.c end_lazy(): WRITE_ONCE(lazy->flush, NULL); */
proctype end_lazy()
{
	byte k, number;
	bit hard = 1;

	lazy = 0;
#ifdef BREAK_END_AFTER_FLUSH
	flush_now();
	ended = 1;
#else
	/* flush.c end_lazy(): WRITE_ONCE(lazy->made->ended, true); */
	ended = 1;
	/* flush.c end_lazy(): iommu_dma_flush_now(lazy->made); */
	flush_now();
#endif
	atomic {
		/* Rule: no device can reach what was unmapped before */
		for (k : 0 .. RANGES - 1) {
			assert(!returned_[k] || !iotlb[k])
		}
		k = 0;
		strict = 1
	}
}
#endif

#ifdef DESTROY
/* No device is attached any more, and all who unmapped have gone */
proctype destroy()
{
	byte k, left, out, i, number;
	bit hard = 1;
	bit more;

	finished_cpus == CPUS;
#ifndef BREAK_DESTROY_WITHOUT_MUTEX
	/* flush.c iommu_dma_flush_destroy(): scoped_guard(mutex, &flush_mutex) */
	atomic { !list_lock -> list_lock = 1 };
#endif
	/* flush.c iommu_dma_flush_destroy(): list_del(&flush->list); */
	on_list = 0;
#ifndef BREAK_DESTROY_WITHOUT_MUTEX
	list_lock = 0;
#endif
#ifndef BREAK_TIMERS_LIVE_ON
	/* flush.c iommu_dma_flush_destroy(): timer_shutdown_sync(&per_cpu_ptr(flush->queues, */
	for (i : 0 .. QUEUES - 1) {
		atomic { q[i].shut = 1; q[i].armed = 0 };
		!q[i].running
	}
#endif
#ifndef BREAK_DESTROY_WITHOUT_FLUSH
	/* flush.c iommu_dma_flush_destroy(): iommu_dma_flush_now(flush); */
	flush_now();
#endif
	/* flush.c iommu_dma_flush_destroy(): destroy_queue(per_cpu_ptr(flush->queues, cpu)); */
	for (i : 0 .. QUEUES - 1) {
		/* flush.c destroy_queue(): drain_queue(queue); */
		drain_queue(i)
	}
	/* flush.c iommu_dma_flush_destroy(): kfree(flush); */
	atomic {
		gone = 1;
		for (k : 0 .. RANGES - 1) {
			assert(freed[k])
		}
		k = 0
	}
}
#endif

#ifdef TIMED
/*
 * Time passes while no timer is late and no lock is held. An invalidation takes no
 * time, but a task may be preempted in the middle of one for as long as it likes.
 */
/* "give or take a jiffy; two more where somebody does not get on with it" */
#ifdef PREEMPTED
#define WINDOW (PERIOD + 3)
#else
#define WINDOW (PERIOD + 1)
#endif

#define idle(i) (!q[i].lock && !q[i].running && !timer_is_due(i))

active proctype clock()
{
	byte i;

end:	do
	:: atomic {
		now < DAYS && !flushing && idle(0) && idle(QUEUES - 1) ->
		now++;
		/* Rule: the window is bounded */
		for (i : 0 .. RANGES - 1) {
			assert(!queued[i] || !iotlb[i] || now - queued_at[i] <= WINDOW)
		}
		i = 0
	}
	od
}
#endif

init {
	byte k;

	atomic {
		for (k : 0 .. RANGES - 1) {
			pte[k] = 1
		}
		for (k : 0 .. CPUS - 1) {
			run unmapper(k)
		}
		for (k : 0 .. QUEUES - 1) {
			run timer(k)
		}
		k = 0;
#if defined(SUSPEND) || defined(DESTROY)
		run suspend();
#endif
#ifdef END
		run end_lazy();
#endif
#ifdef DESTROY
		run destroy();
#endif
	}
}

#ifdef LIVE
#define all_unmapped (finished_cpus == CPUS)
#define all_freed (freed[0] && freed[1] && freed[RANGES - 1])
ltl all_released { [] (all_unmapped -> <> all_freed) }
#endif
