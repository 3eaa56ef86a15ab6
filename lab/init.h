/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guests' user spaces of one program share: the result port, and the end.
 */
#ifndef LAB_INIT_H
#define LAB_INIT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#define PORTS	"/sys/class/virtio-ports"

/* Power off; @why is for the console, with what errno says. */
static void end(const char *why)
{
	if (why)
		fprintf(stderr, "init: %s: %s\n", why, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* The virtio-serial port "lab.result", for writing. Needs /dev and /sys. */
static int open_port(void)
{
	DIR *dir = opendir(PORTS);
	struct dirent *entry;
	int port = -1;

	while (dir && (entry = readdir(dir))) {
		char path[512], name[64] = "";
		FILE *file;

		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%63s", name) == 1 && !strcmp(name, "lab.result")) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			port = open(path, O_WRONLY);
		}
		fclose(file);
	}
	if (dir)
		closedir(dir);
	if (port < 0) {
		errno = ENODEV;
		end("the result port");
	}
	return port;
}

#endif
