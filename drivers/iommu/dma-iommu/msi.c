// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI doorbells.
 *
 * An MSI is a write of the device, so that behind an IOMMU which translates it,
 * the page it goes to has to be mapped. Owns those mappings: one per doorbell
 * page and domain, made when the first MSI asks for it, kept as long as the
 * domain. Where the hardware lets MSIs past the IOMMU, the region counts as
 * mapped to itself.
 *
 * Two kinds of domain have doorbells: those of the DMA API, with IOVA from their
 * space, and those managed by VFIO, with IOVA from a window that it gave.
 *
 * Locks: the mutex of an IOMMU group, then iommu_dma_msi::lock, then those of
 * commit.c. May sleep.
 */

#include <kunit/visibility.h>
#include <linux/cleanup.h>
#include <linux/log2.h>
#include <linux/msi.h>
#include <linux/slab.h>

#include "../dma-iommu.h"
#include "private.h"

/**
 * struct iommu_dma_doorbell - Physical addresses that a device can write MSIs to
 * @list: in iommu_dma_msi::doorbells
 * @phys: start
 * @size: bytes
 * @iova: where the device sees @phys
 */
struct iommu_dma_doorbell {
	struct list_head list;
	phys_addr_t phys;
	size_t size;
	dma_addr_t iova;
};

/**
 * struct iommu_dma_msi_cookie - What a domain managed by VFIO has for its MSIs
 * @msi: doorbells
 * @next: next free IOVA of the window, protected by the lock of @msi
 */
struct iommu_dma_msi_cookie {
	struct iommu_dma_msi msi;
	dma_addr_t next;
};

/**
 * iommu_dma_msi_init() - Start without doorbells
 * @msi: to initialise
 *
 * Context: Any context.
 */
void iommu_dma_msi_init(struct iommu_dma_msi *msi)
{
	mutex_init(&msi->lock);
	INIT_LIST_HEAD(&msi->doorbells);
}

/**
 * iommu_dma_msi_destroy() - Forget all doorbells
 * @msi: of a domain that is being freed
 *
 * The mappings go away with the domain's page table.
 *
 * Context: Process context. No other call on @msi may be running.
 */
void iommu_dma_msi_destroy(struct iommu_dma_msi *msi)
{
	struct iommu_dma_doorbell *doorbell, *next;

	list_for_each_entry_safe(doorbell, next, &msi->doorbells, list)
		kfree(doorbell);
	mutex_destroy(&msi->lock);
}

static struct iommu_dma_doorbell *find_doorbell(struct iommu_dma_msi *msi,
						phys_addr_t addr)
{
	struct iommu_dma_doorbell *doorbell;

	lockdep_assert_held(&msi->lock);
	list_for_each_entry(doorbell, &msi->doorbells, list)
		if (addr >= doorbell->phys &&
		    addr - doorbell->phys < doorbell->size)
			return doorbell;
	return NULL;
}

/**
 * iommu_dma_msi_add_hw_region() - Let MSIs to a region go untranslated
 * @msi: doorbells of the domain
 * @start: physical address of the region
 * @size: bytes
 *
 * A region that is there already, as with the second device of a group, is
 * not added again.
 *
 * Context: Process context, may sleep. Takes @msi's lock.
 * Return: 0, or -ENOMEM.
 */
int iommu_dma_msi_add_hw_region(struct iommu_dma_msi *msi, phys_addr_t start,
				size_t size)
{
	struct iommu_dma_doorbell *doorbell;

	guard(mutex)(&msi->lock);
	doorbell = find_doorbell(msi, start);
	if (doorbell && doorbell->iova == doorbell->phys &&
	    size <= doorbell->size - (start - doorbell->phys))
		return 0;

	doorbell = kzalloc_obj(*doorbell);
	if (!doorbell)
		return -ENOMEM;

	doorbell->phys = start;
	doorbell->size = size;
	doorbell->iova = start;
	list_add(&doorbell->list, &msi->doorbells);
	return 0;
}

/**
 * iommu_dma_msi_has() - Is a range of IOVA a doorbell's?
 * @msi: the doorbells of a domain
 * @iova: start of the range
 *
 * Context: Process context, may sleep. Takes @msi's lock.
 * Return: true if it is.
 */
bool iommu_dma_msi_has(struct iommu_dma_msi *msi, dma_addr_t iova)
{
	struct iommu_dma_doorbell *doorbell;

	guard(mutex)(&msi->lock);
	list_for_each_entry(doorbell, &msi->doorbells, list)
		if (doorbell->iova == iova)
			return true;
	return false;
}

/**
 * iommu_get_msi_cookie() - Give a domain that VFIO manages doorbells
 * @domain: the domain, of type IOMMU_DOMAIN_UNMANAGED
 * @base: start of the IOVA window for doorbells. 0 is an address like any other
 *
 * The window needs a page for every doorbell of the devices that are attached.
 *
 * Context: Process context, may sleep.
 * Return:
 * * %0		- it is done.
 * * %-EINVAL	- the domain is of another type. A retry does not help.
 * * %-EEXIST	- the domain has a cookie already. A retry does not help.
 * * %-ENOMEM	- out of memory.
 */
int iommu_get_msi_cookie(struct iommu_domain *domain, dma_addr_t base)
{
	struct iommu_dma_msi_cookie *cookie;

	if (domain->type != IOMMU_DOMAIN_UNMANAGED)
		return -EINVAL;
	cookie = iommu_dma_new_cookie(domain, sizeof(*cookie));
	if (IS_ERR(cookie))
		return PTR_ERR(cookie);

	iommu_dma_msi_init(&cookie->msi);
	cookie->next = base;
	domain->msi_cookie = cookie;
	domain->cookie_type = IOMMU_COOKIE_DMA_MSI;
	return 0;
}
EXPORT_SYMBOL(iommu_get_msi_cookie);

/**
 * iommu_put_msi_cookie() - Undo iommu_get_msi_cookie()
 * @domain: a domain that is being freed
 *
 * Context: Process context.
 */
void iommu_put_msi_cookie(struct iommu_domain *domain)
{
	iommu_dma_msi_destroy(&domain->msi_cookie->msi);
	kfree(domain->msi_cookie);
	domain->msi_cookie = NULL;
	domain->cookie_type = IOMMU_COOKIE_NONE;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_put_msi_cookie);

static struct iommu_dma_msi *domain_msi(struct iommu_domain *domain)
{
	switch (domain->cookie_type) {
	case IOMMU_COOKIE_DMA_IOVA:
		return &domain->iova_cookie->msi;
	case IOMMU_COOKIE_DMA_MSI:
		return &domain->msi_cookie->msi;
	default:
		return NULL;
	}
}

static size_t doorbell_size(struct iommu_domain *domain)
{
	if (domain->cookie_type == IOMMU_COOKIE_DMA_IOVA)
		return domain->iova_cookie->space.granule;

	/* What VFIO tells its users to count with */
	return PAGE_SIZE;
}

static int map_doorbell(struct iommu_domain *domain, struct device *dev,
			struct iommu_dma_doorbell *doorbell)
{
	const int prot = IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO;
	int ret;

	if (domain->cookie_type == IOMMU_COOKIE_DMA_IOVA) {
		struct iommu_dma_request request =
			iommu_dma_device_request(dev, dma_get_mask(dev));

		ret = iommu_dma_commit_range(domain, &request, doorbell->phys,
					     doorbell->size, prot, GFP_KERNEL,
					     &doorbell->iova);
		if (ret)
			return ret;
		iommu_dma_debug_buffer(dev, doorbell->iova, doorbell->phys,
				       doorbell->size, DMA_FROM_DEVICE);
		return 0;
	}

	doorbell->iova = domain->msi_cookie->next;
	ret = iommu_map(domain, doorbell->iova, doorbell->phys, doorbell->size,
			prot, GFP_KERNEL);
	/* Nor is there room where one could not be undone */
	if (!ret || ret == -ENOTRECOVERABLE)
		domain->msi_cookie->next += doorbell->size;
	return ret;
}

static int get_doorbell(struct iommu_domain *domain, struct device *dev,
			phys_addr_t addr, struct iommu_dma_doorbell **found)
{
	struct iommu_dma_msi *msi = domain_msi(domain);
	struct iommu_dma_doorbell *doorbell;
	int ret;

	*found = find_doorbell(msi, addr);
	if (*found)
		return 0;

	doorbell = kzalloc_obj(*doorbell);
	if (!doorbell)
		return -ENOMEM;

	doorbell->size = doorbell_size(domain);
	doorbell->phys = ALIGN_DOWN(addr, doorbell->size);
	ret = map_doorbell(domain, dev, doorbell);
	if (ret) {
		kfree(doorbell);
		return ret;
	}

	list_add(&doorbell->list, &msi->doorbells);
	*found = doorbell;
	return 0;
}

/**
 * iommu_dma_sw_msi() - Tell an MSI where its doorbell is mapped, mapping it
 * @domain: the domain that the device is attached to
 * @desc: descriptor of the MSI
 * @msi_addr: physical address of the doorbell
 *
 * A domain without a cookie of this layer needs no translation of its doorbells.
 *
 * Context: Process context, under the group's mutex. May sleep.
 * Return:
 * * %0		- it is done.
 * * %-EINVAL	- the domain could not be set up for the DMA API. A retry does not
 *		  help.
 * * other	- as iommu_dma_commit_range() or the IOMMU driver answered.
 */
int iommu_dma_sw_msi(struct iommu_domain *domain, struct msi_desc *desc,
		     phys_addr_t msi_addr)
{
	struct device *dev = msi_desc_to_dev(desc);
	struct iommu_dma_msi *msi = domain_msi(domain);
	struct iommu_dma_doorbell *doorbell;
	dma_addr_t iova;
	size_t granule;
	int ret;

	if (!msi) {
		msi_desc_set_iommu_msi_iova(desc, 0, 0);
		return 0;
	}

	iommu_group_mutex_assert(dev);
	granule = doorbell_size(domain);
	if (!granule)
		return -EINVAL;

	guard(mutex)(&msi->lock);
	ret = get_doorbell(domain, dev, msi_addr, &doorbell);
	if (ret)
		return ret;

	/* The descriptor keeps the start of a granule, not of a region */
	iova = doorbell->iova + (msi_addr - doorbell->phys);
	msi_desc_set_iommu_msi_iova(desc, ALIGN_DOWN(iova, granule),
				    ilog2(granule));
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_sw_msi);
