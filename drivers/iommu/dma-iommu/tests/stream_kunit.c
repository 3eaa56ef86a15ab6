// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of streaming mappings of physically contiguous memory.
 */

#include <linux/dma-iommu.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/io.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>

#include "../private.h"
#include "mock.h"

/* An address that no memory has */
#define DEVICE_REGISTERS BIT_ULL(44)

struct prot_case {
	const char *name;
	enum dma_data_direction dir;
	unsigned long attrs;
	bool noncoherent;
	int prot;
};

#define RW (IOMMU_READ | IOMMU_WRITE)

static const struct prot_case prot_cases[] = {
	{ "to device", DMA_TO_DEVICE, 0, false, IOMMU_READ | IOMMU_CACHE },
	{ "from device", DMA_FROM_DEVICE, 0, false, IOMMU_WRITE | IOMMU_CACHE },
	{ "both ways", DMA_BIDIRECTIONAL, 0, false, RW | IOMMU_CACHE },
	{ "not coherent, to device", DMA_TO_DEVICE, 0, true, IOMMU_READ },
	{ "not coherent, from device", DMA_FROM_DEVICE, 0, true, IOMMU_WRITE },
	{ "privileged", DMA_TO_DEVICE, DMA_ATTR_PRIVILEGED, false,
	  IOMMU_READ | IOMMU_CACHE | IOMMU_PRIV },
	{ "MMIO", DMA_BIDIRECTIONAL, DMA_ATTR_MMIO, false, RW | IOMMU_MMIO },
	{ "MMIO, not coherent", DMA_FROM_DEVICE, DMA_ATTR_MMIO, true,
	  IOMMU_WRITE | IOMMU_MMIO },
};

KUNIT_ARRAY_PARAM_DESC(prot, prot_cases, name);

/*
 * Test that the permissions are those that direction, attributes and coherency
 * call for, that the IOMMU is told of the mapping once, and that the page table
 * is not filled with memory that one would have to wait for. Guards against "iommu:
 * Properly pass gfp_t in _iommu_map() to avoid atomic sleeping" [F13].
 */
static void test_permissions(struct kunit *test)
{
	const struct prot_case *param = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev =
		mock_device(mock, .noncoherent = param->noncoherent);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	phys_addr_t phys = virt_to_phys(mock_buffer(test, SZ_8K)), found;
	dma_addr_t iova;
	int prot;

	if (param->noncoherent && dev_is_dma_coherent(dev))
		kunit_skip(test, "this architecture has coherent devices only");

	if (param->attrs & DMA_ATTR_MMIO)
		phys = DEVICE_REGISTERS;

	iova = dma_map_phys(dev, phys, SZ_8K, param->dir, param->attrs);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_STREQ(test, mock->history, "ms");
	KUNIT_EXPECT_FALSE(test, gfpflags_allow_blocking(mock->last_gfp));
	KUNIT_ASSERT_TRUE(test, mock_lookup(domain, iova, &found, &prot));
	KUNIT_EXPECT_EQ(test, found, phys);
	KUNIT_EXPECT_EQ(test, prot, param->prot);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_8K);

	dma_unmap_phys(dev, iova, SZ_8K, param->dir, param->attrs);
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");
	KUNIT_EXPECT_FALSE(test, mock_reachable(domain, iova, SZ_8K));
}

static void check_offsets(struct mock *mock, struct device *dev)
{
	struct kunit *test = mock->test;
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	size_t granule = mock_granule(mock);
	const size_t offsets[] = { 0, 1, 5000, granule - 1, granule + 1 };
	const size_t sizes[] = {
		1, granule - 1, granule, granule + 1, 5000, 3 * granule,
	};
	phys_addr_t base = virt_to_phys(mock_buffer(test, SZ_32K));

	for (int i = 0; i < ARRAY_SIZE(offsets) * ARRAY_SIZE(sizes); i++) {
		phys_addr_t phys = base + offsets[i / ARRAY_SIZE(sizes)];
		size_t size = sizes[i % ARRAY_SIZE(sizes)];
		size_t span = mock_span(mock, phys, size);
		phys_addr_t first = 0, last = 0;
		dma_addr_t iova;

		iova = dma_map_phys(dev, phys, size, DMA_TO_DEVICE, 0);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
		KUNIT_EXPECT_EQ(test, iova % granule, phys % granule);
		KUNIT_EXPECT_EQ(test, mock_live(domain), span);
		mock_lookup(domain, iova, &first, NULL);
		mock_lookup(domain, iova + size - 1, &last, NULL);
		KUNIT_EXPECT_EQ(test, first, phys);
		KUNIT_EXPECT_EQ(test, last, phys + size - 1);

		dma_unmap_phys(dev, iova, size, DMA_TO_DEVICE, 0);
		KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
	}
}

/*
 * Test that a DMA address keeps the offset into a granule, and that the
 * granules which the buffer touches are mapped, and no others.
 */
static void test_offsets(struct kunit *test)
{
	check_offsets(test->priv, mock_device(test->priv));
}

/*
 * Test that the offset is that into a granule of the IOMMU, not into a page of
 * the CPU. Guards against "iommu/dma: Use correct offset in map_sg" [S1].
 */
static void test_offsets_small_granule(struct kunit *test)
{
	struct mock *mock = test->priv;

	mock->pgsize_bitmap = SZ_1K;
	mock->last = SZ_1M - 1;
	check_offsets(mock, mock_device(mock));
}

/*
 * Test that sizes are refused that are 0, or that overflow with the offset or
 * by rounding up, and sizes that are larger than the space.
 */
static void test_bad_sizes(struct kunit *test)
{
	static const size_t sizes[] = {
		0,
		SIZE_MAX,
		SIZE_MAX - SZ_4K,
		SIZE_MAX - SZ_4K + 1,
		SIZE_MAX - 100,
		SIZE_MAX / 2 + 1,
		SZ_4M - SZ_4K + 1,
		SZ_4M,
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	phys_addr_t phys = virt_to_phys(mock_buffer(test, SZ_4K));

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_EQ_MSG(test,
				    iommu_dma_map_phys(dev, phys, sizes[i],
						       DMA_TO_DEVICE, 0),
				    DMA_MAPPING_ERROR, "size %#zx", sizes[i]);
		KUNIT_EXPECT_EQ_MSG(test,
				    iommu_dma_map_phys(dev, phys + 101,
						       sizes[i], DMA_TO_DEVICE,
						       0),
				    DMA_MAPPING_ERROR, "size %#zx", sizes[i]);
	}
	KUNIT_EXPECT_STREQ(test, mock->history, "");
}

/*
 * Test that to unmap, or to sync, what cannot be a mapping is a warning and does no
 * harm, be the device trusted or not.
 */
static void test_no_mapping(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *devs[] = { mock_device(mock), mock_untrusted(mock) };
	u8 *memory = mock_buffer(test, SZ_4K);
	struct scatterlist sg;

	memset(memory, 0x5a, SZ_4K);
	sg_init_one(&sg, memory, SZ_4K);
	sg_dma_len(&sg) = 0;
	mock_forget(mock);
	for (int i = 0; i < ARRAY_SIZE(devs); i++) {
		kunit_warning_suppress(test) {
			iommu_dma_unmap_phys(devs[i], SZ_1M, 0, DMA_TO_DEVICE,
					     0);
			iommu_dma_unmap_phys(devs[i], SZ_1M + 1, SIZE_MAX,
					     DMA_TO_DEVICE, 0);
			iommu_dma_unmap_sg(devs[i], &sg, 1, DMA_TO_DEVICE, 0);
			iommu_dma_unmap_sg(devs[i], &sg, 0, DMA_TO_DEVICE, 0);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 4);
		}
	}
	kunit_warning_suppress(test) {
		iommu_dma_sync_single_for_cpu(devs[1], SZ_1M, SZ_4K,
					      DMA_FROM_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_STREQ(test, mock->history, "");
	KUNIT_EXPECT_EQ(test, mock->missed, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory, 0x5a, SZ_4K));
}

/*
 * Test that nothing is left of a mapping that failed, at whichever call of the
 * driver and with whatever of it done, and that it succeeds afterwards.
 */
static void test_map_failure(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -EINVAL, -EEXIST, -ENODEV };
	struct mock *mock = test->priv;
	struct device *dev;
	struct iommu_domain *domain;
	dma_addr_t iova;
	void *memory;

	/* Two pages per call: the buffer takes four calls */
	mock->chunk = 2;
	dev = mock_device(mock);
	domain = iommu_get_domain_for_dev(dev);
	memory = mock_buffer(test, SZ_32K);

	for (int i = 0; i < 4 * ARRAY_SIZE(errors); i++) {
		for (int pages = 0; pages < 2; pages++) {
			mock->fault.map_nth = 1 + i % 4;
			mock->fault.map_error = errors[i / 4];
			mock->fault.map_pages = pages;
			mock_forget(mock);
			iova = dma_map_single(dev, memory, SZ_32K,
					      DMA_TO_DEVICE);
			KUNIT_EXPECT_EQ(test, iova, DMA_MAPPING_ERROR);
			KUNIT_EXPECT_EQ(test, mock->count[MOCK_MAP], 1 + i % 4);
			KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
			KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
		}
	}

	mock_forget(mock);
	iova = dma_map_single(dev, memory, SZ_32K, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_STREQ(test, mock->history, "mmmms");
	dma_unmap_single(dev, iova, SZ_32K, DMA_TO_DEVICE);
}

/* Test the same if the IOMMU cannot be told of the mapping. */
static void test_sync_map_failure(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	void *memory = mock_buffer(test, SZ_32K);
	dma_addr_t iova;

	mock->fault.sync_map_nth = 1;
	mock->fault.sync_map_error = -EIO;
	iova = dma_map_single(dev, memory, SZ_32K, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, iova, DMA_MAPPING_ERROR);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);

	iova = dma_map_single(dev, memory, SZ_32K, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	dma_unmap_single(dev, iova, SZ_32K, DMA_TO_DEVICE);
}

/*
 * Test that a full space refuses and does not hand out what it has not, and has
 * room again as soon as one mapping is gone. Guards against "iommu/iova: Fix
 * underflow bug in __alloc_and_insert_iova_range" [V1] and what dcdb3ba7e2a8 mended
 * [V2].
 */
static void test_exhaustion(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	void *memory = mock_buffer(test, SZ_1M);
	dma_addr_t iovas[4], iova;
	int nr = 0;

	for (;;) {
		iova = dma_map_single(dev, memory, SZ_1M, DMA_TO_DEVICE);
		if (dma_mapping_error(dev, iova))
			break;
		KUNIT_ASSERT_LT(test, nr, 4);
		iovas[nr++] = iova;
	}
	KUNIT_EXPECT_EQ(test, nr, 3);

	dma_unmap_single(dev, iovas[1], SZ_1M, DMA_TO_DEVICE);
	iovas[1] = dma_map_single(dev, memory, SZ_1M, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, dma_mapping_error(dev, iovas[1]));
	while (nr--)
		dma_unmap_single(dev, iovas[nr], SZ_1M, DMA_TO_DEVICE);
}

/*
 * Test that the last granule that an IOMMU with 48 bits translates is
 * invalidated like any other. Guards against "iommu: Switch gather->end to the
 * inclusive end" [F4].
 */
static void test_top_of_space(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct device *dev;
	dma_addr_t iova;

	mock->first = DMA_BIT_MASK(48) - SZ_4K + 1;
	mock->last = DMA_BIT_MASK(48);
	dev = mock_device(mock);
	domain = iommu_get_domain_for_dev(dev);
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));

	for (int i = 0; i < 3; i++) {
		iova = dma_map_single(dev, mock_buffer(test, SZ_4K), SZ_4K,
				      DMA_TO_DEVICE);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
		KUNIT_EXPECT_EQ(test, iova, mock->first);
		dma_unmap_single(dev, iova, SZ_4K, DMA_TO_DEVICE);
		KUNIT_EXPECT_FALSE(test, mock_reachable(domain, iova, SZ_4K));
	}
}

/*
 * Test that memory which the IOMMU has a large page for can be mapped with one,
 * and that all of it is invalidated. Guards against what ee6e69d03255 mended [F5].
 */
static void test_large_page(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct device *dev;
	dma_addr_t iova;

	mock->last = SZ_16M - 1;
	dev = mock_device(mock);
	domain = iommu_get_domain_for_dev(dev);
	iova = dma_map_phys(dev, DEVICE_REGISTERS, SZ_4M, DMA_TO_DEVICE,
			    DMA_ATTR_MMIO);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_STREQ(test, mock->history, "ms");
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_4M);
	dma_unmap_phys(dev, iova, SZ_4M, DMA_TO_DEVICE, DMA_ATTR_MMIO);
	KUNIT_EXPECT_STREQ(test, mock->history, "msui");
	KUNIT_EXPECT_FALSE(test, mock_reachable(domain, iova, SZ_4M));
}

/*
 * Test that the address bits that a device wants kept are kept, be it fewer or
 * more than a granule has.
 */
static void test_min_align_mask(struct kunit *test)
{
	const unsigned int masks[] = { SZ_4K - 1, SZ_16K - 1, SZ_64K - 1 };
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_128K);
	struct device *dev = mock_device(mock);
	dma_addr_t iova;

	for (int i = 0; i < ARRAY_SIZE(masks); i++) {
		dma_set_min_align_mask(dev, masks[i]);
		for (size_t at = 100; at < SZ_64K; at += SZ_4K) {
			iova = dma_map_single(dev, memory + at, SZ_8K,
					      DMA_TO_DEVICE);
			KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
			KUNIT_EXPECT_EQ(test, iova & masks[i],
					virt_to_phys(memory + at) & masks[i]);
			dma_unmap_single(dev, iova, SZ_8K, DMA_TO_DEVICE);
		}
	}
}

/*
 * Test that a large buffer gets an IOVA with the same offset into the larger
 * pages of the IOMMU as its physical address, so that they can be used.
 */
static void test_larger_pages(struct kunit *test)
{
	const phys_addr_t phys = DEVICE_REGISTERS - SZ_64K + 100;
	const size_t size = SZ_2M + SZ_64K;
	struct mock *mock = test->priv;
	struct device *dev;
	dma_addr_t iova;

	mock->last = SZ_16M - 1;
	dev = mock_device(mock);

	iova = dma_map_phys(dev, phys, size, DMA_TO_DEVICE, DMA_ATTR_MMIO);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_EQ(test, iova & (SZ_2M - 1), phys & (SZ_2M - 1));
	dma_unmap_phys(dev, iova, size, DMA_TO_DEVICE, DMA_ATTR_MMIO);

	/* It does not hold one: as high as possible instead */
	iova = dma_map_phys(dev, phys, SZ_2M, DMA_TO_DEVICE, DMA_ATTR_MMIO);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_EQ(test, iova, SZ_16M - SZ_2M - SZ_4K + 100);
	dma_unmap_phys(dev, iova, SZ_2M, DMA_TO_DEVICE, DMA_ATTR_MMIO);
}

/*
 * Test that data is what it was after it was handed to the device and back,
 * whole or in parts, for devices of either kind.
 */
static void test_sync(struct kunit *test)
{
	struct mock *mock = test->priv;
	u8 *memory = mock_buffer(test, SZ_8K);

	for (int i = 0; i < 2; i++) {
		struct device *dev = mock_device(mock, .noncoherent = i);
		dma_addr_t iova;

		memset(memory, 0x5a + i, SZ_8K);
		iova = dma_map_single(dev, memory, SZ_8K, DMA_BIDIRECTIONAL);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
		mock_forget(mock);
		dma_sync_single_for_cpu(dev, iova, SZ_8K, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_NULL(test, memchr_inv(memory, 0x5a + i, SZ_8K));
		memory[SZ_4K] = 0;
		dma_sync_single_range_for_device(dev, iova, SZ_4K, 1,
						 DMA_BIDIRECTIONAL);
		dma_sync_single_range_for_cpu(dev, iova, SZ_4K - 1, 100,
					      DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_EQ(test, memory[SZ_4K], 0);
		KUNIT_EXPECT_STREQ(test, mock->history, "");
		dma_unmap_single(dev, iova, SZ_8K, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_EQ(test, memory[SZ_4K + 1], 0x5a + i);
	}
}

/* Test that nothing sleeps where one must not: under a spinlock [F13]. */
static void test_under_spinlock(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	void *memory = mock_buffer(test, SZ_32K);
	static DEFINE_SPINLOCK(lock);
	dma_addr_t iova;

	mock->chunk = 1;
	for (int i = 0; i < 8; i++) {
		guard(spinlock_irqsave)(&lock);
		iova = dma_map_single(dev, memory, SZ_32K, DMA_TO_DEVICE);
		if (!dma_mapping_error(dev, iova))
			dma_unmap_single(dev, iova, SZ_32K, DMA_TO_DEVICE);
	}
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], 8);
}

/**
 * struct contexts - Mapping in a task, with softirqs off and in an interrupt
 * @work: runs in an interrupt
 * @dev: the device
 * @memory: what is mapped, 16 KiB
 * @cpu: which CPU is to be interrupted
 * @interrupts: how often it was
 * @failed: mappings that were not as they should be
 */
struct contexts {
	struct irq_work work;
	struct device *dev;
	void *memory;
	int cpu;
	atomic_t interrupts;
	atomic_t failed;
};

static void map_and_unmap(struct contexts *contexts)
{
	struct device *dev = contexts->dev;
	dma_addr_t iova;

	iova = dma_map_single(dev, contexts->memory, SZ_16K, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, iova)) {
		atomic_inc(&contexts->failed);
		return;
	}
	if (!mock_lookup(iommu_get_domain_for_dev(dev), iova, NULL, NULL))
		atomic_inc(&contexts->failed);
	dma_unmap_single(dev, iova, SZ_16K, DMA_TO_DEVICE);
}

static void map_in_interrupt(struct irq_work *work)
{
	struct contexts *contexts = container_of(work, struct contexts, work);

	map_and_unmap(contexts);
	atomic_inc(&contexts->interrupts);
}

static int interrupt(void *data)
{
	struct contexts *contexts = data;

	while (!kthread_should_stop()) {
		irq_work_queue_on(&contexts->work, READ_ONCE(contexts->cpu));
		cond_resched();
	}
	return 0;
}

/*
 * Test that a mapping may be made at any point of the making of another one,
 * in a task, with softirqs off and in an interrupt.
 */
static void test_any_context(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct task_struct *task;
	struct contexts *contexts;

	contexts = kunit_kzalloc(test, sizeof(*contexts), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, contexts);
	init_irq_work(&contexts->work, map_in_interrupt);
	contexts->dev = mock_device(mock);
	contexts->memory = mock_buffer(test, SZ_16K);
	task = kthread_run(interrupt, contexts, "dma-iommu-mock");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);

	for (int i = 0; i < 1000; i++) {
		WRITE_ONCE(contexts->cpu, raw_smp_processor_id());
		map_and_unmap(contexts);
		local_bh_disable();
		map_and_unmap(contexts);
		local_bh_enable();
		cond_resched();
	}

	kthread_stop(task);
	irq_work_sync(&contexts->work);
	KUNIT_EXPECT_EQ(test, atomic_read(&contexts->failed), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&contexts->interrupts), 0);
	kunit_info(test, "%d interrupts", atomic_read(&contexts->interrupts));
}

/*
 * Test that one buffer does not cross the segment boundary of its device where it can
 * be kept from that, be it small or as large as a segment, and whichever address bits
 * the device wants kept: drivers of such devices are used to that.
 */
static void test_segment_boundary(struct kunit *test)
{
	static const size_t sizes[] = {
		SZ_4K,	3 * SZ_4K, 5 * SZ_4K, 5000,
		SZ_64K, 9 * SZ_4K, 100,	      7 * SZ_4K,
	};
	static const unsigned int masks[] = { 0, SZ_16K - 1 };
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_128K);
	dma_addr_t iovas[5 * ARRAY_SIZE(sizes)];

	for (int i = 0; i < ARRAY_SIZE(masks); i++) {
		struct device *dev = mock_device(mock, .boundary = SZ_64K - 1,
						 .align_mask = masks[i]);

		for (int j = 0; j < ARRAY_SIZE(iovas); j++) {
			size_t size = sizes[j % ARRAY_SIZE(sizes)];

			iovas[j] = dma_map_single(dev, memory, size,
						  DMA_TO_DEVICE);
			KUNIT_ASSERT_FALSE(test,
					   dma_mapping_error(dev, iovas[j]));
			KUNIT_EXPECT_EQ_MSG(test, iovas[j] / SZ_64K,
					    (iovas[j] + size - 1) / SZ_64K,
					    "%zu bytes", size);
		}
		for (int j = 0; j < ARRAY_SIZE(iovas); j++)
			dma_unmap_single(dev, iovas[j],
					 sizes[j % ARRAY_SIZE(sizes)],
					 DMA_TO_DEVICE);
	}
}

/* Test that a buffer which has to cross the segment boundary is mapped all the same */
static void test_across_boundary(struct kunit *test)
{
	struct device *dev = mock_device(test->priv, .boundary = SZ_64K - 1);
	void *memory = mock_buffer(test, SZ_256K);
	dma_addr_t iova;

	iova = dma_map_single(dev, memory, SZ_64K + 1, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	dma_unmap_single(dev, iova, SZ_64K + 1, DMA_TO_DEVICE);
	iova = dma_map_single(dev, memory + 100, SZ_64K, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	dma_unmap_single(dev, iova, SZ_64K, DMA_TO_DEVICE);
}

static struct kunit_case stream_cases[] = {
	KUNIT_CASE_PARAM(test_permissions, prot_gen_params),
	KUNIT_CASE(test_offsets),
	KUNIT_CASE(test_offsets_small_granule),
	KUNIT_CASE(test_bad_sizes),
	KUNIT_CASE(test_no_mapping),
	KUNIT_CASE(test_map_failure),
	KUNIT_CASE(test_sync_map_failure),
	KUNIT_CASE(test_exhaustion),
	KUNIT_CASE(test_top_of_space),
	KUNIT_CASE(test_large_page),
	KUNIT_CASE(test_min_align_mask),
	KUNIT_CASE(test_larger_pages),
	KUNIT_CASE(test_sync),
	KUNIT_CASE(test_under_spinlock),
	KUNIT_CASE(test_any_context),
	KUNIT_CASE(test_segment_boundary),
	KUNIT_CASE(test_across_boundary),
	{}
};

static struct kunit_suite stream_suite = {
	.name = "iommu_dma_stream",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = stream_cases,
};

kunit_test_suite(stream_suite);
