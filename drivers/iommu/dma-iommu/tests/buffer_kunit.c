// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the buffers that the layer allocates itself.
 *
 * The mock looks at every page that a device can reach: it must not be free
 * when it is mapped, unmapped or invalidated.
 */

#include <linux/anon_inodes.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/iommu-dma.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "../private.h"
#include "mock.h"

struct kind {
	const char *name;
	gfp_t gfp;
	unsigned long attrs;
	bool noncoherent;
	bool contiguous;
};

static const struct kind kinds[] = {
	{ "scattered", GFP_KERNEL },
	{ "scattered, not coherent", GFP_KERNEL, .noncoherent = true },
	{ "single pages", GFP_KERNEL, DMA_ATTR_ALLOC_SINGLE_PAGES },
	{ "contiguous", GFP_KERNEL, DMA_ATTR_FORCE_CONTIGUOUS,
	  .contiguous = true },
	{ "contiguous, not coherent", GFP_KERNEL, DMA_ATTR_FORCE_CONTIGUOUS,
	  .noncoherent = true, .contiguous = true },
	{ "atomic", GFP_ATOMIC, .contiguous = true },
	{ "atomic, not coherent", GFP_ATOMIC, .noncoherent = true,
	  .contiguous = true },
};

KUNIT_ARRAY_PARAM_DESC(kind, kinds, name);

/* Nobody's DMA address */
#define POISON 0x5eedULL

static struct device *kind_device(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev;

	mock->check_pages = !kind->contiguous;
	mock->check_heads = kind->contiguous;
	dev = mock_device(mock, .noncoherent = kind->noncoherent);
	if (kind->noncoherent && dev_is_dma_coherent(dev))
		kunit_skip(test, "this architecture has coherent devices only");
	return dev;
}

static phys_addr_t phys_of(void *cpu_addr)
{
	if (is_vmalloc_addr(cpu_addr))
		return page_to_phys(vmalloc_to_page(cpu_addr)) +
		       offset_in_page(cpu_addr);
	return virt_to_phys(cpu_addr);
}

/*
 * Test that of every kind and size a buffer is zeroed, aligned to its size,
 * and seen by CPU and device alike; that its memory is contiguous where that
 * is asked for; that the device is rid of it when it is freed, and not before
 * its pages are.
 */
static void test_alloc(struct kunit *test)
{
	static const size_t sizes[] = {
		1, PAGE_SIZE, PAGE_SIZE + 1, 5 * PAGE_SIZE, SZ_64K,
	};
	const struct kind *kind = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev = kind_device(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i], whole = PAGE_ALIGN(size);
		phys_addr_t first, phys;
		dma_addr_t iova;
		void *buffer;
		int prot;

		mock_forget(mock);
		buffer = dma_alloc_attrs(dev, size, &iova, kind->gfp,
					 kind->attrs);
		KUNIT_ASSERT_NOT_NULL(test, buffer);
		KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC_MAP], 1);
		KUNIT_EXPECT_EQ(test, gfpflags_allow_blocking(mock->last_gfp),
				gfpflags_allow_blocking(kind->gfp));
		KUNIT_EXPECT_NULL(test, memchr_inv(buffer, 0, whole));
		KUNIT_EXPECT_EQ(test,
				iova & ((PAGE_SIZE << get_order(size)) - 1), 0);
		KUNIT_EXPECT_EQ(test, mock_live(domain), whole);
		KUNIT_EXPECT_EQ(test, !!dma_common_find_pages(buffer),
				!kind->contiguous);

		first = phys_of(buffer);
		for (size_t at = 0; at < whole; at += PAGE_SIZE) {
			KUNIT_ASSERT_TRUE(test, mock_lookup(domain, iova + at,
							    &phys, &prot));
			KUNIT_EXPECT_EQ(test, phys, phys_of(buffer + at));
			KUNIT_EXPECT_EQ(test, prot, IOMMU_READ | IOMMU_WRITE |
					(kind->noncoherent ? 0 : IOMMU_CACHE));
			if (kind->contiguous)
				KUNIT_EXPECT_EQ(test, phys, first + at);
		}

		memset(buffer, 0xa5, whole);
		mock_forget(mock);
		dma_free_attrs(dev, size, buffer, iova, kind->attrs);
		KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], 1);
		KUNIT_EXPECT_FALSE(test, mock_reachable(domain, iova, whole));
	}
}

/*
 * Test that if the IOMMU refuses at any of its calls there is no buffer, and
 * nothing of it is left, and the caller's address is as before [G8].
 */
static void test_failure(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct mock *mock = test->priv;
	unsigned int nr_calls;
	struct device *dev;
	dma_addr_t iova;
	void *buffer;

	mock->chunk = 2;
	dev = kind_device(test);
	/* Calls from the second one on start at pages that are no heads */
	mock->check_heads = false;
	buffer = dma_alloc_attrs(dev, SZ_64K, &iova, kind->gfp, kind->attrs);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	nr_calls = mock->count[MOCK_MAP];
	dma_free_attrs(dev, SZ_64K, buffer, iova, kind->attrs);

	for (unsigned int nth = 1; nth <= nr_calls; nth++) {
		mock->fault.map_nth = nth;
		mock->fault.map_error = -ENOMEM;
		mock->fault.map_pages = nth % 2;
		iova = POISON;
		buffer = dma_alloc_attrs(dev, SZ_64K, &iova, kind->gfp,
					 kind->attrs);
		/* Memory may be laid out otherwise, and take fewer calls */
		if (!mock->fault.map_nth) {
			KUNIT_EXPECT_NULL(test, buffer);
			KUNIT_EXPECT_EQ(test, iova, POISON);
			KUNIT_EXPECT_EQ(test, mock_left_behind(mock), 0);
		}
		if (buffer)
			dma_free_attrs(dev, SZ_64K, buffer, iova, kind->attrs);
		mock->fault.map_nth = 0;
	}

	mock->fault.sync_map_nth = 1;
	mock->fault.sync_map_error = -EIO;
	iova = POISON;
	buffer = dma_alloc_attrs(dev, SZ_64K, &iova, kind->gfp, kind->attrs);
	KUNIT_EXPECT_NULL(test, buffer);
	KUNIT_EXPECT_EQ(test, iova, POISON);
	KUNIT_EXPECT_EQ(test, mock_left_behind(mock), 0);
}

/*
 * Test that whichever allocation of memory fails, there is a buffer or there is
 * not, and then nothing of it, and the caller's address is as before [G8].
 */
static void test_out_of_memory(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev = kind_device(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	size_t room = mock_room(domain);
	unsigned int nth = 0, left;
	dma_addr_t iova;
	void *buffer;

	mock_fail_start(test);
	do {
		mock_forget(mock);
		iova = POISON;
		mock_fail_nth(++nth);
		buffer = dma_alloc_attrs(dev, SZ_64K, &iova,
					 kind->gfp | __GFP_NOWARN, kind->attrs);
		left = mock_fail_nth(0);
		if (buffer)
			dma_free_attrs(dev, SZ_64K, buffer, iova, kind->attrs);
		else
			KUNIT_EXPECT_EQ(test, iova, POISON);
		KUNIT_EXPECT_TRUE(test, buffer || !left);
		KUNIT_EXPECT_EQ(test, mock->count[MOCK_UNMAP] > 0,
				mock->count[MOCK_MAP] > 0);
		KUNIT_EXPECT_EQ(test, mock_left_behind(mock), 0);
		KUNIT_EXPECT_EQ(test, mock_room(domain), room);
	} while (!left);
	/* The array of pages, their table and the kernel's address */
	KUNIT_EXPECT_GT(test, nth, kind->contiguous ? 0 : 3);
}

/*
 * Test that a pool of memory for atomic allocations which is used up is no
 * buffer, rather than one at an address that nobody set. Guards against
 * CVE-2026-90388, "iommu/dma: Check atomic pool allocation result directly" [M9].
 */
static void test_pool_exhausted(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct device *dev;
	dma_addr_t iova;
	size_t room;

	mock->last = SZ_64M - 1;
	dev = mock_device(mock, .noncoherent = true);
	domain = iommu_get_domain_for_dev(dev);
	if (dev_is_dma_coherent(dev))
		kunit_skip(test, "this architecture has coherent devices only");

	/* More than any pool has in one piece */
	room = mock_room(domain);
	KUNIT_EXPECT_NULL(test, dma_alloc_attrs(dev, SZ_32M, &iova,
						GFP_ATOMIC | __GFP_NOWARN, 0));
	KUNIT_EXPECT_STREQ(test, mock->history, "");
	KUNIT_EXPECT_EQ(test, mock_room(domain), room);
}

/*
 * Test that memory which was allocated in large blocks is pages that stand for
 * themselves: none of them is a part of another one when it is given to user
 * space, or freed. Guards against split_huge_page() of a page that nobody locked
 * [M13].
 */
static void test_large_blocks(struct kunit *test)
{
	static const size_t sizes[] = { SZ_2M, SZ_2M + SZ_64K, SZ_4M + 1 };
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct device *dev;
	dma_addr_t iova;
	void *buffer;

	mock->last = SZ_16M - 1;
	mock->check_pages = true;
	dev = mock_device(mock);
	domain = iommu_get_domain_for_dev(dev);
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int odd = 0;

		buffer = dma_alloc_coherent(dev, sizes[i], &iova, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, buffer);
		KUNIT_EXPECT_EQ(test, mock_live(domain), PAGE_ALIGN(sizes[i]));
		for (size_t at = 0; at < sizes[i]; at += PAGE_SIZE) {
			struct page *page = vmalloc_to_page(buffer + at);

			odd += PageCompound(page) || page_count(page) != 1;
		}
		KUNIT_EXPECT_EQ(test, odd, 0);
		dma_free_coherent(dev, sizes[i], buffer, iova);
		KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
	}
}

/* Test that there is no buffer of a size that there cannot be. */
static void test_bad_sizes(struct kunit *test)
{
	static const size_t sizes[] = { 0, SIZE_MAX, SIZE_MAX - PAGE_SIZE + 2,
					(size_t)INT_MAX << 13, SZ_4M };
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	dma_addr_t iova;

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_NULL(test, iommu_dma_alloc(dev, sizes[i], &iova,
							GFP_KERNEL |
							__GFP_NOWARN, 0));
		KUNIT_EXPECT_NULL(test, iommu_dma_alloc(dev, sizes[i], &iova,
							GFP_ATOMIC |
							__GFP_NOWARN, 0));
	}
	KUNIT_EXPECT_EQ(test, mock_left_behind(mock), 0);
}

/* Test that memory shared with a host is refused: nobody would share it. */
static void test_shared_with_host(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	dma_addr_t iova;

	KUNIT_EXPECT_NULL(test, iommu_dma_alloc(dev, SZ_4K, &iova, GFP_KERNEL,
						__DMA_ATTR_ALLOC_CC_SHARED));
	KUNIT_EXPECT_STREQ(test, mock->history, "");
}

/*
 * Test that pages which the device may still reach are never freed: after an
 * unmap that came up short they are lost, on purpose.
 */
static void test_short_unmap(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct page *pages[4];
	dma_addr_t iova;
	void *buffer;

	buffer = dma_alloc_coherent(dev, SZ_16K, &iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	for (int i = 0; i < SZ_16K / PAGE_SIZE; i++)
		pages[i] = vmalloc_to_page(buffer + i * PAGE_SIZE);

	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		dma_free_coherent(dev, SZ_16K, buffer, iova);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	for (int i = 0; i < SZ_16K / PAGE_SIZE; i++)
		KUNIT_EXPECT_GT(test, page_count(pages[i]), 0);
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
}

/*
 * Test that the pages of a buffer which is not contiguous are lost like that as well.
 * That what named them is freed all the same, kmemleak knows.
 */
static void test_short_unmap_table(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct sg_table *table;
	struct page *page;

	table = dma_alloc_noncontiguous(dev, SZ_4K, DMA_BIDIRECTIONAL,
					GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, table);
	page = sg_page(table->sgl);

	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		dma_free_noncontiguous(dev, SZ_4K, table, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_GT(test, page_count(page), 0);
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
}

/*
 * Test that the memory of a buffer is not freed either if its mapping fails and
 * cannot be undone.
 */
static void test_short_undo(struct kunit *test)
{
	static const unsigned long attrs[] = { 0, DMA_ATTR_FORCE_CONTIGUOUS };
	struct mock *mock = test->priv;
	dma_addr_t iova = 0;
	void *buffer;

	for (int i = 0; i < ARRAY_SIZE(attrs); i++) {
		struct device *dev = mock_device(mock);
		struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

		mock->fault.sync_map_nth = 1;
		mock->fault.sync_map_error = -EIO;
		mock->fault.unmap_nth = 1;
		kunit_warning_suppress(test) {
			buffer = dma_alloc_attrs(dev, SZ_4K, &iova, GFP_KERNEL,
						 attrs[i]);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		}
		KUNIT_EXPECT_NULL(test, buffer);
		KUNIT_EXPECT_GT(test,
				page_count(phys_to_page(mock_stuck(domain))),
				0);
		KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
	}
}

/* Test that the table of a buffer has all of its pages, in order. */
static void test_get_sgtable(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct device *dev = kind_device(test);
	size_t size = 5 * PAGE_SIZE + 1, at = 0;
	struct scatterlist *sg;
	struct sg_table sgt;
	dma_addr_t iova;
	void *buffer;
	int i;

	buffer = dma_alloc_attrs(dev, size, &iova, kind->gfp, kind->attrs);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_EXPECT_EQ(test,
			dma_get_sgtable_attrs(dev, &sgt, buffer, iova, size,
					      kind->attrs),
			0);
	for_each_sgtable_sg(&sgt, sg, i) {
		for (size_t off = 0; off < sg->length; off += PAGE_SIZE)
			KUNIT_EXPECT_EQ(test, sg_phys(sg) + off,
					phys_of(buffer + at + off));
		at += sg->length;
	}
	KUNIT_EXPECT_GE(test, at, size);
	KUNIT_EXPECT_LE(test, at, PAGE_ALIGN(size));
	sg_free_table(&sgt);
	dma_free_attrs(dev, size, buffer, iova, kind->attrs);
}

/**
 * struct mapped - A buffer as a file that can be mapped
 * @dev: the device
 * @buffer: its address, or NULL if there is @sgt instead
 * @iova: its DMA address
 * @attrs: its attributes
 * @size: its bytes
 * @sgt: table of a buffer that is not contiguous
 */
struct mapped {
	struct device *dev;
	void *buffer;
	dma_addr_t iova;
	unsigned long attrs;
	size_t size;
	struct sg_table *sgt;
};

static int mapped_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mapped *mapped = file->private_data;

	if (mapped->sgt)
		return dma_mmap_noncontiguous(mapped->dev, vma, mapped->size,
					      mapped->sgt);
	return dma_mmap_attrs(mapped->dev, vma, mapped->buffer, mapped->iova,
			      mapped->size, mapped->attrs);
}

static const struct file_operations mapped_fops = {
	.owner = THIS_MODULE,
	.mmap = mapped_mmap,
};

/* What user space gets of @nr pages from page @pgoff of a buffer on */
static void check_mmap(struct kunit *test, struct file *file,
		       unsigned long pgoff, unsigned long nr, bool inside)
{
	unsigned long addr;
	u8 seen;

	addr = vm_mmap(file, 0, nr * PAGE_SIZE, PROT_READ, MAP_SHARED,
		       pgoff * PAGE_SIZE);
	if (!inside) {
		KUNIT_EXPECT_EQ_MSG(test, (long)addr, -ENXIO,
				    "%lu pages at %lu", nr, pgoff);
		return;
	}

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR_VALUE(addr),
			       "%lu pages at %lu: %ld", nr, pgoff, (long)addr);
	for (unsigned long i = 0; i < nr; i++) {
		KUNIT_EXPECT_EQ(test, get_user(seen, (u8 __user *)addr +
					       i * PAGE_SIZE), 0);
		KUNIT_EXPECT_EQ(test, seen, pgoff + i + 1);
	}
	vm_munmap(addr, nr * PAGE_SIZE);
}

/*
 * Check every part of a buffer of four pages, and some parts that reach
 * outside. Each page has its number, from 1 on, in its first byte.
 */
static void check_bounds(struct kunit *test, struct mapped *mapped)
{
	unsigned long count = mapped->size / PAGE_SIZE;
	struct vm_area_struct *vma;
	struct file *file;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	file = anon_inode_getfile("dma-iommu-mock", &mapped_fops, mapped,
				  O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	for (unsigned long pgoff = 0; pgoff <= count + 1; pgoff++)
		for (unsigned long nr = 1; nr <= count + 1; nr++)
			check_mmap(test, file, pgoff, nr, pgoff + nr <= count);
	fput(file);

	/* Offsets that no system call lets through */
	vma = kunit_kzalloc(test, sizeof(*vma), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vma);
	file = kunit_kzalloc(test, sizeof(*file), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, file);
	file->private_data = mapped;
	for (unsigned long nr = 1; nr <= count + 1; nr++) {
		vma->vm_start = SZ_1G;
		vma->vm_end = SZ_1G + nr * PAGE_SIZE;
		vma->vm_pgoff = ULONG_MAX;
		KUNIT_EXPECT_EQ(test, mapped_mmap(file, vma), -ENXIO);
		vma->vm_pgoff = ULONG_MAX - nr + 1;
		KUNIT_EXPECT_EQ(test, mapped_mmap(file, vma), -ENXIO);
	}
}

/* Test that user space gets the pages of a buffer and no others [M14]. */
static void test_mmap(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct mapped mapped = {
		.dev = kind_device(test),
		.attrs = kind->attrs,
		.size = 4 * PAGE_SIZE,
	};

	mapped.buffer = dma_alloc_attrs(mapped.dev, mapped.size, &mapped.iova,
					kind->gfp, kind->attrs);
	KUNIT_ASSERT_NOT_NULL(test, mapped.buffer);
	for (int i = 0; i < 4; i++)
		*(u8 *)(mapped.buffer + i * PAGE_SIZE) = i + 1;

	check_bounds(test, &mapped);
	dma_free_attrs(mapped.dev, mapped.size, mapped.buffer, mapped.iova,
		       kind->attrs);
}

/*
 * Test that a buffer which need not be contiguous is one segment for the device
 * and all of its pages for the CPU, zeroed, and can be mapped by kernel and user
 * space, within its bounds [M14, M15]. That none of it is left over, kmemleak knows
 * [M8].
 */
static void test_noncontiguous(struct kunit *test)
{
	struct mock *mock = test->priv;

	mock->check_pages = true;
	for (int i = 0; i < 2; i++) {
		struct mapped mapped = { .size = 4 * PAGE_SIZE };
		struct iommu_domain *domain;
		struct scatterlist *sg;
		phys_addr_t phys = 0;
		size_t size = 0;
		dma_addr_t iova;
		u8 *buffer;
		int k;

		mapped.dev = mock_device(mock, .noncoherent = i);
		domain = iommu_get_domain_for_dev(mapped.dev);
		mapped.sgt = dma_alloc_noncontiguous(mapped.dev, mapped.size,
						     DMA_BIDIRECTIONAL,
						     GFP_KERNEL, 0);
		KUNIT_ASSERT_NOT_NULL(test, mapped.sgt);
		KUNIT_EXPECT_EQ(test, mapped.sgt->nents, 1);
		KUNIT_EXPECT_EQ(test, sg_dma_len(mapped.sgt->sgl), mapped.size);
		KUNIT_EXPECT_EQ(test, mock_live(domain), mapped.size);
		iova = sg_dma_address(mapped.sgt->sgl);
		for_each_sgtable_sg(mapped.sgt, sg, k)
			size += sg->length;
		KUNIT_EXPECT_EQ(test, size, mapped.size);

		buffer = dma_vmap_noncontiguous(mapped.dev, mapped.size,
						mapped.sgt);
		KUNIT_ASSERT_NOT_NULL(test, buffer);
		KUNIT_EXPECT_NULL(test, memchr_inv(buffer, 0, mapped.size));
		for (int j = 0; j < 4; j++) {
			buffer[j * PAGE_SIZE] = j + 1;
			mock_lookup(domain, iova + j * PAGE_SIZE, &phys, NULL);
			KUNIT_EXPECT_EQ(test, phys,
					phys_of(buffer + j * PAGE_SIZE));
		}
		dma_sync_sgtable_for_device(mapped.dev, mapped.sgt,
					    DMA_BIDIRECTIONAL);
		dma_sync_sgtable_for_cpu(mapped.dev, mapped.sgt,
					 DMA_BIDIRECTIONAL);
		check_bounds(test, &mapped);

		dma_vunmap_noncontiguous(mapped.dev, buffer);
		dma_free_noncontiguous(mapped.dev, mapped.size, mapped.sgt,
				       DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_FALSE(test,
				   mock_reachable(domain, iova, mapped.size));
	}
}

/* That a device finds zeroes as soon as it finds anything */
static void expect_zero(struct mock *mock, dma_addr_t iova, phys_addr_t phys,
			size_t size)
{
	KUNIT_EXPECT_NULL(mock->test, memchr_inv(phys_to_virt(phys), 0, size));
}

/*
 * Test that pages for a device are zeroed before it can reach them, not freed while it
 * can, in a lazy domain either, and lost if nobody knows whether it can [G4, G5, G7].
 */
static void test_pages(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct page *page, *dirty;
	struct device *dev;
	dma_addr_t iova;

	mock->lazy = true;
	mock->at_map = expect_zero;
	dev = mock_device(mock);
	domain = iommu_get_domain_for_dev(dev);
	KUNIT_ASSERT_EQ(test, domain->type, IOMMU_DOMAIN_DMA_FQ);

	dirty = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dirty);
	memset(page_address(dirty), 0x5e, PAGE_SIZE);
	__free_page(dirty);
	page = dma_alloc_pages(dev, PAGE_SIZE, &iova, DMA_BIDIRECTIONAL,
			       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	mock_forget(mock);
	dma_free_pages(dev, PAGE_SIZE, page, iova, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_STREQ(test, mock->history, "ui");
	KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);

	page = dma_alloc_pages(dev, PAGE_SIZE, &iova, DMA_BIDIRECTIONAL,
			       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		dma_free_pages(dev, PAGE_SIZE, page, iova, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_GT(test, page_count(page), 0);
	/* The last granule */
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), SZ_4K);
	mock->at_map = NULL;
}

static struct kunit_case buffer_cases[] = {
	KUNIT_CASE_PARAM(test_alloc, kind_gen_params),
	KUNIT_CASE_PARAM(test_failure, kind_gen_params),
	KUNIT_CASE_PARAM(test_out_of_memory, kind_gen_params),
	KUNIT_CASE(test_pool_exhausted),
	KUNIT_CASE(test_large_blocks),
	KUNIT_CASE(test_bad_sizes),
	KUNIT_CASE(test_shared_with_host),
	KUNIT_CASE(test_short_unmap),
	KUNIT_CASE(test_short_unmap_table),
	KUNIT_CASE(test_short_undo),
	KUNIT_CASE_PARAM(test_get_sgtable, kind_gen_params),
	KUNIT_CASE_PARAM(test_mmap, kind_gen_params),
	KUNIT_CASE(test_noncontiguous),
	KUNIT_CASE(test_pages),
	{}
};

static struct kunit_suite buffer_suite = {
	.name = "iommu_dma_buffer",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = buffer_cases,
};

kunit_test_suite(buffer_suite);
