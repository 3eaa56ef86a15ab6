/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the functions that CBMC is to prove have in common.
 *
 * Each function show_*() is a proof: whatever the values of nondet_*() are, what is
 * assumed of them makes true what is asserted. CBMC works with the kernel's own C,
 * which is included as it is, and with all values of the machine's words.
 *
 * So that nothing is proven of nothing, each has a cover(): a place that has to be
 * reached. check.sh tells CBMC to look for these as well.
 */
#ifndef __SHOW_H
#define __SHOW_H

/* As in the Makefile: CBMC takes no macros with parameters on its command line */
#define CONFIG_PHYS_ADDR_T_64BIT 1
#define IS_ENABLED(CONFIG_option) 0
#define EXPORT_SYMBOL_IF_KUNIT(symbol)
#define SHIM_CLEANUP(f) __attribute__((__cleanup__(f)))

#include <linux/kernel.h>
#include <linux/types.h>

/* CBMC does not know the scope of what one of these declares inside of another */
#undef min
#undef max
#undef max_t
#define min(x, y) show_min(x, y)
#define max(x, y) show_max(x, y)
#define max_t(type, x, y) ((type)show_max(x, y))

static inline u64 show_min(u64 x, u64 y)
{
	return x < y ? x : y;
}

static inline u64 show_max(u64 x, u64 y)
{
	return x > y ? x : y;
}

#define assume(condition) __CPROVER_assume(condition)
#define show(condition) __CPROVER_assert(condition, #condition)
#ifdef COVER
#undef show
#define show(condition) ((void)(condition))
#define cover(condition) __CPROVER_assert(!(condition), "cover " #condition)
#else
#define cover(condition) ((void)sizeof(condition))
#endif

#define implies(a, b) (!(a) || (b))

u64 nondet_u64(void);
unsigned int nondet_uint(void);
unsigned long nondet_ulong(void);
bool nondet_bool(void);

static inline bool bit_of(const unsigned long *map, unsigned int bit)
{
	return map[bit / BITS_PER_LONG] >> bit % BITS_PER_LONG & 1;
}

#endif /* __SHOW_H */
