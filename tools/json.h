/* SPDX-License-Identifier: GPL-2.0 */
/*
 * json.h: how this program prints JSON, over json-c.
 */
#ifndef HVACCEL_JSON_H
#define HVACCEL_JSON_H

#include <json-c/json.h>
#include <stdio.h>

/** json_text() - a member; null for an empty text */
static inline void json_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, *text ? json_object_new_string(text) : NULL);
}

/** json_show() - prints it for people too, paths without backslashes, and gives it back */
static inline void json_show(struct json_object *o, FILE *to)
{
	fprintf(to, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

#endif
