// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of scatterlists of which parts bounce: what the device sees in all that it
 * reaches, how contiguous that is, and what is left when it ends, well or not.
 */

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/scatterlist.h>

#include "../private.h"
#include "mock.h"

static unsigned int mock_seed;
module_param_named(bounce_seed, mock_seed, uint, 0444);
MODULE_PARM_DESC(bounce_seed, "Seed of random lists; 0 for a new one each time");

#define GRANULE SZ_4K
#define AREA SZ_512K
#define MAX_ENTRIES 64
#define POISON 0x5e

/**
 * struct entry - An entry of a list
 * @at: where it is in memory
 * @size: bytes
 */
struct entry {
	size_t at;
	unsigned int size;
};

/**
 * struct list - A list, memory that it lists, and a device that bounces
 * @test: the test
 * @mock: the mock
 * @dev: the device
 * @domain: its domain
 * @memory: AREA bytes
 * @expected: what should be in there
 * @seen: what the device saw
 * @inside: one for each byte that is a buffer's, of what the device saw
 * @sgl: the list
 * @before: a copy of it from before it was mapped
 * @nents: its entries
 * @nsegs: its segments when it is mapped
 */
struct list {
	struct kunit *test;
	struct mock *mock;
	struct device *dev;
	struct iommu_domain *domain;
	u8 *memory;
	u8 *expected;
	u8 *seen;
	u8 *inside;
	struct scatterlist sgl[MAX_ENTRIES];
	struct scatterlist before[MAX_ENTRIES];
	int nents;
	int nsegs;
};

static void set_pattern(struct list *list, u8 seed)
{
	for (size_t i = 0; i < AREA; i++)
		list->memory[i] = 1 + (i * 7 + (i >> 8) + seed) % 255;
	memcpy(list->expected, list->memory, AREA);
}

static struct list *make_list(struct kunit *test, struct device *dev)
{
	struct list *list = kunit_kzalloc(test, sizeof(*list), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, list);
	list->test = test;
	list->mock = test->priv;
	list->dev = dev;
	list->domain = iommu_get_domain_for_dev(dev);
	list->memory = mock_buffer(test, AREA);
	list->expected = mock_buffer(test, AREA);
	list->seen = mock_buffer(test, AREA);
	list->inside = mock_buffer(test, AREA);
	set_pattern(list, 0);
	return list;
}

static struct list *make_untrusted(struct kunit *test)
{
	return make_list(test, mock_untrusted(test->priv));
}

static void fill_list(struct list *list, const struct entry *entries, int nents)
{
	sg_init_table(list->sgl, nents);
	for (int i = 0; i < nents; i++) {
		struct scatterlist *sg = &list->sgl[i];
		u8 *at = list->memory + entries[i].at;

		sg_set_page(sg, virt_to_page(at), entries[i].size,
			    offset_in_page(at));
		sg_dma_address(sg) = 0xdead0000 + i;
		sg_dma_len(sg) = 0xbeef;
	}
	list->nents = nents;
	memcpy(list->before, list->sgl, sizeof(list->sgl));
}

static void expect_untouched(struct list *list)
{
	KUNIT_EXPECT_MEMEQ(list->test, list->sgl, list->before,
			   list->nents * sizeof(*list->sgl));
}

static unsigned long slots(struct list *list)
{
	return mock_slots_used(list->dev) - list->mock->slots;
}

static unsigned long slots_of(size_t granules)
{
	return granules * DIV_ROUND_UP(GRANULE, IO_TLB_SIZE);
}

/* Granules of an entry, and how many of these are not all its own */
static size_t span_of(struct scatterlist *sg, size_t *apart)
{
	size_t first = sg->offset & (GRANULE - 1);
	size_t span = ALIGN(first + sg->length, GRANULE);
	bool tail = (first + sg->length) & (GRANULE - 1);

	*apart = 0;
	if (!sg->length)
		return 0;
	if (span == GRANULE)
		*apart = first || tail;
	else
		*apart = !!first + tail;
	return span;
}

static unsigned long slots_of_list(struct list *list)
{
	size_t sum = 0, apart;

	for (int i = 0; i < list->nents; i++) {
		span_of(&list->sgl[i], &apart);
		sum += apart;
	}
	return slots_of(sum);
}

/* Where an entry's data is for the device, by what the segments say */
static dma_addr_t iova_of(struct list *list, int entry)
{
	struct scatterlist *seg = list->sgl;
	size_t at = 0;

	for (int i = 0; i < entry; i++)
		at += list->sgl[i].length;
	while (at >= sg_dma_len(seg))
		at -= sg_dma_len(seg++);
	return sg_dma_address(seg) + at;
}

/*
 * Expect that the segments hold the entries' bytes one after the other, that all else
 * that the device reaches is zero, and that it is one range of IOVA with as many
 * slots as there are granules that are not all an entry's.
 */
static void expect_view(struct list *list)
{
	dma_addr_t start = ALIGN_DOWN(sg_dma_address(list->sgl), GRANULE);
	struct kunit *test = list->test;
	size_t total = 0, at = 0, apart;

	for (int i = 0; i < list->nents; i++)
		total += span_of(&list->sgl[i], &apart);
	KUNIT_ASSERT_LE(test, total, AREA);
	KUNIT_ASSERT_EQ(test, mock_live(list->domain), total);
	KUNIT_ASSERT_TRUE(test, mock_read(list->dev, start, list->seen, total));
	KUNIT_EXPECT_EQ(test, slots(list), slots_of_list(list));

	memset(list->inside, 0, total);
	for (int i = 0; i < list->nents; i++) {
		struct scatterlist *sg = &list->sgl[i];

		if (!sg->length)
			continue;
		at = iova_of(list, i) - start;
		KUNIT_ASSERT_LE(test, at + sg->length, total);
		KUNIT_ASSERT_TRUE_MSG(test,
				      !memcmp(list->seen + at, sg_virt(sg),
					      sg->length), "entry %d", i);
		memset(list->inside + at, 1, sg->length);
	}
	for (size_t i = 0; i < total; i++)
		if (!list->inside[i])
			KUNIT_ASSERT_EQ_MSG(test, list->seen[i], 0,
					    "byte %#zx of what is mapped", i);
}

static void expect_memory(struct list *list)
{
	KUNIT_ASSERT_TRUE(list->test,
			  !memcmp(list->memory, list->expected, AREA));
}

static void map_list(struct list *list, enum dma_data_direction dir,
		     unsigned long attrs)
{
	mock_forget(list->mock);
	list->nsegs = dma_map_sg_attrs(list->dev, list->sgl, list->nents, dir,
				       attrs);
	KUNIT_ASSERT_GT(list->test, list->nsegs, 0);
	KUNIT_EXPECT_EQ(list->test, list->mock->count[MOCK_SYNC_MAP], 1);
}

static void unmap_list(struct list *list, enum dma_data_direction dir)
{
	mock_forget(list->mock);
	dma_unmap_sg(list->dev, list->sgl, list->nents, dir);
	KUNIT_EXPECT_EQ(list->test, mock_live(list->domain), 0);
	KUNIT_EXPECT_EQ(list->test, mock_stale(list->domain), 0);
	KUNIT_EXPECT_EQ(list->test, slots(list), 0);
	for (int i = 0; i < list->nents; i++)
		KUNIT_EXPECT_FALSE(list->test,
				   sg_dma_is_swiotlb(&list->sgl[i]));
}

/* Let the device write each entry, and what is around it */
static void write_all(struct list *list, u8 byte)
{
	for (int i = 0; i < list->nents; i++) {
		struct scatterlist *sg = &list->sgl[i];
		size_t apart, offset = sg->offset & (GRANULE - 1);
		size_t span = span_of(sg, &apart);
		dma_addr_t iova;

		if (!sg->length)
			continue;
		iova = iova_of(list, i);
		KUNIT_EXPECT_TRUE(list->test,
				  mock_fill(list->dev, iova - offset, 0x99,
					    offset));
		KUNIT_EXPECT_TRUE(list->test,
				  mock_fill(list->dev, iova + sg->length, 0x99,
					    span - offset - sg->length));
		KUNIT_EXPECT_TRUE(list->test,
				  mock_fill(list->dev, iova, byte + i,
					    sg->length));
		memset(list->expected + (sg_virt(sg) - (void *)list->memory),
		       byte + i, sg->length);
	}
}

/* Map, look, let the device write, take away, look again; return the segments */
static int round_trip(struct list *list)
{
	map_list(list, DMA_BIDIRECTIONAL, 0);
	expect_view(list);
	write_all(list, 0x20);
	unmap_list(list, DMA_BIDIRECTIONAL);
	expect_memory(list);
	return list->nsegs;
}

/* Whole granules, and all kinds of others */
static const struct entry mixed[] = {
	{ 0, GRANULE },		    { 2 * GRANULE + 1, 10 },
	{ 5 * GRANULE, 3 },	    { 7 * GRANULE + 9, 0 },
	{ 8 * GRANULE, SZ_16K },    { 14 * GRANULE - 7, 7 + GRANULE },
	{ 20 * GRANULE + 100, 2 * GRANULE },
	{ 28 * GRANULE - 3, 6 },    { 32 * GRANULE, 0 },
	{ 33 * GRANULE, GRANULE + 1 },
	{ 40 * GRANULE, GRANULE },
};

/*
 * Test that an untrusted device sees of a list the entries' bytes and else only zero,
 * though slots were used before, that what it writes comes back, and that what lies
 * around the entries does not change (G4, B1, B2).
 */
static void test_view(struct kunit *test)
{
	struct list *list = make_untrusted(test);

	KUNIT_ASSERT_TRUE(test, mock_poison_slots(list->dev, POISON));
	fill_list(list, mixed, ARRAY_SIZE(mixed));
	round_trip(list);
	KUNIT_ASSERT_TRUE(test, mock_poison_slots(list->dev, POISON));
	round_trip(list);
}

/*
 * Test that buffers which are only apart from others at their ends are one segment
 * for the device, as they are if nothing bounces (B15).
 */
static void test_merge(struct kunit *test)
{
	static const struct entry entries[] = {
		{ GRANULE + 100, GRANULE - 100 },
		{ 4 * GRANULE, 2 * GRANULE },
		{ 9 * GRANULE, 77 },
	};
	static const struct entry apart[] = {
		{ GRANULE, GRANULE - 1 },
		{ 4 * GRANULE, GRANULE },
		{ 6 * GRANULE + 1, GRANULE },
	};
	struct list *list = make_untrusted(test);

	fill_list(list, entries, ARRAY_SIZE(entries));
	KUNIT_EXPECT_EQ(test, round_trip(list), 1);
	fill_list(list, apart, ARRAY_SIZE(apart));
	KUNIT_EXPECT_EQ(test, round_trip(list), 3);
}

/*
 * Test that no segment of a list that bounces is longer than the device can take or
 * crosses its boundary, and that nothing is mapped in the hole.
 */
static void test_limits(struct kunit *test)
{
	static const struct entry entries[] = {
		{ GRANULE + 100, 10 * GRANULE - 100 },
		{ 16 * GRANULE, 9 * GRANULE + 5 },
	};
	struct mock *mock = test->priv;
	struct list *list = make_list(test,
				      mock_untrusted(mock,
						     .boundary = SZ_64K - 1));
	dma_addr_t first, second;

	fill_list(list, entries, ARRAY_SIZE(entries));
	map_list(list, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, list->nsegs, 2);
	first = sg_dma_address(&list->sgl[0]);
	second = sg_dma_address(&list->sgl[1]);
	KUNIT_EXPECT_EQ(test, first % SZ_64K, 100);
	KUNIT_EXPECT_EQ(test, second, first - 100 + SZ_64K);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), 20 * GRANULE);
	KUNIT_EXPECT_FALSE(test, mock_reachable(list->domain,
						second - 6 * GRANULE,
						6 * GRANULE));
	KUNIT_EXPECT_EQ(test, slots(list), slots_of(2));
	KUNIT_EXPECT_TRUE(test, mock_fill(list->dev, first, 1,
					  entries[0].size));
	KUNIT_EXPECT_TRUE(test, mock_fill(list->dev, second, 2,
					  entries[1].size));
	unmap_list(list, DMA_FROM_DEVICE);
	memset(list->expected + entries[0].at, 1, entries[0].size);
	memset(list->expected + entries[1].at, 2, entries[1].size);
	expect_memory(list);
}

/* A list of which every entry takes two slots */
static void fill_many(struct list *list, int nents)
{
	struct entry entries[MAX_ENTRIES];

	for (int i = 0; i < nents; i++) {
		entries[i].at = (2 * i + 1) * GRANULE - 1 - i;
		entries[i].size = 2 + 2 * i;
	}
	fill_list(list, entries, nents);
}

/**
 * struct watch - What was seen at invalidations
 * @list: what is unmapped
 * @start: of its IOVA
 * @size: bytes of that
 * @syncs: invalidations
 * @early: slots that the device could reach were given back, or IOVA was
 * @most: most slots that were stale at one
 */
struct watch {
	struct list *list;
	dma_addr_t start;
	size_t size;
	unsigned int syncs;
	bool early;
	size_t most;
};

static void look(struct mock *mock, struct iommu_domain *domain)
{
	struct watch *watch = mock->at_sync_data;
	struct list *list = watch->list;
	size_t reached = 0, stale = 0;

	for (size_t at = 0; at < watch->size; at += GRANULE) {
		dma_addr_t iova = watch->start + at;

		if (!mock_in_slot(list->dev, iova))
			continue;
		reached++;
		stale += !mock_lookup(domain, iova, NULL, NULL);
	}
	watch->syncs++;
	watch->early |= slots(list) < slots_of(reached);
	watch->early |= mock_room(domain) != 1023 - watch->size / GRANULE;
	watch->most = max(watch->most, stale);
}

/*
 * Test that no slot of a list is given back while the device can reach it, nor is any
 * IOVA, however many slots there are, and that all data arrives (G2).
 */
static void test_many(struct kunit *test)
{
	static const int counts[] = {
		1, 7, 8, 9, IOMMU_DMA_PIECES - 1, IOMMU_DMA_PIECES,
		IOMMU_DMA_PIECES + 1, 40, MAX_ENTRIES,
	};
	struct list *list = make_untrusted(test);
	struct mock *mock = list->mock;

	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		struct watch watch = { .list = list };

		set_pattern(list, i);
		fill_many(list, counts[i]);
		map_list(list, DMA_BIDIRECTIONAL, 0);
		expect_view(list);
		KUNIT_EXPECT_EQ(test, slots(list), slots_of(2 * counts[i]));
		write_all(list, 0x40);

		watch.start = ALIGN_DOWN(sg_dma_address(list->sgl), GRANULE);
		watch.size = mock_live(list->domain);
		mock->at_sync = look;
		mock->at_sync_data = &watch;
		unmap_list(list, DMA_BIDIRECTIONAL);
		mock->at_sync = NULL;
		expect_memory(list);
		KUNIT_EXPECT_FALSE(test, watch.early);
		KUNIT_EXPECT_LE(test, watch.most, IOMMU_DMA_PIECES);
		KUNIT_EXPECT_LE(test, watch.syncs,
				DIV_ROUND_UP(2 * counts[i],
					     IOMMU_DMA_PIECES - 1));
	}
}

/* Expect that a list is refused, and that nothing is left of that */
static void expect_refused(struct list *list, int error)
{
	struct kunit *test = list->test;
	unsigned long before = mock_slots_used(list->dev);

	memcpy(list->sgl, list->before, sizeof(list->sgl));
	KUNIT_EXPECT_EQ(test,
			iommu_dma_map_sg(list->dev, list->sgl, list->nents,
					 DMA_BIDIRECTIONAL, 0), error);
	expect_untouched(list);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(list->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_slots_used(list->dev), before);
	KUNIT_EXPECT_EQ(test, list->mock->fault.map_nth, 0);
	KUNIT_EXPECT_EQ(test, list->mock->fault.sync_map_nth, 0);
}

static void fail_everywhere(struct list *list)
{
	struct mock *mock = list->mock;
	size_t room = mock_room(list->domain);
	unsigned int calls;

	map_list(list, DMA_BIDIRECTIONAL, 0);
	calls = mock->count[MOCK_MAP];
	unmap_list(list, DMA_BIDIRECTIONAL);

	for (unsigned int i = 0; i < 2 * calls; i++) {
		mock->fault.map_nth = 1 + i / 2;
		mock->fault.map_pages = i % 2;
		mock->fault.map_error = -EIO;
		expect_refused(list, -EIO);
	}
	mock->fault.sync_map_nth = 1;
	mock->fault.sync_map_error = -EINVAL;
	expect_refused(list, -EINVAL);
	expect_memory(list);

	KUNIT_EXPECT_EQ(list->test, mock_room(list->domain), room);
	memcpy(list->sgl, list->before, sizeof(list->sgl));
	round_trip(list);
}

/*
 * Test that whichever call of the IOMMU driver fails, nothing is left of a list, also
 * of one that has more slots than can be remembered, and that the list stays byte for
 * byte as it was (B11, G5, S2).
 */
static void test_map_failure(struct kunit *test)
{
	struct list *list = make_untrusted(test);

	list->mock->chunk = 1;
	fill_list(list, mixed, ARRAY_SIZE(mixed));
	fail_everywhere(list);
	set_pattern(list, 1);
	fill_many(list, IOMMU_DMA_PIECES + 3);
	fail_everywhere(list);
}

/*
 * Test the same when slots run out, after none, some or all but one of the entries
 * got theirs, and that the list is mapped when there are enough.
 */
static void test_exhaustion(struct kunit *test)
{
	struct mock_hog *hog = mock_hog_slots(test->priv);
	struct list *list = make_untrusted(test);

	fill_many(list, 20);
	KUNIT_ASSERT_GT(test, hog->nr, 40);
	for (int i = 0; i < 40; i++) {
		expect_refused(list, -ENOMEM);
		mock_hog_release(hog, 1);
	}
	expect_memory(list);
	memcpy(list->sgl, list->before, sizeof(list->sgl));
	map_list(list, DMA_BIDIRECTIONAL, 0);
	write_all(list, 3);
	dma_unmap_sg(list->dev, list->sgl, list->nents, DMA_BIDIRECTIONAL);
	expect_memory(list);
	mock_hog_release(hog, UINT_MAX);
	KUNIT_EXPECT_EQ(test, slots(list), 0);
}

/*
 * Test that a list with one entry that would have to be bounced and must not be, or
 * cannot, is refused as a whole, and one of whole granules is not.
 */
static void test_refusals(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 0, GRANULE }, { 3 * GRANULE, GRANULE }, { 5 * GRANULE, 100 },
	};
	static const unsigned long attrs[] = {
		DMA_ATTR_REQUIRE_COHERENT, DMA_ATTR_MMIO, DMA_ATTR_CC_SHARED,
	};
	struct list *list = make_untrusted(test);
	struct io_tlb_mem *mem = list->dev->dma_io_tlb_mem;

	fill_list(list, entries, 3);
	for (int i = 0; i < ARRAY_SIZE(attrs); i++) {
		KUNIT_EXPECT_EQ(test,
				iommu_dma_map_sg(list->dev, list->sgl, 3,
						 DMA_TO_DEVICE, attrs[i]),
				-EINVAL);
		expect_untouched(list);
	}
	list->dev->dma_io_tlb_mem = NULL;
	expect_refused(list, -EINVAL);
	KUNIT_EXPECT_STREQ(test, list->mock->history, "");
	KUNIT_EXPECT_EQ(test, dma_map_sg(list->dev, list->sgl, 2,
					 DMA_TO_DEVICE), 1);
	dma_unmap_sg(list->dev, list->sgl, 2, DMA_TO_DEVICE);
	list->dev->dma_io_tlb_mem = mem;

	fill_list(list, entries, 2);
	map_list(list, DMA_TO_DEVICE, DMA_ATTR_REQUIRE_COHERENT);
	KUNIT_EXPECT_FALSE(test, sg_dma_is_swiotlb(list->sgl));
	dma_unmap_sg_attrs(list->dev, list->sgl, 2, DMA_TO_DEVICE,
			   DMA_ATTR_REQUIRE_COHERENT);
}

static void check_sync(struct list *list, struct mock_shadow **shadows,
		       enum dma_data_direction dir, u8 byte)
{
	struct kunit *test = list->test;

	for (int i = 0; i < list->nents; i++)
		if (shadows[i] && dir != DMA_TO_DEVICE)
			mock_shadow_write(shadows[i], 0, shadows[i]->size,
					  byte + i);
	dma_sync_sg_for_cpu(list->dev, list->sgl, list->nents, dir);
	for (int i = 0; i < list->nents; i++) {
		if (!shadows[i])
			continue;
		mock_shadow_for_cpu(shadows[i], 0, shadows[i]->size, dir);
		KUNIT_EXPECT_TRUE_MSG(test, mock_shadow_holds(shadows[i]),
				      "entry %d", i);
		mock_shadow_cpu_write(shadows[i], 0, shadows[i]->size, ~byte);
	}
	dma_sync_sg_for_device(list->dev, list->sgl, list->nents, dir);
	for (int i = 0; i < list->nents; i++) {
		if (!shadows[i])
			continue;
		mock_shadow_for_device(shadows[i], 0, shadows[i]->size, dir);
		KUNIT_EXPECT_TRUE_MSG(test, mock_shadow_holds(shadows[i]),
				      "entry %d", i);
	}
}

/*
 * Test that the sync of a list copies every entry in the direction that was asked for
 * and that the mapping has, and no byte around them, even if nothing was to be synced
 * when mapping (B3, B7).
 */
static void test_sync(struct kunit *test)
{
	struct mock_shadow *shadows[ARRAY_SIZE(mixed)] = {};
	struct list *list = make_untrusted(test);

	fill_list(list, mixed, ARRAY_SIZE(mixed));
	for (int i = 0; i < ARRAY_SIZE(mixed); i++)
		if (mixed[i].size)
			shadows[i] = mock_shadow(test, list->dev,
						 mixed[i].size);

	for (unsigned int i = 0; i < 6; i++) {
		enum dma_data_direction dir = i % 3;

		memcpy(list->memory, list->expected, AREA);
		map_list(list, dir, i / 3 ? DMA_ATTR_SKIP_CPU_SYNC : 0);
		expect_view(list);
		for (int j = 0; j < list->nents; j++)
			if (shadows[j])
				mock_shadow_begin(shadows[j], iova_of(list, j),
						  list->memory + mixed[j].at,
						  mixed[j].size);
		check_sync(list, shadows, dir, 0x31);
		check_sync(list, shadows, dir, 0x62);
		mock_forget(list->mock);
		dma_unmap_sg_attrs(list->dev, list->sgl, list->nents, dir,
				   DMA_ATTR_SKIP_CPU_SYNC);
		KUNIT_EXPECT_EQ(test, slots(list), 0);
		for (int j = 0; j < list->nents; j++) {
			u8 *at = list->memory + mixed[j].at;

			if (!shadows[j])
				continue;
			/* Nothing was copied when unmapping */
			KUNIT_EXPECT_TRUE(test, !memcmp(at, shadows[j]->cpu,
							mixed[j].size));
			memcpy(at, list->expected + mixed[j].at,
			       mixed[j].size);
		}
		expect_memory(list);
	}
}

/*
 * Test that a list of which one entry could not be unmapped is quarantined as a whole
 * with one warning, that the others are unmapped, and that no slot is given back that
 * the device may still write to.
 */
static void test_short_unmap(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 1, 100 }, { 3 * GRANULE, GRANULE }, { 8 * GRANULE - 1, 2 },
	};
	struct list *list = make_untrusted(test);
	phys_addr_t found[3] = {};
	struct mock_given given;
	dma_addr_t iova;

	fill_list(list, entries, 3);
	map_list(list, DMA_FROM_DEVICE, 0);
	iova = sg_dma_address(list->sgl);
	mock_lookup(list->domain, iova, &found[0], NULL);
	mock_lookup(list->domain, iova_of(list, 2), &found[1], NULL);
	mock_lookup(list->domain, iova_of(list, 2) + 1, &found[2], NULL);

	list->mock->fault.unmap_nth = 2;
	kunit_warning_suppress(test) {
		dma_unmap_sg(list->dev, list->sgl, 3, DMA_FROM_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test,
			atomic_long_read(&list->domain->iova_cookie->space.quarantined),
			4 * GRANULE);
	KUNIT_EXPECT_EQ(test, mock_live(list->domain), GRANULE);
	KUNIT_EXPECT_EQ(test, slots(list), slots_of(3));
	expect_memory(list);
	given = mock_give_all(list->mock, list->dev);
	KUNIT_EXPECT_EQ(test, mock_given_within(list->mock, &given, iova,
						iova + 4 * GRANULE - 2), 0);

	KUNIT_EXPECT_EQ(test, mock_unstick(list->domain), GRANULE);
	for (int i = 0; i < 3; i++)
		iommu_dma_bounce_drop(list->dev, found[i]);
}

/*
 * Test that a list can be mapped again by a device of another kind without being set
 * up anew: nothing remembers that it bounced (S11).
 */
static void test_reuse(struct kunit *test)
{
	struct list *list = make_untrusted(test);
	struct device *untrusted = list->dev, *trusted;
	struct mock *mock = list->mock;

	trusted = mock_device(mock);
	fill_list(list, mixed, ARRAY_SIZE(mixed));
	for (int i = 0; i < 2; i++) {
		list->dev = untrusted;
		list->domain = iommu_get_domain_for_dev(untrusted);
		round_trip(list);
		KUNIT_EXPECT_FALSE(test, sg_dma_is_swiotlb(list->sgl));

		list->dev = trusted;
		list->domain = iommu_get_domain_for_dev(trusted);
		map_list(list, DMA_BIDIRECTIONAL, 0);
		KUNIT_EXPECT_FALSE(test, sg_dma_is_swiotlb(list->sgl));
		KUNIT_EXPECT_EQ(test, slots(list), 0);
		unmap_list(list, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_STREQ(test, mock->history, "ui");
	}
}

/*
 * Test that of a list of a device that is not coherent the small entries are copied,
 * the others are in place, and all of it arrives, also after syncs (B12).
 */
static void test_small_entries(struct kunit *test)
{
	static const struct entry entries[] = {
		{ 0, 0 }, { 33, 20 }, { GRANULE, GRANULE },
		{ 3 * GRANULE + 64, 512 }, { 6 * GRANULE - 9, 17 },
		{ 9 * GRANULE, 70 }, { 12 * GRANULE, 129 },
	};
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock, .noncoherent = true);
	struct mock_shadow *shadows[ARRAY_SIZE(entries)] = {};
	struct list *list = make_list(test, dev);

	if (dev_is_dma_coherent(dev))
		kunit_skip(test, "this architecture has coherent devices only");
	mock_count_slots(dev);
	fill_list(list, entries, ARRAY_SIZE(entries));
	map_list(list, DMA_BIDIRECTIONAL, 0);
	for (int i = 0; i < list->nents; i++) {
		bool apart = dma_kmalloc_needs_bounce(dev, entries[i].size,
						      DMA_BIDIRECTIONAL);

		if (!entries[i].size)
			continue;
		KUNIT_EXPECT_EQ_MSG(test,
				    mock_in_slot(dev, iova_of(list, i)),
				    apart, "entry %d", i);
		shadows[i] = mock_shadow(test, dev, entries[i].size);
		shadows[i]->bounced = apart;
		mock_shadow_begin(shadows[i], iova_of(list, i),
				  list->memory + entries[i].at,
				  entries[i].size);
	}
	check_sync(list, shadows, DMA_BIDIRECTIONAL, 0x21);
	for (int i = 0; i < list->nents; i++) {
		if (!shadows[i])
			continue;
		mock_shadow_write(shadows[i], 0, entries[i].size, 5 + i);
		memset(list->expected + entries[i].at, 5 + i, entries[i].size);
	}
	unmap_list(list, DMA_BIDIRECTIONAL);
	expect_memory(list);

	/* All that the device only reads is in place */
	map_list(list, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, slots(list), 0);
	unmap_list(list, DMA_TO_DEVICE);
}

static size_t any_size(struct rnd_state *rnd)
{
	u32 how = prandom_u32_state(rnd);

	switch (how % 4) {
	case 0:
		return GRANULE * (1 + (how >> 8) % 2);
	case 1:
		return (how >> 8) % 100;
	default:
		return (how >> 8) % (2 * GRANULE);
	}
}

/*
 * Test that for lists as they come an untrusted device sees the entries' bytes and
 * else only zero, and that what it writes comes back.
 */
static void test_random(struct kunit *test)
{
	unsigned int seed = mock_seed ?: get_random_u32();
	struct list *list = make_untrusted(test);
	struct entry entries[MAX_ENTRIES];
	struct rnd_state rnd;

	kunit_info(test, "seed %u", seed);
	prandom_seed_state(&rnd, seed);
	for (int i = 0; i < 200; i++) {
		int nents = 1 + prandom_u32_state(&rnd) % 32;
		size_t at = 0;

		for (int j = 0; j < nents; j++) {
			entries[j].size = any_size(&rnd) ?: !j;
			if (prandom_u32_state(&rnd) % 2)
				at = ALIGN(at, GRANULE);
			else
				at += prandom_u32_state(&rnd) % GRANULE;
			entries[j].at = at;
			at += entries[j].size;
		}
		KUNIT_ASSERT_TRUE(test, mock_poison_slots(list->dev, POISON));
		dma_set_max_seg_size(list->dev, SZ_8K + GRANULE * (i % 5));
		fill_list(list, entries, nents);
		round_trip(list);
		if (test->status != KUNIT_SUCCESS) {
			kunit_err(test, "list %d of seed %u\n", i, seed);
			return;
		}
	}
}

static struct kunit_case bounce_sg_cases[] = {
	KUNIT_CASE(test_view),
	KUNIT_CASE(test_merge),
	KUNIT_CASE(test_limits),
	KUNIT_CASE(test_many),
	KUNIT_CASE(test_map_failure),
	KUNIT_CASE(test_exhaustion),
	KUNIT_CASE(test_refusals),
	KUNIT_CASE(test_sync),
	KUNIT_CASE(test_short_unmap),
	KUNIT_CASE(test_reuse),
	KUNIT_CASE(test_small_entries),
	KUNIT_CASE(test_random),
	{}
};

static struct kunit_suite bounce_sg_suite = {
	.name = "iommu_dma_bounce_sg",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = bounce_sg_cases,
};

kunit_test_suite(bounce_sg_suite);
