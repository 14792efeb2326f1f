// SPDX-License-Identifier: GPL-2.0
/* Reads fault scripts, matches rules at points, and reports which fired. */
#include "fault.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "log.h"
#include "options.h"
#include "stats.h"

#define RULES_MAX      256
#define LINE_MAX_BYTES 512
#define WORDS_MAX      12
#define LOG_FIRST      20 /* firings of one rule that are logged one by one */

enum when { WHEN_ALWAYS, WHEN_NTH, WHEN_EVERY };

/* struct rule - a line of the script; @arrivals and @fired are guarded by faults.lock */
struct rule {
	enum fault_point point;
	unsigned int line;
	char *text;
	char *object;
	enum when when;
	uint64_t n;
	struct fault_action action;
	uint64_t arrivals;
	uint64_t fired;
};

static struct {
	pthread_mutex_t lock;
	struct vm *vm;
	char *path;
	struct rule *rules;
	unsigned int n_rules;
} faults = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool fault_armed[FAULT_POINTS];

static const char *const kind_name[FAULT_KINDS] = {
	[FAULT_NONE] = "none",		 [FAULT_DROP] = "drop",
	[FAULT_DELAY] = "delay",	 [FAULT_STATUS] = "status",
	[FAULT_CORRUPT] = "corrupt",	 [FAULT_DUPLICATE] = "duplicate",
	[FAULT_RESCIND] = "rescind",
};

/* Does @object name the rule's device, or a channel of it? */
static bool object_matches(const char *wanted, const char *object)
{
	size_t len;

	if (!wanted)
		return true;
	if (!object)
		return false;
	len = strlen(wanted);
	return !strncmp(wanted, object, len) && (!object[len] || object[len] == '.');
}

static bool rule_is_due(const struct rule *rule)
{
	switch (rule->when) {
	case WHEN_NTH:
		return rule->arrivals == rule->n;
	case WHEN_EVERY:
		return rule->arrivals % rule->n == 0;
	default:
		return true;
	}
}

static void field_write(void *msg, size_t len, const struct fault_field *field, uint64_t value)
{
	if (msg && field->offset + (size_t)field->size <= len)
		memcpy((uint8_t *)msg + field->offset, &value, field->size);
}

static const struct fault_field *field_find(const struct fault_field *fields, const char *name)
{
	for (; fields && fields->name; fields++) {
		if (!strcmp(fields->name, name))
			return fields;
	}
	return NULL;
}

/* Called with the lock held: keeps the order of the log that of the firings. */
static void rule_report(const struct rule *rule, const char *object)
{
	if (rule->fired > LOG_FIRST)
		return;
	stats_event(faults.vm, "fault", "line %u: %s%s%s, arrival %" PRIu64 ": %s", rule->line,
		    fault_points[rule->point].name, object ? " on " : "", object ? object : "",
		    rule->arrivals, rule->text);
	log_info("fault: %s:%u fires%s%s at arrival %" PRIu64 ": %s%s", faults.path, rule->line,
		 object ? " on " : "", object ? object : "", rule->arrivals, rule->text,
		 rule->fired == LOG_FIRST ? " (more of it is only counted)" : "");
}

struct fault_action fault_match(enum fault_point point, const char *object, void *msg, size_t len)
{
	const struct fault_field *status = field_find(fault_points[point].fields, "status");
	struct fault_action todo = { .kind = FAULT_NONE };
	struct rule *rule;

	pthread_mutex_lock(&faults.lock);
	for (rule = faults.rules; rule < faults.rules + faults.n_rules; rule++) {
		if (rule->point != point || !object_matches(rule->object, object))
			continue;
		rule->arrivals++;
		if (!rule_is_due(rule))
			continue;
		rule->fired++;
		rule_report(rule, object);
		if (rule->action.kind == FAULT_CORRUPT)
			field_write(msg, len, rule->action.field, rule->action.value);
		else if (rule->action.kind == FAULT_STATUS && status && msg)
			field_write(msg, len, status, rule->action.status);
		else if (todo.kind == FAULT_NONE)
			todo = rule->action;
	}
	pthread_mutex_unlock(&faults.lock);
	return todo;
}

static bool parse_delay(const char *word, uint64_t *ns)
{
	static const struct {
		const char *suffix;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
	};
	char *end;
	unsigned int i;

	if (!isdigit((unsigned char)*word))
		return false;
	errno = 0;
	*ns = strtoull(word, &end, 10);
	if (errno)
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(end, units[i].suffix))
			return !__builtin_mul_overflow(*ns, units[i].ns, ns);
	}
	return false;
}

static bool parse_point(const char *word, enum fault_point *point)
{
	unsigned int i;

	for (i = 0; i < FAULT_POINTS; i++) {
		if (!strcmp(fault_points[i].name, word)) {
			*point = i;
			return true;
		}
	}
	return false;
}

/* @word[0] is the action. Returns the number of words used, 0 with @err filled on a mistake. */
static unsigned int parse_action(const struct fault_point_info *info, char **word,
				 unsigned int n_words, struct fault_action *action, char *err,
				 size_t n)
{
	unsigned int kind;

	for (kind = FAULT_DROP; kind < FAULT_KINDS; kind++) {
		if (!strcmp(kind_name[kind], word[0]))
			break;
	}
	if (kind == FAULT_KINDS) {
		snprintf(err, n, "unknown action '%s'", word[0]);
		return 0;
	}
	if (!(info->kinds & 1u << kind)) {
		snprintf(err, n, "point '%s' has no action '%s'", info->name, word[0]);
		return 0;
	}
	action->kind = kind;
	switch (kind) {
	case FAULT_DELAY:
		if (n_words < 2 || !parse_delay(word[1], &action->delay_ns)) {
			snprintf(err, n, "delay wants a number with ns, us, ms or s");
			return 0;
		}
		return 2;
	case FAULT_STATUS:
		if (n_words < 2 || parse_u64(word[1], &action->status)) {
			snprintf(err, n, "status wants a number");
			return 0;
		}
		return 2;
	case FAULT_CORRUPT:
		if (n_words < 3) {
			snprintf(err, n, "corrupt wants a field and a number");
			return 0;
		}
		action->field = field_find(info->fields, word[1]);
		if (!action->field) {
			snprintf(err, n, "point '%s' has no field '%s'", info->name, word[1]);
			return 0;
		}
		if (parse_u64(word[2], &action->value)) {
			snprintf(err, n, "'%s' is not a number", word[2]);
			return 0;
		}
		if (action->field->size < 8 && action->value >> (8 * action->field->size)) {
			snprintf(err, n, "%s does not fit the %u bytes of field '%s'", word[2],
				 action->field->size, word[1]);
			return 0;
		}
		return 3;
	default:
		return 1;
	}
}

/* Splits in place; returns the number of words, or 0 for a line without any. */
static unsigned int split_words(char *line, char **word, unsigned int max, bool *too_many)
{
	char *save = NULL, *w;
	unsigned int n = 0;

	line[strcspn(line, "#\r\n")] = '\0';
	*too_many = false;
	for (w = strtok_r(line, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (n == max) {
			*too_many = true;
			break;
		}
		word[n++] = w;
	}
	return n;
}

static int parse_rule(char **word, unsigned int n_words, struct rule *rule, char *err, size_t n)
{
	unsigned int at = 2, used;

	if (strcmp(word[0], "at")) {
		snprintf(err, n, "a rule begins with 'at', not '%s'", word[0]);
		return -EINVAL;
	}
	if (n_words < 2 || !parse_point(word[1], &rule->point)) {
		snprintf(err, n, "unknown point '%s' (see hvlab --list-faults)",
			 n_words < 2 ? "" : word[1]);
		return -EINVAL;
	}
	if (at + 1 < n_words && !strcmp(word[at], "on")) {
		rule->object = strdup(word[at + 1]);
		at += 2;
	}
	if (at < n_words && !strcmp(word[at], "always")) {
		at++;
	} else if (at < n_words && (!strcmp(word[at], "nth") || !strcmp(word[at], "every"))) {
		rule->when = word[at][0] == 'n' ? WHEN_NTH : WHEN_EVERY;
		if (at + 1 >= n_words || parse_u64(word[at + 1], &rule->n) || !rule->n) {
			snprintf(err, n, "%s wants a number from 1 on", word[at]);
			return -EINVAL;
		}
		at += 2;
	}
	if (at >= n_words) {
		snprintf(err, n, "no action");
		return -EINVAL;
	}
	used = parse_action(&fault_points[rule->point], word + at, n_words - at, &rule->action,
			    err, n);
	if (!used)
		return -EINVAL;
	if (at + used < n_words) {
		snprintf(err, n, "'%s' is one word too many", word[at + used]);
		return -EINVAL;
	}
	return 0;
}

static int parse_line(char *line, struct rule *rule, char *err, size_t n)
{
	char *word[WORDS_MAX], copy[LINE_MAX_BYTES];
	unsigned int n_words;
	size_t start;
	bool too_many;

	start = strspn(line, " \t");
	snprintf(copy, sizeof(copy), "%s", line + start);
	copy[strcspn(copy, "#\r\n")] = '\0';
	while (*copy && isspace((unsigned char)copy[strlen(copy) - 1]))
		copy[strlen(copy) - 1] = '\0';
	n_words = split_words(line, word, WORDS_MAX, &too_many);
	if (!n_words)
		return 0;
	if (too_many) {
		snprintf(err, n, "too many words");
		return -EINVAL;
	}
	if (parse_rule(word, n_words, rule, err, n))
		return -EINVAL;
	rule->text = strdup(copy);
	return 1;
}

static void dump(void *o, struct json_object *into)
{
	struct json_object *rules, *warnings, *one;
	char text[LINE_MAX_BYTES + 128];
	struct rule *rule;

	stats_put_text(into, "script", faults.path);
	rules = stats_put_array(into, "rules");
	warnings = stats_put_array(into, "warnings");
	pthread_mutex_lock(&faults.lock);
	for (rule = faults.rules; rule < faults.rules + faults.n_rules; rule++) {
		one = json_object_new_object();
		stats_put(one, "line", rule->line);
		stats_put_text(one, "rule", rule->text);
		stats_put(one, "arrivals", rule->arrivals);
		stats_put(one, "fired", rule->fired);
		json_object_array_add(rules, one);
		if (rule->fired)
			continue;
		snprintf(text, sizeof(text), "line %u never fired: %s", rule->line, rule->text);
		json_object_array_add(warnings, json_object_new_string(text));
	}
	pthread_mutex_unlock(&faults.lock);
}

/* ``do faults fired``: how often rules fired so far, for a guest that waits for one. */
static int verb(void *o, int argc, char **argv, char *answer, size_t n)
{
	unsigned int silent = 0;
	uint64_t fired = 0;
	struct rule *rule;

	if (argc != 1 || strcmp(argv[0], "fired")) {
		snprintf(answer, n, "fired");
		return -EINVAL;
	}
	pthread_mutex_lock(&faults.lock);
	for (rule = faults.rules; rule < faults.rules + faults.n_rules; rule++) {
		fired += rule->fired;
		silent += !rule->fired;
	}
	pthread_mutex_unlock(&faults.lock);
	snprintf(answer, n, "%" PRIu64 " %u", fired, silent);
	return 0;
}

static int load_lines(FILE *f, const char *path, char *err, size_t n)
{
	char line[LINE_MAX_BYTES], why[160];
	unsigned int number = 0;
	struct rule rule;
	int got;

	while (fgets(line, sizeof(line), f)) {
		number++;
		if (!strchr(line, '\n') && !feof(f)) {
			snprintf(err, n, "%s:%u: line too long", path, number);
			return -EINVAL;
		}
		memset(&rule, 0, sizeof(rule));
		rule.line = number;
		got = parse_line(line, &rule, why, sizeof(why));
		if (got < 0) {
			snprintf(err, n, "%s:%u: %s", path, number, why);
			free(rule.object);
			return got;
		}
		if (!got)
			continue;
		if (faults.n_rules == RULES_MAX) {
			snprintf(err, n, "%s:%u: more than %u rules", path, number, RULES_MAX);
			free(rule.object);
			free(rule.text);
			return -EINVAL;
		}
		faults.rules[faults.n_rules++] = rule;
	}
	if (ferror(f)) {
		snprintf(err, n, "%s: %s", path, strerror(errno));
		return -EIO;
	}
	if (!faults.n_rules) {
		snprintf(err, n, "%s: no rule in it", path);
		return -EINVAL;
	}
	return 0;
}

static void unload(void)
{
	struct rule *rule;

	for (rule = faults.rules; rule < faults.rules + faults.n_rules; rule++) {
		free(rule->text);
		free(rule->object);
	}
	free(faults.rules);
	free(faults.path);
	faults.rules = NULL;
	faults.path = NULL;
	faults.n_rules = 0;
	memset(fault_armed, 0, sizeof(fault_armed));
}

int fault_load(struct vm *vm, const char *path, char *err, size_t n)
{
	unsigned int i;
	FILE *f;
	int ret;

	unload();
	if (!path)
		return 0;
	f = fopen(path, "re");
	if (!f) {
		ret = -errno;
		snprintf(err, n, "%s: %s", path, strerror(errno));
		return ret;
	}
	faults.vm = vm;
	faults.path = strdup(path);
	faults.rules = calloc(RULES_MAX, sizeof(*faults.rules));
	if (!faults.path || !faults.rules)
		log_fatal(EXIT_INTERNAL, "out of memory");
	ret = load_lines(f, path, err, n);
	fclose(f);
	if (ret)
		return ret;
	for (i = 0; i < faults.n_rules; i++)
		fault_armed[faults.rules[i].point] = true;
	stats_add_source(vm, "faults", dump, NULL);
	return control_register(vm, "faults", verb, NULL);
}

void fault_list(void)
{
	const struct fault_point_info *info;
	const struct fault_field *field;
	unsigned int kind;

	for (info = fault_points; info < fault_points + FAULT_POINTS; info++) {
		printf("%s\n\t%s\n\tactions:", info->name, info->help);
		for (kind = FAULT_DROP; kind < FAULT_KINDS; kind++) {
			if (info->kinds & 1u << kind)
				printf(" %s", kind_name[kind]);
		}
		printf("\n");
		if (!info->fields)
			continue;
		printf("\tfields:");
		for (field = info->fields; field->name; field++)
			printf(" %s/%u", field->name, field->size * 8);
		printf("\n");
	}
}
