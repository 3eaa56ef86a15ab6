// SPDX-License-Identifier: GPL-2.0
/*
 * How many instructions the CPU has executed, for lab/guest/bench-io.
 *
 * Time tells nothing of that where a CPU also waits for devices. QEMU's model of the
 * PMU counts instructions exactly under -icount, and the kernels of the bench have no
 * driver for it that would want it, too.
 *
 * Read debugfs' instructions: a number modulo 2^32. Of the CPU that reads it: there is
 * but one online.
 */

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include <asm/sysreg.h>

#define INST_RETIRED 0x08
#define ENABLE BIT(0)

static struct dentry *file;

static int instructions_show(struct seq_file *s, void *unused)
{
	seq_printf(s, "%u\n", (u32)read_sysreg(pmevcntr0_el0));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(instructions);

static int __init instructions_init(void)
{
	write_sysreg(INST_RETIRED, pmevtyper0_el0);
	write_sysreg(BIT(0), pmcntenset_el0);
	write_sysreg(read_sysreg(pmcr_el0) | ENABLE, pmcr_el0);
	isb();
	/* Nothing counts but under -icount */
	if (!(u32)read_sysreg(pmevcntr0_el0))
		return -ENODEV;
	file = debugfs_create_file("instructions", 0400, NULL, NULL,
				   &instructions_fops);
	return 0;
}
module_init(instructions_init);

static void __exit instructions_exit(void)
{
	debugfs_remove(file);
}
module_exit(instructions_exit);

MODULE_DESCRIPTION("Counts instructions");
MODULE_LICENSE("GPL");
