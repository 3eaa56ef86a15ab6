/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's log has.
 */
#ifndef __DMA_IOMMU_TESTS_LOG_H
#define __DMA_IOMMU_TESTS_LOG_H

#include <linux/kmsg_dump.h>
#include <linux/string.h>

/**
 * log_end() - Where the log ends now
 *
 * Context: Any context.
 * Return: Number of its next line, for log_lines().
 */
static inline u64 log_end(void)
{
	struct kmsg_dump_iter iter;

	kmsg_dump_rewind(&iter);
	return iter.next_seq;
}

/**
 * log_lines() - How often does the log say that?
 * @from: number of the first line that is looked at
 * @device: name of a device
 * @text: what is said of it
 *
 * Context: Any context.
 * Return: How many lines from @from on have both in them.
 */
static inline unsigned int log_lines(u64 from, const char *device,
				     const char *text)
{
	struct kmsg_dump_iter iter;
	unsigned int count = 0;
	char line[256];
	size_t len;

	kmsg_dump_rewind(&iter);
	iter.cur_seq = from;
	while (kmsg_dump_get_line(&iter, false, line, sizeof(line) - 1, &len)) {
		line[len] = '\0';
		count += strstr(line, device) && strstr(line, text);
	}
	return count;
}

#endif /* __DMA_IOMMU_TESTS_LOG_H */
