// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records: the model that debug.c holds page tables against.
 *
 * Owns the records of all domains, and the words in which a violation is reported.
 *
 * Words. record: a stretch of IOVA that is mapped to a stretch of memory, or was.
 * stale: cleared from the page table, and kept here as it may not have been
 * invalidated yet. guess: IOVA of which is not known what is mapped there.
 *
 * Records come from a pool that is made at boot, so that nothing fails or sleeps
 * here, and no allocation of a test's is counted. When the pool is empty, what cannot
 * be recorded becomes a guess. A domain has one range of guesses, which only grows.
 * What is known is always right: guesses make the oracle say less, and never anything
 * wrong.
 *
 * Lock order: iommu_dma_debug::lock, which protects a domain's records, pool_lock.
 */

#define pr_fmt(fmt) "iommu: DMA debug: " fmt

#include <kunit/test.h>
#include <kunit/test-bug.h>
#include <kunit/visibility.h>
#include <linux/debugfs.h>
#include <linux/interval_tree_generic.h>
#include <linux/printk.h>
#include <linux/vmalloc.h>

#include "record.h"

/* As many as dma-debug has */
#define RECORDS 65536

/* Of a long range no more granules than these are read back, evenly spread */
#define READ_BACK 1024

static u64 last_phys(const struct iommu_dma_record *record)
{
	return record->phys + (record->last - record->first);
}

#define IOVA_FIRST(record) ((record)->first)
#define IOVA_LAST(record) ((record)->last)
#define PHYS_FIRST(record) ((record)->phys)
INTERVAL_TREE_DEFINE(struct iommu_dma_record, by_iova, u64, iova_max,
		     IOVA_FIRST, IOVA_LAST, static, iova_tree)
INTERVAL_TREE_DEFINE(struct iommu_dma_record, by_phys, u64, phys_max,
		     PHYS_FIRST, last_phys, static, phys_tree)

/* Violations, ranges that became a guess, and records in use */
static atomic_t violations, guesses, records;
/* Stretches that were held against a page table. More than 32 bits can count. */
static atomic64_t checked;

static DEFINE_RAW_SPINLOCK(pool_lock);
/* Records that are not used. Protected by pool_lock. */
static struct iommu_dma_record *pool;
/* A test wants the pool to look empty. Protected by pool_lock. */
static bool starved;

static struct iommu_dma_record *get_record(void)
{
	struct iommu_dma_record *record;

	guard(raw_spinlock)(&pool_lock);
	record = pool;
	if (!record || starved)
		return NULL;
	pool = record->next;
	atomic_inc(&records);
	return record;
}

static void put_record(struct iommu_dma_record *record)
{
	guard(raw_spinlock)(&pool_lock);
	record->next = pool;
	pool = record;
	atomic_dec(&records);
}

static void insert(struct iommu_dma_debug *debug,
		   struct iommu_dma_record *record)
{
	iova_tree_insert(record, &debug->by_iova);
	phys_tree_insert(record, &debug->by_phys);
}

static void detach(struct iommu_dma_debug *debug,
		   struct iommu_dma_record *record)
{
	iova_tree_remove(record, &debug->by_iova);
	phys_tree_remove(record, &debug->by_phys);
}

static void add_guess(struct iommu_dma_debug *debug, u64 first, u64 last)
{
	atomic_inc(&guesses);
	if (debug->guessing) {
		first = min(first, debug->guess_first);
		last = max(last, debug->guess_last);
	}
	debug->guessing = true;
	debug->guess_first = first;
	debug->guess_last = last;
}

static bool is_guess(const struct iommu_dma_debug *debug, u64 first, u64 last)
{
	return debug->guessing && first <= debug->guess_last &&
	       last >= debug->guess_first;
}

/* Let a record begin at @at, if one holds it */
static void cut_at(struct iommu_dma_debug *debug, u64 at)
{
	struct iommu_dma_record *record =
		iova_tree_iter_first(&debug->by_iova, at, at);
	struct iommu_dma_record *upper;

	if (!record || record->first == at)
		return;

	upper = get_record();
	if (!upper)
		add_guess(debug, at, record->last);
	detach(debug, record);
	if (upper) {
		*upper = *record;
		upper->first = at;
		upper->phys += at - record->first;
		insert(debug, upper);
	}
	record->last = at - 1;
	insert(debug, record);
}

/**
 * iommu_dma_record_at() - Find the first record in a range
 * @debug: the model of a domain
 * @first: lowest IOVA of the range
 * @last: highest IOVA
 *
 * Context: Any context, under @debug's lock.
 * Return: The lowest record that has a part in the range, or NULL.
 */
struct iommu_dma_record *iommu_dma_record_at(struct iommu_dma_debug *debug,
					     u64 first, u64 last)
{
	return iova_tree_iter_first(&debug->by_iova, first, last);
}

/**
 * iommu_dma_record_next() - Find the next record in a range
 * @record: the one before
 * @first: lowest IOVA of the range
 * @last: highest IOVA
 *
 * Context: Any context, under the lock of the model.
 * Return: The record, or NULL.
 */
struct iommu_dma_record *iommu_dma_record_next(struct iommu_dma_record *record,
					       u64 first, u64 last)
{
	return iova_tree_iter_next(record, first, last);
}

/**
 * iommu_dma_record_at_phys() - Find a record by its memory
 * @debug: the model of a domain
 * @first: lowest physical address of a range
 * @last: highest physical address
 *
 * Context: Any context, under @debug's lock.
 * Return: The lowest record that has a part in the range, or NULL.
 */
struct iommu_dma_record *iommu_dma_record_at_phys(struct iommu_dma_debug *debug,
						  u64 first, u64 last)
{
	return phys_tree_iter_first(&debug->by_phys, first, last);
}

/**
 * iommu_dma_record_next_phys() - Find the next record by its memory
 * @record: the one before
 * @first: lowest physical address of a range
 * @last: highest physical address
 *
 * Context: Any context, under the lock of the model.
 * Return: The record, or NULL.
 */
struct iommu_dma_record *
iommu_dma_record_next_phys(struct iommu_dma_record *record, u64 first, u64 last)
{
	return phys_tree_iter_next(record, first, last);
}

/**
 * iommu_dma_record_add() - Record that a range is mapped
 * @debug: the model of a domain
 * @first: lowest IOVA of the range, in which there is no record
 * @last: highest IOVA
 * @phys: what @first is mapped to
 * @prot: IOMMU_READ, IOMMU_WRITE and others
 *
 * Context: Any context, under @debug's lock.
 */
void iommu_dma_record_add(struct iommu_dma_debug *debug, u64 first, u64 last,
			  u64 phys, int prot)
{
	struct iommu_dma_record *record = get_record();

	if (!record) {
		add_guess(debug, first, last);
		return;
	}
	*record = (struct iommu_dma_record){
		.first = first,
		.last = last,
		.phys = phys,
		.prot = prot,
	};
	insert(debug, record);
}

/**
 * iommu_dma_record_drop() - Record that a record is not reachable any more
 * @debug: the model of a domain
 * @record: the record
 *
 * Context: Any context, under @debug's lock.
 */
void iommu_dma_record_drop(struct iommu_dma_debug *debug,
			   struct iommu_dma_record *record)
{
	detach(debug, record);
	put_record(record);
}

/**
 * iommu_dma_record_cut() - Let no record cross the ends of a range
 * @debug: the model of a domain
 * @first: lowest IOVA of the range
 * @last: highest IOVA
 *
 * Context: Any context, under @debug's lock.
 */
void iommu_dma_record_cut(struct iommu_dma_debug *debug, u64 first, u64 last)
{
	cut_at(debug, first);
	if (last != U64_MAX)
		cut_at(debug, last + 1);
}

/**
 * iommu_dma_record_forget() - From now on, do not say anything about a range
 * @debug: the model of a domain
 * @first: lowest IOVA of the range
 * @last: highest IOVA
 *
 * Context: Any context, under @debug's lock.
 */
void iommu_dma_record_forget(struct iommu_dma_debug *debug, u64 first, u64 last)
{
	struct iommu_dma_record *record, *next;

	iommu_dma_record_cut(debug, first, last);
	for (record = iommu_dma_record_at(debug, first, last); record;
	     record = next) {
		next = iommu_dma_record_next(record, first, last);
		iommu_dma_record_drop(debug, record);
	}
	add_guess(debug, first, last);
}

/**
 * iommu_dma_record_stretch() - Ask what is mapped somewhere
 * @debug: the model of a domain
 * @iova: start of a range
 * @last: highest IOVA of it
 *
 * Context: Any context. Takes @debug's lock.
 * Return: What is known of the start of the range.
 */
struct iommu_dma_stretch iommu_dma_record_stretch(struct iommu_dma_debug *debug,
						  u64 iova, u64 last)
{
	struct iommu_dma_stretch stretch = {};
	struct iommu_dma_record *record;

	guard(raw_spinlock_irqsave)(&debug->lock);
	record = iommu_dma_record_at(debug, iova, last);
	if (record && record->first <= iova) {
		last = min(last, record->last);
		stretch.live = !record->stale;
		stretch.known = true;
		stretch.phys = record->phys + (iova - record->first);
		stretch.prot = record->prot;
		strscpy(stretch.owner, record->owner);
	} else {
		if (record)
			last = record->first - 1;
		stretch.known = !is_guess(debug, iova, last);
	}
	stretch.size = last - iova + 1;
	return stretch;
}

/**
 * iommu_dma_found() - Note a violation, if it is the first one
 * @finding: where
 * @what: what is wrong, in words
 * @owner: name of the device, or empty
 * @iova: start of the range that is concerned
 * @size: bytes
 * @expected: what should have been there
 * @seen: what is
 *
 * Context: Any context.
 */
void iommu_dma_found(struct iommu_dma_finding *finding, const char *what,
		     const char *owner, u64 iova, u64 size, u64 expected,
		     u64 seen)
{
	if (finding->what)
		return;

	finding->what = what;
	finding->iova = iova;
	finding->size = size;
	finding->expected = expected;
	finding->seen = seen;
	strscpy(finding->owner, owner);
}

/**
 * iommu_dma_found_record() - Note that a record should be gone, if it is the first
 * @finding: where
 * @what: what is wrong, in words
 * @record: the record
 *
 * Context: Any context, under the lock of the model.
 */
void iommu_dma_found_record(struct iommu_dma_finding *finding, const char *what,
			    const struct iommu_dma_record *record)
{
	iommu_dma_found(finding, what, record->owner, record->first,
			record->last - record->first + 1, 0, record->phys);
}

/**
 * iommu_dma_found_report() - Report a violation, if there is one
 * @debug: the model of a domain
 * @finding: what was found
 *
 * Context: Any context, also with locks that a console wants if that maps.
 */
void iommu_dma_found_report(const struct iommu_dma_debug *debug,
			    const struct iommu_dma_finding *finding)
{
	struct kunit *test = kunit_get_current_test();
	unsigned long flags;

	if (likely(!finding->what))
		return;

	atomic_inc(&violations);
	local_irq_save(flags);
	printk_deferred_enter();
	WARN(1, pr_fmt("%s: IOVA %#llx+%llu %s: expected %#llx, saw %#llx\n"),
	     *finding->owner ? finding->owner : debug->name, finding->iova,
	     finding->size, finding->what, finding->expected, finding->seen);
	printk_deferred_exit();
	local_irq_restore(flags);

	/* kunit_fail_current_test() sleeps */
	if (test && !kunit_is_suppressed_warning(false))
		kunit_set_failure(test);
}

/* Hold the page table against what the model says of a stretch */
static void read_back(struct iommu_domain *domain, u64 iova,
		      const struct iommu_dma_stretch *stretch,
		      struct iommu_dma_finding *finding)
{
	size_t granule = domain->iova_cookie->space.granule;
	size_t step = ALIGN(stretch->size / READ_BACK, granule) ?: granule;

	for (size_t at = 0; at < stretch->size; at += step) {
		u64 expected = stretch->live ? stretch->phys + at : 0;
		u64 seen = iommu_iova_to_phys(domain, iova + at);

		if (seen != expected)
			iommu_dma_found(finding, "is not as it was mapped",
					stretch->owner, iova + at,
					stretch->size, expected, seen);
	}
}

/**
 * iommu_dma_record_compare() - Hold the page table against the model
 * @debug: the model of a domain
 * @iova: start of a range, granule aligned, that nobody else uses meanwhile
 * @last: highest IOVA of it
 * @finding: set if they differ, in which case the range becomes a guess
 *
 * Context: Any context. Takes @debug's lock and those of the IOMMU driver, one after
 * the other.
 */
void iommu_dma_record_compare(struct iommu_dma_debug *debug, u64 iova, u64 last,
			      struct iommu_dma_finding *finding)
{
	struct iommu_dma_stretch stretch;
	u64 at = iova;

	for (;;) {
		stretch = iommu_dma_record_stretch(debug, at, last);
		if (stretch.known) {
			atomic64_inc(&checked);
			read_back(debug->domain, at, &stretch, finding);
		}
		if (finding->what)
			break;
		if (stretch.size > last - at)
			return;
		at += stretch.size;
	}

	guard(raw_spinlock_irqsave)(&debug->lock);
	iommu_dma_record_forget(debug, iova, last);
}

/**
 * iommu_dma_debug_counts() - Count what there has been
 *
 * Context: Any context.
 * Return: Violations, guesses and comparisons since boot, and records in use.
 */
struct iommu_dma_debug_counts iommu_dma_debug_counts(void)
{
	return (struct iommu_dma_debug_counts){
		.violations = atomic_read(&violations),
		.guesses = atomic_read(&guesses),
		.records = atomic_read(&records),
		.checked = atomic64_read(&checked),
	};
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_debug_counts);

/**
 * iommu_dma_debug_starve() - Let the pool look empty, for tests
 * @starve: whether
 *
 * Context: Any context.
 */
void iommu_dma_debug_starve(bool starve)
{
	guard(raw_spinlock_irqsave)(&pool_lock);
	starved = starve;
}
EXPORT_SYMBOL_IF_KUNIT(iommu_dma_debug_starve);

/* Before the first domain is made. Without memory, everything is a guess. */
static int __init iommu_dma_debug_make_pool(void)
{
	struct iommu_dma_record *all =
		vzalloc(array_size(RECORDS, sizeof(*all)));

	if (!all) {
		pr_warn("no memory, nothing is checked\n");
		return -ENOMEM;
	}

	guard(raw_spinlock_irqsave)(&pool_lock);
	for (unsigned int i = 0; i < RECORDS; i++) {
		all[i].next = pool;
		pool = &all[i];
	}
	return 0;
}
core_initcall(iommu_dma_debug_make_pool);

static int show_checked(void *data, u64 *value)
{
	*value = atomic64_read(&checked);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(checked_fops, show_checked, NULL, "%llu\n");

/* Documentation/ABI/testing/debugfs-dma-iommu says what is in them */
static int __init iommu_dma_debug_make_files(void)
{
	struct dentry *dir = iommu_dma_debug_dir();

	debugfs_create_atomic_t("violations", 0400, dir, &violations);
	debugfs_create_atomic_t("guesses", 0400, dir, &guesses);
	debugfs_create_atomic_t("records", 0400, dir, &records);
	debugfs_create_file_unsafe("checked", 0400, dir, NULL, &checked_fops);
	return 0;
}
late_initcall(iommu_dma_debug_make_files);
