// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of scatterlists with memory of other devices in them. Which entries are such
 * is what the test says, by a letter for each:
 *
 * R: memory; r: a small part of a granule of it; B: reached past the IOMMU, by bus
 * addresses; H: reached through the IOMMU and the host bridge; h: a small part of a
 * granule of that; X: not reached at all.
 */

#include <kunit/static_stub.h>
#include <kunit/test-bug.h>
#include <linux/ctype.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu-dma.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>

#include "../private.h"
#include "mock.h"

#define GRANULE SZ_4K
#define MAX_ENTRIES 8
/* Entries are that far apart in memory */
#define STRIDE (2 * GRANULE)
#define AREA (MAX_ENTRIES * STRIDE)
/* What is at an offset from the start of memory is that far up on the bus */
#define BUS BIT_ULL(42)

/**
 * struct peers - A list with memory of several devices
 * @test: the test
 * @mock: the mock
 * @dev: the device
 * @domain: its domain
 * @kinds: a letter for each entry
 * @memory: AREA bytes
 * @expected: what should be in there
 * @seen: what the device saw of an entry
 * @sgl: the list
 * @before: a copy of it from before it was mapped
 * @nents: its entries
 */
struct peers {
	struct kunit *test;
	struct mock *mock;
	struct device *dev;
	struct iommu_domain *domain;
	const char *kinds;
	u8 *memory;
	u8 *expected;
	u8 *seen;
	struct scatterlist sgl[MAX_ENTRIES];
	struct scatterlist before[MAX_ENTRIES];
	int nents;
};

/* Of the test that is running, for the stub */
static struct peers *current_peers;

static size_t place_of(struct peers *peers, struct scatterlist *sg)
{
	return sg_virt(sg) - (void *)peers->memory;
}

static int stub_kind(struct device *dev, struct pci_p2pdma_map_state *state,
		     struct scatterlist *sg, dma_addr_t *bus)
{
	struct peers *peers = current_peers;

	switch (peers->kinds[place_of(peers, sg) / STRIDE]) {
	case 'B':
		*bus = BUS + place_of(peers, sg);
		return IOMMU_DMA_SG_BUS;
	case 'H':
	case 'h':
		return IOMMU_DMA_SG_MMIO;
	case 'X':
		return -EREMOTEIO;
	default:
		return IOMMU_DMA_SG_MEMORY;
	}
}

/* Which devices are there */
enum device_kind {
	PLAIN,
	NONCOHERENT,
	UNTRUSTED,
};

static struct peers *make_peers(struct kunit *test, enum device_kind kind)
{
	struct peers *peers = kunit_kzalloc(test, sizeof(*peers), GFP_KERNEL);
	struct mock *mock = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, peers);
	if (kind == UNTRUSTED)
		peers->dev = mock_untrusted(mock);
	else
		peers->dev =
			mock_device(mock, .noncoherent = kind == NONCOHERENT);
	/* There is nothing of peers to be asked about then */
	if (!IS_ENABLED(CONFIG_PCI_P2PDMA) && iommu_dma_dev_plain(peers->dev))
		kunit_skip(test, "needs CONFIG_PCI_P2PDMA");
	mock_count_slots(peers->dev);
	peers->test = test;
	peers->mock = mock;
	peers->domain = iommu_get_domain_for_dev(peers->dev);
	peers->memory = mock_buffer(test, AREA);
	peers->expected = mock_buffer(test, AREA);
	peers->seen = mock_buffer(test, GRANULE);
	for (size_t i = 0; i < AREA; i++)
		peers->memory[i] = 1 + i % 251;
	memcpy(peers->expected, peers->memory, AREA);
	current_peers = peers;
	kunit_activate_static_stub(test, iommu_dma_p2p_kind, stub_kind);
	return peers;
}

static void fill_list(struct peers *peers, const char *kinds)
{
	peers->kinds = kinds;
	peers->nents = strlen(kinds);
	sg_init_table(peers->sgl, peers->nents);
	for (int i = 0; i < peers->nents; i++) {
		struct scatterlist *sg = &peers->sgl[i];
		bool small = islower(kinds[i]);
		u8 *at = peers->memory + i * STRIDE + (small ? 50 : 0);

		sg_set_page(sg, virt_to_page(at), small ? 70 : GRANULE,
			    offset_in_page(at));
		sg_dma_address(sg) = 0xdead0000 + i;
		sg_dma_len(sg) = 0xbeef;
	}
	memcpy(peers->before, peers->sgl, sizeof(peers->sgl));
}

static void expect_untouched(struct peers *peers)
{
	KUNIT_EXPECT_MEMEQ(peers->test, peers->sgl, peers->before,
			   peers->nents * sizeof(*peers->sgl));
}

static size_t granules_of(struct peers *peers)
{
	size_t nr = 0;

	for (int i = 0; i < peers->nents; i++)
		nr += peers->kinds[i] != 'B';
	return nr;
}

/* Expect of an entry that takes IOVA that the device has it there, as what it is */
static void expect_entry(struct peers *peers, int i, dma_addr_t iova)
{
	bool mmio = tolower(peers->kinds[i]) == 'h';
	struct scatterlist *sg = &peers->sgl[i];
	struct kunit *test = peers->test;
	phys_addr_t phys = 0;
	int prot = 0;

	KUNIT_ASSERT_TRUE(test, mock_lookup(peers->domain, iova, &phys, &prot));
	KUNIT_EXPECT_EQ(test, iova % GRANULE, sg->offset % GRANULE);
	KUNIT_EXPECT_EQ(test, !!(prot & IOMMU_MMIO), mmio);
	KUNIT_EXPECT_EQ(test, !!(prot & IOMMU_CACHE),
			!mmio && dev_is_dma_coherent(peers->dev));
	if (!mock_in_slot(peers->dev, iova))
		KUNIT_EXPECT_EQ(test, phys, sg_phys(sg));
	else
		KUNIT_EXPECT_EQ(test, peers->kinds[i], 'r');
	KUNIT_EXPECT_TRUE(test,
			  mock_read(peers->dev, iova, peers->seen, sg->length));
	KUNIT_EXPECT_TRUE(test, !memcmp(peers->seen, sg_virt(sg), sg->length));

	KUNIT_EXPECT_TRUE(test,
			  mock_fill(peers->dev, iova, 0xa0 + i, sg->length));
	memset(peers->expected + place_of(peers, sg), 0xa0 + i, sg->length);
}

/*
 * Expect that the segments hold the entries one after the other, those that are bus
 * addresses each by itself; let the device write what it reaches
 */
static void expect_mapped(struct peers *peers, int nsegs)
{
	struct kunit *test = peers->test;
	struct scatterlist *seg = peers->sgl;
	size_t used = 0;

	for (int i = 0; i < peers->nents; i++) {
		struct scatterlist *sg = &peers->sgl[i];

		if (used == sg_dma_len(seg)) {
			seg++;
			used = 0;
		}
		KUNIT_ASSERT_LT(test, seg - peers->sgl, nsegs);
		KUNIT_EXPECT_EQ(test, sg_dma_is_bus_address(seg),
				peers->kinds[i] == 'B');
		if (peers->kinds[i] == 'B') {
			KUNIT_EXPECT_EQ(test, sg_dma_address(seg),
					BUS + place_of(peers, sg));
			KUNIT_EXPECT_EQ(test, sg_dma_len(seg), sg->length);
		} else {
			expect_entry(peers, i, sg_dma_address(seg) + used);
		}
		used += sg->length;
		KUNIT_ASSERT_LE(test, used, sg_dma_len(seg));
	}
	KUNIT_EXPECT_EQ(test, seg - peers->sgl, nsegs - 1);
	KUNIT_EXPECT_EQ(test, used, sg_dma_len(seg));
	for (int i = nsegs; i < peers->nents; i++) {
		KUNIT_EXPECT_EQ(test, sg_dma_len(&peers->sgl[i]), 0);
		KUNIT_EXPECT_FALSE(test, sg_dma_is_bus_address(&peers->sgl[i]));
	}
	KUNIT_EXPECT_EQ(test, mock_live(peers->domain),
			granules_of(peers) * GRANULE);
}

static void expect_gone(struct peers *peers)
{
	struct kunit *test = peers->test;

	for (int i = 0; i < peers->nents; i++) {
		KUNIT_EXPECT_FALSE(test, sg_dma_is_bus_address(&peers->sgl[i]));
		KUNIT_EXPECT_FALSE(test, sg_dma_is_swiotlb(&peers->sgl[i]));
	}
	KUNIT_EXPECT_EQ(test, mock_live(peers->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_stale(peers->domain), 0);
	KUNIT_EXPECT_EQ(test, mock_slots_held(peers->dev), 0);
}

static void round_trip(struct peers *peers)
{
	struct kunit *test = peers->test;
	struct mock *mock = peers->mock;
	int nsegs;

	mock_forget(mock);
	nsegs = dma_map_sg(peers->dev, peers->sgl, peers->nents,
			   DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_GT(test, nsegs, 0);
	KUNIT_ASSERT_LE(test, nsegs, peers->nents);
	if (!granules_of(peers))
		KUNIT_EXPECT_STREQ(test, mock->history, "");
	expect_mapped(peers, nsegs);

	dma_sync_sg_for_cpu(peers->dev, peers->sgl, peers->nents,
			    DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_TRUE(test, !memcmp(peers->memory, peers->expected, AREA));
	dma_sync_sg_for_device(peers->dev, peers->sgl, peers->nents,
			       DMA_BIDIRECTIONAL);

	mock_forget(mock);
	dma_unmap_sg(peers->dev, peers->sgl, peers->nents, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, mock->count[MOCK_SYNC], !!granules_of(peers));
	expect_gone(peers);
	KUNIT_EXPECT_TRUE(test, !memcmp(peers->memory, peers->expected, AREA));
}

struct device_case {
	const char *name;
	enum device_kind kind;
};

static const struct device_case device_cases[] = {
	{ "not coherent", NONCOHERENT },
	{ "untrusted", UNTRUSTED },
#ifdef CONFIG_PCI_P2PDMA /* It is not asked what there cannot be */
	{ "plain", PLAIN },
#endif
};

KUNIT_ARRAY_PARAM_DESC(device, device_cases, name);

static const char *const patterns[] = {
	/* Whole granules */
	"R", "B", "RB", "BR", "BRB", "RBR", "BBR", "BB", "RBBR", "RR",
	/* Through the host bridge, too */
	"H", "RH", "HR", "HBR", "HBH", "BHB", "RHRBH",
	/* Parts of granules, too */
	"r", "rB", "Br", "BrB", "rBr", "BBr", "rRr", "rBRBr", "RBrBR", "rH",
	"Hr", "HBr", "rBH", "rHrBrBHr"
};

/*
 * Test that in whatever order memory and peers' memory stand in a list, each segment
 * is one or the other, what takes IOVA is one range of it that leaves as a whole, and
 * that no entry remembers afterwards what it was (S9).
 */
static void test_patterns(struct kunit *test)
{
	const struct device_case *param = test->param_value;
	struct peers *peers = make_peers(test, param->kind);

	for (int i = 0; i < ARRAY_SIZE(patterns); i++) {
		kunit_info(test, "%s", patterns[i]);
		fill_list(peers, patterns[i]);
		round_trip(peers);
		round_trip(peers);
		if (test->status == KUNIT_FAILURE)
			return;
	}
}

/*
 * Test that a list of which an entry cannot be reached is refused with the errno that
 * says so, wherever that entry stands, with nothing done.
 */
static void test_no_way(struct kunit *test)
{
	static const char *const lists[] = {
		"X", "RX", "XR", "BX", "XB", "HBX", "rBXR", "XrB", "rX",
	};
	const struct device_case *param = test->param_value;
	struct peers *peers = make_peers(test, param->kind);

	for (int i = 0; i < ARRAY_SIZE(lists); i++) {
		fill_list(peers, lists[i]);
		KUNIT_EXPECT_EQ_MSG(test,
				    iommu_dma_map_sg(peers->dev, peers->sgl,
						     peers->nents,
						     DMA_BIDIRECTIONAL, 0),
				    -EREMOTEIO, "%s", lists[i]);
		expect_untouched(peers);
		KUNIT_EXPECT_STREQ(test, peers->mock->history, "");
		expect_gone(peers);
	}
}

/*
 * Test that a part of a granule of a peer's registers is mapped for a device that is
 * trusted, and refused for one that is not: it cannot be copied.
 */
static void test_part_of_registers(struct kunit *test)
{
	const struct device_case *param = test->param_value;
	struct peers *peers = make_peers(test, param->kind);
	static const char *const lists[] = { "h", "Rh", "hB", "rBh" };

	for (int i = 0; i < ARRAY_SIZE(lists); i++) {
		fill_list(peers, lists[i]);
		if (param->kind != UNTRUSTED) {
			round_trip(peers);
			continue;
		}
		KUNIT_EXPECT_EQ(test,
				iommu_dma_map_sg(peers->dev, peers->sgl,
						 peers->nents,
						 DMA_BIDIRECTIONAL, 0),
				-EINVAL);
		expect_untouched(peers);
		KUNIT_EXPECT_STREQ(test, peers->mock->history, "");
	}
}

/*
 * Test that whichever call of the IOMMU driver fails, nothing is left of such a list,
 * and it stays byte for byte as it was (S2).
 */
static void test_map_failure(struct kunit *test)
{
	static const char *const lists[] = {
		"RBR", "BRBHB", "rBHBr", "BBrR", "HRBrBR",
	};
	const struct device_case *param = test->param_value;
	struct peers *peers = make_peers(test, param->kind);
	struct mock *mock = peers->mock;

	for (int i = 0; i < ARRAY_SIZE(lists); i++) {
		unsigned int calls;

		fill_list(peers, lists[i]);
		mock_forget(mock);
		round_trip(peers);
		calls = granules_of(peers);
		memcpy(peers->sgl, peers->before, sizeof(peers->sgl));
		for (unsigned int j = 1; j <= calls + 1; j++) {
			if (j <= calls) {
				mock->fault.map_nth = j;
				mock->fault.map_error = -ENOMEM;
			} else {
				mock->fault.sync_map_nth = 1;
				mock->fault.sync_map_error = -ENOMEM;
			}
			KUNIT_EXPECT_EQ(test,
					iommu_dma_map_sg(peers->dev, peers->sgl,
							 peers->nents,
							 DMA_BIDIRECTIONAL, 0),
					-ENOMEM);
			KUNIT_EXPECT_EQ(test, mock->fault.map_nth, 0);
			expect_untouched(peers);
			expect_gone(peers);
		}
	}
}

/*
 * Test that a list can be mapped again when what its entries are has changed, and by
 * devices of another kind (S11).
 */
static void test_reuse(struct kunit *test)
{
	static const char *const turns[] = {
		"RBR", "BRB", "RRR", "BBB", "HBR", "HHH", "RRB", "BRR",
	};
	struct peers *peers = make_peers(test, UNTRUSTED);
	struct device *untrusted = peers->dev, *noncoherent;

	noncoherent = mock_device(peers->mock, .noncoherent = true);
	fill_list(peers, "RRR");
	for (int i = 0; i < 3 * ARRAY_SIZE(turns); i++) {
		peers->dev = i % 2 ? noncoherent : untrusted;
		peers->domain = iommu_get_domain_for_dev(peers->dev);
		peers->kinds = turns[i * 5 % ARRAY_SIZE(turns)];
		round_trip(peers);
	}
}

/*
 * Test that all of such a list's IOVA is quarantined with one warning if a part could
 * not be unmapped.
 */
static void test_short_unmap(struct kunit *test)
{
	const struct device_case *param = test->param_value;
	struct peers *peers = make_peers(test, param->kind);
	struct iommu_domain *domain = peers->domain;

	fill_list(peers, "BRBHBR");
	KUNIT_ASSERT_GT(test,
			dma_map_sg(peers->dev, peers->sgl, peers->nents,
				   DMA_BIDIRECTIONAL),
			0);
	peers->mock->fault.unmap_nth = 1;
	kunit_warning_suppress(test) {
		dma_unmap_sg(peers->dev, peers->sgl, peers->nents,
			     DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test,
			atomic_long_read(&domain->iova_cookie->space.quarantined),
			3 * GRANULE);
	KUNIT_EXPECT_EQ(test, mock_unstick(domain), GRANULE);
	expect_gone(peers);
}

static struct kunit_case p2p_cases[] = {
	KUNIT_CASE_PARAM(test_patterns, device_gen_params),
	KUNIT_CASE_PARAM(test_no_way, device_gen_params),
	KUNIT_CASE_PARAM(test_part_of_registers, device_gen_params),
	KUNIT_CASE_PARAM(test_map_failure, device_gen_params),
	KUNIT_CASE(test_reuse),
	KUNIT_CASE_PARAM(test_short_unmap, device_gen_params),
	{}
};

static void put_pci(void *pdev)
{
	pci_dev_put(pdev);
}

struct window {
	struct pci_dev *pdev;
	void *memory;
};

static void free_window(void *data)
{
	struct window *window = data;

	pci_free_p2pmem(window->pdev, window->memory, PAGE_SIZE);
}

/* A page of the memory that the machine's drive lends to other devices */
static void *get_window(struct kunit *test, struct pci_dev **pdev)
{
	struct window *window =
		kunit_kzalloc(test, sizeof(*window), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, window);
	wait_for_device_probe();
	*pdev = pci_get_class(PCI_CLASS_STORAGE_EXPRESS, NULL);
	KUNIT_ASSERT_NOT_NULL(test, *pdev);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_pci, *pdev),
			0);
	window->pdev = *pdev;
	window->memory = pci_alloc_p2pmem(*pdev, PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, window->memory);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, free_window, window),
			0);
	return window->memory;
}

/*
 * Test that a drive reaches its own memory past the IOMMU, by the address that the
 * bus knows it by, in the midst of memory that is mapped; who says so is the PCI
 * core, and not a test.
 */
static void test_own_window(struct kunit *test)
{
	void *memory = mock_buffer(test, 2 * PAGE_SIZE), *window;
	struct scatterlist sgl[3], *sg;
	struct iommu_domain *domain;
	struct pci_dev *pdev;
	struct device *dev;
	int nents, i;

	window = get_window(test, &pdev);
	dev = &pdev->dev;
	domain = iommu_get_domain_for_dev(dev);
	KUNIT_ASSERT_TRUE(test, use_dma_iommu(dev));

	sg_init_table(sgl, ARRAY_SIZE(sgl));
	sg_set_buf(&sgl[0], memory, PAGE_SIZE);
	sg_set_page(&sgl[1], virt_to_page(window), PAGE_SIZE, 0);
	sg_set_buf(&sgl[2], memory + PAGE_SIZE, PAGE_SIZE);
	nents = dma_map_sg(dev, sgl, ARRAY_SIZE(sgl), DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_EQ(test, nents, ARRAY_SIZE(sgl));
	KUNIT_EXPECT_TRUE(test, sg_dma_is_bus_address(&sgl[1]));
	KUNIT_EXPECT_EQ(test, sg_dma_address(&sgl[1]),
			pci_p2pmem_virt_to_bus(pdev, window));
	for (i = 0; i < nents; i += 2) {
		KUNIT_EXPECT_FALSE(test, sg_dma_is_bus_address(&sgl[i]));
		KUNIT_EXPECT_EQ(test,
				iommu_iova_to_phys(domain,
						   sg_dma_address(&sgl[i])),
				sg_phys(&sgl[i]));
	}
	dma_unmap_sg(dev, sgl, ARRAY_SIZE(sgl), DMA_BIDIRECTIONAL);
	for_each_sg(sgl, sg, ARRAY_SIZE(sgl), i)
		KUNIT_EXPECT_FALSE(test, sg_dma_is_bus_address(sg));
}

/*
 * Test that a device to which the PCI core knows no way is refused that memory, and the
 * rest of its list with it, which stays as it was.
 */
static void test_no_way_to_window(struct kunit *test)
{
	void *memory = mock_buffer(test, PAGE_SIZE), *window;
	struct scatterlist sgl[2], before[2];
	struct sg_table table = { .sgl = sgl, .nents = 2, .orig_nents = 2 };
	struct pci_dev *pdev, *edu;

	window = get_window(test, &pdev);
	edu = pci_get_device(0x1234, 0x11e8, NULL);
	KUNIT_ASSERT_NOT_NULL(test, edu);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_pci, edu), 0);

	sg_init_table(sgl, ARRAY_SIZE(sgl));
	sg_set_buf(&sgl[0], memory, PAGE_SIZE);
	sg_set_page(&sgl[1], virt_to_page(window), PAGE_SIZE, 0);
	memcpy(before, sgl, sizeof(sgl));
	KUNIT_EXPECT_EQ(test,
			dma_map_sgtable(&edu->dev, &table, DMA_TO_DEVICE, 0),
			-EREMOTEIO);
	KUNIT_EXPECT_MEMEQ(test, sgl, before, sizeof(sgl));
	/* Without that memory there is nothing against it */
	table.nents = 1;
	table.orig_nents = 1;
	sg_mark_end(&sgl[0]);
	KUNIT_EXPECT_EQ(test,
			dma_map_sgtable(&edu->dev, &table, DMA_TO_DEVICE, 0),
			0);
	dma_unmap_sgtable(&edu->dev, &table, DMA_TO_DEVICE, 0);
}

static struct kunit_case window_cases[] = {
	KUNIT_CASE(test_own_window),
	KUNIT_CASE(test_no_way_to_window),
	{}
};

/* Real devices: the drive of the virtual machine lends its memory */
static struct kunit_suite window_suite = {
	.name = "iommu_dma_p2p_window",
	.test_cases = window_cases,
};

static struct kunit_suite p2p_suite = {
	.name = "iommu_dma_p2p",
	.suite_init = mock_suite_init,
	.suite_exit = mock_suite_exit,
	.init = mock_test_init,
	.exit = mock_test_exit,
	.test_cases = p2p_cases,
};

kunit_test_suites(&p2p_suite, &window_suite);
