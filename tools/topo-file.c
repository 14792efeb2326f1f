// SPDX-License-Identifier: GPL-2.0
/*
 * A topology file, read twice: by expat for what it means, and as text for what NCCL's own parser,
 * which is no XML parser, would not take.
 */
#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "topo.h"

#define FILE_MAX   (1 << 20)
#define VALUE_MAX  253
#define ATTRS_MAX  16
#define NODES_MAX  256
#define DEPTH_MAX  32

struct reader {
	struct topo_file *file;
	void (*fault)(const char *text);
	XML_Parser parser;
	size_t n_nodes;
	int depth;
	long at[DEPTH_MAX]; /* entry of each open pci, or -1 */
	int node; /* of the open cpu */
};

static void fault(const struct reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void fault(const struct reader *r, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->fault(text);
}

static const char *value_of(const char **attr, const char *name)
{
	for (; *attr; attr += 2)
		if (!strcmp(attr[0], name))
			return attr[1];
	return "";
}

/* "0000ffff,0000ffff": 32 bits a word, the highest first. */
static bool parse_mask(struct cpus *cpus, const char *text)
{
	unsigned int words = 1, word = 0;

	memset(cpus, 0, sizeof(*cpus));
	for (const char *c = text; *c; c++)
		words += *c == ',';
	if (words > CPUS_MAX / 32 || !*text)
		return false;
	for (; word < words; word++) {
		unsigned long bits;
		char *end;

		bits = strtoul(text, &end, 16);
		if (end == text || (*end && *end != ',') || bits > 0xffffffff)
			return false;
		for (unsigned int i = 0; i < 32; i++)
			cpus->has[(words - 1 - word) * 32 + i] = bits >> i & 1;
		text = end + 1;
	}
	return true;
}

static void open_cpu(struct reader *r, const char **attr)
{
	struct topo_cpu *cpu;

	r->file->cpu = grow(r->file->cpu, &r->file->n_cpus, sizeof(*cpu));
	cpu = &r->file->cpu[r->file->n_cpus - 1];
	cpu->node = atoi(value_of(attr, "numaid"));
	cpu->readable = parse_mask(&cpu->cpus, value_of(attr, "affinity"));
	r->node = cpu->node;
}

static long open_pci(struct reader *r, const char **attr)
{
	struct topo_entry *entry;
	long parent = r->depth ? r->at[r->depth - 1] : -1;

	r->file->entry = grow(r->file->entry, &r->file->n_entries, sizeof(*entry));
	entry = &r->file->entry[r->file->n_entries - 1];
	snprintf(entry->address, sizeof(entry->address), "%s", value_of(attr, "busid"));
	snprintf(entry->class, sizeof(entry->class), "%s", value_of(attr, "class"));
	snprintf(entry->speed, sizeof(entry->speed), "%s", value_of(attr, "link_speed"));
	snprintf(entry->width, sizeof(entry->width), "%s", value_of(attr, "link_width"));
	entry->node = r->node;
	if (parent >= 0) {
		r->file->entry[parent].parent = true;
		strcpy(entry->bridge, r->file->entry[parent].address);
	}
	return r->file->n_entries - 1;
}

static void on_open(void *data, const char *name, const char **attr)
{
	struct reader *r = data;
	unsigned int n = 0;
	long at = -1;

	r->n_nodes++;
	for (const char **a = attr; *a; a += 2, n++)
		if (strlen(a[1]) > VALUE_MAX)
			fault(r, "line %lu: the value of %s has more than %d characters",
			      XML_GetCurrentLineNumber(r->parser), a[0], VALUE_MAX);
	if (n > ATTRS_MAX)
		fault(r, "line %lu: %u attributes, %d are read",
		      XML_GetCurrentLineNumber(r->parser), n, ATTRS_MAX);
	if (!strcmp(name, "system"))
		r->file->version = atoi(value_of(attr, "version"));
	else if (!strcmp(name, "cpu"))
		open_cpu(r, attr);
	else if (!strcmp(name, "pci"))
		at = open_pci(r, attr);
	if (r->depth < DEPTH_MAX)
		r->at[r->depth] = at;
	if (++r->depth >= DEPTH_MAX)
		XML_StopParser(r->parser, XML_FALSE);
}

static void on_close(void *data, const char *name)
{
	struct reader *r = data;

	(void)name;
	r->depth--;
}

/* What the text has between tags' parts: that parser takes one space there and nothing else. */
static void check_spaces(const struct reader *r, const char *text)
{
	unsigned int line = 1;
	char quote = 0;
	bool tag = false;

	for (const char *c = text; *c; c++) {
		line += *c == '\n';
		if (!tag && !strncmp(c, "<!--", 4)) {
			const char *end = strstr(c, "-->");

			for (; end && c < end + 2; c++)
				line += *c == '\n';
			if (!end)
				return;
		} else if (!tag) {
			tag = *c == '<';
		} else if (quote) {
			quote = *c == quote ? 0 : quote;
		} else if (*c == '"' || *c == '\'') {
			quote = *c;
		} else if (*c == '>') {
			tag = false;
		} else if (strchr("\t\n\r", *c) || (*c == ' ' && c[1] == ' ')) {
			fault(r, "line %u: attributes are not separated by exactly one space",
			      line);
			return;
		}
	}
}

static bool parse(struct reader *r, const char *path, const char *text)
{
	bool good;

	r->parser = must(XML_ParserCreate(NULL));
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, on_open, on_close);
	good = XML_Parse(r->parser, text, strlen(text), 1) == XML_STATUS_OK;
	if (!good)
		fprintf(stderr, "hvaccel: %s: line %lu: %s\n", path,
			XML_GetCurrentLineNumber(r->parser),
			XML_ErrorString(XML_GetErrorCode(r->parser)));
	else if (!r->file->n_cpus)
		fprintf(stderr, "hvaccel: %s has no <cpu>: no topology file\n", path);
	XML_ParserFree(r->parser);
	return good && r->file->n_cpus;
}

bool topo_file_read(struct topo_file *file, const char *path, void (*say)(const char *text))
{
	struct reader r = { .file = file, .fault = say };
	char *text = must(calloc(1, FILE_MAX + 1));
	const char *first;
	FILE *from;
	bool good;
	size_t n;

	memset(file, 0, sizeof(*file));
	from = fopen(path, "re");
	n = from ? fread(text, 1, FILE_MAX, from) : 0;
	if (!from || ferror(from) || !n || n == FILE_MAX || strlen(text) != n) {
		fprintf(stderr, "hvaccel: %s: %s\n", path, !from || ferror(from) ?
			strerror(errno) : "no text, or more than a megabyte of it");
		if (from)
			fclose(from);
		free(text);
		return false;
	}
	fclose(from);
	good = parse(&r, path, text);
	if (good) {
		first = text + strspn(text, " \t\r\n");
		if (!strncmp(first, "<?", 2))
			fault(&r, "begins with <?xml, which NCCL's parser does not take");
		else
			check_spaces(&r, text);
		if (r.n_nodes > NODES_MAX)
			fault(&r, "%zu nodes, NCCL reads %d", r.n_nodes, NODES_MAX);
	}
	free(text);
	return good;
}

void topo_file_free(struct topo_file *file)
{
	free(file->cpu);
	free(file->entry);
	memset(file, 0, sizeof(*file));
}
