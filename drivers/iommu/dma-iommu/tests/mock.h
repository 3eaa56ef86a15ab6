/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mock IOMMU, its devices, and what tests can ask of them.
 *
 * The mock is a driver like any other: the IOMMU core probes its devices,
 * gives them groups and default domains and calls iommu_setup_dma_ops() on
 * them. Its page table is a map of ranges. What was cleared from the table and
 * not yet invalidated is kept in a second map: a device can still reach it. At
 * every call the mock checks that nothing which can be reached is mapped
 * again; at the end of a test, that nothing is left.
 *
 * reachable: in the page table, or cleared and not yet invalidated. stale: the
 * latter only. violation: something that must never happen, seen by the mock.
 */
#ifndef __DMA_IOMMU_TESTS_MOCK_H
#define __DMA_IOMMU_TESTS_MOCK_H

#include <kunit/test.h>
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/iommu.h>
#include <linux/platform_device.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/swiotlb.h>

#define MOCK_HISTORY 256
#define MOCK_REGIONS 8
#define MOCK_TABLES 1024

/**
 * enum mock_op - Calls of the driver that are counted
 * @MOCK_MAP: map_pages, "m" in the history
 * @MOCK_SYNC_MAP: iotlb_sync_map, "s"
 * @MOCK_UNMAP: unmap_pages that cleared something, "u"
 * @MOCK_SYNC: iotlb_sync, "i"
 * @MOCK_FLUSH: flush_iotlb_all, "f"
 * @MOCK_NR_OPS: how many there are
 */
enum mock_op {
	MOCK_MAP,
	MOCK_SYNC_MAP,
	MOCK_UNMAP,
	MOCK_SYNC,
	MOCK_FLUSH,
	MOCK_NR_OPS,
};

/**
 * struct mock_fault - What goes wrong next
 * @map_nth: which map call from now on fails, counted from 1; 0 for none
 * @map_error: what that call returns
 * @map_pages: pages that it maps all the same
 * @sync_map_nth: which iotlb_sync_map call from now on fails; 0 for none
 * @sync_map_error: what that call returns
 * @unmap_nth: which unmap call leaves its last granule mapped; 0 for none
 * @unmap_more_nth: which unmap call says that it cleared a granule more; 0 for none
 * @attach_error: what every attachment of a device returns; 0 if none fails
 * @for_good: after a map call or iotlb_sync_map call that fails, all of the kind do
 * @hits: how many of these and of attachments have failed
 */
struct mock_fault {
	unsigned int map_nth;
	int map_error;
	size_t map_pages;
	unsigned int sync_map_nth;
	int sync_map_error;
	unsigned int unmap_nth;
	unsigned int unmap_more_nth;
	int attach_error;
	bool for_good;
	unsigned int hits;
};

/**
 * struct mock - The mock IOMMU as one test sees it
 * @test: the test
 * @pgsize_bitmap: page sizes of domains that are made from now on
 * @first: lowest IOVA that they translate
 * @last: highest IOVA that they translate
 * @chunk: most pages that one map call takes; 0 for no limit
 * @check_pages: a page that can be reached must not be free; looks at each page
 * @check_heads: the same, for the first page of a physically contiguous range
 * @lazy: default domains are of type IOMMU_DOMAIN_DMA_FQ
 * @never_lazy: the IOMMU cannot defer an invalidation
 * @shadow: invalidations are dear, see dev_iommu::shadow_on_flush
 * @tables: every unmap leaves a page of the page table to be freed
 * @identity: they are of type IOMMU_DOMAIN_IDENTITY
 * @undecided: the driver has no say in their type: the kernel's default, or what
 *	       user space asks for
 * @irqs: interrupts map and unmap: domains have some MiB of IOVA from 0 on, and no more
 * @kept: bytes that the test leaves mapped in DMA domains on purpose
 * @direct: bytes that it leaves mapped outside of the IOVA space
 * @at_sync: called when an invalidation starts, with the stale ranges still
 *	     reachable
 * @at_sync_data: for @at_sync
 * @at_map: called before memory is mapped, which nothing can reach there yet
 * @at_map_data: for @at_map
 * @fault: what goes wrong next
 * @missed: calls to unmap where nothing was mapped
 * @found: violations that the layer's own oracle had found before the test, and
 *	   those that the test has provoked
 * @guesses: the same for what it became blind to
 * @bouncer: a device that slots of swiotlb are counted for; NULL for none
 * @slots: how many were taken before the test took any
 * @lock: protects all that follows, and what it points to
 * @domains: list of domains
 * @table: pages of page tables that unmaps have left
 * @nr_tables: how many of them
 * @nr_flushed: how many, from the first on, may be free
 * @history: one letter per call of the driver, see enum mock_op
 * @nr_history: letters in @history
 * @count: calls of the driver
 * @last_prot: of the last map call
 * @last_gfp: of the last map call
 * @violations: things seen that must never happen
 * @complaint: the first of them
 */
struct mock {
	struct kunit *test;
	unsigned long pgsize_bitmap;
	dma_addr_t first;
	dma_addr_t last;
	size_t chunk;
	bool check_pages;
	bool check_heads;
	bool lazy;
	bool never_lazy;
	bool shadow;
	bool tables;
	bool identity;
	bool undecided;
	bool irqs;
	size_t kept;
	size_t direct;
	void (*at_sync)(struct mock *mock, struct iommu_domain *domain);
	void *at_sync_data;
	void (*at_map)(struct mock *mock, dma_addr_t iova, phys_addr_t phys,
		       size_t size);
	void *at_map_data;
	struct mock_fault fault;
	unsigned int missed;
	unsigned int found;
	unsigned int guesses;
	struct device *bouncer;
	unsigned long slots;

	spinlock_t lock; /* protects all that follows */
	struct list_head domains;
	struct folio *table[MOCK_TABLES];
	unsigned int nr_tables;
	unsigned int nr_flushed;
	char history[MOCK_HISTORY + 1];
	unsigned int nr_history;
	unsigned int count[MOCK_NR_OPS];
	int last_prot;
	gfp_t last_gfp;
	unsigned int violations;
	char complaint[128];
};

/**
 * struct mock_region - A reserved region
 * @first: lowest address
 * @last: highest address, inclusive
 * @type: as in struct iommu_resv_region
 * @prot: the same; 0 for reading and writing
 * @empty: a region of no bytes at @first, as bad firmware has them
 */
struct mock_region {
	phys_addr_t first;
	phys_addr_t last;
	enum iommu_resv_type type;
	int prot;
	bool empty;
};

/**
 * struct mock_traits - What a device is like; all zero is a plain one
 * @dma_mask: of the device; 0 for 64 bits. The coherent mask is the same
 * @coherent_mask: for buffers, if not the same
 * @bus_limit: as struct device's bus_dma_limit; 0 for none
 * @boundary: segment boundary; 0 for the default of 4 GiB
 * @max_seg: maximum segment size; 0 for the default of 64 KiB
 * @align_mask: as in struct device_dma_parameters
 * @noncoherent: caches have to be maintained by software
 * @range_map: DMA windows, ended by an entry of size 0; copied
 * @regions: reserved regions
 * @nr_regions: how many
 * @node: of the device tree; NULL for none
 * @deferred: it is to be attached when it first maps
 * @sibling: a device whose group this one joins; NULL for a group of its own
 */
struct mock_traits {
	u64 dma_mask;
	u64 coherent_mask;
	u64 bus_limit;
	unsigned long boundary;
	unsigned int max_seg;
	unsigned int align_mask;
	bool noncoherent;
	const struct bus_dma_region *range_map;
	struct mock_region regions[MOCK_REGIONS];
	unsigned int nr_regions;
	struct device_node *node;
	bool deferred;
	struct device *sibling;
};

/**
 * struct mock_dev - A device behind the mock IOMMU, in its driver data
 * @mock: as the test sees it
 * @pdev: the device
 * @traits: what it is like
 * @attaches: how often it was attached to a domain
 */
struct mock_dev {
	struct mock *mock;
	struct platform_device *pdev;
	struct mock_traits traits;
	unsigned int attaches;
};

/**
 * struct mock_given - Which IOVAs a device was given, when it asked for all
 * @granules: one bit per granule from IOVA 0 on
 * @nr: bits that are set
 * @lowest: the lowest IOVA
 * @highest: the highest granule's start
 */
struct mock_given {
	unsigned long *granules;
	unsigned int nr;
	dma_addr_t lowest;
	dma_addr_t highest;
};

/**
 * struct mock_ranges - A set of addresses, in any order, perhaps overlapping
 * @nr: how many ranges
 * @range: each from its first to its last address, inclusive
 */
struct mock_ranges {
	unsigned int nr;
	struct {
		u64 first;
		u64 last;
	} range[MOCK_REGIONS];
};

/**
 * struct mock_shadow - What CPU and device should find in a mapped buffer
 * @dev: the device
 * @iova: its address of the buffer
 * @memory: the CPU's
 * @size: bytes
 * @bounced: granules that are not all the buffer's are slots
 * @cpu: what the CPU should find
 * @device: what the device should find
 * @seen: what it found
 */
struct mock_shadow {
	struct device *dev;
	dma_addr_t iova;
	u8 *memory;
	size_t size;
	bool bounced;
	u8 *cpu;
	u8 *device;
	u8 *seen;
};

/**
 * struct mock_hog - All slots of swiotlb, in the hands of a device
 * @dev: the device
 * @memory: what it has mapped again and again
 * @iovas: where
 * @nr: how often
 */
struct mock_hog {
	struct device *dev;
	void *memory;
	dma_addr_t *iovas;
	unsigned int nr;
};

/* mock.c: the IOMMU driver */

struct fwnode_handle *mock_fwnode(void);
int mock_suite_init(struct kunit_suite *suite);
void mock_suite_exit(struct kunit_suite *suite);

void mock_forget(struct mock *mock);
size_t mock_live(struct iommu_domain *domain);
size_t mock_stale(struct iommu_domain *domain);
bool mock_lookup(struct iommu_domain *domain, dma_addr_t iova,
		 phys_addr_t *phys, int *prot);
bool mock_reachable(struct iommu_domain *domain, dma_addr_t iova, size_t size);
bool mock_reach(struct iommu_domain *domain, dma_addr_t iova, phys_addr_t *phys,
		int *prot);
unsigned int mock_tables_left(struct mock *mock);
void mock_forget_tables(struct mock *mock);
phys_addr_t mock_stuck(struct iommu_domain *domain);
size_t mock_unstick(struct iommu_domain *domain);
size_t mock_clear(struct iommu_domain *domain);
size_t mock_left_behind(struct mock *mock);

/* mock_device.c: what tests have of it */

int mock_test_init(struct kunit *test);
void mock_test_exit(struct kunit *test);
size_t mock_room(struct iommu_domain *domain);
void mock_drain(struct iommu_domain *domain);
void mock_check_space(struct mock *mock, struct iommu_domain *domain);

struct device *mock_device_like(struct mock *mock,
				const struct mock_traits *traits);

/* The same with the members of the traits, for example ".sibling = dev" */
#define mock_device(mock, ...) \
	mock_device_like(mock, &(struct mock_traits){ __VA_ARGS__ })

struct device *mock_device_failing(struct mock *mock,
				   const struct mock_traits *traits,
				   unsigned int nth, bool *hit);
void mock_device_remove(struct mock *mock, struct device *dev);
struct iommu_domain *mock_unmanaged_domain(struct mock *mock,
					   struct device *dev);
void *mock_buffer(struct kunit *test, size_t size);
bool mock_refused(struct kunit *test, struct device *dev);
struct mock_given mock_give_all(struct mock *mock, struct device *dev);
size_t mock_given_within(struct mock *mock, const struct mock_given *given,
			 dma_addr_t first, dma_addr_t last);
void mock_add_any_range(struct mock_ranges *ranges, struct rnd_state *rnd);
void mock_expect_given(struct mock *mock, const struct mock_given *given,
		       const struct mock_ranges *windows,
		       const struct mock_ranges *holes);

/* mock_memory.c: memory as devices see it, and what stands in for it */

bool mock_read(struct device *dev, dma_addr_t iova, void *to, size_t size);
bool mock_write(struct device *dev, dma_addr_t iova, const void *from,
		size_t size);
bool mock_fill(struct device *dev, dma_addr_t iova, u8 byte, size_t size);
bool mock_is_slot(struct device *dev, phys_addr_t phys);
bool mock_in_slot(struct device *dev, dma_addr_t iova);
bool mock_slot_taken(struct device *dev, phys_addr_t phys);
unsigned long mock_slots_used(struct device *dev);
bool mock_slots_grow(struct device *dev, bool grow);
bool mock_poison_slots(struct device *dev, u8 byte);
void mock_count_slots(struct device *dev);
void mock_set_pattern(u8 *memory, u8 *expected, size_t size, u8 seed);
struct device *mock_untrusted_like(struct mock *mock,
				   const struct mock_traits *traits);

/* The same with the members of the traits, as for mock_device() */
#define mock_untrusted(mock, ...) \
	mock_untrusted_like(mock, &(struct mock_traits){ __VA_ARGS__ })

struct mock_shadow *mock_shadow(struct kunit *test, struct device *dev,
				size_t largest);
void mock_shadow_begin(struct mock_shadow *shadow, dma_addr_t iova,
		       void *memory, size_t size);
bool mock_shadow_write(struct mock_shadow *shadow, size_t at, size_t size,
		       u8 byte);
void mock_shadow_cpu_write(struct mock_shadow *shadow, size_t at, size_t size,
			   u8 byte);
void mock_shadow_for_cpu(struct mock_shadow *shadow, size_t at, size_t size,
			 enum dma_data_direction dir);
void mock_shadow_for_device(struct mock_shadow *shadow, size_t at, size_t size,
			    enum dma_data_direction dir);
bool mock_shadow_holds(struct mock_shadow *shadow);
struct mock_hog *mock_hog_slots(struct mock *mock);
void mock_hog_release(struct mock_hog *hog, unsigned int nr);

/* mock_fail.c: memory that is not there */

void mock_fail_start(struct kunit *test);
unsigned int mock_fail_nth(unsigned int nth);

static inline struct mock *mock_of(struct device *dev)
{
	struct mock_dev *mdev = dev_get_drvdata(dev);

	return mdev->mock;
}

/* How often a device was attached to a domain */
static inline unsigned int mock_attaches(struct device *dev)
{
	struct mock_dev *mdev = dev_get_drvdata(dev);

	return mdev->attaches;
}

/* How many slots the test holds */
static inline unsigned long mock_slots_held(struct device *dev)
{
	return mock_slots_used(dev) - mock_of(dev)->slots;
}

/* How many slots stand in for granules of the mock */
static inline unsigned long mock_slots_of(size_t granules)
{
	return granules * DIV_ROUND_UP(SZ_4K, IO_TLB_SIZE);
}

/* The granule of a domain that the mock made */
static inline size_t mock_granule(struct mock *mock)
{
	return mock->pgsize_bitmap & -mock->pgsize_bitmap;
}

/* How much memory @size bytes from @addr on take, in whole granules */
static inline size_t mock_span(struct mock *mock, u64 addr, size_t size)
{
	size_t granule = mock_granule(mock);

	return ALIGN((addr & (granule - 1)) + size, granule);
}

#endif /* __DMA_IOMMU_TESTS_MOCK_H */
