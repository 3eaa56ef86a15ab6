// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what can be seen in debugfs: that it is true, that it goes away with what it
 * is about, and that it can be read at any time.
 */

#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/scatterlist.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>
#include <linux/vmalloc.h>

#include "../../dma-iommu.h"
#include "../private.h"
#include "../survey.h"
#include "load.h"
#include "mock.h"
#include "seed.h"
#include "space_check.h"

#define TEXT_SIZE SZ_256K

static unsigned int stats_seed;
module_param(stats_seed, uint, 0444);
MODULE_PARM_DESC(stats_seed, "Seed of random tests; 0 for a new one");

/**
 * struct reader - Who reads a file, as seq_read() does
 * @text: what it says
 * @domains: the file of domains, or that of devices
 * @times: how often it was read
 * @wrong: how often it said what cannot be
 */
struct reader {
	char *text;
	bool domains;
	unsigned int times;
	unsigned int wrong;
};

/* False if there is too much for the buffer */
static bool read_file(struct reader *reader)
{
	const struct seq_operations *ops = reader->domains ?
						   &iommu_dma_domains_sops :
						   &iommu_dma_devices_sops;
	struct seq_file m = { .buf = reader->text, .size = TEXT_SIZE - 1 };
	loff_t pos = 0;
	size_t count;
	void *v;

	for (v = ops->start(&m, &pos); v; v = ops->next(&m, v, &pos)) {
		count = m.count;
		if (ops->show(&m, v) == SEQ_SKIP)
			m.count = count;
	}
	ops->stop(&m, v);
	reader->text[m.count] = '\0';
	reader->times++;
	return !seq_has_overflowed(&m);
}

static void free_text(void *text)
{
	vfree(text);
}

static struct reader *make_reader(struct kunit *test, bool domains)
{
	struct reader *reader =
		kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, reader);
	reader->domains = domains;
	reader->text = vzalloc(TEXT_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, reader->text);
	ret = kunit_add_action_or_reset(test, free_text, reader->text);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return reader;
}

/* The line that begins with these words, or NULL */
static const char *line_of(const char *text, const char *words)
{
	size_t len = strlen(words);

	while (text && *text) {
		if (!strncmp(text, words, len) &&
		    (text[len] == ' ' || text[len] == '\n'))
			return text;
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}

/* What a line says for @key, or U64_MAX if it says nothing */
static u64 value_in(const char *line, const char *key)
{
	const char *end = line ? strchrnul(line, '\n') : NULL;
	const char *at = line;
	size_t len = strlen(key);
	char number[24] = {};
	u64 value;

	while (at && (at = strstr(at, key)) && at < end) {
		if (at != line && at[-1] == ' ' && at[len] == '=') {
			at += len + 1;
			len = min(strcspn(at, "\n ,"), sizeof(number) - 1);
			memcpy(number, at, len);
			return kstrtou64(number, 0, &value) ? U64_MAX : value;
		}
		at += len;
	}
	return U64_MAX;
}

static const char *device_line(struct kunit *test, struct device *dev)
{
	struct reader *reader = make_reader(test, false);
	char words[80];

	KUNIT_EXPECT_TRUE(test, read_file(reader));
	snprintf(words, sizeof(words), "device %s", dev_name(dev));
	return line_of(reader->text, words);
}

/* The line of @kind about the group, for a zone if it is given */
static const char *group_line(struct kunit *test, int group, const char *kind,
			      const char *zone)
{
	struct reader *reader = make_reader(test, true);
	char words[80];

	KUNIT_EXPECT_TRUE(test, read_file(reader));
	snprintf(words, sizeof(words), "%s group=%d%s%s", kind, group,
		 zone ? " zone=" : "", zone ?: "");
	return line_of(reader->text, words);
}

static int group_of(struct device *dev)
{
	return iommu_group_id(dev->iommu_group);
}

static u64 device_says(struct kunit *test, struct device *dev, const char *key)
{
	return value_in(device_line(test, dev), key);
}

static u64 low_says(struct kunit *test, struct device *dev, const char *key)
{
	return value_in(group_line(test, group_of(dev), "zone", "low"), key);
}

/* A device all the IOVA of which is below 4 GiB */
static struct device *low_device(struct kunit *test)
{
	struct mock *mock = test->priv;

	mock->last = SZ_16M - 1;
	return mock_device(mock);
}

static dma_addr_t map(struct kunit *test, struct device *dev, size_t size)
{
	dma_addr_t iova = dma_map_single(dev, mock_buffer(test, size), size,
					 DMA_TO_DEVICE);

	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	return iova;
}

/* Test that mappings are counted as they are made and taken away, and by size. */
static void test_mappings(struct kunit *test)
{
	static const size_t sizes[] = { SZ_4K, SZ_4K, SZ_4K, 3 * SZ_4K,
					SZ_64K };
	struct device *dev = low_device(test);
	dma_addr_t iovas[ARRAY_SIZE(sizes)];
	const char *line;
	u64 room;

	KUNIT_EXPECT_EQ(test, low_says(test, dev, "mappings"), 0);
	KUNIT_EXPECT_NULL(test,
			  group_line(test, group_of(dev), "sizes", "low"));
	room = low_says(test, dev, "free");
	/* All but granule 0 */
	KUNIT_EXPECT_EQ(test, room, SZ_16M - SZ_4K);

	for (int i = 0; i < ARRAY_SIZE(sizes); i++)
		iovas[i] = map(test, dev, sizes[i]);
	dma_unmap_single(dev, iovas[1], SZ_4K, DMA_TO_DEVICE);

	KUNIT_EXPECT_EQ(test, low_says(test, dev, "mappings"), 4);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "bytes"), 21 * SZ_4K);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "free"), room - 21 * SZ_4K);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "maps"), 5);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "unmaps"), 1);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "bytes"), 21 * SZ_4K);
	/* Up to 8 granules, and up to 64 */
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "chunks"), 2);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "refills"), 2);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "room"),
			2 * SZ_2M - 21 * SZ_4K);
	line = group_line(test, group_of(dev), "sizes", "low");
	KUNIT_EXPECT_EQ(test, value_in(line, "4096"), 2);
	KUNIT_EXPECT_EQ(test, value_in(line, "8192"), U64_MAX);
	KUNIT_EXPECT_EQ(test, value_in(line, "16384"), 1);
	KUNIT_EXPECT_EQ(test, value_in(line, "65536"), 1);

	for (int i = 0; i < ARRAY_SIZE(sizes); i++)
		if (i != 1)
			dma_unmap_single(dev, iovas[i], sizes[i],
					 DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "mappings"), 0);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "free"), room);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "unmaps"), 5);
}

/* Test that a space of which nothing is free is said to be one. */
static void test_full(struct kunit *test)
{
	struct device *dev = low_device(test);
	struct dma_iova_state state;
	const char *line;

	KUNIT_ASSERT_TRUE(test,
			  dma_iova_try_alloc(dev, &state, 0, SZ_16M - SZ_4K));
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "free"), 0);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "largest"), 0);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "fragmentation"), 0);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "bytes"), SZ_16M - SZ_4K);
	line = group_line(test, group_of(dev), "sizes", "low");
	KUNIT_EXPECT_EQ(test, value_in(line, "more"), 1);
	dma_iova_free(dev, &state);
}

/* Expect that a device has one mapping more than before, of @bytes of IOVA */
static void expect_mapped(struct kunit *test, struct device *dev, u64 *maps,
			  size_t bytes)
{
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "maps"), ++*maps);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "bytes"), bytes);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "bytes"), bytes);
}

/* Expect that nothing is left */
static void expect_unmapped(struct kunit *test, struct device *dev, u64 maps)
{
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "unmaps"), maps);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "bytes"), 0);
}

/*
 * Test that every entry point that maps counts, and so does the one that unmaps: the
 * mapping, and the IOVA that it takes.
 */
static void test_entries(struct kunit *test)
{
	struct device *dev = low_device(test);
	void *memory = mock_buffer(test, SZ_16K), *buffer;
	struct dma_iova_state state;
	struct scatterlist sg[2];
	struct sg_table *sgt;
	struct page *page;
	dma_addr_t iova;
	u64 maps = 0;

	/* It touches three granules */
	iova = dma_map_single(dev, memory + 100, SZ_8K, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	expect_mapped(test, dev, &maps, 3 * SZ_4K);
	dma_unmap_single(dev, iova, SZ_8K, DMA_TO_DEVICE);
	expect_unmapped(test, dev, maps);

	sg_init_table(sg, 2);
	sg_set_buf(&sg[0], memory, SZ_4K);
	sg_set_buf(&sg[1], memory + SZ_8K + 8, 100);
	KUNIT_ASSERT_GE(test, dma_map_sg(dev, sg, 2, DMA_TO_DEVICE), 1);
	expect_mapped(test, dev, &maps, SZ_8K);
	dma_unmap_sg(dev, sg, 2, DMA_TO_DEVICE);
	expect_unmapped(test, dev, maps);

	buffer = dma_alloc_coherent(dev, SZ_8K, &iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	expect_mapped(test, dev, &maps, PAGE_ALIGN(SZ_8K));
	dma_free_coherent(dev, SZ_8K, buffer, iova);
	expect_unmapped(test, dev, maps);

	buffer = dma_alloc_coherent(dev, SZ_8K, &iova, GFP_ATOMIC);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	expect_mapped(test, dev, &maps, PAGE_ALIGN(SZ_8K));
	dma_free_coherent(dev, SZ_8K, buffer, iova);
	expect_unmapped(test, dev, maps);

	page = dma_alloc_pages(dev, PAGE_SIZE, &iova, DMA_TO_DEVICE,
			       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	expect_mapped(test, dev, &maps, PAGE_SIZE);
	dma_free_pages(dev, PAGE_SIZE, page, iova, DMA_TO_DEVICE);
	expect_unmapped(test, dev, maps);

	sgt = dma_alloc_noncontiguous(dev, SZ_8K, DMA_TO_DEVICE, GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, sgt);
	expect_mapped(test, dev, &maps, PAGE_ALIGN(SZ_8K));
	dma_free_noncontiguous(dev, SZ_8K, sgt, DMA_TO_DEVICE);
	expect_unmapped(test, dev, maps);

	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(dev, &state, 8, SZ_4K));
	expect_mapped(test, dev, &maps, SZ_8K);
	dma_iova_free(dev, &state);
	expect_unmapped(test, dev, maps);

	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(dev, &state, 0, SZ_16K));
	expect_mapped(test, dev, &maps, SZ_16K);
	KUNIT_ASSERT_EQ(test,
			dma_iova_link(dev, &state, virt_to_phys(memory), 0,
				      SZ_4K, DMA_TO_DEVICE, 0),
			0);
	KUNIT_ASSERT_EQ(test, dma_iova_sync(dev, &state, 0, SZ_4K), 0);
	dma_iova_destroy(dev, &state, SZ_4K, DMA_TO_DEVICE, 0);
	expect_unmapped(test, dev, maps);
}

/* Test that devices of one group count for themselves, and are named together. */
static void test_group(struct kunit *test)
{
	struct device *dev = low_device(test);
	struct device *second = mock_device(test->priv, .sibling = dev);
	const char *line;
	char names[80];

	dma_unmap_single(dev, map(test, dev, SZ_4K), SZ_4K, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "maps"), 1);
	KUNIT_EXPECT_EQ(test, device_says(test, second, "maps"), 0);
	KUNIT_EXPECT_EQ(test, device_says(test, second, "group"),
			group_of(dev));

	snprintf(names, sizeof(names), " devices=%s,%s\n", dev_name(dev),
		 dev_name(second));
	line = group_line(test, group_of(dev), "domain", NULL);
	KUNIT_EXPECT_NOT_NULL(test, strstr(line ?: "", names));
}

/* Test that a domain and a device are not shown any more when they have gone. */
static void test_gone(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = low_device(test);
	struct device *second = mock_device(mock, .sibling = dev);
	int group = group_of(dev);
	char words[80];

	snprintf(words, sizeof(words), "device %s", dev_name(dev));
	KUNIT_EXPECT_NOT_NULL(test, device_line(test, dev));
	mock_device_remove(mock, dev);
	for (int i = 0; i < 2; i++) {
		struct reader *reader = make_reader(test, i);

		KUNIT_EXPECT_TRUE(test, read_file(reader));
		KUNIT_EXPECT_NULL(test, line_of(reader->text, words));
	}
	KUNIT_EXPECT_NOT_NULL(test, device_line(test, second));
	KUNIT_EXPECT_NOT_NULL(test, group_line(test, group, "domain", NULL));

	mock_device_remove(mock, second);
	KUNIT_EXPECT_NULL(test, group_line(test, group, "domain", NULL));
	KUNIT_EXPECT_NULL(test, group_line(test, group, "zone", "low"));
}

/* Test that the files are there, for root to read and for nobody to write. */
static void test_files(struct kunit *test)
{
	static const char *const names[] = { "domains", "devices" };
	struct dentry *dir = debugfs_lookup("dma", iommu_debugfs_dir);

	KUNIT_ASSERT_NOT_NULL(test, dir);
	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		struct dentry *file = debugfs_lookup(names[i], dir);

		KUNIT_EXPECT_NOT_NULL(test, file);
		if (!file)
			continue;
		KUNIT_EXPECT_EQ(test, d_inode(file)->i_mode, S_IFREG | 0400);
		KUNIT_EXPECT_EQ(test, i_uid_read(d_inode(file)), 0);
		dput(file);
	}
	dput(dir);
}

/* Test that refusals are counted by their reason, and as nothing else. */
static void test_refusals(struct kunit *test)
{
	static const char *const reasons[] = { "no_room", "no_memory",
					       "invalid", "not_set_up",
					       "other" };
	static const int errors[] = { 0, -ENOMEM, 0, 0, -EIO };
	struct mock *mock = test->priv;
	struct device *dev = low_device(test);
	void *memory = mock_buffer(test, SZ_4K);
	phys_addr_t phys = virt_to_phys(memory);

	for (int i = 0; i < ARRAY_SIZE(reasons); i++) {
		size_t size = i == 0 ? SZ_32M : i == 2 ? 0 : SZ_4K;
		u64 before[ARRAY_SIZE(reasons)];

		/* That one cannot be had with a device that is set up */
		if (i == 3)
			continue;
		for (int j = 0; j < ARRAY_SIZE(reasons); j++)
			before[j] = device_says(test, dev, reasons[j]);
		mock->fault.map_nth = errors[i] ? 1 : 0;
		mock->fault.map_error = errors[i];
		KUNIT_EXPECT_EQ(test,
				iommu_dma_map_phys(dev, phys, size,
						   DMA_TO_DEVICE, 0),
				DMA_MAPPING_ERROR);
		mock->fault.map_nth = 0;
		for (int j = 0; j < ARRAY_SIZE(reasons); j++)
			KUNIT_EXPECT_EQ_MSG(test,
					    device_says(test, dev, reasons[j]),
					    before[j] + (i == j),
					    "%s when it was %s", reasons[j],
					    reasons[i]);
	}
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "maps"), 0);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "searches"), 1);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "mappings"), 0);
}

/* What is to be refused, and the count that it goes to */
struct refusal {
	struct kunit *test;
	struct device *dev;
	const char *reason;
	u64 before;
};

static struct refusal refuse(struct kunit *test, struct device *dev,
			     const char *reason)
{
	return (struct refusal){ test, dev, reason,
				 device_says(test, dev, reason) };
}

static void expect_counted(const struct refusal *refusal, const char *what)
{
	KUNIT_EXPECT_EQ_MSG(refusal->test,
			    device_says(refusal->test, refusal->dev,
					refusal->reason),
			    refusal->before + 1, "%s", what);
}

/* Test that a link which is refused is counted, whatever the reason. */
static void test_links_refused(struct kunit *test)
{
	static const struct {
		const char *what;
		size_t offset;
		size_t size;
		unsigned long attrs;
		int error;
	} cases[] = {
		{ "shared", 0, SZ_4K, DMA_ATTR_CC_SHARED, -EOPNOTSUPP },
		{ "beyond the range", SZ_4K, SZ_8K, 0, -EINVAL },
		{ "within a granule", 100, SZ_4K, 0, -EINVAL },
		{ "bounced", 0, 100, DMA_ATTR_MMIO, -EINVAL },
	};
	struct device *dev = mock_untrusted(test->priv);
	void *memory = mock_buffer(test, SZ_16K);
	struct dma_iova_state state;
	struct refusal refusal;
	int ret;

	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(dev, &state, 0, SZ_8K));
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		refusal = refuse(test, dev, "invalid");
		ret = dma_iova_link(dev, &state, virt_to_phys(memory),
				    cases[i].offset, cases[i].size,
				    DMA_TO_DEVICE, cases[i].attrs);
		KUNIT_EXPECT_EQ_MSG(test, ret, cases[i].error, "%s",
				    cases[i].what);
		expect_counted(&refusal, cases[i].what);
	}
	dma_iova_free(dev, &state);
}

/* Test that a buffer which is refused is counted, be it for want of memory. */
static void test_buffers_refused(struct kunit *test)
{
	struct device *dev = low_device(test);
	struct refusal refusal;
	dma_addr_t iova;
	void *buffer;

	refusal = refuse(test, dev, "invalid");
	KUNIT_EXPECT_NULL(test, iommu_dma_alloc(dev, 0, &iova, GFP_KERNEL, 0));
	expect_counted(&refusal, "of no size");

	refusal = refuse(test, dev, "invalid");
	KUNIT_EXPECT_NULL(test, iommu_dma_alloc(dev, SZ_4K, &iova, GFP_KERNEL,
						__DMA_ATTR_ALLOC_CC_SHARED));
	expect_counted(&refusal, "shared");

	refusal = refuse(test, dev, "invalid");
	KUNIT_EXPECT_NULL(test, iommu_dma_alloc_noncontiguous(dev, 0,
							      DMA_TO_DEVICE,
							      GFP_KERNEL, 0));
	expect_counted(&refusal, "of no size, not contiguous");

	refusal = refuse(test, dev, "invalid");
	KUNIT_EXPECT_NULL(test, iommu_dma_alloc_noncontiguous(dev, SIZE_MAX,
							      DMA_TO_DEVICE,
							      GFP_KERNEL, 0));
	expect_counted(&refusal, "too large, not contiguous");

	/* Larger than any block that there is */
	refusal = refuse(test, dev, "no_memory");
	KUNIT_EXPECT_NULL(test, iommu_dma_alloc(dev, SZ_1G, &iova,
						GFP_ATOMIC | __GFP_NOWARN, 0));
	expect_counted(&refusal, "a block");

	/* Whichever of the allocations fails, of pages, tables, or room for a remap */
	mock_fail_start(test);
	for (unsigned int nth = 1; nth < 100; nth++) {
		refusal = refuse(test, dev, "no_memory");
		mock_fail_nth(nth);
		buffer = iommu_dma_alloc(dev, SZ_16K, &iova, GFP_KERNEL,
					 DMA_ATTR_ALLOC_SINGLE_PAGES);
		if (mock_fail_nth(0)) {
			KUNIT_EXPECT_GT(test, nth, 4);
			KUNIT_ASSERT_NOT_NULL(test, buffer);
			iommu_dma_free(dev, SZ_16K, buffer, iova, 0);
			break;
		}
		if (buffer)
			iommu_dma_free(dev, SZ_16K, buffer, iova, 0);
		else
			expect_counted(&refusal, "an allocation");
	}
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "maps"),
			device_says(test, dev, "unmaps"));
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "bytes"), 0);
}

/*
 * Test that a device which cannot be set up is shown, with what it was refused, by
 * whichever entry point.
 */
static void test_not_set_up(struct kunit *test)
{
	static const struct bus_dma_region window[] = {
		{ .dma_start = SZ_1G, .size = SZ_1M }, {}
	};
	struct mock *mock = test->priv;
	struct scatterlist sg;
	struct device *dev;
	dma_addr_t iova;

	/* A window that the IOMMU does not translate */
	mock->last = SZ_16M - 1;
	dev = mock_device(mock, .range_map = window);
	KUNIT_EXPECT_EQ(test,
			iommu_dma_map_phys(dev, 0, SZ_4K, DMA_TO_DEVICE, 0),
			DMA_MAPPING_ERROR);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "not_set_up"), 1);
	sg_init_one(&sg, mock_buffer(test, SZ_4K), SZ_4K);
	KUNIT_EXPECT_EQ(test, iommu_dma_map_sg(dev, &sg, 1, DMA_TO_DEVICE, 0),
			-EIO);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "not_set_up"), 2);
	KUNIT_EXPECT_NULL(test,
			  iommu_dma_alloc(dev, SZ_4K, &iova, GFP_KERNEL, 0));
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "not_set_up"), 3);
	KUNIT_EXPECT_NULL(test,
			  iommu_dma_alloc(dev, SZ_4K, &iova, GFP_ATOMIC, 0));
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "not_set_up"), 4);
	KUNIT_EXPECT_NULL(test, iommu_dma_alloc_noncontiguous(dev, SZ_4K,
							      DMA_TO_DEVICE,
							      GFP_KERNEL, 0));
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "not_set_up"), 5);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "group"), group_of(dev));
}

/*
 * Test that a device is shown as long as it has a domain of the DMA API: not when it is
 * given one without a cookie, or of another type.
 */
static void test_other_domains(struct kunit *test)
{
	struct iommu_domain others[] = {
		{ .type = IOMMU_DOMAIN_DMA },
		{ .type = IOMMU_DOMAIN_IDENTITY },
	};
	struct device *dev = low_device(test);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	for (int i = 0; i < ARRAY_SIZE(others); i++) {
		KUNIT_EXPECT_NOT_NULL(test, device_line(test, dev));
		iommu_setup_dma_ops(dev, &others[i]);
		KUNIT_EXPECT_NULL(test, device_line(test, dev));
		iommu_setup_dma_ops(dev, domain);
	}
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "group"), group_of(dev));
}

/* Test that slots are counted when they are taken and when they are given back. */
static void test_slots(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = mock_untrusted(mock);
	void *memory = mock_buffer(test, SZ_16K);
	struct scatterlist sg;
	dma_addr_t iova;

	iova = dma_map_single(dev, memory + 100, SZ_8K, DMA_TO_DEVICE);
	KUNIT_ASSERT_FALSE(test, dma_mapping_error(dev, iova));
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "slots"), 2);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "slots_back"), 0);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "bytes"), 3 * SZ_4K);
	dma_unmap_single(dev, iova, SZ_8K, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "bytes"), 0);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "slots"), 2);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "slots_back"), 2);

	sg_init_one(&sg, memory + 100, SZ_8K);
	KUNIT_ASSERT_EQ(test, dma_map_sg(dev, &sg, 1, DMA_TO_DEVICE), 1);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "bytes"), 3 * SZ_4K);
	dma_unmap_sg(dev, &sg, 1, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "slots_back"), 4);
	KUNIT_EXPECT_EQ(test, device_says(test, dev, "bytes"), 0);
}

/* A ms of the clock that is read for it: that of a CPU, which may differ from others */
static void take_a_while(struct mock *mock, struct iommu_domain *domain)
{
	u64 end = local_clock() + NSEC_PER_MSEC;

	while (local_clock() < end)
		cpu_relax();
}

/* Test that what waits in a lazy domain is seen, and how long an invalidation took. */
static void test_lazy(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_dma_flush *flush;
	struct iommu_domain *domain;
	struct device *dev;
	const char *line;
	u64 flushes;

	mock->lazy = true;
	dev = low_device(test);
	domain = iommu_get_domain_for_dev(dev);
	flush = domain->iova_cookie->lazy.made;
	line = group_line(test, group_of(dev), "flush", NULL);
	KUNIT_EXPECT_EQ(test, value_in(line, "waiting"), 0);
	flushes = value_in(line, "flushes");
	KUNIT_EXPECT_EQ(test, value_in(line, "longest_ns"), 0);

	mock->at_sync = take_a_while;
	/* The timer is not to be quicker */
	flush->period = 60 * HZ;
	for (int i = 0; i < 3; i++)
		dma_unmap_single(dev, map(test, dev, SZ_4K), SZ_4K,
				 DMA_TO_DEVICE);
	line = group_line(test, group_of(dev), "flush", NULL);
	KUNIT_EXPECT_EQ(test, value_in(line, "waiting"), 3);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "mappings"), 3);
	/* They wait on the CPUs that the test was on */
	KUNIT_EXPECT_GE(test, value_in(line, "deepest"), 1);
	KUNIT_EXPECT_LE(test, value_in(line, "deepest"), 3);
	KUNIT_EXPECT_EQ(test, value_in(line, "drains"), 0);
	migrate_disable();
	mock_drain(domain);
	migrate_enable();
	mock->at_sync = NULL;

	line = group_line(test, group_of(dev), "flush", NULL);
	KUNIT_EXPECT_EQ(test, value_in(line, "waiting"), 0);
	KUNIT_EXPECT_GT(test, value_in(line, "flushes"), flushes);
	KUNIT_EXPECT_EQ(test, value_in(line, "drains"), 1);
	KUNIT_EXPECT_GE(test, value_in(line, "longest_ns"), NSEC_PER_MSEC);
	KUNIT_EXPECT_GE(test, value_in(line, "ns"),
			value_in(line, "longest_ns"));
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "mappings"), 0);
}

/* Test that the one queue of a domain whose invalidations are dear is seen like others. */
static void test_lazy_single(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_domain *domain;
	struct device *dev;
	const char *line;

	mock->lazy = true;
	mock->shadow = true;
	dev = low_device(test);
	domain = iommu_get_domain_for_dev(dev);
	KUNIT_ASSERT_NOT_NULL(test, domain->iova_cookie->lazy.made->single);
	domain->iova_cookie->lazy.made->period = 60 * HZ;
	for (int i = 0; i < 3; i++)
		dma_unmap_single(dev, map(test, dev, SZ_4K), SZ_4K,
				 DMA_TO_DEVICE);
	line = group_line(test, group_of(dev), "flush", NULL);
	KUNIT_EXPECT_EQ(test, value_in(line, "waiting"), 3);
	KUNIT_EXPECT_EQ(test, value_in(line, "deepest"), 3);
	mock_drain(domain);
	line = group_line(test, group_of(dev), "flush", NULL);
	KUNIT_EXPECT_EQ(test, value_in(line, "waiting"), 0);
	KUNIT_EXPECT_EQ(test, value_in(line, "deepest"), 3);
}

/* Test that a domain is seen from when it is set up, also when its device has left. */
static void test_no_device(struct kunit *test)
{
	struct device *dev = mock_device(test->priv);
	struct reader *reader = make_reader(test, true);
	struct iommu_domain *domain = mock_unmanaged_domain(test->priv, dev);

	domain->type = IOMMU_DOMAIN_DMA;
	KUNIT_ASSERT_EQ(test, iommu_get_dma_cookie(domain), 0);
	KUNIT_EXPECT_TRUE(test, read_file(reader));
	KUNIT_EXPECT_NULL(test, strstr(reader->text, " devices=\n"));
	iommu_setup_dma_ops(dev, domain);
	iommu_setup_dma_ops(dev, iommu_get_domain_for_dev(dev));
	KUNIT_EXPECT_TRUE(test, read_file(reader));
	KUNIT_EXPECT_NOT_NULL(test, strstr(reader->text, " devices=\n"));
	iommu_put_dma_cookie(domain);
	KUNIT_EXPECT_TRUE(test, read_file(reader));
	KUNIT_EXPECT_NULL(test, strstr(reader->text, " devices=\n"));
}

/*
 * Test that a queue which was full is seen: how often somebody had to invalidate for
 * want of room, how much could not wait even then, and how much has waited at most.
 */
static void test_lazy_full(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct iommu_dma_flush *flush;
	const char *line;
	struct device *dev;
	int unmaps = IOMMU_DMA_QUEUE_FEW + 1;

	mock->lazy = true;
	dev = low_device(test);
	flush = iommu_get_domain_for_dev(dev)->iova_cookie->lazy.made;
	flush->period = 60 * HZ;
	/* In one queue */
	migrate_disable();
	while (unmaps--)
		dma_unmap_single(dev, map(test, dev, SZ_4K), SZ_4K,
				 DMA_TO_DEVICE);
	migrate_enable();
	line = group_line(test, group_of(dev), "flush", NULL);
	KUNIT_EXPECT_EQ(test, value_in(line, "deepest"), IOMMU_DMA_QUEUE_FEW);
	KUNIT_EXPECT_EQ(test, value_in(line, "forced"), 1);
	KUNIT_EXPECT_EQ(test, value_in(line, "at_once"), 0);

	/* As when lazy mode ends while somebody unmaps */
	flush->ended = true;
	dma_unmap_single(dev, map(test, dev, SZ_4K), SZ_4K, DMA_TO_DEVICE);
	flush->ended = false;
	line = group_line(test, group_of(dev), "flush", NULL);
	KUNIT_EXPECT_EQ(test, value_in(line, "forced"), 2);
	KUNIT_EXPECT_EQ(test, value_in(line, "at_once"), 1);
	KUNIT_EXPECT_EQ(test, value_in(line, "deepest"), IOMMU_DMA_QUEUE_FEW);
	mock_drain(iommu_get_domain_for_dev(dev));
}

/* Test that what is quarantined is seen, and is neither mapped nor free. */
static void test_quarantine(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct device *dev = low_device(test);
	u64 room = low_says(test, dev, "free");
	dma_addr_t iova = map(test, dev, SZ_16K);

	mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test)
	{
		dma_unmap_single(dev, iova, SZ_16K, DMA_TO_DEVICE);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "quarantined"), SZ_16K);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "ranges"), 1);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "mappings"), 0);
	KUNIT_EXPECT_EQ(test, low_says(test, dev, "free"), room - SZ_16K);
	KUNIT_EXPECT_EQ(test, mock_unstick(iommu_get_domain_for_dev(dev)),
			SZ_4K);
}

/* Surveys, held against a model that has a byte for each granule */

#define GRANULES 4096U
#define RUNS 64U

enum state {
	FREE,
	USED,
	RESERVED,
	QUARANTINED,
};

/**
 * struct model - What a space should consist of
 * @test: the test
 * @space: the space
 * @rnd: where randomness comes from
 * @state: of each granule
 * @starts: a bit per granule that a mapping begins with
 */
struct model {
	struct kunit *test;
	struct iommu_dma_space space;
	struct rnd_state rnd;
	u8 state[GRANULES];
	DECLARE_BITMAP(starts, GRANULES);
};

static unsigned int end_of(struct model *model, unsigned int at)
{
	do
		at++;
	while (at < GRANULES && model->state[at] == USED &&
	       !test_bit(at, model->starts));
	return at;
}

static void take(struct model *model)
{
	struct iommu_dma_request request = {
		.limit = GRANULES * SZ_4K - 1,
	};
	u32 how = prandom_u32_state(&model->rnd);
	dma_addr_t iova;

	request.size = SZ_4K * (1 + (how >> 8) % (how & 7 ? 12 : 700));
	if (iommu_dma_space_alloc(&model->space, &request, &iova))
		return;
	memset(&model->state[iova / SZ_4K], USED, request.size / SZ_4K);
	__set_bit(iova / SZ_4K, model->starts);
}

static void give(struct model *model)
{
	unsigned int from = prandom_u32_state(&model->rnd) % GRANULES;
	unsigned int at = find_next_bit(model->starts, GRANULES, from), end;
	enum state state = FREE;

	if (at == GRANULES)
		return;
	end = end_of(model, at);
	if (prandom_u32_state(&model->rnd) % 16) {
		KUNIT_EXPECT_TRUE(model->test,
				  iommu_dma_space_free(&model->space,
						       at * SZ_4K,
						       (end - at) * SZ_4K));
	} else {
		iommu_dma_space_quarantine(&model->space, at * SZ_4K,
					   (end - at) * SZ_4K);
		state = QUARANTINED;
	}
	memset(&model->state[at], state, end - at);
	__clear_bit(at, model->starts);
}

static void reserve(struct model *model)
{
	unsigned int at = 1 + prandom_u32_state(&model->rnd) % (GRANULES - 1);

	if (model->state[at] != FREE)
		return;
	if (!iommu_dma_space_reserve(&model->space, at * SZ_4K,
				     at * SZ_4K + SZ_4K - 1))
		model->state[at] = RESERVED;
}

static struct iommu_dma_survey expected(struct model *model)
{
	struct iommu_dma_survey survey = { .lowest = GRANULES - 1,
					   .highest = 1 };
	u64 hole = 0;

	for (unsigned int i = 1; i < GRANULES; i++) {
		unsigned int size;

		survey.free += model->state[i] == FREE;
		survey.used += model->state[i] == USED;
		survey.reserved += model->state[i] == RESERVED;
		survey.quarantined += model->state[i] == QUARANTINED;
		hole = model->state[i] == FREE ? hole + 1 : 0;
		survey.largest = max(survey.largest, hole);
		if (model->state[i] != USED)
			continue;
		survey.lowest = min(survey.lowest, i);
		survey.highest = i;
		if (!test_bit(i, model->starts))
			continue;
		survey.mappings++;
		size = end_of(model, i) - i;
		survey.size[min(order_base_2(size),
				IOMMU_DMA_SURVEY_SIZES - 1)]++;
	}
	return survey;
}

static void expect_survey(struct model *model)
{
	struct iommu_dma_survey want = expected(model), is;
	struct kunit *test = model->test;

	iommu_dma_zone_survey(&model->space.low, &is);
	KUNIT_EXPECT_EQ(test, is.mappings, want.mappings);
	KUNIT_EXPECT_EQ(test, is.used, want.used);
	KUNIT_EXPECT_EQ(test, is.free, want.free);
	KUNIT_EXPECT_EQ(test, is.reserved, want.reserved);
	KUNIT_EXPECT_EQ(test, is.quarantined, want.quarantined);
	KUNIT_EXPECT_EQ(test, is.largest, want.largest);
	KUNIT_EXPECT_EQ(test, is.lowest, want.lowest);
	KUNIT_EXPECT_EQ(test, is.highest, want.highest);
	KUNIT_EXPECT_MEMEQ(test, is.size, want.size, sizeof(want.size));
	KUNIT_EXPECT_EQ(test, !is.ranges, !want.quarantined);
}

static void expect_picture(struct model *model)
{
	u64 part[IOMMU_DMA_PICTURE_PARTS], want[IOMMU_DMA_PICTURE_PARTS] = {};
	unsigned int first =
		1 + prandom_u32_state(&model->rnd) % (GRANULES - 1);
	unsigned int last =
		first + prandom_u32_state(&model->rnd) % (GRANULES - first);
	u64 granules =
		iommu_dma_zone_picture(&model->space.low, first, last, part);

	KUNIT_EXPECT_GE(model->test, granules * IOMMU_DMA_PICTURE_PARTS,
			last - first + 1);
	for (unsigned int i = first; i <= last; i++)
		want[(i - first) / (unsigned int)granules] += model->state[i] ==
							      USED;
	KUNIT_EXPECT_MEMEQ(model->test, part, want, sizeof(want));
}

static void destroy_space(void *space)
{
	iommu_dma_space_destroy(space);
}

/*
 * Test that a survey says of a space what it consists of, whatever has become of it,
 * and a picture where the mappings are.
 */
static void test_survey(struct kunit *test)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	struct iommu_dma_census census;
	const char *complaint;
	u32 seed = test_seed(test, stats_seed);

	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&model->rnd, seed);
	model->test = test;
	KUNIT_ASSERT_EQ(test,
			iommu_dma_space_init(&model->space, SZ_4K, 0,
					     GRANULES * SZ_4K - 1),
			0);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, destroy_space,
						  &model->space),
			0);

	for (unsigned int run = 0; run < RUNS; run++) {
		for (unsigned int i = 0; i < 100; i++) {
			/* There is more and more of it, and less and less */
			if (prandom_u32_state(&model->rnd) % 8 <
			    2 + run / 4 % 5)
				take(model);
			else
				give(model);
		}
		reserve(model);
		expect_survey(model);
		expect_picture(model);
	}
	complaint = iommu_dma_space_check(&model->space, &census);
	KUNIT_EXPECT_STREQ(test, complaint ?: "", "");
}

/* Reading while others work */

/* Whatever happens, each granule of a zone is of one kind */
static bool adds_up(const char *text)
{
	const char *line;

	for (line = line_of(text, "zone"); line;
	     line = line_of(strchrnul(line, '\n') + 1, "zone")) {
		u64 sum = value_in(line, "bytes") + value_in(line, "free") +
			  value_in(line, "reserved") +
			  value_in(line, "quarantined");

		if (sum != value_in(line, "last") - value_in(line, "first") + 1)
			return false;
	}
	return true;
}

static int read_all_the_time(void *data)
{
	struct reader *reader = data;

	while (!kthread_should_stop()) {
		if (!read_file(reader) ||
		    (reader->domains && !adds_up(reader->text)))
			reader->wrong++;
		cond_resched();
	}
	return 0;
}

/* Test that domains and devices come and go while somebody looks at all of them. */
static void test_read_while_they_go(struct kunit *test)
{
	struct mock *mock = test->priv;
	struct reader *readers[2];
	struct task_struct *tasks[2];

	mock->last = SZ_16M - 1;
	for (int i = 0; i < 2; i++) {
		readers[i] = make_reader(test, i);
		tasks[i] = kthread_run(read_all_the_time, readers[i],
				       "dma-read/%d", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tasks[i]);
	}
	for (int i = 0; i < 50; i++) {
		struct device *dev = mock_device(mock);

		dma_unmap_single(dev, map(test, dev, SZ_4K), SZ_4K,
				 DMA_TO_DEVICE);
		mock_device_remove(mock, dev);
	}
	for (int i = 0; i < 2; i++) {
		kthread_stop(tasks[i]);
		KUNIT_EXPECT_GT(test, readers[i]->times, 0);
		KUNIT_EXPECT_EQ(test, readers[i]->wrong, 0);
	}
}

/*
 * Test that what is read adds up while all CPUs map and unmap, and that nothing is left
 * and all is counted when they have ended.
 */
static void test_read_under_load(struct kunit *test)
{
	struct reader *reader = make_reader(test, true);
	struct load *load = load_make(test, test_seed(test, stats_seed));
	unsigned int wrong = 0;

	load_start(load);
	for (int i = 0; i < 100; i++) {
		wrong += !read_file(reader) || !adds_up(reader->text);
		/* Others have to come to work as well, on the same CPU */
		usleep_range(5000, 10000);
	}
	load_stop(load);
	load_finish(load);
	KUNIT_EXPECT_EQ(test, wrong, 0);

	for (int i = 0; i < LOAD_DEVICES; i++) {
		struct device *dev = load->dev[i];

		KUNIT_EXPECT_GT(test, device_says(test, dev, "maps"), 0);
		KUNIT_EXPECT_EQ(test, device_says(test, dev, "maps"),
				device_says(test, dev, "unmaps"));
		KUNIT_EXPECT_EQ(test, device_says(test, dev, "slots"),
				device_says(test, dev, "slots_back"));
		KUNIT_EXPECT_EQ(test, low_says(test, dev, "mappings"), 0);
		KUNIT_EXPECT_EQ(test, device_says(test, dev, "bytes"), 0);
	}
}

/* What works while somebody reads, see below */
static struct device *busy_device;
static void *busy_memory;

/* A mapping that bounces comes and goes after each count that is read */
static unsigned long sum_while_busy(struct iommu_dma_counts __percpu *counts,
				    enum iommu_dma_count what)
{
	struct kunit *test = kunit_get_current_test();
	unsigned long sum;
	dma_addr_t iova;

	kunit_deactivate_static_stub(test, iommu_dma_stats_sum);
	sum = iommu_dma_stats_sum(counts, what);
	kunit_activate_static_stub(test, iommu_dma_stats_sum, sum_while_busy);

	iova = dma_map_single(busy_device, busy_memory + 100, SZ_4K,
			      DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, dma_mapping_error(busy_device, iova));
	dma_unmap_single(busy_device, iova, SZ_4K, DMA_TO_DEVICE);
	return sum;
}

/*
 * Test that no more is ever said to have been taken away than was made, though both go on
 * while the counts are being read.
 */
static void test_never_less_than_none(struct kunit *test)
{
	const char *line;

	busy_device = mock_untrusted(test->priv);
	busy_memory = mock_buffer(test, SZ_16K);
	kunit_activate_static_stub(test, iommu_dma_stats_sum, sum_while_busy);
	line = device_line(test, busy_device);
	KUNIT_EXPECT_GT(test, value_in(line, "unmaps"), 0);
	KUNIT_EXPECT_GE(test, value_in(line, "maps"), value_in(line, "unmaps"));
	KUNIT_EXPECT_GT(test, value_in(line, "slots_back"), 0);
	KUNIT_EXPECT_GE(test, value_in(line, "slots"),
			value_in(line, "slots_back"));
	/* One came and went between what was mapped and what was unmapped */
	KUNIT_EXPECT_EQ(test, value_in(line, "bytes"), SZ_8K);

	kunit_deactivate_static_stub(test, iommu_dma_stats_sum);
	KUNIT_EXPECT_EQ(test, device_says(test, busy_device, "bytes"), 0);
	KUNIT_EXPECT_EQ(test, device_says(test, busy_device, "maps"),
			device_says(test, busy_device, "unmaps"));
}

static struct kunit_case stats_cases[] = {
	KUNIT_CASE(test_mappings),
	KUNIT_CASE(test_full),
	KUNIT_CASE(test_entries),
	KUNIT_CASE(test_group),
	KUNIT_CASE(test_gone),
	KUNIT_CASE(test_files),
	KUNIT_CASE(test_refusals),
	KUNIT_CASE(test_links_refused),
	KUNIT_CASE(test_buffers_refused),
	KUNIT_CASE(test_not_set_up),
	KUNIT_CASE(test_other_domains),
	KUNIT_CASE(test_slots),
	KUNIT_CASE(test_lazy),
	KUNIT_CASE(test_lazy_full),
	KUNIT_CASE(test_lazy_single),
	KUNIT_CASE(test_no_device),
	KUNIT_CASE(test_quarantine),
	KUNIT_CASE(test_survey),
	KUNIT_CASE(test_read_while_they_go),
	KUNIT_CASE_SLOW(test_read_under_load),
	KUNIT_CASE(test_never_less_than_none),
	{}
};

static struct kunit_suite stats_suite = {
	.name = "iommu_dma_stats",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = stats_cases,
};

kunit_test_suite(stats_suite);
