/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The untrusted devices that tests of bouncing are run for.
 */
#ifndef __DMA_IOMMU_TESTS_UNTRUSTED_H
#define __DMA_IOMMU_TESTS_UNTRUSTED_H

#include "mock.h"

struct coherency_case {
	const char *name;
	bool noncoherent;
};

static const struct coherency_case coherency_cases[] = {
	{ "coherent", false },
	{ "not coherent", true },
};

KUNIT_ARRAY_PARAM_DESC(coherency, coherency_cases, name);

/* One that is as coherent as the parameter says, if any */
static inline struct device *untrusted_device(struct kunit *test)
{
	const struct coherency_case *param = test->param_value;
	bool noncoherent = param && param->noncoherent;

	return mock_untrusted(test->priv, .noncoherent = noncoherent);
}

#endif /* __DMA_IOMMU_TESTS_UNTRUSTED_H */
