/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps come from the same memory as everything else, and so may run out. */
#ifndef __SHIM_BITMAP_H
#define __SHIM_BITMAP_H

#define bitmap_zalloc tools_bitmap_zalloc
#define bitmap_free tools_bitmap_free
#include_next <linux/bitmap.h>
#undef bitmap_zalloc
#undef bitmap_free

#include <linux/slab.h>

#define bitmap_zalloc(bits, gfp) \
	kzalloc(BITS_TO_LONGS(bits) * sizeof(long), gfp)
#define bitmap_free(map) kfree(map)

#endif /* __SHIM_BITMAP_H */
