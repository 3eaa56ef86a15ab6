/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's "edu" devices, as tests use them.
 *
 * edu.c says what they are.
 */
#ifndef __DMA_IOMMU_TESTS_EDU_H
#define __DMA_IOMMU_TESTS_EDU_H

#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/sizes.h>

/* Its registers for interrupts; edu.c has the others */
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_RAISE 0x60
#define EDU_IRQ_ACK 0x64

/*
 * How much of the device's buffer is used. Versions of QEMU that are still around
 * abort when a transfer reaches its end, so that half of it is all.
 */
#define EDU_BUFFER_SIZE SZ_2K

/* Small, because QEMU reports an access in pieces, and each is an event */
#define PROBE_SIZE sizeof(u32)

#define NARROW_MASK DMA_BIT_MASK(28)

/**
 * struct edu - An edu device
 * @pdev: the device
 * @regs: its registers
 * @dma_mask: the mask that it had before
 * @coherent_dma_mask: the other one
 * @enabled: it has been enabled
 * @requested: its registers are ours
 */
struct edu {
	struct pci_dev *pdev;
	void __iomem *regs;
	u64 dma_mask;
	u64 coherent_dma_mask;
	bool enabled;
	bool requested;
};

/**
 * struct edu_pair - The two devices that a test has, in kunit::priv
 * @wide: takes addresses of 64 bits
 * @narrow: takes addresses of 28 bits
 * @expected_events: events that the test has caused on purpose
 */
struct edu_pair {
	struct edu wide;
	struct edu narrow;
	int expected_events;
};

static inline struct device *edu_dev(struct edu *edu)
{
	return &edu->pdev->dev;
}

void edu_begin(struct edu *edu, dma_addr_t iova, size_t size, bool write);
void edu_end(struct kunit *test, struct edu *edu);
void edu_read(struct kunit *test, struct edu *edu, dma_addr_t from,
	      size_t size);
void edu_write(struct kunit *test, struct edu *edu, dma_addr_t to, size_t size);
void edu_expect_event(struct kunit *test, struct edu *edu, dma_addr_t iova,
		      void (*access)(struct kunit *, struct edu *, dma_addr_t,
				     size_t));
void edu_fill(void *buffer, size_t size);
void *edu_make_buffer(struct kunit *test, size_t size);
dma_addr_t edu_map(struct kunit *test, struct edu *edu, void *buffer,
		   size_t size, enum dma_data_direction dir);
void edu_wait_until_unreachable(struct edu *edu);
size_t edu_granule(struct edu *edu);
void edu_load(struct kunit *test, struct edu *edu, void *buffer, size_t size);
void edu_store(struct kunit *test, struct edu *edu, void *buffer, size_t size);
int edu_init(struct kunit *test);
void edu_exit(struct kunit *test);
unsigned int edu_take_more(struct kunit *test, struct edu *more,
			   unsigned int most);
void edu_release_more(struct edu *more, unsigned int nr);
int edu_suite_init(struct kunit_suite *suite);
void edu_suite_exit(struct kunit_suite *suite);

#endif /* __DMA_IOMMU_TESTS_EDU_H */
