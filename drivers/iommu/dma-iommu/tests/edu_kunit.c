// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the DMA API on a real device behind a real IOMMU.
 *
 * Proves, from the device's side, that what is mapped can be reached, that
 * nothing else can, and that what was unmapped no longer can. The device is
 * QEMU's "edu", a DMA engine that copies between memory and a buffer of its own
 * at any address it is told. Every test that expects an access to fail first
 * shows that the same access works while it is allowed to.
 *
 * There have to be two of them. The first one, in the order of the bus, takes
 * addresses of 64 bits, the second one of 28 bits:
 *
 *	-device edu,dma_mask=0xffffffffffffffff -device edu,dma_mask=0xfffffff
 *
 * No driver is bound to them. What the IOMMU has to say of an access is read
 * from the kernel log, as it is written.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iommu.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/tracepoint.h>
#include <trace/events/printk.h>

#define EDU_VENDOR		0x1234
#define EDU_DEVICE		0x11e8

#define EDU_ID			0x00
#define EDU_ID_VALUE		0x010000ed
#define EDU_IRQ_STATUS		0x24
#define EDU_IRQ_RAISE		0x60
#define EDU_IRQ_ACK		0x64
#define EDU_DMA_SRC		0x80
#define EDU_DMA_DST		0x88
#define EDU_DMA_COUNT		0x90
#define EDU_DMA_CMD		0x98
#define EDU_DMA_CMD_START	BIT(0)
#define EDU_DMA_CMD_TO_RAM	BIT(1)

/*
 * The device's buffer, as its DMA engine sees it. Versions of QEMU that are
 * still around abort when a transfer reaches its end, so that half of it is all
 * that is used.
 */
#define EDU_BUFFER		0x40000
#define EDU_BUFFER_SIZE		SZ_2K

/* Small, because QEMU reports an access in pieces, and each is an event */
#define PROBE_SIZE		sizeof(u32)

#define NARROW_MASK		DMA_BIT_MASK(28)

struct edu {
	struct pci_dev *pdev;
	void __iomem *regs;
	u64 dma_mask;
	u64 coherent_dma_mask;
	bool enabled;
	bool requested;
};

struct fixture {
	struct edu wide;
	struct edu narrow;
	int expected_events;
};

/*
 * What the IOMMU reported. The lock is raw because a line may be logged from
 * anywhere.
 */
static struct {
	raw_spinlock_t lock;
	char client[32];
	char iova[32];
	int events;
	int matches;
} seen = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(seen.lock),
};

static void probe_console(void *ignore, const char *text, size_t len)
{
	unsigned long flags;

	/* As in "event: F_TRANSLATION client: 0000:00:01.0 [...] iova: 0x1000" */
	if (!strnstr(text, " event: ", len) || !strnstr(text, " iova: ", len))
		return;

	raw_spin_lock_irqsave(&seen.lock, flags);
	seen.events++;
	if (seen.client[0] && strnstr(text, seen.client, len) &&
	    strnstr(text, seen.iova, len))
		seen.matches++;
	raw_spin_unlock_irqrestore(&seen.lock, flags);
}

static void look_for_event(struct edu *edu, dma_addr_t iova)
{
	guard(raw_spinlock_irqsave)(&seen.lock);
	seen.matches = 0;
	snprintf(seen.client, sizeof(seen.client), " client: %s ",
		 pci_name(edu->pdev));
	snprintf(seen.iova, sizeof(seen.iova), " iova: %#llx ",
		 (unsigned long long)iova);
}

static bool event_was_seen(void)
{
	guard(raw_spinlock_irqsave)(&seen.lock);
	return seen.matches;
}

static int events_start_over(void)
{
	int events;

	guard(raw_spinlock_irqsave)(&seen.lock);
	events = seen.events;
	seen.events = 0;
	seen.client[0] = '\0';
	return events;
}

/* Only these events are known here, and only with a tracepoint they are seen */
static bool events_can_be_seen(void)
{
	return IS_ENABLED(CONFIG_ARM_SMMU_V3) && IS_ENABLED(CONFIG_TRACEPOINTS);
}

/* The devices */

static struct device *edu_dev(struct edu *edu)
{
	return &edu->pdev->dev;
}

static void edu_transfer(struct kunit *test, struct edu *edu, u64 src, u64 dst,
			 size_t size, u32 cmd)
{
	u32 value;

	KUNIT_ASSERT_LE(test, size, EDU_BUFFER_SIZE);
	writeq(src, edu->regs + EDU_DMA_SRC);
	writeq(dst, edu->regs + EDU_DMA_DST);
	writeq(size, edu->regs + EDU_DMA_COUNT);
	writeq(cmd | EDU_DMA_CMD_START, edu->regs + EDU_DMA_CMD);
	/* It takes 100 ms, whatever the size */
	KUNIT_ASSERT_EQ(test, 0,
			readl_poll_timeout(edu->regs + EDU_DMA_CMD, value,
					   !(value & EDU_DMA_CMD_START),
					   10 * USEC_PER_MSEC,
					   20 * USEC_PER_SEC));
}

/* The device reads memory into its buffer */
static void edu_read(struct kunit *test, struct edu *edu, dma_addr_t from,
		     size_t size)
{
	edu_transfer(test, edu, from, EDU_BUFFER, size, 0);
}

/* The device writes its buffer to memory */
static void edu_write(struct kunit *test, struct edu *edu, dma_addr_t to,
		      size_t size)
{
	edu_transfer(test, edu, EDU_BUFFER, to, size, EDU_DMA_CMD_TO_RAM);
}

/* Run one of the above and see that the IOMMU reports just this access */
static void expect_event(struct kunit *test, struct edu *edu, dma_addr_t iova,
			 void (*access)(struct kunit *, struct edu *,
					dma_addr_t, size_t))
{
	struct fixture *f = test->priv;
	int i, tries;

	/* Reports are rate limited: ten in five seconds */
	for (tries = 0; tries < 2; tries++) {
		f->expected_events++;
		look_for_event(edu, iova);
		access(test, edu, iova, PROBE_SIZE);
		if (!events_can_be_seen())
			return;
		for (i = 0; i < 100; i++) {
			if (event_was_seen())
				return;
			msleep(20);
		}
		msleep(4000);
	}
	KUNIT_FAIL(test, "no event for %s at %pad", pci_name(edu->pdev), &iova);
}

static void edu_release(struct edu *edu)
{
	if (!edu->pdev)
		return;
	if (edu->regs) {
		pci_clear_master(edu->pdev);
		pci_iounmap(edu->pdev, edu->regs);
		edu->pdev->dma_mask = edu->dma_mask;
		edu_dev(edu)->coherent_dma_mask = edu->coherent_dma_mask;
	}
	if (edu->requested)
		pci_release_region(edu->pdev, 0);
	if (edu->enabled)
		pci_disable_device(edu->pdev);
	pci_dev_put(edu->pdev);
	edu->pdev = NULL;
}

/* Returns what is wrong, or NULL */
static const char *edu_take(struct edu *edu, u64 mask)
{
	struct iommu_domain *domain;

	if (!edu->pdev)
		return "two edu devices are needed";
	if (edu_dev(edu)->driver)
		return "an edu device has a driver";
	domain = iommu_get_domain_for_dev(edu_dev(edu));
	if (!domain || !iommu_is_dma_domain(domain))
		return "an edu device is not behind a translating IOMMU";
	if (pci_enable_device(edu->pdev))
		return "an edu device cannot be enabled";
	edu->enabled = true;
	if (pci_request_region(edu->pdev, 0, "iommu_dma_edu"))
		return "an edu device is in use";
	edu->requested = true;
	edu->dma_mask = edu->pdev->dma_mask;
	edu->coherent_dma_mask = edu_dev(edu)->coherent_dma_mask;
	edu->regs = pci_iomap(edu->pdev, 0, 0);
	if (!edu->regs)
		return "an edu device has no registers";
	if (readl(edu->regs + EDU_ID) != EDU_ID_VALUE)
		return "an edu device is something else";
	pci_set_master(edu->pdev);
	if (dma_set_mask_and_coherent(edu_dev(edu), mask))
		return "an edu device does not take its DMA mask";
	return NULL;
}

/* True where the devices have to be: QEMU's "virt" machine with an SMMUv3 */
static bool machine_must_have_edu(void)
{
	struct device_node *smmu;

	if (!IS_ENABLED(CONFIG_ARM_SMMU_V3) ||
	    !of_machine_is_compatible("linux,dummy-virt"))
		return false;
	smmu = of_find_compatible_node(NULL, NULL, "arm,smmu-v3");
	of_node_put(smmu);
	return smmu;
}

/* The tests' tools */

/* A pattern that is not the same twice */
static void fill(void *buffer, size_t size)
{
	static u32 round;
	u8 *byte = buffer;
	size_t i;

	round += 41;
	for (i = 0; i < size; i++)
		byte[i] = round + i * 7 + (i >> 8) * 13 + 1;
}

/* Pages of this size, so that the byte after them is somebody else's */
static void *make_buffer(struct kunit *test, size_t size)
{
	void *buffer = kunit_kmalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_ASSERT_TRUE(test, IS_ALIGNED((unsigned long)buffer, PAGE_SIZE));
	fill(buffer, size);
	return buffer;
}

static dma_addr_t map(struct kunit *test, struct edu *edu, void *buffer,
		      size_t size, enum dma_data_direction dir)
{
	dma_addr_t iova = dma_map_single(edu_dev(edu), buffer, size, dir);

	KUNIT_ASSERT_EQ(test, dma_mapping_error(edu_dev(edu), iova), 0);
	return iova;
}

/* A lazy domain promises that no mapping outlives its unmapping by a second */
static void wait_until_unreachable(struct edu *edu)
{
	if (iommu_get_domain_for_dev(edu_dev(edu))->type == IOMMU_DOMAIN_DMA_FQ)
		msleep(1200);
}

static size_t granule_of(struct edu *edu)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(edu_dev(edu));

	return BIT(__ffs(domain->pgsize_bitmap));
}

/* Put the buffer into the device's own memory */
static void load(struct kunit *test, struct edu *edu, void *buffer, size_t size)
{
	dma_addr_t iova = map(test, edu, buffer, size, DMA_TO_DEVICE);

	edu_read(test, edu, iova, size);
	dma_unmap_single(edu_dev(edu), iova, size, DMA_TO_DEVICE);
}

/* Get it back from there */
static void store(struct kunit *test, struct edu *edu, void *buffer,
		  size_t size)
{
	dma_addr_t iova = map(test, edu, buffer, size, DMA_FROM_DEVICE);

	edu_write(test, edu, iova, size);
	dma_unmap_single(edu_dev(edu), iova, size, DMA_FROM_DEVICE);
}

/* What works */

/*
 * Test that the device is in a DMA domain, and that the address it is given is
 * not the physical one but leads there, to the byte.
 */
static void test_address_is_translated(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	void *buffer = make_buffer(test, SZ_64K);
	phys_addr_t phys = virt_to_phys(buffer) + 5;
	dma_addr_t iova;

	KUNIT_EXPECT_TRUE(test, iommu_is_dma_domain(domain));
	KUNIT_EXPECT_PTR_NE(test, domain,
			    iommu_get_domain_for_dev(edu_dev(&f->narrow)));

	iova = map(test, &f->wide, buffer + 5, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_NE(test, iova, phys);
	KUNIT_EXPECT_EQ(test, iommu_iova_to_phys(domain, iova), phys);
	KUNIT_EXPECT_EQ(test, iommu_iova_to_phys(domain, iova + PAGE_SIZE - 1),
			phys + PAGE_SIZE - 1);
	dma_unmap_single(dev, iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	wait_until_unreachable(&f->wide);
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
		{ 0, SZ_2K }, { 1, 1 }, { 5, 1021 }, { 4095, 2 },
		{ 3001, SZ_2K }, { SZ_8K - 63, 63 },
	};
	struct fixture *f = test->priv;
	u8 *from = make_buffer(test, SZ_64K);
	u8 *expected = make_buffer(test, SZ_64K);
	u8 *to = make_buffer(test, SZ_64K);
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t offset = cases[i].offset, size = cases[i].size;

		fill(from, SZ_64K);
		memset(to, 0xa5, SZ_64K);
		memset(expected, 0xa5, SZ_64K);
		memcpy(expected + offset, from + offset, size);

		load(test, &f->wide, from + offset, size);
		store(test, &f->wide, to + offset, size);
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
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	u8 *buffer = make_buffer(test, SZ_64K);
	u8 *copy = make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;
	int i;

	iova = map(test, &f->wide, buffer + 33, SZ_4K, DMA_BIDIRECTIONAL);
	for (i = 0; i < 2; i++) {
		dma_sync_single_for_cpu(dev, iova, SZ_4K, DMA_BIDIRECTIONAL);
		fill(buffer + 33, SZ_4K);
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
	{ 0, PAGE_SIZE }, { 0, PAGE_SIZE }, { 0, 77 }, { 0x123, 0x456 },
	{ PAGE_SIZE - 0x300, 0x300 }, { 0, PAGE_SIZE }, { 0, 1 },
};

static void make_scattered(struct kunit *test, struct sg_table *table)
{
	struct scatterlist *sg;
	int i;

	KUNIT_ASSERT_EQ(test, sg_alloc_table(table, ARRAY_SIZE(pieces),
					     GFP_KERNEL), 0);
	/* The second page of each, so that no two of them are neighbours */
	for_each_sgtable_sg(table, sg, i)
		sg_set_buf(sg, make_buffer(test, 2 * PAGE_SIZE) + PAGE_SIZE +
			       pieces[i].offset, pieces[i].size);
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
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	struct sg_table from, to;
	struct scatterlist *sg;
	u64 bytes = 0;
	int i;

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
	struct fixture *f = test->priv;
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
		fill(buffer + at, 0x400);
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
	struct fixture *f = test->priv;
	u8 *got = make_buffer(test, PAGE_SIZE);

	KUNIT_EXPECT_LE(test, iova + size - 1, NARROW_MASK);
	edu_read(test, &f->narrow, iova + size - SZ_2K, SZ_2K);
	store(test, &f->narrow, got, SZ_2K);
	KUNIT_EXPECT_MEMEQ(test, got, expected, SZ_2K);
}

/* So many addresses that an allocator does not keep them for the next one */
#define NARROW_SIZE SZ_512K

static void use_narrow_buffer(struct kunit *test)
{
	struct fixture *f = test->priv;
	void *buffer = make_buffer(test, NARROW_SIZE);
	dma_addr_t iova;

	iova = map(test, &f->narrow, buffer, NARROW_SIZE, DMA_TO_DEVICE);
	expect_narrow(test, iova, NARROW_SIZE, buffer + NARROW_SIZE - SZ_2K);
	dma_unmap_single(edu_dev(&f->narrow), iova, NARROW_SIZE, DMA_TO_DEVICE);
}

static void use_narrow_scatterlist(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->narrow);
	void *buffer = make_buffer(test, NARROW_SIZE);
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
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->narrow);
	dma_addr_t iova;
	void *buffer;

	buffer = dma_alloc_coherent(dev, NARROW_SIZE, &iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	fill(buffer, NARROW_SIZE);
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
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->narrow);
	void *buffer = make_buffer(test, ARRAY_SIZE(uses) * NARROW_SIZE);
	dma_addr_t lure[ARRAY_SIZE(uses)];
	int i;

	KUNIT_ASSERT_EQ(test, dma_set_mask(dev, DMA_BIT_MASK(64)), 0);
	for (i = 0; i < ARRAY_SIZE(uses); i++)
		lure[i] = map(test, &f->narrow, buffer + i * NARROW_SIZE,
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

/*
 * Test that an interrupt message of the device arrives, and that the address
 * which it is sent to is one that the device's domain translates.
 */
static void test_msi(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct pci_dev *pdev = f->wide.pdev;
	struct iommu_domain *domain = iommu_get_domain_for_dev(&pdev->dev);
	DECLARE_COMPLETION_ONSTACK(done);
	u32 low, high;
	int irq;

	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI),
			1);
	irq = pci_irq_vector(pdev, 0);
	KUNIT_ASSERT_EQ(test, request_irq(irq, count_interrupt, 0,
					  "iommu_dma_edu", &done), 0);

	if (IS_ENABLED(CONFIG_IRQ_MSI_IOMMU)) {
		pci_read_config_dword(pdev, pdev->msi_cap + PCI_MSI_ADDRESS_LO,
				      &low);
		pci_read_config_dword(pdev, pdev->msi_cap + PCI_MSI_ADDRESS_HI,
				      &high);
		KUNIT_EXPECT_NE(test, 0,
				iommu_iova_to_phys(domain,
						   (u64)high << 32 | low));
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
	struct fixture *f = test->priv;
	u8 *from = make_buffer(test, PAGE_SIZE);
	u8 *to = make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	load(test, &f->wide, from, PROBE_SIZE);
	iova = map(test, &f->wide, to, PAGE_SIZE, DMA_FROM_DEVICE);
	edu_write(test, &f->wide, iova, PROBE_SIZE);
	dma_unmap_single(edu_dev(&f->wide), iova, PAGE_SIZE, DMA_FROM_DEVICE);
	KUNIT_EXPECT_MEMEQ(test, to, from, PROBE_SIZE);

	wait_until_unreachable(&f->wide);
	memset(to, 0xa5, PAGE_SIZE);
	expect_event(test, &f->wide, iova, edu_write);
	KUNIT_EXPECT_NULL(test, memchr_inv(to, 0xa5, PAGE_SIZE));
}

/*
 * Test that a device that reads a buffer which was unmapped does not get what
 * is in it, and that this is reported, although the same read worked before.
 */
static void test_read_after_unmap(struct kunit *test)
{
	struct fixture *f = test->priv;
	u8 *secret = make_buffer(test, PAGE_SIZE);
	u8 *other = make_buffer(test, PAGE_SIZE);
	u8 *got = make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	iova = map(test, &f->wide, secret, PAGE_SIZE, DMA_TO_DEVICE);
	edu_read(test, &f->wide, iova, PROBE_SIZE);
	store(test, &f->wide, got, PROBE_SIZE);
	KUNIT_EXPECT_MEMEQ(test, got, secret, PROBE_SIZE);
	load(test, &f->wide, other, PROBE_SIZE);
	dma_unmap_single(edu_dev(&f->wide), iova, PAGE_SIZE, DMA_TO_DEVICE);

	wait_until_unreachable(&f->wide);
	expect_event(test, &f->wide, iova, edu_read);
	store(test, &f->wide, got, PROBE_SIZE);
	KUNIT_EXPECT_MEMNEQ(test, got, secret, PROBE_SIZE);
}

/*
 * Test that no segment of a list can be reached after the list was unmapped,
 * neither the first nor the last.
 */
static void test_list_after_unmap(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	u8 *from = make_buffer(test, PAGE_SIZE);
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
	load(test, &f->wide, from, PROBE_SIZE);
	edu_write(test, &f->wide, first_iova, PROBE_SIZE);
	edu_write(test, &f->wide, last_iova, PROBE_SIZE);
	dma_unmap_sgtable(dev, &table, DMA_FROM_DEVICE, 0);
	KUNIT_EXPECT_MEMEQ(test, sg_virt(table.sgl), from, PROBE_SIZE);

	wait_until_unreachable(&f->wide);
	for_each_sgtable_sg(&table, sg, i)
		memset(sg_virt(sg), 0xa5, sg->length);
	expect_event(test, &f->wide, first_iova, edu_write);
	expect_event(test, &f->wide, last_iova, edu_write);
	for_each_sgtable_sg(&table, sg, i)
		KUNIT_EXPECT_NULL(test,
				  memchr_inv(sg_virt(sg), 0xa5, sg->length));
	sg_free_table(&table);
}

/* Test that a coherent buffer cannot be reached after it was freed. */
static void test_coherent_after_free(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	u8 *got = make_buffer(test, PAGE_SIZE);
	u8 *other = make_buffer(test, PAGE_SIZE);
	u8 secret[PROBE_SIZE];
	dma_addr_t iova;
	u8 *buffer;

	buffer = dma_alloc_coherent(dev, SZ_64K, &iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	fill(buffer, PROBE_SIZE);
	memcpy(secret, buffer, PROBE_SIZE);
	edu_read(test, &f->wide, iova, PROBE_SIZE);
	store(test, &f->wide, got, PROBE_SIZE);
	KUNIT_EXPECT_MEMEQ(test, got, secret, PROBE_SIZE);
	load(test, &f->wide, other, PROBE_SIZE);
	dma_free_coherent(dev, SZ_64K, buffer, iova);

	/* Read, not written: the pages may be in use again */
	wait_until_unreachable(&f->wide);
	expect_event(test, &f->wide, iova, edu_read);
	store(test, &f->wide, got, PROBE_SIZE);
	KUNIT_EXPECT_MEMNEQ(test, got, secret, PROBE_SIZE);
}

/* True if nothing but those mappings is beside this one of them */
static bool stands_alone(struct edu *edu, const dma_addr_t *iova, int n, int at)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(edu_dev(edu));
	size_t granule = granule_of(edu);
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
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	size_t granule = granule_of(&f->wide);
	u8 *memory = make_buffer(test, 16 * max(granule, PAGE_SIZE));
	u8 *from = make_buffer(test, PAGE_SIZE);
	size_t size = 16 * granule;
	dma_addr_t iova[7];
	int i, at = -1;

	load(test, &f->wide, from, PROBE_SIZE);
	memset(memory, 0xa5, size);

	/* A doorbell may lie beside a mapping, so that there is a choice */
	for (i = 0; i < ARRAY_SIZE(iova); i++)
		iova[i] = map(test, &f->wide, memory + (2 * i + 1) * granule,
			      granule, DMA_FROM_DEVICE);
	for (i = 0; i < ARRAY_SIZE(iova); i++)
		if (stands_alone(&f->wide, iova, ARRAY_SIZE(iova), i))
			at = i;
	for (i = 0; i < ARRAY_SIZE(iova); i++)
		if (i != at)
			dma_unmap_single(dev, iova[i], granule,
					 DMA_FROM_DEVICE);
	KUNIT_ASSERT_GE(test, at, 0);
	wait_until_unreachable(&f->wide);

	edu_write(test, &f->wide, iova[at], PROBE_SIZE);
	edu_write(test, &f->wide, iova[at] + granule - PROBE_SIZE, PROBE_SIZE);
	expect_event(test, &f->wide, iova[at] - PROBE_SIZE, edu_write);
	expect_event(test, &f->wide, iova[at] + granule, edu_write);
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
	struct fixture *f = test->priv;
	u8 *buffer = make_buffer(test, PAGE_SIZE);
	u8 *copy = make_buffer(test, PAGE_SIZE);
	u8 *other = make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	memcpy(copy, buffer, PAGE_SIZE);
	iova = map(test, &f->wide, buffer, PAGE_SIZE, DMA_TO_DEVICE);
	edu_read(test, &f->wide, iova, PROBE_SIZE);
	store(test, &f->wide, other, PROBE_SIZE);
	KUNIT_EXPECT_MEMEQ(test, other, buffer, PROBE_SIZE);

	fill(other, PROBE_SIZE);
	load(test, &f->wide, other, PROBE_SIZE);
	expect_event(test, &f->wide, iova, edu_write);
	dma_unmap_single(edu_dev(&f->wide), iova, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_MEMEQ(test, buffer, copy, PAGE_SIZE);
}

/*
 * Test that an address of one device leads the other one nowhere, and in
 * particular not to the first one's memory.
 */
static void test_other_device(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	u8 *to = make_buffer(test, PAGE_SIZE);
	u8 *from = make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	/* An address that the narrow one can send as well */
	KUNIT_ASSERT_EQ(test, dma_set_mask(dev, NARROW_MASK), 0);
	iova = map(test, &f->wide, to, PAGE_SIZE, DMA_FROM_DEVICE);
	KUNIT_ASSERT_LE(test, iova, NARROW_MASK);

	load(test, &f->wide, from, PROBE_SIZE);
	load(test, &f->narrow, from, PROBE_SIZE);
	wait_until_unreachable(&f->narrow);
	edu_write(test, &f->wide, iova, PROBE_SIZE);
	dma_sync_single_for_cpu(dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);
	KUNIT_EXPECT_MEMEQ(test, to, from, PROBE_SIZE);
	memset(to, 0xa5, PAGE_SIZE);
	dma_sync_single_for_device(dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);

	expect_event(test, &f->narrow, iova, edu_write);
	dma_unmap_single(dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);
	KUNIT_EXPECT_NULL(test, memchr_inv(to, 0xa5, PAGE_SIZE));
}

/* The suite */

static int edu_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	const char *wrong;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->wide.pdev = pci_get_device(EDU_VENDOR, EDU_DEVICE, NULL);
	/* Which gives up its reference to the first one */
	f->narrow.pdev = pci_get_device(EDU_VENDOR, EDU_DEVICE,
					pci_dev_get(f->wide.pdev));

	if (IS_ENABLED(CONFIG_ARM_SMMU_V3) && !IS_ENABLED(CONFIG_TRACEPOINTS))
		wrong = "without tracepoints, events cannot be seen";
	else
		wrong = edu_take(&f->wide, DMA_BIT_MASK(64));
	if (!wrong)
		wrong = edu_take(&f->narrow, NARROW_MASK);
	if (wrong && machine_must_have_edu())
		KUNIT_FAIL_AND_ABORT(test, "%s", wrong);
	if (wrong)
		kunit_skip(test, "%s", wrong);
	events_start_over();
	return 0;
}

static void edu_exit(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!f)
		return;
	/* One access may be reported in pieces, or not if there are too many */
	if (!f->expected_events)
		KUNIT_EXPECT_EQ(test, events_start_over(), 0);
	edu_release(&f->narrow);
	edu_release(&f->wide);
}

static int edu_suite_init(struct kunit_suite *suite)
{
	if (!events_can_be_seen())
		return 0;
	return register_trace_console(probe_console, NULL);
}

static void edu_suite_exit(struct kunit_suite *suite)
{
	if (!events_can_be_seen())
		return;
	unregister_trace_console(probe_console, NULL);
	tracepoint_synchronize_unregister();
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

MODULE_DESCRIPTION("Tests of the DMA API on QEMU's edu device");
MODULE_LICENSE("GPL");
