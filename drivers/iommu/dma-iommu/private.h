/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of the DMA mapping layer know of each other, grouped by the
 * file that defines it.
 *
 * Words. granule: smallest page of an IOMMU. IOVA: address that a device uses.
 * space: all IOVAs of one domain. last: inclusive end; end: one past. plan: the
 * layout of a scatterlist. commit: make a mapping. retire: take it away.
 * quarantine: never hand out again. doorbell: the page that an MSI writes to.
 *
 * Sizes are size_t and in bytes, IOVAs are dma_addr_t.
 */
#ifndef __DMA_IOMMU_PRIVATE_H
#define __DMA_IOMMU_PRIVATE_H

#include <linux/align.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu.h>
#include <linux/jump_label.h>
#include <linux/mutex.h>
#include <linux/pci-p2pdma.h>
#include <linux/ratelimit_types.h>

#include "bounce.h"
#include "debug.h"
#include "flush.h"
#include "iova.h"
#include "sg.h"
#include "stats.h"

/* iova.c: see also iova.h */

static inline size_t iommu_dma_offset(const struct iommu_dma_space *space,
				      u64 addr)
{
	return addr & (space->granule - 1);
}

/*
 * Bytes of the granules that @size bytes at @addr touch. False if there are none,
 * or more than a size_t can say.
 */
static inline bool iommu_dma_granules(const struct iommu_dma_space *space,
				      u64 addr, size_t size, size_t *granules)
{
	size_t end;

	if (!size ||
	    check_add_overflow(size, iommu_dma_offset(space, addr), &end) ||
	    check_add_overflow(end, space->granule - 1, &end))
		return false;
	*granules = end & ~(space->granule - 1);
	return true;
}

/* msi.c */

/**
 * struct iommu_dma_msi - The doorbells that a domain maps
 * @lock: protects @doorbells. Taken inside the mutex of an IOMMU group: VFIO
 *	  may attach several groups to one domain, so that one is not enough
 * @doorbells: list of struct iommu_dma_doorbell
 */
struct iommu_dma_msi {
	struct mutex lock; /* protects @doorbells */
	struct list_head doorbells;
};

void iommu_dma_msi_init(struct iommu_dma_msi *msi);
void iommu_dma_msi_destroy(struct iommu_dma_msi *msi);
int iommu_dma_msi_add_hw_region(struct iommu_dma_msi *msi, phys_addr_t start,
				size_t size);
bool iommu_dma_msi_has(struct iommu_dma_msi *msi, dma_addr_t iova);

/* dma-iommu.c */

/**
 * enum iommu_dma_cut_off - What has become of mappings that drivers have left behind
 * @IOMMU_DMA_NONE_LEFT: there were none
 * @IOMMU_DMA_BEING_CUT_OFF: some are cleared, and may not be invalidated yet
 * @IOMMU_DMA_CUT_OFF: no device can reach them
 */
enum iommu_dma_cut_off {
	IOMMU_DMA_NONE_LEFT,
	IOMMU_DMA_BEING_CUT_OFF,
	IOMMU_DMA_CUT_OFF,
};

/**
 * struct iommu_dma_cookie - What a domain of the DMA API owns
 * @space: IOVA space, set up with the first device
 * @lazy: whether invalidations are deferred
 * @msi: doorbells
 * @complained: a range could not be released, and the log says so
 * @cut_off: what has become of mappings that drivers have left behind
 * @stats: whether it can be looked at, see stats.c
 * @debug: what should be mapped, see debug.c
 */
struct iommu_dma_cookie {
	struct iommu_dma_space space;
	struct iommu_dma_lazy lazy;
	struct iommu_dma_msi msi;
	atomic_t complained;
	enum iommu_dma_cut_off cut_off;
	struct iommu_dma_stats stats;
	struct iommu_dma_debug debug;
};

/* Bits of dev_iommu::dma_flags */
#define IOMMU_DMA_DEV_COHERENT BIT(0)
#define IOMMU_DMA_DEV_UNTRUSTED BIT(1)
/* Set-up failed: nothing can be mapped */
#define IOMMU_DMA_DEV_REFUSED BIT(2)

static inline bool iommu_dma_dev_coherent(struct device *dev)
{
	return READ_ONCE(dev->iommu->dma_flags) & IOMMU_DMA_DEV_COHERENT;
}

static inline bool iommu_dma_dev_refused(struct device *dev)
{
	return READ_ONCE(dev->iommu->dma_flags) & IOMMU_DMA_DEV_REFUSED;
}

static inline bool iommu_dma_dev_untrusted(struct device *dev)
{
	return READ_ONCE(dev->iommu->dma_flags) & IOMMU_DMA_DEV_UNTRUSTED;
}

/* Coherent and trusted: every buffer is mapped in place */
static inline bool iommu_dma_dev_plain(struct device *dev)
{
	return READ_ONCE(dev->iommu->dma_flags) == IOMMU_DMA_DEV_COHERENT;
}

/* May a lazy domain invalidate after the mapping has been taken away? */
static inline bool
iommu_dma_may_defer(const struct iommu_dma_transfer *transfer)
{
	return !iommu_dma_dev_untrusted(transfer->dev) &&
	       !(transfer->attrs & DMA_ATTR_MMIO);
}

DECLARE_STATIC_KEY_FALSE(iommu_dma_deferred_attach);

void *iommu_dma_new_cookie(const struct iommu_domain *domain, size_t size);
struct iommu_domain *iommu_dma_enter(struct device *dev);

/**
 * iommu_dma_prot() - Translate what the DMA API asks to what the IOMMU API asks
 * @dev: the device
 * @dir: direction of the transfers
 * @attrs: DMA attributes
 *
 * Context: Any context.
 * Return: The IOMMU_* protection bits.
 */
static inline int iommu_dma_prot(struct device *dev,
				 enum dma_data_direction dir,
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
static inline struct iommu_dma_request
iommu_dma_device_request(struct device *dev, u64 dma_mask)
{
	u64 reach = min_not_zero(dma_mask, dev->bus_dma_limit);
	dma_addr_t limit = min_t(u64, reach, ~(dma_addr_t)0);

	return (struct iommu_dma_request){
		.limit = limit,
		.prefer_32bit = dev->iommu->pci_32bit_workaround ||
				limit <= U32_MAX,
	};
}

/**
 * iommu_dma_lookup() - Walk the page table of a domain
 * @domain: the domain
 * @iova: what to look up
 * @phys: set to the physical address, 0 if there is none
 *
 * The IOMMU API says 0 for "not mapped". That is an address too, but the one behind it
 * is not 0 in a page that is mapped.
 *
 * Context: Any context.
 * Return: true if @iova is mapped.
 */
static inline bool iommu_dma_lookup(struct iommu_domain *domain,
				    dma_addr_t iova, phys_addr_t *phys)
{
	*phys = iommu_iova_to_phys(domain, iova);
	return *phys || iommu_iova_to_phys(domain, iova | 1);
}

/* refuse.c */

#if IS_ENABLED(CONFIG_KUNIT)
extern struct ratelimit_state iommu_dma_refusals;
#endif

void __cold iommu_dma_refused(int error, struct device *dev, u64 mask,
			      size_t size, unsigned long attrs);
void __cold iommu_dma_say_refused(struct device *dev, u64 mask, size_t size,
				  unsigned long attrs, const char *why);

/* resv.c */
int iommu_dma_resv_reserve(struct iommu_domain *domain, struct device *dev);

/* cache.c */
void iommu_dma_cache_for_device(phys_addr_t phys, size_t size,
				enum dma_data_direction dir);
void iommu_dma_cache_for_cpu(phys_addr_t phys, size_t size,
			     enum dma_data_direction dir);

/* commit.c */
int iommu_dma_commit_room(struct iommu_domain *domain,
			  struct iommu_dma_request *request, phys_addr_t phys,
			  dma_addr_t *iova);
int iommu_dma_commit_range(struct iommu_domain *domain,
			   struct iommu_dma_request *request, phys_addr_t phys,
			   size_t size, int prot, gfp_t gfp, dma_addr_t *iova);
int iommu_dma_commit_buffer(struct iommu_domain *domain,
			    const struct iommu_dma_transfer *transfer,
			    dma_addr_t iova, phys_addr_t phys, size_t size,
			    int prot, gfp_t gfp);
int iommu_dma_commit_bounced(struct iommu_domain *domain,
			     struct iommu_dma_request *request,
			     const struct iommu_dma_transfer *transfer,
			     phys_addr_t phys, size_t size, int prot, gfp_t gfp,
			     dma_addr_t *iova);
int iommu_dma_commit_plan(struct iommu_domain *domain,
			  struct iommu_dma_request *request,
			  const struct iommu_dma_plan *plan,
			  const struct iommu_dma_transfer *transfer, int prot,
			  gfp_t gfp, dma_addr_t *iova);

/* retire.c */

/**
 * struct iommu_dma_retire - A mapping on its way out
 * @domain: the domain that it leaves
 * @flush: where it waits for its invalidation, or NULL if that is not deferred
 * @bounced: slots that stand in for parts of it, or NULL if there are none
 * @gather: what has to be invalidated
 * @asked: bytes that the page table was asked to clear
 * @cleared: bytes that it said it cleared
 * @mismatch: one of the answers was not what was asked
 * @debug: what has been cleared, see debug.c
 */
struct iommu_dma_retire {
	struct iommu_domain *domain;
	struct iommu_dma_flush *flush;
	struct iommu_dma_bounced *bounced;
	struct iommu_iotlb_gather gather;
	size_t asked;
	size_t cleared;
	bool mismatch;
	struct iommu_dma_debug_retire debug;
};

void iommu_dma_retire_begin(struct iommu_dma_retire *retire,
			    struct iommu_domain *domain, bool may_defer);
void iommu_dma_retire_begin_bounced(struct iommu_dma_retire *retire,
				    struct iommu_domain *domain,
				    struct iommu_dma_bounced *bounced,
				    const struct iommu_dma_transfer *transfer);
void iommu_dma_retire_clear(struct iommu_dma_retire *retire, dma_addr_t iova,
			    size_t size);
void iommu_dma_retire_buffer(struct iommu_dma_retire *retire, dma_addr_t iova,
			     size_t size);
bool iommu_dma_retire_cut(struct iommu_dma_retire *retire);
void iommu_dma_retire_begin_all(struct iommu_dma_retire *retire,
				struct iommu_domain *domain);
bool iommu_dma_retire_cut_all(struct iommu_dma_retire *retire);
bool iommu_dma_retire_finish(struct iommu_dma_retire *retire, dma_addr_t iova,
			     size_t size);
bool iommu_dma_retire_range(struct iommu_domain *domain, dma_addr_t iova,
			    size_t size, bool may_defer);
void iommu_dma_retire_unreleased(struct iommu_dma_space *space, dma_addr_t iova,
				 size_t size);
bool iommu_dma_retire_release(struct iommu_domain *domain, dma_addr_t iova,
			      size_t size);
void iommu_dma_retire_quarantine(struct iommu_domain *domain, dma_addr_t iova,
				 size_t size);

/* stream.c */

#if IS_ENABLED(CONFIG_KUNIT)
int iommu_dma_p2p_kind(struct device *dev, struct pci_p2pdma_map_state *state,
		       struct scatterlist *sg, dma_addr_t *bus);
#endif

/* The CPU caches are not looked at by @dev, and the caller left them to us */
static inline bool iommu_dma_need_cache_sync(struct device *dev,
					     unsigned long attrs)
{
	return !iommu_dma_dev_coherent(dev) &&
	       !(attrs & (DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_MMIO));
}

/* Address bits that the device wants kept, beyond those of a granule */
static inline size_t iommu_dma_kept(struct device *dev,
				    const struct iommu_dma_space *space)
{
	return dma_get_min_align_mask(dev) & ~(space->granule - 1);
}

/* Ask for IOVA that has those bits in common with @phys */
static inline void iommu_dma_keep_bits(struct device *dev,
				       const struct iommu_dma_space *space,
				       struct iommu_dma_request *request,
				       phys_addr_t phys)
{
	size_t kept = iommu_dma_kept(dev, space);

	if (!kept)
		return;
	request->align = (size_t)dma_get_min_align_mask(dev) + 1;
	request->offset = phys & kept;
}

#endif /* __DMA_IOMMU_PRIVATE_H */
