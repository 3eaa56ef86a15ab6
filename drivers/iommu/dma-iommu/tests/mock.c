// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mock IOMMU: the driver.
 *
 * It is registered once per suite; what a test sees of it, struct mock, lives
 * as long as the test. Ranges are kept in tables, see mock_table.c, from IOVA to the
 * difference between physical address and IOVA: that does not change when a
 * range is cut, so that a table of any page size costs nothing.
 *
 * Locks: mock::lock, safe with interrupts off. No callback of a test runs
 * under it.
 */

#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "../../dma-iommu.h"
#include "../../iommu-pages.h"
#include "../private.h"
#include "mock.h"
#include "mock_table.h"

#define MOCK_PROT 0xffUL

/* Granules from IOVA 0 on that are watched when flushes meet unmaps */
#define MOCK_WATCHED 1024

/**
 * struct mock_domain - A domain of the mock
 * @domain: the domain
 * @mock: as the test sees it
 * @list: in mock::domains
 * @live: the page table
 * @stale: what was cleared from it and not invalidated
 * @flushes: flushes of the whole domain that have begun
 * @flushed: the last of these that has ended
 * @cleared: per granule, the first flush that will have invalidated it: one that
 *	     begins after it was cleared. 0 if it was invalidated
 * @stuck: IOVA of what mock_fault::unmap_nth left mapped
 * @is_stuck: there is such
 */
struct mock_domain {
	struct iommu_domain domain;
	struct mock *mock;
	struct list_head list;
	struct mock_table live;
	struct mock_table stale;
	unsigned int flushes;
	unsigned int flushed;
	unsigned int cleared[MOCK_WATCHED];
	dma_addr_t stuck;
	bool is_stuck;
};

static struct iommu_device mock_iommu;

static struct mock_domain *to_mock_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_domain, domain);
}

static __printf(2, 3) void complain(struct mock *mock, const char *fmt, ...)
{
	va_list args;

	lockdep_assert_held(&mock->lock);
	if (mock->violations++)
		return;

	va_start(args, fmt);
	vscnprintf(mock->complaint, sizeof(mock->complaint), fmt, args);
	va_end(args);
}

static void record(struct mock *mock, enum mock_op op)
{
	lockdep_assert_held(&mock->lock);
	mock->count[op]++;
	if (mock->nr_history < MOCK_HISTORY)
		mock->history[mock->nr_history++] = "msuif"[op];
}

/* Counts @nth down; true in the call that makes it 0 */
static bool due(unsigned int *nth)
{
	return *nth && !--*nth;
}

/* The same for a call that fails: perhaps the next one does, too */
static bool fails(struct mock_fault *fault, unsigned int *nth)
{
	if (!due(nth))
		return false;
	fault->hits++;
	*nth = fault->for_good;
	return true;
}

static void *entry_of(dma_addr_t iova, phys_addr_t phys, int prot)
{
	u64 value = (phys - iova) & ~MOCK_PROT & GENMASK_ULL(62, 0);

	return xa_mk_value(value | (prot & MOCK_PROT));
}

static phys_addr_t entry_phys(void *entry, dma_addr_t iova)
{
	return (iova + (xa_to_value(entry) & ~MOCK_PROT)) & GENMASK_ULL(62, 0);
}

static int entry_prot(void *entry)
{
	return xa_to_value(entry) & MOCK_PROT;
}

static void set_range(struct mock *mock, struct mock_table *table,
		      dma_addr_t first, dma_addr_t last, void *entry)
{
	if (mock_table_set(table, first, last, entry))
		complain(mock, "the mock ran out of memory");
}

static bool overlaps(struct mock_table *table, dma_addr_t first,
		     dma_addr_t last)
{
	dma_addr_t end;

	return mock_table_next(table, &first, last, &end);
}

/* Set what is known of the granules of a range, as far as they are watched */
static void watch(struct mock_domain *mdom, dma_addr_t first, dma_addr_t last,
		  unsigned int flush)
{
	unsigned int shift = __ffs(mdom->domain.pgsize_bitmap);

	for (first >>= shift; first <= last >> shift && first < MOCK_WATCHED;
	     first++)
		mdom->cleared[first] = flush;
}

/*
 * A flush that began before something was cleared may have missed it, though it ended
 * later: @stale forgets that.
 */
static bool missed_by_flush(struct mock_domain *mdom, dma_addr_t first,
			    dma_addr_t last)
{
	unsigned int shift = __ffs(mdom->domain.pgsize_bitmap);

	for (first >>= shift; first <= last >> shift && first < MOCK_WATCHED;
	     first++)
		if (mdom->cleared[first] > mdom->flushed)
			return true;
	return false;
}

/* Of pages that swiotlb has got together, only the first one has a reference */
static bool is_free(struct mock *mock, unsigned long pfn)
{
	return pfn_valid(pfn) && !page_count(pfn_to_page(pfn)) &&
	       !(mock->bouncer && mock_is_slot(mock->bouncer, PFN_PHYS(pfn)));
}

/* Memory that a device can reach must belong to somebody */
static void check_owned(struct mock *mock, dma_addr_t first, dma_addr_t last,
			void *entry, const char *when)
{
	unsigned long pfn = PHYS_PFN(entry_phys(entry, first));
	unsigned long end = PHYS_PFN(entry_phys(entry, last)) + 1;

	if (mock->check_heads)
		end = pfn + 1;
	else if (!mock->check_pages)
		return;

	for (; pfn < end; pfn++)
		if (is_free(mock, pfn))
			complain(mock, "page %#lx is free and reachable %s",
				 pfn, when);
}

static int mock_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t phys, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct mock_domain *mdom = to_mock_domain(domain);
	struct mock *mock = mdom->mock;
	dma_addr_t last;
	int ret = 0;

	might_sleep_if(gfpflags_allow_blocking(gfp));
	if (mock->at_map)
		mock->at_map(mock, iova, phys, pgsize * pgcount);

	guard(spinlock_irqsave)(&mock->lock);
	record(mock, MOCK_MAP);
	mock->last_prot = prot;
	mock->last_gfp = gfp;

	if (mock->chunk)
		pgcount = min(pgcount, mock->chunk);
	if (fails(&mock->fault, &mock->fault.map_nth)) {
		pgcount = min(pgcount, mock->fault.map_pages);
		ret = mock->fault.map_error;
	}
	if (!pgcount)
		return ret;

	last = iova + pgsize * pgcount - 1;
	if (!(pgsize & domain->pgsize_bitmap) || (iova | phys) & (pgsize - 1))
		complain(mock, "%#lx: map of an odd page", iova);
	if (iova < domain->geometry.aperture_start || last < iova ||
	    last > domain->geometry.aperture_end)
		complain(mock, "%#lx: map outside of the aperture", iova);
	if (overlaps(&mdom->stale, iova, last) ||
	    missed_by_flush(mdom, iova, last))
		complain(mock, "%#lx: mapped while still reachable", iova);
	if (overlaps(&mdom->live, iova, last)) {
		complain(mock, "%#lx: mapped twice", iova);
		return -EEXIST;
	}

	set_range(mock, &mdom->live, iova, last, entry_of(iova, phys, prot));
	check_owned(mock, iova, last, entry_of(iova, phys, prot),
		    "from map on");
	*mapped = pgsize * pgcount;
	return ret;
}

/* How many bytes from @iova on are in the page table without a gap */
static size_t live_from(struct mock_domain *mdom, dma_addr_t iova, size_t size)
{
	dma_addr_t last = iova + size - 1, next = iova, at = iova, end;

	while (mock_table_next(&mdom->live, &at, last, &end) && at <= next) {
		if (end >= last)
			return size;
		next = end + 1;
		at = next;
	}
	return next - iova;
}

/*
 * Leave a page of the page table to be freed when nothing can walk it any more. A
 * reference of the mock's own keeps it, so that its freeing can be seen.
 */
static void leave_table(struct mock *mock, struct iommu_iotlb_gather *gather)
{
	unsigned int nth;
	void *table;

	if (!mock->tables || mock->nr_tables == MOCK_TABLES)
		return;

	nth = mock_fail_nth(0);
	table = iommu_alloc_pages_node_sz(NUMA_NO_NODE, GFP_ATOMIC, PAGE_SIZE);
	mock_fail_nth(nth);
	if (!table)
		return;
	folio_get(virt_to_folio(table));
	mock->table[mock->nr_tables++] = virt_to_folio(table);
	iommu_pages_list_add(&gather->freelist, table);
}

/* Forget what is free now that the mock has asked for it: it was invalidated before */
static void put_tables(struct mock *mock, struct iommu_pages_list *freelist)
{
	unsigned int kept = 0;

	iommu_put_pages_list(freelist);
	guard(spinlock_irqsave)(&mock->lock);
	for (unsigned int i = mock->nr_flushed; i < mock->nr_tables; i++) {
		struct folio *table = mock->table[i];

		if (folio_ref_count(table) == 1)
			folio_put(table);
		else
			mock->table[mock->nr_flushed + kept++] = table;
	}
	mock->nr_tables = mock->nr_flushed + kept;
}

/* Pages that wait for an invalidation, and are in nobody's hands but the layer's */
static void check_tables(struct mock *mock)
{
	for (unsigned int i = mock->nr_flushed; i < mock->nr_tables; i++)
		if (folio_ref_count(mock->table[i]) != 2)
			complain(mock,
				 "a page table was freed before the flush");
}

static size_t mock_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	struct mock_domain *mdom = to_mock_domain(domain);
	struct mock *mock = mdom->mock;
	size_t granule = 1UL << __ffs(domain->pgsize_bitmap);
	dma_addr_t last, at = iova, end;
	size_t size;
	void *entry;

	guard(spinlock_irqsave)(&mock->lock);
	if (mdom->is_stuck && iova == mdom->stuck)
		return 0;

	size = live_from(mdom, iova, pgsize * pgcount);
	/* Page tables would complain */
	mock->missed += !size;
	if (size && due(&mock->fault.unmap_nth)) {
		size -= granule;
		mdom->stuck = iova + size;
		mdom->is_stuck = true;
	}
	if (!size)
		return 0;

	record(mock, MOCK_UNMAP);
	last = iova + size - 1;
	while ((entry = mock_table_next(&mdom->live, &at, last, &end))) {
		dma_addr_t from = max(at, iova);
		dma_addr_t to = min(end, last);

		check_owned(mock, from, to, entry, "when it is unmapped");
		set_range(mock, &mdom->stale, from, to, entry);
		if (to == last)
			break;
		at = to + 1;
	}
	set_range(mock, &mdom->live, iova, last, NULL);
	watch(mdom, iova, last, mdom->flushes + 1);
	leave_table(mock, gather);
	if (!iommu_iotlb_gather_queued(gather))
		iommu_iotlb_gather_add_range(gather, iova, size);
	return due(&mock->fault.unmap_more_nth) ? size + granule : size;
}

static void begin_invalidation(struct mock_domain *mdom, dma_addr_t first,
			       dma_addr_t last)
{
	struct mock *mock = mdom->mock;
	dma_addr_t at = first, end;
	void *entry;

	if (mock->at_sync)
		mock->at_sync(mock, &mdom->domain);

	guard(spinlock_irqsave)(&mock->lock);
	check_tables(mock);
	if (!mock->check_pages && !mock->check_heads)
		return;
	while ((entry = mock_table_next(&mdom->stale, &at, last, &end))) {
		check_owned(mock, max(at, first), min(end, last), entry,
			    "when it is invalidated");
		if (end >= last)
			break;
		at = end + 1;
	}
}

static void mock_iotlb_sync(struct iommu_domain *domain,
			    struct iommu_iotlb_gather *gather)
{
	struct mock_domain *mdom = to_mock_domain(domain);

	scoped_guard(spinlock_irqsave, &mdom->mock->lock)
		record(mdom->mock, MOCK_SYNC);
	begin_invalidation(mdom, gather->start, gather->end);
	scoped_guard(spinlock_irqsave, &mdom->mock->lock) {
		set_range(mdom->mock, &mdom->stale, gather->start, gather->end,
			  NULL);
		watch(mdom, gather->start, gather->end, 0);
	}
	put_tables(mdom->mock, &gather->freelist);
}

static void mock_flush_iotlb_all(struct iommu_domain *domain)
{
	struct mock_domain *mdom = to_mock_domain(domain);

	unsigned int tables, flush;

	scoped_guard(spinlock_irqsave, &mdom->mock->lock) {
		record(mdom->mock, MOCK_FLUSH);
		flush = ++mdom->flushes;
		tables = mdom->mock->nr_tables;
	}
	begin_invalidation(mdom, 0, ~(dma_addr_t)0);
	guard(spinlock_irqsave)(&mdom->mock->lock);
	/* As this comes from timers, it must not ask for memory */
	mock_table_clear(&mdom->stale);
	mdom->flushed = max(mdom->flushed, flush);
	mdom->mock->nr_flushed =
		max(mdom->mock->nr_flushed, min(tables, mdom->mock->nr_tables));
}

static int mock_iotlb_sync_map(struct iommu_domain *domain, unsigned long iova,
			       size_t size)
{
	struct mock *mock = to_mock_domain(domain)->mock;

	guard(spinlock_irqsave)(&mock->lock);
	record(mock, MOCK_SYNC_MAP);
	if (fails(&mock->fault, &mock->fault.sync_map_nth))
		return mock->fault.sync_map_error;
	return 0;
}

static phys_addr_t mock_iova_to_phys(struct iommu_domain *domain,
				     dma_addr_t iova)
{
	phys_addr_t phys;

	return mock_lookup(domain, iova, &phys, NULL) ? phys : 0;
}

static int attach(struct device *dev)
{
	struct mock_dev *mdev = dev_get_drvdata(dev);
	struct mock *mock = mdev->mock;

	if (mock->fault.attach_error) {
		mock->fault.hits++;
		return mock->fault.attach_error;
	}
	mdev->attaches++;
	return 0;
}

/*
 * A device that is attached may use what firmware wants mapped to itself: there
 * must be no time without it.
 */
static void check_direct(struct mock_domain *mdom, struct device *dev)
{
	struct mock_dev *mdev = dev_get_drvdata(dev);
	struct mock *mock = mdev->mock;

	for (unsigned int i = 0; i < mdev->traits.nr_regions; i++) {
		const struct mock_region *region = &mdev->traits.regions[i];
		phys_addr_t phys;

		if (region->empty ||
		    (region->type != IOMMU_RESV_DIRECT &&
		     region->type != IOMMU_RESV_DIRECT_RELAXABLE))
			continue;
		if (mock_lookup(&mdom->domain, region->first, &phys, NULL) &&
		    phys == region->first)
			continue;

		guard(spinlock_irqsave)(&mock->lock);
		complain(mock, "%pa: attached without its direct region",
			 &region->first);
	}
}

static int mock_attach_dev(struct iommu_domain *domain, struct device *dev,
			   struct iommu_domain *old)
{
	if (iommu_is_dma_domain(domain))
		check_direct(to_mock_domain(domain), dev);
	return attach(dev);
}

static void mock_domain_free(struct iommu_domain *domain)
{
	struct mock_domain *mdom = to_mock_domain(domain);

	scoped_guard(spinlock_irqsave, &mdom->mock->lock) {
		list_del(&mdom->list);
		mock_table_clear(&mdom->live);
		mock_table_clear(&mdom->stale);
	}
	mock_table_destroy(&mdom->live);
	mock_table_destroy(&mdom->stale);
	kfree(mdom);
}

static const struct iommu_domain_ops mock_domain_ops = {
	.attach_dev = mock_attach_dev,
	.map_pages = mock_map_pages,
	.unmap_pages = mock_unmap_pages,
	.flush_iotlb_all = mock_flush_iotlb_all,
	.iotlb_sync_map = mock_iotlb_sync_map,
	.iotlb_sync = mock_iotlb_sync,
	.iova_to_phys = mock_iova_to_phys,
	.free = mock_domain_free,
};

static int mock_attach_identity(struct iommu_domain *domain, struct device *dev,
				struct iommu_domain *old)
{
	return attach(dev);
}

static const struct iommu_domain_ops mock_identity_ops = {
	.attach_dev = mock_attach_identity,
};

static struct iommu_domain mock_identity_domain = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &mock_identity_ops,
};

static int init_tables(struct mock_domain *mdom)
{
	unsigned int shift = __ffs(mdom->domain.pgsize_bitmap);
	struct mock *mock = mdom->mock;
	size_t nr = (mock->last >> shift) + 1;

	mock_table_init(&mdom->live, &mock->lock);
	mock_table_init(&mdom->stale, &mock->lock);
	if (!mock->irqs)
		return 0;
	return mock_table_init_flat(&mdom->live, nr, shift) ?:
		       mock_table_init_flat(&mdom->stale, nr, shift);
}

static struct iommu_domain *mock_domain_alloc_paging(struct device *dev)
{
	struct mock *mock = mock_of(dev);
	struct mock_domain *mdom;

	mdom = kzalloc_obj(*mdom);
	if (!mdom)
		return ERR_PTR(-ENOMEM);

	mdom->mock = mock;
	mdom->domain.pgsize_bitmap = mock->pgsize_bitmap;
	mdom->domain.geometry = (struct iommu_domain_geometry){
		.aperture_start = mock->first,
		.aperture_end = mock->last,
		.force_aperture = true,
	};
	if (init_tables(mdom)) {
		mock_table_destroy(&mdom->live);
		mock_table_destroy(&mdom->stale);
		kfree(mdom);
		return ERR_PTR(-ENOMEM);
	}

	guard(spinlock_irqsave)(&mock->lock);
	list_add_tail(&mdom->list, &mock->domains);
	return &mdom->domain;
}

static bool mock_capable(struct device *dev, enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY ||
	       (cap == IOMMU_CAP_DEFERRED_FLUSH && !mock_of(dev)->never_lazy);
}

static struct iommu_device *mock_probe_device(struct device *dev)
{
	dev->iommu->shadow_on_flush = mock_of(dev)->shadow;
	return &mock_iommu;
}

static struct iommu_group *mock_device_group(struct device *dev)
{
	struct mock_dev *mdev = dev_get_drvdata(dev);

	if (mdev->traits.sibling)
		return iommu_group_get(mdev->traits.sibling);
	return iommu_group_alloc();
}

static void mock_get_resv_regions(struct device *dev, struct list_head *list)
{
	struct mock_dev *mdev = dev_get_drvdata(dev);
	struct iommu_resv_region *region;

	for (unsigned int i = 0; i < mdev->traits.nr_regions; i++) {
		const struct mock_region *from = &mdev->traits.regions[i];
		size_t size = from->empty ? 0 : from->last - from->first + 1;

		/* Drivers cannot say that they had no memory for one */
		region = iommu_alloc_resv_region(from->first, size,
						 from->prot ?: IOMMU_READ |
							       IOMMU_WRITE,
						 from->type,
						 GFP_KERNEL | __GFP_NOFAIL);
		list_add_tail(&region->list, list);
	}
	iommu_dma_get_resv_regions(dev, list);
}

static bool mock_is_attach_deferred(struct device *dev)
{
	struct mock_dev *mdev = dev_get_drvdata(dev);

	return mdev->traits.deferred;
}

static int mock_def_domain_type(struct device *dev)
{
	struct mock *mock = mock_of(dev);

	if (mock->undecided)
		return 0;
	if (mock->identity)
		return IOMMU_DOMAIN_IDENTITY;
	return mock->lazy ? IOMMU_DOMAIN_DMA_FQ : IOMMU_DOMAIN_DMA;
}

static const struct iommu_ops mock_ops = {
	.owner = THIS_MODULE,
	.identity_domain = &mock_identity_domain,
	.capable = mock_capable,
	.domain_alloc_paging = mock_domain_alloc_paging,
	.probe_device = mock_probe_device,
	.device_group = mock_device_group,
	.get_resv_regions = mock_get_resv_regions,
	.is_attach_deferred = mock_is_attach_deferred,
	.def_domain_type = mock_def_domain_type,
	.default_domain_ops = &mock_domain_ops,
};

/**
 * mock_fwnode() - What firmware would call the mock IOMMU
 *
 * Context: Any context, while a suite is running.
 * Return: the node.
 */
struct fwnode_handle *mock_fwnode(void)
{
	return mock_iommu.fwnode;
}

/**
 * mock_suite_init() - Register the mock IOMMU
 * @suite: a suite that uses it; for kunit_suite::suite_init
 *
 * Context: Process context, may sleep.
 * Return: 0 or an error.
 */
int mock_suite_init(struct kunit_suite *suite)
{
	int ret;

	mock_iommu = (struct iommu_device){};
	mock_iommu.fwnode = fwnode_create_software_node(NULL, NULL);
	if (IS_ERR(mock_iommu.fwnode)) {
		ret = PTR_ERR(mock_iommu.fwnode);
		goto err_forget_fwnode;
	}

	ret = iommu_device_sysfs_add(&mock_iommu, NULL, NULL, "dma-iommu-mock");
	if (ret)
		goto err_remove_fwnode;

	ret = iommu_device_register(&mock_iommu, &mock_ops, NULL);
	if (ret)
		goto err_remove_sysfs;
	return 0;

err_remove_sysfs:
	iommu_device_sysfs_remove(&mock_iommu);
err_remove_fwnode:
	fwnode_remove_software_node(mock_iommu.fwnode);
err_forget_fwnode:
	mock_iommu.fwnode = NULL;
	return ret;
}

/**
 * mock_suite_exit() - Undo mock_suite_init()
 * @suite: the suite; for kunit_suite::suite_exit
 *
 * Context: Process context, may sleep.
 */
void mock_suite_exit(struct kunit_suite *suite)
{
	if (!mock_iommu.fwnode)
		return;

	iommu_device_unregister(&mock_iommu);
	iommu_device_sysfs_remove(&mock_iommu);
	fwnode_remove_software_node(mock_iommu.fwnode);
}

/**
 * mock_forget() - Start the history and the counts anew
 * @mock: the mock
 *
 * Context: Any context.
 */
void mock_forget(struct mock *mock)
{
	guard(spinlock_irqsave)(&mock->lock);
	memset(mock->history, 0, sizeof(mock->history));
	memset(mock->count, 0, sizeof(mock->count));
	mock->nr_history = 0;
}

static size_t bytes_in(struct mock *mock, struct mock_table *table)
{
	dma_addr_t at = 0, end;
	size_t bytes = 0;

	guard(spinlock_irqsave)(&mock->lock);
	while (mock_table_next(table, &at, ULONG_MAX, &end)) {
		bytes += end - at + 1;
		if (end == ULONG_MAX)
			break;
		at = end + 1;
	}
	return bytes;
}

/**
 * mock_live() - How much is mapped?
 * @domain: a domain of the mock
 *
 * Context: Any context.
 * Return: bytes in the page table.
 */
size_t mock_live(struct iommu_domain *domain)
{
	struct mock_domain *mdom = to_mock_domain(domain);

	return bytes_in(mdom->mock, &mdom->live);
}

/**
 * mock_stale() - How much was cleared and not invalidated?
 * @domain: a domain of the mock
 *
 * Context: Any context.
 * Return: bytes that are not in the page table and can be reached.
 */
size_t mock_stale(struct iommu_domain *domain)
{
	struct mock_domain *mdom = to_mock_domain(domain);

	return bytes_in(mdom->mock, &mdom->stale);
}

static void *walk(struct mock_domain *mdom, struct mock_table *table,
		  dma_addr_t iova)
{
	dma_addr_t end;

	/* Its entries are words. Many CPUs would do nothing but wait for the lock. */
	if (table->flat)
		return mock_table_next(table, &iova, iova, &end);
	guard(spinlock_irqsave)(&mdom->mock->lock);
	return mock_table_next(table, &iova, iova, &end);
}

/**
 * mock_lookup() - Walk the page table
 * @domain: a domain of the mock
 * @iova: what to look up
 * @phys: set to the physical address, unless NULL
 * @prot: set to the permissions, unless NULL
 *
 * Context: Any context.
 * Return: true if @iova is mapped.
 */
bool mock_lookup(struct iommu_domain *domain, dma_addr_t iova,
		 phys_addr_t *phys, int *prot)
{
	struct mock_domain *mdom = to_mock_domain(domain);
	void *entry = walk(mdom, &mdom->live, iova);

	if (!entry)
		return false;
	if (phys)
		*phys = entry_phys(entry, iova);
	if (prot)
		*prot = entry_prot(entry);
	return true;
}

/**
 * mock_reachable() - Can a device reach anything there?
 * @domain: a domain of the mock
 * @iova: start of the range
 * @size: bytes, not 0
 *
 * Context: Any context.
 * Return: true if a part is mapped or stale.
 */
bool mock_reachable(struct iommu_domain *domain, dma_addr_t iova, size_t size)
{
	struct mock_domain *mdom = to_mock_domain(domain);
	dma_addr_t last = iova + size - 1;

	guard(spinlock_irqsave)(&mdom->mock->lock);
	return overlaps(&mdom->live, iova, last) ||
	       overlaps(&mdom->stale, iova, last);
}

/**
 * mock_reach() - Find what a device reaches, be it in the table or stale
 * @domain: a domain of the mock
 * @iova: what to look up
 * @phys: set to the physical address
 * @prot: set to the permissions
 *
 * Context: Any context.
 * Return: true if the device reaches anything there.
 */
bool mock_reach(struct iommu_domain *domain, dma_addr_t iova, phys_addr_t *phys,
		int *prot)
{
	struct mock_domain *mdom = to_mock_domain(domain);
	void *entry;

	if (mock_lookup(domain, iova, phys, prot))
		return true;

	entry = walk(mdom, &mdom->stale, iova);
	if (!entry)
		return false;
	*phys = entry_phys(entry, iova);
	*prot = entry_prot(entry);
	return true;
}

/**
 * mock_tables_left() - How many pages of page tables are not free yet?
 * @mock: the mock
 *
 * Context: Any context.
 * Return: those of mock::tables that the layer still has.
 */
unsigned int mock_tables_left(struct mock *mock)
{
	unsigned int left = 0;

	guard(spinlock_irqsave)(&mock->lock);
	for (unsigned int i = 0; i < mock->nr_tables; i++)
		left += folio_ref_count(mock->table[i]) != 1;
	return left;
}

/**
 * mock_forget_tables() - Free what was kept to see it freed
 * @mock: the mock
 *
 * Context: Any context, when nothing else uses the mock.
 */
void mock_forget_tables(struct mock *mock)
{
	while (mock->nr_tables)
		folio_put(mock->table[--mock->nr_tables]);
	mock->nr_flushed = 0;
}

/**
 * mock_stuck() - Find what mock_fault::unmap_nth left mapped
 * @domain: a domain of the mock, in which something was left
 *
 * Context: Any context.
 * Return: the physical address of it.
 */
phys_addr_t mock_stuck(struct iommu_domain *domain)
{
	phys_addr_t phys = 0;

	mock_lookup(domain, to_mock_domain(domain)->stuck, &phys, NULL);
	return phys;
}

/**
 * mock_unstick() - Remove what mock_fault::unmap_nth left mapped
 * @domain: a domain of the mock
 *
 * Context: Any context.
 * Return: bytes that were left mapped.
 */
size_t mock_unstick(struct iommu_domain *domain)
{
	struct mock_domain *mdom = to_mock_domain(domain);
	struct mock *mock = mdom->mock;
	size_t granule = 1UL << __ffs(domain->pgsize_bitmap);

	guard(spinlock_irqsave)(&mock->lock);
	if (!mdom->is_stuck)
		return 0;

	iommu_dma_debug_removed(domain, mdom->stuck, granule);
	mdom->is_stuck = false;
	granule = live_from(mdom, mdom->stuck, granule);
	if (granule)
		set_range(mock, &mdom->live, mdom->stuck,
			  mdom->stuck + granule - 1, NULL);
	return granule;
}

/**
 * mock_clear() - Remove all that is mapped, after an unmap that came up short
 * @domain: a domain of the mock
 *
 * Behind what mock_fault::unmap_nth left mapped, more may have been left.
 *
 * Context: Any context.
 * Return: bytes that were mapped.
 */
size_t mock_clear(struct iommu_domain *domain)
{
	struct mock_domain *mdom = to_mock_domain(domain);
	size_t live = mock_live(domain);

	guard(spinlock_irqsave)(&mdom->mock->lock);
	mdom->is_stuck = false;
	mock_table_clear(&mdom->live);
	iommu_dma_debug_removed(domain, 0, SIZE_MAX);
	return live;
}

/**
 * mock_left_behind() - What do the domains of a test still hold?
 * @mock: the mock
 *
 * The test fails if anything is stale.
 *
 * Context: Process context of the test, when nothing else uses the domains.
 * Return: bytes in all page tables.
 */
size_t mock_left_behind(struct mock *mock)
{
	struct mock_domain *mdom;
	size_t live = 0;

	list_for_each_entry(mdom, &mock->domains, list) {
		mock_drain(&mdom->domain);
		live += mock_live(&mdom->domain);
		KUNIT_EXPECT_EQ_MSG(mock->test, mock_stale(&mdom->domain), 0,
				    "cleared and never invalidated");
		if (mdom->domain.cookie_type == IOMMU_COOKIE_DMA_IOVA)
			mock_check_space(mock, &mdom->domain);
	}
	return live;
}
