// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mock IOMMU: its tables.
 *
 * A table is a maple tree, which does not care how large IOVA space is, and whose nodes
 * cannot be had in interrupts. Where these map, it is an array.
 *
 * Locks: all but setting up and tearing down under the lock that the table was given.
 */

#include <linux/slab.h>

#include "mock.h"
#include "mock_table.h"

/**
 * mock_table_init() - Set up a table for any IOVA
 * @table: zeroed memory
 * @lock: what its users hold
 *
 * Context: Any context.
 */
void mock_table_init(struct mock_table *table, spinlock_t *lock)
{
	mt_init_flags(&table->tree, MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&table->tree, lock);
}

/**
 * mock_table_init_flat() - Set up a table that interrupts may write to
 * @table: zeroed memory
 * @nr: granules, from IOVA 0 on
 * @shift: their size
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int mock_table_init_flat(struct mock_table *table, size_t nr,
			 unsigned int shift)
{
	table->flat = kvzalloc_objs(*table->flat, nr);
	table->nr = nr;
	table->shift = shift;
	return table->flat ? 0 : -ENOMEM;
}

/**
 * mock_table_destroy() - Free what a table that is clear has
 * @table: the table
 *
 * Context: Process context.
 */
void mock_table_destroy(struct mock_table *table)
{
	kvfree(table->flat);
}

/**
 * mock_table_clear() - Remove all entries
 * @table: the table
 *
 * Asks for no memory.
 *
 * Context: Any context, under the lock of the table.
 */
void mock_table_clear(struct mock_table *table)
{
	if (!table->flat)
		__mt_destroy(&table->tree);
	else
		for (size_t at = 0; at < table->nr; at++)
			WRITE_ONCE(table->flat[at], NULL);
}

/**
 * mock_table_set() - Set the entry of a range
 * @table: the table
 * @first: first IOVA
 * @last: last IOVA
 * @entry: the entry; NULL for none
 *
 * Context: Any context for a flat table; for others, not in an interrupt. Under the lock
 * of the table.
 * Return: 0 or -ENOMEM.
 */
int mock_table_set(struct mock_table *table, dma_addr_t first, dma_addr_t last,
		   void *entry)
{
	MA_STATE(mas, &table->tree, first, last);
	unsigned int nth;
	int ret;

	if (table->flat) {
		last = min(last >> table->shift, table->nr - 1);
		for (first >>= table->shift; first <= last; first++)
			WRITE_ONCE(table->flat[first], entry);
		return 0;
	}

	/* It is the layer's memory that is to fail */
	nth = mock_fail_nth(0);
	ret = mas_store_gfp(&mas, entry, GFP_ATOMIC | __GFP_NOWARN);
	mock_fail_nth(nth);
	return ret;
}

/**
 * mock_table_next() - Find the first entry of a range
 * @table: the table
 * @first: first IOVA; set to where the entry's range starts, which may be below
 * @last: last IOVA
 * @end: set to the last IOVA of the entry's range
 *
 * Context: Any context, under the lock of the table; without it for one granule of a
 * flat table.
 * Return: the entry, or NULL.
 */
void *mock_table_next(struct mock_table *table, dma_addr_t *first,
		      dma_addr_t last, dma_addr_t *end)
{
	MA_STATE(mas, &table->tree, *first, *first);
	void *entry;

	if (!table->flat) {
		entry = mas_find(&mas, last);
		*first = mas.index;
		*end = mas.last;
		return entry;
	}

	last = min(last >> table->shift, table->nr - 1);
	for (u64 at = *first >> table->shift; at <= last; at++) {
		entry = READ_ONCE(table->flat[at]);
		if (!entry)
			continue;
		*first = at << table->shift;
		*end = *first + BIT(table->shift) - 1;
		return entry;
	}
	return NULL;
}
