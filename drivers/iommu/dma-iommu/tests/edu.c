// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's "edu" devices, as tests use them: a DMA engine that copies between memory
 * and a buffer of its own at any address it is told.
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
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iommu.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/tracepoint.h>
#include <trace/events/printk.h>

#include "edu.h"

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8

#define EDU_ID 0x00
#define EDU_ID_VALUE 0x010000ed
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_CMD 0x98
#define EDU_DMA_CMD_START BIT(0)
#define EDU_DMA_CMD_TO_RAM BIT(1)

/* The device's buffer, as its DMA engine sees it */
#define EDU_BUFFER 0x40000

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
	guard(raw_spinlock_irqsave)
		(&seen.lock);
	seen.matches = 0;
	snprintf(seen.client, sizeof(seen.client), " client: %s ",
		 pci_name(edu->pdev));
	snprintf(seen.iova, sizeof(seen.iova), " iova: %#llx ",
		 (unsigned long long)iova);
}

static bool event_was_seen(void)
{
	guard(raw_spinlock_irqsave)
		(&seen.lock);
	return seen.matches;
}

static int events_start_over(void)
{
	int events;

	guard(raw_spinlock_irqsave)
		(&seen.lock);
	events = seen.events;
	seen.events = 0;
	seen.client[0] = '\0';
	return events;
}

/* True on QEMU's "virt" machine with an SMMUv3, where the devices have to be */
static bool smmu_is_there(void)
{
	struct device_node *smmu;

	if (!IS_ENABLED(CONFIG_ARM_SMMU_V3) ||
	    !of_machine_is_compatible("linux,dummy-virt"))
		return false;
	smmu = of_find_compatible_node(NULL, NULL, "arm,smmu-v3");
	of_node_put(smmu);
	return smmu;
}

/*
 * Only these events are known here, and only with a tracepoint they are seen. Behind
 * another IOMMU, what an access does to memory is all that there is to look at.
 */
static bool events_can_be_seen(void)
{
	return IS_ENABLED(CONFIG_TRACEPOINTS) && smmu_is_there();
}

/* The devices */

/**
 * edu_begin() - Tell the device to do a transfer
 * @edu: the device, at rest
 * @iova: DMA address
 * @size: bytes, up to EDU_BUFFER_SIZE
 * @write: from its buffer to memory, and not the other way round
 *
 * It is done 100 ms later, as a whole. To be followed by edu_end().
 *
 * Context: Any context.
 */
void edu_begin(struct edu *edu, dma_addr_t iova, size_t size, bool write)
{
	u32 cmd = EDU_DMA_CMD_START | (write ? EDU_DMA_CMD_TO_RAM : 0);

	writeq(write ? EDU_BUFFER : iova, edu->regs + EDU_DMA_SRC);
	writeq(write ? iova : EDU_BUFFER, edu->regs + EDU_DMA_DST);
	writeq(size, edu->regs + EDU_DMA_COUNT);
	writeq(cmd, edu->regs + EDU_DMA_CMD);
}

/**
 * edu_end() - Wait until a transfer is over
 * @test: the test
 * @edu: the device
 *
 * Context: Process context of the test, may sleep.
 */
void edu_end(struct kunit *test, struct edu *edu)
{
	u32 value;

	KUNIT_ASSERT_EQ(test, 0,
			readl_poll_timeout(edu->regs + EDU_DMA_CMD, value,
					   !(value & EDU_DMA_CMD_START),
					   10 * USEC_PER_MSEC,
					   20 * USEC_PER_SEC));
}

/**
 * edu_read() - Let the device read memory into its buffer
 * @test: the test
 * @edu: the device
 * @from: DMA address
 * @size: bytes, up to EDU_BUFFER_SIZE
 *
 * Context: Process context of the test, may sleep.
 */
void edu_read(struct kunit *test, struct edu *edu, dma_addr_t from, size_t size)
{
	KUNIT_ASSERT_LE(test, size, EDU_BUFFER_SIZE);
	edu_begin(edu, from, size, false);
	edu_end(test, edu);
}

/**
 * edu_write() - Let the device write its buffer to memory
 * @test: the test
 * @edu: the device
 * @to: DMA address
 * @size: bytes, up to EDU_BUFFER_SIZE
 *
 * Context: Process context of the test, may sleep.
 */
void edu_write(struct kunit *test, struct edu *edu, dma_addr_t to, size_t size)
{
	KUNIT_ASSERT_LE(test, size, EDU_BUFFER_SIZE);
	edu_begin(edu, to, size, true);
	edu_end(test, edu);
}

/**
 * edu_expect_event() - See that the IOMMU reports an access, and just that
 * @test: the test
 * @edu: the device
 * @iova: DMA address, of a page that the device cannot reach
 * @access: edu_read() or edu_write()
 *
 * Context: Process context of the test, may sleep.
 */
void edu_expect_event(struct kunit *test, struct edu *edu, dma_addr_t iova,
		      void (*access)(struct kunit *, struct edu *, dma_addr_t,
				     size_t))
{
	struct edu_pair *f = test->priv;
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

/* The tests' tools */

/**
 * edu_fill() - Fill memory with a pattern that is not the same twice
 * @buffer: the memory
 * @size: bytes
 *
 * Context: Any context.
 */
void edu_fill(void *buffer, size_t size)
{
	static u32 round;
	u8 *byte = buffer;
	size_t i;

	round += 41;
	for (i = 0; i < size; i++)
		byte[i] = round + i * 7 + (i >> 8) * 13 + 1;
}

/**
 * edu_make_buffer() - Get memory, in whole pages
 * @test: the test, which it goes away with
 * @size: bytes, a power of two and at least a page
 *
 * Context: Process context of the test, may sleep.
 * Return: memory that edu_fill() has filled. The byte after it is somebody else's.
 */
void *edu_make_buffer(struct kunit *test, size_t size)
{
	void *buffer = kunit_kmalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_ASSERT_TRUE(test, IS_ALIGNED((unsigned long)buffer, PAGE_SIZE));
	edu_fill(buffer, size);
	return buffer;
}

/**
 * edu_map() - Map a buffer, or end the test
 * @test: the test
 * @edu: the device
 * @buffer: the buffer
 * @size: bytes
 * @dir: direction of the transfer
 *
 * Context: Process context of the test.
 * Return: the DMA address.
 */
dma_addr_t edu_map(struct kunit *test, struct edu *edu, void *buffer,
		   size_t size, enum dma_data_direction dir)
{
	dma_addr_t iova = dma_map_single(edu_dev(edu), buffer, size, dir);

	KUNIT_ASSERT_EQ(test, dma_mapping_error(edu_dev(edu), iova), 0);
	return iova;
}

/**
 * edu_wait_until_unreachable() - Wait until what was unmapped cannot be reached
 * @edu: the device
 *
 * Context: Process context, may sleep.
 */
void edu_wait_until_unreachable(struct edu *edu)
{
	if (iommu_get_domain_for_dev(edu_dev(edu))->type == IOMMU_DOMAIN_DMA_FQ)
		msleep(1200);
}

/**
 * edu_granule() - The smallest page of the IOMMU
 * @edu: the device
 *
 * Context: Any context.
 * Return: bytes.
 */
size_t edu_granule(struct edu *edu)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(edu_dev(edu));

	return BIT(__ffs(domain->pgsize_bitmap));
}

/**
 * edu_load() - Put a buffer into the device's own memory
 * @test: the test
 * @edu: the device
 * @buffer: the buffer
 * @size: bytes, up to EDU_BUFFER_SIZE
 *
 * Context: Process context of the test, may sleep.
 */
void edu_load(struct kunit *test, struct edu *edu, void *buffer, size_t size)
{
	dma_addr_t iova = edu_map(test, edu, buffer, size, DMA_TO_DEVICE);

	edu_read(test, edu, iova, size);
	dma_unmap_single(edu_dev(edu), iova, size, DMA_TO_DEVICE);
}

/**
 * edu_store() - Get the device's own memory into a buffer
 * @test: the test
 * @edu: the device
 * @buffer: the buffer
 * @size: bytes, up to EDU_BUFFER_SIZE
 *
 * Context: Process context of the test, may sleep.
 */
void edu_store(struct kunit *test, struct edu *edu, void *buffer, size_t size)
{
	dma_addr_t iova = edu_map(test, edu, buffer, size, DMA_FROM_DEVICE);

	edu_write(test, edu, iova, size);
	dma_unmap_single(edu_dev(edu), iova, size, DMA_FROM_DEVICE);
}

/**
 * edu_init() - Take both devices
 * @test: the test; for kunit_suite::init
 *
 * Context: Process context, may sleep.
 * Return: 0; the test is skipped, or fails, if they are not there.
 */
int edu_init(struct kunit *test)
{
	struct edu_pair *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
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
	if (wrong && smmu_is_there())
		KUNIT_FAIL_AND_ABORT(test, "%s", wrong);
	if (wrong)
		kunit_skip(test, "%s", wrong);
	events_start_over();
	return 0;
}

/**
 * edu_exit() - Release the devices
 * @test: the test; for kunit_suite::exit
 *
 * Context: Process context, may sleep.
 */
void edu_exit(struct kunit *test)
{
	struct edu_pair *f = test->priv;

	if (!f)
		return;
	/* One access may be reported in pieces, or not if there are too many */
	if (!f->expected_events)
		KUNIT_EXPECT_EQ(test, events_start_over(), 0);
	edu_release(&f->narrow);
	edu_release(&f->wide);
}

/**
 * edu_take_more() - Take the devices that there are besides those two
 * @test: the test, after edu_init()
 * @more: filled in
 * @most: how many are wanted
 *
 * Their masks are that of the narrow one, whatever they can do. To be followed by
 * edu_release_more().
 *
 * Context: Process context of the test, may sleep.
 * Return: how many there are; the test fails if one cannot be taken.
 */
unsigned int edu_take_more(struct kunit *test, struct edu *more,
			   unsigned int most)
{
	struct edu_pair *f = test->priv;
	struct pci_dev *pdev = pci_dev_get(f->narrow.pdev);
	const char *wrong = NULL;
	unsigned int nr = 0;

	while (nr < most && !wrong) {
		/* Which gives up its reference to the one before */
		pdev = pci_get_device(EDU_VENDOR, EDU_DEVICE, pdev);
		if (!pdev)
			return nr;
		more[nr] = (struct edu){ .pdev = pci_dev_get(pdev) };
		wrong = edu_take(&more[nr++], NARROW_MASK);
	}
	pci_dev_put(pdev);
	if (wrong)
		KUNIT_FAIL(test, "%s", wrong);
	return nr;
}

/**
 * edu_release_more() - Undo edu_take_more()
 * @more: the devices
 * @nr: how many
 *
 * Context: Process context, may sleep.
 */
void edu_release_more(struct edu *more, unsigned int nr)
{
	while (nr--)
		edu_release(&more[nr]);
}

/**
 * edu_suite_init() - Begin to see events
 * @suite: the suite; for kunit_suite::suite_init
 *
 * Context: Process context, may sleep.
 * Return: 0 or an error.
 */
int edu_suite_init(struct kunit_suite *suite)
{
	if (!events_can_be_seen())
		return 0;
	return register_trace_console(probe_console, NULL);
}

/**
 * edu_suite_exit() - See no events any more
 * @suite: the suite; for kunit_suite::suite_exit
 *
 * Context: Process context, may sleep.
 */
void edu_suite_exit(struct kunit_suite *suite)
{
	if (!events_can_be_seen())
		return;
	unregister_trace_console(probe_console, NULL);
	tracepoint_synchronize_unregister();
}

MODULE_DESCRIPTION("Tests of the DMA API on QEMU's edu device");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
