/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses that other threads may notice are the compiler's relaxed atomics. What a
 * pointer leads to depends on it, which keeps the order in the kernel; the compiler's
 * atomics, and ThreadSanitizer, have only "acquire" for that.
 */
#ifndef __SHIM_COMPILER_H
#define __SHIM_COMPILER_H

#include_next <linux/compiler.h>

#include "../shim.h"

#define __percpu
/* A guard is not used but to end, which the compiler would complain of */
#undef __cleanup
#define __cleanup(function) SHIM_CLEANUP(function)
#ifndef __UNIQUE_ID
#define __UNIQUE_ID(name) __PASTE(__unique_##name, __COUNTER__)
#endif

/* 5 is that of pointers */
#define SHIM_ORDER(x) \
	(__builtin_classify_type(x) == 5 ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED)

#undef READ_ONCE
#define READ_ONCE(x)                                                    \
	({                                                              \
		__auto_type __where = &(x);                             \
		__auto_type __read =                                    \
			__atomic_load_n(__where, SHIM_ORDER(*__where)); \
		shim_stir();                                            \
		__read;                                                 \
	})

#undef WRITE_ONCE
#define WRITE_ONCE(x, value)                                       \
	({                                                         \
		shim_stir();                                       \
		__atomic_store_n(&(x), (value), __ATOMIC_RELAXED); \
		shim_stir();                                       \
	})

#endif /* __SHIM_COMPILER_H */
