// SPDX-License-Identifier: GPL-2.0
/*
 * The whole user space of "make bench-iova". Has the kernel run each group of
 * workloads of tests/iova_bench.c, sends the results to the virtio-serial port
 * "lab.result", and powers off. What is timed, is timed with one CPU online: the
 * clock counts the instructions of all CPUs. The last line says how many lines
 * there were, so a report that was cut short is never taken for a whole one. Read
 * by lab/bench-iova.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <unistd.h>

#define BENCH	"/sys/kernel/debug/iommu_dma_bench/iova"
#define PORTS	"/sys/class/virtio-ports"
#define CPUS	"/sys/devices/system/cpu"

static void end(const char *why)
{
	if (why)
		fprintf(stderr, "bench-init: %s: %s\n", why, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), failed;

	failed = fd < 0 || write(fd, text, strlen(text)) < 0;
	if (fd >= 0)
		close(fd);
	return failed;
}

static FILE *open_port(void)
{
	DIR *dir = opendir(PORTS);
	struct dirent *entry;
	FILE *port = NULL;

	while (dir && (entry = readdir(dir))) {
		char path[512], name[64] = "";
		FILE *file;

		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%63s", name) == 1 && !strcmp(name, "lab.result")) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			port = fopen(path, "w");
		}
		fclose(file);
	}
	if (dir)
		closedir(dir);
	return port;
}

/* All CPUs but the first, which cannot be switched off everywhere. */
static void switch_cpus(const char *state)
{
	char path[128];

	for (int cpu = 1;; cpu++) {
		snprintf(path, sizeof(path), CPUS "/cpu%d/online", cpu);
		if (access(path, F_OK))
			return;
		if (put(path, state))
			end(path);
	}
}

static void run(const char *group)
{
	if (put(BENCH, group))
		end(group);
}

int main(void)
{
	char line[512];
	struct utsname uts;
	FILE *port, *file;
	int lines = 0;

	mount("none", "/dev", "devtmpfs", 0, NULL);
	mount("none", "/sys", "sysfs", 0, NULL);
	mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	port = open_port();
	if (!port)
		end("there is no result port");

	switch_cpus("0");
	run("quick");
	run("fragmented");
	run("memory");
	switch_cpus("1");
	run("storm");

	uname(&uts);
	fprintf(port, "# release %s\n", uts.release);
	file = fopen(BENCH, "r");
	if (!file)
		end(BENCH);
	for (; fgets(line, sizeof(line), file); lines++)
		fputs(line, port);
	if (ferror(file) || fprintf(port, "# end %d\n", lines) < 0 || fclose(port))
		end("the results could not be sent");
	end(NULL);
}
