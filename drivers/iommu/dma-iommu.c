// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA API for devices behind an IOMMU: the front door.
 *
 * Owns the cookie that every domain of the DMA API carries, the set-up of
 * domains and devices, and the entry points that the DMA core calls, which are
 * compositions of what the files in dma-iommu/ do:
 *
 *   sg.c      how a scatterlist is laid out (the plan)
 *   iova.c    where in IOVA space there is room
 *   commit.c  the one way into a mapping
 *   retire.c  the one way out
 *   buffer.c  memory that the layer allocates itself
 *   msi.c     doorbells; resv.c reserved regions
 *   bounce.c  what must not be mapped in place; flush.c lazy mode; link.c the
 *	       two-step API
 *
 * Principles: plan, then commit: the caller's scatterlist is written to only on
 * success. Nothing that a device can still reach is released. What a device
 * needs is worked out when it changes, not per call.
 *
 * Lock order: the mutex of an IOMMU group (set-up, MSI, a deferred attachment),
 * iommu_dma_msi::lock, the lock of the tree of reservations. The locks of the
 * IOMMU driver and of the IOVA space are taken inside these, one after the other;
 * mapping and unmapping take no other and work in any context, but for the first
 * mapping of a kdump kernel, which has to attach the device and may sleep.
 */

#include <kunit/visibility.h>
#include <linux/crash_dump.h>
#include <linux/dma-direct.h>
#include <linux/dma-iommu.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu-dma.h>
#include <linux/jump_label.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "dma-iommu.h"
#include "dma-iommu/private.h"

/* A kdump kernel leaves devices attached as they were until they first map */
static DEFINE_STATIC_KEY_FALSE(iommu_dma_deferred_attach);

/* Do not prefer 32-bit IOVAs for PCI devices. Set at boot. */
bool iommu_dma_forcedac __read_mostly;

static int __init iommu_dma_forcedac_setup(char *arg)
{
	int ret = kstrtobool(arg, &iommu_dma_forcedac);

	if (!ret && iommu_dma_forcedac)
		pr_info("iommu: no preference for 32-bit DMA addresses of PCI devices\n");
	return ret;
}
early_param("iommu.forcedac", iommu_dma_forcedac_setup);

/* Cookies */

/**
 * iommu_dma_new_cookie() - Make what a domain is to own
 * @domain: the domain
 * @size: bytes
 *
 * Context: Process context, may sleep.
 * Return: zeroed memory, or as ERR_PTR()
 * * -EEXIST	- the domain has a cookie already. A retry does not help.
 * * -ENOMEM	- out of memory.
 */
void *iommu_dma_new_cookie(const struct iommu_domain *domain, size_t size)
{
	if (domain->cookie_type != IOMMU_COOKIE_NONE)
		return ERR_PTR(-EEXIST);
	return kzalloc(size, GFP_KERNEL) ?: ERR_PTR(-ENOMEM);
}

/**
 * iommu_get_dma_cookie() - Make a domain usable for the DMA API
 * @domain: the domain
 *
 * Context: Process context, may sleep.
 * Return: 0, or
 * * -EEXIST	- the domain has a cookie already. A retry does not help.
 * * -ENOMEM	- out of memory.
 */
int iommu_get_dma_cookie(struct iommu_domain *domain)
{
	struct iommu_dma_cookie *cookie;

	cookie = iommu_dma_new_cookie(domain, sizeof(*cookie));
	if (IS_ERR(cookie))
		return PTR_ERR(cookie);

	iommu_dma_msi_init(&cookie->msi);
	domain->iova_cookie = cookie;
	domain->cookie_type = IOMMU_COOKIE_DMA_IOVA;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_get_dma_cookie);

/**
 * iommu_put_dma_cookie() - Undo iommu_get_dma_cookie()
 * @domain: a domain that is being freed, and that no device is attached to
 *
 * Context: Process context, may sleep.
 */
void iommu_put_dma_cookie(struct iommu_domain *domain)
{
	struct iommu_dma_cookie *cookie = domain->iova_cookie;

	iommu_dma_space_destroy(&cookie->space);
	iommu_dma_msi_destroy(&cookie->msi);
	kfree(cookie);
	domain->iova_cookie = NULL;
	domain->cookie_type = IOMMU_COOKIE_NONE;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_put_dma_cookie);

/* Set-up */

/**
 * iommu_dma_settle_device() - Work out what mappings of a device need
 * @dev: the device
 *
 * To be called by whoever changes what this depends on: by the architecture when
 * it learns if the device is coherent. A device that was untrusted once stays
 * so, whatever becomes of the flag that said it.
 *
 * Does nothing before iommu_setup_dma_ops() has made @dev one of this layer's:
 * until then nothing keeps @dev->iommu. It is called by iommu_setup_dma_ops()
 * after that has set the flag that dev_dma_iommu() reads, and by the architecture
 * after it has set the one that dev_is_dma_coherent() reads. Both are bits of one
 * word, so that at least one of two callers at the same time sees what the other
 * has done.
 *
 * Context: Process context. No mappings of @dev may be made or taken away
 * meanwhile. @dev is not being removed.
 */
void iommu_dma_settle_device(struct device *dev)
{
	const u32 keep = IOMMU_DMA_DEV_UNTRUSTED | IOMMU_DMA_DEV_REFUSED;
	u32 flags;

	if (!dev_dma_iommu(dev))
		return;

	flags = READ_ONCE(dev->iommu->dma_flags) & keep;
	if (dev_is_pci(dev) && to_pci_dev(dev)->untrusted)
		flags |= IOMMU_DMA_DEV_UNTRUSTED;
	if (dev_is_dma_coherent(dev))
		flags |= IOMMU_DMA_DEV_COHERENT;
	WRITE_ONCE(dev->iommu->dma_flags, flags);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_settle_device);

static int set_up_space(struct iommu_domain *domain)
{
	const struct iommu_domain_geometry *geometry = &domain->geometry;
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	size_t granule = BIT(__ffs(domain->pgsize_bitmap));

	if (!space->granule)
		return iommu_dma_space_init(space, granule,
					    geometry->aperture_start,
					    geometry->aperture_end);

	/* Another device of the group has seen to it, and may have mappings */
	if (!iommu_dma_space_is(space, granule, geometry->aperture_start,
				geometry->aperture_end))
		return -EFAULT;
	return 0;
}

static int set_up_device(struct iommu_domain *domain, struct device *dev)
{
	const struct iommu_domain_geometry *geometry = &domain->geometry;
	const struct bus_dma_region *map = dev->dma_range_map;
	int ret;

	if (domain->cookie_type != IOMMU_COOKIE_DMA_IOVA)
		return -EINVAL;
	if (map && (dma_range_map_min(map) > geometry->aperture_end ||
		    dma_range_map_max(map) < geometry->aperture_start))
		return -EFAULT;

	ret = set_up_space(domain);
	if (ret)
		return ret;

	/* Strict mode is always there, and always safe */
	if (domain->type == IOMMU_DOMAIN_DMA_FQ && iommu_dma_init_fq(domain))
		domain->type = IOMMU_DOMAIN_DMA;

	return iommu_dma_resv_reserve(domain, dev);
}

/**
 * iommu_setup_dma_ops() - Send a device's DMA API calls through its domain
 * @dev: the device
 * @domain: its group's default domain
 *
 * If that fails, a message says so, and every mapping of the device fails: going
 * past this layer, it would use physical addresses which the IOMMU takes for
 * IOVAs, perhaps those of another device of the group. A domain of another type
 * than DMA switches this layer off.
 *
 * Context: Process context, under the mutex of @dev's group. May sleep.
 */
void iommu_setup_dma_ops(struct device *dev, struct iommu_domain *domain)
{
	u32 flags;
	int ret;

	if (dev_is_pci(dev))
		dev->iommu->pci_32bit_workaround = !iommu_dma_forcedac;

	if (!iommu_is_dma_domain(domain)) {
		dev_clear_dma_iommu(dev);
		return;
	}

	dev_set_dma_iommu(dev);
	iommu_dma_settle_device(dev);

	ret = set_up_device(domain, dev);
	flags = READ_ONCE(dev->iommu->dma_flags) & ~IOMMU_DMA_DEV_REFUSED;
	if (ret) {
		dev_warn(dev, "no DMA, it cannot be set up for the IOMMU: %pe\n",
			 ERR_PTR(ret));
		flags |= IOMMU_DMA_DEV_REFUSED;
	}
	WRITE_ONCE(dev->iommu->dma_flags, flags);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_setup_dma_ops);

/* What the rooms ask about a device */

/**
 * iommu_dma_enter() - Begin an operation that may map
 * @dev: the device
 *
 * Context: Any context; process context while an attachment is deferred.
 * Return: The domain to map in, or NULL if the device was refused at set-up or
 * cannot be attached.
 */
struct iommu_domain *iommu_dma_enter(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);

	if (iommu_dma_dev_refused(dev))
		return NULL;
	if (static_branch_unlikely(&iommu_dma_deferred_attach) &&
	    iommu_deferred_attach(dev, domain))
		return NULL;
	return domain;
}

/**
 * iommu_dma_prot() - Translate what the DMA API asks to what the IOMMU API asks
 * @dev: the device
 * @dir: direction of the transfers
 * @attrs: DMA attributes
 *
 * Context: Any context.
 * Return: The IOMMU_* protection bits.
 */
int iommu_dma_prot(struct device *dev, enum dma_data_direction dir,
		   unsigned long attrs)
{
	int prot = 0;

	if (attrs & DMA_ATTR_MMIO)
		prot |= IOMMU_MMIO;
	else if (iommu_dma_dev_coherent(dev))
		prot |= IOMMU_CACHE;

	if (attrs & DMA_ATTR_PRIVILEGED)
		prot |= IOMMU_PRIV;
	if (dir == DMA_TO_DEVICE || dir == DMA_BIDIRECTIONAL)
		prot |= IOMMU_READ;
	if (dir == DMA_FROM_DEVICE || dir == DMA_BIDIRECTIONAL)
		prot |= IOMMU_WRITE;
	return prot;
}

/**
 * iommu_dma_device_request() - The limits that a device sets to its IOVAs
 * @dev: the device
 * @dma_mask: its streaming or its coherent mask
 *
 * Context: Any context.
 * Return: A request without size and alignment.
 */
struct iommu_dma_request iommu_dma_device_request(struct device *dev,
						  u64 dma_mask)
{
	dma_addr_t limit = min_t(u64, min_not_zero(dma_mask, dev->bus_dma_limit),
				 ~(dma_addr_t)0);

	return (struct iommu_dma_request){
		.limit = limit,
		.prefer_32bit = dev->iommu->pci_32bit_workaround ||
				limit <= U32_MAX,
	};
}

/* Streaming mappings */

/* The CPU caches are not looked at by @dev, and the caller left them to us */
static bool need_cache_sync(struct device *dev, unsigned long attrs)
{
	return !iommu_dma_dev_coherent(dev) &&
	       !(attrs & (DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_MMIO));
}

/* Address bits that the device wants kept, beyond those of a granule */
static size_t wide_align_mask(struct device *dev,
			      const struct iommu_dma_space *space)
{
	return dma_get_min_align_mask(dev) & ~(space->granule - 1);
}

/**
 * iommu_dma_map_phys() - Map a physically contiguous buffer
 * @dev: the device
 * @phys: physical address
 * @size: bytes
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * A buffer that would have to be bounced is refused.
 *
 * Context: Any context. Takes the locks of the IOVA space and of the IOMMU
 * driver.
 * Return: The DMA address, with @phys's offset into a granule, or
 * DMA_MAPPING_ERROR. A retry may help when other mappings are gone, unless the
 * request can never succeed.
 */
dma_addr_t iommu_dma_map_phys(struct device *dev, phys_addr_t phys, size_t size,
			      enum dma_data_direction dir, unsigned long attrs)
{
	struct iommu_dma_request request =
		iommu_dma_device_request(dev, dma_get_mask(dev));
	struct iommu_domain *domain = iommu_dma_enter(dev);
	int prot = iommu_dma_prot(dev, dir, attrs);
	struct iommu_dma_space *space;
	size_t granules, kept;
	dma_addr_t iova;

	if (!domain)
		return DMA_MAPPING_ERROR;

	/* Before the caches of what may not be memory are written back */
	space = &domain->iova_cookie->space;
	if (!iommu_dma_granules(space, phys, size, &granules) ||
	    iommu_dma_bounce_needed(dev, phys, size, dir, attrs))
		return DMA_MAPPING_ERROR;

	kept = wide_align_mask(dev, space);
	if (kept) {
		request.align = (size_t)dma_get_min_align_mask(dev) + 1;
		request.offset = phys & kept;
	}

	if (need_cache_sync(dev, attrs)) {
		arch_sync_dma_for_device(phys, size, dir);
		arch_sync_dma_flush();
	}

	if (iommu_dma_commit_range(domain, request, phys, size, prot,
				   GFP_ATOMIC, &iova))
		return DMA_MAPPING_ERROR;
	return iova;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_map_phys);

/**
 * iommu_dma_unmap_phys() - Take a mapping of iommu_dma_map_phys() away
 * @dev: the device
 * @dma_handle: the DMA address
 * @size: as for the mapping
 * @dir: as for the mapping
 * @attrs: as for the mapping
 *
 * When it returns, the device cannot reach the buffer. The page table is looked
 * up only for a device whose caches have to be kept in step.
 *
 * Context: Any context. Takes the locks of the IOVA space and of the IOMMU
 * driver; waits for the invalidation.
 */
void iommu_dma_unmap_phys(struct device *dev, dma_addr_t dma_handle,
			  size_t size, enum dma_data_direction dir,
			  unsigned long attrs)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	size_t offset = iommu_dma_offset(space, dma_handle);
	bool sync = need_cache_sync(dev, attrs);
	phys_addr_t phys = 0;
	size_t granules;

	if (WARN_ON_ONCE(!iommu_dma_granules(space, dma_handle, size,
					     &granules)))
		return;
	if (sync)
		phys = iommu_iova_to_phys(domain, dma_handle);

	/* On a mismatch nobody knows if @phys is the buffer */
	if (!iommu_dma_retire_range(domain, dma_handle - offset, granules))
		return;

	if (sync) {
		arch_sync_dma_for_cpu(phys, size, dir);
		arch_sync_dma_flush();
	}
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_unmap_phys);

typedef void (*cache_sync_fn)(phys_addr_t phys, size_t size,
			      enum dma_data_direction dir);

static void sync_list(struct scatterlist *sgl, int nents,
		      enum dma_data_direction dir, cache_sync_fn sync)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i)
		sync(sg_phys(sg), sg->length, dir);
	arch_sync_dma_flush();
}

/* What keeps a list from being mapped in place: 0, or an errno of the DMA API */
static int check_list(struct device *dev, struct scatterlist *sgl, int nents,
		      enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	if (!IS_ENABLED(CONFIG_PCI_P2PDMA) && iommu_dma_dev_plain(dev))
		return 0;

	for_each_sg(sgl, sg, nents, i) {
		if (IS_ENABLED(CONFIG_PCI_P2PDMA) &&
		    is_pci_p2pdma_page(sg_page(sg)))
			return -EREMOTEIO;
		if (iommu_dma_bounce_needed(dev, sg_phys(sg), sg->length, dir,
					    attrs))
			return -EINVAL;
	}
	return 0;
}

/*
 * The DMA API knows four errnos and gives each a meaning. -EREMOTEIO speaks of
 * peer-to-peer memory, of which an IOMMU driver knows nothing.
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

/**
 * iommu_dma_map_sg() - Map a scatterlist to one range of IOVA
 * @dev: the device
 * @sgl: the list
 * @nents: its entries
 * @dir: direction of the transfer
 * @attrs: DMA attributes
 *
 * Segments respect the device's segment boundary and maximum segment size; what
 * is contiguous for the device is merged. On failure the list is byte for byte
 * what it was. Takes a few steps per entry.
 *
 * Context: Any context. Takes the locks of the IOVA space and of the IOMMU
 * driver.
 * Return: The number of DMA segments, at least 1, or
 * * -EINVAL	- the list is empty, too large, or has a buffer that would have
 *		  to be bounced or aligned to more than a granule. A retry does
 *		  not help.
 * * -ENOMEM	- no room or no memory. A retry may help.
 * * -EIO	- the IOMMU driver refused.
 * * -EREMOTEIO	- peer-to-peer memory, which is not supported. A retry does not
 *		  help.
 */
int iommu_dma_map_sg(struct device *dev, struct scatterlist *sgl, int nents,
		     enum dma_data_direction dir, unsigned long attrs)
{
	struct iommu_dma_request request =
		iommu_dma_device_request(dev, dma_get_mask(dev));
	struct iommu_domain *domain = iommu_dma_enter(dev);
	int prot = iommu_dma_prot(dev, dir, attrs);
	struct iommu_dma_shape shape = {
		.boundary = dma_get_seg_boundary(dev),
		.max_seg = dma_get_max_seg_size(dev),
	};
	struct iommu_dma_plan plan;
	dma_addr_t iova;
	int ret;

	if (!domain)
		return -EIO;
	if (wide_align_mask(dev, &domain->iova_cookie->space)) {
		dev_warn_once(dev, "DMA alignment beyond the IOMMU granule refused for lists\n");
		return -EINVAL;
	}

	ret = check_list(dev, sgl, nents, dir, attrs);
	if (ret)
		return ret;

	shape.granule = domain->iova_cookie->space.granule;
	ret = iommu_dma_plan_make(&plan, &shape, sgl, nents);
	if (ret)
		return to_dma_errno(ret);

	if (need_cache_sync(dev, attrs))
		sync_list(sgl, nents, dir, arch_sync_dma_for_device);

	ret = iommu_dma_commit_plan(domain, request, &plan, prot, GFP_ATOMIC,
				    &iova);
	if (ret)
		return to_dma_errno(ret);

	return iommu_dma_plan_write(&plan, iova);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_map_sg);

/**
 * iommu_dma_unmap_sg() - Take a mapping of iommu_dma_map_sg() away
 * @dev: the device
 * @sgl: the list
 * @nents: its entries, as for the mapping
 * @dir: as for the mapping
 * @attrs: as for the mapping
 *
 * When it returns, the device cannot reach the buffers. The IOMMU driver is asked
 * to invalidate once for the whole list; it may do so in parts.
 *
 * Context: Any context. Takes the locks of the IOVA space and of the IOMMU
 * driver.
 */
void iommu_dma_unmap_sg(struct device *dev, struct scatterlist *sgl, int nents,
			enum dma_data_direction dir, unsigned long attrs)
{
	struct iommu_domain *domain = iommu_get_dma_domain(dev);
	size_t granule = domain->iova_cookie->space.granule;
	struct iommu_dma_extent extent;
	struct iommu_dma_retire retire;
	struct scatterlist *sg = sgl;
	dma_addr_t start, end = 0;
	int left = nents;

	/* Not mapped */
	if (WARN_ON_ONCE(nents <= 0 || !sg_dma_len(sgl)))
		return;

	start = ALIGN_DOWN(sg_dma_address(sgl), granule);
	iommu_dma_retire_begin(&retire, domain);
	while (iommu_dma_sg_next_extent(&sg, &left, granule, &extent)) {
		iommu_dma_retire_clear(&retire, extent.iova, extent.size);
		end = extent.iova + extent.size;
	}
	iommu_dma_retire_finish(&retire, start, end - start);

	if (need_cache_sync(dev, attrs))
		sync_list(sgl, nents, dir, arch_sync_dma_for_cpu);
}

/*
 * The memory behind a DMA address. The IOMMU API has no better answer than 0 for
 * "not mapped", which is an address only where there is memory at 0.
 */
static bool mapped_phys(struct device *dev, dma_addr_t dma_handle,
			phys_addr_t *phys)
{
	*phys = iommu_iova_to_phys(iommu_get_dma_domain(dev), dma_handle);
	return !WARN_ON_ONCE(!*phys && !pfn_valid(0));
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
	phys_addr_t phys;

	if (iommu_dma_dev_coherent(dev) || !mapped_phys(dev, dma_handle, &phys))
		return;

	arch_sync_dma_for_cpu(phys, size, dir);
	arch_sync_dma_flush();
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
	phys_addr_t phys;

	if (iommu_dma_dev_coherent(dev) || !mapped_phys(dev, dma_handle, &phys))
		return;

	arch_sync_dma_for_device(phys, size, dir);
	arch_sync_dma_flush();
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
	if (!iommu_dma_dev_coherent(dev))
		sync_list(sgl, nelems, dir, arch_sync_dma_for_cpu);
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
	if (!iommu_dma_dev_coherent(dev))
		sync_list(sgl, nelems, dir, arch_sync_dma_for_device);
}

/* Limits that drivers ask for */

/**
 * iommu_dma_get_merge_boundary() - What keeps list entries from being merged
 * @dev: the device
 *
 * Context: Any context.
 * Return: Mask: entries that start and end on a multiple of mask + 1 are merged.
 * 0 if nothing can be mapped.
 */
unsigned long iommu_dma_get_merge_boundary(struct device *dev)
{
	if (iommu_dma_dev_refused(dev))
		return 0;
	return iommu_get_dma_domain(dev)->iova_cookie->space.granule - 1;
}

/**
 * iommu_dma_opt_mapping_size() - Up to which size mapping is cheap
 *
 * Context: Any context.
 * Return: Bytes. Larger mappings work, and cost more.
 */
size_t iommu_dma_opt_mapping_size(void)
{
	/* A chunk; which granule, and so how large, depends on the domain */
	return IOMMU_DMA_CHUNK_GRANULES * SZ_4K;
}

/**
 * iommu_dma_max_mapping_size() - Up to which size a mapping can succeed
 * @dev: the device
 *
 * Context: Any context.
 * Return: Bytes. There is no limit but the room that other mappings leave.
 */
size_t iommu_dma_max_mapping_size(struct device *dev)
{
	return SIZE_MAX;
}

const struct dma_map_ops iommu_dma_ops = {
	.alloc = iommu_dma_alloc,
	.free = iommu_dma_free,
	.alloc_pages_op = dma_common_alloc_pages,
	.free_pages = dma_common_free_pages,
	.mmap = iommu_dma_mmap,
	.get_sgtable = iommu_dma_get_sgtable,
	.map_phys = iommu_dma_map_phys,
	.unmap_phys = iommu_dma_unmap_phys,
	.map_sg = iommu_dma_map_sg,
	.unmap_sg = iommu_dma_unmap_sg,
	.sync_single_for_cpu = iommu_dma_sync_single_for_cpu,
	.sync_single_for_device = iommu_dma_sync_single_for_device,
	.sync_sg_for_cpu = iommu_dma_sync_sg_for_cpu,
	.sync_sg_for_device = iommu_dma_sync_sg_for_device,
	.get_merge_boundary = iommu_dma_get_merge_boundary,
	.opt_mapping_size = iommu_dma_opt_mapping_size,
	.max_mapping_size = iommu_dma_max_mapping_size,
};
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_ops);

static int __init iommu_dma_init(void)
{
	if (is_kdump_kernel())
		static_branch_enable(&iommu_dma_deferred_attach);
	return 0;
}
arch_initcall(iommu_dma_init);
