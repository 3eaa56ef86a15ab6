// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what becomes of mappings whose driver has gone: with a driver that is
 * bound and unbound as any other.
 *
 * It calls the layer past the DMA API: the kernel's own checker of the DMA API would
 * complain about what is left.
 */

#include <kunit/static_stub.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/vmalloc.h>

#include "../private.h"
#include "log.h"
#include "mock.h"

static int probe(struct platform_device *pdev)
{
	return 0;
}

static struct platform_driver careless = {
	.probe = probe,
	.driver.name = "dma-iommu-mock",
};

static const struct platform_device_id mock_ids[] = {
	{ .name = "dma-iommu-mock" },
	{}
};

/* As drivers of PCIe ports */
static struct platform_driver no_dma = {
	.probe = probe,
	.id_table = mock_ids,
	.driver.name = "dma-iommu-mock-port",
	.driver_managed_dma = true,
};

static void unregister(void *driver)
{
	platform_driver_unregister(driver);
}

/* Bind a driver to all devices of the mock */
static void bind_all(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, platform_driver_register(&careless), 0);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, unregister, &careless),
			0);
}

static unsigned int cache_calls;

static void count_cache_call(phys_addr_t phys, size_t size,
			     enum dma_data_direction dir)
{
	cache_calls++;
}

static size_t quarantined(struct device *dev)
{
	struct iommu_dma_cookie *cookie =
		iommu_get_domain_for_dev(dev)->iova_cookie;

	return atomic_long_read(&cookie->space.quarantined);
}

static dma_addr_t map_one(struct kunit *test, struct device *dev, void *memory,
			  size_t size)
{
	dma_addr_t iova = iommu_dma_map_phys(dev, virt_to_phys(memory), size,
					     DMA_BIDIRECTIONAL, 0);

	KUNIT_ASSERT_NE(test, iova, DMA_MAPPING_ERROR);
	return iova;
}

/*
 * Test that a device is cut off from all that its driver has left, of whatever kind,
 * and that none of its IOVA is handed out again.
 */
static void test_left_behind(struct kunit *test)
{
	size_t all = SZ_8K + SZ_8K + SZ_2M + SZ_4K;
	void *memory = mock_buffer(test, SZ_4M);
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct scatterlist sgl[2];
	dma_addr_t iova, other;
	struct device *dev;

	mock->last = SZ_16M - 1;
	dev = mock_device(mock, .max_seg = SZ_4K);
	domain = iommu_get_domain_for_dev(dev);
	bind_all(test);
	KUNIT_ASSERT_TRUE(test, device_is_bound(dev));
	iova = map_one(test, dev, memory + 100, SZ_4K);
	sg_init_table(sgl, ARRAY_SIZE(sgl));
	sg_set_buf(&sgl[0], memory, SZ_4K);
	sg_set_buf(&sgl[1], memory + SZ_16K, SZ_4K);
	KUNIT_ASSERT_EQ(test, iommu_dma_map_sg(dev, sgl, 2, DMA_TO_DEVICE, 0),
			2);
	map_one(test, dev, memory, SZ_2M + SZ_4K);

	mock_forget(mock);
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
	KUNIT_EXPECT_EQ(test, quarantined(dev), all);
	/* A device that has been pulled answers each with a timeout */
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], 0);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 1);

	/* The first of two that unmap too late hits nothing, nor does the second */
	KUNIT_ASSERT_EQ(test, device_attach(dev), 1);
	other = map_one(test, dev, memory, SZ_4K);
	iommu_dma_unmap_phys(dev, iova, SZ_4K, DMA_BIDIRECTIONAL, 0);
	iommu_dma_unmap_phys(dev, iova, SZ_4K, DMA_BIDIRECTIONAL, 0);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_4K);
	iommu_dma_unmap_phys(dev, other, SZ_4K, DMA_BIDIRECTIONAL, 0);
	KUNIT_EXPECT_EQ(test, mock->missed, 0);

	/* What was reported is not reported again */
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, quarantined(dev), all);
}

/*
 * Test that what is left is reported once: whose it was, how many mappings of how many
 * bytes, without those that wait in a lazy domain, and be the device coherent or not.
 */
static void test_message(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_32K);
	struct dma_iova_state state;
	struct iommu_domain *domain;
	struct device *dev;
	char text[80];
	u64 from;

	mock->lazy = true;
	dev = mock_device(mock, .noncoherent = true);
	domain = iommu_get_domain_for_dev(dev);
	bind_all(test);
	map_one(test, dev, memory + 100, SZ_4K);
	map_one(test, dev, memory, SZ_16K);
	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(dev, &state, 0, SZ_32K));
	KUNIT_ASSERT_EQ(test,
			dma_iova_link(dev, &state, virt_to_phys(memory), 0,
				      SZ_8K, DMA_FROM_DEVICE, 0),
			0);
	KUNIT_ASSERT_EQ(test,
			dma_iova_link(dev, &state, virt_to_phys(memory), SZ_16K,
				      SZ_4K, DMA_FROM_DEVICE, 0),
			0);
	local_bh_disable();
	iommu_dma_unmap_phys(dev, map_one(test, dev, memory, SZ_4K), SZ_4K,
			     DMA_BIDIRECTIONAL, 0);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), SZ_4K);
	local_bh_enable();

	snprintf(text, sizeof(text),
		 "left 3 DMA mappings of %u bytes, which are cut off now",
		 SZ_8K + SZ_16K + SZ_32K);
	from = log_end();
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, log_lines(from, dev_name(dev), text), 1);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
	KUNIT_EXPECT_EQ(test, quarantined(dev), SZ_8K + SZ_16K + SZ_32K);

	KUNIT_ASSERT_EQ(test, device_attach(dev), 1);
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, log_lines(from, "", "DMA mappings"), 1);
}

/* Test that a device is cut off as well if its IOMMU cannot invalidate all at once */
static void test_range_by_range(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	const struct iommu_domain_ops *ops = domain->ops;
	struct iommu_domain_ops lacking = *ops;

	bind_all(test);
	map_one(test, dev, mock_buffer(test, SZ_8K), SZ_8K);
	mock_forget(mock);
	lacking.flush_iotlb_all = NULL;
	domain->ops = &lacking;
	device_release_driver(dev);
	domain->ops = ops;
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
	KUNIT_EXPECT_EQ(test, quarantined(dev), SZ_8K);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_FLUSH], 0);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], 1);
}

/**
 * struct late_unmap - What is unmapped while it is cut off
 * @dev: the device
 * @iova: SZ_8K of it
 * @stale: bytes that could be reached when that was over
 */
struct late_unmap {
	struct device *dev;
	dma_addr_t iova;
	size_t stale;
};

static void unmap_meanwhile(struct mock *mock, struct iommu_domain *domain)
{
	struct late_unmap *late = mock->at_sync_data;

	mock->at_sync = NULL;
	iommu_dma_unmap_phys(late->dev, late->iova, SZ_8K, DMA_BIDIRECTIONAL,
			     0);
	late->stale = mock_stale(domain);
}

/*
 * Test that who unmaps what is just being cut off does not come back before it is:
 * the memory is freed then.
 */
static void test_unmap_meanwhile(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct late_unmap late = { .dev = dev, .stale = SIZE_MAX };

	bind_all(test);
	late.iova = map_one(test, dev, mock_buffer(test, SZ_8K), SZ_8K);
	mock->at_sync_data = &late;
	mock->at_sync = unmap_meanwhile;
	device_release_driver(dev);
	mock->at_sync = NULL;
	KUNIT_EXPECT_EQ(test, late.stale, 0);
	KUNIT_EXPECT_EQ(test, quarantined(dev), SZ_8K);
	KUNIT_EXPECT_EQ(test, mock->missed, 0);
}

/* Test that the report does not claim what could not be done */
static void test_not_cut_off(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	u64 from;

	bind_all(test);
	map_one(test, dev, mock_buffer(test, SZ_8K), SZ_8K);
	mock->fault.unmap_nth = 1;
	from = log_end();
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test,
			log_lines(from, dev_name(dev),
				  "left 1 DMA mappings of 8192 bytes"),
			1);
	KUNIT_EXPECT_EQ(test,
			log_lines(from, dev_name(dev),
				  "not all of which could be cut off"),
			1);
	KUNIT_EXPECT_EQ(test, quarantined(dev), SZ_8K);
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
}

/*
 * Test that a buffer which outlives its driver can be freed, without a warning: video
 * and graphics drivers have files open on such.
 */
static void test_buffer(struct kunit *test)
{
	struct device *dev = mock_device(test->priv);
	dma_addr_t iova;
	struct page *page;
	void *buffer;

	bind_all(test);
	buffer = iommu_dma_alloc(dev, SZ_8K, &iova, GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	page = vmalloc_to_page(buffer);
	get_page(page);
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, mock_live(iommu_get_domain_for_dev(dev)), 0);

	iommu_dma_free(dev, SZ_8K, buffer, iova, 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, quarantined(dev), PAGE_ALIGN(SZ_8K));
	put_page(page);
}

/*
 * Test that an unmap which comes after its driver has gone leaves the caches alone: the
 * page table does not know any more whose memory that was, and physical address 0 is
 * somebody else's.
 */
static void test_late_noncoherent(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .noncoherent = true);
	void *memory = mock_buffer(test, SZ_8K);
	dma_addr_t from, both;

	if (dev_is_dma_coherent(dev))
		kunit_skip(test, "this architecture has coherent devices only");

	bind_all(test);
	both = map_one(test, dev, memory, SZ_8K);
	from = iommu_dma_map_phys(dev, virt_to_phys(memory), SZ_4K,
				  DMA_FROM_DEVICE, 0);
	KUNIT_ASSERT_NE(test, from, DMA_MAPPING_ERROR);
	device_release_driver(dev);

	cache_calls = 0;
	kunit_activate_static_stub(test, iommu_dma_cache_for_cpu,
				   count_cache_call);
	iommu_dma_unmap_phys(dev, both, SZ_8K, DMA_BIDIRECTIONAL, 0);
	iommu_dma_unmap_phys(dev, from, SZ_4K, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, cache_calls, 0);
	KUNIT_EXPECT_EQ(test, quarantined(dev),
			mock_span(mock, 0, SZ_8K) + mock_span(mock, 0, SZ_4K));
}

/*
 * Test that mistakes of the next driver are seen as ever: what it unmaps twice was not
 * left by the last one, is a warning, and is not freed again.
 */
static void test_double_unmap(struct kunit *test)
{
	struct device *dev = mock_device(test->priv);
	void *memory = mock_buffer(test, SZ_4K), *buffer;
	struct page *page;
	dma_addr_t iova;

	bind_all(test);
	map_one(test, dev, memory, SZ_4K);
	device_release_driver(dev);
	KUNIT_ASSERT_EQ(test, device_attach(dev), 1);

	iova = map_one(test, dev, memory, SZ_4K);
	iommu_dma_unmap_phys(dev, iova, SZ_4K, DMA_BIDIRECTIONAL, 0);
	kunit_warning_suppress(test) {
		iommu_dma_unmap_phys(dev, iova, SZ_4K, DMA_BIDIRECTIONAL, 0);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}

	buffer = iommu_dma_alloc(dev, PAGE_SIZE, &iova, GFP_ATOMIC, 0);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	page = virt_to_page(buffer);
	page_ref_add(page, 2);
	iommu_dma_free(dev, PAGE_SIZE, buffer, iova, 0);
	iommu_dma_free(dev, PAGE_SIZE, buffer, iova, 0);
	KUNIT_EXPECT_EQ(test, page_count(page), 2);
	while (page_count(page) > 1)
		put_page(page);
	put_page(page);
}

/*
 * Test that ranges of the two-step API may be unlinked, freed and destroyed after their
 * driver has gone, without a warning, as any other mapping.
 */
static void test_late_links(struct kunit *test)
{
	struct device *dev = mock_device(test->priv);
	phys_addr_t phys = virt_to_phys(mock_buffer(test, SZ_16K));
	struct dma_iova_state state[3];

	bind_all(test);
	for (int i = 0; i < ARRAY_SIZE(state); i++) {
		KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(dev, &state[i], 0,
							   SZ_16K));
		/* The last one is empty */
		if (i == ARRAY_SIZE(state) - 1)
			break;
		KUNIT_ASSERT_EQ(test,
				dma_iova_link(dev, &state[i], phys, 0, SZ_8K,
					      DMA_TO_DEVICE, 0),
				0);
	}
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, mock_live(iommu_get_domain_for_dev(dev)), 0);
	KUNIT_EXPECT_EQ(test, quarantined(dev), 3 * SZ_16K);

	dma_iova_unlink(dev, &state[0], SZ_4K, SZ_4K, DMA_TO_DEVICE, 0);
	dma_iova_unlink(dev, &state[0], 0, SZ_4K, DMA_TO_DEVICE, 0);
	dma_iova_free(dev, &state[0]);
	dma_iova_destroy(dev, &state[1], SZ_8K, DMA_TO_DEVICE, 0);
	dma_iova_destroy(dev, &state[2], 0, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, quarantined(dev), 3 * SZ_16K);
}

/* Test that a mapping of physical address 0 is cut off as any other, and as a part of one */
static void test_phys_0(struct kunit *test)
{
	struct device *dev = mock_device(test->priv);

	bind_all(test);
	for (size_t size = SZ_4K; size <= SZ_16K; size *= 2)
		KUNIT_ASSERT_NE(test,
				iommu_dma_map_phys(dev, 0, size, DMA_TO_DEVICE,
						   DMA_ATTR_MMIO),
				DMA_MAPPING_ERROR);
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, mock_live(iommu_get_domain_for_dev(dev)), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(iommu_get_domain_for_dev(dev)), 0);
	KUNIT_EXPECT_EQ(test, quarantined(dev), SZ_4K + SZ_8K + SZ_16K);
}

/* Test that a driver which has taken all away loses nothing, in a lazy domain either */
static void test_clean(struct kunit *test)
{
	struct mock *mock = test->priv;
	void *memory = mock_buffer(test, SZ_4K);
	struct iommu_domain *domain;
	struct device *dev;

	mock->lazy = true;
	dev = mock_device(mock);
	domain = iommu_get_domain_for_dev(dev);
	bind_all(test);
	iommu_dma_unmap_phys(dev, map_one(test, dev, memory, SZ_4K), SZ_4K,
			     DMA_BIDIRECTIONAL, 0);
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, quarantined(dev), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
}

/*
 * Test that what another driver of the group has mapped stays, as nobody can say
 * whose it is, and that the last of them answers for all.
 */
static void test_group(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *first = mock_device(mock);
	struct device *second = mock_device(mock, .sibling = first);
	struct iommu_domain *domain = iommu_get_domain_for_dev(first);
	void *memory = mock_buffer(test, SZ_4K);

	bind_all(test);
	map_one(test, first, memory, SZ_4K);
	device_release_driver(first);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SZ_4K);
	KUNIT_EXPECT_EQ(test, quarantined(first), 0);
	device_release_driver(second);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
	KUNIT_EXPECT_EQ(test, quarantined(first), SZ_4K);
}

/* Test that a driver of the group which does no DMA keeps nobody from being cut off */
static void test_group_with_port(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *first = mock_device(mock);
	struct device *port = mock_device(mock, .sibling = first);
	struct iommu_domain *domain = iommu_get_domain_for_dev(first);
	void *memory = mock_buffer(test, SZ_4K);

	KUNIT_ASSERT_EQ(test, platform_driver_register(&no_dma), 0);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, unregister, &no_dma),
			0);
	device_release_driver(first);
	bind_all(test);
	KUNIT_ASSERT_PTR_EQ(test, first->driver, &careless.driver);
	KUNIT_ASSERT_PTR_EQ(test, port->driver, &no_dma.driver);

	map_one(test, first, memory, SZ_4K);
	device_release_driver(first);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
	KUNIT_EXPECT_EQ(test, quarantined(first), SZ_4K);
}

/* Test that the slots of what is left are released, however many there are */
static void test_slots(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	void *memory = mock_buffer(test, SZ_32K);
	unsigned long used = mock_slots_used(dev);

	dev->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	bind_all(test);
	for (int i = 0; i < IOMMU_DMA_PIECES; i++)
		map_one(test, dev, memory + 100 + i, SZ_16K);
	KUNIT_EXPECT_GT(test, mock_slots_used(dev), used);
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, mock_live(iommu_get_domain_for_dev(dev)), 0);
	KUNIT_EXPECT_EQ(test, mock_slots_used(dev), used);
}

/*
 * Test that the slots of each device of a group are released, though the last that has
 * no driver any more knows nothing of the memory that they are from.
 */
static void test_slots_of_sibling(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *first = mock_device(mock);
	struct device *second = mock_device(mock, .sibling = first);
	struct iommu_domain *domain = iommu_get_domain_for_dev(first);
	void *memory = mock_buffer(test, SZ_32K);
	unsigned long used = mock_slots_used(first);

	first->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	bind_all(test);
	map_one(test, first, memory + 100, SZ_16K);
	map_one(test, second, memory + 100, SZ_16K);
	KUNIT_EXPECT_EQ(test, mock_slots_used(first), used + mock_slots_of(2));
	second->dma_io_tlb_mem = NULL;
	device_release_driver(first);
	device_release_driver(second);
	second->dma_io_tlb_mem = first->dma_io_tlb_mem;
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
	KUNIT_EXPECT_EQ(test, mock_slots_used(first), used);
}

/* Test that ranges up to the top of the address space are found, once each */
static void test_top(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev;

	/* The last granule of it is nobody's */
	mock->first = -SZ_16K;
	mock->last = ~(dma_addr_t)0;
	dev = mock_device(mock);
	bind_all(test);
	for (int i = 0; i < 3; i++)
		map_one(test, dev, mock_buffer(test, SZ_4K), SZ_4K);
	device_release_driver(dev);
	KUNIT_EXPECT_EQ(test, mock_live(iommu_get_domain_for_dev(dev)), 0);
	KUNIT_EXPECT_EQ(test, quarantined(dev), 3 * SZ_4K);
}

static struct kunit_case unbind_cases[] = {
	KUNIT_CASE(test_left_behind),
	KUNIT_CASE(test_message),
	KUNIT_CASE(test_range_by_range),
	KUNIT_CASE(test_unmap_meanwhile),
	KUNIT_CASE(test_not_cut_off),
	KUNIT_CASE(test_buffer),
	KUNIT_CASE(test_late_noncoherent),
	KUNIT_CASE(test_double_unmap),
	KUNIT_CASE(test_late_links),
	KUNIT_CASE(test_phys_0),
	KUNIT_CASE(test_clean),
	KUNIT_CASE(test_group),
	KUNIT_CASE(test_group_with_port),
	KUNIT_CASE(test_slots),
	KUNIT_CASE(test_slots_of_sibling),
	KUNIT_CASE(test_top),
	{}
};

static struct kunit_suite unbind_suite = {
	.name = "iommu_dma_unbind",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = unbind_cases,
};

kunit_test_suite(unbind_suite);
