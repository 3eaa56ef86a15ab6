/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_CACHE_H
#define __SHIM_CACHE_H

#include_next <linux/cache.h>

#define ____cacheline_aligned __aligned(64)

#endif /* __SHIM_CACHE_H */
