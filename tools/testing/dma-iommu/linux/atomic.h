/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_ATOMIC_H
#define __SHIM_ATOMIC_H

#include <asm/barrier.h>
#include <linux/bits.h>
#include <linux/types.h>

#define shim_try_cmpxchg(p, old, new, order)                                   \
	({                                                                     \
		bool __done;                                                   \
		shim_stir();                                                   \
		__done = __atomic_compare_exchange_n(p, old, new, false,       \
						     order, __ATOMIC_RELAXED); \
		shim_stir();                                                   \
		__done;                                                        \
	})

#define try_cmpxchg(p, old, new) shim_try_cmpxchg(p, old, new, __ATOMIC_SEQ_CST)
#define try_cmpxchg_acquire(p, old, new) \
	shim_try_cmpxchg(p, old, new, __ATOMIC_ACQUIRE)
#define try_cmpxchg_release(p, old, new) \
	shim_try_cmpxchg(p, old, new, __ATOMIC_RELEASE)
#define try_cmpxchg_relaxed(p, old, new) \
	shim_try_cmpxchg(p, old, new, __ATOMIC_RELAXED)

/* The same for what is not a barrier by itself */
#define smp_mb__before_atomic() smp_mb()
/* And after it */
#define smp_mb__after_atomic() smp_mb()

#define shim_cmpxchg(p, old, new, order)                                       \
	({                                                                     \
		__auto_type __word = (p);                                      \
		__typeof__(*__word) __was = (old);                             \
		shim_stir();                                                   \
		__atomic_compare_exchange_n(__word, &__was, new, false, order, \
					    __ATOMIC_RELAXED);                 \
		shim_stir();                                                   \
		__was;                                                         \
	})

#define cmpxchg(p, old, new) shim_cmpxchg(p, old, new, __ATOMIC_SEQ_CST)
#define cmpxchg_acquire(p, old, new) shim_cmpxchg(p, old, new, __ATOMIC_ACQUIRE)
#define cmpxchg_release(p, old, new) shim_cmpxchg(p, old, new, __ATOMIC_RELEASE)
#define cmpxchg_relaxed(p, old, new) shim_cmpxchg(p, old, new, __ATOMIC_RELAXED)

#define shim_xchg(p, new, order)                                 \
	({                                                       \
		__auto_type __word = (p);                        \
		__typeof__(*__word) __was;                       \
		shim_stir();                                     \
		__was = __atomic_exchange_n(__word, new, order); \
		shim_stir();                                     \
		__was;                                           \
	})

#define xchg(p, new) shim_xchg(p, new, __ATOMIC_SEQ_CST)
#define xchg_acquire(p, new) shim_xchg(p, new, __ATOMIC_ACQUIRE)
#define xchg_release(p, new) shim_xchg(p, new, __ATOMIC_RELEASE)
#define xchg_relaxed(p, new) shim_xchg(p, new, __ATOMIC_RELAXED)

static inline long atomic_long_read(const atomic_long_t *v)
{
	shim_stir();
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

static inline void atomic_long_add(long i, atomic_long_t *v)
{
	__atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED);
}

#define shim_fetch(op, i, v, order)                                   \
	({                                                            \
		long __old;                                           \
		shim_stir();                                          \
		__old = __atomic_fetch_##op(&(v)->counter, i, order); \
		shim_stir();                                          \
		__old;                                                \
	})

#define atomic_long_fetch_andnot(i, v) \
	shim_fetch(and, ~(i), v, __ATOMIC_SEQ_CST)
#define atomic_long_fetch_andnot_acquire(i, v) \
	shim_fetch(and, ~(i), v, __ATOMIC_ACQUIRE)
#define atomic_long_fetch_andnot_release(i, v) \
	shim_fetch(and, ~(i), v, __ATOMIC_RELEASE)
#define atomic_long_fetch_andnot_relaxed(i, v) \
	shim_fetch(and, ~(i), v, __ATOMIC_RELAXED)
#define atomic_long_fetch_or(i, v) shim_fetch(or, i, v, __ATOMIC_SEQ_CST)
#define atomic_long_fetch_or_acquire(i, v) \
	shim_fetch(or, i, v, __ATOMIC_ACQUIRE)
#define atomic_long_fetch_or_release(i, v) \
	shim_fetch(or, i, v, __ATOMIC_RELEASE)
#define atomic_long_fetch_or_relaxed(i, v) \
	shim_fetch(or, i, v, __ATOMIC_RELAXED)
#define atomic_long_andnot(i, v) \
	((void)shim_fetch(and, ~(i), v, __ATOMIC_RELAXED))
#define atomic_long_or(i, v) ((void)shim_fetch(or, i, v, __ATOMIC_RELAXED))

#endif /* __SHIM_ATOMIC_H */
