// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA API for devices behind an IOMMU: the front door.
 *
 * Owns the cookie that every domain of the DMA API carries, the set-up of
 * domains and devices, and the entry points that the DMA core calls, which are
 * compositions of what the files in dma-iommu/ do:
 *
 *   stream.c  memory of the caller: one buffer, or a scatterlist
 *   link.c    the same in two steps: IOVA first, memory later
 *   buffer.c  memory that the layer allocates itself
 *
 * and these stand on
 *
 *   sg.c      how a scatterlist is laid out (the plan)
 *   iova.c    where in IOVA space there is room
 *   commit.c  the one way into a mapping
 *   retire.c  the one way out; flush.c a part of it that waits, in lazy mode
 *   bounce.c  what must not be mapped in place
 *   msi.c     doorbells; resv.c reserved regions
 *   unbind.c  what a driver leaves behind
 *   stats.c   what can be seen from outside; survey.c what an IOVA space consists of
 *   debug.c   an oracle that watches the others, if there is one
 *
 * Principles: plan, then commit: the caller's scatterlist is written to only on
 * success. Nothing that a device can still reach is released. What a device
 * needs is worked out when it changes, not per call.
 *
 * Lock order: the mutex of an IOMMU group (set-up, MSI, a deferred attachment),
 * iommu_dma_msi::lock, the lock of the tree of reservations; or the mutex of a group,
 * then that of all lazy domains, or that of all that can be seen from outside. The
 * locks of the IOMMU driver, of swiotlb and of the IOVA space are taken inside these,
 * one after the other; that of the space inside iommu_dma_queue::lock, too. Mapping and
 * unmapping take no other and work in any context, but for the first mapping of a kdump
 * kernel, which has to attach the device and may sleep.
 */

#include <kunit/visibility.h>
#include <linux/crash_dump.h>
#include <linux/dma-direct.h>
#include <linux/dma-iommu.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu-dma.h>
#include <linux/jump_label.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "dma-iommu.h"
#include "dma-iommu/private.h"

/* Do not prefer 32-bit IOVAs for PCI devices. Set at boot. */
bool iommu_dma_forcedac __read_mostly;
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_forcedac);

static int __init iommu_dma_forcedac_setup(char *arg)
{
	int ret = kstrtobool(arg, &iommu_dma_forcedac);

	if (!ret && iommu_dma_forcedac)
		pr_info("iommu: no preference for 32-bit DMA addresses of PCI devices\n");
	return ret;
}
early_param("iommu.forcedac", iommu_dma_forcedac_setup);

/* A kdump kernel leaves devices attached as they were until they first map */
DEFINE_STATIC_KEY_FALSE(iommu_dma_deferred_attach);
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_deferred_attach);

/* Cookies */

/**
 * iommu_dma_new_cookie() - Make what a domain is to own
 * @domain: the domain
 * @size: bytes
 *
 * Context: Process context, may sleep.
 * Return:
 * * memory	- zeroed. Or as ERR_PTR():
 * * %-EEXIST	- the domain has a cookie already. A retry does not help.
 * * %-ENOMEM	- out of memory.
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
 * Return:
 * * %0		- it is done.
 * * %-EEXIST	- the domain has a cookie already. A retry does not help.
 * * %-ENOMEM	- out of memory.
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
	iommu_dma_debug_init(domain);
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

	iommu_dma_stats_remove(domain);
	iommu_dma_flush_destroy(&cookie->lazy);
	iommu_dma_debug_destroy(domain);
	iommu_dma_space_destroy(&cookie->space);
	iommu_dma_msi_destroy(&cookie->msi);
	kfree(cookie);
	domain->iova_cookie = NULL;
	domain->cookie_type = IOMMU_COOKIE_NONE;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_put_dma_cookie);

/* Set-up */

/* Whoever settles a device and whoever sets it up may do so at the same time */
static void change_flags(struct device *dev, u32 clear, u32 set)
{
	u32 *flags = &dev->iommu->dma_flags;
	u32 old = READ_ONCE(*flags);

	while (!try_cmpxchg(flags, &old, (old & ~clear) | set))
		;
}

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
	u32 flags = 0;

	if (!dev_dma_iommu(dev))
		return;

	if (dev_is_pci(dev) && to_pci_dev(dev)->untrusted)
		flags |= IOMMU_DMA_DEV_UNTRUSTED;
	if (dev_is_dma_coherent(dev))
		flags |= IOMMU_DMA_DEV_COHERENT;
	change_flags(dev, IOMMU_DMA_DEV_COHERENT, flags);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_settle_device);

static int set_up_space(struct iommu_domain *domain, struct device *dev)
{
	const struct iommu_domain_geometry *geometry = &domain->geometry;
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	size_t granule = BIT(__ffs(domain->pgsize_bitmap));
	int ret;

	if (!space->granule) {
		ret = iommu_dma_space_init(space, granule,
					   geometry->aperture_start,
					   geometry->aperture_end);
		if (ret)
			return ret;
		space->low.group = iommu_group_id(dev->iommu_group);
		space->high.group = space->low.group;
		iommu_dma_stats_add(domain);
		return 0;
	}

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
	/* It is attached, whether or not it can be set up */
	if (iommu_dma_dev_untrusted(dev))
		iommu_dma_flush_forbid(domain);
	if (map && (dma_range_map_min(map) > geometry->aperture_end ||
		    dma_range_map_max(map) < geometry->aperture_start))
		return -EFAULT;

	ret = set_up_space(domain, dev);
	if (ret)
		return ret;
	iommu_dma_debug_joined(domain, dev);

	/* Strict mode is always there, and always safe */
	iommu_dma_flush_setup(domain, dev);
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
	int ret;

	if (dev_is_pci(dev))
		dev->iommu->pci_32bit_workaround = !iommu_dma_forcedac;

	if (!iommu_is_dma_domain(domain)) {
		dev_clear_dma_iommu(dev);
		iommu_dma_stats_left(dev);
		return;
	}

	dev_set_dma_iommu(dev);
	iommu_dma_settle_device(dev);
	iommu_dma_stats_joined(domain, dev);

	ret = set_up_device(domain, dev);
	if (ret)
		dev_warn(dev,
			 "no DMA, it cannot be set up for the IOMMU: %pe\n",
			 ERR_PTR(ret));
	change_flags(dev, IOMMU_DMA_DEV_REFUSED,
		     ret ? IOMMU_DMA_DEV_REFUSED : 0);
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
 * Return: Bytes. There is no limit but the room that other mappings leave: where a
 * buffer has to be bounced, that are two granules of it at most.
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
