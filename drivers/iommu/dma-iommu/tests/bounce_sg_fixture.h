/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scatterlist, a device that bounces, memory, and what is expected of them.
 */
#ifndef __DMA_IOMMU_TESTS_BOUNCE_SG_FIXTURE_H
#define __DMA_IOMMU_TESTS_BOUNCE_SG_FIXTURE_H

#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>

#include "../private.h"
#include "mock.h"
#include "untrusted.h"

#define GRANULE SZ_4K
#define AREA SZ_512K
#define MAX_ENTRIES 64
#define POISON 0x5e

/**
 * struct entry - An entry of a list
 * @at: where it is in memory
 * @size: bytes
 */
struct entry {
	size_t at;
	unsigned int size;
};

/**
 * struct list - A list, memory that it lists, and a device that bounces
 * @test: the test
 * @mock: the mock
 * @dev: the device
 * @domain: its domain
 * @memory: AREA bytes
 * @expected: what should be in there
 * @seen: what the device saw
 * @inside: one for each byte that is a buffer's, of what the device saw
 * @sgl: the list
 * @before: a copy of it from before it was mapped
 * @nents: its entries
 * @nsegs: its segments when it is mapped
 */
struct list {
	struct kunit *test;
	struct mock *mock;
	struct device *dev;
	struct iommu_domain *domain;
	u8 *memory;
	u8 *expected;
	u8 *seen;
	u8 *inside;
	struct scatterlist sgl[MAX_ENTRIES];
	struct scatterlist before[MAX_ENTRIES];
	int nents;
	int nsegs;
};

static inline void set_pattern(struct list *list, u8 seed)
{
	mock_set_pattern(list->memory, list->expected, AREA, seed);
}

static inline struct list *make_list(struct kunit *test, struct device *dev)
{
	struct list *list = kunit_kzalloc(test, sizeof(*list), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, list);
	list->test = test;
	list->mock = test->priv;
	list->dev = dev;
	list->domain = iommu_get_domain_for_dev(dev);
	list->memory = mock_buffer(test, AREA);
	list->expected = mock_buffer(test, AREA);
	list->seen = mock_buffer(test, AREA);
	list->inside = mock_buffer(test, AREA);
	set_pattern(list, 0);
	return list;
}

static inline struct list *make_untrusted(struct kunit *test)
{
	return make_list(test, untrusted_device(test));
}

static inline void fill_list(struct list *list, const struct entry *entries,
			     int nents)
{
	sg_init_table(list->sgl, nents);
	for (int i = 0; i < nents; i++) {
		struct scatterlist *sg = &list->sgl[i];
		u8 *at = list->memory + entries[i].at;

		sg_set_page(sg, virt_to_page(at), entries[i].size,
			    offset_in_page(at));
		sg_dma_address(sg) = 0xdead0000 + i;
		sg_dma_len(sg) = 0xbeef;
	}
	list->nents = nents;
	memcpy(list->before, list->sgl, sizeof(list->sgl));
}

static inline void expect_untouched(struct list *list)
{
	KUNIT_EXPECT_MEMEQ(list->test, list->sgl, list->before,
			   list->nents * sizeof(*list->sgl));
}

/* Granules of an entry, and how many of these are not all its own */
static inline size_t span_of(struct scatterlist *sg, size_t *apart)
{
	size_t first = sg->offset & (GRANULE - 1);
	size_t span = ALIGN(first + sg->length, GRANULE);
	bool tail = (first + sg->length) & (GRANULE - 1);

	*apart = 0;
	if (!sg->length)
		return 0;
	if (span == GRANULE)
		*apart = first || tail;
	else
		*apart = !!first + tail;
	return span;
}

static inline unsigned long slots_of_list(struct list *list)
{
	size_t sum = 0, apart;

	for (int i = 0; i < list->nents; i++) {
		span_of(&list->sgl[i], &apart);
		sum += apart;
	}
	return mock_slots_of(sum);
}

/* Where an entry's data is for the device, by what the segments say */
static inline dma_addr_t iova_of(struct list *list, int entry)
{
	struct scatterlist *seg = list->sgl;
	size_t at = 0;

	for (int i = 0; i < entry; i++)
		at += list->sgl[i].length;
	while (at >= sg_dma_len(seg))
		at -= sg_dma_len(seg++);
	return sg_dma_address(seg) + at;
}

/*
 * Expect that the segments hold the entries' bytes one after the other, that all else
 * that the device reaches is zero, and that it is one range of IOVA with as many
 * slots as there are granules that are not all an entry's.
 */
static inline void expect_view(struct list *list)
{
	dma_addr_t start = ALIGN_DOWN(sg_dma_address(list->sgl), GRANULE);
	struct kunit *test = list->test;
	size_t total = 0, at = 0, apart;

	for (int i = 0; i < list->nents; i++)
		total += span_of(&list->sgl[i], &apart);
	KUNIT_ASSERT_LE(test, total, AREA);
	KUNIT_ASSERT_EQ(test, mock_live(list->domain), total);
	KUNIT_ASSERT_TRUE(test, mock_read(list->dev, start, list->seen, total));
	KUNIT_EXPECT_EQ(test, mock_slots_held(list->dev), slots_of_list(list));

	memset(list->inside, 0, total);
	for (int i = 0; i < list->nents; i++) {
		struct scatterlist *sg = &list->sgl[i];

		if (!sg->length)
			continue;
		at = iova_of(list, i) - start;
		KUNIT_ASSERT_LE(test, at + sg->length, total);
		KUNIT_ASSERT_TRUE_MSG(test,
				      !memcmp(list->seen + at, sg_virt(sg),
					      sg->length), "entry %d", i);
		memset(list->inside + at, 1, sg->length);
	}
	for (size_t i = 0; i < total; i++)
		if (!list->inside[i])
			KUNIT_ASSERT_EQ_MSG(test, list->seen[i], 0,
					    "byte %#zx of what is mapped", i);
}

static inline void expect_memory(struct list *list)
{
	KUNIT_ASSERT_TRUE(list->test,
			  !memcmp(list->memory, list->expected, AREA));
}

static inline void map_list(struct list *list, enum dma_data_direction dir,
			    unsigned long attrs)
{
	mock_forget(list->mock);
	list->nsegs =
		dma_map_sg_attrs(list->dev, list->sgl, list->nents, dir, attrs);
	KUNIT_ASSERT_GT(list->test, list->nsegs, 0);
	KUNIT_EXPECT_EQ(list->test, list->mock->count[MOCK_SYNC_MAP], 1);
}

static inline void unmap_list(struct list *list, enum dma_data_direction dir)
{
	mock_forget(list->mock);
	dma_unmap_sg(list->dev, list->sgl, list->nents, dir);
	KUNIT_EXPECT_EQ(list->test, mock_live(list->domain), 0);
	KUNIT_EXPECT_EQ(list->test, mock_stale(list->domain), 0);
	KUNIT_EXPECT_EQ(list->test, mock_slots_held(list->dev), 0);
	for (int i = 0; i < list->nents; i++)
		KUNIT_EXPECT_FALSE(list->test,
				   sg_dma_is_swiotlb(&list->sgl[i]));
}

/* Let the device write each entry, and what is around it */
static inline void write_all(struct list *list, u8 byte)
{
	for (int i = 0; i < list->nents; i++) {
		struct scatterlist *sg = &list->sgl[i];
		size_t apart, offset = sg->offset & (GRANULE - 1);
		size_t span = span_of(sg, &apart);
		dma_addr_t iova;

		if (!sg->length)
			continue;
		iova = iova_of(list, i);
		KUNIT_EXPECT_TRUE(list->test,
				  mock_fill(list->dev, iova - offset, 0x99,
					    offset));
		KUNIT_EXPECT_TRUE(list->test,
				  mock_fill(list->dev, iova + sg->length, 0x99,
					    span - offset - sg->length));
		KUNIT_EXPECT_TRUE(list->test, mock_fill(list->dev, iova,
							byte + i, sg->length));
		memset(list->expected + (sg_virt(sg) - (void *)list->memory),
		       byte + i, sg->length);
	}
}

/* Map, look, let the device write, take away, look again; return the segments */
static inline int round_trip(struct list *list)
{
	map_list(list, DMA_BIDIRECTIONAL, 0);
	expect_view(list);
	write_all(list, 0x20);
	unmap_list(list, DMA_BIDIRECTIONAL);
	expect_memory(list);
	return list->nsegs;
}

/* Whole granules, and all kinds of others */
static const struct entry mixed[] = {
	{ 0, GRANULE },
	{ 2 * GRANULE + 1, 10 },
	{ 5 * GRANULE, 3 },
	{ 7 * GRANULE + 9, 0 },
	{ 8 * GRANULE, SZ_16K },
	{ 14 * GRANULE - 7, 7 + GRANULE },
	{ 20 * GRANULE + 100, 2 * GRANULE },
	{ 28 * GRANULE - 3, 6 },
	{ 32 * GRANULE, 0 },
	{ 33 * GRANULE, GRANULE + 1 },
	{ 40 * GRANULE, GRANULE },
};

/* A list of which every entry takes two slots */
static inline void fill_many(struct list *list, int nents)
{
	struct entry entries[MAX_ENTRIES];

	for (int i = 0; i < nents; i++) {
		entries[i].at = (2 * i + 1) * GRANULE - 1 - i;
		entries[i].size = 2 + 2 * i;
	}
	fill_list(list, entries, nents);
}

#endif /* __DMA_IOMMU_TESTS_BOUNCE_SG_FIXTURE_H */
