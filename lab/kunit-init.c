// SPDX-License-Identifier: GPL-2.0
/*
 * The whole user space of "make test". The built-in KUnit suites have run by
 * the time that this starts: it copies their results, and what the kernel has
 * to say about its own health, to the virtio-serial port "lab.result", and
 * powers off. The last line says how many suites there were, so a report that
 * was cut short is never taken for a whole one. Read by lab/verdict.
 *
 * A kernel that counts for gcov has the suites run here, from zero, and its counts
 * copied as well. Read by lab/coverage-report.
 */
#define _GNU_SOURCE /* nftw() */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "init.h"

#define KUNIT	"/sys/kernel/debug/kunit"
#define LEAKS	"/sys/kernel/debug/kmemleak"
#define GCOV	"/sys/kernel/debug/gcov"
#define ORACLE	"/sys/kernel/debug/iommu/dma-debug"

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

/*
 * Says of how much memory kmemleak has lost sight, and shows it on the console. What
 * is younger than 5 s, or has changed since the last scan, it does not yet call lost.
 */
static void leaks(void)
{
	int fd = open(LEAKS, O_RDWR), scan, count = 0;
	char line[256];
	FILE *file;

	if (fd < 0) {
		say("kmemleak: none\n");
		return;
	}
	sleep(6);
	for (scan = 0; scan < 2; scan++) {
		if (write(fd, "scan", 4) != 4) {
			say("kmemleak: refused\n");
			return;
		}
	}
	close(fd);
	file = fopen(LEAKS, "r");
	if (!file) {
		say("kmemleak: unread\n");
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		count += !strncmp(line, "unreferenced object", 19);
		fputs(line, stderr);
	}
	fclose(file);
	say("kmemleak: %d\n", count);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int tell(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY), done;

	if (fd < 0)
		return -1;
	done = write(fd, word, strlen(word));
	close(fd);
	return done < 0 ? -1 : 0;
}

/* Runs them with the counts at zero; they have run during boot if none is kept */
static void run(struct dirent **suites, int count)
{
	char path[512];
	int i;

	if (access(GCOV, F_OK))
		return;
	if (tell(GCOV "/reset", "0"))
		end("the counts of gcov");
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), KUNIT "/%s/run", suites[i]->d_name);
		if (tell(path, "1"))
			end(path);
	}
}

/* Counts are binary: in hexadecimal digits, for the rest of the report is lines */
static int count_file(const char *path, const struct stat *stat, int type, struct FTW *where)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char data[1024];
	char line[2 * sizeof(data)];
	const char *suffix = strrchr(path + where->base, '.');
	ssize_t size;
	int fd, i;

	(void)stat;
	if (type != FTW_F || !suffix || strcmp(suffix, ".gcda"))
		return 0;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		end(path);
	say("--- gcda %s\n", path + strlen(GCOV));
	while ((size = read(fd, data, sizeof(data))) > 0) {
		for (i = 0; i < size; i++) {
			line[2 * i] = digits[data[i] >> 4];
			line[2 * i + 1] = digits[data[i] & 15];
		}
		put(line, 2 * size);
		put("\n", 1);
	}
	close(fd);
	return 0;
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

	count = scandir(KUNIT, &suites, visible, by_name);
	run(suites, count);

	uname(&uts);
	say("release: %s\n", uts.release);
	health("tainted", "/proc/sys/kernel/tainted", NULL);
	health("debug_locks", "/proc/lockdep_stats", "debug_locks:");
	health("dma_api_disabled", "/sys/kernel/debug/dma-api/disabled", NULL);
	health("dma_api_errors", "/sys/kernel/debug/dma-api/error_count", NULL);
	health("oracle_violations", ORACLE "/violations", NULL);
	health("oracle_guesses", ORACLE "/guesses", NULL);
	health("oracle_checked", ORACLE "/checked", NULL);
	leaks();

	for (i = 0; i < count; i++) {
		char path[512];

		say("--- suite %s\n", suites[i]->d_name);
		snprintf(path, sizeof(path), KUNIT "/%s/results", suites[i]->d_name);
		copy(path);
	}
	nftw(GCOV, count_file, 16, FTW_PHYS);
	say("--- end %d\n", count);
	end(NULL);
}
