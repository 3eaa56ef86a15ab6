// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two-step mapping API: take IOVA first, link memory to it later.
 *
 * Owns what struct dma_iova_state means: a range of IOVA, and parts of it that
 * memory has been linked to. A range starts at the offset into a granule that its
 * first memory has; what is linked after that starts with a granule, so that no two
 * links share one. If memory has to bounce, it is the first granule of the first
 * link and the last granule of the last that do: DMA_IOVA_USE_SWIOTLB says that
 * there are such.
 *
 * Principle: what a caller asks is checked against the range before anything is
 * done, so that a mistake cannot reach another's IOVA.
 *
 * Locks: none of its own. Any context.
 */

#include <linux/dma-map-ops.h>
#include <linux/export.h>
#include <linux/kmsan.h>

#include "private.h"

static struct iommu_dma_space *space_of(struct device *dev)
{
	return &iommu_get_dma_domain(dev)->iova_cookie->space;
}

/* Is a part of a range one that may be linked or unlinked by itself? */
static bool part_ok(struct device *dev, struct dma_iova_state *state,
		    size_t offset, size_t size)
{
	size_t total = dma_iova_size(state);

	if (!size || offset >= total || size > total - offset)
		return false;
	return !offset ||
	       !iommu_dma_offset(space_of(dev), state->addr + offset);
}

/* Bytes of the granules that @size bytes at @addr touch; they do not overflow */
static size_t granules_of(struct device *dev, dma_addr_t addr, size_t size)
{
	size_t granules = 0;

	iommu_dma_granules(space_of(dev), addr, size, &granules);
	return granules;
}

static dma_addr_t first_granule(struct device *dev, dma_addr_t addr)
{
	return ALIGN_DOWN(addr, space_of(dev)->granule);
}

/*
 * A range is aligned to its size if that can be: there are drivers that set ranges
 * aside, and know where the next one must be when they have taken one. A large one
 * whose memory is known is better aligned as that is, for the page table's sake.
 */
static bool find_range(struct iommu_domain *domain,
		       struct iommu_dma_request *request, phys_addr_t phys,
		       dma_addr_t *iova)
{
	size_t chunk = (size_t)IOMMU_DMA_CHUNK_GRANULES
		       << domain->iova_cookie->space.shift;

	if (!request->align && (!phys || request->size <= chunk) &&
	    request->size <= BIT(BITS_PER_LONG - 1)) {
		request->align = roundup_pow_of_two(request->size);
		request->at_once = true;
		if (!iommu_dma_commit_room(domain, request, phys, iova))
			return true;
		request->align = 0;
		request->at_once = false;
	}
	return !iommu_dma_commit_room(domain, request, phys, iova);
}

/**
 * dma_iova_try_alloc() - Try to take a range of IOVA
 * @dev: the device
 * @state: filled in
 * @phys: physical address whose offset the range is to have: that of the memory to
 *	  be linked first
 * @size: bytes, at least 1
 *
 * Where @phys is 0, or @size not more than a chunk of 512 granules, the range is
 * aligned to its size as long as there is such room.
 *
 * Context: Any context. Takes the locks of the IOVA space.
 * Return: true; false if there is none or the device is not behind an IOMMU: the
 * caller maps with dma_map_phys() instead.
 */
bool dma_iova_try_alloc(struct device *dev, struct dma_iova_state *state,
			phys_addr_t phys, size_t size)
{
	struct iommu_dma_request request;
	struct iommu_domain *domain;
	dma_addr_t start;
	size_t offset;

	*state = (struct dma_iova_state){};
	if (!dev_dma_iommu(dev))
		return false;
	if (WARN_ON_ONCE(!size || (u64)size & DMA_IOVA_USE_SWIOTLB))
		return false;

	domain = iommu_dma_enter(dev);
	if (!domain)
		return false;

	offset = iommu_dma_offset(space_of(dev), phys);
	request = iommu_dma_device_request(dev, dma_get_mask(dev));
	if (!iommu_dma_granules(space_of(dev), phys, size, &request.size))
		return false;
	iommu_dma_keep_bits(dev, space_of(dev), &request, phys);
	if (!find_range(domain, &request, phys - offset, &start))
		return false;

	state->addr = start + offset;
	state->__size = size;
	iommu_dma_count_map(dev, request.size);
	return true;
}
EXPORT_SYMBOL_GPL(dma_iova_try_alloc);

/**
 * dma_iova_free() - Give back a range that nothing is linked to
 * @dev: the device
 * @state: of the range
 *
 * Context: Any context. Takes the locks of the IOVA space.
 */
void dma_iova_free(struct device *dev, struct dma_iova_state *state)
{
	size_t granules = granules_of(dev, state->addr, dma_iova_size(state));

	iommu_dma_count_unmap(dev, granules);
	iommu_dma_retire_release(iommu_get_dma_domain(dev),
				 first_granule(dev, state->addr), granules);
}
EXPORT_SYMBOL_GPL(dma_iova_free);

/* Never use a range again of which a part may still be reachable */
static void quarantine_range(struct device *dev, struct dma_iova_state *state)
{
	iommu_dma_retire_quarantine(iommu_get_dma_domain(dev),
				    first_granule(dev, state->addr),
				    granules_of(dev, state->addr,
						dma_iova_size(state)));
}

static int link_bounced(struct device *dev, struct dma_iova_state *state,
			phys_addr_t phys, size_t offset, size_t size,
			enum dma_data_direction dir, unsigned long attrs)
{
	const struct iommu_dma_transfer transfer = { dev, dir, attrs };
	struct iommu_dma_split split =
		iommu_dma_split(space_of(dev), phys, size);
	int ret;

	/* Unlinking finds slots at the ends of the range only */
	if (split.tail && offset + size != dma_iova_size(state))
		return -EINVAL;

	if (split.middle && iommu_dma_need_cache_sync(dev, attrs))
		iommu_dma_cache_for_device(phys + split.head, split.middle,
					   dir);

	ret = iommu_dma_commit_buffer(iommu_get_dma_domain(dev), &transfer,
				      state->addr + offset, phys, size,
				      iommu_dma_prot(dev, dir, attrs),
				      GFP_ATOMIC);
	if (!ret)
		state->__size |= DMA_IOVA_USE_SWIOTLB;
	return ret;
}

static int link_in_place(struct device *dev, struct dma_iova_state *state,
			 phys_addr_t phys, size_t offset, size_t size,
			 enum dma_data_direction dir, unsigned long attrs)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);
	dma_addr_t iova = first_granule(dev, state->addr + offset);
	int prot = iommu_dma_prot(dev, dir, attrs), ret;

	if (iommu_dma_need_cache_sync(dev, attrs))
		iommu_dma_cache_for_device(phys, size, dir);

	size = granules_of(dev, state->addr + offset, size);
	phys = first_granule(dev, phys);
	ret = iommu_map_nosync(domain, iova, phys, size, prot, GFP_ATOMIC);
	if (!ret)
		iommu_dma_debug_mapped(domain, iova, phys, size, prot);
	return ret;
}

static int link_part(struct device *dev, struct dma_iova_state *state,
		     phys_addr_t phys, size_t offset, size_t size,
		     enum dma_data_direction dir, unsigned long attrs)
{
	int bounce, ret;

	if (attrs & DMA_ATTR_CC_SHARED)
		return -EOPNOTSUPP;
	if ((attrs & DMA_ATTR_REQUIRE_COHERENT) && !iommu_dma_dev_coherent(dev))
		return -EOPNOTSUPP;
	if (!part_ok(dev, state, offset, size) ||
	    iommu_dma_offset(space_of(dev), (state->addr + offset) ^ phys))
		return -EINVAL;

	bounce = iommu_dma_bounce_check(dev, phys, size, dir, attrs);
	if (bounce < 0)
		return bounce;
	if (bounce)
		ret = link_bounced(dev, state, phys, offset, size, dir, attrs);
	else
		ret = link_in_place(dev, state, phys, offset, size, dir, attrs);
	if (ret && ret != -ENOTRECOVERABLE)
		iommu_dma_debug_check(iommu_get_dma_domain(dev),
				      state->addr + offset, size);
	return ret;
}

/**
 * dma_iova_link() - Link memory to a part of a range
 * @dev: the device
 * @state: of the range
 * @phys: physical address of the memory, with the same offset into a granule as the
 *	  IOVA at @offset
 * @offset: bytes from the start of the range: 0, or where a granule begins
 * @size: bytes
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * The device may use it after dma_iova_sync(). Nothing may be linked there yet. On
 * failure nothing is.
 *
 * Context: Any context. Takes the locks of the IOMMU driver and, where the memory
 * bounces, of swiotlb.
 * Return:
 * * %0		- it is done.
 * * %-EINVAL	- the part is not within the range or shares a granule with another,
 *		  @phys has another offset, or the memory would have to be bounced and
 *		  cannot be. A retry does not help.
 * * %-EOPNOTSUPP	- the memory is shared with the host, or has to be coherent
 *			  for a device that is not. A retry does not help.
 * * %-ENOMEM	- no memory, or no room in swiotlb. A retry may help.
 * * %-ENOTRECOVERABLE	- some of it was mapped and could not be undone: the device
 *			  may reach it, and the range is quarantined.
 * * other	- the IOMMU driver refused.
 */
int dma_iova_link(struct device *dev, struct dma_iova_state *state,
		  phys_addr_t phys, size_t offset, size_t size,
		  enum dma_data_direction dir, unsigned long attrs)
{
	int ret = link_part(dev, state, phys, offset, size, dir, attrs);

	if (!ret) {
		/* The DMA API does that for other mappings */
		if (!(attrs & DMA_ATTR_MMIO))
			kmsan_handle_dma(phys, size, dir);
		iommu_dma_debug_buffer(dev, state->addr + offset, phys, size,
				       dir);
		return 0;
	}

	if (ret == -ENOTRECOVERABLE)
		quarantine_range(dev, state);
	iommu_dma_refused(ret, dev, dma_get_mask(dev), size, attrs);
	return ret;
}
EXPORT_SYMBOL_GPL(dma_iova_link);

/**
 * dma_iova_sync() - Make links visible to the device
 * @dev: the device
 * @state: of the range
 * @offset: bytes from the start of the range: 0, or where a granule begins
 * @size: bytes, all of which are linked
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 * Return:
 * * %0		- it is done.
 * * %-EINVAL	- the part is not within the range. A retry does not help.
 * * other	- the IOMMU driver refused. What is linked stays so.
 */
int dma_iova_sync(struct device *dev, struct dma_iova_state *state,
		  size_t offset, size_t size)
{
	dma_addr_t iova = state->addr + offset;
	struct iommu_domain *domain;

	if (!part_ok(dev, state, offset, size))
		return -EINVAL;

	domain = iommu_get_dma_domain(dev);
	iommu_dma_debug_check(domain, iova, size);
	if (!iommu_dma_dev_coherent(dev))
		arch_sync_dma_flush();
	return iommu_sync_map(domain, first_granule(dev, iova),
			      granules_of(dev, iova, size));
}
EXPORT_SYMBOL_GPL(dma_iova_sync);

/*
 * Sync the caches of what is linked in place. Where that is, only the page table
 * knows, so it is done before that is cleared: a device that still writes is one
 * that the driver has not stopped.
 */
static void sync_links(const struct iommu_dma_transfer *transfer,
		       dma_addr_t iova, size_t size)
{
	struct device *dev = transfer->dev;
	size_t granule = space_of(dev)->granule;
	size_t len;

	for (; size; iova += len, size -= len) {
		phys_addr_t phys;

		len = min(size,
			  granule - iommu_dma_offset(space_of(dev), iova));
		/* What should be linked and is not, retire.c reports */
		if (iommu_dma_lookup(iommu_get_dma_domain(dev), iova, &phys) &&
		    !iommu_dma_bounce_is_slot(dev, phys))
			iommu_dma_cache_for_cpu(phys, len, transfer->dir);
	}
	arch_sync_dma_flush();
}

/* Begin to take a part of a range away */
static void unlink_begin(struct iommu_dma_retire *retire,
			 struct iommu_dma_bounced *bounced,
			 const struct iommu_dma_transfer *transfer,
			 const struct dma_iova_state *state, size_t offset,
			 size_t size, bool may_defer)
{
	struct device *dev = transfer->dev;
	dma_addr_t iova = state->addr + offset;

	if (iommu_dma_need_cache_sync(dev, transfer->attrs))
		sync_links(transfer, iova, size);

	if (state->__size & DMA_IOVA_USE_SWIOTLB) {
		iommu_dma_retire_begin_bounced(retire,
					       iommu_get_dma_domain(dev),
					       bounced, transfer);
		iommu_dma_retire_buffer(retire, iova, size);
	} else {
		iommu_dma_retire_begin(retire, iommu_get_dma_domain(dev),
				       may_defer);
		iommu_dma_retire_clear(retire, first_granule(dev, iova),
				       granules_of(dev, iova, size));
	}
}

/**
 * dma_iova_unlink() - Unlink a part of a range
 * @dev: the device
 * @state: of the range
 * @offset: bytes from the start of the range: 0, or where a granule begins
 * @size: bytes, all of which are linked; other links may be cut at granules
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * When it returns, the device cannot reach the memory, in a lazy domain either: the
 * IOVA may be linked to again.
 *
 * Context: Any context. Takes the locks of the IOMMU driver and, where memory
 * bounced, of swiotlb; waits for the invalidation.
 */
void dma_iova_unlink(struct device *dev, struct dma_iova_state *state,
		     size_t offset, size_t size, enum dma_data_direction dir,
		     unsigned long attrs)
{
	const struct iommu_dma_transfer transfer = { dev, dir, attrs };
	struct iommu_dma_bounced bounced __uninitialized;
	struct iommu_dma_retire retire __uninitialized;

	if (WARN_ON_ONCE(!part_ok(dev, state, offset, size)))
		return;

	unlink_begin(&retire, &bounced, &transfer, state, offset, size, false);
	if (!iommu_dma_retire_cut(&retire))
		quarantine_range(dev, state);
}
EXPORT_SYMBOL_GPL(dma_iova_unlink);

/**
 * dma_iova_destroy() - Unlink all that is linked and give the range back
 * @dev: the device
 * @state: of the range
 * @mapped_len: bytes from its start that are linked, all of them and no others; 0 if
 *		nothing is
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * When it returns, the device cannot reach the memory; in a lazy domain soon after,
 * unless it is another device's (DMA_ATTR_MMIO): dma-bufs of VFIO are revoked like that.
 *
 * Context: Any context. Takes the locks of the IOVA space, of the IOMMU driver and,
 * where memory bounced, of swiotlb.
 */
void dma_iova_destroy(struct device *dev, struct dma_iova_state *state,
		      size_t mapped_len, enum dma_data_direction dir,
		      unsigned long attrs)
{
	const struct iommu_dma_transfer transfer = { dev, dir, attrs };
	struct iommu_dma_bounced bounced __uninitialized;
	struct iommu_dma_retire retire __uninitialized;
	size_t granules;

	if (WARN_ON_ONCE(mapped_len > dma_iova_size(state)))
		mapped_len = dma_iova_size(state);
	if (!mapped_len) {
		dma_iova_free(dev, state);
		return;
	}

	granules = granules_of(dev, state->addr, dma_iova_size(state));
	iommu_dma_count_unmap(dev, granules);
	unlink_begin(&retire, &bounced, &transfer, state, 0, mapped_len,
		     iommu_dma_may_defer(&transfer));
	iommu_dma_retire_finish(&retire, first_granule(dev, state->addr),
				granules);
}
EXPORT_SYMBOL_GPL(dma_iova_destroy);
