// SPDX-License-Identifier: GPL-2.0-only
/*
 * What callers of the DMA API were told, held against the model.
 *
 * Owns the last of the oracle's questions, see debug.c: is what the caller gets what
 * it asked for? Each granule of its buffer has to be mapped to that buffer, or to a
 * slot of swiotlb where it is not all the buffer's, and with the permissions that go
 * with the direction. An untrusted device must not reach such a granule itself.
 *
 * Locks: as in debug.c.
 */

#include <linux/scatterlist.h>

#include "record.h"

static void set_owner(struct iommu_dma_debug *debug, struct device *dev,
		      u64 iova, u64 last)
{
	struct iommu_dma_record *record;

	guard(raw_spinlock_irqsave)(&debug->lock);
	for (record = iommu_dma_record_at(debug, iova, last); record;
	     record = iommu_dma_record_next(record, iova, last))
		strscpy(record->owner, iommu_dma_owner(dev));
}

static int prot_for(enum dma_data_direction dir)
{
	switch (dir) {
	case DMA_TO_DEVICE:
		return IOMMU_READ;
	case DMA_FROM_DEVICE:
		return IOMMU_WRITE;
	default:
		return IOMMU_READ | IOMMU_WRITE;
	}
}

/*
 * Hold what the model says of a stretch against what the caller asked for. A granule
 * that is not all the buffer's may be a slot, and has to be one if the device is
 * untrusted.
 */
static void check_stretch(struct device *dev, u64 iova,
			  const struct iommu_dma_stretch *stretch, u64 phys,
			  bool whole, int prot,
			  struct iommu_dma_finding *finding)
{
	const int both = IOMMU_READ | IOMMU_WRITE;
	const char *what = NULL;

	if (!stretch->known)
		return;
	if (!stretch->live)
		what = "is not mapped";
	else if ((stretch->prot & both) != prot)
		what = "has other permissions than were asked for";
	else if (stretch->phys != phys &&
		 (whole || !iommu_dma_bounce_is_slot(dev, stretch->phys)))
		what = "is not mapped to the buffer";
	else if (stretch->phys == phys && !whole &&
		 iommu_dma_dev_untrusted(dev))
		what = "lets an untrusted device reach beyond its buffer";
	if (what)
		iommu_dma_found(finding, what, iommu_dma_owner(dev), iova,
				stretch->size, phys, stretch->phys);
}

/**
 * iommu_dma_debug_buffer() - A caller is about to be told that a buffer is mapped
 * @dev: the device
 * @iova: DMA address that it is told
 * @phys: physical address of the buffer
 * @size: bytes
 * @dir: direction of the transfers; DMA_NONE if it has been told already, so that
 *	 only the page table is read back
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_debug_buffer(struct device *dev, dma_addr_t iova,
			    phys_addr_t phys, size_t size,
			    enum dma_data_direction dir)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	struct iommu_dma_split split = iommu_dma_split(space, iova, size);
	size_t part[] = { split.head, split.middle, split.tail };
	struct iommu_dma_debug *debug = iommu_dma_debug_of_space(space);
	struct iommu_dma_finding finding = {};
	u64 last;

	if (!iommu_dma_range_last(iova, size, &last))
		return;

	set_owner(debug, dev, iova, last);
	iommu_dma_record_compare(debug, ALIGN_DOWN(iova, space->granule), last,
				 &finding);
	for (int i = 0; dir != DMA_NONE && i < ARRAY_SIZE(part); i++) {
		while (part[i]) {
			struct iommu_dma_stretch stretch =
				iommu_dma_record_stretch(debug, iova,
							 iova + part[i] - 1);

			check_stretch(dev, iova, &stretch, phys, i == 1,
				      prot_for(dir), &finding);
			iova += stretch.size;
			phys += stretch.size;
			part[i] -= stretch.size;
		}
	}
	iommu_dma_found_report(debug, &finding);
}

/**
 * iommu_dma_debug_list() - A caller is about to be told that a list is mapped
 * @dev: the device
 * @sgl: the list, filled in for the caller
 * @nents: its entries
 * @dir: direction of the transfers; DMA_NONE if it has been told already, so that
 *	 only the page table is read back
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_debug_list(struct device *dev, struct scatterlist *sgl,
			  int nents, enum dma_data_direction dir)
{
	struct iommu_dma_mapped_walk walk;
	struct scatterlist *sg;
	dma_addr_t iova;

	iommu_dma_mapped_walk_start(&walk, sgl, nents);
	while (iommu_dma_mapped_walk_next(&walk, &sg, &iova))
		iommu_dma_debug_buffer(dev, iova, sg_phys(sg), sg->length, dir);
}

/**
 * iommu_dma_debug_pages() - A caller is about to be told that pages are mapped
 * @dev: the device
 * @iova: DMA address of the first; the others follow
 * @pages: the pages, for both directions
 * @count: how many
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_debug_pages(struct device *dev, dma_addr_t iova,
			   struct page **pages, unsigned int count)
{
	for (; count--; iova += PAGE_SIZE)
		iommu_dma_debug_buffer(dev, iova, page_to_phys(*pages++),
				       PAGE_SIZE, DMA_BIDIRECTIONAL);
}
