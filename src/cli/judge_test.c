/* SPDX-License-Identifier: MIT
 *
 * judge_test.c - `persona judge test`: any judge against labels, trait by trait.
 *
 * A judge whose scores correlate with labels by less than 0.6 (Spearman) should not decide which
 * answers a vector is made of; the table says so, the exit code does not.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cmd_judge.h"
#include "cli/table.h"
#include "core/map/textset.h"
#include "pipeline/judge/judge_agreement.h"
#include "pipeline/judge/judge_kind.h"
#include "store/classifier/measured.h"

typedef struct tested {
    const char *trait;
    bool known;
    agreement of_trait, of_coherence;
    char *key;     /* of its scores; NULL: not scored */
    size_t n_seen; /* answers that it was trained on */
} tested;

static persona_code open_judge(const judge_args *a, rig *x, persona_err *e)
{
    static const char *const others[] = {"auto", "none", "self", "labels"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcmp(a->c->rig.judge, others[i]) == 0) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "test wants a judge that stands alone (a classifier FILE, a "
                                   "model FILE.gguf or a URL), not '%s'",
                                   a->c->rig.judge);
        }
    }
    return rig_judge_open(&a->c->rig, NULL, x, e);
}

/* A classifier scores by name; the others read the pack's question. */
static persona_code test_trait(const judge_args *a, persona_judge *j, const labels *l, tested *t,
                               persona_err *e)
{
    persona_judge_item *items = NULL;
    persona_trait *pack = NULL;
    size_t n = 0;
    char *name = NULL;
    persona_code rc = PERSONA_OK;
    t->known = persona_judge_knows(j, t->trait);
    if (!t->known) {
        return PERSONA_OK;
    }
    name = cli_strdup(t->trait);
    const persona_trait bare = {.name = name};
    if (strcmp(persona_judge_kind(j), "classifier") != 0 &&
        (rc = persona_trait_find(t->trait, &pack, e)) != PERSONA_OK) {
        goto out;
    }
    items = cli_alloc(l->n, sizeof *items);
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->p[i].trait, t->trait) == 0) {
            items[n++] = (persona_judge_item){
                .question = l->p[i].question ? l->p[i].question : "",
                .answer = l->p[i].response,
                .label_trait = l->p[i].label,
                .label_coherence = l->p[i].coherence,
            };
        }
    }
    t->key = judge_score_key(j, pack ? pack : &bare);
    TRY(t->key ? PERSONA_OK : mem_err(e, t->trait));
    TRY(judge_agreement(j, pack ? pack : &bare, items, n, &a->c->hooks, &t->of_trait,
                        &t->of_coherence, e));
out:
    mem_free(items);
    persona_trait_free(pack);
    mem_free(name);
    return rc;
}

/* ---- output ---------------------------------------------------------------------------------- */

static bool accepted(const agreement *g)
{
    return g->spearman >= PERSONA_JUDGE_MIN_SPEARMAN;
}

static void row(table *x, const char *trait, const char *what, const agreement *g)
{
    table_cell(x, "%s", trait);
    table_style(x, TTY_BOLD);
    table_cell(x, "%s", what);
    table_cell(x, "%zu", g->n);
    table_cell(x, "%zu", g->n_unjudged);
    table_cell(x, "%s", cli_number(g->spearman, 3));
    table_style(x, accepted(g) ? TTY_GREEN : TTY_RED);
    table_cell(x, "%s", cli_number(g->by_question, 3));
    table_cell(x, "%s", cli_number(g->mae, 1));
    table_cell(x, "%s", cli_number(g->bias, 1));
    table_cell(x, "%s %%", cli_number(100 * g->keep, 1));
    table_cell(x, "%s %%", cli_number(100 * g->keep_chance, 1));
    table_cell(x, "%s", accepted(g) ? "" : "below 0.6");
}

static bool has_coherence(const tested *t)
{
    return t->known && t->of_coherence.n + t->of_coherence.n_unjudged > 0;
}

static void show_text(const persona_judge *j, const tested *t, size_t n, double seconds)
{
    static const table_column columns[] = {
        {"trait", TABLE_LEFT},      {"score", TABLE_LEFT},     {"n", TABLE_RIGHT},
        {"none", TABLE_RIGHT},      {"Spearman", TABLE_RIGHT}, {"by question", TABLE_RIGHT},
        {"MAE", TABLE_RIGHT},       {"bias", TABLE_RIGHT},     {"same side", TABLE_RIGHT},
        {"by chance", TABLE_RIGHT}, {"", TABLE_LEFT}};
    table x;
    table_init(&x, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < n; i++) {
        if (t[i].known) {
            row(&x, t[i].trait, "trait", &t[i].of_trait);
        }
        if (has_coherence(&t[i])) {
            row(&x, t[i].trait, "coherence", &t[i].of_coherence);
        }
    }
    printf("%s (%s) against labels, %s\n", persona_judge_name(j), persona_judge_kind(j),
           cli_duration(seconds));
    table_print(&x, stdout, 2);
    table_free(&x);
}

static void agreement_json(json_out *o, const char *key, const agreement *g)
{
    jo_object(o, key);
    jo_int(o, "n", (long long)g->n);
    jo_int(o, "n_unjudged", (long long)g->n_unjudged);
    jo_number(o, "spearman", g->spearman);
    jo_number(o, "by_question", g->by_question);
    jo_int(o, "n_questions", (long long)g->n_questions);
    jo_int(o, "n_by_question", (long long)g->n_by_question);
    jo_number(o, "mae", g->mae);
    jo_number(o, "bias", g->bias);
    jo_number(o, "keep", g->keep);
    jo_number(o, "keep_chance", g->keep_chance);
    jo_number(o, "kappa", g->kappa);
    jo_bool(o, "accepted", accepted(g));
    jo_end(o);
}

static persona_code show_json(const judge_args *a, const persona_judge *j, const tested *t,
                              size_t n, size_t n_unscored, double seconds, persona_err *e)
{
    cli_json doc;
    json_out *o = cli_json_begin(&doc, "judge");
    jo_string(o, "judge", persona_judge_name(j));
    jo_string(o, "kind", persona_judge_kind(j));
    jo_array(o, "traits");
    for (size_t i = 0; i < n; i++) {
        char text[300];
        jo_object(o, NULL);
        jo_string(o, "trait", t[i].trait);
        jo_bool(o, "known", t[i].known);
        jo_int(o, "n_seen", (long long)t[i].n_seen);
        jo_string(o, "validity", persona_judge_validity(j, t[i].trait, text, sizeof text));
        if (t[i].known) {
            agreement_json(o, "score", &t[i].of_trait);
        } else {
            jo_null(o, "score");
        }
        if (has_coherence(&t[i])) {
            agreement_json(o, "coherence", &t[i].of_coherence);
        } else {
            jo_null(o, "coherence");
        }
        jo_end(o);
    }
    jo_end(o);
    jo_int(o, "n_unscored", (long long)n_unscored);
    jo_number(o, "seconds", seconds);
    return cli_json_end(a->c, &doc, e);
}

/* ---- keeping it ------------------------------------------------------------------------------ */

/* Only numbers on answers that were new to the judge are worth keeping. */
static persona_code check_unseen(const tested *t, size_t n, persona_err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (t[i].n_seen > 0) {
            return persona_err_set(
                e, PERSONA_E_FORMAT,
                "--save wants answers that the judge has not seen: it was trained "
                "on %zu of these of '%.100s'",
                t[i].n_seen, t[i].trait);
        }
    }
    return PERSONA_OK;
}

static void put_name(char out[64], const char *name)
{
    snprintf(out, 64, "%s", name ? name : "");
}

static persona_code save(const judge_args *a, const persona_judge *j, const tested *t, size_t n,
                         persona_err *e)
{
    validity_file f = {.p = cli_alloc(n, sizeof *f.p),
                       .judge = cli_strdup(persona_judge_name(j)),
                       .kind = cli_strdup(persona_judge_kind(j))};
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        if (!t[i].known) {
            continue;
        }
        if (isnan(t[i].of_trait.spearman)) {
            TRY(persona_err_set(
                e, PERSONA_E_FORMAT,
                "--save: scores and labels of '%.100s' have no rank correlation (too "
                "few, or all the same)",
                t[i].trait));
        }
        validity_entry *to = &f.p[f.n++];
        *to = (validity_entry){.trait = cli_strdup(t[i].trait),
                               .key = cli_strdup(t[i].key),
                               .m = {.n = t[i].of_trait.n,
                                     .n_groups = t[i].of_trait.n_questions,
                                     .spearman = t[i].of_trait.spearman,
                                     .same_side = t[i].of_trait.keep}};
        put_name(to->m.labels_by, a->labels_by);
        put_name(to->m.labels_of, a->labels_of);
    }
    TRY(validity_write(a->save, &f, e));
out:
    validity_clear(&f);
    return rc;
}

/* ---- the action ------------------------------------------------------------------------------ */

/* How many answers the judge says it was trained on. */
static persona_code count_seen(const persona_judge *j, const labels *l, tested *t, size_t n,
                               persona_err *e)
{
    uint64_t *known = NULL;
    size_t n_known = 0;
    persona_code rc = PERSONA_OK;
    TRY(textset_parse(persona_judge_texts(j), &known, &n_known, e));
    for (size_t i = 0; n_known > 0 && i < l->n; i++) {
        size_t k = 0;
        while (k + 1 < n && strcmp(t[k].trait, l->p[i].trait) != 0) {
            k++;
        }
        t[k].n_seen += textset_has(known, n_known, textset_hash(l->p[i].response));
    }
out:
    mem_free(known);
    return rc;
}

static persona_code test_all(const judge_args *a, persona_judge *j, const labels *l, tested *t,
                             size_t n, persona_err *e)
{
    size_t n_known = 0;
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        TRY(test_trait(a, j, l, &t[i], e));
        n_known += t[i].known;
    }
    if (n_known == 0) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "judge '%.100s' knows no trait of these answers ('%.100s'%s)",
                             persona_judge_name(j), t[0].trait, n > 1 ? ", …" : "");
    }
out:
    return rc;
}

static void say_what_is_odd(const judge_args *a, const persona_judge *j, const tested *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!t[i].known) {
            cli_say(a->c, "left out: %s does not know the trait '%s'", persona_judge_name(j),
                    t[i].trait);
        }
        if (t[i].known && t[i].n_seen > 0) {
            cli_say(a->c,
                    "%s was trained on %zu of these answers of '%s': its numbers here are too good",
                    persona_judge_name(j), t[i].n_seen, t[i].trait);
        }
    }
}

persona_code judge_test(const judge_args *args, persona_err *e)
{
    const double start = clock_now();
    judge_args a = *args;
    rig x = {.model = NULL};
    labels l = {0};
    const char **traits = NULL;
    tested *t = NULL;
    size_t n = 0;
    a.c->rig.judge = *a.files++;
    a.n_files--;
    persona_code rc = PERSONA_OK;
    TRY(judge_check_names(&a, e));
    if (a.save) {
        TRY(output_distinct(a.save, (const char *const *)args->files, args->n_files, e));
        TRY(output_writable(a.save, e));
    }
    TRY(judge_labels(&a, &l, e));
    TRY(open_judge(&a, &x, e));
    traits = judge_traits(&l, &n);
    t = cli_alloc(n, sizeof *t);
    for (size_t i = 0; i < n; i++) {
        t[i].trait = traits[i];
    }
    TRY(count_seen(x.judge, &l, t, n, e));
    if (a.save) {
        TRY(check_unseen(t, n, e));
    }
    TRY(test_all(&a, x.judge, &l, t, n, e));
    if (a.save) {
        TRY(save(&a, x.judge, t, n, e));
    }
    tty_progress_clear(&a.c->progress);
    judge_say_unscored(&a, &l);
    say_what_is_odd(&a, x.judge, t, n);
    const double seconds = clock_now() - start;
    if (a.c->json) {
        rc = show_json(&a, x.judge, t, n, l.n_unscored, seconds, e);
    } else {
        show_text(x.judge, t, n, seconds);
    }
out:
    for (size_t i = 0; t && i < n; i++) {
        mem_free(t[i].key);
    }
    mem_free(t);
    mem_free(traits);
    labels_clear(&l);
    rig_judge_close(&x);
    return rc;
}
