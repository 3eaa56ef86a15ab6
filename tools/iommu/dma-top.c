// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-top - what devices behind an IOMMU have mapped
 *
 * Reads /sys/kernel/debug/iommu/dma/, see Documentation/ABI/testing/debugfs-dma-iommu,
 * twice: rates are what is between.
 */

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define DIRECTORY "/sys/kernel/debug/iommu/dma"
#define PARTS 64
#define MAX_FIELDS 64

static const char *directory = DIRECTORY;

/* A line, taken apart */
struct line {
	const char *file;
	unsigned int number;
	char *kind;
	unsigned int nr;
	struct {
		char *key;
		char *value;
	} field[MAX_FIELDS];
};

/* In the order of the columns that they are shown in */
enum count {
	MAPS,
	UNMAPS,
	SLOTS,
	SLOTS_BACK,
	NO_ROOM,
	NO_MEMORY,
	INVALID,
	NOT_SET_UP,
	OTHER,
	BYTES,
	NR_COUNTS,
};

static const char *const count_names[NR_COUNTS] = {
	"maps",	     "unmaps",	"slots",      "slots_back", "no_room",
	"no_memory", "invalid", "not_set_up", "other",	    "bytes",
};

struct device {
	char *name;
	char *mode;
	unsigned long long group;
	unsigned long long count[NR_COUNTS];
};

static const char *const zone_fields[] = {
	"first",    "last",	     "mappings", "bytes",   "free",
	"largest",  "fragmentation", "chunks",	 "room",    "regions",
	"reserved", "quarantined",   "ranges",	 "refills", "searches",
};

/* Which of them are shown on the terminal */
enum zone_value {
	ZONE_MAPPINGS = 2,
	ZONE_BYTES,
	ZONE_FREE,
	ZONE_LARGEST,
	ZONE_FRAGMENTATION,
	ZONE_QUARANTINED = 11,
};

struct zone {
	bool there;
	char *name;
	unsigned long long value[ARRAY_SIZE(zone_fields)];
	bool pictured;
	unsigned long long first;
	unsigned long long part;
	unsigned int used[PARTS];
};

static const char *const flush_fields[] = {
	"waiting", "flushes", "ns",	 "longest_ns", "longest_drain_ns",
	"drains",  "forced",  "at_once", "deepest",
};

enum flush_value {
	FLUSH_WAITING,
	FLUSH_FLUSHES,
	FLUSH_NS,
};

struct group {
	unsigned long long group;
	char *mode;
	unsigned long long granule;
	unsigned int nr_devices;
	struct zone zone[2];
	bool flushes;
	unsigned long long flush[ARRAY_SIZE(flush_fields)];
};

/* All that was read at one time */
struct sample {
	struct timespec time;
	unsigned int nr_devices;
	struct device *device;
	unsigned int nr_groups;
	struct group *group;
};

static void *need(void *memory)
{
	if (!memory)
		errx(1, "out of memory");
	return memory;
}

/* One more element, all zero, at the end of an array */
static void *grow(void *array, unsigned int nr, size_t size)
{
	array = need(realloc(array, (nr + 1) * size));
	memset((char *)array + nr * size, 0, size);
	return array;
}

/* Lines */

static const char *text_of(const struct line *line, const char *key)
{
	for (unsigned int i = 0; i < line->nr; i++)
		if (!strcmp(line->field[i].key, key))
			return line->field[i].value;
	errx(1, "%s:%u: \"%s\" has no %s", line->file, line->number, line->kind,
	     key);
}

static unsigned long long number_of(const struct line *line, const char *key)
{
	const char *text = text_of(line, key);
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || !isdigit((unsigned char)*text))
		errx(1, "%s:%u: %s=%s is no number", line->file, line->number,
		     key, text);
	return value;
}

/* What is read may be shown on a terminal, which would do as it is told */
static void defuse(char *text)
{
	for (; *text; text++)
		if (*text != '\n' && !isprint((unsigned char)*text))
			*text = '?';
}

static void split(struct line *line, char *text)
{
	char *word;

	defuse(text);
	word = strtok(text, "\n ");
	line->nr = 0;
	line->kind = word ?: "";
	while (word && (word = strtok(NULL, "\n "))) {
		char *equals = strchr(word, '=');

		if (line->nr == MAX_FIELDS)
			break;
		/* The name of a device has no key */
		line->field[line->nr].key = equals ? word : "";
		line->field[line->nr].value = equals ? equals + 1 : word;
		if (equals)
			*equals = '\0';
		line->nr++;
	}
}

/* Devices and groups */

static void read_device(struct sample *sample, const struct line *line)
{
	struct device *device;

	if (strcmp(line->kind, "device"))
		return;

	sample->device =
		grow(sample->device, sample->nr_devices, sizeof(*device));
	device = &sample->device[sample->nr_devices++];
	device->name = need(strdup(text_of(line, "")));
	device->mode = need(strdup(text_of(line, "mode")));
	device->group = number_of(line, "group");
	for (unsigned int i = 0; i < NR_COUNTS; i++)
		device->count[i] = number_of(line, count_names[i]);
}

static struct group *find_group(const struct sample *sample,
				unsigned long long number)
{
	/* There may be two for a moment, while it changes its domain: the last one */
	for (unsigned int i = sample->nr_groups; i--;)
		if (sample->group[i].group == number)
			return &sample->group[i];
	return NULL;
}

static void read_domain(struct sample *sample, const struct line *line)
{
	const char *names = text_of(line, "devices");
	struct group *group;

	sample->group = grow(sample->group, sample->nr_groups, sizeof(*group));
	group = &sample->group[sample->nr_groups++];
	group->group = number_of(line, "group");
	group->mode = need(strdup(text_of(line, "mode")));
	group->granule = number_of(line, "granule");
	group->nr_devices = !!*names;
	for (; *names; names++)
		group->nr_devices += *names == ',';
}

static struct zone *zone_of(struct group *group, const struct line *line)
{
	const char *name = text_of(line, "zone");
	struct zone *zone = &group->zone[!strcmp(name, "high")];

	free(zone->name);
	zone->name = need(strdup(name));
	return zone;
}

static void read_zone(struct group *group, const struct line *line)
{
	struct zone *zone = zone_of(group, line);

	zone->there = true;
	for (unsigned int i = 0; i < ARRAY_SIZE(zone_fields); i++)
		zone->value[i] = number_of(line, zone_fields[i]);
}

static void read_picture(struct group *group, const struct line *line)
{
	struct zone *zone = zone_of(group, line);
	const char *at = text_of(line, "used");
	unsigned int i;
	char *end;

	zone->pictured = true;
	zone->first = number_of(line, "first");
	zone->part = number_of(line, "part");
	for (i = 0; i < PARTS && isdigit((unsigned char)*at); i++) {
		zone->used[i] = strtoul(at, &end, 10);
		at = *end == ',' ? end + 1 : end;
	}
	if (i != PARTS || *at)
		errx(1, "%s:%u: used= are not %d numbers", line->file,
		     line->number, PARTS);
}

static void read_flush(struct group *group, const struct line *line)
{
	group->flushes = true;
	for (unsigned int i = 0; i < ARRAY_SIZE(flush_fields); i++)
		group->flush[i] = number_of(line, flush_fields[i]);
}

static void read_group(struct sample *sample, const struct line *line)
{
	static const struct {
		const char *kind;
		void (*read)(struct group *group, const struct line *line);
	} kinds[] = {
		{ "zone", read_zone },
		{ "picture", read_picture },
		{ "flush", read_flush },
	};

	if (!strcmp(line->kind, "domain")) {
		read_domain(sample, line);
		return;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct group *group;

		if (strcmp(line->kind, kinds[i].kind))
			continue;
		group = find_group(sample, number_of(line, "group"));
		if (!group)
			errx(1,
			     "%s:%u: there is no domain line before this one",
			     line->file, line->number);
		kinds[i].read(group, line);
	}
}

/* Files */

static void die_of(const char *path)
{
	if (errno == EACCES || errno == EPERM)
		errx(1, "%s: no permission; run it as root", path);
	if (errno == ENOENT && !access(directory, F_OK))
		errx(1, "%s is not there; is that the right directory?", path);
	if (errno == ENOENT)
		errx(1,
		     "%s is not there; mount debugfs, and use a kernel with CONFIG_IOMMU_DEBUGFS",
		     directory);
	errx(1, "%s: %s", path, strerror(errno));
}

static void read_file(struct sample *sample, const char *name,
		      void (*read)(struct sample *sample,
				   const struct line *line))
{
	struct line line = {};
	char *text = NULL, *path;
	size_t size = 0;
	FILE *file;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		errx(1, "out of memory");
	file = fopen(path, "r");
	if (!file)
		die_of(path);
	line.file = path;
	errno = 0;
	while (getline(&text, &size, file) >= 0) {
		line.number++;
		split(&line, text);
		read(sample, &line);
	}
	if (ferror(file))
		die_of(path);
	fclose(file);
	free(text);
	free(path);
}

static struct sample *take_sample(void)
{
	struct sample *sample = need(calloc(1, sizeof(*sample)));

	read_file(sample, "devices", read_device);
	read_file(sample, "domains", read_group);
	clock_gettime(CLOCK_MONOTONIC, &sample->time);
	return sample;
}

static void free_sample(struct sample *sample)
{
	if (!sample)
		return;
	for (unsigned int i = 0; i < sample->nr_devices; i++) {
		free(sample->device[i].name);
		free(sample->device[i].mode);
	}
	for (unsigned int i = 0; i < sample->nr_groups; i++) {
		free(sample->group[i].mode);
		free(sample->group[i].zone[0].name);
		free(sample->group[i].zone[1].name);
	}
	free(sample->device);
	free(sample->group);
	free(sample);
}

/* What has changed */

static double seconds_between(const struct sample *old,
			      const struct sample *new)
{
	return new->time.tv_sec - old->time.tv_sec +
	       (new->time.tv_nsec - old->time.tv_nsec) / 1e9;
}

/* Per second, or below 0 if there is nothing to compare with */
static double rate(const struct sample *old, const struct sample *new,
		   const struct device *device, enum count what)
{
	for (unsigned int i = 0; old && i < old->nr_devices; i++) {
		const struct device *before = &old->device[i];

		/* A device that came back has begun again */
		if (!strcmp(before->name, device->name) &&
		    before->count[what] <= device->count[what])
			return (device->count[what] - before->count[what]) /
			       seconds_between(old, new);
	}
	return -1;
}

/* Microseconds that an invalidation took; those since @old if there were any */
static double flush_us(const struct sample *old, const struct group *group)
{
	unsigned long long flushes = group->flush[FLUSH_FLUSHES];
	unsigned long long ns = group->flush[FLUSH_NS];
	struct group *before = old ? find_group(old, group->group) : NULL;

	if (!group->flushes || !flushes)
		return -1;
	if (before && before->flushes &&
	    before->flush[FLUSH_FLUSHES] < flushes &&
	    before->flush[FLUSH_NS] <= ns) {
		flushes -= before->flush[FLUSH_FLUSHES];
		ns -= before->flush[FLUSH_NS];
	}
	return ns / 1e3 / flushes;
}

/* Of what counts both: one that wraps around, as on 32 bits, may be below the other */
static unsigned long long live(const struct device *device, enum count made,
			       enum count gone)
{
	if (device->count[made] < device->count[gone])
		return 0;
	return device->count[made] - device->count[gone];
}

static unsigned long long refused(const struct device *device)
{
	unsigned long long sum = 0;

	for (unsigned int i = NO_ROOM; i <= OTHER; i++)
		sum += device->count[i];
	return sum;
}

/* The terminal */

static const char *human(unsigned long long bytes)
{
	static char texts[4][16];
	static unsigned int next;
	char *text = texts[next++ % 4];
	const char *unit = "BKMGTPE";
	double value = bytes;

	for (; value >= 1024 && unit[1]; unit++)
		value /= 1024;
	snprintf(text, sizeof(texts[0]),
		 value < 10 && *unit != 'B' ? "%.1f%c" : "%.0f%c", value,
		 *unit);
	return text;
}

static const char *or_dash(double value)
{
	static char texts[4][24];
	static unsigned int next;
	char *text = texts[next++ % 4];

	snprintf(text, sizeof(texts[0]), value < 0 ? "-" : "%.0f", value);
	return text;
}

static void show_device(const struct sample *old, const struct sample *new,
			const struct device *device)
{
	const struct group *group = find_group(new, device->group);

	printf("%-16s %5llu %-6s %7s %8llu %8s %8s %8s %6llu %7llu %8s\n",
	       device->name, device->group, device->mode,
	       human(device->count[BYTES]), live(device, MAPS, UNMAPS),
	       or_dash(rate(old, new, device, MAPS)),
	       or_dash(rate(old, new, device, UNMAPS)),
	       or_dash(rate(old, new, device, SLOTS)),
	       live(device, SLOTS, SLOTS_BACK), refused(device),
	       or_dash(group ? flush_us(old, group) : -1));
}

static void show_zone(const struct group *group, const struct zone *zone)
{
	static const char shades[] = " .:-=+*%#";

	if (!zone->there || !zone->value[ZONE_MAPPINGS])
		return;
	printf("%5llu %-4s %7s in %6llu, free %7s, hole %7s, %3llu%% in pieces",
	       group->group, zone->name, human(zone->value[ZONE_BYTES]),
	       zone->value[ZONE_MAPPINGS], human(zone->value[ZONE_FREE]),
	       human(zone->value[ZONE_LARGEST]),
	       zone->value[ZONE_FRAGMENTATION]);
	if (zone->value[ZONE_QUARANTINED])
		printf(", %s quarantined",
		       human(zone->value[ZONE_QUARANTINED]));
	putchar('\n');
	if (!zone->pictured)
		return;
	fputs("           |", stdout);
	for (unsigned int i = 0; i < PARTS; i++)
		putchar(shades[(zone->used[i] * (sizeof(shades) - 2) + 99) /
			       100 % (sizeof(shades) - 1)]);
	printf("| %#llx, %s each\n", zone->first, human(zone->part));
}

static void show(const struct sample *old, const struct sample *new)
{
	printf("%-16s %5s %-6s %7s %8s %8s %8s %8s %6s %7s %8s\n", "device",
	       "group", "mode", "live", "mappings", "map/s", "unmap/s",
	       "bounce/s", "slots", "refused", "flush/us");
	for (unsigned int i = 0; i < new->nr_devices; i++)
		show_device(old, new, &new->device[i]);
	puts("\ngroup zone  mapped, and where");
	for (unsigned int i = 0; i < new->nr_groups; i++)
		for (unsigned int j = 0; j < 2; j++)
			show_zone(&new->group[i], &new->group[i].zone[j]);
}

/* Scripts */

static void json_text(const char *key, const char *value)
{
	printf("\"%s\": \"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putchar('\\');
		putchar(*value);
	}
	putchar('"');
}

static void json_rate(const char *key, double value)
{
	if (value < 0)
		printf(", \"%s\": null", key);
	else
		printf(", \"%s\": %.3f", key, value);
}

static void json_device(const struct sample *old, const struct sample *new,
			const struct device *device)
{
	printf("{");
	json_text("device", device->name);
	printf(", \"group\": %llu, ", device->group);
	json_text("mode", device->mode);
	for (unsigned int i = 0; i < NR_COUNTS; i++)
		printf(", \"%s\": %llu", count_names[i], device->count[i]);
	json_rate("maps_per_s", rate(old, new, device, MAPS));
	json_rate("unmaps_per_s", rate(old, new, device, UNMAPS));
	json_rate("slots_per_s", rate(old, new, device, SLOTS));
	printf("}");
}

static void json_zone(const struct zone *zone)
{
	printf("{");
	json_text("zone", zone->name);
	for (unsigned int i = 0; i < ARRAY_SIZE(zone_fields); i++)
		printf(", \"%s\": %llu", zone_fields[i], zone->value[i]);
	if (zone->pictured) {
		printf(", \"picture\": {\"first\": %llu, \"part\": %llu, \"used\": [",
		       zone->first, zone->part);
		for (unsigned int i = 0; i < PARTS; i++)
			printf("%s%u", i ? ", " : "", zone->used[i]);
		printf("]}");
	}
	printf("}");
}

static void json_group(const struct sample *old, const struct group *group)
{
	const char *between = "";

	printf("{\"group\": %llu, ", group->group);
	json_text("mode", group->mode);
	printf(", \"granule\": %llu, \"devices\": %u, \"zones\": [",
	       group->granule, group->nr_devices);
	for (unsigned int i = 0; i < 2; i++) {
		if (!group->zone[i].there)
			continue;
		printf("%s", between);
		json_zone(&group->zone[i]);
		between = ", ";
	}
	printf("]");
	if (group->flushes) {
		printf(", \"flush\": {");
		for (unsigned int i = 0; i < ARRAY_SIZE(flush_fields); i++)
			printf("%s\"%s\": %llu", i ? ", " : "", flush_fields[i],
			       group->flush[i]);
		json_rate("mean_us", flush_us(old, group));
		printf("}");
	}
	printf("}");
}

static void show_json(const struct sample *old, const struct sample *new)
{
	if (old)
		printf("{\"seconds\": %.3f, \"devices\": [",
		       seconds_between(old, new));
	else
		printf("{\"seconds\": null, \"devices\": [");
	for (unsigned int i = 0; i < new->nr_devices; i++) {
		printf("%s", i ? ", " : "");
		json_device(old, new, &new->device[i]);
	}
	printf("], \"groups\": [");
	for (unsigned int i = 0; i < new->nr_groups; i++) {
		printf("%s", i ? ", " : "");
		json_group(old, &new->group[i]);
	}
	puts("]}");
}

/* How it is called */

static void usage(void)
{
	puts("Usage: dma-top [OPTION]...\n"
	     "Show what devices behind an IOMMU have mapped, again and again until ^C.\n"
	     "\n"
	     "  -i, --interval=SECONDS  time between two looks (1); 0: one look, no rates\n"
	     "  -1, --once              show it once, and end\n"
	     "  -j, --json              as one line of JSON each time\n"
	     "  -d, --directory=DIR     read what is there (" DIRECTORY ")\n"
	     "  -h, --help              this\n"
	     "\n"
	     "Columns: live: bytes that the device has mapped; mappings: how many these are;\n"
	     "map/s, unmap/s, bounce/s: mappings made, taken away, and granules that were\n"
	     "copied through swiotlb; slots: those in use; refused: mappings that failed since\n"
	     "the device was added; flush/us: how long an invalidation took, in lazy mode.\n"
	     "\n"
	     "Below, for each group with mappings: where in its address space they are. The\n"
	     "picture begins at the lowest one; the more of a part is mapped, the darker it is.\n"
	     "\n"
	     "Needs root, debugfs, and a kernel with CONFIG_IOMMU_DEBUGFS.");
}

static double to_seconds(const char *text)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0 && seconds <= 86400))
		errx(1, "an interval of '%s' is none of 0 to 86400 seconds",
		     text);
	return seconds;
}

static void wait_for(double seconds)
{
	struct timespec time = { .tv_sec = seconds };

	time.tv_nsec = (seconds - time.tv_sec) * 1e9;
	nanosleep(&time, NULL);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interval", required_argument, NULL, 'i' },
		{ "once", no_argument, NULL, '1' },
		{ "json", no_argument, NULL, 'j' },
		{ "directory", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	struct sample *old = NULL, *new;
	bool once = false, json = false;
	double interval = 1;
	int option;

	while ((option = getopt_long(argc, argv, "i:1jd:h", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'i':
			interval = to_seconds(optarg);
			break;
		case '1':
			once = true;
			break;
		case 'j':
			json = true;
			break;
		case 'd':
			directory = optarg;
			break;
		case 'h':
			usage();
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc)
		errx(1, "what is '%s'? See dma-top --help", argv[optind]);

	once |= !interval;
	do {
		if (interval) {
			if (!old)
				old = take_sample();
			wait_for(interval);
		}
		new = take_sample();
		if (json) {
			show_json(old, new);
		} else {
			if (!once && isatty(STDOUT_FILENO))
				fputs("\033[H\033[J", stdout);
			show(old, new);
		}
		if (fflush(stdout))
			errx(1, "the output could not be written: %s",
			     strerror(errno));
		free_sample(old);
		old = new;
	} while (!once);
	free_sample(old);
	return 0;
}
