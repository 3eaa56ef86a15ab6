// SPDX-License-Identifier: GPL-2.0
/*
 * The whole user space of the benches. What is to be done stands on the kernel's
 * command line: bench=iova has the kernel run the workloads of tests/iova_bench.c,
 * bench=tool the base's dma_map_benchmark, bench=threads the same with a thread on each
 * of four CPUs, and any other word that group of lab/dma-bench. The results go to the virtio-serial port "lab.result". What is
 * timed in instructions, is timed with one CPU online: the clock counts those of all
 * CPUs. The last line says how many lines there were, so a report that was cut short
 * is never taken for a whole one. Read by lab/bench-report.
 */
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "init.h"

#define IOVA	"/sys/kernel/debug/iommu_dma_bench/iova"
#define DMA	"/sys/kernel/debug/dma_bench"
#define CPUS	"/sys/devices/system/cpu"
#define DEVICES	"/sys/bus/pci/devices"
#define TOOL	"/sys/bus/pci/drivers/dma_map_benchmark"

static FILE *port;
static int lines;

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), failed;

	failed = fd < 0 || write(fd, text, strlen(text)) < 0;
	if (fd >= 0)
		close(fd);
	return failed;
}

static void must_put(const char *path, const char *text)
{
	if (put(path, text))
		end(path);
}

/* All CPUs but the first, which cannot be switched off everywhere. */
static void switch_cpus(const char *state)
{
	char path[128];

	for (int cpu = 1;; cpu++) {
		snprintf(path, sizeof(path), CPUS "/cpu%d/online", cpu);
		if (access(path, F_OK))
			return;
		must_put(path, state);
	}
}

static void send(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[512];

	if (!file)
		end(path);
	for (; fgets(line, sizeof(line), file); lines++)
		fputs(line, port);
	if (ferror(file))
		end(path);
	fclose(file);
}

static void bench_iova(void)
{
	switch_cpus("0");
	must_put(IOVA, "quick");
	must_put(IOVA, "fragmented");
	must_put(IOVA, "memory");
	switch_cpus("1");
	must_put(IOVA, "storm");
	send(IOVA);
}

/* The address of the device that is mapped for. */
static void find_edu(char *address, size_t size)
{
	DIR *dir = opendir(DEVICES);
	struct dirent *entry;

	*address = '\0';
	while (dir && (entry = readdir(dir))) {
		char path[512];
		unsigned int vendor = 0;
		FILE *file;

		snprintf(path, sizeof(path), DEVICES "/%s/vendor", entry->d_name);
		file = fopen(path, "r");
		if (file && fscanf(file, "%x", &vendor) == 1 && vendor == 0x1234)
			snprintf(address, size, "%s", entry->d_name);
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
	errno = ENODEV;
	if (!*address)
		end("edu");
}

/* One run of dma_map_benchmark: threads, mode (0 single, 1 list), pages and bits of the mask. */
static void tool(const char *threads, const char *mode, const char *pages, const char *bits)
{
	static const char *const modes[] = { "single", "list" };
	char line[256];
	int status = 0;
	float us;
	FILE *file;
	pid_t pid = fork();

	if (!pid) {
		int fd = open("/out", O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(fd, 1);
		execl("/dma_map_benchmark", "dma_map_benchmark", "-m", mode, "-g", pages, "-b", bits, "-s", "1",
		      "-d", "1", "-t", threads, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		end("dma_map_benchmark");
	file = fopen("/out", "r");
	while (file && fgets(line, sizeof(line), file)) {
		const char *what = NULL;

		if (sscanf(line, "average map latency(us):%f", &us) == 1)
			what = "map";
		else if (sscanf(line, "average unmap latency(us):%f", &us) == 1)
			what = "unmap";
		if (!what)
			continue;
		fprintf(port, "dma_map_benchmark; %s%s%s; %s bits; %s pages: %s,%.0f,ns\n",
			*threads == '1' ? "" : threads, *threads == '1' ? "" : " threads; ", modes[*mode == '1'],
			bits, pages, what, us * 1000);
		lines++;
	}
	if (!file || fclose(file))
		end("/out");
}

static void bind_tool(const char *address)
{
	char path[512];

	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", address);
	must_put(path, "dma_map_benchmark");
	must_put(TOOL "/bind", address);
}

static void load(const char *module)
{
	int fd = open(module, O_RDONLY);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		end(module);
	close(fd);
}

static void bench_tool(void)
{
	static const char *const pages[] = { "1", "4", "16", "64", "256", "1024" };
	static const char *const bits[] = { "48", "32" };
	char address[256];

	find_edu(address, sizeof(address));
	switch_cpus("0");
	bind_tool(address);
	for (int b = 0; b < 2; b++)
		for (int mode = 0; mode < 2; mode++)
			for (int i = 0; i < 6; i++)
				tool("1", mode ? "1" : "0", pages[i], bits[b]);
}

static void bench_threads(void)
{
	static const char *const pages[] = { "1", "16", "128" };
	char address[256];

	find_edu(address, sizeof(address));
	bind_tool(address);
	for (int mode = 0; mode < 2; mode++)
		for (int i = 0; i < 3; i++)
			tool("4", mode ? "1" : "0", pages[i], "48");
}

static void bench_group(const char *group)
{
	/* That one is about all of them */
	if (strcmp(group, "storm"))
		switch_cpus("0");
	load("/dma_bench.ko");
	must_put(DMA, group);
	send(DMA);
}

int main(void)
{
	const char *bench = getenv("bench") ?: "";
	struct utsname uts;

	mount("none", "/dev", "devtmpfs", 0, NULL);
	mount("none", "/sys", "sysfs", 0, NULL);
	mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	port = fdopen(open_port(), "w");
	if (!port)
		end("the result port");
	uname(&uts);
	fprintf(port, "# release %s\n", uts.release);
	if (!strcmp(bench, "iova"))
		bench_iova();
	else if (!strcmp(bench, "tool"))
		bench_tool();
	else if (!strcmp(bench, "threads"))
		bench_threads();
	else
		bench_group(bench);
	if (fprintf(port, "# end %d\n", lines) < 0 || fclose(port))
		end("the results could not be sent");
	end(NULL);
}
