// SPDX-License-Identifier: GPL-2.0
/*
 * The whole user space of "make test". The built-in KUnit suites have run by
 * the time that this starts: it copies their results, and what the kernel has
 * to say about its own health, to the virtio-serial port "lab.result", and
 * powers off. The last line says how many suites there were, so a report that
 * was cut short is never taken for a whole one. Read by lab/verdict.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "init.h"

#define KUNIT	"/sys/kernel/debug/kunit"

static int port = -1;

static void put(const char *data, size_t size)
{
	while (size) {
		ssize_t done = write(port, data, size);

		if (done <= 0)
			end("the result port refused data");
		data += done;
		size -= done;
	}
}

static void say(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	put(line, strlen(line));
}

static void copy(const char *path)
{
	char data[4096];
	ssize_t size;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return;
	while ((size = read(fd, data, sizeof(data))) > 0)
		put(data, size);
	close(fd);
}

/* The first word after @key in @path, or of the whole file without a @key. */
static void health(const char *name, const char *path, const char *key)
{
	char line[256], word[64] = "unknown";
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof(line), file)) {
		char *at = key ? strstr(line, key) : line;

		if (at && sscanf(at + (key ? strlen(key) : 0), "%63s", word) == 1)
			break;
	}
	if (file)
		fclose(file);
	say("%s: %s\n", name, word);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(void)
{
	struct dirent **suites;
	struct utsname uts;
	int i, count;

	mount("none", "/dev", "devtmpfs", 0, NULL);
	mount("none", "/proc", "proc", 0, NULL);
	mount("none", "/sys", "sysfs", 0, NULL);
	mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	port = open_port();

	uname(&uts);
	say("release: %s\n", uts.release);
	health("tainted", "/proc/sys/kernel/tainted", NULL);
	health("debug_locks", "/proc/lockdep_stats", "debug_locks:");
	health("dma_api_disabled", "/sys/kernel/debug/dma-api/disabled", NULL);
	health("dma_api_errors", "/sys/kernel/debug/dma-api/error_count", NULL);

	count = scandir(KUNIT, &suites, visible, by_name);
	for (i = 0; i < count; i++) {
		char path[512];

		say("--- suite %s\n", suites[i]->d_name);
		snprintf(path, sizeof(path), KUNIT "/%s/results", suites[i]->d_name);
		copy(path);
	}
	say("--- end %d\n", count);
	end(NULL);
}
