// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streaming mappings: memory of the caller, one buffer or a scatterlist.
 *
 * Owns the entry points that map such memory, take the mapping away, and sync it.
 * They are compositions: is this to be bounced, how is it laid out, commit, retire;
 * and they see to the CPU caches of what a device touches in place. What the
 * caches of a slot need, bounce.c does.
 *
 * Principle: a failed call leaves the caller's list byte for byte as it was.
 *
 * Locks: none of its own. Any context, but for the first mapping of a kdump kernel.
 */

#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu-dma.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pci-p2pdma.h>

#include "private.h"

typedef void (*cache_sync_fn)(phys_addr_t phys, size_t size,
			      enum dma_data_direction dir);

/* One buffer */

/* Map a buffer that may have to bounce, or whose caches have to be seen to */
static int map_with_care(struct iommu_domain *domain,
			 struct iommu_dma_request *request,
			 const struct iommu_dma_transfer *transfer,
			 phys_addr_t phys, size_t size, int prot,
			 dma_addr_t *iova)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	struct iommu_dma_split in_place = { .middle = size };
	size_t granules;
	int bounce;

	/* Before the caches of what may not be memory are written back */
	if (!iommu_dma_granules(space, phys, size, &granules))
		return -EINVAL;
	bounce = iommu_dma_bounce_check(transfer->dev, phys, size,
					transfer->dir, transfer->attrs);
	if (bounce < 0)
		return bounce;

	if (bounce)
		in_place = iommu_dma_split(space, phys, size);
	if (iommu_dma_need_cache_sync(transfer->dev, transfer->attrs) &&
	    in_place.middle) {
		iommu_dma_cache_for_device(phys + in_place.head,
					   in_place.middle, transfer->dir);
		arch_sync_dma_flush();
	}

	if (bounce)
		return iommu_dma_commit_bounced(domain, request, transfer, phys,
						size, prot, GFP_ATOMIC, iova);
	return iommu_dma_commit_range(domain, request, phys, size, prot,
				      GFP_ATOMIC, iova);
}

/*
 * Keep a buffer within a segment of @boundary + 1 bytes, which is unusual: the IOVA is
 * aligned to the buffer's size, as long as that is not more than a segment.
 */
static void keep_in_segment(const struct iommu_dma_space *space,
			    struct iommu_dma_request *request, phys_addr_t phys,
			    size_t size, unsigned long boundary)
{
	size_t granules, together;

	if (!iommu_dma_granules(space, phys, size, &granules) ||
	    granules - 1 > boundary)
		return;
	together = roundup_pow_of_two(request->offset + granules);
	if (together - 1 <= boundary)
		request->align = max(request->align, together);
}

/* Say that a buffer was refused for @ret. Out of the way of those that are not. */
static noinline __cold dma_addr_t refuse(int ret, struct device *dev,
					 size_t size, unsigned long attrs)
{
	iommu_dma_refused(ret, dev, dma_get_mask(dev), size, attrs);
	return DMA_MAPPING_ERROR;
}

/* Inline: all of it is on the way of every mapping */
static __always_inline int map_buffer(struct device *dev, phys_addr_t phys,
				      size_t size, enum dma_data_direction dir,
				      unsigned long attrs, dma_addr_t *iova)
{
	struct iommu_dma_request request =
		iommu_dma_device_request(dev, dma_get_mask(dev));
	struct iommu_domain *domain = iommu_dma_enter(dev);
	int prot = iommu_dma_prot(dev, dir, attrs), ret;
	struct iommu_dma_space *space;
	unsigned long boundary;

	if (!domain)
		return -ENODEV;

	space = &domain->iova_cookie->space;
	iommu_dma_keep_bits(dev, space, &request, phys);
	boundary = dma_get_seg_boundary(dev);
	if (unlikely(boundary < U32_MAX))
		keep_in_segment(space, &request, phys, size, boundary);
	if (likely(iommu_dma_dev_plain(dev)))
		ret = iommu_dma_commit_range(domain, &request, phys, size, prot,
					     GFP_ATOMIC, iova);
	else
		ret = map_with_care(domain, &request,
				    &(struct iommu_dma_transfer){ dev, dir,
								  attrs },
				    phys, size, prot, iova);
	if (unlikely(ret))
		return ret;
	iommu_dma_debug_buffer(dev, *iova, phys, size, dir);
	iommu_dma_count_map(dev, request.size);
	return 0;
}

/**
 * iommu_dma_map_phys() - Map a physically contiguous buffer
 * @dev: the device
 * @phys: physical address
 * @size: bytes
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * The IOVA is not aligned to the size. It is within a segment, if the device has set a
 * segment boundary below 4 GiB - 1 and the granules of the buffer fit: what is larger,
 * or has to keep address bits that are at odds with that, crosses it.
 *
 * Context: Any context. Takes the locks of the IOVA space, of the IOMMU driver and,
 * where the buffer bounces, of swiotlb.
 * Return: The DMA address, with @phys's offset into a granule, or
 * DMA_MAPPING_ERROR. A retry may help when other mappings are gone, unless the
 * request can never succeed. Where a mapping has failed and could not be undone, that
 * the device may still reach the buffer is in the log only.
 */
dma_addr_t iommu_dma_map_phys(struct device *dev, phys_addr_t phys, size_t size,
			      enum dma_data_direction dir, unsigned long attrs)
{
	dma_addr_t iova;
	int ret = map_buffer(dev, phys, size, dir, attrs, &iova);

	if (unlikely(ret))
		return refuse(ret, dev, size, attrs);
	return iova;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_map_phys);

/**
 * iommu_dma_map_pages() - Map what dma_alloc_pages() has allocated
 * @dev: the device
 * @phys: physical address of the pages
 * @size: bytes
 * @dir: direction of the transfers
 * @dma_handle: set to the DMA address, or to DMA_MAPPING_ERROR
 *
 * As iommu_dma_map_phys(), for who frees the pages if that fails. To be undone by
 * iommu_dma_free_pages().
 *
 * Context: Any context. Takes the locks of the IOVA space and of the IOMMU driver.
 * Return: true. False if the mapping failed and could not be undone, so that the device
 * may reach some of the pages: they must never be freed.
 */
bool iommu_dma_map_pages(struct device *dev, phys_addr_t phys, size_t size,
			 enum dma_data_direction dir, dma_addr_t *dma_handle)
{
	int ret = map_buffer(dev, phys, size, dir, 0, dma_handle);

	if (ret)
		*dma_handle = refuse(ret, dev, size, 0);
	return ret != -ENOTRECOVERABLE;
}

/* Take a mapping away that may have slots, or caches to be kept in step */
static void unmap_with_care(struct iommu_domain *domain,
			    const struct iommu_dma_transfer *transfer,
			    dma_addr_t iova, size_t size, size_t granules)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	bool sync = iommu_dma_need_cache_sync(transfer->dev, transfer->attrs);
	struct iommu_dma_split in_place = { .middle = size };
	struct iommu_dma_bounced bounced __uninitialized;
	struct iommu_dma_retire retire __uninitialized;
	bool bounce, gone;
	phys_addr_t phys;

	/* The offset into a granule is all that this asks of an address */
	bounce = iommu_dma_bounce_check(transfer->dev, iova, size,
					transfer->dir, transfer->attrs) > 0;
	if (bounce)
		in_place = iommu_dma_split(space, iova, size);
	/* One that comes late may find it gone: see iommu_dma_driver_unbound() */
	sync &= in_place.middle > 0 &&
		iommu_dma_lookup(domain, iova + in_place.head, &phys);

	if (bounce) {
		iommu_dma_retire_begin_bounced(&retire, domain, &bounced,
					       transfer);
		iommu_dma_retire_buffer(&retire, iova, size);
		gone = iommu_dma_retire_finish(&retire,
					       ALIGN_DOWN(iova, space->granule),
					       granules);
	} else {
		gone = iommu_dma_retire_range(domain,
					      ALIGN_DOWN(iova, space->granule),
					      granules,
					      iommu_dma_may_defer(transfer));
	}

	/* On a mismatch nobody knows if @phys is the buffer */
	if (sync && gone) {
		iommu_dma_cache_for_cpu(phys, in_place.middle, transfer->dir);
		arch_sync_dma_flush();
	}
}

/**
 * iommu_dma_unmap_phys() - Take a mapping of iommu_dma_map_phys() away
 * @dev: the device
 * @dma_handle: the DMA address
 * @size: as for the mapping
 * @dir: as for the mapping
 * @attrs: as for the mapping
 *
 * When it returns, the device cannot reach the buffer; in a lazy domain soon after,
 * unless it is another device's (DMA_ATTR_MMIO), which may be reset or given to a
 * guest then. The page table is looked up only for a device that is untrusted or whose caches
 * have to be kept in step.
 *
 * Context: Any context. Takes the locks of the IOVA space, of the IOMMU driver and,
 * where the buffer bounced, of swiotlb; waits for the invalidation.
 */
void iommu_dma_unmap_phys(struct device *dev, dma_addr_t dma_handle,
			  size_t size, enum dma_data_direction dir,
			  unsigned long attrs)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	const struct iommu_dma_transfer transfer = { dev, dir, attrs };
	size_t granules;

	if (WARN_ON_ONCE(!iommu_dma_granules(space, dma_handle, size,
					     &granules)))
		return;

	iommu_dma_count_unmap(dev, granules);
	if (iommu_dma_dev_plain(dev))
		iommu_dma_retire_range(domain,
				       ALIGN_DOWN(dma_handle, space->granule),
				       granules, !(attrs & DMA_ATTR_MMIO));
	else
		unmap_with_care(domain, &transfer, dma_handle, size, granules);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_unmap_phys);

/* A part of a mapping that is all in one slot, or all in place */
static void sync_part(const struct iommu_dma_transfer *transfer,
		      dma_addr_t iova, size_t size, bool for_cpu)
{
	struct device *dev = transfer->dev;
	struct iommu_dma_piece piece = { .size = size };

	if (!size)
		return;

	if (WARN_ON_ONCE(!iommu_dma_lookup(iommu_get_dma_domain(dev), iova,
					   &piece.phys)))
		return;

	if (iommu_dma_bounce_is_slot(dev, piece.phys)) {
		if (for_cpu)
			iommu_dma_bounce_for_cpu(transfer, &piece);
		else
			iommu_dma_bounce_for_device(transfer, &piece);
		return;
	}

	if (iommu_dma_dev_coherent(dev))
		return;
	if (for_cpu)
		iommu_dma_cache_for_cpu(piece.phys, size, transfer->dir);
	else
		iommu_dma_cache_for_device(piece.phys, size, transfer->dir);
	arch_sync_dma_flush();
}

static void sync_single(struct device *dev, dma_addr_t iova, size_t size,
			enum dma_data_direction dir, bool for_cpu)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);
	const struct iommu_dma_transfer transfer = { .dev = dev, .dir = dir };
	struct iommu_dma_split split = { .middle = size };

	iommu_dma_debug_check(domain, iova, size);
	if (iommu_dma_dev_plain(dev))
		return;

	/* A trusted device has slots for small buffers only */
	if (iommu_dma_dev_untrusted(dev) || size < 2 * ARCH_DMA_MINALIGN)
		split = iommu_dma_split(&domain->iova_cookie->space, iova,
					size);
	sync_part(&transfer, iova, split.head, for_cpu);
	sync_part(&transfer, iova + split.head, split.middle, for_cpu);
	sync_part(&transfer, iova + split.head + split.middle, split.tail,
		  for_cpu);
}

/**
 * iommu_dma_sync_single_for_cpu() - Let the CPU see what the device wrote
 * @dev: the device
 * @dma_handle: DMA address, anywhere in a mapping
 * @size: bytes, within that mapping
 * @dir: as for the mapping
 *
 * Context: Any context.
 */
void iommu_dma_sync_single_for_cpu(struct device *dev, dma_addr_t dma_handle,
				   size_t size, enum dma_data_direction dir)
{
	sync_single(dev, dma_handle, size, dir, true);
}

/**
 * iommu_dma_sync_single_for_device() - Let the device see what the CPU wrote
 * @dev: the device
 * @dma_handle: DMA address, anywhere in a mapping
 * @size: bytes, within that mapping
 * @dir: as for the mapping
 *
 * Context: Any context.
 */
void iommu_dma_sync_single_for_device(struct device *dev, dma_addr_t dma_handle,
				      size_t size, enum dma_data_direction dir)
{
	sync_single(dev, dma_handle, size, dir, false);
}

/* A scatterlist */

/**
 * struct iommu_dma_p2p - What an entry of a list is for a device
 * @dev: the device
 * @state: what is known of the memory that was looked at last
 */
struct iommu_dma_p2p {
	struct device *dev;
	struct pci_p2pdma_map_state state;
};

/**
 * iommu_dma_p2p_kind() - Tell memory from what is another device's
 * @dev: the device
 * @state: of what was looked at last; zeroed to begin with
 * @sg: entry of a list
 * @bus: set to the bus address of one that is reached past the IOMMU
 *
 * Context: Any context.
 * Return:
 * * others	- the kind.
 * * %-EREMOTEIO	- there is no way from the device to that memory. A retry does not
 *			  help.
 */
VISIBLE_IF_KUNIT int iommu_dma_p2p_kind(struct device *dev,
					struct pci_p2pdma_map_state *state,
					struct scatterlist *sg, dma_addr_t *bus)
{
	KUNIT_STATIC_STUB_REDIRECT(iommu_dma_p2p_kind, dev, state, sg, bus);

	switch (pci_p2pdma_state(state, dev, sg_page(sg))) {
	case PCI_P2PDMA_MAP_NONE:
		return IOMMU_DMA_SG_MEMORY;
	case PCI_P2PDMA_MAP_THRU_HOST_BRIDGE:
		return IOMMU_DMA_SG_MMIO;
	case PCI_P2PDMA_MAP_BUS_ADDR:
		*bus = pci_p2pdma_bus_addr_map(state->mem, sg_phys(sg));
		return IOMMU_DMA_SG_BUS;
	default:
		return -EREMOTEIO;
	}
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_p2p_kind);

/* For struct iommu_dma_shape: every entry has been asked about once, with success */
static enum iommu_dma_sg_kind shape_kind(void *data, struct scatterlist *sg,
					 dma_addr_t *bus)
{
	struct iommu_dma_p2p *p2p = data;

	return iommu_dma_p2p_kind(p2p->dev, &p2p->state, sg, bus);
}

/* What is asked of a list before it is laid out: is it all memory, does it bounce? */
struct list_traits {
	bool p2p;
	bool bounce;
};

static int check_list(struct iommu_dma_p2p *p2p, struct scatterlist *sgl,
		      int nents, const struct iommu_dma_transfer *transfer,
		      struct list_traits *traits)
{
	struct device *dev = transfer->dev;
	struct scatterlist *sg;
	dma_addr_t bus;
	int i, ret;

	if (!IS_ENABLED(CONFIG_PCI_P2PDMA) && iommu_dma_dev_plain(dev))
		return 0;

	for_each_sg(sgl, sg, nents, i) {
		unsigned long attrs = transfer->attrs;
		int kind = iommu_dma_p2p_kind(dev, &p2p->state, sg, &bus);

		if (kind < 0)
			return kind;
		if (kind != IOMMU_DMA_SG_MEMORY) {
			traits->p2p = true;
			attrs |= DMA_ATTR_MMIO;
		}
		if (kind == IOMMU_DMA_SG_BUS || !sg->length)
			continue;

		ret = iommu_dma_bounce_check(dev, sg_phys(sg), sg->length,
					     transfer->dir, attrs);
		if (ret < 0)
			return ret;
		traits->bounce |= ret;
	}
	return 0;
}

/* Sync the caches of what is memory, and is or was mapped in place */
static void sync_in_place(struct scatterlist *sgl, int nents,
			  const struct iommu_dma_transfer *transfer,
			  cache_sync_fn sync)
{
	struct iommu_domain *domain = iommu_get_dma_domain(transfer->dev);
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		struct iommu_dma_split part = { .middle = sg->length };

		if (is_pci_p2pdma_page(sg_page(sg)))
			continue;
		if (iommu_dma_bounce_check(transfer->dev, sg_phys(sg),
					   sg->length, transfer->dir,
					   transfer->attrs))
			part = iommu_dma_split(space, sg_phys(sg), sg->length);
		if (part.middle)
			sync(sg_phys(sg) + part.head, part.middle,
			     transfer->dir);
	}
	arch_sync_dma_flush();
}

/*
 * The DMA API knows four errnos and gives each a meaning. -EREMOTEIO speaks of
 * peer-to-peer memory, of which an IOMMU driver knows nothing; none of them of
 * memory that may still be reached, -ENOTRECOVERABLE: the log has a warning.
 */
static int to_dma_errno(int ret)
{
	switch (ret) {
	case -EINVAL:
	case -ENOMEM:
		return ret;
	case -ENOSPC:
		return -ENOMEM;
	case -EOVERFLOW:
		return -EINVAL;
	default:
		return -EIO;
	}
}

/* Say that a list was refused for @ret, which is returned */
static int refuse_list(const struct iommu_dma_transfer *transfer,
		       struct scatterlist *sgl, int nents, int ret)
{
	struct device *dev = transfer->dev;
	struct scatterlist *sg;
	size_t size = 0;
	int i;

	for_each_sg(sgl, sg, nents, i)
		size += sg->length;
	iommu_dma_refused(ret, dev, dma_get_mask(dev), size, transfer->attrs);
	return ret;
}

/**
 * iommu_dma_map_sg() - Map a scatterlist to one range of IOVA
 * @dev: the device
 * @sgl: the list
 * @nents: its entries
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * Segments respect the device's segment boundary and maximum segment size; what
 * is contiguous for the device is merged, also where it bounces. On failure the list
 * is byte for byte what it was. Takes a few steps per entry.
 *
 * Context: Any context. Takes the locks of the IOVA space, of the IOMMU driver and,
 * where an entry bounces, of swiotlb.
 * Return:
 * * 1 or more	- the number of DMA segments.
 * * %-EINVAL	- the list is empty or too large, has a buffer that would have to be
 *		  bounced and cannot be, or is shared with the host. A retry does
 *		  not help.
 * * %-ENOMEM	- no room or no memory. A retry may help.
 * * %-EIO	- the IOMMU driver refused; or the mapping failed and could not be undone:
 *		  that the device may still reach some of it is in the log only.
 * * %-EREMOTEIO	- there is no way from the device to an entry's memory, which is
 *			  another device's. A retry does not help.
 */
int iommu_dma_map_sg(struct device *dev, struct scatterlist *sgl, int nents,
		     enum dma_data_direction dir, unsigned long attrs)
{
	const struct iommu_dma_transfer transfer = { dev, dir, attrs };
	struct iommu_dma_request request =
		iommu_dma_device_request(dev, dma_get_mask(dev));
	struct iommu_domain *domain = iommu_dma_enter(dev);
	int prot = iommu_dma_prot(dev, dir, attrs);
	struct iommu_dma_shape shape = {
		.boundary = dma_get_seg_boundary(dev),
		.max_seg = dma_get_max_seg_size(dev),
	};
	struct iommu_dma_p2p p2p = { .dev = dev };
	struct list_traits traits = {};
	struct iommu_dma_plan plan __uninitialized;
	dma_addr_t iova;
	int ret;

	if (!domain) {
		refuse_list(&transfer, sgl, nents, -ENODEV);
		return -EIO;
	}
	if (attrs & DMA_ATTR_CC_SHARED)
		return refuse_list(&transfer, sgl, nents, -EINVAL);

	ret = check_list(&p2p, sgl, nents, &transfer, &traits);
	if (ret)
		return refuse_list(&transfer, sgl, nents, ret);

	shape.granule = domain->iova_cookie->space.granule;
	shape.kept = iommu_dma_kept(dev, &domain->iova_cookie->space);
	if (traits.p2p) {
		shape.kind = shape_kind;
		shape.data = &p2p;
	}
	ret = iommu_dma_plan_make(&plan, &shape, sgl, nents);
	if (ret)
		return to_dma_errno(refuse_list(&transfer, sgl, nents, ret));

	if (iommu_dma_need_cache_sync(dev, attrs))
		sync_in_place(sgl, nents, &transfer,
			      iommu_dma_cache_for_device);

	ret = iommu_dma_commit_plan(domain, &request, &plan,
				    traits.bounce ? &transfer : NULL, prot,
				    GFP_ATOMIC, &iova);
	if (ret)
		return to_dma_errno(refuse_list(&transfer, sgl, nents, ret));

	ret = iommu_dma_plan_write(&plan, iova);
	iommu_dma_debug_list(dev, sgl, nents, dir);
	iommu_dma_count_map(dev, request.size);
	if (traits.bounce)
		sg_dma_mark_swiotlb(sgl);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_map_sg);

static void unmap_in_place(struct device *dev, struct iommu_domain *domain,
			   struct scatterlist *sgl, int nents)
{
	size_t granule = domain->iova_cookie->space.granule;
	struct iommu_dma_extent extent;
	struct iommu_dma_retire retire __uninitialized;
	dma_addr_t start, end;

	/* It may be that all of it was reached past the IOMMU */
	if (!iommu_dma_sg_next_extent(&sgl, &nents, granule, &extent)) {
		iommu_dma_count_unmap(dev, 0);
		return;
	}

	start = extent.iova;
	iommu_dma_retire_begin(&retire, domain, !iommu_dma_dev_untrusted(dev));
	do {
		iommu_dma_retire_clear(&retire, extent.iova, extent.size);
		end = extent.iova + extent.size;
	} while (iommu_dma_sg_next_extent(&sgl, &nents, granule, &extent));
	iommu_dma_count_unmap(dev, end - start);
	iommu_dma_retire_finish(&retire, start, end - start);
}

static void unmap_bounced(struct iommu_domain *domain,
			  const struct iommu_dma_transfer *transfer,
			  struct scatterlist *sgl, int nents)
{
	size_t granule = domain->iova_cookie->space.granule;
	struct iommu_dma_mapped_walk walk;
	struct iommu_dma_bounced bounced __uninitialized;
	struct iommu_dma_retire retire __uninitialized;
	dma_addr_t start, end, iova;
	struct scatterlist *sg;
	bool any = false;

	iommu_dma_retire_begin_bounced(&retire, domain, &bounced, transfer);
	iommu_dma_mapped_walk_start(&walk, sgl, nents);
	while (iommu_dma_mapped_walk_next(&walk, &sg, &iova)) {
		if (!any)
			start = ALIGN_DOWN(iova, granule);
		any = true;
		end = ALIGN(iova + sg->length, granule);
		iommu_dma_retire_buffer(&retire, iova, sg->length);
	}
	iommu_dma_count_unmap(transfer->dev, any ? end - start : 0);
	if (any)
		iommu_dma_retire_finish(&retire, start, end - start);

	for (; nents > 0 && sg_dma_len(sgl); sgl = sg_next(sgl), nents--)
		iommu_dma_sg_clear_flags(sgl);
}

/**
 * iommu_dma_unmap_sg() - Take a mapping of iommu_dma_map_sg() away
 * @dev: the device
 * @sgl: the list
 * @nents: its entries, as for the mapping
 * @dir: as for the mapping
 * @attrs: as for the mapping
 *
 * When it returns, the device cannot reach the buffers; in a lazy domain soon after.
 * The IOMMU driver is asked to invalidate once for the whole list, unless many of
 * its entries bounced; it may do so in parts.
 *
 * Context: Any context. Takes the locks of the IOVA space, of the IOMMU driver and,
 * where an entry bounced, of swiotlb.
 */
void iommu_dma_unmap_sg(struct device *dev, struct scatterlist *sgl, int nents,
			enum dma_data_direction dir, unsigned long attrs)
{
	const struct iommu_dma_transfer transfer = { dev, dir, attrs };
	struct iommu_domain *domain = iommu_get_dma_domain(dev);

	/* Not mapped */
	if (WARN_ON_ONCE(nents <= 0 || !sg_dma_len(sgl)))
		return;

	if (sg_dma_is_swiotlb(sgl))
		unmap_bounced(domain, &transfer, sgl, nents);
	else
		unmap_in_place(dev, domain, sgl, nents);

	if (iommu_dma_need_cache_sync(dev, attrs))
		sync_in_place(sgl, nents, &transfer, iommu_dma_cache_for_cpu);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_unmap_sg);

static void sync_sg(struct device *dev, struct scatterlist *sgl, int nents,
		    enum dma_data_direction dir, bool for_cpu)
{
	const struct iommu_dma_transfer transfer = { .dev = dev, .dir = dir };
	struct iommu_dma_mapped_walk walk;
	struct scatterlist *sg;
	dma_addr_t iova;

	iommu_dma_debug_list(dev, sgl, nents, DMA_NONE);
	if (iommu_dma_dev_plain(dev))
		return;

	if (!sg_dma_is_swiotlb(sgl)) {
		if (!iommu_dma_dev_coherent(dev))
			sync_in_place(sgl, nents, &transfer,
				      for_cpu ? iommu_dma_cache_for_cpu :
						iommu_dma_cache_for_device);
		return;
	}

	iommu_dma_mapped_walk_start(&walk, sgl, nents);
	while (iommu_dma_mapped_walk_next(&walk, &sg, &iova))
		if (!is_pci_p2pdma_page(sg_page(sg)))
			sync_single(dev, iova, sg->length, dir, for_cpu);
}

/**
 * iommu_dma_sync_sg_for_cpu() - Let the CPU see what the device wrote
 * @dev: the device
 * @sgl: the mapped list
 * @nelems: its entries, as for the mapping
 * @dir: as for the mapping
 *
 * Context: Any context.
 */
void iommu_dma_sync_sg_for_cpu(struct device *dev, struct scatterlist *sgl,
			       int nelems, enum dma_data_direction dir)
{
	sync_sg(dev, sgl, nelems, dir, true);
}

/**
 * iommu_dma_sync_sg_for_device() - Let the device see what the CPU wrote
 * @dev: the device
 * @sgl: the mapped list
 * @nelems: its entries, as for the mapping
 * @dir: as for the mapping
 *
 * Context: Any context.
 */
void iommu_dma_sync_sg_for_device(struct device *dev, struct scatterlist *sgl,
				  int nelems, enum dma_data_direction dir)
{
	sync_sg(dev, sgl, nelems, dir, false);
}
