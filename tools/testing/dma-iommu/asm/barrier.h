/* SPDX-License-Identifier: GPL-2.0-only */
/* ThreadSanitizer knows no fences: a full barrier is an atomic operation. */
#ifndef __SHIM_BARRIER_H
#define __SHIM_BARRIER_H

#include <linux/compiler.h>

/* Full */
#define smp_mb()                                                    \
	({                                                          \
		int __fence = 0;                                    \
		__atomic_exchange_n(&__fence, 1, __ATOMIC_SEQ_CST); \
		shim_stir();                                        \
	})

static inline void shim_barrier(void)
{
	/* For reads or for writes only: full, here */
	smp_mb();
}

#define smp_rmb shim_barrier
#define smp_wmb shim_barrier

#define cpu_relax() barrier()

/* One-way: what comes before stays before */
#define smp_store_release(p, value)                           \
	({                                                    \
		__atomic_store_n(p, value, __ATOMIC_RELEASE); \
		shim_stir();                                  \
	})

/* One-way: what comes after stays after */
#define smp_load_acquire(p)                           \
	({                                            \
		shim_stir();                          \
		__atomic_load_n(p, __ATOMIC_ACQUIRE); \
	})

#endif /* __SHIM_BARRIER_H */
