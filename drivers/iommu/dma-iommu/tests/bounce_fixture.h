/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device that bounces, memory for it, and what is expected of both.
 */
#ifndef __DMA_IOMMU_TESTS_BOUNCE_FIXTURE_H
#define __DMA_IOMMU_TESTS_BOUNCE_FIXTURE_H

#include <linux/dma-mapping.h>

#include "../private.h"
#include "mock.h"
#include "untrusted.h"

/* Buffers lie in the middle of that, with guards around them */
#define AREA SZ_32K
#define AT SZ_8K

#define GRANULE SZ_4K
#define POISON 0x5e

/* An address that no memory has */
#define DEVICE_REGISTERS BIT_ULL(44)

/**
 * struct bounce - A device that bounces, and memory
 * @test: the test
 * @mock: the mock
 * @dev: the device
 * @domain: its domain
 * @memory: AREA bytes
 * @expected: what should be in there
 * @seen: what the device saw
 * @slot: what is to be given back by hand
 * @nr_bytes: bytes that slots have still to be seen with
 * @nr_slots: slots that were seen
 */
struct bounce {
	struct kunit *test;
	struct mock *mock;
	struct device *dev;
	struct iommu_domain *domain;
	u8 *memory;
	u8 *expected;
	u8 *seen;
	phys_addr_t slot;
	size_t nr_bytes;
	unsigned int nr_slots;
};

static inline void set_pattern(struct bounce *b, u8 seed)
{
	mock_set_pattern(b->memory, b->expected, AREA, seed);
}

static inline struct bounce *make_bounce(struct kunit *test, struct device *dev)
{
	struct bounce *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->test = test;
	b->mock = test->priv;
	b->dev = dev;
	b->domain = iommu_get_domain_for_dev(dev);
	b->memory = mock_buffer(test, AREA);
	b->expected = mock_buffer(test, AREA);
	b->seen = mock_buffer(test, AREA);
	set_pattern(b, 0);
	return b;
}

static inline struct bounce *make_untrusted(struct kunit *test)
{
	return make_bounce(test, untrusted_device(test));
}

static inline dma_addr_t map_attrs(struct bounce *b, size_t at, size_t size,
				   enum dma_data_direction dir,
				   unsigned long attrs)
{
	dma_addr_t iova =
		dma_map_single_attrs(b->dev, b->memory + at, size, dir, attrs);

	KUNIT_ASSERT_FALSE_MSG(b->test, dma_mapping_error(b->dev, iova),
			       "%zu bytes at %#zx", size, at);
	return iova;
}

static inline dma_addr_t map(struct bounce *b, size_t at, size_t size,
			     enum dma_data_direction dir)
{
	return map_attrs(b, at, size, dir, 0);
}

static inline bool refused(struct bounce *b, size_t at, size_t size,
			   enum dma_data_direction dir, unsigned long attrs)
{
	phys_addr_t phys = attrs & DMA_ATTR_MMIO ? DEVICE_REGISTERS + at :
						   virt_to_phys(b->memory + at);
	dma_addr_t iova = dma_map_phys(b->dev, phys, size, dir, attrs);

	if (dma_mapping_error(b->dev, iova))
		return true;
	dma_unmap_phys(b->dev, iova, size, dir, attrs);
	return false;
}

static inline size_t quarantined(struct bounce *b)
{
	return atomic_long_read(&b->domain->iova_cookie->space.quarantined);
}

/* There is nothing but the buffer's own bytes, and zero */
static inline void expect_seen(struct bounce *b, dma_addr_t iova, size_t at,
			       size_t size)
{
	size_t granule = mock_granule(b->mock);
	size_t offset = iova & (granule - 1);
	size_t span = mock_span(b->mock, iova, size);

	KUNIT_ASSERT_LE(b->test, span, AREA);
	KUNIT_ASSERT_EQ(b->test, offset,
			virt_to_phys(b->memory + at) & (granule - 1));
	KUNIT_ASSERT_TRUE(b->test,
			  mock_read(b->dev, iova - offset, b->seen, span));
	KUNIT_ASSERT_NULL_MSG(b->test, memchr_inv(b->seen, 0, offset),
			      "before %zu bytes at %#zx", size, at);
	KUNIT_ASSERT_TRUE_MSG(b->test,
			      !memcmp(b->seen + offset, b->memory + at, size),
			      "%zu bytes at %#zx", size, at);
	KUNIT_ASSERT_NULL_MSG(b->test,
			      memchr_inv(b->seen + offset + size, 0,
					 span - offset - size),
			      "behind %zu bytes at %#zx", size, at);
}

/* The same, and nothing else is mapped */
static inline void expect_view(struct bounce *b, dma_addr_t iova, size_t at,
			       size_t size)
{
	expect_seen(b, iova, at, size);
	KUNIT_ASSERT_EQ(b->test, mock_live(b->domain),
			mock_span(b->mock, iova, size));
}

static inline void expect_memory(struct bounce *b)
{
	KUNIT_ASSERT_TRUE(b->test, !memcmp(b->memory, b->expected, AREA));
}

#endif /* __DMA_IOMMU_TESTS_BOUNCE_FIXTURE_H */
