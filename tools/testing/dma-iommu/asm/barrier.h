/* SPDX-License-Identifier: GPL-2.0-only */
/* ThreadSanitizer knows no fences: a full barrier is an atomic operation. */
#ifndef __SHIM_BARRIER_H
#define __SHIM_BARRIER_H

#include <linux/compiler.h>

/* Full */
#define smp_mb()						\
({								\
	int __fence = 0;					\
								\
	__atomic_exchange_n(&__fence, 1, __ATOMIC_SEQ_CST);	\
	shim_stir();						\
})

/* One-way: what comes before stays before */
#define smp_rmb()	smp_mb() /* for reads; full, here */
#define smp_wmb()	smp_mb() /* for writes; full, here */

#define cpu_relax() barrier()

#define smp_store_release(p, value)				\
({								\
	__atomic_store_n(p, value, __ATOMIC_RELEASE);		\
	shim_stir();						\
})

/* One-way: what comes after stays after */
#define smp_load_acquire(p)					\
({								\
	shim_stir();						\
	__atomic_load_n(p, __ATOMIC_ACQUIRE);			\
})

#endif /* __SHIM_BARRIER_H */
