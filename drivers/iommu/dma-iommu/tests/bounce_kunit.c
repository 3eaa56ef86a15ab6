// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of buffers that a device must not touch in place: what it sees of them and
 * of all else that it reaches, and what becomes of what it writes.
 */

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/kprobes.h>
#include <linux/pci.h>
#include <linux/ptrace.h>

#include "bounce_fixture.h"

static enum dma_data_direction any_dir(unsigned int i)
{
	return i % 3;
}

/* Map, look at it as the device does, take it away */
static void look_at(struct bounce *b, size_t at, size_t size, unsigned int i)
{
	dma_addr_t iova = map(b, at, size, any_dir(i));

	expect_view(b, iova, at, size);
	dma_unmap_single(b->dev, iova, size, any_dir(i));
	if (!(i % 64))
		KUNIT_ASSERT_TRUE(b->test, mock_poison_slots(b->dev, POISON));
}

/*
 * Test that an untrusted device sees the buffer's bytes and else only zero, though
 * slots were used before: at every offset, for sizes around those of cache lines,
 * slots and granules, whatever the direction (G1, G4, B1, B2).
 */
static void test_view_offsets(struct kunit *test)
{
	static const size_t sizes[] = {
		/* Cache lines and slots */
		1, 2, 7, 8, 63, 64, 65, 128, 200, 255, 256, 257, 511, 512, 513,
		/* Granules */
		GRANULE - 1, GRANULE, GRANULE + 1, GRANULE + 511,
		2 * GRANULE - 1, 2 * GRANULE, 2 * GRANULE + 1, 3 * GRANULE - 7
	};
	struct bounce *b = make_untrusted(test);
	unsigned int i = 0;

	KUNIT_ASSERT_TRUE(test, mock_poison_slots(b->dev, POISON));
	for (size_t offset = 0; offset < 512; offset++)
		for (int j = 0; j < 7; j++, i++)
			look_at(b, AT + offset, sizes[i % ARRAY_SIZE(sizes)],
				i);
	for (size_t offset = GRANULE - 64; offset < GRANULE; offset++)
		for (int j = 0; j < ARRAY_SIZE(sizes); j++, i++)
			look_at(b, AT + offset, sizes[j], i);
	expect_memory(b);
}

/* Test the same for sizes up to more than a granule. */
static void test_view_sizes(struct kunit *test)
{
	static const size_t offsets[] = { 0, 1, 511, 2048, GRANULE - 1 };
	struct bounce *b = make_untrusted(test);
	unsigned int i = 0;

	KUNIT_ASSERT_TRUE(test, mock_poison_slots(b->dev, POISON));
	for (int j = 0; j < ARRAY_SIZE(offsets); j++)
		for (size_t size = 1; size < GRANULE + 600; size += 7, i++)
			look_at(b, AT + offsets[j], size, i);
	expect_memory(b);
}

/*
 * Test the same for granules that are smaller than a slot, with and without address
 * bits that have to be kept (B6).
 */
static void test_view_small_granule(struct kunit *test)
{
	static const unsigned int masks[] = { 0, 511, SZ_2K - 1, SZ_4K - 1 };
	struct mock *mock = test->priv;
	struct bounce *b;
	unsigned int i = 0;

	mock->pgsize_bitmap = SZ_1K;
	mock->last = SZ_1M - 1;
	b = make_untrusted(test);
	KUNIT_ASSERT_TRUE(test, mock_poison_slots(b->dev, POISON));
	for (int j = 0; j < ARRAY_SIZE(masks); j++) {
		dma_set_min_align_mask(b->dev, masks[j]);
		for (size_t at = AT; at < AT + SZ_4K; at += 101)
			for (size_t size = 1; size < SZ_4K; size += 173, i++)
				look_at(b, at, size, i);
	}
	expect_memory(b);
}

/*
 * Test that the address bits that a device wants kept are kept, be it fewer or more
 * than a granule has, though the buffer bounces (B6).
 */
static void test_kept_bits(struct kunit *test)
{
	static const unsigned int masks[] = {
		511, SZ_2K - 1, SZ_4K - 1, SZ_8K - 1, SZ_16K - 1, SZ_64K - 1,
	};
	struct bounce *b = make_untrusted(test);

	for (int i = 0; i < ARRAY_SIZE(masks); i++) {
		dma_set_min_align_mask(b->dev, masks[i]);
		for (size_t at = 1; at < SZ_16K; at += 777) {
			u64 phys = virt_to_phys(b->memory + at);
			dma_addr_t iova = map(b, at, SZ_8K, DMA_BIDIRECTIONAL);

			KUNIT_EXPECT_EQ(test, iova & masks[i], phys & masks[i]);
			expect_view(b, iova, at, SZ_8K);
			dma_unmap_single(b->dev, iova, SZ_8K,
					 DMA_BIDIRECTIONAL);
		}
	}
	expect_memory(b);
}

/*
 * Test that what the device writes comes back as far as it is in the buffer, that
 * the rest keeps what the caller had there (B1), and that what lies around the
 * buffer never changes (G4).
 */
static void test_writes(struct kunit *test)
{
	static const size_t offsets[] = { 0, 1, 100, 515, 4000, GRANULE - 1 };
	static const size_t sizes[] = {
		1, 200, GRANULE - 1, GRANULE, GRANULE + 1, 2 * GRANULE, 9000,
	};
	struct bounce *b = make_untrusted(test);

	for (int i = 0; i < ARRAY_SIZE(offsets) * ARRAY_SIZE(sizes); i++) {
		size_t at = AT + offsets[i / ARRAY_SIZE(sizes)];
		size_t size = sizes[i % ARRAY_SIZE(sizes)];
		size_t from = size / 3, len = min(size - from, 10);
		size_t offset = at % GRANULE;
		size_t span = mock_span(b->mock, at, size);
		enum dma_data_direction dir = i % 2 ? DMA_FROM_DEVICE :
						      DMA_BIDIRECTIONAL;
		dma_addr_t iova = map(b, at, size, dir);

		KUNIT_EXPECT_TRUE(test, mock_fill(b->dev, iova + from, 0, len));
		KUNIT_EXPECT_TRUE(test,
				  mock_fill(b->dev, iova - offset, 0, offset));
		KUNIT_EXPECT_TRUE(test, mock_fill(b->dev, iova + size, 0,
						  span - offset - size));
		memset(b->expected + at + from, 0, len);
		dma_unmap_single(b->dev, iova, size, dir);
		expect_memory(b);

		iova = map(b, at, size, DMA_TO_DEVICE);
		KUNIT_EXPECT_FALSE(test, mock_fill(b->dev, iova, 1, 1));
		dma_unmap_single(b->dev, iova, size, DMA_TO_DEVICE);
		expect_memory(b);
		set_pattern(b, i);
	}
}

/*
 * Test that the granules which are wholly the buffer's are mapped to its own memory,
 * and that only the others take slots: two at most.
 */
static void test_middle_in_place(struct kunit *test)
{
	static const size_t offsets[] = { 0, 1, 2048, GRANULE - 1 };
	static const size_t sizes[] = {
		1,	     GRANULE - 1,     GRANULE,
		GRANULE + 1, 2 * GRANULE - 1, 2 * GRANULE,
		3 * GRANULE, 3 * GRANULE + 1, 4 * GRANULE - 1,
	};
	struct bounce *b = make_untrusted(test);

	for (int i = 0; i < ARRAY_SIZE(offsets) * ARRAY_SIZE(sizes); i++) {
		size_t at = AT + offsets[i / ARRAY_SIZE(sizes)];
		size_t size = sizes[i % ARRAY_SIZE(sizes)], apart = 0;
		dma_addr_t iova = map(b, at, size, DMA_BIDIRECTIONAL);

		for (size_t g = ALIGN_DOWN(at, GRANULE); g < at + size;
		     g += GRANULE) {
			bool whole = g >= at && g + GRANULE <= at + size;
			dma_addr_t where = iova - at + g;
			phys_addr_t phys = 0;

			mock_lookup(b->domain, where, &phys, NULL);
			KUNIT_EXPECT_EQ(test, whole,
					phys == virt_to_phys(b->memory + g));
			KUNIT_EXPECT_EQ(test, whole,
					!mock_in_slot(b->dev, where));
			apart += !whole;
		}
		KUNIT_EXPECT_LE(test, apart, 2);
		KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev),
				mock_slots_of(apart));
		dma_unmap_single(b->dev, iova, size, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_EQ(test, mock_slots_held(b->dev), 0);
	}
}

/* Sync a part, and expect that it, and nothing else, was copied if it has to be */
static void sync_part(struct bounce *b, struct mock_shadow *shadow, size_t at,
		      size_t size, enum dma_data_direction dir, u8 byte)
{
	struct kunit *test = b->test;

	if (dir != DMA_TO_DEVICE)
		KUNIT_ASSERT_TRUE(test, mock_shadow_write(shadow, 0,
							  shadow->size, byte));
	dma_sync_single_range_for_cpu(b->dev, shadow->iova, at, size, dir);
	mock_shadow_for_cpu(shadow, at, size, dir);
	KUNIT_ASSERT_TRUE_MSG(test, mock_shadow_holds(shadow),
			      "for the CPU: %zu bytes at %zu", size, at);

	mock_shadow_cpu_write(shadow, 0, shadow->size, ~byte);
	dma_sync_single_range_for_device(b->dev, shadow->iova, at, size, dir);
	mock_shadow_for_device(shadow, at, size, dir);
	KUNIT_ASSERT_TRUE_MSG(test, mock_shadow_holds(shadow),
			      "for the device: %zu bytes at %zu", size, at);
}

static void check_sync(struct bounce *b, struct mock_shadow *shadow, size_t at,
		       size_t size, const size_t *edges, size_t nr)
{
	for (enum dma_data_direction dir = 0; dir <= DMA_FROM_DEVICE; dir++) {
		dma_addr_t iova = map(b, at, size, dir);
		u8 byte = 0;

		mock_shadow_begin(shadow, iova, b->memory + at, size);
		for (size_t i = 0; i < nr; i++)
			for (size_t j = i + 1; j < nr; j++)
				sync_part(b, shadow, edges[i],
					  edges[j] - edges[i], dir, byte++);
		if (dir != DMA_TO_DEVICE)
			mock_shadow_write(shadow, 0, size, byte);
		mock_shadow_for_cpu(shadow, 0, size, dir);
		memcpy(b->expected + at, shadow->cpu, size);
		dma_unmap_single(b->dev, iova, size, dir);
		expect_memory(b);
	}
}

/*
 * Test that the sync of any part copies that part, and nothing else, in the
 * direction that was asked for and that the mapping has (B3, B7).
 */
static void test_sync_parts(struct kunit *test)
{
	static const size_t large[] = {
		/* About where granules begin, 5 bytes in, and one later */
		0, 1, 4, 5, 6, 100, 5 + GRANULE - 1, 5 + GRANULE,
		5 + GRANULE + 1,
		/* And two later, up to the end */
		5 + 2 * GRANULE - 1, 5 + 2 * GRANULE, 5 + 2 * GRANULE + 1,
		5 + 2 * GRANULE + 7
	};
	struct bounce *b = make_untrusted(test);
	struct mock_shadow *shadow = mock_shadow(test, b->dev, AREA);
	size_t small[41];

	for (size_t i = 0; i < ARRAY_SIZE(small); i++)
		small[i] = i;
	check_sync(b, shadow, AT + GRANULE - 20, 40, small, ARRAY_SIZE(small));
	check_sync(b, shadow, AT + 501, 40, small, ARRAY_SIZE(small));
	check_sync(b, shadow, AT, 40, small, ARRAY_SIZE(small));
	check_sync(b, shadow, AT + GRANULE - 5, 5 + 2 * GRANULE + 7, large,
		   ARRAY_SIZE(large));
}

/*
 * Test that syncs, which a device whose caches are kept in step may skip, are not
 * skipped any more when it bounces.
 */
static void test_sync_not_skipped(struct kunit *test)
{
	struct bounce *b = make_untrusted(test);
	struct mock_shadow *shadow = mock_shadow(test, b->dev, AREA);
	dma_addr_t iova, in_place;

	KUNIT_ASSERT_EQ(test, dma_set_mask(b->dev, DMA_BIT_MASK(64)), 0);
	in_place = map(b, 0, GRANULE, DMA_BIDIRECTIONAL);
	iova = map(b, AT + 7, GRANULE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, dma_need_sync(b->dev, iova));
	mock_shadow_begin(shadow, iova, b->memory + AT + 7, GRANULE);
	sync_part(b, shadow, 0, GRANULE, DMA_BIDIRECTIONAL, 1);
	memcpy(b->expected + AT + 7, shadow->device, GRANULE);
	dma_unmap_single(b->dev, iova, GRANULE, DMA_BIDIRECTIONAL);
	dma_unmap_single(b->dev, in_place, GRANULE, DMA_BIDIRECTIONAL);
	expect_memory(b);
}

/**
 * struct counter - How often a function of swiotlb was called
 * @probe: on it
 * @calls: how often
 * @copies: for how many of the calls it copied itself
 */
struct counter {
	struct kprobe probe;
	atomic_t calls;
	atomic_t copies;
};

static int count_call(struct kprobe *probe, struct pt_regs *regs)
{
	struct counter *counter = container_of(probe, struct counter, probe);

	atomic_inc(&counter->calls);
#ifdef CONFIG_HAVE_FUNCTION_ARG_ACCESS_API
	if (!(regs_get_kernel_argument(regs, 4) & DMA_ATTR_SKIP_CPU_SYNC))
		atomic_inc(&counter->copies);
#endif
	return 0;
}

static void stop_counting(void *data)
{
	unregister_kprobe(data);
}

static void start_counting(struct kunit *test, struct counter *counter,
			   const char *name)
{
	memset(counter, 0, sizeof(*counter));
	counter->probe.symbol_name = name;
	counter->probe.pre_handler = count_call;
	if (register_kprobe(&counter->probe))
		kunit_skip(test, "%s cannot be probed", name);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, stop_counting,
						  &counter->probe),
			0);
}

/* Test that what the device wrote is copied back once (B5). */
static void test_copies_once(struct kunit *test)
{
	struct bounce *b = make_untrusted(test);
	static struct counter sync, unmap;
	dma_addr_t iova;

	start_counting(test, &sync, "__swiotlb_sync_single_for_cpu");
	start_counting(test, &unmap, "__swiotlb_tbl_unmap_single");
	iova = map(b, AT + 100, 2 * GRANULE, DMA_FROM_DEVICE);
	dma_unmap_single(b->dev, iova, 2 * GRANULE, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, atomic_read(&sync.calls), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&unmap.calls), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&unmap.copies), 0);
}

/*
 * Test that whatever a device says it can map at once does succeed, at an odd
 * offset, and that no size is too large to bounce (B9).
 */
static void test_max_mapping_size(struct kunit *test)
{
	static const size_t sizes[] = {
		SZ_256K - 1, SZ_256K, SZ_256K + 1,	300 * SZ_1K,
		SZ_512K,     SZ_1M,   3 * SZ_1M - 4000,
	};
	u8 *memory = mock_buffer(test, 3 * SZ_1M), *seen;
	struct bounce *b = make_untrusted(test);

	seen = mock_buffer(test, SZ_4K);
	memset(memory, 0x77, 3 * SZ_1M);
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];
		dma_addr_t iova;

		KUNIT_EXPECT_GE(test, dma_max_mapping_size(b->dev), size);
		iova = dma_map_single(b->dev, memory + 3333, size,
				      DMA_BIDIRECTIONAL);
		KUNIT_ASSERT_FALSE_MSG(test, dma_mapping_error(b->dev, iova),
				       "%zu bytes", size);
		KUNIT_EXPECT_LE(test, mock_slots_held(b->dev),
				mock_slots_of(2));
		for (size_t at = 0; at < size; at += SZ_4K) {
			size_t len = min(size - at, SZ_4K);

			KUNIT_ASSERT_TRUE(test, mock_read(b->dev, iova + at,
							  seen, len));
			KUNIT_ASSERT_NULL(test, memchr_inv(seen, 0x77, len));
		}
		KUNIT_EXPECT_TRUE(test, mock_fill(b->dev, iova, i, size));
		dma_unmap_single(b->dev, iova, size, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_NULL(test, memchr_inv(memory + 3333, i, size));
		KUNIT_EXPECT_NULL(test, memchr_inv(memory, 0x77, 3333));
		memset(memory, 0x77, 3 * SZ_1M);
	}
}

/*
 * Test that DMA_ATTR_SKIP_CPU_SYNC shows the device nothing that it must not see when
 * mapping, and copies nothing back when unmapping, and that syncs between work (B3).
 */
static void test_skip_cpu_sync(struct kunit *test)
{
	const size_t at = AT + 100, size = GRANULE;
	struct bounce *b = make_untrusted(test);
	struct mock_shadow *shadow = mock_shadow(test, b->dev, AREA);
	dma_addr_t iova;

	KUNIT_ASSERT_TRUE(test, mock_poison_slots(b->dev, POISON));
	iova = map_attrs(b, at, size, DMA_BIDIRECTIONAL,
			 DMA_ATTR_SKIP_CPU_SYNC);
	expect_view(b, iova, at, size);
	mock_shadow_begin(shadow, iova, b->memory + at, size);
	for (size_t i = 0; i < 64; i++)
		sync_part(b, shadow, i * 61, 1 + i, DMA_BIDIRECTIONAL, i);

	memcpy(b->expected + at, shadow->cpu, size);
	KUNIT_EXPECT_TRUE(test, mock_fill(b->dev, iova, 0xaa, size));
	dma_unmap_single_attrs(b->dev, iova, size, DMA_BIDIRECTIONAL,
			       DMA_ATTR_SKIP_CPU_SYNC);
	expect_memory(b);
}

/*
 * Test that a device that is not coherent gets a copy of exactly those buffers that
 * may share a cache line with others, that these are not mapped to the buffer's
 * page, and that all others are in place (B12, B4).
 */
static void test_small_buffers(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .noncoherent = true);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	unsigned int bounced = 0;

	if (dev_is_dma_coherent(dev))
		kunit_skip(test, "this architecture has coherent devices only");
	mock_count_slots(dev);

	for (unsigned int i = 3; i < 3 * 600; i++) {
		enum dma_data_direction dir = any_dir(i);
		size_t size = i / 3;
		bool apart = dma_kmalloc_needs_bounce(dev, size, dir);
		u8 *memory = kmalloc(size, GFP_KERNEL), byte;
		phys_addr_t phys = 0;
		dma_addr_t iova;

		KUNIT_ASSERT_NOT_NULL(test, memory);
		memset(memory, 0x11, size);
		iova = dma_map_single(dev, memory, size, dir);
		if (dma_mapping_error(dev, iova)) {
			KUNIT_FAIL(test, "%zu bytes", size);
			kfree(memory);
			return;
		}
		mock_lookup(domain, iova, &phys, NULL);
		bounced += apart;
		KUNIT_EXPECT_EQ_MSG(test, mock_in_slot(dev, iova), apart,
				    "%zu bytes", size);
		KUNIT_EXPECT_EQ(test, phys == virt_to_phys(memory), !apart);
		KUNIT_EXPECT_EQ(test, iova % GRANULE,
				virt_to_phys(memory) % GRANULE);
		KUNIT_EXPECT_TRUE(test,
				  mock_read(dev, iova + size - 1, &byte, 1));
		KUNIT_EXPECT_EQ(test, byte, 0x11);
		if (dir != DMA_TO_DEVICE)
			KUNIT_EXPECT_TRUE(test,
					  mock_fill(dev, iova, 0x22, size));
		dma_unmap_single(dev, iova, size, dir);
		KUNIT_EXPECT_NULL(test,
				  memchr_inv(memory,
					     dir == DMA_TO_DEVICE ? 0x11 : 0x22,
					     size));
		kfree(memory);
	}
	if (IS_ENABLED(CONFIG_DMA_BOUNCE_UNALIGNED_KMALLOC))
		KUNIT_EXPECT_GT(test, bounced, 0);
}

/*
 * Test that syncs of parts hold for such buffers as well, and for larger ones of
 * which a small part is synced, though these are in place (B7).
 */
static void test_small_buffers_sync(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .noncoherent = true);
	struct mock_shadow *shadow = mock_shadow(test, dev, AREA);
	struct bounce *b = make_bounce(test, dev);
	static const size_t large[] = {
		0, 1, 127, 128, 200, 255, 256, 257, 1000, 4000,
	};
	static const size_t sizes[] = { 5, 20, 33, 90, 128, 250 };

	if (dev_is_dma_coherent(dev))
		kunit_skip(test, "this architecture has coherent devices only");
	mock_count_slots(dev);

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];
		size_t edges[] = { 0, 1, 3, size - 1, size };

		shadow->bounced =
			dma_kmalloc_needs_bounce(dev, size, DMA_FROM_DEVICE);
		for (int j = 0; j < 3; j++) {
			static const size_t offsets[] = { 0, 50, GRANULE - 2 };

			for (int k = 0; k < 2; k++) {
				enum dma_data_direction dir =
					k ? DMA_FROM_DEVICE : DMA_BIDIRECTIONAL;
				size_t at = AT + offsets[j];
				dma_addr_t iova = map(b, at, size, dir);

				mock_shadow_begin(shadow, iova, b->memory + at,
						  size);
				for (int l = 0; l < 4; l++)
					sync_part(b, shadow, edges[l],
						  edges[l + 1] - edges[l], dir,
						  l + j);
				memcpy(b->expected + at, shadow->device, size);
				dma_unmap_single(dev, iova, size, dir);
				expect_memory(b);
			}
		}
	}

	shadow->bounced = false;
	check_sync(b, shadow, AT + 77, 4000, large, ARRAY_SIZE(large));
}

/*
 * Test that MMIO is not copied for a device that is not coherent, however small: it
 * is not cached.
 */
static void test_small_mmio(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .noncoherent = true);
	phys_addr_t registers = DEVICE_REGISTERS + 20, phys = 0;
	dma_addr_t iova;

	mock_count_slots(dev);
	iova = dma_map_phys(dev, registers, 4, DMA_FROM_DEVICE, DMA_ATTR_MMIO);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	mock_lookup(iommu_get_domain_for_dev(dev), iova, &phys, NULL);
	KUNIT_EXPECT_EQ(test, phys, registers);
	dma_unmap_phys(dev, iova, 4, DMA_FROM_DEVICE, DMA_ATTR_MMIO);
}

/* At a granule's moment of being mapped, nothing may be in it but the buffer and zero */
static void look_at_slot(struct mock *mock, dma_addr_t iova, phys_addr_t phys,
			 size_t size)
{
	struct bounce *b = mock->at_map_data;
	const u8 *data = phys_to_virt(phys);
	size_t nonzero = 0;

	if (!mock_is_slot(b->dev, phys))
		return;
	for (size_t i = 0; i < size; i++)
		nonzero += data[i] != 0;
	KUNIT_EXPECT_EQ(b->test, size, GRANULE);
	KUNIT_EXPECT_LE(b->test, nonzero, b->nr_bytes);
	b->nr_bytes -= nonzero;
	b->nr_slots++;
}

/*
 * Test that before a slot is mapped it holds the buffer's bytes and zero, and nothing
 * of what was there [G1, B2]: the device may look as soon as it can.
 */
static void test_before_map(struct kunit *test)
{
	static const struct {
		size_t at, size;
	} parts[] = {
		{ AT + 100, 1000 },
		{ AT + 100, GRANULE },
		{ AT, GRANULE + 7 },
		{ AT + 100, 2 * GRANULE },
	};
	struct bounce *b = make_untrusted(test);

	for (int i = 0; i < ARRAY_SIZE(parts); i++) {
		struct iommu_dma_split split =
			iommu_dma_split(&b->domain->iova_cookie->space,
					virt_to_phys(b->memory + parts[i].at),
					parts[i].size);
		dma_addr_t iova;

		KUNIT_ASSERT_TRUE(test, mock_poison_slots(b->dev, POISON));
		memset(b->memory + parts[i].at, 0x11, parts[i].size);
		b->nr_bytes = split.head + split.tail;
		b->nr_slots = 0;
		b->mock->at_map_data = b;
		b->mock->at_map = look_at_slot;
		iova = map(b, parts[i].at, parts[i].size, DMA_FROM_DEVICE);
		b->mock->at_map = NULL;
		KUNIT_EXPECT_EQ(test, b->nr_slots, !!split.head + !!split.tail);
		KUNIT_EXPECT_EQ(test, b->nr_bytes, 0);
		dma_unmap_single_attrs(b->dev, iova, parts[i].size,
				       DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	}
}

/* Test that swiotlb is there wherever an untrusted device may turn up [B10] */
static void test_pool_at_boot(struct kunit *test)
{
	struct pci_dev *pdev = NULL;
	unsigned int nr = 0;

	for_each_pci_dev(pdev) {
		KUNIT_EXPECT_TRUE_MSG(test, is_swiotlb_active(&pdev->dev), "%s",
				      pci_name(pdev));
		nr++;
	}
	kunit_info(test, "%u PCI devices", nr);
}

static struct kunit_case bounce_cases[] = {
	KUNIT_CASE_SLOW(test_view_offsets),
	KUNIT_CASE_PARAM(test_view_sizes, coherency_gen_params),
	KUNIT_CASE(test_view_small_granule),
	KUNIT_CASE(test_kept_bits),
	KUNIT_CASE_PARAM(test_writes, coherency_gen_params),
	KUNIT_CASE_PARAM(test_middle_in_place, coherency_gen_params),
	KUNIT_CASE_PARAM(test_sync_parts, coherency_gen_params),
	KUNIT_CASE(test_sync_not_skipped),
	KUNIT_CASE(test_copies_once),
	KUNIT_CASE(test_max_mapping_size),
	KUNIT_CASE_PARAM(test_skip_cpu_sync, coherency_gen_params),
	KUNIT_CASE(test_small_buffers),
	KUNIT_CASE(test_small_buffers_sync),
	KUNIT_CASE(test_small_mmio),
	KUNIT_CASE_PARAM(test_before_map, coherency_gen_params),
	KUNIT_CASE(test_pool_at_boot),
	{}
};

static struct kunit_suite bounce_suite = {
	.name = "iommu_dma_bounce",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = bounce_cases,
};

kunit_test_suite(bounce_suite);
