/* SPDX-License-Identifier: GPL-2.0-only */
/* A list in one piece, of memory that is not there. */
#ifndef __SHIM_SCATTERLIST_H
#define __SHIM_SCATTERLIST_H

#include <linux/mm.h>
#include <linux/types.h>

#define CONFIG_NEED_SG_DMA_FLAGS

/**
 * struct scatterlist - A stretch of memory, and where a segment of it is mapped
 * @phys: where the memory is
 * @offset: where in its page, or in a larger one
 * @length: bytes of memory
 * @dma_length: bytes of the segment
 * @dma_address: where the segment is
 * @dma_flags: 1 if the segment is a bus address
 */
struct scatterlist {
	phys_addr_t phys;
	unsigned int offset;
	unsigned int length;
	unsigned int dma_length;
	dma_addr_t dma_address;
	unsigned int dma_flags;
};

#define sg_phys(sg) ((sg)->phys)
#define sg_next(sg) ((sg) + 1)
#define sg_dma_address(sg) ((sg)->dma_address)
#define sg_dma_len(sg) ((sg)->dma_length)
#define sg_dma_is_bus_address(sg) ((sg)->dma_flags)
#define sg_dma_mark_bus_address(sg) ((sg)->dma_flags = 1)
#define sg_dma_unmark_bus_address(sg) ((sg)->dma_flags = 0)

/* Where a walk over a list stands; there is one at a time */
static struct {
	struct scatterlist *list;
	int count;
	int next;
} shim_walk;

static inline bool shim_next_sg(struct scatterlist **sg, int *i)
{
	*i = shim_walk.next++;
	*sg = shim_walk.list + *i;
	return *i < shim_walk.count;
}

static inline void shim_first_sg(struct scatterlist *list, int count)
{
	shim_walk.list = list;
	shim_walk.count = count;
	shim_walk.next = 0;
}

#define for_each_sg(list, sg, count, i) \
	for (shim_first_sg(list, count); shim_next_sg(&(sg), &(i));)

#endif /* __SHIM_SCATTERLIST_H */
