/* SPDX-License-Identifier: GPL-2.0-only */
/* Those of tools/ are not atomic. */
#ifndef __SHIM_BITOPS_ATOMIC_H
#define __SHIM_BITOPS_ATOMIC_H

#include <linux/bits.h>
#include <linux/compiler.h>

static inline void set_bit(unsigned long bit, unsigned long *map)
{
	__atomic_fetch_or(&map[BIT_WORD(bit)], BIT_MASK(bit), __ATOMIC_RELAXED);
	shim_stir();
}

static inline void clear_bit(unsigned long bit, unsigned long *map)
{
	__atomic_fetch_and(&map[BIT_WORD(bit)], ~BIT_MASK(bit),
			   __ATOMIC_RELAXED);
	shim_stir();
}

static inline bool test_and_set_bit(unsigned long bit, unsigned long *map)
{
	unsigned long mask = BIT_MASK(bit);

	shim_stir();
	return mask &
	       __atomic_fetch_or(&map[BIT_WORD(bit)], mask, __ATOMIC_SEQ_CST);
}

static inline bool test_and_clear_bit(unsigned long bit, unsigned long *map)
{
	unsigned long mask = BIT_MASK(bit);

	shim_stir();
	return mask &
	       __atomic_fetch_and(&map[BIT_WORD(bit)], ~mask, __ATOMIC_SEQ_CST);
}

#endif /* __SHIM_BITOPS_ATOMIC_H */
