/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mock IOMMU: what its tables are, from ranges of IOVA to entries.
 */
#ifndef __DMA_IOMMU_TESTS_MOCK_TABLE_H
#define __DMA_IOMMU_TESTS_MOCK_TABLE_H

#include <linux/maple_tree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct mock_table - Entries for ranges of IOVA
 * @tree: the ranges, if @flat is NULL
 * @flat: an entry per granule from IOVA 0 on, NULL for none; or NULL
 * @nr: granules that @flat has
 * @shift: their size
 */
struct mock_table {
	struct maple_tree tree;
	void **flat;
	size_t nr;
	unsigned int shift;
};

void mock_table_init(struct mock_table *table, spinlock_t *lock);
int mock_table_init_flat(struct mock_table *table, size_t nr,
			 unsigned int shift);
void mock_table_destroy(struct mock_table *table);
void mock_table_clear(struct mock_table *table);
int mock_table_set(struct mock_table *table, dma_addr_t first, dma_addr_t last,
		   void *entry);
void *mock_table_next(struct mock_table *table, dma_addr_t *first,
		      dma_addr_t last, dma_addr_t *end);

#endif /* __DMA_IOMMU_TESTS_MOCK_TABLE_H */
