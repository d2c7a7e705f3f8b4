/* SPDX-License-Identifier: MIT
 *
 * judge_show.c - `persona judge show FILE`: what a classifier knows, and which words move it most.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/cmd_judge.h"
#include "cli/table.h"

enum { N_TOP = 8 }; /* n-grams shown of each side */
#define FILE_MAX ((size_t)256 << 20)

typedef struct weight {
    const char *ngram;
    double value;
} weight;

typedef struct axis_view {
    const char *trait;
    const json_val *obj;
    weight *weights; /* (n), from the highest down */
    size_t n;
} axis_view;

typedef struct view {
    json_doc *doc;
    axis_view *axes; /* (n) */
    size_t n;
} view;

/* ---- reading --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const weight *x = a, *y = b;
    if (x->value < y->value || x->value > y->value) {
        return x->value < y->value ? 1 : -1;
    }
    return strcmp(x->ngram, y->ngram);
}

static bool add_weight(void *ud, const char *key, const json_val *val)
{
    axis_view *a = ud;
    a->weights[a->n++] = (weight){key, json_number(val, 0)};
    return true;
}

static bool add_axis(void *ud, const char *key, const json_val *val)
{
    view *v = ud;
    axis_view *a = &v->axes[v->n++];
    const json_val *weights = json_get(val, "weights");
    *a = (axis_view){.trait = key, .obj = val};
    a->weights = cli_alloc(json_len(weights) + 1, sizeof *a->weights);
    json_each(weights, add_weight, a);
    qsort(a->weights, a->n, sizeof *a->weights, by_value);
    return true;
}

/* Read twice: once as a judge, which checks every field, once as the document that it is. */
static persona_code open_view(const char *path, view *v, persona_err *e)
{
    persona_judge *j = NULL;
    persona_code rc = PERSONA_OK;
    TRY(persona_judge_read(path, &j, e));
    TRY(json_read(path, FILE_MAX, &v->doc, e));
    const json_val *axes = json_get(json_root(v->doc), "axes");
    v->axes = cli_alloc(json_len(axes) + 1, sizeof *v->axes);
    json_each(axes, add_axis, v);
out:
    persona_judge_free(j);
    return rc;
}

static void close_view(view *v)
{
    for (size_t i = 0; i < v->n; i++) {
        mem_free(v->axes[i].weights);
    }
    mem_free(v->axes);
    json_free(v->doc);
}

static double number_or(const json_val *obj, const char *key, double fallback)
{
    return json_number(json_get(obj, key), fallback);
}

static const char *who(const json_val *root, const char *key)
{
    const char *name = json_string(json_get(json_get(root, "labels"), key));
    return name && *name ? name : NULL;
}

static size_t n_texts(const json_val *root)
{
    const char *texts = json_string(json_get(root, "texts"));
    return texts ? strlen(texts) / 16 : 0;
}

static double held_out(const json_val *obj, const char *key)
{
    return json_number(json_get(json_get(obj, "heldout"), key), (double)NAN);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_top(const axis_view *a, bool high)
{
    printf("    %s ", high ? "+" : "-");
    for (size_t k = 0; k < N_TOP && k < a->n; k++) {
        const weight *w = high ? &a->weights[k] : &a->weights[a->n - 1 - k];
        if (high ? !(w->value > 0) : !(w->value < 0)) {
            break;
        }
        printf("%s'%s' %s", k ? ", " : "", w->ngram, cli_number(w->value, 1));
    }
    printf("\n");
}

/* What older files do not say is left out. */
static void print_more(const json_val *axis)
{
    const json_val *within = json_get(json_get(axis, "heldout"), "by_question");
    const double groups = held_out(axis, "n_groups"), side = held_out(axis, "accuracy");
    const double spearman = number_or(within, "spearman", (double)NAN);
    printf("    an answer without the trait scores %s",
           cli_number(number_or(axis, "neutral", 50), 0));
    if (!isnan(groups)) {
        printf("; %s questions", cli_number(groups, 0));
    }
    if (!isnan(side)) {
        printf("; %s %% on the same side of 50", cli_number(100 * side, 1));
    }
    if (!isnan(spearman)) {
        printf("; Spearman within a question %s (median of %s)", cli_number(spearman, 3),
               cli_number(number_or(within, "n", 0), 0));
    }
    printf("\n");
}

static void print_origin(const json_val *root)
{
    const char *by = who(root, "by"), *of = who(root, "of");
    if (by || of) {
        printf("  labels%s%s%s%s\n", by ? " by " : "", by ? by : "", of ? " of answers of " : "",
               of ? of : "");
    }
    if (n_texts(root) > 0) {
        printf("  trained on %zu different texts\n", n_texts(root));
    }
}

static void show_text(const char *path, const view *v)
{
    const json_val *root = json_root(v->doc), *c = json_get(root, "coherence");
    printf("%s%s%s: a text classifier (%s)\n", tty_paint(stdout, TTY_BOLD),
           json_string(json_get(root, "name")), tty_paint(stdout, TTY_RESET), path);
    print_origin(root);
    for (size_t i = 0; i < v->n; i++) {
        const axis_view *a = &v->axes[i];
        printf("\n  %s%s%s: %zu n-grams; held-out AUROC %s, Spearman %s, n %s\n",
               tty_paint(stdout, TTY_BOLD), a->trait, tty_paint(stdout, TTY_RESET), a->n,
               cli_number(held_out(a->obj, "auroc"), 3),
               cli_number(held_out(a->obj, "spearman"), 3), cli_number(held_out(a->obj, "n"), 0));
        print_more(a->obj);
        print_top(a, true);
        print_top(a, false);
    }
    printf("\n  coherence: a filter of %s; held-out mean %s, shuffled %s\n",
           cli_bytes((uint64_t)json_number(json_get(c, "bits"), 0) / 8),
           cli_number(held_out(c, "clean_mean"), 0), cli_number(held_out(c, "shuffled_mean"), 0));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void top_json(json_out *o, const char *key, const axis_view *a, bool high)
{
    jo_array(o, key);
    for (size_t k = 0; k < N_TOP && k < a->n; k++) {
        const weight *w = high ? &a->weights[k] : &a->weights[a->n - 1 - k];
        if (high ? !(w->value > 0) : !(w->value < 0)) {
            break;
        }
        jo_object(o, NULL);
        jo_string(o, "ngram", w->ngram);
        jo_number(o, "weight", w->value);
        jo_end(o);
    }
    jo_end(o);
}

static persona_code show_json(cli_state *c, const char *path, const view *v, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "judge");
    const json_val *root = json_root(v->doc), *coherence = json_get(root, "coherence");
    jo_string(o, "path", path);
    jo_string(o, "name", json_string(json_get(root, "name")));
    jo_string(o, "labels_by", who(root, "by"));
    jo_string(o, "labels_of", who(root, "of"));
    jo_int(o, "n_texts", (long long)n_texts(root));
    jo_array(o, "ngrams");
    for (size_t i = 0; i < json_len(json_get(root, "ngrams")); i++) {
        jo_int(o, NULL, (long long)json_number(json_at(json_get(root, "ngrams"), i), 0));
    }
    jo_end(o);
    jo_array(o, "axes");
    for (size_t i = 0; i < v->n; i++) {
        const axis_view *a = &v->axes[i];
        jo_object(o, NULL);
        jo_string(o, "trait", a->trait);
        jo_number(o, "bias", json_number(json_get(a->obj, "bias"), (double)NAN));
        jo_int(o, "n_weights", (long long)a->n);
        jo_number(o, "n", held_out(a->obj, "n"));
        jo_number(o, "auroc", held_out(a->obj, "auroc"));
        jo_number(o, "spearman", held_out(a->obj, "spearman"));
        jo_number(o, "n_groups", held_out(a->obj, "n_groups"));
        jo_number(o, "accuracy", held_out(a->obj, "accuracy"));
        jo_number(o, "by_question",
                  number_or(json_get(json_get(a->obj, "heldout"), "by_question"), "spearman",
                            (double)NAN));
        jo_number(o, "neutral", number_or(a->obj, "neutral", 50));
        top_json(o, "highest", a, true);
        top_json(o, "lowest", a, false);
        jo_end(o);
    }
    jo_end(o);
    jo_object(o, "coherence");
    jo_number(o, "bits", json_number(json_get(coherence, "bits"), (double)NAN));
    jo_number(o, "clean_mean", held_out(coherence, "clean_mean"));
    jo_number(o, "shuffled_mean", held_out(coherence, "shuffled_mean"));
    jo_end(o);
    return cli_json_end(c, &j, e);
}

persona_code judge_show(const judge_args *a, persona_err *e)
{
    view v = {.doc = NULL};
    persona_code rc = PERSONA_OK;
    TRY(open_view(a->files[0], &v, e));
    if (a->c->json) {
        rc = show_json(a->c, a->files[0], &v, e);
    } else {
        show_text(a->files[0], &v);
    }
out:
    close_view(&v);
    return rc;
}
