/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_BITOPS_H
#define __SHIM_BITOPS_H

#include_next <linux/bitops.h>

/* Others may write to the map */
static inline bool shim_test_bit(unsigned long bit, const unsigned long *map)
{
	return __atomic_load_n(&map[BIT_WORD(bit)], __ATOMIC_RELAXED) &
	       BIT_MASK(bit);
}

#undef test_bit
#define test_bit(bit, map) shim_test_bit(bit, map)

static inline u64 ror64(u64 word, unsigned int shift)
{
	return word >> (shift & 63) | word << (-shift & 63);
}

#endif /* __SHIM_BITOPS_H */
