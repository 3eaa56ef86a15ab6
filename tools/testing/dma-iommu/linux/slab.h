/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __SHIM_SLAB_H
#define __SHIM_SLAB_H

#include <linux/errno.h>
#include <linux/gfp.h>

#include "../shim.h"

static inline void *kmalloc(size_t size, unsigned int gfp)
{
	return shim_alloc(size, gfp & __GFP_ZERO, gfpflags_allow_blocking(gfp));
}

static inline void *kzalloc(size_t size, unsigned int gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

#define kfree(object) shim_free(object)

#define kmalloc_obj(object, ...) \
	kmalloc(sizeof(object), default_gfp(__VA_ARGS__))
#define kzalloc_obj(object, ...) \
	kzalloc(sizeof(object), default_gfp(__VA_ARGS__))

/* The one cache that there is, is that of the nodes of an xarray */
void *shim_alloc_node(gfp_t gfp, size_t size, size_t list);

#define kmem_cache_alloc_lru(cache, lru, gfp)                            \
	({                                                               \
		(void)(cache);                                           \
		(void)(lru);                                             \
		shim_alloc_node(gfp, sizeof(struct xa_node),             \
				offsetof(struct xa_node, private_list)); \
	})

#endif /* __SHIM_SLAB_H */
