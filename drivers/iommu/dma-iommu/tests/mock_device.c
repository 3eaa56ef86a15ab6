// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mock IOMMU: its devices, and the life of a test.
 */

#include <linux/dma-iommu.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "../private.h"
#include "mock.h"
#include "space_check.h"

/**
 * mock_test_init() - Give a test its mock, in kunit::priv
 * @test: the test; for kunit_suite::init
 *
 * The mock translates 4 MiB of IOVA from address 0 on, in granules of 4 KiB.
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int mock_test_init(struct kunit *test)
{
	struct mock *mock;

	mock = kunit_kzalloc(test, sizeof(*mock), GFP_KERNEL);
	if (!mock)
		return -ENOMEM;

	mock->test = test;
	mock->pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G;
	mock->last = SZ_4M - 1;
	mock->found = iommu_dma_debug_counts().violations;
	mock->guesses = iommu_dma_debug_counts().guesses;
	spin_lock_init(&mock->lock);
	INIT_LIST_HEAD(&mock->domains);
	test->priv = mock;
	return 0;
}

/**
 * mock_room() - How much of a domain's IOVA space is free?
 * @domain: a domain with a DMA cookie that is set up, of some MiB at most
 *
 * Takes all there is, granule by granule, and gives it back.
 *
 * Context: Process context, may sleep.
 * Return: free granules, in one piece or not.
 */
size_t mock_room(struct iommu_domain *domain)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	size_t all = (space->last - space->first + 1) / space->granule;
	struct iommu_dma_request request = {
		.size = space->granule,
		.align = space->granule,
		.limit = ~(dma_addr_t)0,
	};
	dma_addr_t *taken;
	size_t nr = 0;

	taken = kvmalloc_objs(*taken, all);
	if (!taken)
		return SIZE_MAX;

	while (nr < all && !iommu_dma_space_alloc(space, &request, &taken[nr]))
		nr++;
	for (size_t i = 0; i < nr; i++)
		iommu_dma_space_free(space, taken[i], space->granule);
	kvfree(taken);
	return nr;
}

/**
 * mock_drain() - Release what waits in a lazy domain
 * @domain: a domain of the mock
 *
 * Context: Process context.
 */
void mock_drain(struct iommu_domain *domain)
{
	if (domain->cookie_type == IOMMU_COOKIE_DMA_IOVA &&
	    domain->iova_cookie->lazy.made)
		iommu_dma_flush_drain(domain->iova_cookie->lazy.made);
}

/**
 * mock_check_space() - Check that all IOVA of a domain is free
 * @mock: the mock
 * @domain: a domain with a DMA cookie
 *
 * All but what is reserved, quarantined or in mock::kept.
 *
 * Context: Process context of the test, may sleep.
 */
void mock_check_space(struct mock *mock, struct iommu_domain *domain)
{
	struct iommu_dma_space *space = &domain->iova_cookie->space;
	size_t lost = atomic_long_read(&space->quarantined) + mock->kept;
	struct iommu_dma_census census;

	if (!space->granule)
		return;

	KUNIT_EXPECT_STREQ(mock->test,
			   iommu_dma_space_check(space, &census) ?: "", "");
	KUNIT_EXPECT_EQ_MSG(mock->test, census.used, lost / space->granule,
			    "IOVA was lost, or given back twice");
}

/**
 * mock_test_exit() - Check that a test left nothing behind
 * @test: the test; for kunit_suite::exit
 *
 * Nothing is mapped but mock::kept bytes, nothing is stale, all IOVA is back, so
 * are the slots if they are counted, nothing was seen that must not happen, by the
 * mock or by the oracle of CONFIG_IOMMU_DMA_DEBUG, and that has seen everything.
 *
 * Context: Process context, may sleep.
 */
void mock_test_exit(struct kunit *test)
{
	struct mock *mock = test->priv;

	if (!mock)
		return;

	KUNIT_EXPECT_EQ_MSG(test, mock_left_behind(mock),
			    mock->kept + mock->direct,
			    "bytes are still mapped");
	KUNIT_EXPECT_EQ_MSG(test, mock_tables_left(mock), 0,
			    "pages of page tables were not freed");
	mock_forget_tables(mock);
	if (mock->bouncer)
		KUNIT_EXPECT_EQ_MSG(test, mock_slots_used(mock->bouncer),
				    mock->slots,
				    "slots were lost, or given back twice");
	KUNIT_EXPECT_EQ_MSG(test, mock->violations, 0, "%s", mock->complaint);
	KUNIT_EXPECT_EQ_MSG(test, iommu_dma_debug_counts().violations,
			    mock->found, "the log says of what");
	KUNIT_EXPECT_EQ_MSG(test, iommu_dma_debug_counts().guesses,
			    mock->guesses, "the oracle did not see it all");
}

static void remove_device(void *data)
{
	struct mock_dev *mdev = data;

	platform_device_unregister(mdev->pdev);
}

/*
 * The IOMMU core forgets what firmware said with a device that it was shown. Of one that
 * was not added, set_fwspec() keeps that.
 */
static void put_pdev(void *data)
{
	struct platform_device *pdev = data;
	struct dev_iommu *said = pdev->dev.iommu;

	if (said) {
		if (said->fwspec)
			fwnode_handle_put(said->fwspec->iommu_fwnode);
		kfree(said->fwspec);
		kfree(said);
		pdev->dev.iommu = NULL;
	}
	platform_device_put(pdev);
}

static int set_range_map(struct device *dev, const struct bus_dma_region *map)
{
	struct bus_dma_region *copy;
	size_t nr = 1;

	if (!map)
		return 0;
	while (map[nr - 1].size)
		nr++;

	copy = kmemdup_array(map, nr, sizeof(*map), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	dev->dma_range_map = copy;
	return 0;
}

/*
 * Say what firmware would: that the device is behind the mock IOMMU. This is
 * iommu_fwspec_init() without a lock that modules do not see, and that nobody
 * can contend before the device is added.
 */
static int set_fwspec(struct device *dev)
{
	struct iommu_fwspec *fwspec = kzalloc_flex(*fwspec, ids, 1);

	dev->iommu = kzalloc_obj(*dev->iommu);
	if (!fwspec || !dev->iommu) {
		kfree(fwspec);
		kfree(dev->iommu);
		dev->iommu = NULL;
		return -ENOMEM;
	}

	mutex_init(&dev->iommu->lock);
	fwspec->iommu_fwnode = fwnode_handle_get(mock_fwnode());
	dev->iommu->fwspec = fwspec;
	return 0;
}

/* Make all of a device, and do not add it */
static struct mock_dev *make_device(struct mock *mock,
				    const struct mock_traits *traits)
{
	struct kunit *test = mock->test;
	struct platform_device *pdev;
	struct mock_dev *mdev;
	struct device *dev;
	int ret;

	mdev = kunit_kzalloc(test, sizeof(*mdev), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mdev);
	pdev = platform_device_alloc("dma-iommu-mock", PLATFORM_DEVID_AUTO);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	ret = kunit_add_action_or_reset(test, put_pdev, pdev);
	KUNIT_ASSERT_EQ(test, ret, 0);

	mdev->mock = mock;
	mdev->pdev = pdev;
	mdev->traits = *traits;
	dev = &pdev->dev;
	dev_set_drvdata(dev, mdev);
	*dev->dma_mask = traits->dma_mask ?: DMA_BIT_MASK(64);
	dev->coherent_dma_mask = traits->coherent_mask ?: *dev->dma_mask;
	dev->bus_dma_limit = traits->bus_limit;
	if (traits->boundary)
		dma_set_seg_boundary(dev, traits->boundary);
	if (traits->max_seg)
		dma_set_max_seg_size(dev, traits->max_seg);
	if (traits->align_mask)
		dma_set_min_align_mask(dev, traits->align_mask);
	dev_assign_dma_coherent(dev, !traits->noncoherent);
	KUNIT_ASSERT_EQ(test, set_range_map(dev, traits->range_map), 0);

	platform_device_set_of_node(pdev, traits->node);
	KUNIT_ASSERT_EQ(test, set_fwspec(dev), 0);
	return mdev;
}

/* It was added: from here on, unregistering drops the reference that putting did */
static void keep_device(struct mock_dev *mdev)
{
	struct kunit *test = mdev->mock->test;
	int ret;

	kunit_remove_action(test, put_pdev, mdev->pdev);
	ret = kunit_add_action_or_reset(test, remove_device, mdev);
	KUNIT_ASSERT_EQ(test, ret, 0);
}

/**
 * mock_device_like() - Make a device behind the mock IOMMU
 * @mock: the mock
 * @traits: what it is like
 *
 * The test fails and ends if the device cannot be made. It goes away with the
 * test. Whether the layer took it is for the caller to ask.
 *
 * Context: Process context of the test, may sleep.
 * Return: the device.
 */
struct device *mock_device_like(struct mock *mock,
				const struct mock_traits *traits)
{
	struct mock_dev *mdev = make_device(mock, traits);
	struct device *dev = &mdev->pdev->dev;

	KUNIT_ASSERT_EQ(mock->test, platform_device_add(mdev->pdev), 0);
	keep_device(mdev);
	KUNIT_ASSERT_NOT_NULL(mock->test, dev->iommu_group);

	iommu_dma_settle_device(dev);
	return dev;
}

/**
 * mock_device_failing() - Make a device while memory runs out, or something else fails
 * @mock: the mock
 * @traits: what it is like
 * @nth: which allocation of adding it fails, see mock_fail_nth(); 0 for none
 * @hit: set to whether one has failed, or anything else of struct mock_fault
 *
 * Context: Process context of the test, may sleep.
 * Return: the device, which may have no group, and goes away with the test; or NULL.
 */
struct device *mock_device_failing(struct mock *mock,
				   const struct mock_traits *traits,
				   unsigned int nth, bool *hit)
{
	struct mock_dev *mdev = make_device(mock, traits);
	int ret;

	mock_fail_nth(nth);
	ret = platform_device_add(mdev->pdev);
	*hit = !mock_fail_nth(0) && nth;
	*hit |= !!mock->fault.hits;
	if (ret) {
		kunit_release_action(mock->test, put_pdev, mdev->pdev);
		return NULL;
	}
	keep_device(mdev);
	return &mdev->pdev->dev;
}

/**
 * mock_device_remove() - Remove a device before the test ends
 * @mock: the mock
 * @dev: the device, not of use any more afterwards
 *
 * Context: Process context of the test, may sleep.
 */
void mock_device_remove(struct mock *mock, struct device *dev)
{
	kunit_release_action(mock->test, remove_device, dev_get_drvdata(dev));
}

static void free_domain(void *data)
{
	iommu_domain_free(data);
}

/**
 * mock_unmanaged_domain() - Make a domain like those of VFIO
 * @mock: the mock
 * @dev: a device that it is for; not attached
 *
 * Goes away with the test.
 *
 * Context: Process context of the test, may sleep.
 * Return: the domain.
 */
struct iommu_domain *mock_unmanaged_domain(struct mock *mock,
					   struct device *dev)
{
	struct iommu_domain *domain = iommu_paging_domain_alloc(dev);
	int ret;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(mock->test, domain);
	ret = kunit_add_action_or_reset(mock->test, free_domain, domain);
	KUNIT_ASSERT_EQ(mock->test, ret, 0);
	return domain;
}

struct mock_buffer {
	void *addr;
	size_t size;
};

static void free_buffer(void *data)
{
	struct mock_buffer *buffer = data;

	free_pages_exact(buffer->addr, buffer->size);
}

/**
 * mock_buffer() - Get memory to map
 * @test: the test, which it goes away with
 * @size: bytes
 *
 * Context: Process context of the test, may sleep.
 * Return: zeroed, page-aligned, physically contiguous memory.
 */
void *mock_buffer(struct kunit *test, size_t size)
{
	struct mock_buffer *buffer;
	int ret;

	buffer = kunit_kzalloc(test, sizeof(*buffer), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	buffer->size = size;
	buffer->addr = alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, buffer->addr);
	ret = kunit_add_action_or_reset(test, free_buffer, buffer);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return buffer->addr;
}

/**
 * mock_refused() - Does every mapping of a device fail?
 * @test: the test
 * @dev: a device that could not be set up
 *
 * Such a device must not get past the layer either, to physical addresses which
 * the IOMMU would take for IOVAs.
 *
 * Context: Process context, may sleep.
 * Return: true if all that was tried failed, with an error.
 */
bool mock_refused(struct kunit *test, struct device *dev)
{
	void *memory = mock_buffer(test, SZ_4K);
	struct scatterlist sg;
	dma_addr_t iova;

	if (!dev_dma_iommu(dev))
		return false;

	sg_init_one(&sg, memory, SZ_4K);
	iova = dma_map_single(dev, memory, SZ_4K, DMA_BIDIRECTIONAL);
	return dma_mapping_error(dev, iova) &&
	       !dma_map_sg(dev, &sg, 1, DMA_BIDIRECTIONAL) &&
	       !dma_alloc_coherent(dev, SZ_4K, &iova, GFP_KERNEL) &&
	       !dma_alloc_coherent(dev, SZ_4K, &iova, GFP_ATOMIC) &&
	       !dma_alloc_noncontiguous(dev, SZ_4K, DMA_BIDIRECTIONAL,
					GFP_KERNEL, 0) &&
	       !dma_get_merge_boundary(dev);
}

/**
 * mock_give_all() - Find out which IOVAs a device is given
 * @mock: the mock, whose aperture ends after some MiB
 * @dev: the device
 *
 * Maps one granule until nothing is left, and takes all away again.
 *
 * Context: Process context of the test, may sleep.
 * Return: what was had.
 */
struct mock_given mock_give_all(struct mock *mock, struct device *dev)
{
	struct kunit *test = mock->test;
	size_t granule = mock_granule(mock);
	unsigned int all = DIV_ROUND_UP(mock->last + 1, granule);
	struct mock_given given = { .lowest = ~(dma_addr_t)0 };
	void *memory = mock_buffer(test, granule);
	unsigned int at;
	dma_addr_t iova;

	given.granules = kunit_kzalloc(test, BITS_TO_LONGS(all) * sizeof(long),
				       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, given.granules);

	for (;;) {
		iova = dma_map_single_attrs(dev, memory, granule, DMA_TO_DEVICE,
					    DMA_ATTR_SKIP_CPU_SYNC);
		if (dma_mapping_error(dev, iova))
			break;
		KUNIT_ASSERT_LT(test, iova / granule, all);
		KUNIT_EXPECT_FALSE(test, test_and_set_bit(iova / granule,
							  given.granules));
		given.lowest = min(given.lowest, iova);
		given.highest = max(given.highest, iova);
		given.nr++;
	}

	for_each_set_bit(at, given.granules, all)
		dma_unmap_single_attrs(dev, at * granule, granule,
				       DMA_TO_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	return given;
}

/**
 * mock_given_within() - How much of a range was a device given?
 * @mock: the mock
 * @given: from mock_give_all()
 * @first: lowest address of the range
 * @last: highest address, inclusive
 *
 * Context: Any context.
 * Return: bytes, in granules that the range touches.
 */
size_t mock_given_within(struct mock *mock, const struct mock_given *given,
			 dma_addr_t first, dma_addr_t last)
{
	size_t granule = mock_granule(mock);
	size_t bytes = 0;

	for (dma_addr_t iova = ALIGN_DOWN(first, granule); iova <= last;
	     iova += granule)
		if (test_bit(iova / granule, given->granules))
			bytes += granule;
	return bytes;
}

/**
 * mock_add_any_range() - Add a random range to a set that is not full
 * @ranges: the set
 * @rnd: where randomness comes from
 *
 * Most ranges begin in the lowest 5 MiB, some where the one before ends. They
 * have no more to do with granules than firmware's have, and some go up to the
 * top of all addresses.
 *
 * Context: Any context.
 */
void mock_add_any_range(struct mock_ranges *ranges, struct rnd_state *rnd)
{
	u64 first = prandom_u32_state(rnd) % (5 * SZ_1M);
	u64 size = 1 + prandom_u32_state(rnd) %
			       (SZ_4K << (prandom_u32_state(rnd) % 10));
	unsigned int how = prandom_u32_state(rnd), i = ranges->nr++;

	if (how & 1) {
		first = ALIGN_DOWN(first, SZ_4K);
		size = ALIGN(size, SZ_4K);
	}
	if (!(how & 6) && i && ranges->range[i - 1].last < SZ_4M)
		first = ranges->range[i - 1].last + 1;
	ranges->range[i].first = first;
	ranges->range[i].last = how & 0x70 ? first + size - 1 : U64_MAX;
}

/* Does a set have any of some addresses? */
static bool any_in(const struct mock_ranges *ranges, u64 first, u64 last)
{
	for (unsigned int i = 0; i < ranges->nr; i++)
		if (ranges->range[i].first <= last &&
		    ranges->range[i].last >= first)
			return true;
	return false;
}

/* Does a set have all of some addresses, which are not the topmost? */
static bool all_in(const struct mock_ranges *ranges, u64 first, u64 last)
{
	unsigned int i = 0;

	while (i < ranges->nr) {
		if (ranges->range[i].first > first ||
		    ranges->range[i].last < first) {
			i++;
			continue;
		}
		if (ranges->range[i].last >= last)
			return true;
		first = ranges->range[i].last + 1;
		i = 0;
	}
	return false;
}

/**
 * mock_expect_given() - Expect that a device was given all that it may have
 * @mock: the mock, whose aperture starts at 0 and ends after some MiB
 * @given: from mock_give_all()
 * @windows: all that it can reach; NULL for everything
 * @holes: what it must not have; NULL for nothing
 *
 * That is every granule but the first that lies in windows as a whole and in
 * holes not at all.
 *
 * Context: Process context of the test.
 */
void mock_expect_given(struct mock *mock, const struct mock_given *given,
		       const struct mock_ranges *windows,
		       const struct mock_ranges *holes)
{
	size_t granule = mock_granule(mock);

	for (u64 iova = 0; iova < mock->last; iova += granule) {
		u64 last = iova + granule - 1;
		bool may = iova;

		if (windows && !all_in(windows, iova, last))
			may = false;
		if (holes && any_in(holes, iova, last))
			may = false;
		KUNIT_EXPECT_EQ_MSG(mock->test, may,
				    test_bit(iova / granule, given->granules),
				    "IOVA %#llx", iova);
	}
}
