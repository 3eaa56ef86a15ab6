// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one way out of a mapping.
 *
 * Owns the order in which a mapping is taken away. There is no other place that
 * clears a page table and gives IOVA back, so that the order cannot be got wrong
 * elsewhere:
 *
 *   1. clear the page table entries: iommu_dma_retire_clear(), any number of
 *      stretches, then iommu_dma_retire_finish():
 *   2. wait until the invalidation has completed
 *   3. page-table pages go back (the IOMMU driver frees them at the end of 2)
 *   4. copy back what was bounced, and release its slots
 *   5. the IOVA goes back
 *
 * In a lazy domain flush.c does 2, 3 and 5 later, as one. What was bounced is never
 * deferred, nor is what frees memory of this layer's own: nobody would know when.
 *
 * Nothing that a device can still reach is ever released. Where a page table did
 * not answer as asked, nobody knows any more what is reachable: the range is
 * quarantined, slots are not given back, and the caller is told not to free what
 * lay behind it. The log says so: with a backtrace the first time in a domain, in a
 * rate-limited line after that.
 *
 * Locks: none of its own. Cannot fail, allocates nothing. Any context.
 */

#define pr_fmt(fmt) "iommu: " fmt

#include <kunit/visibility.h>
#include <linux/printk.h>

#include "../iommu-pages.h"
#include "private.h"

/* A backtrace the first time in a domain; a driver may go on like that for long */
static __printf(2, 3) void complain(struct iommu_dma_space *space,
				    const char *fmt, ...)
{
	struct iommu_dma_cookie *cookie =
		container_of(space, struct iommu_dma_cookie, space);
	struct va_format text = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	text.va = &args;
	if (!WARN(!atomic_xchg(&cookie->complained, 1), "%pV", &text))
		pr_err_ratelimited("%pV", &text);
	va_end(args);
}

/**
 * iommu_dma_retire_begin() - Start to take a mapping away
 * @retire: state, on the caller's stack
 * @domain: the domain, which has a DMA cookie
 * @may_defer: the caller frees nothing when this is finished, so that a lazy domain
 *	       may invalidate later
 *
 * Context: Any context.
 */
void iommu_dma_retire_begin(struct iommu_dma_retire *retire,
			    struct iommu_domain *domain, bool may_defer)
{
	retire->domain = domain;
	retire->flush = NULL;
	retire->bounced = NULL;
	retire->asked = 0;
	retire->cleared = 0;
	retire->mismatch = false;
	iommu_iotlb_gather_init(&retire->gather);
	iommu_dma_debug_retire_begins(retire);
	if (!may_defer)
		return;

	retire->flush = iommu_dma_lazy_flush(&domain->iova_cookie->lazy);
	retire->gather.queued = retire->flush;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_begin);

/**
 * iommu_dma_retire_begin_bounced() - Start to take a mapping away that may bounce
 * @retire: state, on the caller's stack
 * @domain: the domain, which has a DMA cookie
 * @bounced: further state, on the caller's stack, for the slots that are found
 * @transfer: as for the mapping
 *
 * To go on with iommu_dma_retire_buffer(), once per buffer.
 *
 * Context: Any context.
 */
void iommu_dma_retire_begin_bounced(struct iommu_dma_retire *retire,
				    struct iommu_domain *domain,
				    struct iommu_dma_bounced *bounced,
				    const struct iommu_dma_transfer *transfer)
{
	iommu_dma_retire_begin(retire, domain, false);
	retire->bounced = bounced;
	bounced->transfer = transfer;
	bounced->nr = 0;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_begin_bounced);

static void invalidate_domain(struct iommu_domain *domain)
{
	u64 number = iommu_dma_debug_flush_begins(domain);

	iommu_flush_iotlb_all(domain);
	iommu_dma_debug_flush_ended(domain, number);
}

static noinline bool is_cut_off(struct iommu_domain *domain, dma_addr_t iova,
				size_t size)
{
	struct iommu_dma_cookie *cookie = domain->iova_cookie;
	struct iommu_dma_space *space = &cookie->space;
	phys_addr_t phys;

	if (!iommu_dma_space_quarantined(space, iova, size))
		return false;
	for (; size; iova += space->granule, size -= space->granule)
		if (iommu_dma_lookup(domain, iova, &phys))
			return false;
	/* Perhaps just cleared. Pairs with that in iommu_dma_driver_unbound(). */
	if (smp_load_acquire(&cookie->cut_off) == IOMMU_DMA_BEING_CUT_OFF) {
		if (!domain->ops->flush_iotlb_all)
			return false;
		invalidate_domain(domain);
	}
	return true;
}

/*
 * Some mappings outlive the driver that made them, as others have files open. What
 * iommu_dma_driver_unbound() has cut off may be freed; its IOVA stays quarantined.
 */
static __always_inline bool was_cut_off(struct iommu_domain *domain,
					dma_addr_t iova, size_t size)
{
	return unlikely(READ_ONCE(domain->iova_cookie->cut_off)) &&
	       is_cut_off(domain, iova, size);
}

/**
 * iommu_dma_retire_clear() - Clear the page table for a stretch of a mapping
 * @retire: state
 * @iova: start, granule aligned
 * @size: bytes, a multiple of the granule
 *
 * The device may still reach the memory: the IOTLB has not been invalidated.
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_retire_clear(struct iommu_dma_retire *retire, dma_addr_t iova,
			    size_t size)
{
	size_t cleared;

	/* Page tables complain of what is asked for twice */
	if (was_cut_off(retire->domain, iova, size)) {
		retire->asked += size;
		retire->mismatch = true;
		return;
	}

	iommu_dma_debug_check(retire->domain, iova, size);
	cleared = iommu_unmap_fast(retire->domain, iova, size, &retire->gather);
	iommu_dma_debug_cleared(retire, iova, cleared);

	retire->asked += size;
	retire->cleared += cleared;
	/* Clearing more than was asked has hit somebody else's mapping */
	if (!size || cleared != size)
		retire->mismatch = true;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_clear);

/* What a lazy domain does at once, as something is amiss */
static noinline void invalidate_all(struct iommu_dma_retire *retire)
{
	iommu_dma_flush_now(retire->flush);
	iommu_put_pages_list(&retire->gather.freelist);
	retire->gather.freelist =
		IOMMU_PAGES_LIST_INIT(retire->gather.freelist);
}

static noinline void give_slots(struct iommu_dma_bounced *bounced)
{
	for (unsigned int i = 0; i < bounced->nr; i++)
		iommu_dma_bounce_give(bounced->transfer, &bounced->piece[i]);
}

static __always_inline bool cut(struct iommu_dma_retire *retire)
{
	struct iommu_dma_bounced *bounced = retire->bounced;

	if (unlikely(retire->flush))
		invalidate_all(retire);
	else
		iommu_iotlb_sync(retire->domain, &retire->gather);
	iommu_dma_debug_cut(retire);

	if (unlikely(bounced)) {
		if (!retire->mismatch)
			give_slots(bounced);
		bounced->nr = 0;
	}
	return !retire->mismatch;
}

/**
 * iommu_dma_retire_cut() - Cut the device off from what was cleared
 * @retire: state, after all stretches have been cleared
 *
 * Copies back and releases what was bounced. The IOVA stays allocated: the caller
 * goes on to use it.
 *
 * Context: Any context. Takes the locks of the IOMMU driver; waits for the
 * invalidation.
 * Return: true if no device can reach what was mapped. False if that is not
 * known: the caller must quarantine the range and not free the memory.
 */
bool iommu_dma_retire_cut(struct iommu_dma_retire *retire)
{
	return cut(retire);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_cut);

/**
 * iommu_dma_retire_begin_all() - Start to take many mappings away
 * @retire: state, on the caller's stack, for iommu_dma_retire_cut_all()
 * @domain: the domain, which has a DMA cookie
 *
 * All of the domain is invalidated in the end, if its IOMMU can do so, and nothing
 * before.
 *
 * Context: Any context.
 */
void iommu_dma_retire_begin_all(struct iommu_dma_retire *retire,
				struct iommu_domain *domain)
{
	iommu_dma_retire_begin(retire, domain, false);
	retire->gather.queued = domain->ops->flush_iotlb_all;
}

/**
 * iommu_dma_retire_cut_all() - Cut devices off from many mappings
 * @retire: state, from iommu_dma_retire_begin_all()
 *
 * Context: Any context. Takes the locks of the IOMMU driver; waits for the
 * invalidation.
 * Return: As of iommu_dma_retire_cut().
 */
bool iommu_dma_retire_cut_all(struct iommu_dma_retire *retire)
{
	if (!retire->gather.queued)
		return cut(retire);

	invalidate_domain(retire->domain);
	iommu_dma_debug_cut(retire);
	iommu_put_pages_list(&retire->gather.freelist);
	return !retire->mismatch;
}

/* Remember the slot that stands in for @size bytes at @iova, if there is one */
static void note_slot(struct iommu_dma_retire *retire, dma_addr_t iova,
		      size_t size)
{
	phys_addr_t phys = iommu_iova_to_phys(retire->domain, iova);
	struct iommu_dma_bounced *bounced = retire->bounced;

	if (!iommu_dma_bounce_is_slot(bounced->transfer->dev, phys))
		return;
	bounced->piece[bounced->nr++] = (struct iommu_dma_piece){
		.phys = phys,
		.size = size,
	};
}

/**
 * iommu_dma_retire_buffer() - Clear the page table for a buffer that may bounce
 * @retire: state, from iommu_dma_retire_begin_bounced()
 * @iova: DMA address of the buffer
 * @size: bytes of the buffer, at least 1
 *
 * Invalidates now and then, if there are many buffers: there is room for few slots.
 *
 * Context: Any context. Takes the locks of the IOMMU driver and of swiotlb.
 */
void iommu_dma_retire_buffer(struct iommu_dma_retire *retire, dma_addr_t iova,
			     size_t size)
{
	struct iommu_dma_space *space = &retire->domain->iova_cookie->space;
	struct iommu_dma_split split = iommu_dma_split(space, iova, size);
	size_t offset = iommu_dma_offset(space, iova);

	if (retire->bounced->nr > IOMMU_DMA_PIECES - 2)
		iommu_dma_retire_cut(retire);

	if (split.head)
		note_slot(retire, iova, split.head);
	if (split.tail)
		note_slot(retire, iova + size - split.tail, split.tail);
	iommu_dma_retire_clear(retire, iova - offset,
			       ALIGN(offset + size, space->granule));
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_buffer);

/**
 * iommu_dma_retire_unreleased() - See to IOVA that was not allocated like that
 * @space: the space, which has refused to take it back
 * @iova: start of the range
 * @size: bytes
 *
 * Says so, and quarantines it.
 *
 * Context: Any context, without a lock that a console could want that maps. Takes the
 * locks of the space.
 */
void iommu_dma_retire_unreleased(struct iommu_dma_space *space, dma_addr_t iova,
				 size_t size)
{
	complain(space,
		 "IOVA %pad+%zu was not allocated like that; quarantined\n",
		 &iova, size);
	iommu_dma_space_quarantine(space, iova, size);
}

static __always_inline bool release(struct iommu_domain *domain,
				    dma_addr_t iova, size_t size)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;

	iommu_dma_debug_release(space, iova, size);
	if (likely(iommu_dma_space_free(space, iova, size)) ||
	    was_cut_off(domain, iova, size))
		return true;

	iommu_dma_retire_unreleased(space, iova, size);
	return false;
}

/**
 * iommu_dma_retire_release() - Give IOVA back that nothing can reach
 * @domain: the domain
 * @iova: start of the range
 * @size: bytes
 *
 * Context: Any context. Takes the locks of the space.
 * Return: true, or false with a message if that is not what was allocated there: the
 * range is quarantined.
 */
bool iommu_dma_retire_release(struct iommu_domain *domain, dma_addr_t iova,
			      size_t size)
{
	return release(domain, iova, size);
}

/**
 * iommu_dma_retire_quarantine() - Never give IOVA back that may be reachable
 * @domain: the domain
 * @iova: start of the whole range
 * @size: bytes of the whole range
 *
 * For after iommu_dma_retire_cut() has said so. What was cut off before is quarantined
 * already, and nothing to be said about.
 *
 * Context: Any context. Takes the locks of the space.
 */
void iommu_dma_retire_quarantine(struct iommu_domain *domain, dma_addr_t iova,
				 size_t size)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;

	if (was_cut_off(domain, iova, size))
		return;
	complain(space, "IOVA %pad+%zu: not all was unmapped as it was mapped; quarantined\n",
		 &iova, size);
	iommu_dma_debug_quarantined(space, iova, size);
	iommu_dma_space_quarantine(space, iova, size);
}

/* The page table did not answer as asked. True if the range was cut off before. */
static noinline bool fell_short(struct iommu_dma_retire *retire,
				dma_addr_t iova, size_t size)
{
	struct iommu_dma_space *space = &retire->domain->iova_cookie->space;

	if (!retire->cleared && was_cut_off(retire->domain, iova, size))
		return true;

	complain(space, "IOVA %pad+%zu: asked to unmap %zu bytes, unmapped %zu; quarantined\n",
		 &iova, size, retire->asked, retire->cleared);
	iommu_dma_debug_quarantined(space, iova, size);
	iommu_dma_space_quarantine(space, iova, size);
	return false;
}

/**
 * iommu_dma_retire_finish() - Take a mapping away for good
 * @retire: state, after all stretches have been cleared
 * @iova: start of the whole range
 * @size: bytes of the whole range, holes included
 *
 * Context: Any context. Takes the locks of the IOMMU driver and of the space;
 * waits for the invalidation, unless that is deferred.
 * Return: true if no device can reach what was mapped, or if that is so soon. False
 * if that is not known: the range is quarantined, and the caller must not free the
 * memory.
 */
bool iommu_dma_retire_finish(struct iommu_dma_retire *retire, dma_addr_t iova,
			     size_t size)
{
	if (retire->flush && likely(!retire->mismatch)) {
		iommu_dma_flush_queue(retire->flush, iova, size,
				      &retire->gather.freelist);
		return true;
	}

	if (likely(cut(retire)))
		return release(retire->domain, iova, size);
	return fell_short(retire, iova, size);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_finish);

/**
 * iommu_dma_retire_range() - Take away a mapping that is one stretch
 * @domain: the domain, which has a DMA cookie
 * @iova: start, granule aligned
 * @size: bytes, a multiple of the granule
 * @may_defer: as for iommu_dma_retire_begin()
 *
 * Context: Any context, see iommu_dma_retire_finish().
 * Return: as iommu_dma_retire_finish().
 */
bool iommu_dma_retire_range(struct iommu_domain *domain, dma_addr_t iova,
			    size_t size, bool may_defer)
{
	struct iommu_dma_retire retire __uninitialized;

	iommu_dma_retire_begin(&retire, domain, may_defer);
	iommu_dma_retire_clear(&retire, iova, size);
	return iommu_dma_retire_finish(&retire, iova, size);
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_retire_range);
