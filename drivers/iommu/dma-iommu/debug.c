// SPDX-License-Identifier: GPL-2.0-only
/*
 * An oracle: does each domain map what it should, and is nothing released that a
 * device can still reach?
 *
 * Owns what is said of the model that record.c keeps of every domain of the DMA API:
 * which IOVA is mapped to what, with what permissions and for which device, and what
 * has been cleared from the page table and not been invalidated yet. It is made of
 * what the rooms of the layer say they have done, and knows nothing of how they
 * decide: no queue of lazy mode, no bit map of the IOVA space, no plan of a list is
 * looked at.
 *
 * With each of these statements the page table is read back, granule by granule, and
 * has to equal the model. Whatever is released is looked up: IOVA, a slot of
 * swiotlb, pages of a buffer; and a domain that goes has nothing left. A violation is
 * one warning, with what was expected and what was seen; it is counted, and a KUnit
 * test that is running fails. What it was about is a guess from then on, so that one
 * mistake is reported once.
 *
 * What a device can reach after the page table was cleared depends on invalidations.
 * Those of a whole domain are numbered as they begin. What was cleared after n of
 * them had begun is out of reach when one with a higher number has ended. In lazy
 * mode that holds when flush.c says so: it counts each one before it gets a number
 * here, and waits until more have ended than it had counted when it queued a range,
 * which is no less than had a number when the range was cleared. So one that has
 * ended has a higher one.
 *
 * Locks: any lock of the layer, then iommu_dma_debug::lock. Page tables are read and
 * warnings printed without the latter. Any context but NMI; sleeps nowhere but where a
 * domain goes, and asks for no memory.
 */

#include <kunit/visibility.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/vmalloc.h>

#include "record.h"

/* Of what a failed map may have left behind, so many granules are looked at */
#define LEARN_MOST 1024UL

/* Empty a range that is about to be used for something else, but for what is kept */
static void vacate(struct iommu_dma_debug *debug, u64 first, u64 last,
		   const char *if_live, const char *if_stale, bool and_kept,
		   struct iommu_dma_finding *finding)
{
	struct iommu_dma_record *record, *next;
	bool live = false;
	const char *what;

	iommu_dma_record_cut(debug, first, last);
	for (record = iommu_dma_record_at(debug, first, last); record;
	     record = next) {
		next = iommu_dma_record_next(record, first, last);
		if (record->kept && !and_kept)
			continue;
		what = record->stale ? if_stale : if_live;
		if (!record->learnt && !iommu_dma_record_gone(debug, record))
			iommu_dma_found_record(finding, what, record);
		live |= !record->stale;
		iommu_dma_record_drop(debug, record);
	}
	/* It is in the page table, whatever becomes of it */
	if (live)
		iommu_dma_record_forget(debug, first, last);
}

/* What domains have to say of themselves */

/**
 * iommu_dma_debug_init() - Begin to watch a domain
 * @domain: the domain, which has a DMA cookie and maps nothing
 *
 * Context: Any context.
 */
void iommu_dma_debug_init(struct iommu_domain *domain)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of(domain);

	raw_spin_lock_init(&debug->lock);
	debug->domain = domain;
	debug->by_iova = RB_ROOT_CACHED;
	debug->by_phys = RB_ROOT_CACHED;
}

/* May that be there to the end? Quarantined IOVA and doorbells may. */
static bool may_stay(struct iommu_dma_debug *debug,
		     const struct iommu_dma_record *record)
{
	struct iommu_dma_msi *msi = &debug->domain->iova_cookie->msi;

	if (record->kept || record->learnt ||
	    iommu_dma_record_gone(debug, record))
		return true;
	return !record->stale && iommu_dma_msi_has(msi, record->first);
}

/**
 * iommu_dma_debug_destroy() - Forget a domain
 * @domain: the domain, which is about to lose its cookie and its page table
 *
 * Who had something mapped has taken it away, and it has been invalidated.
 *
 * Context: Process context, may sleep. No other call on @domain may be running.
 */
void iommu_dma_debug_destroy(struct iommu_domain *domain)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of(domain);
	static const char live[] = "is mapped while its domain goes";
	static const char stale[] = "is not invalidated while its domain goes";
	struct iommu_dma_record *record, *next;
	struct iommu_dma_finding finding = {};
	const char *what;

	for (record = iommu_dma_record_at(debug, 0, U64_MAX); record;
	     record = next) {
		next = iommu_dma_record_next(record, 0, U64_MAX);
		what = record->stale ? stale : live;
		if (!may_stay(debug, record))
			iommu_dma_found_record(&finding, what, record);
		guard(raw_spinlock_irqsave)(&debug->lock);
		iommu_dma_record_drop(debug, record);
	}
	iommu_dma_found_report(debug, &finding);
}

/**
 * iommu_dma_debug_joined() - A device is going to map in a domain
 * @domain: the domain
 * @dev: the device
 *
 * Its name stands for what has no owner yet.
 *
 * Context: Any context.
 */
void iommu_dma_debug_joined(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of(domain);

	guard(raw_spinlock_irqsave)(&debug->lock);
	strscpy(debug->name, iommu_dma_owner(dev));
}

/* The way in and out of a mapping */

/**
 * iommu_dma_debug_mapped() - A page table was filled
 * @domain: the domain
 * @iova: start of the range, granule aligned
 * @phys: what it is mapped to
 * @size: bytes, a multiple of the granule
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 *
 * Nothing may have been reachable there. Reads the range back.
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_debug_mapped(struct iommu_domain *domain, dma_addr_t iova,
			    phys_addr_t phys, size_t size, int prot)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of(domain);
	struct iommu_dma_finding finding = {};
	u64 last;

	if (!iommu_dma_range_last(iova, size, &last))
		return;

	scoped_guard(raw_spinlock_irqsave, &debug->lock) {
		vacate(debug, iova, last, "was mapped twice",
		       "was mapped before it was invalidated", true, &finding);
		iommu_dma_record_add(debug, iova, last, phys, prot);
	}
	if (!finding.what)
		iommu_dma_record_compare(debug, iova, last, &finding);
	iommu_dma_found_report(debug, &finding);
}

/**
 * iommu_dma_debug_mapped_vec() - A page table was filled with several pieces
 * @domain: the domain
 * @iova: start of the range, granule aligned
 * @vec: what it is mapped to, one piece behind the other
 * @nr: how many
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 *
 * Context: As of iommu_dma_debug_mapped().
 */
void iommu_dma_debug_mapped_vec(struct iommu_domain *domain, dma_addr_t iova,
				const struct phys_vec *vec, size_t nr, int prot)
{
	for (; nr; iova += vec->len, vec++, nr--)
		iommu_dma_debug_mapped(domain, iova, vec->paddr, vec->len,
				       prot);
}

/**
 * iommu_dma_debug_check() - Hold a page table against the model
 * @domain: the domain
 * @iova: start of a range that nobody maps to or unmaps meanwhile
 * @size: bytes
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_debug_check(struct iommu_domain *domain, dma_addr_t iova,
			   size_t size)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	struct iommu_dma_debug *debug = iommu_dma_debug_of_space(space);
	struct iommu_dma_finding finding = {};
	u64 last;

	if (!iommu_dma_range_last(iova, size, &last))
		return;
	iommu_dma_record_compare(debug, ALIGN_DOWN(iova, space->granule), last,
				 &finding);
	iommu_dma_found_report(debug, &finding);
}

/**
 * iommu_dma_debug_retire_begins() - A mapping is about to be taken away
 * @retire: its state
 *
 * Context: Any context.
 */
void iommu_dma_debug_retire_begins(struct iommu_dma_retire *retire)
{
	retire->debug.any = false;
}

/**
 * iommu_dma_debug_cleared() - A page table was cleared
 * @retire: state of the mapping
 * @iova: start of the range, granule aligned
 * @size: bytes that the IOMMU driver says were cleared
 *
 * Reads the range back.
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_debug_cleared(struct iommu_dma_retire *retire, dma_addr_t iova,
			     size_t size)
{
	struct iommu_dma_debug_retire *out = &retire->debug;
	struct iommu_dma_debug *debug = iommu_dma_debug_of(retire->domain);
	struct iommu_dma_finding finding = {};
	struct iommu_dma_record *record;
	u64 last;

	if (!iommu_dma_range_last(iova, size, &last))
		return;

	out->first = out->any ? min(out->first, iova) : iova;
	out->last = out->any ? max(out->last, last) : last;
	out->any = true;
	scoped_guard(raw_spinlock_irqsave, &debug->lock) {
		iommu_dma_record_cut(debug, iova, last);
		for (record = iommu_dma_record_at(debug, iova, last); record;
		     record = iommu_dma_record_next(record, iova, last)) {
			if (record->stale)
				continue;
			record->stale = true;
			record->deferred = retire->flush;
			record->since = debug->begun;
			record->retire = retire;
		}
	}
	iommu_dma_record_compare(debug, iova, last, &finding);
	iommu_dma_found_report(debug, &finding);
}

/**
 * iommu_dma_debug_cut() - What was cleared has been invalidated
 * @retire: state of the mapping
 *
 * Context: Any context.
 */
void iommu_dma_debug_cut(struct iommu_dma_retire *retire)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of(retire->domain);
	static const char early[] = "was cut off before it was invalidated";
	u64 first = retire->debug.first, last = retire->debug.last;
	struct iommu_dma_finding finding = {};
	struct iommu_dma_record *record, *next;

	if (!retire->debug.any)
		return;
	retire->debug.any = false;
	/* The IOMMU driver has not been asked */
	if (!retire->flush && retire->gather.start < retire->gather.end)
		return;

	scoped_guard(raw_spinlock_irqsave, &debug->lock) {
		for (record = iommu_dma_record_at(debug, first, last); record;
		     record = next) {
			next = iommu_dma_record_next(record, first, last);
			if (!record->stale || record->retire != retire)
				continue;
			if (retire->flush &&
			    !iommu_dma_record_gone(debug, record))
				iommu_dma_found_record(&finding, early, record);
			iommu_dma_record_drop(debug, record);
		}
	}
	iommu_dma_found_report(debug, &finding);
}

/**
 * iommu_dma_debug_flush_begins() - All of a domain is about to be invalidated
 * @domain: the domain
 *
 * Context: Any context.
 * Return: The number of that invalidation, for iommu_dma_debug_flush_ended().
 */
u64 iommu_dma_debug_flush_begins(struct iommu_domain *domain)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of(domain);

	guard(raw_spinlock_irqsave)(&debug->lock);
	return ++debug->begun;
}

/**
 * iommu_dma_debug_flush_ended() - All of a domain has been invalidated
 * @domain: the domain
 * @number: from iommu_dma_debug_flush_begins()
 *
 * Context: Any context.
 */
void iommu_dma_debug_flush_ended(struct iommu_domain *domain, u64 number)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of(domain);

	guard(raw_spinlock_irqsave)(&debug->lock);
	debug->ended = max(debug->ended, number);
}

static void release(struct iommu_dma_debug *debug, u64 iova, u64 last,
		    struct iommu_dma_finding *finding)
{
	guard(raw_spinlock_irqsave)(&debug->lock);
	vacate(debug, iova, last, "was given back while it was mapped",
	       "was given back before it was invalidated", false, finding);
}

/**
 * iommu_dma_debug_release() - IOVA is about to be given back
 * @space: its space
 * @iova: start of the range
 * @size: bytes
 *
 * Nothing may be reachable there. Reads the range back.
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_debug_release(struct iommu_dma_space *space, dma_addr_t iova,
			     size_t size)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of_space(space);
	struct iommu_dma_finding finding = {};
	u64 last;

	if (!iommu_dma_range_last(iova, size, &last))
		return;
	iommu_dma_record_compare(debug, iova, last, &finding);
	release(debug, iova, last, &finding);
	iommu_dma_found_report(debug, &finding);
}

/**
 * iommu_dma_debug_release_late() - IOVA that has waited is about to be given back
 * @space: its space
 * @iova: start of the range
 * @size: bytes
 *
 * Nothing may be reachable there. The same goes for pages of the page table that
 * have waited with it. The page table was read back when it was cleared.
 *
 * Context: Any context.
 */
void iommu_dma_debug_release_late(struct iommu_dma_space *space,
				  dma_addr_t iova, size_t size)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of_space(space);
	struct iommu_dma_finding finding = {};
	u64 last;

	if (!iommu_dma_range_last(iova, size, &last))
		return;
	release(debug, iova, last, &finding);
	iommu_dma_found_report(debug, &finding);
}

/* A map that failed may have left what nobody was told of: take it as it is */
static void learn_left(struct iommu_dma_debug *debug, u64 first, u64 last)
{
	struct iommu_dma_space *space = &debug->domain->iova_cookie->space;
	size_t granule = space->granule, nr;
	struct iommu_dma_record *record;
	u64 at, phys;

	nr = min(((last - first) >> space->shift) + 1, LEARN_MOST);
	for (at = first; nr--; at += granule) {
		phys = iommu_iova_to_phys(debug->domain, at);
		if (!phys)
			continue;
		guard(raw_spinlock_irqsave)(&debug->lock);
		if (iommu_dma_record_at(debug, at, at))
			continue;
		/* Not known: who maps it may be about to say so */
		iommu_dma_record_add(debug, at, at + granule - 1, phys, 0);
		record = iommu_dma_record_at(debug, at, at);
		if (record)
			record->learnt = true;
	}
	if (at - 1 >= last)
		return;
	guard(raw_spinlock_irqsave)(&debug->lock);
	iommu_dma_record_forget(debug, at, last);
}

/**
 * iommu_dma_debug_quarantined() - IOVA will not be given back
 * @space: its space
 * @iova: start of the range, granule aligned
 * @size: bytes, a multiple of the granule
 *
 * What is mapped there may stay. Whoever does not know may try to give it back.
 *
 * Context: Any context. Takes the locks of the IOMMU driver.
 */
void iommu_dma_debug_quarantined(struct iommu_dma_space *space, dma_addr_t iova,
				 size_t size)
{
	struct iommu_dma_debug *debug = iommu_dma_debug_of_space(space);
	struct iommu_dma_record *record;
	u64 last;

	if (!iommu_dma_range_last(iova, size, &last))
		return;

	learn_left(debug, iova, last);
	guard(raw_spinlock_irqsave)(&debug->lock);
	iommu_dma_record_cut(debug, iova, last);
	for (record = iommu_dma_record_at(debug, iova, last); record;
	     record = iommu_dma_record_next(record, iova, last))
		record->kept = true;
}

/**
 * iommu_dma_debug_removed() - A mapping has gone, and that is right so
 * @domain: the domain, which need not be of the DMA API
 * @iova: start of the range
 * @size: bytes
 *
 * For tests that have seen to it behind the layer's back.
 *
 * Context: Any context.
 */
void iommu_dma_debug_removed(struct iommu_domain *domain, dma_addr_t iova,
			     size_t size)
{
	struct iommu_dma_record *record, *next;
	struct iommu_dma_debug *debug;
	u64 last;

	if (domain->cookie_type != IOMMU_COOKIE_DMA_IOVA ||
	    !iommu_dma_range_last(iova, size, &last))
		return;

	debug = iommu_dma_debug_of(domain);
	guard(raw_spinlock_irqsave)(&debug->lock);
	iommu_dma_record_cut(debug, iova, last);
	for (record = iommu_dma_record_at(debug, iova, last); record;
	     record = next) {
		next = iommu_dma_record_next(record, iova, last);
		iommu_dma_record_drop(debug, record);
	}
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_debug_removed);

/* Memory that is released */

/*
 * Say so if a device can reach memory in its domain. @last is inclusive. With
 * @and_deferred, also by what others have mapped and waits in a lazy domain.
 */
static void released(struct device *dev, u64 phys, u64 last, bool and_deferred,
		     const char *what)
{
	struct iommu_dma_debug *debug =
		iommu_dma_debug_of(iommu_get_dma_domain(dev));
	struct iommu_dma_finding finding = {};
	struct iommu_dma_record *record;

	scoped_guard(raw_spinlock_irqsave, &debug->lock) {
		record = iommu_dma_record_at_phys(debug, phys, last);
		for (; record;
		     record = iommu_dma_record_next_phys(record, phys, last)) {
			if (record->told ||
			    iommu_dma_record_gone(debug, record))
				continue;
			if (record->stale && record->deferred &&
			    !record->ours && !and_deferred)
				continue;
			iommu_dma_found_record(&finding, what, record);
			record->told = true;
		}
	}
	iommu_dma_found_report(debug, &finding);
}

/**
 * iommu_dma_debug_slot_taken() - A slot of swiotlb is about to be used
 * @dev: the device
 * @slot: its address, granule aligned
 * @granule: its bytes
 *
 * Context: Any context.
 */
void iommu_dma_debug_slot_taken(struct device *dev, phys_addr_t slot,
				size_t granule)
{
	released(dev, slot, slot + granule - 1, true,
		 "reaches a slot that was free and is taken");
}

/**
 * iommu_dma_debug_slot_dropped() - A slot of swiotlb is about to be given back
 * @dev: the device
 * @slot: its address, granule aligned
 * @granule: its bytes
 *
 * Context: Any context.
 */
void iommu_dma_debug_slot_dropped(struct device *dev, phys_addr_t slot,
				  size_t granule)
{
	released(dev, slot, slot + granule - 1, true,
		 "reaches a slot that is given back");
}

/**
 * iommu_dma_debug_ours() - The layer will free what is mapped, once it is unmapped
 * @dev: the device
 * @iova: DMA address of a buffer that the layer has allocated
 * @size: its bytes
 *
 * Drivers free what they have mapped as soon as it is unmapped, and in a lazy domain
 * its invalidation may wait. That of a buffer must not.
 *
 * Context: Any context.
 */
void iommu_dma_debug_ours(struct device *dev, dma_addr_t iova, size_t size)
{
	struct iommu_dma_debug *debug =
		iommu_dma_debug_of(iommu_get_dma_domain(dev));
	struct iommu_dma_record *record;
	u64 last;

	if (!iommu_dma_range_last(iova, size, &last))
		return;

	guard(raw_spinlock_irqsave)(&debug->lock);
	for (record = iommu_dma_record_at(debug, iova, last); record;
	     record = iommu_dma_record_next(record, iova, last))
		record->ours = true;
}

static void page_freed(struct device *dev, struct page *page)
{
	phys_addr_t phys = page_to_phys(page);

	/* A driver may have mapped the page before, and let it wait */
	released(dev, phys, phys + PAGE_SIZE - 1, false,
		 "reaches a page that is freed");
}

/**
 * iommu_dma_debug_pages_freed() - Pages of a buffer are about to be freed
 * @dev: the device
 * @pages: the pages
 * @count: how many
 *
 * Context: Any context.
 */
void iommu_dma_debug_pages_freed(struct device *dev, struct page **pages,
				 unsigned int count)
{
	while (count--)
		page_freed(dev, *pages++);
}

/**
 * iommu_dma_debug_memory_freed() - A buffer is about to be freed
 * @dev: the device
 * @cpu_addr: the kernel's address of it
 * @size: bytes
 *
 * Context: Any context.
 */
void iommu_dma_debug_memory_freed(struct device *dev, void *cpu_addr,
				  size_t size)
{
	for (size_t at = 0; at < size; at += PAGE_SIZE)
		page_freed(dev, is_vmalloc_addr(cpu_addr) ?
					vmalloc_to_page(cpu_addr + at) :
					virt_to_page(cpu_addr + at));
}
