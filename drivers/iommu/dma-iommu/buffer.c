// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that this layer allocates: coherent and non-contiguous ones.
 *
 * Owns their pages and how the kernel and user space see them. Behind an IOMMU a
 * buffer need not be contiguous in memory. Callers that may sleep get pages from
 * wherever they are, in blocks as large as the IOMMU has page sizes for, which
 * leaves CMA to those that need it; callers that may not, or that insist, get one
 * physically contiguous block.
 *
 * Principle: pages are freed after the mapping has been retired, and not at all
 * if retire.c cannot say that the device has lost them.
 *
 * Locks: none of its own.
 */

#include <kunit/visibility.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu-dma.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "private.h"

/* What helper allocations take over of the flags that are meant for the pages */
#define IOMMU_DMA_META_GFP(gfp) \
	((gfp) & (GFP_KERNEL | __GFP_HIGH | __GFP_NOWARN))

/**
 * struct iommu_dma_noncontiguous - What stands behind a non-contiguous buffer
 * @sgt: what the driver sees
 * @pages: the pages, in order
 */
struct iommu_dma_noncontiguous {
	struct sg_table sgt;
	struct page **pages;
};

static struct iommu_dma_noncontiguous *to_noncontiguous(struct sg_table *sgt)
{
	return container_of(sgt, struct iommu_dma_noncontiguous, sgt);
}

/* Whole pages for @size bytes, or 0 if there is no such number */
static unsigned int pages_of(size_t size)
{
	size_t count = size / PAGE_SIZE + !!offset_in_page(size);

	return count <= INT_MAX ? count : 0;
}

/* Also of none of the pages: what names those that have to be lost is not */
static void free_page_array(struct device *dev, struct page **pages,
			    unsigned int count)
{
	iommu_dma_debug_pages_freed(dev, pages, count);
	while (count--)
		__free_page(pages[count]);
	kvfree(pages);
}

/*
 * Allocate one block of at most @left pages. @orders is the set of orders worth
 * a try, of which those that failed are removed.
 */
static struct page *alloc_block(int nid, unsigned int left,
				unsigned long *orders, gfp_t gfp,
				unsigned int *order)
{
	struct page *page;

	*orders &= GENMASK(ilog2(left), 0);
	while (*orders) {
		gfp_t how = gfp | __GFP_NOWARN;

		*order = __fls(*orders);
		/* Large blocks are nice to have, the last order is needed */
		if (*orders & ~BIT(*order))
			how |= __GFP_NORETRY;

		page = alloc_pages_node(nid, how, *order);
		if (page)
			return page;
		*orders &= ~BIT(*order);
	}
	return NULL;
}

static struct page **alloc_page_array(struct device *dev, unsigned int count,
				      unsigned long orders, gfp_t gfp)
{
	unsigned int done = 0, order, i;
	struct page **pages, *block;

	pages = kvmalloc_objs(*pages, count, IOMMU_DMA_META_GFP(gfp));
	if (!pages)
		return NULL;

	while (done < count) {
		block = alloc_block(dev_to_node(dev), count - done, &orders,
				    gfp, &order);
		if (!block) {
			free_page_array(dev, pages, done);
			return NULL;
		}

		/* They are freed one by one */
		if (order)
			split_page(block, order);
		for (i = 0; i < 1U << order; i++)
			pages[done++] = block + i;
	}
	return pages;
}

/* Map @count @pages for @dev, and describe them in @sgt */
static int map_page_array(struct device *dev, struct iommu_domain *domain,
			  struct page **pages, unsigned int count,
			  struct sg_table *sgt, gfp_t gfp, unsigned long attrs,
			  dma_addr_t *iova)
{
	const struct iommu_dma_shape shape = {
		.granule = domain->iova_cookie->space.granule,
		.boundary = ULONG_MAX,
		.max_seg = UINT_MAX,
	};
	struct iommu_dma_request request =
		iommu_dma_device_request(dev, dev->coherent_dma_mask);
	int prot = iommu_dma_prot(dev, DMA_BIDIRECTIONAL, attrs);
	struct iommu_dma_plan plan;
	struct scatterlist *sg;
	int ret, i;

	ret = sg_alloc_table_from_pages(sgt, pages, count, 0,
					(size_t)count << PAGE_SHIFT, gfp);
	if (ret)
		return ret;

	if (!iommu_dma_dev_coherent(dev))
		for_each_sg(sgt->sgl, sg, sgt->orig_nents, i)
			arch_dma_prep_coherent(sg_page(sg), sg->length);

	ret = iommu_dma_plan_make(&plan, &shape, sgt->sgl, sgt->orig_nents);
	if (!ret)
		ret = iommu_dma_commit_plan(domain, &request, &plan, NULL, prot,
					    gfp, iova);
	if (ret)
		sg_free_table(sgt);
	return ret;
}

/* Returns NULL. What is short of memory, the allocators of that have said. */
static void *refuse_buffer(struct device *dev, size_t size, gfp_t gfp,
			   unsigned long attrs, int ret)
{
	if (gfp & __GFP_NOWARN || ret == -ENOMEM)
		attrs |= DMA_ATTR_NO_WARN;
	iommu_dma_refused(ret, dev, dev->coherent_dma_mask, size, attrs);
	return NULL;
}

static struct page **alloc_mapped_pages(struct device *dev, size_t size,
					struct sg_table *sgt, gfp_t gfp,
					unsigned long attrs, dma_addr_t *iova)
{
	struct iommu_domain *domain = iommu_dma_enter(dev);
	unsigned int count = pages_of(size);
	unsigned long orders = BIT(0);
	struct page **pages;
	int ret;

	if (!count)
		return refuse_buffer(dev, size, gfp, attrs, -EINVAL);
	if (!domain)
		return refuse_buffer(dev, size, gfp, attrs, -ENODEV);

	if (!(attrs & DMA_ATTR_ALLOC_SINGLE_PAGES))
		orders |= (domain->pgsize_bitmap >> PAGE_SHIFT) &
			  GENMASK(MAX_PAGE_ORDER, 0);

	/* An IOMMU reaches all memory */
	pages = alloc_page_array(dev, count, orders,
				 gfp | __GFP_ZERO | __GFP_HIGHMEM);
	if (!pages)
		return refuse_buffer(dev, size, gfp, attrs, -ENOMEM);

	ret = map_page_array(dev, domain, pages, count, sgt,
			     IOMMU_DMA_META_GFP(gfp), attrs, iova);
	if (!ret) {
		iommu_dma_debug_pages(dev, *iova, pages, count);
		iommu_dma_debug_ours(dev, *iova, (size_t)count << PAGE_SHIFT);
		iommu_dma_count_map(dev, (size_t)count << PAGE_SHIFT);
		return pages;
	}

	free_page_array(dev, pages, ret == -ENOTRECOVERABLE ? 0 : count);
	return refuse_buffer(dev, size, gfp, attrs, ret);
}

/* Take the device's access away. False: the pages must never be freed. */
static bool unmap_pages(struct device *dev, dma_addr_t iova, unsigned int count)
{
	size_t size = (size_t)count << PAGE_SHIFT;

	iommu_dma_count_unmap(dev, size);
	return iommu_dma_retire_range(iommu_get_dma_domain(dev), iova, size,
				      false);
}

/**
 * iommu_dma_free_pages() - Free what dma_alloc_pages() has allocated and mapped
 * @dev: the device
 * @size: bytes, a multiple of PAGE_SIZE
 * @page: the first of the pages, which follow each other in memory
 * @dma_handle: the DMA address, from iommu_dma_map_pages()
 *
 * Pages that the device may still reach, as they could not be unmapped, are lost.
 *
 * Context: Any context. Takes the locks of the IOVA space and of the IOMMU driver;
 * waits for the invalidation, in a lazy domain as well.
 */
void iommu_dma_free_pages(struct device *dev, size_t size, struct page *page,
			  dma_addr_t dma_handle)
{
	iommu_dma_debug_ours(dev, dma_handle, size);
	if (!unmap_pages(dev, dma_handle, pages_of(size)))
		return;

	iommu_dma_debug_memory_freed(dev, page_address(page), size);
	dma_free_contiguous(dev, page, size);
}

static void *alloc_discontiguous(struct device *dev, size_t size,
				 dma_addr_t *handle, gfp_t gfp,
				 unsigned long attrs)
{
	unsigned int count = pages_of(size);
	struct sg_table sgt;
	struct page **pages;
	dma_addr_t iova;
	void *cpu_addr;

	pages = alloc_mapped_pages(dev, size, &sgt, gfp, attrs, &iova);
	if (!pages)
		return NULL;

	sg_free_table(&sgt);

	cpu_addr = dma_common_pages_remap(pages, size,
					  dma_pgprot(dev, PAGE_KERNEL, attrs),
					  __builtin_return_address(0));
	if (!cpu_addr) {
		free_page_array(dev, pages,
				unmap_pages(dev, iova, count) ? count : 0);
		return refuse_buffer(dev, size, gfp, attrs, -ENOMEM);
	}
	*handle = iova;
	return cpu_addr;
}

static struct page *alloc_contiguous(struct device *dev, size_t size, gfp_t gfp,
				     unsigned long attrs, void **cpu_addr)
{
	pgprot_t prot = dma_pgprot(dev, PAGE_KERNEL, attrs);
	bool coherent = iommu_dma_dev_coherent(dev);
	const void *caller = __builtin_return_address(0);
	struct page *page;

	page = dma_alloc_contiguous(dev, size, gfp);
	if (!page)
		page = alloc_pages_node(dev_to_node(dev), gfp, get_order(size));
	if (!page)
		return NULL;

	*cpu_addr = NULL;
	if (coherent && !PageHighMem(page))
		*cpu_addr = page_address(page);
	else if (gfpflags_allow_blocking(gfp))
		*cpu_addr =
			dma_common_contiguous_remap(page, size, prot, caller);
	if (!*cpu_addr) {
		dma_free_contiguous(dev, page, size);
		return NULL;
	}

	if (!coherent)
		arch_dma_prep_coherent(page, size);
	memset(*cpu_addr, 0, size);
	return page;
}

static bool use_atomic_pool(struct device *dev, gfp_t gfp)
{
	/* A remap to uncached memory would sleep */
	return IS_ENABLED(CONFIG_DMA_DIRECT_REMAP) &&
	       !gfpflags_allow_blocking(gfp) && !iommu_dma_dev_coherent(dev);
}

static void free_memory(struct device *dev, void *cpu_addr, size_t size)
{
	struct page **pages, *page;

	iommu_dma_debug_memory_freed(dev, cpu_addr, size);
	if (IS_ENABLED(CONFIG_DMA_DIRECT_REMAP) &&
	    dma_free_from_pool(dev, cpu_addr, size))
		return;

	if (!is_vmalloc_addr(cpu_addr)) {
		dma_free_contiguous(dev, virt_to_page(cpu_addr), size);
		return;
	}

	pages = dma_common_find_pages(cpu_addr);
	page = pages ? NULL : vmalloc_to_page(cpu_addr);
	dma_common_free_remap(cpu_addr, size);
	if (pages)
		free_page_array(dev, pages, pages_of(size));
	else
		dma_free_contiguous(dev, page, size);
}

/**
 * iommu_dma_alloc() - Allocate a coherent buffer
 * @dev: the device
 * @size: bytes; whole pages are allocated
 * @handle: set to the DMA address on success, which is aligned to @size rounded up
 *	    to a power of two, and at least to a page
 * @gfp: whether the call may sleep, and how hard to try
 * @attrs: DMA attributes. DMA_ATTR_FORCE_CONTIGUOUS asks for memory that is
 *	   physically contiguous; DMA_ATTR_ALLOC_SINGLE_PAGES for a quick search
 *
 * The buffer is zeroed. Memory that is shared with the host of a confidential
 * guest is not supported.
 *
 * Context: As @gfp says. Takes the locks of the allocators and of commit.c.
 * Return: The kernel's address of the buffer, or NULL.
 */
void *iommu_dma_alloc(struct device *dev, size_t size, dma_addr_t *handle,
		      gfp_t gfp, unsigned long attrs)
{
	size_t alloc_size = (size_t)pages_of(size) << PAGE_SHIFT;
	struct iommu_dma_request request =
		iommu_dma_device_request(dev, dev->coherent_dma_mask);
	int prot = iommu_dma_prot(dev, DMA_BIDIRECTIONAL, attrs);
	struct iommu_domain *domain;
	struct page *page;
	void *cpu_addr;
	int ret;

	if (!alloc_size)
		return refuse_buffer(dev, size, gfp, attrs, -EINVAL);
	if (attrs & __DMA_ATTR_ALLOC_CC_SHARED)
		return refuse_buffer(dev, size, gfp, attrs, -EOPNOTSUPP);

	if (gfpflags_allow_blocking(gfp) &&
	    !(attrs & DMA_ATTR_FORCE_CONTIGUOUS))
		return alloc_discontiguous(dev, alloc_size, handle, gfp, attrs);

	domain = iommu_dma_enter(dev);
	if (!domain)
		return refuse_buffer(dev, alloc_size, gfp, attrs, -ENODEV);

	if (use_atomic_pool(dev, gfp))
		page = dma_alloc_from_pool(dev, alloc_size, &cpu_addr,
					   gfp | __GFP_ZERO, attrs, NULL);
	else
		page = alloc_contiguous(dev, alloc_size, gfp, attrs, &cpu_addr);
	if (!page)
		return refuse_buffer(dev, alloc_size, gfp, attrs, -ENOMEM);

	request.align = roundup_pow_of_two(alloc_size);
	ret = iommu_dma_commit_range(domain, &request, page_to_phys(page),
				     alloc_size, prot, IOMMU_DMA_META_GFP(gfp),
				     handle);
	if (!ret) {
		iommu_dma_debug_buffer(dev, *handle, page_to_phys(page),
				       alloc_size, DMA_BIDIRECTIONAL);
		iommu_dma_debug_ours(dev, *handle, alloc_size);
		iommu_dma_count_map(dev, alloc_size);
		return cpu_addr;
	}

	if (ret != -ENOTRECOVERABLE)
		free_memory(dev, cpu_addr, alloc_size);
	return refuse_buffer(dev, alloc_size, gfp, attrs, ret);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_alloc);

/**
 * iommu_dma_free() - Free what iommu_dma_alloc() allocated
 * @dev: the device
 * @size: as for the allocation
 * @cpu_addr: the kernel's address
 * @handle: the DMA address
 * @attrs: as for the allocation
 *
 * Context: Process context if the buffer was remapped, else any context.
 */
void iommu_dma_free(struct device *dev, size_t size, void *cpu_addr,
		    dma_addr_t handle, unsigned long attrs)
{
	unsigned int count = pages_of(size);

	if (unmap_pages(dev, handle, count))
		free_memory(dev, cpu_addr, (size_t)count << PAGE_SHIFT);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_free);

/**
 * iommu_dma_mmap() - Map a coherent buffer to user space
 * @dev: the device
 * @vma: where to
 * @cpu_addr: the kernel's address of the buffer
 * @dma_addr: its DMA address
 * @size: its bytes
 * @attrs: as for the allocation
 *
 * Context: Process context, with the lock of the mm that mmap() holds.
 * Return:
 * * %0		- it is done.
 * * %-ENXIO	- @vma reaches outside the buffer. A retry does not help.
 * * other	- what filling the page table of user space answered.
 */
int iommu_dma_mmap(struct device *dev, struct vm_area_struct *vma,
		   void *cpu_addr, dma_addr_t dma_addr, size_t size,
		   unsigned long attrs)
{
	unsigned long count = pages_of(size);
	struct page **pages = NULL;
	unsigned long pfn;
	int ret;

	vma->vm_page_prot = dma_pgprot(dev, vma->vm_page_prot, attrs);
	if (dma_mmap_from_dev_coherent(dev, vma, cpu_addr, size, &ret))
		return ret;

	if (is_vmalloc_addr(cpu_addr)) {
		pages = dma_common_find_pages(cpu_addr);
		pfn = pages ? 0 : vmalloc_to_pfn(cpu_addr);
	} else {
		pfn = page_to_pfn(virt_to_page(cpu_addr));
	}

	/* Checks the bounds itself */
	if (pages)
		return vm_map_pages(vma, pages, count);

	if (vma->vm_pgoff >= count || vma_pages(vma) > count - vma->vm_pgoff)
		return -ENXIO;
	return remap_pfn_range(vma, vma->vm_start, pfn + vma->vm_pgoff,
			       vma_pages(vma) << PAGE_SHIFT, vma->vm_page_prot);
}

/**
 * iommu_dma_get_sgtable() - Describe the memory of a coherent buffer
 * @dev: the device
 * @sgt: table to set up; the caller frees it with sg_free_table()
 * @cpu_addr: the kernel's address of the buffer
 * @dma_addr: its DMA address
 * @size: its bytes
 * @attrs: as for the allocation
 *
 * Context: Process context, may sleep.
 * Return:
 * * %0		- it is done.
 * * %-EINVAL	- one physically contiguous block of 4 GiB or more, which no entry
 *		  of a list can hold. A retry does not help.
 * * %-ENOMEM	- out of memory.
 */
int iommu_dma_get_sgtable(struct device *dev, struct sg_table *sgt,
			  void *cpu_addr, dma_addr_t dma_addr, size_t size,
			  unsigned long attrs)
{
	struct page **pages = NULL, *page = NULL;
	unsigned int count = pages_of(size);
	int ret;

	if (!is_vmalloc_addr(cpu_addr)) {
		page = virt_to_page(cpu_addr);
	} else {
		pages = dma_common_find_pages(cpu_addr);
		if (!pages)
			page = vmalloc_to_page(cpu_addr);
	}

	if (pages)
		return sg_alloc_table_from_pages(sgt, pages, count, 0, size,
						 GFP_KERNEL);

	if (count > UINT_MAX >> PAGE_SHIFT)
		return -EINVAL;
	ret = sg_alloc_table(sgt, 1, GFP_KERNEL);
	if (ret)
		return ret;

	sg_set_page(sgt->sgl, page, count << PAGE_SHIFT, 0);
	return 0;
}

/**
 * iommu_dma_alloc_noncontiguous() - Allocate a buffer that is not contiguous
 * @dev: the device
 * @size: bytes, less than 4 GiB; whole pages are allocated
 * @dir: direction of the transfers
 * @gfp: how hard to try; must allow to sleep
 * @attrs: DMA_ATTR_ALLOC_SINGLE_PAGES or 0
 *
 * The device sees one segment. The buffer is zeroed.
 *
 * Context: Process context, may sleep.
 * Return: The table of the buffer, or NULL.
 */
struct sg_table *iommu_dma_alloc_noncontiguous(struct device *dev, size_t size,
					       enum dma_data_direction dir,
					       gfp_t gfp, unsigned long attrs)
{
	struct iommu_dma_noncontiguous *buffer;
	dma_addr_t iova;

	/* A DMA segment says its length in 32 bits */
	if (!gfpflags_allow_blocking(gfp) || size > U32_MAX - PAGE_SIZE)
		return refuse_buffer(dev, size, gfp, attrs, -EINVAL);

	buffer = kzalloc_obj(*buffer, IOMMU_DMA_META_GFP(gfp));
	if (!buffer)
		return refuse_buffer(dev, size, gfp, attrs, -ENOMEM);

	buffer->pages =
		alloc_mapped_pages(dev, size, &buffer->sgt, gfp, attrs, &iova);
	if (!buffer->pages) {
		kfree(buffer);
		return NULL;
	}

	sg_dma_address(buffer->sgt.sgl) = iova;
	sg_dma_len(buffer->sgt.sgl) = PAGE_ALIGN(size);
	return &buffer->sgt;
}

/**
 * iommu_dma_free_noncontiguous() - Free iommu_dma_alloc_noncontiguous()'s buffer
 * @dev: the device
 * @size: as for the allocation
 * @sgt: the table of the buffer
 * @dir: as for the allocation
 *
 * Context: Process context, may sleep.
 */
void iommu_dma_free_noncontiguous(struct device *dev, size_t size,
				  struct sg_table *sgt,
				  enum dma_data_direction dir)
{
	struct iommu_dma_noncontiguous *buffer = to_noncontiguous(sgt);
	unsigned int count = pages_of(size);

	if (!unmap_pages(dev, sg_dma_address(sgt->sgl), count))
		count = 0;
	free_page_array(dev, buffer->pages, count);
	sg_free_table(sgt);
	kfree(buffer);
}

/**
 * iommu_dma_vmap_noncontiguous() - Give the kernel an address for a buffer
 * @dev: the device
 * @size: as for the allocation
 * @sgt: the table of the buffer
 *
 * Cached, whatever the device: the caller uses dma_sync_sgtable_for_cpu() and
 * its counterpart. To be undone with vunmap().
 *
 * Context: Process context, may sleep.
 * Return: The kernel's address, or NULL.
 */
void *iommu_dma_vmap_noncontiguous(struct device *dev, size_t size,
				   struct sg_table *sgt)
{
	return vmap(to_noncontiguous(sgt)->pages, pages_of(size), VM_MAP,
		    PAGE_KERNEL);
}

/**
 * iommu_dma_mmap_noncontiguous() - Map a buffer to user space
 * @dev: the device
 * @vma: where to
 * @size: as for the allocation
 * @sgt: the table of the buffer
 *
 * Context: Process context, with the lock of the mm that mmap() holds.
 * Return:
 * * %0		- it is done.
 * * %-ENXIO	- @vma reaches outside the buffer. A retry does not help.
 * * other	- what filling the page table of user space answered.
 */
int iommu_dma_mmap_noncontiguous(struct device *dev, struct vm_area_struct *vma,
				 size_t size, struct sg_table *sgt)
{
	return vm_map_pages(vma, to_noncontiguous(sgt)->pages, pages_of(size));
}
