// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that a fuzzer chooses, against the model.
 *
 * The input is text: the first character says which kind of space it is, the others
 * decide what happens in it, six bits each. What is not printable is left out.
 *
 * As "fuzz", with libFuzzer; as "replay", without:
 *
 * Usage: replay FILE...	takes the steps of each
 *        replay --save DIR FILE...
 *				writes them into DIR, in characters from '0' to 'o',
 *				with names that say what they are about
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define INPUT_SIZE 4096
#define MAX_STEPS 500

int fuzz_one(const unsigned char *data, size_t size)
{
	struct source source;
	struct world world;

	source_text(&source, data, size);
	world_begin(&world, &source, pick(&source, WORLD_KINDS));
	while (!source_is_over(&source) && world.step < MAX_STEPS)
		world_step(&world);
	world_end(&world);
	return 0;
}

#ifdef REPLAY
static size_t read_input(const char *name, unsigned char *data)
{
	FILE *file = fopen(name, "r");
	size_t size;

	if (!file)
		shim_die("%s cannot be read", name);
	size = fread(data, 1, INPUT_SIZE, file);
	fclose(file);
	return size;
}

/* The name of the kind of space, in what is good for a file */
static void make_name(char *name, size_t size, const char *dir,
		      const char *kind, unsigned int number)
{
	char *c = name + strlen(dir) + 1;

	snprintf(name, size, "%s/%s %02u", dir, kind, number);
	for (char *to = c;; c++) {
		if (*c == ',')
			continue;
		*to = *c == ' ' ? '-' : *c;
		if (!*to++)
			break;
	}
}

static void save(const char *dir, const unsigned char *data, size_t size)
{
	static unsigned int numbers[WORLD_KINDS];
	unsigned int column = 0, kind;
	struct source source;
	char name[256];
	FILE *file;

	source_text(&source, data, size);
	kind = pick(&source, WORLD_KINDS);
	make_name(name, sizeof(name), dir, world_name(kind), ++numbers[kind]);
	file = fopen(name, "w");
	if (!file)
		shim_die("%s cannot be written", name);

	source_text(&source, data, size);
	while (!source_is_over(&source)) {
		fputc('0' + (int)pick(&source, 64), file);
		if (++column % 72 == 0)
			fputc('\n', file);
	}
	fputc('\n', file);
	fclose(file);
}

int main(int argc, char **argv)
{
	static unsigned char data[INPUT_SIZE];
	const char *dir = NULL;
	int first = 1;

	if (argc > 2 && !strcmp(argv[1], "--save")) {
		dir = argv[2];
		first = 3;
	}
	for (int i = first; i < argc; i++) {
		size_t size = read_input(argv[i], data);

		fprintf(stderr, "%s\n", argv[i]);
		if (dir)
			save(dir, data, size);
		else
			fuzz_one(data, size);
	}
	printf("%d inputs\n", argc - first);
	return 0;
}
#endif
