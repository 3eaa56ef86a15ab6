// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every failure point of MSI doorbells. sweep.c says what a sweep is.
 */

#include <linux/msi.h>

#include "../../dma-iommu.h"
#include "sweep.h"

/* Where the mock's interrupt controller has its doorbells. Not memory. */
#define DOORBELL 0x08020000ULL

static void prepare_desc(struct sweep *sweep)
{
	sweep->desc = (struct msi_desc){ .dev = sweep->dev };
	msi_desc_set_iommu_msi_iova(&sweep->desc, SZ_1G, 12);
	sweep->desc_before = sweep->desc;
}

/* Prepare an MSI as the interrupt core does, and say where it will be sent */
static int prepare(struct msi_desc *desc, u64 *sent)
{
	struct msi_msg msg = {};
	int ret = iommu_dma_prepare_msi(desc, DOORBELL + 0x40);

	msi_msg_set_addr(desc, &msg, DOORBELL + 0x40);
	*sent = (u64)msg.address_hi << 32 | msg.address_lo;
	return ret;
}

static int get_doorbell(struct sweep *sweep)
{
	u64 sent;
	int ret = prepare(&sweep->desc, &sent);

	if (ret)
		return ret;
	sweep_view(sweep, sent - 0x40, DOORBELL, SWEEP_GRANULE);
	sweep->view[0].prot = IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO;
	return 0;
}

static const struct sweep_way msi_ways[] = {
	{
		.name = "doorbell",
		.prepare = prepare_desc,
		.get = get_doorbell,
		.says = SWEEP_ANY_ERRNO,
		.allocs = 3,
		.maps = 1,
	},
	{
		.name = "doorbell, lazy",
		.prepare = prepare_desc,
		.get = get_doorbell,
		.says = SWEEP_ANY_ERRNO,
		.lazy = true,
		.allocs = 3,
		.maps = 1,
	},
	{
		.name = "doorbell, untrusted",
		.prepare = prepare_desc,
		.get = get_doorbell,
		.says = SWEEP_ANY_ERRNO,
		.untrusted = true,
		.allocs = 3,
		.maps = 1,
	},
};

KUNIT_ARRAY_PARAM_DESC(msi, msi_ways, name);

/* What fails in a domain of VFIO's, and with what */
struct vfio_case {
	const char *name;
	enum sweep_fault fault;
	unsigned int floor;
};

static const struct vfio_case vfio_cases[] = {
	{ "allocation", SWEEP_ALLOC, 1 },
	{ "map call", SWEEP_MAP, 1 },
	{ "map call after a page", SWEEP_MAP_PART, 1 },
	{ "iotlb_sync_map call", SWEEP_SYNC_MAP, 1 },
};

KUNIT_ARRAY_PARAM_DESC(vfio, vfio_cases, name);

/*
 * Test that in a domain of VFIO's a doorbell which fails at any step leaves nothing
 * mapped and the MSI as it was, and takes nothing of the window.
 */
static void test_vfio(struct kunit *test)
{
	const struct vfio_case *param = test->param_value;
	struct mock *mock = test->priv;
	struct device *dev = mock_device(mock);
	struct iommu_domain *domain = mock_unmanaged_domain(mock, dev);
	unsigned int nth = 0, hits = 0;
	u64 sent;
	int ret;

	/* More than one call, where the kernel's pages are that large */
	mock->chunk = 1;
	KUNIT_ASSERT_EQ(test, iommu_get_msi_cookie(domain, SZ_1M), 0);
	KUNIT_ASSERT_EQ(test, iommu_attach_device(domain, dev), 0);
	mock_fail_start(test);
	do {
		struct msi_desc desc = { .dev = dev }, before;
		int expected = -EINVAL;

		KUNIT_ASSERT_LT(test, nth, 100);
		nth++;
		msi_desc_set_iommu_msi_iova(&desc, SZ_1G, 12);
		before = desc;
		if (param->fault == SWEEP_ALLOC)
			mock_fail_nth(nth);
		else if (param->fault == SWEEP_SYNC_MAP)
			mock->fault.sync_map_nth = nth;
		else
			mock->fault.map_nth = nth;
		mock->fault.sync_map_error = -EINVAL;
		mock->fault.map_error = -EINVAL;
		mock->fault.map_pages = param->fault == SWEEP_MAP_PART;
		ret = prepare(&desc, &sent);
		if (param->fault == SWEEP_ALLOC) {
			mock_fail_nth(0);
			expected = -ENOMEM;
		}
		mock->fault = (struct mock_fault){};
		if (!ret)
			break;
		hits++;
		KUNIT_EXPECT_EQ(test, ret, expected);
		KUNIT_EXPECT_MEMEQ(test, &desc, &before, sizeof(desc));
		KUNIT_EXPECT_EQ(test, mock_live(domain), 0);
		KUNIT_EXPECT_EQ(test, mock_stale(domain), 0);
	} while (ret);

	KUNIT_EXPECT_GE(test, hits, param->floor);
	KUNIT_EXPECT_EQ(test, sent, SZ_1M + (DOORBELL + 0x40) % PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, mock_live(domain), PAGE_SIZE);
	iommu_detach_device(domain, dev);
	mock->direct = PAGE_SIZE;
}

/* A doorbell stays, and attaches no device */
static struct kunit_case msi_cases[] = {
	KUNIT_CASE_PARAM(sweep_alloc, msi_gen_params),
	KUNIT_CASE_PARAM(sweep_room, msi_gen_params),
	KUNIT_CASE_PARAM(sweep_slot, msi_gen_params),
	KUNIT_CASE_PARAM(sweep_map, msi_gen_params),
	KUNIT_CASE_PARAM(sweep_map_part, msi_gen_params),
	KUNIT_CASE_PARAM(sweep_map_short, msi_gen_params),
	KUNIT_CASE_PARAM(sweep_sync_map, msi_gen_params),
	KUNIT_CASE_PARAM(sweep_undo, msi_gen_params),
	KUNIT_CASE_PARAM(sweep_undo_sync, msi_gen_params),
	KUNIT_CASE_PARAM(test_vfio, vfio_gen_params),
	{}
};

static struct kunit_suite msi_suite = {
	.name = "iommu_dma_sweep_msi",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = msi_cases,
};

kunit_test_suite(msi_suite);
