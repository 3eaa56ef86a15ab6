/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A range of IOVA, a device of any kind, memory, and what is expected of them.
 */
#ifndef __DMA_IOMMU_TESTS_LINK_FIXTURE_H
#define __DMA_IOMMU_TESTS_LINK_FIXTURE_H

#include <linux/dma-mapping.h>

#include "../private.h"
#include "mock.h"

#define GRANULE SZ_4K
#define AREA SZ_256K
/* Granules that the space has */
#define ROOM 63
#define POISON 0x5e

/**
 * struct part - Memory that is linked at once
 * @at: where it is in memory
 * @size: bytes
 */
struct part {
	size_t at;
	size_t size;
};

/**
 * struct link - A range of IOVA, and memory to be linked to it
 * @test: the test
 * @mock: the mock
 * @dev: the device
 * @domain: its domain
 * @state: the range
 * @memory: AREA bytes
 * @expected: what should be in there
 * @seen: what the device saw
 * @nr: parts that are linked
 * @part: these, one after the other
 */
struct link {
	struct kunit *test;
	struct mock *mock;
	struct device *dev;
	struct iommu_domain *domain;
	struct dma_iova_state state;
	u8 *memory;
	u8 *expected;
	u8 *seen;
	unsigned int nr;
	struct part part[8];
};

/* Which devices there are */
enum device_kind {
	PLAIN,
	NONCOHERENT,
	UNTRUSTED,
	UNTRUSTED_NONCOHERENT,
};

struct device_case {
	const char *name;
	enum device_kind kind;
};

static const struct device_case device_cases[] = {
	{ "plain", PLAIN },
	{ "not coherent", NONCOHERENT },
	{ "untrusted", UNTRUSTED },
	{ "untrusted, not coherent", UNTRUSTED_NONCOHERENT },
};

KUNIT_ARRAY_PARAM_DESC(device, device_cases, name);

static inline void set_pattern(struct link *link, u8 seed)
{
	mock_set_pattern(link->memory, link->expected, AREA, seed);
}

static inline struct link *make_link(struct kunit *test, enum device_kind kind)
{
	struct link *link = kunit_kzalloc(test, sizeof(*link), GFP_KERNEL);
	bool noncoherent = kind == NONCOHERENT || kind == UNTRUSTED_NONCOHERENT;
	struct mock *mock = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, link);
	mock->last = (ROOM + 1) * GRANULE - 1;
	if (kind == UNTRUSTED || kind == UNTRUSTED_NONCOHERENT)
		link->dev = mock_untrusted(mock, .noncoherent = noncoherent);
	else
		link->dev = mock_device(mock, .noncoherent = noncoherent);
	mock_count_slots(link->dev);
	link->test = test;
	link->mock = mock;
	link->domain = iommu_get_domain_for_dev(link->dev);
	link->memory = mock_buffer(test, AREA);
	link->expected = mock_buffer(test, AREA);
	link->seen = mock_buffer(test, AREA);
	set_pattern(link, 0);
	return link;
}

static inline struct link *make_link_param(struct kunit *test)
{
	const struct device_case *param = test->param_value;

	return make_link(test, param->kind);
}

static inline phys_addr_t phys_of(struct link *link, size_t at)
{
	return virt_to_phys(link->memory + at);
}

static inline size_t quarantined(struct link *link)
{
	return atomic_long_read(&link->domain->iova_cookie->space.quarantined);
}

/* Take IOVA for @size bytes, the first of which are to be those at @at */
static inline void take(struct link *link, size_t at, size_t size)
{
	KUNIT_ASSERT_TRUE(link->test,
			  dma_iova_try_alloc(link->dev, &link->state,
					     phys_of(link, at), size));
	link->nr = 0;
}

static inline int try_link(struct link *link, size_t offset, size_t at,
			   size_t size, enum dma_data_direction dir,
			   unsigned long attrs)
{
	return dma_iova_link(link->dev, &link->state, phys_of(link, at), offset,
			     size, dir, attrs);
}

static inline size_t total_of(const struct part *parts, unsigned int nr)
{
	size_t total = 0;

	for (unsigned int i = 0; i < nr; i++)
		total += parts[i].size;
	return total;
}

/* Take IOVA, link parts one after the other, and make them visible */
static inline void link_parts(struct link *link, const struct part *parts,
			      unsigned int nr, enum dma_data_direction dir)
{
	size_t total = total_of(parts, nr), offset = 0;

	take(link, parts[0].at, total);
	mock_forget(link->mock);
	for (unsigned int i = 0; i < nr; i++) {
		KUNIT_ASSERT_EQ(link->test,
				try_link(link, offset, parts[i].at,
					 parts[i].size, dir, 0),
				0);
		link->part[i] = parts[i];
		offset += parts[i].size;
	}
	link->nr = nr;
	KUNIT_EXPECT_EQ(link->test, link->mock->count[MOCK_SYNC_MAP], 0);
	KUNIT_ASSERT_EQ(link->test,
			dma_iova_sync(link->dev, &link->state, 0, total), 0);
	KUNIT_EXPECT_EQ(link->test, link->mock->count[MOCK_SYNC_MAP], 1);
}

/*
 * Expect that the device finds the parts one after the other; and, if it is
 * untrusted, else only zero
 */
static inline void expect_view(struct link *link)
{
	size_t size = dma_iova_size(&link->state), offset, span;
	dma_addr_t iova = link->state.addr;
	struct kunit *test = link->test;
	size_t at;

	offset = iova % GRANULE;
	span = mock_span(link->mock, iova, size);
	KUNIT_ASSERT_EQ(test, mock_live(link->domain), span);
	KUNIT_ASSERT_TRUE(test, mock_read(link->dev, iova - offset, link->seen,
					  span));
	at = offset;
	for (unsigned int i = 0; i < link->nr; i++) {
		KUNIT_ASSERT_TRUE_MSG(test,
				      !memcmp(link->seen + at,
					      link->memory + link->part[i].at,
					      link->part[i].size),
				      "part %u", i);
		at += link->part[i].size;
	}
	if (!iommu_dma_dev_untrusted(link->dev))
		return;
	KUNIT_ASSERT_NULL(test, memchr_inv(link->seen, 0, offset));
	KUNIT_ASSERT_NULL(test, memchr_inv(link->seen + at, 0, span - at));
}

static inline void expect_memory(struct link *link)
{
	KUNIT_ASSERT_TRUE(link->test,
			  !memcmp(link->memory, link->expected, AREA));
}

/* Let the device write all parts */
static inline void write_all(struct link *link, u8 byte)
{
	dma_addr_t iova = link->state.addr;

	for (unsigned int i = 0; i < link->nr; i++) {
		struct part *part = &link->part[i];

		KUNIT_EXPECT_TRUE(link->test, mock_fill(link->dev, iova,
							byte + i, part->size));
		memset(link->expected + part->at, byte + i, part->size);
		iova += part->size;
	}
}

static inline void expect_gone(struct link *link)
{
	KUNIT_EXPECT_EQ(link->test, mock_live(link->domain), 0);
	KUNIT_EXPECT_EQ(link->test, mock_stale(link->domain), 0);
	KUNIT_EXPECT_EQ(link->test, mock_slots_held(link->dev), 0);
	KUNIT_EXPECT_EQ(link->test, mock_room(link->domain), ROOM);
}

/* Head, middle and tail of a range, each from another place */
static const struct part three[] = {
	{ GRANULE + 100, GRANULE - 100 },
	{ 4 * GRANULE, 2 * GRANULE },
	{ 9 * GRANULE, 50 },
};

#endif /* __DMA_IOMMU_TESTS_LINK_FIXTURE_H */
