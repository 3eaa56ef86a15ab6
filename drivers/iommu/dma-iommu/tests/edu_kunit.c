// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the DMA API on a real device behind a real IOMMU.
 *
 * Proves, from the device's side, that what is mapped can be reached, that
 * nothing else can, and that what was unmapped no longer can. Every test that
 * expects an access to fail first shows that the same access works while it is
 * allowed to.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/iommu.h>
#include <linux/scatterlist.h>

#include "edu.h"

/* What works */

/*
 * Test that the device is in a DMA domain, and that the address it is given is
 * not the physical one but leads there, to the byte.
 */
static void test_address_is_translated(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	void *buffer = edu_make_buffer(test, SZ_64K);
	phys_addr_t phys = virt_to_phys(buffer) + 5;
	dma_addr_t iova;

	KUNIT_EXPECT_TRUE(test, iommu_is_dma_domain(domain));
	KUNIT_EXPECT_PTR_NE(test, domain,
			    iommu_get_domain_for_dev(edu_dev(&f->narrow)));

	iova = edu_map(test, &f->wide, buffer + 5, PAGE_SIZE,
		       DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_NE(test, iova, phys);
	KUNIT_EXPECT_EQ(test, iommu_iova_to_phys(domain, iova), phys);
	KUNIT_EXPECT_EQ(test, iommu_iova_to_phys(domain, iova + PAGE_SIZE - 1),
			phys + PAGE_SIZE - 1);
	dma_unmap_single(dev, iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	edu_wait_until_unreachable(&f->wide);
	KUNIT_EXPECT_EQ(test, iommu_iova_to_phys(domain, iova), 0);
}

/*
 * Test that bytes that the device reads from one buffer and writes to another
 * arrive, at any offset and over the end of a page, and that no byte beside
 * them changes.
 */
static void test_round_trip(struct kunit *test)
{
	static const struct {
		size_t offset;
		size_t size;
	} cases[] = {
		{ 0, SZ_2K }, { 1, 1 },	       { 5, 1021 },
		{ 4095, 2 },  { 3001, SZ_2K }, { SZ_8K - 63, 63 },
	};
	struct edu_pair *f = test->priv;
	u8 *from = edu_make_buffer(test, SZ_64K);
	u8 *expected = edu_make_buffer(test, SZ_64K);
	u8 *to = edu_make_buffer(test, SZ_64K);
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t offset = cases[i].offset, size = cases[i].size;

		edu_fill(from, SZ_64K);
		memset(to, 0xa5, SZ_64K);
		memset(expected, 0xa5, SZ_64K);
		memcpy(expected + offset, from + offset, size);

		edu_load(test, &f->wide, from + offset, size);
		edu_store(test, &f->wide, to + offset, size);
		KUNIT_EXPECT_MEMEQ_MSG(test, to, expected, SZ_64K,
				       "%zu bytes at %zu", size, offset);
	}
}

/*
 * Test that a mapping which stays moves what the CPU wrote since it was made,
 * and shows what the device wrote, each after the sync that says so.
 */
static void test_sync(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	u8 *buffer = edu_make_buffer(test, SZ_64K);
	u8 *copy = edu_make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;
	int i;

	iova = edu_map(test, &f->wide, buffer + 33, SZ_4K, DMA_BIDIRECTIONAL);
	for (i = 0; i < 2; i++) {
		dma_sync_single_for_cpu(dev, iova, SZ_4K, DMA_BIDIRECTIONAL);
		edu_fill(buffer + 33, SZ_4K);
		memcpy(copy, buffer + 33, SZ_2K);
		dma_sync_single_for_device(dev, iova, SZ_4K, DMA_BIDIRECTIONAL);

		edu_read(test, &f->wide, iova, SZ_2K);
		edu_write(test, &f->wide, iova + SZ_2K, SZ_2K);
		dma_sync_single_for_cpu(dev, iova + SZ_2K, SZ_2K,
					DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_MEMEQ(test, buffer + 33 + SZ_2K, copy, SZ_2K);
		dma_sync_single_for_device(dev, iova + SZ_2K, SZ_2K,
					   DMA_BIDIRECTIONAL);
	}
	dma_unmap_single(dev, iova, SZ_4K, DMA_BIDIRECTIONAL);
}

static const struct {
	unsigned int offset;
	unsigned int size;
} pieces[] = {
	{ 0, PAGE_SIZE },
	{ 0, PAGE_SIZE },
	{ 0, 77 },
	{ 0x123, 0x456 },
	{ PAGE_SIZE - 0x300, 0x300 },
	{ 0, PAGE_SIZE },
	{ 0, 1 },
};

static void make_scattered(struct kunit *test, struct sg_table *table)
{
	struct scatterlist *sg;
	int i;

	KUNIT_ASSERT_EQ(test, sg_alloc_table(table, ARRAY_SIZE(pieces),
					     GFP_KERNEL), 0);
	/* The second page of each, so that no two of them are neighbours */
	for_each_sgtable_sg(table, sg, i)
		sg_set_buf(sg,
			   edu_make_buffer(test, 2 * PAGE_SIZE) + PAGE_SIZE +
				   pieces[i].offset,
			   pieces[i].size);
}

/* Both are mapped, and laid out alike */
static void copy_segments(struct kunit *test, struct edu *edu,
			  struct sg_table *from, struct sg_table *to)
{
	struct scatterlist *src = from->sgl, *dst = to->sgl;
	int i;

	for (i = 0; i < from->nents; i++) {
		u64 done, size = sg_dma_len(src);

		KUNIT_ASSERT_EQ(test, size, sg_dma_len(dst));
		for (done = 0; done < size; done += EDU_BUFFER_SIZE) {
			size_t part = min(size - done, (u64)EDU_BUFFER_SIZE);

			edu_read(test, edu, sg_dma_address(src) + done, part);
			edu_write(test, edu, sg_dma_address(dst) + done, part);
		}
		src = sg_next(src);
		dst = sg_next(dst);
	}
}

/*
 * Test that scattered pieces arrive, in order, through fewer segments than
 * pieces.
 */
static void test_scatterlist(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	struct sg_table from, to;
	struct scatterlist *sg;
	u64 bytes = 0;
	int i;

	/* A segment may hold all of them */
	dma_set_max_seg_size(dev, SZ_1M);
	make_scattered(test, &from);
	make_scattered(test, &to);
	KUNIT_ASSERT_EQ(test, dma_map_sgtable(dev, &from, DMA_TO_DEVICE, 0), 0);
	KUNIT_ASSERT_EQ(test, dma_map_sgtable(dev, &to, DMA_FROM_DEVICE, 0), 0);
	KUNIT_EXPECT_LT(test, from.nents, from.orig_nents);
	KUNIT_ASSERT_EQ(test, from.nents, to.nents);

	for_each_sgtable_dma_sg(&from, sg, i)
		bytes += sg_dma_len(sg);
	for_each_sgtable_sg(&from, sg, i)
		bytes -= sg->length;
	KUNIT_EXPECT_EQ(test, bytes, 0);

	copy_segments(test, &f->wide, &from, &to);
	dma_unmap_sgtable(dev, &from, DMA_TO_DEVICE, 0);
	dma_unmap_sgtable(dev, &to, DMA_FROM_DEVICE, 0);
	dma_set_max_seg_size(dev, SZ_64K);

	for (i = 0, sg = to.sgl; i < to.orig_nents; i++, sg = sg_next(sg))
		KUNIT_EXPECT_MEMEQ_MSG(test, sg_virt(sg), sg_virt(&from.sgl[i]),
				       pieces[i].size, "piece %d", i);
	sg_free_table(&from);
	sg_free_table(&to);
}

/*
 * Test that a coherent buffer of several pages is zeroed, and that the device
 * and the CPU see the same in all of it, without any sync.
 */
static void test_coherent(struct kunit *test)
{
	const size_t size = 5 * PAGE_SIZE;
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	dma_addr_t iova;
	u8 *buffer;
	size_t at;
	int i;

	/* The second time, it is likely to be made of the same pages */
	for (i = 0; i < 2; i++) {
		buffer = dma_alloc_coherent(dev, size, &iova, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, buffer);
		KUNIT_EXPECT_NULL(test, memchr_inv(buffer, 0, size));
		memset(buffer, 0xa5, size);
		if (!i)
			dma_free_coherent(dev, size, buffer, iova);
	}

	/* From just before the end of each page to the start of the first one */
	for (at = PAGE_SIZE - 0x200; at < size - 0x400; at += PAGE_SIZE) {
		edu_fill(buffer + at, 0x400);
		edu_read(test, &f->wide, iova + at, 0x400);
		edu_write(test, &f->wide, iova, 0x400);
		KUNIT_EXPECT_MEMEQ_MSG(test, buffer, buffer + at, 0x400,
				       "at %#zx", at);
	}
	dma_free_coherent(dev, size, buffer, iova);
}

/*
 * See that the device, which cuts off what is above its mask, gets from the last
 * bytes of the range what is in @expected.
 */
static void expect_narrow(struct kunit *test, dma_addr_t iova, size_t size,
			  const void *expected)
{
	struct edu_pair *f = test->priv;
	u8 *got = edu_make_buffer(test, PAGE_SIZE);

	KUNIT_EXPECT_LE(test, iova + size - 1, NARROW_MASK);
	edu_read(test, &f->narrow, iova + size - SZ_2K, SZ_2K);
	edu_store(test, &f->narrow, got, SZ_2K);
	KUNIT_EXPECT_MEMEQ(test, got, expected, SZ_2K);
}

/* So many addresses that an allocator does not keep them for the next one */
#define NARROW_SIZE SZ_512K

static void use_narrow_buffer(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	void *buffer = edu_make_buffer(test, NARROW_SIZE);
	dma_addr_t iova;

	iova = edu_map(test, &f->narrow, buffer, NARROW_SIZE, DMA_TO_DEVICE);
	expect_narrow(test, iova, NARROW_SIZE, buffer + NARROW_SIZE - SZ_2K);
	dma_unmap_single(edu_dev(&f->narrow), iova, NARROW_SIZE, DMA_TO_DEVICE);
}

static void use_narrow_scatterlist(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->narrow);
	void *buffer = edu_make_buffer(test, NARROW_SIZE);
	struct scatterlist list[NARROW_SIZE / SZ_64K], *last;
	int i, segs;

	sg_init_table(list, ARRAY_SIZE(list));
	for (i = 0; i < ARRAY_SIZE(list); i++)
		sg_set_buf(&list[i], buffer + i * SZ_64K, SZ_64K);
	segs = dma_map_sg(dev, list, ARRAY_SIZE(list), DMA_TO_DEVICE);
	KUNIT_ASSERT_GE(test, segs, 1);

	KUNIT_EXPECT_LE(test, sg_dma_address(list) + sg_dma_len(list) - 1,
			NARROW_MASK);
	last = &list[segs - 1];
	expect_narrow(test, sg_dma_address(last), sg_dma_len(last),
		      buffer + NARROW_SIZE - SZ_2K);
	dma_unmap_sg(dev, list, ARRAY_SIZE(list), DMA_TO_DEVICE);
}

static void use_narrow_coherent(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->narrow);
	dma_addr_t iova;
	void *buffer;

	buffer = dma_alloc_coherent(dev, NARROW_SIZE, &iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	edu_fill(buffer, NARROW_SIZE);
	expect_narrow(test, iova, NARROW_SIZE, buffer + NARROW_SIZE - SZ_2K);
	dma_free_coherent(dev, NARROW_SIZE, buffer, iova);
}

/*
 * Test that a device of 28 bits gets addresses below 256 MiB from every kind of
 * mapping, although addresses above them, which it could use before its mask was
 * set, have just become free.
 */
static void test_narrow_device(struct kunit *test)
{
	static void (*const uses[])(struct kunit *) = {
		use_narrow_buffer,
		use_narrow_scatterlist,
		use_narrow_coherent,
	};
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->narrow);
	void *buffer = edu_make_buffer(test, ARRAY_SIZE(uses) * NARROW_SIZE);
	dma_addr_t lure[ARRAY_SIZE(uses)];
	int i;

	KUNIT_ASSERT_EQ(test, dma_set_mask(dev, DMA_BIT_MASK(64)), 0);
	for (i = 0; i < ARRAY_SIZE(uses); i++)
		lure[i] = edu_map(test, &f->narrow, buffer + i * NARROW_SIZE,
				  NARROW_SIZE, DMA_TO_DEVICE);
	KUNIT_ASSERT_EQ(test, dma_set_mask(dev, NARROW_MASK), 0);

	for (i = 0; i < ARRAY_SIZE(uses); i++) {
		dma_unmap_single(dev, lure[i], NARROW_SIZE, DMA_TO_DEVICE);
		uses[i](test);
	}
}

static irqreturn_t count_interrupt(int irq, void *done)
{
	complete(done);
	return IRQ_HANDLED;
}

/* Does the IOMMU take what is sent there for an interrupt message, untranslated? */
static bool in_msi_window(struct device *dev, u64 addr)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	bool found = false;

	iommu_get_resv_regions(dev, &regions);
	list_for_each_entry(region, &regions, list)
		found |= region->type == IOMMU_RESV_MSI &&
			 addr >= region->start &&
			 addr - region->start < region->length;
	iommu_put_resv_regions(dev, &regions);
	return found;
}

/*
 * Test that an interrupt message of the device arrives, and that the address
 * which it is sent to is one that the device's domain translates, unless the IOMMU
 * has a window for such messages there.
 */
static void test_msi(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct pci_dev *pdev = f->wide.pdev;
	struct iommu_domain *domain = iommu_get_domain_for_dev(&pdev->dev);
	DECLARE_COMPLETION_ONSTACK(done);
	u32 low, high;
	u64 addr;
	int irq;

	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI),
			1);
	irq = pci_irq_vector(pdev, 0);
	KUNIT_ASSERT_EQ(test,
			request_irq(irq, count_interrupt, 0, "iommu_dma_edu",
				    &done),
			0);

	if (IS_ENABLED(CONFIG_IRQ_MSI_IOMMU)) {
		pci_read_config_dword(pdev, pdev->msi_cap + PCI_MSI_ADDRESS_LO,
				      &low);
		pci_read_config_dword(pdev, pdev->msi_cap + PCI_MSI_ADDRESS_HI,
				      &high);
		addr = (u64)high << 32 | low;
		KUNIT_EXPECT_EQ(test, iommu_iova_to_phys(domain, addr) != 0,
				!in_msi_window(&pdev->dev, addr));
	}

	writel(0x5a, f->wide.regs + EDU_IRQ_RAISE);
	KUNIT_EXPECT_NE(test, 0, wait_for_completion_timeout(&done, 5 * HZ));
	KUNIT_EXPECT_EQ(test, readl(f->wide.regs + EDU_IRQ_STATUS), 0x5a);
	writel(0x5a, f->wide.regs + EDU_IRQ_ACK);
	KUNIT_EXPECT_EQ(test, readl(f->wide.regs + EDU_IRQ_STATUS), 0);

	free_irq(irq, &done);
	pci_free_irq_vectors(pdev);
}

/* What does not */

/*
 * Test that a write of the device to a buffer that was unmapped does not arrive
 * and is reported, although the same write arrived before.
 */
static void test_write_after_unmap(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	u8 *from = edu_make_buffer(test, PAGE_SIZE);
	u8 *to = edu_make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	edu_load(test, &f->wide, from, PROBE_SIZE);
	iova = edu_map(test, &f->wide, to, PAGE_SIZE, DMA_FROM_DEVICE);
	edu_write(test, &f->wide, iova, PROBE_SIZE);
	dma_unmap_single(edu_dev(&f->wide), iova, PAGE_SIZE, DMA_FROM_DEVICE);
	KUNIT_EXPECT_MEMEQ(test, to, from, PROBE_SIZE);

	edu_wait_until_unreachable(&f->wide);
	memset(to, 0xa5, PAGE_SIZE);
	edu_expect_event(test, &f->wide, iova, edu_write);
	KUNIT_EXPECT_NULL(test, memchr_inv(to, 0xa5, PAGE_SIZE));
}

/*
 * Test that a device that reads a buffer which was unmapped does not get what
 * is in it, and that this is reported, although the same read worked before.
 */
static void test_read_after_unmap(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	u8 *secret = edu_make_buffer(test, PAGE_SIZE);
	u8 *other = edu_make_buffer(test, PAGE_SIZE);
	u8 *got = edu_make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	iova = edu_map(test, &f->wide, secret, PAGE_SIZE, DMA_TO_DEVICE);
	edu_read(test, &f->wide, iova, PROBE_SIZE);
	edu_store(test, &f->wide, got, PROBE_SIZE);
	KUNIT_EXPECT_MEMEQ(test, got, secret, PROBE_SIZE);
	edu_load(test, &f->wide, other, PROBE_SIZE);
	dma_unmap_single(edu_dev(&f->wide), iova, PAGE_SIZE, DMA_TO_DEVICE);

	edu_wait_until_unreachable(&f->wide);
	edu_expect_event(test, &f->wide, iova, edu_read);
	edu_store(test, &f->wide, got, PROBE_SIZE);
	KUNIT_EXPECT_MEMNEQ(test, got, secret, PROBE_SIZE);
}

/*
 * Test that no segment of a list can be reached after the list was unmapped,
 * neither the first nor the last.
 */
static void test_list_after_unmap(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	u8 *from = edu_make_buffer(test, PAGE_SIZE);
	struct scatterlist *sg, *last = NULL;
	dma_addr_t first_iova, last_iova;
	struct sg_table table;
	int i;

	make_scattered(test, &table);
	KUNIT_ASSERT_EQ(test, dma_map_sgtable(dev, &table, DMA_FROM_DEVICE, 0),
			0);
	for_each_sgtable_dma_sg(&table, sg, i)
		last = sg;
	first_iova = sg_dma_address(table.sgl);
	last_iova = ALIGN_DOWN(sg_dma_address(last) + sg_dma_len(last) - 1,
			       PROBE_SIZE);
	edu_load(test, &f->wide, from, PROBE_SIZE);
	edu_write(test, &f->wide, first_iova, PROBE_SIZE);
	edu_write(test, &f->wide, last_iova, PROBE_SIZE);
	dma_unmap_sgtable(dev, &table, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_MEMEQ(test, sg_virt(table.sgl), from, PROBE_SIZE);

	edu_wait_until_unreachable(&f->wide);
	for_each_sgtable_sg(&table, sg, i)
		memset(sg_virt(sg), 0xa5, sg->length);
	edu_expect_event(test, &f->wide, first_iova, edu_write);
	edu_expect_event(test, &f->wide, last_iova, edu_write);
	for_each_sgtable_sg(&table, sg, i)
		KUNIT_EXPECT_NULL(test,
				  memchr_inv(sg_virt(sg), 0xa5, sg->length));
	sg_free_table(&table);
}

/* Test that a coherent buffer cannot be reached after it was freed. */
static void test_coherent_after_free(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	u8 *got = edu_make_buffer(test, PAGE_SIZE);
	u8 *other = edu_make_buffer(test, PAGE_SIZE);
	u8 secret[PROBE_SIZE];
	dma_addr_t iova;
	u8 *buffer;

	buffer = dma_alloc_coherent(dev, SZ_64K, &iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	edu_fill(buffer, PROBE_SIZE);
	memcpy(secret, buffer, PROBE_SIZE);
	edu_read(test, &f->wide, iova, PROBE_SIZE);
	edu_store(test, &f->wide, got, PROBE_SIZE);
	KUNIT_EXPECT_MEMEQ(test, got, secret, PROBE_SIZE);
	edu_load(test, &f->wide, other, PROBE_SIZE);
	dma_free_coherent(dev, SZ_64K, buffer, iova);

	/* Read, not written: the pages may be in use again */
	edu_wait_until_unreachable(&f->wide);
	edu_expect_event(test, &f->wide, iova, edu_read);
	edu_store(test, &f->wide, got, PROBE_SIZE);
	KUNIT_EXPECT_MEMNEQ(test, got, secret, PROBE_SIZE);
}

/* True if nothing but those mappings is beside this one of them */
static bool stands_alone(struct edu *edu, const dma_addr_t *iova, int n, int at)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(edu_dev(edu));
	size_t granule = edu_granule(edu);
	dma_addr_t before = iova[at] - granule, after = iova[at] + granule;
	int i;

	/* Those are about to go */
	for (i = 0; i < n; i++) {
		if (iova[i] == before)
			before = 0;
		if (iova[i] == after)
			after = 0;
	}
	return !(before && iommu_iova_to_phys(domain, before)) &&
	       !(after && iommu_iova_to_phys(domain, after));
}

/*
 * Test that the granules before and after a mapping cannot be reached, although
 * memory goes on there, in the same page where pages are larger than granules.
 */
static void test_nothing_beside(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	size_t granule = edu_granule(&f->wide);
	u8 *memory = edu_make_buffer(test, 16 * max(granule, PAGE_SIZE));
	u8 *from = edu_make_buffer(test, PAGE_SIZE);
	size_t size = 16 * granule;
	dma_addr_t iova[7];
	int i, at = -1;

	edu_load(test, &f->wide, from, PROBE_SIZE);
	memset(memory, 0xa5, size);

	/* A doorbell may lie beside a mapping, so that there is a choice */
	for (i = 0; i < ARRAY_SIZE(iova); i++)
		iova[i] = edu_map(test, &f->wide,
				  memory + (2 * i + 1) * granule, granule,
				  DMA_FROM_DEVICE);
	for (i = 0; i < ARRAY_SIZE(iova); i++)
		if (stands_alone(&f->wide, iova, ARRAY_SIZE(iova), i))
			at = i;
	for (i = 0; i < ARRAY_SIZE(iova); i++)
		if (i != at)
			dma_unmap_single(dev, iova[i], granule,
					 DMA_FROM_DEVICE);
	KUNIT_ASSERT_GE(test, at, 0);
	edu_wait_until_unreachable(&f->wide);

	edu_write(test, &f->wide, iova[at], PROBE_SIZE);
	edu_write(test, &f->wide, iova[at] + granule - PROBE_SIZE, PROBE_SIZE);
	edu_expect_event(test, &f->wide, iova[at] - PROBE_SIZE, edu_write);
	edu_expect_event(test, &f->wide, iova[at] + granule, edu_write);
	dma_unmap_single(dev, iova[at], granule, DMA_FROM_DEVICE);

	memory += (2 * at + 1) * granule;
	KUNIT_EXPECT_MEMEQ(test, memory, from, PROBE_SIZE);
	KUNIT_EXPECT_MEMEQ(test, memory + granule - PROBE_SIZE, from,
			   PROBE_SIZE);
	memset(memory, 0xa5, PROBE_SIZE);
	memset(memory + granule - PROBE_SIZE, 0xa5, PROBE_SIZE);
	memory -= (2 * at + 1) * granule;
	KUNIT_EXPECT_NULL(test, memchr_inv(memory, 0xa5, size));
}

/*
 * Test that a buffer which the device may only read cannot be written by it.
 */
static void test_direction(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	u8 *buffer = edu_make_buffer(test, PAGE_SIZE);
	u8 *copy = edu_make_buffer(test, PAGE_SIZE);
	u8 *other = edu_make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	memcpy(copy, buffer, PAGE_SIZE);
	iova = edu_map(test, &f->wide, buffer, PAGE_SIZE, DMA_TO_DEVICE);
	edu_read(test, &f->wide, iova, PROBE_SIZE);
	edu_store(test, &f->wide, other, PROBE_SIZE);
	KUNIT_EXPECT_MEMEQ(test, other, buffer, PROBE_SIZE);

	edu_fill(other, PROBE_SIZE);
	edu_load(test, &f->wide, other, PROBE_SIZE);
	edu_expect_event(test, &f->wide, iova, edu_write);
	dma_unmap_single(edu_dev(&f->wide), iova, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_MEMEQ(test, buffer, copy, PAGE_SIZE);
}

/*
 * Test that an address of one device leads the other one nowhere, and in
 * particular not to the first one's memory.
 */
static void test_other_device(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	u8 *to = edu_make_buffer(test, PAGE_SIZE);
	u8 *from = edu_make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	/* An address that the narrow one can send as well */
	KUNIT_ASSERT_EQ(test, dma_set_mask(dev, NARROW_MASK), 0);
	iova = edu_map(test, &f->wide, to, PAGE_SIZE, DMA_FROM_DEVICE);
	KUNIT_ASSERT_LE(test, iova, NARROW_MASK);

	edu_load(test, &f->wide, from, PROBE_SIZE);
	edu_load(test, &f->narrow, from, PROBE_SIZE);
	edu_wait_until_unreachable(&f->narrow);
	edu_write(test, &f->wide, iova, PROBE_SIZE);
	dma_sync_single_for_cpu(dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);
	KUNIT_EXPECT_MEMEQ(test, to, from, PROBE_SIZE);
	memset(to, 0xa5, PAGE_SIZE);
	dma_sync_single_for_device(dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);

	edu_expect_event(test, &f->narrow, iova, edu_write);
	dma_unmap_single(dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);
	KUNIT_EXPECT_NULL(test, memchr_inv(to, 0xa5, PAGE_SIZE));
}

static struct kunit_case edu_cases[] = {
	KUNIT_CASE(test_address_is_translated),
	KUNIT_CASE_SLOW(test_round_trip),
	KUNIT_CASE_SLOW(test_sync),
	KUNIT_CASE_SLOW(test_scatterlist),
	KUNIT_CASE_SLOW(test_coherent),
	KUNIT_CASE_SLOW(test_narrow_device),
	KUNIT_CASE(test_msi),
	KUNIT_CASE(test_write_after_unmap),
	KUNIT_CASE(test_read_after_unmap),
	KUNIT_CASE_SLOW(test_list_after_unmap),
	KUNIT_CASE(test_coherent_after_free),
	KUNIT_CASE_SLOW(test_nothing_beside),
	KUNIT_CASE(test_direction),
	KUNIT_CASE(test_other_device),
	{}
};

static struct kunit_suite edu_suite = {
	.name = "iommu_dma_edu",
	.attr = { .speed = KUNIT_SPEED_SLOW },
	.suite_init = edu_suite_init,
	.suite_exit = edu_suite_exit,
	.init = edu_init,
	.exit = edu_exit,
	.test_cases = edu_cases,
};

kunit_test_suite(edu_suite);
