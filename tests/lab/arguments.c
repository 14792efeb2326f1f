// SPDX-License-Identifier: GPL-2.0
/* `TYPE,key=value,...`: one device on the command line. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "options.h"

#define PAIRS_MAX (sizeof(((struct device_args *)0)->pair) / \
		   sizeof(((struct device_args *)0)->pair[0]))

struct device_args *args_parse(const char *option, const char *text, char *err, size_t n)
{
	struct device_args *args = calloc(1, sizeof(*args));
	char *copy = strdup(text), *save = NULL, *word;

	if (!args || !copy)
		log_fatal(EXIT_INTERNAL, "--%s: %s", option, strerror(ENOMEM));
	args->option = option;
	args->type = copy;		/* the first byte of what args_free() frees */
	word = strtok_r(copy, ",", &save);
	if (!word || word != copy || strchr(word, '=')) {
		snprintf(err, n, "--%s: a type comes first: TYPE,key=value,...", option);
		goto fail;
	}
	while ((word = strtok_r(NULL, ",", &save))) {
		char *value = strchr(word, '=');

		if (!value || value == word) {
			snprintf(err, n, "--%s %s: '%s' is not key=value", option, args->type,
				 word);
			goto fail;
		}
		*value++ = '\0';
		for (char *p = value; *p; p++)
			if (*p == ';')
				*p = ',';
		for (unsigned int i = 0; i < args->n; i++) {
			if (!strcmp(args->pair[i].key, word)) {
				snprintf(err, n, "--%s %s: %s is given twice", option,
					 args->type, word);
				goto fail;
			}
		}
		if (args->n == PAIRS_MAX) {
			snprintf(err, n, "--%s %s: too many keys", option, args->type);
			goto fail;
		}
		args->pair[args->n].key = word;
		args->pair[args->n++].value = value;
	}
	return args;
fail:
	args_free(args);
	return NULL;
}

void args_free(struct device_args *args)
{
	if (!args)
		return;
	free((char *)args->type);
	free(args);
}

const char *args_str(struct device_args *args, const char *key, const char *otherwise)
{
	for (unsigned int i = 0; i < args->n; i++) {
		if (strcmp(args->pair[i].key, key))
			continue;
		args->pair[i].used = true;
		return args->pair[i].value;
	}
	return otherwise;
}

int parse_u64(const char *text, uint64_t *value)
{
	unsigned int shift = 0;
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno)
		return -EINVAL;
	switch (*end) {
	case 'G':
		shift += 10;
		/* fall through */
	case 'M':
		shift += 10;
		/* fall through */
	case 'k':
	case 'K':
		shift += 10;
		end++;
		break;
	}
	if (*end || (shift && v >> (64 - shift)))
		return -EINVAL;
	*value = v << shift;
	return 0;
}

int args_u64(struct device_args *args, const char *key, uint64_t min, uint64_t max,
	     uint64_t *value, char *err, size_t n)
{
	const char *text = args_str(args, key, NULL);
	uint64_t v;

	if (!text)
		return 0;
	if (parse_u64(text, &v) || v < min || v > max) {
		snprintf(err, n, "--%s %s: %s=%s: a number from %" PRIu64 " to %" PRIu64
			 " is wanted", args->option, args->type, key, text, min, max);
		return -EINVAL;
	}
	*value = v;
	return 0;
}

int args_bool(struct device_args *args, const char *key, bool *value, char *err, size_t n)
{
	static const char *const words[] = { "off", "on", "no", "yes", "0", "1" };
	const char *text = args_str(args, key, NULL);

	if (!text)
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i])) {
			*value = i & 1;
			return 0;
		}
	}
	snprintf(err, n, "--%s %s: %s=%s: on or off is wanted", args->option, args->type, key,
		 text);
	return -EINVAL;
}

int args_mac(struct device_args *args, const char *key, uint8_t mac[6], char *err, size_t n)
{
	const char *text = args_str(args, key, NULL);
	unsigned int b[6];
	int end = 0;

	if (!text)
		return 0;
	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 || text[end] || b[0] & 1) {
		snprintf(err, n, "--%s %s: %s=%s: not a unicast address like 00:15:5d:00:00:01",
			 args->option, args->type, key, text);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = b[i];
	return 0;
}

int parse_version(const char *text, uint32_t *value)
{
	unsigned int major, minor;
	int end = 0;

	if (sscanf(text, "%5u.%5u%n", &major, &minor, &end) != 2 || text[end] || major > 0xffff ||
	    minor > 0xffff)
		return -EINVAL;
	*value = major << 16 | minor;
	return 0;
}

int args_version(struct device_args *args, const char *key, uint32_t *value, char *err, size_t n)
{
	const char *text = args_str(args, key, NULL);

	if (!text)
		return 0;
	if (parse_version(text, value)) {
		snprintf(err, n, "--%s %s: %s=%s: a version like 6.1 is wanted", args->option,
			 args->type, key, text);
		return -EINVAL;
	}
	return 0;
}

int args_check_unused(const struct device_args *args, char *err, size_t n)
{
	for (unsigned int i = 0; i < args->n; i++) {
		if (args->pair[i].used)
			continue;
		snprintf(err, n, "--%s %s: unknown key '%s'", args->option, args->type,
			 args->pair[i].key);
		return -EINVAL;
	}
	return 0;
}
