/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's min() and max() take operands of different types, if they are of
 * one signedness.
 */
#ifndef __SHIM_KERNEL_H
#define __SHIM_KERNEL_H

#include_next <linux/kernel.h>
#include <linux/bitops.h>
#include <linux/limits.h>

#undef min
#define min(x, y)                      \
	({                             \
		__auto_type __x = (x); \
		__auto_type __y = (y); \
		__x < __y ? __x : __y; \
	})

#undef max
#define max(x, y)                      \
	({                             \
		__auto_type __x = (x); \
		__auto_type __y = (y); \
		__x > __y ? __x : __y; \
	})

static inline void shim_swap(void **x, void **y)
{
	void *old = *x;

	*x = *y;
	*y = old;
}

/* Pointers only */
#define swap(x, y) shim_swap((void **)&(x), (void **)&(y))

#endif /* __SHIM_KERNEL_H */
