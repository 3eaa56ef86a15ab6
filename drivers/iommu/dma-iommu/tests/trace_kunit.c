// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what the layer says unasked: trace events, and what the log has of
 * mappings that were refused.
 */

#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/ratelimit.h>
#include <trace/events/dma_iommu.h>

#include "../private.h"
#include "log.h"
#include "mock.h"

/**
 * struct heard - What trace events have said about one device, or its group
 * @dev: the device
 * @group: its group
 * @refills: how many events there were, of each kind, as all below
 * @searches: see above
 * @refusals: see above
 * @begins: see above
 * @ends: see above
 * @bounces: see above
 * @quarantines: see above
 * @up_to: of the last refill
 * @granule: the same
 * @size: of the last event that has one
 * @limit: of the last search or refusal
 * @hole: of the last refusal
 * @error: the same
 * @number: of the last flush that began
 * @ended: of the last one that ended
 * @waiting: of the last one that began
 * @untrusted: of the last bounce
 * @iova: of the last quarantine
 */
struct heard {
	struct device *dev;
	int group;
	unsigned int refills;
	unsigned int searches;
	unsigned int refusals;
	unsigned int begins;
	unsigned int ends;
	unsigned int bounces;
	unsigned int quarantines;
	unsigned int up_to;
	u64 granule;
	size_t size;
	u64 limit;
	u64 hole;
	int error;
	u32 number;
	u32 ended;
	unsigned int waiting;
	bool untrusted;
	u64 iova;
};

static void hear_refill(void *data, int group, u64 granule, unsigned int up_to)
{
	struct heard *heard = data;

	if (group != heard->group)
		return;
	heard->refills++;
	heard->granule = granule;
	heard->up_to = up_to;
}

static void hear_search(void *data, int group, size_t size, size_t align,
			u64 limit)
{
	struct heard *heard = data;

	if (group != heard->group)
		return;
	heard->searches++;
	heard->size = size;
	heard->limit = limit;
}

static void hear_refused(void *data, struct device *dev, size_t size, u64 limit,
			 u64 hole, int error)
{
	struct heard *heard = data;

	if (dev != heard->dev)
		return;
	heard->refusals++;
	heard->size = size;
	heard->limit = limit;
	heard->hole = hole;
	heard->error = error;
}

static void hear_flush_begin(void *data, int group, u32 number,
			     unsigned int waiting)
{
	struct heard *heard = data;

	if (group != heard->group)
		return;
	heard->begins++;
	heard->number = number;
	heard->waiting = waiting;
}

static void hear_flush_end(void *data, int group, u32 number)
{
	struct heard *heard = data;

	if (group != heard->group)
		return;
	heard->ends++;
	heard->ended = number;
}

static void hear_bounce(void *data, struct device *dev, size_t size,
			bool untrusted)
{
	struct heard *heard = data;

	if (dev != heard->dev)
		return;
	heard->bounces++;
	heard->size = size;
	heard->untrusted = untrusted;
}

static void hear_quarantine(void *data, int group, u64 iova, size_t size)
{
	struct heard *heard = data;

	if (group != heard->group)
		return;
	heard->quarantines++;
	heard->iova = iova;
	heard->size = size;
}

static void unhear(void *heard)
{
	unregister_trace_dma_iommu_refill(hear_refill, heard);
	unregister_trace_dma_iommu_search(hear_search, heard);
	unregister_trace_dma_iommu_refused(hear_refused, heard);
	unregister_trace_dma_iommu_flush_begin(hear_flush_begin, heard);
	unregister_trace_dma_iommu_flush_end(hear_flush_end, heard);
	unregister_trace_dma_iommu_bounce(hear_bounce, heard);
	unregister_trace_dma_iommu_quarantine(hear_quarantine, heard);
	tracepoint_synchronize_unregister();
}

/* Hear all that is said of a device from now on, until the test ends */
static struct heard *hear(struct kunit *test, struct device *dev)
{
	struct heard *heard = kunit_kzalloc(test, sizeof(*heard), GFP_KERNEL);
	int ret = 0;

	KUNIT_ASSERT_NOT_NULL(test, heard);
	heard->dev = dev;
	heard->group = iommu_group_id(dev->iommu_group);
	ret |= register_trace_dma_iommu_refill(hear_refill, heard);
	ret |= register_trace_dma_iommu_search(hear_search, heard);
	ret |= register_trace_dma_iommu_refused(hear_refused, heard);
	ret |= register_trace_dma_iommu_flush_begin(hear_flush_begin, heard);
	ret |= register_trace_dma_iommu_flush_end(hear_flush_end, heard);
	ret |= register_trace_dma_iommu_bounce(hear_bounce, heard);
	ret |= register_trace_dma_iommu_quarantine(hear_quarantine, heard);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, unhear, heard),
			0);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return heard;
}

static struct device *low_device(struct kunit *test)
{
	struct mock *mock = test->priv;

	mock->last = SZ_16M - 1;
	return mock_device(mock);
}

/* Map without telling dma-debug, which has messages of its own */
static dma_addr_t map(struct device *dev, void *memory, size_t size)
{
	return iommu_dma_map_phys(dev, virt_to_phys(memory), size,
				  DMA_TO_DEVICE, 0);
}

/*
 * Test that a chunk is told of when a CPU gets it, and that mappings which find room in
 * it are not: there is an event for what is unusual only.
 */
static void test_refill(struct kunit *test)
{
	struct device *dev = low_device(test);
	void *memory = mock_buffer(test, SZ_64K);
	struct heard *heard = hear(test, dev);
	dma_addr_t iovas[3];

	/* On one CPU: each has chunks of its own */
	migrate_disable();
	iovas[0] = map(dev, memory, SZ_64K);
	KUNIT_EXPECT_EQ(test, heard->refills, 1);
	KUNIT_EXPECT_EQ(test, heard->up_to, 64);
	KUNIT_EXPECT_EQ(test, heard->granule,
			ALIGN_DOWN(iovas[0] / SZ_4K, IOMMU_DMA_CHUNK_GRANULES));
	iovas[1] = map(dev, memory, SZ_4K);
	KUNIT_EXPECT_EQ(test, heard->refills, 2);
	KUNIT_EXPECT_EQ(test, heard->up_to, 8);
	iovas[2] = map(dev, memory, SZ_4K);
	iommu_dma_unmap_phys(dev, iovas[2], SZ_4K, DMA_TO_DEVICE, 0);
	iommu_dma_unmap_phys(dev, iovas[1], SZ_4K, DMA_TO_DEVICE, 0);
	iommu_dma_unmap_phys(dev, iovas[0], SZ_64K, DMA_TO_DEVICE, 0);
	migrate_enable();

	KUNIT_EXPECT_EQ(test, heard->refills, 2);
	KUNIT_EXPECT_EQ(test, heard->searches, 0);
	KUNIT_EXPECT_EQ(test, heard->refusals, 0);
	KUNIT_EXPECT_EQ(test, heard->begins, 0);
	KUNIT_EXPECT_EQ(test, heard->bounces, 0);
	KUNIT_EXPECT_EQ(test, heard->quarantines, 0);
}

/* A device with holes of 6 and of 4 MiB, for the lower of which its mask is enough */
static struct device *pierced_device(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev;

	mock->last = SZ_16M - 1;
	dev = mock_device(mock, .dma_mask = SZ_8M - 1, .coherent_mask = U64_MAX,
			  .regions = { { .first = 0,
					 .last = SZ_4M - 1,
					 .type = IOMMU_RESV_RESERVED },
				       { .first = SZ_8M,
					 .last = SZ_8M + SZ_2M - 1,
					 .type = IOMMU_RESV_RESERVED } },
			  .nr_regions = 2);
	return dev;
}

/*
 * Test that a refusal says how much was asked, below which limit, and how large the
 * largest hole was that the device could have used.
 */
static void test_refused(struct kunit *test)
{
	struct device *dev = pierced_device(test);
	struct heard *heard = hear(test, dev);
	void *memory = mock_buffer(test, SZ_4K);
	struct mock *mock = test->priv;
	dma_addr_t iova;

	KUNIT_EXPECT_EQ(test, map(dev, memory, SZ_4M + SZ_4K),
			DMA_MAPPING_ERROR);
	KUNIT_EXPECT_EQ(test, heard->searches, 1);
	KUNIT_EXPECT_EQ(test, heard->refusals, 1);
	KUNIT_EXPECT_EQ(test, heard->size, SZ_4M + SZ_4K);
	KUNIT_EXPECT_EQ(test, heard->limit, SZ_8M - 1);
	KUNIT_EXPECT_EQ(test, heard->hole, SZ_4M);
	KUNIT_EXPECT_EQ(test, heard->error, -ENOSPC);

	/* Beyond the limit of the other mask there is more */
	KUNIT_EXPECT_NULL(test, iommu_dma_alloc(dev, SZ_8M, &iova,
						GFP_KERNEL | __GFP_NOWARN, 0));
	KUNIT_EXPECT_EQ(test, heard->refusals, 2);
	KUNIT_EXPECT_EQ(test, heard->limit, U64_MAX);
	KUNIT_EXPECT_EQ(test, heard->hole, 6 * SZ_1M);

	mock->fault.map_nth = 1;
	mock->fault.map_error = -EIO;
	KUNIT_EXPECT_EQ(test, map(dev, memory, SZ_4K), DMA_MAPPING_ERROR);
	KUNIT_EXPECT_EQ(test, heard->refusals, 3);
	KUNIT_EXPECT_EQ(test, heard->error, -EIO);
	KUNIT_EXPECT_EQ(test, heard->hole, 0);
}

/* Test that an invalidation says for how many it is, and when it ends. */
static void test_flush(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);
	struct iommu_dma_flush *flush;
	struct iommu_domain *domain;
	struct heard *heard;
	struct device *dev;

	mock->lazy = true;
	dev = low_device(test);
	domain = iommu_get_domain_for_dev(dev);
	heard = hear(test, dev);
	flush = domain->iova_cookie->lazy.made;
	/* The timer is not to be quicker */
	flush->period = 60 * HZ;
	for (int i = 0; i < 3; i++)
		iommu_dma_unmap_phys(dev, map(dev, memory, SZ_4K), SZ_4K,
				     DMA_TO_DEVICE, 0);
	iommu_dma_flush_now(flush);
	KUNIT_EXPECT_EQ(test, heard->begins, 1);
	KUNIT_EXPECT_EQ(test, heard->waiting, 3);
	KUNIT_EXPECT_EQ(test, heard->ends, 1);
	KUNIT_EXPECT_EQ(test, heard->ended, heard->number);
	mock_drain(domain);
}

/* Test that every part of a buffer that bounces says so, and why it does. */
static void test_bounce(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_untrusted(mock);
	void *memory = mock_buffer(test, SZ_16K);
	struct heard *heard = hear(test, dev);

	iommu_dma_unmap_phys(dev, map(dev, memory + 100, SZ_8K), SZ_8K,
			     DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, heard->bounces, 2);
	KUNIT_EXPECT_EQ(test, heard->size, 100);
	KUNIT_EXPECT_TRUE(test, heard->untrusted);
	iommu_dma_unmap_phys(dev, map(dev, memory, SZ_8K), SZ_8K, DMA_TO_DEVICE,
			     0);
	KUNIT_EXPECT_EQ(test, heard->bounces, 2);
}

/* Test that a range that is quarantined is told of, once. */
static void test_quarantine(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = low_device(test);
	void *memory = mock_buffer(test, SZ_16K);
	struct heard *heard = hear(test, dev);
	dma_addr_t iova = map(dev, memory, SZ_16K);

	KUNIT_ASSERT_NE(test, iova, DMA_MAPPING_ERROR);
	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test)
	{
		iommu_dma_unmap_phys(dev, iova, SZ_16K, DMA_TO_DEVICE, 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, heard->quarantines, 1);
	KUNIT_EXPECT_EQ(test, heard->iova, iova);
	KUNIT_EXPECT_EQ(test, heard->size, SZ_16K);
	KUNIT_EXPECT_EQ(test, mock_unstick(iommu_get_domain_for_dev(dev)),
			SZ_4K);
}

/* The log */

/* As if nothing had been refused for long */
static u64 begin_log(void)
{
	ratelimit_state_init(&iommu_dma_refusals, 30 * HZ, 5);
	return log_end();
}

static void expect_line(struct kunit *test, u64 from, struct device *dev,
			const char *words)
{
	KUNIT_EXPECT_EQ_MSG(test, log_lines(from, dev_name(dev), words), 1,
			    "%s", words);
}

/* Test that the log has of a refusal which device, how much, what limit and why. */
static void test_log(struct kunit *test)
{
	struct device *dev = pierced_device(test);
	void *memory = mock_buffer(test, SZ_4K);
	struct mock *mock = test->priv;
	u64 from = begin_log();

	map(dev, memory, SZ_4M + SZ_4K);
	expect_line(test, from, dev,
		    "refused to map 4198400 bytes below 0x7fffff: no room, the largest hole has 4194304");
	for (int i = 0; i < 2; i++) {
		mock->fault.map_nth = 1;
		mock->fault.map_error = i ? -EIO : -ENOMEM;
		map(dev, memory, SZ_4K);
	}
	expect_line(test, from, dev,
		    "refused to map 4096 bytes below 0x7fffff: out of memory, -ENOMEM");
	expect_line(test, from, dev,
		    "refused to map 4096 bytes below 0x7fffff: the IOMMU does not take it, -EIO");
	iommu_dma_refused(-EREMOTEIO, dev, *dev->dma_mask, SZ_4K, 0);
	expect_line(test, from, dev,
		    "refused to map 4096 bytes below 0x7fffff: no way to the memory, which is another device's, -EREMOTEIO");
}

/*
 * Test that the log has of a buffer that would have to bounce, and cannot, which device,
 * how much, what limit and why, but not if the driver wants to hear nothing.
 */
static void test_log_bounce(struct kunit *test)
{
	struct device *dev = mock_untrusted(test->priv);
	phys_addr_t phys = virt_to_phys(mock_buffer(test, SZ_4K));
	u64 from = begin_log();

	/* What is no memory cannot be copied */
	KUNIT_EXPECT_EQ(test,
			iommu_dma_map_phys(dev, phys, 100, DMA_TO_DEVICE,
					   DMA_ATTR_MMIO | DMA_ATTR_NO_WARN),
			DMA_MAPPING_ERROR);
	KUNIT_EXPECT_EQ(test, log_lines(from, dev_name(dev), "refused"), 0);
	KUNIT_EXPECT_EQ(test,
			iommu_dma_map_phys(dev, phys, 100, DMA_TO_DEVICE,
					   DMA_ATTR_MMIO),
			DMA_MAPPING_ERROR);
	expect_line(test, from, dev,
		    "refused to map 100 bytes below 0xffffffffffffffff: shares a granule, and the device is untrusted");
	for (int i = 0; i < 100; i++)
		iommu_dma_map_phys(dev, phys, 100, DMA_TO_DEVICE,
				   DMA_ATTR_MMIO);
	KUNIT_EXPECT_EQ(test, log_lines(from, dev_name(dev), "refused"), 5);
}

/* Test that a link that is refused is told of, to who traces and in the log. */
static void test_link(struct kunit *test)
{
	struct device *dev = low_device(test);
	void *memory = mock_buffer(test, SZ_4K);
	struct heard *heard = hear(test, dev);
	struct dma_iova_state state;
	u64 from = begin_log();

	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(dev, &state, 0, SZ_4K));
	KUNIT_EXPECT_EQ(test,
			dma_iova_link(dev, &state, virt_to_phys(memory), 0,
				      SZ_4K, DMA_TO_DEVICE, DMA_ATTR_CC_SHARED),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, heard->refusals, 1);
	KUNIT_EXPECT_EQ(test, heard->size, SZ_4K);
	KUNIT_EXPECT_EQ(test, heard->error, -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test,
			log_lines(from, dev_name(dev),
				  "it is shared with the host, or would have to be coherent"),
			1);

	KUNIT_EXPECT_EQ(test,
			dma_iova_link(dev, &state, virt_to_phys(memory), 0,
				      SZ_8K, DMA_TO_DEVICE, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, heard->refusals, 2);
	KUNIT_EXPECT_EQ(test, heard->error, -EINVAL);
	dma_iova_free(dev, &state);
}

/* Test that the log is not flooded by a driver that asks again and again. */
static void test_log_limited(struct kunit *test)
{
	struct device *dev = pierced_device(test);
	void *memory = mock_buffer(test, SZ_4K);
	u64 from = begin_log();

	for (int i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, map(dev, memory, SZ_8M),
				DMA_MAPPING_ERROR);
	KUNIT_EXPECT_EQ(test, log_lines(from, dev_name(dev), "refused"), 5);
}

/*
 * Test that the log has nothing of a refusal that the driver wants to hear nothing
 * about, and that this takes no turn of one that is news.
 */
static void test_log_silent(struct kunit *test)
{
	struct device *dev = pierced_device(test);
	void *memory = mock_buffer(test, SZ_4K);
	u64 from = begin_log();
	dma_addr_t iova;

	for (int i = 0; i < 100; i++)
		iommu_dma_map_phys(dev, virt_to_phys(memory), SZ_8M,
				   DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
	iommu_dma_alloc(dev, SZ_8M, &iova, GFP_KERNEL | __GFP_NOWARN, 0);
	/* There is nothing to be known of it */
	iommu_dma_map_phys(dev, virt_to_phys(memory), 0, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, log_lines(from, dev_name(dev), "refused"), 0);
	map(dev, memory, SZ_8M);
	KUNIT_EXPECT_EQ(test, log_lines(from, dev_name(dev), "refused"), 1);
}

static struct kunit_case trace_cases[] = {
	KUNIT_CASE(test_refill),
	KUNIT_CASE(test_refused),
	KUNIT_CASE(test_flush),
	KUNIT_CASE(test_bounce),
	KUNIT_CASE(test_quarantine),
	KUNIT_CASE(test_link),
	KUNIT_CASE(test_log),
	KUNIT_CASE(test_log_bounce),
	KUNIT_CASE(test_log_limited),
	KUNIT_CASE(test_log_silent),
	{}
};

static struct kunit_suite trace_suite = {
	.name = "iommu_dma_trace",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = trace_cases,
};

kunit_test_suite(trace_suite);
