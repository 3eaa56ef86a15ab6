/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user space writes to sysfs.
 */
#ifndef __DMA_IOMMU_TESTS_SYSFS_H
#define __DMA_IOMMU_TESTS_SYSFS_H

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mount.h>

#include "mock.h"

static inline void unmount(void *data)
{
	kern_unmount(data);
}

static inline struct vfsmount *mount_sysfs(struct kunit *test)
{
	struct file_system_type *type = get_fs_type("sysfs");
	struct vfsmount *mnt;
	int ret;

	if (!type)
		kunit_skip(test, "needs CONFIG_SYSFS");
	mnt = kern_mount(type);
	put_filesystem(type);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mnt);
	ret = kunit_add_action_or_reset(test, unmount, mnt);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return mnt;
}

/* Write to the file by which user space asks for another type of domain */
static inline ssize_t set_type(struct kunit *test, struct vfsmount *sysfs,
			       struct device *dev, const char *type)
{
	int id = iommu_group_id(dev->iommu_group);
	struct file *file;
	char name[64];
	loff_t pos = 0;
	ssize_t ret;

	snprintf(name, sizeof(name), "kernel/iommu_groups/%d/type", id);
	file = file_open_root_mnt(sysfs, name, O_WRONLY, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	ret = kernel_write(file, type, strlen(type), &pos);
	fput(file);
	return ret < 0 ? ret : 0;
}

#endif /* __DMA_IOMMU_TESTS_SYSFS_H */
