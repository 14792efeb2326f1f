// SPDX-License-Identifier: GPL-2.0
/* Names for addresses. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kallsyms.h"
#include "symbols.h"

#define NEAR 0x8000	/* farther below than this is another thing */

struct symbol {
	uint64_t address;
	const char *name;
};

struct symbols {
	struct symbol *list;
	size_t n, room;
	int64_t offset;
};

static bool add(struct symbols *s, uint64_t address, const char *name)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 4096;
		struct symbol *list = realloc(s->list, room * sizeof(*list));

		if (!list)
			return false;
		s->list = list;
		s->room = room;
	}
	s->list[s->n++] = (struct symbol){ address, name };
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/* Text sections only: T, t, W, w. Lines are `address type name [module]`. */
static bool read_map(struct symbols *s, FILE *f)
{
	char *line = NULL;
	size_t room = 0;
	bool ok = true;

	while (ok && getline(&line, &room, f) > 0) {
		char type, *name;
		uint64_t address;
		int at = 0;

		if (sscanf(line, "%" SCNx64 " %c %n", &address, &type, &at) < 2 || !at)
			continue;
		if (!address || !strchr("TtWw", type))
			continue;
		name = line + at;
		name[strcspn(name, " \t\n")] = '\0';
		name = strdup(name);
		ok = name && add(s, address, name);
	}
	free(line);
	return ok;
}

static bool in_file(size_t size, uint64_t offset, uint64_t len)
{
	return offset <= size && len <= size - offset;
}

static bool add_copy(void *o, uint64_t address, const char *name)
{
	char *copy = strdup(name);

	return copy && add(o, address, copy);
}

/* Is it code? */
static bool executable(const Elf64_Ehdr *e, const Elf64_Shdr *sh, const Elf64_Sym *sym)
{
	return sym->st_shndx < e->e_shnum && sh[sym->st_shndx].sh_flags & SHF_EXECINSTR;
}

/* The file stays mapped: names point into it. */
static bool read_elf(struct symbols *s, const uint8_t *data, size_t size)
{
	const Elf64_Ehdr *e = (const void *)data;
	const Elf64_Shdr *sh;

	if (size < sizeof(*e) || e->e_ident[EI_CLASS] != ELFCLASS64 ||
	    e->e_shentsize != sizeof(*sh) ||
	    !in_file(size, e->e_shoff, (uint64_t)e->e_shnum * sizeof(*sh)))
		return false;
	sh = (const void *)(data + e->e_shoff);
	for (unsigned int i = 0; i < e->e_shnum; i++) {
		const Elf64_Shdr *names;
		const Elf64_Sym *sym;

		if (sh[i].sh_type != SHT_SYMTAB || sh[i].sh_link >= e->e_shnum)
			continue;
		names = &sh[sh[i].sh_link];
		if (!in_file(size, sh[i].sh_offset, sh[i].sh_size) ||
		    !in_file(size, names->sh_offset, names->sh_size) || !names->sh_size ||
		    data[names->sh_offset + names->sh_size - 1])
			return false;
		sym = (const void *)(data + sh[i].sh_offset);
		for (size_t j = 0; j < sh[i].sh_size / sizeof(*sym); j++)
			if ((sym[j].st_info & 0xf) <= STT_FUNC &&
			    executable(e, sh, &sym[j]) && sym[j].st_name &&
			    sym[j].st_name < names->sh_size &&
			    !add(s, sym[j].st_value,
				 (const char *)data + names->sh_offset + sym[j].st_name))
				return false;
	}
	/* A distribution's kernel is stripped, but knows its own functions. */
	return s->n || kallsyms_read(data, size, add_copy, s);
}

struct symbols *symbols_load(const char *path, char *err, size_t n)
{
	struct symbols *s = calloc(1, sizeof(*s));
	FILE *f = fopen(path, "re");
	struct stat st;
	char magic[SELFMAG];
	bool ok = false;

	if (!s || !f || fstat(fileno(f), &st)) {
		snprintf(err, n, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if (fread(magic, sizeof(magic), 1, f) == 1 && !memcmp(magic, ELFMAG, SELFMAG)) {
		void *data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fileno(f), 0);

		ok = data != MAP_FAILED && read_elf(s, data, st.st_size);
	} else {
		rewind(f);
		ok = read_map(s, f);
	}
	if (!ok || !s->n) {
		snprintf(err, n, "%s: no symbols in it", path);
		goto fail;
	}
	fclose(f);
	qsort(s->list, s->n, sizeof(s->list[0]), compare);
	return s;
fail:
	if (f)
		fclose(f);
	if (s)
		free(s->list);
	free(s);
	return NULL;
}

void symbols_set_offset(struct symbols *s, int64_t offset)
{
	s->offset = offset;
}

bool symbols_address(const struct symbols *s, const char *name, uint64_t *address)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->list[i].name, name))
			continue;
		*address = s->list[i].address;
		return true;
	}
	return false;
}

bool symbols_format(const struct symbols *s, uint64_t address, char *out, size_t n)
{
	uint64_t at = s ? address - s->offset : 0;
	size_t low = 0, high = s ? s->n : 0;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->list[mid].address <= at)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || at - s->list[low - 1].address > NEAR) {
		snprintf(out, n, "0x%" PRIx64, address);
		return false;
	}
	snprintf(out, n, "%s+0x%" PRIx64, s->list[low - 1].name, at - s->list[low - 1].address);
	return true;
}

struct symbols *symbols_self(void)
{
	static struct symbols *self;
	char err[128];
	uint64_t here;

	if (self)
		return self;
	self = symbols_load("/proc/self/exe", err, sizeof(err));
	/* A position-independent program is moved too. */
	if (self && symbols_address(self, "symbols_self", &here))
		symbols_set_offset(self, (int64_t)((uintptr_t)symbols_self - here));
	return self;
}
