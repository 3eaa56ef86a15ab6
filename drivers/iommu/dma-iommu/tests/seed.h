/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the randomness of a test comes from: a parameter of its module, or a new seed
 * each time. The log says what to put on the kernel's command line to have it again.
 */
#ifndef __DMA_IOMMU_TESTS_SEED_H
#define __DMA_IOMMU_TESTS_SEED_H

#include <kunit/test.h>
#include <linux/random.h>

/* The seed that a parameter of the module gives, or a new one, which the log has */
#define test_seed(test, param)                                               \
	({                                                                   \
		u32 __seed = (param) ?: get_random_u32() ?: 1;               \
		kunit_info(test, KBUILD_MODNAME "." #param "=%u\n", __seed); \
		__seed;                                                      \
	})

#endif /* __DMA_IOMMU_TESTS_SEED_H */
