// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what a device that nobody trusts, a lazy domain and the two-step API
 * promise, on a real device behind a real IOMMU.
 *
 * Each of them first shows that the same access works while it is allowed to. Devices
 * become untrusted, and domains lazy, for good: the narrow device is the one that
 * does, and these are the last cases of it.
 */

#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>

#include "../../dma-iommu.h"
#include "../private.h"
#include "edu.h"

static dma_addr_t link_all(struct kunit *test, struct edu *edu,
			   struct dma_iova_state *state, void *buffer,
			   size_t size)
{
	KUNIT_ASSERT_TRUE(test, dma_iova_try_alloc(edu_dev(edu), state,
						   virt_to_phys(buffer), size));
	KUNIT_ASSERT_EQ(test,
			dma_iova_link(edu_dev(edu), state, virt_to_phys(buffer),
				      0, size, DMA_BIDIRECTIONAL, 0),
			0);
	KUNIT_ASSERT_EQ(test, dma_iova_sync(edu_dev(edu), state, 0, size), 0);
	return state->addr;
}

/*
 * Test that memory which is linked to a range of IOVA can be reached through it, from
 * scattered pages in one piece, and not before it is linked nor after it is unlinked
 * (G1, G2).
 */
static void test_two_steps(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->wide);
	size_t granule = edu_granule(&f->wide);
	struct dma_iova_state state;
	u8 *from, *to;

	from = edu_make_buffer(test, 2 * granule);
	to = edu_make_buffer(test, 2 * granule);
	KUNIT_ASSERT_TRUE(test,
			  dma_iova_try_alloc(dev, &state, 0, 2 * granule));
	edu_expect_event(test, &f->wide, state.addr, edu_read);

	/* The other way round than they are in memory */
	for (int i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test,
				dma_iova_link(dev, &state,
					      virt_to_phys(from) + !i * granule,
					      i * granule, granule,
					      DMA_TO_DEVICE, 0),
				0);
	KUNIT_ASSERT_EQ(test, dma_iova_sync(dev, &state, 0, 2 * granule), 0);

	edu_read(test, &f->wide, state.addr + granule - SZ_1K, SZ_2K);
	edu_store(test, &f->wide, to, SZ_2K);
	KUNIT_EXPECT_MEMEQ(test, to, from + 2 * granule - SZ_1K, SZ_1K);
	KUNIT_EXPECT_MEMEQ(test, to + SZ_1K, from, SZ_1K);

	dma_iova_unlink(dev, &state, 0, granule, DMA_TO_DEVICE, 0);
	edu_expect_event(test, &f->wide, state.addr, edu_read);
	edu_read(test, &f->wide, state.addr + granule, SZ_1K);
	edu_store(test, &f->wide, to, SZ_1K);
	KUNIT_EXPECT_MEMEQ(test, to, from, SZ_1K);

	dma_iova_unlink(dev, &state, granule, granule, DMA_TO_DEVICE, 0);
	edu_expect_event(test, &f->wide, state.addr + granule, edu_read);
	dma_iova_free(dev, &state);
}

/* Test that nothing of a range can be reached after it was destroyed (G2) */
static void test_destroy(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	size_t granule = edu_granule(&f->wide);
	struct dma_iova_state state;
	u8 *buffer = edu_make_buffer(test, 2 * granule);
	u8 *copy = edu_make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	iova = link_all(test, &f->wide, &state, buffer, 2 * granule);
	edu_load(test, &f->wide, copy, SZ_1K);
	edu_write(test, &f->wide, iova + 2 * granule - SZ_1K, SZ_1K);
	KUNIT_EXPECT_MEMEQ(test, buffer + 2 * granule - SZ_1K, copy, SZ_1K);

	dma_iova_destroy(edu_dev(&f->wide), &state, 2 * granule,
			 DMA_BIDIRECTIONAL, 0);
	edu_fill(buffer, 2 * granule);
	memcpy(copy, buffer + 2 * granule - SZ_1K, SZ_1K);
	edu_expect_event(test, &f->wide, iova, edu_write);
	edu_expect_event(test, &f->wide, iova + 2 * granule - SZ_1K, edu_write);
	KUNIT_EXPECT_MEMEQ(test, buffer + 2 * granule - SZ_1K, copy, SZ_1K);
}

/*
 * Test that a lazy domain keeps its promise (G7): what was unmapped cannot be reached
 * when the time that is documented is over, though nobody has unmapped more.
 */
static void test_lazy(struct kunit *test)
{
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->narrow);
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	u8 *buffer = edu_make_buffer(test, PAGE_SIZE);
	u8 *copy = edu_make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	KUNIT_ASSERT_EQ(test, iommu_dma_init_fq(domain), 0);
	iova = edu_map(test, &f->narrow, buffer, PAGE_SIZE, DMA_FROM_DEVICE);
	edu_write(test, &f->narrow, iova, SZ_1K);
	dma_unmap_single(dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);

	msleep(2 * IOMMU_DMA_FLUSH_MS + 2 * jiffies_to_msecs(1));
	edu_fill(buffer, PAGE_SIZE);
	memcpy(copy, buffer, PAGE_SIZE);
	edu_expect_event(test, &f->narrow, iova, edu_write);
	KUNIT_EXPECT_MEMEQ(test, buffer, copy, PAGE_SIZE);
}

static void distrust(struct edu *edu)
{
	struct device *dev = edu_dev(edu);

	edu->pdev->untrusted = true;
	iommu_setup_dma_ops(dev, iommu_get_domain_for_dev(dev));
	edu->pdev->untrusted = false;
}

/*
 * Test that a device which nobody trusts sees and changes its buffer and nothing
 * beside it (G4): of the granules that it can reach, the rest is zero, and what it
 * writes there goes nowhere.
 */
static void test_untrusted(struct kunit *test)
{
	const size_t offset = 300, size = 1000;
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->narrow);
	u8 *buffer = edu_make_buffer(test, PAGE_SIZE);
	u8 *expected = edu_make_buffer(test, PAGE_SIZE);
	u8 *got = edu_make_buffer(test, PAGE_SIZE);
	dma_addr_t iova;

	/* The control: a device that is trusted sees what lies in front of it */
	iova = edu_map(test, &f->narrow, buffer + offset, size, DMA_TO_DEVICE);
	edu_read(test, &f->narrow, iova - offset, SZ_2K);
	dma_unmap_single(dev, iova, size, DMA_TO_DEVICE);
	edu_store(test, &f->narrow, got, SZ_2K);
	KUNIT_EXPECT_MEMEQ(test, got, buffer, SZ_2K);

	distrust(&f->narrow);
	KUNIT_EXPECT_EQ(test, iommu_get_domain_for_dev(dev)->type,
			IOMMU_DOMAIN_DMA);
	iova = edu_map(test, &f->narrow, buffer + offset, size, DMA_TO_DEVICE);
	edu_read(test, &f->narrow, iova - offset, SZ_2K);
	dma_unmap_single(dev, iova, size, DMA_TO_DEVICE);
	edu_store(test, &f->narrow, got, SZ_2K);
	KUNIT_EXPECT_NULL(test, memchr_inv(got, 0, offset));
	KUNIT_EXPECT_MEMEQ(test, got + offset, buffer + offset, size);
	KUNIT_EXPECT_NULL(test, memchr_inv(got + offset + size, 0,
					   SZ_2K - offset - size));

	/* All that it can reach is overwritten */
	memcpy(expected, buffer, PAGE_SIZE);
	edu_fill(got, PAGE_SIZE);
	edu_load(test, &f->narrow, got, SZ_2K);
	memcpy(expected + offset, got + offset, size);
	iova = edu_map(test, &f->narrow, buffer + offset, size,
		       DMA_BIDIRECTIONAL);
	edu_write(test, &f->narrow, iova - offset, SZ_2K);
	KUNIT_EXPECT_NE(test, memcmp(buffer + offset, got + offset, size), 0);
	dma_unmap_single(dev, iova, size, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_MEMEQ(test, buffer, expected, PAGE_SIZE);
	edu_expect_event(test, &f->narrow, iova, edu_write);
}

/*
 * Test the same for a list, whose second entry begins in the middle of a granule, and
 * for a link: what lies in front of a buffer is zero for the device, and stays as it is
 * when the device writes there (G4).
 */
static void test_untrusted_list(struct kunit *test)
{
	const size_t offset = 300, size = 1000;
	struct edu_pair *f = test->priv;
	struct device *dev = edu_dev(&f->narrow);
	size_t granule = edu_granule(&f->narrow);
	u8 *memory = edu_make_buffer(test, 3 * granule);
	u8 *expected = edu_make_buffer(test, 3 * granule);
	u8 *got = edu_make_buffer(test, PAGE_SIZE);
	struct dma_iova_state state;
	struct scatterlist sgl[2];
	dma_addr_t iova;

	distrust(&f->narrow);
	for (int link = 0; link < 2; link++) {
		if (link) {
			KUNIT_ASSERT_TRUE(test,
					  dma_iova_try_alloc(dev, &state,
							     virt_to_phys(memory) +
								     offset,
							     size));
			KUNIT_ASSERT_EQ(test,
					dma_iova_link(dev, &state,
						      virt_to_phys(memory) +
							      offset,
						      0, size,
						      DMA_BIDIRECTIONAL, 0),
					0);
			KUNIT_ASSERT_EQ(test,
					dma_iova_sync(dev, &state, 0, size), 0);
			iova = state.addr;
		} else {
			sg_init_table(sgl, 2);
			sg_set_buf(&sgl[0], memory + 2 * granule, granule);
			sg_set_buf(&sgl[1], memory + offset, size);
			KUNIT_ASSERT_EQ(test,
					dma_map_sg(dev, sgl, 2,
						   DMA_BIDIRECTIONAL), 2);
			iova = sg_dma_address(&sgl[1]);
		}
		memcpy(expected, memory, 3 * granule);
		edu_read(test, &f->narrow, iova - offset, SZ_2K);
		edu_store(test, &f->narrow, got, SZ_2K);
		KUNIT_EXPECT_NULL(test, memchr_inv(got, 0, offset));
		KUNIT_EXPECT_MEMEQ(test, got + offset, memory + offset, size);
		KUNIT_EXPECT_NULL(test, memchr_inv(got + offset + size, 0,
						   SZ_2K - offset - size));

		edu_fill(got, PAGE_SIZE);
		edu_load(test, &f->narrow, got, SZ_2K);
		memcpy(expected + offset, got + offset, size);
		edu_write(test, &f->narrow, iova - offset, SZ_2K);
		if (link)
			dma_iova_destroy(dev, &state, size, DMA_BIDIRECTIONAL,
					 0);
		else
			dma_unmap_sg(dev, sgl, 2, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_MEMEQ(test, memory, expected, 3 * granule);
		edu_expect_event(test, &f->narrow, iova, edu_write);
	}
}

static struct kunit_case edu_guard_cases[] = {
	KUNIT_CASE_SLOW(test_two_steps),
	KUNIT_CASE_SLOW(test_destroy),
	KUNIT_CASE_SLOW(test_lazy),
	KUNIT_CASE_SLOW(test_untrusted),
	KUNIT_CASE_SLOW(test_untrusted_list),
	{}
};

static struct kunit_suite edu_guard_suite = {
	.name = "iommu_dma_edu_guard",
	.attr = { .speed = KUNIT_SPEED_SLOW },
	.suite_init = edu_suite_init,
	.suite_exit = edu_suite_exit,
	.init = edu_init,
	.exit = edu_exit,
	.test_cases = edu_guard_cases,
};

kunit_test_suite(edu_guard_suite);
