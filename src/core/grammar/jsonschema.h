/* SPDX-License-Identifier: MIT
 *
 * jsonschema.h - JSON Schema to GBNF: a grammar in which every complete text is JSON that the
 * schema allows. FORMATS.md has the table of keywords; whatever else a schema says is an error that
 * names its path.
 */
#ifndef PERSONA_CORE_JSONSCHEMA_H
#define PERSONA_CORE_JSONSCHEMA_H

#include "base/json.h"

#define JSON_GRAMMAR_MAX ((size_t)64 << 10) /* bytes, what a session takes */

/* The grammar of a schema, start rule "root"; mem_free it. path names the schema in messages
 * ("response_format.json_schema.schema"). Not all that the schema allows is in it: properties come
 * in the schema's order, numbers and white space are of bounded length. Errors: USAGE (a keyword or
 * a value that is not in the table, a reference that leads nowhere or in a circle, a schema that
 * allows nothing or is too large), NOMEM. */
PERSONA_CHECK persona_code json_schema_grammar(const json_val *schema, const char *path,
                                               char **gbnf, persona_err *e);
/* The grammar of any JSON object. Errors: NOMEM. */
PERSONA_CHECK persona_code json_object_grammar(char **gbnf, persona_err *e);

#endif
