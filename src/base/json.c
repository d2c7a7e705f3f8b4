/* SPDX-License-Identifier: MIT
 *
 * json.c - JSON in and out; the only file that includes yyjson.
 *
 * Reading is strict RFC 8259 with UTF-8 checked. A json_val is a yyjson_val under another name.
 * Paths in messages are not stored but found again when something is wrong: yyjson lays a document
 * out as one array in document order, so a container spans the addresses up to its next sibling,
 * and the way down to a value needs no recursion (whoever wrote the file chose the nesting).
 *
 * Writing is a stream onto a buf. Text that is not UTF-8 becomes U+FFFD, so that the output always
 * parses. Numbers go through printf and strtod, which obey LC_NUMERIC: neither the library nor the
 * program calls setlocale(LC_NUMERIC), so the decimal point is a point.
 */
#include "base/json.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

struct json_doc {
    char *name;
    yyjson_doc *doc;
};

enum { PATH_MAX_BYTES = 160, DEPTH_MAX = sizeof((json_out){0}.first) };

/* ---- reading -------------------------------------------------------------------------------- */

/* yyjson's getters take pointers to non-const but write nothing. */
static yyjson_val *raw(const json_val *v)
{
    return (yyjson_val *)(uintptr_t)v;
}

static const json_val *cooked(const yyjson_val *v)
{
    return (const json_val *)v;
}

static void *alc_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return mem_realloc(NULL, size, 1);
}

static void *alc_realloc(void *ctx, void *p, size_t old_size, size_t size)
{
    (void)ctx;
    (void)old_size;
    return mem_realloc(p, size, 1);
}

static void alc_free(void *ctx, void *p)
{
    (void)ctx;
    mem_free(p);
}

static persona_code read_failed(const yyjson_read_err *err, const char *text, size_t len,
                                const char *name, persona_err *e)
{
    if (err->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        return mem_err(e, name);
    }
    size_t line = 0, column = 0, character = 0;
    /* On the first line the byte says it all; the name may hold a line number of its own. */
    if (!yyjson_locate_pos(text, len, err->pos, &line, &column, &character) || line < 2) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: byte %zu: %s", name, err->pos, err->msg);
    }
    return persona_err_set(e, PERSONA_E_FORMAT, "%s: byte %zu (line %zu, column %zu): %s", name,
                           err->pos, line, column, err->msg);
}

persona_code json_parse(const char *text, size_t len, const char *name, json_doc **out,
                        persona_err *e)
{
    static const yyjson_alc alc = {alc_malloc, alc_realloc, alc_free, NULL};
    yyjson_read_err err = {0};
    persona_code code = PERSONA_OK;
    if (len == 0) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: byte 0: is empty (expected JSON)", name);
    }
    json_doc *d = mem_calloc(1, sizeof *d);
    if (!d || !(d->name = mem_strdup(name))) {
        code = mem_err(e, name);
        goto out;
    }
    const size_t mark = utf8_mark(text, len);
    /* Without the in-situ flag the text is only read. */
    d->doc = yyjson_read_opts((char *)(uintptr_t)text + mark, len - mark, YYJSON_READ_NOFLAG, &alc,
                              &err);
    if (!d->doc) {
        err.pos += mark;
        code = read_failed(&err, text, len, name, e);
        goto out;
    }
    *out = d;
    d = NULL;
out:
    json_free(d);
    return code;
}

persona_code json_read(const char *path, size_t max, json_doc **out, persona_err *e)
{
    char *text = NULL;
    size_t len = 0;
    persona_code code = file_read(path, max, &text, &len, e);
    if (!code) {
        code = json_parse(text, len, path, out, e);
    }
    mem_free(text);
    return code;
}

void json_free(json_doc *d)
{
    if (!d) {
        return;
    }
    yyjson_doc_free(d->doc);
    mem_free(d->name);
    mem_free(d);
}

const json_val *json_root(const json_doc *d)
{
    return cooked(yyjson_doc_get_root(d->doc));
}

json_type json_typeof(const json_val *v)
{
    switch (yyjson_get_type(raw(v))) {
    case YYJSON_TYPE_BOOL:
        return JSON_BOOL;
    case YYJSON_TYPE_NUM:
        return JSON_NUMBER;
    case YYJSON_TYPE_STR:
        return JSON_STRING;
    case YYJSON_TYPE_ARR:
        return JSON_ARRAY;
    case YYJSON_TYPE_OBJ:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

size_t json_len(const json_val *v)
{
    return yyjson_is_ctn(raw(v)) ? yyjson_get_len(raw(v)) : 0;
}

const json_val *json_at(const json_val *v, size_t i)
{
    return cooked(yyjson_arr_get(raw(v), i));
}

const json_val *json_get(const json_val *v, const char *key)
{
    return cooked(yyjson_obj_get(raw(v), key));
}

void json_each(const json_val *v, bool (*fn)(void *ud, const char *key, const json_val *val),
               void *ud)
{
    yyjson_obj_iter it;
    if (!yyjson_obj_iter_init(raw(v), &it)) {
        return;
    }
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        if (!fn(ud, yyjson_get_str(key), cooked(yyjson_obj_iter_get_val(key)))) {
            return;
        }
    }
}

bool json_bool(const json_val *v, bool fallback)
{
    return yyjson_is_bool(raw(v)) ? yyjson_get_bool(raw(v)) : fallback;
}

const char *json_string(const json_val *v)
{
    return yyjson_get_str(raw(v));
}

size_t json_string_len(const json_val *v)
{
    return yyjson_get_len(raw(v));
}

double json_number(const json_val *v, double fallback)
{
    return yyjson_is_num(raw(v)) ? yyjson_get_num(raw(v)) : fallback;
}

bool json_has_nul(const json_val *v)
{
    if (v == NULL) {
        return false;
    }
    /* values of a container, keys among them, stand in memory one behind the other */
    yyjson_val *end = unsafe_yyjson_get_next(raw(v));
    for (yyjson_val *p = raw(v); p < end; p++) {
        if (unsafe_yyjson_is_str(p) &&
            memchr(unsafe_yyjson_get_str(p), '\0', unsafe_yyjson_get_len(p)) != NULL) {
            return true;
        }
    }
    return false;
}

/* ---- required members and their messages ---------------------------------------------------- */

static bool within(const yyjson_val *container, const yyjson_val *v)
{
    yyjson_val *c = raw(cooked(container));
    return (uintptr_t)v >= (uintptr_t)c && (uintptr_t)v < (uintptr_t)unsafe_yyjson_get_next(c);
}

/* One step down towards target: the child of c that holds it, its name appended to path. */
static yyjson_val *step_towards(yyjson_val *c, const yyjson_val *target, buf *path)
{
    yyjson_arr_iter a;
    yyjson_obj_iter o;
    if (yyjson_arr_iter_init(c, &a)) {
        for (yyjson_val *v; (v = yyjson_arr_iter_next(&a));) {
            if (!within(v, target)) {
                continue;
            }
            buf_printf(path, "[%zu]", a.idx - 1);
            return v;
        }
    }
    if (yyjson_obj_iter_init(c, &o)) {
        for (yyjson_val *key; (key = yyjson_obj_iter_next(&o));) {
            yyjson_val *v = yyjson_obj_iter_get_val(key);
            if (!within(v, target)) {
                continue;
            }
            buf_printf(path, "%s%s", path->len ? "." : "", yyjson_get_str(key));
            return v;
        }
    }
    return NULL;
}

/* "axes.silly.bias" for member `key` of obj (key NULL: obj itself); false: use the key alone. */
static bool field_path(const json_doc *d, const json_val *obj, const char *key, buf *path)
{
    yyjson_val *c = yyjson_doc_get_root(d->doc);
    while (c && obj && c != raw(obj) && !path->failed) {
        c = step_towards(c, raw(obj), path);
    }
    if (key) {
        buf_printf(path, "%s%s", path->len ? "." : "", key);
    }
    return c && !path->failed;
}

static const char *const type_names[] = {
    [JSON_NULL] = "null",       [JSON_BOOL] = "true or false", [JSON_NUMBER] = "a number",
    [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",     [JSON_OBJECT] = "an object",
};

persona_code json_bad(const json_doc *d, const json_val *obj, const char *key, persona_err *e,
                      const char *fmt, ...)
{
    char text[sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf path;
    buf_init(&path, PATH_MAX_BYTES);
    const char *shown = field_path(d, obj, key, &path) ? buf_str(&path) : key;
    persona_code code;
    if (shown && *shown) {
        code = persona_err_set(e, PERSONA_E_FORMAT, "%s: field '%s' %s", d->name, shown, text);
    } else {
        code = persona_err_set(e, PERSONA_E_FORMAT, "%s: %s %s", d->name,
                               obj == json_root(d) ? "the document" : "a field", text);
    }
    buf_free(&path);
    return code;
}

persona_code json_need(const json_doc *d, const json_val *obj, const char *key, json_type type,
                       const json_val **out, persona_err *e)
{
    if (obj && json_typeof(obj) != JSON_OBJECT) {
        return json_bad(d, obj, NULL, e, "is %s (expected an object with '%s')",
                        type_names[json_typeof(obj)], key);
    }
    const json_val *v = json_get(obj, key);
    if (!v) {
        return json_bad(d, obj, key, e, "is missing (expected %s)", type_names[type]);
    }
    if (json_typeof(v) != type) {
        return json_bad(d, obj, key, e, "is %s (expected %s)", type_names[json_typeof(v)],
                        type_names[type]);
    }
    *out = v;
    return PERSONA_OK;
}

persona_code json_need_string(const json_doc *d, const json_val *obj, const char *key,
                              const char **out, persona_err *e)
{
    const json_val *v = NULL;
    const persona_code code = json_need(d, obj, key, JSON_STRING, &v, e);
    if (code) {
        return code;
    }
    const char *s = json_string(v);
    if (strlen(s) != yyjson_get_len(raw(v))) {
        return json_bad(d, obj, key, e, "contains the character U+0000 (expected text)");
    }
    *out = s;
    return PERSONA_OK;
}

persona_code json_need_number(const json_doc *d, const json_val *obj, const char *key, double min,
                              double max, double *out, persona_err *e)
{
    const json_val *v = NULL;
    const persona_code code = json_need(d, obj, key, JSON_NUMBER, &v, e);
    if (code) {
        return code;
    }
    const double x = json_number(v, 0.0);
    if (x >= min && x <= max) {
        *out = x;
        return PERSONA_OK;
    }
    if (isinf(max)) {
        return json_bad(d, obj, key, e, "is %.9g (expected at least %.9g)", x, min);
    }
    if (isinf(min)) {
        return json_bad(d, obj, key, e, "is %.9g (expected at most %.9g)", x, max);
    }
    return json_bad(d, obj, key, e, "is %.9g (expected %.9g to %.9g)", x, min, max);
}

/* ---- writing -------------------------------------------------------------------------------- */

void jo_init(json_out *o, buf *b, bool pretty)
{
    *o = (json_out){.b = b, .pretty = pretty};
}

static void new_line(json_out *o, int depth)
{
    if (!o->pretty) {
        return;
    }
    buf_putc(o->b, '\n');
    for (int i = 0; i < depth; i++) {
        buf_puts(o->b, "  ");
    }
}

static bool depth_ok(json_out *o)
{
    const bool ok = o->depth >= 0 && o->depth < DEPTH_MAX;
    assert(ok);
    if (!ok && !o->b->failed) {
        o->b->failed = PERSONA_E_SHAPE;
    }
    return ok;
}

static void escape_ascii(buf *b, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    const char *at = memchr(plain, c, sizeof plain - 1);
    if (at) {
        buf_printf(b, "\\%c", letter[at - plain]);
    } else {
        buf_printf(b, "\\u%04x", (unsigned)(unsigned char)c);
    }
}

static void quoted(buf *b, const char *s)
{
    const size_t n = strlen(s);
    buf_putc(b, '"');
    for (size_t i = 0, start = 0; i <= n;) {
        const unsigned char c = (unsigned char)s[i];
        const size_t len = i < n ? utf8_sequence((const unsigned char *)s + i, n - i) : 0;
        if (len > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += len;
            continue;
        }
        buf_add(b, s + start, i - start);
        if (len > 0) {
            escape_ascii(b, s[i]);
        } else if (i < n) {
            buf_puts(b, "\xEF\xBF\xBD");
        }
        start = ++i;
    }
    buf_putc(b, '"');
}

/* Comma, line and key in front of a value. Numbers of an array stay on one line. */
static void begin_value(json_out *o, const char *key, bool is_number)
{
    if (!depth_ok(o)) {
        return;
    }
    assert(o->depth == 0 || (o->close[o->depth] == '}') == (key != NULL));
    if (!o->first[o->depth] && o->depth > 0) {
        buf_putc(o->b, ',');
    }
    if (o->depth > 0 && (key || !is_number)) {
        new_line(o, o->depth);
        o->broken[o->depth] = true;
    } else if (o->pretty && !o->first[o->depth] && o->depth > 0) {
        buf_putc(o->b, ' ');
    }
    o->first[o->depth] = false;
    if (key) {
        quoted(o->b, key);
        buf_puts(o->b, o->pretty ? ": " : ":");
    }
}

static void open_container(json_out *o, const char *key, char open, char close)
{
    begin_value(o, key, false);
    buf_putc(o->b, open);
    o->depth++;
    if (!depth_ok(o)) {
        return;
    }
    o->first[o->depth] = true;
    o->broken[o->depth] = false;
    o->close[o->depth] = close;
}

void jo_object(json_out *o, const char *key)
{
    open_container(o, key, '{', '}');
}

void jo_array(json_out *o, const char *key)
{
    open_container(o, key, '[', ']');
}

void jo_end(json_out *o)
{
    assert(o->depth > 0);
    if (depth_ok(o)) {
        if (o->broken[o->depth]) {
            new_line(o, o->depth - 1);
        }
        buf_putc(o->b, o->close[o->depth]);
    }
    o->depth--;
}

void jo_string(json_out *o, const char *key, const char *s)
{
    if (!s) {
        jo_null(o, key);
        return;
    }
    begin_value(o, key, false);
    quoted(o->b, s);
}

/* Readers parse doubles, so it is the double that must round to the float. */
static bool reads_back(const char *text, double x, bool as_float)
{
    const double y = strtod(text, NULL);
    return as_float ? (float)y == (float)x : y >= x && y <= x;
}

static void put_number(json_out *o, const char *key, double x, bool as_float)
{
    static const int digits[] = {6, 7, 8, 9, 15, 16, 17};
    if (!isfinite(x)) {
        jo_null(o, key);
        return;
    }
    char text[40];
    begin_value(o, key, true);
    if (fabs(x) < 1e15 && trunc(x) >= x && trunc(x) <= x) {
        buf_printf(o->b, "%.0f%s", x,
                   fabs(x) > 0.0 || !signbit(x) ? "" : ".0"); /* "-0" reads as 0 */
        return;
    }
    for (size_t i = 0; i < sizeof digits / sizeof digits[0]; i++) {
        snprintf(text, sizeof text, "%.*g", digits[i], x);
        if (reads_back(text, x, as_float)) {
            break;
        }
    }
    buf_puts(o->b, text);
}

void jo_number(json_out *o, const char *key, double x)
{
    const float f = fabs(x) <= (double)FLT_MAX ? (float)x : 0.0F;
    put_number(o, key, x, (double)f >= x && (double)f <= x);
}

void jo_double(json_out *o, const char *key, double x)
{
    put_number(o, key, x, false);
}

void jo_int(json_out *o, const char *key, long long x)
{
    begin_value(o, key, true);
    buf_printf(o->b, "%lld", x);
}

void jo_bool(json_out *o, const char *key, bool x)
{
    begin_value(o, key, false);
    buf_puts(o->b, x ? "true" : "false");
}

void jo_null(json_out *o, const char *key)
{
    begin_value(o, key, false);
    buf_puts(o->b, "null");
}

void jo_value(json_out *o, const char *key, const json_val *v)
{
    size_t n = 0;
    const yyjson_alc alc = {alc_malloc, alc_realloc, alc_free, NULL};
    char *text = v != NULL ? yyjson_val_write_opts(raw(v), 0, &alc, &n, NULL) : NULL;
    begin_value(o, key, false);
    buf_add(o->b, text != NULL ? text : "null", text != NULL ? n : 4);
    alc_free(NULL, text);
}
