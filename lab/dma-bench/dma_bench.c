// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads of "make bench": what the public DMA API costs a driver.
 *
 * A driver of QEMU's edu device that maps and unmaps, and moves no data. It uses
 * nothing but what every driver has, so that the same source is a module of the
 * pristine base and of ours. Calls are timed by the system clock, and what it costs
 * to look at that is part of the figure, as in the base's dma_map_benchmark. Under
 * "qemu -icount shift=3,sleep=off" the figures repeat to the instruction.
 *
 * Write the name of a group to debugfs' dma_bench to have it run; read the results of
 * all that ran so far: workload,value,unit. Of single and list, "single-64" is only
 * that with 64 pages.
 */

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#define SEED 20261124
#define CALLS 2000
#define LIVE 200000
#define MAX_PAGES 512
#define LIST_PAGES 256

struct result {
	char workload[80];
	u64 value;
	const char *unit;
};

/* Calls of one kind */
struct timing {
	u64 calls;
	u64 sum;
	u64 worst;
};

static struct result results[256];
static unsigned int nr_results;
static DEFINE_MUTEX(lock); /* protects these, and lets one group run at a time */
static struct device *dev;
static struct dentry *file;
/* MAX_PAGES pages in one piece */
static void *buffer;

static __printf(3, 4) void report(u64 value, const char *unit, const char *fmt,
				  ...)
{
	struct result *result = &results[nr_results];
	va_list args;

	if (WARN_ON(nr_results == ARRAY_SIZE(results)))
		return;
	va_start(args, fmt);
	vsnprintf(result->workload, sizeof(result->workload), fmt, args);
	va_end(args);
	result->value = value;
	result->unit = unit;
	nr_results++;
}

static void note(struct timing *timing, ktime_t start)
{
	u64 ns = ktime_to_ns(ktime_sub(ktime_get(), start));

	timing->calls++;
	timing->sum += ns;
	timing->worst = max(timing->worst, ns);
}

static void report_average(const struct timing *timing, const char *what)
{
	report(timing->calls ? timing->sum / timing->calls : 0, "ns", "%s",
	       what);
}

static bool timed_map(size_t size, dma_addr_t *addr, struct timing *timing)
{
	ktime_t start = ktime_get();

	/* Some are to be refused: a line in the log costs what the console costs */
	*addr = dma_map_single_attrs(dev, buffer, size, DMA_TO_DEVICE,
				     DMA_ATTR_NO_WARN);
	note(timing, start);
	return !dma_mapping_error(dev, *addr);
}

/* The worst of many is not to be that in which a timer ticked */
static bool quiet_map(size_t size, dma_addr_t *addr, struct timing *timing)
{
	unsigned long flags;
	bool mapped;

	local_irq_save(flags);
	mapped = timed_map(size, addr, timing);
	local_irq_restore(flags);
	return mapped;
}

static void timed_unmap(size_t size, dma_addr_t addr, struct timing *timing)
{
	ktime_t start = ktime_get();

	dma_unmap_single(dev, addr, size, DMA_TO_DEVICE);
	note(timing, start);
}

static void shuffle(u64 *values, unsigned int nr)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, SEED);
	for (unsigned int i = nr - 1; i; i--) {
		unsigned int other = prandom_u32_state(&rnd) % (i + 1);

		swap(values[i], values[other]);
	}
}

/* Map and unmap one buffer after the other, @live others being mapped */
static int calls_of(unsigned int bits, unsigned int pages, unsigned int live)
{
	struct timing map = {}, unmap = {}, ignored = {};
	size_t size = pages * PAGE_SIZE;
	dma_addr_t *addrs, addr;
	unsigned int i, mapped;
	char what[80];
	int ret = 0;

	addrs = vmalloc_array(max(live, 1), sizeof(*addrs));
	if (!addrs)
		return -ENOMEM;
	for (mapped = 0; mapped < live; mapped++)
		if (!timed_map(PAGE_SIZE, &addrs[mapped], &ignored))
			break;
	if (mapped < live)
		ret = -ENOSPC;

	/* The first ones fill caches and page tables */
	for (i = 0; i < CALLS + 100 && !ret; i++) {
		if (!timed_map(size, &addr, i < 100 ? &ignored : &map))
			ret = -ENOSPC;
		else
			timed_unmap(size, addr, i < 100 ? &ignored : &unmap);
	}
	while (mapped--)
		timed_unmap(PAGE_SIZE, addrs[mapped], &ignored);
	vfree(addrs);
	if (ret)
		return ret;

	snprintf(what, sizeof(what), "single; %u bits; %u pages; %u live",
		 bits, pages, live);
	report(map.sum / map.calls, "ns", "%s: map", what);
	report(unmap.sum / unmap.calls, "ns", "%s: unmap", what);
	return 0;
}

static int run_single(unsigned int only)
{
	static const unsigned int pages[] = { 1, 4, 16, 64, 256, 512 };
	static const unsigned int live[] = { 1000, 10000, 100000 };
	static const unsigned int bits[] = { 48, 32 };
	int ret = 0;

	if (only)
		return dma_set_mask_and_coherent(dev, DMA_BIT_MASK(48)) ?:
			       calls_of(48, min(only, MAX_PAGES), 0);

	for (int b = 0; b < ARRAY_SIZE(bits) && !ret; b++) {
		ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(bits[b]));
		for (int i = 0; i < ARRAY_SIZE(pages) && !ret; i++)
			ret = calls_of(bits[b], pages[i], 0);
		for (int i = 0; i < ARRAY_SIZE(live) && !ret; i++)
			ret = calls_of(bits[b], 1, live[i]);
	}
	return ret;
}

/* A list of pages: @at says which of the buffer */
static int list_of(const u64 *at, unsigned int nents, const char *how)
{
	struct timing map = {}, unmap = {}, ignored = {};
	struct sg_table table;
	struct scatterlist *sg;
	int i, ret;

	ret = sg_alloc_table(&table, nents, GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sgtable_sg(&table, sg, i)
		sg_set_buf(sg, buffer + at[i] * PAGE_SIZE, PAGE_SIZE);

	for (i = 0; i < CALLS / 4 + 20; i++) {
		ktime_t start = ktime_get();

		if (!dma_map_sg(dev, table.sgl, nents, DMA_TO_DEVICE)) {
			ret = -ENOSPC;
			break;
		}
		note(i < 20 ? &ignored : &map, start);
		start = ktime_get();
		dma_unmap_sg(dev, table.sgl, nents, DMA_TO_DEVICE);
		note(i < 20 ? &ignored : &unmap, start);
	}
	sg_free_table(&table);
	if (ret)
		return ret;

	report(map.sum / map.calls, "ns", "list; %u %s pages: map", nents, how);
	report(unmap.sum / unmap.calls, "ns", "list; %u %s pages: unmap", nents,
	       how);
	return 0;
}

static int run_list(unsigned int only)
{
	static const unsigned int nents[] = { 1, 4, 16, 64, 128, 256 };
	u64 *at = kmalloc_array(LIST_PAGES, sizeof(*at), GFP_KERNEL);
	int ret;

	if (!at)
		return -ENOMEM;
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(48));
	for (int i = 0; i < LIST_PAGES; i++)
		at[i] = i;
	for (int i = 0; i < ARRAY_SIZE(nents) && !ret && !only; i++)
		ret = list_of(at, nents[i], "contiguous");

	/* Every other page in any order: no two are neighbours */
	for (int i = 0; i < LIST_PAGES; i++)
		at[i] = 2 * i;
	shuffle(at, LIST_PAGES);
	if (only)
		ret = ret ?: list_of(at, min(only, LIST_PAGES), "scattered");
	for (int i = 0; i < ARRAY_SIZE(nents) && !ret && !only; i++)
		ret = list_of(at, nents[i], "scattered");
	kfree(at);
	return ret;
}

/* Map LIVE pages, and unmap half of them at random. Returns how many are left. */
static unsigned int scatter(dma_addr_t *addrs)
{
	struct timing ignored = {};
	unsigned int mapped = 0;

	while (mapped < LIVE && timed_map(PAGE_SIZE, &addrs[mapped], &ignored))
		mapped++;
	shuffle(addrs, mapped);
	while (mapped > LIVE / 2)
		timed_unmap(PAGE_SIZE, addrs[--mapped], &ignored);
	return mapped;
}

static void unmap_all(size_t size, const dma_addr_t *addrs, unsigned int mapped)
{
	struct timing ignored = {};

	while (mapped--)
		timed_unmap(size, addrs[mapped], &ignored);
}

/* Among scattered pages, map 256 KiB again and again */
static int run_aged(unsigned int unused)
{
	dma_addr_t *addrs = vmalloc_array(LIVE, sizeof(*addrs));
	dma_addr_t *large = vmalloc_array(CALLS, sizeof(*large));
	unsigned int scattered, more = 0;
	struct timing map = {};
	int ret = -ENOMEM;

	if (!addrs || !large)
		goto out;
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
	scattered = scatter(addrs);
	for (int i = 0; i < CALLS; i++)
		if (quiet_map(SZ_256K, &large[more], &map))
			more++;
	report(map.worst, "ns", "%u live; half freed; 256 KiB: worst map", LIVE);
	report_average(&map, "200000 live; half freed; 256 KiB: map");
	report(more, "mapped", "200000 live; half freed; 256 KiB: mapped");
	unmap_all(SZ_256K, large, more);
	unmap_all(PAGE_SIZE, addrs, scattered);
out:
	vfree(large);
	vfree(addrs);
	return ret;
}

/* Among scattered pages, map 2 MiB until there is no room below 4 GiB, and some more */
static int run_full(unsigned int unused)
{
	dma_addr_t *addrs = vmalloc_array(LIVE, sizeof(*addrs));
	dma_addr_t *large = vmalloc_array(SZ_4G / SZ_2M, sizeof(*large));
	struct timing map = {}, refusal = {};
	unsigned int scattered, more = 0;
	dma_addr_t addr;
	int ret = -ENOMEM;

	if (!addrs || !large)
		goto out;
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
	scattered = scatter(addrs);
	while (more < SZ_4G / SZ_2M && quiet_map(SZ_2M, &large[more], &map))
		more++;
	for (int i = 0; i < 10; i++)
		if (quiet_map(SZ_2M, &addr, &refusal))
			dma_unmap_single(dev, addr, SZ_2M, DMA_TO_DEVICE);
	report(map.worst, "ns", "2 MiB until 4 GiB are full: worst map");
	report(refusal.worst, "ns", "2 MiB when 4 GiB are full: worst refusal");
	report(more, "mapped", "2 MiB until 4 GiB are full: mapped");
	unmap_all(SZ_2M, large, more);
	unmap_all(PAGE_SIZE, addrs, scattered);
out:
	vfree(large);
	vfree(addrs);
	return ret;
}

static u64 free_bytes(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	return (u64)info.freeram * info.mem_unit;
}

static int run_memory(unsigned int unused)
{
	dma_addr_t *addrs = vmalloc_array(LIVE, sizeof(*addrs));
	struct timing ignored = {};
	unsigned int mapped = 0;
	u64 before;
	int ret;

	if (!addrs)
		return -ENOMEM;
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(48));
	before = free_bytes();
	while (!ret && mapped < LIVE &&
	       timed_map(PAGE_SIZE, &addrs[mapped], &ignored))
		mapped++;
	if (mapped == LIVE)
		report((before - free_bytes()) * 100 / LIVE, "bytes/100",
		       "memory per live mapping of 4 KiB");
	else
		ret = -ENOSPC;
	while (mapped--)
		timed_unmap(PAGE_SIZE, addrs[mapped], &ignored);
	vfree(addrs);
	return ret;
}

struct worker {
	size_t size;
	u64 done;
	bool refused;
};

static int work(void *data)
{
	struct worker *worker = data;
	struct timing ignored = {};
	dma_addr_t addr;

	while (!kthread_should_stop()) {
		if (timed_map(worker->size, &addr, &ignored)) {
			timed_unmap(worker->size, addr, &ignored);
			worker->done++;
		} else {
			worker->refused = true;
		}
		cond_resched();
	}
	return 0;
}

/* All CPUs at once, for a second: wall clock */
static int storm_of(size_t size, const char *what, unsigned int nr)
{
	struct worker workers[16] = {};
	struct task_struct *tasks[16];
	unsigned int started;
	ktime_t start;
	u64 done = 0, ns;
	int cpu = -1;

	for (started = 0; started < nr; started++) {
		workers[started].size = size;
		cpu = cpumask_next(cpu, cpu_online_mask);
		tasks[started] = kthread_create_on_cpu(work, &workers[started],
						       cpu, "dma-bench/%u");
		if (IS_ERR(tasks[started]))
			break;
	}
	start = ktime_get();
	for (unsigned int i = 0; i < started; i++)
		wake_up_process(tasks[i]);
	msleep(1000);
	for (unsigned int i = 0; i < started; i++) {
		kthread_stop(tasks[i]);
		done += workers[i].done;
		if (workers[i].refused)
			nr = 0;
	}
	ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	if (started != nr)
		return -ENOMEM;
	report(div64_u64(done * NSEC_PER_SEC, ns), "1/s",
	       "%u CPUs; %s: map and unmap", nr, what);
	return 0;
}

static int run_storm(unsigned int unused)
{
	int ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(48));

	for (unsigned int nr = 1; nr <= min(num_online_cpus(), 16) && !ret;
	     nr *= 2) {
		ret = storm_of(PAGE_SIZE, "4 KiB", nr);
		if (!ret)
			ret = storm_of(SZ_512K, "512 KiB", nr);
	}
	return ret;
}

static const struct group {
	const char *name;
	int (*run)(unsigned int only);
} groups[] = {
	{ "single", run_single },
	{ "list", run_list },
	{ "aged", run_aged },
	{ "full", run_full },
	{ "memory", run_memory },
	{ "storm", run_storm },
};

static ssize_t bench_write(struct file *file, const char __user *from,
			   size_t count, loff_t *pos)
{
	char name[16], *number = name, *group;
	unsigned int only = 0;
	int ret = -EINVAL;

	if (count >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, from, count))
		return -EFAULT;
	name[count] = '\0';
	group = strsep(&number, "-");
	if (number && kstrtouint(number, 10, &only))
		return -EINVAL;

	guard(mutex)(&lock);
	for (int i = 0; i < ARRAY_SIZE(groups); i++)
		if (!strcmp(group, groups[i].name))
			ret = groups[i].run(only);
	return ret ?: count;
}

static int bench_show(struct seq_file *s, void *unused)
{
	guard(mutex)(&lock);
	for (unsigned int i = 0; i < nr_results; i++)
		seq_printf(s, "%s,%llu,%s\n", results[i].workload,
			   results[i].value, results[i].unit);
	return 0;
}

static int bench_open(struct inode *inode, struct file *file)
{
	return single_open(file, bench_show, NULL);
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.read = seq_read,
	.write = bench_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int bench_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	if (dev)
		return -EBUSY;
	buffer = alloc_pages_exact(MAX_PAGES * PAGE_SIZE, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	dev = &pdev->dev;
	dma_set_max_seg_size(dev, UINT_MAX);
	file = debugfs_create_file("dma_bench", 0600, NULL, NULL, &bench_fops);
	return 0;
}

static void bench_remove(struct pci_dev *pdev)
{
	debugfs_remove(file);
	free_pages_exact(buffer, MAX_PAGES * PAGE_SIZE);
	dev = NULL;
}

static const struct pci_device_id bench_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};
MODULE_DEVICE_TABLE(pci, bench_ids);

static struct pci_driver bench_driver = {
	.name = "dma_bench",
	.id_table = bench_ids,
	.probe = bench_probe,
	.remove = bench_remove,
};
module_pci_driver(bench_driver);

MODULE_DESCRIPTION("Workloads of the DMA API");
MODULE_LICENSE("GPL");
