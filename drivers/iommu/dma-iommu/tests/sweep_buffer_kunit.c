// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every failure point of the buffers that the layer allocates. sweep.c says what a sweep
 * is.
 */

#include <linux/anon_inodes.h>
#include <linux/dma-iommu.h>
#include <linux/dma-map-ops.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu-dma.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/vmalloc.h>

#include "sweep.h"

/* So many pages that there are several blocks of them */
#define BUFFER (3 * PAGE_SIZE)

/* What callers say who are told of a buffer only that there is none */
#define NO_BUFFER (-ENOMEM)

/* More than any pool has in one piece: one that is empty would be filled again */
#define TOO_MUCH SZ_32M

static int get_buffer(struct sweep *sweep)
{
	const struct sweep_way *way = sweep->way;
	size_t size = BUFFER;

	if (way->pool && sweep->fault == SWEEP_POOL && sweep->nth == 1)
		size = TOO_MUCH;
	sweep->buffer = iommu_dma_alloc(sweep->dev, size, &sweep->iova,
					way->gfp | __GFP_NOWARN, way->attrs);
	if (!sweep->buffer)
		return -EIO;
	KUNIT_EXPECT_NULL(sweep->test, memchr_inv(sweep->buffer, 0, BUFFER));
	for (size_t at = 0; at < BUFFER; at += PAGE_SIZE) {
		void *page = sweep->buffer + at;

		sweep_view(sweep, sweep->iova + at,
			   is_vmalloc_addr(page) ?
				   page_to_phys(vmalloc_to_page(page)) :
				   virt_to_phys(page),
			   PAGE_SIZE);
	}
	return 0;
}

static void put_buffer(struct sweep *sweep)
{
	iommu_dma_free(sweep->dev, BUFFER, sweep->buffer, sweep->iova,
		       sweep->way->attrs);
}

/* Describe it in a table as well, which is not kept */
static int get_described(struct sweep *sweep)
{
	struct sg_table sgt;
	int ret;

	if (get_buffer(sweep))
		return NO_BUFFER;

	ret = iommu_dma_get_sgtable(sweep->dev, &sgt, sweep->buffer,
				    sweep->iova, BUFFER, sweep->way->attrs);
	if (ret)
		put_buffer(sweep);
	else
		sg_free_table(&sgt);
	return ret;
}

static size_t size_of(struct sweep *sweep)
{
	return sweep->way->one_page ? PAGE_SIZE : BUFFER;
}

static int get_pages(struct sweep *sweep)
{
	sweep->first = iommu_dma_ops.alloc_pages_op(sweep->dev, size_of(sweep),
						    &sweep->iova,
						    sweep->way->dir,
						    GFP_KERNEL | __GFP_NOWARN);
	if (!sweep->first)
		return -EIO;
	sweep_view(sweep, sweep->iova, page_to_phys(sweep->first),
		   size_of(sweep));
	return 0;
}

static void put_pages(struct sweep *sweep)
{
	iommu_dma_ops.free_pages(sweep->dev, size_of(sweep), sweep->first,
				 sweep->iova, sweep->way->dir);
}

static int get_noncontiguous(struct sweep *sweep)
{
	struct scatterlist *sg;
	size_t at = 0;
	int i;

	sweep->table = iommu_dma_alloc_noncontiguous(sweep->dev, BUFFER,
						     DMA_BIDIRECTIONAL,
						     GFP_KERNEL | __GFP_NOWARN,
						     sweep->way->attrs);
	if (!sweep->table)
		return -EIO;
	for_each_sgtable_sg(sweep->table, sg, i) {
		sweep_view(sweep, sg_dma_address(sweep->table->sgl) + at,
			   sg_phys(sg), sg->length);
		at += sg->length;
	}
	KUNIT_EXPECT_EQ(sweep->test, at, BUFFER);
	return 0;
}

static void put_noncontiguous(struct sweep *sweep)
{
	iommu_dma_free_noncontiguous(sweep->dev, BUFFER, sweep->table,
				     DMA_BIDIRECTIONAL);
}

/* Give the kernel an address for it */
static int get_addressed(struct sweep *sweep)
{
	if (get_noncontiguous(sweep))
		return NO_BUFFER;

	sweep->address =
		iommu_dma_vmap_noncontiguous(sweep->dev, BUFFER, sweep->table);
	if (!sweep->address) {
		put_noncontiguous(sweep);
		return -ENOMEM;
	}
	KUNIT_EXPECT_NULL(sweep->test, memchr_inv(sweep->address, 0, BUFFER));
	return 0;
}

static void put_addressed(struct sweep *sweep)
{
	vunmap(sweep->address);
	put_noncontiguous(sweep);
}

static int mmap_buffer(struct file *file, struct vm_area_struct *vma)
{
	struct sweep *sweep = file->private_data;

	if (sweep->buffer)
		return iommu_dma_mmap(sweep->dev, vma, sweep->buffer,
				      sweep->iova, BUFFER, sweep->way->attrs);
	return iommu_dma_mmap_noncontiguous(sweep->dev, vma, BUFFER,
					    sweep->table);
}

static const struct file_operations buffer_fops = {
	.owner = THIS_MODULE,
	.mmap = mmap_buffer,
};

static void put_file(void *file)
{
	fput(file);
}

static void prepare_file(struct sweep *sweep)
{
	struct kunit *test = sweep->test;

	if (sweep->file)
		return;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	sweep->file = anon_inode_getfile("dma-iommu-sweep", &buffer_fops, sweep,
					 O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sweep->file);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, put_file, sweep->file),
			0);
}

/*
 * Map all of it to user space, and nothing any more, as that may need memory. Page tables
 * that there is no memory for are -EFAULT to some.
 */
static int show(struct sweep *sweep)
{
	unsigned long addr;
	unsigned int nth;

	addr = vm_mmap(sweep->file, 0, BUFFER, PROT_READ, MAP_SHARED, 0);
	if (IS_ERR_VALUE(addr))
		return addr;

	nth = mock_fail_nth(0);
	KUNIT_EXPECT_EQ(sweep->test, vm_munmap(addr, BUFFER), 0);
	mock_fail_nth(nth);
	return 0;
}

static int get_shown(struct sweep *sweep)
{
	int ret;

	if (get_buffer(sweep))
		return NO_BUFFER;

	ret = show(sweep);
	if (ret)
		put_buffer(sweep);
	return ret;
}

static int get_noncontiguous_shown(struct sweep *sweep)
{
	int ret;

	if (get_noncontiguous(sweep))
		return NO_BUFFER;

	ret = show(sweep);
	if (ret)
		put_noncontiguous(sweep);
	return ret;
}

/**
 * struct cma_hog - All that CMA has for devices in general
 * @dev: one of these
 * @size: bytes of each block
 * @page: their first pages
 * @nr: how many
 */
struct cma_hog {
	struct device *dev;
	size_t size[1024];
	struct page *page[1024];
	unsigned int nr;
};

static void free_cma(void *data)
{
	struct cma_hog *hog = data;

	while (hog->nr--)
		dma_free_contiguous(hog->dev, hog->page[hog->nr],
				    hog->size[hog->nr]);
}

/* That there is none is no failure: then pages do, and that these may fail is one */
static void prepare_without_cma(struct sweep *sweep)
{
	struct kunit *test = sweep->test;
	struct cma_hog *hog;
	struct page *page;

	if (sweep->hogged)
		return;

	hog = kunit_kzalloc(test, sizeof(*hog), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hog);
	hog->dev = sweep->anchor;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_cma, hog),
			0);
	for (size_t size = SZ_1M; size > PAGE_SIZE; size /= 2) {
		for (;;) {
			page = dma_alloc_contiguous(hog->dev, size,
						    GFP_KERNEL | __GFP_NOWARN);
			if (!page)
				break;
			KUNIT_ASSERT_LT(test, hog->nr, ARRAY_SIZE(hog->page));
			hog->size[hog->nr] = size;
			hog->page[hog->nr++] = page;
		}
	}
	sweep->hogged = true;
}

static const struct sweep_way buffer_ways[] = {
	{
		.name = "alloc",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, not coherent",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.noncoherent = true,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, lazy",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.lazy = true,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, single pages",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.attrs = DMA_ATTR_ALLOC_SINGLE_PAGES,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, contiguous",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.attrs = DMA_ATTR_FORCE_CONTIGUOUS,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, contiguous, not coherent",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.attrs = DMA_ATTR_FORCE_CONTIGUOUS,
		.noncoherent = true,
		.allocs = 4,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, contiguous, no CMA",
		.prepare = prepare_without_cma,
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.attrs = DMA_ATTR_FORCE_CONTIGUOUS,
		.allocs = 3,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, contiguous, lazy",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.attrs = DMA_ATTR_FORCE_CONTIGUOUS,
		.lazy = true,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, atomic",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_ATOMIC,
		.owns = true,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, atomic, not coherent",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_ATOMIC,
		.owns = true,
		.pool = true,
		.noncoherent = true,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, atomic, lazy",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_ATOMIC,
		.owns = true,
		.lazy = true,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, untrusted",
		.get = get_buffer,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.untrusted = true,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, described",
		.get = get_described,
		.put = put_buffer,
		.says = SWEEP_DMA_ERRNO,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.allocs = 9,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, contiguous, described",
		.get = get_described,
		.put = put_buffer,
		.says = SWEEP_DMA_ERRNO,
		.gfp = GFP_KERNEL,
		.owns = true,
		.attrs = DMA_ATTR_FORCE_CONTIGUOUS,
		.allocs = 3,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, shown to user space",
		.prepare = prepare_file,
		.get = get_shown,
		.put = put_buffer,
		.gfp = GFP_KERNEL,
		.owns = true,
		.single = true,
		.allocs = 9,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc, contiguous, shown to user space",
		.prepare = prepare_file,
		.get = get_shown,
		.put = put_buffer,
		.says = SWEEP_DMA_ERRNO,
		.gfp = GFP_KERNEL,
		.owns = true,
		.attrs = DMA_ATTR_FORCE_CONTIGUOUS,
		.allocs = 3,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_pages",
		.get = get_pages,
		.put = put_pages,
		.owns = true,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_pages, no CMA",
		.prepare = prepare_without_cma,
		.get = get_pages,
		.put = put_pages,
		.owns = true,
		.allocs = 3,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_pages, one page",
		.get = get_pages,
		.put = put_pages,
		.owns = true,
		.single = true,
		.one_page = true,
		.allocs = 3,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "alloc_pages, one page, not coherent",
		.get = get_pages,
		.put = put_pages,
		.owns = true,
		.single = true,
		.one_page = true,
		.noncoherent = true,
		.allocs = 3,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "alloc_pages, one page, lazy",
		.get = get_pages,
		.put = put_pages,
		.owns = true,
		.single = true,
		.one_page = true,
		.lazy = true,
		.allocs = 3,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "alloc_pages, one page, untrusted",
		.get = get_pages,
		.put = put_pages,
		.owns = true,
		.single = true,
		.one_page = true,
		.untrusted = true,
		.allocs = 3,
		.maps = 1,
		.unmaps = 1,
	},
	{
		.name = "alloc_pages, to the device",
		.get = get_pages,
		.put = put_pages,
		.owns = true,
		.dir = DMA_TO_DEVICE,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_pages, from the device, not coherent",
		.get = get_pages,
		.put = put_pages,
		.owns = true,
		.dir = DMA_FROM_DEVICE,
		.noncoherent = true,
		.allocs = 2,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_noncontiguous",
		.get = get_noncontiguous,
		.put = put_noncontiguous,
		.owns = true,
		.single = true,
		.allocs = 7,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_noncontiguous, single pages",
		.get = get_noncontiguous,
		.put = put_noncontiguous,
		.owns = true,
		.single = true,
		.attrs = DMA_ATTR_ALLOC_SINGLE_PAGES,
		.allocs = 7,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_noncontiguous, lazy",
		.get = get_noncontiguous,
		.put = put_noncontiguous,
		.owns = true,
		.single = true,
		.lazy = true,
		.allocs = 7,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_noncontiguous, not coherent",
		.get = get_noncontiguous,
		.put = put_noncontiguous,
		.owns = true,
		.single = true,
		.noncoherent = true,
		.allocs = 7,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_noncontiguous, untrusted",
		.get = get_noncontiguous,
		.put = put_noncontiguous,
		.owns = true,
		.single = true,
		.untrusted = true,
		.allocs = 7,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_noncontiguous, with an address",
		.get = get_addressed,
		.put = put_addressed,
		.owns = true,
		.single = true,
		.says = SWEEP_DMA_ERRNO,
		.allocs = 9,
		.maps = 2,
		.unmaps = 1,
	},
	{
		.name = "alloc_noncontiguous, shown to user space",
		.prepare = prepare_file,
		.get = get_noncontiguous_shown,
		.put = put_noncontiguous,
		.owns = true,
		.single = true,
		.allocs = 8,
		.maps = 2,
		.unmaps = 1,
	},
};

KUNIT_ARRAY_PARAM_DESC(buffer, buffer_ways, name);

static struct kunit_case buffer_cases[] = {
	KUNIT_CASE_PARAM(sweep_alloc, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_room, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_slot, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_map, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_map_part, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_map_short, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_sync_map, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_undo, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_undo_sync, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_unmap, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_pool, buffer_gen_params),
	KUNIT_CASE_PARAM(sweep_attach, buffer_gen_params),
	{}
};

static struct kunit_suite buffer_suite = {
	.name = "iommu_dma_sweep_buffer",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = buffer_cases,
};

kunit_test_suite(buffer_suite);
