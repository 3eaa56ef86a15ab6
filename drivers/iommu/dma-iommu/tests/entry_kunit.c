// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what has to hold for every entry point of the DMA API that makes a
 * mapping, whichever room it leads to.
 */

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>

#include "../private.h"
#include "mock.h"

/* Whole granules, so that nobody wants to bounce them */
#define SIZE MAX(SZ_8K, PAGE_SIZE)

/**
 * struct mapping - What an entry point gave, or did not
 * @test: the test
 * @dev: the device
 * @dir: direction of the transfers; that of buffers is DMA_BIDIRECTIONAL
 * @memory: what is mapped, SIZE bytes; buffers bring their own
 * @attrs: what it was asked for
 * @iova: its DMA address
 * @sg: the list
 * @state: of the two-step API
 * @buffer: the kernel's address of a buffer
 * @page: the first page of a buffer
 * @table: the table of a buffer that is not contiguous
 */
struct mapping {
	struct kunit *test;
	struct device *dev;
	enum dma_data_direction dir;
	void *memory;
	unsigned long attrs;
	dma_addr_t iova;
	struct scatterlist sg;
	struct dma_iova_state state;
	void *buffer;
	struct page *page;
	struct sg_table *table;
};

/**
 * struct way - An entry point and its counterpart
 * @name: what it is
 * @get: make a mapping; true if there is one now
 * @put: take it away
 */
struct way {
	const char *name;
	bool (*get)(struct mapping *mapping);
	void (*put)(struct mapping *mapping);
};

static bool get_phys(struct mapping *mapping)
{
	mapping->iova = dma_map_phys(mapping->dev,
				     virt_to_phys(mapping->memory), SIZE,
				     mapping->dir, mapping->attrs);
	return !dma_mapping_error(mapping->dev, mapping->iova);
}

static void put_phys(struct mapping *mapping)
{
	dma_unmap_phys(mapping->dev, mapping->iova, SIZE, mapping->dir,
		       mapping->attrs);
}

static bool get_list(struct mapping *mapping)
{
	struct scatterlist before;

	sg_init_one(&mapping->sg, mapping->memory, SIZE);
	before = mapping->sg;
	if (dma_map_sg_attrs(mapping->dev, &mapping->sg, 1, mapping->dir,
			     mapping->attrs)) {
		mapping->iova = sg_dma_address(&mapping->sg);
		return true;
	}
	KUNIT_EXPECT_MEMEQ(mapping->test, &mapping->sg, &before,
			   sizeof(before));
	return false;
}

static void put_list(struct mapping *mapping)
{
	dma_unmap_sg_attrs(mapping->dev, &mapping->sg, 1, mapping->dir,
			   mapping->attrs);
}

/* IOVA first and memory later; or, if the API says no, as it tells its callers */
static bool get_two_step(struct mapping *mapping)
{
	phys_addr_t phys = virt_to_phys(mapping->memory);
	struct dma_iova_state *state = &mapping->state;
	struct device *dev = mapping->dev;

	if (!dma_iova_try_alloc(dev, state, phys, SIZE))
		return get_phys(mapping);

	if (dma_iova_link(dev, state, phys, 0, SIZE, mapping->dir,
			  mapping->attrs)) {
		dma_iova_free(dev, state);
		return false;
	}
	if (dma_iova_sync(dev, state, 0, SIZE)) {
		dma_iova_destroy(dev, state, SIZE, mapping->dir,
				 mapping->attrs);
		return false;
	}
	mapping->iova = state->addr;
	return true;
}

static void put_two_step(struct mapping *mapping)
{
	if (!dma_use_iova(&mapping->state))
		put_phys(mapping);
	else
		dma_iova_destroy(mapping->dev, &mapping->state, SIZE,
				 mapping->dir, mapping->attrs);
}

static bool get_buffer(struct mapping *mapping, gfp_t gfp)
{
	mapping->buffer = dma_alloc_attrs(mapping->dev, SIZE, &mapping->iova,
					  gfp, mapping->attrs);
	return mapping->buffer;
}

static bool get_scattered(struct mapping *mapping)
{
	return get_buffer(mapping, GFP_KERNEL);
}

static bool get_contiguous(struct mapping *mapping)
{
	mapping->attrs |= DMA_ATTR_FORCE_CONTIGUOUS;
	return get_buffer(mapping, GFP_KERNEL);
}

static bool get_atomic(struct mapping *mapping)
{
	return get_buffer(mapping, GFP_ATOMIC);
}

static void put_buffer(struct mapping *mapping)
{
	dma_free_attrs(mapping->dev, SIZE, mapping->buffer, mapping->iova,
		       mapping->attrs);
}

static bool get_pages(struct mapping *mapping)
{
	mapping->page = dma_alloc_pages(mapping->dev, SIZE, &mapping->iova,
					mapping->dir, GFP_KERNEL);
	return mapping->page;
}

static void put_pages(struct mapping *mapping)
{
	dma_free_pages(mapping->dev, SIZE, mapping->page, mapping->iova,
		       mapping->dir);
}

static bool get_noncontiguous(struct mapping *mapping)
{
	mapping->table = dma_alloc_noncontiguous(mapping->dev, SIZE,
						 mapping->dir, GFP_KERNEL, 0);
	if (!mapping->table)
		return false;
	mapping->iova = sg_dma_address(mapping->table->sgl);
	return true;
}

static void put_noncontiguous(struct mapping *mapping)
{
	dma_free_noncontiguous(mapping->dev, SIZE, mapping->table,
			       mapping->dir);
}

/* Those that take attributes come first */
static const struct way ways[] = {
	{ "map_phys", get_phys, put_phys },
	{ "map_sg", get_list, put_list },
	{ "two steps", get_two_step, put_two_step },
	{ "alloc", get_scattered, put_buffer },
	{ "alloc, contiguous", get_contiguous, put_buffer },
	{ "alloc, atomic", get_atomic, put_buffer },
	{ "alloc_pages", get_pages, put_pages },
	{ "alloc_noncontiguous", get_noncontiguous, put_noncontiguous },
};

#define NR_WITH_ATTRS 6

KUNIT_ARRAY_PARAM_DESC(way, ways, name);

static const void *attrs_gen_params(struct kunit *test, const void *prev,
				    char *desc)
{
	const struct way *next = way_gen_params(test, prev, desc);

	return next < ways + NR_WITH_ATTRS ? next : NULL;
}

static struct mapping *new_mapping(struct kunit *test, struct device *dev,
				   unsigned long attrs)
{
	struct mapping *mapping;

	mapping = kunit_kzalloc(test, sizeof(*mapping), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mapping);
	mapping->test = test;
	mapping->dev = dev;
	mapping->dir = DMA_BIDIRECTIONAL;
	mapping->memory = mock_buffer(test, SIZE);
	mapping->attrs = attrs;
	return mapping;
}

/* Check that a way leads nowhere, and that it was not even tried */
static void expect_no_way(struct mapping *mapping, const struct way *way)
{
	struct kunit *test = mapping->test;
	struct mock *mock = test->priv;
	bool got;

	mock_forget(mock);
	got = way->get(mapping);
	KUNIT_EXPECT_FALSE_MSG(test, got, "attributes %#lx", mapping->attrs);
	KUNIT_EXPECT_STREQ(test, mock->history, "");
	if (got)
		way->put(mapping);
	KUNIT_EXPECT_EQ(test, mock_left_behind(mock), 0);
}

/* Check that a way leads to a mapping with some protection bits, and back */
static void expect_way(struct mapping *mapping, const struct way *way, int bits)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(mapping->dev);
	struct kunit *test = mapping->test;
	int prot = 0;

	KUNIT_ASSERT_TRUE(test, way->get(mapping));
	KUNIT_EXPECT_TRUE(test,
			  mock_lookup(domain, mapping->iova, NULL, &prot));
	KUNIT_EXPECT_EQ(test, prot & bits, bits);
	KUNIT_EXPECT_EQ(test, mock_live(domain), SIZE);
	way->put(mapping);
	KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
}

static void stop_deferring(void *unused)
{
	static_branch_disable(&iommu_dma_deferred_attach);
}

/* Be a kdump kernel until the test ends */
static void start_deferring(struct kunit *test)
{
	static_branch_enable(&iommu_dma_deferred_attach);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, stop_deferring, NULL),
			0);
}

/*
 * Test that a device whose attachment was deferred is attached by its first
 * mapping, whichever it is, and by no other; and that to have attached it is no
 * error. Guards against "iommu/dma: Handle deferred devices" and "iommu: Fix
 * incorrect error return on iommu deferred attach" [M7].
 */
static void test_deferred_attach(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct mock *mock = test->priv;
	struct mapping *mapping;
	struct device *dev;

	start_deferring(test);
	dev = mock_device(mock, .deferred = true);
	KUNIT_ASSERT_TRUE(test, dev_dma_iommu(dev));
	KUNIT_ASSERT_EQ(test, mock_attaches(dev), 0);

	mapping = new_mapping(test, dev, 0);
	for (int i = 0; i < 3; i++) {
		expect_way(mapping, way, IOMMU_READ | IOMMU_WRITE);
		KUNIT_EXPECT_EQ(test, mock_attaches(dev), 1);
		KUNIT_EXPECT_FALSE(test, dev->iommu->attach_deferred);
	}
}

/*
 * Test that a mapping fails if the device cannot be attached for it, that
 * nothing of it is left, and that the next one tries again [M7].
 */
static void test_deferred_attach_fails(struct kunit *test)
{
	static const int errors[] = { -ENOMEM, -ENODEV, -EBUSY };
	const struct way *way = test->param_value;
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct mapping *mapping;
	struct device *dev;
	size_t room;

	start_deferring(test);
	dev = mock_device(mock, .deferred = true);
	domain = iommu_get_domain_for_dev(dev);
	room = mock_room(domain);
	mapping = new_mapping(test, dev, 0);

	for (int i = 0; i < ARRAY_SIZE(errors); i++) {
		mock->fault.attach_error = errors[i];
		expect_no_way(mapping, way);
		KUNIT_EXPECT_EQ(test, mock_attaches(dev), 0);
		KUNIT_EXPECT_TRUE(test, dev->iommu->attach_deferred);
		KUNIT_EXPECT_EQ(test, mock_room(domain), room);
	}

	mock->fault.attach_error = 0;
	expect_way(mapping, way, IOMMU_READ | IOMMU_WRITE);
	KUNIT_EXPECT_EQ(test, mock_attaches(dev), 1);
}

/*
 * Test that the devices of a group are attached one by one, each by a mapping
 * of its own, and that one which was attached from the start is left alone.
 */
static void test_deferred_group(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct mapping *mapping;
	struct device *devs[3];

	start_deferring(test);
	devs[0] = mock_device(mock);
	devs[1] = mock_device(mock, .sibling = devs[0], .deferred = true);
	devs[2] = mock_device(mock, .sibling = devs[0], .deferred = true);
	KUNIT_ASSERT_EQ(test, mock_attaches(devs[0]), 1);

	for (int i = 0; i < 2 * ARRAY_SIZE(devs); i++) {
		mapping = new_mapping(test, devs[i % 3], 0);
		expect_way(mapping, &ways[0], IOMMU_READ | IOMMU_WRITE);
		KUNIT_EXPECT_EQ(test, mock_attaches(devs[0]), 1);
		KUNIT_EXPECT_EQ(test, mock_attaches(devs[1]), i >= 1);
		KUNIT_EXPECT_EQ(test, mock_attaches(devs[2]), i >= 2);
	}
}

/*
 * Test that memory which a confidential guest shares with its host is refused,
 * as memory and as registers: mapping it as if it were private would give the
 * device something else.
 */
static void test_shared(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);

	expect_no_way(new_mapping(test, dev, DMA_ATTR_CC_SHARED), way);
	expect_no_way(new_mapping(test, dev,
				  DMA_ATTR_CC_SHARED | DMA_ATTR_MMIO),
		      way);
	expect_way(new_mapping(test, dev, 0), way, IOMMU_READ | IOMMU_WRITE);
}

/*
 * Test that the errno for a list of shared memory is one of those that the DMA
 * API has, and one that says that a retry does not help. Guards against what
 * dabb16f67215 mended [S7].
 */
static void test_shared_errno(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct scatterlist sg;
	int nents;

	sg_init_one(&sg, mock_buffer(test, SIZE), SIZE);
	nents = iommu_dma_map_sg(dev, &sg, 1, DMA_TO_DEVICE,
				 DMA_ATTR_CC_SHARED);
	KUNIT_EXPECT_EQ(test, nents, -EINVAL);
	if (nents > 0)
		dma_unmap_sg(dev, &sg, 1, DMA_TO_DEVICE);
}

/* Test that what was asked to be privileged is mapped so, and nothing else. */
static void test_privileged(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);

	expect_way(new_mapping(test, dev, DMA_ATTR_PRIVILEGED), way,
		   IOMMU_PRIV | IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE);
	KUNIT_EXPECT_TRUE(test, mock->last_prot & IOMMU_PRIV);
	expect_way(new_mapping(test, dev, 0), way, IOMMU_READ | IOMMU_WRITE);
	KUNIT_EXPECT_FALSE(test, mock->last_prot & IOMMU_PRIV);
}

/*
 * Test that who requires coherency gets a cached mapping, for a device that has
 * it.
 */
static void test_require_coherent(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);

	expect_way(new_mapping(test, dev, DMA_ATTR_REQUIRE_COHERENT), way,
		   IOMMU_CACHE);
}

/*
 * Test that who requires coherency gets no mapping that would have to be copied
 * or written back from the caches: neither of a device that is not coherent, nor
 * of an untrusted one if the buffer shares a granule with something else.
 */
static void test_require_coherent_refused(struct kunit *test)
{
	const unsigned long attrs = DMA_ATTR_REQUIRE_COHERENT;
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .noncoherent = true);
	void *memory = mock_buffer(test, SIZE);
	struct scatterlist sg;
	dma_addr_t iova;

	if (!dev_is_dma_coherent(dev)) {
		expect_no_way(new_mapping(test, dev, attrs), &ways[0]);
		expect_no_way(new_mapping(test, dev, attrs), &ways[1]);
	}

	dev = mock_device(mock);
	dev->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	expect_way(new_mapping(test, dev, attrs), &ways[0], IOMMU_CACHE);
	expect_way(new_mapping(test, dev, attrs), &ways[1], IOMMU_CACHE);

	mock_forget(mock);
	iova = dma_map_single_attrs(dev, memory + 1, SIZE - 1, DMA_TO_DEVICE,
				    attrs);
	KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, iova));
	sg_init_one(&sg, memory, SIZE - 1);
	KUNIT_EXPECT_EQ(test,
			dma_map_sg_attrs(dev, &sg, 1, DMA_TO_DEVICE, attrs), 0);
	KUNIT_EXPECT_STREQ(test, mock->history, "");
}

/*
 * Test that registers of another device are mapped as such, of whatever size,
 * without a look at their caches, and for an untrusted device only as whole
 * granules: there is nothing to copy from.
 */
static void test_mmio(struct kunit *test)
{
	/* No memory: the kernel has no address for it */
	const phys_addr_t registers = BIT_ULL(44);
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .noncoherent = true);
	dma_addr_t iova;

	for (size_t size = 1; size <= 256; size++) {
		iova = dma_map_resource(dev, registers + 8, size,
					DMA_FROM_DEVICE, 0);
		KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
		KUNIT_EXPECT_EQ(test, mock->last_prot,
				IOMMU_WRITE | IOMMU_MMIO);
		dma_unmap_resource(dev, iova, size, DMA_FROM_DEVICE, 0);
	}

	dev = mock_device(mock);
	dev->iommu->dma_flags |= IOMMU_DMA_DEV_UNTRUSTED;
	mock_forget(mock);
	iova = dma_map_resource(dev, registers + 8, SZ_4K - 8, DMA_FROM_DEVICE,
				0);
	KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, iova));
	iova = dma_map_resource(dev, registers, SZ_4K - 8, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_TRUE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_STREQ(test, mock->history, "");
	iova = dma_map_resource(dev, registers, SZ_4K, DMA_FROM_DEVICE, 0);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	dma_unmap_resource(dev, iova, SZ_4K, DMA_FROM_DEVICE, 0);
}

static struct kunit_case entry_cases[] = {
	KUNIT_CASE_PARAM(test_deferred_attach, way_gen_params),
	KUNIT_CASE_PARAM(test_deferred_attach_fails, way_gen_params),
	KUNIT_CASE(test_deferred_group),
	KUNIT_CASE_PARAM(test_shared, attrs_gen_params),
	KUNIT_CASE(test_shared_errno),
	KUNIT_CASE_PARAM(test_privileged, attrs_gen_params),
	KUNIT_CASE_PARAM(test_require_coherent, attrs_gen_params),
	KUNIT_CASE(test_require_coherent_refused),
	KUNIT_CASE(test_mmio),
	{}
};

static struct kunit_suite entry_suite = {
	.name = "iommu_dma_entry",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = entry_cases,
};

kunit_test_suite(entry_suite);
